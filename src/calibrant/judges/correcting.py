"""How far a judge's verdicts can be trusted, and what remains of an audit once its errors are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from ..errors import NotEnoughLabels, UnusableInput
from ..metrics.intervals import Estimate
from ..tally import Floats
from .calibrating import calibrated
from .rows import GradedRows, imagined, influences, kish, lump, one_of, product, skew

__all__ = ["LEAST", "Estimator", "Judged", "judged"]

LEAST = 20
"""Rows that a person must have seen; with fewer, the intervals do not cover."""
Estimator = Literal["people", "verdict", "stated", "calibrated"]
"""What stands beside people's verdicts: nothing; the judge's verdict, 0 or 1; the number it states; the probability
that people agree."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What a judge's verdicts say, corrected by those of people, with intervals at `level`.

    `rows` have a verdict of the judge, `seen` of them one of a person too, `left_out` were unusable.
    `sensitivity` is the share of the answers right for people that the judge calls right, `specificity`
    that of the wrong ones it calls wrong, None where people saw none such; `agreement` the share on which
    both agree. `accuracy` and `gap` (mean confidence less accuracy; above 0 is overconfident) are
    corrected; `naive_accuracy` and `naive_gap` believe the judge, and their intervals miss the truth as
    far as the judge errs. Without confidences both gaps are None.

    `estimator` says what the correction is made with, `covariates` what it knew of the rows, and `trust` is its
    weight, from 0 (people alone) to 1. `by_people` is the accuracy by people's verdicts alone, `by_verdict` by those
    and the judge's verdict as it stands (PPI++). The variance of the accuracy is `per_label` / seen + `floor`; the
    latter is what more of people's verdicts do not mend. To it comes an imagined contradiction, `imagined` / seen^2
    until contradictions are seen (`needed`). Intervals at other levels (`interval`) are Student's with
    `freedom` degrees, and the standard errors `accuracy_error` and `gap_error`, but each end lies t^2 / 2 times `lump`
    further out and t^2 / 2 times `skew` further up, for the gap further down.
    """

    rows: int
    seen: int
    left_out: int
    level: float
    sensitivity: Estimate | None
    specificity: Estimate | None
    agreement: Estimate
    accuracy: Estimate
    gap: Estimate | None
    naive_accuracy: Estimate
    naive_gap: Estimate | None
    trust: float
    estimator: Estimator
    covariates: tuple[str, ...]
    by_people: Estimate
    by_verdict: Estimate
    per_label: float
    floor: float
    imagined: float
    accuracy_error: float
    gap_error: float | None
    freedom: float
    lump: float
    skew: float

    def interval(self, measure: str, level: float) -> Estimate | None:
        """The corrected "accuracy" or "gap" with its interval at another level; None for a gap without confidences.

        >>> found = judged([0.9, 0.6] * 50, [1.0, 0.0] * 50, [1.0, 0.0] * 20 + [None] * 60)
        >>> found.interval("gap", 0.95) == found.gap
        True
        """
        if measure == "accuracy":
            return student(
                self.accuracy.value, self.accuracy_error, self.freedom, level, 0.0, (self.lump, self.skew)
            )  # fmt: skip
        if self.gap is None or self.gap_error is None:
            return None
        return student(self.gap.value, self.gap_error, self.freedom, level, -1.0, (self.lump, -self.skew))

    @property
    def narrower_than_people(self) -> float:
        """By what share the interval of the accuracy is narrower than that of people's verdicts alone."""
        return _narrower(self.accuracy, self.by_people)

    @property
    def narrower_than_verdict(self) -> float:
        """By what share it is narrower than with the judge's verdict as it stands (PPI++)."""
        return _narrower(self.accuracy, self.by_verdict)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers: each estimate as value, low and high.

        >>> found = judged([0.9, 0.6] * 50, [1.0, 0.0] * 50, [1.0, 0.0] * 20 + [None] * 60)
        >>> sorted(found.to_dict()["accuracy"]), found.to_dict()["seen"]
        (['high', 'low', 'value'], 40)
        """
        more = {name: getattr(self, name) for name in ("narrower_than_people", "narrower_than_verdict")}
        return {**asdict(self), "covariates": list(self.covariates), **more}


def judged(
    confidence: ArrayLike | None,
    judge: ArrayLike,
    human: ArrayLike,
    *,
    covariates: Mapping[str, ArrayLike] | None = None,
    propensity: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
) -> Judged:
    """Accuracy and calibration gap from many verdicts of a judge and few of people.

    With f a number for each of all N rows, y the grades of people on the rows they saw and w = 1/propensity
    there, the accuracy is ::

        mean(L f) + sum(w (y - L f)) / sum(w)

    f on all rows makes it precise and people's corrections make it right: it is unbiased for any judge. L is chosen
    so that the variance is smallest, within [0, 1] (power tuning; Angelopoulos et al. 2023b, section 6, there for
    equal propensities, here also for others, as in Zrnic and Candès 2024). Three f are tried, and the one with the
    narrowest interval is taken: the judge's verdict, 0 or 1 (this is PPI++); what it states, where that is a number
    between; and the probability that people call the row right, given all of it, the confidence and the covariates,
    fitted on the rows they saw and predicted across ten folds (`calibrated`; taken where it saves more than 2 in
    n of the squared width). So the interval is never wider than
    that of PPI++ on the verdict, and narrower where the judge knows more than it says, or is misled by something
    that is known.

    Rows that people saw must have been drawn at random: all with the same probability, or with that given
    in `propensity`. Where people chose themselves what to look at, nothing here holds.

    The interval is Student's, on two degrees of freedom less than there are rows seen (by Kish's effective
    number with weights; clusters instead of rows where given), with the variance of the linearised
    estimate. To it one imagined row (cluster) is added on which judge and people contradict each other: a judge
    that made no error on 30 rows may still make some. It has the weight of the rows that were shown most rarely, and
    counts for less the more contradictions were seen among such. Where but a few were, each end lies further out by
    up to t^2 / 2 such rows, and where they go one way both ends lie further there, as Wilson's do: Student's interval
    alone would miss an accuracy near 1, or a judge that hardly ever errs.
    Sensitivity, specificity and agreement have Wilson intervals. What all of them cover is in the documentation
    (Judges).

    There is no corrected ECE: a few dozen verdicts leave a handful to a bin, and an error measured there is
    mostly noise, which a sum of absolute values does not average away.

    Parameters
    ----------
    confidence : shape (N,), in [0, 1]; None where there are none
    judge : shape (N,), the judge's grades in [0, 1]; rows without one, or without a confidence, are left
        out and counted, so that the result is about the others
    human : shape (N,), grades in [0, 1]; NaN or None where no person saw the row
    covariates : what else is known of the rows, such as the length of the answer or the model, by name: numbers or
        texts of shape (N,), known for all rows, whether a person saw them or not
    propensity : shape (N,), the probability, in (0, 1], with which a row was shown to a person; read only
        where one saw it
    cluster : shape (N,), equal for rows that are not independent
    level : of the intervals

    Raises `UnusableInput` for arrays that do not fit or lie outside their range, and `NotEnoughLabels` with
    fewer than 20 rows (or clusters) seen.

    References
    ----------
    A. N. Angelopoulos et al., "Prediction-Powered Inference", 2023, arXiv:2301.09633.
    A. N. Angelopoulos et al., "PPI++: Efficient Prediction-Powered Inference", 2023b, arXiv:2311.01453.
    T. Zrnic, E. Candès, "Active Statistical Inference", 2024, arXiv:2403.03208.

    Examples
    --------
    A judge that calls every third wrong answer right, and 100 rows of 1,000 seen:

    >>> rng = np.random.default_rng(0)
    >>> right = rng.random(1000) < 0.6
    >>> judge = np.where(right, 1.0, rng.random(1000) < 1 / 3)
    >>> human = np.where(np.arange(1000) < 100, right, np.nan)
    >>> found = judged(np.full(1000, 0.7), judge, human)
    >>> bool(found.naive_accuracy.low > right.mean())
    True
    >>> bool(found.accuracy.low < right.mean() < found.accuracy.high)
    True
    """
    if not 0.0 < level < 1.0:
        raise UnusableInput(f"Expected a level between 0 and 1, such as 0.95; got {level!r}.")
    data = GradedRows.of(confidence, judge, human, covariates or {}, propensity, cluster)
    _, groups = np.unique(data.cluster[data.seen], return_inverse=True)
    if (got := int(groups.max(initial=-1)) + 1) < LEAST:
        raise NotEnoughLabels("Correcting a judge by people's verdicts", LEAST, got)
    people, verdict, *others = _candidates(data)
    f, y, said, w = data.judge, data.human[data.seen], data.judge[data.seen] >= 0.5, data.w
    reach, believed = _Reach(data, groups, level), _Reach(data, None, level)
    best = _best([people, verdict, *others], reach, kish(data.w, groups))
    naive = _corrected(
        "stated", replace(data, human=f, seen=np.ones(len(f), bool), w=np.ones(len(f))), 0.0 * f
    )
    z = float(ndtri((1 + level) / 2))
    return Judged(
        rows=len(f),
        seen=int(data.seen.sum()),
        left_out=data.left_out,
        level=level,
        sensitivity=_wilson(said, w * y, groups, z),
        specificity=_wilson(~said, w * (1 - y), groups, z),
        agreement=_wilson(np.where(said, y, 1 - y), w, groups, z) or Estimate(0.5, 0.0, 1.0),
        accuracy=reach.accuracy(best),
        gap=reach.gap(best),
        naive_accuracy=believed.accuracy(naive),
        naive_gap=believed.gap(naive),
        trust=best.trust,
        estimator=best.name,
        covariates=tuple(data.covariates) if best.name == "calibrated" else (),
        by_people=reach.accuracy(people),
        by_verdict=reach.accuracy(verdict),
        per_label=best.per_label,
        floor=best.variance - best.per_label / int(data.seen.sum()),
        imagined=one_of(data.w, groups) * int(data.seen.sum()) ** 2,
        accuracy_error=reach.error(best.influence),
        gap_error=None if (own := reach.gap_terms(best)) is None else reach.error(own),
        freedom=reach.freedom,
        lump=reach.bent(best)[0],
        skew=reach.bent(best)[1],
    )


def student(
    value: float, error: float, freedom: float, level: float, least: float, bent: tuple[float, float]
) -> Estimate:
    """A value between `least` and 1 with Student's interval, longer by a `lump` and shifted by a `skew`."""
    up = float(stdtrit(freedom, (1 + level) / 2)) ** 2 / 2 * bent[1]
    reach = _half(error, freedom, level, bent[0])
    return Estimate(value, max(least, value + min(0.0, up - reach)), min(1.0, value + max(0.0, up + reach)))


