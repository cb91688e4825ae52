"""JSON lines: an object on each line."""

from __future__ import annotations

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
        return objects_source(log.text, "read_ndjson_objects")
