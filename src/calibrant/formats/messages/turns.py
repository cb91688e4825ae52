"""Turns of a conversation: blocks of the messages format, and messages of the chat format. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import BadRequest, ModelRefused
from ...types import Message
from ..dialects import MESSAGES, kind_of

__all__ = ["blocks_of", "object_of", "turns_from"]

TEXT = frozenset(("type", "text"))
USE = frozenset(("type", "id", "name", "input"))
APART = "\n\n"
"""Stands between the blocks of a system prompt where they are one text."""

RESULT = frozenset(("type", "tool_use_id", "content"))
"""Members of blocks of which a message of the chat format says all."""


def turns_from(given: Any, system: Any) -> list[dict[str, Any]]:
    """The turns of a request and its system prompt as messages of the chat format; raises `BadRequest`.

    Results of tools become turns of their own. What says more than a message can stands in it as it came, for servers
    that speak this format.

    >>> turns_from([{"role": "user", "content": [{"type": "text", "text": "2 + 2?"}]}], "Be short.")
    [{'role': 'system', 'content': 'Be short.'}, {'role': 'user', 'content': '2 + 2?'}]
    """
    if not isinstance(given, list) or not given:
        raise BadRequest("Expected messages, a list with at least one message.", "messages")
    made = [] if system is None else [_system(_blocks(system, "system"))]
    for i, turn in enumerate(given):
        where = f"messages[{i}]"
        if not isinstance(turn, dict):
            raise BadRequest(
                f"Expected an object with role and content at {where}, got {turn!r:.100}.", where
            )
        blocks = _blocks(turn.get("content"), f"{where}.content")
        if turn.get("role") == "assistant":
            made.append(_answered(blocks, where))
        else:
            made += _asked(turn.get("role"), blocks, where)
    return made


def _blocks(content: Any, where: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(
        isinstance(block, dict) and kind_of(block) for block in content
    ):
        raise BadRequest(
            f"Expected a text or a list of blocks with their types at {where}, got {content!r:.100}.", where
        )
    return content


def _system(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """The system prompt as one text, since not every server takes parts of one."""
    plain = len(blocks) == 1 and blocks[0].keys() <= TEXT
    text = APART.join([_text(block, "system") for block in blocks])
    return {"role": "system", "content": text} | ({} if plain else {MESSAGES: blocks})


def _said(role: Any, blocks: list[dict[str, Any]], where: str) -> dict[str, Any]:
    """What somebody else than the assistant said."""
    plain = all(block["type"] == "text" and block.keys() <= TEXT for block in blocks)
    parts = [_chat_part(block, where) for block in blocks]
    text = parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts
    return {"role": role, "content": text} | ({} if plain else {MESSAGES: blocks})


def _asked(role: Any, blocks: list[dict[str, Any]], where: str) -> list[dict[str, Any]]:
    results = [block for block in blocks if block["type"] == "tool_result"]
    others = [block for block in blocks if block["type"] != "tool_result"]
    made = [_result(block, where) for block in results]
    return [*made, *([_said(role, others, where)] if others or not made else [])]


def _result(block: dict[str, Any], where: str) -> dict[str, Any]:
    inner = _blocks(block.get("content") or "", f"{where}.content")
    said = _said("tool", inner, where)
    plain = block.keys() <= RESULT and MESSAGES not in said
    turn = {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": said["content"]}
    return turn | ({} if plain else {MESSAGES: [block]})


def _answered(blocks: list[dict[str, Any]], where: str) -> dict[str, Any]:
    """A turn of the assistant: what it thought, said and called."""
    texts = [_text(block, where) for block in blocks if block["type"] == "text"]
    thought = [block.get("thinking") for block in blocks if block["type"] == "thinking"]
    calls = [_call(block, where) for block in blocks if block["type"] == "tool_use"]
    known = {"text": TEXT, "tool_use": USE}
    plain = len(texts) <= 1 and all(block.keys() <= known.get(block["type"], set()) for block in blocks)
    turn: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or (None if calls else "")}
    if said := "\n\n".join([one for one in thought if isinstance(one, str) and one]):
        turn["reasoning_content"] = said
    if calls:
        turn["tool_calls"] = calls
    return turn | ({} if plain else {MESSAGES: blocks})


def _text(block: Mapping[str, Any], where: str) -> str:
    text = block.get("text")
    if not isinstance(text, str):
        raise BadRequest(f"Expected a text in the block of type text at {where}, got {text!r:.100}.", where)
    return text


def _call(block: Mapping[str, Any], where: str) -> dict[str, Any]:
    name, arguments = block.get("name"), block.get("input")
    if not isinstance(name, str) or not isinstance(arguments, dict | None):
        raise BadRequest(
            f"Expected a block with id, name and input (an object) at {where}, got {block!r:.100}.", where
        )
    function = {"name": name, "arguments": json.dumps(arguments or {}, ensure_ascii=False)}
    return {"id": block.get("id"), "type": "function", "function": function}


def _chat_part(block: dict[str, Any], where: str) -> dict[str, Any]:
    """A block as the chat format has it; what that has not stays as it is."""
    source = block.get("source")
    if block["type"] == "text":
        return {"type": "text", "text": _text(block, where)}
    if not isinstance(source, dict):
        return block
    if block["type"] == "image" and (url := _url(source)):
        return {"type": "image_url", "image_url": {"url": url}}
    if block["type"] == "document":
        if kind_of(source) == "text" and isinstance(source.get("data"), str):
            return {"type": "text", "text": source["data"]}
        name = {"filename": block["title"]} if block.get("title") else {"filename": "document.pdf"}
        if kind_of(source) == "base64" and (url := _url(source)):
            return {"type": "file", "file": name | {"file_data": url}}
        if kind_of(source) == "url":
            return {"type": "file", "file": {"file_url": source.get("url")}}
    return block


def _url(source: Mapping[str, Any]) -> str | None:
    """The address of an image, also of one that is sent along."""
    if kind_of(source) == "base64":
        return f"data:{source.get('media_type')};base64,{source.get('data')}"
    url = source.get("url")
    return url if isinstance(url, str) else None


def blocks_of(message: Message) -> list[dict[str, Any]]:
    """A message as blocks: as they came where they came in this format and still say the same.

    Raises `ModelRefused` for a call of a tool whose arguments are no JSON object.
    """
    own = message.members.get(MESSAGES) if message.extra else None
    if own is not None and (kept := _as_they_came(message, own)) is not None:
        return kept
    if message.role == "tool":
        content = _parts(message) or message.content
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id or "", "content": content}]
    said = _parts(message) or ([{"type": "text", "text": message.content}] if message.content else [])
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": object_of(call.name, call.arguments)}
        for call in message.tool_calls
    ]
    return [*said, *calls]


def _as_they_came(message: Message, blocks: list[Any]) -> list[dict[str, Any]] | None:
    """The blocks, with what was put before or behind their text since; None where that is another."""
    if message.role in ("assistant", "tool"):
        return blocks
    parts = [_chat_part(block, "") for block in blocks]
    apart = APART if message.role == "system" else ""
    text, said = apart.join([part["text"] for part in parts if part["type"] == "text"]), message.content
    if said.startswith(text):
        rest = said[len(text) :]
        return [*blocks, *([{"type": "text", "text": rest}] if rest.strip() else [])]
    return [{"type": "text", "text": said[: -len(text)]}, *blocks] if said.endswith(text) else None


def _parts(message: Message) -> list[dict[str, Any]]:
    """The parts of a content that has more than text, as blocks."""
    parts = message.body if message.parts is not None else None
    return [_block_of(part) for part in parts] if isinstance(parts, list) else []


def _block_of(part: Any) -> dict[str, Any]:
    kind = "text" if isinstance(part, str) else kind_of(part)
    if kind == "text":
        return {"type": "text", "text": part} if isinstance(part, str) else part
    if kind == "image_url":
        image = part["image_url"]
        marks = {name: value for name, value in part.items() if name not in ("type", "image_url")}
        return {
            "type": "image",
            "source": _source(image["url"] if isinstance(image, dict) else image),
        } | marks
    if kind == "file" and isinstance(part.get("file"), dict):
        return _document(part["file"])
    whole: dict[str, Any] = part
    return whole


def _source(url: str) -> dict[str, Any]:
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    media, _, data = url.removeprefix("data:").partition(",")
    return {"type": "base64", "media_type": media.partition(";")[0], "data": data}


def _document(file: Mapping[str, Any]) -> dict[str, Any]:
    named = {"title": file["filename"]} if file.get("filename") else {}
    if file.get("file_id"):
        return {"type": "document", "source": {"type": "file", "file_id": file["file_id"]}} | named
    return {
        "type": "document",
        "source": _source(str(file.get("file_data") or file.get("file_url") or "")),
    } | named


def object_of(name: str, arguments: str) -> dict[str, Any]:
    """The arguments of a call as the object that the format wants; raises `ModelRefused` for what is none."""
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        said = f"Expected a JSON object as arguments of {name}, got {arguments[:80]!r}."
        raise ModelRefused(said, status=400, said=said)
    return value
