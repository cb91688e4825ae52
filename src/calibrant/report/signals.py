"""The chart of which signal works where: a panel for each group, a line for each signal."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from ..errors import UnusableInput
from ..logs.keys import group_name
from ..phrasing.numbers import several, share
from .drawing import BLUE, GREY, INK, MUTED, SKY, VERMILION, Chart, alt, coloured, dressed, plot, rounded

if TYPE_CHECKING:
    from ..comparing.signals import Compared, SignalTable

__all__ = ["PANELS", "ranking_chart"]

PANELS = 30
ACROSS = 5
LONGEST = 22
LABEL = 38
STEP = 17
"""Characters of a title's line and of a label; pixels for each signal."""

LOOKS = {
    "helps": (BLUE, "circle"),
    "no better": (SKY, "diamond"),
    "useless": (GREY, "square"),
    "reversed": (VERMILION, "triangle-down"),
    "too few": (GREY, "cross"),
}
"""The colour and the shape of each verdict, so that neither is needed to read the other."""


def ranking_chart(found: SignalTable) -> Chart:
    """AUROC with its interval of every signal in every group, signals in the order of their mean over the wholes.

    The dashed line is a coin; the thin one is the free token signal, so that what lies right of it ranks better. At
    most `PANELS` groups are drawn, wholes first and then those with the most answers.

    Raises
    ------
    UnusableInput
        No signal has an AUROC in any group.
    """
    every = sorted(found.groups(), key=lambda g: (g[0] not in found.tops, -g[1][0].answers))
    groups = every[:PANELS]
    order = _order(groups)
    if not order:
        raise UnusableInput(
            "No signal ranks anything here: too few answers, or of one kind alone. See --json."
        )
    lowest = min(one.shown.low for _, signals in groups for one in signals if one.shown is not None)
    left = min(0.4, max(0.0, int(10 * lowest) / 10))
    across = ceil(len(groups) / ceil(len(groups) / ACROSS))  # lines of about equal length
    width = {1: 420, 2: 260, 3: 200}.get(across, 150)
    last = len(groups) - across  # the lowest panel of each column says what its axis is
    panels = [
        _panel(by, signals, order, at=(left, width), first=i % across == 0, lowest=i >= last)
        for i, (by, signals) in enumerate(groups)
    ]
    lines = [alt.hconcat(*panels[i : i + across], spacing=12) for i in range(0, len(panels), across)]
    chart = alt.vconcat(*lines, spacing=18)
    shown = f"{len(groups)} of " if len(groups) < len(every) else ""
    thin = f" Thin upright line: {found.free}." if found.free else ""
    said = (
        f"AUROC of {several(len(order), 'signal')} in {shown}{several(len(every), 'group')}. Thick line across: 95 % "
        f"interval.{thin} Dashed line: a coin."
    )
    lines_of = textwrap.wrap(said, max(40, across * width // 7))
    caption = alt.TitleParams(
        lines_of, anchor="start", fontSize=13, fontWeight="normal", color=MUTED, offset=10
    )
    return dressed(chart.properties(title=caption), said)


def _order(groups: Sequence[tuple[Any, Sequence[Compared]]]) -> list[str]:
    """Names of signals, the best ranking first: by the mean AUROC over the groups that have one."""
    held: dict[str, list[float]] = {}
    for _, signals in groups:
        for one in signals:
            if one.shown is not None:
                held.setdefault(one.signal, []).append(one.shown.value)
    whole = {one.signal: one.shown.value for one in groups[0][1] if one.shown is not None}
    return sorted(held, key=lambda name: (-whole.get(name, -1.0), -sum(held[name]) / len(held[name]), name))


def _panel(
    by: dict[str, str | None],
    signals: Sequence[Compared],
    order: Sequence[str],
    *,
    at: tuple[float, int],
    first: bool,
    lowest: bool,
) -> Any:
    left, width = at
    rows = [_row(one) for one in signals if one.shown is not None]
    lacking = [{"signal": one.signal} for one in signals if one.shown is None and one.signal in order]
    free = next((one.shown.value for one in signals if one.free and one.shown is not None), None)
    small = {"labelFontSize": 13, "titleFontSize": 13}
    axis = alt.Axis(
        title=None,
        labelLimit=0,
        labelExpr=f"({json.dumps(_labels(order))})[datum.value]",
        labelPadding=8,
        ticks=False,
        domain=False,
        labels=first,
        grid=True,
        **small,
    )
    y = alt.Y("signal:N", sort=list(order), scale=alt.Scale(domain=list(order)), axis=axis)
    ticks = [tick for tick in (0.0, 0.25, 0.5, 0.75, 1.0) if tick >= left]
    below = alt.Axis(values=ticks, format=".2~f", title="AUROC" if lowest else None, grid=False, **small)
    x = alt.X("low:Q", scale=alt.Scale(domain=[left, 1], nice=False), axis=below)
    colour = coloured(
        "verdict:N", {name: look[0] for name, look in LOOKS.items()}, symbolSize=110, symbolOpacity=1,
    )  # fmt: skip
    shape = alt.Shape(
        "verdict:N", scale=alt.Scale(domain=list(LOOKS), range=[look[1] for look in LOOKS.values()]),
        legend=alt.Legend(title=None, orient="top"),
    )  # fmt: skip
    base = plot(rows).encode(y=y)
    layers = [plot([{"low": 0.5}]).mark_rule(color=INK, strokeDash=[4, 4], strokeWidth=1.2).encode(x=x)]
    if free is not None:
        layers.append(plot([{"low": rounded(free)}]).mark_rule(color=MUTED, strokeWidth=1).encode(x=x))
    layers += [
        base.mark_rule(strokeWidth=2).encode(x=x, x2="high", color=colour),
        base.mark_point(filled=True, size=75, opacity=1).encode(
            x=alt.X("value:Q"), color=colour, shape=shape
        ),
    ]
    if lacking:
        dash = plot(lacking).mark_text(text="too few", color=MUTED, fontSize=12)
        layers.append(dash.encode(y=y, x=alt.value(width / 2)))
    title = alt.TitleParams(
        _wrapped(group_name(by)), subtitle=_subtitle(signals), anchor="start", fontSize=14, color=INK,
        fontWeight="bold" if not by else "normal", subtitleColor=MUTED, subtitleFontSize=12,
    )  # fmt: skip
    return alt.layer(*layers).properties(width=width, height=STEP * len(order), title=title)


def _row(one: Compared) -> dict[str, Any]:
    assert one.shown is not None
    verdict = next(name for name in LOOKS if one.verdict.startswith(name))
    return {
        "signal": one.signal, "value": rounded(one.shown.value), "low": rounded(one.shown.low),
        "high": rounded(one.shown.high), "verdict": verdict,
    }  # fmt: skip


def _subtitle(signals: Sequence[Compared]) -> str:
    right = max(signals, key=lambda one: one.n).accuracy
    answers = signals[0].answers
    return several(answers, "answer") + ("" if right is None else f", {share(right, answers)} right")


def _labels(names: Sequence[str]) -> dict[str, str]:
    """The label of each name: shortened, and as it is where another would have the same."""
    short = [_short(name, LABEL) for name in names]
    return {name: one if short.count(one) == 1 else name for name, one in zip(names, short, strict=True)}


def _short(name: str, most: int) -> str:
    """Its beginning and its end, which sets apart what begins alike."""
    head = (most - 1) // 3
    return name if len(name) <= most else f"{name[:head]}…{name[head + 1 - most :]}"


def _wrapped(name: str) -> list[str]:
    """Lines of a title, broken where words end or parts of names do; of many lines the first and the last two."""
    lines = [""]
    for part in re.split(r"(?<=[\s_/:=,.-])", name):
        if len(lines[-1] + part.rstrip()) > LONGEST and lines[-1]:
            lines.append("")
        lines[-1] += part if len(part) <= LONGEST else _short(part, LONGEST)
    lines = [line.strip() for line in lines]
    return lines if len(lines) <= 4 else [f"{lines[0]} …", *lines[-2:]]
