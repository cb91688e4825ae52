"""The gateway and the demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrant.assembly.config import load
from calibrant.cli.terminal import out, print_json, progress
from calibrant.demo import demo as run_demo

from .shared import AsJson, app


@app.command("serve")
def serve_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file; see the documentation.")],
) -> None:
    """Serve an OpenAI-compatible endpoint whose answers carry their calibrated confidence."""
    from calibrant.gateway.server import serve

    serve(load(config))


@app.command("demo")
def demo_command(
    folder: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the log, the maps and the report.")
    ] = Path("demo"),
    limit: Annotated[int | None, typer.Option(min=40, help="Ask only the first so many questions.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the embedded model a few hundred facts; measure, calibrate on half, show the other half."""
    with progress(as_json) as bar:
        result = run_demo(folder, limit=limit, bar=bar)
    if as_json:
        print_json(result.to_dict())
        return
    for line in result.lines():
        out.print(line, soft_wrap=True)
    out.print(result.table())
    for line in result.bands():
        out.print(line, soft_wrap=True)
    out.print(f"\nReport: {result.report.resolve()}", style="bold")
