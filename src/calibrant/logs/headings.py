"""Where the rows of a table begin, what its columns are called, and which rows are none: for text and for sheets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UnusableInput

__all__ = ["Decimals", "Heading", "heading_of", "is_total", "pointed", "sums_up"]

Cells = Sequence[Any]

FRACTION = re.compile(r"[-+]?\d*[.,]\d+(e[-+]?\d+)?\s*%?|\d+\s*%", re.IGNORECASE)
WHOLE = re.compile(r"[-+]?\d+")
COMMA = re.compile(r"[-+]?\d*,\d+\s*%?")
GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+")
TOTALS = (
    "total", "totals", "grand total", "sum", "average", "avg", "mean", "overall", "summary", "summe", "gesamt",
    "mittelwert", "durchschnitt", "insgesamt", "somme", "moyenne", "totale", "media", "promedio", "suma", "média",
    "soma", "gemiddelde", "totaal", "count", "итого", "среднее", "всего",
    "合計", "平均", "总计", "總計", "合计", "합계", "평균",
)  # fmt: skip


_SUMS = "|".join(
    map(
        re.escape, (*TOTALS, "subtotal", "sub-total", "zwischensumme", "teilsumme", "sous-total", "subtotale")
    )
)
SUMS_UP = re.compile(
    rf"\W*(?:(?:{_SUMS})\b.{{0,40}}|.{{1,40}}\b(?:{_SUMS})\W*(?:\(.{{0,20}}\))?)|.*(?:小計|小计|소계).{{0,20}}"
)


def sums_up(text: str) -> bool:
    """Whether the first cell of a row says that the row sums up others: it begins or ends so.

    >>> [sums_up(one) for one in ("TOTAL", "S0 subtotal", "Mean of S1:", "Average (n=50)", "Summer", "What is a sum?")]
    [True, True, True, True, False, True]
    """
    return len(text) <= 60 and SUMS_UP.fullmatch(text.strip().lower()) is not None


@dataclass(frozen=True)
class Heading:
    """The names of the columns, the place of the header among the rows, and what is to be said of it."""

    names: list[str]
    at: int
    notes: tuple[str, ...] = ()


def heading_of(name: str, rows: Sequence[Cells]) -> Heading:
    """The header of a table by its first rows: what stands above it is no row, and each column gets a name of its own.

    Raises `UnusableInput` where the first line looks like data, or names nothing.

    >>> heading_of("a.csv", [["A study", ""], ["id", "score", "score"], ["q1", "0.8", "0.7"]])
    Heading(names=['id', 'score', 'score_2'], at=1, notes=(...))
    """
    at = _place(rows)
    if at is None:
        raise UnusableInput(f"{name} has no columns. Expected a header line and one row per answer.")
    first = [_text(cell) for cell in rows[at]]
    first[0] = first[0].removeprefix("#").strip()
    if _like_data(first, [_text(cell) for cell in rows[at + 1]] if at + 1 < len(rows) else []):
        raise UnusableInput(
            f"{name} has no header: its first line, {', '.join(first[:6])!r}, looks like data. Add a line above it "
            "that names the columns, such as: id,confidence,correct"
        )
    above = [
        f"{at} lines above the header were skipped." if at > 1 else "A line above the header was skipped."
    ]
    names, notes = _named(first)
    return Heading(names, at, (*(above if at else []), *notes))


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _place(rows: Sequence[Cells]) -> int | None:
    """The first row that is neither blank, nor a comment, nor a title over wider rows."""
    widths = Counter(sum(_text(cell) != "" for cell in row) for row in rows)
    widths.pop(0, None)
    if not widths:
        return None
    usual = max(widths, key=lambda width: (widths[width], width))
    for i, row in enumerate(rows):
        filled = sum(_text(cell) != "" for cell in row)
        comment = _text(row[0]).startswith("#") if row else False
        if filled == 0 or (filled == 1 and usual > 1) or (comment and _commented(row, rows, i)):
            continue
        return i
    return None


def _commented(row: Cells, rows: Sequence[Cells], at: int) -> bool:
    """Whether a line that begins with # is no header: another follows that does too, or one of another length."""
    after = next((one for one in rows[at + 1 :] if any(map(_text, one))), row)
    return _text(after[0]).startswith("#") if after and _text(after[0]) else len(after) != len(row)


