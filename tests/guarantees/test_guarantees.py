"""Certificates: exact values, and what they must not depend on."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import calibrant
from calibrant import certify
from calibrant.errors import UnusableInput
from calibrant.guarantees.certifying import spent
from calibrant.guarantees.jointly import jointly
from calibrant.guarantees.revoking import RiskWatch
from calibrant.guarantees.walking import fewest, passes, start_rank, walk
from calibrant.plans.certificates import Certificate, CertificateSet
from calibrant.types import Fingerprint

DELTA = 0.1


def by_hand(rows: int, rate: Fraction) -> list[Fraction]:
    """P(Bin(rows, rate) <= k) for each k, without rounding."""
    return list(accumulate(math.comb(rows, k) * rate**k * (1 - rate) ** (rows - k) for k in range(rows + 1)))


def test_the_test_is_the_exact_binomial_tail() -> None:
    for rows in (1, 7, 22, 60, 141):
        for rate in (Fraction(1, 10), Fraction(1, 5), Fraction(1, 100)):
            tails = by_hand(rows, rate)
            for level in (0.1, 0.05, 0.0152):
                got = passes(np.arange(rows + 1), np.full(rows + 1, rows), float(rate), level)
                assert got.tolist() == [t <= Fraction(level) for t in tails]
    assert (fewest(0.1, 0.1), fewest(0.01, 0.1), fewest(0.5, 0.5)) == (22, 230, 1)
    assert (1 - 0.1) ** 22 <= 0.1 < (1 - 0.1) ** 21


def test_clusters_of_one_size_cost_nothing_and_each_certificate_says_which_it_is() -> None:
    rng = np.random.default_rng(22)
    s = np.repeat(rng.random(300), 5)
    y, code = rng.random(1500) < 0.6 + 0.4 * s, np.repeat(np.arange(300), 5)
    answers = certify(s, y, max_error=0.2, delta=DELTA, cluster=code)
    clusters = certify(s, y, max_error=0.2, delta=DELTA, cluster=code, over="clusters")
    assert (
        (answers.threshold, answers.tested)
        == (clusters.threshold, clusters.tested)
        == (clusters.threshold, 300)
    )
    assert (answers.max_weight, clusters.max_weight) == (5.0, 1.0)
    assert "one answer of each cluster" in clusters._told()[0] and "cluster" not in answers._told()[0]
    few = certify(s, y, max_error=0.2, delta=DELTA, cluster=np.minimum(code, 200))
    assert few.tested < 40 and "thinned by size" in few.method
    assert certify(s, y, max_error=0.2, delta=DELTA).over == "answers"
    assert not certify([], [], max_error=0.2, delta=DELTA, cluster=[]).certified


def test_what_a_group_does_not_need_goes_to_the_others() -> None:
    """Holm's rule, as by hand: levels rise as groups that may send all fall out, and what passed still passes."""
    rng = np.random.default_rng(24)
    logs = {k: (rng.random(80), rng.random(80) < p) for k, p in enumerate((0.99, 0.97, 0.9, 0.85, 0.6))}
    tried = {
        k: lambda d, rows=rows: certify(*rows, max_error=0.2, delta=d, start_delta=0.02)
        for k, rows in logs.items()
    }
    made = jointly(tried, DELTA)
    full: set[int] = set()
    while True:
        level = DELTA / max(len(logs) - len(full), 1)
        more = {
            k for k in logs if k not in full and (c := tried[k](level)).certified and c.accepted == c.tested
        }
        if not more:
            break
        full |= more
    assert 0 < len(full) < 5
    assert all(made[k] == tried[k](level) for k in logs if k not in full)
    assert all(made[k].accepted == 80 for k in full)
    for one in tried.values():  # a larger delta certifies whatever a smaller one does
        thresholds = [2.0 if (t := one(d).threshold) is None else t for d in (0.02, 0.05, 0.1, 0.3)]
        assert thresholds == sorted(thresholds, reverse=True)


