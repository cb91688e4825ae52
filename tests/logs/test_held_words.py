"""What words of verdicts, levels, names of columns and times are read as, at and around each limit."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.logs import levels, spellings, times, verdicts, vocabulary
from calibrant.logs.verdicts import Verdicts
from calibrant.logs.vocabulary import Named

from ..holding import hold, said

HELD = Path(__file__).parent / "expected" / "spelt.json"


def objects(values: list[Any]) -> np.ndarray:
    made = np.empty(len(values), object)
    made[:] = values
    return made


PLAIN = ["_", "-", "__", "a_b", " x ", "**", ".!?", "?", "N/A", "[yes]", "{no}", "<ok>", "«да»", "‘ok’",
"not-ok;", "A,",
         "*Right*:", "`pass`", "\tyes\r\n", "。对！", "✓\ufe0f", "ＯＫ", "is  -_ correct"]  # fmt: skip
NUMBERS = ["1e15", "-1e15", "999999999999999", "123456789", "123456788", "0.1", "0.30000000000000004", "-0", "5/5",
"0/5",
           "6/5", "1/3", "123456/123456", "1/1234567", "1 /2", " 7 ", "1_000", "1,5", "Infinity", "NaN", "--1",
           ""]  # fmt: skip


def test_words_one_by_one() -> None:
    found: dict[str, Any] = {
        one: [vocabulary.plain_word(one), vocabulary.spelt(one), vocabulary.number_of(one)]
        for one in [*PLAIN, *NUMBERS]
    }
    found["values"] = [vocabulary.spelt(v) for v in (123456789, 1e15, 10**16, -2.50, False, [1], 1234567.5)]
    found["parts"] = sorted(vocabulary._words("Partly_correct  no NO"))
    hold(HELD, "words", found)


def test_named_words() -> None:
    given: list[dict[str, Any]] = [
        {"partly": "half"}, {"wrong": "x"}, {"right": '"a, b", "c"'}, {"right": '"a", b "c'}, {"right": "a,,b, "},
        {"right": [True, 1, 1.0, "1"]}, {"right": ("a", "b"), "partly": {"c"}}, {"right": "x\n,\ty"},
        {"right": "b,a", "partly": "a,c", "wrong": "c,b"},
    ]  # fmt: skip
    found = [
        [said(lambda g=g: [bool(n := Named.of(**g)), n.told, sorted(n.meaning.items())]) for g in given],
        [bool(Named()), Named().told, Named().meaning],
    ]
    hold(HELD, "named", found)


READINGS: list[dict[str, int]] = [
    {"y": 30, "n": 24, "m": 6}, {"y": 30, "n": 24, "m": 7}, {"0": 100, "1": 90, "9": 10}, {"0": 100, "1": 90,
    "9": 11},
    {"1": 190, "9": 10}, {"0": 190, "9": 10}, {"0.5": 3}, {"-1": 3, "1": 2}, {"t": 3}, {"f": 3}, {"r": 9, "f": 1},
    {"w": 5}, {"w": 5, "r": 5}, {"д": 3, "н": 3}, {"д": 3, "x": 3}, {"ж": 3, "н": 3}, {"c": 9, "i": 8,
    "x": 1},
    {"s": 9, "n": 9}, {"é": 1}, {"a": 1, "b": 1}, {"x": 5, "o": 5, "z": 1}, {"p": 9, "f": 9, "y": 2}, {"v": 1,
    "f": 1},
    {"c": 9, "w": 9, "p": 2}, {"y": 9, "f": 9}, {"1": 1}, {"2": 1}, {"1.0001": 1},
]  # fmt: skip


def test_readings_of_columns() -> None:
    found = []
    for words in READINGS:
        for named in (Named(), Named.of(right="9"), Named.of(wrong="1"), Named.of(right="y", wrong="x")):
            reading = vocabulary.reading_of(words, named)
            asked = [*words, "1", "0", "1.1", "-0.1", "0.25", "y", "correct", "maybe"]
            grades = [reading.grade(one) for one in asked]
            found.append([reading.graded, "".join(reading.letters), grades])
    hold(HELD, "readings", found)


LISTS: list[dict[str, int]] = [
    {}, {"a" * 40: 3}, {"a" * 41: 3}, {"a" * 41: 3, "ok": 1}, {f"w{i}": i for i in range(1, 8)}, {"b": 2, "a": 2,
    "c": 3},
    {str(i): 9 for i in range(8)}, {"3": 5}, {"3": 5, "1": 5, "2": 5}, {"x": 1, "y": 49}, {"x": 1, "y": 48},
    {"n": 1000, "m": 1}, {"0": 9, "1": 9, "9": 9, "8": 9}, {"0": 9, "2": 9}, {"1": 9, "2": 9, "10": 8}, {"b": 1,
    "a": 1},
    {"c": 3, "b": 2, "a": 1}, {"b": 5, "word": 4}, {"Z": 3, "Q": 2, "R": 1}, {"ü": 1, "ä": 2}, {"x y": 4, "z": 1},
    {"it's": 3, 'a"b': 2}, {"one, two": 3, "three": 1},
]  # fmt: skip


def test_lists_of_words() -> None:
    found = [
        [
            vocabulary.listed(words), vocabulary.listed(words, 3), vocabulary.example(list(words)),
            vocabulary.either(words), vocabulary.either(words, 5), vocabulary.words_of(list(words)),
            vocabulary.option_of(list(words)),
        ]
        for words in LISTS
    ]  # fmt: skip
    hold(HELD, "lists", found)


def told_by(cells: Any, named: Named | None = None, *, where: str = "log.csv") -> list[Any]:
    reader = Verdicts(named)
    read = reader(cells if isinstance(cells, np.ndarray) else objects(cells))
    settled = said(lambda: reader.settled("ok", where))
    unsure = said(lambda: reader.settled("ok", where, judged=False))
    compared = said(lambda: reader.settled("a == b", where))
    return [
        read.values[:8].tolist(), read.why[:8].tolist(), dict(list(reader.words.items())[:8]),
        dict(list(reader.unread.items())[:8]), [reader.present, reader.partly, reader.empty],
        settled, "alike" if unsure == settled else unsure,
        "alike" if str(compared).replace("a == b", "ok") == str(settled) else compared,
    ]  # fmt: skip


VERDICTS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "all wrong, some empty": (["no"] * 19 + ["incorrect"] + [None], {}),
    "all wrong, one in twenty": (["no"] * 20 + [None, math.nan], {}),
    "all right, one in twenty-one": (["yes"] * 20 + [None], {}), "all right": (["yes"] * 38 + [None] * 2, {}),
    "all right, fewer": (["yes"] * 39 + [None], {}), "all half": (["partial"] * 20 + [None] * 9, {}),
    "named right": (["yes"] * 20 + [None] * 9, {"right": "yes"}),
    "half unread": (["yes", "no", "tbd", "later"], {}), "more unread": (["yes", "no", "tbd", "later", "x1"], {}),
    "unread and named": (["yes", "no", "tbd", "later", "x1"], {"right": "yes"}),
    "unread, wrong named": (["yes", "no", "tbd", "later", "x1"], {"wrong": "no"}),
    "unread, both named": (["yes", "no", "tbd", "later", "x1"], {"wrong": "no", "right": "yes"}),
    "half of it named": (["half", "yes", "no"], {"partly": "half"}),
    "right and one unread": (["yes"] * 19 + ["tbd"], {}), "right and fewer unread": (["yes"] * 20 + ["tbd"], {}),
    "wrong and one unread": (["no"] * 19 + ["tbd"], {}), "half and one unread": (["partial"] * 19 + ["tbd"], {}),
    "right, unread, named": (["yes"] * 9 + ["tbd"], {"right": "yes"}),
    "both and unread": (["yes"] * 9 + ["no"] * 9 + ["tbd"], {}),
    "empty named": (["x"] * 5 + [None, "", math.nan, math.inf, "n/a", np.float64("nan")], {"right": "x",
    "wrong": "EMPTY"}),
    "none named": (["none", "some", None], {"wrong": "none", "right": "some"}),
    "numpy": ([np.float64(1), np.int64(0), np.True_, np.str_("no"), np.float32(0.5)], {}),
    "spaces": ([" yes ", "YES", "tbd ", " tbd"], {}), "many halves": (["partial", "yes"] * 1000, {}),
    "numbers as half": ([0.5, "0.5", "half", "partly"], {}), "nothing": ([], {}), "no verdict": ([None, "-"], {}),
    "mixed": ([True, 1, "1.0", 0, None, "no", 0.0], {}), "lists": ([[1], {"a": 1}, "yes"], {}),
    "a thousand": (["yes"] * 1500 + ["no"] * 1500 + ["tbd"] * 1200, {}),
    "infinite": ([math.inf, -math.inf, 1, 0], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", VERDICTS)
def test_columns_of_verdicts(name: str) -> None:
    cells, named = VERDICTS[name]
    hold(HELD, f"verdicts, {name}", told_by(cells, Named.of(**named)))


@pytest.mark.parametrize("named", [{}, {"right": "1"}, {"right": "0", "wrong": "1"}], ids=str)
def test_columns_of_numbers(named: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MOST_WORDS", 100)
    arrays = {
        "bool": np.array([True, False, True]), "int": np.array([0, 1, 1]), "text": np.array(["yes", "no"]),
        "ten": np.linspace(0, 1, 10), "eleven": np.linspace(0, 1, 11),
        "beyond": np.r_[np.linspace(-1, 3, 13), np.nan, np.inf], "below": np.r_[np.linspace(-1, 1, 21), 1.0],
        "float32": np.linspace(0, 1, 11, dtype=np.float32), "uint8": np.array([0, 1, 2], np.uint8),
        "none": np.zeros(0),
    }  # fmt: skip
    hold(
        HELD,
        f"numbers, {named}",
        {kind: told_by(array, Named.of(**named)) for kind, array in arrays.items()},
    )


def test_no_more_words_than_can_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of further words none is kept; those that are known go on being counted."""
    monkeypatch.setattr(verdicts, "MOST_WORDS", 3)
    reader = Verdicts()
    for block in (["yes", "tbd", "no", "late", "tbd"], ["late", "yes", "new", "tbd", "yes"]):
        reader(objects(block))
    hold(HELD, "most words", [dict(reader.words), dict(reader.unread), reader.present])


