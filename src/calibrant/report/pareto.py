"""The chart of accuracy against calibration, with labels that make way for each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UnusableInput
from .drawing import BLUE, GREY, INK, MUTED, ORANGE, Chart, Rows, alt, coloured, dressed, plot, rounded

__all__ = ["front"]

WIDTH, HEIGHT = 660, 460
WORDS = {"smooth_ece": "calibration error (smooth ECE)", "brier": "Brier score after calibration",
         "gap": "size of the gap between confidence and share right"}  # fmt: skip
STATES = {
    "on": ("on the front", BLUE),
    "unclear": ("may or may not be on it", ORANGE),
    "off": ("off it", GREY),
}
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross")
LONGEST = 30
_Box = tuple[float, float, float, float]


def front(told: Mapping[str, Any]) -> Chart:
    """Accuracy to the right, calibration error downwards better, with 95 % intervals as crosses.

    `told` is what `ParetoFront.to_dict` gives. Steps join the best of what accuracy and calibration allow; the
    area of a point is its cost where every candidate has one; its shape is the last column that makes a
    candidate, where that has few values. A name stands once where shapes tell the rest.
    """
    axis = told["axes"][1]
    rows, parted = _points(told, axis)
    if not rows:
        raise UnusableInput("No candidate has rows enough to be drawn; see the reasons with --json.")
    x_ends = _ends([r["left"] for r in rows], [r["right"] for r in rows], 0.0, 1.0)
    y_ends = _ends([r["low"] for r in rows], [r["high"] for r in rows], 0.0, None)
    x = alt.X(
        "x:Q", title="share right", scale=alt.Scale(domain=x_ends, nice=False), axis=alt.Axis(tickCount=7)
    )
    y = alt.Y("y:Q", title=f"{WORDS[axis]}, lower is better", scale=alt.Scale(domain=y_ends, nice=False),
            axis=alt.Axis(tickCount=6))  # fmt: skip
    base = plot(rows)
    colour, thin = _colour(rows), alt.StrokeWidth("line:Q", scale=None, legend=None)
    rule = base.mark_rule(opacity=0.65).encode(color=colour, strokeWidth=thin)
    crosses = [rule.encode(x="left:Q", x2="right", y=y), rule.encode(x=x, y="low:Q", y2="high")]
    steps = plot(_steps(rows, x_ends, y_ends)).mark_line(
        interpolate="step-before", color=BLUE, strokeWidth=2, strokeDash=[6, 3], clip=True
    ).encode(x=x, y=y, order="order:Q")  # fmt: skip
    dots = base.mark_point(filled=True, opacity=1, stroke="white", strokeWidth=1)
    dots = dots.encode(x=x, y=y, color=colour, **_shape(rows, parted), **_size(rows))
    texts, leads = _labels(rows, x_ends, y_ends)
    pixels = {"x": alt.X("px:Q", scale=None, axis=None), "y": alt.Y("py:Q", scale=None, axis=None)}
    ink = alt.Color("ink:N", scale=None, legend=None)
    named = plot(texts).mark_text(fontSize=13, baseline="middle", align="left")
    named = named.encode(**pixels, text="name:N", color=ink)
    led = plot(leads).mark_rule(color=MUTED, strokeWidth=0.7).encode(**pixels, x2="qx", y2="qy")
    points = alt.layer(steps, *crosses, dots)
    notes = alt.layer(led, named) if leads else named
    layers = alt.layer(points, notes).resolve_scale(x="independent", y="independent", color="independent")
    return dressed(layers.properties(width=WIDTH, height=HEIGHT), _described(rows, axis))


def _points(told: Mapping[str, Any], axis: str) -> tuple[Rows, str | None]:
    """A row per candidate that is compared, and the column that shapes stand for."""
    shown = [one for one in told["candidates"] if one["front_share"] is not None]
    columns = list(shown[0]["of"]) if shown else []
    last = columns[-1] if len(columns) > 1 else None
    kinds = list(dict.fromkeys(str(one["of"][last]) for one in shown)) if last else []
    parted = last if 1 < len(kinds) <= len(SHAPES) else None
    rows: Rows = []
    for one in shown:
        error = one[axis]
        ends = [abs(error["low"]), abs(error["high"])]
        crosses = axis == "gap" and error["low"] < 0 < error["high"]
        name = ", ".join(_text(k, v) for k, v in one["of"].items() if k != parted) or "all rows"
        state = "unclear" if one["front"] == "on" and not one["on_front"] else one["front"]
        rows.append({
            "x": rounded(one["accuracy"]["value"], 5), "left": rounded(one["accuracy"]["low"], 5),
            "right": rounded(one["accuracy"]["high"], 5), "y": rounded(abs(error["value"]), 5),
            "low": 0.0 if crosses else rounded(min(ends), 5), "high": rounded(max(ends), 5), "state": STATES[state][0],
            "kind": _text(parted, one["of"][parted]) if parted else "", "on": one["on_front"],
            "name": name if len(name) <= LONGEST else name[: LONGEST - 1] + "…",
            "cost": one["cost"]["value"] if "cost" in told["axes"] else None,
            "line": 1.6 if state in ("on", "unclear") else 1.0, "rank": list(STATES).index(state),
        })  # fmt: skip
    rows.sort(key=lambda row: -row["rank"])  # what is on the front is drawn last, above the others
    return rows, parted


def _text(column: str | None, value: Any) -> str:
    return f"no {column}" if value is None else str(value)


def _ends(lows: Sequence[float], highs: Sequence[float], least: float, most: float | None) -> list[float]:
    """A domain with room around the points; from the least possible value where that is near."""
    low, high = min(lows), max(highs)
    room = 0.08 * max(high - low, 0.02)
    start = least if low < 0.45 * high and low - least < high - low else max(low - room, least)
    return [rounded(start, 5), rounded(high + room if most is None else min(high + room, most), 5)]


def _colour(rows: Rows) -> Any:
    there = {row["state"] for row in rows}
    shown = {word: colour for word, colour in STATES.values() if word in there}
    look: dict[str, Any] = {
        "symbolType": "circle",
        "symbolSize": 130,
        "symbolStrokeWidth": 0,
        "symbolOpacity": 1,
    }
    return coloured("state:N", shown, **look)


def _shape(rows: Rows, parted: str | None) -> dict[str, Any]:
    if parted is None:
        return {}
    kinds = sorted({row["kind"] for row in rows})
    legend = alt.Legend(title=None, orient="top", symbolSize=130, symbolFillColor=MUTED, symbolStrokeWidth=0)
    scale = alt.Scale(domain=kinds, range=SHAPES[: len(kinds)])
    return {"shape": alt.Shape("kind:N", scale=scale, legend=legend)}


def _size(rows: Rows) -> dict[str, Any]:
    if any(row["cost"] is None for row in rows):
        return {"size": alt.value(95)}
    legend = alt.Legend(title="dollars an answer", orient="right", symbolFillColor=MUTED, symbolStrokeWidth=0,
                      format="~g", tickCount=4)  # fmt: skip
    top = max(row["cost"] for row in rows) or 1.0
    return {"size": alt.Size("cost:Q", scale=alt.Scale(domain=[0, top], range=[40, 520]), legend=legend)}


def _steps(rows: Rows, x_ends: Sequence[float], y_ends: Sequence[float]) -> Rows:
    """The least error at each accuracy or more: from the left edge, through the best points, to the top."""
    best: Rows = []
    for row in sorted(rows, key=lambda r: (-r["x"], r["y"])):
        if not best or row["y"] < best[-1]["y"]:
            best.append(row)
    line = [
        (x_ends[0], best[-1]["y"]),
        *((row["x"], row["y"]) for row in reversed(best)),
        (best[0]["x"], y_ends[1]),
    ]
    return [{"x": rounded(x, 5), "y": rounded(y, 5), "order": i} for i, (x, y) in enumerate(line)]


def _labels(rows: Rows, x_ends: Sequence[float], y_ends: Sequence[float]) -> tuple[Rows, Rows]:
    """Names in pixels where nothing is under them, and thin lines to those that had to stand off.

    What is on the front is named first; of equal names the first alone. One for which no place is left has no name.
    """

    def across(x: float) -> float:
        return _at(x, x_ends, WIDTH)

    def down(y: float) -> float:
        return HEIGHT - _at(y, y_ends, HEIGHT)

    spots = [(across(r["x"]), down(r["y"])) for r in rows]
    taken: list[_Box] = [(x - 7, y - 7, x + 7, y + 7) for x, y in spots]
    for row, (x, y) in zip(rows, spots, strict=True):  # the crosses
        taken.append((across(row["left"]), y - 1, across(row["right"]), y + 1))
        taken.append((x - 1, down(row["high"]), x + 1, down(row["low"])))
    path = [(across(p["x"]), down(p["y"])) for p in _steps(rows, x_ends, y_ends)]
    for (x, y), (right, up) in itertools.pairwise(path):  # the front: up first, then to the right
        taken += [(x - 2, min(y, up), x + 2, max(y, up)), (min(x, right), up - 2, max(x, right), up + 2)]
    names: list[_Box] = []
    lines: list[_Box] = []
    texts: Rows = []
    leads: Rows = []
    seen: set[str] = set()
    for i in sorted(range(len(rows)), key=lambda i: (rows[i]["rank"], not rows[i]["on"], rows[i]["y"])):
        name, (x, y) = rows[i]["name"], spots[i]
        found = None if name in seen else _free(x, y, 6.6 * len(name) + 4, [*taken, *names], names, lines)
        if found is None:
            continue
        seen.add(name)
        box, lead = found
        names.append(box)
        ink = INK if rows[i]["rank"] < 2 else MUTED
        texts.append(
            {"px": rounded(box[0] + 2, 1), "py": rounded((box[1] + box[3]) / 2, 1), "name": name, "ink": ink}
        )
        if lead:
            lines.append(lead)
            leads.append(dict(zip(("px", "py", "qx", "qy"), (rounded(v, 1) for v in lead), strict=True)))
    return texts, leads


def _at(value: float, ends: Sequence[float], pixels: int) -> float:
    return pixels * (value - ends[0]) / max(ends[1] - ends[0], 1e-9)


def _free(
    x: float, y: float, width: float, taken: Sequence[_Box], names: Sequence[_Box], lines: Sequence[_Box]
) -> tuple[_Box, _Box | None] | None:
    """The nearest place for a text of this width, with a line to it where it stands off; None where there is none."""
    for off in (10.0, 20.0, 32.0, 46.0, 62.0, 80.0):
        starts = [
            (x + off, y), (x - off - width, y), (x + 0.6 * off, y - off), (x + 0.6 * off, y + off),
            (x - 0.6 * off - width, y - off), (x - 0.6 * off - width, y + off), (x - width / 2, y - off - 4),
            (x - width / 2, y + off + 4),
        ]  # fmt: skip
        for left, middle in starts:
            box = (left, middle - 8, left + width, middle + 8)
            inside = box[0] >= 2 and box[2] <= WIDTH - 2 and box[1] >= 2 and box[3] <= HEIGHT - 2
            if not inside or any(_meet(box, o) for o in taken) or any(_crosses(line, box) for line in lines):
                continue
            edge = box[1] if y < box[1] else box[3] if y > box[3] else middle
            lead = (x, y, min(max(x, box[0]), box[2]), edge)
            if not any(_crosses(lead, other) for other in names):
                return box, lead if off > 10 else None
    return None


def _crosses(line: _Box, box: _Box) -> bool:
    """Whether a line from (x, y) to (x, y) runs through a box."""
    points = (
        (line[0] + k * (line[2] - line[0]) / 16, line[1] + k * (line[3] - line[1]) / 16) for k in range(17)
    )
    return any(box[0] < x < box[2] and box[1] < y < box[3] for x, y in points)


def _meet(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _described(rows: Rows, axis: str) -> str:
    names = ", ".join(row["name"] + (f" ({row['kind']})" if row["kind"] else "") for row in rows if row["on"])
    return f"Share right against {WORDS[axis]} for {len(rows)} candidates; on the front: {names}."
