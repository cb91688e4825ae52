"""Groups that are fitted together: the order they stand in, and the curve they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import NotEnoughLabels, UnusableInput
from ..maps.groups import key_of
from ..maps.matching import Key
from ..tally import Tally, merged
from .shifted import Frame, base_curve

__all__ = ["Groups", "ordered"]


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


def ordered(tallies: Mapping[Any, Tally]) -> tuple[list[Key], list[Tally]]:
    """The groups in the order of their keys; raises where there is nothing to fit, or a key is of another length."""
    held = {key_of(k): t for k, t in tallies.items()}
    if not any(t.rows for t in held.values()):
        raise NotEnoughLabels("A calibration map", 1, 0)
    if len({len(k) for k in held}) > 1 or len(held) < len(tallies):
        raise UnusableInput(
            "Keys of groups must be distinct and of one length, such as ('task', 'domain'); got "
            f"{sorted({len(k) for k in held})} parts in {len(tallies)} keys, {len(held)} of them distinct."
        )
    keys = sorted(held, key=_order)
    return keys, [held[k] for k in keys]


def _order(key: Key) -> tuple[tuple[bool, str], ...]:
    return tuple((v is not None, v or "") for v in key)
