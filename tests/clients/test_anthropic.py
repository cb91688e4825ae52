"""What programs do with Anthropic's client: tools, structured answers, and what it puts together of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from .conftest import House
from .scripted import P

TOOL: Any = {
    "name": "weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Place(BaseModel):
    city: str


@pytest.fixture(scope="module")
def client(house: House) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=house.url, api_key=house.key, max_retries=0) as made:
        yield made


def asked(text: str, **members: Any) -> Any:
    return {
        "model": "calibrant",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": text}],
        **members,
    }


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_answered(client: anthropic.Anthropic, stream: bool) -> None:
    request = asked("What is the weather in Paris?", tools=[TOOL])
    for turn in range(2):
        sure: list[Any] = []
        if stream:
            with client.messages.stream(**request) as events:
                sure += [event.confidence for event in events if event.type == "message_delta"]
                message: Any = events.get_final_message()
        else:
            message = client.messages.create(**request)
            sure.append(message.confidence)
        if turn == 0:
            (call,) = message.content
            assert (call.type, call.input, message.stop_reason) == ("tool_use", {"city": "Paris"}, "tool_use")
            result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
            request["messages"] += [
                {"role": "assistant", "content": message.model_dump()["content"]},
                {"role": "user", "content": [result]},
            ]
    assert message.content[0].text == "The answer is 4."
    assert sure[0]["p"] == pytest.approx(P, abs=1e-4)


def test_structured_answers_are_parsed(client: anthropic.Anthropic) -> None:
    answer: Any = client.messages.parse(**asked("Where?"), output_format=Place)
    assert answer.parsed_output == Place(city="Paris")
    assert answer.confidence["p"] == pytest.approx(P, abs=1e-4)
    with client.messages.stream(**asked("Where?"), output_format=Place) as events:
        assert events.get_final_message().parsed_output == Place(city="Paris")


def test_a_held_answer_is_clearly_none(client: anthropic.Anthropic) -> None:
    for answer in (
        client.messages.create(**asked("2 + 2?") | {"model": "calibrant/held"}),
        client.messages.stream(**asked("2 + 2?") | {"model": "calibrant/held"})
        .__enter__()
        .get_final_message(),
    ):
        said: Any = answer
        assert said.stop_reason == "refusal" and "4" not in said.content[0].text


@pytest.mark.parametrize(
    ("said", "raised"),
    [
        ("bad field", anthropic.BadRequestError),
        ("too long", anthropic.BadRequestError),
        ("too fast", anthropic.RateLimitError),
        ("broken", anthropic.InternalServerError),
    ],
)
def test_errors_are_those_that_the_client_knows(client: anthropic.Anthropic, said: str, raised: Any) -> None:
    with pytest.raises(raised):
        client.messages.create(**asked(said))
    with pytest.raises(raised), client.messages.stream(**asked(said)) as events:
        events.until_done()
