"""One TOML file becomes frozen objects. The only reader of the environment."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ..arguments import check_names, filled
from ..asking.upstream import Serving
from ..errors import UnusableInput
from ..plans.postures import MeasuredPostures
from ..records.content import Keeping
from ..records.opening import store_kind
from ..releases.parts import part_of
from ..releases.release import Part, Release
from ..reviewing.settings import Reviewing
from .deployed import ByTask, by_task, keys_of, models_of, sources_of
from .keys import Key
from .postures import loaded_postures
from .sections import Alerts, FeedbackSource, Learning, Observing, Pages, Server, Storing, Watch, Webhooks
from .ways import release_of

__all__ = ["Config", "is_set", "load", "parse", "secret"]

OF_WAYS = ("confidence", "policy", "route", "task")
"""Sections that name what is fitted elsewhere, and anew."""

SECTIONS = (
    "server", "keys", "model", "models", "peer", "judge", "route", "store", "records", "confidence", "policy", "stream",
    "task", "webhooks", "feedback", "observing", "pages", "review", "watch", "alerts",
    "learning",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Everything that the file says, checked: what is deployed, and where its models and its store are.

    `models` are those of [model] ("model"), [models.*], [peer] ("peer") and [judge] ("judge"), by the names that the
    release has for them, and `serving` says by the same names how each is asked. `keys` are those of clients, that of
    [server] among them; where there are none, everybody on this machine may ask. `storing` says when a record counts as
    kept, `keeping` what of it is kept, `webhooks` and `alerts` who is told, and `reviewing` how much people are asked,
    all by task; `watch` says how claims are watched, and `learning` when maps are fitted anew. `sources` are those
    whose verdicts count by a propensity that the file states, and `postures` is what was measured of postures. A path
    in the settings of the store starts at `folder`. `files` are those that the file names for its ways: maps,
    certificates, prompts.
    """

    server: Server
    keys: tuple[Key, ...]
    models: Mapping[str, Part]
    serving: Mapping[str, Serving]
    store: Part
    storing: Storing
    release: Release
    folder: Path
    keeping: ByTask[Keeping]
    webhooks: ByTask[Webhooks | None]
    reviewing: ByTask[Reviewing]
    observing: Observing
    watch: Watch = field(default_factory=Watch)
    alerts: ByTask[Alerts | None] = field(default_factory=lambda: ByTask[Alerts | None](None))
    learning: Learning = field(default_factory=Learning)
    pages: Pages = field(default_factory=Pages)
    sources: Mapping[str, FeedbackSource] = field(default_factory=dict)
    postures: tuple[MeasuredPostures, ...] = ()
    files: tuple[Path, ...] = ()


