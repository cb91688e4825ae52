"""Which tokens of a model say how sure it is, or which option it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dialogue.scales import SCALES, TokenScale
from ..errors import Misuse, UnusableInput

__all__ = ["chosen_scale", "single_tokens"]


def single_tokens(tokenizer: Any, words: Sequence[str], after: str) -> list[int]:
    """The token of each word, as it comes right behind a text.

    Each must be one token there, read back as the word, and no two may share one. `tokenizer.encode(word)[0]` is no
    substitute: where digits are tokens of their own it gives "12" the token of "1".

    Raises `UnusableInput`, which names the words that are no single token.
    """
    before = tokenizer.encode(after, add_special_tokens=False)
    found, broken = list[int](), list[str]()
    for word in words:
        ids = tokenizer.encode(after + word, add_special_tokens=False)
        alone = len(ids) == len(before) + 1 and ids[:-1] == before
        if not alone or tokenizer.decode(ids[-1:]).strip() != word:
            broken.append(word)
            continue
        found.append(ids[-1])
    if broken or len(set(found)) < len(words):
        some = ", ".join(map(repr, broken[:5])) or "two that share one"
        raise UnusableInput(
            f"Expected words that are one token each for this tokenizer, {len(words)} different ones; not so: {some}."
        )
    return found


def chosen_scale(tokenizer: Any, after: str, name: str | None = None) -> tuple[TokenScale, list[int]]:
    """The finest set of confidence tokens that a tokenizer has, or the one that is named, and its tokens.

    Whole numbers to 100 where each is one token, else digits, else words. Raises `Misuse` for an unknown name,
    `UnusableInput` where the tokenizer has none, or not the one that is named.
    """
    if name is not None and name not in SCALES:
        raise Misuse(f"Expected --scale among {', '.join(SCALES)}; got {name!r}.")
    for scale in SCALES.values() if name is None else (SCALES[name],):
        try:
            return scale, single_tokens(tokenizer, scale.words, after)
        except UnusableInput:
            if name is not None:
                raise
    raise UnusableInput(
        f"The tokenizer has none of these as single tokens: {', '.join(SCALES)}. Take another model."
    )
