"""Rows in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from calibrant.logs.sources import Claim, Given, Source, objects_in_memory

__all__ = ["Rows"]


class Rows:
    """Mappings in memory, a row each: a list of them, or whatever gives them one by one."""

    def claim(self, log: Given) -> Claim:
        """By its type, where nothing else knows it."""
        known = isinstance(log.value, Iterable) and not isinstance(log.value, str | bytes | Mapping)
        return Claim.NAME if known else Claim.NONE

    def open(self, log: Given) -> Source:
        """Keys as columns, and what lies in them; of what is no mapping nothing is known."""
        rows = list(log.value)
        return objects_in_memory(f"{len(rows)} rows", rows)
