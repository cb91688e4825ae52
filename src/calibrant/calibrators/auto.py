"""The calibrator to use when in doubt."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..fits.averaging import curve_of, earned, mixture
from ..fits.crossfit import folds
from ..fits.thinning import thinned
from ..maps.calibration import CalibrationMap
from ..maps.ends import ends
from ..metrics import fall
from ..plugins import find
from ..tally import Tally, merged

__all__ = ["Auto"]

_PARTS = ("platt", "beta", "venn_abers")
_FEW = 20.0
_HALF_WAY = 300.0
_LEAST = 0.25
_PULL = 5.0
_BENT = 100.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Auto:
    """A weighted average of Platt, beta and Venn-Abers maps, the weights chosen by cross-fitted Brier score.

    Platt is hard to beat with few labels, Venn-Abers follows any ascending curve once labels are many, and between
    the two an average beats either. The weights minimise the Brier score of five-fold cross-fitted predictions, drawn
    by `_PULL` pseudo-rows towards n / (n + 300) on Venn-Abers, a quarter at least. Below 20 effective labels, or with
    one class only, Platt alone. A one-parameter temperature is never used: on stated confidence it leaves several
    times the error. On 184 recorded logs the mean Brier score is below that of scikit-learn's isotonic and sigmoid,
    betacal, netcal's histogram and venn-abers at 50, 200, 1,000 and all labels (`benchmarks/calibrators.py`).

    Where the rate of right answers may fall as the score rises, a spline, which can fall too, is weighed in: from 100
    effective labels on, drawn towards a share of (1 - p) n / (n + 100), p that of `calibrant.metrics.fall`. So the
    map ascends unless the labels say that the truth does not. Within .005 of the better of both in Brier score on
    simulated logs that do not ascend (`benchmarks/falling.py`). Where the labels at the ends of the scores lie off the
    curve, its interval holds what they allow (`calibrant.maps.ends`).

    Examples
    --------
    >>> import calibrant
    >>> m = calibrant.fit([0.95, 0.9, 0.8, 0.6] * 50, [1, 1, 0, 0] * 50)
    >>> sorted(m.map.statistics["weights"])
    ['beta', 'platt', 'venn_abers']
    >>> odd = calibrant.fit([0.99, 0.9, 0.8, 0.6] * 50, [0, 1, 1, 0] * 50)
    >>> odd([0.6, 0.8, 0.99]).round(1)
    array([0., 1., 0.])
    """

    ascends = False

    def fit(self, tally: Tally) -> CalibrationMap:
        """Fit on right and wrong answers; about twenty fits, on 512 cells where there are more than 2,048 scores."""
        t = tally if len(tally.score) <= 2048 else thinned(tally, 512)
        if t.n_eff < _FEW or not 0 < t.accuracy < 1:
            platt: CalibrationMap = find("calibrators", "platt")().fit(t)
            return replace(platt, calibrator="auto", statistics={"weights": {"platt": 1.0}})
        prior = _prior(t)
        parts = folds(t)
        rests = (merged(parts[:i] + parts[i + 1 :]) for i in range(len(parts)))
        weights = earned(
            t, parts, [{name: curve_of(name, rest) for name in prior} for rest in rests],
            np.array(list(prior.values())), _PULL,
        )  # fmt: skip
        curve = mixture(weights, lambda name: curve_of(name, t))
        curve = replace(curve, ends=ends(t, curve))
        return CalibrationMap.of("auto", curve, tally, weights=weights)


def _prior(t: Tally) -> dict[str, float]:
    """The weights towards which those of the parts are drawn, by calibrator."""
    trust = max(t.n_eff / (t.n_eff + _HALF_WAY), _LEAST)
    found = fall(t)
    bent = 0.0
    if found is not None and t.n_eff >= _BENT:
        bent = (1 - found.p_value) * t.n_eff / (t.n_eff + _BENT)
    ascending = zip(_PARTS, ((1 - trust) / 2, (1 - trust) / 2, trust), strict=True)
    prior = {name: (1 - bent) * share for name, share in ascending}
    return prior if bent <= 0 else {**prior, "spline": bent}
