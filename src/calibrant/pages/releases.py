"""Releases: what is proposed and on what evidence, what answers now and before; promoting and going back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from calibrant.errors import BadRequest, CalibrantError, StoreError
from calibrant.overview.promises import Promise, promises, released
from calibrant.overview.telling import day, minute, strength
from calibrant.phrasing.numbers import fixed
from calibrant.protocols import Store
from calibrant.releases.promoting import promotions
from calibrant.types import Json

from .known import PATIENCE, Known
from .shell import HEADERS, Place, Shell, Visitor

if TYPE_CHECKING:
    from calibrant.learning.by_hand import ByHand

__all__ = ["releases"]

MOST, LONGEST = 50, 500
"""Releases of the history, and characters of a reason."""

WIDE, HIGH, INSET = 480.0, 110.0, 5.0
"""Size of the drawing of the evidence, and the space around its line."""

ROWS = 12
"""About so many rows of its numbers."""


@dataclass(frozen=True, slots=True)
class Course:
    """The evidence for a proposal, label by label: a line, the heights of what is needed and of the start, in words."""

    points: str
    needed: float
    start: float
    last: tuple[float, float]
    told: str
    rows: list[tuple[str, str]]


def releases(shell: Shell, known: Known) -> list[Route]:
    """/releases, and the place in the bar."""
    made = _Releases(shell, known)
    shell.places.append(Place(path="/releases", label="Releases"))
    return [
        shell.route("/releases", made.page),
        shell.route("/releases", made.act, ["POST"], roles=("admin",)),
    ]


class _Releases:
    def __init__(self, shell: Shell, known: Known) -> None:
        self._shell, self._known = shell, known
        self._asking: asyncio.Task[None] | None = None
        self._found: list[Json] | None = None
        self._made: ByHand | None = None

    async def page(self, request: Request, visitor: Visitor) -> Response:
        """What is proposed, and what answered."""
        del request
        return await self._shown(visitor)

    async def act(self, _: Request, visitor: Visitor) -> Response:
        """Promote, or go back."""
        form = visitor.form
        why = " ".join(form.get("why", "").split())[:LONGEST]
        if not why:
            return await self._shown(visitor, "Nothing was changed: say why, for those who look later.", 422)
        if form.get("do") not in ("promote", "rollback"):
            raise BadRequest("Expected to promote or to roll back.", "do")
        try:
            await asyncio.to_thread(self._do, form, why, visitor.who)
        except StoreError:
            raise
        except CalibrantError as error:
            return await self._shown(visitor, f"Nothing was changed: {error}", 409)
        return RedirectResponse("/releases", 303, HEADERS)

    def _by_hand(self) -> ByHand:
        """What promotes; loaded once somebody looks, since it takes what fits and certifies."""
        if self._made is None:
            from calibrant.learning.by_hand import ByHand

            context = self._shell.context
            self._made = ByHand(context.store, clock=context.clock)
        return self._made

    def _do(self, form: Mapping[str, str], why: str, who: str) -> None:
        by_hand, id = self._by_hand(), form.get("id", "")
        if form["do"] == "promote":
            by_hand.promote(id, why, who)
        else:
            by_hand.roll_back(id, why, who)

    async def _shown(self, visitor: Visitor, failed: str = "", status: int = 200) -> Response:
        seen = await self._known.now()
        fresh, proposals = await self._proposals()
        history = await asyncio.to_thread(_history, self._shell.context.store)
        told = [_told(one) for one in proposals or ()]
        first = {one["place"]: one["id"] for one in reversed(told) if one["ready"]}
        return await self._shell.page(
            visitor, "releases", status, here="/releases", history=history, at=minute(seen.at), proposals=told,
            reading=not fresh, failed=failed, first=set(first.values()), headline=_headline(told, history),
            may=visitor.may("admin"), promised=await asyncio.to_thread(_promised, self._shell.context.store),
        )  # fmt: skip

    async def _proposals(self) -> tuple[bool, list[Json] | None]:
        """Those that are open, and whether all that came was read; what was found before while it was not."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._read())
        asking = self._asking  # another look may begin the next while this one waits
        done, _ = await asyncio.wait([asking], timeout=PATIENCE)
        if done:
            asking.result()  # what failed is raised, and read anew with the next look
        return bool(done), self._found

    async def _read(self) -> None:
        self._found = await asyncio.to_thread(lambda: self._by_hand().proposals())


