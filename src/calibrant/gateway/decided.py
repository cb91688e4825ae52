"""What was decided about a held answer, and what its client may have since."""

from __future__ import annotations

from calibrant.protocols import Store
from calibrant.types import Completion, Entry, Event, Record, Verdict

__all__ = ["correction_of", "decision_on", "event_in", "now_given", "verdict_on"]


def decision_on(store: Store, record: Record) -> Event | None:
    """The one decision about a held answer; None while there is none."""
    return next((event_in(entry) for entry in store.events("reviewed", about=record.id)), None)


def verdict_on(store: Store, record: Record) -> Verdict | None:
    """The verdict that this decision is as well."""
    return next((one for one in store.verdicts(record.id) if one.id == f"review-{record.id}"), None)


def correction_of(verdict: Verdict) -> Completion | None:
    """What a reviewer has put in an answer's place; None where it was erased."""
    text = verdict.correction
    return None if text is None else Completion(text=text, model="", finish_reason="stop")


def now_given(store: Store, record: Record) -> Completion | None:
    """What was held and is given since: the answer, or a reviewer's words in its place; None where neither is."""
    event = decision_on(store, record)
    if event is None or event.data["outcome"] == "refused":
        return None
    if event.data["outcome"] == "released":
        return record.completion
    verdict = verdict_on(store, record)
    return None if verdict is None else correction_of(verdict)


def event_in(entry: Entry) -> Event:
    """The event of an entry, where only events were asked for."""
    assert isinstance(entry.fact, Event)
    return entry.fact
