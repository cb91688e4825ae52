"""Who asks: a key, what it may do, and what is left of its limits. No I/O."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from calibrant.assembly.keys import Key, Role, hash_of
from calibrant.http.throttle import TokenBucket
from calibrant.types import Question

from .errors import TurnedAway

__all__ = ["ANYBODY", "DAY", "REQUEST_ID", "Caller", "Keyring", "shown_key"]

REQUEST_ID = "calibrant.request_id"
"""Under this name a record's metadata has the id that the client gave its request."""

DAY = 86400.0

Clock = Callable[[], float]


class Caller:
    """Whoever shows a key, with what is left of its limits.

    Parameters
    ----------
    key : what it may do, and its limits
    clock : monotonic seconds
    wall : seconds since the epoch; the days of a budget begin at midnight UTC
    """

    def __init__(self, key: Key, *, clock: Clock = time.monotonic, wall: Clock = time.time) -> None:
        self.key, self._clock, self._wall = key, clock, wall
        self._requests = _bucket(key.requests_per_minute, clock)
        self._tokens = _bucket(key.tokens_per_minute, clock)
        self.day, self.spent, self.elsewhere = self._today(), 0.0, 0.0

    def may(self, *roles: Role) -> bool:
        """Whether it has one of these roles."""
        return any(role in self.key.roles for role in roles)

    @property
    def spent_today(self) -> float:
        """US dollars."""
        self._turn()
        return self.spent + self.elsewhere

    @property
    def spent_here(self) -> float:
        """US dollars of today that the store does not know of."""
        self._turn()
        return self.spent

    def settled(self, here: float, everywhere: float) -> None:
        """The store knows of so much that was spent here, and of so much in all."""
        if self.day == self._today():
            self.spent, self.elsewhere = max(0.0, self.spent - here), everywhere

    def enter(self) -> None:
        """Count a request; raises `TurnedAway` where the key has no more of them, or of its money."""
        if self.key.budget is not None:
            self._check_budget(self.key.budget)
        if self._requests is not None and (wait := self._requests.take(1)):
            self._requests.give_back(1)
            raise _too_many("requests", self.key.requests_per_minute, wait, self.headers())

    @property
    def limited(self) -> bool:
        """Whether it has a limit a minute."""
        return self._requests is not None or self._tokens is not None

    @property
    def counts_tokens(self) -> bool:
        """Whether it has a limit on tokens."""
        return self._tokens is not None

    def ask(self, tokens: float) -> float:
        """Take about as many tokens as a request will use, and no more than a minute's, and give how many that are.

        Raises `TurnedAway` where earlier ones used too many.
        """
        limit = self.key.tokens_per_minute
        if self._tokens is None or limit is None:
            return 0.0
        if wait := self._tokens.take(0):
            raise _too_many("tokens", limit, wait, self.headers())
        taken = min(tokens, limit)
        self._tokens.give_back(-taken)
        return taken

    def used(self, tokens: float, estimate: float, dollars: float) -> None:
        """What a request used in the end, where `estimate` was taken for it."""
        if self._tokens is not None:
            self._tokens.give_back(estimate - tokens)
        if dollars:
            self._turn()
            self.spent += dollars

    def questioned(self, question: Question, task: str | None, domain: str | None) -> Question:
        """The question with the task and domain that hold where it states none: the key's, else those given.

        Raises `TurnedAway` for a task that is not this key's.
        """
        key = self.key
        named = question.task or key.task or task
        if key.tasks and named not in key.tasks:
            said = f"not for the task {named[:100]!r}" if named else "for none without a task"
            raise TurnedAway(
                f"This key is {said}; its tasks: {', '.join(key.tasks)}.", "metadata.task", status=403,
                code="task_not_allowed",
            )  # fmt: skip
        placed = question.domain or key.domain or domain
        if named == question.task and placed == question.domain:
            return question
        return replace(question, task=named, domain=placed)

    def headers(self) -> dict[str, str]:
        """What is left of its limits, as OpenAI tells it."""
        made: dict[str, str] = {}
        for name, limit, bucket in (
            ("requests", self.key.requests_per_minute, self._requests),
            ("tokens", self.key.tokens_per_minute, self._tokens),
        ):
            if bucket is not None and limit is not None:
                left = max(0.0, bucket.left)
                made[f"x-ratelimit-limit-{name}"] = f"{limit:g}"
                made[f"x-ratelimit-remaining-{name}"] = f"{math.floor(left)}"
                made[f"x-ratelimit-reset-{name}"] = _span(60 * (limit - bucket.left) / limit)
        return made

    def _check_budget(self, budget: float) -> None:
        if (spent := self.spent_today) >= budget:
            seconds = DAY - self._wall() % DAY
            raise TurnedAway(
                f"This key's budget of {budget:g} US dollars a day is spent ({spent:.2f}). It begins anew at midnight "
                "UTC; its operator can raise it.",
                status=429, code="insufficient_quota", kind="insufficient_quota",
                headers={"retry-after": f"{math.ceil(seconds)}", "x-should-retry": "false"},
            )  # fmt: skip

    def _turn(self) -> None:
        if (today := self._today()) != self.day:
            self.day, self.spent, self.elsewhere = today, 0.0, 0.0

    def _today(self) -> int:
        return int(self._wall() // DAY)


def _bucket(limit: float | None, clock: Clock) -> TokenBucket | None:
    """A minute's worth may come at once: clients send in bursts."""
    return None if limit is None else TokenBucket(limit, max(1.0, limit), clock=clock)


def _too_many(what: str, limit: float | None, wait: float, left: Mapping[str, str]) -> TurnedAway:
    soon = {"retry-after": f"{math.ceil(wait)}", "retry-after-ms": f"{math.ceil(1000 * wait)}"}
    return TurnedAway(
        f"This key's limit of {limit:g} {what} a minute is reached. Try again in {wait:.1f} seconds.",
        status=429, code="rate_limit_exceeded", kind=what, headers={**left, **soon},
    )  # fmt: skip


def _span(seconds: float) -> str:
    """Seconds as OpenAI writes a span of time.

    >>> _span(0.25), _span(61.5)
    ('250ms', '1m1.5s')
    """
    if seconds < 1:
        return f"{math.ceil(1000 * max(0.0, seconds))}ms"
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{minutes:.0f}m{rest:g}s" if minutes else f"{rest:g}s"


ANYBODY = Key(name="", hash="sha256:" + "0" * 64, roles=("client", "reviewer", "admin"))
"""Who asks where there are no keys, which is on this machine only."""


class Keyring:
    """Finds callers by the keys that they show. What is left of limits stays where keys are read again.

    >>> ring = Keyring([Key(name="team", hash=hash_of("q8Zr-51xw-Kd0e-77ab"))])
    >>> ring.caller(b"q8Zr-51xw-Kd0e-77ab").key.name
    'team'
    """

    def __init__(
        self, keys: Iterable[Key] = (), *, clock: Clock = time.monotonic, wall: Clock = time.time
    ) -> None:
        self._clock, self._wall = clock, wall
        self._callers: dict[str, Caller] = {}
        self._anybody = Caller(ANYBODY, clock=clock, wall=wall)
        self.apply(keys)

    def apply(self, keys: Iterable[Key]) -> None:
        """Take these keys in place of those before."""
        before = {one.key.name: one for one in self._callers.values()}
        self._callers = {key.hash: self._kept(before.get(key.name), key) for key in keys}

    def _kept(self, known: Caller | None, key: Key) -> Caller:
        if known is not None and known.key == key:
            return known
        made = Caller(key, clock=self._clock, wall=self._wall)
        if known is not None:  # what was spent was spent
            made.day, made.spent, made.elsewhere = known.day, known.spent, known.elsewhere
        return made

    @property
    def callers(self) -> tuple[Caller, ...]:
        """All that have a key."""
        return tuple(self._callers.values())

    @property
    def open(self) -> bool:
        """Whether nobody needs a key."""
        return not self._callers

    def shown(self, key: bytes | None) -> Key | None:
        """The key that somebody shows; where nobody needs one that of anybody; None where it is nobody's."""
        found = self._shown(key)
        return None if found is None else found.key

    def named(self, name: str) -> Key | None:
        """The key of that name, None where there is none."""
        return next((one.key for one in self._callers.values() if one.key.name == name), None)

    def _shown(self, key: bytes | None) -> Caller | None:
        if not self._callers:
            return self._anybody
        # Looked up by its digest, so that the time taken tells nothing of a key.
        return self._callers.get(hash_of(key.decode("latin-1"))) if key else None

    def caller(self, shown: bytes | None) -> Caller:
        """Whose key that is; raises `BadRequest` where it is nobody's."""
        found = self._shown(shown)
        if found is None:
            raise TurnedAway(
                "Expected a key of this gateway: Authorization: Bearer KEY, or x-api-key: KEY.",
                status=401, code="invalid_api_key", headers={"www-authenticate": "Bearer"},
            )  # fmt: skip
        return found


def shown_key(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The key that a request shows, in any of the ways in which clients do; None for none.

    >>> shown_key({b"authorization": b"bearer  k"}), shown_key({b"authorization": b"Basic eA==", b"x-api-key": b"k"})
    (b'k', b'k')
    """
    said = headers.get(b"authorization")
    if said is not None:
        scheme, _, key = said.strip().partition(b" ")
        if scheme.lower() == b"bearer":
            return key.strip()
    return headers.get(b"x-api-key") or headers.get(b"api-key")
