"""Every measure of twenty small worlds, to the last digit, and what each refusal says.

The numbers lie in `expected/`; `test_metrics.py` holds the same measures against other libraries and simulations.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from calibrant import Tally, metrics
from calibrant.errors import CalibrantError
from calibrant.metrics import Estimate, conditions, differences, paired, ranking, recovery
from calibrant.metrics.ece import dispersion, equal_mass
from calibrant.metrics.gap import pseudo_freedom, widest_gap

from ..holding import hold, said

HELD = Path(__file__).parent / "expected"


def drawn(n: int, seed: int, power: float = 1.5, step: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of which the right share is score ** power; in steps where one is given."""
    rng = np.random.default_rng(seed)
    score = 1 - rng.random(n) ** 2 * 0.8
    score = np.round(score / step) * step if step else score
    return score, (rng.random(n) < score**power).astype(float)


def weighted(n: int, seed: int) -> np.ndarray:
    return np.where(np.random.default_rng(seed).random(n) < 0.3, 12.0, 1.5)


def worlds() -> dict[str, Tally]:
    score, right = drawn(300, 1)
    stated, sure = drawn(200, 2, step=0.1)
    few, few_right = drawn(60, 3, power=0.5)
    grades = np.round(drawn(120, 4)[1] * 0.6 + np.random.default_rng(5).random(120) * 0.4, 1)
    items = np.repeat(np.arange(50), 4)
    of_items = np.repeat(drawn(50, 6)[1], 4)
    alike = np.where(np.random.default_rng(7).random(200) < 0.15, 1 - of_items, of_items)
    seen = Tally.of(score, right)
    return {
        "binary": seen,
        "stated": Tally.of(stated, sure),
        "under-confident": Tally.of(few, few_right),
        "calibrated": Tally.of(*drawn(400, 8, power=1.0)),
        "graded": Tally.of(drawn(120, 4)[0], grades),
        "graded in steps": Tally.of(np.round(drawn(120, 4)[0], 1), grades),
        "weighted": Tally.of(score[:150], right[:150], weighted(150, 9)),
        "clustered": Tally.of(stated, alike, cluster=items),
        "all at once": Tally.of(score[:120], grades, weighted(120, 10), np.repeat(np.arange(40), 3)),
        "few heavy": Tally.of([0.8] * 404, [1, 0] * 202, [1.0] * 400 + [50.0] * 4),
        "unseen": replace(seen, unseen=40.0, unseen_score=30.0),
        "falling": Tally.of([0.7] * 60 + [0.8] * 100 + [0.99] * 40, [1, 0] * 30 + [1] * 90 + [0] * 10 + [1, 0,
        0, 0] * 10),
        "falling everywhere": Tally.of(score, (score < 0.8) * 1.0),
        "perfectly ranked": Tally.of(score[:80], (score[:80] > 0.7) * 1.0),
        "all right": Tally.of(score[:40], np.ones(40)),
        "all wrong": Tally.of(score[:40], np.zeros(40)),
        "bent": Tally.of([0.3] * 200 + [0.9] * 200, [1] * 110 + [0] * 90 + [1] * 130 + [0] * 70),
        "five of a score": Tally.of([0.2] * 5 + [0.6] * 5 + [0.9] * 60, [1, 0, 0, 0, 0] + [1, 1, 0, 0, 0] + [1,
        1, 0] * 20),
        "sure of all": Tally.of([0.0, 0.5, 1.0] * 20, [0.0, 1.0, 1.0, 0.0, 0.0, 1.0] * 10),
        "certain": Tally.of([1.0] * 30 + [0.0] * 10, [1] * 30 + [0] * 10),
        "three": Tally.of([0.2, 0.6, 0.9], [0, 1, 1]),
        "two": Tally.of([0.4, 0.9], [1, 0]),
        "one": Tally.of([0.7], [1]),
        "none": Tally.of([], []),
    }  # fmt: skip


WORLDS = worlds()


