"""Where the rows of a log come from: data frames, files, stores.

A source gives its columns' names and blocks of chosen columns, so memory does not grow with it. The family
`log_formats` makes sources, one file for each kind of log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from glob import glob
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableInput
from ..plugins import find, names
from .broken import fault_in
from .given import Claim, Given
from .nesting import fields_of, value_at
from .no_log import no_log, several_in

if TYPE_CHECKING:
    from ..engines._relation import Relation
    from ..protocols import LogFormat

__all__ = [
    "BLOCK_ROWS",
    "Block",
    "Claim",
    "Given",
    "Source",
    "objects_in_memory",
    "open_source",
    "plain_source",
    "rows_source",
]

Block = Mapping[str, NDArray[Any]]
BLOCK_ROWS = 131_072
COUNT_IN_ENGINE = 1_000_000
"""Rows from which on the engine counts; fewer are read one by one, which asks it for less."""
EXACT = 1 << 53
"""Beyond it float64 skips whole numbers, which ids may be."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a log's rows come from: its name, its columns, and its blocks of chosen columns.

    `rows` is their number where it is known, `table` is there where an engine may count them by itself.
    `whole` names a further column that holds each row as JSON text, where rows are JSON; `objects` gives each row,
    whatever it holds, where rows may be something else than what the columns say.

    `inside` are the columns that are parts of other columns, by a dotted path such as `answer.confidence`.

    What a format knows of the log as a whole: `kind` is what the log is, in words, such as "a sample log of
    lm-evaluation-harness"; `roles` are columns by the part that they play, of confidence, correct, weight, cluster,
    item, sample, task, model, answer, reference, prediction and time; `choices` are, by part, columns among which
    only a person can choose, such as several metrics; `scales` are scales by column, such as "percent";
    `lacking` says of a part that the log has no column for it, whatever columns are called, and what to do;
    `beside` is, by verdict column, the confidence that goes with it; rows that differ in a column of `apart` are not
    pooled; `notes` are said before anything that was found.
    """

    name: str
    columns: list[str]
    blocks: Callable[[Sequence[str]], Iterator[Block]]
    rows: int | None = None
    table: Relation | None = None
    whole: str | None = None
    objects: Callable[[], Iterator[Any]] | None = None
    inside: frozenset[str] = frozenset()
    kind: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    apart: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def long(self) -> bool:
        """Whether it has so many rows, where an engine may count them, that reading each is to be avoided."""
        return self.table is not None and (self.rows or 0) > COUNT_IN_ENGINE

    def first(self, column: str) -> NDArray[Any]:
        """The column's values in the first block: what is decided for the whole log is decided on these."""
        if head := getattr(self.blocks, "head", None):  # an engine is not made to begin on the whole
            first: NDArray[Any] = head(column)
            return first
        found: NDArray[Any] = next(self.blocks([column]), {column: np.zeros(0)})[column][:BLOCK_ROWS]
        return found


def open_source(log: Any) -> Source:
    """Ask the formats whose log this is, and open it; that of another package wins where it claims a log.

    Several files, by a pattern such as `logs/*.csv`, are one log: each is opened by what it holds. A table is then
    asked for whose it is, by its columns, whatever file or frame it came in.
    Raises `UnusableInput` where no format knows it, or where it cannot be read.
    """
    source = plain_source(log)
    if source.kind:
        return source
    tables = [one for name in names("log_formats") if hasattr(one := find("log_formats", name)(), "knows")]
    top = replace(source, columns=[n for n in source.columns if n not in source.inside], inside=frozenset())
    known: Source | None = next((one.read(top) for one in tables if one.knows(top.columns)), None)
    if known is None:
        return source
    return replace(known, notes=(*(n for n in source.notes if n not in known.notes), *known.notes))


