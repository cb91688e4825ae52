"""Confidences as people and models write them, each read as one number or left."""

from __future__ import annotations

import time

import pytest

from calibrant.dialogue.amounts import amount, parse_percentage, parse_probability
from calibrant.dialogue.stated import parse_claim, parse_confidence, parse_distribution

WRITTEN = [
    ("30%", 0.3), ("30 %", 0.3), ("30,5 %", 0.305), ("30.5%", 0.305), ("0.3", 0.3), ("0,3", 0.3), ("3/10", 0.3),
    ("3 out of 10", 0.3), ("30/100", 0.3), ("about 80%", 0.8), ("Approximately 80 %", 0.8), ("~80%", 0.8),
    ("≈ 80%", 0.8),
    ("80-90%", 0.85), ("80%-90%", 0.85), ("80% to 90%", 0.85), ("80–90 %", 0.85), ("between 80% and 90%", 0.85),
    ("**80%**", 0.8), ("<80>%", 0.8), ("(80%)", 0.8), ("80 percent", 0.8), ("80 per cent", 0.8), ("80 Prozent", 0.8),
    ("80 pour cent", 0.8), ("80 por ciento", 0.8), ("８０％", 0.8), ("80% sure.", 0.8), ("80% confidence", 0.8),
    ("etwa 80 %", 0.8), ("100%", 1.0), ("0%", 0.0), ("1%", 0.01), ("1.0", 1.0),
    ("0.0", 0.0),
]  # fmt: skip

UNSTATED = ["", "1", "high", "-5", "-5%", "120%", "80 or 90", "80% or 90%", "90-80%", "<0 to 100>%", "0-100%", "12,345",
            "11/10", "2021/10/5", "1.2.3%", "80 x"]  # fmt: skip


@pytest.mark.parametrize(("text", "share"), WRITTEN)
def test_every_way_to_write_a_confidence_is_read_wherever_it_stands(text: str, share: float) -> None:
    assert amount(text) == pytest.approx(share)
    assert parse_percentage(f" {text}\n") == pytest.approx(share)
    assert parse_confidence(f"So it is.\n**Confidence:** {text}") == pytest.approx(share)
    assert parse_confidence(f"Confidence level: {text}") == pytest.approx(share)
    answer, stated = parse_claim(f"Answer: Paris\nConfidence: {text}") or ("", -1)
    assert (answer, stated) == ("Paris", pytest.approx(share))
    answer, stated = parse_claim(f"Answer: Paris, confidence: {text}") or ("", -1)
    assert (answer, stated) == ("Paris", pytest.approx(share))


@pytest.mark.parametrize("text", UNSTATED)
def test_what_states_no_single_confidence_is_left(text: str) -> None:
    assert amount(text) is None and parse_percentage(text) is None
    read = parse_confidence(f"Confidence: {text}"), parse_claim(f"Answer: Paris\nConfidence: {text}")
    if text == "1":  # plain behind a label, for there a number from 0.0 to 1.0 is asked for
        assert read == (1.0, ("Paris", 1.0)) and parse_probability(text) == 1.0
    else:
        assert read == (None, None)


SENTENCES = [
    ("The probability of the answer being correct is 100%.", 1.0),
    ("The answer is China.\n\nYour confidence in this answer is 99%", 0.99),
    ("I am 95% sure that it is right.", 0.95),
    ("High (about 80%)", 0.8),
    ("Confidence: 90", 0.9),
    ("The probability of the answer being correct is 100% - 0", None),
    ("The answer is not 100% accurate.", None),
    ("There is a 10% chance that it is wrong.", None),
    ("More than 50%, I would say", None),
    ("It is 40%, or rather 60%", None),
    ("The confidence is 10", None),
    ("The money used in Colombia is the equivalent of 85%", None),
    ("D) 100%", None),
]


@pytest.mark.parametrize(("text", "share"), SENTENCES)
def test_a_sentence_states_its_only_percentage_unless_it_turns_it_round(
    text: str, share: float | None
) -> None:
    assert parse_percentage(text) == share


