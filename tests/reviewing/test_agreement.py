"""Agreement of readers against Krippendorff's own example, and what reviewers catch."""

from __future__ import annotations

import random

import pytest

from calibrant.errors import NotEnoughLabels, UnusableInput
from calibrant.past.answers import Answer
from calibrant.reviewing.agreement import Level, alpha
from calibrant.reviewing.readers import Readers
from calibrant.types import SECOND, Event, Verdict

# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example C: four observers, 12 units
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
UNITS = [[float(row[n]) for row in OBSERVERS if row[n] != "."] for n in range(12)]


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_example_of_the_author(level: Level, value: float) -> None:
    found = alpha(UNITS, level)
    assert found.value == pytest.approx(value, abs=0.0006)
    assert found.low < value < found.high <= 1.0


def test_the_interval_covers_what_many_readings_come_to() -> None:
    rng = random.Random(0)
    covered = 0
    for _ in range(60):
        units = []
        for _ in range(60):
            right = rng.random() < 0.8
            units.append([float(right != (rng.random() < 0.1)) for _ in range(2)])
        found = alpha(units)
        covered += found.low <= 0.530 <= found.high
    assert covered >= 53


def test_who_always_agrees_may_not_always() -> None:
    found = alpha([(1.0, 1.0)] * 20 + [(0.0, 0.0)] * 10)
    assert found.value == found.high == 1.0 and 0.7 < found.low < 0.9


def test_too_few_or_all_the_same_say_nothing() -> None:
    with pytest.raises(NotEnoughLabels):
        alpha([(1.0, 0.0)] * 9)
    with pytest.raises(UnusableInput, match="no agreement beyond chance"):
        alpha([(1.0, 1.0)] * 50)


def a_verdict(
    n: int, judge: str, grade: float, source: str = "reviewer", assignment: str | None = "a"
) -> Verdict:
    return Verdict(
        id=f"{n}-{judge}", record_id=f"r{n}", grade=grade, judge=judge, time=0.0, source=source, assignment=assignment
    )  # fmt: skip


def test_only_second_readings_that_were_drawn_tell_of_agreement() -> None:
    readers = Readers()
    for n in range(30):
        answer = Answer(record_id=f"r{n}", time=0.0, item=str(n), task="law" if n % 2 else "tax")
        readers.judged(answer, a_verdict(n, "ann", float(n % 3 > 0)))
        readers.judged(answer, a_verdict(n, "late", 0.0, SECOND, None))
        readers.judged(answer, a_verdict(n, "bob", float(n % 3 > 0 or n == 3), SECOND))
    again = Readers()
    again.load(readers.to_dict())
    found = again.agreement()
    assert (found.pairs, found.agree) == (30, 29) and found.nominal is not None and found.nominal.value > 0.9
    assert again.agreement("law").pairs == 15
    few = Readers().agreement()
    assert few.nominal is None and few.why_none is not None and "10 labelled" in few.why_none


def test_what_each_reviewer_catches() -> None:
    readers = Readers()
    for n, (truth, grade) in enumerate([(0.0, 0.0)] * 11 + [(0.0, 1.0)] + [(1.0, 1.0)] * 5):
        told = {"item": f"k{n}", "judge": "ann", "grade": grade, "truth": truth}
        readers.happened(Event(id=str(n), kind="known", time=0.0, data=told), None)
    (ann,) = readers.caught()
    assert ann.caught is not None and ann.false_alarms is not None
    assert (ann.wrong, ann.right) == (12, 5) and ann.caught.value == 11 / 12
    assert ann.caught.low == pytest.approx(0.6152, abs=1e-4)  # Clopper and Pearson, 11 of 12
    assert ann.caught.high == pytest.approx(0.9979, abs=1e-4) and ann.false_alarms.value == 0.0
