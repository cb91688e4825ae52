"""Blends: many signals to one probability."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from calibrant.applying import apply
from calibrant.calibrators.blend import Blend
from calibrant.errors import ColumnNotFound, NotEnoughLabels, UnusableInput
from calibrant.fitting import fit_log
from calibrant.maps.blends import BlendMap, design
from calibrant.maps.calibration import MapSet
from calibrant.plugins import find
from calibrant.types import Fingerprint, Reading, Score

nan = float("nan")


def drawn(n: int, seed: int, lacks: float = 0.0) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Two signals that complement each other, one of noise, and the truth."""
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(3, n))
    truth = expit(0.4 + parts[0] + parts[1])
    scores = expit(1 + 1.3 * parts)
    scores[rng.random((3, n)) < lacks] = nan
    return dict(zip("abc", scores, strict=True)), (rng.random(n) < truth).astype(float), truth


def rows(n: int, seed: int = 0, **columns: Any) -> pd.DataFrame:
    scores, right, _ = drawn(n, seed, 0.1)
    return pd.DataFrame(
        {
            "record_id": f"r{i}", "item_id": f"q{i}", "model": "m", "task": "t", "signal": s, "prompt": f"ask {s}",
            "confidence": None if np.isnan(scores[s][i]) else scores[s][i], "correct": right[i], **columns,
        }
        for i in range(n)
        for s in scores
    )  # fmt: skip


def test_a_missing_signal_is_expected_from_those_at_hand() -> None:
    """By hand: covariance 0.5 of variance 1, so half of what the other one is above its mean."""
    z = np.array([[1.2, nan, nan], [nan, 0.4, nan]])
    x = design(z, np.array([0.2, 0.0]), np.array([[1.0, 0.5], [0.5, 1.0]]))
    np.testing.assert_allclose(x[1], [1.2, 0.4, 0.2], atol=1e-6)
    np.testing.assert_allclose(x[2], [0.5, 0.4, 0.0], atol=1e-6)
    np.testing.assert_array_equal(x[3:], [[0, 1, 1], [1, 0, 1]])


def test_complementing_signals_beat_the_best_one_and_reach_the_truth() -> None:
    scores, right, _ = drawn(1500, 2)
    new, _, truth = drawn(4000, 3)
    both = ((Blend().fit_rows(scores, right)(new) - truth) ** 2).mean()
    alone = ((Blend().fit_rows({"a": scores["a"]}, right)({"a": new["a"]}) - truth) ** 2).mean()
    assert both < 0.006 < alone / 3


def test_with_100_labels_it_is_no_worse_than_the_best_signal() -> None:
    gaps = []
    for seed in range(40):
        scores, right, _ = drawn(100, seed)
        new, _, truth = drawn(2000, 1000 + seed)
        noisy = {"a": scores["a"], "c": scores["c"]}
        both = Blend().fit_rows(noisy, right)({s: new[s] for s in noisy})
        alone = Blend().fit_rows({"a": scores["a"]}, right)({"a": new["a"]})
        gaps.append(((both - truth) ** 2).mean() - ((alone - truth) ** 2).mean())
    assert np.mean(gaps) < 2 * np.std(gaps) / np.sqrt(40) + 2e-3


def test_a_copy_shares_the_weight_and_stands_in_when_missing() -> None:
    scores, right, _ = drawn(2000, 4)
    one = Blend().fit_rows({"a": scores["a"]}, right)
    two = Blend().fit_rows({"a": scores["a"], "copy": scores["a"]}, right)
    at = np.array([0.3, 0.6, 0.9])
    np.testing.assert_allclose(two({"a": at, "copy": at}), one({"a": at}), atol=0.02)
    np.testing.assert_allclose(two({"a": at}), one({"a": at}), atol=0.03)


def test_it_ascends_in_every_signal_whatever_is_missing() -> None:
    grid = np.linspace(0, 1, 101)
    for seed in range(8):
        scores, right, _ = drawn(80, seed, 0.3)
        scores["b"] = 1 - scores["b"]  # falls, so that it must be held
        blend = Blend().fit_rows(scores, right)
        for name in blend.names:
            for others in ({}, {n: np.full(101, 0.6) for n in blend.names if n != name}):
                assert np.diff(blend({name: grid, **others})).min() >= -1e-9


