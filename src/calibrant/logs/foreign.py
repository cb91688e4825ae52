"""What formats of other tools share: files of nested JSON become flat rows, and columns that are known by their names.

A tool's own names stay. A column that says how sure an answer is, is known by its name alone; a judge's score is none.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from glob import glob
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UnusableInput
from .sources import Given, Source, rows_source

__all__ = [
    "SCORE", "beginning_keys", "cell", "flattened", "graded", "hidden", "json_in", "label_of", "lines_in",
    "listed", "mapping", "mappings", "nested_rows", "parts", "paths_of", "records_in", "saying", "tells_itself",
    "text_in", "tool_source", "whole_rows",
]  # fmt: skip

Row = Mapping[str, Any]

SCORE = "calibrant"
"""What the probabilities that calibrant sends to other tools are called there. They come back with the next export."""
OF_SCORE = re.compile(rf"{SCORE}(?:[./].*)?")

WORDS = (
    ("confidence",),
    (
        "conf", "confidencescore", "confidencelevel", "verbalizedconfidence", "statedconfidence", "stated", "certainty",
        "selfconfidence", "modelconfidence", "answerconfidence", "pcorrect", "ptrue", "probability", "prob",
        "confidencepercent", "confidencepct",
    ),
)  # fmt: skip
"""Names that say how sure an answer is, as they are without case and marks: the surest first."""
ABOUT_IT = re.compile(r"confidence|certainty")
NOT_IT = re.compile(
    r"reason|rationale|explan|interval|threshold|judge|grader|annotat|detail|metadata|uncertain"
)
"""What is said beside a confidence, or of somebody else's."""

VERDICTS = frozenset({"correct", "is_correct", "correctness", "verdict", "is_right", "passed"})
"""Columns that say whether an answer is right, in a table that is no tool's."""

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]')
RIGHT, WRONG = {"true", "yes", "correct", "pass", "passed"}, {"false", "no", "incorrect", "fail", "failed"}


def paths_of(log: Given) -> list[Path]:
    """The file, or those that a pattern stands for, in the order of their names."""
    found = [log.text] if Path(log.text).exists() else sorted(glob(log.text))
    return [Path(one) for one in found]


def text_in(path: Path) -> str:
    """A file of text in UTF-8; raises `UnusableInput` where it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path} cannot be read: {error}.") from error


def json_in(path: Path, text: str | None = None) -> Any:
    """What a file of JSON holds; raises `UnusableInput` where it is none."""
    text = text_in(path) if text is None else text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnusableInput(
            f"{path} cannot be read: it begins as JSON and breaks off or goes wrong ({error}). Write it again."
        ) from error


def lines_in(path: Path) -> Iterator[Any]:
    """What each line of JSON holds that is not blank, None for a broken one."""
    for line in text_in(path).splitlines():
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                yield None


def records_in(path: Path, *, on_lines: bool) -> list[dict[str, Any]]:
    """The objects of a file: one on each line, or a list of them, or one; {} for what is broken."""
    if on_lines:
        found = list(lines_in(path))
    else:
        whole = json_in(path)
        found = whole if isinstance(whole, list) else [whole]
    return [one if isinstance(one, dict) else {} for one in found]


def beginning_keys(log: Given) -> frozenset[str]:
    """The keys of the object that a log begins with, as far as its beginning shows them; none of another thing.

    >>> sorted(beginning_keys(Given("a", "a", b'{"eval": {"id": 1}, "samples": [{"x": "cut off')))
    ['eval', 'samples']
    """
    if log.record is not None and not re.match(r"\s*\[", log.beginning):
        return frozenset(log.record)
    if not log.beginning.lstrip().startswith("{"):
        return frozenset()
    found, depth, last = set(), 0, ""
    for match in TOKEN.finditer(log.beginning):
        mark = match[0]
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
        elif mark != ":":
            last = mark if depth == 1 else ""
        elif depth == 1 and last:
            found.add(last[1:-1])
    return frozenset(found)


def cell(value: Any) -> Any:
    """What a cell holds, where a nested value was written as text: as JSON, or as Python shows it.

    >>> cell('{"a": 1}'), cell("{'a': None}"), cell("[1, 2]"), cell("{not so")
    ({'a': 1}, {'a': None}, [1, 2], '{not so')
    """
    if isinstance(value, np.ndarray):
        return value.tolist()
    if not isinstance(value, str) or not value.strip().startswith(("{", "[")):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            return read(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return value


def mapping(value: Any) -> Row:
    """A value that is an object, as it is; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def listed(value: Any) -> Sequence[Any]:
    """A value that is a list, as it is; an empty one for anything else."""
    return value if isinstance(value, list | tuple) else ()


def mappings(value: Any) -> list[Row]:
    """The objects in a list.

    >>> mappings([{"a": 1}, None]), mappings("a"), mapping(None), listed({})
    ([{'a': 1}], [], {}, ())
    """
    return [one for one in listed(value) if isinstance(one, Mapping)]


def flattened(value: Any, name: str) -> dict[str, Any]:
    """An object's plain values by dotted names; of lists, their JSON.

    >>> flattened({"confidence": 0.9, "by": {"model": "m"}}, "metadata")
    {'metadata.confidence': 0.9, 'metadata.by.model': 'm'}
    """
    if not isinstance(value, Mapping):
        plain = value is None or isinstance(value, str | bool | int | float)
        return {name: value if plain else json.dumps(value, default=str)}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= flattened(inner, f"{name}.{key}" if name else str(key))
    return found


