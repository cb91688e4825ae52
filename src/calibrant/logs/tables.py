"""Files that the embedded engine (DuckDB) reads: what such a file is as a table, and as a source of blocks."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from glob import escape, glob
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines._relation import Relation
from ..engines.duckdb import Table, attached, connected, extensions, literal, quoted, readable
from ..errors import MissingExtra, UnusableInput
from ..plugins import require
from .nesting import MOST, fields_of
from .sources import BLOCK_ROWS, Block, Source

__all__ = [
    "arrow_source", "block_of", "broken_rows", "class_names", "column_of", "database_source", "has_engine",
    "objects_source", "readable", "relation_source", "table_source", "tables_of", "text_source",
]  # fmt: skip

NUMBER = (
    "CASE WHEN strlen({0}) < 24 AND {0} LIKE '%,%' "
    "THEN regexp_full_match({0}, '\\s*[-+]?\\d*(,\\d+)+\\s*%?\\s*') ELSE false END"
)
"""SQL that is true of numbers with a comma; CASE, so that the pattern is held against short texts with one alone."""
WHOLE = "\0row"
NO_OBJECT = "\1none"
"""Stands among keys for a row that has none."""
SAMPLE = 1000
KNOWN = 50
"""Rows by which columns are judged, and different lists of their keys that those of all others are compared with."""
LARGEST_OBJECT = 1 << 26
"""Bytes."""
LARGE = 1 << 28
"""Bytes of JSON in which there may be so many rows that the engine is to count them."""


def table_source(path: str, reader: str, *, classes: Mapping[str, Sequence[str]] | None = None) -> Source:
    """The rows of a file as `reader`, SQL with `{path}` in it, reads them; the engine may count them by itself.

    `classes` are the names of the classes 0, 1 ... of columns that hold their numbers.
    """
    connection, sql = _connected(path, reader)
    return _typed(path, Table(connection, sql, {}, name=path, needs=extensions(path)), classes or {})


def arrow_source(name: str, table: Any) -> Source:
    """The rows of an Arrow table; the engine may count them by itself."""
    connection, sql = _connected(name, "log")
    table = _without_halves(table)
    with readable(name):
        connection.register("log", table)
    return _typed(name, Table(connection, sql, {}, table, name), class_names(table.schema))


def _without_halves(table: Any) -> Any:
    """The table with numbers of 16 bits as such of 32, which the engine reads."""
    schema = table.schema
    for i, field in enumerate(schema):
        if str(field.type) == "halffloat":
            arrow = require("pyarrow", "Reading numbers of 16 bits", "files")
            schema = schema.set(i, field.with_type(arrow.float32()))
    return table if schema is table.schema else table.cast(schema)


def tables_of(path: str) -> dict[str, list[str]]:
    """The tables and views of a database of the engine, each with its columns; those of a schema as `schema.table`."""
    connection = connected(path)
    name, _ = attached(connection, path)
    found: dict[str, list[str]] = {}
    with readable(path):
        told = connection.execute(
            "SELECT schema_name, table_name, column_name FROM duckdb_columns() "
            f"WHERE database_name = {literal(name)} AND NOT internal "
            "ORDER BY schema_name, table_name, column_index"
        ).fetchall()
    for schema, table, column in told:
        found.setdefault(table if schema == "main" else f"{schema}.{table}", []).append(column)
    return found


def database_source(path: str, table: str) -> Source:
    """The rows of a table, called as `tables_of` does, of a database of the engine, which is not changed."""
    schema, _, bare = table.rpartition(".")
    connection = connected(path)
    name, needs = attached(connection, path)
    sql = f"{name}.{quoted(schema or 'main')}.{quoted(bare)}"
    return _typed(path, Table(connection, sql, {}, name=path, needs=needs), {})


def class_names(schema: Any) -> dict[str, list[str]]:
    """The names of the classes of columns, where Hugging Face's datasets wrote them beside an Arrow schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        told = {name: one["names"] for name, one in features.items() if one.get("_type") == "ClassLabel"}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {name: names for name, names in told.items() if not all(str(one).isdigit() for one in names)}


def _typed(name: str, table: Table, classes: Mapping[str, Sequence[str]]) -> Source:
    """Its columns, those within structures by dotted paths, and classes by their names."""
    whole = Table.of(table.connection, table.sql, name, table.arrow)
    with readable(name):
        rows = table.connection.execute(f"SELECT count(*) FROM {table.sql}").fetchone()[0]
    columns = dict(whole.columns)
    named = {one: names for one, names in classes.items() if one in columns}
    for one, names in named.items():
        listed = ", ".join(literal(str(name)) for name in names)
        at = f"TRY_CAST({quoted(one)} AS INTEGER)"
        columns[one] = f"CASE WHEN {at} >= 0 THEN list_extract([{listed}], {at} + 1) END"
    found = replace(whole, columns=columns, needs=table.needs)
    return Source(
        name=name, columns=list(found.columns), blocks=Blocks(found), rows=rows, table=found,
        inside=_inside(columns),
        notes=tuple(f"{one!r} was read by the names of its classes, {', '.join(n[:5])}." for one, n in named.items()),
    )  # fmt: skip


