"""What the words of a column of verdicts mean: the column decides, and what is in doubt is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.errors import UnusableInput
from calibrant.fitting import fit_log
from calibrant.logs.tallies import read_log
from calibrant.logs.verdicts import Verdicts
from calibrant.logs.vocabulary import Named

FILES = Path(__file__).parent / "files"


def frame(verdicts: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"confidence": np.linspace(0.5, 0.9, len(verdicts)), "correct": verdicts})


def grades(verdicts: list[Any], **named: str) -> list[float]:
    found: list[float] = Verdicts(Named.of(**named))(np.array(verdicts, object)).values.tolist()
    return found


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("wahr", "falsch"), ("Richtig", "Falsch"), ("vrai", "faux"), ("correcto", "incorrecto"), ("verdadero", "falso"),
        ("vero", "falso"), ("certo", "errado"), ("juist", "onjuist"), ("да", "нет"), ("верно", "неверно"),
        ("正确", "错误"),
        ("正解", "不正解"), ("○", "×"), ("はい", "いいえ"), ("정답", "오답"), ("prawda", "fałsz"), ("doğru", "yanlış"),
        ("✅", "❌"), ("✓", "✗"), ("✔️", "✘"), ("👍", "👎"), ("CORRECT", "INCORRECT"), ("PASS", "FAIL"),
        ("pass.", "fail."), ("**Correct**", "[incorrect]"), ("ＴＲＵＥ", "ＦＡＬＳＥ"),
        ("1", "0"), ("1.0", "0.0"),
        (1, 0), (True, False), ("True", 0), ("Y", "N"), ("T", "F"), ("P", "F"), ("C", "I"), ("C", "W"), ("V", "F"),
        ("W", "F"), ("J", "N"), ("S", "N"), ("O", "N"), ("ok", "not ok"), ("success", "failure"),
        ("is_correct", "is_incorrect"),
    ],
)  # fmt: skip
def test_a_word_of_right_and_one_of_wrong(right: Any, wrong: Any) -> None:
    assert grades([right, wrong, right, None]) == pytest.approx([1, 0, 1, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    "verdicts",
    [
        ["A", "B", "C", "D", "F"] * 12, ["A", "B", "F"] * 20, [1, 2, 3, 4, 5] * 12, ["1", "2", "3", "4", "5"] * 12,
        [0, 1, 2, 3] * 15, ["B", "C", "N"] * 20, ["F"] * 60, ["P", "N"] * 30, ["Paris", "no", "Rome", "Oslo"] * 15,
        ["N", "M", "K"] * 20, [85, 90, 1, 0] * 15, ["C"] * 30 + ["B"] * 30 + ["A"] * 30,
    ],
)  # fmt: skip
def test_words_that_can_be_read_by_accident_are_refused_with_what_would_read_them(
    verdicts: list[Any],
) -> None:
    with pytest.raises(UnusableInput, match=r"(?s)cannot be read: .* x \d+.*--right \S+"):
        read_log(frame(verdicts))


def test_a_file_of_letters_is_read_by_its_convention_and_as_people_say() -> None:
    log = read_log(FILES / "verdict_letters.csv", correct="score_choice")
    assert (log.used, log.groups[()].hits.sum()) == (200, 115)
    named = read_log(FILES / "verdict_letters.csv", correct="score_choice", right="c", wrong="I", partly="N")
    assert named.groups[()].hits.sum() == 115 + 42 / 2
    with pytest.raises(UnusableInput, match="'x' stands in two"):
        read_log(FILES / "verdict_letters.csv", correct="score_choice", right="X", wrong="x")


def test_partly_right_counts_as_half_and_is_said() -> None:
    found = calibrant.audit(str(FILES / "partly_correct.csv"))
    assert found.groups[0].measures["accuracy"] == pytest.approx(0.670)
    assert any("26 verdicts in 'correct' that say partly right count as half" in note for note in found.notes)
    told = calibrant.audit(str(FILES / "partly_correct.csv"), wrong="partially correct")
    assert told.groups[0].measures["accuracy"] == pytest.approx(0.605)
    assert not told.notes


def test_named_words_leave_nothing_else_to_chance() -> None:
    assert grades([5, 4, 1, 2, 3], right="4,5", wrong="1,2") == pytest.approx(
        [1, 1, 0, 0, np.nan], nan_ok=True
    )
    assert grades([5.0, 1.0, 1.0], right="5") == pytest.approx([1, np.nan, np.nan], nan_ok=True)
    assert grades(["-", "+", None], right="+", wrong="-") == pytest.approx([0, 1, np.nan], nan_ok=True)


def test_a_few_unread_verdicts_are_told_with_what_would_read_them() -> None:
    log = read_log(frame(["yes"] * 40 + ["no"] * 20 + ["unclear"] * 3))
    assert log.unusable == {"verdict is neither right nor wrong nor in [0, 1]": 3}
    assert any("'unclear' x 3; --wrong unclear, or --right or --partly" in note for note in log.notes)


def test_a_column_that_turns_out_otherwise_than_it_began_is_refused() -> None:
    read = Verdicts()
    read(np.array(["C", "I"] * 50, object))
    read(np.array(["A", "B", "D"] * 20 + ["C"] * 41, object))
    with pytest.raises(UnusableInput, match="begin as another kind"):
        read.settled("score", "a log")


@pytest.mark.parametrize(
    "kind", ["bool", "int", "missing", "digits", "words", "letters", "marks", "text", "grades"]
)
def test_the_engine_reads_verdicts_as_the_reader_does(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    right, coin = rng.random(2000) < 0.6, rng.random(2000) < 0.5
    given: Any = {
        "bool": right, "int": right.astype(int), "missing": np.where(coin, np.nan, right),
        "digits": np.where(right, "1.0", "0"),
        "words": np.where(right, "richtig", "Falsch "), "letters": np.where(right, "C", np.where(coin, "I", "N")),
        "marks": np.where(right, 5, 1), "text": np.where(right, "it's", "right"), "grades": rng.random(2000),
    }[kind]  # fmt: skip
    path = tmp_path / "log.parquet"
    pd.DataFrame({"confidence": rng.random(2000).round(2), "correct": given}).to_parquet(path)
    told = []
    for least in (10**9, 10):
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", least)
        try:
            log = read_log(path)
            told.append([log.used, log.unusable, log.notes, round(float(log.groups[()].hits.sum()), 3)])
        except UnusableInput as error:
            told.append([str(error)])
    assert told[0] == told[1]


def test_the_words_that_were_named_are_kept() -> None:
    told = calibrant.audit(
        str(FILES / "verdict_letters.csv"), correct="score_choice", right="C", wrong="I,N"
    ).to_dict()
    assert told["words"] == {"right": ["c"], "wrong": ["i", "n"]}
    assert told["columns"]["correct"] == "score_choice"


def test_a_map_names_the_columns_it_was_fitted_on() -> None:
    fitted = fit_log(str(FILES / "verdict_letters.csv"), correct="score_choice")
    assert fitted.to_dict()["columns"] == {"confidence": "confidence", "correct": "score_choice"}
    assert fitted.groups[0].map is not None
    assert fitted.groups[0].map.statistics["verdict"] == "score_choice"


def test_one_side_and_empty_cells_are_refused_with_both_readings() -> None:
    log = pd.DataFrame({"confidence": [0.5, 0.9] * 40, "correct": [None, 1] * 40})
    with pytest.raises(UnusableInput, match=r"--right 1 --wrong EMPTY\. .*Then --right 1, or .*--labels"):
        read_log(log)
    assert read_log(log, right="1", wrong="EMPTY").groups[()].accuracy == 0.5
    assert read_log(log, right="1").used == 40


def test_words_are_offered_either_way_and_shares_are_grades() -> None:
    log = pd.DataFrame({"confidence": [0.5, 0.9] * 40, "verdict": ["same", "different"] * 40})
    with pytest.raises(
        UnusableInput, match="--right same --wrong different or --right different --wrong same"
    ):
        read_log(log)
    shares = log.assign(verdict=["2/3", "3/3"] * 40)
    assert read_log(shares).groups[()].accuracy == pytest.approx(5 / 6, abs=1e-5)
