"""Files that the embedded engine (DuckDB) reads: what such a file is as a table, and as a source of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..plugins import require
from .sources import BLOCK_ROWS, Block, Source

__all__ = ["Table", "objects_source", "quoted", "readable", "table_source", "text_source"]

COMMA = (
    "contains({0}, ',') AND length({0}) < 24 AND regexp_full_match({0}, '\\s*[-+]?\\d*(,\\d+)+\\s*%?\\s*')"
)
"""SQL that is true of a number with commas in it."""
WHOLE = "\0row"
LARGEST_OBJECT = 1 << 26
"""Bytes."""


@dataclass(frozen=True)
class Table:
    """A file in the engine: a connection, the SQL of the table, and that of each of its columns."""

    connection: Any
    sql: str
    columns: Mapping[str, str]


def table_source(path: str, reader: str, *, countable: bool = False) -> Source:
    """The rows of a file as `reader`, SQL with `{path}` in it, reads them.

    `countable` where its length is known without reading it, and the engine may count its rows by itself.
    """
    connection, sql = _connected(path, reader)
    with readable(path):
        described = connection.execute(f"DESCRIBE SELECT * FROM {sql}").fetchall()
        rows = connection.execute(f"SELECT count(*) FROM {sql}").fetchone()[0] if countable else None
    table = Table(connection, sql, {row[0]: quoted(row[0]) for row in described})
    return Source(
        name=path, columns=list(table.columns), blocks=_blocks(path, table), rows=rows,
        table=table if countable else None,
    )  # fmt: skip


def text_source(path: str, names: Sequence[str], options: str) -> tuple[Source, int, int] | None:
    """Text in columns of these names; how many rows ask for care, and how many have fewer fields than there are names.

    Rows ask for care that have more fields than names, or a number with a comma in it. `options` say how the text
    is written. None where the engine cannot read it so.
    """
    kinds = ", ".join(f"c{i}: 'VARCHAR'" for i in range(len(names) + 1))
    reader = f"read_csv({{path}}, columns = {{{kinds}}}, auto_detect = false, header = false, {options}"
    connection, sql = _connected(path, reader + ")")
    looked = (
        _with_path(reader, path) + ", nullstr = '\1')"
    )  # so that an empty field is not as one that is not there
    care = " OR ".join(f"({COMMA.format(f'c{i}')})" for i in range(len(names)))
    count = (
        f"SELECT count(*), count(*) FILTER (WHERE c{len(names)} IS NOT NULL OR {care}), count(c{len(names) - 1}) "
        f"FROM {looked}"
    )
    try:
        with readable(path):
            rows, careful, whole = connection.execute(count).fetchone()
    except UnusableInput:
        return None
    table = Table(connection, sql, {name: f"c{i}" for i, name in enumerate(names)})
    source = Source(name=path, columns=list(names), blocks=_blocks(path, table), rows=rows)
    return source, careful, rows - whole


def objects_source(path: str, reader: str, *, skim: str = "") -> Source:
    """JSON objects as rows: their keys are columns, in the order of the first object and further ones after.

    `skim` are options for looking for keys, so that a broken row is told when it is read.
    """
    call = f"{reader}({{path}}, maximum_object_size = {LARGEST_OBJECT}"
    connection, sql = _connected(path, f"(SELECT json FROM {call}))")
    some = f"(SELECT json FROM {_with_path(call, path)}{skim}) LIMIT 10000)"
    with readable(path):
        keys = connection.execute(f"SELECT DISTINCT unnest(json_keys(json)) FROM {some}").fetchall()
        first = connection.execute(f"SELECT json_keys(json) FROM {some} LIMIT 1").fetchone()
        if not keys:
            connection.execute(f"SELECT count(*) FROM {sql}")  # which says why, if something is broken
    head = list(first[0] or []) if first else []
    names = head + sorted({row[0] for row in keys} - set(head))
    columns = {name: f"json ->> {_json_path(name)}" for name in names}
    table = Table(connection, sql, {**columns, WHOLE: "CAST(json AS VARCHAR)"})
    return Source(name=path, columns=names, blocks=_blocks(path, table), whole=WHOLE)


def quoted(name: str) -> str:
    """A column name as SQL."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def readable(path: str) -> Iterator[None]:
    """What goes wrong in the engine as `UnusableInput` on the file."""
    duckdb, arrow = (require(name, f"Reading {path}", "files") for name in ("duckdb", "pyarrow"))
    try:
        yield
    except (duckdb.Error, arrow.ArrowException, OSError) as error:
        raise UnusableInput(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


def _connected(path: str, reader: str) -> tuple[Any, str]:
    connection = require("duckdb", f"Reading {path}", "files").connect()
    connection.execute("SET preserve_insertion_order = true")
    connection.execute("SET enable_progress_bar = false")  # it would be written into our output
    return connection, _with_path(reader, path)


def _with_path(sql: str, path: str) -> str:
    return sql.replace("{path}", "'" + path.replace("'", "''") + "'")


def _blocks(path: str, table: Table) -> Callable[[Sequence[str]], Iterator[Block]]:
    def blocks(names: Sequence[str]) -> Iterator[Block]:
        wanted = ", ".join(f"{table.columns[name]} AS {quoted(name)}" for name in names)
        with readable(path):
            cursor = table.connection.cursor()
            for batch in cursor.sql(f"SELECT {wanted} FROM {table.sql}").to_arrow_reader(BLOCK_ROWS):
                yield {name: _column(batch.column(i)) for i, name in enumerate(names)}

    return blocks


def _json_path(name: str) -> str:
    return "'$.\"" + name.replace("'", "''").replace('"', '\\"') + "\"'"


def _column(column: Any) -> NDArray[Any]:
    kind = str(column.type)
    if column.null_count and ("int" in kind or kind == "bool"):  # NumPy would make floats of them
        values: NDArray[Any] = np.empty(len(column), dtype=object)
        values[:] = column.to_pylist()
        return values
    plain: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return plain
