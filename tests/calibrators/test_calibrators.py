"""What each calibrator is measured against; what all promise is in `calibrant.checks.calibrators`."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

import calibrant
from calibrant import CalibrationMap, MapSet, Tally, metrics
from calibrant.calibrators.temperature import Temperature
from calibrant.errors import NotEnoughLabels, UnknownName, UnusableInput, WrongFingerprint
from calibrant.fits.crossfit import cross_fit, folds
from calibrant.plugins import find, names
from calibrant.types import Fingerprint, Reading, Score

from ..worlds import world

NAMES = names("calibrators")


def logistic(n: int, seed: int, slope: float = 0.6, shift: float = -0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    c = rng.beta(3, 1.3, n)
    return c, rng.random(n) < expit(slope * logit(c) + shift)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_row_order_is_irrelevant(name: str) -> None:
    c, y = logistic(200, 6)
    order = np.random.default_rng(1).permutation(200)
    assert calibrant.fit(c, y, calibrator=name) == calibrant.fit(c[order], y[order], calibrator=name)


def test_refuses_scores_it_cannot_read(name: str) -> None:
    fitted = calibrant.fit(*logistic(100, 8), calibrator=name)
    for bad in (np.nan, 1.2, -0.1):
        with pytest.raises(UnusableInput, match="calibrant apply"):
            fitted([0.5, bad])
    assert fitted([]).shape == (0,)
    assert fitted([[0.5], [0.6]]).shape == (2, 1)


def test_no_labels_is_an_error() -> None:
    with pytest.raises(NotEnoughLabels):
        calibrant.fit([], [])
    with pytest.raises(UnknownName, match="Did you mean 'platt'"):
        calibrant.fit([0.5], [1], calibrator="plat")


def test_parametric_intervals_cover() -> None:
    """Platt and beta on logistic worlds: the probability at 0.8 lies in the interval, nominal 95 %."""
    truth = float(expit(0.6 * logit(0.8) - 0.3))
    for name in ("platt", "beta", "auto"):
        inside = 0
        for seed in range(200):
            low, high = calibrant.fit(*logistic(300, seed), calibrator=name).interval([0.8])
            inside += low[0] <= truth <= high[0]
        assert inside / 200 >= 0.90, name


def test_platt_equals_scikit_learn_without_ends() -> None:
    from sklearn.calibration import _SigmoidCalibration

    c, y = logistic(500, 9)
    theirs = _SigmoidCalibration().fit(logit(c), y).predict(logit(c))
    np.testing.assert_allclose(calibrant.fit(c, y, calibrator="platt")(c), theirs, atol=1e-5)


def test_isotonic_equals_scikit_learn_between_its_ends() -> None:
    for seed in range(20):
        c, y = logistic(400, seed)
        c = np.round(c, 2)
        theirs = IsotonicRegression(out_of_bounds="clip").fit(c, y).predict(np.unique(c))
        ours = calibrant.fit(c, y, calibrator="isotonic")(np.unique(c))
        inner = (theirs > 0.02) & (theirs < 0.98)
        np.testing.assert_allclose(ours[inner], theirs[inner], atol=1e-9)


def test_venn_abers_equals_brute_force() -> None:
    rng = np.random.default_rng(0)
    for trial in range(60):
        n = int(rng.integers(2, 50))
        c = rng.random(n) if trial % 2 else np.round(rng.random(n) * 10) / 10
        y = rng.random(n) < c
        at = np.r_[rng.random(4), c[:2], 0, 1]
        low, high = calibrant.fit(c, y, calibrator="venn_abers").map.curve.interval(at)
        for s, p0, p1 in zip(at, low, high, strict=True):
            for label, got in ((0, p0), (1, p1)):
                fitted = IsotonicRegression().fit(np.r_[c, s], np.r_[y, label])
                assert got == pytest.approx(fitted.predict([s])[0], abs=1e-9)


def test_beta_finds_the_likeliest_curve() -> None:
    """scipy's general minimiser, on the same targets, finds nothing better."""
    from scipy.optimize import minimize

    c, y = logistic(800, 11)
    curve = calibrant.fit(c, y, calibrator="beta").map.curve
    right, wrong = y.sum(), (~y).sum()
    target = np.where(y, (right + 1) / (right + 2), 1 / (wrong + 2))

    def loss(abk: np.ndarray) -> float:
        eta = abk[0] * np.log(c) - abk[1] * np.log1p(-c) + abk[2]
        return float((np.logaddexp(0, eta) - target * eta).sum())

    best = minimize(loss, [1.0, 1.0, 0.0], bounds=[(0, None), (0, None), (None, None)]).fun
    assert loss(np.array([curve.a, curve.b, curve.k])) <= best + 1e-3


