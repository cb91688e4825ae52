"""Cascades by the gain of the large model, on recorded answers of real models.

    CALIBRANT_DATA=... python benchmarks/cascades.py [SEEDS] [--quick]

For each pair of models a cascade is planned on some questions and measured on all others, over SEEDS random splits
(default 5). Printed are the means over the splits of APGR, CPT50 and CPT80; the APGR of the same fit's P(small right),
which is what a calibrated confidence of the small model gives, and of the small model's stated confidence as it is; the
accuracy when 42 % go to the large model; and how many of the plan's 95 % intervals, for the share of large calls and
for the accuracy at the chosen threshold, held what the other questions showed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from calibrant.logs.panels import Panel, read_panel
from calibrant.metrics.recovery import Recovery, apgr
from calibrant.planning.cascades import first_answers_of, plan_cascade
from made import recorded

LLAMA8, LLAMA70 = "Meta-Llama-3.1-8B-Instruct", "Meta-Llama-3.1-70B-Instruct"
PEERS = ("gpt-4.1-nano", "gpt-4o-mini-2024-07-18")


@dataclass(frozen=True)
class Pair:
    """A small and a large model of a log, and the APGR to beat (None where the log is another than was measured)."""

    log: str
    small: str
    large: str
    rows: int
    target: float | None
    peers: Sequence[str] = ()


PAIRS = (
    Pair("lifeeval", LLAMA8, LLAMA70, 1500, 0.790),
    Pair("lifeeval", LLAMA8, "gpt-4o", 1500, 0.778),
    Pair("lifeeval", LLAMA70, "gpt-4o", 1500, 0.776),
    Pair("lifeeval", "gpt-4o", "o3-2025-04-16", 1500, 0.909),
    Pair("lifeeval", "deepseek-v3", "deepseek-r1", 1500, 0.950),
    Pair("lifeeval", "claude-3-haiku-20240307", "claude-sonnet-4-20250514", 1500, 0.717),
    Pair("routellm", "Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview", 4213, 0.683),
    Pair("linwei_mmlu_pro", f"{LLAMA8}-Turbo", f"{LLAMA70}-Turbo", 2000, 0.666),
    Pair("linwei_mmlu_pro", "gemini-1.5-flash-8b", "gemini-1.5-pro", 2000, None, PEERS),
    Pair("linwei_mmlu_pro", "Qwen2.5-32B-Instruct", "gpt-4o-2024-08-06", 2000, None),
    Pair("linwei_mmlu_pro", "Qwen2.5-32B-Instruct", "gpt-4o-2024-08-06", 2000, None, PEERS),
)
HEAD = (
    f"{'small -> large':58} {'accuracy':>13} {'APGR':>6} {'goal':>6} {'CPT50':>6} {'CPT80':>6} {'P(small)':>8} "
    f"{'stated':>7} {'@ 42 %':>7} {'best':>6} {'share':>6} {'acc.':>6} {'s':>5}"
)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("seeds", nargs="?", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="one split of the first pair of each log, all made up"
    )
    return parser


def main() -> None:
    """Measure every pair."""
    given = options().parse_args()
    folder, seeds, pairs = recorded(given.quick) / "logs", given.seeds, PAIRS
    if given.quick:
        first = {pair.log: pair for pair in reversed(PAIRS)}
        seeds, pairs = 1, tuple(replace(pair, rows=150) for pair in first.values())
    print(HEAD)
    for pair in pairs:
        panel = read_panel(str(folder / f"{pair.log}.parquet"), [pair.small, pair.large, *pair.peers])
        panel = panel.of(np.flatnonzero(~np.isnan(panel.grade[:2]).any(axis=0)))
        told = [one_split(folder, pair, panel, seed) for seed in range(seeds)]
        print(line(pair, told), flush=True)


def one_split(folder: Path, pair: Pair, panel: Panel, seed: int) -> dict[str, Any]:
    """One plan, with what else its other rows tell."""
    start = time.process_time()
    made = plan_cascade(
        str(folder / f"{pair.log}.parquet"), [pair.small, pair.large], fit_rows=pair.rows, seed=seed, peers=pair.peers,
        resamples=100,
    )  # fmt: skip
    took = time.process_time() - start
    test = rest(panel, pair.rows, seed)
    told = made.plan.gains[pair.small](first_answers_of(test, pair.small, pair.peers))
    stated = test.scores.get("verbalized")
    raw = None if stated is None else apgr(Recovery.of(-np.nan_to_num(stated[0]), *test.grade[:2]))
    at = [point["large_share"] for point in made.measured.curve].index(0.42)
    hit = {
        name: made.chosen["predicted"][f"{name}_interval"][0] <= made.chosen["realised"][name]
        <= made.chosen["predicted"][f"{name}_interval"][1] for name in ("large_share", "accuracy")
    }  # fmt: skip
    return {
        **made.measured.values, "doubt": apgr(Recovery.of(-told.small, *test.grade[:2])), "stated": raw,
        "at42": made.measured.curve[at]["accuracy"], "took": took, **{f"hit_{k}": v for k, v in hit.items()},
    }  # fmt: skip


def rest(panel: Panel, rows: int, seed: int) -> Panel:
    """The items that the plan was not fitted on: the same draw from the same order."""
    keys = [f"{t}\x00{i}" for t, i in zip(panel.task, panel.item, strict=True)]
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.intp)
    return panel.of(np.sort(order[np.random.default_rng(seed).permutation(len(panel))[rows:]]))


def line(pair: Pair, told: list[dict[str, Any]]) -> str:
    """The means over the splits."""

    def mean(name: str, form: str = ".3f") -> str:
        values = [one[name] for one in told]
        return "-" if any(v is None for v in values) else format(float(np.mean(values)), form)

    def held(name: str) -> str:
        return f"{sum(one[f'hit_{name}'] for one in told)}/{len(told)}"

    name = f"{pair.small[-24:]} -> {pair.large[-24:]}{' + peers' if pair.peers else ''}"
    goal = "-" if pair.target is None else f"{pair.target:.3f}"
    return (
        f"{name:58} {mean('small_accuracy'):>6} {mean('large_accuracy'):>6} {mean('apgr'):>6} {goal:>6} "
        f"{mean('cpt50', '.2f'):>6} {mean('cpt80', '.2f'):>6} {mean('doubt'):>8} {mean('stated'):>7} {mean('at42'):>7} "
        f"{mean('best_accuracy'):>6} {held('large_share'):>6} {held('accuracy'):>6} {mean('took', '.1f'):>5}"
    )


if __name__ == "__main__":
    main()
