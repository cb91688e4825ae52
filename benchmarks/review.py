"""Ten browsers of two reviewers at one served gateway, while servers and browsers are killed.

    python benchmarks/review.py [--quick] [--answers N] [--browsers N] [--json FILE]

Each browser is a process of its own (Chromium) whose reviewer judges by keyboard: `1` to `3`, Enter, now and then `u`.
The gateway is killed with SIGKILL twice and started again, and so are three browsers. What is drawn is drawn by the
gateway itself. In the end it is counted in the store: every item is judged once and by one person, second readings are
another person's, every verdict that a page has said to be saved is there with its grade, and the audit is as large as
designed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from calibrant.assembly.keys import hash_of, new_key
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    SECOND,
    Action,
    Assignment,
    Completion,
    Confidence,
    Decision,
    Event,
    Message,
    Probability,
    Question,
    Record,
    Verdict,
)
from gateway.processes import ended_by_signals

CHROMIUM = ("chromium", "chromium-headless-shell", "google-chrome")
REVIEWERS = ("ana", "bob")
GRADES = {"1": 1.0, "2": 0.5, "3": 0.0}

STATE = """(() => {
  const unsent = Object.keys(localStorage).some(one => one.includes('unsent'));
  const under = unsent || document.querySelector('#main[aria-busy]');
  const state = under ? 'busy' : document.querySelector('#told')?.dataset.state ?? 'login';
  return [document.querySelector('#item')?.dataset.id ?? '', Boolean(document.querySelector('#own')), state];
})()"""
"""The item on a page, whether its answer is hidden, and what there is to do."""

CONFIG = """
[server]
port = {port}
{keys}
[model]
kind = "openai_compatible"
url = "http://127.0.0.1:9/v1"
model = "m"
[store]
url = "reviewed.db"
[review]
per_day = {per_day}
undo_seconds = 1.0
lease_minutes = 0.5
second_readers = 0.1
"""


def key_for(id: str, who: str) -> str:
    """The verdict that a reviewer has on an item, whenever asked: so that a lost or changed one is seen."""
    return "123"[hashlib.sha256(f"{id}/{who}".encode()).digest()[0] % 3]


def fill(path: Path, answers: int) -> None:
    """Answers of some days, one in ten held."""
    store, rng, now = SqlStore(str(path)), random.Random(5), time.time()
    for n in range(answers):
        held, p = rng.random() < 0.1, rng.betavariate(4, 1.5)
        question = Question(id=f"q{n}", messages=(Message("user", f"Question {n}?"),), task="desk")
        record = Record(
            id=f"r{n:05}", time=now - 3 * 86400 + n * 3 * 86400 / answers, question=question,
            completion=Completion(text=f"Answer {n}.", model="m"), held=held,
            confidence=Confidence(p=Probability(p), low=max(0.0, p - 0.05), high=min(1.0, p + 0.05), verdicts=400),
            decision=Decision(action=Action.REVIEW if held else Action.ANSWER, threshold=0.8, why="simulated"),
        )  # fmt: skip
        store.add([record])
        if held:
            store.add([Event(id=f"held-{record.id}", kind="held", time=record.time, about=record.id)])
    store.close()


class Server:
    """`calibrant serve`, which can be killed and started again."""

    def __init__(self, folder: Path, keys: dict[str, str], per_day: float) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.folder, self.url = folder, f"http://127.0.0.1:{self.port}"
        told = "".join(
            f'[keys.{name}]\nhash = "{hash_of(key)}"\nroles = ["reviewer"]\n' for name, key in keys.items()
        )
        (folder / "serve.toml").write_text(CONFIG.format(port=self.port, keys=told, per_day=per_day))

    def start(self) -> None:
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "calibrant", "serve", "serve.toml"],
                cwd=self.folder,
                stderr=log,
                stdout=log,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Browser:
    """One browser of a reviewer. `saved` are the verdicts that its pages have said to be saved."""

    def __init__(
        self, driver: Any, chromium: str, server: Server, who: str, key: str, folder: Path, rng: random.Random
    ):
        self.driver, self.chromium, self.server, self.rng = driver, chromium, server, rng
        self.who, self.key, self.folder = who, key, folder
        self.saved: dict[str, float] = {}
        self.undone = self.started = 0
        self.wrong: list[str] = []
        self.waits = False
        self.times: list[float] = []

    async def open(self) -> Any:
        self.started += 1
        self.context = await self.driver.chromium.launch_persistent_context(
            str(self.folder), executable_path=self.chromium, headless=True, timeout=120_000,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )  # fmt: skip
        page = self.context.pages[0]
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        await self.enter(page)
        return page

    async def enter(self, page: Any) -> None:
        while True:
            try:
                await page.goto(f"{self.server.url}/login?next=/review")
                await page.fill("#key", self.key)
                await page.keyboard.press("Enter")
                await page.wait_for_selector("#told", state="attached")
                return
            except Exception as error:
                if "closed" in str(error):
                    raise
                await asyncio.sleep(0.5)

    async def work(self, done: asyncio.Event) -> None:
        """Judge until all is judged; a killed browser is started again."""
        while not done.is_set():
            try:
                page = await self.open()
                while not done.is_set():
                    await self.one(page)
            except Exception as error:  # noqa: BLE001
                if not any(word in str(error) for word in ("closed", "Target", "crash", "Connection")):
                    self.wrong.append(str(error).splitlines()[0])
                await asyncio.sleep(0.5)
        try:
            await self.context.close()
        except Exception:  # noqa: BLE001 - it was killed at the very end
            return

    async def one(self, page: Any) -> None:
        """Do what there is to do on the page."""
        id, hidden, state = await page.evaluate(STATE)
        if state != "busy":
            self.waits = state == "empty"
        if state == "busy":  # something is on its way, and the item may be another one the next moment
            await asyncio.sleep(0.05)
        elif state == "login":
            await self.enter(page)
        elif state != "item":
            await asyncio.sleep(0.5)
            await page.keyboard.press("Enter")
        elif hidden:
            await page.keyboard.press("Escape")  # out of the field, where a key is a letter
            await page.keyboard.press("n")
            await self.until(page, "!document.querySelector('#own')")
        else:
            await self.judge(page, id)

    async def judge(self, page: Any, id: str) -> None:
        """By keyboard; some are taken back, and come again."""
        start = time.perf_counter()
        key = key_for(id, self.who)
        await page.keyboard.press(key)
        await page.keyboard.press("Enter")
        await self.until(page, f"document.querySelector('#item')?.dataset.id !== {json.dumps(id)}")
        if await page.evaluate("document.querySelector('#told').dataset.undo") != id:
            return  # late, or the gateway was away: nothing was said to be saved
        self.times.append(time.perf_counter() - start)
        if self.rng.random() < 0.03:
            await page.keyboard.press("u")
            await self.until(page, f"document.querySelector('#item')?.dataset.id === {json.dumps(id)}", 3.0)
            self.undone += 1
            return
        self.saved[id] = GRADES[key]

    async def until(self, page: Any, script: str, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not await page.evaluate(script):
            await asyncio.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL for all processes of this browser, which its folder tells from others."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if f"--user-data-dir={self.folder}" in (entry / "cmdline").read_text():
                    os.kill(int(entry.name), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                continue


def counted(path: Path, browsers: list[Browser]) -> dict[str, Any]:
    """What the store holds, and what of it should not be so."""
    store = SqlStore(str(path))
    facts = [entry.fact for entry in store.since(0)]
    store.close()
    assigned = {one.id: one for one in facts if isinstance(one, Assignment)}
    verdicts = [one for one in facts if isinstance(one, Verdict)]
    held = {one.id for one in facts if isinstance(one, Record) and one.held}
    answers = sum(isinstance(one, Record) for one in facts)
    by_item = Counter(one.assignment for one in verdicts if one.assignment)
    late = [one for one in verdicts if not one.assignment]
    judges: dict[str, set[str]] = {}
    for one in verdicts:
        judges.setdefault(one.record_id, set()).add(one.judge)
    grades = {(one.assignment, one.judge): one.grade for one in verdicts}
    saved = {(id, one.who): grade for one in browsers for id, grade in one.saved.items()}
    seconds = [one for one in assigned.values() if one.reason == SECOND]
    free = [one for one in assigned.values() if one.reason != SECOND and one.record_id not in held]
    audit, others = sum(one.reason == "audit" for one in free), answers - len(held)
    return {
        "items": len(assigned), "verdicts": len(verdicts), "late": len(late),
        "not judged once": [id for id in assigned if by_item[id] != 1],
        "second readings": len(seconds),
        "second readings by the first reader": [one.id for one in seconds if len(judges.get(one.record_id, ())) < 2],
        "saved": len(saved),
        "lost or changed": [key for key, grade in saved.items() if grades.get(key) != grade],
        "by whim": [key for key, grade in grades.items() if key[0] and grade != GRADES[key_for(key[0], key[1])]],
        "held": len(held), "decided": sum(isinstance(one, Event) and one.kind == "reviewed" for one in facts),
        "audit": audit, "audit designed": 0.2 * others,
        "audit off by s.e.": round((audit - 0.2 * others) / math.sqrt(0.16 * others), 2),
    }  # fmt: skip


async def run(answers: int, many: int, folder: Path) -> dict[str, Any]:
    """Serve, judge, kill, count."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        raise SystemExit(f"Expected one of {', '.join(CHROMIUM)} on the path.")
    fill(folder / "reviewed.db", answers)
    keys = {name: new_key() for name in REVIEWERS}
    server = Server(folder, keys, per_day=1e6)
    try:
        server.start()
        return await judged(server, keys, answers, many, folder, chromium)
    finally:
        server.kill()


