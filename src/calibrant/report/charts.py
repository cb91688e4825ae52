"""The charts of calibrant: each a function from tallies to an Altair chart, for notebooks and reports alike.

Colours are those of Okabe and Ito, which people with the common forms of colour blindness tell apart; no
chart relies on colour alone. Points are never joined by splines: between two scores there is no data.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import metrics
from ..plugins import require
from ..tally import Floats, Tally

if TYPE_CHECKING:
    import altair as alt

__all__ = ["actions", "gaps", "reliability", "risk_coverage", "to_png", "to_svg", "wilson"]

BLUE, SKY, ORANGE, VERMILION = "#0072B2", "#56B4E9", "#E69F00", "#D55E00"
INK, MUTED, GRID_LINE, BAND = "#1b1b1b", "#5f6368", "#e4e6e8", "#c8ccd0"
SIZE = 480
FEW = 30
ACTIONS = {
    "answer": ("answer", BLUE, "#ffffff"),
    "disclaim": ("disclaim", SKY, INK),
    "review": ("review", ORANGE, INK),
    "hand_off": ("hand off", VERMILION, INK),
}
_Z95 = 1.959964
_FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1]
_Rows = list[dict[str, Any]]


def reliability(tally: Tally, *, bins: int = 15) -> alt.VConcatChart:
    """Reliability diagram over a histogram of the confidences, on one axis.

    The line is the isotonic (CORP) curve, the grey band where nine in ten such curves of a calibrated model
    would pass, the dots are bins with 95 % intervals and an area in proportion to their rows. Below, right
    answers are counted upwards and wrong ones downwards.
    """
    a = _altair()
    b = metrics.bins(tally, bins)
    upper = a.layer(_band(tally), _diagonal(), _curve(tally), *_dots(b)).properties(width=SIZE, height=SIZE)
    both = a.vconcat(upper, _histogram(tally, b), spacing=8).resolve_scale(color="independent")
    chart: alt.VConcatChart = _dressed(both, _describe(tally))
    return chart


def risk_coverage(tallies: Mapping[str, Tally]) -> alt.LayerChart:
    """Share of wrong answers among those sent, when only the surest are: one labelled curve per tally.

    A curve starts where it rests on 30 effective rows; further left it would show chance alone.
    """
    a = _altair()
    curves = {name: _thinned(t) for name, t in tallies.items()}
    top = max(max((r for c, r in points if c >= 0.1), default=0.0) for points in curves.values())
    rows: _Rows = [
        {"curve": n, "coverage": c, "risk": r, "width": 7 if i == 0 and len(curves) > 1 else 2.5}
        for i, (n, points) in enumerate(curves.items())
        for c, r in points
    ]
    x = a.X("coverage:Q", title="share of answers sent, surest first", scale=a.Scale(domain=[0, 1]),
            axis=a.Axis(values=_FIFTHS, format=".1f"))  # fmt: skip
    y = a.Y("risk:Q", title=f"share {_wrong_word(tallies)} among them", axis=a.Axis(tickCount=5),
            scale=a.Scale(domain=[0, min(1.0, max(1.2 * top, 0.02))]))  # fmt: skip
    colour = _key(list(tallies), [BLUE] if len(tallies) == 1 else [SKY, INK, VERMILION], len(tallies) > 1)
    widths = a.StrokeWidth("width:Q", legend=None, scale=None)
    line = a.Chart(_values(rows)).mark_line(clip=True, opacity=1).encode(
        x=x, y=y, color=colour, strokeWidth=widths, detail=a.Detail("curve:N"))  # fmt: skip
    shown = [r for r in rows if r["coverage"] >= 1 - 1e-4 or len(curves[r["curve"]]) <= 40]
    dots = a.Chart(_values(shown)).mark_point(filled=True, size=60, opacity=1).encode(
        x=x, y=y, color=colour)  # fmt: skip
    layers = a.layer(line, dots).properties(width=SIZE, height=260)
    chart: alt.LayerChart = _dressed(
        layers, "Share wrong against the share of answers sent, the surest first."
    )
    return chart


def gaps(rows: Sequence[tuple[str, float, float, float]]) -> alt.LayerChart:
    """Signed gaps with their intervals, one row per (name, value, low, high), in the order given."""
    a = _altair()
    data = _values([
        {"name": n, "gap": _r(100 * v), "low": _r(100 * lo), "high": _r(100 * hi)} for n, v, lo, hi in rows
    ])  # fmt: skip
    label = a.Axis(labelExpr="datum.label", labelLimit=260, title=None, ticks=False, domain=False)
    y = a.Y("name:N", sort=None, axis=label)
    x = a.X("low:Q", title="confidence minus share right, in points (with 95 % interval)")
    base = a.Chart(data).encode(y=y)
    zero = a.Chart(_values([{"z": 0}])).mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x=a.X("z:Q"))
    bars = base.mark_rule(color=INK, strokeWidth=2).encode(x=x, x2=a.X2("high"))
    dots = base.mark_point(filled=True, size=70, color=INK).encode(x=a.X("gap:Q"))
    layers = a.layer(zero, bars, dots).properties(width=SIZE, height=a.Step(24))
    chart: alt.LayerChart = _dressed(
        layers, "Gap between confidence and share right per group, 95 % intervals."
    )
    return chart


def actions(groups: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> alt.LayerChart:
    """What the bands do: per group a bar of calibrated answers by action, above a thin one of the raw ones.

    Each band is {"action", "n", "accuracy", "was"}; the share right is printed in each segment that has room.
    """
    a = _altair()
    high = 74
    segments = [s for i, (_, bands) in enumerate(groups) for s in _segments(bands, i * high)]
    names = [{"name": name, "y": i * high + 12} for i, (name, _) in enumerate(groups)]
    words = [words for words, _, _ in ACTIONS.values()]
    colours = _key(words, [c for _, c, _ in ACTIONS.values()], True, "action:N", "square")
    x = a.X("start:Q", scale=a.Scale(domain=[0, 1], nice=False), title="share of answers",
            axis=a.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2f"))  # fmt: skip
    y = a.Y("top:Q", scale=a.Scale(domain=[high * len(groups), 0], nice=False), axis=None)
    bars = a.Chart(_values(segments)).mark_rect(stroke="white", strokeWidth=1).encode(
        x=x, x2=a.X2("end"), y=y, y2=a.Y2("bottom"), color=colours)  # fmt: skip
    texts = a.Chart(_values([s for s in segments if s["text"]])).mark_text(fontSize=14).encode(
        x=a.X("middle:Q"), y=a.Y("centre:Q"), text=a.Text("text:N"),
        color=a.Color("ink:N", scale=None, legend=None))  # fmt: skip
    named = a.Chart(_values(names)).mark_text(
        align="left", fontSize=14, fontWeight="bold", limit=SIZE + 40, color=INK
    ).encode(x=a.XValue(0), y=a.Y("y:Q"), text=a.Text("name:N"))  # fmt: skip
    layers = a.layer(bars, texts, named).resolve_scale(color="independent")
    layers = layers.properties(width=SIZE + 40, height=high * len(groups))
    chart: alt.LayerChart = _dressed(
        layers, "Share of answers per action: thick bar calibrated, thin bar raw."
    )
    return chart


def to_svg(chart: Any, *, title: str = "") -> str:
    """The chart as SVG with a title and a description for screen readers; its ids are its own."""
    svg: str = _converter().vegalite_to_svg(chart.to_dict(), vl_version=_version())
    description = getattr(chart, "description", None)
    svg = re.sub(r' (?:role|aria-\w+)="[^"]*"', "", svg)  # what follows labels the chart as one picture
    # The converter numbers ids through all the charts it has made; here each chart counts from 0.
    for i, name in enumerate(dict.fromkeys(re.findall(r'\bid="(\w+)"', svg))):
        svg = svg.replace(f'id="{name}"', f'id="id-{i}"').replace(f"url(#{name})", f"url(#id-{i})")
    mark = "c" + hashlib.sha256((title + svg).encode()).hexdigest()[:8]
    svg = svg.replace('id="id-', f'id="{mark}-').replace("url(#id-", f"url(#{mark}-")
    labels = f'<title id="{mark}-t">{escape(title or "Chart")}</title>'
    if isinstance(description, str):
        labels += f'<desc id="{mark}-d">{escape(description)}</desc>'
    head = rf'<svg role="img" aria-labelledby="{mark}-t {mark}-d" \1>'
    return re.sub(r"<svg ([^>]*)>", lambda m: m.expand(head) + labels, svg, count=1)


def to_png(chart: Any, *, scale: float = 2.0) -> bytes:
    """The chart as PNG."""
    png: bytes = _converter().vegalite_to_png(chart.to_dict(), vl_version=_version(), scale=scale)
    return png


def wilson(rate: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Wilson's 95 % interval of a rate out of n."""
    n = np.maximum(n, 1e-9)
    middle = (rate + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
    half = _Z95 * np.sqrt(rate * (1 - rate) / n + _Z95**2 / (4 * n**2)) / (1 + _Z95**2 / n)
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


def _altair() -> Any:
    return require("altair", "A chart", extra="report")


def _values(rows: _Rows) -> Any:
    """Data as JSON text: Altair copies and checks lists value by value, several times for each chart."""
    a = _altair()
    return a.Data(values=json.dumps(rows), format=a.DataFormat(type="json"))


def _converter() -> Any:
    return require("vl_convert", "A chart as a picture", extra="report")


def _version() -> str:
    return ".".join(_altair().SCHEMA_VERSION.lstrip("v").split(".")[:2])


def _wrong_word(tallies: Mapping[str, Tally]) -> str:
    return "of the grade lost" if any(graded(t) for t in tallies.values()) else "wrong"


def _key(
    labels: list[str], colours: list[str], shown: bool, field: str = "curve:N", symbol: str = "stroke"
) -> Any:
    a = _altair()
    legend = a.Legend(title=None, orient="top", symbolType=symbol, symbolSize=160, symbolStrokeWidth=3)
    scale = a.Scale(domain=labels, range=colours[: len(labels)])
    return a.Color(field, scale=scale, legend=legend if shown else None)


def _axes(x_title: str | None, y_title: str) -> tuple[Any, Any]:
    a = _altair()
    ticks = a.Axis(values=_FIFTHS, format=".1f", title=y_title)
    scale = a.Scale(domain=[0, 1], nice=False)
    below = a.Axis(values=_FIFTHS, format=".1f", title=x_title)
    return a.X("x:Q", scale=scale, axis=below), a.Y("y:Q", scale=scale, axis=ticks)


def _marks() -> Any:
    """The legend of the reliability diagram."""
    names = ["fitted rate", "90 % band if calibrated", "bins, 95 % interval"]
    a = _altair()
    legend = a.Legend(title=None, orient="top", symbolType="circle", symbolSize=130, symbolStrokeWidth=0,
                      columnPadding=14)  # fmt: skip
    scale = a.Scale(domain=names, range=[BLUE, BAND, INK])
    return a.Color("mark:N", scale=scale, legend=legend)


def _band(tally: Tally) -> Any:
    a = _altair()
    score, low, high = metrics.consistency_band(tally.coarse(200), level=0.9, resamples=300)
    if len(score) == 1:  # one point has no width to see
        score = np.clip(np.array([score[0] - 0.015, score[0] + 0.015]), 0.0, 1.0)
        low, high = np.repeat(low, 2), np.repeat(high, 2)
    rows = [
        {"x": _r(s), "y": _r(lo), "top": _r(hi), "mark": "90 % band if calibrated"}
        for s, lo, hi in zip(score, low, high, strict=True)
    ]
    x, y = _axes(None, "share right" if not graded(tally) else "mean grade")
    return a.Chart(_values(rows)).mark_area().encode(x=x, y=y, y2=a.Y2("top"), color=_marks())


def _diagonal() -> Any:
    a = _altair()
    data = _values([{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    return (
        a.Chart(data)
        .mark_line(color=MUTED, strokeDash=[5, 4], strokeWidth=1.5)
        .encode(x=a.X("x:Q"), y=a.Y("y:Q"))
    )


def _curve(tally: Tally) -> Any:
    a = _altair()
    fit = metrics.corp(tally)
    steps = np.diff(fit.recalibrated) > 1e-12  # ends of level stretches say all there is
    keep = np.r_[True, steps] | np.r_[steps, True]
    points = zip(fit.score[keep], fit.recalibrated[keep], strict=True)
    rows = [{"x": _r(s), "y": _r(v), "mark": "fitted rate"} for s, v in points]
    chart = a.Chart(_values(rows)).mark_line(strokeWidth=2.5, strokeJoin="round")
    return chart.encode(x=a.X("x:Q"), y=a.Y("y:Q"), color=_marks())


def _dots(b: metrics.Bins) -> tuple[Any, Any]:
    a = _altair()
    low, high = bin_intervals(b)
    rows = [
        {"x": _r(c), "y": _r(v), "low": _r(lo), "high": _r(hi), "share": _r(w), "mark": "bins, 95 % interval"}
        for c, v, lo, hi, w in zip(b.confidence, b.accuracy, low, high, b.weight, strict=True)
    ]
    base = a.Chart(_values(rows))
    size = a.Size("share:Q", legend=None, scale=a.Scale(domain=[0, float(b.weight.max())], range=[24, 460]))
    width = a.StrokeWidth("share:Q", legend=None, scale=a.Scale(
        type="sqrt", domain=[0, float(b.weight.max())], range=[0.5, 2]))  # fmt: skip
    rule = base.mark_rule().encode(
        x=a.X("x:Q"), y=a.Y("low:Q"), y2=a.Y2("high"), strokeWidth=width, color=_marks()
    )
    dots = base.mark_point(filled=True, opacity=1, stroke="white", strokeWidth=1)
    return rule, dots.encode(x=a.X("x:Q"), y=a.Y("y:Q"), size=size, color=_marks())


def _histogram(tally: Tally, b: metrics.Bins) -> Any:
    a = _altair()
    scale = tally.rows * b.weight
    right, wrong = scale * b.accuracy, scale * (1 - b.accuracy)
    kinds = ("grade points", "points lost") if graded(tally) else ("right", "wrong")
    rows = [
        {"x": _r(lo), "end": _r(hi), "y": _r(sign * v, 2), "base": 0, "kind": kind}
        for kind, sign, values in ((kinds[0], 1, right), (kinds[1], -1, wrong))
        for lo, hi, v in zip(b.low, b.high, values, strict=True)
    ]
    x, _ = _axes("confidence", "")
    count = a.Axis(title="rows", tickCount=4, labelExpr="format(abs(datum.value), ',')")
    bars = a.Chart(_values(rows)).mark_bar(stroke="white", strokeWidth=1, binSpacing=0).encode(
        x=x, x2=a.X2("end"), y=a.Y("y:Q", axis=count), y2=a.Y2("base"),
        color=_key(list(kinds), [SKY, VERMILION], False, "kind:N"))  # fmt: skip
    corner = {"x": a.XValue(6), "text": a.Text("kind:N")}
    style = {"align": "left", "fontSize": 14, "color": INK}
    labels = [
        a.Chart(_values([{"kind": f"{arrow} {kind}"}])).mark_text(**style).encode(y=a.YValue(at), **corner)
        for kind, arrow, at in ((kinds[0], "↑", 12), (kinds[1], "↓", 108))
    ]
    zero = a.Chart(_values([{"y": 0}])).mark_rule(color=MUTED).encode(y=a.Y("y:Q"))
    return a.layer(bars, zero, *labels).properties(width=SIZE, height=120)


def _segments(bands: Sequence[Mapping[str, Any]], top: float) -> _Rows:
    order = list(ACTIONS)
    bands = sorted(bands, key=lambda band: order.index(band["action"]))
    rows: _Rows = []
    for field, start_y, height in (("n", 22, 28), ("was", 52, 8)):
        total, at = sum(band[field] for band in bands) or 1, 0.0
        for band in bands:
            word, _, ink = ACTIONS[band["action"]]
            end = at + band[field] / total
            rows.append({
                "action": word, "start": _r(at), "end": _r(end), "middle": _r((at + end) / 2), "ink": ink,
                "top": top + start_y, "bottom": top + start_y + height, "centre": top + start_y + height / 2,
                "text": _segment_text(band, end - at) if field == "n" else "",
            })  # fmt: skip
            at = end
    return [row for row in rows if row["end"] > row["start"]]


def _segment_text(band: Mapping[str, Any], share: float) -> str:
    if band["accuracy"] is None or band["n"] < FEW:
        return "too few" if share > 0.15 else ""
    percent = round(100 * band["accuracy"])
    text = "> 99 %" if percent >= 100 else "< 1 %" if percent <= 0 else f"{percent} %"
    return f"{text} right" if share > 0.2 else text if share > 0.09 else ""


def _thinned(tally: Tally, most: int = 160) -> list[tuple[float, float]]:
    """Points at about even coverage, from where there are rows enough to say anything; the last one stays."""
    curve = metrics.risk_coverage(tally)
    end = len(curve.coverage) - 1
    start = min(int(np.searchsorted(curve.coverage, FEW / max(tally.n_eff, 1.0))), end)
    picks = np.searchsorted(curve.coverage, np.linspace(0, 1, most)).clip(start, end)
    return [(_r(curve.coverage[i]), _r(curve.risk[i])) for i in np.unique(np.r_[start, picks, end])]


def _describe(tally: Tally) -> str:
    side = "below" if tally.accuracy < tally.mean_confidence else "above"
    return (
        f"Reliability diagram of {tally.rows:,} rows: mean confidence {tally.mean_confidence:.2f}, "
        f"share right {tally.accuracy:.2f}, so the curve lies mostly {side} the diagonal. "
        "Below it a histogram of the confidences, right answers upwards and wrong ones downwards."
    )


def _r(value: float, digits: int = 4) -> float:
    return round(float(value), digits)


def _dressed(chart: Any, description: str) -> Any:
    """The common look."""
    text = {"labelColor": INK, "titleColor": INK, "labelFontSize": 15, "titleFontSize": 15}
    config = {
        "aria": False,
        "font": "Helvetica, Arial, sans-serif",
        "axis": {"gridColor": GRID_LINE, "domainColor": MUTED, "tickColor": MUTED, "labelFlush": False,
                 "titleFontWeight": "normal", **text},
        "legend": {"labelColor": INK, "labelFontSize": 14, "labelLimit": 320, "offset": 6},
        "view": {"stroke": MUTED},
    }  # fmt: skip
    return chart.properties(description=description, background="white", padding=8, config=config)
