"""A result in a notebook: its lines, a small table and bars, in plain HTML that takes on the colours of the page.

It is made without an extra, a script, a font or a picture from elsewhere. Whatever came from a log is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from html import escape
from math import isfinite
from typing import Any

import numpy as np

from .. import metrics
from ..auditing import Audit, Group
from ..fitted import Fitted, FittedGroup
from ..logs.keys import group_name
from ..maps.calibration import CalibrationMap, MapSet
from ..maps.groups import PooledMaps
from ..metrics.intervals import Estimate
from ..phrasing.numbers import fixed, percent
from ..planning.thresholds import ThresholdPlan
from ..plans.certificates import Certificate, CertificateSet
from ..shown import Shown, lines
from ..tally import Tally

__all__ = ["cell", "table"]

MOST = 12
"""Rows of a table in a notebook; `to_frame` has all."""
_COLUMNS = 8

Cells = list[dict[str, str]]
"""Rows of a table by their headings, as markup."""

STYLE = (
    ".calibrant{font:14px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:inherit;"
    "--bar:#0072b2;max-width:100%;overflow-x:auto}"
    ".calibrant p{margin:.2em 0;max-width:60em}"
    ".calibrant .soft{opacity:.72;font-size:.93em}"
    ".calibrant table{border-collapse:collapse;margin:.5em 0;color:inherit;background:none;font-size:inherit;"
    "font-variant-numeric:tabular-nums}"
    ".calibrant tr,.calibrant tbody tr:nth-child(odd),.calibrant tbody tr:hover{background:none}"
    ".calibrant th,.calibrant td{padding:.25em .7em;text-align:right;border:0;color:inherit;"
    "border-bottom:1px solid color-mix(in srgb,currentColor 22%,transparent);white-space:nowrap;vertical-align:middle}"
    ".calibrant th{font-weight:600}.calibrant th:first-child,.calibrant td:first-child{text-align:left}"
    ".calibrant .strong{font-weight:600}.calibrant svg{vertical-align:middle;overflow:visible;height:auto}"
    "@media(prefers-color-scheme:dark){.calibrant{--bar:#56b4e9}}"
    "[data-jp-theme-light=false] .calibrant,.vscode-dark .calibrant{--bar:#56b4e9}"
    "[data-jp-theme-light=true] .calibrant,.vscode-light .calibrant{--bar:#0072b2}"
)


def cell(thing: Shown) -> str:
    """What a notebook shows of a result."""
    told = [escape(line) for line in lines(thing._told())]
    rows = cells(thing)
    first, rest = told[0], told[1:] if not rows else [line for line in told[1:] if line.startswith("Note: ")]
    words = f'<p class="strong">{first}</p>' + "".join(f'<p class="soft">{line}</p>' for line in rest)
    left = len(rows) - MOST
    more = f'<p class="soft">{left:,} more rows: to_frame() has all.</p>' if left > 0 else ""
    return f'<div class="calibrant"><style>{STYLE}</style>{words}{table(rows[:MOST])}{picture(thing)}{more}</div>'


def table(rows: Cells) -> str:
    """A table of cells that are markup already, whose headings are escaped here; nothing of no rows."""
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{row.get(name, '')}</td>" for name in names) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


@singledispatch
def cells(thing: Any) -> Cells:
    """The table of a result: the first columns of its rows that hold anything."""
    rows = thing._rows()
    filled = [
        n
        for n in dict.fromkeys(n for row in rows for n in row)
        if any(row.get(n) is not None for row in rows)
    ]
    shown = [n for n in filled if not n.endswith(("_low", "_high", "_id"))][:_COLUMNS]
    return [{n.replace("_", " "): plain(row.get(n)) for n in shown} for row in rows]


@singledispatch
def picture(_: Any, /) -> str:
    """A small drawing below the table, where there is one."""
    return ""


@cells.register
def _(thing: Audit) -> Cells:
    estimates = [g.finding.gap for g in thing.groups if g.finding is not None and not g.too_few]
    widest = max((max(abs(e.low), abs(e.high)) for e in estimates), default=1.0) or 1.0
    return [_of_group(group, widest) for group in thing.groups]


@cells.register
def _(thing: Group) -> Cells:
    gap = None if thing.finding is None else thing.finding.gap
    return [_of_group(thing, 1.0 if gap is None else max(abs(gap.low), abs(gap.high)) or 1.0)]


def _of_group(group: Group, widest: float) -> dict[str, str]:
    found = group.finding
    row = {"group": escape(short(group_name(group.by))), "rows": f"{group.tally.rows:,}"}
    if found is None or found.too_few:
        return {**row, "verdict": escape(group.verdict)}
    gap = found.gap
    return {
        **row,
        "claims": percent(found.mean_confidence),
        "right": percent(found.accuracy),
        "gap, points": f"{strip(gap, widest)} {number(_gap(gap), 13)}",
        "ECE": f"{fixed(found.ece.value)} (floor {fixed(found.ece.noise_floor)})",
        "AUROC": "one class" if found.auroc is None else fixed(found.auroc),
        "verdict": escape(group.verdict),
    }


@cells.register
def _(_: Tally, /) -> Cells:
    return []


@picture.register
def _(thing: Tally) -> str:
    return diagram(thing) if thing.rows else ""


@cells.register
def _(thing: CalibrationMap) -> Cells:
    at = np.array([0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99])
    rows = zip(at.tolist(), thing(at).tolist(), *(end.tolist() for end in thing.interval(at)), strict=True)
    return [
        {
            "score": f"{c:g}",
            "probability": f"{bar(p)} {number(fixed(p), 3)}",
            "95 % interval": f"{fixed(lo)} to {fixed(hi)}",
        }
        for c, p, lo, hi in rows
    ]


@picture.register
def _(thing: CalibrationMap) -> str:
    return curve(thing, 150)


@cells.register(MapSet)
def _(thing: MapSet) -> Cells:
    made = [one for _, one in (*thing.groups, *thing.blends, *thing.fallbacks)]
    rows = zip(thing._rows(), made, strict=True)
    return [_of_map([row[name] for name in thing.by], row, one) for row, one in rows]


@cells.register(PooledMaps)
def _(thing: PooledMaps) -> Cells:
    return [_of_map([row["group"]], row, one) for row, one in zip(thing._rows(), thing.values(), strict=True)]


@cells.register(Fitted)
def _(thing: Fitted) -> Cells:
    return [_of_fitted(group) for group in thing.groups]


@cells.register(FittedGroup)
def _(thing: FittedGroup) -> Cells:
    return [_of_fitted(thing)]


def _of_fitted(group: FittedGroup) -> dict[str, str]:
    one, tally = group.map, group.tally
    if one is None or not tally.rows:
        return {
            "group": escape(short(group_name(group.by))),
            "calibrator": escape(short(group.why or "no labels")),
        }
    seen = {"labels": tally.rows, "mean_confidence": tally.mean_confidence, "accuracy": tally.accuracy}
    before, after = metrics.brier(tally), group.after and metrics.brier(group.after)
    row = {**seen, "calibrator": one.calibrator, "brier_before": before, "brier_after": after}
    return _of_map([group_name(group.by)], row, one)


def _of_map(names: Sequence[Any], row: Mapping[str, Any], one: Any) -> dict[str, str]:
    found = {
        "group": escape(short(", ".join("none" if n is None else str(n) for n in names) or "All rows")),
        "calibrator": escape(row["calibrator"]),
        "labels": f"{row['labels']:,}",
        "claims": percent(row["mean_confidence"]),
        "right": percent(row["accuracy"]),
    }
    if row["brier_before"] is not None and row["brier_after"] is not None:
        found["Brier score, rows not seen"] = f"{fixed(row['brier_before'])} to {fixed(row['brier_after'])}"
    return found | ({"map": curve(one, 44)} if isinstance(one, CalibrationMap) else {})


@cells.register(Certificate)
@cells.register(CertificateSet)
@cells.register(ThresholdPlan)
def _(thing: Certificate | CertificateSet | ThresholdPlan) -> Cells:
    made = thing.certificates if isinstance(thing, ThresholdPlan) else thing
    every = (made,) if isinstance(made, Certificate) else made.certificates
    return [
        {
            "group": escape(short(group_name(dict(one.by)))),
            "at most wrong": percent(one.max_error, 1),
            "act on": "nothing" if one.threshold is None else f"score ≥ {one.threshold:.4g}",
            "sends": f"{bar(one.coverage.value)} {number(percent(one.coverage.value, 1), 4)}",
            "labels": f"{one.labels_used:,}",
            "state": escape(
                "revoked" if one.revoked else "certified" if one.certified else short(one.reason or "", 70)
            ),
        }
        for one in every
    ]


def plain(value: Any) -> str:
    """A value as a cell shows it.

    >>> plain(0.123456), plain(None), plain(1200), plain("<b>")
    ('0.1235', '', '1,200', '&lt;b&gt;')
    """
    if value is None or isinstance(value, bool):
        return "" if value is None else ("yes" if value else "no")
    if isinstance(value, float):
        return f"{value:.4g}" if isfinite(value) else ""
    return f"{value:,}" if isinstance(value, int) else escape(short(str(value)))


def number(text: str, wide: int) -> str:
    """Text at the right end of a space of its own, so that what stands before it is in line with the other rows."""
    return f'<span style="display:inline-block;min-width:{wide}em">{escape(text)}</span>'


def _gap(gap: Estimate) -> str:
    return f"{100 * gap.value:+.1f} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"


def short(text: str, most: int = 40) -> str:
    """Text on one line, cut where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def strip(gap: Estimate, widest: float) -> str:
    """A gap with its interval about zero, on a scale of `widest` to either side."""
    low, at, high = (round(45 + 43 * end / widest, 1) for end in (gap.low, gap.value, gap.high))
    return (
        '<svg width="90" height="12" viewBox="0 0 90 12" aria-hidden="true"><path d="M45 0V12" stroke="currentColor" '
        f'stroke-opacity=".5" stroke-dasharray="2 2"/><path d="M45 6H{at}" stroke="var(--bar)" stroke-width="7" '
        f'stroke-opacity=".55"/><path d="M{low} 6H{high}" stroke="currentColor" stroke-width="1.5"/>'
        f'<circle cx="{at}" cy="6" r="3" fill="currentColor"/></svg>'
    )


