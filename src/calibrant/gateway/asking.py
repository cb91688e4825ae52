"""What clients say beyond their format: of which task a question is, and what is known of it. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from calibrant.answers.kinds import KINDS
from calibrant.dialogue.asks import OPEN_TOKENS
from calibrant.errors import BadRequest
from calibrant.formats.fields import text_of
from calibrant.types import Ask, Json, Message, Question, Sampling, canonical, digest

from .disclaiming import undisclaimed

__all__ = ["asked_of"]

LISTS = ("options", "aliases", "documents")

OURS = frozenset(("task", "domain", "kind", "context", "clarification", *LISTS))
"""Of a request's metadata, what is for calibrant; all else is for the model's server too."""


def asked_of(ask: Ask, stated: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[Question, Ask]:
    """The question of a request, and what the model is asked; raises `BadRequest`.

    Task and domain come from the metadata that it states, or from its headers. Metadata of the client's own goes on to
    the model's server.

    >>> from calibrant.types import Message
    >>> ask = Ask(messages=(Message("user", "2 + 2?"),))
    >>> question, ask = asked_of(ask, {"task": "sums", "pupil": 7}, {"x-calibrant-domain": "school"})
    >>> question.text, question.task, question.domain, ask.extra
    ('2 + 2?', 'sums', 'school', '{"metadata":{"pupil":7}}')
    """
    metadata = dict(stated)
    if (messages := undisclaimed(ask.messages)) is not ask.messages:
        ask = replace(ask, messages=messages)
    task, domain = (_grouping(name, metadata.pop(name, None), headers) for name in ("task", "domain"))
    question = Question(
        id=digest([_said(message) for message in ask.messages]),
        messages=ask.messages,
        task=task,
        domain=domain,
        metadata={**metadata, **_kind(metadata)},
        settings=Sampling(max_tokens=ask.max_tokens or OPEN_TOKENS, stop=ask.stop, extra=ask.extra),
    )
    own = {name: value for name, value in metadata.items() if name not in OURS}
    if own:
        extra = json.loads(ask.extra) if ask.extra else {}
        ask = replace(ask, extra=canonical(extra | {"metadata": own}))
    return question, ask


def _said(message: Message) -> list[Any]:
    calls = [(call.name, call.arguments) for call in message.tool_calls]
    return [message.role, message.content, calls, *([message.parts] if message.parts else [])]


def _grouping(name: str, stated: Any, headers: Mapping[str, str]) -> str | None:
    if stated:
        return text_of(stated, f"metadata.{name}")
    return _header(headers, f"x-calibrant-{name}")


def _kind(stated: Mapping[str, Any]) -> Json:
    """What signals and routes need to know of the question: in a request lists may be their text, as OpenAI has it."""
    if stated.get("kind", "text") not in KINDS:
        raise BadRequest(f"Expected metadata.kind among {', '.join(KINDS)}.", "metadata.kind")
    lists: dict[str, list[str]] = {}
    for name in LISTS:
        if name in stated:
            lists[name] = _listed(stated[name], f"metadata.{name}")
    if stated.get("kind") == "choice" and not lists.get("options"):
        raise BadRequest("metadata.kind is choice, so metadata.options must list them.", "metadata.options")
    return lists


def _listed(value: Any, where: str) -> list[str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
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
