"""The gateway as a real server, before a real upstream, used by the official OpenAI client."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from calibrant.asking.assessing import Assessor
from calibrant.assembly.keys import Key, hash_of
from calibrant.assembly.sections import Server
from calibrant.errors import BadRequest, StoreError
from calibrant.formats.chat.requests import chat_request
from calibrant.gateway.admission import Admission
from calibrant.gateway.app import create_app
from calibrant.gateway.asking import asked_of
from calibrant.gateway.given import given, headers
from calibrant.gateway.wires import Begun
from calibrant.gateway.wires.chat import Chat
from calibrant.maps.calibration import CalibrationMap, Evidence, MapSet
from calibrant.maps.curves import Steps
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.pipeline import ABANDONED, Pipeline
from calibrant.releases.live import Live, LiveWay
from calibrant.routes.single import Single
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Action,
    Assignment,
    Completion,
    Confidence,
    Decision,
    Delta,
    Fingerprint,
    Message,
    Question,
    Reading,
    Record,
    Sampling,
    Step,
    ToolCall,
)

from ..serving import served
from ..upstream import Upstream

SERVE = """
import sys
from pathlib import Path
from calibrant.gateway.server import serve
serve(Path(sys.argv[1]))
"""
KEY = "a-key-of-some-length"
ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "2 + 2?"}]}


@dataclass(frozen=True)
class Above:
    """Answer above a threshold, else review; hand off without a number."""

    threshold: float

    def decide(self, confidence: Confidence) -> Decision:
        if confidence.p is None:
            return Decision(action=Action.HAND_OFF, threshold=None, why="There is no number.")
        action = Action.ANSWER if confidence.p >= self.threshold else Action.REVIEW
        return Decision(action=action, threshold=self.threshold, why=f"{confidence.p:.2f} is what it is.")


class Broken(SqlStore):
    """A store whose disk is full."""

    def add(self, facts: object) -> None:
        raise StoreError("The disk is full.")


def identity_map(**fingerprint: str) -> MapSet:
    """Calibrates each score to itself, give or take 0.1."""
    curve = Steps(score=(0.0, 1.0), p=(0.0, 1.0), low=(0.0, 0.9), high=(0.1, 1.0), linear=True)
    evidence = Evidence(rows=100, n_eff=100.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest="0")
    made = CalibrationMap(
        calibrator="steps", curve=curve, evidence=evidence, fingerprint=Fingerprint(**fingerprint)
    )
    return MapSet(by=(), groups=(((), made),))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    made = Upstream().start()
    yield made
    made.stop()


@dataclass
class Gateway:
    url: str
    path: str
    client: openai.OpenAI

    def records(self) -> list[Record]:
        store = SqlStore(self.path)
        ids = dict.fromkeys(row["record_id"] for row in store.rows())
        found = [store.record(id) for id in ids]
        store.close()
        return [record for record in found if record is not None]

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
        """A request as no well-behaved client makes it."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", "authorization": f"Bearer {KEY}"} | (headers or {})
        connection.request("POST", path, data, sent)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        kind = response.headers["content-type"]
        return response.status, json.loads(text) if kind == "application/json" else text, response.headers


Maker = Callable[..., Gateway]


@pytest.fixture
def gateway(upstream: Upstream, tmp_path: Path) -> Iterator[Maker]:
    """Makes gateways; they are stopped when the test ends."""
    with ExitStack() as stack:

        def make(
            *,
            threshold: float = 0.7,
            maps: MapSet | None = None,
            store: type[SqlStore] = SqlStore,
            timeout: float = 5.0,
            gate: str = "trail",
            kind: Callable[..., Any] = OpenAICompatible,
            keys: Sequence[Key] = (),
            **settings: Any,
        ) -> Gateway:
            model = kind(upstream.url, "tiny", "the-servers-own", timeout=timeout)
            path = str(tmp_path / "log.db")
            numbers = itertools.count(1)
            known = maps or identity_map(model="tiny", signal="mean_logprob")
            way = LiveWay(
                route=Single(model=model),
                assessor=Assessor(model=model, signals={"mean_logprob": MeanLogprob()}, maps=known),
                policy=Above(threshold),
                hold=gate == "hold",
            )
            pipeline = Pipeline(
                Live(default=way), store(path), {"model": model}, new_id=lambda: f"r{next(numbers)}"
            )
            whole = Key(name="server", hash=hash_of(KEY), roles=("client", "reviewer", "admin"))
            admission = Admission([whole, *keys], Server(**settings))
            url = stack.enter_context(served(create_app(pipeline, admission=admission)))
            client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
            stack.callback(client.close)
            return Gateway(url, path, client)

        upstream.bodies.clear()
        upstream.passed.clear()
        upstream.left.clear()
        upstream.script = None
        yield make


