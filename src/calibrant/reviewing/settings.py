"""How much is reviewed, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from ..protocols import Store
from ..types import Event

__all__ = ["PerTask", "Reviewing", "Told", "told_settings"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewing:
    """How many answers people are asked about, and what holds at their desk.

    Attributes
    ----------
    per_day : answers drawn in the mean of a day, beside those that are held, all of which are judged
    audit_share : of these the share that is drawn from all answers alike, confident ones included; from 0.2 to 1
    second_readers : the share of judged answers that another person judges as well
    known : a file of answers of which is known whether they are right, mixed in to see what reviewers catch
    judge_first : whether the model of [judge] judges before people do; its word counts through theirs alone
    lease_minutes : how long an answer is one reviewer's
    undo_seconds : how long a verdict can be taken back; only then does it count, and a held answer leave
    blind : whether an answer of the audit is hidden until the reviewer has said what the answer should be
    cost_of_error : what a wrong answer costs, in units of one's own; tasks where it is dearer are asked about more
    promise_minutes : within how many a held answer is to be judged, for the pages to say
    seed : of all draws
    """

    per_day: float = 50.0
    audit_share: float = 0.2
    second_readers: float = 0.1
    known: str | None = None
    judge_first: bool = False
    lease_minutes: float = 10.0
    undo_seconds: float = 10.0
    blind: bool = True
    cost_of_error: float = 1.0
    promise_minutes: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("per_day", "lease_minutes", "cost_of_error"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is a number above 0; got {getattr(self, name)!r}.")
        if not 0.2 <= self.audit_share <= 1.0:
            raise ValueError(
                "audit_share is from 0.2 to 1: without a fifth drawn from all answers alike nothing could contradict "
                f"the confident ones. Got {self.audit_share!r}."
            )
        if not 0.0 <= self.second_readers <= 1.0:
            raise ValueError(f"second_readers is a share from 0 to 1; got {self.second_readers!r}.")
        if not 0.0 <= self.undo_seconds <= 3600.0:
            raise ValueError(f"undo_seconds is from 0 to 3600; got {self.undo_seconds!r}.")
        if self.promise_minutes is not None and not self.promise_minutes > 0:
            raise ValueError(f"promise_minutes is a number above 0; got {self.promise_minutes!r}.")

    def of(self, task: str | None) -> Self:
        """Itself, whatever the task: settings that no task has otherwise."""
        del task
        return self


class PerTask(Protocol):
    """The settings of each task."""

    def of(self, task: str | None) -> Reviewing:
        """Those of a task."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """Settings as the past tells of them: for all tasks, and for those that had their own."""

    usual: Reviewing
    tasks: Mapping[str, Reviewing] = field(default_factory=dict)

    def of(self, task: str | None) -> Reviewing:
        """Those of a task."""
        return self.tasks.get(task or "", self.usual)


def told_settings(store: Store, per_day: float | None = None) -> Told:
    """By what was drawn last in a store, else the usual; with another number `per_day` where one is given."""
    last = next((entry.fact for entry in store.events("drawing", newest=True)), None)
    told = Told(Reviewing())
    if isinstance(last, Event):
        own = {task: Reviewing(**rules) for task, rules in last.data["tasks"].items()}
        told = Told(Reviewing(**last.data["review"]), own)
    if per_day is None:
        return told
    same = {task for task, rules in told.tasks.items() if rules.per_day == told.usual.per_day}
    tasks = {
        task: replace(rules, per_day=per_day) if task in same else rules for task, rules in told.tasks.items()
    }
    return Told(replace(told.usual, per_day=per_day), tasks)
