"""What clients see while a SQLite store is full, locked, read-only or removed, and what is kept of it.

    python -m benchmarks.gateway.disks [--quick]

Eight clients ask all the time; the store breaks after a second, and is well again after eight.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from .kills import CLIENTS, Seen, client, counted, until_answered, until_drained
from .processes import Server, ended_by_signals
from .served import gateway, upstream

BROKEN = 8.0
"""Seconds for which the store is broken."""


@contextmanager
def full(server: Server, _: Path) -> Iterator[None]:
    """No file can grow."""
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def locked(_: Server, file: Path) -> Iterator[None]:
    """Another process writes, and does not come to an end."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def removed(_: Server, file: Path) -> Iterator[None]:
    """The file and what lies beside it are deleted."""
    for one in file.parent.glob(f"{file.name}*"):
        one.unlink(missing_ok=True)
    yield


FAULTS: dict[str, Callable[[Server, Path], AbstractContextManager[None]]] = {
    "full": full,
    "locked": locked,
    "removed": removed,
}


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the first two, for two seconds each")
    return parser


def main() -> None:
    quick = options().parse_args().quick
    ended_by_signals()
    heading = ("store", "spool", "before", "while it is broken", "slowest", "afterwards", "answered", "lost")
    print("".join(f"{name:>22}" if "broken" in name else f"{name:>12}" for name in heading))
    lost = 0
    with upstream() as fast:
        for name in list(FAULTS)[: 2 if quick else None]:
            # on a full disk the spool finds no room either
            for spool in (False, True) if name != "full" and not quick else (False,):
                lost += asyncio.run(broken(fast, name, spool=spool, quick=quick))
    if lost:
        sys.exit(1)


async def broken(fast: Server, name: str, *, spool: bool, quick: bool = False) -> int:
    """Print a line of the table; how many answers have no record, or more than one."""
    with tempfile.TemporaryDirectory() as kept:
        folder, file, seen = Path(kept), Path(kept) / "log.db", Seen()
        further = f'spool = "{folder / "spool"}"' if spool else ""
        with gateway(fast, folder / "served", store=str(file), further=further) as server:
            clients = [asyncio.create_task(client(server.port, seen)) for _ in range(CLIENTS)]
            await until_answered(seen)
            await asyncio.sleep(1.0)
            before = _taken(seen)
            with FAULTS[name](server, file):
                seen.slowest = 0.0
                await asyncio.sleep(2.0 if quick else BROKEN)
                meanwhile, slowest = _taken(seen), seen.slowest
            await asyncio.sleep(1.0 if quick else 4.0)
            after = _taken(seen)
            for one in clients:
                one.cancel()
            await asyncio.gather(*clients, return_exceptions=True)
            if further:
                until_drained(folder)
        found = counted(str(file), seen)
        lost: int = found["lost"] + found["twice"] + found["verdicts_lost"] + found["verify"]
        print(
            f"{name:>12}{'yes' if further else 'no':>12}{before:>12}{meanwhile:>22}{slowest:>10.1f} s"
            f"{after:>12}{found['answered']:>12}{lost:>12}",
            flush=True,
        )
        return lost


def _taken(seen: Seen) -> str:
    """How requests ended since this was last asked."""
    ends, seen.ends = seen.ends, Counter()
    return ", ".join(f"{status} x {count}" for status, count in sorted(ends.items()))


if __name__ == "__main__":
    main()
