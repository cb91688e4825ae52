"""One pass over any number of rows: the engine in which they lie counts them on the tally's grid.

A GROUP BY of (group, grid cell) with sums of weight, grade and score costs about as much as reading; a
few tens of thousands of sums come back. Texts that are no numbers are grouped as they are and read by the
rules of `values.py` afterwards, so a log reads the same whichever way it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clusters import weight_effects
from ..columns import GRID, cell_mean
from ..engines._relation import Relation
from ..fits.crossfit import folds as dealt
from ..maps.units import Unit
from ..tally import Tally
from . import values as rules
from .keys import Key, group_codes
from .numerals import Seen
from .queries import MOST_SUMS, STATE, WHY, ZERO, Asked, Unpartable, above, graded
from .repeats import item_columns
from .roles import Roles
from .scales import Units
from .sources import Source
from .tables import block_of
from .tied import MOST_GROUPS, Effects, effects
from .unseen import Unseen
from .verdicts import Verdicts

__all__ = ["Counts", "count", "countable", "repeating"]


def countable(units: Units) -> bool:
    """Whether an engine can read such scores: all groups are in one unit, by which no verdict is turned."""
    return not units.groups and units.default.chances is None


@dataclass(kw_only=True)
class Counts:
    """Rows counted, whichever way, and the tallies and units of their groups.

    The engine gives `folds` of clusters alone, since so many rows are parted on their tallies, and no `constants`,
    which would cost another look at every row: name them with `by`. `repeated` says which ids repeat, `tied` are the
    columns by which such rows are to be tied together, `seen` what the numbers of a column counted as fractions are
    like.
    """

    rows: int = 0
    used: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    read_as: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    groups: dict[Key, Tally] = field(default_factory=dict)
    folds: dict[Key, dict[int, Tally]] = field(default_factory=dict)
    constants: dict[Key, dict[str, str]] = field(default_factory=dict)
    empty: dict[Key, dict[str, int]] = field(default_factory=dict)
    lost: dict[Key, dict[str, int]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    tied: tuple[str, ...] = ()
    units: dict[Key, Unit] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)


def count(source: Source, roles: Roles, unit: Unit, folds: int = 0) -> Counts | None:
    """Tallies of the groups of a table that an engine counts; memory does not grow with its rows.

    Scores are of one unit for all groups (see `countable`). Clusters are kept whole in as many `folds`; rows without
    clusters are parted on their tallies. None where rows are to be tied together, and there are too many groups or
    scores in words, or clusters that the engine cannot put into folds.
    """
    assert source.table is not None
    table, verdicts = source.table, Verdicts(roles.words)
    kinds = table.kinds
    counts = Counts()
    try:
        grades = graded(table, roles.correct, kinds, verdicts)
        asked = Asked(table, roles, unit, kinds[roles.confidence], grades, folds=folds)
    except Unpartable:
        return None
    items = () if roles.tied else item_columns(source, roles)[:1]
    counts.repeated += [said for columns in items if (said := repeating(table, roles, columns))]
    grid = asked.grid()
    if grid < GRID:
        counts.notes.append(
            f"So many groups are counted on a grid of {grid} cells each, so measures in bins that do not divide it are "
            "rounded."
        )
    got = block_of(made := asked.sums(grid), made.column_names)
    del made  # which may be as large
    counts.notes += verdicts.settled(roles.correct, source.name)
    parted = {name: _plain(name, values) for name, values in got.items()}
    sums = _together(parted) if asked.parted else parted
    score, why = _collect(counts, sums, roles, unit, kinds, grid)
    if roles.weight and asked.numeric:
        _note_unseen(counts, asked, roles.weight)
    found = _tie(counts, asked, sums, score, why) if roles.tied else {}
    if found is None:
        return None
    if asked.parted:
        parted["cell"] = parted["code"].astype(np.int64) % STATE
        counts.folds = _folds(
            parted, _scores(parted, unit, kinds[roles.confidence], grid)[0], roles, found, folds
        )
    return counts


def _note_unseen(counts: Counts, asked: Asked, weight: str) -> None:
    """Have the tallies know of answers that no judged row stands for; of weights that all differ nothing is told."""
    table, code = asked.table, asked.code(GRID)
    bare = code - table.cases([(code >= 4 * STATE, 4 * STATE)], 0)
    judged = table.cases([(bare <= ZERO, 1), ((bare >= STATE) & (bare <= STATE + ZERO), 0)], 2)
    by = {f"by{i}": table.column(f"by{i}") for i in range(len(asked.roles.by))}
    keys = {**by, "w": table.column("w"), "judged": judged}
    many = table.about([list(keys.values())])
    if many is None or many[0] > MOST_SUMS:
        return
    made = table.grouped(keys, {"n": table.count(), "sure": table.sum(table.column("c"))})
    got = dict(block_of(made, made.column_names))
    read = {name: got[name].astype(np.float64) for name in ("w", "judged", "n", "sure")}
    at = read["judged"] < 2
    names, codes = group_codes([got[name] for name in by], len(at))
    n, known, unseen = read["n"].astype(np.int64), ~np.isnan(read["w"]), Unseen()
    unseen.see(
        names, codes[at], (read["sure"] / read["n"])[at], np.where(known, read["w"], 1.0)[at], known[at],
        read["judged"][at] == 1, n[at],
    )  # fmt: skip
    counts.groups = {key: unseen.of(key, tally) for key, tally in counts.groups.items()}
    counts.notes += unseen.notes(weight)


def _together(parted: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The sums of all folds; of keys each spelling apart, as they came."""
    names = [name for name in parted if name.startswith("by") or name in ("t", "code")]
    codes = np.zeros(len(parted["n"]), np.intp)
    for name in names:
        seen: dict[Any, int] = {}
        where = [seen.setdefault(value, len(seen)) for value in parted[name].tolist()]
        codes = codes * len(seen) + np.array(where, np.intp)
    _, first, where_to = np.unique(codes, return_index=True, return_inverse=True)
    return {
        name: values[first] if name in names else np.bincount(where_to, values, len(first))
        for name, values in parted.items()
        if name != "fold"
    }


