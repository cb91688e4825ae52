"""The group of commands, and the options that several of them take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from ..options import app

plan = typer.Typer(
    help="What threshold, cascade or ensemble to choose, and what to expect of it.", no_args_is_help=True
)
app.add_typer(plan, name="plan")


def chart_of(what: str) -> Any:
    """The option --chart; its ending is looked at before any work is done."""
    return typer.Option("--chart", help=f"Draw {what}: .svg, .png or .html.", callback=_drawable)


def _drawable(path: Path | None) -> Path | None:
    if path is not None:
        from calibrant.report.drawing import check_drawable

        check_drawable(path)
    return path
