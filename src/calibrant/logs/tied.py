"""Rows that belong together, in an engine: what clusters do to what is known, by sums of sums.

A GROUP BY of groups and clusters adds up the residuals of each cluster, and a GROUP BY of that their squares: no more
than a few numbers for each group travel, however many clusters there are (`calibrant.clusters.design_effects`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines._relation import Relation
from .queries import Asked

__all__ = ["MOST_GROUPS", "effects"]

MOST_GROUPS = 200
"""Groups that are told apart within one expression; of more, with their parts, no engine would take it."""
TINY = 1e-30
"""A residual below it counts as none: some engines end with an error where its square underflows."""
_SUMS = ("s2", "sw", "w2", "a", "b", "v", "n", "clusters")


def effects(
    asked: Asked,
    tied: Sequence[str],
    groups: Sequence[Sequence[Mapping[str, Any]]],
    cells: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]],
) -> list[tuple[float, float, int]]:
    """For each group the design effect, that within bins of about equal score, and the number of clusters.

    `groups` hold for each the values of its columns `by0`, `by1` ..., in all the ways in which they are spelt, `cells`
    its scores in their order and the rows of each. A row without a value in the last column of `tied` is a cluster
    of its own. Bins are cut between cells.
    """
    table = asked.table
    known = [(_alike(table, values), i) for i, several in enumerate(groups) for values in several if values]
    group = table.cases(known, len(groups) if known else 0)
    whole = _sums(asked, tied, group, 0)
    found = []
    edges: list[NDArray[np.float64]] = []
    for i, (score, rows) in enumerate(cells):
        clusters = int(whole[i, 0]["clusters"])
        bins = max(2, min(15, round(clusters**0.4)))
        below = np.cumsum(rows) - rows
        at = (below / rows.sum() * bins).astype(np.intp)
        first = np.r_[True, at[1:] != at[:-1]]
        edges.append(_between(score)[first])
        found.append((_effect({0: whole[i, 0]}, 1), clusters, bins))
    parts = [
        ((group == i) & (table.column("c") < float(edge)), before)
        for i, several in enumerate(edges)
        for before, edge in enumerate(several[1:])
    ]
    last = table.cases([(group == i, len(several) - 1) for i, several in enumerate(edges)], 0)
    apart = _sums(asked, tied, group, table.cases(parts, last))
    made = []
    for i, (overall, clusters, bins) in enumerate(found):
        held = {part: sums for (one, part), sums in apart.items() if one == i}
        made.append((overall, _effect(held, bins), clusters))
    return made


def _between(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each cell begins: half-way from the one before."""
    return np.r_[0.0, (score[1:] + score[:-1]) / 2] if len(score) else score


def _alike(table: Relation, values: Mapping[str, Any]) -> Any:
    conditions = [
        table.missing(table.column(name)) if value is None else table.column(name) == value
        for name, value in values.items()
    ]
    return reduce(and_, conditions)


def _id(asked: Asked, name: str) -> Any:
    """A column of ids, of texts with one spelling for what is missing."""
    table, value = asked.table, asked.table.column(name)
    text = asked.kinds[name] == "text"
    return table.cases([(table.missing(value), table.constant(""))], value) if text else value


def _sums(
    asked: Asked, tied: Sequence[str], group: Any, part: Any
) -> dict[tuple[int, int], dict[str, float]]:
    """Of each group and part: over clusters and over rows, sums of the residuals and their squares."""
    table = asked.table
    nothing = table.column("c") * 0.0  # which has 64 bits everywhere; a literal is a decimal to some engines
    w = table.column("w") if asked.roles.weight else nothing + 1.0
    apart = table.column("g") - table.column("c")
    seen = asked.usable() & ((apart < -TINY) | (apart > TINY))
    part = table.cases([(table.missing(table.column("c")), 0)], part)
    used = table.cases([(asked.usable(), 1)], 0)
    ids = [f"id{i}" for i in range(len(tied))]
    made = {"grp": group, "part": part, "used": used}
    made["w"] = table.cases([(asked.usable(), w)], nothing)
    made["r"] = table.cases([(seen, apart)], nothing)
    rows = table.derived(made | {key: _id(asked, name) for key, name in zip(ids, tied, strict=True)})
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
