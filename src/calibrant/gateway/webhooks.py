"""Tells addresses of the configuration what happened: signed, at least once, and never in the way of an answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import aiohttp
import orjson

from calibrant import __version__
from calibrant.assembly.deployed import ByTask
from calibrant.assembly.sections import Webhooks
from calibrant.errors import StoreError
from calibrant.pipeline import Pipeline
from calibrant.types import Entry, Event, Json, Record

from .given import ANSWERS

__all__ = ["Deliveries", "body_of", "name_of", "signature"]

LOG = logging.getLogger("calibrant.gateway")

STATE = "webhooks"
"""The state of the store that says up to which entry all is delivered."""

KINDS = ("held", "flagged", "reviewed", "alarm", "resolved", "change")
"""Events of which somebody may want to be told."""

EVERY = 0.5
"""Seconds between two looks for new events."""

PATIENCE = 10.0
"""Seconds for an address to answer."""

FIRST, LONGEST = 1.0, 3600.0
"""Seconds before the second attempt, doubled with each further one, and at the most."""

GIVE_UP = 3 * 86400.0
"""Seconds after which an event is delivered no more."""

AT_ONCE = 8
"""Deliveries to an address that are under way at the same time."""

BEFORE = 600.0
"""Seconds before the start of the first process that leads; what was older is not told when webhooks are new."""

PENDING = 10_000
"""Events that may wait for their delivery in memory; the rest wait in the store."""


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of the header x-calibrant-signature: HMAC-SHA256 over the time (in seconds), a dot and the body.

    >>> signature("secret", 1764444000, b"{}")[:24]
    't=1764444000,v1=eead9dc5'
    """
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={signed.hexdigest()}"


def name_of(event: Event) -> str:
    """By what name the configuration knows what happened: the action of an answer, or the kind of the event."""
    return str(event.data.get("action")) if event.kind in ("held", "flagged") else event.kind


def body_of(event: Event) -> Json:
    """What is told: ids and numbers, and nothing of question or answer.

    >>> event = Event(id="held-r1", kind="held", time=1.0, about="r1", data={"action": "review", "p": 0.4})
    >>> told = body_of(event)
    >>> told["event"], told["record_id"], told["held"], told["poll"], told["p"]
    ('review', 'r1', True, '/v1/answers/r1', 0.4)
    """
    told: dict[str, Any] = {"id": event.id, "event": name_of(event), "time": event.time}
    if event.kind in ("alarm", "resolved", "change"):
        return told | {"about": event.about, "data": dict(event.data)}
    return (
        told
        | {"record_id": event.about, "held": event.kind == "held", "poll": f"{ANSWERS}/{event.about}"}
        | dict(event.data)
    )


class _Address(Protocol):
    @property
    def url(self) -> str: ...

    @property
    def events(self) -> tuple[str, ...]: ...


Told = TypeVar("Told", bound=_Address)


