"""What every calibrator promises, proved on worlds whose truth is known.

A calibrator whose map need not ascend says so by `ascends = False`, one that cannot mend a shift by `shifts = False`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import expit, logit

from ..errors import NotEnoughLabels
from ..maps.calibration import CalibrationMap
from ..metrics.l2 import l2
from ..tally import Floats, Tally
from .promises import Make

GRID = np.linspace(0.05, 0.95, 19)


def calibrates_fresh_data(make: Make) -> Iterator[str]:
    """Fitted on 4,000 answers, it leaves an L2 calibration error below 0.04 on 20,000 others."""
    shift = -0.3 if getattr(make(), "shifts", True) else 0.0
    fitted, fresh = make().fit(_world(4000, 1, shift=shift)), _world(20_000, 2, shift=shift)
    before, after = l2(fresh).value, l2(fresh.moved(fitted(fresh.score))).value
    if not after < 0.04 < before:
        yield f"an error of {before:.3f} on fresh answers became {after:.3f}"


def is_unbiased_at_the_ends_when_labels_are_few(make: Make) -> Iterator[str]:
    """Of calibrated scores with 200 labels, 0.05 and 0.95 stay so on average, to within 0.06.

    A penalty on the slope of a logistic regression makes 0.84 of 0.95.
    """
    maps = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scores = rng.uniform(0.01, 0.99, 200)
        maps.append(make().fit(Tally.of(scores, rng.random(200) < scores)))
    low, high = np.mean([fitted([0.05, 0.95]) for fitted in maps], axis=0)
    if max(abs(low - 0.05), abs(high - 0.95)) > 0.06:
        yield f"0.05 and 0.95, which are right as often, become {low:.3f} and {high:.3f} on average"


def ascends_with_the_score(make: Make) -> Iterator[str]:
    """A higher score never gets a lower probability, unless it says `ascends = False`."""
    for seed in range(10 if getattr(make(), "ascends", True) else 0):
        fall = np.diff(make().fit(_world(80, seed, slope=0.1, digits=1))(np.linspace(0, 1, 501))).min()
        if fall < -1e-9:
            yield f"the probability falls by {-fall:.3g} as the score rises"


def has_an_interval_that_holds_the_probability_and_narrows(make: Make) -> Iterator[str]:
    """The interval holds the probability, and with 100 times the labels it is less than 0.7 times as wide."""
    few, many = (make().fit(_world(n, 3)) for n in (60, 6000))
    for fitted in (few, many):
        (low, high), p = fitted.interval(GRID), fitted(GRID)
        if not np.all((low <= p + 1e-12) & (p <= high + 1e-12)):
            yield "a probability lies outside of its interval"
    if not _width(many) < 0.7 * _width(few):
        yield f"its intervals are {_width(few):.3f} wide with 60 labels and {_width(many):.3f} with 6,000"


def is_unsure_of_one_class(make: Make) -> Iterator[str]:
    """Thirty right answers and no wrong one are no certainty."""
    fitted = make().fit(Tally.of([0.9] * 15 + [0.8] * 15, [True] * 30))
    p, (low, high) = fitted([0.9])[0], fitted.interval([0.9])
    if not (0.6 < p < 1.0 and high[0] - low[0] > 0.02):
        yield f"after 30 right answers it gives {p:.3f}, from {low[0]:.3f} to {high[0]:.3f}"


def takes_no_score_for_a_certainty(make: Make) -> Iterator[str]:
    """Scores of exactly 0 and 1, and one a rounding away, get the rates of their answers, between 0 and 1."""
    rng = np.random.default_rng(0)
    scores, rates = (
        np.repeat(v, 50) for v in ([0.0, 0.5, 0.9, 1 - 2.0**-53, 1.0], [0.1, 0.4, 0.7, 0.9, 0.9])
    )
    zero, near, one = make().fit(Tally.of(scores, rng.random(250) < rates))([0.0, 1 - 2.0**-53, 1.0])
    far = abs(one - 0.9) > 0.12 and getattr(make(), "shifts", True)
    if not 0.0 < zero < one < 1.0 or abs(near - one) > 0.08 or far:
        yield f"scores of 0, 1 - 2^-53 and 1, right in .1, .9 and .9, get {zero:.3f}, {near:.3f} and {one:.3f}"


def fits_weighted_rows_without_bias(make: Make) -> Iterator[str]:
    """Rows drawn with known propensities, each of weight 1 / propensity, give the map of all rows.

    A reviewer is shown nine of ten doubtful answers and one of ten others, and of one score the doubtful are right
    less often: whoever does not weigh the labels takes the model for worse than it is.
    """
    truth = (expit(logit(GRID) * 0.8 - 1.2) + expit(logit(GRID) * 0.8 + 1.2)) / 2
    for way in _ways(make):
        off = np.mean([_on_grid(make, way, *_reviewed(seed))[0] - truth for seed in range(6)])
        if abs(off) > 0.04:
            yield f"by {way}, weighted labels give probabilities that are off by {off:+.3f} on average"


def sees_no_more_evidence_in_larger_weights(make: Make) -> Iterator[str]:
    """All weights times a constant change no probability and no interval: a weight is no number of rows."""
    scores, right, weight = _reviewed(7, 1000)
    for way in _ways(make):
        one, ten = (np.stack(_on_grid(make, way, scores, right, times * weight)) for times in (1, 10))
        if (moved := np.abs(one - ten).max()) > 1e-4:
            yield f"by {way}, ten times the weights move probabilities or their intervals by up to {moved:.3g}"


def is_less_sure_where_weights_differ(make: Make) -> Iterator[str]:
    """Intervals follow the effective number of rows, (sum w)^2 / sum w^2 (Kish).

    The same rows twice, with weights of 0.1 and 1.9 in place of 1 and 1, have the same rates and half the evidence.
    """
    scores, right = (np.repeat(values, 2) for values in _reviewed(9, 600)[:2])
    for way in _ways(make):
        rows = [
            _on_grid(make, way, scores, right, np.resize(pair, len(scores))) for pair in ([1.0], [0.1, 1.9])
        ]
        even, uneven = [float((high - low).mean()) for _, low, high in rows]
        if not uneven > 1.1 * even:
            yield f"by {way}, intervals of rows that weigh the same are {even:.3f} wide, of unequal ones {uneven:.3f}"


def gives_the_same_map_of_the_same_rows_and_from_its_json(make: Make) -> Iterator[str]:
    """Fitting draws on nothing but the rows; a map from its JSON is the same map."""
    fitted, again = make().fit(_world(300, 5)), make().fit(_world(300, 5))
    if fitted != again:
        yield "the same rows gave another map"
    back = CalibrationMap.from_json(fitted.to_json())
    if back != fitted or not np.array_equal(back(GRID), fitted(GRID)):
        yield "the map that its JSON gives is another"


def stays_within_its_interval_at_every_score(make: Make) -> Iterator[str]:
    """Of scores down to the least above 0 and up to the last below 1, everything is a number, and p in its interval.

    A likelihood of a long answer is such a score: exp(-733). A higher one gets no lower probability, unless the
    calibrator says `ascends = False`.
    """
    ends = np.array([0.0, 5e-324, 1e-323, 1e-320, np.exp(-733.0), 1e-300, 1e-16, 0.1, 0.9, 1 - 2.0**-53, 1.0])
    near = np.concatenate([ends, np.nextafter(ends, 0.5), 3e-324 * np.arange(40), 1e-321 * np.arange(40)])
    at = np.unique(np.concatenate([near, np.linspace(0, 1, 101)]))
    for seed in range(3):
        rng = np.random.default_rng(seed)
        place = rng.integers(0, len(ends), 200)
        fitted = make().fit(Tally.of(ends[place], rng.random(200) < (place + 1) / (len(ends) + 1)))
        p, raw, (low, high) = fitted(at), fitted.curve(at), fitted.interval(at)
        if not np.isfinite([p, raw, low, high]).all() or raw.min() < -1e-9 or raw.max() > 1 + 1e-9:
            yield "at extreme scores its curve leaves [0, 1] or is no number"
        elif not np.all((low <= p) & (p <= high)):
            yield "at extreme scores a probability lies outside of its interval"
        elif getattr(make(), "ascends", True) and (fall := np.diff(p).min()) < -1e-9:
            yield f"between extreme scores the probability falls by {-fall:.3g} as the score rises"


def needs_labels(make: Make) -> Iterator[str]:
    """`NotEnoughLabels` where there are no rows at all."""
    try:
        make().fit(Tally.of([], []))
    except NotEnoughLabels:
        return
    yield "it fitted a map to no labels; raise NotEnoughLabels"


def _world(n: int, seed: int, slope: float = 0.6, shift: float = -0.3, digits: int = 17) -> Tally:
    """Answers that are right with probability sigma(slope logit(score) + shift)."""
    rng = np.random.default_rng(seed)
    scores = rng.beta(3, 1.3, n)
    return Tally.of(np.round(scores, digits), rng.random(n) < expit(slope * logit(scores) + shift))


def _reviewed(seed: int, n: int = 4000) -> tuple[Floats, Floats, Floats]:
    """Scores, verdicts and weights of those of n answers that were reviewed."""
    rng = np.random.default_rng(seed)
    scores, doubtful = rng.uniform(0.02, 0.98, n), rng.random(n) < 0.5
    right = rng.random(n) < expit(logit(scores) * 0.8 + np.where(doubtful, -1.2, 1.2))
    propensity = np.where(doubtful, 0.9, 0.1)
    kept = rng.random(n) < propensity
    return scores[kept], right[kept].astype(float), 1 / propensity[kept]


def _ways(make: Make) -> list[str]:
    return [way for way in ("fit", "fit_groups", "fit_rows") if hasattr(make(), way)]


def _on_grid(
    make: Make, way: str, scores: Floats, right: Floats, weight: Floats
) -> tuple[Floats, Floats, Floats]:
    """p, low and high by a map of the rows: as they are, as two groups alike, or as those of one signal of several."""
    at: Any = GRID
    if way == "fit":
        fitted = make().fit(Tally.of(scores, right, weight))
    elif way == "fit_groups":
        parts = {name: Tally.of(scores[i::2], right[i::2], weight[i::2]) for i, name in enumerate("ab")}
        fitted = make().fit_groups(parts)["a"]
    else:
        fitted, at = make().fit_rows({"signal": scores}, right, weight), {"signal": GRID}
    return fitted(at), *fitted.interval(at)


def _width(fitted: Any) -> float:
    low, high = fitted.interval(GRID)
    return float((high - low).mean())
