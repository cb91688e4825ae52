"""Probabilities of one of two classes beside what was predicted: how sure a prediction is, is p or 1 - p."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..tally import Floats
from .compared import NAMED, PREDICTIONS, alike, with_columns
from .keys import distinct
from .roles import CONVENTIONS, matched
from .sources import Block, Source
from .spellings import by_spelling
from .values import numbers

__all__ = ["of_predicted", "of_prediction", "with_predicted"]

WHERE = re.compile(r"(.+?) where (.+?) is (.+)")
OF_A_CLASS = re.compile(r"prob|^p$|^p_|_p$|^score$|_score$|sigmoid", re.I)
"""Names of what may be the probability of a class, and not of being right."""
OF_BEING_RIGHT = re.compile(r"conf|correct|p_?true|max|top|pred(?:icted|iction)?_?prob", re.I)
FEWEST = 20
"""Rows below which a threshold may part the predictions by chance."""


def of_prediction(name: str) -> bool:
    """Whether a column of confidences is one of what was predicted already.

    >>> of_prediction("prob where prediction is 1"), of_prediction("prob")
    (True, False)
    """
    return WHERE.fullmatch(name) is not None


def with_predicted(source: Source, name: str | None) -> Source:
    """The source with the column `P where PREDICTION is CLASS`, where that is what is named: P there, else 1 - P."""
    found = None if name is None or name in source.columns else WHERE.fullmatch(name)
    if found is None or not {found[1], found[2]} <= set(source.columns):
        return source
    p, prediction, positive = found[1], found[2], alike(found[3])
    seen = numbers(source.first(p)).values
    whole = 100.0 if np.nanmax(seen, initial=0.0) > 1 else 1.0

    def made(block: Block) -> Floats:
        said = [alike(value) for value in block[prediction].tolist()]
        values = numbers(block[p]).values
        positives = np.array([one == positive for one in said], bool)
        lacking = np.array([one is None for one in said], bool)
        return np.where(lacking, np.nan, np.where(positives, values, whole - values))

    return with_columns(source, {str(name): ((p, prediction), made)})


def of_predicted(
    source: Source, named: Mapping[str, Any], needed: Collection[str]
) -> tuple[Source, dict[str, Any], list[str]]:
    """The source with the probability of what was predicted; what was named, and what is to be said.

    Where a threshold parts the two predictions, the column holds the probability of the class above it. Raises
    `UnusableInput` where a column called a probability lies below a half, and no threshold tells whose it is, and
    where the class of a named column is never predicted.
    """
    told = dict(named)
    made = with_predicted(source, named.get("confidence"))
    if made is not source:
        _require_class(source, named["confidence"])
        return made, told, []
    if "confidence" not in needed or source.roles.get("confidence"):
        return source, told, []
    p = matched(source.columns, {"confidence": CONVENTIONS["confidence"]}, told).get("confidence")
    prediction = _prediction(source, told)
    if p is None or prediction is None or p == prediction or p in source.inside:
        return source, told, []
    classes = sorted({one for one in map(alike, distinct(source.first(prediction))) if one is not None})
    if len(classes) != 2:
        return source, told, []
    found = _sides(source.first(p), source.first(prediction), classes)
    if found is None:
        return source, told, []
    positive, sure = found
    if not sure and (named.get("confidence") or not OF_A_CLASS.search(p) or OF_BEING_RIGHT.search(p)):
        return source, told, []
    meant = f"{p} where {prediction} is {positive}"
    if not sure:
        raise UnusableInput(
            f"{p!r} of {source.name} lies below a half in rows of both predictions, {' and '.join(classes)}, of "
            f"{prediction!r}: is it how sure the prediction is, or the probability of one class? Say which: "
            f"--confidence {quote(p)} (of the prediction) or --confidence {quote(meant)} (of {positive}: "
            "p there, 1 - p elsewhere)."
        )
    note = (
        f"{p!r} is the probability of {positive!r}, for a threshold of it parts the predictions of {prediction!r}: the "
        f"confidence is {p} where {prediction} is {positive}, and 1 - {p} elsewhere."
    )
    return with_predicted(source, meant), {**told, "confidence": meant}, [note]


def _require_class(source: Source, name: str) -> None:
    """Raise `UnusableInput` where no prediction is of the class: all of its probabilities would be those of others."""
    _, prediction, positive = WHERE.fullmatch(name).groups()  # type: ignore[union-attr]
    classes = {one for one in map(alike, distinct(source.first(prediction))) if one is not None}
    if classes and alike(positive) not in classes:
        raise UnusableInput(
            f"No {prediction!r} of {source.name} is {positive!r}, but {', '.join(sorted(classes)[:6])}: name one of "
            "these in its place."
        )


def _prediction(source: Source, told: Mapping[str, Any]) -> str | None:
    """The column of what was predicted: the one that is compared, else the only one that is called so."""
    both = NAMED.fullmatch(told.get("correct") or "")
    if both and {both[1], both[2]} <= set(source.columns):
        return both[1]
    lower = by_spelling(source.columns)
    several = {lower[name] for name in PREDICTIONS if name in lower}
    return several.pop() if len(several) == 1 else None


def _sides(p: NDArray[Any], prediction: NDArray[Any], classes: list[str]) -> tuple[str, bool] | None:
    """The class that lies above, and whether a threshold parts the two; None where nothing lies below a half."""
    values = numbers(p).values
    said = np.array([alike(value) or "" for value in prediction.tolist()], object)
    good = np.isfinite(values) & (said != "")
    values, said = values[good], said[good]
    if len(values) < FEWEST or values.min() < 0 or values.max() > 100:
        return None
    half = 50 if values.max() > 1 else 0.5
    parts = {one: values[said == one] for one in classes}
    if min(map(len, parts.values())) < 3 or not (values < half).mean() > 0.02:
        return None
    low, high = sorted(classes, key=lambda one: float(parts[one].mean()))
    return high, bool(parts[low].max() <= parts[high].min())
