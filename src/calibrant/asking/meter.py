"""What the steps of a route cost."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from ..types import Completion, Json, Step
from .asker import Asker, Spending

__all__ = ["Meter", "StepMeter", "total"]


class Meter:
    """Reads off an asker what was used since the last time: US dollars (None where one is not known) and seconds."""

    def __init__(self, asker: Asker, clock: Callable[[], float] = perf_counter) -> None:
        self._asker, self._clock = asker, clock
        self._spent, self._began = self._now(), clock()

    def read(self) -> tuple[float | None, float]:
        """Dollars and seconds since the last time."""
        spent, now = self._now(), self._clock()
        cost = spent.dollars - self._spent.dollars if spent.unpriced == self._spent.unpriced else None
        seconds = now - self._began
        self._spent, self._began = spent, now
        return cost, seconds

    def _now(self) -> Spending:
        return sum(self._asker.spendings.values(), Spending())


class StepMeter:
    """Steps of one model with what each cost beyond the one before."""

    def __init__(self, asker: Asker) -> None:
        self._meter, self._name = Meter(asker), asker.model.name

    def step(
        self,
        name: str,
        completion: Completion | None,
        outcome: str,
        p: float | None = None,
        own: float | None = 0.0,
        detail: Json | None = None,
    ) -> Step:
        """The step since the last one; `own` is a cost that the asker did not see, None where it is unknown."""
        cost, seconds = self._meter.read()
        model = completion.model if completion else self._name
        return Step(
            name=name, model=model, outcome=outcome, p=p, cost=total(cost, own), latency=seconds, detail=detail or {}
        )  # fmt: skip


def total(*costs: float | None) -> float | None:
    """Costs together; None where one of them is not known.

    >>> total(0.25, 0.5), total(0.25, None)
    (0.75, None)
    """
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
