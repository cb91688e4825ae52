"""Memory, open files and threads of the gateway over a long time.

    python -m benchmarks.gateway.soak [MINUTES] [--quick]    # an hour by default

Four connections ask at a pace, in each format, whole and streamed in turn, and never the same twice; a fifth client
comes anew each time, and hangs up in the middle or asks what is refused. A line a minute, and at the end the slope of
the memory over the second half of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .load import Request, keep_asking
from .processes import Server, ended_by_signals
from .served import gateway, upstream

PACE = 0.060
"""Seconds between two requests of a connection."""


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("minutes", nargs="?", type=float, default=60.0)
    parser.add_argument("--quick", action="store_true", help="four seconds")
    return parser


def main() -> None:
    given = options().parse_args()
    minutes, first = (4 / 60, 1.0) if given.quick else (given.minutes, 10.0)
    ended_by_signals()
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream() as fast,
        gateway(fast, Path(folder) / "soak") as server,
    ):
        asyncio.run(soak(server, minutes, first))


async def soak(server: Server, minutes: float, first: float) -> None:
    step = min(60.0, minutes * 60 / 8)
    asked, left = various(), 0
    await keep_asking(server.port, asked, first, connections=4, pace=PACE)  # what is filled once, is
    seen, answers = list[tuple[float, float]](), 0
    print(f"{'minute':>6} {'MB':>8} {'files':>6} {'threads':>8} {'CPU %':>6} {'answers':>9} {'left':>6}")
    for number in range(round(minutes * 60 / step)):
        before = server.cpu()
        load, gone = await asyncio.gather(
            keep_asking(server.port, asked, step, connections=4, pace=PACE), keep_leaving(server.port, step)
        )
        answers, left = answers + len(load.whole), left + gone
        now = (number + 1) * step / 60
        seen.append((now, server.memory()))
        busy = (server.cpu() - before) / step * 100
        print(
            f"{now:6.1f} {seen[-1][1]:8.1f} {server.handles():6} {server.threads():8} {busy:6.0f} {answers:9} "
            f"{left:6}",
            flush=True,
        )
    times, sizes = np.array(seen[len(seen) // 2 :]).T
    slope = np.polyfit(times, sizes, 1)[0] * 60
    print(f"{answers} answers; memory over the second half: {slope:+.1f} MB an hour")


def various() -> Iterator[Request]:
    """Each format, whole and streamed, each question once."""
    for number in itertools.count():
        said = f"What is the capital of country {number}?"
        turns = [{"role": "user", "content": said}]
        kinds: tuple[tuple[str, dict[str, Any]], ...] = (
            ("chat/completions", {"messages": turns}),
            ("responses", {"input": said}),
            ("messages", {"messages": turns, "max_tokens": 100}),
            ("completions", {"prompt": said}),
        )
        for path, members in kinds:
            for stream in (False, True):
                yield Request(f"/v1/{path}", {"model": "tiny", **members, "stream": stream})
        yield Request("/v1/embeddings", {"model": "tiny", "input": said})


async def keep_leaving(port: int, seconds: float) -> int:
    """One client that hangs up after a few bytes of an answer, or asks in vain; how often."""
    ends, number = time.perf_counter() + seconds, 0
    streams = (request for request in various() if request.body.get("stream"))
    while time.perf_counter() < ends:
        request = next(streams)
        if number % 2:
            request = Request(request.path, {**request.body, "temperature": json.dumps(number)})
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.at(port))
            await reader.read(400)
            writer.close()
            await writer.wait_closed()
        number += 1
        await asyncio.sleep(5 * PACE)
    return number


if __name__ == "__main__":
    main()
