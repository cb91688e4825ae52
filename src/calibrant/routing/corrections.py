"""Is a second answer worth taking? The rule, what it mends and spoils, and what its confidence is then worth.

A map of first answers does not hold for accepted revisions: they answer questions that had just proved hard, and
were picked, among noisy probabilities, for looking likely (the winner's curse). Their probability is therefore
mapped once more, on accepted revisions alone, or only a part of the claimed rise is believed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, logit

from ..clusters import design_effects
from ..errors import NotEnoughLabels, UnusableInput
from ..fits.newton import Grades, newton
from ..maps.calibration import CalibrationMap
from ..maps.curves import Logistic, rate_interval
from ..metrics.intervals import Z95, Estimate
from ..plans.corrections import accepted
from ..tally import Floats, Tally

__all__ = [
    "THRESHOLDS", "Attempt", "Outcome", "Rule", "choose_margin", "choose_threshold", "cross_fitted", "fit_revised",
    "outcome",
]  # fmt: skip

Rule = Literal["guard", "every", "always"]
"""guard: doubtful answers, where the revision is likelier by the margin; every: doubtful answers, whatever comes;
always: all answers."""

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
NEVER = (0.0, 0.0)
"""Threshold and margin where no second look gains anything."""

MARGINS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
_EDGE = 1e-3
_SLOPE_PULL, _SHIFT_PULL, _LEAST = 8.0, 1.0, 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One labelled question that was answered and then answered again.

    `first` and `revised` are the calibrated probabilities of the first answer and of the likeliest other one,
    None where there is none; grades in [0, 1]. `again` is the grade of the plain second answer, which is taken
    where nobody compares. `calls`, `tokens` and `cost` (US dollars) are those of the second look alone, None where
    that is not known. Equal `cluster`: not independent; `weight` is 1 / the probability of having been labelled.
    """

    item: str
    first: float | None
    grade: float
    revised: float | None
    revised_grade: float | None
    again: float | None
    calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    weight: float = 1.0
    cluster: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a rule does to labelled questions: `mended` went from wrong to right, `spoiled` from right to wrong.

    `gain` is the mean change of the grade with its 95 % interval (Agresti and Min 2005, widened by clusters).
    `mending` is the share of the mended among both with its exact interval, None where nothing changed, and
    `sign_test` the exact two-sided probability of as uneven a split by chance. `calls`, `tokens` and `cost` (US
    dollars) are means a question, None where a look's is not known.
    """

    n: int
    doubted: int
    taken: int
    mended: int
    spoiled: int
    before: float
    after: float
    gain: Estimate
    mending: Estimate | None
    sign_test: float
    calls: float | None
    tokens: float | None
    cost: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def outcome(
    attempts: Sequence[Attempt],
    *,
    threshold: float | Sequence[float],
    margin: float | Sequence[float],
    rule: Rule = "guard",
) -> Outcome:
    """What a rule would have done to the attempts; threshold and margin of all, or one for each.

    Raises `NotEnoughLabels` without any. O(n).
    """
    if not attempts:
        raise NotEnoughLabels("The outcome of a self-correction", 1, 0)
    before = np.array([a.grade for a in attempts])
    at, by = (np.broadcast_to(np.asarray(v, float), before.shape).tolist() for v in (threshold, margin))
    doubted = np.array([_doubted(a, t, rule) for a, t in zip(attempts, at, strict=True)])
    taken = np.array([d and _taken(a, m, rule) for a, d, m in zip(attempts, doubted, by, strict=True)])
    other = [a.revised_grade if rule == "guard" else a.again for a in attempts]
    after = np.where(
        taken, [g if g is not None else a.grade for a, g in zip(attempts, other, strict=True)], before
    )
    weight = np.array([a.weight for a in attempts])
    change = after - before
    mended, spoiled = int((change > 0).sum()), int((change < 0).sum())
    return Outcome(
        n=len(attempts), doubted=int(doubted.sum()), taken=int(taken.sum()), mended=mended, spoiled=spoiled,
        before=float(weight @ before / weight.sum()), after=float(weight @ after / weight.sum()),
        gain=_gain(change, weight, [a.cluster or a.item for a in attempts]),
        mending=_share(mended, mended + spoiled),
        sign_test=min(1.0, 2 * float(bdtr(min(mended, spoiled), mended + spoiled, 0.5))),
        calls=_mean([a.calls for a in attempts], doubted), tokens=_mean([a.tokens for a in attempts], doubted),
        cost=_mean([a.cost for a in attempts], doubted),
    )  # fmt: skip


def _mean(each: Sequence[float | None], doubted: NDArray[np.bool_]) -> float | None:
    """What the looks took a question; None where that of one is not known, or of none."""
    known = [one for one, d in zip(each, doubted, strict=True) if d and one is not None]
    if len(known) < doubted.sum() or all(one is None for one in each):
        return None
    return math.fsum(known) / len(each)


def _doubted(a: Attempt, threshold: float, rule: Rule) -> bool:
    return rule == "always" or (a.first is not None and a.first < threshold)


def _taken(a: Attempt, margin: float, rule: Rule) -> bool:
    return accepted(a.first, a.revised, margin) if rule == "guard" else a.again is not None


def _gain(change: Floats, weight: Floats, cluster: list[str]) -> Estimate:
    """Mean change; half a mended and half a spoiled row are added, so that no change is not certainty of none."""
    n = float(weight.sum() ** 2 / (weight**2).sum())
    if len(set(cluster)) < len(cluster):
        n /= design_effects(np.zeros(len(change)), change, weight, np.array(cluster))[0]
    share = weight / weight.sum()
    value, square = float(share @ change), float(share @ change**2)
    mean = value * n / (n + 2)
    spread = (square * n + 1) / (n + 2) - mean**2
    half = Z95 * math.sqrt(max(spread, 0.0) / (n + 2))
    return Estimate(value, max(mean - half, -1.0), min(mean + half, 1.0))


def _share(part: int, whole: int) -> Estimate | None:
    if not whole:
        return None
    low, high = rate_interval(np.array([part]), np.array([whole]))
    return Estimate(part / whole, float(low[0]), float(high[0]))


def choose_margin(
    attempts: Sequence[Attempt], *, threshold: float, margins: Sequence[float] = MARGINS
) -> tuple[float, dict[float, Outcome]]:
    """The margin to accept by: the largest that loses no more than one standard error against the best one.

    The error is that of the difference between the two on the same questions. Where no margin gains anything the
    largest is taken, which changes least. Report on other questions than these: the best of several looks
    better than it is.
    """
    if not margins:
        raise UnusableInput("Expected at least one margin to choose from, such as 0.1.")
    tried = {m: outcome(attempts, threshold=threshold, margin=m) for m in sorted(margins)}
    best = max(tried, key=lambda m: (tried[m].gain.value, m))
    if tried[best].gain.value <= 0:
        return max(tried), tried
    weight = np.array([a.weight for a in attempts])
    code = np.unique([a.cluster or a.item for a in attempts], return_inverse=True)[1].ravel()
    change = {m: _change(attempts, threshold, m) for m in tried}

    def near(margin: float) -> bool:
        lost = change[best] - change[margin]
        mean = float(weight @ lost / weight.sum())
        sums = np.bincount(code, weight * (lost - mean))
        return mean <= float(np.sqrt((sums**2).sum()) / weight.sum())

    return max(m for m in tried if near(m)), tried


def choose_threshold(
    attempts: Sequence[Attempt],
    *,
    rule: Rule = "guard",
    thresholds: Sequence[float] = THRESHOLDS,
    wrong: float | None = None,
) -> tuple[float, float]:
    """The threshold, and the margin at it, of the largest net gain; the lowest of several, `NEVER` where none gains.

    With `wrong`, what a wrong answer costs in US dollars, the gain is weighed against what the looks cost.
    """
    best, worth = NEVER, 0.0
    for at in thresholds:
        margin = choose_margin(attempts, threshold=at)[0] if rule == "guard" else 0.0
        found = outcome(attempts, threshold=at, margin=margin, rule=rule)
        value = found.gain.value if wrong is None else found.gain.value * wrong - (found.cost or 0.0)
        if value > worth + 1e-12:
            best, worth = (at, margin), value
    return best


def cross_fitted(
    attempts: Sequence[Attempt],
    *,
    rule: Rule = "guard",
    wrong: float | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Outcome:
    """What choosing a threshold and a margin comes to on questions that were not chosen on; clusters stay whole."""
    names, code = np.unique([a.cluster or a.item for a in attempts], return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[code.ravel()]
    at, by = np.zeros(len(attempts)), np.zeros(len(attempts))
    for f in range(folds):
        rest = [a for a, own in zip(attempts, fold, strict=True) if own != f]
        if rest:
            at[fold == f], by[fold == f] = choose_threshold(rest, rule=rule, wrong=wrong)
    return outcome(attempts, threshold=at.tolist(), margin=by.tolist(), rule=rule)


def _change(attempts: Sequence[Attempt], threshold: float, margin: float) -> Floats:
    """What the guard changes of each grade."""
    return np.array(
        [
            (a.revised_grade or 0.0) - a.grade
            if _doubted(a, threshold, "guard") and _taken(a, margin, "guard") and a.revised_grade is not None
            else 0.0
            for a in attempts
        ]
    )


def fit_revised(
    attempts: Sequence[Attempt], *, threshold: float, margin: float, least: int = _LEAST
) -> CalibrationMap | None:
    """A map from the claimed to the true probability of accepted revisions; None below `least` of them.

    logit p' = a logit p + k with priors at a = 1 (as 8 pseudo-rows' worth of precision) and k = 0 (as 1), so that
    few revisions move it little and many decide. Fit it on questions that neither chose the margin nor fitted the
    map of first answers.
    """
    taken = [
        a for a in attempts
        if _doubted(a, threshold, "guard") and accepted(a.first, a.revised, margin)
        and a.revised_grade is not None
    ]  # fmt: skip
    if len(taken) < least:
        return None
    claimed = np.clip([a.revised or 0.0 for a in taken], _EDGE, 1 - _EDGE)
    grade = np.array([a.revised_grade or 0.0 for a in taken])
    weight = np.array([a.weight for a in taken])
    cluster: NDArray[Any] = np.array([a.cluster or a.item for a in taken])
    tally = Tally.of(claimed, grade, weight, cluster)
    scaled = weight * tally.n_eff / weight.sum()
    z = logit(claimed)
    prior, pull = np.array([1.0, 0.0]), np.array([_SLOPE_PULL, _SHIFT_PULL])
    theta, spread = newton(Grades(np.stack([z, np.ones_like(z)]), scaled * grade, scaled), prior, pull)
    slope = max(float(theta[0]), 0.0)
    full = ((spread[0, 0],) * 2 + (spread[0, 1],),) * 2 + ((spread[0, 1], spread[0, 1], spread[1, 1]),)
    curve = Logistic(
        a=slope, b=slope, k=float(theta[1]), inside=(_EDGE, 1 - _EDGE),
        covariance=tuple(map(tuple, np.array(full).tolist())),
    )  # fmt: skip
    statistics = {"claimed": float(np.average(claimed, weights=weight)), "right": tally.accuracy}
    return CalibrationMap.of("accepted_revisions", curve, tally, **statistics)
