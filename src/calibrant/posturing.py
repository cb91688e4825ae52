"""What a posture does to a signal: whether it moves the stated confidence as it asks, on the same answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from .asking.asker import Asker
from .asking.whole import each, readings, replies
from .dialogue.asks import answer_ask
from .errors import UnusableInput
from .metrics.ece import ece
from .metrics.intervals import Estimate
from .metrics.paired import Trend, mean_difference, sign_flip_p, trend
from .metrics.ranking import auroc
from .phrasing.numbers import points, span
from .plans.postures import MeasuredLevel, MeasuredPostures, Verdict
from .protocols import Grader, Signal
from .tally import Floats, Tally
from .types import Completion, Question

__all__ = ["Posture", "Postures", "postures"]

LEAST = 10
"""Answers read at every level that a verdict needs: of fewer, even all moving alike is hardly evidence."""
ALPHA = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Posture:
    """One level: what it states on the answers that every level has a score for, and how far that lies from neutral.

    `n` counts the answers with a score at this level, `missing` those without; all else is over the answers
    read at every level. `shift` is the mean difference to neutral with a 95 % interval; positive means bolder.
    `verdict` says whether it goes the way that the level asks for: None for neutral, and for too few answers.
    `raised` and `lowered` are the shares of answers that moved. `gap` is mean confidence minus accuracy, `ece` and
    `auroc` are over the graded answers; None without.
    """

    level: str
    n: int
    missing: int
    mean: float | None
    shift: Estimate | None
    verdict: Verdict | None
    raised: float | None
    lowered: float | None
    gap: float | None
    ece: float | None
    auroc: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), **_ends(self.shift)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Postures:
    """All levels of one signal on one set of questions; the answers to `cut` of them end at their limit of tokens.

    `common` answers have a score at every level and are compared, `dropped` lack one. `shift` is from the most
    careful to the boldest level, `trend` how steadily scores rise over the levels. `verdict` is None for fewer than 10
    common answers. `reasons` counts why answers and scores are missing.
    """

    model: str
    signal: str
    questions: int
    unanswered: int
    cut: int
    common: int
    dropped: int
    accuracy: float | None
    verdict: Verdict | None
    shift: Estimate | None
    trend: Trend | None
    levels: tuple[Posture, ...]
    reasons: Mapping[str, int]
    measured: MeasuredPostures = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "measured"}
        risen = {"trend": self.trend and self.trend.value, "trend_p": self.trend and self.trend.p}
        levels = [one.to_dict() for one in self.levels]
        return told | _ends(self.shift) | risen | {"levels": levels, "reasons": dict(self.reasons)}

    @property
    def sentence(self) -> str:
        """The verdict with its shift, and which levels go another way than they ask."""
        first, last = self.levels[0].level, self.levels[-1].level
        if self.verdict is None or self.shift is None:
            return (
                f"Too few answers with a score at every level to say what the postures do to {self.signal} of "
                f"{self.model}: {self.common}, of {LEAST} that it needs."
            )
        moved = f"{points(self.shift.value, 1, signed=True)} (95 % interval {_span(self.shift)})"
        told = [
            f"The posture {SAID[self.verdict]} {self.signal} of {self.model}: from {first} to {last} it moves by "
            f"{moved} on {self.common} answers."
        ]
        for one in self.levels:
            if one.verdict == "reversed" and one.shift is not None:
                by = points(one.shift.value, 1, signed=True)
                told.append(f"{one.level} is reversed: it moves by {by} ({_span(one.shift)}).")
        return " ".join(told)


SAID: Mapping[Verdict, str] = {
    "steers": "steers", "does not steer": "does not steer", "reversed": "does the reverse of what it asks to"
}  # fmt: skip


async def postures(
    questions: Sequence[Question],
    *,
    asker: Asker,
    name: str,
    levels: Mapping[str, Signal],
    grader: Grader | None = None,
    workers: int = 16,
    progress: Callable[[int], None] | None = None,
) -> Postures:
    """Answer every question once and read a signal under each posture.

    The answers are the same for all levels, and only those with a score at every level are compared, so differences
    are the posture's alone. Intervals draw questions again (one question, one difference). A level steers, or is
    reversed, where its interval lies on that side of nothing and so do the signs (p <= 0.05 by `sign_flip_p`). All
    levels together steer where the outermost two do, scores rise over all of them (`trend`, p <= 0.05) and no level is
    reversed; they are reversed where the outermost two are. Costs the answer, and the signal's own cost once for each
    level.

    Parameters
    ----------
    name : what the signal is called
    levels : the signal under each posture, the most careful first; neutral is among them
    grader : grades answers; it must not ask a model
    progress : called with how many questions are done

    Raises `UnusableInput` without the level neutral and for fewer than two answers, and `BudgetSpent` or
    `ModelUnavailable` where calls are missing that may succeed another time.
    """
    if "neutral" not in levels:
        raise UnusableInput(f"Expected the level neutral among the postures; got {', '.join(levels)}.")
    run = _Run(asker, levels, grader)
    rows = [
        row for some in await each(questions, run.one, workers=workers, progress=progress) for row in some
    ]
    if len(rows) < 2:
        why = "".join(f" Mostly: {reason}" for reason, _ in run.reasons.most_common(1)) or " Add questions."
        raise UnusableInput(
            f"Measuring postures needs at least 2 answers, got {len(rows)} to {len(questions)} questions.{why}"
        )
    return _found(asker.model.name, name, levels, rows, run.reasons, len(questions))


def _found(
    model: str,
    name: str,
    levels: Mapping[str, Signal],
    rows: Sequence[_Row],
    reasons: Counter[str],
    questions: int,
) -> Postures:
    common = [row for row in rows if levels.keys() <= row.scores.keys()]
    scores = np.array([[row.scores[level] for level in levels] for row in common]).reshape(
        len(common), len(levels)
    )
    enough = len(common) >= LEAST
    risen = trend(scores) if len(common) > 1 else None
    moved = scores[:, -1] - scores[:, 0]
    verdict = _verdict(moved, 1) if enough else None
    grades = [row.grade for row in rows if row.grade is not None]
    told = tuple(_level(level, list(levels), rows, common) for level in levels)
    rises = risen is not None and risen.value > 0 and risen.p <= ALPHA
    if verdict == "steers" and (not rises or any(one.verdict == "reversed" for one in told)):
        verdict = "does not steer"
    shift = mean_difference(moved) if len(common) > 1 else None
    marks = {level: signal.fingerprint for level, signal in levels.items()}
    kept = tuple(
        MeasuredLevel(
            level=one.level, prompt=marks[one.level][0], parameters=marks[one.level][1],
            verdict=one.verdict, shift=one.shift,
        )
        for one in told
    )  # fmt: skip
    return Postures(
        model=model,
        signal=name,
        questions=questions,
        unanswered=questions - len(rows),
        cut=sum(row.cut for row in rows),
        common=len(common),
        dropped=len(rows) - len(common),
        accuracy=float(np.mean(grades)) if grades else None,
        verdict=verdict,
        shift=shift,
        trend=risen,
        levels=told,
        reasons=dict(reasons.most_common()),
        measured=MeasuredPostures(
            model=model, signal=name, answers=len(common), verdict=verdict, shift=shift, levels=kept
        ),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """An answer: what the signal says of it under each posture, and its grade."""

    scores: Mapping[str, float]
    grade: float | None
    cut: bool


@dataclass(frozen=True, slots=True)
class _Run:
    asker: Asker
    levels: Mapping[str, Signal]
    grader: Grader | None
    reasons: Counter[str] = field(default_factory=Counter)

    async def one(self, question: Question) -> list[_Row]:
        answered = await replies(self.asker, answer_ask(question, self.levels.values()))
        if not answered.completions:
            self.reasons[f"answer: {answered.reason}"] += 1
        return [await self._read(question, answer) for answer in answered.completions]

    async def _read(self, question: Question, answer: Completion) -> _Row:
        read = await readings(self.levels, question, answer, self.asker, self.reasons)
        grade = self.grader.grade(question, answer) if self.grader else None
        return _Row(
            scores={one.signal: float(one.score) for one in read if one.score is not None},
            grade=grade if isinstance(grade, float) else None,
            cut=answer.finish_reason == "length",
        )


def _level(level: str, order: list[str], rows: Sequence[_Row], common: Sequence[_Row]) -> Posture:
    own = [row.scores[level] for row in common]
    moved = [row.scores[level] - row.scores["neutral"] for row in common]
    wanted = order.index(level) - order.index("neutral")
    graded = [(row.scores[level], row.grade) for row in common if row.grade is not None]
    tally = Tally.of([score for score, _ in graded], [grade for _, grade in graded]) if graded else None
    both = tally is not None and 0.0 < tally.accuracy < 1.0
    read = sum(level in row.scores for row in rows)
    return Posture(
        level=level,
        n=read,
        missing=len(rows) - read,
        mean=float(np.mean(own)) if own else None,
        shift=mean_difference(moved) if len(moved) > 1 else None,
        verdict=_verdict(moved, wanted) if wanted and len(common) >= LEAST else None,
        raised=float(np.mean(np.asarray(moved) > 0)) if moved else None,
        lowered=float(np.mean(np.asarray(moved) < 0)) if moved else None,
        gap=None if tally is None else float(np.mean([score - grade for score, grade in graded])),
        ece=None if tally is None else float(ece(tally)),
        auroc=auroc(tally) if both and tally is not None else None,
    )


def _verdict(moved: Sequence[float] | Floats, wanted: int) -> Verdict:
    """Whether differences lie on the wanted side of nothing, by their interval and by their signs."""
    by = mean_difference(moved)
    if sign_flip_p(moved) > ALPHA or by.low <= 0.0 <= by.high:
        return "does not steer"
    return "steers" if by.value * wanted > 0 else "reversed"


def _ends(by: Estimate | None) -> dict[str, float | None]:
    if by is None:
        return dict.fromkeys(("shift", "shift_low", "shift_high"))
    return {"shift": by.value, "shift_low": by.low, "shift_high": by.high}


def _span(by: Estimate) -> str:
    return span(by, 1, scale=100, signed=True)
