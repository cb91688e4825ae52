"""What of a record is content, text of users and models, and what is kept where no content may be.

Kept is what later measuring needs: who answered, scores, confidence, decision, costs and times. Content is the rest:
the question, the answer, its tokens and tool calls, and what readings, steps and errors quote of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..types import Message, Record
from .plain import record_from_dict, record_to_dict

__all__ = ["Keeping", "joined", "kept", "parted"]

QUOTED = re.compile(
    r"""(?<!\w)(["'])(?:\\.|(?!\1(?!\w)).)*(?:\1|$)|“[^”]*(?:”|$)|«[^»]*(?:»|$)""",
    re.DOTALL,
)
"""What a sentence quotes, also where the quotation was cut off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """What is kept of the records of a task, and for how long.

    `content` is "stored"; "hashed", so that a record can be matched with a text that somebody has, and shows none; or
    "left_out". After `keep_days` days the content is erased; None keeps it. Raises `ValueError` for anything else.

    >>> Keeping(content="hashed", keep_days=90).keep_days
    90
    """

    content: Literal["stored", "hashed", "left_out"] = "stored"
    keep_days: float | None = None

    def __post_init__(self) -> None:
        if self.content not in ("stored", "hashed", "left_out"):
            raise ValueError(f'content is "stored", "hashed" or "left_out"; got {self.content!r}.')
        if self.keep_days is not None and not 0 < self.keep_days < 1e6:
            raise ValueError(f"keep_days is a number of days above 0; got {self.keep_days!r}.")


def kept(record: Record, content: Literal["stored", "hashed", "left_out"]) -> Record:
    """The record as it is to be written.

    With "hashed" each text of the question and the answer is its SHA-256. Who guesses a short text can test the guess.

    >>> from calibrant.types import Completion, Question
    >>> question = Question(id="q", messages=(Message("user", "Who is ill?"),))
    >>> record = Record(id="r", time=0.0, question=question, completion=Completion(text="Ann", model="m"))
    >>> kept(record, "left_out").completion.text, kept(record, "hashed").completion.text[:15]
    ('', 'sha256:17239b6e')
    """
    if content == "stored" or record.content != "stored":
        return record
    bare = replace(record_from_dict(parted(record_to_dict(record))[0]), content=content)
    if content == "left_out":
        return bare
    asked = record.question
    question = replace(
        bare.question,
        messages=tuple(Message(message.role, _hashed(message.content)) for message in asked.messages),
        references=tuple(map(_hashed, asked.references)),
    )
    completion = bare.completion
    if completion is not None and record.completion is not None:
        completion = replace(completion, text=_hashed(record.completion.text))
    return replace(bare, question=question, completion=completion)


def _hashed(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"


def parted(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON of a record in two: what is kept, itself the JSON of a record, and the content beside it.

    >>> whole = {"id": "r", "error": "It failed: no 'cat'.", "completion": {"text": "Ann", "model": "m"}}
    >>> parted(whole)
    ({'id': 'r', 'error': 'It failed: …', 'completion': {'text': '', 'model': 'm'}},
     {'completion': {'text': 'Ann'}, 'error': "It failed: no 'cat'."})
    """
    bare, content = dict(record), {}
    for name, rule in RULES.items():
        if record.get(name) is not None:
            bare[name], rest = _parted(record[name], rule)
            if rest is not NOTHING:
                content[name] = rest
    return bare, content


def joined(bare: Any, content: Any) -> Any:
    """The JSON that `parted` parted.

    >>> joined({"id": "r", "completion": {"text": "", "model": "m"}}, {"completion": {"text": "Ann"}})
    {'id': 'r', 'completion': {'text': 'Ann', 'model': 'm'}}
    """
    if isinstance(bare, dict) and isinstance(content, dict):
        return bare | {name: joined(bare.get(name), value) for name, value in content.items()}
    if isinstance(bare, list) and isinstance(content, list) and len(bare) == len(content):
        return [joined(*pair) for pair in zip(bare, content, strict=True)]
    return content


Rule = Callable[[Any], Any] | Mapping[str, Any] | None
"""What is kept of a value: what a function makes of it; of an object, its members by their own rules; None: all."""

NOTHING: Any = object()


def _unquoted(text: str) -> str:
    return QUOTED.sub("…", text)


def _headed(text: str) -> str:
    """An error up to what it was given: a server's words may be the user's."""
    head, colon, _ = _unquoted(text).partition(": ")
    return f"{head}: …" if colon else head


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, and the digests of what a signal asked and how."""
    return {
        name: value
        for name, value in values.items()
        if not isinstance(value, str | list | tuple | dict) or name in ("prompt", "parameters")
    }


def _no_text(_: str) -> str:
    return ""


def _no_list(_: list[Any]) -> list[Any]:
    return []


RULES: Mapping[str, Rule] = {
    "question": {
        "id": None, "task": None, "domain": None, "format": None, "put_by": None, "asked_by": None,
        "messages": _no_list, "settings": _numbers,
    },
    "completion": {
        "text": _no_text, "model": None, "finish_reason": None, "usage": None, "cost": None, "latency": None,
        "system_fingerprint": None, "service_tier": None, "served_model": None,
    },
    "readings": {"signal": None, "score": None, "reason": _unquoted, "detail": _numbers},
    "confidence": {
        "p": None, "low": None, "high": None, "map_id": None, "fingerprint": None, "verdicts": None,
        "reason": _unquoted, "stand_in": None,
    },
    "steps": {
        "name": None, "model": None, "outcome": _no_text, "p": None, "cost": None, "latency": None, "detail": _numbers,
    },
    "decision": {"action": None, "threshold": None, "why": _unquoted},
    "error": _headed,
}  # fmt: skip
"""A member that has no rule is content, so that what is added one day is not kept by oversight."""


def _parted(value: Any, rule: Rule) -> tuple[Any, Any]:
    if rule is None or value is None:
        return value, NOTHING
    if callable(rule):
        bare = rule(value)
        if isinstance(bare, dict):
            rest = {name: one for name, one in value.items() if name not in bare}
            return bare, rest or NOTHING
        return bare, value if bare != value else NOTHING
    if isinstance(value, list | tuple):
        pairs = [_parted(one, rule) for one in value]
        rests = [{} if rest is NOTHING else rest for _, rest in pairs]
        return [bare for bare, _ in pairs], rests if any(rests) else NOTHING
    return _members(value, rule)


def _members(values: Mapping[str, Any], rules: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    bare, content = {}, {}
    for name, value in values.items():
        if name in rules:
            bare[name], rest = _parted(value, rules[name])
        else:
            rest = value
        if rest is not NOTHING:
            content[name] = rest
    return bare, content or NOTHING
