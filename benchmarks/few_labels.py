"""Cascades and ensembles with few labels, next to the better of their parts.

    CALIBRANT_DATA=... python benchmarks/few_labels.py [SPLITS] [--quick]

Of recorded answers 150, 300 and 1,000 questions (100, 300 and 1,000 for ensembles) are drawn SPLITS times (default 5)
and fitted on; all others are measured. For each pair of models: APGR by the small model's own confidence, by P(small
right), by the gain of the regressions alone, and by the plan's gain, which is made of both. For each set of voters: the
share right of the best single model, of a majority (ties go to the surer voters), and of the pool. Below, the means
over all pairs and sets, and the same of four worlds whose voters are made up: near copies, weak ones, one that is
strong among others, and specialists, each with confidences and by votes alone. `--quick` makes its log up.
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
from calibrant.planning.cascades import first_answers_of
from calibrant.planning.ensembles import plan_ensemble
from calibrant.planning.splits import parted
from calibrant.routing.gains import fit_gains

LLAMA = "Meta-Llama-3.1-"
PAIRS = (
    ("lifeeval", f"{LLAMA}8B-Instruct", f"{LLAMA}70B-Instruct"),
    ("lifeeval", f"{LLAMA}8B-Instruct", "gpt-4o"),
    ("lifeeval", f"{LLAMA}70B-Instruct", "gpt-4o"),
    ("lifeeval", "deepseek-v3", "deepseek-r1"),
    ("lifeeval", "claude-3-haiku-20240307", "claude-sonnet-4-20250514"),
    ("linwei_mmlu_pro", f"{LLAMA}8B-Instruct-Turbo", f"{LLAMA}70B-Instruct-Turbo"),
    ("linwei_mmlu_pro", "gemini-1.5-flash-8b", "gemini-1.5-pro"),
    ("linwei_mmlu_pro", "Qwen2.5-32B-Instruct", "gpt-4o-2024-08-06"),
    ("bplaut_mcq", "Llama-7b", "Llama-70b"),
    ("bplaut_mcq", "Llama3-8b", "Llama3-70b"),
    ("bplaut_mcq", "Yi-6b", "Yi-34b"),
    ("bplaut_mcq", "Falcon-7b", "Falcon-40b"),
    ("bplaut_mcq", "Mistral", "Mixtral"),
    ("bplaut_mcq", "gpt-3.5-turbo", "gpt-4-turbo"),
)
WEAKEST = ("gemma-2-9b-it", f"{LLAMA}8B-Instruct-Turbo", "claude-3-haiku-20240307")
SETS = {
    "one strong voter": ("linwei_mmlu_pro", ("gemini-1.5-pro", *WEAKEST)),
    "one strong voter of five": ("linwei_mmlu_pro", ("gpt-4.1-mini", "gemini-1.5-flash-8b", *WEAKEST)),
    "four strong": (
        "linwei_mmlu_pro",
        ("gpt-4.1-mini", "gemini-1.5-pro", "gpt-4o-2024-08-06", f"{LLAMA}405B-Instruct-Turbo"),
    ),
    "six weaker": (
        "linwei_mmlu_pro",
        ("gpt-4o-mini-2024-07-18", "Mistral-Small-24B-Instruct-2501", "gemini-1.5-flash-8b", *WEAKEST),
    ),
    "near copies": ("lifeeval", ("gemini-2.5-flash", "gemini-2.5-pro", "claude-sonnet-4-20250514")),
    "the middle five": (
        "lifeeval",
        ("claude-3-7-sonnet-20250219", f"{LLAMA}70B-Instruct", "deepseek-v3", "claude-3-haiku-20240307",
         f"{LLAMA}8B-Instruct"),
    ),
    "medical": (
        "mirage_medqa",
        ("gpt-4-32k-0613+cot", "gpt-4-32k-0613+rag", "gpt-3.5-turbo-16k-0613+cot", "gpt-3.5-turbo-16k-0613+rag"),
    ),
}  # fmt: skip


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("splits", nargs="?", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one split of one made-up log")
    return parser


def made_up(items: int = 400) -> pd.DataFrame:
    """Three models that answer one of four options, each surer where it is right."""
    rng, rows = np.random.default_rng(0), []
    hard = rng.random(items)
    for model, able in (("small", 0.3), ("middle", 0.5), ("large", 0.7)):
        right = rng.random(items) < able + 0.3 * (1 - hard)
        answer = np.where(right, "A", rng.choice(list("BCD"), items))
        sure = np.clip(0.5 + 0.3 * (right - 0.5) + 0.1 * rng.normal(size=items), 0, 1)
        rows.append(pd.DataFrame({
            "model": model, "task": "quiz", "domain": np.where(hard < 0.5, "law", "art"), "item_id": np.arange(items),
            "answer": answer, "correct": right.astype(int), "confidence": sure, "signal": "verbalized",
        }))  # fmt: skip
    return pd.concat(rows)


OPTIONS = "ABCDEF"
DOMAINS = ("law", "art", "trade", "health")


def rates(world: str, domain: np.ndarray) -> np.ndarray:
    """How likely each voter of a world is right on items of these domains, shape (voters, items)."""
    level = {
        "near copies": (0.72, 0.72, 0.71, 0.7, 0.69),
        "weak voters": (0.42, 0.44, 0.46, 0.48, 0.5),
        "one strong voter": (0.82, 0.55, 0.5, 0.5, 0.45),
        "specialists": (0.5, 0.5, 0.5, 0.5, 0.6),
    }[world]
    chance = np.repeat(np.array(level)[:, None], len(domain), axis=1)
    if world == "specialists":
        for j in range(len(DOMAINS)):
            chance[j] = np.where(domain == j, 0.9, chance[j])
    return chance


def world_log(world: str, seed: int, items: int = 5000) -> pd.DataFrame:
    """Answers of one of the four worlds: hard items are hard for all, near copies say what one of them says."""
    rng = np.random.default_rng([seed, len(world)])
    domain = rng.integers(0, len(DOMAINS), items)
    chance = rates(world, domain)
    odds = np.log(chance / (1 - chance)) + 0.7 * rng.normal(size=items)
    able = 1 / (1 + np.exp(-odds))
    truth = rng.integers(0, len(OPTIONS), items)
    luck, lapse = rng.random(able.shape), rng.integers(1, len(OPTIONS), able.shape)
    if world == "near copies":
        alike = rng.random(able.shape) < 0.93
        luck, lapse = np.where(alike, luck[0], luck), np.where(alike, lapse[0], lapse)
    said = np.where(luck < able, truth, (truth + lapse) % len(OPTIONS))
    sure = 1 / (1 + np.exp(-(odds + 0.8 * rng.normal(size=able.shape))))
    frames = [
        pd.DataFrame({
            "model": f"voter {j}", "domain": [DOMAINS[d] for d in domain], "item_id": np.arange(items),
            "answer": [OPTIONS[a] for a in said[j]], "correct": (said[j] == truth).astype(int),
            "confidence": sure[j].clip(0.01, 0.99), "signal": "verbalized",
        })
        for j in range(len(said))
    ]  # fmt: skip
    return pd.concat(frames)


WORLDS = ("near copies", "weak voters", "one strong voter", "specialists")


def worlds(names: Sequence[str], sizes: Sequence[int], draws: int, items: int = 5000) -> None:
    """Each world drawn anew every time; the standard error is that of the mean over the draws."""
    print(
        f"\n{'made-up voters':52}{'rows':>6}{'single':>8}{'major':>8}{'pool':>8}{'to better':>11}{'error':>8}"
    )
    for name in names:
        told: dict[tuple[str, int], list[list[float]]] = {}
        for seed in range(draws):
            log = world_log(name, seed, items)
            for kind, panel in panels(log, [f"voter {j}" for j in range(5)]):
                for rows in sizes:
                    told.setdefault((kind, rows), []).append(pooled(panel, panel.models, rows, 1))
        for (kind, rows), each in told.items():
            mean = np.mean(each, axis=0)
            off = np.array(each)[:, 2] - np.array(each)[:, int(mean[:2].argmax())]
            error = off.std(ddof=1) / np.sqrt(draws) if draws > 1 else np.nan
            print(f"{line(name + kind, rows, mean.tolist(), mean[:2].tolist())}{error:8.4f}", flush=True)


def pair(log: Any, small: str, large: str, rows: int, splits: int) -> list[float]:
    """Mean APGR by own confidence, by doubt, by gain alone and by both."""
    panel = read_panel(log, [small, large])
    panel = panel.of(np.flatnonzero(~np.isnan(panel.grade[:2]).any(axis=0)))
    answers = first_answers_of(panel, small)
    own = next((panel.scores[name][0] for name in ("logprob", "verbalized") if name in panel.scores), None)
    made = []
    for seed in range(splits):
        fit, test = parted(panel, rows, seed, what="A cascade", least=10)
        model = fit_gains(answers.at(fit), panel.grade[0][fit], panel.grade[1][fit], panel.weight[fit])
        alone = replace(model, slope=(0.0, 1.0, 0.0), doubt=())
        there = answers.at(test)
        told = model(there)
        stated = np.zeros(len(test)) if own is None else -np.nan_to_num(own[test])
        ways = (stated, -told.small, alone(there).gain, told.gain)
        made.append([apgr(Recovery.of(way, *panel.grade[:2, test])) for way in ways])
    return np.array(made, dtype=float).mean(axis=0).tolist()


def pooled(panel: Panel, models: Sequence[str], rows: int, splits: int) -> list[float]:
    """Mean share right of the best single model, of a majority and of the pool."""
    plans = [plan_ensemble(panel, models, fit_rows=rows, seed=seed, resamples=2) for seed in range(splits)]
    ways = ("best_single", "majority", "pooled")
    return [float(np.mean([plan.right[way].mean() for plan in plans])) for way in ways]


def cascades(pairs: Sequence[tuple[str, Any, str, str]], sizes: Sequence[int], splits: int) -> None:
    print(f"{'small -> large':52}{'rows':>6}{'own':>8}{'doubt':>8}{'gain':>8}{'both':>8}{'to better':>11}")
    told: dict[int, list[list[float]]] = {}
    for name, log, small, large in pairs:
        for rows in sizes:
            made = pair(log, small, large, rows, splits)
            told.setdefault(rows, []).append(made)
            print(line(f"{name[:8]} {small[-19:]} -> {large[-19:]}", rows, made, made[1:3]), flush=True)
    for rows, each in told.items():
        mean = np.mean(each, axis=0).tolist()
        print(line(f"mean of {len(each)} pairs", rows, mean, mean[1:3]))


def ensembles(sets: Sequence[tuple[str, Any, Sequence[str]]], sizes: Sequence[int], splits: int) -> None:
    print(f"\n{'voters':52}{'rows':>6}{'single':>8}{'major':>8}{'pool':>8}{'to better':>11}")
    told: dict[int, list[list[float]]] = {}
    for name, log, models in sets:
        for kind, panel in panels(log, models):
            for rows in sizes:
                made = pooled(panel, models, rows, splits)
                told.setdefault(rows, []).append(made)
                print(line(f"{name}{kind}", rows, made, made[:2]), flush=True)
    for rows, each in told.items():
        mean = np.mean(each, axis=0).tolist()
        print(line(f"mean of {len(each)} sets", rows, mean, mean[:2]))


def panels(log: Any, models: Sequence[str]) -> Iterator[tuple[str, Panel]]:
    """The voters with what they say of themselves, and without."""
    panel = read_panel(log, models)
    if panel.scores:
        yield "", panel
    yield ", votes alone", replace(panel, scores={})


def line(name: str, rows: int, values: Sequence[float], parts: Sequence[float]) -> str:
    shown = "".join(f"{value:8.4f}" for value in values)
    return f"{name:52}{rows:6}{shown}{values[-1] - max(parts):+11.4f}"


def main() -> None:
    given = options().parse_args()
    if given.quick:
        log = made_up()
        cascades([("made up", log, "small", "large")], (150,), 1)
        ensembles([("made up", log, ("small", "middle", "large"))], (100,), 1)
        worlds(WORLDS[:1], (100,), 1, 300)
        return
    if "CALIBRANT_DATA" not in os.environ:
        sys.exit(
            "Set CALIBRANT_DATA to the folder of recorded data, or give --quick: without it nothing is measured."
        )
    folder = Path(os.environ["CALIBRANT_DATA"]) / "logs"
    pairs = [(log, str(folder / f"{log}.parquet"), small, large) for log, small, large in PAIRS]
    sets = [(name, str(folder / f"{log}.parquet"), models) for name, (log, models) in SETS.items()]
    cascades(pairs, (150, 300, 1000), given.splits)
    ensembles(sets, (100, 300, 1000), given.splits)
    worlds(WORLDS, (100, 300, 1000), 2 * given.splits)


if __name__ == "__main__":
    main()
