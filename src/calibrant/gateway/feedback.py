"""Verdicts that come back over HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from calibrant.assembly.keys import Key
from calibrant.assembly.sections import FeedbackSource
from calibrant.errors import BadRequest, StoreError, UnknownRecord
from calibrant.formats.fields import field_of, text_of
from calibrant.pipeline import Pipeline
from calibrant.types import Json, Record, Verdict, digest

from .admission import Admission
from .asker import asker_of, may_see
from .bodies import answered, read
from .callers import ANYBODY
from .decided import now_given
from .errors import TurnedAway
from .given import ANSWERS
from .visits import visit_of

__all__ = ["WORDS", "Feedback", "Judging", "erased", "named", "optional_text", "verdict_of"]

PREFIX = re.compile("^(chatcmpl-|cmpl-|resp_|msg_|dec_)")
"""What formats put before a record's id, so that feedback can name the reply or the record."""

WORDS = 100_000
"""Characters of a correction; an answer may be long."""

REVIEWER, USER = "reviewer", "user"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judging:
    """Who gives a verdict, and what may be believed of how the record was chosen.

    `sources` are those that the configuration declares, by name.
    """

    asker: Key = ANYBODY
    sources: Mapping[str, FeedbackSource] = field(default_factory=dict)

    @property
    def judge(self) -> str:
        """Who judges where nobody is named."""
        return self.asker.name or "feedback"

    def source(self, stated: str | None) -> str:
        """Where the verdict comes from; raises `BadRequest` for what this key cannot say."""
        reviews = "reviewer" in self.asker.roles
        if stated is None:
            return REVIEWER if reviews and "client" not in self.asker.roles else USER
        if stated not in (USER, REVIEWER, *self.sources):
            known = ", ".join((USER, REVIEWER, *self.sources))
            raise BadRequest(
                f"Expected source among {known}; got {stated!r}. Others are declared in the configuration: "
                "[feedback.sources.NAME].",
                "source",
            )
        if stated != USER and not reviews:
            raise TurnedAway(
                f"This key gives verdicts of users (source {USER!r}); those of others take one with the role reviewer.",
                "source", status=403, code="role_not_allowed",
            )  # fmt: skip
        return stated

    def propensity(self, source: str, stated: float | None, assignment: str | None) -> float | None:
        """The declared one; an assignment has its own, which the store looks up and holds against what is stated."""
        if assignment is not None:
            return stated
        declared = self.sources[source].propensity if source in self.sources else None
        if stated is not None and stated != declared:
            raise BadRequest(
                "A propensity is not taken from a request: nobody could tell whether it is so. Cite the assignment "
                "by which the record was given out, or have the source declared in the configuration: "
                "[feedback.sources.NAME] propensity.",
                "propensity",
                code="propensity_not_taken",
            )
        return declared


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """Takes verdicts on records; `sources` are those that the configuration declares."""

    pipeline: Pipeline
    admission: Admission
    sources: Mapping[str, FeedbackSource] = field(default_factory=dict)

    async def post(self, request: Request) -> Response:
        """A verdict by record id, which is kept with the propensity that was issued or declared."""
        server, asker = self.admission.server, asker_of(request)
        body = await read(request, server.body_limit, server.depth_limit)
        judging = Judging(asker=asker, sources=self.sources)
        verdict = verdict_of(body, judging, new_id=self.pipeline.new_id(), time=self.pipeline.clock())
        writer = self.pipeline.writer
        on_its_way = writer.away or (writer.spool is not None and writer.spool.waiting > 0)
        if not on_its_way:
            await asyncio.to_thread(self._check, verdict, asker)
        await writer.add([verdict])
        kept = verdict if on_its_way else await asyncio.to_thread(self._kept, verdict)
        visit_of(request).verdicts = (kept,)
        told = ("record_id", "grade", "judge", "source", "propensity", "propensity_from")
        return answered({"verdict_id": kept.id} | {name: getattr(kept, name) for name in told})

    def _check(self, verdict: Verdict, asker: Key) -> None:
        record = self.pipeline.store.record(verdict.record_id)
        if record is None or not may_see(asker, record):
            raise UnknownRecord(verdict.record_id)
        if record.content == "erased" and not self._is_there(verdict):
            raise erased(record)
        if (
            record.held
            and verdict.source == USER
            and now_given(self.pipeline.store, record) != record.completion
        ):
            raise BadRequest(
                "This answer is held, or other words were sent in its place: users have not seen it, and so cannot "
                f"judge it. What became of it: GET {ANSWERS}/{record.id}. Reviewers decide there.",
                "record_id",
                status=409,
                code="answer_held",
            )

    def _is_there(self, verdict: Verdict) -> bool:
        """Whether it came before, and comes again."""
        return any(one.id == verdict.id for one in self.pipeline.store.verdicts(verdict.record_id))

    def _kept(self, verdict: Verdict) -> Verdict:
        """The verdict as the store keeps it; as it came where it is only on its way there."""
        try:
            found = self.pipeline.store.verdicts(verdict.record_id)
        except StoreError:
            return verdict
        return next((one for one in found if one.id == verdict.id), verdict)


