"""A log of several signals as answers with their scores side by side, whether it is long or wide.

A long log has a row for each answer and signal, and says in a column `signal` which; a wide one has a row for each
answer, and a column for each signal. Memory grows with the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Misuse, NoSuchColumn, UnusableInput
from ..logs.keys import Key, absent, group_codes, listed
from ..logs.opening import labelled, open_log
from ..logs.reader import Parsed, Reader, counted, every
from ..logs.roles import Roles
from ..logs.sources import Source
from ..logs.values import amounts, as_is, numbers, scores
from ..plugins import names
from ..tally import Floats

__all__ = ["Answers", "Column", "read_answers"]

DISAGREE = "the rows of one answer disagree on the verdict"
REPEATED = "a further row of the same answer and signal"
NAMELESS = "the row names no signal"
COSTS = ("calls", "tokens", "signal_cost")
_MOST_NAMED = 12
_IDENTITY = ("item_id", "model", "task", "domain")


@dataclass(frozen=True, kw_only=True)
class Column:
    """A signal's scores, shape (answers,), NaN where there is none.

    `asked` says of which answers the log has a row of this signal, or a cell of its column. `calls`, `tokens` and
    `dollars` are what a reading of it took on average, None where the log does not say.
    """

    scores: Floats
    asked: NDArray[np.bool_]
    calls: float | None = None
    tokens: float | None = None
    dollars: float | None = None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers side by side: arrays of shape (answers,), and a column for each signal.

    `group` is the index into `keys`, the values of the columns `by`; `cluster` a whole number, equal for answers to
    one item; `grade` is NaN where nobody judged, or the rows of an answer disagree. `unusable` counts rows by reason;
    `paired` is False where the log does not tell which rows are of one answer.
    """

    source: str
    rows: int
    by: tuple[str, ...]
    keys: list[Key]
    group: NDArray[np.intp]
    grade: Floats
    weight: Floats
    cluster: NDArray[np.intp]
    signals: Mapping[str, Column]
    unusable: Counter[str]
    roles: Roles
    notes: tuple[str, ...]
    paired: bool = True

    def __len__(self) -> int:
        return len(self.grade)


def read_answers(
    log: Any,
    by: str | Sequence[str] = (),
    *,
    scores_in: str | Sequence[str] = (),
    scale: str | None = None,
    **named: str | None,
) -> Answers:
    """Read a log of signals.

    Parameters
    ----------
    log : data frame, path or store URL, as for `calibrant.audit`
    by : columns that part the answers, or one
    scores_in : columns that hold a signal each; where the log has no column `signal`, those called like a signal are
        taken, and where there is none of these the column of the confidence
    scale : the unit of all scores, as in `calibrant.logs.tallies.read_log`
    named : confidence, correct, weight, cluster; columns by name

    Raises
    ------
    ColumnNotFound, UnusableInput
        No such column; `by` names the column `signal`; no rows.
    """
    by, scores_in, source = listed(by), listed(scores_in), labelled(log, named)
    if "signal" in by:
        raise Misuse(
            "Signals are compared with each other, so they cannot part the log: leave signal out of by."
        )
    long = "signal" in source.columns and not scores_in
    found = _long(source, by, scale, named) if long else _wide(source, by, scores_in, scale, named)
    if not found.rows:
        raise UnusableInput(
            f"{source.name} has no rows. Expected one row per answer, or per answer and signal."
        )
    return found


def _long(source: Source, by: Sequence[str], scale: str | None, named: Mapping[str, str | None]) -> Answers:
    source, roles, notes = open_log(source, by, named)
    identity, told = _told_by(source)
    costs = [name for name in COSTS if name in source.columns]
    reader = Reader(
        source, replace(roles, tied=_tied(source, roles)),
        also={"signal": as_is, **dict.fromkeys(identity, as_is), **dict.fromkeys(costs, amounts)},
        stated=_models(source, roles), scale=scale, apart=(*roles.by, "signal"),
    )  # fmt: skip
    rows = reader.whole(every)
    signals, signal = group_codes([rows.also["signal"]], len(rows))
    if identity:
        _, row = group_codes([rows.also[n] for n in identity] + [_group_values(rows)], len(rows))
    else:
        row = np.arange(len(rows))
    first, row = _in_order(row)
    unusable = counted(rows.why)  # of each row the first reason, as in an audit
    grade, torn = _one_grade(rows.grade, row, len(first))
    unusable += Counter({DISAGREE: int(torn[row].sum())})
    columns: dict[str, Column] = {}
    for code, key in enumerate(signals):
        at = np.flatnonzero(signal == code)
        if key[0] is None:
            unusable += Counter({NAMELESS: len(at)})
            continue
        alone = at[np.unique(row[at], return_index=True)[1]]
        unusable += Counter({REPEATED: len(at) - len(alone)})
        columns[key[0]] = _column(rows, row, alone, len(first), costs)
    return Answers(
        source=source.name, rows=reader.rows, by=roles.by, keys=rows.keys, group=rows.group[first], grade=grade,
        weight=np.where(rows.weight_why[first] == 0, rows.weight[first], np.nan), cluster=_clusters(rows, first),
        signals=columns, unusable=+unusable, roles=roles, notes=(*notes, *told, *reader.notes, *_pooled(reader)),
        paired=bool(identity),
    )  # fmt: skip