def extra(answer: Any) -> Any:
    return answer.model_extra["confidence"]


# ------------------------------------------------------------------ answers


def test_an_answer_carries_its_confidence_and_is_recorded(gateway: Maker) -> None:
    made = gateway()
    raw = made.client.chat.completions.with_raw_response.create(
        **ASK, metadata={"task": "sums", "domain": "school", "pupil": "7"}
    )
    answer = raw.parse()
    confidence = extra(answer)
    (record,) = made.records()
    assert answer.choices[0].message.content == "The answer is 4."
    assert answer.choices[0].logprobs is None, "we asked for them, the client did not"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 10
    assert answer.id == f"chatcmpl-{record.id}"
    assert confidence["p"] == pytest.approx(2.718281828**-0.2)
    assert confidence["low"] < confidence["p"] < confidence["high"]
    assert confidence["action"] == "answer"
    assert confidence["phrase"] == "likely right (about 80 %)"
    assert confidence["frequency"] == "About 8 in 10 answers like this were right."
    assert confidence["track_record"] is None, "these maps keep none"
    assert (confidence["task"], confidence["domain"]) == ("sums", "school")
    assert confidence["signal"] == "mean_logprob"
    assert confidence["signals"]["mean_logprob"]["score"] == pytest.approx(confidence["p"])
    assert confidence["record_id"] == record.id
    assert confidence["reason"] is None
    assert raw.headers["x-calibrant-record-id"] == record.id
    assert raw.headers["x-calibrant-action"] == "answer"
    assert raw.headers["x-calibrant-confidence"] == "0.8187"
    assert record.question.metadata == {"pupil": "7"}
    assert record.question.settings == Sampling(max_tokens=256, stop=())
    assert record.confidence is not None
    assert record.confidence.p == confidence["p"]
    assert record.policy == "Above(threshold=0.7)"


def test_the_configured_model_answers_to_a_name_that_every_client_knows(gateway: Maker) -> None:
    made = gateway()
    assert made.client.chat.completions.create(**{**ASK, "model": "calibrant"}).model == "tiny"


def test_without_a_map_there_is_a_reason_and_the_most_careful_action(gateway: Maker) -> None:
    raw = gateway(maps=identity_map(model="other")).client.chat.completions.with_raw_response.create(**ASK)
    confidence = extra(raw.parse())
    assert confidence["p"] is None
    assert "calibrant fit" in confidence["reason"]
    assert raw.headers["x-calibrant-action"] == confidence["action"] == "hand_off"
    assert "x-calibrant-confidence" not in raw.headers


@pytest.mark.parametrize("said", ["any domain", None])
def test_an_answer_says_that_its_map_stood_in(gateway: Maker, said: str | None) -> None:
    maps = identity_map()
    if said:
        maps = MapSet(by=("domain",), groups=(), fallbacks=(((), maps.groups[0][1]),))
    made = gateway(maps=maps)
    headers = {"x-calibrant-domain": "school"}
    confidence = extra(made.client.chat.completions.create(**ASK, extra_headers=headers))
    assert confidence["p"] is not None
    assert confidence["stand_in"] == said
    assert ("the one for any domain stood in" in confidence["why"]) == (said is not None)
    (kept,) = made.records()
    assert kept.confidence is not None
    assert kept.confidence.stand_in == said


