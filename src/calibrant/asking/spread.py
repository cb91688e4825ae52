"""Batches of questions on Ray Data: on this machine, or on the cluster that `RAY_ADDRESS` names."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from ..dialogue.asks import carrying
from ..plugins import require
from ..records.plain import (
    question_from_dict,
    question_to_dict,
    record_from_dict,
    record_to_dict,
    verdict_from_dict,
    verdict_to_dict,
)
from ..types import Question, Record, Verdict
from .asker import Spending
from .batches import Attempt, Elicitor
from .elicit import ElicitSummary, identity
from .sinks import Sink

__all__ = ["BATCH", "spread"]

BATCH = 200
"""Questions of a batch: a model is made and closed for each."""
SPARE = 2
"""Processors, in name, beside the workers: without them Ray's own scheduling waits for itself."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def spread(
    elicitor: Elicitor,
    questions: Sequence[Question],
    *,
    sink: Sink,
    at_once: int,
    progress: Callable[[ElicitSummary], None] | None = None,
) -> ElicitSummary:
    """What `elicit` does, in batches of which Ray runs so many at once; records are kept here as batches end.

    Questions that are recorded are skipped, and batches are cut as before, so that of one which was stopped the
    answered calls are found in `elicitor.calls`, a folder that all machines reach. Questions that could not be
    finished are counted as `unfinished`. A record that lacks a signal is left as it is. Raises `MissingExtra`
    without Ray.
    """
    require("ray.data", "Asking on Ray", "ray")
    summary, settings = ElicitSummary(), _settings(elicitor)
    name = _name(elicitor)
    batches = []
    for start in range(0, len(questions), BATCH):
        batch = questions[start : start + BATCH]
        left = {one.id for one in batch if sink.there(identity(one, name, settings)) is None}
        summary.skipped += sum(one.id not in left for one in batch)
        if left:
            batches.append((batch, left))
    with asyncio.Runner() as runner:
        for done, part in _attempts(elicitor, batches, at_once) if batches else ():
            runner.run(_keep(sink, done))
            summary.add(part)
            if progress:
                progress(summary)
    return summary


def _settings(elicitor: Elicitor) -> Any:
    needs = frozenset[str]().union(*[signal.needs for signal in elicitor.signals.values()])
    return carrying(elicitor.settings, needs)


def _name(elicitor: Elicitor) -> str:
    model = elicitor.model()
    asyncio.run(model.close())
    return model.name


async def _keep(sink: Sink, done: Sequence[tuple[Record, Verdict | None]]) -> None:
    for record, verdict in done:
        await sink.add(record, verdict)
    await sink.settled()


def _attempts(
    elicitor: Elicitor, batches: Sequence[tuple[Sequence[Question], set[str]]], at_once: int
) -> Iterator[Attempt]:
    """What came of each batch, as they end."""
    for setting, value in QUIET.items():
        os.environ.setdefault(setting, value)  # noqa: TID251 - which Ray reads, and nobody else
    ray = require("ray", "Asking on Ray", "ray")
    if begun := not ray.is_initialized():
        _begin(ray, at_once)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    asked = [json.dumps([[question_to_dict(one) for one in batch], sorted(left)]) for batch, left in batches]
    try:
        rows = ray.data.from_items([{"batch": one} for one in asked], override_num_blocks=len(asked)).map_batches(
            partial(_attempted, elicitor),
            batch_format="pyarrow", batch_size=1, compute=ray.data.TaskPoolStrategy(size=at_once),
        )  # fmt: skip
        for row in rows.iter_rows():
            yield _read(json.loads(row["made"]))
    finally:
        if begun:
            ray.shutdown()


def _begin(ray: Any, at_once: int) -> None:
    """Begin a node here, unless Ray knows a cluster by `RAY_ADDRESS`, which takes no number of processors."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        ray.init(num_cpus=at_once + SPARE, include_dashboard=False, **quiet)
    except ValueError:
        ray.init(**quiet)


def _attempted(elicitor: Elicitor, table: Any) -> dict[str, list[str]]:
    """A batch, asked where this runs."""
    made = []
    for one in table.column("batch").to_pylist():
        batch, left = json.loads(one)
        done, summary = elicitor.attempt([question_from_dict(q) for q in batch], frozenset(left))
        records = [[record_to_dict(r), None if v is None else verdict_to_dict(v)] for r, v in done]
        told = {field.name: getattr(summary, field.name) for field in fields(summary)} | {
            "spendings": {model: asdict(one) for model, one in summary.spendings.items()}
        }
        made.append(json.dumps([records, told]))
    return {"made": made}


def _read(made: Any) -> Attempt:
    records, told = made
    told["reasons"] = Counter(told["reasons"])
    told["spendings"] = {model: Spending(**spent) for model, spent in told["spendings"].items()}
    done = [(record_from_dict(r), None if v is None else verdict_from_dict(v)) for r, v in records]
    return done, ElicitSummary(**told)
