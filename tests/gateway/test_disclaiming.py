"""A disclaimer stands under answers for people, and in nothing that a program reads."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from calibrant.assembly.config import parse
from calibrant.gateway.app import create_app
from calibrant.gateway.disclaiming import SENTENCE, disclaimer, is_prose
from calibrant.models.scripted import Scripted
from calibrant.phrasing.phrases import Phrasebook
from calibrant.pipeline import Pipeline
from calibrant.releases.release import Release
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Action,
    Ask,
    Completion,
    Confidence,
    Decision,
    Message,
    Probability,
    Question,
    Record,
    Token,
    ToolCall,
)

from ..serving import served
from .test_promotion import release

SAID = Completion(text="It is 4.", model="m", tokens=(Token("It is", -0.1), Token(" 4.", -0.3)))
TURNS = [{"role": "user", "content": "2 + 2?"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "calibrant", "messages": TURNS},
    "/v1/responses": {"model": "calibrant", "input": "2 + 2?"},
    "/v1/messages": {"model": "calibrant", "messages": TURNS, "max_tokens": 50},
}

Maker = Callable[..., tuple[Callable[..., str], SqlStore, Scripted]]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Maker]:
    with ExitStack() as stack:

        def make(
            gate: str = "trail", disclaim: Any = "append"
        ) -> tuple[Callable[..., str], SqlStore, Scripted]:
            way = replace(release(0.7, 0.9, 0.7, gate).default, disclaim=disclaim)
            store, model = SqlStore(str(tmp_path / "log.db")), Scripted(lambda _: SAID, name="m")
            url = stack.enter_context(
                served(create_app(Pipeline(Release(default=way), store, {"model": model})))
            )

            def send(path: str, **more: Any) -> str:
                connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
                connection.request(
                    "POST", path, json.dumps(BODIES[path] | more), {"content-type": "application/json"}
                )
                response = connection.getresponse()
                text = response.read().decode()
                connection.close()
                assert response.status == 200, text
                return text

            return send, store, model

        yield make


def text_of(path: str, body: Any) -> str:
    if path == "/v1/chat/completions":
        return str(body["choices"][-1]["message"]["content"])
    if path == "/v1/responses":
        return str(body["output"][-1]["content"][0]["text"])
    return str(body["content"][-1]["text"])


def streamed(path: str, text: str) -> str:
    """The text that a client puts together of a stream's pieces."""
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    if path == "/v1/chat/completions":
        pieces = [c["delta"].get("content") or "" for e in events for c in e["choices"]]
        return "".join(pieces)
    if path == "/v1/responses":
        done = next(e["response"] for e in events if e["type"] == "response.completed")
        pieces = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
        assert "".join(pieces) == text_of(path, done)
        return "".join(pieces)
    return "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("gate", ["trail", "hold"])
def test_it_stands_under_the_answer_whole_and_streamed_in_every_format(
    gateway: Maker, path: str, gate: str
) -> None:
    send, store, _ = gateway(gate)
    whole = json.loads(send(path))
    assert (whole["confidence"]["action"], whole["confidence"]["held"]) == ("disclaim", False)
    wanted = f"It is 4.\n\n{whole['confidence']['said']}"
    assert wanted.endswith(SENTENCE)
    assert text_of(path, whole) == wanted
    assert streamed(path, send(path, stream=True)) == wanted
    kept = [entry.fact for entry in store.since() if isinstance(entry.fact, Record)]
    assert {one.completion and one.completion.text for one in kept} == {"It is 4."}


