"""Charts as pictures of their own, which a page points to: drawn in another process, kept, in two widths."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calibrant import metrics
from calibrant.metrics.findings import FEW
from calibrant.monitors.calibration import ALPHA, TOLERANCE
from calibrant.overview.evidence import Evidence, evidence, expected_gaps
from calibrant.overview.standing import Standing, right_of, tally_of
from calibrant.overview.tallying import DAY, Happened, Label
from calibrant.overview.telling import day
from calibrant.report.charts import thinned
from calibrant.report.standings import describe_reliability, reliability_values
from calibrant.report.timelines import describe_timeline
from calibrant.types import Json, digest

from .known import Known, Seen
from .shell import HEADERS, Shell, Visitor

__all__ = ["OF_MODELS", "Chart", "charted", "charts", "evidence_of", "lettered", "place_of"]

WIDTHS: Mapping[str, tuple[int, int]] = {
    "reliability": (500, 260), "timeline": (1000, 265), "risk": (480, 250), "share": (290, 270),
}  # fmt: skip
"""Of each chart the width of its plot where there is room, and on a phone."""

KEPT = 256
"""Pictures that are kept."""

OF_MODELS = ("model", "served model")
"""Changes that begin the labels of a task anew, and are told with them."""

STYLED = HEADERS | {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "private, max-age=86400, immutable",
}
"""A picture has its colours for a dark screen with it, as a style of its own, and no script."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Where a chart is in two widths, what it shows in words, and the values that it is made of."""

    wide: str
    narrow: str
    told: str
    values: Mapping[str, Any]
    drawn: bool


def charted(kind: str, one: Standing, seen: Seen) -> Chart:
    """The chart of a kind for a task."""
    values, told = _values(kind, one, seen)
    mark = digest(values)
    where = [
        f"/charts/{kind}.svg?" + urlencode({"task": one.task, "width": w, "v": mark})
        for w in ("wide", "narrow")
    ]
    return Chart(where[0], where[1], told, values, _drawable())


def charts(shell: Shell, known: Known) -> list[Route]:
    """/charts/KIND.svg."""
    drawing = Drawing()

    async def picture(request: Request, visitor: Visitor) -> Response:
        kind, query = request.path_params["kind"], request.query_params
        seen = await known.now(visitor.key.tasks)
        one = seen.task(query.get("task", ""))
        if kind not in WIDTHS or one is None or not _drawable():
            return Response("There is no such chart.", 404, HEADERS, media_type="text/plain")
        values, told = await asyncio.to_thread(_values, kind, one, seen)
        width = WIDTHS[kind][query.get("width") == "narrow"]
        svg = await asyncio.to_thread(drawing.svg, kind, values, width, told)
        return Response(svg, 200, STYLED, media_type="image/svg+xml")

    return [shell.route("/charts/{kind}.svg", picture)]


