"""How many answers come in a day: unusual days are told once, usual ones hardly ever, and none twice in a replay."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from calibrant.past.answers import Answer
from calibrant.types import Action
from calibrant.watching.found import change_sentence
from calibrant.watching.over_time import Watching
from calibrant.watching.volume import Volume, odd

DAY = 86400.0


def test_the_test_is_students_on_the_scale_of_roots():
    rng = np.random.default_rng(0)
    counts = {day: int(rng.poisson(90)) for day in range(100, 128)}
    y = {day: 2 * np.sqrt(n + 0.375) for day, n in counts.items()}
    means = {k: np.mean([v for day, v in y.items() if day % 7 == k]) for k in range(7)}
    spread = max(sum((v - means[day % 7]) ** 2 for day, v in y.items()) / 21, 1.0)
    usual = np.mean([n for day, n in counts.items() if day % 7 == 128 % 7])
    sides = []
    for count in range(400):
        z = (2 * np.sqrt(count + 0.375) - means[128 % 7]) / np.sqrt(spread * 1.25)
        told = 2 * t.sf(abs(z), 21) <= 0.001 and max(count, usual) >= 1.5 * max(min(count, usual), 1)
        sides.append(int(np.sign(z)) if told else 0)
        assert odd(counts, 128, count) == (sides[-1], usual)
    assert sides[0] == -1 and sides[90] == 0 and sides[-1] == 1


@pytest.mark.parametrize(("mean", "spread"), [(3, None), (40, None), (500, 5), (2000, 3)])
def test_usual_days_are_hardly_ever_told(mean, spread):
    """Poisson and overdispersed counts, with quiet weekends: about 4 of 4,000 are expected."""
    rng, told = np.random.default_rng(1), 0
    for _ in range(10):
        rate = np.array([mean * (0.2 if day % 7 in (2, 3) else 1.0) for day in range(430)])
        if spread:
            rate = rng.gamma(rate / (mean / spread**2), mean / spread**2)
        counts = {day: int(n) for day, n in enumerate(rng.poisson(rate))}
        told += len(list(Volume().closed(counts, 430)))
    assert told <= 8, told


def days(counts, first=0):
    """Answers of one task at even distances through each day."""
    for day, count in enumerate(counts, first):
        for n in range(count):
            name = f"{day}-{n}"
            yield Answer(
                record_id=name, time=(day + n / count) * DAY, item=name, task="law", p=0.7, map_id="m"
            )


def watched(answers, watching=None):
    watching = watching or Watching()
    for one in answers:
        watching.answered(one)
    return watching


def volumes(watching):
    return [
        (one["time"] / DAY, one["before"], one["after"]) for one in watching.changes if "day" in one["what"]
    ]


def test_a_silent_day_is_told_once_when_something_else_is_heard_of():
    rng = np.random.default_rng(2)
    counts = [int(n) for n in rng.poisson(60, 30)]
    watching = watched(days(counts))
    other = Answer(record_id="o", time=33.5 * DAY, item="o", task="shop", p=0.7, map_id="m")
    watching.answered(other)
    ((day, usual, count),) = volumes(watching)
    assert (day, count) == (30, 0) and 40 < usual < 80
    (event,) = [one for one in watching.due if one.data["what"] == "answers a day"]
    assert event.about is None
    assert change_sentence(event.data) == f"law: 0 answers on 1970-01-31, where {usual} were usual."


def test_a_rush_that_stays_is_the_new_usual_after_a_week_and_a_fall_back_is_told():
    counts = [50 + day % 3 for day in range(28)] + [160 + day % 3 for day in range(35)] + [50]
    watching = watched(days([*counts, 1]))
    assert [(day, after) for day, _, after in volumes(watching)] == [(28, 160), (63, 50)]


def test_a_replay_in_pieces_tells_the_same():
    counts = [50 + day % 3 for day in range(28)] + [0, 0, 50, 51, 200, 50]
    answers = list(days(counts))
    whole, half = watched(answers), watched(answers[: len(answers) // 2])
    again = Watching()
    again.load(half.to_dict())
    assert watched(answers[len(answers) // 2 :], again).to_dict() == whole.to_dict()
    assert [day for day, *_ in volumes(whole)] == [28, 32]


def test_a_log_that_is_asked_now_and_then_is_never_unusual():
    assert not volumes(watched(days([200 if day % 10 == 0 else 0 for day in range(100)])))


def test_the_share_that_is_sent_without_a_person_is_watched():
    answers = list(days([40] * 20))
    sent = [
        replace(one, action=Action.ANSWER if n < 400 or n % 5 else Action.REVIEW)
        for n, one in enumerate(answers)
    ]
    steady = watched(
        replace(one, action=Action.ANSWER if n % 5 else Action.REVIEW) for n, one in enumerate(answers)
    )
    assert not steady.changes
    (change,) = watched(sent).changes
    assert change["what"] == "answers sent without a person" and change["after"] < 0.9 < change["before"]
