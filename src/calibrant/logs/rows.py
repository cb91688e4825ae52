"""The labelled rows of a log by group, for what needs rows rather than a tally.

Rules for values, names of columns and reasons are those of `read_log`. Memory grows with the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..tally import Floats
from ..types import Fingerprint
from .columns import AS_PERCENT, Parsed, Roles, joined, parse_block, percent
from .reading import parted_by_signal, roles_of
from .sources import Block, Key, Source, group_codes, open_source

__all__ = ["GroupRows", "Rows", "read_rows"]

TIMES = ("time", "judged_at", "created_at", "timestamp")


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupRows:
    """Arrays of shape (rows,): scores and grades in [0, 1], weights and cluster ids where the log has them.

    `time` holds the rows' times where the log has a column of them that can be put in order. `constants` are the
    columns of a fingerprint, and `map_id`, that hold one value only, be it none; `mixed` those that hold several.
    """

    scores: Floats
    grades: Floats
    weights: Floats | None
    clusters: NDArray[Any] | None
    time: NDArray[Any] | None
    constants: Mapping[str, str | None]
    mixed: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What was read: rows, how many were used, the others by reason, and the rows of each group.

    `empty` holds the groups without a usable row, with their rows by reason.
    """

    source: str
    rows: int
    used: int
    unusable: dict[str, int]
    roles: Roles
    notes: tuple[str, ...]
    groups: dict[Key, GroupRows]
    empty: dict[Key, dict[str, int]]


def read_rows(source: Any, *, by: Sequence[str] = (), **named: str | None) -> Rows:
    """Read the rows of a log; the parameters are those of `read_log`.

    A log of records is parted by its signals; any other log of several signals must be parted with `by`.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No such file, no rows, no such column; several signals in one group; no row that can be used.
    """
    opened = open_source(source)
    by, parted = parted_by_signal(opened, tuple(by))
    roles, found = roles_of(opened, by, named)
    reader = _Reader(opened, roles)
    if repeats := reader.repeats():
        reader.notes.append(
            f"{repeats} rows repeat an item_id of their group, so they are not independent: add --cluster "
            f"{','.join(reader.items)}."
        )
    if not reader.rows:
        raise UnusableInput(f"{opened.name} has no rows. Expected one row per answer.")
    if not reader.used:
        reasons = "; ".join(f"{n} x {why}" for why, n in reader.unusable.items())
        raise UnusableInput(
            f"None of the {reader.rows} rows of {opened.name} can be used: {reasons}. Name the right columns with "
            f"--confidence and --correct; read were {roles.confidence!r} and {roles.correct!r}."
        )
    return Rows(
        source=opened.name, rows=reader.rows, used=reader.used, unusable=dict(reader.unusable), roles=roles,
        notes=(*parted, *(n for n in found if "mixes the signals" not in n), *reader.notes),
        groups=reader.groups(),
        empty={key: dict(why) for key, why in reader.lacking.items() if key not in reader.kept},
    )  # fmt: skip


