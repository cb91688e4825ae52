"""From the sections of a file to the release that they describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..arguments import check_names, filled
from ..asking.prompts import whole_reply
from ..dialogue.entailment import Same
from ..dialogue.forms import FORMATS
from ..dialogue.prompts import Prompt
from ..errors import UnusableInput
from ..maps.calibration import MapSet
from ..releases.live import signals_made
from ..releases.parts import checked, comparing, kept, loaded, roles_of, signal_parts
from ..releases.release import Part, Release, Way

__all__ = ["release_of"]

Section = Mapping[str, Any]
Gate = Literal["trail", "hold"]
Disclaim = Literal["none", "append"]
AskedWith = Literal["fitted", "any"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceFrom:
    """The signals, the one that decides first, the file of maps that calibrate them, and those of measured postures.

    `posture` is how careful the model is asked to be when it states a confidence: a level for each task, and
    "default" for all others. `same` names who is asked whether two answers say the same, where the texts alone do not
    tell, by signals and routes that compare answers. `format` is the form that answers are asked for in, by kind or by
    name; where it is not stated, questions are put as clients send them. `prompt` is a file: what `calibrant refine`
    found, or a text that is a system message. `asked_with` says whether maps take answers to any system prompt and
    limit of tokens ("any"), or only such as they were fitted on.
    """

    signals: tuple[str, ...] = ("mean_logprob",)
    maps: str | None = None
    posture: Mapping[str, str] = field(default_factory=dict)
    posture_measured: str | tuple[str, ...] = ()
    same: Same = None
    format: str | None = None
    prompt: str | None = None
    asked_with: AskedWith = "fitted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Whether an answer goes out at once, its confidence last ("trail"), or after the decision ("hold").

    `disclaim` says whether a sentence is put under answers that are to be disclaimed ("append"), or not ("none").
    """

    gate: Gate = "trail"
    disclaim: Disclaim = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSection:
    """What a task has of its own; the rest is as for all others. Its records and webhooks are no part of a release."""

    signals: tuple[str, ...] | None = None
    maps: str | None = None
    posture: str | None = None
    same: Same = None
    gate: Gate | None = None
    disclaim: Disclaim | None = None
    format: str | None = None
    prompt: str | None = None
    asked_with: AskedWith | None = None
    policy: Mapping[str, Any] | None = None
    route: Mapping[str, Any] | None = None
    records: Mapping[str, Any] | None = None
    webhooks: Mapping[str, Any] | None = None
    alerts: Mapping[str, Any] | None = None
    review: Mapping[str, Any] | None = None


BESIDE = frozenset({"records", "webhooks", "alerts", "review"})
"""What a task's section holds beside its way."""


def release_of(sections: Section, folder: Path, secret: Callable[[str], bool]) -> Release:
    """The release that a file's sections describe.

    Paths in them start at `folder`; `secret` says whether a dotted place ("route.key") was taken from the environment.
    Raises `UnusableInput`.
    """
    if unnamed := {"", "default"}.intersection(sections.get("task", {})):
        raise UnusableInput(
            f"[task.{min(unnamed)}] names no task. What holds for all others stands in [confidence], [policy], [route] "
            "and [stream]: move it there."
        )
    file = _File(folder, secret, _Models(sections))
    usual = filled(ConfidenceFrom, sections.get("confidence", {}), "[confidence]")
    postures = dict(usual.posture)
    stream = filled(Stream, sections.get("stream", {}), "[stream]")
    default = Way(
        signals=_signals(usual.signals, postures.pop("default", None), usual.same, "[confidence]"),
        maps=replace(file.maps(usual.maps) or MapSet(), asked_with=usual.asked_with),
        policy=file.policy(sections.get("policy", {}), "policy"),
        others={role: role for role in ("peer", "judge") if role in sections},
        gate=stream.gate,
        disclaim=stream.disclaim,
        format=_format(usual.format, "[confidence]"),
        prompt=file.prompt(usual.prompt),
        **file.route(sections.get("route", {}), "route", usual.same),
    )
    tasks = {}
    for task, section in ({task: {} for task in postures} | sections.get("task", {})).items():
        own, place = filled(TaskSection, section, f"[task.{task}]"), f"task.{task}"
        if task not in postures and section and BESIDE.issuperset(section):
            continue  # no way of its own
        posture, same = own.posture or postures.get(task), own.same or usual.same
        given = file.own(own, place, same)
        if own.signals is not None or posture or own.same:
            names = usual.signals if own.signals is None else own.signals
            where = "confidence" if own.signals is None and own.posture is None else place
            given["signals"] = _signals(names, posture, same, f"[{where}]")
        if own.same and "route" not in given:
            given |= file.route(sections.get("route", {}), "route", own.same)
        maps = given.get("maps", default.maps)
        given["maps"] = replace(maps, asked_with=own.asked_with or usual.asked_with)
        tasks[task] = replace(default, **given)
    for way in (default, *tasks.values()):
        _check_comparing(way)
    return Release(default=default, tasks=tasks)


def _check_comparing(way: Way) -> None:
    """Raise `UnusableInput` where a further model is to say which answers are the same, and is not there."""
    for part in (*way.signals, way.route):
        role = part.settings.get("same")
        if role in ("peer", "judge") and role not in way.others:
            raise UnusableInput(f'{part.kind} has same = "{role}", which needs a section [{role}]: add it.')


