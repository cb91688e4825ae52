"""Fit: from labelled rows to maps that turn their scores into probabilities of being right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import metrics
from .errors import NotEnoughLabels, UnusableInput
from .fits.blends import brier_saved, cross_fit_signals
from .fits.crossfit import cross_fit, folds
from .fits.groups import LabelledGroups, cross_fit_groups, fit_groups
from .logs.keys import Key, listed
from .logs.opening import labelled
from .logs.pivots import Pivot, pivot
from .logs.tallies import Log, read_log
from .maps.blends import BlendMap
from .maps.calibration import CalibrationMap, MapSet
from .maps.groups import PooledMaps
from .maps.matching import Scope
from .maps.track_record import TrackRecord
from .plugins import find
from .tally import Tally, merged
from .types import Fingerprint

if TYPE_CHECKING:
    from .calibrators.temperature import TemperatureMap

__all__ = ["Fitted", "FittedLog", "fit", "fit_log"]

FOLDS = 5
Fallbacks = tuple[tuple[Scope, CalibrationMap], ...]


def fit(
    scores: ArrayLike,
    correct: ArrayLike,
    calibrator: str = "auto",
    *,
    weight: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    fingerprint: Fingerprint | None = None,
    by: ArrayLike | Sequence[Any] | None = None,
) -> CalibrationMap | TemperatureMap | PooledMaps | Any:
    """Fit a calibrator on labelled scores.

    Parameters
    ----------
    scores : shape (n,), in [0, 1]; or a matrix of class logits, shape (n, classes)
        Logits are for `calibrator="temperature"` only; the map then takes and gives matrices.
    correct : shape (n,)
        Right or wrong, or a grade in [0, 1]; for logits the index of the true class.
    calibrator : str
        "auto", or a name that `calibrant.plugins.names("calibrators")` lists.
    weight, cluster : shape (n,), optional
        As in `Tally.of`.
    by : shape (n,), or n tuples such as (task, domain), optional
        The group of each row. The groups' maps come back together, drawn towards each other:
        `calibrator="pooled"` only. NaN as a score or verdict is refused; a group without labels needs no rows.

    Raises
    ------
    NotEnoughLabels
        No labelled rows at all. One class only is fitted: the interval is wide, the probability not 1.

    Examples
    --------
    >>> import calibrant
    >>> m = calibrant.fit([0.95] * 40 + [0.7] * 40, [1] * 30 + [0] * 10 + [1] * 20 + [0] * 20)
    >>> m([0.95, 0.7]).round(1), m.calibrator
    (array([0.7, 0.5]), 'auto')
    """
    if np.ndim(scores) == 2:
        return find("calibrators", "temperature")().fit_logits(scores, correct)
    if by is not None:
        return _fit_rows(by, calibrator, scores, correct, weight, cluster)
    tally = Tally.of(scores, correct, weight, cluster)
    fitted = _fit(tally, calibrator)
    return fitted if fingerprint is None else fitted.with_fingerprint(fingerprint)


def _fit_rows(
    by: Any,
    calibrator: str,
    scores: ArrayLike,
    correct: ArrayLike,
    weight: ArrayLike | None,
    cluster: ArrayLike | None,
) -> PooledMaps:
    """The maps of the groups of rows, fitted together."""
    made = find("calibrators", calibrator)()
    if not hasattr(made, "fit_groups"):
        raise UnusableInput(
            f"{calibrator} fits one group at a time: call it for each, or use calibrator='pooled' with by."
        )
    Tally.of(scores, correct, weight, cluster)  # refuses what is out of range, and says in which row
    rows = [tuple(v) if isinstance(v, list) else v for v in (by.tolist() if hasattr(by, "tolist") else by)]
    c, y = np.asarray(scores), np.asarray(correct)
    if len(rows) != len(c):
        raise UnusableInput(f"by must have one group for each of the {len(c)} scores; got {len(rows)}.")
    codes: dict[Any, int] = {}
    where = np.array([codes.setdefault(row, len(codes)) for row in rows], np.intp)
    w, ids = (None if v is None else np.asarray(v) for v in (weight, cluster))
    tallies = {}
    for key, k in codes.items():
        at = where == k
        tallies[key] = Tally.of(c[at], y[at], None if w is None else w[at], None if ids is None else ids[at])
    maps: PooledMaps = made.fit_groups(tallies)
    return maps


def _fit(tally: Tally, calibrator: str) -> CalibrationMap:
    if not tally.rows:
        raise NotEnoughLabels("A calibration map", 1, 0)
    fitted: CalibrationMap = find("calibrators", calibrator)().fit(tally)
    return fitted


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A group's map, and its measures before and after, the latter on rows that the map had not seen.

    Of a blend, `tally` holds the raw scores of the best single signal. A group that got no map says `why`; its
    tally is empty.
    """

    by: dict[str, str | None]
    tally: Tally
    map: CalibrationMap | BlendMap | None
    after: Tally | None
    why: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `after` is None where there are too few rows to part."""
        made = self.map
        if made is None:
            nothing = dict.fromkeys(("calibrator", "weights", "fingerprint", "before", "after", "map_id"))
            return {"by": self.by, **nothing, "n": 0, "n_eff": 0.0, "why": self.why}
        return {
            "by": self.by,
            **({"blend": _told(made)} if isinstance(made, BlendMap) else {}),
            "calibrator": made.calibrator,
            "weights": made.statistics.get("weights"),
            **({"own_weight": made.statistics["own_weight"]} if "own_weight" in made.statistics else {}),
            "fingerprint": {k: v for k, v in asdict(made.fingerprint).items() if v is not None},
            "n": self.tally.rows,
            "n_eff": round(self.tally.n_eff, 2),
            "before": scores_of(self.tally) if self.tally.rows else None,
            "after": self.after and scores_of(self.after),
            "map_id": made.map_id,
        }


@dataclass(frozen=True, kw_only=True)
class FittedLog:
    """The maps of a log's groups, and what was read of the log. `fallbacks` stand in for groups not seen."""

    log: Log
    groups: tuple[Fitted, ...]
    fallbacks: tuple[tuple[Scope, CalibrationMap], ...] = ()

    @property
    def maps(self) -> MapSet:
        """The maps, to be written with `to_json`."""
        made = [(tuple(g.by.values()), g.map) for g in self.groups]
        return MapSet(
            by=self.log.roles.by,
            groups=tuple((key, m) for key, m in made if isinstance(m, CalibrationMap)),
            blends=tuple((key, m) for key, m in made if isinstance(m, BlendMap)),
            fallbacks=self.fallbacks,
        )

    def total(self) -> dict[str, Any] | None:
        """Before and after of all groups that have an after, their rows together; None where none has."""
        measured = [(g.tally, g.after) for g in self.groups if g.after is not None]
        if not measured:
            return None
        before, after = (merged(tallies) for tallies in zip(*measured, strict=True))
        return {"n": before.rows, "before": scores_of(before), "after": scores_of(after)}

    def worst_segment(self) -> dict[str, Any] | None:
        """The value or pair of values of the columns that is worst calibrated, before and after; None without columns.

        After is on rows that the maps had not seen, so None where no group has an after.
        """
        by = tuple(n for n in self.log.roles.by if n != "signal")
        if not by or "signal" in self.log.roles.by:
            return None
        stages = {"before": self.groups, "after": tuple(g for g in self.groups if g.after is not None)}
        found = {}
        for stage, groups in stages.items():
            tallies = {
                tuple(g.by.values()): g.tally if stage == "before" or g.after is None else g.after
                for g in groups
                if g.tally.rows
            }
            found[stage] = metrics.worst_segment(tallies, by)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        fallbacks = [
            {"where": dict(where), "n": m.evidence.rows, "map_id": m.map_id} for where, m in self.fallbacks
        ]
        worst = self.worst_segment()
        return {
            "source": self.log.source, "rows": self.log.rows, "used": self.log.used,
            "unusable": self.log.unusable, "scale": self.log.scale, "notes": list(self.log.notes),
            "groups": [g.to_dict() for g in self.groups], "total": self.total(),
            **({"fallbacks": fallbacks} if fallbacks else {}), **({"worst_segment": worst} if worst else {}),
        }  # fmt: skip


