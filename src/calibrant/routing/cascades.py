"""A planned cascade: who answers first, and from which gain on a larger model answers again. Plain JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..tally import Floats
from ..types import digest
from .cases import Cases
from .gains import GainModel, Gains

__all__ = ["FORMAT", "CascadePlan", "Decided", "Specialist"]

FORMAT = "calibrant/cascade"
_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Specialist:
    """A domain in which another model than the small one answers first, and how far it was ahead there.

    `edge` is the shrunk difference of the shares right, `ahead` the probability that it is above zero.
    """

    task: str
    domain: str
    model: str
    measured: float
    edge: float
    ahead: float
    rows: int


@dataclass(frozen=True, kw_only=True)
class Decided:
    """For each answer: what is predicted, and whether the large model answers again."""

    told: Gains
    escalate: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class CascadePlan:
    """Models by the names in the log they were measured on, gain models by who answers first, and a threshold.

    `threshold` is the gain from which on the large model is asked: 2, which no gain reaches, is never. `prices` are
    what an answer of each model costs on average, in `unit`. `expected` and `realised` are what was predicted for
    other rows and what these then showed.
    """

    small: str
    large: str
    peers: tuple[str, ...] = ()
    specialists: tuple[Specialist, ...] = ()
    gains: Mapping[str, GainModel]
    threshold: float
    prices: Mapping[str, float] = field(default_factory=dict)
    unit: str = "large calls"
    expected: Mapping[str, Any] = field(default_factory=dict)
    realised: Mapping[str, Any] = field(default_factory=dict)

    def first(self, task: str | None, domain: str | None) -> str:
        """The model that answers first: a specialist of the domain, else the small one."""
        return self._domains.get((str(task), str(domain)), self.small)

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that may be asked, each once."""
        others = [one.model for one in self.specialists]
        return tuple(dict.fromkeys([self.small, self.large, *others, *self.peers]))

    def decide(self, first: str, cases: Cases) -> Decided:
        """What the model that answered first leaves to gain, and whether that is enough to ask the large one."""
        if first not in self.gains:
            raise UnusableInput(
                f"The plan knows no gain over {first!r}, only over {', '.join(self.gains)}. "
                "Plan it with `calibrant plan cascade LOG --models SMALL,LARGE,OTHERS`."
            )
        told = self.gains[first](cases)
        return Decided(told=told, escalate=self.over(told.gain))

    def over(self, gain: Floats) -> NDArray[np.bool_]:
        """Whether gains reach the threshold."""
        return np.asarray(gain >= self.threshold)

    @cached_property
    def _domains(self) -> dict[tuple[str, str], str]:
        return {(one.task, one.domain): one.model for one in self.specialists}

    @cached_property
    def plan_id(self) -> str:
        """16 hex digits that stand for everything in the plan."""
        return digest(self._content())

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": _VERSION,
            "small": self.small,
            "large": self.large,
            "peers": list(self.peers),
            "specialists": [asdict(one) for one in self.specialists],
            "gains": {name: json.loads(model.to_json()) for name, model in self.gains.items()},
            "threshold": self.threshold,
            "prices": dict(self.prices),
            "unit": self.unit,
            "expected": dict(self.expected),
            "realised": dict(self.realised),
        }

    def to_json(self) -> str:
        """The plan as JSON text; `from_json` gives an equal plan."""
        return json.dumps({"plan_id": self.plan_id, **self._content()}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> CascadePlan:
        """Read a plan; raises `UnusableInput` if it is none, of a newer version, or was edited."""
        data = json.loads(text)
        if data.get("format") != FORMAT or data.get("version") != _VERSION:
            raise UnusableInput(
                f"Expected a cascade ({FORMAT}, version {_VERSION}), got format {data.get('format')!r}, version "
                f"{data.get('version')!r}. Make one with `calibrant plan cascade LOG --models SMALL,LARGE --out PLAN`."
            )
        made = cls(
            small=data["small"], large=data["large"], peers=tuple(data["peers"]),
            specialists=tuple(Specialist(**one) for one in data["specialists"]),
            gains={name: GainModel.from_json(model) for name, model in data["gains"].items()},
            threshold=data["threshold"], prices=data["prices"], unit=data["unit"], expected=data["expected"],
            realised=data["realised"],
        )  # fmt: skip
        if data.get("plan_id") != made.plan_id:
            raise UnusableInput(
                f"This cascade says its id is {data.get('plan_id')}, but its content gives {made.plan_id}: it was "
                "edited or damaged. Make it again with `calibrant plan cascade LOG --out PLAN`."
            )
        return made

    @classmethod
    def load(cls, path: str | Path) -> CascadePlan:
        """Read the file that `calibrant plan cascade --out` wrote."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, UnusableInput):
                raise
            raise UnusableInput(
                f"{path} cannot be read as a cascade ({error}). Make one with `calibrant plan cascade LOG "
                f"--models SMALL,LARGE --out {path}`."
            ) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CascadePlan) and self.plan_id == other.plan_id

    def __hash__(self) -> int:
        return hash(self.plan_id)
