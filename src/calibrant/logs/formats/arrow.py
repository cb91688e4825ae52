"""Arrow files (`.arrow`, Feather), as pyarrow, polars and Hugging Face datasets write them."""

from __future__ import annotations

from calibrant.errors import UnusableInput
from calibrant.logs.sources import Claim, Given, Source
from calibrant.logs.tables import arrow_source, readable
from calibrant.plugins import require

__all__ = ["Arrow"]


class Arrow:
    """Arrow's own files, and its streams in a file: not read into memory as a whole, unless they are compressed."""

    def claim(self, log: Given) -> Claim:
        """By the mark that files begin with, or that of a message of a stream."""
        stream = log.head.startswith(b"\xff\xff\xff\xff") and b"\0" in log.head[4:8]
        if log.head.startswith((b"ARROW1", b"FEA1")) or stream:
            return Claim.SYNTAX
        return Claim.NAME if log.ending in (".arrow", ".feather", ".ipc") else Claim.NONE

    def open(self, log: Given) -> Source:
        """Its columns, what lies in them by dotted paths, and classes by their names where it tells them."""
        if log.head.startswith(b"FEA1"):
            raise UnusableInput(
                f"{log.text} is in the first version of Feather, which is read no more. Write it as Parquet."
            )
        arrow, ipc = (require(name, f"Reading {log.text}", "files") for name in ("pyarrow", "pyarrow.ipc"))
        with readable(log.text):
            mapped = arrow.memory_map(log.text)
            table = (ipc.open_file if log.head.startswith(b"ARROW1") else ipc.open_stream)(mapped).read_all()
        return arrow_source(log.text, table)
