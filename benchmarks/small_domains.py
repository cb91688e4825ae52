"""Small domains: what borrowing from other domains saves, and whether its intervals hold.

    python benchmarks/small_domains.py worlds [REPETITIONS]      # simulated, truth known; minutes
    CALIBRANT_DATA=... python benchmarks/small_domains.py logs [SPLITS]

`worlds`: 40 domains with a slope and an intercept each, scores Beta(5, 1.3), errors against the true probability; the
same with one domain that is unlike the rest; coverage of the 95 % intervals, for seen domains and for new ones.
`logs`: recorded logs with domains, fitted on a few labels of each, Brier score and log loss on the other rows.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

import calibrant
from calibrant import Tally
from calibrant.calibrators.pooled import Pooled

SIZES = (5, 10, 25, 50, 100, 400)
GATE = 100
Array = np.ndarray


@dataclass(frozen=True)
class World:
    """Domains whose truth is sigma(a L + b), L the log-odds of the score.

    `outliers` domains have b four standard deviations lower.
    """

    slope: tuple[float, float] = (0.75, 0.15)
    shift: tuple[float, float] = (-0.5, 0.57)
    domains: int = 40
    outliers: int = 0
    verbal: bool = False

    def effects(self, count: int, rng: np.random.Generator) -> Array:
        return np.stack([rng.normal(*self.slope, count), rng.normal(*self.shift, count)])

    def truth(self, effects: Array, scores: Array) -> Array:
        c = np.clip(scores, 0.02, 0.98) if self.verbal else scores
        return expit(effects[0][:, None] * logit(c) + effects[1][:, None])

    def scores(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        c = rng.beta(5, 1.3, shape)
        return np.round(c * 20) / 20 if self.verbal else c

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, dict[str, Tally]]:
        effects = self.effects(self.domains, rng)
        if self.outliers:
            effects[1, : self.outliers] -= 4 * self.shift[1]
        c = self.scores((self.domains, n), rng)
        y = rng.random(c.shape) < self.truth(effects, c)
        return effects, {f"{i:03}": Tally.of(*pair) for i, pair in enumerate(zip(c, y, strict=True))}


def fitted(name: str, tally: Tally, grid: Array) -> Array:
    from calibrant.plugins import find

    return np.asarray(find("calibrators", name)().fit(tally)(grid))


def laplace_em(tallies: dict[str, Tally], grid: Array) -> Array:
    """Plain empirical Bayes: EM with a Laplace expansion in each domain, the covariance at one best value."""
    x = [np.stack([logit(np.clip(t.score, 1e-3, 1 - 1e-3)), np.ones_like(t.score)]) for t in tallies.values()]
    counts = [(t.hits, t.weight) for t in tallies.values()]
    mean, covariance = np.array([0.7, 0.0]), 0.5 * np.eye(2)
    theta = np.tile(mean, (len(x), 1))
    for _ in range(60):
        precision, inverse = np.linalg.inv(covariance), []
        for d, (features, (hits, weight)) in enumerate(zip(x, counts, strict=True)):
            for _ in range(6):
                p = expit(theta[d] @ features)
                hessian = (features * (weight * p * (1 - p))) @ features.T + precision
                slope = features @ (hits - weight * p) - precision @ (theta[d] - mean)
                theta[d] = theta[d] + np.clip(np.linalg.solve(hessian, slope), -2, 2)
            inverse.append(np.linalg.inv(hessian))
        mean = theta.mean(axis=0)
        covariance = np.mean(inverse, axis=0) + np.cov(theta.T, bias=True)
    return expit(theta[:, :1] * logit(np.clip(grid, 1e-3, 1 - 1e-3)) + theta[:, 1:])


def world_row(world: World, n: int, repetitions: int, grid: Array, own_auto: bool) -> dict[str, Array]:
    """Mean over repetitions of each method's error, and the intervals' coverage and width."""
    found = defaultdict(list)
    for repetition in range(repetitions):
        rng = np.random.default_rng([repetition, n, world.domains])
        effects, tallies = world.draw(n, rng)
        truth = world.truth(effects, grid)
        whole = sum(list(tallies.values())[1:], start=tallies["000"])
        maps = Pooled().fit_groups(tallies)
        p = {
            "pooled Platt": np.tile(fitted("platt", whole, grid), (world.domains, 1)),
            "own Platt": np.stack([fitted("platt", t, grid) for t in tallies.values()]),
            "plain empirical Bayes": laplace_em(tallies, grid),
            "pooled": np.stack([maps[k](grid) for k in tallies]),
        }
        if own_auto:
            p["own auto"] = np.stack([fitted("auto", t, grid) for t in tallies.values()])
        p[f"own Platt if n >= {GATE}"] = p["own Platt" if n >= GATE else "pooled Platt"]
        for name, value in p.items():
            found[name].append(np.sqrt(((value - truth) ** 2).mean()))
            found[f"{name}, outlier"].append(np.sqrt(((value - truth)[: max(world.outliers, 1)] ** 2).mean()))
        low, high = (np.stack(v) for v in zip(*(maps[k].interval(grid) for k in tallies), strict=True))
        inside = (low <= truth) & (truth <= high)
        found["coverage"].append(inside.mean())
        found["coverage, outlier"].append(inside[: max(world.outliers, 1)].mean())
        found["width"].append((high - low).mean())
        new = world.truth(world.effects(400, rng), grid)
        low, high = maps.find("never seen").interval(grid)
        found["coverage, new domain"].append(((low <= new) & (new <= high)).mean())
        found["width, new domain"].append((high - low).mean())
        found["own weight"].append(np.mean([maps[k].statistics["own_weight"] for k in tallies]))
    return {name: np.array(values) for name, values in found.items()}


def table(
    title: str, world: World, repetitions: int, shown: tuple[str, ...], sizes: tuple[int, ...] = SIZES
) -> None:
    grid = world.scores((400,), np.random.default_rng(7))
    rows = {n: world_row(world, n, repetitions, grid, "own auto" in shown) for n in sizes}
    print(f"\n{title} ({world.domains} domains, {repetitions} repetitions; standard errors in brackets)")
    print("| labels a domain | " + " | ".join(map(str, sizes)) + " |\n|---" * 1 + "|---" * len(sizes) + "|")
    for name in shown:
        cells = [f"{rows[n][name].mean():.3f} ({_error(rows[n][name]):.3f})" for n in sizes]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _error(values: Array) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


RMSE = ("pooled Platt", "own Platt", f"own Platt if n >= {GATE}", "plain empirical Bayes", "pooled")
HELD = ("coverage", "width", "coverage, new domain", "width, new domain", "own weight")


def worlds(repetitions: int) -> None:
    table("RMSE to the true probability, normal effects", World(), repetitions, (*RMSE, "own auto", *HELD))
    for domains in (3, 10):
        table("Few domains", World(domains=domains), 4 * repetitions, RMSE + HELD, (5, 10, 50, 100))
    table(
        "Alike domains", World(slope=(0.75, 0.02), shift=(-0.5, 0.05)), repetitions, RMSE + HELD, (5, 25, 100)
    )
    table(
        "One domain far from the rest (four standard deviations)", World(outliers=1), repetitions,
        (*RMSE, *(f"{n}, outlier" for n in ("pooled Platt", "own Platt", "pooled", "coverage")), "coverage"),
    )  # fmt: skip
    table("Scores in steps of 0.05, up to 1", World(verbal=True), repetitions, RMSE + HELD, (5, 25, 100, 400))


LOGS: dict[str, tuple[str, str]] = {
    "linwei_mmlu_pro": ("model || '/' || signal", "domain"),
    "lifeeval": ("model || '/' || signal", "task || '/' || coalesce(domain, '')"),
    "llmbar_judges": ("model || '/' || signal", "task || '/' || coalesce(domain, '')"),
    "bplaut_mcq": ("model || '/' || signal", "task || '/' || coalesce(domain, '')"),
}
Domains = list[tuple[Array, Array]]


def recorded(folder: Path, source: str) -> Iterator[tuple[str, Domains]]:
    import duckdb

    log, domain = LOGS[source]
    frame = duckdb.sql(
        f"SELECT {log} AS log, {domain} AS d, confidence, correct FROM '{folder / source}.parquet' "
        "WHERE confidence IS NOT NULL AND correct IS NOT NULL ORDER BY ALL"
    ).df()
    for name, rows in frame.groupby("log"):
        parts = [
            (part["confidence"].to_numpy(float), part["correct"].to_numpy(float))
            for _, part in rows.groupby("d")
            if len(part) >= 60
        ]
        if len(parts) > 1:
            yield str(name), parts


def brier(p: Array, y: Array) -> float:
    return float(((p - y) ** 2).mean())


def log_loss(p: Array, y: Array) -> float:
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return float(-(y * np.log(p) + (1 - y) * np.log1p(-p)).mean())


def log_row(parts: Domains, n: int, seed: list[int]) -> dict[str, tuple[float, float]] | None:
    """Mean over the domains of Brier score and log loss on rows that nothing was fitted on."""
    rng = np.random.default_rng(seed)
    train, test = {}, {}
    for i, (c, y) in enumerate(parts):
        order = rng.permutation(len(c))
        if len(c) >= n + 30:
            train[f"{i:03}"] = Tally.of(c[order[:n]], y[order[:n]])
            test[f"{i:03}"] = (c[order[n : n + 2000]], y[order[n : n + 2000]])
    if len(train) < 2:
        return None
    whole = sum(list(train.values())[1:], start=next(iter(train.values())))
    from calibrant.plugins import find

    every = find("calibrators", "auto")().fit(whole)
    maps = Pooled().fit_groups(train)
    methods: dict[str, Callable[[str], calibrant.CalibrationMap]] = {
        "global auto": lambda _: every,
        "own auto": lambda k: find("calibrators", "auto")().fit(train[k]),
        "own platt": lambda k: find("calibrators", "platt")().fit(train[k]),
        "pooled": lambda k: maps[k],
    }
    out = {}
    for name, method in methods.items():
        p = {k: np.asarray(method(k)(c)) for k, (c, _) in test.items()}
        out[name] = tuple(
            float(np.mean([score(p[k], y) for k, (_, y) in test.items()])) for score in (brier, log_loss)
        )
    return out


def logs(splits: int) -> None:
    data = os.environ.get("CALIBRANT_DATA")
    if not data:
        sys.exit("Set CALIBRANT_DATA to the folder of the recorded logs; nothing was measured.")
    for source in LOGS:
        found = list(recorded(Path(data) / "logs", source))
        for n in (10, 25, 50, 100, 400):
            rows = [
                row
                for i, (_, parts) in enumerate(found)
                for split in range(splits)
                if (row := log_row(parts, n, [split, n, i])) is not None
            ]
            if not rows:
                continue
            print(f"\n{source}, {n} labels a domain ({len(rows)} fits of {len(found)} logs)")
            print(
                "| method | Brier | pooled less this | log loss | pooled less this |\n|---|---|---|---|---|"
            )
            for name in rows[0]:
                values = np.array([row[name] for row in rows])
                gap = np.array([row["pooled"] for row in rows]) - values
                half = 1.96 * gap.std(axis=0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else [np.nan] * 2
                cells = [
                    f"{values[:, i].mean():.5f} | {gap[:, i].mean():+.5f} ± {half[i]:.5f}" for i in (0, 1)
                ]
                print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    match what:
        case "worlds":
            worlds(count or 20)
        case "logs":
            logs(count or 3)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
