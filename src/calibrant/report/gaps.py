"""The gap of every group of an audit, as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import UnusableInput
from ..logs.keys import group_name
from ..metrics.intervals import Estimate
from ..phrasing.numbers import several
from .drawing import BLUE, MUTED, SIZE, VERMILION, Chart, alt, coloured, dressed, plot, rounded

if TYPE_CHECKING:
    from ..auditing import Group

__all__ = ["gap_chart", "spread_chart"]

MOST = 30
_COLOURS = {"gap beyond chance": VERMILION, "none shown": BLUE}


def spread_chart(groups: Sequence[Group]) -> Chart:
    """The gap of every group with its 95 % interval, from the lowest to the highest, however many there are."""
    found = sorted((g.finding for g in groups if g.finding is not None), key=lambda f: f.gap.value)
    rows = [
        {
            "rank": at, "gap": rounded(100 * f.gap.value, 2), "low": rounded(100 * f.gap.low, 2),
            "high": rounded(100 * f.gap.high, 2), "mark": _mark(f.gap),
        }
        for at, f in enumerate(found, 1)
    ]  # fmt: skip
    thin = max(0.6, min(4.0, 240 / len(rows)))
    base, colour = plot(rows), coloured("mark:N", _COLOURS, symbolType="circle", symbolSize=120)
    scale = alt.Scale(domain=[0, len(rows) + 1], nice=False)
    x = alt.X("rank:Q", title=f"{several(len(rows), 'group')}, by gap", scale=scale,
            axis=alt.Axis(tickCount=5, tickMinStep=1, grid=False))  # fmt: skip
    y = alt.Y("low:Q", title="gap, points", axis=alt.Axis(tickCount=6))
    spans = base.mark_rule(strokeWidth=thin, opacity=0.75).encode(x=x, y=y, y2="high", color=colour)
    dots = base.mark_point(filled=True, opacity=1, size=max(8, min(60, 3600 / len(rows))))
    zero = plot([{"y": 0}]).mark_rule(color=MUTED, strokeDash=[5, 4]).encode(y="y:Q")
    layers = alt.layer(zero, spans, dots.encode(x=x, y="gap:Q", color=colour))
    chart = layers.properties(width=SIZE, height=240)
    return dressed(chart, f"Confidence minus share right, in points, of {several(len(rows), 'group')}.")


def _mark(gap: Estimate) -> str:
    return "gap beyond chance" if gap.low > 0 or gap.high < 0 else "none shown"


def gap_chart(groups: Sequence[Group]) -> Chart:
    """Confidence minus share right, in points, with its 95 % interval: a line for each group, the most certain first.

    At most thirty groups with rows enough are drawn, in the order in which they come. The area of a dot is in
    proportion to the group's rows; a second colour marks intervals that leave out zero.

    Raises
    ------
    UnusableInput
        No group has rows enough for a number.
    """
    found = [(one, one.finding) for one in groups if one.finding is not None and not one.too_few]
    if not found:
        raise UnusableInput("There is nothing to draw: no group has rows enough for a number.")
    rows, seen = [], dict[str, int]()
    for one, finding in found[:MOST]:
        name = group_name(one.by)
        seen[name] = seen.get(name, 0) + 1
        gap = finding.gap
        rows.append({
            "group": name if seen[name] == 1 else f"{name} ({seen[name]})", "rows": one.tally.rows,
            "gap": rounded(100 * gap.value, 2), "low": rounded(100 * gap.low, 2), "high": rounded(100 * gap.high, 2),
            "mark": _mark(gap),
        })  # fmt: skip
    base, colour = plot(rows), coloured("mark:N", _COLOURS, symbolType="circle", symbolSize=120)
    y = alt.Y("group:N", sort=None, title=None, axis=alt.Axis(labelLimit=300))
    x = alt.X("low:Q", title="confidence minus share right, points", axis=alt.Axis(tickCount=7))
    size = alt.Size("rows:Q", legend=None, scale=alt.Scale(rangeMin=30, rangeMax=320))
    spans = base.mark_rule(strokeWidth=2).encode(x=x, x2="high", y=y, color=colour)
    dots = base.mark_point(filled=True, opacity=1).encode(x="gap:Q", y=y, size=size, color=colour)
    zero = plot([{"x": 0}]).mark_rule(color=MUTED, strokeDash=[5, 4]).encode(x="x:Q")
    shown = (
        f"{len(rows)} of {several(len(groups), 'group')}"
        if len(rows) < len(groups)
        else several(len(rows), "group")
    )
    layers = alt.layer(zero, spans, dots).properties(width=SIZE, height=alt.Step(26))
    return dressed(layers, f"Confidence minus share right, in points, with 95 % intervals: {shown}.")
