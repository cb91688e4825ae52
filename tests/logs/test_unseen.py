"""Answers of a kind of which none was judged: found by the rows that nobody judged, told, and held by intervals."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant import Tally
from calibrant.logs.tallies import read_log
from calibrant.maps.blends import BlendMap
from calibrant.metrics import gap, l2, smooth_ece
from calibrant.metrics.conditions import measured
from calibrant.metrics.ranking import auroc, ranking
from calibrant.planning.thresholds import plan_thresholds


def log(n: int = 400, rare: int = 40, judged_of_rare: int = 0) -> pd.DataFrame:
    """Six of ten common answers judged, right as often as they claim; of the rare ones so many, all wrong."""
    rng = np.random.default_rng(3)
    c = rng.beta(5, 1.3, n)
    at = np.arange(n) >= n - rare
    judged = np.where(at, np.arange(n) >= n - judged_of_rare, rng.permuted(np.arange(n)) % 5 < 3)
    right = np.where(at, 0.0, rng.random(n) < c)
    return pd.DataFrame(
        {"confidence": c, "correct": np.where(judged, right, np.nan), "weight": 1 / np.where(at, 0.02, 0.6)}
    )


def told(frame: pd.DataFrame) -> list[str]:
    return [note for note in read_log(frame).notes if "judged" in note]


def test_intervals_hold_whatever_is_unseen_where_the_chance_of_every_row_is_stated():
    frame = log()
    read = read_log(frame)
    tally = read.groups[()]
    rare = frame[frame.weight > 2]
    assert tally.unseen == len(rare) == 40
    assert tally.unseen_score == pytest.approx(rare.confidence.sum())
    alone = read_log(frame.drop(rare.index)).groups[()]
    share = 40 / (alone.total + 40)
    assert tally.unseen_share == pytest.approx(share)
    apart, narrow = gap(tally), gap(alone)
    sure = float(rare.confidence.mean())
    assert apart.value == narrow.value
    assert apart.low == pytest.approx((1 - share) * narrow.low + share * (sure - 1))
    assert apart.high == pytest.approx((1 - share) * narrow.high + share * sure)
    for measure, most in (("accuracy", 1.0), ("brier", 1.0), ("log_loss", 34.5)):
        wide, held = measured(tally, measure, 0.95), measured(alone, measure, 0.95)
        assert wide is not None and held is not None
        assert wide.low == pytest.approx((1 - share) * held.low)
        assert wide.high == pytest.approx((1 - share) * held.high + share * most, abs=0.01)
    # all of them wrong is an error that each must hold
    truth = float((1 - share) * narrow.value + share * sure)
    for one in (l2(tally), smooth_ece(tally)):
        assert one.low == 0.0 and one.high > truth
    assert any("40 of 400 rows have a smaller chance" in note for note in told(frame))
    assert calibrant.audit(frame).groups[0].verdict == "no miscalibration shown"


def test_a_map_and_its_file_know_of_what_is_unseen():
    frame = log()
    made = calibrant.fit(frame).maps.groups[0][1]
    share = read_log(frame).groups[()].unseen_share
    assert made.evidence.unseen == pytest.approx(share)
    curve_low, curve_high = made.curve.interval(np.array([0.8]))
    low, high = made.interval([0.8])
    assert low == pytest.approx((1 - share) * curve_low) and high == pytest.approx(
        (1 - share) * curve_high + share
    )
    assert made.estimate(0.8)[1:] == pytest.approx((low[0], high[0]))
    assert calibrant.CalibrationMap.from_json(made.to_json()).evidence == made.evidence


def test_a_map_of_which_nothing_is_unseen_is_written_as_before():
    frame = log(rare=0)
    assert "unseen" not in calibrant.fit(frame).maps.groups[0][1].to_dict()["evidence"]


def test_a_certificate_draws_by_the_largest_weight_of_all_rows():
    frame = log(4000, 40)
    made = plan_thresholds(frame, max_error=0.2, delta=0.1).certificates.certificates[0]
    assert made.max_weight == pytest.approx(50, rel=1e-3) and made.tested < 150
    kept = plan_thresholds(frame.dropna(), max_error=0.2, delta=0.1).certificates.certificates[0]
    assert kept.max_weight == pytest.approx(1 / 0.6) and kept.tested == kept.labels_used


@pytest.mark.parametrize(("judged", "said"), [(0, True), (2, False)])
def test_weights_that_lack_of_the_rows_are_told_where_they_are_stated_of_the_judged_alone(judged, said):
    frame = log(rare=60, judged_of_rare=judged)
    frame["weight"] = frame.weight.where(frame.correct.notna())
    assert any("too heavy" in note and "of 100 answers none" in note for note in told(frame)) is said
    assert read_log(frame).groups[()].unseen == 0


def test_a_log_of_labelled_rows_of_one_weight_says_what_it_cannot_tell():
    assert any("All judged rows have the weight 1.67" in note for note in told(log().dropna()))
    assert not told(log(judged_of_rare=2).dropna())


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_weights_that_are_no_chances_say_nothing_of_other_rows(weight):
    frame = log().assign(weight=weight)
    assert not told(frame)
    assert read_log(frame).groups[()].unseen == 0


def test_weights_of_importance_are_not_taken_for_chances():
    rng = np.random.default_rng(0)
    frame = log().assign(weight=rng.choice([1.0, 3.0], 400))
    frame.loc[frame.correct.isna(), "weight"] = 9.0  # and add up to nothing like the number of rows
    frame = pd.concat([frame, frame.assign(correct=np.nan)])
    assert read_log(frame).groups[()].unseen == 0


def test_groups_are_counted_apart_and_add_up():
    frame = pd.concat([log().assign(task="a"), log(judged_of_rare=2).assign(task="b")])
    groups = read_log(frame, by="task").groups
    assert groups[("a",)].unseen == 40 and groups[("b",)].unseen == 0
    assert (groups[("a",)] + groups[("b",)]).unseen == 40


def test_the_ranking_holds_any_order_and_verdicts_of_what_is_unseen():
    """Of every completion the AUROC lies within, and the worst and the best one reach the ends."""
    tally = read_log(log(60, rare=12)).groups[()]
    seen = ranking(tally)
    assert seen is not None and tally.unseen == 12
    reached = {0.0: [], 1.0: []}
    for right in range(13):
        for top in (0.0, 1.0):  # the right ones of them below all others, or above
            scores = np.r_[np.full(right, top), np.full(12 - right, 1 - top)]
            whole = auroc(tally + Tally.of(scores, np.arange(12) < right))
            assert whole is not None
            reached[top].append(whole)
    low, high = seen.value * seen.known, 1 - (1 - seen.value) * seen.known
    assert min(reached[0.0]) == pytest.approx(low, abs=1e-12)
    assert max(reached[1.0]) == pytest.approx(high, abs=1e-12)
    alone = ranking(read_log(log(60, rare=12).query("weight < 2")).groups[()])
    assert alone is not None and alone.known == 1.0
    inner, outer = alone.interval(), seen.interval()
    assert (outer.low, outer.high) == pytest.approx(
        (inner.low * seen.known, 1 - (1 - inner.high) * seen.known)
    )
    assert seen.above_chance > alone.above_chance
    assert seen.below_chance > alone.below_chance


def test_a_ranking_of_which_too_little_is_known_is_never_told_from_chance():
    found = ranking(replace(Tally.of([0.9] * 50 + [0.1] * 50, [1] * 50 + [0] * 50), unseen=100.0))
    assert found is not None and found.known == 0.25
    assert found.above_chance == 1.0 and found.below_chance == 1.0


def test_a_blend_knows_of_what_is_unseen():
    """Answers count once, however many signals they have, and one with a single signal counts."""
    frame = log().assign(record_id=np.arange(400))
    second = frame.assign(signal="b", confidence=frame["confidence"] ** 2).drop(index=range(395, 400))
    both = pd.concat([frame.assign(signal="a"), second])
    made = calibrant.fit(both, calibrator="blend").groups[0].map
    share = read_log(frame).groups[()].unseen_share
    assert isinstance(made, BlendMap) and made.evidence.unseen == pytest.approx(share)
    scores = {"a": [0.8], "b": [0.64]}
    bare = replace(made, evidence=replace(made.evidence, unseen=0.0)).interval(scores)
    low, high = made.interval(scores)
    assert low == pytest.approx((1 - share) * bare[0]) and high == pytest.approx(
        (1 - share) * bare[1] + share
    )
    judged = calibrant.fit(both.dropna(), calibrator="blend").groups[0].map
    assert isinstance(judged, BlendMap) and judged.evidence.unseen == 0.0
    assert "unseen" not in judged.to_dict()["evidence"]
