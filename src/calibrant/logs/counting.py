"""One pass over any number of rows: the engine in which they lie counts them on the tally's grid.

A GROUP BY of (group, grid cell) with sums of weight, grade and score costs about as much as reading; a
few tens of thousands of sums come back. Texts that are no numbers are grouped as they are and read by the
rules of `values.py` afterwards, so a log reads the same whichever way it is counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clusters import weight_effects
from ..columns import GRID, SNAP, cell_mean
from ..engines._relation import NUMBER, Relation
from ..errors import UnusableInput
from ..maps.units import Unit
from ..tally import Tally
from . import values as rules
from .keys import Key, group_codes
from .numerals import Seen
from .repeats import item_columns
from .roles import Roles
from .scales import Units
from .sources import Source
from .tables import block_of
from .verdicts import MOST_WORDS, Verdicts

__all__ = ["Counts", "count", "countable"]

ROUNDING = 1e-6
"""How far a grade may be from the number that it is spelt as: words are told apart by six digits."""
MOST_SUMS = 2_000_000
"""Groups times cells that are kept apart, about 600 MB; with the coarsest cells they may be five times as many."""
TOO_MANY = 5 * MOST_SUMS
COARSER = (12_600, 5_040, 2_520, 1_260, 840, 420, 240, 120, 60)
"""Grids for many groups: each is divided by the usual bin counts."""


def countable(units: Units) -> bool:
    """Whether an engine can read such scores: all groups are in one unit, by which no verdict is turned."""
    return not units.groups and units.default.chances is None


@dataclass(kw_only=True)
class Counts:
    """Rows counted, whichever way, and the tallies and units of their groups.

    The engine gives no `folds`, since so many rows are parted on their tallies, and no `constants`, which would cost
    another look at every row: name them with `by`. `repeated` says which ids repeat, `tied` are the columns by which
    such rows are to be tied together, `seen` what the numbers of a column counted as fractions are like.
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


def count(source: Source, roles: Roles, unit: Unit) -> Counts:
    """Tallies of the groups of a table that an engine counts; memory does not grow with its rows.

    Scores are of one unit for all groups (see `countable`).
    """
    assert source.table is not None
    table, verdicts = source.table, Verdicts(roles.words)
    kinds = table.kinds
    counts = Counts()
    asked = _Asked(table, roles, unit, kinds[roles.confidence], _grade(table, roles.correct, kinds, verdicts))
    items = item_columns(source, roles)[:1]
    counts.repeated += [said for columns in items if (said := _repeats(table, roles, columns))]
    grid = asked.grid()
    if grid < GRID:
        counts.notes.append(
            f"So many groups are counted on a grid of {grid} cells each, so measures in bins that do not divide it are "
            "rounded."
        )
    got = block_of(made := asked.sums(grid), made.column_names)
    del made  # which may be as large
    counts.notes += verdicts.settled(roles.correct, source.name)
    _collect(counts, {name: _plain(name, values) for name, values in got.items()}, roles, unit, kinds, grid)
    return counts


def _repeats(table: Relation, roles: Roles, items: Sequence[str]) -> str | None:
    """What is to be said where about a fifth of the rows or more repeat an item; the count is good to a few of 100."""
    found = table.about([[table.column(name) for name in (*roles.by, *items)]])
    rows, name = table.rows(), ",".join(items)
    if found is None or rows < 1.2 * found[0]:
        return None
    return (
        f"{rows:,} rows hold about {found[0]:,} values of {name}, and so many rows are taken as independent: --cluster "
        f"{name} ties them together, in memory."
    )


