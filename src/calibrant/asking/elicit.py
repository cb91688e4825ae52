"""Answers questions, reads signals and leaves a record of each: runs that can be resumed."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from threading import Lock
from typing import Any, Generic, TypeVar, cast

from ..dialogue.asks import ANSWER, carrying, put
from ..errors import MissingExtra
from ..protocols import Grade, Grader, Signal
from ..records.sinks import JsonlLog, Sink, StoreSink
from ..types import Ask, Completion, Question, Reading, Record, Replies, Verdict, digest
from .asker import Asker, Budget, Interrupted, Spending

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

NEWEST = 10_000
"""New objects that start the garbage collector during a run; 700 elsewhere."""


async def read(
    signals: Mapping[str, Signal], question: Question, completion: Completion, asker: Asker
) -> tuple[Reading, ...]:
    """Read all signals at once, in the order of the mapping, named by its keys.

    Each reading's detail carries the digests `prompt` and `parameters` of its signal where it has a
    fingerprint, `calls` and `call_tokens`, which are the Asks that were answered (a call each, more of a
    model that gives one sample a call; whoever made them first) and what they read and wrote, and
    `interrupted` where one failed that may succeed another time. A failed call, or an optional package that
    is not installed, gives a reading without a score; a bug in a signal raises.
    """
    begun = [_Steps(partial(signal.read, question, completion)) for signal in signals.values()]
    asking = [steps for steps in begun if steps.wanted is not None]  # most signals ask nothing
    if len(asking) == 1:
        await asking[0].answered(asker)
    elif asking:
        await asyncio.gather(*(steps.answered(asker) for steps in asking))
    return tuple([_reading(*item, steps) for item, steps in zip(signals.items(), begun, strict=True)])


def _reading(name: str, signal: Signal, steps: _Steps[Reading]) -> Reading:
    detail = _marks(signal)
    found = steps.found
    if found is None:
        return Reading(signal=name, score=None, reason=str(steps.missing), detail=detail)
    detail["calls"], detail["call_tokens"] = steps.calls, steps.tokens
    if steps.interrupted is not None:
        detail["interrupted"] = True
    return Reading(signal=name, score=found.score, reason=found.reason, detail={**found.detail, **detail})


class _Steps(Generic[Found]):
    """A generator of Asks, run up to the first that it wants answered: None when it has returned.

    `found` is what it returned, `missing` the package without which it could not. `interrupted` is the
    last of its Asks that failed and may succeed another time. `calls` counts the Asks that were answered and
    `tokens` what the answers read and wrote, whether they were made for it or for another.
    """

    __slots__ = ("_steps", "calls", "found", "interrupted", "missing", "tokens", "wanted")

    def __init__(self, begin: Callable[[], Generator[Ask | tuple[Ask, ...], Any, Found]]) -> None:
        self.found: Found | None = None
        self.missing: MissingExtra | None = None
        self.interrupted: Interrupted | None = None
        self.calls = self.tokens = 0
        self.wanted: Ask | tuple[Ask, ...] | None = None
        try:
            self._steps = begin()
            self.wanted = next(self._steps)
        except StopIteration as done:
            self.found = done.value
        except MissingExtra as error:
            self.missing = error

    async def answered(self, asker: Asker) -> None:
        """Have its Asks answered, those of a tuple at the same time, until it returns."""
        try:
            while self.wanted is not None:
                if isinstance(self.wanted, Ask):
                    replies = await asker.ask(self.wanted)
                    self._count(replies)
                    self.wanted = self._steps.send(replies)
                else:
                    several = await asyncio.gather(*[asker.ask(one) for one in self.wanted])
                    for one in several:
                        self._count(one)
                    self.wanted = self._steps.send(tuple(several))
        except StopIteration as done:
            self.found = done.value
        except MissingExtra as error:
            self.missing = error

    def _count(self, replies: Replies) -> None:
        if isinstance(replies, Interrupted):
            self.interrupted = replies
        self.calls += bool(replies.completions)
        for completion in replies.completions:
            self.tokens += completion.usage.prompt_tokens + completion.usage.completion_tokens


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
    needs = frozenset[str]().union(*[signal.needs for signal in signals.values()])
    asked, summary = carrying(settings, needs), ElicitSummary(spendings=asker.spendings)
    run = _Run(asker, dict(signals), sink, grader, judge, asked, clock, summary)
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
    with _SELDOM:
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    run.summary.stopped = asker.spent if run.summary.unfinished else None
    return run.summary


class _Seldom:
    """While a run is under way, the garbage collector looks at the newest objects less often.

    What a run leaves behind holds no cycles, and there is much of it, so that looking often finds little.
    """

    def __init__(self) -> None:
        self._runs, self._before, self._lock = 0, (0, 0, 0), Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._runs += 1
            if self._runs == 1:
                self._before = gc.get_threshold()
                if 0 < self._before[0] < NEWEST:
                    gc.set_threshold(NEWEST, *self._before[1:])

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._runs -= 1
            if self._runs == 0:
                gc.set_threshold(*self._before)


_SELDOM = _Seldom()


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
        ask = put(question, self.settings)
        record_id = digest([question.id, self.asker.model.name, ask.address])
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
        except MissingExtra as error:
            self.summary.because(f"{self.judge}: {error}")
            return None, None
        if not isinstance(grade, Generator):
            return grade, None
        steps = _Steps(lambda: grade)
        await steps.answered(self.asker)
        if steps.missing is not None:
            self.summary.because(f"{self.judge}: {steps.missing}")
        return steps.found, steps.interrupted

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
