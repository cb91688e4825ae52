"""The groups of a log whose verdicts are a judge's, corrected by those that people gave of some rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..errors import ColumnNotFound, NotEnoughLabels, UnusableInput
from ..judges.calibrating import is_text
from ..judges.correcting import Judged, judged
from ..judges.labels import Needed, needed
from ..judges.leaning import Leaning, leanings
from ..phrasing.numbers import of_100
from .keys import Key, absent
from .reader import Parsed, Reader
from .roles import Roles
from .sources import Source, open_source
from .values import NO_VERDICT, as_is, numbers, propensities, texts
from .verdicts import verdicts

__all__ = ["COVARIATES", "JudgedGroup", "JudgedLog", "judged_log"]

COVARIATES: tuple[str, ...] = (
    "length", "answer_length", "response_length", "output_length", "answer_tokens", "response_tokens", "output_tokens",
    "completion_tokens", "tokens", "difficulty", "model", "judge_model", "task", "category", "subject", "language",
    "judge_confidence", "judge_score", "judge_probability", "order", "position", "judge_order", "swapped",
)  # fmt: skip
"""Columns taken for covariates where none is named, by their usual names, whatever their case."""
ANSWERS = ("answer", "response", "output", "prediction", "completion")
"""Texts of which the length is taken where the log has no column of lengths."""
ORDERS = ("order", "position", "judge_order", "swapped")
LENGTH, OWN = "length of the answer", "judged by its own model"
_LENGTHS = 9
_UNLIKE = 1e-4


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedGroup:
    """A group's correction, whom the judge favours there, and how many verdicts a wanted width takes."""

    found: Judged
    leanings: tuple[Leaning, ...] = ()
    needed: Needed | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values: those of the correction, with `leanings` and `needed` beside them."""
        return {
            **self.found.to_dict(), "leanings": [one.to_dict() for one in self.leanings],
            "needed": self.needed and self.needed.to_dict(),
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class JudgedLog:
    """What was found in each group, or why nothing; the covariates that were used, and what is to be said."""

    groups: Mapping[Key, JudgedGroup | str]
    covariates: tuple[str, ...]
    rows: int
    used: int
    unusable: Mapping[str, int]
    notes: tuple[str, ...] = field(default=())


def judged_log(
    log: Any,
    roles: Roles,
    human: str,
    propensity: str | None = None,
    *,
    covariates: Sequence[str] | None = None,
    width: float | None = None,
    scale: str | None = None,
) -> JudgedLog:
    """`judged` for each group of a log, or why it cannot be.

    The verdict of `roles` is the judge's, its confidence on that `scale`; the column `human`
    holds people's where there are any, read by
    the same rules; an unreadable one counts as none. Rows that an audit cannot use are left out. All others
    are held in memory, some 100 bytes each. `covariates` are columns that are known of all rows; None takes those of
    usual names (`COVARIATES`), the length of the answers, and whether a judge's model judged its own answer.

    Raises as `judged` does, except for `NotEnoughLabels`, whose sentence stands for the group, `ColumnNotFound`, and
    `UnusableInput` for a covariate that is known only where people looked.
    """
    if roles.weight is not None:
        raise UnusableInput(
            f"Rows are weighted by the column {roles.weight!r}, and a judge can be corrected on unweighted rows "
            "only. Leave that column out; where it is the probability with which a person was shown a row, name "
            f"it: --human-propensity {roles.weight} (human_propensity in Python)."
        )
    source = log if isinstance(log, Source) else open_source(log)
    named = [
        ("human", human),
        ("human-propensity", propensity),
        *(("covariates", name) for name in covariates or ()),
    ]
    for role, name in named:
        if name is not None and name not in source.columns:
            raise ColumnNotFound(role, [name], source.columns)
    known = list(covariates) if covariates is not None else _usual(source, roles, human, propensity)
    answer = None if covariates is not None else _answer(source, known)
    also = {name: as_is for name in (*known, *([answer] if answer else []))} | {human: verdicts}
    reader = Reader(
        source, roles, also=also | ({propensity: propensities} if propensity else {}), scale=scale
    )
    rows = reader.whole()
    columns = {name: _column(rows.also[name]) for name in known}
    if answer:
        columns[LENGTH] = _lengths(rows.also[answer])
    if covariates is None:
        columns |= _own(columns)
    columns, notes = _known_of_all(columns, np.isfinite(rows.also[human]), covariates is not None)
    bad = reader.unreadable[human]
    if lost := bad.total() - bad[NO_VERDICT]:
        notes.append(
            f"{lost:,} verdicts in {human!r} are neither right nor wrong nor in [0, 1]; they count as none."
        )
    if propensity is None and (unlike := _unlike(rows, rows.also[human], human)):
        notes.append(unlike)
    work = _Work(rows, rows.also[human], None if propensity is None else rows.also[propensity],
                 rows.cluster if roles.cluster else rows.row, columns, roles.cluster is not None, width)  # fmt: skip
    groups = {key: work.group(at) for key, at in rows.parts() if len(at)}
    return JudgedLog(
        groups=groups, covariates=tuple(columns), rows=reader.rows, used=reader.used,
        unusable=dict(reader.unusable), notes=(*reader.notes, *notes),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Work:
    rows: Parsed
    human: NDArray[Any]
    weight: NDArray[Any] | None
    cluster: NDArray[Any]
    columns: Mapping[str, NDArray[Any]]
    clustered: bool
    width: float | None

    def group(self, at: NDArray[np.intp]) -> JudgedGroup | str:
        judge, human, cluster = self.rows.grade[at], self.human[at], self.cluster[at]
        columns = {name: values[at] for name, values in self.columns.items()}
        score = self.rows.score[at]
        try:
            found = judged(
                score if np.isfinite(score).any() else None, judge, human, covariates=columns,
                propensity=None if self.weight is None else 1 / self.weight[at], cluster=cluster,
            )  # fmt: skip
        except NotEnoughLabels as error:
            return str(error)
        weight = None if self.weight is None else np.where(np.isfinite(human), self.weight[at], 1.0)
        favoured = leanings(
            judge, human, columns, weight=weight, cluster=cluster if self.clustered else None,
            orders=[name for name in columns if name.lower() in ORDERS],
        )  # fmt: skip
        return JudgedGroup(
            found=found, leanings=favoured, needed=None if self.width is None else needed(found, self.width)
        )


def _usual(source: Source, roles: Roles, human: str, propensity: str | None) -> list[str]:
    taken = {*roles.names, human, propensity}
    lower = {name.lower(): name for name in reversed(source.columns)}
    return [lower[name] for name in COVARIATES if name in lower and lower[name] not in taken]


def _answer(source: Source, known: Sequence[str]) -> str | None:
    if {name.lower() for name in known} & set(COVARIATES[:_LENGTHS]):
        return None
    lower = {name.lower(): name for name in reversed(source.columns)}
    return next((lower[name] for name in ANSWERS if name in lower), None)


def _column(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers where nearly all of a column's values are numbers, else texts."""
    read, named = numbers(values).values, texts(values).values
    there = np.array([one is not None for one in named.tolist()], bool)
    return read if there.any() and np.isfinite(read[there]).mean() >= 0.95 else named


