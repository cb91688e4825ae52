"""Certificates kept up while labels come: looked at again as they double, out of force while an alarm is open."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import UnusableInput
from ..maps.calibration import CalibrationMap
from ..plans.certificates import Certificate
from ..protocols import Store
from ..releases.promoting import PROMOTION, promote, promotions
from ..releases.release import Release
from ..types import Event, Json
from .certificates import Issued, Issuing, sizes_of, with_certificates
from .contests import ALARM
from .deployed import CONFIGURATION, certificates_of
from .labels import Label
from .places import placed, stated_of, way_name
from .proposals import LEAST_OF, PROPOSAL

__all__ = ["Renewal", "Standing", "renew"]

RESOLVED = "resolved"
ALARMED = "an alarm is open: "
"""How the reason begins for which a certificate is out of force until the alarm is resolved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a certificate of a release stands.

    Attributes
    ----------
    way, certificate : the task whose own way it stands in, None for that of all others; and what is in force now
    size, due_at : how many answers a look may rest on by now, and at how many it is looked again; None where it is not
    lacks : why it cannot be issued here, or why it is not in force
    """

    way: str | None
    certificate: Certificate
    size: float | None = None
    due_at: float | None = None
    lacks: str | None = None

    @property
    def in_force(self) -> bool:
        """Whether answers are sent by it."""
        return self.certificate.valid and self.lacks is None

    @property
    def sentence(self) -> str:
        """What is said of it."""
        one = self.certificate
        group = {**({} if self.way is None else {"task": self.way}), **one.by}
        lead = ", ".join(f"{name} {value}" for name, value in group.items()) or "all answers"
        if self.lacks is not None:
            return f"{lead}: not in force, {self.lacks}."
        state = (
            f"in force, at most {one.max_error:g} wrong from {one.threshold_p or one.threshold:.4f} on"
            if one.valid
            else f"cannot certify at most {one.max_error:g} wrong ({one.reason})"
        )
        if self.due_at is None or self.size is None:
            return f"{lead}: {state}."
        return f"{lead}: {state}. {self.size:,.0f} labels count by now; looked again at {self.due_at:,.0f}."

    def to_dict(self) -> Json:
        """Plain values."""
        one = self.certificate
        return {
            "task": self.way, "by": dict(one.by), "certificate": one.certificate_id,
            "in_force": self.in_force, "certified": one.certified, "threshold_p": one.threshold_p,
            "max_error": one.max_error, "delta": one.delta, "map_id": one.map_id, "issue": one.issue,
            "size": self.size, "due_at": self.due_at, "lacks": self.lacks, "sentence": self.sentence,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """What came of looking: the release that answers then, how its certificates stand, and what was done about them.

    `suspended` are certificates that an open alarm put out of force, `restored` those that are in force again since it
    was resolved.
    """

    release: Release
    standings: tuple[Standing, ...]
    issued: tuple[Issued, ...] = ()
    suspended: tuple[Certificate, ...] = ()
    restored: tuple[Certificate, ...] = ()

    def to_dict(self) -> Json:
        """Plain values."""
        return {
            "release": self.release.release_id, "certificates": [one.to_dict() for one in self.standings],
            "issued": [one.told() for one in self.issued],
            "suspended": [one.certificate_id for one in self.suspended],
            "restored": [one.certificate_id for one in self.restored],
        }  # fmt: skip

    @property
    def sentences(self) -> Iterator[str]:
        """What was done, then how they stand."""
        yield from (one.sentence for one in self.issued)
        yield from (one.sentence for one in self.standings)

    @property
    def missing(self) -> int:
        """About how many labels more make the next look due; 0 where none is."""
        more = [
            one.due_at - one.size for one in self.standings if one.due_at is not None and one.size is not None
        ]
        return max(1, int(min(more))) if more else 0


def renew(
    store: Store, release: Release, *, task: str | None = None, look: bool = True, dry: bool = False
) -> Renewal:
    """Issue the certificates of a release anew where enough labels have come, and heed alarms.

    A certificate is looked at again each time the labels since its map was fitted have doubled: a schedule that no
    label can change, and the k-th look of a group spends 6 / (pi k)^2 of its delta, so that all of them together
    promise what one does. It takes the place of the one in force where it sends more, or where none was granted. While
    an alarm of its answers is open a certificate is out of force; it comes back where somebody resolves the alarm, and
    else with another map. What is decided follows from the past alone, so that two who do it do it once. Only those of
    a `task` where one is given; without `look` alarms alone are heeded, which reads little; `dry` writes nothing.

    Raises `StoreError`, and `UnusableInput` where another release was promoted meanwhile or there is no certificate.
    """
    every = [(way, one) for way, one in certificates_of(release) if _is_of(task, way, one)]
    if not every:
        raise UnusableInput(_none_there(release, task))
    alarms = _open_alarms(store)
    renewing = _Renewing(store, release, alarms, look)
    for way, one in every:
        renewing.take(way, one)
    made = with_certificates(release, renewing.changed)
    if made is not release and renewing.time is not None:
        note = "; ".join(renewing.notes)
        made = replace(made, parents=(release.release_id,), made_at=renewing.time, note=note)
        if not dry:
            _put_in_force(store, release, made, renewing, note)
    elif not dry:
        store.add([one.event(release.release_id, time) for one, time in renewing.issued])
    return Renewal(
        release=made, standings=tuple(renewing.standings), issued=tuple(one for one, _ in renewing.issued),
        suspended=tuple(renewing.suspended), restored=tuple(renewing.restored),
    )  # fmt: skip


def _put_in_force(store: Store, before: Release, made: Release, renewing: _Renewing, note: str) -> None:
    last = next(promotions(store), None)
    if last is not None and last.release_id not in (before.release_id, made.release_id):
        raise UnusableInput(
            f"Release {last.release_id} was promoted meanwhile, and nothing was changed. Look again: calibrant learn "
            "certify STORE."
        )
    assert renewing.time is not None
    store.add([one.event(made.release_id, time) for one, time in renewing.issued])
    promote(store, made, note=note, time=renewing.time, after="" if last is None else last.release_id)


def _none_there(release: Release, task: str | None) -> str:
    known = sorted({repr(one.by.get("task", way)) for way, one in certificates_of(release)})
    if task is not None and known:
        return f"No certificate is for the task {task!r}; there are some for {', '.join(known)}."
    return (
        f"Release {release.release_id} has no certificate that could be issued anew. Make some and name them in the "
        "policy: calibrant plan thresholds STORE --max-error R --delta D --maps MAPS -o CERTS."
    )


def _is_of(task: str | None, way: str | None, one: Certificate) -> bool:
    return task is None or task in (way, one.by.get("task"))


def _open_alarms(store: Store) -> list[Event]:
    """Alarms that nobody resolved, the first first."""
    ended = {entry.fact.about for entry in store.events(RESOLVED) if isinstance(entry.fact, Event)}
    every = [entry.fact for entry in store.events(ALARM) if isinstance(entry.fact, Event)]
    return [one for one in every if one.id not in ended]


class _Renewing:
    """Goes through the certificates of a release, and gathers what is to be changed."""

    def __init__(self, store: Store, release: Release, alarms: Sequence[Event], look: bool) -> None:
        self._store, self._release, self._alarms, self._look = store, release, alarms, look
        self._issuing: Issuing | None = None
        self._fitted: Mapping[str, float] | None = None
        self.changed: dict[tuple[str | None, str], Certificate] = {}
        self.standings = list[Standing]()
        self.issued = list[tuple[Issued, float]]()
        self.suspended, self.restored, self.notes = list[Certificate](), list[Certificate](), list[str]()
        self.time: float | None = None

    def take(self, way: str | None, one: Certificate) -> None:
        """Heed alarms about a certificate, and look again where that is due."""
        alarm = next((each for each in self._alarms if _about(each, way, one)), None)
        if alarm is not None:
            self._suspend(way, one, alarm)
            return
        now = one
        if one.revoked is not None and one.revoked.startswith(ALARMED):
            now = replace(one, revoked=None)
            self.restored.append(now)
            self._change(
                way,
                one,
                now,
                self._ended(one.revoked),
                "certificates are in force again, the alarm was resolved",
            )
        if now.revoked is not None:
            self.standings.append(Standing(way=way, certificate=now, lacks=f"it was revoked ({now.revoked})"))
        elif self._look:
            self.standings.append(self._looked(way, one, now))

    def _suspend(self, way: str | None, one: Certificate, alarm: Event) -> None:
        now = one
        if one.valid:
            now = one.revoke(f"{ALARMED}{alarm.id}")
            self.suspended.append(now)
            self._change(way, one, now, alarm.time, "certificates are out of force while an alarm is open")
        self.standings.append(Standing(way=way, certificate=now, lacks=f"{ALARMED}{alarm.id}"))

    def _looked(self, way: str | None, one: Certificate, now: Certificate) -> Standing:
        made = self._map_of(way, now)
        if isinstance(made, str):
            return Standing(
                way=way, certificate=now, lacks=None if now.valid and now.map_id is None else made
            )
        if self._issuing is None:
            self._issuing = Issuing.of(self._store)
        since = self._since(made)
        if since is None:
            why = "it is not known on which labels its map was fitted: it stood in no release that this store knows"
            return Standing(way=way, certificate=now, lacks=None if now.valid else why)
        labels = [label for label in self._issuing.labels if self._is_for(label, way, now, made, since)]
        sizes = sizes_of(labels)
        due = self._issuing.due_at(way, now, made.map_id)
        largest = float(sizes.max(initial=0.0))
        if largest >= due:
            doublings = math.floor(math.log2(largest / due))  # looks that nobody took spend nothing
            upto = labels[: int(np.flatnonzero(sizes >= due * 2**doublings)[0]) + 1]
            now = self._issue(way, one, now, made, upto)
            due = self._issuing.due_at(way, now, made.map_id)
        size = float(sizes[-1]) if len(sizes) else 0.0
        return Standing(way=way, certificate=now, size=size, due_at=due)

    def _issue(
        self,
        way: str | None,
        one: Certificate,
        now: Certificate,
        made: CalibrationMap,
        labels: Sequence[Label],
    ) -> Certificate:
        assert self._issuing is not None
        found = self._issuing.look(way, now, made, labels)
        sends_more = found.after.certified and (not now.valid or _from(found.after) < _from(now))
        taken = sends_more or now.map_id != made.map_id
        time = max(label.verdict.time for label in labels)
        found = replace(found, in_force=taken)
        self.issued.append((found, time))
        if taken:
            self._change(way, one, found.after, time, "certificates were issued on later labels")
        return found.after if taken else now

    def _change(self, way: str | None, one: Certificate, now: Certificate, time: float, note: str) -> None:
        self.changed[way, one.certificate_id] = now
        self.time = time if self.time is None else max(self.time, time)
        if note not in self.notes:
            self.notes.append(note)

    def _map_of(self, way: str | None, one: Certificate) -> CalibrationMap | str:
        """The map in force that a certificate stands on, or that took the place of the one that it stood on."""
        maps = self._release.way(way).maps
        every = [made for _, made in (*maps.groups, *maps.fallbacks)]
        own = next((made for made in every if made.map_id == one.map_id), None)
        if own is not None:
            return own
        group = [
            made
            for key, made in maps.groups
            if all(one.by.get(name, value) == value for name, value in zip(maps.by, key, strict=True))
        ]
        if len(group) == 1:
            return group[0]
        return (
            "no map answers for it"
            if not group
            else f"{len(group)} maps answer for it, and it takes one for each"
        )

    def _since(self, made: CalibrationMap) -> float | None:
        """The time of the last verdict that a map may have been fitted on.

        Of one that was proposed here it is known; another was fitted before it stood in a release for the first time.
        """
        if self._fitted is None:
            self._fitted = _fitted(self._store)
        parts = made.statistics.get(LEAST_OF, ())
        times = [self._fitted.get(id) for id in (parts or (made.map_id,))]
        known = [time for time in times if time is not None]
        return max(known) if len(known) == len(times) else self._fitted.get(made.map_id)

    def _is_for(
        self, label: Label, way: str | None, one: Certificate, made: CalibrationMap, since: float
    ) -> bool:
        if label.verdict.time <= since or way_name(self._release, label.answer.task) != way:
            return False
        stated, place = stated_of(label.answer), placed(self._release, label.answer)
        return (
            not isinstance(place, str)
            and place[1] is not None
            and place[1].map_id == made.map_id
            and not made.fingerprint.differences(stated)
            and all(stated.get(name, value) == value for name, value in one.by.items())
        )

    def _ended(self, revoked: str) -> float:
        """When the alarm was resolved for which a certificate was out of force."""
        alarm = revoked.removeprefix(ALARMED)
        times = [entry.fact.time for entry in self._store.events(RESOLVED, about=alarm)]
        return max(times, default=0.0)


def _from(one: Certificate) -> float:
    threshold = one.threshold if one.threshold_p is None else one.threshold_p
    return float("inf") if threshold is None else threshold


def _about(alarm: Event, way: str | None, one: Certificate) -> bool:
    """Whether an alarm is about answers of a certificate: those of its map, or of its group where it names no map."""
    group: Mapping[str, Any] = {
        name: alarm.data[name] for name in ("task", "domain", "model") if name in alarm.data
    }
    if one.map_id is not None and alarm.about != one.map_id:
        return False
    if way is not None and group.get("task", way) != way:
        return False
    return all(group.get(name, value) == value for name, value in one.by.items())


def _fitted(store: Store) -> dict[str, float]:
    """By the ids of maps the time of the last verdict that each may have been fitted on."""
    found: dict[str, float] = {}
    for entry in store.events(PROMOTION, CONFIGURATION):
        if isinstance(event := entry.fact, Event):
            for id in _maps_in(event.data.get("release", {})):
                found[id] = min(found.get(id, event.time), event.time)
    for entry in store.events(PROPOSAL):
        if isinstance(event := entry.fact, Event) and isinstance(last := event.data.get("last"), int | float):
            found[str(event.data.get("challenger", {}).get("map_id"))] = float(last)
    return found


def _maps_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("format") == CalibrationMap.kind.format:
            yield value["map_id"]
        else:
            for inner in value.values():
                yield from _maps_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _maps_in(inner)
