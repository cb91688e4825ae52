"""Apply: calibrated probabilities and actions for every row of a log, row by row, nothing lost."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np

from .columns import CONVENTIONS, parse_block, percent
from .errors import ColumnNotFound, UnusableInput
from .maps import MapSet
from .plugins import require
from .protocols import Policy
from .sources import group_codes, open_source
from .types import Confidence, Probability

__all__ = ["ADDED", "Applied", "apply"]

ADDED = ("calibrated", "calibrated_low", "calibrated_high", "action", "why", "map_id", "uncalibrated")
"""Columns added to each row; `uncalibrated` says why there is no probability."""

_CHUNK = 65_536
Row = dict[str, Any]


@dataclass(kw_only=True)
class Applied:
    """How many rows got a probability, why the others did not, and how many got each action."""

    rows: int = 0
    calibrated: int = 0
    uncalibrated: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rows": self.rows, "calibrated": self.calibrated, "uncalibrated": dict(self.uncalibrated),
            "actions": dict(self.actions),
        }  # fmt: skip


def apply(
    maps: MapSet, log: str | Path, out: str | Path, policy: Policy, *, confidence: str | None = None
) -> Applied:
    """Write the rows of `log` to `out` with the columns `ADDED`; formats by the files' endings.

    Each row takes the map of its own group. A row without a usable confidence, or of a group that has no
    map, gets no probability and the policy's most careful action, and is counted with the reason.
    """
    source = open_source(log)
    names = (confidence,) if confidence else CONVENTIONS["confidence"]
    column = next((c for n in names for c in source.columns if c.lower() == n.lower()), None)
    if column is None:
        raise ColumnNotFound("confidence", names, source.columns)
    missing = [name for name in maps.by if name not in source.columns]
    if missing:
        raise ColumnNotFound("by", missing, source.columns)
    first = next(source.blocks([column]), {column: np.zeros(0)})[column]
    summary, in_percent = Applied(), percent(first)
    with _Writer(Path(out)) as writer:
        for rows in _chunks(log):
            _apply_chunk(rows, maps, policy, column, in_percent, summary)
            writer.write(rows)
    return summary


def _apply_chunk(
    rows: list[Row], maps: MapSet, policy: Policy, column: str, in_percent: bool, summary: Applied
) -> None:
    raw = np.array([row.get(column) for row in rows], dtype=object)
    parsed = parse_block(raw, np.zeros(len(rows)), None, in_percent=in_percent, inverse=False)
    groups = [np.array([row.get(name) for row in rows], dtype=object) for name in maps.by]
    keys, codes = group_codes(groups, len(rows))
    for k, key in enumerate(keys):
        found = maps.find(key)
        where = np.flatnonzero(codes == k)
        usable = where[parsed.reason[where] == 0] if found else where[:0]
        if found is not None:
            p, (low, high) = found(parsed.scores[usable]), found.interval(parsed.scores[usable])
            for i, *ends in zip(usable.tolist(), p.tolist(), low.tolist(), high.tolist(), strict=True):
                rows[i].update(zip(ADDED[:3], ends, strict=True), map_id=found.map_id, uncalibrated=None)
        for i in np.setdiff1d(where, usable).tolist():
            no_map = f"no map for {', '.join(str(v) for v in key)}"
            why = parsed.reasons[parsed.reason[i]] or no_map
            rows[i].update(dict.fromkeys(ADDED[:3]), map_id=None, uncalibrated=why)
    for row in rows:
        _decide(row, policy, summary)


def _decide(row: Row, policy: Policy, summary: Applied) -> None:
    p, why = row["calibrated"], row["uncalibrated"]
    number = None if p is None else Probability(p)
    decision = policy.decide(
        Confidence(p=number, low=row["calibrated_low"], high=row["calibrated_high"], reason=why)
    )
    row["action"], row["why"] = str(decision.action), decision.why
    summary.rows += 1
    summary.actions[str(decision.action)] += 1
    if why is None:
        summary.calibrated += 1
    else:
        summary.uncalibrated[why] += 1


def _chunks(log: str | Path) -> Iterator[list[Row]]:
    """The rows of a log as they are, a chunk at a time."""
    path = Path(log)
    suffix = path.suffix.lower()
    if suffix in (".parquet", ".pq"):
        parquet = require("pyarrow.parquet", f"Reading {path.name}", "files")
        for batch in parquet.ParquetFile(path).iter_batches(_CHUNK):
            yield batch.to_pylist()
        return
    rows = _text_rows(path, suffix) if suffix in (".csv", ".tsv", ".jsonl", ".ndjson") else _other_rows(log)
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _text_rows(path: Path, suffix: str) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        if suffix in (".csv", ".tsv"):
            yield from csv.DictReader(file, delimiter="\t" if suffix == ".tsv" else ",")
        else:
            yield from (json.loads(line) for line in file if line.strip())


def _other_rows(log: str | Path) -> Iterator[Row]:
    source = open_source(log)
    for block in source.blocks(source.columns):
        columns = [block[name].tolist() for name in source.columns]
        yield from (dict(zip(source.columns, values, strict=True)) for values in zip(*columns, strict=True))


class _Writer:
    """Rows to a .parquet, .csv or .jsonl file, which appears whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path, self.kind = path, path.suffix.lower()
        if self.kind not in (".parquet", ".csv", ".jsonl"):
            raise UnusableInput(f"Cannot write {path}: expected an ending .parquet, .csv or .jsonl.")
        self.part = path.with_name(path.name + ".part")
        self.text: TextIO | None = None
        self.table: Any = None
        self.columns: Any = None

    def __enter__(self) -> Self:
        if self.kind != ".parquet":
            self.text = self.part.open("w", newline="", encoding="utf-8")
        return self

    def write(self, rows: list[Row]) -> None:
        if self.kind == ".parquet":
            self._write_table(rows)
        elif self.kind == ".csv":
            if self.columns is None:
                assert self.text is not None
                self.columns = csv.DictWriter(self.text, list(rows[0]), extrasaction="ignore")
                self.columns.writeheader()
            self.columns.writerows(rows)
        else:
            assert self.text is not None
            self.text.writelines(json.dumps(row, default=str, ensure_ascii=False) + "\n" for row in rows)

    def _write_table(self, rows: list[Row]) -> None:
        pa = require("pyarrow", f"Writing {self.path.name}", "files")
        parquet = require("pyarrow.parquet", f"Writing {self.path.name}", "files")
        if self.table is None:
            kinds = [pa.float64()] * 3 + [pa.string()] * 4
            found = pa.Table.from_pylist(rows).schema
            schema = pa.schema([*(f for f in found if f.name not in ADDED), *map(pa.field, ADDED, kinds)])
            self.table = parquet.ParquetWriter(self.part, schema, compression="zstd")
        self.table.write_table(pa.Table.from_pylist(rows, schema=self.table.schema))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for open_end in (self.text, self.table):
            if open_end is not None:
                open_end.close()
        if kind is None and self.part.exists():
            self.part.replace(self.path)
        else:
            self.part.unlink(missing_ok=True)
