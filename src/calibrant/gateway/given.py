"""What a client is given of a record: the answer as far as the gate lets it through, and its confidence. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from calibrant.phrasing.phrases import Phrasebook
from calibrant.types import Completion, Confidence, Json, Record

from .errors import filtered

__all__ = ["ANSWERS", "HELD_TEXT", "Given", "confidence_body", "first_headers", "given", "headers"]

HELD_TEXT = "This answer is being held back until a person has looked at it."
"""What the client reads in place of a held answer."""

ANSWERS = "/v1/answers"
"""Where is told what became of an answer, by its record's id."""

KEPT = "The reason is kept with the record."
"""What the client reads in place of a reason that may quote a held answer."""

PLAIN = Phrasebook()
"""Says a confidence without the maps' evidence at hand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """An answer as it may leave. Wires are handed this and no record, so that none can show what is held.

    `completion` is the answer, or where it is `held` the notice of that; `time` in seconds since the epoch.
    """

    record_id: str
    time: float
    completion: Completion
    confidence: Json
    held: bool = False


def given(record: Record, *, hold: bool, book: Phrasebook = PLAIN, under: str = "") -> Given:
    """What a client gets of a record, where `hold` says that the gate is shut; `under` its text stands a disclaimer."""
    answer = record.completion
    assert answer is not None and record.decision is not None  # with neither it is an error, raised before
    held = hold and record.decision.action.needs_person
    if held:
        answer = Completion(
            text=HELD_TEXT, model=answer.model, finish_reason="content_filter",
            usage=replace(answer.usage, details=None),  # which a server writes as it likes
        )  # fmt: skip
    elif under:
        answer = replace(answer, text=answer.text + under)
    told = confidence_body(_without_reasons(record) if held else record, book=book)
    told["held"] = held
    if held:
        told["poll"] = f"{ANSWERS}/{record.id}"
    return Given(record_id=record.id, time=record.time, completion=answer, confidence=told, held=held)


def first_headers(record_id: str, release: str | None) -> dict[str, str]:
    """What is known before the answer is: the record's id and the release that answers."""
    return {"x-calibrant-record-id": record_id} | ({"x-calibrant-release": release} if release else {})


def headers(records: Sequence[Record]) -> dict[str, str]:
    """The headers that carry record id, release, action and, where there is one, the probability: of the first.

    Beside them whether any of the answers is held.
    """
    record = records[0]
    made = first_headers(record.id, record.release)
    if record.decision is not None:
        made["x-calibrant-action"] = record.decision.action.value
    if record.confidence is not None and record.confidence.p is not None:
        made["x-calibrant-confidence"] = f"{record.confidence.p:.4f}"
    if any([one.held for one in records]):
        made["x-calibrant-held"] = "true"
    return made


def confidence_body(record: Record, *, book: Phrasebook = PLAIN) -> dict[str, Any]:
    """The confidence object: probability with its evidence, in numbers and words, action and why, record.

    `phrase` is for people and holds the number; `said` is the same in the first person, with what to do.
    """
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
        "why": decision
        and (_said(decision.why) if confidence is None or confidence.p is None else decision.why),
        "task": record.question.task,
        "domain": record.question.domain,
        "map_id": confidence and confidence.map_id,
        "stand_in": confidence and confidence.stand_in,
        "caution": confidence and confidence.caution,
        "signal": mark and mark.signal,
        "signals": {r.signal: {"score": r.score, "reason": _said(r.reason)} for r in record.readings},
        "route": [asdict(step) | {"outcome": _said(step.outcome)} for step in record.steps],
        "record_id": record.id,
        "release": record.release,
        "reason": confidence and _said(confidence.reason),
    }


def _said(words: str | None) -> str | None:
    """A reason as it may leave: it may be that a call failed, in the words of a model's server."""
    return words if words is None else filtered(words)


_NONE = Confidence(p=None, reason="No signal was read.")


def _without_reasons(record: Record) -> Record:
    """A reason, and what came of a step, may quote what the model said, and so give away what is held."""
    confidence, decision = record.confidence, record.decision
    if confidence is not None and decision is not None and confidence.p is None:
        confidence, decision = replace(confidence, reason=KEPT), replace(decision, why=KEPT)
    readings = tuple(r if r.reason is None else replace(r, reason=KEPT) for r in record.readings)
    steps = tuple(replace(step, outcome=KEPT, detail=_numbers(step.detail)) for step in record.steps)
    return replace(record, confidence=confidence, decision=decision, readings=readings, steps=steps)


def _numbers(detail: Json) -> Json:
    """Of what a step tells as data, what cannot quote an answer."""
    return {name: value for name, value in detail.items() if isinstance(value, int | float)}
