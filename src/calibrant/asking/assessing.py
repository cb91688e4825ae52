"""How sure is this answer? Its signals are read and calibrated, for a pipeline or inside a route."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..protocols import Model, Signal
from ..types import Completion, Confidence, Fingerprint, Question, Reading
from .asker import Asker, Budget
from .elicit import read

if TYPE_CHECKING:
    from ..maps.calibration import MapSet

__all__ = ["Assessor", "fingerprint"]

FURTHER = Budget(seconds=30.0)
"""What the signals' further calls may take for one answer; a late one costs its reading, not the answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessor:
    """Reads signals on an answer and calibrates them.

    `model` answers what the signals ask further, `others` what they ask other models by their role ("peer").
    A blend of `maps` decides, else the first of the signals with a score and a map.
    """

    model: Model
    signals: Mapping[str, Signal]
    maps: MapSet
    others: Mapping[str, Model] = field(default_factory=dict)

    @property
    def needs(self) -> frozenset[str]:
        """What an answer has to carry for the signals: "logprobs", "top_logprobs"."""
        return frozenset[str]().union(*(signal.needs for signal in self.signals.values()))

    @property
    def has_own_map(self) -> bool:
        """Whether one of the maps is for answers of this model."""
        marks = [m.fingerprint for _, m in self.maps.groups] + [b.fingerprint for _, b in self.maps.blends]
        return any(mark.model in (None, self.model.name) for mark in marks)

    def asker(self, budget: Budget | None = None) -> Asker:
        """Asks what the signals ask further, within a budget: 30 seconds where none is given."""
        return Asker(self.model, budget=budget or FURTHER, retries=1, others=self.others)

    async def assess(
        self, question: Question, completion: Completion, asker: Asker | None = None
    ) -> tuple[tuple[Reading, ...], Confidence]:
        """The readings, and the probability that the answer is right; None in it says what was lacking.

        Calls go through `asker`, which shares samples among answers to one question, else through one for this
        answer alone.
        """
        readings = await read(self.signals, question, completion, asker or self.asker)
        return readings, self.confidence(question, completion, readings)

    def confidence(
        self, question: Question, completion: Completion, readings: tuple[Reading, ...]
    ) -> Confidence:
        """That of a blend for this answer, else of the first signal which has a score and a map."""
        lacks = []
        for found in self._tried(
            [(reading, fingerprint(question, completion, reading)) for reading in readings]
        ):
            if found.p is not None:
                return found
            lacks.append(str(found.reason))
        return Confidence(p=None, reason="; ".join(lacks) or "No signal is configured.")

    def _tried(self, read: Sequence[tuple[Reading, Fingerprint]]) -> Iterator[Confidence]:
        if read and self.maps.blends:
            yield self.maps.blended(read)
        if self.maps.groups or self.maps.fallbacks or not self.maps.blends:
            yield from (self.maps.confidence(*one) for one in read)


def fingerprint(question: Question, completion: Completion, reading: Reading) -> Fingerprint:
    """What a reading's score is a score of: the same fields that a log's rows carry."""
    return Fingerprint(
        model=completion.model,
        signal=reading.signal,
        prompt=reading.detail.get("prompt"),
        parameters=reading.detail.get("parameters"),
        task=question.task,
        domain=question.domain,
        asked_with=reading.detail.get("asked_with"),
    )
