"""Releases: what is proposed, what answers now, and what did before, with who promoted it and why."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calibrant.overview.telling import minute
from calibrant.protocols import Store
from calibrant.releases.promoting import promotions

from .known import Known
from .shell import Place, Shell, Visitor

__all__ = ["releases"]

MOST = 50


def releases(shell: Shell, known: Known) -> list[Route]:
    """/releases, and the place in the bar."""
    shell.places.append(Place(path="/releases", label="Releases"))

    async def page(_: Request, visitor: Visitor) -> Response:
        seen = await known.now()
        history = await asyncio.to_thread(_history, shell.context.store)
        return await shell.page(visitor, "releases", here="/releases", history=history, at=minute(seen.at))

    return [shell.route("/releases", page)]


def _history(store: Store) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in promotions(store):
        if len(found) == MOST:
            break
        found.append({"id": one.release_id, "time": minute(one.time), "note": one.note, "now": not found})
    return found