def _plain(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Sums as numbers, whatever the engine makes of them; keys as they are."""
    return values if name.startswith("by") or name == "t" else values.astype(np.float64)


class _Asked:
    """What an engine is asked about the rows of a table: one expression, whatever the engine."""

    def __init__(self, table: Relation, roles: Roles, unit: Unit, kind: str, graded: tuple[Any, Any]) -> None:
        self.roles, self.unit, self.kind = roles, unit, kind
        raw, (grade, self.boolean) = table.column(roles.confidence), graded
        self.numeric = kind in ("number", "float")
        number = (
            table.constant(None) if kind == "boolean" or unit.scale == "levels" else table.number(raw, kind)
        )
        made: dict[str, Any] = {f"by{i}": table.column(name) for i, name in enumerate(roles.by)}
        if not self.numeric:
            made["t"] = table.cases([(table.missing(number), table.text(raw))], table.constant(""))
        made |= {"x": number} if unit.scale != "fraction" else {}
        made |= {"c": _score(table, number, unit.scale), "g": grade}
        if roles.weight:
            made["w"] = _weight(table, roles)
        self.name, self.table = table.name, table.derived(made)

    def grid(self) -> int:
        """Cells of [0, 1], as many as keep the number of sums within bounds."""
        table, by = self.table, [self.table.column(f"by{i}") for i in range(len(self.roles.by))]
        if not by:
            return GRID
        groups = (table.about([by]) or [0])[0]
        if groups * GRID <= MOST_SUMS or ((table.about([[*by, self.code(GRID)]]) or [0])[0] <= MOST_SUMS):
            return GRID
        grid = next((grid for grid in COARSER if groups * grid <= MOST_SUMS), COARSER[-1])
        sums = (table.about([[*by, self.code(grid)]]) or [0])[0] if groups * grid > TOO_MANY else 0
        if sums > TOO_MANY:
            raise UnusableInput(
                f"--by {','.join(self.roles.by)} parts {self.name} into about {groups:,} groups, whose {sums:,} sums "
                "would not fit into memory. Part it by columns with fewer values, as --by task, or audit a part of it."
            )
        return grid

    def code(self, grid: int) -> Any:
        """One small integer: the cell, or what is wrong with the score, and above it the state of the rest."""
        table = self.table
        c, g, unit = table.column("c"), table.column("g"), self.unit
        snap = SNAP[np.dtype(np.float32)] if self.kind == "float" else SNAP[np.dtype(np.float64)]
        cell = table.whole(c * (grid * (1 + snap)))
        if unit.scale in ("fraction", "percent"):
            cases = [
                ((c > 0.0) & (c <= 1.0), cell),
                (c == 0.0, _ZERO),
                (table.odd(c), _MISSING),
                (c < 0.0, _BELOW),
            ]
            stray = [((c > 0.0) & (c < 0.01), _STRAY)] if unit.whole else []
            code = table.cases([*stray, *cases], _ABOVE)
        else:
            x = table.column("x")
            low = [(x < unit.of.low, _OUTSIDE)] if np.isfinite(unit.of.low) else []
            high = [(x > unit.of.high, _OUTSIDE)] if np.isfinite(unit.of.high) else []
            code = table.cases([(table.odd(x), _MISSING), *low, *high, (c > 0.0, cell)], _ZERO)
        judged = [((g >= 0.0) & (g <= 1.0), 0), (table.odd(g), _STATE)]
        code = code + (
            table.cases([(table.missing(g), _STATE)], 0) if self.boolean else table.cases(judged, 2 * _STATE)
        )
        weighted = [(table.missing(table.column("w")), 4 * _STATE)] if self.roles.weight else []
        return code + table.cases(weighted, 0) if weighted else code

    def sums(self, grid: int) -> Any:
        """The sums of each group and cell."""
        table = self.table
        c, g = table.column("c"), table.column("g")
        keys = {f"by{i}": table.column(f"by{i}") for i in range(len(self.roles.by))}
        keys |= {} if self.numeric else {"t": table.column("t")}
        sums = {"wc": c, "wg": g} | ({} if self.boolean else {"wg2": g * g})
        if self.roles.weight:
            w = table.column("w")
            sums = {
                "wc": w * c, "wg": w * g, "wg2": w * g * g, "w2": w * w, "w": w, "w2g": w * w * g,
                "w2g2": w * w * g * g, "w4": w * w * w * w,
            }  # fmt: skip
        added = {name: table.sum(value) for name, value in sums.items()}
        return table.grouped({**keys, "code": self.code(grid)}, {"n": table.count(), **added})


_ZERO, _MISSING, _BELOW, _ABOVE, _OUTSIDE, _STRAY = (GRID + i for i in range(1, 7))
_STATE = 100_000  # grade states 0, 1, 2 and the weight's 0, 4, as multiples of this
_WHY = {_MISSING: rules.MISSING, _BELOW: rules.BELOW, _OUTSIDE: rules.OUTSIDE, _STRAY: rules.STRAY}


def _score(table: Relation, x: Any, scale: str) -> Any:
    """The score of a number within the bounds of its scale, as `calibrant.maps.units` has it."""
    far = table.cases([(x > 700.0, table.constant(700.0)), (x < -700.0, table.constant(-700.0))], x)
    made: Mapping[str, Callable[[], Any]] = {
        "fraction": lambda: x,
        "percent": lambda: x / 100.0,
        "1-5": lambda: (x - 1.0) / 4.0,
        "1-10": lambda: (x - 1.0) / 9.0,
        "0-10": lambda: x / 10.0,
        "permille": lambda: x / 1000.0,
        "uncertainty": lambda: 1.0 - x,
        "odds": lambda: x / (x + 1.0),
        "perplexity": lambda: 1.0 / table.cases([(x < 1.0, table.constant(1.0))], x),
        "logprob": lambda: table.exp(table.cases([(x > 0.0, table.constant(0.0))], far)),
        "nll": lambda: table.exp(table.cases([(x < 0.0, table.constant(0.0))], far) * -1.0),
        "logit": lambda: 1.0 / (table.exp(far * -1.0) + 1.0),
        "unbounded": lambda: 1.0 / (table.exp(far) + 1.0),
        "levels": lambda: x,
    }
    return made[scale]()


def _weight(table: Relation, roles: Roles) -> Any:
    value = table.number(table.column(str(roles.weight)), table.kinds[str(roles.weight)])
    good = (value >= 1e-6) & (value <= (1.0 if roles.inverse else 1e6))
    return table.cases([(good, 1.0 / value if roles.inverse else value)], table.constant(None))


def _grade(table: Relation, name: str, kinds: Mapping[str, str], verdicts: Verdicts) -> tuple[Any, bool]:
    """The grade, nothing where nothing is there and -1 where it is none; and whether it can be right or wrong alone.

    What the words of the column mean is asked of `verdicts`; of more different values than it counts, numbers are read.
    """
    raw, kind = table.column(name), kinds[name]
    if kind == "boolean" and not verdicts.named:
        verdicts.present += 1
        return table.number(raw, kind), True
    number, plain = table.number(raw, kind), raw if kind != "other" else table.text(raw)
    held = _held(table, plain, MOST_WORDS + 1)
    if len(held) <= MOST_WORDS:
        return _graded(table, plain, number, kind, held, verdicts), False
    there = table.missing(number)
    where = [(number < 0.0, -1.0), (number > 1.0, 2.0), (number == 0.0, 0.0), (number == 1.0, 1.0)]
    cases = [
        *((condition, table.constant(bound)) for condition, bound in where),
        (there, table.constant(None)),
    ]
    inside = table.cases(cases, table.constant(0.5))
    held = _held(table, inside, MOST_WORDS)
    read = verdicts.read(
        [float(value) if value is not None else "text" for value, _ in held], [n for _, n in held]
    )
    value = number if any(grade is not None for grade, _ in read) else table.constant(None)
    lacking = table.cases([(table.missing(raw), table.constant(None))], table.constant(-1.0))
    return table.cases([(table.missing(value), lacking)], value), False


def _held(table: Relation, value: Any, most: int) -> list[tuple[Any, int]]:
    """The different values of an expression, up to `most`, each with how often it is there."""
    found = table.grouped({"v": value}, {"n": table.count()}, most)
    values = [float(one) if isinstance(one, Decimal) else one for one in found.column("v").to_pylist()]
    return list(zip(values, map(int, found.column("n").to_pylist()), strict=True))


def _graded(
    table: Relation, raw: Any, number: Any, kind: str, held: list[tuple[Any, int]], verdicts: Verdicts
) -> Any:
    """The grade of each of a few values, by what they mean."""
    read = verdicts.read([value for value, _ in held], [n for _, n in held])
    numeric, by_grade = kind in ("number", "float"), dict[float, list[Any]]()
    for (value, _), (grade, why) in zip(held, read, strict=True):
        own = _own(value)
        same = grade is not None and own is not None and abs(grade - own) <= ROUNDING
        if why != rules.NO_VERDICT and not same:  # thousands of them would make a query that no engine takes
            by_grade.setdefault(-1.0 if grade is None else grade, []).append(value)
    cases = []
    for grade, values in by_grade.items():
        there = [float(one) if numeric else one for one in values if one is not None and one == one]
        named = [table.among(number if numeric else raw, there)] if there else []
        nothing = [table.odd(number) if numeric else table.missing(raw)] if len(there) < len(values) else []
        cases += [(condition, table.constant(grade)) for condition in (*named, *nothing)]
    return table.cases(cases, number if numeric or kind == "text" else table.constant(None))


def _own(value: Any) -> float | None:
    """The number that an engine makes of a value; None of a text that not every engine takes for one."""
    if isinstance(value, str):
        return float(value) if re.fullmatch(NUMBER, value) else None
    return None if value is None or isinstance(value, bool) else float(value)


def _collect(
    counts: Counts,
    got: dict[str, NDArray[Any]],
    roles: Roles,
    unit: Unit,
    kinds: Mapping[str, str],
    grid: int,
) -> None:
    n = got["n"].astype(np.int64)
    counts.rows = int(n.sum())
    state, got["cell"] = np.divmod(got["code"].astype(np.int64), _STATE)
    score, why = _scores(got, unit, kinds[roles.confidence], grid)
    why = np.where((why == "") & (state % 4 == 1), rules.NO_VERDICT, why)
    why = np.where((why == "") & (state % 4 == 2), rules.BAD_VERDICT, why)
    why = np.where((why == "") & (state >= 4), rules.BAD_WEIGHT, why)
    for reason in np.unique(why[why != ""]).tolist():
        counts.unusable[reason] += int(n[why == reason].sum())
    good = why == ""
    counts.used = int(n[good].sum())
    kind = "number" if unit.scale == "fraction" else f"{unit.scale} column"
    counts.read_as[kind] += int(n[got["cell"] <= _ZERO].sum())
    counts.read_as["text"] += int(n[good & (got["cell"] > _ZERO)].sum())
    counts.read_as = +counts.read_as
    counts.seen = _seen(got["cell"], score, n)
    _into_groups(counts, got, roles, score, why)


def _seen(cell: NDArray[np.int64], score: NDArray[np.float64], n: NDArray[np.int64]) -> Seen:
    """What the numbers within [0, 1] are like."""
    at = cell <= _ZERO
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
    w = got.get("w", got["n"])
    w2 = got.get("w2", w)
    wg2 = got.get("wg2", got["wg"])  # of right and wrong, the square is the grade
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(keys) + 1))
    for key, start, end in zip(keys, ends[:-1], ends[1:], strict=True):
        at = order[start:end]
        rows, bad = at[why[at] == ""], at[why[at] != ""]
        if len(rows):
            first = w[rows], got["wg"][rows], wg2[rows]
            rest: dict[str, Any] = _of_weights(score[rows], first, got, rows) if roles.weight else {}
            counts.groups[key] = Tally.from_sums(
                score[rows], *first, w2[rows], int(n[rows].sum()), gridded=True, **rest
            )
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
        mean = np.where(cell <= _ZERO, got["wc"] / w, 0.0)
    low = np.where(cell <= grid, cell / grid, 0.0)
    score = cell_mean(np.nan_to_num(mean), low, np.dtype(np.float32 if kind == "float" else np.float64))
    reasons = {**_WHY, _ABOVE: rules.ABOVE_PERCENT if unit.scale == "percent" else rules.ABOVE}
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
