"""Turns of a conversation: the items of a response, and messages of the chat format. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import BadRequest
from ...types import Message
from ..dialects import RESPONSES, kind_of

__all__ = ["chat_call", "items_of", "reasoning_text", "turns_from"]

OUTPUTS = ("function_call_output", "custom_tool_call_output")
TEXTS = ("input_text", "output_text", "text")
MESSAGE = frozenset(("type", "id", "status", "role", "content"))
PART = frozenset(("type", "text", "annotations", "logprobs"))
CALL = frozenset(("type", "id", "status", "call_id", "name", "arguments", "input"))
"""Members that a message of the chat format can say too, and ids and states, which servers do without."""


def turns_from(given: Any) -> list[dict[str, Any]]:
    """The input of a request as messages of the chat format; raises `BadRequest`.

    Reasoning, text and calls that follow one another are one turn of the assistant. Items that say more than a message
    can stand in it as they came, for servers that speak this format.

    >>> turns_from([{"role": "user", "content": [{"type": "input_text", "text": "2 + 2?"}]}])
    [{'role': 'user', 'content': [{'type': 'text', 'text': '2 + 2?'}]}]
    """
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise BadRequest("Expected input, a text or a list with at least one item.", "input")
    turns = _Turns()
    for i, item in enumerate(given):
        turns.take(item, f"input[{i}]")
    return turns.whole


class _Turns:
    def __init__(self) -> None:
        self._made: list[dict[str, Any]] = []
        self._said: dict[str, Any] | None = None  # the assistant's turn that is not over yet
        self._items: list[Any] = []  # and what it is made of
        self._plain = True

    @property
    def whole(self) -> list[dict[str, Any]]:
        self._end()
        return self._made

    def take(self, item: Any, where: str) -> None:
        if not isinstance(item, dict):
            raise BadRequest(f"Expected an item at {where}, got {item!r:.100}.", where)
        kind = kind_of(item) or ("message" if "role" in item else "")
        if kind == "message" and item.get("role") != "assistant":
            self._end()
            content = _chat_content(item.get("content"), f"{where}.content")
            self._made.append({"role": item.get("role"), "content": content})
        elif kind in OUTPUTS:
            self._end()
            output = _chat_content(item.get("output"), f"{where}.output")
            self._made.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": output})
        elif kind in ("", "item_reference"):
            raise BadRequest(
                f"Expected a whole item with its type at {where}, got {item!r:.100}. Items are looked up by the "
                "ids that this gateway gave them, as long as the record is kept.",
                where,
            )
        else:
            self._take_own(kind, item, where)

    def _take_own(self, kind: str, item: dict[str, Any], where: str) -> None:
        """What the assistant said, thought or called."""
        begins = kind in ("message", "reasoning")
        if self._said is None or (begins and ("tool_calls" in self._said or "content" in self._said)):
            self._end()
            self._said = {"role": "assistant"}
        self._items.append(item)
        if kind == "message":
            self._plain &= _says_no_more(item)
            self._said |= _spoken(item, f"{where}.content")
        elif kind in ("function_call", "custom_tool_call"):
            self._plain &= item.keys() <= CALL
            self._said.setdefault("tool_calls", []).append(chat_call(item))
        else:
            self._plain = False
            if kind == "reasoning" and (thought := reasoning_text(item)):
                self._said["reasoning_content"] = thought

    def _end(self) -> None:
        if self._said is not None:
            empty = None if "tool_calls" in self._said or "refusal" in self._said else ""
            own = {} if self._plain else {RESPONSES: self._items}
            self._made.append({"content": empty} | self._said | own)
        self._said, self._items, self._plain = None, [], True


def chat_call(item: Mapping[str, Any]) -> dict[str, Any]:
    """A call of a tool as a message of the chat format has it.

    >>> chat_call({"type": "custom_tool_call", "call_id": "c1", "name": "sh", "input": "ls"})
    {'id': 'c1', 'type': 'custom', 'custom': {'name': 'sh', 'input': 'ls'}}
    """
    kind, inner = ("custom", "input") if kind_of(item) == "custom_tool_call" else ("function", "arguments")
    return {"id": item.get("call_id"), "type": kind, kind: {"name": item.get("name"), inner: item.get(inner)}}


def _says_no_more(item: Mapping[str, Any]) -> bool:
    """Whether a message is a text, with nothing to it."""
    content = item.get("content")
    if isinstance(content, str):
        return item.keys() <= MESSAGE
    parts = content if isinstance(content, list) else []
    plain = all(
        kind_of(part) in TEXTS and part.keys() <= PART and not part.get("annotations") for part in parts
    )
    return plain and len(parts) == 1 and item.keys() <= MESSAGE


def _spoken(item: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A message of the assistant: text, and what it says in place of one."""
    content = _chat_content(item.get("content"), where)
    if not isinstance(content, list):
        return {"content": content}
    refusal = "".join([str(part.get("refusal")) for part in content if kind_of(part) == "refusal"])
    texts = [part.get("text") for part in content if kind_of(part) == "text"]
    said = "".join([text for text in texts if isinstance(text, str)])
    return {"content": said or None, "refusal": refusal} if refusal else {"content": said}


