"""Records: a plain list by task, day, action and verdict, and each by itself, with all that was done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from calibrant.errors import BadRequest
from calibrant.overview.tallying import DAY
from calibrant.overview.telling import ago, minute, name_of, segment_name
from calibrant.past.answers import counting
from calibrant.phrasing.numbers import dollars, fixed, of_100, percent
from calibrant.phrasing.phrases import phrase_of
from calibrant.protocols import Store
from calibrant.types import Action, Linked, Record, Verdict

from .known import Known, Seen
from .lines import address_of
from .shell import Place, Shell, Visitor

__all__ = ["records"]

SHOWN, READ = 50, 400
"""Records on a page, and those that are read for it at the most, where few are as they are asked for."""

VERDICTS = ("right", "wrong", "partly", "none")


@runtime_checkable
class Listing(Protocol):
    """A store that lists its newest records, and says where one stands in its chain."""

    def newest(
        self,
        most: int,
        *,
        before: tuple[float, str] | None = None,
        since: float | None = None,
        **of: str | None,
    ) -> list[Record]:
        """The newest records, the last first."""
        ...

    def linked(self, record_id: str) -> Linked | None:
        """Where a record stands."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Which records are wanted; "" for any. `before` is a place in the list, "TIME/ID"."""

    task: str = ""
    domain: str = ""
    day: str = ""
    action: str = ""
    verdict: str = ""
    before: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Asked:
        """As the address says; raises `BadRequest` for a day or a place that is none."""
        made = cls(**{name: query.get(name, "").strip() for name in cls.__slots__})
        if made.day:
            made.start()
        if made.before:
            made.place()
        return made

    def start(self) -> float:
        """When the day begins, in seconds since the epoch, UTC."""
        try:
            return datetime.fromisoformat(self.day).replace(tzinfo=UTC).timestamp()
        except ValueError as error:
            raise BadRequest(f"Expected a day such as 2026-11-29; got {self.day[:40]!r}.", "day") from error

    def place(self) -> tuple[float, str]:
        """The place."""
        time, _, id = self.before.partition("/")
        try:
            return float(time), id
        except ValueError as error:
            raise BadRequest("Expected a place in the list, as its links have it.", "before") from error

    def address(self, before: str) -> str:
        """The same list, further on."""
        told = {name: getattr(self, name) for name in self.__slots__} | {"before": before}
        return "/records?" + urlencode({name: value for name, value in told.items() if value})


def records(shell: Shell, known: Known) -> list[Route]:
    """/records and /records/ID, and the place in the bar."""
    shell.places.append(Place(path="/records", label="Records"))
    store = shell.context.store

    async def every(request: Request, visitor: Visitor) -> Response:
        asked, seen = Asked.of(request.query_params), await known.now(visitor.key.tasks)
        found, read, further = await asyncio.to_thread(_list, store, asked, visitor)
        rows = [_row(record, verdict, _hidden(seen, visitor, record)) for record, verdict in found]
        return await shell.page(
            visitor, "records", here="/records", asked=asked, rows=rows, read=read,
            further=asked.address(further) if further else None, tasks=[one.task for one in seen.tasks if one.task],
            actions=[str(one) for one in Action], verdicts=VERDICTS,
        )  # fmt: skip

    async def page(request: Request, visitor: Visitor) -> Response:
        seen = await known.now()
        record = await asyncio.to_thread(_seen, store, request.path_params["id"], visitor)
        if _hidden(seen, visitor, record):
            raise BadRequest(
                "This answer waits to be judged. Judge it first, under Review; then all of it is here.",
                status=403,
            )
        values = await asyncio.to_thread(_one, store, record)
        return await shell.page(visitor, "record", here="/records", **values)

    return [shell.route("/records", every), shell.route("/records/{id:name}", page)]


def _may_see(visitor: Visitor, record: Record) -> bool:
    """Whether the key is for the record's task."""
    tasks = visitor.key.tasks
    return not tasks or record.question.task in tasks


def _hidden(seen: Seen, visitor: Visitor, record: Record) -> bool:
    """Whether its confidence would be told to somebody who may have to judge it unknowing."""
    past = seen.overview.tasks.get(record.question.task or "")
    return not visitor.may("admin") and past is not None and record.id in past.waiting


Found = tuple[Record, Verdict | None]


def _list(store: Store, asked: Asked, visitor: Visitor) -> tuple[list[Found], int, str]:
    """Records as asked for, how many were read, and the place at which it goes on, "" at the end."""
    if not isinstance(store, Listing):
        raise BadRequest("This store lists no records. One of calibrant's own does: [store] url.", status=501)
    of: dict[str, str | None] = {
        name: getattr(asked, name) for name in ("task", "domain") if getattr(asked, name)
    }
    before, since = (asked.place() if asked.before else None), (asked.start() if asked.day else None)
    if since is not None and (before is None or before[0] > since + DAY):
        before = (since + DAY, "")
    found: list[Found] = []
    read = 0
    while read < READ:
        some = store.newest(SHOWN * 2, before=before, since=since, **of)
        for record in some:
            read += 1
            before = (record.time, record.id)
            if not _may_see(visitor, record) or (asked.action and _action(record) != asked.action):
                continue
            verdict = counting(store.verdicts(record.id))
            if asked.verdict and _called(verdict) != asked.verdict:
                continue
            found.append((record, verdict))
            if len(found) == SHOWN:
                return found, read, f"{before[0]!r}/{before[1]}"
        if len(some) < SHOWN * 2:
            return found, read, ""
    return found, read, f"{before[0]!r}/{before[1]}" if before else ""


