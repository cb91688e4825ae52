"""Stores of a support desk: answers of known truth, some of them drawn and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

import calibrant
from calibrant.guarantees.certifying import certify
from calibrant.maps.calibration import CalibrationMap, MapSet
from calibrant.plans.certificates import Certificate, CertificateSet
from calibrant.releases.promoting import promote
from calibrant.releases.release import Part, Release, Way
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Assignment,
    Completion,
    Confidence,
    Fact,
    Fingerprint,
    Message,
    Probability,
    Question,
    Reading,
    Record,
    Score,
    Verdict,
)

DAY = 86400.0
MARK = Fingerprint(model="m", signal="verbalized")


def identity(mark: Fingerprint = MARK, calibrator: str = "platt", seed: int = 0) -> CalibrationMap:
    """A map fitted on answers whose confidence is true."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.beta(5, 1.3, 4000).clip(0.01, 0.99), 2)
    return calibrant.fit(scores, rng.random(4000) < scores, calibrator).map.with_fingerprint(mark)


def release_with(made: CalibrationMap | None, *, policy: Part | None = None) -> Release:
    """One that answers all tasks by one map."""
    maps = MapSet() if made is None else MapSet(by=(), groups=(((), made),))
    way = Way(signals=(Part(kind="verbalized"),), maps=maps)
    return Release(default=way if policy is None else Way(signals=way.signals, maps=maps, policy=policy))


def certified(store: SqlStore, *, made: CalibrationMap | None = None, labels: int = 600) -> Certificate:
    """Promote a release that sends by a certificate on so many labels."""
    made = made or identity()
    one = certify(
        [0.6, 0.9] * (labels // 2), [0, 1] * (labels // 2), max_error=0.1, delta=0.1, prior_map=made, issue=2
    )
    files = {"certificates": CertificateSet(by=(), certificates=(one,))}
    promote(
        store, release_with(made, policy=Part(kind="risk_control", files=files)), note="certified", time=1.0
    )
    return one


def judged(
    n: int,
    *,
    seed: int = 0,
    first: int = 0,
    shift: Callable[[int], float] = lambda _: 0.0,
    made: CalibrationMap | None = None,
    release: Release | None = None,
    task: str | None = "support",
    domain: str | None = None,
    audit: float = 1.0,
    doubt: float | None = None,
    below: float = 0.8,
    again: int = 0,
) -> Iterator[Fact]:
    """n answers with their assignments and verdicts, one after the other.

    The log-odds of being right are those of the score less `shift` of the answer's number. Each is drawn with the
    chance `audit`, one below `below` with `doubt` where given. Of every `again` answers one asks the question before.
    """
    rng = np.random.default_rng(seed)
    for i in range(first, first + n):
        score = round(min(max(rng.beta(5, 1.3), 0.01), 0.99), 2)
        text = f"Question {i - 1 if again and i % again == 0 else i}?"
        question = Question(id=f"q{i}", messages=(Message("user", text),), task=task, domain=domain)
        p = None if made is None else Probability(float(made([score])[0]))
        told = (
            Confidence(p=None, reason="no map")
            if p is None or made is None
            else Confidence(p=p, map_id=made.map_id)
        )
        right = bool(rng.random() < expit(logit(score) - shift(i)))
        yield Record(
            id=f"r{i}", time=100.0 * i, question=question, completion=Completion(text=f"Answer {i}.", model="m"),
            readings=(Reading(signal="verbalized", score=Score(score)),), confidence=told,
            release=release and release.release_id,
        )  # fmt: skip
        reason, chance = ("doubt", doubt) if doubt is not None and score < below else ("audit", audit)
        if rng.random() < chance:
            a = Assignment(
                id=f"a{i}", record_id=f"r{i}", propensity=chance, reason=reason, time=100.0 * i + 1
            )
            yield a
            yield Verdict(
                id=f"v{i}",
                record_id=f"r{i}",
                grade=float(right),
                judge="ann",
                time=100.0 * i + 50,
                assignment=a.id,
            )


def desk(path: Path, facts: Iterator[Fact] | list[Fact]) -> SqlStore:
    """A store that holds them."""
    store = SqlStore(str(path))
    store.add(facts)
    return store
