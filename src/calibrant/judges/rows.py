"""The rows that a judge graded, some of them people too, and what each adds to the error of a corrected mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UnusableInput
from ..tally import Floats

__all__ = [
    "GradedRows", "Influences", "imagined", "influences", "kish", "lump", "one_of", "product", "skew",
]  # fmt: skip

SHOWN = 10.0
"""So many contradictions between judge and people halve the one that is imagined."""
FEW = 1.0
"""So many halve what an interval is longer because contradictions are few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GradedRows:
    """The usable rows of a log that a judge graded, and some of them people.

    `w` are the weights of the rows that a person saw, 1 on average, and `even` the shares of all rows in a mean, whose
    sum is 1.
    """

    confidence: Floats | None
    judge: Floats
    human: Floats
    seen: NDArray[np.bool_]
    w: Floats
    even: Floats
    cluster: NDArray[np.intp]
    covariates: Mapping[str, NDArray[Any]]
    left_out: int

    @classmethod
    def of(
        cls,
        confidence: ArrayLike | None,
        judge: ArrayLike,
        human: ArrayLike,
        covariates: Mapping[str, ArrayLike],
        propensity: ArrayLike | None,
        cluster: ArrayLike | None,
        weight: Floats | None = None,
    ) -> GradedRows:
        """Checked, without the rows that cannot be used. A row counts for its `weight` in every mean.

        Raises `UnusableInput` for arrays that do not fit, lie outside their range, or a propensity of 0.
        """
        c = None if confidence is None else _column("confidence", confidence)
        f, y = _column("judge", judge), _column("human", human)
        drawn = np.ones(len(f)) if propensity is None else _column("propensity", propensity)
        group: NDArray[Any] = np.arange(len(f)) if cluster is None else np.asarray(cluster)
        known = {name: np.asarray(values) for name, values in covariates.items()}
        given: dict[str, NDArray[Any] | None] = {
            "confidence": c,
            "human": y,
            "propensity": drawn,
            "cluster": group,
        }
        for name, values in (given | {f"the covariate {n}": v for n, v in known.items()}).items():
            if values is not None and values.shape != f.shape:
                raise UnusableInput(
                    f"{name} must have {len(f)} values, one for each row; got {values.shape}."
                )
        usable = np.isfinite(f) & (True if c is None else np.isfinite(c))
        seen = np.isfinite(y) & usable
        if not (drawn[seen] > 0).all():
            raise UnusableInput(
                "Every row that a person saw needs a propensity above 0; give it, or leave it out."
            )
        counts = np.ones(len(f)) if weight is None else weight
        w = counts[seen] / drawn[seen]
        _, code = np.unique(group.astype(str)[usable], return_inverse=True)
        return cls(
            confidence=None if c is None else c[usable],
            judge=f[usable],
            human=y[usable],
            seen=seen[usable],
            w=w / w.mean() if len(w) else w,
            even=counts[usable] / counts[usable].sum() if usable.any() else counts[usable],
            cluster=code,
            covariates={name: values[usable] for name, values in known.items()},
            left_out=int((~usable).sum()),
        )

    def at(self, where: NDArray[np.bool_]) -> GradedRows:
        """The rows where true, as if there were no others; clusters keep their codes."""
        w, even = self.w[where[self.seen]], self.even[where]
        return replace(
            self,
            confidence=None if self.confidence is None else self.confidence[where],
            judge=self.judge[where], human=self.human[where], seen=self.seen[where],
            w=w / w.mean() if len(w) else w, even=even / even.sum() if len(even) else even,
            cluster=self.cluster[where],
            covariates={name: values[where] for name, values in self.covariates.items()},
        )  # fmt: skip


def _column(name: str, values: ArrayLike) -> Floats:
    try:
        column = np.asarray(values, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError) as error:
        raise UnusableInput(f"Expected numbers from 0 to 1 as {name}: {error}.") from error
    if column.ndim != 1:
        raise UnusableInput(f"Expected one {name} for each row; got an array of shape {column.shape}.")
    known = column[~np.isnan(column)]
    if ((known < 0) | (known > 1)).any():
        raise UnusableInput(f"Expected {name} in [0, 1]; got {known[(known < 0) | (known > 1)][0]!r}.")
    return column


@dataclass(frozen=True, slots=True)
class Influences:
    """The mean of people's grades, what f adds to it at the weight 1, and what each row adds to the errors of both.

    The mean corrected with the weight t is `people` + t `more`, its error the sum of `own` + t `control` over rows.
    """

    people: float
    more: float
    own: Floats
    control: Floats


def influences(data: GradedRows, f: Floats) -> Influences:
    """Linearised, of the mean that f, a number for each row, corrects."""
    share, y, there = data.w / data.w.sum(), data.human[data.seen], f[data.seen]
    people, beside, everywhere = float(share @ y), float(share @ there), float(data.even @ f)
    own, control = np.zeros(len(f)), (f - everywhere) * data.even
    own[data.seen] = share * (y - people)
    control[data.seen] -= share * (there - beside)
    return Influences(people, everywhere - beside, own, control)


def product(a: Floats, b: Floats, cluster: NDArray[np.intp]) -> float:
    """The sum over clusters of what a and b come to there."""
    return float(np.bincount(cluster, a) @ np.bincount(cluster, b))


def kish(w: Floats, groups: NDArray[np.intp]) -> float:
    """As how many rows of equal weight the groups count."""
    total = np.bincount(groups, w)
    return float(total.sum() ** 2 / (total**2).sum())


def one_of(w: Floats, groups: NDArray[np.intp]) -> float:
    """The squared share of one group, on average; of groups of the rows that were shown most rarely, where some were.

    With equal weights that is all of them. An error that was not seen weighs most where hardly anybody looked.
    """
    total = np.bincount(groups, w)
    rarest = float(w.max() ** 2 / (w**2).mean())
    return float((total**2).mean() / total.sum() ** 2) * rarest


def imagined(one: float, shown: float) -> float:
    """What a contradiction that was not seen adds to a variance: `one`, its squared share, less the more are `shown`.

    >>> imagined(0.01, 0.0), imagined(0.01, 10.0)
    (0.01, 0.005)
    """
    return one / (1 + shown / SHOWN)


def lump(one: float, shown: float) -> float:
    """The share of a contradiction, less the more are `shown`: each end lies t^2 / 2 of it further out.

    Few contradictions come in lumps, and their variance is estimated lowest in just those draws that hold fewer than
    usual, so that Student's interval misses the truth too often. With none of n seen it reaches t / n, and with this
    (t + t^2 / 2) / n, as far as Wilson's, which is about t^2 / n.

    >>> lump(0.01, 0.0), lump(0.01, 1.0), round(lump(0.01, 10.0), 3)
    (0.1, 0.05, 0.001)
    """
    return float(np.sqrt(one)) / (1 + (shown / FEW) ** 2)


def skew(terms: Floats, one: float, shown: float) -> float:
    """Whither the errors of a mean lean, by the cubes of their `terms`: both ends lie t^2 / 2 of it further there.

    For n answers of which p are right that is (1 - 2 p) / n, the shift of Wilson's interval. Counts for less the fewer
    contradictions are `shown`, where nothing is known of it.

    >>> round(skew(np.r_[np.full(90, 0.1 / 100), np.full(10, -0.9 / 100)], 0.0001, 9.0), 4)
    -0.0079
    """
    square = float(terms @ terms)
    fewer = lump(one, shown) / float(np.sqrt(one))
    return (1 - fewer) * float((terms**3).sum()) / square if square > 0 else 0.0
