"""Certificates are issued anew as labels double, keep their promise, and are out of force while an alarm is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.errors import Misuse, UnusableInput
from calibrant.guarantees.certifying import certify, spent
from calibrant.guarantees.walking import fewest
from calibrant.learning.certificates import CERTIFICATE, Issuing
from calibrant.learning.deployed import certificates_of, deployed, roll_back
from calibrant.learning.renewing import renew
from calibrant.plans.certificates import Certificate, CertificateSet
from calibrant.policies.risk_control import RiskControl
from calibrant.releases.promoting import promote, promotions
from calibrant.releases.release import Part, Release
from calibrant.stores.sql import SqlStore
from calibrant.types import Confidence, Event, Probability

from ..judged_store import MARK, desk, identity, judged, release_with

MAX_ERROR, DELTA = 0.15, 0.1


def refused(made: Any) -> Certificate:
    """That of a map on so few labels that nothing could be certified."""
    found = certify([0.9] * 4, [1] * 4, max_error=MAX_ERROR, delta=DELTA, prior_map=made, issue=1)
    assert not found.certified and found.map_id == made.map_id
    return found


def release_by(one: Certificate) -> Release:
    files = {"certificates": CertificateSet(by=(), certificates=(one,))}
    return release_with(
        identity(), policy=Part(kind="risk_control", settings={"below": "review"}, files=files)
    )


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    """One whose release could not be certified when it was deployed."""
    made = desk(tmp_path / "log.db", [])
    promote(made, release_by(refused(identity())), note="first", time=1.0)
    return made


def now(store: SqlStore) -> Certificate:
    ((_, one),) = certificates_of(deployed(store) or release_with(None))
    return one


def again(store: SqlStore, **told: Any) -> Any:
    return renew(store, deployed(store) or release_with(None), **told)


def looks(store: SqlStore) -> list[Any]:
    return [entry.fact.data for entry in store.events(CERTIFICATE)]  # type: ignore[union-attr]


def sent(store: SqlStore, p: float) -> bool:
    release = deployed(store)
    assert release is not None
    told = Confidence(
        p=Probability(p), map_id=identity().map_id, fingerprint=MARK, low=p, high=p, verdicts=400
    )
    policy = RiskControl(**release.default.policy.settings, **release.default.policy.files)
    return not policy.decide(told).action.needs_person


def test_what_could_not_be_certified_is_once_there_are_labels(store: SqlStore) -> None:
    least = 2 * fewest(MAX_ERROR, spent(DELTA, 1))
    store.add(judged(least - 1, made=identity()))
    found = again(store)
    (standing,) = found.standings
    assert (standing.size, standing.due_at, found.missing) == (least - 1, least, 1)
    assert not found.issued and not standing.in_force and "looked again at" in standing.sentence
    assert not sent(store, 0.97)

    store.add(judged(600, first=least, seed=1, made=identity()))
    done = again(store)
    assert [(one.size, one.after.issue) for one in done.issued] == [
        (16 * least, 1)
    ]  # of five doublings the last
    assert done.standings[0].in_force and now(store).certified and sent(store, 0.97)
    (last, first) = list(promotions(store))
    assert (last.release_id, last.note) == (
        done.release.release_id,
        "certificates were issued on later labels",
    )
    assert done.release.parents == (first.release_id,) and done.release.made_at == last.time

    idle = again(store)
    assert not idle.issued and idle.release.release_id == last.release_id and len(looks(store)) == 1


def test_two_who_look_at_once_write_the_same(store: SqlStore) -> None:
    store.add(judged(200, made=identity()))
    before = deployed(store)
    assert before is not None
    planned = renew(store, before, dry=True)
    assert not looks(store) and len(list(promotions(store))) == 1
    done = renew(store, before)
    assert planned.release.release_id == done.release.release_id
    renew(store, before)  # another, who has not yet seen that it is done
    assert len(list(promotions(store))) == 2 and len(looks(store)) == 1


def test_a_process_that_ends_before_it_promotes_leaves_nothing_undone(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(judged(400, made=identity()))
    with monkeypatch.context() as patch:
        patch.setattr("calibrant.learning.renewing.promote", lambda *_, **__: None)
        killed = again(store)
    assert not now(store).certified and looks(store)
    store.add(judged(30, first=400, seed=2, made=identity()))
    assert again(store).release.release_id == killed.release.release_id
    assert now(store).certified and len(looks(store)) == len(killed.issued)


def test_only_what_sends_more_takes_the_place_of_what_is_in_force(store: SqlStore) -> None:
    store.add(judged(120, made=identity()))
    granted = again(store)
    assert now(store).certified
    store.add(
        judged(400, first=120, seed=5, shift=lambda _: 2.5, made=identity())
    )  # and no alarm was told yet
    worse = again(store)
    assert worse.issued and not any(one.in_force for one in worse.issued)
    assert "keeps its promise" in worse.issued[-1].sentence
    assert (
        worse.release is not None
        and now(store).certificate_id == granted.standings[0].certificate.certificate_id
    )
    assert len(list(promotions(store))) == 2
    store.add(judged(500, first=520, seed=6, made=identity()))
    again(store)
    assert len(looks(store)) == 3 and len({look["issue"] for look in looks(store)}) == len(looks(store))


def alarm(**by: Any) -> Event:
    told = {"task": "support", "domain": None, "model": "m", "map_id": identity().map_id, **by}
    return Event(id="alarm-1", kind="alarm", time=9e4, about=told["map_id"], data=told)


def test_while_an_alarm_is_open_no_certificate_is_in_force(store: SqlStore) -> None:
    store.add(judged(400, made=identity()))
    again(store)
    granted = now(store)
    assert sent(store, 0.97)
    store.add([alarm()])
    found = again(store, look=False)
    assert [one.threshold_p for one in found.suspended] == [granted.threshold_p] and not sent(store, 0.97)
    assert "an alarm is open: alarm-1" in found.standings[0].sentence and now(store).revoked
    store.add(judged(900, first=400, seed=3, made=identity()))
    assert not again(store).issued  # those labels are of answers that have an alarm
    store.add([Event(id="resolved-1", kind="resolved", time=9.1e4, about="alarm-1", data={"why": "a test"})])
    back = again(store, look=False)
    assert [one.certificate_id for one in back.restored] == [granted.certificate_id] and sent(store, 0.97)


def test_an_alarm_of_others_leaves_it_in_force(store: SqlStore) -> None:
    store.add(judged(400, made=identity()))
    again(store)
    store.add([alarm(map_id="another")])
    assert not again(store).suspended and sent(store, 0.97)


def test_a_rollback_passes_over_what_is_other_in_its_certificates_alone(store: SqlStore) -> None:
    first = deployed(store)
    assert first is not None
    store.add(judged(400, made=identity()))
    again(store)
    with pytest.raises(Misuse, match="Only one"):
        roll_back(store, None, why="", time=5e4)
    roll_back(store, first.release_id, why="", time=5e4)
    assert not now(store).certified
    assert not again(store).issued  # the looks were taken, and what somebody went back to stays


def test_labels_that_a_map_may_have_been_fitted_on_are_not_looked_at(tmp_path: Path) -> None:
    store = desk(tmp_path / "log.db", judged(400, made=identity()))
    promote(store, release_by(refused(identity())), note="first", time=100.0 * 300)
    (standing,) = again(store).standings
    assert standing.size == 100
    with pytest.raises(UnusableInput, match="No certificate is for the task 'nope'; there are some for None"):
        again(store, task="nope")
    with pytest.raises(UnusableInput, match="plan thresholds"):
        renew(store, release_with(identity()))


def test_answers_that_are_rarely_judged_put_the_look_off(store: SqlStore) -> None:
    store.add(judged(400, made=identity(), audit=0.1, doubt=0.9, below=0.8))
    (standing,) = again(store).standings
    labels = len(Issuing.of(store).labels)
    assert standing.size is not None and standing.size < 0.75 * labels


def test_a_look_that_could_not_be_granted_forgets_none_before_it(store: SqlStore) -> None:
    """The first was issued elsewhere, so no event of this store tells of it: only the number of the next does."""
    issuing, made = Issuing.of(store), identity()
    first = certify([0.9] * 40, [1] * 40, max_error=MAX_ERROR, delta=DELTA, prior_map=made, issue=1)
    assert first.tested >= fewest(MAX_ERROR, first.level)
    empty = issuing.look(None, first, made, [])
    assert (empty.after.issue, empty.live) == (2, False)
    assert issuing.issue_of(None, empty.after) == issuing.issue_of(None, first) == 2
    third = certify([0.9] * 40, [1] * 40, max_error=MAX_ERROR, delta=DELTA, prior_map=made, issue=2)
    assert issuing.issue_of(None, third) == 3


def test_looks_at_true_chances_break_the_promise_no_more_often_than_delta() -> None:
    """The schedule itself, on worlds whose best threshold is known: all looks of a stream, any of which may err."""
    rng = np.random.default_rng(0)
    broken, runs, made = 0, 60, identity()
    for _ in range(runs):
        scores = np.round(rng.uniform(0.5, 0.9, 1200), 2)
        right = rng.random(1200) < 0.849  # no threshold keeps 15 %
        size, issue, bad = float(2 * fewest(MAX_ERROR, spent(DELTA, 1))), 1, False
        while size <= 1200:
            part = slice(0, int(size))
            found = certify(
                scores[part], right[part], max_error=MAX_ERROR, delta=DELTA, prior_map=made, issue=issue
            )
            bad, issue, size = bad or found.certified, issue + 1, 2 * size
        broken += bad
    assert broken / runs <= DELTA
