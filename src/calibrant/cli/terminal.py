"""How the command line shows anything: sentences, tables, JSON for machines, a bar while people wait."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from calibrant.engines._relation import PROGRESS

if TYPE_CHECKING:
    from calibrant.looking.asked import Step

__all__ = [
    "counting",
    "err",
    "out",
    "print_aside",
    "print_cut",
    "print_json",
    "print_next",
    "print_read",
    "print_reasons",
    "progress",
    "say",
    "table",
    "visible",
]  # fmt: skip

_UNBROKEN = 10_000
"""Columns of what is no terminal: a line in a pipe or a file is one line, for grep and for people who paste it."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

EVERY = 10.0
"""Seconds between two lines on how far a run is."""
AT_ONCE = 1.0
"""Seconds in which what earlier runs had done is passed over."""

out = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _UNBROKEN)
err = Console(stderr=True, highlight=False, markup=False, width=None if sys.stderr.isatty() else _UNBROKEN)


def progress(quiet: bool, clock: Callable[[], float] = time.monotonic) -> Progress:
    """A bar with the time left, on standard error; where that is no terminal, a line every ten seconds."""
    if not quiet and not err.is_terminal:
        return _Lines(console=err, disable=True, get_time=clock)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err,
        disable=quiet, transient=False,
    )  # fmt: skip


class _Lines(Progress):
    """Progress in a file or a pipe, where a bar cannot be redrawn and would be seen at the end alone."""

    told: tuple[float, float] | None = None
    """When the last line was written, or the work began, and how much was done then."""
    began: float | None = None

    def update(self, task_id: TaskID, **given: Any) -> None:
        """As of a bar; what earlier runs had done, and comes at once, does not count as pace."""
        super().update(task_id, **given)
        task, now = self.tasks[task_id], self.get_time()
        if self.began is None:
            self.began = now
        if self.told is None or now - self.began < AT_ONCE:
            self.told = now, task.completed
        since, done = self.told
        if now - since < EVERY or task.finished or task.completed <= done:
            return
        line = f"{task.description}: {task.completed:,.0f}"
        if task.total:
            line += f" of {task.total:,.0f}, about "
            line += (
                _lasting((now - since) * (task.total - task.completed) / (task.completed - done)) + " left"
            )
        self.told = now, task.completed
        self.console.print(line)


def _lasting(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else f"{seconds:.0f} seconds"


@contextmanager
def counting(quiet: bool, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """While an engine counts a log, how many of its rows are done."""
    shown = _Counting(clock)
    token = PROGRESS.set(None if quiet else shown)
    try:
        yield
    finally:
        PROGRESS.reset(token)
        shown.close()


class _Counting:
    """A bar for each query of an engine, which goes with its end."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._rows = clock, 0
        self._bar: Progress | None = None

    def __call__(self, what: str, share: float | None, rows: int | None) -> None:
        if rows:  # of the log that the next queries are about
            self._rows = rows
        elif share is not None and share >= 1:
            self.close()
        else:
            if self._bar is None:
                self._bar = progress(False, self._clock)
                self._bar.live.transient = True
                self._bar.add_task(visible(what), total=self._rows or None)
                self._bar.start()
            if share is not None:
                self._bar.update(self._bar.task_ids[0], completed=int(share * self._rows))

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = None


def print_json(value: Mapping[str, Any]) -> None:
    """Strict JSON and nothing else."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))


def say(text: str) -> None:
    """A sentence in one line, however long."""
    out.print(visible(text), soft_wrap=True)


def visible(text: str) -> str:
    """Control characters as escapes: names come from clients and logs, and a terminal obeys what is in them.

    >>> visible("law\\x1b[2J: no alarm")
    'law\\\\x1b[2J: no alarm'
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    """Rows under their heads; a head that begins with ">" stands over numbers, on the right."""
    made = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for head in heads:
        right = head.startswith(">")
        made.add_column(
            head.lstrip(">"), justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    for row in rows:
        made.add_row(*row)
    if out.is_terminal:
        return out.print(made)
    with (
        out.capture() as told
    ):  # cells are filled up to the widest of their column, which nobody wants in a file
        out.print(made)
    return say("\n".join([line.rstrip() for line in told.get().splitlines()]))


def print_read(rows: int, used: int, unusable: Mapping[str, int], notes: Sequence[str]) -> None:
    """How much of a log was used, and why the rest was not."""
    say(f"{used:,} of {rows:,} rows used.")
    print_aside(unusable, notes)


def print_aside(unusable: Mapping[str, int], notes: Sequence[str]) -> None:
    """What could not be used, with counts, and what else is to be said."""
    for why, n in unusable.items():
        say(f"  {n:,} not usable: {why}")
    for note in notes:
        say(f"  {note}")


def print_cut(cut: int) -> None:
    """How many answers are not whole, and what to do; nothing where all are."""
    if cut:
        say(
            f"Answers cut off at their limit of tokens, and graded as they stand: {cut:,}. Allow more: --answer-tokens."
        )


def print_reasons(reasons: Mapping[str, int], most: int = 8) -> None:
    """Why answers, scores or grades are missing, the most frequent first."""
    for why, n in sorted(reasons.items(), key=lambda one: -one[1])[:most]:
        say(f"  {n:,} x {why}")


def print_next(steps: Sequence[Step]) -> None:
    """Commands that come next, each with why."""
    if not steps:
        return
    say("")
    say("Next:")
    for step in steps:
        say(f"  {step.command}")
        say(f"      {step.why}")
