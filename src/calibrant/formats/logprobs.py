"""Tokens with their log-probabilities, as the chat and Responses formats write them, both ways. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..types import Token

__all__ = ["entries_of", "tokens_from"]

LEAST_LOGPROB = -9999.0
"""Stands for a log-probability of minus infinity, which JSON cannot carry; servers use the same number."""


def tokens_from(entries: Iterable[Any] | None) -> tuple[Token, ...]:
    """The tokens in a list of log-probabilities, or in none.

    >>> tokens_from([{"token": "4", "logprob": None}])
    (Token(text='4', logprob=-9999.0, top=()),)
    """
    return tuple(
        [
            Token(*_weighed(entry), tuple([_weighed(other) for other in entry.get("top_logprobs") or ()]))
            for entry in entries or ()
        ]
    )


def _weighed(entry: Any) -> tuple[str, float]:
    """Null is how some servers write minus infinity; rounding can lift a certainty above zero."""
    stated = entry.get("logprob")
    logprob = LEAST_LOGPROB if stated is None else min(0.0, max(LEAST_LOGPROB, float(stated)))
    return str(entry["token"]), logprob


def entries_of(tokens: Iterable[Token], top: int) -> list[dict[str, Any]]:
    """The log-probabilities as a list, each with so many alternatives at the most.

    >>> entries_of([Token("4", -0.5, (("4", -0.5), ("5", -2.0)))], top=1)[0]["top_logprobs"]
    [{'token': '4', 'logprob': -0.5, 'bytes': [52]}]
    """
    return [
        _entry(token.text, token.logprob) | {"top_logprobs": [_entry(*pair) for pair in token.top[:top]]}
        for token in tokens
    ]


def _entry(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(text.encode(errors="replace"))}
