"""Apache Spark, by its own data frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from calibrant.engines._relation import BLANKS, DIGITS, LARGEST, NUMBER, PLAIN, WHOLE, chosen, watched
from calibrant.errors import UnusableInput
from calibrant.plugins import require

__all__ = ["Spark", "SparkTable"]

BATCH = 131_072
AT_ONCE = 2_000_000
"""Rows that are fetched together; of more one partition after the other."""
FILES = {".parquet": "parquet", ".orc": "orc", ".csv": "csv", ".json": "json", ".jsonl": "json"}


class Spark:
    """A data frame, or a table by its address: `spark:sc://host#answers`, `spark:local[4]#/data/log.parquet`."""

    package: ClassVar[str] = "pyspark"

    def open(self, address: str, table: str) -> SparkTable:
        """The table, or the file, in a session at that address, a master or a server of Spark Connect."""
        sql = _spark(address, "sql")
        with _asked(address):
            builder = sql.SparkSession.builder
            builder = (
                builder.remote(address)
                if address.startswith("sc://")
                else builder.master(address or "local[*]")
            )
            session = builder.getOrCreate()
            ending = next((kind for end, kind in FILES.items() if table.rstrip("/*").endswith(end)), None)
            if ending:
                frame = session.read.format(ending).option("header", "true").load(table)
            else:
                table = table or chosen(address, [one.name for one in session.catalog.listTables()])
                frame = session.table(table)
        return SparkTable(frame, f"{address}#{table}")

    def native(self, value: Any) -> SparkTable | None:
        """Of a data frame of Spark; None of any other object."""
        return SparkTable(value, "a DataFrame of Spark") if type(value).__name__ == "DataFrame" else None


def _spark(what: str, module: str) -> Any:
    return require(f"pyspark.{module}", f"Counting in {what or 'Spark'}", "spark")


@contextmanager
def _asked(name: str) -> Iterator[None]:
    """What goes wrong as `UnusableInput` on the table."""
    errors = _spark(name, "errors")
    try:
        yield
    except errors.PySparkException as error:
        raise UnusableInput(f"{name} cannot be read: {str(error).strip().splitlines()[0]}") from error


@dataclass(frozen=True)
class SparkTable:
    """A data frame of Spark as a `calibrant.engines._relation.Relation`."""

    frame: Any
    name: str

    @property
    def _f(self) -> Any:
        return _spark(self.name, "sql.functions")

    @cached_property
    def _columns(self) -> dict[str, tuple[Any, Any]]:
        found: dict[str, tuple[Any, Any]] = {}

        def add(path: str, value: Any, kind: Any) -> None:
            found[path] = value, kind
            if kind.typeName() == "struct" and len(kind.fields) <= PLAIN:
                for part in kind.fields:
                    add(f"{path}.{part.name}", value.getField(part.name), part.dataType)

        for one in self.frame.schema.fields:
            add(one.name, self._f.col(f"`{one.name.replace('`', '``')}`"), one.dataType)
        return found

    @property
    def kinds(self) -> Mapping[str, str]:
        """Its columns in their order, each with its kind."""
        return {name: _KINDS.get(kind.typeName(), "other") for name, (_, kind) in self._columns.items()}

    def rows(self) -> int:
        """How many rows it has."""
        with _asked(self.name):
            return int(self.frame.count())

    def batches(self, columns: Sequence[str], most: int | None = None) -> Iterator[Any]:
        """Its rows, as record batches of Arrow."""
        wanted = self.frame.select([self._columns[name][0].alias(name) for name in columns])
        with _asked(self.name):
            if most is not None or self.rows() <= AT_ONCE:
                yield from (wanted if most is None else wanted.limit(most)).toArrow().to_batches(BATCH)
                return
            arrow, schema = require("pyarrow", "Reading Spark", "spark"), wanted.limit(0).toArrow().schema
            held: list[dict[str, Any]] = []
            for row in wanted.toLocalIterator():
                held.append(row.asDict(recursive=True))
                if len(held) == BATCH:
                    yield from arrow.Table.from_pylist(held, schema=schema).to_batches()
                    held = []
            yield from arrow.Table.from_pylist(held, schema=schema).to_batches()

    def derived(self, columns: Mapping[str, Any]) -> SparkTable:
        """The table with these columns alone."""
        return SparkTable(
            self.frame.select([value.alias(name) for name, value in columns.items()]), self.name
        )

    def grouped(self, keys: Mapping[str, Any], sums: Mapping[str, Any], most: int | None = None) -> Any:
        """The sums of each combination of the keys."""
        found = self.summed(keys, sums).frame
        with _asked(self.name), watched(f"Spark counts {self.name}", _progress(self.frame)):
            return (found if most is None else found.limit(most)).toArrow()

    def summed(self, keys: Mapping[str, Any], sums: Mapping[str, Any]) -> SparkTable:
        """The sums of each combination of the keys, as a data frame."""
        by = [value.alias(name) for name, value in keys.items()]
        added = [value.alias(name) for name, value in sums.items()]
        return SparkTable(self.frame.groupBy(*by).agg(*added), self.name)

    def where(self, condition: Any) -> SparkTable:
        """The rows of which a condition is true."""
        return SparkTable(self.frame.where(condition), self.name)

    def beside(self, other: Any) -> SparkTable | None:
        """A data frame of the same session, or a table of Arrow."""
        session = self.frame.sparkSession
        if isinstance(other, SparkTable):
            return other if other.frame.sparkSession is session else None
        if not hasattr(other, "to_batches"):
            return None
        with _asked(self.name):
            return SparkTable(session.createDataFrame(other), self.name)

    def joined(self, other: Any, keys: Mapping[str, str]) -> SparkTable:
        """Every row, with the columns of that of the other which has the same keys."""
        on = [self.frame[one] == other.frame[two] for one, two in keys.items()]
        return SparkTable(self.frame.join(other.frame, on, "left").drop(*keys.values()), self.name)

    def about(self, several: Sequence[Sequence[Any]]) -> list[int] | None:
        """About how many different combinations there are."""
        f = self._f
        asked = [f.approx_count_distinct(f.struct(*each)).alias(f"n{i}") for i, each in enumerate(several)]
        with _asked(self.name):
            return [int(one) for one in self.frame.agg(*asked).first()]

    def column(self, name: str) -> Any:
        """A column."""
        return self._columns[name][0]

    def constant(self, value: float | str | None) -> Any:
        """A number of 64 bits, a text, or a number that is not there."""
        return self._f.lit(value) if value is not None else self._f.lit(None).cast("double")

    def cases(self, cases: Sequence[tuple[Any, Any]], otherwise: Any) -> Any:
        """The second of the first pair whose condition is true."""
        f, made = self._f, None
        for condition, value in cases:
            made = f.when(condition, value) if made is None else made.when(condition, value)
        last = otherwise if hasattr(otherwise, "cast") else f.lit(otherwise)
        return last if made is None else made.otherwise(last)

    def number(self, value: Any, kind: str) -> Any:
        """A number of 64 bits; of a text that is none, nothing."""
        if kind == "boolean":
            return value.cast("int").cast("double")
        if kind in ("number", "float"):
            return value.cast("double")
        if kind != "text":
            return self.constant(None)
        return self._f.when((self._f.length(value) <= DIGITS) & value.rlike(NUMBER), value.try_cast("double"))

    def text(self, value: Any) -> Any:
        """Its first 60 characters."""
        return value.cast("string").substr(1, 60)

    def spelt(self, name: str) -> Any | None:
        """A column as the text that tells rows apart."""
        value, kind = self._columns[name]
        if kind.typeName() in ("struct", "array", "map", "binary", "variant"):
            return None
        f, text = self._f, value.cast("string")
        if kind.typeName() in ("float", "double"):
            wide = value.cast("double")
            whole = (f.abs(wide) < WHOLE) & (f.floor(wide) == wide)
            text = (
                f.when(f.isnan(wide), f.lit(None))
                .when(whole, wide.cast("bigint").cast("string"))
                .otherwise(text)
            )
        return f.nullif(f.btrim(text, f.lit(BLANKS)), f.lit(""))

    def drawn(self, texts: Sequence[Any], salt: str) -> Any:
        """A number from 0 to below 1 that hangs on the texts and the salt alone."""
        f = self._f
        told = f.concat_ws("|", *(f.coalesce(one, f.lit("")) for one in texts), f.lit(salt))
        return f.shiftrightunsigned(f.xxhash64(told), 12).cast("double") / float(1 << 52)

    def whole(self, value: Any) -> Any:
        """The largest integer that is not above a number."""
        return self._f.floor(value).cast("int")

    def exp(self, value: Any) -> Any:
        """e to its power."""
        return self._f.exp(value)

    def log(self, value: Any) -> Any:
        """The natural logarithm of a positive number."""
        return self._f.log(value)

    def where_least(self, value: Any, by: Any) -> Any:
        """Of the row of a group of which `by` is least, the value."""
        return self._f.min_by(value, by)

    def missing(self, value: Any) -> Any:
        """Whether nothing is there."""
        return value.isNull()

    def odd(self, value: Any) -> Any:
        """Whether a number is not there, not a number, or infinite."""
        return value.isNull() | self._f.isnan(value) | (value > LARGEST) | (value < -LARGEST)

    def among(self, value: Any, values: Sequence[Any]) -> Any:
        """Whether it is one of these."""
        return value.isin(list(values))

    def count(self) -> Any:
        """The number of rows of a group."""
        return self._f.count(self._f.lit(1))

    def sum(self, value: Any) -> Any:
        """The sum over a group."""
        return self._f.sum(value)

    def least(self, value: Any) -> Any:
        """The least of a group."""
        return self._f.min(value)

    def most(self, value: Any) -> Any:
        """The most of a group."""
        return self._f.max(value)


_KINDS = {
    "boolean": "boolean", "float": "float", "string": "text",
    **dict.fromkeys(
        ("double", "byte", "short", "integer", "long", "decimal", "tinyint", "smallint", "int", "bigint"), "number"
    ),
}  # fmt: skip


def _progress(frame: Any) -> Callable[[], float | None]:
    """How many of the tasks of its stages are done; a server of Spark Connect does not tell."""
    context: Any = getattr(frame.sparkSession, "_sc", None)

    def share() -> float | None:
        if context is None:
            return None
        tracker = context.statusTracker()
        stages = [one for at in tracker.getActiveStageIds() if (one := tracker.getStageInfo(at))]
        tasks = sum(one.numTasks for one in stages)
        return min(0.99, sum(one.numCompletedTasks for one in stages) / tasks) if tasks else None

    return share
