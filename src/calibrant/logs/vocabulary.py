"""What the words of a column of verdicts mean, decided by the column as a whole, never by one word alone.

"N" is no beside "Y", no answer beside "C" and "I", and one of the options beside "M": a letter is read only where the
letters of the column are those of one convention. A 1 is right beside 0, and the worst mark beside 2 to 5. What people
name with `right`, `partly` and `wrong` goes before all that.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UnusableInput

__all__ = [
    "EMPTY",
    "NOTHING",
    "Named",
    "Reading",
    "either",
    "example",
    "listed",
    "number_of",
    "option_of",
    "plain_word",
    "reading_of",
    "spelt",
    "words_of",
]

NOTHING = frozenset(("", "nan", "null", "none", "na", "n/a", "nil", "nat", "<na>", "#n/a", "-", "--", "---"))
"""What stands for no verdict."""

EMPTY = "EMPTY"
"""What a person writes for the cells that are empty, where they say something: `--wrong EMPTY`."""

_RIGHT = """
true yes right correct pass passed success successful succeeded accept
accepted ok okay good match matched exact 👍 ✓ ✔ ✅ ☑ 🟢 ○ 〇 ◯ factual
is_correct fully_correct completely_correct wahr richtig korrekt ja
bestanden stimmt vrai juste oui exacte réussi verdadero correcto correcta
cierto acertado sí aprobado vero giusto corretto corretta sì si esatto
verdadeiro correto correta certo sim waar juist goed да верно правильно
истина prawda poprawny poprawne poprawna tak dobrze sant rätt sand rigtig
korrekt sann riktig oikein tosi kyllä doğru evet správně pravda ano ναι
σωστό 正确 正確 对 對 是 真 正解 正しい はい 合格 맞음 정답 참 예 네 صحيح نعم सही हाँ benar ya đúng
igaz helyes
"""
_WRONG = """
false no wrong incorrect fail failed failure unsuccessful reject rejected
bad mismatch not_correct not_right untrue 👎 ✗ ✘ ✕ ✖ ❌ ❎ 🔴 × not_ok nok ko
no_match hallucinated is_incorrect not_passed completely_incorrect
completely_wrong totally_wrong unwahr falsch inkorrekt nein nicht_bestanden
faux fausse incorrecte inexact non échoué falso falsa incorrecto erróneo incorrecta
reprobado sbagliato errato scorretto scorretta errado errada incorreto
incorreta não nao onwaar onjuist fout nee нет неверно неправильно ложь
ошибка fałsz niepoprawny niepoprawne niepoprawna nie źle falskt fel falsk
forkert nej feil nei usann väärin epätosi ei yanlış hayır nesprávně nepravda
ne όχι λάθος 错误 錯誤 错 錯 不正确 不正確 否 假 不对 不是 不正解 誤り 間違い いいえ 不合格 틀림 오답 거짓 아니요 아니오
خطأ خاطئ لا गलत नहीं salah tidak sai hamis helytelen
"""
_PARTLY = """
partial partially partly partially_correct partly_correct partially_right
partly_right half half_right half_correct mostly_correct somewhat_correct
partial_credit partial_match teilweise teilweise_richtig teilweise_korrekt
partiellement partiellement_correct parcialmente parcialmente_correcto
parcialmente_correto parzialmente parzialmente_corretto gedeeltelijk
gedeeltelijk_juist deels частично частично_верно 部分正确 部分正確 部分正解 부분정답 △ 🟡
"""


def plain_word(value: str) -> str:
    """A word without what does not matter: case, width, brackets, quotes, the full stop, how words are joined.

    >>> plain_word(" **Partially-Correct.** "), plain_word("✔️"), plain_word("ＴＲＵＥ")
    ('partially correct', '✔', 'true')
    """
    text = unicodedata.normalize("NFKC", value).replace("\ufe0f", "").strip().casefold()
    bare = text.strip(" \t\r\n.!。！*\"'`()[]{}<>«»„“”‘’:;,")
    return re.sub(r"[\s_-]+", " ", bare) if len(bare) > 1 else bare or text


def _words(text: str) -> frozenset[str]:
    return frozenset(plain_word(word) for word in text.split())


_MEANING: dict[str, float] = {
    **dict.fromkeys(_words(_PARTLY), 0.5),
    **dict.fromkeys(_words(_WRONG), 0.0),
    **dict.fromkeys(_words(_RIGHT), 1.0),
}
_CONVENTIONS: tuple[Mapping[str, float | None], ...] = (
    {"y": 1.0, "n": 0.0, "t": 1.0, "f": 0.0},
    {"c": 1.0, "p": 0.5, "i": 0.0, "n": 0.0},  # correct, partly, incorrect, no answer
    {"c": 1.0, "w": 0.0}, {"r": 1.0, "w": 0.0}, {"p": 1.0, "f": 0.0}, {"v": 1.0, "f": 0.0},
    {"r": 1.0, "f": 0.0}, {"w": 1.0, "f": 0.0},
    {"j": 1.0, "n": 0.0}, {"s": 1.0, "n": 0.0}, {"o": 1.0, "n": 0.0}, {"o": 1.0, "x": 0.0}, {"д": 1.0, "н": 0.0},
    dict.fromkeys("abcdefgh"), dict.fromkeys("pn"), dict.fromkeys("ivx"),  # answers, marks, signs: no verdicts
)  # fmt: skip
"""What letters mean together, None where they are no verdicts."""


@dataclass(frozen=True, slots=True)
class Named:
    """Words of verdicts that a person named, each once, as `plain_word` has them."""

    right: frozenset[str] = frozenset()
    partly: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()

    @classmethod
    def of(cls, **words: str | Iterable[object] | None) -> Named:
        """From words with commas between, or several; raises `UnusableInput` where one is to mean two things.

        A word that holds a comma itself stands in double quotes.

        >>> Named.of(right="C, Correct", wrong=["I", 0]).right == {"c", "correct"}
        True
        >>> sorted(Named.of(right='"Yes, fully",ok').right)
        ['ok', 'yes, fully']
        """
        found = {kind: _parted(given) for kind, given in words.items() if given is not None}
        seen = Counter(word for several in found.values() for word in several)
        if twice := sorted(word for word, n in seen.items() if n > 1):
            raise UnusableInput(
                f"Expected each word of a verdict to mean one thing, but {', '.join(map(repr, twice))} stands in two "
                "of --right, --partly and --wrong. Name it in one of them; words with a comma in them stand in double "
                "quotes: --right '\"yes, fully\",ok'."
            )
        return cls(**found)

    def __bool__(self) -> bool:
        return bool(self.right or self.partly or self.wrong)

    @property
    def told(self) -> dict[str, tuple[str, ...]]:
        """The words by what they mean, as far as there are any."""
        kinds = (("right", self.right), ("partly", self.partly), ("wrong", self.wrong))
        return {kind: tuple(sorted(words)) for kind, words in kinds if words}

    @property
    def meaning(self) -> dict[str, float]:
        """Each word's grade."""
        parts = ((self.right, 1.0), (self.partly, 0.5), (self.wrong, 0.0))
        return {word: grade for words, grade in parts for word in words}


