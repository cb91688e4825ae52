"""The maps of groups that were fitted together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..shown import Shown
from .calibration import CalibrationMap
from .evidence import told_of
from .matching import Key

__all__ = ["PooledMaps", "key_of"]


class PooledMaps(Shown, Mapping[Any, CalibrationMap]):
    """The maps of all groups, by their keys, and `fallbacks` for groups that were not seen.

    A fallback's key is the beginning of a group's: ("maths",) stands in for a new domain of the task "maths",
    () for a new task. Its interval holds how much the groups differ.
    """

    def __init__(self, groups: Mapping[Key, CalibrationMap], fallbacks: Mapping[Key, CalibrationMap]) -> None:
        self.groups, self.fallbacks = dict(groups), dict(fallbacks)

    def __getitem__(self, key: Any) -> CalibrationMap:
        return self.groups[key_of(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def _told(self) -> list[str]:
        named = [
            f"{', '.join(map(str, key)) or 'All rows'}: {one.evidence}" for key, one in self.groups.items()
        ]
        return [f"maps of {len(self)} groups, fitted together", *named]

    def _rows(self) -> list[dict[str, Any]]:
        return [told_of({"group": ", ".join(map(str, key))}, one) for key, one in self.groups.items()]

    def find(self, key: Any) -> CalibrationMap:
        """The map of a group; for one that was not seen, of the nearest level above it."""
        whole = key_of(key)
        if whole in self.groups:
            return self.groups[whole]
        nearest = max((k for k in self.fallbacks if whole[: len(k)] == k), key=len)
        return self.fallbacks[nearest]


def key_of(key: Any) -> Key:
    """A key as text; a name is a key of one part.

    >>> key_of("law"), key_of(("law", None, 3))
    (('law',), ('law', None, '3'))
    """
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(None if v is None else str(v) for v in parts)
