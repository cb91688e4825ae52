"""The timeline of a task: the gap, the evidence against it, and labels, on one axis of days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .drawing import BLUE, GREY, GRID_LINE, INK, MUTED, SKY, VERMILION, Chart, Rows, alt, dressed, plot
from .standings import BARE, in_ms

__all__ = ["describe_timeline", "timeline_chart"]

Values = Mapping[str, Any]

FLAG = 18
"""Pixels that the letter of an event takes."""


def timeline_chart(values: Values, *, width: int = 960) -> Chart:
    """Three lanes on one axis of days: the gap, the evidence with its line at 1 / alpha, and labels.

    `values` has `start`, `end`, `matured` in seconds since the epoch, `weeks` (time, value, low, high), `days` (time,
    value, low, high, log10), `free` (time, value), `labels` (time, n, mature), `events` (time, letter), `changes`
    (times at which the mean begins anew), `crossed` (a time or None), `alpha` and `tolerance`; gaps are in [-1, 1].
    """
    x = alt.X("t:T", scale=alt.Scale(domain=[in_ms(values["start"]), in_ms(values["end"])], type="utc", nice=False),
              axis=None)  # fmt: skip
    lanes = [
        _gap_lane(values, x, width), _evidence_lane(values, x, width), _labels_lane(values, x, width),
    ]  # fmt: skip
    return dressed(alt.vconcat(*lanes, spacing=10), describe_timeline(values))


def describe_timeline(values: Values) -> str:
    """The chart in a sentence."""
    last = values["days"][-1] if values["days"] else None
    if last is None:
        return "Nothing is mature yet."
    return (
        f"The mean gap since the last change is {100 * last['value']:+.0f} points, the evidence "
        f"{10 ** last['log10']:.3g} where {1 / values['alpha']:.0f} is the line. The numbers are in the table."
    )


def _lane(
    values: Values, x: Any, *layers: Any, width: int, height: int, title: str, last: bool = False
) -> Any:
    """A lane with what all have: the days that are not mature, and the events."""
    ripe = plot([{"t": in_ms(max(values["matured"], values["start"])), "end": in_ms(values["end"])}])
    shade = ripe.mark_rect(color=GRID_LINE, opacity=0.75, clip=True).encode(x=x, x2="end:T")
    hatch = plot(_hatch(values)).mark_rule(color=GREY, strokeWidth=0.6, clip=True, opacity=0.8)
    hatch = hatch.encode(x=x, x2="end:T", y=alt.value(0), y2=alt.value(height))
    rules = plot([{"t": in_ms(one["time"])} for one in values["events"]] or [{"t": None}])
    events = rules.mark_rule(color=MUTED, strokeDash=[1, 3]).encode(x=x)
    every = max(1, round((values["end"] - values["start"]) / 86400 / max(width / 110, 2)))
    axis = (
        alt.Axis(format="%-d %b", title=None, grid=False, tickCount={"interval": "day", "step": every})
        if last
        else None
    )
    placed = alt.X("t:T", scale=x.to_dict()["scale"], axis=axis)
    base = plot([{"t": in_ms(values["start"])}]).mark_point(opacity=0).encode(x=placed)
    head = alt.TitleParams(
        title, anchor="start", frame="group", fontSize=13, color=INK, fontWeight=600, offset=12
    )
    return alt.layer(shade, hatch, base, *layers, events).properties(
        width=width, height=height, title=head, view=BARE
    )


def _hatch(values: Values) -> Rows:
    """Slanted lines over the days that are not mature, each a tenth of the lane's width apart."""
    start, end = max(values["matured"], values["start"]), values["end"]
    step = (values["end"] - values["start"]) / 80
    count = int((end - start) / step) + 1
    return [
        {"t": in_ms(start + i * step), "end": in_ms(min(start + (i + 1) * step, end))} for i in range(count)
    ] or [{"t": None, "end": None}]


def _gap_lane(values: Values, x: Any, width: int) -> Any:
    reach = _reach(values)
    y = alt.Y("y:Q", scale=alt.Scale(domain=reach, nice=False, clamp=True),
              axis=alt.Axis(title=None, tickCount=5, format="+d"))  # fmt: skip
    tolerated = plot([{"low": -100 * values["tolerance"], "high": 100 * values["tolerance"]}])
    zero = plot([{"y": 0}])
    weeks = plot([
        {"t": in_ms(one["time"]), "y": 100 * one["value"], "low": 100 * one["low"], "high": 100 * one["high"]}
        for one in values["weeks"]
    ] or [{"t": None, "y": 0, "low": 0, "high": 0}])  # fmt: skip
    free = plot(
        [{"t": in_ms(one["time"]), "y": 100 * one["value"]} for one in values["free"]]
        or [{"t": None, "y": 0}]
    )
    layers = [
        tolerated.mark_rect(color=GRID_LINE, opacity=0.8).encode(y=alt.Y("low:Q"), y2="high"),
        *_bands(values, x, y),
        zero.mark_rule(color=MUTED).encode(y=y),
        free.mark_line(color=MUTED, strokeDash=[6, 4], strokeWidth=1.6).encode(x=x, y=y),
        weeks.mark_rule(color=INK, strokeWidth=1.3, clip=True).encode(x=x, y=alt.Y("low:Q"), y2="high"),
        weeks.mark_point(filled=True, opacity=1, size=50, color=INK, stroke="white", clip=True).encode(
            x=x, y=y
        ),
        *_flags(values, x, width),
    ]
    return _lane(values, x, *layers, width=width, height=190, title="Gap, points: claimed − right")


