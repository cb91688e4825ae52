"""What calibration maps make of scores, as a chart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..maps.calibration import CalibrationMap
from .drawing import BLUE, FIFTHS, INK, MUTED, SKY, Chart, alt, dressed, plot, rounded

__all__ = ["map_curves"]

PANELS = 12
_ACROSS = 3


def map_curves(named: Mapping[str, CalibrationMap]) -> Chart:
    """Probability against score, a panel for each map: the curve, its 95 % interval, and where the two are equal.

    At most twelve maps are drawn, those fitted on the most labels first.
    """
    drawn = sorted(named.items(), key=lambda pair: -pair[1].evidence.rows)[:PANELS]
    size = 420 if len(drawn) == 1 else 220
    panels = alt.concat(*(_panel(name, one, size) for name, one in drawn), columns=_ACROSS, spacing=18)
    labels = sum(one.evidence.rows for _, one in drawn)
    return dressed(
        panels, f"Probability of being right against score, by {len(drawn)} maps of {labels:,} labels."
    )


def _panel(name: str, one: CalibrationMap, size: int) -> Chart:
    at = np.linspace(0, 1, 101)
    low, high = one.interval(at)
    rows = [
        {"x": rounded(x), "y": rounded(y), "low": rounded(lo), "high": rounded(hi)}
        for x, y, lo, hi in zip(at, one(at), low, high, strict=True)
    ]
    axis = alt.Axis(values=FIFTHS, format=".1f")
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("x:Q", title="score", scale=scale, axis=axis)
    y = alt.Y("y:Q", title="probability of being right", scale=scale, axis=axis)
    diagonal = plot([{"x": 0, "y": 0}, {"x": 1, "y": 1}]).mark_line(color=MUTED, strokeDash=[5, 4])
    band = plot(rows).mark_area(color=SKY, opacity=0.3)
    line = plot(rows).mark_line(color=BLUE, strokeWidth=2.5)
    told = (
        f"{name}, {one.evidence.rows:,} labels" if name else f"{one.calibrator}, {one.evidence.rows:,} labels"
    )
    title = alt.TitleParams(
        told, anchor="start", fontSize=15, color=INK, fontWeight="normal", limit=size + 60
    )
    low_y = alt.Y("low:Q", title="probability of being right", scale=scale, axis=axis)
    layers = (
        band.encode(x=x, y=low_y, y2="high"), diagonal.encode(x=x, y=y), line.encode(x=x, y=y),
    )  # fmt: skip
    return alt.layer(*layers).properties(width=size, height=size, title=title)
