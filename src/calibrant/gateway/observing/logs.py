"""Lines of the log, for people or for programs, with a line for each request; secrets are in none."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import orjson

from ..visits import Visit
from .writing import Lines

__all__ = ["ACCESS", "access", "configure", "redacted"]

ACCESS = logging.getLogger("calibrant.access")

SECRET = re.compile(
    r"""
      (?P<url>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)
    | (?P<scheme>\b(?:bearer|basic)\s+)(?!token\b|key\b)[\w.~+/=-]{6,}
    | (?P<name>\b(?:api[-_ ]?key|token|secret|password|authorization)["']?\s*[=:]\s*["']?(?:bearer\s)?)
      [^\s"',;]{6,}
    | \b(?:sk|pk|rk|gsk|csk|xai|hf|nvapi|pplx|ghp|cal|whsec)[-_][\w…*.-]{6,}
    | \b(?:AKIA|AIza)[\w-]{8,}
    | \beyJ[\w-]{8,}\.[\w.-]+
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What must not stand in a log: passwords in addresses, keys and tokens. A server's error may quote one."""

PLAIN = re.compile(r"[\w./:@+=~-]{1,200}", re.ASCII)


def redacted(text: str) -> str:
    """The text without secrets.

    >>> redacted("Incorrect API key sk-abc123def at postgresql://ana:pw123@db/x, Authorization: Bearer abcdef123")
    'Incorrect API key [...] at postgresql://ana:[...]@db/x, Authorization: Bearer [...]'
    """
    return SECRET.sub(lambda found: (found["url"] or found["scheme"] or found["name"] or "") + "[...]", text)


def access(visit: Visit, now: float) -> None:
    """The line of a request that is over; none where somebody looked how the gateway does, and saw it well."""
    if not ACCESS.isEnabledFor(logging.INFO) or (visit.watching and visit.shown < 400):
        return
    # Made by hand: to look for the caller's place in the source, as a logger does, costs more than all the rest.
    line = logging.LogRecord(ACCESS.name, logging.INFO, "", 0, "request", None, None)
    line.fields = fields_of(visit, now)
    ACCESS.handle(line)


def fields_of(visit: Visit, now: float) -> dict[str, Any]:
    """What the line says; nothing that the client or the model wrote, but for names."""
    told: dict[str, Any] = {
        "method": visit.method, "path": visit.path[:200], "status": visit.shown,
        "ms": round(1000 * (now - visit.began), 1), "request_id": visit.request_id,
    }  # fmt: skip
    if visit.caller is not None and visit.caller.key.name:
        told["key"] = visit.caller.key.name
    if visit.wire:
        told |= {"wire": visit.wire, "model": visit.model, "task": visit.task, "stream": visit.stream}
    if visit.records:
        first = visit.records[0]
        told["record_id"], told["tokens"] = first.id, visit.tokens
        told["p"] = first.confidence and first.confidence.p
        told["action"] = first.decision and first.decision.action.value
        if visit.dollars:
            told["dollars"] = visit.dollars
        if len(visit.records) > 1:
            told["answers"] = len(visit.records)
    elif visit.record_id:
        told["record_id"] = visit.record_id
    if visit.code is not None:
        told["error"] = visit.code
    if visit.left:
        told["left"] = True
    if visit.trace_id:
        told["trace_id"] = visit.trace_id
    return told


class Text(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a trace below it where there is one."""
        head = f"{_time(record)} {record.levelname:7} {record.name}"
        fields: Mapping[str, Any] | None = getattr(record, "fields", None)
        if fields is not None:
            told = " ".join(
                f"{name}={_plain(value)}"
                for name, value in fields.items()
                if value is not None and name not in ("method", "path")
            )
            return f"{head} {fields['method']} {_plain(fields['path'])} {told}"
        said = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        return redacted(f"{head} {said}{self._trace(record)}")

    def _trace(self, record: logging.LogRecord) -> str:
        return f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""


class Json(Text):
    """Lines for programs: one JSON object each."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields: Mapping[str, Any] | None = getattr(record, "fields", None)
        if fields is not None:
            return orjson.dumps({**told, **fields}).decode()
        told["message"] = redacted(record.getMessage())
        if trace := self._trace(record):
            told["trace"] = redacted(trace.lstrip())
        return json.dumps(told, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    second = int(record.created)
    return f"{_second(second)}.{int(1000 * (record.created - second)):03}Z"


@lru_cache(4)  # many lines come in one second
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _plain(value: Any) -> str:
    """A value in one word, or quoted, so that no client writes lines or fields of its own."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text[:200])


def configure(form: Literal["json", "text"]) -> Lines:
    """Write what the process logs to standard error, in that form; what writes it."""
    lines = Lines()
    lines.setFormatter(Json() if form == "json" else Text())
    # What no line has need not be looked up for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(logging.WARNING)
    for name in ("calibrant", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)
    return lines