def fit_log(
    source: Any,
    by: str | Sequence[str] = (),
    *,
    calibrator: str = "auto",
    scale: str | None = None,
    **named: str | None,
) -> FittedLog:
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
        groups.append(Fitted(by=by_, tally=Tally.of([], []), map=None, after=None, why=reasons))
    return FittedLog(log=log, groups=tuple(sorted(groups, key=lambda g: str(tuple(g.by.values())))))


def _fit_together(log: Log, calibrator: str) -> FittedLog:
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
            groups.append(Fitted(by=by, tally=tally, map=None, after=None, why=why))
        else:
            bound = fitted.with_fingerprint(fitted.fingerprint, **_measured(tally, after)).with_unit(
                log.units[key]
            )
            groups.append(Fitted(by=by, tally=tally, map=bound, after=after))
    return FittedLog(log=log, groups=tuple(groups), fallbacks=_in_one_unit(log, made.fallbacks))


def _in_one_unit(log: Log, fallbacks: Sequence[tuple[Scope, CalibrationMap]]) -> Fallbacks:
    """The stand-ins whose groups all state their scores in one unit, bound to it: a new group's unit is not known."""
    found = []
    for scope, made in fallbacks:
        at = {log.roles.by.index(name): value for name, value in scope}
        units = {unit for key, unit in log.units.items() if all(key[i] == v for i, v in at.items())}
        if len({unit.scale for unit in units}) == 1:
            found.append((scope, made.with_unit(max(units, key=lambda unit: not unit.whole))))
    return tuple(found)


