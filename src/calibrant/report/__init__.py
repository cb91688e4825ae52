"""The audit report: one HTML page that works offline, the same story as Markdown, and the charts of both."""

from .page import html
from .text import markdown
from .wording import group_key

__all__ = ["group_key", "html", "markdown"]