LEVELS: list[Any] = [
    "very low", "Very  High.", "1. low", "10) high", "100) high", "3=medium", "3 medium", "2 – low",
    "confidence:low",
    "confidence level: high", "high level", "medium - confidence", "certainty = fairly", "confident",
    "5%", "5,5%", "5.5 ％",
    "100%", "150%", "1000%", "%", "low%", "", " ", True, 3, b"high", "likely", "about even", "not sure", "M",
]  # fmt: skip


def test_levels() -> None:
    columns = [
        ["high", None, "", "n/a", "NULL", " - "], ["High", "LOW", "Med"], ["likely"] * 18 + ["high"] * 2,
        ["likely"] * 19 + ["high"], ["95%"] * 9 + ["high"], [" High "] * 19 + ["x"], ["high"] * 18 + ["x"] * 2,
        [0.5, "high"],
    ]  # fmt: skip
    hold(
        HELD,
        "levels",
        [[levels.place_of(one) for one in LEVELS], [levels.are_levels(one) for one in columns]],
    )


NAMES = [
    "Confidence (%)", "conf[0-1]", "conf (0 - 100)", "ok (yes/no)", "p (in percent)", "p (pct)", "score (raw)",
    "modelConfidence", "p2Correct", "HTTPError", "is-error", "Error Rate", "error_free", "no errors",
    "without mistakes",
    "not_correct", "not correct", "unresolved", "un_passed", "incorrectness", "hallucinations", "failure", "fails",
    "failed_tests", "pass_fail", "right_wrong", "correct_incorrect", "falsch", "loss", "closs", "bad", "badly",
    "contradicted", "not_bad", "non-invalid", "nicht falsch", "неверно", "верно", "是否正确", "错误", "  x  ",
    "__y__",
    "ＣＯＮＦ", "defective", "free_of_defects", "not_not_correct", "unfaithful", "refuted", "not wrong",
    "ground_truth_match",
]  # fmt: skip