def _fit_group(log: Log, key: Key, calibrator: str) -> Fitted:
    by = dict(zip(log.roles.by, key, strict=True))
    tally = log.groups[key]
    after = cross_fitted(tally, calibrator, log.parts(key, FOLDS))
    fingerprint = Fingerprint.of({**log.constants.get(key, {}), **by})
    fitted = (
        _fit(tally, calibrator)
        .with_fingerprint(fingerprint, **_measured(tally, after))
        .with_unit(log.units[key])
    )
    return Fitted(by=by, tally=tally, map=fitted, after=after)


def _measured(tally: Tally, after: Tally | None) -> dict[str, Any]:
    """What a map's statistics say: its measures before and after, and how often its bands were right."""
    return {
        "before": scores_of(tally) if tally.rows else None,
        "after": after and scores_of(after),
        "track_record": after and TrackRecord.of(after).to_dict(),
    }


def _fit_blends(answers: Pivot, name: str) -> FittedLog:
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
    return FittedLog(log=log, groups=tuple(groups))


def _fit_blend(
    answers: Pivot, group: int, by: dict[str, str | None], at: NDArray[np.intp], held: list[str]
) -> Fitted:
    at = at[~np.all([np.isnan(answers.scores[n][at]) for n in held], axis=0)]
    scores = {n: answers.scores[n][at] for n in held}
    grade, weight = answers.grade[at], answers.weight[at]
    cluster = None if answers.cluster is None else answers.cluster[at]
    made: BlendMap = find("calibrators", "blend")().fit_rows(scores, grade, weight, cluster)
    best = min(made.signals, key=lambda s: (np.inf if s.alone is None else s.alone, -s.rows)).name
    seen = ~np.isnan(scores[best])
    raw = Tally.of(scores[best][seen], grade[seen], weight[seen], None if cluster is None else cluster[seen])
    asked = {n: answers.asked[group, n] for n in held}
    shared = {
        name: values.pop()
        for name in ("model", "task", "domain")
        if len(values := {getattr(mark, name) for mark in asked.values()}) == 1
    }
    mark = Fingerprint.of({**shared, **by})
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
    return Fitted(by=by, tally=raw, map=made.bound_to(mark, asked, units, **statistics), after=after)


def _told(made: BlendMap) -> dict[str, Any]:
    """What a blend's signals are worth: weight, share missing, Brier score alone, and what each one saves."""
    return {
        "signals": {
            s.name: {
                n: getattr(s, n) for n in ("weight", "when_missing", "missing", "rows", "alone", "saves")
            }
            for s in made.signals
        },
        "dropped": dict(made.dropped),
        "best_single": made.statistics.get("best_single"),
        "saved_over_best_single": made.statistics.get("buys"),
    }


def cross_fitted(tally: Tally, calibrator: str, parts: list[Tally]) -> Tally | None:
    """The rows at probabilities of maps that had not seen them; None below ten rows."""
    if tally.n_eff < 2 * FOLDS or len(parts) < 2:
        return None
    return reduce(add, cross_fit(find("calibrators", calibrator)(), parts))


def scores_of(tally: Tally) -> dict[str, float]:
    """The measures that a fit is judged by."""
    return {
        "ece": metrics.ece(tally),
        "l2": metrics.l2(tally).value if tally.rows > 1 else 0.0,
        "smooth_ece": metrics.smooth_ece(tally).value if tally.rows > 1 else 0.0,
        "brier": metrics.brier(tally),
        "log_loss": metrics.log_loss(tally),
    }
