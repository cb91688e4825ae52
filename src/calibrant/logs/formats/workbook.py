"""Workbooks of spreadsheet programs: `.xlsx`, `.xls`, `.xlsb` and `.ods`."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.logs.headings import heading_of, is_total
from calibrant.logs.parts import part_of
from calibrant.logs.sources import Claim, Given, Source, rows_source
from calibrant.plugins import require

__all__ = ["Workbook"]

Sheets = dict[str, list[list[Any]]]
KINDS = (b"xl/", b"opendocument.spreadsheet")
OLD = b"\xd0\xcf\x11\xe0"


class Workbook:
    """A sheet of a workbook, with a header and a row for each answer; of several, the one with the usual columns."""

    parts = True

    def claim(self, log: Given) -> Claim:
        """By what such a file begins with."""
        if log.head.startswith(OLD) or (
            log.head.startswith(b"PK\x03\x04") and any(k in log.head for k in KINDS)
        ):
            return Claim.SYNTAX
        return Claim.NAME if log.ending in (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods") else Claim.NONE

    def open(self, log: Given) -> Source:
        """Values as the cells hold them, a percent as its fraction; a merged cell holds for each of its rows."""
        name = log.name or log.text
        sheets, merged = _sheets(log, name)
        chosen, which = part_of(
            log.text, log.part, {one: _names(rows) for one, rows in sheets.items()}, "sheet"
        )
        rows = sheets[chosen]
        heading = heading_of(name, rows)
        answers = [row for row in rows[heading.at + 1 :] if any(cell is not None for cell in row)]
        notes = [*which, *heading.notes, *_hidden(log.text, chosen)]
        if merged[chosen]:
            notes.append(f"{merged[chosen]} merged cells were read as holding in each of their rows.")
        if len(answers) > 1 and is_total(answers[-1]):
            answers = answers[:-1]
            notes.append("The last row sums up the others and was left out.")

        def each() -> Iterator[Mapping[str, Any]]:
            return (dict(zip(heading.names, row, strict=True)) for row in answers)

        found = rows_source(log.text, heading.names, each)
        return replace(found, rows=len(answers), notes=tuple(notes))


def _sheets(log: Given, name: str) -> tuple[Sheets, dict[str, int]]:
    """The cells of each sheet that holds any and can be seen, or is the one that is meant; and its merged cells."""
    calamine = require("python_calamine", f"Reading {name}", "sheets")
    sheets, merged = Sheets(), dict[str, int]()
    try:
        book = calamine.load_workbook(log.text)
        for told in book.sheets_metadata:
            if "Visible" not in str(told.visible) and told.name != log.part:
                continue
            sheet = book.get_sheet_by_name(told.name)
            rows = [
                [None if cell == "" else cell for cell in row]
                for row in sheet.to_python(skip_empty_area=False)
            ]
            merged[told.name] = _filled(rows, sheet.merged_cell_ranges or ())
            used = [i for i in range(len(rows[0]) if rows else 0) if any(row[i] is not None for row in rows)]
            if used:
                sheets[told.name] = [[row[i] for i in used] for row in rows]
    except (calamine.CalamineError, OSError) as error:
        raise UnusableInput(
            f"{name} cannot be read as a workbook: {error}. Is it locked by a password? Save it without one, or as CSV."
        ) from error
    if not sheets:
        raise UnusableInput(f"{name} is empty. Expected a header line and one row per answer.")
    return sheets, merged


def _filled(rows: list[list[Any]], ranges: Any) -> int:
    """Let merged cells hold in each of their rows, and count those of several rows."""
    several = [((top, left), bottom) for (top, left), (bottom, _) in ranges if bottom > top]
    for (top, left), bottom in several:
        for row in rows[top + 1 : bottom + 1]:
            row[left] = rows[top][left]
    return len(several)


def _names(rows: list[list[Any]]) -> list[str]:
    """The names of a sheet's columns, none where it has no header."""
    try:
        return list(heading_of("", rows).names)
    except UnusableInput:
        return []


def _hidden(path: str, sheet: str) -> list[str]:
    """A note on rows that are not shown, as where a filter is on: they are rows all the same."""
    try:
        with zipfile.ZipFile(path) as book:
            told = book.read("xl/workbook.xml").decode("utf-8", "replace")
            links = book.read("xl/_rels/workbook.xml.rels").decode("utf-8", "replace")
            place = next(
                target.lstrip("/").removeprefix("xl/")
                for tag in re.findall(r"<sheet [^>]*>", told) if f'name="{sheet}"' in tag
                for link in re.findall(r"<Relationship [^>]*>", links)
                if f'Id="{re.findall(r"r:id=.([^ ]*?).[ />]", tag)[0]}"' in link
                for target in re.findall(r'Target="([^"]*)"', link)
            )  # fmt: skip
            text = book.read(f"xl/{place}").decode("utf-8", "replace")
    except (zipfile.BadZipFile, KeyError, StopIteration, IndexError):
        return []
    count = len(re.findall(r'<row [^>]*hidden="(?:1|true)"', text))
    return [f"{count} rows of the sheet are hidden; they were read too."] if count else []
