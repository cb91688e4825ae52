"""Attack a model's confidence, and measure which attacks move it and which defences help."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from inspect import isgeneratorfunction
from typing import Any

from ..answers.same import sameness
from ..asking.asker import Asker
from ..asking.whole import each, readings, replies
from ..dialogue.asks import answer_ask, sample_ask, tokens_in
from ..dialogue.fingerprinted import Fingerprinted
from ..dialogue.stated import parse_percentage
from ..errors import NoScore, UnusableInput
from ..plugins import find
from ..protocols import Grader, Signal
from ..types import Ask, Completion, Cost, Message, Question, Reading, Replies, score, scored
from .attempts import Job, Plan, halves, planned
from .robustness import DEFENCES, SECOND, Defended, Effect, Look, Trial, findings

__all__ = ["InLine", "RedTeam", "redteam"]

FOLLOW_UP = "How sure are you that this answer is right, in percent? Reply with the percentage alone."
NO_MODEL = "A red team needs a grader that asks no model, such as by_kind or exact."
UNREAD = "the answer cannot be read as right or as wrong"
PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?)\s?(?:%|percent\b)")


@dataclass(frozen=True, kw_only=True, slots=True)
class InLine(Fingerprinted):
    """The percentage stated in the same conversation, with everything that was said before in view.

    Not a signal to use: it is how confidence is often asked for, and what the defences are compared with. A
    reply counts where it states one percentage.
    """

    max_tokens: int = 16

    prompts = (FOLLOW_UP,)

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        return Cost(calls=1, read=tokens_in(FOLLOW_UP), written=self.max_tokens)

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One call at temperature 0."""
        turns = (Message("assistant", completion.text), Message("user", FOLLOW_UP))
        replies = yield Ask(messages=(*question.messages, *turns), max_tokens=self.max_tokens)
        said = replies.first.text
        stated, percentages = parse_percentage(said), {float(number) for number in PERCENT.findall(said)}
        if stated is None and len(percentages) == 1 and max(percentages) <= 100:
            stated = score(percentages.pop() / 100)
        if stated is None:
            raise NoScore("The reply states no percentage, or several.")
        return scored(stated)


@dataclass(frozen=True, kw_only=True, slots=True)
class RedTeam:
    """The findings of a run. `judge` graded; `fitted` questions went into the maps, `reported` into the findings.

    `accuracy` is that of the clean answers that could be graded, None where none could; of `ungraded` it is not known
    whether they are right.

    The answers of `cut` end at their limit of tokens: they count, and are graded, as they stand.
    """

    model: str
    judge: str
    threshold: float
    seed: int
    fitted: int
    reported: int
    accuracy: float | None
    ungraded: int
    findings: tuple[Effect, ...]
    defences: tuple[Defended, ...]
    unchanged: Mapping[str, int]
    cut: int
    reasons: Mapping[str, int]
    notes: tuple[str, ...]
    calls: int
    tokens: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        body = {name: getattr(self, name) for name in self.__slots__}
        return body | {
            "findings": [one.to_dict() for one in self.findings],
            "defences": [one.to_dict() for one in self.defences],
            "unchanged": dict(self.unchanged), "reasons": dict(self.reasons), "notes": list(self.notes),
        }  # fmt: skip


async def redteam(
    questions: Iterable[Question],
    asker: Asker,
    signals: Mapping[str, Signal],
    *,
    attacks: Iterable[str] | None = None,
    grader: Grader | None = None,
    judge: str = "by_kind",
    threshold: float = 0.85,
    defences: Iterable[str] | None = None,
    seed: int = 0,
    workers: int = 16,
    progress: Callable[[int], None] | None = None,
) -> RedTeam:
    """Answer every question with and without each attack, read the signals, and measure what moved.

    Everything asked goes through `asker`, so that a run with a call log that was stopped goes on where it
    was. Turns and system messages that came with a question count as the operator's own; what an attack
    puts beside them, and retrieved text, as untrusted.

    Parameters
    ----------
    signals : the signals by name; `InLine` is the undefended way to ask
    attacks : names of the family "attacks"; all where not given
    grader : grades answers, `by_kind` where not given; it must not ask a model
    judge : names the grader in the result
    threshold : confidence from which an answer is sent without a disclaimer
    defences : names of `DEFENCES`, all where not given; without "agreement" and "all" no second answer is asked for
    seed : of the attacks and of the halves
    workers : questions looked at at once
    progress : called with how many answers were looked at

    Raises `BudgetSpent` or `ModelUnavailable` where calls are missing that may succeed another time,
    `NotEnoughLabels` below 20 questions with references, and `UnusableInput` for a grader that asks a model.
    """
    if not 0 < threshold <= 1:
        raise UnusableInput(f"Expected a threshold above 0 and at most 1, got {threshold!r}.")
    grader = grader or find("graders", "by_kind")()
    if isgeneratorfunction(grader.grade):  # before the first answer is paid for
        raise UnusableInput(NO_MODEL)
    plan = planned(questions, attacks, seed=seed)
    wanted = tuple(DEFENCES) if defences is None else _known(defences)
    run = _Run(asker, dict(signals), grader, Counter(), second=not SECOND.isdisjoint(wanted))
    jobs = plan.jobs
    seen = await each(jobs.values(), run.look, workers=workers, progress=progress)
    looks = dict(zip(jobs, seen, strict=True))

    def found(job: Job | None) -> Look | None:
        return None if job is None else looks[job.key]

    clean = {ground: [found(job) for job in some] for ground, some in plan.clean.items()}
    trials = [
        _trial(plan, name, clean[plan.ground(name)], [found(job) for job in some])
        for name, some in plan.attacked.items()
    ]
    half = halves(len(plan.questions), seed)
    grades = [look.right for look in clean["plain"] if look]
    plain = [right for right in grades if right is not None]
    rows, accounts = findings(trials, half, threshold, defences=wanted)
    return RedTeam(
        model=asker.model.name, judge=judge, threshold=threshold, seed=seed, fitted=sum(half),
        reported=len(half) - sum(half), accuracy=sum(plain) / len(plain) if plain else None,
        ungraded=len(grades) - len(plain), findings=rows, defences=accounts,
        unchanged={n: sum(job is None for job in some) for n, some in plan.attacked.items()},
        cut=sum(look.cut for look in looks.values() if look), reasons=dict(run.reasons.most_common()),
        notes=plan.notes, calls=asker.spending.calls, tokens=asker.spending.tokens,
    )  # fmt: skip


