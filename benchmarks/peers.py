"""`auto` against the best of other libraries' calibrators, log by log.

    CALIBRANT_DATA=... python benchmarks/peers.py [REPETITIONS] [--rows 2000] [--quick]      # 10 repetitions by default

For every recorded log with a confidence: fit on n rows (30, 50, 200, 1,000, half), measure the Brier score on up to so
many others, the same splits for all. Per n it prints in how many logs `auto` is better and worse than the best of the
others, the one whose mean over these very splits is lowest, by more than two standard errors; then each log where it is
worse. The standard error is that of the mean over splits, which leaves out that the log itself is a sample; the second
one counts that in, by the variance of the rows' own differences. Of logs where two methods are alike, chance calls one
in forty worse, and the choice of the best adds to that. Others that are not installed are left out, as in
`benchmarks/calibrators.py`; with `--quick`, where none may be, calibrant's own Platt and beta maps stand in.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibrators import METHODS, PEERS, Method, logs, methods
from made import recorded

SIZES = (30, 50, 200, 1000, None)
AUTO = "calibrant auto"


@dataclass(frozen=True)
class Contest:
    """By how much `auto` is worse on a log than the best of the others, with both standard errors."""

    log: str
    rows: int
    best: str
    score: float
    worse: float
    over_splits: float
    of_rows: float

    @property
    def beyond(self) -> float:
        """Standard errors over splits."""
        return self.worse / max(self.over_splits, 1e-12)

    @property
    def beyond_both(self) -> float:
        """Standard errors of splits and rows."""
        return self.worse / max(np.hypot(self.over_splits, self.of_rows), 1e-12)


def contest(
    log: str, c: np.ndarray, y: np.ndarray, size: int, kept: Mapping[str, Method], repetitions: int, rows: int
) -> Contest | None:
    """None where too few rows are left to measure on, or to learn from."""
    if len(c) < size + max(60, size // 4):
        return None
    found: dict[str, list[np.ndarray]] = {name: [] for name in kept}
    for repetition in range(repetitions):
        order = np.random.default_rng([repetition, size, len(c)]).permutation(len(c))
        train, test = order[:size], order[size : size + rows]
        if y[train].min() == y[train].max():
            continue
        for name, method in kept.items():
            p = np.clip(np.nan_to_num(method(c[train], y[train], c[test]), nan=0.5), 0, 1)
            found[name].append((p - y[test]) ** 2)
    if len(found[AUTO]) < 2:
        return None
    means = {name: np.array([one.mean() for one in losses]) for name, losses in found.items()}
    best = min((name for name in kept if name in PEERS or name != AUTO), key=lambda name: means[name].mean())
    off = means[AUTO] - means[best]
    own = [a - b for a, b in zip(found[AUTO], found[best], strict=True)]
    of_rows = np.sqrt(np.mean([one.var() for one in own]) / len(c))
    return Contest(
        log, len(c), best, means[AUTO].mean(), off.mean(), off.std(ddof=1) / np.sqrt(len(off)), of_rows
    )


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=10)
    parser.add_argument("--rows", type=int, default=2000, help="the most rows that are measured on")
    parser.add_argument("--quick", action="store_true", help="two repetitions on a few made-up logs")
    return parser


def main() -> None:
    warnings.filterwarnings("ignore")  # of the other libraries
    given = options().parse_args()
    kept = {name: one for name, one in methods().items() if name in PEERS or name == AUTO}
    if given.quick:
        kept = {AUTO: METHODS[AUTO], "calibrant platt": METHODS["calibrant platt"], **kept}
    measured = list(logs(recorded(given.quick) / "logs"))[: 3 if given.quick else None]
    repetitions = 2 if given.quick else given.repetitions
    print(
        f"{len(measured)} logs, {repetitions} splits each; others: {', '.join(n for n in kept if n != AUTO)}"
    )
    for size in (30, None) if given.quick else SIZES:
        all_of = [
            contest(n, c, y, size or len(c) // 2, kept, repetitions, given.rows) for n, c, y in measured
        ]
        told = [one for one in all_of if one is not None]
        worse = sorted((one for one in told if one.beyond > 2), key=lambda one: -one.worse)
        better, both = sum(one.beyond < -2 for one in told), sum(one.beyond_both > 2 for one in told)
        print(
            f"\nn = {size or 'half of the log'}: of {len(told)} logs `auto` is better than the best of the others in "
            f"{better}, worse in {len(worse)} ({both} of them beyond the noise of the rows, too); mean "
            f"{1000 * np.mean([one.worse for one in told]):+.2f} thousandths of the Brier score",
            flush=True,
        )
        if worse:
            print("| log | rows | best of the others | `auto` | worse by | errors over splits | and of rows |\n"
                  "|---|---|---|---|---|---|---|")  # fmt: skip
        for one in worse:
            print(
                f"| {one.log} | {one.rows} | {one.best} | {one.score:.4f} | {one.worse:.5f} | {one.beyond:.1f} | "
                f"{one.beyond_both:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
