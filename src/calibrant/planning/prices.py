"""What answers cost: by the log, by stated prices, or counted in calls of the large model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arguments import check_names
from ..errors import Misuse, UnusableInput
from ..logs.panels import Panel
from ..tally import Floats

__all__ = ["Prices", "prices_of"]


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What each answer of a model costs, by the model's name, and of all peers together; `unit` says in what."""

    each: Mapping[str, Floats]
    peers: Floats
    unit: str
    source: str
    mean: Mapping[str, float]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The mean price of an answer of each model, where it comes from and in what unit."""
        return {"unit": self.unit, "source": self.source, "mean": dict(self.mean)}


def prices_of(
    panel: Panel, models: tuple[str, ...], peers: tuple[str, ...], stated: Mapping[str, float] | None
) -> Prices:
    """Stated prices before the log's column cost before units: 1 for a call of the large model, 0 for others.

    Stated prices are by "small", "large" or a model's name, and for every model or none.
    """
    everyone = (*models, *peers)
    notes: tuple[str, ...] = ()
    known = ~np.isnan(panel.cost)
    lacking = [name for i, name in enumerate(panel.models) if not known[i].any()]
    if stated:
        unit, source = "dollars", "stated"
        each = {name: np.full(len(panel), price) for name, price in _stated(stated, everyone).items()}
    elif not lacking:
        unit, source = "dollars", "log"
        rows = zip(panel.models, panel.cost, known, strict=True)
        each = {name: np.where(there, cost, cost[there].mean()) for name, cost, there in rows}
        if gaps := int((~known).sum()):
            notes = (f"{gaps:,} answers have no cost in the log and count as the mean of their model.",)
    else:
        unit, source = "large calls", "units"
        each = {name: np.full(len(panel), float(name == models[1])) for name in everyone}
        whose = "" if len(lacking) == len(panel.models) else f" of {', '.join(lacking)}"
        notes = (
            f"Cost is counted in calls of {models[1]} (1 each, all others 0), since the log has no costs{whose}. State "
            "prices with --prices.",
        )
    paid = sum((each[name] for name in peers), np.zeros(len(panel)))
    mean = {name: round(float(values.mean()), 9) for name, values in each.items()}
    return Prices(each=each, peers=paid, unit=unit, source=source, mean=mean, notes=notes)


def _stated(stated: Mapping[str, float], everyone: tuple[str, ...]) -> dict[str, float]:
    roles = {"small": everyone[0], "large": everyone[1]}
    check_names("--prices", stated, [*roles, *everyone], "model")
    mean = {roles.get(name, name): float(price) for name, price in stated.items()}
    lacking = [name for name in everyone if name not in mean]
    if lacking:
        raise UnusableInput(
            f"--prices needs the price of an answer of {', '.join(lacking)} too: name=PRICE, with commas."
        )
    bad = [name for name, price in mean.items() if not 0 <= price < float("inf")]
    if bad:
        raise Misuse(f"--prices: the price of {bad[0]} must be zero or more; got {mean[bad[0]]}.")
    return mean