def test_task_and_domain_can_come_in_headers(gateway: Maker) -> None:
    headers = {"x-calibrant-task": "sums", "x-calibrant-domain": "school"}
    confidence = extra(gateway().client.chat.completions.create(**ASK, extra_headers=headers))
    assert (confidence["task"], confidence["domain"]) == ("sums", "school")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_task_in_a_header_may_have_any_letters(gateway: Maker, encoding: str) -> None:
    made = gateway()
    headers = {
        "content-type": "application/json",
        "x-calibrant-task": "caf\u00e9".encode(encoding).decode("latin-1"),
    }
    status, body, _ = made.post("/v1/chat/completions", ASK, headers)
    assert (status, body["confidence"]["task"]) == (200, "caf\u00e9")


def test_the_model_is_asked_what_the_client_asked(gateway: Maker, upstream: Upstream) -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    further = {"tools": tools, "tool_choice": "auto", "response_format": {"type": "text"}, "user": "u"}
    gateway().client.chat.completions.create(
        **ASK,
        **further,
        seed=3,
        stop=["."],
        temperature=0.3,
        max_completion_tokens=9,  # type: ignore[arg-type]
    )
    (body,) = upstream.bodies
    assert {name: body[name] for name in further} == further
    assert (body["seed"], body["stop"], body["temperature"], body["max_completion_tokens"]) == (
        3,
        ["."],
        0.3,
        9,
    )
    assert body["logprobs"] is True
    assert body.get("max_tokens") is None, "a limit that the client did not set is not ours to set"
    assert "metadata" not in body


def test_log_probabilities_come_when_the_client_asks(gateway: Maker) -> None:
    client = gateway().client
    answer = client.chat.completions.create(**ASK, logprobs=True, top_logprobs=2)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert [token.token for token in logprobs.content] == ["The", " answer", " is 4."]
    assert logprobs.content[0].top_logprobs[1].token == "x"
    assert logprobs.content[0].bytes == list(b"The")
    streamed = client.chat.completions.create(**ASK, logprobs=True, stream=True)
    told = [chunk.choices[0].logprobs for chunk in streamed if chunk.choices and chunk.choices[0].logprobs]
    assert [token.token for part in told for token in part.content or ()] == ["The", " answer", " is 4."]


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls_are_passed_on(gateway: Maker, stream: bool) -> None:
    client = gateway().client
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c0", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c0", "content": "rain"},
        {"role": "user", "content": "tools"},
    ]  # fmt: skip
    answer = client.chat.completions.create(model="tiny", messages=messages, stream=stream)  # type: ignore[call-overload]
    if stream:
        choices = [chunk.choices[0] for chunk in answer if chunk.choices]
        call, more = [call for choice in choices for call in choice.delta.tool_calls or ()]
        assert (more.index, more.id, more.function.name) == (0, None, None)
        call.function.arguments += more.function.arguments
        finish_reason = choices[-1].finish_reason
    else:
        (call,) = answer.choices[0].message.tool_calls
        assert answer.choices[0].message.content is None
        finish_reason = answer.choices[0].finish_reason
    assert (call.id, call.function.name, call.function.arguments) == (
        "call_1",
        "weather",
        '{"city": "Paris"}',
    )
    assert finish_reason == "tool_calls"


# ------------------------------------------------------------------ streams


def test_a_stream_ends_with_its_confidence(gateway: Maker) -> None:
    made = gateway()
    options: Any = {"include_usage": True}
    raw = made.client.chat.completions.with_raw_response.create(**ASK, stream=True, stream_options=options)
    chunks = list(raw.parse())
    (record,) = made.records()
    *chunks, used = chunks
    assert [c.choices[0].delta.content for c in chunks] == ["", "The", " answer", " is 4.", None]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.id for chunk in chunks} == {f"chatcmpl-{record.id}"}
    assert used.choices == []
    assert used.usage is not None
    assert used.usage.total_tokens == 10
    last = chunks[-1]
    assert extra(last)["action"] == "answer"
    assert extra(last)["p"] == pytest.approx(2.718281828**-0.2)
    assert extra(last) == extra(last.choices[0]) == extra(last.choices[0].delta)
    assert raw.headers["x-calibrant-record-id"] == record.id
    text = made.post("/v1/chat/completions", ASK | {"stream": True})[1]
    assert text.endswith(b"data: [DONE]\n\n")
    assert b'"usage"' not in text, "not asked for"
    assert b'"choices":[]' not in text, "the usual loop looks into choices[0]"


