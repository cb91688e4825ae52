"""Who is let in: keys and their roles, and how much the whole gateway takes at once. No I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from calibrant.assembly.keys import Key, Role, hash_of
from calibrant.assembly.sections import Server, is_loopback
from calibrant.dialogue.asks import OPEN_TOKENS, tokens_in
from calibrant.formats.fields import text_of
from calibrant.types import Ask, Question

from .callers import REQUEST_ID, Caller, Keyring, shown_key
from .errors import TurnedAway
from .visits import Visit

__all__ = ["OPEN", "Admission", "own_name"]

OPEN = frozenset({"/healthz", "/readyz"})
"""What anybody may ask: balancers have no keys."""

ROLES: Mapping[str, tuple[Role, ...]] = {
    "/metrics": ("admin",),
    "/v1/models": ("client", "reviewer", "admin"),
    "/v1/feedback": ("client", "reviewer"),
    "/v1/answers": ("client", "reviewer"),
}
"""Who may use a path and those below it; all others are for clients."""

EVERYBODYS = ("", "server")
"""Names of keys that tell nobody from another: none, and the one of [server]."""

CLIENTS: tuple[Role, ...] = ("client",)

SOON = {"retry-after": "1"}


class Admission:
    """Lets requests in, and counts those that are inside.

    Parameters
    ----------
    keys : of clients; without any, everybody may ask
    server : limits, and task and domain of requests that state none
    local : whether only this machine may ask, so that a request which names another host is turned away: a web page can
        have its own name lead here

    `apply` takes others in their place while requests are inside. `requests` and `streams` are those inside.
    """

    def __init__(
        self,
        keys: Iterable[Key] = (),
        server: Server | None = None,
        *,
        local: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.keyring = Keyring(keys, clock=clock, wall=wall)
        self.server, self._local = server or Server(), local
        self.requests = self.streams = 0

    @classmethod
    def with_key(cls, key: str | None) -> Admission:
        """That of one key for everything, or of none."""
        roles: tuple[Role, ...] = ("client", "reviewer", "admin")
        return cls([] if key is None else [Key(name="server", hash=hash_of(key), roles=roles)])

    def apply(self, keys: Iterable[Key], server: Server) -> None:
        """Hold from now on what a configuration says."""
        self.keyring.apply(keys)
        self.server = server

    def enter(self, visit: Visit, headers: Mapping[bytes, bytes]) -> None:
        """Let a request in, or raise `TurnedAway`. Whatever was let in must `leave`."""
        if visit.path in OPEN:
            return
        if self._local and self.keyring.open:
            _check_host(headers.get(b"host", b""), self.server.host)
        if visit.page:  # people come in by a session, and are let in also when clients fill the gateway
            return
        caller = visit.caller = self.keyring.caller(shown_key(headers))
        self._check_role(caller, visit.path)
        if visit.watching:
            return
        if self.requests >= self.server.at_once:
            raise _full("requests", "at_once", self.server.at_once)
        caller.enter()
        self.requests += 1
        visit.inside = True

    def leave(self, visit: Visit) -> None:
        """Whatever was let in has ended."""
        if visit.inside:
            self.requests -= 1
            self.streams -= visit.stream
            if visit.caller is not None and (visit.tokens or visit.estimate or visit.dollars):
                visit.caller.used(visit.tokens, visit.estimate, visit.dollars)

    def asked(self, visit: Visit, question: Question, ask: Ask, *, stream: bool) -> Question:
        """The question as this caller may ask it; raises `TurnedAway`. What it will use is taken of its limits."""
        caller, server = visit.caller, self.server
        assert caller is not None  # it was let in
        for name, stated in (("task", question.task), ("domain", question.domain)):
            if stated is not None:  # in the metadata, a header or the name of a model
                text_of(stated, f"metadata.{name}")
        question = caller.questioned(question, server.task, server.domain)
        visit.task = question.task
        if stream:
            if self.streams >= server.streams_at_once:
                raise _full("streams", "streams_at_once", server.streams_at_once)
            self.streams += 1
            visit.stream = True
            visit.limit(server.stream_seconds, "stream_seconds")
        if caller.counts_tokens:
            estimate = tokens_in(*(one.content for one in ask.messages))
            estimate += ask.samples * (ask.max_tokens or OPEN_TOKENS)
            visit.estimate = caller.ask(estimate)
        return _marked(question, own_name(caller), visit)

    @staticmethod
    def _check_role(caller: Caller, path: str) -> None:
        if caller.may("client") and path not in ROLES:
            return
        at = next((one for one in ROLES if path == one or path.startswith(f"{one}/")), "")
        roles = ROLES.get(at, CLIENTS)
        if not caller.may(*roles):
            raise TurnedAway(
                f"This is for keys with the role {' or '.join(roles)}; this one has {', '.join(caller.key.roles)}.",
                status=403, code="role_not_allowed",
            )  # fmt: skip


def own_name(caller: Caller) -> str | None:
    """The name of the caller's key, where that tells it from others."""
    return None if caller.key.name in EVERYBODYS else caller.key.name


def _marked(question: Question, key: str | None, visit: Visit) -> Question:
    """With whose key asked, and the client's id of its request, for who looks at the record."""
    own = question.metadata
    marked = own if REQUEST_ID not in own else {name: own[name] for name in own if name != REQUEST_ID}
    if visit.named:
        marked = {**marked, REQUEST_ID: visit.request_id}
    if key is None and marked is own:
        return question
    return replace(question, metadata=marked, asked_by=key)


def _full(what: str, setting: str, most: int) -> TurnedAway:
    return TurnedAway(
        f"The gateway serves {most} {what} at once, and has that many ([server] {setting}). Try again in a second.",
        status=503, code="overloaded", kind="server_error", headers=SOON,
    )  # fmt: skip


def _check_host(stated: bytes, own: str) -> None:
    name = stated.decode("latin-1")
    name = name.partition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]
    if name and name.lower() != own and not is_loopback(name.lower()):
        raise TurnedAway(
            "This gateway has no keys and serves this machine only, under the names localhost and 127.0.0.1. "
            "Give it a key to serve under another name.",
            status=403, code="unknown_host",
        )  # fmt: skip
