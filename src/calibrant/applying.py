"""Apply: calibrated probabilities and actions for every row of a log, row by row, nothing lost."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice, repeat
from pathlib import Path
from typing import Any, TextIO

from .errors import Misuse
from .files.writing import check_apart, writing
from .logs.keys import Key, absent
from .logs.pivots import side_by_side
from .logs.reader import Parsed, Reader
from .logs.roles import STATED, Roles, roles_of
from .logs.scales import check_units, units_of
from .logs.sources import Source, open_source
from .logs.values import REASONS, as_is
from .maps.calibration import MapSet
from .maps.units import FRACTION, Unit
from .phrasing.phrases import Phrasebook
from .plugins import require
from .protocols import Policy
from .types import Confidence

__all__ = ["ADDED", "Applied", "apply"]

ADDED = (
    "p",
    "p_low",
    "p_high",
    "action",
    "why",
    "map_id",
    "uncalibrated",
    "phrase",
)
"""Columns added to each row. `p` lies within `p_low` and `p_high`, `uncalibrated` says why there is none, `phrase` says
it to people."""

Row = dict[str, Any]


@dataclass(kw_only=True)
class Applied:
    """How many rows got a probability, why the others did not, and how many got each action.

    `scale` is the unit in which scores were read, "several" where the maps have more than one.
    `ignored` counts the rows of signals that no blend knows, `stood_in` those of groups without a map of their own,
    by what the map that stood in is for, `replaced` those whose log held a value already in a column of that name.
    """

    scale: str = "fraction"
    rows: int = 0
    calibrated: int = 0
    uncalibrated: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    stood_in: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "scale": self.scale, "rows": self.rows, "calibrated": self.calibrated,
            "uncalibrated": dict(self.uncalibrated), "actions": dict(self.actions),
            **({"ignored": dict(self.ignored)} if self.ignored else {}),
            **({"stood_in": dict(self.stood_in)} if self.stood_in else {}),
            **({"replaced": dict(self.replaced)} if self.replaced else {}),
        }  # fmt: skip


def apply(
    maps: MapSet,
    log: str | Path,
    out: str | Path,
    policy: Policy,
    *,
    confidence: str | None = None,
    scale: str | None = None,
) -> Applied:
    """Write the rows of `log` to `out` with the columns `ADDED`; formats by the files' endings.

    Each row takes the map of its own group, else the fall-back for such groups where the maps have one: `why` then
    says so, and the rows are counted. A row without a usable confidence, or of a group that has no
    map, gets no probability and the policy's most careful action, and is counted with the reason. A blend
    gives every row of a record the same probability; the log is then read twice and its scores kept in memory.

    Scores are read in the unit of their map, from the column that it was fitted on where the log has it: what else
    stands in the log changes no row's number. `scale` says that the log states them in another unit. A log of which
    many numbers cannot be of that unit is refused with `UnusableInput`, and nothing is written.

    What the log holds in a column of `ADDED`, in capitals or not, is replaced and counted; only the scores themselves,
    where they are in such a column (`p`), stay as `score`.
    """
    _check_ending(Path(out))
    check_apart({"out": out}, [log] if isinstance(log, str | Path) else [])
    source = open_source(log)
    fitted_on = maps.column if maps.column in source.columns else None
    column = roles_of(source, maps.by, {"confidence": confidence or fitted_on}, needed=("confidence",))[
        0
    ].confidence
    stated = dict.fromkeys([*maps.by, *(n for n in STATED if n in source.columns)])
    units = _Units(source, column, maps, tuple(stated), scale)
    summary, book = Applied(scale=units.told), Phrasebook.of(maps, policy)
    blended = _blended(source, maps, column, units, summary) if maps.blends else None
    single = bool(maps.groups or maps.fallbacks) or blended is None
    columns = [name for name in source.columns if name not in source.inside]
    also = dict.fromkeys([*columns, *([source.whole] if source.whole else [])], as_is)
    own = {name: name.lower() for name in columns if name.lower() in ADDED}
    renamed = any(name != low for name, low in own.items())
    kept = column in own and "score" not in (name.lower() for name in columns)
    names = dict.fromkeys([*(own.get(n, n) for n in columns), *(["score"] if kept else []), *ADDED])
    with writing(out) as part, closing(_Writer(part, list(names))) as writer:
        roles = Roles(confidence=column, by=tuple(stated))
        for block in Reader(source, roles, also=also, units=units.of_group):
            rows = _rows(source, block)
            if renamed:
                rows = [{own.get(n, n): v for n, v in row.items()} for row in rows]
            tried = [] if blended is None else [list(islice(blended, len(rows)))]
            tried += [_confidences(block, maps, tuple(stated))] if single else []
            for row, found in zip(rows, zip(*tried, strict=True), strict=True):
                if kept:
                    row["score"] = row.pop(own[column], None)
                _decide(row, _best(found), policy, book, summary)
            writer.write(rows)
    return summary


class _Units:
    """In which unit each score of a log is: that of its map, or what a person says; refused where many cannot be."""

    def __init__(
        self, source: Source, column: str, maps: MapSet, names: tuple[str, ...], scale: str | None
    ) -> None:
        self.maps, self.names = maps, names
        fitted = {unit.scale for unit in maps.units} or {"fraction"}
        named = scale and not (scale == "uncertainty" and fitted == {"unbounded"})
        self.named = units_of(source, column, scale=scale).default if named else None
        self.told = self.named.scale if self.named else "several" if len(fitted) > 1 else fitted.pop()
        if self.named is None:
            check_units(source, column, names, self.of_group)

    def of_group(self, key: Key) -> Unit:
        """The unit of scores of which this is known."""
        return self.named or self.maps.unit(dict(zip(self.names, key, strict=True)))

    def of_signal(self, signal: str) -> Unit:
        """That of a signal's scores in a blend."""
        blends = [blend.units[signal] for _, blend in self.maps.blends if signal in blend.units]
        return self.named or (blends[0] if blends else FRACTION)


