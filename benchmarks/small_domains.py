"""Small domains: what borrowing from other domains saves, and whether its intervals hold.

    python benchmarks/small_domains.py worlds [REPETITIONS]      # simulated, truth known; minutes
    CALIBRANT_DATA=... python benchmarks/small_domains.py logs [SPLITS]
    python benchmarks/small_domains.py --quick      # both, in small

`worlds`: 40 domains with a slope and an intercept each, scores Beta(5, 1.3), errors against the true probability; the
same with one domain that is unlike the rest; coverage of the 95 % intervals, for seen domains and for new ones.
`logs`: recorded logs with domains, fitted on a few labels of each, Brier score and log loss on the other rows.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

import calibrant
from calibrant import Tally
from calibrant.calibrators import pooled
from calibrant.calibrators.pooled import Pooled
from calibrant.fits.hierarchy import ROOT, Tree
from calibrant.fits.leaves import Leaf, Normal, Stack, apply, inverse
from calibrant.maps.groups import PooledMaps
from made import recorded as recorded_data

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


def plain_tree(leaves: Sequence[Leaf], parents: Sequence[Array]) -> Tree:
    """A peer of `fit_tree`: EM with Laplace's expansion at each domain's mode, each level's covariance at one value.

    Of a level's covariance, two domains of a standard deviation of 0.6 and 0.3 are seen beforehand.
    """
    stack = Stack.of(leaves)
    before = np.diag(np.square([0.6, 0.3]))
    sigma = [before] * len(parents)
    theta = np.zeros((stack.leaves, 2))
    for _ in range(60):
        slope, precision = stack.slopes(theta)
        nodes, cavity, squares = plain_passes(precision, slope + apply(precision, theta), parents, sigma)
        step = nodes[-1].mean - theta
        theta = theta + np.clip(step, -2, 2)
        sigma = [(2 * before + m.sum(axis=0)) / (2 + len(m)) for m in squares]
        if np.abs(step).max() < 1e-4:
            break
    new = [
        Normal(mean=node.mean, covariance=node.covariance + sum(sigma[level:]))
        for level, node in enumerate(nodes[:-1])
    ]
    prior = Normal(mean=cavity.mean, covariance=cavity.covariance + sigma[-1])
    return Tree(nodes=tuple(nodes), new=tuple(new), prior=prior, spread=tuple(sigma))


def plain_passes(
    j: Array, h: Array, parents: Sequence[Array], sigma: Sequence[Array]
) -> tuple[list[Normal], Normal, list[Array]]:
    """Of Gaussian leaves: each level's nodes, the leaves' parents without them, and squares of child less parent."""
    up, below = [], [(j, h)]
    for level in reversed(range(len(parents))):
        a = inverse(inverse(sigma[level]) + j)
        up.insert(0, (j - j @ a @ j, h - apply(j @ a, h), a, a @ inverse(sigma[level])))
        starts = np.flatnonzero(np.r_[True, np.diff(parents[level]) > 0])
        j, h = (np.add.reduceat(v, starts) for v in up[0][:2])
        below.insert(0, (j, h))
    precision, shift = j + np.eye(2) / ROOT**2, h
    nodes, squares = [], []
    for level, parent in enumerate(parents):
        node = Normal(mean=apply(inverse(precision), shift), covariance=inverse(precision))
        nodes.append(node)
        up_j, up_h, a, gain = up[level]
        cavity = inverse(precision[parent] - up_j)
        without = Normal(mean=apply(cavity, shift[parent] - up_h), covariance=cavity)
        outside = inverse(cavity + sigma[level])
        precision, shift = outside + below[level + 1][0], apply(outside, without.mean) + below[level + 1][1]
        off = apply(inverse(precision), shift) - node.mean[parent]
        rest = gain - np.eye(2)
        squares.append(
            a + rest @ node.covariance[parent] @ rest.swapaxes(1, 2) + off[:, :, None] * off[:, None]
        )
    nodes.append(Normal(mean=apply(inverse(precision), shift), covariance=inverse(precision)))
    return nodes, without, squares


def plainly(tallies: dict[str, Tally]) -> PooledMaps:
    """What `Pooled` gives with `plain_tree` in place of its own, and Laplace's expansion throughout."""
    own, quadrature = pooled.fit_tree, Stack.tilted
    pooled.fit_tree, Stack.tilted = plain_tree, expanded
    try:
        return Pooled().fit_groups(tallies)
    finally:
        pooled.fit_tree, Stack.tilted = own, quadrature


def expanded(stack: Stack, prior: Normal) -> tuple[Normal, Array]:
    """A normal at the mode of each leaf, in place of the moments."""
    mode, hessian = stack.mode(prior, inverse(prior.covariance))
    return Normal(mean=mode, covariance=inverse(hessian)), np.zeros(len(mode))


