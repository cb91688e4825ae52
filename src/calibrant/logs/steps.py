"""Reads recorded trajectories: one row for each step, in JSON lines, CSV, Parquet, a data frame or a list of rows.

A row that cannot be placed is counted as unusable; a value that cannot be read is counted as unreadable, and the step
stays, for it was taken. Verdicts stand on any row of a trajectory, or on all of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound, UnusableInput
from ..plans.steps import StepSeen, Trajectory
from ..tally import Floats
from .columns import CONVENTIONS, MISSING, RIGHT, WRONG, parse_block, percent
from .sources import key_text, open_source

__all__ = ["STEP_COLUMNS", "StepLog", "read_steps"]

STEP_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "trajectory": ("trajectory_id", "trajectory", "traj_id", "episode_id", "run_id", "session_id", "trace_id"),
    "step": ("step", "step_index", "step_id", "index", "turn"),
    "confidence": CONVENTIONS["confidence"],
    "correct": (*CONVENTIONS["correct"], "success", "reward"),
    "tokens": ("tokens", "completion_tokens", "n_tokens"),
    "logprobs": ("logprobs", "token_logprobs"),
    "tool_error": ("tool_error", "is_error", "error"),
    "retry": ("retry", "is_retry", "retries"),
    "agreement": ("agreement", "self_agreement"),
    "cluster": ("cluster", "cluster_id", "task_id", "item_id"),
    "weight": CONVENTIONS["weight"],
}  # fmt: skip
"""What each column may be called, the first that is there counts; only the trajectory is needed."""

NOT_A_ROW = "not a JSON object"
NO_TRAJECTORY = "no trajectory_id"
BAD_STEP = "step is not a number"
REPEATED = "a further row of the same step"
CONTRADICTED = "verdicts that contradict each other"
UNJUDGED = "no verdict"
BAD_WEIGHT = "weight missing, not positive, or beyond 1e-6 to 1e6"

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class StepLog:
    """Trajectories in the order of their first rows.

    `rows` were read and `used` of them are steps of a trajectory; `unusable` counts the others by reason,
    `unreadable` the values that were left out, and `ungraded` the trajectories without a verdict, by reason.
    `columns` says which column was read as what.
    """

    source: str
    trajectories: tuple[Trajectory, ...]
    rows: int
    used: int
    unusable: Counter[str]
    unreadable: Counter[str]
    ungraded: Counter[str]
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def graded(self) -> tuple[Trajectory, ...]:
        """The trajectories that have a verdict."""
        return tuple(one for one in self.trajectories if one.correct is not None)


def read_steps(source: Any, **named: str | None) -> StepLog:
    """Read a log of steps.

    Parameters
    ----------
    source : path, data frame, store URL, or rows as mappings
    named : columns by what they are (see `STEP_COLUMNS`); found by convention where not given

    A column `propensity` counts 1 / its value. Steps are ordered by `step`, else by their rows. Equal values of
    the cluster column, such as `task_id`, mark trajectories that are not independent.

    Raises `ColumnNotFound` where a named column, or any for the trajectory, is missing.

    >>> log = read_steps([{"trajectory_id": "a", "step": 2, "confidence": 0.5, "correct": 1},
    ...                   {"trajectory_id": "a", "step": 1, "confidence": "90%"}, {"step": 1}])
    >>> [step.confidence for step in log.trajectories[0].steps], log.trajectories[0].correct, dict(log.unusable)
    ([0.9, 0.5], 1.0, {'no trajectory_id': 1})
    """
    name, rows = _opened(source)
    unusable: Counter[str] = Counter()
    whole = [row for row in rows if isinstance(row, Mapping)]
    if len(rows) > len(whole):
        unusable[NOT_A_ROW] += len(rows) - len(whole)
    columns = _columns(list(dict.fromkeys(key for row in whole for key in row)), named)
    unreadable: Counter[str] = Counter()
    ungraded: Counter[str] = Counter()
    values = {role: [row.get(column) for row in whole] for role, column in columns.items()}
    placed = _placed(values, len(whole), unusable)
    read = _Read.of(values, len(whole), unreadable, inverse=columns.get("weight", "").lower() == "propensity")
    found = [_trajectory(key, at, read, values, ungraded) for key, at in placed.items()]
    return StepLog(
        source=name, trajectories=tuple(found), rows=len(rows), used=sum(map(len, placed.values())),
        unusable=unusable, unreadable=unreadable, ungraded=ungraded, columns=columns,
    )  # fmt: skip


def _opened(source: Any) -> tuple[str, list[Any]]:
    if isinstance(source, str | Path) and Path(str(source)).suffix.lower() in (".jsonl", ".ndjson"):
        path = Path(source)
        if not path.is_file():
            raise UnusableInput(f"Expected a log of steps at {path}; there is none. Check the path.")
        return str(path), list(_lines(path))
    if isinstance(source, Iterable) and not isinstance(source, str | Path) and not hasattr(source, "columns"):
        rows = list(source)
        return f"{len(rows)} rows", rows
    opened = open_source(source)
    found: list[Any] = []
    for block in opened.blocks(opened.columns):
        parts = [block[name].tolist() for name in opened.columns]
        found += [dict(zip(opened.columns, row, strict=True)) for row in zip(*parts, strict=True)]
    return opened.name, found


def _lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    yield None


def _columns(available: list[str], named: Mapping[str, str | None]) -> dict[str, str]:
    lower = {name.lower(): name for name in reversed(available)}
    found: dict[str, str] = {}
    for role in [*STEP_COLUMNS, *(name for name in named if name not in STEP_COLUMNS)]:
        wanted = named.get(role)
        if role not in STEP_COLUMNS:
            raise UnusableInput(f"Steps have no {role!r}. Known: {', '.join(STEP_COLUMNS)}.")
        if wanted is not None and wanted not in available:
            raise ColumnNotFound(role, [wanted], available)
        guess = wanted or next((lower[c] for c in STEP_COLUMNS[role] if c in lower), None)
        if guess is not None and guess not in found.values():
            found[role] = guess
        elif role == "trajectory":
            raise ColumnNotFound(role, STEP_COLUMNS[role], available)
    return found


def _placed(values: Mapping[str, list[Any]], count: int, unusable: Counter[str]) -> dict[str, list[int]]:
    """The rows of each trajectory in the order of its steps."""
    placed: dict[str, dict[float, int]] = {}
    for i in range(count):
        key = key_text(values["trajectory"][i])
        at = float(i) if "step" not in values else _number(values["step"][i])
        if key is None:
            unusable[NO_TRAJECTORY] += 1
        elif np.isnan(at):
            unusable[BAD_STEP] += 1
        elif at in placed.setdefault(key, {}):
            unusable[REPEATED] += 1
        else:
            placed[key][at] = i
    return {key: [steps[at] for at in sorted(steps)] for key, steps in placed.items() if steps}


def _nothing(value: Any) -> bool:
    """Whether a cell is empty: None, blank text, and what frames put there, NaN and NA."""
    if isinstance(value, float | str):
        return value != value or not str(value).strip()
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _number(value: Any) -> float:
    if value is None or isinstance(value, bool):
        return float("nan")
    try:
        number = float(value)
    except (TypeError, ValueError):
        return float("nan")
    return number if np.isfinite(number) else float("nan")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """Values row by row; NaN where there is none."""

    scores: Mapping[str, Floats]
    grade: Floats
    weight: Floats
    numbers: Mapping[str, Floats]
    logprobs: list[tuple[float, ...] | None]

    @classmethod
    def of(cls, values: Mapping[str, list[Any]], count: int, bad: Counter[str], *, inverse: bool) -> _Read:
        scores = {r: _scores(r, values.get(r), count, bad) for r in ("confidence", "agreement")}
        numbers = {r: _flags(r, values.get(r), count, bad) for r in ("tool_error", "retry")}
        numbers["tokens"] = _counts(values.get("tokens"), count, bad)
        weight = np.array([_number(v) for v in values["weight"]]) if "weight" in values else np.ones(count)
        good = (weight >= 1e-6) & (weight <= (1 if inverse else 1e6))  # False for NaN
        weight = np.where(good, 1 / np.where(good, weight, 1) if inverse else weight, np.nan)
        return cls(
            scores=scores, grade=_grades(values.get("correct"), count, bad), weight=weight, numbers=numbers,
            logprobs=_logprobs(values.get("logprobs"), count, bad),
        )  # fmt: skip


def _objects(values: list[Any]) -> NDArray[Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = [None if _nothing(value) else value for value in values]
    return found


def _scores(role: str, values: list[Any] | None, count: int, bad: Counter[str]) -> Floats:
    if values is None:
        return np.full(count, np.nan)
    column = _objects(values)
    parsed = parse_block(column, np.zeros(count), None, in_percent=percent(column), inverse=False)
    for why, n in parsed.unusable.items():
        if why != MISSING:
            bad[why.replace("confidence", role)] += n
    return parsed.scores


def _grades(values: list[Any] | None, count: int, bad: Counter[str]) -> Floats:
    if values is None:
        return np.full(count, np.nan)
    parsed = parse_block(np.zeros(count), _objects(values), None, in_percent=False, inverse=False)
    for why, n in parsed.unusable.items():
        if "missing" not in why:
            bad[why] += n
    return np.where(parsed.reason == 0, parsed.grades, np.nan)


def _flags(role: str, values: list[Any] | None, count: int, bad: Counter[str]) -> Floats:
    """1 for yes, 0 for no; a count is yes where it is not 0."""
    found = np.full(count, np.nan)
    for i, value in enumerate(values or ()):
        word = value.strip().lower() if isinstance(value, str) else value
        if _nothing(word) or word in ("none", "null", "nan"):
            continue
        if isinstance(word, bool) or word in RIGHT or word in WRONG:
            found[i] = float(word is True or word in RIGHT)
        elif not np.isnan(number := _number(word)) and number >= 0:
            found[i] = float(number > 0)
        else:
            bad[f"{role} is neither yes nor no"] += 1
    return found


def _counts(values: list[Any] | None, count: int, bad: Counter[str]) -> Floats:
    found = np.full(count, np.nan)
    for i, value in enumerate(values or ()):
        number = _number(value)
        if number >= 0:  # False for NaN
            found[i] = number
        elif not _nothing(value):
            bad["tokens is not a count"] += 1
    return found


def _logprobs(values: list[Any] | None, count: int, bad: Counter[str]) -> list[tuple[float, ...] | None]:
    found: list[tuple[float, ...] | None] = [None] * count
    for i, value in enumerate(values or ()):
        listed = value
        if isinstance(value, str) and value.strip():
            try:
                listed = json.loads(value)
            except ValueError:
                listed = value
        if _nothing(listed):
            continue
        numbers = (
            [_number(v) for v in listed]
            if isinstance(listed, Iterable) and not isinstance(listed, str)
            else []
        )
        if numbers and all(v <= 1e-6 for v in numbers):
            found[i] = tuple(min(v, 0.0) for v in numbers)
        else:
            bad["logprobs is not a list of log-probabilities"] += 1
    return found


def _trajectory(
    key: str, at: list[int], read: _Read, values: Mapping[str, list[Any]], ungraded: Counter[str]
) -> Trajectory:
    steps = tuple(
        StepSeen(
            confidence=_some(read.scores["confidence"][i]), agreement=_some(read.scores["agreement"][i]),
            logprobs=read.logprobs[i], tokens=_some(read.numbers["tokens"][i]),
            tool_error=_flag(read.numbers["tool_error"][i]), retry=_flag(read.numbers["retry"][i]),
        )
        for i in at
    )  # fmt: skip
    grades = {float(g) for g in read.grade[at] if not np.isnan(g)}
    weights = [float(w) for w in read.weight[at] if not np.isnan(w)]
    clusters = (
        [c for i in at if (c := key_text(values["cluster"][i])) is not None] if "cluster" in values else []
    )
    why = UNJUDGED if not grades else CONTRADICTED if len(grades) > 1 else None if weights else BAD_WEIGHT
    if why:
        ungraded[why] += 1
    return Trajectory(
        id=key, steps=steps, correct=None if why else grades.pop(), weight=weights[0] if weights else 1.0,
        cluster=clusters[0] if clusters else None,
    )  # fmt: skip


def _some(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _flag(value: float) -> bool | None:
    return None if np.isnan(value) else bool(value)
