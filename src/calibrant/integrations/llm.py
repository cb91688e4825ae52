"""A plug-in of `llm`: a gateway's answers, with their confidence in its log and, where asked for, behind the answer.

Where `llm` is installed beside calibrant it finds this by itself. `llm calibrant add URL` makes a gateway one of its
models; nothing else changes, and nothing here is imported where `llm` is not.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from pluggy import HookimplMarker

from calibrant.errors import CalibrantError
from calibrant.integrations.replies import confidence_of
from calibrant.types import Json

__all__ = ["register_commands", "register_models"]

hookimpl = HookimplMarker("llm")

FILE = "calibrant.json"
"""In `llm`'s own folder: the address and the model of each gateway, by the name that it has in `llm`."""
NAME = "calibrant"
"""What a gateway, and its key among `llm`'s keys, are called where nothing else is said."""
BEHIND = "\n\n[calibrant] "
"""What parts an answer from what is said of it, which is not shown to a model again."""


@hookimpl
def register_models(register: Any) -> None:
    """Every gateway that was added, for prompts and for programs that await."""
    for name, gateway in _gateways().items():
        register(*_models(name, gateway["url"], gateway["model"]))


@hookimpl
def register_commands(cli: Any) -> None:
    """`llm calibrant`, with `add`, `list` and `remove`."""
    import click

    @click.group(name=NAME)
    def group() -> None:
        """Gateways of calibrant, whose answers come with a confidence"""

    @group.command()
    @click.argument("url")
    @click.option("--name", default=NAME, show_default=True, help="What it is called: llm -m NAME")
    @click.option("--model", default=NAME, show_default=True, help="Which of the gateway's models is asked")
    def add(url: str, name: str, model: str) -> None:
        """Add the gateway at URL, such as http://localhost:8080/v1"""
        if not url.startswith(("http://", "https://")) or not url.rstrip("/").endswith("/v1"):
            raise click.ClickException(
                f"Expected the address of a gateway, ending in /v1, such as http://localhost:8080/v1; got {url!r}."
            )
        _keep({**_gateways(), name: {"url": url.rstrip("/"), "model": model}})
        click.echo(f"llm keys set {NAME}    # a key of the gateway, once\nllm -m {name} 'Your question'")

    @group.command(name="list")
    def listed() -> None:
        """The gateways that were added"""
        for name, gateway in _gateways().items():
            click.echo(f"{name}: {gateway['model']} at {gateway['url']}")

    @group.command()
    @click.argument("name")
    def remove(name: str) -> None:
        """Forget a gateway"""
        left = _gateways()
        if left.pop(name, None) is None:
            raise click.ClickException(f"No gateway is called {name}. Expected one of llm calibrant list.")
        _keep(left)

    cli.add_command(group)


def _gateways() -> dict[str, dict[str, str]]:
    """Those that were added; none, and a warning, where the file is broken: `llm` goes on without them."""
    import click
    import llm

    file = llm.user_dir() / FILE
    if not file.exists():
        return {}
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return {name: {"url": str(one["url"]), "model": str(one["model"])} for name, one in told.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        click.echo(f"{file} cannot be read ({error!r}). llm calibrant add URL writes it anew.", err=True)
        return {}


def _keep(gateways: Mapping[str, Mapping[str, str]]) -> None:
    import llm

    (llm.user_dir() / FILE).write_text(json.dumps(gateways, indent=2) + "\n", encoding="utf-8")


def _models(name: str, url: str, model: str) -> tuple[Any, Any]:
    """Models as `llm` has them for servers that speak as OpenAI does, which tell what the gateway tells."""
    from llm.default_plugins.openai_models import AsyncChat, Chat
    from pydantic import Field

    class Options(Chat.Options):  # type: ignore[misc]
        phrase: bool | None = Field(
            description="Say how sure the answer is, in a line behind it", default=None
        )

    class Shared:
        needs_key = NAME
        key_env_var = "CALIBRANT_KEY"

        def __str__(self) -> str:
            return f"calibrant: {name}"

        def build_kwargs(self, prompt: Any, stream: bool) -> Any:
            kwargs = super().build_kwargs(prompt, stream)  # type: ignore[misc]
            kwargs.pop("phrase", None)
            return kwargs

        def build_messages(self, *given: Any, **named: Any) -> Any:
            messages = super().build_messages(*given, **named)  # type: ignore[misc]
            for one in messages:
                if one["role"] == "assistant" and isinstance(text := one.get("content"), str):
                    one["content"] = text.partition(BEHIND)[0]
            return messages

    class Gateway(Shared, Chat):  # type: ignore[misc]
        def execute(
            self, prompt: Any, stream: bool, response: Any, conversation: Any = None, key: str | None = None
        ) -> Iterator[Any]:
            yield from super().execute(prompt, stream, response, conversation, key)
            yield from _said(prompt, response, url, self.get_key(key))

    class AsyncGateway(Shared, AsyncChat):  # type: ignore[misc]
        async def execute(
            self, prompt: Any, stream: bool, response: Any, conversation: Any = None, key: str | None = None
        ) -> AsyncIterator[Any]:
            import asyncio

            async for piece in super().execute(prompt, stream, response, conversation, key):
                yield piece
            for piece in await asyncio.to_thread(_said, prompt, response, url, self.get_key(key)):
                yield piece

    Gateway.Options = AsyncGateway.Options = Options
    given = {"model_id": name, "model_name": model, "api_base": url, "vision": True}
    given |= {"supports_schema": True, "supports_tools": True}
    return Gateway(**given), AsyncGateway(**given)


def _said(prompt: Any, response: Any, url: str, key: str | None) -> list[str]:
    """Keep the confidence in what `llm` logs of a reply; the line to be put behind it, where there is to be one.

    Of a stream `llm` keeps the id alone, and the gateway is asked. An answer is not lost where it does not tell.
    """
    reply: Json = response.response_json or {}
    try:
        told = confidence_of(reply, gateway=url, key=key)
        line = str(told["phrase"])
    except CalibrantError as error:
        told, line = {"error": str(error)}, f"No confidence: {error}"
    response.response_json = {**reply, "confidence": told}
    return [BEHIND + line] if prompt.options.phrase and not prompt.schema else []
