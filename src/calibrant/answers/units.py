"""In what unit a number is stated, so that 5 km is 5,000 m and not 5 miles."""

from __future__ import annotations

import re
from functools import lru_cache

from .values import KEPT, numbers_at

__all__ = ["measured", "unit_of"]

UNITS: dict[str, tuple[str, float]] = {
    name: (dimension, size)
    for dimension, names in {
        "length": "nm .000000001, nanometre .000000001, nanometer .000000001, µm .000001, micrometre .000001, "
        "micrometer .000001, mm .001, millimetre .001, millimeter .001, cm .01, centimetre .01, centimeter .01, m 1, "
        "metre 1, meter 1, km 1000, kilometre 1000, kilometer 1000, 公里 1000, 千米 1000, 米 1, メートル 1, "
        "キロメートル 1000, inch .0254, ft .3048, foot .3048, feet .3048, yard .9144, mile 1609.344, mi 1609.344",
        "mass": "µg .000000001, mcg .000000001, microgram .000000001, mg .000001, milligram .000001, g .001, "
        "gram .001, kg 1, kilogram 1, kilo 1, 公斤 1, tonne 1000, lb .45359237, pound .45359237, oz .028349523125, "
        "ounce .028349523125",
        "time": "second 1, sec 1, minute 60, min 60, hour 3600, hr 3600, day 86400, week 604800",
        "volume": "ml .001, millilitre .001, milliliter .001, litre 1, liter 1, gallon 3.785411784",
        "celsius": "°c 1, celsius 1",
        "fahrenheit": "°f 1, fahrenheit 1",
        "dollars": "$ 1, usd 1, dollar 1",
        "euros": "€ 1, eur 1, euro 1",
        "pounds sterling": "£ 1, gbp 1",
        "yen": "¥ 1, jpy 1, yen 1, 円 1",
        "francs": "chf 1, franc 1, franken 1",
        "rupees": "₹ 1, inr 1, rupee 1",
        "cents": "cent 1, ¢ 1",
        "yuan": "cny 1, rmb 1, yuan 1, 元 1",
        "in the morning": "am 1, a.m. 1",
        "in the afternoon": "pm 1, p.m. 1",
    }.items()
    for name, size in ((part.split()[0], float(part.split()[1])) for part in names.split(", "))
}
"""Units by name: what they measure, and how much of its first unit they are."""
BEHIND = re.compile(
    r"\d\s*(?:degrees?\s+)?(°?[a-zµ.]+|[$€£¥¢]|公里|千米|米|キロメートル|メートル|公斤|元|円)", re.I
)
BEFORE = re.compile(r"([$€£¥₹])\s*\d")
CODE = re.compile(r"(?:^|[^a-z])([a-z]{3})\s*$", re.I)
NEAR = 40
"""Signs around a number in which its unit stands."""
AFTER = re.compile(
    r"\s*-?(?:(?:hundred|thousand|million|billion|trillion)s?\s+)?(?:degrees?\s+)?(°?\s?[a-zµ.]+|[$€£¥₹¢]|公里|千米|米|キロメートル|メートル|公斤|元|円)",
    re.I,
)


@lru_cache(KEPT)
def measured(text: str) -> tuple[str, float] | None:
    """What the first number of a text measures, and how much of the dimension's first unit its unit is.

    >>> measured("5 km"), measured("It costs $5."), measured("5 apples")
    (('length', 1000.0), ('dollars', 1.0), None)
    """
    if sign := BEFORE.search(text):
        return UNITS[sign[1]]
    return next((unit for found in BEHIND.finditer(text) if (unit := _named(found[1]))), None)


def unit_of(text: str, value: float) -> tuple[str, float] | None:
    """The unit in which a text states a number; None where it has none, or is stated in several.

    >>> unit_of("49.90 euros (about $54)", 49.9), unit_of("EUR 49.90", 49.9), unit_of("It boils at 100 °C.", 100)
    (('euros', 1.0), ('euros', 1.0), ('celsius', 1.0))
    """
    found = set()
    for at, number, before, after in numbers_at(text):
        if number == value:
            code, behind = (
                CODE.search(at[max(0, before - NEAR) : before]),
                AFTER.match(at[after : after + NEAR]),
            )
            signs = [sign for sign in at[max(0, before - 1) : after] if sign in "$€£¥₹"]
            names = [
                *signs,
                *([code[1]] if code and _money(code[1]) else []),
                *([behind[1]] if behind else []),
            ]
            found |= {unit for name in names if (unit := _named(name))}
    return found.pop() if len(found) == 1 else None


def _money(code: str) -> bool:
    return code.casefold() in ("usd", "eur", "gbp", "jpy", "chf", "inr", "cny", "rmb")


def _named(name: str) -> tuple[str, float] | None:
    word = name.replace("µ", "\u03bc").casefold().replace("° ", "°").replace("\u03bc", "µ")
    return UNITS.get(word) or UNITS.get(word.rstrip(".")) or UNITS.get(word.rstrip(".").removesuffix("s"))
