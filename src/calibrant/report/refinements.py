"""The confidence before and after a prompt was refined, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..phrasing.numbers import fixed
from .drawing import INK, MUTED, SKY, VERMILION, Chart, Rows, alt, coloured, dressed, plot, rounded

__all__ = ["before_and_after"]

WIDTH, HEIGHT = 300, 260


def before_and_after(told: Mapping[str, Any]) -> Chart:
    """Histograms of the scores under the seed and under the best other prompt, right answers up and wrong ones down.

    `told` is `calibrant.refining.findings.Refinement.to_dict`. The axis of rows is the same for both.
    """
    pair = [("seed", told["before"]), (told["leader"]["name"], told["after"])]
    if told["leader"]["name"] == "seed":
        pair = pair[:1]
    top = max((part["n"] for _, one in pair for part in one["parts"]), default=1)
    panels = [_panel(name, one, top, first=at == 0) for at, (name, one) in enumerate(pair)]
    both = alt.hconcat(*panels, spacing=28).resolve_scale(color="shared")
    return dressed(both, _described(pair))


def _panel(name: str, one: Mapping[str, Any], top: int, *, first: bool) -> Chart:
    scale = alt.Scale(domain=[-top, top], nice=True)
    axis = alt.Axis(
        title="answers" if first else None, tickCount=6, labelExpr="format(abs(datum.value), ',')"
    )
    x = alt.X("low:Q", title="score", scale=alt.Scale(domain=[0, 1], nice=False),
            axis=alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f"))  # fmt: skip
    bars = plot(_bars(one["parts"])).mark_rect(stroke="white", strokeWidth=1).encode(
        x=x, x2="high", y=alt.Y("from:Q", scale=scale, axis=axis), y2="to",
        color=coloured("kind:N", {"right": SKY, "wrong": VERMILION}, symbolType="square", symbolSize=160),
    )  # fmt: skip
    zero = plot([{"y": 0}]).mark_rule(color=MUTED).encode(y="y:Q")
    title = alt.Title(
        name, subtitle=_subtitle(one), anchor="start", color=INK, fontSize=15, subtitleFontSize=13
    )
    return alt.layer(bars, zero).properties(width=WIDTH, height=HEIGHT, title=title)


def _bars(parts: Sequence[Mapping[str, Any]]) -> Rows:
    rows: Rows = []
    for part in parts:
        right = part["n"] * (part["right"] or 0.0)
        ends = {"low": rounded(part["low"]), "high": rounded(part["high"])}
        rows.append(ends | {"from": 0, "to": rounded(right), "kind": "right"})
        rows.append(ends | {"from": 0, "to": rounded(right - part["n"]), "kind": "wrong"})
    return rows


def _subtitle(one: Mapping[str, Any]) -> list[str]:
    warm = one["temperature"]
    value = None if warm is None else warm["value"]
    return [
        f"right {fixed(one['accuracy'], 2)}, AUROC {fixed(one['auroc'], 2)}, Brier {fixed(one['brier'], 2)}",
        f"ECE {fixed(one['ece'], 2)} (chance {fixed(one['floor'], 2)}), temperature {fixed(value, 2)}",
    ]


def _described(pair: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    each = [
        f"{name}: share right {fixed(one['accuracy'], 2)}, ECE {fixed(one['ece'], 2)}" for name, one in pair
    ]
    return f"Histograms of the confidence, right answers upwards and wrong ones downwards. {'; '.join(each)}."
