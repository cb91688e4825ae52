"""Look at a file before anything is measured: what it is, what it supports, what is in the way, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path
from typing import Any

from ..engines._relation import parted, shown
from ..errors import CalibrantError, ColumnNotFound
from ..logs.given import Given
from ..logs.opening import labelled
from ..logs.roles import CONVENTIONS
from ..logs.sources import Source
from ..logs.spellings import pair_in
from ..logs.tallies import Log
from ..metrics.findings import Finding
from ..phrasing.numbers import of_100
from .asked import Asked, Step
from .following import after_audit, beside
from .sampled import (
    ColumnSeen,
    Grouping,
    columns_of,
    groups_of,
    head_of,
)
from .seen import Seen, Use
from .settling import Settled, Way, likely, settled
from .unreadable import PLAIN, bytes_told
from .uses import uses_of

__all__ = ["Look", "look"]

MOST_MEASURED = 20
"""Groups by which it is decided whether a map is needed."""
PARTS = ("confidence", "correct", "weight", "cluster")
OF_ENGINES = {
    "duckdb": "a table that DuckDB reads",
    "ibis": "a table in a database",
    "spark": "a table of Spark",
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a file is, and what can be made of it.

    Attributes
    ----------
    source : its name
    kind : what it is, in words
    readable : whether rows could be read at all; `refusal` says why not, or why it cannot be audited as it is, "" else
    rows : how many rows it has, None where that is not known without reading it all
    looked_at : rows that were looked at, the first ones
    columns : each with what is in it, and which part it plays
    unit : what the confidence is stated in
    groups : columns that the log can be parted by
    ways : where it is refused, options with which it can be read, each with what the log then says
    uses : what it supports, and what is in the way of the rest
    next : commands that can be pasted
    notes : what is to be said of the reading

    >>> found = look("sample")
    >>> found.rows, found.unit, found.uses[0].name, found.uses[0].ready
    (300, 'a fraction, 0 to 1', 'audit', True)
    """

    source: str
    kind: str
    readable: bool
    refusal: str = ""
    rows: int | None = None
    looked_at: int = 0
    columns: tuple[ColumnSeen, ...] = ()
    unit: str = ""
    groups: tuple[Grouping, ...] = ()
    ways: tuple[Way, ...] = ()
    uses: tuple[Use, ...] = ()
    next: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[Look, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {
            "source": self.source, "kind": self.kind, "readable": self.readable, "refusal": self.refusal or None,
            "rows": self.rows, "looked_at": self.looked_at, "columns": [one.to_dict() for one in self.columns],
            "unit": self.unit or None,
            "groups": [{"column": one.column, "counts": dict(one.counts)} for one in self.groups],
            "ways": [{"options": dict(one.options), **_says(one)} for one in self.ways],
            "uses": [one.to_dict() for one in self.uses], "next": [one.to_dict() for one in self.next],
            "notes": list(self.notes), "files": [one.to_dict() for one in self.files],
        }  # fmt: skip

    def short(self) -> list[str]:
        """What it is, its columns, and what would read it, in a few lines; none of a file that has nothing in it."""
        if self.kind in PLAIN:
            return []
        told = [f"{self.source} is {self.kind}" + (f", {self.rows:,} rows." if self.rows else ".")]
        if self.columns:
            shown = [f"{one.name} ({', '.join(one.examples) or one.kind})" for one in self.columns[:12]]
            more = f" and {len(self.columns) - 12} more" if len(self.columns) > 12 else ""
            told.append(f"Its columns: {'; '.join(shown)}{more}.")
        return told


def _says(way: Way) -> dict[str, Any]:
    tally = way.tally
    return {"used": tally.rows, "claims": tally.mean_confidence, "right": tally.accuracy}


def look(
    log: Any,
    by: str | Sequence[str] = (),
    *,
    max_error: float = 0.1,
    delta: float = 0.1,
    width: float = 0.1,
    label_cost: float | None = None,
    **named: Any,
) -> Look:
    """Look at a log, whatever it is; nothing raises.

    Parameters
    ----------
    log : data frame, path or store URL
        A folder, or a pattern of several files of different kinds, is looked at file by file (`Look.files`).
    by : column names
        Columns to part the log by.
    max_error, delta : float, between 0 and 1
        The promise of a threshold, as `calibrant.certify` has it.
    width : float, between 0 and 1
        How wide the 95 % interval of the gap may be.
    label_cost : float, optional
        What a label costs, in any unit.
    named : confidence, correct, weight, cluster, scale, right, partly, wrong, labels, on, as for `calibrant.audit`

    Examples
    --------
    >>> import pandas
    >>> found = look(pandas.DataFrame({"sure": [0.9, 0.8, 0.9, 0.4] * 20, "ok": [1, 1, 0, 0] * 20}))
    >>> found.refusal.partition(":")[0], dict(found.ways[0].options)
    ("No column for 'confidence'", {'confidence': 'sure', 'correct': 'ok'})
    """
    name = str(log) if isinstance(log, str | Path) else "LOG"
    parts = (by,) if isinstance(by, str) else tuple(by)
    asked = Asked(log=name, by=parts, named={key: value for key, value in named.items() if value is not None})
    terms = {"max_error": max_error, "delta": delta, "width": width, "label_cost": label_cost}
    several = _several(log)
    if several:
        each = tuple(_looked(path, replace(asked, log=str(path)), terms) for path in several)
        return Look(
            source=name, kind=f"{len(each)} files", readable=any(one.readable for one in each), files=each
        )
    return _looked(log, asked, terms)


def _several(log: Any) -> list[Path]:
    """The files of a folder, or of a pattern whose files are not one log."""
    if not isinstance(log, str | Path) or "://" in str(log):
        return []
    path = Path(log)
    try:
        if path.is_dir():
            return sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
        found = [] if path.exists() else sorted(Path(one) for one in glob(str(log), recursive=True))
    except (OSError, ValueError):
        return []
    files = [one for one in found if one.is_file()]
    if len(files) < 2:
        return []
    try:
        labelled(str(log), {})
    except CalibrantError:
        return files
    return []


def _looked(log: Any, asked: Asked, terms: Mapping[str, Any]) -> Look:
    try:
        source = labelled(log, asked.named)
        head, rows, whole = head_of(source)
        columns = columns_of(head)
    except CalibrantError as error:
        return _unread(log, asked, str(error))
    found = settled(head, asked, columns)
    columns = _with_parts(columns, source, found, asked)
    only = found.ways[0] if len(found.ways) == 1 else None
    read = only.log if only else found.log
    meant = only.asked(asked) if only else asked
    seen = Seen(
        asked=meant, source=source, head=head, rows=rows, columns=columns, log=read,
        refused=_refused(found, read, columns, head), **terms,
    )  # fmt: skip
    uses = uses_of(seen)
    return Look(
        source=source.name, kind=_kind(log, source), readable=True, refusal=str(found.refusal or ""),
        rows=rows if whole else source.rows, looked_at=rows, columns=tuple(columns.values()), unit=_unit(found.log),
        groups=tuple(groups_of(columns, head, rows)), ways=found.ways, uses=tuple(uses),
        next=_next(meant if read else asked, found, uses), notes=tuple(found.log.notes if found.log else source.notes),
    )  # fmt: skip


def _unread(log: Any, asked: Asked, why: str) -> Look:
    """What can be said of a file that cannot be read: what its bytes are."""
    if parted(asked.log):
        kind = "no table that can be read"
    else:
        kind = bytes_told(asked.log) if isinstance(log, str | Path) and "://" not in asked.log else "no log"
    return Look(source=shown(asked.log), kind=kind, readable=False, refusal=why)


def _kind(log: Any, source: Source) -> str:
    """What the format says; else how it is written."""
    if source.kind:
        return source.kind
    if not isinstance(log, str | Path):
        return "a data frame or rows in memory"
    return _written(str(log))


def _written(text: str) -> str:
    """How a file is written, in words, by how it begins."""
    if found := parted(text):
        return OF_ENGINES.get(found[0], f"a table in {found[0]}")
    if "://" in text:
        return "a store"
    try:
        given = Given.of(text)
    except CalibrantError:
        return "a log"
    for sign, what in (
        (b"PAR1", "a table in Parquet"),
        (b"SQLite", "a database"),
        (b"PK", "a workbook"),
        (b"ARROW1", "Arrow"),
    ):
        if given.head.startswith(sign):
            return what
    if given.head[8:12] == b"DUCK":
        return "a database"
    start = given.beginning.lstrip()[:1]
    if given.record is not None and given.on_a_line:
        return "JSON lines"
    return "JSON" if start in ("{", "[") else "text in columns"


def _with_parts(
    columns: Mapping[str, ColumnSeen], source: Source, found: Settled, asked: Asked
) -> dict[str, ColumnSeen]:
    """The columns with the parts that they play, and how that is known."""
    played: dict[str, tuple[str, str]] = {}
    for part, name in source.roles.items():
        played.setdefault(name, (part, "the format says so"))
    for part, several in source.choices.items():
        played.update(
            {name: played.get(name, (f"{part}?", "the format has several: choose one")) for name in several}
        )
    if found.log is not None:
        for part in PARTS:
            name = getattr(found.log.roles, part)
            for one in _of(name):
                played[one] = (part, _why(part, one, source, asked, compared=bool(pair_in(name or ""))))
    return {
        name: replace(one, part=played[name][0], why=played[name][1]) if name in played else one
        for name, one in columns.items()
    }


def _of(name: str | None) -> list[str]:
    """A column, or the two that are compared."""
    return [] if not name else list(pair_in(name) or (name,))


def _why(part: str, name: str, source: Source, asked: Asked, *, compared: bool) -> str:
    if asked.named.get(part):
        return f"named with --{part}"
    if source.roles.get(part) == name:
        return "the format says so"
    if compared:
        return "compared, found by their names"
    return "found by its name" if name.lower() in CONVENTIONS[part] else "found by its spelling"


def _unit(log: Log | None) -> str:
    """What the confidence was read as."""
    units = dict.fromkeys(unit.of.told for unit in log.units.values()) if log else {}
    return "; ".join(units)


def _refused(found: Settled, read: Log | None, columns: Mapping[str, ColumnSeen], head: Source) -> str:
    """In which way a log cannot be read: a person must choose, it has no verdicts, or another."""
    if read is not None or found.refusal is None:
        return ""
    if found.ways:
        return "choose"
    lacks = isinstance(found.refusal, ColumnNotFound) and found.refusal.role == "correct"
    said = str(found.refusal)
    none = lacks or "no column for correct" in said or ("verdict missing" in said and "x conf" not in said)
    return "labels" if none and likely("confidence", head, columns, {}) else "other"


def _next(asked: Asked, found: Settled, uses: Sequence[Use]) -> tuple[Step, ...]:
    """The commands that come next: those that read it, else the audit and what the log is ready for."""
    if found.log is None and len(found.ways) != 1:
        return tuple(Step(_measures(way, asked), _reads(way)) for way in found.ways)
    read = found.log or found.ways[0].log
    why = _reads(found.ways[0]) if found.log is None else "measure how far the confidence can be trusted"
    if not read.claims:
        return (
            Step(asked.line("fit", "-o", beside(asked.log, "maps.json")), "find how often each is right"),
        )
    steps = [Step(asked.line("audit"), why)]
    findings = [Finding.of(tally) for tally in list(read.groups.values())[:MOST_MEASURED]]
    ready = {one.name.partition(" ")[0]: one.command for one in uses if one.ready}
    after = after_audit(findings, asked, reported=True)
    steps += [one for one in after if " fit " in one.command and ready.get("fit")]
    if ready.get("thresholds"):
        steps.append(Step(str(ready["thresholds"]), "a threshold with a promise"))
    return tuple(steps)


def _measures(way: Way, asked: Asked) -> str:
    """The command that a way is for: an audit, or a map where the scores claim no probability to be held against."""
    of = way.asked(asked)
    return of.line("audit") if way.log.claims else of.line("fit", "-o", beside(asked.log, "maps.json"))


def _reads(way: Way) -> str:
    tally = way.tally
    if not way.log.claims:
        right = of_100(tally.accuracy)
        return f"if that is meant: {tally.rows:,} rows in order, which claim no probability, right {right} of 100"
    return (
        f"if that is meant: {tally.rows:,} rows, claims {of_100(tally.mean_confidence)} of 100, right "
        f"{of_100(tally.accuracy)}"
    )
