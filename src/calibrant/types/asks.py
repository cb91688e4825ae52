"""What is asked of a model, and what comes back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import Any, NamedTuple

from ..errors import NoScore
from ..files.addresses import canonical, digest

__all__ = [
    "Ask", "CallPiece", "Completion", "Delta", "Json", "Message", "Price", "Question", "Replies", "Sampling",
    "Token", "ToolCall", "Usage",
]  # fmt: skip

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool that the model asked for; `arguments` is the model's own JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, all of it in the chat format's terms.

    `content` is its text. Where that does not say all of it, `parts` is canonical JSON of the content as it came:
    a list with images, sound or marks in it, or null. `extra` is canonical JSON of the members beyond those that
    have a field here (name, refusal, reasoning_content ...). Both go to the model as they came.
    """

    role: str
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    parts: str | None = None
    extra: str | None = None

    @property
    def body(self) -> Any:
        """The content as a JSON value: its text, or what `parts` holds.

        >>> Message("user", "hi").body, Message("assistant", "", parts="null").body
        ('hi', None)
        """
        return self.content if self.parts is None else json.loads(self.parts)

    @property
    def members(self) -> dict[str, Any]:
        """The members beyond.

        >>> Message("user", "hi", extra='{"name":"Ana"}').members
        {'name': 'Ana'}
        """
        members: dict[str, Any] = json.loads(self.extra) if self.extra else {}
        return members

    def saying(self, content: str) -> Message:
        """The same turn with another text; images and whatever else is no text stay where they are.

        What is put before or behind the text so far becomes a part of its own; any other text stands where the
        first one stood.

        >>> shown = Message("user", "What is it?", parts='[{"text":"What is it?","type":"text"},{"type":"image_url"}]')
        >>> [part.get("text") for part in shown.saying("What is it? Be brief.").body]
        ['What is it?', None, ' Be brief.']
        """
        parts = self.body if self.parts is not None else None
        if not isinstance(parts, list):
            return replace(self, content=content, parts=None)
        if content.startswith(self.content):
            parts = [*parts, *_text_part(content[len(self.content) :])]
        elif content.endswith(self.content):
            parts = [*_text_part(content[: -len(self.content)]), *parts]
        else:
            at = next((i for i, part in enumerate(parts) if _is_text(part)), 0)
            before, behind = (
                [part for part in some if not _is_text(part)] for some in (parts[:at], parts[at:])
            )
            parts = [*before, *_text_part(content), *behind]
        return replace(self, content=content, parts=canonical(parts))


def _text_part(text: str) -> list[Any]:
    return [{"type": "text", "text": text}] if text else []


