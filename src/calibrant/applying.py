"""Apply: calibrated probabilities and actions for every row of a log, row by row, nothing lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice, repeat
from pathlib import Path
from typing import Any, overload

import numpy as np

from .errors import UnusableInput
from .files.writing import check_apart, writing
from .fitted import Fitted
from .logs.binary import WHERE, with_predicted
from .logs.fitted_on import fitted_on, of_another, require_parts
from .logs.keys import Key, absent
from .logs.pivots import side_by_side
from .logs.reader import Parsed, Reader
from .logs.roles import STATED, Roles, roles_of
from .logs.scales import check_units, units_of
from .logs.sources import Source, open_source
from .logs.told import with_told
from .logs.unanswered import answer_column
from .logs.values import REASONS, as_is
from .logs.written import RowsFile, check_ending
from .maps.blends import BlendMap
from .maps.calibration import CalibrationMap, MapSet
from .maps.units import FRACTION, Unit
from .phrasing.phrases import Phrasebook
from .plugins import find, require
from .protocols import Policy
from .shown import frame_of
from .types import Confidence

__all__ = ["ADDED", "Applied", "apply"]

ADDED = ("p", "p_low", "p_high", "action", "why", "map_id", "uncalibrated", "phrase")
"""Columns added to each row. `p` lies within `p_low` and `p_high`, `uncalibrated` says why there is none, `phrase` says
it to people."""

Row = dict[str, Any]
SETTLED = 65_536
"""Confidences whose action and phrase are kept: what a model states has a few dozen values."""


@dataclass(kw_only=True)
class Applied:
    """How many rows got a probability, why the others did not, and how many got each action.

    `scale` is the unit in which scores were read, "several" where the maps have more than one. `ignored` counts the
    rows of signals that no blend knows, `stood_in` those of groups without a map of their own, by what the map that
    stood in is for, `few` those by maps of fewer than 50 labels, by their number, `cautioned` those asked for otherwise
    than the answers of their map, or cut off, by what is said of them, `replaced` those whose log held a value already
    in a column of that name; `notes` say what is to be known before any number.
    """

    scale: str = "fraction"
    rows: int = 0
    calibrated: int = 0
    uncalibrated: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    stood_in: Counter[str] = field(default_factory=Counter)
    few: Counter[str] = field(default_factory=Counter)
    cautioned: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        counted = ("ignored", "stood_in", "few", "cautioned", "replaced")
        return {
            "scale": self.scale, "rows": self.rows, "calibrated": self.calibrated,
            "uncalibrated": dict(self.uncalibrated), "actions": dict(self.actions),
            **{name: dict(held) for name in counted if (held := getattr(self, name))},
            **({"notes": self.notes} if self.notes else {}),
        }  # fmt: skip


Maps = MapSet | Fitted | CalibrationMap | BlendMap | str | Path
"""Whatever holds maps: a set, what a fit gave, one map, or the file of a set."""


@overload
def apply(
    maps: Maps,
    log: Any,
    out: str | Path,
    policy: Policy | None = None,
    *,
    confidence: str | None = None,
    scale: str | None = None,
) -> Applied: ...


@overload
def apply(
    maps: Maps,
    log: Any,
    out: None = None,
    policy: Policy | None = None,
    *,
    confidence: str | None = None,
    scale: str | None = None,
) -> Any: ...


def apply(
    maps: Maps,
    log: Any,
    out: str | Path | None = None,
    policy: Policy | None = None,
    *,
    confidence: str | None = None,
    scale: str | None = None,
) -> Any:
    """Add the columns `ADDED` to the rows of `log`: to a data frame, or with `out` to a file.

    Parameters
    ----------
    maps : MapSet, what `calibrant.fit` gave, a map, or the path of a file of maps
    log : data frame, path, store URL or a list of records; or scores by themselves, shape (n,)
    out : path ending in .parquet, .csv or .jsonl, optional
    policy : Policy, optional
        What decides the action; the default bands where None.
    confidence : name of the column of the scores; where None the one of the maps, else found by its name
    scale : the unit in which the log states them, where that is another than the maps', as in `calibrant.audit`

    Returns
    -------
    With `out` what was written, in counts. Else the rows with their columns added: a frame of the kind that was given,
    as long and in the same order; records for records; for anything else a frame of the kind that `to_frame` makes.

    Notes
    -----
    Each row takes the map of its own group, else the fall-back for such groups where the maps have one: `why` then
    says so, and the rows are counted. A row without a usable confidence, without an answer where such rows were set
    apart, or of a group that has no map gets no probability and the most careful action, counted with the reason.
    A blend gives every row of a record the same probability; the log is then read twice, its scores kept in memory.

    Scores are read in the unit of their map, from the column that it was fitted on where the log has it: what else
    stands in the log changes no row's number. `scale` says that the log states them in another unit. A log of which
    many numbers cannot be of that unit is refused with `UnusableInput`, and nothing is written. So is one without that
    column, unless another, found by its name, is by its own reading in the same unit: a note then says so.

    What the log holds in a column of `ADDED`, in any case, is replaced and counted; scores in it stay as `score`.

    Examples
    --------
    >>> import calibrant, pandas
    >>> maps = calibrant.fit([0.9, 0.5] * 100, [1, 0, 1, 1] * 50)
    >>> calibrant.apply(maps, pandas.DataFrame({"confidence": [0.9, None]}))[["p", "action"]].round(2).values.tolist()
    [[0.99, 'answer'], [nan, 'hand_off']]
    """
    if out is None:
        return _in_memory(maps_of(maps), log, policy, confidence=confidence, scale=scale)
    check_ending(Path(out))
    check_apart({"out": out}, [log] if isinstance(log, str | Path) else [])
    return _applied(maps_of(maps), log, Path(out), policy, confidence=confidence, scale=scale)


def maps_of(given: Maps) -> MapSet:
    """The set that is meant by whatever holds maps."""
    if isinstance(given, MapSet):
        return given
    if isinstance(given, str | Path):
        return MapSet.load(given)
    if isinstance(given, Fitted):
        return given.maps
    if isinstance(given, CalibrationMap):
        return MapSet(groups=(((), given),))
    if isinstance(given, BlendMap):
        return MapSet(blends=(((), given),))
    raise UnusableInput(
        f"Expected maps, what calibrant.fit gave, or the path of a file of maps; got {type(given).__name__}."
    )


def _applied(
    maps: MapSet,
    log: Any,
    out: Path | _Rows,
    policy: Policy | None,
    *,
    confidence: str | None,
    scale: str | None,
) -> Applied:
    """Give each row its probability and what is to be done with it, and hand it to `out`."""
    policy = policy or find("policies", "bands")()
    opened = log if isinstance(log, Source) else open_source(log)
    source = with_told(with_predicted(opened, confidence or maps.column), confidence or maps.column)
    made = WHERE.fullmatch(maps.column or "")  # of two columns, without both of which there is no score
    known = {"confidence": confidence or (maps.column if made else fitted_on(source, maps.column))}
    require_parts(source, maps.by)
    column = roles_of(source, maps.by, known, needed=("confidence",))[0].confidence
    notes = [] if isinstance(log, Source) else of_another(source, column, maps, confidence, scale)
    stated = dict.fromkeys([*maps.by, *(n for n in STATED if n in source.columns)])
    units = _Units(source, column, maps, tuple(stated), scale)
    summary, book = Applied(scale=units.told, notes=[*source.notes, *notes]), Phrasebook.of(maps, policy)
    blended = _blended(source, maps, column, units, summary) if maps.blends else None
    single = bool(maps.groups or maps.fallbacks) or blended is None
    columns = [name for name in opened.columns if name not in source.inside]
    also = dict.fromkeys([*columns, *([source.whole] if source.whole else [])], as_is)
    own = {name: name.lower() for name in columns if name.lower() in ADDED}
    renamed = any(name != low for name, low in own.items())
    kept = column in own and "score" not in (name.lower() for name in columns)
    names = dict.fromkeys([*(own.get(n, n) for n in columns), *(["score"] if kept else []), *ADDED])
    values_of = lru_cache(SETTLED)(partial(_values, policy=policy, book=book))
    with _opened(out, list(names)) as writer:
        roles = Roles(confidence=column, by=tuple(stated))
        answers = answer_column(source, roles) if maps.set_unanswered_apart else None
        for block in Reader(source, roles, also=also, units=units.of_group, answers=answers):
            rows = _rows(opened, block)
            if renamed:
                rows = [{own.get(n, n): v for n, v in row.items()} for row in rows]
            tried = [] if blended is None else [list(islice(blended, len(rows)))]
            tried += [_confidences(block, maps, tuple(stated))] if single else []
            for row, found in zip(rows, zip(*tried, strict=True), strict=True):
                if kept:
                    row["score"] = row.pop(own[column], None)
                _settle(row, best := _best(found), values_of(best), summary)
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


class _Rows:
    """Rows that stay in memory, and the order of their columns."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.rows: list[Row] = []

    def write(self, rows: list[Row]) -> None:
        self.rows += rows