def _half(error: float, freedom: float, level: float, lumped: float) -> float:
    """Half the width of Student's interval, longer by a `lump`."""
    t = float(stdtrit(freedom, (1 + level) / 2))
    return t * error + t**2 / 2 * lumped


def _narrower(one: Estimate, other: Estimate) -> float:
    wide = other.high - other.low
    return 1.0 - (one.high - one.low) / wide if wide > 0 else 0.0


@dataclass(frozen=True, slots=True)
class _Corrected:
    """An accuracy, what each row adds to its error, and what of that is what people found on the rows they saw."""

    name: Estimator
    trust: float
    value: float
    influence: Floats
    residual: Floats
    seen: NDArray[np.bool_]
    cluster: NDArray[np.intp]

    @property
    def variance(self) -> float:
        return product(self.influence, self.influence, self.cluster)

    @property
    def per_label(self) -> float:
        """What of the variance falls with the number of rows seen, times that number."""
        own = self.cluster[self.seen]
        return min(self.variance, product(self.residual, self.residual, own)) * len(own)


@dataclass(frozen=True, slots=True)
class _Reach:
    """Intervals at a level of what is corrected by people's rows in `groups`; without these, of all rows' own mean."""

    data: GradedRows
    groups: NDArray[np.intp] | None
    level: float

    def accuracy(self, found: _Corrected) -> Estimate:
        value = min(1.0, max(0.0, found.value))
        return self._student(value, found.influence, 0.0, self.bent(found))

    def gap(self, found: _Corrected) -> Estimate | None:
        c, terms = self.data.confidence, self.gap_terms(found)
        if c is None or terms is None:
            return None
        longer, up = self.bent(found)
        return self._student(float(c.mean()) - found.value, terms, -1.0, (longer, -up))

    def gap_terms(self, found: _Corrected) -> Floats | None:
        """What each row adds to the error of the gap."""
        c = self.data.confidence
        return None if c is None else (c - c.mean()) / len(c) - found.influence

    @property
    def freedom(self) -> float:
        """Of the rows' freedoms two went into the mean and the weight of the judge."""
        if self.groups is None:
            return max(float(self.data.cluster.max()), 1.0)
        return max(kish(self.data.w, self.groups) - 2, 1.0)

    def error(self, terms: Floats) -> float:
        """The standard error of what these are the terms of."""
        used = 1 if self.groups is None else 2
        variance = product(terms, terms, self.data.cluster) * (self.freedom + used) / self.freedom
        if self.groups is not None:
            variance += imagined(*self._shown(terms, self.groups))
        return float(np.sqrt(variance))

    def half(self, found: _Corrected) -> float:
        """Half the width of the interval of the accuracy, were there no ends of [0, 1]."""
        return _half(self.error(found.influence), self.freedom, self.level, self.bent(found)[0])

    def bent(self, found: _Corrected) -> tuple[float, float]:
        """The `lump` and the `skew` of the accuracy, because contradictions are few or go one way."""
        if self.groups is None:
            return 0.0, 0.0
        seen = np.bincount(self.groups, found.influence[self.data.seen]).astype(np.float64)
        one, shown = self._shown(found.influence, self.groups)
        return lump(one, shown), skew(seen, one, shown)

    def _student(self, value: float, terms: Floats, least: float, bent: tuple[float, float]) -> Estimate:
        return student(value, self.error(terms), self.freedom, self.level, least, bent)

    def _shown(self, terms: Floats, groups: NDArray[np.intp]) -> tuple[float, float]:
        """The squared share of a cluster of which judge and people say the contrary, and how many such were seen."""
        one = one_of(self.data.w, groups)
        return one, float((np.bincount(groups, terms[self.data.seen]) ** 2).sum()) / one