@pytest.mark.parametrize(
    "more",
    [
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
        {"stop": ["\n"]},
        {"logprobs": True},
        {"metadata": {"kind": "number"}},
        {"messages": [*TURNS, {"role": "assistant", "content": "It"}]},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_a_program_reads_is_left_as_it_is(gateway: Maker, more: Any, stream: bool) -> None:
    send, _, _ = gateway()
    path = "/v1/chat/completions"
    said = send(path, **more, stream=stream)
    assert (streamed(path, said) if stream else text_of(path, json.loads(said))) == "It is 4."


def test_by_default_the_text_is_the_models_own(gateway: Maker) -> None:
    send, _, _ = gateway(disclaim="none")
    for path in BODIES:
        assert text_of(path, json.loads(send(path))) == "It is 4."


def test_each_choice_has_its_own(gateway: Maker) -> None:
    send, _, _ = gateway()
    body = json.loads(send("/v1/chat/completions", n=2))
    assert [choice["message"]["content"].endswith(SENTENCE) for choice in body["choices"]] == [True, True]


def test_a_model_is_not_shown_the_sentence_when_it_comes_back(gateway: Maker) -> None:
    send, store, _ = gateway()
    path = "/v1/chat/completions"
    said = text_of(path, json.loads(send(path)))
    quoted = f"You wrote:\n\n{SENTENCE}"
    turns = [*TURNS, {"role": "assistant", "content": said}, {"role": "user", "content": quoted}]
    send(path, messages=turns)
    *_, last = (entry.fact for entry in store.since() if isinstance(entry.fact, Record))
    assert [one.content for one in last.question.messages] == ["2 + 2?", "It is 4.", quoted]


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("The capital of Peru is Lima.", True),
        ("First, take the bus.\nThen, walk to the left.\nYou are there.", True),
        ("Use this:\n```py\nx = 1\n```\nand run it.", True),
        ("[1] says that it is so, and [2] too.", True),
        ("Note: it rains.\nTake an umbrella with you.", True),
        ("```\nSELECT 1\n```", False),
        ("Here:\n```py\nx = 1", False),
        ('{"a": ', False),
        ("[1, 2]", False),
        ('"quoted text"', False),
        ("Lima", False),
        ("-3.5", False),
        ("<?xml version='1.0'?><a>b c</a>", False),
        ("SELECT name FROM people;", False),
        ("int main() {\n  return 0;\n}", False),
        ("name: Ann\nage: 7", False),
        ("- name: Ann\n- name: Bob", False),
        ("name,age\nAnn,7\nBob,8", False),
        ("", False),
    ],
)
def test_prose_is_told_from_data_and_code(text: str, prose: bool) -> None:
    assert is_prose(text) is prose


@pytest.mark.parametrize(
    "done",
    [
        replace(SAID, finish_reason="length"),
        replace(SAID, finish_reason="content_filter"),
        replace(SAID, refusal=True),
        replace(SAID, tool_calls=(ToolCall("1", "f", "{}"),)),
    ],
)
def test_what_is_no_whole_answer_has_none(done: Completion) -> None:
    asked = (Message("user", "2 + 2?"),)
    record = Record(
        id="r",
        time=0.0,
        question=Question(id="q", messages=asked),
        completion=SAID,
        confidence=Confidence(p=Probability(0.7)),
        decision=Decision(action=Action.DISCLAIM, threshold=0.6, why=""),
    )
    assert disclaimer(record, Ask(messages=asked), Phrasebook()).endswith(SENTENCE)
    assert disclaimer(replace(record, completion=done), Ask(messages=asked), Phrasebook()) == ""
    sure = Decision(action=Action.ANSWER, threshold=0.6, why="")
    assert disclaimer(replace(record, decision=sure), Ask(messages=asked), Phrasebook()) == ""


def test_a_task_may_have_it_and_a_release_tells_only_where_it_is_stated() -> None:
    model = {"kind": "scripted", "script": {}, "name": "m"}
    plain = parse({"model": model}, {}).release
    told = parse(
        {"model": model, "stream": {"disclaim": "none"}, "task": {"law": {"disclaim": "append"}}}, {}
    )
    assert (told.release.default.disclaim, told.release.way("law").disclaim) == ("none", "append")
    assert told.release.default.to_dict() == plain.default.to_dict()
    assert Release.from_json(told.release.to_json()) == told.release
