"""What columns of numbers are taken for, by what they hold and by what they are called.

What is expected lies in `expected/numerals.json`, a name for each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.logs.numerals import Doubt, Seen, settled
from calibrant.logs.values import numbers

from ..holding import hold
from .test_held_cells import COLUMNS, FRACTIONS, PERCENTS, spread

HELD = Path(__file__).parent / "expected/numerals.json"
NAMES = ("logprob", "conf_pct", "permille", "percentile")


def seen(held: list[Any], parts: int = 1) -> Seen:
    found = Seen()
    for part in np.array_split(numbers(np.array(held or [None], object)).values, parts):
        found.add(part)
    return found


def taken(held: Seen, name: str) -> Any:
    found = settled(held, name)
    if isinstance(found, Doubt):
        return [found.why, *found.options]
    assert found.column == name
    return f"{found.scale}{', whole' * found.whole}"


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_by_what_they_hold(name: str) -> None:
    """As called `sure`; and under other names, where those make a difference."""
    held = seen(COLUMNS[name])
    found = {one: taken(held, one) for one in ("sure", *NAMES)}
    hold(HELD, name, {one: told for one, told in found.items() if one == "sure" or told != found["sure"]})


CALLED = [
    "sure", "logprob", "logprobs", "log_prob", "Log_Probs", "logp", "avg_logp", "logpx", "log_probability",
    "sum_log_probabilities", "logproba", "loglik", "log_likelihood", "log_lik", "my log prob",
    "percent", "conf_percent", "percentile", "percentage", "pct", "conf_pct", "pctl", "impct", "sure %", "sure％", "%",
    "permille", "per_mille", "per_mile", "permill", "promille", "sure ‰", "per mille",
    "odds", "odds_of_right", "my_odds", "Odds ratio", "oddsx", "log_odds", "log odds", "logodds", "odds_logprob",
    "nll", "mean_nll", "neg_log_lik", "negative_log_likelihood", "neg_logprob", "loss", "losses", "val_loss",
    "cross_entropy", "xent", "surprisal", "surprisals", "lossy", "perplexity", "perplexities", "ppl", "pplx",
    "uncertain", "uncertainty", "uncertainties", "unsure", "unsureness", "entropy", "variance", "var", "std", "stdev",
    "stddev", "risk", "risky", "doubt", "doubts", "disagreement", "inconsistency", "nonconformity", "anomaly", "ood",
    "p_false", "p_no", "p_nothing", "Unsicherheit", "incertitude", "incertidumbre", "incerteza", "incertezza",
    "onzekerheid", "niepewność", "неопределенность", "неопределённость", "belirsizlik", "osäkerhet", "usikkerhed",
    "usikkerhet", "epävarmuus", "不確実性", "不确定性", "不確定性", "불확실성", "Answer Uncertainty", "certainty",
    "semantic_entropy", "semantic_entropy:n=5", "p_true", "self_consistency", "wrong", "error_rate", "is_wrong",
    "mistakes", "p(wrong)", "x:entropy",
]  # fmt: skip
HOLDINGS: dict[str, list[Any]] = {
    "fractions": FRACTIONS, "percents": PERCENTS, "below 0": spread(-5, -0.1, 30, 2), "zeros": [0.0, -0.0, 1e-7],
    "a little above 0": [-1.0, -2.0, 1e-5], "0 and 1": [0, 1, 1], "to 1000": spread(0, 1000, 41, 0),
    "beyond 1000": spread(0, 1001, 41, 1), "nothing": [],
}  # fmt: skip


@pytest.mark.parametrize("name", HOLDINGS)
def test_columns_by_their_names(name: str) -> None:
    held = seen(HOLDINGS[name])
    plain = taken(held, "sure")
    called = CALLED if name in ("fractions", "below 0", "to 1000") else CALLED[:46]
    found = {one: told for one in called if (told := taken(held, one)) != plain}
    hold(HELD, f"called, {name}", {"sure": plain, **found})


@pytest.mark.parametrize("name", [name for name, held in COLUMNS.items() if len(set(map(repr, held))) <= 50])
def test_numbers_come_in_parts(name: str) -> None:
    held = COLUMNS[name]
    whole, apart = vars(seen(held)), seen(held, 3)
    first, second = seen(held[:7]), seen(held[7:])
    for other in map(vars, (apart, first + second, second + first)):
        assert {**other, "counts": +other["counts"]} == {**whole, "counts": +whole["counts"]}


def edge(of: int, outside: int, beyond: float) -> list[float]:
    """So many numbers in all, some of them beyond."""
    return [*(0.3 + i / 1000 for i in range(of - outside)), *[beyond] * outside]


def test_how_many_may_be_slips() -> None:
    """A twentieth, or two that are two in five at most."""
    found = {}
    for of, outside in (
        (1, 0),
        (2, 1),
        (3, 1),
        (4, 1),
        (4, 2),
        (5, 2),
        (6, 3),
        (40, 2),
        (40, 3),
        (59, 3),
        (60, 3),
        (60, 4),
    ):
        for beyond in (7.0, -7.0, 70.0, 170.0, -0.5):
            held = seen([*edge(of, outside, beyond)[:-1], beyond + 0.25] if outside else edge(of, 0, 0))
            found[f"{outside} of {of}, {beyond}"] = taken(held, "sure")
    hold(HELD, "slips", found)


LIMITS: dict[str, list[float]] = {
    "to 10": [0.0, 5.0, 10.0] * 9, "over 10": [0.0, 5.0, 10.5] * 9, "from 1 to 5": [1.0, 5.0, 2.5] * 9,
    "from 1 over 5": [1.0, 5.5, 2.5] * 9, "from below 1": [0.99, 5.0, 3.0] * 9, "whole to 10": [1.0, 10.0, 5.0] * 9,
    "whole to 20": [5.0, 15.0, 20.0] * 9, "whole to 21": [5.0, 15.0, 21.0] * 9,
    "whole with ones": [1.0, 30.0, 60.0] * 9,
    "whole with ones and tens": [1.0, 10.0, 60.0] * 9, "whole with ones and nines": [1.0, 9.0, 60.0] * 9,
    "whole, one in twenty 1": [1.0, *spread(30, 66, 19, 0)],
    "whole, two in thirty-nine 1": [1.0, 1.0, *spread(30, 66, 37, 0)],
    "whole, two in forty 1": [1.0, 1.0, *spread(30, 67, 38, 0)], "whole, three in fifty 1": [1.0] * 3 + [40.0] * 47,
    "whole, inside, to 20": [0.5, *spread(2, 20, 19, 0)], "whole, inside, to 21": [0.5, *spread(2, 21, 20, 0)],
    "whole, three inside": [0.5, 0.6, 0.7, *spread(30, 66, 37, 0)],
    "broken, to 50": [*spread(10.5, 49.5, 40, 1), 50.0], "broken, to 50.5": [*spread(10.5, 49.5, 40, 1), 50.5],
    "broken, half low": [*spread(10.5, 19.5, 10, 1), *spread(30.5, 60.5, 10, 1)],
    "broken, more than half low": [*spread(9.5, 19.5, 11, 1), *spread(30.5, 60.5, 10, 1)],
    "broken to 20": [*spread(10.5, 20.0, 39, 2), *[60.0] * 50],
    "broken to 20.5": [*spread(10.5, 20.5, 39, 2), *[60.0] * 50],
    "broken, few inside": [0.1, 0.2, *spread(30.5, 90.5, 20, 1)],
    "broken, three inside": [0.1, 0.2, 0.3, *spread(30.5, 90.5, 20, 1)],
    "broken, as many as few": [*spread(0.1, 0.9, 4, 1), 1.5, *spread(30.5, 90.5, 20, 1)],
    "broken, more than few": [*spread(0.1, 0.9, 5, 1), 1.5, *spread(30.5, 90.5, 20, 1)],
    "broken, few to 3": [*spread(0.1, 0.9, 5, 1), 3.0, 1.2, *spread(30.5, 90.5, 20, 1)],
    "whole but for a twentieth": [*spread(30, 67, 38, 0), 40.5, 41.5],
    "whole but for more": [*spread(30, 66, 37, 0), 40.5, 41.5, 42.5],
    "one hundred": [50.0, 100.0, 70.0] * 9, "over one hundred": [50.0, 100.5, 70.0] * 9,
    "a fifth over 100": [*[50.0] * 8, 150.0, 160.0] * 3,
    "more than a fifth over 100": [*[50.0] * 7, 150.0, 160.0, 170.0] * 3,
    "half 999": [0.5, 0.7, 999.0, 999.0], "more than half 999": [0.5, 999.0, 999.0], "99.9": [0.5, 0.7, 99.9] * 9,
    "909": [0.5, 0.7, 909.0] * 9, "990": [50.0, 70.0, 990.0] * 9, "900": [0.5, 0.7, 900.0] * 9,
    "999 among fives": [1.0, 5.0, 999.0] * 9,
    "-1 for most": [-1.0, -1.0, 0.5] * 9, "-1.5": [-1.5, 0.5, 0.7] * 9, "-1 and -2": [-1.0, -2.0, 0.5] * 9,
    "-0.0000001": [-1e-7, 0.5, 0.7] * 9, "-0.000002": [-2e-6, 0.5, 0.7] * 9,
    "-99 among percents": [-99.0, 50.0, 70.0] * 9,
}  # fmt: skip


def test_limits() -> None:
    found = {name: taken(seen(list(held)), "sure") for name, held in LIMITS.items()}
    hold(HELD, "limits", found)
    hold(
        HELD,
        "limits, percent",
        {n: t for n, h in LIMITS.items() if (t := taken(seen(list(h)), "pct")) != found[n]},
    )
