"""How far people's few verdicts reach beside a judge's many, where the truth is known: coverage and width.

python benchmarks/judges.py [RUNS]        # default 500, half an hour on one core; --quick: 20 runs of the first table

Widths are set against those of people's verdicts alone and of PPI++ on the judge's verdict (Angelopoulos, Bates and
Zrnic 2023, as published: a normal interval). The first world is the support example of truescore 0.7 (Apache-2.0),
made by its own seed and draws.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibrant.judges.correcting import Judged, judged
from calibrant.judges.drifting import drifted
from calibrant.metrics.intervals import Estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """All rows of a world: what people would say, what the judge says, what else is known, and the true accuracy."""

    human: Floats
    judge: Floats
    truth: float
    known: dict[str, NDArray[np.generic]] = field(default_factory=dict)
    cluster: NDArray[np.intp] | None = None


World = Callable[[np.random.Generator, int], Rows]


def coins(rng: np.random.Generator, p: Floats | float, n: int) -> Floats:
    return (rng.random(n) < p).astype(float)


def support_example() -> tuple[Rows, NDArray[np.intp]]:
    """Its rows, and which 600 of them were labelled."""
    n, rng = 4000, np.random.default_rng(20260725)
    difficulty = rng.beta(2.0, 2.0, n)
    truth = [rng.binomial(1, np.clip(p + 0.25 * (0.5 - difficulty), 0.02, 0.98)) for p in (0.62, 0.72)][1]
    length = [np.round(rng.lognormal(mean, 0.45, n)) for mean in (4.60, 5.30)]

    def said(right: NDArray[np.int64], tokens: Floats) -> NDArray[np.int64]:
        centred = (tokens - 150.0) / 100.0
        wrong = np.clip((1.0 - 0.62) + 0.300 * centred, 0.02, 0.90)
        fine = np.clip(0.94 + 0.2 * 0.300 * centred, 0.50, 0.99)
        return rng.binomial(1, np.where(right == 1, fine, wrong))

    older = np.random.default_rng(20260725)  # the first version's answers come first in the stream of draws
    older.beta(2.0, 2.0, n)
    first = older.binomial(1, np.clip(0.62 + 0.25 * (0.5 - difficulty), 0.02, 0.98))
    said(first, length[0])
    judge = said(truth, length[1])
    labelled = np.sort(rng.choice(n, 600, replace=False))
    rows = Rows(truth.astype(float), judge.astype(float), float(truth.mean()))
    return Rows(rows.human, rows.judge, rows.truth, {"length": length[1], "difficulty": difficulty}), labelled


def passes_or_fails(
    rng: np.random.Generator, n: int, sensitivity: float = 0.94, specificity: float = 0.65
) -> Rows:
    y = coins(rng, 0.7, n)
    judge = np.where(y == 1, coins(rng, sensitivity, n), coins(rng, 1 - specificity, n))
    return Rows(y, judge, 0.7, {"length": rng.lognormal(5, 0.5, n)})


def states_a_probability(rng: np.random.Generator, n: int, spread: float = 0.6, kind: float = 2.5) -> Rows:
    """It knows how likely the answer is right, and says so too surely and too high."""
    q = rng.beta(1.2 * spread, 0.8 * spread, n)
    odds = 1.8 * np.log(q / (1 - q)) + kind
    return Rows(
        coins(rng, q, n), np.round(1 / (1 + np.exp(-odds)), 2), 0.6, {"length": rng.lognormal(5, 0.5, n)}
    )


def fooled_by_length(rng: np.random.Generator, n: int, steep: float = 6.0, worse: float = 0.8) -> Rows:
    """Long answers are more often wrong, and wrong ones pass the more often the longer they are."""
    z = rng.standard_normal(n)
    y = coins(rng, 1 / (1 + np.exp(worse * z)), n)
    judge = np.where(y == 1, coins(rng, 0.97, n), coins(rng, 1 / (1 + np.exp(-steep * z)), n))
    return Rows(y, judge, 0.5, {"length": np.round(np.exp(5 + 0.5 * z))})


def prefers_its_own(rng: np.random.Generator, n: int, own: float = 0.5, worse: float = 0.2) -> Rows:
    """Of its own model's answers, which are worse, it passes 95 % of the wrong ones, of the others' 5 %."""
    mine = rng.random(n) < own
    y = coins(rng, np.where(mine, 0.6 - worse, 0.6 + worse * own / (1 - own)), n)
    judge = np.where(y == 1, coins(rng, 0.95, n), coins(rng, np.where(mine, 0.95, 0.05), n))
    model = np.where(mine, 0, rng.integers(1, 3, n))
    return Rows(y, judge, 0.6, {"model": np.array(["own", "b", "c"], object)[model]})


def mild_probability(rng: np.random.Generator, n: int) -> Rows:
    return states_a_probability(rng, n, 1.2, 0.7)


def mildly_fooled(rng: np.random.Generator, n: int) -> Rows:
    return fooled_by_length(rng, n, 2.0, 0.0)


def mild_preference(rng: np.random.Generator, n: int) -> Rows:
    return prefers_its_own(rng, n, 0.25, 0.0)


def useless(rng: np.random.Generator, n: int) -> Rows:
    return passes_or_fails(rng, n, 0.6, 0.4)


def nearly_perfect(rng: np.random.Generator, n: int) -> Rows:
    return passes_or_fails(rng, n, 0.99, 0.98)


def almost_all_right(rng: np.random.Generator, n: int) -> Rows:
    """Few drawn rows hold a wrong answer, many draws none."""
    y = coins(rng, 0.97, n)
    return Rows(
        y,
        np.where(y == 1, coins(rng, 0.98, n), coins(rng, 0.5, n)),
        0.97,
        {"length": rng.lognormal(5, 0.5, n)},
    )


def in_clusters(rng: np.random.Generator, n: int) -> Rows:
    """Items asked five times: a hard one is hard each time, and the judge errs alike on all five."""
    items = n // 5
    q, fooled = np.repeat(rng.beta(1.4, 0.6, items), 5), np.repeat(rng.random(items) < 0.4, 5)
    y = coins(rng, q, len(q))
    judge = np.where(y == 1, coins(rng, 0.95, len(q)), np.where(fooled, 1.0, 0.0))
    return Rows(y, judge, 0.7, {"length": rng.lognormal(5, 0.5, len(q))}, np.repeat(np.arange(items), 5))


MILD: dict[str, World] = {
    "states a probability, little too high": mild_probability,
    "fooled by length a little": mildly_fooled,
    "prefers its own, a quarter of the answers": mild_preference,
}
WORLDS: dict[str, World] = {
    "passes or fails": passes_or_fails,
    "states a probability": states_a_probability,
    "fooled by length": fooled_by_length,
    "prefers its own": prefers_its_own,
    "useless": useless,
    "nearly perfect": nearly_perfect,
    "almost all right": almost_all_right,
    "clusters of five": in_clusters,
}
SEEN = (20, 30, 50, 100)
OFTEN = "what it fails, four times as often"
LATER = ("passes or fails", "states a probability", "nearly perfect")
SMALL_ONLY = ("nearly perfect", "almost all right", "clusters of five")


def ppi_plus(y: Floats, there: Floats, elsewhere: Floats) -> Estimate:
    """PPI++ of a mean, with a normal interval, as published."""
    n, other = len(y), len(elsewhere)
    both = np.concatenate([there, elsewhere])
    spread = float(both.var(ddof=1))
    tuned = float(np.cov(y, there, ddof=0)[0, 1]) / (spread * (1 + n / other)) if spread > 0 else 0.0
    tuned = min(1.0, max(0.0, tuned))
    value = float(tuned * elsewhere.mean() + (y - tuned * there).mean())
    variance = float((y - tuned * there).var(ddof=1)) / n + tuned**2 * float(elsewhere.var(ddof=1)) / other
    return Estimate(value, value - 1.959964 * variance**0.5, value + 1.959964 * variance**0.5)


def drawn(
    rows: Rows, seen: int, how: str, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Floats | None]:
    n = len(rows.judge)
    if rows.cluster is not None:
        items = rng.choice(int(rows.cluster.max()) + 1, seen // 5, replace=False)
        return np.isin(rows.cluster, items), None
    if how == "evenly":
        return np.isin(np.arange(n), rng.choice(n, seen, replace=False)), None
    chance = np.where(rows.judge >= 0.5, 1.0, 4.0)
    chance = np.clip(seen * chance / chance.sum(), 0, 1)
    return rng.random(n) < chance, chance


def one(rows: Rows, chosen: NDArray[np.bool_], chance: Floats | None = None) -> tuple[Judged, Estimate]:
    human = np.where(chosen, rows.human, np.nan)
    found = judged(None, rows.judge, human, covariates=rows.known, propensity=chance, cluster=rows.cluster)
    verdict = (rows.judge >= 0.5).astype(float)
    return found, ppi_plus(rows.human[chosen], verdict[chosen], verdict[~chosen])


@dataclass(frozen=True)
class Cell:
    """What many runs in one world came to."""

    covers: float
    classic_covers: float
    width: float
    classic: float
    people: float
    verdict: float
    chosen: dict[str, int]

    @property
    def ratio(self) -> float:
        return self.width / self.classic


def cell(
    world: World, seen: int, runs: int, rng: np.random.Generator, n: int = 4000, how: str = "evenly"
) -> Cell:
    """Mean widths and shares of intervals that hold the truth; of PPI++ as published (`classic`) where drawn evenly."""
    found: list[tuple[Rows, Judged, Estimate]] = []
    while len(found) < runs:
        rows = world(rng, n)
        chosen, chance = drawn(rows, seen, how, rng)
        if chosen.sum() >= 20:
            found.append((rows, *one(rows, chosen, chance)))
    names = [j.estimator for _, j, _ in found]

    def mean(of: Iterable[float]) -> float:
        return float(np.mean(list(of)))

    return Cell(
        covers=mean(j.accuracy.low <= r.truth <= j.accuracy.high for r, j, _ in found),
        classic_covers=mean(p.low <= r.truth <= p.high for r, _, p in found),
        width=mean(j.accuracy.high - j.accuracy.low for _, j, _ in found),
        classic=mean(p.high - p.low for _, _, p in found),
        people=mean(j.by_people.high - j.by_people.low for _, j, _ in found),
        verdict=mean(j.by_verdict.high - j.by_verdict.low for _, j, _ in found),
        chosen={name: names.count(name) for name in sorted(set(names))},
    )


def example_table() -> None:
    rows, labelled = support_example()
    found, classic = one(rows, np.isin(np.arange(4000), labelled))
    print("| support example (truth .7140) | value | interval | width |\n|---|---|---|---|")
    for name, e in (
        ("judge believed", found.naive_accuracy), ("people alone", found.by_people), ("PPI++ as published", classic),
        (f"here ({found.estimator})", found.accuracy),
    ):  # fmt: skip
        print(f"| {name} | {e.value:.4f} | {e.low:.4f} to {e.high:.4f} | {e.high - e.low:.4f} |")


def main() -> None:
    quick = "--quick" in sys.argv
    runs = 20 if quick else int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rng = np.random.default_rng(1)
    example_table()
    print(
        "\n| world, 600 of 4,000 seen | covers | PPI++ covers | width | PPI++ | people | narrower than PPI++ |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, world in (WORLDS | MILD).items():
        if name in SMALL_ONLY:
            continue
        c = cell(world, 600, runs, rng)
        print(
            f"| {name} | {c.covers:.3f} | {c.classic_covers:.3f} | {c.width:.4f} | {c.classic:.4f} | "
            f"{c.people:.4f} | {100 * (1 - c.ratio):.0f} % |", flush=True,
        )  # fmt: skip
    if quick:
        return
    print(
        f"\n| world, of 2,000 | drawn | covers, {' / '.join(map(str, SEEN))} seen | narrower than people alone |"
    )
    print("|---|---|---|---|")
    for name, how in [(name, "evenly") for name in WORLDS] + [(name, OFTEN) for name in LATER]:
        cells = [
            cell(WORLDS[name], 5 * k if name == "clusters of five" else k, runs, rng, 2000, how) for k in SEEN
        ]
        print(
            f"| {name} | {how} | {' / '.join(f'{c.covers:.3f}' for c in cells)} | "
            f"{' / '.join(f'{100 * (1 - c.width / c.people):.0f}' for c in cells)} % |", flush=True,
        )  # fmt: skip
    streams()


def streams(count: int = 300, rows: int = 400) -> None:
    """A judge of equal quality asked again: how many streams ever look changed, looked at after each row."""
    ours = fixed = 0
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        y = coins(rng, 0.7, rows)
        old, new, worse = (np.where(rng.random(rows) < right, y, 1 - y) for right in (0.88, 0.88, 0.75))
        ours += drifted(old, new, y).changed
        better = (np.abs(old - y) - np.abs(new - y)).cumsum() / np.arange(1, rows + 1)
        square = ((np.abs(old - y) - np.abs(new - y)) ** 2).cumsum() / np.arange(1, rows + 1)
        reach = 1.959964 * np.sqrt(np.maximum(square - better**2, 1e-9) / np.arange(1, rows + 1))
        fixed += bool((np.abs(better) > reach)[20:].any())
        found.append(drifted(old, worse, y).since)
    since = sorted(one or rows + 1 for one in found)
    print(
        f"\n{count} healthy streams of {rows} rows, looked at after every row: changed {100 * ours / count:.1f} %, "
        f"by fixed 95 % intervals {100 * fixed / count:.1f} %. A judge right on 75 instead of 88 of 100: found in "
        f"{100 * np.mean([one is not None for one in found]):.0f} %, half of them after {since[count // 2]} rows."
    )


if __name__ == "__main__":
    main()
