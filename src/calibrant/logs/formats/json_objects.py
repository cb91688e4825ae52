"""JSON: a list of objects, objects one after the other, or one object that holds them all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrant.errors import MissingExtra, UnusableInput
from calibrant.logs.broken import no_json
from calibrant.logs.documents import rows_within
from calibrant.logs.sources import Claim, Given, Source, objects_in_memory
from calibrant.logs.tables import broken_rows, objects_source
from calibrant.logs.unpacking import HEAD

__all__ = ["JsonObjects"]

UNCLOSED = "The file ends within its list: rows behind its end are missing. Fetch it again."


class JsonObjects:
    """JSON: a list of objects, objects one after the other, or one object with rows or columns in it."""

    parts = True

    def claim(self, log: Given) -> Claim:
        """By an object that it begins with, unless that is a line of many, or a row by itself."""
        if log.record is not None and (not log.on_a_line or log.ending == ".json" or _holds_more(log)):
            return Claim.SYNTAX
        return Claim.NAME if log.ending == ".json" else Claim.NONE

    def open(self, log: Given) -> Source:
        """Their keys as columns: of one object read at once, of many by the engine; what is broken counts as rows."""
        name = log.name or log.text
        if log.alone or log.part:
            document = log.record if log.alone else None
            if document is None:
                raise UnusableInput(f"{name}: such a file has no parts to name after a #.")
            rows, notes = rows_within(name, document, log.part)
            return replace(objects_in_memory(log.text, rows), notes=tuple(notes))
        cut = (UNCLOSED,) if _unclosed(log) else ()
        try:
            rows_of = objects_source(log.text, "read_json_objects")
            return replace(rows_of, notes=(*cut, *rows_of.notes))
        except (UnusableInput, MissingExtra) as error:  # of the engine: what can be read is read without it
            if not Path(log.text).is_file():
                raise
            if log.record is None:
                raise UnusableInput(no_json(log.beginning, name, whole=len(log.head) < HEAD)) from error
        found = list(_objects(Path(log.text).read_text(encoding="utf-8", errors="replace")))
        source = objects_in_memory(log.text, found)
        return replace(source, notes=(*cut, *broken_rows(sum(one is None for one in found))))


def _unclosed(log: Given) -> bool:
    """Whether a list begins that the end of the file does not close, as after a broken download."""
    path = Path(log.text)
    if not log.beginning.lstrip().startswith("[") or not path.is_file():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        return not file.read().rstrip(b"\0 \t\r\n").endswith(b"]")


def _holds_more(log: Given) -> bool:
    return log.alone and any(isinstance(value, list | dict) for value in (log.record or {}).values())


def _objects(text: str) -> Iterator[Any]:
    """Each object as far as they can be read, None for what is broken."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            found, end = None, text.find("\n{", at)
            if end < 0:
                yield None
                return
        yield found
        at = text.find("{", end)