class Deliveries(Generic[Told]):
    """Delivers events to the webhooks of their tasks, in the process that leads.

    What is delivered is an event of its own, and up to where all is done a state, so that another process goes on where
    one ended. Who was told and could not say so is told again: receivers drop what has an `id` that they know.

    Parameters
    ----------
    pipeline : its store has the events
    webhooks : who is told, by task; another value may take its place at any time
    leads : whether this process is to deliver
    """

    state: ClassVar[str] = STATE
    kinds: ClassVar[tuple[str, ...]] = KINDS
    mark: ClassVar[str] = ""
    """Stands in the ids of deliveries, so that each kind of address has its own."""

    def __init__(
        self,
        pipeline: Pipeline,
        webhooks: ByTask[Told | None],
        leads: Callable[[], bool],
        *,
        first: float = FIRST,
    ) -> None:
        self.webhooks, self._pipeline, self._leads, self._first = webhooks, pipeline, leads, first
        self._began = pipeline.clock()
        self._forget()

    def body(self, event: Event) -> bytes:
        """What is sent."""
        return orjson.dumps(body_of(event))

    def headers(self, hook: Told, body: bytes) -> dict[str, str]:
        """What shows that it was sent from here."""
        assert isinstance(hook, Webhooks)
        return {"x-calibrant-signature": signature(hook.secret, int(self._pipeline.clock()), body)}

    def notable(self, record: Record) -> bool:
        """Whether an event is to stand beside a record: it is held, or its action is one that somebody is told of."""
        if record.held:
            return True
        hook = self.webhooks.of(record.question.task)
        decision = record.decision
        return (
            hook is not None
            and decision is not None
            and decision.action.needs_person
            and decision.action.value in hook.events
        )

    async def watch(self) -> None:
        """Deliver until cancelled."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            try:
                while True:
                    try:
                        if self._leads() and self._wanted():
                            await self._go_on(session)
                        elif self._version is not None:
                            self._forget()
                    except StoreError:  # the writer says in the log that it is away
                        self._forget()
                    await asyncio.sleep(EVERY)
            finally:
                self._forget()

    def _wanted(self) -> bool:
        return any((self.webhooks.default, *self.webhooks.tasks.values()))

    def _forget(self) -> None:
        """Begin anew from the state: another may have gone on meanwhile."""
        for task in getattr(self, "_pending", {}).values():
            task.cancel()
        self._version: int | None = None
        self._pending: dict[int, asyncio.Task[None]] = {}
        self._done: set[str] = set()
        self._cursor = self._seen = 0
        self._rooms: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def _go_on(self, session: aiohttp.ClientSession) -> None:
        if self._version is None:
            self._version, self._cursor, self._done = await asyncio.to_thread(self._place)
            self._seen = self._cursor
            if self._version == 0:  # kept at once, so that another goes on from here
                await self._keep(self._cursor)
        for position in [place for place, task in self._pending.items() if task.done()]:
            if (error := self._pending[position].exception()) is not None:
                LOG.error("A webhook could not be told; it is tried again", exc_info=error)
                return self._forget()
            del self._pending[position]
        if len(self._pending) < PENDING:
            for entry in await asyncio.to_thread(self._next):
                self._seen = entry.position
                event = _event(entry)
                if event.id not in self._done:
                    task = asyncio.create_task(self._delivered(session, event))
                    self._pending[entry.position] = task
        cursor = min(self._pending, default=self._seen + 1) - 1
        if cursor > self._cursor:
            await self._keep(cursor)
        return None

    async def _keep(self, cursor: int) -> None:
        """All is done up to there; begins anew where another has gone on meanwhile."""
        version = self._version or 0
        if await asyncio.to_thread(self._pipeline.store.set_state, self.state, {"cursor": cursor}, version):
            self._version, self._cursor = version + 1, cursor
        else:
            self._forget()

    def _place(self) -> tuple[int, int, set[str]]:
        """Where to go on, and what is delivered beyond. The first time ever it begins shortly before this process."""
        store = self._pipeline.store
        version, value = store.state(self.state)
        if value is None:
            older = (
                e.position
                for e in store.events(*self.kinds, newest=True)
                if _event(e).time < self._began - BEFORE
            )
            cursor = next(older, 0)
        else:
            cursor = value["cursor"]
        done = (_event(entry) for entry in store.events("delivery", after=cursor))
        own = {one.data["event"] for one in done if one.id == self._id(one.data["event"])}
        return version, cursor, own

    def _id(self, event_id: str) -> str:
        return f"delivery-{self.mark}{event_id}"

    def _next(self) -> list[Entry]:
        found = []
        for entry in self._pipeline.store.events(*self.kinds, after=self._seen):
            found.append(entry)
            if len(found) + len(self._pending) >= PENDING:
                break
        return found

    async def _delivered(self, session: aiohttp.ClientSession, event: Event) -> None:
        """Try until it is taken, nobody wants it any more, or it is too late."""
        attempts, body = 0, self.body(event)
        while True:
            hook = self.webhooks.of(event.data.get("task"))
            if hook is None or name_of(event) not in hook.events:
                return None
            attempts += 1
            async with self._rooms[hook.url]:
                outcome = await self._sent(session, hook, body)
            if outcome is None:
                return await self._note(event, attempts, "delivered")
            if self._pipeline.clock() - event.time > GIVE_UP:
                LOG.error("A webhook was not told of %s, and will not be: %s", event.id, outcome)
                return await self._note(event, attempts, "given up")
            LOG.warning("A webhook was not told of %s (attempt %d): %s", event.id, attempts, outcome)
            wait = min(LONGEST, self._first * 2.0 ** min(attempts - 1, 20))
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))

    async def _sent(self, session: aiohttp.ClientSession, hook: Told, body: bytes) -> str | None:
        """None where it was taken, else what is wrong, in words of ours. Follows no redirect."""
        sent = {
            "content-type": "application/json",
            "user-agent": f"calibrant/{__version__}",
        } | self.headers(hook, body)
        try:
            async with session.post(hook.url, data=body, headers=sent, allow_redirects=False) as response:
                return None if 200 <= response.status < 300 else f"status {response.status}"
        except TimeoutError:
            return f"no answer within {PATIENCE:g} seconds"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__

    async def _note(self, event: Event, attempts: int, outcome: str) -> None:
        told = {"event": event.id, "attempts": attempts, "outcome": outcome}
        done = Event(
            id=self._id(event.id),
            kind="delivery",
            time=self._pipeline.clock(),
            about=event.about,
            data=told,
        )
        while True:
            try:
                return await self._pipeline.writer.add([done])
            except StoreError:
                await asyncio.sleep(EVERY)


def _event(entry: Entry) -> Event:
    assert isinstance(entry.fact, Event)  # `events` gives no others
    return entry.fact
