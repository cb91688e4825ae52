"""Coverage where chances of being labelled hang on a topic that the score does not show.

    python benchmarks/weights.py [REPETITIONS] [--quick]        # 400 repetitions by default

A share of the answers is of a topic whose answers are labelled with a chance of .02, the others with .6, and are right
more or less often at the same score. Logs are of three kinds: all rows with the chance of each, all rows with the
weight of those that are labelled, and the labelled rows alone. Printed is how many nominal 95 % intervals of gap,
accuracy, Brier score, L2, smooth ECE and of a map (the mean over 20 answers) hold the truth, how often a certificate
sends more wrong answers than it promises (`delta` 0.1; 0.2 wrong), how often it is said that weights are too heavy for
that, or tell of no others, and each of coverage and violations where it was not said.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd

import calibrant
from calibrant.logs.tallies import read_log
from calibrant.metrics import gap, l2, smooth_ece
from calibrant.metrics.conditions import measured
from calibrant.planning.thresholds import plan_thresholds
from calibrant.tally import Tally

RARE, COMMON = 0.02, 0.6
EFFECTS = ((0.0, -0.4), (-0.2, 0.1))
KINDS = ("chances", "weights", "labelled")
MEASURES = ("gap", "accuracy", "brier", "l2", "smooth_ece", "map", "violated")
MAX_ERROR, DELTA = 0.2, 0.1


@dataclass(frozen=True)
class World:
    """The share of the topic, and by how much the others' answers and its own are right less often."""

    share: float
    effect: tuple[float, float]
    digits: int

    def rate(self, c: np.ndarray, topic: np.ndarray) -> np.ndarray:
        return np.clip(c + np.where(topic, self.effect[1], self.effect[0]), 0, 1)

    def mean_rate(self, c: np.ndarray) -> np.ndarray:
        apart = [self.rate(c, np.full(len(c), topic)) for topic in (False, True)]
        return (1 - self.share) * apart[0] + self.share * apart[1]

    def scores(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return np.round(rng.beta(5, 1.3, n), self.digits)

    def log(self, n: int, seed: int) -> pd.DataFrame:
        """As many rows as bring about n labels."""
        rng = np.random.default_rng([seed, n])
        rows = round(n / (self.share * RARE + (1 - self.share) * COMMON))
        topic, c = rng.random(rows) < self.share, self.scores(rows, rng)
        chance = np.where(topic, RARE, COMMON)
        y = np.where(rng.random(rows) < chance, rng.random(rows) < self.rate(c, topic), np.nan)
        return pd.DataFrame({"confidence": c, "correct": y, "weight": 1 / chance})


def as_kept(log: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The log as somebody keeps it."""
    if kind == "labelled":
        return log[log.correct.notna()]
    return log if kind == "chances" else log.assign(weight=log.weight.where(log.correct.notna()))


def truths(world: World) -> dict[str, float]:
    c = world.scores(400_000, np.random.default_rng(9))
    p = world.mean_rate(c)
    whole = Tally.of(c[:100_000], p[:100_000])
    brier = float((p * (1 - c) ** 2 + (1 - p) * c**2).mean())
    error = float(np.sqrt(((p - c) ** 2).mean()))
    return {
        "gap": float((c - p).mean()), "accuracy": float(p.mean()), "brier": brier, "l2": error,
        "smooth_ece": smooth_ece(whole).value,
    }  # fmt: skip


def covered(world: World, log: pd.DataFrame, truth: dict[str, float], maps: bool) -> tuple[np.ndarray, bool]:
    """Whether (or for the map, how far) each holds the truth, and whether it was said that weights do not do."""
    read = read_log(log)
    tally = read.groups[()]
    ends = [
        gap(tally), measured(tally, "accuracy", 0.95), measured(tally, "brier", 0.95), l2(tally), smooth_ece(tally)
    ]  # fmt: skip
    held = [float(e is None or e.low <= truth[m] <= e.high) for e, m in zip(ends, MEASURES, strict=False)]
    held += _of_map(world, log) if maps else [np.nan, np.nan]
    return np.array(held), any("judged rows" in note for note in read.notes)


def _of_map(world: World, log: pd.DataFrame) -> list[float]:
    made = next(iter(calibrant.fit(log).maps.groups))[1]
    at = world.scores(20, np.random.default_rng(3))
    low, high = made.interval(at)
    held = float(((low <= world.mean_rate(at)) & (world.mean_rate(at) <= high)).mean())
    one = plan_thresholds(log, max_error=MAX_ERROR, delta=DELTA).certificates.certificates[0]
    if one.threshold is None:
        return [held, 0.0]
    c = world.scores(100_000, np.random.default_rng(9))
    sent = c >= one.threshold
    return [held, float((1 - world.mean_rate(c[sent])).mean() > MAX_ERROR)]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=400)
    parser.add_argument("--quick", action="store_true", help="one repetition of one share")
    return parser


def main() -> None:
    given = options().parse_args()
    repetitions, sizes = (1, (200,)) if given.quick else (given.repetitions, (200, 500, 2000))
    print(f"| topic | effect | n | log | said | {' | '.join(MEASURES)} |\n|{'---|' * (5 + len(MEASURES))}")
    for share in (0.3,) if given.quick else (0.12, 0.3, 0.5):
        for effect in EFFECTS:
            world = World(share, effect, 17)
            truth = truths(world)
            for n in sizes:
                for kind in KINDS:
                    held = np.zeros((repetitions, len(MEASURES)))
                    said = np.zeros(repetitions, bool)
                    for i in range(repetitions):
                        maps = i < max(repetitions // 4, 1)
                        held[i], said[i] = covered(world, as_kept(world.log(n, i), kind), truth, maps)
                    told = " | ".join(_shown(one, said) for one in held.T)
                    print(
                        f"| {share} | {effect[0]}, {effect[1]} | {n} | {kind} | {said.mean():.2f} | {told} |",
                        flush=True,
                    )


def _shown(held: np.ndarray, said: np.ndarray) -> str:
    """The mean over all draws that were looked at, and over those in which nothing was said."""
    seen = ~np.isnan(held)
    quiet = held[seen & ~said]
    return f"{held[seen].mean():.3f}" + (
        "" if not said.any() else f" ({quiet.mean() if len(quiet) else 1:.3f})"
    )


if __name__ == "__main__":
    main()
