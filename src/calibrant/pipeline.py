"""The online flow: a question is answered, the answer calibrated, acted upon and recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from .asking.elicit import Asker, Budget, read
from .errors import ModelError
from .protocols import Model, Policy, Signal, Store
from .stores._together import Together
from .types import Ask, Completion, Confidence, Delta, Fingerprint, Question, Reading, Record

if TYPE_CHECKING:
    from .maps.calibration import MapSet

__all__ = ["Pipeline", "Route"]

ABANDONED = "The client left before the answer was complete."


FURTHER = Budget(seconds=30.0)
"""What the signals' further calls may take for one answer; a late one costs its reading, not the answer."""


class Route(Protocol):
    """A way to an answer. `needs` is what the signals want the answer to carry ("logprobs")."""

    async def answer(self, ask: Ask, needs: frozenset[str]) -> Completion:
        """The whole answer."""
        ...

    def stream(self, ask: Ask, needs: frozenset[str]) -> AsyncGenerator[Delta, None]:
        """The answer piece by piece; the last Delta carries the whole Completion."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """Elicit, calibrate, decide, record.

    `model` answers what the signals ask further; a blend of `maps` decides, else the first of `signals` with a
    score and a map.
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
    _together: Together = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_together", Together(self.store))

    async def answer(self, question: Question, ask: Ask, record_id: str | None = None) -> Record:
        """Answer a question, with its confidence and the action to take."""
        record_id = record_id or self.new_id()
        async with self._failure_recorded(record_id, question, []):
            completion = await self.route.answer(ask, self._needs(question))
            record = await self._judged(record_id, question, completion)
        await self._together.add(record)
        return record

    async def stream(
        self, question: Question, ask: Ask, record_id: str | None = None
    ) -> AsyncGenerator[Delta | Record, None]:
        """The answer's pieces as they come, then the Record. Close it to stop the model."""
        record_id = record_id or self.new_id()
        pieces: list[Delta] = []
        async with self._failure_recorded(record_id, question, pieces):
            async with aclosing(self.route.stream(ask, self._needs(question))) as deltas:
                async for delta in deltas:
                    pieces.append(delta)
                    yield delta
            completion = _whole(pieces)
            record = await self._judged(record_id, question, completion)
        await self._together.add(record)
        yield record

    async def close(self) -> None:
        """Give back the models' connections and memory, and the store."""
        for model in (self.model, *self.others.values()):
            await model.close()
        self.store.close()

    def _signals(self, question: Question) -> Mapping[str, Signal]:
        return self.by_task.get(question.task or "", self.signals)

    def _needs(self, question: Question) -> frozenset[str]:
        return frozenset[str]().union(*(signal.needs for signal in self._signals(question).values()))

    async def _judged(self, record_id: str, question: Question, completion: Completion) -> Record:
        asker = Asker(self.model, budget=FURTHER, retries=1, others=self.others)
        readings = await read(self._signals(question), question, completion, asker)
        confidence = self._confidence(question, completion, readings)
        return Record(
            id=record_id,
            time=self.clock(),
            question=question,
            completion=completion,
            readings=readings,
            confidence=confidence,
            decision=self.policy.decide(confidence),
            policy=repr(self.policy),
        )

    def _confidence(
        self, question: Question, completion: Completion, readings: tuple[Reading, ...]
    ) -> Confidence:
        """That of a blend for this task and domain, else of the first signal which has a score and a map.

        Without either None, with what each one lacked.
        """
        read = [(reading, fingerprint(question, completion, reading)) for reading in readings]
        blended = self.maps.blended(read)
        if blended is not None and blended.p is not None:
            return blended
        reasons = [] if blended is None else [str(blended.reason)]
        for reading, mark in read if self.maps.groups or blended is None else []:
            found = self.maps.confidence(reading, mark)
            if found.p is not None:
                return found
            reasons.append(str(found.reason))
        return Confidence(p=None, reason="; ".join(reasons) or "No signal is configured.")

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
            await self._together.add(failed)
            raise


def fingerprint(question: Question, completion: Completion, reading: Reading) -> Fingerprint:
    """What a reading's score is a score of: the same fields that a log's rows carry."""
    return Fingerprint(
        model=completion.model,
        signal=reading.signal,
        prompt=reading.detail.get("prompt"),
        parameters=reading.detail.get("parameters"),
        task=question.task,
        domain=question.domain,
    )


def _whole(pieces: list[Delta]) -> Completion:
    if not pieces or pieces[-1].completion is None:
        raise ModelError(
            "The model's stream ended without its completion. Report this to the model's author."
        )
    return pieces[-1].completion


def _so_far(pieces: list[Delta], model: str) -> Completion | None:
    """What had been said when a stream broke off."""
    if pieces and pieces[-1].completion is not None:
        return pieces[-1].completion
    text = "".join(piece.text for piece in pieces)
    return Completion(text=text, model=model, finish_reason="cut_off") if text else None
