"""Reports: one HTML page that works offline, the same story as Markdown, and the charts of both."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparisons import comparison_sheet
    from .judgings import judging_sheet
    from .page import html, sheet_html
    from .text import markdown, sheet_markdown
    from .wording import group_key

__all__ = [
    "comparison_sheet", "group_key", "html", "judging_sheet", "markdown", "sheet_html", "sheet_markdown",
]  # fmt: skip

_HOMES = {
    "comparison_sheet": "comparisons",
    "group_key": "wording",
    "html": "page",
    "judging_sheet": "judgings",
    "markdown": "text",
    "sheet_html": "page",
    "sheet_markdown": "text",
}


def __getattr__(name: str) -> Any:
    """Import a report on first use: who draws one chart needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
