"""Answers questions, reads signals and leaves a record of each: runs that can be resumed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..dialogue.asked import asked_with, ended_with
from ..dialogue.asks import ANSWER, carrying, put
from ..dialogue.forms import mark_of
from ..dialogue.prompts import NO_LAST_LINE, SEED, Prompt, final_answer
from ..errors import MissingExtra
from ..http.loop import gathered
from ..protocols import Explaining, Grade, Grader, Signal
from ..types import Ask, Completion, Question, Reading, Record, Replies, Verdict, digest
from .asker import Asker, Interrupted, Spending
from .sinks import Growing, Sink
from .steps import Steps

__all__ = ["ElicitSummary", "elicit", "identity", "marks", "read"]

UNGRADED = "no grade, for there is no reference to grade against"
UNDECIDED = (
    "compares answers that cannot be told the same or different, which count as different; --same model asks"
)
CONTRADICTED = (
    "compares answers on which the model that was asked contradicts itself, which count as different"
)
"""Why a score stands on less than it could."""
UNTOLD = "no grade, for it cannot be told from the answer whether it is right"
HELP = "--same model or --grader judge asks a model"
UNREAD = "no grade, for the model's replies cannot be read as one or contradict each other"
"""Why an answer has no grade where nothing failed."""


async def read(
    signals: Mapping[str, Signal],
    question: Question,
    completion: Completion,
    asker: Asker | Callable[[], Asker],
) -> tuple[Reading, ...]:
    """Read all signals at once, in the order of the mapping, named by its keys.

    What they ask goes through `asker`, which may be what makes one, for where any asks at all.

    Each reading's detail carries the digests `prompt` and `parameters` of its signal where it has a
    fingerprint, `asked_with` where the question states it, `calls` and `call_tokens`, which are the Asks that
    were answered (a call each, more of a model that gives one sample a call; whoever made them first) and what
    they read and wrote, and
    `interrupted` where one failed that may succeed another time. A failed call, or an optional package that
    is not installed, gives a reading without a score; a bug in a signal raises.
    """
    begun = [Steps(partial(signal.read, question, completion)) for signal in signals.values()]
    if asking := [steps for steps in begun if steps.wanted is not None]:
        who = asker if isinstance(asker, Asker) else asker()
        await asyncio.gather(*[steps.answered(who) for steps in asking])
    return tuple(
        [
            _reading(question, completion, *item, steps)
            for item, steps in zip(signals.items(), begun, strict=True)
        ]
    )


def _reading(
    question: Question, completion: Completion, name: str, signal: Signal, steps: Steps[Reading]
) -> Reading:
    detail = marks(signal, question, completion)
    found = steps.found
    if found is None:
        found = Reading(reason=str(steps.missing), detail=getattr(steps.missing, "detail", {}))
    detail["calls"], detail["call_tokens"] = steps.calls, steps.tokens
    if steps.interrupted is not None:
        detail["interrupted"] = True
    return Reading(signal=name, score=found.score, reason=found.reason, detail={**found.detail, **detail})


def marks(signal: Signal, question: Question, completion: Completion | None = None) -> dict[str, Any]:
    """The fingerprint of a signal; of an answer that was asked for in a form, or by a prompt, it is another.

    `asked_with` is among it where it is known how the answer was asked for.
    """
    prompt, parameters = getattr(signal, "fingerprint", (None, None))  # one from elsewhere may come without
    put = mark_of(question) + ("" if question.put_by is None else f"+prompt:{question.put_by[:8]}")
    asked = question.asked_with
    if completion is not None:
        asked = ended_with(asked, completion)
    found = {"prompt": prompt, "parameters": f"{parameters or ''}{put}" if put else parameters}
    return found | ({} if asked is None else {"asked_with": asked})


@dataclass(kw_only=True, slots=True)
class ElicitSummary:
    """How a run went. Every question drawn ends in exactly one of `recorded`, `skipped` and `unfinished`.

    `skipped` were recorded by an earlier run or stand twice in the file, `unfinished` will be taken up by
    the next; `failed` of the recorded ones were refused an answer, and the answers of `cut` end at their limit
    of tokens: they count, and are graded, as they stand. `regraded` of the skipped ones had no grade before
    this run gave them one. `right` is the sum of the grades of the `graded`, those among them; `ungraded` are
    the answers that this run looked at and that have no grade still. `reasons` counts why answers, readings and grades
    are missing. `stopped` says which limit ended the run.
    `spendings` is what each model used, by its name.
    """

    recorded: int = 0
    skipped: int = 0
    unfinished: int = 0
    failed: int = 0
    cut: int = 0
    regraded: int = 0
    graded: int = 0
    ungraded: int = 0
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

    def add(self, other: ElicitSummary) -> None:
        """Count a part of the run that went elsewhere."""
        for name in (
            "recorded",
            "skipped",
            "unfinished",
            "failed",
            "cut",
            "regraded",
            "graded",
            "ungraded",
            "right",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.reasons += other.reasons
        self.stopped = self.stopped or other.stopped
        for model, spent in other.spendings.items():
            self.spendings[model] = self.spendings.get(model, Spending()) + spent

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
    prompt: Prompt = SEED,
    settings: Ask = ANSWER,
    workers: int = 16,
    progress: Callable[[ElicitSummary], None] | None = None,
    clock: Callable[[], float] = time.time,
) -> ElicitSummary:
    """Answer every question, read the signals, grade, and leave a record of each as it is done.

    A run can be stopped in any way and begun again: questions recorded under the same question, model
    and prompt are skipped, unfinished ones are taken up. A record that lacks a signal added since is
    redone where the sink can take the new reading, its answered calls from the call log; else it is
    skipped and the signal named in `reasons`. The answer of a record that nobody graded is graded where the
    sink can take that: as it is recorded, so that only a grader that asks a model costs anything. A failed
    call costs its own question only. When a limit of the asker is reached nothing more is asked: the questions
    that are left are recorded where earlier runs kept all their answers, else unfinished, with the reason in
    `stopped`. Questions are drawn as they are needed, `workers` at a time, and `progress` is called after
    each. `judge` names the grader in the verdicts. `prompt` is what the questions were put by (`Prompt.around`): of one
    that reasons the answer is the last line. Errors of the sink and bugs in signals raise.
    """
    needs = frozenset[str]().union(*[signal.needs for signal in signals.values()])
    asked, summary = carrying(settings, needs), ElicitSummary(spendings=asker.spendings)
    growing = sink if isinstance(sink, Growing) else None
    run = _Run(asker, dict(signals), sink, growing, grader, judge, prompt, asked, clock, summary)
    source = iter(questions)

    async def work() -> None:
        for question in source:  # shared: each worker takes the next one
            await run.one(question)
            if progress:
                progress(run.summary)

    try:
        await gathered(work() for _ in range(workers))
        await sink.settled()
    finally:
        if run.growing is not None and run.late:
            run.growing.grade(run.late)
    run.summary.stopped = asker.spent if run.summary.unfinished else None
    return run.summary


def identity(question: Question, model: str, settings: Ask) -> str:
    """The id of the record of a question that is put to a model of that name."""
    return digest([question.id, model, put(question, settings).address])


class _AnotherTime(Exception):
    """Why a question is left to the next run: a call that may succeed then."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason or "interrupted")


