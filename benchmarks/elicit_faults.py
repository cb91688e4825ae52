"""A run of elicit against a server that fails in every way, killed three times and taken up again.

    python benchmarks/elicit_faults.py [--questions 5000] [--seed 0] [--quick]

The server, a process of its own, answers each call well or, at 5 % each, with 429 (half of them with
Retry-After), 500, silence beyond the client's time limit, a connection dropped before or in the middle of
the answer, or garbled JSON. It counts how often each sample of each question was delivered whole. The client
is killed (SIGKILL) at three random moments and run again until nothing is left. Each question costs one
answer and one call of three samples.

A call that the server had answered whole when its client was killed is paid for again, since the client
never knew: at the most as many calls a kill as were under way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from calibrant.asking.asker import Asker
from calibrant.asking.elicit import elicit
from calibrant.asking.sinks import JsonlLog
from calibrant.dialogue.asks import sample_ask
from calibrant.graders.exact import Exact
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.types import Ask, Completion, Cost, Message, Question, Reading, Replies, score
from gateway.processes import begun, ended_by_signals

CONCURRENCY, TIMEOUT, KILLS, SAMPLES, RATE = 32, 0.5, 3, 3, 0.05
FAULTS = ("429", "500", "hang", "drop", "garble")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many of three samples say the same as the answer."""

    needs: ClassVar[frozenset[str]] = frozenset()
    fingerprint: ClassVar[tuple[str, str]] = ("", "")
    cost: ClassVar[Cost] = Cost(samples=SAMPLES)

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        replies = yield sample_ask(question, SAMPLES)
        if not replies.completions:
            return Reading(signal="agreement", score=None, reason=replies.reason or "no reply")
        same = sum(sample.text == completion.text for sample in replies.completions)
        return Reading(signal="agreement", score=score(same / len(replies.completions)))


def questions(count: int) -> Iterator[Question]:
    return (
        Question(id=f"q{i}", messages=(Message("user", f"question {i}"),), references=(f"answer {i}",))
        for i in range(count)
    )


# ------------------------------------------------------------------ server


