"""The labelled rows of a log by group, for what needs rows rather than a tally.

Rules for values, names of columns and reasons are those of `read_log`. Memory grows with the log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clusters import Picked
from ..errors import NoSuchColumn, UnusableInput
from ..tally import Floats, Tally
from .alike import Alike, alike
from .awaited import awaited
from .doubts import doubts
from .keys import Key, cluster_ids, listed
from .opening import labelled, open_log
from .reader import Parsed, Reader, require_usable
from .repeats import item_columns, repeats_told, summing_columns, tied_together
from .roles import STATED, Roles, parted_by_signal, shared
from .sources import Source
from .times import seconds_of
from .unanswered import answer_column
from .values import as_is

__all__ = ["GroupRows", "Rows", "read_rows", "time_column"]

TIMES = (
    "time", "created_at", "timestamp", "created", "datetime", "date", "when", "ts", "asked_at", "answered_at",
    "requested_at", "request_time", "start_time", "started_at", "event_time", "logged_at", "completed_at", "end_time",
    "judged_at",
)  # fmt: skip
"""Columns that say when a row was, in this order, whatever their case and the signs between their words."""
JUDGED = ("judged_at", "labelled_at", "labeled_at", "label_at", "verdict_at", "label_time", "feedback_at")


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupRows:
    """Arrays of shape (rows,): scores and grades in [0, 1], weights and cluster ids where the log has them.

    `row` are their numbers in the log. `time` holds the rows' times in seconds where the log has a column of them that
    can be put in order, NaN where a row has none, `judged` those of their verdicts, NaN where it is not known.
    `constants` are the columns of a fingerprint, and `map_id`, that hold one value only, be it none; `mixed` those that
    hold several. `largest` is the largest weight of all rows, where the log states it of those without a verdict, too.
    Where an engine counted rows, each stands for `count` that are alike, and `picked` are one of each cluster.
    """

    scores: Floats
    grades: Floats
    weights: Floats | None
    clusters: NDArray[Any] | None
    time: Floats | None
    constants: Mapping[str, str | None]
    mixed: frozenset[str] = frozenset()
    row: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    judged: Floats | None = None
    largest: float | None = None
    count: NDArray[np.int64] | None = None
    picked: Picked | None = None

    @property
    def tally(self) -> Tally:
        """The rows as a tally."""
        if self.count is not None:
            return Tally.counted(self.scores, self.grades, self.count, self.weights)
        return Tally.of(self.scores, self.grades, self.weights)

    @property
    def ordered(self) -> bool:
        """Whether it is known of every row when it was."""
        return self.time is not None and bool(np.isfinite(self.time).all())


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What was read: rows, how many were used, the others by reason, and the rows of each group.

    `empty` holds the groups without a usable row, with their rows by reason. `disordered` says why the log's times
    cannot be put in order, where it has a column of them whose format is not known or leaves a doubt.
    """

    source: str
    rows: int
    used: int
    unusable: dict[str, int]
    roles: Roles
    notes: tuple[str, ...]
    groups: dict[Key, GroupRows]
    empty: dict[Key, dict[str, int]]
    disordered: str | None = None


def read_rows(
    source: Any,
    *,
    by: str | Sequence[str] = (),
    scale: str | None = None,
    counted: bool = False,
    seed: int = 0,
    **named: str | None,
) -> Rows:
    """Read the rows of a log; the parameters are those of `read_log`, and `time`, the column that puts rows in order.

    Without it one of usual names is taken; "none" takes rows as they stand. A log of records is parted by its signals;
    any other log of several signals must be parted with `by`. With `counted` rows need no order, and those that are
    alike may come once with their `count`, where an engine can count them (`calibrant.logs.alike`); of clusters it
    draws one answer each, by `seed`.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No such file, no rows, no such column; several signals in one group; no row that can be used.
    """
    wanted = named.pop("time", None)
    opened = labelled(source, named)
    by, parted = parted_by_signal(opened, listed(by))
    opened, roles, guessed = open_log(opened, by, named)
    stated = [name for name in (*STATED, "map_id") if name in opened.columns and name not in by]
    if counted and (found := alike(opened, roles, stated, scale, seed)) is not None:
        return _of_alike(opened, roles, found, (*parted, *guessed))
    items = () if roles.cluster else item_columns(opened, roles)
    time = time_column(opened, wanted)
    late = _called(JUDGED, [name for name in opened.columns if name != time])
    also = [*(name for names in items for name in names), *(name for name in (time, late) if name)]
    others = awaited(opened, roles, scale)
    unit = None if others is None else others.unit
    reader = Reader(
        opened if others is None else others.judged, roles, items=items, summing=summing_columns(opened, roles),
        also=dict.fromkeys(also, as_is), stated=stated, scale=scale, answers=answer_column(opened, roles),
        units=None if unit is None else lambda _: unit,
    )  # fmt: skip
    rows = reader.whole()
    pooled = _pooled(reader.held)
    lost, unusable, parting = reader.lost, reader.unusable, list(parted)
    if others is not None:
        lost, unusable = others.with_those(reader.lost), reader.unusable + others.unusable
        parting += others.notes
    require_usable(opened.name, reader.used + unusable.total(), unusable, roles, reader.unread)
    groups = {key: at for key, at in rows.parts() if len(at)}
    repeated, tied = repeats_told(reader.repeats, roles)
    if tied:
        roles = tied_together(roles, tied)
        rows = replace(rows, cluster=cluster_ids([rows.also[name] for name in tied], 0))
    tallies = {key: Tally.of(rows.score[at], rows.grade[at]) for key, at in groups.items()}
    unknown = np.full(len(rows), np.nan)
    when, told_at = (seconds_of(rows.also[name]) if name else unknown for name in (time, late))
    order = unknown if isinstance(when, str) else when
    judged = None if late is None or isinstance(told_at, str) else told_at
    return Rows(
        disordered=f"The column {time!r} of {opened.name}: {when}" if isinstance(when, str) else None,
        source=opened.name, rows=reader.used + unusable.total(), used=reader.used, unusable=dict(unusable), roles=roles,
        notes=(*doubts(tallies, roles, lost), *repeated, *parting, *guessed, *reader.notes, *pooled),
        groups={key: _group(rows, at, roles, order, judged, reader, key) for key, at in groups.items()},
        empty={key: why for key, why in lost.items() if key not in groups},
    )  # fmt: skip


