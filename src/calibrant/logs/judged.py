"""The groups of a log whose verdicts are a judge's, corrected by those that people gave of some rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound, NotEnoughLabels
from ..metrics.judging import Judged, judged
from .keys import Key
from .reader import Parsed, Reader
from .roles import Roles
from .sources import Source, open_source
from .values import NO_VERDICT, propensities
from .verdicts import verdicts

__all__ = ["judged_log"]


def judged_log(
    log: Any, roles: Roles, human: str, propensity: str | None = None
) -> tuple[dict[Key, Judged | str], int]:
    """`judged` for each group of a log, or why it cannot be; and how many of people's verdicts are unreadable.

    The verdict of `roles` is the judge's, the column `human` holds people's where there are any, read by
    the same rules; an unreadable one counts as none. Rows that an audit cannot use are left out. All others
    are held in memory, some 100 bytes each. Raises as `judged` does, except for `NotEnoughLabels`, whose
    sentence stands for the group, and `ColumnNotFound`.
    """
    source = log if isinstance(log, Source) else open_source(log)
    for role, name in (("human", human), ("human-propensity", propensity)):
        if name is not None and name not in source.columns:
            raise ColumnNotFound(role, [name], source.columns)
    also = {human: verdicts} | ({propensity: propensities} if propensity else {})
    reader = Reader(source, replace(roles, weight=None), also=also)
    rows = reader.whole()
    drawn = None if propensity is None else 1 / rows.also[propensity]
    clusters = rows.cluster if roles.cluster else rows.row
    unreadable = reader.unreadable[human]
    groups = {
        key: _judged_or_why(rows, at, rows.also[human], drawn, clusters)
        for key, at in rows.parts()
        if len(at)
    }
    return groups, unreadable.total() - unreadable[NO_VERDICT]


def _judged_or_why(
    rows: Parsed,
    at: NDArray[np.intp],
    human: NDArray[Any],
    drawn: NDArray[Any] | None,
    clusters: NDArray[Any],
) -> Judged | str:
    try:
        return judged(
            rows.score[at], rows.grade[at], human[at], propensity=None if drawn is None else drawn[at],
            cluster=clusters[at],
        )  # fmt: skip
    except NotEnoughLabels as error:
        return str(error)
