"""Certificates whole: every field of many small ones, against values that were read one by one, and each by hand.

    python tests/guarantees/test_certifying.py

writes `expected/certificates.json` anew, for its changes to be read.
"""

from __future__ import annotations

import json
import math
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import bdtr
from scipy.stats import norm

from calibrant import certify
from calibrant.errors import Misuse, UnusableInput
from calibrant.fits.logistic import fit_logistic
from calibrant.guarantees.walking import fewest, start_rank
from calibrant.maps.calibration import CalibrationMap, Evidence
from calibrant.maps.curves import Steps
from calibrant.tally import Tally
from calibrant.types import Fingerprint

EXPECTED = Path(__file__).parent / "expected/certificates.json"
NAN = float("nan")


def rows(*kinds: tuple[float, int, int]) -> dict[str, Any]:
    """Scores and verdicts: of each score so many right answers and so many wrong ones."""
    scores = [score for score, right, wrong in kinds for _ in range(right + wrong)]
    correct = [grade for _, right, wrong in kinds for grade in [1] * right + [0] * wrong]
    return {"scores": scores, "correct": correct}


def prior(*knots: tuple[float, float], linear: bool = True, digest: str = "0") -> CalibrationMap:
    """A map through such points of score and probability."""
    score, p = zip(*knots, strict=True)
    return CalibrationMap(
        calibrator="steps",
        curve=Steps(score=score, p=p, low=p, high=p, linear=linear),
        evidence=Evidence(rows=9, n_eff=9.0, accuracy=0.5, mean_confidence=0.5, distinct=2, digest=digest),
        fingerprint=Fingerprint(model="m"),
    )


STAIRS = rows((0.95, 58, 2), (0.9, 38, 2), (0.7, 33, 7), (0.4, 20, 20))
LOW = rows((0.9, 0, 6), (0.8, 3, 3), (0.6, 2, 6))
SLOPE = {"scores": [i / 100 for i in range(100)], "correct": [int(i % 10 < i / 8) for i in range(100)]}
UNEVEN = [n for n in range(60) for _ in range(1 + 2 * (n % 2))]  # 120 rows in 60 clusters, of 1 and of 3
SOME = [*(f"c{n // 2}" for n in range(90)), *[None, NAN] * 25, *"abcabcabca"] * 2
"""Of 300 rows, some in clusters and some of which it is not known."""
MAP = prior((0.0, 0.1), (0.5, 0.5), (1.0, 1.0))
FLAT = prior((0.0, 0.95), (1.0, 0.95))
HELD = prior((0.0, 0.3), (0.6, 0.92), (0.85, 0.97), linear=False)

