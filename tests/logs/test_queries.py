"""What an engine is asked of scores and verdicts, at the ends of what each may be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from calibrant.logs.tallies import read_log

from .test_counted import cycled, parquet, put


def counted(
    folder: Path, patch: pytest.MonkeyPatch, sure: list[Any], right: list[Any], **options: Any
) -> tuple[dict[float, float], dict[str, int]]:
    """By score the sum of the grades; and the rows that cannot be used, by reason."""
    put(patch, COUNT_IN_ENGINE=0)
    log = read_log(parquet(folder, {"confidence": sure, "correct": right}), **options)
    assert not log.constants, "the engine was to count"
    tally = log.groups[()]
    return dict(zip(tally.score.tolist(), tally.hits.tolist(), strict=True)), log.unusable


ENDS = {
    "fraction": ([0.0, 1.0, 0.5, -0.001, 1.001], [0.0, 0.5, 1.0], 2),
    "percent": ([0.0, 100.0, 50.0, -0.1, 100.1], [0.0, 0.5, 1.0], 2),
    "1-5": ([1.0, 5.0, 2.0, 0.9, 5.1], [0.0, 0.25, 1.0], 2),
    "1-10": ([1.0, 10.0, 5.5, 0.9, 10.1], [0.0, 0.5, 1.0], 2),
    "0-10": ([0.0, 10.0, 5.0, -0.1, 10.1], [0.0, 0.5, 1.0], 2),
    "permille": ([0.0, 1000.0, 500.0, -0.1, 1000.1], [0.0, 0.5, 1.0], 2),
    "uncertainty": ([0.0, 1.0, 0.75], [0.0, 0.25, 1.0], 0),
    "odds": ([0.0, 1.0, 3.0, 0.25, -0.1], [0.0, 0.2, 0.5, 0.75], 1),
    "perplexity": ([1.0, 2.0, 4.0, 10.0, 0.5], [0.1, 0.25, 0.5, 1.0], 1),
    "logprob": ([0.0, -1.0, -2.0, -800.0, 0.5], [math.exp(-700), math.exp(-2), math.exp(-1), 1.0], 1),
    "nll": ([0.0, 1.0, 2.0, 800.0, -0.5], [math.exp(-700), math.exp(-2), math.exp(-1), 1.0], 1),
    "logit": (
        [0.0, 2.0, -2.0, -800.0, 800.0],
        [1 / (1 + math.exp(700)), 1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-2)), 1.0], 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("scale", ENDS)
def test_scores_at_the_ends_of_their_scale(
    scale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, scores, outside = ENDS[scale]
    good = given[: len(given) - outside]
    sure = [*good * 10, *given[len(good) :], None, math.nan]
    found, unusable = counted(tmp_path, monkeypatch, sure, [True] * len(sure), scale=scale)
    assert list(found) == pytest.approx(scores, rel=1e-12, abs=0)
    assert list(found.values()) == [10.0] * len(good)
    assert unusable.pop("confidence missing or NaN") == 2
    assert sum(unusable.values()) == outside


def test_a_fraction_among_whole_percents_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sure = [*cycled([95.0, 70.0, 60.0, 80.0, 2.0, 0.0], 60), 0.7, 0.2]
    found, unusable = counted(tmp_path, monkeypatch, sure, [True] * 62)
    assert list(found) == pytest.approx([0.0, 0.02, 0.6, 0.7, 0.8, 0.95])
    assert sum(unusable.values()) == 2 and all("0 and 1" in reason for reason in unusable)


@pytest.mark.parametrize(("most", "read"), [(3, True), (2, False)])
def test_as_many_words_as_are_counted(
    most: int, read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, MOST_WORDS=most)
    right = cycled(["right", "wrong", "right", "false"], 60)
    if read:
        found, unusable = counted(tmp_path, monkeypatch, [0.5] * 60, right)
        assert (found, unusable) == ({0.5: 30.0}, {})
    else:
        with pytest.raises(Exception, match="verdicts in 'correct'"):
            counted(tmp_path, monkeypatch, [0.5] * 60, right)


def test_grades_at_the_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = [*cycled([0.0, 1.0, 0.25], 57), -0.001, 1.001, math.nan]
    sure = [0.5] * 57 + [0.6, 0.7, 0.8]
    found, unusable = counted(tmp_path, monkeypatch, sure, right)
    assert found == {0.5: pytest.approx(19 * 1.25)}
    assert unusable == {"verdict missing": 1, "verdict is neither right nor wrong nor in [0, 1]": 2}
