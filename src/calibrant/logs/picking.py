"""One answer of each cluster, drawn in the engine: what a test of a threshold needs where rows are not independent.

A cluster's answers are drawn by their weights: of all that are alike the one comes first whose -log(u) / (rows x
weight) is least, where u hangs on the cluster, on what the rows are like and on a salt. However many clusters there
are, what travels is how many of them gave an answer of each confidence and verdict, by their total weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..clusters import Picked
from ..columns import GRID
from ..engines._relation import Relation
from ..maps.units import Unit
from . import values as rules
from .keys import Key, group_codes
from .queries import MOST_SUMS, ZERO, Asked

__all__ = ["picked"]


def picked(asked: Asked, way: str, unit: Unit, salt: str) -> dict[Key, Picked] | None:
    """Of each group one answer of each cluster; `way` says whether scores are kept apart ("s") or by steps ("code").

    None where the engine has no hash, or there are more different ones than are kept apart.
    """
    by = [f"by{i}" for i in range(len(asked.roles.by))]
    each = _drawn(asked, way, salt, by)
    if each is None:
        return None
    keys = {name: each.column(name) for name in (*by, "at", "g", "mass")}
    many = each.about([list(keys.values())])
    if many is None or many[0] > MOST_SUMS:
        return None
    found = each.grouped(
        keys, {"n": each.sum(each.column("n")), "most": each.most(each.column("rows"))}
    ).to_pydict()
    got = {name: np.array(values, object) for name, values in found.items()}
    at, grade, mass = (got[name].astype(np.float64) for name in ("at", "g", "mass"))
    score = _read(at, way, unit, asked.kind)
    count, most = (got[name].astype(np.float64).astype(np.int64) for name in ("n", "most"))
    names, codes = group_codes([got[name] for name in by], len(count))
    made = {}
    for i, key in enumerate(names):
        rows = np.flatnonzero((codes == i) & (count > 0))
        if len(rows):
            made[key] = Picked(
                score=score[rows], grade=grade[rows] + 0.0, mass=mass[rows], count=count[rows],
                largest=int(most[rows].max()),
            )  # fmt: skip
    return made


def _drawn(asked: Asked, way: str, salt: str, by: list[str]) -> Relation | None:
    """A row for each cluster with the answer that was drawn, its weight and its rows; lone ones that are alike once."""
    table, tied = asked.table, asked.roles.tied
    ids = [table.spelt(name) for name in tied]
    if any(one is None for one in ids):
        return None
    score = table.column("x" if "x" in table.kinds else "c") if way == "s" else asked.code(GRID)
    used = table.cases([(asked.usable(), 1)], 0)
    zero = table.column("c") * 0.0  # which has 64 bits everywhere
    lone = table.cases([(used == 0, 0), (table.missing(ids[-1]), 1)], 0)
    named = {
        f"id{i}": table.cases([(table.missing(one), table.constant(""))], one) for i, one in enumerate(ids)
    }
    w = table.column("w") if asked.roles.weight else zero + 1.0
    rows = table.derived(
        {name: table.column(name) for name in by} | named
        | {"at": score, "g": table.column("g"), "w": w, "used": used, "lone": lone}
    )  # fmt: skip
    names = [*by, *named, "at", "g", "w", "used", "lone"]
    alike = rows.summed({name: rows.column(name) for name in names}, {"n": rows.count()})
    n = alike.number(alike.column("n"), "number")
    texts = [alike.column(name) for name in named]
    told = [alike.text(alike.column(name)) for name in ("at", "g", "w")]
    u = alike.drawn([*texts, *told], salt)
    if u is None:
        return None
    last = alike.log(u + 1e-17) * -1.0 / (n * alike.column("w"))
    kept = alike.derived(
        {name: alike.column(name) for name in names} | {"n": n, "last": last}
        | {f"own_{name}": _own(alike, name) for name in ("at", "g", "w")}
    )  # fmt: skip
    several = {name: kept.column(name) for name in (*by, *named, "used", "lone", "own_at", "own_g", "own_w")}
    each = kept.summed(
        several,
        {
            "at": kept.where_least(kept.column("at"), kept.column("last")),
            "g": kept.where_least(kept.column("g"), kept.column("last")),
            "w": kept.where_least(kept.column("w"), kept.column("last")),
            "total": kept.sum(kept.column("n") * kept.column("w")), "rows": kept.sum(kept.column("n")),
        },
    )  # fmt: skip
    one, alone = each.column("lone") == 1, each.column("used") == 1
    rows_of = each.column("rows")
    nothing = each.constant(None)
    drawn = {name: each.cases([(alone, each.column(name))], nothing) for name in ("at", "g")}
    return each.derived(
        {name: each.column(name) for name in by}
        | drawn
        | {
            "mass": each.cases([(one, each.column("w"))], each.column("total")),
            "n": each.cases([(alone & one, rows_of), (alone, each.constant(1.0))], each.constant(0.0)),
            "rows": each.cases([(one, each.constant(1.0))], rows_of),
        }
    )  # fmt: skip


def _own(table: Relation, name: str) -> Any:
    """Of a lone row what it is like, so that only those that are alike come together; of others the same for all."""
    value = table.number(table.column(name), "number")
    return table.cases([(table.column("lone") == 1, value)], table.constant(0.0))


def _read(at: Any, way: str, unit: Unit, kind: str) -> Any:
    """The score of a number as the rules of all logs read it, or of a step its lower end."""
    if way == "code":
        return np.where(at <= GRID, at / GRID, np.where(at == ZERO, 0.0, np.nan))
    return rules.scores(at.astype(np.float32) if kind == "float" else at, unit).values
