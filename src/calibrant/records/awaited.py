"""A store that is away when a process begins, and is opened once it is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, cast

from ..errors import StoreAway
from ..protocols import Store

__all__ = ["awaited"]

AGAIN = 0.5
"""Seconds for which it is taken as known that the store is still away: many may ask, and each try can last seconds."""


def awaited(opened: Callable[[], Store], error: StoreAway) -> Store:
    """A store that is opened by whatever is first asked of it and finds it there; until then `StoreAway` is raised."""
    return cast(Store, _Awaited(opened, error))


class _Awaited:
    def __init__(self, opened: Callable[[], Store], error: StoreAway) -> None:
        self._opened, self._error = opened, error
        self._store: Store | None = None
        self._tried = time.monotonic()
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def called(*given: Any, **named: Any) -> Any:
            # Only here, not where it is looked up: that may be on the event loop, which must not wait.
            return getattr(self._there(), name)(*given, **named)

        return called

    def close(self) -> None:
        """Close what was opened."""
        if self._store is not None:
            self._store.close()

    def _there(self) -> Store:
        if self._store is not None:
            return self._store
        with self._lock:
            if self._store is None:
                if time.monotonic() - self._tried < AGAIN:
                    raise self._error
                try:
                    self._store = self._opened()
                except StoreAway as error:
                    self._error = error
                    raise
                finally:
                    self._tried = time.monotonic()
            return self._store
