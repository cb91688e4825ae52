"""Answers questions, reads signals and leaves a record of each: runs that can be resumed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from .asker import Asker, Budget, Interrupted, Spending
from .asks import ANSWER, answer_ask
from .protocols import Grader, Signal, Store
from .records import JsonLines, rows_of
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


async def read(
    signals: Mapping[str, Signal], question: Question, completion: Completion, asker: Asker
) -> tuple[Reading, ...]:
    """Read all signals at once, in the order of the mapping, named by its keys.

    Each reading's detail carries the digests `prompt` and `parameters` of its signal where it has a
    fingerprint, and `interrupted` where a call failed that may succeed another time. A failed call
    gives a reading without a score; a bug in a signal raises.
    """
    return tuple(
        await asyncio.gather(*(_read(*item, question, completion, asker) for item in signals.items()))
    )


async def _read(
    name: str, signal: Signal, question: Question, completion: Completion, asker: Asker
) -> Reading:
    steps, replies, detail = signal.read(question, completion), None, _marks(signal)
    while True:
        wanted = _step(steps, replies)
        if isinstance(wanted, Reading):
            return replace(wanted, signal=name, detail={**wanted.detail, **detail})
        replies = await asker.ask(wanted)
        if isinstance(replies, Interrupted):
            detail["interrupted"] = True


def _step(steps: Generator[Ask, Replies, Reading], replies: Replies | None) -> Ask | Reading:
    try:
        return next(steps) if replies is None else steps.send(replies)
    except StopIteration as done:
        reading: Reading = done.value
        return reading


def _marks(signal: Signal) -> dict[str, Any]:
    # Not part of the protocol: a signal from elsewhere may come without.
    prompt, parameters = getattr(signal, "fingerprint", (None, None))
    return {"prompt": prompt, "parameters": parameters}


class Sink(Protocol):
    """Where a run leaves its records."""

    def has(self, record_id: str, signals: Iterable[str]) -> bool:
        """Whether the record is there with a reading of each of these signals."""
        ...

    def add(self, record: Record, verdict: Verdict | None) -> None:
        """Durable when this returns; adding what is there already changes nothing."""
        ...


class JsonlLog:
    """A log as a file of JSON lines, one for each record and signal, in the columns of `rows_of`.

    A line that a crash cut off is dropped when the file is opened again, and its record redone.
    """

    def __init__(self, path: str | Path) -> None:
        self._lines = JsonLines(path)
        self._there: dict[str, set[str]] = {}
        for row in self._lines:
            self._there.setdefault(row["record_id"], set()).add(row["signal"])

    def has(self, record_id: str, signals: Iterable[str]) -> bool:
        """Whether the record is there with a reading of each of these signals."""
        return record_id in self._there and self._there[record_id].issuperset(signals)

    def add(self, record: Record, verdict: Verdict | None) -> None:
        """Add the rows that are not there yet, in one write."""
        there = self._there.setdefault(record.id, set())
        rows = [row for row in rows_of(record, verdict) if row["signal"] not in there]
        if rows:
            self._lines.append(rows)
        there.update(row["signal"] for row in rows)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows, in the order in which they were added."""
        return iter(self._lines)


@dataclass(frozen=True, slots=True)
class StoreSink:
    """A `Store` as the place where a run leaves its records."""

    store: Store

    def has(self, record_id: str, signals: Iterable[str]) -> bool:  # noqa: ARG002 - records never change
        """Whether the record is there; it was written whole, so its signals are not looked at."""
        return self.store.record(record_id) is not None

    def add(self, record: Record, verdict: Verdict | None) -> None:
        """Add the record and the verdict on it, both or neither."""
        self.store.add([record], [] if verdict is None else [verdict])


@dataclass(kw_only=True, slots=True)
class ElicitSummary:
    """How a run went. Every question drawn ends in exactly one of `recorded`, `skipped` and `unfinished`.

    `skipped` were recorded by an earlier run or stand twice in the file, `unfinished` will be taken up by
    the next; `failed` of the recorded ones were refused an answer. `right` is the sum of the grades of the
    `graded`. `reasons` counts why answers and readings are missing. `stopped` says which limit ended the run.
    """

    recorded: int = 0
    skipped: int = 0
    unfinished: int = 0
    failed: int = 0
    graded: int = 0
    right: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
    spending: Spending = field(default_factory=Spending)

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
    and prompt are skipped, unfinished ones are taken up. A failed call costs its own question only. When
    a limit of the asker is reached the run ends, with the reason in `stopped`. Questions are drawn as
    they are needed, `workers` at a time, and `progress` is called after each. `judge` names the grader
    in the verdicts. Errors of the sink and bugs in signals raise.
    """
    run = _Run(
        asker, dict(signals), sink, grader, judge, settings, clock, ElicitSummary(spending=asker.spending)
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
    seen: set[str] = field(default_factory=set)

    async def one(self, question: Question) -> None:
        ask = answer_ask(question, self.signals.values(), self.settings)
        record_id = digest([question.id, self.asker.model.name, ask.key])
        if record_id in self.seen or self.sink.has(record_id, self.signals):
            self.summary.skipped += 1  # by an earlier run, or by an equal question of this one
            return
        self.seen.add(record_id)
        replies = await self.asker.ask(ask)
        if not isinstance(replies, Interrupted):
            record = await self._record(record_id, question, replies)
            if not any(reading.detail.get("interrupted") for reading in record.readings):
                self._leave(record)
                return
            replies = Interrupted(
                reason=next(r.reason for r in record.readings if r.detail.get("interrupted"))
            )
        self.summary.unfinished += 1
        self.summary.because(replies.reason or "interrupted")

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

    def _leave(self, record: Record) -> None:
        verdict = self._verdict(record)
        self.sink.add(record, verdict)
        self.summary.recorded += 1
        self.summary.failed += record.completion is None
        self.summary.graded += verdict is not None
        self.summary.right += verdict.grade if verdict else 0.0
        for reading in record.readings:
            if reading.reason:
                self.summary.because(f"{reading.signal}: {reading.reason}")

    def _verdict(self, record: Record) -> Verdict | None:
        if self.grader is None or record.completion is None:
            return None
        grade = self.grader.grade(record.question, record.completion)
        if grade is None:
            return None
        return Verdict(
            id=digest([record.id, self.judge]),
            record_id=record.id,
            grade=grade,
            judge=self.judge,
            time=record.time,
            source="grader",
        )