def _lengths(values: NDArray[Any]) -> NDArray[Any]:
    return np.array([np.nan if absent(one) else len(str(one)) for one in values.tolist()], np.float64)


def _own(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Whether judge and model are the same, where both are known and it is not always so or never."""
    lower = {name.lower(): values for name, values in columns.items()}
    if not {"model", "judge_model"} <= set(lower):
        return {}
    same = [
        None if a is None or b is None else "yes" if a == b else "no"
        for a, b in zip(lower["model"].tolist(), lower["judge_model"].tolist(), strict=True)
    ]
    return {OWN: np.array(same, object)} if {"yes", "no"} <= set(same) else {}


def _known_of_all(
    columns: Mapping[str, NDArray[Any]], seen: NDArray[np.bool_], named: bool
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Covariates that are there whether a person saw the row or not; what comes with their verdicts tells nothing."""
    kept, notes = dict[str, NDArray[Any]](), list[str]()
    for name, values in columns.items():
        there = (
            np.array([one is not None for one in values.tolist()], bool)
            if is_text(values)
            else np.isfinite(values)
        )
        apart = seen.any() and not seen.all() and there[seen].mean() - there[~seen].mean() > 0.5
        why = f"{name!r} is known mostly where people looked, so it says nothing of the other rows"
        if apart and named:
            raise UnusableInput(f"{why}. Name columns that all rows have, with --covariates.")
        if apart:
            notes.append(f"{why}; it was left out.")
        elif len(set(values[there].tolist())) > 1:
            kept[name] = values
    return kept, notes


def _unlike(rows: Parsed, human: NDArray[Any], name: str) -> str:
    """A doubt, where the judge's verdicts on the rows that people saw are not like those on the others."""
    seen = np.isfinite(human) & rows.usable
    there, elsewhere = rows.grade[seen], rows.grade[~seen & rows.usable]
    if min(len(there), len(elsewhere)) < 20:
        return ""
    spread = np.sqrt(there.var() / len(there) + elsewhere.var() / len(elsewhere) + 1 / len(there) ** 2)
    if 2 * stats.norm.sf(abs(there.mean() - elsewhere.mean()) / spread) > _UNLIKE:
        return ""
    return (
        f"The judge calls {of_100(float(there.mean()))} of 100 right on the rows with a verdict in {name!r}, and "
        f"{of_100(float(elsewhere.mean()))} of 100 on the others: those rows do not look drawn at random, and where "
        "they were not, nothing here holds. Where some were drawn more often, give the probability: --human-propensity "
        "COLUMN."
    )
