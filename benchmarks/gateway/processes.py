"""Servers as processes of their own: started, looked at, and none left behind, however the run ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

__all__ = ["TICKS", "Server", "begun", "ended_by_signals", "free_port", "started"]

TICKS = os.sysconf("SC_CLK_TCK")
"""Of CPU time, to a second."""


@dataclass(frozen=True)
class Server:
    """A process that listens; `start` is the seconds until it did."""

    process: subprocess.Popen[bytes]
    port: int
    start: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Seconds of CPU time that it and its threads have used."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Resident memory in MB."""
        line = next(line for line in self._proc("status").splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def handles(self) -> int:
        """Open files and connections."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def kill(self) -> None:
        """As a power cut does it."""
        self.process.kill()
        self.process.wait()

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text()


_stops: list[int] = []
"""The signals that came while a process was being started: whoever starts it must know it to end it."""
_starting: list[bool] = []


@contextmanager
def begun(command: Sequence[object], **given: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process in a session of its own; it and its children are gone afterwards."""
    _starting.append(True)
    try:
        process = subprocess.Popen([str(part) for part in command], start_new_session=True, **given)
    except BaseException:
        _starting.pop()
        raise
    try:
        _starting.pop()
        if _stops and not _starting:
            sys.exit(128 + _stops.pop())
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def started(
    command: Sequence[object],
    port: int,
    *,
    patience: float = 60.0,
    env: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> Iterator[Server]:
    """A server that listens on this port; it and all its children are gone afterwards."""
    began, out = time.perf_counter(), log or subprocess.DEVNULL
    with begun(command, stdout=out, stderr=out, env={**os.environ, **(env or {})}) as process:
        while not _listens(port):
            if process.poll() is not None or time.perf_counter() - began > patience:
                raise SystemExit(f"{' '.join(map(str, command))} does not listen on port {port}.")
            time.sleep(0.01)
        yield Server(process, port, time.perf_counter() - began)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def ended_by_signals() -> None:
    """Have a run that is told to stop end in order, and so end its servers."""

    def stop(number: int, _: FrameType | None) -> None:
        if not _starting:
            sys.exit(128 + number)
        _stops.append(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