def test_being_missing_may_tell_something() -> None:
    scores, right, _ = drawn(3000, 5)
    rng = np.random.default_rng(0)
    scores["b"] = np.where(rng.random(3000) < np.where(right > 0, 0.05, 0.5), nan, scores["b"])
    blend = Blend().fit_rows(scores, right)
    told = {s.name: s for s in blend.signals}
    assert told["b"].when_missing < -1.0
    assert told["b"].missing == pytest.approx(np.isnan(scores["b"]).mean())
    assert told["a"].when_missing == 0.0


def test_what_cannot_be_used_is_dropped_and_named() -> None:
    scores, right, _ = drawn(200, 6)
    few = np.where(np.arange(200) < 3, 0.5, nan)
    blend = Blend().fit_rows({**scores, "few": few, "same": np.full(200, 0.9)}, right)
    assert blend.names == ("a", "b", "c")
    assert "3 labelled answers" in blend.dropped["few"]
    assert "always the same score (0.9)" in blend.dropped["same"]
    assert Blend().fit_rows({"same": np.full(50, 0.9)}, right[:50])({"same": [0.9]})[0] == pytest.approx(
        right[:50].mean(), abs=0.05
    )


@pytest.mark.parametrize("n", [1, 5, 30])
def test_one_class_or_few_rows_give_a_careful_answer(n: int) -> None:
    scores, _, _ = drawn(n, 7)
    blend = Blend().fit_rows(scores, np.ones(n))
    p, (low, high) = blend(scores), blend.interval(scores)
    assert ((p > 0.5) & (p < 1)).all()
    assert (high - low).min() > 0.02


def test_no_score_at_all_is_no_probability() -> None:
    scores, right, _ = drawn(100, 8)
    blend = Blend().fit_rows(scores, right)
    assert np.isnan(blend({"a": [nan], "b": [nan]})).all()
    maps = MapSet(by=(), groups=(), blends=(((), blend),))
    nothing = maps.blended([(Reading(signal="a", score=None, reason="no tokens"), Fingerprint())])
    assert nothing.p is None
    assert nothing.reason == "a: no tokens"
    with pytest.raises(NotEnoughLabels):
        Blend().fit_rows({"a": [nan, nan]}, [1, 0])
    with pytest.raises(UnusableInput, match="a must have 2 scores in"):
        Blend().fit_rows({"a": [0.5, 1.5]}, [1, 0])
    with pytest.raises(UnusableInput, match="1 of a are not"):
        blend({"a": [1.5]})


def test_row_order_is_irrelevant_and_json_keeps_everything() -> None:
    scores, right, _ = drawn(150, 9, 0.2)
    order = np.random.default_rng(0).permutation(150)
    blend = Blend().fit_rows(scores, right)
    assert Blend().fit_rows({n: s[order] for n, s in scores.items()}, right[order]) == blend
    again = BlendMap.from_json(blend.to_json())
    np.testing.assert_array_equal(again(scores), blend(scores))
    edited = json.loads(blend.to_json()) | {"intercept": 9.0}
    with pytest.raises(UnusableInput, match="edited or damaged"):
        BlendMap.from_json(edited)
    with pytest.raises(UnusableInput, match="Expected a blend"):
        BlendMap.from_json({"format": "other"})


def test_intervals_cover() -> None:
    at = {"a": np.array([0.9, 0.5]), "b": np.array([0.8, 0.6]), "c": np.array([0.7, 0.7])}
    odds = 0.4 + (logit(at["a"]) - 1) / 1.3 + (logit(at["b"]) - 1) / 1.3
    inside = []
    for seed in range(60):
        scores, right, _ = drawn(400, seed)
        low, high = Blend().fit_rows(scores, right).interval(at)
        inside.append((low <= expit(odds)) & (expit(odds) <= high))
    assert np.mean(inside) >= 0.85


