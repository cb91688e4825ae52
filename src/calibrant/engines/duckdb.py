"""DuckDB, which is embedded: files, patterns, object stores, its databases, and what it attaches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from calibrant.engines._relation import PROGRESS, kind_of, watched
from calibrant.errors import UnusableInput
from calibrant.plugins import require

__all__ = ["Table", "literal", "quoted", "readable"]

BATCH = 131_072


class Sql:
    """An expression as text."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def _with(self, sign: str, other: Any) -> Sql:
        return Sql(f"({self} {sign} {_sql(other)})")

    def __add__(self, other: Any) -> Sql:
        return self._with("+", other)

    def __sub__(self, other: Any) -> Sql:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Sql:
        return Sql(f"({_sql(other)} - {self})")

    def __mul__(self, other: Any) -> Sql:
        return self._with("*", other)

    def __truediv__(self, other: Any) -> Sql:
        return self._with("/", other)

    def __rtruediv__(self, other: Any) -> Sql:
        return Sql(f"({_sql(other)} / {self})")

    def __lt__(self, other: Any) -> Sql:
        return self._with("<", other)

    def __le__(self, other: Any) -> Sql:
        return self._with("<=", other)

    def __gt__(self, other: Any) -> Sql:
        return self._with(">", other)

    def __ge__(self, other: Any) -> Sql:
        return self._with(">=", other)

    def __eq__(self, other: object) -> Sql:  # type: ignore[override]
        return self._with("=", other)

    def __and__(self, other: Any) -> Sql:
        return self._with("AND", other)

    def __or__(self, other: Any) -> Sql:
        return self._with("OR", other)


def literal(value: str) -> str:
    """A text as SQL."""
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A column name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _sql(value: Any) -> str:
    if isinstance(value, Sql):
        return value.text
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value!r}::DOUBLE"
    return str(value) if isinstance(value, int) else literal(str(value))


@contextmanager
def readable(path: str) -> Iterator[None]:
    """What goes wrong in the engine as `UnusableInput` on the file."""
    duckdb, arrow = (require(name, f"Reading {path}", "files") for name in ("duckdb", "pyarrow"))
    try:
        yield
    except (duckdb.Error, arrow.ArrowException, OSError) as error:
        raise UnusableInput(f"{path} cannot be read: {str(error).splitlines()[0]}") from error


@dataclass(frozen=True)
class Table:
    """A table of the engine (`calibrant.engines._relation.Relation`): a connection, and the SQL of it and its columns.

    `arrow` is the table itself where it is not in a file that the engine reads.
    """

    connection: Any
    sql: str
    columns: Mapping[str, str]
    arrow: Any = None
    name: str = "the table"
    known: Mapping[str, str] | None = field(default=None, compare=False)

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
        cursor = self.connection.cursor()
        if self.arrow is not None:
            cursor.register("log", self.arrow)
        return cursor

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
        made = ", ".join(f"{_sql(value)} AS {quoted(name)}" for name, value in columns.items())
        return replace(
            self,
            sql=f"(SELECT {made} FROM {self.sql})",
            columns={name: quoted(name) for name in columns},
            known=None,
        )

    def grouped(self, keys: Mapping[str, Any], sums: Mapping[str, Any], most: int | None = None) -> Any:
        """The sums of each combination of the keys, within 400 MB of memory, which is the engine's for no more."""
        made = ", ".join(f"{_sql(value)} AS {quoted(name)}" for name, value in {**keys, **sums}.items())
        by = f" GROUP BY {', '.join(str(i + 1) for i in range(len(keys)))}" if keys else ""
        limit = "" if most is None else f" LIMIT {most}"
        with readable(self.name):
            cursor = self._cursor()
            cursor.execute("SET memory_limit = '400MB'")
            cursor.execute("SET preserve_insertion_order = false")
            with watched(f"DuckDB counts {self.name}", _progress(cursor)):
                return cursor.sql(f"SELECT {made} FROM {self.sql}{by}{limit}").to_arrow_table()

    def about(self, several: Sequence[Sequence[Any]]) -> list[int] | None:
        """About how many different combinations there are, good to a few of 100."""
        asked = [f"approx_count_distinct(hash({', '.join(map(_sql, each))}))" for each in several]
        with readable(self.name):
            found = self._cursor().execute(f"SELECT {', '.join(asked)} FROM {self.sql}").fetchone()
        return [int(one) for one in found]

    def column(self, name: str) -> Sql:
        """A column."""
        return Sql(self.columns[name])

    def constant(self, value: float | str | None) -> Sql:
        """A number of 64 bits, a text, or a number that is not there."""
        return Sql("NULL::DOUBLE" if value is None else _sql(value))

    def cases(self, cases: Sequence[tuple[Any, Any]], otherwise: Any) -> Sql:
        """The second of the first pair whose condition is true."""
        told = " ".join(f"WHEN {_sql(condition)} THEN {_sql(value)}" for condition, value in cases)
        return Sql(f"CASE {told} ELSE {_sql(otherwise)} END") if cases else Sql(_sql(otherwise))

    def number(self, value: Any, kind: str) -> Sql:
        """A number of 64 bits; of a text that is none, nothing."""
        if kind == "boolean":
            return Sql(f"CAST(CAST({value} AS INTEGER) AS DOUBLE)")
        return Sql(f"{'CAST' if kind in ('number', 'float') else 'TRY_CAST'}({value} AS DOUBLE)")

    def text(self, value: Any) -> Sql:
        """Its first 60 characters."""
        return Sql(f"left(CAST({value} AS VARCHAR), 60)")

    def whole(self, value: Any) -> Sql:
        """The largest integer that is not above a number."""
        return Sql(f"CAST(floor({value}) AS INTEGER)")

    def exp(self, value: Any) -> Sql:
        """e to its power."""
        return Sql(f"exp({value})")

    def missing(self, value: Any) -> Sql:
        """Whether nothing is there."""
        return Sql(f"({value} IS NULL)")

    def odd(self, value: Any) -> Sql:
        """By its text: isnan() is answered from the statistics of files, which leave NaN out."""
        return Sql(f"({value} IS NULL OR CAST({value} AS VARCHAR) IN ('nan', '-nan', 'inf', '-inf'))")

    def among(self, value: Any, values: Sequence[Any]) -> Sql:
        """Whether it is one of these."""
        return Sql(f"({value} IN ({', '.join(map(_sql, values))}))")

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
