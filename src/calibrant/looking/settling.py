"""What is in the way of reading a log, and which options settle it: each is tried on the first rows before it is named.

A refusal names the options that settle it, and values tell which columns may be meant. Nothing is chosen here: where
several ways of reading work, a person is shown what the log would say under each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..errors import CalibrantError, ColumnNotFound
from ..logs.doubts import tells_the_verdict
from ..logs.sources import Source
from ..logs.spellings import pair_in
from ..logs.tallies import Log, read_log
from ..logs.verdicts import Verdicts
from ..plugins import names
from ..tally import Tally, merged
from .asked import Asked
from .sampled import ColumnSeen

__all__ = ["OPTION", "Settled", "Way", "likely", "settled", "unquoted"]

MOST_TRIES = 14
MOST_WAYS = 5
DEEPEST = 3
"""Options that are added to one another."""

OPTION = re.compile(
    r"--(confidence|correct|scale|right|partly|wrong|by|cluster)[ =]"
    r"('(?:[^']|'\\'')*'|\"[^\"]*\"|[^\s;,()]+(?:,[^\s;,()]+)*)"
)
"""An option that a refusal names, and its value."""
SCALED = re.compile(r" --scale ([\w-]+)")
PLACEHOLDERS = {"COLUMN", "WORDS", "RIGHT", "WRONG", "ANSWER == GOLD"}
WORDS = ("right", "partly", "wrong")

SURE = re.compile(
    r"conf|prob|certain|sure|belief|likel|score|logit|entropy|perplex|uncertain|calib|^p$|^p_|_p$|self|expect|estimate"
)
RIGHT = re.compile(
    r"correct|right|verdict|grade|pass|success|accept|acc|match|label|judg|valid|good|outcome|ok|win|solved|result|fact"
)
SAID = re.compile(r"answer|pred|output|response|choice|reply|completion|said|model_")
GOLD = re.compile(r"gold|truth|target|reference|expected|key|label|correct|right|solution|true")
NOT_SURE = re.compile(
    r"(?:^|_)(?:id|ids|index|idx|cost|price|latency|time|seconds|tokens|count|length|len|n|step|seed|epoch|year)(?:$|_)"
)
"""Names of numbers that say nothing of how sure an answer is."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """Options with which the first rows can be read, beside those that a person gave, and what they then say."""

    options: Mapping[str, str]
    log: Log

    @property
    def tally(self) -> Tally:
        """All its groups together."""
        return merged(list(self.log.groups.values()))

    def asked(self, asked: Asked) -> Asked:
        """What a person asked for, with these options."""
        named = {name: value for name, value in self.options.items() if name != "by"}
        return asked.also([one for one in [self.options.get("by")] if one], **named)


@dataclass(frozen=True, kw_only=True)
class Settled:
    """The log as it is read; or why it is refused, and the ways that work."""

    log: Log | None = None
    refusal: CalibrantError | None = None
    ways: tuple[Way, ...] = ()


def settled(head: Source, asked: Asked, columns: Mapping[str, ColumnSeen]) -> Settled:
    """Read the first rows as asked; where that is refused, look for the options with which they can be read."""
    read = _read(head, asked, {})
    if isinstance(read, Log):
        return Settled(log=read)
    waiting: list[tuple[dict[str, str], CalibrantError]] = [({}, read)]
    ways, tries, seen = list[Way](), 0, set[tuple[tuple[str, str], ...]]()
    while waiting and tries < MOST_TRIES and len(ways) < MOST_WAYS:
        options, error = waiting.pop(0)
        for more in _suggested(error, head, columns, {**asked.named, **options}):
            further = {**options, **more}
            if (mark := tuple(sorted(further.items()))) in seen or tries >= MOST_TRIES:
                continue
            seen.add(mark)
            tries += 1
            found = _read(head, asked, further)
            if isinstance(found, Log) and any(map(tells_the_verdict, found.groups.values())):
                continue  # a grader's score, no confidence
            if isinstance(found, Log):
                ways.append(Way(options=further, log=found))
            elif len(further) < DEEPEST + sum(word in further for word in WORDS):
                waiting.append((further, found))
    return Settled(refusal=read, ways=tuple(ways[:MOST_WAYS]))


def _read(head: Source, asked: Asked, options: Mapping[str, str]) -> Log | CalibrantError:
    named = {**asked.named, **options}
    by = [*asked.by, *([named.pop("by")] if named.get("by") else [])]
    named = {name: value for name, value in named.items() if name not in ("labels", "on", "by")}
    try:
        return read_log(head, by=by, **named)
    except CalibrantError as error:
        return error


def _suggested(
    error: CalibrantError, head: Source, columns: Mapping[str, ColumnSeen], named: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    """Options that may settle it: those that the refusal names, and columns whose values may play the missing part."""
    words: dict[str, str] = {}
    text, beside = str(error), 0
    for found in OPTION.finditer(text):
        name, value = found[1], unquoted(found[2])
        if found.start() < beside:
            continue
        if value in PLACEHOLDERS or not _possible(name, value, head):
            continue
        if name in WORDS and name in words:  # another reading begins
            yield words
            words = {name: value}
        elif name in WORDS:
            words[name] = value
        elif name == "confidence" and (scale := SCALED.match(text, found.end())):
            beside = scale.end()
            yield {name: value, "scale": scale[1]}
        else:
            yield {name: value}
    if words:
        yield words
    role = error.role if isinstance(error, ColumnNotFound) else _lacking(error)
    if role in ("confidence", "correct"):
        for name in likely(role, head, columns, named)[:3]:
            yield {role: name}


def _lacking(error: CalibrantError) -> str:
    """The part that the log's format knows to have no column."""
    found = re.search(r"no column for (\w+)", str(error))
    return found[1] if found else ""