async def judged(
    server: Server, keys: dict[str, str], answers: int, many: int, folder: Path, chromium: str
) -> dict[str, Any]:
    """The same at a server that is there."""
    from playwright.async_api import async_playwright

    began, done = time.perf_counter(), asyncio.Event()
    async with async_playwright() as driver:
        browsers = [
            Browser(driver, chromium, server, who, keys[who], folder / f"browser-{n}", random.Random(n))
            for n, who in enumerate(REVIEWERS[n % 2] for n in range(many))
        ]
        tasks = [asyncio.create_task(one.work(done)) for one in browsers]

        def saved() -> int:
            return sum(len(one.saved) for one in browsers)

        async def reach(part: float) -> None:
            while saved() < part * 0.6 * answers:
                await asyncio.sleep(0.1)

        killed = {"servers": 0, "browsers": 0}
        for at, what in ((0.2, 0), (0.35, None), (0.5, 1), (0.65, None), (0.8, many - 1)):
            await reach(at)
            if what is None:
                server.kill()
                killed["servers"] += 1
                await asyncio.sleep(1.0)
                server.start()
            else:
                browsers[what].kill()
                killed["browsers"] += 1
        quiet = 0
        while quiet < 12:  # nobody has anything to do, also once leases of the killed have run out
            await asyncio.sleep(1.0)
            over = len(counted(folder / "reviewed.db", [])["not judged once"])
            quiet = quiet + 1 if not over and all(one.waits for one in browsers) else 0
        done.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        took = time.perf_counter() - began
    times = sorted(second for one in browsers for second in one.times)
    found = counted(folder / "reviewed.db", browsers)
    return {
        "answers": answers, "browsers": many, "seconds": round(took, 1), "killed": killed, **found,
        "undone": sum(one.undone for one in browsers),
        "seconds from key to next, median": round(times[len(times) // 2], 3),
        "wrong on pages": sorted({said for one in browsers for said in one.wrong}),
    }  # fmt: skip


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--answers", type=int, default=700)
    parser.add_argument("--browsers", type=int, default=10)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--quick", action="store_true", help="two browsers and thirty answers, if there is a browser"
    )
    return parser


def main() -> None:
    """Run, print, and say by the status whether all holds."""
    given = options().parse_args()
    answers, many = (30, 2) if given.quick else (given.answers, given.browsers)
    if given.quick and not any(map(shutil.which, CHROMIUM)):
        print(f"Left out, for there is no browser: one of {', '.join(CHROMIUM)}.")
        return
    ended_by_signals()
    with tempfile.TemporaryDirectory(prefix="calibrant-review-", ignore_cleanup_errors=True) as folder:
        found = asyncio.run(run(answers, many, Path(folder)))
    text = json.dumps(found, indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")
    broken = (
        "not judged once",
        "second readings by the first reader",
        "lost or changed",
        "by whim",
        "wrong on pages",
    )
    sys.exit(3 if any(found[name] for name in broken) else 0)


if __name__ == "__main__":
    main()