def measures(t: Tally) -> dict[str, Any]:
    """All that is measured in a few milliseconds, refusals in words."""
    ranked = said(lambda: ranking.ranking(t))
    by_rank = isinstance(ranked, ranking.Ranking)
    each = {
        **{name: lambda name=name: getattr(metrics, name)(t) for name in (
            "spiegelhalter", "kolmogorov_smirnov", "kuiper", "ece", "ece_equal_mass", "noise_floor",
            "noise_floor_equal_mass", "gap", "brier", "log_loss", "auroc", "aurc", "fall",
        )},
        "gap at .8": lambda: metrics.gap(t, level=0.8),
        "widest gap": lambda: (widest_gap(t), widest_gap(t, 0.5)),
        "freedom": lambda: t.rows and pseudo_freedom(t, 4.0),
        "dispersion": lambda: t.rows and dispersion(t),
        "ece of 10": lambda: (
            metrics.ece(t, 10), metrics.ece(t, 10, right_closed=True), metrics.ece_equal_mass(t, 10),
            metrics.noise_floor(t, 10), metrics.noise_floor_equal_mass(t, 10),
        ),
        "bins": lambda: metrics.bins(t, 4),
        "bins closed on the right": lambda: metrics.bins(t, 4, right_closed=True),
        "equal mass": lambda: metrics.ece_equal_mass(t, 3),
        "log loss, floor .1": lambda: metrics.log_loss(t, 0.1),
        "ranking": lambda: ranked,
        "ranked": lambda: by_rank and (
            ranked.enough, ranked.above_chance, ranked.below_chance, ranked.interval(), ranked.interval(0.8)
        ),
        "ranking, twice the variance": lambda: ranking.ranking(t, 2.0),
    }  # fmt: skip
    return {name: said(call) for name, call in each.items()}


def of_conditions(t: Tally) -> dict[str, Any]:
    """What a condition is judged on; the two that take most are those of `costly`."""
    names = [name for name in conditions.MEASURES if name not in ("l2", "smooth_ece")]
    return {
        f"{name} at {level}": said(lambda name=name, level=level: conditions.measured(t, name, level))
        for name in names
        for level in (0.95, 0.99)
    }


COSTLY = {
    "l2": lambda t: (metrics.l2(t), metrics.l2(t, 4, level=0.8)),
    "smooth_ece": lambda t: (metrics.smooth_ece(t), metrics.smooth_ece(t, level=0.8)),
    "finding": lambda t: (found := metrics.Finding.of(t, 10), found.to_dict(), found.too_few, found.reversed),
    "bootstrap": lambda t: metrics.bootstrap(t, metrics.brier, resamples=20, level=0.8),
    "corp": metrics.corp,
    "band": lambda t: metrics.consistency_band(t, resamples=12),
    "equal mass": lambda t: equal_mass(t, 6),
    "risk": metrics.risk_coverage,
}  # fmt: skip


@pytest.mark.parametrize("name", WORLDS)
def test_measures(name: str) -> None:
    hold(HELD / "measures.json", name, measures(WORLDS[name]))


@pytest.mark.parametrize("name", WORLDS)
def test_measures_of_conditions(name: str) -> None:
    hold(HELD / "conditions.json", name, of_conditions(WORLDS[name]))


SLOW = (
    "binary", "stated", "graded", "weighted", "all at once", "unseen", "falling", "all right", "bent", "two", "one",
    "none",
)  # fmt: skip
"""The worlds of the two that take a tenth of a second each."""


@pytest.mark.parametrize(
    ("name", "measure"),
    [(n, m) for m in COSTLY for n in WORLDS if n in SLOW or m not in ("smooth_ece", "finding")],
)
def test_costly_measures(name: str, measure: str) -> None:
    found = said(lambda: COSTLY[measure](WORLDS[name]))
    hold(HELD / f"{measure.replace(' ', '_')}.json", name, {measure: shortened(found)})


def shortened(found: Any) -> Any:
    """Of a field for each score every seventh."""
    if isinstance(found, tuple) and any(isinstance(part, np.ndarray) for part in found):
        return tuple(np.asarray(part)[::7] for part in found)
    if isinstance(found, metrics.Corp | metrics.RiskCoverage):
        return {
            name: value[::7] if isinstance(value, np.ndarray) else value
            for name in found.__dataclass_fields__
            if (value := getattr(found, name)) is not None
        }
    return found