def _rows(source: Source, block: Parsed) -> list[Row]:
    """The rows of a block as they are in the log."""
    if source.whole:
        return [json.loads(text) for text in block.also[source.whole]]
    names = [name for name in source.columns if name not in source.inside]
    columns = [block.also[name].tolist() for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _best(found: Sequence[Confidence]) -> Confidence:
    """The first with a probability, else all that was lacking."""
    known = next((one for one in found if one.p is not None), None)
    return known or Confidence(p=None, reason="; ".join(str(one.reason) for one in found))


def _confidences(block: Parsed, maps: MapSet, names: tuple[str, ...]) -> list[Confidence]:
    """Of each row, by the map of its group and of what the log states of it."""
    lacks = [Confidence(p=None, reason=why) for why in REASONS]
    done = [lacks[why] for why in block.why.tolist()]
    for key, rows in block.parts():
        stated = dict(zip(names, key, strict=True))
        match = maps.match(stated)
        at = rows[block.usable[rows]]
        if match.found is None:
            found: Iterable[Confidence] = repeat(Confidence(p=None, reason=match.reason))
        else:
            found = maps.confidences(match, block.score[at], stated)
        for i, one in zip(at.tolist(), found, strict=False):
            done[i] = one
    return done


def _blended(
    source: Source, maps: MapSet, column: str, units: _Units, summary: Applied
) -> Iterator[Confidence]:
    """Of each row of the log that of its record, by the blend for such answers."""
    answers = side_by_side(source, maps.by, column, units.of_signal)
    done = [Confidence(p=None, reason="no signal of the answer has a score")] * len(answers.group)
    for at, stated in answers.alike():
        match = maps.match_blend(stated)
        if match.found is None:
            found: Iterable[Confidence] = repeat(Confidence(p=None, reason=match.reason))
        else:
            summary.ignored += Counter({n: len(at) for n in stated if n not in match.found.names})
            scores = {name: answers.scores[name][at] for name in stated}
            found = maps.blend_confidences(match, scores, stated)
        for i, one in zip(at.tolist(), found, strict=False):
            done[i] = one
    return (done[i] for i in answers.row.tolist())


def _decide(row: Row, confidence: Confidence, policy: Policy, book: Phrasebook, summary: Applied) -> None:
    decision = policy.decide(confidence).noting(confidence)
    values = (
        confidence.p, confidence.low, confidence.high, str(decision.action), decision.why, confidence.map_id,
        confidence.reason, book.phrase(confidence, decision).text,
    )  # fmt: skip
    summary.replaced.update(name for name in ADDED if not absent(row.get(name)))
    row.update(zip(ADDED, values, strict=True))
    summary.rows += 1
    summary.actions[str(decision.action)] += 1
    if confidence.stand_in is not None:
        summary.stood_in[confidence.stand_in] += 1
    if confidence.reason is None:
        summary.calibrated += 1
    else:
        summary.uncalibrated[confidence.reason] += 1


def _plain(value: Any) -> Any:
    """A value as strict JSON knows it."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _check_ending(path: Path) -> None:
    if path.suffix.lower() not in (".parquet", ".csv", ".jsonl"):
        raise Misuse(f"Cannot write {path}: expected an ending .parquet, .csv or .jsonl.")


class _Writer:
    """Rows to a .parquet, .csv or .jsonl file."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self.path, self.kind, self.names = path, path.suffix.lower(), names
        self.text: TextIO | None = None
        if self.kind != ".parquet":
            self.text = path.open("w", newline="", encoding="utf-8")
        self.table: Any = None
        self.columns: Any = None

    def write(self, rows: list[Row]) -> None:
        if self.kind == ".parquet":
            self._write_table(rows)
        elif self.kind == ".csv":
            if self.columns is None:
                assert self.text is not None
                self.columns = csv.DictWriter(self.text, self.names, extrasaction="ignore")
                self.columns.writeheader()
            self.columns.writerows(rows)
        else:
            assert self.text is not None
            for row in rows:
                strict = {name: _plain(value) for name, value in row.items()}
                self.text.write(json.dumps(strict, default=str, ensure_ascii=False, allow_nan=False) + "\n")

    def _write_table(self, rows: list[Row]) -> None:
        pa = require("pyarrow", "Writing Parquet", "files")
        parquet = require("pyarrow.parquet", "Writing Parquet", "files")
        if self.table is None:
            kinds = [pa.float64()] * 3 + [pa.string()] * (len(ADDED) - 3)
            found = pa.Table.from_pylist(
                [{name: row.get(name) for name in self.names} for row in rows]
            ).schema
            schema = pa.schema([*(f for f in found if f.name not in ADDED), *map(pa.field, ADDED, kinds)])
            self.table = parquet.ParquetWriter(self.path, schema, compression="zstd")
        self.table.write_table(pa.Table.from_pylist(rows, schema=self.table.schema))

    def close(self) -> None:
        for open_end in (self.text, self.table):
            if open_end is not None:
                open_end.close()
