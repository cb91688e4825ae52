"""Records and verdicts as plain JSON and as flat log rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from ..errors import StoreError
from ..types import (
    Action,
    Completion,
    Confidence,
    Decision,
    Fingerprint,
    Message,
    Probability,
    Question,
    Reading,
    Record,
    Sampling,
    Score,
    Step,
    Token,
    ToolCall,
    Usage,
    Verdict,
)

__all__ = [
    "COLUMNS",
    "GOLD_SEPARATOR",
    "completion_from_dict",
    "completion_to_dict",
    "question_from_dict",
    "question_to_dict",
    "record_from_dict",
    "record_to_dict",
    "rows_of",
    "verdict_from_dict",
    "verdict_to_dict",
]

VERSION = 1
"""Version of the JSON of records and verdicts that is written; every earlier one can be read."""

GOLD_SEPARATOR = " | "
"""Stands between several acceptable answers in the column `gold`."""

COLUMNS = (
    "record_id",
    "item_id",
    "task",
    "domain",
    "model",
    "signal",
    "question",
    "answer",
    "gold",
    "score",
    "correct",
    "reason",
    "prompt",
    "parameters",
    "time",
    "latency",
    "cost",
    "calls",
    "tokens",
    "p",
    "finish_reason",
    "asked_with",
)
"""The columns of a log, in order. `prompt` and `parameters` are digests of what the signal asked and how, and
`asked_with` tells how the answer was asked for."""


LATER_COUNTS = ("cached_tokens", "reasoning_tokens", "details")
LATER_MEMBERS = (
    "reasoning", "refusal", "message", "choice", "system_fingerprint", "service_tier", "served_model",
)  # fmt: skip
"""What a usage and a completion have said since records were first kept."""


def rows_of(record: Record, verdict: Verdict | None = None) -> Iterator[dict[str, Any]]:
    """One flat row per signal of a record; a record without readings gives one row with its error.

    `score` is the raw signal in [0, 1] or None with a `reason`, `correct` the grade in [0, 1] or
    None where nobody judged, `time` in seconds since the epoch, `latency` in seconds, `cost` in US dollars.
    These are the answer's own; `calls` and `tokens` are what the signal's further calls used, read and
    written together, where that was counted. Calls that signals share are counted for each of them. `p` is the
    calibrated probability that was told with the answer, the same on each of its rows, or None. `finish_reason`
    is why the answer ended: "stop", or "length" where it was cut off at its limit of tokens. What the steps of a
    route tell as data (`Step.detail`) stands in further columns, the last step's where several tell the same.

    >>> question = Question(id="q1", messages=(Message("user", "2 + 2?"),), references=("4",))
    >>> row, = rows_of(Record(id="r1", time=0.0, question=question, completion=None, error="server down"))
    >>> row["question"], row["gold"], row["score"], row["reason"]
    ('2 + 2?', '4', None, 'server down')
    """
    for reading in record.readings:
        score = None if reading.score is None else float(reading.score)
        yield _row(record, verdict, reading.signal, score, reading.reason, reading.detail)
    if not record.readings:
        yield _row(record, verdict, None, None, record.error or "no signal was read", {})


def _row(
    record: Record,
    verdict: Verdict | None,
    signal: str | None,
    score: float | None,
    reason: str | None,
    detail: Mapping[str, Any],
) -> dict[str, Any]:
    question, completion = record.question, record.completion
    told = {name: value for step in record.steps for name, value in step.detail.items()}
    row = {
        "record_id": record.id,
        "item_id": question.id,
        "task": question.task,
        "domain": question.domain,
        "model": completion and completion.model,
        "signal": signal,
        "question": question.text,
        "answer": completion and completion.text,
        "gold": GOLD_SEPARATOR.join(question.references) or None,
        "score": score,
        "correct": verdict and verdict.grade,
        "reason": reason,
        "prompt": detail.get("prompt"),
        "parameters": detail.get("parameters"),
        "time": record.time,
        "latency": completion and completion.latency,
        "cost": completion and completion.cost,
        "calls": detail.get("calls"),
        "tokens": detail.get("call_tokens"),
        "p": record.confidence and record.confidence.p,
        "finish_reason": completion and completion.finish_reason,
        "asked_with": detail.get("asked_with"),
    }
    return row | {name: value for name, value in told.items() if name not in row}


def _shallow(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _known(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Only the fields that this version knows, so that a later writer's additions do no harm."""
    return {name: data[name] for name in kind.__dataclass_fields__ if name in data}


