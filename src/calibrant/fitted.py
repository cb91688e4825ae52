"""What a fit gives: maps by group, and what they are worth on rows that they had not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial, reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from . import metrics
from .errors import UnusableInput
from .files.writing import write
from .fits.crossfit import cross_fit, folds
from .logs.keys import Key, group_name
from .logs.tallies import Log
from .maps.behind import Behind, behind
from .maps.blends import BlendMap
from .maps.calibration import CalibrationMap, MapSet
from .maps.groups import key_of
from .maps.logits import TemperatureMap
from .maps.matching import Scope
from .phrasing.findings import shape_told
from .phrasing.numbers import fixed, several
from .plugins import find
from .shown import Shown, flat
from .tally import Floats, Tally, merged
from .types import FEW

__all__ = ["FOLDS", "Fitted", "FittedGroup", "cross_fitted", "known", "rows_of", "scores_of"]

FOLDS = 5
_SHOWN = 6

Unseen = Callable[[], Tally | None]
"""Gives a group's rows at the probabilities of maps that had not seen them; None where they are too few."""


def _none() -> None:
    return None


@dataclass(frozen=True, kw_only=True, repr=False)
class FittedGroup(Shown):
    """A group's map, and its measures before and after, the latter on rows that the map had not seen.

    Of a blend, `tally` holds the raw scores of the best single signal, of a matrix of logits those of the likeliest
    class. A group that got no map says `why`; its tally is empty. `unseen` is called once, when `after` is asked for.
    """

    by: dict[str, str | None]
    tally: Tally
    map: CalibrationMap | BlendMap | TemperatureMap | None
    unseen: Unseen = field(default=_none, compare=False)
    why: str | None = None

    @cached_property
    def after(self) -> Tally | None:
        """The rows at probabilities of maps that had not seen them; None below ten rows."""
        return self.unseen()

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `after` is None where there are too few rows to part."""
        made = self.map
        if made is None:
            nothing = dict.fromkeys(("calibrator", "weights", "fingerprint", "before", "after", "map_id"))
            return {"by": self.by, **nothing, "n": 0, "n_eff": 0.0, "why": self.why}
        return {
            "by": self.by,
            **({"blend": _of_blend(made)} if isinstance(made, BlendMap) else {}),
            "calibrator": made.calibrator,
            "weights": made.statistics.get("weights"),
            **({"own_weight": made.statistics["own_weight"]} if "own_weight" in made.statistics else {}),
            "fingerprint": {k: v for k, v in asdict(made.fingerprint).items() if v is not None},
            "n": self.tally.rows,
            "n_eff": round(self.tally.n_eff, 2),
            "before": scores_of(self.tally) if self.tally.rows else None,
            "after": self.after and scores_of(self.after),
            "map_id": made.content_id,
            **({"behind": [one.to_dict() for one in self.behind]} if self.behind else {}),
        }

    @property
    def behind(self) -> Sequence[Behind]:
        """The labelled rows of each range of scores, and whether they agree with the map; none of a blend or logits."""
        return (
            behind(self.tally, self.map) if isinstance(self.map, CalibrationMap) and self.tally.rows else ()
        )

    def _told(self) -> list[str]:
        name = group_name(self.by)
        if self.map is None:
            return [f"{name}: no map, {self.why}"]
        about = f"{name}: {self.map.calibrator} on {several(self.tally.rows, 'label')}"
        if self.after is None:
            return [f"{about}, too few to say what it is worth on others"]
        before, after = metrics.brier(self.tally), metrics.brier(self.after)
        return [f"{about}; Brier score {fixed(before)} to {fixed(after)} on rows it had not seen"]

    def _rows(self) -> list[dict[str, Any]]:
        told = self.to_dict()
        stages = {
            f"{name}_{stage}": value
            for stage in ("before", "after")
            for name, value in (told[stage] or {}).items()
        }
        return [
            flat(
                {n: told[n] for n in ("by", "calibrator", "n", "n_eff")} | stages | {"map_id": told["map_id"]}
            )
        ]


@dataclass(frozen=True, kw_only=True, repr=False)
class Fitted(Shown):
    """The maps of the groups that were fitted, to be called with scores, and what was read. Made by `calibrant.fit`.

    `log` says what was read, `groups` are the groups with their maps and measures; `fallbacks` stand in for groups not
    seen.

    Examples
    --------
    >>> import calibrant
    >>> fitted = calibrant.fit([0.9, 0.6] * 50, [1, 0, 1, 1] * 25, "platt")
    >>> fitted
    <Fitted: All rows: platt on 100 labels; Brier score 0.135 to 0.131 on rows it had not seen>
    >>> fitted([0.6, 0.9]).round(2), [end.round(2).tolist() for end in fitted.interval([0.9])]
    (array([0.51, 0.99]), [[0.87], [1.0]])
    >>> by_task = calibrant.fit([0.9, 0.6] * 50, [1, 0, 1, 1] * 25, "pooled", by=["law", "art"] * 50)
    >>> by_task([0.6, 0.6], by=["law", "art"]).round(1), by_task["law"].calibrator
    (array([0.5, 0.5]), 'pooled')
    """

    log: Log
    groups: tuple[FittedGroup, ...]
    fallbacks: tuple[tuple[Scope, CalibrationMap], ...] = ()

    def __call__(self, scores: Any, by: Any = None) -> Floats:
        """Probabilities of being right, of the shape of `scores`.

        Parameters
        ----------
        scores : in [0, 1]; a matrix of logits for a map of logits; a mapping from signal to scores for a blend
        by : the group of all scores, or of each, where the maps are those of groups: a value, or a tuple of several

        Raises
        ------
        UnusableInput
            A score out of range; several groups and no `by`; a group that has no map and no stand-in.
        """
        if by is None:
            whole: Floats = self.map(scores)
            return whole
        c = np.asarray(scores, dtype=np.float64)
        p = np.empty(c.shape)
        for key, at in self._parted(c, by):
            p[at] = self.find(key)(c[at])
        return p

    def interval(self, scores: Any, by: Any = None) -> tuple[Floats, Floats]:
        """Low and high ends of the 95 % intervals of the probabilities, each of the shape of `scores`."""
        if by is None:
            made = self.map
            if isinstance(made, TemperatureMap):
                raise UnusableInput(
                    "A temperature of logits has no interval: it is one number for all classes."
                )
            ends: tuple[Floats, Floats] = made.interval(scores)
            return ends
        c = np.asarray(scores, dtype=np.float64)
        low, high = np.empty(c.shape), np.empty(c.shape)
        for key, at in self._parted(c, by):
            low[at], high[at] = self.find(key).interval(c[at])
        return low, high

    def _parted(self, scores: Floats, by: Any) -> Iterator[tuple[Key, Any]]:
        """Each group of `by` and where its scores are."""
        if isinstance(by, str | tuple) or np.ndim(by) == 0:
            yield key_of(by), slice(None)
            return
        keys = rows_of(by)
        if scores.shape != (len(keys),):
            raise UnusableInput(
                f"by must have one group for each of the {scores.size} scores; got {len(keys)}."
            )
        where: dict[Key, list[int]] = {}
        for i, key in enumerate(keys):
            where.setdefault(key_of(key), []).append(i)
        yield from ((key, np.array(at, np.intp)) for key, at in where.items())

    @property
    def map(self) -> Any:
        """The map, where there is but one; raises `UnusableInput` that names the groups where there are several."""
        if len(self.groups) == 1 and self.groups[0].map is not None:
            return self.groups[0].map
        raise UnusableInput(
            f"There is a map for each {self._each}. Say which: fitted[{self._one!r}], or by=... ."
        )

    @cached_property
    def _index(self) -> dict[Key, Any]:
        return {key_of(tuple(g.by.values())): g.map for g in self.groups if g.map is not None}

    @property
    def _each(self) -> str:
        return " and ".join(self.log.roles.by) or "group"

    @property
    def _one(self) -> Any:
        key = next(iter(self._index), ("GROUP",))
        return key[0] if len(key) == 1 else key

    def __getitem__(self, key: Any) -> Any:
        """The map of a group, by its value or a tuple of several; raises `KeyError`."""
        return self._index[key_of(key)]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def values(self) -> list[Any]:
        """The groups' maps."""
        return list(self._index.values())

    def find(self, key: Any) -> Any:
        """The map of a group, else the one that stands in for such groups; raises `UnusableInput` where none does."""
        whole = key_of(key)
        if whole in self._index:
            return self._index[whole]
        stated = dict(zip(self.log.roles.by, whole, strict=False))
        near = [(scope, one) for scope, one in self.fallbacks if dict(scope).items() <= stated.items()]
        if not near or len(stated) != len(self.log.roles.by):
            known = ", ".join(group_name(g.by) for g in self.groups[:8])
            raise UnusableInput(
                f"There is no map for {self._each} {', '.join(map(str, whole))}. There are: {known}."
            )
        return max(near, key=lambda pair: len(pair[0]))[1]

    @property
    def maps(self) -> MapSet:
        """The maps as they are kept in a file and applied to logs; raises `UnusableInput` for a map of logits."""
        made = [(tuple(g.by.values()), g.map) for g in self.groups]
        if any(isinstance(one, TemperatureMap) for _, one in made):
            raise UnusableInput(
                "A temperature of logits is for matrices, not for a log. Keep it with fitted.save(FILE)."
            )
        return MapSet(
            by=self.log.roles.by,
            groups=tuple((key, m) for key, m in made if isinstance(m, CalibrationMap)),
            blends=tuple((key, m) for key, m in made if isinstance(m, BlendMap)),
            fallbacks=self.fallbacks,
        )

    def to_json(self) -> str:
        """The maps as JSON text, which `MapSet.from_json` reads."""
        return self.map.to_json() if self._of_logits else self.maps.to_json()

    def save(self, path: str | Path) -> None:
        """Write a file that `MapSet.load` and `calibrant apply` read (`TemperatureMap.load` for logits)."""
        write(path, self.to_json())

    @property
    def _of_logits(self) -> bool:
        return isinstance(self.groups[0].map, TemperatureMap)

    @property
    def before(self) -> dict[str, float] | None:
        """ECE, L2 error, smooth ECE, Brier score and log loss of the raw scores; None without rows."""
        told = merged([g.tally for g in self.groups])
        return scores_of(told) if told.rows else None

    @property
    def after(self) -> dict[str, float] | None:
        """The same measures of probabilities by maps that had not seen the rows; None below ten rows."""
        moved = [g.after for g in self.groups if g.after is not None]
        return scores_of(merged(moved)) if moved else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of what was read, of scores that rise while the rate falls, and of maps on few labels."""
        made = [(group_name(g.by), g) for g in self.groups if g.map is not None and g.tally.rows]
        bent = [told for name, g in made for told in shape_told(name, metrics.fall(g.tally), g.behind)]
        thin = [(name, g.tally.rows) for name, g in made if g.tally.rows < FEW]
        named = ", ".join(f"{name} ({n})" for name, n in thin[:8]) + (" ..." if len(thin) > 8 else "")
        few = (
            f"Maps on fewer than {FEW} labelled answers: {named}. Their intervals are wide; the policy bands reads the "
            "low ends by itself, and every answer says so. Label more before you rely on them."
        )
        return (*self.log.notes, *bent, *([few] if thin else []))

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
            "unusable": self.log.unusable, "scale": self.log.scale, "notes": list(self.notes),
            "columns": self.log.roles.told,
            "groups": [g.to_dict() for g in self.groups], "total": self.total(),
            **({"fallbacks": fallbacks} if fallbacks else {}), **({"worst_segment": worst} if worst else {}),
        }  # fmt: skip

    def _told(self) -> list[str]:
        notes = [f"Note: {note}" for note in self.notes]
        if len(self.groups) == 1:
            return [*notes, *self.groups[0]._told()]
        head = f"{len(self)} maps by {self._each}, {several(sum(g.tally.rows for g in self.groups), 'label')}"
        shown = self.groups[:_SHOWN]
        more = [f"... {len(self.groups) - _SHOWN} more groups"] if len(self.groups) > _SHOWN else []
        return [head, *notes, *(line for group in shown for line in group._told()), *more]

    def _rows(self) -> list[dict[str, Any]]:
        return [row for group in self.groups for row in group._rows()]


def rows_of(by: Any) -> list[Any]:
    """A group for each row, from an array, a column of a data frame, several columns, or a list."""
    if np.ndim(by) == 2 and not isinstance(by, Sequence):
        return [tuple(row) for row in np.asarray(by).tolist()]
    listed = by.to_list() if hasattr(by, "to_list") else by.tolist() if hasattr(by, "tolist") else list(by)
    return [tuple(one) if isinstance(one, list) else one for one in listed]


def known(after: Tally | None) -> Unseen:
    """What is known already, where it could have been worked out later."""
    return partial(_itself, after)


def _itself(after: Tally | None) -> Tally | None:
    return after


def cross_fitted(tally: Tally, calibrator: str, parts: Sequence[Tally] = ()) -> Tally | None:
    """The rows at probabilities of maps that had not seen them; None below ten rows. Parted here where not before."""
    if tally.n_eff < 2 * FOLDS:
        return None
    held = parts or folds(tally, FOLDS)
    return reduce(add, cross_fit(find("calibrators", calibrator)(), held)) if len(held) > 1 else None


def scores_of(tally: Tally) -> dict[str, float]:
    """The measures that a fit is judged by."""
    return {
        "ece": metrics.ece(tally),
        "l2": metrics.l2(tally).value if tally.rows > 1 else 0.0,
        "smooth_ece": metrics.smooth_ece(tally).value if tally.rows > 1 else 0.0,
        "brier": metrics.brier(tally),
        "log_loss": metrics.log_loss(tally),
    }


def _of_blend(made: BlendMap) -> dict[str, Any]:
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
