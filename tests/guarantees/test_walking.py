"""The walk, field by field, against one over sets of rows; sizes of the first test against a search through all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import bdtr

from calibrant.guarantees.walking import Walked, fewest, passes, start_rank, walk


def allowed(rows: int, max_error: float, level: float) -> int:
    """How many numbers of wrong answers among so many pass."""
    return int((bdtr(np.arange(rows + 1.0), rows, max_error) <= level).sum())


def start_by_hand(n: int, max_error: float, level: float) -> int:
    """The first size, of those asked for, at which more answers may be wrong than of one fewer."""
    rank = max(math.ceil(min(3 * math.sqrt(n), n / 4)), fewest(max_error, level))
    return next(
        (k for k in range(rank, n) if allowed(k, max_error, level) > allowed(k - 1, max_error, level)), n
    )


def by_sets(
    rows: list[tuple[float, bool, float]],
    max_error: float,
    level: float,
    joint: bool,
    start_at: float | None,
    ordered: bool,
    start_level: float,
) -> Walked:
    """The walk as the documentation tells it."""
    n, values = len(rows), sorted({score for score, _, _ in rows}, reverse=True)
    sent = [[bad for score, bad, _ in rows if score >= value] for value in values]
    first, start = 0, 0
    if not joint:
        rank = start_by_hand(n, max_error, start_level)
        enough = [at for at, one in enumerate(sent) if len(one) >= rank]
        reach = [at for at, value in enumerate(values) if start_at is not None and value >= start_at]
        first, start = enough[0], len(sent[enough[0]])
        if ordered and reach and len(sent[reach[-1]]) > rank:
            first, start = reach[-1], len(sent[reach[-1]])
        elif not ordered and rank < start:
            surest = sorted(rows, key=lambda row: (-row[0], row[2]))[:rank]
            start = rank
            if bdtr(float(sum(bad for _, bad, _ in surest)), rank, max_error) > level:
                first = len(values)
    last = None
    for at in range(first, len(values)):
        if bdtr(float(sum(sent[at])), n if joint else len(sent[at]), max_error) > level:
            break
        last = at
    if last is None:
        return Walked(threshold=None, accepted=0, wrong=0, start=start, steps=0)
    return Walked(
        threshold=values[last], accepted=len(sent[last]), wrong=sum(sent[last]), start=start,
        steps=last - first + 1,
    )  # fmt: skip


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("start_at", [None, 0.75])
@pytest.mark.parametrize("start_level", [None, 0.02])
def test_every_field_is_that_of_a_walk_over_sets(
    joint: bool, ordered: bool, start_at: float | None, start_level: float | None
) -> None:
    rng, found = np.random.default_rng(3), 0
    for grid in (2, 4, 8, 10_000) * 10:
        n = int(rng.integers(1, 160))
        scores, tie = np.round(rng.random(n) * grid) / grid, rng.random(n)
        wrong = rng.random(n) > 0.8 + 0.2 * scores
        max_error = float(rng.choice([0.1, 0.2, 0.3]))
        made = walk(
            scores, wrong, tie, max_error=max_error, level=0.1, risk="joint" if joint else "selective",
            start_at=start_at, ordered=ordered, start_level=start_level,
        )  # fmt: skip
        rows = list(zip(scores.tolist(), wrong.tolist(), tie.tolist(), strict=True))
        assert made == by_sets(rows, max_error, 0.1, joint, start_at, ordered, start_level or 0.1)
        found += made.threshold is not None
    assert found >= 5


def test_a_start_that_is_given_is_the_lowest_score_that_is_not_below_it() -> None:
    """Where more answers reach it than the first test takes else; 11 of 40 at these terms."""
    scores = np.repeat([0.9, 0.8, 0.7, 0.6], 10)
    tie, wrong = np.arange(40) / 40, np.zeros(40, bool)
    assert start_rank(40, 0.2, 0.1) == 11

    def start(at: float | None, ordered: bool = True) -> tuple[int, int]:
        made = walk(scores, wrong, tie, max_error=0.2, level=0.1, start_at=at, ordered=ordered)
        return made.start, made.steps

    assert [start(at) for at in (1.0, 0.9, 0.85, 0.8)] == [(20, 3)] * 4
    assert [start(at) for at in (0.79, 0.75, 0.7, 0.65, 0.6, 0.0)] == [
        (20, 3), (20, 3), (30, 2), (30, 2), (40, 1), (40, 1),
    ]  # fmt: skip
    assert start(0.6, ordered=False) == (11, 3)


def test_without_rows_or_options_a_walk_is_selective_and_ordered() -> None:
    nothing = Walked(threshold=None, accepted=0, wrong=0, start=0, steps=0)
    empty = np.array([])
    assert walk(empty, empty.astype(bool), empty, max_error=0.1, level=0.1) == nothing
    rng = np.random.default_rng(4)
    scores, tie = np.round(rng.random(90) * 3) / 3, rng.random(90)
    wrong = rng.random(90) > 0.97
    one = walk(scores, wrong, tie, max_error=0.2, level=0.1)
    assert one == walk(
        scores, wrong, tie, max_error=0.2, level=0.1, risk="selective", start_at=None, ordered=True
    )
    assert one != walk(scores, wrong, tie, max_error=0.2, level=0.1, risk="joint")
    assert one.start != walk(scores, wrong, tie, max_error=0.2, level=0.1, ordered=False).start


@pytest.mark.parametrize("max_error", [0.02, 0.1, 0.25, 0.5])
@pytest.mark.parametrize("level", [0.3, 0.1, 0.01])
def test_the_first_test_takes_the_size_that_a_search_through_all_finds(
    max_error: float, level: float
) -> None:
    for n in (*range(1, 60, 3), 100, 150, 400, 900):
        assert start_rank(n, max_error, level) == start_by_hand(n, max_error, level)


def test_the_fewest_right_answers_are_the_first_whose_power_is_at_the_level() -> None:
    for max_error in (0.5, 0.3, 0.2, 0.1, 0.04, 0.01):
        for level in (0.5, 0.25, 0.1, 0.0152, 0.001):
            n = fewest(max_error, level)
            assert (1 - max_error) ** n <= level * (1 + 1e-8)
            assert n == 1 or (1 - max_error) ** (n - 1) > level
    assert [fewest(0.5, 2.0**-k) for k in range(1, 40)] == list(range(1, 40)), "powers that are met exactly"
    assert [fewest(0.1, 0.9**k) for k in range(1, 60)] == list(range(1, 60))


def test_no_answers_pass_no_test() -> None:
    none = np.zeros(1, int)
    assert not passes(none, none, 0.1, 0.99).any()
    assert passes(none, none + 1, 0.1, 0.99).all()
    assert passes(none, none + 1, 0.5, 0.5).all(), "a tail that is just the level passes"
