"""Confidence in words that are levels: their order is known, their probability is not, and a map gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.applying import apply
from calibrant.errors import UnusableInput
from calibrant.fitting import fit_log
from calibrant.logs.levels import place_of
from calibrant.logs.tallies import read_log


def log(
    words: tuple[Any, ...] = ("High", "Medium", "Low"), rates: tuple[float, ...] = (0.9, 0.6, 0.3)
) -> pd.DataFrame:
    rows = [
        {"confidence": word, "correct": i < round(100 * rate)}
        for word, rate in zip(words, rates, strict=True)
        for i in range(100)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "words",
    [
        ("high", "medium", "low"), ("HIGH ", "Med", "low."), ("H", "M", "L"), ("hoch", "mittel", "niedrig"),
        ("élevée", "moyenne", "faible"), ("alta", "media", "baja"), ("高", "中", "低"),
        ("высокая", "средняя", "низкая"),
        ("High confidence", "Medium confidence", "Low confidence"),
        ("very confident", "somewhat confident", "not confident"),
        ("certain", "unsure", "guess"), ("5 - extremely", "3: moderately", "1 - not at all"),
        ("certain", "likely", "unsure"),
        ("95%", "medium", "low"),
    ],
    ids=str,
)  # fmt: skip
def test_levels_are_put_in_order_and_claim_nothing(words: tuple[str, ...]) -> None:
    read = read_log(log(words))
    assert (read.scale, read.used, read.claims) == ("levels", 300, False)
    tally = read.groups[()]
    assert tally.rate.tolist() == pytest.approx([0.3, 0.6, 0.9])
    assert "no probability" in " ".join(read.notes)


def test_an_audit_says_how_often_each_is_right_and_no_gap() -> None:
    with pytest.raises(UnusableInput) as refused:
        calibrant.audit(log())
    told = str(refused.value)
    assert "High: 90 of 100 (100 rows, 82 to 95); Medium: 60 of 100 (100 rows, 50 to 70); Low: 30" in told
    assert "--scale levels -o maps.json" in told
    tied = log().assign(item_id=list(range(30)) * 10, task=["a", "b"] * 150)
    with pytest.raises(UnusableInput, match=r"a, High: .*b, High: "):
        calibrant.audit(tied, by="task", cluster="item_id")


def test_a_map_gives_each_level_its_rate_and_a_row_alone_gets_the_same(tmp_path: Path) -> None:
    maps = fit_log(log()).maps
    rows = apply(maps, log())
    found = dict(zip(rows["confidence"], rows["p"], strict=True))
    assert found["High"] == pytest.approx(0.9, abs=0.1)
    assert found["Low"] == pytest.approx(0.3, abs=0.1)
    alone = apply(maps, pd.DataFrame({"confidence": ["low"]}))
    assert alone["p"].tolist() == [found["Low"]]


def test_phrases_keep_the_numbers_that_people_read_them_as() -> None:
    read = read_log(log(("very likely", "likely", "unlikely")))
    assert read.scale == "fraction"
    assert read.groups[()].score.tolist() == [0.2, 0.75, 0.9]
    few = pd.concat([log(("very likely", "likely", "unlikely")), log().tail(3)])
    assert read_log(few).scale == "fraction"


@pytest.mark.parametrize("words", [("A", "B", "C"), ("red", "green", "high"), ("Paris", "Rome", "Oslo")])
def test_other_words_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(UnusableInput):
        read_log(log(words))


def test_numbers_are_no_levels() -> None:
    assert read_log(pd.DataFrame({"confidence": [0.9, 0.8] * 20, "correct": [1, 0] * 20})).scale == "fraction"
    with pytest.raises(UnusableInput, match="are no words"):
        read_log(pd.DataFrame({"confidence": [0.9, 0.8] * 20, "correct": [1, 0] * 20}), scale="levels")
    assert place_of(3) is None
    assert np.isnan(read_log(log()).groups[()].score).sum() == 0
