"""Pooled votes against a majority, averaged confidences, log-odds accuracy weights and the best single model.

    CALIBRANT_DATA=... python benchmarks/ensembles.py [SEEDS] [MMLU_PRO_OUTPUTS] [--quick]

On recorded answers of several models to the same questions: 14 models, and the weaker six of them, on MMLU-Pro; all
11, and the middle five, of `lifeeval`; GPT-4 and GPT-3.5, each with and without retrieved text, on medical questions.
Fitted on 2,000 items (100 as well), measured on all others, five draws. Intervals are 95 %, of the mean over the
draws, by a bootstrap over items that takes all of an item's draws together. "ECE noise" is the mean and the 95 % end
of what a pool with the true odds would show, its level and slope fitted anew on as many labels.

MMLU_PRO_OUTPUTS is a folder with the published outputs (`eval_results/*.zip`) of github.com/TIGER-AI-Lab/MMLU-Pro;
with it, six open models, the best of which is right in .471, are pooled too: no confidences, votes alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from calibrant import metrics
from calibrant.logs.panels import Panel, read_panel
from calibrant.planning.ensembles import EnsemblePlan, majority, plan_ensemble
from calibrant.plans.ballots import Ballots, levels_of
from calibrant.routing.votes import fit_votes
from made import recorded

STRONG = (
    "gpt-4.1-mini", "gemini-1.5-pro", "gpt-4o-2024-08-06", "Meta-Llama-3.1-405B-Instruct-Turbo", "Qwen2.5-32B-Instruct",
    "gpt-4.1-nano", "Meta-Llama-3.1-70B-Instruct-Turbo", "claude-3-5-haiku-20241022",
)  # fmt: skip
WEAK = (
    "gpt-4o-mini-2024-07-18", "Mistral-Small-24B-Instruct-2501", "gemini-1.5-flash-8b", "gemma-2-9b-it",
    "Meta-Llama-3.1-8B-Instruct-Turbo", "claude-3-haiku-20240307",
)  # fmt: skip
MIDDLE = (
    "claude-3-7-sonnet-20250219", "Meta-Llama-3.1-70B-Instruct", "deepseek-v3", "claude-3-haiku-20240307",
    "Meta-Llama-3.1-8B-Instruct",
)  # fmt: skip
LIFE = (
    "o3-2025-04-16", "gemini-2.5-flash", "gpt-4o", "claude-sonnet-4-20250514", "deepseek-r1", "gemini-2.5-pro", *MIDDLE,
)  # fmt: skip
MEDICAL = (
    "gpt-4-32k-0613+cot", "gpt-4-32k-0613+rag", "gpt-3.5-turbo-16k-0613+cot", "gpt-3.5-turbo-16k-0613+rag",
)  # fmt: skip
OPEN = (
    "Qwen1.5-72B-Chat", "Meta-Llama-3_1-8B-Instruct", "Yi-34B", "mathstral-7B", "Mixtral-8x7B-Instruct-v0.1",
    "Phi-3-mini-4k-instruct",
)  # fmt: skip
SIZES = (2000, 100)
WAYS = ("pooled", "majority", "averaging", "log_odds", "best_single")


def outputs(folder: Path) -> pd.DataFrame:
    """The published answers of the six open models."""
    frames = []
    for name in OPEN:
        rows = []
        with zipfile.ZipFile(folder / f"model_outputs_{name}_5shots.zip") as packed:
            for part in packed.namelist():
                if part.endswith("json") and "__MACOSX" not in part:
                    rows += [q for q in json.loads(packed.read(part)) if isinstance(q, dict)]
        made = pd.DataFrame(rows).drop_duplicates("question_id")
        frames.append(pd.DataFrame({
            "model": name, "task": "mmlu_pro", "domain": made["category"], "item_id": made["question_id"],
            "answer": made["pred"], "correct": (made["pred"] == made["answer"]).astype(int),
        }))  # fmt: skip
    return pd.concat(frames)


def log_odds(plan: EnsemblePlan, panel: Panel, whole: Ballots) -> np.ndarray:
    """Votes weighted by the log-odds of each model's accuracy, against ten options: the usual baseline."""
    test = plan.tested
    rate = np.clip([v.accuracy * v.rows / plan.fit_rows for v in plan.pool.voters], 0.01, 0.99)
    at = whole.at(test)
    chosen = at.best(
        at.spread(np.repeat(np.log(9 * rate / (1 - rate))[:, None], len(at), axis=1)).sum(axis=0)
    )
    graded = at.grades(panel.grade[:, test])
    return np.where(chosen >= 0, np.nan_to_num(graded[chosen]), 0.0)


def measured(name: str, log: str, models: tuple[str, ...], seeds: int, sizes: Sequence[int] = SIZES) -> None:
    panel = read_panel(log, models)
    whole = Ballots.of(panel.models, panel.answer)
    print(f"\n### {name}: {len(models)} models, {len(panel):,} items")
    for size in sizes:
        plans = [plan_ensemble(panel, models, fit_rows=size, seed=seed, resamples=2) for seed in range(seeds)]
        right = [{**plan.right, "log_odds": log_odds(plan, panel, whole)} for plan in plans]
        print(f"\nfit on {size:,}, {seeds} draws")
        hindsight = max(models, key=lambda m: np.mean([r[m].mean() for r in right]))
        for way in WAYS:
            value = np.mean([r[way].mean() for r in right])
            low, high = over_items(len(panel), plans, [r["pooled"] - r[way] for r in right])
            gap = np.mean([(r["pooled"] - r[way]).mean() for r in right])
            told = (
                ""
                if way == "pooled"
                else f"   pooled is {100 * gap:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"
            )
            print(f"  {way:12} {value:.4f}{told}")
        low, high = over_items(len(panel), plans, [r["pooled"] - r[hindsight] for r in right])
        print(f"  hindsight    {np.mean([r[hindsight].mean() for r in right]):.4f}   pooled is "
              f"({100 * low:+.2f} to {100 * high:+.2f}) points, {hindsight}")  # fmt: skip
        ece = np.array([metrics.ece(plan.tally) for plan in plans])
        floor, noise, end, brier = np.mean([
            (metrics.noise_floor(p.tally), p.noise.value, p.noise.high, metrics.brier(p.tally)) for p in plans
        ], axis=0)  # fmt: skip
        within = sum(e <= plan.noise.high for e, plan in zip(ece, plans, strict=True))
        print(
            f"  ECE {ece.mean():.4f} (from {ece.min():.3f} to {ece.max():.3f}); chance alone {floor:.4f}; "
            f"ECE noise {noise:.4f}, 95 % end {end:.4f}; within it {within} of {seeds}; Brier {brier:.4f}"
        )


