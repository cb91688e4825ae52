"""Verdicts that come back over HTTP."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from calibrant.errors import BadRequest, StoreError
from calibrant.formats.fields import field_of, text_of
from calibrant.pipeline import Pipeline
from calibrant.types import Json, Verdict, digest

from .admission import Admission
from .bodies import answered, read
from .callers import Caller
from .errors import TurnedAway
from .visits import visit_of

__all__ = ["Feedback", "verdict_of"]

PREFIX = re.compile("^(chatcmpl-|cmpl-|resp_|msg_)")
"""What formats put before a record's id, so that feedback can name the reply or the record."""

USER = "user"


@dataclass(frozen=True, kw_only=True, slots=True)
class Feedback:
    """Takes verdicts on records."""

    pipeline: Pipeline
    admission: Admission

    async def post(self, request: Request) -> Response:
        """A verdict by record id, which is kept with the propensity that was issued."""
        server = self.admission.server
        body = await read(request, server.body_limit, server.depth_limit)
        verdict = verdict_of(body, new_id=self.pipeline.new_id(), time=self.pipeline.clock())
        _check_source(visit_of(request).caller, verdict)
        await self.pipeline.writer.add([verdict])
        kept = verdict if self.pipeline.writer.away else await asyncio.to_thread(self._kept, verdict)
        told = ("record_id", "grade", "source", "propensity", "propensity_from")
        return answered({"verdict_id": kept.id} | {name: getattr(kept, name) for name in told})

    def _kept(self, verdict: Verdict) -> Verdict:
        """The verdict as the store keeps it; as it came where it is only on its way there."""
        try:
            found = self.pipeline.store.verdicts(verdict.record_id)
        except StoreError:
            return verdict
        return next((one for one in found if one.id == verdict.id), verdict)


def _check_source(caller: Caller | None, verdict: Verdict) -> None:
    """Verdicts of reviewers and other judges weigh more than those of users, so not everybody gives them."""
    if verdict.source != USER and caller is not None and not caller.may("reviewer"):
        raise TurnedAway(
            f"This key gives verdicts of users (source {USER!r}); those of others take one with the role reviewer.",
            "source", status=403, code="role_not_allowed",
        )  # fmt: skip


def verdict_of(body: Json, *, new_id: str, time: float) -> Verdict:
    """Understand a feedback request; raises `BadRequest`.

    With an `idempotency_key` the verdict's id follows from it and the record, so that a repeated
    delivery is the same verdict. Without a `source` it is a user's, not a reviewer's. Its propensity is that of
    the `assignment` it cites; one that cites none may state a `propensity`, which is kept as stated; with neither
    it is not known how the record came to be judged, and it carries no weight.

    >>> verdict_of({"id": "chatcmpl-r1", "correct": True}, new_id="v1", time=0.0).record_id
    'r1'
    """
    named = body.get("record_id") or body.get("id")
    if named is None:
        raise BadRequest("Expected record_id, or the id of the response that is judged.", "record_id")
    record_id = _record_id(text_of(named, "record_id"))
    key = body.get("idempotency_key")
    propensity = field_of(body, "propensity", (int, float), None)
    try:
        return Verdict(
            id=new_id if key is None else digest([record_id, text_of(key, "idempotency_key")]),
            record_id=record_id,
            grade=_grade(body),
            judge=text_of(body.get("judge", "feedback"), "judge"),
            time=time,
            propensity=None if propensity is None else float(propensity),
            source=text_of(body.get("source", USER), "source"),
            comment=None if body.get("comment") is None else text_of(body["comment"], "comment", 10_000),
            assignment=None if body.get("assignment") is None else text_of(body["assignment"], "assignment"),
        )
    except BadRequest:
        raise
    except ValueError as error:
        raise BadRequest(str(error), "propensity" if "propensity" in str(error) else "grade") from error


def _grade(body: Json) -> float:
    correct, grade = field_of(body, "correct", bool, None), field_of(body, "grade", (int, float), None)
    if (correct is None) == (grade is None):
        raise BadRequest(
            'Expected "correct": true or false, or else "grade": a number from 0 to 1.', "correct"
        )
    return float(grade if correct is None else correct)


def _record_id(named: str) -> str:
    return PREFIX.sub("", named)
