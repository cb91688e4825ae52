"""What the readers of all formats do to a completion: end it, charge it, keep what else was said. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import ModelUnavailable
from ..types import Completion, Price, Token, Usage, canonical

__all__ = [
    "beyond", "charged", "counted", "cut", "ended_by", "further", "members_of", "native_end", "served_as", "unstopped",
]  # fmt: skip

MOST_BEYOND = 65536
"""Bytes of further members that a completion keeps."""


def cut(completion: Completion, stop: Iterable[str]) -> Completion:
    """The completion up to where one of the texts begins, as a server ends it that knows `stop`.

    A token is kept where it begins before the end; without tokens that spell the text there are none.

    >>> cut(Completion(text="4\\n5", model="tiny"), ["\\n"]).text
    '4'
    """
    ends = [completion.text.find(text) for text in stop if text and text in completion.text]
    if not ends:
        return completion
    text = completion.text[: min(ends)]
    kept, spelt = list[Token](), ""
    for token in completion.tokens or ():
        if len(spelt) >= len(text):
            break
        kept.append(token)
        spelt += token.text
    tokens = tuple(kept) if kept and spelt.startswith(text) else None
    return replace(completion, text=text, tokens=tokens, finish_reason="stop")


def unstopped(completion: Completion, stop: Iterable[str]) -> Completion:
    """The completion without the tokens of a text to stop at, which some servers give though the answer ends before it.

    >>> tokens = (Token("4", -0.1), Token(" Q", -0.2), Token(":", 0.0))
    >>> [token.text for token in unstopped(Completion(text="4", model="m", tokens=tokens), ["Q:"]).tokens or ()]
    ['4']
    """
    said, tokens = completion.text.strip(), completion.tokens or ()
    spelt = "".join([token.text for token in tokens]) if said else ""
    if not said or spelt.rstrip().endswith(said):
        return completion
    at = spelt.rfind(said)
    behind = spelt[at + len(said) :].lstrip()
    if at < 0 or not any(text.strip() and behind.startswith(text.strip()) for text in stop):
        return completion
    kept, begin = list[Token](), 0
    for token in tokens:
        if begin >= at + len(said):
            break
        kept.append(token)
        begin += len(token.text)
    return replace(completion, tokens=tuple(kept))


def charged(completion: Completion, usage: Usage, price: Price | None) -> Completion:
    """The completion with what the call used and cost."""
    return replace(completion, usage=usage, cost=None if price is None else price.of(usage))


def beyond(members: Mapping[str, Any], format: Collection[str] = ()) -> str | None:
    """Canonical JSON of the members that a format does not know, or None; the smallest first up to 64 kB.

    >>> beyond({"id": "x", "confidence": 0.9}, {"id"})
    '{"confidence":0.9}'
    """
    texts = {}
    for name, value in further(members, format).items():
        try:
            texts[name] = canonical({name: value})[1:-1]
        except ValueError:  # not a number, which JSON cannot carry
            continue
    kept, room = {}, MOST_BEYOND - 2
    for name, text in sorted(texts.items(), key=lambda item: len(item[1].encode())):
        room -= len(text.encode()) + 1
        if room < 0:
            break
        kept[name] = members[name]
    return canonical(kept) if kept else None


MOST_COUNTED = 2**53
"""Above it numbers of JSON are not exact, and a count of tokens is none."""


def counted(value: Any) -> int:
    """A number of tokens as a server states it; 0 for what cannot be one, since no answer is lost over that.

    >>> counted(3), counted(3.0), counted("3"), counted(-3), counted(float("inf")), counted(None), counted(True)
    (3, 3, 3, 0, 0, 0, 0)
    """
    if isinstance(value, str) and value.isdecimal() and len(value) < 17:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MOST_COUNTED:
        return 0
    return int(value)


def served_as(body: Mapping[str, Any], model: str) -> str | None:
    """What the server calls the model that answered, where that is not the name by which it is known here.

    >>> served_as({"model": "gpt-4o-2024-08-06"}, "gpt-4o"), served_as({"model": "gpt-4o"}, "gpt-4o")
    ('gpt-4o-2024-08-06', None)
    """
    name = body.get("model")
    return name if isinstance(name, str) and name and name != model else None


def members_of(value: Any) -> Mapping[str, Any]:
    """The members of what should be an object; none of what is no object."""
    return value if isinstance(value, Mapping) else {}


ENDS = {
    "stop": ("end_turn", "eos", "eos_token", "stop_sequence", "complete"),
    "length": (
        "max_tokens", "max_output_tokens", "max_length", "model_length", "model_context_window_exceeded",
        "context_window_exceeded",
    ),
    "content_filter": (
        "safety", "image_safety", "recitation", "blocklist", "prohibited_content", "spii", "sensitive", "refusal",
        "content_filtered", "guardrail_intervened",
    ),
    "tool_calls": ("tool_use", "tool_call"),
}  # fmt: skip
"""Why an answer ended, in the words of the chat format, and in those that servers of it have besides."""

MEANT = {other: word for word, others in ENDS.items() for other in (word, *others)}

FAILED = frozenset((
    "error", "failed", "abort", "aborted", "cancelled", "canceled", "timeout", "network_error",
    "insufficient_system_resource",
))  # fmt: skip
"""With these servers say that they have not come to an answer's end."""


def ended_by(reason: Any) -> str | None:
    """Why an answer ended, in the chat format's words where a server has others; None where it does not say.

    What none of them means stays, and "unknown" is what is no text. Raises `ModelUnavailable` where the server says
    that it failed before the end.

    >>> ended_by("length"), ended_by("MAX_TOKENS"), ended_by("RECITATION"), ended_by(None), ended_by(["stop"])
    ('length', 'length', 'content_filter', None, 'unknown')
    >>> ended_by("error")
    Traceback (most recent call last):
    calibrant.errors.ModelUnavailable: The server failed before the end of its answer ('error').
    """
    if not isinstance(reason, str):
        return "unknown" if reason else None
    if reason in ENDS or not reason:
        return reason or None
    if (word := reason.lower()) in FAILED:
        raise ModelUnavailable(f"The server failed before the end of its answer ({reason!r}).")
    return MEANT.get(word, reason)


def native_end(reason: Any) -> dict[str, str]:
    """The server's own word for why an answer ended, as a member of its choice where it is another.

    >>> native_end("stop"), native_end("MAX_TOKENS")
    ({}, {'native_finish_reason': 'MAX_TOKENS'})
    """
    if not isinstance(reason, str) or reason in ENDS or MEANT.get(reason.lower(), reason) == reason:
        return {}
    return {"native_finish_reason": reason}


def further(body: Mapping[str, Any], format: Collection[str]) -> dict[str, Any]:
    """The members that a format does not know and that say something."""
    if isinstance(format, frozenset) and body.keys() <= format:  # as of nearly every piece of a stream
        return {}
    return {name: value for name, value in body.items() if name not in format and value is not None}
