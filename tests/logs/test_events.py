"""Chances of an event read as answers: the same numbers as a log that was turned by hand, wherever a log is read."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.comparing.logs import compare
from calibrant.errors import UnusableInput
from calibrant.logs.pivots import pivot
from calibrant.logs.rows import read_rows
from calibrant.logs.tallies import read_log
from calibrant.tally import Tally

RNG = np.random.default_rng(7)
N = 600
EVENT: dict[str, Any] = {"scale": "event"}


def forecasts(name: str = "probability", verdict: str = "outcome") -> pd.DataFrame:
    """Chances that are too high for an event that happens one time in five, some of a half."""
    z = RNG.normal(-1.6, 1.3, N)
    happened = RNG.random(N) < 1 / (1 + np.exp(-z))
    p = np.round(1 / (1 + np.exp(-(z + 1.4))), 2)
    p[:20] = 0.5
    return pd.DataFrame(
        {
            name: p, verdict: happened.astype(int), "weight": RNG.choice([1.0, 2.0], N), "task": ["rain", "goal"] * 300,
            "item": np.arange(N) // 2, "model": "m",
        }
    )  # fmt: skip


def turned(frame: pd.DataFrame) -> pd.DataFrame:
    """The same log as answers: who leans to yes says yes, and half is yes."""
    p, y = frame["probability"], frame["outcome"]
    yes = p >= 0.5
    return frame.assign(probability=np.where(yes, p, np.round(1 - p, 2)), outcome=np.where(yes, y, 1 - y))


def same(a: Tally, b: Tally) -> None:
    for name in ("score", "weight", "hits", "hits2", "weight2"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=1e-12)
    assert a.n_eff == pytest.approx(b.n_eff)


@pytest.mark.parametrize("more", [{}, {"cluster": "item"}, {"by": "task"}, {"weight": "weight"}])
def test_a_log_of_chances_reads_as_one_turned_by_hand(more: dict[str, Any]) -> None:
    frame = forecasts().drop(columns=[] if "weight" in more else "weight")
    found, by_hand = read_log(frame, scale="event", **more), read_log(turned(frame), **more)
    assert found.scale == "event"
    assert list(found.groups) == list(by_hand.groups)
    for key, tally in found.groups.items():
        same(tally, by_hand.groups[key])
    one_by_one, again = (
        read_rows(log, **kind, **more) for log, kind in ((frame, EVENT), (turned(frame), {}))
    )
    for key, rows in one_by_one.groups.items():
        np.testing.assert_array_equal(rows.grades, again.groups[key].grades)


@pytest.mark.parametrize("kind", ["percent", "text", "parquet", "csv"])
def test_chances_in_percent_as_text_and_in_files(kind: str, tmp_path: Path) -> None:
    frame = forecasts().drop(columns="weight")
    given: Any = frame
    if kind == "percent":
        given = frame.assign(probability=(100 * frame["probability"]).round())
    elif kind == "text":
        given = frame.assign(probability=[f"{100 * p:.0f}%" for p in frame["probability"]])
    elif kind == "parquet":
        frame.to_parquet(given := tmp_path / "log.parquet")
    else:
        frame.to_csv(given := tmp_path / "log.csv", index=False)
    found = read_log(given, scale="event")
    same(found.groups[()], read_log(turned(frame)).groups[()])
    assert found.scale == ("event_percent" if kind == "percent" else "event")


def test_a_large_file_is_not_counted_by_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10)
    frame = forecasts().drop(columns="weight")
    frame.to_parquet(tmp_path / "log.parquet")
    found = read_log(tmp_path / "log.parquet", scale="event")
    same(found.groups[()], read_log(turned(frame)).groups[()])


def test_what_the_event_did_is_said_and_rows_that_cannot_be_read_are_counted() -> None:
    frame = pd.DataFrame(
        {
            "p": [0.2, 0.8, None, 1.3, 0.6, 0.9] + [0.3] * 40,
            "y": [0, 1, 1, 0, None, 1] + [0] * 40,
        }
    )
    log = read_log(frame, scale="event")
    assert (log.used, sum(log.unusable.values())) == (43, 3)
    (told,) = [note for note in log.notes if "What follows reads each as an answer" in note]
    assert "32 of 100 times, and it did 5 of 100" in told  # (0.2 + 0.8 + 0.9 + 12) / 43, 2 / 43
    assert log.groups[()].score.tolist() == [0.7, 0.8, 0.9]
    assert log.groups[()].accuracy == 1.0


def test_grades_of_the_event_are_turned_too() -> None:
    log = read_log(pd.DataFrame({"p": [0.2, 0.9], "y": [0.25, 0.75]}), scale="event")
    assert log.groups[()].hits.tolist() == [0.75, 0.75]


def test_audit_fit_apply_compare_and_people_read_them_alike(tmp_path: Path) -> None:
    frame = forecasts().drop(columns="weight")
    assert (
        calibrant.audit(frame, scale="event").groups[0].finding
        == calibrant.audit(turned(frame)).groups[0].finding
    )
    made = calibrant.fit(frame, scale="event")
    assert np.array_equal(made.map([0.5, 0.9]), calibrant.fit(turned(frame)).map([0.5, 0.9]))
    said = calibrant.apply(made.maps, frame, out=tmp_path / "out.csv")
    assert "the event has 1 - p" in " ".join(said.notes)
    np.testing.assert_allclose(
        pd.read_csv(tmp_path / "out.csv")["p"].astype(float),
        made.map(np.maximum(frame["probability"], 1 - frame["probability"])),
    )
    other = forecasts().drop(columns="weight")
    found = compare(frame, other, scale="event")
    accuracy = [read_log(turned(one)).groups[()].accuracy for one in (frame, other)]
    first = found.contrasts[0].changes[0].difference
    assert (first.a, first.b) == pytest.approx(tuple(accuracy))
    seen = frame["outcome"].where(np.arange(N) % 4 == 0)
    judged = calibrant.audit(frame.assign(people=seen), correct="outcome", human="people", scale="event")
    by_hand = turned(frame)
    by_hand["people"] = by_hand["outcome"].where(np.arange(N) % 4 == 0)
    again = calibrant.audit(by_hand, correct="outcome", human="people")
    assert judged.to_dict()["groups"][0]["judge"] == again.to_dict()["groups"][0]["judge"]


def test_several_chances_of_one_answer_are_refused() -> None:
    frame = forecasts().assign(record_id=np.arange(N) // 2, signal=["a", "b"] * 300)
    with pytest.raises(UnusableInput, match="one chance of the event for each verdict"):
        pivot(frame, scale="event")
    with pytest.raises(UnusableInput, match="side by side"):
        calibrant.fit(frame, calibrator="blend", scale="event")


def test_forecasts_are_noticed_and_how_to_read_them_is_said() -> None:
    """By low confidences that seldom come true; of columns called as forecasts are, however poorly they tell."""
    noticed = "are they chances of an event"
    frame = forecasts().drop(columns="weight")
    assert any(noticed in note and "--scale event" in note for note in read_log(frame).notes)
    poor = frame.assign(outcome=RNG.permutation(frame["outcome"]))
    assert any(noticed in note for note in read_log(poor).notes)
    other = poor.rename(columns={"probability": "confidence", "outcome": "correct"})
    assert not any(noticed in note for note in read_log(other).notes)
    assert not any(noticed in note for note in read_log(frame, scale="event").notes)
    sure = pd.DataFrame({"prob": RNG.beta(5, 1.3, N), "label": RNG.random(N) < 0.8})
    assert not any(noticed in note for note in read_log(sure).notes)
