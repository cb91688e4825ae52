"""The groups of a log fitted together: their maps, what they are for, and their measures on rows not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..maps.calibration import CalibrationMap
from ..maps.matching import Key, Scope
from ..tally import Tally
from ..tally import merged as added
from ..types import Fingerprint
from ..types.asked import merged

if TYPE_CHECKING:
    from ..calibrators.pooled import Pooled

__all__ = ["FittedGroups", "LabelledGroups", "cross_fit_groups", "fit_groups"]

APART = "signal"
"""Scores of different signals are different things: groups of one never inform those of another."""
NEVER_ANOTHER = ("model", "signal")
"""A fall-back map takes any task or domain that it was not fitted for, but no other model's scores or signal's."""


@dataclass(frozen=True, kw_only=True)
class LabelledGroups:
    """The labels of groups by the values of the columns `by`, none in some, and what each one's rows state alike."""

    by: tuple[str, ...]
    tallies: Mapping[Key, Tally]
    constants: Mapping[Key, Mapping[str, str]]

    def __contains__(self, key: Key) -> bool:
        """Whether a group has labels."""
        return bool(self.tallies[key].rows)

    def told(self, key: Key) -> dict[str, str | None]:
        """What the rows of a group state alike, with the values of its columns."""
        return {**self.constants.get(key, {}), **dict(zip(self.by, key, strict=True))}


@dataclass(frozen=True, kw_only=True)
class FittedGroups:
    """Maps by the group's key, and fall-backs."""

    maps: dict[Key, CalibrationMap] = field(default_factory=dict)
    fallbacks: tuple[tuple[Scope, CalibrationMap], ...] = ()


def fit_groups(groups: LabelledGroups, calibrator: Pooled) -> FittedGroups:
    """The maps of groups, each bound to what it is for; of each signal by itself."""
    maps: dict[Key, CalibrationMap] = {}
    fallbacks: list[tuple[Scope, CalibrationMap]] = []
    for kind in _kinds(groups):
        made = calibrator.fit_groups(kind.tallies)
        for rest, whole in kind.keys.items():
            known = groups.told(whole) if whole in groups else kind.nearest(rest)
            if known is not None:
                own = {**known, **dict(zip(groups.by, whole, strict=True))}
                maps[whole] = made[rest].with_fingerprint(Fingerprint.of(own))
        for prefix, fallback in made.fallbacks.items():
            where = {**dict(zip(kind.names, prefix, strict=False)), **kind.fixed}
            mark = kind.shared(prefix)
            if None not in where.values() and mark is not None:
                texts = tuple((n, str(v)) for n, v in where.items())
                fallbacks.append((texts, fallback.with_fingerprint(Fingerprint.of({**mark, **where}))))
    return FittedGroups(maps=maps, fallbacks=tuple(fallbacks))


def cross_fit_groups(
    groups: LabelledGroups, calibrator: Pooled, parts: Mapping[Key, Mapping[int, Tally]], count: int
) -> dict[Key, Tally]:
    """Each group's rows at probabilities of maps that had not seen them: without one fold of every group at once.

    `parts` are the groups' folds by number. A signal with too few rows to part is left out.
    """
    found: dict[Key, list[Tally]] = {}
    for kind in _kinds(groups):
        moved: dict[Key, list[Tally]] = {}
        for fold in range(count):
            rests = {
                rest: added([t for f, t in parts.get(whole, {}).items() if f != fold])
                for rest, whole in kind.keys.items()
            }
            if not any(t.rows for t in rests.values()):
                moved = {}
                break
            made = calibrator.fit_groups(rests)
            for rest, whole in kind.keys.items():
                part = parts.get(whole, {}).get(fold)
                if part is not None:
                    moved.setdefault(whole, []).append(part.moved(made[rest](part.score)))
        found |= moved
    return {key: added(tallies) for key, tallies in found.items()}


@dataclass(frozen=True)
class _Kind:
    """The groups of one signal: `keys` are those of all groups by the key without it, whose columns are `names`."""

    groups: LabelledGroups
    names: tuple[str, ...]
    fixed: dict[str, str | None]
    keys: dict[Key, Key]

    @property
    def tallies(self) -> dict[Key, Tally]:
        return {rest: self.groups.tallies[whole] for rest, whole in self.keys.items()}

    def nearest(self, key: Key) -> dict[str, str | None] | None:
        """Of a group without labels: what the groups that it borrows from state alike."""
        for n in reversed(range(len(key))):
            if any(rest[:n] == key[:n] and whole in self.groups for rest, whole in self.keys.items()):
                return self.shared(key[:n])
        return None

    def shared(self, prefix: Key) -> dict[str, str | None] | None:
        """What all groups under a key's beginning state alike; None where they are of several models or signals."""
        marks = [
            self.groups.told(whole)
            for rest, whole in self.keys.items()
            if rest[: len(prefix)] == prefix and whole in self.groups
        ]
        free = self.names[len(prefix) :]
        if not marks or any(n in free or len({m.get(n) for m in marks}) > 1 for n in NEVER_ANOTHER):
            return None
        alike: dict[str, str | None] = {
            n: v
            for n, v in marks[0].items()
            if n not in free and v is not None and all(m.get(n) == v for m in marks)
        }
        asked = merged(m.get("asked_with") for m in marks)
        return alike if asked is None else {**alike, "asked_with": asked}


def _kinds(groups: LabelledGroups) -> list[_Kind]:
    at = groups.by.index(APART) if APART in groups.by else None
    kinds: dict[str | None, dict[Key, Key]] = {}
    for key in groups.tallies:
        signal, rest = (None, key) if at is None else (key[at], key[:at] + key[at + 1 :])
        kinds.setdefault(signal, {})[rest] = key
    names = tuple(n for n in groups.by if n != APART)
    return [
        _Kind(groups, names, {} if at is None else {APART: signal}, keys)
        for signal, keys in sorted(kinds.items(), key=lambda pair: str(pair[0]))
        if any(whole in groups for whole in keys.values())
    ]
