"""The watch on a certificate: its e-process against one in plain numbers, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from calibrant.errors import UnusableInput
from calibrant.guarantees.revoking import RiskWatch

BETS = (0.8, 0.5, 0.3, 0.18, 0.1, 0.06, 0.03, 0.015)


def by_hand(
    losses: list[list[float]],
    max_error: float,
    heaviest: float = 1.0,
    weights: list[list[float]] | None = None,
) -> tuple[list[float], float]:
    """Wealth of each bet after clusters of losses, and the highest average on the way (1 at the start)."""
    wealth, highest = [1.0] * len(BETS), 1.0
    weights = weights or [[heaviest] * len(one) for one in losses]
    for cluster, heavy in zip(losses, weights, strict=True):
        for at, bet in enumerate(BETS):
            factors = [
                1 + bet / max_error * (w / heaviest) * (loss - max_error)
                for loss, w in zip(cluster, heavy, strict=True)
            ]
            wealth[at] *= sum(factors) / len(factors)
        highest = max(highest, sum(wealth) / len(wealth))
    return wealth, highest


def test_every_field_is_that_of_bets_in_plain_numbers() -> None:
    right = [1, 0, 0.25, 1, 0, 1, 1, 1]
    weight = [1.0, 4.0, 2.0, 0.5, 4.0, 1.0, 4.0, 4.0]
    made = RiskWatch(max_error=0.2, alpha=0.1, max_weight=4.0).after(right, weight)
    wealth, highest = by_hand([[1 - y] for y in right], 0.2, 4.0, [[w] for w in weight])
    assert made.log_wealth == pytest.approx([math.log(w) for w in wealth])
    assert made.highest == pytest.approx(math.log(highest))
    assert made.e_value == pytest.approx(sum(wealth) / len(wealth))
    assert (made.max_error, made.alpha, made.max_weight, made.answers) == (0.2, 0.1, 4.0, 8)
    assert made.after([1, 1, 1]).answers == 11
    assert made.after([]) is made


def test_a_cluster_is_one_factor_at_its_first_verdict_whatever_it_is_called() -> None:
    right = [0, 1, 0, 0, 1, 1]
    for names in (["b", "a", "b", "c", "a", "a"], [2, 1, 2, 3, 1, 1], [2, "1", 2, None, "1", "1"]):
        made = RiskWatch(max_error=0.3).after(right, cluster=np.array(names, object))
        wealth, highest = by_hand([[1, 1], [0, 0, 0], [1]], 0.3)
        assert made.log_wealth == pytest.approx([math.log(w) for w in wealth])
        assert made.highest == pytest.approx(math.log(highest))
        assert made.answers == 6


def test_new_watches_stand_at_one_and_wealth_is_kept_in_bounds() -> None:
    new = RiskWatch(max_error=0.1)
    assert (new.alpha, new.max_weight, new.log_wealth, new.highest, new.answers) == (
        0.05,
        1.0,
        (0.0,) * 8,
        0.0,
        0,
    )
    assert (new.e_value, new.revoked) == (1.0, False)
    broken = new.after([0] * 3000)
    assert broken.e_value == math.exp(700) and broken.revoked
    assert broken.after([1] * 3000).revoked, "what was revoked stays so"
    assert RiskWatch(max_error=0.1, highest=math.log(1 / 0.05)).revoked
    assert not RiskWatch(max_error=0.1, highest=float(np.nextafter(math.log(1 / 0.05), 0))).revoked


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"max_error": 0.0}, "max_error must lie between 0 and 1; got 0.0."),
        ({"max_error": 1.0}, "max_error must lie between 0 and 1; got 1.0."),
        ({"alpha": 0.0}, "alpha must lie between 0 and 1; got 0.0."),
        ({"alpha": 1.0}, "alpha must lie between 0 and 1; got 1.0."),
    ],
)
def test_promises_that_cannot_be_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UnusableInput) as refused:
        RiskWatch(**{"max_error": 0.1, **given})
    assert str(refused.value) == says


def test_what_is_no_verdict_and_no_weight_is_refused() -> None:
    watch = RiskWatch(max_error=0.1, max_weight=4.0)
    with pytest.raises(UnusableInput) as refused:
        watch.after([1, 0], [1.0, 4.5])
    assert str(refused.value) == (
        "A weight of 4.5 exceeds max_weight, 4. Give the largest weight that can come."
    )
    assert watch.after([1], [4.0 * (1 + 1e-9)]).answers == 1
    for right, weight in (([2], None), ([1], [-1.0]), ([1], [float("nan")]), ([1, 1], [1.0])):
        with pytest.raises(UnusableInput):
            watch.after(right, weight)
    objects = watch.after(np.array([True, False], object), np.array([1, 4], object))
    assert objects == watch.after([1, 0], [1, 4])
