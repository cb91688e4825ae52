"""Rows written to a file."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from ..errors import Misuse
from ..plugins import require

__all__ = ["RowsFile", "check_ending"]

Row = dict[str, Any]


def _plain(value: Any) -> Any:
    """A value as strict JSON knows it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_ending(path: Path) -> None:
    """Raise `Misuse` for a file that is of none of the kinds."""
    if path.suffix.lower() not in (".parquet", ".csv", ".jsonl"):
        raise Misuse(f"Cannot write {path}: expected an ending .parquet, .csv or .jsonl.")


class RowsFile:
    """Rows to a .parquet, .csv or .jsonl file, in columns `names`, of which some are known to hold numbers or texts."""

    def __init__(
        self, path: Path, names: Sequence[str], numbers: Sequence[str] = (), texts: Sequence[str] = ()
    ) -> None:
        self.path, self.kind, self.names = path, path.suffix.lower(), list(names)
        self.numbers, self.texts = numbers, texts
        self.text: TextIO | None = None
        if self.kind != ".parquet":
            self.text = path.open("w", newline="", encoding="utf-8")
        self.table: Any = None
        self.columns: Any = None

    def write(self, rows: list[Row]) -> None:
        """Add rows; what they hold beyond the columns is left out of a table, and kept in JSON lines."""
        if self.kind == ".parquet":
            self._write_table(rows)
        elif self.kind == ".csv":
            if self.columns is None:
                assert self.text is not None
                self.columns = csv.DictWriter(self.text, self.names, extrasaction="ignore")
                self.columns.writeheader()
            self.columns.writerows(rows)
        else:
            assert self.text is not None
            for row in rows:
                strict = {name: _plain(value) for name, value in row.items()}
                self.text.write(json.dumps(strict, default=str, ensure_ascii=False, allow_nan=False) + "\n")

    def _write_table(self, rows: list[Row]) -> None:
        pa = require("pyarrow", "Writing Parquet", "files")
        parquet = require("pyarrow.parquet", "Writing Parquet", "files")
        if self.table is None:
            told = {**dict.fromkeys(self.numbers, pa.float64()), **dict.fromkeys(self.texts, pa.string())}
            found = pa.Table.from_pylist(
                [{name: row.get(name) for name in self.names} for row in rows]
            ).schema
            schema = pa.schema(
                [*(f for f in found if f.name not in told), *map(pa.field, told, told.values())]
            )
            self.table = parquet.ParquetWriter(self.path, schema, compression="zstd")
        self.table.write_table(pa.Table.from_pylist(rows, schema=self.table.schema))

    def close(self) -> None:
        """End the file."""
        for open_end in (self.text, self.table):
            if open_end is not None:
                open_end.close()
