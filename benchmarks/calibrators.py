"""`auto` against other libraries' calibrators on recorded logs, same splits, fresh rows.

    CALIBRANT_DATA=... python benchmarks/calibrators.py [REPETITIONS] [--quick]

For every log with a confidence: fit on n rows (50, 200, 1,000, half), measure on up to 4,000 others. Prints, per n, the
mean Brier score and the mean ECE of each method over logs and repetitions, best Brier first, with the mean noise floor
of the calibrated scores: a method that says few different values has a lower floor, and so a lower ECE on few rows.
The others are scikit-learn, betacal, netcal and venn-abers (the dependency group `bench`); one that is not installed is
left out.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import duckdb
import numpy as np

import calibrant
from calibrant import Tally
from calibrant.metrics import brier, ece, noise_floor
from made import recorded

Method = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def isotonic(c: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    from sklearn.isotonic import IsotonicRegression

    return IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(c, y).predict(new)


def sigmoid(c: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    from sklearn.calibration import _SigmoidCalibration

    return _SigmoidCalibration().fit(c, y).predict(new)


def betacal(c: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    from betacal import BetaCalibration

    return BetaCalibration("abm").fit(c[:, None], y).predict(new[:, None])


def netcal_histogram(c: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    from netcal.binning import HistogramBinning

    return HistogramBinning(10).fit(c, y).transform(new)


def venn_abers(c: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    from venn_abers import VennAbers

    model = VennAbers()
    model.fit(np.c_[1 - c, c], y)
    return model.predict_proba(np.c_[1 - new, new])[0][:, 1]


def ours(name: str) -> Method:
    return lambda c, y, new: calibrant.fit(c, y, calibrator=name)(new)


METHODS: dict[str, Method] = {
    "calibrant auto": ours("auto"),
    "calibrant platt": ours("platt"),
    "calibrant beta": ours("beta"),
    "scikit-learn isotonic": isotonic,
    "scikit-learn sigmoid": sigmoid,
    "betacal": betacal,
    "netcal histogram": netcal_histogram,
    "venn-abers": venn_abers,
}


PEERS = {
    "scikit-learn isotonic": "sklearn", "scikit-learn sigmoid": "sklearn", "betacal": "betacal",
    "netcal histogram": "netcal", "venn-abers": "venn_abers",
}  # fmt: skip
"""The package that a method is from."""


def logs(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Names, confidences and verdicts."""
    for path in sorted(folder.glob("*.parquet")):
        frame = duckdb.sql(
            f"SELECT log_id, confidence, correct FROM '{path}' WHERE confidence IS NOT NULL AND correct IS NOT NULL"
        ).df()
        for name, log in frame.groupby("log_id"):
            if len(log) >= 90:
                yield str(name), log["confidence"].to_numpy(float), log["correct"].to_numpy(float)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one repetition on a few made-up logs")
    return parser


def methods() -> dict[str, Method]:
    """Those whose packages are installed; names the others."""
    absent = {name: package for name, package in PEERS.items() if not find_spec(package)}
    if absent:
        print(f"Left out, for pip install --group bench was not run: {', '.join(absent)}")
    return {name: method for name, method in METHODS.items() if name not in absent}


def main() -> None:
    warnings.filterwarnings("ignore")  # of the other libraries
    given = options().parse_args()
    repetitions, kept = 1 if given.quick else given.repetitions, methods()
    measured = list(logs(recorded(given.quick) / "logs"))
    if given.quick:
        measured = measured[:6]
    print(f"{len(measured)} logs, {sum(len(c) for _, c, _ in measured):,} rows")
    for n in (50, 200, 1000, None):
        results: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        for _, c, y in measured:
            size = n or len(c) // 2
            if len(c) < size + max(60, size // 4):
                continue
            for repetition in range(repetitions):
                order = np.random.default_rng([repetition, size, len(c)]).permutation(len(c))
                train, test = order[:size], order[size : size + 4000]
                if y[train].min() == y[train].max():
                    continue
                for name, method in kept.items():
                    p = np.clip(np.nan_to_num(method(c[train], y[train], c[test]), nan=0.5), 0, 1)
                    t = Tally.of(p, y[test])
                    results[name].append((brier(t), ece(t), noise_floor(t)))
        if not results:
            continue
        print(f"\nn = {n or 'half of the log'} ({len(results['calibrant auto'])} fits each)")
        print("| method | Brier | ECE | noise floor |\n|---|---|---|---|")
        for name, values in sorted(results.items(), key=lambda item: np.mean([v[0] for v in item[1]])):
            means = np.mean(values, axis=0)
            print(f"| {name} | {means[0]:.5f} | {means[1]:.4f} | {means[2]:.4f} |")


if __name__ == "__main__":
    main()