def _tie(
    counts: Counts, asked: Asked, got: dict[str, NDArray[Any]], score: NDArray[np.float64], why: NDArray[Any]
) -> dict[Key, Effects] | None:
    """Have the tallies know of the clusters; None where the engine is not to be asked for that."""
    roles, good = asked.roles, why == ""
    texts = got.get("t")
    if texts is not None and any(isinstance(one, str) and one != "" for one in texts[good]):
        return None
    if len(counts.groups) > MOST_GROUPS:
        return None
    by = [got[f"by{i}"] for i in range(len(roles.by))]
    keys, codes = group_codes(by, len(score))
    groups, cells, order = [], [], list(counts.groups)
    for key in order:
        at = np.flatnonzero(good & (codes == keys.index(key)))
        spelt = dict.fromkeys(tuple(column[i] for column in by) for i in at.tolist())
        groups.append([{f"by{i}": value for i, value in enumerate(one)} for one in spelt])
        distinct, where = np.unique(score[at], return_inverse=True)
        cells.append((distinct, np.bincount(where, got["n"][at]).astype(np.int64)))
    found = dict(zip(order, effects(asked, roles.tied, groups, cells), strict=True))
    for key, one in found.items():
        counts.groups[key] = _tied_by(counts.groups[key], one, one.clusters)
    return found


def _tied_by(tally: Tally, found: Effects, clusters: int) -> Tally:
    return replace(
        tally, clusters=clusters, design_effect=found.overall * tally.design_effect,
        local_effect=found.local * tally.local_effect,
    )  # fmt: skip


def _folds(
    got: dict[str, NDArray[Any]],
    score: NDArray[np.float64],
    roles: Roles,
    effects: Mapping[Key, Effects],
    folds: int,
) -> dict[Key, dict[int, Tally]]:
    """Each group's clusters by fold, with what the whole group tells of clusters; rows in none are dealt out."""
    good = (got["code"] % STATE <= ZERO) & (got["code"] < STATE)
    keys, codes = group_codes([got[f"by{i}"] for i in range(len(roles.by))], len(score))
    made: dict[Key, dict[int, Tally]] = {}
    for key, found in effects.items():
        held = made.setdefault(key, {})
        at = np.flatnonzero(good & (codes == keys.index(key)))
        for fold in np.unique(got["fold"][at]).astype(int).tolist():
            rows = at[got["fold"][at] == fold]
            tally = _tied_by(_tally(got, rows, score[rows]), found, found.clusters_of.get(fold, 0))
            lone = [replace(one, clusters=one.rows) for one in dealt(tally, folds)] if fold < 0 else []
            for i, one in enumerate(lone) if lone else [(fold, tally)]:
                held[i] = held[i] + one if i in held else one
    return {key: dict(sorted(held.items())) for key, held in made.items()}


def _tally(got: dict[str, NDArray[Any]], rows: NDArray[np.intp], score: NDArray[np.float64]) -> Tally:
    """The tally of some of the sums."""
    w = got.get("w", got["n"])
    w2, wg2 = got.get("w2", w), got.get("wg2", got["wg"])  # of right and wrong, the square is the grade
    first = w[rows], got["wg"][rows], wg2[rows]
    rest: dict[str, Any] = _of_weights(score, first, got, rows) if "w4" in got else {}
    return Tally.from_sums(score, *first, w2[rows], int(got["n"][rows].sum()), gridded=True, **rest)


