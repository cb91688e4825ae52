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
from ..maps.units import FRACTION, Unit
from ..tally import Floats
from .events import Events, one_answer_a_row, sided
from .keys import Key, cluster_ids, distinct, group_codes
from .partial import Partial
from .repeats import Repeats, has_epochs, totals
from .roles import Roles, shared
from .scales import Units, units_of
from .slowly import one_by_one, slowly
from .sources import Block, Source
from .unanswered import Unanswered
from .unjudged import Unjudged
from .unseen import Unseen
from .values import (
    CODE,
    NO_VERDICT,
    NOT_A_NUMBER,
    PHRASES,
    REASONS,
    TOTAL,
    UNANSWERED,
    Column,
    Kind,
    propensities,
    scores,
    weights,
)
from .verdicts import MOST_WORDS, Verdicts, verdicts
from .vocabulary import listed

__all__ = ["Parsed", "Reader", "counted", "every", "require_usable", "usable"]


FEW_WORDS = 12
"""Different words of a column of confidences that may be levels."""
_NONE = CODE[NO_VERDICT]


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
    items : columns that name an item together, of each of which the `repeats` in a group are counted
    summing : columns in which a row may say that it sums up others
    scale : the scale of all scores, one of `calibrant.logs.scales.NAMES`; None for what the whole of a column tells
    answers : the column of what the model answered, whose empty cells set their rows apart
    apart : columns whose groups may have units of their own; the columns `by` where None
    units : the unit of the scores of each group of `apart`, where it is known and not to be told by the log

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
        items: Sequence[Sequence[str]] = (),
        summing: Sequence[str] = (),
        scale: str | None = None,
        answers: str | None = None,
        apart: Sequence[str] | None = None,
        units: Callable[[Key], Unit] | None = None,
    ) -> None:
        one_answer_a_row(scale, apart is not None or scores in (also or {}).values())
        self.source, self.roles, self.also, self.stated = source, roles, also or {}, stated
        self._scale, self._apart, self._given = scale, roles.by if apart is None else tuple(apart), units
        epochs = has_epochs(source)
        self.repeats, self._summing = [Repeats(names, epochs=epochs) for names in items], summing
        self.rows = self.used = 0
        self.unusable: Counter[str] = Counter()
        self.read_as: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        self.unreadable: dict[str, Counter[str]] = {name: Counter() for name in self.also}
        self.notes: list[str] = []
        self.held: dict[Key, dict[str, set[str | None]]] = {}
        self._lacking: dict[Key, Counter[str]] = {}
        self._units: dict[str, Units] = {}
        self._partial, self._events = Partial(), Events()
        self.unjudged, self.unseen = Unjudged(), Unseen()
        self._unanswered = Unanswered(answers)
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

    @property
    def _wanted(self) -> list[str]:
        items = [name for one in self.repeats for name in one.columns]
        answers = [self._unanswered.column] if self._unanswered.column else []
        wanted = (*self.roles.names, *answers, *self.stated, *self.also, *items, *self._summing, *self._apart)
        return list(dict.fromkeys(wanted))

    def __iter__(self) -> Iterator[Parsed]:
        for block in one_by_one(self.source, self._wanted):
            parsed = self._parsed(block, len(next(iter(block.values()))))
            self._count(parsed, block)
            yield parsed
        self.notes += slowly(self.source, tied=bool(self.roles.tied))
        for name, read in self._verdicts.items():
            self.notes += read.settled(name, self.source.name, judged=name == self.roles.correct)
        if self.unread:
            self.notes.append(
                f"Values in {self.roles.confidence!r} that are no numbers were not read: {listed(self.unread)}."
            )
        self.notes += [
            told for told in (self._partial.note(self.rows), self._unanswered.note) if told is not None
        ]
        self.notes += [*self._events.notes(self.roles.confidence), *self.unseen.notes(self.roles.weight)]

    def whole(self, keep: Callable[[Parsed], NDArray[Any]] = usable) -> Parsed:
        """The blocks as one, only the rows to `keep` of each."""
        parts = [block.at(keep(block)) for block in self]
        if not parts:
            nothing = {name: np.zeros(0, object) for name in self._wanted}
            parts = [self._parsed(nothing, 0)]
        places = {key: i for i, key in enumerate(dict.fromkeys(key for part in parts for key in part.keys))}
        moved = [np.array([places[key] for key in part.keys], np.intp)[part.group] for part in parts]
        joined = {n: np.concatenate([getattr(part, n) for part in parts]) for n in _ARRAYS if n != "group"}
        also = {name: np.concatenate([part.also[name] for part in parts]) for name in self.also}
        return Parsed(keys=list(places), group=np.concatenate(moved), also=also, **joined)

    def require_usable(self) -> None:
        """Raise `UnusableInput` where there was no row, or none that can be used."""
        require_usable(self.source.name, self.rows, self.unusable, self.roles, self.unread)

    def constants(self, key: Key) -> dict[str, str]:
        """The stated columns of which a group's usable rows hold one value only."""
        held = self.held.get(key, {})
        return {n: only for n, v in held.items() if (only := shared(n, v)) is not None}

    def unit(self, name: str, key: Key) -> Unit:
        """The unit of the scores of a group of the columns `apart`, decided on the first call."""
        if self._given is not None:
            return self._given(key)
        return (self._units.get(name) or self._settle(name))[key]

    def _parsed(self, block: Block, rows: int) -> Parsed:
        r = self.roles
        nothing = Column(np.full(rows, np.nan), np.zeros(rows, np.int8))
        keys, group = group_codes([block[name] for name in r.by], rows)
        apart = (keys, group) if self._apart == r.by else group_codes([block[n] for n in self._apart], rows)
        score = self._scores(r.confidence, block, *apart) if r.confidence else nothing
        if (lost := score.why == CODE[NOT_A_NUMBER]).any():
            self.unread.update(str(value) for value in block[r.confidence][lost].tolist()[:MOST_WORDS])
        grade = self._verdicts[r.correct](block[r.correct]) if r.correct else nothing
        weight = Column(np.ones(rows), nothing.why)
        if r.weight:
            weight = (propensities if r.inverse else weights)(block[r.weight])
        self.read_as += score.read_as
        for name in self._summing if rows else ():
            score.why[totals(block[name], grade.values)] = CODE[TOTAL]
        if (answers := self._unanswered.column) is not None and rows:
            fine = (score.why == 0) & (weight.why == 0)
            seen = np.where(fine, score.values, np.nan)
            lost = self._unanswered(block[answers], seen, grade.values if r.correct else None)
            score.why[lost & fine] = CODE[UNANSWERED]
        also = {name: self._also(name, kind, block, *apart) for name, kind in self.also.items()}
        judged = grade.values
        if (chance := score.chance) is not None:
            fine = score.why == 0
            judged = self._events.turned(chance, judged, weight.values, fine)
            also |= {n: sided(chance, also[n], fine) for n, kind in self.also.items() if kind is verdicts}
        return Parsed(
            keys=keys, row=np.arange(self.rows, self.rows + rows), score=score.values, grade=judged,
            weight=np.where(weight.why == 0, weight.values, 1.0),
            score_why=score.why, grade_why=grade.why, weight_why=weight.why,
            why=np.where(score.why, score.why, np.where(grade.why, grade.why, weight.why)), group=group,
            cluster=cluster_ids([block[n] for n in r.tied], self.rows) if r.tied else np.zeros(rows, str),
            also=also,
        )  # fmt: skip

    def _also(
        self, name: str, kind: Kind, block: Block, keys: list[Key], group: NDArray[np.intp]
    ) -> NDArray[Any]:
        """A further column, scores and verdicts by what the whole of it is."""
        if kind is scores:
            column = self._scores(name, block, keys, group)
        else:
            column = (self._verdicts[name] if kind is verdicts else kind)(block[name])
        self.unreadable[name] += counted(column.why)
        return column.values

    def _scores(self, name: str, block: Block, keys: list[Key], group: NDArray[np.intp]) -> Column:
        """A column of scores, each group in its own unit."""
        values = block[name]
        units = [self.unit(name, key) for key in keys]
        if len(set(units)) < 2:
            return scores(values, units[0] if units else FRACTION)
        found = Column(np.full(len(values), np.nan), np.zeros(len(values), np.int8))
        chance = np.full(len(values), np.nan) if any(unit.chances for unit in units) else None
        for unit in dict.fromkeys(units):
            at = np.flatnonzero(np.array([one == unit for one in units])[group])
            part = scores(values[at], unit)
            found.values[at], found.why[at] = part.values, part.why
            found.read_as.update(part.read_as)
            if chance is not None and part.chance is not None:
                chance[at] = part.chance
        return replace(found, chance=chance)

    def _settle(self, name: str) -> Units:
        """Decide the unit of a column of scores, on all of it."""
        self._units[name] = units_of(self.source, name, self._apart, self._scale)
        self.notes += [note for note in self._units[name].notes if note not in self.notes]
        return self._units[name]

    def _count(self, parsed: Parsed, block: Block) -> None:
        self.rows += len(parsed)
        self.used += int(parsed.usable.sum())
        self.unusable += counted(parsed.why)
        self._partial.see(parsed.row[parsed.usable], parsed.grade[parsed.usable])
        if (
            self.roles.correct
            and self.roles.confidence  # signals side by side are read without one
            and (asked := (parsed.score_why == 0) & np.isin(parsed.grade_why, (0, _NONE))).any()
        ):
            judged = parsed.grade_why[asked] == 0
            self.unjudged.see(parsed.score[asked], judged)
            if self.roles.weight:
                among = parsed.at(asked)
                self.unseen.see(
                    among.keys, among.group, among.score, among.weight, among.weight_why == 0, judged
                )  # fmt: skip
        if self.repeats and (fine := parsed.usable).any():
            names = np.array([hash(key) for key in parsed.keys], np.int64)[parsed.group[fine]]
            for one in self.repeats:
                items = {name: block[name][fine] for name in one.columns}
                one.see(items, names, parsed.score[fine], parsed.grade[fine])
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