def _action(record: Record) -> str:
    return str(record.decision.action) if record.decision else "none"


def _called(verdict: Verdict | None) -> str:
    if verdict is None:
        return "none"
    return "right" if verdict.grade >= 0.999 else "wrong" if verdict.grade <= 0.001 else "partly"


def _row(record: Record, verdict: Verdict | None, hidden: bool) -> dict[str, Any]:
    p = record.confidence.p if record.confidence else None
    asked = next((one.content for one in reversed(record.question.messages) if one.role == "user"), "")
    return {
        "id": record.id, "time": minute(record.time), "task": name_of(record.question.task or ""),
        "domain": segment_name(record.question.domain), "held": record.held, "verdict": _called(verdict),
        "p": "until judged" if hidden else "none" if p is None else percent(p),
        "action": "until judged" if hidden else _action(record).replace("_", " "),
        "says": asked[:140] if record.content == "stored" else {
            "hashed": "kept as a digest", "left_out": "not kept", "erased": "erased"}[record.content],
    }  # fmt: skip


def _seen(store: Store, id: str, visitor: Visitor) -> Record:
    record = store.record(id)
    if record is None or not _may_see(visitor, record):
        raise BadRequest(f"There is no record {id[:100]!r} that this key may see.", status=404)
    return record


def _one(store: Store, record: Record) -> dict[str, Any]:
    verdicts = store.verdicts(record.id)
    task = record.question.task or ""
    linked = store.linked(record.id) if isinstance(store, Listing) else None
    return {
        "record": record, "title": _title(record), "task": name_of(task), "task_href": address_of(task),
        "domain": segment_name(record.question.domain), "time": minute(record.time), "kept": record.content == "stored",
        "content": record.content, "messages": record.question.messages,
        "answer": record.completion and record.completion.text, "answered": _answered(record),
        "readings": [
            (one.signal, "none" if one.score is None else fixed(one.score), one.reason or "") for one in record.readings
        ],
        "steps": [(s.name, s.model, s.outcome, "none" if s.p is None else fixed(s.p, 2)) for s in record.steps],
        "confidence": record.confidence, "phrase": phrase_of(record.confidence) if record.confidence else None,
        "dots": _dots(record), "range": _range(record), "decision": record.decision,
        "action": _action(record).replace("_", " "), "verdicts": [_judged(one, record) for one in verdicts],
        "linked": linked, "counts": _called(counting(verdicts)),
    }  # fmt: skip


def _title(record: Record) -> str:
    """The decision with its reason as a frequency."""
    said = {
        "answer": "Sent", "disclaim": "Sent with a disclaimer", "review": "For a person to review",
        "hand_off": "Handed to a person", "none": "Kept without a decision",
    }[_action(record)]  # fmt: skip
    if record.held:
        said = "Held for a person"
    if record.error:
        return f"Not answered: {record.error}"
    told = record.confidence
    if told is None or told.p is None:
        why = told.reason if told and told.reason else "none was read"
        return f"{said}: no probability is known ({why})."
    threshold = record.decision.threshold if record.decision else None
    often = phrase_of(told).frequency or f"About {of_100(told.p)} in 100 answers like this were right."
    if threshold is None or told.p >= threshold:
        return f"{said}: {often[0].lower()}{often[1:]}"
    asked = f"{of_100(threshold)} in 100 is asked of one that goes more freely"
    return f"{said}: {often[0].lower()}{often[1:-1]}, and {asked}."


def _answered(record: Record) -> Sequence[str]:
    made = record.completion
    if made is None:
        return ()
    told = [f"{made.model} asked"]
    told += [f"{one} served" for one in (made.served_model, made.system_fingerprint) if one]
    if made.latency:
        told.append(f"{made.latency:.1f} s")
    if made.cost is not None:
        told.append(f"${dollars(made.cost)}")
    return told


def _dots(record: Record) -> list[bool] | None:
    """Twenty dots, as many full as answers like this were right."""
    p = record.confidence.p if record.confidence else None
    return None if p is None else [i < min(max(round(20 * p), 1), 19) for i in range(20)]


def _range(record: Record) -> str:
    told = record.confidence
    if told is None or told.p is None:
        return ""
    if told.low is None or told.high is None:
        return percent(told.p)
    return f"{percent(told.p)} ({of_100(told.low)} to {of_100(told.high)})"


def _judged(one: Verdict, record: Record) -> dict[str, Any]:
    if one.propensity is None:
        chance = "Nobody knows with what chance it was asked for, so it counts for nothing."
    else:
        chance = (
            f"Asked for with a chance of {one.propensity:g}, so it counts {1 / one.propensity:.3g} times."
        )
    return {
        "called": _called(one), "grade": fixed(one.grade, 2), "judge": one.judge, "time": minute(one.time),
        "after": ago(max(one.time - record.time, 0.0)), "chance": chance, "source": one.source,
        "correction": one.correction, "comment": one.comment,
    }  # fmt: skip