def test_pieces_pass_through_as_they_come(gateway: Maker) -> None:
    stream = gateway().client.chat.completions.create(**ASK | {"messages": [user("slow")]}, stream=True)
    start = time.perf_counter()
    next(stream)
    assert next(stream).choices[0].delta.content == "The"
    assert time.perf_counter() - start < 5.0, "the whole takes 30 s"
    stream.close()


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize("stream", [False, True])
def test_a_held_answer_is_not_sent(gateway: Maker, stream: bool) -> None:
    made = gateway(gate="hold", threshold=0.9)
    raw = made.client.chat.completions.with_raw_response.create(**ASK, stream=stream, logprobs=True)
    if stream:
        chunks = list(raw.parse())
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        finish_reason, confidence = chunks[-1].choices[0].finish_reason, extra(chunks[-1])
        assert not any(chunk.choices[0].logprobs.content for chunk in chunks if chunk.choices[0].logprobs)
    else:
        answer = raw.parse()
        text, finish_reason = answer.choices[0].message.content, answer.choices[0].finish_reason
        confidence = extra(answer)
        assert answer.choices[0].logprobs.content == []
    assert text == "This answer is being held back until a person has looked at it."
    assert finish_reason == "content_filter"
    assert raw.headers["x-calibrant-action"] == confidence["action"] == "review"
    (record,) = made.records()
    assert confidence["record_id"] == record.id
    assert record.completion is not None
    assert record.completion.text == "The answer is 4.", "it is kept for the reviewer"


def test_a_reason_that_quotes_a_held_answer_is_held_too() -> None:
    said = "Expected a percentage, the model said 'It is the butler'."
    record = Record(
        id="r1",
        time=0.0,
        question=Question(id="q", messages=(Message("user", "Who was it?"),)),
        completion=Completion(
            text="It is the butler", model="m", tool_calls=(ToolCall("1", "tell", "butler"),)
        ),
        readings=(Reading(signal="verbalized", score=None, reason=said),),
        confidence=Confidence(p=None, reason=said),
        decision=Decision(action=Action.HAND_OFF, threshold=None, why=f"No number ({said})."),
        steps=(
            Step(
                name="look", model="m", outcome="butler; cook", detail={"second_answer": "butler", "p": 0.5}
            ),
        ),
    )
    wire, shut, open_ = Chat(), given(record, hold=True), given(record, hold=False)
    asked = wire.parse(ASK | {"logprobs": True}, {})
    events = wire.events(asked, Begun(record_id="r1", model="m", time=0.0))
    streamed = events.piece(Delta.of(shut.completion)) + events.end(shut, 0) + events.close([shut])
    for shown in (json.dumps(wire.reply(asked, [shut])), streamed.decode(), str(headers([record]))):
        assert "butler" not in shown
        assert "hand_off" in shown
    assert "butler" in json.dumps(wire.reply(asked, [open_]))


