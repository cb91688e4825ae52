"""Coverage of the gap's interval where chances of being labelled hang on a topic that the score does not show.

    python benchmarks/weights.py [REPETITIONS] [--quick]        # 400 repetitions by default

A share of the answers is of a topic whose answers are labelled with a chance of .02, the others with .6, and are
right more or less often at the same score. Printed is the coverage of the nominal 95 % interval in all draws, and in
those in which an answer of the topic was labelled: no interval knows of answers of which none was drawn.
"""

from __future__ import annotations

import argparse

import numpy as np

from calibrant import Tally
from calibrant.metrics import gap

RARE, COMMON = 0.02, 0.6
EFFECTS = ((-0.1, -0.1), (0.0, -0.4), (-0.2, 0.1), (0.0, -0.7))


def right(c: np.ndarray, topic: np.ndarray, effect: tuple[float, float]) -> np.ndarray:
    return np.clip(c + np.where(topic, effect[1], effect[0]), 0, 1)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=400)
    parser.add_argument("--quick", action="store_true", help="two repetitions of one share")
    return parser


def main() -> None:
    given = options().parse_args()
    repetitions = 2 if given.quick else given.repetitions
    many = np.random.default_rng(9).beta(5, 1.3, 400_000)
    print(
        "| topic | effect | scores | n | n_eff | covered | where the topic was seen |\n|---|---|---|---|---|---|---|"
    )
    for share in (0.3,) if given.quick else (0.12, 0.3, 0.5):
        drawn = share * RARE / (share * RARE + (1 - share) * COMMON)
        for effect in EFFECTS:
            for digits in (17, 1):
                at = np.round(many, digits)
                rates = [right(at, np.full(len(at), topic), effect).mean() for topic in (False, True)]
                truth = at.mean() - ((1 - share) * rates[0] + share * rates[1])
                for n in (200, 500, 2000):
                    inside, seen, effective = np.zeros(repetitions, bool), np.zeros(repetitions, bool), 0.0
                    for i in range(repetitions):
                        rng = np.random.default_rng([i, n])
                        topic = rng.random(n) < drawn
                        c = np.round(rng.beta(5, 1.3, n), digits)
                        y = rng.random(n) < right(c, topic, effect)
                        tally = Tally.of(c, y, 1 / np.where(topic, RARE, COMMON))
                        found = gap(tally)
                        inside[i], seen[i] = found.low <= truth <= found.high, topic.any()
                        effective += tally.n_eff / repetitions
                    print(
                        f"| {share} | {effect[0]}, {effect[1]} | {'continuous' if digits > 1 else 'tenths'} | {n} | "
                        f"{effective:.0f} | {inside.mean():.3f} | {inside[seen].mean():.3f} ({seen.mean():.2f}) |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
