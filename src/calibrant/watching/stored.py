"""A store, watched from its first entry on as a gateway watches it; and its alarms, as events in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import DifferentContent, StoreError, UnusableInput
from ..past.answers import Answer
from ..past.folding import Folding
from ..protocols import Store
from ..records.opening import open_store
from ..types import Assignment, Event, Record, Verdict
from .found import Watched, WatchedGroup
from .over_time import BY, RESOLVED, Watching

__all__ = ["KEPT", "PARTS", "resolve", "tell_due", "told_in", "watch_store"]

KEPT = "watching"
"""The state of the store that monitors are kept in."""

PARTS = (*BY, "signal", "release")
"""By what the answers of a store can be parted."""

LATE = 0.1
"""A share of late verdicts that tells of a store which was not filled in the order of time."""

TOLD_BY = (
    "The gateway that leads (calibrant serve) tells the alarms that calibrant watch finds, within seconds."
)

_MAGIC = b"SQLite format 3\0"


def watch_store(log: Any, by: Sequence[str] = (), *, alpha: float, tolerance: float) -> Watched | None:
    """What the monitors of a store say after all that is in it.

    Parted as a gateway parts it, by task, domain, model and map, or `by` some of `PARTS`. None of what is no store, or
    of one whose answers have no probabilities.
    """
    store = _opened(log) if set(by) <= set(PARTS) else None
    if store is None:
        return None
    with closing(store):
        try:
            watching, sorted_ = _folded(
                store, partial(Watching, alpha=alpha, tolerance=tolerance, by=tuple(by) or BY)
            )
        except StoreError:  # of an older version, whose past has no order: its rows are read
            return None
    counts = dict(watching.counts)
    rows = counts.pop("answers")
    if rows == counts["without a probability"]:
        return None
    groups = [one for _, one in watching.found()]
    unusable = counts | {"came too late": _late(watching)}
    return Watched(
        source=os.fspath(log).rpartition("@")[2], rows=rows, used=sum(one.n for one in groups),
        unusable={why: many for why, many in unusable.items() if many},
        columns={"confidence": "p", "correct": "verdicts"}, notes=tuple(_notes(groups, sorted_)), alpha=alpha,
        tolerance=tolerance, ordered="time", changes=tuple(watching.changes),
        groups=tuple(sorted(groups, key=lambda one: (not one.alarm, -one.log10_evidence))),
    )  # fmt: skip


def told_in(log: Any) -> bool:
    """Whether it is a store of which some answer had a probability."""
    store = _opened(log)
    if store is None:
        return False
    with closing(store):
        return any(row.get("p") is not None for row in store.rows())


def _folded(store: Store, fresh: Callable[[], Watching]) -> tuple[Watching, bool]:
    """The past folded as it stands; by its times, and True, where most was put in out of order."""
    watching = fresh()
    Folding(store, [watching], kept=None).go_on()
    if _late(watching) <= LATE * sum(one.monitor.rows for one in watching.groups.values()):
        return watching, False
    facts = sorted((entry.fact.time, entry.position, entry.fact) for entry in store.since())
    answers = {fact.id: Answer.of(fact) for *_, fact in facts if isinstance(fact, Record)}
    watching = fresh()
    for *_, fact in facts:
        if isinstance(fact, Record):
            watching.answered(answers[fact.id])
        elif isinstance(fact, Assignment):
            watching.assigned(answers[fact.record_id], fact)
        elif isinstance(fact, Verdict):
            watching.judged(answers[fact.record_id], fact)
        else:
            watching.happened(fact, None)
    return watching, True


def _late(watching: Watching) -> int:
    return sum(one.late for one in watching.tasks.values())


def _notes(groups: Sequence[WatchedGroup], by_times: bool) -> Iterator[str]:
    if by_times:
        yield "The store was not filled in the order of time: what is in it was taken by its times."
    if young := sum(one.immature for one in groups):
        yield f"{young:,} verdicts wait: not all of those on answers of the same time can be there yet."


def _opened(log: Any) -> Store | None:
    if not isinstance(log, str | os.PathLike):
        return None
    text = os.fspath(log)
    try:
        if "://" not in text:
            with Path(text).open("rb") as file:
                if file.read(len(_MAGIC)) != _MAGIC:
                    return None
        return open_store(text, readonly=True)
    except (OSError, StoreError, UnusableInput):
        return None  # whoever reads it as a log says what is wrong


def tell_due(store: Store, watching: Watching) -> list[Event]:
    """Add the events that are due to the store, and give them; whoever does so again changes nothing.

    Raises `StoreError`. An event that another process told in other words, by other settings, stands.
    """
    told = []
    for event in watching.due:
        try:
            store.add([event])
            told.append(event)
        except DifferentContent:
            continue
    return told


def resolve(store: Store, alarm: str, why: str, *, time: float, new_id: Callable[[], str]) -> Event:
    """End an alarm by hand, for a reason: a new monitor of its answers begins.

    Raises `UnusableInput` where no alarm of that id stands, and `StoreError`.
    """
    known = [entry.fact.id for entry in store.events("alarm", newest=True)]
    if alarm not in known:
        if not known:
            raise UnusableInput(
                f"No alarm of this store was told yet, so {alarm!r} cannot be ended. {TOLD_BY}"
            )
        raise UnusableInput(
            f"Expected the id of an alarm of the store, such as {', '.join(known[:5])}; got {alarm!r}. calibrant watch "
            "lists them."
        )
    event = Event(id=new_id(), kind=RESOLVED, time=time, about=alarm, data={"why": why})
    store.add([event])
    return event
