"""Promises for several groups that hold all at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from ..plans.certificates import Certificate

__all__ = ["jointly"]

K = TypeVar("K")


def jointly(groups: Mapping[K, Callable[[float], Certificate]], delta: float) -> dict[K, Certificate]:
    """Certify every group so that with probability 1 - `delta` all promises hold, by Holm's rule.

    `groups` hold for each what certifies it at a delta of its own; a larger delta must certify whatever a smaller one
    does, so each starts its walk where `delta` / groups does. All begin there. A group all of whose answers may be sent
    needs no more, and its part goes to the others, which are certified anew. The proof is in `docs/guarantees.md`.

    Examples
    --------
    >>> from calibrant.guarantees.certifying import certify
    >>> right, mixed = ([0.9] * 60, [1] * 60), ([0.9] * 60 + [0.5] * 40, [1] * 58 + [0] * 2 + [1, 0] * 20)
    >>> tried = {name: lambda d, rows=rows: certify(*rows, max_error=0.1, delta=d, start_delta=0.05)
    ...          for name, rows in (("right", right), ("mixed", mixed))}
    >>> {name: (one.level, one.threshold) for name, one in jointly(tried, 0.1).items()}
    {'right': (0.05, 0.9), 'mixed': (0.1, 0.9)}
    """
    made: dict[K, Certificate] = {}
    left = dict(groups)
    while left:
        at = {key: one(delta / len(left)) for key, one in left.items()}
        made |= at
        rest = {
            key: left[key] for key, one in at.items() if not (one.certified and one.accepted == one.tested)
        }
        if len(rest) == len(left):
            break
        left = rest
    return made
