"""Which column plays which part, by who says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.roles import roles_of
from calibrant.logs.sources import Source, rows_source


def source_of(*columns: str) -> Source:
    return rows_source("a log", list(columns), lambda: [dict.fromkeys(columns, 1.0)])


def test_what_a_format_knows_goes_before_usual_names_and_a_named_column_before_both() -> None:
    known = replace(
        source_of("confidence", "sure", "correct", "acc"), roles={"correct": "acc", "item": "sure"}
    )
    assert roles_of(known, (), {})[0].correct == "acc"
    assert roles_of(known, (), {"correct": None})[0].correct == "acc"
    assert roles_of(known, (), {"correct": "correct"})[0].correct == "correct"


def test_where_a_person_must_choose_the_refusal_shows_the_options() -> None:
    torn = replace(source_of("confidence", "acc", "acc norm"), choices={"correct": ("acc", "acc norm")})
    with pytest.raises(
        UnusableInput, match=r"several columns for correct: .* --correct acc or --correct 'acc norm'"
    ):
        roles_of(torn, (), {})
    assert roles_of(torn, (), {"correct": "acc norm"})[0].correct == "acc norm"
    assert roles_of(torn, (), {}, needed=("confidence",))[0].confidence == "confidence"


def test_what_a_format_says_of_the_reading_comes_first() -> None:
    told = replace(
        source_of("confidence", "correct", "weight"), notes=("confidence is the chosen option's share.",)
    )
    notes = roles_of(told, (), {})[1]
    assert notes[0] == "confidence is the chosen option's share."
    assert len(notes) == 2
