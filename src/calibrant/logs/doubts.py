"""What makes numbers doubtful although every row can be read: said before them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from shlex import quote

import numpy as np

from ..phrasing.numbers import of_100
from ..tally import Tally
from .binary import of_prediction
from .keys import Key
from .roles import Roles
from .values import NO_VERDICT

__all__ = ["doubts", "tells_the_verdict"]

FEWEST = 20
"""Rows below which a perfect order is likely enough by chance."""
_DOUBTFUL = 0.4
"""A confidence below which a model would hardly give an answer as its own."""
_CHANCE = re.compile(
    r"(?:^|[_.\W])(?:p|prob|probs|probability|proba|forecast|prediction|chance)(?:$|[_.\W])", re.I
)
_HAPPENED = re.compile(
    r"(?:^|[_.\W])(?:outcome|label|target|event|y|happened|occurred|resolved|resolution|realized|realised)(?:$|[_.\W])",
    re.I,
)
"""Names of chances of an event, and of whether it happened: an answer's own are seldom called both."""
REVERSED = 0.4
"""AUROC below which an order that chance does not explain is the other way round."""


def tells_the_verdict(tally: Tally) -> str | None:
    """How the scores give the verdicts away, where they do: they are the grader's, and no confidence.

    None below 20 rows, or with fewer than five right or wrong ones.

    >>> tells_the_verdict(Tally.of([1.0, 0.0] * 20, [1, 0] * 20))
    'it is the verdict itself'
    >>> tells_the_verdict(Tally.of([0.9, 0.6, 0.2] * 20, [1, 0, 0] * 20))
    'all right answers lie on one side of a threshold, all wrong ones on the other'
    >>> tells_the_verdict(Tally.of([0.9, 0.6, 0.9, 0.6] * 20, [1, 0, 0, 0] * 20))
    """
    if tally.rows < FEWEST or not len(tally.score):
        return None
    rate = tally.hits / tally.weight
    if len(tally.score) > 1 and np.allclose(rate, tally.score, rtol=0, atol=1e-4) and np.ptp(rate) > 0.1:
        same = np.allclose(tally.hits2, tally.hits * rate, rtol=1e-3, atol=1e-6)
        return "it is the verdict itself" if same else None
    right, wrong = rate > 1 - 1e-9, rate < 1e-9
    mean_weight = tally.weight.sum() / tally.rows
    if (
        not (right | wrong).all()
        or min(tally.weight[right].sum(), tally.weight[wrong].sum()) < 5 * mean_weight
    ):
        return None
    low, high = tally.score[right], tally.score[wrong]
    if low.min() > high.max() or low.max() < high.min():
        return "all right answers lie on one side of a threshold, all wrong ones on the other"
    if tally.rows >= 5 * len(tally.score):
        return "each of its few values has one verdict only"
    return None


def _swapped(tally: Tally, roles: Roles) -> list[tuple[str, str]]:
    """Whether the confidences are 0 and 1, and the verdicts shares."""
    if (
        tally.rows < FEWEST
        or tally.score.tolist() != [0.0, 1.0]
        or tally.hits2.sum() > 0.98 * tally.hits.sum()
    ):
        return []
    return [
        (
            "The confidence holds nothing but 0 and 1, and the verdict shares between them",
            f": are the two columns swapped? --confidence {quote(roles.correct)} --correct {quote(roles.confidence)}",
        )
    ]


def _reversed(tally: Tally) -> list[tuple[str, str]]:
    """Whether wrong answers have the higher confidences, beyond chance."""
    hits, misses = tally.hits, tally.weight - tally.hits
    right, wrong = hits.sum(), misses.sum()
    if tally.rows < FEWEST or min(right, wrong) < 5 * tally.weight.sum() / tally.rows:
        return []
    order = np.argsort(tally.score)
    below = np.cumsum(misses[order]) - misses[order] / 2
    auroc = float((hits[order] * below).sum() / (right * wrong))
    spread = np.sqrt((1 / right + 1 / wrong) * tally.weight.sum() / tally.rows / 12)
    if auroc >= REVERSED or (0.5 - auroc) < 4 * spread:
        return []
    return [
        (
            f"Wrong answers have higher confidences than right ones (AUROC {auroc:.2f})",
            ": does a higher number mean less sure (--scale uncertainty), or does the verdict say what is wrong "
            "(--right and --wrong name its words)?",
        )
    ]


def _of_an_event(tally: Tally, roles: Roles) -> list[tuple[str, str]]:
    """Whether the confidences look like chances that something happens: many are low, and those seldom come true.

    Where both columns have names that forecasts have, a tenth of low ones is enough, however well they tell.
    """
    weight, low = tally.weight, tally.score < _DOUBTFUL
    if tally.rows < FEWEST or not low.any() or of_prediction(roles.confidence):
        return []
    share, least = weight[low].sum() / weight.sum(), weight[tally.score < _DOUBTFUL / 2].sum() / weight.sum()
    below, above = (tally.hits[at].sum() / max(weight[at].sum(), 1e-12) for at in (low, ~low))
    named = _CHANCE.search(roles.confidence) and _HAPPENED.search(roles.correct)
    seldom = below <= (0.5 if named else _DOUBTFUL)
    if not seldom or share < (0.1 if named else 0.25):
        return []
    if not named and (low.all() or least < 0.05 or above < below + 0.1):
        return []
    low_of = f"{of_100(share)} of 100 confidences lie below {of_100(_DOUBTFUL)}"
    return [
        (
            f"{low_of}, and of those {of_100(below)} of 100 are right",
            ": are they chances of an event, and not of an answer being right? Then 'right' says 'it happened': "
            "--scale event (in Python scale='event') reads each as an answer, the side that it leans to.",
        )
    ]


def _alike(tally: Tally, empty: int) -> list[tuple[str, str]]:
    """Whether every verdict is the same, and a twentieth of the rows or more have none."""
    rate = tally.hits.sum() / tally.weight.sum()
    if tally.rows < FEWEST or 20 * empty < tally.rows or 1e-12 < rate < 1 - 1e-12:
        return []
    side, other = ("right", "wrong") if rate > 0.5 else ("wrong", "right")
    return [
        (
            f"All {tally.rows:,} answers with a verdict are {side}",
            f", and {empty:,} have none: where an empty cell stands for a {other} one, fill it in.",
        )
    ]


def doubts(groups: Mapping[Key, Tally], roles: Roles, lost: Mapping[Key, Mapping[str, int]]) -> list[str]:
    """Sentences on the groups of a log that give reason to doubt what the columns are."""
    notes = []
    for key, tally in groups.items():
        empty = lost.get(key, {}).get(NO_VERDICT, 0)
        where = f" ({', '.join(map(str, key))})" if key else ""
        if why := tells_the_verdict(tally):
            notes.append(
                f"The confidence {roles.confidence!r} tells right from wrong without one mistake{where}: {why}. So "
                "looks a grader's own score, not what a model is sure of; name the model's with --confidence."
            )
        told = (
            *_swapped(tally, roles),
            *_reversed(tally),
            *_of_an_event(tally, roles),
            *_alike(tally, empty),
        )
        notes += [f"{what}{where}{then}" for what, then in told]
        at = tally.score == 0
        zeros, share = tally.weight[at].sum(), tally.weight[at].sum() / tally.weight.sum()
        if share >= 0.2 and tally.hits[at].sum() > 0.5 * zeros:
            notes.append(
                f"{of_100(share)} of 100 rows{where} have a confidence of exactly 0, and most of them are right: was "
                "0 stored where none could be read? Leave such cells empty."
            )
    return notes
