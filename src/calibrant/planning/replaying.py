"""A cascade's plan followed on a log: who would have answered what, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..logs.panels import Panel
from ..plans.cascades import CascadePlan
from ..tally import Floats
from .ways import first_answers_of

__all__ = ["Followed", "follow"]


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What a plan gives on each of n items.

    Attributes
    ----------
    model : object, shape (n,)
        Whose answer is given.
    p : float64, shape (n,)
        The plan's P(it is right), as the live route states it where it has no map; NaN where the model before it in
        the plan has no verdict and was passed over.
    grade : float64, shape (n,)
        The verdict on it, NaN where there is none.
    asked : by model, bool, shape (n,)
        Where it is asked; peers always are.
    """

    model: NDArray[Any]
    p: Floats
    grade: Floats
    asked: Mapping[str, NDArray[np.bool_]]


def follow(plan: CascadePlan, panel: Panel) -> Followed:
    """Follow a plan on a panel of its models: first answers, stages, the large model.

    A model without a verdict counts as one that failed: a specialist gives way to the small model, a stage is passed
    over. O(items x stages).
    """
    grade = dict(zip(panel.models, panel.grade, strict=True))
    answer = dict(zip(panel.models, panel.answer, strict=True))
    first = np.array(
        [plan.first(t, d) for t, d in zip(panel.task.tolist(), panel.domain.tolist(), strict=True)], object
    )
    for one in plan.specialists:
        first[(first == one.model) & np.isnan(grade[one.model])] = plan.small
    asked = {name: first == name for name in plan.gains} | dict.fromkeys(
        plan.peers, np.ones(len(panel), bool)
    )
    model, p, then = first.copy(), np.full(len(panel), np.nan), np.full(len(panel), np.nan)
    up, said = np.ones(len(panel), bool), np.full(len(panel), None, object)
    for name, here in ((name, first == name) for name in plan.gains):
        said[here] = answer[name][here]
        _step(plan, panel, name, here, {}, (p, then, up))
    before = {plan.small: said}
    for name in (one.model for one in plan.stages):
        asked[name] = up & ~np.isnan(grade[name])
        then[up & ~asked[name]] = np.nan
        model[asked[name]] = name
        _step(plan, panel, name, asked[name], before, (p, then, up))
        before = before | {name: answer[name]}
    asked[plan.large] = up
    model[up] = plan.large
    given = np.choose([panel.models.index(name) for name in model.tolist()], panel.grade)
    return Followed(model=model, p=np.where(up, then, p), grade=given, asked=asked)


def _step(
    plan: CascadePlan, panel: Panel, name: str, here: NDArray[np.bool_], before: Mapping[str, NDArray[Any]],
    state: tuple[Floats, Floats, NDArray[np.bool_]],
) -> None:  # fmt: skip
    """What these answers of one model settle: P(right), P(what follows is right) and whether they are sent on."""
    at = np.flatnonzero(here)
    decided = plan.decide(
        name, first_answers_of(panel.of(at), name, plan.peers, {n: v[at] for n, v in before.items()})
    )
    p, then, up = state
    p[at], then[at], up[at] = decided.told.small, decided.told.large, decided.escalate