def test_naive_measures_are_those_held() -> None:
    """The definitions, row by row."""
    for score, right, weight in (
        (*drawn(300, 1), np.ones(300)),
        (*drawn(200, 2, step=0.1), np.ones(200)),
        (drawn(300, 1)[0][:150], drawn(300, 1)[1][:150], weighted(150, 9)),
    ):
        t = Tally.of(score, right, weight)
        tilt = 1 - 2 * score
        z = (weight * (right - score) * tilt).sum() / math.sqrt(
            (weight**2 * tilt**2 * score * (1 - score)).sum()
        )
        one = metrics.spiegelhalter(t)
        assert (one.statistic, one.p_value) == pytest.approx((z, 2 * norm.sf(abs(z))))
        deviation = math.sqrt((weight**2 * score * (1 - score)).sum())
        walk = np.array([0.0] + [(weight * (right - score))[score <= at].sum() for at in np.unique(score)])
        ks, kuiper = metrics.kolmogorov_smirnov(t), metrics.kuiper(t)
        assert ks.statistic == pytest.approx(abs(walk).max() / deviation)
        assert kuiper.statistic == pytest.approx((walk.max() - walk.min()) / deviation)
        k = np.arange(2000)  # Feller's own series, of which the code has the reflected one
        feller = (
            1
            - 4
            / math.pi
            * ((-1.0) ** k / (2 * k + 1) * np.exp(-(((2 * k + 1) * math.pi / ks.statistic) ** 2) / 8)).sum()
        )
        assert ks.p_value == pytest.approx(feller, abs=1e-9)
        cost = -np.where(
            right == 1, np.log(np.clip(score, 1e-15, 1 - 1e-15)), np.log1p(-np.clip(score, 1e-15, 1 - 1e-15))
        )
        assert metrics.log_loss(t) == pytest.approx((weight * cost).sum() / weight.sum())
        assert metrics.brier(t) == pytest.approx((weight * (score - right) ** 2).sum() / weight.sum())
        pair = np.subtract.outer(score[right == 1], score[right == 0])
        both = np.outer(weight[right == 1], weight[right == 0])
        assert metrics.auroc(t) == pytest.approx((both * ((pair > 0) + 0.5 * (pair == 0))).sum() / both.sum())


def side(seed: int, n: int = 80, units: int = 40, heavy: bool = False) -> differences.Sample:
    score, grade = drawn(n, seed)
    weight = weighted(n, seed) if heavy else np.ones(n)
    return differences.Sample(score, grade, weight, np.arange(n) % units)


NOBODY = differences.Sample(np.empty(0), np.empty(0), np.empty(0), np.empty(0, np.intp))
PAIRS = {
    "alike": (side(1), side(2)),
    "heavy": (side(3, heavy=True), side(4, heavy=True)),
    "units of the other side": (side(6, n=120, units=110), side(5)),
    "units of one side": (side(5), side(6, n=120, units=110)),
    "the same": (side(7), side(7)),
    "few wrong": (side(8), differences.Sample(*drawn(80, 9, power=0.02), np.ones(80), np.arange(80))),
    "all right": (differences.Sample(np.full(6, 0.9), np.ones(6), np.ones(6), np.arange(6)),) * 2,
    "one unit": (side(10, units=1), side(11, units=1)),
    "graded": (side(12), replace(side(13), grade=np.round(side(13).score, 1))),
}


@pytest.mark.parametrize("name", PAIRS)
def test_differences(name: str) -> None:
    a, b = PAIRS[name]
    found = {
        f"{measure}, {'paired' if together else 'apart'}": (one, one.value, one.p, one.interval(), one.interval(0.8))
        for together in (True, False)
        for measure, one in differences.differences(a, b, paired=together).items()
    }  # fmt: skip
    units = [differences.effective_units((a, b), paired=together) for together in (True, False)]
    placed = ranking.placements(a.score, a.grade, a.weight)
    effects = [ranking.ranking_effect(a.score, a.grade, w, a.unit) for w in (None, a.weight)]
    hold(HELD / "differences.json", name, {**found, "units": units, "placed": placed, "effects": effects})


def test_nobody_has_no_units_and_no_ranks() -> None:
    assert [differences.effective_units((NOBODY, NOBODY), paired=p) for p in (True, False)] == [0.0, 0.0]
    assert differences.effective_units((NOBODY, side(1)), paired=False) == 0.0
    assert ranking.placements(NOBODY.score, NOBODY.grade, NOBODY.weight) is None
    assert ranking.ranking_effect(NOBODY.score, NOBODY.grade, None, NOBODY.unit) == 1.0
    ones = np.ones(4)
    assert ranking.ranking_effect(ones, ones, None, np.arange(4)) == 1.0
    assert ranking.ranking_effect(ones, 0 * ones, None, np.arange(4)) == 1.0
    assert (
        ranking.ranking_effect(np.array([0.2, 0.9] * 3), np.array([0.0, 1.0] * 3), None, np.zeros(6, int))
        == 6.0
    )


