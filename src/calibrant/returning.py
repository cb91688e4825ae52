"""What calibrant knows of an answer, as a score that goes back to the tool whose trace it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .applying import Maps, apply
from .logs.foreign import SCORE
from .protocols import Store
from .types import Json

__all__ = ["KINDS", "Returned", "scores", "scores_for"]

TRACES = ("trace_id", "traceId")
SPANS = ("span_id", "spanId", "observation_id", "observationId")
SESSIONS = ("session_id", "sessionId")


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """The probability that an answer is right, its interval, what to do with it and why, and where it came from."""

    record_id: str
    p: float
    low: float | None
    high: float | None
    action: str | None
    why: str
    map_id: str | None
    ids: Mapping[str, str]

    def id_of(self, names: Iterable[str]) -> str | None:
        """The first of these that it has."""
        return next((self.ids[name] for name in names if self.ids.get(name)), None)


def scores(store: Store, maps: Maps | None = None) -> Iterator[Returned]:
    """One for each record that has a probability: the one that was told, or with `maps` the one that they give.

    The ids are those that an import kept, or that a client of the gateway sent as metadata (`trace_id`, `span_id`).
    """
    rows: Any = store.rows() if maps is None else apply(maps, list(store.rows()))
    seen = set[str]()
    for row in rows:
        if row.get("p") is None or row["record_id"] in seen:
            continue
        seen.add(row["record_id"])
        record = store.record(row["record_id"])
        if record is None:  # erased meanwhile
            continue
        metadata = record.question.metadata
        ids = {**metadata, **(metadata.get("imported") or {})}
        told, decision = record.confidence, record.decision
        if maps is None and told is not None:
            low, high, map_id = told.low, told.high, told.map_id
            action, why = (str(decision.action), decision.why) if decision else (None, "")
        else:
            low, high, map_id = row["p_low"], row["p_high"], row["map_id"]
            action, why = row["action"], row["why"]
        yield Returned(
            record_id=record.id, p=float(row["p"]), low=low, high=high, action=action, why=why, map_id=map_id,
            ids={name: str(value) for name, value in ids.items() if isinstance(value, str | int)},
        )  # fmt: skip


def scores_for(kind: str, found: Iterable[Returned]) -> Iterator[Json | Returned]:
    """In the form that the other tool takes, one JSON object for each; what has no id there comes as it is.

    >>> told = {"low": 0.7, "high": 0.9, "action": "answer", "why": "", "map_id": "m"}
    >>> one = Returned(record_id="r", p=0.8, ids={"trace_id": "t"}, **told)
    >>> next(scores_for("langfuse", [one]))["traceId"], next(scores_for("phoenix", [one])) is one
    ('t', True)
    """
    make = KINDS[kind]
    for one in found:
        made = make(one)
        yield one if made is None else made


def _langfuse(one: Returned) -> Json | None:
    """A body of POST /api/public/scores; its id makes a second sending change nothing."""
    trace, session = one.id_of(TRACES), one.id_of(SESSIONS)
    if trace is None and session is None:
        return None
    span = one.id_of(("observation_id", "observationId"))
    where = {"traceId": trace, "observationId": span} if trace else {"sessionId": session}
    return {
        "id": f"{SCORE}-{one.record_id}", **{name: value for name, value in where.items() if value}, "name": SCORE,
        "value": one.p, "dataType": "NUMERIC", "comment": one.why, "metadata": _told(one),
    }  # fmt: skip


def _phoenix(one: Returned) -> Json | None:
    """One of the `data` of POST /v1/span_annotations."""
    span = one.id_of(SPANS)
    if span is None:
        return None
    return {
        "span_id": span, "name": SCORE, "annotator_kind": "CODE", "identifier": SCORE,
        "result": {"score": one.p, "label": one.action, "explanation": one.why}, "metadata": _told(one),
    }  # fmt: skip


def _mlflow(one: Returned) -> Json | None:
    """The arguments of `mlflow.log_feedback`, but for the source's class."""
    trace = one.id_of(TRACES)
    if trace is None:
        return None
    return {
        "trace_id": trace, "name": SCORE, "value": one.p, "rationale": one.why,
        "source": {"source_type": "CODE", "source_id": one.map_id or SCORE}, "metadata": _told(one),
    }  # fmt: skip


def _otel(one: Returned) -> Json | None:
    """A log record `gen_ai.evaluation.result` as OTLP JSON, in a group of its own so that lines can be sent singly."""
    trace, span = one.id_of(TRACES), one.id_of(SPANS)
    if span is None:
        return None
    told: dict[str, Any] = {
        "gen_ai.evaluation.name": SCORE, "gen_ai.evaluation.score.value": one.p,
        "gen_ai.evaluation.score.label": one.action, "gen_ai.evaluation.explanation": one.why,
        "gen_ai.response.id": one.ids.get("response_id"), "calibrant.record_id": one.record_id,
    }  # fmt: skip
    attributes = [
        {"key": name, "value": {"doubleValue" if isinstance(value, float) else "stringValue": value}}
        for name, value in told.items() if value is not None
    ]  # fmt: skip
    record = {"eventName": "gen_ai.evaluation.result", "spanId": span, "attributes": attributes}
    scope = {"scope": {"name": SCORE}, "logRecords": [record | ({"traceId": trace} if trace else {})]}
    return {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [scope]}]}


def _told(one: Returned) -> Json:
    told = {
        "record_id": one.record_id,
        "low": one.low,
        "high": one.high,
        "action": one.action,
        "map_id": one.map_id,
    }
    return {name: str(value) for name, value in told.items() if value is not None}


KINDS: Mapping[str, Callable[[Returned], Json | None]] = {
    "langfuse": _langfuse, "phoenix": _phoenix, "mlflow": _mlflow, "otel": _otel,
}  # fmt: skip
"""The tools that scores can go back to."""
