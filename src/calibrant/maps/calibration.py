"""Calibration maps: immutable, plain JSON, and bound to what they were fitted on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UnusableInput, WrongFingerprint
from ..files.sealed import Kind, Sealed
from ..files.writing import write
from ..shown import Shown
from ..tally import Floats, Tally
from ..types import Confidence, Fingerprint, Reading
from .blends import BlendMap
from .confidences import Mark, listed
from .curves import Curve, bounded, curve_from_dict
from .evidence import Evidence, line_of, told_of
from .matching import Key, Match, Scope, Stated, matched
from .units import FRACTION, Unit

__all__ = ["CalibrationMap", "Evidence", "MapSet"]

_SET_FORMAT = "calibrant/maps"
_VERSION = 1
_WITH_FALLBACKS = 2
_SAMPLES = (0.5, 0.7, 0.8, 0.9, 0.99)
_GRID = 101


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CalibrationMap(Shown, Sealed):
    """From scores to probabilities of being right. Callable on arrays; `interval` gives the 95 % ends.

    Scores lie in [0, 1]. `unit` is that in which the log stated them that it was fitted on, None where it came from no
    log: then, and in files of earlier versions, fractions.

    Examples
    --------
    >>> import calibrant
    >>> m = calibrant.fit([0.9, 0.9, 0.6, 0.6] * 25, [True, True, True, False] * 25, calibrator="platt").map
    >>> m([0.6, 0.9]).round(1)
    array([0.5, 1. ])
    >>> calibrant.CalibrationMap.from_json(m.to_json()) == m
    True
    """

    calibrator: str
    curve: Curve
    evidence: Evidence
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    statistics: Mapping[str, Any] = field(default_factory=dict)
    unit: Unit | None = None

    later = ("unit",)
    kind = Kind(
        noun="a calibration map",
        format="calibrant/map",
        mark="map_id",
        made_by="Fit one with `calibrant fit`.",
    )

    @classmethod
    def of(cls, calibrator: str, curve: Curve, tally: Tally, **statistics: Any) -> Self:
        """The map that a calibrator fitted on a tally."""
        return cls(calibrator=calibrator, curve=curve, evidence=Evidence.of(tally), statistics=statistics)

    def __call__(
        self, scores: ArrayLike, fingerprint: Fingerprint | None = None, *, anyway: bool = False
    ) -> Floats:
        """Probabilities, float64, of the shape of `scores` (in [0, 1]).

        With the `fingerprint` of the scores, one that differs from the map's raises `WrongFingerprint`
        unless `anyway`. A score outside [0, 1], or NaN, raises `UnusableInput`. O(n log knots).
        """
        self.check(fingerprint, anyway=anyway)
        flat, shape = _scores(scores)
        return bounded(self.curve(flat)).reshape(shape)

    def interval(self, scores: ArrayLike) -> tuple[Floats, Floats]:
        """Low and high ends of the 95 % intervals of the probabilities, each of the shape of `scores`."""
        return self.estimates(scores)[1:]

    def estimates(self, scores: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Probabilities and the ends of their intervals, as calling the map and `interval` give them."""
        flat, shape = _scores(scores)
        p = bounded(self.curve(flat))
        low, high = self.evidence.holding(*self.curve.interval(flat))
        low, high = bounded(np.minimum(low, p)), bounded(np.maximum(high, p))
        return p.reshape(shape), low.reshape(shape), high.reshape(shape)

    def estimate(self, score: float) -> tuple[float, float, float]:
        """Probability and ends of its interval at one score: as `estimates`, but for rounding at 1e-12, and quickly.

        >>> import calibrant
        >>> made = calibrant.fit([0.9, 0.9, 0.6, 0.6] * 25, [True, True, True, False] * 25, calibrator="beta").map
        >>> [round(value, 2) for value in made.estimate(0.6)]
        [0.51, 0.38, 0.65]
        """
        if not 0.0 <= score <= 1.0:  # also of NaN
            raise UnusableInput(f"Expected a score in [0, 1]; got {score!r}.")
        p, *ends = self.curve.at(score)
        p, low, high = [min(max(one, 0.0), 1.0) for one in (p, *self.evidence.holding(*ends))]
        return p, min(low, p), max(high, p)

    def check(self, fingerprint: Fingerprint | None, *, anyway: bool = False) -> None:
        """Raise `WrongFingerprint` if the map was fitted on scores of another kind."""
        if fingerprint is not None and not anyway:
            differences = self.fingerprint.differences(fingerprint.stated)
            if differences:
                raise WrongFingerprint(self.map_id, differences)

    @property
    def map_id(self) -> str:
        """16 hex digits that stand for everything in the map."""
        return self.content_id

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> CalibrationMap:
        return cls(
            calibrator=data["calibrator"],
            curve=curve_from_dict(data["curve"]),
            evidence=Evidence(**data["evidence"]),
            fingerprint=Fingerprint(**data["fingerprint"]),
            statistics=data["statistics"],
            unit=Unit(**data["unit"]) if "unit" in data else None,
        )

    def _told(self) -> list[str]:
        mark = ", ".join(f"{n} {v}" for n, v in self.fingerprint.stated.items() if v is not None)
        shown = [f"{c:g} -> {p:.2f}" for c, p in zip(_SAMPLES, self(_SAMPLES).tolist(), strict=True)]
        return [
            f"{self.calibrator}{f' for {mark}' if mark else ''}, fitted on {self.evidence}, {self.map_id}",
            ", ".join(shown),
        ]

    def _rows(self) -> list[dict[str, Any]]:
        grid = np.round(np.linspace(0, 1, _GRID), 4)
        columns = (grid, self(grid), *self.interval(grid))
        names = ("score", "p", "p_low", "p_high")
        return [
            dict(zip(names, one, strict=True)) for one in zip(*(c.tolist() for c in columns), strict=True)
        ]

    def with_fingerprint(self, fingerprint: Fingerprint, **statistics: Any) -> CalibrationMap:
        """The same curve, bound to what it is for, with further statistics."""
        return replace(self, fingerprint=fingerprint, statistics={**self.statistics, **statistics})

    def with_unit(self, unit: Unit) -> CalibrationMap:
        """The same curve, bound to the unit in which a log states its scores."""
        return replace(self, unit=unit)


