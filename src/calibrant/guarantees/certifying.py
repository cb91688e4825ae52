"""From labelled scores to a certificate: a threshold with a promise that holds in finite samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, ndtri

from ..clusters import Picked
from ..errors import Misuse, UnusableInput
from ..fits.logistic import fit_logistic
from ..maps.calibration import CalibrationMap
from ..maps.curves import rate_interval
from ..metrics.intervals import Estimate
from ..plans.certificates import Certificate, Over, Risk
from ..tally import Floats, Tally
from ..types import Fingerprint
from .drawing import Sample, counted, drawn
from .walking import Walked, fewest, start_rank, walk

__all__ = ["certify", "spent"]

_SAFE = 0.6
_POWER = 0.8
_LEAST_SENT = 0.01
"""Share of the answers that must be sent for a threshold to be worth labels."""
_FEW = 10
"""Fewer labels than these never exclude that a threshold would do: one or two may just be unlucky."""
_CLEARLY = 0.98
"""A risk above this part of `max_error` is too near to it for any number of labels."""


def certify(
    scores: ArrayLike,
    correct: ArrayLike,
    *,
    max_error: float,
    delta: float,
    weight: ArrayLike | None = None,
    count: ArrayLike | None = None,
    picked: Picked | None = None,
    largest: float | None = None,
    cluster: ArrayLike | None = None,
    prior_map: CalibrationMap | None = None,
    risk: Risk = "selective",
    over: Over = "answers",
    ordered: bool = True,
    issue: int | None = None,
    start_delta: float | None = None,
    by: Mapping[str, str | None] | None = None,
    fingerprint: Fingerprint | None = None,
    seed: int = 0,
) -> Certificate:
    """Find the lowest threshold above which at most `max_error` of the answers are wrong, and promise it.

    With probability at least 1 - `delta` over the labelled answers, at most `max_error` of the answers with
    score >= threshold are wrong. The test is the exact binomial one, in fixed sequence from a start that knows
    no label; answers of equal score stay together. That none can be certified is a value, not an error.

    Parameters
    ----------
    scores : shape (n,), in [0, 1]
        Higher means surer.
    correct : shape (n,)
        Right or wrong, or a grade in [0, 1], of which 1 - grade is the error. A grade between is replaced by a
        coin that falls right with that probability, which keeps the test exact.
    max_error, delta : float, between 0 and 1
    weight : shape (n,), optional
        1 / the probability with which the answer came to be labelled. An answer is kept with probability
        weight / largest weight, so that those kept are drawn as answers come.
    count : shape (n,), whole numbers, optional
        How many equal answers each row stands for, of its weight, and with `ordered`: what an engine counts of a long
        log. What is certified is what those answers would give one by one; where some are drawn, in law.
    picked : calibrant.clusters.Picked, optional
        With `count`, in place of `cluster`: one answer of each cluster, as an engine drew it.
    largest : float, optional
        The largest weight that can come; None for that of the labelled answers: of a kind of which none was labelled
        the promise says nothing.
    cluster : shape (n,), optional
        Answers with equal values are not independent; a missing value is a cluster of its own. One of them is drawn,
        by weight. See `over`.
    prior_map : CalibrationMap, optional
        Fitted on EARLIER labels. Thresholds are then at its probabilities, the certificate is bound to it, and
        the walk starts no higher than where it predicts the error of an answer to be 0.6 `max_error`.
    risk : "selective" or "joint"
        Joint risk is the share of all answers that are sent and wrong: another promise, and a weaker one.
    over : "answers" or "clusters"
        Of which answers the promise is, where there are clusters. Over answers a cluster is kept with probability its
        total weight / the largest total, which is taken to be the largest that can come, so that what is tested was
        drawn as answers come: clusters of uneven size cost labels. Over clusters each counts once, whatever its size:
        where large clusters are harder, more of the answers sent are wrong than is promised of one answer a cluster.
    ordered : bool
        See `calibrant.guarantees.walking.walk`: False assumes nothing, and costs labels where scores are tied.
    issue : int, optional
        The number of this certificate in a series that is to hold together: it spends 6 / (pi issue)^2 of delta.
    start_delta : float, optional
        The smallest `delta` that may be tried on the same labels: the walk starts where that one starts, so that a
        larger `delta` certifies whatever a smaller one does.
    by, fingerprint : what the certificate is for
    seed : int
        Of the draws, which depend on the content of the rows too, and not on their order.

    Raises
    ------
    UnusableInput
        A value missing, NaN or out of range; lengths that differ; weights that differ, over clusters; a map that was
        fitted on these very labels, or one that falls as the score rises.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> scores = np.round(rng.beta(5, 1.3, 2000), 2)
    >>> right = rng.random(2000) < scores
    >>> c = certify(scores, right, max_error=0.1, delta=0.1)
    >>> c.certified, c.threshold, round(c.coverage.value, 2)
    (True, 0.82, 0.5)
    >>> certify(scores[:30], right[:30], max_error=0.01, delta=0.1).certified
    False
    """
    _check(max_error, delta, risk, over, issue)
    if count is None:
        tally, sample = (
            Tally.of(scores, correct, weight),
            drawn(scores, correct, weight, cluster, over, seed, largest or 0.0),
        )
    else:
        if cluster is not None or not ordered:
            raise Misuse(
                "Answers that were counted are walked through in order, and have no ids of clusters."
            )
        c, g, n = (np.asarray(one, dtype=np.float64) for one in (scores, correct, count))
        w = None if weight is None else np.asarray(weight, dtype=np.float64)
        tally = Tally.counted(c, g, n.astype(np.int64), w)
        sample = counted(c, g, n, seed, weight=w, picked=picked, over=over, largest=largest or 0.0)
    prior_map = getattr(prior_map, "map", prior_map)
    if prior_map is not None:
        _check_map(prior_map, tally, fingerprint)
    level = spent(delta, issue)
    of_map = sample.scores if prior_map is None else prior_map(sample.scores)
    start_at = None if prior_map is None else 1 - _SAFE * max_error
    found = walk(
        of_map[sample.kept], sample.wrong[sample.kept], sample.tie[sample.kept], sample.tested[sample.kept],
        max_error=max_error, level=level, risk=risk, start_at=start_at, ordered=ordered,
        start_level=level if start_delta is None else spent(start_delta, issue),
    )  # fmt: skip
    coverage, threshold = Estimate(0.0, 0.0, 0.0), found.threshold
    if found.threshold is not None:
        coverage = _coverage(of_map >= found.threshold, sample)
        threshold = _lowest(prior_map, sample.scores, found.threshold)
    needed, reason = (None, None) if threshold is not None else _needed(tally, sample, max_error, level, risk)
    return Certificate(
        by=dict(by or {}), certified=threshold is not None, threshold=threshold, coverage=coverage,
        max_error=max_error, delta=delta, labels_used=tally.rows, labels_needed=needed,
        method=_method(sample, risk, found), reason=reason, risk=risk, scale="score",
        threshold_p=None if prior_map is None else found.threshold,
        map_id=None if prior_map is None else prior_map.map_id,
        fingerprint=fingerprint or (Fingerprint() if prior_map is None else prior_map.fingerprint),
        issue=issue, level=level, tested=int(sample.tested.sum()), accepted=found.accepted, wrong=found.wrong,
        start=found.start, max_weight=sample.top, evidence=tally.digest, seed=seed,
        over=over if sample.clustered else "answers", together=1,
    )  # fmt: skip


def spent(delta: float, issue: int | None) -> float:
    """What the `issue`-th certificate may spend of `delta`: delta x 6 / (pi^2 issue^2); all where it is the only one.

    The parts of all issues, however many there will be, add up to `delta`.

    >>> round(spent(0.1, 1), 4), round(spent(0.1, 2), 4), spent(0.1, None)
    (0.0608, 0.0152, 0.1)
    """
    return delta if issue is None else delta * 6 / (math.pi * issue) ** 2


def _check(max_error: float, delta: float, risk: str, over: str, issue: int | None) -> None:
    for name, value in (("max_error", max_error), ("delta", delta)):
        if not 0 < value < 1:
            raise Misuse(f"{name} must lie between 0 and 1, such as 0.1; got {value!r}.")
    if risk not in ("selective", "joint"):
        raise Misuse(f"risk must be 'selective' or 'joint'; got {risk!r}.")
    if over not in ("answers", "clusters"):
        raise Misuse(f"over must be 'answers' or 'clusters'; got {over!r}.")
    if issue is not None and issue < 1:
        raise Misuse(f"issue counts from 1; got {issue!r}.")


def _check_map(prior_map: Any, tally: Tally, fingerprint: Fingerprint | None) -> None:
    if not isinstance(prior_map, CalibrationMap):
        raise UnusableInput(
            f"prior_map must be a CalibrationMap of one signal, got {type(prior_map).__name__}. Certify what a "
            "blend gives by itself: `calibrant apply`, then its column `p`."
        )
    prior_map.check(fingerprint)
    grid = np.unique(np.r_[np.linspace(0, 1, 1001), tally.score])
    if (np.diff(prior_map(grid)) < -1e-9).any():
        raise UnusableInput(
            f"The map {prior_map.map_id} ({prior_map.calibrator}) falls somewhere as the score rises, so the answers "
            "at or above a probability are not those at or above a score. Fit one that does not fall, such as "
            "`calibrant fit LOG --calibrator isotonic`."
        )
    if tally.rows and prior_map.evidence.digest == tally.digest:
        raise UnusableInput(
            f"The map {prior_map.map_id} was fitted on these very labels, so a promise resting on both would not "
            "hold. Give labels made after the map, or leave the map out."
        )


def _coverage(reached: NDArray[np.bool_], sample: Sample) -> Estimate:
    """Share of answers, with the band of Dvoretzky, Kiefer, Wolfowitz and Massart, which holds at every threshold.

    It is that of as many independent answers as there are clusters, counted by the squares of their weights.
    """
    weight = sample.weight
    value = float(weight[reached].sum() / weight.sum())
    n_eff = float(weight.sum() ** 2 / sample.squares)
    half = math.sqrt(math.log(2 / 0.05) / (2 * n_eff))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _lowest(prior_map: CalibrationMap | None, scores: Floats, threshold: float) -> float:
    """The lowest score whose probability reaches a threshold on the map's scale."""
    if prior_map is None:
        return threshold
    reaches = prior_map(scores) >= threshold
    seen = high = float(scores[reaches].min())
    if prior_map([0.0])[0] >= threshold:
        return 0.0
    low = float(scores[~reaches].max(initial=0.0))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if prior_map([middle])[0] >= threshold else (middle, high)
    return seen if seen - high < 1e-9 else high


