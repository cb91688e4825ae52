"""CPU per call of elicit, beside a bare aiohttp loop that makes the same calls in the same process.

    python benchmarks/elicit_cpu.py [CALLS [ROUNDS]] [--quick]

The server is another process on loopback that answers at once, one sample a call. Both sides keep the same number
of calls under way and decode the answer's JSON; the bare loop does nothing else. elicit makes one call a question,
reads one signal, grades as the command does where nothing is said, and leaves a record, with a call log and
without; then with four samples more for another signal, so that what a question costs is shared by five calls.
They take turns; the medians count, and the median of the ratios to the bare loop of the same round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from calibrant.asking.asker import Asker
from calibrant.asking.elicit import elicit
from calibrant.asking.sinks import JsonlLog
from calibrant.graders.by_kind import ByKind
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.protocols import Signal
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.signals.self_consistency import SelfConsistency
from calibrant.types import Message, Question
from gateway.processes import begun, ended_by_signals

CONCURRENCY = 16
WORDS = ("The", " capital", " is", " Paris", ".")


class Server(asyncio.Protocol):
    """Answers every request at once; knows just enough HTTP."""

    answer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length):
            self.buffer = b""
            self.transport.write(self.answer)


async def serve() -> None:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(WORDS)},
        "finish_reason": "stop",
        "logprobs": {"content": [{"token": word, "logprob": -0.1, "top_logprobs": []} for word in WORDS]},
    }
    usage = {"prompt_tokens": 12, "completion_tokens": len(WORDS), "total_tokens": 12 + len(WORDS)}
    body = json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    Server.answer = head.encode() + body
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def texts(calls: int) -> Iterator[str]:
    return (f"Question {i}: what is the capital of France, in one short sentence?" for i in range(calls))


async def bare(url: str, calls: int, _: Path) -> None:
    """The least that the same calls can cost with aiohttp."""
    left = texts(calls)

    async def work() -> None:
        for text in left:
            messages = [{"role": "user", "content": text}]
            asked = {
                "model": "m",
                "messages": messages,
                "temperature": 0.0,
                "max_tokens": 64,
                "logprobs": True,
            }
            async with session.post(f"{url}/chat/completions", json=asked) as response:
                json.loads(await response.read())

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=60)
    ) as session:
        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def elicited(url: str, calls: int, folder: Path, *, call_log: bool, samples: int = 0) -> None:
    signals: dict[str, Signal] = {"mean_logprob": MeanLogprob()}
    if samples:
        signals["self_consistency"] = SelfConsistency(samples=samples)
    asked = calls // (1 + samples)
    model = OpenAICompatible(url, "m")
    asker = Asker(model, concurrency=CONCURRENCY, call_log=folder / "log.calls" if call_log else None)
    questions = (
        Question(id=f"q{i}", messages=(Message("user", text),), references=("Paris",))
        for i, text in enumerate(texts(asked))
    )
    summary = await elicit(
        questions, asker=asker, signals=signals, sink=JsonlLog(folder / "log.jsonl"),
        grader=ByKind(), workers=CONCURRENCY,
    )  # fmt: skip
    assert (summary.recorded, summary.spending.calls, len(summary.reasons)) == (asked, calls, 0), summary
    await asker.close()
    await model.close()


async def asked_only(url: str, calls: int, _: Path) -> None:
    """Asker alone: no record, no grade, no file."""
    from calibrant.types import Ask

    model = OpenAICompatible(url, "m")
    asker, left = Asker(model, concurrency=CONCURRENCY), texts(calls)

    async def work() -> None:
        for text in left:
            await asker.ask(Ask(messages=(Message("user", text),), max_tokens=64, logprobs=True))

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    await model.close()


Way = Callable[[str, int, Path], Coroutine[Any, Any, None]]
WAYS: dict[str, Way] = {
    "bare aiohttp loop": bare,
    "Asker alone": asked_only,
    "elicit": partial(elicited, call_log=False),
    "elicit with call log": partial(elicited, call_log=True),
    "the same, 5 calls each": partial(elicited, call_log=True, samples=4),
}


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("calls", nargs="?", type=int, default=2000)
    parser.add_argument("rounds", nargs="?", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="forty calls and one round")
    return parser


def main() -> None:
    given = options().parse_args()
    calls, rounds = (40, 1) if given.quick else (given.calls, given.rounds)
    ended_by_signals()
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    with begun([sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        for _ in range(rounds + 1):
            for name, way in WAYS.items():
                with tempfile.TemporaryDirectory() as folder:
                    before = time.process_time()
                    asyncio.run(way(url, calls, Path(folder)))
                    taken[name].append((time.process_time() - before) / calls)
    base = taken["bare aiohttp loop"]
    for name, times in taken.items():  # the first round warms up
        middle = statistics.median(times[1:])
        ratios = [time / bare for time, bare in zip(times[1:], base[1:], strict=True)]
        spread = f"{min(times[1:]) * 1e6:.0f} to {max(times[1:]) * 1e6:.0f}"
        print(
            f"{name:22} {middle * 1e6:6.0f} us CPU a call ({spread})   "
            f"{statistics.median(ratios):5.2f} x bare ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve())
    else:
        main()
