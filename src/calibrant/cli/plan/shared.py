"""The group of commands, and the options that several of them take."""

from __future__ import annotations

import typer

from ..shared import app

plan = typer.Typer(
    help="What threshold, cascade or ensemble to choose, and what to expect of it.", no_args_is_help=True
)
app.add_typer(plan, name="plan")
