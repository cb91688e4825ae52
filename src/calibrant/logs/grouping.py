"""The groups of a log fitted together: their maps, what they are for, and their measures on rows not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from ..fits.crossfit import folds
from ..maps.calibration import CalibrationMap, Where
from ..tally import Tally
from ..types import Fingerprint
from .reading import Log
from .sources import Key

if TYPE_CHECKING:
    from ..calibrators.pooled import Pooled

__all__ = ["Together", "fit_together", "stated"]

APART = "signal"
"""Scores of different signals are different things: groups of one never inform those of another."""
NEVER_ANOTHER = ("model", "signal")
"""A fall-back map takes any task or domain that it was not fitted for, but no other model's scores or signal's."""


@dataclass(frozen=True, kw_only=True)
class Together:
    """Maps by the group's key, fall-backs, and each group's rows at probabilities of maps that had not seen them."""

    maps: dict[Key, CalibrationMap] = field(default_factory=dict)
    fallbacks: tuple[tuple[Where, CalibrationMap], ...] = ()
    after: dict[Key, Tally] = field(default_factory=dict)


def stated(values: Mapping[str, str | None]) -> Fingerprint:
    """The fingerprint of what is known of a group's rows; other columns are no part of one."""
    known = {f.name for f in fields(Fingerprint)}
    return Fingerprint(**{name: value for name, value in values.items() if name in known})


def fit_together(log: Log, calibrator: Pooled, count: int) -> Together:
    """Fit all groups of a log, and again `count` times without one fold of every group at once; 0 for not again."""
    by = log.roles.by
    at = by.index(APART) if APART in by else None
    kinds: dict[str | None, dict[Key, Key]] = {}  # signal -> key without it -> whole key
    for key in (*log.groups, *log.empty):
        rest = key if at is None else key[:at] + key[at + 1 :]
        kinds.setdefault(None if at is None else key[at], {})[rest] = key
    names = tuple(n for n in by if n != APART)
    done = Together()
    fallbacks: list[tuple[Where, CalibrationMap]] = []
    for kind, keys in sorted(kinds.items(), key=lambda pair: str(pair[0])):
        if not any(whole in log.groups for whole in keys.values()):
            continue
        fixed = {} if at is None else {APART: kind}
        fallbacks += _fit_kind(log, calibrator, count, _Kind(names, fixed, keys), done)
    return Together(maps=done.maps, after=done.after, fallbacks=tuple(fallbacks))


@dataclass(frozen=True)
class _Kind:
    names: tuple[str, ...]
    fixed: dict[str, str | None]
    keys: dict[Key, Key]


def _fit_kind(
    log: Log, calibrator: Pooled, count: int, kind: _Kind, done: Together
) -> list[tuple[Where, CalibrationMap]]:
    nothing = Tally.of([], [])
    tallies = {rest: log.groups.get(whole, nothing) for rest, whole in kind.keys.items()}
    made = calibrator.fit_groups(tallies)
    for rest, whole in kind.keys.items():
        known = log.constants.get(whole, {}) if whole in log.groups else _nearest(log, kind, rest)
        if known is not None:
            own = {**known, **dict(zip(log.roles.by, whole, strict=True))}
            done.maps[whole] = made[rest].with_fingerprint(stated(own))
    if count:
        for rest, moved in _cross_fitted(log, calibrator, count, kind, tallies).items():
            done.after[kind.keys[rest]] = moved
    found = []
    for prefix, fallback in made.fallbacks.items():
        where = {**dict(zip(kind.names, prefix, strict=False)), **kind.fixed}
        mark = _shared(log, kind, prefix)
        if None not in where.values() and mark is not None:
            texts = tuple((n, str(v)) for n, v in where.items())
            found.append((texts, fallback.with_fingerprint(stated({**mark, **where}))))
    return found


def _nearest(log: Log, kind: _Kind, key: Key) -> dict[str, str] | None:
    """Of a group without labels: what the groups that it borrows from state alike."""
    for n in reversed(range(len(key))):
        held = [rest for rest, whole in kind.keys.items() if rest[:n] == key[:n] and whole in log.groups]
        if held:
            return _shared(log, kind, key[:n])
    return None


def _shared(log: Log, kind: _Kind, prefix: Key) -> dict[str, str] | None:
    """What all groups under a key's beginning state alike; None where they are of several models or signals."""
    marks = [
        {**log.constants.get(whole, {}), **dict(zip(log.roles.by, whole, strict=True))}
        for rest, whole in kind.keys.items()
        if rest[: len(prefix)] == prefix and whole in log.groups
    ]
    if not marks or any(len({m.get(name) for m in marks}) > 1 for name in NEVER_ANOTHER):
        return None
    free = kind.names[len(prefix) :]
    if any(name in NEVER_ANOTHER for name in free):
        return None
    first = marks[0]
    return {
        n: v
        for n, v in first.items()
        if n not in free and v is not None and all(m.get(n) == v for m in marks)
    }


def _cross_fitted(
    log: Log, calibrator: Pooled, count: int, kind: _Kind, tallies: Mapping[Key, Tally]
) -> dict[Key, Tally]:
    nothing = Tally.of([], [])
    parts = {
        rest: log.folds.get(kind.keys[rest]) or dict(enumerate(folds(tally, count)))
        for rest, tally in tallies.items()
        if tally.rows
    }
    moved: dict[Key, list[Tally]] = {rest: [] for rest in parts}
    for fold in range(count):
        rests = {
            rest: reduce(add, [t for f, t in parts.get(rest, {}).items() if f != fold] or [nothing])
            for rest in tallies
        }
        if not any(t.rows for t in rests.values()):
            return {}  # too few rows to part
        made = calibrator.fit_groups(rests)
        for rest, found in parts.items():
            if fold in found:
                moved[rest].append(found[fold].moved(made[rest](found[fold].score)))
    return {rest: reduce(add, found) for rest, found in moved.items() if found}