def erased(record: Record) -> BadRequest:
    """That there is nothing left to judge."""
    return BadRequest(
        f"The content of record {record.id} was erased, so that nothing is left to judge.",
        "record_id",
        status=410,
        code="record_erased",
    )


def verdict_of(body: Json, judging: Judging, *, new_id: str, time: float) -> Verdict:
    """Understand a feedback request; raises `BadRequest`.

    With an `idempotency_key` the verdict's id follows from it and the record, so that a repeated delivery is the same
    verdict. A response's id names its first choice, or the one that `choice` says. Its propensity is that of the
    `assignment` it cites, or of a source that the configuration declares; else it is not known how the record came to
    be judged, and it carries no weight. Who gives a correction alone says that the answer is wrong.

    >>> verdict_of({"id": "chatcmpl-r1", "choice": 1, "correct": True}, Judging(), new_id="v1", time=0.0).record_id
    'r1-1'
    """
    record_id = _record_id(body)
    key = body.get("idempotency_key")
    source = judging.source(optional_text(body, "source"))
    assignment = optional_text(body, "assignment")
    stated = field_of(body, "propensity", (int, float), None)
    correction = optional_text(body, "correction", WORDS)
    try:
        return Verdict(
            id=new_id if key is None else digest([record_id, text_of(key, "idempotency_key")]),
            record_id=record_id,
            grade=_grade(body, correction),
            judge=optional_text(body, "judge") or judging.judge,
            time=time,
            propensity=judging.propensity(source, None if stated is None else float(stated), assignment),
            source=source,
            comment=optional_text(body, "comment", 10_000),
            assignment=assignment,
            correction=correction,
        )
    except BadRequest:
        raise
    except ValueError as error:
        raise BadRequest(str(error), "propensity" if "propensity" in str(error) else "grade") from error


def _record_id(body: Json) -> str:
    """The record that a request is about, by its own id or that of the response; raises `BadRequest`."""
    said = body.get("record_id") or body.get("id")
    if said is None:
        raise BadRequest("Expected record_id, or the id of the response that is judged.", "record_id")
    return named(text_of(said, "record_id"), field_of(body, "choice", int, 0))


def named(id: str, choice: int = 0) -> str:
    """The record of a response's id and the index of a choice; raises `BadRequest`.

    >>> named("msg_r1"), named("chatcmpl-r1", 2)
    ('r1', 'r1-2')
    """
    if not 0 <= choice < 10_000:
        raise BadRequest("Expected choice as the index of one of the response's choices, from 0.", "choice")
    record_id = PREFIX.sub("", id)
    return f"{record_id}-{choice}" if choice else record_id


def optional_text(body: Json, name: str, most: int = 512) -> str | None:
    """A text that may be left out; raises `BadRequest`."""
    return None if body.get(name) is None else text_of(body[name], name, most)


def _grade(body: Json, correction: str | None) -> float:
    correct, grade = field_of(body, "correct", bool, None), field_of(body, "grade", (int, float), None)
    if correct is None and grade is None and correction is not None:
        return 0.0
    if (correct is None) == (grade is None):
        raise BadRequest(
            'Expected "correct": true or false, or else "grade": a number from 0 to 1.', "correct"
        )
    if correct and correction is not None:
        raise BadRequest('An answer that is "correct": true has no correction.', "correction")
    return float(grade if correct is None else correct)
