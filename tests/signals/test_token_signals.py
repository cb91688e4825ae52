"""Signals from the tokens of the answer, against numbers worked out by hand and against random texts."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.checks.conversing import read as read_by_hand
from calibrant.dialogue.tokens import covering, weighable, weighed
from calibrant.errors import NoScore
from calibrant.signals.choice_logprob import ChoiceLogprob
from calibrant.signals.field_logprob import FieldLogprob, field_probabilities, spans
from calibrant.signals.joint_logprob import JointLogprob
from calibrant.signals.min_logprob import MinLogprob
from calibrant.signals.token_entropy import TokenEntropy, spread
from calibrant.signals.token_margin import TokenMargin, margin
from calibrant.types import Completion, Message, Question, Reading, Replies, Token, ToolCall


def token(text: str, p: float, **top: float) -> Token:
    return Token(text, math.log(p), tuple((word, math.log(share)) for word, share in top.items()))


def done(*tokens: Token, text: str | None = None, calls: tuple[ToolCall, ...] = ()) -> Completion:
    said = "".join(one.text for one in tokens).strip() if text is None else text
    return Completion(text=said, model="m", tokens=tokens, tool_calls=calls)


def read(signal: Any, completion: Completion, options: list[str] | None = None) -> Reading:
    question = Question(
        id="q", messages=(Message("user", "?"),), metadata={"options": options} if options else {}
    )
    return read_by_hand(signal, question, completion, lambda _: Replies())[0]


PARIS = done(
    token("Par", 0.5, Par=0.5, Rom=0.25),
    token("is", 0.8, **{"is": 0.8, "ma": 0.1}),
    token("</s>", 0.01),
    text="Paris",
)


def test_by_hand() -> None:
    assert read(MinLogprob(), PARIS).score == pytest.approx(0.5)
    assert read(MinLogprob(), PARIS).detail["token"] == "Par"
    assert read(JointLogprob(), PARIS).score == pytest.approx(0.4)
    assert read(TokenMargin(), PARIS).score == pytest.approx((0.25 + 0.7) / 2)
    # Buckets (0.5, 0.25, 0.25) and (0.8, 0.1, 0.1), each over log 3.
    first = (0.5 * math.log(2) + 0.5 * math.log(4)) / math.log(3)
    second = -(0.8 * math.log(0.8) + 0.2 * math.log(0.1)) / math.log(3)
    assert read(TokenEntropy(), PARIS).score == pytest.approx(1 - (first + second) / 2)


@pytest.mark.parametrize(
    "signal", [MinLogprob(), JointLogprob(), TokenMargin(), TokenEntropy(), ChoiceLogprob(), FieldLogprob()]
)
@pytest.mark.parametrize(
    "completion",
    [
        Completion(text="{}", model="m"),
        done(),
        done(token("</s>", 0.5), text=""),
        done(Token("A", math.nan), text="A"),
    ],
)
def test_what_cannot_be_had_has_a_reason(signal: Any, completion: Completion) -> None:
    reading = read(signal, completion)
    assert reading.score is None and reading.reason and reading.reason.endswith(".")


@pytest.mark.parametrize("signal", [TokenMargin(), TokenEntropy(), ChoiceLogprob()])
def test_alternatives_are_needed(signal: Any) -> None:
    assert read(signal, done(token("A", 0.5))).score is None


def test_a_token_that_was_not_the_likeliest_has_no_lead() -> None:
    assert margin(token("Rom", 0.3, Par=0.6, Rom=0.3)) == 0.0


@given(st.lists(st.floats(-30, 0.5), min_size=1, max_size=8), st.floats(-30, 0.5))
def test_margin_and_spread_stay_in_bounds(logprobs: list[float], own: float) -> None:
    one = Token("own", own, tuple((f"w{i}", logprob) for i, logprob in enumerate(logprobs)))
    assert 0 <= margin(one) <= 1
    assert 0 <= spread(one) <= 1 + 1e-9


def test_one_bucket_for_the_rest_only_takes_entropy_away() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        p = np.sort(rng.dirichlet(np.full(50, 0.2)))[::-1]
        one = Token("w0", math.log(p[0]), tuple((f"w{i}", math.log(max(p[i], 1e-300))) for i in range(10)))
        coarse = spread(one) * math.log(11)
        whole = -sum(q * math.log(q) for q in p if q > 0)
        rest = p[10:].sum()
        assert coarse - 1e-9 <= whole <= coarse + rest * math.log(40) + 1e-9


# ------------------------------------------------------------------ choices

AB = {"A": 0.5, " A": 0.1, "(B": 0.2, "x": 0.1}


@pytest.mark.parametrize("lead", ["", "Answer: ", "(", "So the answer is (", "**Answer:** "])
def test_choice_is_found_and_its_spellings_counted_together(lead: str) -> None:
    tokens = (*(token(word, 0.9, other=0.1) for word in ([lead] if lead else [])), token("A", 0.5, **AB))
    for options in (None, ["Paris", "Rome"]):
        reading = read(ChoiceLogprob(), done(*tokens), options)
        assert reading.score == pytest.approx(0.6 / 0.8), lead
        assert reading.detail["mass"] == pytest.approx(0.8)


def test_choice_by_text() -> None:
    yes = done(token(" Yes", 0.6, **{" Yes": 0.6, "yes": 0.1, "No": 0.2}), token(".", 1.0))
    assert read(ChoiceLogprob(), yes, ["Yes", "No"]).score == pytest.approx(0.7 / 0.9)


@pytest.mark.parametrize("text", ["A dog barks", "Paris", "E", "I am not sure"])
def test_no_choice_is_not_guessed_at(text: str) -> None:
    reading = read(ChoiceLogprob(), done(token(text, 0.5, A=0.3, B=0.2)), ["Yes", "No"])
    assert reading.score is None and reading.reason


def test_a_letter_against_its_text_is_no_choice() -> None:
    assert (
        read(ChoiceLogprob(), done(token("A", 0.5, **AB), token(") Rome", 0.9)), ["Paris", "Rome"]).score
        is None
    )


def test_weighed_needs_the_words() -> None:
    words = {"yes": True, "no": False}
    assert weighed(done(token("(", 0.9), token("No", 0.6, Yes=0.2)), words) == pytest.approx(0.25)
    for unread in (done(token("Well", 0.9, Yes=0.01)), done()):
        with pytest.raises(NoScore):
            weighed(unread, words)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (done(token("Yes", 0.51)), "gives top_logprobs"),
        (done(token("Yes", 0.9999)), "gives top_logprobs"),  # else only the sure ones would be read
        (done(token("Yes", 0.51, Yes=0.51)), "gives more top_logprobs"),
        (done(token("Yes", 0.6, Yes=0.6, Well=0.1, I=0.1)), "gives more top_logprobs"),  # No: up to .1
        (done(token("Yes", 0.6, Yes=0.6, Well=0.2, I=0.01)), 1.0),  # No: at most .01
        (done(token("Yes", 1.0, Yes=1.0)), 1.0),
        (done(token("I", 0.9, I=0.9, The=0.09, Yes=1e-7, No=1e-9)), "the model said"),
    ],
)
def test_weighed_reads_no_share_that_is_not_known(reply: Completion, found: str | float) -> None:
    words = {"yes": True, "no": False}
    if isinstance(found, float):
        assert weighed(reply, words) == found
        return
    with pytest.raises(NoScore, match=found):
        weighed(reply, words)


# ------------------------------------------------------------------ fields

GOLDEN = '{"name": "An\\"a", "born": [1984, {"x.y": ""}], "name2": null}'


def test_spans_by_hand() -> None:
    found = {path: GOLDEN[start:end] for path, (start, end) in spans(GOLDEN).items()}
    assert found == {("name",): 'An\\"a', ("born", 0): "1984", ("born", 1, "x.y"): '""', ("name2",): "null"}
    assert spans('{"a": 1}') == {("a",): (6, 7)}


def test_fields_by_hand() -> None:
    pieces = [
        ('{"city', 1.0),
        ('": "', 1.0),
        ("Par", 0.5),
        ("is", 0.8),
        ('", "year": ', 1.0),
        ("19", 0.5),
        ("84", 0.5),
        ("}", 0.1),
    ]
    reading = read(FieldLogprob(), done(*(token(*piece) for piece in pieces)))
    assert reading.detail["fields"] == pytest.approx({"city": 0.4, "year": 0.25})
    assert reading.score == pytest.approx(0.25) and reading.detail["least"] == "year"


def test_the_last_of_two_equal_keys_counts() -> None:
    assert set(spans('{"a": {"x": 1}, "a": {"y": 2}}')) == {("a", "y")}


def test_a_fence_is_looked_into_and_prose_is_not() -> None:
    assert (
        read(FieldLogprob(), done(token("```json\n", 1.0), token('{"a": 1}', 0.5), token("\n```", 1.0))).score
        == 0.5
    )
    for text in ('Here: {"a": 1}', '{"a": NaN}', "[" * 100_000, "{}", '{"a": 1'):
        assert read(FieldLogprob(), done(token(text, 0.5))).score is None


def test_tool_calls_are_read_where_the_tokens_hold_them() -> None:
    call = ToolCall("1", "look", '{"q": 1}')
    tokens = (
        token("<call>", 1.0),
        token('{"q": ', 1.0),
        token("1", 0.5),
        token("}", 1.0),
        token('{"q": 1}', 0.9),
    )
    two = read(FieldLogprob(), done(*tokens, text="", calls=(call, call)))
    assert two.detail["fields"] == pytest.approx({"look[0].q": 0.5, "look[1].q": 0.9})
    assert "tool calls" in (read(FieldLogprob(), done(token("x", 0.5), calls=(call,))).reason or "")


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_every_span_is_its_value(value: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    for path, (start, end) in spans(text).items():
        here: Any = value
        for step in path:
            here = here[step]
        quoted = isinstance(here, str) and here != ""
        assert json.loads(f'"{text[start:end]}"' if quoted else text[start:end]) == here
    assert len(spans(text)) == _leaves(value)


def _leaves(value: object) -> int:
    """Counted from the value and not from its text."""
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list):
        return sum(map(_leaves, value))
    return 1


@given(VALUES, st.data())
def test_fields_and_structure_sum_to_the_whole(value: object, data: st.DataObject) -> None:
    text = json.dumps(value)
    edges = {0, len(text), *(end for span in spans(text).values() for end in span)}
    edges |= data.draw(st.sets(st.integers(0, len(text)), max_size=10))
    cuts = sorted(edges)
    tokens = [Token(text[a:b], -data.draw(st.floats(0, 5))) for a, b in pairwise(cuts)]
    inside = [{*covering(tokens, *span)} for span in spans(text).values()]
    rest = set(range(len(tokens))).difference(*inside)
    whole = math.fsum(one.logprob for one in tokens)
    fields = math.fsum(one.logprob for i, one in enumerate(tokens) if any(i in some for some in inside))
    assert math.isclose(fields + math.fsum(tokens[i].logprob for i in rest), whole, abs_tol=1e-9)
    found = field_probabilities(text, tokens)
    assert math.isclose(math.fsum(map(math.log, found.values())), fields, abs_tol=1e-9)


def test_a_word_that_is_listed_alone_has_no_alternatives() -> None:
    """As from a server that lists one alternative: the word is all there is to read."""
    alone = Token("A", math.log(0.9), (("A", math.log(0.9)),))
    assert not weighable(Completion(text="A", model="m", tokens=(alone,)))
