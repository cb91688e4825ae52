"""Is every segment calibrated, and not only the whole? The worst of many, with an interval that allows for many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from ..tally import Tally
from ..tally import merged as merge
from .gap import gap
from .intervals import Estimate

__all__ = ["beyond_chance", "worst_segment"]

LEAST = 30.0
"""Segments of fewer effective rows are not looked at; how many they are is told."""


def worst_segment(
    tallies: Mapping[tuple[str | None, ...], Tally], columns: Sequence[str], *, level: float = 0.95
) -> dict[str, Any] | None:
    """Of all values of the columns, and of pairs of values, the segment whose gap is certainly largest.

    `tallies` are by a value of each column. The interval is simultaneous by Bonferroni: with the probability `level`
    the gap of every one of the `segments` that were looked at is in its own, so that the worst may be picked.
    `shown` counts the segments whose interval leaves out 0. None where no segment has 30 effective rows.

    Examples
    --------
    >>> good, bad = Tally.of([0.7] * 100, [1] * 70 + [0] * 30), Tally.of([0.7] * 100, [1] * 30 + [0] * 70)
    >>> found = worst_segment({("law",): bad, ("art",): good}, ["domain"])
    >>> found["segment"], round(found["gap"]["value"], 2), found["shown"], found["segments"]
    ({'domain': 'law'}, 0.4, 1, 2)
    """
    parts: dict[tuple[tuple[str, str | None], ...], list[Tally]] = {}
    for key, tally in tallies.items():
        named = list(zip(columns, key, strict=True))
        for size in (1, 2):
            for some in combinations(named, size):
                parts.setdefault(some, []).append(tally)
    merged = {name: merge(found) for name, found in parts.items()}
    large = {name: t for name, t in merged.items() if t.n_eff >= LEAST}
    if not large:
        return None
    each = 1 - (1 - level) / len(large)
    gaps = {name: gap(t, level=each) for name, t in large.items()}
    worst = max(gaps, key=lambda name: (_certain(gaps[name]), abs(gaps[name].value)))
    found = gaps[worst]
    return {
        "segment": dict(worst), "n": large[worst].rows,
        "gap": {"value": found.value, "low": found.low, "high": found.high},
        "segments": len(large), "shown": sum(_certain(g) > 0 for g in gaps.values()),
        "too_small": len(merged) - len(large),
    }  # fmt: skip


def beyond_chance(tallies: Sequence[Tally], *, level: float = 0.95) -> list[bool]:
    """Which of several tallies have a gap that is beyond chance, all of them looked at together, by Holm's rule.

    With the probability `level` none without a gap is among them, however many there are.

    >>> good, bad = Tally.of([0.7] * 100, [1] * 70 + [0] * 30), Tally.of([0.7] * 100, [1] * 30 + [0] * 70)
    >>> beyond_chance([good, bad, good])
    [False, True, False]
    """
    left = set(range(len(tallies)))
    while left:
        each = 1 - (1 - level) / len(left)
        found = {at for at in left if _certain(gap(tallies[at], level=each)) > 0}
        if not found:
            break
        left -= found
    return [at not in left for at in range(len(tallies))]


def _certain(found: Estimate) -> float:
    return max(found.low, -found.high, 0.0)
