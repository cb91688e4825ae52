"""Answers questions, reads signals and leaves a record of each: runs that can be resumed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeVar, cast

from .asker import Asker, Budget, Interrupted, Spending
from .asks import ANSWER, answer_ask
from .calls import address
from .errors import MissingExtra
from .protocols import Grade, Grader, Signal
from .sinks import JsonlLog, Sink, StoreSink
from .types import Ask, Completion, Question, Reading, Record, Replies, Verdict, digest

__all__ = [
    "Asker",
    "Budget",
    "ElicitSummary",
    "Interrupted",
    "JsonlLog",
    "Sink",
    "Spending",
    "StoreSink",
    "elicit",
    "read",
]

Found = TypeVar("Found")


async def read(
    signals: Mapping[str, Signal], question: Question, completion: Completion, asker: Asker
) -> tuple[Reading, ...]:
    """Read all signals at once, in the order of the mapping, named by its keys.

    Each reading's detail carries the digests `prompt` and `parameters` of its signal where it has a
    fingerprint, and `interrupted` where a call failed that may succeed another time. A failed call, or
    an optional package that is not installed, gives a reading without a score; a bug in a signal raises.
    """
    work = [_read(*item, question, completion, asker) for item in signals.items()]
    return (await work[0],) if len(work) == 1 else tuple(await asyncio.gather(*work))


async def _read(
    name: str, signal: Signal, question: Question, completion: Completion, asker: Asker
) -> Reading:
    detail = _marks(signal)
    try:
        found, interrupted = await _driven(signal.read(question, completion), asker)
    except MissingExtra as error:
        return Reading(signal=name, score=None, reason=str(error), detail=detail)
    if interrupted is not None:
        detail["interrupted"] = True
    return replace(found, signal=name, detail={**found.detail, **detail})


async def _driven(steps: Generator[Ask, Replies, Found], asker: Asker) -> tuple[Found, Interrupted | None]:
    """What the generator returns once its Asks are answered, and the last call that was interrupted."""
    interrupted = None
    try:
        wanted = next(steps)
        while True:
            replies = await asker.ask(wanted)
            if isinstance(replies, Interrupted):
                interrupted = replies
            wanted = steps.send(replies)
    except StopIteration as done:
        found: Found = done.value
        return found, interrupted


def _marks(signal: Signal) -> dict[str, Any]:
    try:
        prompt, parameters = _fingerprint(cast(Hashable, signal))
    except TypeError:  # cannot be hashed, since it holds a list or a mapping
        prompt, parameters = _fingerprint.__wrapped__(signal)
    return {"prompt": prompt, "parameters": parameters}


@lru_cache(256)
def _fingerprint(signal: Signal) -> tuple[str | None, str | None]:
    return getattr(signal, "fingerprint", (None, None))  # a signal from elsewhere may come without


@dataclass(kw_only=True, slots=True)
class ElicitSummary:
    """How a run went. Every question drawn ends in exactly one of `recorded`, `skipped` and `unfinished`.

    `skipped` were recorded by an earlier run or stand twice in the file, `unfinished` will be taken up by
    the next; `failed` of the recorded ones were refused an answer. `right` is the sum of the grades of the
    `graded`. `reasons` counts why answers, readings and grades are missing. `stopped` says which limit ended
    the run. `spendings` is what each model used, by its name.
    """

    recorded: int = 0
    skipped: int = 0
    unfinished: int = 0
    failed: int = 0
    graded: int = 0
    right: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
    spendings: dict[str, Spending] = field(default_factory=dict)

    @property
    def spending(self) -> Spending:
        """What all models used together."""
        return sum(self.spendings.values(), Spending())

    @property
    def accuracy(self) -> float | None:
        """Mean grade of this run's graded answers, None where there are none."""
        return self.right / self.graded if self.graded else None

    def because(self, reason: str) -> None:
        """Count a reason; what differs from call to call is folded together, so that memory stays bounded."""
        self.reasons[reason if reason in self.reasons or len(self.reasons) < 50 else "other reasons"] += 1


