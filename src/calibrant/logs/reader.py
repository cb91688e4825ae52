"""Every log is read here: raw blocks of a source become blocks of parsed columns, with every row accounted for.

Whatever is made of a log (tallies, rows, models side by side, steps) folds these blocks and reads no value itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..tally import Floats
from .keys import Key, cluster_ids, distinct, group_codes
from .repeats import Repeats, totals
from .roles import Roles
from .sources import Block, Source
from .values import (
    AS_PERCENT,
    CODE,
    REASONS,
    TOTAL,
    Column,
    Kind,
    in_percent,
    propensities,
    scores,
    weights,
)
from .verdicts import Verdicts, verdicts

__all__ = ["Parsed", "Reader", "counted", "every", "require_usable", "usable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """Rows after reading, as arrays of shape (rows,).

    Attributes
    ----------
    row : int
        Their numbers in the log, from 0.
    score, grade : float64
        In [0, 1]; NaN where the log has none or it cannot be read.
    weight : float64
        1 where the log has none or it cannot be read.
    score_why, grade_why, weight_why, why : int8
        Why each cannot be read, and the first of the three, as indices into `REASONS`: 0 where nothing is wrong.
    group : int
        Index into `keys`, the values of the columns `by`.
    cluster : str
        An id, equal for rows that belong together; none of the log's where it has no such column.
    also : by column
        What else was asked for.
    """

    keys: list[Key]
    row: NDArray[np.intp]
    score: Floats
    grade: Floats
    weight: Floats
    score_why: NDArray[np.int8]
    grade_why: NDArray[np.int8]
    weight_why: NDArray[np.int8]
    why: NDArray[np.int8]
    group: NDArray[np.intp]
    cluster: NDArray[Any]
    also: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Rows of which every part can be read."""
        fine: NDArray[np.bool_] = self.why == 0
        return fine

    def at(self, where: NDArray[Any]) -> Parsed:
        """The rows at these indices, or where true."""
        return replace(
            self,
            also={n: v[where] for n, v in self.also.items()},
            **{n: getattr(self, n)[where] for n in _ARRAYS},
        )

    def parts(self) -> Iterator[tuple[Key, NDArray[np.intp]]]:
        """The groups, each with the indices of its rows in their order."""
        order = np.argsort(self.group, kind="stable")
        ends = np.searchsorted(self.group[order], np.arange(len(self.keys) + 1))
        for key, start, end in zip(self.keys, ends[:-1], ends[1:], strict=True):
            yield key, order[start:end]


_ARRAYS = tuple(f.name for f in fields(Parsed) if f.name not in ("keys", "also"))


def usable(block: Parsed) -> NDArray[np.bool_]:
    """The rows of which every part can be read."""
    return block.usable


def every(block: Parsed) -> NDArray[np.bool_]:
    """All rows."""
    return np.ones(len(block), bool)


