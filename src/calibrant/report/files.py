"""A chart written to a file, as its ending says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import UnusableInput
from .charts import to_png, to_svg

__all__ = ["save"]


def save(chart: Any, path: Path, *, title: str = "") -> None:
    """Write a chart as SVG, PNG or an HTML page that works offline; raises `UnusableInput` for another ending."""
    match path.suffix.lower():
        case ".svg":
            path.write_text(to_svg(chart, title=title), encoding="utf-8")
        case ".png":
            path.write_bytes(to_png(chart))
        case ".html":
            page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            path.write_text(f"{page}<body>{to_svg(chart, title=title)}</body></html>", encoding="utf-8")
        case other:
            raise UnusableInput(
                f"A chart is written as .svg, .png or .html; got {other or 'no ending'} in {path}."
            )