def _parted(given: str | Iterable[object]) -> frozenset[str]:
    """Words as they are compared; a number in one spelling, whichever type it has."""
    several: list[Any]
    if isinstance(given, str):
        flat = " ".join(given.split())
        several = (
            next(csv.reader([flat], skipinitialspace=True)) if flat.count('"') % 2 == 0 else flat.split(",")
        )
    else:
        several = list(given)
    words = (spelt(one) for one in several)
    return frozenset(word for word in words if word)


def spelt(value: object) -> str:
    """A value as a word.

    >>> spelt(4.0), spelt("4.0"), spelt(True), spelt(" Yes! ")
    ('4', '4', 'true', 'yes')
    """
    if isinstance(value, bool):
        return str(value).lower()
    text = value if isinstance(value, str) else str(value)
    number = number_of(text)
    if number is not None:
        if number.is_integer():
            return str(int(number)) if abs(number) < 1e15 else str(number)
        return f"{number:g}"  # of float32, too, 0.7 is 0.7
    return plain_word(text)


def number_of(text: str) -> float | None:
    """The number that a text is, None where it is none.

    A share such as 2/3 is one.

    >>> number_of(" 1.0"), number_of("one"), number_of("nan"), number_of("3/4")
    (1.0, None, None, 0.75)
    """
    if (share := re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)) and 0 < int(share[2]) >= int(
        share[1]
    ):
        return int(share[1]) / int(share[2])
    try:
        found = float(text)
    except ValueError:
        return None
    return None if found != found else found


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read: what named words and letters mean, and whether its numbers are grades."""

    named: Mapping[str, float]
    letters: Mapping[str, float | None]
    graded: bool

    def grade(self, word: str) -> float | None:
        """What a word says, as `spelt` has it; None where it says nothing."""
        if word in self.named:
            return self.named[word]
        if (number := number_of(word)) is not None:
            return number if self.graded and 0 <= number <= 1 else None
        if _is_letter(word):
            return self.letters.get(word)
        return _MEANING.get(word)


def reading_of(words: Mapping[str, int], named: Named) -> Reading:
    """How to read a column that holds these words, `spelt`, so many times.

    >>> reading_of({"y": 60, "n": 40}, Named()).grade("n"), reading_of({"c": 50, "n": 40}, Named()).grade("c")
    (0.0, 1.0)
    >>> reading_of({"a": 50, "f": 40}, Named()).grade("f"), reading_of({"1": 5, "4": 50}, Named()).grade("1")
    (None, None)
    """
    meaning = named.meaning
    rest = {word: n for word, n in words.items() if word not in meaning}
    letters = {word: n for word, n in words.items() if _is_letter(word)}
    return Reading(named=meaning, letters=_letters(letters), graded=_graded(rest, meaning))


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha() and (word.isascii() or word in "дн")


def _letters(letters: Mapping[str, int]) -> Mapping[str, float | None]:
    """The convention that these letters are of: all of them, or nine in ten where both sides are there."""
    if not letters:
        return {}
    whole = [one for one in _CONVENTIONS if set(letters) <= set(one)]
    if len({tuple(one[letter] for letter in letters) for one in whole}) == 1:
        return whole[0]
    total = sum(letters.values())
    two_sided = [one for one in _CONVENTIONS if {0.0, 1.0} <= {one[w] for w in letters if w in one}]
    covered = {i: sum(n for w, n in letters.items() if w in one) for i, one in enumerate(two_sided)}
    best = [two_sided[i] for i, n in covered.items() if n == max(covered.values()) and 10 * n >= 9 * total]
    agreed = {tuple(one.get(letter) for letter in letters) for one in best}
    return best[0] if len(agreed) == 1 else {}


def _graded(words: Mapping[str, int], named: Iterable[str]) -> bool:
    """Whether numbers are grades in [0, 1]: none is above 1, named or not, or a few among 0 and 1 are."""
    if any((number_of(word) or 0) > 1 for word in named):
        return False
    numbers = [(number, n) for word, n in words.items() if (number := number_of(word)) is not None]
    above = sum(n for number, n in numbers if number > 1)
    both = {0.0, 1.0} <= {number for number, _ in numbers}
    return not above or (both and 20 * above <= sum(n for _, n in numbers))


def listed(words: Mapping[str, int], most: int = 6) -> str:
    """The commonest, with how often each stands.

    >>> listed({"C": 130, "I": 112})
    "'C' x 130, 'I' x 112"
    """
    shown = sorted(words.items(), key=lambda one: (-one[1], one[0]))[:most]
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(f"{_short(word)!r} x {n:,}" for word, n in shown) + more


def _short(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:37]}..."


def example(words: Sequence[str]) -> str:
    """Options that would read such words: of numbers the higher as right, else the commonest.

    >>> example(["3", "1", "5"]), example(["C", "I", "P"])
    ('--right 5 --wrong 1,3', '--right C --wrong I,P')
    """
    shown = [word for word in words if len(word) <= 40][:6] or ["RIGHT", "WRONG"]
    if all(number_of(word) is not None for word in shown):
        shown = sorted(shown, key=lambda word: -(number_of(word) or 0))
        right = shown[: max(1, len(shown) // 2)]
        wrong = sorted(shown[len(right) :], key=lambda word: number_of(word) or 0)
    else:
        right, wrong = shown[:1], shown[1:]
    return " ".join(
        f"--{name} {option_of(several)}" for name, several in (("right", right), ("wrong", wrong)) if several
    )


def either(words: Mapping[str, int], empty: int = 0) -> str:
    """Options that would read such words one way and the other, for nothing but a person tells which is right.

    Of one word, the cells that are empty are the other side. Words of a fiftieth of the cells are left out.

    >>> either({"1": 208, "2": 92}), either({"x": 69}, empty=131)
    ('--right 2 --wrong 1 or --right 1 --wrong 2', '--right x --wrong EMPTY or --right EMPTY --wrong x')
    """
    total = sum(words.values())
    held = [w for w, n in sorted(words.items(), key=lambda one: -one[1]) if 50 * n > total]
    held = [word for word in held if len(word) <= 40][:6]
    if not held:
        return example([])
    if len(held) == 1:
        first, rest = held, [EMPTY] if empty else []
    elif all(number_of(word) is not None for word in held):
        held.sort(key=lambda word: -(number_of(word) or 0))
        first, rest = held[: len(held) // 2], sorted(held[len(held) // 2 :], key=lambda w: number_of(w) or 0)
        if {"0", "1"} < set(held):  # a third mark beside right and wrong, such as 9 for "cannot say"
            others = sorted(set(held) - {"0", "1"})
            return f"--right 1 --wrong 0 or --right 1 --wrong {option_of(['0', *others])} or {_sides(first, rest)}"
    elif all(_is_letter(word) for word in map(spelt, held)):
        held.sort()
        first, rest = held[: max(1, len(held) // 2)], held[max(1, len(held) // 2) :]
    else:
        first, rest = held[:1], held[1:]
    return f"{_sides(first, rest)} or {_sides(rest, first)}"


def _sides(right: Sequence[str], wrong: Sequence[str]) -> str:
    given = (("right", right), ("wrong", wrong))
    return " ".join(f"--{name} {option_of(several)}" for name, several in given if several)


def words_of(words: str | Iterable[object]) -> str:
    """Words with commas between, each that holds a comma itself in double quotes; a text as it is."""
    if isinstance(words, str):
        return words
    return ",".join(
        '"' + one.replace('"', '""') + '"' if "," in one or one.startswith('"') else one
        for one in map(str, words)
    )


def option_of(words: Sequence[str]) -> str:
    """Words as the value of an option, ready to paste.

    >>> print(option_of(["I", "N"]), option_of(["not ok"]), option_of(["yes, fully", "ok"]))
    I,N 'not ok' '"yes, fully",ok'
    """
    text = words_of(words)
    return text if re.fullmatch(r"[\w,.+-]+", text) else "'" + text.replace("'", "'\\''") + "'"
