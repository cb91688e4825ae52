"""Segments that cross: how far calibration by task, domain and language together is from the truth, and at its worst.

    python benchmarks/segments.py [REPETITIONS] [--quick]        # with mcgrad installed, also against MCGrad

20,000 labels over 6 tasks x 8 domains x 3 languages; a slope for each task, shifts for domains and languages, and a
hidden interaction: one domain in one language is two log-odds worse. Errors to the true probability on fresh rows, the
worst gap of a single value or pair of values there, and the coverage of intervals.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from itertools import combinations

import numpy as np
from scipy.special import expit, logit

import calibrant
from calibrant import Tally
from calibrant.plugins import find

COLUMNS = {"task": 6, "domain": 8, "language": 3}
Array = np.ndarray


class World:
    def __init__(self, rng: np.random.Generator) -> None:
        self.slope = rng.normal(0.8, 0.2, 6)
        self.shift = [rng.normal(0, 0.3, 6), rng.normal(0, 0.5, 8), rng.normal(0, 0.3, 3)]

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        at = np.stack([rng.choice(k, n, p=rng.dirichlet(np.full(k, 4.0))) for k in COLUMNS.values()])
        c = rng.beta(5, 1.3, n)
        eta = self.slope[at[0]] * logit(c) - 0.4 + sum(s[a] for s, a in zip(self.shift, at, strict=True))
        return c, at, expit(eta - 2.0 * ((at[1] == 3) & (at[2] == 1)))


def keys(at: Array) -> list[tuple[str, ...]]:
    return [tuple(f"{name}{v}" for name, v in zip(COLUMNS, row, strict=True)) for row in at.T.tolist()]


def by_key(maps: object, c: Array, at: Array) -> tuple[Array, Array, Array]:
    named = np.array(["|".join(k) for k in keys(at)])
    p, low, high = np.empty(len(c)), np.empty(len(c)), np.empty(len(c))
    for name in np.unique(named):
        where = named == name
        found = maps.find(tuple(name.split("|")))  # type: ignore[attr-defined]
        p[where] = found(c[where])
        low[where], high[where] = found.interval(c[where])
    return p, low, high


def worst(p: Array, truth: Array, at: Array) -> float:
    gaps = []
    for size in (1, 2):
        for some in combinations(range(3), size):
            _, code = np.unique(at[list(some)], axis=1, return_inverse=True)
            rows = np.bincount(code)
            gaps += np.abs(np.bincount(code, p - truth) / rows)[rows >= 100].tolist()
    return float(max(gaps))


def mcgrad(c: Array, at: Array, y: Array, new: Array, new_at: Array) -> Array:
    import pandas as pd
    from mcgrad.methods import MCGrad

    frame, fresh = (
        pd.DataFrame({"p": s, "y": v, **{n: [k[i] for k in keys(a)] for i, n in enumerate(COLUMNS)}})
        for s, a, v in ((c, at, y), (new, new_at, np.zeros(len(new))))
    )
    model = MCGrad()
    model.fit(
        df_train=frame,
        prediction_column_name="p",
        label_column_name="y",
        categorical_feature_column_names=list(COLUMNS),
    )
    return np.asarray(
        model.predict(df=fresh, prediction_column_name="p", categorical_feature_column_names=list(COLUMNS))
    )


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repetitions", nargs="?", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one repetition with 2,000 labels")
    return parser


def main() -> None:
    given = options().parse_args()
    repetitions, labels = (1, 2_000) if given.quick else (given.repetitions, 20_000)
    found: dict[str, list[tuple[float, ...]]] = {}
    for repetition in range(repetitions):
        rng = np.random.default_rng(repetition)
        world = World(rng)
        c, at, truth = world.draw(labels, rng)
        y = (rng.random(len(c)) < truth).astype(float)
        new, new_at, right = world.draw(labels, rng)
        none = np.full(len(new), np.nan)
        results: dict[str, tuple[Array, Array, Array, float]] = {"raw": (new, none, none, 0.0)}
        start = time.process_time()
        platt = find("calibrators", "platt")().fit(Tally.of(c, y))
        results["global platt"] = (platt(new), *platt.interval(new), time.process_time() - start)
        for name in ("pooled", "multicalibrated"):
            start = time.process_time()
            maps = calibrant.fit(c, y, name, by=keys(at))
            results[name] = (*by_key(maps, new, new_at), time.process_time() - start)
        if find_spec("mcgrad") is None:
            print("MCGrad is left out: pip install mcgrad")
        else:
            start = time.process_time()
            results["MCGrad"] = (mcgrad(c, at, y, new, new_at), none, none, time.process_time() - start)
        for name, (p, low, high, took) in results.items():
            rmse = float(np.sqrt(((p - right) ** 2).mean()))
            inside = float(((low <= right) & (right <= high)).mean()) if np.isfinite(low).all() else np.nan
            found.setdefault(name, []).append((rmse, worst(p, right, new_at), inside, took))
    print(
        "| method | RMSE to the truth | worst segment gap | coverage | CPU seconds |\n|---|---|---|---|---|"
    )
    for name, values in found.items():
        rmse, gap, inside, took = np.mean(values, axis=0)
        print(f"| {name} | {rmse:.4f} | {gap:.3f} | {inside:.3f} | {took:.1f} |")


if __name__ == "__main__":
    main()
