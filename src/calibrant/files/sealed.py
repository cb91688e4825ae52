"""Fitted things in files: JSON that says what it is and of which version, and shows whether it was edited."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from ..errors import UnusableInput
from .addresses import digest
from .writing import write

__all__ = ["Kind", "Sealed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What a fitted thing is called ("a cascade"), how its JSON is marked, what its id is called, how one is made."""

    noun: str
    format: str
    mark: str
    made_by: str
    version: int = 1


class Sealed(ABC):
    """A frozen value that is kept as JSON; two are equal where everything in them is.

    A subclass is a dataclass with `eq=False, repr=False` (else its own would come before these), says its `kind`, and
    gives its public name to `content_id`.

    >>> from dataclasses import dataclass, fields, is_dataclass
    >>> @dataclass(frozen=True, eq=False, repr=False)
    ... class Slope(Sealed):
    ...     a: float
    ...     kind = Kind(noun="a slope", format="example/slope", mark="slope_id", made_by="Make one with Slope(1.0).")
    ...     @classmethod
    ...     def _made(cls, data): return cls(data["a"])
    >>> kept = Slope(2.0).to_json()
    >>> Slope.from_json(kept) == Slope(2.0)
    True
    >>> Slope.from_json(kept.replace("2.0", "3.0"))
    Traceback (most recent call last):
    calibrant.errors.UnusableInput: This is a slope that was edited or damaged: ... Make one with Slope(1.0).
    """

    kind: ClassVar[Kind]
    later: ClassVar[tuple[str, ...]] = ()
    """Fields that files of earlier versions do not have, whose ids must stay as they are."""

    def _content(self) -> dict[str, Any]:
        """Everything in it, as plain values; a field that came later is left out while it says nothing."""
        held = {one.name: getattr(self, one.name) for one in fields(cast(Any, self))}
        return {name: _plain(value) for name, value in held.items() if value or name not in self.later}

    @classmethod
    @abstractmethod
    def _made(cls, data: Mapping[str, Any]) -> Self:
        """The value with this content."""

    @cached_property
    def content_id(self) -> str:
        """16 hex digits that stand for everything in it."""
        return digest(self._marked())

    def _marked(self) -> dict[str, Any]:
        return {"format": self.kind.format, "version": self.kind.version, **self._content()}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {self.kind.mark: self.content_id, **self._marked()}

    def to_json(self) -> str:
        """JSON text; `from_json` gives an equal value."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | Mapping[str, Any]) -> Self:
        """Read JSON text, or what was decoded; raises `UnusableInput` if it is another thing, or was edited."""
        return cls._read(text, "This")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file; raises `UnusableInput` also where there is none."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise cls._unreadable(str(path), error) from error
        return cls._read(text, str(path))

    def save(self, path: str | Path) -> None:
        """Write a file that `load` reads; what was there stays until it is whole."""
        write(path, self.to_json() + "\n")

    @classmethod
    def _read(cls, text: str | Mapping[str, Any], where: str) -> Self:
        kind = cls.kind
        try:
            data = json.loads(text) if isinstance(text, str) else text
            got = data.get("format"), data.get("version")
        except (ValueError, AttributeError) as error:
            raise cls._unreadable(where, error) from error
        if got != (kind.format, kind.version):
            raise UnusableInput(
                f"Expected {kind.noun} ({kind.format}, version {kind.version}), got format {got[0]!r}, version "
                f"{got[1]!r}. {kind.made_by}"
            )
        try:
            made = cls._made(data)
            found = made.content_id
        except UnusableInput:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise cls._unreadable(where, error) from error
        if data.get(kind.mark, found) != found:
            raise UnusableInput(
                f"{where} is {kind.noun} that was edited or damaged: it says that its {kind.mark} is "
                f"{data[kind.mark]}, and its content gives {found}. {kind.made_by}"
            )
        return made

    @classmethod
    def _unreadable(cls, where: str, error: Exception) -> UnusableInput:
        return UnusableInput(f"{where} cannot be read as {cls.kind.noun} ({error}). {cls.kind.made_by}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.content_id}>"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Sealed) and self.content_id == other.content_id

    def __hash__(self) -> int:
        return hash(self.content_id)


def _plain(value: Any) -> Any:
    """What JSON can hold: by its `to_dict` where it has one, else its fields or items."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value
