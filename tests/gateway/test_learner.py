"""Maps that are fitted anew while the gateway serves: proposed, promoted by the test, by any leader alike."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from calibrant.assembly.config import parse
from calibrant.assembly.sections import Learning
from calibrant.errors import UnusableInput
from calibrant.gateway.learner import Learner
from calibrant.guarantees.certifying import certify
from calibrant.learning.deployed import certificates_of, deployed
from calibrant.models.scripted import Scripted
from calibrant.pipeline import Pipeline
from calibrant.plans.certificates import CertificateSet
from calibrant.releases.promoting import promotions
from calibrant.releases.release import Part, Release
from calibrant.stores.sql import SqlStore
from calibrant.types import Completion, Event

from ..judged_store import desk, identity, judged, release_with

NUMBERS = count()


def pipeline(store: SqlStore, release: Release) -> Pipeline:
    model = Scripted(lambda _: Completion(text="4", model="m"), name="m")
    return Pipeline(
        release,
        store,
        {"model": model},
        clock=lambda: 1e6 + next(NUMBERS),
    )


def learner(path: Path, release: Release, promotion: str) -> Learner:
    made = pipeline(SqlStore(str(path)), release)
    settings = Learning(promotion=promotion, refit_after=100)  # type: ignore[arg-type]
    return Learner(made, lambda: release, settings)


@pytest.mark.parametrize("promotion", ["by_test", "by_hand"])
def test_from_an_alarm_to_the_map_that_later_verdicts_prefer(promotion: str, tmp_path: Path) -> None:
    release, path = release_with(identity()), tmp_path / "log.db"
    store = desk(path, judged(400, shift=lambda i: 1.5 if i > 150 else 0.0, made=identity()))
    two = [learner(path, release, promotion) for _ in "ab"]
    two[0].look()
    assert deployed(store) == release, "as it started"
    proposals = list(store.events("proposal"))
    assert len(proposals) == 3
    for one in (*two, learner(path, release, promotion)):
        one.look()
    assert len(list(store.events("proposal"))) == 3, "not again without new labels"
    notes = [one.note for one in promotions(store)]
    assert notes == (["the lower of both while an alarm is open"] if promotion == "by_test" else [])
    store.add(judged(300, seed=4, first=400, shift=lambda _: 1.5, made=identity()))
    for one in two:
        one.look()
    notes = [one.note for one in promotions(store)]
    if promotion == "by_hand":
        assert not notes
    else:
        assert notes[0] == "found better on later labels" and len(notes) == 2
        now = deployed(store)
        assert now is not None and now.default.maps.groups[0][1].map_id in json.dumps(
            [p.fact.data for p in proposals]
        )  # type: ignore[union-attr]
    store.close()


def test_few_labels_wait_and_an_alarm_does_not(tmp_path: Path) -> None:
    release, path = release_with(identity()), tmp_path / "log.db"
    store = desk(path, judged(60, made=identity()))
    one = learner(path, release, "by_hand")
    one.look()
    assert not list(store.events("proposal"))
    store.add([Event(id="alarm-1", kind="alarm", time=1.0)])
    one.look()
    assert list(store.events("proposal"))
    store.close()


def test_it_runs_beside_the_gateway_and_bears_a_store_that_teaches_nothing(tmp_path: Path) -> None:
    release, path = release_with(identity()), tmp_path / "log.db"
    SqlStore(str(path)).close()
    one = learner(path, release, "by_test")
    one._every = 0.01

    async def some() -> None:
        task = asyncio.create_task(one.watch())
        await asyncio.sleep(0.2)
        assert not task.done()
        task.cancel()

    asyncio.run(some())


def test_the_section() -> None:
    model = {"model": {"kind": "openai_compatible", "url": "http://host/v1", "model": "m"}}
    assert parse(model, {}).learning == Learning(promotion="by_hand", refit_after=100)
    told = parse({**model, "learning": {"promotion": "by_test", "refit_after": 50}}, {}).learning
    assert told == Learning(promotion="by_test", refit_after=50)
    for wrong in ({"promotion": "always"}, {"refit_after": 0}, {"after": 3}):
        with pytest.raises(UnusableInput):
            parse({**model, "learning": wrong}, {})


def _fails() -> None:
    raise UnusableInput("nothing can be fitted")


def test_certificates_follow_labels_and_alarms_whoever_promotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = certify([0.9] * 4, [1] * 4, max_error=0.15, delta=0.1, prior_map=identity(), issue=1)
    files = {"certificates": CertificateSet(by=(), certificates=(refused,))}
    release = release_with(identity(), policy=Part(kind="risk_control", files=files))
    path = tmp_path / "log.db"
    store = desk(path, [])
    two = [learner(path, release, "by_hand") for _ in "ab"]
    two[0].look()  # which says by what it answers
    store.add([replace(one, time=one.time + 2e6) for one in judged(300, made=identity())])
    for one in two:
        one.look()
    (promoted,) = promotions(store)
    assert promoted.note == "certificates were issued on later labels"
    told = {"task": "support", "domain": None, "model": "m"}
    store.add([Event(id="alarm-1", kind="alarm", time=3e6, about=identity().map_id, data=told)])
    monkeypatch.setattr(two[0], "_due", lambda: True)
    monkeypatch.setattr(two[0], "_refit", _fails)
    with pytest.raises(UnusableInput):
        two[0].look()
    two[1].look()
    notes = [one.note for one in promotions(store)]
    assert len(notes) == 2 and notes[0] == "certificates are out of force while an alarm is open"
    ((_, held),) = certificates_of(deployed(store) or release)
    assert held.certified and not held.valid
    store.close()
