"""What is counted, as Prometheus reads it. No I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from calibrant.errors import ModelError
from calibrant.pipeline import Pipeline
from calibrant.protocols import Model
from calibrant.types import Record

from ..admission import Admission
from ..visits import Visit
from .exposition import Counter, Histogram, gauge
from .tracing import grade_of
from .unknowns import why_unknown
from .writing import Lines

__all__ = ["Metrics"]

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
SURE = tuple(step / 20 for step in range(1, 21))

TASKS = 100
"""Tasks that are told apart; clients may name any, and each is a series."""

PATHS = frozenset({"/v1/feedback", "/v1/models"})


class Metrics:
    """Counts requests when they are over; what can be looked up is looked up when it is asked for."""

    def __init__(
        self, pipeline: Pipeline, admission: Admission, told: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self._pipeline, self._admission, self._further = pipeline, admission, told
        self._tasks: set[str] = set()
        self._requests = Counter(
            "calibrant_requests_total", "Requests that are over, by the status of their reply (499: the client left).",
            "wire", "task", "model", "key", "status",
        )  # fmt: skip
        self._errors = Counter(
            "calibrant_errors_total", "Replies that are errors, by their code; those of model servers as upstream.",
            "wire", "code",
        )  # fmt: skip
        self._seconds = Histogram(
            "calibrant_request_seconds", "From the first byte of a request to the last of its reply.", SECONDS,
            "wire", "stream",
        )  # fmt: skip
        self._first = Histogram(
            "calibrant_first_byte_seconds", "From the first byte of a request to the first of its reply's body.",
            SECONDS, "wire", "stream",
        )  # fmt: skip
        self._answers = Counter(
            "calibrant_answers_total", "Answers, by what was decided.", "task", "model", "action"
        )
        self._unknown = Counter(
            "calibrant_answers_without_probability_total", "Answers whose p is null, and why.",
            "task", "model", "why",
        )  # fmt: skip
        self._sure = Histogram("calibrant_confidence", "Calibrated probabilities of answers.", SURE, "task")
        self._tokens = Counter("calibrant_tokens_total", "Tokens read and written.", "key", "model", "kind")
        self._dollars = Counter("calibrant_cost_dollars_total", "US dollars paid.", "key", "model")
        self._verdicts = Counter("calibrant_verdicts_total", "Verdicts on answers.", "source", "grade")
        self._all: tuple[Counter | Histogram, ...] = (
            self._requests, self._errors, self._seconds, self._first, self._answers, self._unknown, self._sure,
            self._tokens, self._dollars, self._verdicts,
        )  # fmt: skip

    def seen(self, visit: Visit, now: float) -> None:
        """Count a request, at that monotonic time."""
        wire = visit.wire or (visit.path.rpartition("/")[2] if visit.path in PATHS else "other")
        task, key = self._task(visit.task), visit.caller.key.name if visit.caller is not None else ""
        self._requests.add((wire, task, visit.model, key, str(visit.shown)))
        if visit.error is not None:
            code = "upstream" if isinstance(visit.error, ModelError) else visit.code or "other"
            self._errors.add((wire, code))
        kind = (wire, "true" if visit.stream else "false")
        self._seconds.observe(kind, now - visit.began)
        if visit.first is not None:
            self._first.observe(kind, visit.first - visit.began)
        for record in visit.records:
            self._answered(record, task, visit.model, key)
        if visit.tokens and not visit.records and not visit.left:  # passed on as it came
            self._tokens.add((key, visit.model, "passed"), visit.tokens)
        if visit.dollars:
            self._dollars.add((key, visit.model), visit.dollars)
        for verdict in visit.verdicts:
            self._verdicts.add((verdict.source, grade_of(verdict)))

    def _answered(self, record: Record, task: str, model: str, key: str) -> None:
        if record.decision is not None:
            self._answers.add((task, model, record.decision.action.value))
        if record.confidence is None or record.confidence.p is None:
            self._unknown.add((task, model, why_unknown(record)))
        else:
            self._sure.observe((task,), record.confidence.p)
        if record.completion is not None:
            usage = record.completion.usage
            self._tokens.add((key, model, "prompt"), usage.prompt_tokens)
            self._tokens.add((key, model, "completion"), usage.completion_tokens)

    def text(self) -> str:
        """All of it."""
        parts = chain(
            *(one.lines() for one in self._all),
            self._inside(),
            self._store(),
            self._models(),
            self._further(),
        )
        return "\n".join(parts) + "\n"

    def _task(self, task: str | None) -> str:
        if task is None or task in self._tasks:
            return task or ""
        if len(self._tasks) >= TASKS and task not in self._pipeline.live.tasks:
            return "other"
        self._tasks.add(task)
        return task

    def _inside(self) -> Iterator[str]:
        admission, live = self._admission, self._pipeline.live
        inside = {("request",): float(admission.requests), ("stream",): float(admission.streams)}
        yield from gauge("calibrant_in_flight", "Requests inside; streams are among them.", ("kind",), inside)
        release = {(live.default.release or "",): 1.0}
        yield from gauge("calibrant_release_info", "The release that answers.", ("release",), release)
        spent = {(one.key.name,): one.spent_today for one in admission.keyring.callers}
        yield from gauge(
            "calibrant_budget_spent_dollars", "US dollars of a key today (UTC).", ("key",), spent
        )
        most = {
            (one.key.name,): one.key.budget for one in admission.keyring.callers if one.key.budget is not None
        }
        yield from gauge("calibrant_budget_dollars", "US dollars a day that a key may spend.", ("key",), most)
        lines = [one for one in logging.getLogger().handlers if isinstance(one, Lines)]
        left_out = {(): float(sum(one.left_out for one in lines))}
        yield from gauge(
            "calibrant_log_lines_left_out_total", "Lines of the log that nobody read in time.", (), left_out,
            "counter",
        )  # fmt: skip

    def _store(self) -> Iterator[str]:
        writer = self._pipeline.writer
        counts, spool = writer.counts, writer.spool
        told = {
            ("written",): float(counts.written), ("spooled",): float(counts.spooled),
            ("failed",): float(counts.failed), ("refused",): float(spool.refused if spool else 0),
        }  # fmt: skip
        yield from gauge(
            "calibrant_records_total", "Additions to the store, by what became of them.", ("outcome",), told,
            "counter",
        )  # fmt: skip
        yield from gauge("calibrant_store_away", "1 where the store is away.", (), {(): float(writer.away)})
        waiting = {(): float(spool.waiting if spool else 0)}
        yield from gauge("calibrant_spool_waiting", "Additions that wait in the spool.", (), waiting)
        behind = {(): float(writer.behind)}
        yield from gauge("calibrant_store_behind", "Writes that no answer waits for.", (), behind)

    def _models(self) -> Iterator[str]:
        models = self._pipeline.models
        failed = {
            (name, status): float(number)
            for name, model in models.items()
            for status, number in getattr(model, "failures", {}).items()
        }
        yield from gauge(
            "calibrant_upstream_errors_total", "Calls of a model that failed, by status, or timeout, unreached, "
            "unreadable.", ("model", "status"), failed, "counter",
        )  # fmt: skip
        asked = {
            (name,): float(model.requests) for name, model in models.items() if hasattr(model, "requests")
        }
        yield from gauge(
            "calibrant_upstream_requests_total", "HTTP requests to a model's server.", ("model",), asked, "counter"
        )  # fmt: skip
        yield from gauge(
            "calibrant_upstream_taught", "What a model's server turned out not to take or give, in requests of a kind.",
            ("model", "name", "like", "left_out"), _taught(models),
        )  # fmt: skip


def _taught(models: Mapping[str, Model]) -> dict[tuple[str, ...], float]:
    told: dict[tuple[str, ...], float] = {}
    for name, model in models.items():
        lessons: tuple[Any, ...] = getattr(model, "taught", ())
        for one in lessons:
            told[name, one.name, str(one.like), "true" if one.left_out else "false"] = 1.0
    return told
