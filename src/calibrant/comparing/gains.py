"""What a signal's calibrated probabilities gain over another's, on the same answers, by maps that had not seen them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from ..fits.averaging import curve_of
from ..fits.logistic import fit_logistic
from ..metrics.intervals import Estimate
from ..tally import Floats, Tally

__all__ = ["FOLDS", "Difference", "Rows", "dealt", "difference", "out_of_fold"]

FOLDS = 5
_FEW = 20.0
_HALF_WAY = 300.0
_CELLS = 256
_SEED = 20240601


@dataclass(frozen=True, slots=True)
class Rows:
    """Judged answers: arrays of shape (rows,). All rows of a `cluster`, a whole number, are in one `fold`."""

    grade: Floats
    weight: Floats
    cluster: NDArray[np.intp]
    fold: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.grade)

    def at(self, where: NDArray[np.bool_]) -> Rows:
        """The rows where true."""
        return Rows(self.grade[where], self.weight[where], self.cluster[where], self.fold[where])


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference of squared errors, above zero where the second is the larger, with its standard error.

    `freedom` is the clusters behind it less one.
    """

    value: float
    error: float
    freedom: int
    n: int

    def interval(self, level: float = 0.95) -> Estimate:
        """The difference with its Student interval."""
        reach = float(stdtrit(max(self.freedom, 1), 0.5 + level / 2)) * self.error
        return Estimate(self.value, self.value - reach, self.value + reach)

    @property
    def p(self) -> float:
        """One-sided p-value of there being no gain."""
        if self.error <= 0:
            return 0.5
        return float(stdtr(max(self.freedom, 1), -self.value / self.error))


def dealt(cluster: NDArray[np.intp]) -> NDArray[np.intp]:
    """The fold of each row: clusters are dealt out at random, as evenly as they come.

    >>> fold = dealt(np.array([0, 0, 1, 2, 3, 4]))
    >>> bool(fold[0] == fold[1]), len(set(fold.tolist()))
    (True, 5)
    """
    count = int(cluster.max()) + 1 if len(cluster) else 0
    order = np.random.default_rng(_SEED).permutation(count)
    fold: NDArray[np.intp] = order[cluster] % FOLDS
    return fold


def out_of_fold(scores: Floats | None, rows: Rows) -> Floats:
    """Of each row the probability of being right by a map of the other folds; without scores, their base rate.

    The map averages Platt, beta and isotonic by the weights that `auto` starts from, which depend on the number of
    rows alone: n / (n + 300) on isotonic. Twenty such maps are fitted in the time of one `auto`. All three are
    ascending, so a signal that ranks the wrong way round comes out as the base rate.
    """
    found = np.empty(len(rows))
    for f in np.unique(rows.fold).tolist():
        part = rows.fold == f
        rest = ~part if not part.all() else part  # one cluster alone has no other
        if scores is None:
            found[part] = rows.weight[rest] @ rows.grade[rest] / rows.weight[rest].sum()
        else:
            found[part] = _mapped(Tally.of(scores[rest], rows.grade[rest], rows.weight[rest]), scores[part])
    return found


def _mapped(tally: Tally, scores: Floats) -> Floats:
    t = tally.coarse(_CELLS)
    platt = fit_logistic(t, "platt")(scores)
    if t.n_eff < _FEW or not 0 < t.accuracy < 1:
        return platt
    trust = t.n_eff / (t.n_eff + _HALF_WAY)
    steps = curve_of("isotonic", t)(scores)
    return np.asarray((1 - trust) / 2 * (platt + fit_logistic(t, "beta")(scores)) + trust * steps)


def difference(p: Floats, other: Floats, rows: Rows) -> Difference:
    """How much smaller the mean squared error of `p` is than that of `other`, by clusters (Liang and Zeger 1986).

    >>> rows = Rows(np.tile([1.0, 0.0], 20), np.ones(40), np.arange(40), np.arange(40) % 5)
    >>> round(difference(np.tile([0.8, 0.2], 20), np.full(40, 0.5), rows).value, 3)
    0.21
    """
    apart = (other - rows.grade) ** 2 - (p - rows.grade) ** 2
    total = float(rows.weight.sum())
    value = float(rows.weight @ apart) / total
    ids, code = np.unique(rows.cluster, return_inverse=True)
    held, groups = np.bincount(code, rows.weight * (apart - value)), len(ids)
    error = float(np.sqrt((held**2).sum() * groups / max(groups - 1, 1))) / total
    return Difference(value, error, groups - 1, len(rows))
