"""How far people's few verdicts reach beside a judge's many, where the truth is known: coverage and width.

    python benchmarks/judges.py [RUNS] [--quick]        # 500 runs by default, half an hour on one core
    python benchmarks/judges.py --sides [RUNS]        # only of two sides compared, minutes

Widths are set against those of people's verdicts alone and of PPI++ on the judge's verdict (Angelopoulos, Bates and
Zrnic 2023, as published: a normal interval). The first world is the support example of truescore 0.7 (Apache-2.0),
made by its own seed and draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from calibrant.judges.contrasting import contrasted
from calibrant.judges.correcting import Judged, judged
from calibrant.judges.drifting import drifted
from calibrant.metrics.differences import Difference
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


@dataclass(frozen=True)
class Sides:
    """Two sides, a before b: what people would say, what the judge says, a confidence, the item, and what is known."""

    human: Floats
    judge: Floats
    confidence: Floats
    item: NDArray[np.intp]
    known: dict[str, NDArray[np.generic]]
    truth: float
    gap: float

    @property
    def second(self) -> NDArray[np.bool_]:
        return np.arange(len(self.item)) >= len(self.item) // 2


def two_sides(
    rng: np.random.Generator,
    n: int,
    *,
    spread: float = 1.5,
    better: float = 0.3,
    kind: float = 0.0,
    fooled: float = 1.0,
    strict: float = 1.0,
    sensitivity: float = 0.95,
    paired: bool = True,
) -> Sides:
    """Items that are as hard for both; the judge passes wrong answers the more the longer, and those of b by `kind`."""
    z = 1.0 + spread * rng.standard_normal(n)
    z = np.r_[z, z + better] if paired else np.r_[z, 1.0 + spread * rng.standard_normal(n) + better]
    y, second = coins(rng, 1 / (1 + np.exp(-z)), 2 * n), np.repeat([False, True], n)
    length = rng.standard_normal(2 * n)
    passes = 1 / (1 + np.exp(strict - fooled * length - kind * second))
    judge = np.where(y == 1, coins(rng, sensitivity, 2 * n), coins(rng, passes, 2 * n))
    confidence = 1 / (1 + np.exp(-z - 0.3 * rng.standard_normal(2 * n)))
    item = np.tile(np.arange(n), 2) if paired else np.arange(2 * n)
    wide: dict[str, NDArray[np.generic]] = {"length": np.round(np.exp(5 + 0.5 * length))}
    return Sides(y, judge, confidence, item, wide, *differences_of(spread, better))


@cache
def differences_of(spread: float, better: float) -> tuple[float, float]:
    """The true differences in accuracy and gap, b less a, by Gauss and Hermite's quadrature."""
    at, share = np.polynomial.hermite_e.hermegauss(200)
    share = share / share.sum()

    def mean(shift: float, wide: float) -> float:
        return float(share @ (1 / (1 + np.exp(-(1.0 + shift + wide * at)))))

    right = mean(better, spread) - mean(0.0, spread)
    noisy = float(np.hypot(spread, 0.3))
    return right, mean(better, noisy) - mean(0.0, noisy) - right


PAIRS: dict[str, tuple[dict[str, float | bool], str]] = {
    "the same items, much alike": ({"spread": 3.0}, "both answers"),
    "the same items, little alike": ({"spread": 0.5}, "both answers"),
    "the same items, no difference": ({"better": 0.0}, "both answers"),
    "people saw other items of each": ({"spread": 3.0}, "apart"),
    "other items": ({"paired": False}, "apart"),
    "the judge prefers b": ({"kind": 2.5, "fooled": 0.0}, "both answers"),
    "the judge prefers b, other items": ({"kind": 2.5, "fooled": 0.0, "paired": False}, "apart"),
    "a judge hardly ever wrong": (
        {"fooled": 0.0, "strict": 5.0, "sensitivity": 0.995, "spread": 3.0},
        "both answers",
    ),
    "what it fails, four times as often": ({}, "often"),
}
SEEN_OF_EACH = (40, 100, 400)


