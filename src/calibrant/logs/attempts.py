"""Reads what a log tells of answers that were given, and given again.

One row a question with both attempts in it, as records of the route `self_correction` are, or a row for each attempt,
which a column `attempt` numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound
from ..routing.corrections import Attempt
from ..tally import Floats
from .roles import CONVENTIONS
from .values import amounts, flags, numbers, scores, texts
from .verdicts import verdicts
from .wide import Known, Wide, read_wide

__all__ = ["ATTEMPT_COLUMNS", "AttemptLog", "Regrade", "read_attempts"]

ATTEMPT_COLUMNS: Known = {
    "item": (("item_id", "question_id", "item", "id"), texts),
    "first_p": (("first_p", "first_confidence", "first_score"), scores),
    "first_correct": (("first_correct", "first_grade", "first_right"), verdicts),
    "second_p": (("second_p", "second_confidence", "second_score", "revised_p"), scores),
    "second_correct": (("second_correct", "second_grade", "second_right", "revised_correct"), verdicts),
    "confidence": (CONVENTIONS["confidence"], scores),
    "correct": (CONVENTIONS["correct"], verdicts),
    "attempt": (("attempt", "try"), numbers),
    "accepted": (("accepted",), flags),
    "refused": (("refused",), flags),
    "first_answer": (("first_answer",), texts),
    "second_answer": (("second_answer",), texts),
    "question": (("question",), texts),
    "gold": (("gold", "reference", "references"), texts),
    "cost": (("second_cost",), amounts),
    "calls": (("second_calls",), amounts),
    "tokens": (("second_tokens",), amounts),
    "attempt_cost": (("cost",), amounts),
    "attempt_calls": (("calls",), amounts),
    "attempt_tokens": (("tokens",), amounts),
    "cluster": (CONVENTIONS["cluster"], texts),
}  # fmt: skip
"""What each column may be called, the first that is there counts, and what it holds."""

Regrade = Callable[[str, str, str], float | None]
"""The grade of an answer, from the question, the acceptable answers and the answer; None where it cannot be told."""

NOT_AGAIN = "was not answered again"
NO_FIRST = "no confidence of the first answer"
UNJUDGED = "neither answer is judged"
ONE_JUDGED = "only one of the two answers is judged, and there is no gold answer to judge the other by"
NO_ITEM = "an attempt without an item, or without a number"
BEYOND = "a third attempt, or a second one of that number"


@dataclass(frozen=True, kw_only=True)
class AttemptLog:
    """Questions that were answered twice and judged; `compared` where the second answers have probabilities too.

    `rows` were read; `unusable` counts those left out by reason, `unreadable` the values that count as missing.
    """

    source: str
    attempts: tuple[Attempt, ...]
    compared: bool
    rows: int
    columns: Mapping[str, str]
    unusable: Counter[str]
    unreadable: Counter[str]


def read_attempts(source: Any, regrade: Regrade | None = None, **named: str | None) -> AttemptLog:
    """First and second answers with their probabilities and grades.

    The verdict on a record of `self_correction` is that on the answer which was given; the other is judged by
    `regrade` where the log has the acceptable answers. A look that found no other answer changes nothing, one that
    fresh samples refused cannot be taken. `named` are columns by role (`ATTEMPT_COLUMNS`, and weight).

    Raises `ColumnNotFound` for a log without confidences, or without second answers.

    >>> rows = [{"first_p": 0.3, "first_correct": 0, "second_p": 0.8, "second_correct": 1},
    ...         {"first_p": 0.9, "first_correct": 1}]
    >>> read = read_attempts(rows)
    >>> read.attempts[0].revised, dict(read.unusable)
    (0.8, {'was not answered again': 1})
    """
    read = read_wide(source, ATTEMPT_COLUMNS, **named)
    if "attempt" in read.values and not {"second_p", "second_correct"} & set(read.values):
        read = _side_by_side(read)
    _check(read)
    grades = _grades(read, regrade)
    p = [read.numbers("first_p" if "first_p" in read.values else "confidence"), read.numbers("second_p")]
    again, there = _looked(read)
    why = np.select(
        [
            ~again,
            np.isnan(p[0]),
            np.isnan(grades[0]) & (~there | np.isnan(grades[1])),
            np.isnan(grades[0]) | (there & np.isnan(grades[1])),
        ],
        [1, 2, 3, 4],
    )
    for code, reason in enumerate((NOT_AGAIN, NO_FIRST, UNJUDGED, ONE_JUDGED), start=1):
        read = replace(read, unusable=read.unusable + Counter({reason: int((why == code).sum())}))
    fine = why == 0
    read, p, grades, there = read.at(fine), [v[fine] for v in p], [v[fine] for v in grades], there[fine]
    return AttemptLog(
        source=read.source, attempts=tuple(_attempts(read, p, grades, there)), rows=read.rows, columns=read.columns,
        compared="second_p" in read.values, unusable=+read.unusable, unreadable=read.unreadable,
    )  # fmt: skip


def _check(read: Wide) -> None:
    for needed in (("first_p", "confidence"), ("second_correct", "second_answer", "accepted")):
        if not set(needed) & set(read.values):
            usual = [name for role in needed for name in ATTEMPT_COLUMNS[role][0]]
            raise ColumnNotFound(needed[0], usual, list(read.columns.values()))


def _looked(read: Wide) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each question was answered again, and whether another answer came of it."""
    said = np.array([text is not None for text in read.texts("second_answer")], bool)
    there = said | ~np.isnan(read.numbers("second_p")) | ~np.isnan(read.numbers("second_correct"))
    return there | ~np.isnan(read.numbers("accepted")), there


