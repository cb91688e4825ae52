"""Risk against coverage with the certified point, one panel a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..phrasing.numbers import percent
from ..plans.certificates import Certificate
from ..tally import Tally
from .charts import thinned
from .drawing import BLUE, FIFTHS, INK, MUTED, SIZE, VERMILION, altair, dressed, rounded, values

if TYPE_CHECKING:
    from ..planning.thresholds import ThresholdPlan

__all__ = ["PANELS", "certified_risk"]

PANELS = 12


def certified_risk(plan: ThresholdPlan) -> Any:
    """The share wrong among the answers sent, the promised bound, and where the certificate stands.

    At most twelve groups with labels are drawn, those with the most first. The dot stands at the share wrong among all
    labelled answers above the threshold, of which the certificate promises that it stays below the line.
    """
    a = altair()
    made = plan.certificates
    held = [(one, plan.tallies.get(made.key(one))) for one in made.certificates]
    pairs = sorted(((one, t) for one, t in held if t is not None), key=lambda p: -p[1].rows)
    panels = [_panel(one, tally) for one, tally in pairs[:PANELS]]
    chart = a.vconcat(*panels, spacing=26)
    return dressed(chart, "Share wrong against the share of answers sent, with the certified threshold.")


def _panel(one: Certificate, tally: Tally) -> Any:
    a = altair()
    points = thinned(tally)
    joint = one.risk == "joint"
    rows = [{"coverage": c, "risk": rounded(r * c) if joint else r} for c, r in points]
    reached = tally.score >= (one.threshold or 0.0)
    share = float(tally.weight[reached].sum() / tally.total)
    lost = float((tally.weight - tally.hits)[reached].sum() / tally.total)
    risk = lost if joint else lost / max(share, 1e-12)
    top = min(1.0, 1.25 * max(one.max_error, *(row["risk"] for row in rows)))
    x = a.X("coverage:Q", title="share of answers sent, surest first", scale=a.Scale(domain=[0, 1]),
            axis=a.Axis(values=FIFTHS, format=".1f"))  # fmt: skip
    y_title = "share sent and wrong" if joint else "share wrong among them"
    y = a.Y("risk:Q", title=y_title, scale=a.Scale(domain=[0, top]), axis=a.Axis(tickCount=5))
    line = a.Chart(values(rows)).mark_line(color=BLUE, strokeWidth=2.5, clip=True).encode(x=x, y=y)
    dots = a.Chart(values(rows if len(rows) <= 40 else rows[-1:])).mark_point(
        filled=True, size=50, color=BLUE, opacity=1
    ).encode(x=x, y=y)  # fmt: skip
    limit = a.Chart(values([{"risk": one.max_error, "text": f"promised: at most {one.max_error:g}"}]))
    layers = [
        line, dots,
        limit.mark_rule(color=VERMILION, strokeDash=[6, 4], strokeWidth=1.5).encode(y=a.Y("risk:Q")),
        limit.mark_text(align="left", dy=-8, fontSize=14, color=INK).encode(
            x=a.XValue(6), y=a.Y("risk:Q"), text="text:N"),
    ]  # fmt: skip
    if one.certified:
        told = f"score ≥ {one.threshold:.4g} sends {percent(share)}"
        at = [{"coverage": rounded(share), "risk": rounded(risk), "text": told}]
        mark = a.Chart(values(at))
        layers += [
            mark.mark_rule(color=MUTED, strokeDash=[2, 3]).encode(x=x),
            mark.mark_point(filled=True, size=160, color=INK, opacity=1, shape="diamond").encode(x=x, y=y),
            mark.mark_text(align="left" if share < 0.6 else "right", dx=8 if share < 0.6 else -8, fontSize=14,
                           fontWeight="bold", color=INK).encode(x=x, y=a.YValue(206), text="text:N"),
        ]  # fmt: skip
    name = ", ".join(f"{k} {v}" for k, v in one.by.items()) or "all answers"
    state = "" if one.certified else ": cannot certify"
    title = a.TitleParams(f"{name}{state}", anchor="start", fontSize=15, color=INK, fontWeight="normal")
    return a.layer(*layers).properties(width=SIZE, height=220, title=title)
