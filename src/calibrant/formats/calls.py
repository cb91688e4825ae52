"""Calls of tools as the chat format has them, whole and in fragments; no server writes them alike. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..types import CallPiece, ToolCall, canonical

__all__ = ["Gathering", "arguments_text", "call_bodies", "call_from", "is_plain", "piece_body"]

MEMBERS = frozenset(("id", "type", "function", "index"))
"""Of a call of a function, whole or a fragment."""


def arguments_text(arguments: Any) -> str:
    """Arguments as the JSON text that the format wants them to be; some give the object itself.

    >>> arguments_text({"city": "Zürich"}), arguments_text('{"a": 1}'), arguments_text(None)
    ('{"city": "Zürich"}', '{"a": 1}', '')
    """
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def call_from(call: Mapping[str, Any]) -> ToolCall:
    """A whole call, of a function or of a tool that takes plain text; raises `KeyError` or `TypeError` for another."""
    custom = call.get("type") == "custom"
    named = call["custom" if custom else "function"]
    arguments = named.get("input" if custom else "arguments")
    return ToolCall(str(call.get("id") or ""), str(named["name"]), arguments_text(arguments))


def is_plain(call: Mapping[str, Any]) -> bool:
    """Whether a call says no more than a `ToolCall` does."""
    named = call.get("function")
    return (
        call.get("type", "function") == "function"
        and call.keys() <= MEMBERS
        and isinstance(named, Mapping)
        and named.keys() <= {"name", "arguments"}
    )


def call_bodies(calls: Iterable[ToolCall]) -> list[dict[str, Any]]:
    """Calls as a message has them."""
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in calls
    ]


def piece_body(piece: CallPiece) -> dict[str, Any]:
    """A fragment as a piece of a streamed message has it: what is there once in the first, then arguments alone."""
    further = json.loads(piece.extra) if piece.extra else {}
    body: dict[str, Any] = {"index": piece.place}
    if piece.id:
        body["id"] = piece.id
    if piece.name:
        body["type"] = "function"
    if "custom" in further:
        return body | further
    named = {"name": piece.name} if piece.name else {}
    return body | {"function": named | {"arguments": piece.arguments}} | further


@dataclass(slots=True)
class _Call:
    """A call that is being written; `raw` holds what no `ToolCall` does."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.arguments))

    @property
    def complete(self) -> bool:
        """Whether its arguments are an object as they stand, so that nothing can follow."""
        text = "".join(self.arguments).strip()
        try:
            return text.endswith("}") and isinstance(json.loads(text), dict)
        except ValueError:
            return False


class Gathering:
    """Puts calls together from fragments, in the order in which they begin.

    Servers differ: an index, or none, or 0 for all; the id in the first fragment or in each; the name once, in each or
    in pieces; arguments as text or as the object. A new id with a name begins a new call, whatever its index.

    >>> calls = Gathering()
    >>> for city in ("Paris", "Rome"):
    ...     fragment = {"index": 0, "id": city, "function": {"name": "weather", "arguments": {"city": city}}}
    ...     print(calls.take(fragment).place)
    0
    1
    >>> [call.arguments for call in calls.whole]
    ['{"city": "Paris"}', '{"city": "Rome"}']
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._at: dict[int, int] = {}  # the place of the latest call of each index

    @property
    def whole(self) -> tuple[ToolCall, ...]:
        """The calls so far."""
        return tuple([call.whole for call in self._calls])

    @property
    def raw(self) -> list[dict[str, Any]] | None:
        """The calls with all that came with them; None where the calls alone say it."""
        if not any(call.raw for call in self._calls):
            return None
        bodies = call_bodies(self.whole)
        return [
            {"id": body["id"], **call.raw, "custom": {"name": call.name, "input": call.whole.arguments}}
            if "custom" in call.raw
            else body | call.raw
            for body, call in zip(bodies, self._calls, strict=True)
        ]

    def take(self, fragment: Mapping[str, Any]) -> CallPiece:
        """Take a fragment, and give what it adds to which call."""
        custom = fragment.get("custom")
        named = custom or fragment.get("function") or {}
        id, name = str(fragment.get("id") or ""), str(named.get("name") or "")
        arguments = arguments_text(named.get("input" if custom else "arguments"))
        place = self._place(fragment.get("index"), id, name, arguments)
        call = self._calls[place]
        new_id = "" if call.id else id
        call.id = call.id or id
        added = _added(call.name, name)
        call.name += added
        call.arguments.append(arguments)
        further = {n: v for n, v in fragment.items() if n not in MEMBERS and v is not None}
        if custom:
            further["type"] = "custom"
        call.raw |= further
        extra = canonical(further) if further else None
        return CallPiece(place, new_id, added, arguments, extra)

    def _place(self, index: Any, id: str, name: str, arguments: str) -> int:
        """Where the call of a fragment stands; a new one is begun."""
        indexed = isinstance(index, int)
        at = self._at.get(index) if indexed else self._known(id)
        if at is None or _begins(self._calls[at], id, name, arguments if not indexed else ""):
            self._calls.append(_Call())
            at = len(self._calls) - 1
        if indexed:
            self._at[index] = at
        return at

    def _known(self, id: str) -> int | None:
        """The call of that id, else the latest."""
        same = (i for i, call in enumerate(self._calls) if id and call.id == id)
        return next(same, len(self._calls) - 1 if self._calls else None)


def _begins(call: _Call, id: str, name: str, arguments: str) -> bool:
    """Whether a fragment is of another call than the one that stands where it belongs."""
    if not name:
        return False  # a new call has a name
    if id and call.id:
        return id != call.id
    # Without ids it is another once the first is whole: by its name, or by arguments where no index tells.
    return call.complete and (name != call.name or bool(arguments))


def _added(known: str, name: str) -> str:
    """What a name adds to what is known of it: nothing where it is told again, the rest where it comes in pieces."""
    if name == known:
        return ""
    return name[len(known) :] if name.startswith(known) else name
