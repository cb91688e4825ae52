"""Which of several fitted things is for a score: one rule, for live answers and for the rows of a log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..files.sealed import Sealed

__all__ = ["Key", "Match", "Scope", "Stated", "matched"]

Stated = Mapping[str, str | None]
"""What is known of a score: columns and their values, None where it is known to have none. Others are not known."""

Key = tuple[str | None, ...]
"""The values of the columns that part the groups, in their order."""

Scope = tuple[tuple[str, str], ...]
"""Columns and their values that a stand-in is for; it takes any value of the others."""

T = TypeVar("T", bound=Sealed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Match(Generic[T]):
    """What is for a score; or None and the reason, a sentence without its full stop.

    `scope` and, in words, `stand_in` say what a stand-in is for; both are None of a group's own. `refused` tells
    that there is one for the group, and that it is for other scores than these.
    """

    found: T | None = None
    scope: Scope | None = None
    stand_in: str | None = None
    reason: str | None = None
    refused: bool = False


def matched(
    noun: str,
    by: Sequence[str],
    groups: Mapping[Key, T],
    stated: Stated,
    differences: Callable[[T], list[str]],
    stand_ins: Sequence[tuple[Scope, T]] = (),
) -> Match[T]:
    """The one of the score's group, else the stand-in of the largest scope; none where it has `differences`.

    Nothing stands in for a group that has its own, also where that one refuses the score.
    """
    known = all(name in stated for name in by)
    scope, found = None, groups.get(tuple(stated[name] for name in by)) if known else None
    if found is None:
        fitting = [(s, one) for s, one in stand_ins if all(stated.get(n) == v for n, v in s)]
        scope, found = max(fitting, key=lambda pair: len(pair[0]), default=(None, None))
    if found is None:
        return Match(reason=_lack(noun, by, groups, stated, differences))
    if off := differences(found):
        return Match(reason=f"{noun} {found.content_id} is for other scores: {'; '.join(off)}", refused=True)
    if scope is None:
        return Match(found=found)
    told = ", ".join(f"{n} {dict(scope)[n]}" if n in dict(scope) else f"any {n}" for n in by)
    return Match(found=found, scope=scope, stand_in=told)


def _lack(
    noun: str,
    by: Sequence[str],
    groups: Mapping[Key, T],
    stated: Stated,
    differences: Callable[[T], list[str]],
) -> str:
    """What is not known of the score; else its group, and how the nearest differs from it."""
    unknown = [name for name in by if name not in stated]
    if unknown:
        are = "is" if len(unknown) == 1 else "are"
        return f"each {noun} is for one {' and '.join(by)}, and the score's {' and '.join(unknown)} {are} not known"
    names = by or [name for name, value in stated.items() if value is not None]
    told = ", ".join(f"no {n}" if stated[n] is None else f"{n} {stated[n]}" for n in names)
    off = [
        list(dict.fromkeys([*_other(dict(zip(by, key, strict=True)), stated), *differences(one)]))
        for key, one in groups.items()
    ]
    nearest = min(off, key=len, default=[])
    near = f" (of the nearest, {' and '.join(nearest)})" if nearest else ""
    return f"no {noun}{told and f' for {told}'}{near}"


def _other(group: Stated, stated: Stated) -> list[str]:
    return [
        f"{name} is {stated[name]!r}, not {value!r}" for name, value in group.items() if stated[name] != value
    ]
