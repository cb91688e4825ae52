"""One TOML file becomes frozen objects. The only reader of the environment."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from ..arguments import arguments, check_names, filled
from ..errors import UnusableInput
from ..plugins import find
from ..protocols import Signal
from .named import signals_named

__all__ = [
    "CascadeBy",
    "Config",
    "EnsembleBy",
    "Part",
    "SelfCorrectionBy",
    "load",
    "parse",
    "secret",
    "signals_of",
]


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
    """The signals, the one that decides first, and the file of maps that calibrate them.

    `posture` is how careful the model is asked to be when it states a confidence: a level for each task, and
    "default" for all others.
    """

    signals: tuple[str, ...] = ("mean_logprob",)
    maps: str | None = None
    posture: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Whether an answer goes out at once, its confidence last ("trail"), or after the decision ("hold")."""

    gate: Literal["trail", "hold"] = "trail"


@dataclass(frozen=True, kw_only=True, slots=True)
class SingleBy:
    """One model answers."""

    kind: ClassVar[str] = "single"


@dataclass(frozen=True, kw_only=True, slots=True)
class CascadeBy:
    """A cascade that follows a plan, which `calibrant plan cascade --out` writes.

    `anyway` lets the plan speak of models that have other names than those it was measured on. Its models are
    `[models.small]` and `[models.large]`, in place of `[model]`; peers and specialists go by their names in the plan::

        [route]
        kind = "cascade"
        plan = "cascade.json"

        [models.small]
        kind = "embedded"

        [models.large]
        kind = "openai_compatible"
        url = "http://localhost:8000/v1"
        model = "my-model"
    """

    kind: ClassVar[str] = "cascade"
    plan: str
    anyway: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsembleBy:
    """Models that answer at once, their votes pooled by what `calibrant plan ensemble --out` writes.

    Its models are the sections `[models.*]`, of which the pool knows the names that the models have. With `samples`
    above 1, `[model]` answers so many times at `temperature`.
    """

    kind: ClassVar[str] = "ensemble"
    pool: str | None = None
    samples: int = 1
    temperature: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfCorrectionBy:
    """One model that looks again at answers below `threshold`, and replaces one that is likelier by `margin`."""

    kind: ClassVar[str] = "self_correction"
    threshold: float = 0.5
    margin: float = 0.1
    rounds: int = 1
    alternatives: int = 4


RouteBy = SingleBy | CascadeBy | EnsembleBy | SelfCorrectionBy
"""The way to an answer; paths start at the folder of the file."""

