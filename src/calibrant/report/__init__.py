"""Reports: one HTML page that works offline, the same story as Markdown, and the charts of both."""

from .comparisons import comparison_sheet
from .judgings import judging_sheet
from .page import html, sheet_html
from .text import markdown, sheet_markdown
from .wording import group_key

__all__ = [
    "comparison_sheet", "group_key", "html", "judging_sheet", "markdown", "sheet_html", "sheet_markdown",
]  # fmt: skip
