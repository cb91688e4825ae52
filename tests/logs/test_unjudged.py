"""Confidences of which no row was judged are told, and that verdicts were not given at random; nothing else is."""

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.logs.unjudged import Unjudged


def notes(p, judged, *, weighted=False):
    rng = np.random.default_rng(9)
    right = (rng.random(len(p)) < p).astype(float)
    log = {
        "confidence": p.tolist(),
        "correct": [r if j else None for r, j in zip(right, judged, strict=True)],
    }
    if weighted is not False:
        log["weight"] = [1.5] * len(p) if weighted is True else list(weighted)
    return [one for one in calibrant.audit(pd.DataFrame(log)).notes if "verdict" in one]


P = np.random.default_rng(1).uniform(0.3, 0.999, 2000)


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        (P < 0.8, "claim 80 of 100 or more, and hardly any of those has a verdict (0)"),
        (P > 0.5, "claim less than 50 of 100"),
        ((P < 0.6) | (P > 0.75), "claim 60 to 75 of 100"),
        ((P < 0.6) | ((P > 0.65) & (P < 0.85)), "claim 60 to 65 of 100 or 85 of 100 or more"),
    ],
)
def test_confidences_that_nobody_judged_are_named(judged, words):
    for weighted in (False, True):
        (note,) = notes(P, judged, weighted=weighted)
        assert words in note and f"{int((~judged).sum()):,} of 2,000 rows" in note


def test_a_few_verdicts_in_a_hundred_are_hardly_any():
    sure = np.flatnonzero(P >= 0.9)
    judged = P < 0.9
    judged[sure[:4]] = True
    (note,) = notes(P, judged)
    assert "claim 90 of 100 or more" in note and "has a verdict (4)" in note


def test_verdicts_that_are_rarer_where_the_confidence_is_high_are_told_unless_they_are_weighted():
    chance = np.where(P < 0.6, 0.9, 0.2)
    judged = np.random.default_rng(2).random(len(P)) < chance
    (note,) = notes(P, judged)
    assert "were not chosen at random" in note and "--weight" in note
    assert not notes(P, judged, weighted=1 / chance)


def test_verdicts_at_random_are_told_in_hardly_any_log():
    rng, told = np.random.default_rng(3), 0
    for _ in range(400):
        unjudged, p = Unjudged(), rng.beta(5, 1.3, 600)
        for part in np.split(p, 3):
            unjudged.see(part, rng.random(len(part)) < rng.choice([0.1, 0.5, 0.9]))
        told += bool(unjudged.notes(weighted=False))
    assert told <= 4


def test_a_log_without_verdicts_or_without_gaps_says_nothing():
    assert not notes(P, np.full(len(P), True))
    assert not Unjudged().notes(weighted=False)
    unjudged = Unjudged()
    unjudged.see(np.array([1.0, 0.0, 1.0]), np.array([True, False, False]))
    assert not unjudged.notes(weighted=False)
