"""What frameworks make of errors, refusals and tools.

`frameworks.py NAME URL KEY [URL KEY]` prints it for each URL, as JSON. It runs as a process of its own, since
frameworks leave connections and settings behind.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

SAID = ("bad field", "too long", "filtered", "too fast", "refuse")


def langchain_openai(url: str, key: str) -> dict[str, str]:
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    def model(responses: bool) -> Any:
        made: Any = ChatOpenAI
        return made(base_url=url, api_key=key, model="tiny", max_retries=0, use_responses_api=responses)

    def agent(responses: bool) -> str:
        bound = model(responses).bind_tools([weather])
        turns: list[Any] = [HumanMessage("What is the weather in Paris?", name="Ana")]
        called = bound.invoke(turns)
        called.name = "forecaster"  # as agents name themselves
        (call,) = called.tool_calls
        result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"], name="weather")
        return str(bound.invoke([*turns, called, result]).text)

    seen = classes(lambda said: model(False).invoke(said).additional_kwargs.get("refusal"))
    return seen | {"agent": agent(False), "agent, responses": attempt(lambda: agent(True))}


def pydantic_ai(url: str, key: str) -> dict[str, str]:
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    def agent(kind: Any) -> Any:
        return Agent(kind("tiny", provider=OpenAIProvider(base_url=url, api_key=key)), retries=0)

    def with_tool(kind: Any) -> str:
        made, asked = agent(kind), list[str]()

        @made.tool_plain
        def weather(city: str) -> str:
            """The weather of a city."""
            asked.append(city)
            return "sunny"

        return f"{made.run_sync('What is the weather in Paris?').output} {asked}"

    seen = classes(lambda said: agent(OpenAIChatModel).run_sync(said).output)
    told = attempt(lambda: with_tool(OpenAIResponsesModel))
    return seen | {"agent": with_tool(OpenAIChatModel), "agent, responses": told}


def litellm(url: str, key: str) -> dict[str, str]:
    import litellm

    litellm.suppress_debug_info = True

    def ask(said: str) -> Any:
        messages = [{"role": "user", "content": said}]
        told = litellm.completion("openai/tiny", messages=messages, api_base=url, api_key=key, max_retries=0)
        return told.choices[0].message.refusal

    return classes(ask)


def classes(ask: Callable[[str], Any]) -> dict[str, str]:
    return {said: attempt(lambda said=said: ask(said)) for said in SAID}  # type: ignore[misc]


def attempt(ask: Callable[[], Any]) -> str:
    """What came, or the class of the error."""
    try:
        return str(ask())
    except Exception as error:  # noqa: BLE001 - whatever class it is
        return type(error).__name__


if __name__ == "__main__":
    name, *places = sys.argv[1:]
    print(json.dumps([globals()[name](*place) for place in zip(places[::2], places[1::2], strict=True)]))
