"""Letters and figures of many languages, as plain ones."""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from functools import lru_cache
from pathlib import Path

__all__ = ["months", "number_words", "plain_figures", "unaccented", "vocabulary"]

LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "ı": "i",
        "ħ": "h",
        "’": "'",
        "ʼ": "'",
    }
)
"""Letters that no decomposition takes apart."""
CJK_DIGITS = {sign: i for i, sign in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2}
CJK_TENS = {"十": 10, "百": 100, "千": 1000}
CJK_SCALES = {"万": 10_000, "萬": 10_000, "億": 10**8, "亿": 10**8}
MIXED = re.compile(r"(\d+(?:\.\d+)?)\s*([万萬億亿만억])(\d{1,4}(?![\d.]))?")
"""Figures with a sign of ten thousand or more behind them."""
CJK_NUMBER = re.compile("[〇零两一二三四五六七八九十百千万萬億亿]+")
ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
"""The year before the first of each era of Japan."""
ERA = re.compile(r"(明治|大正|昭和|平成|令和)\s*(元|\d{1,2})年")
BESIDE_SIGNS = re.compile(r"(?<=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])(?=\d)")
"""Where figures stand behind a sign of Chinese, Japanese or Korean, without a space."""
CJK_DAY = re.compile(r"(\d{4})\s*[年년]\s*(?:(\d{1,2})\s*[月월]\s*(?:(\d{1,2})\s*[日일号]?)?)?")
SPACED = re.compile(
    r"(?<![\d.,])\d{1,3}(?:[\u00a0\u202f\u2009]\d{3})+(?!\d)|(?<![\d.,])\d{1,3}(?: \d{3}){2,}(?!\d)"
)
APOSTROPHES = re.compile(r"(?<=\d)['’](?=\d{3}(?!\d))")
DOTTED = re.compile(
    r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+),(\d+)(?![\d.,]\d)|(?<![\d.,])(\d{1,3}(?:\.\d{3}){2,})(?![\d.,]\d)"
)
DECIMAL_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d{1,2}|\d{4,})(?![\d]|[.,]\d)")
ONE_SPACE = re.compile(r"^\D{0,3}\d{1,3} \d{3}\D{0,12}$")


def unaccented(text: str) -> str:
    """The text in small letters without accents: "Łódź" as "lodz".

    >>> unaccented("Ærøskøbing, Łódź, İzmir, Straße")
    'aeroskobing, lodz, izmir, strasse'
    """
    low = text.casefold()
    if low.isascii():
        return low
    low = unicodedata.normalize("NFKD", low.translate(LETTERS))
    return "".join(char for char in low if not unicodedata.combining(char)).translate(LETTERS)


@lru_cache(1)
def _languages() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(Path(__file__).with_name("languages.json").read_bytes())
    return found


@lru_cache(1)
def _vocabulary() -> dict[str, str]:
    return tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))


def vocabulary(name: str) -> frozenset[str]:
    """The words of one class in `vocabulary.toml`, without accents and in small letters.

    >>> "not" in vocabulary("negators")
    True
    """
    return frozenset(_vocabulary()[name].split())


def months() -> dict[str, int]:
    """The months by their names in some twenty languages, without accents (`benchmarks/languages.py`)."""
    return _languages()["months"]


def number_words() -> dict[str, int]:
    """Numbers by their names in seven languages, without accents and hyphens (`benchmarks/languages.py`)."""
    return _languages()["numbers"]


def plain_figures(text: str) -> str:
    """The text with figures of any script, and marks of thousands and decimals of other languages, as in English.

    A comma before three figures stays what it is in English, and so does a point: "1,234" and "1.234" may be either.

    >>> plain_figures("1.234.567,89 or 3,14"), plain_figures("٤٢"), plain_figures("2021年3月5日")
    ('1234567.89 or 3.14', '42', '2021-3-5')
    >>> plain_figures("三百二十"), plain_figures("中国有34个"), plain_figures("昭和39年10月10日")
    ('320', '中国有 34个', '1964-10-10')
    """
    if not text.isascii():
        text = "".join(_figure(char) for char in text)
        text = ERA.sub(_year, text)
        text = MIXED.sub(_mixed, text)
        text = CJK_DAY.sub(lambda day: "-".join(part for part in day.groups() if part) + " ", text)
        text = CJK_NUMBER.sub(_cjk, text).rstrip() if CJK_NUMBER.search(text) else text.rstrip()
        text = BESIDE_SIGNS.sub(" ", text)
    if any(mark in text for mark in ",.'’ \u00a0\u202f\u2009") and any(char.isdigit() for char in text):
        text = SPACED.sub(lambda run: re.sub(r"\s", "", run[0]), text)
        if ONE_SPACE.match(text):
            text = re.sub(r"(?<=\d) (?=\d{3})", "", text)
        text = APOSTROPHES.sub("", text)
        text = DOTTED.sub(_dotted, text)
        text = DECIMAL_COMMA.sub(r"\1.\2", text)
    return text


def _figure(char: str) -> str:
    value = unicodedata.decimal(char, None) if not char.isascii() else None
    return char if value is None else str(value)


def _year(found: re.Match[str]) -> str:
    """A year of an era as one of the common calendar; the first is called 元."""
    return f"{ERAS[found[1]] + (1 if found[2] == '元' else int(found[2]))}年"


def _mixed(found: re.Match[str]) -> str:
    scale = CJK_SCALES.get(found[2]) or {"만": 10_000, "억": 10**8}[found[2]]
    value = round(float(found[1]) * scale + int(found[3] or 0), 6)
    return f"{value:.0f}" if value == int(value) else str(value)


def _dotted(found: re.Match[str]) -> str:
    whole = (found[1] or found[3]).replace(".", "")
    return f"{whole}.{found[2]}" if found[2] else whole


def _cjk(found: re.Match[str]) -> str:
    """A number in Chinese signs; a run of bare signs of ten thousand and more is a word, not a number."""
    run = found[0]
    if all(sign in CJK_DIGITS for sign in run):
        return (
            "".join(str(CJK_DIGITS[sign]) for sign in run)
            if len(run) != 1 or found.string.strip() == run
            else run
        )
    total = part = digit = 0
    for sign in run:
        if sign in CJK_DIGITS:
            digit = CJK_DIGITS[sign]
        elif sign in CJK_TENS:
            part, digit = part + (digit or 1) * CJK_TENS[sign], 0
        else:
            total, part, digit = total + (part + digit or 1) * CJK_SCALES[sign], 0, 0
    value = total + part + digit
    return str(value) if value else run