def test_a_gate_lets_a_sure_answer_through(gateway: Maker) -> None:
    chunks = list(gateway(gate="hold").client.chat.completions.create(**ASK, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "The answer is 4."
    assert extra(chunks[-1])["action"] == "answer"


def test_a_stream_cut_off_is_an_error_and_is_recorded(gateway: Maker) -> None:
    made = gateway()
    status, text, _ = made.post("/v1/chat/completions", ASK | {"messages": [user("cut")], "stream": True})
    assert status == 200
    assert b"The" in text
    assert b'"error"' in text
    assert b"[DONE]" not in text
    with pytest.raises(openai.APIError):
        list(made.client.chat.completions.create(**ASK | {"messages": [user("cut")]}, stream=True))
    for record in made.records():
        assert record.error
        assert record.completion is not None
        assert record.completion.text == "The"


def test_a_client_that_leaves_stops_the_model_and_is_recorded(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    stream = made.client.chat.completions.create(**ASK | {"messages": [user("slow")]}, stream=True)
    for _ in range(2):
        next(stream)
    stream.close()
    assert upstream.left.wait(5)
    (record,) = until(made.records)
    assert record.error == ABANDONED
    assert record.completion is not None
    assert record.completion.text == "The"


@pytest.mark.parametrize("gate", ["trail", "hold"])
def test_a_client_that_leaves_a_silent_stream_is_noticed(gateway: Maker, gate: str) -> None:
    made = gateway(gate=gate, timeout=30.0)
    connection = http.client.HTTPConnection(made.url.removeprefix("http://"))
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    asked = ASK | {"messages": [user("hang")], "stream": True}
    connection.request("POST", "/v1/chat/completions", json.dumps(asked), headers)
    time.sleep(0.2)
    connection.close()
    (record,) = until(made.records)
    assert (record.error, record.completion) == (ABANDONED, None)


def until(look: Callable[[], list[Record]]) -> list[Record]:
    """What is seen, as soon as there is anything to see."""
    for _ in range(250):
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("nothing within 5 s")


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("said", "status"), [("500", 502), ("429", 429), ("400", 400), ("hang", 504)])
def test_a_failing_model_is_an_error_never_an_empty_answer(
    gateway: Maker, said: str, status: int, stream: bool
) -> None:
    made = gateway(timeout=0.3 if said == "hang" else 20.0)  # a busy machine answers late too
    code, body, headers = made.post(
        "/v1/chat/completions", ASK | {"messages": [user(said)], "stream": stream}
    )
    assert code == status
    assert body["error"]["type"] == ("x" if said in ("400", "429", "500") else "upstream_error")
    (record,) = made.records()
    assert record.error
    assert (f"told to answer {said}" in body["error"]["message"]) == (said in ("400", "429"))
    assert headers["x-calibrant-record-id"] == record.id
    assert headers.get("x-should-retry") == ("false" if said == "400" else None)
    raised = {"400": openai.BadRequestError, "429": openai.RateLimitError}
    with pytest.raises(raised.get(said, openai.InternalServerError)):
        made.client.chat.completions.create(**ASK | {"messages": [user(said)]}, stream=stream)


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"n": 0}, 400, "n"),
        ({"n": 129}, 400, "n"),
        ({"messages": []}, 400, "messages"),
        ({"messages": "hi"}, 400, "messages"),
        ({"messages": [{"role": "user", "content": [7]}]}, 400, "messages[0].content"),
        ({"messages": [7]}, 400, "messages[0]"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": 1}]}]}, 400, "messages[0]"),
        ({"temperature": "hot"}, 400, "temperature"),
        ({"max_tokens": True}, 400, "max_tokens"),
        ({"top_logprobs": 21}, 400, "top_logprobs"),
        ({"stop": [1]}, 400, "stop"),
        ({"metadata": {"task": 1}}, 400, "metadata.task"),
        ({"metadata": {"task": "a\x00b"}}, 400, "metadata.task"),
        ({"model": "huge"}, 404, "model"),
    ],
)
def test_a_wrong_request_is_refused_in_openais_shape(
    gateway: Maker, change: Any, status: int, param: str
) -> None:
    made = gateway()
    code, body, _ = made.post("/v1/chat/completions", ASK | change)
    assert (code, body["error"]["param"]) == (status, param)
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["message"].endswith(".")
    assert made.records() == []


def test_bodies_that_are_no_json_object_are_refused(gateway: Maker) -> None:
    made = gateway(body_limit=1000)
    path = "/v1/chat/completions"
    assert made.post(path, b"{not json")[0] == 400
    assert made.post(path, b"[]")[0] == 400
    assert made.post(path, b'{"messages": "' + b"x" * 2000 + b'"}')[0] == 413
    assert made.post(path, ASK, {"content-type": "text/plain"})[0] == 415
    assert made.post("/other", ASK)[0] == 404
    status, _, headers = made.post("/v1/models", ASK)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("key", ["wrong", "", "ä"])
