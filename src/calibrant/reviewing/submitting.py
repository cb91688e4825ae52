"""What a reviewer has submitted, from the moment it is kept until it is a verdict: it can be taken back meanwhile."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from ..errors import BadRequest, DifferentContent
from ..protocols import Store
from ..types import SECOND, Confidence, Event, Fact, Json, Record, Verdict, digest
from .deciding import Review
from .leases import State

__all__ = ["Submission", "Submitted", "checked_grade", "checked_text", "pending_on", "settle"]

WORDS = 100_000
"""Characters of a correction, a note or an own answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A verdict that can still be taken back, until `until`.

    `late` says that somebody else's comes first, `own` is what the reviewer said before the answer was shown.

    `truth` is the grade that a known item has; it becomes an event, and no verdict. `settling` says that it is about to
    be a verdict, so that it is too late to take it back.
    """

    item: str
    record_id: str
    reason: str
    judge: str
    grade: float
    at: float
    until: float
    correction: str | None = None
    note: str | None = None
    own: str | None = None
    held: bool = False
    late: bool = False
    truth: float | None = None
    settling: bool = False

    @property
    def key(self) -> str:
        """Of an item there is one that counts, and of each late reviewer one beside it."""
        return f"{self.item}~{self.judge}" if self.late else self.item

    @property
    def ids(self) -> tuple[str, str, str]:
        """Of the verdicts that it may become: of an item, of a held answer, and late."""
        return f"verdict-{self.item}", f"review-{self.record_id}", f"late-{self.item}-{digest(self.judge)}"

    @property
    def comment(self) -> str | None:
        """What stands beside the verdict."""
        parts = [f"Own answer: {self.own}" if self.own else "", self.note or ""]
        return "\n".join(part for part in parts if part) or None

    def to_dict(self) -> Json:
        """Plain values."""
        return asdict(self)

    def facts(self, record: Record | None) -> tuple[Fact, ...]:
        """What it becomes. Ids follow from item and reviewer, so that done twice is done once."""
        if self.truth is not None:
            told = {"item": self.record_id, "judge": self.judge, "grade": self.grade, "truth": self.truth}
            return (Event(id=f"event-{self.item}", kind="known", time=self.at, data=told),)
        usual, _, late = self.ids
        if self.late or record is None:
            return (self._verdict(late, SECOND, None),)
        if not self.held:
            return (self._verdict(usual, SECOND if self.reason == SECOND else "reviewer", self.item),)
        review = Review.of(
            judge=self.judge, grade=self.grade, correction=self.correction, note=self.comment, assignment=self.item
        )  # fmt: skip
        verdict, event = review.facts(record, self.at, None)
        return verdict, replace(event, time=self.until)  # only then is it decided

    def _verdict(self, id: str, source: str, assignment: str | None) -> Verdict:
        return Verdict(
            id=id, record_id=self.record_id, grade=self.grade, judge=self.judge, time=self.at, source=source,
            comment=self.comment, correction=self.correction, assignment=assignment,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """What became of a submission: kept, and to be taken back until `until`; `late` where another's verdict holds.

    `confidence` is what was told with the answer, which the reviewer may know now, and `earlier` are the verdicts of
    others on it.
    """

    item_id: str
    record_id: str
    grade: float
    until: float
    late: bool
    confidence: Confidence | None
    earlier: tuple[Verdict, ...] = ()

    def to_dict(self) -> Json:
        """Plain values, for a page or a client."""
        told = self.confidence
        numbers = {name: getattr(told, name, None) for name in ("p", "low", "high")}
        earlier = [{"judge": one.judge, "grade": one.grade, "time": one.time} for one in self.earlier]
        own = {name: getattr(self, name) for name in ("item_id", "record_id", "grade", "until", "late")}
        return {**own, **numbers, "earlier": earlier}


def pending_on(item_id: str, state: State) -> list[Submission]:
    """What of an item can still be taken back."""
    return [Submission(**each) for each in state["pending"].values() if each["item"] == item_id]


def settle(store: Store, one: Submission) -> None:
    """Make a verdict of a submission; where somebody else's was first, a second reading. Done twice it is done once."""
    record = None if one.truth is not None else store.record(one.record_id)
    if record is not None and record.content == "erased":
        one = replace(
            one, correction=None, note=None, own=None
        )  # words about what is erased would bring some of it back
    try:
        store.add(one.facts(record))
    except DifferentContent:
        store.add(replace(one, late=True).facts(record))


def checked_grade(grade: Any) -> float:
    """A grade, or `BadRequest`: nothing is submitted without one."""
    if isinstance(grade, bool) or not isinstance(grade, int | float) or not 0.0 <= grade <= 1.0:
        raise BadRequest(
            "Expected a grade from 0 (wrong) to 1 (right): nothing is submitted without a verdict. "
            f"Got {grade!r:.50}.",
            "grade",
            code="no_verdict",
        )
    return float(grade)


def checked_text(text: str | None, name: str) -> str | None:
    """A text that every store can keep, None where nothing is said; raises `BadRequest`."""
    if text is None or not text.strip():
        return None
    if len(text) > WORDS:
        raise BadRequest(f"{name} has {len(text):,} characters; at most {WORDS:,} are kept.", name)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRequest(f"{name} holds half a surrogate pair, which is no text.", name) from error
    if "\0" in text:
        raise BadRequest(f"{name} holds a NUL, which no database can keep.", name)
    return text
