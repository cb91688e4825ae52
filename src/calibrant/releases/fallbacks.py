"""Where a model fails by its status or by time, the next one answers: apart from routes, which look at confidence."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, cast

from ..asking.assessing import Assessor
from ..errors import ModelError
from ..protocols import Route, Several
from ..types import Answered, Ask, Delta, Question, Step

__all__ = ["Fallbacks", "SeveralFallbacks", "Tried"]

LOG = logging.getLogger("calibrant.releases")


@dataclass(frozen=True, slots=True)
class Tried:
    """A model's way: its route, and what says how sure its answers are."""

    route: Route
    assessor: Assessor

    @property
    def name(self) -> str:
        """The model's name."""
        return self.assessor.model.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallbacks:
    """A route whose model others stand in for.

    What another answered is assessed as its answer, by the maps for it, and the steps say which failed and how. A
    stream goes to another only before its first piece. Where all fail, the first one's error is raised.

    Parameters
    ----------
    first : the way itself
    others : those of the models that stand in, in order
    fails_by : whether another is asked after an error
    clock : monotonic seconds
    """

    first: Tried
    others: tuple[Tried, ...]
    fails_by: Callable[[ModelError], bool]
    clock: Callable[[], float] = time.perf_counter

    @property
    def asks_otherwise(self) -> bool:
        """Whether the route has prompts of its own for what the answer is to be like."""
        return bool(getattr(self.first.route, "asks_otherwise", False))

    async def answer(self, question: Question, ask: Ask, needs: frozenset[str]) -> Answered:
        """The whole answer, of the first that does not fail."""
        failures = _Failures(self)
        for one in failures.each():
            try:
                answered = await one.route.answer(question, ask, needs)
            except ModelError as error:
                failures.note(one, error)
                continue
            return await failures.judged(one, question, answered)
        raise failures.first

    async def stream(
        self, question: Question, ask: Ask, needs: frozenset[str]
    ) -> AsyncGenerator[Delta | Answered, None]:
        """The answer piece by piece, of the first that gives a piece; closing this closes the model's stream."""
        failures = _Failures(self)
        for one in failures.each():
            begun = False
            parts = cast(AsyncGenerator[Delta | Answered, Any], one.route.stream(question, ask, needs))
            try:
                async with aclosing(parts):
                    async for part in parts:
                        if isinstance(part, Answered):
                            part = await failures.judged(one, question, part)
                        begun = begun or part != Delta()
                        yield part
                return
            except ModelError as error:
                if begun:
                    raise
                failures.note(one, error)
        raise failures.first


@dataclass(frozen=True, kw_only=True, slots=True)
class SeveralFallbacks(Fallbacks):
    """The same, of routes that have several answers from one call: they all come of one model."""

    async def several(self, question: Question, ask: Ask, needs: frozenset[str]) -> tuple[Answered, ...]:
        """As many answers as the Ask has samples, of the first that does not fail."""
        failures = _Failures(self)
        for one in failures.each():
            assert isinstance(one.route, Several)  # what this is made of
            try:
                answered = await one.route.several(question, ask, needs)
            except ModelError as error:
                failures.note(one, error)
                continue
            return tuple([await failures.judged(one, question, each) for each in answered])
        raise failures.first


class _Failures:
    """What failed of one answer, and so who is asked next."""

    def __init__(self, of: Fallbacks) -> None:
        self._of, self._steps = of, list[Step]()
        self._errors: list[ModelError] = []
        self._began = of.clock()

    @property
    def first(self) -> ModelError:
        return self._errors[0]

    def each(self) -> Iterator[Tried]:
        """Those to be asked, in order; one that was away a moment ago only where no other is left."""
        passed = []
        for one in (self._of.first, *self._of.others):
            if _resting(one):
                passed.append(one)
                self._steps.append(self._step(one, "passed over: it was away a moment ago"))
            else:
                yield one
        yield from passed

    def note(self, one: Tried, error: ModelError) -> None:
        """Keep what failed; raises the error where no other is to be asked after it."""
        if not self._of.fails_by(error):
            raise error
        self._errors.append(error)
        how = _how(error)
        LOG.warning("%s failed (%s); the next model is asked", one.name, how)
        self._steps.append(self._step(one, f"failed: {how}"))

    async def judged(self, one: Tried, question: Question, answered: Answered) -> Answered:
        """What came, with how sure that is by the maps of the model that gave it."""
        if not self._steps:
            return answered
        if answered.confidence is None:
            readings, confidence = await one.assessor.assess(question, answered.completion)
            answered = replace(answered, readings=readings, confidence=confidence)
        steps = (*self._steps, replace(self._step(one, "answered"), cost=answered.completion.cost))
        return replace(answered, steps=(*steps, *answered.steps))

    def _step(self, one: Tried, outcome: str) -> Step:
        began, self._began = self._began, self._of.clock()
        return Step(name="fallback", model=one.name, outcome=outcome, latency=self._began - began)


def _resting(one: Tried) -> bool:
    resting: Callable[[], bool] = getattr(one.assessor.model, "resting", lambda: False)
    return resting()


def _how(error: ModelError) -> str:
    """In words of ours: what a server said may quote keys, addresses and the question."""
    if (status := getattr(error, "status", None)) is not None:
        return f"status {status}"
    return (
        "no answer in time" if isinstance(error.__cause__, TimeoutError) else "no answer that could be used"
    )
