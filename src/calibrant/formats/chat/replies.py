"""Chat completions: a reply read into completions, and completions written as one. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import ModelUnavailable
from ...types import Ask, Completion, Json, Price, Token, Usage, canonical
from ..calls import call_bodies, call_from, is_plain
from ..completions import beyond, counted, ended_by, further, native_end, served_as
from ..dialects import others_left_out
from ..failures import excerpt, expecting
from ..logprobs import entries_of, tokens_within

__all__ = [
    "ADVICE", "CHOICE", "FORMAT", "READ", "REASONING", "beside", "body_members", "choice_body", "completions",
    "error_body", "frame", "kept", "logprobs_beside", "logprobs_body", "named_members", "reasoning_in", "reply_body",
    "sureness", "text_from", "tokens_in", "usage_body", "usage_from",
]  # fmt: skip

FORMAT = frozenset((
    "id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "error",
    "timings", "obfuscation",
))  # fmt: skip
"""Members of a chat completion and its pieces, and two that say nothing of the answer."""

CHOICE = frozenset(("index", "message", "delta", "logprobs", "finish_reason"))
"""Members of a choice that are read."""

REASONING = ("reasoning_content", "reasoning")
"""By what names a message has what the model thought aloud; the first is the one by which it is given back."""

READ = frozenset(("role", "content", "refusal", "tool_calls", *REASONING))
"""Members of a message that are read."""

SURENESS = frozenset(("confidence", "probability"))
"""What some servers say of a single answer, in its choice or its message."""


def completions(
    body: Mapping[str, Any], *, model: str, latency: float, price: Price | None = None
) -> tuple[Completion, ...]:
    """The completions in a reply, one for each choice.

    Usage and cost are those of the whole call and stand on the first completion, so that they add up.
    Raises `ModelUnavailable` for a reply that is not a chat completion, and what `failure` says for one
    that carries an error.

    >>> done, = completions({"choices": [{"message": {"content": "4"}}]}, model="tiny", latency=0.1)
    >>> done.text, done.tokens is None
    ('4', True)
    """
    with expecting("a chat completion", body, ADVICE):
        choices = body["choices"]
        if len(choices) > 1:
            choices = sorted(choices, key=lambda choice: int(choice.get("index", 0)))
        usage = _used(body, choices)
        whole = {
            "model": model, "latency": latency, "usage": usage, "cost": None if price is None else price.of(usage),
            "served_model": served_as(body, model), **body_members(body),
        }  # fmt: skip
        said = further(body, FORMAT)
        made = [_completion(choice, said, whole) for choice in choices]
    if not made:
        raise ModelUnavailable(
            f"Expected a chat completion, got one without choices: {excerpt(body)}. {ADVICE}"
        )
    return made[0], *[replace(one, usage=Usage(), cost=None) for one in made[1:]]


ADVICE = "Check that the URL is that of an OpenAI-compatible server, ending in /v1."


NAMED = ("system_fingerprint", "service_tier")


def body_members(body: Mapping[str, Any]) -> dict[str, str]:
    """What a reply or a piece of a streamed one says of the server that a completion has a field for."""
    return {name: value for name in NAMED if isinstance(value := body.get(name), str)}


def _completion(choice: Mapping[str, Any], said: Mapping[str, Any], whole: Mapping[str, Any]) -> Completion:
    """The completion in a choice, of a reply that says this beyond, and `whole` of the call."""
    message = choice["message"]
    content, calls = message.get("content"), message.get("tool_calls") or ()
    text, refusal = text_from(content), text_from(message.get("refusal"))
    own = further(message, READ)
    if not all([is_plain(call) for call in calls]):
        own["tool_calls"] = calls
    if text and refusal:
        own["refusal"] = refusal
    made = tuple([call_from(call) for call in calls])
    refused = bool(refusal) and not text
    if content != _content(text, calls=bool(made), refused=refused):
        own["content"] = content
    reasoning, names = reasoning_in(message)
    return Completion(
        text=text or refusal,
        tokens=tokens_in(choice) or None,
        tool_calls=made,
        finish_reason=ended_by(choice.get("finish_reason")) or "stop",
        extra=beyond({**said, **sureness(choice, message)}),
        reasoning=reasoning,
        refusal=refused,
        message=kept(own | names),
        choice=kept(native_end(choice.get("finish_reason")) | further(choice, CHOICE)),
        **whole,
    )


def kept(members: Mapping[str, Any]) -> str | None:
    """Canonical JSON of further members, or None where there are none; what is said of sureness is kept elsewhere.

    >>> kept({"annotations": []}), kept({"confidence": 1})
    ('{"annotations":[]}', None)
    """
    told = {name: value for name, value in members.items() if name not in SURENESS}
    return canonical(told) if told else None


def reasoning_in(message: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """What the model thought aloud, and where it goes by other names than the usual one: these, without text."""
    told = {name: text for name in REASONING if (text := message.get(name)) and isinstance(text, str)}
    if not told:
        return "", {}
    return next(iter(told.values())), {} if told.keys() == {REASONING[0]} else dict.fromkeys(told, "")


def sureness(choice: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    """What a choice, or the message or piece in it, says of how sure it is."""
    if SURENESS.isdisjoint(choice) and SURENESS.isdisjoint(message):
        return {}
    return {
        name: part[name]
        for part in (choice, message)
        for name in SURENESS & part.keys()
        if part[name] is not None
    }


def text_from(content: Any) -> str:
    """Content is text, nothing, or a list of parts of which those of type text count."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    return "".join([part if isinstance(part, str) else part.get("text") or "" for part in content])


