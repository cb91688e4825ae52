"""The file name is the registry.

`find("signals", "mean_logprob")` is `MeanLogprob` in `calibrant/signals/mean_logprob.py`: the name in its `__all__`
that is spelled like the file, or else the first.
Other packages add to a family with an entry point in the group `calibrant.<family>`. Listing names
imports nothing.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from inspect import getdoc
from pathlib import Path
from typing import Any

from .errors import MissingExtra, UnknownName

FAMILIES = {
    "signals": "signals",
    "calibrators": "calibrators",
    "policies": "policies",
    "graders": "graders",
    "models": "models",
    "datasets": "datasets",
    "stores": "stores",
    "routes": "routes",
    "attacks": "attacks",
    "log_formats": "logs.formats",
    "engines": "engines",
}
"""Each family, and the package of its files."""


@cache
def declared() -> dict[str, tuple[EntryPoint, ...]]:
    """What installed packages add to each family, read once: a reading opens a file of every package."""
    installed = entry_points()
    return {family: tuple(installed.select(group=f"calibrant.{family}")) for family in FAMILIES}


@cache
def names(family: str) -> tuple[str, ...]:
    """Names in a family, sorted.

    >>> "bands" in names("policies")
    True
    """
    folder = Path(__file__).parent.joinpath(*FAMILIES[family].split("."))
    own = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    return tuple(sorted(own | {point.name for point in declared()[family]}))


@cache
def find(family: str, name: str) -> Any:
    """The class or function of that name; raises `UnknownName` with the nearest known one."""
    if name not in names(family):
        raise UnknownName(family, name, names(family))
    for point in declared()[family]:
        if point.name == name:
            return point.load()
    module = import_module(f"{__package__}.{FAMILIES[family]}.{name}")
    spelled = name.replace("_", "")
    return getattr(module, next((n for n in module.__all__ if n.lower() == spelled), module.__all__[0]))


def about(family: str, name: str) -> str:
    """The sentence with which an extension's docstring begins.

    >>> about("graders", "exact")
    '1 when the answer equals a reference once both are normalised, else 0; None without references.'
    """
    return (getdoc(find(family, name)) or "").partition("\n")[0]


def require(module: str, what: str, extra: str) -> Any:
    """Import an optional package on use, or say which extra brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(what, module.partition(".")[0], f"pip install 'calibrant[{extra}]'") from error