def test_the_key_is_needed_everywhere_but_for_health(gateway: Maker, key: str) -> None:
    made = gateway()
    shown = {"authorization": f"Bearer {key}".encode().decode("latin-1")}
    for path in ("/v1/chat/completions", "/v1/feedback", "/v1/absent"):
        status, body, _ = made.post(path, ASK, shown)
        assert (status, body["error"]["code"]) == (401, "invalid_api_key")
    stranger = made.client.with_options(api_key="wrong")
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()
    connection = http.client.HTTPConnection(made.url.removeprefix("http://"))
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize("stream", [False, True])
def test_no_answer_leaves_when_it_cannot_be_recorded(gateway: Maker, stream: bool) -> None:
    made = gateway(store=Broken, gate="hold")
    code, body, _ = made.post("/v1/chat/completions", ASK | {"stream": stream})
    assert (code, body["error"]["type"], body["error"]["code"]) == (503, "store_error", "store_error")
    assert "answer is" not in str(body)
    assert "disk" not in str(body), "what is wrong with the store is for the log"


def test_a_stream_that_cannot_be_recorded_ends_in_an_error(gateway: Maker) -> None:
    _, text, _ = gateway(store=Broken).post("/v1/chat/completions", ASK | {"stream": True})
    assert b'"store_error"' in text
    assert b"[DONE]" not in text


def test_a_client_that_leaves_while_asking_is_no_error_of_ours(
    gateway: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    made = gateway()
    with socket.create_connection(("127.0.0.1", int(made.url.rpartition(":")[2]))) as client:
        head = f"Host: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {KEY}\r\n"
        client.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{head}Content-Length: 99\r\n\r\n{{".encode())
        time.sleep(0.1)
    assert made.client.models.list().data
    assert "Traceback" not in caplog.text


def test_a_bug_is_a_500_with_the_record_id(gateway: Maker, caplog: pytest.LogCaptureFixture) -> None:
    class Buggy(SqlStore):
        def add(self, facts: object) -> None:
            raise ZeroDivisionError("a secret")

    code, body, headers = gateway(store=Buggy).post("/v1/chat/completions", ASK)
    assert (code, body["error"]["code"]) == (500, "internal_error")
    assert "secret" not in str(body)
    assert headers["x-calibrant-record-id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_models_are_listed(gateway: Maker) -> None:
    assert [model.id for model in gateway().client.models.list()] == ["tiny", "calibrant"]


# ------------------------------------------------------------------ feedback


def test_feedback_is_a_verdict_on_the_record(gateway: Maker) -> None:
    made = gateway()
    answer = made.client.chat.completions.create(**ASK)
    told = {"id": answer.id, "correct": False, "judge": "ana", "source": "reviewer"}
    code, body, _ = made.post("/v1/feedback", told | {"comment": "no", "idempotency_key": "k1"})
    assert (code, body["record_id"]) == (200, extra(answer)["record_id"])
    again = made.post("/v1/feedback", told | {"comment": "no", "idempotency_key": "k1"})
    assert again[:2] == (200, body)
    other = made.post("/v1/feedback", told | {"comment": "yes", "idempotency_key": "k1"})
    assert (other[0], other[1]["error"]["code"]) == (409, "different_content")
    store = SqlStore(made.path)
    (row,) = store.rows()
    assert store.counts()["verdicts"] == 1
    store.close()
    assert (row["correct"], row["weight"], row["judge"], row["source"]) == (0.0, None, "ana", "reviewer")


def test_feedback_counts_by_the_assignment_it_cites(gateway: Maker) -> None:
    made = gateway()
    record_id, other = (extra(made.client.chat.completions.create(**ASK))["record_id"] for _ in range(2))
    store = SqlStore(made.path)
    store.add([Assignment(id="a1", record_id=record_id, propensity=0.05, reason="audit", time=1.0)])
    told = {"record_id": record_id, "correct": True, "assignment": "a1"}
    code, body, _ = made.post("/v1/feedback", told)
    assert (code, body["propensity"], body["propensity_from"]) == (200, 0.05, "assignment")
    for wrong, status, name in (
        ({"propensity": 1.0}, 409, "wrong_assignment"),
        ({"record_id": other}, 409, "wrong_assignment"),
        ({"assignment": "a9"}, 404, "unknown_assignment"),
    ):
        code, body, _ = made.post("/v1/feedback", told | wrong)
        assert (code, body["error"]["code"]) == (status, name)
    weights = {row["record_id"]: (row["weight"], row["propensity_from"]) for row in store.rows()}
    assert weights == {record_id: (20.0, "assignment"), other: (None, None)}
    store.close()


def test_feedback_by_record_id_with_a_grade(gateway: Maker) -> None:
    made = gateway()
    record_id = extra(made.client.chat.completions.create(**ASK))["record_id"]
    code, body, _ = made.post("/v1/feedback", {"record_id": record_id, "grade": 0.25})
    assert (code, body["grade"], body["source"]) == (200, 0.25, "user")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"record_id": "absent", "correct": True}, 404),
        ({"correct": True}, 400),
        ({"record_id": "r1"}, 400),
        ({"record_id": "r1", "correct": True, "grade": 1}, 400),
        ({"record_id": "r1", "correct": "yes"}, 400),
        ({"record_id": "r1", "grade": 1.5}, 400),
        ({"record_id": "r1", "correct": True, "propensity": 0}, 400),
        ({"record_id": "r1", "correct": True, "propensity": 1.1}, 400),
        ({"record_id": "r1\x00", "correct": True}, 400),
        ({"record_id": "r1", "correct": True, "assignment": 7}, 400),
    ],
)
def test_feedback_that_makes_no_sense_is_refused(gateway: Maker, body: Any, status: int) -> None:
    made = gateway()
    made.client.chat.completions.create(**ASK)
    code, told, _ = made.post("/v1/feedback", body)
    assert code == status
    assert told["error"]["message"]


