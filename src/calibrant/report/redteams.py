"""The chart of a red team: how many answers each attack gets past the threshold, or keeps from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UnusableInput
from .drawing import BLUE, INK, MUTED, VERMILION, Chart, Rows, alt, coloured, dressed, plot, rounded

__all__ = ["attack_chart"]

WIDTH, STEP, LABEL = 300, 11, 220
HARM = (
    ("inflate", "success", "wrong answers let through"),
    ("deflate", "held_back", "right answers held back"),
)
COLOURS = {"without the attack": MUTED, "with it": VERMILION, "with it, behind the map": BLUE}
SHAPES = ("circle", "diamond", "square")


def attack_chart(told: Mapping[str, Any]) -> Chart:
    """For each signal the shares of wrong answers let through and of right answers held back, attack by attack.

    `told` is what `RedTeam.to_dict` gives. Each attack has its share without it, with it (and a 95 % interval), and
    behind the map where that was looked at; those that do most harm stand first. Attacks under
    which no answer can be compared are left out. Raises `UnusableInput` where none is left.
    """
    signals = list(dict.fromkeys(one["signal"] for one in told["findings"]))
    lines = []
    for signal in signals:
        panels = [_panel(told["findings"], signal, *harm) for harm in HARM]
        drawn = [panel for panel in panels if panel is not None]
        if drawn:
            lines.append(alt.hconcat(*drawn, spacing=30).properties(title=_title(signal)))
    if not lines:
        raise UnusableInput("No attack left answers with which to compare, so there is nothing to draw.")
    return dressed(
        alt.vconcat(*lines, spacing=24).resolve_scale(color="shared", shape="shared"),
        "Share of wrong answers let through and of right answers held back, without and with each attack.",
    )


def _panel(
    findings: Sequence[Mapping[str, Any]], signal: str, direction: str, measure: str, title: str
) -> Chart | None:
    rows, order = _rows(findings, signal, direction, measure)
    if not rows:
        return None
    y = alt.Y(
        "attack:N",
        sort=order,
        axis=alt.Axis(
            title=None, labelLimit=LABEL, ticks=False, domain=False, minExtent=LABEL - 40, labelPadding=12
        ),
    )
    x = alt.X(
        "value:Q", title=f"share of {title}", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%")
    )
    there = {name: colour for name, colour in COLOURS.items() if any(row["state"] == name for row in rows)}
    colour = coloured("state:N", there, symbolType="circle", symbolSize=110)
    shape = alt.Shape("state:N", legend=None, scale=alt.Scale(domain=list(COLOURS), range=list(SHAPES)))
    apart = alt.YOffset("state:N", scale=alt.Scale(domain=list(COLOURS)))
    base = plot(rows).encode(y=y, yOffset=apart)
    bars = base.mark_rule(strokeWidth=1.5, opacity=0.7).encode(x="low:Q", x2="high", color=colour)
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(x=x, color=colour, shape=shape)
    return alt.layer(bars, dots).properties(width=WIDTH, height=alt.Step(STEP))


def _rows(
    findings: Sequence[Mapping[str, Any]], signal: str, direction: str, measure: str
) -> tuple[Rows, list[str]]:
    """A row per attack and state, and the attacks, the one that does most harm first."""
    rows: Rows = []
    worst: dict[str, float] = {}
    for one in findings:
        if one["signal"] != signal or one["direction"] not in (direction, "either"):
            continue
        name = f"{one['attack']} by chance" if one["kind"] == "chance" else str(one["attack"])
        hit, clean = one[f"{measure}_attacked"], one[f"{measure}_clean"]
        if hit is None or not one["paired"] or one["defence"] not in ("none", "map"):
            continue
        state = "with it" if one["defence"] == "none" else "with it, behind the map"
        rows.append(
            {"attack": name, "state": state, **{end: rounded(hit[end]) for end in ("value", "low", "high")}}
        )
        if one["defence"] == "none":
            worst[name] = hit["value"] - (clean["value"] if clean else 0.0)
            if clean:
                value = rounded(clean["value"])
                rows.append(
                    {
                        "attack": name,
                        "state": "without the attack",
                        "value": value,
                        "low": value,
                        "high": value,
                    }
                )
    return rows, sorted(worst, key=lambda name: -worst[name])


def _title(signal: str) -> Any:
    return alt.Title(signal, anchor="start", color=INK, fontSize=15)
