"""What an engine is asked: a table where it lies, and expressions over its columns that the engine itself works out."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Protocol

from ..errors import UnusableInput
from ..plugins import names

__all__ = [
    "BLANKS",
    "KINDS",
    "PLAIN",
    "PROGRESS",
    "Engine",
    "Progress",
    "Relation",
    "chosen",
    "kind_of",
    "parted",
    "shown",
    "watched",
]

KINDS = ("boolean", "float", "number", "text", "other")
"""What a column holds; `float` are numbers of 32 bits, which are read as the decimals they were written as."""

EVERY = 0.25
"""Seconds between two looks at how far an engine is."""

Progress = Callable[[str, float | None, int | None], None]
"""Is told what is done, how much of it from 0 to 1, where 1 ends it, and of how many rows; None where nobody knows."""

PROGRESS: ContextVar[Progress | None] = ContextVar("PROGRESS", default=None)
"""Whoever wants to be told while an engine counts sets it, as the command line does."""

NUMBER = r"^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,2})?$"
"""Texts that every engine casts alike; any other, such as 85% or 0.5f, is read as the text that it is."""
DIGITS = 200
"""Longer texts are none, so none overflows; bounds within the pattern take PostgreSQL seconds."""
LARGEST = 1.7976931348623157e308

BLANKS = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2002\u2003\u2009\u202f\u3000"
"""What is left out around a text that tells rows apart."""
WHOLE = 9e15
"""Up to it whole numbers of 64 bits are written without a point."""
PLAIN = 100
"""Parts of a structure that are columns; one of more is a mapping from ids."""


class Relation(Protocol):
    """A table where it lies.

    Expressions are whatever the engine has for them; Python's operators `+ * / < <= > >= == & |` stand between two of
    them, or one and a number. Errors of the engine come as `UnusableInput`.
    """

    @property
    def name(self) -> str:
        """How it is called, without a password."""
        ...

    @property
    def kinds(self) -> Mapping[str, str]:
        """Its columns in their order, each with one of `KINDS`; what lies in structures by dotted paths."""
        ...

    def rows(self) -> int:
        """How many rows it has."""
        ...

    def batches(self, columns: Sequence[str], most: int | None = None) -> Iterator[Any]:
        """Its rows, or the first `most`, of these columns, as record batches of Arrow."""
        ...

    def derived(self, columns: Mapping[str, Any]) -> Relation:
        """The table with these columns alone, each an expression over those of this one."""
        ...

    def where(self, condition: Any) -> Relation:
        """The rows of which a condition is true."""
        ...

    def grouped(self, keys: Mapping[str, Any], sums: Mapping[str, Any], most: int | None = None) -> Any:
        """The sums of each combination of the keys, of the first `most` where that is given, as a table of Arrow."""
        ...

    def summed(self, keys: Mapping[str, Any], sums: Mapping[str, Any]) -> Relation:
        """The sums of each combination of the keys, as a table of the engine's own: nothing travels."""
        ...

    def beside(self, other: Any) -> Relation | None:
        """A relation, or a table of Arrow that is sent there for as long as this one is in use, as one that it joins.

        None of what lies elsewhere, and where it takes nothing.
        """
        ...

    def joined(self, other: Relation, keys: Mapping[str, str]) -> Relation:
        """Every row, with the columns of that of `other`, from `beside`, which has the same keys, or with nothing.

        `keys` are columns here, each with that of the other; the names of all others differ, and keys of the other are
        each there once.
        """
        ...

    def about(self, several: Sequence[Sequence[Any]]) -> list[int] | None:
        """About how many different combinations of each list of expressions there are; None where it cannot tell."""
        ...

    def column(self, name: str) -> Any:
        """A column."""
        ...

    def constant(self, value: float | str | None) -> Any:
        """A number of 64 bits, a text, or a number that is not there."""
        ...

    def cases(self, cases: Sequence[tuple[Any, Any]], otherwise: Any) -> Any:
        """The second of the first pair whose condition is true."""
        ...

    def number(self, value: Any, kind: str) -> Any:
        """A number of 64 bits; of a text that is none, nothing."""
        ...

    def text(self, value: Any) -> Any:
        """Its first 60 characters."""
        ...

    def spelt(self, name: str) -> Any | None:
        """A column as the text that tells rows apart: without blanks around it, whole numbers without a point.

        Nothing where nothing is there or the text is blank; None of a column of structures.
        """
        ...

    def drawn(self, texts: Sequence[Any], salt: str) -> Any | None:
        """A number from 0 to below 1 that hangs on the texts and the salt alone, as if drawn; None if it cannot."""
        ...

    def whole(self, value: Any) -> Any:
        """The largest integer that is not above a number."""
        ...

    def exp(self, value: Any) -> Any:
        """e to its power."""
        ...

    def log(self, value: Any) -> Any:
        """The natural logarithm of a positive number."""
        ...

    def where_least(self, value: Any, by: Any) -> Any:
        """Of the row of a group of which `by` is least, the value."""
        ...

    def missing(self, value: Any) -> Any:
        """Whether nothing is there."""
        ...

    def odd(self, value: Any) -> Any:
        """Whether a number is not there, not a number, or infinite."""
        ...

    def among(self, value: Any, values: Sequence[Any]) -> Any:
        """Whether it is one of these."""
        ...

    def count(self) -> Any:
        """The number of rows of a group."""
        ...

    def sum(self, value: Any) -> Any:
        """The sum over a group."""
        ...

    def least(self, value: Any) -> Any:
        """The least of a group; what is not a number may be left out."""
        ...

    def most(self, value: Any) -> Any:
        """The most of a group; what is not a number may be left out."""
        ...