CLAIMS = [
    "Answer: Camel\nConfidence: 30%", "Answer: Camel, Confidence: 30%", "Answer: Camel (30%)", "Answer: Camel - 30%",
    "Answer: Camel; 30%", "Answer: Camel\n30%", "Camel (30%)", "Camel - 30%", "Camel: 30%", "Camel\n30%",
    "Camel\nConfidence: 30%", "**Answer:** Camel\n**Confidence:** 30%", "Answer: **Camel**\n\nConfidence: **30%**",
    "Answer: <Camel>\nConfidence: <30>%", "Answer: Camel | Confidence: 30%",
    "Answer: Camel\nConfidence (30):", "Answer: Camel\n\nConfidence (30%):",
    "Answer: Camel\nConfidence (0-100): 30", "Camel, confidence: 30%",
    "Antwort: Camel\nKonfidenz: 30 %", "Réponse : Camel\nConfiance : 30 %", "答案：Camel\n置信度：30%",
    "Camel: Large herbivore; 30%", "Answer: Camel: Large herbivore; 30%", "Camel - Probability: 30%",
    "- Answer: Camel\n- Confidence: 30%", "Let me see. It is large.\nAnswer: Camel\nConfidence: 30%",
    "Answer: Goat\nConfidence: 90%\nNo.\nAnswer: Camel\nConfidence: 30%",
    "Final answer: Camel\nOverall confidence: 30%",
]  # fmt: skip


@pytest.mark.parametrize("text", CLAIMS)
def test_an_answer_and_its_confidence_are_told_apart(text: str) -> None:
    assert parse_claim(text) == ("Camel", 0.3)
    assert parse_claim(text.replace("\n", "\r\n")) == ("Camel", 0.3)


@pytest.mark.parametrize(
    "text",
    [
        "Answer: <the answer alone>\nConfidence: <0 to 100>%",
        "Answer: the answer alone\nConfidence: 80%",
        "It may be a camel.\nOr a goat.\nConfidence: 30%",
        "Answer: Camel\nConfidence: 30% or 40%",
        "30%",
        "The answer is: 30%",
        "Camel",
    ],
)
def test_a_claim_that_lacks_a_half_is_left(text: str) -> None:
    assert parse_claim(text) is None


LISTS = [
    "Camel: 60%\nGoat: 40%", "1. Camel: 60%\n2. Goat: 40%", "- **Camel** (60%)\n- **Goat** (40%)",
    "Camel - 60%\nGoat - 40%",
    "Camel: Large herbivore; 60%\nGoat: Small herbivore; 40%", "Camel: 60% - it is large\nGoat: 40% - it is small",
    "Camel (60%): large\nGoat (40%): small", "Camel: 0.6\nGoat: 0.4", "Camel: 60\nGoat: 40",
    "| Camel | 60% |\n| Goat | 40% |",
    "G1: Camel\nP1: 0.6\nG2: Goat\nP2: 0.4", "1. Camel\n   Probability: 60%\n2. Goat\n   Probability: 40%",
    "Camel: about 60%\nGoat: about 40%", "Camel: 60,0 %\nGoat: 40,0 %", "Camel: 55-65%\nGoat: 35-45%",
    "Camel：60％\nGoat：40％",
    '{"answers": [{"candidate": "Camel", "confidence": 60}, {"candidate": "Goat", "confidence": 40}]}',
    '[{"answer": "Camel", "probability": 0.6}, {"answer": "Goat", "probability": 0.4}]',
    '{"Camel": "60%", "Goat": "40%"}',
    "Here are my guesses:\n\nCamel: 60%\nGoat: 40%\n\nThe sum is 100%.", "Camel: 60%, Goat: 40%",
]  # fmt: skip


@pytest.mark.parametrize("text", LISTS)
def test_lists_of_candidates_are_read_however_they_are_laid_out(text: str) -> None:
    stated = dict(parse_distribution(text) or ())
    assert stated == {"Camel": pytest.approx(0.6), "Goat": pytest.approx(0.4)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("D: carbon, oxygen (60%)", "D: carbon, oxygen"),
        ("Option A: carbon (60%)", "Option A: carbon"),
        ("Star Wars: A New Hope: 60%", "Star Wars: A New Hope"),
    ],
)
def test_a_colon_within_a_name_is_kept_where_it_explains_nothing(text: str, name: str) -> None:
    assert parse_distribution(text) == ((name, 0.6),)


@pytest.mark.parametrize("text", ["42: 7\nyes: 3", "Camel: 60\nGoat: 60", "Answer: 42"])
def test_bare_numbers_that_make_no_whole_are_no_shares(text: str) -> None:
    assert parse_distribution(text) is None


@pytest.mark.parametrize(
    "piece", ["1", "%", "1%", "a: 1% ", "answer: ", "confidence: ", "- ", "about ", "(", "1/", "*_"]
)
def test_junk_of_any_length_is_looked_through_in_a_moment(piece: str) -> None:
    text, started = piece * 20_000, time.process_time()
    for read in (amount, parse_percentage, parse_confidence, parse_claim, parse_distribution):
        read(text)
        read("\n".join([piece * 40] * 500))
    assert time.process_time() - started < 3
