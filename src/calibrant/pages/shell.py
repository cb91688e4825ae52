"""What every page passes: who may see it, that a form is ours, what it looks like, and what is said where it fails."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from calibrant.assembly.keys import Key, Role
from calibrant.errors import BadRequest, CalibrantError, StoreError, StoreRefused

from .assets import rendered
from .context import Context
from .sessions import COOKIE, Session, Signing

__all__ = ["Place", "Shell", "Visitor"]

LOG = logging.getLogger("calibrant.pages")


class _Name(StringConvertor):
    """A task or an id in an address, whatever is in it: slashes, and line breaks, at which Starlette's `path` ends."""

    regex = "(?s:.*)"


register_url_convertor("name", _Name())

SECRET = "pages/secret"
"""The state of the store that holds what sessions are signed by."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; trusted-types pages; "
    "require-trusted-types-for 'script'"
)

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""With every page. What a page shows is nobody else's, so nothing keeps it."""

SHARED = ("", "server")
"""Names of keys that tell nobody from another: none, and the one of [server]."""

MOMENT = 0.1
"""Seconds for which a page waits for a number in the bar on top."""

PEOPLE: tuple[Role, ...] = ("reviewer", "admin")

TOKEN = "x-calibrant-token"
"""Under this name a script sends the token that stands in forms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One of the places in the bar on top; `waiting` tells how many things wait for somebody there, None for none."""

    path: str
    label: str
    roles: tuple[Role, ...] = PEOPLE
    waiting: Callable[[], int | None] = lambda: None
    of_what: str = "waiting"


@dataclass(frozen=True, kw_only=True, slots=True)
class Visitor:
    """Whoever looks at a page: a key with its roles and tasks, the session, and the fields of the form that was sent.

    `shared` says that the key tells nobody from another.
    """

    key: Key
    session: Session
    token: str
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def who(self) -> str:
        """What the person is called in verdicts."""
        return self.session.who

    @property
    def shared(self) -> bool:
        """Whether several people come in by this key."""
        return self.key.name in SHARED

    def may(self, *roles: Role) -> bool:
        """Whether one of these roles is among the key's."""
        return any(role in self.key.roles for role in roles)


Shown = Callable[[Request, Visitor], Awaitable[Response]]