@contextmanager
def _opened(out: Path | _Rows, names: list[str]) -> Iterator[RowsFile | _Rows]:
    """Where rows of these columns go."""
    if isinstance(out, _Rows):
        out.names = names
        yield out
        return
    with writing(out) as part, closing(RowsFile(part, names, ADDED[:3], ADDED[3:])) as writer:
        yield writer


def _in_memory(maps: MapSet, log: Any, policy: Policy | None, **named: str | None) -> Any:
    """The rows of a log with their columns added, as what the log was."""
    kept = _Rows()
    if scores := _scores_alone(log):
        _applied(maps, scores, kept, policy, **{**named, "confidence": "confidence"})
        return frame_of(
            [{("score" if n == "confidence" else n): row.get(n) for n in kept.names} for row in kept.rows]
        )
    _applied(maps, log, kept, policy, **named)
    if isinstance(log, str | Path):
        return frame_of([{n: row.get(n) for n in kept.names} for row in kept.rows])
    return kept.rows if isinstance(log, list | tuple) else _with_columns(log, kept)


def _scores_alone(log: Any) -> Source | None:
    """Scores without anything else as a log of one column; None where it is a log."""
    if isinstance(log, str | Path | Source) or hasattr(log, "collect") or hasattr(log, "columns"):
        return None
    if isinstance(log, list | tuple) and any(isinstance(one, Mapping) for one in log[:1]):
        return None
    scores = np.asarray(log)
    if scores.ndim != 1 or scores.dtype.kind not in "fiu":
        return None
    columns = {"confidence": scores.astype(np.float64)}
    return Source(
        name="the scores", columns=list(columns), rows=len(scores),
        blocks=lambda names: iter([{name: columns[name] for name in names}]),
    )  # fmt: skip


