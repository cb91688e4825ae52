"""What whoever leads does, again and again: draw, settle, watch. Two may do it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from calibrant.past.folding import Fold, Folding
from calibrant.protocols import Store
from calibrant.reviewing.desk import Desk
from calibrant.reviewing.drawing import Drawing
from calibrant.reviewing.queue import Queue
from calibrant.reviewing.settings import Reviewing
from calibrant.watching.over_time import Watching
from calibrant.watching.stored import KEPT, tell_due

__all__ = ["Leader", "fresh"]

REVIEWING = "folds/reviewing"


def fresh(rules: Reviewing) -> Mapping[str, list[Fold]]:
    """Folds that were told nothing, by the name of the state in which they are kept."""
    return {REVIEWING: [Queue(), Drawing(rules)], KEPT: [Watching()]}


class Leader:
    """One process that leads, or thinks so."""

    def __init__(self, store: Store, clock: Callable[[], float], rules: Reviewing) -> None:
        self._store, self._desk = store, Desk(store, rules, clock)
        self._watching = Watching()
        self._folding = Folding(store, [self._watching], kept=KEPT)

    def lead(self) -> int:
        """One round of all of it; gives how much was done."""
        done = len(self._desk.draw()) + self._desk.settle()
        while told := self._folding.go_on():
            done += told
        return done + len(tell_due(self._store, self._watching))
