"""The estimator keeps scikit-learn's rules, and maps as `calibrant.fit` does."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator

import calibrant
from calibrant.errors import UnusableInput
from calibrant.sklearn import Calibrator


def stated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    c = np.round(rng.uniform(0.3, 1, n), 2)
    return c, rng.random(n) < c**2


@pytest.mark.parametrize("estimator", [Calibrator(), Calibrator(GaussianNB())], ids=["scores", "wrapped"])
def test_every_check_of_scikit_learn_passes(estimator: Calibrator) -> None:
    checked = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for one, check in estimator_checks_generator(estimator):
            if (
                getattr(check, "func", check).__name__ != "check_array_api_input"
            ):  # needs a setting of SciPy's
                check(one)
                checked += 1
    assert checked > 50


def test_scores_are_mapped_as_by_fit() -> None:
    c, right = stated(400)
    made = Calibrator(calibrator="platt").fit(c[:, None], right)
    fitted = calibrant.fit(c, right, "platt")
    np.testing.assert_allclose(made.predict_proba(c[:, None])[:, 1], fitted(c), atol=1e-12)
    for mine, other in zip(made.predict_interval(c[:, None]), fitted.interval(c), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-12)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        made.predict_proba([[1.2]])


def test_isotonic_is_that_of_scikit_learn() -> None:
    x, y = make_classification(600, random_state=0)
    splits = list(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y))
    ours = Calibrator(LogisticRegression(), calibrator="isotonic", cv=splits).fit(x, y)
    theirs = CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=splits, ensemble=False).fit(
        x, y
    )
    assert np.abs(ours.predict_proba(x) - theirs.predict_proba(x)).mean() < 0.02


def test_several_classes_are_right_as_often_as_the_likeliest_says() -> None:
    made = make_classification(
        9000, n_features=12, n_informative=4, n_redundant=8, n_classes=4, class_sep=0.7, random_state=1
    )
    x, y = made[0], np.array(["a", "b", "c", "d"])[made[1]]
    calibrated = Calibrator(GaussianNB()).fit(x[:3000], y[:3000])
    raw = GaussianNB().fit(x[:3000], y[:3000])

    def gap(model: Any) -> float:
        p = model.predict_proba(x[3000:])
        return float(p.max(axis=1).mean() - (model.predict(x[3000:]) == y[3000:]).mean())

    assert gap(raw) > 0.1
    assert abs(gap(calibrated)) < 0.03
    p = calibrated.predict_proba(x[3000:])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (calibrated.classes_[p.argmax(axis=1)] == calibrated.predict(x[3000:])).all()
    assert calibrated.score(x[3000:], y[3000:]) > raw.score(x[3000:], y[3000:]) - 0.01


def test_pipelines_grids_and_clones() -> None:
    c, right = stated(300)
    frame = pd.DataFrame({"confidence": 100 * c})
    pipe = make_pipeline(FunctionTransformer(lambda f: f / 100), Calibrator())
    assert 0.5 < pipe.fit(frame, right).score(frame, right) < 1
    grid = GridSearchCV(Calibrator(), {"calibrator": ["platt", "isotonic"]}, scoring="neg_brier_score", cv=3)
    grid.fit(c[:, None], right)
    assert grid.best_params_["calibrator"] in ("platt", "isotonic")
    assert clone(Calibrator(GaussianNB(), cv=3)).get_params(deep=False)["cv"] == 3


def test_rows_of_a_group_stay_together_and_count_for_less() -> None:
    c, right = stated(200)
    many, verdicts, ids = np.repeat(c, 5), np.repeat(right, 5), np.repeat(np.arange(200), 5)
    alone, together = (
        Calibrator(calibrator="platt").fit(many[:, None], verdicts, groups=g) for g in (None, ids)
    )
    widths = [np.ptp(np.ravel(one.predict_interval([[0.8]]))) for one in (alone, together)]
    assert widths[1] > 1.7 * widths[0]  # the square root of five is 2.2
    x = np.random.default_rng(0).normal(size=(1000, 2))
    fitted = Calibrator(GaussianNB()).fit(x, verdicts, groups=ids)
    for train, test in fitted._splits(x, verdicts, np.ones(1000), ids):
        assert not set(ids[train]) & set(ids[test])


def test_what_cannot_be_fitted_says_so() -> None:
    with pytest.raises(UnusableInput, match="two rows or more of each class"):
        Calibrator().fit([[1.0, 2.0], [2.0, 1.0], [3.0, 1.0]], [0, 0, 1])
    with pytest.raises(ValueError, match="takes no sample_weight"):
        from sklearn.neighbors import KNeighborsClassifier

        Calibrator(KNeighborsClassifier()).fit(np.eye(20), [0, 1] * 10, sample_weight=np.ones(20))
