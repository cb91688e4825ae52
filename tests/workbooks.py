"""Workbooks as spreadsheet programs write them, without one."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any


def xlsx(path: Path, sheets: dict[str, list[list[Any]]], *, hidden: int = 0, merged: str = "") -> Path:
    """A workbook as spreadsheet programs write it, without one."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    numbered = list(enumerate(sheets.items(), start=1))
    with zipfile.ZipFile(path, "w") as book:
        book.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.'
            'openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type="{rel}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        listed = "".join(f'<sheet name="{name}" sheetId="{i}" r:id="rId{i}"/>' for i, (name, _) in numbered)
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets>{listed}</sheets></workbook>',
        )
        links = "".join(
            f'<Relationship Id="rId{i}" Type="{rel}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i, _ in numbered
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">{links}</Relationships>',
        )
        for i, (_, rows) in numbered:
            lines = "".join(
                _row(r, r <= hidden + 1)
                + "".join(_cell(f"{chr(65 + c)}{r}", value) for c, value in enumerate(row))
                + "</row>"
                for r, row in enumerate(rows, start=1)
            )
            more = f'<mergeCells count="1"><mergeCell ref="{merged}"/></mergeCells>' if merged else ""
            book.writestr(
                f"xl/worksheets/sheet{i}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData>{more}</worksheet>',
            )
    return path


def _row(number: int, hidden: bool) -> str:
    return f'<row r="{number}" hidden="1">' if hidden and number > 1 else f'<row r="{number}">'


def _cell(at: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return f'<c r="{at}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{at}"><v>{value!r}</v></c>'
    return f'<c r="{at}" t="inlineStr"><is><t>{value}</t></is></c>'
