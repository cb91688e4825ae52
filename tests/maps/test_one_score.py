"""One score, without arrays: the same numbers, for every kind of calibrator, and what a hand-written file may hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import calibrant
from calibrant.errors import UnusableInput
from calibrant.maps.calibration import CalibrationMap
from calibrant.maps.curves import Mixture

NAMES = ("temperature", "platt", "beta", "isotonic", "histogram", "venn_abers", "auto")


def fitted(name: str, ends: bool) -> CalibrationMap:
    rng = np.random.default_rng(7)
    scores = rng.uniform(0.05, 0.95, 300).round(2)
    if ends:
        scores = np.r_[scores, np.zeros(40), np.ones(60)]
    return calibrant.fit(scores, rng.uniform(size=len(scores)) < scores**1.5, calibrator=name).map


MAPS = {(name, ends): fitted(name, ends) for name in NAMES for ends in (False, True)}


@pytest.mark.parametrize("key", MAPS, ids=str)
def test_one_score_has_the_numbers_of_the_arrays(key):
    made = MAPS[key]
    again = CalibrationMap.from_json(made.to_json())
    grid = [*np.linspace(0, 1, 2001), 1e-13, 1 - 1e-13, 1e-300, 5e-324]
    grid += [k * (1 + e) for k in (0.3, 0.61, 0.95) for e in (0, 1e-13, -1e-13, 1e-11)]
    whole = np.array(made.estimates(grid))
    each = np.array([again.estimate(float(score)) for score in grid]).T
    np.testing.assert_allclose(each, whole, rtol=0, atol=1e-12)
    assert (each[1] <= each[0]).all() and (each[0] <= each[2]).all()


@given(st.floats(0, 1), st.sampled_from(sorted(MAPS, key=str)))
def test_any_score(score, key):
    assert np.allclose(
        MAPS[key].estimate(score), np.array(MAPS[key].estimates([score])).ravel(), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("score", [float("nan"), -0.1, 1.1, float("inf")])
def test_what_is_no_score_is_refused(score):
    with pytest.raises(UnusableInput, match=r"in \[0, 1\]"):
        MAPS["beta", False].estimate(score)


def test_a_curve_that_is_its_own_band_is_worked_out_once():
    curve = CalibrationMap.from_json(MAPS["auto", False].to_json()).curve
    assert isinstance(curve, Mixture)
    same = [band is part for part, band in zip(curve.parts, curve.bands, strict=True)]
    assert same == [band == part for part, band in zip(curve.parts, curve.bands, strict=True)] and any(same)