_ROUTES: dict[str, Any] = {way.kind: way for way in (SingleBy, CascadeBy, EnsembleBy, SelfCorrectionBy)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything that the file says, checked. `model` is the small or first one of `models`, where there are any."""

    server: Server
    model: Part
    store: StoreAt
    confidence: ConfidenceFrom
    policy: Part
    stream: Stream
    peer: Part | None = None
    route: RouteBy = SingleBy()
    models: Mapping[str, Part] = field(default_factory=dict)


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
        posture = { triage = "cautious", shop = "bold" } # for signals that state a confidence; "default" for the rest

        [peer]                                      # a second model, for the signal peer_agreement
        kind = "embedded"

        [policy]                                    # or kind = "risk_control", certificates = "certs.json"
        kind = "bands"
        answer = 0.85
        disclaim = 0.6
        review = 0.4

        [stream]
        gate = "trail"                              # or "hold"

        [route]                                     # or "cascade", "ensemble", "self_correction" with their settings
        kind = "single"
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
    check_names(
        "the file",
        sections,
        ["server", "model", "models", "peer", "route", "store", "confidence", "policy", "stream"],
        "section",
    )
    for name, section in sections.items():
        if not isinstance(section, dict):
            raise UnusableInput(f"Expected a section [{name}], got {name} = {section!r}.")
    confidence = filled(ConfidenceFrom, sections.get("confidence", {}), "[confidence]")
    signals_of(confidence)
    store = filled(StoreAt, sections.get("store", {}), "[store]")
    route = _route(sections.get("route", {}), folder)
    models = _models(route, sections)
    return Config(
        server=filled(Server, sections.get("server", {}), "[server]"),
        model=_first(models) or _part("models", sections.get("model", {}), "[model]"),
        store=StoreAt(url=store.url if "://" in store.url else str(folder / store.url)),
        confidence=ConfidenceFrom(
            signals=confidence.signals,
            maps=confidence.maps and str(folder / confidence.maps),
            posture=confidence.posture,
        ),
        policy=_part(
            "policies",
            {"kind": "bands"} | _beside(sections.get("policy", {}), "certificates", folder),
            "[policy]",
        ),
        stream=filled(Stream, sections.get("stream", {}), "[stream]"),
        peer=_part("models", sections["peer"], "[peer]") if "peer" in sections else None,
        route=route,
        models=models,
    )


def _route(section: Mapping[str, Any], folder: Path) -> RouteBy:
    kind = section.get("kind", "single")
    if kind not in _ROUTES:
        raise UnusableInput(f"[route] has kind {kind!r}. Expected one of: {', '.join(_ROUTES)}.")
    settings = {name: value for name, value in section.items() if name != "kind"}
    for name in ("plan", "pool"):
        settings = _beside(settings, name, folder)
    made: RouteBy = filled(_ROUTES[kind], settings, f"[route] of kind {kind}")
    return made


def _models(route: RouteBy, sections: Mapping[str, Any]) -> dict[str, Part]:
    """The models of a cascade or an ensemble, by the names of their sections."""
    given = sections.get("models", {})
    several = isinstance(route, CascadeBy) or (isinstance(route, EnsembleBy) and route.samples == 1)
    if not several:
        if given:
            raise UnusableInput(
                "[models] belongs to a cascade or an ensemble: add [route] with its kind, or use [model]."
            )
        return {}
    if "model" in sections:
        raise UnusableInput(
            f"A route of kind {route.kind} has sections [models.*] instead of [model]: leave [model] out."
        )
    for role in ("small", "large") if isinstance(route, CascadeBy) else ():
        if role not in given:
            raise UnusableInput(f"[route] of kind cascade needs a section [models.{role}].")
    if len(given) < 2:
        raise UnusableInput(f"A route of kind {route.kind} needs at least two sections [models.*].")
    bad = [name for name, section in given.items() if not isinstance(section, dict)]
    if bad:
        raise UnusableInput(f"Expected a section [models.{bad[0]}], got {bad[0]} = {given[bad[0]]!r}.")
    return {name: _part("models", section, f"[models.{name}]") for name, section in given.items()}


def signals_of(given: ConfidenceFrom) -> tuple[dict[str, Signal], dict[str, dict[str, Signal]]]:
    """The signals of most tasks, and those of each task with a posture of its own."""
    if not given.signals:
        return {}, {}
    names = ",".join(given.signals)
    try:
        made = {task: signals_named(names, posture) for task, posture in given.posture.items()}
        return made.pop("default", None) or signals_named(names), made
    except UnusableInput as error:
        raise UnusableInput(f"[confidence]: {error}") from error


def secret(text: str | None, option: str) -> str | None:
    """The key that "env:NAME" stands for, so that none stands in a shell's history; None for none."""
    if text is None:
        return None
    if not text.startswith("env:"):
        raise UnusableInput(f"Expected {option} env:NAME, the environment variable that holds the key.")
    return str(_resolved(text, option, os.environ))


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
    return Part(kind=kind, settings=arguments(find(family, kind), settings, f"{where} of kind {kind}"))


def _beside(section: Mapping[str, Any], name: str, folder: Path) -> dict[str, Any]:
    """The section with a path in it, if it has that one, starting at the folder of the file."""
    given = section.get(name)
    return {**section, name: str(folder / given)} if isinstance(given, str) else dict(section)


def _first(models: Mapping[str, Part]) -> Part | None:
    return models.get("small") or next(iter(models.values()), None)
