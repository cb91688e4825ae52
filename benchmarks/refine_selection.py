"""Choosing a prompt where the truth is known: who is chosen, whether intervals cover, what a claim overstates.

    python benchmarks/refine_selection.py [REPETITIONS] [brier|reward] [--quick]        # default 200 brier

Scores of a candidate know more of the truth the greater its skill; the seed has skill 1, as have all that are no
better. First how often the best of five is chosen (skill 2.5, 1.2, 1, 0.5 and the seed), and how often any of 20
that are no better passes the bound, with the plain interval beside it. Then the coverage of the 95 % intervals on
120 untouched questions, for maps fitted on 180 others. Last what choosing on the 200 reporting questions claims,
the gain that the one so chosen truly has, the resampling estimate of the difference, and what is reported on
these questions for the one that was chosen on 200 others. Candidates are compared by the objective that is named; with
the reward, answers of two candidates are right independently, which they are not where a model answers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from calibrant.metrics import ece
from calibrant.refining.selection import (
    BINS,
    BRIER,
    REWARD,
    Objective,
    Sheet,
    claim,
    confirm,
    mapped,
    standings,
)
from calibrant.tally import Tally

ACCURACY = 0.6
MANY = 40_000
Pair = tuple[Sheet, Sheet]


def drawn(n: int, skill: float, rng: np.random.Generator, accuracy: float = ACCURACY) -> Sheet:
    right = (rng.random(n) < accuracy).astype(float)
    score = 1 / (1 + np.exp(-(skill * (right - 0.5) + rng.standard_normal(n) + 1.5)))
    return Sheet(right, score)


def truth(fitted: Sheet, many: Sheet, objective: Objective) -> tuple[float, float, float]:
    """The objective with its sign turned, accuracy and ECE through a map on very many questions."""
    p = mapped(fitted, many.score)
    tally = Tally.of(p, many.right)
    return -float(objective(p, many.right).mean()), float(many.right.mean()), ece(tally, BINS)


def choices(repetitions: int, rng: np.random.Generator, objective: Objective) -> None:
    print("| questions of the choice | the best is first | and passes the bound | one of 20 equals passes |"
          " by the plain interval |\n|---|---|---|---|---|")  # fmt: skip
    for n in (60, 120, 180):
        rows, first, passes, wrongly, plainly = np.arange(n), 0, 0, 0, 0
        for _ in range(repetitions):
            sheets = {f"c{i}": drawn(n, skill, rng) for i, skill in enumerate((1.0, 1.0, 1.2, 2.5, 0.5))}
            best = standings(sheets, "c0", rows % 2, rows, objective=objective)[0]
            first += best.name == "c3"
            passes += best.name == "c3" and best.least_gain > 0
            equals = {f"c{i}": drawn(n, 1.0, rng) for i in range(21)}
            found = standings(equals, "c0", rows % 2, rows, objective=objective)
            leader = next(row for row in found if row.name != "c0")
            wrongly += leader.least_gain > 0
            plainly += leader.reward_gain.low > 0
        shares = (one / repetitions for one in (first, passes, wrongly, plainly))
        print(f"| {n} | " + " | ".join(f"{share:.3f}" for share in shares) + " |", flush=True)


def coverage(repetitions: int, rng: np.random.Generator, objective: Objective) -> None:
    print(
        "\n| candidate | objective covered | accuracy covered | ECE covered | mean ECE gain, true |\n"
        "|---|---|---|---|---|"
    )
    old = drawn(MANY, 1.0, rng)
    for name, skill, accuracy in (
        ("as good", 1.0, 0.6),
        ("skill 2", 2.0, 0.6),
        ("skill 2, more right", 2.0, 0.7),
    ):
        many, hits, gains = drawn(MANY, skill, rng, accuracy), np.zeros(3), []
        for _ in range(repetitions):
            fitted, seed = drawn(180, skill, rng, accuracy), drawn(180, 1.0, rng)
            found = confirm(
                (fitted, drawn(120, skill, rng, accuracy)),
                (seed, drawn(120, 1.0, rng)),
                np.arange(120),
                objective,
            )
            new_truth, old_truth = truth(fitted, many, objective), truth(seed, old, objective)
            true = (old_truth[0] - new_truth[0], accuracy - ACCURACY, old_truth[2] - new_truth[2])
            hits += [
                one.low <= value <= one.high
                for one, value in zip(
                    (found.reward_gain, found.accuracy_gain, found.ece_gain), true, strict=True
                )
            ]
            gains.append((found.ece_gain.value, true[2]))
        share, gain = hits / repetitions, np.mean(gains, axis=0)
        print(f"| {name} | " + " | ".join(f"{one:.3f}" for one in share) + f" | {gain[0]:+.3f}, {gain[1]:+.3f} |",
              flush=True)  # fmt: skip


def claims(
    name: str, skills: Sequence[float], repetitions: int, rng: np.random.Generator, objective: Objective
) -> None:
    n, cluster, seen = 200, np.arange(200), []
    many = {skill: drawn(MANY, skill, rng) for skill in {1.0, *skills}}
    for _ in range(repetitions):
        of = {f"c{i}": skill for i, skill in enumerate((1.0, *skills))}
        pairs: dict[str, Pair] = {
            one: (drawn(n, skill, rng), drawn(n, skill, rng)) for one, skill in of.items()
        }
        sheets = {one: pair[0] for one, pair in pairs.items()}
        rows = standings(sheets, "c0", cluster % 2, cluster, objective=objective)
        chosen = next(row.name for row in rows if row.name != "c0")
        base = truth(pairs["c0"][0], many[1.0], objective)
        by_objective, _, by_ece = claim(pairs, "c0", chosen, cluster, objective)
        for made, at in ((by_objective, 0), (by_ece, 2)):
            picked = truth(pairs[made.picked][0], many[of[made.picked]], objective)
            true = base[at] - picked[at]
            seen.append((at, made.claimed, true, made.claimed - true, made.optimism, made.honest))
    for measure, at in (("objective", 0), ("ECE", 2)):
        rows_of = np.array([row[1:] for row in seen if row[0] == at])
        error = rows_of.std(axis=0, ddof=1) / np.sqrt(len(rows_of))
        cells = " | ".join(
            f"{mean:+.4f} ({e:.4f})" for mean, e in zip(rows_of.mean(axis=0), error, strict=True)
        )
        print(f"| {name} | {measure} | {cells} |", flush=True)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=200)
    parser.add_argument("objective", nargs="?", choices=("brier", "reward"), default="brier")
    parser.add_argument("--quick", action="store_true", help="two repetitions")
    return parser


def main() -> None:
    given = options().parse_args()
    repetitions = 2 if given.quick else given.repetitions
    objective = {"brier": BRIER, "reward": REWARD}[given.objective]
    rng = np.random.default_rng(1)
    choices(repetitions, rng, objective)
    coverage(repetitions, rng, objective)
    print("\nMeans, with standard errors.\n\n| candidates | measure | claimed | true gain of that one | too high by |"
          " estimated | chosen elsewhere |\n|---|---|---|---|---|---|---|")  # fmt: skip
    claims("all as the seed", [1.0] * 20, repetitions, rng, objective)
    claims("one better (1.5)", [1.0] * 19 + [1.5], repetitions, rng, objective)
    claims("one far better (2.5)", [1.0] * 19 + [2.5], repetitions, rng, objective)
    claims("spread from 0.5 to 1.5", np.linspace(0.5, 1.5, 20).round(3).tolist(), repetitions, rng, objective)
    claims("three, all as the seed", [1.0] * 3, repetitions, rng, objective)


if __name__ == "__main__":
    main()