class Engine(Protocol):
    """Where tables lie that are not copied: its name begins their address, `name:ADDRESS#TABLE`.

    `package` is that of its objects, whose top-level name tells them from all others before they are looked at. What
    it opens is a `Relation`: expressions over columns, which the engine works out.
    """

    package: ClassVar[str]

    def open(self, address: str, table: str) -> Relation:
        """A table by its address; `table` is "" where none was named. Raises `UnusableInput`, without a password."""
        ...

    def native(self, value: Any, /) -> Relation | None:
        """Of an object of its package; None of one that is no table."""
        ...


@contextmanager
def watched(what: str, share: Callable[[], float | None]) -> Iterator[None]:
    """Tell how far an engine is while it works, to whoever wants to know.

    >>> lines = []
    >>> token = PROGRESS.set(lambda what, share, rows: lines.append((what, share)))
    >>> with watched("DuckDB counts log.parquet", lambda: 0.5):
    ...     pass
    >>> PROGRESS.reset(token)
    >>> lines
    [('DuckDB counts log.parquet', None), ('DuckDB counts log.parquet', 1.0)]
    """
    if (tell := PROGRESS.get()) is None:
        yield
        return
    done = threading.Event()

    def look() -> None:
        while not done.wait(EVERY):
            tell(what, share(), None)

    tell(what, None, None)
    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        tell(what, 1.0, None)


def kind_of(arrow: Any) -> str:
    """The kind of a column of a type of Arrow."""
    told = str(arrow)
    if told == "bool":
        return "boolean"
    if told == "float":
        return "float"
    if told in ("double", "halffloat") or told.startswith(("int", "uint", "decimal")):
        return "number"
    return "text" if told in ("string", "large_string", "string_view") else "other"


def parted(text: str) -> tuple[str, str, str] | None:
    """An engine, an address and a table, of a text that names them, `ibis:ADDRESS#TABLE`; None of any other.

    The table stands behind a `#`, or a `?` where it is a plain name.

    >>> parted("duckdb:logs.duckdb?answers"), parted("ibis:postgresql://h/db?sslmode=require#public.answers")
    (('duckdb', 'logs.duckdb', 'answers'), ('ibis', 'postgresql://h/db?sslmode=require', 'public.answers'))
    >>> parted("duckdb:s3://bucket/2026-*/part-?.parquet"), parted("answers.csv")
    (('duckdb', 's3://bucket/2026-*/part-?.parquet', ''), None)
    """
    engine, colon, rest = text.partition(":")
    if not colon or "/" in engine or engine not in names("engines"):
        return None
    address, mark, table = rest.rpartition("#")
    if not mark and (found := re.fullmatch(r"(.*)\?([A-Za-z_]\w*)", rest)):
        address, table = found[1], found[2]
    elif not mark:
        address, table = rest, ""
    return engine, address, table


def shown(address: str) -> str:
    """An address without its password, or the keys of an object store.

    >>> shown("postgresql://reader:secret@host/db?password=secret"), shown("s3://bucket/key=1/a.parquet")
    ('postgresql://reader:***@host/db?password=***', 's3://bucket/key=1/a.parquet')
    """
    bare = re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:***@", address)
    return re.sub(r"(?i)([?&;\s]\w*(?:password|passwd|pwd|token|key|secret)\w*=)[^&\s;'\"]+", r"\1***", bare)


def chosen(name: str, tables: Sequence[str]) -> str:
    """The only table that there is; raises `UnusableInput` where a person must name one."""
    if len(tables) != 1:
        listed = ", ".join(tables[:10]) + (" ..." if len(tables) > 10 else "")
        raise UnusableInput(
            f"{name} has {len(tables)} tables{f': {listed}' if tables else ''}. Name the one with a row for each "
            "answer behind a #, such as ibis:postgresql://reader@host/db#answers."
        )
    return tables[0]