class _Reader:
    """Rows growing block by block."""

    def __init__(self, source: Source, roles: Roles) -> None:
        self.roles = roles
        names = (*(f.name for f in fields(Fingerprint)), "map_id")
        self.stated = [n for n in names if n in source.columns and n not in roles.by]
        self.time = next((n for n in TIMES if n in source.columns), None)
        unsaid = "item_id" in source.columns and roles.cluster is None
        items = (
            ("task", "item_id") if "task" in source.columns else ("item_id",)
        )  # tasks may number theirs alike
        self.items = items if unsaid else ()
        extra = [n for n in (self.time, *self.items) if n]
        self.rows = self.used = 0
        self.unusable: Counter[str] = Counter()
        self.notes: list[str] = []
        self.kept: dict[Key, list[tuple[Any, ...]]] = {}
        self.lacking: dict[Key, Counter[str]] = {}
        self.seen: dict[Key, dict[str, set[str | None]]] = {}
        self.in_percent: bool | None = None
        for block in source.blocks(list(dict.fromkeys([*roles.names, *self.stated, *extra]))):
            self._add(block)
        self._look()

    def _add(self, block: Block) -> None:
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
        keys, codes = group_codes([block[name] for name in r.by], len(good))
        for k, key in enumerate(keys):
            mine = codes == k
            if len(at := np.flatnonzero(good & mine)):
                self._keep(key, at, parsed, block)
            if key not in self.kept:
                reasons = (parsed.reasons[r] for r in parsed.reason[mine].tolist())
                self.lacking.setdefault(key, Counter()).update(reasons)
        self.rows += len(good)
        self.used += int(good.sum())
        self.unusable += parsed.unusable

    def _keep(self, key: Key, at: NDArray[np.intp], parsed: Parsed, block: Block) -> None:
        r = self.roles
        self.kept.setdefault(key, []).append((
            parsed.scores[at], parsed.grades[at],
            np.ones(len(at)) if parsed.weights is None else parsed.weights[at],
            self._ids([block[n][at] for n in r.tied], at) if r.tied else np.zeros(len(at)),
            block[self.time][at].astype(object) if self.time else np.zeros(len(at)),
            self._ids([block[n][at] for n in self.items], at) if self.items else np.zeros(len(at)),
        ))  # fmt: skip
        for name in self.stated:
            values = self.seen.setdefault(key, {}).setdefault(name, set())
            values.update(v for (v,) in group_codes([block[name][at]], len(at))[0])

    def _ids(self, tied: list[NDArray[Any]], at: NDArray[np.intp]) -> NDArray[Any]:
        """Ids as text; a row without one is a cluster of its own."""
        keys, codes = group_codes(tied, len(at))
        named = [joined(key) for key in keys]
        return np.array([
            f"\0alone {self.rows + i}" if named[c] is None else named[c]
            for c, i in zip(codes.tolist(), at.tolist(), strict=True)
        ])  # fmt: skip

    def _look(self) -> None:
        """Refuse signals that are pooled; say what else is."""
        for key, seen in self.seen.items():
            signals = {str(v) for v in seen.get("signal", ())}
            if len(signals) > 1:
                raise UnusableInput(
                    f"The log mixes the signals {', '.join(sorted(signals))}, whose scores are on different scales: "
                    "part them with --by signal, or keep one in the log."
                )
            if len(seen.get("model", ())) > 1:
                where = ", ".join(str(v) for v in key) or "The log"
                self.notes.append(
                    f"{where}: {len(seen['model'])} models are pooled; add --by model to part them."
                )

    def groups(self) -> dict[Key, GroupRows]:
        """The rows of each group, joined."""
        made = {}
        for key, blocks in self.kept.items():
            s, g, w, ids, time, _ = (np.concatenate(v) for v in zip(*blocks, strict=True))
            constants = {n: next(iter(v)) for n, v in self.seen.get(key, {}).items() if len(v) == 1}
            made[key] = GroupRows(
                scores=s, grades=g, weights=w if self.roles.weight else None,
                clusters=ids if self.roles.cluster else None, time=_sortable(time) if self.time else None,
                constants=constants,
                mixed=frozenset(n for n, v in self.seen.get(key, {}).items() if len(v) > 1),
            )  # fmt: skip
        return made

    def repeats(self) -> int:
        """Rows beyond the first of their item, where no cluster column says that they belong together."""
        if not self.items:
            return 0
        items = [np.concatenate([block[5] for block in blocks]) for blocks in self.kept.values()]
        return sum(len(one) - len(np.unique(one)) for one in items)


def _sortable(time: NDArray[Any]) -> NDArray[Any] | None:
    """Times as numbers or as text, or None where some are missing or kinds are mixed."""
    values = time.tolist()
    if all(isinstance(v, int | float) and v == v for v in values):
        return np.array(values, dtype=float)
    texts = [v if isinstance(v, str) else str(v) for v in values if v is not None and v == v]
    return np.array(texts) if len(texts) == len(values) and all(texts) else None
