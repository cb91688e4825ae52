"""What single cells and columns are read as: hundreds of them, each with the whole of what is made of it.

What is expected lies in `expected/`, a name for each.
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.logs import (
    headings,
    keys,
    levels,
    numerals,
    scales,
    spellings,
    sureness,
    times,
    values,
    vocabulary,
)
from calibrant.logs.annotated import judged, one_of
from calibrant.logs.compared import alike
from calibrant.logs.foreign import cell, flattened, graded, label_of, saying
from calibrant.logs.sources import rows_source
from calibrant.logs.verdicts import Verdicts
from calibrant.logs.vocabulary import Named
from calibrant.maps.units import SCALES, Unit
from calibrant.types import Token

from ..holding import hold, said

HELD = Path(__file__).parent / "expected"


def spread(low: float, high: float, n: int, digits: int = 6) -> list[float]:
    return [round(low + (high - low) * i / (n - 1), digits) for i in range(n)]


FRACTIONS = spread(0.05, 0.95, 40)
PERCENTS = [float(x) for x in range(5, 100, 5)] * 2
COLUMNS: dict[str, list[Any]] = {
    "nothing": [],
    "empty cells": [None, "", math.nan],
    "fractions": FRACTIONS,
    "0 and 1": [0, 1] * 10,
    "ones": [1] * 30,
    "zeros": [0] * 30,
    "fractions and a slip": [*FRACTIONS, 7],
    "fractions and two slips": [*FRACTIONS, 7, 80],
    "fractions and three slips": [*FRACTIONS, 7, 80, 90],
    "fractions and six slips": [*FRACTIONS, 7, 80, 90, 91, 92, 93],
    "three numbers and one slip": [0.2, 0.4, 7],
    "five numbers and two slips": [0.2, 0.4, 0.5, 7, 8],
    "four numbers and two slips": [0.2, 0.4, 7, 8],
    "percents": PERCENTS,
    "percents with a fraction": [*PERCENTS, 0.5],
    "percents with five fractions": [*PERCENTS, 0.5, 0.6, 0.7, 0.8, 0.9],
    "percents to 21": [float(x) for x in range(2, 22)],
    "percents to 20": [float(x) for x in range(1, 21)],
    "percents and beyond": [*PERCENTS, 101],
    "percents and five beyond": [*PERCENTS, 101, 102, 103, 104, 105],
    "percents with a lone 1": [20, 30, 40, 50, 60, 70, 80, 90, 100, 1] * 3,
    "percents with one 1": [20, 30, 40, 50, 60, 70, 80, 90, 100] * 4 + [1],
    "percents with two 1": [20, 30, 40, 50, 60, 70, 80, 90, 100] * 4 + [1, 1],
    "percents from 1 on": [1, 5, 9, 50, 60, 70, 80, 90, 100] * 4,
    "percents that are not whole": spread(1.5, 99.5, 40, 1),
    "not whole, many low": spread(0.5, 51.5, 40, 1),
    "not whole to 50": spread(1.1, 49.9, 40, 1),
    "not whole to 51": spread(30.1, 51.0, 40, 1),
    "whole and a few broken": [float(x) for x in range(21, 60)] + [33.5],
    "whole and three broken": [float(x) for x in range(21, 60)] + [33.5, 34.5, 35.5],
    "broken below 20 alone": [*[float(x) for x in range(30, 60)], *spread(2.5, 19.5, 9, 1)],
    "fractions and percents": [0.2, 0.4, 0.9, 30, 50, 70, 90, 0.3, 0.1, 60] * 3,
    "broken with fractions": [*spread(0.1, 0.9, 9, 1), *spread(30.5, 90.5, 20, 1)],
    "1 to 5": [1, 2, 3, 4, 5] * 6,
    "0 to 5": [0, 1, 2, 3, 4, 5] * 6,
    "1 to 7": [1, 3, 5, 7] * 6,
    "1 to 10": list(range(1, 11)) * 3,
    "0 to 10": list(range(11)) * 3,
    "0 to 10, halves": spread(0, 10, 21),
    "to 11": list(range(12)) * 3,
    "below 0": spread(-5, -0.1, 30, 2),
    "below 0 and 0": [*spread(-5, -0.1, 30, 2), 0.0],
    "hardly above 0": [*spread(-5, -0.1, 30, 2), 1e-7],
    "both sides": spread(-3, 3, 31, 2),
    "-1 for none": [*FRACTIONS, *[-1] * 10],
    "-0.5 among": [*FRACTIONS, *[-0.5] * 10],
    "-1 and -2": [*FRACTIONS, *[-1, -2] * 5],
    "one below": [*FRACTIONS, -3],
    "three below": [*FRACTIONS, -3, -2, -1.5],
    "percents and -1": [*PERCENTS, *[-1] * 8],
    "999 for none": [*FRACTIONS, *[999] * 10],
    "999 among percents": [*PERCENTS, *[999] * 10],
    "9999 for most": [*FRACTIONS[:10], *[9999] * 11],
    "998 for none": [*FRACTIONS, *[998] * 10],
    "two marks": [*FRACTIONS, *[999, 9999] * 5],
    "per mille": spread(0, 1000, 41, 0),
    "hundreds": spread(0, 400, 41, 0),
    "a fifth beyond": [*[float(x) for x in range(20, 100)], *[150.0, 160.0] * 10],
    "thousands": spread(1000, 90000, 20, 0),
    "texts of numbers": [str(x) for x in FRACTIONS],
    "texts with signs": [f"{round(100 * x)}%" for x in FRACTIONS],
    "signs and numbers": ["85%", "90 %", 0.5, 0.7, "likely", "about 80%"],
    "levels": ["high", "low", "Medium", None] * 5,
    "phrases": ["likely", "unlikely", "almost certain"] * 5,
    "levels and numbers": ["high", 0.5, "low"] * 5,
    "words": ["A", "B"] * 5,
    "booleans": [True, False] * 5,
    "infinite": [math.inf, 0.5, -math.inf, 0.7],
    "tiny": [1e-9, 1e-7, 1e-3, 0.5],
}  # fmt: skip
NAMES = ("sure", "logprob", "avg_log_prob", "conf_pct", "percentile", "per_mille", "odds", "log_odds", "nll", "loss",
         "perplexity", "uncertainty", "entropy", "wrong", "error_rate", "p_false",
         "self_consistency:n=5")  # fmt: skip
NAMED_COLUMNS = ("fractions", "percents", "below 0", "below 0 and 0", "both sides", "1 to 10", "per mille", "0 and 1",
                 "hundreds", "not whole to 50", "percents and five beyond")  # fmt: skip


def log_of(column: str, held: list[Any], by: dict[str, list[Any]] | None = None) -> Any:
    rows = [{column: v, **{n: w[i] for n, w in (by or {}).items()}} for i, v in enumerate(held)]
    return rows_source("log.csv", [column, *(by or {})], lambda: rows)


TRIED = (None, "fraction", "percent", "1-10", "logprob", "uncertainty", "levels")


@pytest.mark.parametrize("name", COLUMNS)
def test_units(name: str) -> None:
    log = log_of("sure", COLUMNS[name])
    found = {str(scale): said(lambda s=scale: scales.units_of(log, "sure", scale=s)) for scale in TRIED}
    read = values.scores(np.array(COLUMNS[name] or [None], object)[:60])
    hold(
        HELD / "units.json",
        name,
        {**found, "fractions": [read.values[-12:], read.why[-12:], dict(read.read_as)]},
    )


@pytest.mark.parametrize("name", NAMES)
def test_units_by_the_names_of_columns(name: str) -> None:
    found = {
        kind: said(lambda k=kind: scales.units_of(log_of(name, COLUMNS[k]), name)) for kind in NAMED_COLUMNS
    }
    hold(HELD / "units_by_name.json", name, found)


GROUPED = {
    "a unit each": ([*FRACTIONS, *PERCENTS], ["a"] * 40 + ["b"] * 38),
    "one in doubt": ([*FRACTIONS, *[1, 2, 3, 4, 5] * 6], ["a"] * 40 + ["b"] * 30),
    "one silent": ([*PERCENTS, *[0, 1] * 10], ["a"] * 38 + ["b"] * 20),
    "one silent beside fractions": ([*FRACTIONS, *PERCENTS, *[0, 1] * 10], ["a"] * 40 + ["b"] * 38 + ["c"] * 20),
    "one of zeros": ([*PERCENTS, *[0] * 10], ["a"] * 38 + ["b"] * 10),
    "all alike": ([*PERCENTS, *PERCENTS], ["a"] * 38 + ["b"] * 38),
    "one with slips": ([*FRACTIONS, *FRACTIONS, 7], ["a"] * 40 + ["b"] * 41),
    "clean": ([*FRACTIONS, *FRACTIONS], ["a"] * 40 + ["b"] * 40),
    "one without": ([*FRACTIONS, *PERCENTS, None, None], ["a"] * 40 + ["b"] * 38 + [None] * 2),
    "below 0": ([*spread(-5, -0.1, 30, 2), *FRACTIONS], ["a"] * 30 + ["b"] * 40),
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPED)
def test_units_by_group(name: str) -> None:
    held, groups = GROUPED[name]
    found = {}
    for column in ("sure", "logprob"):
        log = log_of(column, held, {"model": groups, "domain": ["x"] * len(held)})
        found |= {
            f"{column} by {by}": said(lambda by=by, c=column, log=log: scales.units_of(log, c, by))
            for by in ((), ("model",), ("domain",), ("domain", "model"))
        }
        for scale in ("percent", "fraction"):
            unit = Unit(scale=scale, column=column)
            found[f"{column} as {scale}"] = said(
                lambda u=unit, c=column, log=log: scales.check_units(log, c, ("model",), lambda _: u)
            )
    hold(HELD / "units_by_group.json", name, found)


@pytest.mark.parametrize("name", COLUMNS)
def test_units_that_maps_have(name: str) -> None:
    """A map's unit is held against the numbers that it is asked about."""
    log, found = log_of("sure", COLUMNS[name]), {}
    for scale in ("fraction", "percent", "logprob"):
        unit = Unit(scale=scale, column="sure", whole=scale == "percent")
        found[scale] = said(lambda u=unit: scales.check_units(log, "sure", (), lambda _: u))
    hold(HELD / "units_of_maps.json", name, found)