def _with_columns(log: Any, kept: _Rows) -> Any:
    """A data frame with the columns added, those that they replace left out; a lazy one stays lazy."""
    nw = require("narwhals", "A data frame", "files")
    native = nw.from_native(log)
    frame = native.collect() if isinstance(native, nw.LazyFrame) else native
    own = {name: name.lower() for name in frame.columns if name.lower() in ADDED}
    renamed = next((n for n in own if "score" in kept.names and "score" not in frame.columns), None)
    if renamed is not None:
        frame = frame.rename({renamed: "score"})
    frame = frame.drop([name for name in own if name != renamed])
    made = [
        nw.new_series(name, [row.get(name) for row in kept.rows], dtype=kind, backend=frame.implementation)
        for name, kind in zip(ADDED, [nw.Float64] * 3 + [nw.String] * (len(ADDED) - 3), strict=True)
    ]
    whole = frame.with_columns(*made).select(kept.names)
    return (whole.lazy() if isinstance(native, nw.LazyFrame) else whole).to_native()


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


def _values(confidence: Confidence, *, policy: Policy, book: Phrasebook) -> tuple[Any, ...]:
    """What is added to a row of this confidence."""
    decision = policy.decide(confidence).noting(confidence)
    return (
        confidence.p, confidence.low, confidence.high, str(decision.action), decision.why, confidence.map_id,
        confidence.reason, book.phrase(confidence, decision).text,
    )  # fmt: skip


def _settle(row: Row, confidence: Confidence, values: tuple[Any, ...], summary: Applied) -> None:
    summary.replaced.update(name for name in ADDED if not absent(row.get(name)))
    row.update(zip(ADDED, values, strict=True))
    summary.rows += 1
    summary.actions[row["action"]] += 1
    if confidence.few:
        summary.few[str(confidence.verdicts)] += 1
    for told, counts in ((confidence.caution, summary.cautioned), (confidence.stand_in, summary.stood_in)):
        if told is not None:
            counts[told] += 1
    summary.calibrated += confidence.reason is None
    if confidence.reason is not None:
        summary.uncalibrated[confidence.reason] += 1
