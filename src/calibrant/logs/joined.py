"""Verdicts from a second file: its rows joined to those of a log by the columns that name an item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import NoSuchColumn, UnusableInput
from .keys import Key, key_text
from .linked import MOST_SENT, Labels, Met, here, linked, sent
from .roles import CONVENTIONS, matched
from .sources import Block, Source, open_source

__all__ = ["joined"]


def joined(source: Source, labels: Any, on: str | None) -> Source:
    """The log with the columns of `labels`, of the row that has the same values in the columns `on`.

    `on` names columns with commas between; `log_name=labels_name` where the two files name one differently. A column
    that both have is that of the labels.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No such column; nothing to join on; keys that repeat in the labels; no key that both have.

    >>> from .sources import rows_source
    >>> log = rows_source("log", ["id", "p"], lambda: [{"id": 1, "p": 0.5}, {"id": 2, "p": 0.9}])
    >>> both = joined(log, [{"id": "1", "correct": "yes"}, {"id": "3", "correct": "no"}], "id")
    >>> next(both.blocks(["id", "correct"]))["correct"].tolist(), both.notes
    (['yes', None], ('1 of 2 rows of log have no row of the same id in the labels; 1 of 2 labels have no row.',))
    """
    key = open_source(labels)
    left, right = _pairs(source, key, on)
    taken = [name for name in key.columns if name not in right]
    names = left, right, taken
    if source.long and (made := _there(source, key, names, here(source, key, right, taken))):
        return made
    rows = _by_key(key, right, taken)
    if source.long and (made := _there(source, key, names, sent(source, taken, rows, len(right)))):
        return made
    found = Counter(k for block in source.blocks(left) for k in _keys(block, left))
    unmet = sum(k not in found for k in rows)
    if unmet == len(rows):
        raise _unjoined(source, key, (left, list(found)), (right, list(rows)))

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        asked = [name for name in names if name in taken]
        own = list(dict.fromkeys([*(name for name in names if name not in taken), *(left if asked else [])]))
        for block in source.blocks(own):
            made = {name: block[name] for name in names if name not in taken}
            if asked:
                held = [rows.get(k) for k in _keys(block, left)]
                for name in asked:
                    at = taken.index(name)
                    made[name] = _array([None if row is None else row[at] for row in held])
            yield {name: made[name] for name in names}

    columns = [*(name for name in source.columns if name not in taken), *taken]
    made = replace(source, columns=columns, blocks=blocks, table=None, whole=None, objects=None)
    met = Met(
        total=sum(found.values()), lacking=sum(n for k, n in found.items() if k not in rows), unmet=unmet,
        several=sum(n > 1 for k, n in found.items() if k in rows),
    )  # fmt: skip
    return _with_parts(source, key, made, taken, _told(source, left, met, len(rows), by_row=True))


def _there(
    source: Source, key: Source, names: tuple[list[str], list[str], list[str]], labels: Labels | None
) -> Source | None:
    """Joined by the engine in which the log lies; None where it cannot."""
    left, right, taken = names
    if labels is None:
        return None
    _require_once(key, right, labels.repeated, labels.some)
    if (found := linked(source, labels, left, taken)) is None:
        return None
    made, met, some = found
    if met.unmet == labels.rows:
        raise _unjoined(source, key, (left, some), (right, labels.some))
    return _with_parts(source, key, made, taken, _told(source, left, met, labels.rows, by_row=False))


def _unjoined(
    source: Source, key: Source, of_log: tuple[list[str], Any], of_labels: tuple[list[str], Any]
) -> UnusableInput:
    return UnusableInput(
        f"No row of {key.name} joins one of {source.name}: {', '.join(of_log[0])} is {_some(of_log[1])} there, and "
        f"{', '.join(of_labels[0])} is {_some(of_labels[1])} in the labels. Name the columns that match: "
        "--on LOG=LABELS."
    )


def _with_parts(source: Source, key: Source, made: Source, taken: list[str], told: list[str]) -> Source:
    """What the columns of both mean; what labels say, they say in place of the log's own."""
    brought = {part: name for part, name in key.roles.items() if name in taken and part != "item"}
    graded = "correct" in key.choices or "correct" in matched(taken, CONVENTIONS, {})
    over = {*brought, *(["correct"] if graded else [])}
    lacking = {part: why for part, why in source.lacking.items() if part not in over | {"correct"}}
    roles = {part: name for part, name in source.roles.items() if part not in over}
    choices = {part: names for part, names in source.choices.items() if part not in over}
    return replace(
        made, roles={**roles, **brought}, choices={**choices, **key.choices}, lacking=lacking,
        notes=(*source.notes, *key.notes, *told),
    )  # fmt: skip


def _told(source: Source, on: Sequence[str], met: Met, labels: int, *, by_row: bool) -> list[str]:
    notes = []
    if met.lacking or met.unmet:
        notes.append(
            f"{met.lacking:,} of {met.total:,} rows of {source.name} have no row of the same {', '.join(on)} in the "
            f"labels; {met.unmet:,} of {labels:,} labels have no row."
        )
    if source.long and by_row:
        notes.append(
            f"{met.total:,} rows were read one by one, twice, to join the labels. An engine joins them where they lie "
            f"in it too, or are {MOST_SENT:,} at most, with values of one kind in each column."
        )
    if met.several:
        notes.append(
            f"{met.several:,} labels stand for several rows of the log each, which all get the same verdict."
        )
    return notes


def _pairs(source: Source, labels: Source, on: str | None) -> tuple[list[str], list[str]]:
    """The columns to join on, of the log and of the labels."""
    if on is None:
        shared = [name for name in source.columns if name in labels.columns]
        raise UnusableInput(
            f"Labels are joined by columns that both files have: name them with --on. Shared by {source.name} and "
            f"{labels.name}: {', '.join(shared) or 'none; --on LOG=LABELS joins two of different names'}."
        )
    left, right = [], []
    for part in on.split(","):
        one = part.strip()
        mine, equals, other = (one, "", one) if one in source.columns else one.partition("=")
        left.append(mine.strip())
        right.append(other.strip() if equals or other else mine.strip())
    for names, held in ((left, source), (right, labels)):
        if missing := [name for name in names if name not in held.columns]:
            raise NoSuchColumn("on", missing, held.columns)
    return left, right


def _by_key(labels: Source, on: list[str], taken: list[str]) -> dict[Key, list[Any]]:
    rows: dict[Key, list[Any]] = {}
    repeated = Counter[Key]()
    for block in labels.blocks([*on, *taken]):
        for k, *row in zip(_keys(block, on), *(block[name].tolist() for name in taken), strict=True):
            if None in k:
                continue
            if k in rows:
                repeated[k] += 1
            rows[k] = row
    _require_once(labels, on, len(repeated), list(repeated))
    return rows


def _require_once(labels: Source, on: Sequence[str], repeated: int, some: Sequence[Key]) -> None:
    if repeated:
        raise UnusableInput(
            f"{repeated:,} keys stand more than once in {labels.name}, such as {', '.join(on)} {_some(some)}: which "
            "label counts? Leave one row of each, or join on more columns: --on task,id."
        )


def _keys(block: Block, on: Sequence[str]) -> list[Key]:
    return list(zip(*(map(_key, block[name].tolist()) for name in on), strict=True))


def _key(value: Any) -> str | None:
    text = key_text(value)
    return None if text is None else text.strip() or None


def _some(keys: Any) -> str:
    return ", ".join("/".join(map(str, k)) for k in list(keys)[:3])


def _array(values: list[Any]) -> Any:
    return np.fromiter(values, object, len(values))
