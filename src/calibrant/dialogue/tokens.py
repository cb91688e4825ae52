"""Arithmetic on the tokens of an answer: which of them count, where they stand in the text, what they weigh."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TypeVar

from ..errors import NoScore
from ..types import Completion, Token
from .answered import told
from .spelling import AROUND, holding, spelling

__all__ = [
    "AROUND",
    "LEAST_MASS",
    "alternatives",
    "covering",
    "first_word",
    "judged",
    "likelihood",
    "likelihood_of",
    "likelihoods",
    "logprob_sum",
    "mass",
    "offset_of",
    "plain",
    "spoken",
    "weighable",
    "weighed",
    "with_alternatives",
]

LEAST_MASS = 0.05
"""Below this probability of all words that were asked for, their shares are noise and are not read."""

LEAST = -9999.0
"""Stands for a log-probability that is not known, or for one of minus infinity."""

ROUNDING = 1e-3
"""How far above 0 a log-probability can be by rounding."""

Meaning = TypeVar("Meaning", bound=Hashable)


def spoken(completion: Completion) -> tuple[Token, ...]:
    """The tokens that spell the answer, or its calls of tools; raises `NoScore` where none do.

    Tokens of other text (reasoning, another answer, a part of this one) say nothing of the answer, nor do numbers
    that are no log-probabilities; what ends the text does not count.

    >>> [token.text for token in spoken(Completion(text="4", model="m", tokens=(Token("4", -0.1),)))]
    ['4']
    """
    there = told(completion).tokens
    if there is None:
        raise NoScore(NO_CALLS if completion.tool_calls else NONE)
    tokens = (
        _calling(completion)
        if completion.tool_calls
        else spelling(there, completion.text, completion.reasoning)
    )
    if tokens is None:
        raise NoScore(_unspelt(completion))
    _check(tokens)
    return tokens


NONE = "The answer carries no log-probabilities; ask a server that gives them."
NO_CALLS = (
    "The log-probabilities do not hold the tool calls; the server gives them for text alone. self_consistency compares "
    "tool calls without them, and verbalized asks about them."
)


def _calling(completion: Completion) -> tuple[Token, ...] | None:
    """The tokens that hold what the answer says, then each call: its name, where there is one, and its arguments."""
    parts = [(completion.text, True)] if completion.text.strip() else []
    for call in completion.tool_calls:
        bare = call.arguments.strip() in ("", "{}")
        parts += [(call.name, bare), (call.arguments, not bare)]
    return holding(completion.tokens or (), parts)


def _unspelt(completion: Completion) -> str:
    if completion.tool_calls:
        return NO_CALLS
    said = "".join(["".join(token.text.split()) for token in completion.tokens or ()])
    whole = "".join(completion.text.split())
    if said and said != whole and said in whole:
        return "The log-probabilities cover only a part of the answer, so they do not tell how sure it is."
    return (
        "The log-probabilities do not spell the answer: they are those of other text, such as its reasoning."
    )


def _check(tokens: Sequence[Token]) -> None:
    """Raises `NoScore` for what is no log-probability of a token that was said."""
    values = [token.logprob for token in tokens]  # a list takes half the time of a generator
    if any(map(math.isnan, values)):
        raise NoScore("A log-probability of the answer is not a number.")
    if max(values, default=0.0) > ROUNDING:
        raise NoScore("A number of the answer's tokens lies above 0, so it is no log-probability.")
    if min(values, default=0.0) <= LEAST:
        raise NoScore(
            f"The server does not know how likely a token of the answer was ({LEAST:g} stands for it)."
        )


def with_alternatives(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """The same tokens; raises `NoScore` where one comes without the alternatives to it.

    >>> len(with_alternatives((Token("A", -0.1, (("B", -3.0),)),)))
    1
    """
    if not all([token.top for token in tokens]):
        raise NoScore(
            "The answer carries no alternatives to its tokens; ask a server that gives top_logprobs."
        )
    if any([weight > ROUNDING for token in tokens for _, weight in token.top]):
        raise NoScore("A number of an alternative to a token lies above 0, so it is no log-probability.")
    return tokens


def logprob_sum(tokens: Sequence[Token]) -> float:
    """The log-probability of all the tokens together, at most 0 each: servers round some above it.

    >>> logprob_sum((Token("a", -1.0), Token("b", 1e-9)))
    -1.0
    """
    values = [token.logprob for token in tokens]
    return math.fsum([value if value < 0.0 else 0.0 for value in values])


def likelihood(tokens: Sequence[Token]) -> float:
    """The length-normalised likelihood: the geometric mean of the tokens' probabilities, in [0, 1].

    >>> likelihood((Token("a", math.log(0.5)), Token("b", math.log(0.5))))
    0.5
    """
    return math.exp(logprob_sum(tokens) / len(tokens))


def likelihoods(samples: Iterable[Completion]) -> list[float]:
    """The length-normalised likelihood of each sample; raises `NoScore` where one comes without tokens.

    >>> likelihoods([Completion(text="4", model="m", tokens=(Token("4", 0.0),))])
    [1.0]
    """
    try:
        return [likelihood(spoken(sample)) for sample in samples]
    except NoScore as missing:
        raise NoScore(f"A sample cannot be weighed: {missing}") from missing


def likelihood_of(completion: Completion) -> float | None:
    """The length-normalised likelihood of an answer; None where its tokens do not tell.

    >>> likelihood_of(Completion(text="4", model="m")) is None
    True
    """
    try:
        return likelihood(spoken(completion))
    except NoScore:
        return None


def offset_of(text: str, tokens: Sequence[Token], start: int = 0) -> int | None:
    """Where the text begins in the tokens' own text, from `start` on; None where they do not spell it.

    The text of an answer is not always that of its tokens: white space is cut off, and a letter that is
    spread over tokens comes as marks of what could not be decoded.

    >>> offset_of("Paris", (Token(" Par", 0.0), Token("is", 0.0)))
    1
    """
    where = "".join(token.text for token in tokens).find(text, start)
    return None if where < 0 else where


def covering(tokens: Sequence[Token], start: int, end: int) -> tuple[int, ...]:
    """Indices of the tokens that hold at least one of the characters from `start` up to `end`.

    Positions count in the tokens' own text, one after the other. A token without text is the beginning of the
    letter behind it.

    >>> covering((Token("{", 0.0), Token('"a": 1', 0.0), Token("2", 0.0), Token("}", 0.0)), 6, 8)
    (1, 2)
    """
    ends = list(accumulate(len(token.text) for token in tokens))
    begins = [0, *ends]
    return tuple(
        i
        for i, stop in enumerate(ends)
        if begins[i] < end and (start < stop if begins[i] < stop else start <= stop)
    )


def alternatives(token: Token) -> dict[str, float]:
    """Probability of each alternative that was listed at a token, the token itself among them.

    Where rounding lets them sum to more than 1 they are divided by their sum.

    >>> alternatives(Token("A", math.log(0.5), (("B", math.log(0.25)),)))
    {'B': 0.25, 'A': 0.5}
    """
    listed = [*token.top] + [(token.text, token.logprob)] * (token.text not in dict(token.top))
    weights: dict[str, float] = {}
    for text, logprob in dict.fromkeys(listed):  # some servers list the token itself twice
        share = 0.0 if math.isnan(logprob) else math.exp(min(0.0, logprob))
        weights[text] = weights.get(text, 0.0) + share  # two tokens can look alike
    total = math.fsum(weights.values())
    return {text: weight / max(1.0, total) for text, weight in weights.items()}


def plain(word: str) -> str:
    """A token's word without what stands around it: "(A", " A)" and "a" are all "a"."""
    return word.strip(AROUND).casefold()


