"""The answers of several models to the same questions, side by side.

Rows are tied together by task and item_id. Memory grows with the rows of the models that are wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound, UnusableInput
from ..tally import Floats
from .keys import group_codes, listed
from .opening import labelled, open_log
from .reader import Parsed, Reader, counted
from .values import MISSING, REASONS, amounts, texts

__all__ = ["Panel", "read_panel"]

REPEATED = "a further row of the same model, item and signal"
NO_ITEM = "no item_id, so that no row of another model is of the same question"
COLUMNS = {
    **dict.fromkeys(("item_id", "task", "domain", "signal", "question", "answer"), texts),
    **dict.fromkeys(("cost", "latency"), amounts),
}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Items in the order of the log, and of each model its grade, its signals and its answer.

    Attributes
    ----------
    models : names, in the order asked for
    item, task, domain : object, shape (items,)
        Text, or None where the log does not say.
    question : object, shape (items,)
    grade : float64, shape (models, items)
        In [0, 1]; NaN where no usable verdict is.
    scores : by signal, float64, shape (models, items)
        NaN where a model has no usable confidence; empty where the log has none at all.
    answer : object, shape (models, items)
        Text, or None.
    cost, latency : float64, shape (models, items)
        US dollars and seconds; NaN where the log does not say.
    weight : float64, shape (items,)
        1 / the probability with which the item was judged; 1 where the log does not say.
    unusable : rows by reason; a missing confidence does not make a row unusable here
    """

    models: tuple[str, ...]
    item: NDArray[Any]
    task: NDArray[Any]
    domain: NDArray[Any]
    question: NDArray[Any]
    grade: Floats
    scores: Mapping[str, Floats]
    answer: NDArray[Any]
    cost: Floats
    latency: Floats
    weight: Floats
    rows: int
    unusable: Counter[str]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.item)

    def of(self, where: NDArray[Any]) -> Panel:
        """The items at these indices, or where true."""
        return replace(
            self, item=self.item[where], task=self.task[where], domain=self.domain[where],
            question=self.question[where], grade=self.grade[:, where],
            scores={name: values[:, where] for name, values in self.scores.items()},
            answer=self.answer[:, where], cost=self.cost[:, where], latency=self.latency[:, where],
            weight=self.weight[where],
        )  # fmt: skip


def read_panel(
    source: Any, models: str | Sequence[str], *, scale: str | None = None, **named: str | None
) -> Panel:
    """Put the rows of some models side by side.

    Parameters
    ----------
    source : data frame, path or store URL, as for `calibrant.audit`
    models : names as in the column `model`
    scale : the unit of the confidence, as in `read_log`
    named : confidence, correct, weight
        Columns by name; found by convention where None. A log without a confidence column is a panel without
        scores.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No column `model` or `item_id`; a model that the log does not hold, with those that it holds.
    """
    models, opened = listed(models), labelled(source, named)
    names = tuple(dict.fromkeys(models))
    if len(names) != len(models):
        raise UnusableInput(f"Expected distinct models, got {', '.join(models)}.")
    for needed in ("model", "item_id"):
        if needed not in opened.columns:
            raise ColumnNotFound(needed, [needed], opened.columns, option=False)
    opened, roles, guessed = open_log(opened, ("model",), named, needed=("correct",))
    also = {name: kind for name, kind in COLUMNS.items() if name in opened.columns}
    reader = Reader(opened, replace(roles, tied=()), also=also, scale=scale)
    rows = reader.whole(
        lambda block: np.isin(block.group, [i for i, k in enumerate(block.keys) if k[0] in names])
    )
    held = [str(key[0]) for key in reader.groups]
    if absent := [name for name in names if name not in held]:
        near = get_close_matches(absent[0], held, n=5, cutoff=0.3) or sorted(held)[:8]
        raise UnusableInput(
            f"{opened.name} has no rows of the model {absent[0]!r}. Did you mean one of: {', '.join(near)}?"
        )
    notes = (*(note for note in guessed if "weighted" in note), *reader.notes)
    return _fill(names, rows, reader.rows, notes)


