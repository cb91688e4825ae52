"""In which unit a column states how sure a model is: decided on the whole of it, group by group, or refused.

Nothing is guessed. A unit is taken where the numbers leave one reading only, or the column's name or the log's format
says it; whoever must choose is shown the values and the options. What is decided:

fraction   nothing below 0 or above 1 but for a few strays.
percent    whole numbers up to 100 that go beyond 20; or any that go beyond 50, of which not many lie between 0 and 1.
logprob    nothing above 0, in a column that is called so.

A group of the columns that part the log has a unit of its own, since models and signals state theirs in their own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..errors import UnusableInput
from ..maps.units import FRACTION, SCALES, Unit
from .gauged import beyond, gauged
from .keys import Key, group_codes
from .levels import are_levels
from .numerals import SHOWN, Doubt, Seen, marked, settled
from .sources import Source
from .values import numbers

__all__ = ["NAMES", "Units", "fractions", "units_of"]

NAMES = tuple(name for name in SCALES if name not in ("unbounded", "event_percent"))
"""What a person may name."""

PARTING = ("model", "signal", "task", "domain", "dataset", "source", "annotator", "version")
"""Columns that may tell why one column holds numbers of several units."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """The unit of each group of a column, and what is to be said of it; `strays` where some numbers are none of it."""

    default: Unit = FRACTION
    groups: Mapping[Key, Unit] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    strays: bool = False

    def __getitem__(self, key: Key) -> Unit:
        return self.groups.get(key, self.default)


def fractions(column: str, seen: Seen) -> Units | None:
    """The unit of a column in which no number lies below 0 or above 1; None where that is in doubt all the same."""
    found = settled(seen, column)
    if isinstance(found, Doubt) or found.scale != "fraction":
        return None
    return Units(default=found, notes=_notes(column, found, seen))


def units_of(
    source: Source, column: str, by: Sequence[str] = (), scale: str | None = None, *, counted: bool = False
) -> Units:
    """Decide the unit of a column, whole; `scale` is what a person says, one of `NAMES`.

    Where rows are `counted`, the engine that holds them is asked, and none of them is read.

    Raises `UnusableInput` where it cannot be told, and where `scale` is no scale or not that of the numbers.

    >>> from .sources import rows_source
    >>> log = rows_source("a log", ["sure"], lambda: [{"sure": n} for n in (1, 4, 5, 4)])
    >>> units_of(log, "sure", scale="1-5").notes
    ("The column 'sure' was read as a scale from 1 to 5, 1 as 0 and 5 as 1.",)
    >>> units_of(log, "sure")
    Traceback (most recent call last):
    calibrant.errors.UnusableInput: The unit of 'sure' in a log cannot be told: ...
    """
    if scale is not None and scale not in NAMES:
        raise UnusableInput(f"There is no scale {scale!r}. Expected one of: {', '.join(NAMES)}.")
    if scale is None and (known := _known(source, column)):
        unit = Unit(scale=known, column=column)
        return Units(default=unit, notes=() if known == "fraction" else (_read_as(column, unit),))
    look = _Look(gauged, beyond) if counted else _Look(_seen, _beyond)
    whole = look.seen(source, column, ())[()]
    if scale is not None:
        return _named(source, column, scale, whole, look)
    if not whole.numbers and _in_words(source, column):
        unit = Unit(scale="levels", column=column)
        return Units(default=unit, notes=(_read_as(column, unit),))
    everywhere = settled(whole, column)
    clean = isinstance(everywhere, Unit) and not whole.counts["above"] and not whole.counts["below"]
    if not by or clean or not whole.numbers:
        if isinstance(everywhere, Doubt):
            raise _refused(source, column, everywhere, whole, by, look)
        strays = everywhere.whole and whole.counts["inside"] > 0
        return Units(default=everywhere, notes=_notes(column, everywhere, whole), strays=strays)
    return _by_group(source, column, tuple(by), everywhere, whole, look)


class _Look(NamedTuple):
    """Who looks at the numbers of a column: what each group holds, and how many lie outside of two bounds."""

    seen: Callable[[Source, str, Sequence[str]], dict[Key, Seen]]
    beyond: Callable[[Source, str, float, float], int]


def check_units(source: Source, column: str, by: Sequence[str], unit: Callable[[Key], Unit]) -> None:
    """Raise `UnusableInput` where many numbers of a column cannot be in the unit that their group is to be in."""
    found: dict[Unit, tuple[Seen, int]] = {}
    for block in source.blocks(list(dict.fromkeys([column, *by]))):
        values = numbers(block[column]).values
        keys, group = group_codes([block[name] for name in by], len(values))
        units = [unit(key) for key in keys]
        for one in dict.fromkeys(units):
            part = values[np.array([other == one for other in units], bool)[group] & np.isfinite(values)]
            seen, outside = found.setdefault(one, (Seen(), 0))
            seen.add(part)
            found[one] = seen, outside + int((one.of.outside(part) | one.strays(part)).sum())
    for one, (seen, outside) in found.items():
        marks = seen.counts["below"] if marked(seen) and one.of.low >= 0 else 0
        small = one.of.low >= 0 and one.of.high > 1 and seen.most <= 1 and seen.counts["inside"] > SHOWN
        if small or not seen.stray(outside - marks):
            of = f"{outside:,} of {seen.numbers:,} are not" if outside else "none exceeds 1"
            raise UnusableInput(
                f"The maps were fitted on {one.of.told}, and the numbers in {column!r} of {source.name} are something "
                f"else: {of}. {seen.told} Where they are in another unit, name it: --scale "
                f"{' or '.join(_others(seen, one))}. A map of a version that kept no unit is taken to be on fractions; "
                "fit it again with `calibrant fit`."
            )


def _others(seen: Seen, unit: Unit) -> list[str]:
    """The scales, but this one, that hold all of the numbers."""
    if unit.chances is not None:
        return ["event"]
    others = [(name, SCALES[name]) for name in NAMES if name != unit.scale]
    return [name for name, scale in others if scale.low <= seen.least and seen.most <= scale.high]


def _known(source: Source, column: str) -> str | None:
    """The scale that the format knows; records of calibrant's own hold fractions."""
    own = {"record_id", "signal", "score"} <= set(source.columns) and column in ("score", "p")
    return "fraction" if own else source.scales.get(column)


