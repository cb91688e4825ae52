"""The chart of an ensemble: how often each way of answering is right, over how far its confidence can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..phrasing.numbers import percent
from .charts import reliability
from .drawing import BLUE, INK, MUTED, SIZE, VERMILION, Chart, alt, coloured, dressed, plot, rounded

if TYPE_CHECKING:
    from ..planning.ensembles import EnsemblePlan

__all__ = ["ensemble_chart"]

WAYS = ("pooled", "averaging", "majority")


def ensemble_chart(found: EnsemblePlan) -> Chart:
    """Accuracies with 95 % intervals, the best first; below, the reliability of the pooled confidence."""
    names = [*WAYS, *found.models]
    told = sorted(((found.accuracy(n), n) for n in names), key=lambda pair: -pair[0].value)
    rows: list[dict[str, Any]] = [
        {
            "way": name + (" (chosen)" if name == found.best_single else ""),
            "value": rounded(e.value), "low": rounded(e.low), "high": rounded(e.high), "text": percent(e.value, 1),
            "kind": "pooled" if name == "pooled" else "other ways to combine" if name in WAYS else "one model",
        }
        for e, name in told
    ]  # fmt: skip
    kinds = {"pooled": BLUE, "other ways to combine": VERMILION, "one model": MUTED}
    shapes = alt.Scale(domain=list(kinds), range=["circle", "diamond", "square"])
    colour = coloured("kind:N", kinds, symbolType="circle", symbolSize=130)
    shape = alt.Shape("kind:N", scale=shapes, legend=None)
    y = alt.Y("way:N", sort=None, axis=alt.Axis(
        title=None, labelLimit=260, ticks=False, domain=False,
        minExtent=min(260, 9 * max(len(str(row["way"])) for row in rows)),
    ))  # fmt: skip
    low, high = min(r["low"] for r in rows), max(r["high"] for r in rows)
    room = 0.12 * (high - low)
    x = alt.X("low:Q", title="share right (with 95 % interval)",
            scale=alt.Scale(domain=[max(0.0, low - room), min(1.0, high + 2 * room)], nice=False),
            axis=alt.Axis(format=".2f", tickCount=6))  # fmt: skip
    base = plot(rows).encode(y=y)
    bars = base.mark_rule(strokeWidth=2).encode(x=x, x2="high", color=colour)
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(x="value:Q", color=colour, shape=shape)
    texts = base.mark_text(align="left", dx=8, fontSize=14, color=INK).encode(x="high:Q", text="text:N")
    upper = alt.layer(bars, dots, texts).properties(width=SIZE, height=alt.Step(26))
    lower = reliability(found.tally)
    for name in ("config", "background", "padding"):  # of the whole chart only
        setattr(lower, name, alt.Undefined)
    both = alt.vconcat(upper, lower, spacing=24).resolve_scale(color="independent", shape="independent")
    return dressed(
        both,
        "Share right of each way of answering, the best first, and below it the reliability of the pooled confidence.",
    )