# ------------------------------------------------------------------ the process


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)


def test_an_answer_that_was_given_outlives_a_killed_gateway(upstream: Upstream, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "maps.json").write_text(identity_map(model="tiny").to_json())
    (tmp_path / "calibrant.toml").write_text(f"""
        [server]
        port = {port}
        [model]
        kind = "openai_compatible"
        url = "{upstream.url}"
        model = "tiny"
        [confidence]
        signals = ["mean_logprob"]
        maps = "maps.json"
    """)
    command = [sys.executable, "-W", "error", "-c", SERVE, str(tmp_path / "calibrant.toml")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(port, process)
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0) as client:
            confidence = extra(client.chat.completions.create(**ASK))
    finally:
        process.kill()
        _, errors = process.communicate(timeout=10)
    assert "Traceback" not in errors
    assert confidence["p"] == pytest.approx(2.718281828**-0.2)
    assert (confidence["action"], confidence["why"]) == (
        "disclaim",
        "The calibrated probability of being right, 0.82, is above 0.60: answer with a disclaimer. The map may "
        "not hold for this answer: it does not say how its answers were asked for.",
    )
    store = SqlStore(str(tmp_path / "calibrant.db"))
    assert store.record(confidence["record_id"]) is not None
    store.close()


def test_options_in_the_metadata_reach_the_signals_and_bad_ones_are_refused() -> None:
    body = {"messages": [{"role": "user", "content": "Is water wet?"}]}
    chat = chat_request(body | {"metadata": {"options": '["yes", "no"]', "ask": "mine", "kind": "choice"}})
    question, _ = asked_of(chat.ask, chat.metadata, {})
    assert question.metadata["options"] == ["yes", "no"]
    assert question.metadata["ask"] == "mine"
    assert question.settings == Sampling(max_tokens=256, stop=())
    for metadata in ({"options": "yes|no"}, {"kind": "odd"}, {"kind": "choice"}, {"aliases": "[1]"}):
        with pytest.raises(BadRequest):
            Chat().parse(body | {"metadata": metadata}, {})