def _candidates(data: GradedRows) -> list[_Corrected]:
    """People alone, people with the judge's verdict, and with whatever else can be known of a row."""
    verdict = (data.judge >= 0.5).astype(np.float64)
    controls: dict[Estimator, Floats] = {"people": np.zeros(len(verdict)), "verdict": verdict}
    if (verdict != data.judge).any():
        controls["stated"] = data.judge
    own = {} if data.confidence is None else {"confidence": data.confidence}
    human = np.where(data.seen, data.human, np.nan)
    controls["calibrated"] = calibrated(data.judge, human, data.cluster, own | dict(data.covariates))
    return [_corrected(name, data, control) for name, control in controls.items()]


def _best(found: list[_Corrected], reach: _Reach, rows: float) -> _Corrected:
    """The narrowest; a fit must save what chance may seem to save among so many rows."""
    plain = min((one for one in found if one.name != "calibrated"), key=reach.half)
    fitted = next(one for one in found if one.name == "calibrated")
    return fitted if reach.half(fitted) ** 2 < reach.half(plain) ** 2 * (1 - 2 / rows) else plain


def _corrected(name: Estimator, data: GradedRows, f: Floats) -> _Corrected:
    found = influences(data, f)
    square = product(found.control, found.control, data.cluster)
    trust = 0.0 if square <= 1e-20 else -product(found.own, found.control, data.cluster) / square
    trust = min(1.0, max(0.0, trust))
    influence = found.own + trust * found.control
    residual = influence[data.seen] - trust * data.even[data.seen] * (f[data.seen] - data.even @ f)
    return _Corrected(
        name, trust, found.people + trust * found.more, influence, residual, data.seen, data.cluster
    )


def _wilson(hit: ArrayLike, w: Floats, groups: NDArray[np.intp], z: float) -> Estimate | None:
    """The weighted share of hits, with Wilson's interval on as many rows as the weights and clusters leave."""
    values, total = np.asarray(hit, dtype=np.float64), float(w.sum())
    if total <= 0:
        return None
    p = float(w @ values) / total
    n = kish(w, groups)
    spread = product(w * (values - p), w * (values - p), groups) / total**2
    if spread > 0:
        n = min(n, max(1.0, p * (1 - p) / spread))
    middle, reach = (p + z**2 / (2 * n)), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (middle - reach) / (1 + z**2 / n), (middle + reach) / (1 + z**2 / n)
    return Estimate(p, float(max(0.0, low)), float(min(1.0, high)))
