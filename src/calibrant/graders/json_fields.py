"""The share of a JSON object's fields that are right."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from calibrant.answers.short import equal
from calibrant.answers.values import number
from calibrant.types import Completion, Question

__all__ = ["JsonFields"]

FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
MISSING = object()


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonFields:
    """The share of the reference's fields that the answer has right; None without a JSON object to compare with.

    A field that is an object counts as its own fields do. A number must be equal up to `rel_tol`, and may
    stand as text; text must say the same; true, false and null must be themselves; a list must hold the
    same values, in any order. Fields that the reference does not have are not looked at. The answer is the
    whole text, or what its first code fence holds, or from its first brace to its last; one that cannot be
    parsed as a JSON object has no field right, 0.

    >>> asked = Question(id="q", messages=(), references=('{"name": "Paris", "people": 2100000}',))
    >>> said = ('{"name": "paris", "people": "2,100,000"}', 'Here: {"name": "Lyon", "people": 2.1e6}', "none")
    >>> [JsonFields().grade(asked, Completion(text=text, model="m")) for text in said]
    [1.0, 0.5, 0.0]
    """

    rel_tol: float = 1e-6

    def grade(self, question: Question, completion: Completion) -> float | None:
        """The best share over the references, or None where there is nothing to grade against."""
        wanted = [fields for one in question.references if (fields := _object(one))]
        if not wanted:
            return None
        said = _object(completion.text) or {}
        return max(self._share(said, fields) for fields in wanted)

    def _share(self, said: dict[str, Any], wanted: dict[str, Any]) -> float:
        right = [self._equal(_at(said, path), value) for path, value in _fields(wanted)]
        return sum(right) / len(right)

    def _equal(self, said: Any, wanted: Any) -> bool:
        if isinstance(wanted, list):
            return isinstance(said, list) and self._paired(said, wanted)
        if wanted is None or isinstance(wanted, bool | dict):
            return said is wanted or (isinstance(wanted, dict) and said == wanted)
        if isinstance(wanted, int | float):
            value = number(said) if isinstance(said, str) else said
            if isinstance(value, bool) or not isinstance(value, int | float):
                return False
            return value == wanted or self._close(value, wanted)
        return isinstance(said, str) and (said == wanted or equal(said, wanted))

    def _close(self, a: float, b: float) -> bool:
        try:
            return math.isclose(a, b, rel_tol=self.rel_tol, abs_tol=1e-12)
        except OverflowError:  # an integer of more than 308 digits
            return False

    def _paired(self, said: list[Any], wanted: list[Any]) -> bool:
        """Whether each value has an equal of its own on the other side."""
        left = list(said)
        for value in wanted:
            found = next((i for i, one in enumerate(left) if self._equal(one, value)), None)
            if found is None:
                return False
            del left[found]
        return not left


def _object(text: str) -> dict[str, Any] | None:
    fenced = FENCED.search(text)
    for part in (text, fenced[1] if fenced else "", text[text.find("{") : text.rfind("}") + 1]):
        try:
            parsed = json.loads(part)
        except (ValueError, RecursionError):
            continue
        if isinstance(parsed, dict):
            return parsed
    return None


def _fields(value: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, one in value.items():
        if isinstance(one, dict) and one:
            yield from _fields(one, (*path, name))
        else:
            yield (*path, name), one


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value