def _inside(columns: Collection[str]) -> frozenset[str]:
    """The columns that are parts of others."""
    return frozenset(name for name in columns if "." in name and name.partition(".")[0] in columns)


def has_engine() -> bool:
    """Whether the engine is installed that reads files in parallel; without it text and JSON are read row by row."""
    try:
        require("duckdb", "The engine", "files")
        require("pyarrow", "The engine", "files")
    except MissingExtra:
        return False
    return True


def text_source(
    path: str, names: Sequence[str], options: str, *, commas: bool
) -> tuple[Source, int, int] | None:
    """Text in columns of these names; how many rows ask for care, and how many have fewer fields than there are names.

    Rows ask for care that have more fields than names, or a number with a comma in it, where there may be `commas` in
    fields. `options` say how the text is written. None where the engine cannot read it so.
    """
    kinds = ", ".join(f"c{i}: 'VARCHAR'" for i in range(len(names) + 1))
    reader = f"read_csv({{path}}, columns = {{{kinds}}}, auto_detect = false, header = false, {options}"
    connection, sql = _connected(path, reader + ")")
    looked = (
        _with_path(reader, path) + ", nullstr = '\1')"
    )  # so that an empty field is not as one that is not there
    try:
        with readable(path):
            numbers = [NUMBER.format(f"c{i}") for i in range(len(names))] if commas else []
            care = " OR ".join(f"({condition})" for condition in (f"c{len(names)} IS NOT NULL", *numbers))
            count = f"SELECT count(*), count(*) FILTER (WHERE {care}), count(c{len(names) - 1}) FROM {looked}"
            rows, careful, whole = connection.execute(count).fetchone()
    except UnusableInput:
        return None
    table = Table(connection, sql, {name: f"c{i}" for i, name in enumerate(names)}, name=path)
    source = Source(name=path, columns=list(names), blocks=Blocks(table), rows=rows, table=table)
    return source, careful, rows - whole


def objects_source(path: str, reader: str, *, skip_broken: bool = False) -> Source:
    """JSON objects as rows: their keys are columns, in the order in which they come, and what lies in them.

    `skip_broken` where a row that is no JSON is one with nothing in it, rather than an error.
    """
    broken = ", ignore_errors = true" if skip_broken else ""
    connection, sql = _connected(
        path, f"(SELECT json FROM {reader}({{path}}, maximum_object_size = {LARGEST_OBJECT}{broken}))"
    )
    with readable(path):
        names, inside = _fields(connection, sql)
        count = f"SELECT count(*) FROM {sql} WHERE json IS NULL OR json_type(json) <> 'OBJECT'"
        wrong = connection.execute(count).fetchone()[0] if NO_OBJECT in names else 0
    names = [name for name in names if name != NO_OBJECT]
    columns = {name: f"json ->> {literal(_steps(inside.get(name, (name,))))}" for name in names}
    whole = "CASE WHEN json_type(json) = 'OBJECT' THEN CAST(json AS VARCHAR) ELSE '{}' END"
    table = Table(connection, sql, {**columns, WHOLE: whole}, name=path, needs=extensions(path))
    large = sum(Path(one).stat().st_size for one in glob(path)) > LARGE
    return Source(
        name=path, columns=names, blocks=Blocks(table), rows=table.rows() if large else None,
        table=table if large else None, whole=WHOLE, inside=frozenset(inside),
        notes=broken_rows(wrong),
    )  # fmt: skip


def broken_rows(count: int) -> tuple[str, ...]:
    """What is said of rows that are no JSON objects."""
    return (f"{count} rows are no JSON objects, so nothing in them can be read.",) if count else ()


def _fields(connection: Any, sql: str) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """The keys of all rows, `NO_OBJECT` among them where a row is none; and the paths of those within objects."""
    some = _parsed(connection, f"SELECT CAST(json AS VARCHAR) FROM {sql} LIMIT {SAMPLE}")
    late = _further(connection, sql, "$", {tuple(row) for row in some})
    if new := [key for key in late if key != NO_OBJECT]:
        has = f"list_has_any(json_keys(json), [{', '.join(map(literal, new))}])"
        some += _parsed(connection, f"SELECT CAST(json AS VARCHAR) FROM {sql} WHERE {has} LIMIT {SAMPLE}")
    columns, inside = fields_of([*some, dict.fromkeys(late)])
    for above in dict.fromkeys(path[:-1] for path in list(inside.values())):
        held = [value for row in some if isinstance(value := _at(row, above), Mapping)]
        found = _further(connection, sql, _steps(above), {tuple(value) for value in held})
        for key in found if len(found) <= MOST else ():
            if key != NO_OBJECT and (name := ".".join((*above, key))) not in columns:
                columns.append(name)
                inside[name] = (*above, key)
    return columns, inside


