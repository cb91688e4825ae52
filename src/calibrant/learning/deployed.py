"""Which release answers, as far as a store tells, and having one answer again that did before."""

from __future__ import annotations

from ..errors import Misuse
from ..protocols import Store
from ..releases.promoting import PROMOTION, promote, promotions, release_in
from ..releases.release import Release
from ..types import Event

__all__ = ["CONFIGURATION", "deployed", "roll_back", "started"]

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


def roll_back(store: Store, to: str | None, *, why: str, time: float) -> tuple[str, str]:
    """Have the release answer again that did before the present one, or one of an id; gives both ids, from and to.

    Its maps and certificates come back as they were. Raises `Misuse` where there is nothing to go back to.
    """
    known = list(promotions(store))
    if not known:
        raise Misuse("No release was promoted in this store, so there is none to go back to.")
    now = known[0].release_id
    if to is None:
        to = next((one.release_id for one in known if one.release_id != now), None) or _configured(store, now)
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


def _configured(store: Store, but: str) -> str | None:
    for entry in store.events(CONFIGURATION, newest=True):
        if isinstance(entry.fact, Event) and entry.fact.about != but:
            return entry.fact.about
    return None
