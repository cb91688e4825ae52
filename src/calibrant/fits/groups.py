"""The maps of groups that were fitted together, and the order that groups stand in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import NotEnoughLabels, UnusableInput
from ..maps.calibration import CalibrationMap
from ..tally import Tally
from .shifted import Frame, base_curve

__all__ = ["Groups", "Key", "PooledMaps", "merged", "ordered"]

Key = tuple[str | None, ...]


class PooledMaps(Mapping[Any, CalibrationMap]):
    """The maps of all groups, by their keys, and `fallbacks` for groups that were not seen.

    A fallback's key is the beginning of a group's: ("maths",) stands in for a new domain of the task "maths",
    () for a new task. Its interval holds how much the groups differ.
    """

    def __init__(self, groups: Mapping[Key, CalibrationMap], fallbacks: Mapping[Key, CalibrationMap]) -> None:
        self.groups, self.fallbacks = dict(groups), dict(fallbacks)

    def __getitem__(self, key: Any) -> CalibrationMap:
        return self.groups[_key(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def find(self, key: Any) -> CalibrationMap:
        """The map of a group; for one that was not seen, of the nearest level above it."""
        whole = _key(key)
        if whole in self.groups:
            return self.groups[whole]
        nearest = max((k for k in self.fallbacks if whole[: len(k)] == k), key=len)
        return self.fallbacks[nearest]


@dataclass(frozen=True)
class Groups:
    """Groups in the order of their keys, all their rows together, and the curve that they share."""

    keys: tuple[Key, ...]
    tallies: tuple[Tally, ...]

    @cached_property
    def pool(self) -> Tally:
        """All rows."""
        return merged([t for t in self.tallies if t.rows])

    @cached_property
    def frame(self) -> Frame:
        """The shared curve, on which groups are shifted and stretched."""
        return Frame.of(base_curve(self.pool), self.pool)


def merged(tallies: Sequence[Tally]) -> Tally:
    """The sum of tallies, pair by pair: of a thousand, adding one after the other takes a hundred times as long."""
    found = list(tallies) or [Tally.of([], [])]
    while len(found) > 1:
        found = [a + b for a, b in zip(found[::2], found[1::2], strict=False)] + found[len(found) & ~1 :]
    return found[0]


def ordered(tallies: Mapping[Any, Tally]) -> tuple[list[Key], list[Tally]]:
    """The groups in the order of their keys; raises where there is nothing to fit, or a key is of another length."""
    held = {_key(k): t for k, t in tallies.items()}
    if not any(t.rows for t in held.values()):
        raise NotEnoughLabels("A calibration map", 1, 0)
    if len({len(k) for k in held}) > 1 or len(held) < len(tallies):
        raise UnusableInput(
            "Keys of groups must be distinct and of one length, such as ('task', 'domain'); got "
            f"{sorted({len(k) for k in held})} parts in {len(tallies)} keys, {len(held)} of them distinct."
        )
    keys = sorted(held, key=_order)
    return keys, [held[k] for k in keys]


def _key(key: Any) -> Key:
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(None if v is None else str(v) for v in parts)


def _order(key: Key) -> tuple[tuple[bool, str], ...]:
    return tuple((v is not None, v or "") for v in key)
