"""The online flow: a question is answered, the answer calibrated, acted upon and recorded."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from .asking.asker import Asker
from .asking.writing import Writer
from .errors import ModelError
from .http.loop import gathered, merged
from .protocols import Model, Several, Store
from .releases.live import Live, LiveWay
from .releases.release import Release
from .types import Answered, Ask, Completion, Delta, Event, Question, Record, ToolCall

__all__ = ["Pipeline", "notice_of"]

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
    writer : writes to the store, where that is to be done otherwise than by default; closed with the pipeline
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
        writer: Writer | None = None,
    ) -> None:
        self.store, self.clock, self.new_id = store, clock, new_id
        self.writer = writer or Writer(store)
        self.notable: Callable[[Record], bool] = lambda record: record.held
        """Of which answers an event stands beside the record, for who follows what waits for a person."""
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

    @property
    def models(self) -> Mapping[str, Model]:
        """All models that are at hand, by the names that the release has for them."""
        return self._models

    def way(self, task: str | None, model: str | None = None) -> LiveWay:
        """How a question of this task is answered if it begins now, by the model that a client names (`Live.way`)."""
        return self.live.way(task, model)

    async def answer(
        self, question: Question, ask: Ask, record_id: str | None = None, way: LiveWay | None = None
    ) -> Record:
        """Answer a question, with its confidence and the action to take.

        `way` is what the caller took from `way`, if it began with the question earlier.
        """
        ids = (record_id or self.new_id(),)
        return (await self._answered(question, replace(ask, samples=1), ids, way or self.way(question.task)))[
            0
        ]

    async def answers(
        self, question: Question, ask: Ask, record_ids: tuple[str, ...], way: LiveWay | None = None
    ) -> tuple[Record, ...]:
        """As `answer`, `ask.samples` answers with a record and a confidence each.

        A route that has several from one call (its `several`) is asked for them at once, any other for each by itself.
        """
        way = way or self.way(question.task)
        if len(record_ids) == 1 or isinstance(way.route, Several):
            return await self._answered(question, ask, record_ids, way)
        runs = (self.answer(question, ask.part(i, 1), id, way) for i, id in enumerate(record_ids))
        return tuple(await gathered(runs))

    def stream(
        self, question: Question, ask: Ask, record_id: str | None = None, way: LiveWay | None = None
    ) -> AsyncGenerator[Delta | Record, None]:
        """The answer's pieces as they come, then the Record. Close it to stop the model."""
        ids = (record_id or self.new_id(),)
        return self._streamed(question, replace(ask, samples=1), ids, way or self.way(question.task))

    def streams(
        self, question: Question, ask: Ask, record_ids: tuple[str, ...], way: LiveWay | None = None
    ) -> AsyncGenerator[Delta | Record, None]:
        """As `stream`, the pieces of several answers with the `index` of theirs, and a Record for each."""
        way = way or self.way(question.task)
        if len(record_ids) == 1 or isinstance(way.route, Several):
            return self._streamed(question, ask, record_ids, way)
        return self._each_streamed(question, ask, record_ids, way)

    async def _answered(
        self, question: Question, ask: Ask, ids: tuple[str, ...], way: LiveWay
    ) -> tuple[Record, ...]:
        self.writer.check()  # where no record can be kept, nobody is asked
        question, ask = way.put(question, ask)
        pieces: list[Delta] = []
        async with self._failure_recorded(ids, question, way, pieces):
            needs = way.assessor.needs
            if len(ids) > 1 and isinstance(way.route, Several):
                answered = await way.route.several(question, ask, needs)
            else:
                answered = (await way.route.answer(question, ask, needs),)
            pieces += [Delta(completion=one.completion, index=i) for i, one in enumerate(answered)]
            records = await self._all_judged(ids, question, way, answered)
        await self._keep(records)
        return records

    async def _streamed(
        self, question: Question, ask: Ask, ids: tuple[str, ...], way: LiveWay
    ) -> AsyncGenerator[Delta | Record, None]:
        self.writer.check()
        pieces: list[Delta] = []
        question, ask = way.put(question, ask)
        async with self._failure_recorded(ids, question, way, pieces):
            answered: dict[int, Answered] = {}
            async with aclosing(way.route.stream(question, ask, way.assessor.needs)) as parts:
                async for part in parts:
                    if isinstance(part, Answered):
                        answered[part.index] = part
                    else:
                        pieces.append(part)
                        yield part
            if len(answered) < len(ids):
                raise ModelError(
                    "The model's stream ended without its completion. Report this to the model's author."
                )
            records = await self._all_judged(ids, question, way, [one for _, one in sorted(answered.items())])
        await self._keep(records)
        for record in records:
            yield record

    async def _each_streamed(
        self, question: Question, ask: Ask, ids: tuple[str, ...], way: LiveWay
    ) -> AsyncGenerator[Delta | Record, None]:
        runs = [self._streamed(question, ask.part(i, 1), (id,), way) for i, id in enumerate(ids)]
        async with aclosing(merged(runs)) as pieces:
            async for index, piece in pieces:
                yield replace(piece, index=index) if isinstance(piece, Delta) else piece

    async def let_go(self, model: Model) -> None:
        """Close a model that is asked no more, and on which nothing is under way."""
        self._models = {name: one for name, one in self._models.items() if one is not model}
        self._owned = [one for one in self._owned if one is not model]
        await model.close()

    async def close(self) -> None:
        """Give back the connections and memory of all models that there were, and the store."""
        for model in self._owned:
            await model.close()
        await self.writer.close()
        self.store.close()

    async def _keep(self, records: Sequence[Record]) -> None:
        notices = [notice_of(record) for record in records if self.notable(record)]
        await self.writer.add([*records, *notices] if notices else records)

    async def _all_judged(
        self, ids: tuple[str, ...], question: Question, way: LiveWay, answered: Sequence[Answered]
    ) -> tuple[Record, ...]:
        if len(ids) == 1:
            return (await self._judged(ids[0], question, way, answered[0]),)
        asker = way.assessor.asker()  # samples are shared among the answers to a question
        judged = (self._judged(id, question, way, one, asker) for id, one in zip(ids, answered, strict=True))
        return tuple(await gathered(judged))

    async def _judged(
        self, record_id: str, question: Question, way: LiveWay, answered: Answered, asker: Asker | None = None
    ) -> Record:
        readings, confidence = answered.readings, answered.confidence
        if confidence is None:
            readings, confidence = await way.assessor.assess(question, answered.completion, asker)
        decision = way.policy.decide(confidence).noting(confidence)
        return Record(
            id=record_id,
            time=self.clock(),
            question=question,
            completion=answered.completion,
            readings=readings,
            confidence=confidence,
            steps=answered.steps,
            decision=decision,
            policy=repr(way.policy),
            release=way.release,
            held=way.hold and decision.action.needs_person,
        )

    @asynccontextmanager
    async def _failure_recorded(
        self, ids: tuple[str, ...], question: Question, way: LiveWay, pieces: list[Delta]
    ) -> AsyncIterator[None]:
        try:
            yield
        except (ModelError, asyncio.CancelledError, GeneratorExit) as error:
            if isinstance(error, ModelError):
                reason = str(error)
            else:
                reason = str(error.args[0]) if error.args else ABANDONED
            failed = [
                Record(
                    id=record_id,
                    time=self.clock(),
                    question=question,
                    completion=_so_far([piece for piece in pieces if piece.index == i], way.model.name),
                    policy=repr(way.policy),
                    error=reason,
                    release=way.release,
                )
                for i, record_id in enumerate(ids)
            ]
            await self.writer.add(failed)
            raise


