"""The confidence of a whole trajectory from its steps: where the truth is known, and on a recorded agent.

    python benchmarks/trajectories.py [REPETITIONS] [--airline FILE] [--quick]        # 20 repetitions by default

Worlds: every step is right with a chance that its trajectory's difficulty shares; a wrong step spoils the end unless
a later one recovers; a tool may fail, more often in wrong steps, and be tried again. Stated step confidences are
noisy and, but for the first world, bold: a chance of 0.75 is stated as about 0.9. The chance that the end is right
follows exactly from the hidden chances, so each method's probability is compared with it on 1,000 fresh
trajectories, for 50, 150 and 500 labelled ones. The ECE (10 bins) is against the true chances, so that it has no
noise of its own. No method can reach a distance of 0: the confidences do not tell the hidden chances. Coverage is
that of the map's 95 % interval for what the same fit says with 6,000 labels.

Then the airline agent of the recorded log `taubench_airline` (its turns, and what earlier trials of a task came
to), and with `--airline` its steps: FILE is historical_trajectories/gpt-4o-airline.json of sierra-research/tau-bench.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet
from scipy.special import expit, logit

from calibrant.fits.logistic import fit_logistic
from calibrant.logs.steps import StepLog, read_steps
from calibrant.planning.chains import compare
from calibrant.plans.steps import BASELINES, StepSeen, Trajectory, baseline
from calibrant.routing.trajectories import fit_trajectories
from calibrant.tally import Tally
from made import recorded_or_none

WORLDS: dict[str, dict[str, float]] = {
    "independent steps, honest": {"recover": 0.0, "errors": 0.0, "shared": 0.0, "length": 4.0, "bold": 0.0},
    "independent steps": {"recover": 0.0, "errors": 0.0, "shared": 0.0, "length": 4.0, "bold": 1.0},
    "steps share a difficulty": {"recover": 0.0, "errors": 0.0, "shared": 1.2, "length": 4.0, "bold": 1.0},
    "later steps recover": {"recover": 0.5, "errors": 0.0, "shared": 0.6, "length": 6.0, "bold": 1.0},
    "long": {"recover": 0.2, "errors": 0.0, "shared": 0.6, "length": 12.0, "bold": 1.0},
    "tools fail": {"recover": 0.3, "errors": 1.0, "shared": 0.6, "length": 6.0, "bold": 1.0},
}
FRESH, LIMIT, SIZES = 1000, 6000, (50, 150, 500)


def world(
    n: int,
    rng: np.random.Generator,
    *,
    recover: float,
    errors: float,
    shared: float,
    length: float,
    bold: float,
) -> tuple[list[Trajectory], np.ndarray]:
    """Trajectories with their grades, and the true chance of each."""
    made, truth = [], np.zeros(n)
    for k in range(n):
        hard, right, steps = rng.normal(0, shared), 1.0, list[StepSeen]()
        for _ in range(1 + rng.poisson(length - 1)):
            chance = float(expit(2.2 - hard + rng.normal(0, 0.8)))
            failed = bool(rng.random() < 0.05 + 0.5 * (1 - chance)) if errors else None
            again = bool(steps and steps[-1].tool_error and rng.random() < 0.7) if errors else None
            back = recover + (0.4 if again else 0.0)
            right = (right + (1 - right) * back) * chance * (0.7 if failed else 1.0)
            stated = expit((1 - 0.4 * bold) * logit(chance) + 1.6 * bold + rng.normal(0, 0.8))
            steps.append(
                StepSeen(
                    confidence=float(np.round(stated, 2)),
                    tokens=float(rng.poisson(60)),
                    tool_error=failed,
                    retry=again,
                )
            )
        truth[k] = right
        made.append(Trajectory(id=f"{k:06d}", steps=tuple(steps), correct=float(rng.random() < right)))
    return made, truth


def off(p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Root mean squared distance to the true chance, ECE against it, and the expected Brier score."""
    where = np.minimum((p * 10).astype(int), 9)
    error = np.abs(np.bincount(where, p - truth, 10)).sum() / len(p)
    return np.array(
        [np.sqrt(np.mean((p - truth) ** 2)), error, np.mean((p - truth) ** 2 + truth * (1 - truth))]
    )


def worlds(
    repetitions: int,
    names: Sequence[str] = tuple(WORLDS),
    fresh_ones: int = FRESH,
    many_ones: int = LIMIT,
    sizes: Sequence[int] = SIZES,
) -> None:
    for name in names:
        parts = WORLDS[name]
        rng = np.random.default_rng(1)
        fresh, truth = world(fresh_ones, rng, **parts)
        steps = [one.steps for one in fresh]
        scores = {method: np.clip(baseline(method, fresh), 0, 1) for method in BASELINES}
        many, _ = world(many_ones, rng, **parts)
        limit = fit_trajectories(many)(steps)
        print(
            f"\n### {name} ({truth.mean():.2f} right)\n\n"
            f"| method | {sizes[0]}: RMSE / ECE / Brier"
            f"{''.join(f' | {n}' for n in sizes[1:])} |\n|---{'|---' * len(sizes)}|"
        )
        found: dict[str, list[np.ndarray]] = {}
        covered = []
        for n in sizes:
            runs: dict[str, list[np.ndarray]] = {}
            hits = []
            for _ in range(repetitions):
                seen, _ = world(n, rng, **parts)
                grade = [one.correct for one in seen]
                made = fit_trajectories(seen)
                low, high = made.interval(steps)
                hits.append(np.mean((low <= limit) & (limit <= high)))
                runs.setdefault("map", []).append(off(made(steps), truth))
                runs.setdefault("rate", []).append(
                    off(np.full(fresh_ones, (np.sum(grade) + 1) / (n + 2)), truth)
                )
                for method, score in scores.items():
                    runs.setdefault(method, []).append(off(score, truth))
                    curve = fit_logistic(Tally.of(np.clip(baseline(method, seen), 0, 1), grade), "platt")
                    runs.setdefault(f"{method}+platt", []).append(off(curve(score), truth))
            covered.append(np.mean(hits))
            for method, values in runs.items():
                found.setdefault(method, []).append(np.mean(values, axis=0))
        for method in sorted(found, key=lambda m: found[m][min(1, len(sizes) - 1)][2]):
            cells = [" / ".join(f"{v:.3f}" for v in at) for at in found[method]]
            print(f"| {method} | " + " | ".join(cells) + " |")
        print(
            "| coverage of the map's interval | " + " | ".join(f"{c:.3f}" for c in covered) + " |", flush=True
        )


