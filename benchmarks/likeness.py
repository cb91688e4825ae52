"""Which pairs of long answers count as the same: two correct ones, or a correct and an incorrect one.

    CALIBRANT_DATA=... python benchmarks/likeness.py [--quick]

The answers are those that TruthfulQA lists, at the most 40 pairs of a question. The rule's numbers were chosen on
one half of the questions; what counts is the other. Then how many pairs lie below a low cosine: answers that the rules
cannot tell apart could be called different there if few pairs of two correct answers did. Takes some minutes.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow.parquet as pq

from calibrant.answers.likeness import Likeness, contradict
from made import recorded

MOST = 40


def pairs(row: dict[str, str], seed: int) -> list[tuple[str, str, bool]]:
    """Two answers, and whether both are correct."""
    listed = json.loads(row["aliases"])
    right, wrong = listed["correct"], listed["incorrect"]
    made = [(a, b, True) for a, b in itertools.combinations(right, 2)]
    made += [(a, b, False) for a in right for b in wrong]
    if len(made) <= MOST:
        return made
    return [made[i] for i in np.random.default_rng(seed).permutation(len(made))[:MOST]]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="twelve made-up questions")
    return parser


def main() -> None:
    quick = options().parse_args().quick
    file = recorded(quick) / "qa" / "truthfulqa.parquet"
    alike = Likeness()

    def by_cosine(least: float) -> Callable[[str, str], bool]:
        return lambda a, b: not contradict(a, b) and alike.cosine(a, b) >= least

    rules = {"cosine 0.8": by_cosine(0.8), "cosine 0.85": by_cosine(0.85), "Likeness": alike}
    said: Counter[tuple[str, str, bool]] = Counter()
    seen: Counter[tuple[str, bool]] = Counter()
    cosines: dict[bool, list[float]] = {True: [], False: []}
    for number, row in enumerate(pq.read_table(file).slice(0, 12 if quick else None).to_pylist()):
        if number % 4 > 1:  # every second pair of questions
            continue
        half = "test" if number // 4 % 2 else "chosen on"
        for a, b, correct in pairs(row, number):
            seen[half, correct] += 1
            cosines[correct].append(alike.cosine(a, b))
            for name, rule in rules.items():
                said[half, name, correct] += rule(a, b)
    for half in ("chosen on", "test"):
        for name in rules:
            wrong, right = (said[half, name, kind] / seen[half, kind] for kind in (False, True))
            print(
                f"{half:10} {name:12} the same: {wrong:6.1%} of {seen[half, False]:,} pairs with an incorrect answer, "
                f"{right:6.1%} of {seen[half, True]:,} of two correct ones"
            )

    for least in (0.1, 0.2, 0.3, 0.4):
        wrong, right = (np.mean(np.array(cosines[kind]) < least) for kind in (False, True))
        print(
            f"cosine below {least}: {wrong:6.1%} of pairs with an incorrect answer, {right:6.1%} of two correct ones"
        )


if __name__ == "__main__":
    main()
