"""The lowest of maps, while nobody can say which of them holds."""

from __future__ import annotations

import numpy as np
import pytest

import calibrant
from calibrant.maps.calibration import CalibrationMap, Evidence
from calibrant.maps.curves import Least

GRID = np.linspace(0, 1, 101)


def test_it_is_the_lowest_at_each_score_ascends_and_comes_back_from_json() -> None:
    rng = np.random.default_rng(0)
    scores = rng.beta(5, 1.3, 2000)
    made = [
        calibrant.fit(scores, rng.random(2000) < right, calibrator=name).map
        for name, right in (("platt", scores), ("venn_abers", scores**2), ("histogram", 0.9 * scores))
    ]
    least = CalibrationMap(
        calibrator="least", curve=Least(parts=tuple(one.curve for one in made)),
        evidence=Evidence(rows=1, n_eff=1, accuracy=1, mean_confidence=1, distinct=1, digest=""),
    )  # fmt: skip
    assert np.array_equal(least(GRID), np.min([one(GRID) for one in made], axis=0))
    assert (np.diff(Least(parts=tuple(one.curve for one in made[:2]))(GRID)) >= -1e-9).all()
    low, high = least.interval(GRID)
    assert (low <= least(GRID)).all() and (least(GRID) <= high).all()
    assert (low <= np.min([one.interval(GRID)[0] for one in made], axis=0) + 1e-12).all()
    assert least.curve.at(0.7) == pytest.approx((least([0.7])[0], *(end[0] for end in least.interval([0.7]))))
    back = CalibrationMap.from_json(least.to_json())
    assert back == least and np.array_equal(back(GRID), least(GRID))
