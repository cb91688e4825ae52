"""Expressions of SQL as text, for engines that are asked in it."""

from __future__ import annotations

from typing import Any

__all__ = ["Sql", "literal", "quoted", "sql_of"]


class Sql:
    """An expression as text."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def _with(self, sign: str, other: Any) -> Sql:
        return Sql(f"({self} {sign} {sql_of(other)})")

    def __add__(self, other: Any) -> Sql:
        return self._with("+", other)

    def __sub__(self, other: Any) -> Sql:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Sql:
        return Sql(f"({sql_of(other)} - {self})")

    def __mul__(self, other: Any) -> Sql:
        return self._with("*", other)

    def __truediv__(self, other: Any) -> Sql:
        return self._with("/", other)

    def __rtruediv__(self, other: Any) -> Sql:
        return Sql(f"({sql_of(other)} / {self})")

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


def sql_of(value: Any) -> str:
    """An expression, or a value of Python, as SQL."""
    if isinstance(value, Sql):
        return value.text
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value!r}::DOUBLE"
    return str(value) if isinstance(value, int) else literal(str(value))
