"""Whatever Ibis has a backend for: PostgreSQL, BigQuery, Snowflake, ClickHouse, Polars, Trino, Databricks ..."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Any, ClassVar

from calibrant.engines._relation import DIGITS, LARGEST, NUMBER, PLAIN, WHOLE, chosen, shown, watched
from calibrant.errors import UnusableInput
from calibrant.plugins import require

__all__ = ["Ibis", "IbisTable"]

BATCH = 131_072
NAMES = {"postgres": "PostgreSQL", "duckdb": "DuckDB", "bigquery": "BigQuery", "clickhouse": "ClickHouse"}
HASHED = 1 << 52
"""Of a hash, as many lower values as numbers of 64 bits tell apart."""
SMALLEST = 1e-200
"""A positive number below it counts as it: some engines end with an error where a product underflows."""


class Ibis:
    """A table of any backend, by its address, `ibis:postgresql://reader@host/db#answers`, or as Ibis has it."""

    package: ClassVar[str] = "ibis"

    def open(self, address: str, table: str) -> IbisTable:
        """The table; the only one where none is named. Raises `UnusableInput` where there is none."""
        ibis = _ibis(address)
        with _asked(shown(address)):
            connection = ibis.connect(address)
            if callable(close := getattr(getattr(connection, "con", None), "close", None)):
                weakref.finalize(connection, close)  # which Ibis leaves to whoever connects
            where, _, name = (table or chosen(shown(address), connection.list_tables())).rpartition(".")
            found = connection.table(name, database=where) if where else connection.table(name)
        return IbisTable(found, f"{shown(address)}#{table or name}", (address, name, where))

    def native(self, value: Any) -> IbisTable | None:
        """Of a table of Ibis; None of any other object."""
        import ibis.expr.types as types

        return (
            IbisTable(value, f"a table of {_backend(value) or 'Ibis'}")
            if isinstance(value, types.Table)
            else None
        )


def _ibis(what: str) -> Any:
    return require("ibis", f"Counting in {shown(what)}", "ibis")


def _backend(table: Any) -> str:
    found = table._find_backends()[0]
    return str(found[0].name) if found else ""


@contextmanager
def _asked(name: str) -> Iterator[None]:
    """What goes wrong as `UnusableInput` on the table: every backend has errors of its own."""
    try:
        yield
    except (UnusableInput, ImportError):
        raise
    except Exception as error:  # each backend raises those of its own driver, which have no class in common
        told = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UnusableInput(f"{name} cannot be read: {told}") from error


@dataclass(frozen=True)
class IbisTable:
    """A table of Ibis as a `calibrant.engines._relation.Relation`."""

    table: Any
    name: str
    place: tuple[str, str, str] = ("", "", "")
    """Address, name and schema of a table that was opened by them."""

    @cached_property
    def _columns(self) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def add(path: str, value: Any) -> None:
            found[path] = value
            if value.type().is_struct() and len(value.names) <= PLAIN:
                for part in value.names:
                    add(f"{path}.{part}", value[part])

        for name in self.table.columns:
            add(name, self.table[name])
        return found

    @property
    def kinds(self) -> Mapping[str, str]:
        """Its columns in their order, each with its kind."""
        return {name: _kind(value.type()) for name, value in self._columns.items()}

    def rows(self) -> int:
        """How many rows it has."""
        with _asked(self.name):
            return int(self.table.count().to_pyarrow().as_py())

    def batches(self, columns: Sequence[str], most: int | None = None) -> Iterator[Any]:
        """Its rows, as record batches of Arrow."""
        wanted = self.table.select([self._columns[name].name(name) for name in columns])
        with _asked(self.name):
            if most is not None or _backend(wanted) in ("", "duckdb"):  # one connection has one open result
                yield from (wanted if most is None else wanted.limit(most)).to_pyarrow().to_batches(BATCH)
            else:
                yield from wanted.to_pyarrow_batches(chunk_size=BATCH)

    def derived(self, columns: Mapping[str, Any]) -> IbisTable:
        """The table with these columns alone."""
        return IbisTable(self.table.select([value.name(name) for name, value in columns.items()]), self.name)

    def query(self, keys: Mapping[str, Any], sums: Mapping[str, Any], most: int | None = None) -> Any:
        """The expression of `grouped`, for whoever wants to read what is compiled of it."""
        added = [value.name(name) for name, value in sums.items()]
        by = [value.name(name) for name, value in keys.items()]
        found = self.table.group_by(by).aggregate(added) if by else self.table.aggregate(added)
        return found if most is None else found.limit(most)

    def grouped(self, keys: Mapping[str, Any], sums: Mapping[str, Any], most: int | None = None) -> Any:
        """The sums of each combination of the keys."""
        backend = NAMES.get(found := _backend(self.table), found or "Ibis")
        with _asked(self.name), watched(f"{backend} counts {self.name}", lambda: None):
            return self.query(keys, sums, most).to_pyarrow()

    def summed(self, keys: Mapping[str, Any], sums: Mapping[str, Any]) -> IbisTable:
        """The sums of each combination of the keys, as a table."""
        return IbisTable(self.query(keys, sums), self.name)

    def where(self, condition: Any) -> IbisTable:
        """The rows of which a condition is true."""
        return IbisTable(self.table.filter(condition), self.name)

    def beside(self, other: Any) -> IbisTable | None:
        """A table of the same connection or address, or one of Arrow, which the backend takes as a temporary one."""
        ibis = _ibis(self.name)
        if isinstance(other, IbisTable):
            backends, theirs = self.table._find_backends()[0], other.table._find_backends()[0]
            if not theirs or theirs == backends:
                return other
            address, name, where = other.place
            if not address or address != self.place[0]:
                return None
            with _asked(other.name):
                found = backends[0].table(name, database=where) if where else backends[0].table(name)
            return IbisTable(found, other.name, other.place)
        return IbisTable(ibis.memtable(other), self.name) if hasattr(other, "to_batches") else None

    def joined(self, other: Any, keys: Mapping[str, str]) -> IbisTable:
        """Every row, with the columns of that of the other which has the same keys."""
        both = self.table.left_join(other.table, list(keys.items()))
        theirs = [name for name in other.table.columns if name not in keys.values()]
        return IbisTable(both.select([*self.table.columns, *theirs]), self.name)

    def about(self, several: Sequence[Sequence[Any]]) -> list[int] | None:
        """How many different combinations there are."""
        asked = [
            self.table.select([v.name(f"k{i}") for i, v in enumerate(each)]).distinct() for each in several
        ]
        with _asked(self.name):
            return [int(one.count().to_pyarrow().as_py()) for one in asked]

    def column(self, name: str) -> Any:
        """A column."""
        return self._columns[name]

    def constant(self, value: float | str | None) -> Any:
        """A number of 64 bits, a text, or a number that is not there."""
        ibis = _ibis(self.name)
        return ibis.literal(value, "string" if isinstance(value, str) else "float64")

    def cases(self, cases: Sequence[tuple[Any, Any]], otherwise: Any) -> Any:
        """The second of the first pair whose condition is true."""
        return _ibis(self.name).cases(*cases, else_=otherwise) if cases else self._value(otherwise)

    def _value(self, value: Any) -> Any:
        return value if hasattr(value, "type") else _ibis(self.name).literal(value)

    def number(self, value: Any, kind: str) -> Any:
        """A number of 64 bits; of a text that is none, nothing."""
        if kind == "boolean":
            return value.cast("int32").cast("float64")  # PostgreSQL has no way from one to the other
        if kind in ("number", "float"):
            plain = value.cast("float64")
            tiny = (plain > 0.0) & (plain < SMALLEST)
            return (
                self.cases([(tiny, self.constant(SMALLEST))], plain)
                if _backend(self.table) == "postgres"
                else plain
            )
        if kind != "text":
            return self.constant(None)
        tried = _backend(self.table) not in _CASTS
        read = value.try_cast("float64") if tried else value.cast("float64")
        return self.cases([((value.length() <= DIGITS) & value.re_search(NUMBER), read)], self.constant(None))

    def text(self, value: Any) -> Any:
        """Its first 60 characters."""
        return value.cast("string").left(60)

    def spelt(self, name: str) -> Any | None:
        """A column as the text that tells rows apart."""
        value = self._columns[name]
        kind = value.type()
        if kind.is_nested() or kind.is_binary():
            return None
        text = value.cast("string")
        if kind.is_floating():
            wide = value.cast("float64")
            whole = (wide < WHOLE) & (wide > -WHOLE) & (wide.floor() == wide)
            cases = [
                (self.odd(wide), _ibis(self.name).null("string")),
                (whole, wide.cast("int64").cast("string")),
            ]
            text = self.cases(cases, text)
        return text.strip().nullif("")

    def drawn(self, texts: Sequence[Any], salt: str) -> Any | None:
        """A number from 0 to below 1 that hangs on the texts and the salt alone; None where the backend has no hash."""
        ibis = _ibis(self.name)
        backends = self.table._find_backends()[0]
        if not backends or not backends[0].has_operation(ibis.expr.operations.Hash):
            return None
        told = reduce(add, (one.coalesce("") + "|" for one in texts)) + salt
        return (told.hash() & (HASHED - 1)).cast("float64") / float(HASHED)

    def whole(self, value: Any) -> Any:
        """The largest integer that is not above a number."""
        return value.floor().cast("int32")

    def exp(self, value: Any) -> Any:
        """e to its power."""
        return value.exp()

    def log(self, value: Any) -> Any:
        """The natural logarithm of a positive number."""
        return value.ln()

    def where_least(self, value: Any, by: Any) -> Any:
        """Of the row of a group of which `by` is least, the value."""
        return value.argmin(by)

    def missing(self, value: Any) -> Any:
        """Whether nothing is there."""
        return value.isnull()

    def odd(self, value: Any) -> Any:
        """Not by isnan, which some backends lack: NaN is unlike itself there, or above all numbers."""
        return value.isnull() | (value != value) | (value > LARGEST) | (value < -LARGEST)

    def among(self, value: Any, values: Sequence[Any]) -> Any:
        """Whether it is one of these."""
        return value.isin(list(values))

    def count(self) -> Any:
        """The number of rows of a group."""
        return self.table.count()

    def sum(self, value: Any) -> Any:
        """The sum over a group."""
        return value.sum()

    def least(self, value: Any) -> Any:
        """The least of a group."""
        return value.min()

    def most(self, value: Any) -> Any:
        """The most of a group."""
        return value.max()


_CASTS = ("postgres", "risingwave", "mysql", "sqlite", "materialize")
"""Backends without a cast that may fail; they look at the condition before they cast."""


def _kind(kind: Any) -> str:
    if kind.is_boolean():
        return "boolean"
    if kind.is_float32():
        return "float"
    return "number" if kind.is_numeric() else "text" if kind.is_string() else "other"
