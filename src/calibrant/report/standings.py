"""The charts of a task's standing: reliability with all answers below it, risk against coverage, share over time.

Each is made of plain values, as the twin of a card has them, and drawn in the width that is asked for, since a picture
that is shrunk cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from .. import metrics
from ..phrasing.numbers import of_100
from ..tally import Tally
from .charts import bin_intervals
from .drawing import (
    BAND,
    BLUE,
    GREY,
    INK,
    MUTED,
    VERMILION,
    Chart,
    Rows,
    alt,
    dressed,
    plot,
    rounded,
)

__all__ = [
    "BARE",
    "describe_reliability",
    "in_ms",
    "reliability_chart",
    "reliability_values",
    "risk_chart",
    "share_chart",
]

Values = Mapping[str, Any]
BINS = 10
BARE: Any = {"stroke": None}
"""No frame: the grid says where things are."""


def reliability_values(tally: Tally, cells: Sequence[int]) -> dict[str, Any]:
    """What the reliability chart shows: the CORP curve, the band of calibrated ones, bins, and counts by probability.

    `cells` are counts of all answers in equal cells; `judged` are those of the tally in the same. All in [0, 1].
    """
    fit = metrics.corp(tally)
    steps = np.diff(fit.recalibrated) > 1e-12
    keep = np.r_[True, steps] | np.r_[steps, True]
    band = metrics.consistency_band(tally.coarse(120), level=0.9, resamples=300)
    b = metrics.bins(tally, BINS)
    low, high = bin_intervals(b)
    judged, _ = np.histogram(
        tally.score, bins=len(cells), range=(0, 1), weights=tally.weight**2 / tally.weight2
    )
    rows = {"low": b.low, "high": b.high, "n_eff": b.n_eff, "claimed": b.confidence, "right": b.accuracy,
            "right_low": low, "right_high": high}  # fmt: skip
    return {
        "curve": _points(fit.score[keep], fit.recalibrated[keep]),
        "band": _points(*band),
        "bins": [dict(zip(rows, map(float, one), strict=True)) for one in zip(*rows.values(), strict=True)],
        "all": list(map(int, cells)), "judged": [int(n) for n in judged], "labels": tally.rows,
    }  # fmt: skip


def _points(*columns: Any) -> list[list[float]]:
    return [[rounded(value) for value in one] for one in zip(*columns, strict=True)]


def reliability_chart(values: Values, *, width: int = 480) -> Chart:
    """Right against claimed, on equal axes that are cut to where answers are, over all answers and those judged."""
    start = _start(values)
    domain = [start, 100]
    x = alt.X("x:Q", scale=alt.Scale(domain=domain, nice=False), axis=_axis(start, None))
    y = alt.Y("y:Q", scale=alt.Scale(domain=domain, nice=False), axis=_axis(start, "right, of 100"))
    band = plot([{"x": 100 * s, "y": max(100 * lo, start), "top": 100 * hi} for s, lo, hi in values["band"]])
    curve = plot([{"x": 100 * s, "y": 100 * max(v, start / 100)} for s, v in values["curve"]])
    ends = plot([{"x": start, "y": start}, {"x": 100, "y": 100}])
    layers = [
        band.mark_area(color=BAND, interpolate="step-after", clip=True).encode(x=x, y=y, y2="top"),
        ends.mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5).encode(x=x, y=y),
        curve.mark_line(color=BLUE, strokeWidth=2.5, interpolate="step-after", clip=True).encode(x=x, y=y),
        *_dots(values, x, y, start),
        *_named(values, x, y, start),
    ]
    upper = alt.layer(*layers).properties(width=width, height=width, view=BARE)
    return dressed(alt.vconcat(upper, _strips(values, start, width), spacing=4), describe_reliability(values))


def describe_reliability(values: Values) -> str:
    """The chart in a sentence."""
    bins = [one for one in values["bins"] if one["n_eff"] >= 10]
    worst = max(bins, key=lambda one: abs(one["claimed"] - one["right"]), default=None)
    told = f"Share right against claimed probability of {values['labels']:,} labels."
    if worst is not None:
        claims, right = of_100(worst["claimed"]), of_100(worst["right"])
        told += f" Answers that claim {claims} of 100 are right {right} times in 100."
    return f"{told} The numbers are in the table."


def _start(values: Values) -> int:
    """Where the axes begin: a fifth of 100 below which under one answer in a hundred lies."""
    cells = np.array(values["all"], np.float64) + np.array(values["judged"], np.float64)
    share = np.cumsum(cells) / max(cells.sum(), 1.0)
    least = int(np.argmax(share > 0.01)) / len(cells)
    return min(int(least * 5) * 20, 60)


def _axis(start: int, title: str | None) -> Any:
    return alt.Axis(values=list(range(start, 101, 20)), title=title, format="d")


def _dots(values: Values, x: Any, y: Any, start: int) -> list[Any]:
    rows = [
        {"x": 100 * one["claimed"], "y": 100 * one["right"], "low": max(100 * one["right_low"], start),
         "high": 100 * one["right_high"], "n": one["n_eff"]}
        for one in values["bins"] if 100 * one["claimed"] >= start and one["n_eff"] >= 5
    ]  # fmt: skip
    if not rows:
        return []
    base = plot([row for row in rows if row["y"] >= start] or rows)
    most = max(row["n"] for row in rows)
    size = alt.Size("n:Q", legend=None, scale=alt.Scale(domain=[0, most], range=[20, 330]))
    rule = (
        plot(rows).mark_rule(color=INK, strokeWidth=1.3, clip=True).encode(x=x, y=alt.Y("low:Q"), y2="high")
    )
    dots = base.mark_point(filled=True, opacity=1, color=INK, stroke="white", strokeWidth=1.2)
    return [rule, dots.encode(x=x, y=y, size=size)]


def _named(values: Values, x: Any, y: Any, start: int) -> list[Any]:
    """Names at the lines: the diagonal, the curve, the band."""
    curve = [(100 * s, 100 * v) for s, v in values["curve"] if 100 * s >= start]
    at = curve[len(curve) * 2 // 3] if curve else (start, start)
    below = at[1] < at[0]
    diagonal = start + 0.16 * (100 - start)
    named = [
        (diagonal, diagonal, "as good as claimed", MUTED, 315, "center", -9),
        (at[0], at[1], "what happened", BLUE, 0, "left" if below else "right", 16 if below else -12),
        (start + 1, 98, "grey: where 9 in 10 curves run", MUTED, 0, "left", 0),
        (start + 1, 98, "if the claims are true", MUTED, 0, "left", 17),
    ]
    made = []
    for px, py, text, colour, angle, align, dy in named:
        base = plot([{"x": px, "y": py, "text": text}])
        look = {"angle": angle, "align": align, "dy": dy, "fontSize": 13, "clip": False}
        halo = base.mark_text(stroke="white", strokeWidth=4, color="white", **look)
        made += [one.encode(x=x, y=y, text="text:N") for one in (halo, base.mark_text(color=colour, **look))]
    return made


def _strips(values: Values, start: int, width: int) -> Any:
    """All answers upwards and those judged downwards, each in proportion to the most of its kind."""
    count = len(values["all"])
    rows: Rows = []
    for kind, sign in (("all", 1), ("judged", -1)):
        most = max(values[kind]) or 1
        rows += [
            {
                "x": 100 * i / count,
                "end": 100 * (i + 1) / count,
                "y": rounded(sign * n / most),
                "kind": kind,
                "base": 0,
            }
            for i, n in enumerate(values[kind])
            if n and 100 * i / count >= start
        ]
    x = alt.X("x:Q", scale=alt.Scale(domain=[start, 100], nice=False), axis=_axis(start, "claimed, of 100"))
    y = alt.Y("y:Q", scale=alt.Scale(domain=[-1.25, 1.7], nice=False), axis=None)
    colour = alt.Color("kind:N", legend=None, scale=alt.Scale(domain=["all", "judged"], range=[GREY, BLUE]))
    bars = plot(rows or [{"x": start, "end": start, "y": 0, "kind": "all", "base": 0}])
    bars = bars.mark_bar(binSpacing=1, clip=True).encode(x=x, x2="end", y=y, y2=alt.datum(0), color=colour)
    zero = plot([{"y": 0}]).mark_rule(color=MUTED).encode(y=y)
    told = plot([
        {"x": start, "y": 1.4, "text": f"{sum(values['all']):,} answers that were told a probability"},
        {"x": start, "y": -1.0, "text": f"{values['labels']:,} judged"},
    ]).mark_text(align="left", dx=4, fontSize=13, color=MUTED)  # fmt: skip
    return alt.layer(bars, zero, told.encode(x=x, y=y, text="text:N")).properties(
        width=width, height=100, view=BARE
    )


def risk_chart(values: Values, *, width: int = 480) -> Chart:
    """Share wrong among the answers sent, against the share sent, with the point of the threshold in force.

    `values` has `points` (coverage, risk), `at` (coverage, risk, low, high) or None, and `limit`, a risk that was
    promised, or None.
    """
    points = [{"x": 100 * one["coverage"], "y": 100 * one["risk"]} for one in values["points"]]
    at, limit = values.get("at"), values.get("limit")
    top = max([5.0, *(one["y"] for one in points), *([100 * at["high"]] if at else [])]) * 1.1
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(title="sent, the surest first, % of answers",
              tickCount=5))  # fmt: skip
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(title="wrong, of 100 sent", tickCount=5),
    )
    layers = [plot(points).mark_line(color=BLUE, strokeWidth=2.2, interpolate="step-before").encode(x=x, y=y)]
    if limit is not None:
        rule = plot([{"y": 100 * limit, "x": 1, "text": f"promised: {100 * limit:g}"}])
        layers += [
            rule.mark_rule(color=VERMILION, strokeDash=[7, 3], strokeWidth=1.5).encode(y=y),
            rule.mark_text(color=VERMILION, align="left", dy=-7, fontSize=12).encode(x=x, y=y, text="text:N"),
        ]
    if at is not None:
        dot = plot(
            [
                {
                    "x": 100 * at["coverage"],
                    "y": 100 * at["risk"],
                    "low": 100 * at["low"],
                    "high": 100 * at["high"],
                }
            ]
        )
        layers += [
            dot.mark_rule(color=INK, strokeWidth=1.4).encode(x=x, y=alt.Y("low:Q"), y2="high"),
            dot.mark_point(filled=True, opacity=1, size=80, color=INK, stroke="white").encode(x=x, y=y),
        ]
    told = "Share wrong among the answers sent against the share sent. The numbers are in the table."
    return dressed(alt.layer(*layers).properties(width=width, height=min(width * 0.55, 280), view=BARE), told)


def share_chart(values: Values, *, width: int = 330) -> Chart:
    """By week, the share of answers that went without a person as steps, and below it the share wrong among them.

    Each of the `weeks` has `start`, `end`, `automatic`, and `wrong`, `low`, `high`, None where labels are too few.
    """
    steps: Rows = []
    weeks = values["weeks"]
    for one in weeks:
        if one["automatic"] is not None:
            steps += [{"t": in_ms(one[end]), "y": 100 * one["automatic"]} for end in ("start", "end")]
    dots = [
        {"t": in_ms((one["start"] + one["end"]) / 2), "y": 100 * one["wrong"], "low": 100 * one["low"],
         "high": 100 * one["high"]}
        for one in weeks if one["wrong"] is not None
    ]  # fmt: skip
    top = min(100.0, 1.15 * max([10.0, *(row["y"] for row in steps), *(row["high"] for row in dots)]))
    axis = alt.Axis(format="%-d %b", title=None, tickCount=4, grid=False)
    x = alt.X("t:T", scale=alt.Scale(type="utc", nice=False), axis=axis)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, top], nice=False), axis=alt.Axis(title=None, tickCount=4))
    layers = [plot(steps or [{"t": None, "y": 0}]).mark_line(color=BLUE, strokeWidth=2.2).encode(x=x, y=y)]
    if dots:
        base = plot(dots)
        layers += [
            base.mark_rule(color=INK, strokeWidth=1.2).encode(x=x, y=alt.Y("low:Q"), y2="high"),
            base.mark_point(filled=True, opacity=1, size=40, color=INK, stroke="white").encode(x=x, y=y),
        ]
    when = f"{datetime.fromtimestamp(weeks[0]['start'], UTC):%-d %b}" if weeks else ""
    told = f"By week from {when}: blue, the share of answers sent without a person, per cent; dots, wrong among them."
    return dressed(alt.layer(*layers).properties(width=width, height=150, view=BARE), told)


def in_ms(time: float) -> int:
    """A time as charts take it."""
    return int(time * 1000)
