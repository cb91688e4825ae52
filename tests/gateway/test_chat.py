"""What passes through the gateway in the chat format, by what servers were seen to send; and what must not."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import openai
import pytest

from calibrant.gateway.errors import filtered
from calibrant.gateway.given import given
from calibrant.pipeline import ABANDONED
from calibrant.types import Action, Completion, Confidence, Decision, Question, Reading, Record, Step

from ..upstream import Upstream, replying, streaming
from .test_gateway import ASK, KEY, Gateway, Maker, extra, gateway, until, upstream, user

__all__ = ["gateway", "upstream"]


def message(**members: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", **members}, "finish_reason": "stop"}]}


def delta(finish: str | None = None, index: int = 0, **members: Any) -> dict[str, Any]:
    return {"index": index, "delta": members, "finish_reason": finish}


def events(made: Gateway, **asked: Any) -> list[Any]:
    """The events of a stream, comments as they are."""
    status, text, _ = made.post("/v1/chat/completions", ASK | {"stream": True} | asked)
    assert status == 200, text
    blocks = text.decode().split("\n\n")[:-1]
    return [json.loads(block[6:]) if block.startswith("data: {") else block for block in blocks]


def deltas(made: Gateway, **asked: Any) -> list[dict[str, Any]]:
    found = [event for event in events(made, **asked) if isinstance(event, dict)]
    return [choice["delta"] for event in found for choice in event["choices"]]


# ------------------------------------------------------------------ requests


def test_all_that_a_request_says_reaches_the_model(gateway: Maker, upstream: Upstream) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    odd = call | {"extra_content": {"google": {"thought_signature": "s"}}}
    cached = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image], "name": "Ana"},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "c1", "content": [cached]},
        {"role": "assistant", "content": "", "tool_calls": [odd]},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]},
    ]  # fmt: skip
    further = {
        "max_completion_tokens": 9,
        "store": True,
        "audio": {"voice": "a"},
        "functions": [{"name": "f"}],
        "odd": {"a": [1]},
    }
    metadata = {"task": "seeing", "team": "red", "try": 3}
    status, body, _ = gateway().post(
        "/v1/chat/completions", {"model": "tiny", "messages": messages, "metadata": metadata, **further}
    )
    (sent,) = upstream.bodies
    assert (status, body["confidence"]["task"]) == (200, "seeing")
    assert sent["messages"] == messages
    assert {name: sent[name] for name in further} == further
    assert sent["metadata"] == {"team": "red", "try": 3}


def test_arguments_that_are_objects_become_json_and_our_confidence_is_no_part_of_a_message(
    gateway: Maker, upstream: Upstream
) -> None:
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": {"city": "Zürich", "ok": True}},
    }
    turns = [user("?"), {"role": "assistant", "content": "4", "tool_calls": [call], "confidence": {"p": 0.5}}]
    gateway().post("/v1/chat/completions", {"model": "tiny", "messages": [*turns, user("!")]})
    (_, said, _) = upstream.bodies[0]["messages"]
    assert said["tool_calls"][0]["function"]["arguments"] == '{"city": "Zürich", "ok": true}'
    assert "confidence" not in said


def test_a_server_that_refuses_metadata_is_asked_without(gateway: Maker, upstream: Upstream) -> None:
    async def script(request: Any, body: Any) -> Any:
        refusal = {"error": {"message": "The 'metadata' parameter is only allowed when 'store' is enabled."}}
        made = replying(400, **refusal) if "metadata" in body else replying(**message(content="4"))
        return await made(request, body)

    upstream.script = script
    answer = gateway().client.chat.completions.create(**ASK, metadata={"team": "red"})
    assert answer.choices[0].message.content == "4"


# ------------------------------------------------------------------ replies


@pytest.mark.parametrize("stream", [False, True])
def test_all_that_a_reply_says_reaches_the_client(gateway: Maker, upstream: Upstream, stream: bool) -> None:
    members = {
        "content": "4",
        "reasoning_content": "2 and 2",
        "annotations": [{"type": "url_citation"}],
        "audio": {"id": "a1"},
    }
    usage = {
        "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "cost": 0.1,
        "prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 3},
    }  # fmt: skip
    around = {"usage": usage, "system_fingerprint": "fp_1", "service_tier": "flex", "citations": ["a"]}
    choice = {"index": 0, "finish_reason": "stop", "stop_reason": 7}
    upstream.script = (
        streaming(delta(**members), {"choices": [choice | {"delta": {}}]} | around)
        if stream
        else replying(choices=[choice | {"message": {"role": "assistant", **members}}], **around)
    )
    made = gateway()
    if stream:
        told = [one for one in events(made, stream_options={"include_usage": True}) if isinstance(one, dict)]
        said = {name: value for one in told[1:-2] for name, value in one["choices"][0]["delta"].items()}
        last, used = told[-2], told[-1]["usage"]
        assert told[-1]["choices"] == []
    else:
        _, last, _ = made.post("/v1/chat/completions", ASK)
        said, used = last["choices"][0]["message"], last["usage"]
    assert {name: said[name] for name in members} == members
    assert used == usage
    assert {name: last[name] for name in ("system_fingerprint", "service_tier", "citations")} == {
        "system_fingerprint": "fp_1", "service_tier": "flex", "citations": ["a"],
    }  # fmt: skip
    assert last["choices"][0]["stop_reason"] == 7
    (record,) = made.records()
    assert record.completion is not None
    assert (record.completion.reasoning, record.completion.usage.cached_tokens) == ("2 and 2", 8)


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MESSAGES: list[dict[str, Any]] = [
    {"content": None},
    {"content": ""},
    {"content": None, "refusal": "I will not."},
    {"content": None, "reasoning": "hm"},
    {"content": "4", "reasoning": "hm", "reasoning_content": "hm"},
    {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "4"}]},
    {"content": None, "function_call": {"name": "f", "arguments": "{}"}},
    {"content": "", "tool_calls": [CALL]},
    {"content": None, "tool_calls": [CALL | {"extra_content": {"signature": "s"}}]},
    {"content": None, "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}]},
]


def test_messages_come_back_as_they_came(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    for members in MESSAGES:
        upstream.script = replying(**message(**members))
        _, body, _ = made.post("/v1/chat/completions", ASK)
        assert body["choices"][0]["message"] == {"role": "assistant", "refusal": None, **members}


def test_a_refusal_stays_one(gateway: Maker, upstream: Upstream) -> None:
    upstream.script = streaming(delta(refusal="I will "), delta(refusal="not."), delta("stop"))
    made = gateway()
    with made.client.chat.completions.stream(**ASK) as stream:
        final = stream.get_final_completion()
    assert (final.choices[0].message.refusal, final.choices[0].message.content) == ("I will not.", None)
    assert extra(final.choices[0].message)["record_id"]
    (record,) = made.records()
    assert record.completion is not None
    assert (record.completion.text, record.completion.refusal) == ("I will not.", True)


# ------------------------------------------------------------------ streams


def call(name: str | None = None, arguments: Any = None, **members: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return members | {"function": {key: value for key, value in function.items() if value is not None}}


TWO = [("a", "get_weather", '{"city": "Paris"}'), ("b", "get_time", '{"tz": "Paris"}')]


FRAGMENTS: list[list[Any]] = [
    [call("get_weather", '{"city": "Paris"}', id="a"), call("get_time", '{"tz": "Paris"}', id="b")],
    [call("get_weather", '{"city": "Paris"}', id="a", index=0), call("get_time", '{"tz": "Paris"}', id="b", index=0)],
    [call("get_weather", {"city": "Paris"}, id="a", index=0), call("get_time", {"tz": "Paris"}, id="b", index=1)],
    [
        call("get_weather", '{"city": ', id="a", index=0), call("get_weather", '"Paris"}', id="a", index=0),
        call("get_time", '{"tz": ', id="b", index=1), call("get_time", '"Paris"}', index=1),
    ],
    [
        call("get_weather", "", id="a", index=0), call("get_time", "", id="b", index=1),
        call(None, '{"tz": "Paris"}', index=1), call(None, '{"city": "Paris"}', index=0),
    ],
    [
        call("get_", "", id="a", index=0), call("weather", '{"city": "Paris"}', index=0),
        call("get_time", '{"tz": ', id="b"), call(None, '"Paris"}'),
    ],
    [
        call("get_weather", '{"city"', id="a", index=0), call(None, ': "Paris"}', id="a", index=0),
        call("get_time", '{"tz"', id="b", index=0), call(None, ': "Paris"}', id="", index=0),
    ],
]  # fmt: skip


def test_calls_are_told_apart_however_their_fragments_come(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    for fragments in FRAGMENTS:
        upstream.script = streaming(*[delta(tool_calls=[one]) for one in fragments], delta("tool_calls"))
        with made.client.chat.completions.stream(**ASK) as stream:
            final = stream.get_final_completion()
        told = final.choices[0].message.tool_calls or ()
        assert [(one.id, one.function.name, one.function.arguments) for one in told] == TWO
    for record in made.records():
        assert record.completion is not None
        assert [(one.id, one.name, one.arguments) for one in record.completion.tool_calls] == TWO


def test_calls_without_any_ids_are_told_apart_by_being_whole(gateway: Maker, upstream: Upstream) -> None:
    fragments = [call(name, arguments) for _, name, arguments in TWO]
    upstream.script = streaming(delta("tool_calls", tool_calls=fragments))
    made = gateway()
    pieces = [one for piece in deltas(made) for one in piece.get("tool_calls", ())]
    assert [(one["index"], one["function"]["name"]) for one in pieces] == [
        (0, "get_weather"),
        (1, "get_time"),
    ]


def test_log_probabilities_come_with_their_pieces(gateway: Maker) -> None:
    told = [one for one in events(gateway(), logprobs=True, top_logprobs=1) if isinstance(one, dict)]
    shown = [
        (choice["delta"].get("content"), [token["token"] for token in choice["logprobs"]["content"]])
        for one in told
        for choice in one["choices"]
        if choice["logprobs"]
    ]
    assert shown == [("The", ["The"]), (" answer", [" answer"]), (" is 4.", [" is 4."]), (None, [])]
    assert told[-1]["choices"][0]["logprobs"]["confidence"] == told[-1]["confidence"]
    assert all(
        len(token["top_logprobs"]) == 1
        for one in told
        for choice in one["choices"]
        for token in (choice["logprobs"] or {"content": []})["content"]
    )


def test_many_log_probabilities_are_not_one_line(gateway: Maker, upstream: Upstream) -> None:
    tokens = [{"token": "a", "logprob": -0.1, "top_logprobs": []}] * 1000
    whole = {
        "index": 0,
        "message": {"content": "a" * 1000},
        "logprobs": {"content": tokens},
        "finish_reason": "stop",
    }
    upstream.script = replying(choices=[whole])  # a server that does not stream
    made = gateway()
    _, text, _ = made.post("/v1/chat/completions", ASK | {"stream": True, "logprobs": True})
    assert max(map(len, text.split(b"\n"))) < 20_000
    assert text.count(b'"token":"a"') == 1000


def test_headers_leave_at_once_and_comments_while_a_model_thinks(
    gateway: Maker, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrant.gateway.answering.GRACE", 0.1)
    monkeypatch.setattr("calibrant.gateway.answering.SILENCE", 0.2)
    upstream.script = streaming(b": thinking\n\n", 0.7, delta(content="4"), delta("stop"))
    made = gateway()
    started = time.perf_counter()
    raw = made.client.chat.completions.with_raw_response.create(**ASK, stream=True)
    assert time.perf_counter() - started < 0.5, "the first token takes 0.7 s"
    assert raw.headers["x-calibrant-record-id"]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse()) == "4"
    found = events(made)
    assert found[0] == ": waiting"
    assert 2 <= found.count(": waiting") <= 6


def test_a_held_stream_says_that_it_is_waited_for(
    gateway: Maker, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrant.gateway.answering.GRACE", 0.1)
    upstream.script = streaming(delta(content="It is the butler"), 0.4, delta("stop"))
    made = gateway(gate="hold")
    found = events(made)
    assert found[0] == ": waiting"
    assert "butler" not in str(found)
    assert found[-2]["choices"][0]["finish_reason"] == "content_filter"


def test_an_error_after_the_headers_is_an_event(
    gateway: Maker, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrant.gateway.answering.GRACE", 0.1)

    upstream.script = replying(429, error={"message": "Slow down.", "code": "rate_limit_exceeded"})
    made = gateway()
    assert made.post("/v1/chat/completions", ASK | {"stream": True})[0] == 429, "at once: its own status"
    upstream.script = streaming(0.3, {"choices": [], "error": {"message": "overloaded", "code": 503}})
    found = events(made)
    assert found[-1]["error"]["type"] == "upstream_error"
    assert "[DONE]" not in str(found)


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b""])
def test_a_stream_without_its_end_marker_is_whole_where_the_answer_is(
    gateway: Maker, upstream: Upstream, end: bytes
) -> None:
    upstream.script = streaming(delta(content="4"), delta("stop"), end)
    found = events(gateway())
    assert found[-1] == "data: [DONE]"
    assert found[-2]["choices"][0]["finish_reason"] == "stop"


# ------------------------------------------------------------------ several answers


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("several", [True, False])
def test_each_of_several_answers_has_its_record_and_its_confidence(
    gateway: Maker, upstream: Upstream, stream: bool, several: bool
) -> None:
    async def script(request: Any, body: Any) -> Any:
        n = body.get("n", 1) if several else 1
        said = [f"answer {len(upstream.bodies)}.{i}" for i in range(n)]
        if body.get("stream"):
            pieces = [delta(index=i, content=text[:3]) for i, text in enumerate(said)]
            pieces += [delta("stop", index=i, content=text[3:]) for i, text in enumerate(said)]
            return await streaming(
                *pieces, {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": n}}
            )(request, body)
        choices = [
            {"index": i, "message": {"content": text}, "finish_reason": "stop"} for i, text in enumerate(said)
        ]
        return await replying(choices=choices, usage={"prompt_tokens": 7, "completion_tokens": n})(
            request, body
        )

    upstream.script = script
    made = gateway()
    if stream:
        told = [
            one for one in events(made, n=3, stream_options={"include_usage": True}) if isinstance(one, dict)
        ]
        choices = [choice for one in told for choice in one["choices"]]
        texts = [
            "".join(one["delta"].get("content") or "" for one in choices if one["index"] == i)
            for i in range(3)
        ]
        ends = {one["index"]: one["confidence"]["record_id"] for one in choices if one["finish_reason"]}
        ids, used, id = [ends[i] for i in range(3)], told[-1]["usage"], told[0]["id"]
    else:
        _, body, _ = made.post("/v1/chat/completions", ASK | {"n": 3})
        texts = [choice["message"]["content"] for choice in body["choices"]]
        ids, used, id = (
            [choice["confidence"]["record_id"] for choice in body["choices"]],
            body["usage"],
            body["id"],
        )
        assert body["confidence"] == body["choices"][0]["confidence"]
    assert len(set(texts)) == len(set(ids)) == 3
    assert id == f"chatcmpl-{ids[0]}"
    kept = {record.id: record.completion.text for record in made.records() if record.completion}
    assert [kept[one] for one in ids] == texts
    assert len(upstream.bodies) == (1 if several else 3)
    assert used["total_tokens"] == (10 if several else 24)


@pytest.mark.parametrize("stream", [False, True])
def test_where_one_of_several_fails_all_do_and_each_record_says_why(
    gateway: Maker, upstream: Upstream, stream: bool
) -> None:
    async def script(request: Any, body: Any) -> Any:
        return await replying(500, error={"message": "broken"})(request, body)

    upstream.script = script
    made = gateway()
    assert made.post("/v1/chat/completions", ASK | {"n": 2, "stream": stream})[0] == 502
    assert [("broken" in str(record.error), record.completion) for record in made.records()] == [
        (True, None)
    ] * 2


# ------------------------------------------------------------------ errors


KNOWN: list[tuple[int, dict[str, Any], type[openai.APIStatusError], str]] = [
    (
        400,
        {"code": "context_length_exceeded", "param": "messages"},
        openai.BadRequestError,
        "context_length_exceeded",
    ),
    (
        400,
        {"code": "content_filter", "type": None, "param": "prompt"},
        openai.BadRequestError,
        "content_filter",
    ),
    (404, {"code": "model_not_found", "type": "x"}, openai.NotFoundError, "model_not_found"),
    (422, {"type": "invalid_request_error"}, openai.UnprocessableEntityError, "model_refused"),
    (429, {"code": "rate_limit_exceeded", "type": "tokens"}, openai.RateLimitError, "rate_limit_exceeded"),
    (429, {"code": "insufficient_quota"}, openai.RateLimitError, "insufficient_quota"),
    (401, {"code": "invalid_api_key", "type": "x"}, openai.InternalServerError, "model_denied"),
    (403, {"code": "forbidden"}, openai.InternalServerError, "model_denied"),
    (503, {"code": "overloaded", "type": "server_error"}, openai.InternalServerError, "overloaded"),
    (529, {"type": "overloaded_error"}, openai.InternalServerError, "model_unavailable"),
]


@pytest.mark.parametrize("gate", ["trail", "hold"])
def test_errors_of_a_models_server_are_those_that_clients_know(
    gateway: Maker, upstream: Upstream, gate: str
) -> None:
    made = gateway(gate=gate)
    words = "Bad: key sk-proj-Ab12Cd34*** of org-9fXY at https://api.example.com/v1 and 10.0.0.7:8000."
    for status, error, raised, code in KNOWN:
        upstream.script = replying(status, error={"message": words, **error})
        with pytest.raises(raised) as found:
            made.client.chat.completions.create(**ASK)
        told, shown = found.value, str(found.value.body)
        assert (told.code, told.param) == (code, error.get("param"))
        assert not any(secret in shown for secret in ("sk-", "org-", "example", "10.0"))
        assert ("Bad:" in shown) == (gate == "trail" and status not in (401, 403, 503, 529))


def test_a_wish_to_wait_is_passed_on(gateway: Maker, upstream: Upstream) -> None:
    async def script(request: Any, body: Any) -> Any:
        response = await replying(429, error={"message": "slow down"})(request, body)
        response.headers["Retry-After"] = "7"
        return response

    upstream.script = script
    status, _, headers = gateway().post("/v1/chat/completions", ASK)
    assert (status, headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize("gate", ["trail", "hold"])
def test_a_reply_that_cannot_be_read_is_not_quoted(gateway: Maker, upstream: Upstream, gate: str) -> None:
    made, said = gateway(gate=gate), "It is the butler"
    for body in (
        {"output": said},
        {"choices": [{"message": said}]},
        {"choices": [{"message": {"content": said, "tool_calls": [{"id": 1}]}}]},
    ):
        upstream.script = replying(**body)
        for stream in (False, True):
            status, told, _ = made.post("/v1/chat/completions", ASK | {"stream": stream})
            assert (status, told["error"]["code"]) == (502, "model_unavailable")
            assert "butler" not in str(told)
    assert all("butler" in str(record.error) for record in made.records()), "its reviewer may see it"


def test_an_error_echoes_no_request_whole(gateway: Maker) -> None:
    made = gateway()
    long = "x" * 100_000
    for change in (
        {"temperature": long},
        {"messages": [long]},
        {"model": long},
        {"metadata": {"task": long}},
    ):
        status, _, _ = made.post("/v1/chat/completions", ASK | change)
        assert status in (400, 404)
        assert len(json.dumps(made.post("/v1/chat/completions", ASK | change)[1])) < 2000


# ------------------------------------------------------------------ a client that leaves


@pytest.mark.parametrize("gate", ["trail", "hold"])
def test_a_client_that_leaves_a_request_that_is_not_streamed_ends_it(
    gateway: Maker, upstream: Upstream, gate: str
) -> None:
    made = gateway(gate=gate, timeout=30.0)
    body = json.dumps(ASK | {"messages": [user("hang")]}).encode()
    head = f"Host: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {KEY}\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", int(made.url.rpartition(":")[2]))) as client:
        client.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n\r\n".encode() + body)
        for _ in range(100):
            if upstream.bodies:
                break
            time.sleep(0.02)
    (record,) = until(made.records)
    assert (record.error, record.completion, record.decision) == (ABANDONED, None, None)


# ------------------------------------------------------------------ the filter


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("Incorrect API key provided: sk-abcd...wxyz.", "Incorrect API key provided: [...]"),
        ("Bad key AIzaSyA1234567890 here", "Bad key [...] here"),
        ("Key ending in 'wxyz' is revoked", "Key [...] is revoked"),
        ("Authorization: Bearer abc.def", "[...]"),
        ("Cannot connect to vllm-7.models.svc:8000", "Cannot connect to [...]"),
        ("No route to [fe80::1]:80 or 192.168.0.1", "No route to [...] or [...]"),
        ("Error in /usr/lib/python3/site.py", "Error in [...]"),
        ("Token: dGhpc0lzQVNlY3JldEtleQ12==", "[...]"),
        (
            "This model's maximum context length is 8192 tokens, see messages.[3].content: 1024 > 512",
            "This model's maximum context length is 8192 tokens, see messages.[3].content: 1024 > 512",
        ),
        (
            "claude-sonnet-4-5-20250929 takes no 'temperature'",
            "claude-sonnet-4-5-20250929 takes no 'temperature'",
        ),
        ("x" * 10_000, "x" * 400 + "..."),
    ],
)
def test_words_of_a_server_lose_what_is_private(words: str, left: str) -> None:
    assert filtered(words) == left


def test_reasons_and_steps_pass_the_same_filter() -> None:
    said = "The server answered 401: no key sk-abcd1234 at http://10.0.0.1/v1."
    record = Record(
        id="r", time=0.0, question=Question(id="q", messages=()), completion=Completion(text="4", model="m"),
        readings=(Reading(signal="agreement", score=None, reason=said),),
        confidence=Confidence(p=None, reason=said), steps=(Step(name="ask", model="m", outcome=f"failed: {said}"),),
        decision=Decision(action=Action.HAND_OFF, threshold=None, why=said),
    )  # fmt: skip
    told = json.dumps(given(record, hold=False).confidence)
    assert "401" in told
    assert not any(secret in told for secret in ("sk-", "10.0"))
