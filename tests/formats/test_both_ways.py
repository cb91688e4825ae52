"""What the chat format writes, it reads: requests, replies and streams."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from calibrant.formats.chat.replies import completions, reply_body
from calibrant.formats.chat.requests import ChatRequest, chat_request, request_body
from calibrant.formats.chat.streams import Assembler, Chunks
from calibrant.types import Ask, Completion, Delta, Message, Token, ToolCall, Usage

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
NAMES = st.text("abcdef_", min_size=1, max_size=8)
CALLS = st.lists(st.builds(ToolCall, NAMES, NAMES, TEXTS), max_size=2).map(tuple)
LOGPROBS = st.floats(-20, 0)
TOKENS = st.builds(Token, TEXTS, LOGPROBS, st.lists(st.tuples(TEXTS, LOGPROBS), max_size=3).map(tuple))

PARTS = st.none() | st.sampled_from(["null", '[{"image_url":{"url":"data:,"},"type":"image_url"}]'])
FURTHER = st.none() | st.sampled_from(['{"name":"Ana"}', '{"cache_control":{"type":"ephemeral"}}'])
MESSAGES = st.builds(
    Message, st.sampled_from(["system", "user", "assistant", "tool"]), TEXTS, CALLS, st.none() | NAMES,
    st.none(), FURTHER,
) | st.builds(Message, st.just("user"), st.just(""), parts=PARTS, extra=FURTHER)  # fmt: skip
ASKS = st.builds(
    Ask,
    messages=st.lists(MESSAGES, min_size=1, max_size=4).map(tuple),
    samples=st.integers(1, 3),
    temperature=st.none() | st.floats(0, 2),
    max_tokens=st.none() | st.integers(1, 9999),
    logprobs=st.booleans(),
    seed=st.none() | st.integers(0, 99),
    stop=st.lists(TEXTS, max_size=3).map(tuple),
    extra=st.none() | st.just('{"tools":[{"type":"function"}],"top_k":3}'),
)  # fmt: skip
COMPLETIONS = st.builds(
    Completion,
    text=TEXTS,
    model=st.just("m"),
    tokens=st.none() | st.lists(TOKENS, min_size=1, max_size=3).map(tuple),
    tool_calls=CALLS,
    finish_reason=st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    usage=st.builds(Usage, st.integers(0, 99), st.integers(0, 99)),
    reasoning=TEXTS,
    message=st.none() | st.sampled_from(['{"annotations":[]}', '{"reasoning":""}']),
    choice=st.none() | st.just('{"stop_reason":2}'),
    system_fingerprint=st.none() | st.just("fp_1"),
    service_tier=st.none() | st.just("default"),
).map(lambda one: one if one.reasoning or one.message != '{"reasoning":""}' else replace(one, message=None))
SHOWN = Ask(messages=(), logprobs=True, top_logprobs=3)


@given(ASKS)
def test_a_request_says_what_the_ask_does(ask: Ask) -> None:
    asked = chat_request(request_body(ask, "m", stream=True))
    firm = dict(asked.ask.firm)
    assert all(getattr(ask, name) == value for name, value in firm.items())
    assert ("temperature" in firm, "logprobs" in firm) == (ask.temperature is not None, bool(ask.depth))
    loose = replace(asked, ask=replace(asked.ask, firm=()))
    assert loose == ChatRequest(ask=ask, model="m", stream=True, include_usage=True)


@given(COMPLETIONS)
def test_a_reply_says_what_the_completion_does(completion: Completion) -> None:
    body = reply_body([completion], SHOWN, id="chatcmpl-1", time=1.0)
    assert completions(body, model="m", latency=0.0) == (completion,)


@given(COMPLETIONS, st.integers(0, 20))
def test_a_stream_says_what_the_completion_does(completion: Completion, half: int) -> None:
    asked = ChatRequest(ask=SHOWN, model="m", stream=True, include_usage=True)
    chunks, assembler = Chunks(asked, "m", id="chatcmpl-1", time=1.0), Assembler("m")
    whole = Delta.of(completion)
    pieces = (replace(whole, text=whole.text[:half]), Delta(whole.text[half:]))
    sent = [chunk for piece in pieces for chunk in chunks.piece(piece)]
    sent += [*chunks.end(completion), *chunks.usage(completion.usage)]
    assert "".join(piece.text for chunk in sent for piece in assembler.feed(chunk)) == completion.text
    assert assembler.finish(latency=0.0) == (completion,)


def test_only_what_is_asked_for_is_shown() -> None:
    done = Completion(text="4", model="m", tokens=(Token("4", -0.1, (("4", -0.1), ("5", -2.5))),))
    (kept,) = completions(
        reply_body([done], replace(SHOWN, top_logprobs=1), id="1", time=0.0), model="m", latency=0.0
    )
    (bare,) = completions(reply_body([done], Ask(messages=()), id="1", time=0.0), model="m", latency=0.0)
    assert (kept.tokens, bare.tokens) == ((Token("4", -0.1, (("4", -0.1),)),), None)
