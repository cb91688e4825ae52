"""Processes that run one at a time and change places only at the store, as a seed says: a run repeats to the step."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

__all__ = ["Crash", "Scheduler"]


class Crash(BaseException):
    """The process was killed here."""


class Scheduler:
    """Runs bodies as threads of which one at a time goes on; who is next is drawn whenever one `pauses`.

    >>> said = []
    >>> scheduler = Scheduler(random.Random(5))
    >>> def body(name):
    ...     for step in range(2):
    ...         said.append(name + str(step))
    ...         scheduler.pause()
    >>> scheduler.run({name: lambda name=name: body(name) for name in "ab"})
    {}
    >>> sorted(said), said.index("a0") < said.index("a1")
    (['a0', 'a1', 'b0', 'b1'], True)
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._turns: dict[str, threading.Semaphore] = {}
        self._done = threading.Semaphore(0)
        self._mine = threading.local()
        self.failed: dict[str, BaseException] = {}

    def run(self, bodies: dict[str, Callable[[], None]]) -> dict[str, BaseException]:
        """Run all to their ends; gives what each that did not come to its end raised."""
        self.failed = {}
        self._turns = {name: threading.Semaphore(0) for name in bodies}
        threads = [
            threading.Thread(target=self._body, args=(name, body), daemon=True)
            for name, body in bodies.items()
        ]
        for thread in threads:
            thread.start()
        self._next()
        for _ in threads:
            self._done.acquire()
        for thread in threads:
            thread.join()
        return self.failed

    def pause(self) -> None:
        """Let another go on, perhaps. Outside of a run nothing happens."""
        name = getattr(self._mine, "name", None)
        if name is None or len(self._turns) < 2:
            return
        chosen = self._rng.choice(list(self._turns))
        if chosen != name:
            self._turns[chosen].release()
            self._turns[name].acquire()

    def _body(self, name: str, body: Callable[[], None]) -> None:
        self._mine.name = name
        self._turns[name].acquire()
        try:
            body()
        except BaseException as error:  # noqa: BLE001 - told to who runs them
            self.failed[name] = error
        finally:
            del self._turns[name]
            self._next()
            self._done.release()

    def _next(self) -> None:
        if self._turns:
            self._turns[self._rng.choice(list(self._turns))].release()
