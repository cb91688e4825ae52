"""Responses: the official client before servers of the chat format and of its own."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from calibrant.assembly.keys import Key, hash_of
from calibrant.formats.responses.streams import Assembler
from calibrant.models.openai_responses import OpenAIResponses
from calibrant.types import Ask

from ..upstream import TOOL_CALL, Upstream, replying, streaming
from .test_chat import delta, message
from .test_gateway import Maker, gateway, upstream

__all__ = ["gateway", "upstream"]

PATH = "/v1/responses"
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": True}
PIXEL = "data:image/png;base64,AA=="


def sse(data: bytes) -> list[tuple[str, Any]]:
    made = []
    for block in data.decode().split("\n\n")[:-1]:
        if block.startswith("event: "):
            name, _, text = block.partition("\n")
            made.append((name.removeprefix("event: "), json.loads(text.removeprefix("data: "))))
    return made


def test_an_answer_has_its_confidence_where_the_official_client_keeps_it(gateway: Maker) -> None:
    made = gateway()
    answer = made.client.responses.create(
        model="tiny", input="2 + 2?", metadata={"task": "sums", "team": "red"}
    )
    assert (answer.output_text, answer.status) == ("The answer is 4.", "completed")
    told = answer.confidence  # type: ignore[attr-defined]
    assert told["p"] == pytest.approx(0.82, abs=0.01)
    assert answer.id == f"resp_{told['record_id']}"
    assert answer.metadata is not None
    assert (answer.metadata["team"], answer.metadata["calibrant_action"]) == ("red", "answer")
    assert answer.metadata["calibrant_confidence"] == f"{told['p']:.4f}"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 3)
    (record,) = made.records()
    assert (record.id, record.question.task) == (told["record_id"], "sums")


def test_a_stream_has_the_official_events_and_the_confidence_in_the_last(gateway: Maker) -> None:
    made = gateway()
    with made.client.responses.stream(model="tiny", input="2 + 2?") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        *["response.output_text.delta"] * 3, "response.output_text.done", "response.content_part.done",
        "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert final.output_text == "The answer is 4."
    assert final.confidence["p"] == pytest.approx(0.82, abs=0.01)  # type: ignore[attr-defined]
    status, data, _ = made.post(PATH, {"model": "tiny", "input": "2 + 2?", "stream": True})
    numbers = [body["sequence_number"] for _, body in sse(data)]
    assert (status, numbers) == (200, list(range(len(numbers))))


def test_what_a_request_says_reaches_a_server_of_the_chat_format(gateway: Maker, upstream: Upstream) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    custom = {
        "type": "custom",
        "name": "sh",
        "format": {"type": "grammar", "syntax": "regex", "definition": "a"},
    }
    asked = {
        "model": "tiny", "instructions": "Be brief.", "max_output_tokens": 99, "top_p": 0.5, "odd": [1],
        "input": [
            {"role": "user", "content": [
                {"type": "input_text", "text": "What is it?"},
                {"type": "input_image", "image_url": PIXEL, "detail": "low"},
                {"type": "input_file", "file_id": "f1"},
            ]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
                {"type": "output_text", "text": "I look.", "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "sh", "input": "ls"},
            {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "b"}]},
            {"role": "developer", "content": "In French."},
            {"role": "user", "content": "So?"},
        ],
        "tools": [WEATHER, custom, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "weather"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"}, "truncation": "auto", "include": ["x"],
    }  # fmt: skip
    status, body, _ = gateway().post(PATH, asked)
    assert status == 200, body
    (sent,) = upstream.bodies
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
            {"type": "file", "file": {"file_id": "f1"}},
        ]},
        {"role": "assistant", "content": "I look.", "reasoning_content": "hm", "tool_calls": [
            call, {"id": "c2", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {"role": "tool", "tool_call_id": "c2", "content": "b"},
        {"role": "developer", "content": "In French."},
        {"role": "user", "content": "So?"},
    ]  # fmt: skip
    assert (sent["max_tokens"], sent["top_p"], sent["odd"], sent["reasoning_effort"]) == (99, 0.5, [1], "low")
    assert sent["response_format"] == {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert (sent["verbosity"], sent["tool_choice"]["function"]) == ("low", {"name": "weather"})
    assert [tool["type"] for tool in sent["tools"]] == ["function", "custom", "web_search"]
    assert sent["tools"][1]["custom"]["format"]["grammar"] == {"syntax": "regex", "definition": "a"}
    assert not {"of_responses", "truncation", "include", "input", "text"} & sent.keys()
    assert [body[name] for name in ("instructions", "truncation", "tools")] == [
        "Be brief.",
        "auto",
        asked["tools"],
    ]


OWN_ITEMS: list[dict[str, Any]] = [
    {"id": "rs_up", "type": "reasoning", "encrypted_content": "x",
     "summary": [{"type": "summary_text", "text": "2 and 2"}]},
    {"id": "ws_up", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "4"}},
    {"id": "msg_up", "type": "message", "role": "assistant", "status": "completed", "content": [
        {"type": "output_text", "text": "4", "annotations": [{"type": "url_citation", "url": "u", "title": "t"}]}]},
    {"id": "fc_up", "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
]  # fmt: skip
OWN_USAGE = {
    "input_tokens": 9, "output_tokens": 5, "total_tokens": 14, "input_tokens_details": {"cached_tokens": 8},
    "output_tokens_details": {"reasoning_tokens": 3}, "cost": 0.1,
}  # fmt: skip


def own_events() -> list[dict[str, Any]]:
    """A stream as that server sends it."""
    thought, search, said, call = OWN_ITEMS
    parts: list[dict[str, Any]] = [{"type": "response.created", "response": {}}]
    parts += [
        {"type": "response.output_item.added", "output_index": 0, "item": {**thought, "summary": []}},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "2 and 2"},
        {"type": "response.output_item.done", "output_index": 0, "item": thought},
        {"type": "response.output_item.done", "output_index": 1, "item": search},
        {"type": "response.output_item.added", "output_index": 2, "item": {**said, "content": []}},
        {"type": "response.output_text.delta", "output_index": 2, "content_index": 0, "delta": "4"},
        {"type": "response.output_item.added", "output_index": 3, "item": {**call, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 3, "delta": "{}"},
    ]  # fmt: skip
    whole = {"status": "completed", "output": OWN_ITEMS, "usage": OWN_USAGE, "service_tier": "flex"}
    return [*parts, {"type": "response.completed", "response": whole}]


@pytest.mark.parametrize("stream", [False, True])
def test_between_two_ends_of_this_format_nothing_is_lost(
    gateway: Maker, upstream: Upstream, stream: bool
) -> None:
    made = gateway(kind=OpenAIResponses)
    upstream.script = (
        streaming(*[f"data: {json.dumps(event)}\n\n".encode() for event in own_events()])
        if stream
        else replying(output=OWN_ITEMS, usage=OWN_USAGE, service_tier="flex")
    )
    asked = {"model": "tiny", "input": "?", "include": ["reasoning.encrypted_content"], "truncation": "auto"}
    status, got, _ = made.post(PATH, {**asked, "stream": stream})
    assert status == 200
    body = sse(got)[-1][1]["response"] if stream else got
    assert upstream.bodies[-1]["include"][1:] == ["reasoning.encrypted_content"]
    assert upstream.bodies[-1]["truncation"] == "auto"
    id = body["confidence"]["record_id"]
    named = [{**item, "id": new} for item, new in zip(
        OWN_ITEMS, ["rs_up", "ws_up", f"msg_{id}", f"fc_{id}_0"], strict=True)]  # fmt: skip
    named[2]["content"] = [{**named[2]["content"][0], "logprobs": []}]
    assert body["output"] == named
    assert (body["usage"], body["service_tier"]) == (OWN_USAGE, "flex")
    if stream:
        done = [one["item"] for name, one in sse(got) if name == "response.output_item.done"]
        assert [item["id"] for item in done] == [item["id"] for item in named]
        assert done[0] == OWN_ITEMS[0]
    made.post(PATH, {"model": "tiny", "input": [{"role": "user", "content": "?"}, *body["output"]]})
    assert upstream.bodies[-1]["input"][1:] == named


def test_calls_thoughts_and_refusals_of_a_chat_server_are_items(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    odd = TOOL_CALL | {"id": "call_2"}
    upstream.script = replying(**message(content=None, reasoning_content="hm", tool_calls=[TOOL_CALL, odd]))
    answer = made.client.responses.create(model="tiny", input="?", tools=[WEATHER])  # type: ignore[list-item]
    assert [item.type for item in answer.output] == ["reasoning", "function_call", "function_call"]
    upstream.script = streaming(
        delta(reasoning_content="hm"),
        delta(tool_calls=[{"index": 0, **TOOL_CALL}]),
        delta(tool_calls=[{"index": 1, **odd}]),
        delta("tool_calls"),
    )
    with made.client.responses.stream(model="tiny", input="?") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert "response.reasoning_summary_text.delta" in kinds
    calls = [item for item in final.output if item.type == "function_call"]
    assert [(one.call_id, one.arguments) for one in calls] == [
        ("call_1", '{"city": "Paris"}'), ("call_2", '{"city": "Paris"}')
    ]  # fmt: skip
    upstream.script = replying(**message(content=None, refusal="I will not."))
    part = made.client.responses.create(model="tiny", input="?").output[0].content[0]  # type: ignore[union-attr]
    assert (part.type, part.refusal) == ("refusal", "I will not.")  # type: ignore[union-attr]


def test_logprobs_are_for_who_asked_for_them(gateway: Maker) -> None:
    made = gateway()
    plain = made.client.responses.create(model="tiny", input="?")
    wished = made.client.responses.create(
        model="tiny", input="?", include=["message.output_text.logprobs"], top_logprobs=1
    )
    shown = [answer.output[0].content[0].logprobs for answer in (plain, wished)]  # type: ignore[union-attr]
    assert shown[0] == []
    assert (shown[1][0].token, len(shown[1][0].top_logprobs)) == ("The", 1)  # type: ignore[union-attr]
    with made.client.responses.stream(
        model="tiny", input="?", include=["message.output_text.logprobs"], top_logprobs=1
    ) as stream:
        told = [event.logprobs for event in stream if event.type == "response.output_text.delta"]
    assert [one.token for some in told for one in some or ()] == ["The", " answer", " is 4."]


def test_the_response_before_and_items_are_found_by_their_ids(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    first = made.client.responses.create(model="tiny", input="2 + 2?", instructions="Be brief.")
    made.client.responses.create(
        model="tiny", input="Sure?", previous_response_id=first.id, instructions="Now long."
    )
    assert upstream.bodies[-1]["messages"] == [
        {"role": "system", "content": "Now long."},
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "The answer is 4."},
        {"role": "user", "content": "Sure?"},
    ]
    cited: Any = [
        {"type": "item_reference", "id": first.output[0].id},
        {"type": "item_reference", "id": "rs_gone"},
    ]
    made.client.responses.create(model="tiny", input=[*cited, {"role": "user", "content": "Sure?"}])
    assert [one["content"] for one in upstream.bodies[-1]["messages"]] == ["The answer is 4.", "Sure?"]
    with pytest.raises(openai.BadRequestError) as caught:
        made.client.responses.create(model="tiny", input="?", previous_response_id="resp_gone")
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")
    status, body, _ = made.post(PATH, {"input": [{"type": "item_reference", "id": "msg_gone"}]})
    assert (status, body["error"]["param"]) == (400, "input[0]")


def test_a_response_is_found_by_the_key_that_asked_for_it(gateway: Maker) -> None:
    keys = [
        Key(name=name, hash=hash_of(f"{name}-q8Zr-51xw-Kd0e"), roles=("client",)) for name in ("red", "blue")
    ]
    made = gateway(keys=keys)
    red, blue = ({"authorization": f"Bearer {name}-q8Zr-51xw-Kd0e"} for name in ("red", "blue"))
    first = made.post(PATH, {"model": "tiny", "input": "?"}, red)[1]
    next_one = {"model": "tiny", "input": "?", "previous_response_id": first["id"]}
    assert made.post(PATH, next_one, red)[0] == 200
    status, body, _ = made.post(PATH, next_one, blue)
    assert (status, body["error"]["code"]) == (400, "previous_response_not_found")


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_held_stays_held_also_as_the_response_before(
    gateway: Maker, upstream: Upstream, stream: bool
) -> None:
    made = gateway(threshold=0.99, gate="hold")
    status, got, _ = made.post(PATH, {"model": "tiny", "input": "?", "stream": stream})
    body = sse(got)[-1][1]["response"] if stream else got
    assert (status, body["status"], body["incomplete_details"]) == (
        200,
        "incomplete",
        {"reason": "content_filter"},
    )
    assert "answer is 4" not in json.dumps(sse(got) if stream else got)
    made.post(PATH, {"model": "tiny", "input": "Repeat it.", "previous_response_id": body["id"]})
    assert "answer is 4" not in json.dumps(upstream.bodies[-1])


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "input"), ({"input": []}, "input"), ({"input": 3}, "input"), ({"input": [3]}, "input[0]"),
    ({"input": [{"type": []}]}, "input[0]"), ({"input": [{"role": "user", "content": 3}]}, "input[0].content"),
    ({"input": [{"role": "assistant", "content": {}}]}, "input[0].content"), ({"messages": []}, "messages"),
    ({"input": "?", "n": 2}, "n"), ({"input": "?", "background": True}, "background"),
    ({"input": "?", "conversation": "c"}, "conversation"), ({"input": "?", "tools": {}}, "tools"),
    ({"input": "?", "text": []}, "text"), ({"input": "?", "reasoning": 3}, "reasoning"),
    ({"input": "?", "max_output_tokens": "9"}, "max_output_tokens"),
    ({"input": "?", "instructions": []}, "instructions"), ({"input": "?", "tool_choice": 3}, "tool_choice"),
    ({"input": "?", "previous_response_id": 3}, "previous_response_id"),
]  # fmt: skip


def test_what_cannot_be_served_is_said_by_its_field(gateway: Maker) -> None:
    made = gateway()
    for asked, param in REFUSED:
        status, body, _ = made.post(PATH, {"model": "tiny", **asked})
        assert (status, body["error"]["param"]) == (400, param), asked


def test_a_stream_that_breaks_off_ends_in_an_error_that_the_client_raises(gateway: Maker) -> None:
    with (
        pytest.raises(openai.APIError),
        gateway().client.responses.stream(model="tiny", input="cut") as stream,
    ):
        list(stream)


def test_arguments_that_come_whole_and_comments_on_the_way() -> None:
    made = Assembler("m", Ask(messages=()))
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    item = {"type": "message", "phase": "commentary"}
    pieces = [
        *made.feed({"type": "response.output_item.added", "output_index": 0, "item": item}),
        *made.feed({"type": "response.output_text.delta", "output_index": 0, "delta": "Let me see."}),
        *made.feed({"type": "response.output_item.added", "output_index": 1, "item": call}),
    ]
    assert [piece.calls[0].arguments for piece in pieces] == ["{}"]
