"""Releases that a store hands on: a promotion is an event with the release in it, which all on the store follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import DifferentContent, UnusableInput
from ..protocols import Store
from ..types import Entry, Event, digest
from .release import Release

__all__ = ["PROMOTION", "Promotion", "promote", "promoted", "promotions", "release_in"]

PROMOTION = "promotion"
"""The kind of event."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """That a release answers from then on: its id, when in seconds since the epoch, why, and where it stands."""

    release_id: str
    time: float
    note: str
    position: int


def release_in(event: Event) -> Release:
    """The release of a promotion; raises `UnusableInput` where it was edited, or a later calibrant made it."""
    return Release.from_json(event.data.get("release", {}))


def promoted(store: Store) -> tuple[int, Release | None]:
    """The position of the last promotion and its release; 0 and None where there was none."""
    for entry in store.events(PROMOTION, newest=True):
        return entry.position, release_in(_event(entry))
    return 0, None


def promotions(store: Store) -> Iterator[Promotion]:
    """All of a store, the last first."""
    for entry in store.events(PROMOTION, newest=True):
        event = _event(entry)
        yield Promotion(event.about or "", event.time, str(event.data.get("note", "")), entry.position)


def promote(
    store: Store, release: Release | str, *, note: str, time: float, after: str | None = None
) -> Promotion | None:
    """Have a release answer, or by its id one that answered before; None where it does already.

    Of two that promote at once one comes first, and the other then follows it; with `after`, the id of a release or ""
    for none, it does only where that is still the last one that was promoted, and gives None else. Raises
    `UnusableInput` for an id that the store does not know.

    >>> import tempfile
    >>> from calibrant.releases.release import Way
    >>> from calibrant.stores.sql import SqlStore
    >>> first, second = Release(default=Way()), Release(default=Way(gate="hold"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqlStore(f"{folder}/log.db")
    ...     for number, one in enumerate((first, second, second, first.release_id)):
    ...         done = promote(store, one, note="", time=float(number))
    ...         print(done and done.release_id == first.release_id)
    ...     print(promote(store, second, note="", time=5.0, after=second.release_id))
    ...     print([one.position for one in promotions(store)], promoted(store)[1] == first)
    ...     store.close()
    True
    False
    None
    True
    None
    [3, 2, 1] True
    """
    release = _known(store, release) if isinstance(release, str) else release
    while True:
        newest = next(store.events(PROMOTION, newest=True), None)
        last = newest and _event(newest)
        answers = last and last.about
        if answers == release.release_id or (after is not None and (answers or "") != after):
            return None
        # Named by the one before it, so that the store lets one of several follow that.
        event = Event(
            id=f"{PROMOTION}-{digest([last and last.id])}", kind=PROMOTION, time=time, about=release.release_id,
            data={"release": release.to_dict(), "note": note or release.note, "before": answers},
        )  # fmt: skip
        try:
            store.add([event])
        except DifferentContent:
            continue
        return next(promotions(store))


def _known(store: Store, release_id: str) -> Release:
    for entry in store.events(PROMOTION, about=release_id):
        return release_in(_event(entry))
    known = ", ".join(dict.fromkeys(one.release_id for one in promotions(store))) or "none"
    raise UnusableInput(
        f"There is no file {release_id}, and no release of that id was promoted in this store, which knows {known}. "
        "Name a file of a release or of a gateway, or one of these: calibrant releases list STORE."
    )


def _event(entry: Entry) -> Event:
    assert isinstance(entry.fact, Event)  # `events` gives no others
    return entry.fact
