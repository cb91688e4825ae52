"""Does a card say what the records say? Every number is made again, and each that differs is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from ..errors import UnusableInput
from ..protocols import Store
from ..types import Head
from .numbers import numbers, read_store
from .rendering import RENDERED, json_text, twin_in

__all__ = ["Checked", "Difference", "check", "count"]

TOLERANCE = 1e-9
"""Relative: what another machine's arithmetic may make of a number."""

STATED = ("calibrant", "declared", "store")
"""Parts of a twin that are no numbers of the store."""

_FIGURE = re.compile(r"<figure>.*?</figure>", re.S)
_TAG = re.compile(r"\s*<[^>]*>\s*")


@dataclass(frozen=True, slots=True)
class Difference:
    """A place in the twin, what the card says there, and what the records say; None where one has nothing there."""

    place: str
    says: Any
    found: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What came of it: how many numbers were made again, which differ, and which words say something else than they."""

    task: str
    numbers: int
    differences: tuple[Difference, ...]
    words: tuple[Difference, ...]
    head: str

    @property
    def holds(self) -> bool:
        """Whether all is as the card says."""
        return not self.differences and not self.words


def check(path: str | Path, store: Store) -> Checked:
    """Make the card of a file again from a store, up to the entry at which it was made.

    Raises `UnusableInput` for a file that is no card, and `ChainBroken` where the chain of the store does not hold or
    does not lead to the head in the card.
    """
    said = twin_in(path)
    head = Head.of(str(said.get("logging", {}).get("head", "")))
    try:
        made = numbers(read_store(store, head), said["task"], said["at"])
    except (KeyError, TypeError) as error:
        raise UnusableInput(
            f"{path} is no whole card: {error!r} is lacking. Make it again: calibrant card STORE."
        ) from error
    whole = made | {name: said[name] for name in STATED if name in said}
    differences = tuple(_differences("", {k: v for k, v in said.items() if k not in STATED},
                                     {k: v for k, v in made.items() if k not in STATED}))  # fmt: skip
    render = RENDERED.get(Path(path).suffix.lower(), json_text)
    text = Path(path).read_text(encoding="utf-8")
    words = () if differences or render is json_text else tuple(_words(text, render(said)))
    return Checked(
        task=said["task"], numbers=count(whole), differences=differences, words=words, head=str(head)
    )  # fmt: skip


def count(value: Any) -> int:
    """How many numbers there are in plain data."""
    if isinstance(value, Mapping):
        return sum(map(count, value.values()))
    if isinstance(value, list):
        return sum(map(count, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(says: str, found: str) -> Iterator[Difference]:
    """Lines in which two texts differ, without the drawing, which other versions of its library draw otherwise."""
    one, other = (_FIGURE.sub("", text).splitlines() for text in (says, found))
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag != "equal":
            first, second = (_TAG.sub(" ", " ".join(part)).strip() for part in (one[a:b], other[c:d]))
            yield Difference(f"line {a + 1}", first[:300], second[:300])


def _differences(place: str, says: Any, found: Any) -> Iterator[Difference]:
    if isinstance(says, Mapping) and isinstance(found, Mapping):
        for name in dict.fromkeys((*says, *found)):
            yield from _differences(f"{place}.{name}".lstrip("."), says.get(name), found.get(name))
    elif isinstance(says, list) and isinstance(found, list):
        for i in range(max(len(says), len(found))):
            one, other = (side[i] if i < len(side) else None for side in (says, found))
            yield from _differences(f"{place}[{i}]", one, other)
    elif not _equal(says, found):
        yield Difference(place, says, found)


def _equal(says: Any, found: Any) -> bool:
    numeric = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (says, found))
    if not numeric:
        return bool(says == found) and type(says) is type(found)
    return bool(abs(says - found) <= TOLERANCE * max(abs(says), abs(found), 1e-6))
