"""What is asked for an answer of each task, whether it has a map, and whether its gate lets anything out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..asking.assessing import Assessor
from ..asking.elicit import read
from ..asking.estimates import estimate
from ..assembly.config import Config
from ..plugins import find, names
from ..protocols import Signal
from ..releases.live import Live, LiveWay
from ..releases.prospects import HOLDING, prospect, stated, surest
from ..releases.release import Way
from ..types import (
    FEW,
    Ask,
    Completion,
    Confidence,
    Message,
    Price,
    Question,
)
from .checks import Check, Level, WayTold
from .probing import Probe

__all__ = ["Labels", "checks_of_ways", "tasks_of", "told_of_ways"]

Labels = Mapping[tuple[str | None, str | None], int]
"""Labelled answers in the store, by task and model."""

SAMPLE = "x " * 200
"""A question of about a hundred tokens."""
WRITTEN = 256
"""Tokens of an answer, for what it costs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A task and one of the models that may answer it."""

    task: str | None
    name: str
    way: LiveWay

    @property
    def where(self) -> str:
        return "all tasks" if self.task is None else f"task {self.task}"

    @property
    def whose(self) -> str:
        return f"{self.where}, {self.way.model.name}"


def tasks_of(config: Config) -> tuple[str | None, ...]:
    """The tasks that the file names: ways of their own, what requests and keys state by default, what maps are for."""
    named = [*config.release.tasks, config.server.task, *(key.task for key in config.keys)]
    named += [task for key in config.keys for task in key.tasks]
    for way in (config.release.default, *config.release.tasks.values()):
        named += stated(way.maps, "task")
    return (None, *dict.fromkeys(task for task in named if task))


def told_of_ways(config: Config, live: Live) -> Iterator[WayTold]:
    """What an answer of each way takes."""
    free = Price(prompt=0.0, completion=0.0)
    prices = {
        name: part.settings.get("price", None if "url" in part.settings else free)
        for name, part in config.models.items()
    }
    for task in (None, *config.release.tasks):
        way, living = config.release.way(task), live.way(task)
        question, ask = living.put(
            _question(config, task), Ask(messages=_question(config, task).messages, max_tokens=WRITTEN)
        )
        cost = estimate(
            [replace(question, messages=ask.messages)], living.assessor.signals.values(), ask,
            prices[way.models[0][1]], gives_several=getattr(living.model, "gives_several", None),
            others={role: prices[name] for role, name in way.others.items()},
        )  # fmt: skip
        yield WayTold(
            task=task, model=living.model.name, route=way.route.kind, gate=way.gate,
            signals=tuple(living.assessor.signals), prompt=None if way.prompt is None else way.prompt.digest,
            calls=cost.together - 1, samples=cost.samples, prompt_tokens=cost.prompt_tokens,
            completion_tokens=cost.completion_tokens, dollars=cost.dollars,
        )  # fmt: skip


async def checks_of_ways(
    config: Config, live: Live, probes: Mapping[str, Probe], labels: Labels
) -> list[Check]:
    """What is to be said of each task and each model that answers it."""
    found: list[Check] = []
    for task in tasks_of(config):
        way = config.release.way(task)
        own = task in config.release.tasks
        for name in _asked(way, live, task):
            living = live.alone.get((task, name)) or live.alone[None, name]
            place = _Place(task=task, name=name, way=living)
            if (probe := probes.get(name)) is not None and probe.plain is not None and (own or task is None):
                found += await _checks_of_readings(place, probe)
            found += _checks_of_maps(place, config, labels, own)
        if own or task is None or task in config.keeping.tasks:
            found += _checks_of_keeping(task, live.way(task), config)
    return found


def _asked(way: Way, live: Live, task: str | None) -> list[str]:
    """The models that may answer: those of the route, and those that stand in for the first."""
    asked = [name for _, name in way.models]
    return list(dict.fromkeys([*asked, *getattr(live.way(task).model, "fallbacks", ())]))


def _question(config: Config, task: str | None) -> Question:
    return Question(id="doctor", messages=(Message("user", SAMPLE),), task=task, domain=config.server.domain)


async def _checks_of_readings(place: _Place, probe: Probe) -> list[Check]:
    """Whether the signals that need no further call read the answers that the model gave."""
    free = _free(place.way.assessor.signals)
    if not free:
        return []
    asks = len(free) < len(place.way.assessor.signals)
    found = []
    assert probe.plain is not None
    why = await _unread(free, probe.plain, place.way.assessor)
    if why is None:
        found.append(Check("ok", place.whose, f"{', '.join(free)} can be read off its answers."))
    else:
        found.append(_lacking(place, f"No score can be read off its answers: {why}", asks))
    if probe.call_error is not None:
        return [*found, Check("warn", place.whose, "It takes no tools, or none with log-probabilities.")]
    if probe.called is None or not probe.called.tool_calls:
        return [
            *found,
            Check("warn", place.whose, "It did not call the tool that it was to call, so calls are untried."),
        ]
    why = await _unread(free, probe.called, place.way.assessor)
    if why is None:
        return [*found, Check("ok", place.whose, "Calls of tools can be read too.")]
    told = f"No score can be read off its calls of tools ({why}), so every call is without a confidence"
    held = " and held" if place.way.hold else ""
    others = await _reading_calls(probe.called, place.way.assessor)
    offer = f"Add a signal that reads them: {', '.join(others)}." if others else (
        'Say gate = "trail" for tasks with tools, or take a model that gives log-probabilities with calls.'
    )  # fmt: skip
    return [*found, Check("warn", place.whose, f"{told}{held}.", offer)]


def _lacking(place: _Place, told: str, asks: bool) -> Check:
    if asks:
        return Check("warn", place.whose, told, "The other signals decide alone; leave these out.")
    if place.way.hold:
        return Check(
            "fail", place.whose, f"{told} The gate holds every answer.", "Add a signal: calibrant signals."
        )
    return Check("warn", place.whose, told, "Add a signal that asks, such as verbalized: calibrant signals.")


def _free(signals: Mapping[str, Signal]) -> dict[str, Signal]:
    """Those that are read off an answer without a further call."""
    return {
        name: one for name, one in signals.items()
        if not (one.cost.calls or one.cost.samples) and "peer" not in one.needs
    }  # fmt: skip


async def _unread(signals: Mapping[str, Signal], completion: Completion, assessor: Assessor) -> str | None:
    """Why none of the signals has a score of an answer, None where one has."""
    question = Question(id="doctor", messages=(Message("user", "Paris?"),))
    readings = await read(signals, question, completion, assessor.asker())
    lacking = [str(one.reason) for one in readings if one.score is None]
    return None if len(lacking) < len(readings) else "; ".join(dict.fromkeys(lacking))


async def _reading_calls(completion: Completion, assessor: Assessor) -> list[str]:
    """The installed signals that read a call without asking further."""
    found = []
    for name in names("signals"):
        try:
            free = _free({name: find("signals", name)()})
        except (TypeError, ValueError, ImportError):
            continue
        if free and await _unread(free, completion, assessor) is None:
            found.append(name)
    return found


def _checks_of_keeping(task: str | None, way: LiveWay, config: Config) -> list[Check]:
    """Whether a person can look at what is held for one."""
    content = config.keeping.of(task).content
    if not way.hold or content == "stored":
        return []
    section = "[records]" if task is None else f"[task.{task}.records]"
    told = f"Its gate is shut, and its content is {content}: nobody can look at an answer that is held, or release it."
    return [
        Check(
            "warn", "all tasks" if task is None else f"task {task}", told,
            f'Say content = "stored" in {section}, with keep_days as short as may be, or gate = "trail".',
        )
    ]  # fmt: skip


def _checks_of_maps(place: _Place, config: Config, labels: Labels, own: bool) -> list[Check]:
    """Whether an answer with a score has a map, on enough labels, and an action that lets it out."""
    assessor = place.way.assessor
    if not assessor.signals:
        return []
    maps = assessor.maps
    if not (maps.groups or maps.blends or maps.fallbacks):
        return [_without_map(place, "There is no map", config, labels)] if own or place.task is None else []
    if place.task is None and stated(maps, "task"):
        return []  # of requests without a task, which is said elsewhere
    domains = [config.server.domain] + [one for one in stated(maps, "domain") if one != config.server.domain]
    by_domain = {domain: prospect(place.way, place.task, domain) for domain in domains}
    known = {domain: one for domain, one in by_domain.items() if one.p is not None}
    if not known:
        return [_without_map(place, f"No map is for this: {by_domain[domains[0]].reason}", config, labels)]
    found = []
    if domains[0] not in known:
        listed = ", ".join(str(domain) for domain in list(known)[:5])
        found.append(
            Check(
                "warn", place.whose, f"There are maps for the domains {listed} and none for requests without a domain.",
                "State a domain in requests, or [server] domain.",
            )
        )  # fmt: skip
    weakest = min(known.values(), key=lambda one: one.verdicts)
    if weakest.few:
        more = FEW - weakest.verdicts
        found.append(
            Check(
                "warn", place.whose, f"Its map {weakest.map_id} rests on {weakest.verdicts} labelled answers.",
                f"Have {more} more judged, and fit it again.",
            )
        )  # fmt: skip
    else:
        found.append(
            Check("ok", place.whose, f"It has a map ({weakest.map_id}, {weakest.verdicts} labelled answers).")
        )
    return found + _checks_of_actions(place, next(iter(known.values())))


def _checks_of_actions(place: _Place, confidence: Confidence) -> list[Check]:
    """Whether even an answer that is surely right is let out."""
    decision = surest(place.way, confidence)
    if decision.action not in HOLDING:
        return []
    level: Level = "fail" if place.way.hold else "warn"
    do = "Lower the policy's threshold."
    if hasattr(place.way.policy, "certificates"):
        do = "Issue a certificate: calibrant plan thresholds LOG --maps MAPS --out CERTS."
    return [
        Check(level, place.whose, f"Even an answer that is surely right is not let out: {decision.why}", do)
    ]


def _without_map(place: _Place, told: str, config: Config, labels: Labels) -> Check:
    careful = place.way.policy.decide(Confidence(p=None, reason="there is no map")).action
    there = labels.get((place.task, place.way.model.name), 0)
    told = f"{told.rstrip('.')}, so p is null and the action is {careful.value}"
    holds = place.way.hold and careful in HOLDING
    told += ": every answer is held. " if holds else ". "
    told += f"{there} labelled answers of it are in the store"
    told += f", and {FEW - there} more are needed." if there < FEW else "."
    fit = f"Fit one: calibrant fit {_address(config)} --by task,signal -o maps.json"
    return Check("fail" if holds else "warn", place.whose, told, fit)


def _address(config: Config) -> str:
    url = str(config.store.settings.get("url", "STORE"))
    return url if "@" not in url else "STORE"
