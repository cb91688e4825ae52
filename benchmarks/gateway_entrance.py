"""CPU of what every request passes at the gateway's entrance, part by part.

    python benchmarks/gateway_entrance.py [--quick]

An application that answers at once stands behind the entrance, in one process and without a socket, so what is told is
the entrance alone. The line of the log goes to /dev/null.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

from calibrant.assembly.building import deployed
from calibrant.assembly.config import parse
from calibrant.assembly.keys import Key, hash_of
from calibrant.gateway.admission import Admission
from calibrant.gateway.entrance import Entrance
from calibrant.gateway.observing.logs import Json, access
from calibrant.gateway.observing.metrics import Metrics
from calibrant.gateway.observing.writing import Lines
from calibrant.gateway.visits import Visit
from calibrant.types import (
    Action,
    Ask,
    Completion,
    Confidence,
    Decision,
    Message,
    Question,
    Reading,
    Record,
    Usage,
)

CALLS, ROUNDS = 2000, 9
KEY = "q8Zr-51xw-Kd0e-77ab"
ASK = Ask(messages=(Message("user", "What is the capital of France?"),))
QUESTION = Question(id="q", messages=ASK.messages)
RECORD = Record(
    id="r", time=0.0, question=QUESTION,
    completion=Completion(text="Paris", model="tiny", usage=Usage(7, 3), cost=0.001),
    readings=(Reading(signal="mean_logprob", score=0.8),), confidence=Confidence(p=0.8),
    decision=Decision(action=Action.ANSWER, threshold=0.7, why=""),
)  # fmt: skip
SCOPE = {
    "type": "http", "method": "POST", "path": "/v1/chat/completions",
    "headers": [
        (b"host", b"127.0.0.1:8080"), (b"content-type", b"application/json"), (b"user-agent", b"x"),
        (b"accept", b"*/*"), (b"authorization", f"Bearer {KEY}".encode()),
    ],
}  # fmt: skip


async def sent(_: Any) -> None:
    pass


async def received() -> Any:
    return {"type": "http.request"}


def inside(admission: Admission | None) -> Any:
    """What answers at once."""

    async def app(scope: Any, _: Any, send: Any) -> None:
        if admission is not None:
            visit: Visit = scope["state"]["visit"]
            visit.wire, visit.model = "chat", "tiny"
            admission.asked(visit, QUESTION, ASK, stream=False)
            visit.records = (RECORD,)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    return app


def cases(folder: str) -> dict[str, Callable[..., Awaitable[None]]]:
    log = logging.getLogger("calibrant.access")
    handler = Lines(os.open(os.devnull, os.O_WRONLY), most=10**9)
    handler.setFormatter(Json())
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    table = {"model": {"kind": "scripted", "script": {}}, "store": {"url": f"{folder}/log.db"}}
    pipeline, _ = deployed(parse(table, {}))
    key = Key(name="team", hash=hash_of(KEY), roles=("client",))
    limited = Key(name="team", hash=hash_of(KEY), requests_per_minute=1e9, tokens_per_minute=1e12, budget=1e9)
    open_, keyed, rated = Admission(), Admission([key]), Admission([limited])
    metrics = Metrics(pipeline, keyed)
    return {
        "nothing": inside(None),
        "ids, time limit, room": Entrance(inside(open_), open_),
        "+ a key": Entrance(inside(keyed), keyed),
        "+ its limits and their headers": Entrance(inside(rated), rated),
        "a key + metrics": Entrance(inside(keyed), keyed, lambda v: metrics.seen(v, time.monotonic())),
        "a key + line of the log": Entrance(inside(keyed), keyed, lambda v: access(v, time.monotonic())),
    }


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of 200 calls")
    return parser


async def main() -> None:
    calls, rounds = (200, 1) if options().parse_args().quick else (CALLS, ROUNDS)
    took: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for name, app in cases(folder).items():
                start = time.process_time()
                for _ in range(calls):
                    await app(dict(SCOPE), received, sent)
                took.setdefault(name, []).append((time.process_time() - start) / calls * 1e6)
    for name, all_ in took.items():
        print(f"{name:32} {statistics.median(all_):6.1f} us CPU a request")


if __name__ == "__main__":
    asyncio.run(main())
