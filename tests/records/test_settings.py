"""Records as plain JSON: what earlier versions wrote is read."""

import json
from typing import Any

import pytest

from calibrant.records.plain import question_from_dict, question_to_dict
from calibrant.types import Message, Question, Sampling

ASKED = Question(id="q1", messages=(Message("user", "2 + 2?"),), metadata={"pupil": "7"})


@pytest.mark.parametrize(
    ("ask", "settings"),
    [
        ({"max_tokens": 256, "stop": []}, Sampling(max_tokens=256, stop=())),
        ({"stop": ["\n"], "temperature": 0.5, "seed": 7}, Sampling(stop=("\n",), temperature=0.5, seed=7)),
        ({"extra": '{"top_k":3}', "a_field_of_a_later_version": 1}, Sampling(extra='{"top_k":3}')),
    ],
)
def test_settings_that_stood_in_the_metadata_are_read(ask: dict[str, Any], settings: Sampling) -> None:
    before = question_to_dict(ASKED) | {"metadata": {"pupil": "7", "ask": ask}}
    del before["settings"]
    found = question_from_dict(before)
    assert (dict(found.metadata), found.settings) == ({"pupil": "7"}, settings)
    assert question_from_dict(json.loads(json.dumps(question_to_dict(found)))) == found


def test_what_a_client_calls_ask_stays_in_the_metadata() -> None:
    asked = Question(id="q1", messages=(), metadata={"ask": "mine"})
    assert question_from_dict(json.loads(json.dumps(question_to_dict(asked)))) == asked
