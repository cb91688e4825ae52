"""Parquet files."""

from __future__ import annotations

from glob import glob
from pathlib import Path

from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.tables import class_names, readable, table_source
from calibrant.plugins import require

__all__ = ["Parquet"]


class Parquet:
    """Parquet, of any size: the engine counts a large file without handing out its rows."""

    patterns = True

    def claim(self, log: Given) -> Claim:
        """By the mark that such files begin with."""
        if log.head.startswith(b"PAR1"):
            return Claim.SYNTAX
        return Claim.NAME if log.ending in (".parquet", ".pq") else Claim.NONE

    def open(self, log: Given) -> Source:
        """Its columns, what lies in them by dotted paths, and classes by their names where it tells them."""
        first = log.text if Path(log.text).exists() else min(glob(log.text, recursive=True), default=log.text)
        parquet = require("pyarrow.parquet", f"Reading {log.text}", "files")
        with readable(log.text):
            told = class_names(parquet.read_schema(first))
        return table_source(log.text, "read_parquet({path})", classes=told)
