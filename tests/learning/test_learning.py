"""From a store's verdicts to challengers, from later verdicts to promotions, and back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from calibrant.errors import Misuse, UnusableInput
from calibrant.guarantees.certifying import certify, spent
from calibrant.learning.contests import Contests, contests
from calibrant.learning.deployed import deployed, roll_back
from calibrant.learning.differences import differences, release_of
from calibrant.learning.labels import labelled
from calibrant.learning.places import put
from calibrant.learning.promoting import best, checked, lowest, put_in_force, to_be_careful_about
from calibrant.learning.refitting import Refit, refit
from calibrant.maps.calibration import MapSet
from calibrant.past.folding import Folding
from calibrant.plans.certificates import CertificateSet
from calibrant.releases.promoting import promote, promotions
from calibrant.releases.release import Part, Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import Assignment, Event, Record, Verdict

from ..judged_store import desk, identity, judged, release_with

GRID = np.array([0.5, 0.7, 0.9])
NUMBERS = count()


def proposed(store: SqlStore, release: Release, at: float = 1e6) -> Refit:
    found = refit(store, release)
    store.add([one.event(at) for one in found.proposals])
    return found


@pytest.fixture(scope="module")
def champion_release() -> Release:
    return release_with(identity())


@pytest.fixture(scope="module")
def drifting(tmp_path_factory: pytest.TempPathFactory, champion_release: Release) -> Path:
    """Calibrated for 400 labels, then over-confident by a shift of 1 in log-odds for 400 more."""
    made, path = identity(), tmp_path_factory.mktemp("desk") / "log.db"
    store = desk(
        path, judged(800, shift=lambda i: 1.0 if i >= 400 else 0.0, made=made, release=champion_release)
    )
    promote(store, champion_release, note="", time=0.0)
    store.close()
    return path


@pytest.fixture
def drifted(drifting: Path, tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore(str(shutil.copy(drifting, tmp_path / "drifted.db")))
    yield store
    store.close()


def test_a_concept_shift_gets_three_challengers_and_is_called_so(
    drifted: SqlStore, champion_release: Release
) -> None:
    (group,) = refit(drifted, champion_release).groups
    assert (group.labels, group.audits, group.alarm, group.shift) == (800, 800, True, "concept")
    assert [one.way for one in group.proposals] == ["refit", "forgetting", "since_change"]
    assert "Concept shift" in group.notes[0] and "on the labels since" in group.notes[0]
    truth = expit(logit(GRID) - 1.0)
    off = {one.way: np.abs(one.challenger(GRID) - truth).max() for one in group.proposals}
    assert off["since_change"] < 0.1 and off["forgetting"] < 0.2
    since = group.proposals[2]
    assert 350 < since.labels < 450 and since.since is not None and abs(since.since - 40_000) < 5_000
    assert since.challenger.fingerprint == identity().fingerprint
    assert {one.alpha for one in group.proposals} == {0.05 / 3}


def test_the_same_labels_propose_the_same(drifted: SqlStore, champion_release: Release) -> None:
    first, second = (proposed(drifted, champion_release, at) for at in (1e6, 2e6))
    assert [one.id for one in first.proposals] != [one.id for one in second.proposals], "read further"
    drifted.add([one.event(3e6) for one in first.proposals])  # as a second leader does


def test_it_is_promoted_when_later_verdicts_prefer_it_and_not_before(
    drifted: SqlStore, champion_release: Release
) -> None:
    proposed(drifted, champion_release)
    fold = contests(drifted)
    assert len(fold.open) == 3 and not best(fold)
    assert all("not yet found better" in one.sentence for one in fold.open.values())
    drifted.add(judged(400, seed=5, first=800, shift=lambda _: 1.0, made=identity()))
    fold = contests(drifted)
    (ready,) = best(fold)
    assert ready.test is not None and ready.test.labels == 400 and ready.difference is not None
    assert ready.difference.low > 0
    step = put_in_force(drifted, champion_release, [ready], note="found better", time=2e6)
    now = deployed(drifted)
    assert now is not None and now == step.release and now.parents == (champion_release.release_id,)
    assert now.default.maps.groups[0][1] == ready.proposal.challenger
    assert now.labels == (ready.proposal.first, ready.proposal.last) and now.made_at == 2e6
    after = contests(drifted)
    assert after.closed[ready.proposal.id] == "promoted" and not after.open
    assert set(after.closed.values()) == {"promoted", "superseded"}


def test_an_equal_challenger_stays_where_it_is(tmp_path: Path, champion_release: Release) -> None:
    store = desk(tmp_path / "log.db", judged(300, made=identity()))
    proposed(store, champion_release)
    store.add(judged(500, seed=9, first=300, made=identity()))
    fold = contests(store)
    assert fold.open and not best(fold) and not to_be_careful_about(fold, champion_release)
    store.close()


def test_the_lower_of_both_stands_in_while_an_alarm_is_open(
    drifted: SqlStore, champion_release: Release
) -> None:
    proposed(drifted, champion_release)
    fold = contests(drifted)
    (chosen,) = to_be_careful_about(fold, champion_release)
    assert chosen.proposal.way == "since_change"
    step = put_in_force(drifted, champion_release, [chosen], note="careful", time=2e6, careful=True)
    made = step.release.default.maps.groups[0][1]
    both = [identity()(GRID), chosen.proposal.challenger(GRID)]
    assert np.array_equal(made(GRID), np.min(both, axis=0)) and made.fingerprint == identity().fingerprint
    fold = contests(drifted)
    assert len(fold.open) == 3, "it is still open which of them holds"
    assert not to_be_careful_about(fold, step.release), "it is in force already"
    drifted.add(judged(400, seed=5, first=800, shift=lambda _: 1.0, made=made))
    (ready,) = best(contests(drifted))
    later = put_in_force(drifted, step.release, [ready], note="", time=3e6).release
    assert later.default.maps.groups[0][1] == ready.proposal.challenger


def test_only_labels_after_the_proposal_count_each_question_once_and_no_volunteers(
    drifted: SqlStore, champion_release: Release
) -> None:
    proposed(drifted, champion_release)
    fresh = list(judged(60, seed=5, first=800, made=identity(), again=3))
    drifted.add(fresh)
    late = {"grade": 0.0, "time": 9e5}
    for i in range(800, 860):
        drifted.add(
            [
                Verdict(id=f"u{i}", record_id=f"r{i}", judge="u", source="user", **late),
                Verdict(id=f"s{i}", record_id=f"r{i}", judge="b", source="second", propensity=1.0, **late),
                Assignment(id=f"m{i}", record_id=f"r{i}", propensity=1.0, reason="judge", time=9e5),
                Verdict(id=f"n{i}", record_id=f"r{i}", judge="model", assignment=f"m{i}", **late),
            ]
        )
    for contest in contests(drifted).open.values():
        assert contest.test is not None and contest.test.labels == 60
        assert contest.test.items == 39, "of 60 answers 20 ask the question before anew; one is still open"


def test_an_old_question_tells_a_challenger_nothing(drifted: SqlStore, champion_release: Release) -> None:
    proposed(drifted, champion_release)
    for fact in judged(50, made=identity()):
        if isinstance(fact, Record):
            id = f"x{fact.id}"
            told = Verdict(id=id, record_id=id, grade=0.0, judge="a", time=1.0, propensity=1.0)
            drifted.add([replace(fact, id=id), told])
    assert all(one.test is not None and one.test.labels == 0 for one in contests(drifted).open.values())


def test_a_replay_gives_the_same_state_to_the_byte(drifted: SqlStore, champion_release: Release) -> None:
    proposed(drifted, champion_release)
    kept = contests(drifted, kept=True)
    drifted.add(judged(50, seed=5, first=800, shift=lambda _: 1.0, made=identity(), again=4))
    kept = contests(drifted, kept=True)
    whole = contests(drifted)
    assert json.dumps(kept.to_dict(), sort_keys=True) == json.dumps(whole.to_dict(), sort_keys=True)
    again = Contests()
    again.load(json.loads(json.dumps(whole.to_dict())))
    assert json.dumps(again.to_dict()) == json.dumps(whole.to_dict())


def test_labels_that_were_drawn_by_doubt_are_weighed(tmp_path: Path) -> None:
    """Of the doubtful all are judged, of the others a tenth, and these are over-claimed: a map must say so."""
    release = release_with(None)
    store = desk(tmp_path / "log.db", judged(3000, shift=lambda _: 0.7, audit=0.1, doubt=0.9, below=0.8))
    (group,) = refit(store, release).groups
    truth = expit(logit(GRID) - 0.7)
    refitted = group.proposals[0].challenger
    assert np.abs(refitted(GRID) - truth).max() < 0.09
    assert group.audits < group.labels and group.proposals[0].n_eff < group.labels
    low, high = refitted.interval(GRID)
    assert ((low <= truth + 0.02) & (truth - 0.02 <= high)).all()
    store.close()


def test_without_an_audit_nothing_is_proposed(tmp_path: Path) -> None:
    store = desk(tmp_path / "log.db", judged(300, audit=1e-6, doubt=0.9))
    (group,) = refit(store, release_with(None)).groups
    assert not group.proposals and "nothing could contradict" in (group.why or "")
    store.close()


def test_a_store_without_usable_verdicts_says_why(tmp_path: Path) -> None:
    store = desk(tmp_path / "log.db", judged(10, audit=1e-9))
    with pytest.raises(UnusableInput, match="nobody has judged"):
        refit(store, release_with(None))
    store.add([Verdict(id="u", record_id="r1", grade=0.0, judge="u", time=0.0, source="user")])
    with pytest.raises(UnusableInput, match="1 x nobody knows with what probability"):
        refit(store, release_with(None))
    store.add(judged(5, first=10))
    with pytest.raises(UnusableInput, match="No label of task 'law' can be used"):
        refit(store, release_with(None), task="law")
    store.close()


def test_a_first_map_takes_fifty_independent_labels_and_no_opponent(tmp_path: Path) -> None:
    release = release_with(None)
    store = desk(tmp_path / "log.db", judged(40, domain="law"))
    proposed(store, release)
    fold = contests(store)
    assert not best(fold)
    assert {one.more for one in fold.open.values()} == {10}
    store.add(judged(30, first=40, domain="law"))
    proposed(store, release)
    (ready,) = best(contests(store))
    step = put_in_force(store, release, [ready], note="first", time=1e6)
    way = step.release.default
    assert way.maps.by == ("task", "domain", "model", "signal")
    stated = {"task": "support", "domain": "law", "model": "m", "signal": "verbalized"}
    assert way.maps.match(stated).found == ready.proposal.challenger
    store.close()


def certified_release(store: SqlStore) -> Release:
    labels, _, _ = labelled(store)
    scores = np.array([float(one.answer.score or 0) for one in labels])
    grades = np.array([one.verdict.grade for one in labels])
    made = identity()
    one = certify(scores, grades, max_error=0.2, delta=0.1, prior_map=made, issue=1)
    policy = Part(
        kind="risk_control", settings={"below": "review"},
        files={"certificates": CertificateSet(by=(), certificates=(one,))},
    )  # fmt: skip
    return release_with(made, policy=policy)


def test_certificates_on_the_old_scale_are_issued_anew_and_spend_their_part(tmp_path: Path) -> None:
    store = desk(tmp_path / "log.db", judged(500, made=identity()))
    release = certified_release(store)
    promote(store, release, note="", time=0.0)
    proposed(store, release)
    store.add(judged(300, seed=4, first=500, shift=lambda _: 0.8, made=identity()))
    proposed(store, release)
    store.add(judged(600, seed=6, first=800, shift=lambda _: 0.8, made=identity()))
    (ready,) = best(contests(store))
    step = put_in_force(store, release, [ready], note="", time=2e6)
    (issued,) = step.reissued
    new, old = issued.after, issued.before
    assert (new.issue, new.level) == (2, spent(0.1, 2)) and new.map_id == ready.proposal.challenger.map_id
    assert new.labels_used == 600, "those that the map was not fitted on"
    assert new.certified and new.threshold is not None and old.threshold is not None
    assert new.threshold > old.threshold, "answers of the same confidence are right less often"
    held = step.release.default.policy.files["certificates"]
    assert held.certificates == (new,)
    (told,) = [entry.fact for entry in store.events("certificate")]
    assert isinstance(told, Event) and told.data["issue"] == 2
    # and back: the old map comes with the certificate that stood on it
    assert roll_back(store, None, why="test", time=3e6) == (
        step.release.release_id,
        release.release_id,
    )
    assert deployed(store) == release
    third = put_in_force(store, release, [ready], note="again", time=4e6)
    assert third.reissued[0].after.issue == 3, "counted from the store, not from the certificate"
    store.close()


def test_what_cannot_be_certified_takes_the_careful_way(drifted: SqlStore, champion_release: Release) -> None:
    release = certified_release(drifted)
    promote(drifted, release, note="", time=1.0)
    proposed(drifted, release)
    (chosen,) = to_be_careful_about(contests(drifted), release)
    step = put_in_force(drifted, release, [chosen], note="", time=2e6, careful=True)
    (issued,) = step.reissued
    assert not issued.after.certified and "cannot certify" in issued.sentence
    assert issued.after.map_id == step.release.default.maps.groups[0][1].map_id


def test_a_rollback_says_where_there_is_nothing_to_go_back_to(
    tmp_path: Path, champion_release: Release
) -> None:
    store = SqlStore(str(tmp_path / "log.db"))
    with pytest.raises(Misuse, match="No release was promoted"):
        roll_back(store, None, why="w", time=0.0)
    promote(store, champion_release, note="", time=0.0)
    with pytest.raises(Misuse, match="Only one release"):
        roll_back(store, None, why="w", time=0.0)
    with pytest.raises(Misuse, match="answers already"):
        roll_back(store, champion_release.release_id, why="w", time=0.0)
    store.close()


def test_a_proposal_is_named_by_its_beginning_and_a_closed_one_says_what_became_of_it(
    drifted: SqlStore, champion_release: Release
) -> None:
    first = proposed(drifted, champion_release).proposals[0]
    fold = contests(drifted)
    assert checked(fold, first.id[:6])[0].proposal == first
    with pytest.raises(UnusableInput, match="No open proposals are called zz"):
        checked(fold, "zz")
    drifted.add(judged(1, first=800))
    proposed(drifted, champion_release)
    with pytest.raises(UnusableInput, match="no longer open: it was replaced"):
        checked(contests(drifted), first.id)


def test_releases_side_by_side(tmp_path: Path) -> None:
    one = release_with(identity())
    other = release_with(
        lowest(identity(), identity(calibrator="isotonic", seed=3)),
        policy=Part(kind="bands", settings={"answer": 0.9}),
    )
    found = {part.part: part for part in differences(one, other)}
    of_map = found["map of all answers"]
    assert of_map.greatest is not None and of_map.at is not None and 0 < of_map.greatest < 0.3
    a, b = (release.default.maps.groups[0][1]([of_map.at])[0] for release in (one, other))
    assert abs(a - b) == pytest.approx(of_map.greatest)
    assert found["policy answer"].sentence == "policy answer: none -> 0.9"
    assert found["signal verbalized"].same and found["prompt"].same and found["route"].same
    assert all(part.same for part in differences(one, one))
    store = SqlStore(str(tmp_path / "log.db"))
    for release in (one, other):
        promote(store, release, note="", time=0.0)
    assert release_of(store, one.release_id[:8]) == one and release_of(store, "zz") is None
    assert len(list(promotions(store))) == 2
    store.close()


def test_a_promotion_by_two_leaders_at_once_is_one(drifted: SqlStore, champion_release: Release) -> None:
    proposed(drifted, champion_release)
    drifted.add(judged(400, seed=5, first=800, shift=lambda _: 1.0, made=identity()))
    (ready,) = best(contests(drifted))
    both = [
        put_in_force(drifted, champion_release, [ready], note="n", time=time, made_at=2e6).release
        for time in (2e6 + 1, 2e6 + 2)
    ]
    assert both[0] == both[1] and len(list(promotions(drifted))) == 2


def test_a_fold_told_in_pieces_counts_as_one_told_at_once(
    drifted: SqlStore, champion_release: Release
) -> None:
    proposed(drifted, champion_release)
    folding = Folding(drifted, [fold := Contests()], kept=None)
    while folding.go_on(most=1):
        pass
    assert json.dumps(fold.to_dict()) == json.dumps(contests(drifted).to_dict())


def test_a_challenger_of_a_map_that_stood_in_is_over_once_its_place_has_its_own(tmp_path: Path) -> None:
    store = desk(tmp_path / "log.db", judged(60, domain="law", shift=lambda _: 1.0, made=identity()))
    stand_in = MapSet(by=("domain",), groups=(), fallbacks=(((("task", "support"),), identity()),))
    release = Release(default=Way(signals=(Part(kind="verbalized"),), maps=stand_in))
    promote(store, release, note="", time=0.0)
    proposed(store, release)
    fold = contests(store)
    (place,) = {one.proposal.place for one in fold.open.values()}
    assert all(one.proposal.champion == identity() for one in fold.open.values())
    chosen = next(iter(fold.open.values()))
    own = put(release, place, identity(seed=7))
    promote(store, own, note="by hand", time=1e6)
    assert not contests(store).open and set(contests(store).closed.values()) == {"superseded"}
    with pytest.raises(Misuse, match="was held against the map"):
        put_in_force(store, own, [chosen], note="", time=2e6)
    store.close()
