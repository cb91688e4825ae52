"""What the sections of a configuration hold that no release does: where and how it is served."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

__all__ = [
    "Alerts",
    "FeedbackSource",
    "Learning",
    "Observing",
    "Pages",
    "Server",
    "Storing",
    "Watch",
    "Webhooks",
    "is_loopback",
]


DEEPEST = 200
"""Lists and objects within each other that can be written as JSON again, within others of our own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where the gateway listens, what it takes of its clients, and what holds where they state nothing.

    Attributes
    ----------
    host, port : where it listens
    key : of all clients, with every role; keys of their own are in [keys.NAME]
    task, domain : of requests that state none
    cors : addresses of web pages that may ask ("https://chat.example.org"), "*" for all
    body_limit : bytes of a request
    depth_limit : how deep the JSON of a request may be nested
    at_once, streams_at_once : requests, and streams among them, that are served at the same time
    request_seconds, stream_seconds : how long an answer may take, and a streamed one
    """

    host: str = "127.0.0.1"
    port: int = 8080
    key: str | None = None
    task: str | None = None
    domain: str | None = None
    cors: tuple[str, ...] = ()
    body_limit: int = 8 * 2**20
    depth_limit: int = 100
    at_once: int = 1000
    streams_at_once: int = 1000
    request_seconds: float = 600.0
    stream_seconds: float = 3600.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port is a number from 0 to 65535; got {self.port}.")
        for name in (
            "body_limit", "depth_limit", "at_once", "streams_at_once", "request_seconds", "stream_seconds",
        ):  # fmt: skip
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is a number above 0; got {getattr(self, name)!r}.")
        if self.depth_limit > DEEPEST:
            raise ValueError(f"depth_limit is at most {DEEPEST}; got {self.depth_limit!r}.")
        for origin in self.cors:
            if origin != "*" and not re.fullmatch(r"https?://[^/\s*]+", origin):
                raise ValueError(
                    f'cors lists addresses such as "https://chat.example.org", without a path; got {origin!r}.'
                )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Storing:
    """When a record counts as kept, and where it is kept while the database is away.

    `durability` is "record", on the disk before its answer leaves, or "relaxed". `spool` is a folder.
    """

    durability: Literal["record", "relaxed"] = "record"
    spool: str | None = None


HOOKS = ("review", "hand_off", "reviewed", "alarm", "resolved", "change")


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhooks:
    """Where it is told that an answer needs a person, was handed off, was reviewed, or that something is wrong, is
    resolved, or has changed.

    `secret` signs what is sent.
    """

    url: str
    secret: str
    events: tuple[Literal["review", "hand_off", "reviewed", "alarm", "resolved", "change"], ...] = HOOKS  # type: ignore[assignment]

    def __post_init__(self) -> None:
        _check_address("url", self.url)
        if len(self.secret) < 16:
            raise ValueError("secret is shorter than 16 characters. Make one: calibrant key.")

    def __repr__(self) -> str:
        return f"Webhooks(url={self.url!r}, events={self.events!r})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alerts:
    """A channel that is told of alarms and changes in a sentence: an address that takes what Slack takes.

    The address is a secret, since whoever has it can post there.
    """

    slack: str

    def __post_init__(self) -> None:
        _check_address("slack", self.slack)

    def __repr__(self) -> str:
        return f"Alerts({urlsplit(self.slack).hostname})"

    @property
    def url(self) -> str:
        """Where it is posted."""
        return self.slack

    @property
    def events(self) -> tuple[str, ...]:
        """What is told."""
        return ("alarm", "resolved", "change")


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """How claims are watched: the most that the chance of a false alarm may be, a gap that does no harm, and the
    seconds between two looks of the process that leads.
    """

    alpha: float = 0.05
    tolerance: float = 0.02
    every: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is a number between 0 and 1, such as 0.05; got {self.alpha!r}.")
        if not 0 <= self.tolerance < 0.5:
            raise ValueError(
                f"tolerance is a number from 0 to below 0.5, such as 0.02; got {self.tolerance!r}."
            )
        if not 0 < self.every < float("inf"):
            raise ValueError(f"every is a number of seconds above 0; got {self.every!r}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedbackSource:
    """Somebody who gives verdicts on records that were chosen with a known probability, such as an audit of all.

    `propensity` is that probability, from 1e-6 to 1.
    """

    propensity: float

    def __post_init__(self) -> None:
        if not 1e-6 <= self.propensity <= 1.0:
            raise ValueError(
                "propensity is the probability with which a record came to be judged, from 0.000001 to 1; got "
                f"{self.propensity!r}."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Learning:
    """When maps are fitted anew on verdicts while it serves, and who puts them in force.

    Attributes
    ----------
    promotion : "by_hand", or "by_test" where a challenger that later verdicts prefer is put in force at once, and the
        lower of both maps while an alarm is open
    refit_after : labels after which challengers are proposed
    """

    promotion: Literal["by_hand", "by_test"] = "by_hand"
    refit_after: int = 100

    def __post_init__(self) -> None:
        if self.refit_after < 1:
            raise ValueError(f"refit_after is a number of labels, from 1 on; got {self.refit_after!r}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pages:
    """Whether pages for people are served beside the interface for clients, and what they call the deployment."""

    enabled: bool = True
    title: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Observing:
    """Where traces go (`otlp`, the address of a collector), and how the log is written."""

    otlp: str | None = None
    log: Literal["json", "text"] = "text"

    def __post_init__(self) -> None:
        if self.otlp is not None:
            _check_address("otlp", self.otlp)


def _check_address(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{name} is an address such as https://hooks.example.org/calibrant; got {url!r}.")
