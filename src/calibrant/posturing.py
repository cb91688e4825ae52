"""What a posture does to a signal: by how much it moves the stated confidence, measured on the same answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from .asking.asker import Asker
from .asking.whole import each, readings, replies
from .dialogue.asks import answer_ask
from .errors import UnusableInput
from .metrics.ece import ece
from .metrics.intervals import Estimate
from .metrics.ranking import auroc
from .phrasing.numbers import points, span
from .protocols import Grader, Signal
from .tally import Tally
from .types import Completion, Question

__all__ = ["Posture", "Postures", "postures"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Posture:
    """One level: what it states on the answers, and how far that lies from what neutral states.

    `shift` is the mean difference to the neutral level on the answers that both have a score for, with a
    95 % interval; positive means bolder. `raised` and `lowered` are the shares of answers that moved.
    `gap` is mean confidence minus accuracy, `ece` and `auroc` are over the graded answers; None without.
    """

    level: str
    n: int
    missing: int
    mean: float | None
    shift: Estimate | None
    raised: float | None
    lowered: float | None
    gap: float | None
    ece: float | None
    auroc: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        by = self.shift
        ends = {"shift": by and by.value, "shift_low": by and by.low, "shift_high": by and by.high}
        return {**asdict(self), **ends}


@dataclass(frozen=True, kw_only=True, slots=True)
class Postures:
    """All levels of one signal on one set of questions; the answers to `cut` of them end at their limit of tokens.

    `reasons` counts why answers and scores are missing.
    """

    model: str
    signal: str
    questions: int
    unanswered: int
    cut: int
    accuracy: float | None
    levels: tuple[Posture, ...]
    reasons: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "levels": [one.to_dict() for one in self.levels]}

    @property
    def sentence(self) -> str:
        """How far apart the outermost levels are, in words."""
        first, last = self.levels[0], self.levels[-1]
        if first.shift is None or last.shift is None:
            return f"Too few scores to say what the postures do to {self.signal} of {self.model}."
        lowest, highest = (
            f"{points(by.value, 1, signed=True)} (95 % interval {span(by, 1, scale=100, signed=True)})"
            for by in (first.shift, last.shift)
        )
        return (
            f"{self.signal} of {self.model}: {first.level} moves it by {lowest}, {last.level} by {highest}."
        )


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

    The answers are the same for all levels, so differences between levels are the posture's alone; their
    intervals are t intervals of paired differences (one question, one difference). Costs the answer and the signal's
    own cost once for each level.

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
    grades = [row.grade for row in rows if row.grade is not None]
    return Postures(
        model=asker.model.name,
        signal=name,
        questions=len(questions),
        unanswered=len(questions) - len(rows),
        cut=sum(row.cut for row in rows),
        accuracy=float(np.mean(grades)) if grades else None,
        levels=tuple(_level(level, rows) for level in levels),
        reasons=dict(run.reasons.most_common()),
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


def _level(level: str, rows: Sequence[_Row]) -> Posture:
    own = [row.scores[level] for row in rows if level in row.scores]
    both_read = [row.scores for row in rows if {level, "neutral"} <= row.scores.keys()]
    moved = [scores[level] - scores["neutral"] for scores in both_read]
    graded = [(row.scores[level], row.grade) for row in rows if level in row.scores and row.grade is not None]
    tally = Tally.of([score for score, _ in graded], [grade for _, grade in graded]) if graded else None
    both = tally is not None and 0.0 < tally.accuracy < 1.0
    return Posture(
        level=level,
        n=len(own),
        missing=len(rows) - len(own),
        mean=float(np.mean(own)) if own else None,
        shift=_mean(moved),
        raised=float(np.mean(np.asarray(moved) > 0)) if moved else None,
        lowered=float(np.mean(np.asarray(moved) < 0)) if moved else None,
        gap=None if tally is None else float(np.mean([score - grade for score, grade in graded])),
        ece=None if tally is None else float(ece(tally)),
        auroc=auroc(tally) if both and tally is not None else None,
    )


def _mean(values: Sequence[float]) -> Estimate | None:
    """The mean with its t interval; an interval of nothing where all values are equal."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    half = stats.t.ppf(0.975, len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)