CASES: dict[str, dict[str, Any]] = {
    "plain": STAIRS,
    "stricter": {**STAIRS, "max_error": 0.07},
    "surer": {**STAIRS, "delta": 0.01},
    "all of them": {**STAIRS, "max_error": 0.3},
    "joint": {**STAIRS, "risk": "joint"},
    "a group, a fingerprint and a seed": {
        **STAIRS, "by": {"task": "law", "domain": None}, "fingerprint": Fingerprint(model="a", task="law"), "seed": 7,
    },
    "first of a series": {**STAIRS, "issue": 1},
    "third of a series": {**STAIRS, "issue": 3},
    "start of a smaller delta": {**STAIRS, "start_delta": 0.001},
    "start of a smaller delta in a series": {
        **rows(*((0.99 - n / 250, 1, 0) for n in range(200))), "start_delta": 0.001, "issue": 2,
    },
    "nothing assumed of ties": {**STAIRS, "ordered": False},
    "weights of two kinds": {**STAIRS, "weight": [1, 2] * 90},
    "a heavier kind may come": {**STAIRS, "largest": 1.25},
    "a lighter one may come": {**STAIRS, "largest": 0.5},
    "one weight": {**STAIRS, "weight": [3.0] * 180},
    "weights below one": {**STAIRS, "weight": [0.5, 0.25] * 90},
    "grades": {"scores": [0.9] * 60 + [0.6] * 40, "correct": [1] * 55 + [0.9] * 5 + [0.25, 0.5] * 20},
    "clusters of one size": {**STAIRS, "cluster": [n // 2 for n in range(180)]},
    "clusters of two sizes": {**rows((0.9, 116, 4)), "cluster": UNEVEN},
    "clusters of two sizes, each once": {**rows((0.9, 116, 4)), "cluster": UNEVEN, "over": "clusters"},
    "clusters of two sizes and weights": {**rows((0.9, 116, 4)), "cluster": UNEVEN, "weight": [1, 1, 2] * 40},
    "over clusters, and none": {**STAIRS, "over": "clusters"},
    "clusters and a larger one may come": {**rows((0.9, 116, 4)), "cluster": UNEVEN, "largest": 4.0},
    "clusters of one size and weights below one": {
        **STAIRS, "cluster": [n // 2 for n in range(180)], "weight": [0.25] * 180,
    },
    "clusters of which some are not known": {**rows((0.9, 270, 5), (0.5, 10, 15)), "cluster": SOME},
    "one cluster": {**rows((0.9, 30, 0)), "cluster": [7] * 30},
    "one cluster and others that are not known": {**rows((0.9, 40, 0)), "cluster": [5.0] * 3 + [NAN] * 37},
    "rows of single precision": {
        "scores": np.array([0.9] * 60 + [0.1] * 9, np.float32), "correct": np.array([True] * 60 + [False] * 9),
    },
    "objects": {
        "scores": [0.9] * 60, "correct": np.array([True] * 59 + [False], object),
        "weight": np.array([1, 2] * 30, object),
    },
    "a map": {**STAIRS, "prior_map": MAP},
    "a map and a fingerprint": {
        **STAIRS, "prior_map": MAP, "fingerprint": Fingerprint(model="m", task="law"), "by": {"task": "law"},
    },
    "a map from which the walk starts lower": {
        **rows(*((0.99 - 0.001 * n, 1, 0) for n in range(100)), (0.7, 10, 0), (0.6, 0, 30)),
        "prior_map": prior((0.0, 0.0), (0.65, 0.945), (1.0, 0.95)),
    },
    "a map with the same at every score": {**rows((0.9, 40, 0), (0.2, 30, 2)), "prior_map": FLAT},
    "a map of steps": {**rows((0.95, 70, 1), (0.9, 70, 1), (0.7, 20, 9)), "prior_map": HELD, "max_error": 0.05},
    "a map of steps to the lowest": {**rows((0.95, 70, 1), (0.4, 70, 1)), "prior_map": HELD},
    "a map, and none": {**rows((0.95, 3, 7), (0.9, 1, 9)), "prior_map": MAP},
    "nothing": {"scores": [], "correct": []},
    "nothing, jointly": {"scores": [], "correct": [], "risk": "joint", "cluster": []},
    "one right": rows((0.9, 1, 0)),
    "one less than the fewest": rows((0.9, 21, 0)),
    "the fewest": rows((0.9, 22, 0)),
    "the fewest in pairs": {**rows((0.9, 22, 0)), "cluster": [n // 2 for n in range(22)]},
    "one right and a grade": {"scores": [0.9, 0.9], "correct": [1, 0.9]},
    "one wrong": rows((0.9, 0, 1)),
    "nine wrong": rows((0.9, 0, 9)),
    "ten wrong": rows((0.9, 0, 10)),
    "few and low": LOW,
    "few and low, jointly": {**LOW, "risk": "joint", "max_error": 0.2},
    "few and low in clusters": {**LOW, "cluster": [n // 2 for n in range(20)], "max_error": 0.3},
    "few and low and weights": {**LOW, "weight": [1, 3] * 10, "max_error": 0.2},
    "few and equal": {**rows((0.7, 16, 4)), "max_error": 0.15},
    "few and equal, in clusters": {**rows((0.7, 16, 4)), "max_error": 0.15, "cluster": [n // 2 for n in range(20)]},
    "few and equal, jointly": {**rows((0.7, 16, 4)), "max_error": 0.15, "risk": "joint"},
    "enough, and the surest of them wrong": {**rows((0.95, 0, 3), (0.9, 26, 0)), "risk": "joint"},
    "excluded": {**rows((0.9, 140, 60), (0.8, 60, 40))},
    "excluded, jointly": {**rows((0.9, 0, 100), (0.1, 0, 100)), "risk": "joint"},
    "excluded by a hundred": {**SLOPE, "correct": [int(i % 2 == 0 or i == 99) for i in range(100)]},
    "excluded but for the very surest": {
        **rows((0.99, 7, 0), (0.5, 400, 593)), "max_error": 0.02,
    },
    "one in a hundred that may do": {**rows((0.99, 10, 0), (0.5, 400, 590)), "max_error": 0.05},
    "predicted": {**SLOPE, "max_error": 0.05},
    "predicted, in twos": {**SLOPE, "max_error": 0.05, "cluster": [i // 2 for i in range(100)]},
    "predicted, with weights": {**SLOPE, "max_error": 0.05, "weight": [1, 1, 1, 4] * 25},
    "few, jointly": {**rows((0.9, 7, 1), (0.3, 2, 8)), "risk": "joint", "max_error": 0.25},
    "predicted, jointly": {**rows((0.9, 40, 4), (0.3, 10, 46)), "risk": "joint", "max_error": 0.05},
    "predicted of bad luck": {**rows((0.95, 24, 1), (0.9, 46, 3), (0.6, 14, 12)), "delta": 0.05},
    "predicted of the worst luck": {**rows((0.95, 37, 3), (0.6, 60, 0))},
    "predicted of worse luck": {**rows((0.95, 38, 2), (0.9, 98, 2))},
    "predicted of two": {**rows((0.9, 1, 1)), "max_error": 0.94},
    "predicted of few": {**rows((0.9, 20, 1)), "max_error": 0.1},
    "predicted of ten": {**rows((0.9, 9, 1)), "max_error": 0.15},
    "predicted, and far down": {**rows((0.99, 3, 0), (0.9, 50, 4), (0.8, 90, 9)), "max_error": 0.08},
    "predicted, and one more would do": {**rows((0.9, 21, 0), (0.3, 0, 1)), "max_error": 0.1},
    "none drawn": {**SLOPE, "largest": 1e9},
    "none drawn, all right": {**rows((0.9, 30, 0)), "largest": 1e9},
}  # fmt: skip


def certified(case: dict[str, Any]) -> dict[str, Any]:
    given = {"max_error": 0.1, "delta": 0.1, **case}
    return certify(given.pop("scores"), given.pop("correct"), **given).to_dict()


def written() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("name", CASES)
def test_every_field_of_a_certificate(name: str) -> None:
    made, wanted = certified(CASES[name]), written()[name]
    for told in (made, wanted):
        del told["certificate_id"]  # of all digits of the shares
        told.update({f"coverage, {name}": end for name, end in told.pop("coverage").items()})
    for name in made.keys() | wanted.keys():
        if isinstance(wanted[name], float) and name != "threshold":
            assert made[name] == pytest.approx(wanted[name], rel=1e-9), name
        else:
            assert made[name] == wanted[name], name


def test_every_certificate_that_is_kept_is_one_of_these() -> None:
    assert list(written()) == list(CASES)


def test_of_a_cluster_each_answer_is_drawn_as_often_as_its_weight_says() -> None:
    """Of 600 pairs, where the surer one stands for nine answers and the other for one."""
    made = certify(
        [0.9, 0.5] * 600, [1, 0] * 600, max_error=0.05, delta=0.1, weight=[9.0, 1.0] * 600,
        cluster=np.arange(1200) // 2,
    )  # fmt: skip
    assert (made.threshold, made.tested, made.wrong) == (0.9, 600, 0)
    assert made.accepted / made.tested == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 600))
    assert made.coverage.value == pytest.approx(0.9)


def needed_by_hand(scores: Any, correct: Any, max_error: float, delta: float) -> float:
    """The fewest answers with which the first test passes with probability 0.8, tried one number after another."""
    tally = Tally.of(scores, correct)
    curve = fit_logistic(tally, "platt")(tally.score)
    kinds, sent, lost = (
        [],
        0.0,
        0.0,
    )  # of each score down to which one may send: the share sent, answers it takes
    for weight, p in zip(tally.weight[::-1] / tally.total, curve[::-1], strict=True):
        sent, lost = sent + weight, lost + weight * (1 - p)
        if sent >= 0.01:
            error, takes = lost / sent, math.inf
            if error < 0.98 * max_error:
                spread = norm.isf(delta) * math.sqrt(max_error * (1 - max_error))
                spread += norm.ppf(0.8) * math.sqrt(error * (1 - error))
                takes = max((spread / (max_error - error)) ** 2, fewest(max_error, delta))
            kinds.append((sent, takes))
    for n in count(fewest(max_error, delta)):
        share, takes = next(one for one in kinds if one[0] >= start_rank(n, max_error, delta) / n - 1e-12)
        if n * share >= takes:
            return n
    raise AssertionError


@pytest.mark.parametrize(
    "name", ["stricter", "surer", "predicted", "predicted of bad luck", "predicted of few"]
)
def test_labels_that_are_predicted_to_suffice(name: str) -> None:
    given = {"max_error": 0.1, "delta": 0.1, **CASES[name]}
    told, more = written()[name], needed_by_hand(**given)
    # candidates lie 2.2 % apart
    assert more - 1 <= told["labels_needed"] + told["labels_used"] <= 1.03 * more + 1


@pytest.mark.parametrize(
    "name", ["one wrong", "nine wrong", "few and equal", "predicted of ten", "one right and a grade"]
)
def test_the_fewest_more_that_could_do(name: str) -> None:
    """All of them right and surer, and none fewer."""
    told, given = written()[name], {"max_error": 0.1, **CASES[name]}
    n, e = told["labels_used"], given["max_error"]
    (score,) = set(given["scores"])
    bad = n - sum(grade == 1 for grade in given["correct"])

    def passes(more: int) -> bool:
        if (first := start_rank(n + more, e, 0.1)) <= more:
            return float(bdtr(0.0, more, e)) <= 0.1
        assert score < 1 and first <= n + more
        return float(bdtr(float(bad), n + more, e)) <= 0.1

    assert next(more for more in count(1) if passes(more)) == told["labels_needed"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"max_error": 0.0}, "max_error must lie between 0 and 1, such as 0.1; got 0.0."),
        ({"max_error": 1.0}, "max_error must lie between 0 and 1, such as 0.1; got 1.0."),
        ({"delta": 0}, "delta must lie between 0 and 1, such as 0.1; got 0."),
        ({"delta": NAN}, "delta must lie between 0 and 1, such as 0.1; got nan."),
        ({"risk": "both"}, "risk must be 'selective' or 'joint'; got 'both'."),
        ({"over": "rows"}, "over must be 'answers' or 'clusters'; got 'rows'."),
        ({"issue": 0}, "issue counts from 1; got 0."),
    ],
)
def test_options_that_cannot_be_meant(given: dict[str, Any], says: str) -> None:
    with pytest.raises(Misuse) as refused:
        certified({**STAIRS, **given})
    assert str(refused.value) == says


def test_the_ends_of_what_options_can_be() -> None:
    assert certify([0.9], [1], max_error=0.999, delta=0.999).certified
    assert not certify([0.9], [1], max_error=0.001, delta=0.001, issue=1).certified


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"cluster": ["a", "b"]},
            "cluster must have 180 values, one a score; got shape (2,).",
        ),
        (
            {"cluster": UNEVEN + UNEVEN[:60], "weight": [1, 2] * 90, "over": "clusters"},
            "Weights that differ tell how often answers come, and nothing of how many a cluster has, so that one "
            "answer of each cannot be drawn. Leave over='clusters' (--over clusters) out.",
        ),
        (
            {"prior_map": "maps.json"},
            "prior_map must be a CalibrationMap of one signal, got str. Certify what a blend gives by itself: "
            "`calibrant apply`, then its column `p`.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_certified(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UnusableInput) as refused:
        certified({**STAIRS, **given})
    assert str(refused.value) == says


@pytest.mark.parametrize("dip", [0.5, 0.001, 0.999, 0.90003])
def test_a_map_that_falls_anywhere_is_refused(dip: float) -> None:
    """In a grid of 1,001 scores, or at a score that came."""
    falls = prior((0.0, 0.5), (dip - 2e-5, 0.6), (dip, 0.4), (dip + 2e-5, 0.6), (1.0, 0.7))
    with pytest.raises(UnusableInput) as refused:
        certified({**rows((0.90003, 40, 0)), "prior_map": falls})
    assert str(refused.value) == (
        f"The map {falls.map_id} (steps) falls somewhere as the score rises, so the answers at or above a probability "
        "are not those at or above a score. Fit one that does not fall, such as `calibrant fit LOG --calibrator "
        "isotonic`."
    )
    rounded = prior((0.0, 0.5), (0.5, 0.6), (0.501, 0.6 - 1e-12), (1.0, 0.7))
    assert certified({**rows((0.9, 40, 0)), "prior_map": rounded})["certified"]


def test_a_map_that_was_fitted_on_these_labels_is_refused() -> None:
    digest = Tally.of(STAIRS["scores"], STAIRS["correct"]).digest
    same = prior((0.0, 0.1), (1.0, 0.9), digest=digest)
    with pytest.raises(UnusableInput) as refused:
        certified({**STAIRS, "prior_map": same})
    assert str(refused.value) == (
        f"The map {same.map_id} was fitted on these very labels, so a promise resting on both would not hold. Give "
        "labels made after the map, or leave the map out."
    )
    of_nothing = prior((0.0, 0.1), (1.0, 0.9), digest=Tally.of([], []).digest)
    assert certified({"scores": [], "correct": [], "prior_map": of_nothing})["labels_needed"] == 22


if __name__ == "__main__":
    EXPECTED.write_text(
        json.dumps({name: certified(case) for name, case in CASES.items()}, indent=1) + "\n", encoding="utf-8"
    )


@pytest.mark.parametrize("rows", [30, 400, 6_000])
@pytest.mark.parametrize("risk", ["selective", "joint"])
def test_answers_that_were_counted_are_certified_as_one_by_one(rows: int, risk: Any) -> None:
    rng = np.random.default_rng(rows)
    scores = np.round(rng.beta(5, 1.3, rows), 2)
    right = (rng.random(rows) < scores).astype(float)
    pairs, count = np.unique(np.stack([scores, right]), axis=1, return_counts=True)
    for max_error in (0.02, 0.1, 0.3):
        asked: dict[str, Any] = {"max_error": max_error, "delta": 0.1, "risk": risk}
        assert certify(*pairs, count=count, **asked).to_dict() == certify(scores, right, **asked).to_dict()


def test_grades_that_were_counted_are_coins_and_ids_of_clusters_are_refused() -> None:
    made = [
        certify([0.9, 0.4], [0.97, 0.0], count=[2_000, 10], max_error=0.05, delta=0.1, seed=seed)
        for seed in range(200)
    ]
    wrong = np.array([one.wrong for one in made if one.certified])
    assert len(wrong) == 200 and abs(wrong.mean() - 70) < 3 and 5 < wrong.std() < 10
    with pytest.raises(Misuse, match="no ids of clusters"):
        certify([0.9], [1.0], count=[50], cluster=["a"], max_error=0.1, delta=0.1)
