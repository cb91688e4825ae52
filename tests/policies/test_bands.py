"""Bands of probability: where each begins, what is read, and the sentence that says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calibrant.policies.bands import Bands
from calibrant.types import Action, Confidence, Probability


def sure(p: float | None, low: float | None = None, verdicts: int = 400) -> Confidence:
    if p is None:
        return Confidence(p=None, reason="no map")
    return Confidence(p=Probability(p), low=p if low is None else low, high=1.0, verdicts=verdicts)


@pytest.mark.parametrize(
    ("edge", "above", "at"),
    [
        (0.85, Action.ANSWER, Action.DISCLAIM),
        (0.60, Action.DISCLAIM, Action.REVIEW),
        (0.40, Action.REVIEW, Action.HAND_OFF),
    ],
)
def test_a_band_begins_above_its_edge_and_not_at_it(edge: float, above: Action, at: Action) -> None:
    assert Bands().decide(sure(float(np.nextafter(edge, 1)))).action is above
    assert Bands().decide(sure(edge)).action is at
    assert Bands().decide(sure(float(np.nextafter(edge, 0)))).action is at


@pytest.mark.parametrize(
    ("p", "threshold", "why"),
    [
        (0.9, 0.85, "The calibrated probability of being right, 0.90, is above 0.85: answer."),
        (0.7, 0.6, "The calibrated probability of being right, 0.70, is above 0.60: answer with a disclaimer."),
        (
            0.5, 0.4,
            "The calibrated probability of being right, 0.50, is above 0.40: a person reviews it before it is sent.",
        ),
        (0.1, 0.4, "The calibrated probability of being right, 0.10, is not above 0.40: handed to a person."),
    ],
)  # fmt: skip
def test_each_decision_tells_its_threshold_and_why(p: float, threshold: float, why: str) -> None:
    decision = Bands().decide(sure(p))
    assert (decision.threshold, decision.why) == (threshold, why)


def test_without_a_probability_a_person_takes_over_whatever_is_read() -> None:
    for use in ("p", "low", "auto"):
        decision = Bands(use=use).decide(sure(None))
        assert decision.action is Action.HAND_OFF
        assert decision.threshold is None
        assert decision.why == "No calibrated probability (no map): handed to a person."


@pytest.mark.parametrize(
    ("use", "verdicts", "action", "names"),
    [
        ("p", 10, Action.ANSWER, "The calibrated probability of being right, 0.90,"),
        ("low", 400, Action.REVIEW, "The low end of the calibrated probability of being right, 0.50,"),
        ("auto", 10, Action.REVIEW, "The low end of the calibrated probability of being right, 0.50,"),
        ("auto", 400, Action.ANSWER, "The calibrated probability of being right, 0.90,"),
    ],
)
def test_what_is_read_is_the_probability_or_the_low_end_of_its_interval(
    use: Any, verdicts: int, action: Action, names: str
) -> None:
    decision = Bands(use=use).decide(sure(0.9, 0.5, verdicts))
    assert decision.action is action
    assert decision.why.startswith(names)


def test_edges_ascend_and_may_touch() -> None:
    assert Bands().edges == (0.40, 0.60, 0.85)
    assert Bands(review=0.0, disclaim=0.0, answer=1.0).edges == (0.0, 0.0, 1.0)
    assert Bands(review=1.0, disclaim=1.0, answer=1.0).decide(sure(1.0)).action is Action.HAND_OFF
    for given in (
        {"review": 0.7}, {"disclaim": 0.9}, {"answer": 1.1}, {"review": -0.1}, {"answer": 0.5},
    ):  # fmt: skip
        with pytest.raises(
            ValueError, match=r"^Bands must ascend within \[0, 1\]: review .* does not hold\.$"
        ):
            Bands(**given)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Bands read 'p', 'low' or 'auto', not 'high'\.$"):
        Bands(use="high")  # type: ignore[arg-type]
