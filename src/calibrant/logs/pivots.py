"""A long log, a row for each record and signal, as answers with their signals side by side.

A record is told by `record_id`; where a log has none, by item, model, task and domain. Memory grows with the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound, UnusableInput
from ..maps.matching import Stated
from ..maps.units import Unit
from ..tally import Floats, Tally
from ..types import Fingerprint
from .keys import Key, group_codes, listed
from .opening import open_log
from .reader import Parsed, Reader, every
from .roles import STATED, Roles, shared
from .sources import Source
from .unseen import Unseen
from .values import as_is

__all__ = ["Pivot", "pivot", "side_by_side"]

DISAGREE = "the rows of a record disagree on the verdict"
UNTOLD = "no record_id and no item_id, so that no other row is of the same answer"


@dataclass(frozen=True, kw_only=True)
class Pivot:
    """Answers side by side: arrays of shape (answers,), scores by signal, NaN where missing.

    `row` is the answer of each row of the log, `group` the index into `keys` of each answer. `kind` is, by signal, the
    index into `stated` of what the log tells of each answer's score, -1 where it has none. `asked` holds of
    each group and signal the columns of a fingerprint that have one value only, `units` the unit of the scores;
    `unusable` counts rows. `unseen` is, of each group, the share of its answers of a kind of which none was judged, by
    the chances that weights state.
    """

    keys: list[Key]
    group: NDArray[np.intp]
    scores: dict[str, Floats]
    grade: Floats
    weight: Floats
    cluster: NDArray[Any] | None
    row: NDArray[np.intp]
    kind: dict[str, NDArray[np.intp]]
    stated: list[Stated]
    asked: dict[tuple[int, str], Fingerprint]
    units: dict[tuple[int, str], Unit]
    unusable: Counter[str]
    read_as: Counter[str]
    used: int
    roles: Roles
    notes: tuple[str, ...]
    unseen: tuple[float, ...] = ()

    def alike(self) -> Iterator[tuple[NDArray[np.intp], dict[str, Stated]]]:
        """Answers of whose scores the log tells the same: their indices, and what it tells of each scored signal."""
        known, which = np.unique(np.stack(list(self.kind.values())), axis=1, return_inverse=True)
        ends = np.cumsum(np.bincount(which.ravel()))[:-1]
        for kinds, at in zip(
            known.T.tolist(), np.split(np.argsort(which.ravel(), kind="stable"), ends), strict=True
        ):
            stated = {name: self.stated[k] for name, k in zip(self.kind, kinds, strict=True) if k >= 0}
            if stated:
                yield at, stated


def pivot(log: Any, by: str | Sequence[str] = (), *, scale: str | None = None, **named: str | None) -> Pivot:
    """Put the signals of each answer side by side; `by`, `scale` and the named columns are those of `read_log`."""
    source, roles, _ = open_log(log, [n for n in listed(by) if n != "signal"], named)
    return _read(source, roles, scale)


def side_by_side(source: Source, by: Sequence[str], confidence: str, unit: Callable[[str], Unit]) -> Pivot:
    """The same of a log whose answers need not be judged; `unit` gives that of each signal's scores."""
    roles = Roles(confidence=confidence, by=tuple(by))
    known = _known(source, roles)
    return _read(source, roles, units=lambda key: unit(str(key[known.index("signal")])))


