"""The older completions, and typed decisions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..upstream import Upstream, replying, streaming
from .test_chat import delta, message
from .test_gateway import Maker, gateway, upstream

__all__ = ["gateway", "upstream"]

PATH = "/v1/completions"
DECIDE = "/v1/decisions"


def test_a_prompt_is_asked_as_a_question_and_answered_with_its_confidence(
    gateway: Maker, upstream: Upstream
) -> None:
    made = gateway()
    answer = made.client.completions.create(model="tiny", prompt="2 + 2?", logprobs=1, max_tokens=9)
    choice = answer.choices[0]
    assert (choice.text, choice.finish_reason) == ("The answer is 4.", "stop")
    assert answer.confidence["p"] == pytest.approx(0.82, abs=0.01)  # type: ignore[attr-defined]
    assert choice.confidence == answer.confidence  # type: ignore[attr-defined]
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == ["The", " answer", " is 4."]
    assert choice.logprobs.text_offset == [0, 3, 10]
    assert choice.logprobs.top_logprobs == [{"The": -0.1}, {" answer": -0.2}, {" is 4.": -0.3}]
    assert upstream.bodies[-1]["messages"] == [{"role": "user", "content": "2 + 2?"}]
    assert upstream.bodies[-1]["max_tokens"] == 9
    assert made.client.completions.create(model="tiny", prompt=["2 + 2?"]).choices[0].logprobs is None


def test_a_stream_ends_with_the_confidence(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    chunks = list(made.client.completions.create(model="tiny", prompt="2 + 2?", stream=True, logprobs=0))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "The answer is 4."
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].choices[0].confidence["p"] == pytest.approx(0.82, abs=0.01)  # type: ignore[attr-defined]
    offsets = [chunk.choices[0].logprobs.text_offset for chunk in chunks[:-1] if chunk.choices[0].logprobs]
    assert offsets == [[0], [3], [10]]
    upstream.script = streaming(delta(refusal="No."), delta("stop"))
    said = made.client.completions.create(
        model="tiny", prompt="?", stream=True, stream_options={"include_usage": True}
    )
    *pieces, last = list(said)
    assert (pieces[0].choices[0].text, last.choices, last.usage is not None) == ("No.", [], True)


def test_what_a_completion_cannot_be_asked_for_is_said(gateway: Maker) -> None:
    made = gateway()
    for asked, param in (
        ({}, "prompt"), ({"prompt": ""}, "prompt"), ({"prompt": ["a", "b"]}, "prompt"), ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": "?", "echo": True}, "echo"), ({"prompt": "?", "suffix": "x"}, "suffix"),
        ({"prompt": "?", "best_of": 3}, "best_of"), ({"prompt": "?", "logprobs": 9}, "logprobs"),
        ({"prompt": "?", "logprobs": True}, "logprobs"), ({"prompt": "?", "messages": []}, "messages"),
    ):  # fmt: skip
        status, body, _ = made.post(PATH, {"model": "tiny", **asked})
        assert (status, body["error"]["param"]) == (400, param), asked
    assert (
        made.post(PATH, {"prompt": "?", "model": "tiny", "echo": False, "suffix": None, "best_of": 1})[0]
        == 200
    )


def test_a_decision_stands_beside_ours_and_the_servers_probability(
    gateway: Maker, upstream: Upstream
) -> None:
    made = gateway()
    upstream.script = replying(**message(content="Approve."), decision={"probability": 0.97})
    status, body, headers = made.post(
        DECIDE,
        {"model": "tiny", "input": "Pay 10?", "options": ["approve", "deny"], "metadata": {"task": "pay"}},
    )
    assert (status, body["decision"], body["vendor_confidence"]) == (200, "approve", 0.97)
    assert body["confidence"]["p"] is None, "there are no log-probabilities, and a claim is no evidence"
    assert (body["id"], body["confidence"]["task"]) == (f"dec_{headers['x-calibrant-record-id']}", "pay")
    asked = upstream.bodies[-1]["messages"][-1]["content"]
    assert asked == "Pay 10?\n\nReply with the right option alone: approve or deny."
    upstream.script = replying(**message(content='{"label": "deny", "confidence": 0.6}'))
    _, body, _ = made.post(DECIDE, {"model": "tiny", "input": "Pay?", "options": ["approve", "deny"]})
    assert (body["decision"], body["vendor_confidence"]) == ("deny", 0.6)
    upstream.script = replying(**message(content="Perhaps."))
    _, body, _ = made.post(DECIDE, {"model": "tiny", "input": "Pay?", "options": ["approve", "deny"]})
    assert (body["decision"], body["text"], body["vendor_confidence"]) == (None, "Perhaps.", None)


def test_a_decision_may_be_json_of_a_schema(gateway: Maker, upstream: Upstream) -> None:
    made, schema = gateway(), {"type": "object", "properties": {"amount": {"type": "number"}}}
    upstream.script = replying(**message(content='{"amount": 7}'))
    status, body, _ = made.post(
        DECIDE, {"model": "tiny", "messages": [{"role": "user", "content": "?"}], "schema": schema}
    )
    assert (status, body["decision"]) == (200, {"amount": 7})
    assert upstream.bodies[-1]["response_format"]["json_schema"]["schema"] == schema
    status, body, _ = made.post("/v1/feedback", {"record_id": body["id"], "correct": True})
    assert status in (200, 201), body


def test_a_decision_that_is_held_does_not_leave(gateway: Maker, upstream: Upstream) -> None:
    made = gateway(threshold=0.99, gate="hold")
    upstream.script = replying(**message(content="approve"), decision={"probability": 0.97})
    _, body, _ = made.post(DECIDE, {"model": "tiny", "input": "Pay?", "options": ["approve", "deny"]})
    assert (body["decision"], body["vendor_confidence"]) == (None, None)
    assert "approve" not in json.dumps(body)


def test_a_decision_that_cannot_be_asked_for_is_said(gateway: Maker) -> None:
    made = gateway()
    wanted: Any
    for wanted, param in (
        ({}, "options"), ({"options": ["a"]}, "options"), ({"options": "ab"}, "options"),
        ({"options": ["a", "A"]}, "options"), ({"options": ["a", 3]}, "options[1]"), ({"schema": []}, "schema"),
        ({"options": ["a", "b"], "schema": {}}, "options"), ({"options": ["a", "b"], "stream": True}, "stream"),
        ({"options": ["a", "b"], "messages": []}, "input"), ({"options": ["a", "b"], "input": 3}, "input"),
    ):  # fmt: skip
        status, body, _ = made.post(DECIDE, {"model": "tiny", "input": "?", **wanted})
        assert (status, body["error"]["param"]) == (400, param), wanted