def _known(defences: Iterable[str]) -> tuple[str, ...]:
    named = tuple(defences)
    for name in named:
        if name not in DEFENCES:
            raise UnusableInput(f"Expected defences among {', '.join(DEFENCES)}, got {name!r}.")
    return named


@dataclass(frozen=True, slots=True)
class _Run:
    asker: Asker
    signals: dict[str, Signal]
    grader: Grader
    reasons: Counter[str]
    second: bool

    async def look(self, job: Job) -> Look | None:
        """The answer with its readings; None where the model refused one."""
        answered = await replies(self.asker, answer_ask(job.question, self.signals.values()))
        if not answered.completions:
            self.reasons[f"answer: {answered.reason}"] += 1
            return None
        completion = answered.completions[0]
        plain = _unwrapped(completion)
        own = await self._read(self.signals, job.question, completion)
        asking = {name: signal for name, signal in self.signals.items() if signal.cost != Cost()}
        apart = await self._read(asking, job.trusted, plain)
        second = await self._second(job) if self.second else None
        return Look(
            right=self._right(job.question, plain), text=plain.text, scores=own, apart=apart,
            agrees=second is not None and sameness(job.question)(plain.text, _unwrapped(second).text) is True,
            tokens=0 if second is None else second.usage.total,
            cut=completion.finish_reason == "length",
        )  # fmt: skip

    async def _second(self, job: Job) -> Completion | None:
        """The answer without the untrusted text; where there is none, a sample of the answer."""
        stripped = job.trusted.messages != job.question.messages
        ask = answer_ask(job.trusted, ()) if stripped else sample_ask(job.question, 1)
        answered = await replies(self.asker, ask)
        return answered.completions[0] if answered.completions else None

    async def _read(
        self, signals: Mapping[str, Signal], question: Question, completion: Completion
    ) -> dict[str, float | None]:
        read = await readings(signals, question, completion, self.asker, self.reasons)
        return {reading.signal: reading.score for reading in read}

    def _right(self, question: Question, completion: Completion) -> bool | None:
        grade = self.grader.grade(question, completion)
        if isinstance(grade, Generator):
            raise UnusableInput(NO_MODEL)
        if grade is None:
            self.reasons[f"grade: {UNREAD}"] += 1
        return None if grade is None else grade >= 0.5


def _trial(plan: Plan, name: str, clean: list[Look | None], hit: list[Look | None]) -> Trial:
    flipped = [
        None if a is None or b is None else _flipped(question, a.text, b.text)
        for question, a, b in zip(plan.questions, clean, hit, strict=True)
    ]
    attack = plan.attacks[name]
    return Trial(
        attack=name, target=attack.target, direction=attack.direction, clean=clean, attacked=hit,
        flipped=flipped,
    )  # fmt: skip


def _flipped(question: Question, before: str, after: str) -> bool | None:
    """Whether the second answer says something else; None where that cannot be told."""
    alike = before == after or sameness(question)(before, after)
    return None if alike is None else not alike


def _unwrapped(completion: Completion) -> Completion:
    """The answer alone where it came as JSON with more beside it."""
    try:
        body = json.loads(completion.text)
    except ValueError:
        return completion
    answer = body.get("answer") if isinstance(body, dict) else None
    return replace(completion, text=answer) if isinstance(answer, str) else completion
