"""A release with its living objects: models that can be asked, routes that ask them, policies that decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from ..arguments import arguments
from ..asking.assessing import Assessor
from ..dialogue.asked import asked_with
from ..dialogue.forms import formed, lined, shaped
from ..dialogue.prompts import Prompt
from ..errors import BadRequest, ModelError, UnusableInput
from ..maps.calibration import MapSet
from ..phrasing.phrases import Phrasebook
from ..plugins import find
from ..protocols import Model, Policy, Route, Several, Signal
from ..types import Ask, Question
from .fallbacks import Fallbacks, SeveralFallbacks, Tried
from .release import Part, Release, Way

__all__ = ["GIVEN", "WHICHEVER", "Live", "LiveWay", "Parts", "made", "signals_made", "task_in"]

GIVEN: Mapping[str, tuple[str, ...]] = {"routes": ("model", "models", "assessor", "assessors", "others")}
"""What the constructors of a family are given beside their settings."""

WHICHEVER = "calibrant"
"""The name by which a client asks for the way of its task without knowing what models it asks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What an extension may be made of beside its settings (see `calibrant.protocols.Parts`)."""

    models: Mapping[str, Model] = field(default_factory=dict)
    signals: Mapping[str, Signal] = field(default_factory=dict)
    maps: MapSet = field(default_factory=MapSet)
    others: Mapping[str, Model] = field(default_factory=dict)
    folder: Path = Path()

    def assessor(self, model: Model) -> Assessor:
        """Says how sure an answer of this model is."""
        return Assessor(model=model, signals=self.signals, maps=self.maps, others=self.others)

    def wanted(self, kind: Any) -> dict[str, Any]:
        """Those that a route's constructor takes; no assessor where no signal is read, if it can do without."""
        taken = signature(kind).parameters
        model = next(iter(self.models.values()))
        given: dict[str, Any] = {"model": model, "models": self.models}
        needed = {name for name, one in taken.items() if one.default is Parameter.empty}
        if self.signals or "assessor" in needed:
            given["assessor"] = self.assessor(model)
        return {name: value for name, value in given.items() if name in taken}


def made(family: str, part: Part, where: str, parts: Parts | None = None) -> Any:
    """The extension itself: by its `from_settings` where it has one, else by its constructor.

    Raises `UnusableInput`, which names `where`, for settings that contradict each other.
    """
    kind, apart, parts = find(family, part.kind), GIVEN.get(family, ()), parts or Parts()
    settings = arguments(kind, part.settings, where, (*apart, *part.files)) | dict(part.files)
    try:
        if hasattr(kind, "from_settings"):
            return kind.from_settings(settings, parts)
        return kind(**settings, **(parts.wanted(kind) if family == "routes" else {}))
    except ValueError as error:
        raise UnusableInput(f"{where}: {error}") from error


def signals_made(parts: tuple[Part, ...]) -> dict[str, Signal]:
    """Signals by their names, in their order."""
    return {part.kind: made("signals", part, f"the signal {part.kind}") for part in parts}


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveWay:
    """How the questions of a task are answered, by living objects.

    `release` is the id of the release that it belongs to; None for one that is made by hand, of objects that no
    release can hold, such as a route with a function.
    """

    route: Route
    assessor: Assessor
    policy: Policy
    hold: bool = False
    disclaims: bool = False
    release: str | None = None
    format: str | None = None
    prompt: Prompt | None = None
    book: Phrasebook = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "book", Phrasebook.of(self.assessor.maps, self.policy))

    def put(self, question: Question, ask: Ask) -> tuple[Question, Ask]:
        """The question, and how it is asked: by this way's prompt, in the form that it states or that the way asks for.

        A question is never taken to be put by another prompt, whatever it states. Where the request carries a form of
        the server's (tools, `response_format`), or the route has prompts of its own for what the answer is to be like,
        no form is asked for. The question tells how it is asked, for who reads signals of its answer.
        """
        formal, asked = self._put(replace(question, put_by=None), ask)
        return replace(formal, asked_with=asked_with(asked)), asked

    def _put(self, question: Question, ask: Ask) -> tuple[Question, Ask]:
        if self.prompt is not None:
            question, ask = self.prompt.asks(question, ask)
        if shaped(ask.extra) or getattr(self.route, "asks_otherwise", False):
            return replace(question, format=None), ask
        formal = formed(question, self.format)
        messages = lined(formal, ask.messages)
        return formal, ask if messages is ask.messages else replace(ask, messages=messages)

    @property
    def model(self) -> Model:
        """The first that the route asks, which also answers what the signals ask further."""
        return self.assessor.model


