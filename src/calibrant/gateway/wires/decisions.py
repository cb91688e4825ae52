"""Typed decisions: one of some options, or JSON of a schema, with our probability beside the server's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from calibrant.answers.options import chosen
from calibrant.errors import BadRequest, NoScore
from calibrant.formats.chat.replies import beside, error_body, usage_body
from calibrant.formats.chat.requests import chat_request
from calibrant.formats.fields import field_of, text_of
from calibrant.signals.decision import FENCE, ClaimedProbability
from calibrant.types import Completion, Json, Question

from ..asking import asked_of
from ..errors import Failure
from ..given import Given
from . import Asked, Begun, Events, event

__all__ = ["Decisions"]

CLAIMED = ClaimedProbability()

MOST_OPTIONS = 256


@dataclass(frozen=True, slots=True)
class _Form:
    """What may be decided: one of the options, or where there are none JSON. `asked` is the question's text."""

    options: tuple[str, ...]
    asked: str


class Decisions:
    """Decisions, whole: `{"model", "input" or "messages", "options" or "schema"}`.

    The reply has the `decision`, null where the answer is none, our `confidence`, and what the server claims of itself
    as `vendor_confidence`.
    """

    path: ClassVar = "/v1/decisions"

    def parse(self, body: Json, headers: Mapping[str, str]) -> Asked:
        """Understand a request; raises `BadRequest`."""
        said = {name: value for name, value in body.items() if value is not None}
        options = _options(said.pop("options", None))
        schema = field_of(said, "schema", dict, None)
        if (schema is None) == (not options):
            raise BadRequest(
                "Expected options, a list of texts, or schema, a JSON schema: one of them.", "options"
            )
        said.pop("schema", None)
        for name in ("stream", "n"):
            if (value := said.get(name)) is True or value not in (None, False, 1):
                raise BadRequest(f"A decision is one, and comes whole. Leave {name} out.", name)
        chat = chat_request(_chat_body(said, schema))
        stated = {**chat.metadata, **({"options": list(options)} if options else {})}
        question, ask = asked_of(chat.ask, stated, headers)
        if options:
            question = replace(question, format="option")
        form = _Form(options, question.text)
        return Asked(question=question, ask=ask, model=chat.model, form=form)

    def reply(self, asked: Asked, given: Sequence[Given]) -> Json:
        """The body of a decision."""
        one, done = given[0], given[0].completion
        decision = None if one.held else _decided(done, asked.form)
        return beside(done) | {
            "id": f"dec_{one.record_id}",
            "object": "decision",
            "created": int(one.time),
            "model": done.model,
            "decision": decision,
            "text": done.text,
            "confidence": one.confidence,
            "vendor_confidence": _claimed(done),
            "finish_reason": done.finish_reason,
            "usage": usage_body(done.usage),
        }

    def events(self, asked: Asked, begun: Begun) -> Events:
        """Nothing is streamed, and a request that wants it is refused."""
        raise NotImplementedError

    def error(self, failure: Failure) -> Json:
        """An error in OpenAI's shape."""
        return error_body(failure.message, failure.kind, failure.code, failure.param)

    def error_event(self, failure: Failure) -> bytes:
        """The same as an event."""
        return event(self.error(failure))


def _options(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not 2 <= len(value) <= MOST_OPTIONS:
        raise BadRequest(f"Expected options, a list of 2 to {MOST_OPTIONS} texts.", "options")
    options = tuple([text_of(one, f"options[{i}]") for i, one in enumerate(value)])
    if len({one.strip().casefold() for one in options}) < len(options) or not all(
        one.strip() for one in options
    ):
        raise BadRequest("Expected options that differ, and none that is empty.", "options")
    return options


def _chat_body(said: dict[str, Any], schema: Json | None) -> dict[str, Any]:
    put, instructions = said.pop("input", None), said.pop("instructions", None)
    messages = said.pop("messages", None)
    if (put is None) == (messages is None):
        raise BadRequest("Expected input, a text, or messages, a list: one of them.", "input")
    if put is not None:
        messages = [{"role": "user", "content": field_of({"input": put}, "input", str, None)}]
    if instructions is not None:
        told = field_of({"instructions": instructions}, "instructions", str, None)
        messages = [{"role": "system", "content": told}, *(messages if isinstance(messages, list) else [])]
    made = said | {"messages": messages}
    if schema is not None:
        named = {"name": "decision", "schema": schema, "strict": True}
        made["response_format"] = {"type": "json_schema", "json_schema": named}
    return made


def _decided(done: Completion, form: _Form) -> Any:
    """The decision; None where the answer is none of the options, or no JSON."""
    if done.refusal:
        return None
    fence = FENCE.fullmatch(done.text.strip())
    try:
        value = json.loads(fence[1] if fence else done.text)
    except (ValueError, RecursionError):
        value = None
    if not form.options:
        return value
    if isinstance(value, dict):  # as servers of decisions write them
        said = [one for one in value.values() if isinstance(one, str) and one in form.options]
        return said[0] if len(said) == 1 else None
    place = chosen(done.text, form.options, form.asked)
    return None if place is None else form.options[place]


def _claimed(done: Completion) -> float | None:
    """What the server says of how sure it is."""
    try:
        score = CLAIMED.read(Question(id="", messages=()), done).score
    except NoScore:
        return None
    return None if score is None else float(score)
