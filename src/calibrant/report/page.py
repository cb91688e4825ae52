"""The report as one HTML file: no script, no font and no picture from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
from .drawing import to_svg
from .wording import Bands, ReportGroup

if TYPE_CHECKING:
    from ..auditing import Audit, Group
    from ..tally import Tally

__all__ = ["html"]

DETAILED = 12
"""So many groups get charts of their own; the table has all."""
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
        The heading; put the date in it where the page should have one.
    """
    groups = wording.worst_first(audit, after)
    detailed = [one for one in groups if not one.group.too_few][:DETAILED]
    anchors = {one.key: f"g{i}" for i, one in enumerate(detailed, 1)}
    rows = _table(groups, anchors)
    strips = {row["key"]: row["strip"] for row in reversed(rows)}
    page: str = _template().render(
        title=title or "Calibration audit",
        audit=audit,
        read=wording.read_lines(audit),
        lines=[(anchors.get(one.key), one.group.told, strips[one.key]) for one in groups],
        sections=[_section(one, anchors[one.key], audit.bins, rows) for one in detailed],
        total=len(groups),
        few=sum(one.group.too_few for one in groups),
        rows=rows,
        actions=_actions(groups, actions),
        said=wording.said(groups),
        measures=wording.MEASURES,
        assumptions=wording.ASSUMPTIONS,
        compared=after is not None,
    )
    return page


@cache
def _template() -> Any:
    jinja2 = require("jinja2", "The HTML report", extra="report")
    source = Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8")
    made = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return made.from_string(source)


def _picture(chart: Any, title: str) -> Any:
    """A chart as markup. Within a page the namespaces of SVG go without saying."""
    svg = to_svg(chart, title=title)
    for name in (' xmlns="http://www.w3.org/2000/svg"', ' xmlns:xlink="http://www.w3.org/1999/xlink"'):
        svg = svg.replace(name, "", 1)
    return require("markupsafe", "The HTML report", extra="report").Markup(svg)


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


def _table(groups: Sequence[ReportGroup], anchors: Mapping[str, str]) -> list[Shown]:
    stages = [(one.key, stage, g) for one in groups for stage, g in one.stages]
    fine = [g.finding for _, _, g in stages if g.finding is not None and not g.finding.too_few]
    widest = max((max(abs(f.gap.low), abs(f.gap.high)) for f in fine), default=1.0) or 1.0
    largest = max((max(f.ece.value, f.ece.noise_floor) for f in fine), default=1.0) or 1.0
    spans = Counter(key for key, _, _ in stages)
    return [_row(key, g, stage, anchors.get(key), spans[key], widest, largest) for key, stage, g in stages]


def _row(
    key: str, group: Group, stage: str, anchor: str | None, span: int, widest: float, largest: float
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
        "strip": None if shown is None else _strip(shown.gap, widest),
        "error": None if shown is None else _error(shown.ece, largest),
    }


def _strip(gap: Estimate, widest: float) -> dict[str, float]:
    """A gap as positions in a strip of 120 px, whose middle is zero."""
    ends = {"low": gap.low, "high": gap.high, "at": gap.value, "zero": 0.0}
    return {name: round(60 + 57 * end / widest, 1) for name, end in ends.items()}


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