def task_in(model: str | None) -> str | None:
    """The task whose way is asked for as if it were a model; None for the name of a model.

    >>> task_in("calibrant/law"), task_in("calibrant"), task_in("my-model")
    ('law', None, None)
    """
    lead, _, task = (model or "").partition("/")
    return task or None if lead == WHICHEVER else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """A way for each task that has its own, and one for all others.

    `names` are those by which clients may call a model, each with the name that the deployment has for it; `alone`
    holds by task (None for all others) and that name the way on which this model answers by itself.
    """

    default: LiveWay
    tasks: Mapping[str, LiveWay] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    alone: Mapping[tuple[str | None, str], LiveWay] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        release: Release,
        models: Mapping[str, Model],
        names: Mapping[str, str] | None = None,
        *,
        where: str = "[{}]",
    ) -> Live:
        """The living objects of a release, which asks `models` by their names.

        Without `names` clients call the models that the release asks as these call themselves. Raises `UnusableInput`,
        which calls what is set for all tasks by `where`, as a section of a file if not given.
        """
        id = release.release_id
        default = _living(release.default, models, id, where)
        tasks = {t: _living(way, models, id, f"[task.{t}.{{}}]") for t, way in release.tasks.items()}
        ways = ((None, release.default, default), *((t, release.tasks[t], tasks[t]) for t in tasks))
        if names is None:
            asked = dict.fromkeys(name for _, way, _ in ways for _, name in way.models)
            names = {models[name].name: name for name in reversed(asked)}  # of two of one name the first
            names = dict(reversed(names.items()))
        needed = {name for one in models.values() for name in getattr(one, "fallbacks", ())}
        alone = {
            (task, name): living if _is_alone(way, name) else _living(_alone(way, name), models, id, where)
            for task, way, living in ways
            for name in dict.fromkeys((*names.values(), *sorted(needed)))
        }
        return cls(
            default=_falling_back(default, None, alone),
            tasks={task: _falling_back(way, task, alone) for task, way in tasks.items()},
            names=names,
            alone={(task, name): _falling_back(way, task, alone) for (task, name), way in alone.items()},
        )

    @property
    def known(self) -> tuple[str, ...]:
        """All that a client may name as its model: "calibrant", a task as "calibrant/TASK", and the models."""
        own = self.names or (way.model.name for way in (self.default, *self.tasks.values()))
        return tuple(dict.fromkeys((*own, WHICHEVER, *(f"{WHICHEVER}/{task}" for task in self.tasks))))

    def way(self, task: str | None, model: str | None = None) -> LiveWay:
        """How the questions of a task are answered, where a client names a model by that one alone.

        "calibrant" names none, and "calibrant/TASK" that task, whatever `task` says. Raises `BadRequest` for a name
        that is not known.
        """
        task = task_in(model) or task
        way = self.tasks.get(task or "", self.default)
        if model is None or model.partition("/")[0] == WHICHEVER:
            return way
        if (name := self.names.get(model)) is not None:
            return self.alone.get((task, name)) or self.alone[None, name]
        if model == way.model.name:  # of objects that no release holds
            return way
        known = ", ".join(self.known)
        raise BadRequest(f"No model {model[:100]!r} here. Known: {known}.", "model", 404, "model_not_found")


def _is_alone(way: Way, name: str) -> bool:
    return [own for _, own in way.models] == [name]


def _alone(way: Way, name: str) -> Way:
    """The way with this model in place of its own.

    A route of several models, or one that holds what was fitted on answers of others, is no way of this one: it is
    asked in a single call then.
    """
    if len(way.models) == 1 and not way.route.files:
        return replace(way, models=((way.models[0][0], name),))
    return replace(way, route=Part(kind="single"), models=(("model", name),))


def _falling_back(way: LiveWay, task: str | None, alone: Mapping[tuple[str | None, str], LiveWay]) -> LiveWay:
    """The way, on which others answer where its model fails, if that model says who."""
    others = tuple(alone[task, name] for name in getattr(way.model, "fallbacks", ()))
    if not others:
        return way
    first, *rest = (Tried(one.route, one.assessor) for one in (way, *others))
    fails_by: Callable[[ModelError], bool] = way.model.fails_by  # type: ignore[attr-defined]
    together = all(isinstance(one.route, Several) for one in (first, *rest))
    kind = SeveralFallbacks if together else Fallbacks
    return replace(way, route=kind(first=first, others=tuple(rest), fails_by=fails_by))


def _living(way: Way, models: Mapping[str, Model], release: str, where: str) -> LiveWay:
    lacking = {name for _, name in way.models}.union(way.others.values()).difference(models)
    if lacking:
        raise UnusableInput(
            f"The release asks the model {min(lacking)!r}, which is not among those given: {', '.join(models)}."
        )
    parts = Parts(
        models={role: models[name] for role, name in way.models}, signals=signals_made(way.signals),
        maps=way.maps, others={role: models[name] for role, name in way.others.items()},
    )  # fmt: skip
    return LiveWay(
        route=made("routes", way.route, where.format("route"), parts),
        assessor=parts.assessor(next(iter(parts.models.values()))),
        policy=made("policies", way.policy, where.format("policy"), parts),
        hold=way.gate == "hold",
        disclaims=way.disclaim == "append",
        release=release,
        format=way.format,
        prompt=way.prompt,
    )
