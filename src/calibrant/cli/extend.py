"""What is installed: extensions."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from calibrant.errors import UnknownName
from calibrant.plugins import FAMILIES, about, find, names

from .shared import AsJson, app
from .terminal import out, print_json


@app.command("extensions")
def extensions_command(
    family: Annotated[
        str | None, typer.Argument(help=f"One of: {', '.join(FAMILIES)}. All if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what is installed of each family, by calibrant and by other packages."""
    if family is not None and family not in FAMILIES:
        raise UnknownName("families", family, FAMILIES)
    listed = [(one, name) for one in FAMILIES if family in (None, one) for name in names(one)]
    rows = [
        {"family": one, "name": name, "package": _package(one, name), "about": about(one, name)}
        for one, name in listed
    ]
    if as_json:
        print_json({"extensions": rows})
        return
    table = Table("family", "name", "package", "is", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row.values())
    out.print(table)


def _package(family: str, name: str) -> str:
    return str(find(family, name).__module__).partition(".")[0]
