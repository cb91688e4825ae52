"""All pages, for whoever serves them."""

from __future__ import annotations

from starlette.routing import Route

from .assets import STATIC, static
from .cards import cards
from .charts import charts
from .context import Context
from .known import Known
from .records import records
from .releases import releases
from .review import reviewing
from .shell import Shell
from .signing_in import signing_in
from .task import tasks
from .today import today

__all__ = ["routes"]


def routes(context: Context) -> list[Route]:
    """The routes of all pages. Each module of pages adds its own, and its place in the bar on top."""
    shell, known = Shell(context), context.known or Known(context.store, context.clock)
    return [
        *signing_in(shell),
        Route(f"{STATIC}{{name}}", static, methods=["GET"]),
        *today(shell, known),
        *tasks(shell, known),
        *reviewing(shell),
        *releases(shell, known),
        *records(shell, known),
        *cards(shell, known),
        *charts(shell, known),
    ]
