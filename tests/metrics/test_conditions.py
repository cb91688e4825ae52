"""Conditions such as gap>0.05: how they are written, and when they are met."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from calibrant.errors import Misuse
from calibrant.metrics.conditions import MEASURES, Condition, judged, measured
from calibrant.metrics.intervals import Estimate
from calibrant.tally import Tally


@pytest.mark.parametrize(
    ("text", "low", "high", "says"),
    [
        ("gap>0.05", 0.06, 0.1, "found"),
        ("gap > 5 %", 0.06, 0.1, "found"),
        ("gap>0.05", 0.04, 0.1, "not shown"),
        ("gap>0.05", 0.01, 0.05, "ruled out"),
        ("gap<-0.05", -0.2, -0.06, "found"),
        ("gap<-0.05", -0.2, -0.04, "not shown"),
        ("abs(gap)>0.05", -0.2, -0.06, "found"),
        ("abs( gap ) >= .05", -0.2, 0.06, "not shown"),
        ("abs(gap)<0.05", -0.04, 0.03, "found"),
        ("AUROC<=0.7", 0.5, 0.69, "found"),
        ("n<1e2", 99, 99, "found"),
        ("n<100", 100, 100, "ruled out"),
    ],
)
def test_a_condition_is_met_where_the_whole_interval_is_beyond_it(
    text: str, low: float, high: float, says: str
) -> None:
    assert Condition.of(text, MEASURES).met(Estimate((low + high) / 2, low, high)) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gap", "Expected a condition"),
        ("gap>0.05 and auroc<0.7", "once for each"),
        ("gap==0", "Expected a condition"),
        ("abs(gap>0.1", "Expected a condition"),
        ("gap>0.1.2", "Expected a condition"),
        ("ece>0.05", "smooth_ece or l2"),
        ("ecee_equal>1", "Known: accuracy"),
        ("", "Expected a condition"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, says: str) -> None:
    with pytest.raises(Misuse, match=says):
        Condition.of(text, MEASURES)


@pytest.mark.parametrize("measure", [name for name in MEASURES if name != "n"])
def test_every_measure_has_an_interval_that_widens_with_the_level(measure: str) -> None:
    rng = np.random.default_rng(1)
    c = np.round(rng.beta(4, 2, 300), 2)
    tally = Tally.of(c, rng.random(300) < c * 0.9)
    narrow, wide = measured(tally, measure, 0.8), measured(tally, measure, 0.999)
    assert narrow is not None and wide is not None
    assert wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high
    assert wide.high - wide.low > narrow.high - narrow.low
    assert measured(Tally.of([0.9] * 9, [1] * 5 + [0] * 4), measure, 0.95) is None


def test_accuracy_covers_and_many_healthy_groups_make_few_findings() -> None:
    rng = np.random.default_rng(7)
    condition, false, held = Condition.of("gap>0.05", MEASURES), 0, []
    for _ in range(60):
        tallies = []
        for _ in range(10):
            right = rng.random(80) < 0.8
            tallies.append(Tally.of(np.full(80, 0.85), right))
            one = measured(tallies[-1], "accuracy", 0.95)
            held.append(one is not None and one.low <= 0.8 <= one.high)
        said = judged(
            [condition], list("abcdefghij"), lambda i, name, level, of=tallies: measured(of[i], name, level)
        )
        false += any(one.says == "found" for one in said)
    assert np.mean(held) > 0.93
    assert false <= 7  # of 60 at the bound itself, where each group alone would be one time in forty


@pytest.mark.parametrize(("right", "n"), [(0, 40), (39, 40), (50, 50), (170, 200)])
@pytest.mark.parametrize("level", [0.95, 0.995, 0.9983])
def test_accuracy_has_the_exact_binomial_interval(right: int, n: int, level: float) -> None:
    one = measured(Tally.of(np.full(n, 0.9), np.arange(n) < right), "accuracy", level)
    exact = stats.binomtest(right, n).proportion_ci(level)
    assert one is not None and (one.low, one.high) == pytest.approx((exact.low, exact.high))


def test_copies_of_a_cluster_do_not_narrow_its_accuracy() -> None:
    right = np.arange(60) < 45
    once = measured(Tally.of(np.full(60, 0.9), right, cluster=np.arange(60)), "accuracy", 0.95)
    ten = [np.repeat(one, 10) for one in (np.full(60, 0.9), right, np.arange(60))]
    often = measured(Tally.of(ten[0], ten[1], cluster=ten[2]), "accuracy", 0.95)
    assert once is not None and often is not None
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=0.003)


def test_a_group_without_a_wrong_answer_is_not_sure_of_its_losses() -> None:
    good = Tally.of(np.full(60, 0.98), np.ones(60))
    brier = measured(good, "brier", 0.95)
    assert brier is not None and brier.high > 0.0196  # what it is where 0.98 are right
    assert measured(good, "log_loss", 0.95) is None


def test_losses_have_the_interval_of_their_rows() -> None:
    """With many rows pseudo-rows and Student's quantile vanish: mean and 1.96 standard errors of the row losses."""
    rng = np.random.default_rng(2)
    c = np.round(rng.beta(4, 2, 20_000), 3).clip(0.001, 0.999)
    for g in ((rng.random(len(c)) < c).astype(float), np.round(rng.random(len(c)), 1)):
        rows = {"brier": (c - g) ** 2, "log_loss": -g * np.log(c) - (1 - g) * np.log1p(-c)}
        for name, loss in rows.items():
            one = measured(Tally.of(c, g), name, 0.95)
            half = 1.96 * loss.std() / np.sqrt(len(c))
            assert one is not None and one.value == pytest.approx(loss.mean())
            wider = 1.0 if name == "log_loss" or set(g) == {0.0, 1.0} else 1.6
            assert 0.99 * half < (one.high - one.low) / 2 < 1.02 * wider * half