def mass(token: Token, meaning: Callable[[str], Meaning | None]) -> dict[Meaning, float]:
    """Probability of each meaning at a token: that of all alternatives which have it, together.

    >>> mass(Token("A", math.log(0.5), ((" A", math.log(0.25)), ("x", math.log(0.1)))), {"a": 0}.get)
    {}
    >>> letters = {"a": 0}
    >>> mass(Token("A", math.log(0.5), ((" A", math.log(0.25)),)), lambda word: letters.get(plain(word)))
    {0: 0.75}
    """
    found: dict[Meaning, float] = {}
    for word, share in alternatives(token).items():
        meant = meaning(word)
        if meant is not None:
            found[meant] = found.get(meant, 0.0) + share
    return found


def first_word(said: Completion) -> Token | None:
    """The token of the reply's first word; None without one, and where the log-probabilities are of other text.

    >>> first_word(Completion(text="(A)", model="m", tokens=(Token("(", 0.0), Token("A", -0.1), Token(")", 0.0)))).text
    'A'
    """
    tokens = spelling(said.tokens or (), said.text, said.reasoning) or ()
    first = next((token for token in tokens if plain(token.text)), None)
    beyond = first is not None and max([first.logprob, *[weight for _, weight in first.top]]) > ROUNDING
    return None if beyond else first