def _method(sample: Sample, risk: Risk, found: Walked) -> str:
    parts = ["exact binomial, joint risk" if risk == "joint" else "fixed sequence, exact binomial"]
    uneven = sample.clustered and sample.uneven
    parts += ["one answer per cluster"] if sample.clustered else []
    parts += ["clusters thinned by size"] if uneven and not sample.weighted else []
    parts += ["thinned by weight"] if sample.weighted else []
    parts += ["grades drawn as coins"] if sample.graded else []
    parts += [f"from the {found.start} surest"] if found.start else []
    return ", ".join(parts)


def _needed(
    tally: Tally, sample: Sample, max_error: float, level: float, risk: Risk
) -> tuple[int | None, str]:
    """About how many more labels would certify with probability 0.8 if risk is as a Platt map says; and why."""
    least = fewest(max_error, level)
    if not tally.rows:
        return least, f"no labelled answers: {least} are the least, all of them right"
    if tally.rows < least and tally.accuracy == 1:
        return least - tally.rows, (
            f"too few labels: {tally.rows} of them are right, and {least} are the least, all of them right"
        )
    sent = np.cumsum(tally.weight[::-1]) / tally.total
    some = sent >= min(_LEAST_SENT, sent.max())
    sent = sent[some]
    likely, best = (error[some] for error in _errors(tally, sample, risk))
    far = (likely < _CLEARLY * max_error).any()
    if not far and tally.rows >= _FEW and not (best < _CLEARLY * max_error).any():
        return None, (
            f"even of the surest answers, {_LEAST_SENT:.0%} of all or more, about {float(likely.min()):.2%} are "
            f"predicted to be wrong, and {float(best.min()):.2%} at the least, as far as {tally.rows:,} labels "
            f"tell; where that is so, no number of labels brings that clearly below {max_error:.2%}"
        )
    # where none was drawn, as many as would be on the average
    per_tested = tally.rows / (int(sample.tested.sum()) or tally.total / sample.top)
    more = math.ceil(_fewest_more(sample, max_error, level, risk) * per_tested)
    if not far:
        return more, (
            "too few labels: as they look no threshold would do, but they are too few to exclude one; at least "
            f"{more:,} more are needed"
        )
    total = _rows_to_pass(likely, sent, max_error, level, risk) * per_tested
    # where that many were there already, this time was bad luck: a tenth more is another try
    more = max(math.ceil(total - tally.rows), math.ceil(tally.rows / 10), more)
    return more, (
        f"too few labels: about {more:,} more are predicted to suffice with probability {_POWER:g}, if risk is as "
        "these labels make it look"
    )


