"""All pages, for whoever serves them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from .assets import STATIC, static
from .context import Context
from .review import reviewing
from .shell import HEADERS, Shell, Visitor
from .signing_in import signing_in

__all__ = ["routes"]


def routes(context: Context) -> list[Route]:
    """The routes of all pages. Each module of pages adds its own, and its place in the bar on top."""
    shell = Shell(context)
    return [
        *signing_in(shell),
        *reviewing(shell),
        Route(f"{STATIC}{{name}}", static, methods=["GET"]),
        shell.route("/", _today),
    ]


async def _today(_: Request, __: Visitor) -> Response:
    return RedirectResponse("/review", 303, HEADERS)
