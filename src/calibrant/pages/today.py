"""The first page: which tasks can be trusted today, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calibrant.metrics.findings import FEW
from calibrant.overview.rules import MONTH, Money
from calibrant.overview.standing import Standing
from calibrant.overview.tallying import DAY, Happened
from calibrant.overview.telling import ago, day, gap_said, minute, name_of, segment_name
from calibrant.phrasing.numbers import dollars, of_100, percent, several
from calibrant.reviewing.enough import SENT
from calibrant.reviewing.queue import Open
from calibrant.types import FEW as ENOUGH
from calibrant.types import Json

from .charts import OF_MODELS, charted, place_of
from .context import Context
from .known import PATIENCE, Known, Seen
from .lines import address_of, headline, rows
from .shell import Place, Shell, Visitor

__all__ = ["today"]

AGES = ((900.0, "under 15 min"), (1_800.0, "15–30 min"), (3_600.0, "30–60 min"), (7_200.0, "1–2 h"),
        (86_400.0, "2–24 h"), (float("inf"), "over a day"))  # fmt: skip
SQUARES = 14
"""Squares in a row of waiting answers, one each; more are told by their number alone."""

FEED = 8


@dataclass(frozen=True, slots=True)
class Age:
    """How many answers wait for so long: held ones, those of them that are late, and others."""

    name: str
    held: int
    others: int
    late: bool


def today(shell: Shell, known: Known) -> list[Route]:
    """/, and its place in the bar."""
    shell.places.append(Place(path="/", label="Today"))

    waiting = _Waiting(shell.context)

    async def page(_: Request, visitor: Visitor) -> Response:
        seen = await known.now(visitor.key.tasks)
        waits = await waiting.of(seen, visitor.key.tasks)
        values = await asyncio.to_thread(_values, seen, waits, waiting.promise)
        return await shell.page(visitor, "today" if seen.tasks else "start", here="/", **values)

    return [shell.route("/", page)]


class _Waiting:
    """The answers that wait for a person, as the desk knows them; while it still reads, as they are known here."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asking: asyncio.Task[list[Open]] | None = None

    @property
    def promise(self) -> float | None:
        """Seconds within which a held answer is to be judged, where that is promised."""
        minutes = self._context.desk.settings.of(None).promise_minutes
        return None if minutes is None else 60.0 * minutes

    async def of(self, seen: Seen, tasks: Collection[str]) -> list[tuple[float, bool]]:
        """Of each its age in seconds, and whether its sender waits too."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(asyncio.to_thread(self._context.desk.waiting))
        done, _ = await asyncio.wait([self._asking], timeout=PATIENCE)
        now = self._context.clock()
        if done and self._asking.exception() is None:
            found = self._asking.result()
            return [(now - one.time, one.held) for one in found if not tasks or one.task in tasks]
        return [(now - one.time, one.held) for task in seen.tasks for one in task.past.waiting.values()]


def _values(seen: Seen, waits: Sequence[tuple[float, bool]], promise: float | None) -> dict[str, Any]:
    held = sorted((age for age, waited_for in waits if waited_for), reverse=True)
    late = sum(promise is not None and age > promise for age in held)
    busiest = max(seen.tasks, key=lambda one: one.recent.answers, default=None)
    return {
        "headline": headline(seen, late, len(held)), "at": minute(seen.at), "behind": seen.behind,
        "rows": rows(seen), "waiting": len(waits), "held": len(held), "late": late,
        "waiting_line": _waiting_line(len(waits), held, promise), "ages": _ages(waits, promise),
        "squares": SQUARES, "promise": None if promise is None else ago(promise),
        "share": None if busiest is None else charted("share", busiest, seen),
        "share_task": busiest and name_of(busiest.task), "share_href": busiest and address_of(busiest.task),
        "few": int(FEW), "needed": ENOUGH, "sent": SENT,
        "money": _money(seen), "month": MONTH, "feed": _feed(seen), "free": [_free(one) for one in seen.tasks],
    }  # fmt: skip


def _waiting_line(waiting: int, held: Sequence[float], promise: float | None) -> str:
    if not waiting:
        return "Nobody waits."
    if not held:
        return "None is held: they were drawn to be judged, and nobody waits for them."
    told = f"{several(len(held), 'answer')} {'is' if len(held) == 1 else 'are'} held: the sender gets nothing until "
    told += f"someone judges. The oldest has waited {ago(held[0])}"
    return f"{told}; the promise is {ago(promise)}." if promise is not None else f"{told}."


def _ages(waits: Iterable[tuple[float, bool]], promise: float | None) -> list[Age]:
    counts = [[0, 0] for _ in AGES]
    for age, held in waits:
        at = next(i for i, (end, _) in enumerate(AGES) if age < end)
        counts[at][not held] += 1
    starts = [0.0, *(end for end, _ in AGES)]
    return [
        Age(name, n[0], n[1], promise is not None and start >= promise)
        for (_, name), n, start in zip(AGES, counts, starts, strict=False)
    ]


def _money(seen: Seen) -> dict[str, Any] | None:
    """The sum over all tasks whose prices and labels are known, line by line."""
    known: list[tuple[str, Money]] = [(task, one) for task, one in seen.money.items() if one is not None]
    if not known:
        return None
    saved, least, most = (sum(getattr(one, end) for _, one in known) for end in ("saved", "least", "most"))
    lines = []
    for task, one in known:
        lines.append((f"{name_of(task)}: not reviewed", f"{one.sent:,} of {one.answers:,} × {dollars(one.review)}",
                      f"+{dollars(one.sent * one.review)}"))  # fmt: skip
        lines.append((f"{name_of(task)}: wrong and sent",
                      f"{one.sent * one.wrong:,.0f} ({one.sent * one.low:,.0f} to {one.sent * one.high:,.0f}) × "
                      f"{dollars(one.price)}", f"−{dollars(one.sent * one.wrong * one.price)}"))  # fmt: skip
    verb = "saved" if saved >= 0 else "lost"
    return {
        "sum": f"≈ {abs(saved):,.0f} {verb}", "range": f"{least:,.0f} to {most:,.0f}".replace("-", "−"),
        "lines": lines, "others": len(seen.tasks) - len(known),
    }  # fmt: skip


def _feed(seen: Seen) -> list[dict[str, Any]]:
    events = [_told(event) for event in seen.overview.events]
    for one in seen.tasks:
        events += [
            {"time": time, "kind": "change", "task": one.task, "text": f"{name_of(one.task)}: {what} first answered."}
            for time, what in one.changes
        ]  # fmt: skip
    once = {(day(one["time"]), one["text"]): one for one in events if one}
    newest = sorted(once.values(), key=lambda one: -one["time"])[:FEED]
    return [one | {"day": day(one["time"])} for one in newest]


def _told(event: Happened) -> dict[str, Any]:
    data, by = event.data, place_of(event)
    task, name = str(by.get("task") or ""), name_of(str(by.get("task") or ""))
    texts = {
        "alarm": f"{name}: what is claimed has come apart from what is right{_domain(by)}. "
                 f"Kind of shift: {data.get('kind', 'unknown')}.",
        "resolved": f"An alarm was ended: {data.get('why', 'no reason given')}.",
        "change": f"{name}{_domain(by)}: {data.get('what', 'something')} changed{_moved(data)}.",
        "promotion": f"Release {event.about} answers from now on{_noted(data.get('note'))}.",
        "proposal": f"Another map is proposed{f' for {name}' if task else ''}.",
        "certificate": f"A certificate {_certified(data)}{f' for {name}' if task else ''}.",
        "erasure": f"Content was erased: {data.get('why', 'no reason given')}.",
    }  # fmt: skip
    if event.kind == "change" and data.get("what") in OF_MODELS:
        return {}  # which is told of the whole task, beside the labels that it begins anew
    return {"time": event.time, "kind": event.kind, "task": task, "text": texts[event.kind].strip()}


def _noted(note: Any) -> str:
    return f": {str(note).rstrip('.')}" if note else ""


def _certified(data: Json) -> str:
    if not data.get("certified", True):
        return "could not be granted yet"
    return "was issued" if data.get("in_force", True) else "was looked at again, and stays as it is,"


def _moved(data: Json) -> str:
    ends = [
        percent(one) if isinstance(one, float) else str(one)[:60]
        for one in (data.get("before"), data.get("after"))
    ]
    return f" from {ends[0]} to {ends[1]}" if data.get("after") is not None else ""


def _domain(by: Any) -> str:
    domain = by.get("domain") if isinstance(by, dict) else None
    return f" in {segment_name(domain)}" if domain else ""


def _free(one: Standing) -> dict[str, Any]:
    """What can be said without labels, beside what labels say."""
    days = one.counted(28)
    labelled = sum(row.time > one.now - 28 * DAY for row in one.past.labels.values())
    before = one.counted(56).claimed - days.claimed, one.counted(56).told - days.told
    now = days.claimed / days.told if days.told else None
    moved = None if now is None or not before[1] else now - before[0] / before[1]
    return {
        "name": name_of(one.task), "href": address_of(one.task),
        "labelled": percent(labelled / days.answers, 1) if labelled and days.answers else "none",
        "moved": "too early" if moved is None else "as before" if abs(moved) < 0.02 else
                 f"{'up' if moved > 0 else 'down'} {abs(100 * moved):.0f} points",
        "guess": "none" if now is None else of_100(now),
        "labels": of_100(one.right.value) if one.right and one.gap is not None else None,
        "against": one.state in ("alarm", "over"), "gap": gap_said(one.gap) if one.gap else None,
    }  # fmt: skip
