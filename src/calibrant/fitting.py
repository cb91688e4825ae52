"""Fit: from labelled rows to maps that turn their scores into probabilities of being right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import NotEnoughLabels, UnusableInput
from .fits.blends import brier_saved, cross_fit_signals
from .fits.crossfit import folds
from .fits.groups import LabelledGroups, cross_fit_groups, fit_groups
from .fitted import FOLDS, Fitted, FittedGroup, cross_fitted, known, rows_of, scores_of
from .logs.keys import Key, listed
from .logs.opening import labelled
from .logs.pivots import Pivot, pivot
from .logs.roles import Roles
from .logs.tallies import Log, read_log
from .logs.values import UNANSWERED
from .maps.blends import BlendMap
from .maps.calibration import CalibrationMap
from .maps.groups import PooledMaps, key_of
from .maps.matching import Scope
from .maps.track_record import TrackRecord
from .plugins import find
from .tally import Floats, Tally
from .types import Fingerprint
from .types.asked import merged

__all__ = ["Fitted", "fit", "fit_log"]

Fallbacks = tuple[tuple[Scope, CalibrationMap], ...]


def fit(
    scores: Any,
    correct: Any = None,
    calibrator: str = "auto",
    *,
    weight: Any = None,
    cluster: Any = None,
    fingerprint: Fingerprint | None = None,
    by: Any = None,
    **named: str | None,
) -> Fitted:
    """Fit a calibrator on labelled scores, or one for each group of a log.

    Parameters
    ----------
    scores : shape (n,), in [0, 1]; a matrix of class logits, shape (n, classes); or a log
        Logits are scaled by one temperature; what is fitted then takes and gives matrices. A log is a data frame, a
        path or a store URL, as for `calibrant.audit`.
    correct : shape (n,); of a log the name of a column
        Right or wrong, or a grade in [0, 1]; for logits the index of the true class. Of a log found by its name where
        None.
    calibrator : str
        "auto", or a name that `calibrant.plugins.names("calibrators")` lists.
    weight, cluster : shape (n,), optional; of a log names of columns
        As in `Tally.of`.
    fingerprint : Fingerprint, optional
        What the scores are scores of; of a log its columns tell.
    by : shape (n,), or n tuples such as (task, domain), optional; of a log a column, or several
        The group of each row. The maps of arrays come back drawn towards each other, by a calibrator that fits groups
        together ("pooled", "multicalibrated"). NaN as a score or verdict is refused; a group without labels needs no
        rows.
    named : of a log confidence and the other options of `calibrant.audit`

    Raises
    ------
    NotEnoughLabels
        No labelled rows at all. One class only is fitted: the interval is wide, the probability not 1.
    UnusableInput
        Lengths differ, a value is out of range, or the log cannot be read.

    Examples
    --------
    >>> import calibrant
    >>> fitted = calibrant.fit([0.95] * 40 + [0.7] * 40, [1] * 30 + [0] * 10 + [1] * 20 + [0] * 20)
    >>> fitted([0.95, 0.7]).round(1), fitted.map.calibrator
    (array([0.7, 0.5]), 'auto')
    >>> import pandas
    >>> log = pandas.DataFrame({"conf": [0.9, 0.6] * 60, "ok": [1, 0, 1, 1] * 30, "task": ["law"] * 120})
    >>> calibrant.fit(log, correct="ok", by="task")["law"]([0.6, 0.9]).round(1)
    array([0.5, 1. ])
    """
    if correct is None or isinstance(correct, str):
        return fit_log(
            scores, () if by is None else by, calibrator=calibrator, correct=correct, weight=weight, cluster=cluster,
            **named,
        )  # fmt: skip
    if named:
        raise UnusableInput(f"{', '.join(named)} is for a log. Scores and verdicts were given as arrays.")
    if np.ndim(scores) == 2:
        return _fit_logits(scores, correct)
    if by is not None:
        return _fit_rows(by, calibrator, scores, correct, weight, cluster)
    tally = Tally.of(scores, correct, weight, cluster)
    made = _fit(tally, calibrator)
    made = made if fingerprint is None else made.with_fingerprint(fingerprint)
    parts = () if weight is None and cluster is None else _parts(scores, correct, weight, cluster)
    group = FittedGroup(by={}, tally=tally, map=made, unseen=partial(cross_fitted, tally, calibrator, parts))
    return Fitted(log=_of_arrays({(): tally}, ()), groups=(group,))


def _of_arrays(tallies: dict[Key, Tally], names: tuple[str, ...]) -> Log:
    rows = sum(tally.rows for tally in tallies.values())
    return Log(
        source="arrays", rows=rows, used=rows, unusable={}, read_as={}, roles=Roles(by=names), notes=(), groups=tallies,
    )  # fmt: skip


def _parts(scores: Any, correct: Any, weight: Any, cluster: Any) -> tuple[Tally, ...]:
    """Rows that are weighted or belong together, in five parts, clusters kept whole."""
    columns = [None if v is None else np.asarray(v) for v in (scores, correct, weight, cluster)]
    whole = _GroupedRows("", ("",), ((),), np.zeros(np.size(scores), np.intp), columns)
    fold = _folds(np.size(scores), columns[3])
    return tuple(whole.at(fold == f) for f in np.unique(fold))


def _fit_logits(logits: ArrayLike, labels: ArrayLike) -> Fitted:
    """One temperature; its measures are those of the likeliest class, and whether it was the true one."""
    made = find("calibrators", "temperature")().fit_logits(logits, labels)
    tally = _likeliest(made.raw(logits), labels)
    group = FittedGroup(by={}, tally=tally, map=made, unseen=partial(_logits_unseen, logits, labels))
    return Fitted(log=_of_arrays({(): tally}, ()), groups=(group,))


def _likeliest(p: Floats, labels: ArrayLike) -> Tally:
    return Tally.of(p.max(axis=1).clip(0, 1), p.argmax(axis=1) == np.asarray(labels).ravel())


def _logits_unseen(logits: ArrayLike, labels: ArrayLike) -> Tally | None:
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels).ravel()
    if len(y) < 2 * FOLDS:
        return None
    fold = np.random.default_rng(0).permutation(len(y)) % FOLDS
    scale, p = find("calibrators", "temperature")(), np.empty(z.shape)
    for f in range(FOLDS):
        p[fold == f] = scale.fit_logits(z[fold != f], y[fold != f])(z[fold == f])
    return _likeliest(p, y)


def _fit_rows(by: Any, calibrator: str, scores: Any, correct: Any, weight: Any, cluster: Any) -> Fitted:
    """The maps of the groups of rows, fitted together."""
    made = find("calibrators", calibrator)()
    if not hasattr(made, "fit_groups"):
        raise UnusableInput(
            f"{calibrator} fits one group at a time: call it for each, or use calibrator='pooled' with by."
        )
    Tally.of(scores, correct, weight, cluster)  # refuses what is out of range, and says in which row
    held = [None if v is None else np.asarray(v) for v in (scores, correct, weight, cluster)]
    rows = _GroupedRows.of(by, calibrator, held)
    maps: PooledMaps = made.fit_groups(rows.tallies)
    none = Tally.of([], [])
    groups = tuple(
        FittedGroup(
            by=dict(zip(rows.names, key, strict=True)), tally=rows.tallies.get(key, none), map=one,
            unseen=partial(rows.unseen, key),
        )
        for key, one in maps.groups.items()
    )  # fmt: skip
    scopes = [(tuple((n, str(v)) for n, v in zip(rows.names, k, strict=False)), k) for k in maps.fallbacks]
    stand_ins = tuple((scope, maps.fallbacks[k]) for scope, k in scopes if None not in k)
    return Fitted(log=_of_arrays(rows.tallies, rows.names), groups=groups, fallbacks=stand_ins)


@dataclass(frozen=True)
class _GroupedRows:
    """Scores, verdicts, weights and clusters by row, and the group of each."""

    calibrator: str
    names: tuple[str, ...]
    keys: tuple[Key, ...]
    where: NDArray[np.intp]
    columns: list[NDArray[Any] | None]

    @classmethod
    def of(cls, by: Any, calibrator: str, columns: list[NDArray[Any] | None]) -> _GroupedRows:
        """Rows by their groups; raises `UnusableInput` where there is not one for each."""
        rows, scores = [key_of(row) for row in rows_of(by)], columns[0]
        if scores is not None and len(rows) != len(scores):
            raise UnusableInput(
                f"by must have one group for each of the {len(scores)} scores; got {len(rows)}."
            )
        codes: dict[Key, int] = {}
        where = np.array([codes.setdefault(row, len(codes)) for row in rows], np.intp)
        size = max(map(len, codes), default=1)
        names = getattr(by, "columns", None)
        names = [getattr(by, "name", None) or "group"] if names is None and size == 1 else names
        told = [f"group {i + 1}" for i in range(size)] if names is None else names
        return cls(calibrator, tuple(map(str, told)), tuple(codes), where, columns)

    def at(self, rows: NDArray[np.bool_]) -> Tally:
        """The tally of some of the rows."""
        c, y, w, ids = (None if v is None else v[rows] for v in self.columns)
        return Tally.of([] if c is None else c, [] if y is None else y, w, ids)

    @cached_property
    def tallies(self) -> dict[Key, Tally]:
        """By group."""
        return {key: self.at(self.where == k) for k, key in enumerate(self.keys)}

    @cached_property
    def moved(self) -> dict[Key, Tally]:
        """Each group's rows at probabilities of maps that had not seen them."""
        fold = _folds(len(self.where), self.columns[3])
        parts: dict[Key, dict[int, Tally]] = {key: {} for key in self.keys}
        for k, f in set(zip(self.where.tolist(), fold.tolist(), strict=True)):
            parts[self.keys[k]][f] = self.at((self.where == k) & (fold == f))
        groups = LabelledGroups(by=self.names, tallies=self.tallies, constants={})
        return cross_fit_groups(groups, find("calibrators", self.calibrator)(), parts, FOLDS)

    def unseen(self, key: Key) -> Tally | None:
        """Those of one group."""
        return self.moved.get(key)


