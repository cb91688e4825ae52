"""What a report says that is no audit: sentences, charts and tables, told once for the page and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Drawn", "Sheet", "Tabled"]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A chart with its title and what is to be said below it."""

    title: str
    chart: Any
    told: str


@dataclass(frozen=True, kw_only=True)
class Tabled:
    """A table with its title; a head that begins with ">" stands over numbers."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    told: str = ""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What a report says: doubts first, what was read, the sentences, then charts, tables and how to read them."""

    title: str
    notes: Sequence[str]
    read: Mapping[str, str]
    heading: str
    lines: Sequence[str]
    charts: Sequence[Drawn] = ()
    tables: Sequence[Tabled] = ()
    reading: Sequence[tuple[str, str]] = ()