def test_clusters_widen_the_interval() -> None:
    scores, right, _ = drawn(100, 10)
    many = {n: np.repeat(s, 5) for n, s in scores.items()}
    loose = Blend().fit_rows(many, np.repeat(right, 5))
    tight = Blend().fit_rows(many, np.repeat(right, 5), cluster=np.repeat(np.arange(100), 5))
    widths = [(np.diff(np.stack(b.interval(scores)), axis=0)).mean() for b in (loose, tight)]
    assert widths[1] > 1.5 * widths[0]


def test_a_log_is_fitted_measured_and_applied(tmp_path: Path) -> None:
    fitted = fit_log(rows(400), calibrator="blend")
    told = fitted.to_dict()["groups"][0]
    assert told["fingerprint"] == {"model": "m", "task": "t"}
    assert told["blend"]["signals"]["a"]["saves"] > 0.01
    assert told["blend"]["saved_over_best_single"]["low"] > 0
    assert told["after"]["brier"] < told["blend"]["saved_over_best_single"]["brier_of_best_single"]
    maps = MapSet.from_json(fitted.maps.to_json())
    assert maps == fitted.maps
    log, out = tmp_path / "log.jsonl", tmp_path / "out.jsonl"
    new = pd.concat([rows(30, 1), rows(30, 1).query("signal == 'a'").assign(signal="unknown")])
    new.to_json(log, orient="records", lines=True)
    done = apply(maps, log, out, find("policies", "bands")())
    written = pd.read_json(out, lines=True)
    assert done.rows == len(new) == len(written)
    assert done.ignored["unknown"] > 20
    assert (written.groupby("record_id")["p"].nunique() <= 1).all()
    new.assign(prompt="another").to_json(log, orient="records", lines=True)
    refused = apply(maps, log, out, find("policies", "bands")())
    assert refused.calibrated == 0
    assert "prompt is 'another', not 'ask a'" in next(iter(refused.uncalibrated))


def test_a_log_without_record_ids_is_told_by_its_items() -> None:
    fitted = fit_log(rows(60).drop(columns="record_id"), calibrator="blend")
    assert "no record_id" in fitted.log.notes[0]
    assert fitted.groups[0].map == fit_log(rows(60), calibrator="blend").groups[0].map
    with pytest.raises(UnusableInput, match="record_id"):
        fit_log(rows(60).drop(columns=["record_id", "item_id"]), calibrator="blend")


def test_records_that_disagree_with_themselves_are_counted_out() -> None:
    log = rows(60)
    log.loc[0, "correct"] = 1 - log.loc[0, "correct"]
    fitted = fit_log(log, calibrator="blend")
    assert fitted.log.unusable["the rows of a record disagree on the verdict"] >= 1
    assert fitted.groups[0].map.evidence.rows <= 59


def test_a_log_of_one_signal_needs_no_blend() -> None:
    log = rows(60).query("signal == 'a'").drop(columns="signal")
    assert fit_log(log, calibrator="blend").groups[0].map.calibrator == "blend"
    with pytest.raises(ColumnNotFound):
        fit_log(rows(60).drop(columns="correct"), calibrator="blend")


def test_readings_of_an_answer_are_taken_together_if_their_prompts_fit() -> None:
    maps = fit_log(rows(200), calibrator="blend").maps
    mark = Fingerprint(model="m", task="t")
    read = [
        (Reading(signal=s, score=Score(0.8)), replace(mark, signal=s, prompt=f"ask {s}"))
        for s in ("a", "b", "z")
    ]
    found = maps.blended(read)
    assert found.p == maps.blends[0][1]({"a": [0.8], "b": [0.8]})[0]
    assert found.fingerprint == replace(mark, signal="a + b")
    other = maps.blended([(read[0][0], replace(read[0][1], prompt="else")), read[1]])
    assert other.p is None
    assert "a's prompt is 'else', not 'ask a'" in str(other.reason)
    assert "a's task is 'u', not 't'" in str(
        maps.blended([(read[0][0], replace(read[0][1], task="u"))]).reason
    )
    assert maps.blended(read[2:]).reason == "none of a, b, c has a score"


def test_an_empty_weight_column_weighs_nothing() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"record_id": f"r{i}", "signal": name, "score": float(rng.random()), "correct": i % 2, "weight": None}
        for i in range(60)
        for name in ("a", "b")
    ]
    assert fit_log(rows, calibrator="blend").groups[0].tally.rows == 60
