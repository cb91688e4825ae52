"""`python -m calibrant`, and the console script: the command line, or the sentence that says how to get it."""

from __future__ import annotations

import sys

from . import __version__
from .errors import MissingExtra
from .plugins import require


def main() -> None:
    """Run the command line; its version is said without it, at once."""
    if sys.argv[1:] == ["--version"]:
        print(__version__)
        return
    try:
        require("typer", "The command line", "cli")
        require("rich", "The command line", "cli")
    except MissingExtra as error:
        sys.exit(str(error))
    from .cli import run  # after the check, so that a bare install says what is missing

    run()


if __name__ == "__main__":
    main()