def world_row(world: World, n: int, repetitions: int, grid: Array, own_auto: bool) -> dict[str, Array]:
    """Mean over repetitions of each method's error, and the intervals' coverage and width."""
    found = defaultdict(list)
    for repetition in range(repetitions):
        rng = np.random.default_rng([repetition, n, world.domains])
        effects, tallies = world.draw(n, rng)
        truth = world.truth(effects, grid)
        whole = sum(list(tallies.values())[1:], start=tallies["000"])
        maps, simple = Pooled().fit_groups(tallies), plainly(tallies)
        p = {
            "pooled Platt": np.tile(fitted("platt", whole, grid), (world.domains, 1)),
            "own Platt": np.stack([fitted("platt", t, grid) for t in tallies.values()]),
            "plain": np.stack([simple[k](grid) for k in tallies]),
            "pooled": np.stack([maps[k](grid) for k in tallies]),
        }
        if own_auto:
            p["own auto"] = np.stack([fitted("auto", t, grid) for t in tallies.values()])
        p[f"own Platt if n >= {GATE}"] = p["own Platt" if n >= GATE else "pooled Platt"]
        for name, value in p.items():
            found[name].append(np.sqrt(((value - truth) ** 2).mean()))
            found[f"{name}, outlier"].append(np.sqrt(((value - truth)[: max(world.outliers, 1)] ** 2).mean()))
        new = world.truth(world.effects(400, rng), grid)
        for of, held in (("", maps), (", plain", simple)):
            low, high = (np.stack(v) for v in zip(*(held[k].interval(grid) for k in tallies), strict=True))
            inside = (low <= truth) & (truth <= high)
            found[f"coverage{of}"].append(inside.mean())
            found[f"coverage, outlier{of}"].append(inside[: max(world.outliers, 1)].mean())
            found[f"width{of}"].append((high - low).mean())
            low, high = held.find("never seen").interval(grid)
            found[f"coverage, new domain{of}"].append(((low <= new) & (new <= high)).mean())
            found[f"width, new domain{of}"].append((high - low).mean())
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


RMSE = ("pooled Platt", "own Platt", f"own Platt if n >= {GATE}", "plain", "pooled")
HELD = (
    "coverage", "coverage, plain", "width", "coverage, new domain", "coverage, new domain, plain", "width, new domain",
    "own weight",
)  # fmt: skip


def worlds(repetitions: int) -> None:
    table("RMSE to the true probability, normal effects", World(), repetitions, (*RMSE, "own auto", *HELD))
    for domains in (3, 10):
        table("Few domains", World(domains=domains), 4 * repetitions, RMSE + HELD, (5, 10, 50, 100))
    table(
        "Alike domains", World(slope=(0.75, 0.02), shift=(-0.5, 0.05)), repetitions, RMSE + HELD, (5, 25, 100)
    )
    for domains in (3, 10, 40):
        wide = World(slope=(0.8, 0.35), shift=(-0.3, 1.2), domains=domains)
        table("Domains far apart", wide, (1 + 2 * (domains < 40)) * repetitions, RMSE + HELD, (5, 25, 100))
    table(
        "One domain far from the rest (four standard deviations)", World(outliers=1), repetitions,
        (
            *RMSE, *(f"{n}, outlier" for n in ("pooled Platt", "own Platt", "plain", "pooled", "coverage")),
            "coverage, outlier, plain", "coverage",
        ),
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
    simple = plainly(train)
    methods: dict[str, Callable[[str], calibrant.CalibrationMap]] = {
        "plain": lambda k: simple[k],
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


def logs(splits: int, quick: bool) -> None:
    data = recorded_data(quick)
    for source in ("linwei_mmlu_pro",) if quick else LOGS:
        found = list(recorded(data / "logs", source))[: 2 if quick else None]
        for n in (10,) if quick else (10, 25, 50, 100, 400):
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


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("worlds", "logs"))
    parser.add_argument(
        "count",
        nargs="?",
        type=int,
        default=0,
        help="repetitions of worlds (20) or splits of logs (3)",
    )
    parser.add_argument("--quick", action="store_true", help="four domains once, and made-up logs")
    return parser


def main() -> None:
    parser = options()
    given = parser.parse_args()
    if given.quick:
        table(
            "One domain far from the rest",
            World(domains=4, outliers=1),
            1,
            (*RMSE, "own auto", *HELD),
            (10, 100),
        )
        logs(1, quick=True)
    elif given.part == "worlds":
        worlds(given.count or 20)
    elif given.part == "logs":
        logs(given.count or 3, quick=False)
    else:
        parser.error("expected worlds or logs")


if __name__ == "__main__":
    main()
