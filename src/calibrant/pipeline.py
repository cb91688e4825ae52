"""The online flow: a question is answered, the answer calibrated, acted upon and recorded."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager

from .asking.writing import Writer
from .errors import ModelError
from .protocols import Model, Store
from .releases.live import Live, LiveWay
from .releases.release import Release
from .types import Answered, Ask, Completion, Delta, Question, Record

__all__ = ["Pipeline"]

ABANDONED = "The client left before the answer was complete."


class Pipeline:
    """Elicit, calibrate, decide, record, by what is deployed; another release can be deployed between two questions.

    The route of the question's way answers; where it does not say how sure it is, the way's signals are read and
    calibrated by its maps (see `Assessor`).

    A record is durable before its answer is handed out: where it cannot be written, `StoreError` is raised and there is
    no answer. A failed call is recorded too, and its `ModelError` raised.

    Parameters
    ----------
    release : what is deployed; or the living objects, where some of them are in no release
    store : takes the records; closed with the pipeline
    models : by the names that the release has for them; closed with the pipeline
    names : those by which clients may call a model, each with its name in `models`; where not given, the models that
        the release asks, as these call themselves
    clock : gives seconds since the epoch
    new_id : gives an unused id
    """

    def __init__(
        self,
        release: Release | Live,
        store: Store,
        models: Mapping[str, Model],
        names: Mapping[str, str] | None = None,
        *,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self.store, self.clock, self.new_id = store, clock, new_id
        self._writer = Writer(store)
        self._models: dict[str, Model] = {}
        self._names: Mapping[str, str] | None = None
        self._owned: list[Model] = []
        self.promote(release, models, names)

    def promote(
        self,
        release: Release | Live,
        models: Mapping[str, Model] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """Answer by another release from the next question on; those under way are answered by theirs to the end.

        `models` are added to those at hand, or take the place of those of their names; `names` take the place of those
        that clients may use, where given. Whatever is at hand is kept until the pipeline is closed, since a question
        may be under way on it. Raises `UnusableInput`, and changes nothing, where the release asks a model that is not
        there or its settings contradict each other.
        """
        at_hand = self._models | dict(models or {})
        names = self._names if names is None else names
        live = release if isinstance(release, Live) else Live.of(release, at_hand, names)
        self._owned += [one for one in at_hand.values() if not any(one is known for known in self._owned)]
        self._models, self._names, self.live = at_hand, names, live

    def way(self, task: str | None, model: str | None = None) -> LiveWay:
        """How a question of this task is answered if it begins now, by the model that a client names (`Live.way`)."""
        return self.live.way(task, model)

    async def answer(
        self, question: Question, ask: Ask, record_id: str | None = None, way: LiveWay | None = None
    ) -> Record:
        """Answer a question, with its confidence and the action to take.

        `way` is what the caller took from `way`, if it began with the question earlier.
        """
        record_id, way = record_id or self.new_id(), way or self.way(question.task)
        question, ask = way.put(question, ask)
        async with self._failure_recorded(record_id, question, way, []):
            answered = await way.route.answer(question, ask, way.assessor.needs)
            record = await self._judged(record_id, question, way, answered)
        await self._writer.add([record])
        return record

    def stream(
        self, question: Question, ask: Ask, record_id: str | None = None, way: LiveWay | None = None
    ) -> AsyncGenerator[Delta | Record, None]:
        """The answer's pieces as they come, then the Record. Close it to stop the model."""
        return self._streamed(question, ask, record_id or self.new_id(), way or self.way(question.task))

    async def _streamed(
        self, question: Question, ask: Ask, record_id: str, way: LiveWay
    ) -> AsyncGenerator[Delta | Record, None]:
        pieces: list[Delta] = []
        question, ask = way.put(question, ask)
        async with self._failure_recorded(record_id, question, way, pieces):
            answered: Answered | None = None
            async with aclosing(way.route.stream(question, ask, way.assessor.needs)) as parts:
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
            record = await self._judged(record_id, question, way, answered)
        await self._writer.add([record])
        yield record

    async def close(self) -> None:
        """Give back the connections and memory of all models that there were, and the store."""
        for model in self._owned:
            await model.close()
        self.store.close()

    async def _judged(self, record_id: str, question: Question, way: LiveWay, answered: Answered) -> Record:
        readings, confidence = answered.readings, answered.confidence
        if confidence is None:
            readings, confidence = await way.assessor.assess(question, answered.completion)
        return Record(
            id=record_id,
            time=self.clock(),
            question=question,
            completion=answered.completion,
            readings=readings,
            confidence=confidence,
            steps=answered.steps,
            decision=way.policy.decide(confidence).noting(confidence),
            policy=repr(way.policy),
            release=way.release,
        )

    @asynccontextmanager
    async def _failure_recorded(
        self, record_id: str, question: Question, way: LiveWay, pieces: list[Delta]
    ) -> AsyncIterator[None]:
        try:
            yield
        except (ModelError, asyncio.CancelledError, GeneratorExit) as error:
            reason = str(error) if isinstance(error, ModelError) else ABANDONED
            failed = Record(
                id=record_id,
                time=self.clock(),
                question=question,
                completion=_so_far(pieces, way.model.name),
                policy=repr(way.policy),
                error=reason,
                release=way.release,
            )
            await self._writer.add([failed])
            raise


def _so_far(pieces: list[Delta], model: str) -> Completion | None:
    """What had been said when a stream broke off."""
    if pieces and pieces[-1].completion is not None:
        return pieces[-1].completion
    text = "".join(piece.text for piece in pieces)
    return Completion(text=text, model=model, finish_reason="cut_off") if text else None
