"""What is known now as a fold over a store's past: it goes on after a restart, elsewhere, and again from the start."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Protocol

from ..errors import StoreError
from ..protocols import Store
from ..types import Assignment, Event, Json, Verdict
from .answers import Answer
from .reading import Past, Told

__all__ = ["Fold", "Folding"]

PAGE = 2_000
"""Entries after which the states are kept, so that little is done again after a crash."""


class Fold(Protocol):
    """What is told all that happened, in the one order of the store, and has a state that it can give and take.

    It asks no clock and looks nowhere else, so whoever is told the same knows the same: a replay gives the same state
    to the byte. What depends on the time of now takes that as an argument of a question. A fold that is of no mind
    about some kind of fact passes it over.
    """

    @property
    def name(self) -> str:
        """Under which its state is kept."""

    def answered(self, answer: Answer) -> None:
        """An answer was kept, also one that failed."""

    def assigned(self, answer: Answer, assignment: Assignment) -> None:
        """An answer is to be judged."""

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        """An answer was judged, perhaps not for the first time."""

    def happened(self, event: Event, answer: Answer | None) -> None:
        """Something else happened, to an answer where it is about one."""

    def to_dict(self) -> Json:
        """The state as plain JSON values."""

    def load(self, state: Json) -> None:
        """Take a state that `to_dict` gave in place of its own."""


class Folding:
    """Tells folds what a store holds, from where they left off.

    Where the state is `kept`, it is kept in the store with the position up to which it was told, by compare-and-set: of
    two processes that fold at once the one that comes late takes the other's state over, and nothing counts twice.

    Parameters
    ----------
    store : that is followed, or its `Past` where others of this process follow it as well
    folds : that are told, each with a name of its own
    kept : the name of the state in the store; None for a replay, which reads the whole past and keeps nothing

    Raises `StoreError` as the store does; the folds are then told again from the last state that was kept.

    >>> import tempfile
    >>> from calibrant.stores.sql import SqlStore
    >>> from calibrant.types import Question, Record
    >>> class Count:
    ...     name, answers = "count", 0
    ...     def answered(self, answer): self.answers += 1
    ...     def assigned(self, answer, assignment): pass
    ...     def judged(self, answer, verdict): pass
    ...     def happened(self, event, answer): pass
    ...     def to_dict(self): return {"answers": self.answers}
    ...     def load(self, state): self.answers = state["answers"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqlStore(f"{folder}/log.db")
    ...     store.add([Record(id="r", time=0.0, question=Question(id="q", messages=()), completion=None, error="away")])
    ...     told = [Folding(store, [Count()], kept="count").go_on() for _ in range(2)]
    ...     again = Folding(store, [count := Count()], kept="count")
    ...     print(told, again.go_on(), count.answers)
    ...     store.close()
    [1, 0] 0 1
    """

    def __init__(self, store: Store | Past, folds: Sequence[Fold], *, kept: str | None) -> None:
        self._past = store if isinstance(store, Past) else Past(store)
        self._store, self._folds, self._kept = self._past.store, {fold.name: fold for fold in folds}, kept
        if len(self._folds) < len(folds):
            raise ValueError(
                f"Each fold has a name of its own; got {', '.join(fold.name for fold in folds)}."
            )
        self._start = {fold.name: fold.to_dict() for fold in folds}
        self._version = 0
        self.position = 0
        self._sure = kept is None

    def go_on(self, most: int | None = None) -> int:
        """Tell all that came since, `most` entries or a few more at the most; gives how many were told."""
        told = 0
        while most is None or told < most:
            if not self._sure:
                self._take_over()
            try:
                page = 0
                for entry in islice(self._past.since(self.position), PAGE):
                    self._tell(entry)
                    page += 1
            except BaseException:
                self._sure = False  # the folds may be half told: they begin again with what was kept
                if self._kept is None:
                    self._reset()
                raise
            if page:
                self._keep()
                told += page
            if page < PAGE:
                break
        return told

    def _reset(self) -> None:
        for name, fold in self._folds.items():
            fold.load(self._start[name])
        self.position = 0
        self._sure = self._kept is None

    def _take_over(self) -> None:
        """Begin with what is kept: where another fold was added since, all begin anew, for none may lack a part."""
        assert self._kept is not None
        version, value = self._store.state(self._kept)
        self._version = version
        states = value["states"] if isinstance(value, dict) else {}
        if set(states) == set(self._folds):
            for name, fold in self._folds.items():
                fold.load(states[name])
            self.position = value["position"]
        else:
            self._reset()
        self._sure = True

    def _keep(self) -> None:
        if self._kept is None:
            return
        states = {name: fold.to_dict() for name, fold in self._folds.items()}
        value = {"position": self.position, "states": states}
        if self._store.set_state(self._kept, value, self._version):
            self._version += 1
        else:
            self._sure = False  # somebody else went on: theirs is taken over

    def _tell(self, entry: Told) -> None:
        fact = entry.fact
        if isinstance(fact, Answer):
            for fold in self._folds.values():
                fold.answered(fact)
        elif isinstance(fact, Assignment):
            about = self._answer(fact.record_id)
            for fold in self._folds.values():
                fold.assigned(about, fact)
        elif isinstance(fact, Verdict):
            about = self._answer(fact.record_id)
            for fold in self._folds.values():
                fold.judged(about, fact)
        else:
            of = None if fact.about is None else self._past.answer(fact.about)
            for fold in self._folds.values():
                fold.happened(fact, of)
        self.position = entry.position

    def _answer(self, record_id: str) -> Answer:
        found = self._past.answer(record_id)
        if found is None:
            raise StoreError(
                f"The store has a verdict on the record {record_id}, and not the record: calibrant verify STORE."
            )
        return found
