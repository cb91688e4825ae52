"""Calibration maps: immutable, plain JSON, and bound to what they were fitted on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UnusableInput, WrongFingerprint
from ..files.sealed import Kind, Sealed
from ..files.writing import write
from ..tally import Floats
from ..types import Confidence, Fingerprint, Probability, Reading
from .blends import BlendMap
from .curves import Curve, curve_from_dict
from .evidence import Evidence

__all__ = ["CalibrationMap", "Evidence", "MapSet", "Where", "closeness"]

_SET_FORMAT = "calibrant/maps"
_VERSION = 1
_WITH_FALLBACKS = 2

Where = tuple[tuple[str, str], ...]
"""Columns and their values that a fall-back map is for; it takes any value of the others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CalibrationMap(Sealed):
    """From scores to probabilities of being right. Callable on arrays; `interval` gives the 95 % ends.

    Examples
    --------
    >>> import calibrant
    >>> m = calibrant.fit([0.9, 0.9, 0.6, 0.6] * 25, [True, True, True, False] * 25, calibrator="platt")
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

    kind = Kind(
        noun="a calibration map",
        format="calibrant/map",
        mark="map_id",
        made_by="Fit one with `calibrant fit`.",
    )

    def __call__(
        self, scores: ArrayLike, fingerprint: Fingerprint | None = None, *, anyway: bool = False
    ) -> Floats:
        """Probabilities, float64, of the shape of `scores` (in [0, 1]).

        With the `fingerprint` of the scores, one that differs from the map's raises `WrongFingerprint`
        unless `anyway`. A score outside [0, 1], or NaN, raises `UnusableInput`. O(n log knots).
        """
        self.check(fingerprint, anyway=anyway)
        flat, shape = _scores(scores)
        return np.clip(self.curve(flat), 0.0, 1.0).reshape(shape)

    def interval(self, scores: ArrayLike) -> tuple[Floats, Floats]:
        """Low and high ends of the 95 % intervals of the probabilities, each of the shape of `scores`."""
        flat, shape = _scores(scores)
        p = np.clip(self.curve(flat), 0.0, 1.0)
        low, high = self.curve.interval(flat)
        low, high = np.clip(np.minimum(low, p), 0.0, 1.0), np.clip(np.maximum(high, p), 0.0, 1.0)
        return low.reshape(shape), high.reshape(shape)

    def check(self, fingerprint: Fingerprint | None, *, anyway: bool = False) -> None:
        """Raise `WrongFingerprint` if the map was fitted on scores of another kind."""
        if fingerprint is not None and not anyway:
            differences = self.fingerprint.differences(fingerprint)
            if differences:
                raise WrongFingerprint(self.map_id, differences)

    @property
    def map_id(self) -> str:
        """16 hex digits that stand for everything in the map."""
        return self.content_id

    def _content(self) -> dict[str, Any]:
        return {
            "calibrator": self.calibrator,
            "curve": self.curve.to_dict(),
            "evidence": asdict(self.evidence),
            "fingerprint": asdict(self.fingerprint),
            "statistics": dict(self.statistics),
        }

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> CalibrationMap:
        return cls(
            calibrator=data["calibrator"],
            curve=curve_from_dict(data["curve"]),
            evidence=Evidence(**data["evidence"]),
            fingerprint=Fingerprint(**data["fingerprint"]),
            statistics=data["statistics"],
        )

    def with_fingerprint(self, fingerprint: Fingerprint, **statistics: Any) -> CalibrationMap:
        """The same curve, bound to what it is for, with further statistics."""
        return replace(self, fingerprint=fingerprint, statistics={**self.statistics, **statistics})

    def confidence(self, reading: Reading, fingerprint: Fingerprint) -> Confidence:
        """Calibrate one reading; None with the reason where it has no score or the fingerprint differs."""
        if reading.score is None:
            return Confidence(p=None, reason=f"{reading.signal}: {reading.reason}")
        differences = self.fingerprint.differences(fingerprint)
        if differences:
            return Confidence(p=None, reason=f"map {self.map_id} does not fit: {'; '.join(differences)}")
        at = np.array([reading.score])
        low, high = self.interval(at)
        return Confidence(
            p=Probability(float(self(at)[0])), low=float(low[0]), high=float(high[0]),
            map_id=self.map_id, fingerprint=replace(fingerprint, signal=reading.signal), verdicts=self.evidence.rows,
        )  # fmt: skip


def _scores(scores: ArrayLike) -> tuple[Floats, tuple[int, ...]]:
    values = np.asarray(scores, dtype=np.float64)
    flat = values.ravel()
    if len(flat) and not (flat.min() >= 0 and flat.max() <= 1):  # NaN fails both
        bad = int((~((flat >= 0) & (flat <= 1))).sum())
        raise UnusableInput(
            f"Scores must be in [0, 1]: {bad} of {len(flat)} are not. `calibrant apply` counts them instead."
        )
    return flat, values.shape


_FIELDS = tuple(f.name for f in fields(Fingerprint))


def closeness(fingerprint: Fingerprint) -> int:
    """How closely a fingerprint says what it is for."""
    return sum(v is not None for v in asdict(fingerprint).values())


@dataclass(frozen=True, kw_only=True)
class MapSet:
    """The maps of a file: one per group of the columns `by`, found by the fingerprint of a reading.

    `blends` take the signals of an answer together; where one fits an answer it goes before the other maps.
    `fallbacks` stand in for groups without a map: the one of (("task", "maths"),) for a domain of maths that was
    not seen, the one of () for any task; the one that states most goes first. None stands in for a group that has a
    map, also where that map refuses the scores.
    """

    by: tuple[str, ...]
    groups: tuple[tuple[tuple[str | None, ...], CalibrationMap], ...]
    blends: tuple[tuple[tuple[str | None, ...], BlendMap], ...] = ()
    fallbacks: tuple[tuple[Where, CalibrationMap], ...] = ()

    @cached_property
    def _index(self) -> dict[tuple[str | None, ...], CalibrationMap]:
        return dict(self.groups)

    def find(self, values: Iterable[Any]) -> CalibrationMap | None:
        """The map of a group, by the values of the columns `by`; else the fall-back that states most of them."""
        return self.look_up(values)[0]

    def look_up(self, values: Iterable[Any]) -> tuple[CalibrationMap | None, Where | None]:
        """As `find`; of a fall-back also what it is for, None for a group's own map."""
        key = tuple(None if v is None else str(v) for v in values)
        own = self._index.get(key)
        if own is not None:
            return own, None
        return self._stand_in(dict(zip(self.by, key, strict=True))) if self.fallbacks else (None, None)

    def _stand_in(self, known: Mapping[str, Any]) -> tuple[CalibrationMap | None, Where | None]:
        fitting = [(w, m) for w, m in self.fallbacks if all(known.get(n) == v for n, v in w)]
        if not fitting:
            return None, None
        where, found = max(fitting, key=lambda pair: len(pair[0]))
        return found, where

    def confidence(self, reading: Reading, fingerprint: Fingerprint) -> Confidence:
        """Calibrate a reading with the map that fits its fingerprint, or say why none does.

        The fingerprint of a confidence by a fall-back states only what the map is for: no domain, where a map for
        any domain of the task stood in.
        """
        if reading.score is None:
            return Confidence(p=None, reason=f"{reading.signal}: {reading.reason}")
        closest, where = self._closest(fingerprint)
        if closest is None:
            known = {k: v for k, v in asdict(fingerprint).items() if v is not None}
            named = ", ".join(f"{k} {v}" for k, v in known.items())
            off = min((m.fingerprint.differences(fingerprint) for _, m in self.groups), key=len, default=[])
            near = f" (of the nearest, {' and '.join(off)})" if off else ""
            return Confidence(p=None, reason=f"no map for {named}{near}; fit one with `calibrant fit`")
        found = closest.confidence(reading, fingerprint)
        if where is None or found.p is None or found.fingerprint is None:
            return found
        any_value = [n for n in self.by if n not in dict(where) and n in _FIELDS]
        return replace(found, fingerprint=replace(found.fingerprint, **dict.fromkeys(any_value)))

    def _closest(self, fingerprint: Fingerprint) -> tuple[CalibrationMap | None, Where | None]:
        if not self.fallbacks:
            candidates = [m for _, m in self.groups if not m.fingerprint.differences(fingerprint)]
            return max(candidates, key=lambda m: closeness(m.fingerprint), default=None), None
        known = asdict(fingerprint)
        if all(name in known for name in self.by):
            return self.look_up(known[name] for name in self.by)
        return self._stand_in(known)

    def blended(self, read: Sequence[tuple[Reading, Fingerprint]]) -> Confidence | None:
        """Calibrate the readings of one answer together; None where no blend is for its model, task and domain."""
        for mark in (mark for _, mark in read):
            plain = replace(mark, signal=None, prompt=None, parameters=None)
            fitting = [b for _, b in self.blends if not b.fingerprint.differences(plain)]
            if fitting:
                return max(fitting, key=lambda b: closeness(b.fingerprint)).confidence(read)
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `blends` and `fallbacks` only where there are some, the latter as version 2."""
        version = _WITH_FALLBACKS if self.fallbacks else _VERSION
        content: dict[str, Any] = {"format": _SET_FORMAT, "version": version, "by": list(self.by)}
        for name, kind in (("maps", self.groups), ("blends", self.blends)):
            if kind or name == "maps":
                content[name] = [{"group": list(g), "map": m.to_dict()} for g, m in kind]
        if self.fallbacks:
            content["fallbacks"] = [{"where": dict(where), "map": m.to_dict()} for where, m in self.fallbacks]
        return content

    def to_json(self) -> str:
        """The set as JSON text; `from_json` gives an equal one."""
        return json.dumps(self.to_dict(), indent=1)

    @classmethod
    def from_json(cls, text: str | Mapping[str, Any]) -> MapSet:
        """Read JSON text, or what was decoded; a single map is a set of one."""
        data = json.loads(text) if isinstance(text, str) else text
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
        groups = tuple(
            (tuple(entry["group"]), CalibrationMap.from_json(entry["map"])) for entry in data["maps"]
        )
        blends = tuple(
            (tuple(entry["group"]), BlendMap.from_json(entry["map"])) for entry in data.get("blends", ())
        )
        fallbacks = tuple(
            (tuple(entry["where"].items()), CalibrationMap.from_json(entry["map"]))
            for entry in data.get("fallbacks", ())
        )
        return cls(by=tuple(data["by"]), groups=groups, blends=blends, fallbacks=fallbacks)

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