def repeating(table: Relation, roles: Roles, items: Sequence[str]) -> str | None:
    """What is to be said where about a fifth of the rows or more repeat an item; the count is good to a few of 100."""
    found = table.about([[table.column(name) for name in (*roles.by, *items)]])
    rows, name = table.rows(), ",".join(items)
    if found is None or rows < 1.2 * found[0]:
        return None
    return (
        f"{rows:,} rows hold about {found[0]:,} values of {name}, and so many rows are taken as independent: --cluster "
        f"{name} ties them together."
    )


def _plain(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Sums as numbers, whatever the engine makes of them; keys as they are."""
    return values if name.startswith("by") or name == "t" else values.astype(np.float64)


def _collect(
    counts: Counts,
    got: dict[str, NDArray[Any]],
    roles: Roles,
    unit: Unit,
    kinds: Mapping[str, str],
    grid: int,
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """The score of each sum, and why it cannot be used."""
    n = got["n"].astype(np.int64)
    counts.rows = int(n.sum())
    state, got["cell"] = np.divmod(got["code"].astype(np.int64), STATE)
    score, why = _scores(got, unit, kinds[roles.confidence], grid)
    why = np.where((why == "") & (state % 4 == 1), rules.NO_VERDICT, why)
    why = np.where((why == "") & (state % 4 == 2), rules.BAD_VERDICT, why)
    why = np.where((why == "") & (state >= 4), rules.BAD_WEIGHT, why)
    for reason in np.unique(why[why != ""]).tolist():
        counts.unusable[reason] += int(n[why == reason].sum())
    good = why == ""
    counts.used = int(n[good].sum())
    kind = "number" if unit.scale == "fraction" else f"{unit.scale} column"
    counts.read_as[kind] += int(n[got["cell"] <= ZERO].sum())
    counts.read_as["text"] += int(n[good & (got["cell"] > ZERO)].sum())
    counts.read_as = +counts.read_as
    counts.seen = _seen(got["cell"], score, n)
    _into_groups(counts, got, roles, score, why)
    return score, why


def _seen(cell: NDArray[np.int64], score: NDArray[np.float64], n: NDArray[np.int64]) -> Seen:
    """What the numbers within [0, 1] are like."""
    at = cell <= ZERO
    held, n = score[at], n[at]
    inside, ones = n[(held > 0) & (held < 1)].sum(), n[held == 1].sum()
    return Seen(
        numbers=int(n.sum()), least=float(held.min(initial=1.0)), most=float(held.max(initial=0.0)),
        counts=Counter(inside=int(inside), ones=int(ones)),
    )  # fmt: skip


def _into_groups(
    counts: Counts, got: dict[str, NDArray[Any]], roles: Roles, score: NDArray[np.float64], why: NDArray[Any]
) -> None:
    """The tally of each group, and its rows that cannot be used."""
    n = got["n"].astype(np.int64)
    keys, codes = group_codes([got[f"by{i}"] for i in range(len(roles.by))], len(n))
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(keys) + 1))
    for key, start, end in zip(keys, ends[:-1], ends[1:], strict=True):
        at = order[start:end]
        rows, bad = at[why[at] == ""], at[why[at] != ""]
        if len(rows):
            counts.groups[key] = _tally(got, rows, score[rows])
        lacking = counts.lost.setdefault(key, {})
        for i in bad:
            lacking[str(why[i])] = lacking.get(str(why[i]), 0) + int(n[i])
        if not len(rows):
            counts.empty[key] = lacking


def _of_weights(
    score: NDArray[np.float64],
    first: tuple[NDArray[Any], ...],
    got: Mapping[str, NDArray[Any]],
    rows: NDArray[np.intp],
) -> dict[str, float]:
    """What weights say beyond their sums, as `Tally.of` takes it of rows."""
    overall, local = weight_effects(score, first, tuple(got[name][rows] for name in ("w2", "w2g", "w2g2")))
    return {"design_effect": overall, "local_effect": local, "weight4": float(got["w4"][rows].sum())}


def _scores(
    got: dict[str, NDArray[Any]], unit: Unit, kind: str, grid: int
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Score of each cell, at the mean of what is in it, and why it is unusable where it is."""
    cell = got["cell"]
    w = got.get("w", got["n"])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(cell <= ZERO, got["wc"] / w, 0.0)
    low = np.where(cell <= grid, cell / grid, 0.0)
    score = cell_mean(np.nan_to_num(mean), low, np.dtype(np.float32 if kind == "float" else np.float64))
    reasons = {**WHY, **above(unit)}
    why = np.full(len(cell), "", object)
    for code, reason in reasons.items():
        why[cell == code] = reason
    if kind == "boolean":
        why[:] = rules.BOOLEAN
        return score, why
    texts = got.get("t", np.zeros(0, object))
    at = np.flatnonzero([isinstance(t, str) and t != "" for t in texts])
    read = rules.scores(texts[at], unit)
    score[at], why[at] = read.values, [rules.REASONS[code] for code in read.why.tolist()]
    return score, why
