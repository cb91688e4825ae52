"""Certificates that a store issued: each a look at labels which the map was not fitted on, and what it spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..guarantees.certifying import certify, spent
from ..guarantees.walking import fewest
from ..maps.calibration import CalibrationMap
from ..plans.certificates import Certificate, CertificateSet
from ..protocols import Store
from ..releases.promoting import PROMOTION
from ..releases.release import Release
from ..types import Event, Json, digest
from .labels import Label, labelled
from .places import with_way

__all__ = ["CERTIFICATE", "Issued", "Issuing", "sizes_of", "with_certificates"]

CERTIFICATE = "certificate"
"""The kind of event: a certificate was issued, or could not be."""

BASE = 2
"""A first look is worth it at so many times the answers that would do if all were sent and right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued:
    """A look at labels: the certificate `before`, the one that came of it, and whether that one takes its place."""

    way: str | None
    before: Certificate
    after: Certificate
    size: float
    in_force: bool = True

    @property
    def live(self) -> bool:
        """Whether it could have been granted at all; a look that could not spends nothing of delta."""
        return self.after.tested >= fewest(self.after.max_error, self.after.level)

    def told(self) -> Json:
        """What is to be known of it."""
        one = self.after
        return {
            "task": self.way, "by": dict(one.by), "certificate": one.certificate_id, "certified": one.certified,
            "threshold_p": one.threshold_p, "issue": one.issue, "level": one.level, "labels": one.labels_used,
            "reason": one.reason, "replaces": self.before.certificate_id, "map_id": one.map_id,
            "max_error": one.max_error, "delta": one.delta, "tested": one.tested, "size": self.size, "live": self.live,
            "in_force": self.in_force,
        }  # fmt: skip

    def event(self, release_id: str, time: float) -> Event:
        """The event that tells of it; `release_id` is that of the release that it is in force in."""
        id = digest([self.after.certificate_id, release_id])[:16]
        return Event(
            id=f"{CERTIFICATE}-{id}", kind=CERTIFICATE, time=time, about=release_id, data=self.told()
        )

    @property
    def sentence(self) -> str:
        """What is said of it."""
        one = self.after
        lead = f"{_for(self.way, one)}, issue {one.issue} on {one.labels_used:,} labels"
        if one.certified:
            told = (
                f"{lead}: at most {one.max_error:g} wrong at a probability of {one.threshold_p:.4f} and above"
            )
            return f"{told}." if self.in_force else f"{told}; the one in force sends no less, and stays."
        if not self.in_force and self.before.valid and self.before.map_id == one.map_id:
            return f"{lead}: cannot certify ({one.reason}); the one in force keeps its promise, and stays."
        return f"{lead}: cannot certify ({one.reason}); such answers go to a person until it can."


def _for(way: str | None, one: Certificate) -> str:
    group = {**({} if way is None else {"task": way}), **one.by}
    told = ", ".join(f"{name} {value}" for name, value in group.items())
    return f"Certificate{f' for {told}' if told else ''}"


def with_certificates(release: Release, changed: Mapping[tuple[str | None, str], Certificate]) -> Release:
    """The release with other certificates, by the way and the id of those whose place they take."""
    for name in (None, *release.tasks):
        way = release.way(name)
        held = way.policy.files.get("certificates")
        if not isinstance(held, CertificateSet):
            continue
        ones = tuple(changed.get((name, one.certificate_id), one) for one in held.certificates)
        if ones != held.certificates:
            files = {**way.policy.files, "certificates": CertificateSet(by=held.by, certificates=ones)}
            release = with_way(release, name, replace(way, policy=replace(way.policy, files=files)))
    return release


@dataclass
class Issuing:
    """The labels of a store, and the looks that its certificates took.

    Looks of a series, which is a group of answers and the way that answers them, are counted over all maps: the k-th
    that could have been granted spends 6 / (pi k)^2 of delta, so all that a store ever issues for a group hold together
    with probability 1 - delta. A look of which nothing came into force, since its process ended, is none.
    """

    labels: tuple[Label, ...]
    looks: dict[str, list[Json]] = field(default_factory=dict)

    @classmethod
    def of(cls, store: Store) -> Issuing:
        """Reads the past of a store once. Raises `StoreError`."""
        labels, _, _ = labelled(store)
        promoted = {entry.fact.about for entry in store.events(PROMOTION) if isinstance(entry.fact, Event)}
        made = cls(tuple(labels))
        for entry in store.events(CERTIFICATE):
            event = entry.fact
            if isinstance(event, Event) and (event.about in promoted or not event.data.get("in_force", True)):
                made._note(event.data)
        return made

    def _note(self, data: Json) -> None:
        self.looks.setdefault(_series(data.get("task"), data.get("by", {})), []).append(data)

    def issue_of(self, way: str | None, one: Certificate) -> int:
        """The number that the next look of a certificate's series has."""
        live = one.tested >= fewest(one.max_error, one.level or one.delta)
        looks = [(int(look.get("issue") or 0), look.get("live", True)) for look in self._looks(way, one)]
        # One that could not have been granted spent nothing; those that its number counts did, some in no store.
        return max(issue - (not spends) for issue, spends in [(one.issue or 1, live), *looks]) + 1

    def due_at(self, way: str | None, one: Certificate, map_id: str) -> float:
        """The number of answers (`sizes_of`) at which the next look on a map is due.

        It follows from the promise and the sizes of looks before alone, never from how answers turned out: twice that
        of the last look, and `BASE` times the fewest that could do at the least.
        """
        least = BASE * fewest(one.max_error, spent(one.delta, self.issue_of(way, one)))
        sizes = [
            float(look.get("size") or look.get("labels") or 0.0)
            for look in self._looks(way, one)
            if look.get("map_id", map_id) == map_id
        ]
        return max([float(least), *(2.0 * size for size in sizes)])

    def look(
        self, way: str | None, one: Certificate, made: CalibrationMap, labels: Sequence[Label]
    ) -> Issued:
        """What certifying on these labels comes to; it is counted from then on."""
        once = list({label.answer.record_id: label for label in labels}.values())
        found = certify(
            np.array([float(label.answer.score or 0.0) for label in once]),
            np.array([label.verdict.grade for label in once]),
            weight=np.array([label.weight for label in once]),
            cluster=np.array([label.answer.item for label in once], dtype=object),
            max_error=one.max_error, delta=one.delta, prior_map=made, risk=one.risk, issue=self.issue_of(way, one),
            seed=one.seed,
        )  # fmt: skip
        found = found.bound_to(one.by, made.fingerprint)
        sizes = sizes_of(once)
        issued = Issued(
            way=way, before=one, after=found, size=round(float(sizes[-1]), 3) if len(sizes) else 0.0
        )
        self._note(issued.told())
        return issued

    def _looks(self, way: str | None, one: Certificate) -> list[Json]:
        return self.looks.get(_series(way, one.by), [])


def sizes_of(labels: Sequence[Label]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """After each label, in how many independent answers the test of a certificate may expect to rest.

    Of answers to one question the first counts, and each by its weight over the largest weight so far.
    """
    seen, weights, found = set[str](), [], []
    for label in labels:
        fresh = label.answer.item not in seen
        seen.add(label.answer.item)
        weights.append(label.weight if fresh else 0.0)
        found.append(label.weight)
    if not weights:
        return np.empty(0)
    sizes: np.ndarray[Any, np.dtype[np.float64]] = np.cumsum(weights) / np.maximum.accumulate(found)
    return sizes


def _series(way: Any, by: Any) -> str:
    return repr((way, sorted(dict(by).items(), key=str)))
