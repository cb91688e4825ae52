"""How sure an answer is that somebody else's tool has kept: by what its text says, or by how likely its tokens were."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from math import fsum
from typing import Any, NamedTuple

from ..dialogue.amounts import AMOUNT
from ..dialogue.tokens import AROUND, LEAST_MASS, covering, likelihood_of, mass
from ..types import Completion, Token
from .foreign import flattened, saying

__all__ = ["HOW", "Sure", "chosen_way", "stated_in", "sure_of"]

STATED = re.compile(
    r"\b(?:confidence|certainty|probability)(?:[ \t]*(?:level|score|in percent))?[*_\"'`]*[ \t]*(?:[:=]|is|of)"
    r"[*_\"'` \t]*"
    rf"({AMOUNT}|\d{{1,3}}(?:\.\d+)?)(?![\w.]*\d)",
    re.I,
)
"""A confidence that a text states with its name: the last one counts."""
BEHIND = re.compile(rf"({AMOUNT})[ \t]+(?:confident|sure|certain|confidence|certainty)\b", re.I)
"""One that has its name behind it."""
LETTER = re.compile(
    r"(?:\A|[\n:(]|\b(?i:answer|option|choice)(?i: is)?)[\s(\[*\"']*([A-Z])(?=[\s*\"']*(?:\Z|[).:,\]}\n]))"
)
"""A letter that an answer chooses: behind a cue or at the begin of a line, and no word of a sentence."""
OBJECT = re.compile(r"\{[^{}]*\}")

HOW = {
    "stated": "The confidence is the one that each answer's own text states.",
    "letter": (
        "The confidence is the probability of the chosen letter among the options, from the log-probabilities of the "
        "token that chooses."
    ),
    "tokens": (
        "The confidence is the exponential of the mean log-probability of the answer's tokens: how sure the model was "
        "of its words, and in long answers higher than of what they say."
    ),
}  # fmt: skip
"""What notes say of each way in which a confidence was derived."""


class Sure(NamedTuple):
    """What an answer says of its confidence, as it says it, and what its tokens tell; None where nothing does."""

    stated: float | str | None = None
    letter: float | None = None
    tokens: float | None = None


def stated_in(text: Any) -> float | str | None:
    """The confidence that a text states, as a number or with its sign; None where it states none.

    An object has it under a name such as "confidence", also within other text; prose has it as "Confidence: 85%".

    >>> stated_in('{"answer": "A", "confidence": 85}'), stated_in("It is A.\\nConfidence: 85%"), stated_in("Paris, 85%")
    (85, '85%', None)
    >>> stated_in("It is A; I am 85% sure.")
    '85%'
    """
    if isinstance(text, dict):
        return _named(text)
    if not isinstance(text, str):
        return None
    for found in ([text.strip()] if text.lstrip().startswith("{") else []) + OBJECT.findall(text)[::-1]:
        try:
            said = json.loads(found)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict) and (value := _named(said)) is not None:
            return value
    said = STATED.findall(text) or BEHIND.findall(text)
    if not said:
        return None
    try:
        return float(said[-1])
    except ValueError:
        return str(said[-1]).strip()


def _named(said: dict[str, Any]) -> float | str | None:
    plain = flattened(said, "")
    values = [plain[name] for name in saying(plain) if isinstance(plain[name], str | int | float)]
    return values[0] if len(values) == 1 and not isinstance(values[0], bool) else None


def sure_of(text: str, tokens: Sequence[Token], options: int = 0) -> Sure:
    """What an answer's text and tokens tell of how sure it is; of `options` options, where their number is known."""
    stated = stated_in(text)
    if not tokens:
        return Sure(stated)
    said = Completion(text=text or "".join(token.text for token in tokens), model="", tokens=tuple(tokens))
    return Sure(stated, _letter(tokens, options), likelihood_of(said))


def _letter(tokens: Sequence[Token], options: int) -> float | None:
    """The share of the letter that is chosen last, among the letters that the model weighed there."""
    text, letters = "".join(token.text for token in tokens), string.ascii_uppercase[: options or None]
    found = [match.start(1) for match in LETTER.finditer(text) if match[1] in letters]
    if not found:
        return None
    token = tokens[covering(tokens, found[-1], found[-1] + 1)[0]]
    weights = mass(
        token, lambda word: bare if len(bare := word.strip(AROUND)) == 1 and bare in letters else None
    )
    total = fsum(weights.values())
    if len(token.top) < 2 or total < LEAST_MASS:  # alone, its share of itself would be one
        return None
    return min(1.0, weights[text[found[-1]]] / total)


def chosen_way(sures: Iterable[Sure]) -> tuple[str, list[Any], list[str]]:
    """One way for all answers, "" where there is none: its name, the confidences, and what to say of it.

    What answers state comes first, then the letter of a choice, then the tokens: the first that half of the answers
    have. Answers without it have none, for numbers of two ways are not pooled.

    >>> chosen_way([Sure(85), Sure(None, tokens=0.5), Sure(70)])[:2]
    ('stated', [85, None, 70])
    """
    sures = list(sures)
    counts = Counter(way for sure in sures for way, value in sure._asdict().items() if value is not None)
    ways = [way for way in Sure._fields if counts[way] and counts[way] * 2 >= max(counts.values())]
    if not ways:
        return "", [None] * len(sures), []
    values = [getattr(sure, ways[0]) for sure in sures]
    share = "" if counts[ways[0]] == len(sures) else f" {counts[ways[0]]} of {len(sures)} have one."
    return ways[0], values, [HOW[ways[0]] + share]