def _like_data(first: Sequence[str], second: Sequence[str]) -> bool:
    """Fractions, or several whole numbers and truth values, over others of their kind; 0, 1, 2 ... may be classes."""
    pairs = list(zip(first, [*second, *[""] * len(first)], strict=False))
    numeric = [a for a, b in pairs if FRACTION.fullmatch(a) and (FRACTION.fullmatch(b) or WHOLE.fullmatch(b))]
    truths = [a for a, b in pairs if {a.lower(), b.lower()} <= {"true", "false"}]
    wholes = [int(a) for a, b in pairs if WHOLE.fullmatch(a) and WHOLE.fullmatch(b)]
    classes = wholes == list(range(min(wholes, default=0), min(wholes, default=0) + len(wholes)))
    return bool(numeric) or len(truths) + len(wholes) * (not classes) >= 2


def _named(first: Sequence[str]) -> tuple[list[str], list[str]]:
    """Each column by a name of its own."""
    names, notes, taken = list[str](), list[str](), set(first)
    for place, told in enumerate(first, start=1):
        name = told or f"column {place}"
        if name in names:
            n = 2
            while f"{told}_{n}" in taken | set(names):
                n += 1
            name = f"{told}_{n}"
            notes.append(f"Several columns are called {told!r}; number {place} is read as {name!r}.")
        names.append(name)
    for lower, n in Counter(name.lower() for name in names).items():
        if n > 1:
            alike = ", ".join(repr(name) for name in names if name.lower() == lower)
            notes.append(
                f"The columns {alike} differ in capitals only; the first is meant where none is named."
            )
    return names, notes


def is_total(row: Cells) -> bool:
    """Whether a last row sums up the others, by the word that it begins with.

    >>> is_total(["TOTAL", "0.78"]), is_total(["", "Mean:", 0.5]), is_total(["q9", "0.8"])
    (True, True, False)
    """
    filled = [text for text in map(_text, row) if text]
    first = filled[0].rstrip(":").lower() if filled else ""
    return len(filled) > 1 and (first in TOTALS or bool(re.fullmatch(r"n\s*=\s*\d+", first)))


class Decimals:
    """Commas in the numbers of columns: told from all of a column's values, decimal or between thousands.

    >>> seen = Decimals(["p", "cost"])
    >>> seen.look([["0,8", "1,200"], ["1", "3,000"]])
    >>> seen.decimal, seen.grouped
    ({0}, {1})
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._seen = [Counter[str]() for _ in names]

    def look(self, rows: Iterable[Sequence[str]]) -> None:
        """Count what the cells of further rows look like."""
        for row in rows:
            for seen, cell in zip(self._seen, row, strict=False):
                if cell:
                    seen[_look(cell.strip())] += 1

    def _of(self, kind: str) -> set[int]:
        found = set()
        for i, seen in enumerate(self._seen):
            numbers = seen["whole"] + seen["point"] + seen["comma"] + seen["grouped"]
            settled = "comma" if seen["comma"] else "grouped" if seen["grouped"] else ""
            if settled == kind and 2 * numbers >= seen.total():
                found.add(i)
        return found

    @property
    def decimal(self) -> set[int]:
        """The columns in which a comma is a decimal point."""
        return self._of("comma")

    @property
    def grouped(self) -> set[int]:
        """The columns in which commas only part thousands."""
        return self._of("grouped")

    @property
    def notes(self) -> list[str]:
        """What was read so."""
        decimal = ", ".join(repr(self.names[i]) for i in sorted(self.decimal))
        grouped = ", ".join(repr(self.names[i]) for i in sorted(self.grouped))
        return [
            *([f"Commas in {decimal} were read as decimal points: 0,8 is 0.8."] if decimal else []),
            *(
                [f"Commas in {grouped} were read as marks between thousands: 1,200 is 1200."]
                if grouped
                else []
            ),
        ]


def _look(cell: str) -> str:
    if GROUPED.fullmatch(cell):
        return "grouped"
    if COMMA.fullmatch(cell):
        return "comma"
    if WHOLE.fullmatch(cell):
        return "whole"
    return "point" if FRACTION.fullmatch(cell) else "other"


def pointed(cell: str, decimal: bool) -> str:
    """A number as it is written with a decimal point; any other text as it is."""
    kind = _look(cell.strip())
    if kind not in ("comma", "grouped"):
        return cell
    return cell.replace(",", "." if decimal and cell.count(",") == 1 else "")
