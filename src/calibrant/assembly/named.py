"""What a command names, made: models and their prices, policies."""

from __future__ import annotations

from pathlib import Path

from ..errors import Misuse
from ..plugins import find, names
from ..protocols import Model
from ..releases.live import made
from ..releases.parts import named
from ..releases.release import Part
from ..types import Price

__all__ = ["Api", "gives_several_named", "model_named", "price_named", "served"]

Api = str
"""What a server speaks: what a kind of model says that it `speaks` ("chat", "responses"), or the name of a kind."""


def model_named(
    name: str,
    *,
    url: str | None = None,
    api: Api = "chat",
    api_key: str | None = None,
    price: Price | None = None,
    timeout: float = 60.0,
    option: str = "--model",
) -> Model:
    """The model that a command names: a kind ("embedded"), a file of weights, or a model of the server at `url`.

    "NAME@URL" says both in one; settings follow a kind after colons, as in "embedded:slots=2". `option` names it, for
    errors; `timeout` is in seconds. Raises `UnusableInput` for what is none of these.
    """
    if url is None and served(name):
        name, _, url = name.partition("@")
    if url is not None:
        given = {"url": url, "model": name, "api_key": api_key, "price": price, "timeout": timeout}
        settings = {key: value for key, value in given.items() if value is not None}
        served_model: Model = made("models", Part(kind=_speaking(api, option), settings=settings), option)
        return served_model
    part = _local(name)
    if part is None:
        at_url = "--url with --model" if option == "--model" else f"{option} NAME@URL"
        raise Misuse(f"Expected {option} embedded, {option} FILE.gguf, or {at_url}; got {option} {name!r}.")
    local: Model = made("models", part, option)
    return local


def _local(name: str) -> Part | None:
    """The model of a kind that is named, or that runs files which end so."""
    if name.partition(":")[0] in names("models"):
        return named("models", name)
    for kind in names("models"):
        if Path(name).suffix in getattr(find("models", kind), "endings", ()):
            return Part(kind=kind, settings={"path": name})
    return None


def _speaking(api: Api, option: str) -> str:
    kinds = {getattr(find("models", kind), "speaks", kind): kind for kind in names("models")}
    if api not in kinds:
        asked = "--api" if option == "--model" else f"{option}-api"
        raise Misuse(f"Expected {asked} to be one of {', '.join(kinds)}; got {api!r}.")
    return kinds[api]


def served(name: str) -> bool:
    """Whether a model is named with the URL of its server.

    >>> served("my-model@http://localhost:8000/v1"), served("embedded")
    (True, False)
    """
    return "@http" in name


def gives_several_named(name: str, *, url: str | None = None, api: Api = "chat") -> bool | None:
    """Whether the model that a command names gives several samples in one call; None if only asking shows.

    >>> gives_several_named("m", url="http://localhost/v1", api="anthropic"), gives_several_named("embedded")
    (False, True)
    """
    if url is None and not served(name):  # not made here, since that takes its weights
        part = _local(name)
        return None if part is not None and hasattr(find("models", part.kind), "once") else True
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
        raise Misuse(
            f"Expected {option} PROMPT,COMPLETION in US dollars per million tokens, such as 0.15,0.6; got {text!r}."
        ) from error