def over_items(count: int, plans: list[EnsemblePlan], gaps: list[np.ndarray]) -> tuple[float, float]:
    """95 % interval of the mean gap over draws: items are drawn again, with all that they brought in every draw."""
    total, times = np.zeros(count), np.zeros(count)
    for plan, gap in zip(plans, gaps, strict=True):
        total[plan.tested] += gap
        times[plan.tested] += 1
    rng = np.random.default_rng(0)
    made = []
    for _ in range(1000):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count)
        made.append(float(drawn @ total / (drawn @ times)))
    low, high = np.quantile(made, [0.025, 0.975])
    return float(low), float(high)


def ceiling(log: str, models: tuple[str, ...]) -> None:
    """The best that votes alone can do: for each pattern of who agrees with whom, the voter best in hindsight."""
    panel = read_panel(log, models)
    ballots = Ballots.of(panel.models, panel.answer)
    _, pattern = np.unique(ballots.choice, axis=1, return_inverse=True)
    right = np.where(ballots.choice >= 0, np.nan_to_num(panel.grade), 0.0)
    sums = np.array([np.bincount(pattern.ravel(), row) for row in right])
    print(f"  best rule for each pattern of votes, in hindsight: {sums.max(axis=0).sum() / len(panel):.4f}")


def copies(log: str, size: int = SIZES[0]) -> None:
    """What it does to the pool if one of the voters is there three times."""
    panel = read_panel(log, WEAK[:3])
    ballots = Ballots.of(panel.models, panel.answer, panel.scores, levels_of(panel.task, panel.domain))
    thrice = Ballots(
        voters=(*WEAK[:3], "copy", "copy of the copy"), choice=ballots.choice[[0, 1, 2, 2, 2]], levels=ballots.levels,
        scores={name: values[[0, 1, 2, 2, 2]] for name, values in ballots.scores.items()},
    )  # fmt: skip
    grade = panel.grade[[0, 1, 2, 2, 2]]
    fit = np.sort(np.random.default_rng(0).permutation(len(panel))[:size])
    test = np.setdiff1d(np.arange(len(panel)), fit)
    shown = []
    for made, g in ((ballots, panel.grade), (thrice, grade)):
        at = made.at(test)
        pooled = fit_votes(made.at(fit), g[:, fit], by=("task", "domain"))(at)
        graded = at.grades(g[:, test])
        rate = np.nan_to_num(np.nanmean(g[:, fit], axis=1))
        heads = majority(at, np.repeat(rate[:, None], len(at), axis=1))
        there = pooled.best >= 0
        shown.append((
            np.where(there, graded[pooled.best], 0).mean(), np.where(there, graded[heads], 0).mean(),
            pooled.confidence[there].mean(),
        ))  # fmt: skip
    print(f"\n### Three models, and the weakest of them two more times (fit on {size:,})")
    for name, (pooled, most, mean) in zip(("three", "with copies"), shown, strict=True):
        print(f"  {name:12} pooled {pooled:.4f} (mean confidence {mean:.4f}), majority {most:.4f}")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("seeds", nargs="?", type=int, default=5)
    parser.add_argument("outputs", nargs="?", type=Path, metavar="MMLU_PRO_OUTPUTS")
    parser.add_argument("--quick", action="store_true", help="one draw of four models on made-up logs")
    return parser


def main() -> None:
    given = options().parse_args()
    data, seeds = recorded(given.quick), given.seeds
    logs = {name: f"{data}/logs/{name}.parquet" for name in ("linwei_mmlu_pro", "lifeeval", "mirage_medqa")}
    if given.quick:
        measured("mirage_medqa", logs["mirage_medqa"], MEDICAL, 1, (100,))
        ceiling(logs["mirage_medqa"], MEDICAL)
        copies(logs["linwei_mmlu_pro"], 100)
        return
    if given.outputs:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/open.parquet"
            outputs(given.outputs).astype({"item_id": str}).to_parquet(path)
            measured("MMLU-Pro, six open models", path, OPEN, seeds)
    measured("mirage_medqa", logs["mirage_medqa"], MEDICAL, seeds)
    ceiling(logs["mirage_medqa"], MEDICAL)
    measured("lifeeval, all", logs["lifeeval"], LIFE, seeds)
    measured("lifeeval, the middle five", logs["lifeeval"], MIDDLE, seeds)
    measured("linwei_mmlu_pro, the weaker six", logs["linwei_mmlu_pro"], WEAK, seeds)
    measured("linwei_mmlu_pro, all", logs["linwei_mmlu_pro"], (*STRONG, *WEAK), seeds)
    copies(logs["linwei_mmlu_pro"])


if __name__ == "__main__":
    main()
