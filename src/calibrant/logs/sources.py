"""Where the rows of a log come from: data frames, files, stores.

A source gives its columns' names and blocks of chosen columns, so memory does not grow with it. The family
`log_formats` makes sources, one file for each kind of log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from glob import glob
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..plugins import find, names

if TYPE_CHECKING:
    from ..protocols import LogFormat
    from .tables import Table

__all__ = ["BLOCK_ROWS", "Block", "Claim", "Given", "Source", "open_source", "rows_source"]

Block = Mapping[str, NDArray[Any]]
BLOCK_ROWS = 131_072
EXACT = 1 << 53
"""Beyond it float64 skips whole numbers, which ids may be."""
HEAD = 1 << 20
"""Bytes that formats may look at."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a log's rows come from: its name, its columns, and its blocks of chosen columns.

    `rows` is their number where it is known, `table` is there where the engine may count them by itself.
    `whole` names a further column that holds each row as JSON text, where rows are JSON; `objects` gives each row,
    whatever it holds, where rows may be something else than what the columns say.

    What a format knows of the log as a whole: `kind` is what the log is, in words, such as "a sample log of
    lm-evaluation-harness"; `roles` are columns by the part that they play, of confidence, correct, weight, cluster,
    item, sample, task, model, answer, reference, prediction and time; `choices` are, by part, columns among which
    only a person can choose, such as several metrics; `scales` are scales by column, such as "percent";
    `notes` are said before anything that was found.
    """

    name: str
    columns: list[str]
    blocks: Callable[[Sequence[str]], Iterator[Block]]
    rows: int | None = None
    table: Table | None = None
    whole: str | None = None
    objects: Callable[[], Iterator[Any]] | None = None
    kind: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def first(self, column: str) -> NDArray[Any]:
        """The column's values in the first block: what is decided for the whole log is decided on these."""
        found: NDArray[Any] = next(self.blocks([column]), {column: np.zeros(0)})[column][:BLOCK_ROWS]
        return found


class Claim(IntEnum):
    """How surely a format knows a log as its own: not at all, by its name, by how it is written, by what it says."""

    NONE = 0
    NAME = 1
    SYNTAX = 2
    CONTENT = 3


@dataclass(frozen=True)
class Given:
    """What was given as a log, and how it begins, for formats to look into.

    `text` is the path or the address, "" for an object in memory; `head` the first 1 MiB of the file, or of the
    first that a pattern such as `logs/*.csv` stands for, empty where there is none.
    """

    value: Any
    text: str = ""
    head: bytes = b""

    @classmethod
    def of(cls, value: Any) -> Given:
        """Look at it; raises `UnusableInput` where there is no such file, or nothing in it."""
        if not isinstance(value, str | Path):
            return cls(value)
        text = str(value)
        if "://" in text:
            return cls(value, text)
        path = Path(text if Path(text).exists() else min(glob(text), default=text))
        if not path.is_file():  # a pipe can be read but once
            raise UnusableInput(
                f"There is no file {text}. `calibrant demo` makes a log to try things on; `calibrant elicit`, `ask` "
                "and `serve` write one."
            )
        try:
            with path.open("rb") as file:
                head = file.read(HEAD)
        except OSError as error:
            raise UnusableInput(f"{path} cannot be read: {error.strerror}.") from error
        if not head:
            raise UnusableInput(f"{path} is empty. Expected a header line and one row per answer.")
        return cls(value, text, head)

    @property
    def ending(self) -> str:
        """The ending of its name in small letters, such as ".csv"."""
        return Path(self.text).suffix.lower()

    @cached_property
    def beginning(self) -> str:
        """`head` as text."""
        return self.head.decode("utf-8-sig", errors="replace")

    @cached_property
    def record(self) -> Mapping[str, Any] | None:
        """The JSON object that it begins with, by itself or as the first of a list; None where there is none.

        >>> Given("a.jsonl", "a.jsonl", b'{"id": 1}\\n{"id": 2}\\n').record
        {'id': 1}
        """
        return self._object[0]

    @property
    def on_a_line(self) -> bool:
        """Whether that object has the first line for itself."""
        return self._object[1]

    @cached_property
    def _object(self) -> tuple[Mapping[str, Any] | None, bool]:
        opened = re.match(r"\s*(\[?)\s*(?=\{)", self.beginning)
        if opened is None:
            return None, False
        try:
            found, end = json.JSONDecoder().raw_decode(self.beginning, opened.end())
        except (ValueError, RecursionError):
            return None, False
        written, after = self.beginning[opened.end() : end], self.beginning[end:].partition("\n")[0]
        return found, not opened[1] and "\n" not in written and not after.strip()


def open_source(log: Any) -> Source:
    """Ask the formats whose log this is, and open it; that of another package wins where it claims a log.

    Raises `UnusableInput` where no format knows it, or where it cannot be read.
    """
    given, known = Given.of(log), names("log_formats")
    formats: list[LogFormat] = [find("log_formats", name)() for name in known]
    claims = [(one.claim(given), _foreign(one), one) for one in formats]
    found = max((c for c in claims if c[0]), key=lambda c: (c[1], c[0]), default=None)
    if found:
        return _of_one_name(found[2].open(given))
    if not given.text:
        raise UnusableInput(
            f"Expected a data frame, a path or a store URL, got {type(given.value).__name__}."
        )
    raise UnusableInput(
        f"Cannot tell what {given.text} holds, neither from how it begins nor from its ending {given.ending!r}. "
        f"Known: {', '.join(known)}."
    )


def _of_one_name(source: Source) -> Source:
    """Records say `score` for a raw signal, those of an earlier version `confidence`: of a log of both, one column."""
    if not {"record_id", "signal", "score", "confidence"} <= set(source.columns):
        return source
    first = next(source.blocks(["score", "confidence"]), None)
    if first is None or (_there(first["score"]) & _there(first["confidence"])).any():
        return source  # two things, not two names

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        for block in source.blocks([*names, *(["confidence"] if "score" in names else [])]):
            if "score" in names:
                new, old = (block[name].astype(object) for name in ("score", "confidence"))
                block = {**block, "score": np.where(_there(new), new, old)}
            yield {name: block[name] for name in names}

    columns = [name for name in source.columns if name != "confidence"]
    return replace(source, columns=columns, blocks=blocks, table=None)


def _there(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([v is not None and v == v for v in values.tolist()], bool)


def _foreign(one: LogFormat) -> bool:
    return not type(one).__module__.startswith(f"{__package__}.")


def rows_source(name: str, columns: list[str], rows: Callable[[], Iterable[Mapping[str, Any]]]) -> Source:
    """Rows that come one by one, as a source: `rows` is called for each pass over them.

    >>> source = rows_source("two rows", ["a"], lambda: [{"a": 1}, {"a": None}])
    >>> [block["a"].tolist() for block in source.blocks(["a"])]
    [[1.0, nan]]
    """

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        every = iter(rows())
        while chunk := list(islice(every, BLOCK_ROWS)):
            yield {name: _column_of(chunk, name) for name in names}

    return Source(name=name, columns=columns, blocks=blocks)


def _column_of(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[Any]:
    values = np.fromiter((row.get(name) for row in rows), object, len(rows))
    numeric = all(v is None or type(v) is float or (type(v) is int and abs(v) <= EXACT) for v in values)
    return values.astype(np.float64) if numeric else values
