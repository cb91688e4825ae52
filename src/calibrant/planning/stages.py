"""Models between the first and the large one: from the last back to the first, each against all that follows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..plans.cascades import Stage
from ..plans.first_answers import FirstAnswers
from ..routing.gains import fit_and_hold_out
from ..tally import Floats

__all__ = ["Behind", "Middle", "behind", "large_alone"]

_SHARES = (0.1, 0.25, 0.45, 0.7)
"""How many of its answers the last stage may send on; beside it, all that have a gain."""


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What comes of an item that is sent on, for all items of a panel: its grade, its cost and who is asked.

    On rows that were fitted on, models that had not seen the row decide.
    """

    grade: Floats
    cost: Floats
    asked: Mapping[str, NDArray[np.bool_]]
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Middle:
    """A model that may stand between: its answers, its grades (NaN where it has no verdict) and what they cost."""

    model: str
    answers: FirstAnswers
    grade: Floats
    cost: Floats


def large_alone(model: str, grade: Floats, cost: Floats) -> Behind:
    """The large model and nothing before it."""
    return Behind(grade=grade, cost=cost, asked={model: np.ones(len(grade), bool)})


def behind(large: Behind, middles: Sequence[Middle], weight: Floats, fit: NDArray[np.intp]) -> list[Behind]:
    """Cascades of these stages and the large model, each at another price of accuracy; the last stage comes last.

    Backwards: what the last stage leaves to gain is fitted by gain and doubt as for two models, then that of the one
    before it over both, and so on. One price of accuracy goes through all of them: a stage sends on what promises
    more for each unit of cost that what follows takes.
    """
    *earlier, last = middles
    fitted = _fitted(last, large, weight, fit)
    spent = float(np.average(large.cost[fit], weights=weight[fit]))
    seen = fit[~np.isnan(last.grade[fit])]
    least = np.quantile(np.maximum(fitted[1][seen], 0.0), [1 - share for share in _SHARES])
    made = []
    for threshold in np.unique(np.r_[0.0, least]):
        after = _before(last, large, fitted, float(threshold))
        for one in reversed(earlier):
            price = float(np.average(after.cost[fit], weights=weight[fit])) / max(spent, 1e-12)
            after = _before(one, after, _fitted(one, after, weight, fit), float(threshold) * price)
        made.append(after)
    return made


_Fitted = tuple[Stage, Floats]
"""A stage, its threshold still open, and the gains of all items."""


def _fitted(middle: Middle, after: Behind, weight: Floats, fit: NDArray[np.intp]) -> _Fitted:
    rows = fit[~np.isnan(middle.grade[fit])]
    model, held = fit_and_hold_out(
        middle.answers.at(rows), middle.grade[rows], after.grade[rows], weight[rows]
    )
    gain = model(middle.answers).gain
    gain[rows] = held.gain
    return Stage(model=middle.model, gain=model, threshold=0.0), gain


def _before(middle: Middle, after: Behind, fitted: _Fitted, threshold: float) -> Behind:
    """The cascade with a stage before it; where that has no verdict nothing is known of it, and it is passed over."""
    stage, gain = fitted
    known, up = ~np.isnan(middle.grade), gain >= threshold
    on = up | ~known
    return Behind(
        grade=np.where(on, after.grade, middle.grade),
        cost=np.where(known, middle.cost, 0.0) + np.where(on, after.cost, 0.0),
        asked={middle.model: known, **{name: there & on for name, there in after.asked.items()}},
        stages=(Stage(model=stage.model, gain=stage.gain, threshold=threshold), *after.stages),
    )  # fmt: skip
