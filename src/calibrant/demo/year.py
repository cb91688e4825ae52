"""The end of the demonstration: a desk's year in a store, and a gateway's file on whose pages it is to be seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files.writing import write
from ..stores.sql import SqlStore
from .desk import desk_year
from .world import DAY

__all__ = ["Year", "year"]

PER_DAY = 20
"""Answers a day, so that the year takes some seconds."""
DAYS = 365

SERVED = """# The made-up support desk of the demonstration, with its pages: calibrant serve {file}
# The model that comes with calibrant stands in for the desk's own.
[server]
port = 8080

[model]
kind = "embedded"

[store]
url = {store}

[pages]
title = "Support desk (made up)"

[review]
per_day = 12
"""


@dataclass(frozen=True)
class Year:
    """What was made: the store, the gateway's file, how many answers and verdicts, and what happened on which day."""

    store: Path
    config: Path
    answers: int
    verdicts: int
    happened: tuple[tuple[int, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        happened = [{"day": day, "what": what} for day, what in self.happened]
        return {
            "store": str(self.store), "config": str(self.config), "answers": self.answers,
            "verdicts": self.verdicts, "happened": happened,
        }  # fmt: skip


def year(folder: Path, *, now: float, progress: Callable[[int, int], None]) -> Year:
    """Make the year up to last midnight in `folder`, in place of one there; `progress` gets days, and of how many."""
    store, config = folder / "desk.db", folder / "desk.toml"
    for old in folder.glob("desk.db*"):
        old.unlink()
    made = SqlStore(str(store))
    try:
        found = desk_year(
            made, per_day=PER_DAY, days=DAYS, start=now - now % DAY - DAYS * DAY,
            progress=lambda day, _: progress(day, DAYS),
        )  # fmt: skip
    finally:
        made.close()
    write(config, SERVED.format(file=config, store=json.dumps(store.name)))
    return Year(store, config, DAYS * PER_DAY, found.labels, tuple(found.happened))
