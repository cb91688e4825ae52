"""Logs of answers as tallies.

A log becomes one tally per group of its columns `by`, with every unusable row counted by reason. Files are
read in blocks, so memory does not grow with the file; Parquet of more than a million rows is counted by the
engine that reads it (`counting.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..engines._relation import PROGRESS
from ..fits.crossfit import folds
from ..maps.units import FRACTION, Unit
from ..tally import Tally
from .counting import Counts, count, countable
from .doubts import doubts
from .keys import Key, listed
from .opening import labelled, open_log
from .reader import Parsed, Reader, require_usable
from .repeats import item_columns, repeats_told, summing_columns, tied_together
from .roles import STATED, Roles, mixed_signals, parted_by_signal
from .scales import Units, fractions, units_of
from .sources import Source
from .unanswered import answer_column
from .values import ABOVE, BELOW
from .vocabulary import EMPTY

__all__ = ["Log", "read_log"]


@dataclass(frozen=True, kw_only=True)
class Log:
    """What was read: rows, how many were used, the others by reason, and one tally per group.

    `empty` holds the groups without a usable row, with their rows by reason; `folds` the tallies of each group by
    the number of the fold. Rows of one cluster are in the fold of one number, whatever their group. `constants` are
    of each group the columns of a fingerprint that hold one value only, `units` the units of their scores. `lost` are
    of each group the rows that cannot be used, by reason; `opened` is where the rows came from.
    """

    source: str
    rows: int
    used: int
    unusable: dict[str, int]
    read_as: dict[str, int]
    roles: Roles
    notes: tuple[str, ...]
    groups: dict[Key, Tally]
    folds: dict[Key, dict[int, Tally]] = field(default_factory=dict)
    constants: dict[Key, dict[str, str]] = field(default_factory=dict)
    empty: dict[Key, dict[str, int]] = field(default_factory=dict)
    lost: dict[Key, dict[str, int]] = field(default_factory=dict)
    opened: Source | None = None
    units: dict[Key, Unit] = field(default_factory=dict)

    @property
    def scale(self) -> str:
        """The scale of the scores, one of `calibrant.maps.units.SCALES`; "several" where groups differ."""
        scales = {unit.scale for unit in self.units.values()}
        return "several" if len(scales) > 1 else next(iter(scales), "fraction")

    @property
    def claims(self) -> bool:
        """Whether its scores are probabilities, rather than places in an order."""
        return all(unit.claims for unit in self.units.values())

    def parts(self, key: Key, count: int) -> list[Tally]:
        """A group's rows in about `count` parts that add up to it, clusters kept whole.

        Rows without clusters and of one weight are parted by their tally, as they would be one by one: whatever
        their order was.
        """
        tally = self.groups[key]
        alike = self.roles.cluster is None and tally.n_eff > (1 - 1e-9) * tally.rows
        held = [] if alike else list(self.folds.get(key, {}).values())
        return held or folds(tally, count)


def read_log(
    source: Any,
    *,
    by: str | Sequence[str] = (),
    folds: int = 0,
    apart: str | None = None,
    scale: str | None = None,
    **named: str | None,
) -> Log:
    """Read a log into tallies.

    Parameters
    ----------
    source : data frame, path or store URL
        Whatever one of the `log_formats` reads.
    by : names of columns, or one
        One tally for each combination of their values.
    folds : int
        Also part each group at random into that many tallies, clusters kept whole.
    apart : name of a column
        It is something else: not guessed to be one of the following.
    scale : one of `calibrant.logs.scales.NAMES`
        The unit of the confidence; told by the whole of its column where None.
    named : confidence, correct, weight, cluster
        Columns by name; guessed from `roles.CONVENTIONS` where None. Also the words of verdicts, right, partly
        and wrong, and a second file that has the verdicts, labels, with the columns on which it is joined, on.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No such file, no rows, no such column; no row that can be used, with the reasons; a unit that cannot be told.
    """
    opened = labelled(source, named)
    by, parted = parted_by_signal(opened, listed(by))
    opened, roles, guessed = open_log(opened, by, named, apart=apart)
    counts = _by_engine(opened, roles, folds, scale) or _count_blocks(opened, roles, folds, scale)
    require_usable(opened.name, counts.rows, counts.unusable, roles, counts.unread)
    if counts.tied:
        roles = tied_together(roles, counts.tied)
        counts = replace(_count_blocks(opened, roles, folds, scale), repeated=counts.repeated)
    doubtful = doubts(counts.groups, roles, counts.lost)
    return Log(
        source=opened.name, rows=counts.rows, used=counts.used, unusable=dict(counts.unusable),
        read_as=dict(counts.read_as), roles=roles, 
        notes=(
            *doubtful, *counts.repeated, *parted, *guessed, *mixed_signals(opened, by), *counts.notes,
        ),
        groups=counts.groups, folds=counts.folds, constants=counts.constants, empty=counts.empty,
        lost=counts.lost, opened=opened, units=counts.units,
    )  # fmt: skip


def _by_engine(source: Source, roles: Roles, folds: int, scale: str | None) -> Counts | None:
    """A long file counted by the engine that reads it; None where it must be read row by row."""
    if not source.long:
        return None
    if EMPTY.lower() in roles.words.meaning or answer_column(source, roles):
        return None
    if tell := PROGRESS.get():
        tell(source.name, 0.0, source.rows)
    counts, units = _as_fractions(source, roles, folds) if scale is None else (None, None)
    if counts is None or units is None:
        units = units_of(source, roles.confidence, roles.by, scale, counted=True)
        if not countable(units):
            return None
        counts = count(source, roles, units.default, folds)
        if counts is None:
            return None
    counts.notes += units.notes
    counts.units = dict.fromkeys([*counts.groups, *counts.empty], units.default)
    return counts


def _as_fractions(source: Source, roles: Roles, folds: int) -> tuple[Counts | None, Units | None]:
    """What is counted where the numbers are fractions, as most are, so that one look at them tells that they are.

    None where some are none, and where the first rows already say so.
    """
    assert source.table is not None
    first = source.first(roles.confidence)
    apart = roles.confidence in source.scales or first.dtype.kind != "f"
    if apart or not ((first >= 0) & (first <= 1) | np.isnan(first)).all():
        return None, None
    counts = count(source, roles, FRACTION, folds)
    if counts is None or counts.unusable[BELOW] or counts.unusable[ABOVE]:
        return None, None
    return counts, fractions(roles.confidence, counts.seen)


def _count_blocks(source: Source, roles: Roles, folds: int, scale: str | None) -> Counts:
    stated = [name for name in STATED if name in source.columns and name not in roles.by]
    items = () if roles.cluster else item_columns(source, roles)
    summing = summing_columns(source, roles)
    reader = Reader(
        source,
        roles,
        stated=stated,
        items=items,
        summing=summing,
        scale=scale,
        answers=answer_column(source, roles),
    )
    groups, parts = (_clustered if roles.cluster else _summed)(reader, folds)
    groups = {key: reader.unseen.of(key, tally) for key, tally in groups.items()}
    repeated, tied = repeats_told(reader.repeats, roles)
    units = {key: reader.unit(roles.confidence, key) for key in reader.groups}
    notes = list(reader.notes)
    if all(unit.claims for unit in units.values()):
        notes += reader.unjudged.notes(weighted=roles.weight is not None)
    return Counts(
        lost=reader.lost, repeated=repeated, tied=tied,
        unread=reader.unread, notes=notes,
        rows=reader.rows, used=reader.used, unusable=reader.unusable, read_as=reader.read_as,
        groups=groups, folds=parts, constants={key: reader.constants(key) for key in groups}, empty=reader.empty,
        units=units,
    )  # fmt: skip


_Tallies = tuple[dict[Key, Tally], dict[Key, dict[int, Tally]]]


def _summed(reader: Reader, folds: int) -> _Tallies:
    """Tallies that grow block by block, each row in a fold at random."""
    rng = np.random.default_rng(0)
    weighted = reader.roles.weight is not None
    sums: dict[Key, dict[int, Tally]] = {}
    for block in reader:
        good = block.at(block.usable)
        for key, at in good.parts():
            if not len(at):
                continue
            held = sums.setdefault(key, {})
            fold = rng.integers(0, folds, len(at)) if folds else np.zeros(len(at), int)
            for f in np.unique(fold).tolist():
                one = at[fold == f]
                tally = Tally.of(good.score[one], good.grade[one], good.weight[one] if weighted else None)
                held[f] = held[f] + tally if f in held else tally
    groups = {key: reduce(add, held.values()) for key, held in sums.items()}
    return groups, {key: dict(sorted(held.items())) for key, held in sums.items()} if folds else {}


def _clustered(reader: Reader, folds: int) -> _Tallies:
    """Tallies whose rows must be at hand together; all rows of a cluster are in the fold of its id."""
    rows = reader.whole()
    held = {key: at for key, at in rows.parts() if len(at)}
    groups = {key: _tally(rows, at) for key, at in held.items()}
    if not folds:
        return groups, {}
    ids, code = np.unique(rows.cluster, return_inverse=True)
    fold = np.array([crc32(i.encode()) % folds for i in ids.tolist()], np.intp)[code]
    return groups, {
        key: {f: _tally(rows, at[fold[at] == f]) for f in np.unique(fold[at]).tolist()}
        for key, at in held.items()
    }


def _tally(rows: Parsed, at: NDArray[np.intp]) -> Tally:
    return Tally.of(rows.score[at], rows.grade[at], rows.weight[at], rows.cluster[at])
