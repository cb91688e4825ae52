"""What a log of several models, prompts or signals supports: comparing, cascades, ensembles, the choice of a signal."""

from __future__ import annotations

import numpy as np

from ..logs.keys import group_codes
from ..logs.panels import Panel
from .seen import Seen, Use

__all__ = ["cascade", "compared", "ensemble", "signals"]

PAIRED = 30
"""Items that two sides of a comparison share at the least."""
PLANNED = 40
"""Items that a plan is fitted and tested on at the least."""
SIDES = ("model", "prompt", "release", "version", "run", "system", "variant")


def _side_column(seen: Seen) -> str | None:
    """The column of models, prompts or releases, with two values or more."""
    for name in SIDES:
        column = seen.column(name, part="model" if name == "model" else "")
        if column and column in seen.columns and 2 <= seen.columns[column].different <= 200:
            return column
    return None


def compared(seen: Seen) -> Use | None:
    """Its models, prompts or releases, each against the first."""
    column = _side_column(seen)
    if seen.log is None or column is None or column in seen.asked.by:
        return None
    counts = np.bincount(group_codes([seen.head.first(column)], seen.rows)[1])
    if sorted(counts.tolist())[-2:][0] < PAIRED:
        return seen.use(
            "compare",
            False,
            f"fewer than {PAIRED} rows of a second {column}",
            int(PAIRED - sorted(counts.tolist())[-2]),
        )
    many = seen.columns[column].different
    return seen.use(
        "compare", True, f"{many} values of {column!r} held against the first.", None,
        seen.asked.line("compare", "--between", column),
    )  # fmt: skip


def _ranked(panel: Panel) -> list[str]:
    """Models from the least often right to the most."""
    right = [float(np.nanmean(row)) if not np.isnan(row).all() else -1.0 for row in panel.grade]
    return [panel.models[i] for i in np.argsort(right, kind="stable").tolist() if right[i] >= 0]


def cascade(seen: Seen) -> Use | None:
    """The model that is least often right first, and when to ask the best."""
    panel = seen.panel
    if panel is None or isinstance(panel, str):
        return None if panel is None else seen.use("cascade", False, panel)
    small, large = (_ranked(panel)[place] for place in (0, -1))
    both = [panel.models.index(name) for name in (small, large)]
    shared = int((~np.isnan(panel.grade[both])).all(axis=0).sum())
    if shared < PLANNED:
        return seen.use(
            "cascade",
            False,
            f"{shared} items have verdicts of both {small} and {large}; {PLANNED} are needed",
            PLANNED - shared,
        )
    models = ",".join(f'"{name}"' if "," in name else name for name in (small, large))
    command = seen.asked.line("plan cascade", "--models", models, "--fit-rows", str(shared // 2))
    return seen.use(
        "cascade", True, f"{small} first, and when to ask {large} again, on {shared:,} items.", None, command
    )


def ensemble(seen: Seen) -> Use | None:
    """The answers of its models together."""
    panel = seen.panel
    if panel is None or isinstance(panel, str):
        return None
    names = _ranked(panel)[::-1]
    silent = [
        name for name in names if not any(a is not None for a in panel.answer[panel.models.index(name)])
    ]
    if silent:
        return seen.use("ensemble", False, "needs what each model said, in a column answer")
    both = [panel.models.index(name) for name in names]
    shared = int((~np.isnan(panel.grade[both])).all(axis=0).sum())
    if shared < PLANNED:
        return seen.use(
            "ensemble",
            False,
            f"{shared} items have verdicts of all models; {PLANNED} are needed",
            PLANNED - shared,
        )
    models = ",".join(f'"{name}"' if "," in name else name for name in names)
    return seen.use(
        "ensemble", True, f"the answers of {len(names)} models pooled, on {shared:,} items.", None,
        seen.asked.line("plan ensemble", "--models", models, by=False),
    )  # fmt: skip


def signals(seen: Seen) -> Use | None:
    """Its signals, each where it works."""
    if not {"record_id", "signal"} <= set(seen.source.columns) or seen.columns["signal"].different < 2:
        return None
    if seen.log is None:
        return None
    several = seen.columns["signal"].different
    return seen.use(
        "signals", True, f"which of {several} signals works where.", None, seen.asked.line("signals")
    )