def _folds(rows: int, cluster: NDArray[Any] | None) -> NDArray[np.intp]:
    """The number of each row's fold, clusters kept whole."""
    code = np.arange(rows) if cluster is None else np.unique(cluster, return_inverse=True)[1].ravel()
    fold: NDArray[np.intp] = (np.random.default_rng(0).permutation(int(code.max(initial=0)) + 1) % FOLDS)[
        code
    ]
    return fold


def _fit(tally: Tally, calibrator: str) -> CalibrationMap:
    if not tally.rows:
        raise NotEnoughLabels("A calibration map", 1, 0)
    fitted: CalibrationMap = find("calibrators", calibrator)().fit(tally)
    return fitted


def fit_log(
    source: Any,
    by: str | Sequence[str] = (),
    *,
    calibrator: str = "auto",
    scale: str | None = None,
    **named: str | None,
) -> Fitted:
    """Fit one map per group of a log and measure each by five-fold cross-fitting.

    `source`, `by`, `scale` and the named columns are those of `calibrant.audit`; each map keeps the unit of its scores.
    With `calibrator="blend"` a log of
    several signals gives one `BlendMap` per group, which takes the signals of each record together.
    """
    by = listed(by)
    opened = labelled(source, named) if calibrator == "blend" else None
    if opened is not None and "signal" in opened.columns and "signal" not in by:
        return _fit_blends(pivot(opened, by, scale=scale, **named), opened.name)
    log = read_log(source, by=by, folds=FOLDS, scale=scale, **named)
    if hasattr(find("calibrators", calibrator), "fit_groups") and log.roles.by:
        return _fit_together(log, calibrator)
    groups = [_fit_group(log, key, calibrator) for key in log.groups]
    for key, why in log.empty.items():
        reasons = "; ".join(f"{n:,} x {reason}" for reason, n in why.items())
        by_ = dict(zip(log.roles.by, key, strict=True))
        groups.append(FittedGroup(by=by_, tally=Tally.of([], []), map=None, why=reasons))
    return Fitted(log=log, groups=tuple(sorted(groups, key=lambda g: str(tuple(g.by.values())))))


