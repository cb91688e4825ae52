"""Smooth ECE: a calibration error without bins, in the unit of a probability."""

from __future__ import annotations

import numpy as np

from ..tally import Floats, Tally, cell_of
from .ece import dispersion
from .gap import widest_gap
from .intervals import Estimate, first_true, needs_rows, normal_draws, with_unseen

__all__ = ["smooth_ece"]

_CELLS = 4096
_SHARPEST = 1e-3


def smooth_ece(tally: Tally, *, level: float = 0.95) -> Estimate:
    """Smooth ECE of Blasiok and Nakkiran (2023), with an interval.

    The mean absolute value of the residual (grade - score) after smoothing with a reflected Gaussian
    kernel of width sigma*, where sigma* is the width that equals the error it gives (their definition 3);
    at the sharpest 0.001. The reflected kernel is diagonal in the cosine basis, so a smoothing is two
    cosine transforms on 4,096 cells, whatever the number of rows.

    The value is biased up at small n. The interval is not centred on it: it inverts a test. "The error is
    at least theta" is equivalent to "smoothed at width theta the residual still weighs theta", so the
    observed value needs one smoothing of simulated residuals only. Residual curves of one sign and of the
    observed shape are tried, and the wider answer is taken. `low` is exactly 0 when calibration is not
    refuted.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> c = rng.beta(5, 1.3, 2000)
    >>> e = smooth_ece(Tally.of(c, rng.random(2000) < c - 0.1))
    >>> e.low < 0.1 < e.high
    True
    """
    needs_rows("Smooth ECE", tally, 2)
    value = _fixed_point(_on_cells(tally, (tally.hits - tally.score * tally.weight) / tally.total, _CELLS))
    # Rows of a cluster blur one score by less than they blur the mean of all; both are tried.
    ends = [_interval(tally, e, value, (1 - level) * 0.3) for e in {tally.design_effect, tally.local_effect}]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if tally.unseen:  # residuals that may take away from those seen at the same score, or add to them
        low, high = with_unseen(tally, low, high, -1.0, 1.0)
    return Estimate(value, min(max(low, 0.0), value), max(high, value, widest_gap(tally, level)))


def _on_cells(tally: Tally, values: Floats, cells: int) -> Floats:
    return np.bincount(cell_of(tally.score, cells), values, cells).astype(np.float64, copy=False)


def _smooth(values: Floats, sigma: float) -> Floats:
    from scipy.fft import dct, idct

    k = np.arange(values.shape[-1])
    kernel = np.exp(-0.5 * (np.pi * k * sigma) ** 2)
    smoothed: Floats = idct(dct(values, axis=-1) * kernel, axis=-1)
    return smoothed


def _weight_at(residual: Floats, sigma: float) -> float:
    return float(np.abs(_smooth(residual, sigma)).sum())


def _fixed_point(residual: Floats) -> float:
    """The width sigma at which the smoothed residual weighs sigma."""
    from scipy.fft import dct, idct

    spectrum, k2 = dct(residual), (np.pi * np.arange(len(residual))) ** 2

    def weight(sigma: float) -> float:
        return float(np.abs(idct(spectrum * np.exp(-0.5 * k2 * sigma**2))).sum())

    sharpest = weight(_SHARPEST)
    if sharpest <= _SHARPEST:
        return sharpest
    return weight(first_true(lambda s: s > _SHARPEST and weight(s) <= s, 1.0, steps=18))


def _interval(tally: Tally, effect: float, value: float, tail: float) -> tuple[float, float]:
    cells = int(np.clip(2 ** np.ceil(np.log2(8 / max(value, 1e-9))), 128, 2048))
    draws = 1000 if cells <= 512 else 400
    mass = _on_cells(tally, tally.weight / tally.total, cells)
    residual = _on_cells(tally, (tally.hits - tally.score * tally.weight) / tally.total, cells)
    width = max(value, 0.02)
    curve = np.clip(_smooth(residual, width) / np.maximum(_smooth(mass, width), 1e-9), -1, 1)
    share = tally.weight2 / tally.total**2 * effect * dispersion(tally)
    if_calibrated = _on_cells(tally, share * tally.score * (1 - tally.score), cells)
    edge = 0.5 / max(tally.n_eff, 1.0)
    rate = np.clip(tally.score + curve[cell_of(tally.score, cells)], edge, 1 - edge)
    noise = _on_cells(tally, share * rate * (1 - rate), cells)
    z = normal_draws(draws, cells)
    at = max(value, _SHARPEST)
    refuted = float((np.abs(_smooth(z * np.sqrt(if_calibrated), at)).sum(axis=1) >= value).mean()) < tail
    wobble = _smooth(z * np.sqrt(noise), at)
    ends = [
        _ends(shape, wobble, value, at, tail, refuted)
        for shape in (mass * np.sign(residual.sum() or 1.0), mass * curve)
        if _weight_at(shape, at) > 1e-9
    ]
    return min(low for low, _ in ends), min(max(high for _, high in ends), 1.0)


def _ends(
    shape: Floats, wobble: Floats, value: float, at: float, tail: float, refuted: bool
) -> tuple[float, float]:
    """Ends of the interval if the true residual is a multiple of this shape."""
    shape = shape / _weight_at(shape, at)
    smoothed = _smooth(shape, at)
    top = 3 * value + 0.3

    def above(scale: float) -> float:
        return float((np.abs(scale * smoothed + wobble).sum(axis=1) >= value).mean())

    low = first_true(lambda s: above(s) >= tail, top, steps=12) if refuted else 0.0
    high = first_true(lambda s: 1 - above(s) < tail, top, steps=12)
    return (_fixed_point(low * shape) if low else 0.0), _fixed_point(high * shape)
