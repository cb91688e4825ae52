"""Fields of a request, of the type that a format says, or the error that names the field. No I/O."""

from __future__ import annotations

from typing import Any

from ..errors import BadRequest
from ..types import Json

__all__ = ["field_of", "text_of"]


def field_of(body: Json, name: str, kind: type | tuple[type, ...], default: Any) -> Any:
    """The value of a field, the default where it is absent or null; raises `BadRequest` for another type.

    >>> field_of({"seed": 7}, "seed", int, None), field_of({}, "stop", (str, list), [])
    (7, [])
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        words = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        raise BadRequest(f"Expected {name} to be of type {words}, got {value!r:.100}.", name)
    return value


def text_of(value: Any, where: str, most: int = 512) -> str:
    """A short text, else `BadRequest`; NUL is refused because PostgreSQL cannot keep it in a column."""
    if not isinstance(value, str) or len(value) > most or "\x00" in value:
        raise BadRequest(
            f"Expected a text of at most {most} characters at {where}, got {value!r:.100}.", where
        )
    return value