def weighable(said: Completion) -> bool:
    """Whether the reply lists alternatives to its first word, so that `weighed` can say more than the word.

    >>> weighable(Completion(text="Yes", model="m", tokens=(Token("Yes", math.log(0.6)),)))
    False
    """
    first = first_word(said)
    return first is not None and any(text != first.text for text, _ in first.top)


def weighed(said: Completion, words: Mapping[str, bool]) -> float:
    """The probability of the words that are True among all the words, at the reply's first word.

    `words` are in lower case. Raises `NoScore` where the share is not known: without
    log-probabilities; without alternatives, since the probability of what was said does not tell that of
    its opposite, which may be anything up to the rest; where the words together are less likely than
    0.05; and where of two meanings one alone is listed and the other, unlisted, could still count for more
    than 0.05 of both.

    >>> reply = Completion(text="Yes", model="m", tokens=(Token("Yes", math.log(0.6), ((" no", math.log(0.2)),)),))
    >>> round(weighed(reply, {"yes": True, "no": False}), 3)
    0.75
    """
    if not said.tokens:
        raise NoScore("The reply carries no log-probabilities; ask a server that gives them.")
    first = first_word(said)
    if first is None and plain(said.text):
        raise NoScore("The log-probabilities of the reply are not those of its words.")
    if first is not None and not first.top:
        raise NoScore(
            "The reply carries no alternatives to its tokens; ask a server that gives top_logprobs."
        )
    found = {} if first is None else mass(first, lambda word: words.get(plain(word)))
    total = math.fsum(found.values())
    if first is None or total < LEAST_MASS:
        raise _neither(said, words)
    unlisted = 0.0 if len(found) > 1 else _unlisted(first)
    if unlisted > LEAST_MASS * (total + unlisted):
        raise NoScore(
            "The reply lists too few alternatives to its tokens; ask a server that gives more top_logprobs."
        )
    return found.get(True, 0.0) / total


def judged(said: Completion, words: Mapping[str, bool]) -> float:
    """What the reply says: weighed where it lists alternatives, else 1 or 0 by its text alone.

    Raises `NoScore` where it says none of the words.

    >>> judged(Completion(text="No.", model="m"), {"yes": True, "no": False})
    0.0
    """
    if weighable(said):
        return weighed(said, words)
    meant = words.get(plain(said.text))
    if meant is None:
        raise _neither(said, words)
    return float(meant)


def _neither(said: Completion, words: Mapping[str, bool]) -> NoScore:
    wanted = " or ".join(repr(word) for word in words)
    return NoScore(f"Expected {wanted}, the model said {said.text[:80]!r}.")


def _unlisted(token: Token) -> float:
    """The most that an alternative can have that is not listed: what is left, and no more than the last listed."""
    listed = alternatives(token).values()
    return max(0.0, min(1.0 - math.fsum(listed), *listed))
