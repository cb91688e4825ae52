"""What a command names, made: models, signals and their settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

from ..arguments import filled
from ..errors import UnusableInput
from ..plugins import find
from ..protocols import Model, Signal
from ..types import Price

__all__ = ["Api", "gives_several_named", "model_named", "price_named", "served", "signals_named"]

Api = Literal["chat", "responses", "anthropic"]
"""The formats that a server at a URL may speak."""

CLIENTS = {"chat": "openai_compatible", "responses": "openai_responses", "anthropic": "anthropic"}


def model_named(
    name: str,
    *,
    url: str | None = None,
    api: str = "chat",
    api_key: str | None = None,
    price: Price | None = None,
    timeout: float = 60.0,
    option: str = "--model",
) -> Model:
    """The model that a command names: "embedded", a .gguf file, or a model of the server at `url`.

    "NAME@URL" says both in one. `option` names it, for errors; `timeout` is in seconds. Raises `UnusableInput`
    for what is neither a file nor at a URL.
    """
    if url is None and served(name):
        name, _, url = name.partition("@")
    if url is not None:
        made: Model = find("models", CLIENTS[api])(
            url=url, model=name, api_key=api_key, price=price, timeout=timeout
        )
        return made
    if name == "embedded" or name.endswith(".gguf"):
        embedded: Model = find("models", "embedded")(None if name == "embedded" else name)
        return embedded
    at_url = "--url with --model" if option == "--model" else f"{option} NAME@URL"
    raise UnusableInput(
        f"Expected {option} embedded, {option} FILE.gguf, or {at_url}; got {option} {name!r}."
    )


def served(name: str) -> bool:
    """Whether a model is named with the URL of its server.

    >>> served("my-model@http://localhost:8000/v1"), served("embedded")
    (True, False)
    """
    return "@http" in name


def gives_several_named(name: str, *, url: str | None = None, api: str = "chat") -> bool | None:
    """Whether the model that a command names gives several samples in one call; None if only asking shows.

    >>> gives_several_named("m", url="http://localhost/v1", api="anthropic"), gives_several_named("embedded")
    (False, True)
    """
    if url is None and not served(name):
        return True  # inside this process; not made here, since that takes its weights
    found: bool | None = getattr(model_named(name, url=url, api=api), "gives_several", None)
    return found


def price_named(text: str | None, option: str = "--price") -> Price | None:
    """A price from "PROMPT,COMPLETION", in US dollars per million tokens; None for none.

    Raises `UnusableInput`, with the name of the option, for what is no price.

    >>> price_named("0.15,0.6")
    Price(prompt=0.15, completion=0.6)
    """
    if text is None:
        return None
    try:
        prompt, completion = (float(part) for part in text.split(","))
        return Price(prompt=prompt, completion=completion)
    except ValueError as error:
        raise UnusableInput(
            f"Expected {option} PROMPT,COMPLETION in US dollars per million tokens, such as 0.15,0.6; got {text!r}."
        ) from error


def signals_named(text: str, posture: str | None = None) -> dict[str, Signal]:
    """Signals by name, with commas between; settings follow a name after colons.

    `posture` is given to every signal that takes one. Raises `UnknownName` for a signal that is not there,
    `UnusableInput` for a setting that it does not have and for a signal that is named twice with different ones.

    >>> signals_named("mean_logprob, self_consistency:samples=5")["self_consistency"].samples
    5
    """
    made: dict[str, Signal] = {}
    for part in (part.strip() for part in text.split(",")):
        if part:
            name, *settings = part.split(":")
            signal = _signal(name, dict(_setting(part, setting) for setting in settings), posture)
            if made.setdefault(name, signal) != signal:
                raise UnusableInput(
                    f"The signal {name} is named twice with different settings, and a log tells signals apart by "
                    "name. Name it once, and the other settings in a run with a log of its own."
                )
    if not made:
        raise UnusableInput("Expected at least one signal; `calibrant signals` lists them.")
    if posture and not any(hasattr(signal, "posture") for signal in made.values()):
        raise UnusableInput(
            f"None of {', '.join(made)} takes a posture; verbalized and vpd do. Leave --posture out."
        )
    return made


def _signal(name: str, settings: Mapping[str, Any], posture: str | None) -> Signal:
    kind = find("signals", name)
    takes = posture and any(one.name == "posture" for one in fields(kind))
    given = {"posture": posture, **settings} if takes else settings
    made: Signal = filled(kind, given, f"the signal {name}")
    return made


def _setting(part: str, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UnusableInput(f"Expected settings as name=value, such as vpd:samples=3; got {part!r}.")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value  # a bare word
