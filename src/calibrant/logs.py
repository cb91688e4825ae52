"""Logs of answers, wherever they lie: data frames, Parquet, CSV and JSONL files, stores.

A log becomes one tally per group of its columns `by`, with every unusable row counted by reason. Files are
read in blocks, so memory does not grow with the file; Parquet of more than a million rows is counted by the
engine that reads it (`counting.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Parsed, Roles, find_roles, parse_block, percent
from .errors import UnusableInput
from .plugins import find, require
from .tally import Tally

__all__ = ["Block", "Key", "Log", "Source", "duckdb_reader", "group_codes", "open_source", "quoted", "read_log"]

Block = Mapping[str, NDArray[Any]]
Key = tuple[str | None, ...]
BLOCK_ROWS = 131_072
COUNT_IN_ENGINE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a log's rows come from: its name, its columns, and its blocks of chosen columns.

    `parquet` is the path when the engine may count it by itself, `rows` the number of rows where known.
    """

    name: str
    columns: list[str]
    blocks: Callable[[Sequence[str]], Iterator[Block]]
    rows: int | None = None
    parquet: str | None = None


@dataclass(frozen=True, kw_only=True)
class Log:
    """What was read: rows, how many were used, the others by reason, and one tally per group."""

    source: str
    rows: int
    used: int
    unusable: dict[str, int]
    read_as: dict[str, int]
    roles: Roles
    notes: tuple[str, ...]
    groups: dict[Key, Tally]
    folds: dict[Key, list[Tally]] = field(default_factory=dict)


def read_log(source: Any, *, by: Sequence[str] = (), folds: int = 0, **named: str | None) -> Log:
    """Read a log into tallies.

    Parameters
    ----------
    source : data frame, path or store URL
        Any frame narwhals knows; .parquet, .csv, .tsv, .jsonl, .ndjson, .json, .db; `postgresql://...`.
    by : names of columns
        One tally for each combination of their values.
    folds : int
        Also part each group at random into that many tallies, clusters kept whole.
    named : confidence, correct, weight, cluster
        Columns by name; guessed from `columns.CONVENTIONS` where None.

    Raises
    ------
    ColumnNotFound, UnusableInput
        No such file, no rows, no such column; or no row that can be used, with the reasons.
    """
    opened = open_source(source)
    roles, notes = _roles(opened, tuple(by), named)
    if (opened.rows or 0) > COUNT_IN_ENGINE and opened.parquet and roles.cluster is None:
        from .counting import count_parquet

        counted = count_parquet(opened, roles)
    else:
        counted = _count_blocks(opened, roles, folds)
    if not counted.rows:
        raise UnusableInput(f"{opened.name} has no rows. Expected one row per answer.")
    log = Log(
        source=opened.name, rows=counted.rows, used=counted.used, unusable=dict(counted.unusable),
        read_as=dict(counted.read_as), roles=roles, notes=(*notes, *counted.notes), groups=counted.tallies(),
        folds=counted.fold_tallies(),
    )  # fmt: skip
    if not log.used:
        reasons = "; ".join(f"{n} x {why}" for why, n in log.unusable.items())
        raise UnusableInput(
            f"None of the {log.rows} rows of {opened.name} can be used: {reasons}. Name the right columns with "
            f"--confidence and --correct; read were {roles.confidence!r} and {roles.correct!r}."
        )
    return log


def _roles(source: Source, by: tuple[str, ...], named: dict[str, str | None]) -> tuple[Roles, list[str]]:
    if not source.columns:
        raise UnusableInput(f"{source.name} has no columns. Expected a header line and one row per answer.")
    roles = find_roles(source.columns, by, **named)
    notes = []
    for role in ("weight", "cluster"):
        column = getattr(roles, role)
        if column and not named.get(role):
            first = next(source.blocks([column]), {column: np.zeros(0)})[column]
            if _all_missing(first):
                roles = find_roles([c for c in source.columns if c != column], by, **named)
            else:
                notes.append(f"Rows are {role}ed by the column {column!r}, found by its name.")
    if "signal" in source.columns and "signal" not in by:
        first = next(source.blocks(["signal"]), {"signal": np.zeros(0)})["signal"]
        kinds = {str(v) for v in first[:BLOCK_ROWS]}
        if len(kinds) > 1:
            notes.append(f"The log mixes the signals {', '.join(sorted(kinds))}: add --by signal to part them.")
    return roles, notes


def _all_missing(values: NDArray[Any]) -> bool:
    if values.dtype.kind == "f":
        return bool(np.isnan(values).all())
    return values.dtype.kind == "O" and all(v is None or v == "" for v in values)


