"""What the intervals of a map hold where the truth has a step at the top, and what is said of it.

    python benchmarks/steps.py [REPETITIONS] [--quick]        # 200 repetitions by default

Worlds are ascending curves and curves with a step that 6 of 100 answers lie above. Printed, for maps by `auto` on n
labels: how much of the top (the answers above the step) the nominal 95 % intervals hold, and how wide they are there;
the same of all answers; both again for the curve alone, without what the labels at the ends allow
(`calibrant.maps.ends`); and in how many draws `calibrant fit` says that the map is off or that a step might not show,
with the share held where it says nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np

import calibrant
from calibrant.cli.tables.measured import FEW_AT_TOP
from calibrant.maps.calibration import CalibrationMap
from calibrant.maps.curves import Mixture

STEP = 0.97
WORLDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "up at the top": lambda c: np.where(c > STEP, 0.95, 0.6),
    "down at the top": lambda c: np.where(c > STEP, 0.2, 0.3 + 0.6 * c),
    "down a little": lambda c: np.where(c > STEP, 0.65, 0.2 + 0.7 * c),
    "no step, calibrated": lambda c: c,
    "no step, shifted": lambda c: np.clip(c - 0.1, 0.02, 1),
    "no step, stretched": lambda c: 0.5 + 0.8 * (c - 0.7),
}


def bare(made: CalibrationMap) -> CalibrationMap:
    """The map without what the labels at the ends allow."""
    return replace(made, curve=replace(made.curve, ends=None)) if isinstance(made.curve, Mixture) else made


def held(made: CalibrationMap, new: np.ndarray, truth: np.ndarray) -> list[float]:
    """Shares of the top and of all that intervals hold, each with their mean width."""
    low, high = made.interval(new)
    within, top = (low <= truth) & (truth <= high), new > STEP
    return [within[top].mean(), (high - low)[top].mean(), within.mean(), (high - low).mean()]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="three repetitions of two worlds")
    return parser


def main() -> None:
    given = options().parse_args()
    repetitions = 3 if given.quick else given.repetitions
    new = np.sort(np.random.default_rng(1_000_000).beta(4, 1.2, 3000))
    heads = ("top, width", "all, width", "curve alone: top, width", "all, width", "said", "top, nothing said")
    print(f"| world | n | {' | '.join(heads)} |\n|---|---|{'---|' * len(heads)}")
    for world, rate in list(WORLDS.items())[: 2 if given.quick else None]:
        for n in (100,) if given.quick else (100, 200, 500, 1000, 2000, 4000):
            rows, said = [], []
            for seed in range(repetitions):
                rng = np.random.default_rng(seed)
                c = np.round(rng.beta(4, 1.2, n), 3)
                fitted = calibrant.fit(c, (rng.random(n) < rate(c)).astype(float))
                rows.append([*held(fitted.map, new, rate(new)), *held(bare(fitted.map), new, rate(new))])
                said.append(bool(fitted.notes) or fitted.groups[0].behind[-1].rows < FEW_AT_TOP)
            table, told = np.array(rows), np.array(said)
            top, wide, whole, width, *alone = table.mean(axis=0)
            silent = "" if told.all() else f"{table[~told, 0].mean():.2f}"
            cells = [f"{a:.2f}, {b:.2f}" for a, b in ((top, wide), (whole, width), alone[:2], alone[2:])]
            print(f"| {world} | {n} | {' | '.join(cells)} | {told.mean():.2f} | {silent} |", flush=True)


if __name__ == "__main__":
    main()
