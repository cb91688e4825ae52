"""Votes pooled by calibrated log-odds: worlds with a known truth, golden values, another implementation, the route."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from typer.testing import CliRunner

from calibrant import Tally, metrics
from calibrant.asking.assessing import Assessor
from calibrant.cli import app
from calibrant.errors import ModelError, ModelUnavailable, NotEnoughLabels, UnusableInput
from calibrant.maps.calibration import CalibrationMap, MapSet
from calibrant.maps.curves import Logistic
from calibrant.maps.evidence import Evidence
from calibrant.models.scripted import Scripted
from calibrant.planning.ensembles import majority, plan_ensemble
from calibrant.plans.ballots import Ballots, alike, levels_of
from calibrant.plans.votes import SHAPE, Term, VotePool, Voter
from calibrant.routes.ensemble import NO_POOL, Ensemble
from calibrant.routing.votes import fit_votes
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.types import Answered, Ask, Completion, Message, Question, Token

OPTIONS = "ABCDE"
IDENTITY = CalibrationMap(
    calibrator="none",
    curve=Logistic(a=1.0, b=1.0, k=0.0, covariance=((0.0,) * 3,) * 3, inside=(1e-9, 1 - 1e-9)),
    evidence=Evidence(rows=50, n_eff=50.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest=""),
)


def voting(
    rates: Sequence[float], items: int, rng: np.random.Generator, copies: Sequence[int] = ()
) -> tuple[Ballots, np.ndarray]:
    """Independent voters of known accuracy who err at random among the options; `copies` say which voters again."""
    truth = rng.integers(0, len(OPTIONS), items)
    answers = []
    for rate in rates:
        wrong = (truth + rng.integers(1, len(OPTIONS), items)) % len(OPTIONS)
        answers.append(np.where(rng.random(items) < rate, truth, wrong))
    answers += [answers[j] for j in copies]
    said = [[OPTIONS[a] for a in row] for row in answers]
    return Ballots.of([f"v{j}" for j in range(len(said))], said), np.array(
        [row == truth for row in answers], float
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


def test_a_majority_breaks_ties_by_confidence_then_by_order() -> None:
    ballots = Ballots.of("abcd", [["x", "x"], ["y", "y"], ["x", "z"], ["y", None]])
    stated = np.array([[0.5, np.nan], [0.9, np.nan], [0.5, 0.3], [0.2, np.nan]])
    assert ballots.best(ballots.votes.sum(axis=0)).tolist() == [0, 2]
    assert majority(ballots, stated).tolist() == [1, 4]  # means .55 against .5; then .3 against none


def test_recorded_answers_are_grouped() -> None:
    assert alike("$1,200", "1200.00") and not alike("12 m", "12 km")
    ballots = Ballots.of("abc", [["The Hague"], [" "], ["hague."]])
    assert ballots.choice.tolist() == [[0], [-1], [0]]


def log_of(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Three models on the same items, with stated confidences, a price, and some answers missing."""
    ballots, grade = voting([0.8, 0.65, 0.5], rows, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    frames = []
    for j, model in enumerate(("small", "mid", "large")):
        said = np.array([OPTIONS[c] if c >= 0 else None for c in ballots.choice[j]], dtype=object)
        said[rng.random(rows) < 0.05] = None
        frames.append(pd.DataFrame({
            "model": model, "item_id": np.arange(rows), "task": np.where(np.arange(rows) % 2, "law", "art"),
            "answer": said, "correct": np.where([s is None for s in said], 0, grade[j]).astype(int),
            "confidence": np.round(rng.beta(4, 2, rows), 2), "cost": 0.001 * (j + 1),
        }))  # fmt: skip
    return pd.concat(frames)


def test_the_command_says_what_each_way_is_worth(tmp_path: Path) -> None:
    log, pool, chart = tmp_path / "log.csv", tmp_path / "pool.json", tmp_path / "chart.svg"
    log_of().to_csv(log, index=False)
    asked = ["plan", "ensemble", str(log), "--models", "small,mid,large", "--fit-rows", "150", "--seed", "3"]
    done = CliRunner().invoke(app, [*asked, "--out", str(pool), "--chart", str(chart), "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    for name in ("best_single", "majority", "averaging", "pooled", "ece", "brier"):
        assert 0 <= told[name] <= 1 and isinstance(told[name], float)
    assert (told["fit_rows"], told["test_rows"], told["best_single_model"]) == (150, 250, "small")
    for name in ("majority", "best_single"):
        gap = told["differences"][f"pooled - {name}"]
        assert gap["low"] <= gap["value"] <= gap["high"]
        assert gap["value"] == pytest.approx(told["pooled"] - told[name])
    assert told["intervals"]["pooled"][0] < told["pooled"] < told["intervals"]["pooled"][1]
    assert told["intervals"]["brier"][0] < told["brier"] < told["intervals"]["brier"][1]
    assert 0 < told["ece_noise"]["floor"] <= told["ece_noise"]["high"]
    assert told["cost"]["all"] == pytest.approx(0.006)
    assert any("gave no answer" in note for note in told["notes"])
    assert VotePool.load(pool).pool_id == told["pool_id"]
    assert chart.read_text().startswith("<svg role")
    log_of(100).to_csv(log, index=False)
    words = CliRunner().invoke(app, [*asked[:5], "--fit-rows", "50"])
    assert "by a majority" in words.stdout and "ECE; chance alone" in words.stdout


def test_no_number_is_from_the_rows_that_were_fitted_on() -> None:
    """Verdicts of the items tested on are turned round: the pool must stay the same, and its accuracy fall."""
    log = log_of()
    found = plan_ensemble(log, ["small", "mid", "large"], fit_rows=200, resamples=10)
    turned = log.copy()
    at = turned["item_id"].isin(found.tested)
    turned.loc[at, "correct"] = 1 - turned.loc[at, "correct"]
    other = plan_ensemble(turned, ["small", "mid", "large"], fit_rows=200, resamples=10)
    assert other.pool == found.pool and other.best_single == found.best_single
    assert other.accuracy("pooled").value < 0.5 < found.accuracy("pooled").value


def test_a_plan_does_not_depend_on_the_order_of_the_log() -> None:
    log = log_of()
    one = plan_ensemble(log, ["small", "mid", "large"], fit_rows=200, resamples=10).to_dict()
    other = plan_ensemble(
        log.sample(frac=1, random_state=1), ["small", "mid", "large"], fit_rows=200, resamples=10
    )
    for name in ("best_single", "majority", "pooled", "ece", "brier"):
        assert other.to_dict()[name] == pytest.approx(one[name], abs=1e-6)


def test_logs_that_cannot_be_pooled_say_why() -> None:
    log = log_of(100)
    with pytest.raises(UnusableInput, match="Verdicts alone cannot be pooled"):
        plan_ensemble(log.drop(columns="answer"), ["small", "mid"])
    with pytest.raises(UnusableInput, match="two models or more"):
        plan_ensemble(log, ["small"])
    with pytest.raises(UnusableInput, match=r"--fit-rows from 20 to 80.*100 usable"):
        plan_ensemble(log, ["small", "mid"], fit_rows=90)
    with pytest.raises(UnusableInput, match="task and domain"):
        plan_ensemble(log, ["small", "mid"], by=["model"])
    with pytest.raises(NotEnoughLabels):
        plan_ensemble(log[log["item_id"] < 30], ["small", "mid"])
    contrary = log.assign(correct=(log["model"] == "small").astype(int))
    assert any(
        "the same answer has different verdicts" in n for n in plan_ensemble(contrary, ["small", "mid"]).notes
    )
    assert not any("different verdicts" in n for n in plan_ensemble(log, ["small", "mid"]).notes)
    one = log.assign(correct=1)
    assert plan_ensemble(one, ["small", "mid"], resamples=10).accuracy("pooled").value > 0.9  # one class only


ASKED = (Message("user", "What is the capital of Australia?"),)
QUESTION = Question(id="q", messages=ASKED, task="facts")
ASK = Ask(messages=ASKED)


def saying(name: str, text: str | ModelError, p: float = 0.8) -> Scripted:
    if isinstance(text, ModelError):
        return Scripted(lambda _: text, name=name)
    tokens = (Token(text, math.log(p)),)
    return Scripted(
        lambda _: Completion(text=text, model=name, tokens=tokens, cost=0.01), name=name, gives_logprobs=True
    )


def reading(model: Scripted) -> Assessor:
    return Assessor(model=model, signals={"mean_logprob": MeanLogprob()}, maps=MapSet(by=(), groups=()))


def answered(route: Ensemble) -> Answered:
    return asyncio.run(route.answer(QUESTION, ASK, frozenset()))


def facts_pool() -> VotePool:
    """a is nearly always right and knows when; b and c are often wrong."""
    rng = np.random.default_rng(14)
    ballots, grade = voting([0.9, 0.4, 0.4], 600, rng)
    scores = np.where(grade == 1, rng.beta(6, 2, grade.shape), rng.beta(2, 6, grade.shape))
    named = Ballots(voters=("a", "b", "c"), choice=ballots.choice, scores={"mean_logprob": scores},
                    levels=levels_of(["facts"] * 600))  # fmt: skip
    return fit_votes(named, grade, by=("task",))


def test_the_pool_overrules_a_majority() -> None:
    models = [
        saying("a", "Canberra", 0.9),
        saying("b", "The capital of Australia is Sydney.", 0.2),
        saying("c", "sydney", 0.2),
    ]
    plain = answered(Ensemble(models=models))
    assert plain.completion.model == "b" and plain.confidence is not None
    assert (plain.confidence.p, plain.confidence.reason) == (None, NO_POOL)
    pool = facts_pool()
    got = answered(Ensemble(models=models, pool=pool, assessors={m.name: reading(m) for m in models}))
    assert got.completion.text == "Canberra" and got.confidence is not None and got.confidence.p is not None
    assert got.confidence.p > 0.8 and got.confidence.low < got.confidence.p < got.confidence.high  # type: ignore[operator]
    assert (got.confidence.verdicts, got.confidence.map_id) == (600, pool.pool_id)
    assert [s.outcome.split(":")[0] for s in got.steps[:-1]] == [
        "for the answer",
        *["against the answer"] * 2,
    ]
    assert sum(s.cost or 0 for s in got.steps) == pytest.approx(0.03)
    assert [r.signal for r in got.readings] == ["mean_logprob"]
    doubted = [saying("a", "Canberra", 0.1), saying("b", "Sydney", 0.9), saying("c", "Sydney", 0.9)]
    other = answered(Ensemble(models=doubted, pool=pool, assessors={m.name: reading(m) for m in doubted}))
    assert other.completion.text == "Sydney"


def test_failed_and_silent_voters_are_dropped_and_named() -> None:
    down = ModelUnavailable("The server is down.")
    got = answered(
        Ensemble(models=[saying("a", down), saying("b", "Canberra"), saying("c", " ")], pool=facts_pool())
    )
    assert got.completion.text == "Canberra" and got.confidence is not None and got.confidence.p is not None
    assert [(s.model, s.outcome) for s in got.steps[1:3]] == [
        ("a", "failed, no vote: The server is down."), ("c", "said nothing, no vote"),
    ]  # fmt: skip
    with pytest.raises(
        ModelError, match="No model of the ensemble gave an answer: failed, no vote: The server"
    ):
        answered(Ensemble(models=[saying("a", down), saying("b", "")]))


def test_samples_of_one_model_vote() -> None:
    said = ["Canberra", "Sydney", "Canberra.", "Perth", "canberra"]
    model = Scripted(lambda ask: [Completion(text=t, model="m") for t in said[: ask.samples]], name="m")
    got = answered(Ensemble(models=[model], samples=5))
    assert got.completion.text == "Canberra" and got.steps[-1].outcome == "3 of 5 votes for the answer"
    ballots, grade = voting([0.6] * 5, 200, np.random.default_rng(15))
    pool = fit_votes(ballots, grade, shared=True)
    pooled = answered(Ensemble(models=[model], samples=5, pool=pool))
    assert pooled.confidence is not None and pooled.confidence.p is not None and pooled.confidence.p > 0.5


def test_calls_are_bounded_and_a_stream_is_held_until_settled() -> None:
    running = most = 0

    class Slow(Scripted):
        async def complete(self, ask: Ask) -> tuple[Completion, ...]:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            return await super().complete(ask)

    models = [Slow(lambda _: "Canberra", name=f"m{i}") for i in range(6)]
    route = Ensemble(models=models, at_once=2)

    async def run() -> list[object]:
        return [part async for part in route.stream(QUESTION, ASK, frozenset())]

    parts = asyncio.run(run())
    assert most == 2
    assert isinstance(parts[-1], Answered) and len(parts) == 3
    assert parts[-1].steps[-1].outcome == "6 of 6 votes for the answer"


def test_an_ensemble_that_makes_no_sense_is_refused() -> None:
    a, b = saying("a", "x"), saying("b", "x")
    for wrong in (
        {"models": []},
        {"models": [a, a]},
        {"models": [a, b], "samples": 3},
        {"models": [a], "at_once": 0},
    ):
        with pytest.raises(UnusableInput):
            Ensemble(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UnusableInput, match="not fitted on d"):
        Ensemble(models=[a, saying("d", "x")], pool=facts_pool())
    with pytest.raises(UnusableInput, match="plain pool and samples = 2"):
        Ensemble(models=[a], samples=2, pool=facts_pool())


@pytest.mark.skipif(
    "CALIBRANT_DATA" not in os.environ, reason="set CALIBRANT_DATA to the folder of recorded logs"
)
def test_four_recorded_medical_voters() -> None:
    """GPT-4 from memory is right in .759 of all 6,545 items: the table that MIRAGE publishes, weighted by its tasks."""
    log = Path(os.environ["CALIBRANT_DATA"]) / "logs" / "mirage_medqa.parquet"
    models = [f"{m}+{way}" for m in ("gpt-4-32k-0613", "gpt-3.5-turbo-16k-0613") for way in ("cot", "rag")]
    found = plan_ensemble(str(log), models, fit_rows=2000, resamples=200)
    told = found.to_dict()
    assert told["accuracies"][models[0]]["value"] == pytest.approx(0.759, abs=0.02)
    assert found.best_single == models[0]
    assert told["pooled"] > told["majority"] and told["pooled"] > told["best_single"] - 0.005
    assert told["ece"] < 0.035
