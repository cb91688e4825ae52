"""A use that may be made of a log, and what is known of the log when that is decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import CalibrantError
from ..logs.panels import Panel, read_panel
from ..logs.sources import Source
from ..logs.tallies import Log
from ..tally import Tally
from .asked import Asked
from .sampled import ColumnSeen

__all__ = ["Seen", "Use"]

MOST_MODELS = 5
"""Models that are put side by side, those with the most rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """Something that can be made of a log.

    `ready` where it works on the log as it is. `says` is what can be had, or what is in the way; `labels` are further
    labelled rows that would clear the way, as far as that can be told, `cost` what they cost, and `command` the command
    that does it, where there is one that runs today.
    """

    name: str
    ready: bool
    says: str
    labels: int | None = None
    cost: float | None = None
    command: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is known of a log's first rows, and what was asked for; `log` where they can be read.

    `refused` says why not: "choose" where options settle it, "labels" where there are no verdicts, else "" or "other".
    """

    asked: Asked
    source: Source
    head: Source
    rows: int
    columns: Mapping[str, ColumnSeen]
    log: Log | None
    refused: str = ""
    max_error: float = 0.1
    delta: float = 0.1
    width: float = 0.1
    label_cost: float | None = None

    def column(self, *names: str, part: str = "") -> str | None:
        """The column that the format knows for a part, else the first of these names."""
        lower = {name.lower(): name for name in reversed(self.source.columns)}
        return self.source.roles.get(part) or next((lower[name] for name in names if name in lower), None)

    def priced(self, labels: int | None) -> float | None:
        """What so many labels cost."""
        return None if labels is None or self.label_cost is None else round(labels * self.label_cost, 2)

    @property
    def tallies(self) -> list[Tally]:
        """One of each group; none where the log cannot be read."""
        return [] if self.log is None else list(self.log.groups.values())

    @cached_property
    def panel(self) -> Panel | str | None:
        """The models of the log side by side; why they cannot be, None where there are not two."""
        column = self.column("model", part="model")
        if column is None or column not in self.columns or self.columns[column].different < 2:
            return None
        if lacks := [name for name in ("model", "item_id") if name not in self.source.columns]:
            return (
                f"needs the columns model and item_id; rename those that hold them to {' and '.join(lacks)}"
            )
        counts = Counter(str(value) for value in self.head.first("model").tolist() if value is not None)
        models = [name for name, _ in counts.most_common(MOST_MODELS)]
        named = {name: value for name, value in self.options.items() if name != "cluster"}
        try:
            panel = read_panel(self.head, models, **named)
        except CalibrantError as error:
            return str(error)
        known = [row for row in panel.grade if not np.isnan(row).all()]
        return panel if len(known) > 1 else "fewer than two models have verdicts"

    @property
    def options(self) -> dict[str, Any]:
        """How the log is to be read, of which labels are joined already."""
        return {name: value for name, value in self.asked.named.items() if name not in ("labels", "on")}

    def use(
        self, name: str, ready: bool, says: str, labels: int | None = None, command: str | None = None
    ) -> Use:
        """A use, its labels priced."""
        return Use(
            name=name, ready=ready, says=says, labels=labels, cost=self.priced(labels), command=command
        )
