"""What replies state of themselves: an answer with its confidence, and distributions. Nothing is guessed at."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from ..types import Score, score
from .amounts import AMOUNT, amount, parse_probability, tidy

__all__ = ["is_none_of_above", "parse_claim", "parse_confidence", "parse_distribution"]

SURE = (
    r"(?:confidence|certainty|probability|likelihood|chance|konfidenz|sicherheit|wahrscheinlichkeit|confiance|"
    r"certitude|probabilité|confianza|certeza|probabilidad|confiança|probabilidade|置信度|可能性|信心)"
)
"""What a confidence is called; a question is often not put in English, and then neither is its answer."""
LABEL = rf"(?:the |my |your |overall )*{SURE}(?: (?:level|score|rating))?"
MARKS = r"[ \t*_#>|-]*"
CONFIDENCE = re.compile(
    rf"(?:^{MARKS}|[\s,;.|(]){LABEL}(?:[ \t]?\((?P<within>[^()\n]{{0,24}})\))?[ \t*_]*"
    r"(?:[:=：]|[ \t]is[ \t](?=.*%))[\s*_]*(?P<said>.*)$",
    re.I | re.M,
)
ANSWER = re.compile(
    rf"^{MARKS}(?:(?:the |my )?(?:final |best )?(?:answer|guess)|antwort|réponse|respuesta|resposta|答案|回答)"
    rf"[ \t*_]*[:=：][\s*_]*(?!{LABEL}\b)(.*)$",
    re.I | re.M,
)
ECHO = re.compile(r"(?:the )?(?:answer|guess|option)(?: alone)?|\.{3}|…", re.I)
"""What stands where an instruction is repeated instead of followed."""
AROUND = " \t\r*_`"
"""Emphasis around what a line states."""
BETWEEN = ":;,(=|：，；（–—-"
"""What may stand between a candidate and its percentage."""

STATED = re.compile(
    rf"(?P<stated>{AMOUNT})"
    r"(?:[ \t]+(?:probability|confidence|likelihood|certainty|chance|likely|sure|certain|confident)){0,2}",
    re.I,
)
AFTER = re.compile(r"[)）*_;,.:| \t]{0,6}$")
WHY = re.compile(r"[)）*_ \t]{0,4}(?:[-–—:;,(（]|\b(?:because|since|as|due)\b)[^%]*$", re.I)
"""A reason behind the percentage of a line: "Paris: 60% - the capital"."""
BULLET = re.compile(r"(?:[-*•|]|\d{1,2}[.)])[ \t]*(?=\D)")
NEXT = re.compile(r"(?<=%)\)?\s*[;,]\s+")
"""What stands between one percentage and the next candidate on its line: "Paris: 60%, Lyon: 20%"."""
OPTION = re.compile(r"\(?[A-Z][).:]+\s*")
NO_ROW = re.compile(r"^(?:and|or|but|then|plus)\b|[;:]|,\s*(?:\(?[A-Z]\b|none\b)", re.I)
"""What no candidate of such a line has, behind the letter of an option: "and Nice", "Guesses: Paris", "Lyon, C"."""

BRACES = 200
"""Places at which a reply may begin to be JSON."""
LONGEST = 400
"""Characters of a line that can name a candidate."""

NUMBERED = re.compile(
    r"[*_]*(?:g\d{1,2}|(?:guess|answer|candidate|option|choice)(?:\s*#?\d{1,2})?)[*_]*\s*[:.)=][*_]*\s+", re.I
)
"""What may stand before a candidate: "G1: ", "Guess 1: "."""
APART = re.compile(rf"(?P<name>.*[^\s*_])[\s*_]*[{BETWEEN}][\s*_]*{LABEL}", re.I | re.S)
SAID = re.compile(
    rf"(?P<name>[^.]*[^\W\d_)\"”’'][)\"”’']*)[.,;]\s+(?:and\s+)?{LABEL}"
    r"(?:\s+(?:that|of)\s+(?:this|it|that)(?:\s+answer)?\s+(?:is|being)\s+(?:correct|right|true))?\s+(?:is|of)",
    re.I,
)
"""A sentence that answers, and the head of one that states the share: "It is Paris. The probability is 60%"."""
ENDED = re.compile(r"(?P<name>[^.]*[^\W\d_)\"”’'][)\"”’']*)[.]")
"""A sentence whose share stands alone behind it: "It is Paris. 60%"."""
AGAIN = re.compile(r"(?P<name>[^:]+?)\s*:\s*(?P=name)", re.I)
"""A candidate that labels itself: "Paris: Paris"."""
AHEAD = re.compile(
    rf"(?P<stated>{AMOUNT})[ \t*_]*[:–-]?[ \t*_]+(?P<name>(?-i:[^\W\d_a-zß-ÿ]|[.\"“(])[^%:\n]*)", re.I
)
"""A share in front of its candidate: "60% Paris"."""
HEAD = re.compile(r"(?P<head>[^:;\n]{2,40}):[ \t]+(?P<why>[^:]{2,})")
"""An answer and what explains it: "Camel: Large herbivore"."""
LETTERED = re.compile(r"(?:option |choice |answer )?\(?[A-Z]\)?", re.I)
NO_NAME = re.compile(
    rf"(?:guess|answer|p(?:rob(?:ability)?)?)\s*#?\d{{1,2}}|.*\s{LABEL}|.*[{BETWEEN}]\s*[0-9.]+\s?%.*"
    r"|.*\b(?:guesses|answers|candidates|options|choices):.*",
    re.I | re.S,
)
"""What names no candidate, or not plainly one: "Guess 1", "P1", "Paris confidence", "Paris: 80% Lyon"."""
NO_CANDIDATE = re.compile(
    rf"(?:the |my |overall )*(?:answer(?: is)?|percentage|p\d{{1,2}}|{LABEL}|(?:sum|total)\b.{{0,30}})", re.I
)
"""What stands before a number of its own and names no answer."""
PLAIN = re.compile(rf"(.+?)[ \t*_]*[{BETWEEN}][ \t*_]*(\d{{1,3}}(?:[.,]\d+)?)[)*_]*")
"""A candidate and a number without a unit."""
LABELLED = re.compile(rf"{MARKS}(?:p\d{{1,2}}|{LABEL})[ \t*_]*[:=：][\s*_]*(?P<stated>.*)", re.I)
"""A line that has the confidence of the line above: "Probability: 60%"."""
NONE_OF_ABOVE = re.compile(
    r"(?:\(?[a-z][.):]\s*)?none of (?:(?:the|these) )?"
    r"(?:above|these|those|them|listed|options|answers|candidates|choices)"
    r"(?: (?:options|answers|candidates|choices))?",
    re.I,
)
CANDIDATE_KEYS = ("candidate", "answer", "guess", "option", "choice", "name")
SHARE_KEYS = ("confidence", "probability", "likelihood")


def parse_confidence(text: str) -> Score | None:
    """What the last "Confidence: ..." of a reply states; an earlier one never stands in for it.

    Asked for is a number from 0.0 to 1.0, so that it is read as `parse_probability` reads it.

    >>> parse_confidence("Confidence: 20%\\nNo, it is Paris.\\n**Confidence:** 0.9"), parse_confidence("90%")
    (0.9, None)
    >>> parse_confidence("Answer: Paris, confidence: 8/10"), parse_confidence("My confidence is about 30,5 %.")
    (0.8, 0.305)
    """
    every = list(CONFIDENCE.finditer(tidy(text)))
    if not every:
        return None
    stated = parse_probability(every[-1]["said"].strip(AROUND))
    if stated is None and (within := amount(every[-1]["within"] or "")) is not None:
        return score(within)  # "Confidence (80):", as small models write
    return stated


def parse_claim(text: str) -> tuple[str, Score] | None:
    """The answer and the confidence that a reply ends with: "Answer: ..." and "Confidence: ...", on lines or on one.

    Where one of the labels is left out, the answer may stand on the only other line, or the percentage behind it:
    "Answer: Paris (80%)", "Paris - 80%", "Camel: a large herbivore; 30%".

    >>> parse_claim("Let me think.\\nAnswer: Paris\\nConfidence: 80%")
    ('Paris', 0.8)
    >>> parse_claim("Answer: Paris, Confidence: 80%"), parse_claim("Paris (80%)"), parse_claim("Paris\\n80%")
    (('Paris', 0.8), ('Paris', 0.8), ('Paris', 0.8))
    >>> parse_claim("I thought of Lyon.\\nIt may be Paris.\\n80%") is None
    True
    """
    plain = tidy(text)
    answers, sure = list(ANSWER.finditer(plain)), list(CONFIDENCE.finditer(plain))
    if answers and sure:
        before = [one for one in sure if one.start() > answers[-1].start(1)]
        end = min(answers[-1].end(1), before[0].start()) if before else answers[-1].end(1)
        return _claimed(plain[answers[-1].start(1) : end], parse_confidence(plain))
    if sure:
        rest = plain[: sure[-1].start()].strip()
        return _claimed(rest, parse_confidence(plain)) if rest and "\n" not in rest else None
    lines = [
        line for line in plain[answers[-1].start(1) if answers else 0 :].splitlines() if line.strip(AROUND)
    ]
    if len(lines) == 2 and (alone := amount(lines[1])) is not None:
        return _claimed(lines[0], score(alone))
    line = lines[0].strip() if len(lines) == 1 and len(lines[0]) <= LONGEST else ""
    pair = _line(line) or _sentence(line)
    return None if pair is None else _claimed(pair[0], parse_probability(pair[1]))


def is_none_of_above(candidate: str) -> bool:
    """Whether a candidate says that the answer is not among the others.

    >>> is_none_of_above("None of the above."), is_none_of_above("None")
    (True, False)
    """
    return NONE_OF_ABOVE.fullmatch(" ".join(candidate.split()).strip(" .!*\"'")) is not None


def parse_distribution(text: str) -> tuple[tuple[str, float], ...] | None:
    """Candidates with their stated shares, from lines, or from JSON such as {"answers": [{"candidate", "confidence"}]}.

    JSON numbers are percentages, all of them, as soon as one is 2 or more; none of them can be read where the
    largest is between 1 and 2. Shares that sum to more than 1 are scaled down to it; to less, they are left as
    they are. None where a candidate or its share cannot be read, since the others then say too little. A line
    "Probability: 60%" names no candidate; it is the share of the line above where that has none. Numbers without a
    unit are read where all of them together make a whole.

    >>> parse_distribution('{"answers": [{"candidate": "Paris", "confidence": 0.6}]} That is all.')
    (('Paris', 0.6),)
    >>> parse_distribution("Paris: 60%\\nB) Lyon (20%)"), parse_distribution("Probability: 60%")
    ((('Paris', 0.6), ('B) Lyon', 0.2)), None)
    >>> parse_distribution("A: 60%, B: 20%"), parse_distribution("Camel: a large herbivore; 30%")
    ((('A', 0.6), ('B', 0.2)), (('Camel', 0.3),))
    """
    stated = _from_json(text) if "{" in text else _from_lines(tidy(text))
    scale = _scale([value for _, value in stated or ()])
    shares = [(_candidate(name), _share(value, scale)) for name, value in stated or ()]
    read = tuple((name, share) for name, share in shares if name and share is not None)
    if not read or len(read) < len(shares):
        return None
    whole = max(1.0, math.fsum(share for _, share in read))
    return tuple((name, share / whole) for name, share in read)


def _claimed(answer: str, confidence: Score | None) -> tuple[str, Score] | None:
    said = answer.strip(f"{AROUND}\n{BETWEEN}").strip("<>").strip()
    return (said, confidence) if said and confidence is not None and not ECHO.fullmatch(said) else None


def _from_lines(text: str) -> list[tuple[Any, Any]]:
    lines = [line.strip() for line in text.splitlines() if len(line) <= LONGEST]
    stating = [line for line in lines if "%" in line]
    if len(stating) == 1 and (several := _in_a_row(stating[0])):
        return several
    return _whole(lines) or _line_by_line(lines)


def _line_by_line(lines: list[str]) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    above = ""  # the line before, where it states no share itself
    for line in filter(None, lines):
        pair, labelled = _line(line) or _sentence(line), LABELLED.fullmatch(line)
        stated = labelled["stated"] if labelled else line if "%" in line and not above.endswith(":") else ""
        if pair is None and above and (share := amount(stated)) is not None:
            pair = _named(above), f"{share:.6%}"
        above = "" if pair or labelled else line
        found += [pair] if pair else []
    return found


def _whole(lines: list[str]) -> list[tuple[Any, Any]]:
    """Candidates with bare numbers, where each line has one and they sum to 1 or to 100."""
    pairs = [PLAIN.fullmatch(line) for line in lines if line]
    if len(pairs) < 2 or None in pairs:
        return []
    rows = [(_named(pair[1]), float(pair[2].replace(",", "."))) for pair in pairs if pair]
    whole = math.fsum(number for _, number in rows)
    part = next((one for one in (1, 100) if math.isclose(whole, one, rel_tol=0.02)), None)
    return [(name, f"{number / part:.6%}") for name, number in rows] if part else []


def _in_a_row(line: str) -> list[tuple[str, str]]:
    """The candidates of "Paris: 60%, Lyon: 20%"; none where one is left out, or words stand between them."""
    read = [_line(part, explained=False) for part in NEXT.split(line)]
    several = [
        pair for pair in read if pair is not None and not NO_ROW.search(OPTION.sub("", pair[0], count=1))
    ]
    return several if len(read) == len(several) > 1 else []


def _line(line: str, *, explained: bool = True) -> tuple[str, str] | None:
    """A candidate and its percentage, from "Paris: 60%", "- **Paris** (60%)", "G1: Paris - chance: 60%" and the like.

    None for a line that states neither; an empty candidate where it cannot be told from what stands beside it. What
    explains the candidate, behind a colon, is left out.
    """
    every = list(STATED.finditer(line))
    last = every[-1] if every else None
    ends = last is not None and bool(AFTER.match(line, last.end()))
    if last is None or not (ends or (len(every) == 1 and WHY.match(line, last.end()))):
        return None
    name = line[: last.start()].rstrip(" \t*_")
    if not name or name[-1] not in BETWEEN:
        return None
    apart, name = name[-1], name[:-1].strip("*_ \t")
    if NO_CANDIDATE.fullmatch(BULLET.sub("", name, count=1).strip("*_ ")):
        return None
    name = _named(name)
    labelled = APART.fullmatch(name)
    name = (labelled["name"] if labelled else name).strip("*_ \t|")
    if NO_NAME.fullmatch(name):
        return "", last["stated"]
    headed = HEAD.fullmatch(name) if explained and apart not in ":：=" else None
    if headed and not LETTERED.fullmatch(headed["head"].strip()):
        name = headed["head"].strip("*_ \t")
    return name, last["stated"]


def _sentence(line: str) -> tuple[str, str] | None:
    """A candidate and its percentage, from a sentence that answers before it or a share before its candidate.

    "Paris. 60%", "It is Paris. The probability is 60%." and "60% Paris".
    """
    every = list(STATED.finditer(line))
    if len(every) != 1:
        return None
    if ahead := AHEAD.fullmatch(line):
        name = _named(ahead["name"])
        return None if NO_CANDIDATE.fullmatch(name) else (name, ahead["stated"])
    name, behind = line[: every[0].start()].rstrip(" \t*_"), line[every[0].end() :]
    if (said := SAID.fullmatch(name) or ENDED.fullmatch(name)) and not behind.strip(" .!*_"):
        return _named(said["name"]), every[0]["stated"]
    return None


def _named(line: str) -> str:
    """A candidate without its bullet and number, and once where it labels itself."""
    bullet = BULLET.match(line)
    name = line[bullet.end() if bullet else 0 :].strip("*_ \t|")
    numbered = NUMBERED.match(name)
    name = name[numbered.end() if numbered else 0 :].strip("*_ \t|")
    return again["name"] if (again := AGAIN.fullmatch(name.rstrip(" ,;"))) else name


def _from_json(text: str) -> list[tuple[Any, Any]] | None:
    decoder, rows, end = json.JSONDecoder(), list[tuple[Any, Any]](), 0
    for start in islice(re.finditer(r"\{", text), BRACES):
        if start.start() < end:
            continue
        try:
            found, end = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        rows += _rows(found)
    return rows or None


def _rows(found: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """The candidates of an object: listed in it, the object itself, or its names with numbers."""
    lists = [one for one in found.values() if isinstance(one, list)]
    if lists:
        several = lists[0] if len(lists) == 1 and all(isinstance(one, dict) for one in lists[0]) else [{}]
        return [_row(one) for one in several]
    if any(key in found for key in (*CANDIDATE_KEYS, *SHARE_KEYS)):
        return [_row(found)]
    named = len(found) > 1 or all(isinstance(value, str) for value in found.values())
    return list(found.items()) if named else [(None, None)]


def _row(found: Mapping[str, Any]) -> tuple[Any, Any]:
    name, share = (
        next((found[key] for key in keys if key in found), None) for keys in (CANDIDATE_KEYS, SHARE_KEYS)
    )
    return name, share


def _candidate(name: Any) -> str:
    """The candidate as text; empty for null and whatever else is no answer."""
    named = isinstance(name, str | int | float) and not isinstance(name, bool)
    return str(name).strip() if named else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scale(values: list[Any]) -> float | None:
    """What JSON numbers are parts of: 1, or 100 as soon as one is above 1.

    None where they mix both ways, and where nothing says that the largest, 1.2, is no slip for 1 or for 12.
    """
    largest = max((value for value in values if _is_number(value)), default=0)
    if largest <= 1:
        return 1.0
    return None if largest < 2 or any(0 < value < 1 for value in values if _is_number(value)) else 100.0


def _share(value: Any, scale: float | None) -> float | None:
    if isinstance(value, str):
        return amount(value)
    if scale is None or not _is_number(value) or not 0 <= value <= scale:
        return None
    return float(value / scale)