class _Counted:
    """Tallies growing block by block."""

    def __init__(self, roles: Roles, folds: int) -> None:
        self.roles, self.folds = roles, folds
        self.rows = self.used = 0
        self.unusable: Counter[str] = Counter()
        self.read_as: Counter[str] = Counter()
        self.notes: list[str] = []
        self.sums: dict[tuple[Key, int], Tally] = {}
        self.kept: dict[Key, list[tuple[NDArray[Any], ...]]] = {}  # rows, only where clusters need them
        self.rng = np.random.default_rng(0)
        self.in_percent: bool | None = None

    def add(self, block: Block) -> None:
        r = self.roles
        if self.in_percent is None:
            self.in_percent = percent(block[r.confidence])
            if self.in_percent:
                self.notes.append(f"The column {r.confidence!r} was read as percent, 0 to 100.")
        parsed = parse_block(
            block[r.confidence], block[r.correct], block[r.weight] if r.weight else None,
            in_percent=self.in_percent, inverse=r.inverse,
        )  # fmt: skip
        good = parsed.reason == 0
        self.rows += len(good)
        self.used += int(good.sum())
        self.unusable += parsed.unusable
        self.read_as += parsed.read_as
        keys, codes = group_codes([block[name] for name in r.by], len(good))
        for k, key in enumerate(keys):
            self._add_group(key, np.flatnonzero(good & (codes == k)), parsed, block)

    def _add_group(self, key: Key, rows: NDArray[np.intp], parsed: Parsed, block: Block) -> None:
        if not len(rows):
            return
        c, g = parsed.scores[rows], parsed.grades[rows]
        w = None if parsed.weights is None else parsed.weights[rows]
        if self.roles.cluster:
            ids = block[self.roles.cluster][rows].astype(str)
            self.kept.setdefault(key, []).append((c, g, np.ones(len(c)) if w is None else w, ids))
            return
        fold = self.rng.integers(0, self.folds, len(rows)) if self.folds else np.zeros(len(rows), int)
        for f in range(max(self.folds, 1)):
            part = fold == f
            if part.any():
                tally = Tally.of(c[part], g[part], None if w is None else w[part])
                before = self.sums.get((key, f))
                self.sums[key, f] = tally if before is None else before + tally

    def tallies(self) -> dict[Key, Tally]:
        whole: dict[Key, Tally] = {}
        for (key, _), tally in self.sums.items():
            whole[key] = whole[key] + tally if key in whole else tally
        for key, blocks in self.kept.items():
            c, g, w, ids = (np.concatenate(v) for v in zip(*blocks, strict=True))
            whole[key] = Tally.of(c, g, w, ids)
        return whole

    def fold_tallies(self) -> dict[Key, list[Tally]]:
        if not self.folds:
            return {}
        parts: dict[Key, list[Tally]] = {}
        for (key, _), tally in self.sums.items():
            parts.setdefault(key, []).append(tally)
        for key, blocks in self.kept.items():
            c, g, w, ids = (np.concatenate(v) for v in zip(*blocks, strict=True))
            _, code = np.unique(ids, return_inverse=True)
            fold = self.rng.integers(0, self.folds, int(code.max()) + 1)[code]
            parts[key] = [Tally.of(c[m], g[m], w[m], ids[m]) for f in range(self.folds) if (m := fold == f).any()]
        return parts


def _count_blocks(source: Source, roles: Roles, folds: int) -> _Counted:
    counted = _Counted(roles, folds)
    for block in source.blocks(roles.names):
        counted.add(block)
    return counted


def group_codes(columns: list[NDArray[Any]], rows: int) -> tuple[list[Key], NDArray[np.intp]]:
    """Distinct combinations of the columns' values as text, and each row's index among them."""
    if not columns:
        return [()], np.zeros(rows, np.intp)
    codes = np.zeros(rows, np.intp)
    names: list[list[str | None]] = []
    for values in columns:
        seen: dict[Any, int] = {}
        where = np.array([seen.setdefault(v if v == v else None, len(seen)) for v in values.tolist()], np.intp)
        names.append([None if v is None else str(v) for v in seen])
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
        raise UnusableInput(f"Expected a data frame, a path or a store URL, got {type(frame).__name__}.") from error
    eager = native.collect() if isinstance(native, nw.LazyFrame) else native

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        columns = {name: _frame_column(eager[name]) for name in names}
        for start in range(0, len(eager), COUNT_IN_ENGINE):
            yield {name: values[start : start + COUNT_IN_ENGINE] for name, values in columns.items()}

    return Source(name=f"a {type(frame).__name__}", columns=eager.columns, blocks=blocks, rows=len(eager))


def _frame_column(series: Any) -> NDArray[Any]:
    import narwhals as nw

    if isinstance(series.dtype, nw.Categorical | nw.Enum):
        series = series.cast(nw.String)
    values: NDArray[Any] = series.to_numpy()
    return values if values.dtype.kind in "bfiuO" else values.astype(object)


def _store(url: str) -> Source:
    store = find("stores", "sql")(url)
    columns = list(next(iter(store.rows()), {}))

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        rows = store.rows()
        while chunk := list(islice(rows, BLOCK_ROWS)):
            yield {name: _column_of(chunk, name) for name in names}

    return Source(name=url, columns=columns, blocks=blocks)


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
    literal = "'" + str(path).replace("'", "''") + "'"
    try:
        match path.suffix.lower():
            case ".parquet" | ".pq":
                table = f"read_parquet({literal})"
            case ".csv" | ".tsv" | ".txt":
                table = f"read_csv({literal}, all_varchar = true, header = true, strict_mode = false)"
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
            found = con.execute(f"SELECT DISTINCT unnest(json_keys(json)) FROM (FROM {table} LIMIT 10000)").fetchall()
            names = _in_order(con, table, [row[0] for row in found])
            return con, table, {n: f"json ->> {_json_path(n)}" for n in names}
        names = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()]
        return con, table, {name: quoted(name) for name in names}
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise UnusableInput(f"{path} cannot be read: {first}") from error


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
    rows = con.execute(f"SELECT count(*) FROM {table}").fetchone()[0] if parquet else None

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        duckdb = require("duckdb", f"Reading {path.name}", "files")
        wanted = ", ".join(f"{columns[name]} AS {quoted(name)}" for name in names)
        try:
            for batch in con.cursor().sql(f"SELECT {wanted} FROM {table}").to_arrow_reader(BLOCK_ROWS):
                yield {name: _arrow_column(batch.column(i)) for i, name in enumerate(names)}
        except duckdb.Error as error:
            raise UnusableInput(f"{path} cannot be read: {str(error).splitlines()[0]}") from error

    return Source(
        name=str(path), columns=list(columns), blocks=blocks, rows=rows, parquet=str(path) if parquet else None
    )


def _arrow_column(column: Any) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values

