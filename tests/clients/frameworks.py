"""What frameworks make of errors, refusals, tools, structured answers and embeddings.

`frameworks.py NAME URL KEY [URL KEY]` prints it for each URL, as JSON. It runs as a process of its own, since
frameworks leave connections and settings behind. What begins with "p" is the confidence that the framework kept, and
"id" that of the answer; neither is there without a gateway.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

SAID = ("bad field", "too long", "filtered", "too fast", "refuse")
QUESTION = "What is the weather in Paris?"


class Place(BaseModel):
    """A place."""

    city: str


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def langchain_openai(url: str, key: str) -> dict[str, str]:
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

    told = tool(weather)

    def model(responses: bool) -> Any:
        made: Any = ChatOpenAI
        return made(base_url=url, api_key=key, model="tiny", max_retries=0, use_responses_api=responses)

    def agent(responses: bool) -> str:
        bound = model(responses).bind_tools([told])
        turns: list[Any] = [HumanMessage("What is the weather in Paris?", name="Ana")]
        called = bound.invoke(turns)
        called.name = "forecaster"  # as agents name themselves
        (call,) = called.tool_calls
        result = ToolMessage(told.invoke(call["args"]), tool_call_id=call["id"], name="weather")
        return str(bound.invoke([*turns, called, result]).text)

    vectors = OpenAIEmbeddings(base_url=url, api_key=key, model="tiny", check_embedding_ctx_length=False)  # type: ignore[arg-type]
    seen = classes(lambda said: model(False).invoke(said).additional_kwargs.get("refusal"))
    return seen | {
        "agent": agent(False),
        "agent, responses": attempt(lambda: agent(True)),
        "structured": str(model(False).with_structured_output(Place).invoke("Where?")),
        "embedding": str(vectors.embed_query("Where?")),
    }


def langchain(url: str, key: str) -> dict[str, str]:
    """An agent of LangGraph's: a call, its result, the answer; the same streamed, and with a form for the answer."""
    from langchain.agents import create_agent
    from langchain.agents.structured_output import ProviderStrategy
    from langchain_openai import ChatOpenAI

    model: Any = ChatOpenAI(base_url=url, api_key=key, model="tiny", logprobs=True)  # type: ignore[arg-type]
    agent: Any = create_agent(model, [weather])
    asked: Any = {"messages": [("user", QUESTION)]}
    states = list(agent.stream(asked, stream_mode="values"))
    pieces = [piece for piece, _ in agent.stream(asked, stream_mode="messages")]
    turns = agent.invoke(asked)["messages"]
    formed: Any = create_agent(model, [weather], response_format=ProviderStrategy(Place))

    def p(message: Any) -> str:
        return attempt(lambda: message.response_metadata["logprobs"]["confidence"]["p"])

    return {
        "turns": str([(turn.type, turn.text) for turn in turns]),
        "streamed": "".join(piece.text for piece in pieces if piece.type == "AIMessageChunk"),
        "structured": str(formed.invoke(asked)["structured_response"]),
        "p": p(turns[-1]),
        "p, streamed": p(states[-1]["messages"][-1]),
    }


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
    formed = Agent(
        OpenAIChatModel("tiny", provider=OpenAIProvider(base_url=url, api_key=key)), output_type=Place
    )
    return seen | {
        "agent": with_tool(OpenAIChatModel),
        "agent, responses": attempt(lambda: with_tool(OpenAIResponsesModel)),
        "structured": str(formed.run_sync("Where?").output),
    }


def litellm(url: str, key: str) -> dict[str, str]:
    import litellm

    litellm.suppress_debug_info = True
    place: Any = {"api_base": url, "api_key": key, "max_retries": 0}
    function = {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }

    def ask(said: str, **members: Any) -> Any:
        return litellm.completion(
            "openai/tiny", messages=[{"role": "user", "content": said}], **place, **members
        )

    def turns(stream: bool) -> Any:
        asked: Any = {"tools": [{"type": "function", "function": function}], "stream": stream, **place}
        messages: list[Any] = [{"role": "user", "content": QUESTION}]
        for _ in range(2):
            told: Any = litellm.completion("openai/tiny", messages=messages, **asked)
            answer: Any = litellm.stream_chunk_builder(list(told)) if stream else told
            message = answer.choices[0].message
            for call in message.tool_calls or ():
                result = {"role": "tool", "tool_call_id": call.id, "content": call.function.arguments}
                messages += [message, result]
        return answer

    whole, streamed = turns(False), turns(True)
    vectors = litellm.embedding(model="openai/tiny", input=["Where?"], **place)
    return classes(lambda said: ask(said).choices[0].message.refusal) | {
        "agent": whole.choices[0].message.content,
        "streamed": streamed.choices[0].message.content,
        "structured": ask("Where?", response_format=Place).choices[0].message.content,
        "embedding": str(vectors.data[0]["embedding"]),
        "p": attempt(lambda: whole.confidence["p"]),
        "id": streamed.id,
    }


