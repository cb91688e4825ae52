"""The groups of a log whose verdicts are a judge's, corrected by those that people gave of some rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NotEnoughLabels
from ..judges.correcting import Judged, judged
from ..judges.labels import Needed, needed
from ..judges.leaning import Leaning, leanings
from .keys import Key
from .people import People, Seen, unlike
from .reader import Parsed, Reader
from .roles import Roles
from .sources import Source, open_source

__all__ = ["JudgedGroup", "JudgedLog", "judged_log"]

ORDERS = ("order", "position", "judge_order", "swapped")


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
    source = log if isinstance(log, Source) else open_source(log)
    people = People.of(source, roles, human, propensity, covariates)
    reader = Reader(source, roles, also=people.also, scale=scale)
    rows = reader.whole()
    seen, notes = people.seen(reader, rows)
    if propensity is None and (doubt := unlike(rows.grade, seen.human, human)):
        notes = (*notes, doubt)
    work = _Work(rows, seen, rows.cluster if roles.cluster else rows.row, roles.cluster is not None, width)
    groups = {key: work.group(at) for key, at in rows.parts() if len(at)}
    return JudgedLog(
        groups=groups, covariates=tuple(seen.columns), rows=reader.rows, used=reader.used,
        unusable=dict(reader.unusable), notes=(*reader.notes, *notes),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Work:
    rows: Parsed
    seen: Seen
    cluster: NDArray[Any]
    clustered: bool
    width: float | None

    def group(self, at: NDArray[np.intp]) -> JudgedGroup | str:
        judge, score, cluster, seen = (
            self.rows.grade[at],
            self.rows.score[at],
            self.cluster[at],
            self.seen.at(at),
        )
        try:
            found = judged(
                score if np.isfinite(score).any() else None, judge, seen.human, covariates=seen.columns,
                propensity=seen.propensity, cluster=cluster,
            )  # fmt: skip
        except NotEnoughLabels as error:
            return str(error)
        weight = (
            None if seen.propensity is None else np.where(np.isfinite(seen.human), 1 / seen.propensity, 1.0)
        )
        favoured = leanings(
            judge, seen.human, seen.columns, weight=weight, cluster=cluster if self.clustered else None,
            orders=[name for name in seen.columns if name.lower() in ORDERS],
        )  # fmt: skip
        return JudgedGroup(
            found=found, leanings=favoured, needed=None if self.width is None else needed(found, self.width)
        )
