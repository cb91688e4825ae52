"""One pass over any number of rows: the engine that reads the file counts them on the tally's grid.

A GROUP BY of (group, grid cell) with sums of weight, grade and score costs about as much as reading; a
few tens of thousands of sums come back. Texts that are no numbers are grouped as they are and read by the
rules of `values.py` afterwards, so a log reads the same whichever way it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clusters import weight_effects
from ..columns import GRID, SNAP, cell_mean
from ..maps.units import FRACTION, Unit
from ..tally import Tally
from . import values as rules
from .keys import Key, group_codes
from .repeats import item_columns
from .roles import Roles
from .scales import Units
from .sources import Source
from .tables import quoted, readable
from .verdicts import MOST_WORDS, Verdicts

__all__ = ["Counts", "count_parquet", "countable"]


def countable(units: Units) -> bool:
    """Whether the engine can read such scores: all fractions, or all percent of which none is out of place."""
    return not units.groups and units.default.scale in ("fraction", "percent") and not units.strays


@dataclass(kw_only=True)
class Counts:
    """Rows counted, whichever way, and the tallies and units of their groups.

    The engine gives no `folds`, since so many rows are parted on their tallies, and no `constants`, which would cost
    another look at every row: name them with `by`. `repeated` says which ids repeat, `tied` are the columns by which
    such rows are to be tied together.
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


def count_parquet(source: Source, roles: Roles, unit: Unit) -> Counts:
    """Tallies of the groups of a Parquet file of any size; memory does not grow with it.

    Scores are fractions or percent, of one unit for all groups (see `countable`).
    """
    assert source.table is not None
    con, table, found = source.table.connection, source.table.sql, source.table.columns
    wanted = ", ".join(f"{found[name]} AS {quoted(name)}" for name in roles.names)
    described = f"SELECT column_name, column_type FROM (DESCRIBE SELECT {wanted} FROM {table})"
    types = dict(con.execute(described).fetchall())
    con.execute("SET memory_limit = '400MB'")
    con.execute("SET preserve_insertion_order = false")
    in_percent = unit.scale == "percent"
    verdicts = Verdicts(roles.words)
    with readable(source.name):
        grade = _grade(con, table, found[roles.correct], types[roles.correct], verdicts)
    counts = Counts()
    for items in item_columns(source, roles)[:1]:
        with readable(source.name):
            counts.repeated += _repeats(con, table, [found[n] for n in (*roles.by, *items)], ",".join(items))
    sql = _query(roles, found, types, table, in_percent, grade)
    with readable(source.name):
        got = con.execute(sql).fetchnumpy()
    counts.notes += verdicts.settled(roles.correct, source.name)
    _collect(counts, {k: _plain(v) for k, v in got.items()}, roles, in_percent, types)
    return counts


def _repeats(con: Any, table: str, columns: list[str], name: str) -> list[str]:
    """What is to be said where about a fifth of the rows or more repeat an item; the count is good to a few of 100."""
    asked = f"SELECT count(*), approx_count_distinct(hash({', '.join(columns)})) FROM {table}"
    rows, distinct = con.execute(asked).fetchone()
    if rows < 1.2 * distinct:
        return []
    return [
        f"{rows:,} rows hold about {distinct:,} values of {name}, and so many rows are taken as independent: --cluster "
        f"{name} ties them together, in memory."
    ]


def _plain(values: Any) -> NDArray[Any]:
    if not isinstance(values, np.ma.MaskedArray):
        return np.asarray(values)
    numeric = values.dtype.kind in "fiu"
    plain: NDArray[Any] = np.array(values.data, dtype=np.float64 if numeric else object)
    plain[np.ma.getmaskarray(values)] = np.nan if numeric else None
    return plain


