"""Rows that belong together, in an engine: what clusters do to what is known, by sums of sums.

A GROUP BY of groups and clusters adds up the residuals of each cluster, and a GROUP BY of that their squares: no more
than a few numbers for each group travel, however many clusters there are (`calibrant.clusters.design_effects`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines._relation import Relation
from .queries import Asked

__all__ = ["MOST_GROUPS", "Effects", "effects"]

MOST_GROUPS = 200
"""Groups that are told apart within one expression; of more, with their parts, no engine would take it."""
TINY = 1e-30
"""A residual below it counts as none: some engines end with an error where its square underflows."""
_SUMS = ("s2", "sw", "w2", "a", "b", "v", "n", "clusters")


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The design effect of a group, that within bins of about equal score, and its clusters, in all and by fold."""

    overall: float
    local: float
    clusters: int
    clusters_of: Mapping[int, int]


def effects(
    asked: Asked,
    tied: Sequence[str],
    groups: Sequence[Sequence[Mapping[str, Any]]],
    cells: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]],
) -> list[Effects]:
    """For each group what its clusters do.

    `groups` hold for each the values of its columns `by0`, `by1` ..., in all the ways in which they are spelt, `cells`
    its scores in their order and the rows of each. A row without a value in the last column of `tied` is a cluster
    of its own. Bins are cut between cells.
    """
    table = _numbered(asked, groups)
    whole = _sums(
        asked, table, tied, table.column("fold") if asked.parted else table.whole(table.column("c") * 0.0)
    )
    found = []
    edges: list[NDArray[np.float64]] = []
    for i, (score, rows) in enumerate(cells):
        several = {fold: sums for (one, fold), sums in whole.items() if one == i}  # no cluster is in two
        of_all = {name: sum(sums[name] for sums in several.values()) for name in (*_SUMS, "s", "t")}
        clusters = int(of_all["clusters"])
        bins = max(2, min(15, round(clusters**0.4)))
        below = np.cumsum(rows) - rows
        at = (below / rows.sum() * bins).astype(np.intp)
        first = np.r_[True, at[1:] != at[:-1]]
        edges.append(_between(score)[first])
        by_fold = {fold: int(sums["clusters"]) for fold, sums in several.items()}
        found.append((_effect({0: of_all}, 1), clusters, bins, by_fold))
    group, c = table.column("grp"), table.column("c")
    parts = [  # within its group alone, since a row is held against each of these
        (group == i, table.cases([(c < float(edge), at) for at, edge in enumerate(one[1:])], len(one) - 1))
        for i, one in enumerate(edges)
    ]
    apart = _sums(asked, table, tied, table.cases(parts, 0))
    made = []
    for i, (overall, clusters, bins, by_fold) in enumerate(found):
        held = {part: sums for (one, part), sums in apart.items() if one == i}
        local = _effect(held, bins)
        made.append(Effects(overall=overall, local=local, clusters=clusters, clusters_of=by_fold))
    return made


def _numbered(asked: Asked, groups: Sequence[Sequence[Mapping[str, Any]]]) -> Relation:
    """The rows with the number of their group, and 1 where they can be used: worked out once, and not in each sum."""
    table = asked.table
    known = [(_alike(table, values), i) for i, several in enumerate(groups) for values in several if values]
    group = table.cases(known, len(groups)) if known else table.whole(table.column("c") * 0.0)
    needed = ["c", "g", *(name for name in ("w", "fold") if name in table.kinds), *asked.roles.tied]
    return table.derived(
        {name: table.column(name) for name in needed}
        | {"grp": group, "used": table.cases([(asked.usable(), 1)], 0)}
    )


def _between(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each cell begins: half-way from the one before."""
    return np.r_[0.0, (score[1:] + score[:-1]) / 2] if len(score) else score


def _alike(table: Relation, values: Mapping[str, Any]) -> Any:
    conditions = [
        table.missing(table.column(name)) if value is None else table.column(name) == value
        for name, value in values.items()
    ]
    return reduce(and_, conditions)


def _id(asked: Asked, table: Relation, name: str) -> Any:
    """A column of ids, of texts with one spelling for what is missing."""
    value = table.column(name)
    text = asked.kinds[name] == "text"
    return table.cases([(table.missing(value), table.constant(""))], value) if text else value


def _sums(
    asked: Asked, table: Relation, tied: Sequence[str], part: Any
) -> dict[tuple[int, int], dict[str, float]]:
    """Of each group and part: over clusters and over rows, sums of the residuals and their squares."""
    nothing = table.column("c") * 0.0  # which has 64 bits everywhere; a literal is a decimal to some engines
    w = table.column("w") if asked.roles.weight else nothing + 1.0
    apart = table.column("g") - table.column("c")
    used = table.column("used")
    seen = (used == 1) & ((apart < -TINY) | (apart > TINY))
    ids = [f"id{i}" for i in range(len(tied))]
    made = {"grp": table.column("grp"), "part": table.cases([(used == 1, part)], 0), "used": used}
    made["w"] = table.cases([(used == 1, w)], nothing)
    made["r"] = table.cases([(seen, apart)], nothing)
    rows = table.derived(made | {key: _id(asked, table, name) for key, name in zip(ids, tied, strict=True)})
    r, w = rows.column("r"), rows.column("w")
    keys = {name: rows.column(name) for name in ("grp", "part", "used", *ids)}
    each = rows.summed(
        keys,
        {
            "s": rows.sum(w * r), "t": rows.sum(w), "a": rows.sum(w * w * r * r), "b": rows.sum(w * w * r),
            "v": rows.sum(w * w), "n": rows.count(),
        },
    )  # fmt: skip
    column = {name: each.number(each.column(name), "number") for name in ("s", "t", "a", "b", "v", "n")}
    last = each.column(ids[-1])
    lone = last == "" if asked.kinds[tied[-1]] == "text" else each.missing(last)

    def of(alone: Any, together: Any) -> Any:
        return each.sum(each.cases([(lone, alone)], together))

    got = each.grouped(
        {name: each.column(name) for name in ("grp", "part", "used")},
        {
            "s2": of(column["a"], column["s"] * column["s"]), "sw": of(column["b"], column["s"] * column["t"]),
            "w2": of(column["v"], column["t"] * column["t"]), "a": each.sum(column["a"]), "b": each.sum(column["b"]),
            "v": each.sum(column["v"]), "n": each.sum(column["n"]), "clusters": of(column["n"], each.constant(1.0)),
            "s": each.sum(column["s"]), "t": each.sum(column["t"]),
        },
    ).to_pydict()  # fmt: skip
    return {
        (int(got["grp"][i]), int(got["part"][i])): {name: float(got[name][i]) for name in (*_SUMS, "s", "t")}
        for i in range(len(got["grp"]))
        if int(got["used"][i]) == 1
    }


def _effect(parts: Mapping[int, Mapping[str, float]], bins: int) -> float:
    """The variance by cluster over that by row, of residuals about the mean of each part."""
    n, pairs = sum(one["n"] for one in parts.values()), sum(one["clusters"] for one in parts.values())
    by_cluster = by_row = together = squares = 0.0
    for one in parts.values():
        mean = one["s"] / one["t"]
        by_cluster += one["s2"] - 2 * mean * one["sw"] + mean**2 * one["w2"]
        by_row += one["a"] - 2 * mean * one["b"] + mean**2 * one["v"]
        together, squares = together + one["w2"], squares + one["v"]
    by_row *= n / max(n - bins, 1)
    if pairs <= bins or by_row < 1e-12:
        return max(together / squares, 1.0)
    return max(by_cluster * pairs / (pairs - bins) / by_row, 1.0)
