"""Answers of which is known whether they are right, mixed into the queue to see what reviewers catch."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UnusableInput
from ..types import Completion, Message, Question, Record, digest
from .queue import Open

__all__ = ["Known", "KnownItems", "load_known"]

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
        turn = digest([self._seed, "known", reviewer, judged])
        if int(turn[:8], 16) / 2**32 >= SHARE:
            return None
        left = [one for id, one in self._known.items() if id not in seen]
        left = [one for one in left if self.item_id(one, reviewer) not in waiting]
        if not left:
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


def load_known(path: str | Path) -> tuple[Known, ...]:
    """The known items of a file of JSON lines, each with `question`, `answer` and `correct`.

    `correct` is true, false or a grade in [0, 1]; `task`, `domain` and `id` may stand beside.

    Raises `UnusableInput` that names the line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "known.jsonl")
    ...     _ = file.write_text('{"question": "2 + 2?", "answer": "5", "correct": false}')
    ...     (one,) = load_known(file)
    >>> one.question.text, one.answer.text, one.grade
    ('2 + 2?', '5', 0.0)
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"[review] known: expected a file of JSON lines at {path}: {error}.") from error
    found = [_known(line, f"{path}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]
    if len({one.id for one in found}) < len(found):
        raise UnusableInput(
            f"[review] known: two items of {path} are the same, or have the same id. Drop one."
        )
    return tuple(found)


def _known(line: str, where: str) -> Known:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UnusableInput(f"[review] known: {where} is no JSON: {error}.") from error
    texts = [row.get(name) for name in ("question", "answer")] if isinstance(row, dict) else []
    grade = row.get("correct") if isinstance(row, dict) else None
    if not texts or not all(isinstance(one, str) and one.strip() for one in texts):
        raise UnusableInput(f"[review] known: {where} has no question and answer that are texts.")
    if not isinstance(grade, int | float) or not 0 <= grade <= 1:
        raise UnusableInput(
            f'[review] known: {where}: expected "correct" as true, false or 0 to 1; got {grade!r:.50}.'
        )
    id = str(row.get("id") or digest(texts))
    task, domain = (None if row.get(name) is None else str(row[name]) for name in ("task", "domain"))
    question = Question(id=id, messages=(Message("user", str(texts[0])),), task=task, domain=domain)
    return Known(
        id=id, question=question, answer=Completion(text=str(texts[1]), model=""), grade=float(grade)
    )