def _errors(tally: Tally, sample: Sample, risk: Risk) -> tuple[Floats, Floats]:
    """The error of the surest answers down to each score, from the surest: as a Platt map says, and the least of it.

    The least is that of the map's 95 % interval, fitted on the independent answers; of all answers together it is
    no more than the lower end of their observed rate, which asks nothing of the map's shape.
    """
    share = tally.weight[::-1] / tally.total
    sent = 1.0 if risk == "joint" else np.cumsum(share)
    lost = np.cumsum(share * (1 - fit_logistic(tally, "platt")(tally.score)[::-1]))
    tested = _of_tested(sample)
    if not tested.rows:
        return lost / sent, np.zeros(len(lost))
    least = np.cumsum(share * (1 - fit_logistic(tested, "platt").interval(tally.score)[1][::-1]))
    observed = rate_interval(np.array([tested.rows - tested.hits.sum()]), np.array([tested.rows]))[0]
    least[-1] = min(least[-1], observed[0])
    return lost / sent, least / sent


def _of_tested(sample: Sample) -> Tally:
    """The answers that were drawn, as a tally."""
    n, wrong, s = sample.tested, sample.wrong, sample.scores
    grades = np.repeat([1.0, 0.0], len(s))
    return Tally.counted(np.r_[s, s], grades, np.r_[n - wrong, wrong])


