"""Whether a reply lists the same things as a reference, in whatever order and form."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .doubted import doubts
from .plain import normalise
from .statements import RIGHT, WRONG, Found

__all__ = ["graded_list", "items_of"]

BULLET = re.compile(r"^\s*(?:[-*•·–]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+", re.M)
PARTED = re.compile(r"\s*(?:[,;、，\n]|\s(?:and|&|und|et|y|e|en|och)\s)+\s*", re.I)
LEAD = re.compile(r"^.*?(?:\b(?:are|is|were|sind|sont|son|sono|são)\b|:)\s*", re.I | re.S)
IN_ORDER = re.compile(
    r"\b(?:order(?:ed)?|sequence|rank\w*|sort\w*|chronolog\w*|steps?|from\s+\w+\s+to|first\s+to\s+last|reihenfolge)\b",
    re.I,
)
"""A question to which the order matters."""
SEVERAL = re.compile(
    r"\b(?:are|were|both|name|list|give|enumerate|who|whom|whose|two|three|four|five|six|seven|eight|nine|ten|\d+|all|these"
    r"|(?:which|what)\s+(?:\w+\s+)?(?!(?:is|was|does|has|this)\b)\w+s|welche|nenne\w*|quel(?:le)?s|cit\w+|nomme\w*|cuáles|nombr\w+"
    r"|quali|sind|sont|son|sono)\b|[^\W\d_]*[\u3040-\u30ff\u3400-\u9fff]",
    re.I,
)
"""A question to which there are several answers; else the order may be part of a name, as of War and Peace."""
OTHERS = re.compile(r"\b(?:\w+n['’]t|not|no|other|others|never|none)\b", re.I)
WORDS = 4
"""Words that an item of a list has at most."""


def items_of(text: str) -> list[str]:
    """The items that a text lists and says nothing beside, normalised; none where it lists nothing.

    >>> items_of("1. Red\\n2. Green"), items_of("They are red, green and blue."), items_of("Paris")
    (['red', 'green'], ['red', 'green', 'blue'], [])
    """
    bare = re.sub(r"\s*\([^()]*\)", "", text)
    if len(BULLET.findall(bare)) > 1:
        parts = [part.strip() for part in BULLET.split(bare)[1:]]
        parts = [part.partition("\n")[0] for part in parts]
    else:
        parts = PARTED.split(bare.strip().rstrip("."))
        if len(parts) > 1:
            parts[0] = LEAD.sub("", parts[0])
    items = [normalise(part) for part in parts if part.strip()]
    fine = len(items) > 1 and all(items) and all(len(item.split()) <= WORDS for item in items)
    return items if fine and len(set(items)) == len(items) else []


def graded_list(said: str, references: Sequence[str], asked: str) -> Found | None:
    """The grade of a reply whose reference is a list; None where this does not tell.

    Right are the same items, in another order too if the question asks for several and for no order; wrong are some of
    three or more.

    >>> [graded_list(said, ["red, green, blue"], "").grade for said in ("- blue\\n- green\\n- red", "red and green")]
    [1.0, 0.0]
    """
    lists = [items_of(one) for one in references]
    if not any(lists):
        return None
    given = items_of(said)
    for one, wanted in zip(references, lists, strict=True):
        if given and set(given) == set(wanted) and (doubts(said) or OTHERS.search(said)) and said != one:
            return None if one in said else Found(None, "it may list what is not asked for")
        if given and set(given) == set(wanted):
            free = not asked.strip() or SEVERAL.search(asked) is not None
            ordered = given != wanted and (IN_ORDER.search(asked) is not None or not free)
            return Found(None, "it lists the same in another order") if ordered else RIGHT
        if wanted and set(given) > set(wanted):
            return Found(None, "it lists more than the reference")
        if len(references) == 1 and len(wanted) > 2:
            return _some(said, given, wanted)
    return None


def _some(said: str, given: Sequence[str], wanted: Sequence[str]) -> Found | None:
    """The grade of a reply that does not list the same as a list of three or more; None where it names all or none."""
    if given and set(given) < set(wanted):
        return WRONG
    named = f" {normalise(said)} "
    there = sum(f" {one} " in named for one in wanted)
    return Found(None, "it names some of what the reference lists") if 0 < there < len(wanted) else None
