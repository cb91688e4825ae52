"""What programs do with OpenAI's client, which most other clients are built on."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from .conftest import House
from .scripted import ERRORS, VECTOR, P

ASK: dict[str, Any] = {"model": "calibrant", "messages": [{"role": "user", "content": "2 + 2?"}]}
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


PACKED = base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()


def user(text: Any, **members: Any) -> Any:
    return [{"role": "user", "content": text, **members}]


@pytest.fixture(scope="module")
def client(house: House) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as made:
        yield made


def test_the_usual_loop_over_a_stream(client: openai.OpenAI) -> None:
    chunks = list(client.chat.completions.create(**ASK, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "The answer is 4."
    delta: Any = chunks[-1].choices[0].delta
    assert delta.confidence["p"] == pytest.approx(P, abs=1e-4)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_answered(client: openai.OpenAI, stream: bool) -> None:
    messages = user("What is the weather in Paris?", name="Ana")
    for turn in range(2):
        asked: Any = {"model": "calibrant", "messages": messages, "tools": [TOOL]}
        if stream:
            with client.chat.completions.stream(**asked) as events:
                message: Any = events.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(**asked).choices[0].message
        if turn == 0:
            (call,) = message.tool_calls
            assert json.loads(call.function.arguments) == {"city": "Paris"}
            result = {"role": "tool", "tool_call_id": call.id, "content": "sunny", "name": "weather"}
            messages = [*messages, message.model_dump(exclude_none=True), result]
    assert message.content == "The answer is 4."


def test_images_go_through(client: openai.OpenAI, house: House) -> None:
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    answer: Any = client.chat.completions.create(model="calibrant", messages=user(parts))
    assert answer.confidence["p"] == pytest.approx(P, abs=1e-4)
    assert house.upstream.bodies[-1]["messages"][0]["content"] == parts


def test_two_answers_have_a_confidence_each(client: openai.OpenAI) -> None:
    answer: Any = client.chat.completions.create(**ASK, n=2)
    ids = {choice.confidence["record_id"] for choice in answer.choices}
    assert len(ids) == len(answer.choices) == 2
    chunks: Any = list(client.chat.completions.create(**ASK, n=2, stream=True))
    told = [c for chunk in chunks for c in chunk.choices if (c.model_extra or {}).get("confidence")]
    assert sorted(choice.index for choice in told) == [0, 1]


class Place(BaseModel):
    city: str


def test_structured_answers_are_parsed(client: openai.OpenAI) -> None:
    answer: Any = client.chat.completions.parse(**ASK, response_format=Place)
    assert answer.choices[0].message.parsed == Place(city="Paris")
    assert answer.confidence["p"] is not None


def test_a_refusal_is_told_as_one(client: openai.OpenAI) -> None:
    answer: Any = client.chat.completions.create(model="calibrant", messages=user("refuse"))
    assert answer.choices[0].message.refusal == "I will not."
    assert answer.confidence["p"] is None


@pytest.mark.parametrize("stream", [False, True])
def test_a_held_answer_is_clearly_none(client: openai.OpenAI, stream: bool) -> None:
    asked: Any = {**ASK, "model": "calibrant/held", "stream": stream}
    answer: Any = client.chat.completions.create(**asked)
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        finish, told = chunks[-1].choices[0].finish_reason, chunks[-1].confidence
    else:
        text, finish = answer.choices[0].message.content, answer.choices[0].finish_reason
        told = answer.confidence
    assert "4" not in text
    assert (finish, told["action"]) == ("content_filter", "review")


def test_all_else_that_the_client_can_ask(client: openai.OpenAI) -> None:
    assert client.models.retrieve("calibrant").id == "calibrant"
    assert "calibrant" in [model.id for model in client.models.list()]
    answer: Any = client.completions.create(model="calibrant", prompt="2 + 2?")
    assert answer.choices[0].text == "The answer is 4."
    assert answer.confidence["p"] is not None


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_embeddings_are_those_of_the_server(client: openai.OpenAI, encoding: Any) -> None:
    told = client.embeddings.create(model="tiny", input=["Where?", "When?"], encoding_format=encoding)
    assert [one.index for one in told.data] == [0, 1]
    assert told.data[1].embedding == (list(VECTOR) if encoding == "float" else PACKED)


@pytest.mark.parametrize("said", ERRORS)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_those_of_the_server(house: House, said: str, stream: bool) -> None:
    """Straight at the server and through the gateway: the same class, code and field."""
    seen = []
    for url, key in ((house.upstream.url, "none"), (f"{house.url}/v1", house.key)):
        with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
            with pytest.raises(openai.APIStatusError) as raised:
                client.chat.completions.create(model="calibrant", messages=user(said), stream=stream)
            seen.append(raised.value)
    straight, through = seen
    assert type(through) is type(straight)
    if straight.status_code < 500:
        assert (through.status_code, through.param) == (straight.status_code, straight.param)
        assert straight.code is None or through.code == straight.code


def test_a_wrong_key_is_a_wrong_key(house: House) -> None:
    with (
        openai.OpenAI(base_url=f"{house.url}/v1", api_key="none") as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.chat.completions.create(**ASK)


@pytest.mark.parametrize(("said", "requests"), [("bad field", 1), ("too fast", 3), ("broken", 3)])
def test_what_is_final_is_asked_once_and_what_may_pass_again(house: House, said: str, requests: int) -> None:
    before = len(house.upstream.bodies)
    with (
        openai.OpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=2) as client,
        pytest.raises(openai.APIStatusError),
    ):
        client.chat.completions.create(model="calibrant", messages=user(said))
    assert len(house.upstream.bodies) - before == requests