async def elicit(
    questions: Iterable[Question],
    *,
    asker: Asker,
    signals: Mapping[str, Signal],
    sink: Sink,
    grader: Grader | None = None,
    judge: str = "exact",
    settings: Ask = ANSWER,
    workers: int = 16,
    progress: Callable[[ElicitSummary], None] | None = None,
    clock: Callable[[], float] = time.time,
) -> ElicitSummary:
    """Answer every question, read the signals, grade, and leave a record of each as it is done.

    A run can be stopped in any way and begun again: questions recorded under the same question, model
    and prompt are skipped, unfinished ones are taken up. A record that lacks a signal added since is
    redone where the sink can take the new reading, its answered calls from the call log; else it is
    skipped and the signal named in `reasons`. So is a record that nobody graded. A failed call costs its
    own question only. When a limit of the asker is reached the run ends, with the reason in `stopped`.
    Questions are drawn as they are needed, `workers` at a time, and `progress` is called after each.
    `judge` names the grader in the verdicts. Errors of the sink and bugs in signals raise.
    """
    run = _Run(
        asker, dict(signals), sink, grader, judge, settings, clock, ElicitSummary(spendings=asker.spendings)
    )
    source = iter(questions)

    async def work() -> None:
        for question in source:  # shared: each worker takes the next one
            if asker.spent:
                run.summary.unfinished += 1
                return
            await run.one(question)
            if progress:
                progress(run.summary)

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    run.summary.stopped = asker.spent if run.summary.unfinished else None
    return run.summary


@dataclass(frozen=True, slots=True)
class _Run:
    asker: Asker
    signals: dict[str, Signal]
    sink: Sink
    grader: Grader | None
    judge: str
    settings: Ask
    clock: Callable[[], float]
    summary: ElicitSummary
    under_way: set[str] = field(default_factory=set)

    async def one(self, question: Question) -> None:
        ask = answer_ask(question, self.signals.values(), self.settings)
        record_id = digest([question.id, self.asker.model.name, address(ask)])
        if record_id in self.under_way or self._there(record_id):
            self.summary.skipped += 1  # by an earlier run, or by an equal question of this one
            return
        self.under_way.add(record_id)
        try:
            interrupted = await self._done(record_id, question, ask)
        finally:
            self.under_way.discard(record_id)
        if interrupted is not None:
            self.summary.unfinished += 1
            self.summary.because(interrupted)

    def _there(self, record_id: str) -> bool:
        """Whether the record needs no work, or cannot be added to; what it lacks then is counted."""
        there = self.sink.there(record_id)
        if there is None:
            return False
        if lacking := [name for name in self.signals if name not in there.signals]:
            if self.sink.grows:
                return False
            self.summary.because(
                f"recorded earlier without {', '.join(lacking)}, and a store's records never change: "
                "name another store to read it"
            )
        if self.grader is not None and there.judged is False:
            self.summary.because("recorded earlier without a grade, and left as it is")
        return True

    async def _done(self, record_id: str, question: Question, ask: Ask) -> str | None:
        """Leave the record, or say why that is to be tried another time."""
        replies = await self.asker.ask(ask)
        if isinstance(replies, Interrupted):
            return replies.reason or "interrupted"
        record = await self._record(record_id, question, replies)
        for reading in record.readings:
            if reading.detail.get("interrupted"):
                return reading.reason or "interrupted"
        grade, interrupted = await self._grade(record)
        if interrupted is not None:
            return interrupted.reason or "interrupted"
        await self._leave(record, None if grade is None else self._verdict(record, grade))
        return None

    async def _record(self, record_id: str, question: Question, replies: Replies) -> Record:
        completion = replies.completions[0] if replies.completions else None
        if completion is None:
            reason = replies.reason or "The model gave no reply."
            readings = tuple(
                Reading(signal=name, score=None, reason=reason, detail=_marks(signal))
                for name, signal in self.signals.items()
            )
        else:
            readings = await read(self.signals, question, completion, self.asker)
        return Record(
            id=record_id,
            time=self.clock(),
            question=question,
            completion=completion,
            readings=readings,
            error=replies.reason,
        )

    async def _grade(self, record: Record) -> tuple[Grade, Interrupted | None]:
        if self.grader is None or record.completion is None:
            return None, None
        try:
            grade = self.grader.grade(record.question, record.completion)
            return await _driven(grade, self.asker) if isinstance(grade, Generator) else (grade, None)
        except MissingExtra as error:
            self.summary.because(f"{self.judge}: {error}")
            return None, None

    def _verdict(self, record: Record, grade: float) -> Verdict:
        return Verdict(
            id=digest([record.id, self.judge]),
            record_id=record.id,
            grade=grade,
            judge=self.judge,
            time=record.time,
            source="grader",
        )

    async def _leave(self, record: Record, verdict: Verdict | None) -> None:
        await self.sink.add(record, verdict)
        self.summary.recorded += 1
        self.summary.failed += record.completion is None
        self.summary.graded += verdict is not None
        self.summary.right += verdict.grade if verdict else 0.0
        for reading in record.readings:
            if reading.reason:
                self.summary.because(f"{reading.signal}: {reading.reason}")
