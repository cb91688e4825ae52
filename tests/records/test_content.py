"""What is content of a record: nothing of it is kept where none may be, and together the two parts are the whole."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.records.content import Keeping, joined, kept, parted
from calibrant.records.plain import record_from_dict, record_to_dict
from calibrant.types import (
    Action,
    Completion,
    Confidence,
    Decision,
    Message,
    Question,
    Reading,
    Record,
    Sampling,
    Step,
    Token,
    ToolCall,
    score,
)

WORD = "quagga"
"""Stands wherever a user or a model can put a text."""


def full(word: str = WORD) -> Record:
    call = ToolCall("call1", f"look_{word}", f'{{"of": "{word}"}}')
    return Record(
        id="r",
        time=1.0,
        question=Question(
            id="q",
            messages=(
                Message("system", f"Be {word}"), Message("user", f"{word}?"), Message("assistant", word, (call,)),
            ),
            task="zoo",
            references=(word,),
            metadata={"user": word, "context": [word]},
            settings=Sampling(max_tokens=5, stop=(word,), extra=json.dumps({"tools": [word]})),
        ),
        completion=Completion(
            text=f"The {word}.", model="m", tokens=(Token(word, -0.5, ((word, -0.5),)),), tool_calls=(call,), extra=word
        ),
        readings=(
            Reading(signal="a", score=score(0.5), detail={"said": word, "tokens": 3, "prompt": "12ab", "all": [word]}),
            Reading(signal="b", reason=f"Expected a number, the model said {word!r}."),
            Reading(signal="c", reason=f"Expected a number, the model said {repr(word + ' it ')[:8]}"),
            Reading(signal="d", reason=f"It said “{word}” and \"it's {word}\"; 3 of 4 failed."),
        ),
        confidence=Confidence(p=None, reason=f"The model said '{word}'."),
        steps=(Step(name="keep", model="m", outcome=f"kept: {word}", p=0.5, detail={"n": 2, "with": word}),),
        decision=Decision(action=Action.REVIEW, threshold=0.4, why=f"It's not known: the model said '{word}'."),
        error=f"The server answered 400: no {word} here",
    )  # fmt: skip


def test_nothing_that_anybody_said_is_kept() -> None:
    bare, content = parted(record_to_dict(full()))
    assert WORD not in json.dumps(bare)
    assert WORD in json.dumps(content)
    assert joined(bare, content) == json.loads(json.dumps(record_to_dict(full()), default=list))


def test_what_was_measured_is_kept() -> None:
    left = record_from_dict(parted(record_to_dict(full()))[0])
    assert [reading.score for reading in left.readings] == [0.5, None, None, None]
    assert left.readings[0].detail == {"tokens": 3, "prompt": "12ab"}
    assert left.readings[1].reason == "Expected a number, the model said …."
    assert left.readings[3].reason == "It said … and …; 3 of 4 failed."
    assert left.decision is not None and left.decision.why == "It's not known: the model said …."
    assert left.steps[0].detail == {"n": 2} and left.steps[0].p == 0.5
    assert left.error == "The server answered 400: …"
    assert left.question.settings == Sampling(max_tokens=5)
    assert (left.question.task, left.completion and left.completion.model) == ("zoo", "m")


@pytest.mark.parametrize("how", ["hashed", "left_out"])
def test_what_is_not_stored_is_not_in_the_record(how: Any) -> None:
    record = kept(full(), how)
    assert WORD not in repr(record) and record.content == how
    assert record_from_dict(json.loads(json.dumps(record_to_dict(record)))) == record
    assert kept(record, how) == record, "delivered again it is the same"


def test_a_hash_is_found_again_by_who_has_the_text() -> None:
    record = kept(full(), "hashed")
    wanted = "sha256:" + hashlib.sha256(b"The quagga.").hexdigest()
    assert record.completion is not None and record.completion.text == wanted
    assert record.question.text == "sha256:" + hashlib.sha256(b"quagga?").hexdigest()
    assert [message.role for message in record.question.messages] == ["system", "user", "assistant"]
    assert kept(full(), "stored") == full()


def test_a_member_that_nobody_thought_of_is_content() -> None:
    told = record_to_dict(full("x"))
    told["completion"]["reasoning"] = told["question"]["messages"][0]["parts"] = told["decision"]["note"] = (
        WORD
    )
    bare, content = parted(told)
    assert WORD not in json.dumps(bare) and json.dumps(content).count(WORD) == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), JSON), st.text(), st.text())
def test_both_parts_together_are_the_whole(detail: dict[str, Any], text: str, reason: str) -> None:
    record = replace(
        full(text or "x"),
        readings=(Reading(signal="s", score=score(0.5), detail=detail), Reading(signal="t", reason=reason)),
    )
    whole = json.loads(json.dumps(record_to_dict(record)))
    bare, content = parted(whole)
    assert joined(bare, content) == whole
    record_from_dict(bare)


@pytest.mark.parametrize("wrong", [{"content": "secret"}, {"keep_days": 0}, {"keep_days": float("nan")}])
def test_other_keepings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=re.escape(next(iter(wrong)))):
        Keeping(**wrong)