def _headline(proposals: list[dict[str, Any]], history: list[dict[str, Any]]) -> str:
    ready = {one["place"]: one["because"] for one in reversed(proposals) if one["ready"]}
    if len(ready) == 1:
        ((place, because),) = ready.items()
        return f"A map for {place} can be promoted: {because}."
    if ready:
        return f"Maps for {len(ready)} groups of answers can be promoted."
    if proposals:
        return "Not yet: no proposal has been found better than what answers."
    return f"Release {history[0]['id']} answers." if history else "What answers is as the configuration says."


def _told(one: Json) -> dict[str, Any]:
    """A proposal as it is shown."""
    difference, log10 = one["difference"], one["log10_evidence"]
    because = f"a first map, on {one['labels']:,} labels"
    if difference is not None:
        because = f"better than the one in force on {one['tested']:,} later labels"
    return {
        "id": one["proposal"], "place": one["place"], "map": one["map_id"], "ready": one["ready"], "lost": one["lost"],
        "because": because, "sentence": one["sentence"], "labels": f"{one['labels']:,}",
        "way": one["kind"].replace("_", " "),
        "from": day(one["from"]), "to": day(one["to"]), "calibrator": one["calibrator"],
        "evidence": None if log10 is None else strength(log10),
        "needed": None if one["log10_enough"] is None else strength(one["log10_enough"]),
        "part": None if log10 is None else max(0.0, min(log10 / (one["log10_enough"] or 1.0), 1.0)),
        "course": _course(one),
        "difference": difference and f"{fixed(difference['value'], 4)} ({fixed(difference['low'], 4)} to "
                      f"{fixed(difference['high'], 4)})",
        "changes": [
            (f"{'task ' + c['task'] + ': ' if c['task'] else ''}{c['part']}", c["first"], c["second"],
             "" if c["greatest"] is None else f"up to {100 * c['greatest']:.0f} points, at {c['at']:.2f}")
            for c in one["changes"]
        ],
        "equal": one["equal"],
    }  # fmt: skip


def _course(one: Json) -> Course | None:
    """None where nothing is held against it, or no label has come since."""
    path: list[tuple[int, float]] = [(label, value) for label, value in one["path"]]
    needed = float(one["log10_enough"] or 0.0)
    if not path:
        return None
    values = [value for _, value in path]
    low, high = min(0.0, *values), max(needed, *values)
    labels, top = path[-1][0], max(path, key=lambda point: point[1])

    def across(label: float) -> float:
        return round(INSET + label / labels * (WIDE - 2 * INSET), 1)

    def up(value: float) -> float:
        return round(HIGH - INSET - (value - low) / (high - low) * (HIGH - 2 * INSET), 1)

    line = [(across(0), up(0.0)), *((across(label), up(value)) for label, value in path)]
    some = [*path[:: len(path) // ROWS + 1], top, path[-1]]
    return Course(
        points=" ".join(f"{x},{y}" for x, y in line), needed=up(needed), start=up(0.0), last=line[-1],
        told=f"Evidence over {labels:,} independent labels, judged from {day(one['since'])} to {day(one['until'])}: "
             f"{strength(values[-1])} now, {strength(top[1])} at its highest, after {top[0]:,}; "
             f"{strength(needed)} is needed.",
        rows=[(f"{label:,}", strength(value)) for label, value in sorted({(a, b) for a, b in some})],
    )  # fmt: skip


def _promised(store: Store) -> list[Promise]:
    return list(promises(released(store)))


def _history(store: Store) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in promotions(store):
        if len(found) == MOST:
            break
        now = not found
        found.append({
            "id": one.release_id, "time": minute(one.time), "note": one.note, "now": now,
            "back": not now and one.release_id not in {other["id"] for other in found},
        })  # fmt: skip
    return found
