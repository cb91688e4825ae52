"""Keys of the gateway: how they are made, which are too weak to be one, and who may do what with which."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["Key", "Role", "hash_of", "new_key", "weakness"]

Role = Literal["client", "reviewer", "admin"]
"""A client asks and gives feedback, a reviewer also sees what is held, an admin also how the gateway does."""

LEAST = 16
"""Characters of a key; of random ones so many are out of reach of guessing."""

HASH = re.compile(r"sha256:[0-9a-f]{64}")

FILLERS = frozenset(
    re.findall(
        r"\w+",
        "a abc access admin api apikey auth bar bearer cal calibrant change changeme client default demo dev "
        "dummy empty example fake foo foobar gateway goes here hunter insert is key letmein litellm llm local "
        "master me my none not null openai pass passwd password placeholder please prod proj qwerty replace "
        "root secret secretkey server sk some super supersecret test tested testing the this token user value "
        "with x xx xxx xxxx y you your yours",
    )
)
"""Words of which the keys of examples are made: a key of nothing else is the first that is tried."""

RUNS = (
    "0123456789" * 10,
    "9876543210" * 10,
    "abcdefghijklmnopqrstuvwxyz" * 4,
    "0123456789abcdef" * 4,
    "qwertyuiopasdfghjklzxcvbnm",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key by its hash, and what whoever shows it may do.

    Attributes
    ----------
    name : what it is called in logs, metrics and records; the key itself is nowhere
    hash : "sha256:" and 64 hex digits, of a random key. A slow hash is for what people choose
    roles : what it may do
    tasks : those that it may ask for; empty for all
    task, domain : of its requests that state none
    requests_per_minute, tokens_per_minute : limits, None for none
    budget : US dollars a day, None for no limit
    """

    name: str
    hash: str
    roles: tuple[Role, ...] = ("client",)
    tasks: tuple[str, ...] = ()
    task: str | None = None
    domain: str | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    budget: float | None = None

    def __post_init__(self) -> None:
        if not HASH.fullmatch(self.hash):
            raise ValueError(
                'hash is "sha256:" and 64 hex digits, as `calibrant key` prints it; it is none of a key itself.'
            )
        if self.hash in KNOWN:
            raise ValueError("hash is that of a key which stands in examples. Make another: calibrant key.")
        if not self.roles:
            raise ValueError(f"roles are one or more of {', '.join(get_args(Role))}.")
        if self.task is not None and self.tasks and self.task not in self.tasks:
            raise ValueError(f"task {self.task!r} is not among its tasks: {', '.join(self.tasks)}.")
        for name in ("requests_per_minute", "tokens_per_minute", "budget"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} is a number above 0; leave it out for no limit. Got {value!r}.")

    def __repr__(self) -> str:
        return f"Key(name={self.name!r}, roles={self.roles!r})"


def new_key() -> str:
    """A random key of 256 bits, which begins so that scanners for leaked keys can know it.

    >>> len(new_key()), new_key()[:4], weakness(new_key())
    (47, 'cal_', None)
    """
    return f"cal_{secrets.token_urlsafe(32)}"


def hash_of(key: str) -> str:
    """What a configuration holds in place of a key.

    >>> hash_of("changeme")[:23]
    'sha256:057ba03d6c441048'
    """
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def weakness(key: str) -> str | None:
    """Why a key is none that keeps anybody out, None where nothing is known against it.

    >>> weakness("sk-test"), weakness("your-api-key-goes-here"), weakness("abcabcabcabcabcabcabc")
    ('it is shorter than 16 characters', 'it is made of the words of examples', 'it repeats itself')
    >>> weakness("please-change-me-1234"), weakness("0123456789abcdef"), weakness("q8Zr-51xw-Kd0e-77ab")
    ('it is made of the words of examples', 'it is a row of keys or letters', None)
    """
    if len(key) < LEAST:
        return f"it is shorter than {LEAST} characters"
    if not key.isascii() or any(letter.isspace() or not letter.isprintable() for letter in key):
        return "it holds spaces or letters that cannot be sent in a header"
    if len(set(key)) < 6 or (key + key).find(key, 1) < len(key):
        return "it repeats itself"
    lower = key.lower()
    if any(lower in run for run in RUNS):
        return "it is a row of keys or letters"
    parts = [part for part in re.split(r"[^a-z0-9]+|(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", lower) if part]
    if all(map(_guessable, parts)):
        return "it is made of the words of examples"
    return None


def _guessable(part: str) -> bool:
    """Whether a part is a word of examples, a short number, or a row of keys."""
    return part in FILLERS or (part.isdigit() and len(part) <= 4) or any(part in run for run in RUNS)


KNOWN = frozenset(
    hash_of(key)
    for key in (
        "", "changeme", "change-me", "secret", "password", "test", "key", "sk-test", "sk-1234", "sk-12345", "admin",
        "my-secret-key", "your-api-key", "your-secret-key", "sk-your-key", "supersecret", "default", "calibrant",
        "token", "api-key", "apikey", "sk-local", "dummy", "none", "EMPTY", "letmein", "hunter2", "123456",
    )
)  # fmt: skip
"""Hashes of what stands in examples."""