def test_many_sure_groups_seldom_make_a_finding() -> None:
    rng = np.random.default_rng(3)
    found = dict.fromkeys(("accuracy<0.98", "brier<0.0196", "brier>0.0196"), 0)
    for _ in range(60):
        tallies = [Tally.of(np.full(50, 0.98), rng.random(50) < 0.98) for _ in range(10)]
        for text in found:
            said = judged(
                [Condition.of(text, MEASURES)],
                list("abcdefghij"),
                lambda i, m, level, of=tallies: measured(of[i], m, level),
            )
            found[text] += any(one.says == "found" for one in said)
    assert max(found.values()) <= 7, found


@pytest.mark.parametrize(
    "text", ["gap>5", "abs(gap)>5", "brier>25", "accuracy>90", "accuracy<-2", "gap>1", "auroc>700%"]
)
def test_a_bound_that_no_fraction_reaches_is_a_misuse(text: str) -> None:
    with pytest.raises(Misuse, match="it is a fraction, and"):
        Condition.of(text, MEASURES)
    with pytest.raises(Misuse, match=r"0\.05 stands for 5 points, as in 'gap>0\.05'"):
        Condition.of("gap>5", MEASURES)


@pytest.mark.parametrize("text", ["accuracy<1", "n<200", "log_loss>2", "gap>-1", "accuracy<90%"])
def test_a_bound_that_can_be_reached_is_none(text: str) -> None:
    assert Condition.of(text, MEASURES).measure in MEASURES


def test_several_conditions_share_one_error_rate() -> None:
    """Each at the bound that holds in truth; conditions on one measure share an interval, that on rows has none."""
    brier = float(np.mean([(c - 0.02) * (1 - c) ** 2 + (1.02 - c) * c**2 for c in (0.62, 0.92)]))
    bounds = {"accuracy": 0.75, "gap": 0.02, "brier": brier, "n": 200}
    asked = [Condition(name, above, bound) for name, bound in bounds.items() for above in (False, True)]
    rng, false, runs = np.random.default_rng(5), 0, 300
    for _ in range(runs):
        c = np.where(rng.random(200) < 0.5, 0.62, 0.92)
        tally = Tally.of(c, rng.random(200) < c - 0.02)
        said = judged(asked, ["all"], lambda _, m, level, of=tally: measured(of, m, level))
        assert {one.level for one in said} == {1 - 0.05 / 3}
        false += any(one.says == "found" for one in said)
    assert false <= 20  # 5 % of 300 are 15; each at 95 % by itself there would be 10 %
