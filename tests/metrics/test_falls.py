"""A test for a rate that falls: exact where there is nothing to find, and it finds what an ascending map hides."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

import calibrant
from calibrant import Tally, metrics
from calibrant.metrics.falls import fall
from calibrant.phrasing.findings import told


def bad_top(c: np.ndarray) -> np.ndarray:
    return np.where(c > 0.95, 0.2, 0.3 + 0.6 * c)


def drawn(n: int, seed: int, rate=bad_top) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    c = rng.beta(4, 1.2, n)
    return c, (rng.random(n) < rate(c)).astype(float)


def test_two_scores_are_fishers_exact_test() -> None:
    found = fall(Tally.of([0.6] * 40 + [0.9] * 30, [1] * 30 + [0] * 10 + [1] * 12 + [0] * 18))
    assert found is not None
    assert found.p_value == pytest.approx(
        fisher_exact([[12, 18], [30, 10]], alternative="less").pvalue, rel=1e-9
    )
    assert (found.low, found.at, found.high, found.top, found.bottom) == (0.6, 0.9, 0.9, True, True)


@pytest.mark.parametrize(
    "rate", [lambda c: 0 * c + 0.7, lambda c: c, lambda c: np.where(c > 0.97, 0.95, 0.6)]
)
def test_the_level_holds_where_the_rate_falls_nowhere(rate) -> None:
    """Nominal 0.05, on flat, calibrated and stepped worlds; Bonferroni leaves it well below."""
    found = [fall(Tally.of(np.round(c, 2), y)) for c, y in (drawn(300, seed, rate) for seed in range(300))]
    assert np.mean([one is not None and one.p_value < 0.05 for one in found]) <= 0.05


def test_a_top_that_falls_is_found_and_said() -> None:
    c, y = drawn(400, 0)
    finding = calibrant.metrics.Finding.of(Tally.of(c, y))
    assert finding.fall is not None and finding.fall.top and 0.93 < finding.fall.at < 0.97
    assert "FALLS AT THE TOP: of answers at 9" in str(told("All rows", finding))
    fitted = calibrant.fit(c, y)
    assert "FALLS AT THE TOP" in fitted.notes[0]
    assert fitted([0.9])[0] - fitted([0.98])[0] > 0.4, "the map falls where the labels do"


def test_it_is_silent_on_what_ascends() -> None:
    c, y = drawn(2000, 1, lambda c: c)
    assert metrics.Finding.of(Tally.of(c, y)).fall is None and not calibrant.fit(c, y).notes


@pytest.mark.parametrize("rate", [bad_top, lambda c: 0.3 + 0.6 * np.exp(-(((c - 0.7) / 0.12) ** 2))])
def test_auto_is_near_the_better_of_ascending_maps_and_a_spline(rate) -> None:
    """Brier score above the truth's, averaged over draws: within 0.005 of the best at 200 labels."""
    new, _ = drawn(4000, 99, rate)
    names = ("auto", "platt", "venn_abers", "spline")
    off = [
        [((calibrant.fit(c, y, n)(new) - rate(new)) ** 2).mean() for n in names]
        for c, y in (drawn(200, seed, rate) for seed in range(6))
    ]
    auto, *others = np.mean(off, axis=0)
    assert auto < min(others) + 0.005


def test_weights_that_hang_on_a_hidden_topic_keep_the_interval_of_the_gap() -> None:
    """Answers of a topic that is always wrong are labelled one in fifty, others six in ten; scores do not tell them."""
    inside, seen = 0, 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        hidden = rng.random(500) < 0.02
        c = np.round(rng.beta(5, 1.3, 500), 1)
        right = rng.random(500) < np.where(hidden, 0.0, c)
        found = metrics.gap(Tally.of(c, right, 1 / np.where(hidden, 0.02, 0.6)))
        share = 0.02 / 0.02 / (0.02 / 0.02 + 0.98 / 0.6)
        inside += found.low <= share * 0.7937 <= found.high
        seen += 1
    assert inside / seen >= 0.93


def test_carrying_rows_do_not_hang_on_how_they_were_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    c, w = np.round(rng.random(3000), 3), rng.choice([1.0, 30.0], 3000, p=[0.95, 0.05])
    y = rng.random(3000) < np.where(w > 1, 0.2, 0.8)
    one = Tally.of(c, y, w)
    two = Tally.of(c[:1000], y[:1000], w[:1000]) + Tally.of(c[1000:], y[1000:], w[1000:])
    monkeypatch.setattr("calibrant.tally.EXACT_ROWS", 100)
    grid = Tally.of(c, y, w)
    assert one.n_carrying == pytest.approx(grid.n_carrying, rel=0.02)
    assert one.fourth == pytest.approx((w**4).sum()) == pytest.approx(two.fourth)
    plain = Tally.of(c, y)
    assert plain.n_carrying == plain.n_eff == 3000
