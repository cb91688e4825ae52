"""Cascades of three models and more: what each stage is ranked by, and what stages are worth.

    CALIBRANT_DATA=... python benchmarks/stages.py [SPLITS] [--quick]

Of recorded answers, and of worlds whose chances are known, 150, 300 and 1,000 questions are drawn SPLITS times (default
3) and fitted on; all others are measured. For each decision of a chain, the first model's and each stage's: APGR
between its answer and all that follows, by P(its answer is right), by the gain of the regressions alone, and by the
plan's gain, which is made of both. Then, within a budget: the share right, and what an answer costs, of a plan of first
and large model alone and of one with the stages. Prices are those of `PRICES`, by place. `--quick` makes a log up.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from calibrant.logs.panels import Panel, read_panel
from calibrant.metrics.recovery import Recovery, apgr
from calibrant.planning.cascades import plan_cascade
from calibrant.planning.operating import Aim
from calibrant.planning.prices import prices_of
from calibrant.planning.splits import by_name, parted
from calibrant.planning.stages import Behind, Middle, behind
from calibrant.planning.ways import Fitted, Table, Who
from calibrant.plans.first_answers import FirstAnswers
from calibrant.plans.gains import GainModel

LLAMA = "Meta-Llama-3.1-"
CHAINS = (
    ("lifeeval", (f"{LLAMA}8B-Instruct", f"{LLAMA}70B-Instruct", "gpt-4o")),
    ("lifeeval", ("claude-3-haiku-20240307", "deepseek-v3", "claude-sonnet-4-20250514")),
    ("linwei_mmlu_pro", (f"{LLAMA}8B-Instruct-Turbo", f"{LLAMA}70B-Instruct-Turbo", f"{LLAMA}405B-Instruct-Turbo")),
    ("linwei_mmlu_pro", ("gemini-1.5-flash-8b", "gpt-4o-mini-2024-07-18", "gemini-1.5-pro")),
    ("linwei_mmlu_pro", ("gemma-2-9b-it", "gemini-1.5-flash-8b", "Qwen2.5-32B-Instruct", "gpt-4.1-mini")),
    ("bplaut_mcq", ("Llama-7b", "Llama-13b", "Llama-70b")),
    ("bplaut_mcq", ("Yi-6b", "gpt-3.5-turbo", "gpt-4-turbo")),
)  # fmt: skip
WORLDS = ("the hardest beyond all", "doubt is all there is", "a middle that knows two domains")
PRICES = {3: (1.0, 4.0, 20.0), 4: (1.0, 2.0, 6.0, 20.0)}
BUDGET = 6.0
WORLD = ("small", "middle", "large")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("splits", nargs="?", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one split of one made-up log")
    return parser


def made_up(world: str, seed: int, items: int) -> pd.DataFrame:
    """Three models of which it is known how likely each is right, and how sure each says it is."""
    rng = np.random.default_rng([seed, len(world)])
    domain, hard = rng.integers(0, 4, items), rng.normal(size=items)
    odds = np.stack([0.6 - 1.4 * hard, 1.3 - 1.1 * hard, 2.2 - 0.7 * hard])
    if world == WORLDS[0]:
        odds[1:] = np.where(hard > 0.8, np.stack([odds[0], odds[0]]), odds[1:])
    elif world == WORLDS[1]:
        odds[1:] = np.array([[0.9], [1.9]])
    else:
        odds[1] = np.where(domain < 2, 2.2 - 0.5 * hard, odds[0])
    right = rng.random(odds.shape) < 1 / (1 + np.exp(-odds))
    sure = 1 / (1 + np.exp(-(0.7 * odds + 0.5 * rng.normal(size=odds.shape))))
    truth = rng.integers(0, 4, items)
    named = np.array(["law", "art", "sea", "sky"])[domain]
    frames = [
        pd.DataFrame({
            "model": name, "task": "quiz", "domain": named, "item_id": np.arange(items),
            "answer": np.array(list("ABCD"))[np.where(right[j], truth, (truth + rng.integers(1, 4, items)) % 4)],
            "correct": right[j].astype(int),
            "confidence": sure[j], "signal": "verbalized",
        })
        for j, name in enumerate(WORLD)
    ]  # fmt: skip
    return pd.concat(frames)


def decisions(panel: Panel, models: Sequence[str], rows: int, seed: int) -> Iterator[tuple[str, list[float]]]:
    """Of each decision of a chain its APGR by doubt, by the gain of the regressions alone, and by both."""
    ends, stages = (models[0], models[-1]), models[1:-1]
    fit, test = parted(panel, rows, seed, what="A cascade", least=10)
    stated = dict(zip(models, PRICES[len(models)], strict=True))
    table = Table(panel, ends, (), prices_of(panel, (*ends, *stages), (), stated))
    who = Who.on(table, fit)
    middles, after = table.middles(who.first, stages), table.large
    made = [behind(table.large, middles[j:], panel.weight, fit) for j in range(len(stages))]
    chains = [some[min(_SENT, len(some) - 1)] for some in made]
    for one, chain, then in zip(middles, chains, [*chains[1:], after], strict=True):
        yield f"{one.model[-19:]} or on", apgrs(chain.stages[0].gain, one, then, test)
    first = Fitted.on(table, fit, who, chains[0])
    small = Middle(
        model=models[0], answers=table.answers[models[0]], grade=panel.grade[0], cost=panel.grade[0]
    )
    yield f"{models[0][-19:]} or on", apgrs(first.models[models[0]], small, chains[0], test)


_SENT = 2
"""Which of the cascades of `behind` is looked at: one whose last stage sends a part of its answers on."""


def apgrs(model: GainModel, asked: Middle, after: Behind, test: np.ndarray) -> list[float]:
    """By doubt, by gain alone and by both, where the model has a verdict."""
    at = test[~np.isnan(asked.grade[test])]
    there: FirstAnswers = asked.answers.at(at)
    alone, told = replace(model, slope=(0.0, 1.0, 0.0), doubt=())(there), model(there)
    found = [
        apgr(Recovery.of(way, asked.grade[at], after.grade[at]))
        for way in (-told.small, alone.gain, told.gain)
    ]
    return [np.nan if one is None else one for one in found]


def worth(log: Any, models: Sequence[str], rows: int, seed: int) -> list[float]:
    """Share right and cost of a plan without the stages, and of one with them, within one budget."""
    stated = dict(zip(models, PRICES[len(models)], strict=True))
    made = []
    for stages in ((), models[1:-1]):
        plan = plan_cascade(
            log, (models[0], models[-1]), fit_rows=rows, seed=seed, stages=stages, aim=Aim(budget=BUDGET), resamples=2,
            prices={name: stated[name] for name in (models[0], models[-1], *stages)},
        )  # fmt: skip
        made += [plan.chosen["accuracy"], plan.chosen["cost"]]
    return made


def measured(name: str, logs: Sequence[Any], models: Sequence[str], sizes: Sequence[int]) -> None:
    """One chain: a line for each decision and size, and one for what the stages are worth."""
    panels = []
    for log in dict.fromkeys(map(id, logs)):
        panel = read_panel(
            next(one for one in logs if id(one) == log), [models[0], models[-1], *models[1:-1]]
        )
        panel = panel.of(np.flatnonzero(~np.isnan(panel.grade[:2]).any(axis=0)))
        panels.append(panel.of(by_name(panel)))
    for rows in sizes:
        told: dict[str, list[list[float]]] = {}
        for seed in range(len(logs)):
            for what, values in decisions(panels[seed % len(panels)], models, rows, seed):
                told.setdefault(what, []).append(values)
        for what, each in told.items():
            doubt, gain, both = np.mean(each, axis=0)
            off = [one[2] - one[int(gain > doubt)] for one in each]
            error = np.std(off, ddof=1) / np.sqrt(len(off)) if len(off) > 1 else np.nan
            print(f"{name:34}{what:28}{rows:6}{doubt:8.3f}{gain:8.3f}{both:8.3f}{both - max(doubt, gain):+9.3f}"
                  f"{error:8.3f}", flush=True)  # fmt: skip
            MEANS.setdefault(rows, []).append((doubt, gain, both))
        a, c, b, d = np.mean([worth(log, models, rows, seed) for seed, log in enumerate(logs)], axis=0)
        print(
            f"{name:34}{'two models, with stages':28}{rows:6}{a:8.3f} at {c:.2f}{b:8.3f} at {d:.2f}",
            flush=True,
        )


MEANS: dict[int, list[tuple[float, float, float]]] = {}


def main() -> None:
    given = options().parse_args()
    print(
        f"{'chain':34}{'decision':28}{'rows':>6}{'doubt':>8}{'gain':>8}{'both':>8}{'to better':>9}{'error':>8}"
    )
    if given.quick:
        measured(WORLDS[0], [made_up(WORLDS[0], 0, 400)], WORLD, (150,))
        return
    if "CALIBRANT_DATA" not in os.environ:
        sys.exit(
            "Set CALIBRANT_DATA to the folder of recorded data, or give --quick: without it nothing is measured."
        )
    folder = Path(os.environ["CALIBRANT_DATA"]) / "logs"
    sizes = (150, 300, 1000)
    for world in WORLDS:
        measured(world, [made_up(world, seed, 6000) for seed in range(given.splits)], WORLD, sizes)
    for log, models in CHAINS:
        measured(
            f"{log[:8]} {models[0][-22:]}", [str(folder / f"{log}.parquet")] * given.splits, models, sizes
        )
    for rows, each in MEANS.items():
        doubt, gain, both = np.mean(each, axis=0)
        print(f"{'mean of all decisions':62}{rows:6}{doubt:8.3f}{gain:8.3f}{both:8.3f}")


if __name__ == "__main__":
    main()
