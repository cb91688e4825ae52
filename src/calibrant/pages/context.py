"""What the pages are given by whoever serves them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request

from calibrant.assembly.keys import Key
from calibrant.phrasing.phrases import Phrasebook
from calibrant.protocols import Store
from calibrant.reviewing.desk import Desk

from .known import Known

__all__ = ["Context", "Keys"]


class Keys(Protocol):
    """The keys by which people come in, as they are at the moment."""

    @property
    def open(self) -> bool:
        """Whether nobody needs a key, which is on this machine only."""
        ...

    def shown(self, key: bytes | None) -> Key | None:
        """The key which that is; where nobody needs one that of anybody; None where it is nobody's."""
        ...

    def named(self, name: str) -> Key | None:
        """The key of that name, None where there is none (any more)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Context:
    """The store that pages show, who may see them, and how a body is read.

    Attributes
    ----------
    store : whose past is shown
    keys : who may come in
    read : the body of a request, within the limits of the gateway; raises `BadRequest`
    desk : where people judge
    book : says the confidences of a task
    known : what pages of monitoring show; made where it is not given
    title : of the deployment, None where it has none
    clock : seconds since the epoch
    """

    store: Store
    keys: Keys
    read: Callable[[Request], Awaitable[bytes | bytearray]]
    desk: Desk
    book: Callable[[str | None], Phrasebook]
    known: Known | None = None
    title: str | None = None
    clock: Callable[[], float] = time.time
