"""DuckDB, which is embedded: files, patterns, object stores, its databases, and what it attaches."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

from calibrant.engines._relation import BLANKS, PLAIN, PROGRESS, WHOLE, chosen, kind_of, shown, watched
from calibrant.engines._sql import Sql, literal, quoted, sql_of
from calibrant.errors import UnusableInput
from calibrant.plugins import require

__all__ = [
    "DuckDb",
    "Table",
    "attached",
    "connected",
    "ending",
    "extensions",
    "literal",
    "quoted",
    "readable",
]

BATCH = 131_072
EXTENSION = "duckdb_extension_"
"""What the packages begin with that hold one each, such as `duckdb_extension_httpfs`."""
PARQUET = "read_parquet({}, union_by_name = true)"
SENT = count()
"""Numbers the tables that were sent."""
TEXT = "read_csv({}, all_varchar = true, union_by_name = true)"


@contextmanager
def readable(path: str) -> Iterator[None]:
    """What goes wrong in the engine as `UnusableInput` on the file."""
    duckdb, arrow = (require(name, f"Reading {path}", "files") for name in ("duckdb", "pyarrow"))
    try:
        yield
    except (duckdb.Error, arrow.ArrowException, OSError) as error:
        path, told = shown(path), shown(str(error))
        raise UnusableInput(
            _lacking(path, told) or f"{path} cannot be read: {told.splitlines()[0]}"
        ) from error


def _lacking(path: str, told: str) -> str | None:
    """What to do where the engine could not fetch an extension of its own; None for any other error."""
    found = re.search(r'[Ff]ailed to download extension "(\w+)"', told)
    if found is None:
        return None
    name, version = found[1], require("duckdb", "Reading", "files").__version__
    package = f"{EXTENSION}{name}".replace("_", "-")
    other = (
        "or let Ibis read the table: pip install 'calibrant[ibis]' 'ibis-framework[postgres]', and write ibis: for "
        "duckdb:"
        if name.startswith("postgres")
        else "or copy the files here"
    )
    return (
        f"{path} needs DuckDB's extension {name}, which could not be fetched from extensions.duckdb.org. Install it "
        f"as a package, where there is one of that version: pip install {package}=={version}; or where there is a "
        f"network, python -c \"import duckdb; duckdb.sql('INSTALL {name}')\", and bring "
        f"~/.duckdb/extensions/v{version} here; {other}."
    )


def extensions(address: str) -> tuple[str, ...]:
    """SQL that loads what an address needs from its package, where that is installed; else the engine fetches it."""
    if "://" not in address:
        return ()
    name = "postgres_scanner" if _postgres(address) else "httpfs"
    package = find_spec(f"{EXTENSION}{name}")
    folders = (package and package.submodule_search_locations) or ()
    paths = [path for folder in folders for path in Path(folder).rglob(f"{name}.duckdb_extension")]
    return tuple(f"LOAD {literal(str(path))}" for path in paths)


def connected(what: str) -> Any:
    """A connection of its own."""
    connection = require("duckdb", f"Reading {what}", "files").connect()
    connection.execute("SET preserve_insertion_order = true")
    connection.execute("SET enable_progress_bar = false")  # it would be written into our output
    with readable(what):
        for statement in extensions(what):
            connection.execute(statement)
    return connection


def attached(connection: Any, address: str) -> tuple[str, tuple[str, ...]]:
    """The name under which a database is attached for reading, and the SQL that attaches it elsewhere, too."""
    name, kind = f"log_{crc32(address.encode()):x}", "TYPE postgres, " if _postgres(address) else ""
    attaching = f"ATTACH IF NOT EXISTS {literal(address)} AS {name} ({kind}READ_ONLY)"
    with readable(address):
        connection.execute(attaching)
    return name, (*extensions(address), attaching)


def _postgres(address: str) -> bool:
    return address.startswith(("postgres:", "postgresql:"))


def ending(address: str) -> str:
    """How the name of a file ends, without settings of an object store behind it.

    >>> ending("s3://logs/part-?.csv?s3_url_style=path"), ending("s3://logs/2026-*.jsonl")
    ('.csv', '.jsonl')
    """
    return Path(re.sub(r"\?\w+=.*$", "", address).rstrip("*")).suffix.lower()


def _cursor(connection: Any, arrow: Any) -> Any:
    """Something that asks beside whatever of the connection's own results is not read to its end."""
    cursor = connection.cursor()
    if arrow is not None:
        cursor.register("log", arrow)
    return cursor


