"""What an engine is asked about the rows of a log: expressions over their columns, by the rules of all logs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from ..columns import GRID, SNAP
from ..engines._relation import NUMBER, Relation
from ..errors import UnusableInput
from ..maps.units import Unit
from . import values as rules
from .roles import Roles
from .verdicts import MOST_WORDS, Verdicts

__all__ = ["MOST_SUMS", "STATE", "WHY", "ZERO", "Asked", "Unpartable", "above", "graded"]

ROUNDING = 1e-6
"""How far a grade may be from the number that it is spelt as: words are told apart by six digits."""
MOST_SUMS = 2_000_000
"""Groups times cells that are kept apart, about 600 MB; with the coarsest cells they may be five times as many."""
TOO_MANY = 5 * MOST_SUMS
COARSER = (12_600, 5_040, 2_520, 1_260, 840, 420, 240, 120, 60)
"""Grids for many groups: each is divided by the usual bin counts."""

ZERO, _MISSING, _BELOW, _ABOVE, _OUTSIDE, _STRAY = (GRID + i for i in range(1, 7))
STATE = 100_000
"""States 0, 1, 2 of the grade, and 0 and 4 of the weight, stand as multiples of it above the cell of the score."""
WHY = {_MISSING: rules.MISSING, _BELOW: rules.BELOW, _OUTSIDE: rules.OUTSIDE, _STRAY: rules.STRAY}


def above(unit: Unit) -> dict[int, str]:
    """Why a score that is too high cannot be used, by its code."""
    return {_ABOVE: rules.ABOVE_PERCENT if unit.scale == "percent" else rules.ABOVE}


class Unpartable(Exception):
    """The engine has nothing that puts clusters into folds."""


class Asked:
    """What an engine is asked about the rows of a table: one expression, whatever the engine; `also` are columns as
    they are. With `folds` the rows of a cluster are in the fold of its id, those that are in none in fold -1.
    """

    def __init__(
        self,
        table: Relation,
        roles: Roles,
        unit: Unit,
        kind: str,
        graded: tuple[Any, Any],
        *,
        also: Sequence[str] = (),
        folds: int = 0,
    ) -> None:
        self.roles, self.unit, self.kind, self.kinds = roles, unit, kind, table.kinds
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
        made |= {name: table.column(name) for name in (*also, *roles.tied)}
        if folds and roles.tied:
            made["fold"] = _fold(table, roles.tied, folds)
        self.name, self.table = table.name, table.derived(made)

    @property
    def parted(self) -> bool:
        """Whether rows are in folds."""
        return "fold" in self.table.kinds

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
                (c == 0.0, ZERO),
                (table.odd(c), _MISSING),
                (c < 0.0, _BELOW),
            ]
            stray = [((c > 0.0) & (c < 0.01), _STRAY)] if unit.whole else []
            code = table.cases([*stray, *cases], _ABOVE)
        else:
            x = table.column("x")
            low = [(x < unit.of.low, _OUTSIDE)] if np.isfinite(unit.of.low) else []
            high = [(x > unit.of.high, _OUTSIDE)] if np.isfinite(unit.of.high) else []
            code = table.cases([(table.odd(x), _MISSING), *low, *high, (c > 0.0, cell)], ZERO)
        judged = [((g >= 0.0) & (g <= 1.0), 0), (table.odd(g), STATE)]
        code = code + (
            table.cases([(table.missing(g), STATE)], 0) if self.boolean else table.cases(judged, 2 * STATE)
        )
        weighted = [(table.missing(table.column("w")), 4 * STATE)] if self.roles.weight else []
        return code + table.cases(weighted, 0) if weighted else code

    def usable(self) -> Any:
        """Whether a row can be used; a text that is no number is taken for one that can be read."""
        table, code = self.table, self.code(GRID)
        return (
            code <= ZERO
            if self.numeric
            else table.cases([(table.column("t") == "", code <= ZERO)], code < STATE)
        )

    def sums(self, grid: int) -> Any:
        """The sums of each group and cell."""
        table = self.table
        c, g = table.column("c"), table.column("g")
        keys = {f"by{i}": table.column(f"by{i}") for i in range(len(self.roles.by))}
        keys |= {} if self.numeric else {"t": table.column("t")}
        keys |= {"fold": table.column("fold")} if self.parted else {}
        sums = {"wc": c, "wg": g} | ({} if self.boolean else {"wg2": g * g})
        if self.roles.weight:
            w = table.column("w")
            sums = {
                "wc": w * c, "wg": w * g, "wg2": w * g * g, "w2": w * w, "w": w, "w2g": w * w * g,
                "w2g2": w * w * g * g, "w4": w * w * w * w,
            }  # fmt: skip
        added = {name: table.sum(value) for name, value in sums.items()}
        return table.grouped({**keys, "code": self.code(grid)}, {"n": table.count(), **added})


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


def _fold(table: Relation, tied: Sequence[str], folds: int) -> Any:
    texts = [table.spelt(name) for name in tied]
    at = None if any(text is None for text in texts) else table.drawn(texts, "fold")
    if at is None:
        raise Unpartable
    return table.cases([(table.missing(texts[-1]), -1)], table.whole(at * float(folds)))


def _weight(table: Relation, roles: Roles) -> Any:
    value = table.number(table.column(str(roles.weight)), table.kinds[str(roles.weight)])
    good = (value >= 1e-6) & (value <= (1.0 if roles.inverse else 1e6))
    return table.cases([(good, 1.0 / value if roles.inverse else value)], table.constant(None))


def graded(table: Relation, name: str, kinds: Mapping[str, str], verdicts: Verdicts) -> tuple[Any, bool]:
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
