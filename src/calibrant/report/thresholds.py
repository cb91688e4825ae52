"""Risk against coverage with the certified point, one panel a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..phrasing.numbers import percent
from ..plans.certificates import Certificate
from ..tally import Tally
from .charts import risk_axes, thinned
from .drawing import BLUE, INK, MUTED, SIZE, VERMILION, Chart, alt, dressed, headed, plot, rounded

if TYPE_CHECKING:
    from ..planning.thresholds import ThresholdPlan

__all__ = ["PANELS", "certified_risk"]

PANELS = 12


def certified_risk(plan: ThresholdPlan) -> Chart:
    """The share wrong among the answers sent, the promised bound, and where the certificate stands.

    At most twelve groups with labels are drawn, those with the most first. The dot stands at the share wrong among all
    labelled answers above the threshold, of which the certificate promises that it stays below the line.
    """
    made = plan.certificates
    held = [(one, plan.tallies.get(made.key(one))) for one in made.certificates]
    pairs = sorted(((one, t) for one, t in held if t is not None), key=lambda p: -p[1].rows)
    panels = [_panel(one, tally) for one, tally in pairs[:PANELS]]
    chart = alt.vconcat(*panels, spacing=26)
    return dressed(chart, "Share wrong against the share of answers sent, with the certified threshold.")


def _panel(one: Certificate, tally: Tally) -> Any:
    points = thinned(tally)
    joint = one.risk == "joint"
    rows = [{"coverage": c, "risk": rounded(r * c) if joint else r} for c, r in points]
    reached = tally.score >= (one.threshold or 0.0)
    share = float(tally.weight[reached].sum() / tally.total)
    lost = float((tally.weight - tally.hits)[reached].sum() / tally.total)
    risk = lost if joint else lost / max(share, 1e-12)
    top = 1.25 * max(one.max_error, *(row["risk"] for row in rows))
    at = risk_axes("share sent and wrong" if joint else "share wrong among them", top)
    line = plot(rows).mark_line(color=BLUE, strokeWidth=2.5, clip=True).encode(**at)
    shown = plot(rows if len(rows) <= 40 else rows[-1:])
    dots = shown.mark_point(filled=True, size=50, color=BLUE, opacity=1).encode(**at)
    limit = plot([{"risk": one.max_error}])
    layers = [
        line,
        dots,
        limit.mark_rule(color=VERMILION, strokeDash=[6, 4], strokeWidth=1.5).encode(y="risk:Q"),
    ]
    told = [f"- - -  promised: at most {one.max_error:g}"]
    if one.certified:
        told.append(f"◆  score ≥ {one.threshold:.4g} sends {percent(share)}")
        mark = plot([{"coverage": rounded(share), "risk": rounded(risk)}])
        layers += [
            mark.mark_rule(color=MUTED, strokeDash=[2, 3]).encode(x=at["x"]),
            mark.mark_point(filled=True, size=160, color=INK, opacity=1, shape="diamond").encode(**at),
        ]
    name = ", ".join(f"{k} {v}" for k, v in one.by.items()) or "All answers"
    state = "" if one.certified else ": cannot certify"
    title = headed(f"{name}{state}", *told)
    return alt.layer(*layers).properties(width=SIZE, height=220, title=title)
