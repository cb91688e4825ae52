"""The charts of calibrant: each a function from tallies to an Altair chart, for notebooks and reports alike.

What plans show has charts of its own, in the module of the plan's name (`cascades`, `costs`, `ensembles`, `pareto`,
`thresholds`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
    ON_BLUE,
    ON_BRIGHT,
    ORANGE,
    SIZE,
    SKY,
    VERMILION,
    Chart,
    Rows,
    alt,
    coloured,
    dressed,
    headed,
    plot,
    rounded,
)

__all__ = ["actions", "reliability", "risk_axes", "risk_coverage", "thinned", "wilson"]

ACTIONS = {
    "answer": ("answer", BLUE, ON_BLUE),
    "disclaim": ("disclaim", SKY, ON_BRIGHT),
    "review": ("review", ORANGE, ON_BRIGHT),
    "hand_off": ("hand off", VERMILION, ON_BRIGHT),
}
"""Of each action its words, its colour, and the colour of a text on that."""
_LEGEND: dict[str, Any] = {"symbolSize": 160, "symbolStrokeWidth": 3}


def reliability(tally: Tally, *, bins: int = 15) -> Chart:
    """Reliability diagram over a histogram of the confidences, on one axis.

    The line is the isotonic (CORP) curve, the grey band where nine in ten such curves of a calibrated model
    would pass, the dots are bins with 95 % intervals and an area in proportion to their rows. Below, right
    answers are counted upwards and wrong ones downwards.
    """
    b = metrics.bins(tally, bins)
    upper = alt.layer(_band(tally), _diagonal(), _curve(tally), *_dots(b))
    upper = upper.properties(
        width=SIZE, height=SIZE, title=headed("How often answers of a confidence are right")
    )
    both = alt.vconcat(upper, _histogram(tally, b), spacing=8).resolve_scale(color="independent")
    return dressed(both, _describe(tally))


def risk_coverage(tallies: Mapping[str, Tally]) -> Chart:
    """Share of wrong answers among those sent, when only the surest are: one labelled curve per tally.

    A curve starts where it rests on 30 effective rows; further left it would show chance alone.
    """
    curves, several = {name: thinned(t) for name, t in tallies.items()}, len(tallies) > 1
    top = max(max((r for c, r in points if c >= 0.1), default=0.0) for points in curves.values())
    rows: Rows = [
        {"curve": n, "coverage": c, "risk": r, "width": 7 if i == 0 and several else 2.5}
        for i, (n, points) in enumerate(curves.items())
        for c, r in points
    ]
    wrong = "of the grade lost" if any(graded(t) for t in tallies.values()) else "wrong"
    at = risk_axes(f"share {wrong} among them", max(1.2 * top, 0.02))
    colours = dict(zip(tallies, [SKY, INK, VERMILION] if several else [BLUE], strict=False))
    colour = coloured("curve:N", colours, shown=several, symbolType="stroke", **_LEGEND)
    widths = alt.StrokeWidth("width:Q", legend=None, scale=None)
    look = {"color": colour, "strokeWidth": widths, "detail": "curve:N"}
    line = plot(rows).mark_line(clip=True, opacity=1).encode(**at, **look)
    shown = [r for r in rows if r["coverage"] >= 1 - 1e-4 or len(curves[r["curve"]]) <= 40]
    dots = plot(shown).mark_point(filled=True, size=60, opacity=1).encode(**at, color=colour)
    layers = alt.layer(line, dots).properties(width=SIZE, height=260)
    return dressed(layers, "Share wrong against the share of answers sent, the surest first.")


def actions(groups: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Chart:
    """What the bands do: per group a bar of calibrated answers by action, above a thin one of the raw ones.

    Each band is {"action", "n", "accuracy", "was"}; the share right is printed in each segment that has room.
    """
    high = 74
    segments = [s for i, (_, bands) in enumerate(groups) for s in _segments(bands, i * high)]
    names = [{"name": name, "y": i * high + 12} for i, (name, _) in enumerate(groups)]
    colours = {word: colour for word, colour, _ in ACTIONS.values()}
    colour = coloured("action:N", colours, symbolType="square", **_LEGEND)
    x = alt.X("start:Q", scale=alt.Scale(domain=[0, 1], nice=False), title="share of answers",
            axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2f"))  # fmt: skip
    y = alt.Y("top:Q", scale=alt.Scale(domain=[high * len(groups), 0], nice=False), axis=None)
    bars = plot(segments).mark_rect(stroke="white", strokeWidth=1)
    bars = bars.encode(x=x, x2="end", y=y, y2="bottom", color=colour)
    ink = alt.Color("ink:N", scale=None, legend=None)
    texts = plot([s for s in segments if s["text"]]).mark_text(fontSize=14)
    texts = texts.encode(x="middle:Q", y="centre:Q", text="text:N", color=ink)
    named = plot(names).mark_text(align="left", fontSize=14, fontWeight="bold", limit=SIZE + 40, color=INK)
    named = named.encode(x=alt.XValue(0), y="y:Q", text="name:N")
    layers = alt.layer(bars, texts, named).resolve_scale(color="independent")
    layers = layers.properties(width=SIZE + 40, height=high * len(groups))
    return dressed(layers, "Share of answers per action: thick bar calibrated, thin bar raw.")


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


def risk_axes(title: str, top: float) -> dict[str, Any]:
    """Both axes of the share wrong among the answers sent, against the share sent."""
    return {
        "x": alt.X("coverage:Q", title="share of answers sent, surest first", scale=alt.Scale(domain=[0, 1]),
                   axis=alt.Axis(values=FIFTHS, format=".1f")),
        "y": alt.Y("risk:Q", title=title, axis=alt.Axis(tickCount=5), scale=alt.Scale(domain=[0, min(1.0, top)])),
    }  # fmt: skip


def _axes(x_title: str | None, y_title: str) -> tuple[Any, Any]:
    ticks = alt.Axis(values=FIFTHS, format=".1f", title=y_title)
    scale = alt.Scale(domain=[0, 1], nice=False)
    below = alt.Axis(values=FIFTHS, format=".1f", title=x_title)
    return alt.X("x:Q", scale=scale, axis=below), alt.Y("y:Q", scale=scale, axis=ticks)


def _marks() -> Any:
    """The legend of the reliability diagram."""
    colours = {"fitted rate": BLUE, "90 % band if calibrated": BAND, "bins, 95 % interval": INK}
    look: dict[str, Any] = {
        "symbolType": "circle",
        "symbolSize": 130,
        "symbolStrokeWidth": 0,
        "columns": 1,
    }
    return coloured("mark:N", colours, **look)


def _band(tally: Tally) -> Any:
    score, low, high = metrics.consistency_band(tally.coarse(200), level=0.9, resamples=300)
    if len(score) == 1:  # one point has no width to see
        score = np.clip(np.array([score[0] - 0.015, score[0] + 0.015]), 0.0, 1.0)
        low, high = np.repeat(low, 2), np.repeat(high, 2)
    rows = [
        {"x": rounded(s), "y": rounded(lo), "top": rounded(hi), "mark": "90 % band if calibrated"}
        for s, lo, hi in zip(score, low, high, strict=True)
    ]
    x, y = _axes(None, "share right" if not graded(tally) else "mean grade")
    return plot(rows).mark_area().encode(x=x, y=y, y2="top", color=_marks())


def _diagonal() -> Any:
    ends = plot([{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    return ends.mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5).encode(x="x:Q", y="y:Q")


def _curve(tally: Tally) -> Any:
    fit = metrics.corp(tally)
    steps = np.diff(fit.recalibrated) > 1e-12  # ends of level stretches say all there is
    keep = np.r_[True, steps] | np.r_[steps, True]
    points = zip(fit.score[keep], fit.recalibrated[keep], strict=True)
    rows = [{"x": rounded(s), "y": rounded(v), "mark": "fitted rate"} for s, v in points]
    line = plot(rows).mark_line(strokeWidth=2.5, strokeJoin="round", interpolate="step-after")
    return line.encode(x="x:Q", y="y:Q", color=_marks())


def _dots(b: metrics.Bins) -> tuple[Any, Any]:
    low, high = bin_intervals(b)
    names = ("x", "y", "low", "high", "share")
    rows = [
        dict(zip(names, map(rounded, values), strict=True)) | {"mark": "bins, 95 % interval"}
        for values in zip(b.confidence, b.accuracy, low, high, b.weight, strict=True)
    ]
    base = plot(rows)
    shares = [0, float(b.weight.max())]
    size = alt.Size("share:Q", legend=None, scale=alt.Scale(domain=shares, range=[24, 460]))
    thin = alt.Scale(type="sqrt", domain=shares, range=[0.5, 2])
    width = alt.StrokeWidth("share:Q", legend=None, scale=thin)
    rule = base.mark_rule().encode(x="x:Q", y="low:Q", y2="high", strokeWidth=width, color=_marks())
    dots = base.mark_point(filled=True, opacity=1, stroke="white", strokeWidth=1)
    return rule, dots.encode(x="x:Q", y="y:Q", size=size, color=_marks())


def _histogram(tally: Tally, b: metrics.Bins) -> Any:
    scale = tally.rows * b.weight
    right, wrong = scale * b.accuracy, scale * (1 - b.accuracy)
    kinds = ("grade points", "points lost") if graded(tally) else ("right", "wrong")
    rows = [
        {"x": rounded(lo), "end": rounded(hi), "y": rounded(sign * v, 2), "base": 0, "kind": kind}
        for kind, sign, heights in ((kinds[0], 1, right), (kinds[1], -1, wrong))
        for lo, hi, v in zip(b.low, b.high, heights, strict=True)
    ]
    x, _ = _axes("confidence", "")
    count = alt.Axis(title="rows", tickCount=4, labelExpr="format(abs(datum.value), ',')")
    bars = plot(rows).mark_bar(stroke="white", strokeWidth=1, binSpacing=0).encode(
        x=x, x2="end", y=alt.Y("y:Q", axis=count), y2="base",
        color=coloured("kind:N", dict(zip(kinds, (SKY, VERMILION), strict=True)), shown=False))  # fmt: skip
    zero = plot([{"y": 0}]).mark_rule(color=MUTED).encode(y="y:Q")
    title = headed(f"Rows by confidence: {kinds[0]} upwards, {kinds[1]} downwards")
    return alt.layer(bars, zero).properties(width=SIZE, height=120, title=title)


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
