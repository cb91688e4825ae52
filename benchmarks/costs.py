"""Do the costs that `calibrant plan costs` states come true? On recorded logs, planned on one half, paid on the other.

CALIBRANT_DATA=... python benchmarks/costs.py [--labels 200,1000,100000] [--settings 3] [--quick]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import calibrant
from calibrant.planning.costs import plan_costs
from calibrant.policies.bands import Bands
from calibrant.policies.expected_cost import ExpectedCost
from made import recorded

SOURCES = ("linwei_mmlu_pro", "lifeeval", "bplaut_mcq", "frugalml_api2020")
SETTINGS = {
    "wrong 10, review 1": (10.0, 1.0),
    "wrong 4, review 1": (4.0, 1.0),
    "wrong 10, review 2": (10.0, 2.0),
}
MISSED = 0.05


def halves(folder: Path, source: str, most: int):
    """Each log of a source: its name, and two random halves of items."""
    frame = (
        pq.read_table(folder / f"{source}.parquet", columns=["log_id", "item_id", "confidence", "correct"])
        .to_pandas()
        .dropna()
    )
    for name, part in frame.groupby("log_id"):
        if len(part) < 200 or not 0 < part["correct"].mean() < 1:
            continue
        rng = np.random.default_rng(0)
        items = rng.permutation(part["item_id"].unique())
        first = part["item_id"].isin(items[: len(items) // 2])
        left, right = part[first], part[~first]
        yield name, left.sample(min(most, len(left)), random_state=0), right


def paid(policy: ExpectedCost, send: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Cost of each answer, sent or reviewed."""
    return np.where(send, policy.wrong * wrong, policy.review + MISSED * policy.wrong * wrong)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--labels", default="200,1000,100000")
    parser.add_argument("--settings", type=int, default=len(SETTINGS), help="only the first so many")
    parser.add_argument(
        "--quick", action="store_true", help="one setting at 200 labels, on made-up logs of one source"
    )
    return parser


def main() -> None:
    """Print one line per setting and number of labels."""
    given = options().parse_args()
    folder, sources, labels, settings = recorded(given.quick) / "logs", SOURCES, given.labels, given.settings
    if given.quick:
        sources, labels, settings = ("bplaut_mcq",), "200", 1
    for count in map(int, labels.split(",")):
        for name, (wrong_cost, review) in list(SETTINGS.items())[:settings]:
            policy = ExpectedCost(wrong=wrong_cost, review=review, reviewer_error=MISSED)
            line(folder, sources, count, name, policy)


def line(folder: Path, sources: Sequence[str], labels: int, name: str, policy: ExpectedCost) -> None:
    """Plan on some labels of the first half, pay on the second."""
    inside, better, ratio, logs = 0, {"send_all": 0, "review_all": 0, "raw": 0, "bands": 0}, [], 0
    saved: dict[str, list[float]] = {key: [] for key in better}
    for source in sources:
        for _, known, fresh in halves(folder, source, labels):
            plan = plan_costs(known, policy=policy, cluster="item_id").groups[0]
            made = calibrant.fit(known["confidence"], known["correct"])
            p, wrong = made(fresh["confidence"]), 1 - fresh["correct"].to_numpy(float)
            edge = policy.thresholds["answer"] or 0.0
            mine = paid(policy, p >= edge, wrong)
            others = {
                "send_all": paid(policy, np.ones(len(p), bool), wrong),
                "review_all": paid(policy, np.zeros(len(p), bool), wrong),
                "raw": paid(policy, fresh["confidence"].to_numpy() >= edge, wrong),
                "bands": paid(policy, p > Bands().disclaim, wrong),
            }
            error = 1000 * mine.std() / np.sqrt(len(mine))
            half = (plan.plan.cost.high - plan.plan.cost.low) / 2 / 1.96
            inside += abs(1000 * mine.mean() - plan.plan.cost.value) <= 1.96 * np.hypot(half, error)
            ratio.append(1000 * mine.mean() / plan.plan.cost.value)
            for key, cost in others.items():
                saved[key].append(1 - mine.mean() / cost.mean() if cost.mean() else 0.0)
            logs += 1
    told = ", ".join(f"{key} {100 * np.mean(v):.1f} %" for key, v in saved.items())
    print(
        f"{labels:>7,} labels, {name}: {logs} logs, paid within the interval (and its own noise) {inside / logs:.3f}, "
        f"paid / planned {np.mean(ratio):.3f}; saved on average against {told}",
        flush=True,
    )


if __name__ == "__main__":
    main()
