"""Apply: calibrated probabilities and actions for every row of a log, row by row, nothing lost."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np

from .errors import ColumnNotFound, UnusableInput
from .logs.columns import CONVENTIONS, parse_block, percent
from .logs.pivots import Pivot, side_by_side
from .logs.sources import Block, Key, Source, group_codes, open_source
from .maps.blends import BlendMap
from .maps.calibration import CalibrationMap, MapSet
from .phrasing.phrases import Phrasebook
from .plugins import require
from .protocols import Policy
from .types import Confidence, Fingerprint, Probability

__all__ = ["ADDED", "Applied", "apply"]

ADDED = (
    "calibrated",
    "calibrated_low",
    "calibrated_high",
    "action",
    "why",
    "map_id",
    "uncalibrated",
    "phrase",
)
"""Columns added to each row; `uncalibrated` says why there is no probability, `phrase` says it to people."""

Row = dict[str, Any]


@dataclass(kw_only=True)
class Applied:
    """How many rows got a probability, why the others did not, and how many got each action.

    `ignored` counts the rows of signals that no blend knows, `stood_in` those of groups without a map of their own,
    by what the map that stood in is for.
    """

    rows: int = 0
    calibrated: int = 0
    uncalibrated: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    stood_in: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "rows": self.rows, "calibrated": self.calibrated, "uncalibrated": dict(self.uncalibrated),
            "actions": dict(self.actions), **({"ignored": dict(self.ignored)} if self.ignored else {}),
            **({"stood_in": dict(self.stood_in)} if self.stood_in else {}),
        }  # fmt: skip


def apply(
    maps: MapSet, log: str | Path, out: str | Path, policy: Policy, *, confidence: str | None = None
) -> Applied:
    """Write the rows of `log` to `out` with the columns `ADDED`; formats by the files' endings.

    Each row takes the map of its own group, else the fall-back for such groups where the maps have one: `why` then
    says so, and the rows are counted. A row without a usable confidence, or of a group that has no
    map, gets no probability and the policy's most careful action, and is counted with the reason. A blend
    gives every row of a record the same probability; the log is then read twice and its scores kept in memory.
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
    summary, in_percent, book = Applied(), percent(first), Phrasebook.of(maps, policy)
    given = _blended(source, maps, column, in_percent, summary) if maps.blends else iter(())
    with _Writer(Path(out)) as writer:
        for rows, block in _chunks(source):
            if maps.blends:
                for row in rows:
                    row.update(next(given))
                    _decide(row, policy, book, summary)
            else:
                _apply_chunk(rows, block, maps, policy, book, column, in_percent, summary)
            writer.write(rows)
    return summary


def _apply_chunk(
    rows: list[Row],
    block: Block,
    maps: MapSet,
    policy: Policy,
    book: Phrasebook,
    column: str,
    in_percent: bool,
    summary: Applied,
) -> None:
    parsed = parse_block(block[column], np.zeros(len(rows)), None, in_percent=in_percent, inverse=False)
    stated = [f.name for f in fields(Fingerprint) if f.name in block and f.name not in maps.by]
    keys, codes = group_codes([block[name] for name in (*maps.by, *stated)], len(rows))
    notes: dict[int, str] = {}
    for k, key in enumerate(keys):
        found, misfit, level = _fitting(maps, key, stated)
        where = np.flatnonzero(codes == k)
        usable = where[parsed.reason[where] == 0] if found else where[:0]
        if found is not None:
            p, (low, high) = found(parsed.scores[usable]), found.interval(parsed.scores[usable])
            for i, *ends in zip(usable.tolist(), p.tolist(), low.tolist(), high.tolist(), strict=True):
                rows[i].update(zip(ADDED[:3], ends, strict=True), map_id=found.map_id, uncalibrated=None)
        for i in np.setdiff1d(where, usable).tolist():
            why = parsed.reasons[parsed.reason[i]] or misfit
            rows[i].update(dict.fromkeys(ADDED[:3]), map_id=None, uncalibrated=why)
        if level and len(usable):
            note = f"There is no map for {_named(key[: len(maps.by)])}; the one for {level} stood in."
            notes.update(dict.fromkeys(usable.tolist(), note))
            summary.stood_in[level] += len(usable)
    for i, row in enumerate(rows):
        _decide(row, policy, book, summary)
        if i in notes:
            row["why"] = f"{row['why']} {notes[i]}"


