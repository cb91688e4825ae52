"""Two releases side by side: every part that is the same named as such, and of the others how far they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..maps.calibration import CalibrationMap, MapSet
from ..plans.certificates import CertificateSet
from ..protocols import Store
from ..releases.promoting import PROMOTION, promotions, release_in
from ..releases.release import Part, Release, Way
from ..types import Event
from .deployed import CONFIGURATION

__all__ = ["Difference", "differences", "release_of"]

_GRID = np.linspace(0, 1, 1001)
_ABSENT = "none"


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of two releases: `way` is the task that has it, None for all others; `same` tells that it is equal.

    `first` and `second` say what stands in each, `greatest` of two maps the largest distance of their probabilities
    and `at` the score where it lies.
    """

    way: str | None
    part: str
    same: bool
    first: str
    second: str
    greatest: float | None = None
    at: float | None = None

    @property
    def sentence(self) -> str:
        """What is said of it."""
        lead = f"{f'task {self.way}: ' if self.way is not None else ''}{self.part}"
        if self.same:
            return f"{lead}: the same"
        if self.greatest is None:
            return f"{lead}: {self.first} -> {self.second}"
        return (
            f"{lead}: {self.first} -> {self.second}; probabilities differ by up to {self.greatest:.4f}, at a score of "
            f"{self.at:.3f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "task": self.way, "part": self.part, "same": self.same, "first": self.first, "second": self.second,
            "greatest": self.greatest, "at": self.at,
        }  # fmt: skip


def differences(first: Release, second: Release) -> list[Difference]:
    """All parts of two releases, way by way: maps, policy with its thresholds, signals, route, prompt and the rest.

    >>> from calibrant.releases.release import Part
    >>> one, other = Release(default=Way()), Release(default=Way(policy=Part(kind="bands", settings={"answer": 0.9})))
    >>> [found.sentence for found in differences(one, other) if not found.same]
    ['policy answer: none -> 0.9']
    """
    found = list(_ways(None, first.default, second.default))
    for task in dict.fromkeys((*first.tasks, *second.tasks)):
        if (task in first.tasks) != (task in second.tasks):
            was, now = (_ABSENT if task not in one.tasks else "has one" for one in (first, second))
            found.append(Difference(task, "way of its own", False, was, now))
        found += _ways(task, first.way(task), second.way(task))
    return found


def release_of(store: Store, wanted: str) -> Release | None:
    """The release of an id, or of the beginning of one, that a store knows; None where it knows none or several."""
    known = {one.release_id for one in promotions(store)}
    told = {id for id in known if id.startswith(wanted)}
    for entry in store.events(PROMOTION, CONFIGURATION, newest=True):
        fact = entry.fact
        if not (isinstance(fact, Event) and fact.about is not None and "release" in fact.data):
            continue
        if fact.about in told or (not told and fact.about.startswith(wanted)):
            return release_in(fact) if len(told) < 2 else None
    return None


def _ways(name: str | None, first: Way, second: Way) -> Iterator[Difference]:
    yield from _maps(name, first.maps, second.maps)
    yield from _part(name, "policy", first.policy, second.policy)
    yield from _certificates(name, first.policy, second.policy)
    yield from _signals(name, first.signals, second.signals)
    yield from _part(name, "route", first.route, second.route)
    for part in ("models", "others", "gate", "disclaim", "format", "prompt"):
        was, now = getattr(first, part), getattr(second, part)
        yield Difference(name, part, was == now, _told(was), _told(now))


def _maps(name: str | None, first: MapSet, second: MapSet) -> Iterator[Difference]:
    if first.by != second.by:
        yield Difference(
            name, "what parts the maps", False, ", ".join(first.by) or _ABSENT, ", ".join(second.by)
        )
    sides = [dict(_named(one)) for one in (first, second)]
    if not any(sides):
        yield Difference(name, "maps", True, _ABSENT, _ABSENT)
    for group in dict.fromkeys((*sides[0], *sides[1])):
        was, now = (side.get(group) for side in sides)
        same = was is not None and now is not None and was.content_id == now.content_id
        told = tuple(_ABSENT if one is None else f"{one.calibrator} {one.content_id}" for one in (was, now))
        greatest = at = None
        if isinstance(was, CalibrationMap) and isinstance(now, CalibrationMap) and not same:
            apart = np.abs(was(_GRID) - now(_GRID))
            greatest, at = float(apart.max()), float(_GRID[int(apart.argmax())])
        yield Difference(name, f"map of {group}", same, told[0], told[1], greatest, at)


def _named(maps: MapSet) -> Iterator[tuple[str, Any]]:
    for key, one in (*maps.groups, *maps.blends):
        yield (
            ", ".join(f"{n} {v}" for n, v in zip(maps.by, key, strict=False) if v is not None)
            or "all answers",
            one,
        )
    for scope, one in maps.fallbacks:
        yield f"any other, {', '.join(f'{n} {v}' for n, v in scope) or 'whatever it is'}", one


def _part(name: str | None, what: str, first: Part, second: Part) -> Iterator[Difference]:
    if first == second:
        yield Difference(name, what, True, first.kind, second.kind)
        return
    if first.kind != second.kind:
        yield Difference(name, what, False, first.kind, second.kind)
        return
    yield from _settings(name, what, first.settings, second.settings)
    for file in dict.fromkeys((*first.files, *second.files)):
        was, now = (_id_of(part.files.get(file)) for part in (first, second))
        if file != "certificates":
            yield Difference(name, f"{what} {file}", was == now, was, now)


def _settings(
    name: str | None, what: str, first: Mapping[str, Any], second: Mapping[str, Any]
) -> Iterator[Difference]:
    for setting in dict.fromkeys((*first, *second)):
        was, now = (_told(one.get(setting)) for one in (first, second))
        yield Difference(name, f"{what} {setting}", was == now, was, now)


def _certificates(name: str | None, first: Part, second: Part) -> Iterator[Difference]:
    sides = []
    for part in (first, second):
        held = part.files.get("certificates")
        made = held.certificates if isinstance(held, CertificateSet) else ()
        sides.append({", ".join(f"{n} {v}" for n, v in one.by.items()) or "all answers": one for one in made})
    for group in dict.fromkeys((*sides[0], *sides[1])):
        told = []
        for one in (side.get(group) for side in sides):
            if one is None:
                told.append(_ABSENT)
            elif not one.certified:
                told.append(f"cannot certify {one.certificate_id}")
            else:
                at = one.threshold if one.threshold_p is None else one.threshold_p
                told.append(f"{at:.4f} ({one.certificate_id})")
        yield Difference(name, f"threshold of {group}", told[0] == told[1], told[0], told[1])


def _signals(name: str | None, first: tuple[Part, ...], second: tuple[Part, ...]) -> Iterator[Difference]:
    was, now = ({part.kind: part for part in parts} for parts in (first, second))
    if list(was) != list(now):
        yield Difference(name, "signals", False, ", ".join(was) or _ABSENT, ", ".join(now) or _ABSENT)
    for kind in (one for one in was if one in now):
        yield from _part(name, f"signal {kind}", was[kind], now[kind])


def _id_of(fitted: Any) -> str:
    return _ABSENT if fitted is None else str(getattr(fitted, "content_id", None) or fitted.to_dict())


def _told(value: Any) -> str:
    if value is None or value == {} or value == ():
        return _ABSENT
    if isinstance(value, tuple):
        return ", ".join(" = ".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{n} = {v}" for n, v in value.items())
    return str(value)
