"""JSON lines: an object on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.tables import objects_source

__all__ = ["JsonLines"]


class JsonLines:
    """JSON lines: an object on each line; its keys are columns."""

    def claim(self, log: Given) -> Claim:
        """By an object that has the first line for itself."""
        found = log.record is not None and log.on_a_line and log.ending != ".json"
        if found:
            return Claim.SYNTAX
        return Claim.NAME if log.ending in (".jsonl", ".ndjson") else Claim.NONE

    def open(self, log: Given) -> Source:
        """Its values as texts, and each object whole."""
        found = objects_source(log.text, "read_ndjson_objects", skim=", ignore_errors = true")
        return replace(found, objects=lambda: _lines(log.text)) if Path(log.text).is_file() else found


def _lines(path: str) -> Iterator[Any]:
    """Each line that is not blank, None for a broken one."""
    with open(path, "rb") as lines:
        for line in lines:
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    yield None