def tokens_in(choice: Mapping[str, Any]) -> tuple[Token, ...]:
    """The tokens that a choice gives log-probabilities of."""
    return tokens_within(choice.get("logprobs"))


def usage_from(usage: Any) -> Usage:
    """Tokens as the format counts them; what is no count is left out.

    >>> usage_from({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 8}}).cached_tokens
    8
    >>> usage_from({"prompt_tokens": -1, "total_tokens": "many"})
    Usage(prompt_tokens=0, completion_tokens=0, cached_tokens=0, reasoning_tokens=0, details=None)
    """
    if not isinstance(usage, Mapping) or not usage:
        return Usage()
    read, written = counted(usage.get("prompt_tokens")), counted(usage.get("completion_tokens"))
    more = further(usage, ("prompt_tokens", "completion_tokens", "total_tokens"))
    for name in DETAILS:
        if not isinstance(more.get(name, {}), Mapping):
            del more[name]
    if (total := counted(usage.get("total_tokens"))) not in (0, read + written):
        more["total_tokens"] = total  # some count there what was thought
    if not more:
        return Usage(read, written)
    cached = counted(more.get(DETAILS[0], {}).get("cached_tokens"))
    thought = counted(more.get(DETAILS[1], {}).get("reasoning_tokens"))
    return Usage(read, written, min(cached, read), thought, _details(more))


DETAILS = ("prompt_tokens_details", "completion_tokens_details")


def _details(more: Mapping[str, Any]) -> str | None:
    try:
        return canonical(more)
    except ValueError:  # not a number, which JSON cannot carry
        return None


def _used(body: Mapping[str, Any], choices: Sequence[Mapping[str, Any]]) -> Usage:
    """llama.cpp states what the first choice wrote; all together wrote at least the tokens that they show."""
    usage = usage_from(body.get("usage"))
    shown = sum(len(tokens_in(choice)) for choice in choices) if len(choices) > 1 else 0
    return replace(usage, completion_tokens=shown) if shown > usage.completion_tokens > 0 else usage