def _grades(read: Wide, regrade: Regrade | None) -> list[Floats]:
    """Of the first and of the second answers: as judged, as the given answer was judged, by the gold answers."""
    given, taken = read.numbers("correct"), read.numbers("accepted") == 1
    found = []
    for which, its in (("first", ~taken), ("second", taken)):
        judged = read.numbers(f"{which}_correct")
        judged = np.where(np.isnan(judged) & its, given, judged)
        asked = zip(read.texts("question"), read.texts("gold"), read.texts(f"{which}_answer"), strict=True)
        for i, (question, gold, answer) in enumerate(asked):
            if regrade and np.isnan(judged[i]) and gold is not None and answer is not None:
                grade = regrade(question or "", gold, answer)
                judged[i] = np.nan if grade is None else grade
        found.append(judged)
    return found


def _attempts(
    read: Wide, p: Sequence[Floats], grades: Sequence[Floats], there: NDArray[np.bool_]
) -> list[Attempt]:
    refused = read.numbers("refused") == 1
    numbered = {role: read.numbers(role).tolist() for role in ("cost", "calls", "tokens")}
    items, clusters = read.texts("item"), read.texts("cluster")
    return [
        Attempt(
            item=items[i] or f"row {i + 1}", first=float(p[0][i]), grade=float(grades[0][i]),
            revised=None if refused[i] else _known(p[1][i]), weight=float(read.weight[i]), cluster=clusters[i],
            revised_grade=_known(grades[1][i]), again=_known(grades[1][i]) if there[i] else None,
            cost=_known(numbered["cost"][i]), calls=_whole(numbered["calls"][i]),
            tokens=_whole(numbered["tokens"][i]),
        )
        for i in range(len(read))
    ]  # fmt: skip


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _whole(value: float) -> int | None:
    return None if np.isnan(value) else int(value)


def _side_by_side(read: Wide) -> Wide:
    """Rows of one attempt each as rows of one item each; the second attempt is the one after the first."""
    items, number = read.texts("item"), read.numbers("attempt")
    nowhere = np.array([name is None for name in items], bool) | np.isnan(number)
    read = read.without(nowhere, NO_ITEM)
    items, number = read.texts("item"), read.numbers("attempt")
    places: dict[str, list[int]] = {}
    for i in np.argsort(number, kind="stable").tolist():
        places.setdefault(str(items[i]), []).append(i)
    beyond = np.zeros(len(read), bool)
    for at in places.values():
        beyond[at[2:]] = True
        beyond[at[1:2]] |= len(at) > 1 and number[at[1]] == number[at[0]]
    first = np.array([at[0] for at in places.values()], np.intp)
    second = np.array([at[1] if len(at) > 1 and not beyond[at[1]] else -1 for at in places.values()], np.intp)

    def of_second(role: str) -> Floats:
        found = read.numbers(role)
        return np.where(second >= 0, found[second], np.nan)

    values = {role: v[first] for role, v in read.values.items()}
    values |= {"second_p": of_second("confidence"), "second_correct": of_second("correct")}
    values |= {role: of_second(f"attempt_{role}") for role in ("cost", "calls", "tokens")}
    counted = Counter({BEYOND: int(beyond.sum())}) if beyond.any() else Counter[str]()
    return Wide(
        source=read.source, rows=read.rows, columns=read.columns, values=values, weight=read.weight[first],
        unusable=read.unusable + counted, unreadable=read.unreadable,
    )  # fmt: skip