def shown_of(
    sides: Sides, seen: int, how: str, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Floats | None]:
    """Which rows people saw, `seen` of each side, and with what probability where it is not the same."""
    n = len(sides.item) // 2
    if how == "both answers":
        return np.tile(np.isin(np.arange(n), rng.choice(n, seen, replace=False)), 2), None
    if how == "apart":
        return np.concatenate([np.isin(np.arange(n), rng.choice(n, seen, replace=False)) for _ in "ab"]), None
    chance = np.where(sides.judge >= 0.5, 1.0, 4.0)
    chance = np.clip(2 * seen * chance / chance.sum(), 0, 1)
    return rng.random(2 * n) < chance, chance


@dataclass(frozen=True)
class PairCell:
    """What many comparisons in one world came to; widths are of the difference in accuracy."""

    covers: float
    covers_gap: float
    naive: float
    width: float
    people: float


def pair_cell(name: str, seen: int, runs: int, rng: np.random.Generator, n: int = 1000) -> PairCell:
    """Shares of intervals that hold the true differences, and mean widths; `naive` is how far the judge is off."""
    world, how = PAIRS[name]
    found = []
    while len(found) < runs:
        sides = two_sides(rng, n, **world)  # type: ignore[arg-type]
        chosen, chance = shown_of(sides, seen, how, rng)
        if min(chosen[:n].sum(), chosen[n:].sum()) < 20:
            continue
        one = contrasted(
            sides.confidence, sides.judge, np.where(chosen, sides.human, np.nan), sides.second,
            paired=bool(world.get("paired", True)), covariates=sides.known, propensity=chance, cluster=sides.item,
        )  # fmt: skip
        found.append((sides, one))

    def holds(of: Difference | None, truth: float) -> bool:
        return of is not None and of.interval().low <= truth <= of.interval().high

    def width(of: Difference) -> float:
        return of.interval().high - of.interval().low

    return PairCell(
        covers=float(np.mean([holds(one.accuracy, s.truth) for s, one in found])),
        covers_gap=float(np.mean([holds(one.gap, s.gap) for s, one in found])),
        naive=float(np.mean([one.naive_accuracy - s.truth for s, one in found])),
        width=float(np.mean([width(one.accuracy) for _, one in found])),
        people=float(np.mean([width(one.by_people) for _, one in found])),
    )


def sides_table(runs: int, sizes: tuple[int, ...] = SEEN_OF_EACH) -> None:
    """Differences of two sides with 1,000 answers each."""
    rng = np.random.default_rng(2)
    told = " / ".join(map(str, sizes))
    print(
        f"\n| two sides, {told} of 1,000 seen of each | covers | gap covers | width | narrower than people | "
        "judge off by |"
    )
    print("|---|---|---|---|---|---|")
    for name in PAIRS:
        cells = [pair_cell(name, seen, runs, rng) for seen in sizes]
        print(
            f"| {name} | {' / '.join(f'{c.covers:.3f}' for c in cells)} | "
            f"{' / '.join(f'{c.covers_gap:.3f}' for c in cells)} | {' / '.join(f'{c.width:.3f}' for c in cells)} | "
            f"{' / '.join(f'{100 * (1 - c.width / c.people):.0f}' for c in cells)} % | "
            f"{100 * cells[-1].naive:+.1f} points |",
            flush=True,
        )  # fmt: skip


def example_table() -> None:
    rows, labelled = support_example()
    found, classic = one(rows, np.isin(np.arange(4000), labelled))
    print("| support example (truth .7140) | value | interval | width |\n|---|---|---|---|")
    for name, e in (
        ("judge believed", found.naive_accuracy), ("people alone", found.by_people), ("PPI++ as published", classic),
        (f"here ({found.estimator})", found.accuracy),
    ):  # fmt: skip
        print(f"| {name} | {e.value:.4f} | {e.low:.4f} to {e.high:.4f} | {e.high - e.low:.4f} |")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="?", type=int, default=500)
    parser.add_argument("--sides", action="store_true", help="only of two sides compared")
    parser.add_argument("--quick", action="store_true", help="a few runs of each table")
    return parser


def main() -> None:
    given = options().parse_args()
    quick, runs = given.quick, 5 if given.quick else given.runs
    if given.sides:
        sides_table(runs)
        return
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
        sides_table(2, (40,))
        streams(5)
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
    sides_table(runs)
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
