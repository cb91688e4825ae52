"""Why an answer has no probability, as one of a few words to count by. No I/O."""

from __future__ import annotations

import re

from calibrant.types import Record

__all__ = ["WHY", "why_unknown"]

WHY = (
    "no_signal", "no_map", "other_map", "no_logprobs", "withheld", "empty", "tool_call", "call_failed",
    "not_stated", "other",
)  # fmt: skip
"""No signal is configured, or no map for such answers; the nearest map is for other ones; the server gave no (or no
usable) log-probabilities; the answer was refused, is empty, or calls tools; a further call failed, or was too late; the
model did not state a confidence that can be read."""

MAPS = (
    (re.compile(r"is for other scores"), "other_map"),
    (re.compile(r"\bno (map|blend)\b|is not known"), "no_map"),
)
READINGS = tuple(
    (re.compile(words, re.IGNORECASE), name)
    for words, name in (
        (r"refused or withheld", "withheld"),
        (r"\bis empty\b", "empty"),
        (r"\btool", "tool_call"),
        (r"log-?prob|alternatives to its tokens|token of the answer|tokens do not spell|of its words", "no_logprobs"),
        (r"no answer from|connection|deadline|server|budget|spent|limit of|no reply|no samples|\b[45]\d\d\b",
         "call_failed"),
        (r"the model said|expected", "not_stated"),
    )
)  # fmt: skip


def why_unknown(record: Record) -> str:
    """The word for a record whose confidence has no probability: of its map where there is a score, else of its first
    signal.

    >>> from calibrant.types import Confidence, Question, Reading
    >>> reading = Reading(signal="s", reason="The reply carries no log-probabilities; ask a server that gives them.")
    >>> why_unknown(Record(id="r", time=0.0, question=Question(id="q", messages=()), completion=None,
    ...                    readings=(reading,), confidence=Confidence(p=None, reason=reading.reason)))
    'no_logprobs'
    """
    if not record.readings:
        return "no_signal"
    scored = any(reading.score is not None for reading in record.readings)
    said = (record.confidence and record.confidence.reason) if scored else record.readings[0].reason
    for pattern, name in MAPS if scored else READINGS:
        if pattern.search(said or ""):
            return name
    return "other"
