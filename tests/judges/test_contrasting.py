"""Two sides by people's verdicts and a judge's word: by hand, by other formulas, and in simulation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from calibrant.errors import NotEnoughLabels
from calibrant.judges.contrasting import Contrasted, contrasted
from calibrant.judges.correcting import judged

WHERE = Path(__file__).parents[2] / "benchmarks" / "judges.py"


def sides(
    seed: int, n: int = 400, seen: int = 120
) -> tuple[Any, NDArray[Any], NDArray[np.bool_], NDArray[Any]]:
    """A judge that only passes or fails, blind for every fourth wrong answer, and the items that people saw."""
    rng = np.random.default_rng(seed)
    hard = rng.random(n)
    y = (np.r_[rng.random(n), rng.random(n)] < np.r_[hard, np.minimum(hard + 0.1, 1)]).astype(float)
    judge = np.where(y == 1, 1.0, rng.random(2 * n) < 0.25).astype(float)
    human = np.where(np.tile(rng.permutation(n) < seen, 2), y, np.nan)
    return judge, human, np.repeat([False, True], n), np.tile(np.arange(n), 2)


def width(of: Any, level: float = 0.95) -> float:
    e = of.interval(level)
    return float(e.high - e.low)


def test_by_hand() -> None:
    """20 items seen on both sides of 40; the judge is wrong on 4 answers of b and none of a.

    Only the verdict stands beside people here, by their weights in the sum of squares over items.
    """
    ya = np.r_[np.ones(12), np.zeros(8)]
    yb = np.r_[np.ones(10), np.zeros(2), np.ones(4), np.zeros(4)]
    fa, fb = np.r_[ya, np.ones(11), np.zeros(9)], np.r_[yb, np.ones(16), np.zeros(4)]
    fb[[10, 11, 16, 17]] = 1.0
    human = np.r_[ya, np.full(20, np.nan), yb, np.full(20, np.nan)]
    item, second = np.tile(np.arange(40), 2), np.repeat([False, True], 40)
    found = contrasted(None, np.r_[fa, fb], human, second, paired=True, cluster=item)
    people = yb.mean() - ya.mean()
    assert found.by_people.value == pytest.approx(people) == pytest.approx(14 / 20 - 12 / 20)
    assert found.naive_accuracy == pytest.approx(34 / 40 - 23 / 40)
    # By people alone an item moves the difference by (yb - ya - mean)/20; a contradiction is imagined on either side.
    moves = (yb - ya - people) / 20
    one = 2 / 20**2
    error = np.sqrt(moves @ moves * 20 / 18 + one / (1 + moves @ moves / one / 10))
    assert found.by_people.error == pytest.approx(error)
    assert found.by_people.freedom == pytest.approx(18)
    reach = stats.t.ppf(0.975, 18) * error
    e = found.by_people.interval()
    assert (e.low, e.high) == pytest.approx((people - reach, people + reach))
    assert found.gap is None


def test_the_verdict_alone_agrees_with_least_squares() -> None:
    """Another way: what an item moves people's difference by, regressed on what it moves the judge's."""
    judge, human, second, item = sides(1)
    found = contrasted(None, judge, human, second, paired=True, cluster=item)
    assert found.estimator == "verdict"
    seen = np.isfinite(human[:400])
    n, big = int(seen.sum()), 400

    def moves(values: NDArray[Any], where: NDArray[Any]) -> NDArray[Any]:
        out = np.zeros(big)
        out[where] = (values[where] - values[where].mean()) / where.sum()
        return out

    every = np.ones(big, bool)
    own = moves(human[400:], seen) - moves(human[:400], seen)
    control = [moves(f, every) - moves(f, seen) for f in (judge[:400], judge[400:])]
    trust = np.linalg.lstsq(np.stack([control[0], -control[1]], axis=1), own, rcond=None)[0]
    assert found.trust == pytest.approx(tuple(trust), abs=1e-8)
    value = [
        human[at][seen].mean() + t * (judge[at].mean() - judge[at][seen].mean())
        for at, t in zip((slice(0, 400), slice(400, 800)), trust, strict=True)
    ]
    assert (found.accuracy.a, found.accuracy.b) == pytest.approx(tuple(value))
    left = own - trust[0] * control[0] + trust[1] * control[1]
    assert found.accuracy.error**2 == pytest.approx(
        left @ left * n / (n - 2), rel=0.12
    )  # and the imagined ones


def test_the_published_formula_on_the_paired_differences(bench: Any) -> None:
    """PPI++ of a mean, taken of d = y_b - y_a with one weight for f_b - f_a: no wider here."""
    judge, human, second, item = sides(2)
    found = contrasted(None, judge, human, second, paired=True, cluster=item)
    seen = np.isfinite(human[:400])
    d, f = human[400:] - human[:400], judge[400:] - judge[:400]
    classic = bench.ppi_plus(d[seen], f[seen], f[~seen])
    assert found.accuracy.value == pytest.approx(classic.value, abs=0.25 * (classic.high - classic.low))
    assert width(found.accuracy) < 1.05 * (classic.high - classic.low)


def test_the_error_is_that_of_a_bootstrap_over_items() -> None:
    judge, human, second, item = sides(3)
    found = contrasted(None, judge, human, second, paired=True, cluster=item)
    rng, values = np.random.default_rng(0), []
    trust = np.array(found.trust)
    for _ in range(2000):
        at = rng.integers(0, 400, 400)
        seen = np.isfinite(human[at])
        value = [
            human[off + at][seen].mean() + t * (judge[off + at].mean() - judge[off + at][seen].mean())
            for off, t in zip((0, 400), trust, strict=True)
        ]
        values.append(value[1] - value[0])
    assert found.accuracy.error == pytest.approx(np.std(values), rel=0.12)


def test_other_items_are_two_corrections_of_their_own() -> None:
    """Unpaired, a trust minimises its own side's variance: the difference is that of two corrected accuracies."""
    judge, human, second, item = sides(4)
    found = contrasted(None, judge, human, second, paired=False, cluster=item)
    assert found.estimator == "verdict"
    corrected = [judged(None, judge[at], human[at]) for at in (~second, second)]
    alone = [one.by_verdict for one in corrected]
    assert found.accuracy.value == pytest.approx(alone[1].value - alone[0].value, abs=1e-6)
    assert [one.estimator for one in corrected] == ["verdict", "verdict"]
    errors = [one.accuracy_error for one in corrected]
    assert found.accuracy.error == pytest.approx(np.hypot(*errors), rel=1e-6)
    assert 118 <= found.accuracy.freedom <= 236


