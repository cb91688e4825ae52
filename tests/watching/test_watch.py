"""Logs watched: order, clusters, late verdicts, groups, and what has changed."""

import json

import numpy as np
import pandas as pd
import pytest

from calibrant.errors import UnusableInput
from calibrant.monitors.calibration import Monitor
from calibrant.monitors.shifts import kind_of
from calibrant.watching.log import watch


def desk(rows=3000, change=2000, drop=0.2, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(5, 1.3, rows).round(3)
    right = rng.random(rows) < np.where(np.arange(rows) < change, p, np.clip(p - drop, 0, 1))
    return pd.DataFrame({"time": np.arange(rows) * 60, "confidence": p, "correct": right})


def test_a_log_is_watched_in_the_order_of_its_times():
    log = desk()
    (straight,) = watch(log).groups
    (shuffled,) = watch(log.sample(frac=1, random_state=1)).groups
    assert straight.to_dict() == shuffled.to_dict()
    assert straight.alarm and 2000 < straight.alarm_at < 2400 and abs(straight.change_point - 2000) < 60
    assert straight.kind == "concept" and straight.gap.low < 0.2 < straight.gap.high


def test_without_times_rows_are_taken_as_they_stand_and_that_is_said():
    found = watch(desk().drop(columns="time"))
    assert found.ordered == "rows" and "order" in " ".join(found.notes)
    assert found.groups[0].to_dict() == watch(desk()).groups[0].to_dict()


def test_times_that_leave_a_doubt_are_refused():
    log = desk(100)
    log["time"] = ["01/02/2026", "03/04/2026"] * 50
    with pytest.raises(UnusableInput, match="may be US"):
        watch(log)


def test_the_log_says_what_the_monitor_says():
    log, monitor = desk(), Monitor(alpha=0.01, tolerance=0.05)
    for p, y in zip(log.confidence, log.correct, strict=True):
        monitor.update(p, y)
    (found,) = watch(log, alpha=0.01, tolerance=0.05).groups
    assert (found.alarm_at, found.change_point) == (monitor.alarm_at, monitor.change_point)
    assert found.log10_evidence == monitor.log10_evidence


def test_other_answers_of_the_same_meaning_are_covariate_shift_without_alarm():
    rng = np.random.default_rng(1)
    p = np.r_[rng.beta(8, 1.3, 2000), rng.beta(3, 2, 2000)]
    (found,) = watch(pd.DataFrame({"confidence": p, "correct": rng.random(4000) < p})).groups
    assert (found.alarm, found.kind) == (False, "covariate")


def test_an_alarm_from_the_first_rows_on_has_nothing_before_it_to_compare():
    (found,) = watch(desk(600, change=0)).groups
    assert found.alarm and found.kind == "unknown"


def test_a_map_that_was_always_wrong_where_answers_now_come_is_covariate_shift():
    rng = np.random.default_rng(2)
    p = np.r_[np.where(rng.random(3000) < 0.97, 0.9, 0.5), np.where(rng.random(2000) < 0.3, 0.9, 0.5)]
    right = rng.random(5000) < np.where(p == 0.9, 0.9, 0.3)  # at .5 always wrong, and rare before
    (found,) = watch(pd.DataFrame({"confidence": p, "correct": right})).groups
    assert found.alarm and found.kind == "covariate"


def test_one_alarm_among_many_groups_needs_more_evidence_and_the_others_stay_quiet():
    logs = [desk(1500, change=1500 if g else 700, drop=0.25, seed=g).assign(task=f"t{g}") for g in range(10)]
    found = watch(pd.concat(logs), by="task")
    (alone,) = watch(logs[0]).groups
    assert [group.by["task"] for group in found.groups if group.alarm] == ["t0"]
    assert found.groups[0].alarm_at > alone.alarm_at


def test_repeats_of_an_item_next_to_each_other_count_once():
    log = desk(200, change=200).drop(columns="time")
    twice = pd.concat([log.assign(item_id=range(200))] * 2).sort_values("item_id", kind="stable")
    (found,) = watch(twice, cluster="item_id").groups
    assert found.log10_evidence == pytest.approx(watch(log).groups[0].log10_evidence)


def test_rows_that_come_back_are_counted_and_the_way_out_is_said():
    log = desk(200, change=200).drop(columns="time").assign(item_id=range(200))
    found = watch(pd.concat([log, log]), cluster="item_id")
    assert found.groups[0].left_out == 200 and "--cluster none" in " ".join(found.notes)


def late(seed, ratio=4.0, rows=4000):
    """Calibrated answers whose verdict comes later where they are wrong, the last verdicts still to come."""
    rng = np.random.default_rng(seed)
    p, time = rng.beta(5, 1.3, rows), np.arange(rows) * 1.0
    right = rng.random(rows) < p
    judged = time + rng.exponential(np.where(right, 100.0, 100.0 * ratio))
    log = pd.DataFrame({"time": time, "judged_at": judged, "confidence": p, "correct": right})
    return log[judged < rows]


@pytest.mark.parametrize("ratio", [0.25, 4.0])
def test_verdicts_that_come_late_raise_no_alarm_where_both_times_are_known(ratio):
    alarms = [watch(late(seed, ratio), tolerance=0.0).groups[0] for seed in range(8)]
    assert sum(group.alarm for group in alarms) == 0 and all(group.immature > 50 for group in alarms)


def test_in_the_order_of_their_verdicts_they_would():
    logs = [late(seed).sort_values("judged_at").drop(columns=["time", "judged_at"]) for seed in range(8)]
    assert sum(watch(log, tolerance=0.0).groups[0].alarm for log in logs) >= 4


def test_what_is_told_is_plain_json():
    told = json.loads(json.dumps(watch(desk()).to_dict()))
    (group,) = told["groups"]
    assert set(group) >= {"by", "n", "alarm", "alarm_at", "change_point", "log10_evidence", "gap", "kind"}
    assert set(group["gap"]) == {"value", "low", "high"}


def test_nothing_is_said_of_too_few():
    assert kind_of(np.full(60, 0.9), np.ones(60), None) == "unknown"
