"""Coverage of the 95 % intervals of the signed gap, the L2 error and smooth ECE, where the truth is known.

python benchmarks/intervals.py [REPETITIONS] [--quick]        # 500 repetitions by default
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.worlds import World, world

from calibrant import Tally, metrics

SHAPES = (
    ("Beta(5, 1.3)", 5.0, 1.3),
    ("Beta(2, 2)", 2.0, 2.0),
    ("Beta(0.6, 0.6)", 0.6, 0.6),
    ("Beta(20, 1.2)", 20.0, 1.2),
)
ERRORS = (("shift", 0.0), ("stretch", 0.04), ("shift", 0.04), ("stretch", 0.09), ("shift", 0.09))


def truths(w: World) -> np.ndarray:
    whole = Tally.of(np.tile(w.scores, 3), np.tile(w.truth, 3))
    smooth = metrics.smooth_ece(whole).value if w.l2 else 0.0
    return np.array([w.gap, w.l2, smooth])


def cell(w: World, n: int, repetitions: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    truth, hits, widths = truths(w), np.zeros(3), np.zeros(3)
    for _ in range(repetitions):
        t = Tally.of(*w.draw(n, rng))
        estimates = (metrics.gap(t), metrics.l2(t), metrics.smooth_ece(t))
        low, high = (np.array([getattr(e, end) for e in estimates]) for end in ("low", "high"))
        hits += (low <= truth) & (truth <= high)
        widths += high - low
    return hits / repetitions, widths / repetitions


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="two repetitions of one shape of scores")
    return parser


def main() -> None:
    given = options().parse_args()
    repetitions = 2 if given.quick else given.repetitions
    rng = np.random.default_rng(1)
    print("| scores | error | n | gap | L2 | smooth ECE | mean widths |\n|---|---|---|---|---|---|---|")
    for name, a, b in SHAPES[:1] if given.quick else SHAPES:
        for verbal in (False, True):
            for kind, error in ERRORS:
                try:
                    w = world(kind, error, verbal=verbal, a=a, b=b)
                except ValueError:
                    continue
                for n in (100,) if given.quick else (100, 300, 1000):
                    hits, widths = cell(w, n, repetitions, rng)
                    print(
                        f"| {name}{', 20 values' if verbal else ''} | {kind} {error} | {n} | "
                        + " | ".join(f"{h:.3f}" for h in hits)
                        + f" | {', '.join(f'{v:.3f}' for v in widths)} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
