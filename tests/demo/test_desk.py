"""The made-up year: the same for the same seed, all of it in the store, and nothing drawn without its chance."""

import numpy as np

from calibrant.demo.desk import desk_year, first_release
from calibrant.demo.world import DOMAINS, DRIFT, PROMPT, Desk
from calibrant.reviewing.settings import Reviewing
from calibrant.stores.sql import SqlStore
from calibrant.types import Assignment, Record, Verdict


def year(path, **settings):
    store = SqlStore(str(path))
    made = desk_year(store, days=12, per_day=15, **settings)
    return store, made


def test_a_year_is_the_same_for_the_same_seed_and_whole(tmp_path):
    (first, made), (second, _) = (year(tmp_path / name, seed=3) for name in ("a.db", "b.db"))
    assert first.verify().broken is None
    facts = [entry.fact for entry in first.since()]
    assert facts == [entry.fact for entry in second.since()]
    records = [fact for fact in facts if isinstance(fact, Record)]
    assert len(records) == 12 * 15 and np.isfinite(made.p[made.world.learnt :]).all()
    assert any(one.held for one in records) and {one.question.domain for one in records} == set(DOMAINS[:2])
    drawn = {fact.id: fact for fact in facts if isinstance(fact, Assignment)}
    verdicts = [fact for fact in facts if isinstance(fact, Verdict)]
    assert {"audit", "doubt"} <= {one.reason for one in drawn.values()}
    assert len(verdicts) > 30 and all(one.propensity == drawn[one.assignment].propensity for one in verdicts)
    for store in (first, second):
        store.close()


def test_nothing_waits_where_nothing_is_held_and_the_budget_is_kept(tmp_path):
    store, _ = year(tmp_path / "a.db", seed=1, hold=False, reviewing=Reviewing(per_day=4, second_readers=0.0))
    facts = [entry.fact for entry in store.since()]
    assert not any(fact.held for fact in facts if isinstance(fact, Record))
    assert 20 <= sum(isinstance(fact, Assignment) for fact in facts) <= 75
    store.close()


def test_the_world_does_what_it_says_and_its_first_maps_fit_before_that():
    world = Desk.of(0, days=PROMPT + 40, per_day=40)
    maps = first_release(world).default.maps

    def off(since, until):
        here = (world.day >= since) & (world.day < until) & (world.domain == 0)
        claimed = maps.match({"task": "support", "domain": "billing"}).found(world.score[here])
        return float((claimed - world.truth[here]).mean())

    assert abs(off(0, DRIFT)) < 0.03 < 0.15 < off(DRIFT, PROMPT) < off(PROMPT, PROMPT + 40)
