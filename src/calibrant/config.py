"""One TOML file becomes frozen objects, and those become a pipeline. The only reader of the environment."""

from __future__ import annotations

import ipaddress
import os
import time
import tomllib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .arguments import arguments, check_names, filled
from .asking.assessing import Assessor
from .errors import UnusableInput
from .maps.calibration import MapSet
from .named import signals_named
from .pipeline import Pipeline
from .plugins import find
from .protocols import Model, Signal
from .routing.cascades import CascadePlan

__all__ = ["Config", "build", "load", "parse", "secret"]


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
class RouteBy:
    """The way to an answer: one model, or a cascade that follows a plan (relative to the file).

    `anyway` lets the plan speak of models that have other names than those it was measured on.

    A cascade has a section for each of its models instead of `[model]`; peers and specialists go by their names in the
    plan::

        [route]
        kind = "cascade"
        plan = "cascade.json"                       # written by `calibrant plan cascade --out`

        [models.small]
        kind = "embedded"

        [models.large]
        kind = "openai_compatible"
        url = "http://localhost:8000/v1"
        model = "my-model"
    """

    kind: Literal["single", "cascade"] = "single"
    plan: str | None = None
    anyway: bool = False

    def __post_init__(self) -> None:
        if self.kind == "cascade" and self.plan is None:
            raise ValueError(
                'a cascade needs plan = "cascade.json", which `calibrant plan cascade --out` writes.'
            )
        if self.kind == "single" and (self.plan is not None or self.anyway):
            raise ValueError('plan and anyway belong to kind = "cascade".')


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything that the file says, checked. `model` is the small one of a cascade, and also among `models`."""

    server: Server
    model: Part
    store: StoreAt
    confidence: ConfidenceFrom
    policy: Part
    stream: Stream
    peer: Part | None = None
    route: RouteBy = RouteBy()
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
    _signals(confidence)
    store = filled(StoreAt, sections.get("store", {}), "[store]")
    route = filled(RouteBy, sections.get("route", {}), "[route]")
    models = _models(route, sections)
    return Config(
        server=filled(Server, sections.get("server", {}), "[server]"),
        model=models["small"] if models else _part("models", sections.get("model", {}), "[model]"),
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
        route=RouteBy(kind=route.kind, plan=route.plan and str(folder / route.plan), anyway=route.anyway),
        models=models,
    )


def build(config: Config) -> Pipeline:
    """The pipeline that the file describes; the caller closes its model and its store."""
    plan = CascadePlan.load(config.route.plan) if config.route.plan else None
    names = {} if plan is None else _named(config.models, plan)
    models: dict[str, Model] = {
        name: _made("models", config.models[section], f"[models.{section}]")
        for name, section in names.items()
    }
    model: Model = _made("models", config.model, "[model]") if plan is None else models[plan.small]
    signals, by_task = _signals(config.confidence)
    given = config.confidence.maps
    maps = MapSet.load(given) if given else MapSet(by=(), groups=())
    others = {} if config.peer is None else {"peer": _made("models", config.peer, "[peer]")}
    assessors = {
        name: Assessor(model=one, signals=signals, maps=maps, by_task=by_task, others=others)
        for name, one in models.items()
        if signals and plan and (name in plan.gains or (name == plan.large and _mapped(maps, one)))
    }
    cascade = {"plan": plan, "models": models, "assessors": assessors, "anyway": config.route.anyway}
    return Pipeline(
        route=find("routes", config.route.kind)(**({"model": model} if plan is None else cascade)),
        model=model,
        signals=signals,
        by_task=by_task,
        others=others,
        maps=maps,
        policy=_made("policies", config.policy, "[policy]"),
        store=find("stores", "sql")(config.store.url),
        clock=time.time,
        new_id=lambda: uuid.uuid4().hex,
    )


def _models(route: RouteBy, sections: Mapping[str, Any]) -> dict[str, Part]:
    """The models of a cascade, by the names of their sections."""
    given = sections.get("models", {})
    if route.kind == "single":
        if given:
            raise UnusableInput(
                '[models] belongs to a cascade: add [route] with kind = "cascade", or use [model].'
            )
        return {}
    if "model" in sections:
        raise UnusableInput(
            "A cascade has [models.small] and [models.large] instead of [model]: leave [model] out."
        )
    for role in ("small", "large"):
        if role not in given:
            raise UnusableInput(f"[route] of kind cascade needs a section [models.{role}].")
    bad = [name for name, section in given.items() if not isinstance(section, dict)]
    if bad:
        raise UnusableInput(f"Expected a section [models.{bad[0]}], got {bad[0]} = {given[bad[0]]!r}.")
    return {name: _part("models", section, f"[models.{name}]") for name, section in given.items()}


def _named(models: Mapping[str, Part], plan: CascadePlan) -> dict[str, str]:
    """The section of each of the plan's models, by its name there."""
    roles = {plan.small: "small", plan.large: "large"}
    found = {name: roles.get(name, name) for name in plan.models}
    lacking = [section for section in found.values() if section not in models]
    if lacking:
        raise UnusableInput(f'The plan asks {lacking[0]} too: add a section [models."{lacking[0]}"].')
    check_names("[models]", models, list(found.values()), "model")
    return found


def _mapped(maps: MapSet, model: Model) -> bool:
    """Whether any of the maps is for this model."""
    marks = [one.fingerprint for _, one in maps.groups] + [one.fingerprint for _, one in maps.blends]
    return any(mark.model in (None, model.name) for mark in marks)


def _signals(given: ConfidenceFrom) -> tuple[dict[str, Signal], dict[str, dict[str, Signal]]]:
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


def _made(family: str, part: Part, where: str) -> Any:
    return filled(find(family, part.kind), part.settings, where)
