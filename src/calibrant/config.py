"""One TOML file becomes frozen objects, and those become a pipeline. The only reader of the environment."""

from __future__ import annotations

import ipaddress
import os
import time
import tomllib
import types
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from difflib import get_close_matches
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import UnusableInput
from .maps import MapSet
from .pipeline import Pipeline
from .plugins import find
from .protocols import Model
from .wire import Price

__all__ = ["Config", "build", "load", "parse"]

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where the gateway listens, and the key that its clients must show."""

    host: str = "127.0.0.1"
    port: int = 8080
    key: str | None = None

    def __post_init__(self) -> None:
        if self.key == "":
            raise ValueError("key is empty. Leave it out, or give one of 16 characters or more.")
        if self.key is not None and len(self.key) < 16 and not _is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} can be reached from other machines, and key is shorter than 16 characters."
            )
        if self.key is None and not _is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} can be reached from other machines, and there is no key. "
                'Add key = "env:CALIBRANT_KEY" under [server], or listen on host = "127.0.0.1".'
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """An extension by name, with the settings that its constructor takes."""

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreAt:
    """Where records are kept: a path (relative to the file) or the URL of a database."""

    url: str = "calibrant.db"


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceFrom:
    """The signals, the one that decides first, and the file of maps that calibrate them."""

    signals: tuple[str, ...] = ("mean_logprob",)
    maps: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Whether an answer goes out at once, its confidence last ("trail"), or after the decision ("hold")."""

    gate: Literal["trail", "hold"] = "trail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything that the file says, checked."""

    server: Server
    model: Part
    store: StoreAt
    confidence: ConfidenceFrom
    policy: Part
    stream: Stream


def load(path: str | Path) -> Config:
    """Read and check a file; raises `UnusableInput` that names the place and what belongs there.

    A file with everything in it; only `[model]` is needed::

        [server]
        host = "127.0.0.1"
        port = 8080
        key = "env:CALIBRANT_KEY"                   # clients show it; needed beyond loopback

        [model]
        kind = "openai_compatible"                  # or "embedded"; then the settings of that kind
        url = "http://localhost:8000/v1"
        model = "my-model"
        api_key = "env:MODEL_KEY"
        price = { prompt = 0.15, completion = 0.6 } # US dollars per million tokens

        [store]
        url = "calibrant.db"                        # or "postgresql://user@host/name"

        [confidence]
        signals = ["mean_logprob", "verbalized"]    # the first with a score and a map decides
        maps = "maps.json"                          # written by `calibrant fit`

        [policy]
        kind = "bands"
        answer = 0.85
        disclaim = 0.6
        review = 0.4

        [stream]
        gate = "trail"                              # or "hold"
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableInput(f"Expected a TOML file at {path}: {error}.") from error
    return parse(table, os.environ, path.parent)


def parse(table: Mapping[str, Any], environment: Mapping[str, str], folder: Path = Path()) -> Config:
    """Check a table; values "env:NAME" come from `environment`, relative paths start at `folder`.

    >>> config = parse({"model": {"kind": "openai_compatible", "url": "http://host/v1", "model": "m"}}, {})
    >>> config.server.port, config.confidence.signals, config.store.url
    (8080, ('mean_logprob',), 'calibrant.db')
    """
    sections = {name: _resolved(value, name, environment) for name, value in table.items()}
    _check_names(
        "the file", sections, ["server", "model", "store", "confidence", "policy", "stream"], "section"
    )
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise UnusableInput(f"Expected a section [{name}], got {name} = {section!r}.")
    confidence = _filled(ConfidenceFrom, sections.get("confidence", {}), "[confidence]")
    for name in confidence.signals:
        find("signals", name)
    store = _filled(StoreAt, sections.get("store", {}), "[store]")
    return Config(
        server=_filled(Server, sections.get("server", {}), "[server]"),
        model=_part("models", sections.get("model", {}), "[model]"),
        store=StoreAt(url=store.url if "://" in store.url else str(folder / store.url)),
        confidence=ConfidenceFrom(
            signals=confidence.signals, maps=confidence.maps and str(folder / confidence.maps)
        ),
        policy=_part("policies", {"kind": "bands"} | sections.get("policy", {}), "[policy]"),
        stream=_filled(Stream, sections.get("stream", {}), "[stream]"),
    )


def build(config: Config) -> Pipeline:
    """The pipeline that the file describes; the caller closes its model and its store."""
    model: Model = _made("models", config.model, "[model]")
    maps = config.confidence.maps
    return Pipeline(
        route=find("routes", "single")(model=model),
        model=model,
        signals={name: find("signals", name)() for name in config.confidence.signals},
        maps=MapSet.load(maps) if maps else MapSet(by=(), groups=()),
        policy=_made("policies", config.policy, "[policy]"),
        store=find("stores", "sql")(config.store.url),
        clock=time.time,
        new_id=lambda: uuid.uuid4().hex,
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _resolved(value: Any, where: str, environment: Mapping[str, str]) -> Any:
    """The value with every "env:NAME" in it replaced."""
    if isinstance(value, dict):
        return {name: _resolved(inner, f"{where}.{name}", environment) for name, inner in value.items()}
    if not (isinstance(value, str) and value.startswith("env:")):
        return value
    name = value.removeprefix("env:")
    if name not in environment:
        raise UnusableInput(
            f"{where} is taken from the environment, where {name} is not set. Set it: export {name}=..."
        )
    return environment[name]


def _part(family: str, section: Mapping[str, Any], where: str) -> Part:
    if "kind" not in section:
        raise UnusableInput(
            f'{where} needs kind, such as kind = "openai_compatible" for a server with a url.'
        )
    kind = str(section["kind"])
    settings = {name: value for name, value in section.items() if name != "kind"}
    return Part(kind=kind, settings=_arguments(find(family, kind), settings, f"{where} of kind {kind}"))


def _made(family: str, part: Part, where: str) -> Any:
    return _filled(find(family, part.kind), part.settings, where)


def _filled(kind: Callable[..., Made], section: Mapping[str, Any], where: str) -> Made:
    arguments = _arguments(kind, section, where)
    try:
        return kind(**arguments)
    except ValueError as error:
        raise UnusableInput(f"{where}: {error}") from error


def _arguments(kind: Callable[..., Any], section: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A section as arguments of a constructor: names known, none that is needed missing, types right."""
    parameters = signature(kind).parameters
    _check_names(where, section, parameters, "key")
    missing = [n for n, p in parameters.items() if p.default is Parameter.empty and n not in section]
    if missing:
        raise UnusableInput(f"{where} needs {', '.join(missing)}, which the file does not give.")
    hints = get_type_hints(kind if is_dataclass(kind) else kind.__init__)
    return {name: _typed(value, hints.get(name, Any), f"{where} {name}") for name, value in section.items()}