class DuckDb:
    """Parquet and CSV wherever they lie, tables of DuckDB's databases, and those of PostgreSQL, which it attaches."""

    package: ClassVar[str] = "duckdb"

    def open(self, address: str, table: str) -> Table:
        """Files of an object store or another host, or a table of a database, which is not changed."""
        connection, name = connected(shown(address)), shown(address) + (f"#{table}" if table else "")
        postgres = _postgres(address)
        with readable(name):
            if not table and not postgres:
                reader = TEXT if ending(address) in (".csv", ".tsv", ".txt") else PARQUET
                made = Table.of(connection, reader.format(literal(address)), name)
                return replace(made, needs=extensions(address))
            log, needs = attached(connection, address)
            table = table or chosen(name, _tables(connection, log))
        schema, _, bare = table.rpartition(".")
        schema = schema or ("public" if postgres else "main")
        made = Table.of(connection, f"{log}.{quoted(schema)}.{quoted(bare)}", f"{shown(address)}#{table}")
        return replace(made, needs=needs)

    def native(self, _relation: Any, /) -> None:
        """Its relations are read as frames: of what they are made, only the connection that made them knows."""


def _tables(connection: Any, database: str) -> list[str]:
    """The tables and views of the attached database, as `schema.table`."""
    found = connection.execute(
        "SELECT DISTINCT schema_name || '.' || table_name FROM duckdb_columns() "
        f"WHERE database_name = {literal(database)} AND NOT internal ORDER BY 1"
    ).fetchall()
    return [one for (one,) in found]


