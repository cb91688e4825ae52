"""Messages: Anthropic's own client before servers of the chat format and of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from calibrant.formats.messages.events import Events
from calibrant.models.anthropic import Anthropic
from calibrant.types import CallPiece, Completion, Delta

from ..upstream import TOOL_CALL, Upstream, replying, streaming
from .test_chat import delta, message
from .test_gateway import KEY, Maker, gateway, upstream
from .test_responses import sse

__all__ = ["gateway", "upstream"]

anthropic = pytest.importorskip(
    "anthropic", reason="Anthropic's client is in the group of test dependencies."
)

PATH = "/v1/messages"
ASK: dict[str, Any] = {"model": "tiny", "max_tokens": 64, "messages": [{"role": "user", "content": "2 + 2?"}]}
CACHED = {"cache_control": {"type": "ephemeral"}}
PIXEL = {"type": "base64", "media_type": "image/png", "data": "AA=="}
WEATHER = {"name": "weather", "description": "Of a city.", "input_schema": {"type": "object"}}


@pytest.fixture
def client(gateway: Maker) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway().url, api_key=KEY, max_retries=0) as made:
        yield made


def test_an_answer_has_its_confidence_where_the_official_client_keeps_it(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(**ASK, extra_body={"metadata": {"task": "sums"}})
    told = answer.confidence  # type: ignore[attr-defined]
    assert (answer.content[0].text, answer.stop_reason) == ("The answer is 4.", "end_turn")  # type: ignore[union-attr]
    assert told["p"] == pytest.approx(0.82, abs=0.01)
    assert (answer.id, told["task"]) == (f"msg_{told['record_id']}", "sums")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 3)


def test_a_stream_has_the_official_events_and_the_confidence_in_its_end(client: anthropic.Anthropic) -> None:
    with client.messages.stream(**ASK) as stream:
        seen = list(stream)
        final = stream.get_final_message()
    kinds = [event.type for event in seen if event.type != "text"]
    assert kinds == [
        "message_start", "content_block_start", *["content_block_delta"] * 3, "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    (last,) = [event for event in seen if event.type == "message_delta"]
    assert last.confidence["p"] == pytest.approx(0.82, abs=0.01)  # type: ignore[attr-defined]
    assert final.content[0].text == "The answer is 4."  # type: ignore[union-attr]
    assert (final.stop_reason, final.usage.input_tokens) == ("end_turn", 7)


ASKED: dict[str, Any] = {
    "model": "tiny", "max_tokens": 99, "top_k": 3, "stop_sequences": ["Q:"], "metadata": {"user_id": "u1"},
    "system": [{"type": "text", "text": "Be brief.", **CACHED}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "What is it?", **CACHED}, {"type": "image", "source": PIXEL}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "é"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "a cat", "is_error": True},
            {"type": "text", "text": "So?"},
        ]},
    ],
    "tools": [WEATHER, {"type": "web_search_20250305", "name": "web_search"}],
    "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
}  # fmt: skip


def test_what_a_request_says_reaches_a_server_of_the_chat_format(gateway: Maker, upstream: Upstream) -> None:
    status, body, _ = gateway().post(PATH, ASKED)
    assert status == 200, body
    (sent,) = upstream.bodies
    function = {"name": "look", "arguments": '{"at": "é"}'}
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        ]},
        {"role": "assistant", "content": "I look.", "reasoning_content": "hm", "tool_calls": [
            {"id": "t1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "t1", "content": "a cat"},
        {"role": "user", "content": "So?"},
    ]  # fmt: skip
    assert (sent["max_tokens"], sent["top_k"], sent["stop"]) == (99, 3, ["Q:"])
    assert (sent["parallel_tool_calls"], sent["reasoning_effort"]) == (False, "low")
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert sent["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert not {"of_messages", "thinking", "system", "output_config"} & sent.keys()


BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "2 and 2", "signature": "s"},
    {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "4"}},
    {"type": "text", "text": "4", "citations": [{"type": "char_location", "cited_text": "4"}]},
    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
]
USAGE = {"input_tokens": 2, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 1, "output_tokens": 4,
         "output_tokens_details": {"thinking_tokens": 2}}  # fmt: skip


def own_events() -> list[dict[str, Any]]:
    """A stream as that server sends it."""

    def grown(index: int, kind: str, **members: Any) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}

    starts = [{"type": "thinking", "thinking": "", "signature": ""}, {**BLOCKS[1], "input": {}},
              {"type": "text", "text": ""}, {**BLOCKS[3], "input": {}}]  # fmt: skip
    grows = [
        [grown(0, "thinking_delta", thinking="2 and 2"), grown(0, "signature_delta", signature="s")],
        [grown(1, "input_json_delta", partial_json='{"query": "4"}')],
        [grown(2, "text_delta", text="4"), grown(2, "citations_delta", citation=BLOCKS[2]["citations"][0])],
        [grown(3, "input_json_delta", partial_json='{"a"'), grown(3, "input_json_delta", partial_json=": 1}")],
    ]  # fmt: skip
    made: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"usage": {**USAGE, "output_tokens": 0}}}
    ]
    for index, start in enumerate(starts):
        made.append({"type": "content_block_start", "index": index, "content_block": start})
        made += [*grows[index], {"type": "content_block_stop", "index": index}]
    ended = {"stop_reason": "stop_sequence", "stop_sequence": "Q:"}
    return [
        *made,
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_between_two_ends_of_this_format_nothing_is_lost(
    gateway: Maker, upstream: Upstream, stream: bool
) -> None:
    made = gateway(kind=Anthropic)
    upstream.script = (
        streaming(*[f"data: {json.dumps(event)}\n\n".encode() for event in own_events()])
        if stream
        else replying(content=BLOCKS, usage=USAGE, stop_reason="stop_sequence", stop_sequence="Q:")
    )
    status, got, _ = made.post(PATH, {**ASKED, "stream": stream})
    assert status == 200, got
    sent = upstream.bodies[-1]
    told = {name: sent[name] for name in ASKED if name not in ("messages", "stream")}
    assert told == {name: value for name, value in ASKED.items() if name != "messages"}
    assert sent["messages"] == ASKED["messages"]
    if not stream:
        assert (got["content"], got["usage"], got["stop_sequence"]) == (BLOCKS, USAGE, "Q:")
        assert got["stop_reason"] == "stop_sequence"
        return
    came = [event for _, event in sse(got)]
    assert [event["type"] for event in came] == [event["type"] for event in collapsed(own_events())]
    last = came[-2]
    assert (last["delta"]["stop_sequence"], last["usage"]) == ("Q:", USAGE)
    assert [event["content_block"] for event in came if event["type"] == "content_block_start"][1] == BLOCKS[
        1
    ]


def collapsed(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the fragments of blocks that leave as a whole."""
    return [event for event in events if not (event["type"] == "content_block_delta" and event["index"] == 1)]


