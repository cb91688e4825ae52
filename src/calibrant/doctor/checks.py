"""What was looked at, what came of it, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Check", "Diagnosis", "Level", "WayTold"]

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `about` is its place in the file, `do` what to do where it is not well."""

    level: Level
    about: str
    says: str
    do: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class WayTold:
    """What is asked for one answer of a task, beside the answer itself, at the most.

    Attributes
    ----------
    task : None for all others
    model : its own name
    route, signals, gate, prompt : as the way has them
    calls, samples : further calls, and further answers to the question
    prompt_tokens, completion_tokens : of all calls, the answer's own among them
    dollars : of the same; None where a price is not known
    """

    task: str | None
    model: str
    route: str
    signals: tuple[str, ...]
    gate: str
    prompt: str | None
    calls: int
    samples: int
    prompt_tokens: int
    completion_tokens: int
    dollars: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """All that was looked at, and what an answer of each way takes.

    >>> Diagnosis(checks=(Check("ok", "[store]", "Fine."), Check("warn", "[model]", "Slow.")), ways=()).worst
    'warn'
    """

    checks: tuple[Check, ...]
    ways: tuple[WayTold, ...]

    @property
    def worst(self) -> Level:
        """The level of the worst finding."""
        return worst(one.level for one in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "worst": self.worst,
            "checks": [asdict(one) for one in self.checks],
            "ways": [asdict(one) for one in self.ways],
        }


def worst(levels: Iterable[Level]) -> Level:
    """The worst of some."""
    ranked: tuple[Level, ...] = ("ok", "warn", "fail")
    return max(levels, key=ranked.index, default="ok")
