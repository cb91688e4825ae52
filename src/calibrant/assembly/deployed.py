"""The sections of a file that say how it is served: its models, its keys, and what a task has beside its way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from inspect import signature
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..arguments import check_names, filled
from ..asking.upstream import Serving
from ..errors import UnusableInput
from ..plugins import find
from ..releases.live import WHICHEVER
from ..releases.parts import part_of
from ..releases.release import Part
from .keys import Key, hash_of, weakness
from .sections import FeedbackSource, Server, is_loopback

__all__ = ["ByTask", "by_task", "keys_of", "models_of", "names_of", "sources_of"]

Section = Mapping[str, Any]
Kept = TypeVar("Kept")
Alone = ("peer", "judge")
"""Sections of models that signals ask, and clients do not."""


@dataclass(frozen=True, slots=True)
class ByTask(Generic[Kept]):
    """A value for each task that has its own, and one for all others."""

    default: Kept
    tasks: Mapping[str, Kept] = field(default_factory=dict)

    def of(self, task: str | None) -> Kept:
        """That of a task.

        >>> ByTask("stored", {"law": "hashed"}).of("law"), ByTask("stored").of(None)
        ('hashed', 'stored')
        """
        return self.tasks.get(task or "", self.default)


def by_task(kind: Callable[..., Kept], sections: Section, name: str, none: Kept) -> ByTask[Kept]:
    """What [NAME] says for all tasks and [task.TASK.NAME] for one, which states only what it has otherwise."""
    usual = sections.get(name, {})
    tasks = {
        task: filled(kind, {**usual, **own[name]}, f"[task.{task}.{name}]")
        for task, own in sections.get("task", {}).items()
        if name in own
    }
    return ByTask(filled(kind, usual, f"[{name}]") if usual else none, tasks)


def models_of(sections: Section, folder: Path) -> tuple[dict[str, Part], dict[str, Serving]]:
    """The models of a file, and how each is asked, by the names that the release has for them.

    Raises `UnusableInput` for names that would be two models', and for fallbacks that are not there.
    """
    placed = {name: (f"[{name}]", sections[name]) for name in ("model", *Alone) if name in sections}
    for name, section in sections.get("models", {}).items():
        if name in placed:
            raise UnusableInput(f"[models.{name}] and [{name}] have one name: rename the first.")
        placed[name] = f"[models.{name}]", section
    parts, serving = {}, {}
    for name, (where, section) in placed.items():
        parts[name], serving[name] = _model(section, where, folder, name in Alone)
    _check_named({where: (name, serving[name]) for name, (where, _) in placed.items()})
    return parts, serving


def _model(section: Section, where: str, folder: Path, alone: bool) -> tuple[Part, Serving]:
    known = [
        one.name
        for one in fields(Serving)
        if not (alone and one.name in ("aliases", "fallbacks", "fallback_on"))
    ]
    if isinstance(section.get("kind"), str):
        taken = signature(find("models", section["kind"])).parameters
        known = [name for name in known if name not in taken]  # a kind's own settings are its own
        check_names(f"{where} of kind {section['kind']}", section, ["kind", *taken, *known], "key")
    own = {name: value for name, value in section.items() if name in known}
    rest = {name: value for name, value in section.items() if name not in own}
    return part_of("models", rest, where, folder), filled(Serving, own, where)


def _check_named(placed: Mapping[str, tuple[str, Serving]]) -> None:
    offered = {where: one for where, one in placed.items() if one[0] not in Alone}
    by_name = {name: where for where, (name, _) in offered.items()}
    for where, (name, serving) in offered.items():
        for called in (*serving.aliases, *([name] if where.startswith("[models.") else [])):
            if called.partition("/")[0] == WHICHEVER or not called:
                raise UnusableInput(
                    f"{where}: {called!r} is no name of a model, since by {WHICHEVER!r} clients ask for the way of a "
                    "task. Take another."
                )
            if by_name.setdefault(called, where) != where:
                raise UnusableInput(f"{where} and {by_name[called]} are both called {called!r}: rename one.")
        for other in serving.fallbacks:
            check_names(
                f"{where} fallbacks", {other: None}, [n for n, _ in offered.values() if n != name], "model"
            )


def keys_of(sections: Section, server: Server, secret: Callable[[str], bool]) -> tuple[Key, ...]:
    """The keys of a file, [server]'s among them. Raises `UnusableInput` for weak ones, and where one is lacking.

    `secret` says whether a dotted place was taken from the environment.
    """
    keys = [_whole(server.key)] if server.key is not None else []
    keys += [_key(name, section, secret) for name, section in sections.get("keys", {}).items()]
    seen: dict[str, str] = {}
    for key in keys:
        if seen.setdefault(key.hash, key.name) != key.name:
            raise UnusableInput(
                f"[keys.{key.name}] and {seen[key.hash]} are one key. Make another: calibrant key."
            )
    if not keys and not is_loopback(server.host):
        raise UnusableInput(
            f"[server]: host {server.host!r} can be reached from other machines, and there is no key. "
            'Add key = "env:CALIBRANT_KEY" under [server], or listen on host = "127.0.0.1".'
        )
    return tuple(keys)


def _whole(key: str) -> Key:
    return Key(name="server", hash=_strong(key, "[server] key"), roles=("client", "reviewer", "admin"))


def _key(name: str, section: Section, secret: Callable[[str], bool]) -> Key:
    where = f"[keys.{name}]"
    if ("key" in section) == ("hash" in section):
        raise UnusableInput(
            f'{where} needs hash = "sha256:...", as `calibrant key {name}` prints it, or key = "env:NAME".'
        )
    known = [one.name for one in fields(Key) if one.name != "name"]
    check_names(where, section, ["key", *known], "key")
    given = dict(section)
    if "key" in given:
        if not secret(f"keys.{name}.key"):
            raise UnusableInput(
                f"{where}: a key does not stand in a file. Give its hash, as `calibrant key {name}` prints it, or "
                'key = "env:NAME".'
            )
        given["hash"] = _strong(str(given.pop("key")), f"{where} key")
    return filled(Key, {**given, "name": name}, where)


def _strong(key: str, where: str) -> str:
    if not key:
        raise UnusableInput(f"{where} is empty. Leave it out, or make one: calibrant key.")
    if why := weakness(key):
        raise UnusableInput(f"{where} keeps nobody out: {why}. Make another: calibrant key.")
    return hash_of(key)


def sources_of(sections: Section) -> dict[str, FeedbackSource]:
    """The sources of verdicts that a file declares; raises `UnusableInput`."""
    check_names("[feedback]", sections.get("feedback", {}), ["sources"], "section")
    found = {}
    for name, own in sections.get("feedback", {}).get("sources", {}).items():
        where = f"[feedback.sources.{name}]"
        if name in ("user", "reviewer"):
            raise UnusableInput(
                f"{where}: {name} is what verdicts are of that nobody was drawn for. Give the source a name of its own."
            )
        if not isinstance(own, Mapping):
            raise UnusableInput(f"Expected a section {where} with propensity, got {own!r}.")
        found[name] = filled(FeedbackSource, own, where)
    return found


def names_of(
    parts: Collection[str], serving: Mapping[str, Serving], called: Mapping[str, str]
) -> dict[str, str]:
    """What clients may call a model, and its name in the release: section, alias, and as it is `called` by itself.

    >>> names_of(["model", "big"], {"big": Serving(aliases=("gpt",))}, {"model": "org/m", "big": "org/m"})
    {'big': 'big', 'gpt': 'big', 'org/m': 'model'}
    """
    offered = [name for name in parts if name not in Alone]
    names = {name: name for name in offered if name != "model"}
    for name in offered:
        names |= dict.fromkeys(serving[name].aliases if name in serving else (), name)
    for name in offered:
        names.setdefault(called[name], name)
    return names