class Server:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.delivered: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        text, samples = body["messages"][-1]["content"], body.get("n", 1)
        drawn = self.rng.random() / RATE
        fault = FAULTS[int(drawn)] if drawn < len(FAULTS) else None
        await asyncio.sleep(self.rng.random() * 0.01)
        if fault is None:
            response = web.Response(body=answer(body, text, samples), content_type="application/json")
            await response.prepare(request)
            await response.write_eof()
            kind = "answer" if body["temperature"] == 0 else "sample"
            self.delivered.update(f"{text} {kind} {i}" for i in range(samples))
            return response
        self.faults[fault] += 1
        return await self.fail(fault, request, answer(body, text, samples))

    async def fail(self, fault: str, request: web.Request, good: bytes) -> web.StreamResponse:
        if fault == "429":
            headers = {"Retry-After": "0.05"} if self.rng.random() < 0.5 else {}
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers=headers)
        if fault == "500":
            return web.json_response({"error": {"message": "broken"}}, status=500)
        if fault == "garble":
            return web.Response(body=good[: len(good) // 2] + b'"}]', content_type="application/json")
        if fault == "hang":
            await asyncio.sleep(4 * TIMEOUT)
        elif self.rng.random() < 0.5:  # else dropped before the answer
            half = web.StreamResponse(headers={"Content-Length": str(len(good))})
            await half.prepare(request)
            await half.write(good[: len(good) // 2])
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def stats(self, _: web.Request) -> web.Response:
        return web.json_response({"delivered": self.delivered, "faults": self.faults})


def answer(body: dict[str, Any], text: str, samples: int) -> bytes:
    said = text.replace("question", "answer")
    logprobs = {"content": [{"token": word, "logprob": -0.1} for word in said.split(" ")]}
    choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    if body.get("logprobs"):
        choice["logprobs"] = logprobs
    choices = [{"index": i, **choice} for i in range(samples)]
    usage = {"prompt_tokens": 5, "completion_tokens": 2 * samples}
    return json.dumps({"choices": choices, "usage": usage}).encode()


async def serve(seed: int) -> None:
    logging.disable()  # a client that left before its answer is part of the test
    server, app = Server(seed), web.Application()
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_get("/stats", server.stats)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


# ------------------------------------------------------------------ client


async def client(port: int, folder: Path, count: int) -> int:
    """One run; prints its account as JSON. 0 when nothing is left."""
    model = OpenAICompatible(f"http://127.0.0.1:{port}/v1", "faulty", timeout=TIMEOUT)
    asker = Asker(model, concurrency=CONCURRENCY, pause=0.02, call_log=folder / "log.calls")
    try:
        summary = await elicit(
            questions(count),
            asker=asker,
            signals={"mean_logprob": MeanLogprob(), "agreement": Agreement()},
            sink=JsonlLog(folder / "log.jsonl"),
            grader=Exact(),
            workers=CONCURRENCY,
        )
    finally:
        await asker.close()
        await model.close()
    account = {name: getattr(summary, name) for name in ("recorded", "skipped", "unfinished")}
    spent = {name: getattr(summary.spending, name) for name in ("calls", "retries")}
    print(json.dumps(account | spent | {"reasons": dict(summary.reasons)}), flush=True)
    return int(summary.unfinished > 0)


# ------------------------------------------------------------------ driver


@dataclass(frozen=True)
class Run:
    account: dict[str, Any] | None  # None: killed
    megabytes: float
    seconds: float


def run(port: int, folder: Path, count: int, kill_at: int | None) -> Run:
    """One run of the client, killed once the log has so many rows."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "client", str(port), str(folder), str(count)]
    with begun(command, stdout=subprocess.PIPE, text=True) as process, process.stdout:
        _killed(process, folder / "log.jsonl", kill_at)
        told = process.stdout.read()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    account = json.loads(told) if told else None
    return Run(account, used.ru_maxrss / 1024, time.perf_counter() - start)


def _killed(process: subprocess.Popen[str], log: Path, kill_at: int | None) -> None:
    """Kill a client once its log has so many rows."""
    rows = read = 0
    while kill_at is not None and rows < kill_at and not _ended(process):
        time.sleep(0.01)
        if log.exists():
            with log.open("rb") as file:
                file.seek(read)
                new = file.read()
            rows, read = rows + new.count(b"\n"), read + len(new)
    if kill_at is not None and not _ended(process):
        os.kill(process.pid, signal.SIGKILL)


def _ended(process: subprocess.Popen[str]) -> bool:
    """Whether it has; what it used can still be read."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@dataclass(frozen=True)
class Outcome:
    """`rows` counts (question, signal) in the log, `delivered` whole answers by question and sample."""

    runs: list[Run]
    rows: Counter[tuple[str, str]]
    delivered: Counter[str]
    faults: dict[str, int]

    @property
    def twice(self) -> int:
        """Samples that the server delivered more than once, in calls."""
        again = Counter({name: times - 1 for name, times in self.delivered.items() if times > 1})
        return sum(times for name, times in again.items() if name.endswith(" 0"))


def campaign(count: int, seed: int, folder: Path) -> Outcome:
    """Start the server, run and kill the client, run it until nothing is left."""
    rng = random.Random(seed)
    command = [sys.executable, __file__, "server", seed]
    with begun(command, stdout=subprocess.PIPE, text=True) as server, server.stdout:
        port = int(server.stdout.readline())
        at = sorted(rng.randrange(2 * count) for _ in range(KILLS))
        runs = [run(port, folder, count, kill) for kill in at]
        while not runs[-1].account or (runs[-1].account["unfinished"] and len(runs) < KILLS + 10):
            runs.append(run(port, folder, count, None))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as reply:
            stats = json.load(reply)
    rows: Counter[tuple[str, str]] = Counter()
    for line in (folder / "log.jsonl").read_text().splitlines():
        row = json.loads(line)
        rows[row["item_id"], row["signal"]] += 1
    return Outcome(runs, rows, Counter(stats["delivered"]), stats["faults"])


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--questions", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="sixty questions")
    return parser


def main() -> None:
    wanted = options().parse_args()
    if wanted.quick:
        wanted.questions = 60
    ended_by_signals()
    with tempfile.TemporaryDirectory() as folder:
        found = campaign(wanted.questions, wanted.seed, Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 2**20
    for number, one in enumerate(found.runs, start=1):
        print(f"run {number}: {one.seconds:6.1f} s, peak {one.megabytes:5.0f} MB, {one.account or 'killed'}")
    expected = {(f"q{i}", name): 1 for i in range(wanted.questions) for name in ("mean_logprob", "agreement")}
    print(f"faults: {found.faults}; files {size:.1f} MB")
    print(f"rows: {sum(found.rows.values())}, each once: {found.rows == expected}")
    print(
        f"answers delivered: {sum(found.delivered.values())} of {wanted.questions * (1 + SAMPLES)} samples, "
        f"calls delivered more than once: {found.twice} (at most {CONCURRENCY} a kill)"
    )
    if found.rows != expected or found.twice > KILLS * CONCURRENCY:
        raise SystemExit("A question was lost, recorded twice, or paid twice without a kill.")


if __name__ == "__main__":
    if sys.argv[1:2] == ["server"]:
        asyncio.run(serve(int(sys.argv[2])))
    elif sys.argv[1:2] == ["client"]:
        sys.exit(asyncio.run(client(int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))))
    else:
        main()