def saying(columns: Iterable[str]) -> tuple[str, ...]:
    """The columns whose names say that they hold how sure an answer is: only those that say it best.

    >>> saying(["score", "metadata.confidence", "Stated confidence"]), saying(["score", "confidence_reason"])
    (('metadata.confidence',), ())
    """
    columns = list(dict.fromkeys(columns))
    bare = {name: re.sub(r"[^a-z]", "", re.split(r"[./]", name)[-1].lower()) for name in columns}
    for words in WORDS:
        if found := tuple(name for name in columns if bare[name] in words):
            return found
    return tuple(
        name for name in columns if ABOUT_IT.search(name.lower()) and not NOT_IT.search(name.lower())
    )


def graded(values: Iterable[Any]) -> bool:
    """Whether values can be verdicts: some are there, and each is right, wrong or a grade from 0 to 1.

    >>> graded([True, None, "no"]), graded([0.3, 1]), graded([3.5]), graded([None])
    (True, True, False, False)
    """
    there = [value for value in values if not (value is None or value == "" or value != value)]
    return bool(there) and all(_grade(value) for value in there)


def _grade(value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in RIGHT | WRONG:
        return True
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return isfinite(number) and 0 <= number <= 1


def label_of(score: Any, label: Any) -> Any:
    """The verdict of a grader that gives a score and a label: the score where it is a grade, else the label.

    >>> label_of("0.0", "pass"), label_of(None, "correct"), label_of(4, "incorrect")
    (0.0, 'correct', 'incorrect')
    """
    there = score is not None and score == score and _grade(score)
    if there and not isinstance(score, bool):
        try:
            return float(score)
        except ValueError:
            return score
    return score if there or label in (None, "") else label


def parts(**found: str | Sequence[str]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Columns by the part they play, and those of parts of which there are several.

    >>> parts(correct=("acc", "f1"), confidence=("conf",), item="id", model=())
    ({'confidence': 'conf', 'item': 'id'}, {'correct': ('acc', 'f1')})
    """
    listed = {part: (one,) if isinstance(one, str) else tuple(one) for part, one in found.items()}
    return (
        {part: names[0] for part, names in listed.items() if len(names) == 1},
        {part: names for part, names in listed.items() if len(names) > 1},
    )


def tool_source(
    name: str,
    kind: str,
    rows: Sequence[Row],
    found: Mapping[str, str | Sequence[str]],
    *,
    lacking: Mapping[str, str] | None = None,
    scales: Mapping[str, str] | None = None,
    beside: Mapping[str, str] | None = None,
    apart: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Source:
    """Flat rows as a source. `found` has for each part its columns; rows of an item that comes again belong together.

    A column that is in no row plays no part, and a score that calibrant itself gave is no verdict.
    `lacking` says of a part what to do where there is no column for it.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    there = {
        part: tuple(one for one in ((names,) if isinstance(names, str) else names) if one in columns)
        for part, names in found.items()
    }
    given = tuple(name for name in there.get("correct", ()) if OF_SCORE.fullmatch(name))
    if given:
        there["correct"] = tuple(name for name in there["correct"] if name not in given)
        notes = [*notes, f"{', '.join(given)}: calibrant's own probability, no verdict."]
    if item := there.get("item"):
        values = [str(row.get(item[0])) for row in rows if row.get(item[0]) is not None]
        if len(set(values)) < len(values):
            there["cluster"] = item
    roles, choices = parts(**there)
    made = rows_source(name, columns, lambda: rows)
    return replace(
        made, rows=len(rows), kind=kind, roles=roles, choices=choices, scales=dict(scales or {}), notes=tuple(notes),
        lacking={p: why for p, why in (lacking or {}).items() if p not in roles and p not in choices},
        beside=dict(beside or {}), apart=tuple(apart),
    )  # fmt: skip


def tells_itself(columns: Iterable[str]) -> bool:
    """Whether a table has a confidence and a verdict by their own names, and so is no tool's that has none of them.

    >>> tells_itself(["id", "scores.a", "Confidence", "correct"]), tells_itself(["scores.a", "output.confidence"])
    (True, False)
    """
    there = {name.lower() for name in columns if "." not in name}
    return bool(saying(there)) and not there.isdisjoint(VERDICTS)


def whole_rows(source: Source) -> list[dict[str, Any]]:
    """All rows of a source, a mapping each, without what is a part of another column."""
    columns = [name for name in source.columns if name not in source.inside]
    return [
        dict(zip(block, values, strict=True))
        for block in source.blocks(columns)
        for values in zip(*(column.tolist() for column in block.values()), strict=True)
    ]


def nested_rows(source: Source) -> list[dict[str, Any]]:
    """All rows of a source, with what was nested and written as text read."""
    return [{name: cell(value) for name, value in row.items()} for row in whole_rows(source)]


def hidden(source: Source, columns: Iterable[str]) -> Source:
    """The source without these columns."""
    gone = set(columns)
    return replace(source, columns=[name for name in source.columns if name not in gone])