def _scores(scores: ArrayLike) -> tuple[Floats, tuple[int, ...]]:
    values = np.asarray(scores, dtype=np.float64)
    flat = values.ravel()
    if len(flat) and not (flat.min() >= 0 and flat.max() <= 1):  # NaN fails both
        bad = int((~((flat >= 0) & (flat <= 1))).sum())
        raise UnusableInput(
            f"Scores must be in [0, 1]: {bad} of {len(flat)} are not. `calibrant apply` counts them instead."
        )
    return flat, values.shape


@dataclass(frozen=True, kw_only=True, repr=False)
class MapSet(Shown):
    """The maps of a file: one per group of the columns `by`, found by what is stated of a score.

    `blends` take the signals of an answer together; where one fits an answer it goes before the other maps.
    `fallbacks` stand in for groups without a map: the one of (("task", "maths"),) for a domain of maths that was
    not seen, the one of () for any task; the one that states most goes first. None stands in for a group that has a
    map, also where that map refuses the scores. A map refuses answers to another system prompt, or cut off at another
    limit, than those that it was fitted on; with `asked_with` "any" it takes them, and its confidences say so.

    >>> import calibrant
    >>> from calibrant.types import Fingerprint
    >>> made = calibrant.fit([0.9, 0.2] * 20, [1, 0] * 20).map.with_fingerprint(Fingerprint(model="m", domain="law"))
    >>> maps = MapSet(by=("domain",), groups=((("law",), made),))
    >>> maps.match({"domain": "law"}).found == made
    True
    >>> maps.match({"domain": "law", "model": "n"}).reason.partition(" is for ")[2]
    "other scores: model is 'n', not 'm'; fit one with `calibrant fit`"
    """

    by: tuple[str, ...] = ()
    groups: tuple[tuple[Key, CalibrationMap], ...] = ()
    blends: tuple[tuple[Key, BlendMap], ...] = ()
    fallbacks: tuple[tuple[Scope, CalibrationMap], ...] = ()
    asked_with: Literal["fitted", "any"] = "fitted"

    @cached_property
    def _index(self) -> dict[Key, CalibrationMap]:
        return dict(self.groups)

    @cached_property
    def _blends(self) -> dict[Key, BlendMap]:
        return dict(self.blends)

    @property
    def units(self) -> tuple[Unit, ...]:
        """Those in which the maps were fitted, fractions for one that does not say."""
        alone = [one.unit or FRACTION for _, one in (*self.groups, *self.fallbacks)]
        return tuple(
            dict.fromkeys([*alone, *(unit for _, one in self.blends for unit in one.units.values())])
        )

    @property
    def set_unanswered_apart(self) -> bool:
        """Whether rows without an answer were set apart where the maps were fitted, which are not for such rows."""
        return any(one.statistics.get("unanswered") for _, one in (*self.groups, *self.fallbacks))

    @property
    def column(self) -> str | None:
        """The one column of scores that all of the maps were fitted on; None where they do not say, or differ."""
        columns = {unit.column for unit in self.units}
        return columns.pop() if len(columns) == 1 else None

    def unit(self, stated: Stated) -> Unit:
        """That in which scores are stated of which this is known; where no map is for them, that of the others."""
        found = self.match(stated).found or next((m for _, m in (*self.groups, *self.fallbacks)), None)
        return (found and found.unit) or FRACTION

    def find(self, values: Iterable[Any]) -> CalibrationMap | None:
        """The map of a group, by the values of the columns `by`; else the fall-back that states most of them."""
        texts = (None if v is None else str(v) for v in values)
        return self.match(dict(zip(self.by, texts, strict=True))).found

    def match(self, stated: Stated) -> Match[CalibrationMap]:
        """The map for a score of which `stated` is known, perhaps one that stands in; or None and what does not fit."""
        return _with_advice(matched(
            "map", self.by, self._index, stated,
            lambda one: one.fingerprint.differences(stated, asked_any=self.asked_with == "any"), self.fallbacks,
        ))  # fmt: skip

    def match_blend(self, stated: Mapping[str, Stated]) -> Match[BlendMap]:
        """The blend for an answer, by what is known of each signal that has a score; or None and what does not fit."""
        by = [name for name in self.by if name != "signal"]
        match = matched(
            "blend", by, self._blends, _alike(stated),
            lambda one: one.differences(stated, asked_any=self.asked_with == "any"),
        )  # fmt: skip
        if match.found is None or any(name in stated for name in match.found.names):
            return _with_advice(match)
        return Match(reason=f"none of {', '.join(match.found.names)} has a score")

    def confidences(
        self, match: Match[CalibrationMap], scores: ArrayLike, stated: Stated
    ) -> Iterator[Confidence]:
        """That of each score, by the map that was found for such scores.

        What is not known of the scores is taken to be the map's. The fingerprint of a confidence by a stand-in states
        only what that is for: no domain, where a map for any domain of the task stood in.
        """
        assert match.found is not None
        return map(self._mark(match, stated).confidence, listed(match.found.estimates(scores)))

    def _mark(self, match: Match[CalibrationMap], stated: Stated) -> Mark:
        assert match.found is not None
        free = () if match.scope is None else [n for n in self.by if n not in dict(match.scope)]
        mark = {**match.found.fingerprint.stated, **stated, **dict.fromkeys(free)}
        caution = match.found.fingerprint.cautions(stated)
        return Mark(match.found, Fingerprint.of(mark), match.stand_in, caution)

    def blend_confidences(
        self, match: Match[BlendMap], scores: Mapping[str, ArrayLike], stated: Mapping[str, Stated]
    ) -> Iterator[Confidence]:
        """That of each answer, by the blend that was found. The fingerprint's signal names those that it used."""
        assert match.found is not None
        used = [name for name in match.found.names if name in stated]
        whole = {"signal": " + ".join(used), "prompt": None, "parameters": None}
        mark = {**match.found.fingerprint.stated, **_alike(stated), **whole}
        caution = match.found.fingerprint.cautions(_alike(stated))
        estimates = match.found.estimates({name: scores[name] for name in used})
        return map(Mark(match.found, Fingerprint.of(mark), None, caution).confidence, listed(estimates))

    def confidence(self, reading: Reading, fingerprint: Fingerprint) -> Confidence:
        """Calibrate a reading with the map that is for its fingerprint, or say why none is."""
        if reading.score is None:
            return Confidence(p=None, reason=f"{reading.signal}: {reading.reason}")
        match, mark = self._lookup(fingerprint)
        if match.found is None or mark is None:
            return Confidence(p=None, reason=match.reason)
        return mark.confidence(match.found.estimate(reading.score))

    @cached_property
    def _lookup(self) -> Callable[[Fingerprint], tuple[Match[CalibrationMap], Mark | None]]:
        """The map for scores of a fingerprint; few have to be told apart, and each of them for every answer."""

        @lru_cache(1024)
        def lookup(fingerprint: Fingerprint) -> tuple[Match[CalibrationMap], Mark | None]:
            match = self.match(fingerprint.stated)
            return match, None if match.found is None else self._mark(match, fingerprint.stated)

        return lookup

    def blended(self, read: Sequence[tuple[Reading, Fingerprint]]) -> Confidence:
        """Calibrate the readings of one answer together, or say why they cannot be."""
        stated = {r.signal: mark.stated for r, mark in read if r.score is not None}
        if not stated:
            return Confidence(
                p=None, reason="; ".join(f"{r.signal}: {r.reason}" for r, _ in read) or "nothing was read"
            )
        match = self.match_blend(stated)
        if match.found is None:
            return Confidence(p=None, reason=match.reason)
        scores = {r.signal: [r.score] for r, _ in read if r.score is not None}
        return next(self.blend_confidences(match, scores, stated))

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `blends` and `fallbacks` only where there are some, the latter as version 2."""
        version = _WITH_FALLBACKS if self.fallbacks else _VERSION
        content: dict[str, Any] = {"format": _SET_FORMAT, "version": version, "by": list(self.by)}
        for name, kind in (("maps", self.groups), ("blends", self.blends)):
            if kind or name == "maps":
                content[name] = [{"group": list(g), "map": m.to_dict()} for g, m in kind]
        if self.fallbacks:
            content["fallbacks"] = [{"where": dict(where), "map": m.to_dict()} for where, m in self.fallbacks]
        if self.asked_with == "any":
            content["asked_with"] = self.asked_with
        return content

    def to_json(self) -> str:
        """The set as JSON text; `from_json` gives an equal one."""
        return json.dumps(self.to_dict(), indent=1)

    def _told(self) -> list[str]:
        parted = f" by {', '.join(self.by)}" if self.by else ""
        count = len(self.groups) + len(self.blends)
        stand_ins = f", {len(self.fallbacks)} to stand in for others" if self.fallbacks else ""
        return [f"{count} map{'' if count == 1 else 's'}{parted}{stand_ins}", *map(line_of, self._rows())]

    def _rows(self) -> list[dict[str, Any]]:
        rows = [told_of(dict(zip(self.by, key, strict=True)), one) for key, one in self.groups]
        rows += [told_of(dict(zip(self.by, key, strict=True)), one) for key, one in self.blends]
        any_other = dict.fromkeys(self.by, "any other")
        return rows + [told_of({**any_other, **dict(where)}, one) for where, one in self.fallbacks]

    @classmethod
    def from_json(cls, text: str | Mapping[str, Any]) -> MapSet:
        """Read JSON text, or what was decoded; a single map is a set of one."""
        read = json.loads(text) if isinstance(text, str) else text
        data = read if isinstance(read, Mapping) else {}
        if data.get("format") == CalibrationMap.kind.format:
            return cls(by=(), groups=(((), CalibrationMap.from_json(data)),))
        if data.get("format") == BlendMap.kind.format:
            return cls(by=(), groups=(), blends=(((), BlendMap.from_json(data)),))
        if data.get("format") != _SET_FORMAT:
            raise UnusableInput("Expected a file written by `calibrant fit LOG -o MAPS`.")
        if data.get("version") not in (_VERSION, _WITH_FALLBACKS):
            raise UnusableInput(
                f"Expected maps of version {_VERSION} or {_WITH_FALLBACKS}, got version {data.get('version')!r}. "
                "Upgrade calibrant, or fit them again with `calibrant fit LOG -o MAPS`."
            )
        one, blend = CalibrationMap.from_json, BlendMap.from_json
        return cls(
            by=tuple(data["by"]),
            groups=tuple((tuple(e["group"]), one(e["map"])) for e in data["maps"]),
            blends=tuple((tuple(e["group"]), blend(e["map"])) for e in data.get("blends", ())),
            fallbacks=tuple((tuple(e["where"].items()), one(e["map"])) for e in data.get("fallbacks", ())),
            asked_with=data.get("asked_with", "fitted"),
        )

    @classmethod
    def load(cls, path: str | Path) -> MapSet:
        """Read a file of maps."""
        try:
            return cls.from_json(Path(path).read_text())
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, UnusableInput):
                raise
            raise UnusableInput(
                f"{path} cannot be read as maps ({error}). Make one with `calibrant fit LOG -o {path}`."
            ) from error

    def save(self, path: str | Path) -> None:
        """Write a file that `load` reads; what was there stays until it is whole."""
        write(path, self.to_json())


def _with_advice(match: Match[Any]) -> Match[Any]:
    return match if match.found else replace(match, reason=f"{match.reason}; fit one with `calibrant fit`")


def _alike(stated: Mapping[str, Stated]) -> Stated:
    """What is known of all signals of an answer, and is the same."""
    first, *others = stated.values()
    return {n: v for n, v in first.items() if all(n in one and one[n] == v for one in others)}
