"""What a posture does to a signal: by how much it moves the stated confidence, measured on the same answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from .asking.asker import Asker, Interrupted
from .asking.elicit import read
from .assembly.named import signals_named
from .dialogue.asks import answer_ask
from .dialogue.posture import POSTURES
from .errors import BudgetSpent, ModelUnavailable, UnusableInput
from .http.loop import gathered
from .metrics.ece import ece
from .metrics.ranking import auroc
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

    Raises `UnusableInput` when the signal takes no posture and for fewer than two answers, and `BudgetSpent`
    or `ModelUnavailable` where calls are missing that may succeed another time.
    """
    made = {level: next(iter(signals_named(signal, level).values())) for level in levels}
    if "neutral" not in made:
        raise UnusableInput(f"Expected the level neutral among the postures; got {', '.join(levels)}.")
    rows: list[tuple[dict[str, float], float | None]] = []
    reasons, source, counts = Counter[str](), iter(questions), Counter[str]()

    async def work() -> None:
        for question in source:  # shared: each worker takes the next one
            replies = await asker.ask(answer_ask(question, made.values()))
            if isinstance(replies, Interrupted):
                raise _stopped(asker, replies.reason)
            for answer in replies.completions:
                rows.append(await _read(question, answer, made, asker, grader, reasons))
                counts["cut"] += answer.finish_reason == "length"
            if not replies.completions:
                reasons[f"answer: {replies.reason}"] += 1
            counts["done"] += 1
            if progress:
                progress(counts["done"])

    await gathered(work() for _ in range(workers))
    if len(rows) < 2:
        why = "".join(f" Mostly: {reason}" for reason, _ in reasons.most_common(1)) or " Add questions."
        raise UnusableInput(
            f"Measuring postures needs at least 2 answers, got {len(rows)} to {len(questions)} questions.{why}"
        )
    grades = [grade for _, grade in rows if grade is not None]
    return Postures(
        model=asker.model.name,
        signal=signal,
        questions=len(questions),
        unanswered=len(questions) - len(rows),
        cut=counts["cut"],
        accuracy=float(np.mean(grades)) if grades else None,
        levels=tuple(_level(level, rows) for level in levels),
        reasons=dict(reasons.most_common()),
    )


async def _read(
    question: Question,
    answer: Completion,
    made: dict[str, Any],
    asker: Asker,
    grader: Grader | None,
    reasons: Counter[str],
) -> tuple[dict[str, float], float | None]:
    readings = await read(made, question, answer, asker)
    for reading in readings:
        if reading.detail.get("interrupted"):
            raise _stopped(asker, reading.reason)
        if reading.reason:
            reasons[f"{reading.signal}: {reading.reason}"[:120]] += 1
    scores = {reading.signal: float(reading.score) for reading in readings if reading.score is not None}
    grade = grader.grade(question, answer) if grader else None
    return scores, grade if isinstance(grade, float) else None


def _stopped(asker: Asker, reason: str | None) -> BudgetSpent | ModelUnavailable:
    kind = BudgetSpent if asker.spent else ModelUnavailable
    return kind(f"{reason} Run the same again; with --calls FILE it goes on where it stopped.")


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