def _further(connection: Any, sql: str, where: str, known: Collection[tuple[str, ...]]) -> list[str]:
    """The keys that some objects have at a path and none of the known ones, in the order of the alphabet."""
    lists = [f"hash([{', '.join(map(literal, keys))}])" for keys in list(known)[:KNOWN] if keys]
    unknown = f" OR hash(k) NOT IN ({', '.join(lists)})" if lists else " OR true"
    keys = f"CASE WHEN k IS NULL OR len(k) = 0 THEN [{literal(NO_OBJECT)}] ELSE k END"
    found = connection.execute(
        f"SELECT DISTINCT unnest({keys}) FROM (SELECT json_keys(json, {literal(where)}) AS k FROM {sql}) "
        f"WHERE k IS NULL OR len(k) = 0{unknown}"
    ).fetchall()
    return sorted({row[0] for row in found} - {key for keys in known for key in keys})


def _parsed(connection: Any, query: str) -> list[Mapping[str, Any]]:
    rows = [_loaded(text) for (text,) in connection.execute(query).fetchall() if text is not None]
    return [row for row in rows if isinstance(row, Mapping)]


def _loaded(text: str) -> Any:
    """The value of JSON that the engine took, which lets a comma stand before a bracket; None where that is not all."""
    for one in (text, re.sub(r",(\s*[}\]])", r"\1", text)):
        try:
            return json.loads(one)
        except ValueError:
            continue
    return None


def _at(row: Any, path: Sequence[str]) -> Any:
    for key in path:
        row = row.get(key) if isinstance(row, Mapping) else None
    return row


def _steps(path: Sequence[str]) -> str:
    return "$" + "".join('."' + key.replace('"', '\\"') + '"' for key in path)


def _connected(path: str, reader: str) -> tuple[Any, str]:
    return connected(path), _with_path(reader, path)


def _with_path(sql: str, path: str) -> str:
    return sql.replace("{path}", literal(escape(path) if Path(path).exists() else path))


class Blocks:
    """Blocks of a table of an engine, of which the first rows of a column can be asked for alone."""

    def __init__(self, table: Relation) -> None:
        self._table = table
        self._heads: dict[str, NDArray[Any]] = {}

    def __call__(self, names: Sequence[str]) -> Iterator[Block]:
        """Blocks of chosen columns."""
        for batch in self._table.batches(names):
            yield block_of(batch, names)

    def head(self, column: str) -> NDArray[Any]:
        """The first rows of a column."""
        if column not in self._heads:
            parts = [column_of(batch.column(0)) for batch in self._table.batches([column], BLOCK_ROWS)]
            self._heads[column] = np.concatenate(parts) if parts else np.zeros(0, object)
        return self._heads[column]


def relation_source(table: Relation) -> Source:
    """The rows of a table of an engine, which may count them by itself."""
    kinds = table.kinds
    return Source(
        name=table.name,
        columns=list(kinds),
        blocks=Blocks(table),
        rows=table.rows(),
        table=table,
        inside=_inside(kinds),
    )


def block_of(batch: Any, names: Sequence[str]) -> Block:
    """A batch of Arrow, or a table of it, as a block."""
    return {name: column_of(batch.column(i)) for i, name in enumerate(names)}


def column_of(column: Any) -> NDArray[Any]:
    """A column of Arrow as an array."""
    column = column.combine_chunks() if hasattr(column, "chunks") else column
    kind = str(column.type)
    if kind in ("binary", "large_binary"):
        texts: NDArray[Any] = np.empty(len(column), dtype=object)
        texts[:] = [None if cell is None else cell.decode(errors="replace") for cell in column.to_pylist()]
        return texts
    if column.null_count and ("int" in kind or kind == "bool"):  # NumPy would make floats of them
        values: NDArray[Any] = np.empty(len(column), dtype=object)
        values[:] = column.to_pylist()
        return values
    if kind in ("string", "large_string"):
        return _texts(column)
    if kind in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double"):
        return _numbers(column)
    if kind == "bool":  # without gaps
        return _numbers(column.cast("uint8")).astype(bool)
    plain: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return plain


def _texts(column: Any) -> NDArray[Any]:
    if len(column) > SAMPLE:
        coded = column.slice(0, SAMPLE).dictionary_encode()
        if 4 * len(coded.dictionary) < SAMPLE:  # most texts repeat: each is made once
            coded = column.dictionary_encode()
            texts = np.array([*coded.dictionary.to_pylist(), None], object)
            found: NDArray[Any] = texts[_numbers(coded.indices, len(texts) - 1)]
            return found
    plain: NDArray[Any] = np.empty(len(column), dtype=object)
    plain[:] = column.to_pylist()
    return plain


def _numbers(column: Any, missing: float = math.nan) -> NDArray[Any]:
    """Without `to_numpy` and `fill_null`, which load Pandas first and take a third of a second for it."""
    if not column.null_count:
        numbers: NDArray[Any] = np.from_dlpack(column)
        return numbers
    bare = type(column).from_buffers(
        column.type, len(column), [None, column.buffers()[1]], offset=column.offset
    )
    return np.where(_numbers(column.is_valid().cast("uint8")), np.from_dlpack(bare), missing)
