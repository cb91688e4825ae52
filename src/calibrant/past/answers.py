"""What is to be known of a kept answer by whoever follows many: numbers and names, none of its words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from sys import intern

from ..types import SECOND, Action, Completion, Confidence, Message, Reading, Record, Verdict, digest

__all__ = ["Answer", "counting", "item_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A record without its content.

    Attributes
    ----------
    record_id, time, task, domain, asked_by, release : as of the record and its question
    item : the same for answers to the same question, whoever asked it and when (`item_of`)
    model : the model's name as its answers carry it; None where none answered
    served : what the server says stands behind that name (its own name for it, `system_fingerprint`), where it says so
    signal, score : the reading that the probability was made of, else the first with a score
    prompt : digest of what that signal asks
    asked_with : how the answer was asked for, as digests (`calibrant.types.asked`), where that is known
    map_id, p, low, high : the confidence that was told, None where there was none
    why_none : why there was none
    action, threshold, held : what was decided, the probability that it was held against, and whether the answer waited
        for a person
    error : why there is no answer, None where there is one
    cut : whether the answer ended at its limit of tokens
    refused : whether the model said why it gives no answer
    cost, latency : in US dollars and seconds, of the answer and all that was asked for its sake
    content : as of the record: "stored", "hashed" or "left_out". It is "stored" also of one that was erased, since an
        event says so at its time.
    """

    record_id: str
    time: float
    item: str
    task: str | None = None
    domain: str | None = None
    asked_by: str | None = None
    release: str | None = None
    model: str | None = None
    served: str | None = None
    signal: str | None = None
    score: float | None = None
    prompt: str | None = None
    asked_with: str | None = None
    map_id: str | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None
    why_none: str | None = None
    action: Action | None = None
    threshold: float | None = None
    held: bool = False
    error: str | None = None
    cut: bool = False
    refused: bool = False
    cost: float | None = None
    latency: float | None = None
    content: str = "stored"

    @classmethod
    def of(cls, record: Record) -> Answer:
        """That of a record.

        >>> from calibrant.types import Question
        >>> question = Question(id="q", messages=(Message("user", "2 + 2?"),), task="sums")
        >>> one = Answer.of(Record(id="r", time=0.0, question=question, completion=None, error="away"))
        >>> one.task, one.p, one.error
        ('sums', None, 'away')
        """
        question, completion, decision = record.question, record.completion, record.decision
        told = record.confidence or Confidence(p=None, reason=record.error or "no signal was read")
        reading = _reading(record)
        detail = reading.detail if reading else {}
        cost, latency = (completion.cost, completion.latency) if completion else (None, None)
        if record.steps:
            latency = sum(step.latency for step in record.steps)
            costs = [step.cost for step in record.steps if step.cost is not None]
            cost = sum(costs) if costs else cost
        return cls(
            record_id=record.id, time=record.time, item=item_of(record), task=_shared(question.task),
            domain=_shared(question.domain), asked_by=_shared(question.asked_by), release=_shared(record.release),
            model=_shared(completion.model) if completion else None,
            served=_shared(_served(completion)) if completion else None,
            signal=_shared(reading.signal) if reading else None, score=reading.score if reading else None,
            prompt=_shared(detail.get("prompt")), asked_with=_shared(detail.get("asked_with")),
            map_id=_shared(told.map_id), p=told.p, low=told.low, high=told.high, why_none=told.reason,
            action=decision.action if decision else None, threshold=decision.threshold if decision else None,
            held=record.held, error=record.error,
            cut=completion is not None and completion.finish_reason == "length",
            refused=completion is not None and completion.refusal,
            cost=cost, latency=latency, content="stored" if record.content == "erased" else record.content,
        )  # fmt: skip

    @property
    def group(self) -> tuple[str | None, str | None, str | None, str | None]:
        """Task, domain, model and map: within one of these a probability means one thing."""
        return self.task, self.domain, self.model, self.map_id


def _served(completion: Completion) -> str | None:
    """What stands behind the model's name, in the server's words.

    >>> _served(Completion(text="4", model="m", served_model="m-2025-06", system_fingerprint="fp_1"))
    'm-2025-06 fp_1'
    """
    told = [one for one in (completion.served_model, completion.system_fingerprint) if one]
    return " ".join(told) or None


def _shared(name: str | None) -> str | None:
    """The one copy of a name that many answers have: each comes from the store with its own, and many are at hand."""
    return intern(name) if type(name) is str else name


def item_of(record: Record) -> str:
    """A digest of the conversation but its system prompt, without regard to case and spaces; else the question's id.

    Answers to one question are right or wrong together, so they count as one cluster. Where the content is left out or
    erased nobody can say what was asked again.

    >>> from calibrant.types import Question
    >>> asked = [Question(id=f"q{n}", messages=(Message("user", text),)) for n, text in enumerate(["Why?", " why? "])]
    >>> first, second = (item_of(Record(id="r", time=0.0, question=one, completion=None)) for one in asked)
    >>> first == second
    True
    """
    question = record.question
    if record.content in ("left_out", "erased"):
        return question.id
    said = [_said(one) for one in question.messages if one.role not in ("system", "developer")]
    return digest(said) if any(text for _, text, _ in said) else question.id


def _said(message: Message) -> tuple[str, str, str | None]:
    return message.role, " ".join(message.content.split()).casefold(), message.parts


def _reading(record: Record) -> Reading | None:
    told = record.confidence
    decided = told and told.fingerprint and told.fingerprint.signal
    with_scores = [reading for reading in record.readings if reading.score is not None]
    named = [reading for reading in with_scores if reading.signal == decided]
    return next(iter((*named, *with_scores)), None)


def counting(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict of several on a record that counts: one that was asked for, else one of known propensity, else any.

    Of several alike it is the latest, as in the rows of a store; a second reading never displaces the first.

    >>> thumb = Verdict(id="v1", record_id="r", grade=0.0, judge="user", time=2.0)
    >>> audit = Verdict(id="v2", record_id="r", grade=1.0, judge="ann", time=1.0, propensity=0.1, assignment="a1")
    >>> counting([thumb, audit]).id
    'v2'
    """
    return max(
        verdicts,
        key=lambda one: (
            one.source != SECOND,
            one.assignment is not None,
            one.propensity is not None,
            one.time,
            one.id,
        ),
        default=None,
    )
