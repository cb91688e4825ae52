"""How numbers are said, in one way everywhere: in the terminal, in reports and on pages.

A share that was measured is never said to be none or all, but of few, which are counted. What is not known is a dash.
Halves are rounded up, away from zero, as people do it: 60.5 is 61, and -0.5 is -1.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

from ..metrics.intervals import Estimate

__all__ = [
    "UNKNOWN", "agreeing", "dollars", "fixed", "give_or_take", "half_up", "interval", "of_100", "percent",
    "percent_interval", "points", "share", "span", "tokens",
]  # fmt: skip

UNKNOWN = "-"
_DIGITS = 12
"""Of a number, so many digits count: 100 * 0.285 is 28.499999999999996, and means 28.5."""


def half_up(value: float, digits: int = 0) -> float:
    """A number rounded as people do it: halves away from zero, and by how it is written, not by how it is stored.

    >>> half_up(60.5), half_up(100 * 0.285), half_up(-0.5), half_up(0.0125, 3), round(60.5), round(0.0125, 3)
    (61.0, 29.0, -1.0, 0.013, 60, 0.013)
    """
    if not math.isfinite(value) or abs(value) >= 10.0**_DIGITS:
        return value
    written = Decimal(f"{value:.{_DIGITS}g}")
    return float(written.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def agreeing(minuend: float, subtrahend: float, *, digits: int = 0) -> int:
    """Of two shares and their difference, in points, the fewest decimals from `digits` on with which they agree.

    Of 78.4 and 60.6 the rounded difference is 18, but 78 less 61 is 17: with one decimal each they agree.

    >>> agreeing(0.778, 0.605), agreeing(0.784, 0.606)
    (0, 1)
    """
    for more in range(digits, digits + 5):
        a, b, d = (half_up(100 * v, more) for v in (minuend, subtrahend, minuend - subtrahend))
        if abs(a - b - d) < 0.1 * 10.0**-more:
            return more
    return digits + 1


def fixed(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """Fixed decimals; never minus zero.

    >>> fixed(0.12345), fixed(-0.0001), fixed(0.5, 1, signed=True), fixed(60.5, 0), fixed(None)
    ('0.123', '0.000', '+0.5', '61', '-')
    """
    return UNKNOWN if value is None else f"{half_up(value, digits) + 0.0:{'+' if signed else ''}.{digits}f}"


def dollars(amount: float) -> str:
    """Cents from a dollar on, below it two digits that count.

    >>> dollars(1234.5), dollars(0.25), dollars(0.0312), dollars(1.7e-5), dollars(0)
    ('1,234.50', '0.25', '0.031', '0.000017', '0')
    """
    if amount == 0:
        return "0"
    size = abs(amount)
    return f"{amount:,.2f}" if size >= 1 else f"{amount:.{1 - math.floor(math.log10(size))}f}"


def tokens(count: float) -> str:
    """So many tokens, from ten thousand on in millions.

    >>> tokens(96), tokens(9999), tokens(51_200)
    ('96 tokens', '9,999 tokens', '0.05 million tokens')
    """
    return f"{count:,.0f} tokens" if count < 10_000 else f"{count / 1e6:,.2f} million tokens"


def of_100(share: float, digits: int = 0) -> str:
    """So many of 100.

    >>> of_100(0.874), of_100(0.605), of_100(0.995), of_100(0.005), of_100(0.995, 1)
    ('87', '61', 'over 99', 'under 1', '99.5')
    """
    least = 10.0**-digits
    if 100 * share >= 100 - least / 2:
        return f"over {fixed(100 - least, digits)}"
    return f"under {fixed(least, digits)}" if 100 * share <= least / 2 else fixed(100 * share, digits)


def several(count: float, noun: str) -> str:
    """So many of something.

    >>> several(1, "answer"), several(1200, "right answer")
    ('1 answer', '1,200 right answers')
    """
    number = f"{half_up(count):,.0f}"
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"


def percent(share: float | None, digits: int = 0) -> str:
    """Per cent.

    >>> percent(0.874), percent(0.995), percent(0.005), percent(0.9995, 1), percent(None)
    ('87 %', '> 99 %', '< 1 %', '> 99.9 %', '-')
    """
    if share is None:
        return UNKNOWN
    least = 10.0**-digits
    if 100 * share >= 100 - least / 2:
        return f"> {fixed(100 - least, digits)} %"
    return f"< {fixed(least, digits)} %" if 100 * share <= least / 2 else f"{fixed(100 * share, digits)} %"


def share(part: float, n: int, of: str | None = None) -> str:
    """Per cent of `n`, where `of` says what they are; none and all of fewer than 100 are counted.

    >>> share(0.0, 1), share(1.0, 3), share(0.25, 8), share(0.0, 500)
    ('0 of 1', 'all 3', '25 %', '< 1 %')
    >>> share(0.0, 7, "the 7 graded"), share(1.0, 7, "the 7 graded"), share(0.5, 8, "the 8 graded")
    ('0 of the 7 graded', 'all of the 7 graded', '50 % of the 8 graded')
    """
    if n < 100 and part == 0:
        return f"0 of {of or n}"
    if n < 100 and part == 1:
        return f"all of {of}" if of else f"all {n}"
    return f"{percent(part)} of {of}" if of else percent(part)


def points(gap: float, digits: int = 0, *, signed: bool = False) -> str:
    """A difference of shares, in points of 100.

    >>> points(0.304), points(0.01), points(-0.031, 1, signed=True)
    ('30 points', '1 point', '-3.1 points')
    """
    said = fixed(100 * gap, digits, signed=signed)
    return f"{said} point" + ("" if said.lstrip("+-") == "1" else "s")


def span(one: Estimate, digits: int = 3, *, scale: float = 1.0, signed: bool = False) -> str:
    """The ends of an interval: 0.040 to 0.122."""
    return " to ".join(fixed(scale * end, digits, signed=signed) for end in (one.low, one.high))


def interval(one: Estimate | None, digits: int = 3, *, scale: float = 1.0, signed: bool = False) -> str:
    """A value with its interval: 0.081 (0.040 to 0.122)."""
    if one is None:
        return UNKNOWN
    said = fixed(scale * one.value, digits, signed=signed)
    return f"{said} ({span(one, digits, scale=scale, signed=signed)})"


def give_or_take(one: Estimate | None, digits: int = 3, *, scale: float = 1.0) -> str:
    """A value and how far its interval reaches at the most: 0.081 ±0.041."""
    if one is None:
        return UNKNOWN
    reach = max(one.value - one.low, one.high - one.value)
    return f"{fixed(scale * one.value, digits)} ±{fixed(scale * reach, digits)}"


def percent_interval(one: Estimate | None, digits: int = 0) -> str:
    """A share with its interval in per cent: 34 % (30 to 38)."""
    return UNKNOWN if one is None else f"{percent(one.value, digits)} ({span(one, digits, scale=100)})"