def test_temperature_does_not_hang_on_a_hidden_epsilon() -> None:
    """28 % of the answers at 1.0: libraries give temperatures from 4.9 to 38 by the epsilon they hide."""
    rng = np.random.default_rng(3)
    truth = rng.beta(3, 1.2, 20_000)
    c = np.round(expit(1.8 * logit(truth)) * 20) / 20
    y = rng.random(20_000) < truth
    assert (c == 1).mean() > 0.2
    curve = calibrant.fit(c, y, calibrator="temperature").map.curve
    assert 1.5 < 1 / curve.a < 2.2
    assert curve.at_one is not None
    assert curve.at_one.p == pytest.approx(y[c == 1].mean(), abs=0.01)


def test_auto_is_never_worse_than_platt_when_labels_are_few() -> None:
    differences = []
    for seed in range(120):
        c, y = logistic(50, seed)
        c_new, y_new = logistic(4000, 10_000 + seed)
        score = {
            n: ((calibrant.fit(c, y, calibrator=n)(c_new) - y_new) ** 2).mean() for n in ("auto", "platt")
        }
        differences.append(score["auto"] - score["platt"])
    assert np.mean(differences) < 2 * np.std(differences) / np.sqrt(120) + 5e-4


def test_auto_follows_a_bend_that_platt_cannot() -> None:
    rng = np.random.default_rng(1)
    c = np.round(rng.random(6000), 2)
    y = rng.random(6000) < np.where(c < 0.5, 0.2, 0.9)
    fresh = Tally.of(c, y)
    auto, platt = (calibrant.fit(c, y, calibrator=n) for n in ("auto", "platt"))
    assert (
        metrics.brier(fresh.moved(auto(fresh.score))) < metrics.brier(fresh.moved(platt(fresh.score))) - 0.005
    )


def test_logit_matrices() -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(0, 2, (4000, 5))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(5, p=row) for row in p])
    fitted = calibrant.fit(z * 2.5, labels, calibrator="temperature")
    assert fitted.map.temperature == pytest.approx(2.5, rel=0.08)
    np.testing.assert_allclose(fitted(z).sum(axis=1), 1.0)
    with pytest.raises(UnusableInput, match="class indices"):
        Temperature().fit_logits(z, labels + 3)


def test_a_map_refuses_scores_of_another_kind() -> None:
    fitted = calibrant.fit(*logistic(100, 0)).map.with_fingerprint(Fingerprint(model="a", task="t"))
    fitted([0.5], Fingerprint(model="a", task="t", domain="any"))
    with pytest.raises(WrongFingerprint, match="model is 'b', not 'a'"):
        fitted([0.5], Fingerprint(model="b", task="t"))
    fitted([0.5], Fingerprint(model="b", task="t"), anyway=True)


def test_a_map_that_was_edited_is_refused() -> None:
    data = json.loads(calibrant.fit(*logistic(100, 0), calibrator="platt").map.to_json())
    data["curve"]["k"] += 0.5
    with pytest.raises(UnusableInput, match="edited or damaged"):
        CalibrationMap.from_json(json.dumps(data))


