"""Two logs read for a comparison: which items both answered, and the rows of either side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound, Misuse, NoSuchColumn, UnusableInput
from ..judges.correcting import LEAST
from ..logs.keys import Key, group_codes, key_text
from ..logs.opening import labelled, open_log
from ..logs.people import People, Seen
from ..logs.reader import Parsed, Reader
from ..logs.sources import Source
from ..logs.values import as_is
from ..metrics.findings import FEW
from ..tally import Floats

__all__ = ["ITEMS", "Human", "Pair", "Rows", "Side", "matched", "read_side", "sides_between"]

TEXTS = ("question", "prompt", "input", "query", "problem", "user_input")
OF_EACH = ("confidence", "correct", "weight", "cluster", "item")
EACH = re.compile(r"\s*([^=]+?)\s*=\s*([^=]+?)\s*")
"""A column of the first log, and that of the second."""
ITEMS = ("item_id", "doc_id", "question_id", "example_id", "custom_id", "testIdx", "id", "item", *TEXTS)
"""Usual names of a column that says what was asked, in the order in which one is taken."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison: what it is called, how much of its log was read, and as which columns."""

    name: str
    source: str
    rows: int
    used: int
    unusable: Mapping[str, int]
    columns: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name, "source": self.source, "rows": self.rows, "used": self.used,
            "unusable": dict(self.unusable), "columns": dict(self.columns),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """The usable rows of a side: scores, grades and weights of shape (rows,), items and clusters as text, groups.

    `people` has what they said of some of the rows, where the grades are a judge's; the scores are then NaN where the
    log has none. `asked` has the texts of what was asked, of the column `asked_in`, which tell whether ids name the
    same; None where items were named.
    """

    score: Floats
    grade: Floats
    weight: Floats
    item: NDArray[Any] | None
    cluster: NDArray[Any] | None
    group: list[Key]
    people: Seen | None = None
    asked: NDArray[Any] | None = None
    asked_in: str = ""

    def __len__(self) -> int:
        return len(self.score)

    def at(self, where: NDArray[Any]) -> Rows:
        """The rows at these indices, or where true."""
        item, cluster, asked = (
            None if x is None else x[where] for x in (self.item, self.cluster, self.asked)
        )
        group = [self.group[i] for i in np.arange(len(self))[where].tolist()]
        people = None if self.people is None else self.people.at(where)
        return replace(
            self, score=self.score[where], grade=self.grade[where], weight=self.weight[where], item=item,
            cluster=cluster, group=group, people=people, asked=asked,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Human:
    """The columns of people's verdicts and of the probability with which they saw a row, and of what else is known."""

    column: str
    propensity: str | None = None
    covariates: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides with the units of their rows; `shared` items of both, and `apart` rows that were left aside."""

    a: Rows
    b: Rows
    units: tuple[NDArray[np.intp], NDArray[np.intp]]
    paired: bool
    shared: int
    apart: tuple[int, int]
    notes: tuple[str, ...]


def read_side(
    log: Any,
    by: Sequence[str],
    item: str | None,
    named: Mapping[str, str | None],
    human: Human | None = None,
    *,
    after: Mapping[str, str] | None = None,
) -> tuple[Side, Rows, tuple[str, ...]]:
    """A log as one side; where it is the second, `after` has the columns of the first.

    Of a column that is named `FIRST=SECOND` the first side reads one, the second the other.

    Raises `UnusableInput` where it cannot be read, or no row can be used.
    """
    source = labelled(log, named)

    def own(name: str | None) -> str | None:
        found = None if name is None or name in source.columns else EACH.fullmatch(name)
        return name if found is None else found[1 if after is None else 2]

    told = {role: own(name) if role in OF_EACH else name for role, name in named.items()}
    human = human and replace(
        human, column=own(human.column) or human.column, propensity=own(human.propensity)
    )
    try:
        return _read(source, by, own(item), told, human)
    except ColumnNotFound as error:
        if error.role not in OF_EACH:
            raise
        name = named.get(error.role)
        if name is not None and EACH.fullmatch(name):
            raise
        known = name or (after or {}).get(error.role, "FIRST")
        each = f"COLUMN={known}" if name and after is None else f"{known}=COLUMN"
        which = "first" if after is None else "second"
        raise error.adding(
            f"That is the {which} log, {source.name}. Where the two name it differently: --{error.role} {quote(each)}."
        ) from error


def sides_between(
    log: Any,
    column: str,
    by: Sequence[str],
    item: str | None,
    named: Mapping[str, str | None],
    human: Human | None = None,
) -> tuple[list[tuple[Side, Rows]], tuple[str, ...]]:
    """The rows of each value of a column as a side, in the order in which the values come.

    Raises `UnusableInput` where there are fewer than two values with usable rows.
    """
    if column in by:
        raise Misuse(f"{column} tells the sides apart, so it cannot part them as well: leave it out of by.")
    source = labelled(log, named)
    if column not in source.columns:
        raise NoSuchColumn("between", [column], source.columns)
    side, rows, notes = _read(source, (*by, column), item, named, human)
    values = [key[-1] for key in rows.group]
    names = list(dict.fromkeys(values))
    if len(names) < 2:
        held = ", ".join(map(str, names)) or "none"
        raise UnusableInput(
            f"{side.source} has one value of {column} with usable rows: {held}. Two are needed."
        )
    made = []
    for value in names:
        own = rows.at(np.array([one == value for one in values]))
        own = replace(own, group=[key[:-1] for key in own.group])
        made.append((replace(side, name=f"no {column}" if value is None else value, used=len(own)), own))
    return made, notes


def matched(a: Rows, b: Rows) -> Pair:
    """The items of both, where at least 30 are shared; else all rows, as two sides that share nothing.

    Each shared item then counts the same on both sides, however often it was asked.
    """
    if a.item is None or b.item is None:
        lacks = "Items cannot be matched: there is no column of their ids. Name it with --item COLUMN. "
        return _unpaired(a, b, 0, lacks)
    both = set(a.item.tolist()) & set(b.item.tolist())
    if len(both) < FEW:
        return _unpaired(
            a, b, len(both), f"{len(both):,} items are shared; {FEW:.0f} are needed to pair them. "
        )
    kept = [np.array([one in both for one in side.item.tolist()]) for side in (a, b) if side.item is not None]
    one, other = _evened(a.at(kept[0])), _evened(b.at(kept[1]))
    apart = (len(a) - len(one), len(b) - len(other))
    notes = []
    if any(apart):
        notes.append(
            f"Compared on the {len(both):,} items that both answered; left aside {apart[0]:,} and {apart[1]:,} rows "
            "of items that only one did."
        )
    notes += _alike(one, other)
    labels = [side.item if side.cluster is None or a.cluster is None or b.cluster is None else side.cluster
              for side in (one, other)]  # fmt: skip
    _, codes = np.unique(np.concatenate([np.asarray(x, str) for x in labels]), return_inverse=True)
    return Pair(one, other, (codes[: len(one)], codes[len(one) :]), True, len(both), apart, tuple(notes))


def _alike(a: Rows, b: Rows) -> list[str]:
    """A doubt, where both sides have the same verdict on every item: mostly one verdict was joined to both answers."""
    kinds = [("The verdicts", a.grade, b.grade)]
    if a.people is not None and b.people is not None:
        kinds.append(("People's verdicts", a.people.human, b.people.human))
    told = []
    for what, *grades in kinds:
        one, other = (_by_item(side.item, grade) for side, grade in zip((a, b), grades, strict=True))
        items = one.keys() & other.keys()
        if (
            len(items) >= LEAST
            and len({one[i] for i in items}) > 1
            and all(one[i] == other[i] for i in items)
        ):
            told.append(
                f"{what} of both sides are the same on all {len(items):,} items that have one on both. Where they were "
                "joined by the item alone, they are about one answer, and say nothing of a difference: join them by "
                "what tells the sides apart as well, such as --on model,id, or give each log its own."
            )
    return told


def _by_item(item: NDArray[Any] | None, grade: Floats) -> dict[str, float]:
    """The last grade of each item that has one."""
    known = np.isfinite(grade)
    return {} if item is None else dict(zip(item[known].tolist(), grade[known].tolist(), strict=True))


def _unpaired(a: Rows, b: Rows, shared: int, why: str) -> Pair:
    units = []
    for side in (a, b):
        labels = side.item if side.cluster is None else side.cluster
        codes = (
            np.arange(len(side)) if labels is None else np.unique(labels.astype(str), return_inverse=True)[1]
        )
        units.append(codes.astype(np.intp))
    note = f"{why}The sides are compared as two samples: a difference may come from other questions."
    return Pair(a, b, (units[0], units[1]), False, shared, (0, 0), (note,))


def _evened(side: Rows) -> Rows:
    """The same rows, those of one item sharing its weight."""
    assert side.item is not None
    _, code, count = np.unique(side.item.astype(str), return_inverse=True, return_counts=True)
    return replace(side, weight=side.weight / count[code])


def _read(
    source: Source, by: Sequence[str], item: str | None, named: Mapping[str, str | None], human: Human | None
) -> tuple[Side, Rows, tuple[str, ...]]:
    if human is None:
        source, roles, guessed = open_log(source, by, named)
        people = None
    else:
        source, roles, guessed = open_log(source, by, named, apart=human.propensity, needed=("correct",))
        if human.column == roles.correct:
            raise UnusableInput(
                f"{human.column!r} was read as the judge's verdict in {source.name}; name that column with --correct."
            )
        people = People.of(source, roles, human.column, human.propensity, human.covariates, apart=by)
    columns, asked = _items(source, item), _text(source, item)
    signals = ["signal"] if "signal" in source.columns and "signal" not in by else []
    also = dict.fromkeys([*columns, *([asked] if asked else [])], as_is) | (people.also if people else {})
    reader = Reader(source, roles, also=also, stated=signals, scale=named.get("scale"))
    parsed = reader.whole()
    seen, said = people.seen(reader, parsed) if people else (None, ())
    reader.require_usable()
    held = {str(v) for one in reader.held.values() for v in one.get("signal", ())}
    if len(held) > 1:
        raise UnusableInput(
            f"{source.name} mixes the signals {', '.join(sorted(held))}, whose scores are on different scales: compare "
            "them with --between signal, or keep one in the log."
        )
    told = {"confidence": roles.confidence, "correct": roles.correct, "weight": roles.weight,
            "cluster": roles.cluster, "item": ",".join(columns),
            "human": human and human.column, "human_propensity": human and human.propensity}  # fmt: skip
    side = Side(
        name=source.name, source=source.name, rows=reader.rows, used=reader.used, unusable=dict(reader.unusable),
        columns={part: name for part, name in told.items() if name},
    )  # fmt: skip
    group = [parsed.keys[i] for i in parsed.group.tolist()]
    cluster = parsed.cluster if roles.cluster else None
    texts = np.array([_spelt(value) for value in parsed.also[asked].tolist()], object) if asked else None
    rows = Rows(parsed.score, parsed.grade, parsed.weight, _labels(parsed, columns), cluster, group, seen, texts,
                asked or "")  # fmt: skip
    return side, rows, (*guessed, *reader.notes, *said)


def _items(source: Source, item: str | None) -> tuple[str, ...]:
    """The columns that name an item: as named, with commas; else as the format knows; else of a usual name."""
    if item is not None:
        names = (item,) if item in source.columns else tuple(one.strip() for one in item.split(","))
        if missing := [name for name in names if name not in source.columns]:
            raise NoSuchColumn("item", missing, source.columns)
        return names
    found = source.roles.get("item") or next((name for name in ITEMS if name in source.columns), None)
    if found is None:
        return ()
    task = source.roles.get("task", "task")
    told = task in source.columns and found not in TEXTS  # tasks may number theirs alike
    return (task, found) if told else (found,)


def _text(source: Source, item: str | None) -> str | None:
    """The column of what was asked, where no column was named for that."""
    ends = {name.rpartition(".")[2].lower(): name for name in reversed(source.columns)}
    return None if item is not None else next((ends[name] for name in TEXTS if name in ends), None)


def _spelt(value: Any) -> str | None:
    """A text without what does not matter: capitals, and how its words are parted."""
    text = key_text(value)
    return None if text is None else " ".join(text.split()).casefold() or None


def _labels(parsed: Parsed, columns: Sequence[str]) -> NDArray[Any] | None:
    """The item of each row as text; a row without one is an item of its own."""
    if not columns:
        return None
    last = [key_text(value) for value in parsed.also[columns[-1]].tolist()]
    keys, code = group_codes([parsed.also[name] for name in columns], len(parsed))
    named = ["\0".join(map(str, key)) for key in keys]
    made = [f"\0alone {i}" if last[i] is None else named[c] for i, c in enumerate(code.tolist())]
    return np.array(made, dtype=object)