def test_a_group_without_answers_takes_what_another_does_not_need() -> None:
    tried = {
        name: lambda d, rows=rows: certify([0.9] * rows, [1] * rows, max_error=0.1, delta=d, start_delta=0.05)
        for name, rows in (("right", 60), ("empty", 0))
    }
    made = jointly(tried, 0.1)
    assert {name: (one.level, one.certified) for name, one in made.items()} == {
        "right": (0.05, True), "empty": (0.1, False),
    }  # fmt: skip


def test_the_reason_names_a_share_that_is_above_the_promised_one() -> None:
    """A few sure answers, too few to be worth a threshold, must not be quoted as what cannot be reached."""
    scores = np.r_[np.full(3, 0.999), np.full(997, 0.6)]
    right = np.r_[np.ones(3), np.tile([1, 1, 1, 0], 250)[:997]]
    made = certify(scores, right, max_error=0.2, delta=DELTA)
    assert not made.certified and made.labels_needed is None and made.reason is not None
    quoted = float(made.reason.split("about ")[1].split("%")[0])
    assert quoted > 20 and "no number of labels" in made.reason


def test_joint_risk_is_another_promise() -> None:
    rng = np.random.default_rng(6)
    s = rng.random(2000)
    right = rng.random(2000) < 0.5 + 0.5 * s
    joint = certify(s, right, max_error=0.1, delta=DELTA, risk="joint")
    selective = certify(s, right, max_error=0.1, delta=DELTA)
    assert joint.threshold is not None and selective.threshold is not None
    assert joint.threshold < selective.threshold
    sent = s >= joint.threshold
    assert (~right & sent).mean() <= 0.1 < (~right)[sent].mean()
    assert joint.risk == "joint" and "joint" in joint.method
    value = np.sort(np.unique(s))[::-1]
    wrong = np.array([(~right & (s >= v)).sum() for v in value])
    assert joint.threshold == value[binom.cdf(wrong, 2000, 0.1) <= DELTA][-1]


ROWS = st.lists(
    st.tuples(st.sampled_from([0.1, 0.5, 0.7, 0.9, 0.95, 1.0]), st.sampled_from([0.0, 0.5, 1.0, 1.0, 1.0])),
    min_size=1, max_size=120,
)  # fmt: skip