def test_a_set_finds_the_map_of_a_reading() -> None:
    by_domain = {
        d: calibrant.fit(*logistic(200, i), fingerprint=Fingerprint(domain=d)).map for i, d in enumerate("ab")
    }
    maps = MapSet(by=("domain",), groups=tuple(((d,), m) for d, m in by_domain.items()))
    again = MapSet.from_json(maps.to_json())
    reading = Reading(signal="s", score=Score(0.8))
    assert again.confidence(reading, Fingerprint(domain="a")).map_id == by_domain["a"].map_id
    nothing = again.confidence(reading, Fingerprint(domain="c"))
    assert nothing.p is None
    assert "no map" in str(nothing.reason)
    silent = Reading(signal="s", score=None, reason="no log-probabilities")
    assert "no log-probabilities" in str(again.confidence(silent, Fingerprint(domain="a")).reason)


def test_folds_add_up_and_are_honest() -> None:
    c, y = logistic(500, 4)
    tally = Tally.of(np.round(c, 1), y)
    parts = folds(tally, 5)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    np.testing.assert_allclose(whole.weight, tally.weight)
    np.testing.assert_allclose(whole.hits, tally.hits)
    noise = Tally.of(np.random.default_rng(0).random(300), np.random.default_rng(1).random(300) < 0.5)
    honest = cross_fit(find("calibrators", "isotonic")(), folds(noise))
    total = honest[0]
    for part in honest[1:]:
        total = total + part
    assert metrics.brier(total) > 0.249  # in sample, isotonic would claim about 0.24


def test_stated_confidence_world_at_all_sizes() -> None:
    """Cross-fitted auto leaves no more error than its labels allow, on 20-valued scores."""
    w = world("stretch", 0.09, verbal=True)
    rng = np.random.default_rng(5)
    for n, limit in ((50, 0.09), (200, 0.05), (1000, 0.03)):
        left = []
        for _ in range(30):
            fitted = calibrant.fit(*w.draw(n, rng))
            left.append(np.sqrt(((fitted(w.scores[::100]) - w.truth[::100]) ** 2).mean()))
        assert np.mean(left) < limit


def test_scores_a_rounding_away_from_one() -> None:
    """Token probabilities of 1 - 2^-53 have log-odds of rounding error only."""
    rng = np.random.default_rng(0)
    c = np.tile([0.9, 0.99, 1 - 2.0**-53, 1.0], 30)
    y = rng.random(120) < np.tile([0.5, 0.8, 0.95, 0.95], 30)
    for name in NAMES:
        p = calibrant.fit(c, y, calibrator=name)([0.9, 0.99, 1 - 2.0**-53, 1.0])
        assert np.isfinite(p).all()
        assert p[2] == pytest.approx(p[3], abs=0.08)


def test_a_set_without_the_map_says_what_the_nearest_is_for() -> None:
    made = calibrant.fit([0.9, 0.2] * 20, [1, 0] * 20).map.with_fingerprint(Fingerprint(model="m", task="qa"))
    told = MapSet(by=("task",), groups=((("qa",), made),)).confidence(
        Reading(signal="s", score=Score(0.9)), Fingerprint(model="m", task="law")
    )
    assert told.p is None and "of the nearest, task is 'law', not 'qa'" in str(told.reason)


@pytest.mark.parametrize("name", ["venn_abers", "isotonic", "histogram"])
def test_a_score_that_is_a_knot_but_for_rounding_stands_at_it(name: str) -> None:
    """Cells of many scores stand at their means, which come out of sums in another order one bit apart."""
    rng = np.random.default_rng(5)
    scores = rng.random(400)
    made = find("calibrators", name)().fit(Tally.of(scores, rng.random(400) < scores))
    knots = np.array(made.curve.score)
    for way in (0.0, 1.0):
        np.testing.assert_allclose(made(np.nextafter(knots, way)), made(knots), atol=1e-9)
