"""Worlds with faults: what must hold does in each, and a seed repeats to the step."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from benchmarks.simulation.__main__ import lived
from benchmarks.simulation.invariants import broken
from benchmarks.simulation.world import World

from calibrant.reviewing import leases
from calibrant.types import Verdict


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_nothing_is_lost_or_counts_twice(seed: int) -> None:
    assert lived(seed, Counter()) == []


def test_a_seed_repeats_to_the_step(tmp_path: Path) -> None:
    pasts = []
    for folder in ("once", "again"):
        (tmp_path / folder).mkdir()
        world = World(5, tmp_path / folder)
        world.run()
        world.heal()
        pasts.append(list(world.store.since()))
        world.store.close()
    assert pasts[0] == pasts[1]


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


def test_the_time_of_a_world_is_not_that_of_others() -> None:
    before = time.sleep, leases.sleep
    lived(1, Counter())
    assert (time.sleep, leases.sleep) == before
    began = time.monotonic()
    time.sleep(0.05)
    assert time.monotonic() - began >= 0.04
