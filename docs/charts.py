"""Draw what was measured: each chart reads its numbers from a table of a page, so that the two cannot differ.

    python docs/charts.py [NAME ...]

A digest of the rows stands in each picture, by which the tests tell whether it is of the table as it is now.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from calibrant.report.drawing import (
    BAND,
    BLUE,
    GREY,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    alt,
    coloured,
    dressed,
    plot,
    to_svg,
)

FOLDER = Path(__file__).parent
Rows = list[dict[str, Any]]
ROOM = {"left": 60, "top": 8, "right": 16, "bottom": 8}
"""Around a chart: a reader's letters may be wider than those it was measured in."""
NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)")
CHARTS: dict[str, tuple[Callable[[], Rows], Callable[[Rows], Any]]] = {}
"""Of each picture: its rows, and what is drawn of them."""


def table(page: str, *heads: str) -> list[dict[str, str]]:
    """The rows of all tables of a page whose heads begin with these."""
    found, keys = [], []
    for line in (FOLDER / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            keys = []
        elif not keys:
            keys = cells if tuple(cells[: len(heads)]) == heads else ["another"]
        elif len(keys) == len(cells) and set(line) - set("|-: "):
            found.append(dict(zip(keys, cells, strict=True)))
    return found


def numbers(cell: str) -> list[float]:
    """All numbers of a cell, as they stand."""
    return [float(one.replace(",", "")) for one in NUMBER.findall(cell.replace("*", ""))]


def drawn(rows: Callable[[], Rows]) -> Callable[[Callable[[Rows], Any]], Callable[[Rows], Any]]:
    """Enter a chart by the name of its function; what it says of itself is what a reader without eyes is told."""

    def enter(chart: Callable[[Rows], Any]) -> Callable[[Rows], Any]:
        CHARTS[chart.__name__] = (rows, chart)
        return chart

    return enter


def digest(rows: Rows) -> str:
    """What tells rows from others."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def by_labels(*shown: int) -> Any:
    """Numbers of labels, on a scale of ratios."""
    scale = alt.Scale(type="log", domain=[0.93 * shown[0], 1.1 * shown[-1]], nice=False)
    return alt.X("n:Q", title="labels", scale=scale, axis=alt.Axis(values=list(shown), grid=False))


def across(low: float, high: float) -> Any:
    """A scale that begins where it is told."""
    return alt.Scale(domain=[low, high], zero=False)


def ruled(at: float, low: float = 0.0, high: float = 1.0) -> Any:
    """A line at what is promised."""
    where = alt.X("at:Q", scale=across(low, high))
    return plot([{"at": at}]).mark_rule(color=INK, strokeDash=[4, 3]).encode(x=where)


def _coverage_rows() -> Rows:
    rows = []
    for line in table("numbers.md", "scores", "error"):
        cells = dict(zip(("gap", "L2", "smooth ECE"), list(line.values())[2:], strict=True))
        for measure, cell in cells.items():
            for n, held in zip(("100", "300", "1,000"), numbers(cell), strict=True):
                rows.append({"interval": f"{measure}, n = {n}", "held": held})
    return rows


@drawn(_coverage_rows)
def coverage(rows: Rows) -> Any:
    """How many 95 % intervals hold the truth, a dot for each of 40 worlds: nearly all dots lie at .93 or above."""
    band = (
        plot([{"low": 0.925, "high": 0.975}])
        .mark_rect(color=BAND, opacity=0.5)
        .encode(x=alt.X("low:Q", scale=across(0.9, 1)), x2="high:Q")
    )
    dots = (
        plot(rows)
        .mark_circle(size=34, opacity=0.45, color=BLUE)
        .encode(
            x=alt.X(
                "held:Q",
                title="share of intervals that hold the truth",
                scale=across(0.9, 1),
                axis=alt.Axis(format=".2f"),
            ),
            y=alt.Y("interval:N", title=None, sort=None),
        )
    )
    return (band + ruled(0.95, 0.9) + dots).properties(width=520, height=240)


def _falling_rows() -> Rows:
    return [
        {
            "world": line["world"],
            "n": int(line["n"]),
            "map": kind.replace("_", "-"),
            "error": float(line[kind]),
        }
        for line in table("numbers.md", "world", "n", "platt")
        for kind in ("auto", "platt", "beta", "venn_abers", "spline")
    ]


MAPS = {"auto": BLUE, "platt": GREY, "beta": MUTED, "venn-abers": ORANGE, "spline": VERMILION}


@drawn(_falling_rows)
def falling(rows: Rows) -> Any:
    """Distance from the truth by labels in six worlds: `auto` is near the best of its parts in each."""
    worlds = list(dict.fromkeys(row["world"] for row in rows))
    panels = [
        plot([row for row in rows if row["world"] == world]).mark_line(point=True).encode(
            x=by_labels(200, 500, 2000),
            y=alt.Y("error:Q", title="squared distance x 1000" if i % 3 == 0 else None, scale=alt.Scale(domainMin=0)),
            color=coloured("map:N", MAPS),
            strokeWidth=alt.condition("datum.map == 'auto'", alt.value(3), alt.value(1.5)),
            strokeDash=alt.StrokeDash("map:N", sort=list(MAPS), legend=None),
        ).properties(width=165, height=140, title=world)
        for i, world in enumerate(worlds)
    ]  # fmt: skip
    return alt.vconcat(alt.hconcat(*panels[:3]), alt.hconcat(*panels[3:]))


RULES = {"plug-in": VERMILION, "pointwise exact": ORANGE, "**certify**": BLUE}


def _promises_rows() -> Rows:
    rows = []
    for i, line in enumerate(table("guarantees.md", "world", "n", "`max_error`")):
        for rule in RULES:
            sent, broken = numbers(line[rule])
            name = f"{line['world'].replace('mmlu_pro/', '')}, {line['n']}, {line['`max_error`']}"
            rows.append({"world": f"{i:02} {name}", "rule": rule.strip("*"), "sent": sent, "broken": broken})
    return rows


@drawn(_promises_rows)
def promises(rows: Rows) -> Any:
    """How often a promise of 90 % is broken, a dot a world: a certificate's in about one draw of ten at the most."""
    names = {rule.strip("*"): colour for rule, colour in RULES.items()}
    ticks = (
        plot(rows)
        .mark_circle(size=60, opacity=0.6)
        .encode(
            x=alt.X(
                "broken:Q", title="share of draws in which the promise is broken", axis=alt.Axis(format=".1f")
            ),
            y=alt.Y("rule:N", title=None, sort=list(names)),
            color=coloured("rule:N", names, shown=False),
        )
    )
    return (ruled(0.1) + ticks).properties(width=480, height=130)


def _few_rows() -> Rows:
    return [
        {"n": int(line["n"]), "rule": rule, "sent": numbers(cell)[0], "broken": numbers(cell)[1]}
        for line in table("numbers.md", "n", "certify")
        for rule, cell in line.items()
        if rule != "n"
    ]


FEW = {
    "certify": BLUE,
    "fixed sequence": SKY,
    "multi-start": ORANGE,
    "SGR": MUTED,
    "Bonferroni": GREY,
    "split": VERMILION,
    "Massart": INK,
}


@drawn(_few_rows)
def few(rows: Rows) -> Any:
    """The share of answers sent by number of labels: `certify` sends most of those that keep the promise."""
    return plot([row for row in rows if row["rule"] in FEW]).mark_line(point=True).encode(
        x=by_labels(30, 60, 100, 200, 500, 1000),
        y=alt.Y("sent:Q", title="share of answers sent", axis=alt.Axis(format=".1f")),
        color=coloured("rule:N", FEW, columns=4),
        strokeWidth=alt.condition("datum.rule == 'certify'", alt.value(3), alt.value(1.5)),
        strokeDash=alt.StrokeDash("rule:N", sort=list(FEW), legend=None),
    ).properties(width=480, height=240)  # fmt: skip


def _alarms_rows() -> Rows:
    return [
        {"rule": line["rule"].replace("*", ""), "false": numbers(line["false alarms, 20,000 labels"])[0]}
        for line in table("watching.md", "rule")
    ]


@drawn(_alarms_rows)
def alarms(rows: Rows) -> Any:
    """False alarms on calibrated streams: the usual rules nearly always, the monitor in one of forty."""
    bars = (
        plot(rows)
        .mark_bar(height=16)
        .encode(
            x=alt.X(
                "false:Q",
                title="share of 1,000 calibrated streams with an alarm in 20,000 labels",
                scale=across(0, 1),
            ),
            y=alt.Y("rule:N", title=None, sort=None, axis=alt.Axis(labelLimit=300)),
            color=alt.condition("indexof(datum.rule, 'monitor') == 0", alt.value(BLUE), alt.value(GREY)),
        )
    )
    said = bars.mark_text(align="left", dx=4, fontSize=13).encode(
        text=alt.Text("false:Q", format=".3~f"), color=alt.value(INK)
    )
    return (bars + said + ruled(0.05)).properties(width=420, height=180)


def _calibrators_rows() -> Rows:
    rows, n = [], 0
    labels = ("50", "200", "1,000", "half of a log")
    for line in table("benchmarks.md", "method", "Brier", "ECE"):
        n += line["method"] == "calibrant auto"
        rows.append({"labels": labels[n - 1], "method": line["method"], "brier": float(line["Brier"])})
        if line["method"] == "calibrant auto":
            best = float(line["Brier"])
        rows[-1]["behind"] = round(1000 * (rows[-1]["brier"] - best), 2)
    return rows


@drawn(_calibrators_rows)
def calibrators(rows: Rows) -> Any:
    """By how much each calibrator's Brier score is above that of `auto`, on 184 recorded logs."""
    others = [row for row in rows if row["method"] != "calibrant auto"]
    methods = [
        "calibrant beta",
        "calibrant platt",
        "venn-abers",
        "betacal",
        "scikit-learn isotonic",
        "scikit-learn sigmoid",
        "netcal histogram",
    ]
    panels = [
        plot([row for row in others if row["labels"] == labels]).mark_bar(height=10).encode(
            x=alt.X("behind:Q", title="Brier x 1000", scale=across(0, 28), axis=alt.Axis(values=[0, 10, 20])),
            y=alt.Y("method:N", title=None, sort=methods, axis=alt.Axis(labels=i == 0, ticks=i == 0)),
            color=alt.condition("indexof(datum.method, 'calibrant') == 0", alt.value(BLUE), alt.value(ORANGE)),
        ).properties(width=120, height=170, title=f"{labels} labels" if i < 3 else labels)
        for i, labels in enumerate(dict.fromkeys(row["labels"] for row in rows))
    ]  # fmt: skip
    return alt.hconcat(*panels)


TASKS = ("world_facts", "strategyqa", "boolq_valid", "commonsenseqa_dev", "arc_easy")


def _ranking_rows() -> Rows:
    rows = []
    for line in table("signals.md", "signal", "world_facts"):
        for task in TASKS:
            if len(found := numbers(line[task])) == 3:
                value, low, high = found
                rows.append(
                    {
                        "signal": line["signal"].strip("`"),
                        "task": task,
                        "auroc": value,
                        "low": low,
                        "high": high,
                    }
                )
    return rows


@drawn(_ranking_rows)
def ranking(rows: Rows) -> Any:
    """How well signals rank right answers above wrong ones on five tasks, with 95 % intervals; one half is a coin."""
    signals = list(dict.fromkeys(row["signal"] for row in rows))
    panels = []
    for i, task in enumerate(TASKS):
        shown = plot([row for row in rows if row["task"] == task])
        y = alt.Y(
            "signal:N",
            title=None,
            scale=alt.Scale(domain=signals),
            axis=alt.Axis(labels=i == 0, ticks=i == 0, labelLimit=240, grid=True),
        )
        scale = across(0.3, 1)
        lines = shown.mark_rule(color=MUTED).encode(
            x=alt.X("low:Q", title="AUROC", scale=scale, axis=alt.Axis(values=[0.5, 1], format=".1f")),
            x2="high:Q",
            y=y,
        )
        dots = shown.mark_circle(size=42, color=BLUE, opacity=1).encode(x=alt.X("auroc:Q", scale=scale), y=y)
        panels.append(
            (ruled(0.5, 0.3) + lines + dots).properties(
                width=96, height=430, title=task.removesuffix("_valid").removesuffix("_dev")
            )
        )
    return alt.hconcat(*panels, spacing=10)


AGAINST = ("saved against sending all", "reviewing all", "raw confidence", "default bands")


def _saved_rows() -> Rows:
    return [
        {
            "log": line["labels of a log, costs"],
            "against": against.removeprefix("saved against "),
            "saved": numbers(line[against])[0],
        }
        for line in table("costs.md", "labels of a log, costs")
        for against in AGAINST
    ]


@drawn(_saved_rows)
def saved(rows: Rows) -> Any:
    """What planned thresholds save against sending all, reviewing all, the raw confidence and the default bands."""
    ways = [against.removeprefix("saved against ") for against in AGAINST]
    return plot(rows).mark_bar().encode(
        x=alt.X("saved:Q", title="% of the cost saved", scale=across(0, 65)),
        y=alt.Y("log:N", title=None, sort=None, axis=alt.Axis(labelLimit=300)),
        yOffset=alt.YOffset("against:N", sort=None),
        color=coloured("against:N", dict(zip(ways, (VERMILION, ORANGE, SKY, BLUE), strict=True))),
    ).properties(width=380, height=270)  # fmt: skip


def _gain_rows() -> Rows:
    heads = {
        "stated confidence": "APGR by stated confidence",
        "P(small right)": "by P(small right)",
        "gain": "**by gain**",
    }
    return [
        {
            "pair": f"{line['small -> large (share right)'].partition(' (')[0]}, {line['log']}{extra}",
            "by": by,
            "apgr": found[0],
        }
        for line in table("cascades.md", "small -> large (share right)", "log")
        for extra in [", two peers" if "two peers" in line["small -> large (share right)"] else ""]
        for by, head in heads.items()
        if (found := numbers(line[head]))
    ]


@drawn(_gain_rows)
def gain(rows: Rows) -> Any:
    """How much of the gap between two models is recovered: most by gain, by stated confidence as if at random."""
    colours = {"stated confidence": VERMILION, "P(small right)": ORANGE, "gain": BLUE}
    dots = (
        plot(rows)
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            x=alt.X("apgr:Q", title="share of the gap recovered (APGR)", scale=across(0.4, 1.05)),
            y=alt.Y("pair:N", title=None, sort=None, axis=alt.Axis(labelLimit=420, grid=True)),
            color=coloured("by:N", colours),
            shape=alt.Shape("by:N", sort=list(colours), legend=None),
        )
    )
    return (ruled(0.5, 0.4, 1.05) + dots).properties(width=330, height=290)


def picture(name: str) -> str:
    """The chart of this name as SVG, with the digest of its rows."""
    rows, chart = CHARTS[name]
    found, says = rows(), str(chart.__doc__).replace("`", "")
    svg = to_svg(dressed(chart(found), says).properties(padding=ROOM), title=says)
    return f"{svg.strip().removesuffix('</svg>')}<!-- rows {digest(found)} --></svg>"


def main(asked: list[str]) -> None:
    """Draw those that were asked for, or all."""
    for name in asked or CHARTS:
        (FOLDER / "pictures" / f"measured-{name}.svg").write_text(picture(name) + "\n", encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
