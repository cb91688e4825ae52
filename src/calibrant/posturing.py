"""What a posture does to a signal: by how much it moves the stated confidence, measured on the same answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from .asking.asker import Asker
from .asking.elicit import read
from .dialogue.asks import answer_ask
from .dialogue.posture import POSTURES
from .errors import NotEnoughLabels, UnusableInput
from .metrics.ece import ece
from .metrics.ranking import auroc
from .named import signals_named
from .protocols import Grader
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
    shift: float | None
    shift_low: float | None
    shift_high: float | None
    raised: float | None
    lowered: float | None
    gap: float | None
    ece: float | None
    auroc: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Postures:
    """All levels of one signal on one set of questions; the answers to `cut` of them end at their limit of tokens."""

    model: str
    signal: str
    questions: int
    unanswered: int
    cut: int
    accuracy: float | None
    levels: tuple[Posture, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """How far apart the outermost levels are, in words."""
        first, last = self.levels[0], self.levels[-1]
        if first.shift is None or last.shift is None:
            return f"Too few scores to say what the postures do to {self.signal} of {self.model}."
        lowest, highest = (
            f"{100 * one.shift:+.1f} points (95 % interval {100 * one.shift_low:+.1f} to {100 * one.shift_high:+.1f})"
            for one in (first, last)
            if one.shift is not None and one.shift_low is not None and one.shift_high is not None
        )
        return (
            f"{self.signal} of {self.model}: {first.level} moves it by {lowest}, {last.level} by {highest}."
        )


async def postures(
    questions: Sequence[Question],
    *,
    asker: Asker,
    signal: str = "verbalized",
    grader: Grader | None = None,
    levels: Sequence[str] = tuple(POSTURES),
    workers: int = 16,
    progress: Callable[[int], None] | None = None,
) -> Postures:
    """Answer every question once and read the signal under each posture.

    The answers are the same for all levels, so differences between levels are the posture's alone; their
    intervals are t intervals of paired differences (one question, one difference). `progress` is given how
    many questions are done. Costs the answer and the signal's own cost once for each level.

    Raises `UnusableInput` when the signal takes no posture, `NotEnoughLabels` for fewer than two answers.
    """
    made = {level: next(iter(signals_named(signal, level).values())) for level in levels}
    if "neutral" not in made:
        raise UnusableInput(f"Expected the level neutral among the postures; got {', '.join(levels)}.")
    rows: list[tuple[dict[str, float], float | None]] = []
    gate = asyncio.Semaphore(workers)
    left, cut = len(questions), 0

    async def one(question: Question) -> None:
        nonlocal left, cut
        async with gate:
            replies = await asker.ask(answer_ask(question, made.values()))
            for answer in replies.completions:
                rows.append(await _read(question, answer, made, asker, grader))
                cut += answer.finish_reason == "length"
        left -= 1
        if progress:
            progress(len(questions) - left)

    await asyncio.gather(*(one(question) for question in questions))
    if len(rows) < 2:
        raise NotEnoughLabels("Measuring postures", 2, len(rows))
    grades = [grade for _, grade in rows if grade is not None]
    return Postures(
        model=asker.model.name,
        signal=signal,
        questions=len(questions),
        unanswered=len(questions) - len(rows),
        cut=cut,
        accuracy=float(np.mean(grades)) if grades else None,
        levels=tuple(_level(level, rows) for level in levels),
    )


async def _read(
    question: Question, answer: Completion, made: dict[str, Any], asker: Asker, grader: Grader | None
) -> tuple[dict[str, float], float | None]:
    readings = await read(made, question, answer, asker)
    scores = {reading.signal: float(reading.score) for reading in readings if reading.score is not None}
    grade = grader.grade(question, answer) if grader else None
    return scores, grade if isinstance(grade, float) else None


def _level(level: str, rows: Sequence[tuple[dict[str, float], float | None]]) -> Posture:
    own = [scores[level] for scores, _ in rows if level in scores]
    moved = [scores[level] - scores["neutral"] for scores, _ in rows if {level, "neutral"} <= scores.keys()]
    graded = [(s[level], grade) for s, grade in rows if level in s and grade is not None]
    tally = Tally.of([score for score, _ in graded], [grade for _, grade in graded]) if graded else None
    both = tally is not None and 0.0 < tally.accuracy < 1.0
    shift, low, high = _mean(moved)
    return Posture(
        level=level,
        n=len(own),
        missing=len(rows) - len(own),
        mean=float(np.mean(own)) if own else None,
        shift=shift,
        shift_low=low,
        shift_high=high,
        raised=float(np.mean(np.asarray(moved) > 0)) if moved else None,
        lowered=float(np.mean(np.asarray(moved) < 0)) if moved else None,
        gap=None if tally is None else float(np.mean([score - grade for score, grade in graded])),
        ece=None if tally is None else float(ece(tally)),
        auroc=auroc(tally) if both and tally is not None else None,
    )


def _mean(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """The mean with its t interval; an interval of nothing where all values are equal."""
    if len(values) < 2:
        return None, None, None
    mean = math.fsum(values) / len(values)
    half = stats.t.ppf(0.975, len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, mean - half, mean + half
