"""Tokens with their log-probabilities, as servers write them, both ways. No I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from functools import partial
from itertools import zip_longest
from operator import itemgetter, methodcaller
from typing import Any

from ..types import Token

__all__ = ["entries_of", "tokens_from", "tokens_within"]

LEAST_LOGPROB = -9999.0
"""Stands for a log-probability of minus infinity, which JSON cannot carry; servers use the same number."""

ROUNDING = 1e-3
"""How far above 0 rounding lifts a certainty; a higher number stays as it came, so that it can be told."""

UNREADABLE = re.compile("|".join(("\ufffd", r"\\x[0-9a-fA-F]{2}", r"\Atoken_id:\d+\Z", r"\A\Z")))
"""What stands in place of a token's text that is no text by itself; its bytes then say what it is."""
SIGN = re.compile(r"\ufffd|\\x|token_id:")
"""What every such text holds that is not empty."""
TEXT, LOGPROB, TOP = itemgetter("token"), methodcaller("get", "logprob"), methodcaller("get", "top_logprobs")
OCTET = re.compile(rb"\\x([0-9a-fA-F]{2})")


def tokens_within(logprobs: Any) -> tuple[Token, ...]:
    """The tokens in the member `logprobs` of a choice, in the shapes that servers give it; none where it has none.

    Those of a refusal where there are none of content; the lists side by side of the completions format; a bare
    list of entries. Numbers without the texts of their tokens say nothing.

    >>> tokens_within({"tokens": ["Par", "is"], "token_logprobs": [-0.1, 0.0], "top_logprobs": [{"Par": -0.1}, None]})
    (Token(text='Par', logprob=-0.1, top=(('Par', -0.1),)), Token(text='is', logprob=0.0, top=()))
    >>> tokens_within({"content": None, "refusal": [{"token": "No", "logprob": -0.2}]})
    (Token(text='No', logprob=-0.2, top=()),)
    """
    if logprobs is None:
        return ()
    if isinstance(logprobs, list):
        return tokens_from(logprobs)
    if not isinstance(logprobs, dict):
        return ()
    for name in ("content", "refusal"):
        if isinstance(entries := logprobs.get(name), list) and entries:
            return tokens_from(entries)
    texts, values, tops = [logprobs.get(name) for name in ("tokens", "token_logprobs", "top_logprobs")]
    if not isinstance(texts, list) or not isinstance(values, list) or len(texts) != len(values):
        return ()
    sides = tops if isinstance(tops, list) else []
    return tuple(
        [
            Token(str(text), _number(value), _listed(top))
            for text, value, top in zip_longest(texts, values, sides[: len(texts)])
        ]
    )


_token: Callable[[tuple[Any, ...]], Token] = partial(tuple.__new__, Token)
"""`Token._make` without its look at the length, which costs as much as the token."""


def tokens_from(entries: Iterable[Any] | None) -> tuple[Token, ...]:
    """The tokens in a list of log-probabilities; none where an entry is no token.

    What is no number is not one here either (NaN), so that a single one costs no answer.

    >>> tokens_from([{"token": "4", "logprob": None}])
    (Token(text='4', logprob=-9999.0, top=()),)
    >>> tokens_from([-0.1, -0.2])
    ()
    """
    there = list(entries or ())
    if len(there) == 1 and (plain := _plain(there[0])) is not None:  # as in each piece of a stream
        return (plain,)
    try:
        texts = _texts(there)
    except (KeyError, TypeError, AttributeError):  # no object, or one of something else
        return ()
    tops = [*map(TOP, there)]
    listed = [_listed(top) if top else () for top in tops] if any(tops) else [()] * len(tops)
    return tuple(map(_token, zip(texts, _numbers(there), listed, strict=True)))


def _plain(entry: Any) -> Token | None:
    """A token with nothing about it that has to be looked at closely; else None."""
    if type(entry) is not dict or entry.get("top_logprobs"):
        return None
    text, logprob = entry.get("token"), entry.get("logprob")
    if type(text) is not str or type(logprob) is not float or not LEAST_LOGPROB <= logprob <= 0.0:
        return None
    return None if not text or SIGN.search(text) else Token(text, logprob or 0.0)


def _listed(top: Any) -> tuple[tuple[str, float], ...]:
    """The alternatives to a token, as a list of entries or by their texts."""
    if isinstance(top, dict):
        return tuple([(str(text), _number(value)) for text, value in top.items()])
    others = [one for one in top if isinstance(one, dict) and "token" in one] if isinstance(top, list) else []
    return tuple(zip(_texts(others), _numbers(others), strict=True))


def _texts(entries: list[dict[str, Any]]) -> list[str]:
    """The texts of tokens; one look tells of all of them that they are texts, as they are in nearly all answers."""
    texts = [*map(str, map(TEXT, entries))]
    if all(texts) and not SIGN.search("".join(texts)):
        return texts
    return [_text(text, entry.get("bytes")) for text, entry in zip(texts, entries, strict=True)]


def _text(text: str, octets: Any) -> str:
    r"""The token's text, from its bytes where it is none: parts of a letter as ``\xe2\x82``.

    >>> _text("token_id:19", [52]), _text("\ufffd", [226, 130])
    ('4', '\\xe2\\x82')
    """
    if not octets or not UNREADABLE.search(text):
        return text
    try:
        return bytes(octets).decode(errors="backslashreplace")
    except (TypeError, ValueError):
        return text


def _numbers(entries: list[dict[str, Any]]) -> list[float]:
    values = [*map(LOGPROB, entries)]
    if set(map(type, values)) == {float} and min(values) >= LEAST_LOGPROB and max(values) <= 0.0:
        return [value or 0.0 for value in values]  # as of most answers; zero has no sign
    return [_number(value) for value in values]


def _number(stated: Any) -> float:
    """Null is how some servers write minus infinity; rounding can lift a certainty above zero."""
    if stated is None:
        return LEAST_LOGPROB
    try:
        value = float(stated)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    if value > ROUNDING:
        return value if math.isfinite(value) else math.nan
    return value if math.isnan(value) else min(0.0, max(LEAST_LOGPROB, value))


def entries_of(tokens: Iterable[Token], top: int) -> list[dict[str, Any]]:
    """The log-probabilities as a list, each with so many alternatives at the most; null is what is not a number.

    >>> entries_of([Token("4", -0.5, (("4", -0.5), ("5", -2.0)))], top=1)[0]["top_logprobs"]
    [{'token': '4', 'logprob': -0.5, 'bytes': [52]}]
    """
    return [
        _entry(token.text, token.logprob) | {"top_logprobs": [_entry(*pair) for pair in token.top[:top]]}
        for token in tokens
    ]


def _entry(text: str, logprob: float) -> dict[str, Any]:
    octets = text.encode(errors="replace")
    if b"\\x" in octets:
        octets = _octets(octets)
    return {"token": text, "logprob": None if math.isnan(logprob) else logprob, "bytes": list(octets)}


def _octets(written: bytes) -> bytes:
    r"""The bytes that a part of a letter stands for; a text that is whole as it stands is that text.

    >>> _octets(rb"\xe2\x82"), _octets(rb"\x41")
    (b'\xe2\x82', b'\\x41')
    """
    made = OCTET.sub(lambda found: bytes([int(found[1], 16)]), written)
    try:
        made.decode()
    except UnicodeDecodeError:
        return made
    return written
