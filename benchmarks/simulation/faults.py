"""A store that is away, answers and is not heard, or whose caller is killed: before or after the thing is done."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from calibrant.errors import StoreError
from calibrant.protocols import Store
from calibrant.types import Entry, Erased, Fact, Record, Verdict, Verified, Which

from .scheduler import Crash, Scheduler

__all__ = ["Faulty"]


class Faulty:
    """The store of one process. With `rate` 0 it does what it is told, and others may still come between.

    A call fails before it is done, or after: then nobody is told that it was. Or the process is killed there.
    """

    def __init__(self, store: Store, rng: random.Random, scheduler: Scheduler, rate: float) -> None:
        self._store, self._rng, self._scheduler, self.rate = store, rng, scheduler, rate
        self.faults = 0

    def _call(self, call: Callable[[], Any]) -> Any:
        self._scheduler.pause()
        drawn = self._rng.random()
        if drawn < self.rate:
            self.faults += 1
            kind = self._rng.choice(["away", "unheard", "killed before", "killed after"])
            if kind in ("unheard", "killed after"):
                call()
            if kind.startswith("killed"):
                raise Crash(kind)
            raise StoreError(f"The store is {kind}.")
        return call()

    def add(self, facts: Iterable[Fact]) -> None:
        given = list(facts)
        self._call(lambda: self._store.add(given))

    def record(self, record_id: str) -> Record | None:
        found: Record | None = self._call(lambda: self._store.record(record_id))
        return found

    def verdicts(self, record_id: str) -> tuple[Verdict, ...]:
        found: tuple[Verdict, ...] = self._call(lambda: self._store.verdicts(record_id))
        return found

    def since(self, cursor: int = 0) -> Iterator[Entry]:
        yield from self._call(lambda: list(self._store.since(cursor)))

    def events(self, *kinds: str, **which: Any) -> Iterator[Entry]:
        yield from self._call(lambda: list(self._store.events(*kinds, **which)))

    def state(self, name: str) -> tuple[int, Any]:
        found: tuple[int, Any] = self._call(lambda: self._store.state(name))
        return found

    def set_state(self, name: str, value: Any, expected: int) -> bool:
        done: bool = self._call(lambda: self._store.set_state(name, value, expected))
        return done

    def rows(self) -> Iterator[dict[str, Any]]:
        yield from self._call(lambda: list(self._store.rows()))

    def verify(self, head: Any = None) -> Verified:
        return self._store.verify(head)

    def erase(self, which: Which, **said: Any) -> Erased:
        done: Erased = self._call(lambda: self._store.erase(which, **said))
        return done

    def ready(self) -> None:
        self._call(self._store.ready)

    def close(self) -> None:
        """The store is the world's, not this process's."""
