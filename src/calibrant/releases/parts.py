"""Extensions as a section of a file, or a text of a command, names them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from inspect import signature
from pathlib import Path
from typing import Any

from ..arguments import arguments, defaults
from ..errors import Misuse, UnusableInput
from ..plugins import find
from ..protocols import Grader, Signal
from .live import GIVEN, signals_made
from .release import Part

__all__ = [
    "checked", "comparing", "grader_named", "kept", "loaded", "named", "part_of", "roles_of", "signal_parts",
    "signals_named",
]  # fmt: skip


def checked(family: str, section: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    """Kind and settings of a section; files in it are paths still. Raises `UnusableInput` and `UnknownName`."""
    if not isinstance(section.get("kind"), str):
        raise UnusableInput(
            f'{where} needs kind, such as kind = "openai_compatible" for a server with a url.'
        )
    kind = section["kind"]
    settings = {name: value for name, value in section.items() if name != "kind"}
    where = f"{where} of kind {kind}"
    return kind, arguments(find(family, kind), settings, where, GIVEN.get(family, ()))


def part_of(family: str, section: Mapping[str, Any], where: str, folder: Path = Path()) -> Part:
    """The extension of a section, with what its files hold; their paths start at `folder`."""
    return loaded(family, *checked(family, section, where), folder)


def loaded(family: str, kind: str, settings: Mapping[str, Any], folder: Path = Path()) -> Part:
    """The extension with what its files hold, of settings in which they are paths."""
    files = getattr(find(family, kind), "files", {})
    return Part(
        kind=kind,
        settings={name: value for name, value in settings.items() if name not in files},
        files={name: files[name].load(folder / settings[name]) for name in files if name in settings},
    )


def kept(family: str, part: Part) -> Part:
    """The part as a release keeps it: all its settings, so that another default changes no release that is there."""
    whole = defaults(find(family, part.kind), GIVEN.get(family, ())) | dict(part.settings)
    try:
        plain = json.loads(json.dumps(whole, default=asdict, allow_nan=False))
    except ValueError as error:
        raise Misuse(f"A setting of {part.kind} is no finite number: {whole}.") from error
    return replace(part, settings=plain)


def comparing(route: Part, same: str | None) -> Part:
    """The route, which asks `same` whether two answers say the same, where it takes that and names nobody itself.

    >>> comparing(Part(kind="retrieval"), "model").settings, comparing(Part(kind="single"), "model").settings
    ({'same': 'model'}, {})
    """
    if same is None or "same" not in signature(find("routes", route.kind)).parameters:
        return route
    return replace(route, settings={**route.settings, "same": route.settings.get("same") or same})


def roles_of(kind: str, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names that must be among the models of a route, () for any two or more, None where it asks one."""
    route = find("routes", kind)
    if hasattr(route, "roles"):
        found: tuple[str, ...] | None = route.roles(settings)
        return found
    return () if "models" in signature(route).parameters else None


def named(family: str, text: str) -> Part:
    """An extension by name, its settings after it with colons between: "vpd:samples=3".

    >>> named("policies", "bands:answer=0.9:use=low").settings
    {'answer': 0.9, 'use': 'low'}
    """
    kind, *settings = (part.strip() for part in re.split(r":(?=\s*\w+\s*=)", text))
    if ":" in kind:
        raise Misuse(f"Expected settings as name=value, such as vpd:samples=3; got {text!r}.")
    given = dict(map(_setting, settings))
    where = f"the {_ONE[family]} {kind}"
    return loaded(family, kind, arguments(find(family, kind), given, where, GIVEN.get(family, ())))


_ONE = {"signals": "signal", "policies": "policy", "routes": "route", "models": "model"}


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = (part.strip() for part in text.partition("="))
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value  # a bare word


def signal_parts(text: str, posture: str | None = None, same: str | None = None) -> tuple[Part, ...]:
    """Signals by name, with commas between; settings follow a name after colons.

    `posture` and `same` are given to every signal that takes them and states none itself. Raises `UnknownName` for a
    signal that is not there, `UnusableInput` for a setting that it does not have and for a signal that is named twice
    with different ones.
    """
    found: dict[str, Part] = {}
    takes = False
    for one in filter(None, (one.strip() for one in text.split(","))):
        stated = named("signals", one)
        part = kept("signals", stated)
        takes = takes or "posture" in part.settings
        own = signature(find("signals", part.kind)).parameters
        given = {"posture": posture, "same": same}
        theirs = {name: value for name, value in given.items() if value and name in own}
        part = replace(part, settings={**part.settings, **theirs, **stated.settings})
        if found.setdefault(part.kind, part) != part:
            raise UnusableInput(
                f"The signal {part.kind} is named twice with different settings, and a log tells signals apart by "
                "name. Name it once, and the other settings in a run with a log of its own."
            )
    if not found:
        raise Misuse("Expected at least one signal; `calibrant signals` lists them.")
    if posture and not takes:
        raise Misuse(
            f"None of {', '.join(found)} takes a posture; verbalized and vpd do. Name one of them, or no posture."
        )
    return tuple(found.values())


def signals_named(text: str, posture: str | None = None, same: str | None = None) -> dict[str, Signal]:
    """The signals of `signal_parts`, by their names.

    >>> signals_named("mean_logprob, self_consistency:samples=5")["self_consistency"].samples
    5
    """
    return signals_made(signal_parts(text, posture, same))


def grader_named(name: str, same: str | None = None) -> Grader:
    """The grader of that name, which asks `same` what it cannot tell, where it takes that; raises `UnknownName`.

    >>> grader_named("exact", "model")
    Exact()
    """
    kind = find("graders", name)
    takes = same is not None and "same" in signature(kind).parameters
    made: Grader = kind(same=same) if takes else kind()
    return made