def test_names_of_columns() -> None:
    found: dict[str, Any] = {name: [spellings.spelling(name), spellings.says_wrong(name)] for name in NAMES}
    found["by spelling"] = [
        spellings.by_spelling(columns)
        for columns in (["A b", "a B", "aB"], ["Y (%)", "y"], [], ["x", "X"], ["Is Right?", "is_right"])
    ]
    hold(HELD, "names", found)


T = datetime.datetime
TIMES: dict[str, Any] = {
    "iso": ["2026-01-02T03:04:05Z", "2026-01-02 03:04:05+02:00", "2026-01-02T03:04:05.25 -0130"],
    "iso, UTC": ["2026-01-02 03:04 UTC", "2026-01-02 03:04GMT"], "iso, days": ["2026-01-02", "20260103",
    "2026-W01-5"],
    "one without a zone": ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05"],
    "seconds": [1.6e9, 1.7e9, "1700000000.5"], "from 1e9": [1e9, 9999999999], "milliseconds": [1e12, 1.7e12],
    "microseconds": [1e15, 1.7e15], "nanoseconds": [1e18, 1.7e18], "both": [1.7e9, 1.7e12], "some not": [1.7e9, 12.5],
    "at 1e10": [1e10, 2e10], "steps": [3, 1, 2], "below": [999999999, 5], "texts of numbers": ["10", " 9 "],
    "booleans": [True, False], "none": [], "all empty": [None, "", math.nan], "gaps": [None, "5", "", 7],
    "mail": ["Sun, 06 Nov 1994 08:49:37 GMT", "07 Nov 1994 08:49 +0100", "Tuesday, 08-Nov-94 08:49:37 GMT"],
    "mail, no zones": ["Sun, 06 Nov 1994 08:49:37", "7 Nov 94 08:49"],
    "mail, a day beyond": ["Sun, 36 Nov 1994 08:49:37 GMT"],
    "mail, some without a zone": ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 09:49:37"],
    "C's": ["Sun Nov  6 08:49:37 1994"], "mail and more": ["Sun, 06 Nov 1994 08:49:37 GMT", "x"],
    "day first": ["31/12/2026", "01/02/2026 10:00"], "month first": ["12/31/2026", "1/2/2026 1:05 PM"],
    "in doubt": ["12/12/2026"], "day is 13": ["13/12/2026"], "both ways": ["13/12/2026", "12/13/2026"],
    "points": ["1.2.2026", "03.04.26 12:30:15.5"], "dashes": ["31-12-2026"], "year first": ["2026/2/1",
    "2026/12/31 23:59"],
    "two signs": ["1/2/2026", "31-12-2026"], "mixed years": ["2026/1/2", "1/2/2026"], "old": ["31.12.99",
    "31.12.100"],
    "am and pm": ["13.1.2026 12:00 AM", "13.1.2026 12:00 pm", "13.1.2026 01:02:03 a.m.", "13.1.2026 11:59 P"],
    "no clock": ["13.1.2026 noon"], "clock beyond": ["13.1.2026 25:00"], "no day": ["32.1.2026"],
    "comma": ["13.1.2026, 10:30"],
    "fraction": ["13.1.2026 10:30:00.123456789"], "words": ["Jan 2, 2026", "Feb 3, 2026"],
    "words, long": ["January 2, 2026 10:30"], "words, day first": ["2 Jan 2026 10:30:15", "3 Feb 2026 00:00:00"],
    "words, full": ["2 January 2026"], "words, dashes": ["2-Jan-2026 10:30 PM"],
    "words, am": ["Jan 2, 2026 10:30:15 AM"],
    "mixed": ["Jan 2, 2026", "13.1.2026"], "mixed, later": ["13.1.2026", "14.1.2026", "2026-01-02"],
    "unknown": ["yesterday"], "unknown among": ["2026-01-02", "soon"], "dates": [T(2026, 1, 2, 3),
    datetime.date(2026, 1, 3)],
    "zoned": [T(2026, 1, 2, tzinfo=datetime.UTC), T(2026, 1, 3, tzinfo=datetime.UTC)], "lists": [[1]],
    "huge": [10**310],
    "negative": [-1.7e9], "infinite": [math.inf],
}  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
def test_times(name: str) -> None:
    hold(HELD, f"times, {name}", times.seconds_of(objects(TIMES[name])))


def test_times_of_arrays() -> None:
    stamps = np.array(["2026-01-02T03:04:05.25", "NaT"], "datetime64[ms]")
    arrays = [
        stamps,
        stamps[:1],
        np.array([3.0, np.nan]),
        np.array([1, 2]),
        np.array(["2026-01-02"]),
        stamps[:0],
    ]
    hold(HELD, "times of arrays", [times.seconds_of(array) for array in arrays])