def test_the_sides_may_change_places() -> None:
    judge, human, second, item = sides(5)
    there = contrasted(np.full(800, 0.7), judge, human, second, paired=True, cluster=item)
    back = contrasted(np.full(800, 0.7), judge, human, ~second, paired=True, cluster=item)
    assert back.accuracy.value == pytest.approx(-there.accuracy.value, abs=1e-9)
    assert back.accuracy.error == pytest.approx(there.accuracy.error)
    assert there.gap is not None and there.gap.value == pytest.approx(-there.accuracy.value)
    assert there.gap.error == pytest.approx(there.accuracy.error)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("paired", [True, False])
def test_it_is_never_wider_than_people_alone(seed: int, paired: bool) -> None:
    rng = np.random.default_rng(seed)
    judge, human, second, item = sides(seed, seen=int(rng.integers(20, 200)))
    judge = rng.random(800) if seed % 2 else judge  # a judge that knows nothing
    found = contrasted(
        None, judge, human, second, paired=paired, cluster=item, covariates={"x": rng.random(800)}
    )
    assert width(found.accuracy) <= width(found.by_people) * (1 + 1e-9)
    assert found.narrower_than_people >= -1e-9


def test_pairs_are_narrower_than_two_samples() -> None:
    judge, human, second, item = sides(6)
    paired, apart = (
        contrasted(None, judge, human, second, paired=one, cluster=item) for one in (True, False)
    )
    assert width(paired.accuracy) < 0.95 * width(apart.accuracy)


def test_rows_of_one_item_share_its_weight() -> None:
    judge, human, second, item = sides(7)
    once = contrasted(None, judge, human, second, paired=True, cluster=item)
    thrice = [np.repeat(one, 3) for one in (judge, human, second, item)]
    again = contrasted(None, *thrice[:3], paired=True, cluster=thrice[3], weight=np.full(2400, 1 / 3))
    assert again.by_people.error == pytest.approx(once.by_people.error)
    assert again.accuracy.value == pytest.approx(once.accuracy.value, abs=0.01)


@pytest.mark.parametrize("of_b", [0, 19])
def test_few_items_seen_on_a_side_are_refused(of_b: int) -> None:
    judge, human, second, item = sides(8)
    human[np.flatnonzero(second & np.isfinite(human))[of_b:]] = np.nan
    with pytest.raises(NotEnoughLabels, match=f"at least 20 .* got {of_b}"):
        contrasted(None, judge, human, second, paired=True, cluster=item)


@pytest.mark.parametrize(
    "world",
    [
        "the same items, much alike",
        "people saw other items of each",
        "the judge prefers b",
        "what it fails, four times as often",
    ],
)
def test_the_interval_covers_and_the_judge_alone_does_not(bench: Any, world: str) -> None:
    """25 runs; `benchmarks/judges.py --sides` makes more."""
    cell = bench.pair_cell(world, 60, 25, np.random.default_rng(0), 500)
    assert cell.covers >= 0.84 and cell.covers_gap >= 0.84
    assert cell.width < cell.people
    if world == "the judge prefers b":
        assert cell.naive > 0.1


def test_the_benchmark_runs() -> None:
    done = subprocess.run([sys.executable, WHERE, "--quick"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "| two sides, 40 of 1,000" in done.stdout, done.stderr


def test_plain_values() -> None:
    judge, human, second, item = sides(9)
    found: Contrasted = contrasted(None, judge, human, second, paired=True, cluster=item)
    told = found.to_dict()
    assert told["seen"] == [120, 120] and set(told["by_people"]) == {"value", "low", "high"}
