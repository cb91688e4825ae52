"""What is said in one format, as the servers of another are asked and what they answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calibrant.formats.chat.replies import reply_body as chat_reply
from calibrant.formats.chat.requests import chat_request
from calibrant.formats.chat.requests import request_body as to_chat
from calibrant.formats.messages import events, replies, requests, streams
from calibrant.formats.responses import replies as responses
from calibrant.formats.responses.requests import chat_body as of_responses
from calibrant.formats.responses.requests import request_body as to_responses
from calibrant.types import Ask, Message, canonical

SHOWN = Ask(messages=())
CHAT: dict[str, Any] = {
    "model": "m", "max_completion_tokens": 9, "user": "u1", "parallel_tool_calls": False, "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
    "store": True, "metadata": {"team": "red"},
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BB=="}},
        ]},
    ],
}  # fmt: skip


def test_a_chat_request_before_a_server_of_messages() -> None:
    chat = chat_request(CHAT)
    body = requests.request_body(chat.ask, "m")
    assert body["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
        {"type": "document", "title": "a.pdf",
         "source": {"type": "base64", "media_type": "application/pdf", "data": "BB=="}},
    ]  # fmt: skip
    assert (body["max_tokens"], body["metadata"]) == (9, {"user_id": "u1"})
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert body["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": {"type": "object"}},
    }
    assert not {"store", "user", "parallel_tool_calls", "reasoning_effort", "response_format"} & body.keys()


def test_a_chat_request_before_a_server_of_responses() -> None:
    body = to_responses(chat_request(CHAT).ask, "m")
    assert body["input"][0]["content"] == [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
        {"type": "input_image", "image_url": "https://a.example/b.png"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BB=="},
    ]
    assert (body["text"]["format"]["name"], body["reasoning"]) == ("n", {"effort": "low"})
    assert (body["tools"][0]["name"], body["max_output_tokens"], body["store"]) == ("f", 16, True)


def test_what_only_one_format_has_stays_from_the_others() -> None:
    asked = of_responses({
        "model": "m", "truncation": "auto", "include": ["x"], "reasoning": {"summary": "auto"},
        "input": [{"type": "web_search_call", "id": "w"}, {"role": "user", "content": "?"}],
    })  # fmt: skip
    ask = chat_request(asked).ask
    for body in (to_chat(ask, "m"), requests.request_body(ask, "m")):
        assert "of_responses" not in json.dumps(body)
        assert "web_search_call" not in json.dumps(body)
    assert to_responses(ask, "m")["input"][0] == {"type": "web_search_call", "id": "w"}


def test_blocks_keep_what_they_have_when_a_line_is_put_below_them() -> None:
    cached = [{"type": "text", "text": "2 + 2?", "cache_control": {"type": "ephemeral"}}]
    came = Message("user", "2 + 2?", extra=canonical({"of_messages": cached}))
    assert requests.request_body(Ask(messages=(came,)), "m")["messages"][0]["content"] == cached
    lined = came.saying("2 + 2?\n\nBe brief.")
    said = requests.request_body(Ask(messages=(lined,)), "m")["messages"][0]["content"]
    assert said == [*cached, {"type": "text", "text": "\n\nBe brief."}]
    other = requests.request_body(Ask(messages=(came.saying("3 + 3?"),)), "m")["messages"][0]["content"]
    assert other == [{"type": "text", "text": "3 + 3?"}]


def test_a_system_prompt_of_blocks_is_one_text_elsewhere() -> None:
    system = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "In French."}]
    asked = requests.chat_body(
        {"model": "m", "system": system, "messages": [{"role": "user", "content": "?"}]}
    )
    ask = chat_request(asked).ask
    assert to_chat(ask, "m")["messages"][0] == {"role": "system", "content": "Be brief.\n\nIn French."}
    assert requests.request_body(ask, "m")["system"] == system


@pytest.mark.parametrize("kind", ["responses", "messages"])
def test_thoughts_and_counts_of_a_server_reach_a_chat_client(kind: str) -> None:
    if kind == "responses":
        usage = {"input_tokens": 9, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 8},
                 "output_tokens_details": {"reasoning_tokens": 2}}  # fmt: skip
        output = [
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "4", "annotations": []}]},
            {"type": "custom_tool_call", "call_id": "c", "name": "sh", "input": "ls"},
        ]  # fmt: skip
        done = responses.completion_from({"output": output, "usage": usage}, SHOWN, model="m", latency=0.0)
    else:
        usage = {"input_tokens": 1, "cache_read_input_tokens": 8, "output_tokens": 3}
        blocks = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "4"}]
        done = replies.completion_from({"content": blocks, "usage": usage}, SHOWN, model="m", latency=0.0)
    body = chat_reply([done], SHOWN, id="c", time=0.0)
    said = body["choices"][0]["message"]
    assert (said["content"], said["reasoning_content"]) == ("4", "hm")
    assert body["usage"]["prompt_tokens"] == 9
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 8
    assert not {"of_responses", "of_messages"} & said.keys()
    if kind == "responses":
        assert said["tool_calls"] == [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]


def test_two_blocks_of_a_kind_stay_two() -> None:
    came = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "a"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "b"}},
    ]
    assembler, made = streams.Assembler("m", SHOWN), events.Events("m", id="r1")
    left = [event for one in came for piece in assembler.feed(one) for event in made.piece(piece)]
    assert [event["index"] for event in left if event["type"] == "content_block_delta"] == [0, 1]
