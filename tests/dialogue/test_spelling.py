"""Only tokens that spell the answer count: whatever a server writes them in, and whatever else it sends."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.dialogue.spelling import ALPHABET, spelling
from calibrant.dialogue.tokens import first_word, judged, likelihood_of, spoken, weighable
from calibrant.errors import NoScore
from calibrant.types import Completion, Token, ToolCall

UNSEEN = {octet: letter for letter, octet in ALPHABET.items()}


def tokens(*texts: str, p: float = 0.9) -> tuple[Token, ...]:
    return tuple(Token(text, math.log(p), ((text, math.log(p)),)) for text in texts)


def done(text: str, *texts: str, **more: Any) -> Completion:
    return Completion(text=text, model="m", tokens=tokens(*texts), **more)


def told(completion: Completion) -> list[str] | str:
    """The texts of the tokens that count, or why none do."""
    try:
        return [token.text for token in spoken(completion)]
    except NoScore as missing:
        return str(missing)


PARIS = ["Par", "is"]


@pytest.mark.parametrize(
    ("texts", "counted"),
    [
        (["Par", "is"], PARIS),
        (["Par", "is", "<|im_end|>"], PARIS),
        (["Par", "is", "<｜end▁of▁sentence｜>"], PARIS),
        (["<s>", "Par", "is", "</s>", "<pad>"], PARIS),
        (["\n\n", "Par", "is", "\n"], ["\n\n", *PARIS]),
        (["▁Par", "is"], [" Par", "is"]),
        (["ĠPar", "is"], [" Par", "is"]),
        (["<think>", "Rome", "?", "</think>", "\n\n", "Par", "is"], PARIS),
        (["<th", "ink>", "Rome", "</", "think", ">", "Par", "is"], PARIS),
        (["[THINK]", "Rome", "[/THINK]", "Par", "is", "</s>"], PARIS),
        (["<|channel|>", "analysis", "<|message|>", "Paris", "<|end|>", "<|start|>", "assistant", "<|channel|>",
          "final", "<|message|>", "Par", "is", "<|return|>"], PARIS),
        (['"', "Par", "is", '"', "."], PARIS),
    ],
)  # fmt: skip
def test_the_tokens_of_the_answer_are_found(texts: list[str], counted: list[str]) -> None:
    assert told(done("Paris", *texts)) == counted


@pytest.mark.parametrize(
    ("text", "texts", "why"),
    [
        ("Paris is a city", ["Paris"], "only a part"),
        ("Paris is a city", ["Paris", " is"], "only a part"),
        ("Paris", ["Rome"], "do not spell"),
        ("Paris", ["So", " it", " is", " Paris"], "do not spell"),
        ("Paris", ["<think>", "Paris"], "do not spell"),
        ("Paris", ["<|channel|>", "analysis", "<|message|>", "Paris"], "do not spell"),
        ("Paris", ["Paris", " is", " a", " city"], "do not spell"),
        ("4", ["14"], "do not spell"),
        ("4", ["-", "4"], "do not spell"),
        ("4", ["4", "2"], "do not spell"),
        ("4 2", ["42"], "do not spell"),
        ("42", ["4 ", "2"], "do not spell"),
        ("Paris", ["Par", "Par", "is", "is"], "do not spell"),
        ("Paris", ["token_id:1", "token_id:2"], "do not spell"),
        ("Paris", [""], "do not spell"),
        ("", ["Hm", ", Paris"], "is empty"),
        ("  \n", ["  \n"], "is empty"),
    ],
)
def test_tokens_of_other_text_are_no_reading(text: str, texts: list[str], why: str) -> None:
    found = told(done(text, *texts))
    assert why in found and "Par" not in found  # a reason quotes neither the answer nor the reasoning


@pytest.mark.parametrize(
    ("logprob", "why"),
    [
        (0.2, "above 0"),
        (3.0, "above 0"),
        (math.inf, "above 0"),
        (math.nan, "not a number"),
        (-9999.0, "does not know"),
    ],
)
def test_numbers_that_are_no_log_probabilities_are_no_reading(logprob: float, why: str) -> None:
    some = (Token("Par", -0.1), Token("is", logprob))
    assert why in told(Completion(text="Paris", model="m", tokens=some))
    assert likelihood_of(Completion(text="Paris", model="m", tokens=some)) is None
    behind = Completion(text="Par", model="m", tokens=(some[0], Token("</s>", logprob)))
    assert told(behind) == ["Par"]


@pytest.mark.parametrize(
    ("texts", "counted"),
    [
        (["So", " it", " is", " Paris", "Par", "is"], PARIS),
        (["So", " it", " is", " Paris", "\n", "Par", "is", "."], PARIS),
        (["So", " it", " is", " Paris"], "do not spell"),
        ([" it", " is", " Paris", "Paris"], "do not spell"),
    ],
)
def test_reasoning_that_is_known_tells_where_the_answer_begins(texts: list[str], counted: Any) -> None:
    found = told(done("Paris", *texts, reasoning="So it is Paris"))
    assert counted in found if isinstance(counted, str) else found == counted


def test_rounding_above_zero_is_certainty() -> None:
    assert likelihood_of(Completion(text="4", model="m", tokens=(Token("4", 1e-6),))) == 1.0


def test_a_refusal_is_no_answer() -> None:
    marks: list[dict[str, Any]] = [{"finish_reason": "content_filter"}, {"refusal": True}]
    for mark in marks:
        assert "refused or withheld" in told(done("I cannot.", "I", " cannot", ".", **mark))


CALL = ToolCall("1", "look", '{"q": "Paris"}')


@pytest.mark.parametrize(
    ("text", "texts", "first"),
    [
        (
            "",
            ["<tool_call>", '{"name": "', "look", '", "arguments": ', '{"q": "Paris"}', "}", "</tool_call>"],
            "look",
        ),
        ("", ["Hm", "</think>", "look", "<args>", '{"q":"Paris"}', "</args>"], "look"),
        ("", ['{"q": ', '"Paris"}'], '{"q": '),
        ("I look.", ["I", " look", ".", '{"q": ', '"Paris"}'], "I"),
    ],
)
def test_calls_of_tools_are_spelt_by_their_arguments(text: str, texts: list[str], first: str) -> None:
    counted = told(done(text, *texts, tool_calls=(CALL,)))
    assert counted[0] == first and "Paris" in counted[-1]


@pytest.mark.parametrize(
    ("text", "texts"),
    [("I look.", ["I", " look", "."]), ("", ["look"]), ("", ["Hm"]), ("I look.", ['{"q": "Paris"}'])],
)
def test_a_call_that_no_token_holds_is_no_reading(text: str, texts: list[str]) -> None:
    for calls in ((CALL,), (CALL, CALL)):
        assert "tool calls" in told(done(text, *texts, tool_calls=calls))


def test_a_call_without_arguments_is_spelt_by_its_name() -> None:
    bare = ToolCall("1", "now", "{}")
    assert told(done("", "<call>", "now", "{}", tool_calls=(bare,))) == ["now", "{}"]
    assert "tool calls" in told(done("", "<call>", "look", "{}", tool_calls=(bare,)))


def test_the_first_word_of_a_reply_is_not_that_of_its_reasoning() -> None:
    words = {"yes": True, "no": False}
    top = (("Yes", math.log(0.9)), ("No", math.log(0.1)))
    thought = Completion(
        text="No", model="m", tokens=(Token("Yes", math.log(0.9), top), Token(", maybe", -0.1))
    )
    assert first_word(thought) is None and not weighable(thought) and judged(thought, words) == 0.0
    above = Completion(text="Yes", model="m", tokens=(Token("Yes", -0.1, (("Yes", -0.1), ("No", 0.5))),))
    assert not weighable(above) and judged(above, words) == 1.0


# ------------------------------------------------------------------ any text, cut anywhere, in any notation

TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffd\\<>"), min_size=1
).filter(lambda text: text.strip() != "")


def escaped(part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        return "".join(f"\\x{octet:02x}" for octet in part)


def pieced(part: bytes) -> str:
    try:
        return part.decode().replace(" ", "▁")
    except UnicodeDecodeError:
        return "".join(f"<0x{octet:02X}>" for octet in part)


NOTATIONS = {
    "escapes": escaped,
    "pieces": pieced,
    "alphabet": lambda part: "".join(UNSEEN[octet] for octet in part),
    "marks": lambda part: part.decode(errors="replace"),
}


@given(TEXTS, st.sampled_from(sorted(NOTATIONS)), st.data())
def test_a_text_is_spelt_however_it_is_cut_and_written(text: str, notation: str, data: st.DataObject) -> None:
    octets = text.strip().encode()
    cuts = sorted({0, len(octets), *data.draw(st.sets(st.integers(0, len(octets)), max_size=8))})
    parts = [octets[a:b] for a, b in pairwise(cuts)]
    some = tuple(Token(NOTATIONS[notation](part), -float(i)) for i, part in enumerate(parts))
    found = spelling(some, text)
    assert found is not None and [one.logprob for one in found] == [one.logprob for one in some]
    if notation != "marks":
        assert "".join(one.text for one in found) == text.strip()
        thought = (Token("Rome", -9.0), Token("</think>", -9.0), *some, Token("<|end|>", -9.0))
        tail = spelling(thought, text) or ()
        assert [one.logprob for one in tail] == [one.logprob for one in some]


@given(TEXTS, st.data())
def test_a_letter_more_or_less_is_another_text(text: str, data: st.DataObject) -> None:
    said = text.strip()
    place = data.draw(st.integers(0, len(said)))
    other = f"{said[:place]}x{said[place:]}"
    cut = data.draw(st.integers(0, len(other)))
    some = tuple(Token(part, -0.1) for part in (other[:cut], other[cut:]) if part)
    assert spelling(some, text) is None
    assert spelling((Token(said, -0.1),), other) is None


@given(st.lists(st.text(max_size=4), max_size=6), st.text(max_size=8))
def test_whatever_comes_there_is_an_answer(texts: list[str], text: str) -> None:
    found = spelling(tuple(Token(one, -0.1) for one in texts), text)
    assert found is None or all(isinstance(one, Token) for one in found)
