"""Differences of two sides: golden values, other formulas, and intervals that cover what is known to be true."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from calibrant.metrics.differences import Sample, differences, effective_units
from calibrant.metrics.ranking import auroc, placements, ranking
from calibrant.tally import Tally


def side(score: np.ndarray, grade: np.ndarray, unit: np.ndarray | None = None) -> Sample:
    units = np.arange(len(score)) if unit is None else unit
    return Sample(np.asarray(score, float), np.asarray(grade, float), np.ones(len(score)), units)


def of_table(both: int, first: int, second: int, neither: int) -> tuple[Sample, Sample]:
    a = np.repeat([1.0, 1.0, 0.0, 0.0], [both, first, second, neither])
    b = np.repeat([1.0, 0.0, 1.0, 0.0], [both, first, second, neither])
    return side(np.full(len(a), 0.9), a), side(np.full(len(a), 0.9), b)


def test_paired_accuracy_is_near_what_agresti_and_min_give() -> None:
    """Their adjusted Wald interval of paired proportions: half a pair added to each cell (2005, section 3)."""
    for cells in ((50, 10, 20, 20), (90, 1, 8, 1), (30, 0, 0, 10), (400, 30, 55, 115)):
        a, b = of_table(*cells)
        both, first, second, neither = (one + 0.5 for one in cells)
        n = both + first + second + neither
        middle = (second - first) / n
        half = stats.norm.ppf(0.975) * np.sqrt((first + second) - (second - first) ** 2 / n) / n
        found = differences(a, b, paired=True)["accuracy"]
        assert found.middle == pytest.approx(middle)
        assert found.interval().low == pytest.approx(min(middle - half, found.value), abs=0.004)
        assert found.interval().high == pytest.approx(max(middle + half, found.value), abs=0.004)


def test_paired_accuracy_says_what_mcnemar_says() -> None:
    """The mid-p of the exact test (Fagerland, Lydersen and Laake 2013)."""
    for first, second in ((3, 12), (10, 20), (30, 55), (5, 5), (40, 60)):
        n, least = first + second, min(first, second)
        mid = min(1.0, 2 * stats.binom.cdf(least, n, 0.5) - stats.binom.pmf(least, n, 0.5))
        found = differences(*of_table(150, first, second, 60), paired=True)["accuracy"]
        assert found.p == pytest.approx(mid, abs=0.025)
        assert (found.p < 0.05) == (mid < 0.05)


def test_independent_accuracy_is_near_what_agresti_and_caffo_give() -> None:
    a, b = (
        side(np.full(80, 0.9), np.r_[np.ones(70), np.zeros(10)]),
        side(np.full(120, 0.9), np.r_[np.ones(90), np.zeros(30)]),
    )
    p, q = 71 / 82, 91 / 122
    half = stats.norm.ppf(0.975) * np.sqrt(p * (1 - p) / 82 + q * (1 - q) / 122)
    found = differences(a, b, paired=False)["accuracy"]
    assert found.middle == pytest.approx(q - p)
    assert found.interval().low == pytest.approx(q - p - half, abs=0.003)
    assert found.interval().high == pytest.approx(q - p + half, abs=0.003)


def world(
    rng: np.random.Generator,
    n: int,
    m: int,
    *,
    shared: bool,
    ability: tuple[float, float],
    bias: tuple[float, float],
) -> tuple[Sample, Sample]:
    """n items asked m times of either side: items are hard or easy for both where they are shared."""
    made, hard = [], rng.normal(0, 1.2, n)
    for one, lean in zip(ability, bias, strict=True):
        z = np.repeat(one + (hard if shared else rng.normal(0, 1.2, n)), m)
        score = np.round(expit(z + lean + rng.normal(0, 0.7, n * m)), 2)
        made.append(side(score, rng.random(n * m) < expit(z), np.repeat(np.arange(n), m)))
    return made[0], made[1]


def test_the_bootstrap_of_items_gives_about_these_intervals() -> None:
    rng = np.random.default_rng(3)
    n, m = 250, 2
    a, b = world(rng, n, m, shared=True, ability=(1.0, 1.5), bias=(0.5, -0.1))
    found = differences(a, b, paired=True)

    def measures(s: Sample, at: np.ndarray) -> list[float]:
        c, g = s.score[at], s.grade[at]
        return [g.mean(), (c - g).mean(), ((c - g) ** 2).mean(), auroc(Tally.of(c, g))]

    draws = []
    for _ in range(400):
        at = (rng.integers(0, n, n)[:, None] * m + np.arange(m)).ravel()
        draws.append(np.subtract(measures(b, at), measures(a, at)))
    for one, error in zip(found.values(), np.std(draws, axis=0), strict=True):
        assert one.error == pytest.approx(error, rel=0.12)


@pytest.mark.parametrize(
    ("n", "m", "shared"), [(40, 1, True), (120, 1, True), (50, 4, True), (120, 1, False), (50, 4, False)]
)
def test_intervals_cover_the_truth(n: int, m: int, shared: bool) -> None:
    rng = np.random.default_rng(n + m + shared)
    about = {"ability": (1.0, 1.6), "bias": (0.5, -0.2)}
    truth = {
        k: d.value
        for k, d in differences(*world(rng, 40_000, 1, shared=False, **about), paired=False).items()
    }
    held: dict[str, list[bool]] = {name: [] for name in truth}
    for _ in range(100):
        for name, one in differences(*world(rng, n, m, shared=shared, **about), paired=shared).items():
            held[name].append(one.interval().low <= truth[name] <= one.interval().high)
    for name, hits in held.items():
        assert np.mean(hits) >= 0.88, (name, np.mean(hits))  # three standard errors below 0.95


def test_pairs_that_are_alike_tell_more_than_two_samples() -> None:
    a, b = world(np.random.default_rng(1), 300, 1, shared=True, ability=(1.0, 1.2), bias=(0.0, 0.0))
    paired, apart = (differences(a, b, paired=how) for how in (True, False))
    assert paired["accuracy"].error < apart["accuracy"].error
    assert paired["brier"].error < apart["brier"].error


def test_copies_of_an_item_tell_nothing_new() -> None:
    a, b = world(np.random.default_rng(2), 80, 1, shared=True, ability=(1.0, 1.5), bias=(0.3, 0.0))
    ten = [side(np.repeat(s.score, 10), np.repeat(s.grade, 10), np.repeat(s.unit, 10)) for s in (a, b)]
    once, often = differences(a, b, paired=True), differences(*ten, paired=True)
    for name in ("accuracy", "gap", "brier"):
        assert often[name].error == pytest.approx(once[name].error)
    assert often["auroc"].error == pytest.approx(once["auroc"].error, rel=0.05)


def test_a_few_units_that_hold_most_rows_do_not_show_a_difference_by_chance() -> None:
    rng = np.random.default_rng(6)
    size = np.r_[180, 90, np.full(88, 4)]
    unit, shown = np.repeat(np.arange(90), size), {True: 0, False: 0}
    for paired in shown:
        for _ in range(200):
            sides = [
                side(np.full(len(unit), 0.7), rng.random(len(unit)) < rng.beta(1.4, 0.6, 90)[unit], unit)
                for _ in "ab"
            ]
            shown[paired] += differences(sides[0], sides[1], paired=paired)["accuracy"].p < 0.05
    assert max(shown.values()) <= 18  # 10 expected
    assert effective_units(sides, paired=True) == pytest.approx(len(unit) ** 2 / (size**2).sum())


def test_placements_have_the_variance_of_the_ranking() -> None:
    rng = np.random.default_rng(5)
    c = np.round(rng.random(300), 2)
    g = (rng.random(300) < c).astype(float)
    placed, ranked = placements(c, g, np.ones(300)), ranking(Tally.of(c, g))
    assert placed is not None and ranked is not None
    steep = placed.middle * (1 - placed.middle)
    assert np.sqrt((placed.moves**2).sum() + placed.extra) == pytest.approx(ranked.error * steep, rel=0.01)


def test_nothing_to_rank() -> None:
    a, b = side(np.full(50, 0.9), np.ones(50)), side(np.full(50, 0.9), np.ones(50))
    found = differences(a, b, paired=True)
    assert "auroc" not in found
    assert (
        found["accuracy"].p == 1.0
        and found["accuracy"].interval().low < 0 < found["accuracy"].interval().high
    )
