"""A log, label by label, as if one had looked after each: have its claims ceased to be true, when, what has changed?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..logs.keys import listed
from ..logs.rows import GroupRows, read_rows
from ..monitors.calibration import ALPHA, TOLERANCE, Monitor
from ..monitors.shifts import kind_of
from ..tally import Floats
from .found import Watched, WatchedGroup
from .gaps import gap_of, means
from .over_time import BY
from .ripening import SLOWEST
from .stored import PARTS, told_in, watch_store

__all__ = ["watch"]

UNDRAWN = (
    "No verdict of this store was drawn: nobody knows with what probability they came to be, so that all of them are "
    "taken as they are. Where people judge what seems wrong to them, this finds it wrong. Have answers drawn: "
    "calibrant learn queue STORE."
)


def watch(
    log: Any,
    by: str | Sequence[str] = (),
    *,
    alpha: float = ALPHA,
    tolerance: float = TOLERANCE,
    **named: Any,
) -> Watched:
    """Watch a log in the order of its column of times, else of its rows; its confidence is the claimed probability.

    A store is watched as a gateway watches it (`calibrant.watching.over_time.Watching`): the probabilities that were
    told are the claims, and without `by` it is parted by task, domain, model and map.

    Each group has a `Monitor`, looked at after every label. Of several groups those are given an alarm that the e-BH
    procedure rejects at `alpha` at some time: of those that it rejects at any one time, at most that share is false in
    the mean, whatever the groups have to do with each other; while all claims are true, any alarm at all is raised with
    at most that chance.
    Where the log says when verdicts came beside when answers did, answers count in their own order, once enough time
    has passed for 98 % of the slower kind of verdicts, since wrong answers may be told later than right ones.

    Parameters
    ----------
    log : data frame, path or store URL
    by : column names, or one
    alpha, tolerance : those of `Monitor`
    named : as `calibrant.audit` takes them: confidence, correct, cluster, scale, right, labels, on ...; and `time`, the
        column of times where it has no usual name, "none" for rows as they stand

    Raises `ColumnNotFound` and `UnusableInput` as `calibrant.audit` does.

    References
    ----------
    R. Wang, A. Ramdas, "False discovery rate control with e-values", JRSS B 84(3), 2022.

    >>> import pandas
    >>> rng = np.random.default_rng(0)
    >>> right = rng.random(3000) < np.where(np.arange(3000) < 2000, 0.9, 0.7)
    >>> (found,) = watch(pandas.DataFrame({"confidence": 0.9, "correct": right})).groups
    >>> found.alarm, 2000 < found.alarm_at < 2200, found.gap.low < 0.2 < found.gap.high
    (True, True, True)
    """
    Monitor(alpha=alpha, tolerance=tolerance)  # before any work
    undrawn: tuple[str, ...] = ()
    if not any(value is not None for value in named.values()):
        stored = watch_store(log, listed(by), alpha=alpha, tolerance=tolerance)
        if stored is not None and stored.groups:
            return stored
        if stored is not None:  # a store of which no verdict was drawn: all of them, and what that is worth
            named, by, undrawn = named | {"confidence": "p"}, listed(by) or BY[:3], (UNDRAWN,)
        elif not set(listed(by)) <= set(PARTS) and told_in(log):  # by what no gateway parts: the same claims
            named = named | {"confidence": "p"}
    read = read_rows(log, by=by, **named)
    if read.disordered:
        raise UnusableInput(
            f"{read.disordered}. A monitor needs the order in which answers came. Write the times in one of these "
            "ways, name another column, or take rows as they stand: --time COLUMN, --time none."
        )
    timed, untimed = _times(read.groups.values())
    told = [rows.judged for rows in read.groups.values() if rows.judged is not None]
    latest = max((float(np.nanmax(one)) for one in told if np.isfinite(one).any()), default=np.inf)
    parts = [_Part.of(rows, timed, latest) for rows in read.groups.values()]
    alarms = _watched(parts, alpha, tolerance)
    groups = [
        part.group(dict(zip(read.roles.by, key, strict=True)), alarm)
        for key, part, alarm in zip(read.groups, parts, alarms, strict=True)
    ]
    return Watched(
        source=read.source, rows=read.rows, used=read.used, unusable=read.unusable, columns=read.roles.told,
        notes=(*undrawn, *read.notes, *_notes(groups, timed, untimed, read.roles.weight)),
        alpha=alpha, tolerance=tolerance, ordered="time" if timed else "rows",
        groups=tuple(sorted(groups, key=lambda one: (not one.alarm, -one.log10_evidence))),
    )  # fmt: skip


def _times(groups: Iterable[GroupRows]) -> tuple[bool, int]:
    """Whether rows go by their times, which most must have; and how many rows have none."""
    every = [np.full(len(one.scores), np.nan) if one.time is None else one.time for one in groups]
    known = sum(int(np.isfinite(times).sum()) for times in every)
    missing = sum(map(len, every)) - known
    return known > missing, missing


def _notes(groups: Sequence[WatchedGroup], timed: bool, untimed: int, weight: str | None) -> Iterator[str]:
    if not timed:
        yield "Without a column of times for most rows, rows are taken in their order. Name one: --time COLUMN."
    elif untimed:
        yield f"{untimed:,} rows have no time, and are left out: nobody knows which answers they came between."
    if weight:
        yield (
            f"The weights of {weight!r} are not used: each verdict is a bet at its own confidence, so it does not "
            "matter which confidences were judged more often. Rows that were chosen by anything else that tells right "
            "from wrong would."
        )
    if young := sum(group.immature for group in groups):
        yield f"{young:,} answers are left out as too young: not all of their verdicts can be there yet."
    if back := sum(group.left_out for group in groups):
        yield (
            f"{back:,} rows came back to a cluster that had been counted, and are left out: that an item went as "
            "before is no news. Where every row is to count, as of a fixed set that is asked every day: --cluster none."
        )


class _Part:
    """The rows of one group in their order, and their monitor."""

    def __init__(self, rows: GroupRows, order: NDArray[np.intp], place: Floats, young: int) -> None:
        self.scores, self.grades, self.place = rows.scores[order], rows.grades[order], place
        self.clusters = None if rows.clusters is None else rows.clusters[order]
        self.young, self.monitor = young, Monitor()

    @classmethod
    def of(cls, rows: GroupRows, timed: bool, latest: float) -> _Part:
        """Those of a group, without the ones whose verdicts are not all there by the `latest` verdict of the log."""
        if not timed:
            when = rows.row.astype(np.float64)
        else:
            when = np.full(len(rows.row), np.nan) if rows.time is None else rows.time
        known = np.isfinite(when)
        ripe = known.copy()
        if (
            timed
            and known.any()
            and rows.judged is not None
            and len(np.unique(rows.judged[np.isfinite(rows.judged)])) > 1
        ):
            early = known & (
                when <= np.median(when[known])
            )  # of later ones only the quick verdicts may be there
            ripe &= when <= latest - _maturity((rows.judged - when)[early], rows.grades[early])
        order = np.flatnonzero(ripe)
        order = order[np.lexsort((rows.row[order], when[order]))]
        return cls(rows, order, when[order], int((known & ~ripe).sum()))

    def group(self, by: dict[str, str | None], alarm_at: int | None) -> WatchedGroup:
        """What is to be said of the group after its last row."""
        monitor = self.monitor
        change = monitor.change_point if alarm_at is not None else None
        since = slice(change, None)
        clusters = None if self.clusters is None else self.clusters[since]
        claimed, right = (means(values[since], clusters) for values in (self.scores, self.grades))
        first = _firsts(self.clusters, len(self.scores))
        return WatchedGroup(
            by=by, n=len(self.scores), alarm_at=alarm_at, change_point=change,
            log10_evidence=monitor.log10_evidence, gap=gap_of(claimed - right),
            claimed=float(claimed.mean()) if len(claimed) else float("nan"),
            right=float(right.mean()) if len(right) else float("nan"),
            kind=kind_of(
                self.scores[first], self.grades[first],
                None if change is None else int(np.searchsorted(first, change)),
            ),
            immature=self.young, left_out=monitor.left_out,
        )  # fmt: skip


def _maturity(delay: Floats, grades: Floats) -> float:
    """The time by which nearly all verdicts are there, of the kind of answers whose verdicts take longer."""
    kinds = [delay[side & np.isfinite(delay)] for side in (grades >= 0.5, grades < 0.5)]
    return max((float(np.quantile(one, SLOWEST)) for one in kinds if len(one)), default=0.0)


def _firsts(clusters: NDArray[Any] | None, rows: int) -> NDArray[np.intp]:
    """The first row of each cluster, in order."""
    if clusters is None:
        return np.arange(rows)
    return np.sort(np.unique(clusters, return_index=True)[1])


def _watched(parts: Sequence[_Part], alpha: float, tolerance: float) -> list[int | None]:
    """Rows that each group had seen when it was first rejected by e-BH, looked at after every label of all."""
    for part in parts:
        part.monitor = Monitor(alpha=alpha, tolerance=tolerance)
    found: list[int | None] = [None] * len(parts)
    for at, row in _merged(parts):
        part = parts[at]
        part.monitor.update(
            float(part.scores[row]), float(part.grades[row]),
            None if part.clusters is None else str(part.clusters[row]),
        )  # fmt: skip
        if found[at] is None and part.monitor.alarm:
            _reject(parts, found, alpha)
    for part in parts:
        part.monitor.settle()
    _reject(parts, found, alpha)
    return found


def _merged(parts: Sequence[_Part]) -> Iterator[tuple[int, int]]:
    """Group and row, in the order of the whole log."""
    place = np.concatenate([part.place for part in parts])
    group = np.repeat(np.arange(len(parts)), [len(part.place) for part in parts])
    row = np.concatenate([np.arange(len(part.place)) for part in parts])
    order = np.argsort(place, kind="stable")
    return zip(group[order].tolist(), row[order].tolist(), strict=True)


def _reject(parts: Sequence[_Part], found: list[int | None], alpha: float) -> None:
    """Give an alarm to those groups whose wealth is among the k largest, all k of which reach K / (k alpha)."""
    loud = [at for at, part in enumerate(parts) if part.monitor.alarm]
    loud.sort(key=lambda at: -parts[at].monitor.log10_evidence)
    most = 0
    for k, at in enumerate(loud, 1):
        if parts[at].monitor.log10_evidence >= np.log10(len(parts) / (k * alpha)):
            most = k
    for at in loud if len(parts) == 1 else loud[:most]:
        if found[at] is None:
            found[at] = parts[at].monitor.alarm_at if len(parts) == 1 else parts[at].monitor.rows