def test_calls_thoughts_and_refusals_of_a_chat_server_are_blocks(
    client: anthropic.Anthropic, upstream: Upstream
) -> None:
    odd = TOOL_CALL | {"id": "call_2"}
    upstream.script = replying(**message(content=None, reasoning_content="hm", tool_calls=[TOOL_CALL, odd]))
    answer = client.messages.create(**ASK, tools=[WEATHER])  # type: ignore[call-overload]
    assert [block.type for block in answer.content] == ["thinking", "tool_use", "tool_use"]
    assert answer.content[1].input == {"city": "Paris"}
    upstream.script = streaming(
        delta(reasoning_content="hm"),
        delta(tool_calls=[{"index": 0, **TOOL_CALL}]),
        delta(tool_calls=[{"index": 1, **odd}]),
        delta("tool_calls"),
    )
    with client.messages.stream(**ASK) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "tool_use", "tool_use"]
    assert (final.stop_reason, final.content[2].id) == ("tool_use", "call_2")  # type: ignore[union-attr]
    upstream.script = replying(**message(content=None, refusal="I will not."))
    refused = client.messages.create(**ASK)
    assert (refused.stop_reason, refused.content[0].text) == ("refusal", "I will not.")  # type: ignore[union-attr]


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_held_does_not_leave(gateway: Maker, stream: bool) -> None:
    status, got, _ = gateway(threshold=0.99, gate="hold").post(PATH, ASK | {"stream": stream})
    text = json.dumps(sse(got) if stream else got)
    assert status == 200
    assert "answer is 4" not in text
    assert '"stop_reason": "refusal"' in text


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "messages"), ({"messages": [3]}, "messages[0]"),
    ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"text": "?"}]}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}, "messages[0]"),
    ({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": 3}]}]}, "messages[0]"),
    ({"system": 3}, "system"), ({"tools": {}}, "tools"), ({"tool_choice": "auto"}, "tool_choice"),
    ({"stop_sequences": "Q:"}, "stop_sequences"), ({"output_config": []}, "output_config"),
]  # fmt: skip


def test_errors_have_the_shape_and_the_classes_of_this_format(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    for asked, param in REFUSED:
        status, body, _ = made.post(PATH, ASK | asked)
        assert (status, body["type"], body["error"]["type"]) == (400, "error", "invalid_request_error"), asked
        assert body["error"]["param"] == param
    with anthropic.Anthropic(base_url=made.url, api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            stranger.messages.create(**ASK)
        assert caught.value.type == "authentication_error"
    for said, error in (("429", anthropic.RateLimitError), ("500", anthropic.InternalServerError)):
        with anthropic.Anthropic(base_url=made.url, api_key=KEY, max_retries=0) as client:
            with pytest.raises(error):
                client.messages.create(**ASK | {"messages": [{"role": "user", "content": said}]})
            with (
                pytest.raises(anthropic.APIStatusError),
                client.messages.stream(**ASK | {"messages": [{"role": "user", "content": "cut"}]}) as stream,
            ):
                list(stream)


def test_calls_that_are_written_side_by_side_are_blocks_side_by_side() -> None:
    made = Events("m", id="r1")
    pieces = [
        CallPiece(0, "a", "f", '{"x"'), CallPiece(1, "b", "g", "{}"), CallPiece(0, arguments=": 1}"),
        CallPiece(1, arguments=" "),
    ]  # fmt: skip
    events = [event for piece in pieces for event in made.piece(Delta(calls=(piece,)))]
    events += made.end(Completion(text="", model="m"))
    for index in (0, 1):
        kinds = [event["type"] for event in events if event.get("index") == index]
        assert (kinds[0], kinds[-1]) == ("content_block_start", "content_block_stop")
        assert kinds.count("content_block_start") == 1