def _query(
    roles: Roles, found: Mapping[str, str], types: dict[str, str], table: str, in_percent: bool,
    graded: tuple[str, str],
) -> str:  # fmt: skip
    raw = found[roles.confidence]
    kind = types[roles.confidence]
    numeric = kind in ("FLOAT", "DOUBLE") or "INT" in kind or kind.startswith("DECIMAL")
    number = f"CAST({raw} AS DOUBLE)" if numeric else f"TRY_CAST({raw} AS DOUBLE)"
    number = "NULL::DOUBLE" if kind == "BOOLEAN" else number
    scaled = f"{number} / 100" if in_percent else number
    snap = SNAP[np.dtype(np.float32)] if kind == "FLOAT" else SNAP[np.dtype(np.float64)]
    text = "" if numeric else f"CASE WHEN {number} IS NULL THEN left(CAST({raw} AS VARCHAR), 60) END AS t, "
    by = "".join(f"CAST({found[name]} AS VARCHAR) AS {quoted(f'by{i}')}, " for i, name in enumerate(roles.by))
    keys = "".join(f"{quoted(f'by{i}')}, " for i in range(len(roles.by))) + ("t, " if text else "")
    boolean = types[roles.correct] == "BOOLEAN" and not roles.words
    grade, state = graded
    weight, sums = "", ["sum(c) AS wc", "sum(g) AS wg", *([] if boolean else ["sum(g * g) AS wg2"])]
    if roles.weight:
        value = f"TRY_CAST({found[roles.weight]} AS DOUBLE)"
        bound = f"{value} <= {1 if roles.inverse else 1e6}"
        weight = f", CASE WHEN {value} >= 1e-6 AND {bound} THEN {f'1 / {value}' if roles.inverse else value} END AS w"
        sums = [
            "sum(w * c) AS wc", "sum(w * g) AS wg", "sum(w * g * g) AS wg2", "sum(w * w) AS w2", "sum(w) AS w",
            "sum(w * w * g) AS w2g", "sum(w * w * g * g) AS w2g2", "sum(w * w * w * w) AS w4",
        ]  # fmt: skip
        state = f"{state} + CASE WHEN w IS NULL THEN {4 * _STATE} ELSE 0 END"
    # isnan() is not asked: it is answered from file statistics, which leave NaN out.
    # One small integer as the key: the cell, or what is wrong with the score, and above it the state of the rest.
    return f"""
        SELECT {keys} CASE
            WHEN c > 0 AND c <= 1 THEN CAST(floor(c * {GRID * (1 + snap)!r}::DOUBLE) AS INTEGER)
            WHEN c = 0 THEN {GRID + 1}
            WHEN c IS NULL OR CAST(c AS VARCHAR) IN ('nan', 'inf', '-inf') THEN {_MISSING}
            WHEN c < 0 THEN {_BELOW} ELSE {_ABOVE} END + {state} AS code,
          count(*) AS n, {", ".join(sums)}
        FROM (SELECT {by} {text} {scaled} AS c, {grade} AS g{weight} FROM {table})
        GROUP BY ALL"""


_MISSING, _BELOW, _ABOVE = GRID + 2, GRID + 3, GRID + 4
_STATE = 100_000  # grade states 0, 1, 2 and the weight's 0, 4, as multiples of this


def _grade(con: Any, table: str, raw: str, kind: str, verdicts: Verdicts) -> tuple[str, str]:
    """SQL of the grade, and of what to add to the code: nothing, or a state for missing or no verdict.

    What the words of the column mean is asked of `verdicts`; of more different values than it counts, numbers are read.
    """
    if kind == "BOOLEAN" and not verdicts.named:
        verdicts.present += 1
        return f"CAST({raw} AS INTEGER)", f"CASE WHEN g IS NULL THEN {_STATE} ELSE 0 END"
    number = f"TRY_CAST({raw} AS DOUBLE)"
    held = con.execute(
        f"SELECT v, count(*) FROM (SELECT {raw} AS v FROM {table}) GROUP BY v LIMIT {MOST_WORDS + 1}"
    ).fetchall()
    if len(held) > MOST_WORDS:
        held = con.execute(
            f"SELECT CASE WHEN v < 0 THEN -1 WHEN v > 1 THEN 2 WHEN v IN (0, 1) THEN v WHEN v IS NOT NULL THEN .5 END, "
            f"count(*) FROM (SELECT {number} AS v FROM {table}) GROUP BY 1"
        ).fetchall()
        read = verdicts.read(
            [float(value) if value is not None else "text" for value, _ in held], [n for _, n in held]
        )
        graded = any(grade is not None for grade, _ in read)
        value = f"coalesce({number if graded else 'NULL'}, CASE WHEN {raw} IS NOT NULL THEN -1 END)"
    else:
        read = verdicts.read([value for value, _ in held], [n for _, n in held])
        value = _cases(raw, [value for value, _ in held], read)
    missing = "g IS NULL OR CAST(g AS VARCHAR) = 'nan'"
    state = f"CASE WHEN g BETWEEN 0 AND 1 THEN 0 WHEN {missing} THEN {_STATE} ELSE {2 * _STATE} END"
    return f"({value})::DOUBLE", state


