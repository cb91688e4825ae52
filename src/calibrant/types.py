"""The nouns, in the order in which they arise. All are frozen values.

Units: log-probabilities in nats, latency in seconds, cost in US dollars, times as seconds since the
epoch, probabilities and scores in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, NewType

from .files.addresses import canonical as canonical
from .files.addresses import digest as digest

Score = NewType("Score", float)
"""A raw signal in [0, 1]. Higher always means more likely right; it is not a probability."""

Probability = NewType("Probability", float)
"""A calibrated probability of being right, in [0, 1]. Only a calibration map makes one."""

Json = Mapping[str, Any]


def score(value: float) -> Score:
    """Check and mark a number as a `Score`.

    >>> score(0.25)
    0.25
    """
    if not 0.0 <= value <= 1.0:  # also False for NaN
        raise ValueError(f"A score lies in [0, 1] and higher means surer; got {value!r}.")
    return Score(float(value))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that the model asked for; `arguments` is the model's own JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked. Task and domain choose signals, map and policy.

    `references` holds acceptable answers where they are known (a labelled question), else is empty.
    """

    id: str
    messages: tuple[Message, ...]
    task: str | None = None
    domain: str | None = None
    references: tuple[str, ...] = ()
    metadata: Json = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The last user turn."""
        for message in reversed(self.messages):
            if message.role == "user":
                return message.content
        return ""


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token with its log-probability (nats), and the alternatives the model weighed."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """What a model costs, in US dollars per million tokens; raises `ValueError` where that is no amount.

    >>> Price(prompt=2.5, completion=10.0).of(Usage(prompt_tokens=1000, completion_tokens=100))
    0.0035
    """

    prompt: float
    completion: float

    def __post_init__(self) -> None:
        for amount in (self.prompt, self.completion):
            if not 0 <= amount < math.inf:  # also False for NaN
                raise ValueError(f"A price is a number of US dollars from 0 on; got {amount!r}.")

    def of(self, usage: Usage) -> float:
        """Dollars for that many tokens."""
        return (self.prompt * usage.prompt_tokens + self.completion * usage.completion_tokens) / 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """What a model answered. `tokens` is None where the server gave no log-probabilities.

    `extra` is canonical JSON of what the server sent beyond the chat format, such as a probability of its own.
    """

    text: str
    model: str
    tokens: tuple[Token, ...] | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = Usage()
    cost: float | None = None
    latency: float = 0.0
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed answer; the last piece carries the whole `completion`."""

    text: str = ""
    completion: Completion | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A call to a model. Equal Asks of several signals are made once.

    `model` names the role of another model that is to answer ("peer", "judge"); None is the model that is
    being measured. `extra` is canonical JSON of further request fields that are passed on as they are
    (tools, response_format ...); text, so that an Ask stays hashable.
    """

    messages: tuple[Message, ...]
    samples: int = 1
    temperature: float = 0.0
    max_tokens: int = 256
    logprobs: bool = False
    top_logprobs: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    extra: str | None = None
    model: str | None = None

    @property
    def key(self) -> str:
        """Content address: equal Asks, equal keys, on any machine."""
        return digest(self._stated())

    @property
    def address(self) -> str:
        """The key but for how many samples are wanted and whether with log-probabilities.

        Asks of one address are answered by the same samples: the first n of them, one after the other.
        """
        return digest(self._stated("samples", "logprobs", "top_logprobs"))

    @property
    def depth(self) -> int:
        """How much is wanted of the tokens: 0 nothing, 1 their log-probabilities, 1 + n of n others too.

        >>> [Ask(messages=(), **wish).depth for wish in ({}, {"logprobs": True}, {"top_logprobs": 5})]
        [0, 1, 6]
        """
        return 1 + self.top_logprobs if self.logprobs or self.top_logprobs else 0

    def part(self, first: int, samples: int) -> Ask:
        """An Ask for so many of the samples, from index `first` on.

        The seed is moved on to the first, else all parts would be the same.

        >>> third = Ask(messages=(), samples=10, seed=7).part(2, 1)
        >>> third.samples, third.seed
        (1, 9)
        """
        return replace(self, samples=samples, seed=None if self.seed is None else self.seed + first)

    def _stated(self, *but: str) -> Json:
        """The fields not at their default, so that a new one changes no old address."""
        told = [one for one in fields(self) if one.name not in but]
        stated = {one.name: value for one in told if (value := getattr(self, one.name)) != one.default}
        return stated | {"messages": [_turn(message) for message in self.messages]}


def _turn(message: Message) -> list[Any]:
    turn: list[Any] = [message.role, message.content]
    if message.tool_calls or message.tool_call_id is not None:
        turn += [[[call.id, call.name, call.arguments] for call in message.tool_calls], message.tool_call_id]
    return turn


@dataclass(frozen=True, slots=True)
class Replies:
    """What came back for an Ask: completions, or none and the reason."""

    completions: tuple[Completion, ...] = ()
    reason: str | None = None


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
    """One signal on one completion: a score, or None with a reason."""

    signal: str
    score: Score | None
    reason: str | None = None
    detail: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.score is None) == (self.reason is None):
            raise ValueError("A Reading has a score, or None and a reason why; never both or neither.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fingerprint:
    """What a score is a score of. None means: not stated, so any.

    `prompt` is a digest of the instructions, `parameters` one of the signal's own settings.
    """

    model: str | None = None
    signal: str | None = None
    prompt: str | None = None
    parameters: str | None = None
    task: str | None = None
    domain: str | None = None

    def differences(self, other: Fingerprint) -> list[str]:
        """Fields stated on this side that the other states differently or not at all.

        >>> Fingerprint(model="a").differences(Fingerprint(model="b"))
        ["model is 'b', not 'a'"]
        """
        pairs = [(name, value, getattr(other, name)) for name, value in asdict(self).items()]
        return [f"{n} is {theirs!r}, not {mine!r}" for n, mine, theirs in pairs if mine not in (None, theirs)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Confidence:
    """A calibrated probability with its evidence, or None with a reason.

    `low` and `high` bound the probability (95 %) given the `verdicts` labelled answers behind it.
    """

    p: Probability | None
    low: float | None = None
    high: float | None = None
    map_id: str | None = None
    fingerprint: Fingerprint | None = None
    verdicts: int = 0
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.p is None) == (self.reason is None):
            raise ValueError(
                "A Confidence has a probability, or None and a reason why; never both or neither."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One part of a route's way to an answer: which model was asked for what, and what came of it.

    `p` is the calibrated probability that was at hand after it, `cost` in US dollars and `latency` in seconds
    are those of this step alone, its signals' calls included where they are known.
    """

    name: str
    model: str
    outcome: str
    p: float | None = None
    cost: float | None = None
    latency: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What a route came to. `confidence` is None where the route did not look: the pipeline then does.

    `steps` tell how it came there; a route of one call needs none.
    """

    completion: Completion
    readings: tuple[Reading, ...] = ()
    confidence: Confidence | None = None
    steps: tuple[Step, ...] = ()

    def pieces(self) -> tuple[Delta, Delta, Answered]:
        """What a stream gives where nothing could be sent before the whole answer was there."""
        return Delta(self.completion.text), Delta(completion=self.completion), self


class Action(StrEnum):
    """What to do with an answer, from the freest to the most careful."""

    ANSWER = "answer"
    DISCLAIM = "disclaim"
    REVIEW = "review"
    HAND_OFF = "hand_off"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The action, the threshold that fired (None where no number was at hand), and why, in a sentence."""

    action: Action
    threshold: float | None
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Everything needed to explain a decision later. Written once, never changed."""

    id: str
    time: float
    question: Question
    completion: Completion | None
    readings: tuple[Reading, ...] = ()
    confidence: Confidence | None = None
    steps: tuple[Step, ...] = ()
    decision: Decision | None = None
    policy: str | None = None
    error: str | None = None
    version: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Right (1), wrong (0), or a grade between, given to a record.

    `propensity`, from 1e-6 to 1, is the probability with which this record was chosen to be judged; the
    verdict counts 1/propensity. None where nobody knows it: a user who chose to complain was not drawn.
    `id` makes repeated delivery harmless.
    """

    id: str
    record_id: str
    grade: float
    judge: str
    time: float
    propensity: float | None = 1.0
    source: str = "reviewer"
    comment: str | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.grade <= 1.0:
            raise ValueError(f"A grade lies in [0, 1] (0 wrong, 1 right); got {self.grade!r}.")
        if self.propensity is not None and not 1e-6 <= self.propensity <= 1.0:
            raise ValueError(
                "A propensity is the probability of having been asked for, from 0.000001 to 1; "
                f"got {self.propensity!r}."
            )