def test_seen_numbers() -> None:
    found = {}
    for name, held in COLUMNS.items():
        numbers = values.numbers(np.array(held or [None], object)).values
        seen = numerals.Seen()
        seen.add(numbers[: len(numbers) // 2])
        seen.add(numbers[len(numbers) // 2 :])
        found[name] = [
            seen.numbers, seen.least, seen.most, dict(+seen.counts), seen.finest, seen.silent, seen.whole,
            seen.lone_ones,
            seen.told, numerals.marked(seen) if seen.numbers else None, [seen.stray(n) for n in (0, 1, 2, 3, 6)],
        ]  # fmt: skip
    hold(HELD / "seen.json", "seen", found)


SCORES: list[Any] = [
    None, "", " ", "nan", "None", "n/a", "NULL", math.nan, math.inf, -math.inf, True, "true", "False", np.True_,
    0, 1, 0.5,
    -0.1, 1.5, "0.5", " 0.5 ", "1e-3", "85%", "85 %", "85％", "85.5 percent", "85 per cent", "85pct",
    "85 Prozent.", "101%",
    "85 pour cent", "85 por ciento", "8/10", "8 out of 10", "80/100", "11/10", "3/4", "8/1000", "likely",
    "Almost Certain",
    "about 80%", "high", "0,5", "1,000", ".5", "5.", "+0.5", "--", "x", [0.5], {"p": 0.5},
    decimal.Decimal("0.25"), b"0.5",
    "١", "0.5.", "½",
]  # fmt: skip


def test_cells() -> None:
    held = np.array([None] * len(SCORES), object)
    held[:] = SCORES
    kinds = {
        "scores": values.scores, "weights": values.weights, "propensities": values.propensities,
        "amounts": values.amounts,
        "flags": values.flags, "texts": values.texts, "numbers": values.numbers, "as it is": values.as_is,
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, kind in kinds.items():
        read = kind(held)
        found[name] = [
            [repr(cell), read.values[i], values.REASONS[read.why[i]]] if name != "as it is" else None
            for i, cell in enumerate(SCORES)
        ]
        found[f"{name} read as"] = dict(read.read_as)
    for scale in SCALES:
        read = values.scores(held, Unit(scale=scale))
        found[f"as {scale}"] = [read.values, read.why, dict(read.read_as)]
    whole = values.scores(held, Unit(scale="percent", whole=True))
    found["as whole percents"] = [whole.values, whole.why]
    hold(HELD / "cells.json", "cells", found)


ARRAYS = {
    "bool": np.array([True, False]), "int": np.array([0, 1, 85, -3]), "uint8": np.array([0, 1, 85], np.uint8),
    "float": np.array([0.0, 0.3, 1.0, math.nan, math.inf, -math.inf, 2.0]), "float32": np.array([0.1, 0.7,
    math.nan], np.float32),
    "float16": np.array([0.1, 0.7], np.float16), "text": np.array(["0.5", "x", ""]), "none": np.zeros(0, object),
    "numbers": np.array([1, 0.5, "0.7"], object), "numbers and none": np.array([1, 0.5, None], object),
    "huge": np.array(["1e400", 10**400, "1e6", 1e6, 1e-6, 1e-7, 1000001], object), "large": np.array([1e6, 1e7,
    1e-6, 1e-7]),
}  # fmt: skip


def test_arrays() -> None:
    found = {}
    for name, held in ARRAYS.items():
        for kind in (
            values.scores,
            values.weights,
            values.propensities,
            values.amounts,
            values.flags,
            values.numbers,
        ):
            read = kind(held)
            found[f"{name}, {kind.__name__}"] = [
                read.values,
                read.why,
                dict(read.read_as),
                str(read.values.dtype),
            ]
        verdicts = Verdicts()
        read = verdicts(held)
        found[f"{name}, verdicts"] = [read.values, read.why, dict(verdicts.words), dict(verdicts.unread)]
        found[f"{name}, texts"] = values.texts(held).values
    hold(HELD / "arrays.json", "arrays", found)


def test_log_probabilities() -> None:
    held: list[Any] = [
        [-0.1, -2], "[-0.1, -2]", "[]", [], "[0.5]", [1e-7], [2e-6], "x", "", " ", None, math.nan, 3, "-1", (-1.0, 0),
        ["-1", -2], [None], [-math.inf], [math.nan], '{"a": 1}',
    ]  # fmt: skip
    column = np.empty(len(held), object)
    column[:] = held
    read = values.logprobs(column)
    hold(
        HELD / "cells.json",
        "log-probabilities",
        [[repr(h), v, w] for h, v, w in zip(held, read.values, read.why, strict=True)],
    )


WORD_COLUMNS: dict[str, dict[str, int]] = {
    "yes and no": {"yes": 30, "no": 20}, "y and n": {"y": 30, "n": 20}, "c and i": {"c": 30, "i": 20, "n": 2},
    "c, p, i": {"c": 9, "p": 4, "i": 3},
    "a to d": {"a": 9, "b": 9, "c": 8, "d": 7}, "c alone": {"c": 40}, "n alone": {"n": 40}, "p and n": {"p": 20,
    "n": 20}, "i, v, x": {"i": 9, "v": 4},
    "o and x": {"o": 30, "x": 20}, "w and f": {"w": 30, "f": 20}, "w and r": {"w": 30, "r": 20},
    "d and n in Russian": {"д": 9, "н": 8},
    "nearly y and n": {"y": 30, "n": 25, "m": 5}, "y, n and more": {"y": 30, "n": 25, "m": 8},
    "0 and 1": {"0": 9, "1": 8}, "1 and 2": {"1": 208, "2": 92},
    "grades": {"0.5": 4, "1": 8, "0.25": 2}, "1 to 5": {"1": 5, "2": 5, "3": 9, "4": 5, "5": 4},
    "0, 1 and 9": {"0": 100, "1": 95, "9": 4},
    "0, 1 and many 9": {"0": 100, "1": 95, "9": 40}, "0, 1 and 2": {"0": 100, "1": 95, "2": 6},
    "partly": {"correct": 9, "partially correct": 4, "incorrect": 5},
    "one word": {"x": 69}, "unknown": {"paris": 9, "rome": 8, "berlin": 7, "a, b": 6, "it's": 5, "oslo": 4,
    "bern": 3}, "long": {"w" * 50: 9, "no": 4},
    "all long": {"w" * 50: 9, "v" * 45: 4}, "wrong alone": {"wrong": 30}, "right alone": {"right": 30},
    "right and more": {"right": 30, "tbd": 4},
    "wrong and more": {"wrong": 30, "tbd": 1}, "many unread": {"right": 4, "tbd": 30}, "signs": {"✓": 9,
    "✗": 8}, "true and 1": {"true": 9, "1": 4, "0": 3},
    "rare": {"ok": 990, "x": 5, "y": 5}, "none": {}, "shares": {"3/4": 4, "1/2": 3}, "negative": {"-1": 5,
    "1": 7}, "t and f": {"t": 5, "f": 7},
    "j and n": {"j": 5, "n": 7}, "s and n": {"s": 5, "n": 7}, "r and f": {"r": 5, "f": 7}, "v and f": {"v": 5,
    "f": 7}, "o and n": {"o": 5, "n": 7},
}  # fmt: skip
NAMINGS: dict[str, dict[str, Any]] = {
    "none": {}, "right": {"right": "c, tbd"}, "all": {"right": "2,paris", "partly": "p,tbd", "wrong": ["1", 9]},
    "empty": {"right": "x", "wrong": "EMPTY"},
}  # fmt: skip


@pytest.mark.parametrize("name", WORD_COLUMNS)
def test_words(name: str) -> None:
    words = WORD_COLUMNS[name]
    found: dict[str, Any] = {
        "either": [vocabulary.either(words), vocabulary.either(words, 7)], "example": vocabulary.example(list(words)),
        "listed": [vocabulary.listed(words), vocabulary.listed(words, 2)],
        "option": vocabulary.option_of(list(words)),
    }  # fmt: skip
    for naming, given in NAMINGS.items():
        named = Named.of(**given)
        reading = vocabulary.reading_of(words, named)
        grades = [reading.grade(one) for one in [*words, "yes", "n", "0.5", "7", "partly"]]
        verdicts = Verdicts(named)
        cells = [word for word, n in words.items() for _ in range(n)] + [None, "nan", "-", math.nan, "n/a"]
        read = verdicts(np.array(cells, object))
        found[f"read, {naming}"] = [
            grades, reading.graded, Counter(map(str, read.values.tolist())), Counter(read.why.tolist()),
            dict(verdicts.unread),
            [verdicts.present, verdicts.partly, verdicts.empty], said(lambda v=verdicts: v.settled("ok", "log.csv")),
            said(lambda v=verdicts: v.settled("a == b", "log.csv", judged=False)),
        ]  # fmt: skip
    hold(HELD / "words.json", name, found)


def test_verdicts_as_they_come() -> None:
    """The first block decides, and the whole must not say otherwise."""
    found = {}
    for name, blocks in {
        "letters": [["y"] * 9, ["n"] * 9], "turns": [["c"] * 30, ["a", "b", "d"] * 20], "grades": [["1",
        "0"] * 9, ["5"] * 30],
        "numbers": [[0.5, 1], [0, 3.0]],
    }.items():  # fmt: skip
        verdicts = Verdicts()
        read = [verdicts(np.array(block, object)).values for block in blocks]
        found[name] = [read, said(lambda v=verdicts: v.settled("ok", "log"))]
    many = Verdicts()
    read = many(np.r_[np.linspace(0, 1, 1200), 2.0, -1.0, math.nan, math.inf])
    found["many"] = [
        read.values[[0, 1, 1199, 1200, 1201, 1202, 1203]],
        read.why[-5:],
        dict(many.words),
        many.present,
        many.empty,
    ]
    above = Verdicts()
    read = above(np.r_[np.linspace(0, 9, 1200), math.nan])
    found["many above"] = [
        read.values[[0, 1, 133, 1199]],
        read.why[-2:],
        dict(above.words),
        dict(above.unread),
    ]
    for n in (19, 20):
        for empty in (0, 1, 2):
            one = Verdicts()
            one(np.array(["yes"] * n + [None] * empty, object))
            found[f"{n} right, {empty} empty"] = said(lambda v=one: v.settled("ok", "log"))
    hold(HELD / "words.json", "as they come", found)


def test_named_words() -> None:
    given = [
        {"right": "C, Correct", "wrong": ["I", 0, 4.0, True, None, ""]}, {"right": '"Yes, fully",ok'},
        {"right": 'say "yes'},
        {"right": "a", "wrong": "A!"}, {"right": "x,y", "partly": "y", "wrong": "x"}, {"right": ""},
        {"right": None}, {"wrong": "1.0, 2/3"},
        {"right": "1e20"}, {"right": "  a   b , c_d"},
    ]  # fmt: skip
    found = [
        [
            said(lambda g=g: Named.of(**g).told),
            said(lambda g=g: sorted(Named.of(**g).meaning.items())),
            said(lambda g=g: bool(Named.of(**g))),
        ]
        for g in given
    ]
    hold(HELD / "words.json", "named", found)


TEXTS = [
    "yes", " **Partially-Correct.** ", "✔️", "ＴＲＵＥ", "!", "", "  ", "a.", "(B)", "'x'", "“y”", "no  no",
    "Snake_case-word", "1", "1.0", "1e3",
    "1e16", "2/3", "3/2", "0/0", "1/0", " 1 / 4 ", "1234567/2345678", "nan", "inf", "-inf", "-0.5", "0x1", "½",
    "٣", "True", "ß", "İ",
]  # fmt: skip


def test_spellings_of_words() -> None:
    found = {
        text: [vocabulary.plain_word(text), vocabulary.spelt(text), vocabulary.number_of(text), alike(text)]
        for text in TEXTS
    }
    found["others"] = [
        vocabulary.spelt(v) for v in (4.0, 4, True, None, 0.1, 1e15, 1e14, -3.5, np.float64(2))
    ]
    found["alike"] = [
        alike(v)
        for v in (
            None,
            math.nan,
            True,
            np.False_,
            1,
            1.0,
            "1.0",
            "TRUE",
            " The answer. ",
            "1e20",
            1e300,
            "nan",
            [1],
        )
    ]
    found["options"] = [
        vocabulary.option_of(w) for w in (["I", "N"], ["not ok"], ["yes, fully", "ok"], ['"q"'], ["it's"],
        ["a+b", "c.d-e"], [], ["ü"])
    ]  # fmt: skip
    found["words"] = [vocabulary.words_of(w) for w in ("a,b", ["a", "b,c", '"d"'], [1, True], ['e"f'])]
    hold(HELD / "words.json", "spellings", found)


def test_levels() -> None:
    held: list[Any] = [
        "High", "confidence: low", "3 - moderately", "très faible", "95%", "95,5 %", "101%", "A", "", None, 0.5,
        "very high", "Level: medium",
        "high confidence", "certainty level: low", "12) unsure", "no idea", "Quite", "certain", "l", "M", "h",
        "VL", "vh", "likely", "高", "2. high",
        "123: high", "not_at_all", "impossible", "low-confidence", "5", "1-", "0%", "100%",
    ]  # fmt: skip
    columns = [
        ["high", "low", None], ["likely", "unlikely"], ["high", "other"], ["high"] * 19 + ["other"],
        ["high"] * 18 + ["other"], [], [None, "n/a"],
        ["95%", "high"], ["95%", "80%"], ["likely"] * 19 + ["low"], ["likely"] * 18 + ["low"] * 2, [1, 2],
    ]  # fmt: skip
    places = sorted(
        {place for word in levels._WORDS.values() for one in word.split() if (place := levels.place_of(one))}
    )
    hold(HELD / "levels.json", "levels", {
        "places": [[h, levels.place_of(h)] for h in held], "are": [levels.are_levels(c) for c in columns],
        "of words": {
            str(p): sorted(w for w in levels._PLACES if levels._PLACES[w] == p and w.isascii())[:60]
            for p in places
        },
    })  # fmt: skip


STATED: list[Any] = [
    "Confidence: 85%", "confidence = 0.9", "**Confidence:** 70", "certainty is 60%", "probability of 0.25",
    "Confidence level: 90", "Confidence 85%",
    "I am 80% sure.", "95% confident", "Paris. Confidence: 50%. No: confidence: 60%",
    '{"answer": "x", "confidence": 85}', "{'confidence': 0.5}",
    'Sure! {"confidence": "high"} done', '{"confidence": true}', '{"a": {"confidence": 0.4}}',
    '{"confidence": 1, "certainty": 2}', "nothing", "", None,
    5, {"confidence": 0.3}, {"stated_confidence": "70%"}, {"x": 1}, '{"confidence": 0.2} {"confidence": 0.7}',
    "confidence in percent: 42", "confidence: 85.5.1",
    "Confidence score: `0.75`", "confidence: 1234", "Probability: 3 in 4", "confidence: eighty", "{broken",
    '{"confidence": null}', "confidence\n: 5",
    "My confidence is 9/10", "confidence: 8 out of 10", "100 % certain of it", ["confidence: 5"],
]  # fmt: skip


def test_what_answers_state() -> None:
    found = [[repr(one), sureness.stated_in(one)] for one in STATED]
    hold(HELD / "stated.json", "stated", found)


def tokens(*parts: tuple[str, dict[str, float]]) -> tuple[Token, ...]:
    made = []
    for text, top in parts:
        ways = {text: math.log(0.5)} if not top else {t: math.log(p) for t, p in top.items()}
        made.append(Token(text=text, logprob=ways.get(text, -1.0), top=tuple(ways.items()) if top else ()))
    return tuple(made)


def test_letters_and_tokens() -> None:
    cases = {
        "cue": tokens(("Answer", {}), (": ", {}), ("B", {"B": 0.6, "A": 0.3, "C": 0.05})),
        "begin": tokens(("A", {"A": 0.7, " B": 0.2}), (".", {}), (" It is so", {})),
        "sentence": tokens(("A", {"A": 0.7, "B": 0.2}), (" dog", {})),
        "last": tokens(("A", {"A": 0.9, "B": 0.1}), ("\n", {}), ("(C)", {"(C)": 0.5, "(D)": 0.25})),
        "alone": tokens(("B", {"B": 0.9})),
        "little mass": tokens(("B", {"B": 0.1, "C": 0.1, "x": 0.5})),
        "beyond": tokens(("E", {"E": 0.6, "A": 0.3})),
        "none": tokens(("Paris", {})),
    }
    found = {
        name: [
            sureness.sure_of("", said_),
            sureness.sure_of("", said_, 4),
            sureness.sure_of("confidence: 70", said_),
        ]
        for name, said_ in cases.items()
    }
    some = [
        sureness.Sure(85),
        sureness.Sure(None, 0.5, 0.7),
        sureness.Sure(None, None, 0.2),
        sureness.Sure(70),
    ]
    found["ways"] = [
        sureness.chosen_way(ones) for ones in ([], some, some[:1], some[1:3], some[2:3] * 3, [sureness.Sure()],
        some[:3] * 2 + some[1:3] * 2)
    ]  # fmt: skip
    hold(HELD / "stated.json", "tokens", found)


TIMES: dict[str, list[Any]] = {
    "iso": ["2026-01-02T03:04:05Z", "2026-01-02 03:04:06+00:00", "2026-01-02T03:04:07 +02:00"],
    "iso, bare": ["2026-01-02", "2026-01-03 01:02"],
    "iso, some zoned": ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05"], "iso, UTC": ["2026-01-02 03:04:05 UTC",
    "2026-01-02 03:04:05 GMT"],
    "seconds": [1.7e9, 1.7e9 + 1.5], "milliseconds": [1.7e12, 1.7e12 + 500], "microseconds": [1.7e15],
    "nanoseconds": [1.7e18],
    "from": [1e9, 1e12, 1e15, 1e18], "below": [999999999.0], "to": [1e10], "mixed units": [1.7e9, 1.7e12],
    "counts": [1, 2, 10], "counts and times": [5, 1.7e9],
    "texts of numbers": ["2", "10", None], "booleans": [True, False], "US": ["12/31/2026", "01/02/2027"],
    "Europe": ["31/12/2026 23:00", "01/01/2027 01:00"],
    "either": ["01/02/2026", "03/04/2026"], "both": ["31/12/2026", "12/31/2026"], "12": ["12/12/2026",
    "11/11/2026"], "German": ["31.12.2026", "01.02.2027 10:30"],
    "German, no day beyond": ["01.02.2026", "03.04.2026"], "year first": ["2026/12/31", "2027/01/02 3:04 PM"],
    "short years": ["31.12.26", "01.01.27"],
    "dashes": ["31-12-2026", "01-02-2027"], "mixed signs": ["31-12-2026", "01.02.2027"],
    "clocks": ["31.12.2026 9:05:07.25", "31.12.2026 12:00 AM", "31.12.2026 12:30 pm"],
    "bad clock": ["31.12.2026 25 o'clock"], "bad day": ["32.13.2026"], "mail": ["Sun, 06 Nov 1994 08:49:37 GMT",
    "Mon, 07 Nov 1994 08:49:37 +0200"],
    "C": ["Sun Nov  6 08:49:37 1994"], "short mail": ["06-Nov-94 08:49:37"], "names": ["Jan 5, 2026",
    "Feb 6, 2026"], "long names": ["5 January 2026 10:30", "6 March 2026 11:00"],
    "halves": ["Jan 5, 2026 10:30 PM", "Jan 6, 2026 12:01 AM"], "dashed names": ["05-Jan-2026", "06-Feb-2026"],
    "words": ["yesterday", "2026-01-02"], "nothing": [],
    "empty": [None, "", math.nan], "some empty": ["2026-01-02", None, " 2026-01-03 "], "mixed": ["2026-01-02",
    "Jan 5, 2026"], "mixed later": ["Jan 5, 2026", "Jan 6, 2026", "31.12.2026"],
    "dates": [datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4)],
    "zoned dates": [datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)], "odd": [{"a": 1}],
    "spaces": ["2026-01-02T03:04:05   +0200"], "comma": ["31/12/2026, 10:00"], "infinite": [math.inf],
}  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
def test_times(name: str) -> None:
    held = np.empty(len(TIMES[name]), object)
    held[:] = TIMES[name]
    hold(HELD / "times.json", name, times.seconds_of(held))


def test_times_of_frames() -> None:
    at = np.array(["2026-01-02T03:04:05.5", "NaT"], "datetime64[ns]")
    assert (
        times.seconds_of(at)[0]
        == datetime.datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=datetime.UTC).timestamp()
    )
    assert math.isnan(times.seconds_of(at)[1])
    assert times.seconds_of(np.array([3, 4])).tolist() == [3.0, 4.0]


HEADERS: dict[str, list[list[Any]]] = {
    "plain": [["id", "p"], ["q1", "0.8"]], "title": [["A study"], ["id", "p"], ["q1", "0.8"], ["q2", "0.9"]],
    "two titles": [["A"], [""], ["id", "p"], ["q1", "0.8"]],
    "comment": [["# made by x"], ["id", "p"], ["q1", "1"]], "commented header": [["#id", "p"], ["q1", "0.8"]],
    "comments": [["# a", "b"], ["# c", "d"], ["id", "p"], ["1", "2"]],
    "none": [], "blank": [["", None], [" "]], "data": [["0.8", "yes"], ["0.9", "no"]], "percent data": [["80%",
    "x"], ["90%", "y"]], "whole data": [["1", "2"], ["3", "4"]],
    "classes": [["0", "1", "2"], ["5", "6", "7"]], "classes from 1": [["1", "2"], ["5", "6"]],
    "not classes": [["2", "1"], ["5", "6"]], "truths": [["true", "false"], ["False", "TRUE"]],
    "one truth": [["true", "x"], ["false", "y"]], "truth and whole": [["true", "3"], ["false", "5"]],
    "one whole": [["3", "x"], ["5", "y"]], "over nothing": [["0.8", "x"]],
    "twice": [["p", "p", "p_2", "p"], ["1", "a", "b", "c"]], "unnamed": [["id", "", None], ["1", "2", "3"]],
    "capitals": [["Id", "id", "P"], ["a", "b", "c"]],
    "wide rows": [["id", "p"], ["a", "b", "c"], ["d", "e", "f"]], "one column": [["id"], ["a"], ["b"]],
    "numbers": [[1.5, 2], [3, 4]], "comma": [["0,8", "x"], ["0,9", "y"]],
    "exponent": [["1e-5", "a"], ["2.5e-3", "b"]], "signed": [["-0.5", "a"], ["+.5", "b"]],
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_headers(name: str) -> None:
    hold(HELD / "headers.json", name, said(lambda: headings.heading_of("log.csv", HEADERS[name])))


def test_rows_that_sum_up_and_commas() -> None:
    texts = [
        "TOTAL", "S0 subtotal", "Mean of S1:", "Average (n=50)", "Summer", "What is a sum?", "", "x" * 61,
        "sum", "mean", "overall accuracy", "in total", "totally",
        "q1", "(total)", "小計 A", "Mittelwert", "the average of all the questions that were asked here",
        "a grand total (all)", "n=50", "Sum:", "count",
    ]  # fmt: skip
    rows = [
        ["TOTAL", "0.78"],
        ["", "Mean:", 0.5],
        ["q9", "0.8"],
        ["n = 50", "1"],
        ["total"],
        [],
        ["", None],
        [None, "AVG", "x"],
        ["n=x", "1"],
    ]
    cells = [
        "0,8",
        "1,200",
        "1",
        "1.5",
        "x",
        "",
        "12,34",
        "1,234,567",
        "-0,5",
        "0,8%",
        "01,200",
        "1,20",
        "80%",
        "+3",
        "1e5",
        "1,2,3",
        ",5",
        " 0,8 ",
    ]
    found: dict[str, Any] = {
        "sums": [[t, headings.sums_up(t)] for t in texts], "totals": [headings.is_total(r) for r in rows],
        "pointed": [[c, headings.pointed(c, True), headings.pointed(c, False)] for c in cells],
    }  # fmt: skip
    for name, column in {
        "decimal": ["0,8", "1"], "grouped": ["1,200", "3,000"], "both": ["0,8", "1,200"], "words": ["0,8", "x",
        "y"], "half": ["0,8", "x"], "points": ["0.8", "1"],
    }.items():  # fmt: skip
        seen = headings.Decimals(["p", "q"])
        seen.look([[one, "1,500"] for one in column])
        found[name] = [sorted(seen.decimal), sorted(seen.grouped), seen.notes]
    hold(HELD / "headers.json", "sums", found)


def test_names_of_columns() -> None:
    names = [
        "Confidence (%)", "isCorrect?", "p(correct)", " exact-match", "Score [0-1]", "Correct (yes/no)",
        "conf (0 - 100)", "ＣＯＮＦ", "a__b", "(x)", "HTTPCode", "x (in percent)", "",
        "incorrect", "is_error", "hallucinated", "no_error", "not correct", "error_free", "failed", "fails",
        "not_resolved", "unfaithful", "badly", "bad", "loss", "defects",
        "non_wrong", "without errors", "not supported", "mistake", "invalid", "falsch", "pass_fail",
        "right_wrong", "correct_incorrect", "refuted", "inaccurate", "terror",
    ]  # fmt: skip
    saying_of = [
        ["score", "metadata.confidence", "Stated confidence"], ["score", "confidence_reason"], ["conf",
        "confidence"], ["Certainty", "prob"], ["x.confidence", "y/confidence"],
        ["my_confidence_value", "judge_confidence"], ["uncertainty"], ["P(true)", "p_correct"],
        ["confidence_interval"], ["answer_confidence", "answer_confidence"], [],
    ]  # fmt: skip
    found: dict[str, Any] = {
        "spelt": [[n, spellings.spelling(n), spellings.says_wrong(n)] for n in names],
        "by": [spellings.by_spelling(c) for c in (["Model Answer", "y", "Y (%)"], ["A", "a"], ["a b", "a-b"], [])],
        "saying": [saying(c) for c in saying_of],
    }  # fmt: skip
    hold(HELD / "names.json", "names", found)


def test_nested_cells() -> None:
    texts: list[Any] = [
        '{"a": 1}',
        "{'a': None}",
        "[1, 2]",
        "{not so",
        " [1]",
        "x",
        3,
        None,
        np.array([1, 2]),
        "{1, 2}",
        "(1,)",
        "[" * 2000,
    ]
    plain: list[Any] = [
        {"a": {"b": 1, "c": [1, {"d": 2}]}},
        3,
        None,
        [1],
        {},
        {"a": datetime.date(2026, 1, 2)},
        {1: {"x": True}},
    ]
    verdicts: list[Any] = [
        [True, None, "no"],
        [0.3, 1],
        [3.5],
        [None],
        [],
        ["yes", "x"],
        ["", math.nan],
        ["0.5", "PASS "],
        [-0.1],
        [math.inf],
        [[1]],
        ["nan"],
    ]
    labels: list[Any] = [
        ("0.0", "pass"),
        (None, "correct"),
        (4, "incorrect"),
        (True, "x"),
        (math.nan, "x"),
        ("yes", ""),
        (4, None),
        (4, ""),
        (0.5, None),
        ("no", "x"),
    ]
    ones: list[Any] = [
        ["Correct"],
        {"choices": ["b", "a"]},
        {"rating": 4},
        [],
        {"a": 1, "b": 2},
        [[1]],
        ["b", 1],
        {},
        "x",
        None,
        [{"a": 1}, 2],
        {"choices": ["x"]},
    ]
    people: list[Any] = [
        ["Correct", None, "Incorrect"],
        ["yes", "Paris"],
        [5, 4],
        [],
        [["yes"]],
        ["1", "0"],
        [{"a": 1}, "no"],
        ["partly"],
        [math.nan],
    ]
    hold(HELD / "names.json", "nested", {
        "cells": [cell(t) for t in texts], "flat": [[flattened(p, "m"), flattened(p, "")] for p in plain],
        "graded": [graded(v) for v in verdicts],
        "labels": [label_of(*one) for one in labels], "one of": [one_of(o) for o in ones],
        "judged": [judged(p) for p in people],
    })  # fmt: skip


def test_keys() -> None:
    cells: list[Any] = [
        None,
        math.nan,
        "",
        "none",
        0,
        0.0,
        3.0,
        2.5,
        True,
        False,
        "3",
        np.datetime64("NaT"),
        [1],
        np.float64(4),
    ]
    columns = [
        np.array(["a", "b", None, "a"], object),
        np.array([1.0, 2.0, math.nan, 1.0]),
        np.array([True, False, True, True]),
        np.array(["x", "y", "x", "x"]),
    ]
    mixed = np.empty(4, object)
    mixed[:] = [[1], "a", [1], {"b": 2}]
    found: dict[str, Any] = {
        "texts": [[repr(c), keys.key_text(c), keys.absent(c)] for c in cells], "distinct": [sorted(map(str,
        keys.distinct(c))) for c in (*columns, mixed)],
        "groups": [keys.group_codes(columns[:n], 4) for n in range(5)], "mixed": keys.group_codes([mixed], 4),
        "none": keys.group_codes([], 2),
        "clusters": [keys.cluster_ids(columns[:n], 10) for n in (1, 2, 3)],
        "empty": keys.group_codes([np.zeros(0, object)], 0),
        "names": [keys.group_name(by) for by in ({"model": "m", "domain": None}, {}, {"a": ""}, {"a": "x",
        "b": "y"})], "whole": keys.group_name({}, "All"),
        "listed": [keys.listed("ab"), keys.listed(["a", "b"])],
    }  # fmt: skip
    hold(HELD / "names.json", "keys", found)