def require_usable(
    name: str, rows: int, unusable: Mapping[str, int], roles: Roles, unread: Mapping[str, int] | None = None
) -> None:
    """Raise `UnusableInput` where a log has no rows, or none that can be used; `unread` are confidences in words."""
    if not rows:
        raise UnusableInput(f"{name} has no rows. Expected one row per answer.")
    if sum(unusable.values()) == rows:
        reasons = "; ".join(f"{n} x {why}" for why, n in unusable.items())
        raise UnusableInput(
            f"None of the {rows} rows of {name} can be used: {reasons}. Name the right columns with "
            f"--confidence and --correct; read were {roles.confidence!r} and {roles.correct!r}"
            f"{f', as weight {roles.weight!r}: --weight names another' if roles.weight else ''}."
            f"{_in_words(unread, roles)}"
        )


def _in_words(unread: Mapping[str, int] | None, roles: Roles) -> str:
    """What would do for confidences that are words, such as High and Low."""
    if not unread:
        return ""
    words = sorted(unread, key=lambda word: -unread[word])
    levels = ", ".join(f"{word!r}: ..." for word in words[:4])
    few = (
        " Such a word has no number of its own. Write the share of right answers that each stands for into a column of "
        f"numbers, in pandas df[{roles.confidence!r}].map({{{levels}}}), and name that with --confidence."
    )
    return (
        f" The values of {roles.confidence!r} are {listed(unread)}. Expected numbers, shares such as 85% or 8/10, or "
        f"phrases such as {', '.join(list(PHRASES)[:4])}."
        f"{few if len(words) <= FEW_WORDS and all(word[:1].isalpha() for word in words) else ''}"
    )