@dataclass(frozen=True, slots=True)
class _Run:
    asker: Asker
    signals: dict[str, Signal]
    sink: Sink
    growing: Growing | None  # the sink where its records can be added to
    grader: Grader | None
    judge: str
    prompt: Prompt
    settings: Ask
    clock: Callable[[], float]
    summary: ElicitSummary
    under_way: set[str] = field(default_factory=set)
    late: dict[str, tuple[str, float]] = field(default_factory=dict)  # recorded answers, graded only now

    async def one(self, question: Question) -> None:
        ask = put(question, self.settings)
        record_id = identity(question, self.asker.model.name, self.settings)
        if record_id in self.under_way:
            self.summary.skipped += 1  # an equal question of this run
            return
        self.under_way.add(record_id)
        try:
            if self._read(record_id):
                await self._grade_late(record_id, question)
            else:
                await self._done(record_id, question, ask)
        except _AnotherTime as why:
            self.summary.unfinished += 1
            if str(why) != self.asker.spent:  # which is told once, as what stopped the run
                self.summary.because(str(why))
        finally:
            self.under_way.discard(record_id)

    async def _grade_late(self, record_id: str, question: Question) -> None:
        """Grade what an earlier run recorded, where it lacks that."""
        answer = self._ungraded(record_id)
        if answer is not None:
            grade = await self._grade(question, answer)
            if grade is not None:
                self.late[record_id] = answer.text, grade
                self.summary.regraded += 1
            self._count(grade)
        self.summary.skipped += 1

    def _read(self, record_id: str) -> bool:
        """Whether the record has every signal, or cannot be added to; what it lacks then is counted."""
        there = self.sink.there(record_id)
        if there is None:
            return False
        if lacking := [name for name in self.signals if name not in there]:
            if self.growing is not None:
                return False
            self.summary.because(
                f"recorded earlier without {', '.join(lacking)}, and a store's records never change: "
                "name another store to read it"
            )
        return True

    def _ungraded(self, record_id: str) -> Completion | None:
        """The recorded answer that lacks a grade still, where it can be given one."""
        if self.grader is None or self.growing is None or record_id in self.late:
            return None
        return self.growing.ungraded(record_id)

    async def _done(self, record_id: str, question: Question, ask: Ask) -> None:
        """Answer, read and grade, and leave the record."""
        replies = await self.asker.ask(ask)
        if isinstance(replies, Interrupted):
            raise _AnotherTime(replies.reason)
        record = await self._record(record_id, question, replies, asked_with(ask))
        for reading in record.readings:
            if reading.detail.get("interrupted"):
                raise _AnotherTime(reading.reason)
        verdict = None
        if record.completion is not None:
            grade = await self._grade(question, record.completion)
            if grade is not None:
                verdict = self._verdict(record_id, grade, record.time)
                there = self._ungraded(record_id)
                # what is recorded of the same answer already lacks the grade too
                if there is not None and there.text == record.completion.text:
                    self.late[record_id] = there.text, grade
        await self._leave(record, verdict)

    async def _record(self, record_id: str, question: Question, replies: Replies, asked: str) -> Record:
        marked = replace(question, asked_with=asked)
        whole = replies.completions[0] if replies.completions else None
        completion = None if whole is None else final_answer(self.prompt, whole)
        error = replies.reason if completion or not whole else NO_LAST_LINE
        if completion is None:
            reason = error or "The model gave no reply."
            readings = tuple(
                Reading(signal=name, score=None, reason=reason, detail=marks(signal, marked))
                for name, signal in self.signals.items()
            )
        else:
            readings = await read(self.signals, marked, completion, self.asker)
        return Record(
            id=record_id,
            time=self.clock(),
            question=question,
            completion=completion,
            readings=readings,
            error=error,
        )

    async def _grade(self, question: Question, answer: Completion) -> Grade:
        """The grade; None where there is none, which is counted."""
        if self.grader is None:
            return None
        try:
            grade = self.grader.grade(question, answer)
        except MissingExtra as error:
            self.summary.because(f"{self.judge}: {error}")
            return None
        if not isinstance(grade, Generator):
            if grade is None:
                self.summary.because(f"{self.judge}: {self._ungradable(question, answer)}")
            return grade
        steps = Steps[Grade](lambda: grade)
        await steps.answered(self.asker)
        if steps.interrupted is not None:
            raise _AnotherTime(steps.interrupted.reason)
        if steps.found is None:
            self.summary.because(f"{self.judge}: {steps.missing or steps.failed or UNREAD}")
        return steps.found

    def _ungradable(self, question: Question, answer: Completion) -> str:
        """Why the grader, which asks no model, gave no grade."""
        if not any(one.strip() for one in question.references):
            return UNGRADED
        why = self.grader.why(question, answer) if isinstance(self.grader, Explaining) else None
        return f"{f'no grade, for {why}' if why else UNTOLD}; {HELP}"

    def _verdict(self, record_id: str, grade: float, time: float) -> Verdict:
        return Verdict(
            id=digest([record_id, self.judge]),
            record_id=record_id,
            grade=grade,
            judge=self.judge,
            time=time,
            propensity=1.0,  # every answer is graded
            source="grader",
        )

    async def _leave(self, record: Record, verdict: Verdict | None) -> None:
        await self.sink.add(record, verdict)
        self.summary.recorded += 1
        self.summary.failed += record.completion is None
        self.summary.cut += record.completion is not None and record.completion.finish_reason == "length"
        if record.completion is not None and self.grader is not None:
            self._count(None if verdict is None else verdict.grade)
        for reading in record.readings:
            if reading.reason:
                self.summary.because(f"{reading.signal}: {reading.reason}")
            elif reading.detail.get("undecided"):
                asked = getattr(self.signals[reading.signal], "same", None)
                self.summary.because(f"{reading.signal}: {CONTRADICTED if asked else UNDECIDED}")

    def _count(self, grade: float | None) -> None:
        self.summary.graded += grade is not None
        self.summary.ungraded += grade is None
        self.summary.right += grade or 0.0
