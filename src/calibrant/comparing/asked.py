"""Whether the ids of two logs name the same items: held against the texts of what was asked, where both have them.

A row number is no name: two files in another order have the same numbers for other questions.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..metrics.findings import FEW
from .pairs import Rows, Side

__all__ = ["by_what_was_asked"]

TOLERATED = 0.1
"""Share of items whose texts may differ while their ids are believed: texts are mended, and prompts change."""

Read = tuple[Side, Rows]


def by_what_was_asked(a: Read, b: Read) -> tuple[Read, Read, list[str]]:
    """Both sides with items that name the same thing, and what is said of that.

    Where ids stand for other texts on either side, or are not shared, the rows are paired by their texts, if most of
    these are shared and each stands for one id. Raises `UnusableInput` where ids are row numbers that stand for other
    texts, and the texts cannot pair the rows either.
    """
    (side, one), (other_side, other) = a, b
    if one.asked is None or other.asked is None:
        return a, b, []
    ids, texts = zip(*map(_names, (one, other)), strict=True)
    shared = ids[0].keys() & ids[1].keys()
    differ = sum(ids[0][name].isdisjoint(ids[1][name]) for name in shared)
    id_column, text_column = side.columns.get("item", ""), one.asked_in
    if len(shared) >= FEW and differ <= TOLERATED * len(shared):
        return a, b, [_some(differ, len(shared), id_column, text_column)] if differ else []
    common = {
        text
        for text in texts[0].keys() & texts[1].keys()
        if len(texts[0][text]) < 2 and len(texts[1][text]) < 2
    }
    if len(common) >= FEW and 2 * len(common) >= min(map(len, texts)):
        why = (
            f"the same {id_column!r} stands for another text in {differ:,} of {len(shared):,} items"
            if differ
            else f"the values of {id_column!r} are not shared"
            if id_column
            else "there is no column of ids in both"
        )
        back = f" --item {id_column} pairs by that all the same." if differ else ""
        note = f"Paired on {text_column!r}, {len(common):,} texts that both have: {why}.{back}"
        return _by_text(a, common), _by_text(b, common), [note]
    if len(shared) < FEW:
        return a, b, []
    if _numbered(ids[0]) and _numbered(ids[1]):
        raise UnusableInput(
            f"The {id_column!r} of {side.name} and {other_side.name} are row numbers, and the {text_column!r} differs "
            f"in {differ:,} of {len(shared):,} items: pairing by them would compare different questions, and of the "
            f"texts {len(common):,} are shared. Say what names an item: --item {id_column} where these are right, "
            "or --item with a column of ids that both logs have."
        )
    return a, b, [_some(differ, len(shared), id_column, text_column)]


def _some(differ: int, shared: int, id_column: str, text_column: str) -> str:
    return (
        f"Of {shared:,} shared items {differ:,} have another {text_column!r} on either side: were they asked the same? "
        f"They are paired on {id_column!r}."
    )


def _names(rows: Rows) -> tuple[dict[Any, set[str]], dict[str, set[Any]]]:
    """The texts of each id, and the ids of each text."""
    ids, texts = defaultdict[Any, set[str]](set), defaultdict[str, set[Any]](set)
    assert rows.asked is not None
    items = [None] * len(rows) if rows.item is None else rows.item.tolist()
    for item, text in zip(items, rows.asked.tolist(), strict=True):
        if text is not None:
            texts[text].add(item)
            if item is not None:
                ids[item].add(text)
    return ids, texts


def _by_text(read: Read, common: set[str]) -> Read:
    side, rows = read
    assert rows.asked is not None
    items: NDArray[Any] = np.array(
        [f"\0alone {i}" if text not in common else text for i, text in enumerate(rows.asked.tolist())],
        dtype=object,
    )
    columns = {**side.columns, "item": rows.asked_in}
    return replace(side, columns=columns), replace(rows, item=items)


def _numbered(ids: dict[Any, set[str]]) -> bool:
    """Whether ids count from 0 or 1 on, but for a few that are left out."""
    if not all(str(name).isdecimal() for name in ids):
        return False
    numbers = sorted(int(name) for name in ids)
    return numbers[0] <= 1 and 10 * len(numbers) >= 9 * numbers[-1]
