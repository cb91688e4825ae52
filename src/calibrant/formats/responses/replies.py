"""Responses: one read into a completion, and a completion written as one. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...types import Ask, Completion, Json, Price, Token, ToolCall, Usage, canonical
from ..chat.replies import usage_from
from ..completions import beyond, charged, cut, further, members_of, served_as
from ..dialects import RESPONSES
from ..failures import expecting
from ..logprobs import entries_of, tokens_from
from .requests import LEAST_TOKENS
from .turns import chat_call, reasoning_text

__all__ = [
    "ADVICE", "call_item", "completion_from", "ending_of", "frame", "message_item", "output_of", "reasoning_item",
    "reply_body", "text_part", "usage_body",
]  # fmt: skip

FORMAT = frozenset((
    "id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "instructions",
    "metadata", "model", "output", "output_text", "parallel_tool_calls", "temperature", "tool_choice",
    "tools", "top_p", "background", "conversation", "max_output_tokens", "max_tool_calls", "moderation",
    "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "reasoning", "usage",
    "prompt_cache_retention", "prompt_cache_diagnostics", "safety_identifier", "service_tier", "store",
    "text", "tool_usage", "top_logprobs", "truncation", "user", "frequency_penalty", "presence_penalty",
    "access_programs", "billing", "image", "input_transformations",
))  # fmt: skip
"""Members of a response."""

ECHOED: dict[str, Any] = {
    "instructions": None, "metadata": {}, "parallel_tool_calls": True, "temperature": None, "tool_choice": "auto",
    "tools": [], "top_p": None, "max_output_tokens": None, "max_tool_calls": None, "previous_response_id": None,
    "prompt_cache_key": None, "reasoning": {"effort": None, "summary": None}, "safety_identifier": None,
    "store": True, "text": {"format": {"type": "text"}}, "top_logprobs": 0, "truncation": "disabled", "user": None,
}  # fmt: skip
"""What a response says of its request, and what where that says nothing."""

PLAIN = {"message": {"type", "id", "status", "role", "content"}, "function_call": {
    "type", "id", "status", "call_id", "name", "arguments"
}}  # fmt: skip
"""Items that a completion says all of, by their members."""


def completion_from(
    body: Mapping[str, Any], ask: Ask, *, model: str, latency: float, price: Price | None = None
) -> Completion:
    """The completion in a response, cut where the Ask ends it and the format could not say so.

    Items that say more than a completion does are kept as they came. Raises `ModelUnavailable` for what is no finished
    response, and what `failure` says for one that failed.

    >>> part = {"type": "output_text", "text": "4", "annotations": []}
    >>> body = {"status": "completed", "output": [{"type": "message", "content": [part]}]}
    >>> completion_from(body, Ask(messages=()), model="tiny", latency=0.1).text
    '4'
    """
    status = body.get("status", "completed")
    with expecting("a finished response", body, ADVICE):
        if status not in ("completed", "incomplete"):
            raise ValueError(status)
        output = body["output"]
        items = [item for item in output if item.get("phase") != "commentary"]
        parts = [part for item in items if item["type"] == "message" for part in item["content"]]
        answer = [part for part in parts if part["type"] == "output_text"]
        withheld = "".join(str(part["refusal"]) for part in parts if part["type"] == "refusal")
        text = "".join(str(part["text"]) for part in answer)
        calls = tuple(_call(item) for item in items if item["type"] in ("function_call", "custom_tool_call"))
        tokens = [tokens_from(part.get("logprobs")) for part in answer]
        used = _usage(members_of(body.get("usage")))
        reason = (body.get("incomplete_details") or {}).get("reason")
        thought = [reasoning_text(item) for item in items if item["type"] == "reasoning"]
        kept = None if all(map(_is_plain, output)) and len(answer) <= 1 else _bare(output)
    tier = body.get("service_tier")
    done = Completion(
        text=text or withheld,
        model=model,
        tokens=tuple(token for some in tokens for token in some) if tokens and all(tokens) else None,
        tool_calls=calls,
        finish_reason=_finish_reason(status, reason, bool(withheld), bool(calls)),
        latency=latency,
        extra=beyond(body, FORMAT),
        reasoning="\n\n".join([one for one in thought if one]),
        refusal=bool(withheld) and not text,
        message=None if kept is None else canonical({RESPONSES: kept} | _custom(items)),
        service_tier=tier if isinstance(tier, str) else None,
        served_model=served_as(body, model),
    )
    return charged(_ended(done, ask), used, price)


ADVICE = "Check that the URL is that of a server with the Responses format, ending in /v1."


def _call(item: Mapping[str, Any]) -> ToolCall:
    arguments = item.get("arguments" if item["type"] == "function_call" else "input")
    return ToolCall(str(item.get("call_id") or ""), str(item["name"]), str(arguments or ""))


def _custom(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The calls as the chat format has them, where one is of a tool that takes plain text."""
    calls = [item for item in items if item["type"] in ("function_call", "custom_tool_call")]
    if not any(item["type"] == "custom_tool_call" for item in calls):
        return {}
    return {"tool_calls": [chat_call(item) for item in calls]}