def _fit_together(log: Log, calibrator: str) -> Fitted:
    tallies = {**log.groups, **dict.fromkeys(log.empty, Tally.of([], []))}
    labelled = LabelledGroups(by=log.roles.by, tallies=tallies, constants=log.constants)
    pooled = find("calibrators", calibrator)()
    made = fit_groups(labelled, pooled)
    parts = {k: log.folds.get(k) or dict(enumerate(folds(t, FOLDS))) for k, t in log.groups.items()}
    moved = cross_fit_groups(labelled, pooled, parts, FOLDS)
    groups = []
    for key in sorted(tallies, key=str):
        by = dict(zip(log.roles.by, key, strict=True))
        tally, after = tallies[key], moved.get(key)
        fitted = made.maps.get(key)
        if fitted is None:
            why = "the groups it would borrow from are of several models"
            groups.append(FittedGroup(by=by, tally=tally, map=None, why=why))
        else:
            bound = fitted.with_fingerprint(
                fitted.fingerprint,
                verdict=log.roles.correct,
                **_measured(tally, after),
                **_unanswered(log, key),
            ).with_unit(log.units[key])
            groups.append(FittedGroup(by=by, tally=tally, map=bound, unseen=known(after)))
    return Fitted(log=log, groups=tuple(groups), fallbacks=_in_one_unit(log, made.fallbacks))


