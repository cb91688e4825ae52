"""Logs side by side: the differences as a chart, as a table, and in the words of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import UnusableInput
from ..logs.keys import group_name
from ..phrasing.numbers import fixed, several, span
from .drawing import BLUE, MUTED, SIZE, VERMILION, Chart, alt, coloured, dressed, headed, plot, rounded
from .sheet import Drawn, Sheet, Tabled

if TYPE_CHECKING:
    from ..comparing.logs import Change, Comparison, Contrast

__all__ = ["HEADS", "comparison_chart", "comparison_rows", "comparison_sheet"]

MOST = 24
"""Contrasts that are drawn; the table has all."""
LONGEST = 20
"""Letters of a name in the chart."""
HEADS = ("measure", ">first", ">second", ">difference", ">95 % interval", ">p", "")
READ = (
    "Difference: second less first. A difference is shown where it is beyond chance among all groups (Holm)."
)
_TITLES = {
    "accuracy": ("Share right, points", 100.0, "more is better"),
    "gap": ("Gap, points", 100.0, "see the table for both sides"),
    "brier": ("Brier score", 1.0, "less is better"),
    "auroc": ("AUROC", 1.0, "more is better"),
}
_COLOURS = {"shown": VERMILION, "not shown": BLUE}
READING = (
    ("Interval", "95 % of each difference by itself, paired where the items are shared."),
    ("Shown", "Beyond chance with one error rate of 5 % for each measure over all groups (Holm)."),
    ("Gap", "Mean confidence minus the share of right answers. Its difference says which way it moved, not which is "
            "better."),
    ("Coverage", "The share of answers above a threshold that is certified, on these rows, to let through no more "
                 "wrong ones than promised. Chosen on each log, so their difference is not judged."),
)  # fmt: skip


def comparison_chart(found: Comparison) -> Chart:
    """The difference of each measure, second less first, with its 95 % interval: a panel a measure, a line a contrast.

    At most twenty-four contrasts are drawn, all answers first.

    Raises
    ------
    UnusableInput
        Nothing was compared.
    """
    drawn = [one for one in found.contrasts if one.changes][:MOST]
    if not drawn:
        raise UnusableInput("There is nothing to draw: no contrast has items enough.")
    panels = []
    for measure, (title, scale, better) in _TITLES.items():
        pairs = [(one, c) for one in drawn for c in one.changes if c.measure == measure]
        if pairs:
            panels.append(_panel(pairs, f"{title}: {better}", scale, several_sides=len(found.sides) > 2))
    words = f"Differences, second less first, with 95 % intervals, of {several(len(drawn), 'contrast')}."
    return dressed(alt.vconcat(*panels, spacing=14).resolve_scale(color="shared"), words)


def _panel(pairs: Sequence[tuple[Contrast, Change]], title: str, scale: float, *, several_sides: bool) -> Any:
    rows = []
    for one, change in pairs:
        e = change.difference.interval()
        ends = {"value": e.value, "low": e.low, "high": e.high}
        rows.append(
            {"contrast": _label(one, several_sides), "mark": "shown" if change.shown else "not shown"}
            | {name: rounded(scale * v, 5) for name, v in ends.items()}
        )
    base, colour = plot(rows), coloured("mark:N", _COLOURS, symbolType="circle", symbolSize=120)
    y = alt.Y("contrast:N", sort=None, title=None, axis=alt.Axis(minExtent=120, ticks=False, domain=False))
    x = alt.X("low:Q", title=None, axis=alt.Axis(tickCount=5))
    shape = alt.Shape(
        "mark:N", legend=None, scale=alt.Scale(domain=list(_COLOURS), range=["diamond", "circle"])
    )
    zero = plot([{"x": 0}]).mark_rule(color=MUTED, strokeDash=[5, 4]).encode(x="x:Q")
    spans = base.mark_rule(strokeWidth=2).encode(x=x, x2="high", y=y, color=colour)
    dots = base.mark_point(filled=True, opacity=1, size=90).encode(
        x="value:Q", y=y, color=colour, shape=shape
    )
    return alt.layer(zero, spans, dots).properties(width=SIZE - 40, height=alt.Step(28), title=headed(title))


def _label(one: Contrast, several_sides: bool) -> str:
    """A short name: the group, with the side where there are several."""
    parts = [*([one.b.name] if several_sides else []), *([group_name(one.by)] if one.by else [])]
    name = ", ".join(parts) or "All answers"
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 + 1 :]}"


def comparison_rows(found: Comparison) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of both sides and their differences, with the contrast where there are several."""
    many = len(found.contrasts) > 1
    rows = [
        [*([one.group] if many else []), *cells] for one in found.contrasts for cells in _cells(one, found)
    ]
    return [*(["group"] if many else []), *HEADS], rows


def _cells(one: Contrast, found: Comparison) -> list[list[str]]:
    made = []
    for change in one.changes:
        d, digits = change.difference, 4 if change.measure == "brier" else 3
        p = "<0.001" if d.p < 0.0005 else fixed(d.p)
        values = [fixed(d.a, digits), fixed(d.b, digits), fixed(d.value, digits, signed=True)]
        shown = "shown" if change.shown else "not shown"
        made.append([change.measure, *values, span(d.interval(), digits, signed=True), p, shown])
    if one.coverage:
        values = [fixed(share) for share in one.coverage]
        made.append([f"coverage at {found.max_error:g} wrong", *values, "", "", "", "not judged"])
    return made


def comparison_sheet(found: Comparison) -> Sheet:
    """What the report of a comparison says."""
    read: dict[str, str] = {}
    for side in found.sides:
        columns = ", ".join(f"{part} {column!r}" for part, column in side.columns.items() if column)
        lost = "".join(f"; {n:,} unusable: {why}" for why, n in side.unusable.items())
        read[side.name] = f"{side.used:,} of {side.rows:,} rows used of {side.source} ({columns}{lost})"
    heads, rows = comparison_rows(found)
    drawn = any(one.changes for one in found.contrasts)
    title = "Differences, second less first"
    return Sheet(
        title="Comparison", notes=found.notes, read=read, heading="What differs",
        lines=[one.sentence for one in found.contrasts],
        charts=[Drawn(title=title, chart=comparison_chart(found), told=READ)] if drawn else [],
        tables=[Tabled(title="Both sides", heads=heads, rows=rows, told=READ)] if rows else [],
        reading=[one for one in READING if one[0] != "Coverage" or not found.human],
    )  # fmt: skip
