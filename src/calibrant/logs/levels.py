"""Levels of confidence in words, such as High, Medium and Low: in which order they stand, and no probability.

A word has one place whatever stands beside it, so that a row by itself reads as it does among others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..phrasing.english import ENGLISH
from .keys import absent
from .vocabulary import NOTHING, plain_word

__all__ = ["are_levels", "place_of"]

_WORDS: Mapping[float, str] = {
    0.05: """
        impossible no_confidence not_at_all not_at_all_confident not_at_all_sure no_idea
    """,
    0.10: """
        very_low lowest extremely_low guess guessing pure_guess vl sehr_niedrig sehr_gering très_faible très_bas
        très_basse muy_baja muy_bajo molto_bassa muito_baixa zeer_laag bardzo_niska очень_низкая очень_низкий
        非常低 很低 極低 とても低い 매우_낮음
    """,
    0.25: """
        low weak poor slight slightly slightly_confident a_little not_confident not_very_confident l niedrig
        gering faible bas basse baja bajo bassa basso baixa baixo laag niska niskie niski низкая низкий låg lav düşük
        nízká nízký χαμηλή 低 낮음 منخفض منخفضة कम rendah thấp alacsony
    """,
    0.30: """
        unsure not_sure unsicher
    """,
    0.50: """
        medium moderate mid middle average fair neutral moderately moderately_confident somewhat
        somewhat_confident somewhat_sure m med mittel mäßig moyen moyenne modéré modérée media medio média médio
        moderada moderado gemiddeld matig średnia średnie średni средняя средний medel middel orta střední
        μέτρια 中 中等 中度 普通 중간 보통 متوسط متوسطة मध्यम sedang közepes
    """,
    0.60: """
        fairly fairly_confident fairly_sure quite
    """,
    0.75: """
        high strong very sure confident h hoch hohe haute élevé élevée forte alta alto elevata elevado elevada
        hoog wysoka wysokie wysoki высокая высокий hög høy høj yüksek vysoká vysoký υψηλή 高 높음 عالي عالية उच्च
        tinggi cao magas
    """,
    0.90: """
        very_high highest extremely_high very_strong very_sure very_confident highly_confident vh sehr_hoch
        très_élevé très_élevée très_haute muy_alta muy_alto molto_alta muito_alta zeer_hoog bardzo_wysoka
        очень_высокая очень_высокий 非常高 很高 極高 とても高い 매우_높음
    """,
    0.98: """
        certain absolutely_certain completely_certain completely_sure totally_sure absolutely_sure
        extremely extremely_confident extremely_sure fully_confident definite definitely sicher ganz_sicher
    """,
}  # fmt: skip
_PLACES: Mapping[str, float] = {
    **ENGLISH.readings,
    **{plain_word(word): place for place, words in _WORDS.items() for word in words.split()},
}
_SHARE = re.compile(r"\s*(\d{1,3}(?:[.,]\d+)?)\s*[%％]\s*")
_NUMBERED = re.compile(r"\d{1,2}\s*[-–—:.)=]\s*(?=\D)")
_ABOUT = re.compile(
    r"^(?:confidence|certainty|level)(?: level)?[ :=]+|[ -]+(?:confidence|certainty|level)(?: level)?$"
)
ALL = 0.95
"""The least share of words that are levels, in a column of levels."""


def place_of(value: Any) -> float | None:
    """The place of a level among others, in (0, 1), None for what is none; it is no probability.

    >>> place_of("High"), place_of("confidence: low"), place_of("3 - moderately"), place_of("très faible")
    (0.75, 0.25, 0.5, 0.1)
    >>> place_of("95%"), place_of("A")
    (0.95, None)
    """
    if not isinstance(value, str):
        return None
    if share := _SHARE.fullmatch(value):
        return min(float(share[1].replace(",", ".")) / 100, 1.0)
    bare = _NUMBERED.sub("", value.strip(), count=1)
    word = plain_word(bare)
    return _PLACES.get(word, _PLACES.get(_ABOUT.sub("", word).strip()))


def are_levels(values: Iterable[Any]) -> bool:
    """Whether texts are levels, some of which no study of readers has a number for; nothing is asked of empty cells.

    >>> are_levels(["high", "low", None]), are_levels(["likely", "unlikely"]), are_levels(["high", "other"])
    (True, False, False)
    """
    there = [value for value in values if not absent(value) and str(value).strip().lower() not in NOTHING]
    placed = [value for value in there if place_of(value) is not None]
    known = ENGLISH.readings
    beyond = [one for one in placed if one.strip().lower() not in known and not _SHARE.fullmatch(one)]
    return bool(there) and len(placed) >= ALL * len(there) and len(beyond) > (1 - ALL) * len(there)
