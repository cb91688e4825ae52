"""The first configuration of a gateway, with comments, which can be served as it is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import Misuse
from .sections import is_loopback

__all__ = ["EMBEDDED", "Wishes", "address_of", "initial", "usual_key"]

EMBEDDED = "embedded"
"""What is said in place of an address for the small model inside the process."""

KEYS = {"api.openai.com": "OPENAI_API_KEY", "api.anthropic.com": "ANTHROPIC_API_KEY"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What a first configuration is made of.

    Attributes
    ----------
    url : base URL of the model's server, or "embedded"
    model : the model's name on that server
    store : a file, or "postgresql://..."; "env:NAME" for an address with a password
    key_env : the environment variable with the key of the model's server; None where it needs none

    Raises `Misuse` for what cannot be meant.
    """

    url: str
    model: str
    store: str = "calibrant.db"
    key_env: str | None = None

    def __post_init__(self) -> None:
        if not self.model:
            raise Misuse("Expected the name of a model, such as --model gpt-4o-mini.")
        if self.key_env is not None and not NAME.fullmatch(self.key_env):
            raise Misuse(
                "Expected --key-env NAME, the name of the environment variable that holds the key, not the key itself."
            )
        if urlsplit(self.store).password:
            raise Misuse(
                "The address of the store holds a password, which does not belong in a file: put it in an environment "
                "variable, and say --store env:CALIBRANT_STORE."
            )


def address_of(text: str) -> str:
    """The base URL that is meant; raises `Misuse` for what is none.

    >>> address_of("localhost:8000"), address_of("https://api.openai.com"), address_of("http://h/api/v1/")
    ('http://localhost:8000/v1', 'https://api.openai.com/v1', 'http://h/api/v1')
    >>> address_of("http://h/v1/chat/completions"), address_of("embedded")
    ('http://h/v1', 'embedded')
    """
    text = text.strip()
    if text == EMBEDDED:
        return text
    whole = (
        text if "://" in text else f"{'http' if is_loopback(text.partition(':')[0]) else 'https'}://{text}"
    )
    try:
        parts = urlsplit(whole)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", whole)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable or parts.username:
        raise Misuse(
            f"Expected the base URL of a model's server, such as http://localhost:8000/v1, or embedded; got {text!r}."
        )
    path = re.sub(r"/(chat/completions|completions|responses|messages|models)$", "", parts.path.rstrip("/"))
    asked = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}{asked}"


def usual_key(url: str) -> str | None:
    """The environment variable that usually holds the key of that server; None for one on this machine.

    >>> usual_key("https://api.openai.com/v1"), usual_key("http://localhost:8000/v1"), usual_key("https://h/v1")
    ('OPENAI_API_KEY', None, 'MODEL_KEY')
    """
    host = urlsplit(url).hostname or ""
    return None if url == EMBEDDED or is_loopback(host) else KEYS.get(host, "MODEL_KEY")


def initial(wishes: Wishes) -> str:
    """The text of a file."""
    return TEXT.format(model=_model(wishes), store=_quoted(wishes.store))


def _model(wishes: Wishes) -> str:
    if wishes.url == EMBEDDED:
        return 'kind = "embedded"                  # a small model inside this process'
    kind = "anthropic" if urlsplit(wishes.url).hostname == "api.anthropic.com" else "openai_compatible"
    key = (
        f'api_key = "env:{wishes.key_env}"'
        if wishes.key_env
        else f'# api_key = "env:{usual_key(wishes.url) or "MODEL_KEY"}"   # the environment variable that holds the key'
    )
    return "\n".join(
        [
            f'kind = "{kind}"         # also "openai_responses", "anthropic", "embedded"',
            f"url = {_quoted(wishes.url)}",
            f"model = {_quoted(wishes.model)}",
            key,
            "retries = 2                        # where the server is overloaded or away",
            "# price = { prompt = 0.15, completion = 0.6 }   # US dollars per million tokens",
            '# aliases = ["gpt-4o-mini"]       # further names by which clients may call it',
        ]
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


TEXT = """\
# A gateway of calibrant. Check it:  calibrant doctor FILE     Serve it:  calibrant serve FILE
# Clients set their base_url to http://127.0.0.1:8080/v1 and find a confidence in every answer.

[server]
host = "127.0.0.1"                 # other machines reach "0.0.0.0"; then a key is needed
port = 8080
# key = "env:CALIBRANT_KEY"        # of all clients; make one: calibrant key
# task = "qa"                      # of requests that state none; maps are fitted for a task

# [keys.search]                    # or one for each team: calibrant key search
# hash = "sha256:..."

[model]
{model}

# [models.large]                   # a further one, which clients may name: "large"
# kind = "openai_compatible"
# url = "https://api.example.org/v1"
# model = "large-model"

[store]
url = {store}               # records of questions, answers and confidences; "postgresql://..." for several processes

[confidence]
signals = ["mean_logprob"]         # what is read off an answer; `calibrant signals` lists all, with what they cost
# maps = "maps.json"               # makes probabilities of scores; without it, p is null with the reason

[policy]
kind = "bands"                     # answer from .85 on, disclaim, have a person look, or hand off
answer = 0.85
disclaim = 0.60
review = 0.40

[stream]
gate = "trail"                     # answers go out at once, confidence last; "hold" sends none that a person must see

# [task.law]                       # what one task has of its own
# gate = "hold"
"""
