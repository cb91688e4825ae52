"""What answers can get on a way, before one is given: a probability, and an action that lets them out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import product
from typing import Any

from ..asking.elicit import marks
from ..maps.calibration import MapSet
from ..routes.single import Single
from ..types import (
    Action,
    Ask,
    Completion,
    Confidence,
    Decision,
    Message,
    Probability,
    Question,
    Reading,
    score,
)
from .live import LiveWay

__all__ = ["HOLDING", "prospect", "stated", "surest", "why_none"]

HOLDING = frozenset({Action.REVIEW, Action.HAND_OFF})
"""Actions that let no answer out where the gate is shut."""

ASKED = (Message("user", "?"),)


def stated(maps: MapSet, column: str) -> list[str]:
    """The values that maps are for, such as tasks."""
    every: list[Any] = [one for _, one in (*maps.groups, *maps.blends, *maps.fallbacks)]
    found = [getattr(one.fingerprint, column) for one in every]
    if column in maps.by:
        at = maps.by.index(column)
        found += [key[at] for key, _ in (*maps.groups, *maps.blends)]
    return list(dict.fromkeys(str(one) for one in found if one is not None))


def prospect(way: LiveWay, task: str | None, domain: str | None, model: str | None = None) -> Confidence:
    """What an answer with a score of every signal gets; `model` gave it, where that is not the way's first."""
    asked = Question(id="prospect", messages=ASKED, task=task, domain=domain)
    question, _ = way.put(asked, Ask(messages=ASKED))
    question = replace(
        question, asked_with=None
    )  # system prompt and limit of tokens are the clients' to send
    readings = tuple(
        Reading(signal=name, score=score(0.5), detail=marks(signal, question))
        for name, signal in way.assessor.signals.items()
    )
    done = Completion(text="x", model=model or way.model.name)
    return way.assessor.confidence(question, done, readings)


def surest(way: LiveWay, confidence: Confidence) -> Decision:
    """What becomes of an answer that is surely right."""
    return way.policy.decide(replace(confidence, p=Probability(1.0), low=1.0, high=1.0))


def why_none(way: LiveWay, task: str | None, models: Collection[str] = ()) -> str | None:
    """Why no answer of a task can have a probability now, or none be let out; None where some can.

    `models` are those whose answers a route of several may give. In words that name nothing but kinds of parts.
    """
    single = isinstance(way.route, Single)
    signals = way.assessor.signals.values()
    if not signals:
        return "no signal is configured" if single else None
    if way.model.gives_logprobs is False and all("logprobs" in one.needs for one in signals):
        return "its model's server gives no log-probabilities, which all its signals read"
    maps = way.assessor.maps
    if not (maps.groups or maps.blends or maps.fallbacks):
        return "it has no map"
    names = [way.model.name] if single else dict.fromkeys((way.model.name, *models))
    tasks = [task] if task is not None else [None, *stated(maps, "task")]
    every = product(tasks, [None, *stated(maps, "domain")], names)
    known = next((one for place in every if (one := prospect(way, *place)).p is not None), None)
    if known is None:
        return "no map is for its model, prompt, form and task"
    if surest(way, known).action in HOLDING:
        whose = "certificate" if hasattr(way.policy, "certificates") else "threshold"
        return f"no {whose} lets even an answer out that is surely right"
    return None