def instructor(url: str, key: str) -> dict[str, str]:
    import instructor
    import openai

    def formed(mode: Any) -> tuple[str, Any]:
        client: Any = instructor.from_openai(openai.OpenAI(base_url=url, api_key=key), mode=mode)
        asked: Any = {
            "model": "tiny",
            "messages": [{"role": "user", "content": "Where?"}],
            "response_model": Place,
        }
        place, raw = client.chat.completions.create_with_completion(**asked)
        *_, last = client.chat.completions.create_partial(**asked)
        return f"{place!r}, {last!r}", raw

    schema, raw = formed(instructor.Mode.JSON_SCHEMA)
    called, _ = formed(instructor.Mode.TOOLS)
    return {"structured": schema, "as a call": called, "p": attempt(lambda: raw.confidence["p"])}


def llama_index(url: str, key: str) -> dict[str, str]:
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.prompts import PromptTemplate
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding
    from llama_index.llms.openai_like import OpenAILike

    place: Any = {"api_base": url, "api_key": key}

    def model(**members: Any) -> Any:
        return OpenAILike(
            model="tiny", is_chat_model=True, is_function_calling_model=True, **place, **members
        )

    async def run() -> Any:
        return await FunctionAgent(tools=[weather], llm=model()).run(QUESTION)

    said = asyncio.run(run())
    form: Any = (Place, PromptTemplate("Where?"))
    return {
        "agent": str(said.response.content),
        "structured": str(model(should_use_structured_outputs=True).structured_predict(*form)),
        "as a call": str(model().structured_predict(*form)),
        "embedding": str(OpenAILikeEmbedding(model_name="tiny", **place).get_text_embedding("Where?")),
        "p": attempt(lambda: said.raw["confidence"]["p"]),
    }


def dspy(url: str, key: str) -> dict[str, str]:
    import dspy

    model = dspy.LM("openai/tiny", api_base=url, api_key=key, cache=False)
    with dspy.context(lm=model):
        formed = dspy.Predict("question -> city")(question="Where?")
    vectors = dspy.Embedder("openai/tiny", api_base=url, api_key=key, caching=False)(["Where?"])
    p = attempt(lambda: model.history[-1]["response"].provider_data["confidence"]["p"])
    return {"structured": formed.city, "embedding": str(vectors.tolist()), "p": p}


def agents(url: str, key: str) -> dict[str, str]:
    from agents import (
        Agent,
        OpenAIChatCompletionsModel,
        OpenAIResponsesModel,
        Runner,
        function_tool,
        set_tracing_disabled,
    )
    from openai import AsyncOpenAI

    set_tracing_disabled(True)

    def agent(kind: Any, **members: Any) -> Any:
        model = kind("tiny", AsyncOpenAI(base_url=url, api_key=key))
        return Agent(name="forecaster", model=model, **members)

    async def streamed(kind: Any) -> str:
        run = Runner.run_streamed(agent(kind, tools=[function_tool(weather)]), QUESTION)
        async for _ in run.stream_events():
            pass
        return str(run.final_output)

    def whole(kind: Any) -> Any:
        return asyncio.run(Runner.run(agent(kind, tools=[function_tool(weather)]), QUESTION))

    chat = whole(OpenAIChatCompletionsModel)
    formed = asyncio.run(Runner.run(agent(OpenAIChatCompletionsModel, output_type=Place), "Where?"))
    return {
        "agent": chat.final_output,
        "streamed": asyncio.run(streamed(OpenAIChatCompletionsModel)),
        "structured": str(formed.final_output),
        "agent, responses": attempt(lambda: whole(OpenAIResponsesModel).final_output),
        "streamed, responses": attempt(lambda: asyncio.run(streamed(OpenAIResponsesModel))),
        "id": chat.raw_responses[-1].output[0].provider_data["response_id"],
    }


def autogen_ext(url: str, key: str) -> dict[str, str]:
    from autogen_core.models import (
        AssistantMessage,
        FunctionExecutionResult,
        FunctionExecutionResultMessage,
        ModelInfo,
        UserMessage,
    )
    from autogen_core.tools import FunctionTool
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    info = ModelInfo(
        vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True
    )
    client = OpenAIChatCompletionClient(model="tiny", base_url=url, api_key=key, model_info=info)

    async def run() -> dict[str, str]:
        tools: Any = [FunctionTool(weather, description="The weather of a city.")]
        turns: list[Any] = [UserMessage(content=QUESTION, source="Ana")]
        called: Any = await client.create(turns, tools=tools)
        (call,) = called.content
        result = FunctionExecutionResult(
            call_id=call.id, content=call.arguments, is_error=False, name=call.name
        )
        turns += [
            AssistantMessage(content=called.content, source="forecaster"),
            FunctionExecutionResultMessage(content=[result]),
        ]
        answer = await client.create(turns, tools=tools)
        pieces = [piece async for piece in client.create_stream(turns, tools=tools)]
        formed = await client.create([UserMessage(content="Where?", source="Ana")], json_output=Place)
        return {"agent": str(answer), "streamed": str(pieces), "structured": str(formed.content)}

    return asyncio.run(run())


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
