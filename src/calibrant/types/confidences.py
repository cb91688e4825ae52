"""How sure a model is of an answer: read by signals, calibrated by maps, found on routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NewType

from .asked import cautions, refusals
from .asks import Completion, Delta, Json

__all__ = [
    "FEW", "Answered", "Confidence", "Cost", "Fingerprint", "Probability", "Reading", "Score", "Step", "score",
    "scored",
]  # fmt: skip

Score = NewType("Score", float)
"""A raw signal in [0, 1]. Higher always means more likely right; it is not a probability."""

FEW = 50
"""Labelled answers: with fewer, the 95 % interval of a rate of .725 is wider than the bands .60 and .85 lie apart."""

Probability = NewType("Probability", float)
"""A calibrated probability of being right, in [0, 1]. Only a calibration map makes one."""


def score(value: float) -> Score:
    """Check and mark a number as a `Score`.

    >>> score(0.25)
    0.25
    """
    if not 0.0 <= value <= 1.0:  # also False for NaN
        raise ValueError(f"A score lies in [0, 1] and higher means surer; got {value!r}.")
    return Score(float(value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a signal asks for one answer, at the most; known before anything is run.

    `calls` are further calls, of which each reads the question and the answer once more; `samples` are
    further answers to the question itself, which signals share, so that the largest wish counts once;
    `read` are the tokens of all instructions together, `written` the tokens that all calls may write.

    >>> Cost(calls=1, read=40, written=10) + Cost(samples=5)
    Cost(calls=1, samples=5, read=40, written=10)
    """

    calls: int = 0
    samples: int = 0
    read: int = 0
    written: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            calls=self.calls + other.calls,
            samples=max(self.samples, other.samples),
            read=self.read + other.read,
            written=self.written + other.written,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One signal on one completion: a score, or None with a reason.

    A signal need not name itself: whoever reads it puts its name on the reading.
    """

    signal: str = ""
    score: Score | None = None
    reason: str | None = None
    detail: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.score is None) == (self.reason is None):
            raise ValueError("A Reading has a score, or None and a reason why; never both or neither.")


def scored(value: float, **detail: Any) -> Reading:
    """The reading of a signal that has a score; raises `ValueError` outside of [0, 1].

    >>> scored(0.25, tokens=3).detail
    {'tokens': 3}
    """
    return Reading(score=score(value), detail=detail)


ASKED = "asked_with"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprint:
    """What a score is a score of. None means: not stated, so any.

    `prompt` is a digest of the instructions, `parameters` one of the signal's own settings. `asked_with` tells how the
    answers were asked for: system prompt, limit of tokens and so on (`calibrant.types.asked`).
    """

    model: str | None = None
    signal: str | None = None
    prompt: str | None = None
    parameters: str | None = None
    task: str | None = None
    domain: str | None = None
    asked_with: str | None = None

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Fingerprint:
        """That of scores of which this is known; other columns than its fields are no part of one."""
        return cls(**{name: value for name, value in known.items() if name in cls.__slots__})

    @property
    def stated(self) -> dict[str, str | None]:
        """Its fields as what is known of a live score: None is known to be none, but of `asked_with` not known."""
        told = {name: getattr(self, name) or None for name in self.__slots__}
        return told if self.asked_with else {n: v for n, v in told.items() if n != ASKED}

    def to_dict(self) -> dict[str, str | None]:
        """Plain values; how answers were asked for only where it is known, so that older files keep their ids."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return told if self.asked_with else {n: v for n, v in told.items() if n != ASKED}

    def differences(self, stated: Mapping[str, str | None], *, asked_any: bool = False) -> list[str]:
        """Fields stated on this side that are known to be otherwise; what `stated` does not hold is not compared.

        How answers were asked for is compared part by part (`calibrant.types.asked.refusals`), and not where
        `asked_any`.

        >>> mine = Fingerprint(model="a", task="t")
        >>> mine.differences({"model": "b"}), mine.differences(Fingerprint(model="a").stated)
        (["model is 'b', not 'a'"], ["task is None, not 't'"])
        """
        pairs = [
            (name, value, stated.get(name, value)) for name, value in self.stated.items() if name != ASKED
        ]
        off = [f"{n} is {theirs!r}, not {mine!r}" for n, mine, theirs in pairs if mine not in (None, theirs)]
        return off if asked_any else off + refusals(self.asked_with, stated.get(ASKED))

    def cautions(self, stated: Mapping[str, str | None]) -> str | None:
        """What is to be known where scores of which this is `stated` were asked for otherwise; None for nothing."""
        return "; ".join(cautions(self.asked_with, stated.get(ASKED))) or None


@dataclass(frozen=True, kw_only=True, slots=True)
class Confidence:
    """A calibrated probability with its evidence, or None with a reason.

    `low` and `high` bound the probability (95 %) given the `verdicts` labelled answers behind it. `stand_in` says
    what its map is for, where that stood in for a group without a map of its own ("task law, any domain"). `caution`
    says in what the answer was asked for otherwise than those of the map, or that this is not known, or that it was
    cut off. Raises `ValueError` where there is neither a probability nor a reason, or both.

    >>> Confidence(p=0.7, low=0.6, high=0.8, verdicts=120).few, Confidence(p=None, reason="no map").p
    (False, None)
    """

    p: Probability | None
    low: float | None = None
    high: float | None = None
    map_id: str | None = None
    fingerprint: Fingerprint | None = None
    verdicts: int = 0
    reason: str | None = None
    stand_in: str | None = None
    caution: str | None = None

    def __post_init__(self) -> None:
        if (self.p is None) == (self.reason is None):
            raise ValueError(
                "A Confidence has a probability, or None and a reason why; never both or neither."
            )

    @property
    def few(self) -> bool:
        """Whether fewer than 50 labelled answers are behind the probability, as far as that is known."""
        return 0 < self.verdicts < FEW


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One part of a route's way to an answer: which model was asked for what, and what came of it.

    `p` is the calibrated probability that was at hand after it, `cost` in US dollars and `latency` in seconds
    are those of this step alone, its signals' calls included where they are known. `detail` holds what the step
    tells as data, numbers and texts by name, which stand as columns in a log of the record.
    """

    name: str
    model: str
    outcome: str
    p: float | None = None
    cost: float | None = None
    latency: float = 0.0
    detail: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What a route came to. `confidence` is None where the route did not look: the pipeline then does.

    `steps` tell how it came there; a route of one call needs none. `index` is that of its pieces, where several answers
    are streamed together.
    """

    completion: Completion
    readings: tuple[Reading, ...] = ()
    confidence: Confidence | None = None
    steps: tuple[Step, ...] = ()
    index: int = 0

    def pieces(self) -> tuple[Delta, Delta, Answered]:
        """What a stream gives where nothing could be sent before the whole answer was there."""
        said = Delta.of(self.completion, self.index)
        return said, Delta(completion=self.completion, index=self.index), self
