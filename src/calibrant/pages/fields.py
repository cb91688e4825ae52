"""Answers that are data, and calls of tools, as a table of fields. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

__all__ = ["Field", "Table", "called", "table_of"]

FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL | re.IGNORECASE)
NUMBER = re.compile(r"[-+]?\d[\d.,'\u00a0\u202f ]*")
ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


@dataclass(frozen=True, slots=True)
class Field:
    """A value at its path, as JSON has it, and where the same stands in what the model was given ("" for no look)."""

    path: str
    value: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Fields under a name, and the text that they came as."""

    name: str
    fields: tuple[Field, ...]
    raw: str


def table_of(text: str, given: str = "") -> Table | None:
    """The fields of an answer that is a JSON object or list, None for any other.

    >>> table = table_of('{"net": 222.0, "due": "2026-11-26"}', "Total 222,00 due 26.11.2026")
    >>> [(field.path, field.value, field.source) for field in table.fields]
    [('net', '222.0', 'same, written otherwise'), ('due', '"2026-11-26"', 'same, written otherwise')]
    >>> table_of("42"), table_of("It is {so}.")
    (None, None)
    """
    fenced = FENCED.fullmatch(text)
    value = _parsed(fenced[1] if fenced else text)
    return Table("", _fields(value, given), text) if isinstance(value, dict | list) and value else None


def called(name: str, arguments: str, given: str = "") -> Table:
    """A call of a tool; one whose arguments are no JSON object has no fields.

    >>> called("book", '{"seats": [1, 2]}', "Two seats.").fields[1]
    Field(path='seats[1]', value='2', source='')
    """
    value = _parsed(arguments)
    return Table(name, _fields(value, given) if isinstance(value, dict) else (), arguments)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_float=_Written, parse_int=_Written)
    except (ValueError, RecursionError):
        return None


class _Written(str):
    """A number as it was written: 222.00 is shown as that."""

    __slots__ = ()


def _fields(value: Any, given: str) -> tuple[Field, ...]:
    seen = _Seen.of(given)
    made = tuple(
        Field(
            path,
            leaf if isinstance(leaf, _Written) else json.dumps(leaf, ensure_ascii=False),
            seen.where(leaf),
        )
        for path, leaf in _leaves(value, "")
    )
    if any(one.source.startswith("same") for one in made):
        return made
    return tuple(replace(one, source="") for one in made)  # nothing is from there: it was not to be copied


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for at, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{at}]")
    else:
        yield path, value


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the model was given, ready to be looked into."""

    text: str
    folded: str
    numbers: frozenset[str]

    @classmethod
    def of(cls, text: str) -> _Seen:
        numbers = {form for found in NUMBER.findall(text) for form in _numbers(found)}
        return cls(text, _folded(text), frozenset(numbers))

    def where(self, value: Any) -> str:
        """In words that point and do not accuse; nothing for what nobody would look for."""
        if not self.text or value is None or isinstance(value, bool | dict | list) or not str(value).strip():
            return ""
        said = str(value)
        if re.search(rf"(?<!\w){re.escape(said)}(?!\w)", self.text):
            return "same"
        otherwise = _dates(said)
        if isinstance(value, _Written):
            found = bool(_numbers(said) & self.numbers)
        else:
            found = _folded(said) in self.folded or any(form in self.folded for form in otherwise)
        return "same, written otherwise" if found else "not found as such"


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _numbers(written: str) -> frozenset[str]:
    """The values that a number may have, whichever of comma and point parts its decimals.

    >>> sorted(_numbers("1.234,50")), sorted(_numbers("222.0"))
    (['1234.5'], ['222'])
    """
    digits = re.sub(r"['\u00a0\u202f ]", "", written).rstrip(".,")
    forms = set()
    for decimal, thousands in ((".", ","), (",", ".")):
        form = rf"[-+]?(\d+|\d{{1,3}}({re.escape(thousands)}\d{{3}})+)({re.escape(decimal)}\d+)?"
        if re.fullmatch(form, digits):
            forms.add(f"{float(digits.replace(thousands, '').replace(decimal, '.')):.10g}")
    return frozenset(forms)


def _dates(text: str) -> Sequence[str]:
    """An ISO date in the ways in which people write it."""
    found = ISO.fullmatch(text.strip())
    if not found:
        return ()
    try:
        day = date(*map(int, found.groups()))
    except ValueError:
        return ()
    d, m, y = day.day, day.month, day.year
    month = f"{day:%B}".casefold()
    return (
        f"{d:02}.{m:02}.{y}", f"{d}.{m}.{y}", f"{m:02}/{d:02}/{y}", f"{d:02}/{m:02}/{y}", f"{m}/{d}/{y}",
        f"{d}/{m}/{y}",
        f"{d} {month} {y}", f"{month} {d}, {y}", f"{d} {month[:3]} {y}", f"{month[:3]} {d}, {y}", f"{y}/{m:02}/{d:02}",
    )  # fmt: skip
