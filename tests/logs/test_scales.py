"""In which unit a log states its confidence: told by the whole of it, named, or refused; never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.applying import apply
from calibrant.errors import UnusableInput
from calibrant.fitting import fit_log
from calibrant.logs import sources
from calibrant.logs.scales import NAMES, units_of
from calibrant.logs.sources import rows_source
from calibrant.logs.tallies import read_log
from calibrant.maps.calibration import MapSet
from calibrant.maps.units import SCALES, Unit
from calibrant.policies.bands import Bands

RNG = np.random.default_rng(0)
FRACTIONS = np.round(RNG.beta(5, 2, 200), 2).tolist()
PERCENTS = [round(100 * one) for one in FRACTIONS]


def unit_of(values: Sequence[Any], column: str = "confidence", scale: str | None = None) -> Unit:
    source = rows_source("a log", [column], lambda: [{column: value} for value in values])
    return units_of(source, column, scale=scale).default


@pytest.mark.parametrize(
    ("values", "column", "scale"),
    [
        (FRACTIONS, "confidence", "fraction"),
        (PERCENTS, "confidence", "percent"),
        ([100 * one for one in RNG.beta(5, 2, 200)], "confidence", "percent"),  # with decimals, some below 1
        ([95, 60, 5, 0, 100] * 40, "confidence", "percent"),
        ([0, 1, 2, 5] * 40, "confidence_pct", "percent"),
        ([0.5, 0.7, -1, 0.9, -1] * 40, "confidence", "fraction"),  # -1 stands for none
        ([90, 70, -1, 60, -1] * 40, "confidence", "percent"),
        (["85%", "likely", None], "confidence", "fraction"),
        ((-RNG.exponential(1, 200)).tolist(), "logprob", "logprob"),
        ((-RNG.exponential(1, 200)).tolist(), "sum_log_prob", "logprob"),
        ([0.0, -0.0, 0.0], "mean_logprob", "logprob"),
        ([0.3, 0.8], "semantic_entropy", "fraction"),  # of a signal of that name, where higher is surer
        ([1.0] * 40, "confidence", "fraction"),
    ],
)
def test_numbers_that_leave_one_reading_are_read(values: list[Any], column: str, scale: str) -> None:
    assert unit_of(values, column).scale == scale


@pytest.mark.parametrize(
    ("values", "column", "option"),
    [
        ([1, 2, 3, 4, 5] * 20, "confidence", "1-5"),
        ([4, 5, 5, 4] * 20, "confidence", "1-5"),
        ([1, 8, 9, 10] * 20, "confidence", "1-10"),
        ([0, 8, 9, 10] * 20, "confidence", "0-10"),
        ([7.5, 8, 9.5] * 20, "confidence", "1-10"),
        ([0, 1, 2, 5] * 20, "confidence", "percent"),
        ([0, 7, 12, 19] * 20, "confidence", "percent"),
        (RNG.normal(0, 3, 200).tolist(), "confidence", "logit"),
        (RNG.exponential(2, 200).tolist(), "score", "uncertainty"),
        ((-RNG.exponential(2, 200)).tolist(), "score", "logprob"),
        ([300.0, 20.0, 450.0, 99.0] * 20, "score", "uncertainty"),
        (FRACTIONS[:100] + PERCENTS[:100], "confidence", "percent"),
        (FRACTIONS[:20] + PERCENTS[:180], "confidence", "percent"),
        (FRACTIONS, "uncertainty", "uncertainty"),
        (FRACTIONS, "answer_entropy", "uncertainty"),
        (FRACTIONS, "ppl", "uncertainty"),
    ],
)
def test_where_there_is_doubt_the_values_and_the_options_are_shown(
    values: list[float], column: str, option: str
) -> None:
    with pytest.raises(UnusableInput, match=rf"cannot be told.* run from .*commonest.*--scale {option} \("):
        unit_of(values, column)
    with pytest.raises(UnusableInput):  # also where the first rows leave none
        unit_of([0.5] * 10 + values, column)


@pytest.mark.parametrize(
    ("scale", "values", "scores"),
    [
        ("fraction", [0.25, 1.0], [0.25, 1.0]),
        ("percent", [0, 0.5, 1, 5], [0, 0.005, 0.01, 0.05]),
        ("1-5", [1, 2, 5], [0, 0.25, 1]),
        ("1-10", [1, 10, 5.5], [0, 1, 0.5]),
        ("0-10", [0, 7, 10], [0, 0.7, 1]),
        ("logprob", [0.0, -0.0, -np.log(2), -733, 1e-9], [1, 1, 0.5, np.exp(-733.0), 1]),
        ("logit", [0, -800, 800], [0.5, 0, 1]),
        ("uncertainty", [0, 0.2, 1], [1, 0.8, 0]),
        ("uncertainty", [0, 2, -2], [0.5, 1 / (1 + np.e**2), 1 / (1 + np.e**-2)]),
    ],
)
def test_a_named_scale_is_taken(scale: str, values: list[float], scores: list[float]) -> None:
    frame = pd.DataFrame({"confidence": values, "correct": [1] * len(values)})
    tally = read_log(frame, scale=scale).groups[()]
    np.testing.assert_allclose(tally.score, np.unique(scores), rtol=1e-12)
    as_text = pd.DataFrame({"confidence": [repr(float(v)) for v in values], "correct": [1] * len(values)})
    assert read_log(as_text, scale=scale).groups[()].score.tolist() == tally.score.tolist()


@pytest.mark.parametrize("scale", ["fraction", "percent", "1-5", "1-10", "0-10", "logprob"])
def test_a_wrong_scale_is_refused_with_counts(scale: str) -> None:
    values = [-3, 2, 300, -7, 12, 150.5] * 10
    with pytest.raises(UnusableInput, match=r"\d+ of its 60 numbers (lie outside|are above 0)"):
        unit_of(values, scale=scale)
    with pytest.raises(UnusableInput, match="no scale 'percents'"):
        unit_of(values, scale="percents")


def test_what_may_be_named_is_every_scale_with_a_rule_of_its_own() -> None:
    assert set(SCALES) == {*NAMES, "unbounded", "event_percent"}


def test_a_doubtful_unit_that_is_named_is_said() -> None:
    frame = pd.DataFrame({"confidence": [0.9, 0.8], "correct": [1, 0]})
    assert "No number in 'confidence' exceeds 1, so 0.9 became 0.009" in " ".join(
        read_log(frame, scale="percent").notes
    )
    ones = pd.DataFrame({"confidence": [1.0, 1.0, 0.0], "correct": [1, 0, 0]})
    assert "nothing but 0 and 1, read as fractions" in " ".join(read_log(ones).notes)
    assert read_log(ones, scale="fraction").notes == ()


def test_a_few_fractions_among_percents_are_left_out_and_counted() -> None:
    frame = pd.DataFrame({"confidence": [95, 70, 60, 80] * 20 + [0.95, 0.7], "correct": [1] * 82})
    log = read_log(frame)
    assert log.unusable == {"confidence between 0 and 1 in a column of whole percents": 2}
    assert log.scale == "percent" and log.groups[()].score.min() == 0.6


MIXED = pd.DataFrame(
    {
        "model": ["a"] * 200 + ["b"] * 200, "confidence": FRACTIONS + PERCENTS, "correct": [1, 0] * 200
    }
)  # fmt: skip


def test_each_group_has_a_unit_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnusableInput, match=r"--by model \(each model keeps to one unit\)"):
        read_log(MIXED)
    log = read_log(MIXED, by=["model"])
    assert log.scale == "several" and log.units["b",] == Unit(
        scale="percent", column="confidence", whole=True
    )
    np.testing.assert_allclose(log.groups["a",].score, log.groups["b",].score)
    assert any("Where model is 'b'" in note for note in log.notes)
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    MIXED.to_parquet(tmp_path / "log.parquet")
    assert read_log(tmp_path / "log.parquet", by=["model"]).units == log.units
    maps = fit_log(MIXED, by=["model"]).maps
    MIXED.to_csv(tmp_path / "log.csv", index=False)
    done = apply(maps, tmp_path / "log.csv", tmp_path / "out.csv", Bands())
    assert done.scale == "several" and done.calibrated == 400


def test_a_group_of_nothing_but_ones_beside_percents_is_refused() -> None:
    frame = pd.DataFrame(
        {
            "model": ["a"] * 20 + ["b"] * 20, "confidence": [1] * 20 + [90, 60, 80, 30] * 5, "correct": [1, 0] * 20
        }
    )  # fmt: skip
    with pytest.raises(UnusableInput, match=r"where model is 'a',? it holds nothing but 0 and 1"):
        read_log(frame, by=["model"])
    assert read_log(frame, by=["model"], scale="percent").scale == "percent"


def test_the_whole_of_a_long_log_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK_ROWS", 50)
    late = [0, 2] * 50 + [95, 60, 70] * 100
    frame = pd.DataFrame({"confidence": late, "correct": 1})
    assert read_log(frame).groups[()].score[1] == 0.02


@pytest.mark.parametrize("scale", [None, "percent"])
def test_counting_in_the_engine_reads_units_as_counting_rows_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: str | None
) -> None:
    path = tmp_path / "log.parquet"
    pd.DataFrame({"confidence": [*PERCENTS, 120.0, None], "correct": [1, 0] * 101}).to_parquet(path)
    by_rows = read_log(path, scale=scale)
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    by_engine = read_log(path, scale=scale)
    assert (by_engine.unusable, by_engine.notes, by_engine.units) == (
        by_rows.unusable,
        by_rows.notes,
        by_rows.units,
    )


def test_an_uncertainty_without_bounds_is_mapped_and_not_audited(tmp_path: Path) -> None:
    entropy = RNG.exponential(2, 400)
    frame = pd.DataFrame({"entropy": entropy, "correct": RNG.random(400) < np.exp(-entropy / 4)})
    with pytest.raises(UnusableInput, match="no probability"):
        calibrant.audit(frame, confidence="entropy", scale="uncertainty")
    maps = fit_log(frame, confidence="entropy", scale="uncertainty").maps
    p = maps.groups[0][1](SCALES["unbounded"].scores(np.array([0.1, 2.0, 8.0])))
    assert np.all(np.diff(p) < -0.05)
    frame.to_csv(tmp_path / "log.csv", index=False)
    for named in (None, "uncertainty"):
        done = apply(maps, tmp_path / "log.csv", tmp_path / "out.csv", Bands(), scale=named)
        assert (done.scale, done.calibrated) == ("unbounded", 400)


# --- a map keeps the unit that it was fitted on ---


@pytest.fixture(scope="module")
def percent_maps() -> MapSet:
    rng = np.random.default_rng(1)
    scores = rng.choice([95, 60, 5], 1200)
    maps = fit_log(pd.DataFrame({"confidence": scores, "correct": rng.random(1200) < scores / 110})).maps
    return MapSet.from_json(maps.to_json())


def applied(maps: MapSet, folder: Path, values: Sequence[float], **named: Any) -> pd.DataFrame:
    pd.DataFrame({"confidence": values}).to_csv(folder / "log.csv", index=False)
    apply(maps, folder / "log.csv", folder / "out.csv", Bands(), **named)
    return pd.read_csv(folder / "out.csv")


def test_a_row_gets_the_same_number_alone_and_among_others(percent_maps: MapSet, tmp_path: Path) -> None:
    assert percent_maps.units == (Unit(scale="percent", column="confidence", whole=True),)
    values = [1, 20, 60, 100]
    together = applied(percent_maps, tmp_path, values).p.tolist()
    assert [applied(percent_maps, tmp_path, [value]).p[0] for value in values] == together
    assert together[0] < 0.1 < together[-1]


def test_scores_in_another_unit_than_the_maps_are_refused_or_named(
    percent_maps: MapSet, tmp_path: Path
) -> None:
    with pytest.raises(UnusableInput, match=r"fitted on percent, 0 to 100.*--scale fraction"):
        applied(percent_maps, tmp_path, [0.2, 0.6, 0.9, 1])
    assert not (tmp_path / "out.csv").exists()
    named = applied(percent_maps, tmp_path, [0.2, 0.6, 0.9, 1], scale="fraction").p
    assert named.tolist() == applied(percent_maps, tmp_path, [20, 60, 90, 100]).p.tolist()
    stray = applied(percent_maps, tmp_path, [*[60] * 40, 0.9])
    assert stray.uncalibrated.dropna().tolist() == [
        "confidence between 0 and 1 in a column of whole percents"
    ]
    fractions = fit_log(pd.DataFrame({"confidence": FRACTIONS, "correct": [1, 0] * 100})).maps
    with pytest.raises(UnusableInput, match=r"fitted on a fraction, 0 to 1.*2 of 3 are not.*--scale percent"):
        applied(fractions, tmp_path, [20, 60, 1])


def test_a_map_reads_the_column_that_it_was_fitted_on(tmp_path: Path) -> None:
    frame = pd.DataFrame({"conf": FRACTIONS, "sure": FRACTIONS[::-1], "correct": [1, 0] * 100})
    maps = fit_log(frame, confidence="sure").maps
    frame.to_csv(tmp_path / "log.csv", index=False)
    apply(maps, tmp_path / "log.csv", tmp_path / "out.csv", Bands())
    p = pd.read_csv(tmp_path / "out.csv").p
    np.testing.assert_allclose(p, maps.groups[0][1](frame.sure))


def test_maps_of_earlier_versions_are_on_fractions(percent_maps: MapSet, tmp_path: Path) -> None:
    old = calibrant.fit(FRACTIONS, [1, 0] * 100)
    assert "unit" not in old.to_dict()
    maps = MapSet.from_json(old.to_json())
    assert maps.units == (Unit(),) and maps.column is None
    with pytest.raises(UnusableInput, match="a version that kept no unit is taken to be on fractions"):
        applied(maps, tmp_path, [20, 60, 90])
    assert applied(maps, tmp_path, [20, 60, 90], scale="percent").p.notna().all()
