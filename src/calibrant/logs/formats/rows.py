"""Rows in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from calibrant.logs.sources import Claim, Given, Source, rows_source

__all__ = ["Rows"]


class Rows:
    """Mappings in memory, a row each: a list of them, or whatever gives them one by one."""

    def claim(self, log: Given) -> Claim:
        """By its type, where nothing else knows it."""
        known = isinstance(log.value, Iterable) and not isinstance(log.value, str | bytes | Mapping)
        return Claim.NAME if known else Claim.NONE

    def open(self, log: Given) -> Source:
        """Keys as columns; of what is no mapping nothing is known."""
        rows = list(log.value)
        whole = [row if isinstance(row, Mapping) else {} for row in rows]
        columns = list(dict.fromkeys(key for row in whole for key in row))
        found = rows_source(f"{len(rows)} rows", columns, lambda: whole)
        return replace(found, rows=len(rows), objects=lambda: iter(rows))