@given(rows=ROWS, seed=st.integers(0, 3), clustered=st.booleans(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_does_not_matter(
    rows: list, seed: int, clustered: bool, data: st.DataObject
) -> None:
    s, y = (np.array(v) for v in zip(*rows, strict=True))
    w = np.where(s > 0.6, 1.0, 2.0)
    ids = (
        np.array([None if i % 7 == 0 else f"c{i // 3}" for i in range(len(s))], dtype=object)
        if clustered
        else None
    )
    order = np.array(data.draw(st.permutations(range(len(s)))))
    mixed = None if ids is None else ids[order]
    one = certify(s, y, max_error=0.3, delta=0.2, weight=w, cluster=ids, seed=seed)
    two = certify(s[order], y[order], max_error=0.3, delta=0.2, weight=w[order], cluster=mixed, seed=seed)
    assert one == two


@given(rows=ROWS, low=st.floats(0.02, 0.4), more=st.floats(0, 0.3))
@settings(max_examples=60, deadline=None)
def test_a_weaker_promise_is_never_kept_at_a_higher_threshold(rows: list, low: float, more: float) -> None:
    s, y = (np.array(v) for v in zip(*rows, strict=True))
    y = np.round(y)

    def height(max_error: float, delta: float) -> float:
        found = walk(
            s, y < 0.5, np.zeros(len(s)), max_error=max_error, level=delta, start_at=0.0, ordered=True
        ).threshold  # all start where every answer counts, so the starts are equal
        return 2.0 if found is None else found

    assert height(low + more, 0.1) <= height(low, 0.1)
    assert height(low, 0.1 + more) <= height(low, 0.1)
    strict, weak = (certify(s, y, max_error=e, delta=0.1, risk="joint") for e in (low, low + more))
    assert (weak.threshold or 0) <= (2.0 if strict.threshold is None else strict.threshold)


@given(rows=ROWS)
@settings(max_examples=30, deadline=None)
def test_a_certificate_survives_json(rows: list) -> None:
    s, y = (np.array(v) for v in zip(*rows, strict=True))
    mark = Fingerprint(model="m", task="law")
    made = certify(s, y, max_error=0.3, delta=0.2, by={"task": "law"}, fingerprint=mark)
    again = Certificate.from_json(made.to_json())
    assert again == made and again.certificate_id == made.certificate_id
    assert json.loads(made.to_json(), parse_constant=lambda c: pytest.fail(c))
    both = CertificateSet(by=("task",), certificates=(made,))
    assert CertificateSet.from_json(both.to_json()) == both


def test_an_edited_certificate_is_refused() -> None:
    made = certify([0.9] * 100, [1] * 100, max_error=0.1, delta=DELTA)
    with pytest.raises(UnusableInput, match="edited or damaged"):
        Certificate.from_json(made.to_json().replace('"threshold": 0.9', '"threshold": 0.1'))
    with pytest.raises(UnusableInput, match="plan thresholds"):
        CertificateSet.from_json("{}")


def test_cannot_certify_is_a_value_with_what_is_needed() -> None:
    none = certify([], [], max_error=0.1, delta=DELTA)
    assert (none.certified, none.threshold, none.labels_used, none.labels_needed) == (False, None, 0, 22)
    few = certify([0.9] * 21, [1] * 21, max_error=0.1, delta=DELTA)
    assert not few.certified and few.labels_needed is not None and few.labels_needed >= 1
    assert certify([0.9] * 22, [1] * 22, max_error=0.1, delta=DELTA).threshold == 0.9
    wrong = certify([0.9] * 300, [0] * 300, max_error=0.1, delta=DELTA)
    assert not wrong.certified and wrong.labels_needed is None and "no number of labels" in str(wrong.reason)
    one = certify([0.8], [1], max_error=0.1, delta=0.1)  # says nothing against the surest answers
    assert (one.certified, one.labels_needed) == (False, 21)
    assert (wrong.coverage.value, wrong.coverage.low, wrong.coverage.high) == (0.0, 0.0, 0.0)
    right = certify([0.5] * 300, [1] * 300, max_error=0.1, delta=DELTA)
    assert right.threshold == 0.5 and right.coverage.value == 1.0 and right.labels_needed is None


@pytest.mark.parametrize(
    ("scores", "correct", "max_error"),
    [
        ([0.9], [0], 0.2),
        ([0.9], [0], 0.01),
        ([0.9, 0.8], [1, 0], 0.2),
        ([0.9, 0.8], [0, 0], 0.2),
        ([0.9] * 3, [1, 1, 0], 0.2),
        ([0.9] * 4, [1, 1, 1, 0], 0.2),
        ([0.9] * 5, [0] * 5, 0.1),
        ([0.9 - i / 100 for i in range(40)], [1, 0, 1, 0] * 10, 0.3),
    ],
)
def test_unlucky_labels_ask_for_the_fewest_that_could_do(
    scores: list, correct: list, max_error: float
) -> None:
    """Further answers, all right and surer, certify in just that number, and in no smaller one."""
    made = certify(scores, correct, max_error=max_error, delta=DELTA)
    assert not made.certified and made.labels_needed is not None
    assert f"at least {made.labels_needed} more" in str(made.reason)

    def granted(more: int) -> bool:
        s, y = np.r_[scores, np.full(more, 0.99)], np.r_[correct, np.ones(more)]
        return certify(s, y, max_error=max_error, delta=DELTA).certified

    assert granted(made.labels_needed)
    assert not any(granted(k) for k in range(max(0, made.labels_needed - 40), made.labels_needed))


def test_null_means_that_the_labels_exclude_a_threshold() -> None:
    """The more labels of one share wrong, the sooner: never with a few, always with many."""
    told = []
    for tens in (0.6, 1, 3, 30, 100):
        scores = np.full(round(10 * tens), 0.9)
        right = np.arange(len(scores)) % 10 >= 3
        told.append(certify(scores, right, max_error=0.2, delta=DELTA).labels_needed is None)
    assert told == [False, False, False, True, True]
    clustered = certify(np.full(300, 0.9), np.arange(300) % 10 >= 3, max_error=0.2, delta=DELTA,
                        cluster=np.arange(300) % 20)  # fmt: skip
    assert clustered.labels_needed is not None, "300 copies of 20 answers exclude no more than 20"


@pytest.mark.parametrize(
    ("scores", "correct", "more", "says"),
    [
        ([0.9, float("nan")], [1, 0], {}, "scores must be in"),
        ([0.9, 0.8], [1, float("nan")], {}, "correct must be in"),
        ([0.9, 1.8], [1, 0], {}, "scores must be in"),
        ([0.9, 0.8], [1], {}, "2 values"),
        ([0.9], [1], {"max_error": 0.0}, "max_error must lie between"),
        ([0.9], [1], {"delta": 1.0}, "delta must lie between"),
        ([0.9], [1], {"risk": "both"}, "selective"),
        ([0.9], [1], {"weight": [0.0]}, "weight must be positive"),
        ([0.9], [1], {"cluster": ["a", "b"]}, "cluster must have 1"),
        ([0.9], [1], {"prior_map": "maps.json"}, "CalibrationMap"),
        ([0.9], [1], {"issue": 0}, "counts from 1"),
        ([0.9], [1], {"over": "rows"}, "'answers' or 'clusters'"),
        (
            [0.9] * 2,
            [1, 1],
            {"over": "clusters", "cluster": [1, 1], "weight": [1.0, 2.0]},
            "Weights that differ",
        ),
    ],
)
def test_bad_input_is_a_sentence(scores: list, correct: list, more: dict, says: str) -> None:
    with pytest.raises(UnusableInput, match=says):
        certify(scores, correct, **{"max_error": 0.1, "delta": DELTA, **more})


def test_a_prior_map_binds_the_certificate_and_keeps_the_set_of_answers() -> None:
    rng = np.random.default_rng(9)
    s = np.round(rng.beta(5, 1.3, 3000), 2)
    right = rng.random(3000) < s
    prior = calibrant.fit(s[:1000], right[:1000]).map
    made = certify(s[1000:], right[1000:], max_error=0.12, delta=DELTA, prior_map=prior)
    assert made.map_id == prior.map_id and made.threshold is not None and made.threshold_p is not None
    everything = np.unique(s)
    assert ((everything >= made.threshold) == (prior(everything) >= made.threshold_p)).all()
    with pytest.raises(UnusableInput, match="these very labels"):
        certify(s[:1000], right[:1000], max_error=0.12, delta=DELTA, prior_map=prior)
    other = prior.with_fingerprint(Fingerprint(model="a"))
    with pytest.raises(calibrant.CalibrantError, match="fitted on other scores"):
        certify(s, right, max_error=0.1, delta=DELTA, prior_map=other, fingerprint=Fingerprint(model="b"))


def test_a_map_that_falls_is_refused() -> None:
    """Above a probability lie other answers than above a score, which nothing was tested on."""
    rng = np.random.default_rng(15)
    c = rng.random(400)
    falls = calibrant.fit(c, rng.random(400) < 0.5 + 0.4 * c, "histogram")
    assert (np.diff(falls(np.linspace(0, 1, 101))) < 0).any()
    later = rng.random(800)
    with pytest.raises(UnusableInput, match="falls somewhere"):
        certify(later, rng.random(800) < 0.5 + 0.4 * later, max_error=0.2, delta=DELTA, prior_map=falls)


def test_a_series_never_spends_more_than_delta() -> None:
    assert sum(spent(0.1, k) for k in range(1, 200_000)) == pytest.approx(0.1, rel=1e-4)
    first = certify([0.9] * 200, [1] * 200, max_error=0.1, delta=DELTA, issue=1)
    assert first.level == pytest.approx(0.1 * 6 / math.pi**2)
    assert fewest(0.1, spent(0.1, 3)) > fewest(0.1, spent(0.1, 1))


def test_the_watch_goes_on_from_where_it_stopped_and_counts_clusters_once() -> None:
    rng = np.random.default_rng(11)
    right, weight = rng.random(300) >= 0.3, rng.choice([1.0, 4.0], 300)
    whole = RiskWatch(max_error=0.2, max_weight=4).after(right, weight)
    parts = (
        RiskWatch(max_error=0.2, max_weight=4)
        .after(right[:120], weight[:120])
        .after(right[120:], weight[120:])
    )
    assert parts.log_wealth == pytest.approx(whole.log_wealth)
    assert parts.highest == pytest.approx(whole.highest)
    copies = RiskWatch(max_error=0.2).after(np.repeat(right, 5), cluster=np.repeat(np.arange(300), 5))
    assert copies.log_wealth == pytest.approx(RiskWatch(max_error=0.2).after(right).log_wealth)
    by_hand = np.mean([
        np.prod(1 + share / 0.2 * ((1 - right[:9]) - 0.2)) for share in (0.8, 0.5, 0.3, 0.18, 0.1, 0.06, 0.03, 0.015)
    ])  # fmt: skip
    assert RiskWatch(max_error=0.2).after(right[:9]).e_value == pytest.approx(by_hand)
    with pytest.raises(UnusableInput, match="exceeds max_weight"):
        RiskWatch(max_error=0.2).after([1], [2.0])


def test_the_start_knows_the_number_of_rows_only() -> None:
    assert [start_rank(n, 0.2, 0.1) for n in (5, 300, 1000)] == [5, 57, 98]
    assert start_rank(1000, 0.01, 0.1) == 230


BEFORE = """
{"certificate_id": "f169c707943a12fe", "format": "calibrant/certificate", "version": 1, "by": {}, "certified":
true, "threshold": 0.7597, "coverage": {"value": 0.6425, "low": 0.5944838604340039, "high":
0.690516139565996}, "max_error": 0.1, "delta": 0.1, "labels_used": 800, "labels_needed": null, "method":
"fixed sequence, exact binomial, from the 90 surest", "reason": null, "risk": "selective", "scale": "score",
"threshold_p": null, "map_id": null, "fingerprint": {"model": null, "signal": null, "prompt": null,
"parameters": null, "task": "t", "domain": null}, "issue": null, "level": 0.1, "tested": 800, "accepted": 514,
"wrong": 42, "start": 90, "max_weight": 1.0, "evidence": "8ae04ea98e027d81", "seed": 0, "revoked": null}
"""
"""A certificate as it was written before it said of what its shares are shares."""


def test_a_certificate_of_an_earlier_version_keeps_its_id_and_what_it_promised() -> None:
    one = Certificate.from_json(BEFORE)
    assert (one.certificate_id, one.over, one.together) == ("f169c707943a12fe", None, None)
    assert "cluster" not in one._promised() and json.loads(one.to_json()) == json.loads(BEFORE)
    tied = json.loads(BEFORE) | {"tested": 300}
    del tied["certificate_id"]
    assert "one answer of each cluster counted" in Certificate.from_json(tied)._promised()
    with pytest.raises(UnusableInput, match="edited or damaged"):
        Certificate.from_json(json.loads(BEFORE) | {"over": "answers"})
