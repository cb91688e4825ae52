"""A request, as far as it has come: what its limits, its line in the log, metrics and spans are made of. No I/O."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.types import Scope

from calibrant.types import Record, Verdict

from .callers import Caller

__all__ = ["Visit", "paid", "visit_of"]

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
"""What is taken for a client's own id of its request: nothing that could break a log's line or a header."""

LEFT = 499
WATCHING = frozenset({"/healthz", "/readyz", "/metrics"})

Headers = Mapping[bytes, bytes]


@dataclass(slots=True)
class Visit:
    """One request, from its first byte to its last.

    `request_id` is the client's own, or where it `named` none a new one; `began` and `first` (the first byte of the
    answer) are monotonic seconds. `caller` is None until the key was looked at, `status` 0 until the answer began.
    `page` says that it is for a page, which asks by itself who comes,
    `inside` that it counts as let in, `estimate` how many tokens were taken of its key's limit, `left` that the
    client did, `late` why it was ended.
    """

    request_id: str
    named: bool
    method: str
    path: str
    began: float
    caller: Caller | None = None
    wire: str = ""
    task: str | None = None
    model: str = ""
    stream: bool = False
    inside: bool = False
    page: bool = False
    records: Sequence[Record] = ()
    status: int = 0
    first: float | None = None
    error: Exception | None = None
    code: str | None = None
    estimate: float = 0.0
    tokens: int = 0
    dollars: float = 0.0
    left: bool = False
    late: str | None = None
    record_id: str | None = None
    hold: bool = False
    verdicts: Sequence[Verdict] = ()
    trace_id: str | None = None
    span: Any = None
    _timer: asyncio.TimerHandle | None = None

    @classmethod
    def begun(cls, scope: Scope, headers: Headers) -> Visit:
        """That of a request which comes in."""
        own = headers.get(b"x-request-id")
        named = own is not None and REQUEST_ID.fullmatch(own) is not None
        made = own.decode() if own is not None and named else f"{random.getrandbits(96):024x}"  # no secret
        return cls(made, named, scope["method"], scope["path"], time.monotonic())

    @property
    def shown(self) -> int:
        """The status in logs and metrics: 499 where the client left before the answer began, as nginx has it."""
        return self.status or LEFT

    @property
    def watching(self) -> bool:
        """Whether somebody only looks how the gateway does."""
        return self.path in WATCHING

    def limit(self, seconds: float, setting: str) -> None:
        """End the task that serves it so many seconds from now, in place of an earlier limit; it is `late` then."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        self.unlimit()
        self._timer = loop.call_later(seconds, self._end, task, _too_late(seconds, setting))

    def unlimit(self) -> None:
        """It has come so far that nothing ends it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def used(self, tokens: int, dollars: float) -> None:
        """What was read, written and paid for it; of answers that are recorded it is seen by itself."""
        self.tokens += tokens
        self.dollars += dollars

    def own_headers(self) -> list[tuple[bytes, bytes]]:
        """What each reply carries: the request's id, and what is left of the limits of its key."""
        made = [(b"x-request-id", self.request_id.encode())]
        if self.caller is not None and self.caller.limited and self.status != 429:  # which has its own
            made += [(name.encode(), value.encode()) for name, value in self.caller.headers().items()]
        return made

    def settle(self) -> None:
        """Count what its answers used; one that ended without any, through no error, as was estimated."""
        for record in self.records:
            if record.completion is not None:
                self.used(record.completion.usage.total, paid(record))
        if not self.tokens and self.left:
            self.tokens = round(self.estimate)

    def _end(self, task: asyncio.Task[object], why: str) -> None:
        self.late = why
        task.cancel(why)


def paid(record: Record) -> float:
    """US dollars for an answer, all steps of its way included, as far as they are known."""
    steps = [step.cost for step in record.steps if step.cost is not None]
    own = record.completion.cost if record.completion is not None else None
    return sum(steps) if steps else own or 0.0


@lru_cache(16)
def _too_late(seconds: float, setting: str) -> str:
    return f"The answer took longer than {seconds:g} seconds ([server] {setting})."


def visit_of(request: Request) -> Visit:
    """That of a request which came through the entrance."""
    visit: Visit = request.scope["state"]["visit"]
    return visit
