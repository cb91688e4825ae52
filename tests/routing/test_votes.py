"""Votes pooled by calibrated log-odds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from calibrant import Tally, metrics
from calibrant.errors import NotEnoughLabels, UnusableInput
from calibrant.maps.calibration import CalibrationMap
from calibrant.maps.curves import Logistic
from calibrant.maps.evidence import Evidence
from calibrant.plans.ballots import Ballots, alike, levels_of
from calibrant.plans.votes import SHAPE, Term, VotePool, Voter
from calibrant.routing.votes import fit_votes

from ..worlds import OPTIONS, voting

IDENTITY = CalibrationMap(
    calibrator="none",
    curve=Logistic(a=1.0, b=1.0, k=0.0, covariance=((0.0,) * 3,) * 3, inside=(1e-9, 1 - 1e-9)),
    evidence=Evidence(rows=50, n_eff=50.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest=""),
)


def bayes(ballots: Ballots, rates: Sequence[float]) -> np.ndarray:
    """P(each candidate right) by Bayes' rule for independent voters, options that nobody chose included."""
    log_odds = [math.log(r * (len(OPTIONS) - 1) / (1 - r)) for r in rates]
    utility = ballots.spread(np.repeat(np.array(log_odds)[:, None], len(ballots), axis=1)).sum(axis=0)
    total = np.bincount(ballots.item, np.exp(utility), len(ballots)) + len(OPTIONS) - ballots.counts
    return np.exp(utility) / total[ballots.item]


