"""How long answers take: of each model by itself, and of a cascade, whose calls follow one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..logs.panels import Panel
from ..tally import Floats

__all__ = ["latencies_of"]

_HIGH = 0.95


def latencies_of(
    panel: Panel, first: NDArray[Any], again: Mapping[str, NDArray[np.bool_]], *, peers: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Seconds an answer takes, as mean and 95th percentile; None where the log has no latency at all.

    Parameters
    ----------
    panel : the answers
    first : object, shape (items,)
        The model that answers each item first; peers are asked at the same time.
    again : by model, bool, shape (items,)
        Where it is asked after that, one after the other.

    Notes
    -----
    Each figure is over the rows whose latencies are all known; `rows` says how many.
    """
    if np.isnan(panel.latency).all():
        return None
    by_name = dict(zip(panel.models, panel.latency, strict=True))
    begun = np.full(len(panel), np.nan)
    for name in set(first.tolist()):
        begun = np.where(first == name, by_name[name], begun)
    begun = np.maximum.reduce([begun, *(by_name[name] for name in peers)])  # NaN where one is not known
    taken = begun + sum(np.where(there, by_name[name], 0.0) for name, there in again.items())
    return {
        "unit": "seconds",
        "chosen": _told(taken, panel.weight),
        "models": {name: _told(values, panel.weight) for name, values in by_name.items()},
    }


def _told(seconds: Floats, weight: Floats) -> dict[str, float | int | None]:
    known = ~np.isnan(seconds)
    if not known.any():
        return {"mean": None, "p95": None, "rows": 0}
    s, w = seconds[known], weight[known]
    order = np.argsort(s)
    reached = np.cumsum(w[order]) >= _HIGH * w.sum() - 1e-9
    return {
        "mean": float(np.average(s, weights=w)), "p95": float(s[order][np.argmax(reached)]), "rows": int(known.sum()),
    }  # fmt: skip