def notice_of(record: Record) -> Event:
    """That an answer waits for a person ("held"), or has left although one should see it ("flagged"). None of its text.

    >>> from calibrant.types import Action, Decision
    >>> decision = Decision(action=Action.REVIEW, threshold=None, why="")
    >>> question = Question(id="q", messages=(), task="law")
    >>> record = Record(id="r", time=1.0, question=question, completion=None, decision=decision, held=True)
    >>> notice_of(record).kind, notice_of(record).about, notice_of(record).data["action"]
    ('held', 'r', 'review')
    """
    confidence, kind = record.confidence, "held" if record.held else "flagged"
    told = {
        "action": record.decision and record.decision.action.value,
        "question_id": record.question.id,
        "task": record.question.task,
        "domain": record.question.domain,
        "asked_by": record.question.asked_by,
        "release": record.release,
        **{name: getattr(confidence, name, None) for name in ("p", "low", "high")},
    }
    return Event(id=f"{kind}-{record.id}", kind=kind, time=record.time, about=record.id, data=told)


def _so_far(pieces: list[Delta], model: str) -> Completion | None:
    """What had been said when a stream broke off."""
    if pieces and pieces[-1].completion is not None:
        return pieces[-1].completion
    text = "".join([piece.text for piece in pieces])
    refusal = "".join([piece.refusal for piece in pieces])
    reasoning = "".join([piece.reasoning for piece in pieces])
    calls = _calls_so_far(pieces)
    if not (text or refusal or reasoning or calls):
        return None
    return Completion(
        text=text or refusal, model=model, tool_calls=calls, finish_reason="cut_off", reasoning=reasoning,
        refusal=bool(refusal) and not text,
    )  # fmt: skip


def _calls_so_far(pieces: list[Delta]) -> tuple[ToolCall, ...]:
    fragments = [fragment for piece in pieces for fragment in piece.calls]
    return tuple(
        [
            ToolCall(
                *("".join([getattr(one, part) for one in fragments if one.place == place]) for part in PARTS)
            )
            for place in sorted({one.place for one in fragments})
        ]
    )


PARTS = ("id", "name", "arguments")
