"""Azure's paths, its clients at the gateway, and its addresses behind it."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from aiohttp import web

from calibrant.gateway.azure import MODEL, Azure
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.types import Ask, Message

from ..upstream import Upstream, whole
from .test_gateway import KEY, Maker, gateway, upstream

__all__ = ["gateway", "upstream"]


def led(path: str, query: bytes = b"") -> dict[str, Any]:
    """The scope that a path leads to."""
    seen: list[dict[str, Any]] = []

    async def app(scope: Any, _: Any, __: Any) -> None:
        seen.append(scope)

    scope = {"type": "http", "path": path, "raw_path": path.encode(), "query_string": query, "headers": []}
    asyncio.run(Azure(app)(scope, None, None))  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize(
    ("path", "to", "model"),
    [
        ("/openai/deployments/my%20gpt/chat/completions", "/v1/chat/completions", b"my gpt"),
        ("/openai/deployments/e/embeddings", "/v1/embeddings", b"e"),
        ("/openai/v1/responses", "/v1/responses", None),
        ("/openai/models", "/v1/models", None),
        ("/openai/deployments/m/../../metrics", "/v1/../../metrics", b"m"),
        ("/openai/", "/openai/", None),
        ("/v1/openai/x", "/v1/openai/x", None),
    ],
)
def test_a_path_of_azure_is_led_below_v1(path: str, to: str, model: bytes | None) -> None:
    scope = led(path, b"api-version=2024-10-21&limit=3")
    assert (scope["path"], dict(scope["headers"]).get(MODEL)) == (to, model)
    assert scope["query_string"].endswith(b"limit=3")
    assert (b"api-version" in scope["query_string"]) == (to == path)


def test_azures_client_is_answered_and_azures_address_is_asked(gateway: Maker, upstream: Upstream) -> None:
    made = gateway()
    client = openai.AzureOpenAI(
        azure_endpoint=made.url, api_key=KEY, api_version="2024-10-21", azure_deployment="tiny", max_retries=0
    )
    answer = client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "2 + 2?"}])
    assert answer.choices[0].message.content == "The answer is 4."
    assert answer.confidence["p"] == pytest.approx(0.82, abs=0.01)  # type: ignore[attr-defined]
    upstream.script = lambda *_: _whole()
    url = upstream.url.replace("/v1", "/openai/deployments/d?api-version=2024-10-21")
    model = OpenAICompatible(url, "tiny", api_key="secret")

    async def ask() -> str:
        (done,) = await model.complete(Ask(messages=(Message("user", "2 + 2?"),)))
        await model.close()
        return done.text

    assert asyncio.run(ask()) == "The answer is 4."
    seen = upstream.passed[-1]
    assert seen["path"] == "/openai/deployments/d/chat/completions?api-version=2024-10-21"
    assert (seen["headers"]["api-key"], "Authorization" in seen["headers"]) == ("secret", False)


async def _whole() -> web.Response:
    return web.json_response(whole({}, "2 + 2?"))
