"""What whoever leads does, again and again: draw, settle, watch, learn. Two may do it at once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Literal

from calibrant.assembly.sections import Learning
from calibrant.errors import UnusableInput
from calibrant.gateway.learner import Learner
from calibrant.learning.contests import STATE
from calibrant.past.folding import Folding
from calibrant.protocols import Store
from calibrant.reviewing.desk import Desk
from calibrant.reviewing.settings import Reviewing
from calibrant.watching.over_time import Watching
from calibrant.watching.stored import KEPT, tell_due

from .deployed import releases

__all__ = ["STATES", "Leader"]

STATES = ("folds/reviewing", KEPT, STATE)
"""Under which the folds are kept."""

AFTER = 25
"""Labels after which maps are fitted anew."""


class Leader:
    """One process that leads, or thinks so."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        rules: Reviewing,
        promotion: Literal["by_hand", "by_test"],
    ) -> None:
        self._store, self._desk = store, Desk(store, rules, clock)
        self._watching = Watching()
        self._folding = Folding(store, [self._watching], kept=KEPT)
        pipeline: Any = SimpleNamespace(store=store, clock=clock)
        self._learner = Learner(
            pipeline, lambda: releases()[0], Learning(promotion=promotion, refit_after=AFTER)
        )

    def lead(self) -> int:
        """One round of all of it; gives how much was done."""
        done = len(self._desk.draw()) + self._desk.settle()
        while told := self._folding.go_on():
            done += told
        done += len(tell_due(self._store, self._watching))
        with suppress(UnusableInput):  # somebody promoted another release meanwhile, or there is no label yet
            self._learner.look()
        return done
