"""Logs of answers as tallies.

A log becomes one tally per group of its columns `by`, with every unusable row counted by reason. Files are
read in blocks, so memory does not grow with the file; Parquet of more than a million rows is counted by the
engine that reads it (`counting.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..fits.crossfit import folds
from ..tally import Tally
from ..types import Fingerprint
from .columns import AS_PERCENT, Parsed, Roles, find_roles, joined, parse_block, percent
from .counting import count_parquet
from .sources import BLOCK_ROWS, Block, Key, Source, group_codes, open_source

__all__ = ["Log", "parted_by_signal", "read_log", "roles_of"]

COUNT_IN_ENGINE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Log:
    """What was read: rows, how many were used, the others by reason, and one tally per group.

    `empty` holds the groups without a usable row, with their rows by reason; `folds` the tallies of each group by
    the number of the fold. Rows of one cluster are in the fold of one number, whatever their group.
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
    source: Any, *, by: Sequence[str] = (), folds: int = 0, apart: str | None = None, **named: str | None
) -> Log:
    """Read a log into tallies.

    Parameters
    ----------
    source : data frame, path or store URL
        Any frame narwhals knows; .parquet, .csv, .tsv, .jsonl, .ndjson, .json, .db; `postgresql://...`.
    by : names of columns
        One tally for each combination of their values.
    folds : int
        Also part each group at random into that many tallies, clusters kept whole.
    apart : name of a column
        It is something else: not guessed to be one of the following.
    named : confidence, correct, weight, cluster
        Columns by name; guessed from `columns.CONVENTIONS` where None.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No such file, no rows, no such column; or no row that can be used, with the reasons.
    """
    opened = open_source(source)
    by, parted = parted_by_signal(opened, tuple(by))
    roles, notes = roles_of(opened, by, named, apart)
    notes = parted + notes
    if (opened.rows or 0) > COUNT_IN_ENGINE and opened.table and roles.cluster is None:
        counted: Counted = count_parquet(opened, roles)
    else:
        counted = _count_blocks(opened, roles, folds)
    if not counted.rows:
        raise UnusableInput(f"{opened.name} has no rows. Expected one row per answer.")
    log = Log(
        source=opened.name, rows=counted.rows, used=counted.used, unusable=dict(counted.unusable),
        read_as=dict(counted.read_as), roles=roles, notes=(*notes, *counted.notes), groups=counted.tallies(),
        folds=counted.fold_tallies(),
        constants=counted.constants(), empty={key: dict(why) for key, why in counted.empty().items()},
    )  # fmt: skip
    if not log.used:
        reasons = "; ".join(f"{n} x {why}" for why, n in log.unusable.items())
        raise UnusableInput(
            f"None of the {log.rows} rows of {opened.name} can be used: {reasons}. Name the right columns with "
            f"--confidence and --correct; read were {roles.confidence!r} and {roles.correct!r}."
        )
    return log