def _seen(source: Source, column: str, by: Sequence[str]) -> dict[Key, Seen]:
    found: dict[Key, Seen] = {} if by else {(): Seen()}
    for block in source.blocks(list(dict.fromkeys([column, *by]))):
        values = numbers(block[column]).values
        keys, group = group_codes([block[name] for name in by], len(values))
        order = np.argsort(group, kind="stable") if by else np.arange(len(values))
        ends = np.searchsorted(group[order], np.arange(len(keys) + 1))
        for key, start, end in zip(keys, ends[:-1], ends[1:], strict=True):
            found.setdefault(key, Seen()).add(values[order[start:end]])
    return found


def _in_words(source: Source, column: str) -> bool:
    """Whether the column holds levels in words."""
    return (first := source.first(column)).dtype.kind == "O" and are_levels(first.tolist())


def _misfit(source: Source, unit: Unit, seen: Seen, look: _Look) -> int:
    """How many numbers of a column are none of a unit, where they are too many for slips; else 0."""
    low, high = unit.of.low, unit.of.high
    inside = low <= seen.least and seen.most <= high
    outside = 0 if inside else look.beyond(source, str(unit.column), low, high)
    marks = outside if outside and marked(seen) and unit.of.low >= 0 else 0
    few = seen.stray(outside) or (0 < marks == seen.counts["below"] and 2 * marks <= seen.numbers)
    return 0 if few else outside


def _unit(column: str, scale: str, seen: Seen) -> Unit:
    """The unit that a person means by a scale, for numbers like these."""
    if scale == "uncertainty" and (seen.least < 0 or seen.most > 1):
        scale = "unbounded"
    if scale == "event" and not seen.stray(seen.counts["above"]):
        scale = "event_percent"
    return Unit(scale=scale, column=column, whole=scale == "percent" and not seen.counts["inside"])


def _named(source: Source, column: str, scale: str, seen: Seen, look: _Look) -> Units:
    """As a person says; refused where many of the numbers are none of that scale."""
    unit = _unit(column, scale, seen)
    if outside := _misfit(source, unit, seen, look):
        of = f"{unit.of.low:g} to {unit.of.high:g}" if np.isfinite(unit.of.low) else "above 0"
        beyond = f"lie outside of {of}" if np.isfinite(unit.of.low) else "are above 0"
        beyond = "are no words" if scale == "levels" else beyond
        others = [name for name in NAMES if not _misfit(source, _unit(column, name, seen), seen, look)]
        raise UnusableInput(
            f"--scale {scale} is not the unit of {column!r} in {source.name}: {outside:,} of its {seen.numbers:,} "
            f"numbers {beyond}. {seen.told} Those that hold them: {', '.join(others)}; or leave --scale out."
        )
    notes = [] if scale == "fraction" else [_read_as(column, unit)]
    if scale == "percent" and seen.counts["above"] and not seen.stray(seen.counts["inside"]):
        notes.append(
            f"{seen.counts['inside']:,} numbers in {column!r} lie between 0 and 1 and count as less than 1 percent: "
            "where they are fractions, write all in one unit."
        )
    if scale == "percent" and seen.most > 20:
        notes += _ones(column, seen)
    if unit.of.low >= 0 and 1 < unit.of.high < np.inf and seen.numbers and seen.most <= 1:
        notes.append(
            f"No number in {column!r} exceeds 1, so {seen.most:g} became {unit.scores(np.array([seen.most]))[0]:.4g}: "
            "leave --scale out if they are fractions."
        )
    return Units(default=unit, notes=tuple(notes))


