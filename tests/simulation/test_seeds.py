"""Worlds with faults: what must hold does in each, a seed repeats to the step, and each of it can be broken."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.simulation import faults, leading
from benchmarks.simulation.__main__ import lived
from benchmarks.simulation.invariants import broken
from benchmarks.simulation.memory import MemoryStore
from benchmarks.simulation.world import World

from calibrant import checks
from calibrant.learning import certificates, renewing
from calibrant.learning import promoting as learning_promoting
from calibrant.learning.contests import Contests
from calibrant.past.folding import Folding
from calibrant.releases import promoting
from calibrant.reviewing import desk, drawing, leases
from calibrant.reviewing.queue import Queue
from calibrant.types import Assignment, Verdict
from calibrant.watching.stored import tell_due


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_nothing_is_lost_or_counts_twice(seed: int) -> None:
    assert lived(seed, Counter()) == []


@pytest.mark.parametrize("seed", [5, 8])  # in memory, and in a file
def test_a_seed_repeats_to_the_step(seed: int, tmp_path: Path) -> None:
    pasts = []
    for folder in ("once", "again"):
        (tmp_path / folder).mkdir()
        world = World(seed, tmp_path / folder)
        world.run()
        world.heal()
        pasts.append(list(world.store.since()))
        world.store.close()
    assert pasts[0] == pasts[1]


def test_leaders_learn_in_these_worlds() -> None:
    met = Counter[str]()
    for seed in (6, 7, *range(11, 40)):
        assert lived(seed, met) == []
        notes = " ".join(what for what in met if what.startswith("promotions: "))
        if met["alarms"] and all(one in notes for one in ("found better", "the lower of both", "rollback")):
            return
    pytest.fail(f"too little was learnt: {met}")


def test_what_must_hold_can_be_broken(tmp_path: Path) -> None:
    world = World(2, tmp_path)
    world.run()
    world.heal()
    assert broken(world) == []
    (item, judge), grade = next(iter(world.ledger.submitted.items()))
    world.ledger.submitted[item, judge] = 1.0 - grade
    world.ledger.kept.add("r-nowhere")
    forged = Verdict(id="forged", record_id="r-1", grade=1.0, judge="dan", time=0.0, propensity=0.5)
    world.store.add([forged])
    said = " ".join(broken(world))
    assert (
        "is lost" in said and "r-nowhere was said to be kept" in said and "forged was not asked for" in said
    )
    assert "a replay gives another state" in said
    world.store.close()


Patch = pytest.MonkeyPatch


def _submissions_vanish(patch: Patch) -> None:
    patch.setattr(desk, "settle", lambda store, one: None)


def _whoever_writes_last_is_right(patch: Patch) -> None:
    kept = MemoryStore.set_state
    patch.setattr(
        MemoryStore, "set_state", lambda self, name, value, _: kept(self, name, value, self.state(name)[0])
    )


def _half_of_the_propensity_is_stated(patch: Patch) -> None:
    def halved(**told: Any) -> Assignment:
        return Assignment(**told | {"propensity": told["propensity"] / 2})

    patch.setattr(drawing, "Assignment", halved)


def _promotions_follow_nothing(patch: Patch) -> None:
    numbers = itertools.count()
    patch.setattr(promoting, "digest", lambda _: str(next(numbers)))


def _all_challengers_are_ready(patch: Patch) -> None:
    patch.setattr(learning_promoting, "best", lambda fold: list(fold.open.values())[:1])


def _alarms_hang_on_who_tells_them(patch: Patch) -> None:
    def told(store: Any, watching: Any) -> Any:
        watching.due = [replace(one, data={**one.data, "n": 0}) for one in watching.due]
        return tell_due(store, watching)

    patch.setattr(leading, "tell_due", told)


def _alarms_are_not_told(patch: Patch) -> None:
    patch.setattr(leading, "tell_due", lambda store, watching: [])


def _a_fold_counts_what_it_was_told_before(patch: Patch) -> None:
    kept, count = Queue.judged, itertools.count()

    def judged(self: Queue, answer: Any, verdict: Verdict) -> None:
        kept(self, answer, verdict)
        self.judged_by_chance += next(count) % 2

    patch.setattr(Queue, "judged", judged)


def _what_was_told_is_told_again(patch: Patch) -> None:
    kept = Folding._take_over

    def from_before(self: Folding) -> None:
        kept(self)
        self.position = max(0, self.position - 5)

    patch.setattr(Folding, "_take_over", from_before)


def _contests_forget_after_a_restart(patch: Patch) -> None:
    kept = Contests.load

    def without_the_known(self: Contests, state: Any) -> None:
        kept(self, state)
        self._known = set()

    patch.setattr(Contests, "load", without_the_known)


def _what_is_kept_is_not(patch: Patch) -> None:
    kept, count = faults.Faulty.add, itertools.count()
    patch.setattr(
        faults.Faulty, "add", lambda self, facts: kept(self, facts) if next(count) % 7 else iter(())
    )


def _alarms_leave_certificates_in_force(patch: Patch) -> None:
    patch.setattr(renewing, "_open_alarms", lambda store: [])


def _looks_spend_nothing(patch: Patch) -> None:
    patch.setattr(certificates.Issuing, "issue_of", lambda self, way, one: 1)


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (_alarms_leave_certificates_in_force, "is in force, and an alarm"),
        (_looks_spend_nothing, "was spent on two sets of labels"),
        (_submissions_vanish, "is lost"),
        (_whoever_writes_last_is_right, "at once"),
        (_half_of_the_propensity_is_stated, "was not drawn so"),
        (_promotions_follow_nothing, "was in force"),
        (_all_challengers_are_ready, "no contest said so"),
        (_alarms_hang_on_who_tells_them, "does not follow from what was before it"),
        (_alarms_are_not_told, "was never told"),
        (_a_fold_counts_what_it_was_told_before, "a replay gives another state of folds/reviewing"),
        (_what_was_told_is_told_again, "a replay gives another state"),
        (_contests_forget_after_a_restart, "a replay gives another state of folds/learning"),
        (_what_is_kept_is_not, "was said to be kept and is not there"),
    ],
)
def test_a_fault_of_ours_is_found(
    breaks: Callable[[Patch], None], said: str, monkeypatch: Patch, tmp_path: Path
) -> None:
    breaks(monkeypatch)
    found = ""
    for seed in (12, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13):
        world = World(seed, tmp_path)
        world.run()
        try:
            world.heal()
        except AssertionError:
            found += "it never comes to rest"
        found += " ".join(broken(world))
        if said in found:
            return
    pytest.fail(f"nothing said {said!r}, only {found!r}")


def test_the_store_in_memory_keeps_what_stores_promise() -> None:
    checks.store(MemoryStore)


def test_the_time_of_a_world_is_not_that_of_others() -> None:
    before = time.sleep, leases.sleep
    lived(1, Counter())
    assert (time.sleep, leases.sleep) == before
    began = time.monotonic()
    time.sleep(0.05)
    assert time.monotonic() - began >= 0.04
