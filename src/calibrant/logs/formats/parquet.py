"""Parquet files."""

from __future__ import annotations

from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.tables import table_source

__all__ = ["Parquet"]


class Parquet:
    """Parquet, of any size: the engine counts a large file without handing out its rows."""

    def claim(self, log: Given) -> Claim:
        """By the mark that such files begin with."""
        if log.head.startswith(b"PAR1"):
            return Claim.SYNTAX
        return Claim.NAME if log.ending in (".parquet", ".pq") else Claim.NONE

    def open(self, log: Given) -> Source:
        """Its columns as they are."""
        return table_source(log.text, "read_parquet({path})", countable=True)
