"""Answers that call tools, say nothing or were refused, before every signal."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from calibrant.checks.conversing import read
from calibrant.plugins import find, names
from calibrant.signals.self_consistency import SelfConsistency
from calibrant.signals.semantic_entropy import SemanticEntropy
from calibrant.signals.verbalized import Verbalized
from calibrant.types import Ask, Completion, Message, Question, Replies, Token, ToolCall

QUESTION = Question(
    id="q", messages=(Message("user", "Weather in Paris?"),), metadata={"context": "Paris: sun."}
)
ASKED = pytest.mark.parametrize("name", names("signals"))


def call(name: str = "look", arguments: str = '{"city": "Paris", "unit": "C"}', text: str = "") -> Completion:
    return Completion(
        text=text, model="m", tool_calls=(ToolCall("1", name, arguments),), finish_reason="tool_calls"
    )


def said(text: str, **more: Any) -> Completion:
    return Completion(text=text, model="m", tokens=(Token(text, math.log(0.9)),), **more)


@ASKED
@pytest.mark.parametrize(
    ("completion", "why"),
    [
        (said("I cannot help with that.", finish_reason="content_filter"), "refused or withheld"),
        (Completion(text=" ", model="m", tokens=(Token("Hm", -0.1),), finish_reason="length"), "is empty"),
    ],
)
def test_no_signal_is_sure_where_nothing_was_said_and_none_asks(
    name: str, completion: Completion, why: str
) -> None:
    if name == "decision":
        pytest.skip("What an endpoint claims beside the answer stands by itself.")
    reading, asked = read(find("signals", name)(), QUESTION, completion, lambda _: Replies())
    assert reading.score is None and why in (reading.reason or "") and asked == []


def drawn(*samples: Completion) -> Any:
    return lambda ask: Replies(samples[: ask.samples])


def test_calls_agree_by_name_and_arguments_whatever_their_spacing_and_order() -> None:
    same = call(arguments='{"unit":"C","city":"Paris"}', text="Let me see.")
    other, words = call(arguments='{"city": "Rome", "unit": "C"}'), said("It is sunny.")
    samples = drawn(same, same, other, words, call("find"))
    reading, _ = read(SelfConsistency(samples=5), QUESTION, call(), samples)
    assert reading.score == 0.4 and len(reading.detail["clusters"]) == 4
    reading, _ = read(SelfConsistency(samples=5), QUESTION, words, samples)
    assert reading.score == 0.2
    reading, _ = read(SemanticEntropy(samples=2), QUESTION, call(), drawn(same, same))
    assert reading.score == 1.0


def test_arguments_that_are_no_json_are_compared_as_they_stand() -> None:
    broken = call(arguments='{"city": ')
    reading, _ = read(SelfConsistency(samples=2), QUESTION, broken, drawn(broken, call()))
    assert reading.score == 0.5


def test_several_calls_are_compared_in_any_order() -> None:
    one, two = call().tool_calls[0], call("now", "{}").tool_calls[0]
    both = [replace(call(), tool_calls=calls) for calls in ((one, two), (two, one))]
    reading, _ = read(SelfConsistency(samples=1), QUESTION, both[0], drawn(both[1]))
    assert reading.score == 1.0


def test_a_call_is_judged_as_it_would_be_made() -> None:
    def reply(ask: Ask) -> Replies:
        assert 'look({"city": "Paris", "unit": "C"})' in ask.messages[-1].content
        return Replies((said("0.8"),))

    assert read(Verbalized(), QUESTION, call(), reply)[0].score == 0.8


@pytest.mark.parametrize(
    "name", ["hedging", "vpd", "steerconf", "verbalized_top_k", "verbalized_reasoned", "dinco"]
)
def test_signals_of_words_say_which_signals_read_calls(name: str) -> None:
    reading, asked = read(find("signals", name)(), QUESTION, call(text="I am sure."), lambda _: Replies())
    assert reading.score is None and "self_consistency" in (reading.reason or "") and asked == []


@pytest.mark.parametrize("name", ["mean_logprob", "field_logprob", "choice_logprob"])
def test_token_signals_say_so_too(name: str) -> None:
    for completion in (call(), replace(call(text="Let me see."), tokens=(Token("Let me see.", -0.1),))):
        reading, _ = read(find("signals", name)(), QUESTION, completion, lambda _: Replies())
        assert reading.score is None and "self_consistency" in (reading.reason or "")