class Drawing:
    """Draws in one process beside this one, which is there once something is to be drawn.

    What draws is a whole engine for JavaScript, which would hold up answers, and the memory of which nobody needs who
    looks at no chart.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, int], str] = OrderedDict()

    def svg(self, kind: str, values: Mapping[str, Any], width: int, told: str) -> str:
        """The picture, drawn or kept."""
        key = kind, digest(values), width
        with self._lock:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return kept
        try:
            made = self.pool().submit(draw, kind, dict(values), width, told).result(60)
        except BaseException:
            with self._lock:
                self._pool = None  # a process that was killed draws nothing more
            raise
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made

    def pool(self) -> ProcessPoolExecutor:
        """The process, begun where it is not there."""
        with self._lock:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            return self._pool


def draw(kind: str, values: dict[str, Any], width: int, told: str) -> str:
    """The chart as SVG; runs where the drawing is done."""
    from calibrant.report import standings, timelines
    from calibrant.report.drawing import to_svg

    made = {
        "reliability": standings.reliability_chart, "timeline": timelines.timeline_chart, "risk": standings.risk_chart,
        "share": standings.share_chart,
    }[kind]  # fmt: skip
    return to_svg(made(values, width=width), title=told)


@lru_cache(maxsize=1)
def _drawable() -> bool:
    return all(find_spec(name) is not None for name in ("altair", "vl_convert"))


def evidence_of(one: Standing) -> Evidence:
    """The evidence over all labels of a task whose answers are mature; kept while they are the same."""
    rows = tuple(row for row in one.past.labels.values() if row.time <= one.matured)
    return _evidence(rows, tuple(time for time, _ in one.changes))


@lru_cache(maxsize=64)
def _evidence(rows: tuple[Label, ...], changes: tuple[float, ...]) -> Evidence:
    return evidence(rows, changes=changes)


def _values(kind: str, one: Standing, seen: Seen) -> tuple[dict[str, Any], str]:
    if kind == "reliability":
        found = _reliability(one.tally, tuple(one.cells))
        return found, describe_reliability(found)
    if kind == "timeline":
        values = _timeline(one) | {"events": lettered(one, seen)}
        return values, describe_timeline(values)
    if kind == "risk":
        return _risk(
            one
        ), "Share wrong among the answers sent against the share sent. The numbers are in the table."
    return _share(one), "Share of answers sent without a person by week, and the share wrong among them."


@lru_cache(maxsize=64)
def _reliability(tally: Any, cells: tuple[int, ...]) -> dict[str, Any]:
    return reliability_values(tally, cells)


def place_of(event: Happened) -> Json:
    """Of what answers an event tells: the task and domain, as far as it says."""
    for name in ("by", "place"):
        part = event.data.get(name)
        if isinstance(part, dict):
            return part | {"task": part.get("task", part.get("way"))}
    return event.data


def lettered(one: Standing, seen: Seen) -> list[dict[str, Any]]:
    """What happened to a task, in its order, each with a letter; of one day and kind one."""
    found = [(time, f"{what} first answered") for time, what in one.changes]
    for event in seen.overview.events:
        task, data = place_of(event).get("task"), event.data
        if event.kind == "promotion":
            found.append((event.time, f"release {event.about}"))
        elif task not in (None, one.task):
            continue
        elif event.kind in ("alarm", "resolved", "certificate", "proposal"):
            found.append((event.time, event.kind))
        elif (
            event.kind == "change"
            and isinstance(data.get("after"), str)
            and data.get("what") not in OF_MODELS
        ):
            found.append((event.time, f"{data.get('what')} changed"))
    days = dict[tuple[str, str], float]()
    for time, what in sorted(found):
        days.setdefault((day(time), what), time)
    kept = list(days.items())[-26:]
    return [
        {"time": time, "letter": chr(65 + i), "text": what, "day": when}
        for i, ((when, what), time) in enumerate(kept)
    ]


def _timeline(one: Standing) -> dict[str, Any]:
    found = evidence_of(one)
    periods = [p for p in one.periods() if p.tally.n_eff >= 10]
    first = min((float(d) * DAY for d in one.past.days), default=one.now - DAY)
    start = max(first, one.now - 26 * 7 * DAY)
    weeks = []
    for p in periods:
        gap = metrics.gap(p.tally)
        weeks.append({"time": min((p.start + p.end) / 2, one.matured), "value": gap.value, "low": gap.low,
                      "high": gap.high, "n": p.tally.rows, "start": p.start})  # fmt: skip
    labels: dict[int, int] = {}
    for row in one.past.labels.values():
        labels[int(row.time // DAY)] = labels.get(int(row.time // DAY), 0) + 1
    return {
        "start": start, "end": max(one.now, start + DAY), "matured": one.matured, "alpha": ALPHA,
        "tolerance": TOLERANCE, "changes": [time for time, _ in one.changes], "crossed": found.crossed,
        "days": [
            {"time": p.time, "value": p.gap.value, "low": p.gap.low, "high": p.gap.high, "log10": p.log10,
             "labels": p.labels}
            for p in found.points if p.time >= start - DAY
        ],
        "weeks": weeks, "free": _free(one, start),
        "labels": [
            {"time": d * DAY, "n": n, "mature": d * DAY < one.matured} for d, n in sorted(labels.items())
            if d * DAY >= start - DAY
        ],
    }  # fmt: skip


def _free(one: Standing, start: float) -> list[dict[str, float]]:
    """The gap that is expected without labels: as if confidence meant what it meant before the last change."""
    change = one.changes[-1][0] if one.changes else one.now
    rows = [row for row in one.past.labels.values() if row.time <= one.matured]
    base = tally_of(row for row in rows if row.time < change)
    if base.n_eff < FEW:
        return []
    return [{"time": t, "value": gap} for t, gap in expected_gaps(base, one.past.weeks) if t >= start]


def _risk(one: Standing) -> dict[str, Any]:
    points = [{"coverage": c, "risk": r} for c, r in thinned(one.tally, 60)] if one.gap is not None else []
    right, share = one.sent_right, one.automatic
    at = None
    if right is not None and share is not None:
        at = {"coverage": share, "risk": 1 - right.value, "low": 1 - right.high, "high": 1 - right.low}
    return {"points": points, "at": at, "limit": None}


def _share(one: Standing) -> dict[str, Any]:
    weeks = []
    for p in one.periods(most=13):
        right = right_of(p.sent) if p.sent.n_eff >= FEW else None
        weeks.append({
            "start": p.start, "end": p.end,
            "automatic": p.counts.automatic / p.counts.answers if p.counts.answers else None,
            "wrong": None if right is None else 1 - right.value,
            "low": None if right is None else 1 - right.high, "high": None if right is None else 1 - right.low,
        })  # fmt: skip
    return {"weeks": weeks}
