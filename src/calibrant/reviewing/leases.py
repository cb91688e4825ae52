"""Who has which item and what can still be taken back: one state of the store, replaced by compare-and-set."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from time import sleep
from typing import Any, TypeVar

from ..errors import StoreError
from ..protocols import Store

__all__ = ["Leases", "State"]

STATE = "reviewing/desk"

TRIES = 200
"""Attempts to change the state while others do."""

KEPT = 86400.0
"""Seconds for which a lease that ran out is remembered, with what its reviewer had said already."""

State = dict[str, dict[str, dict[str, Any]]]
"""`leases` and `pending` submissions, both by item."""

Result = TypeVar("Result")


class Leases:
    """Changes the state where nobody else did meanwhile, and looks again where somebody did.

    `look` is called after the state was read and before it is changed: what was taken out of the state as done is then
    seen as done, and by nobody as open. `lock` is held meanwhile by the threads of one process.
    """

    def __init__(self, store: Store, look: Callable[[], object], clock: Callable[[], float]) -> None:
        self._store, self._look, self._clock = store, look, clock
        self.lock = threading.Lock()

    def change(self, change: Callable[[State], tuple[Result, bool]]) -> Result:
        """What `change` gives for the newest state; it says beside whether it changed it. It may be called again."""
        with self.lock:
            for attempt in range(TRIES):
                version, value = self._store.state(STATE)
                state: State = value or {"leases": {}, "pending": {}}
                self._look()
                result, changed = change(state)
                if not changed:
                    return result
                now = self._clock()
                state["leases"] = {
                    id: one for id, one in state["leases"].items() if one["until"] + KEPT > now
                }
                if self._store.set_state(STATE, state, version):
                    return result
                sleep(random.uniform(0.0, 0.002 * min(attempt + 1, 25)))
        raise StoreError("The review desk is changed by others without a pause. Try again.")

    def due(self, now: float) -> bool:
        """Whether something can no longer be taken back, or was about to be a verdict when its process ended."""
        _, state = self._store.state(STATE)
        pending = state["pending"].values() if state else ()
        return any(one["settling"] or one["until"] <= now for one in pending)
