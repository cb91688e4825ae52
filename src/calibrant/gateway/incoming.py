"""What clients say beyond the chat format: how a question is to be taken, and feedback. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from calibrant.answers.kinds import KINDS
from calibrant.dialogue.asks import OPEN_TOKENS
from calibrant.errors import BadRequest
from calibrant.formats.chat.requests import ChatRequest
from calibrant.formats.fields import field_of, text_of
from calibrant.types import Json, Question, Sampling, Verdict, digest

__all__ = ["PREFIX", "question_of", "verdict_of"]

PREFIX = "chatcmpl-"
"""A response's id is this and the record's id, so that feedback can name either."""


def question_of(chat: ChatRequest, request_headers: Mapping[str, str]) -> Question:
    """The question of a chat request: task and domain from its metadata or headers; raises `BadRequest`.

    >>> from calibrant.formats.chat.requests import chat_request
    >>> messages = [{"role": "user", "content": "2 + 2?"}]
    >>> chat = chat_request({"model": "m", "messages": messages, "metadata": {"task": "sums"}})
    >>> question = question_of(chat, {"x-calibrant-domain": "school"})
    >>> question.text, question.task, question.domain
    ('2 + 2?', 'sums', 'school')
    """
    stated, ask = dict(chat.metadata), chat.ask
    task, domain = (
        stated.pop(name, None) or _header(request_headers, f"x-calibrant-{name}")
        for name in ("task", "domain")
    )
    said = [(m.role, m.content, [(c.name, c.arguments) for c in m.tool_calls]) for m in ask.messages]
    return Question(
        id=digest(said),
        messages=ask.messages,
        task=task,
        domain=domain,
        metadata={**stated, **_kind(stated)},
        settings=Sampling(max_tokens=ask.max_tokens or OPEN_TOKENS, stop=ask.stop),
    )


def _kind(stated: Mapping[str, str]) -> Json:
    """What signals and routes need to know of the question: texts in a request, values from here on."""
    if stated.get("kind", "text") not in KINDS:
        raise BadRequest(f"Expected metadata.kind among {', '.join(KINDS)}.", "metadata.kind")
    lists: dict[str, list[str]] = {}
    for name in ("options", "aliases", "documents"):
        if name in stated:
            lists[name] = _listed(stated[name], f"metadata.{name}")
    if stated.get("kind") == "choice" and not lists.get("options"):
        raise BadRequest("metadata.kind is choice, so metadata.options must list them.", "metadata.options")
    return lists


def _listed(text: str, where: str) -> list[str]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadRequest(f'Expected {where} as the text of a JSON list, such as ["yes", "no"].', where)
    return value


def _header(request_headers: Mapping[str, str], name: str) -> str | None:
    """A header as text. It comes as Latin-1, and nearly all clients send UTF-8, in which tasks are written."""
    value = request_headers.get(name)
    if not value:
        return None
    with suppress(UnicodeError):  # then it was Latin-1
        value = value.encode("latin-1").decode()
    return text_of(value, name)


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
    record_id = text_of(named, "record_id").removeprefix(PREFIX)
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
            source=text_of(body.get("source", "user"), "source"),
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
