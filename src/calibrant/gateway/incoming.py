"""What clients send, understood: chat requests and feedback. Pure functions, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calibrant.answers.same import KINDS
from calibrant.dialogue.asks import OPEN_TOKENS
from calibrant.errors import UnusableInput
from calibrant.types import Ask, Json, Message, Question, Sampling, ToolCall, Verdict, canonical, digest

__all__ = ["PREFIX", "BadRequest", "ChatRequest", "chat_request", "verdict_of"]

PREFIX = "chatcmpl-"
"""A response's id is this and the record's id, so that feedback can name either."""

OWN = (
    *("model", "messages", "stream", "stream_options", "n", "temperature", "max_tokens"),
    *("logprobs", "top_logprobs", "seed", "stop", "metadata"),
)
"""Request fields that become fields of the nouns; all others go to the model as they are."""

LOST = ("functions", "function_call", "audio")
"""Request fields whose effect on the reply could not be given back."""

EMPTY: tuple[Any, ...] = (None, "", [], {})


class BadRequest(UnusableInput):
    """The client's request cannot be served as it is: `status` for HTTP, `param` for the field at fault."""

    def __init__(
        self, message: str, param: str | None = None, status: int = 400, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.param, self.status, self.code = param, status, code or "invalid_request"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRequest:
    """A chat request, understood. `logprobs` and `include_usage` say what the client wants to see."""

    question: Question
    ask: Ask
    model: str
    stream: bool = False
    include_usage: bool = False
    logprobs: bool = False


def chat_request(body: Json, request_headers: Mapping[str, str]) -> ChatRequest:
    """Understand the body of a chat request; raises `BadRequest`.

    >>> messages = [{"role": "user", "content": "2 + 2?"}]
    >>> chat = chat_request({"model": "m", "messages": messages, "metadata": {"task": "sums"}}, {})
    >>> chat.question.text, chat.question.task, chat.stream
    ('2 + 2?', 'sums', False)
    """
    _refuse_unserved(body)
    messages = tuple(
        _message(item, f"messages[{i}]") for i, item in enumerate(_field(body, "messages", list, []))
    )
    if not messages:
        raise BadRequest("Expected messages, a list with at least one message.", "messages")
    ask = _ask(body, messages)
    options = _field(body, "stream_options", dict, {})
    return ChatRequest(
        question=_question(body, ask, request_headers),
        ask=ask,
        model=_field(body, "model", str, ""),
        stream=_field(body, "stream", bool, False),
        include_usage=_field(options, "include_usage", bool, False),
        logprobs=ask.logprobs,
    )


def _refuse_unserved(body: Json) -> None:
    if _field(body, "n", int, 1) != 1:
        raise BadRequest(
            "Only n = 1 is served: each answer has a confidence of its own. Send n requests.", "n"
        )
    for name in LOST:
        if body.get(name) not in EMPTY:
            raise BadRequest(f"{name} is not served. Use tools for functions; audio is not supported.", name)


def _question(body: Json, ask: Ask, request_headers: Mapping[str, str]) -> Question:
    stated = {
        _text(name, "metadata"): _text(value, f"metadata.{name}")
        for name, value in _field(body, "metadata", dict, {}).items()
    }
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
    """What signals need to know of the answers that are possible: texts in a request, values from here on."""
    if stated.get("kind", "text") not in KINDS:
        raise BadRequest(f"Expected metadata.kind among {', '.join(KINDS)}.", "metadata.kind")
    lists: dict[str, list[str]] = {}
    for name in ("options", "aliases"):
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


def _ask(body: Json, messages: tuple[Message, ...]) -> Ask:
    further = {name: value for name, value in body.items() if name not in OWN and value is not None}
    temperature = _field(body, "temperature", (int, float), None)
    stop = _field(body, "stop", (str, list), [])
    top_logprobs = _field(body, "top_logprobs", int, 0)
    if not 0 <= top_logprobs <= 20:
        raise BadRequest(f"Expected top_logprobs from 0 to 20, got {top_logprobs}.", "top_logprobs")
    return Ask(
        messages=messages,
        temperature=None if temperature is None else float(temperature),
        max_tokens=_field(body, "max_tokens", int, None),
        logprobs=_field(body, "logprobs", bool, False),
        top_logprobs=top_logprobs,
        seed=_field(body, "seed", int, None),
        stop=(stop,) if isinstance(stop, str) else tuple(_text(word, "stop") for word in stop),
        extra=canonical(further) if further else None,
    )


def _message(item: Any, where: str) -> Message:
    if not isinstance(item, dict):
        raise BadRequest(f"Expected an object with role and content at {where}, got {item!r}.", where)
    if item.get("name") not in EMPTY:
        raise BadRequest(f"{where}.name is not carried to the model. Write the name into the content.", where)
    return Message(
        role=_text(item.get("role"), f"{where}.role"),
        content=_content(item.get("content"), f"{where}.content"),
        tool_calls=tuple(_tool_call(call, where) for call in _field(item, "tool_calls", list, [])),
        tool_call_id=_field(item, "tool_call_id", str, None),
    )


def _content(content: Any, where: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    parts = content if isinstance(content, list) else [content]
    if not all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
        raise BadRequest(
            f"{where} has a part that is not text. Only text is served, no images or sound.", where
        )
    return "".join(part["text"] for part in parts)


def _tool_call(call: Any, where: str) -> ToolCall:
    try:
        function = call["function"]
        return ToolCall(str(call["id"]), str(function["name"]), str(function["arguments"]))
    except (KeyError, TypeError) as error:
        raise BadRequest(
            f"Expected tool calls with id and function (name, arguments) at {where}, got {call!r}.", where
        ) from error


def _field(body: Json, name: str, kind: Any, default: Any) -> Any:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        words = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        raise BadRequest(f"Expected {name} to be of type {words}, got {value!r}.", name)
    return value


def _text(value: Any, where: str, most: int = 512) -> str:
    """A short text; NUL is refused because PostgreSQL cannot keep it in a column."""
    if not isinstance(value, str) or len(value) > most or "\x00" in value:
        raise BadRequest(
            f"Expected a text of at most {most} characters at {where}, got {value!r:.100}.", where
        )
    return value


def _header(request_headers: Mapping[str, str], name: str) -> str | None:
    value = request_headers.get(name)
    return _text(value, name) if value else None


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
    record_id = _text(named, "record_id").removeprefix(PREFIX)
    key = body.get("idempotency_key")
    propensity = _field(body, "propensity", (int, float), None)
    try:
        return Verdict(
            id=new_id if key is None else digest([record_id, _text(key, "idempotency_key")]),
            record_id=record_id,
            grade=_grade(body),
            judge=_text(body.get("judge", "feedback"), "judge"),
            time=time,
            propensity=None if propensity is None else float(propensity),
            source=_text(body.get("source", "user"), "source"),
            comment=None if body.get("comment") is None else _text(body["comment"], "comment", 10_000),
            assignment=None if body.get("assignment") is None else _text(body["assignment"], "assignment"),
        )
    except BadRequest:
        raise
    except ValueError as error:
        raise BadRequest(str(error), "propensity" if "propensity" in str(error) else "grade") from error


def _grade(body: Json) -> float:
    correct, grade = _field(body, "correct", bool, None), _field(body, "grade", (int, float), None)
    if (correct is None) == (grade is None):
        raise BadRequest(
            'Expected "correct": true or false, or else "grade": a number from 0 to 1.', "correct"
        )
    return float(grade if correct is None else correct)
