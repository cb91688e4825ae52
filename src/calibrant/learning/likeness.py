"""Which questions are one another's likeness: what is on one side of a split must not come back on the other."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

__all__ = ["families", "side_of"]

ALIKE = 0.8
"""Share of words in common (Jaccard, of words with their number) from which two questions are near-identical."""

_WORD = re.compile(r"\w+")


def families(
    texts: Mapping[str, str], tied: Iterable[tuple[str, str]] = (), alike: float = ALIKE
) -> dict[str, str]:
    """Of each item, by its id and the text of its question, the family that it belongs to: the least id of it.

    Items are of one family whose texts are the same but for case, accents, punctuation, spaces and the order of words,
    or share `alike` of their words, four fifths, and those that are `tied`; so are items that a third one is like. All
    pairs are found, by the rarest words of each (Bayardo et al., "Scaling up all pairs similarity search", 2007).

    >>> found = families({"b": "Where is my parcel?", "a": "where is MY parcel", "c": "Cancel my order."})
    >>> found["b"], found["c"]
    ('a', 'c')
    """
    words = {id: _words(text) for id, text in texts.items()}
    parent = {id: id for id in texts}

    def root(id: str) -> str:
        while parent[id] != id:
            parent[id] = parent[parent[id]]
            id = parent[id]
        return id

    same = defaultdict[frozenset[str], list[str]](list)
    for id, told in words.items():
        if told:
            same[told].append(id)
    for ids in same.values():
        for id in ids[1:]:
            parent[root(id)] = root(ids[0])
    near = [(same[one][0], same[other][0]) for one, other in _alike(list(same), alike)]
    for first, second in (*near, *tied):
        parent[root(first)] = root(second)
    least = dict[str, str]()
    for id in texts:
        least[root(id)] = min(least.get(root(id), id), id)
    return {id: least[root(id)] for id in texts}


def side_of(family: str, share: float, seed: int) -> bool:
    """Whether a family is on the first side, which gets this share of them: by its id and the seed alone.

    >>> 0.7 < sum(side_of(f"q{n}", 0.8, 0) for n in range(1000)) / 1000 < 0.9
    True
    """
    drawn = blake2b(f"{seed}:{family}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) / 2**64 < share


def _words(text: str) -> frozenset[str]:
    """The words of a text, each with how often it had come before."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    seen, told = Counter[str](), set[str]()
    for word in _WORD.findall(plain):
        told.add(f"{word}/{seen[word]}")
        seen[word] += 1
    return frozenset(told)


def _alike(sets: Sequence[frozenset[str]], share: float) -> list[tuple[frozenset[str], frozenset[str]]]:
    """All pairs that share enough: two such have one of their rarest words in common."""
    often = Counter(word for told in sets for word in told)
    index = defaultdict[str, list[frozenset[str]]](list)
    found = []
    for told in sorted(sets, key=lambda one: (len(one), sorted(one))):
        rarest = sorted(told, key=lambda word: (often[word], word))
        near = set[frozenset[str]]()
        for word in rarest[: len(told) - math.ceil(share * len(told)) + 1]:
            near.update(one for one in index[word] if len(one) >= share * len(told))
            index[word].append(told)
        found += [(one, told) for one in near if len(one & told) >= share * len(one | told)]
    return found