def test_paired() -> None:
    rng = np.random.default_rng(3)
    many, few = np.round(rng.random(40) - 0.3, 3), np.round(rng.random(12) - 0.45, 3)
    values = np.round(rng.random((15, 4)) + np.arange(4) * 0.1, 1)
    found = {
        "means": [paired.mean_difference(one) for one in (many, few, [0.25, 0.25])],
        "flips": [paired.sign_flip_p(one) for one in (many, few, many[:13], -few, [0.0, 0.2, 0.0], [])],
        "trends": [
            paired.trend(one) for one in (values, -values, values[:, ::-1], values[:1], values[:, :2])
        ],
    }
    hold(HELD / "paired.json", "paired", found)


def routed(seed: int, n: int = 60) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    gain, small, large = np.round(rng.random(n), 1), rng.random(n) < 0.5, rng.random(n) < 0.8
    return gain, small * 1.0, large * 1.0, (rng.random(n) < 0.4) * 1.0, 0.5 + rng.random(n)


def test_recovery() -> None:
    gain, first, large, small, weight = routed(1)
    made = {
        "plain": recovery.Recovery.of(gain, first, large),
        "specialist": recovery.Recovery.of(gain, first, large, small, weight),
        "no gap": recovery.Recovery.of(gain, large, large),
        "worse": recovery.Recovery.of(gain, np.ones(60), small),
    }
    found = {
        name: {
            "made": one, "starts": one.starts, "curve": one.curve(), "costs": one.curve(gain * 3),
            "levels": one.levels(),
            "gap": one.gap, "recovered": one.recovered(), "apgr": recovery.apgr(one),
            "cpt": [recovery.cpt(one, level) for level in (0.0, 0.2, 0.5, 0.8, 1.0)],
            "random": recovery.random_apgr(one, 5, 12),
            "drawn": [(recovery.apgr(again), again.gap) for again in one.resamples(3, 7)],
        }
        for name, one in made.items()
    }  # fmt: skip
    found["default"] = {"random": recovery.random_apgr(made["plain"], 5)}
    refused = [
        said(lambda: recovery.Recovery.of(gain[:0], first[:0], large[:0])),
        said(lambda: recovery.Recovery.of(gain, first[:5], large)),
        said(lambda: recovery.Recovery.of(gain, first, large, small, weight[:5])),
    ]
    hold(HELD / "recovery.json", "recovery", {**found, "refused": refused})


def test_segments() -> None:
    tallies = {
        (topic, tongue): Tally.of(*drawn(n, seed, power))
        for seed, (topic, tongue, n, power) in enumerate([
            ("law", "de", 40, 4.0), ("law", "en", 25, 2.0), ("art", "de", 60, 1.0), ("art", None, 10, 1.0),
            ("sums", "en", 80, 0.2),
        ])
    }  # fmt: skip
    found = {
        "worst": metrics.worst_segment(tallies, ["topic", "tongue"]),
        "at .8": metrics.worst_segment(tallies, ["topic", "tongue"], level=0.8),
        "one column": metrics.worst_segment({k[:1]: t for k, t in tallies.items()}, ["topic"]),
        "none": metrics.worst_segment({("law", "en"): tallies["law", "en"]}, ["topic", "tongue"]),
        "beyond": [
            metrics.beyond_chance(list(tallies.values()), level=level) for level in (0.5, 0.95, 0.999)
        ],
        "nothing": metrics.beyond_chance([]),
    }
    hold(HELD / "segments.json", "segments", found)
    thirty = Tally.of([0.9] * 30, [1, 0] * 15)
    assert metrics.worst_segment({("a",): thirty}, ["one"])["n"] == 30
    assert metrics.worst_segment({("a",): Tally.of([0.9] * 29, [1] * 29)}, ["one"]) is None