def _check_names(where: str, given: Mapping[str, Any], known: Any, what: str) -> None:
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UnusableInput(f"{where} has an unknown {what} {name!r}.{hint} Known: {', '.join(known)}.")


def _typed(value: Any, hint: Any, where: str) -> Any:
    """The value as the type that is wanted, or an error; a whole number is a float where one is wanted."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for option in options:
        origin = get_origin(option) or option
        if origin is Literal and value in get_args(option):
            return value
        if isinstance(option, type) and is_dataclass(option) and isinstance(value, dict):
            return _filled(option, value, where)
        if origin is tuple and isinstance(value, list):
            return tuple(_typed(item, get_args(option)[0], where) for item in value)
        if option is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if option is Any or (isinstance(origin, type) and type(value) is origin):
            return value
    raise UnusableInput(f"{where}: expected {_named(options)}, got {value!r}.")


def _named(options: tuple[Any, ...]) -> str:
    words = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    names = []
    for option in options:
        if get_origin(option) is Literal:
            names += [repr(choice) for choice in get_args(option)]
        elif get_origin(option) is tuple:
            names.append("a list")
        elif option is not type(None):
            names.append(words.get(option, "a table" if is_dataclass(option) else str(option)))
    return " or ".join(names)


def model_from(
    name: str, *, url: str | None = None, api_key: str | None = None, price: str | None = None
) -> Model:
    """The model that a command names: "embedded", a .gguf file, or a model of the server at `url`.

    `api_key` is "env:NAME", so that no key stands in a shell's history. `price` is "PROMPT,COMPLETION" in US
    dollars per million tokens.
    """
    if url is not None:
        if api_key is not None and not api_key.startswith("env:"):
            raise UnusableInput("Expected --api-key env:NAME, the environment variable that holds the key.")
        key = api_key and _resolved(api_key, "--api-key", os.environ)
        made: Model = find("models", "openai_compatible")(
            url=url, model=name, api_key=key, price=_price(price)
        )
        return made
    if name == "embedded" or name.endswith(".gguf"):
        embedded: Model = find("models", "embedded")(None if name == "embedded" else name)
        return embedded
    raise UnusableInput(
        f"Expected --model embedded, --model FILE.gguf, or --url with --model; got --model {name!r}."
    )


def _price(text: str | None) -> Price | None:
    if text is None:
        return None
    try:
        prompt, completion = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UnusableInput(
            f"Expected --price PROMPT,COMPLETION in US dollars per million tokens, such as 0.15,0.6; got {text!r}."
        ) from error
    return Price(prompt=prompt, completion=completion)
