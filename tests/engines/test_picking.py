"""One answer of each cluster, drawn in an engine: the law of what is drawn, and of what is certified of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibrant.clusters import Picked
from calibrant.guarantees.certifying import certify
from calibrant.logs.rows import read_rows
from calibrant.logs.tallies import read_log
from calibrant.planning.thresholds import plan_thresholds


@pytest.mark.parametrize("weight", [None, "heft"])
def test_each_answer_is_drawn_by_its_weight_within_its_cluster(
    weight: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    n, draws = 2_000, 12
    ids, p, w = rng.integers(0, 300, n), np.round(rng.random(n), 1), rng.choice([1.0, 4.0], n)
    ids[:100] = 7
    lone, right = np.arange(n) % 20 == 0, rng.random(n) < p
    named = pa.array([None if alone else f"q{i}" for i, alone in zip(ids.tolist(), lone, strict=True)])
    table = pa.table({"confidence": p, "correct": right, "item": named, "heft": w})
    pq.write_table(table, tmp_path / "log.parquet")
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    got: Counter[tuple[float, bool]] = Counter()
    for seed in range(draws):
        log = read_rows(tmp_path / "log.parquet", counted=True, seed=seed, cluster="item", weight=weight)
        found = log.groups[()].picked
        assert found is not None and found.clusters == len(set(ids[~lone].tolist())) + lone.sum()
        got.update({(s, bool(g)): 0 for s, g in zip(found.score, found.grade, strict=True)})
        for s, g, k in zip(found.score.tolist(), found.grade.tolist(), found.count.tolist(), strict=True):
            got[s, bool(g)] += k
    used = w if weight else np.ones(n)
    chance = np.where(lone, 1.0, used / np.bincount(ids[~lone], used[~lone], 300)[ids])
    far = []
    for s in np.unique(p).tolist():
        for g in (False, True):
            at = (p == s) & (right == g)
            spread = draws * float((chance[at] * (1 - chance[at])).sum())
            if spread > 5:
                far.append((got[s, g] - draws * chance[at].sum()) / np.sqrt(spread))
    assert len(far) > 15 and abs(np.mean(far)) < 1 and 0.5 < np.std(far) < 1.6, far


@pytest.mark.parametrize("clustered", [False, True])
def test_what_is_certified_of_counts_is_in_law_what_is_of_rows(clustered: bool) -> None:
    rng = np.random.default_rng(2)
    n = 1_200
    score, w = np.round(rng.beta(4, 1, n), 1), rng.choice([1.0, 2.0, 8.0], n)
    right = (rng.random(n) < score).astype(float)
    atoms, count = np.unique(np.stack([score, right, w]), axis=1, return_counts=True)
    asked: dict[str, Any] = {"max_error": 0.2, "delta": 0.2}
    ids = np.repeat(np.arange(n // 2), 2)  # two answers each
    told = []
    for seed in range(150):
        if clustered:
            first = rng.random(n // 2) * (w[::2] + w[1::2]) >= w[::2]
            at = 2 * np.arange(n // 2) + first
            picked = Picked(score=score[at], grade=right[at], mass=w[::2] + w[1::2],
                            count=np.ones(n // 2, np.int64), largest=2)  # fmt: skip
        else:
            picked = None
        ours = certify(*atoms[:2], weight=atoms[2], count=count, picked=picked, seed=seed, **asked)
        theirs = certify(score, right, weight=w, cluster=ids if clustered else None, seed=seed, **asked)
        assert ours.evidence == theirs.evidence and ours.max_weight == theirs.max_weight
        if ours.threshold == theirs.threshold:
            assert ours.coverage.low == pytest.approx(theirs.coverage.low)
        told.append([[c.tested, c.accepted, c.wrong, c.threshold or 1.0] for c in (ours, theirs)])
    mean, spread = np.mean(told, axis=0), np.std(told, axis=0) / np.sqrt(150)
    assert (np.abs(mean[0] - mean[1]) <= 4 * np.hypot(*spread)).all(), (mean, spread)


def test_items_that_repeat_are_tied_together_in_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    p = rng.random(600)
    table = pa.table({"confidence": p, "correct": rng.random(600) < p, "id": np.arange(600) // 3})
    pq.write_table(table, tmp_path / "log.parquet")
    plans = []
    for rows in (10**9, 0):
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", rows)
        plans.append(plan_thresholds(tmp_path / "log.parquet", max_error=0.4, delta=0.2, over="clusters"))
    lead = [
        [note.partition(", so rows")[0] for note in plan.notes if "repeat the id" in note] for plan in plans
    ]
    assert lead[0] == lead[1] != []
    assert {plan.certificates.certificates[0].tested for plan in plans} == {200}


def test_answers_that_no_judged_row_stands_for_are_known_where_an_engine_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(6)
    n = 3_000
    p, rare = rng.random(n), np.arange(n) % 6 == 0
    chance = np.where(rare, 0.01, rng.choice([0.3, 0.6], n))
    judged = (rng.random(n) < chance) & ~rare
    right = [bool(one) if seen else None for one, seen in zip(rng.random(n) < p, judged, strict=True)]
    table = {"confidence": p, "correct": right, "propensity": chance, "task": ["a", "b", "b"] * (n // 3)}
    pq.write_table(pa.table(table), tmp_path / "log.parquet")
    told = []
    for rows in (10**9, 0):
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", rows)
        log = read_log(tmp_path / "log.parquet", by="task")
        notes = [note for note in log.notes if "smaller chance of being judged" in note]
        told.append((notes, {key: (one.unseen, one.unseen_score) for key, one in log.groups.items()}))
    assert told[0][0] == told[1][0] != []
    assert set(told[0][1]) == set(told[1][1])
    for key, theirs in told[0][1].items():
        assert told[1][1][key] == pytest.approx(theirs)
    assert told[1][1]["a",][0] == 500
