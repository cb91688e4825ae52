"""Fit: from labelled rows to maps that turn their scores into probabilities of being right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from . import metrics
from .crossfit import cross_fit, folds
from .errors import NotEnoughLabels
from .logs import Log, read_log
from .maps import CalibrationMap, MapSet
from .plugins import find
from .sources import Key
from .tally import Tally
from .types import Fingerprint

if TYPE_CHECKING:
    from .calibrators.temperature import TemperatureMap

__all__ = ["Fitted", "FittedLog", "fit", "fit_log"]

FOLDS = 5


def fit(
    scores: ArrayLike,
    correct: ArrayLike,
    calibrator: str = "auto",
    *,
    weight: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    fingerprint: Fingerprint | None = None,
) -> CalibrationMap | TemperatureMap | Any:
    """Fit a calibrator on labelled scores.

    Parameters
    ----------
    scores : shape (n,), in [0, 1]; or a matrix of class logits, shape (n, classes)
        Logits are for `calibrator="temperature"` only; the map then takes and gives matrices.
    correct : shape (n,)
        Right or wrong, or a grade in [0, 1]; for logits the index of the true class.
    calibrator : str
        "auto", or a name that `calibrant.plugins.names("calibrators")` lists.
    weight, cluster : shape (n,), optional
        As in `Tally.of`.

    Raises
    ------
    NotEnoughLabels
        No labelled rows at all. One class only is fitted: the interval is wide, the probability not 1.

    Examples
    --------
    >>> import calibrant
    >>> m = calibrant.fit([0.95] * 40 + [0.7] * 40, [1] * 30 + [0] * 10 + [1] * 20 + [0] * 20)
    >>> m([0.95, 0.7]).round(1), m.calibrator
    (array([0.7, 0.5]), 'auto')
    """
    if np.ndim(scores) == 2:
        return find("calibrators", "temperature")().fit_logits(scores, correct)
    tally = Tally.of(scores, correct, weight, cluster)
    fitted = _fit(tally, calibrator)
    return fitted if fingerprint is None else fitted.with_fingerprint(fingerprint)


def _fit(tally: Tally, calibrator: str) -> CalibrationMap:
    if not tally.rows:
        raise NotEnoughLabels("A calibration map", 1, 0)
    fitted: CalibrationMap = find("calibrators", calibrator)().fit(tally)
    return fitted


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A group's map, and its measures before and after, the latter on rows that the map had not seen."""

    by: dict[str, str | None]
    tally: Tally
    map: CalibrationMap
    after: Tally | None

    def to_json(self) -> dict[str, Any]:
        """Plain values; `after` is None where there are too few rows to part."""
        return {
            "by": self.by,
            "calibrator": self.map.calibrator,
            "weights": self.map.statistics.get("weights"),
            "fingerprint": {k: v for k, v in asdict(self.map.fingerprint).items() if v is not None},
            "n": self.tally.rows,
            "n_eff": round(self.tally.n_eff, 2),
            "before": scores_of(self.tally),
            "after": self.after and scores_of(self.after),
            "map_id": self.map.map_id,
        }


@dataclass(frozen=True, kw_only=True)
class FittedLog:
    """The maps of a log's groups, and what was read of the log."""

    log: Log
    groups: tuple[Fitted, ...]

    @property
    def maps(self) -> MapSet:
        """The maps, to be written with `to_json`."""
        return MapSet(by=self.log.roles.by, groups=tuple((tuple(g.by.values()), g.map) for g in self.groups))

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {
            "source": self.log.source, "rows": self.log.rows, "used": self.log.used,
            "unusable": self.log.unusable, "notes": list(self.log.notes),
            "groups": [g.to_json() for g in self.groups],
        }  # fmt: skip


def fit_log(
    source: Any, by: Sequence[str] = (), *, calibrator: str = "auto", **named: str | None
) -> FittedLog:
    """Fit one map per group of a log and measure each by five-fold cross-fitting.

    `source`, `by` and the named columns are those of `calibrant.audit`.
    """
    log = read_log(source, by=by, folds=FOLDS, **named)
    return FittedLog(
        log=log, groups=tuple(_fit_group(log, key, calibrator) for key in sorted(log.groups, key=str))
    )


def _fit_group(log: Log, key: Key, calibrator: str) -> Fitted:
    by = dict(zip(log.roles.by, key, strict=True))
    tally = log.groups[key]
    after = cross_fitted(tally, calibrator, log.folds.get(key))
    known = {f.name for f in fields(Fingerprint)}
    stated = {**log.constants.get(key, {}), **by}
    fingerprint = Fingerprint(**{name: value for name, value in stated.items() if name in known})
    statistics = {"before": scores_of(tally), "after": after and scores_of(after)}
    fitted = _fit(tally, calibrator).with_fingerprint(fingerprint, **statistics)
    return Fitted(by=by, tally=tally, map=fitted, after=after)


def cross_fitted(tally: Tally, calibrator: str, parts: list[Tally] | None = None) -> Tally | None:
    """The rows at probabilities of maps that had not seen them; None below ten rows."""
    parts = parts or folds(tally, FOLDS)
    if tally.n_eff < 2 * FOLDS or len(parts) < 2:
        return None
    return reduce(add, cross_fit(find("calibrators", calibrator)(), parts))


def scores_of(tally: Tally) -> dict[str, float]:
    """The measures that a fit is judged by."""
    return {
        "ece": metrics.ece(tally),
        "l2": metrics.l2(tally).value if tally.rows > 1 else 0.0,
        "smooth_ece": metrics.smooth_ece(tally).value if tally.rows > 1 else 0.0,
        "brier": metrics.brier(tally),
        "log_loss": metrics.log_loss(tally),
    }