def _fewest_more(sample: Sample, max_error: float, level: float, risk: Risk) -> int:
    """How many more independent answers a test takes at least: all of them right, and surer than those at hand."""
    rows, least = int(sample.tested.sum()), fewest(max_error, level)
    if risk == "joint":
        return max(least - rows, 1)
    order = np.argsort(-sample.scores, kind="stable")
    s, sent_by = sample.scores[order], np.cumsum(sample.tested[order])
    last = np.flatnonzero(np.r_[s[1:] != s[:-1], True])  # those of equal score are sent together
    sent, lost = np.r_[0, sent_by[last]], np.r_[0, np.cumsum(sample.wrong[order])[last]]
    more = 0
    while True:
        more += 1
        old = start_rank(rows + more, max_error, level) - more
        at = int(np.searchsorted(sent, max(old, 0)))
        if bdtr(float(lost[at]), more + int(sent[at]), max_error) <= level:
            return more


def _rows_to_pass(error: Floats, sent: Floats, max_error: float, level: float, risk: Risk) -> float:
    """Answers with which a test passes with probability 0.8: for selective risk the first, as all hang on it."""
    spread = ndtri(_POWER) * np.sqrt(error * (1 - error))
    spread -= ndtri(level) * math.sqrt(max_error * (1 - max_error))
    below = np.maximum(max_error - error, 1e-12)
    rows = np.where(error < _CLEARLY * max_error, (spread / below) ** 2, np.inf)
    rows = np.maximum(rows, fewest(max_error, level))
    if risk == "joint":
        return float(rows.min())
    most = float((rows / sent).max(where=rows < np.inf, initial=1e6))
    n = np.geomspace(fewest(max_error, level), most, 500)
    starts = np.array([start_rank(int(k), max_error, level) for k in n])
    at = np.minimum(np.searchsorted(sent, starts / n - 1e-12), len(sent) - 1)
    enough = np.flatnonzero(n * sent[at] >= rows[at])
    return float(n[enough[0]] if len(enough) else (rows / sent).min())
