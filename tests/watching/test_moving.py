"""The test of a moved mean: its wealth by definition, its promise in simulation, and what it finds."""

import json

import numpy as np
import pytest

from calibrant.monitors.calibration import BLOCK
from calibrant.watching.moving import _GAINS, Moving, tie_of


def streamed(values, seed=0):
    moving, found = Moving(), []
    for at, value in enumerate(values):
        found.append(moving.add(float(value), tie_of(f"{seed}-{at}"), float(at)))
    return moving, [move for move in found if move]


def test_no_bet_gains_on_average():
    assert np.allclose(_GAINS.mean(axis=0), 1.0, atol=1e-12) and (_GAINS > 0).all()


def test_the_wealth_is_that_of_its_definition():
    """Every start apart, every rank counted anew."""
    rng = np.random.default_rng(1)
    values = rng.choice([0.1, 0.5, 0.9], 230)
    gains = []
    for at in range(len(values)):
        cells = np.minimum((values[: at + 1] * 40).astype(int), 39)
        below, alike = (cells < cells[-1]).sum(), (cells == cells[-1]).sum()
        rank = (below + tie_of(f"0-{at}") * alike) / (at + 1)
        gains.append(_GAINS[min(int(rank * 1000), 999)])
    wealth = sum(
        np.prod(gains[start:], axis=0) / (BLOCK * (start // BLOCK + 1) * (start // BLOCK + 2))
        for start in range(230)
    )
    moving, _ = streamed(values)
    assert np.allclose(moving._on, wealth, rtol=1e-9)


@pytest.mark.parametrize("kind", ["spread", "few values", "rare"])
def test_false_finds_are_rare_whatever_the_values(kind):
    """60 streams of 1,000 exchangeable values: each errs with a chance of at most 1 in 1,000."""
    finds = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        draws = {"spread": rng.beta(5, 2, 1000), "few values": rng.choice([0.7, 0.8, 0.9], 1000),
                 "rare": rng.random(1000) < 0.02}  # fmt: skip
        finds += len(streamed(draws[kind], seed)[1])
    assert finds <= 1


def test_a_small_move_is_not_told_however_sure_it_is():
    rng = np.random.default_rng(0)
    values = np.r_[0.80 + 0.001 * rng.random(1500), 0.81 + 0.001 * rng.random(1500)]
    assert streamed(values)[1] == []


def test_moves_up_and_down_are_told_one_after_the_other_and_a_state_goes_on():
    rng = np.random.default_rng(2)
    values = np.r_[rng.beta(5, 2, 800), rng.beta(5, 5, 800), rng.beta(8, 1.5, 800)]
    whole, found = streamed(values)
    assert [move.after > move.before for move in found] == [False, True]
    assert abs(found[0].time - 800) < 60 and abs(found[1].time - 1600) < 100
    parted = Moving()
    for at, value in enumerate(values):
        parted.add(float(value), tie_of(f"0-{at}"), float(at))
        if at % 101 == 0:
            parted = Moving.from_dict(json.loads(json.dumps(parted.to_dict())))
    assert json.dumps(parted.to_dict()) == json.dumps(whole.to_dict())
