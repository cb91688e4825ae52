"""Metrics against independent implementations, published definitions and simulations of known truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from calibrant import Tally, metrics
from calibrant.errors import NotEnoughLabels, UnusableInput
from calibrant.phrasing.findings import told


def golden(verbal: bool) -> tuple[np.ndarray, np.ndarray]:
    """The data that the golden values below were computed on, by other libraries."""
    rng = np.random.default_rng(7)
    c = rng.beta(5, 1.3, 1000)
    y = rng.random(1000) < 1 / (1 + np.exp(-(0.6 * np.log(c / (1 - c)))))
    if verbal:
        c = np.round(rng.beta(5, 1.3, 1000) * 20) / 20
        y = rng.random(1000) < c**1.5
    return c, y


@pytest.mark.parametrize(
    ("verbal", "measure", "value", "tolerance"),
    [
        # calikit 0.1.0, ece(bin_predictions(..., 10, scheme="width")): exactly [a, b)
        (False, lambda t: metrics.ece(t, 10), 0.09056906182021936, 1e-12),
        (True, lambda t: metrics.ece(t, 10), 0.09514999999999846, 1e-12),
        # uncertainty-calibration 0.1.4, get_ece(..., num_bins=10): exactly (a, b]
        (False, lambda t: metrics.ece(t, 10, right_closed=True), 0.09056906182021945, 1e-12),
        (True, lambda t: metrics.ece(t, 10, right_closed=True), 0.09515, 1e-12),
        # calibstats 0.1.0, ace(n_bins=15): equal mass, ties together
        (False, lambda t: metrics.ece_equal_mass(t), 0.09227768115600657, 1e-12),
        (True, lambda t: metrics.ece_equal_mass(t), 0.09514999999999918, 1e-12),
        # calibstats 0.1.0, calibration_error(norm="l2", debias=True, strategy="quantile"); its bins differ by a row
        (False, lambda t: metrics.l2(t).value, 0.09115815939212016, 5e-4),
        (True, lambda t: metrics.l2(t).value, 0.1189415944478579, 5e-4),
        # relplot 1.0.3, smECE
        (False, lambda t: metrics.smooth_ece(t).value, 0.08484830297593535, 5e-4),
        # MAPIE 1.6.0, kolmogorov_smirnov_statistic, kuiper_statistic, spiegelhalter_statistic
        (False, lambda t: metrics.kolmogorov_smirnov(t).statistic, 6.300155360414011, 1e-6),
        (False, lambda t: metrics.kuiper(t).statistic, 7.125355578477531, 1e-6),
        (False, lambda t: metrics.kuiper(t).p_value, 4.253819518851287e-12, 2e-13),
        (False, lambda t: metrics.spiegelhalter(t).statistic, 8.674618843944183, 1e-9),
        (True, lambda t: metrics.spiegelhalter(t).statistic, 5.885341797770076, 1e-9),
        # model-diagnostics 1.5.0, decompose(SquaredError())
        (False, lambda t: metrics.corp(t).mcb, 0.012915, 1e-6),
        (False, lambda t: metrics.corp(t).dsc, 0.018176, 1e-6),
        (True, lambda t: metrics.corp(t).mcb, 0.016333, 1e-6),
        (True, lambda t: metrics.corp(t).dsc, 0.049856, 1e-6),
    ],
)
def test_agrees_with_other_libraries(verbal: bool, measure: object, value: float, tolerance: float) -> None:
    assert measure(Tally.of(*golden(verbal))) == pytest.approx(value, abs=tolerance)


def test_smooth_ece_of_one_signed_residuals_is_the_gap() -> None:
    """An identity the usual implementation misses by 3 % when much mass sits at 1.0."""
    c, y = golden(True)
    assert metrics.smooth_ece(Tally.of(c, y)).value == pytest.approx(c.mean() - y.mean(), abs=1e-6)


@settings(max_examples=60)
@given(st.integers(2, 80), st.integers(0, 10**6))
def test_agrees_with_scikit_learn(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    c, y = rng.integers(0, 11, n) / 10, rng.random(n) < 0.6
    w = rng.random(n) + 0.1
    y[0], y[1] = True, False
    t = Tally.of(c, y, w)
    assert metrics.brier(t) == pytest.approx(brier_score_loss(y, c, sample_weight=w))
    assert metrics.auroc(t) == pytest.approx(roc_auc_score(y, c, sample_weight=w))
    clipped = np.clip(c, 1e-15, 1 - 1e-15)
    assert metrics.log_loss(t) == pytest.approx(log_loss(y, clipped, sample_weight=w), rel=1e-9)


@given(st.integers(1, 40), st.integers(0, 10**6))
def test_aurc_is_the_mean_over_all_orders_of_ties(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    c, y = rng.integers(0, 4, n) / 3, rng.random(n) < 0.5
    expected = 0.0
    surer = np.array([(c > value).sum() for value in c])
    for k in range(1, n + 1):  # each row's chance to be among the k surest
        ties = np.array([(c == value).sum() for value in c])
        chance = np.clip((k - surer) / ties, 0, 1)
        expected += float((chance * ~y).sum()) / k
    assert metrics.aurc(Tally.of(c, y)) == pytest.approx(expected / n)


def test_ece_on_stated_confidence_is_exact() -> None:
    """Multiples of 0.05 in 10 bins: eleven libraries give six values; arithmetic gives one."""
    rng = np.random.default_rng(5)
    k = rng.integers(0, 21, 4000)
    y = rng.random(4000) < (k / 20) ** 1.3
    bins = np.minimum(k // 2, 9)
    exact = sum(abs(int((k[bins == b]).sum()) - 20 * int(y[bins == b].sum())) for b in range(10)) / 20 / 4000
    for kind in (np.float64, np.float32):
        assert metrics.ece(Tally.of((k / 20).astype(kind), y), 10) == pytest.approx(exact, abs=1e-12)


def test_row_order_never_matters() -> None:
    c, y = golden(True)
    values = set()
    for seed in range(20):
        p = np.random.default_rng(seed).permutation(len(c))
        values.add(round(metrics.ece_equal_mass(Tally.of(c[p], y[p])), 14))
    assert len(values) == 1


def test_equal_mass_keeps_ties_together() -> None:
    t = Tally.of([0.5] * 90 + [0.9] * 10, [1] * 100)
    assert metrics.ece_equal_mass(t, 10) == pytest.approx(0.46)


def test_flex_ece_takes_grades() -> None:
    assert metrics.ece(Tally.of([0.8, 0.8], [0.5, 0.7]), 10) == pytest.approx(0.2)


def test_one_class_has_nothing_to_rank() -> None:
    t = Tally.of([0.9, 0.8], [1, 1])
    assert metrics.auroc(t) is None
    assert metrics.corp(t).unc == 0


def test_an_empty_tally_is_an_error_that_says_so() -> None:
    with pytest.raises(NotEnoughLabels, match="calibrant audit"):
        metrics.ece(Tally.of([], []))


def test_matrices_of_class_probabilities() -> None:
    rng = np.random.default_rng(9)
    p = rng.dirichlet(np.ones(4), 5000)
    labels = np.array([rng.choice(4, p=row) for row in p])
    assert metrics.classwise_ece(p, labels) < 0.02
    assert metrics.top_label(p, labels).accuracy == pytest.approx(p.max(axis=1).mean(), abs=0.02)
    with pytest.raises(UnusableInput, match="softmax"):
        metrics.top_label(p * 3, labels)
    with pytest.raises(UnusableInput, match="class indices"):
        metrics.top_label(p, labels + 2)


def test_no_calibration_error_is_smaller_than_the_gap() -> None:
    t = Tally.of([1.0] * 100, [True] * 98 + [False] * 2)
    far = max(-metrics.gap(t).low, metrics.gap(t).high)
    assert metrics.l2(t).high >= far
    assert metrics.smooth_ece(t).high >= far


def test_bootstrap_of_grades() -> None:
    rng = np.random.default_rng(0)
    c = rng.beta(4, 1.5, 300)
    g = np.clip(c - 0.1 + rng.normal(0, 0.1, 300), 0, 1)
    e = metrics.bootstrap(Tally.of(c, g), metrics.brier)
    by_rows = [((c[i] - g[i]) ** 2).mean() for i in rng.integers(0, 300, (500, 300))]
    assert e.low == pytest.approx(np.quantile(by_rows, 0.025), abs=5e-4)
    assert e.high == pytest.approx(np.quantile(by_rows, 0.975), abs=5e-4)


@pytest.mark.parametrize("halves", [0.1, 0.5, 0.9])
def test_bootstrap_of_grades_at_few_scores_is_as_wide_as_that_of_rows(halves: float) -> None:
    """With a confidence of 0.5 the squared error is 0.25 or 0, whichever grade is which: its mean varies."""
    rng = np.random.default_rng(8)
    c = rng.choice([0.4, 0.5, 0.6], 500)
    g = np.where(rng.random(500) < halves, 0.5, (rng.random(500) < c).astype(float))
    found = metrics.intervals.bootstrap(Tally.of(c, g), metrics.brier)
    rows = [float(((c - g)[rng.integers(0, 500, 500)] ** 2).mean()) for _ in range(2000)]
    low, high = np.quantile(rows, [0.025, 0.975])
    assert found.high - found.low == pytest.approx(high - low, rel=0.15)


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_a_few_grades_between_right_and_wrong_do_not_move_the_bootstrap(share: float) -> None:
    rng = np.random.default_rng(7)
    c = rng.beta(5, 1.3, 800)
    g = (rng.random(800) < c).astype(float)
    graded = rng.random(800) < share
    g[graded] = np.clip(c + rng.normal(0, 0.2, 800), 0, 1)[graded]
    found = metrics.intervals.bootstrap(Tally.of(c, g), metrics.brier)
    rows = [float(((c - g)[rng.integers(0, 800, 800)] ** 2).mean()) for _ in range(2000)]
    low, high = np.quantile(rows, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.15 * (high - low))
    assert found.high == pytest.approx(high, abs=0.15 * (high - low))


def test_scores_that_rank_the_wrong_way_round_are_called_reversed() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.5
    score = np.where(right, 0.4, 0.6) + 0.3 * (rng.random(400) - 0.5)
    turned = metrics.Finding.of(Tally.of(score, right))
    assert turned.reversed and turned.auroc_interval is not None and turned.auroc_interval.high < 0.5
    assert not metrics.Finding.of(Tally.of(1 - score, right)).reversed
    assert not metrics.Finding.of(Tally.of(rng.random(400), right)).reversed
    few = metrics.Finding.of(Tally.of(score[:20], right[:20]))
    assert not few.reversed and few.auroc_interval is not None
    assert metrics.Finding.of(Tally.of(score, np.arange(400) > 3)).auroc_interval is None
    assert "REVERSED: the higher the confidence, the more often it is wrong (AUROC 0." in str(
        told("all", turned)
    )
    assert "REVERSED" not in str(told("all", metrics.Finding.of(Tally.of(1 - score, right))))
