"""The OpenAI chat format and the nouns."""

from __future__ import annotations

from typing import Any

import pytest

from calibrant.errors import ModelRefused, ModelUnavailable
from calibrant.formats.chat.replies import completions
from calibrant.formats.chat.requests import request_body
from calibrant.formats.chat.streams import Assembler
from calibrant.formats.failures import failure
from calibrant.types import Ask, Message, Price, Token, ToolCall, Usage, canonical

ASK = Ask(messages=(Message("user", "2 + 2?"),))


def body(**choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"content": "4"}, "finish_reason": "stop", **choice}]}


def one(reply: dict[str, Any], **options: Any) -> Any:
    (made,) = completions(reply, model="m", latency=0.5, **options)
    return made


def test_a_request_states_only_what_is_asked_for() -> None:
    assert set(request_body(ASK, "m")) == {"model", "messages", "temperature", "max_tokens"}


def test_a_request_carries_every_field_of_the_ask() -> None:
    ask = Ask(
        messages=(
            Message("assistant", "", (ToolCall("c1", "look", '{"a":1}'),)),
            Message("tool", "found", tool_call_id="c1"),
        ),
        samples=3,
        temperature=0.7,
        max_tokens=9,
        top_logprobs=5,
        seed=7,
        stop=("\n",),
        extra=canonical({"response_format": {"type": "json_object"}}),
    )
    made = request_body(ask, "m", stream=True)
    assert made["messages"][0]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"a":1}'}
    assert made["messages"][1]["tool_call_id"] == "c1"
    assert made["n"] == 3
    assert made["logprobs"] is True
    assert (made["top_logprobs"], made["seed"], made["stop"]) == (5, 7, ["\n"])
    assert made["response_format"] == {"type": "json_object"}
    assert made["stream"] and made["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("stated", "read"),
    [("MAX_TOKENS", "length"), ("model_length", "length"), ("SAFETY", "content_filter"), ("eos", "stop"),
     ("tool_use", "tool_calls"), ("pause_turn", "pause_turn"), ("stop", "stop")],
)  # fmt: skip
def test_other_words_for_why_an_answer_ended_are_read_and_kept(stated: str, read: str) -> None:
    streamed = Assembler("m")
    streamed.feed({"choices": [{"index": 0, "delta": {"content": "4"}, "finish_reason": stated}]})
    for made in (one(body(finish_reason=stated)), *streamed.finish(0.1)):
        assert made.finish_reason == read
        assert made.choice == (None if stated == read else canonical({"native_finish_reason": stated}))


@pytest.mark.parametrize("stated", ["error", "abort", "insufficient_system_resource", "network_error"])
def test_an_answer_whose_server_failed_before_its_end_is_none(stated: str) -> None:
    with pytest.raises(ModelUnavailable, match="failed before the end"):
        one(body(finish_reason=stated))
    with pytest.raises(ModelUnavailable, match="failed before the end"):
        Assembler("m").feed({"choices": [{"delta": {"content": "4"}, "finish_reason": stated}]})


def test_what_the_server_calls_its_model_is_kept() -> None:
    streamed = Assembler("m")
    streamed.feed({"model": "m-2025", **body()})
    for made in (one({"model": "m-2025", **body()}), *streamed.finish(0.1)):
        assert (made.model, made.served_model, made.text) == ("m", "m-2025", "4")
    assert one({"model": "m", **body()}).served_model is None


def test_a_message_that_says_all_once_more_is_not_said_twice() -> None:
    streamed = Assembler("m")
    streamed.feed({"choices": [{"index": 0, "delta": {"content": "4"}}]})
    streamed.feed(body())
    assert [made.text for made in streamed.finish(0.1)] == ["4"]


def test_log_probabilities_become_tokens() -> None:
    top = [{"token": "4", "logprob": -0.1}, {"token": "5", "logprob": None}]
    made = one(body(logprobs={"content": [{"token": "4", "logprob": 1e-9, "top_logprobs": top}]}))
    assert made.tokens == (Token("4", 0.0, (("4", -0.1), ("5", -9999.0))),)


@pytest.mark.parametrize("logprobs", [None, {}, {"content": None}, {"content": []}])
def test_missing_log_probabilities_are_none(logprobs: Any) -> None:
    assert one(body(logprobs=logprobs)).tokens is None


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ("4", "4"), ([{"type": "text", "text": "4"}, {"type": "image"}], "4")],
)
def test_content_may_be_nothing_text_or_parts(content: Any, text: str) -> None:
    assert one(body(message={"content": content})).text == text


def test_several_choices_keep_their_order_and_share_one_cost() -> None:
    reply = {
        "choices": [{"index": i, "message": {"content": str(i)}} for i in (1, 0)],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500},
    }
    first, second = completions(reply, model="m", latency=0.5, price=Price(prompt=1.0, completion=2.0))
    assert (first.text, second.text) == ("0", "1")
    assert first.usage == Usage(1000, 500) and second.usage == Usage()
    assert first.cost == pytest.approx(0.002) and second.cost is None


