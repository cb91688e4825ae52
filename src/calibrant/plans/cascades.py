"""A cascade as it is kept and followed: who answers first, and from which gain on a larger model answers again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..files.sealed import Kind, Sealed
from .first_answers import FirstAnswers
from .gains import GainModel, Gains

__all__ = ["CascadePlan", "Decided", "Specialist", "Stage"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Specialist:
    """A domain in which another model than the small one answers first, and how far it was ahead there.

    `edge` is the shrunk difference of the shares right, `ahead` the probability that it is above zero.
    """

    task: str | None
    domain: str | None
    model: str
    measured: float
    edge: float
    ahead: float
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A model between the first and the large one: what is left to gain over it, and from where on that is asked for.

    `gain` is that of everything behind it: the stages after it, each where it is reached, and the large model.
    """

    model: str
    gain: GainModel
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Decided:
    """For each answer: what is predicted, and whether the large model answers again."""

    told: Gains
    escalate: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CascadePlan(Sealed):
    """Models by the names in the log they were measured on, gain models by who answers first, and a threshold.

    `threshold` is the gain from which on the large model is asked: 2, which no gain reaches, is never. With `stages`
    it is the gain of all that follows, and they are asked one after the other before the large model. `prices` are
    what an answer of each model costs on average, in `unit`. `expected` and `realised` are what was predicted for
    other rows and what these then showed.
    """

    small: str
    large: str
    peers: tuple[str, ...] = ()
    specialists: tuple[Specialist, ...] = ()
    gains: Mapping[str, GainModel]
    threshold: float
    stages: tuple[Stage, ...] = ()
    prices: Mapping[str, float] = field(default_factory=dict)
    unit: str = "large calls"
    expected: Mapping[str, Any] = field(default_factory=dict)
    realised: Mapping[str, Any] = field(default_factory=dict)

    later = ("stages",)
    kind = Kind(
        noun="a cascade", format="calibrant/cascade", mark="plan_id",
        made_by="Make one with `calibrant plan cascade LOG --models SMALL,LARGE --out PLAN`.",
    )  # fmt: skip

    def first(self, task: str | None, domain: str | None) -> str:
        """The model that answers first: a specialist of the domain, else the small one."""
        return self._domains.get((task, domain), self.small)

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that may be asked, each once."""
        others = [*(one.model for one in self.specialists), *(one.model for one in self.stages)]
        return tuple(dict.fromkeys([self.small, self.large, *others, *self.peers]))

    def decide(self, model: str, answers: FirstAnswers) -> Decided:
        """What the model that answered, first or as a stage, leaves to gain, and whether that is enough to go on."""
        told = self.gain_over(model)(answers)
        return Decided(told=told, escalate=np.asarray(told.gain >= self.threshold_of(model)))

    def gain_over(self, model: str) -> GainModel:
        """The gain model of what follows an answer of this model; raises `UnusableInput` where the plan has none."""
        found = {**{name: one.gain for name, one in self._stages.items()}, **self.gains}
        if model not in found:
            raise UnusableInput(
                f"The plan knows no gain over {model!r}, only over {', '.join([*self.gains, *self._stages])}. "
                "Plan it with `calibrant plan cascade LOG --models SMALL,LARGE,OTHERS`."
            )
        return found[model]

    def threshold_of(self, model: str) -> float:
        """The gain from which on an answer of this model is not the last: that of a stage, else of first answers."""
        stage = self._stages.get(model)
        return self.threshold if stage is None else stage.threshold

    @cached_property
    def _stages(self) -> dict[str, Stage]:
        return {one.model: one for one in self.stages}

    @cached_property
    def _domains(self) -> dict[tuple[str | None, str | None], str]:
        return {(one.task, one.domain): one.model for one in self.specialists}

    @property
    def plan_id(self) -> str:
        """16 hex digits that stand for everything in the plan."""
        return self.content_id

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> CascadePlan:
        return cls(
            small=data["small"], large=data["large"], peers=tuple(data["peers"]),
            specialists=tuple(Specialist(**one) for one in data["specialists"]),
            gains={name: GainModel.from_json(model) for name, model in data["gains"].items()},
            threshold=data["threshold"],
            stages=tuple(
                Stage(model=one["model"], gain=GainModel.from_json(one["gain"]), threshold=one["threshold"])
                for one in data.get("stages", ())
            ),
            prices=data["prices"], unit=data["unit"], expected=data["expected"],
            realised=data["realised"],
        )  # fmt: skip
