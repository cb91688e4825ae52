"""From what the configuration says to the pipeline it describes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..arguments import check_names, filled
from ..asking.assessing import Assessor
from ..errors import UnusableInput
from ..maps.calibration import MapSet
from ..pipeline import Pipeline
from ..plans.cascades import CascadePlan
from ..plans.votes import VotePool
from ..plugins import find
from ..protocols import Model, Route, Signal
from .config import CascadeBy, Config, EnsembleBy, Part, SelfCorrectionBy, signals_of

__all__ = ["build"]


def build(config: Config) -> Pipeline:
    """The pipeline that a configuration describes; the caller closes it."""
    signals, by_task = signals_of(config.confidence)
    given = config.confidence.maps
    parts = _Parts(
        signals=signals,
        by_task=by_task,
        maps=MapSet.load(given) if given else MapSet(by=(), groups=()),
        others={} if config.peer is None else {"peer": _made("models", config.peer, "[peer]")},
    )
    match config.route:
        case CascadeBy():
            route, model = _cascade(config, config.route, parts)
        case EnsembleBy():
            route, model = _ensemble(config, config.route, parts)
        case SelfCorrectionBy() as way:
            model = _made("models", config.model, "[model]")
            route = find("routes", "self_correction")(
                model=model, assessor=parts.assessor(model), threshold=way.threshold, margin=way.margin,
                rounds=way.rounds, alternatives=way.alternatives,
            )  # fmt: skip
        case _:
            model = _made("models", config.model, "[model]")
            route = find("routes", "single")(model=model)
    return Pipeline(
        route=route,
        model=model,
        signals=parts.signals,
        by_task=parts.by_task,
        others=parts.others,
        maps=parts.maps,
        policy=_made("policies", config.policy, "[policy]"),
        store=find("stores", "sql")(config.store.url),
        clock=time.time,
        new_id=lambda: uuid.uuid4().hex,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """What answers are assessed with, whichever model gave them."""

    signals: Mapping[str, Signal]
    maps: MapSet
    by_task: Mapping[str, Mapping[str, Signal]] = field(default_factory=dict)
    others: Mapping[str, Model] = field(default_factory=dict)

    def assessor(self, model: Model) -> Assessor:
        """For the answers of one model."""
        return Assessor(
            model=model, signals=self.signals, maps=self.maps, by_task=self.by_task, others=self.others
        )

    def mapped(self, model: Model) -> bool:
        """Whether any of the maps is for this model."""
        marks = [m.fingerprint for _, m in self.maps.groups] + [b.fingerprint for _, b in self.maps.blends]
        return any(mark.model in (None, model.name) for mark in marks)


def _cascade(config: Config, way: CascadeBy, parts: _Parts) -> tuple[Route, Model]:
    plan = CascadePlan.load(way.plan)
    models: dict[str, Model] = {
        name: _made("models", config.models[section], f"[models.{section}]")
        for name, section in _named(config.models, plan).items()
    }
    assessors = {
        name: parts.assessor(one)
        for name, one in models.items()
        if parts.signals and (name in plan.gains or (name == plan.large and parts.mapped(one)))
    }
    route: Route = find("routes", "cascade")(plan=plan, models=models, assessors=assessors, anyway=way.anyway)
    return route, models[plan.small]


def _named(models: Mapping[str, Part], plan: CascadePlan) -> dict[str, str]:
    """The section of each of the plan's models, by its name there."""
    roles = {plan.small: "small", plan.large: "large"}
    found = {name: roles.get(name, name) for name in plan.models}
    lacking = [section for section in found.values() if section not in models]
    if lacking:
        raise UnusableInput(f'The plan asks {lacking[0]} too: add a section [models."{lacking[0]}"].')
    check_names("[models]", models, list(found.values()), "model")
    return found


def _ensemble(config: Config, way: EnsembleBy, parts: _Parts) -> tuple[Route, Model]:
    sections = {f"[models.{name}]": part for name, part in config.models.items()} or {"[model]": config.model}
    models: list[Model] = [_made("models", part, where) for where, part in sections.items()]
    pool = None if way.pool is None else VotePool.load(way.pool)
    route: Route = find("routes", "ensemble")(
        models=models, pool=pool, samples=way.samples, temperature=way.temperature,
        assessors={one.name: parts.assessor(one) for one in models} if parts.signals else {},
    )  # fmt: skip
    return route, models[0]


def _made(family: str, part: Part, where: str) -> Any:
    return filled(find(family, part.kind), part.settings, where)
