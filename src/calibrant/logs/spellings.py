"""How columns are spelt: what matters of their names, and which are called after what is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

__all__ = ["FURTHER", "by_spelling", "pair_in", "says_wrong", "spelling"]

FURTHER: Mapping[str, tuple[str, ...]] = {
    "confidence": (
        "certainty", "sureness", "max_prob", "max_probability", "pred_prob", "confidences", "probability_correct",
        "prob_correct", "sicherheit", "konfidenz", "wahrscheinlichkeit", "confiance", "certitude", "confianza",
        "certeza", "confiança", "fiducia", "zekerheid", "pewność", "уверенность", "güven", "säkerhet",
        "置信度", "信心", "確信度",
        "自信度", "확신도", "신뢰도",
    ),
    "correct": (
        "judgement", "judgment", "pass", "resolved", "solved", "accepted", "korrekt", "richtig", "correcto", "correcta",
        "corretto", "correto", "juste", "exact", "juist", "верно", "правильно", "poprawne", "doğru", "正确", "正確",
        "是否正确", "正解", "정답", "right_wrong", "correct_incorrect", "pass_fail", "ground_truth_match",
    ),
}  # fmt: skip
"""Names that are not usual and can mean nothing else."""
ASIDE = re.compile(
    r"[(\[]\s*(?:in\s+)?(?:%|pct|percent|\W*\d+\W*|\d+\s*\W+\s*\d+|[a-z]+\s*/\s*[a-z]+)\s*[)\]]"
)
"""What stands in brackets and is a unit, or the choices: (%), [0-1], (yes/no)."""
WRONG = re.compile(
    r"(?:^|_)(?:incorrect(?:ness|ly)?|inaccurate|errors?|erroneous|wrong|mistakes?|hallucinat\w*|fail(?:s|ed|ure|ures)?|"
    r"invalid|falsch|fehler|faux|erreur|incorrecto|incorreto|errado|errato|sbagliato|fout|ошибка|неверно|错误|錯誤|"
    r"不正解|오답|loss(?:es)?|defect(?:s|ive)?|violations?|bad|refuted|contradict\w*|(?:un|not_)(?:correct|right|resolved|solved|supported|faithful|grounded|passed)|unfaithful)(?:$|_)"
)
NOT_WRONG = re.compile(r"(?:^|_)(?:not|no|non|without|free)(?:$|_)(?!correct|right|resolved|solved|passed)")


def spelling(name: str) -> str:
    """A column's name without what does not matter: case, how words are joined, units in brackets.

    >>> spelling("Confidence (%)"), spelling("isCorrect?"), spelling("p(correct)"), spelling(" exact-match")
    ('confidence', 'is_correct', 'p_correct', 'exact_match')
    """
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).casefold()
    return re.sub(r"[\W_]+", "_", ASIDE.sub(" ", text)).strip("_")


def by_spelling(columns: Sequence[str]) -> dict[str, str]:
    """Each column by its name in small letters, and by its spelling where that is of one column alone.

    >>> by_spelling(["Model Answer", "y", "Y (%)"])
    {'model answer': 'Model Answer', 'y': 'y', 'y (%)': 'Y (%)', 'model_answer': 'Model Answer'}
    """
    found = {name.lower(): name for name in reversed(columns)}
    found = {lower: found[lower] for lower in dict.fromkeys(name.lower() for name in columns)}
    ways: dict[str, list[str]] = {}
    for name in columns:
        ways.setdefault(spelling(name), []).append(name)
    return found | {way: names[0] for way, names in ways.items() if len(names) == 1 and way not in found}


def says_wrong(name: str) -> bool:
    """Whether a column is called after what is wrong, so that a true in it is a wrong answer.

    >>> [says_wrong(name) for name in ("incorrect", "is_error", "hallucinated", "correct", "no_error", "not correct")]
    [True, True, True, False, False, True]
    """
    bare = spelling(name)
    return bool(WRONG.search(bare)) and not NOT_WRONG.search(bare) and bare not in FURTHER["correct"]


def pair_in(name: str) -> tuple[str, str] | None:
    """The two columns that a verdict is made of, where it is named so: "a == b", or "a says b"; None for a column.

    >>> pair_in("answer == gold"), pair_in("answer says gold"), pair_in("correct")
    (('answer', 'gold'), ('answer', 'gold'), None)
    """
    for sign in (" == ", " says "):
        first, found, second = name.partition(sign)
        if found:
            return first.strip(), second.strip()
    return None
