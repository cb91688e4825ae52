"""Probabilities of classes that stand in a column each: the highest is the confidence, its column the answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..tally import Floats
from .compared import GOLD, PREDICTIONS, REFERENCES, alike, compared, with_columns
from .keys import distinct
from .roles import CONVENTIONS
from .sources import Block, Source
from .values import numbers

__all__ = ["highest"]

BEFORE = re.compile(
    r"((?:predict_proba|pred_proba|probabilities|probability|proba|probs|prob|softmax|class_prob|scores?|confidence|"
    r"conf|p)[\s_.\-\[(]*)(.+?)[\])]*",
    re.I,
)
"""What such columns are called before the class, as in p_0 or proba[cat]."""
AFTER = re.compile(r"(.+?)([\s_.\-]*(?:p|prob|proba|probability))", re.I)
SLACK = 0.02
"""How far the probabilities of a row may be from 1 together, as rounding leaves them."""


def highest(
    source: Source, named: Mapping[str, Any], needed: Collection[str]
) -> tuple[Source, dict[str, Any], list[str]]:
    """The source with the highest of its classes' probabilities, where they stand in a column each; what was named,
    and what is to be said.

    Raises `UnusableInput` where the right classes are none of the columns' names.
    """
    told = dict(named)
    lower = {name.lower() for name in source.columns}
    known = {"confidence"} & {*source.roles, *source.choices}
    if "confidence" not in needed or named.get("confidence") or known or lower & {*CONVENTIONS["confidence"]}:
        return source, told, []
    classes = _classes(source)
    if not classes:
        return source, told, []
    columns = list(classes.values())
    shown = ", ".join(columns) if len(columns) < 4 else f"{columns[0]} .. {columns[-1]}"
    sure, answer = f"highest of {shown}", f"class of the highest of {shown}"
    notes = [f"The confidence is the highest of the {len(columns)} columns {shown}."]
    told["confidence"] = sure
    gold = _gold(source, named, needed)
    labels = list(classes) if gold is None else _labels(source, classes, gold)

    def rows(block: Block) -> Floats:
        return np.stack([numbers(block[name]).values for name in columns], axis=1)

    def top(block: Block) -> Floats:
        found: Floats = rows(block).max(axis=1)
        return found

    def chosen(block: Block) -> NDArray[Any]:
        found = rows(block)
        lacking = np.asarray(np.isnan(found).any(axis=1))
        best = found.argmax(axis=1).tolist()
        made = [None if lacks else labels[i] for i, lacks in zip(best, lacking.tolist(), strict=True)]
        return np.fromiter(made, object, len(made))

    made = with_columns(source, {sure: (columns, top), answer: (columns, chosen)})
    if gold is not None:
        made, told["correct"] = compared(made, answer, gold)
        notes.append(f"Right is where that column's class equals {gold!r}.")
    return made, told, notes


def _classes(source: Source) -> dict[str, str]:
    """Columns of probabilities by their class, where there are two or more that add up to 1 in each row."""
    families: dict[str, dict[str, str]] = {}
    for name in source.columns:
        if found := BEFORE.fullmatch(name):
            families.setdefault("before " + found[1].lower(), {})[found[2]] = name
        if found := AFTER.fullmatch(name):
            families.setdefault("after " + found[2].lower(), {})[found[1]] = name
        if re.fullmatch(r"\d{1,4}", name):
            families.setdefault("bare", {})[name] = name
    for family in sorted(families.values(), key=len, reverse=True):
        if len(family) > 1 and _add_up(source, list(family.values())):
            return family
    return _called_as_answers(source)


def _called_as_answers(source: Source) -> dict[str, str]:
    """Columns called as the values of a column of answers, with those beside them that make each row add up to 1."""
    lower = {name.lower(): name for name in reversed(source.columns)}
    for answers in (lower[name] for name in (*PREDICTIONS, *GOLD, *REFERENCES) if name in lower):
        values = {alike(value) for value in distinct(source.first(answers))} - {None}
        family = [name for name in source.columns if name != answers and alike(name) in values]
        if not family or len(family) < len(values):
            continue
        shares = [name for name in source.columns if name in family or _shares(source, name)]
        for columns in (family, shares):
            if len(columns) > 1 and _add_up(source, columns):
                return {name: name for name in columns}
    return {}


def _shares(source: Source, name: str) -> bool:
    """Whether a column holds nothing but numbers from 0 to 1."""
    found = numbers(source.first(name)).values
    return bool(len(found)) and bool(((found >= 0) & (found <= 1)).all())


def _add_up(source: Source, columns: Sequence[str]) -> bool:
    block = next(source.blocks(columns), None)
    if block is None or not len(block[columns[0]]):
        return False
    found = np.stack([numbers(block[name]).values for name in columns], axis=1)
    found = found[np.isfinite(found).all(axis=1)]
    within = ((found >= 0) & (found <= 1)).all(axis=1) & (abs(found.sum(axis=1) - 1) <= SLACK)
    return bool(len(found) and within.mean() >= 0.99)


def _gold(source: Source, named: Mapping[str, Any], needed: Collection[str]) -> str | None:
    """The column of right classes, where nothing else says what is right."""
    lower = {name.lower(): name for name in reversed(source.columns)}
    plain = [name for name in CONVENTIONS["correct"] if name in lower and name not in GOLD]
    if (
        "correct" not in needed
        or named.get("correct")
        or plain
        or "correct" in {*source.roles, *source.choices}
    ):
        return None
    if any(name in lower for name in PREDICTIONS):
        return None
    found = [lower[name] for name in (*GOLD, *REFERENCES) if name in lower]
    return found[0] if len(found) == 1 else None


def _labels(source: Source, classes: Mapping[str, str], gold: str) -> list[str]:
    """What each column's class is called among the right ones: by its name, else by its place from 0."""
    right = {alike(value) for value in distinct(source.first(gold))} - {None}
    if right <= {alike(name) for name in classes}:
        return list(classes)
    if right <= {str(i) for i in range(len(classes))}:
        return [str(i) for i in range(len(classes))]
    raise UnusableInput(
        f"The columns {', '.join(list(classes.values())[:6])} of {source.name} hold the probabilities of classes, but "
        f"{gold!r} names others: {', '.join(sorted(str(one) for one in right)[:6])}. Name the columns after the "
        "classes (p_cat, p_dog), or name what holds the confidence and the verdict: --confidence, --correct."
    )
