"""JSON lines: an object on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from calibrant.errors import UnusableInput
from calibrant.logs.broken import no_json
from calibrant.logs.sources import Claim, Given, Source, objects_in_memory
from calibrant.logs.tables import broken_rows, has_engine, objects_source

__all__ = ["JsonLines"]

LOOK = 20
"""Lines by which such a file is known when its first is broken."""


class JsonLines:
    """JSON lines: an object on each line; its keys are columns, and so is what lies in it, by dotted paths."""

    @property
    def patterns(self) -> bool:
        """The engine reads several files as one."""
        return has_engine()

    def claim(self, log: Given) -> Claim:
        """By an object that has the first line for itself, and is not the whole file with all rows in it."""
        named = log.ending in (".jsonl", ".ndjson")
        if log.record is None:
            return Claim.SYNTAX if _mostly(log) else Claim.NAME if named else Claim.NONE
        nested = any(isinstance(value, list | dict) for value in log.record.values())
        if log.on_a_line and log.ending != ".json" and not (log.alone and nested):
            return Claim.SYNTAX
        return Claim.NAME if named else Claim.NONE

    def open(self, log: Given) -> Source:
        """Its values as texts, and each object whole; a broken line counts as a row in which nothing is."""
        found = (
            objects_source(log.text, "read_ndjson_objects", skip_broken=True)
            if has_engine()
            else _held(log.text)
        )
        if not found.columns:
            first = log.beginning.lstrip().partition("\n")[0]
            why = no_json(first, log.name or log.text, whole=True)
            raise UnusableInput(f"{log.text} cannot be read: no line of it is a JSON object. {why}")
        if not Path(log.text).is_file():
            return found
        objects = replace(found, objects=lambda: _lines(log.text))
        return replace(objects, notes=_where(found.notes, log.text))


def _held(path: str) -> Source:
    """Without the engine: all of it in memory."""
    rows = list(_lines(path))
    notes = broken_rows(sum(not isinstance(row, dict) for row in rows))
    return replace(objects_in_memory(path, rows), notes=notes)


def _mostly(log: Given) -> bool:
    """Whether most of the first lines are objects, where the first is not."""
    lines = [line for line in islice(log.beginning.splitlines(), LOOK) if line.strip()]
    return len(lines) > 1 and 2 * sum(isinstance(_object(line), dict) for line in lines) >= len(lines)


def _object(line: str | bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _where(notes: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The note on broken rows with the line of the first."""
    if not notes:
        return ()
    with open(path, "rb") as lines:
        wrong = next(
            (n for n, line in enumerate(lines, 1) if line.strip() and not isinstance(_object(line), dict)), 0
        )
    return tuple(f"{note} The first is line {wrong}." if wrong else note for note in notes)


def _lines(path: str) -> Iterator[Any]:
    """Each line that is not blank, None for a broken one."""
    with open(path, "rb") as lines:
        for line in lines:
            if line.strip():
                yield _object(line)
