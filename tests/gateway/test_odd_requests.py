"""Whatever a client sends, a wire understands it or says what is wrong with it, and servers can be asked for it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.errors import BadRequest, ModelRefused
from calibrant.formats.chat.requests import request_body as to_chat
from calibrant.formats.messages.requests import request_body as to_messages
from calibrant.formats.responses.requests import request_body as to_responses
from calibrant.gateway.wires import Wire
from calibrant.gateway.wires.chat import Chat
from calibrant.gateway.wires.completions import Completions
from calibrant.gateway.wires.decisions import Decisions
from calibrant.gateway.wires.messages import Messages
from calibrant.gateway.wires.responses import Responses

CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
FILE = {"type": "file", "file": {"file_data": "data:,", "filename": "a"}}
RICH: dict[Wire, dict[str, Any]] = {
    Chat(): {
        "model": "m", "stop": ["a"], "n": 2, "metadata": {"task": "t"}, "logprobs": True, "top_logprobs": 2,
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "?"}, IMAGE, FILE]},
            {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "4"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}, {"type": "custom", "custom": {}}],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function"}]}},
        "response_format": {"type": "json_schema", "json_schema": {"schema": {}}}, "reasoning_effort": "low",
    },
    Responses(): {
        "model": "m", "instructions": "s", "include": ["x"], "max_output_tokens": 9,
        "input": [
            {"role": "user", "content": [
                {"type": "input_text", "text": "?"}, {"type": "input_image", "image_url": "u"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "h"}], "content": [{"text": "h"}]},
            {"role": "assistant", "content": [
                {"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "r"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": "x"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "4"}]},
        ],
        "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "g", "format": {"type": "grammar"}}],
        "tool_choice": {"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}]},
        "text": {"format": {"type": "json_schema", "schema": {}}, "verbosity": "low"}, "reasoning": {"effort": "low"},
    },
    Messages(): {
        "model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "s"}], "stop_sequences": ["a"],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "?"}, {"type": "image", "source": {"type": "url", "url": "u"}},
                {"type": "document", "title": "t", "source": {"type": "base64", "media_type": "a/b", "data": "AA"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "h", "signature": "s"}, {"type": "text", "text": "a"},
                {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "4"}]}]},
        ],
        "tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "tool", "name": "f"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
        "metadata": {"user_id": "u"},
    },
    Completions(): {"model": "m", "prompt": ["?"], "logprobs": 1, "echo": False, "best_of": 1, "stop": "a"},
    Decisions(): {"model": "m", "input": "?", "options": ["a", "b"], "instructions": "s"},
}  # fmt: skip

NUMBERS = st.integers(-2, 300) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | NUMBERS | st.sampled_from(
    ["", "a", "text", "image_url", "file", "tool_use", "user", "assistant", "tool", "auto", "custom", "\x00", "{"]
)  # fmt: skip
ODD = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
    st.sampled_from(["type", "text", "content", "function", "custom", "source", "url", "image_url", "file"]),
    inner, max_size=2), max_leaves=4)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a body: what holds it, and by which name."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, one in inner for place in ((value, name), *places(one))]


@pytest.mark.parametrize("wire", RICH, ids=lambda wire: type(wire).__name__)
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_odd_requests_are_understood_or_refused(wire: Wire, data: st.DataObject) -> None:
    body = copy.deepcopy(RICH[wire])
    for _ in range(data.draw(st.integers(0, 2))):
        held, name = data.draw(st.sampled_from(places(body)))
        if data.draw(st.booleans()) or isinstance(held, list):
            held[name] = data.draw(ODD)
        else:
            del held[name]
    try:
        asked = wire.parse(body, {})
    except BadRequest:
        return
    for written in (to_chat, to_messages, to_responses):
        try:
            written(asked.ask, "m")
        except ModelRefused:
            continue
