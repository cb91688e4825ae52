"""What replies state of themselves: percentages, phrases, claims and distributions, read or left."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.dialogue.amounts import parse_percentage
from calibrant.dialogue.likelihoods import PHRASES, parse_phrase
from calibrant.dialogue.stated import is_none_of_above, parse_claim, parse_confidence, parse_distribution

LEAF = st.none() | st.booleans() | st.integers(-2, 120) | st.floats() | st.text(max_size=5) | st.just("60%")
NAMES = st.sampled_from(("p", "score", "a", ""))
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)

LISTED = st.lists(st.fixed_dictionaries({"candidate": LEAF, "confidence": LEAF}), max_size=5)


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("85", 0.85),
        ("85%", 0.85),
        ("0.85", 0.85),
        ("85 percent", 0.85),
        ("0", 0.0),
        ("100%", 1.0),
        ("1%", 0.01),
        ("99.5", 0.995),
    ],
)
def test_percentages_are_read(text: str, stated: float) -> None:
    assert parse_percentage(text) == pytest.approx(stated)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "101",
        "high",
        "85 or 90",
        "-1",
        "8.5.1",
        "The answer is 85",
        "The answer is 85% or 90%",
        "85 %%",
        "８５x",
    ],
)
def test_anything_else_is_not_guessed_at(text: str) -> None:
    assert parse_percentage(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Highly likely", 0.9),
        ("**Almost  certain.**", 0.95),
        ("It is LIKELY", 0.75),
        ("not likely", 0.2),
        ("Probably not.", 0.25),
        ("probable, so probably", 0.72),
        ("Almost no chance", 0.02),
        ("about even", 0.5),
        ("impossible", 0.02),
    ],
)
def test_phrases_are_read(text: str, number: float) -> None:
    assert parse_phrase(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes",
        "not certain",
        "isn't very likely",
        "isn\u2019t likely",
        "not impossible",
        "more likely",
        "how likely?",
        "likely?",
        "certain or uncertain",
        "likely, or highly likely",
        "80% likely",
        "0.8, likely",
        "the likelihood",
        "possible-ish",
    ],
)
def test_what_is_no_single_phrase_is_not_guessed_at(text: str) -> None:
    assert parse_phrase(text) is None


@given(
    st.sampled_from(sorted(PHRASES)),
    st.sampled_from(("{}", "{}.", " {}\n", "**{}**", "It is {}", "I say: {}!")),
)
def test_every_phrase_is_read_whatever_stands_around(phrase: str, around: str) -> None:
    for written in (phrase, phrase.upper(), phrase.replace(" ", "\n ")):
        assert parse_phrase(around.format(written)) == PHRASES[phrase]


PIECES = st.lists(
    st.text(max_size=5)
    | st.sampled_from(
        (*PHRASES, "not", "%", "85", "0.5", "1", ":", "\n", "Answer:", "Confidence:", "{", '"answers"')
    )
).map(" ".join)


@given(st.text() | PIECES)
def test_parsers_of_numbers_never_leave_the_scale(text: str) -> None:
    claim = parse_claim(text)
    for number in (parse_percentage(text), parse_confidence(text), parse_phrase(text), claim and claim[1]):
        assert number is None or 0.0 <= number <= 1.0
    is_none_of_above(text)


@given(JSON | LISTED.map(lambda some: {"answers": some}))
def test_distributions_never_sum_to_more_than_one(value: Any) -> None:
    for text in (json.dumps(value), f"So: {json.dumps(value)} Done."):
        stated = parse_distribution(text) or ()
        assert all(name.strip() and 0.0 <= share <= 1.0 for name, share in stated)
        assert math.fsum(share for _, share in stated) <= 1.0 + 1e-9


@given(st.integers(0, 100))
def test_percentages_shares_and_words_agree(n: int) -> None:
    assert parse_percentage(f"{n}%") == n / 100 == parse_percentage(f"{n} percent")
    assert parse_percentage(str(n)) == (n / 100 if n != 1 else None)
    assert parse_percentage(f"{n / 100:.2f}") == n / 100
    assert parse_confidence(f"Confidence: {n}%") == n / 100
    assert parse_distribution(f"Paris: {n}%") == (("Paris", n / 100),)


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("Answer: Paris\nConfidence: 80%", ("Paris", 0.8)),
        ("**Answer:** Paris\r\n**Confidence:** 80%\r\n", ("Paris", 0.8)),
        ("Answer: Lyon\nNo.\nFinal answer:\nParis\nConfidence:\n0.8", ("Paris", 0.8)),
        ("Answer:\nConfidence: 80%", None),
        ("Answer: Paris", None),
        ("Confidence: 80%", None),
        ("Answer: Paris\nConfidence: high", None),
        ("\n" * 20_000, None),
    ],
)
def test_a_claim_needs_both_of_its_lines(text: str, claim: tuple[str, float] | None) -> None:
    assert parse_claim(text) == claim


@pytest.mark.parametrize(
    "text",
    [
        "Probability: 60%",
        "**Overall confidence**: 60%",
        '{"answers": [{"candidate": null, "confidence": 0.6}]}',
        '{"answers": [{"candidate": "Paris", "confidence": 60}, {"candidate": null, "confidence": 40}]}',
        '{"answers": [{"candidate": "Paris", "confidence": null}]}',
        '{"answers": [{"candidate": "Paris", "confidence": true}]}',
        '{"answers": [{"candidate": "Paris", "confidence": 90}, {"candidate": "Lyon", "confidence": 0.1}]}',
    ],
)
def test_what_names_no_candidate_or_no_share_is_no_distribution(text: str) -> None:
    assert parse_distribution(text) is None


def test_a_one_beside_percentages_is_one_percent_and_alone_is_all() -> None:
    pair = '{{"answers": [{{"candidate": "Paris", "confidence": {}}}, {{"candidate": "Lyon", "confidence": {}}}]}}'
    assert parse_distribution(pair.format(99, 1)) == (("Paris", 0.99), ("Lyon", 0.01))
    assert parse_distribution(pair.format(1, 0)) == (("Paris", 1.0), ("Lyon", 0.0))
    assert parse_distribution("Paris: 60%\nConfidence: 60%") == (("Paris", 0.6),)


@pytest.mark.parametrize(
    "line",
    [
        "Paris (confidence: 80%)",
        "Paris (my confidence: 80%)",
        "Paris - Probability: 80%",
        "Paris: Probability: 80%",
        "- **Paris** — *confidence*: 80%",
        "1. **Paris** - confidence level: 80%",
        "1. Paris (80% probability)",
        "G1: Paris: 80%",
        "**G1:** Paris: 80%",
        "Guess 1: Paris: 80%",
        "Guess: Paris (80%)",
    ],
)
def test_a_label_is_no_part_of_a_candidate(line: str) -> None:
    assert parse_distribution(line) == (("Paris", 0.8),)
    assert parse_distribution(f"{line}\nLyon: 10%") == (("Paris", 0.8), ("Lyon", 0.1))


@pytest.mark.parametrize(
    "line",
    [
        "Paris confidence: 80%",
        "Win probability: 80%",
        "Guess 1: 80%",
        "Paris: 80% Lyon: 15%",
    ],
)
def test_what_may_be_a_candidate_or_a_label_is_not_guessed(line: str) -> None:
    assert parse_distribution(line) is None
    assert parse_distribution(f"Lyon: 10%\n{line}") is None


@pytest.mark.parametrize(
    "line",
    ["Paris: 60%, Lyon: 20%", "Paris (60%), Lyon (20%)", "Paris: 60%; Lyon: 20%;", "- Paris: 60%, Lyon: 20%"],
)
def test_a_line_may_name_several_candidates(line: str) -> None:
    assert parse_distribution(line) == (("Paris", 0.6), ("Lyon", 0.2))
    assert parse_distribution(f"In short:\n{line}\n\nThat is all.") == (("Paris", 0.6), ("Lyon", 0.2))


@pytest.mark.parametrize(
    "line",
    [
        "Paris: 60%, up from 20%",
        "Paris: 60%, 20%",
        "Paris: 60%, Lyon: 25%, and Nice: 15%",
        "I think Paris (60%), then Lyon (20%)",
        "Top guesses: Paris (60%), Lyon (20%)",
        "A: 45%, B: None of the above, C: 30%, D: 10%",
        "A: 40%; B: none of the above; C: 20%; D: 10%",
    ],
)
def test_a_line_with_more_than_its_candidates_is_not_guessed(line: str) -> None:
    assert parse_distribution(line) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Oslo: Oslo: 64.0%", (("Oslo", 0.64),)),
        ("Oslo: Oslo, 60%\nBergen: Bergen, 25%", (("Oslo", 0.6), ("Bergen", 0.25))),
        (
            "None of the above: None of the above: 60%\nOslo: Oslo: 40%",
            (("None of the above", 0.6), ("Oslo", 0.4)),
        ),
        ("They pay in kroner. 52%", (("They pay in kroner", 0.52),)),
        ("They pay in kroner (NOK).  \n50%", (("They pay in kroner (NOK).", 0.5),)),
        ("They pay in kroner. The probability is 72%.", (("They pay in kroner", 0.72),)),
        ("It is no, and the probability that this is correct is 90%.", (("It is no", 0.9),)),
        ("60% Norwegian krone (NOK)\n25% Euro (EUR)", (("Norwegian krone (NOK)", 0.6), ("Euro (EUR)", 0.25))),
        ("Oslo\n60%\nBergen\n20%", (("Oslo", 0.6), ("Bergen", 0.2))),
    ],
)
def test_a_share_may_stand_before_below_or_behind_a_sentence(
    text: str, read: tuple[tuple[str, float], ...]
) -> None:
    assert parse_distribution(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "The probability is 72%.",
        "60% probability",
        "I am 80% sure that it is Oslo",
        "80% of all Norwegians say so",
        "It fell by 2.5. 60%",
        "Here they are:\n60%",
        "It grew 20%. Then it is Oslo. 60%",
    ],
)
def test_a_share_of_something_else_is_not_taken(text: str) -> None:
    assert parse_distribution(text) is None


def test_a_list_in_a_sentence_is_not_counted_beside_the_list() -> None:
    assert parse_distribution("Paris: 60%, Lyon: 20%\nParis: 60%\nLyon: 20%") is None


def test_the_options_of_a_line_may_have_commas() -> None:
    stated = parse_distribution("D: carbon, oxygen; 40%; (A) helium, argon; 30%; B) iron (20%)")
    assert stated == (("D: carbon, oxygen", 0.4), ("(A) helium, argon", 0.3), ("B) iron", 0.2))


def test_a_percentage_may_be_a_candidate() -> None:
    assert parse_distribution("10%: 60%\nOption A: 20%") == (("10%", 0.6), ("Option A", 0.2))


@pytest.mark.parametrize(
    ("number", "share"), [(1.2, None), (1.99, None), (2, 0.02), (99.5, 0.995), (0.5, 0.5), (1, 1.0)]
)
def test_a_json_number_between_one_and_two_is_neither_share_nor_percentage(
    number: float, share: float | None
) -> None:
    stated = parse_distribution(json.dumps({"answers": [{"candidate": "Paris", "confidence": number}]}))
    assert stated == (None if share is None else (("Paris", share),))


def test_braces_are_looked_through_in_a_moment() -> None:
    started = time.process_time()
    assert parse_distribution('{"a":' * 50_000) is None
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    "text", ["None of the above", "none of the above.", "(E) None of the above", "None of these"]
)
def test_none_of_the_above_is_known(text: str) -> None:
    assert is_none_of_above(text) and not is_none_of_above(f"{text} is Paris")
