"""The online flow: a question is answered, the answer calibrated, acted upon and recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .asking.assessing import Assessor
from .asking.writing import Writer
from .errors import ModelError
from .protocols import Model, Policy, Route, Signal, Store
from .types import Answered, Ask, Completion, Delta, Question, Record

if TYPE_CHECKING:
    from .maps.calibration import MapSet

__all__ = ["Pipeline"]

ABANDONED = "The client left before the answer was complete."


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """Elicit, calibrate, decide, record.

    `route` answers; where it does not say how sure it is, `signals` are read and calibrated by `maps` (see
    `Assessor`), and `model` answers what they ask further.
    `by_task` holds other signals for some tasks, such as the same ones under another posture; `others` are
    the models that signals may ask beside it, by their role ("peer"). `clock` gives seconds since the epoch,
    `new_id` an unused id.

    A record is durable before its answer is handed out: where it cannot be written, `StoreError` is
    raised and there is no answer. A failed call is recorded too, and its `ModelError` raised.
    """

    route: Route
    model: Model
    signals: Mapping[str, Signal]
    maps: MapSet
    policy: Policy
    store: Store
    clock: Callable[[], float]
    new_id: Callable[[], str]
    by_task: Mapping[str, Mapping[str, Signal]] = field(default_factory=dict)
    others: Mapping[str, Model] = field(default_factory=dict)
    _writer: Writer = field(init=False, repr=False, compare=False)
    _assessor: Assessor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_writer", Writer(self.store))
        assessor = Assessor(
            model=self.model, signals=self.signals, maps=self.maps, by_task=self.by_task, others=self.others
        )
        object.__setattr__(self, "_assessor", assessor)

    async def answer(self, question: Question, ask: Ask, record_id: str | None = None) -> Record:
        """Answer a question, with its confidence and the action to take."""
        record_id = record_id or self.new_id()
        async with self._failure_recorded(record_id, question, []):
            answered = await self.route.answer(question, ask, self._assessor.needs(question))
            record = await self._judged(record_id, question, answered)
        await self._writer.add([record])
        return record

    async def stream(
        self, question: Question, ask: Ask, record_id: str | None = None
    ) -> AsyncGenerator[Delta | Record, None]:
        """The answer's pieces as they come, then the Record. Close it to stop the model."""
        record_id = record_id or self.new_id()
        pieces: list[Delta] = []
        async with self._failure_recorded(record_id, question, pieces):
            answered: Answered | None = None
            needs = self._assessor.needs(question)
            async with aclosing(self.route.stream(question, ask, needs)) as parts:
                async for part in parts:
                    if isinstance(part, Answered):
                        answered = part
                    else:
                        pieces.append(part)
                        yield part
            if answered is None:
                raise ModelError(
                    "The model's stream ended without its completion. Report this to the model's author."
                )
            record = await self._judged(record_id, question, answered)
        await self._writer.add([record])
        yield record

    async def close(self) -> None:
        """Give back the models' connections and memory, and the store."""
        of_route = getattr(self.route, "models", ())
        several = of_route.values() if isinstance(of_route, Mapping) else of_route
        everyone = (self.model, *self.others.values(), *several)
        for model in {id(model): model for model in everyone}.values():
            await model.close()
        self.store.close()

    async def _judged(self, record_id: str, question: Question, answered: Answered) -> Record:
        readings, confidence = answered.readings, answered.confidence
        if confidence is None:
            readings, confidence = await self._assessor.assess(question, answered.completion)
        return Record(
            id=record_id,
            time=self.clock(),
            question=question,
            completion=answered.completion,
            readings=readings,
            confidence=confidence,
            steps=answered.steps,
            decision=self.policy.decide(confidence).noting(confidence),
            policy=repr(self.policy),
        )

    @asynccontextmanager
    async def _failure_recorded(
        self, record_id: str, question: Question, pieces: list[Delta]
    ) -> AsyncIterator[None]:
        try:
            yield
        except (ModelError, asyncio.CancelledError, GeneratorExit) as error:
            reason = str(error) if isinstance(error, ModelError) else ABANDONED
            failed = Record(
                id=record_id,
                time=self.clock(),
                question=question,
                completion=_so_far(pieces, self.model.name),
                policy=repr(self.policy),
                error=reason,
            )
            await self._writer.add([failed])
            raise


def _so_far(pieces: list[Delta], model: str) -> Completion | None:
    """What had been said when a stream broke off."""
    if pieces and pieces[-1].completion is not None:
        return pieces[-1].completion
    text = "".join(piece.text for piece in pieces)
    return Completion(text=text, model=model, finish_reason="cut_off") if text else None
