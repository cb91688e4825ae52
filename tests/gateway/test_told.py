"""What is told of a stream: together what comes together, no more than fits, all of it before what went wrong."""

from __future__ import annotations

import asyncio
from typing import Any

from calibrant.gateway import answering
from calibrant.gateway.answering import _Told


def head() -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"text/event-stream")]


def bodies(sent: list[Any]) -> list[bytes]:
    return [one["body"] for one in sent if one["type"] == "http.response.body"]


async def told(say: Any, send: Any) -> None:
    told = _Told()
    telling = asyncio.ensure_future(told.to(send, head))
    reading = asyncio.ensure_future(say(told))
    reading.add_done_callback(told.end)
    await asyncio.wait_for(telling, 5)
    await reading


def test_pieces_that_come_together_leave_together() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def say(told: _Told) -> None:
        for text in (b"", b"a", b"b", b"c"):
            await told.say(text)
        await asyncio.sleep(0.01)
        await told.say(b"d")

    asyncio.run(told(say, send))
    assert sent[0]["type"] == "http.response.start"
    assert bodies(sent) == [b"abc", b"d"]


def test_the_headers_leave_before_the_first_words_and_nothing_where_nothing_is_said() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def begun(told: _Told) -> None:
        await told.say(b"")

    async def silent(_: _Told) -> None:
        await asyncio.sleep(0)

    asyncio.run(told(begun, send))
    assert sent == ["http.response.start"]
    sent.clear()
    asyncio.run(told(silent, send))
    assert sent == []


def test_no_more_is_read_than_fits_while_the_client_does_not_take_it() -> None:
    sent: list[Any] = []
    said: list[int] = []
    part = b"x" * (answering.ROOM // 4)

    async def work() -> None:
        takes = asyncio.Event()

        async def send(message: Any) -> None:
            await takes.wait()
            sent.append(message)

        async def say(told: _Told) -> None:
            for n in range(40):
                await told.say(part)
                said.append(n)

        task = asyncio.create_task(told(say, send))
        await asyncio.sleep(0.05)
        assert len(said) < 12
        takes.set()
        await task

    asyncio.run(work())
    assert len(said) == 40 and b"".join(bodies(sent)) == 40 * part


def test_what_was_said_is_sent_also_where_reading_fails() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def say(told: _Told) -> None:
        await told.say(b"a")
        raise ValueError("broken off")

    async def work() -> str:
        try:
            await told(say, send)
        except ValueError as error:
            return str(error)
        return ""

    assert asyncio.run(work()) == "broken off" and bodies(sent) == [b"a"]
