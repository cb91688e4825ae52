"""Where the rows of a log come from: data frames, Parquet, CSV and JSONL files, stores.

A source gives its columns' names and blocks of chosen columns, so memory does not grow with it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..plugins import find, require

__all__ = [
    "BLOCK_ROWS",
    "Block",
    "Key",
    "Source",
    "duckdb_reader",
    "group_codes",
    "group_name",
    "key_text",
    "open_source",
    "quoted",
]

Block = Mapping[str, NDArray[Any]]
Key = tuple[str | None, ...]
BLOCK_ROWS = 131_072
_FRAME_ROWS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a log's rows come from: its name, its columns, and its blocks of chosen columns.

    `parquet` is the path when the engine may count it by itself, `rows` the number of rows where known.
    `whole` names a further column that holds each row as JSON text, where rows are JSON.
    """

    name: str
    columns: list[str]
    blocks: Callable[[Sequence[str]], Iterator[Block]]
    rows: int | None = None
    parquet: str | None = None
    whole: str | None = None


def group_codes(columns: list[NDArray[Any]], rows: int) -> tuple[list[Key], NDArray[np.intp]]:
    """Distinct combinations of the columns' values as text, and each row's index among them."""
    if not columns:
        return [()], np.zeros(rows, np.intp)
    codes = np.zeros(rows, np.intp)
    names: list[list[str | None]] = []
    for values in columns:
        seen: dict[str | None, int] = {}
        where = np.array([seen.setdefault(key_text(v), len(seen)) for v in values.tolist()], np.intp)
        names.append(list(seen))
        codes = codes * len(seen) + where
    distinct, codes = np.unique(codes, return_inverse=True)
    keys = []
    for code in distinct.tolist():
        parts: list[str | None] = []
        for values_of in reversed(names):
            code, k = divmod(code, len(values_of))
            parts.append(values_of[k])
        keys.append(tuple(reversed(parts)))
    return keys, codes


def group_name(by: Mapping[str, str | None], whole: str = "All rows") -> str:
    """How a group is called, by its columns and their values; `whole` where nothing parts the rows.

    >>> group_name({"model": "m", "domain": None}), group_name({})
    ('m, no domain', 'All rows')
    """
    return (
        ", ".join(f"no {column}" if value in (None, "") else str(value) for column, value in by.items())
        or whole
    )


def key_text(value: Any) -> str | None:
    """One spelling for one value, whichever way it was read: true, 3, None for what is missing."""
    if value is None or (isinstance(value, str | float) and (value != value or value == "")):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def open_source(source: Any) -> Source:
    """Find out what a log is and how to read it."""
    if isinstance(source, str | Path):
        text = str(source)
        if "://" in text or Path(text).suffix in (".db", ".sqlite", ".sqlite3"):
            return _store(text)
        return _file(Path(text))
    return _frame(source)


def _frame(frame: Any) -> Source:
    import narwhals as nw

    try:
        native = nw.from_native(frame)
    except TypeError as error:
        raise UnusableInput(
            f"Expected a data frame, a path or a store URL, got {type(frame).__name__}."
        ) from error
    eager = native.collect() if isinstance(native, nw.LazyFrame) else native

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        columns = {name: _frame_column(eager[name]) for name in names}
        for start in range(0, len(eager), _FRAME_ROWS):
            yield {name: values[start : start + _FRAME_ROWS] for name, values in columns.items()}

    return Source(name=f"a {type(frame).__name__}", columns=eager.columns, blocks=blocks, rows=len(eager))


def _frame_column(series: Any) -> NDArray[Any]:
    import narwhals as nw

    if isinstance(series.dtype, nw.Categorical | nw.Enum):
        series = series.cast(nw.String)
    values: NDArray[Any] = series.to_numpy()
    return values if values.dtype.kind in "bfiuO" else values.astype(object)


def _store(url: str) -> Source:
    """A store, read only: nothing is created or changed, and no password is shown."""
    name = _shown(url)
    if "://" not in url and not Path(url).exists():
        raise UnusableInput(f"There is no file {url}. `calibrant elicit`, `ask` and `serve` write stores.")

    def rows() -> Iterator[Mapping[str, Any]]:
        store = find("stores", "sql")(url, readonly=True)
        try:
            yield from store.rows()
        finally:
            store.close()

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        every = rows()
        while chunk := list(islice(every, BLOCK_ROWS)):
            yield {name: _column_of(chunk, name) for name in names}

    columns = list(next(rows(), {}))
    if not columns:
        raise UnusableInput(f"{name} has no records yet. `calibrant elicit`, `ask` and `serve` write them.")
    return Source(name=name, columns=columns, blocks=blocks)


def _shown(url: str) -> str:
    """A store's address without its password, wherever in it that stands."""
    if "://" not in url:
        return url
    sa = require("sqlalchemy", "A store of records", "store")
    try:
        parsed = sa.make_url(url)
    except (ValueError, sa.exc.ArgumentError):
        kind = url.partition("://")[0]
        raise UnusableInput(
            f"The {kind}:// address of the store cannot be read. Expected postgresql://user:password@host/name, "
            "with what is special in the password escaped as in %40 for @."
        ) from None  # the cause quotes the address, and with it the password
    query = {key: "***" if "pass" in key.lower() else value for key, value in parsed.query.items()}
    return str(parsed.set(query=query).render_as_string(hide_password=True))