def reply_body(done: Sequence[Completion], ask: Ask, *, id: str, time: float) -> dict[str, Any]:
    """The body of a chat completion with a choice for each, with log-probabilities where the Ask is for them.

    `time` is in seconds. Usage is that of all together.

    >>> done = Completion(text="4", model="tiny")
    >>> reply_body([done], Ask(messages=()), id="chatcmpl-1", time=0.0)["choices"][0]["message"]["content"]
    '4'
    """
    first = done[0]
    whole = beside(first) | frame("chat.completion", first.model, id=id, time=time)
    usage = first.usage if len(done) == 1 else sum([one.usage for one in done], Usage())
    return whole | {
        "choices": [choice_body(one, ask, index) for index, one in enumerate(done)],
        "usage": usage_body(usage),
        **named_members(first),
    }


def choice_body(done: Completion, ask: Ask, index: int = 0) -> dict[str, Any]:
    """A completion as a choice of a reply."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": _content(done.text, calls=bool(done.tool_calls), refused=done.refusal),
        "refusal": done.text if done.refusal else None,
    }
    if done.tool_calls:
        message["tool_calls"] = call_bodies(done.tool_calls)
    own = others_left_out(json.loads(done.message)) if done.message else {}
    if done.reasoning:
        names = [name for name in REASONING if name in own] or REASONING[:1]
        own |= dict.fromkeys(names, done.reasoning)
    choice = json.loads(done.choice) if done.choice else {}
    return choice | {
        "index": index,
        "message": message | own,
        "logprobs": logprobs_body(done.tokens, ask),
        "finish_reason": done.finish_reason,
    }


def _content(text: str, *, calls: bool, refused: bool) -> str | None:
    """What stands as content where nothing else is known: a message that is calls or a refusal has none."""
    return None if refused or (calls and not text) else text


def beside(done: Completion) -> dict[str, Any]:
    """What the server sent beside the choices, but for what it says of sureness."""
    if done.extra is None:
        return {}
    return {name: value for name, value in json.loads(done.extra).items() if name not in SURENESS}


def named_members(done: Completion) -> dict[str, str]:
    """What the server said of itself, where it did."""
    named = {name: getattr(done, name) for name in (*NAMED, "served_model")}
    return {name: value for name, value in named.items() if value is not None}


def frame(kind: str, model: str, *, id: str, time: float) -> dict[str, Any]:
    """What a reply and each piece of a streamed one begin with."""
    return {"id": id, "object": kind, "created": int(time), "model": model}


def logprobs_body(tokens: Iterable[Token] | None, ask: Ask) -> dict[str, Any] | None:
    """Log-probabilities with as many alternatives as the Ask is for; None where it is for none, or there are none."""
    if not tokens or not ask.logprobs:
        return None
    return {"content": entries_of(tokens, ask.top_logprobs), "refusal": None}


def logprobs_beside(shown: Json | None, ask: Ask, confidence: Json | None) -> Json | None:
    """What a client reads as log-probabilities, with the confidence of the answer beside them where it asked for any.

    Some clients keep nothing else of what they do not know.

    >>> logprobs_beside(None, Ask(messages=(), logprobs=True), {"p": 0.5})
    {'content': [], 'refusal': None, 'confidence': {'p': 0.5}}
    """
    if confidence is None or not ask.logprobs:
        return shown
    return {**(shown or {"content": [], "refusal": None}), "confidence": confidence}


def usage_body(usage: Usage) -> dict[str, Any]:
    """Tokens as the format counts them, with what the server counted beyond.

    >>> usage_body(Usage(9, 1, cached_tokens=8))["prompt_tokens_details"]
    {'cached_tokens': 8}
    """
    body: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total,
    }
    if usage.details is not None:
        return {**body, **json.loads(usage.details)}
    if usage.cached_tokens:
        body["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens:
        body["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return body


def error_body(message: str, kind: str, code: str | None, param: str | None = None) -> dict[str, Any]:
    """An error in OpenAI's shape.

    >>> error_body("No such model.", "invalid_request_error", "model_not_found", "model")["error"]["param"]
    'model'
    """
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
