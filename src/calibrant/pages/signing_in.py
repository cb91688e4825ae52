"""Coming in by a key, once, and leaving."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from calibrant.assembly.keys import Key
from calibrant.errors import CalibrantError

from .assets import rendered
from .sessions import COOKIE, Session
from .shell import HEADERS, PEOPLE, SHARED, Shell, Visitor

__all__ = ["signing_in"]

LONGEST = 60
"""Characters of a person's name."""


def signing_in(shell: Shell) -> list[Route]:
    """/login, which takes a key of the gateway, and /logout."""

    async def login(request: Request) -> Response:
        to = _own(request.query_params.get("next", "/"))
        return _login(shell, to, "")

    async def enter(request: Request) -> Response:
        try:
            form = await shell.form(request)
            signing = await shell.signing()
        except CalibrantError as error:
            return _login(shell, "/", str(error), getattr(error, "status", 503))
        to, keys = _own(form.get("next", "/")), shell.context.keys
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _login(shell, to, "That form came from another page. Sign in here.", 403)
        shown = form.get("key", "").strip()
        key = keys.shown(shown.encode() or None)
        if key is None:
            return _login(shell, to, "That is no key of this gateway.", 401)
        if not any(role in key.roles for role in PEOPLE):
            told = f"This key has the role {', '.join(key.roles)}; pages are for reviewers and admins."
            return _login(shell, to, told, 403)
        who = _who(key, form.get("who", ""))
        if who != key.name and keys.named(who) is not None:
            return _login(
                shell, to, f"{who} is the name of a key. Take another, or sign in with that key.", 403
            )
        session = Session.of(key, who, shell.context.clock())
        return shell.cookied(RedirectResponse(to, 303, HEADERS), request, signing, session)

    async def leave(_: Request, __: Visitor) -> Response:
        response = RedirectResponse("/login", 303, HEADERS)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    return [
        Route("/login", login, methods=["GET"]),
        Route("/login", enter, methods=["POST"]),
        shell.route("/logout", leave, ["POST"]),
    ]


def _login(shell: Shell, to: str, told: str, status: int = 200) -> Response:
    values: dict[str, Any] = {
        "visitor": None, "deployment": shell.context.title, "places": [], "here": "", "to": to, "told": told,
        "open": shell.context.keys.open,
    }  # fmt: skip
    return Response(rendered("login", values), status, HEADERS, media_type="text/html")


def _own(path: str) -> str:
    """A place of ours; any other becomes the first page.

    >>> _own("/review?a=1"), _own("//elsewhere.org"), _own("https://elsewhere.org"), _own("/\\\\elsewhere.org")
    ('/review?a=1', '/', '/', '/')
    """
    own = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()
    return path if own else "/"


def _who(key: Key, stated: str) -> str:
    """The key's name; where several people share a key, what they call themselves."""
    named = " ".join(stated.split())[:LONGEST]
    return (named or "reviewer") if key.name in SHARED else key.name
