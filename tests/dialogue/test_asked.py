"""How an answer was asked for, written down, and what a map makes of another way of asking."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from calibrant.dialogue.asked import asked_with, ended_with
from calibrant.types import Ask, Completion, Message, Token, Usage
from calibrant.types.asked import cautions, merged, parts_of, refusals

USER = Message("user", "2 + 2?")
PLAIN = Ask(messages=(USER,))


def told(*before: Message, **settings: object) -> dict[str, str]:
    """The parts of an Ask of the question after these turns."""
    extra = {n: settings.pop(n) for n in list(settings) if n not in Ask.__slots__}
    ask = replace(PLAIN, messages=(*before, USER), extra=json.dumps(extra) if extra else None)
    return parts_of(asked_with(replace(ask, **settings)))  # type: ignore[arg-type]


def system(text: str, role: str = "system") -> str:
    return told(Message(role, text))["system"]


@pytest.mark.parametrize(
    "one, other",
    [
        ("Today is 2026-01-05.", "Today is 2026-11-29."),
        ("Today is Monday, 5 January 2026.", "Today is Friday, 20 March 2027."),
        ("It is January 5th, 2026, 9:05 am.", "It is March 20, 2027, 11:45 pm."),
        ("Now: 2026-01-05T09:05:00Z", "Now: 2026-11-29 18:30:01+02:00"),
        ("Date: 05.01.2026", "Date: 29/11/26"),
        ("Session 123e4567-e89b-12d3-a456-426614174000", "Session 00000000-aaaa-bbbb-cccc-0123456789ab"),
        ("Be  brief.\n", "Be brief."),
    ],
)
def test_a_system_prompt_with_another_date_or_id_is_the_same(one: str, other: str) -> None:
    assert system(one) == system(other) != "none"


@pytest.mark.parametrize(
    "one, other",
    [
        ("Be brief.", "Be wordy."),
        ("Answer in 3 words.", "Answer in 50 words."),
        ("Be brief.", "be brief."),
        ("You may march on.", "You may walk on."),
        ("Pick 1 of 2.", "Pick 2 of 2."),
    ],
)
def test_another_system_prompt_is_another(one: str, other: str) -> None:
    assert system(one) != system(other)


def test_each_part_follows_its_own_fields() -> None:
    base = told()
    assert base["system"] == base["turns"] == base["form"] == base["sampling"] == "none"

    def changed(*before: Message, **settings: object) -> list[str]:
        return [name for name, value in told(*before, **settings).items() if value != base[name]]

    assert changed(Message("developer", "Be brief.")) == ["system"]
    assert changed(Message("user", "1 + 1?"), Message("assistant", "2")) == ["turns"]
    assert (
        changed(tools=[{"type": "function"}]) == changed(response_format={"type": "json_object"}) == ["form"]
    )
    assert changed(temperature=None) == changed(temperature=0.7) == ["temperature"]
    assert changed(stop=("\n",)) == changed(top_p=0.5) == changed(reasoning_effort="low") == ["sampling"]
    assert changed(max_tokens=8) == changed(max_tokens=None) == ["max_tokens"]
    assert told(max_tokens=None, max_completion_tokens=8)["max_tokens"] == "8"
    assert changed(seed=7) == changed(user="anna") == changed(logprobs=True) == []
    assert changed(tools=[], response_format={"type": "text"}) == []


def test_the_end_of_an_answer_is_told_coarsely() -> None:
    asked = asked_with(replace(PLAIN, max_tokens=20))

    def end(**known: object) -> dict[str, str]:
        return parts_of(ended_with(asked, Completion(text="4", model="m", **known)))  # type: ignore[arg-type]

    assert end(usage=Usage(9, 5))["tokens"] == "8" and end(usage=Usage(9, 18))["tokens"] == "20"
    assert end(tokens=(Token("4", -0.1),))["tokens"] == "1"
    assert "tokens" not in end() and end(finish_reason="length")["cut_at"] == "20"
    assert ended_with(None, Completion(text="4", model="m")) is None


def test_rows_of_several_ways_bind_a_map_to_all_of_them() -> None:
    few = merged([asked_with(replace(PLAIN, max_tokens=n)) for n in (8, 16)])
    assert parts_of(few)["max_tokens"] == "16|8"
    many = merged([asked_with(replace(PLAIN, max_tokens=n)) for n in range(1, 10)])
    assert parts_of(many)["max_tokens"] == "several"
    assert merged([many, few]) == many  # of maps of groups
    assert merged([]) is merged([None]) is merged([few, None]) is merged(["What is 2 + 2?"]) is None


def asks(*before: Message, cut: bool = False, tokens: int = 4, **settings: object) -> str:
    ask = replace(PLAIN, messages=(*before, USER), **settings)  # type: ignore[arg-type]
    end = Completion(text="4", model="m", finish_reason="length" if cut else "stop", usage=Usage(9, tokens))
    return str(ended_with(asked_with(ask), end))


BRIEF, WORDY = Message("system", "Be brief."), Message("system", "Be wordy.")
SHOWN = (Message("user", "1 + 1?"), Message("assistant", "2"))


@pytest.mark.parametrize(
    "fitted, asked, refused, cautioned",
    [
        (asks(), asks(), None, None),
        (asks(), asks(BRIEF), "with a system prompt, its answers without", "with a system prompt"),
        (asks(BRIEF), asks(), "without a system prompt, its answers with", "without a system prompt"),
        (asks(BRIEF), asks(WORDY), "another system prompt", "another system prompt"),
        (asks(*SHOWN), asks(), "without earlier turns", "without earlier turns"),
        (asks(), asks(*SHOWN), None, "with earlier turns, its answers without"),  # a conversation goes on
        (asks(), asks(temperature=None), None, "the temperature was the server's own, that of its answers 0"),
        (asks(), asks(stop=("\n",)), None, "settings of sampling"),
        (asks(max_tokens=64), asks(max_tokens=500), None, None),  # it ended by itself
        (asks(max_tokens=64), asks(max_tokens=3), None, None),
        (asks(max_tokens=64), asks(max_tokens=500, tokens=100), None, "up to 128 tokens, and its answers end at 64"),
        (asks(max_tokens=64), asks(max_tokens=3, cut=True), "limit of 3 tokens, that of its answers was 64", "cut off"),
        (asks(max_tokens=64), asks(max_tokens=None, cut=True), "the server's own limit", "cut off"),
        (asks(max_tokens=64), asks(max_tokens=64, cut=True), None, "cut off at its limit of 64 tokens"),
        (None, asks(), None, "does not say how its answers were asked for"),
        (None, asks(max_tokens=3, cut=True), None, "cut off at its limit of 3 tokens"),
        (asks(BRIEF), None, None, None),
        (asks(BRIEF), "a column of somebody else's", None, None),
    ],
)  # fmt: skip
def test_what_a_map_makes_of_another_way_of_asking(
    fitted: str | None, asked: str | None, refused: str | None, cautioned: str | None
) -> None:
    bound = merged([fitted]) if fitted else None
    off, said = refusals(bound, asked), cautions(bound, asked)
    assert (refused in "; ".join(off)) if refused else off == []
    assert (cautioned in "; ".join(said)) if cautioned else said == []


def test_a_map_of_several_system_prompts_refuses_no_other() -> None:
    two = merged([asks(BRIEF), asks(WORDY)])
    new = asks(Message("system", "Be kind."))
    assert refusals(two, asks(BRIEF)) == cautions(two, asks(WORDY)) == []
    assert refusals(two, new) == [] and cautions(two, new) == ["asked with another system prompt"]
    many = merged([asks(Message("system", f"You help {name}.")) for name in "abcdefghi"])
    assert refusals(many, new) == cautions(many, new) == []
