"""Attacks: what each may touch, and what it leaves alone."""

from __future__ import annotations

import random

import pytest

from calibrant.dialogue.untrusted import with_context, without_context
from calibrant.plugins import find, names
from calibrant.types import Message, Question

ATTACKS = names("attacks")
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