def _is_text(part: Any) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and part.get("type") == "text")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How a question wants its answers drawn, as the fields of an `Ask` of those names.

    None where that is for the run to say; a `stop` of () says to stop at nothing.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    extra: str | None = None

    @property
    def stated(self) -> dict[str, Any]:
        """Those that are stated.

        >>> Sampling(max_tokens=16, stop=()).stated
        {'max_tokens': 16, 'stop': ()}
        """
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked. Task and domain choose signals, map and policy.

    `references` holds acceptable answers where they are known (a labelled question), else is empty; `settings`
    say how its answers are drawn, where it has a wish. `format` is the form that its answer is asked for in (see
    `calibrant.dialogue.forms`): "by_kind", a form by name, or "free" and None for as it stands. `put_by` is the digest
    of the prompt around it (`calibrant.dialogue.prompts`), None where there is none. `asked_with` is how it was put in
    full (`calibrant.dialogue.asked`), for who reads signals of its answer; None where that is not known. `asked_by` is
    the name of the key by which it came, None without one.
    """

    id: str
    messages: tuple[Message, ...]
    task: str | None = None
    domain: str | None = None
    references: tuple[str, ...] = ()
    metadata: Json = field(default_factory=dict)
    settings: Sampling = Sampling()
    format: str | None = None
    put_by: str | None = None
    asked_with: str | None = None
    asked_by: str | None = None

    @property
    def text(self) -> str:
        """The last user turn."""
        for message in reversed(self.messages):
            if message.role == "user":
                return message.content
        return ""


class Token(NamedTuple):
    """One generated token with its log-probability (nats), and the alternatives the model weighed.

    A tuple, since an answer has hundreds of them, and a tuple is made in a third of the time.
    """

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written; of those read `cached_tokens` came from a cache, and `reasoning_tokens` of those
    written were thought.

    `details` is canonical JSON of what else the server counted, in the chat format's terms, as it came.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    details: str | None = None

    @property
    def total(self) -> int:
        """Both together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        """Those of several calls; what only one of them counted beyond is kept.

        >>> Usage(7, 3) + Usage(7, 5, details='{"cost":0.1}')
        Usage(prompt_tokens=14, completion_tokens=8, cached_tokens=0, reasoning_tokens=0, details='{"cost":0.1}')
        """
        counted = [one.details for one in (self, other) if one.details]
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            counted[0] if len(counted) == 1 else None,
        )


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

    `reasoning` is what the model thought aloud before its answer. With `refusal` the text says why there is no answer.
    `extra` is canonical JSON of what the server sent beyond the chat format, such as a probability of its own;
    `message` and `choice` are canonical JSON of further members of the message and of the choice around it
    (annotations, sound ...), to be given back as they came. `served_model` is what the server calls the model, where it
    is another name than `model`: a version of it, or another that stands in.
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
    reasoning: str = ""
    refusal: bool = False
    message: str | None = None
    choice: str | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    served_model: str | None = None


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A fragment of a tool call that is being written: of the call at that place among the answer's calls.

    `id` and `name` are there once, in the first; `arguments` are what is to be added. `extra` is canonical JSON of
    further members of the call.
    """

    place: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed answer; the last piece carries the whole `completion`.

    `tokens` are those that spell its text. `message` is canonical JSON of further members. Where several answers are
    streamed together, `index` says of which this is a piece, and each ends with its completion. A piece that says
    nothing tells that the model has begun.
    """

    text: str = ""
    completion: Completion | None = None
    _: KW_ONLY
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[CallPiece, ...] = ()
    tokens: tuple[Token, ...] = ()
    message: str | None = None
    index: int = 0

    @property
    def empty(self) -> bool:
        """Whether it adds nothing to the answer."""
        return not (self.text or self.reasoning or self.refusal or self.calls or self.message)

    @classmethod
    def of(cls, whole: Completion, index: int = 0) -> Delta:
        """The one piece that says all of an answer, but for its end.

        >>> Delta.of(Completion(text="4", model="m")).text
        '4'
        """
        calls = enumerate(whole.tool_calls)
        return cls(
            "" if whole.refusal else whole.text,
            reasoning=whole.reasoning,
            refusal=whole.text if whole.refusal else "",
            calls=tuple(CallPiece(i, call.id, call.name, call.arguments) for i, call in calls),
            tokens=whole.tokens or (),
            message=whole.message,
            index=index,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A call to a model. Equal Asks of several signals are made once.

    A `temperature`, `max_tokens` or `seed` of None is the server's to decide. `model` names the role of another
    model that is to answer ("peer", "judge"); None is the model that is being measured. `extra` is canonical
    JSON of further request fields that are passed on as they are (tools, response_format ...); text, so
    that an Ask stays hashable. `firm` are fields that whoever asks stated, with their values: a server that
    refuses one of them gives its error, where it would else be asked without. It is no part of what is asked.
    """

    messages: tuple[Message, ...]
    samples: int = 1
    temperature: float | None = 0.0
    max_tokens: int | None = 256
    logprobs: bool = False
    top_logprobs: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    extra: str | None = None
    model: str | None = None
    firm: tuple[tuple[str, Any], ...] = ()

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
        told = [one for one in fields(self) if one.name not in (*but, "firm")]
        stated = {one.name: value for one in told if (value := getattr(self, one.name)) != one.default}
        return stated | {"messages": [_turn(message) for message in self.messages]}


def _turn(message: Message) -> list[Any]:
    turn: list[Any] = [message.role, message.content]
    if message.tool_calls or message.tool_call_id is not None:
        turn += [[[call.id, call.name, call.arguments] for call in message.tool_calls], message.tool_call_id]
    if message.parts is not None or message.extra is not None:
        turn.append({"parts": message.parts, "extra": message.extra})
    return turn


@dataclass(frozen=True, slots=True)
class Replies:
    """What came back for an Ask: completions, or none and the reason."""

    completions: tuple[Completion, ...] = ()
    reason: str | None = None

    @property
    def first(self) -> Completion:
        """The first completion; raises `NoScore` with the reason where there is none."""
        if not self.completions:
            raise NoScore(self.reason or "The model gave no reply.")
        return self.completions[0]
