"""What a cascade costs and what it is worth, as a chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..phrasing.numbers import fixed, percent
from .drawing import BLUE, INK, MUTED, SIZE, SKY, VERMILION, Chart, alt, coloured, dressed, headed, plot

__all__ = ["cost_quality"]

_HEIGHT = 300
_WHAT = {"large_share": "the share of large calls", "cost": "the mean cost of an answer"}
_NAMES = {"cascade": BLUE, "random order": MUTED}


def cost_quality(told: Mapping[str, Any]) -> Chart:
    """Accuracy against the share of large calls, above accuracy against the mean cost of an answer.

    Both are measured on rows that were not fitted on. The band is where 95 % of resampled curves lie; the circle is the
    chosen point as these rows show it, the diamond what was predicted of it. `told` is the JSON
    object of `calibrant plan cascade`.
    """
    by_share = _panel(told, "large_share", f"share of answers by {_after(told)}")
    by_cost = _panel(told, "cost", f"mean cost of an answer ({told['costs']['unit']})")
    # In units of large calls, with nothing else to pay, the second panel would be the first again.
    priced = told["costs"]["unit"] == "dollars"
    chart = alt.vconcat(by_share, by_cost, spacing=18) if priced else alt.vconcat(by_share)
    return dressed(chart, _described(told))


def _after(told: Mapping[str, Any]) -> str:
    """What follows the first answer: the large model, or stages and it."""
    names = told["models"]
    return " or ".join([*names.get("stages", ()), names["large"]])


def _panel(told: Mapping[str, Any], x: str, title: str) -> Any:
    curve = [dict(point) for point in told["curve"]]
    ends = [curve[0], {**curve[-1], "accuracy": told["large_accuracy"]}]
    rows = [{**p, "line": "cascade"} for p in curve] + [{**p, "line": "random order"} for p in ends]
    low = min(told["chosen"]["predicted"]["accuracy_interval"][0], *(p["accuracy_low"] for p in curve))
    high = max(p["accuracy_high"] for p in curve)
    room = 0.08 * (high - low) or 0.01
    at_x = alt.X(f"{x}:Q", title=title, axis=alt.Axis(tickCount=4), scale=alt.Scale(nice=False))
    scale = alt.Scale(domain=[low - room, high + room], nice=False, zero=False)
    at_y = alt.Y("accuracy:Q", title="share right", axis=alt.Axis(tickCount=5), scale=scale)
    low_y = alt.Y("accuracy_low:Q", title="share right", scale=scale)
    band = plot(curve).mark_area(color=SKY, opacity=0.25).encode(x=at_x, y=low_y, y2="accuracy_high")
    key = coloured("line:N", _NAMES, symbolType="stroke", symbolStrokeWidth=3)
    dash = alt.StrokeDash("line:N", legend=None, scale=alt.Scale(domain=list(_NAMES), range=[[1, 0], [5, 4]]))
    lines = plot(rows).mark_line(strokeWidth=2.5).encode(x=at_x, y=at_y, color=key, strokeDash=dash)
    layers = [band, lines, _models(told, x), *_chosen(told, x)]
    return alt.layer(*layers).properties(
        width=SIZE, height=_HEIGHT, title=headed(f"Share right by {_WHAT[x]}", *_key(told))
    )


def _key(told: Mapping[str, Any]) -> list[str]:
    """What the marks are; in the picture the words would cover the curve."""
    names = told["models"]
    small, large = fixed(told["small_accuracy"]), fixed(told["large_accuracy"])
    seen, hoped = (told["chosen"][which]["accuracy"] for which in ("realised", "predicted"))
    return [
        f"■  left: {names['small']} alone {small}; right: {_after(told)} alone {large}",
        f"●  chosen, as seen: {fixed(seen)};  ◇  as predicted: {fixed(hoped)}",
    ]


def _models(told: Mapping[str, Any], x: str) -> Any:
    """The two models by themselves, at the ends."""
    first, last = told["curve"][0], told["curve"][-1]
    rows = [
        {x: first[x], "accuracy": told["small_accuracy"]}, {x: last[x], "accuracy": told["large_accuracy"]},
    ]  # fmt: skip
    dots = plot(rows).mark_point(filled=True, shape="square", size=90, color=INK, opacity=1)
    return dots.encode(x=f"{x}:Q", y="accuracy:Q")


def _chosen(told: Mapping[str, Any], x: str) -> list[Any]:
    """The chosen point as these rows show it and as it was predicted, each with its intervals both ways."""
    seen = _crossed(told["chosen"]["realised"], x, VERMILION, {"filled": True, "stroke": "white"})
    hoped = _crossed(told["chosen"]["predicted"], x, INK, {"shape": "diamond", "filled": False})
    return [*hoped, *seen]


def _crossed(at: Mapping[str, Any], x: str, colour: str, style: Mapping[str, Any]) -> list[Any]:
    (low, high), (left, right) = at["accuracy_interval"], at[f"{x}_interval"]
    point = {x: at[x], "accuracy": at["accuracy"], "low": low, "high": high, "left": left, "right": right}
    base = plot([point])
    line = {"color": colour, "strokeWidth": 2, "clip": True}
    upright = base.mark_rule(**line).encode(x=f"{x}:Q", y="low:Q", y2="high")
    level = base.mark_rule(**line).encode(x="left:Q", x2="right", y="accuracy:Q")
    dot = base.mark_point(color=colour, size=110, opacity=1, **style).encode(x=f"{x}:Q", y="accuracy:Q")
    return [upright, level, dot]


def _described(told: Mapping[str, Any]) -> str:
    came = told["chosen"]["realised"]
    return (
        f"Share right against the share of answers by the large model: {told['small_accuracy']:.3f} at none, "
        f"{told['large_accuracy']:.3f} at all; at the chosen point {came['accuracy']:.3f} with "
        f"{percent(came['large_share'])} of large calls."
    )
