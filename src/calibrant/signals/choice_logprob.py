"""How likely the chosen option was among the options, at the one token that chooses."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable
from dataclasses import dataclass

from calibrant.answers.kinds import options_of
from calibrant.answers.options import chosen
from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.tokens import AROUND, LEAST_MASS, covering, mass, plain, spoken, with_alternatives
from calibrant.errors import NoScore
from calibrant.types import Completion, Question, Reading, Token, scored

__all__ = ["ChoiceLogprob", "letter_place"]

CUE = re.compile(r"(?:[Aa]nswer|[Oo]ption|[Cc]hoice)(?: is)?[\s:]*[^\w\s]*\s*[(\[*\"']*([A-Z])(?![\w'’])")
"""A letter that is said to be the answer; the last one counts."""
HEAD = re.compile(r"[\s(\[*\"']*([A-Z])(?=[\s*\"']*(?:$|[).:,\]\n]))")
"""A letter with which the answer begins, and which is no word of a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceLogprob(Fingerprinted):
    """P(chosen option) / P(all options) at the token that carries the choice.

    For multiple choice; costs no further call, but needs the alternatives. The options are those of
    `metadata["options"]`, a list of texts; where they are not stated, the single letters among the
    alternatives. The choosing token is the letter behind "answer" (the last such),
    the letter that the answer begins with, or, where the answer is an option's own text, its first token;
    spellings of one option ("A", " A", "(A") count together. `detail` has every option's share, and `mass`,
    the probability of all options together, which is low where the model was about to say something else.
    """

    needs = frozenset({"logprobs", "top_logprobs"})

    def read(self, question: Question, completion: Completion) -> Reading:
        tokens = spoken(completion)
        options = dict(zip(string.ascii_uppercase, options_of(question), strict=False))
        found = _choice(tokens, options)
        if found is None:
            raise NoScore(f"No option could be found in the answer {completion.text[:80]!r}.")
        token, given, meaning = found
        with_alternatives((token,))
        weights = mass(token, meaning)
        total = math.fsum(weights.values())
        if total < LEAST_MASS or given not in weights:
            raise NoScore(f"The options have no probability at the token {token.text!r} of the answer.")
        shares = {name: weight / total for name, weight in sorted(weights.items())}
        return scored(min(1.0, shares[given]), chosen=given, options=shares, mass=min(1.0, total))


def letter_place(text: str) -> int | None:
    """Where the letter stands that the text chooses.

    >>> letter_place("Answer: (B)"), letter_place("C."), letter_place("A dog"), letter_place("Paris")
    (9, 0, None, None)
    """
    cued = list(CUE.finditer(text))
    match = cued[-1] if cued else HEAD.match(text)
    return None if match is None else match.start(1)


def _choice(
    tokens: tuple[Token, ...], options: dict[str, str]
) -> tuple[Token, str, Callable[[str], str | None]] | None:
    """The choosing token, the letter or text chosen there, and what a word means at that place."""
    text = "".join(token.text for token in tokens)
    place = letter_place(text)
    number = chosen(text.strip(), tuple(options.values())) if options else None
    if place is not None and _agrees(text[place], number, options):
        given, letters = text[place], set(options or string.ascii_uppercase)
        (index, *_) = covering(tokens, place, place + 1)
        return tokens[index], given, lambda word: _letter(word, letters)
    if number is None or place is not None:
        return None
    given = list(options)[number]
    place = text.casefold().find(options[given].strip().casefold())
    covered = covering(tokens, place, place + 1) if place >= 0 else ()
    if not covered:
        return None
    return tokens[covered[0]], given, lambda word: _begun(word, options)


def _agrees(letter: str, number: int | None, options: dict[str, str]) -> bool:
    """Whether the letter is an option, and not another than the text as a whole chooses."""
    return not options or (letter in options and number in (None, list(options).index(letter)))


def _letter(word: str, letters: set[str]) -> str | None:
    """The letter that a word is. Small letters are words, such as the article."""
    bare = word.strip(AROUND)
    return bare if bare in letters else None


def _begun(word: str, options: dict[str, str]) -> str | None:
    """The one option that begins with the word, or is begun by it."""
    said = plain(word)
    meant = [letter for letter, text in options.items() if said and plain(text).startswith(said)]
    return meant[0] if len(meant) == 1 else None
