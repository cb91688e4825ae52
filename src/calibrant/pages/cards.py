"""Audit cards: what can be claimed of each task now, and what not; the card itself is made by a command."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calibrant.card.conclusions import conclusion, headline
from calibrant.card.numbers import concluded
from calibrant.overview.telling import minute, name_of

from .known import Known, Seen
from .lines import address_of
from .shell import Place, Shell, Visitor

__all__ = ["cards"]

MOST = 30
"""Tasks whose conclusions are shown; there is a card of each."""


def cards(shell: Shell, known: Known) -> list[Route]:
    """/cards, and the place in the bar."""
    shell.places.append(Place(path="/cards", label="Audit cards"))

    async def page(_: Request, visitor: Visitor) -> Response:
        seen = await known.now(visitor.key.tasks)
        made = await asyncio.to_thread(_cards, seen)
        return await shell.page(
            visitor, "cards", here="/cards", cards=made, behind=seen.behind, at=minute(seen.at)
        )

    return [shell.route("/cards", page)]


def _cards(seen: Seen) -> list[dict[str, Any]]:
    found = []
    for one in seen.tasks[:MOST]:
        twin = concluded(one, seen.rules[one.task])
        claims, limits = conclusion(twin)
        found.append({
            "name": name_of(one.task), "task": one.task, "href": address_of(one.task), "headline": headline(twin),
            "claims": claims, "limits": limits,
        })  # fmt: skip
    return found
