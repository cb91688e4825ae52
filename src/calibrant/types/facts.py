"""What is decided about an answer, and what is kept of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from .asks import Completion, Json, Question
from .confidences import Confidence, Reading, Step

__all__ = [
    "SECOND", "Action", "Assignment", "Broken", "Decision", "Entry", "Erased", "Event", "Fact", "Head", "Linked",
    "Record", "Verdict", "Verified", "Which",
]  # fmt: skip


class Action(StrEnum):
    """What to do with an answer, from the freest to the most careful.

    Sent as it is; sent with a disclaimer; read by a person before it is sent; handed to a person, unsent.

    >>> Action("review").needs_person, Action.DISCLAIM.needs_person
    (True, False)
    """

    ANSWER = "answer"
    DISCLAIM = "disclaim"
    REVIEW = "review"
    HAND_OFF = "hand_off"

    @property
    def needs_person(self) -> bool:
        """Whether a person comes before the answer is used."""
        return self in (Action.REVIEW, Action.HAND_OFF)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The action, the threshold that fired (None where no number was at hand), and why, in a sentence.

    The threshold is a probability in [0, 1].

    >>> import calibrant
    >>> from calibrant.plugins import find
    >>> find("policies", "bands")().decide(calibrant.Confidence(p=0.7)).action
    <Action.DISCLAIM: 'disclaim'>
    """

    action: Action
    threshold: float | None
    why: str

    def noting(self, confidence: Confidence) -> Decision:
        """The same decision, which says so where a map stood in, rests on few answers, or may not be for this one."""
        said = [self.why]
        if confidence.stand_in is not None:
            said.append(f"There is no map for exactly this; the one for {confidence.stand_in} stood in.")
        if confidence.caution is not None:
            said.append(f"The map may not hold for this answer: {confidence.caution}.")
        if confidence.few:
            said.append(f"The map rests on {confidence.verdicts} labelled answers only.")
        return self if len(said) == 1 else replace(self, why=" ".join(said))


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Everything needed to explain a decision later. Written once, never changed.

    `release` is the id of the `calibrant.releases.release.Release` that answered, None where there was none. `content`
    says what is there of question and answer: "stored", all; "hashed", their SHA-256; "left_out" and "erased", nothing.
    `held` says that the answer was not sent, since a person comes first and the gate was shut.
    """

    id: str
    time: float
    question: Question
    completion: Completion | None
    readings: tuple[Reading, ...] = ()
    confidence: Confidence | None = None
    steps: tuple[Step, ...] = ()
    decision: Decision | None = None
    policy: str | None = None
    error: str | None = None
    release: str | None = None
    version: int = 1
    content: Literal["stored", "hashed", "left_out", "erased"] = "stored"
    held: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """That a record is to be judged: drawn with probability `propensity` (1e-6 to 1), for that `reason`.

    Reasons of calibrant's own: "audit" (chance alone, over all answers), "doubt" (its verdict tells more than most),
    "domain" (few of its kind are judged), "held" (somebody waits for it) and "second" (another person reads it
    too). The propensity is that of the record under all ways in which it could have been drawn.
    """

    id: str
    record_id: str
    propensity: float
    reason: str
    time: float

    def __post_init__(self) -> None:
        _check_propensity(self.propensity)


SECOND = "second"
"""The source of a verdict by a second reader, which says how far readers agree and does not displace the first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Right (1), wrong (0), or a grade between, given to a record. `id` makes repeated delivery harmless.

    `propensity`, from 1e-6 to 1, is the probability with which this record was chosen to be judged; the
    verdict counts 1/propensity. It is that of the `assignment` (an id) which the verdict cites. A verdict from
    elsewhere, such as an imported one, cites none and may state its own. None where nobody knows it: a
    user who chose to complain was not drawn, and the verdict is kept but does not count. `correction` is what the
    answer should have been.
    """

    id: str
    record_id: str
    grade: float
    judge: str
    time: float
    propensity: float | None = None
    source: str = "reviewer"
    comment: str | None = None
    assignment: str | None = None
    correction: str | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.grade <= 1.0:
            raise ValueError(f"A grade lies in [0, 1] (0 wrong, 1 right); got {self.grade!r}.")
        if self.propensity is not None:
            _check_propensity(self.propensity)

    @property
    def propensity_from(self) -> Literal["assignment", "stated"] | None:
        """Whether calibrant issued the propensity, or somebody stated it, or nobody knows it."""
        if self.assignment is not None:
            return "assignment"
        return None if self.propensity is None else "stated"


def _check_propensity(value: float) -> None:
    if not 1e-6 <= value <= 1.0:
        raise ValueError(
            f"A propensity is the probability of having been asked for, from 0.000001 to 1; got {value!r}."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What happened beside answers and verdicts; `about` is the id of what it happened to, if of one thing.

    Kinds of calibrant's own: "promotion" (a release answers from now on), "held" (an answer waits for a person),
    "reviewed" (a person decided about it), "skipped" (a reviewer gave an item back, with a reason), "known" (a reviewer
    judged an answer of which is known whether it is right), "anchor" (a model judge did), "drawing" (by which settings
    it is drawn who is asked about what), "delivery" (somebody was told), "configuration" (the release of a server's own
    file, as it started), "alarm" (of a monitor), "resolved" (somebody ended an alarm, with a reason), "change" (another
    model answers, a prompt is another, a share has moved), "proposal" (a map challenges the one in force),
    "certificate" (a promise was issued anew) and "erasure" (of a record's content). Others may have theirs.
    """

    id: str
    kind: str
    time: float
    about: str | None = None
    data: Json = field(default_factory=dict)


