"""Passages beside a question, and which of them have to do with a text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ..answers.plain import words_of
from ..types import Question

__all__ = ["LONGEST", "passages_of", "pieces", "ranked"]

LONGEST = 800
"""Characters of a passage; longer text is parted between its sentences."""

K1, B = 1.2, 0.75
"""Saturation of a repeated word and weight of the length, as Robertson and Zaragoza (2009) state for BM25."""
STEM = 6
"""Letters of a word that count, so that its endings do not."""
ENDS = re.compile(r"(?<=[.!?。！？])\s+")
EMPTY = frozenset(
    words_of(
        "is are was were be been of in on at to for from by with and or not no do does did has have had it its this "
        "that these those he she they we you as than then so but if what which who whom whose when where why how there "
        "can could will would may might should must yes der die das ist sind und oder le la les est sont et ou el los"
    )
)
"""Words that two texts share without having to do with each other."""


def passages_of(question: Question) -> tuple[str, ...]:
    """The texts to set an answer against: of `metadata["context"]` and then `metadata["documents"]`, in pieces.

    Each is a text or a list of texts. Paragraphs are kept whole up to `LONGEST` characters, then parted between
    sentences. What is no text is passed over.

    >>> context = ["It was Ada.", "", "In 1843.\\n\\nIn London."]
    >>> passages_of(Question(id="q", messages=(), metadata={"context": context}))
    ('It was Ada.', 'In 1843.', 'In London.')
    """
    return tuple(dict.fromkeys(_texts(question.metadata)))


def _texts(metadata: Mapping[str, object]) -> Iterator[str]:
    for name in ("context", "documents"):
        listed = metadata.get(name) or ()
        for text in (
            (listed,) if isinstance(listed, str) else listed if isinstance(listed, list | tuple) else ()
        ):
            if isinstance(text, str):
                yield from pieces(text)


def pieces(text: str) -> Iterator[str]:
    """The paragraphs of a text, those that are longer than `LONGEST` parted between sentences or, at last, words.

    >>> [len(piece) for piece in pieces("A short one.\\n\\n" + "Ten words. " * 100)]
    [12, 791, 307]
    """
    for paragraph in re.split(r"\n\s*\n", text):
        kept = ""
        for sentence in ENDS.split(" ".join(paragraph.split())):
            for part in _short(sentence):
                if kept and len(kept) + 1 + len(part) > LONGEST:
                    yield kept
                    kept = ""
                kept = f"{kept} {part}" if kept else part
        if kept:
            yield kept


def _short(sentence: str) -> Iterator[str]:
    while len(sentence) > LONGEST:
        at = sentence.rfind(" ", 1, LONGEST + 1)
        at = LONGEST if at < 0 else at
        yield sentence[:at]
        sentence = sentence[at:].lstrip()
    if sentence:
        yield sentence


def ranked(text: str, passages: Sequence[str]) -> list[int]:
    """Indices of the passages that share a word with the text, the best first (BM25 among these passages).

    Words count by their first six letters, and those that say nothing ("the", "of") do not count. Words only: what
    says the same in other words, or in another language, is not found.

    >>> ranked("Who founded Canberra?", ["Koalas sleep.", "Sydney is larger than Canberra.", "Canberra: founded 1913."])
    [2, 1]
    """
    counts = [Counter(_words(passage)) for passage in passages]
    mean = sum(count.total() for count in counts) / max(1, len(counts)) or 1.0
    weight = {
        word: math.log(1 + (len(counts) - n + 0.5) / (n + 0.5))
        for word in set(_words(text))
        if (n := sum(word in count for count in counts))
    }

    def score(count: Counter[str]) -> float:
        long = K1 * (1 - B + B * count.total() / mean)
        return sum(w * count[word] * (K1 + 1) / (count[word] + long) for word, w in weight.items())

    scores = [score(count) for count in counts]
    return sorted((i for i, one in enumerate(scores) if one > 0), key=lambda i: (-scores[i], i))


def _words(text: str) -> list[str]:
    return [word[:STEM] for word in words_of(text) if word not in EMPTY]
