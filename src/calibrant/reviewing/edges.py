"""From which probability on answers go without a person, as the policy of each task in force shows it."""

from __future__ import annotations

from typing import Any

from ..past.answers import Answer

__all__ = ["Edges"]


class Edges:
    """Follows the thresholds that answers which went were held against; those of one release, since others have others.

    >>> from calibrant.types import Action
    >>> edges = Edges()
    >>> for action, threshold in ((Action.REVIEW, 0.4), (Action.ANSWER, 0.85), (Action.DISCLAIM, 0.6)):
    ...     told = dict(record_id="r", time=0.0, item="q", task="law", action=action, threshold=threshold)
    ...     edges.seen(Answer(**told))
    ...     print(edges.of("law"), end=" ")
    None 0.85 0.6
    """

    def __init__(self) -> None:
        self._of: dict[str, tuple[str | None, dict[str, float]]] = {}

    def seen(self, answer: Answer) -> None:
        """An answer was decided about."""
        release, floors = self._of.get(answer.task or "", (answer.release, {}))
        if release != answer.release:
            floors = {}
        if answer.action is not None and answer.threshold is not None and not answer.action.needs_person:
            floors = {**floors, str(answer.action): answer.threshold}
        self._of[answer.task or ""] = answer.release, floors

    def of(self, task: str | None) -> float | None:
        """The lowest of a task; None where none of its answers went by one."""
        _, floors = self._of.get(task or "", (None, {}))
        return min(floors.values(), default=None)

    def to_list(self) -> list[Any]:
        """Plain values."""
        return [[task, release, floors] for task, (release, floors) in self._of.items()]

    @classmethod
    def of_list(cls, state: list[Any]) -> Edges:
        """As `to_list` gave them."""
        made = cls()
        made._of = {task: (release, dict(floors)) for task, release, floors in state}
        return made
