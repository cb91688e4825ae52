"""What postures do to a signal of a model, as a value in a file: whether they steer it, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..files.sealed import Kind, Sealed
from ..metrics.intervals import Estimate

__all__ = ["MeasuredLevel", "MeasuredPostures", "Verdict"]

Verdict = Literal["steers", "does not steer", "reversed"]
"""Whether a posture moves what is stated the way it asks for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredLevel:
    """One level: by how much it moves the score from where neutral has it, and whether that is the way it asks for.

    `prompt` and `parameters` are the fingerprint of the signal in this posture. Neutral has no verdict.
    """

    level: str
    prompt: str
    parameters: str
    verdict: Verdict | None
    shift: Estimate | None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MeasuredPostures(Sealed):
    """The verdict on the postures of one signal of one model, over `answers` that were read at every level.

    `shift` is from the most cautious to the boldest level. `verdict` is None where there were too few answers.

    >>> made = MeasuredPostures(model="m", signal="verbalized", answers=0, verdict=None, shift=None, levels=())
    >>> MeasuredPostures.from_json(made.to_json()) == made
    True
    """

    model: str
    signal: str
    answers: int
    verdict: Verdict | None
    shift: Estimate | None
    levels: tuple[MeasuredLevel, ...]

    kind = Kind(
        noun="a measurement of postures",
        format="calibrant/postures",
        mark="postures_id",
        made_by="Make one with `calibrant posture ... --out FILE`.",
    )

    @property
    def postures_id(self) -> str:
        """16 hex digits that stand for everything in it."""
        return self.content_id

    def of(self, level: str) -> MeasuredLevel | None:
        """What was measured of a level."""
        return next((one for one in self.levels if one.level == level), None)

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> MeasuredPostures:
        levels = [
            MeasuredLevel(**(one | {"shift": one["shift"] and Estimate(**one["shift"])}))
            for one in data["levels"]
        ]
        return cls(
            model=data["model"],
            signal=data["signal"],
            answers=data["answers"],
            verdict=data["verdict"],
            shift=data["shift"] and Estimate(**data["shift"]),
            levels=tuple(levels),
        )