def load(path: str | Path) -> Config:
    """Read and check a file; raises `UnusableInput` that names the place and what belongs there.

    A file with everything in it; only `[model]` is needed::

        [server]
        host = "127.0.0.1"
        port = 8080
        key = "env:CALIBRANT_KEY"                   # clients show it; needed beyond loopback
        task = "qa"                                 # of requests that state none; domain likewise

        [keys.search]                               # a key of its own for a team: `calibrant key search`
        hash = "sha256:4f2d1f0a5c7a1a0c3f3f4d0a9e5e1f0a2b3c4d5e6f708192a3b4c5d6e7f80910"
        roles = ["client"]                          # or "reviewer", "admin"
        tasks = ["qa", "law"]                       # those that it may ask for; task and domain are its defaults
        requests_per_minute = 600
        budget = 20.0                               # US dollars a day

        [model]
        kind = "openai_compatible"                  # or "embedded"; then the settings of that kind
        url = "http://localhost:8000/v1"
        model = "my-model"
        api_key = "env:MODEL_KEY"
        price = { prompt = 0.15, completion = 0.6 } # US dollars per million tokens
        aliases = ["gpt-4o-mini"]                   # further names by which clients may call it
        retries = 2                                 # further attempts where the server is overloaded or away
        fallbacks = ["spare"]                       # who answers where it fails, by status or by time
        fallback_on = [429, 500, 502, 503, 504]
        at_once = 32                                # calls; also requests_per_minute, tokens_per_minute

        [models.spare]                              # clients may name it too: "spare"
        kind = "openai_compatible"
        url = "http://localhost:8001/v1"
        model = "spare-model"
        abilities = { logprobs = false }            # not asked for them

        [store]
        url = "calibrant.db"                        # or "postgresql://user@host/name"
        durability = "record"                       # before the answer leaves; or "relaxed"
        spool = "spool"                             # a folder for records while the database is away

        [feedback.sources.audit]                    # verdicts on records that were chosen with a known probability
        propensity = 1.0

        [records]
        content = "stored"                          # of questions and answers; or "hashed", "left_out"
        keep_days = 90                              # then their content is erased

        [webhooks]                                  # told of answers that wait for a person
        url = "https://hooks.example.org/calibrant"
        secret = "env:HOOK_SECRET"                  # signs what is sent
        events = ["review", "hand_off"]

        [review]
        per_day = 50                                # answers that people are asked about, beside held ones
        audit_share = 0.2                           # of these, drawn from all answers alike; not less
        second_readers = 0.1                        # judged by another person as well
        known = "known.jsonl"                       # answers known to be right or wrong, to see what is caught
        judge_first = true                          # the model of [judge], whose word counts through people's alone
        promise_minutes = 60                        # within which held answers are judged

        [watch]                                     # alarms where probabilities cease to be true
        alpha = 0.05
        tolerance = 0.02

        [alerts]
        slack = "env:SLACK_URL"                     # told of them in a sentence

        [learning]
        promotion = "by_hand"                       # or "by_test": what later verdicts prefer is put in force at once
        refit_after = 100                           # labels, then challengers of the maps are proposed

        [observing]
        log = "json"                                # or "text"

        [pages]                                     # for people, at / and /review
        enabled = true
        title = "desk-eu, production"

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
        disclaim = "none"                           # or "append": a sentence under answers that are to be disclaimed

        [route]                                     # or cascade, ensemble, chain ... with their settings
        kind = "single"

        [task.law]                                  # what this task has of its own; the rest is as above
        signals = ["verbalized"]
        posture = "cautious"
        gate = "hold"
        policy = { kind = "bands", answer = 0.95 }
        records = { content = "hashed" }
        review = { cost_of_error = 5.0 }            # dearer than elsewhere, so asked about more
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
    check_names("the file", sections, SECTIONS, "section")
    for name, section in sections.items():
        _check_section(name, section)

    def is_secret(place: str) -> bool:
        return any(f"{one}.".startswith(f"{place}.") for one in taken)

    server = filled(Server, sections.get("server", {}), "[server]")
    models, serving = models_of(sections, folder)
    release = release_of(sections, folder, is_secret)
    reviewing = by_task(Reviewing, sections, "review", Reviewing())
    if reviewing.default.judge_first and "judge" not in models:
        raise UnusableInput(
            "[review] judge_first needs a model that judges: describe it in a section [judge]."
        )
    store = {"url": "calibrant.db"} | dict(sections.get("store", {}))
    storing = {one.name: store.pop(one.name) for one in fields(Storing) if one.name in store}
    return Config(
        server=server,
        keys=keys_of(sections, server, is_secret),
        models=models,
        serving=serving,
        store=part_of("stores", {"kind": store_kind(str(store["url"]))} | store, "[store]", folder),
        storing=filled(Storing, storing, "[store]"),
        release=release,
        folder=folder,
        postures=loaded_postures(sections.get("confidence", {}).get("posture_measured", ()), folder),
        keeping=by_task(Keeping, sections, "records", Keeping()),
        webhooks=by_task(Webhooks, sections, "webhooks", None),
        reviewing=reviewing,
        watch=filled(Watch, sections.get("watch", {}), "[watch]"),
        alerts=by_task(Alerts, sections, "alerts", None),
        learning=filled(Learning, sections.get("learning", {}), "[learning]"),
        observing=filled(Observing, sections.get("observing", {}), "[observing]"),
        pages=filled(Pages, sections.get("pages", {}), "[pages]"),
        sources=sources_of(sections),
        files=tuple(dict.fromkeys(_files_in([sections.get(name) for name in OF_WAYS], folder))),
    )


def _files_in(value: Any, folder: Path) -> Iterator[Path]:
    """All files that some settings name."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _files_in(inner, folder)
    elif (
        isinstance(value, str)
        and 0 < len(value) < 1000
        and "\x00" not in value
        and (path := folder / value).is_file()
    ):
        yield path


def _check_section(name: str, section: Any) -> None:
    if not isinstance(section, dict):
        raise UnusableInput(f"Expected a section [{name}], got {name.rpartition('.')[2]} = {section!r}.")
    for inner in section if name in ("models", "task", "keys") else ():
        _check_section(f"{name}.{inner}", section[inner])


def secret(text: str | None, option: str) -> str | None:
    """The key that "env:NAME" stands for, so that none stands in a shell's history; None for none."""
    if text is None:
        return None
    if not text.startswith("env:"):
        raise UnusableInput(f"Expected {option} env:NAME, the environment variable that holds the key.")
    return str(_resolved(text, option, os.environ, set()))


def is_set(name: str) -> bool:
    """Whether the environment has a value of that name."""
    return bool(os.environ.get(name))


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