class Shell:
    """Makes routes of pages. `places` are those in the bar on top, filled by whoever has a page there."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.places: list[Place] = []
        self._signing: Signing | None = None
        self._counting: dict[str, asyncio.Task[int | None]] = {}
        self._counted: dict[str, int | None] = {}

    def route(
        self, path: str, page: Shown, methods: Sequence[str] = ("GET",), roles: tuple[Role, ...] = PEOPLE
    ) -> Route:
        """A page for keys with one of these roles. A POST is answered only where it comes from a page of ours."""
        return Route(path, partial(self._guarded, page, roles), methods=list(methods))

    async def signing(self) -> Signing:
        """What sessions are signed by, the same for all replicas and after a restart; raises `StoreError`."""
        if self._signing is None:
            self._signing = Signing(await asyncio.to_thread(self._secret))
        return self._signing

    async def page(
        self, visitor: Visitor | None, template: str, status: int = 200, **values: Any
    ) -> Response:
        """A template of `templates`, extending "base", with these values and what the base needs."""
        places = [(one, await self._waiting(one)) for one in self._places(visitor)]
        return await asyncio.to_thread(self._page, visitor, template, status, {"places": places, **values})

    def cookied(self, response: Response, request: Request, signing: Signing, session: Session) -> Response:
        """The reply with the session's cookie, for as long as the browser is open, and no longer than it lasts."""
        response.set_cookie(
            COOKIE, signing.cookie(session), httponly=True, samesite="strict", path="/",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return response

    async def form(self, request: Request) -> dict[str, str]:
        """The fields of a form; raises `BadRequest`."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise BadRequest("Expected a form (application/x-www-form-urlencoded).", status=415)
        body = await self.context.read(request)
        try:
            pairs = parse_qsl(
                bytes(body).decode(), keep_blank_values=True, errors="strict", max_num_fields=1000
            )
        except ValueError as error:
            raise BadRequest(f"Expected the fields of a form in UTF-8: {error}.") from error
        return {name: value.replace("\r\n", "\n") for name, value in pairs}

    def _page(
        self, visitor: Visitor | None, template: str, status: int, values: Mapping[str, Any]
    ) -> Response:
        base = {"visitor": visitor, "deployment": self.context.title, "here": ""}
        text = rendered(template, base | dict(values))
        body = text.encode(errors="replace")  # half a surrogate pair is no UTF-8
        return Response(body, status, HEADERS, media_type="text/html")

    def _places(self, visitor: Visitor | None) -> list[Place]:
        return [place for place in self.places if visitor is not None and visitor.may(*place.roles)]

    async def _waiting(self, place: Place) -> int | None:
        """How many wait there, as it was last where counting takes longer than a page should: after a start on a large
        store the whole past may have to be read."""
        counting = self._counting.get(place.path)
        if counting is None or counting.done():
            counting = self._counting[place.path] = asyncio.create_task(asyncio.to_thread(_count, place))
        done, _ = await asyncio.wait([counting], timeout=MOMENT)
        if done:
            self._counted[place.path] = counting.result()
        return self._counted.get(place.path)

    async def _guarded(self, page: Shown, roles: tuple[Role, ...], request: Request) -> Response:
        visitor: Visitor | None = None
        try:
            signing = await self.signing()
            found = self._session(request, signing)
            if found is None:
                return self._to_login(request)
            key, session, fresh = found
            visitor = Visitor(key=key, session=session, token=signing.token(session))
            if not visitor.may(*roles):
                raise BadRequest(
                    f"This page is for keys with the role {' or '.join(roles)}; this one has {', '.join(key.roles)}.",
                    status=403,
                )
            if request.method == "POST":
                visitor = await self._posted(request, signing, visitor)
            response = await page(request, visitor)
            return self.cookied(response, request, signing, session) if fresh else response
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - whoever looks at a page is told in a page
            return await self._failed(error, request, visitor)

    def _session(self, request: Request, signing: Signing) -> tuple[Key, Session, bool] | None:
        """The key as it is now, the session, and whether it is new; None for nobody."""
        keys, now = self.context.keys, self.context.clock()
        session = signing.session(request.cookies.get(COOKIE, ""), now=now)
        if session is not None:
            key = keys.shown(None) if keys.open else keys.named(session.key)
            if key is not None and key.hash == session.hash:
                return key, session, False
        key = keys.shown(None) if keys.open else None
        return None if key is None else (key, Session.of(key, "reviewer", now), True)

    async def _posted(self, request: Request, signing: Signing, visitor: Visitor) -> Visitor:
        """With the fields of the form; raises `BadRequest` where another page sent it."""
        form = await self.form(request)
        token = request.headers.get(TOKEN) or form.get("token", "")
        elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if elsewhere or not signing.is_token(visitor.session, token):
            raise BadRequest(
                "This form is not from a page of this session. Open the page again and send it from there.",
                status=403,
                code="foreign_form",
            )
        return Visitor(key=visitor.key, session=visitor.session, token=visitor.token, form=form)

    def _to_login(self, request: Request) -> Response:
        if request.method != "GET" or "application/json" in request.headers.get("accept", ""):
            return Response("Sign in at /login first.", 401, HEADERS, media_type="text/plain")
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(asked, safe='')}", 303, HEADERS)

    async def _failed(self, error: Exception, request: Request, visitor: Visitor | None) -> Response:
        status, told = _told(error)
        if status == 500:
            LOG.error("The page %s failed", request.url.path, exc_info=error)
        elif status == 503:
            LOG.warning("The page %s failed: %s", request.url.path, error)
        if "application/json" in request.headers.get("accept", ""):
            return Response(told, status, HEADERS, media_type="text/plain")
        away = status == 503
        return await asyncio.to_thread(self._bare, visitor, status, told, away)

    def _bare(self, visitor: Visitor | None, status: int, told: str, away: bool) -> Response:
        """What is said where a page fails; nothing of it is asked of the store, which may be what failed."""
        values = {
            "visitor": visitor, "deployment": self.context.title, "here": "", "told": told, "away": away,
            "places": [(place, None) for place in self._places(visitor)],
        }  # fmt: skip
        return Response(rendered("failed", values), status, HEADERS, media_type="text/html")

    def _secret(self) -> bytes:
        """That of the store; the first who needs one makes it."""
        while True:
            version, value = self.context.store.state(SECRET)
            if value is not None:
                return bytes.fromhex(value)
            self.context.store.set_state(SECRET, secrets.token_hex(32), version)


def _count(place: Place) -> int | None:
    """How many wait there; a bar without a number is better than no page."""
    try:
        return place.waiting()
    except CalibrantError:
        return None


def _told(error: Exception) -> tuple[int, str]:
    if isinstance(error, BadRequest):
        return error.status, str(error)
    if isinstance(error, StoreRefused):
        return 409, str(error)
    if isinstance(error, StoreError):
        return 503, "The store did not answer."
    return 500, "Something went wrong here. The gateway's log says what."