def _reach(values: Values) -> list[float]:
    ends = [100 * one[end] for one in values["weeks"] for end in ("low", "high")]
    ends += [100 * one["value"] for one in values["days"][-1:]]
    low, high = min([-8.0, *ends]), max([8.0, *ends])
    return [max(-60.0, low - 4), min(60.0, high + 4)]


def _bands(values: Values, x: Any, y: Any) -> list[Any]:
    """The running mean with its band, anew after each change."""
    made = []
    for part in _stretches(values):
        rows = [
            {
                "t": in_ms(one["time"] + 43200),
                "y": 100 * one["value"],
                "low": 100 * one["low"],
                "high": 100 * one["high"],
            }
            for one in part
        ]
        base = plot(rows)
        made += [
            base.mark_area(color=SKY, opacity=0.45, clip=True).encode(x=x, y=alt.Y("low:Q"), y2="high"),
            base.mark_line(color=BLUE, strokeWidth=2.2, clip=True).encode(x=x, y=y),
        ]
    return made


def _stretches(values: Values) -> list[list[Values]]:
    cuts = sorted(values.get("changes", ()))
    parts: list[list[Values]] = [[] for _ in range(len(cuts) + 1)]
    for one in values["days"]:
        parts[sum(one["time"] + 86400 > cut for cut in cuts)].append(one)
    return [part for part in parts if part]


def _flags(values: Values, x: Any, width: int) -> list[Any]:
    """The letter of each event at the top of the lane; of those too near to each other the first stands for all."""
    apart = FLAG * (values["end"] - values["start"]) / width
    rows: Rows = []
    for one in sorted(values["events"], key=lambda event: event["time"]):
        if not rows or in_ms(one["time"]) - rows[-1]["t"] >= in_ms(apart):
            rows.append({"t": in_ms(one["time"]), "letter": one["letter"]})
    if not rows:
        return []
    base = plot(rows).encode(x=x, y=alt.value(-2))
    return [
        base.mark_square(size=260, color="white", stroke=MUTED, opacity=1),
        base.mark_text(fontSize=12, fontWeight="bold", color=INK).encode(text="letter:N"),
    ]


def _evidence_lane(values: Values, x: Any, width: int) -> Any:
    line = float(-np.log10(values["alpha"]))
    most = max([line + 0.7, *(one["log10"] for one in values["days"])])
    y = alt.Y("y:Q", scale=alt.Scale(domain=[-1.0, most + 0.3], nice=False, clamp=True),
              axis=alt.Axis(title=None, tickCount=4, tickMinStep=1, labelExpr="datum.value > 5 ? '1e' + datum.value : "
                            "format(pow(10, datum.value), ',')"))  # fmt: skip
    days = plot(
        [{"t": in_ms(one["time"] + 86400), "y": one["log10"]} for one in values["days"]]
        or [{"t": None, "y": 0}]
    )
    limit = plot([{"y": line, "t": in_ms(values["start"]), "text": f"1/α = {1 / values['alpha']:.0f}"}])
    crossed = values.get("crossed")
    layers = [
        days.mark_line(color=BLUE, strokeWidth=2.2, interpolate="step-after").encode(x=x, y=y),
        limit.mark_rule(color=VERMILION, strokeDash=[7, 3], strokeWidth=1.5).encode(y=y),
        limit.mark_text(color=VERMILION, align="left", dx=6, dy=-8, fontSize=12, fontWeight=600).encode(
            x=x, y=y, text="text:N"
        ),
    ]
    if crossed is not None and crossed >= values["start"]:  # before what is shown it has no place
        at = plot([{"t": in_ms(crossed + 86400), "y": line}])
        layers.append(at.mark_point(filled=True, opacity=1, size=70, color=VERMILION).encode(x=x, y=y))
    return _lane(values, x, *layers, width=width, height=110, title="Evidence against “calibrated”")


def _labels_lane(values: Values, x: Any, width: int) -> Any:
    rows = [
        {"t": in_ms(one["time"]), "end": in_ms(one["time"] + 86400 * one.get("days", 1)), "y": one["n"], "base": 0,
         "kind": "counted" if one["mature"] else "young"}
        for one in values["labels"]
    ]  # fmt: skip
    base = plot(rows or [{"t": None, "end": None, "y": 0, "base": 0, "kind": "counted"}])
    y = alt.Y("y:Q", axis=alt.Axis(title=None, tickCount=3, tickMinStep=1, format="d"))
    fill = alt.Fill(
        "kind:N", legend=None, scale=alt.Scale(domain=["counted", "young"], range=[BLUE, "white"])
    )
    stroke = alt.Stroke(
        "kind:N", legend=None, scale=alt.Scale(domain=["counted", "young"], range=["white", MUTED])
    )
    bars = base.mark_rect(strokeWidth=0.6, clip=True).encode(
        x=x, x2="end:T", y=y, y2="base", fill=fill, stroke=stroke
    )
    return _lane(
        values, x, bars, width=width, height=70, title="Labels a day; outlined: not mature", last=True
    )
