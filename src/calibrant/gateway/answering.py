"""Answers over HTTP, whole, streamed and held back: the same for all wires."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from calibrant.pipeline import Pipeline
from calibrant.releases.live import LiveWay, task_in
from calibrant.types import Delta, Json, Record

from .admission import Admission
from .bodies import answered, read
from .disclaiming import TALKS, disclaimer
from .given import Given, first_headers, given, headers
from .straight import Endpoint
from .visits import Visit, visit_of
from .wires import Asked, Begun, Events, Wire

__all__ = ["Answering", "choice_ids", "while_there"]

GRACE = 1.0
"""Seconds for which nothing is sent of a stream, so that what fails at once leaves with a status of its own."""

SILENCE = 5.0
"""Seconds after which a stream that has nothing to say says so: clients and proxies give up on silent ones."""

WAITING = b": waiting\n\n"
"""A comment, which clients pass over."""

ROOM = 65536
"""Bytes that wait to be sent, after which no more is read from the model."""

Pieces = AsyncGenerator[Delta | Record, None]
Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answering:
    """Answers requests by a pipeline."""

    pipeline: Pipeline
    admission: Admission

    def endpoint(
        self, wire: Wire, whole: Callable[[Json, Visit], Coroutine[Any, Any, Json]] | None = None
    ) -> Endpoint:
        """What answers requests of a format; `whole` puts in what they name instead of saying it."""

        async def endpoint(request: Request) -> ASGIApp:
            request.state.wire = wire
            visit = visit_of(request)
            visit.wire = type(wire).__name__.lower()
            body = await read(request, self.admission.server.body_limit, self.admission.server.depth_limit)
            if whole is not None:
                body = await whole(body, visit)
            return await self._answer(wire, wire.parse(body, request.headers), request)

        return endpoint

    async def _answer(self, wire: Wire, asked: Asked, request: Request) -> ASGIApp:
        question, task = asked.question, task_in(asked.model)
        if task is not None:
            question = replace(question, task=task)
        visit = visit_of(request)
        question = self.admission.asked(visit, question, asked.ask, stream=asked.stream)
        way = self.pipeline.way(question.task, asked.model)
        ids = choice_ids(self.pipeline.new_id(), asked.ask.samples)
        request.state.record_id, request.state.hold = ids[0], way.hold
        request.state.quiet = way.hold or self.pipeline.writer.keeping(question.task).content != "stored"
        visit.model, visit.hold = way.model.name, way.hold
        talks = way.disclaims and wire.path in TALKS

        def under(record: Record) -> str:
            return disclaimer(record, asked.ask, way.book) if talks else ""

        if asked.stream:
            pieces = self.pipeline.streams(question, asked.ask, ids, way)
            begun = Begun(record_id=ids[0], model=way.model.name, time=self.pipeline.clock())
            return _EventStream(pieces, wire.events(asked, begun), way, ids, visit, under)
        records = await while_there(request.receive, self.pipeline.answers(question, asked.ask, ids, way))
        visit.records = records
        shown = [given(one, hold=way.hold, book=way.book, under=under(one)) for one in records]
        return answered(wire.reply(asked, shown), headers=headers(records))


def choice_ids(first: str, samples: int) -> tuple[str, ...]:
    """Ids of the records of a request: those of further choices follow from that of the first, which the reply has.

    >>> choice_ids("r1", 3)
    ('r1', 'r1-1', 'r1-2')
    """
    return (first, *[f"{first}-{index}" for index in range(1, samples)])


async def while_there(receive: Receive, work: Coroutine[Any, Any, Found]) -> Found:
    """What the work gives; it is ended when the client leaves."""
    task, over = asyncio.current_task(), False
    assert task is not None  # requests are served in tasks

    def left(_: object) -> None:
        if not over:
            task.cancel()

    leaving = asyncio.ensure_future(_left(receive))
    leaving.add_done_callback(left)
    try:
        return await work
    except asyncio.CancelledError:
        if leaving.done() and not leaving.cancelled():
            task.uncancel()
            raise ClientDisconnect from None
        raise
    finally:
        over = True
        leaving.cancel()


class _EventStream:
    """A streamed answer. Reads the pieces only while the client is there, and closes them when it leaves.

    The headers leave as soon as the model has begun, or after a second; while there is nothing to tell, comments do.
    Pieces that come together leave together.
    """

    def __init__(
        self,
        pieces: Pieces,
        events: Events,
        way: LiveWay,
        ids: Sequence[str],
        visit: Visit,
        under: Callable[[Record], str],
    ) -> None:
        self._under = under
        self._pieces, self._events, self._way, self._ids, self._visit = pieces, events, way, ids, visit
        self._headers = first_headers(ids[0], way.release)
        self._told = _Told()

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        telling = asyncio.ensure_future(self._told.to(send, self._head))
        waiting = asyncio.ensure_future(self._told.wait())
        reading = asyncio.ensure_future(self._tell_held() if self._way.hold else self._tell_as_it_comes())
        reading.add_done_callback(self._told.end)
        leaving = asyncio.ensure_future(_left(receive))
        async with aclosing(self._pieces):
            try:
                await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._visit.left = leaving.done() and not telling.done()
                await _ended(leaving, waiting, reading, telling, why=self._visit.late)
        if not telling.cancelled():
            telling.result()  # raises what went wrong, there or while reading
            reading.result()
            await send({"type": "http.response.body", "body": b""})

    async def _tell_as_it_comes(self) -> None:
        shown: list[Given] = []
        async for piece in self._pieces:
            if isinstance(piece, Record):
                self._visit.records = [*self._visit.records, piece]
                index, under = self._ids.index(piece.id), self._under(piece)
                said = self._events.piece(Delta(text=under, index=index)) if under else b""
                shown.append(self._given(piece))
                said += self._events.end(shown[-1], index)
            else:
                said = self._events.piece(piece)
            if said or not self._told.begun:
                await self._told.say(said)
        await self._told.say(self._events.close(shown))

    async def _tell_held(self) -> None:
        records = [piece async for piece in self._pieces if isinstance(piece, Record)]
        self._visit.records = records
        self._headers = headers(records)
        shown, said = [self._given(record) for record in records], []
        for index, one in enumerate(shown):
            said += [self._events.piece(Delta.of(one.completion, index)), self._events.end(one, index)]
        await self._told.say(b"".join([*said, self._events.close(shown)]))

    def _given(self, record: Record) -> Given:
        under = self._under(record)
        return given(record, hold=self._way.hold, book=self._way.book, under=under)

    def _head(self) -> list[tuple[bytes, bytes]]:
        shown = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        return [(name.encode(), value.encode()) for name, value in (shown | self._headers).items()]


class _Told:
    """What is to be told of a stream, until it is sent: what is said before the event loop goes on leaves at once."""

    def __init__(self) -> None:
        self.begun = False
        """Whether anything was said."""
        self._said: list[bytes] = []
        self._size, self._over = 0, False
        self._something, self._room = asyncio.Event(), asyncio.Event()
        self._at = asyncio.get_running_loop().time()

    async def say(self, events: bytes) -> None:
        """Have events sent; with none, the headers. Waits where the client reads slowly."""
        self.begun = True
        self._said.append(events)
        self._size += len(events)
        self._something.set()
        if self._size > ROOM:
            self._room.clear()
            await self._room.wait()

    def end(self, _: object) -> None:
        """Nothing more will be said."""
        self._over = True
        self._something.set()

    async def to(self, send: Send, head: Callable[[], list[tuple[bytes, bytes]]]) -> None:
        """Send what is said until the end."""
        started, clock = False, asyncio.get_running_loop().time
        while not self._over or self._said:
            await self._something.wait()
            self._something.clear()
            if not self._said:
                continue
            events, self._said, self._size = b"".join(self._said), [], 0
            self._at = clock()
            if not started:
                started = True
                await send({"type": "http.response.start", "status": 200, "headers": head()})
            if events:
                await send({"type": "http.response.body", "body": events, "more_body": True})
            self._room.set()

    async def wait(self) -> None:
        """Say that there is nothing to say yet, where there is not for a while."""
        clock, patience = asyncio.get_running_loop().time, GRACE
        while True:
            await asyncio.sleep(max(0.0, self._at + patience - clock()))
            if clock() - self._at >= patience:
                await self.say(WAITING)
                self._at = clock()
            patience = SILENCE if self.begun else GRACE


async def _ended(*tasks: asyncio.Future[Any], why: str | None = None) -> None:
    """End what is still under way, and wait until it has; a record that is made then tells why."""
    if left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel(why)
        await asyncio.wait(left)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
