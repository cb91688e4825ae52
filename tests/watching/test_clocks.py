"""Facts of a clock that was wrong for a moment: the monitors go on."""

from __future__ import annotations

import pytest

from calibrant.past.answers import Answer
from calibrant.watching.places import Place
from calibrant.watching.ripening import IN_A_ROW, Label, Ripening

HOUR, DAY, YEARS = 3600.0, 86400.0, 70 * 365 * 86400.0


def counted(jump: float, how: str, many: int = 300, misdated: int = 100) -> tuple[list[str], Ripening]:
    """Labels an hour apart, each judged a minute later, of which one tells a time far off."""
    ripening, found, now = Ripening(), list[str](), 0.0
    for i in range(many):
        begins = i * HOUR + (jump if i == misdated and how != "verdict" else 0.0)
        told = i * HOUR + 60 + (jump if i == misdated and how != "answer" else 0.0)
        now = max(now, begins, told)
        rank = (True, False, told, f"v{i}")
        ripening.add(Label(begins, f"r{i}", rank, "t", told, f"q{i}", 0.9, float(i % 2)), told, now)
        found += [one.record_id for one in ripening.ripe(now)]
        if i % 50 == 0:
            ripening = Ripening.from_dict(ripening.to_dict())
    return found, ripening


@pytest.mark.parametrize("how", ["both", "answer", "verdict"])
@pytest.mark.parametrize("jump", [YEARS, -YEARS])
def test_after_a_moment_of_a_wrong_clock_verdicts_count_again(how: str, jump: float) -> None:
    found, ripening = counted(jump, how)
    assert found[-1] == "r299"
    assert len(found) >= 300 - 2 * IN_A_ROW
    assert ripening.told == 299 * HOUR + 60, "the year that the clock told is forgotten"
    assert counted(0.0, "both")[1].told == ripening.told


def test_an_answer_of_a_day_to_come_takes_none_of_the_others_days() -> None:
    place = Place()
    for day in (*range(20), 25_000, *range(20, 40), 3):
        for _ in place.answered(Answer(record_id=f"r{day}", time=day * DAY + 1, item="q", p=0.9)):
            pass
    assert [row[:2] for row in place.days] == [[day, 2 if day == 3 else 1] for day in (*range(40), 25_000)]
