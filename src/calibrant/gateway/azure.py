"""The paths of Azure's clients, which name a model by a deployment. No I/O."""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["MODEL", "Azure"]

MODEL = b"x-calibrant-model"
"""The header that names a model where the body does not."""

DEPLOYED = re.compile(r"/openai/deployments/([^/]+)/(.+)")
VERSIONLESS = re.compile(r"/openai/(?:v1/)?(.+)")


class Azure:
    """Leads what is below /openai/ to the same path below /v1/, without its `api-version`.

    The deployment in a path names the model where the request does not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http" and scope["path"].startswith("/openai/"):
            scope = _led(scope)
        await self._app(scope, receive, send)


def _led(scope: Scope) -> Scope:
    raw = scope.get("raw_path", b"").decode("latin-1") or scope["path"]
    headers = [one for one in scope["headers"] if one[0] != MODEL]
    if found := DEPLOYED.fullmatch(raw):
        named, path = unquote(found[1]), found[2]
        headers.append((MODEL, named.encode("latin-1", "replace")))
    elif found := VERSIONLESS.fullmatch(raw):
        headers, path = scope["headers"], found[1]
    else:
        return scope
    query = [one for one in scope["query_string"].split(b"&") if not one.startswith(b"api-version=")]
    led = f"/v1/{path}"
    return {
        **scope, "path": unquote(led), "raw_path": led.encode("latin-1"), "headers": headers,
        "query_string": b"&".join(query),
    }  # fmt: skip