class Reader:
    """Reads a source once: iterate over its parsed blocks, or take them as one.

    Parameters
    ----------
    source : where the rows come from
    roles : which of its columns play which part; what plays none is NaN, or weighs 1
    also : further columns, and of what kind each is
    stated : columns of which is noted which values the usable rows of each group hold
    items : columns that name an item together, whose `repeats` in a group are counted

    What was read is counted on the way: `rows`, `used`, `unusable` rows by reason and of `also` the `unreadable`
    values, as what scores were `read_as`, rows of groups without any usable one in `empty`, and `notes`.

    >>> from .sources import rows_source
    >>> rows = [{"p": "90%", "y": "yes"}, {"p": 0.5, "y": None}]
    >>> reader = Reader(rows_source("two rows", ["p", "y"], lambda: rows), Roles(confidence="p", correct="y"))
    >>> reader.whole().score, reader.rows, dict(reader.unusable)
    (array([0.9]), 2, {'verdict missing': 1})
    """

    def __init__(
        self,
        source: Source,
        roles: Roles,
        *,
        also: Mapping[str, Kind] | None = None,
        stated: Sequence[str] = (),
        items: Sequence[str] = (),
    ) -> None:
        self.source, self.roles, self.also, self.stated = source, roles, also or {}, stated
        self.repeats = Repeats(items) if items else None
        self.rows = self.used = 0
        self.unusable: Counter[str] = Counter()
        self.read_as: Counter[str] = Counter()
        self.unreadable: dict[str, Counter[str]] = {name: Counter() for name in self.also}
        self.notes: list[str] = []
        self.held: dict[Key, dict[str, set[str | None]]] = {}
        self._lacking: dict[Key, Counter[str]] = {}
        self._tops: dict[str, float] = {}
        judged = [roles.correct, *(name for name, kind in self.also.items() if kind is verdicts)]
        self._verdicts = {name: Verdicts(roles.words) for name in judged if name}

    @property
    def groups(self) -> list[Key]:
        """All groups, in the order in which they appeared."""
        return list(self._lacking)

    @property
    def empty(self) -> dict[Key, dict[str, int]]:
        """Groups without a usable row, with their rows by reason."""
        return {key: dict(why) for key, why in self._lacking.items() if key not in self.held}

    @property
    def lost(self) -> dict[Key, dict[str, int]]:
        """Of every group the rows that cannot be used, by reason."""
        return {key: dict(why) for key, why in self._lacking.items()}

    def __iter__(self) -> Iterator[Parsed]:
        items = self.repeats.columns if self.repeats else ()
        wanted = dict.fromkeys([*self.roles.names, *self.stated, *self.also, *items])
        for block in self.source.blocks(list(wanted)):
            parsed = self._parsed(block, len(next(iter(block.values()))))
            self._count(parsed, block)
            yield parsed
        for name, read in self._verdicts.items():
            self.notes += read.settled(name, self.source.name)

    def whole(self, keep: Callable[[Parsed], NDArray[Any]] = usable) -> Parsed:
        """The blocks as one, only the rows to `keep` of each."""
        parts = [block.at(keep(block)) for block in self]
        if not parts:
            nothing = {name: np.zeros(0, object) for name in (*self.roles.names, *self.stated, *self.also)}
            parts = [self._parsed(nothing, 0)]
        places = {key: i for i, key in enumerate(dict.fromkeys(key for part in parts for key in part.keys))}
        moved = [np.array([places[key] for key in part.keys], np.intp)[part.group] for part in parts]
        joined = {n: np.concatenate([getattr(part, n) for part in parts]) for n in _ARRAYS if n != "group"}
        also = {name: np.concatenate([part.also[name] for part in parts]) for name in self.also}
        return Parsed(keys=list(places), group=np.concatenate(moved), also=also, **joined)

    def require_usable(self) -> None:
        """Raise `UnusableInput` where there was no row, or none that can be used."""
        require_usable(self.source.name, self.rows, self.unusable, self.roles)

    def constants(self, key: Key) -> dict[str, str]:
        """The stated columns of which a group's usable rows hold one value only."""
        held = self.held.get(key, {})
        return {n: only for n, v in held.items() if len(v) == 1 and (only := next(iter(v))) is not None}

    def _parsed(self, block: Block, rows: int) -> Parsed:
        r = self.roles
        nothing = Column(np.full(rows, np.nan), np.zeros(rows, np.int8))
        score = self._read(r.confidence, scores, block) if r.confidence else nothing
        grade = self._read(r.correct, verdicts, block) if r.correct else nothing
        weight = Column(np.ones(rows), nothing.why)
        if r.weight:
            weight = (propensities if r.inverse else weights)(block[r.weight])
        self.read_as += score.read_as
        if self.repeats and rows and (summed := totals(block[self.repeats.columns[-1]])).any():
            score.why[summed] = CODE[TOTAL]
        keys, group = group_codes([block[name] for name in r.by], rows)
        also = {name: self._also(name, kind, block) for name, kind in self.also.items()}
        return Parsed(
            keys=keys, row=np.arange(self.rows, self.rows + rows), score=score.values, grade=grade.values,
            weight=np.where(weight.why == 0, weight.values, 1.0),
            score_why=score.why, grade_why=grade.why, weight_why=weight.why,
            why=np.where(score.why, score.why, np.where(grade.why, grade.why, weight.why)), group=group,
            cluster=cluster_ids([block[n] for n in r.tied], self.rows) if r.tied else np.zeros(rows, str),
            also=also,
        )  # fmt: skip

    def _read(self, name: str, kind: Kind, block: Block) -> Column:
        """A column; what its verdicts mean and whether its scores are in percent is decided on its first block."""
        values = block[name]
        if kind is verdicts:
            return self._verdicts[name](values)
        if kind is not scores:
            return kind(values)
        if name not in self._tops:
            self._tops[name] = 100.0 if in_percent(values) else 1.0
            if name == self.roles.confidence and self._tops[name] == 100.0:
                self.notes.append(AS_PERCENT.format(name))
        return scores(values, self._tops[name])

    def _also(self, name: str, kind: Kind, block: Block) -> NDArray[Any]:
        column = self._read(name, kind, block)
        self.unreadable[name] += counted(column.why)
        return column.values

    def _count(self, parsed: Parsed, block: Block) -> None:
        self.rows += len(parsed)
        self.used += int(parsed.usable.sum())
        self.unusable += counted(parsed.why)
        if self.repeats and (fine := parsed.usable).any():
            names = np.array([hash(key) for key in parsed.keys], np.int64)[parsed.group[fine]]
            items = {name: block[name][fine] for name in self.repeats.columns}
            self.repeats.see(items, names, parsed.score[fine], parsed.grade[fine])
        for key, at in parsed.parts():
            self._lacking.setdefault(key, Counter()).update(counted(parsed.why[at]))
            if len(good := at[parsed.usable[at]]):
                held = self.held.setdefault(key, {name: set() for name in self.stated})
                for name in self.stated:
                    held[name] |= distinct(block[name][good])


def counted(why: NDArray[np.int8]) -> Counter[str]:
    """Values that cannot be used by reason."""
    found = np.bincount(why, minlength=len(REASONS)).tolist()
    return Counter({reason: n for reason, n in zip(REASONS[1:], found[1:], strict=True) if n})


def require_usable(name: str, rows: int, unusable: Mapping[str, int], roles: Roles) -> None:
    """Raise `UnusableInput` where a log has no rows, or none that can be used."""
    if not rows:
        raise UnusableInput(f"{name} has no rows. Expected one row per answer.")
    if sum(unusable.values()) == rows:
        reasons = "; ".join(f"{n} x {why}" for why, n in unusable.items())
        raise UnusableInput(
            f"None of the {rows} rows of {name} can be used: {reasons}. Name the right columns with "
            f"--confidence and --correct; read were {roles.confidence!r} and {roles.correct!r}."
        )
