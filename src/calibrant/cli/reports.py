"""Reports as files: the options that name them, and their writing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.files.writing import write

from .terminal import say

if TYPE_CHECKING:
    from calibrant.looking.asked import Step
    from calibrant.report.sheet import Sheet

__all__ = ["Markdown", "Report", "say_reports", "write_sheet"]

Report = Annotated[Path | None, typer.Option(help="Write a self-contained HTML report.")]
Markdown = Annotated[Path | None, typer.Option(help="Write the report as Markdown.")]


def write_sheet(sheet: Sheet, report: Path | None, markdown: Path | None, steps: Sequence[Step]) -> None:
    """Write a report with the commands that come next as a page, as Markdown, or as both."""
    from calibrant.report import sheet_html, sheet_markdown

    if report:
        write(report, sheet_html(sheet, steps=steps))
    if markdown:
        write(markdown, sheet_markdown(sheet, steps=steps))


def say_reports(*paths: Path | None) -> None:
    """Where the reports are."""
    for path in filter(None, paths):
        say(f"Report: {path}")
