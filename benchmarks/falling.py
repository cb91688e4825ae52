"""`auto` where the rate of right answers falls as the score rises, and the level of the test that says so.

    python benchmarks/falling.py [REPETITIONS] [--quick]        # 40 repetitions by default

Printed is the mean squared distance of each map from the truth (the Brier score above that of the truth) x 1000, on
worlds that fall at the top, wave, bend or rise to a hump, and on some that ascend; then by how much `auto` is farther
than the nearest of the others, and how often `calibrant.metrics.fall` has p < 0.05, which on the last three worlds is
a false alarm.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

import calibrant
from calibrant import Tally
from calibrant.metrics import fall

Curve = Callable[[np.ndarray], np.ndarray]
FALLS: dict[str, Curve] = {
    "bad top": lambda c: np.where(c > 0.95, 0.2, 0.3 + 0.6 * c),
    "wave": lambda c: 0.6 + 0.35 * np.sin(9 * c),
    "U": lambda c: 0.2 + 0.7 * (2 * c - 1) ** 2,
    "hump": lambda c: 0.3 + 0.6 * np.exp(-(((c - 0.7) / 0.12) ** 2)),
}
ASCENDS: dict[str, Curve] = {
    "shift": lambda c: np.clip(c - 0.1, 0.02, 1),
    "flat": lambda c: 0 * c + 0.7,
    "step": lambda c: np.where(c > 0.97, 0.95, 0.6),
}
NAMES = ("platt", "beta", "venn_abers", "spline", "auto")


def draw(n: int, seed: int, rate: Curve) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    c = rng.beta(4, 1.2, n)
    return c, (rng.random(n) < rate(c)).astype(float)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="two repetitions of two worlds")
    return parser


def main() -> None:
    given = options().parse_args()
    repetitions = 2 if given.quick else given.repetitions
    print(f"| world | n | {' | '.join(NAMES)} | behind | p < .05 |\n|---|---|{'---|' * (len(NAMES) + 2)}")
    for world, rate in list((FALLS | ASCENDS).items())[: 2 if given.quick else None]:
        new, _ = draw(4000, 1_000_000, rate)
        for n in (200,) if given.quick else (200, 300, 500, 1000, 2000):
            off, found = np.zeros(len(NAMES)), 0
            for seed in range(repetitions):
                c, y = draw(n, seed, rate)
                off += [((calibrant.fit(c, y, name)(new) - rate(new)) ** 2).mean() for name in NAMES]
                test = fall(Tally.of(c, y))
                found += test is not None and test.p_value < 0.05
            behind = off[NAMES.index("auto")] - np.delete(off, NAMES.index("auto")).min()
            told = " | ".join(f"{1000 * one / repetitions:.1f}" for one in (*off, behind))
            print(f"| {world} | {n} | {told} | {found / repetitions:.2f} |", flush=True)


if __name__ == "__main__":
    main()