def _beyond(source: Source, column: str, low: float, high: float) -> int:
    found = 0
    for block in source.blocks([column]):
        values = numbers(block[column]).values
        found += int((np.isfinite(values) & ((values < low) | (values > high))).sum())
    return found


def _by_group(
    source: Source, column: str, by: tuple[str, ...], everywhere: Unit | Doubt, whole: Seen, look: _Look
) -> Units:
    seen = {key: one for key, one in look.seen(source, column, by).items() if one.numbers}
    each = {key: settled(one, column) for key, one in seen.items()}
    sure = {key: one for key, one in each.items() if isinstance(one, Unit) and not seen[key].silent}
    if len({unit.scale for unit in sure.values()}) < 2 and isinstance(everywhere, Unit):
        silent = [key for key, one in seen.items() if one.silent and one.counts["ones"] >= SHOWN]
        notes = _notes(column, everywhere, whole)
        if silent and everywhere.scale != "fraction":
            named = "; ".join(_group(by, key) for key in silent[:SHOWN])
            why = f"most of it is in {everywhere.scale}, and where {named} it holds nothing but 0 and 1"
            raise _refused(source, column, Doubt(why, (everywhere.scale, "fraction")), whole, by, look)
        strays = everywhere.whole and whole.counts["inside"] > 0
        return Units(default=everywhere, notes=notes, strays=strays)
    for key, one in each.items():
        if key not in sure:
            why = one.why if isinstance(one, Doubt) else "it holds nothing but 0 and 1 there"
            options = one.options if isinstance(one, Doubt) else ("percent", "fraction")
            raise _refused(
                source, column, Doubt(f"where {_group(by, key)}, {why}", options), seen[key], by, look
            )
    notes = tuple(
        f"Where {_group(by, key)}: {_read_as(column, unit)}" for key, unit in list(sure.items())[:20]
    )
    return Units(groups=sure, notes=(f"The column {column!r} holds several units.", *notes))


def _group(by: Sequence[str], key: Key) -> str:
    return " and ".join(f"{name} is {value!r}" for name, value in zip(by, key, strict=True))


def _read_as(column: str, unit: Unit) -> str:
    return f"The column {column!r} was read as {unit.of.told}."


def _notes(column: str, unit: Unit, seen: Seen) -> tuple[str, ...]:
    if unit.scale != "fraction":
        return (
            _read_as(column, unit),
            *(_ones(column, seen) if unit.scale == "percent" and seen.most > 20 else ()),
        )
    if seen.silent and seen.counts["ones"]:
        return (
            f"The column {column!r} holds nothing but 0 and 1, read as fractions, 1 as certain; if 1 is 1 percent, "
            "add --scale percent.",
        )
    return ()


def _ones(column: str, seen: Seen) -> list[str]:
    """A note on numbers that are exactly 1 among percents, none of which is nearly as small."""
    if not (ones := seen.lone_ones):
        return []
    told = "1 number is" if ones == 1 else f"{ones:,} numbers are"
    return [
        f"{told} exactly 1 in {column!r}, read as 1 percent, and none lies between 1 and 10: where such a 1 stands for "
        "all of it, write 100 in its place."
    ]


def _refused(
    source: Source, column: str, doubt: Doubt, seen: Seen, by: Sequence[str], look: _Look
) -> UnusableInput:
    parted = _parting(source, column, by, look)
    whole = look.seen(source, column, ())[()] if by else seen
    fitting = [
        one for one in doubt.options if not _misfit(source, _unit(column, one, whole), whole, look)
    ] or ["uncertainty"]
    options = [f"--scale {name} ({SCALES[name].told})" for name in fitting]
    if parted:
        options.insert(0, f"--by {','.join([*by, parted])} (each {parted} keeps to one unit)")
    return UnusableInput(
        f"The unit of {column!r} in {source.name} cannot be told: {doubt.why}. {seen.told} "
        f"Say what is meant: {'; '.join(options)}. In Python: scale={fitting[0]!r}."
    )


def _parting(source: Source, column: str, by: Sequence[str], look: _Look) -> str | None:
    """A column each of whose values has a unit of its own, where not all have the same."""
    for name in PARTING:
        if name in source.columns and name not in by:
            seen = look.seen(source, column, (*by, name)).values()
            each = [settled(one, column) for one in seen if one.numbers]
            scales = {one.scale for one in each if isinstance(one, Unit)}
            silent = any(one.silent for one in seen if one.numbers)
            if len(scales) > 1 and not silent and all(isinstance(one, Unit) for one in each):
                return name
    return None
