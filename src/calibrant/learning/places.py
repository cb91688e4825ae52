"""Where in a release the map of an answer stands, or would stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..maps.calibration import CalibrationMap
from ..maps.matching import Key
from ..past.answers import Answer
from ..releases.release import Release, Way
from ..types import Fingerprint, Json

__all__ = ["NEW", "Place", "placed", "put", "stated_of", "way_name", "with_way"]

NEW = ("task", "domain", "model", "signal")
"""What parts the maps of a way that has none yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """A group of a way's maps: `way` is a task's own, None that of all others; `by` and `key` are its group."""

    way: str | None
    by: tuple[str, ...]
    key: Key

    def __str__(self) -> str:
        told = [f"{name} {value}" for name, value in zip(self.by, self.key, strict=True) if value is not None]
        lead = [] if self.way is None or "task" in self.by else [f"task {self.way}"]
        return ", ".join([*lead, *told]) or "all answers"

    @property
    def group(self) -> dict[str, str | None]:
        """The values of its columns by name."""
        return dict(zip(self.by, self.key, strict=True))

    def holds(self, stated: Mapping[str, str | None], own_ways: tuple[str, ...]) -> bool:
        """Whether an answer of which this is known belongs here, where the tasks `own_ways` have ways of their own."""
        task = stated.get("task")
        of_way = task == self.way if self.way is not None else task not in own_ways
        return of_way and all(
            stated.get(name) == value for name, value in zip(self.by, self.key, strict=True)
        )

    def to_dict(self) -> Json:
        """Plain values."""
        return {"way": self.way, "by": list(self.by), "key": list(self.key)}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Place:
        """As `to_dict` gave it."""
        way, by, key = data["way"], data["by"], data["key"]
        assert way is None or isinstance(way, str)
        assert isinstance(by, list) and isinstance(key, list)
        return cls(way, tuple(by), tuple(key))


def stated_of(answer: Answer) -> dict[str, str | None]:
    """What is known of an answer's score, as maps are found by it; the signal's own settings are not told."""
    mark = Fingerprint(
        model=answer.model, signal=answer.signal, prompt=answer.prompt, task=answer.task, domain=answer.domain,
        asked_with=answer.asked_with,
    )  # fmt: skip
    return {name: value for name, value in mark.stated.items() if name != "parameters"}


def way_name(release: Release, task: str | None) -> str | None:
    """The task whose own way answers, None for the way of all others."""
    return task if task in release.tasks else None


def placed(release: Release, answer: Answer) -> tuple[Place, CalibrationMap | None] | str:
    """Where the answer's map stands and which it is, None where its group has none yet; or why there is no such place.

    A map that stands in for a group is its champion, and the group's own takes a place of its own.
    """
    way = release.way(answer.task)
    stated = stated_of(answer)
    if any(blend.fingerprint.differences(stated) == [] for _, blend in way.maps.blends):
        return "their maps take several signals together: calibrant fit STORE --calibrator blend"
    if answer.p is not None and answer.map_id is None:
        return "their probability comes from the route itself, not from a map"
    if not (way.maps.groups or way.maps.fallbacks):
        return Place(way_name(release, answer.task), NEW, tuple(stated.get(name) for name in NEW)), None
    match = way.maps.match(stated)
    if match.refused:
        return "the map for them refuses such scores"
    if match.found is None and any(name not in stated for name in way.maps.by):
        return "what parts the maps is not known of them"
    by = way.maps.by
    return Place(way_name(release, answer.task), by, tuple(stated.get(name) for name in by)), match.found


def put(release: Release, place: Place, made: CalibrationMap) -> Release:
    """The release with a map at a place; all else stays."""
    way = release.way(place.way)
    groups = dict(way.maps.groups)
    groups[place.key] = made
    maps = replace(way.maps, by=place.by, groups=tuple(groups.items()))
    return with_way(release, place.way, replace(way, maps=maps))


def with_way(release: Release, name: str | None, way: Way) -> Release:
    """The release with another way for a task, or for all that have none of their own."""
    if name is None:
        return replace(release, default=way)
    return replace(release, tasks={**release.tasks, name: way})