def plain_source(log: Any) -> Source:
    """The log as the files or the frame say it, before anybody looks at whose table it is."""
    given = Given.of(log)
    plain = given.text and "://" not in given.text
    if plain and (fault := no_log(given.head, given.name) or fault_in(given.beginning, given.name)):
        raise UnusableInput(fault)
    one = _claimed(given)
    files = _files(given)
    if len(files) > 1:
        each = [Given.of(path) for path in files]
        formats = [one, *map(_claimed, each[1:])]
        alike = {type(found) for found in formats} == {type(one)} and not any(part.kept for part in each)
        if not (alike and getattr(one, "patterns", False)):
            several = [_opened(found, part) for found, part in zip(formats, each, strict=True)]
            return _joined(given.name, several)
    return _opened(one, given)


def _files(given: Given) -> list[str]:
    """The files that a pattern stands for, in the order of their names."""
    if not given.text or "://" in given.text or given.part or Path(given.name).exists():
        return []
    return sorted(path for path in glob(given.name, recursive=True) if Path(path).is_file())


def _claimed(given: Given) -> LogFormat:
    known = names("log_formats")
    formats: list[Any] = [find("log_formats", name)() for name in known]
    claims = [(one.claim(given), _foreign(one), one) for one in formats if hasattr(one, "claim")]
    found = max((c for c in claims if c[0]), key=lambda c: (c[1], c[0]), default=None)
    if found:
        format: LogFormat = found[2]
        return format
    if not given.text:
        raise UnusableInput(
            f"Expected a data frame, a path or a store URL, got {type(given.value).__name__}."
        )
    if several := several_in(given.head, given.text):
        raise UnusableInput(several)
    raise UnusableInput(
        f"Cannot tell what {given.name} holds, neither from how it begins nor from its ending {given.ending!r}. "
        f"Known: {', '.join(known)}."
    )


def _opened(one: LogFormat, given: Given) -> Source:
    """The log under the name that it was given by, wherever its plain copy lies, which stays as long as the source."""
    if given.part and not getattr(one, "parts", False):
        raise UnusableInput(f"{given.name}: such a file has no parts to name after a #.")
    name = given.name or given.text
    with _called(given):
        source = one.open(given)
    read = source.blocks

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        with _called(given):  # which also keeps the copy
            yield from read(names)

    if given.kept is not None:
        source = replace(source, name=source.name.replace(given.text, name), blocks=blocks)
    return _of_one_name(replace(source, notes=(*given.notes, *source.notes)))


@contextmanager
def _called(given: Given) -> Iterator[None]:
    """Errors on a plain copy as errors on the file that was given."""
    try:
        yield
    except UnusableInput as error:
        if given.kept is None or given.text not in str(error):
            raise
        raise UnusableInput(str(error).replace(given.text, given.name)) from error


def _joined(name: str, several: Sequence[Source]) -> Source:
    """Several files as one log: their columns together, with nothing where a file lacks one."""
    columns = list(dict.fromkeys(column for one in several for column in one.columns))
    for one in several[1:]:
        if not set(one.columns) & set(several[0].columns):
            raise UnusableInput(
                f"{name} stands for files of different kinds: {several[0].name} has the columns "
                f"{_listed(several[0].columns)}, {one.name} has {_listed(one.columns)}. Narrow the pattern."
            )
    whole = several[0].whole if len({one.whole for one in several}) == 1 else None

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        for one in several:
            there = [name for name in names if name in one.columns or name == whole]
            for block in one.blocks(there or one.columns[:1]):
                rows = len(next(iter(block.values())))
                yield {name: block[name] if name in there else np.full(rows, None) for name in names}

    def objects() -> Iterator[Any]:
        for one in several:
            yield from one.objects() if one.objects else ()

    known = [one.rows for one in several if one.rows is not None]
    roles, choices = _agreed(several)
    return Source(
        name=name, columns=columns, blocks=blocks, rows=sum(known) if len(known) == len(several) else None,
        whole=whole, objects=objects if all(one.objects for one in several) else None,
        inside=frozenset().union(*(one.inside for one in several)),
        kind=several[0].kind if len({one.kind for one in several}) == 1 else "", roles=roles, choices=choices,
        scales={column: scale for one in several for column, scale in one.scales.items()},
        lacking={part: why for one in several for part, why in one.lacking.items() if part not in {**roles, **choices}},
        beside={verdict: column for one in several for verdict, column in one.beside.items()},
        apart=tuple(dict.fromkeys(column for one in several for column in one.apart)),
        notes=(*_lacking(columns, several), *dict.fromkeys(note for one in several for note in one.notes)),
    )  # fmt: skip