def parted_by_signal(source: Source, by: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """A log of records has a row for each signal of a record: these are never pooled."""
    if "record_id" not in source.columns or "signal" not in source.columns or "signal" in by:
        return by, []
    first = next(source.blocks(["signal"]), {"signal": np.zeros(0)})["signal"]
    if len({str(v) for v in first}) < 2:
        return by, []
    return (*by, "signal"), ["The records hold several signals, so groups are parted by the column 'signal'."]


def roles_of(
    source: Source, by: tuple[str, ...], named: dict[str, str | None], apart: str | None = None
) -> tuple[Roles, list[str]]:
    """The columns of a source, without such as are empty, and notes on what was guessed; none of them is `apart`."""
    if not source.columns:
        raise UnusableInput(f"{source.name} has no columns. Expected a header line and one row per answer.")
    roles = find_roles(source.columns, by, apart=apart, **named)
    notes = []
    for role in ("weight", "cluster"):
        column = getattr(roles, role)
        if column and not named.get(role):
            first = next(source.blocks([column]), {column: np.zeros(0)})[column]
            if _all_missing(first):
                roles = find_roles([c for c in source.columns if c != column], by, apart=apart, **named)
            else:
                notes.append(f"Rows are {role}ed by the column {column!r}, found by its name.")
    if "signal" in source.columns and "signal" not in by:
        first = next(source.blocks(["signal"]), {"signal": np.zeros(0)})["signal"]
        kinds = {str(v) for v in first[:BLOCK_ROWS]}
        if len(kinds) > 1:
            notes.append(
                f"The log mixes the signals {', '.join(sorted(kinds))}: add --by signal to part them."
            )
    return roles, notes


def _all_missing(values: NDArray[Any]) -> bool:
    if values.dtype.kind == "f":
        return bool(np.isnan(values).all())
    return values.dtype.kind == "O" and all(v is None or v == "" for v in values)


class Counted(Protocol):
    """Rows counted, whichever way."""

    rows: int
    used: int
    unusable: Counter[str]
    read_as: Counter[str]
    notes: list[str]

    def tallies(self) -> dict[Key, Tally]:
        """One tally per group."""
        ...

    def fold_tallies(self) -> dict[Key, dict[int, Tally]]:
        """The folds of each group by number, where they were made."""
        ...

    def empty(self) -> dict[Key, Counter[str]]:
        """The groups without a usable row, and why none is."""
        ...

    def constants(self) -> dict[Key, dict[str, str]]:
        """Of each group, the columns of a fingerprint that hold one value only."""
        ...


class _Counted:
    """Tallies growing block by block."""

    def __init__(self, roles: Roles, folds: int, stated: list[str]) -> None:
        self.roles, self.folds, self.stated = roles, folds, stated
        self.seen: dict[Key, dict[str, set[Key]]] = {}
        self.rows = self.used = 0
        self.unusable: Counter[str] = Counter()
        self.read_as: Counter[str] = Counter()
        self.notes: list[str] = []
        self.sums: dict[tuple[Key, int], Tally] = {}
        self.kept: dict[Key, list[tuple[NDArray[Any], ...]]] = {}  # rows, only where clusters need them
        self.lacking: dict[Key, Counter[str]] = {}
        self.rng = np.random.default_rng(0)
        self.in_percent: bool | None = None

    def add(self, block: Block) -> None:
        r = self.roles
        if self.in_percent is None:
            self.in_percent = percent(block[r.confidence])
            if self.in_percent:
                self.notes.append(AS_PERCENT.format(r.confidence))
        parsed = parse_block(
            block[r.confidence], block[r.correct], block[r.weight] if r.weight else None,
            in_percent=self.in_percent, inverse=r.inverse,
        )  # fmt: skip
        good = parsed.reason == 0
        self.rows += len(good)
        self.used += int(good.sum())
        self.unusable += parsed.unusable
        self.read_as += parsed.read_as
        keys, codes = group_codes([block[name] for name in r.by], len(good))
        for k, key in enumerate(keys):
            at = np.flatnonzero(codes == k)
            rows = at[good[at]]
            self.lacking.setdefault(key, Counter()).update(
                parsed.reasons[r] for r in parsed.reason[at[~good[at]]].tolist()
            )
            self._add_group(key, rows, parsed, block)
            for name in self.stated:
                values = self.seen.setdefault(key, {}).setdefault(name, set())
                if len(values) < 2:
                    values.update(group_codes([block[name][rows]], len(rows))[0])

    def _add_group(self, key: Key, rows: NDArray[np.intp], parsed: Parsed, block: Block) -> None:
        if not len(rows):
            return
        c, g = parsed.scores[rows], parsed.grades[rows]
        w = None if parsed.weights is None else parsed.weights[rows]
        if self.roles.cluster:
            ids = self._cluster_ids([block[n][rows] for n in self.roles.tied])
            self.kept.setdefault(key, []).append((c, g, np.ones(len(c)) if w is None else w, ids))
            return
        fold = self.rng.integers(0, self.folds, len(rows)) if self.folds else np.zeros(len(rows), int)
        for f in range(max(self.folds, 1)):
            part = fold == f
            if part.any():
                tally = Tally.of(c[part], g[part], None if w is None else w[part])
                before = self.sums.get((key, f))
                self.sums[key, f] = tally if before is None else before + tally

    def _cluster_ids(self, tied: list[NDArray[Any]]) -> NDArray[Any]:
        """Ids as text; a row without one is a cluster of its own."""
        keys, codes = group_codes(tied, len(tied[-1]))
        named = [joined(key) for key in keys]
        ids = np.array(named, dtype=object)[codes]
        alone = np.flatnonzero([i is None for i in ids])
        ids[alone] = [f"\0alone {self.rows} {i}" for i in alone]
        return ids.astype(str)

    def constants(self) -> dict[Key, dict[str, str]]:
        return {
            key: {
                n: str(next(iter(v))[0])
                for n, v in seen.items()
                if len(v) == 1 and next(iter(v))[0] is not None
            }
            for key, seen in self.seen.items()
        }

    def tallies(self) -> dict[Key, Tally]:
        whole: dict[Key, Tally] = {}
        for (key, _), tally in self.sums.items():
            whole[key] = whole[key] + tally if key in whole else tally
        for key, blocks in self.kept.items():
            c, g, w, ids = (np.concatenate(v) for v in zip(*blocks, strict=True))
            whole[key] = Tally.of(c, g, w, ids)
        return whole

    def empty(self) -> dict[Key, Counter[str]]:
        used = {key for key, _ in self.sums} | set(self.kept)
        return {key: why for key, why in self.lacking.items() if key not in used}

    def fold_tallies(self) -> dict[Key, dict[int, Tally]]:
        if not self.folds:
            return {}
        parts: dict[Key, dict[int, Tally]] = {}
        for (key, f), tally in self.sums.items():
            parts.setdefault(key, {})[f] = tally
        for key, blocks in self.kept.items():
            c, g, w, ids = (np.concatenate(v) for v in zip(*blocks, strict=True))
            distinct, code = np.unique(ids, return_inverse=True)
            fold = np.array([crc32(i.encode()) % self.folds for i in distinct.tolist()], np.intp)[code]
            parts[key] = {
                f: Tally.of(c[m], g[m], w[m], ids[m]) for f in range(self.folds) if (m := fold == f).any()
            }
        return {key: dict(sorted(found.items())) for key, found in parts.items()}


def _count_blocks(source: Source, roles: Roles, folds: int) -> _Counted:
    stated = [f.name for f in fields(Fingerprint) if f.name in source.columns and f.name not in roles.by]
    counted = _Counted(roles, folds, stated)
    for block in source.blocks(list(dict.fromkeys([*roles.names, *stated]))):
        counted.add(block)
    return counted
