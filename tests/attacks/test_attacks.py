"""Attacks: what each may touch, and what it leaves alone."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from calibrant.dialogue.rewording import alternatives, changeable, swapped
from calibrant.dialogue.untrusted import with_context, without_context
from calibrant.plugins import find, names
from calibrant.types import Message, Question

SEARCHING = ("trigger_search", "word_search")
ATTACKS = [name for name in names("attacks") if name not in SEARCHING]
FULL = Question(
    id="q1",
    messages=(
        Message("system", "Be brief."),
        Message("user", "What is 17 + 4?"),
        Message("assistant", "21"),
        Message("user", "What is the capital of France in 1950?\nA) Paris\nB) Lyon"),
    ),
    references=("Paris",),
    metadata={"context": "France is a country of 68 million.", "options": ["Paris", "Lyon"], "decoy": "Lyon"},
)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_seeded_traceable_and_leaves_the_right_answer_alone(name: str) -> None:
    attack = find("attacks", name)()
    base = with_context(FULL, FULL.metadata["context"])
    hit = attack(base, random.Random(3))
    assert hit == attack(base, random.Random(3))
    assert hit.messages != base.messages
    assert (hit.references, hit.task, hit.domain) == (base.references, base.task, base.domain)
    assert hit.metadata["options"] == ["Paris", "Lyon"]
    for kept in ("1950", "A) Paris\nB) Lyon", "68 million"):
        assert kept in hit.text
    assert base.messages[1:3] == hit.messages[1:3]
    assert attack.direction in ("inflate", "deflate", "either")
    assert attack.target in ("question", "context", "earlier turn", "system prompt")


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_works_only_where_it_says(name: str) -> None:
    attack = find("attacks", name)()
    base = with_context(FULL, FULL.metadata["context"])
    hit = attack(base, random.Random(3))
    assert (hit.messages[0] != base.messages[0]) == (attack.target == "system prompt")
    assert (len(hit.messages) > len(base.messages)) == (attack.target == "earlier turn")
    assert (hit.metadata["context"] != base.metadata["context"]) == (attack.target == "context")
    own = without_context(hit).text != without_context(base).text
    assert own == (attack.target == "question")


def test_an_attack_that_finds_nothing_gives_the_question_back() -> None:
    bare = Question(id="q", messages=(Message("user", "2 + 2 = ?"),), references=("4",))
    for name in ("typos", "synonyms", "inflate_context", "deflate_context", "authority_hint"):
        assert find("attacks", name)()(bare, random.Random(0)) == bare


def test_typos_change_one_word_at_least_and_about_the_stated_share() -> None:
    words = " ".join(["wonderful"] * 400)
    asked = Question(id="q", messages=(Message("user", words),))
    typed = find("attacks", "typos")()(asked, random.Random(0)).text.split(" ")
    assert len(typed) == 400
    assert 20 <= sum(word != "wonderful" for word in typed) <= 64  # 40, four standard deviations either way
    short = Question(id="q", messages=(Message("user", "Who wrote it?"),))
    for seed in range(20):
        assert find("attacks", "typos")()(short, random.Random(seed)).text != "Who wrote it?"


Score = Callable[[Question], float | None]


def _searched(
    attack: Any, questions: list[Question], score: Score, budget: int, seed: int = 0
) -> tuple[tuple[str, ...], list[Question]]:
    """What a search finds against a confidence, and all that it tried."""
    steps, tried = attack.search(questions, random.Random(seed), budget), list[Question]()
    try:
        wanted = next(steps)
        while True:
            tried += wanted
            wanted = steps.send(tuple(score(one) for one in wanted))
    except StopIteration as done:
        return done.value, tried


def _asked(text: str, number: int = 0) -> Question:
    return Question(id=f"q{number}", messages=(Message("user", text),), references=("yes",))


def _any(question: Question) -> float:
    """A confidence for each question that means nothing."""
    return zlib.crc32(" ".join(turn.content for turn in question.messages).encode()) / 2**32


FILM = _asked("Which famous film was often on show in Rome in 1950, and not in Paris?")


def _weak_spot(question: Question) -> float:
    """A model that is surer of motion pictures, and less sure where it is often usual; nothing else moves it."""
    return 0.5 + 0.3 * ("motion picture" in question.text) + 0.1 * ("well-known" in question.text)


@pytest.mark.parametrize("name", SEARCHING)
def test_a_search_is_seeded_and_works_only_where_it_says(name: str) -> None:
    base = with_context(FULL, FULL.metadata["context"])
    longer = replace(base.messages[-1], content=f"{base.text}\nAnswer quickly, with the usual name.")
    base = replace(base, messages=(*base.messages[:-1], longer))
    for direction in ("inflate", "deflate"):
        attack = find("attacks", name)(direction=direction)
        found, tried = _searched(attack, [base], _any, 30, seed=3)
        assert found, direction
        assert (found, tried) == _searched(attack, [base], _any, 30, seed=3)
        hit = attack.applied(base, found)
        assert (hit.messages[0] != base.messages[0]) == (attack.target == "system prompt")
        assert attack.applied(base, ()) == base
        for one in (hit, *tried):
            assert one.references == base.references
            for kept in ("1950", "A) Paris\nB) Lyon", "68 million", "France"):
                assert kept in one.text


def test_what_hangs_on_a_word_is_left_alone() -> None:
    words = changeable(FILM)
    assert words == [
        "Which",
        "famous",
        "film",
        "often",
        "show",
    ]  # no names, numbers, denials, words of three letters
    assert all(word.lower() not in ("not", "never") for word in words)
    assert "movie" in alternatives("film")
    assert changeable(_asked("Did Jesse W. Moore sing? Was Ada there?")) == [
        "sing",
        "there",
    ]  # no initial ends a sentence
    assert swapped(FILM, {"film": "movie", "famous": "well-known"}).text == (
        "Which well-known movie was often on show in Rome in 1950, and not in Paris?"
    )


@pytest.mark.parametrize("direction", ["inflate", "deflate"])
def test_words_are_searched_for_where_the_confidence_follows(direction: str) -> None:
    movie = _asked("Which famous movie was often on show in Rome?")
    sign = 1 if direction == "inflate" else -1
    attack = find("attacks", "word_search")(direction=direction)
    found, tried = _searched(attack, [movie], lambda one: 0.5 + sign * (_weak_spot(one) - 0.5), 40)
    assert set(found) == {"movie -> motion picture", "famous -> well-known"}
    assert len(tried) <= 40


def test_a_change_that_leaves_no_confidence_to_read_is_no_success() -> None:
    attack = find("attacks", "word_search")()
    found, _ = _searched(attack, [FILM], lambda one: None if one.text != FILM.text else 0.5, 40)
    assert found == ()
    assert _searched(attack, [_asked("Why?")], lambda _: 0.5, 40) == (
        (),
        [],
    )  # nothing to change, nothing asked


def test_a_trigger_is_bred_from_words_that_move_every_question() -> None:
    """Each of five words adds to the confidence: breeding finds more of them than drawing with the same budget."""
    strong = {"proven", "sure", "exact", "truth", "solid", "expert", "right", "valid", "clear", "known"}

    def score(question: Question) -> float:
        return 0.1 + 0.15 * len(strong & set(question.messages[0].content.split()))

    questions = [_asked("Is it so?", n) for n in range(3)]
    rises = []
    for strategy in ("search", "chance"):
        attack = find("attacks", "trigger_search")(strategy=strategy)
        own = [
            score(attack.applied(questions[0], _searched(attack, questions, score, 180, seed)[0]))
            for seed in range(8)
        ]
        rises.append(sum(own) / len(own))
        _, tried = _searched(attack, questions, score, 180)
        assert len(tried) == 180
    assert rises[0] > rises[1] + 0.05
    down = find("attacks", "trigger_search")(direction="deflate")
    found, _ = _searched(down, questions, score, 90)
    assert not strong & set(found)