def unquoted(text: str) -> str:
    """The value of an option as a shell would have it.

    >>> unquoted("'a == b'"), unquoted("acc.")
    ('a == b', 'acc')
    """
    return (
        text[1:-1].replace("'\\''", "'") if text[:1] in "'\"" and text[-1:] == text[:1] else text.rstrip(".")
    )


def _possible(name: str, value: str, head: Source) -> bool:
    if name in ("confidence", "correct", "by", "cluster"):
        both = pair_in(value)
        if " where " in value and value not in head.columns:  # a probability where a prediction is a class
            return value.partition(" where ")[0] in head.columns
        return value in head.columns or (both is not None and all(one in head.columns for one in both))
    return True


def likely(role: str, head: Source, columns: Mapping[str, ColumnSeen], named: Mapping[str, Any]) -> list[str]:
    """The columns whose values may be confidences, or verdicts; those of a telling name first."""
    taken = {value for name, value in named.items() if name in ("confidence", "correct", "weight", "cluster")}
    free = [one for one in columns.values() if one.name not in taken and one.part in ("", role)]
    if role == "confidence":
        named_so = [one.name for one in free if _sure(one) and SURE.search(one.name.lower())]
        signals = [one.name for one in free if _sure(one) and one.name in names("signals")]
        rest = [one.name for one in free if _sure(one) and _fractions(one)]
        return list(dict.fromkeys([*named_so, *signals, *rest]))
    judged = [one.name for one in free if _judges(one, head)]
    judged.sort(key=lambda name: not RIGHT.search(name.lower()))
    return list(dict.fromkeys([*judged, *_pairs(free, head)]))


def _sure(one: ColumnSeen) -> bool:
    if (
        one.kind not in ("numbers", "whole numbers")
        or one.different < 3
        or one.high is None
        or one.low is None
    ):
        return False
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", one.name).lower()
    return not NOT_SURE.search(plain) and one.high <= 100 and one.high > one.low


def _fractions(one: ColumnSeen) -> bool:
    return (
        one.kind == "numbers"
        and one.low is not None
        and one.high is not None
        and one.low >= 0
        and one.high <= 1
    )


def _judges(one: ColumnSeen, head: Source) -> bool:
    """Whether all of a few different values are verdicts, and both sides are there."""
    if not 2 <= one.different <= 6 or one.kind in ("objects or lists", "empty"):
        return False
    grades = Verdicts()(head.first(one.name)).values
    known = grades[np.isfinite(grades)]
    return 10 * len(known) >= 9 * (len(grades) - one.missing) > 0 and bool(known.min() < 0.5 < known.max())


def _pairs(free: list[ColumnSeen], head: Source) -> list[str]:
    """Comparisons of what was said with what is right, of columns that share values."""
    said = [one for one in free if SAID.search(one.name.lower()) and one.different > 1]
    gold = [one for one in free if GOLD.search(one.name.lower()) and one.different > 1]
    found = []
    for mine, right in list(product(said, gold))[:12]:
        kinds = (mine.kind, right.kind)
        if mine.name == right.name or "objects or lists" in kinds or "empty" in kinds:
            continue
        a, b = (set(map(str, head.first(one.name).tolist())) for one in (mine, right))
        if 5 * len(a & b) >= min(len(a), len(b)):
            found.append(f"{mine.name} == {right.name}")
    return found