def _cases(raw: str, values: list[Any], read: list[tuple[float | None, str]]) -> str:
    """SQL that gives each value its grade, -1 to one that has none, and nothing where nothing is there."""
    cases = []
    for grade in sorted({grade for grade, why in read if why != rules.NO_VERDICT}, key=str):
        same = [
            str(v) for v, (g, why) in zip(values, read, strict=True) if g == grade and why != rules.NO_VERDICT
        ]
        told = ", ".join("'" + text.replace("'", "''") + "'" for text in same)
        cases.append(f"WHEN CAST({raw} AS VARCHAR) IN ({told}) THEN {-1 if grade is None else grade!r}")
    return f"CASE {' '.join(cases)} END" if cases else "NULL"


def _collect(
    counts: Counts, got: dict[str, NDArray[Any]], roles: Roles, in_percent: bool, types: dict[str, str]
) -> None:
    n = got["n"].astype(np.int64)
    counts.rows = int(n.sum())
    state, got["cell"] = np.divmod(got["code"].astype(np.int64), _STATE)
    score, why = _scores(got, in_percent, types[roles.confidence])
    why = np.where((why == "") & (state % 4 == 1), rules.NO_VERDICT, why)
    why = np.where((why == "") & (state % 4 == 2), rules.BAD_VERDICT, why)
    why = np.where((why == "") & (state >= 4), rules.BAD_WEIGHT, why)
    for reason in np.unique(why[why != ""]).tolist():
        counts.unusable[reason] += int(n[why == reason].sum())
    good = why == ""
    counts.used = int(n[good].sum())
    kind = "percent column" if in_percent else "number"
    counts.read_as[kind] += int(n[got["cell"] < _MISSING].sum())
    counts.read_as["text"] += int(n[good & (got["cell"] >= _MISSING)].sum())
    counts.read_as = +counts.read_as
    keys, codes = group_codes([got[f"by{i}"] for i in range(len(roles.by))], len(n))
    w = got["w"] if "w" in got else n.astype(np.float64)
    w2 = got.get("w2", w)
    wg2 = got["wg2"] if "wg2" in got else got["wg"]  # of right and wrong, the square is the grade
    for k, key in enumerate(keys):
        rows = np.flatnonzero(good & (codes == k))
        if len(rows):
            first = w[rows], got["wg"][rows], wg2[rows]
            rest: dict[str, Any] = _of_weights(score[rows], first, got, rows) if roles.weight else {}
            counts.groups[key] = Tally.from_sums(
                score[rows], *first, w2[rows], int(n[rows].sum()), gridded=True, **rest
            )
        lacking = counts.lost.setdefault(key, {})
        for i in np.flatnonzero((codes == k) & ~good):
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
    got: dict[str, NDArray[Any]], in_percent: bool, kind: str
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Score of each cell, at the mean of what is in it, and why it is unusable where it is."""
    cell = got["cell"]
    w = got["w"] if "w" in got else got["n"]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = got["wc"] / w
    low = np.where(cell <= GRID, cell / GRID, 0.0)
    score = cell_mean(np.nan_to_num(mean), low, np.dtype(np.float32 if kind == "FLOAT" else np.float64))
    above = rules.ABOVE_PERCENT if in_percent else rules.ABOVE
    why = np.select(
        [cell == _MISSING, cell == _BELOW, cell == _ABOVE], [rules.MISSING, rules.BELOW, above], ""
    ).astype(object)
    if kind == "BOOLEAN":
        why[:] = rules.BOOLEAN
        return score, why
    texts = got.get("t", np.zeros(0, object))
    at = np.flatnonzero([isinstance(t, str) for t in texts])
    read = rules.scores(texts[at], Unit(scale="percent") if in_percent else FRACTION)
    score[at], why[at] = read.values, [rules.REASONS[code] for code in read.why.tolist()]
    return score, why
