"""What is installed: extensions."""

from __future__ import annotations

from typing import Annotated

import typer

from calibrant.errors import UnknownName
from calibrant.plugins import FAMILIES, about, find, names

from .options import AsJson, command
from .terminal import print_json, table


@command("extensions")
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
    table(("family", "name", "package", "is"), (list(row.values()) for row in rows))


def _package(family: str, name: str) -> str:
    return str(find(family, name).__module__).partition(".")[0]
