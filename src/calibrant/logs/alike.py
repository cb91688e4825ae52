"""Rows that are alike, told once with their number: what a threshold needs of a log that an engine counts.

A test of a threshold asks how many answers of each confidence are right, so that a GROUP BY of confidence, verdict and
weight tells all. Where there are too many different ones, confidences are read down to a step of the grid: answers at
or above a step are the same ones, so that what is promised of them is no less true. Of clusters the engine draws one
answer each (`picking.py`).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clusters import Picked
from ..columns import GRID
from ..engines._relation import Relation
from ..maps.units import Unit
from ..tally import Floats
from . import values as rules
from .counting import countable, repeating
from .keys import Key, group_codes, key_text
from .picking import picked
from .queries import MOST_SUMS, STATE, WHY, Asked, above, graded
from .repeats import item_columns, tied_together
from .roles import Roles
from .scales import units_of
from .sources import Source
from .tables import block_of
from .unanswered import answer_column
from .unseen import Unseen
from .verdicts import Verdicts
from .vocabulary import EMPTY

__all__ = ["Alike", "Atoms", "alike"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Atoms:
    """Scores and grades in [0, 1], weights, and how many rows have them, shape (different ones,)."""

    score: Floats
    grade: Floats
    weight: Floats
    count: NDArray[np.int64]


@dataclass(kw_only=True)
class Alike:
    """What was counted: rows, how many can be used, the others by reason, of all and of each group.

    `tied` are the columns by which rows that repeat an item are tied together, `picked` one answer of each cluster.
    """

    rows: int = 0
    used: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    lost: dict[Key, Counter[str]] = field(default_factory=dict)
    groups: dict[Key, Atoms] = field(default_factory=dict)
    held: dict[Key, dict[str, set[str | None]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unseen: Unseen = field(default_factory=Unseen)
    tied: tuple[str, ...] = ()
    picked: dict[Key, Picked] = field(default_factory=dict)


def alike(
    source: Source, roles: Roles, stated: Sequence[str], scale: str | None, seed: int = 0
) -> Alike | None:
    """The rows of each group by score, grade and weight, and which values of `stated` its usable rows hold.

    None where rows must be read one by one: where empty answers are set apart, where groups have units of their own, of
    more different verdicts and weights than are kept apart, and of clusters where confidences are words.
    """
    if not source.long or EMPTY.lower() in roles.words.meaning or answer_column(source, roles):
        return None
    assert source.table is not None
    table, verdicts = source.table, Verdicts(roles.words)
    items = () if roles.cluster or roles.untied else item_columns(source, roles)[:1]
    again = next((columns for columns in items if repeating(table, roles, columns)), ())
    roles = tied_together(roles, again) if again else roles
    units = units_of(source, roles.confidence, roles.by, scale, counted=True)
    if not countable(units):
        return None
    kinds = table.kinds
    unit, kind = units.default, kinds[roles.confidence]
    asked = Asked(table, roles, unit, kind, graded(table, roles.correct, kinds, verdicts), also=stated)
    found = _counted(asked, unit, kind)
    if found is None:
        return None
    got, score, why, exact = found
    made = Alike(notes=[*units.notes, *verdicts.settled(roles.correct, source.name)], tied=again)
    if not exact:
        made.notes.append(
            f"{roles.confidence!r} has too many different values to keep apart, so they are read down to one of "
            f"{GRID:,} steps: a threshold is one of these."
        )
    bare = _collect(made, got, roles, score, why)
    if roles.tied:
        picks = picked(asked, "s" if exact else "code", unit, _content(made, seed)) if bare else None
        if picks is None:
            return None
        made.picked = picks
    made.notes += made.unseen.notes(roles.weight)
    for name in stated:
        _hold(made, asked, roles, name)
    return made


def _content(made: Alike, seed: int) -> str:
    """What is drawn hangs on what there is to draw from, and on a seed."""
    held = hashlib.blake2b(str(seed).encode(), digest_size=8)
    for key in sorted(made.groups, key=str):
        atoms = made.groups[key]
        held.update(np.concatenate([atoms.score, atoms.grade, atoms.weight, atoms.count]).tobytes())
    return held.hexdigest()


def _counted(asked: Asked, unit: Unit, kind: str) -> tuple[dict[str, NDArray[Any]], Floats, Any, bool] | None:
    """Rows by group, score and grade; the score of each, why it cannot be used, and whether scores are kept apart."""
    table = asked.table
    keys = {name: table.column(name) for name in table.kinds if name[:2] == "by" or name in ("t", "g", "w")}
    number = table.column("x" if "x" in table.kinds else "c")
    ways = ({**keys, "s": number}, {**keys, "code": asked.code(GRID)})
    for at, way in enumerate(ways):
        many = table.about([list(way.values())])
        if many is None or many[0] > MOST_SUMS:
            continue
        made = table.grouped(way, {"n": table.count()})
        got = dict(block_of(made, made.column_names))
        got["n"] = got["n"].astype(np.int64)
        read = _scores(got, unit, kind) if at == 0 else _steps(got, unit)
        return got, read[0], read[1], at == 0
    return None


def _scores(got: dict[str, NDArray[Any]], unit: Unit, kind: str) -> tuple[Floats, NDArray[Any]]:
    """Each different value as the rules of all logs read it."""
    values = got["s"].astype(np.float64)
    texts = got.get("t")
    if kind == "boolean":
        read = rules.scores(np.zeros(len(values), bool), unit)
    elif texts is None:
        read = rules.scores(values.astype(np.float32) if kind == "float" else values, unit)
    else:
        bare = np.array([isinstance(t, str) and t != "" for t in texts], bool)
        read = rules.scores(np.where(bare, texts, values.astype(object)), unit)
    return read.values, np.array([rules.REASONS[code] if code else "" for code in read.why.tolist()], object)


def _steps(got: dict[str, NDArray[Any]], unit: Unit) -> tuple[Floats, NDArray[Any]]:
    """Each cell by its lower end."""
    cell = got["code"].astype(np.int64) % STATE
    score = np.where(cell <= GRID, cell / GRID, 0.0)
    why = np.full(len(cell), "", object)
    for code, reason in {**WHY, **above(unit)}.items():
        why[cell == code] = reason
    if "t" in got:
        at = np.flatnonzero([isinstance(t, str) and t != "" for t in got["t"]])
        read = rules.scores(got["t"][at], unit)
        score[at] = np.floor(np.nan_to_num(read.values) * GRID * (1 + 1e-12)) / GRID
        why[at] = [rules.REASONS[code] if code else "" for code in read.why.tolist()]
    return score, why


def _collect(
    made: Alike, got: dict[str, NDArray[Any]], roles: Roles, score: Floats, why: NDArray[Any]
) -> bool:
    """Note what was counted; whether all confidences that can be used are numbers."""
    n = got["n"]
    grade = np.array([np.nan if one is None else float(one) for one in got["g"].tolist()])
    there = np.isfinite(grade)
    bad = there & ((grade < 0) | (grade > 1))
    weight = np.ones(len(n))
    if "w" in got:
        weight = np.array([np.nan if one is None else float(one) for one in got["w"].tolist()])
    fine = (why == "") & ~bad
    why = np.where((why == "") & ~there, rules.NO_VERDICT, why)
    why = np.where((why == "") & bad, rules.BAD_VERDICT, why)
    why = np.where((why == "") & np.isnan(weight), rules.BAD_WEIGHT, why)
    made.rows, made.used = int(n.sum()), int(n[why == ""].sum())
    keys, codes = group_codes([got[f"by{i}"] for i in range(len(roles.by))], len(n))
    if "w" in got:
        known = ~np.isnan(weight[fine])
        made.unseen.see(
            keys, codes[fine], score[fine], np.where(known, weight[fine], 1.0), known, there[fine], n[fine]
        )  # fmt: skip
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(keys) + 1))
    for key, start, end in zip(keys, ends[:-1], ends[1:], strict=True):
        at = order[start:end]
        lost = made.lost.setdefault(key, Counter())
        for i in at[why[at] != ""].tolist():
            lost[str(why[i])] += int(n[i])
        made.unusable += lost
        if len(good := at[why[at] == ""]):
            made.groups[key] = _atoms(score[good], grade[good], weight[good], n[good])
    told = got["t"][why == ""] if "t" in got else ()
    return not any(isinstance(one, str) and one != "" for one in told)


def _atoms(score: Floats, grade: Floats, weight: Floats, count: NDArray[np.int64]) -> Atoms:
    """Equal ones together: a log may spell one number in several ways, and zero with a sign."""
    different, where = np.unique(np.stack([score, grade, weight]) + 0.0, axis=1, return_inverse=True)
    total = np.bincount(where.ravel(), count, different.shape[1]).astype(np.int64)
    return Atoms(score=different[0], grade=different[1], weight=different[2], count=total)


def _hold(made: Alike, asked: Asked, roles: Roles, name: str) -> None:
    """Note which values of a column the usable rows of each group hold."""
    table: Relation = asked.table
    keys = {f"by{i}": table.column(f"by{i}") for i in range(len(roles.by))}
    usable = table.cases([(asked.usable(), 1)], 0)
    got = table.grouped({**keys, "v": table.column(name)}, {"n": table.sum(usable)}).to_pydict()
    for i, value in enumerate(got["v"]):
        if got["n"][i]:
            key = tuple(key_text(got[by][i]) for by in keys)
            held = made.held.setdefault(key, {})
            held.setdefault(name, set()).add(key_text(value))