@pytest.mark.parametrize(("stated", "counted"), [(2, 5), (9, 9), (0, 0)])
def test_choices_wrote_at_least_the_tokens_that_they_show(stated: int, counted: int) -> None:
    tokens = [{"token": "a", "logprob": -0.1}]
    choices = [{"message": {"content": "a"}, "logprobs": {"content": tokens * n}} for n in (2, 3)]
    reply = {"choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": stated}}
    first, second = completions(reply, model="m", latency=0.5)
    assert (first.usage, second.usage) == (Usage(7, counted), Usage())


def test_tool_calls_are_kept() -> None:
    call = {"id": "c", "function": {"name": "look", "arguments": "{}"}}
    made = one(body(message={"content": None, "tool_calls": [call]}, finish_reason="tool_calls"))
    assert made.tool_calls == (ToolCall("c", "look", "{}"),)
    assert made.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "reply",
    [{}, {"choices": []}, {"choices": None}, {"choices": [{}]}, {"choices": ["text"]}, {"detail": "hello"}],
)
def test_what_is_no_completion_says_so(reply: dict[str, Any]) -> None:
    with pytest.raises(ModelUnavailable, match="Expected a chat completion"):
        one(reply)


def test_an_error_in_the_body_is_raised_by_its_code() -> None:
    with pytest.raises(ModelRefused, match="too long"):
        one({"error": {"code": 400, "message": "too long"}})
    with pytest.raises(ModelUnavailable):
        one({"error": "boom"})


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_passing_failures_are_worth_another_try(status: int) -> None:
    error = failure(status, "later", 3.0)
    assert isinstance(error, ModelUnavailable) and error.retry_after == 3.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_other_failures_are_not(status: int) -> None:
    assert isinstance(failure(status, {"error": {"message": "no"}}), ModelRefused)


def chunk(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def test_a_stream_is_put_together() -> None:
    assembler = Assembler("m", Price(prompt=1.0, completion=1.0))
    token = {"content": [{"token": "Par", "logprob": -0.5}]}
    fed = [
        assembler.feed(chunk(role="assistant", content=None)),
        assembler.feed({"choices": [{"delta": {"content": "Par"}, "logprobs": token}]}),
        assembler.feed(
            {"choices": [{"index": 1, "delta": {"content": "another answer"}, "finish_reason": "stop"}]}
        ),
        assembler.feed({"choices": [{"delta": {"content": "is"}, "finish_reason": "stop"}]}),
        assembler.feed({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}}),
    ]
    done, other = assembler.finish(latency=0.1)
    assert [[(piece.index, piece.text) for piece in pieces] for pieces in fed] == [
        [(0, "")], [(0, "Par")], [(1, "another answer")], [(0, "is")], []
    ]  # fmt: skip
    assert (other.text, other.usage) == ("another answer", Usage())
    assert (done.text, done.usage, done.finish_reason) == ("Paris", Usage(10, 2), "stop")
    assert done.tokens == (Token("Par", -0.5),)
    assert done.cost == pytest.approx(12e-6)


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        ({"confidence": 0.9}, '{"confidence":0.9}'),
        ({"delta": {"probability": 0.8}}, '{"probability":0.8}'),
        ({"confidence": 0.9, "delta": {"confidence": 0.7}}, '{"confidence":0.7}'),
        ({"confidence": None}, None),
    ],
)
def test_what_a_stream_says_of_its_sureness_is_kept_as_of_a_whole_reply(
    choice: dict[str, Any], kept: str | None
) -> None:
    assembler = Assembler("m")
    assembler.feed(chunk(content="Paris"))
    assembler.feed({"choices": [{"delta": {}, "finish_reason": "stop"} | choice]})
    assembler.feed({"choices": [{"delta": {}, "confidence": None}]})
    assert [done.extra for done in assembler.finish(0.0)] == [kept]
    message = {"content": "Paris", **choice.get("delta", {})}
    assert one({"choices": [{"message": message, **choice}]}).extra == kept


def test_fragments_of_tool_calls_are_joined() -> None:
    assembler = Assembler("m")
    assembler.feed(
        chunk(tool_calls=[{"index": 0, "id": "c", "function": {"name": "look", "arguments": '{"a"'}}])
    )
    assembler.feed(
        chunk(tool_calls=[{"index": 1, "id": "d", "function": {"name": "stop", "arguments": "{}"}}])
    )
    assembler.feed(chunk(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]))
    assembler.feed({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    (done,) = assembler.finish(0.0)
    assert done.tool_calls == (ToolCall("c", "look", '{"a":1}'), ToolCall("d", "stop", "{}"))


def test_a_stream_that_is_cut_off_is_no_answer() -> None:
    assembler = Assembler("m")
    assembler.feed(chunk(content="Par"))
    with pytest.raises(ModelUnavailable, match="cut off after 3 characters"):
        assembler.finish(0.0)


def test_a_stream_can_carry_an_error() -> None:
    with pytest.raises(ModelUnavailable, match="overloaded"):
        Assembler("m").feed({"error": {"message": "overloaded", "code": 503}})
    with pytest.raises(ModelUnavailable, match="Expected a piece"):
        Assembler("m").feed({"choices": ["text"]})
