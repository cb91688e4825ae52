"""What a larger model would gain, and in which domains another is better."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calibrant.errors import NotEnoughLabels, UnusableInput
from calibrant.metrics.recovery import Recovery, apgr
from calibrant.plans.first_answers import FirstAnswers, peer_agreement
from calibrant.plans.gains import GainModel
from calibrant.routing.domains import edges
from calibrant.routing.encoding import fit_encoder
from calibrant.routing.gains import fit_and_hold_out, fit_gains

from ..worlds import TwoModels


def test_rows_held_out_claim_no_gain_where_there_is_none() -> None:
    """Two models that are equally often right, and nothing tells when: what rows not seen say of sending is about 0."""
    rng, claimed = np.random.default_rng(16), []
    for _ in range(50):
        small, large = (rng.random((2, 150)) < 0.6).astype(float)
        answers = FirstAnswers.of(150, scores={"x": rng.random(150)}, domain=rng.choice(list("abcd"), 150))
        _, held = fit_and_hold_out(answers, small, large)
        claimed.append(float(np.mean((held.gain > 0) * (large - small))))
    assert np.mean(claimed) < 2.5 * np.std(claimed) / 50**0.5


# ------------------------------------------------------------------ gains


def test_gains_are_near_the_truth_and_their_errors_honest() -> None:
    covered, slopes = [], []
    for seed in range(4):
        seen, new = TwoModels(1500, seed), TwoModels(3000, 100 + seed)
        told = fit_gains(seen.answers, *seen.right)(new.answers)
        truth = new.large - new.small
        near = np.abs(told.gain - truth)
        assert near.mean() < 0.1
        slopes.append(np.polyfit(told.gain, new.right[1] - new.right[0], 1)[0])
        low, high = told.interval("gain")
        bins = np.argsort(told.gain).reshape(15, -1)
        covered += [low[b].mean() <= truth[b].mean() <= high[b].mean() for b in bins]
    assert np.mean(covered) >= 0.8
    assert np.mean(slopes) == pytest.approx(1.0, abs=0.15)


def test_gain_ranks_better_than_doubt_of_the_small_model() -> None:
    seen, new = TwoModels(1500, 0), TwoModels(4000, 9)
    told = fit_gains(seen.answers, *seen.right)(new.answers)
    gain = apgr(Recovery.of(told.gain, *new.right))
    doubt = apgr(Recovery.of(-told.small, *new.right))
    best = apgr(Recovery.of(new.large - new.small, *new.right))
    assert gain is not None
    assert doubt is not None
    assert best is not None
    assert gain > doubt + 0.1
    assert gain > best - 0.06


def test_without_scores_the_domains_speak_drawn_to_their_mean() -> None:
    world = TwoModels(600, 3)
    told = fit_gains(FirstAnswers.of(600, domain=world.domain), *world.right)
    by = told(FirstAnswers.of(4, domain=["law", "art", "sea", "sky"])).gain
    assert min(by[0], by[2]) > max(by[1], by[3]) + 0.1
    raw = [
        float((world.right[1] - world.right[0])[world.domain == d].mean())
        for d in ("law", "art", "sea", "sky")
    ]
    assert np.ptp(by) < np.ptp(raw)
    strange = told(FirstAnswers.of(1, domain=["never seen"]))
    assert by.min() < strange.gain[0] < by.max()
    assert strange.gain_error[0] > told(FirstAnswers.of(1, domain=["law"])).gain_error[0]


@pytest.mark.parametrize("n", [10, 30])
def test_few_rows_say_little_and_say_so(n: int) -> None:
    world = TwoModels(n, 5)
    model = fit_gains(world.answers, *world.right)
    told = model(TwoModels(200, 6).answers)
    assert np.isfinite(told.gain).all()
    assert (np.abs(told.gain) <= 1).all()
    large = fit_gains(TwoModels(1500, 5).answers, *TwoModels(1500, 5).right)(TwoModels(200, 6).answers)
    assert told.gain_error.mean() > 2 * large.gain_error.mean()


@pytest.mark.parametrize(("small", "large"), [(0.0, 1.0), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0)])
def test_one_class_only_is_near_certain_but_not_certain(small: float, large: float) -> None:
    world = TwoModels(60, 1)
    told = fit_gains(world.answers, np.full(60, small), np.full(60, large))(world.answers)
    assert np.abs(told.gain - (large - small)).max() < 0.1
    assert np.abs(told.small - small).max() < 0.1
    assert (told.small_error > 0).all()


def test_the_order_of_rows_has_no_part_and_json_keeps_everything() -> None:
    world = TwoModels(200, 2)
    order = np.random.default_rng(0).permutation(200)
    one = fit_gains(world.answers, *world.right)
    other = fit_gains(world.answers.at(order), *world.right[:, order])
    np.testing.assert_allclose(one(world.answers).gain, other(world.answers).gain, atol=1e-6)
    again = GainModel.from_json(one.to_json())
    assert again == one
    np.testing.assert_array_equal(again(world.answers).gain, one(world.answers).gain)
    np.testing.assert_array_equal(again(world.answers).gain_error, one(world.answers).gain_error)
    edited = json.loads(one.to_json()) | {"share": 0.123}
    with pytest.raises(UnusableInput, match="edited"):
        GainModel.from_json(edited)


def test_missing_scores_count_as_missing_and_bad_input_is_refused() -> None:
    world = TwoModels(300, 4)
    lost = np.where(np.arange(300) % 3 == 0, np.nan, world.score)
    model = fit_gains(
        FirstAnswers.of(300, domain=world.domain, scores={"tokens": lost, "never": np.full(300, np.nan)}),
        *world.right,
    )
    told = model(
        FirstAnswers.of(2, domain=["law", "law"], scores={"tokens": [np.nan, 0.1], "other": [0.5, 0.5]})
    )
    assert told.gain[1] > told.gain[0]
    with pytest.raises(NotEnoughLabels, match="at least 10"):
        fit_gains(world.answers.at(np.arange(9)), *world.right[:, :9])
    with pytest.raises(UnusableInput, match=r"in \[0, 1\]"):
        FirstAnswers.of(1, scores={"tokens": [1.5]})
    with pytest.raises(UnusableInput, match="2 values"):
        FirstAnswers.of(2, domain=["law"])
    with pytest.raises(UnusableInput, match="grades"):
        fit_gains(world.answers, world.right[0], np.full(300, np.nan))


def test_a_weight_tells_how_many_rows_one_stands_for() -> None:
    n = 400
    domain = np.repeat(["law", "art"], n // 2)
    small = np.tile([1.0, 0.0], n // 2)
    large = np.ones(n)
    weight = np.where(small == 1, 3.0, 1.0)
    told = fit_gains(FirstAnswers.of(n, domain=domain), small, large, weight)(
        FirstAnswers.of(1, domain=["law"])
    )
    assert told.small[0] == pytest.approx(0.75, abs=0.03)


def test_answers_of_a_closed_set_are_columns_and_free_text_is_not() -> None:
    n = 200
    told = fit_encoder(FirstAnswers.of(n, answer=["Yes.", "no", None, "yes"] * (n // 4)))
    assert [a for _, a in told.answers] == ["(nothing)", "no", "yes"]
    assert not fit_encoder(FirstAnswers.of(n, answer=[f"text {i}" for i in range(n)])).answers


def test_peers_agree_disagree_or_are_silent() -> None:
    def texts(*told: str | None) -> Any:
        made = np.empty(len(told), dtype=object)
        made[:] = told
        return made

    agreed, against = peer_agreement(
        texts("Paris", "Paris", None, "4"),
        {"a": texts("paris.", "Lyon", "Lyon", None), "b": texts("The Paris", "lyon", "Nice", None)},
    )
    np.testing.assert_array_equal(agreed["a"], [1, 0, 0, np.nan])
    np.testing.assert_array_equal(against, [0, 1, 0.5, np.nan])


def test_domains_are_shrunk_to_where_the_truth_is() -> None:
    rng = np.random.default_rng(0)
    raw_off, shrunk_off, sure = [], [], []
    for _ in range(30):
        truth = rng.normal(0, 0.08, 20)
        group = np.repeat(np.arange(20), 40)
        made = edges(group, rng.normal(truth[group], 0.6), np.ones(800))
        raw_off += [made[g].measured - truth[g] for g in range(20)]
        shrunk_off += [made[g].shrunk - truth[g] for g in range(20)]
        sure += [abs(made[g].shrunk - truth[g]) < 1.96 * made[g].error for g in range(20)]
    assert np.square(shrunk_off).mean() < 0.7 * np.square(raw_off).mean()
    assert 0.9 < np.mean(sure) < 0.99


# ------------------------------------------------------------------ gain and doubt together


class EqualElsewhere:
    """Where the small model is right tells nothing of the large one: ranking by doubt is all there is to know."""

    def __init__(self, n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        score = rng.random(n)
        self.right = (rng.random((2, n)) < np.stack([0.2 + 0.7 * score, np.full(n, 0.8)])).astype(float)
        self.answers = FirstAnswers.of(n, domain=rng.choice(list("abcdefgh"), n), scores={"tokens": score})


@pytest.mark.parametrize("world", [TwoModels, EqualElsewhere])
def test_with_few_labels_the_ranking_is_not_below_the_better_of_gain_and_doubt(world: Any) -> None:
    found = []
    for seed in range(5):
        seen, new = world(150, seed), world(2000, 1000 + seed)
        model = fit_gains(seen.answers, *seen.right)
        told = model(new.answers)
        alone = replace(model, slope=(0.0, 1.0, 0.0), doubt=())(new.answers)
        ways = (told.gain, alone.gain, -told.small)
        found.append([apgr(Recovery.of(way, *new.right)) for way in ways])
    together, gain, doubt = np.array(found, dtype=float).T
    best = gain if gain.mean() > doubt.mean() else doubt
    off = together - best
    assert off.mean() > -0.01 - 2 * off.std() / len(off) ** 0.5
    assert together.mean() > (gain.mean() + doubt.mean()) / 2


def test_many_labels_tell_gain_from_doubt() -> None:
    world = TwoModels(3000, 1)
    model = fit_gains(world.answers, *world.right)
    _, times, _ = model.slope
    _, falls = model.doubt
    assert times > 0.8
    assert falls < 0.15


def test_a_model_of_before_there_was_doubt_is_read_and_says_what_it_said() -> None:
    world = TwoModels(200, 2)
    before = replace(fit_gains(world.answers, *world.right), doubt=())
    kept = before.to_json()
    assert '"doubt"' not in kept
    again = GainModel.from_json(kept)
    assert again.model_id == before.model_id
    np.testing.assert_array_equal(again(world.answers).gain, before(world.answers).gain)
    assert GainModel.from_json(fit_gains(world.answers, *world.right).to_json()).doubt
