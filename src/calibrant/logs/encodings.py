"""In which encoding a text is written that is no UTF-8 and has no mark: by which its letters are common ones.

Spreadsheets save CSV in the encoding of their country. In Western texts letters beyond ASCII stand alone or in twos;
where they stand in runs, the encodings of East Asia and of Cyrillic and Greek are tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

__all__ = ["CALLED", "encoding_of"]

CALLED = {
    "cp1252": "Windows-1252", "cp1251": "Windows-1251 (Cyrillic)", "cp1253": "Windows-1253 (Greek)",
    "cp932": "Shift JIS (Japanese)", "gb18030": "GB 18030 (Chinese)", "big5": "Big5 (Chinese)",
    "cp949": "Windows-949 (Korean)",
}  # fmt: skip
"""Encodings by what they are called."""
RUN, PAIRS = re.compile(rb"[\x80-\xff]+"), re.compile(rb"(?:[\x81-\xfe][\x40-\x7e\x80-\xfe])+")
ALONE, ALONE_IN_PAIRS = 1.6, 3.5
"""Bytes of a run of such letters, at the mean, up to which a text is Western; and of a run of pairs that begin so."""
KOREAN = 0xC8
FEW = 24
"""Bytes of signs of which nobody can tell whether they are Korean or Chinese: the latter is likelier."""
SURE = 0.85
"""Share of its letters beyond ASCII that must be common in an encoding."""
PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]")
CYRILLIC, GREEK = re.compile("[А-яЁё№«»“”–—]"), re.compile("[Ά-ώ«»΄€–—]")
JAPANESE = re.compile("[\u3000-\u30ff\uff01-\uff5e○×◯✕]")


def encoding_of(data: bytes) -> str:
    """The encoding of a text that is no UTF-8, Windows-1252 where nothing speaks for another.

    >>> encoding_of("Größe; Straße".encode("cp1252")), encoding_of("уверенность;верно".encode("cp1251"))
    ('cp1252', 'cp1251')
    >>> [encoding_of(text.encode(name)) for text, name in (("確信度,正誤", "cp932"), ("置信度,是否正确", "gb18030"))]
    ['cp932', 'gb18030']
    """
    runs, pairs = ([len(one) for one in form.findall(data)] for form in (RUN, PAIRS))
    if _mean(runs) <= ALONE and _mean(pairs) <= ALONE_IN_PAIRS:
        return "cp1252"
    shares = {name: share(data) for name, share in SHARES.items() if _decodes(data, name)}
    best = max(shares, key=lambda name: shares[name], default="cp1252")
    return best if shares.get(best, 0.0) >= SURE else "cp1252"


def _mean(lengths: list[int]) -> float:
    return sum(lengths) / max(len(lengths), 1)


def _decodes(data: bytes, name: str) -> bool:
    """Whether all of it can be read so, but for a letter that the end cuts off."""
    return "\ufffd" not in data.decode(name, errors="replace")[:-2]


def _pairs(low: int, high: int, trail: int) -> Callable[[bytes], float]:
    """The share of pairs of bytes whose first lies where an encoding has its common signs, or its marks."""

    def share(data: bytes) -> float:
        found = PAIR.findall(data)
        if high == KOREAN and len(found) * 2 < FEW:
            return 0.0
        common = sum(
            len(one) == 2 and (low <= one[0] <= high or 0xA1 <= one[0] <= 0xA3) and one[1] >= trail
            for one in found
        )
        return float(common) / max(len(found), 1)

    return share


def _letters(name: str, form: re.Pattern[str]) -> Callable[[bytes], float]:
    def share(data: bytes) -> float:
        beyond = [char for char in data.decode(name, errors="ignore") if char > "\x7f"]
        fine = sum(form.match(char) is not None for char in beyond)
        odd = sum(a.islower() and b.isupper() for a, b in pairwise(beyond))  # no letter grows within a word
        return float(fine - odd) / max(len(beyond), 1)

    return share


def _japanese(data: bytes) -> float:
    """Kana, marks, and the signs of the first level, whose first bytes are 0x88 to 0x97."""
    beyond = [char for char in data.decode("cp932", errors="ignore") if char > "\x7f"]
    return sum(map(_common_in_japanese, beyond)) / max(len(beyond), 1)


def _common_in_japanese(char: str) -> bool:
    first = char.encode("cp932", errors="ignore")[:1]
    return JAPANESE.match(char) is not None or b"\x88" <= first <= b"\x97"


SHARES: dict[str, Callable[[bytes], float]] = {
    "cp949": _pairs(0xB0, KOREAN, 0xA1), "cp932": _japanese, "gb18030": _pairs(0xB0, 0xD7, 0xA1),
    "big5": _pairs(0xA4, 0xC6, 0x40), "cp1251": _letters("cp1251", CYRILLIC), "cp1253": _letters("cp1253", GREEK),
}  # fmt: skip
"""How common a text's letters are in each; of two alike the first, whose common letters are fewer."""
