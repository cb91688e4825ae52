"""One TOML file becomes frozen objects. The only reader of the environment."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..arguments import check_names, filled
from ..errors import UnusableInput
from ..plans.postures import MeasuredPostures
from ..records.opening import store_kind
from ..releases.parts import part_of
from ..releases.release import Part, Release
from .postures import loaded_postures
from .ways import release_of

__all__ = ["Config", "load", "parse", "secret"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where the gateway listens, and the key that its clients must show."""

    host: str = "127.0.0.1"
    port: int = 8080
    key: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is a number from 0 to 65535; got {self.port}.")
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
class Config:
    """Everything that the file says, checked: what is deployed, and where its models and its store are.

    `models` are those of [model] ("model"), [models.*], [peer] ("peer") and [judge] ("judge"), by the names that the
    release has for them. `postures` is what was measured of postures. A path in the settings of the store starts at
    `folder`.
    """

    server: Server
    models: Mapping[str, Part]
    store: Part
    release: Release
    folder: Path
    postures: tuple[MeasuredPostures, ...] = ()


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
        posture_measured = "posture.json"           # of `calibrant posture --out`; what it calls reversed is refused
        same = "model"                              # who says whether answers are the same: model, peer or judge
        posture = { triage = "cautious", shop = "bold" } # for signals that state a confidence; "default" for the rest
        format = "by_kind"                          # asks for answers that can be read; default: as they come
        prompt = "prompt.json"                      # put around questions: of `calibrant refine`, or a text file

        [peer]                                      # a second model, for the signal peer_agreement
        kind = "embedded"

        [judge]                                     # for same = "judge"
        kind = "embedded"

        [policy]                                    # or kind = "risk_control", certificates = "certs.json"
        kind = "bands"
        answer = 0.85
        disclaim = 0.6
        review = 0.4

        [stream]
        gate = "trail"                              # or "hold"

        [route]                                     # or cascade, ensemble, chain ... with their settings
        kind = "single"

        [task.law]                                  # what this task has of its own; the rest is as above
        signals = ["verbalized"]
        posture = "cautious"
        gate = "hold"
        policy = { kind = "bands", answer = 0.95 }
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableInput(f"Expected a TOML file at {path}: {error}.") from error
    return parse(table, os.environ, path.parent)


def parse(table: Mapping[str, Any], environment: Mapping[str, str], folder: Path = Path()) -> Config:
    """Check a table, and read the files that it names.

    Values "env:NAME" come from `environment`, relative paths start at `folder`.

    >>> config = parse({"model": {"kind": "openai_compatible", "url": "http://host/v1", "model": "m"}}, {})
    >>> config.server.port, [signal.kind for signal in config.release.default.signals], config.store.settings["url"]
    (8080, ['mean_logprob'], 'calibrant.db')
    """
    taken: set[str] = set()
    sections = {name: _resolved(value, name, environment, taken) for name, value in table.items()}
    known = (
        "server",
        "model",
        "models",
        "peer",
        "judge",
        "route",
        "store",
        "confidence",
        "policy",
        "stream",
        "task",
    )
    check_names("the file", sections, known, "section")
    for name, section in sections.items():
        _check_section(name, section)
    server = filled(Server, sections.get("server", {}), "[server]")
    release = release_of(
        sections, folder, lambda place: any(f"{one}.".startswith(f"{place}.") for one in taken)
    )
    models = {name: (f"[{name}]", sections[name]) for name in ("model", "peer", "judge") if name in sections}
    for name, section in sections.get("models", {}).items():
        if name in models:
            raise UnusableInput(f"[models.{name}] and [{name}] have one name: rename the first.")
        models[name] = f"[models.{name}]", section
    store = sections.get("store") or {"url": "calibrant.db"}
    return Config(
        server=server,
        models={name: part_of("models", section, where, folder) for name, (where, section) in models.items()},
        store=part_of("stores", {"kind": store_kind(str(store.get("url", "")))} | store, "[store]", folder),
        release=release,
        folder=folder,
        postures=loaded_postures(sections.get("confidence", {}).get("posture_measured", ()), folder),
    )


def _check_section(name: str, section: Any) -> None:
    if not isinstance(section, dict):
        raise UnusableInput(f"Expected a section [{name}], got {name.rpartition('.')[2]} = {section!r}.")
    for inner in section if name in ("models", "task") else ():
        _check_section(f"{name}.{inner}", section[inner])


def secret(text: str | None, option: str) -> str | None:
    """The key that "env:NAME" stands for, so that none stands in a shell's history; None for none."""
    if text is None:
        return None
    if not text.startswith("env:"):
        raise UnusableInput(f"Expected {option} env:NAME, the environment variable that holds the key.")
    return str(_resolved(text, option, os.environ, set()))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _resolved(value: Any, where: str, environment: Mapping[str, str], taken: set[str]) -> Any:
    """The value with every "env:NAME" in it replaced; `taken` gets the places where that was so."""
    if isinstance(value, dict):
        return {
            name: _resolved(inner, f"{where}.{name}", environment, taken) for name, inner in value.items()
        }
    if not (isinstance(value, str) and value.startswith("env:")):
        return value
    name = value.removeprefix("env:")
    if name not in environment:
        raise UnusableInput(
            f"{where} is taken from the environment, where {name} is not set. Set it: export {name}=..."
        )
    taken.add(where)
    return environment[name]