def _is_plain(item: Mapping[str, Any]) -> bool:
    """Whether a completion says all that an item does."""
    if not item.keys() <= PLAIN.get(item["type"], set()):
        return False
    parts = item.get("content") or ()
    return all(part["type"] == "output_text" and not part.get("annotations") for part in parts)


def _bare(output: Sequence[dict[str, Any]]) -> list[Any]:
    """The items without log-probabilities, which the completion has."""
    return [
        item | {"content": [further(part, ("logprobs",)) for part in item["content"]]}
        if item["type"] == "message"
        else item
        for item in output
    ]


def _usage(usage: Mapping[str, Any]) -> Usage:
    """Tokens as the chat format counts them."""
    inputs, outputs = (members_of(usage.get(f"{name}_tokens_details")) for name in ("input", "output"))
    more = further(usage, COUNTED)
    for name, told in (("prompt_tokens_details", inputs), ("completion_tokens_details", outputs)):
        more |= {name: told} if told else {}
    return usage_from(
        more | {"prompt_tokens": usage.get("input_tokens"), "completion_tokens": usage.get("output_tokens")}
    )


COUNTED = frozenset((
    "input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "output_tokens_details",
))  # fmt: skip


def _finish_reason(status: str, reason: str | None, withheld: bool, calls: bool) -> str:
    if withheld or reason == "content_filter":
        return "content_filter"
    if status == "incomplete":
        return "length"
    return "tool_calls" if calls else "stop"


def _ended(completion: Completion, ask: Ask) -> Completion:
    """The completion within the Ask's own limits: texts to stop at, and fewer tokens than the format can ask for."""
    tokens = completion.tokens or ()
    spelt = "".join(token.text for token in tokens)
    limit = ask.max_tokens or LEAST_TOKENS
    ended = completion
    if (
        limit < LEAST_TOKENS and len(tokens) > limit and spelt == completion.text
    ):  # which the format cannot say
        kept = tokens[:limit]
        text = "".join(token.text for token in kept)
        ended = replace(completion, text=text, tokens=kept, finish_reason="length")
    ended = cut(ended, ask.stop)
    return ended if ended.text == completion.text else replace(ended, message=None)


def reply_body(done: Completion, ask: Ask, asked: Json, *, id: str, time: float) -> dict[str, Any]:
    """The body of a response to a request, which is in `asked`; with log-probabilities where the Ask is for them.

    `id` is that of the record, `time` in seconds.

    >>> made = reply_body(Completion(text="4", model="m"), Ask(messages=()), {}, id="r1", time=0.0)
    >>> made["status"], made["output"][0]["content"][0]["text"]
    ('completed', '4')
    """
    return frame(done.model, asked, id=id, time=time) | ending_of(done) | {"output": output_of(done, ask, id)}


def frame(model: str, asked: Json, *, id: str, time: float) -> dict[str, Any]:
    """A response that has begun: of what model, and what it was asked for."""
    said = {name: asked[name] if asked.get(name) is not None else usual for name, usual in ECHOED.items()}
    return said | {
        "id": f"resp_{id}", "object": "response", "created_at": int(time), "status": "in_progress", "error": None,
        "incomplete_details": None, "model": model, "output": [], "usage": None, "background": False,
        "service_tier": asked.get("service_tier"),
    }  # fmt: skip


def ending_of(done: Completion) -> dict[str, Any]:
    """What is known of a response at its end, beside its output."""
    why = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(done.finish_reason)
    why = None if done.refusal else why
    named = {
        name: value for name in ("service_tier", "served_model") if (value := getattr(done, name)) is not None
    }
    return named | {
        "status": "incomplete" if why else "completed",
        "incomplete_details": {"reason": why} if why else None,
        "usage": usage_body(done.usage),
    }