def bar(share: float) -> str:
    """A share of one as a bar."""
    width = round(70 * min(max(share, 0.0), 1.0), 1)
    return (
        '<svg width="70" height="10" viewBox="0 0 70 10" aria-hidden="true"><rect width="70" height="10" '
        f'fill="currentColor" fill-opacity=".12"/><rect width="{width}" height="10" fill="var(--bar)"/></svg>'
    )


def curve(one: CalibrationMap, size: int) -> str:
    """The curve of a map with its interval, on the unit square, above the diagonal or below."""
    at = np.linspace(0, 1, 51)
    low, high = one.interval(at)
    area = [*_points(at, high, size), *reversed(_points(at, low, size))]
    return _square(
        size,
        f'<path d="M{" ".join(area)}Z" fill="var(--bar)" fill-opacity=".25"/><polyline points="'
        f'{" ".join(_points(at, one(at), size))}" fill="none" stroke="var(--bar)" stroke-width="2"/>',
        "The map: probability against score, with its 95 % interval.",
    )


def diagram(tally: Tally, size: int = 190) -> str:
    """A reliability diagram: the share right in each bin against its confidence, as dots by rows."""
    b = metrics.bins(tally, 10)
    radii = 2.5 + 5 * np.sqrt(b.weight / b.weight.max())
    dots = "".join(
        f'<circle cx="{size * x:.1f}" cy="{size * (1 - y):.1f}" r="{r:.1f}" fill="var(--bar)"/>'
        for x, y, r in zip(b.confidence, b.accuracy, radii, strict=True)
    )
    return _square(
        size, dots, "Share right (upwards) against confidence, by ten bins; on the line they agree."
    )


def _points(x: Any, y: Any, size: int) -> list[str]:
    return [f"{size * a:.1f},{size * (1 - b):.1f}" for a, b in zip(x, y, strict=True)]


def _square(size: int, drawn: str, about: str) -> str:
    label = escape(about)
    caption = f'<p class="soft">{label}</p>' if size > 100 else ""
    return (
        f'<svg width="{size}" height="{size}" viewBox="-2 -2 {size + 4} {size + 4}" role="img" aria-label="{label}">'
        f'<rect width="{size}" height="{size}" fill="none" stroke="currentColor" stroke-opacity=".35"/>'
        f'<path d="M0 {size}L{size} 0" stroke="currentColor" stroke-opacity=".5" stroke-dasharray="3 3"/>'
        f"{drawn}</svg>{caption}"
    )