@dataclass(frozen=True)
class Table:
    """A table of the engine (`calibrant.engines._relation.Relation`): a connection, and the SQL of it and its columns.

    `arrow` is the table itself where it is not in a file that the engine reads, `needs` is SQL that another connection
    executes before it reads the same.
    """

    connection: Any
    sql: str
    columns: Mapping[str, str]
    arrow: Any = None
    name: str = "the table"
    known: Mapping[str, str] | None = field(default=None, compare=False)
    needs: tuple[str, ...] = ()

    @classmethod
    def of(cls, connection: Any, sql: str, name: str, arrow: Any = None) -> Table:
        """With all of its columns, and what lies in structures by dotted paths."""
        with readable(name):
            described = _cursor(connection, arrow).sql(f"SELECT * FROM {sql} LIMIT 0").to_arrow_table().schema
        columns = {one.name: quoted(one.name) for one in described}
        for one in described:
            for path, inner in _within(one, one.name, quoted(one.name)):
                columns.setdefault(path, inner)
        return cls(connection, sql, columns, arrow, name)

    @property
    def kinds(self) -> Mapping[str, str]:
        """Its columns in their order, each with its kind."""
        if self.known is not None:
            return self.known
        with readable(self.name):
            schema = self._cursor().sql(f"{self._selected(self.columns)} LIMIT 0").to_arrow_table().schema
        return {one.name: kind_of(one.type) for one in schema}

    def _selected(self, names: Sequence[str] | Mapping[str, str]) -> str:
        return f"SELECT {', '.join(f'{self.columns[n]} AS {quoted(n)}' for n in names)} FROM {self.sql}"

    def _cursor(self) -> Any:
        return _cursor(self.connection, self.arrow)

    def rows(self) -> int:
        """How many rows it has."""
        with readable(self.name):
            return int(self._cursor().execute(f"SELECT count(*) FROM {self.sql}").fetchone()[0])

    def batches(self, columns: Sequence[str], most: int | None = None) -> Iterator[Any]:
        """Its rows, as record batches of Arrow."""
        limit = "" if most is None else f" LIMIT {most}"
        with readable(self.name):
            yield from self._cursor().sql(self._selected(columns) + limit).to_arrow_reader(BATCH)

    def derived(self, columns: Mapping[str, Any]) -> Table:
        """The table with these columns alone."""
        made = ", ".join(f"{sql_of(value)} AS {quoted(name)}" for name, value in columns.items())
        return replace(
            self,
            sql=f"(SELECT {made} FROM {self.sql})",
            columns={name: quoted(name) for name in columns},
            known=None,
        )

    def where(self, condition: Any) -> Table:
        """The rows of which a condition is true."""
        return replace(self, sql=f"(SELECT * FROM {self.sql} WHERE {condition})")

    def beside(self, other: Any) -> Table | None:
        """A table of this engine, or one of Arrow, which is copied into it."""
        with readable(self.name):
            if isinstance(other, Table):
                if other.arrow is not None and other.connection is not self.connection:
                    return None
                for statement in other.needs:
                    self.connection.cursor().execute(statement)
                return replace(other, connection=self.connection)
            if not hasattr(other, "to_batches"):
                return None
            name = f"sent_{next(SENT)}"
            cursor = self.connection.cursor()
            cursor.register("sent", other)
            cursor.execute(f"CREATE TABLE {name} AS SELECT * FROM sent")
        return Table.of(self.connection, name, self.name)

    def joined(self, other: Any, keys: Mapping[str, str]) -> Table:
        """Every row, with the columns of that of the other which has the same keys."""
        mine = [f"l.{quoted(name)}" for name in self.columns]
        theirs = [f"r.{quoted(name)}" for name in other.columns if name not in keys.values()]
        on = " AND ".join(f"l.{quoted(one)} = r.{quoted(two)}" for one, two in keys.items())
        sql = (
            f"(SELECT {', '.join((*mine, *theirs))} FROM ({self._selected(self.columns)}) l "
            f"LEFT JOIN ({other._selected(other.columns)}) r ON {on})"
        )
        return Table.of(self.connection, sql, self.name, self.arrow)

    def _grouping(self, keys: Mapping[str, Any], sums: Mapping[str, Any]) -> str:
        made = ", ".join(f"{sql_of(value)} AS {quoted(name)}" for name, value in {**keys, **sums}.items())
        by = f" GROUP BY {', '.join(str(i + 1) for i in range(len(keys)))}" if keys else ""
        return f"SELECT {made} FROM {self.sql}{by}"

    def summed(self, keys: Mapping[str, Any], sums: Mapping[str, Any]) -> Table:
        """The sums of each combination of the keys, as a table."""
        columns = {name: quoted(name) for name in (*keys, *sums)}
        return replace(self, sql=f"({self._grouping(keys, sums)})", columns=columns, known=None)

    def grouped(self, keys: Mapping[str, Any], sums: Mapping[str, Any], most: int | None = None) -> Any:
        """The sums of each combination of the keys, within 400 MB of memory, which is the engine's for no more."""
        limit = "" if most is None else f" LIMIT {most}"
        with readable(self.name):
            cursor = self._cursor()
            cursor.execute("SET memory_limit = '400MB'")
            cursor.execute("SET preserve_insertion_order = false")
            with watched(f"DuckDB counts {self.name}", _progress(cursor)):
                return cursor.sql(self._grouping(keys, sums) + limit).to_arrow_table()

    def about(self, several: Sequence[Sequence[Any]]) -> list[int] | None:
        """About how many different combinations there are, good to a few of 100."""
        asked = [f"approx_count_distinct(hash({', '.join(map(sql_of, each))}))" for each in several]
        with readable(self.name):
            found = self._cursor().execute(f"SELECT {', '.join(asked)} FROM {self.sql}").fetchone()
        return [int(one) for one in found]

    def column(self, name: str) -> Sql:
        """A column."""
        return Sql(self.columns[name])

    def constant(self, value: float | str | None) -> Sql:
        """A number of 64 bits, a text, or a number that is not there."""
        return Sql("NULL::DOUBLE" if value is None else sql_of(value))

    def cases(self, cases: Sequence[tuple[Any, Any]], otherwise: Any) -> Sql:
        """The second of the first pair whose condition is true."""
        told = " ".join(f"WHEN {sql_of(condition)} THEN {sql_of(value)}" for condition, value in cases)
        return Sql(f"CASE {told} ELSE {sql_of(otherwise)} END") if cases else Sql(sql_of(otherwise))

    def number(self, value: Any, kind: str) -> Sql:
        """A number of 64 bits; of a text that is none, nothing.

        A case, since comparisons of the column itself are answered from the statistics of files, which leave NaN out,
        and since the reader of CSV takes over a bare TRY_CAST and ends with an error at a text that is no number.
        """
        if kind == "boolean":
            return Sql(f"CAST(CAST({value} AS INTEGER) AS DOUBLE)")
        cast = "CAST" if kind in ("number", "float") else "TRY_CAST"
        return Sql(f"CASE WHEN {value} IS NULL THEN NULL ELSE {cast}({value} AS DOUBLE) END")

    def text(self, value: Any) -> Sql:
        """Its first 60 characters."""
        return Sql(f"left(CAST({value} AS VARCHAR), 60)")

    def spelt(self, name: str) -> Sql | None:
        """A column as the text that tells rows apart."""
        value, kind = self.columns[name], self.kinds[name]
        text = f"CAST({value} AS VARCHAR)"
        if kind == "other" and any(mark in self._type(name) for mark in "[("):
            return None
        if kind in ("number", "float"):
            whole = f"typeof({value}) IN ('DOUBLE', 'FLOAT') AND abs({value}) < {WHOLE} AND trunc({value}) = {value}"
            there = f"WHEN {text} <> 'nan' THEN {text}"
            text = f"CASE WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) {there} END"
        return Sql(f"nullif(trim({text}, {literal(BLANKS)}), '')")

    def drawn(self, texts: Sequence[Any], salt: str) -> Sql:
        """A number from 0 to below 1 that hangs on the texts and the salt alone."""
        told = ", ".join(f"coalesce({sql_of(one)}, '')" for one in texts)
        return Sql(f"((md5_number_lower(concat_ws('|', {told}, {literal(salt)})) >> 11)::DOUBLE / {1 << 53})")

    def _type(self, name: str) -> str:
        with readable(self.name):
            return str(self._cursor().sql(f"{self._selected([name])} LIMIT 0").types[0])

    def whole(self, value: Any) -> Sql:
        """The largest integer that is not above a number."""
        return Sql(f"CAST(floor({value}) AS INTEGER)")

    def exp(self, value: Any) -> Sql:
        """e to its power."""
        return Sql(f"exp({value})")

    def log(self, value: Any) -> Sql:
        """The natural logarithm of a positive number."""
        return Sql(f"ln({value})")

    def where_least(self, value: Any, by: Any) -> Sql:
        """Of the row of a group of which `by` is least, the value."""
        return Sql(f"arg_min({value}, {by})")

    def missing(self, value: Any) -> Sql:
        """Whether nothing is there."""
        return Sql(f"({value} IS NULL)")

    def odd(self, value: Any) -> Sql:
        """By its text: isnan() is answered from the statistics of files, which leave NaN out."""
        return Sql(f"({value} IS NULL OR CAST({value} AS VARCHAR) IN ('nan', '-nan', 'inf', '-inf'))")

    def among(self, value: Any, values: Sequence[Any]) -> Sql:
        """Whether it is one of these."""
        return Sql(f"({value} IN ({', '.join(map(sql_of, values))}))")

    def count(self) -> Sql:
        """The number of rows of a group."""
        return Sql("count(*)")

    def sum(self, value: Any) -> Sql:
        """The sum over a group."""
        return Sql(f"sum({value})")

    def least(self, value: Any) -> Sql:
        """The least of a group."""
        return Sql(f"min({value})")

    def most(self, value: Any) -> Sql:
        """The most of a group."""
        return Sql(f"max({value})")


def _progress(cursor: Any) -> Callable[[], float | None]:
    """How far it is, from 0 to 1; asked without its bar, which would be written into our output."""
    if PROGRESS.get() is not None:
        cursor.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")

    def share() -> float | None:
        told = float(cursor.query_progress())
        return min(told, 99.0) / 100 if told >= 0 else None

    return share


def _within(field: Any, path: str, sql: str) -> Iterator[tuple[str, str]]:
    """The parts of a structure, by dotted paths."""
    if str(field.type).startswith("struct<") and field.type.num_fields <= PLAIN:
        for part in field.type:
            inner = f"struct_extract({sql}, {literal(part.name)})"
            yield f"{path}.{part.name}", inner
            yield from _within(part, f"{path}.{part.name}", inner)
