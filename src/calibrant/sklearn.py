"""Calibration as a scikit-learn estimator. Imported only by who asks for it; needs the extra `sklearn`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .clusters import design_effects
from .errors import UnusableInput
from .maps.calibration import CalibrationMap
from .plugins import find, require
from .tally import Floats, Tally

require("sklearn", "calibrant.sklearn", extra="sklearn")

from sklearn.base import BaseEstimator, ClassifierMixin, clone  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv  # noqa: E402
from sklearn.utils import check_array, get_tags, indexable  # noqa: E402
from sklearn.utils.multiclass import check_classification_targets, type_of_target  # noqa: E402
from sklearn.utils.validation import check_is_fitted, column_or_1d, has_fit_parameter, validate_data  # noqa: E402

__all__ = ["Calibrator"]

Splits = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]


class Calibrator(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Probabilities that hold: those of a classifier, or a column of scores, mapped by a calibrator of calibrant.

    The map is fitted on scores that the classifier gave rows which it had not seen; then it is fitted on all rows.
    Of two classes the probability of the second is mapped. Of more it is that of the likeliest class, which then
    is right as often as it says; what is left is shared by the others as they shared it before.

    Parameters
    ----------
    estimator : classifier with `predict_proba`, optional
        None takes X for the scores: one column in [0, 1] as it is, such as a stated confidence with y = whether it was
        right; any other columns, such as log-probabilities or several signals, by a logistic regression on them.
    calibrator : str
        "auto", or another that fits one map: "platt", "beta", "isotonic", "histogram", "venn_abers", "temperature".
    cv : int, splitter or iterable of splits
        How rows are parted for the classifier's scores; stratified, clusters kept whole where `groups` are given. Not
        used where X holds the scores.

    Attributes
    ----------
    map_ : CalibrationMap, with `interval` and what stands behind it; None where y held one class
    estimator_ : the classifier, fitted on all rows; None where X holds the scores
    classes_ : shape (classes,)
    n_features_in_, feature_names_in_ : of X, where they are known

    Examples
    --------
    >>> import numpy as np
    >>> stated = np.tile([0.6, 0.9], 100)
    >>> right = np.tile([1, 0, 0, 1, 0, 1, 0, 1], 25)
    >>> made = Calibrator(calibrator="platt").fit(stated.reshape(-1, 1), right)
    >>> made.predict_proba([[0.6], [0.9]])[:, 1].round(2)
    array([0.25, 0.75])
    """

    def __init__(self, estimator: Any = None, *, calibrator: str = "auto", cv: Any = 5) -> None:
        self.estimator = estimator
        self.calibrator = calibrator
        self.cv = cv

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Fit the classifier and the map.

        Parameters
        ----------
        X : shape (n, features), or whatever the estimator takes; of scores shape (n, 1)
        y : shape (n,), classes
        sample_weight : shape (n,), at least 0, optional
            For how many rows each stands, as everywhere in scikit-learn; `calibrant.fit` takes inverse propensities.
        groups : shape (n,), optional
            Rows of equal values are not independent: they are never parted, and the map rests on fewer rows.
        """
        X, y = self._checked(X, y)
        weight = np.ones(len(y)) if sample_weight is None else _weights(sample_weight, len(y))
        self.classes_, self.map_ = np.unique(y[weight > 0]), None
        self.estimator_: Any = None
        if len(self.classes_) == 1:
            return self
        ids = None if groups is None else np.asarray(groups)
        self._as_they_are = self.estimator is None and len(self.classes_) == 2 and _are_scores(X)
        if self._as_they_are:
            top, right = np.asarray(X, dtype=float).ravel(), y == self.classes_[-1]
        else:
            top, right = self._cross_fitted(X, y, weight, sample_weight is not None, ids)
        known = (weight > 0) & np.isin(y, self.classes_) & ~np.isnan(top)
        self.map_ = find("calibrators", self.calibrator)().fit(
            _tally(top[known], right[known], weight[known], None if ids is None else ids[known])
        )
        if not isinstance(self.map_, CalibrationMap):
            raise UnusableInput(
                f"{self.calibrator!r} fits no single map; choose another calibrator, such as 'auto'."
            )
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes, shape (n, classes), in the order of `classes_`."""
        p = self._raw(X)
        if self.map_ is None:
            return p
        if len(self.classes_) == 2:
            second = self.map_(p[:, 1])
            return np.column_stack([1 - second, second])
        return _with_top(p, self.map_(p.max(axis=1)))

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row, shape (n,)."""
        p = self.predict_proba(X)
        found: NDArray[Any] = self.classes_[p.argmax(axis=1)]
        return found

    def predict_interval(self, X: Any) -> tuple[Floats, Floats]:
        """Low and high ends of the 95 % interval of the mapped probability, each of shape (n,).

        It is that of the second of two classes, of the likeliest of more.
        """
        p = self._raw(X)
        if self.map_ is None:
            return np.ones(len(p)), np.ones(len(p))
        ends: tuple[Floats, Floats] = self.map_.interval(
            p[:, 1] if len(self.classes_) == 2 else p.max(axis=1)
        )
        return ends

    def _raw(self, X: Any) -> Floats:
        """Probabilities before they are mapped."""
        check_is_fitted(self, "classes_")
        if self.estimator is None:
            X = validate_data(self, X, reset=False)
        if self.map_ is None:
            return np.ones((len(X) if hasattr(X, "__len__") else X.shape[0], 1))
        if self._as_they_are:
            if not _are_scores(X):
                raise ValueError("Scores must be in [0, 1], as they were when the map was fitted.")
            p = X[:, 0].astype(float)
            return np.column_stack([1 - p, p])
        return np.asarray(self.estimator_.predict_proba(X), dtype=np.float64)

    def _checked(self, X: Any, y: Any) -> tuple[Any, NDArray[Any]]:
        if self.estimator is None:
            X, y = validate_data(self, X, y)
        else:
            if y is None:
                raise ValueError("Calibrator requires y to be passed, but the target y is None.")
            X, y = indexable(X, column_or_1d(y, warn=True))
        check_classification_targets(y)
        if type_of_target(y) not in ("binary", "multiclass"):
            raise ValueError(f"y must hold one class for each row; got {type_of_target(y)}.")
        return X, y

    def _cross_fitted(
        self, X: Any, y: NDArray[Any], weight: Floats, weighted: bool, groups: NDArray[Any] | None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Of each row the score by a classifier that had not seen it, and whether it was right; NaN in no fold."""
        one = _default() if self.estimator is None else self.estimator
        if weighted and not has_fit_parameter(one, "sample_weight"):
            raise ValueError(f"{type(one).__name__} takes no sample_weight, so none can be given.")
        known = np.isin(y, self.classes_)
        score, right = np.full(len(y), np.nan), np.zeros(len(y), bool)
        for train, test in self._splits(X, y, weight, groups):
            seen = train[(weight[train] > 0) & known[train]]
            p = _all_classes(_fitted(one, X, y, seen, weight if weighted else None), X, test, self.classes_)
            score[test], right[test] = _asked(p, y[test], self.classes_)
        every = np.flatnonzero((weight > 0) & known)
        self.estimator_ = _fitted(one, X, y, every, weight if weighted else None)
        if hasattr(self.estimator_, "n_features_in_"):
            self.n_features_in_ = self.estimator_.n_features_in_
        if hasattr(self.estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.estimator_.feature_names_in_
        return score, right

    def _splits(self, X: Any, y: NDArray[Any], weight: Floats, groups: NDArray[Any] | None) -> Splits:
        if not isinstance(self.cv, int):
            return list(check_cv(self.cv, y, classifier=True).split(X, y, groups))
        least = min(int((y[weight > 0] == c).sum()) for c in self.classes_)
        if min(self.cv, least) < 2:
            raise UnusableInput(
                f"Expected two rows or more of each class, to fit on one and map with another; got {least} of one. "
                "Label more, or give splits as cv."
            )
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        parts = kind(min(self.cv, least), shuffle=True, random_state=0)
        return list(parts.split(np.zeros(len(y)), y, groups))


def _default() -> Any:
    return LogisticRegression(solver="newton-cholesky")


def _are_scores(X: NDArray[Any]) -> bool:
    return X.shape[1] == 1 and bool(((X >= 0) & (X <= 1)).all())


def _weights(weight: ArrayLike, rows: int) -> Floats:
    w: Floats = check_array(weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if w.shape != (rows,) or (w < 0).any():
        raise ValueError(f"sample_weight must hold {rows} numbers of at least 0; got shape {w.shape}.")
    if not w.any():
        raise ValueError("sample_weight is zero for every row, so there is nothing to fit on.")
    return w


def _at(X: Any, rows: NDArray[np.intp]) -> Any:
    """Rows of a frame, an array, a sparse matrix or a list."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return X[rows] if hasattr(X, "shape") else [X[i] for i in rows]


def _fitted(one: Any, X: Any, y: NDArray[Any], at: NDArray[np.intp], weight: Floats | None) -> Any:
    given = {} if weight is None else {"sample_weight": weight[at]}
    return clone(one).fit(_at(X, at), y[at], **given)


def _all_classes(made: Any, X: Any, at: NDArray[np.intp], classes: NDArray[Any]) -> Floats:
    """Probabilities of all classes, 0 of one that the classifier had not seen."""
    p = np.zeros((len(at), len(classes)))
    held = np.isin(made.classes_, classes)
    p[:, np.searchsorted(classes, made.classes_[held])] = made.predict_proba(_at(X, at))[:, held]
    return p


def _asked(p: Floats, y: NDArray[Any], classes: NDArray[Any]) -> tuple[Floats, NDArray[np.bool_]]:
    """The score that is mapped, and whether what it speaks of came true."""
    if len(classes) == 2:
        return p[:, 1].clip(0, 1), y == classes[1]
    return p.max(axis=1).clip(0, 1), classes[p.argmax(axis=1)] == y


def _tally(score: Floats, right: NDArray[Any], weight: Floats, groups: NDArray[Any] | None) -> Tally:
    """Rows that stand for `weight` rows each."""
    g = right.astype(float)
    made = Tally.from_sums(score, weight, weight * g, weight * g, weight, max(round(float(weight.sum())), 1))
    if groups is None:
        return made
    overall, local, count = design_effects(score, g, weight, groups)
    return replace(made, design_effect=overall, local_effect=local, clusters=count)


def _with_top(p: Floats, top: Floats) -> Floats:
    """Rows of probabilities whose largest is to be `top`: the others share the rest as before, none above it.

    >>> _with_top(np.array([[0.7, 0.2, 0.1]]), np.array([0.4])).round(2)
    array([[0.4, 0.4, 0.2]])
    """
    rows, best = np.arange(len(p)), p.argmax(axis=1)
    top = np.maximum(top, 1 / p.shape[1])
    rest = p.copy()
    rest[rows, best] = 0
    left, open_ = 1 - top, np.ones_like(p, bool)
    open_[rows, best] = False
    made = np.zeros_like(p)
    limit = top * (1 - 1e-9)
    for _ in range(
        p.shape[1]
    ):  # what a class cannot take for being as likely as the likeliest, the others take
        total = np.where(open_, rest, 0).sum(axis=1)
        share = np.where(
            total[:, None] > 0,
            rest / np.maximum(total, 1e-300)[:, None],
            1 / np.maximum(open_.sum(axis=1), 1)[:, None],
        )
        made = np.where(open_, share * left[:, None], made)
        over = open_ & (made > limit[:, None])
        if not over.any():
            break
        made = np.where(over, limit[:, None], made)
        left, open_ = left - np.where(over, limit[:, None], 0).sum(axis=1), open_ & ~over
    made[rows, best] = top
    whole: Floats = made / made.sum(axis=1, keepdims=True)
    return whole
