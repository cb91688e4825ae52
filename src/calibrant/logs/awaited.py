"""Rows that await a verdict, counted where they lie: what needs rows one by one needs those that have one.

Of a billion answers a few are judged. The others are counted by the engine, each by the reason why it cannot be used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..columns import GRID
from ..maps.units import Unit
from . import values as rules
from .counting import countable
from .keys import Key, key_text
from .queries import STATE, WHY, Asked, above
from .roles import Roles
from .scales import units_of
from .sources import Source
from .tables import Blocks
from .unanswered import answer_column
from .vocabulary import EMPTY

__all__ = ["Awaited", "awaited"]


@dataclass(frozen=True, kw_only=True)
class Awaited:
    """The rows that have a verdict, as a source, the unit of their scores, and the others by group and reason."""

    judged: Source
    unit: Unit
    notes: tuple[str, ...]
    lost: dict[Key, Counter[str]] = field(default_factory=dict)

    @property
    def unusable(self) -> Counter[str]:
        """Those without a verdict by reason."""
        return sum(self.lost.values(), Counter())

    def with_those(self, lost: Mapping[Key, Mapping[str, int]]) -> dict[Key, dict[str, int]]:
        """By group and reason, with those that have a verdict and cannot be used."""
        keys = dict.fromkeys([*lost, *self.lost])
        return {key: dict(Counter(lost.get(key, {})) + self.lost.get(key, Counter())) for key in keys}


def awaited(source: Source, roles: Roles, scale: str | None) -> Awaited | None:
    """Part a long log by whether there is a verdict; None where all rows must be read.

    That is where nothing is a verdict, weights or empty answers set rows apart, confidences are words, or each group
    has a unit of its own.
    """
    if (
        not source.long
        or roles.weight
        or EMPTY.lower() in roles.words.meaning
        or answer_column(source, roles)
    ):
        return None
    assert source.table is not None
    table, kinds = source.table, source.table.kinds
    if kinds.get(roles.confidence) not in ("number", "float"):
        return None
    units = units_of(source, roles.confidence, roles.by, scale, counted=True)
    if not countable(units):
        return None
    verdict = table.missing(table.column(roles.correct))
    there = table.cases([(verdict, 0)], 1)
    waiting, kept = table.where(there == 0), table.where(there == 1)
    nothing = waiting.constant(None), True
    asked = Asked(waiting, replace(roles, tied=()), units.default, kinds[roles.confidence], nothing)
    by = [f"by{i}" for i in range(len(roles.by))]
    columns = {name: asked.table.column(name) for name in by} | {"code": asked.code(GRID)}
    found = _counted(asked.table.grouped(columns, {"n": asked.table.count()}).to_pydict(), by, units.default)
    total, counted = source.rows or 0, sum(one.total() for one in found.values())
    note = (
        f"{counted:,} of {total:,} rows of {source.name} have no verdict, and were counted where they lie: the others "
        "were read."
    )
    judged = replace(source, table=kept, blocks=Blocks(kept), rows=total - counted, whole=None, objects=None)
    return Awaited(judged=judged, unit=units.default, notes=(*units.notes, note), lost=found)


def _counted(got: dict[str, list[Any]], by: list[str], unit: Unit) -> dict[Key, Counter[str]]:
    """The reason of each, as where rows are at hand: what is wrong with the confidence comes first."""
    lost: dict[Key, Counter[str]] = {}
    reasons = {**WHY, **above(unit)}
    cells = np.array(got["code"], np.int64) % STATE
    for i, (cell, n) in enumerate(zip(cells.tolist(), got["n"], strict=True)):
        key = tuple(key_text(got[name][i]) for name in by)
        lost.setdefault(key, Counter())[reasons.get(cell, rules.NO_VERDICT)] += int(n)
    return lost
