"""Answers of which is known whether they are right, mixed into the queue to see what reviewers catch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..types import Completion, Question, Record, digest
from .queue import Open

__all__ = ["Known", "KnownItems"]

SHARE = 0.05
"""One in so many of what a reviewer is asked is known, where there are known items that they have not seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A question, an answer to it, and its true grade in [0, 1]."""

    id: str
    question: Question
    answer: Completion
    grade: float


class KnownItems:
    """The known items as each reviewer meets them, once each and looking like items of the audit."""

    def __init__(self, known: Iterable[Known], seed: int) -> None:
        self._known, self._seed = {one.id: one for one in known}, seed

    def due(self, reviewer: str, judged: int, seen: Collection[str], waiting: Collection[str]) -> Open | None:
        """The one that is this reviewer's next item, about one time in twenty, else None.

        Drawn by how many they `judged`, so that to ask again is no new draw; none that they have `seen`, and none whose
        item is `waiting` to become a verdict.
        """
        left = [one for id, one in self._known.items() if id not in seen]
        left = [one for one in left if self.item_id(one, reviewer) not in waiting]
        turn = digest([self._seed, "known", reviewer, judged])
        if not left or int(turn[:8], 16) / 2**32 >= SHARE:
            return None
        return self._open(left[int(turn[8:], 16) % len(left)], reviewer)

    def open(self, item_id: str, reviewer: str) -> Open | None:
        """The item of that id, if it is a known one of this reviewer's."""
        found = (one for one in self._known.values() if self.item_id(one, reviewer) == item_id)
        known = next(found, None) if item_id.startswith("known-") else None
        return None if known is None else self._open(known, reviewer)

    def truth(self, item: Open, reviewer: str) -> float | None:
        """The true grade of a known item, None of any other."""
        known = self._known.get(item.record_id)
        return known.grade if known is not None and self.item_id(known, reviewer) == item.id else None

    def record(self, item: Open, reviewer: str) -> Record | None:
        """A known item as a record, None of any other."""
        if self.truth(item, reviewer) is None:
            return None
        known = self._known[item.record_id]
        return Record(id=known.id, time=item.time, question=known.question, completion=known.answer)

    @staticmethod
    def item_id(known: Known, reviewer: str) -> str:
        """The item by which a reviewer is asked about it."""
        return f"known-{known.id}-{digest(reviewer)}"

    def _open(self, known: Known, reviewer: str) -> Open:
        question = known.question
        return Open(
            id=self.item_id(known, reviewer), record_id=known.id, reason="audit", propensity=SHARE, time=0.0,
            task=question.task, domain=question.domain,
        )  # fmt: skip