def _column_of(rows: Iterable[Mapping[str, Any]], name: str) -> NDArray[Any]:
    values = np.array([row.get(name) for row in rows], dtype=object)
    numeric = all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values)
    return values.astype(np.float64) if numeric else values


def quoted(name: str) -> str:
    """A column name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def duckdb_reader(path: Path) -> tuple[Any, str, dict[str, str]]:
    """A connection, the SQL table expression of a file, and the SQL of each of its columns."""
    duckdb = require("duckdb", f"Reading {path.name}", "files")
    con = duckdb.connect()
    con.execute("SET preserve_insertion_order = true")
    con.execute("SET enable_progress_bar = false")  # it would be written into our output
    literal = "'" + str(path).replace("'", "''") + "'"
    try:
        match path.suffix.lower():
            case ".parquet" | ".pq":
                table = f"read_parquet({literal})"
            case ".csv" | ".tsv" | ".txt":
                table = (
                    f"read_csv({literal}, all_varchar = true, header = true, strict_mode = false, quote = '\"', "
                    f"escape = '\"', null_padding = true, delim = {_delimiter(path)!r})"
                )
            case ".jsonl" | ".ndjson":
                table = f"(SELECT json FROM read_ndjson_objects({literal}, maximum_object_size = 67108864))"
            case ".json":
                table = f"(SELECT json FROM read_json_objects({literal}, maximum_object_size = 67108864))"
            case suffix:
                raise UnusableInput(
                    f"Cannot tell what {path} holds from its ending {suffix!r}. Known: .parquet, .csv, .tsv, "
                    ".jsonl, .ndjson, .json, .db, or a store URL."
                )
        if "objects" in table:
            found = con.execute(
                f"SELECT DISTINCT unnest(json_keys(json)) FROM (FROM {table} LIMIT 10000)"
            ).fetchall()
            names = _in_order(con, table, [row[0] for row in found])
            return con, table, {n: f"json ->> {_json_path(n)}" for n in names}
        names = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()]
        return con, table, {name: quoted(name) for name in names}
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise UnusableInput(f"{path} cannot be read: {first}") from error


def _delimiter(path: Path) -> str:
    """Of comma, semicolon, tab and bar the one that parts the header line most often."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline()
    counts = {mark: next(csv.reader([header], delimiter=mark), []) for mark in ",;\t|"}
    return max(counts, key=lambda mark: len(counts[mark]))


def _json_path(name: str) -> str:
    return "'$.\"" + name.replace("'", "''").replace('"', '\\"') + "\"'"


def _in_order(con: Any, table: str, names: list[str]) -> list[str]:
    """Keys in the order of the first object, further ones after."""
    first = con.execute(f"SELECT json_keys(json) FROM {table} LIMIT 1").fetchone()
    head = list(first[0] or []) if first else []
    return head + sorted(set(names) - set(head))


def _file(path: Path) -> Source:
    if not path.exists() and not any(c in str(path) for c in "*?["):
        raise UnusableInput(f"There is no file {path}. `calibrant demo` makes a log to try things on.")
    if path.exists() and path.stat().st_size == 0:
        raise UnusableInput(f"{path} is empty. Expected a header line and one row per answer.")
    require("pyarrow", f"Reading {path.name}", "files")
    con, table, columns = duckdb_reader(path)
    parquet = path.suffix.lower() in (".parquet", ".pq")
    whole = "\0row" if "read_json_objects" in table or "read_ndjson_objects" in table else None
    if whole:
        columns = {**columns, whole: "CAST(json AS VARCHAR)"}
    rows = con.execute(f"SELECT count(*) FROM {table}").fetchone()[0] if parquet else None

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        duckdb, arrow = (require(name, f"Reading {path.name}", "files") for name in ("duckdb", "pyarrow"))
        wanted = ", ".join(f"{columns[name]} AS {quoted(name)}" for name in names)
        try:
            for batch in con.cursor().sql(f"SELECT {wanted} FROM {table}").to_arrow_reader(BLOCK_ROWS):
                yield {name: _arrow_column(batch.column(i)) for i, name in enumerate(names)}
        except (duckdb.Error, arrow.ArrowException, OSError) as error:
            raise UnusableInput(f"{path} cannot be read: {str(error).splitlines()[0]}") from error

    return Source(
        name=str(path),
        columns=[name for name in columns if name != whole],
        blocks=blocks,
        rows=rows,
        parquet=str(path) if parquet else None,
        whole=whole,
    )


def _arrow_column(column: Any) -> NDArray[Any]:
    kind = str(column.type)
    if column.null_count and ("int" in kind or kind == "bool"):  # NumPy would make floats of them
        values: NDArray[Any] = np.empty(len(column), dtype=object)
        values[:] = column.to_pylist()
        return values
    plain: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return plain
