"""What was found is said in one way, whoever shows it; no share is said to be none or all."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import calibrant
from calibrant.cli import app
from calibrant.metrics.intervals import Estimate
from calibrant.phrasing.numbers import fixed, interval, of_100, percent, percent_interval, points
from calibrant.report import html, markdown

SHARES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.005, 0.00499, 0.995, 0.99501, 0.9949, 1.0]))


@given(SHARES, st.integers(0, 2))
def test_a_share_is_never_said_to_be_none_or_all(share: float, digits: int) -> None:
    assert of_100(share) not in ("0", "100")
    assert float(percent(share, digits).removesuffix(" %").lstrip("<> ")) not in (0.0, 100.0)
    assert ("over" in of_100(share)) == (percent(share).startswith(">")) == (share >= 0.995)
    assert ("under" in of_100(share)) == (percent(share).startswith("<")) == (share <= 0.005)


@given(st.floats(-1, 1), st.integers(0, 4))
def test_no_number_is_minus_zero_and_none_is_further_off_than_its_digits(value: float, digits: int) -> None:
    for said in (fixed(value, digits), fixed(value, digits, signed=True)):
        assert not re.fullmatch(r"-0(\.0*)?", said)
        assert abs(float(said) - value) <= 0.5 * 10**-digits + 1e-9


def test_what_is_not_known_is_a_dash() -> None:
    assert {fixed(None), percent(None), interval(None), percent_interval(None)} == {"-"}
    assert percent_interval(Estimate(0.999, 0.99, 1.0)) == "> 99 % (99 to 100)"
    assert interval(Estimate(-0.0001, -0.02, 0.02), 2, signed=True) == "+0.00 (-0.02 to +0.02)"
    assert (points(0.01), points(-0.01, signed=True), points(0.0)) == ("1 point", "-1 point", "0 points")


def log(rows: int, claimed: float, right: float, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"confidence": np.full(rows, claimed), "correct": np.arange(rows) < right * rows}
    ).assign(person=np.where(rng.random(rows) < 0.5, (np.arange(rows) < right * rows).astype(float), np.nan))


def test_the_edges_are_those_of_the_whole_house() -> None:
    (group,) = calibrant.audit(log(200, 0.995, 0.995)).groups
    assert "claims over 99 of 100, is right over 99 of 100" in group.sentence


def test_a_sentence_with_people_s_verdicts_keeps_its_parts_apart() -> None:
    found = calibrant.audit(log(400, 0.9, 0.6), human="person")
    (group,) = found.groups
    assert group.told.verdict == "Over-confident."
    assert group.told.correction.startswith("The judge says 60 of 100, people's verdicts on ")
    page = html(found)
    assert '<span class="verdict bad">Over-confident.</span> The judge says 60 of 100' in page
    assert '<span class="verdict">The judge' not in page
    assert f"Over-confident. {group.told.correction}" in markdown(found).replace("\\", "")


@pytest.mark.parametrize(("rows", "few"), [(8, True), (200, False)])
def test_terminal_and_report_agree(tmp_path: object, rows: int, few: bool) -> None:
    """Both show the numbers of a group, or both say that its rows are too few."""
    path = f"{tmp_path}/log.csv"
    frame = log(rows, 0.9, 0.6).assign(confidence=np.linspace(0.5, 0.99, rows).round(2))
    frame.drop(columns="person").to_csv(path, index=False)
    found = calibrant.audit(path)
    shown = CliRunner().invoke(app, ["audit", path]).stdout
    assert found.groups[0].sentence in shown
    table = shown.partition("Next:")[0].rstrip().splitlines()[-1]
    finding = found.groups[0].finding
    assert finding is not None and finding.auroc is not None
    for number in (finding.auroc, finding.brier, finding.ece.value):
        assert (
            (fixed(number) in table)
            == (fixed(number) in markdown(found).partition("## Segments")[2])
            == (not few)
        )
    assert ("too few rows" in table) == few
    assert found.groups[0].measures["auroc"] == finding.auroc
