"""What people said in a labelling tool, beside what a model suggested there: rows with a verdict and a confidence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .compared import alike
from .foreign import saying, tool_source
from .keys import absent
from .sources import Source
from .vocabulary import Named, reading_of, spelt

__all__ = ["Asked", "annotated_source", "judged", "one_of"]

Row = dict[str, Any]


class Asked(NamedTuple):
    """The columns of one question of a labelling tool: what a person said, what a model suggested, how sure it was."""

    said: str
    suggested: str
    score: str


def judged(values: Iterable[Any]) -> bool:
    """Whether values are verdicts: some are there, and each is a word or number that says right, partly or wrong.

    >>> judged(["Correct", None, "Incorrect"]), judged(["yes", "Paris"]), judged([5, 4]), judged([])
    (True, False, False, False)
    """
    words = {spelt(value): 1 for value in values if not absent(value) and not isinstance(value, list | dict)}
    reading = reading_of(words, Named())
    return bool(words) and all(reading.grade(word) is not None for word in words)


def one_of(value: Any) -> Any:
    """What was chosen, by itself where it is one thing; of several their JSON, in one order.

    >>> one_of(["Correct"]), one_of({"choices": ["b", "a"]}), one_of({"rating": 4}), one_of([])
    ('Correct', '["a", "b"]', 4, None)
    """
    if isinstance(value, Mapping):
        value = next(iter(value.values()), None) if len(value) == 1 else json.dumps(value, default=str)
    if isinstance(value, list):
        texts = all(isinstance(one, str) for one in value)
        several = json.dumps(sorted(value) if texts else value, default=str)
        return one_of(value[0]) if len(value) == 1 else several if value else None
    return value


def annotated_source(
    name: str,
    kind: str,
    rows: Sequence[Row],
    questions: Sequence[Asked],
    found: Mapping[str, str | Sequence[str]],
    *,
    notes: Sequence[str] = (),
) -> Source:
    """Rows of people's annotations, one for each person and item, as a source.

    Where a column says how sure the model was, that is the confidence, and the verdict is what people said, of the
    questions whose answers are verdicts. Else it is the score of what the model suggested, and the verdict is whether
    people said the same. `found` has the columns of further parts.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    asked = [one for one in questions if one.said in columns]
    of_questions = {column for one in questions for column in one}
    named = saying(column for column in columns if column not in of_questions)
    words = [one.said for one in asked if judged(row.get(one.said) for row in rows)]
    verdicts: Sequence[str] = words or [one.said for one in asked]
    beside, told = dict[str, str](), list[str]()
    scored = [one for one in asked if any(not absent(row.get(one.score)) for row in rows)]
    if not named and scored:
        pairs = [one for one in scored if any(not absent(row.get(one.suggested)) for row in rows)]
        agree = {f"{one.said} == {one.suggested}": one for one in pairs}
        rows = [row | {verdict: _same(row, one) for verdict, one in agree.items()} for row in rows]
        beside = {verdict: one.score for verdict, one in agree.items()} or dict.fromkeys(
            verdicts, scored[0].score
        )
        verdicts = list(beside)
        if agree:
            told.append(
                "Right is where people said what the model suggested; the confidence is the score of that."
            )
    return tool_source(
        name, kind, rows,
        {"correct": verdicts, "confidence": named or list(dict.fromkeys(beside.values())), **found},
        lacking={
            "confidence": "No suggestion has a score, and no column says how sure the model was: import it with each "
            "item, or name a column with --confidence COLUMN.",
            "correct": "No question was answered by people: name a column with --correct COLUMN.",
        },
        beside=beside, notes=[*notes, *told],
    )  # fmt: skip


def _same(row: Row, one: Asked) -> bool | None:
    said, suggested = alike(row.get(one.said)), alike(row.get(one.suggested))
    return None if None in (said, suggested) else said == suggested
