"""Temperature scaling: one number, for logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax

from ..errors import UnusableInput
from ..fits.logistic import fit_logistic
from ..maps.calibration import CalibrationMap
from ..maps.logits import TemperatureMap
from ..tally import Floats, Tally

__all__ = ["Temperature"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Temperature:
    """Divide the log-odds by one temperature, fitted by maximum likelihood (Guo et al. 2017).

    Use it on token probabilities and logits, where over-confidence is a common factor. Not on stated
    confidence, which is shifted as much as stretched: on 11 models' stated confidence it leaves two to
    nine times the error that `platt` leaves.

    Examples
    --------
    >>> import calibrant
    >>> m = calibrant.fit([0.9, 0.9, 0.9, 0.1, 0.1, 0.1] * 20, [1, 1, 0, 0, 0, 1] * 20, "temperature")
    >>> m([0.9, 0.5]).round(2)
    array([0.66, 0.5 ])
    """

    shifts: ClassVar[bool] = False

    def fit(self, tally: Tally) -> CalibrationMap:
        """Fit on right and wrong answers; O(distinct scores)."""
        return CalibrationMap.of("temperature", fit_logistic(tally, "temperature"), tally)

    def fit_logits(self, logits: ArrayLike, labels: ArrayLike) -> TemperatureMap:
        """Fit on a matrix of class logits, shape (n, classes), and n class indices.

        The mean negative log-likelihood of softmax(logits / T) is convex in 1 / T; found by golden section
        on log T in [-5, 5].
        """
        from scipy.optimize import minimize_scalar  # loaded on use

        z, y = _matrix(logits, labels)

        def loss(log_t: float) -> float:
            return float(-log_softmax(z / np.exp(log_t), axis=1)[np.arange(len(y)), y].mean())

        best = minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded", options={"xatol": 1e-7})
        return TemperatureMap(temperature=float(np.exp(best.x)), rows=len(y), log_loss=float(best.fun))


def _matrix(logits: ArrayLike, labels: ArrayLike) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels).ravel()
    if z.ndim != 2 or len(y) != len(z) or not np.isfinite(z).all():
        raise UnusableInput(f"Expected finite logits (n, classes) and n labels; got {z.shape} and {y.shape}.")
    if len(y) < 2 or not (np.equal(y, y.astype(np.intp)).all() and y.min() >= 0 and y.max() < z.shape[1]):
        raise UnusableInput(f"Labels must be class indices from 0 to {z.shape[1] - 1}, at least two of them.")
    return z, y.astype(np.intp)
