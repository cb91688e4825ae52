"""Segments that cross: against a general minimiser, known truth, and from log to answer."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from typer.testing import CliRunner

import calibrant
from calibrant import MapSet, Tally, metrics
from calibrant.calibrators.multicalibrated import Multicalibrated, _Effects
from calibrant.cli import app
from calibrant.fits.leaves import Leaf, Stack
from calibrant.fits.newton import newton


def answers(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Two columns whose effects add up, but for one pair of values, which is two log-odds worse."""
    rng = np.random.default_rng(seed)
    t, d = rng.integers(0, 4, n), rng.integers(0, 5, n)
    c = rng.beta(4, 1.3, n)
    eta = 0.8 * logit(c) - 0.3 + np.array([-0.5, 0, 0.3, 0.6])[t] + np.array([-0.6, -0.2, 0, 0.3, 0.5])[d]
    truth = expit(eta - 2.0 * ((t == 1) & (d == 3)))
    keys = [(f"t{i}", f"d{j}") for i, j in zip(t.tolist(), d.tolist(), strict=True)]
    return c, (rng.random(n) < truth).astype(float), truth, keys


def test_effects_are_those_of_a_general_minimiser() -> None:
    rng = np.random.default_rng(0)
    leaves = [
        Leaf(rng.normal(size=6), rng.normal(size=6), rng.integers(0, 2, 6) * 1.0, np.ones(6))
        for _ in range(4)
    ]
    to, variance = rng.normal(size=(4, 2, 5)), rng.uniform(0.2, 2, 5)
    stack = Stack.of(leaves)

    def loss(effects: np.ndarray) -> float:
        out = 0.5 * (effects**2 / variance).sum()
        for leaf, rows in zip(leaves, to, strict=True):
            u, v = rows @ effects
            eta = leaf.offset + u + v * leaf.z
            out += (np.logaddexp(0, eta) - leaf.hits * eta).sum()
        return float(out)

    best = minimize(loss, np.zeros(5), tol=1e-12)
    effects, covariance = newton(_Effects(stack, to), np.zeros(5), 1 / variance)
    np.testing.assert_allclose(effects, best.x, atol=1e-4)
    step = 1e-4
    for i, j in itertools.product(range(5), repeat=2):
        e, f = step * np.eye(5)[i], step * np.eye(5)[j]
        second = loss(effects + e + f) - loss(effects + e - f) - loss(effects - e + f) + loss(effects - e - f)
        assert second / (4 * step**2) == pytest.approx(np.linalg.inv(covariance)[i, j], abs=1e-2)


def test_every_segment_is_calibrated_and_a_hidden_pair_is_found() -> None:
    c, y, _, keys = answers(8000, 1)
    new, _, right, new_keys = answers(8000, 2)
    maps = calibrant.fit(c, y, "multicalibrated", by=keys)
    platt = calibrant.fit(c, y, "platt")
    p, low, high = np.empty(8000), np.empty(8000), np.empty(8000)
    for key in set(new_keys):
        at = np.array([k == key for k in new_keys])
        p[at], (low[at], high[at]) = maps[key](new[at]), maps[key].interval(new[at])
    error = np.sqrt(((p - right) ** 2).mean())
    assert error < 0.3 * np.sqrt(((platt(new) - right) ** 2).mean())
    assert error < 0.035
    assert ((low <= right) & (right <= high)).mean() > 0.85
    hidden = np.array([k == ("t1", "d3") for k in new_keys])
    assert abs((p - right)[hidden].mean()) < 0.05


def test_a_combination_that_was_not_seen_gets_what_its_values_add_up_to() -> None:
    c, y, _, keys = answers(6000, 3)
    seen = np.array([k != ("t3", "d4") for k in keys])
    maps = calibrant.fit(
        c[seen], y[seen], "multicalibrated", by=[k for k, s in zip(keys, seen, strict=True) if s]
    )
    at = np.array([0.6])
    assert maps["t3", "d4"](at)[0] == pytest.approx(expit(0.8 * logit(0.6) - 0.3 + 0.6 + 0.5), abs=0.15)
    width = {
        name: np.ptp([e[0] for e in maps.find(name).interval(at)]) for name in (("t3", "d3"), ("t3", "new"))
    }
    assert width["t3", "new"] > width["t3", "d3"]


def test_odd_segments_are_normal() -> None:
    tallies = {
        ("a", "x"): Tally.of([], []), ("a", "y"): Tally.of([0.9] * 3, [1] * 3),
        ("b", None): Tally.of([0.0, 1.0], [0, 1]),
    }  # fmt: skip
    maps = Multicalibrated().fit_groups(tallies)
    grid = np.linspace(0, 1, 21)
    assert ("b", "x") in maps
    for found in maps.values():
        assert np.isfinite(found(grid)).all()
        assert calibrant.CalibrationMap.from_json(found.to_json()) == found


def test_the_worst_segment_is_found_and_noise_is_not_called_one() -> None:
    rng = np.random.default_rng(0)
    shown = 0
    for _ in range(60):
        tallies = {}
        for key in itertools.product("abcd", "vwxyz"):
            c = rng.beta(4, 2, 40)
            tallies[key] = Tally.of(c, rng.random(40) < c)
        found = metrics.worst_segment(tallies, ["one", "two"])
        assert found is not None
        assert found["segments"] == 4 + 5 + 20
        shown += found["shown"] > 0
    assert shown <= 8  # 3 expected; 9 or more have a probability of a quarter of a per cent
    c = rng.beta(4, 2, 200)
    tallies["b", "x"] = Tally.of(c, rng.random(200) < c - 0.4 * c)
    found = metrics.worst_segment(tallies, ["one", "two"])
    assert found is not None
    assert found["segment"] == {"one": "b", "two": "x"}
    assert found["gap"]["low"] > 0
    assert metrics.worst_segment({("a",): Tally.of([0.5], [1])}, ["one"]) is None


def test_from_log_to_answer(tmp_path: Path) -> None:
    c, y, _, keys = answers(900, 5)
    frame = pd.DataFrame(keys, columns=["task", "domain"]).assign(confidence=c, correct=y.astype(int))
    frame.to_csv(tmp_path / "log.csv", index=False)
    at = ["fit", str(tmp_path / "log.csv"), "--calibrator", "multicalibrated", "--by", "task,domain"]
    done = CliRunner().invoke(app, [*at, "-o", str(tmp_path / "maps.json"), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["worst_segment"]["before"]["shown"] > told["worst_segment"]["after"]["shown"]
    assert told["total"]["after"]["brier"] < told["total"]["before"]["brier"]
    maps = MapSet.load(tmp_path / "maps.json")
    assert maps.find(("t1", "d3"))([0.8])[0] < maps.find(("t1", "d4"))([0.8])[0] - 0.1
    assert maps.find(("t1", "unseen")) is not None
    assert "segments" in CliRunner().invoke(app, at).stdout
