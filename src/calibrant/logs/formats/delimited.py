"""Text with a header line and one row on each further line."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from calibrant.errors import UnusableInput
from calibrant.logs.headings import Decimals, Heading, heading_of, is_total, pointed
from calibrant.logs.sources import BLOCK_ROWS, Block, Claim, Given, Source
from calibrant.logs.tables import has_engine, text_source

__all__ = ["Delimited"]

MARKS = ",;\t|"
SAMPLE = 500
"""Rows by which the mark between columns is told."""
TAIL = 1 << 16
SEP = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
csv.field_size_limit(min(sys.maxsize, 1 << 31))  # an answer may be long


class Delimited:
    """Text in columns (CSV, TSV), parted by comma, semicolon, tab or bar, whichever parts the lines alike."""

    def claim(self, log: Given) -> Claim:
        """By lines that are parted alike; any other text by its ending alone."""
        if log.head and _is_text(log):
            parted = _Way.of(log)
            if parted is not None and parted.alike:
                return Claim.SYNTAX
        return Claim.NAME if log.ending in (".csv", ".tsv", ".txt", ".tab") else Claim.NONE

    def open(self, log: Given) -> Source:
        """All its values as texts: by the engine where it is there and the file as plain as most, else row by row."""
        way = _Way.of(log)
        if way is None or log.beginning.lstrip()[:1] == "<":
            raise UnusableInput(f"{log.text} holds no table. Expected a header line and one row per answer.")
        heading = heading_of(log.name or log.text, way.rows)
        by_engine = _by_engine(log, way, heading) if way.plain and has_engine() else None
        return by_engine or _row_by_row(log, way, heading)


def _is_text(log: Given) -> bool:
    start = log.beginning.lstrip()[:1]
    listed = re.match(r"\s*\[\s*\{", log.beginning)
    return b"\0" not in log.head and start not in ("", "{", "<") and not listed


@dataclass(frozen=True)
class _Way:
    """How the first lines are written: the mark, the lines skipped before the rows, and the rows themselves.

    `alike` where most rows have as many fields as most; `plain` where nothing in them asks for care; `escaped` where a
    quote within quotes has a backslash before it.
    """

    mark: str
    skipped: int
    rows: list[list[str]]
    alike: bool
    plain: bool
    escaped: bool = False

    def reader(self, lines: Iterable[str], *, strict: bool = False) -> Any:
        """Reads lines written this way."""
        return _reader(lines, self.mark, self.escaped, strict)

    @classmethod
    def of(cls, log: Given) -> _Way | None:
        """By the mark that parts most lines alike into most columns; None where there is no line."""
        text, told = log.beginning, None
        if found := SEP.match(text):
            text, told = text[found.end() :], found[1]
        lines = list(StringIO(text, newline=""))
        lines = lines[:-1] if len(lines) > 1 and len(log.head) >= 1 << 20 else lines
        escaped = '\\"' in text and any(_tidy(lines, m, True) and not _tidy(lines, m, False) for m in MARKS)
        best: tuple[Any, ...] = ()
        for mark in told or MARKS:
            try:
                rows = list(islice(_reader(lines, mark, escaped), SAMPLE))
            except csv.Error:
                continue
            full = [row for row in rows if len(row) > 1]
            widths = [len(row) for row in full]
            usual = max(widths, key=widths.count, default=1)
            share = widths.count(usual) / max(sum(bool(row) for row in rows), 1)
            rank = (usual > 1 and share >= 0.5, len(full[0]) if full else 1, share)
            if not best or rank > best[0]:
                best = (rank, mark, rows, widths.count(usual) > 1 and share >= 0.8)
        if not best or not any(best[2]):
            return None
        plain = not escaped and not re.search(rf'{re.escape(best[1])} +"', text)
        return cls(best[1], 1 if found else 0, best[2], best[3], plain, escaped)


def _reader(lines: Iterable[str], mark: str, escaped: bool, strict: bool = False) -> Any:
    return csv.reader(
        lines, delimiter=mark, skipinitialspace=True, escapechar="\\" if escaped else None, strict=strict
    )


def _tidy(lines: Sequence[str], mark: str, escaped: bool) -> bool:
    """Whether the first rows are all as long as one another, and every quote is where one may be."""
    try:
        rows = list(islice(_reader(lines, mark, escaped, strict=True), SAMPLE))
    except csv.Error:
        return False
    return len({len(row) for row in rows if row}) == 1


def _by_engine(log: Given, way: _Way, heading: Heading) -> Source | None:
    """By the engine, in parallel; None where it finds a row that is not as it should, or a cell with a line break.

    That every row has as many fields as the header, and no number a comma, is asked once, of the whole file.
    """
    if _total_at_the_end(log, way):
        return None
    before = way.skipped + _lines(way, log, heading)
    found = text_source(
        log.text, heading.names,
        f"skip = {before}, delim = '{way.mark}', quote = '\"', escape = '\"', strict_mode = true, null_padding = true",
        commas=way.mark != "," or _has_quotes(log.text),
    )  # fmt: skip
    if found is None or found[1]:
        return None
    source, _, short = found
    return replace(source, notes=(*heading.notes, *_short(short)))


def _lines(way: _Way, log: Given, heading: Heading) -> int:
    """The lines up to the end of the header."""
    reader = way.reader(islice(StringIO(log.beginning, newline=""), way.skipped, None))
    for _ in range(heading.at + 1):
        next(reader)
    return int(reader.line_num)


def _has_quotes(path: str) -> bool:
    with Path(path).open("rb") as file:
        return any(b'"' in chunk for chunk in iter(partial(file.read, TAIL << 4), b""))


def _total_at_the_end(log: Given, way: _Way) -> bool:
    with Path(log.text).open("rb") as file:
        file.seek(max(0, Path(log.text).stat().st_size - TAIL))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return bool(lines) and is_total(next(iter(way.reader(lines[-1:])), []))


def _short(count: int) -> list[str]:
    return (
        [f"{count} rows have fewer fields than the header; what they lack counts as empty."] if count else []
    )


@dataclass
class _Looked:
    """What one look over all rows found: how many, and those that are not as long as the header.

    `joins` are the places at which every longer row may be one whose number was cut in two at its decimal comma.
    """

    rows: int = 0
    short: int = 0
    long: int = 0
    first_long: int = 0
    joins: frozenset[int] = frozenset()
    last: Sequence[str] = ()
    named: bool = True
    """Whether every row begins with a name of its own, over which the header has none."""

    @classmethod
    def over(cls, records: Iterator[tuple[int, list[str]]], width: int, decimals: Decimals) -> _Looked:
        seen, firsts = cls(joins=frozenset(range(width))), set[str]()
        for line, row in records:
            seen.rows, seen.last = seen.rows + 1, row
            while len(row) > width and not row[-1].strip():
                row.pop()
            if len(row) == width:
                decimals.look([row])
            elif len(row) < width:
                seen.short += 1
            else:
                seen.long, seen.first_long = seen.long + 1, seen.first_long or line
                cut = {i for i in seen.joins if row[i].strip().isdigit() and row[i + 1].strip().isdigit()}
                seen.joins = frozenset(cut if len(row) == width + 1 else ())
            seen.named = seen.named and len(row) == width + 1 and row[0] not in firsts
            firsts.add(row[0] if seen.named else "")
        return seen


def _row_by_row(log: Given, way: _Way, heading: Heading) -> Source:
    """With a look over all rows before the first is read, for what only all of them tell."""
    name, width, decimals = log.name or log.text, len(heading.names), Decimals(heading.names)

    def records() -> Iterator[tuple[int, list[str]]]:
        return _records(log, way, heading)

    seen = _Looked.over(records(), width, decimals)
    join = next(iter(seen.joins)) if seen.long and len(seen.joins) == 1 and way.mark == "," else None
    if seen.long and not seen.joins and seen.named:
        names = ["row", *heading.names] if "row" not in heading.names else ["column 0", *heading.names]
        return _row_by_row(log, way, replace(heading, names=names))
    if join is None and 2 * seen.long > seen.rows:
        raise UnusableInput(
            f"{name} has more fields in its rows than the header's {width}, first in line {seen.first_long}. Are its "
            "numbers written with a decimal comma, or its texts with commas and no quotes? Write it with semicolons "
            "between columns, with decimal points, or as JSON lines."
        )
    notes = [*heading.notes, *_short(seen.short), *decimals.notes]
    if join is not None:
        notes.append(
            f"{seen.long} rows have one field more than the header: the commas in {heading.names[join]!r} were read "
            "as decimal points."
        )
    elif seen.long:
        notes.append(
            f"{seen.long} rows have more fields than the header, the first in line {seen.first_long}, so which is "
            "which cannot be told: they count as empty."
        )
    summed = seen.rows > 1 and is_total(seen.last)
    if summed:
        notes.append(f"The last row, {seen.last[0] or seen.last[1]!r}, sums up the others and was left out.")
    mended = partial(_mended, width, join, decimals.decimal, decimals.grouped)

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        wanted = {one: heading.names.index(one) for one in names}
        every = islice(records(), seen.rows - summed)
        while chunk := [mended(row) for _, row in islice(every, BLOCK_ROWS)]:
            yield {
                one: np.fromiter((row[i] or None for row in chunk), object, len(chunk))
                for one, i in wanted.items()
            }

    return Source(
        name=log.text, columns=heading.names, blocks=blocks, rows=seen.rows - summed, notes=tuple(notes)
    )


def _mended(
    width: int, join: int | None, decimal: set[int], grouped: set[int], row: list[str]
) -> Sequence[str | None]:
    """A row as long as the header, its numbers with decimal points."""
    while len(row) > width and not row[-1].strip():
        row.pop()
    if len(row) == width + 1 and join is not None:
        row[join : join + 2] = [f"{row[join].strip()}.{row[join + 1].strip()}"]
    if len(row) > width:
        return [None] * width
    for i in decimal | grouped if len(row) == width else ():
        row[i] = pointed(row[i], i in decimal)
    return [*row, *[None] * (width - len(row))]


def _records(log: Given, way: _Way, heading: Heading) -> Iterator[tuple[int, list[str]]]:
    """The rows under the header that are not blank, with the line on which each ends."""
    with Path(log.text).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        for _ in range(way.skipped):
            next(file)
        reader = way.reader(file, strict=True)
        try:
            for i, row in enumerate(reader):
                if i > heading.at and row:
                    yield way.skipped + reader.line_num, row
        except csv.Error as error:
            raise UnusableInput(
                f"{log.text} cannot be read, line {way.skipped + reader.line_num}: {error}. Within a quoted cell write "
                'a quote twice (""), or write the log as JSON lines.'
            ) from error