def _blended(source: Source, maps: MapSet, column: str, in_percent: bool, summary: Applied) -> Iterator[Row]:
    """For each row of the log, what its record's blend adds to it."""
    answers = side_by_side(source, maps.by, column, in_percent)
    blends, added = dict(maps.blends), [dict[str, Any]()] * len(answers.group)
    for g, key in enumerate(answers.keys):
        at = np.flatnonzero(answers.group == g)
        found = blends.get(key)
        scores = {n: s[at] for n, s in answers.scores.items() if not np.isnan(s[at]).all()}
        why = (
            f"no blend for {', '.join(map(str, key))}" if found is None else _unfit(found, answers, g, scores)
        )
        if found is None or why:
            for i in at.tolist():
                added[i] = {**dict.fromkeys(ADDED[:3]), "map_id": None, "uncalibrated": why}
            continue
        known = {n: s for n, s in scores.items() if n in found.names} or {
            found.names[0]: np.full(len(at), np.nan)
        }
        summary.ignored += Counter(
            {n: int((~np.isnan(s)).sum()) for n, s in scores.items() if n not in known}
        )
        p, (low, high) = found(known), found.interval(known)
        for i, *ends in zip(at.tolist(), p.tolist(), low.tolist(), high.tolist(), strict=True):
            none = ends[0] != ends[0]
            values = (None, None, None) if none else ends
            lacks = f"none of {', '.join(found.names)} has a score" if none else None
            added[i] = {
                **dict(zip(ADDED[:3], values, strict=True)),
                "map_id": None if none else found.map_id,
                "uncalibrated": lacks,
            }
    return (added[i] for i in answers.row.tolist())


def _unfit(found: BlendMap, answers: Pivot, group: int, scores: Mapping[str, Any]) -> str | None:
    """Why a group's scores are not such as its blend was fitted on; only what the log states is compared."""
    marks = {}
    for s in found.signals:
        if s.name in scores:
            mine = asdict(replace(found.fingerprint, prompt=s.prompt, parameters=s.parameters))
            read = asdict(answers.asked[group, s.name])
            marks[s.name] = Fingerprint(**{n: read[n] if n in answers.stated else mine[n] for n in mine})
    return found.misfit(marks)


def _fitting(maps: MapSet, key: Key, stated: list[str]) -> tuple[CalibrationMap | None, str, str | None]:
    """The map of a group if it was fitted on such scores, else None and why; and what a fall-back is for.

    Only what the log states is compared: a log without a column for the model is taken to be of the map's.
    """
    group, rest = key[: len(maps.by)], dict(zip(stated, key[len(maps.by) :], strict=True))
    found, where = maps.look_up(group)
    if found is None:
        return None, f"no map for {_named(group)}", None
    asked = {name: value for name, value in asdict(found.fingerprint).items() if name in rest}
    differences = Fingerprint(**asked).differences(Fingerprint(**rest))
    if differences:
        return None, f"map {found.map_id} was fitted on other scores: {'; '.join(differences)}", None
    if where is None:
        return found, "", None
    level = ", ".join(f"any {n}" if n not in dict(where) else f"{n} {dict(where)[n]}" for n in maps.by)
    return found, "", level


def _named(group: Key) -> str:
    return ", ".join(str(v) for v in group)


def _decide(row: Row, policy: Policy, book: Phrasebook, summary: Applied) -> None:
    p, why = row["calibrated"], row["uncalibrated"]
    confidence = Confidence(
        p=None if p is None else Probability(p), low=row["calibrated_low"], high=row["calibrated_high"],
        map_id=row["map_id"], reason=why,
    )  # fmt: skip
    decision = policy.decide(confidence)
    row["action"], row["why"] = str(decision.action), decision.why
    row["phrase"] = book.phrase(confidence, decision).text
    summary.rows += 1
    summary.actions[str(decision.action)] += 1
    if why is None:
        summary.calibrated += 1
    else:
        summary.uncalibrated[why] += 1


def _chunks(source: Source) -> Iterator[tuple[list[Row], Block]]:
    """The rows of a log as they are, a block at a time, and the same rows as columns."""
    names = [*source.columns, *([source.whole] if source.whole else [])]
    for block in source.blocks(names):
        if source.whole:
            rows = [json.loads(text) for text in block[source.whole]]
        else:
            columns = [block[name].tolist() for name in source.columns]
            rows = [dict(zip(source.columns, row, strict=True)) for row in zip(*columns, strict=True)]
        yield rows, block


def _plain(value: Any) -> Any:
    """A value as strict JSON knows it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
            for row in rows:
                strict = {name: _plain(value) for name, value in row.items()}
                self.text.write(json.dumps(strict, default=str, ensure_ascii=False, allow_nan=False) + "\n")

    def _write_table(self, rows: list[Row]) -> None:
        pa = require("pyarrow", f"Writing {self.path.name}", "files")
        parquet = require("pyarrow.parquet", f"Writing {self.path.name}", "files")
        if self.table is None:
            kinds = [pa.float64()] * 3 + [pa.string()] * (len(ADDED) - 3)
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
