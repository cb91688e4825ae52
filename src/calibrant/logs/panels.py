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
from .columns import AS_PERCENT, BAD_WEIGHT, MISSING, Roles, find_roles, parse_block, percent
from .reading import roles_of
from .sources import Source, group_codes, key_text, open_source

__all__ = ["Panel", "read_panel"]

REPEATED = "a further row of the same model, item and signal"
NO_ITEM = "no item_id, so that no row of another model is of the same question"
_OPTIONAL = ("task", "domain", "signal", "question", "answer", "cost", "latency")


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


def read_panel(source: Any, models: Sequence[str], **named: str | None) -> Panel:
    """Put the rows of some models side by side.

    Parameters
    ----------
    source : data frame, path or store URL, as for `calibrant.audit`
    models : names as in the column `model`
    named : confidence, correct, weight
        Columns by name; found by convention where None. A log without a confidence column is a panel without
        scores.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No column `model` or `item_id`; a model that the log does not hold, with those that it holds.
    """
    opened = open_source(source)
    names = tuple(dict.fromkeys(models))
    if len(names) != len(models):
        raise UnusableInput(f"Expected distinct models, got {', '.join(models)}.")
    for needed in ("model", "item_id"):
        if needed not in opened.columns:
            raise ColumnNotFound(needed, [needed], opened.columns, option=False)
    return _fill(names, _rows(opened, names, named))


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The rows of the wanted models: raw columns, and their confidences, grades and weights as read.

    `faulty` rows are counted in `unusable` already.
    """

    columns: dict[str, NDArray[Any]]
    scores: Floats
    grades: Floats
    weights: Floats
    faulty: NDArray[np.bool_]
    unusable: Counter[str]
    count: int
    notes: tuple[str, ...]


def _rows(source: Source, names: tuple[str, ...], named: Mapping[str, str | None]) -> _Rows:
    roles, has_confidence, notes = _roles(source, named)
    parts = [name for name in _OPTIONAL if name in source.columns]
    weight = [roles.weight] if roles.weight else []
    wanted = list(dict.fromkeys(["model", "item_id", roles.confidence, roles.correct, *parts, *weight]))
    kept: list[dict[str, NDArray[Any]]] = []
    seen: Counter[str] = Counter()
    rows = 0
    for block in source.blocks(wanted):
        rows += len(block["model"])
        keys, codes = group_codes([block["model"]], len(block["model"]))
        seen.update({str(key[0]): int(n) for key, n in zip(keys, np.bincount(codes), strict=False)})
        at = np.isin(codes, [i for i, key in enumerate(keys) if key[0] in names])
        kept.append({name: block[name][at] for name in wanted})
    absent = [name for name in names if name not in seen]
    if absent:
        near = get_close_matches(absent[0], list(seen), n=5, cutoff=0.3) or sorted(seen)[:8]
        raise UnusableInput(
            f"{source.name} has no rows of the model {absent[0]!r}. Did you mean one of: {', '.join(near)}?"
        )
    columns = {name: np.concatenate([part[name] for part in kept]) for name in wanted}
    read = _read(columns, roles, has_confidence=has_confidence)
    return replace(read, count=rows, notes=(*notes, *read.notes))


def _read(columns: dict[str, NDArray[Any]], roles: Roles, *, has_confidence: bool) -> _Rows:
    """Scores and grades, each NaN by itself: an answer without a confidence still tells who is right.

    A row without a usable weight has neither, since it cannot be said how much it counts.
    """
    nothing, notes = np.zeros(len(columns["model"])), tuple[str, ...]()
    weight = columns[roles.weight] if roles.weight else None
    judged = parse_block(nothing, columns[roles.correct], weight, in_percent=False, inverse=roles.inverse)
    grades = np.where(judged.reason == 0, judged.grades, np.nan)
    weights = np.ones(len(nothing)) if judged.weights is None else judged.weights
    scores, unusable, faulty = np.full(len(nothing), np.nan), judged.unusable, judged.reason != 0
    if has_confidence:
        in_percent = percent(columns[roles.confidence])
        if in_percent:
            notes = (AS_PERCENT.format(roles.confidence),)
        stated = parse_block(
            columns[roles.confidence], nothing, weight, in_percent=in_percent, inverse=roles.inverse
        )
        scores, own = stated.scores, stated.unusable
        missing = stated.reasons.index(MISSING) if MISSING in stated.reasons else 0
        faulty = faulty | ((stated.reason != 0) & (stated.reason != missing))
        del own[MISSING], own[BAD_WEIGHT]  # the second is counted beside the verdicts
        unusable = unusable + own
    return _Rows(
        columns=columns, scores=scores, grades=grades, weights=weights, faulty=faulty, unusable=unusable,
        count=len(nothing), notes=notes,
    )  # fmt: skip


def _roles(source: Source, named: Mapping[str, str | None]) -> tuple[Roles, bool, list[str]]:
    """The columns, whether the log has confidences (without any, verdicts alone are read), and what was guessed."""
    stated = True
    try:
        roles, notes = roles_of(source, (), dict(named))
    except ColumnNotFound:
        if named.get("confidence"):
            raise
        correct = find_roles([*source.columns, "confidence"], (), **named).correct
        stated, (roles, notes) = False, roles_of(source, (), {**named, "confidence": correct})
    return roles, stated, [note for note in notes if "weighted" in note]


def _fill(names: tuple[str, ...], rows: _Rows) -> Panel:
    columns, count = rows.columns, len(rows.grades)
    tied = [columns[n] for n in ("task", "item_id") if n in columns]
    keys, code = group_codes(tied, count)
    items, first, where = np.unique(code, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(items), np.intp)
    place[order] = np.arange(len(items))
    at = place[where]
    told = np.array([key[-1] is not None for key in keys])[code] if count else np.zeros(0, bool)
    model = np.array([names.index(key_text(m) or "") for m in columns["model"].tolist()], np.intp)
    signals, signal = _signals(columns, count)
    unusable = Counter(rows.unusable)
    if (~told).any():
        unusable[NO_ITEM] += int((~told).sum())
    fresh = _fresh(model, at, signal, rows) & told
    if repeated := int((told & ~fresh & ~rows.faulty).sum()):
        unusable[REPEATED] += repeated
    shape, use = (len(names), len(items)), np.flatnonzero(fresh)[::-1]  # the first row of a place wins
    grade, scores = np.full(shape, np.nan), {}
    good = use[~np.isnan(rows.grades[use])]
    grade[model[good], at[good]] = rows.grades[good]
    for j, name in enumerate(signals):
        mine = use[(signal[use] == j) & ~np.isnan(rows.scores[use])]
        if len(mine):
            scores[name] = np.full(shape, np.nan)
            scores[name][model[mine], at[mine]] = rows.scores[mine]
    weight = np.ones(len(items))
    weight[at[good]] = rows.weights[good]
    texts = {name: _texts(columns.get(name), len(items), at, use) for name in ("task", "domain", "question")}
    panel = Panel(
        models=names, item=_texts(columns["item_id"], len(items), at, use), task=texts["task"],
        domain=texts["domain"], question=texts["question"], grade=grade, scores=scores,
        answer=_answers(columns.get("answer"), shape, model, at, use),
        cost=_numbers(columns.get("cost"), shape, model, at, use),
        latency=_numbers(columns.get("latency"), shape, model, at, use),
        weight=weight, rows=rows.count, unusable=unusable, notes=rows.notes,
    )  # fmt: skip
    _refuse_strangers(panel, model, at, told)
    return panel.of(_held(at, told, len(items)))


def _refuse_strangers(
    panel: Panel, model: NDArray[np.intp], at: NDArray[np.intp], told: NDArray[np.bool_]
) -> None:
    """Raise where no two models share an item, with an item of either: ids or tasks are spelt apart."""
    there = np.zeros((len(panel.models), len(panel)), bool)
    there[model[told], at[told]] = True
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


def _held(at: NDArray[np.intp], told: NDArray[np.bool_], count: int) -> NDArray[np.intp]:
    """The items that have a name."""
    named = np.zeros(count, bool)
    named[at[told]] = True
    return np.flatnonzero(named)


def _signals(columns: Mapping[str, NDArray[Any]], count: int) -> tuple[list[str], NDArray[np.intp]]:
    if "signal" not in columns:
        return ["confidence"], np.zeros(count, np.intp)
    keys, code = group_codes([columns["signal"]], count)
    return [str(key[0]) for key in keys], code


def _fresh(
    model: NDArray[np.intp], at: NDArray[np.intp], signal: NDArray[np.intp], rows: _Rows
) -> NDArray[np.bool_]:
    """One row of each model, item and signal: the first that tells most, as a call that failed may stand first."""
    answer = rows.columns.get("answer")
    silent = np.zeros(len(model), bool) if answer is None else _missing(answer)
    lacking = 4 * np.isnan(rows.grades) + 2 * np.isnan(rows.scores) + silent
    order = np.lexsort([np.arange(len(model)), lacking, signal, at, model])
    keys = np.stack([model, at, signal])[:, order]
    first = np.ones(len(model), bool)
    first[1:] = (keys[:, 1:] != keys[:, :-1]).any(axis=0)
    fresh = np.zeros(len(model), bool)
    fresh[order[first]] = True
    return fresh


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([key_text(v) is None for v in values.tolist()], bool)


def _texts(
    values: NDArray[Any] | None, count: int, at: NDArray[np.intp], use: NDArray[np.intp]
) -> NDArray[Any]:
    found = np.full(count, None, dtype=object)
    if values is not None:
        use = use[~_missing(values[use])]
        found[at[use]] = _plain(values[use])
    return found


def _answers(
    values: NDArray[Any] | None,
    shape: tuple[int, int],
    model: NDArray[np.intp],
    at: NDArray[np.intp],
    use: NDArray[np.intp],
) -> NDArray[Any]:
    found = np.full(shape, None, dtype=object)
    if values is not None:
        use = use[~_missing(values[use])]
        found[model[use], at[use]] = _plain(values[use])
    return found


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    made = np.empty(len(values), dtype=object)
    made[:] = [key_text(v) for v in values.tolist()]
    return made


def _numbers(
    values: NDArray[Any] | None,
    shape: tuple[int, int],
    model: NDArray[np.intp],
    at: NDArray[np.intp],
    use: NDArray[np.intp],
) -> Floats:
    found = np.full(shape, np.nan)
    if values is not None:
        found[model[use], at[use]] = [_number(v) for v in values[use].tolist()]
    return found


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return np.nan
    return number if np.isfinite(number) and number >= 0 else np.nan
