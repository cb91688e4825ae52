"""Settings from a file or a command, checked against the constructor that takes them."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import is_dataclass
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import Misuse

__all__ = ["arguments", "check_names", "defaults", "filled"]

Made = TypeVar("Made")


def filled(kind: Callable[..., Made], section: Mapping[str, Any], where: str) -> Made:
    """An object of this kind with a section as its arguments; raises `UnusableInput` that names the place."""
    given = arguments(kind, section, where)
    try:
        return kind(**given)
    except ValueError as error:
        raise Misuse(f"{where}: {error}") from error


def arguments(
    kind: Callable[..., Any], section: Mapping[str, Any], where: str, apart: Collection[str] = ()
) -> dict[str, Any]:
    """A section as arguments of a constructor: names known, none that is needed missing, types right.

    Arguments named in `apart` are no section's to give. Those in the constructor's `files` are paths in a section.
    """
    parameters = {name: one for name, one in signature(kind).parameters.items() if name not in apart}
    hints = get_type_hints(kind if is_dataclass(kind) else kind.__init__)
    hints |= dict.fromkeys(getattr(kind, "files", ()), str)
    check_names(where, section, [name for name in parameters if _settable(hints.get(name, Any))], "key")
    missing = [n for n, p in parameters.items() if p.default is Parameter.empty and n not in section]
    if missing:
        raise Misuse(
            f"{where} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not given."
        )
    return {name: _typed(value, hints.get(name, Any), f"{where} {name}") for name, value in section.items()}


def defaults(kind: Callable[..., Any], apart: Collection[str] = ()) -> dict[str, Any]:
    """What a constructor's settings are where nothing is said, of those that a section can give.

    >>> defaults(lambda name, size=3, *, warn=print: None)
    {'size': 3}
    """
    known = signature(kind).parameters.items()
    return {n: p.default for n, p in known if n not in apart and _settable(type(p.default))}


def check_names(where: str, given: Mapping[str, Any], known: Any, what: str) -> None:
    """Raise `UnusableInput` for a name that is not known, with the nearest that is."""
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise Misuse(f"{where} has an unknown {what} {name!r}.{hint} Known: {', '.join(known)}.")


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _settable(hint: Any) -> bool:
    """Whether a section can hold such a value."""
    kinds = (str, int, float, bool, tuple, list, Sequence, dict, Mapping, Literal, Any)
    return any((get_origin(one) or one) in kinds or is_dataclass(one) for one in _options(hint))


def _typed(value: Any, hint: Any, where: str) -> Any:
    """The value as the type that is wanted, or an error; a whole number is a float where one is wanted."""
    options = _options(hint)
    for option in options:
        origin = get_origin(option) or option
        if origin is Literal and value in get_args(option):
            return value
        if isinstance(option, type) and is_dataclass(option) and isinstance(value, dict):
            return filled(option, value, where)
        if origin in (tuple, list, Sequence) and isinstance(value, list):
            made = [_typed(item, (*get_args(option), Any)[0], where) for item in value]
            return made if origin is list else tuple(made)
        if origin is Mapping and isinstance(value, dict):
            return {
                name: _typed(item, get_args(option)[1], f"{where} {name}") for name, item in value.items()
            }
        if option is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if option is Any or (isinstance(origin, type) and type(value) is origin):
            return value
    raise Misuse(f"{where}: expected {_named(options)}, got {value!r}.")


_LISTS = {str: '["one", "two"]', int: "[1, 2]", float: "[0.1, 0.2]"}
"""How lists are written, by what they hold."""


def _named(options: tuple[Any, ...]) -> str:
    words = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    names = []
    for option in options:
        if get_origin(option) is Literal:
            names += [repr(choice) for choice in get_args(option)]
        elif get_origin(option) in (tuple, list, Sequence):
            names.append(f"a list such as {_LISTS.get((*get_args(option), Any)[0], '[...]')}")
        elif get_origin(option) is Mapping:
            names.append("a table")
        elif option is not type(None) and get_origin(option) is not Callable:  # no file holds a function
            names.append(words.get(option, "a table" if is_dataclass(option) else str(option)))
    return " or ".join(dict.fromkeys(names))
