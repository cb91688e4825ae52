"""What answers in a world: maps of three tasks, made once, and releases with them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

import calibrant
from calibrant.guarantees.certifying import certify
from calibrant.maps.calibration import CalibrationMap, MapSet
from calibrant.plans.certificates import CertificateSet
from calibrant.releases.release import Part, Release, Way
from calibrant.types import Fingerprint

__all__ = ["CERTIFIED", "TASKS", "releases"]

CERTIFIED = "desk"
"""The task whose answers go out by a certificate, for which there were too few labels at first."""

TASKS = ("law", "shop", CERTIFIED)


@cache
def releases() -> tuple[Release, Release]:
    """Two releases that say alike how sure answers are: the probabilities are what the model claims, and were true."""
    groups = tuple(((task,), _map(task, n)) for n, task in enumerate(TASKS))
    default = Way(maps=MapSet(by=("task",), groups=groups[:2]))
    made = groups[2][1]
    none_yet = certify([0.9] * 3, [1] * 3, max_error=0.4, delta=0.4, prior_map=made, issue=1)
    files = {"certificates": CertificateSet(by=(), certificates=(none_yet,))}
    tasks = {
        CERTIFIED: Way(
            maps=MapSet(by=("task",), groups=groups[2:]), policy=Part(kind="risk_control", files=files)
        )
    }
    return Release(default=default, tasks=tasks), Release(default=replace(default, gate="hold"), tasks=tasks)


def _map(task: str, seed: int) -> CalibrationMap:
    rng = np.random.default_rng(seed)
    claimed = np.round(rng.uniform(0.25, 0.98, 4000), 2)
    right = rng.random(len(claimed)) < claimed
    made: CalibrationMap = calibrant.fit(claimed, right, "platt").map
    return made.with_fingerprint(Fingerprint(model="m", signal="s", task=task))
