"""Which release answers, as far as a store tells, and having one answer again that did before."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Misuse
from ..plans.certificates import Certificate, CertificateSet
from ..protocols import Store
from ..releases.promoting import PROMOTION, promote, promotions, release_in
from ..releases.release import Release
from ..types import Event, digest

__all__ = ["CONFIGURATION", "certificates_of", "deployed", "roll_back", "started"]

CONFIGURATION = "configuration"
"""The kind of event that holds the release of a server's own file, as it started."""


def deployed(store: Store) -> Release | None:
    """The release that answers, as far as the store tells: the last promoted, else that of the last server to start."""
    for kind in (PROMOTION, CONFIGURATION):
        for entry in store.events(kind, newest=True):
            if isinstance(entry.fact, Event) and "release" in entry.fact.data:
                return release_in(entry.fact)
    return None


def started(release: Release, time: float) -> Event:
    """That a server started by the release of its own file, for those who know only the store."""
    id = release.release_id
    return Event(
        id=f"{CONFIGURATION}-{id}",
        kind=CONFIGURATION,
        time=time,
        about=id,
        data={"release": release.to_dict()},
    )


def certificates_of(release: Release) -> Iterator[tuple[str | None, Certificate]]:
    """Those of a release, each with the task whose own way it stands in, None for the way of all others."""
    for name in (None, *release.tasks):
        held = release.way(name).policy.files.get("certificates")
        if isinstance(held, CertificateSet):
            yield from ((name, one) for one in held.certificates)


def roll_back(store: Store, to: str | None, *, why: str, time: float) -> tuple[str, str]:
    """Have the release answer again that did before the present one, or one of an id; gives both ids, from and to.

    One that differs from the present one in its certificates alone is passed over where no id is given. Maps and
    certificates come back as they were. Raises `Misuse` where there is nothing to go back to.
    """
    known = list(promotions(store))
    if not known:
        raise Misuse("No release was promoted in this store, so there is none to go back to.")
    now = known[0].release_id
    if to is None:
        to = _before(store)
    if to is None:
        raise Misuse(
            "Only one release was ever promoted here. To have that of the gateway's file answer: calibrant releases "
            "promote FILE."
        )
    target: Release | str = to
    for entry in store.events(CONFIGURATION, about=to, newest=True):
        if isinstance(entry.fact, Event):
            target = release_in(entry.fact)
    if promote(store, target, note=f"rollback: {why}", time=time) is None:
        raise Misuse(f"Release {to} answers already; nothing was changed.")
    return now, to


def _before(store: Store) -> str | None:
    """The last release that answered and differs from the present one in more than its certificates."""
    now: str | None = None
    for kind in (PROMOTION, CONFIGURATION):
        for entry in store.events(kind, newest=True):
            if isinstance(entry.fact, Event) and "release" in entry.fact.data:
                what = _but_certificates(release_in(entry.fact))
                now = now or what
                if what != now:
                    return entry.fact.about
    return None


def _but_certificates(release: Release) -> str:
    """A digest of how answers are made, the same for releases that differ in their certificates alone."""
    ways = {name: release.way(name).to_dict() for name in (None, *release.tasks)}
    for way in ways.values():
        way["policy"] = {**way["policy"], "files": sorted(way["policy"].get("files", {}))}
    return digest(sorted(([name or "", way] for name, way in ways.items()), key=lambda pair: str(pair[0])))