def _agreed(several: Sequence[Source]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The parts that columns play where files agree, and where they do not, the columns to choose among."""
    told: dict[str, dict[str, None]] = {}
    for one in several:
        for role, column in one.roles.items():
            told.setdefault(role, {})[column] = None
        for role, columns in one.choices.items():
            told.setdefault(role, {}).update(dict.fromkeys(columns))
    roles = {role: next(iter(found)) for role, found in told.items() if len(found) == 1}
    return roles, {role: tuple(found) for role, found in told.items() if len(found) > 1}


def _lacking(columns: Sequence[str], several: Sequence[Source]) -> list[str]:
    """A note on the columns that not every file has."""
    counts = {column: sum(column in one.columns for one in several) for column in columns}
    some = [f"{column!r} in {n}" for column, n in counts.items() if n < len(several)]
    return [f"Of {len(several)} files not all have all columns: {', '.join(some[:5])}."] if some else []


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns[:4]) + (" ..." if len(columns) > 4 else "")


def _of_one_name(source: Source) -> Source:
    """Records say `score` for a raw signal, those of an earlier version `confidence`: of a log of both, one column."""
    if not {"record_id", "signal", "score", "confidence"} <= set(source.columns):
        return source
    first = next(source.blocks(["score", "confidence"]), None)
    if first is None or (_there(first["score"]) & _there(first["confidence"])).any():
        return source  # two things, not two names

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        for block in source.blocks([*names, *(["confidence"] if "score" in names else [])]):
            if "score" in names:
                new, old = (block[name].astype(object) for name in ("score", "confidence"))
                block = {**block, "score": np.where(_there(new), new, old)}
            yield {name: block[name] for name in names}

    columns = [name for name in source.columns if name != "confidence"]
    return replace(source, columns=columns, blocks=blocks, table=None)


def _there(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.array([v is not None and v == v for v in values.tolist()], bool)


def _foreign(one: LogFormat) -> bool:
    return not type(one).__module__.startswith(f"{__package__}.")


def rows_source(name: str, columns: list[str], rows: Callable[[], Iterable[Mapping[str, Any]]]) -> Source:
    """Rows that come one by one, as a source: `rows` is called for each pass over them.

    >>> source = rows_source("two rows", ["a"], lambda: [{"a": 1}, {"a": None}])
    >>> [block["a"].tolist() for block in source.blocks(["a"])]
    [[1.0, nan]]
    """

    def blocks(names: Sequence[str]) -> Iterator[Block]:
        every = iter(rows())
        while chunk := list(islice(every, BLOCK_ROWS)):
            yield {name: _column_of(chunk, name) for name in names}

    return Source(name=name, columns=columns, blocks=blocks)


def objects_in_memory(name: str, rows: Sequence[Any]) -> Source:
    """Objects in memory, a row each, with what lies in them by dotted paths; of what is no mapping nothing is known.

    >>> source = objects_in_memory("a row", [{"answer": {"confidence": 0.9}}])
    >>> source.columns, next(source.blocks(["answer.confidence"]))
    (['answer', 'answer.confidence'], {'answer.confidence': array([0.9])})
    """
    whole = [row if isinstance(row, Mapping) else {} for row in rows]
    columns, inside = fields_of(whole)
    found = rows_source(name, columns, lambda: whole)
    return replace(found, rows=len(rows), objects=lambda: iter(rows), inside=frozenset(inside))


def _column_of(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[Any]:
    found = (value_at(row, name) for row in rows) if "." in name else (row.get(name) for row in rows)
    values = np.fromiter(found, object, len(rows))
    numeric = all(v is None or type(v) is float or (type(v) is int and abs(v) <= EXACT) for v in values)
    return values.astype(np.float64) if numeric else values
