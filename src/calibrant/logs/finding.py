"""Columns that are called nearly as is usual: found by their spelling where one alone is, and never chosen among two.

`Confidence (%)`, `modelConfidence` and `llm_confidence` are all a confidence; `incorrect` is none of what it ends in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from shlex import quote
from typing import Any

import numpy as np

from ..errors import UnusableInput
from ..maps.units import SCALES
from .keys import distinct
from .numerals import Doubt, Seen, settled
from .roles import CONVENTIONS, VAGUE
from .sources import Source
from .spellings import FURTHER, pair_in, says_wrong, spelling
from .values import numbers
from .verdicts import Verdicts
from .vocabulary import Named, spelt

__all__ = ["candidates", "found_by_spelling", "require_sense"]

BEFORE: Mapping[str, str] = {
    "confidence": r"(?:(?:model|llm|ai|assistant|answer|response|self|reported|stated|verbal|verbalized|verbalised|"
    r"predicted|pred|final|raw|logprob)_)+",
    "correct": r"(?:(?:is|was|model|llm|ai|answer|response|human|judge|final|label)_)+",
}
BEHIND: Mapping[str, str] = {
    "confidence": r"(?:_(?:pct|percent|percentage|score|level|value|raw|rating|estimate|0_1|0_10|0_100|1_5|1_10))+",
    "correct": r"(?:_(?:flag|value|bool|verdict|binary))+",
}
ASIDE_NUMBERS = re.compile(
    r"(?:^|_)(?:id|ids|index|idx|cost|price|latency|time|seconds|tokens|count|length|len|n|step|seed|epoch|year|run|column)"
    r"(?:$|_)"
)
"""Names of numbers that say nothing of how sure an answer is."""
SHOWN = 3


def found_by_spelling(
    source: Source, named: Mapping[str, Any], needed: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """What was named, with the columns told by their spelling for parts that nobody named; and what is to be said.

    A usual name goes before all spellings, but for those that say too little (`score`, `label`). Raises `UnusableInput`
    where the spellings of several columns may be meant.
    """
    told, notes = dict(named), list[str]()
    if source.beside or any(told.get(role) is None for role in source.choices if role in needed):
        return told, notes  # the format knows more
    lower = {name.lower() for name in source.columns}
    for role in ("confidence", "correct"):
        plain = [name for name in CONVENTIONS[role] if name not in VAGUE]
        by_format = {*source.roles, *source.choices, *source.lacking}
        if role not in needed or told.get(role) is not None or role in by_format or lower & set(plain):
            continue
        several = _spelt_so(source, role, plain, [one for one in told.values() if isinstance(one, str)])
        if len(several) > 1:
            raise UnusableInput(
                f"{source.name} has several columns for {role}: {', '.join(several)}. Choose one: "
                f"{' or '.join(f'--{role} {quote(name)}' for name in several[:SHOWN])}."
            )
        if several:
            told[role] = several[0]
            as_what = "the verdict" if role == "correct" else "the confidence"
            notes.append(f"The column {several[0]!r} was read as {as_what}, found by its spelling.")
    return told, notes


def _spelt_so(source: Source, role: str, plain: Sequence[str], taken: Collection[Any]) -> list[str]:
    """The columns called as `plain`, but for what may stand before and behind; the shortest way to say so first."""
    wanted = {spelling(name) for name in (*plain, *FURTHER[role])} - {"p", "prob", "right"}
    short = {"right"} if role == "correct" else {"prob"}
    found = []
    for name in source.columns:
        if name in taken or name in source.inside or says_wrong(name):
            continue
        for way in dict.fromkeys((spelling(name), spelling(name.rpartition(".")[2]))):
            bare = re.sub(f"^{BEFORE[role]}|{BEHIND[role]}$", "", way)
            if {way, bare} & wanted or way in short:
                found.append(name)
                break
    return found


def require_sense(source: Source, column: str, words: Named) -> None:
    """Raise `UnusableInput` where a column of verdicts is called after what is wrong, holding yes and no or numbers."""
    if (
        not column
        or words
        or pair_in(column)
        or source.roles.get("correct") == column
        or not says_wrong(column)
    ):
        return
    held = sorted({spelt(value) for value in distinct(source.first(column)) if value is not None})
    if not held:
        return
    if set(held) <= _YES | _NO:
        raise UnusableInput(
            f"The column {column!r} of {source.name} is called after what is wrong, and holds {', '.join(held)}: "
            f"is a {_shown(held, _YES)} in it a wrong answer? Then say so: {inverted(column, held)}. Else: "
            f"{inverted(column, held, wrong=False)}."
        )
    if all(re.fullmatch(r"-?[\d.e+-]+", one) for one in held):
        raise UnusableInput(
            f"The column {column!r} of {source.name} is called after what is wrong, and holds numbers: is a higher one "
            "worse? Then write 1 less it into a column of its own, and name that with --correct; or say which numbers "
            f"are right: --correct {quote(column)} --right 0 --wrong 1."
        )


_YES, _NO = {"true", "yes", "1", "y", "t"}, {"false", "no", "0", "n", "f"}


def _shown(held: Collection[str], side: Collection[str]) -> str:
    return next((one for one in held if one in side), "true")


def inverted(column: str, held: Collection[str], *, wrong: bool = True) -> str:
    """The options that read a column of yes and no, where yes is wrong."""
    yes, no = sorted(set(held) & _YES) or ["true"], sorted(set(held) & _NO) or ["false"]
    right, bad = (no, yes) if wrong else (yes, no)
    return f"--correct {quote(column)} --right {','.join(right)} --wrong {','.join(bad)}"


def candidates(source: Source, role: str, taken: Collection[str | None]) -> list[str]:
    """Options that name columns whose first values may play a part, those of telling names first.

    >>> from .sources import rows_source
    >>> rows = [{"n": 1, "sure": 0.2 * i, "wrong": i % 2} for i in range(4)]
    >>> log = rows_source("log", ["n", "sure", "wrong"], lambda: rows)
    >>> candidates(log, "confidence", []), candidates(log, "correct", [])
    (['--confidence sure'], ['--correct wrong --right 0 --wrong 1'])
    """
    free = [name for name in source.columns if name not in taken and not pair_in(name)]
    if role == "confidence":
        fitting = [name for name in free if _sure(source, name)]
        fitting.sort(key=lambda name: not re.search(r"conf|prob|cert|sure|score|log", name.lower()))
        return [f"--confidence {quote(name)}{_scaled(source, name)}" for name in fitting[:SHOWN]]
    judged = [name for name in free if _judges(source, name)]
    judged.sort(
        key=lambda name: not re.search(r"corr|right|pass|judg|grad|acc|match|verd|eval", name.lower())
    )
    return [
        inverted(name, [spelt(v) for v in distinct(source.first(name)) if v is not None])
        if says_wrong(name)
        else f"--correct {quote(name)}"
        for name in judged[:SHOWN]
    ]


def _sure(source: Source, name: str) -> bool:
    """Whether a column holds numbers up to 100 of more than two kinds, and is not called after something else."""
    if ASIDE_NUMBERS.search(spelling(name)) or (values := source.first(name)).dtype.kind == "b":
        return False
    found = numbers(values).values
    found = found[np.isfinite(found)]
    return 10 * len(found) >= 5 * len(values) > 0 and len(np.unique(found)) > 2 and bool(found.max() <= 100)


def _scaled(source: Source, name: str) -> str:
    """The option that a column needs beside its name, as one whose higher numbers are less sure does."""
    seen = Seen()
    seen.add(numbers(source.first(name)).values)
    told = settled(seen, name)
    if not isinstance(told, Doubt):
        return ""
    ends = np.array([seen.least, seen.most])
    fits = [one for one in told.options if not SCALES[one].outside(ends).any()]
    return f" --scale {fits[0]}" if fits else ""


def _judges(source: Source, name: str) -> bool:
    """Whether a column holds a few values that are verdicts, with both sides there."""
    values = source.first(name)
    if not 2 <= len(distinct(values)) <= 6:
        return False
    grades = Verdicts()(values).values
    known = grades[np.isfinite(grades)]
    plain = set(known.tolist()) <= {0.0, 0.5, 1.0}
    return plain and 10 * len(known) >= 9 * len(values) > 0 and bool(known.min() < 0.5 < known.max())
