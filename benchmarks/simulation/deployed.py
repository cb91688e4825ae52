"""What answers in a world: maps of three tasks, made once, and releases with them."""

from __future__ import annotations

from functools import cache

import numpy as np

import calibrant
from calibrant.maps.calibration import CalibrationMap, MapSet
from calibrant.releases.release import Release, Way
from calibrant.types import Fingerprint

__all__ = ["TASKS", "releases"]

TASKS = ("law", "shop", "desk")


@cache
def releases() -> tuple[Release, Release]:
    """Two releases that say alike how sure answers are: the probabilities are what the model claims, and were true."""
    maps = MapSet(by=("task",), groups=tuple(((task,), _map(task, n)) for n, task in enumerate(TASKS)))
    return Release(default=Way(maps=maps)), Release(default=Way(maps=maps, gate="hold"))


def _map(task: str, seed: int) -> CalibrationMap:
    rng = np.random.default_rng(seed)
    claimed = np.round(rng.uniform(0.25, 0.98, 4000), 2)
    right = rng.random(len(claimed)) < claimed
    made: CalibrationMap = calibrant.fit(claimed, right, "platt").map
    return made.with_fingerprint(Fingerprint(model="m", signal="s", task=task))
