"""Reads recorded trajectories: one row for each step, in JSON lines, CSV, Parquet, a data frame or a list of rows.

A row that cannot be placed is counted as unusable; a value that cannot be read is counted as unreadable, and the step
stays, for it was taken. Verdicts stand on any row of a trajectory, or on all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound, UnusableInput
from ..plans.steps import StepSeen, Trajectory
from .opening import labelled
from .reader import Parsed, Reader, every
from .roles import CONVENTIONS, WORDS, Roles, matched
from .sources import Source, rows_source
from .values import (
    BAD_WEIGHT,
    MISSING,
    NO_VERDICT,
    Kind,
    amounts,
    flags,
    logprobs,
    numbers,
    scores,
    texts,
)
from .verdicts import verdicts
from .vocabulary import Named

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
KINDS: Mapping[str, Kind] = {
    "trajectory": texts, "step": numbers, "confidence": scores, "correct": verdicts, "tokens": amounts,
    "logprobs": logprobs, "tool_error": flags, "retry": flags, "agreement": scores, "cluster": texts,
}  # fmt: skip

NOT_A_ROW = "not a JSON object"
NO_TRAJECTORY = "no trajectory_id"
BAD_STEP = "step is not a number"
REPEATED = "a further row of the same step"
CONTRADICTED = "verdicts that contradict each other"
UNJUDGED = "no verdict"


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


def read_steps(source: Any, *, scale: str | None = None, **named: str | None) -> StepLog:
    """Read a log of steps.

    Parameters
    ----------
    source : path, data frame, store URL, or rows as mappings
    scale : the unit of what is a score, as in `read_log`
    named : columns by what they are (see `STEP_COLUMNS`), found by convention where not given; and the words of
        verdicts, `right`, `partly` and `wrong`

    A column `propensity` counts 1 / its value. Steps are ordered by `step`, else by their rows. Equal values of
    the cluster column, such as `task_id`, mark trajectories that are not independent.

    Raises `ColumnNotFound` where a named column, or any for the trajectory, is missing.

    >>> log = read_steps([{"trajectory_id": "a", "step": 2, "confidence": 0.5, "correct": 1},
    ...                   {"trajectory_id": "a", "step": 1, "confidence": "90%"}, {"step": 1}])
    >>> [step.confidence for step in log.trajectories[0].steps], log.trajectories[0].correct, dict(log.unusable)
    ([0.9, 0.5], 1.0, {'no trajectory_id': 1})
    """
    opened, strange = _opened(labelled(source, {name: named.pop(name, None) for name in ("labels", "on")}))
    words = Named.of(**{kind: named.pop(kind, None) for kind in WORDS})
    for role in named:
        if role not in STEP_COLUMNS:
            raise UnusableInput(f"Steps have no {role!r}. Known: {', '.join(STEP_COLUMNS)}.")
    columns = matched(opened.columns, STEP_COLUMNS, named)
    if "trajectory" not in columns:
        raise ColumnNotFound("trajectory", STEP_COLUMNS["trajectory"], opened.columns)
    weight = columns.get("weight")
    roles = Roles(weight=weight, inverse=weight is not None and weight.lower() == "propensity", words=words)
    of = {role: columns[role] for role in KINDS if role in columns}
    reader = Reader(opened, roles, also={column: KINDS[role] for role, column in of.items()}, scale=scale)
    rows = reader.whole(every)
    told = {role: rows.also[column] for role, column in of.items()}
    unusable, ungraded = +Counter({NOT_A_ROW: strange}), Counter[str]()
    placed = _placed(told, unusable)
    found = [_trajectory(key, np.array(at), rows, told, ungraded) for key, at in placed.items()]
    return StepLog(
        source=opened.name, trajectories=tuple(found), rows=reader.rows + strange,
        used=sum(map(len, placed.values())), unusable=unusable, unreadable=_unreadable(reader, of), ungraded=ungraded,
        columns=columns,
    )  # fmt: skip


def _opened(opened: Source) -> tuple[Source, int]:
    """The rows that are objects, where rows may be anything, and how many are not."""
    if opened.objects is None:
        return opened, 0
    rows = list(opened.objects())
    whole = [row for row in rows if isinstance(row, Mapping)]
    columns = list(dict.fromkeys(key for row in whole for key in row))
    return rows_source(opened.name, columns, lambda: whole), len(rows) - len(whole)


def _unreadable(reader: Reader, of: Mapping[str, str]) -> Counter[str]:
    """The values that were left out, by reason; what is not there is none."""
    found = Counter[str]()
    for role, column in of.items():
        for why, n in reader.unreadable[column].items():
            if why not in (MISSING, NO_VERDICT):
                found[f"{role} {why}" if why.startswith("is ") else why.replace("confidence", role)] += n
    return found


def _placed(told: Mapping[str, NDArray[Any]], unusable: Counter[str]) -> dict[str, list[int]]:
    """The rows of each trajectory in the order of its steps."""
    placed: dict[str, dict[float, int]] = {}
    steps = told.get("step", np.arange(len(told["trajectory"])))
    for i, (key, at) in enumerate(zip(told["trajectory"].tolist(), steps.tolist(), strict=True)):
        if key is None:
            unusable[NO_TRAJECTORY] += 1
        elif not np.isfinite(at):
            unusable[BAD_STEP] += 1
        elif at in placed.setdefault(key, {}):
            unusable[REPEATED] += 1
        else:
            placed[key][at] = i
    return {key: [steps[at] for at in sorted(steps)] for key, steps in placed.items() if steps}


def _trajectory(
    key: str, at: NDArray[np.intp], rows: Parsed, told: Mapping[str, NDArray[Any]], ungraded: Counter[str]
) -> Trajectory:
    def each(role: str) -> list[Any]:
        """The values of the steps, None where there is none."""
        if role not in told:
            return [None] * len(at)
        return [None if v != v else v for v in told[role][at].tolist()]

    steps = tuple(
        StepSeen(
            confidence=confidence, agreement=agreement, logprobs=logprobs, tokens=tokens,
            tool_error=None if error is None else bool(error), retry=None if retry is None else bool(retry),
        )
        for confidence, agreement, logprobs, tokens, error, retry in zip(
            *map(each, ("confidence", "agreement", "logprobs", "tokens", "tool_error", "retry")), strict=True
        )
    )  # fmt: skip
    grades = {grade for grade in each("correct") if grade is not None}
    weights = rows.weight[at][rows.weight_why[at] == 0].tolist()
    clusters = [cluster for cluster in each("cluster") if cluster is not None]
    why = UNJUDGED if not grades else CONTRADICTED if len(grades) > 1 else None if weights else BAD_WEIGHT
    if why:
        ungraded[why] += 1
    return Trajectory(
        id=key, steps=steps, correct=None if why else grades.pop(), weight=weights[0] if weights else 1.0,
        cluster=clusters[0] if clusters else None,
    )  # fmt: skip
