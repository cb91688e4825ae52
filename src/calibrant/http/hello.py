"""A first look at a server: whether it is reached, which models it lists, and what time it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from ..errors import ModelUnavailable
from ..plugins import require
from .addresses import below, key_headers

__all__ = ["Hello", "hello"]

MOST = 4 * 2**20
"""Bytes of a list of models that are read."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a server answered to a request for its models.

    `ahead` is by how many seconds its clock is ahead of ours, within a second; None where it tells no time.
    """

    status: int
    models: tuple[str, ...] = ()
    ahead: float | None = None


async def hello(
    url: str, api_key: str | None = None, *, timeout: float = 5.0, clock: Callable[[], float] = time.time
) -> Hello:
    """Ask the server at a base URL for its models. Raises `ModelUnavailable` where it is not reached."""
    http = require("aiohttp", "A model behind a URL", "models")
    headers = {**key_headers(url, api_key), "x-api-key": api_key} if api_key else {}
    try:
        async with (
            http.ClientSession(timeout=http.ClientTimeout(total=timeout), headers=headers) as session,
            session.get(below(url, "models"), allow_redirects=False) as response,
        ):
            there = _time_in(response.headers.get("Date"))
            ahead = None if there is None else there - clock()
            body = await response.content.read(MOST)
            return Hello(response.status, _names_in(body), ahead)
    except (TimeoutError, OSError, ValueError, http.ClientError) as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        raise ModelUnavailable(f"{url} is not reached: {why}. Is the server running?") from error


def _time_in(date: str | None) -> float | None:
    """Seconds since the epoch; the middle of the second that a date names."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp() + 0.5
    except (TypeError, ValueError):
        return None


def _names_in(body: bytes) -> tuple[str, ...]:
    try:
        listed: Any = json.loads(body)
        return tuple(str(one["id"]) for one in listed["data"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
