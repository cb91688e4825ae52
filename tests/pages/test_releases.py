"""The page of releases: proposals with their evidence, promoting with a reason, and going back."""

import re
import shutil
import time
from itertools import count
from pathlib import Path

import pytest

from calibrant.learning.deployed import deployed
from calibrant.learning.refitting import refit
from calibrant.learning.renewing import renew
from calibrant.releases.promoting import promote, promotions
from calibrant.stores.sql import SqlStore
from calibrant.types import Event

from ..judged_store import certified, identity, judged, release_with
from ..judged_store import desk as learning_desk
from .conftest import Maker, Person

NUMBERS = count()


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A proposal that later verdicts prefer."""
    made, path = identity(), tmp_path_factory.mktemp("releases") / "log.db"
    release = release_with(made)
    store = learning_desk(path, judged(300, shift=lambda _: 2.5, made=made, release=release))
    promote(store, release, note="maps of spring", time=0.0)
    store.add([one.event(1e6) for one in refit(store, release).proposals])
    store.add(judged(250, seed=5, first=300, shift=lambda _: 2.5, made=made))
    store.close()
    return path


@pytest.fixture
def path(drifted: Path, tmp_path: Path) -> str:
    return str(shutil.copy(drifted, tmp_path / "calibrant.db"))


def shown(person: Person) -> str:
    for _ in range(100):
        assert person.get("/releases") == 200, person.page
        if "still being read" not in person.page:
            return " ".join(re.sub(r"<[^>]+>", " ", person.page).split())
        time.sleep(0.1)
    raise AssertionError(person.page)


def test_what_later_verdicts_prefer_is_promoted_for_a_reason_and_taken_back(desk: Maker, path: str) -> None:
    other = SqlStore(path)
    place = desk(path=path, clock=lambda: 2e6)
    boss, ana = place.person("boss"), place.person("ana")
    page = shown(boss)
    assert "can be promoted" in page, page
    assert "better than the one in force on 250 later labels" in page
    assert "What would change" in page and "maps of spring" in page and "needed" in page
    assert re.search(r"Evidence over 2\d\d independent labels, judged from .* is needed", page)
    assert boss.page.count("<polyline") == 2 and "The numbers behind this chart" in page
    assert 'class="btn go"' in boss.page and "Promote" not in shown(ana).replace("Promoted", "")
    ready = re.findall(r'name="id" value="([^"]+)"', boss.page)[0]
    assert boss.post("/releases", do="promote", id=ready, why="  ") == 422 and "say why" in boss.page
    assert (
        boss.post("/releases", do="promote", id="nothing", why="x") == 409
        and "Nothing was changed" in boss.page
    )
    shown(ana)
    assert ana.post("/releases", do="promote", id=ready, why="x") == 403
    shown(boss)
    assert boss.post("/releases", do="promote", id=ready, why="the model changed") == 303
    (now, before, *_) = list(promotions(other))
    assert now.note == "the model changed (boss)"
    page = shown(boss)
    assert "Nothing is proposed" in page and f"Release {now.release_id} answers" in page
    assert boss.post("/releases", do="rollback", id=before.release_id, why="too early") == 303
    assert next(promotions(other)).note == "rollback: too early (boss)"
    shown(boss)
    assert boss.post("/releases", do="erase", id="x", why="x") == 400
    other.close()


def test_certificates_are_shown_with_what_they_promise_and_when_they_do_not(desk: Maker, path: str) -> None:
    store = SqlStore(path)
    one = certified(store)
    place = desk(path=path, clock=lambda: 2e6)
    boss = place.person("boss")
    page = shown(boss)
    assert one.certificate_id in page and "at most 10 in 100 of those sent wrong, from" in page
    assert "issue 2, on 600 labels, holds with probability 0.985" in page and "in force" in page
    store.add(
        [Event(id="alarm-1", kind="alarm", time=1e6, about=identity().map_id, data={"task": "support"})]
    )
    renew(store, deployed(store) or release_with(None), look=False)
    page = shown(boss)
    assert "out of force: an alarm is open: alarm-1" in page
    for _ in range(100):
        assert boss.get("/tasks/support") == 200
        if "none of them in force" in boss.page:
            break
        time.sleep(0.1)
    assert "none of them in force" in boss.page and "alarm-1" in boss.page
    store.close()


def test_what_was_read_too_late_for_one_look_is_there_for_the_next(
    desk: Maker, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrant.pages.releases.PATIENCE", 0.0)
    boss = desk(path=path, clock=lambda: 2e6).person("boss")
    for _ in range(200):
        assert boss.get("/releases") == 200, boss.page
        if "can be promoted" in boss.page:
            return
        time.sleep(0.1)
    raise AssertionError(boss.page)
