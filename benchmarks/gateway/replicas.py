"""Several gateways on one PostgreSQL: what an answer takes of each part, and what happens when the leader is killed.

    python -m benchmarks.gateway.replicas [--most 3] [--seconds 10] [--quick]

First one gateway, then two, up to the most, are asked without pause: answers a second, and CPU time by part. All parts
share this machine, so it is the CPU time of an answer that says how many cores another load needs. Then all of them are
asked at a pace and the one that leads is killed with -9: until when another leads, what clients saw, and whether each
answer has one record. Last the store alone: records a second that processes can append to its one chain, what a record
takes on disk, and entries a second that whoever leads can read and follow. The status is 1 where an answer is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa

from calibrant.gateway.leading import STATE
from calibrant.learning.contests import Contests
from calibrant.past.folding import Fold, Folding
from calibrant.reviewing.queue import Queue
from calibrant.stores.sql import SqlStore
from calibrant.types import Record
from calibrant.watching.over_time import Watching

from .kills import Database, Seen, client, counted
from .load import CHAT, keep_asking
from .processes import Server, ended_by_signals
from .served import gateway, upstream

DELAY = 0.020
"""Seconds after which the model begins to answer."""
CONNECTIONS = 32
PACE = 0.1
"""Seconds between two requests of a client while a leader is killed."""


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--most", type=int, default=3, help="gateways")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--quick", action="store_true", help="two gateways for half a second, none killed")
    return parser


def main() -> None:
    given = options().parse_args()
    ended_by_signals()
    most, seconds = (2, 0.5) if given.quick else (given.most, given.seconds)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="calibrant-replicas-")))
        database = Database(stack)
        stack.enter_context(database.running())
        slow = stack.enter_context(upstream(DELAY))
        served = Several(stack, slow, folder, database)
        asyncio.run(served.loaded(most, seconds))
        lost = 0 if given.quick else asyncio.run(served.leader_killed())
        alone(stack, database, seconds, quick=given.quick)
    sys.exit(1 if lost else 0)


class Several:
    """Gateways on one store, each a process of its own."""

    def __init__(self, stack: ExitStack, model: Server, folder: Path, database: Database) -> None:
        self._stack, self._model, self._folder, self._database = stack, model, folder, database
        self.servers = list[Server]()

    async def loaded(self, most: int, seconds: float) -> None:
        """A line for each number of gateways."""
        print("gateways  answers/s      p50      p99   gateway  database   ms of CPU an answer")
        for number in range(most):
            further = 'spool = "spool"'
            self.servers.append(
                self._stack.enter_context(
                    gateway(
                        self._model, self._folder / str(number), store=self._database.url, further=further
                    )
                )
            )
            each = max(1, CONNECTIONS // len(self.servers))
            await self._asked(min(1.0, seconds), each)
            before = [server.cpu() for server in self.servers], self._database.cpu()
            whole = await self._asked(seconds, each)
            ours = sum(server.cpu() - was for server, was in zip(self.servers, before[0], strict=True))
            theirs = self._database.cpu() - before[1]
            whole.sort()
            print(
                f"{number + 1:>8} {len(whole) / seconds:>10.0f} {statistics.median(whole) * 1e3:>5.0f} ms "
                f"{whole[int(len(whole) * 0.99)] * 1e3:>5.0f} ms {ours / len(whole) * 1e3:>9.2f} "
                f"{theirs / len(whole) * 1e3:>9.2f}",
                flush=True,
            )

    async def _asked(self, seconds: float, each: int) -> list[float]:
        loads = await asyncio.gather(*(keep_asking(one.port, CHAT, seconds, each) for one in self.servers))
        return [took for load in loads for took in load.whole]

    async def leader_killed(self) -> int:
        """Kill it under load; how many answers have no record, or two."""
        store, seen = SqlStore(self._database.url), [Seen() for _ in self.servers]
        asking = [
            asyncio.create_task(client(one.port, at, PACE))
            for one, at in zip(self.servers, seen, strict=True)
            for _ in range(4)
        ]
        await asyncio.sleep(5.0)
        leader = self._leader()
        who = store.state(STATE)[1]
        self.servers[leader].kill()
        killed = time.perf_counter()
        while store.state(STATE)[1] == who and time.perf_counter() - killed < 60:
            await asyncio.sleep(0.05)
        took = time.perf_counter() - killed
        await asyncio.sleep(2.0)
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        everyone = Seen(
            records=[id for one in seen for id in one.records],
            verdicts=[pair for one in seen for pair in one.verdicts],
        )
        found = counted(self._database.url, everyone)
        others = [one for number, one in enumerate(seen) if number != leader]
        right, ends = sum(one.ends["200"] for one in others), sum(one.ends.total() for one in others)
        print(f"the leader was killed: another led after {took:.1f} s")
        print(
            f"the others answered {right} of {ends}, the slowest in {max(one.slowest for one in others):.2f} s"
        )
        print(
            f"of {found['answered']} answers {found['lost']} have no record and {found['twice']} more than one, of "
            f"{found['verdicts']} verdicts {found['verdicts_lost']} are lost"
        )
        store.close()
        return int(found["lost"] + found["twice"] + found["verdicts_lost"] + found["verify"])

    def _leader(self) -> int:
        logs = [(self._folder / str(n) / "gateway.log").read_text() for n in range(len(self.servers))]
        return next(n for n, log in enumerate(logs) if "This process leads" in log)


def alone(stack: ExitStack, database: Database, seconds: float, *, quick: bool) -> None:
    """What the store takes without a gateway: appended by several, on disk, read and followed by one."""
    store = SqlStore(database.url)
    known = [entry.fact for entry in store.since(0) if isinstance(entry.fact, Record)][:200]
    print(f"{'writers':>8} {'at once':>8} {'records/s':>10} {'database':>9}   ms of CPU a record")
    pool = stack.enter_context(ProcessPoolExecutor(2 if quick else 4))
    for writers, batch in (
        [(1, 1), (2, 64)] if quick else [(1, 1), (1, 16), (1, 64), (2, 16), (2, 64), (4, 1), (4, 64)]
    ):
        before = database.cpu()
        done = list(pool.map(appended, *zip(*[(database.url, known, batch, seconds)] * writers, strict=True)))
        cpu = (database.cpu() - before) / sum(done) * 1e3
        print(f"{writers:>8} {batch:>8} {sum(done) / seconds:>10.0f} {cpu:>9.3f}", flush=True)
    records, size = held(database.url)
    print(f"{records} records take {size / records / 1e3:.2f} KB each on disk, with indexes and links")
    ways: tuple[tuple[str, list[Fold]], ...] = (
        ("read", []),
        ("read and followed", [Watching(), Queue(), Contests()]),
    )
    for name, folds in ways:
        cpu, start = time.process_time(), time.perf_counter()
        told = Folding(store, folds, kept=None).go_on(2_000 if quick else 100_000)
        took, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(
            f"{name} by one: {told / took:,.0f} entries/s, {cpu / told * 1e3:.3f} ms of its CPU each",
            flush=True,
        )
    store.close()


def appended(url: str, known: Sequence[Record], batch: int, seconds: float) -> int:
    """Append records as gateways do for so long; how many."""
    store, count = SqlStore(url), 0
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        store.add(replace(known[(count + i) % len(known)], id=uuid.uuid4().hex) for i in range(batch))
        count += batch
    store.close()
    return count


def held(url: str) -> tuple[int, int]:
    """Records, and bytes of the database."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        records = connection.execute(sa.text("SELECT count(*) FROM records")).scalar_one()
        size = connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one()
    engine.dispose()
    return records, size


if __name__ == "__main__":
    main()
