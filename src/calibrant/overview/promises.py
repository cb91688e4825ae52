"""The certificates by which a task's answers are sent now, as the release that was promoted last holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import UnusableInput
from ..learning.deployed import CONFIGURATION, certificates_of
from ..phrasing.numbers import fixed, several
from ..plans.certificates import Certificate
from ..protocols import Store
from ..releases.promoting import PROMOTION, release_in
from ..releases.release import Release
from ..types import Event, Json

__all__ = ["Promise", "promises", "released"]


@dataclass(frozen=True, slots=True)
class Promise:
    """A certificate, and the task whose own way it stands in; None for that of all others."""

    way: str | None
    certificate: Certificate

    @property
    def name(self) -> str:
        """Of which answers it is."""
        group = {**({} if self.way is None else {"task": self.way}), **self.certificate.by}
        return ", ".join(f"{name} {value}" for name, value in group.items()) or "all answers"

    @property
    def state(self) -> str:
        """In two or three words."""
        one = self.certificate
        return "in force" if one.valid else "out of force" if one.certified else "not granted"

    @property
    def sentence(self) -> str:
        """What is promised, or why nothing is."""
        one = self.certificate
        of = "all answers sent and wrong" if one.risk == "joint" else "those sent wrong"
        wanted = f"at most {100 * one.max_error:g} in 100 of {of}"
        if not one.certified:
            return f"{wanted}: cannot be promised yet ({one.reason})"
        threshold = one.threshold if one.threshold_p is None else one.threshold_p
        told = (
            f"{wanted}, from {fixed(threshold or 0.0, 4)} on; issue {one.issue or 1}, on "
            f"{several(one.labels_used, 'label')}, holds with probability {fixed(1 - (one.level or one.delta), 3)}"
        )
        return told if one.revoked is None else f"{told}; out of force: {one.revoked}"

    def to_dict(self) -> Json:
        """Plain values."""
        one = self.certificate
        return {
            "name": self.name, "certificate": one.certificate_id, "state": self.state, "max_error": one.max_error,
            "delta": one.delta, "threshold_p": one.threshold_p, "map_id": one.map_id, "issue": one.issue,
            "labels": one.labels_used, "sentence": self.sentence,
        }  # fmt: skip


def released(store: Store, upto: int | None = None) -> Release | None:
    """The release that answers as far as a store tells, or told up to a position."""
    for kind in (PROMOTION, CONFIGURATION):
        for entry in store.events(kind, newest=True):
            if (
                (upto is None or entry.position <= upto)
                and isinstance(entry.fact, Event)
                and "release" in entry.fact.data
            ):
                try:
                    return release_in(entry.fact)
                except UnusableInput:  # of a later version: nothing can be said of it here
                    return None
    return None


def promises(release: Release | None, task: str | None = None) -> Iterator[Promise]:
    """The certificates of a release; with a task those that its answers can be sent by."""
    if release is None:
        return
    for way, one in certificates_of(release):
        own = way == task if task in release.tasks else way is None
        if task is None or (own and one.by.get("task", task) == task):
            yield Promise(way, one)