def _fill(names: tuple[str, ...], rows: Parsed, count: int, notes: tuple[str, ...]) -> Panel:
    """Each row at the place of its model and item. A row whose weight cannot be read says nothing."""
    judged = np.where(rows.grade_why, rows.grade_why, rows.weight_why)
    stated = np.where(rows.score_why == REASONS.index(MISSING), 0, rows.score_why)
    rows = replace(
        rows, grade=np.where(judged == 0, rows.grade, np.nan),
        score=np.where(rows.weight_why == 0, rows.score, np.nan),
    )  # fmt: skip
    places = _Places.of(names, rows)
    fresh = _fresh(places, rows) & places.told
    unusable = counted(judged) + counted(stated) + Counter({NO_ITEM: int((~places.told).sum())})
    unusable += Counter({REPEATED: int((places.told & ~fresh & (judged == 0) & (stated == 0)).sum())})
    use = np.flatnonzero(fresh)[::-1]  # the first row of a place wins
    good = use[~np.isnan(rows.grade[use])]
    scored = use[~np.isnan(rows.score[use])]

    def said(name: str, *, by_model: bool = False) -> NDArray[Any]:
        values = rows.also.get(name, np.full(len(rows), None, dtype=object))
        return places.put(values, use[_said(values[use])], None, by_model=by_model)

    def amount(name: str) -> Floats:
        return places.put(rows.also.get(name, np.full(len(rows), np.nan)), use, np.nan)

    panel = Panel(
        models=names, item=said("item_id"), task=said("task"), domain=said("domain"), question=said("question"),
        grade=places.put(rows.grade, good, np.nan),
        scores={
            name: places.put(rows.score, mine, np.nan)
            for j, name in enumerate(places.signals)
            if len(mine := scored[places.signal[scored] == j])
        },
        answer=said("answer", by_model=True), cost=amount("cost"), latency=amount("latency"),
        weight=places.put(rows.weight, good, 1.0, by_model=False), rows=count, unusable=unusable, notes=notes,
    )  # fmt: skip
    _refuse_strangers(panel, places)
    return panel.of(np.unique(places.item[places.told]))


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Of each row the index of its model, its item and its signal, and whether its item has a name."""

    model: NDArray[np.intp]
    item: NDArray[np.intp]
    signal: NDArray[np.intp]
    signals: list[str]
    told: NDArray[np.bool_]
    shape: tuple[int, int]

    @classmethod
    def of(cls, names: tuple[str, ...], rows: Parsed) -> _Places:
        """Items are in the order of the log."""
        keys, code = group_codes([rows.also[n] for n in ("task", "item_id") if n in rows.also], len(rows))
        items, first, where = np.unique(code, return_index=True, return_inverse=True)
        index = {name: i for i, name in enumerate(names)}
        signals, signal = group_codes([rows.also[n] for n in ("signal",) if n in rows.also], len(rows))
        return cls(
            model=np.array([index.get(str(key[0]), -1) for key in rows.keys], np.intp)[rows.group],
            item=np.argsort(np.argsort(first, kind="stable"))[where], signal=signal,
            signals=[str(key[0]) if key else "confidence" for key in signals],
            told=np.array([key[-1] is not None for key in keys], bool)[code], shape=(len(names), len(items)),
        )  # fmt: skip

    def put(
        self, values: NDArray[Any], at: NDArray[np.intp], nothing: Any, *, by_model: bool = True
    ) -> NDArray[Any]:
        """The values of these rows by model and item, or by item; the last of several at one place stays."""
        found = np.full(self.shape if by_model else self.shape[1:], nothing, dtype=values.dtype)
        found[(self.model[at], self.item[at]) if by_model else self.item[at]] = values[at]
        return found


def _refuse_strangers(panel: Panel, places: _Places) -> None:
    """Raise where no two models share an item, with an item of either: ids or tasks are spelt apart."""
    there = np.zeros(places.shape, bool)
    there[places.model[places.told], places.item[places.told]] = True
    if len(there) < 2 or (there.sum(axis=0) > 1).any():
        return
    shown = "; ".join(
        f"{name} has item {panel.item[i]!r} of task {panel.task[i]!r}"
        for name, row in zip(panel.models, there, strict=True)
        for i in np.flatnonzero(row)[:1]
    )
    raise UnusableInput(
        "No item has rows of two of the models, so their answers cannot be put side by side. Rows are tied together "
        f"by task and item_id, which must be spelt alike: {shown or 'there is no item_id at all'}."
    )


def _fresh(places: _Places, rows: Parsed) -> NDArray[np.bool_]:
    """One row of each model, item and signal: the first that tells most, as a call that failed may stand first."""
    silent = ~_said(rows.also["answer"]) if "answer" in rows.also else np.zeros(len(rows), bool)
    lacking = 4 * np.isnan(rows.grade) + 2 * np.isnan(rows.score) + silent
    order = np.lexsort([lacking, places.signal, places.item, places.model])  # rows alike stay in their order
    keys = np.stack([places.model, places.item, places.signal])[:, order]
    first = np.ones(len(rows), bool)
    first[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    fresh = np.zeros(len(rows), bool)
    fresh[order[first]] = True
    return fresh


def _said(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([v is not None for v in values.tolist()], bool)