def airline(path: Path) -> StepLog:
    """A step for each turn of the agent: tokens (of four characters), whether its tool failed, whether it repeats."""
    rows: list[dict[str, Any]] = []
    for run in json.loads(path.read_text()):
        before: set[str] = set()
        for i, turn in enumerate(run["traj"]):
            if turn["role"] != "assistant":
                continue
            calls = [call["function"] for call in turn.get("tool_calls") or []]
            said = (turn.get("content") or "") + "".join(call["arguments"] for call in calls)
            answers = [t for t in run["traj"][i + 1 : i + 1 + len(calls)] if t["role"] == "tool"]
            key = json.dumps(calls)
            rows.append(
                {
                    "trajectory_id": f"{run['task_id']}-{run['trial']}", "task_id": run["task_id"], "step": i,
                    "tokens": len(said) / 4, "correct": run["reward"], "retry": bool(calls) and key in before,
                    "tool_error": any(t["content"].startswith("Error") for t in answers) if calls else None,
                }
            )  # fmt: skip
            before.add(key)
    return read_steps(rows)


def recorded(quick: bool) -> list[dict[str, Any]] | None:
    folder = recorded_or_none(quick)
    if folder is None:
        print("\nCALIBRANT_DATA is not set: the recorded log is not measured.")
        return None
    rows = parquet.read_table(folder / "logs" / "taubench_airline.parquet").to_pylist()
    return [{**row, **json.loads(row["meta"])} for row in rows if row["task"] == "airline_agent"]


def turns(rows: list[dict[str, Any]]) -> None:
    """The number of turns as the only feature, tasks as clusters; and what earlier trials of the task tell."""
    steps = [
        {
            "trajectory_id": f"{r['item_id']}-{r['trial']}",
            "task_id": r["item_id"],
            "step": i,
            "correct": r["correct"],
        }
        for r in rows
        for i in range(int(r["turns"]))
    ]
    show("turns alone (recorded log)", read_steps(steps))
    by_task: dict[str, list[float]] = {}
    for r in sorted(rows, key=lambda r: (r["item_id"], r["trial"])):
        by_task.setdefault(r["item_id"], []).append(float(r["correct"]))
    grades = [g for g in by_task.values() if len(g) > 1]
    first = np.array([[np.mean(g[:-1]), g[-1]] for g in grades])
    print(f"Right at the last trial where all earlier trials failed: {first[first[:, 0] == 0, 1].mean():.2f} "
          f"(n {int((first[:, 0] == 0).sum())}); where all succeeded: {first[first[:, 0] == 1, 1].mean():.2f} "
          f"(n {int((first[:, 0] == 1).sum())}).")  # fmt: skip


def show(name: str, log: StepLog) -> None:
    found = compare(log)
    print(f"\n### {name}: {len(log.graded)} trajectories, {found.clusters} tasks, "
          f"{found.accuracy:.2f} right\n")  # fmt: skip
    print("| method | ECE (floor) | Brier (95 %) | AUROC (95 %) |\n|---|---|---|---|")
    for m in sorted(found.methods, key=lambda m: m.brier.value):
        rank = "-" if m.auroc is None else f"{m.auroc.value:.3f} ({m.auroc.low:.3f} to {m.auroc.high:.3f})"
        print(f"| {m.method} | {m.ece:.3f} ({m.ece_floor:.3f}) | {m.brier.value:.3f} ({m.brier.low:.3f} to "
              f"{m.brier.high:.3f}) | {rank} |")  # fmt: skip
    spread = [compare(log, seed=seed) for seed in range(5)]
    gains = [one.gain.value for one in spread]
    print(f"\nSaved over {found.over}: {found.gain.value:+.4f} ({found.gain.low:+.4f} to {found.gain.high:+.4f}); "
          f"over five partings {min(gains):+.4f} to {max(gains):+.4f}.")  # fmt: skip
    told = sorted((f for f in found.map.features if abs(f.weight) > 0.03), key=lambda f: -abs(f.weight))
    print("Weights: " + ", ".join(f"{f.name} {f.weight:+.2f}" for f in told) + ".")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=20)
    parser.add_argument("--airline", type=Path)
    parser.add_argument("--quick", action="store_true", help="the first world in small, and a made-up log")
    return parser


def main() -> None:
    given = options().parse_args()
    if rows := recorded(given.quick):
        turns(rows)
    if given.airline:
        show("steps of the airline agent", airline(given.airline))
    if given.quick:
        worlds(1, list(WORLDS)[-1:], fresh_ones=100, many_ones=300, sizes=(50,))
    elif given.repetitions:
        worlds(given.repetitions)


if __name__ == "__main__":
    main()