def time_column(source: Source, wanted: str | None = None) -> str | None:
    """The column that says when rows were: as named, else what its format knows, else by the usual names.

    Raises `NoSuchColumn`.
    """
    if wanted is None:
        return source.roles.get("time") or _called(TIMES, source.columns)
    if wanted in source.columns:
        return wanted
    if wanted.lower() == "none":
        return None
    found = _called([wanted], source.columns)
    if found is None:
        raise NoSuchColumn("time", [wanted], source.columns)
    return found


def _called(names: Sequence[str], columns: Sequence[str]) -> str | None:
    """The first of the names that a column has, whatever its case and the signs between its words."""
    bare = {_bare(column): column for column in reversed(columns)}
    return next((bare[_bare(name)] for name in names if _bare(name) in bare), None)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _pooled(groups: Mapping[Key, Mapping[str, set[str | None]]]) -> list[str]:
    """Refuse signals that are pooled; say which models are."""
    notes = []
    for key, held in groups.items():
        signals = {str(v) for v in held.get("signal", ())}
        if len(signals) > 1:
            raise UnusableInput(
                f"The log mixes the signals {', '.join(sorted(signals))}, whose scores are on different scales: "
                "part them with --by signal, or keep one in the log."
            )
        if (models := len(held.get("model", ()))) > 1:
            where = ", ".join(str(v) for v in key) or "The log"
            notes.append(f"{where}: {models} models are pooled; add --by model to part them.")
    return notes


def _group(
    rows: Parsed,
    at: NDArray[np.intp],
    roles: Roles,
    order: Floats,
    judged: Floats | None,
    reader: Reader,
    key: Key,
) -> GroupRows:
    constants, mixed = _constants(reader.held[key])
    return GroupRows(
        scores=rows.score[at], grades=rows.grade[at], weights=rows.weight[at] if roles.weight else None,
        clusters=rows.cluster[at] if roles.cluster else None, time=order[at] if np.isfinite(order[at]).any() else None,
        constants=constants, mixed=mixed, row=rows.row[at],
        judged=None if judged is None else judged[at], largest=reader.unseen.largest(key),
    )  # fmt: skip


def _constants(held: Mapping[str, set[str | None]]) -> tuple[dict[str, str | None], frozenset[str]]:
    """The columns of which rows hold one value, be it none, and those of which they hold several."""
    return (
        {n: shared(n, v) for n, v in held.items() if len(v) == 1 or shared(n, v)},
        frozenset(n for n, v in held.items() if len(v) > 1 and not shared(n, v)),
    )


def _of_alike(opened: Source, roles: Roles, found: Alike, said: Sequence[str]) -> Rows:
    """What an engine counted, as rows that stand for several each."""
    require_usable(opened.name, found.rows, found.unusable, roles)
    if found.tied:
        roles, said = tied_together(roles, found.tied), [_repeated(found), *said]
    pooled, groups = _pooled(found.held), {}
    for key, atoms in found.groups.items():
        constants, mixed = _constants(found.held.get(key, {}))
        groups[key] = GroupRows(
            scores=atoms.score, grades=atoms.grade, weights=atoms.weight if roles.weight else None, clusters=None,
            time=None, constants=constants, mixed=mixed, count=atoms.count, picked=found.picked.get(key),
            largest=found.unseen.largest(key),
        )  # fmt: skip
    lost = {key: dict(why) for key, why in found.lost.items()}
    tallies = {key: group.tally for key, group in groups.items()}
    return Rows(
        source=opened.name, rows=found.rows, used=found.used, unusable=dict(found.unusable), roles=roles,
        notes=(*doubts(tallies, roles, lost), *said, *found.notes, *pooled), groups=groups,
        empty={key: why for key, why in lost.items() if key not in groups},
    )  # fmt: skip


def _repeated(found: Alike) -> str:
    """What is said of items that repeat, as where rows are at hand."""
    items, name = sum(one.clusters for one in found.picked.values()), ",".join(found.tied)
    return (
        f"{found.used - items:,} of {found.used:,} rows repeat the {name} of another row ({items:,} items), so rows of "
        f"one item are tied together (--cluster {quote(name)}); --cluster none takes them apart."
    )