Fact = Record | Assignment | Verdict | Event
"""What a store keeps. Written once, never changed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact and its place in the one order of a store's past: 1, 2, 3 and so on."""

    position: int
    fact: Fact


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a store's chain: the position of its last entry, and the digest that stands for all up to it.

    Whoever keeps it elsewhere can tell later that nothing before it was changed or cut off. Raises `ValueError`.

    >>> str(Head.of(f"12:{'a' * 64}"))[:8]
    '12:aaaaa'
    """

    position: int
    chain: str

    @classmethod
    def of(cls, text: str) -> Head:
        """As `str` writes it."""
        position, _, chain = text.strip().partition(":")
        if not (position.isascii() and position.isdigit() and re.fullmatch("[0-9a-f]{64}", chain)):
            raise ValueError(
                f"Expected a head as `calibrant verify` prints it, POSITION:DIGEST; got {text!r}."
            )
        return cls(int(position), chain)

    def __str__(self) -> str:
        return f"{self.position}:{self.chain}"


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a chain does not hold first: the position, kind and id of the entry as far as they are known, and why."""

    position: int
    kind: str | None
    id: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Linked:
    """Where a fact stands in a chain: its position, the digests before, at and after it, and why its link breaks.

    None for what is not there; `broken` is None where the link holds.
    """

    position: int
    before: str | None
    chain: str | None
    after: str | None
    broken: str | None


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of following a chain: the number of entries that hold, how many of them are erased, and the end.

    `broken` is the first place where it does not hold, None where all does; `head` is then None.
    """

    entries: int
    erased: int
    head: Head | None
    broken: Broken | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Which:
    """Records whose content is to be erased: those for which all holds that is stated; raises `ValueError` for nothing.

    `records` and `questions` are ids, `before` is in seconds since the epoch, `tasks` are the tasks that they are of
    and `other_tasks` those that they are not of; `mentions` is a text that their content holds, as it stands there.
    """

    records: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    before: float | None = None
    tasks: tuple[str, ...] = ()
    other_tasks: tuple[str, ...] = ()
    mentions: str | None = None

    def __post_init__(self) -> None:
        if not (self.records or self.questions or self.before is not None or self.tasks or self.mentions):
            raise ValueError(
                "Expected which records: their ids, their questions, before when, their tasks, or what they mention."
            )


@dataclass(frozen=True, slots=True)
class Erased:
    """How many records lost their content, and how many further verdicts their words.

    `wiped` says whether the file holds nothing of it any more, as far as the store can tell.
    """

    records: int
    verdicts: int
    wiped: bool
