"""The charts of calibrant: each a function from tallies to an Altair chart, for notebooks and reports alike.

What plans show has charts of its own, in the module of the plan's name (`cascades`, `costs`, `ensembles`, `pareto`,
`thresholds`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics
from ..metrics.findings import FEW
from ..metrics.intervals import Z95
from ..phrasing.numbers import percent
from ..tally import Floats, Tally
from .drawing import (
    BAND,
    BLUE,
    FIFTHS,
    INK,
    MUTED,
    ORANGE,
    SIZE,
    SKY,
    VERMILION,
    Rows,
    altair,
    dressed,
    rounded,
    values,
)

if TYPE_CHECKING:
    import altair as alt

__all__ = ["actions", "gaps", "reliability", "risk_coverage", "thinned", "wilson"]

ACTIONS = {
    "answer": ("answer", BLUE, "#ffffff"),
    "disclaim": ("disclaim", SKY, INK),
    "review": ("review", ORANGE, INK),
    "hand_off": ("hand off", VERMILION, INK),
}


def reliability(tally: Tally, *, bins: int = 15) -> alt.VConcatChart:
    """Reliability diagram over a histogram of the confidences, on one axis.

    The line is the isotonic (CORP) curve, the grey band where nine in ten such curves of a calibrated model
    would pass, the dots are bins with 95 % intervals and an area in proportion to their rows. Below, right
    answers are counted upwards and wrong ones downwards.
    """
    a = altair()
    b = metrics.bins(tally, bins)
    upper = a.layer(_band(tally), _diagonal(), _curve(tally), *_dots(b)).properties(width=SIZE, height=SIZE)
    both = a.vconcat(upper, _histogram(tally, b), spacing=8).resolve_scale(color="independent")
    chart: alt.VConcatChart = dressed(both, _describe(tally))
    return chart


def risk_coverage(tallies: Mapping[str, Tally]) -> alt.LayerChart:
    """Share of wrong answers among those sent, when only the surest are: one labelled curve per tally.

    A curve starts where it rests on 30 effective rows; further left it would show chance alone.
    """
    a = altair()
    curves = {name: thinned(t) for name, t in tallies.items()}
    top = max(max((r for c, r in points if c >= 0.1), default=0.0) for points in curves.values())
    rows: Rows = [
        {"curve": n, "coverage": c, "risk": r, "width": 7 if i == 0 and len(curves) > 1 else 2.5}
        for i, (n, points) in enumerate(curves.items())
        for c, r in points
    ]
    x = a.X("coverage:Q", title="share of answers sent, surest first", scale=a.Scale(domain=[0, 1]),
            axis=a.Axis(values=FIFTHS, format=".1f"))  # fmt: skip
    y = a.Y("risk:Q", title=f"share {_wrong_word(tallies)} among them", axis=a.Axis(tickCount=5),
            scale=a.Scale(domain=[0, min(1.0, max(1.2 * top, 0.02))]))  # fmt: skip
    colour = _key(list(tallies), [BLUE] if len(tallies) == 1 else [SKY, INK, VERMILION], len(tallies) > 1)
    widths = a.StrokeWidth("width:Q", legend=None, scale=None)
    line = a.Chart(values(rows)).mark_line(clip=True, opacity=1).encode(
        x=x, y=y, color=colour, strokeWidth=widths, detail=a.Detail("curve:N"))  # fmt: skip
    shown = [r for r in rows if r["coverage"] >= 1 - 1e-4 or len(curves[r["curve"]]) <= 40]
    dots = a.Chart(values(shown)).mark_point(filled=True, size=60, opacity=1).encode(
        x=x, y=y, color=colour)  # fmt: skip
    layers = a.layer(line, dots).properties(width=SIZE, height=260)
    chart: alt.LayerChart = dressed(
        layers, "Share wrong against the share of answers sent, the surest first."
    )
    return chart


def gaps(rows: Sequence[tuple[str, float, float, float]]) -> alt.LayerChart:
    """Signed gaps with their intervals, one row per (name, value, low, high), in the order given."""
    a = altair()
    data = values([
        {"name": name, **{end: rounded(100 * v) for end, v in zip(("gap", "low", "high"), ends, strict=True)}}
        for name, *ends in rows
    ])  # fmt: skip
    label = a.Axis(labelExpr="datum.label", labelLimit=260, title=None, ticks=False, domain=False)
    y = a.Y("name:N", sort=None, axis=label)
    x = a.X("low:Q", title="confidence minus share right, in points (with 95 % interval)")
    base = a.Chart(data).encode(y=y)
    zero = a.Chart(values([{"z": 0}])).mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x=a.X("z:Q"))
    bars = base.mark_rule(color=INK, strokeWidth=2).encode(x=x, x2=a.X2("high"))
    dots = base.mark_point(filled=True, size=70, color=INK).encode(x=a.X("gap:Q"))
    layers = a.layer(zero, bars, dots).properties(width=SIZE, height=a.Step(24))
    chart: alt.LayerChart = dressed(
        layers, "Gap between confidence and share right per group, 95 % intervals."
    )
    return chart


def actions(groups: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> alt.LayerChart:
    """What the bands do: per group a bar of calibrated answers by action, above a thin one of the raw ones.

    Each band is {"action", "n", "accuracy", "was"}; the share right is printed in each segment that has room.
    """
    a = altair()
    high = 74
    segments = [s for i, (_, bands) in enumerate(groups) for s in _segments(bands, i * high)]
    names = [{"name": name, "y": i * high + 12} for i, (name, _) in enumerate(groups)]
    words = [words for words, _, _ in ACTIONS.values()]
    colours = _key(words, [c for _, c, _ in ACTIONS.values()], True, "action:N", "square")
    x = a.X("start:Q", scale=a.Scale(domain=[0, 1], nice=False), title="share of answers",
            axis=a.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2f"))  # fmt: skip
    y = a.Y("top:Q", scale=a.Scale(domain=[high * len(groups), 0], nice=False), axis=None)
    bars = a.Chart(values(segments)).mark_rect(stroke="white", strokeWidth=1).encode(
        x=x, x2=a.X2("end"), y=y, y2=a.Y2("bottom"), color=colours)  # fmt: skip
    texts = a.Chart(values([s for s in segments if s["text"]])).mark_text(fontSize=14).encode(
        x=a.X("middle:Q"), y=a.Y("centre:Q"), text=a.Text("text:N"),
        color=a.Color("ink:N", scale=None, legend=None))  # fmt: skip
    named = a.Chart(values(names)).mark_text(
        align="left", fontSize=14, fontWeight="bold", limit=SIZE + 40, color=INK
    ).encode(x=a.XValue(0), y=a.Y("y:Q"), text=a.Text("name:N"))  # fmt: skip
    layers = a.layer(bars, texts, named).resolve_scale(color="independent")
    layers = layers.properties(width=SIZE + 40, height=high * len(groups))
    chart: alt.LayerChart = dressed(
        layers, "Share of answers per action: thick bar calibrated, thin bar raw."
    )
    return chart


def wilson(rate: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Wilson's 95 % interval of a rate out of n."""
    n = np.maximum(n, 1e-9)
    middle = (rate + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 * np.sqrt(rate * (1 - rate) / n + Z95**2 / (4 * n**2)) / (1 + Z95**2 / n)
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


def graded(tally: Tally) -> bool:
    """Whether some answers have a grade between wrong and right."""
    return not np.allclose(tally.hits, tally.hits2, rtol=1e-9, atol=1e-9)


def bin_intervals(b: metrics.Bins) -> tuple[Floats, Floats]:
    """95 % intervals of the rates in the bins; grades, which vary less than right and wrong, count for more."""
    spread = b.accuracy * (1 - b.accuracy)
    usable = (b.variance > 1e-9) & (spread > 1e-9)
    worth = np.divide(spread, b.variance, out=np.ones_like(spread), where=usable)
    return wilson(b.accuracy, b.n_eff * np.maximum(worth, 1.0))


def _wrong_word(tallies: Mapping[str, Tally]) -> str:
    return "of the grade lost" if any(graded(t) for t in tallies.values()) else "wrong"


def _key(
    labels: list[str], colours: list[str], shown: bool, field: str = "curve:N", symbol: str = "stroke"
) -> Any:
    a = altair()
    legend = a.Legend(title=None, orient="top", symbolType=symbol, symbolSize=160, symbolStrokeWidth=3)
    scale = a.Scale(domain=labels, range=colours[: len(labels)])
    return a.Color(field, scale=scale, legend=legend if shown else None)


def _axes(x_title: str | None, y_title: str) -> tuple[Any, Any]:
    a = altair()
    ticks = a.Axis(values=FIFTHS, format=".1f", title=y_title)
    scale = a.Scale(domain=[0, 1], nice=False)
    below = a.Axis(values=FIFTHS, format=".1f", title=x_title)
    return a.X("x:Q", scale=scale, axis=below), a.Y("y:Q", scale=scale, axis=ticks)


def _marks() -> Any:
    """The legend of the reliability diagram."""
    names = ["fitted rate", "90 % band if calibrated", "bins, 95 % interval"]
    a = altair()
    legend = a.Legend(title=None, orient="top", symbolType="circle", symbolSize=130, symbolStrokeWidth=0,
                      columnPadding=14)  # fmt: skip
    scale = a.Scale(domain=names, range=[BLUE, BAND, INK])
    return a.Color("mark:N", scale=scale, legend=legend)


def _band(tally: Tally) -> Any:
    a = altair()
    score, low, high = metrics.consistency_band(tally.coarse(200), level=0.9, resamples=300)
    if len(score) == 1:  # one point has no width to see
        score = np.clip(np.array([score[0] - 0.015, score[0] + 0.015]), 0.0, 1.0)
        low, high = np.repeat(low, 2), np.repeat(high, 2)
    rows = [
        {"x": rounded(s), "y": rounded(lo), "top": rounded(hi), "mark": "90 % band if calibrated"}
        for s, lo, hi in zip(score, low, high, strict=True)
    ]
    x, y = _axes(None, "share right" if not graded(tally) else "mean grade")
    return a.Chart(values(rows)).mark_area().encode(x=x, y=y, y2=a.Y2("top"), color=_marks())


def _diagonal() -> Any:
    a = altair()
    data = values([{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    return (
        a.Chart(data)
        .mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5)
        .encode(x=a.X("x:Q"), y=a.Y("y:Q"))
    )


def _curve(tally: Tally) -> Any:
    a = altair()
    fit = metrics.corp(tally)
    steps = np.diff(fit.recalibrated) > 1e-12  # ends of level stretches say all there is
    keep = np.r_[True, steps] | np.r_[steps, True]
    points = zip(fit.score[keep], fit.recalibrated[keep], strict=True)
    rows = [{"x": rounded(s), "y": rounded(v), "mark": "fitted rate"} for s, v in points]
    chart = a.Chart(values(rows)).mark_line(strokeWidth=2.5, strokeJoin="round")
    return chart.encode(x=a.X("x:Q"), y=a.Y("y:Q"), color=_marks())


def _dots(b: metrics.Bins) -> tuple[Any, Any]:
    a = altair()
    low, high = bin_intervals(b)
    rows = [
        {
            "x": rounded(c),
            "y": rounded(v),
            "low": rounded(lo),
            "high": rounded(hi),
            "share": rounded(w),
            "mark": "bins, 95 % interval",
        }
        for c, v, lo, hi, w in zip(b.confidence, b.accuracy, low, high, b.weight, strict=True)
    ]
    base = a.Chart(values(rows))
    size = a.Size("share:Q", legend=None, scale=a.Scale(domain=[0, float(b.weight.max())], range=[24, 460]))
    width = a.StrokeWidth("share:Q", legend=None, scale=a.Scale(
        type="sqrt", domain=[0, float(b.weight.max())], range=[0.5, 2]))  # fmt: skip
    rule = base.mark_rule().encode(
        x=a.X("x:Q"), y=a.Y("low:Q"), y2=a.Y2("high"), strokeWidth=width, color=_marks()
    )
    dots = base.mark_point(filled=True, opacity=1, stroke="white", strokeWidth=1)
    return rule, dots.encode(x=a.X("x:Q"), y=a.Y("y:Q"), size=size, color=_marks())


def _histogram(tally: Tally, b: metrics.Bins) -> Any:
    a = altair()
    scale = tally.rows * b.weight
    right, wrong = scale * b.accuracy, scale * (1 - b.accuracy)
    kinds = ("grade points", "points lost") if graded(tally) else ("right", "wrong")
    rows = [
        {"x": rounded(lo), "end": rounded(hi), "y": rounded(sign * v, 2), "base": 0, "kind": kind}
        for kind, sign, heights in ((kinds[0], 1, right), (kinds[1], -1, wrong))
        for lo, hi, v in zip(b.low, b.high, heights, strict=True)
    ]
    x, _ = _axes("confidence", "")
    count = a.Axis(title="rows", tickCount=4, labelExpr="format(abs(datum.value), ',')")
    bars = a.Chart(values(rows)).mark_bar(stroke="white", strokeWidth=1, binSpacing=0).encode(
        x=x, x2=a.X2("end"), y=a.Y("y:Q", axis=count), y2=a.Y2("base"),
        color=_key(list(kinds), [SKY, VERMILION], False, "kind:N"))  # fmt: skip
    corner = {"x": a.XValue(6), "text": a.Text("kind:N")}
    style = {"align": "left", "fontSize": 14, "color": INK}
    labels = [
        a.Chart(values([{"kind": f"{arrow} {kind}"}])).mark_text(**style).encode(y=a.YValue(at), **corner)
        for kind, arrow, at in ((kinds[0], "↑", 12), (kinds[1], "↓", 108))
    ]
    zero = a.Chart(values([{"y": 0}])).mark_rule(color=MUTED).encode(y=a.Y("y:Q"))
    return a.layer(bars, zero, *labels).properties(width=SIZE, height=120)


def _segments(bands: Sequence[Mapping[str, Any]], top: float) -> Rows:
    order = list(ACTIONS)
    bands = sorted(bands, key=lambda band: order.index(band["action"]))
    rows: Rows = []
    for field, start_y, height in (("n", 22, 28), ("was", 52, 8)):
        total, at = sum(band[field] for band in bands) or 1, 0.0
        for band in bands:
            word, _, ink = ACTIONS[band["action"]]
            end = at + band[field] / total
            rows.append({
                "action": word, "start": rounded(at), "end": rounded(end), "middle": rounded((at + end) / 2),
                "top": top + start_y, "bottom": top + start_y + height, "centre": top + start_y + height / 2,
                "text": _segment_text(band, end - at) if field == "n" else "", "ink": ink,
            })  # fmt: skip
            at = end
    return [row for row in rows if row["end"] > row["start"]]


def _segment_text(band: Mapping[str, Any], share: float) -> str:
    if band["accuracy"] is None or band["n"] < FEW:
        return "too few" if share > 0.15 else ""
    text = percent(band["accuracy"])
    return f"{text} right" if share > 0.2 else text if share > 0.09 else ""


def thinned(tally: Tally, most: int = 160) -> list[tuple[float, float]]:
    """Points at about even coverage, from where there are rows enough to say anything; the last one stays."""
    curve = metrics.risk_coverage(tally)
    end = len(curve.coverage) - 1
    start = min(int(np.searchsorted(curve.coverage, FEW / max(tally.n_eff, 1.0))), end)
    picks = np.searchsorted(curve.coverage, np.linspace(0, 1, most)).clip(start, end)
    return [(rounded(curve.coverage[i]), rounded(curve.risk[i])) for i in np.unique(np.r_[start, picks, end])]


def _describe(tally: Tally) -> str:
    side = "below" if tally.accuracy < tally.mean_confidence else "above"
    return (
        f"Reliability diagram of {tally.rows:,} rows: mean confidence {tally.mean_confidence:.2f}, "
        f"share right {tally.accuracy:.2f}, so the curve lies mostly {side} the diagonal. "
        "Below it a histogram of the confidences, right answers upwards and wrong ones downwards."
    )
