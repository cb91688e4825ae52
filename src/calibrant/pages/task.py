"""The page of one task: what is claimed and right, since when, where, and what decides."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from calibrant.errors import BadRequest
from calibrant.metrics.findings import FEW
from calibrant.metrics.gap import gap
from calibrant.metrics.intervals import Estimate
from calibrant.overview.evidence import ebh, evidence
from calibrant.overview.standing import Segment, Standing, right_of, tally_of
from calibrant.overview.telling import (
    ago,
    answer_line,
    between,
    day,
    gap_said,
    minute,
    name_of,
    segment_name,
    strength,
    word,
)
from calibrant.phrasing.numbers import fixed, interval, of_100, percent, several
from calibrant.phrasing.phrases import phrase_of
from calibrant.reviewing.enough import SENT
from calibrant.types import FEW as ENOUGH
from calibrant.types import Confidence, Probability
from calibrant.watching.stored import resolve

from .charts import Chart, charted, evidence_of, lettered
from .known import Known, Seen
from .lines import address_of, bars, strip, why
from .people import People
from .shell import HEADERS, Place, Shell, Visitor

__all__ = ["tasks"]

TOLD = ((0.95, 1.01), (0.85, 0.95), (0.7, 0.85), (0.0, 0.7))
"""Bands of what people are told, the surest first."""

SEGMENTS = 50

LONGEST = 500
"""Characters of a reason."""


def tasks(shell: Shell, known: Known) -> list[Route]:
    """/tasks and /tasks/NAME, and the place in the bar."""
    shell.places.append(Place(path="/tasks", label="Tasks"))
    people = People(shell.context.store)

    async def every(_: Request, visitor: Visitor) -> Response:
        seen = await known.now(visitor.key.tasks)
        listed = [
            {"name": name_of(one.task), "href": address_of(one.task), "word": word(one), "answers": sum(
                one.past.domains.values()), "recent": one.recent.answers, "labels": one.tally.rows,
             "gap": gap_said(one.gap) if one.gap else None, "matured": day(one.matured)}
            for one in seen.tasks
        ]  # fmt: skip
        return await shell.page(
            visitor, "tasks", here="/tasks", tasks=listed, behind=seen.behind, at=minute(seen.at)
        )

    async def page(request: Request, visitor: Visitor) -> Response:
        seen, name = await known.now(visitor.key.tasks), request.path_params["name"]
        one = seen.task(name)
        if one is None:
            behind = " What came last is still being read: try again in a moment." if seen.behind else ""
            raise BadRequest(f"There are no answers of the task {name!r} here.{behind}", status=404)
        values = await asyncio.to_thread(_values, one, seen)
        may = visitor.may("admin")
        readers = await people.of(one.task, named=may)
        return await shell.page(visitor, "task", here="/tasks", may=may, people=readers, **values)

    async def resolved(request: Request, visitor: Visitor) -> Response:
        why = " ".join(visitor.form.get("why", "").split())[:LONGEST]
        if not why:
            raise BadRequest("Nothing was changed: say why, for those who look later.", "why")
        await asyncio.to_thread(
            resolve, shell.context.store, visitor.form.get("alarm", ""), f"{why} ({visitor.who})",
            time=shell.context.clock(), new_id=lambda: uuid.uuid4().hex,
        )  # fmt: skip
        await known.now()
        return RedirectResponse(address_of(request.path_params["name"]), 303, HEADERS)

    return [
        shell.route("/tasks", every),
        shell.route("/tasks/{name:name}", page),
        shell.route("/tasks/{name:name}", resolved, ["POST"], roles=("admin",)),
    ]


def _values(one: Standing, seen: Seen) -> dict[str, Any]:
    rule, enough = seen.rules[one.task], one.gap is not None
    drawn, told = bars(one)
    reliability = charted("reliability", one, seen) if enough else None
    return {
        "name": name_of(one.task), "word": word(one), "line": answer_line(one, rule), "why": why(one),
        "at": minute(seen.at), "behind": seen.behind, "one": one, "rule": rule, "enough": enough,
        "models": _models(one), "reliability": reliability,
        "finding": reliability and _finding(reliability),
        "bins": reliability and _bins(reliability), "told": _told(one) if enough else [],
        "numbers": _numbers(one), "timeline": charted("timeline", one, seen), "events": lettered(one, seen),
        "evidence": _evidence(one), "weeks": _weeks(one), "matured": day(one.matured), "delay": ago(one.delay),
        "segments": _segments(one), "risk": charted("risk", one, seen) if enough else None,
        "bars": drawn, "shares": told, "records": "/records?" + urlencode({"task": one.task}), "young": one.young,
        "threshold": None if rule.threshold is None else fixed(rule.threshold, 2), "latest": rule.latest,
        "href": address_of(one.task), "labels": several(one.tally.rows, "label"),
        "answers": several(sum(one.cells), "answer"),
        "few": int(FEW), "needed": ENOUGH, "sent": SENT,
        "promised": [(mine.state, mine.sentence) for mine in seen.promised.get(one.task, ())],
        "resolve": one.alarm.id if one.alarm is not None else None,
    }  # fmt: skip


def _models(one: Standing) -> str:
    groups = sorted(one.current.values(), key=lambda group: -group.answers)
    found = [f"{g.model}, served as {g.served}" if g.served else str(g.model) for g in groups if g.model]
    return "; ".join(dict.fromkeys(found)) or "no model has answered"


def _finding(chart: Chart) -> str:
    """The largest gap of a bin that is not chance, as a sentence."""
    bins = [b for b in chart.values["bins"] if b["n_eff"] >= 20]
    sure = [b for b in bins if not b["right_low"] <= b["claimed"] <= b["right_high"]]
    if not sure:
        return "No confidence is shown to be off by more than chance"
    worst = max(sure, key=lambda b: abs(b["claimed"] - b["right"]))
    return f"When it claims {of_100(worst['claimed'])}, it is right {of_100(worst['right'])} times in 100"


def _bins(chart: Chart) -> list[tuple[str, str, str, str, str]]:
    found = []
    for b in chart.values["bins"]:
        name = f"{100 * b['low']:.0f} to {100 * b['high']:.0f}"
        if b["n_eff"] < 10:
            found.append((name, f"{b['n_eff']:,.0f}", "", "too few", ""))
        else:
            span = between(Estimate(b["right"], b["right_low"], b["right_high"]))
            found.append((name, f"{b['n_eff']:,.0f}", of_100(b["claimed"]), of_100(b["right"]), span))
    return found


def _told(one: Standing) -> list[dict[str, Any]]:
    """What people were told, and how often it was right; marked where the interval leaves out the claim."""
    found = []
    for low, high in TOLD:
        tally = tally_of(row for row in one.labels.values() if low <= (row.p or 0.0) < high)
        if not tally.rows:
            continue
        middle = Confidence(p=Probability(min((low + high) / 2, 0.97)), verdicts=1000)
        right = right_of(tally) if tally.n_eff >= 10 else None
        name = (
            f"over {100 * low:.0f} %"
            if high > 1
            else f"under {100 * high:.0f} %"
            if not low
            else f"{100 * low:.0f} to {100 * high:.0f} %"
        )
        found.append({
            "name": name, "words": phrase_of(middle).words if low else "not sure", "labels": f"{tally.rows:,}",
            "right": of_100(right.value) if right else None, "span": between(right) if right else "too few",
            "off": right is not None and not right.low <= tally.mean_confidence <= right.high,
        })  # fmt: skip
    return found


def _numbers(one: Standing) -> list[tuple[str, str]]:
    found = one.finding
    if found is None or one.gap is None:
        return []
    brier = f"{fixed(found.brier)} = {fixed(found.mcb)} − {fixed(found.dsc)} + {fixed(found.unc)}"
    return [
        ("Gap", f"{gap_said(one.gap)} points"), ("L2 error", interval(found.l2)),
        ("ECE", f"{fixed(found.ece.value)}; a perfect map shows {fixed(found.ece.noise_floor)} here"),
        ("Brier", brier), ("Ranking", f"AUROC {interval(found.auroc_interval, 2)}" if found.auroc_interval else "none"),
        ("Labels", f"{one.tally.rows:,}, worth {one.tally.n_eff:,.0f}"),
        ("Volunteers", f"{one.past.volunteers:,} verdicts that count for nothing"),
    ]  # fmt: skip


def _evidence(one: Standing) -> dict[str, Any]:
    found = evidence_of(one)
    last = found.points[-1] if found.points else None
    some = found.points[:: max(1, len(found.points) // 30)]
    opened = (
        f"The evidence passed its line with the answers of {day(found.crossed)}"
        if found.crossed is not None
        else None
    )
    return {
        "head": opened or ("The evidence has not passed its line" if last else "Nothing is mature yet"),
        "now": None if last is None else strength(last.log10), "highest": strength(found.highest),
        "band": None if last is None else gap_said(last.gap),
        "days": [(day(p.time), f"{p.labels:,}", gap_said(p.gap), strength(p.log10)) for p in reversed(some)],
    }  # fmt: skip


def _weeks(one: Standing) -> list[tuple[str, str, str, str, str]]:
    found = []
    for p in reversed(one.periods()):
        share = percent(p.counts.automatic / p.counts.answers) if p.counts.answers else "none"
        said = gap_said(gap(p.tally)) if p.tally.n_eff >= 10 else "too few"
        found.append((day(p.start), f"{p.counts.answers:,}", f"{p.tally.rows:,}", said, share))
    return found


def _segments(one: Standing) -> list[dict[str, Any]]:
    """By domain, with the evidence of each, and a mark by e-BH."""
    shown = one.segments[:SEGMENTS]
    logs = [_log10(one, segment) for segment in shown]
    marks = ebh(logs)
    found = [
        _segment(one.task, s) | {"evidence": strength(log), "marked": mark, "sort": log}
        for s, log, mark in zip(shown, logs, marks, strict=True)
    ]
    return sorted(found, key=lambda row: (row["claims"] is None, -row["sort"]))


def _segment(task: str, one: Segment) -> dict[str, Any]:
    said: dict[str, Any] = {"claims": None, "right": None, "span": "", "over": False}
    if one.gap is not None and one.right is not None:
        said = {
            "claims": of_100(one.tally.mean_confidence), "right": of_100(one.right.value), "span": between(one.right),
            "over": one.gap.value > 0,
        }  # fmt: skip
    return said | {
        "name": segment_name(one.domain),
        "records": "/records?" + urlencode({"task": task, "domain": one.domain or ""}),
        "answers": f"{one.answers:,}", "labels": f"{one.tally.rows:,}", "n_eff": f"{one.tally.n_eff:,.0f}",
        "strip": strip(one.gap),
    }  # fmt: skip


def _log10(one: Standing, segment: Segment) -> float:
    keys = {key for key, group in one.current.items() if group.domain == segment.domain}
    found = evidence(row for row in one.labels.values() if row.group in keys)
    return found.points[-1].log10 if found.points else 0.0