def reasoning_text(item: Mapping[str, Any]) -> str:
    """What an item of reasoning says in words: all of it where it is told, else its summary.

    >>> reasoning_text({"summary": [{"type": "summary_text", "text": "2 and 2"}]})
    '2 and 2'
    """
    for name in ("content", "summary"):
        parts = item.get(name)
        texts = (
            [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        )
        if said := "\n\n".join([text for text in texts if isinstance(text, str) and text]):
            return said
    return ""


def _chat_content(content: Any, where: str) -> Any:
    if not isinstance(content, list):
        if content is not None and not isinstance(content, str):
            raise BadRequest(f"Expected a text or a list of parts at {where}, got {content!r:.100}.", where)
        return content or ""
    return [_chat_part(part) for part in content]


def _chat_part(part: Any) -> Any:
    """A part as the chat format has it; what that has not stays as it is."""
    kind = kind_of(part)
    if kind in TEXTS:
        return {"type": "text", "text": part.get("text")}
    if kind == "input_image" and part.get("image_url"):
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": part["image_url"]} | detail}
    if kind == "input_file":
        return {"type": "file", "file": {n: v for n, v in part.items() if n != "type"}}
    return part


def items_of(message: Message) -> list[dict[str, Any]]:
    """A message as items: as they came where they came in this format.

    >>> items_of(Message("tool", "4", tool_call_id="c1"))
    [{'type': 'function_call_output', 'call_id': 'c1', 'output': '4'}]
    """
    if message.role == "tool":
        result = {"type": "function_call_output", "call_id": message.tool_call_id or ""}
        return [result | {"output": _content_of(message)}]
    own = message.members if message.extra else {}
    if (items := own.get(RESPONSES)) is not None:
        return list(items)
    content = _content_of(message)
    if refusal := own.get("refusal"):
        content = [{"type": "refusal", "refusal": refusal}]
    calls = own.get("tool_calls") or [
        {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
        for call in message.tool_calls
    ]
    said = [{"role": message.role, "content": content}] if content or not calls else []
    return [*said, *_call_items(calls)]


def _call_items(calls: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    made = []
    for call in calls:
        if "custom" in call:
            made.append({"type": "custom_tool_call", "call_id": call.get("id") or "", **call["custom"]})
        else:
            named = call["function"]
            told = {"name": named["name"], "arguments": named.get("arguments") or ""}
            made.append({"type": "function_call", "call_id": call.get("id") or ""} | told)
    return made


def _content_of(message: Message) -> Any:
    parts = message.body if message.parts is not None else None
    if not isinstance(parts, list):
        return message.content
    text = "output_text" if message.role == "assistant" else "input_text"
    return [_part_of(part, text) for part in parts]


def _part_of(part: Any, text: str) -> Any:
    kind = "text" if isinstance(part, str) else kind_of(part)
    if kind == "text":
        return {"type": text, "text": part if isinstance(part, str) else part.get("text")}
    if kind == "image_url":
        image = part["image_url"] if isinstance(part["image_url"], dict) else {"url": part["image_url"]}
        detail = {"detail": image["detail"]} if image.get("detail") else {}
        return {"type": "input_image", "image_url": image.get("url")} | detail
    if kind == "file" and isinstance(part.get("file"), dict):
        return {"type": "input_file"} | part["file"]
    return part