def _in_one_unit(log: Log, fallbacks: Sequence[tuple[Scope, CalibrationMap]]) -> Fallbacks:
    """The stand-ins whose groups all state their scores in one unit, bound to it: a new group's unit is not known."""
    found = []
    for scope, made in fallbacks:
        at = {log.roles.by.index(name): value for name, value in scope}
        units = {unit for key, unit in log.units.items() if all(key[i] == v for i, v in at.items())}
        if len({unit.scale for unit in units}) == 1:
            found.append((scope, made.with_unit(max(units, key=lambda unit: not unit.whole))))
    return tuple(found)


def _fit_group(log: Log, key: Key, calibrator: str) -> FittedGroup:
    by = dict(zip(log.roles.by, key, strict=True))
    tally = log.groups[key]
    after = cross_fitted(tally, calibrator, log.parts(key, FOLDS))
    fingerprint = Fingerprint.of({**log.constants.get(key, {}), **by})
    fitted = (
        _fit(tally, calibrator)
        .with_fingerprint(
            fingerprint, verdict=log.roles.correct, **_measured(tally, after), **_unanswered(log, key)
        )
        .with_unit(log.units[key])
    )
    return FittedGroup(by=by, tally=tally, map=fitted, unseen=known(after))


def _unanswered(log: Log, key: Key) -> dict[str, int]:
    """How many rows without an answer were set apart, where any were: a map of the others is not for such rows."""
    lost = log.lost.get(key, {}).get(UNANSWERED, 0)
    return {"unanswered": lost} if lost else {}


def _measured(tally: Tally, after: Tally | None) -> dict[str, Any]:
    """What a map's statistics say: its measures before and after, and how often its bands were right."""
    return {
        "before": scores_of(tally) if tally.rows else None,
        "after": after and scores_of(after),
        "track_record": after and TrackRecord.of(after).to_dict(),
    }


def _fit_blends(answers: Pivot, name: str) -> Fitted:
    groups = []
    for g, key in sorted(enumerate(answers.keys), key=lambda pair: str(pair[1])):
        at = np.flatnonzero((answers.group == g) & ~np.isnan(answers.grade))
        held = [n for n, s in answers.scores.items() if not np.isnan(s[at]).all()]
        if held:
            groups.append(_fit_blend(answers, g, dict(zip(answers.roles.by, key, strict=True)), at, held))
    if not groups:
        raise NotEnoughLabels("A blend", 1, 0)
    log = Log(
        source=name, rows=len(answers.row), used=answers.used, unusable=dict(answers.unusable),
        read_as=dict(answers.read_as), roles=answers.roles, notes=answers.notes,
        groups={tuple(f.by.values()): f.tally for f in groups},
        units={tuple(map(str, place)): unit for place, unit in answers.units.items()},
    )  # fmt: skip
    return Fitted(log=log, groups=tuple(groups))


def _fit_blend(
    answers: Pivot, group: int, by: dict[str, str | None], at: NDArray[np.intp], held: list[str]
) -> FittedGroup:
    at = at[~np.all([np.isnan(answers.scores[n][at]) for n in held], axis=0)]
    scores = {n: answers.scores[n][at] for n in held}
    grade, weight = answers.grade[at], answers.weight[at]
    cluster = None if answers.cluster is None else answers.cluster[at]
    made: BlendMap = find("calibrators", "blend")().fit_rows(scores, grade, weight, cluster)
    made = replace(made, evidence=replace(made.evidence, unseen=answers.unseen[group]))
    best = min(made.signals, key=lambda s: (np.inf if s.alone is None else s.alone, -s.rows)).name
    seen = ~np.isnan(scores[best])
    raw = Tally.of(scores[best][seen], grade[seen], weight[seen], None if cluster is None else cluster[seen])
    asked = {n: answers.asked[group, n] for n in held}
    shared = {
        name: values.pop()
        for name in ("model", "task", "domain")
        if len(values := {getattr(mark, name) for mark in asked.values()}) == 1
    }
    together = merged(mark.asked_with for mark in asked.values())
    mark = Fingerprint.of({**shared, "asked_with": together, **by})
    p, single = cross_fit_signals(
        find("calibrators", "blend")(), find("calibrators", "auto")(), scores, grade, weight, cluster, FOLDS
    )
    after = None if p is None else Tally.of(p, grade, weight, cluster)
    buys = None if p is None or single is None else brier_saved(p, single, grade, weight, cluster)
    units = {n: answers.units[group, n] for n in held}
    statistics = {
        "before": scores_of(raw), "after": after and scores_of(after), "best_single": best, "buys": buys,
        "track_record": after and TrackRecord.of(after).to_dict(),
    }  # fmt: skip
    bound = made.bound_to(mark, asked, units, **statistics)
    return FittedGroup(by=by, tally=raw, map=bound, unseen=known(after))
