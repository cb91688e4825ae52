"""Promotions of a store: the whole list, who comes first of two, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calibrant.errors import UnusableInput
from calibrant.releases.promoting import PROMOTION, Promotion, promote, promoted, promotions, release_in
from calibrant.releases.release import Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import Event, digest

FIRST, SECOND = Release(default=Way(), note="as it was"), Release(default=Way(gate="hold"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    made = SqlStore(str(tmp_path / "log.db"))
    yield made
    made.close()


def test_nothing_was_promoted(store: SqlStore) -> None:
    assert promoted(store) == (0, None)
    assert list(promotions(store)) == []
    with pytest.raises(UnusableInput) as refused:
        promote(store, "0123", note="", time=1.0)
    assert str(refused.value) == (
        "There is no file 0123, and no release of that id was promoted in this store, which knows none. Name a file of "
        "a release or of a gateway, or one of these: calibrant releases list STORE."
    )


def test_each_promotion_is_an_event_that_tells_all_of_it(store: SqlStore) -> None:
    one, two = FIRST.release_id, SECOND.release_id
    assert promote(store, FIRST, note="", time=1.5) == Promotion(one, 1.5, "as it was", 1)
    assert promote(store, FIRST, note="again", time=2.5) is None, "it answers already"
    assert promote(store, SECOND, note="stricter", time=3.5) == Promotion(two, 3.5, "stricter", 2)
    assert promoted(store) == (2, SECOND)
    assert promote(store, one, note="back", time=4.5) == Promotion(one, 4.5, "back", 3)
    assert promoted(store) == (3, FIRST)
    assert list(promotions(store)) == [
        Promotion(one, 4.5, "back", 3), Promotion(two, 3.5, "stricter", 2), Promotion(one, 1.5, "as it was", 1),
    ]  # fmt: skip
    facts = [entry.fact for entry in store.events(PROMOTION)]
    before: list[str | None] = [None, one, two]
    ids: list[str | None] = [None]
    for fact, release, last in zip(facts, (FIRST, SECOND, FIRST), before, strict=True):
        assert isinstance(fact, Event)
        assert fact.id == f"promotion-{digest([ids[-1]])}"
        ids.append(fact.id)
        assert (fact.kind, fact.about, fact.data["before"]) == ("promotion", release.release_id, last)
        assert fact.data["release"] == release.to_dict() and release_in(fact) == release
    with pytest.raises(UnusableInput) as refused:
        promote(store, "0123", note="", time=1.0)
    assert f"which knows {one}, {two}. Name a file" in str(refused.value)


def test_it_follows_only_what_it_was_made_to_follow(store: SqlStore) -> None:
    assert promote(store, FIRST, note="", time=1.0, after=SECOND.release_id) is None
    assert promoted(store) == (0, None)
    assert promote(store, FIRST, note="", time=1.0, after="") is not None
    assert promote(store, SECOND, note="", time=2.0, after="") is None
    assert promote(store, SECOND, note="", time=2.0, after=SECOND.release_id) is None
    assert promote(store, SECOND, note="", time=2.0, after=FIRST.release_id) is not None
    assert promoted(store) == (2, SECOND)


def test_of_two_at_once_one_comes_first_and_the_other_follows_it(store: SqlStore) -> None:
    class Slow:
        """Another promotes between what this one reads and what it writes."""

        def __init__(self) -> None:
            self.tries = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def add(self, facts: list[Any]) -> Any:
            self.tries += 1
            assert self.tries <= 2
            if self.tries == 1:
                promote(store, SECOND, note="quicker", time=1.0)
            return store.add(facts)

    slow = Slow()
    assert promote(slow, FIRST, note="slower", time=2.0) == Promotion(  # type: ignore[arg-type]
        FIRST.release_id, 2.0, "slower", 2
    )
    assert slow.tries == 2
    assert [one.note for one in promotions(store)] == ["slower", "quicker"]


def test_an_event_that_is_no_whole_promotion(store: SqlStore) -> None:
    store.add([Event(id="e", kind=PROMOTION, time=1.0, about=None, data={})])
    assert list(promotions(store)) == [Promotion("", 1.0, "", 1)]
    with pytest.raises(UnusableInput):
        promoted(store)
