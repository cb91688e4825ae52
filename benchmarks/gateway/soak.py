"""Memory, open files and threads of the gateway over a long time at half load.

    python -m benchmarks.gateway.soak [MINUTES]    # an hour by default

Four connections ask at a pace, whole and streamed in turn, so that a core is about half busy. A line a minute, and at
the end the slope of the memory over the second half of the time.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import numpy as np

from .load import CHAT, STREAM, keep_asking
from .processes import Server, ended_by_signals
from .served import gateway, upstream

PACE = 0.010
"""Seconds between two requests of a connection."""


def main() -> None:
    minutes = float(sys.argv[1]) if sys.argv[1:] else 60.0
    ended_by_signals()
    with (
        tempfile.TemporaryDirectory() as folder,
        upstream() as fast,
        gateway(fast, Path(folder) / "soak") as server,
    ):
        asyncio.run(soak(server, minutes))


async def soak(server: Server, minutes: float) -> None:
    step = min(60.0, minutes * 60 / 8)
    await keep_asking(server.port, CHAT, 10.0)  # what is filled once, is
    seen, asked = list[tuple[float, float]](), 0
    print(f"{'minute':>6} {'MB':>8} {'files':>6} {'threads':>8} {'CPU %':>6} {'asked':>9}")
    for number in range(round(minutes * 60 / step)):
        before = server.cpu()
        for request in (CHAT, STREAM):
            load = await keep_asking(server.port, request, step / 2, connections=4, pace=PACE)
            asked += len(load.whole)
        now = (number + 1) * step / 60
        seen.append((now, server.memory()))
        busy = (server.cpu() - before) / step * 100
        print(
            f"{now:6.1f} {seen[-1][1]:8.1f} {server.handles():6} {server.threads():8} {busy:6.0f} {asked:9}",
            flush=True,
        )
    times, sizes = np.array(seen[len(seen) // 2 :]).T
    slope = np.polyfit(times, sizes, 1)[0] * 60
    print(f"{asked} answers; memory over the second half: {slope:+.1f} MB an hour")


if __name__ == "__main__":
    main()
