"""Lines of the log are written by a thread of their own, so that nobody who reads them slowly holds up an answer."""

from __future__ import annotations

import logging
import os
import time
from queue import Empty, SimpleQueue
from threading import Thread

__all__ = ["Lines"]

MOST = 20_000
"""Lines that may wait; further ones are left out and counted. Half of them are kept for warnings and errors."""

TOGETHER = 0.02
"""Seconds for which lines are gathered, to be written at once."""

PATIENCE = 2.0
"""Seconds that the end of the process waits for lines to be written."""


class Lines(logging.Handler):
    """Writes records to a file descriptor, in the form of its formatter.

    `left_out` counts those that nobody read in time.
    """

    def __init__(self, file: int = 2, most: int = MOST) -> None:
        super().__init__()
        self.left_out = 0
        self._file, self._most, self._told = file, most, 0
        self._waiting: SimpleQueue[logging.LogRecord] = SimpleQueue()
        self._writing = 0
        self._writer: Thread | None = None

    def createLock(self) -> None:
        """None is needed: what is shared is a queue."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Let the filters see a record, then take it; from Python 3.13 on the base would enter the lock."""
        said = self.filter(record)
        if said:
            self.emit(said if isinstance(said, logging.LogRecord) else record)
        return bool(said)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; its line is written within moments."""
        if self._waiting.qsize() >= (self._most if record.levelno > logging.INFO else self._most // 2):
            self.left_out += 1
            return
        if self._writer is None:
            self._writer = Thread(target=self._write, name="log", daemon=True)
            self._writer.start()
        self._waiting.put(record)

    def flush(self) -> None:
        """Wait until what came so far is written, but not for long."""
        until = time.monotonic() + PATIENCE
        while (self._waiting.qsize() or self._writing) and time.monotonic() < until:
            time.sleep(0.005)

    def _write(self) -> None:
        while True:
            self._writing = 0
            batch = [self._waiting.get()]
            self._writing = 1
            time.sleep(TOGETHER)
            try:
                while len(batch) < self._most:
                    batch.append(self._waiting.get_nowait())
            except Empty:
                pass
            if self.left_out > self._told:
                batch.append(_left_out(self.left_out - self._told))
                self._told = self.left_out
            _put(
                self._file,
                "".join([self._line(record) for record in batch]).encode(errors="backslashreplace"),
            )

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return f"{self.format(record)}\n"
        except Exception as error:  # noqa: BLE001 - one line that cannot be written must not cost the others
            return f"A line of {record.name} could not be written: {type(error).__name__}\n"


def _left_out(number: int) -> logging.LogRecord:
    said = "%d lines of the log were left out, since nobody read them in time"
    return logging.LogRecord("calibrant.gateway", logging.WARNING, "", 0, said, (number,), None)


def _put(file: int, text: bytes) -> None:
    """Past the buffers of `sys.stderr`, which a thread that is stopped at the end would leave locked."""
    while text:
        try:
            text = text[os.write(file, text) :]
        except BlockingIOError:  # whoever started the process shares it, and made it so
            time.sleep(TOGETHER)
        except OSError:
            return  # nobody reads it any more