def _message_to_json(message: Message) -> dict[str, Any]:
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        data["tool_calls"] = [_shallow(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        data["tool_call_id"] = message.tool_call_id
    if message.parts is not None:
        data["parts"] = message.parts
    if message.extra is not None:
        data["extra"] = message.extra
    return data


def _message_from_json(data: Mapping[str, Any]) -> Message:
    calls = tuple(ToolCall(**_known(ToolCall, call)) for call in data.get("tool_calls", ()))
    further = (data.get("tool_call_id"), data.get("parts"), data.get("extra"))
    return Message(data["role"], data["content"], calls, *further)


def question_to_dict(question: Question) -> dict[str, Any]:
    """A question as JSON values."""
    settings = question.settings.stated
    shallow = _shallow(question)
    for name in ("format", "put_by", "asked_with", "asked_by"):
        if shallow[name] is None:
            del shallow[name]  # as those were written that knew of none
    return shallow | {
        "messages": [_message_to_json(message) for message in question.messages],
        "references": list(question.references),
        "metadata": dict(question.metadata),
        "settings": settings | ({"stop": list(settings["stop"])} if "stop" in settings else {}),
    }


def question_from_dict(data: Mapping[str, Any]) -> Question:
    """The question that `question_to_dict` wrote, or an earlier version, which put the settings into the metadata."""
    known = _known(Question, data)
    metadata = dict(data.get("metadata", {}))
    settings = _known(Sampling, data["settings"] if "settings" in data else metadata.pop("ask", {}))
    if "stop" in settings:
        settings["stop"] = tuple(settings["stop"])
    known |= {"metadata": metadata, "settings": Sampling(**settings)}
    known["messages"] = tuple(_message_from_json(message) for message in data["messages"])
    known["references"] = tuple(data.get("references", ()))
    return Question(**known)


def completion_to_dict(completion: Completion) -> dict[str, Any]:
    """A completion as JSON values; a token becomes `[text, logprob, [[alternative, logprob], ...]]`.

    A log-probability that is not a number becomes null.
    What earlier versions knew nothing of is left out where it says nothing.
    """
    tokens = completion.tokens
    usage = completion.usage
    data = {
        "text": completion.text,
        "model": completion.model,
        "tokens": None
        if tokens is None
        else [
            [text, None if logprob != logprob else logprob, _pairs(top) if top else []]
            for text, logprob, top in tokens
        ],
        "tool_calls": [_shallow(call) for call in completion.tool_calls],
        "finish_reason": completion.finish_reason,
        "usage": {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
        | {name: value for name in LATER_COUNTS if (value := getattr(usage, name))},
        "cost": completion.cost,
        "latency": completion.latency,
        "extra": completion.extra,
    }
    return data | {name: value for name in LATER_MEMBERS if (value := getattr(completion, name))}


def _pairs(top: tuple[tuple[str, float], ...]) -> list[list[str | float | None]]:
    return [[word, None if logprob != logprob else logprob] for word, logprob in top]


_token: Callable[[tuple[Any, ...]], Token] = partial(tuple.__new__, Token)
"""`Token._make` without its look at the length, which costs as much as the token."""


def _tokens(listed: list[Any]) -> tuple[Token, ...]:
    if not listed:
        return ()
    texts, logprobs, tops = zip(*listed, strict=True)
    numbers = logprobs if None not in logprobs else [math.nan if one is None else one for one in logprobs]
    others = [_alternatives(top) for top in tops] if any(tops) else [()] * len(tops)
    return tuple(map(_token, zip(texts, numbers, others, strict=True)))


def _alternatives(pairs: list[list[Any]]) -> tuple[tuple[str, float], ...]:
    return tuple([(word, math.nan if logprob is None else logprob) for word, logprob in pairs])


def completion_from_dict(data: Mapping[str, Any]) -> Completion:
    """The completion that `completion_to_dict` wrote.

    >>> done = Completion(text="4", model="m", tokens=(Token("4", -0.1, (("4", -0.1), ("5", -3.0))),))
    >>> completion_from_dict(completion_to_dict(done)) == done
    True
    """
    known = _known(Completion, data)
    if known.get("tokens") is not None:
        known["tokens"] = _tokens(known["tokens"])
    known["tool_calls"] = tuple(ToolCall(**_known(ToolCall, call)) for call in data.get("tool_calls", ()))
    known["usage"] = Usage(**_known(Usage, data.get("usage", {})))
    return Completion(**known)


def _confidence_from_json(data: Mapping[str, Any]) -> Confidence:
    known = _known(Confidence, data)
    if known["p"] is not None:
        known["p"] = Probability(known["p"])
    if known.get("fingerprint") is not None:
        known["fingerprint"] = Fingerprint(**_known(Fingerprint, known["fingerprint"]))
    return Confidence(**known)


def _confidence_to_json(confidence: Confidence) -> dict[str, Any]:
    mark = confidence.fingerprint
    data = _shallow(confidence) | {"fingerprint": None if mark is None else mark.to_dict()}
    if confidence.caution is None:
        del data["caution"]  # as those were written that knew of none
    return data


def _reading_from_json(data: Mapping[str, Any]) -> Reading:
    known = _known(Reading, data)
    if known["score"] is not None:
        known["score"] = Score(known["score"])
    return Reading(**known)


def _step_to_json(step: Step) -> dict[str, Any]:
    """Without an empty detail, as those were written that knew of none."""
    data = _shallow(step) | {"detail": dict(step.detail)}
    if not step.detail:
        del data["detail"]
    return data


def record_to_dict(record: Record) -> dict[str, Any]:
    """A record as JSON values (version 1); `record_from_dict` is its inverse."""
    completion, confidence, decision = record.completion, record.confidence, record.decision
    shallow = _shallow(record)
    # As those were written that knew of none, so that adding one again changes nothing.
    if record.release is None:
        del shallow["release"]
    if record.content == "stored":
        del shallow["content"]
    if not record.held:
        del shallow["held"]
    return shallow | {
        "question": question_to_dict(record.question),
        "completion": None if completion is None else completion_to_dict(completion),
        "readings": [_shallow(reading) | {"detail": dict(reading.detail)} for reading in record.readings],
        "confidence": None if confidence is None else _confidence_to_json(confidence),
        "steps": [_step_to_json(step) for step in record.steps],
        "decision": None if decision is None else _shallow(decision) | {"action": decision.action.value},
    }


def record_from_dict(data: Mapping[str, Any]) -> Record:
    """The record that `record_to_dict` wrote; raises `StoreError` for what is no record or of a later version.

    >>> question = Question(id="q1", messages=(Message("user", "2 + 2?"),))
    >>> record = Record(id="r1", time=0.0, question=question, completion=None, error="server down")
    >>> record_from_dict(record_to_dict(record)) == record
    True
    """
    _check_version("record", data)
    try:
        return Record(**_record_fields(data))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"Expected the JSON of a record; this one cannot be read: {error!r}.") from error


def _record_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    known = _known(Record, data)
    known["question"] = question_from_dict(data["question"])
    known["readings"] = tuple(_reading_from_json(reading) for reading in data.get("readings", ()))
    known["steps"] = tuple(Step(**_known(Step, step)) for step in data.get("steps", ()))
    if known["completion"] is not None:
        known["completion"] = completion_from_dict(known["completion"])
    if known.get("confidence") is not None:
        known["confidence"] = _confidence_from_json(known["confidence"])
    if known.get("decision") is not None:
        decision = _known(Decision, known["decision"])
        known["decision"] = Decision(**decision | {"action": Action(decision["action"])})
    return known


def verdict_to_dict(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON values (version 1)."""
    data = _shallow(verdict)
    if verdict.correction is None:
        del data["correction"]
    return data | {"version": VERSION}


def verdict_from_dict(data: Mapping[str, Any]) -> Verdict:
    """The verdict that `verdict_to_dict` wrote; raises `StoreError` for anything else.

    >>> verdict = Verdict(id="v1", record_id="r1", grade=1.0, judge="exact", time=0.0)
    >>> verdict_from_dict(verdict_to_dict(verdict)) == verdict
    True
    """
    _check_version("verdict", data)
    try:
        return Verdict(**_known(Verdict, data))
    except (TypeError, ValueError) as error:
        raise StoreError(f"Expected the JSON of a verdict; this one cannot be read: {error}") from error


def _check_version(what: str, data: Mapping[str, Any]) -> None:
    version = data.get("version")
    if version not in range(1, VERSION + 1):
        raise StoreError(
            f"This {what} has version {version!r}; this calibrant reads versions 1 to {VERSION}. "
            "A later calibrant wrote it: pip install --upgrade calibrant"
        )