def _signals(names: tuple[str, ...], posture: str | None, same: Same, where: str) -> tuple[Part, ...]:
    if not names:
        return ()
    try:
        parts = signal_parts(",".join(names), posture, same)
        signals_made(parts)
    except UnusableInput as error:
        raise UnusableInput(f"{where}: {error}") from error
    return parts


def _format(name: str | None, where: str) -> str | None:
    if name not in (None, *FORMATS):
        raise UnusableInput(f"{where} format: expected one of {', '.join(FORMATS)}; got {name!r}.")
    return name


@dataclass(frozen=True, slots=True)
class _File:
    """What the sections of one file are read with."""

    folder: Path
    secret: Callable[[str], bool]
    models: _Models

    def own(self, own: TaskSection, place: str, same: Same) -> dict[str, Any]:
        """What a task has of its own of a way, but its signals."""
        given: dict[str, Any] = {
            "maps": self.maps(own.maps), "gate": own.gate, "format": _format(own.format, f"[{place}]"),
            "prompt": self.prompt(own.prompt), "disclaim": own.disclaim,
        }  # fmt: skip
        if own.policy is not None:
            given["policy"] = self.policy(own.policy, f"{place}.policy")
        if own.route is not None:
            given |= self.route(own.route, f"{place}.route", same)
        return {name: value for name, value in given.items() if value is not None}

    def maps(self, path: str | None) -> MapSet | None:
        return None if path is None else MapSet.load(self.folder / path)

    def prompt(self, path: str | None) -> Prompt | None:
        return None if path is None else whole_reply(self.folder / path)

    def policy(self, section: Section, place: str) -> Part:
        kind, settings = checked("policies", {"kind": "bands"} | dict(section), f"[{place}]")
        return self._kept("policies", kind, settings, place)

    def route(self, section: Section, place: str, same: Same) -> dict[str, Any]:
        """The route of a section and the models that it asks, each by its name for the route and its own."""
        names = {key: section[key] for key in ("model", "models") if key in section}
        rest = {"kind": "single"} | {key: value for key, value in section.items() if key not in names}
        kind, settings = checked("routes", rest, f"[{place}]")
        where, roles = f"[{place}] of kind {kind}", roles_of(kind, settings)
        asked = self.models.one(names, where) if roles is None else self.models.several(names, roles, where)
        return {"route": comparing(self._kept("routes", kind, settings, place), same), "models": asked}

    def _kept(self, family: str, kind: str, settings: dict[str, Any], place: str) -> Part:
        part = kept(family, loaded(family, kind, settings, self.folder))
        for name in part.settings:
            if self.secret(f"{place}.{name}"):
                raise UnusableInput(
                    f"[{place}] {name} is taken from the environment, and would stand in every copy of the release. "
                    "Keys belong to [model], [models.*], [peer], [judge] and [store]."
                )
        return part


class _Models:
    """The models that a file has sections for, and which of them a route asks."""

    def __init__(self, sections: Section) -> None:
        self.several_named = list(sections.get("models", {}))
        self.known = [*(["model"] if "model" in sections else []), *self.several_named]

    def one(self, given: Section, where: str) -> tuple[tuple[str, str], ...]:
        """The one that a route names as its `model`, [model] where it names none."""
        check_names(where, given, ["model"], "key")
        usual = self.several_named[0] if len(self.several_named) == 1 == len(self.known) else "model"
        name = given.get("model", usual)
        if name not in self.known and "model" not in given:
            if not self.several_named:
                raise UnusableInput(
                    '[model] needs kind, such as kind = "openai_compatible" for a server with a url.'
                )
            raise UnusableInput(
                f"{where} asks one model: add [model], or say which of [models.*] with "
                f'model = "{self.several_named[0]}".'
            )
        self._check([name], where)
        return (("model", name),)

    def several(self, given: Section, roles: tuple[str, ...], where: str) -> tuple[tuple[str, str], ...]:
        """Those that a route names as its `models`, all of [models.*] where it names none; the roles come first."""
        check_names(where, given, ["models"], "key")
        names = given.get("models", self.several_named)
        if not isinstance(names, dict):
            if not isinstance(names, list):
                raise UnusableInput(f"{where} models: expected a list of names or a table, got {names!r}.")
            names = {str(name): name for name in names}
        self._check(list(names.values()), where)
        absent = [role for role in roles if role not in names]
        if (absent or len(names) < 2) and "models" not in given and self.known[:1] == ["model"]:
            raise UnusableInput(f"{where} has sections [models.*] instead of [model]: leave [model] out.")
        if absent:
            raise UnusableInput(f"{where} needs a section [models.{absent[0]}].")
        if len(names) < 2:
            raise UnusableInput(f"{where} needs at least two sections [models.*].")
        order = [*roles, *(role for role in names if role not in roles)]
        return tuple((role, names[role]) for role in order)

    def _check(self, names: list[Any], where: str) -> None:
        for name in names:
            if not isinstance(name, str):
                raise UnusableInput(f"{where}: expected the name of a section [models.*], got {name!r}.")
        check_names(where, dict.fromkeys(names), self.known, "model")
