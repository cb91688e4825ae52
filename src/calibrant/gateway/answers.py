"""What became of an answer: it is asked for, waited for, and where it is held a reviewer lets it go or not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from calibrant.assembly.keys import Key
from calibrant.errors import BadRequest, DifferentContent, StoreError
from calibrant.formats.chat.replies import choice_body
from calibrant.formats.fields import field_of, text_of
from calibrant.pipeline import Pipeline
from calibrant.records.plain import question_to_dict
from calibrant.reviewing.deciding import Review
from calibrant.types import Ask, Entry, Event, Json, Record, Verdict

from .admission import Admission
from .asker import asker_of, check_role, may_see
from .bodies import answered, read
from .decided import correction_of, decision_on, event_in, verdict_on
from .feedback import WORDS, Judging, erased, named, optional_text
from .given import ANSWERS, confidence_body, given

__all__ = ["Answers", "review_of"]

LONGEST = 60.0
"""Seconds for which a request may wait for a decision; clients and proxies give up on longer silence."""

PAGE, LARGEST = 20, 100
"""Held answers in a page of the listing, and at the most."""

AS_IT_WAS = Ask(messages=())
"""No log-probabilities and nothing else beside the message."""


def review_of(body: Json, judging: Judging) -> Review:
    """Understand a decision; raises `BadRequest`.

    >>> review_of({"release": True}, Judging()).outcome, review_of({"correction": "5"}, Judging()).outcome
    ('released', 'corrected')
    """
    release, correction = field_of(body, "release", bool, None), optional_text(body, "correction", WORDS)
    if release is None and correction is None:
        raise BadRequest(
            'Expected "release": true or false, or a "correction" to be sent in the answer\'s place.',
            "release",
        )
    if release is False and correction is not None:
        raise BadRequest('With "release": false nothing is sent, so there is no correction.', "correction")
    outcome = "corrected" if correction is not None else "released" if release else "refused"
    grade = field_of(body, "grade", (int, float), float(outcome == "released"))
    if not 0.0 <= grade <= 1.0:
        raise BadRequest(f"A grade lies in [0, 1] (0 wrong, 1 right); got {grade!r}.", "grade")
    return Review(
        outcome=outcome, judge=optional_text(body, "judge") or judging.judge, grade=float(grade), correction=correction,
        note=optional_text(body, "note", 10_000), assignment=optional_text(body, "assignment"),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """Tells what became of answers, and takes what reviewers decide. `heard` is to be called with their events."""

    pipeline: Pipeline
    admission: Admission
    _waiting: dict[str, set[asyncio.Event]] = field(default_factory=dict)

    async def heard(self, event: Event) -> None:
        """A decision, made here or at another replica: whoever waits for it goes on."""
        for waiting in self._waiting.get(event.about or "", ()):
            waiting.set()

    async def get(self, request: Request) -> Response:
        """What became of one answer, at once or within `wait` seconds."""
        seconds = _number(request.query_params, "wait", 0.0, LONGEST)
        record_id = named(
            text_of(request.path_params["id"], "id"), int(_number(request.query_params, "choice", 0, 9999))
        )
        record = await asyncio.to_thread(self._record, record_id, asker_of(request))
        decided = asyncio.Event()
        self._waiting.setdefault(record_id, set()).add(decided)
        try:
            event = await asyncio.to_thread(self._decision, record)
            if event is None and seconds and _status(record, event) == "held":
                with suppress(TimeoutError):
                    await asyncio.wait_for(decided.wait(), seconds)
                event = await asyncio.to_thread(self._decision, record)
        finally:
            self._waiting[record_id].discard(decided)
            if not self._waiting[record_id]:
                del self._waiting[record_id]
        verdict = await asyncio.to_thread(self._verdict, record) if event is not None else None
        return answered(self._body(record, event, verdict))

    async def held(self, request: Request) -> Response:
        """The answers that wait for a person, oldest first, with all that a reviewer needs; page by page."""
        asker = asker_of(request)
        check_role(asker, "reviewer")
        if request.query_params.get("held", "true") != "true":
            raise BadRequest(f"Only held answers are listed: GET {ANSWERS}?held=true.", "held")
        after = int(_number(request.query_params, "after", 0, 2**53))
        limit = int(_number(request.query_params, "limit", PAGE, LARGEST)) or 1
        found = await asyncio.to_thread(self._page, asker, after, limit + 1)
        page = found[:limit]
        data = [self._shown(entry, record) for entry, record in page]
        more = {"has_more": len(found) > limit, "next": page[-1][0].position if page else after}
        return answered({"object": "list", "data": data, **more})

    async def decide(self, request: Request) -> Response:
        """A reviewer's decision about a held answer. The first holds; the same again changes nothing."""
        asker = asker_of(request)
        check_role(asker, "reviewer")
        body = await read(request, self.admission.server.body_limit, self.admission.server.depth_limit)
        review = review_of(body, Judging(asker=asker))
        record_id = named(text_of(request.path_params["id"], "id"), field_of(body, "choice", int, 0))
        record = await asyncio.to_thread(self._record, record_id, asker)
        verdict, event = await asyncio.to_thread(self._decided, record, review, asker)
        await self.heard(event)
        return answered(self._body(record, event, verdict))

    def _record(self, record_id: str, asker: Key) -> Record:
        """The record, where it is there and somebody's to see; of any other it is not even told that it is there."""
        record = self.pipeline.store.record(record_id)
        if record is None and self.pipeline.writer.away:
            raise StoreError("The store is away.")
        if record is None or not may_see(asker, record):
            raise BadRequest(
                "There is no such answer, or this key may not see it. Expected the id of a record or of a response.",
                "id",
                status=404,
                code="unknown_answer",
            )
        return record

    def _decision(self, record: Record) -> Event | None:
        return decision_on(self.pipeline.store, record)

    def _verdict(self, record: Record) -> Verdict | None:
        return verdict_on(self.pipeline.store, record)

    def _page(self, asker: Key, after: int, most: int) -> list[tuple[Entry, Record]]:
        found: list[tuple[Entry, Record]] = []
        for entry in self.pipeline.store.events("held", after=after, lacking="reviewed"):
            record = self.pipeline.store.record(event_in(entry).about or "")
            if record is not None and record.content != "erased" and may_see(asker, record):
                found.append((entry, record))
                if len(found) == most:
                    break
        return found

    def _decided(self, record: Record, review: Review, asker: Key) -> tuple[Verdict, Event]:
        """What now holds. Straight into the store, and into no spool: only the store can say who was first."""
        if not record.held:
            raise BadRequest(
                "This answer is not held: it was sent. What is right or wrong about it goes to /v1/feedback.",
                "id",
                status=409,
                code="not_held",
            )
        if record.content == "erased":
            raise erased(record)
        if review.outcome == "released" and record.content != "stored":
            raise BadRequest(
                f"The content of this task's records is {record.content}, so the answer is not there to be released. "
                'Send a correction or refuse it; with [records] content = "stored" later ones can be released.',
                "release",
                status=409,
                code="content_not_kept",
            )
        facts = review.facts(record, self.pipeline.clock(), asker.name or None)
        try:
            self.pipeline.store.add(facts)
        except DifferentContent as error:
            other = self._decision(record)
            if other is None:
                raise
            raise BadRequest(
                f"{other.data['judge']} decided before: this answer is {other.data['outcome']}.",
                "id",
                status=409,
                code="already_reviewed",
            ) from error
        return facts

    def _body(self, record: Record, event: Event | None, verdict: Verdict | None) -> dict[str, Any]:
        status = _status(record, event)
        told: dict[str, Any] = {
            "object": "answer",
            "id": record.id,
            "record_id": record.id,
            "created": int(record.time),
            "status": status,
            "message": None,
            "finish_reason": None,
        }
        if record.decision is not None and record.completion is not None:
            book = self.pipeline.way(record.question.task).book
            hidden = record.held and status not in ("released", "corrected")
            told["confidence"] = (
                given(record, hold=True, book=book).confidence
                if hidden
                else confidence_body(record, book=book) | {"held": False}
            )
            if not hidden:
                told |= _message(record, verdict if status == "corrected" else None)
        if event is not None:
            told["reviewed"] = {
                "at": event.time,
                "judge": event.data.get("judge"),
                "note": verdict and verdict.comment,
            }
        if record.content != "stored":
            told["content"] = record.content
        return told

    def _shown(self, entry: Entry, record: Record) -> dict[str, Any]:
        """A held answer as a reviewer sees it, who decides whether it is released."""
        book = self.pipeline.way(record.question.task).book
        asked = question_to_dict(record.question)
        return {
            "object": "answer",
            "id": record.id,
            "record_id": record.id,
            "created": int(record.time),
            "status": "held",
            "position": entry.position,
            "asked_by": record.question.asked_by,
            "question": asked["messages"],
            **_message(record, None),
            "confidence": confidence_body(record, book=book) | {"held": True},
            **({} if record.content == "stored" else {"content": record.content}),
        }


def _status(record: Record, event: Event | None) -> str:
    if event is not None:
        return str(event.data["outcome"])
    if record.completion is None or record.error is not None:
        return "failed"
    if record.held and record.content == "erased":
        return "erased"
    return "held" if record.held else "answered"


def _message(record: Record, correction: Verdict | None) -> dict[str, Any]:
    """The answer as a message of a chat, or the text that a reviewer has put in its place."""
    done = record.completion if record.content == "stored" else None
    if correction is not None:
        done = correction_of(correction)
    if done is None:
        return {"message": None, "finish_reason": None}
    body = choice_body(done, AS_IT_WAS, 0)
    return {"message": body["message"], "finish_reason": body["finish_reason"]}


def _number(parameters: Mapping[str, str], name: str, default: float, most: float) -> float:
    """A number of the query, no more than the most; raises `BadRequest`."""
    said = parameters.get(name)
    if said is None:
        return default
    try:
        value = float(said)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise BadRequest(f"Expected {name} as a number from 0; got {said!r:.100}.", name)
    return min(value, most)