def test_holm_gives_the_later_a_larger_share() -> None:
    """Each tally is beyond chance at the level of those that are left, not of all."""
    t = Tally.of([0.7] * 100, [1] * 60 + [0] * 40)
    clear = Tally.of([0.9] * 100, [1] * 40 + [0] * 60)
    level = next(x for x in np.linspace(0.5, 0.99, 50) if metrics.gap(t, level=1 - (1 - x) / 2).low <= 0)
    assert metrics.gap(t, level=float(level)).low > 0
    assert metrics.beyond_chance([t, t], level=float(level)) == [False, False]
    assert metrics.beyond_chance([clear, t], level=float(level)) == [True, True]


def test_matrices() -> None:
    p = np.random.default_rng(2).dirichlet(np.ones(3), 30)
    y = np.random.default_rng(3).integers(0, 3, 30)
    top = metrics.top_label(p, y)
    found = {
        "top": (top.score, top.hits),
        "classes": [(t.accuracy, t.mean_confidence) for t in metrics.class_wise(p, y)],
        "ece": (metrics.classwise_ece(p, y), metrics.classwise_ece(p, y, 4)),
        "near": said(lambda: metrics.top_label([[0.5004, 0.5004]], [0]).score),
        "refused": [
            said(lambda: metrics.top_label(p, y[:3])), said(lambda: metrics.top_label(p[0], y)),
            said(lambda: metrics.top_label(p * 1.01, y)), said(lambda: metrics.top_label(p, y + 1)),
            said(lambda: metrics.top_label(p, y - 1)), said(lambda: metrics.top_label(p, y + 0.5)),
        ],
        "nothing": metrics.top_label(np.empty((0, 2)), []).rows,
    }  # fmt: skip
    hold(HELD / "matrices.json", "matrices", found)


CONDITIONS = [
    "gap>0.05", " GAP >= 5 % ", "abs(gap)>0.05", "abs( brier ) < .2", "auroc<0.7", "n<30", "log_loss>2", "n>1e3",
    "gap>-1", "gap<1", "brier<=1", "gap>1", "gap<-1", "gap>5", "brier>20", "auroc<-2%", "abs(gap>0.1", "gap)>0.1",
    "gap=0.1", "gap>", "gap>.", "gap>1.2.3", "ece>0.1", "coverage_at>0.1", "what>0.1", "accuracy>150%", "gap > +0.1",
    "log_loss<-1", "l2>1", "n>1", "", "gap>0.05 and n>3",
]  # fmt: skip


def test_conditions() -> None:
    found = {}
    for text in CONDITIONS:
        made = said(lambda text=text: conditions.Condition.of(text, conditions.MEASURES))
        found[text] = made if isinstance(made, str) else (made, str(made))
    hold(HELD / "texts_of_conditions.json", "conditions", found)


def test_what_is_met() -> None:
    ends = [(-0.3, -0.1), (-0.1, 0.1), (0.1, 0.3), (0.0, 0.0), (-0.1, 0.05), (0.05, 0.2), (-0.2, -0.05)]
    found = {}
    for text in (
        "gap>0.1",
        "gap<0.1",
        "gap<-0.1",
        "abs(gap)>0.1",
        "abs(gap)<0.1",
        "abs(gap)>0",
        "abs(gap)>-0.1",
        "gap>0.05",
        "gap<0.05",
    ):
        one = conditions.Condition.of(text, conditions.MEASURES)
        found[text] = [one.met(Estimate(sum(e) / 2, *e)) for e in ends]
    hold(HELD / "met.json", "met", found)


def test_judgements() -> None:
    asked = conditions.conditions(["gap>0.05", "gap<-0.05", "n<100", "brier>0.3"], conditions.MEASURES)
    tallies = [WORLDS["binary"], WORLDS["under-confident"], WORLDS["three"]]
    found = conditions.judged(
        asked, ["a", "b", "c"], lambda i, name, level: conditions.measured(tallies[i], name, level),
        lambda name: "people" if name == "gap" else None,
    )  # fmt: skip
    hold(HELD / "judgements.json", "judgements", {"all": found, "plain": [one.to_dict() for one in found]})
    assert conditions.judged(asked[2:3], ["a"], lambda *_: None)[0].level == 0.95
    assert conditions.judged(asked, [], lambda *_: None) == []
    assert conditions.judged(asked, ["a"], lambda *_: None)[0].verdicts is None
    with pytest.raises(CalibrantError, match="Expected a condition"):
        conditions.conditions(["gap>0.05", "no"], conditions.MEASURES)
