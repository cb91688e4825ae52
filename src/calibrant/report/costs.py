"""What answers cost, by the threshold from which they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UnusableInput
from ..logs.keys import group_name
from ..phrasing.numbers import half_up, percent
from .drawing import BAND, BLUE, INK, SIZE, VERMILION, Chart, alt, dressed, headed, plot, rounded

__all__ = ["cost_curves"]

PANELS = 6
"""Groups that one chart of costs shows."""


def cost_curves(groups: Sequence[Mapping[str, Any]], *, wrong: float, review: float) -> Chart:
    """Cost per 1,000 answers against the probability from which they are sent, a panel per group.

    `groups` are those of `CostPlan.to_dict`, drawn in the order given, at most `PANELS`. The grey band is a
    95 % interval, the dot the chosen threshold, dashed lines what the other ways cost.
    """
    shown = [g for g in groups if g["curve"]][:PANELS]
    if not shown:
        raise UnusableInput("No group has labels enough for a curve of costs; see the reasons with --json.")
    panels = [_cost_panel(g, single=len(shown) == 1) for g in shown]
    rows = [alt.hconcat(*panels[i : i + 2], spacing=60) for i in range(0, len(panels), 2)]
    text = f"Cost per 1,000 answers by threshold: wrong {wrong:g}, review {review:g}."
    return dressed(alt.vconcat(*rows, spacing=24), text)


def _cost_panel(group: Mapping[str, Any], *, single: bool) -> Any:
    width, height = (SIZE, 320) if single else (360, 240)
    curve = [{k: rounded(v, 4) for k, v in point.items()} for point in group["curve"]]
    levels = _levels(group)
    worst = max([p["cost"] for p in curve if p["threshold"] > 0] + [group["cost"]["high"]])
    top = 1.08 * max(worst, *(line["cost"] for line in levels if line["cost"] <= 1.6 * worst), 1e-9)
    scale = alt.Scale(domain=[0, rounded(top)], nice=False)
    x = alt.X("threshold:Q", title="sent at a calibrated probability of ... or more", scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".1f", tickCount=6))  # fmt: skip
    y = alt.Y(
        "cost:Q", title="cost per 1,000 answers", scale=scale, axis=alt.Axis(tickCount=5, format=",.0f")
    )
    base = plot(curve)
    low = alt.Y("low:Q", scale=scale, title="cost per 1,000 answers")
    band = base.mark_area(color=BAND, opacity=0.7, clip=True).encode(x=x, y=low, y2="high")
    line = base.mark_line(color=BLUE, strokeWidth=2.5, clip=True).encode(x=x, y=y)
    layers = alt.layer(band, *_level_marks(group, top, width, height), line, *_chosen(group))
    title = headed(group_name(group["by"]), *_told(group))
    return layers.properties(width=width, height=height, title=title)


def _told(group: Mapping[str, Any]) -> list[str]:
    """What was chosen; beside the dot the words would cover the curve."""
    floor, sent = group["send_from"], group["automatic_share"]
    if floor is None:
        return []
    return [
        f"●  from {floor:.2f} on: costs {half_up(group['cost']['value']):,.0f}, {percent(sent['value'])} sent"
    ]


def _levels(group: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the other ways cost: those that are no point of the curve."""
    words = {"raw": "raw confidence", "bands": "default bands", "larger": "larger model"}
    found = [
        {"name": words[name], "cost": rounded(one["cost"]["value"], 4)}
        for name, one in group["alternatives"].items()
        if name in words
    ]
    return sorted(found, key=lambda row: row["cost"])


def _level_marks(group: Mapping[str, Any], top: float, width: int, height: int) -> list[Any]:
    """Dashed lines for the other ways; their names stand right of the panel, one below the other."""
    levels = _levels(group)
    marks = [
        plot([row]).mark_rule(color=VERMILION, strokeDash=[5, 4], strokeWidth=1.5).encode(y="cost:Q")
        for row in levels
        if row["cost"] <= top
    ]
    named = [*levels, {"name": "review all", "cost": group["alternatives"]["review_all"]["cost"]["value"]}]
    at = -8.0
    for row in sorted(named, key=lambda row: -row["cost"]):  # from the top down
        beyond = "↑ " if row["cost"] > top else ""
        at = max(height * (1 - min(row["cost"] / top, 1.0)), at + 16)
        colour = INK if row["name"] == "review all" else VERMILION
        marks.append(_note(f"{beyond}{row['name']} {row['cost']:,.0f}", width + 6, at, colour))
    return marks


def _note(text: str, x: float, y: float, colour: str = INK) -> Any:
    mark = plot([{"text": text}]).mark_text(align="left", baseline="middle", fontSize=13, color=colour)
    return mark.encode(x=alt.XValue(x), y=alt.YValue(rounded(y, 1)), text="text:N")


def _chosen(group: Mapping[str, Any]) -> list[Any]:
    floor, cost = group["send_from"], group["cost"]
    if floor is None:
        return []
    base = plot([{
        "threshold": rounded(floor), "cost": rounded(cost["value"]), "low": rounded(cost["low"]),
        "high": rounded(cost["high"]),
    }]).encode(x="threshold:Q")  # fmt: skip
    rule = base.mark_rule(color=INK, strokeWidth=2).encode(y="low:Q", y2="high")
    dot = base.mark_point(filled=True, size=110, color=INK, opacity=1, stroke="white").encode(y="cost:Q")
    return [rule, dot]
