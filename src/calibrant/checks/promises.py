"""Whether an extension keeps what its family promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import isfunction
from typing import Any

from ..errors import BrokenPromise, MissingExtra, UnknownName
from ..plugins import FAMILIES

__all__ = ["Breach", "Make", "Promise", "check", "findings", "promises"]

Make = Callable[[], Any]
"""What is looked at: called once or several times, it gives the extension, each time a new one."""

Promise = Callable[..., Iterator[str]]
"""Looks at what is made for it, and says what is broken, if anything."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise that is broken, and how."""

    promise: str
    says: str


def promises(family: str) -> dict[str, Promise]:
    """What extensions of a family promise, by name; raises `UnknownName` for no family.

    >>> "fits_weighted_rows_without_bias" in promises("calibrators")
    True
    """
    if family not in FAMILIES:
        raise UnknownName("families", family, FAMILIES)
    module = import_module(f"{__package__}.{family}")
    own = [one for one in vars(module).values() if isfunction(one) and one.__module__ == module.__name__]
    return {one.__name__: one for one in own if not one.__name__.startswith("_")}


def findings(family: str, extension: Callable[..., Any], **given: Any) -> list[Breach]:
    """The promises that an extension breaks, the first sign of each; an error that it raises is one.

    `extension` is a class, or a function that makes one where the class needs arguments: it is called without any,
    for each promise anew. `given` is what a family wants beside it: `logs` of a log format. Raises `MissingExtra`.

    >>> class Guess:
    ...     def decide(self, confidence):
    ...         return confidence.p > 0.5
    >>> [one.promise for one in findings("policies", Guess)][:1]
    ['decides_at_every_probability_and_says_why']
    """
    return [
        Breach(name, says)
        for name, promise in promises(family).items()
        if (says := _broken(promise, extension, given))
    ]


def check(family: str, extension: Callable[..., Any], **given: Any) -> None:
    """Raise `BrokenPromise`, which lists all that is broken; see `findings`."""
    found = findings(family, extension, **given)
    if found:
        named = getattr(getattr(extension, "func", extension), "__name__", type(extension).__name__)
        raise BrokenPromise(family, named, [(one.promise, one.says) for one in found])


def _broken(promise: Promise, make: Callable[[], Any], given: Mapping[str, Any]) -> str | None:
    try:
        return next(promise(make, **given), None)
    except MissingExtra:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is wrong with it
        return f"it raised {type(error).__name__}: {error}"
