"""ECE of 1e7 scores in memory against a plain NumPy bincount ECE: time ratio (target 0.8) and extra memory.

python benchmarks/in_memory.py [--quick]
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from calibrant import Tally
from calibrant.metrics import ece


def plain(scores: np.ndarray, correct: np.ndarray, bins: int = 15) -> float:
    cell = np.minimum((scores * bins).astype(int), bins - 1)
    right = np.bincount(cell, weights=correct, minlength=bins)
    claimed = np.bincount(cell, weights=scores, minlength=bins)
    return float(np.abs(right - claimed).sum() / len(scores))


def cpu(work: Callable[[], float]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def extra_memory(work: Callable[[], float]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three rounds of 200,000 scores")
    return parser


def main() -> None:
    quick = options().parse_args().quick
    rng = np.random.default_rng(0)
    n, rounds = (200_000, 3) if quick else (10_000_000, 9)
    score = rng.beta(5, 1.3, n)
    right = rng.random(n) < score
    for kind in (np.float64, np.float32):
        c = score.astype(kind)

        def ours(c: np.ndarray = c) -> float:
            return ece(Tally.of(c, right))

        def theirs(c: np.ndarray = c) -> float:
            return plain(c, right)

        ratios = [cpu(ours) / cpu(theirs) for _ in range(rounds)]
        print(
            f"{np.dtype(kind)}: ratio {np.median(ratios):.2f} (best {min(ratios):.2f}, worst {max(ratios):.2f}); "
            f"extra memory {extra_memory(ours):.1f} MB against {extra_memory(theirs):.0f} MB; "
            f"ECE {ours():.6f} against {theirs():.6f}"
        )


if __name__ == "__main__":
    main()
