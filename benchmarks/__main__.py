"""All benchmarks as quick runs, some at a time: what each takes, and whether it still works.

    python -m benchmarks [NAME ...] [--jobs 2]

Each is run with `--quick` and without recorded data. A table tells what they took, of their servers and clients as
well; what one of them said is printed where it fails. The status is 1 where one fails, leaves a process behind or
takes too long, or where all together take more CPU time than three minutes of so many cores.
"""

from __future__ import annotations

import argparse
import ast
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SERVERS = {"gateway.bare", "gateway.upstream"}
"""Started by the benchmarks beside them."""
MARK = "CALIBRANT_BENCHMARK"
"""A variable of the environment that tells the processes of one run, whatever group or session they are in."""
PATIENCE = 300.0
"""Seconds after which a quick run is stopped."""
MINUTES = 3


@dataclass(frozen=True)
class Benchmark:
    """A script of this folder, or a module of a package in it."""

    name: str
    path: Path

    @property
    def command(self) -> list[str]:
        """How it is run from the root of the repository, as the documentation says it."""
        if "." in self.name or self.path.name == "__main__.py":
            return ["-m", f"benchmarks.{self.name}"]
        return [f"benchmarks/{self.path.name}"]


def benchmarks() -> list[Benchmark]:
    """All that can be run."""
    found = []
    for path in sorted([*FOLDER.glob("*.py"), *FOLDER.glob("*/*.py")]):
        name = ".".join(path.relative_to(FOLDER).with_suffix("").parts).removesuffix(".__main__")
        if path != Path(__file__) and name not in SERVERS and _runs(path):
            found.append(Benchmark(name, path))
    return found


def _runs(path: Path) -> bool:
    """Whether a file does something when it is run."""
    return any(
        isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)
        for node in ast.parse(path.read_text()).body
    )


@dataclass(frozen=True)
class Took:
    """What a run took and how it ended; `fault` is empty where all is well."""

    benchmark: Benchmark
    cpu: float
    wall: float
    fault: str
    said: str


def run(benchmark: Benchmark, words: Sequence[str] = ("--quick",), patience: float = PATIENCE) -> Took:
    """Run one, and end whatever it leaves behind."""
    mark, began = uuid.uuid4().hex, time.perf_counter()
    source = os.pathsep.join(filter(None, [str(FOLDER.parent / "src"), os.environ.get("PYTHONPATH")]))
    env = {name: value for name, value in os.environ.items() if name != "CALIBRANT_DATA"}
    env |= {MARK: mark, "PYTHONPATH": source}
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, *benchmark.command, *words], cwd=FOLDER.parent, env=env, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
        late, status, cpu = _waited(process, began + patience)
        wall = time.perf_counter() - began
        left = ended(mark)
        out.seek(0)
        said = out.read().decode(errors="replace")
    fault = f"stopped after {patience:.0f} s" if late else f"status {status}" if status else ""
    if left and not late:
        fault = ", ".join(filter(None, [fault, f"left behind: {'; '.join(left)}"]))
    return Took(benchmark, cpu, wall, fault, said)


def _waited(process: subprocess.Popen[bytes], until: float) -> tuple[bool, int, float]:
    """Whether it had to be stopped, its status, and the CPU seconds of it and all it waited for."""
    late = False
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return late, process.returncode, used.ru_utime + used.ru_stime
        if not late and time.perf_counter() > until:
            late = True
            process.kill()
        time.sleep(0.05)


def ended(mark: str, patience: float = 2.0) -> list[str]:
    """The commands of what still runs of a run after a moment; nothing of it runs afterwards."""
    until = time.monotonic() + patience
    while (left := list(_alive(mark))) and time.monotonic() < until:
        time.sleep(0.1)
    for pid, _ in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [command for _, command in left]


def _alive(mark: str) -> Iterator[tuple[int, str]]:
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                yield (
                    int(entry.name),
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:120].strip(),
                )


def main() -> None:
    """Run them, print the table, and say by the status whether all is well."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("names", nargs="*", metavar="NAME", help="only these")
    options.add_argument("--jobs", type=int, default=2, help="how many cores to keep busy")
    given = options.parse_args()
    known = {one.name: one for one in benchmarks()}
    if unknown := [name for name in given.names if name not in known]:
        options.error(f"no benchmark is called {', '.join(unknown)}. Known: {', '.join(known)}.")
    began = time.perf_counter()
    with ThreadPoolExecutor(given.jobs + 1) as pool:  # one more, since they wait for servers and browsers
        took = list(pool.map(_told, [known[name] for name in given.names] or known.values()))
    cpu, most = sum(one.cpu for one in took), 60.0 * MINUTES * given.jobs
    print(f"{len(took)} benchmarks: {cpu:.0f} CPU seconds, {time.perf_counter() - began:.0f} s on the clock")
    if cpu > most:
        print(
            f"Expected no more than {most:.0f} CPU seconds of all quick runs; make the largest of them smaller."
        )
    sys.exit(1 if cpu > most or any(one.fault for one in took) else 0)


def _told(benchmark: Benchmark) -> Took:
    """Run one and print its line, with what it said where it fails."""
    took = run(benchmark)
    said = f"\n{took.said[-4000:]}" if took.fault else ""
    print(
        f"{benchmark.name:24} {took.cpu:6.1f} CPU s {took.wall:6.1f} s  {took.fault or 'well'}{said}",
        flush=True,
    )
    return took


if __name__ == "__main__":
    main()
