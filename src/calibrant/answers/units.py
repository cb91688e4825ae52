"""In what unit a number is stated, so that 5 km is 5,000 m and not 5 miles."""

from __future__ import annotations

import re
from functools import lru_cache

from .values import KEPT

__all__ = ["measured"]

UNITS: dict[str, tuple[str, float]] = {
    name: (dimension, size)
    for dimension, names in {
        "length": "mm .001, cm .01, m 1, metre 1, meter 1, km 1000, kilometre 1000, kilometer 1000, inch .0254, "
        "ft .3048, foot .3048, feet .3048, yard .9144, mile 1609.344, mi 1609.344",
        "mass": "mg .000001, g .001, gram .001, kg 1, kilogram 1, kilo 1, tonne 1000, lb .45359237, pound .45359237, "
        "oz .028349523125, ounce .028349523125",
        "time": "second 1, sec 1, minute 60, min 60, hour 3600, hr 3600, day 86400, week 604800",
        "volume": "ml .001, millilitre .001, milliliter .001, litre 1, liter 1, gallon 3.785411784",
        "celsius": "°c 1, celsius 1",
        "fahrenheit": "°f 1, fahrenheit 1",
        "dollars": "$ 1, usd 1, dollar 1",
        "euros": "€ 1, eur 1, euro 1",
        "pounds sterling": "£ 1, gbp 1",
        "yen": "¥ 1, yen 1",
        "in the morning": "am 1, a.m. 1",
        "in the afternoon": "pm 1, p.m. 1",
    }.items()
    for name, size in ((part.split()[0], float(part.split()[1])) for part in names.split(", "))
}
"""Units by name: what they measure, and how much of its first unit they are."""
BEHIND = re.compile(r"\d\s*(?:degrees?\s+)?(°?[a-z.]+|[$€£¥])", re.I)
BEFORE = re.compile(r"([$€£¥])\s*\d")


@lru_cache(KEPT)
def measured(text: str) -> tuple[str, float] | None:
    """What the first number of a text measures, and how much of the dimension's first unit its unit is.

    >>> measured("5 km"), measured("It costs $5."), measured("5 apples")
    (('length', 1000.0), ('dollars', 1.0), None)
    """
    if sign := BEFORE.search(text):
        return UNITS[sign[1]]
    for found in BEHIND.finditer(text):
        word = found[1].casefold()
        unit = UNITS.get(word) or UNITS.get(word.rstrip(".")) or UNITS.get(word.rstrip(".").removesuffix("s"))
        if unit:
            return unit
    return None
