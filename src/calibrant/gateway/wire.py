"""What clients get beyond the chat format: the confidence of an answer, what is held back, errors of ours. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

import orjson

from calibrant.errors import (
    BadRequest,
    CalibrantError,
    ModelError,
    ModelRefused,
    ModelUnavailable,
    StoreError,
    StoreRefused,
    UnknownAssignment,
    UnknownRecord,
)
from calibrant.formats.chat.replies import reply_body
from calibrant.formats.chat.requests import ChatRequest
from calibrant.formats.chat.streams import Chunks
from calibrant.phrasing.phrases import Phrasebook
from calibrant.types import Action, Completion, Confidence, Json, Record

from .incoming import PREFIX

__all__ = [
    "Events",
    "confidence_body",
    "error_headers",
    "error_status",
    "event",
    "first_headers",
    "headers",
    "reply",
]

HELD = frozenset({Action.REVIEW, Action.HAND_OFF})
"""Actions whose answer does not reach the client where the gate is "hold"."""

HELD_TEXT = "This answer is being held back until a person has looked at it."
"""What the client reads in place of a held answer."""

KEPT = "The reason is kept with the record."
"""What the client reads in place of a reason that may quote a held answer."""


PLAIN = Phrasebook()
"""Says a confidence without the maps' evidence at hand."""


def reply(record: Record, chat: ChatRequest, *, hold: bool, book: Phrasebook = PLAIN) -> dict[str, Any]:
    """The body of a chat completion, with the confidence object beside the choices."""
    body = reply_body(_shown(record, hold), chat.ask, id=PREFIX + record.id, time=record.time)
    return body | {"confidence": confidence_body(record, hold=hold, book=book)}


def first_headers(record_id: str, release: str | None) -> dict[str, str]:
    """What is known before the answer is: the record's id and the release that answers."""
    return {"x-calibrant-record-id": record_id} | ({"x-calibrant-release": release} if release else {})


def headers(record: Record) -> dict[str, str]:
    """The headers that carry record id, release, action and, where there is one, the probability."""
    made = first_headers(record.id, record.release)
    if record.decision is not None:
        made["x-calibrant-action"] = record.decision.action.value
    if record.confidence is not None and record.confidence.p is not None:
        made["x-calibrant-confidence"] = f"{record.confidence.p:.4f}"
    return made


def confidence_body(record: Record, *, hold: bool = False, book: Phrasebook = PLAIN) -> dict[str, Any]:
    """The confidence object: probability with its evidence, in numbers and words, action and why, record.

    `phrase` is for people and holds the number; `said` is the same in the first person, with what to do.
    """
    record = _without_reasons(record) if hold and _is_held(record) else record
    confidence, decision = record.confidence, record.decision
    mark = confidence and confidence.fingerprint
    words = book.phrase(confidence or _NONE, decision)
    return {
        "p": confidence and confidence.p,
        "low": confidence and confidence.low,
        "high": confidence and confidence.high,
        "phrase": words.text,
        "said": words.chat,
        "frequency": words.frequency,
        "track_record": None if words.band is None else words.band.to_dict() | {"text": words.record},
        "action": decision and decision.action.value,
        "why": decision and decision.why,
        "task": record.question.task,
        "domain": record.question.domain,
        "map_id": confidence and confidence.map_id,
        "stand_in": confidence and confidence.stand_in,
        "signal": mark and mark.signal,
        "signals": {r.signal: {"score": r.score, "reason": r.reason} for r in record.readings},
        "route": [asdict(step) for step in record.steps],
        "record_id": record.id,
        "release": record.release,
        "reason": confidence and confidence.reason,
    }


_NONE = Confidence(p=None, reason="No signal was read.")


class Events:
    """Makes the events of one streamed answer, the last but [DONE] with its confidence."""

    def __init__(self, chunks: Chunks, book: Phrasebook = PLAIN) -> None:
        self._chunks, self._book = chunks, book

    def start(self) -> bytes:
        """The first: whose turn it is."""
        return event(self._chunks.start())

    def text(self, text: str) -> bytes:
        """A piece of the answer."""
        return event(self._chunks.text(text))

    def end(self, record: Record, *, hold: bool) -> Iterable[bytes]:
        """What follows the text: tool calls whole, the finish reason, confidence and usage, and [DONE]."""
        shown = _shown(record, hold)
        for chunk in self._chunks.end(shown):
            yield event(chunk)
        told = confidence_body(record, hold=hold, book=self._book)
        yield event({**self._chunks.last(shown), "confidence": told})
        yield b"data: [DONE]\n\n"

    def held(self, record: Record) -> Iterable[bytes]:
        """A whole answer at once, after the decision."""
        yield self.start()
        if text := _shown(record, True).text:
            yield self.text(text)
        yield from self.end(record, hold=True)


def event(body: Json) -> bytes:
    """One server-sent event."""
    return b"data: " + orjson.dumps(body) + b"\n\n"


def error_status(error: CalibrantError) -> int:
    """The HTTP status that an error of ours leaves with."""
    if isinstance(error, BadRequest):
        return error.status
    if isinstance(error, StoreRefused):
        return {UnknownRecord: 404, UnknownAssignment: 404}.get(type(error), 409)
    if isinstance(error, StoreError):
        return 503
    if isinstance(error, ModelError):
        return 504 if isinstance(error.__cause__, TimeoutError) else 502
    return 500


def error_headers(error: CalibrantError) -> dict[str, str]:
    """When to try again, in the words that OpenAI's clients follow."""
    if isinstance(error, ModelRefused):
        return {"x-should-retry": "false"}
    if isinstance(error, ModelUnavailable) and error.retry_after is not None:
        return {"retry-after": f"{error.retry_after:g}"}
    return {}


def _shown(record: Record, hold: bool) -> Completion:
    """What the client may see: the answer, or where the gate holds it back the notice that it is held."""
    answer = record.completion
    assert (
        answer is not None and record.decision is not None
    )  # a record with neither is an error, raised before
    if not (hold and _is_held(record)):
        return answer
    return Completion(text=HELD_TEXT, model=answer.model, finish_reason="content_filter", usage=answer.usage)


def _is_held(record: Record) -> bool:
    return record.decision is not None and record.decision.action in HELD


def _without_reasons(record: Record) -> Record:
    """A reason may quote what the model said, and so give away what is held."""
    confidence, decision = record.confidence, record.decision
    if confidence is not None and decision is not None and confidence.p is None:
        confidence, decision = replace(confidence, reason=KEPT), replace(decision, why=KEPT)
    readings = tuple(r if r.reason is None else replace(r, reason=KEPT) for r in record.readings)
    return replace(record, confidence=confidence, decision=decision, readings=readings)