def single(**changes: object) -> VotePool:
    """A pool of three voters with round numbers."""
    voters = tuple(
        Voter(name=n, rows=20, accuracy=0.5, intercept=z)
        for n, z in zip("abc", (1.0, 0.5, -1.0), strict=True)
    )
    plain = VotePool(
        voters=voters, weights=(1.0, 2.0, 0.0), votes=(0.5, 0.0, 0.25), shape=dict.fromkeys(SHAPE, 0.0),
        absent=dict.fromkeys(SHAPE, 0.0), size=3, recalibration=IDENTITY,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_golden_values_by_hand() -> None:
    """a and c say x, b says y: u_x = 1 x 1 + 0.5 + 0 + 0.25 = 1.75, u_y = 2 x 0.5 = 1."""
    pooled = single()(Ballots.of("abc", [["x"], ["y"], ["x"]]))
    total = 1 + math.exp(1.75) + math.exp(1.0)
    np.testing.assert_allclose(pooled.p, [math.exp(1.75) / total, math.exp(1.0) / total])
    assert pooled.best.tolist() == [0]
    with_shape = single(shape={"mean": 2.0, "many": 1.0, "one": -0.5, "rest": 0.1})
    x = 1.75 + 2 * 0.0 + math.log(2) - 0.5 + 0.1  # mean of z is (1 - 1) / 2; two candidates
    y = 1.0 + 2 * 0.5 + 0 - 0.5 + 0.1
    np.testing.assert_allclose(with_shape.utility(Ballots.of("abc", [["x"], ["y"], ["x"]])), [x, y])
    lacking = single(absent={"mean": 1.0, "many": 0.0, "one": 0.5, "rest": 0.0})
    np.testing.assert_allclose(
        lacking.utility(Ballots.of("abc", [["x"], [None], [None]])), 1.5 + math.log(3) * 1.5
    )


def test_independent_voters_are_weighed_as_bayes_would() -> None:
    rates = [0.4, 0.45, 0.5, 0.65, 0.85]
    rng = np.random.default_rng(1)
    pool = fit_votes(*voting(rates, 4000, rng))
    ballots, grade = voting(rates, 20_000, rng)
    truth, pooled = bayes(ballots, rates), pool(ballots)
    assert np.abs(pooled.p - truth).mean() < 0.015
    graded = ballots.grades(grade)
    best = graded[ballots.best(truth)].mean()
    assert graded[pooled.best].mean() > best - 0.004
    assert best > graded[ballots.best(ballots.votes.sum(axis=0))].mean() + 0.03  # else nothing is tested
    tally = Tally.of(pooled.confidence, graded[pooled.best])
    assert metrics.ece(tally) < 0.015


def test_copies_do_not_count_twice() -> None:
    """The worst voter three more times: a majority follows it, the pool must not."""
    rates = [0.8, 0.7, 0.5]
    plain, grade = voting(rates, 3000, np.random.default_rng(2))
    copied, graded = voting(rates, 3000, np.random.default_rng(2), copies=(2, 2, 2))
    new, new_grade = voting(rates, 10_000, np.random.default_rng(3))
    again, _ = voting(rates, 10_000, np.random.default_rng(3), copies=(2, 2, 2))
    one, four = fit_votes(plain, grade)(new), fit_votes(copied, graded)(again)
    assert np.abs(one.confidence - four.confidence).mean() < 0.02
    right = new.grades(new_grade)
    assert abs(right[one.best].mean() - right[four.best].mean()) < 0.005
    assert right[four.best].mean() > right[again.best(again.votes.sum(axis=0))].mean() + 0.2


def test_samples_of_one_model_have_diminishing_returns() -> None:
    """A question is easy or hard for the model; its samples agree beyond what independence would give."""
    rng = np.random.default_rng(4)
    truth, usual = rng.integers(0, 5, 6000), rng.integers(0, 5, 6000)
    knows = rng.random(6000) < 0.6
    said = np.where(
        rng.random((5, 6000)) < 0.85, np.where(knows, truth, usual), rng.integers(0, 5, (5, 6000))
    )
    ballots = Ballots.of([f"m#{i}" for i in range(5)], [[OPTIONS[a] for a in row] for row in said])
    grade = (said == truth).astype(float)
    pool = fit_votes(ballots.at(np.arange(2000)), grade[:, :2000], shared=True)
    test = ballots.at(np.arange(2000, 6000))
    pooled = pool(test)
    right = test.grades(grade[:, 2000:])[pooled.best]
    assert metrics.ece(Tally.of(pooled.confidence, right)) < 0.03
    unanimous = test.counts == 1
    naive = expit(5 * (logit(grade.mean()) + math.log(4)))
    assert (
        naive - right[unanimous].mean()
        > 0.2
        > abs(pooled.confidence[unanimous].mean() - right[unanimous].mean())
    )
    three = Ballots(voters=("p", "q", "r"), choice=test.choice[:3])  # any number of voters, of any name
    said = pool(three)
    graded = three.grades(grade[:3, 2000:])[said.best]
    assert abs(said.confidence.mean() - graded.mean()) < 0.03


def test_weights_are_counted_rows() -> None:
    ballots, grade = voting([0.8, 0.6], 300, np.random.default_rng(7))
    pool = fit_votes(ballots, grade, np.full(300, 4.0))
    assert pool == fit_votes(ballots, grade)  # a common factor says nothing
    heavy = np.where(grade[0] == 1, 1.0, 9.0)
    assert fit_votes(ballots, grade, heavy).voters[0].accuracy < pool.voters[0].accuracy - 0.2  # type: ignore[operator]


def test_the_order_of_rows_has_no_part() -> None:
    rng = np.random.default_rng(8)
    ballots, grade = voting([0.8, 0.6, 0.5], 200, rng)
    scored = replace(
        ballots, scores={"s": np.round(rng.random((3, 200)), 2)}, levels=levels_of(list("ab") * 100)
    )
    order = rng.permutation(200)
    a, b = fit_votes(scored, grade), fit_votes(scored.at(order), grade[:, order])
    np.testing.assert_allclose(a(scored).p, b(scored).p, atol=1e-6)


def test_scores_of_a_voter_count_as_far_as_they_tell() -> None:
    """One voter knows when it is right, another states noise: the first is followed when sure, and only then."""
    rng = np.random.default_rng(9)
    ballots, grade = voting([0.6, 0.7], 4000, rng)
    knowing = np.where(grade[0] == 1, rng.beta(6, 2, 4000), rng.beta(2, 6, 4000))
    scored = replace(ballots, scores={"s": np.stack([knowing, rng.random(4000)])})
    pool = fit_votes(scored.at(np.arange(2000)), grade[:, :2000])
    test = scored.at(np.arange(2000, 4000))
    right = test.grades(grade[:, 2000:])[pool(test).best].mean()
    assert right > grade[:, 2000:].mean(axis=1).max() + 0.1
    gone = replace(test, scores={"s": np.full(test.choice.shape, np.nan)})  # no score at all: still an answer
    assert np.isfinite(pool(gone).confidence).all()


@pytest.mark.parametrize("items", [20, 50])
@pytest.mark.parametrize("voters", [2, 14])
def test_few_labels_and_few_or_many_voters(items: int, voters: int) -> None:
    rng = np.random.default_rng(items + voters)
    rates = np.linspace(0.5, 0.8, voters).tolist()
    ballots, grade = voting(rates, items, rng)
    pool = fit_votes(ballots, grade)
    new, graded = voting(rates, 3000, rng)
    pooled = pool(new)
    right = new.grades(graded)[pooled.best].mean()
    assert right > graded.mean() - 0.02
    assert ((pooled.low <= pooled.confidence) & (pooled.confidence <= pooled.high)).all()
    assert np.bincount(new.item, pooled.p).max() <= 1 + 1e-9


def test_a_voter_that_is_always_right_and_one_that_never_is() -> None:
    rng = np.random.default_rng(10)
    ballots, grade = voting([1.0, 0.5, 0.5, 0.5, 0.0], 400, rng)
    new, graded = voting([1.0, 0.5, 0.5, 0.5, 0.0], 2000, rng)
    pooled = fit_votes(ballots, grade)(new)
    assert new.grades(graded)[pooled.best].mean() > 0.99
    nobody, nothing = voting([0.0, 0.0], 200, rng)
    assert fit_votes(nobody, nothing)(nobody).confidence.max() < 0.1


def test_missing_voters_and_new_domains() -> None:
    rng = np.random.default_rng(11)
    ballots, grade = voting([0.85, 0.7, 0.6], 2000, rng)
    known = replace(ballots, levels=levels_of(["law"] * 1000 + ["art"] * 1000))
    pool = fit_votes(known, grade, by=("task",))
    new, graded = voting([0.85, 0.7, 0.6], 6000, rng)
    new = replace(new, levels=levels_of(["never seen"] * 6000))
    struck = new.silenced(rng.random(new.choice.shape) < 0.5)
    pooled = pool(struck)
    there = struck.heads > 0
    assert (~there).any() and np.isnan(pooled.confidence[~there]).all() and (pooled.best[~there] == -1).all()
    right = struck.grades(graded)[pooled.best[there]]
    tally = Tally.of(pooled.confidence[there], right)
    assert metrics.ece(tally) < 0.03
    alone = pool(Ballots.of(["v1"], [["A"]], levels=levels_of([None])))  # one of the three, by itself
    assert alone.confidence[0] == pytest.approx(0.7, abs=0.06)


def test_a_verdict_of_another_voter_counts_where_that_voter_is_silent() -> None:
    ballots, grade = voting([0.85, 0.7, 0.6], 600, np.random.default_rng(13))
    agree = ballots.choice[0] == ballots.choice[1]
    part = grade.copy()
    part[1, agree] = np.nan  # the first voter's verdict is one on the same answer
    assert all(0.01 < abs(value) < 3 for value in fit_votes(ballots, part).absent.values())


def test_pools_survive_json_and_say_when_they_were_edited(tmp_path: Path) -> None:
    ballots, grade = voting([0.8, 0.6], 100, np.random.default_rng(12))
    pool = fit_votes(ballots, grade, by=())
    path = tmp_path / "pool.json"
    path.write_text(pool.to_json())
    assert VotePool.load(path) == pool
    data = json.loads(pool.to_json())
    data["weights"][0] += 1
    with pytest.raises(UnusableInput, match="was edited or damaged"):
        VotePool.from_json(data)
    path.write_text('{"format": "other"}')
    with pytest.raises(UnusableInput, match="Expected a pool of votes"):
        VotePool.load(path)
    path.write_text("[1]")
    with pytest.raises(UnusableInput, match="cannot be read as a pool"):
        VotePool.load(path)
    with pytest.raises(UnusableInput, match="not fitted on w, only on v0, v1"):
        pool(Ballots.of(["v0", "w"], [["A"], ["B"]]))


def test_bad_ballots_are_refused() -> None:
    ballots, grade = voting([0.8, 0.6], 30, np.random.default_rng(13))
    with pytest.raises(UnusableInput, match=r"grade must be in \[0, 1\]"):
        fit_votes(ballots, grade * 2)
    with pytest.raises(UnusableInput, match="weight must be positive"):
        fit_votes(ballots, grade, np.zeros(30))
    with pytest.raises(NotEnoughLabels, match="at least 20"):
        fit_votes(ballots, np.where(np.arange(30) < 19, grade, np.nan))
    with pytest.raises(UnusableInput, match="Scores of s must be in"):
        replace(ballots, scores={"s": np.full((2, 30), 1.5)})


def test_the_log_odds_of_a_voter_by_hand() -> None:
    term = Term(signal="s", rise=2.0, fall=0.5, missing=-1.0, centre=(math.log(0.5), 0.0))
    voter = Voter(
        name="a", rows=9, accuracy=0.5, intercept=0.25, terms=(term,), effects=({'["law"]': 0.3}, {})
    )
    z = voter.evidence({"s": np.array([0.8, np.nan])}, levels_of(["law", "art"], ["x", "y"]), 2)
    np.testing.assert_allclose(z, [0.25 + 2 * math.log(1.6) - 0.5 * math.log(0.2) + 0.3, 0.25 - 1.0])


def test_recorded_answers_are_grouped() -> None:
    assert alike("$1,200", "1200.00") and not alike("12 m", "12 km")
    ballots = Ballots.of("abc", [["The Hague"], [" "], ["hague."]])
    assert ballots.choice.tolist() == [[0], [-1], [0]]


@pytest.mark.parametrize("rates", [[0.85, 0.4, 0.4, 0.45], [0.7, 0.7, 0.7, 0.7], [0.75, 0.72, 0.45]])
def test_with_few_labels_the_pool_is_not_below_the_better_of_majority_and_best_voter(
    rates: list[float],
) -> None:
    """What a hundred labels cannot tell must not cost: the mean over draws, less two standard errors of it."""
    new, grade = voting(rates, 5000, np.random.default_rng(99))
    right = new.grades(grade)
    majority = right[new.best(new.votes.sum(axis=0))].mean()
    alone = grade[int(np.argmax(rates))].mean()
    pools = [fit_votes(*voting(rates, 100, np.random.default_rng(seed))) for seed in range(6)]
    found = np.array([right[pool(new).best].mean() for pool in pools])
    assert found.mean() > max(majority, alone) - 0.004 - 2 * found.std() / len(found) ** 0.5


def near_copies(voters: int, items: int, seed: int) -> tuple[Ballots, np.ndarray]:
    """Nine times in ten a voter says what one common voter would, right in 0.7; else what it thinks by itself."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, items)
    right = rng.random((voters + 1, items)) < 0.7
    thought = np.where(right, truth, (truth + rng.integers(1, 5, right.shape)) % 5)
    said = np.where(rng.random((voters, items)) < 0.9, thought[0], thought[1:])
    ballots = Ballots.of([f"v{j}" for j in range(voters)], [[OPTIONS[a] for a in row] for row in said])
    return ballots, (said == truth).astype(float)


def test_a_majority_of_near_copies_stays_one() -> None:
    """A hundred labels say next to nothing of votes that agree: fewer votes must not win by chance."""
    new, _ = near_copies(4, 4000, 99)
    heads = new.votes.sum(axis=0)
    most = np.zeros(len(new))
    np.maximum.at(most, new.item, heads)
    pools = [fit_votes(*near_copies(4, 100, seed)) for seed in range(8)]
    outvoted = [float((heads[pool(new).best] < most).mean()) for pool in pools]
    assert np.mean(outvoted) < 0.02


def test_the_best_voter_alone_weighs_by_how_surely_it_is_ahead_of_a_majority() -> None:
    strong, even = (
        fit_votes(*voting(rates, 300, np.random.default_rng(5))).statistics["shares"]
        for rates in ([0.95, 0.35, 0.35, 0.35], [0.6, 0.6, 0.6, 0.6])
    )
    assert strong["best voter alone"] > 20 * strong["equal votes"]
    assert even["best voter alone"] < 0.05
    assert even["equal votes"] + even["common weight"] > 0.5
