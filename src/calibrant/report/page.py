"""The report as one HTML file: no script, no font and no picture from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics
from ..logs.keys import group_name
from ..metrics.findings import FEW, BinnedError
from ..metrics.intervals import Estimate
from ..phrasing.findings import cells, floor_told
from ..phrasing.numbers import fixed, percent
from ..plugins import require
from . import charts, wording
from .drawing import DARK_RULES, to_svg
from .gaps import spread_chart
from .judgings import judge_lines, judge_tables, people_asked
from .sheet import Sheet
from .wording import Bands, ReportGroup

if TYPE_CHECKING:
    from ..auditing import Audit, Group
    from ..looking.asked import Step
    from ..tally import Tally

__all__ = ["html", "sheet_html"]

DETAILED = 12
"""So many groups get charts of their own; the table has all."""
OPEN = 4
"""Of more groups the second and all further ones are folded."""
LISTED = 12
"""Answers that are listed, and groups from which on one chart shows all."""
FIRST, FURTHER = 10, 50
"""Groups in the table that is open, and in each further one, folded."""
_ENDS = (1, 2, 3, 4, 5, 8, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100)
"""Where the bars of gaps end, in points."""
BARS = 13
COVERAGES = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
Shown = dict[str, Any]
"""A part of the page as the template reads it, which refuses a name that is not there."""


def html(
    audit: Audit,
    *,
    after: Audit | None = None,
    actions: Bands | None = None,
    title: str | None = None,
    steps: Sequence[Step] = (),
    made: date | None = None,
) -> str:
    """The report of an audit as one self-contained page.

    Parameters
    ----------
    audit : Audit
        What was measured.
    after : Audit, optional
        The same groups on the same held-out rows after calibration; shown side by side.
    actions : mapping, optional
        From `group_key(group.by)` to bands {"action", "n", "accuracy", "was"}: how many calibrated answers get
        each action, the share of them that is right, and how many the raw confidence would have sent there.
    title : str, optional
        The heading.
    steps : of `calibrant.looking.asked.Step`
        Commands that come next, each with why.
    made : date, optional
        Of the page; today where None.
    """
    groups = wording.worst_first(audit, after)
    enough = [one for one in groups if not one.group.too_few]
    detailed = enough[:DETAILED]
    anchors = {one.key: f"g{i}" for i, one in enumerate(detailed, 1)}
    most = _most(groups)
    rows = _table(groups, anchors, most)
    strips = {row["key"]: row["strip"] for row in reversed(rows)}
    small = [one.group for one in groups if one.group.too_few]
    spread = _spread(enough) if len(enough) > LISTED else None
    page: str = _template("page.html.jinja").render(
        title=title or "Calibration audit",
        audit=audit,
        made=wording.made_line(made),
        read=wording.read_lines(audit),
        summary=" ".join(filter(None, (wording.counted(groups), audit.many_told))),
        lines=[(anchors.get(one.key), one.group.told, strips[one.key]) for one in enough],
        listed=LISTED,
        small=[group.told for group in small],
        small_rows=f"{sum(group.tally.rows for group in small):,}",
        most=most,
        spread=spread,
        spread_told=wording.SPREAD,
        steps=steps,
        judge_lines=judge_lines(people_asked(audit)),
        judge_tables=judge_tables(people_asked(audit)),
        sections=[
            _section(one, anchors[one.key], audit.bins, rows) | {"folded": at > 0 and len(enough) > OPEN}
            for at, one in enumerate(detailed)
        ],
        total=len(groups),
        few=len(small),
        pages=_pages(rows),
        dark_rules=_markup(DARK_RULES),
        actions=_actions(groups, actions),
        said=wording.said(groups),
        measures=wording.MEASURES,
        assumptions=wording.ASSUMPTIONS,
        compared=after is not None,
    )
    return page


def sheet_html(sheet: Sheet, *, steps: Sequence[Step] = (), made: date | None = None) -> str:
    """A report of sentences, charts and tables as one self-contained page; `made` is its date, today where None."""
    page: str = _template("sheet.html.jinja").render(
        title=sheet.title, made=wording.made_line(made), sheet=sheet, steps=steps, dark_rules=_markup(DARK_RULES),
        drawn=[(one.title, _picture(one.chart, one.title), one.told) for one in sheet.charts],
    )  # fmt: skip
    return page


@cache
def _template(name: str) -> Any:
    jinja2 = require("jinja2", "The HTML report", extra="report")
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return made.get_template(name)


def _picture(chart: Any, title: str) -> Any:
    """A chart as markup. Within a page the namespaces of SVG go without saying."""
    svg = to_svg(chart, title=title, styled=False)
    for name in (' xmlns="http://www.w3.org/2000/svg"', ' xmlns:xlink="http://www.w3.org/1999/xlink"'):
        svg = svg.replace(name, "", 1)
    return _markup(svg)


def _markup(text: str) -> Any:
    return require("markupsafe", "The HTML report", extra="report").Markup(text)


def _section(one: ReportGroup, anchor: str, bins: int, rows: Sequence[Shown]) -> Shown:
    """A group in detail."""
    said = one.group.told
    stages = {stage: g for stage, g in one.stages if not g.too_few}
    tallies = {stage or "all": g.tally for stage, g in stages.items()}
    return {
        "anchor": anchor,
        "name": said.name,
        "columns": ", ".join(one.group.by),
        "sentence": f"{said.found[:1].upper()}{said.found[1:]} {said.correction}".strip(),
        "verdict": said.verdict,
        "why": said.why,
        "ranking": said.ranking,
        "change": one.change,
        "panels": [_panel(g, stage, said.name, bins) for stage, g in stages.items()],
        "coverage": _picture(charts.risk_coverage(tallies), f"Risk and coverage: {said.name}"),
        "coverage_rows": [row for stage, t in tallies.items() for row in _coverage_rows(stage, t)],
        "numbers": [row for row in rows if row["anchor"] == anchor and not row["few"]],
    }


def _panel(group: Group, stage: str, name: str, bins: int) -> Shown:
    """One reliability diagram with what it says in words and as a table."""
    b = metrics.bins(group.tally, bins)
    low, high = charts.bin_intervals(b)
    rows = [
        (f"{fixed(b.low[i])} to {fixed(b.high[i])}", f"{b.weight[i] * group.tally.rows:,.0f}", fixed(b.confidence[i]),
         fixed(b.accuracy[i]), f"{fixed(low[i])} to {fixed(high[i])}")
        for i in range(len(b.low))
    ]  # fmt: skip
    label = f"Reliability: {name}" + (f", {stage}" if stage else "")
    return {
        "stage": stage,
        "picture": _picture(charts.reliability(group.tally, bins=bins), label),
        "floor": floor_told(group.finding) if group.finding else "",
        "bins": rows,
    }


def _coverage_rows(stage: str, tally: Tally) -> list[tuple[str, ...]]:
    curve = metrics.risk_coverage(tally)
    at = np.searchsorted(curve.coverage, np.array(COVERAGES) - 1e-9).clip(0, len(curve.coverage) - 1)
    last = len(curve.coverage) - 1
    return [
        (
            stage,
            fixed(curve.threshold[i]),
            "all" if i == last else percent(curve.coverage[i]),
            percent(curve.risk[i]) if curve.coverage[i] * tally.n_eff >= FEW else "too few",
        )
        for i in np.unique(at)
    ]


def _most(groups: Sequence[ReportGroup]) -> int:
    """Where all bars of gaps end, in points: the least round number that holds the widest interval."""
    found = [g.finding.gap for one in groups for _, g in one.stages if g.finding and not g.finding.too_few]
    widest = max((100 * max(abs(gap.low), abs(gap.high)) for gap in found), default=1.0)
    return next(end for end in _ENDS if end >= min(widest, 100.0))


def _spread(enough: Sequence[ReportGroup]) -> Any:
    return _picture(spread_chart([one.group for one in enough]), "The gaps of all groups")


def _pages(rows: Sequence[Shown]) -> list[Shown]:
    """The table in parts: the first open, the others folded, lines of one group together."""
    keys = list(dict.fromkeys(row["key"] for row in rows))
    if not keys:
        return []
    starts = [0, *range(FIRST, len(keys), FURTHER)]
    pages = []
    for start, end in zip(starts, [*starts[1:], len(keys)], strict=True):
        shown = set(keys[start:end])
        told = (
            f"Groups {start + 1:,} to {end:,} of {len(keys):,}"
            if len(starts) > 1
            else "Numbers of the segments"
        )
        pages.append(
            {"told": told, "folded": start > 0, "rows": [row for row in rows if row["key"] in shown]}
        )
    return pages


def _table(groups: Sequence[ReportGroup], anchors: Mapping[str, str], most: int) -> list[Shown]:
    stages = [(one.key, stage, g) for one in groups for stage, g in one.stages]
    fine = [g.finding for _, _, g in stages if g.finding is not None and not g.finding.too_few]
    largest = max((max(f.ece.value, f.ece.noise_floor) for f in fine), default=1.0) or 1.0
    spans = Counter(key for key, _, _ in stages)
    return [_row(key, g, stage, anchors.get(key), spans[key], most, largest) for key, stage, g in stages]


def _row(
    key: str, group: Group, stage: str, anchor: str | None, span: int, most: int, largest: float
) -> Shown:
    """A line of the segment table; without numbers where rows are too few."""
    shown = None if group.too_few else group.finding
    return {
        "key": key,
        "name": group_name(group.by),
        "anchor": anchor,
        "stage": stage,
        "rows": f"{group.tally.rows:,}",
        "effective": f"{group.tally.n_eff:,.0f}",
        "few": shown is None,
        "verdict": group.verdict,
        "cells": cells(shown),
        "first": stage != "calibrated",
        "span": span,  # lines of the same group, on the first of them
        "strip": None if shown is None else _strip(shown.gap, most),
        "error": None if shown is None else _error(shown.ece, largest),
    }


def _strip(gap: Estimate, most: int) -> dict[str, float]:
    """A gap as positions in a strip of 160 px, whose middle is zero and whose ends are `most` points away."""
    ends = {"low": gap.low, "high": gap.high, "at": gap.value}
    return {name: round(80 + 76 * 100 * end / most, 1) for name, end in ends.items()}


def _error(ece: BinnedError, largest: float) -> list[float]:
    """An ECE and its floor, in px of 80."""
    return [round(78 * end / largest, 1) for end in (ece.value, ece.noise_floor)]


def _actions(groups: Sequence[ReportGroup], actions: Bands | None) -> dict[str, Any] | None:
    named = wording.band_groups(groups, actions)
    if not named:
        return None
    chart = charts.actions(named[:BARS])
    return {
        "picture": _picture(chart, "What the bands do with the answers"),
        "shown": min(BARS, len(named)),
        "total": len(named),
        "rows": wording.band_rows(named),
        "words": [words for words, _, _ in charts.ACTIONS.values()],
    }
