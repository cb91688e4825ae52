"""JSON: a list of objects, or objects one after the other."""

from __future__ import annotations

from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.tables import objects_source

__all__ = ["JsonObjects"]


class JsonObjects:
    """JSON: a list of objects, or objects one after the other; their keys are columns."""

    def claim(self, log: Given) -> Claim:
        """By an object that it begins with, unless that is a line of many."""
        found = log.record is not None and (not log.on_a_line or log.ending == ".json")
        if found:
            return Claim.SYNTAX
        return Claim.NAME if log.ending == ".json" else Claim.NONE

    def open(self, log: Given) -> Source:
        """Its values as texts, and each object whole."""
        return objects_source(log.text, "read_json_objects")