def output_of(done: Completion, ask: Ask, id: str) -> list[dict[str, Any]]:
    """The items of a completion: as they came where they came in this format, else with ids made of the record's."""
    own = json.loads(done.message) if done.message else {}
    if (items := own.get(RESPONSES)) is not None:
        return _with_tokens(_named(items, id), done.tokens, ask)
    made = [reasoning_item(id, done.reasoning)] if done.reasoning else []
    if done.text or not done.tool_calls:
        refused = {"type": "refusal", "refusal": done.text}
        part = refused if done.refusal else text_part(done.text, done.tokens, ask, own.get("annotations"))
        made.append(message_item(id, [part]))
    raw = own.get("tool_calls") or [None] * len(done.tool_calls)
    for place, (call, as_it_came) in enumerate(zip(done.tool_calls, raw, strict=False)):
        made.append(call_item(id, place, call, custom=bool(as_it_came) and "custom" in as_it_came))
    return made


def _named(items: list[Any], id: str) -> list[Any]:
    """Items as they came, what was said and called by ids made of the record's, so that it is found by them.

    Thoughts keep theirs: servers look whether they are their own.
    """
    counts: dict[str, int] = {}
    for item in items:
        kind = item["type"]
        counts[kind] = number = counts.get(kind, -1) + 1
        if kind == "message":
            item["id"] = message_item(id, [], number)["id"]
        elif kind in ("function_call", "custom_tool_call"):
            place = sum(counts.get(one, -1) + 1 for one in ("function_call", "custom_tool_call")) - 1
            item["id"] = f"fc_{id}_{place}"
    return items


def _with_tokens(items: list[Any], tokens: Sequence[Token] | None, ask: Ask) -> list[Any]:
    """Items as they came, with the log-probabilities in the one text that they are of."""
    texts = [part for item in items if item["type"] == "message" for part in item["content"]]
    texts = [part for part in texts if part["type"] == "output_text"]
    for part in texts:
        part["logprobs"] = (
            entries_of(tokens, ask.top_logprobs) if tokens and ask.logprobs and len(texts) == 1 else []
        )
    return items


def text_part(text: str, tokens: Sequence[Token] | None, ask: Ask, annotations: Any = None) -> dict[str, Any]:
    """A text as the part of a message."""
    shown = entries_of(tokens, ask.top_logprobs) if tokens and ask.logprobs else []
    noted = [_annotation(one) for one in annotations] if isinstance(annotations, list) else []
    return {"type": "output_text", "text": text, "annotations": noted, "logprobs": shown}


def _annotation(said: Any) -> Any:
    """The chat format nests what this one has beside the type."""
    inner = (
        said.get(said.get("type")) if isinstance(said, dict) and isinstance(said.get("type"), str) else None
    )
    return {"type": said["type"]} | inner if isinstance(inner, dict) else said


def message_item(id: str, parts: list[Any], number: int = 0, status: str = "completed") -> dict[str, Any]:
    """What was said, as an item; `number` counts those of one response."""
    own = f"msg_{id}" + (f"_{number}" if number else "")
    return {"id": own, "type": "message", "status": status, "role": "assistant", "content": parts}


def reasoning_item(id: str, text: str, number: int = 0) -> dict[str, Any]:
    """What was thought, as an item whose summary it is: that is where clients look."""
    own = f"rs_{id}" + (f"_{number}" if number else "")
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"id": own, "type": "reasoning", "summary": summary}


def call_item(
    id: str, place: int, call: ToolCall, *, custom: bool = False, status: str = "completed"
) -> dict[str, Any]:
    """A call of a tool as an item."""
    named = {"id": f"fc_{id}_{place}", "status": status, "call_id": call.id, "name": call.name}
    if custom:
        return named | {"type": "custom_tool_call", "input": call.arguments}
    return named | {"type": "function_call", "arguments": call.arguments}


def usage_body(usage: Usage) -> dict[str, Any]:
    """Tokens as this format counts them.

    >>> usage_body(Usage(9, 1, cached_tokens=8))["input_tokens_details"]
    {'cached_tokens': 8}
    """
    more = json.loads(usage.details) if usage.details else {}
    inputs, outputs = (more.pop(f"{name}_tokens_details", None) or {} for name in ("prompt", "completion"))
    more.pop("total_tokens", None)
    return more | {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": inputs | {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": outputs | {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total,
    }