def _read(
    source: Source, roles: Roles, scale: str | None = None, units: Callable[[Key], Unit] | None = None
) -> Pivot:
    if "signal" not in source.columns:
        raise ColumnNotFound("signal", ["signal"], source.columns, option=False)
    told, notes = _told_by(source)
    known = _known(source, roles)
    tied = roles.tied or (("item_id",) if "item_id" in source.columns else ())
    apart = known if units else (*roles.by, "signal")
    reader = Reader(
        source, replace(roles, by=known, tied=tied), also=dict.fromkeys(told, as_is), scale=scale, apart=apart,
        units=units,
    )  # fmt: skip
    rows = reader.whole(every)
    if not len(rows):
        raise UnusableInput(f"{source.name} has no rows. Expected one row per record and signal.")
    stated: list[Stated] = [dict(zip(known, key, strict=True)) for key in rows.keys]
    keys = list(dict.fromkeys(key[: len(roles.by)] for key in rows.keys))
    group = np.array([keys.index(key[: len(roles.by)]) for key in rows.keys], np.intp)
    signal = np.array([str(one["signal"]) for one in stated], object)
    answers, row = group_codes([rows.also[name] for name in told], len(rows))
    count = len(answers)
    first = np.zeros(count, np.intp)
    first[row[::-1]] = np.arange(len(rows))[::-1]
    grade, disagree = _one_grade(rows.grade, row, count)
    scores, kind = {}, {}
    for name in dict.fromkeys(signal.tolist()):
        at = np.flatnonzero((signal[rows.group] == name) & rows.usable)
        scores[name], kind[name] = np.full(count, np.nan), np.full(count, -1, np.intp)
        scores[name][row[at]], kind[name][row[at]] = rows.score[at], rows.group[at]
    of = group[rows.group[first]]
    torn = int((disagree[row] & rows.usable).sum())
    return Pivot(
        keys=keys, group=of, scores=scores, grade=grade, weight=rows.weight[first],
        cluster=rows.cluster[first] if tied else None, row=row, kind=kind, stated=stated,
        asked=_asked(stated, group.tolist()),
        units={
            (g, str(one["signal"])): reader.unit(roles.confidence, tuple(one[name] for name in apart))
            for one, g in zip(stated, group.tolist(), strict=True)
        },
        unusable=reader.unusable + Counter({DISAGREE: torn}),
        read_as=reader.read_as, used=reader.used - torn, roles=roles, notes=(*notes, *reader.notes),
        unseen=tuple(_unseen(rows, row, of == g, grade) for g in range(len(keys))),
    )  # fmt: skip


def _unseen(rows: Parsed, row: NDArray[np.intp], within: NDArray[np.bool_], grade: Floats) -> float:
    """The share of the answers `within` a group of a kind of which none was judged; 0 without stated chances."""
    weight = np.full(len(grade), np.nan)
    fine = (rows.score_why == 0) & (rows.weight_why == 0)
    weight[row[fine]] = rows.weight[fine]
    weight = weight[within]
    known, judged, place = ~np.isnan(weight), ~np.isnan(grade[within]), np.zeros(len(weight))
    if not (known & judged).any():
        return 0.0
    seen = Unseen()
    seen.see([()], place[known].astype(np.intp), place[known], weight[known], known[known], judged[known])
    at = known & judged
    return seen.of((), Tally.of(place[at], grade[within][at], weight[at])).unseen_share


def _known(source: Source, roles: Roles) -> tuple[str, ...]:
    """The columns that tell what a score is a score of, in the order of the keys."""
    return tuple(dict.fromkeys([*roles.by, *(n for n in STATED if n in source.columns)]))


def _told_by(source: Source) -> tuple[list[str], list[str]]:
    if "record_id" in source.columns:
        return ["record_id"], []
    if "item_id" not in source.columns:
        raise UnusableInput(f"{source.name} has {UNTOLD}. A blend needs one of the two columns.")
    told = [name for name in source.columns if name in ("item_id", "model", "task", "domain")]
    return told, [f"There is no record_id: rows of equal {', '.join(told)} are taken to be of one answer."]


def _one_grade(grades: Floats, row: NDArray[np.intp], count: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The grade of each answer, NaN where its rows have none or differ; and where they differ."""
    good = (grades >= 0) & (grades <= 1)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, row[good], grades[good])
    np.maximum.at(high, row[good], grades[good])
    return np.where(low == high, low, np.nan), low < high


def _asked(stated: list[Stated], group: list[int]) -> dict[tuple[int, str], Fingerprint]:
    """What a group's scores of a signal were asked with, where it is one thing only."""
    held: dict[tuple[int, str], dict[str, set[str | None]]] = {}
    for one, g in zip(stated, group, strict=True):
        values = held.setdefault((g, str(one["signal"])), {})
        for name in STATED:
            if name in one and name != "signal":
                values.setdefault(name, set()).add(one[name])
    return {
        place: Fingerprint(**{n: shared(n, v) for n, v in values.items()}) for place, values in held.items()
    }