def _wide(
    source: Source,
    by: Sequence[str],
    scores_in: Sequence[str],
    scale: str | None,
    named: Mapping[str, str | None],
) -> Answers:
    if missing := [name for name in scores_in if name not in source.columns]:
        raise NoSuchColumn("scores", missing, source.columns)
    known = list(scores_in) or [name for name in source.columns if name in names("signals")]
    needed = ("correct",) if known else ("confidence", "correct")
    source, roles, notes = open_log(source, by, named, needed=needed)
    if not known or (named.get("confidence") and not scores_in):
        known = [roles.confidence]
    reader = Reader(
        source, replace(roles, confidence="", tied=_tied(source, roles)), also=dict.fromkeys(known, scores),
        stated=_models(source, roles), scale=scale,
    )  # fmt: skip
    rows = reader.whole(every)
    unusable = counted(rows.grade_why) + counted(rows.weight_why)
    for name in known:
        unusable += Counter({f"{name}: {why}": n for why, n in reader.unreadable[name].items()})
    columns = {name: Column(scores=rows.also[name], asked=np.ones(len(rows), bool)) for name in known}
    told = [] if scores_in else _taken(source, known, reader)
    return Answers(
        source=source.name, rows=reader.rows, by=roles.by, keys=rows.keys, group=rows.group, grade=rows.grade,
        weight=np.where(rows.weight_why == 0, rows.weight, np.nan), cluster=_clusters(rows, np.arange(len(rows))),
        signals=columns, unusable=+unusable, roles=roles, notes=(*notes, *told, *reader.notes, *_pooled(reader)),
    )  # fmt: skip


def _taken(source: Source, known: Sequence[str], reader: Reader) -> list[str]:
    """Which columns were read as signals, and which others hold numbers and may be signals as well."""
    told = f"Columns read as signals: {', '.join(known)}; --scores names others."
    played = {*known, *reader.roles.names, *_IDENTITY, "record_id", *COSTS}
    others = [name for name in source.columns if name not in played]
    block = next(source.blocks(others), None) if others else None
    numeric = [] if block is None else [name for name in others if _numeric(block[name])]
    if not numeric:
        return [told]
    more = f" and {len(numeric) - _MOST_NAMED:,} more" if len(numeric) > _MOST_NAMED else ""
    return [told, f"Columns of numbers that were not read: {', '.join(numeric[:_MOST_NAMED])}{more}."]


def _numeric(values: NDArray[Any]) -> bool:
    """Whether there is a number, and nothing that is none."""
    if values.dtype.kind == "b":
        return False
    found = np.isfinite(numbers(values).values)
    return bool(found.any()) and all(absent(one) or one == "" for one in values[~found].tolist())


def _told_by(source: Source) -> tuple[list[str], list[str]]:
    """The columns whose values are equal for the rows of one answer, and what is to be said of that."""
    if "record_id" in source.columns:
        return ["record_id"], []
    if "item_id" not in source.columns:
        return [], [
            "There is neither record_id nor item_id, so no two scores are known to be of one answer, and signals are "
            "held against the base rate alone."
        ]
    told = [name for name in _IDENTITY if name in source.columns]
    return told, [f"There is no record_id: rows of equal {', '.join(told)} are taken to be of one answer."]


def _tied(source: Source, roles: Roles) -> tuple[str, ...]:
    """The columns that name an item, where no cluster column says which rows belong together."""
    if roles.tied or "item_id" not in source.columns:
        return roles.tied
    return ("task", "item_id") if "task" in source.columns else ("item_id",)  # tasks may number theirs alike


def _models(source: Source, roles: Roles) -> list[str]:
    return ["model"] if "model" in source.columns and "model" not in roles.by else []


def _pooled(reader: Reader) -> list[str]:
    """A note, where the answers of several models stand together."""
    models = set().union(*(held.get("model", set()) for held in reader.held.values()))
    told = (
        f"{len(models):,} models are pooled, whose scores may differ in scale: add --by model to part them."
    )
    return [told] if len(models) > 1 else []


def _group_values(rows: Parsed) -> NDArray[Any]:
    """The group of each row as one value, so that no answer lies in two."""
    return rows.group.astype(object)


def _in_order(row: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first row of each answer, in the order of the log, and the answer of each row by that order."""
    _, first, row = np.unique(row, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    return first[order], np.argsort(order, kind="stable")[row]


def _one_grade(grades: Floats, row: NDArray[np.intp], count: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The grade of each answer, NaN where its rows have none or differ; and where they differ."""
    good = ~np.isnan(grades)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, row[good], grades[good])
    np.maximum.at(high, row[good], grades[good])
    return np.where(low == high, low, np.nan), low < high


def _column(
    rows: Parsed, row: NDArray[np.intp], at: NDArray[np.intp], count: int, costs: Sequence[str]
) -> Column:
    values, asked = np.full(count, np.nan), np.zeros(count, bool)
    values[row[at]], asked[row[at]] = rows.score[at], True
    spent = {name: rows.also[name][at] for name in costs}
    mean = {name: float(np.nanmean(v)) for name, v in spent.items() if not np.isnan(v).all()}
    return Column(
        scores=values,
        asked=asked,
        calls=mean.get("calls"),
        tokens=mean.get("tokens"),
        dollars=mean.get("signal_cost"),
    )


def _clusters(rows: Parsed, first: NDArray[np.intp]) -> NDArray[np.intp]:
    ids = rows.cluster[first]
    if not len(ids) or all(absent(one) for one in ids[:1].tolist()):
        return np.arange(len(first))
    return np.unique(ids, return_inverse=True)[1].ravel()
