"""A long log, a row for each record and signal, as answers with their signals side by side.

A record is told by `record_id`; where a log has none, by item, model, task and domain. Memory grows with the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound, UnusableInput
from ..maps.matching import Stated
from ..tally import Floats
from ..types import Fingerprint
from .columns import Parsed, Roles, find_roles, joined, parse_block, percent
from .sources import Block, Key, Source, group_codes

__all__ = ["STATED", "Pivot", "pivot", "side_by_side"]

STATED = tuple(f.name for f in fields(Fingerprint))
"""The columns of a log that tell what its scores are scores of."""
DISAGREE = "the rows of a record disagree on the verdict"
UNTOLD = "no record_id and no item_id, so that no other row is of the same answer"


@dataclass(frozen=True, kw_only=True)
class Pivot:
    """Answers side by side: arrays of shape (answers,), scores by signal, NaN where missing.

    `row` is the answer of each row of the log, `group` the index into `keys` of each answer. `kind` is, by signal, the
    index into `stated` of what the log tells of each answer's score, -1 where it has none. `asked` holds of
    each group and signal the columns of a fingerprint that have one value only; `unusable` counts rows.
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
    unusable: Counter[str]
    read_as: Counter[str]
    used: int
    roles: Roles
    notes: tuple[str, ...]

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


def pivot(source: Source, by: Sequence[str] = (), **named: str | None) -> Pivot:
    """Put the signals of each answer side by side; `by` and the named columns are those of `read_log`."""
    roles = find_roles(source.columns, tuple(n for n in by if n != "signal"), **named)
    first = next(source.blocks([roles.confidence]), {roles.confidence: np.zeros(0)})[roles.confidence]
    return _read(source, roles, percent(first), judged=True)


def side_by_side(source: Source, by: Sequence[str], confidence: str, in_percent: bool) -> Pivot:
    """The same of a log whose answers need not be judged."""
    roles = Roles(confidence=confidence, correct=confidence, by=tuple(by))
    return _read(source, roles, in_percent, judged=False)


def _read(source: Source, roles: Roles, in_percent: bool, *, judged: bool) -> Pivot:
    if "signal" not in source.columns:
        raise ColumnNotFound("signal", ["signal"], source.columns, option=False)
    told, notes = _told_by(source)
    stated = [name for name in STATED if name in source.columns]
    item = ["item_id"] if "item_id" in source.columns else []
    wanted = list(dict.fromkeys([*roles.names, *told, *stated, *item]))
    blocks = list(source.blocks(wanted))
    if not blocks:
        raise UnusableInput(f"{source.name} has no rows. Expected one row per record and signal.")
    block = {name: np.concatenate([b[name] for b in blocks]) for name in wanted}
    rows = len(block["signal"])
    verdicts = block[roles.correct] if judged else np.zeros(rows)
    parsed = parse_block(
        block[roles.confidence], verdicts, block[roles.weight] if roles.weight else None,
        in_percent=in_percent, inverse=roles.inverse,
    )  # fmt: skip
    return _pivoted(block, parsed, roles, told, tuple(notes))


def _told_by(source: Source) -> tuple[list[str], list[str]]:
    if "record_id" in source.columns:
        return ["record_id"], []
    if "item_id" not in source.columns:
        raise UnusableInput(f"{source.name} has {UNTOLD}. A blend needs one of the two columns.")
    told = [name for name in source.columns if name in ("item_id", "model", "task", "domain")]
    return told, [f"There is no record_id: rows of equal {', '.join(told)} are taken to be of one answer."]


def _pivoted(block: Block, parsed: Parsed, roles: Roles, told: list[str], notes: tuple[str, ...]) -> Pivot:
    rows = len(block["signal"])
    answers, row = group_codes([block[name] for name in told], rows)
    count = len(answers)
    keys, group_of_row = group_codes([block[name] for name in roles.by], rows)
    first = np.zeros(count, np.intp)
    first[row[::-1]] = np.arange(rows)[::-1]
    grade, disagree = _one_grade(parsed.grades, row, count)
    signals, code = group_codes([block["signal"]], rows)
    known = list(dict.fromkeys([*roles.by, *(n for n in STATED if n in block)]))
    kinds, kind_of_row = group_codes([block[name] for name in known], rows)
    scores, kind = {}, {}
    for j, (name,) in enumerate(signals):
        at = np.flatnonzero((code == j) & (parsed.reason == 0))
        scores[str(name)], kind[str(name)] = np.full(count, np.nan), np.full(count, -1, np.intp)
        scores[str(name)][row[at]], kind[str(name)][row[at]] = parsed.scores[at], kind_of_row[at]
    weight = np.ones(count) if parsed.weights is None else parsed.weights[first]
    tied = roles.tied or (("item_id",) if "item_id" in block else ())
    unusable = parsed.unusable
    if disagree.any():
        unusable[DISAGREE] += int((disagree[row] & (parsed.reason == 0)).sum())
    return Pivot(
        keys=keys, group=group_of_row[first], scores=scores, grade=grade, weight=weight,
        cluster=_ids([block[n] for n in tied], first) if tied else None, row=row,
        kind=kind, stated=[dict(zip(known, key, strict=True)) for key in kinds],
        asked=_asked(block, group_of_row, code, signals),
        unusable=unusable, read_as=parsed.read_as,
        used=int(((parsed.reason == 0) & ~disagree[row]).sum()), roles=roles, notes=notes,
    )  # fmt: skip


def _one_grade(grades: Floats, row: NDArray[np.intp], count: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The grade of each answer, NaN where its rows have none or differ; and where they differ."""
    good = (grades >= 0) & (grades <= 1)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, row[good], grades[good])
    np.maximum.at(high, row[good], grades[good])
    return np.where(low == high, low, np.nan), low < high


def _ids(tied: list[NDArray[Any]], first: NDArray[np.intp]) -> NDArray[Any]:
    """Cluster ids of the answers; one without an id is a cluster of its own."""
    keys, codes = group_codes([values[first] for values in tied], len(first))
    named = [joined(key) for key in keys]
    ids = [named[c] for c in codes]
    return np.array([f"\0alone {i}" if v is None else v for i, v in enumerate(ids)])


def _asked(
    block: Block, group: NDArray[np.intp], code: NDArray[np.intp], signals: list[Key]
) -> dict[tuple[int, str], Fingerprint]:
    """What a group's scores of a signal were asked with, where it is one thing only."""
    stated = [name for name in STATED if name in block and name != "signal"]
    asked = {}
    for g in np.unique(group):
        for j in np.unique(code[group == g]):
            at = (group == g) & (code == j)
            found: Mapping[str, list[Key]] = {
                n: group_codes([block[n][at]], int(at.sum()))[0] for n in stated
            }
            one = {n: keys[0][0] for n, keys in found.items() if len(keys) == 1}
            asked[int(g), str(signals[j][0])] = Fingerprint(**one)
    return asked
