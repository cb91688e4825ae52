"""In which unit a column states how sure a model is: decided on the whole of it, group by group, or refused.

Nothing is guessed. A unit is taken where the numbers leave one reading only, or the column's name or the log's format
says it; whoever must choose is shown the values and the options. What is decided:

fraction   nothing below 0 or above 1 but for a few strays.
percent    whole numbers up to 100 that go beyond 20; or any that go beyond 50, of which not many lie between 0 and 1.
logprob    nothing above 0, in a column that is called so.

A group of the columns that part the log has a unit of its own, since models and signals state theirs in their own way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import UnusableInput
from ..maps.units import FRACTION, ROUNDING, SCALES, Unit
from ..plugins import names
from ..tally import Floats
from .keys import Key, group_codes
from .sources import Source
from .values import numbers

__all__ = ["NAMES", "Units", "settled", "units_of"]

NAMES = tuple(name for name in SCALES if name != "unbounded")
"""What a person may name."""

MANY = 0.05
"""A share of numbers that no stray values make."""
PARTING = ("model", "signal", "task", "domain", "dataset", "source", "annotator", "version")
"""Columns that may tell why one column holds numbers of several units."""
SHOWN = 5
LOOKED_AT = 2_000
"""Numbers of a block that are looked at for the commonest values."""

_UNSURE = re.compile(
    r"(?:^|[^a-z])(uncertainty|entropy|perplexity|ppl|nll|surprisal|variance|risk|std|doubt)(?:$|[^a-z])"
)
_LOGPROB = re.compile(r"log_?p(?:rob|robs|robability|robabilities)?(?:$|[^a-z])|log_?lik")
_PERCENT = re.compile(r"percent(?!ile)|(?:^|[^a-z])pct(?:$|[^a-z])|[%％]")


@dataclass
class _Seen:
    """What the bare numbers of a group are like. `few` of those `above` 1 are at most 3; `whole` of them are whole."""

    numbers: int = 0
    least: float = np.inf
    most: float = -np.inf
    counts: Counter[str] = field(default_factory=Counter)
    common: Counter[float] = field(default_factory=Counter)

    def add(self, values: Floats) -> None:
        values = values[np.isfinite(values)]
        if not len(values):
            return
        self.numbers += len(values)
        self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))
        above = values > 1
        self.counts.update(
            below=int((values < -ROUNDING).sum()), inside=int(((values > 0) & (values < 1)).sum()),
            ones=int((values == 1).sum()), above=int(above.sum()), few=int((above & (values <= 3)).sum()),
            whole=int((values[above] == np.floor(values[above])).sum()), beyond=int((values > 100).sum()),
        )  # fmt: skip
        found, counts = np.unique(values[:LOOKED_AT], return_counts=True)
        for i in np.argsort(-counts, kind="stable")[:50].tolist():
            self.common[float(found[i])] += int(counts[i])

    @property
    def silent(self) -> bool:
        """Whether nothing but 0 and 1 is there, which any unit may hold."""
        return not any(self.counts[name] for name in ("below", "inside", "above"))

    def stray(self, count: int) -> bool:
        """Whether so many are so few that they may be slips."""
        return count <= MANY * self.numbers or (count <= 2 and count <= 0.4 * self.numbers)

    @property
    def told(self) -> str:
        common = ", ".join(f"{value:g} ({n:,} times)" for value, n in self.common.most_common(SHOWN))
        return f"Its {self.numbers:,} numbers run from {self.least:g} to {self.most:g}; the commonest are {common}."


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Why a unit cannot be told, and which might be meant."""

    why: str
    options: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Units:
    """The unit of each group of a column, and what is to be said of it; `strays` where some numbers are none of it."""

    default: Unit = FRACTION
    groups: Mapping[Key, Unit] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    strays: bool = False

    def __getitem__(self, key: Key) -> Unit:
        return self.groups.get(key, self.default)


def units_of(source: Source, column: str, by: Sequence[str] = (), scale: str | None = None) -> Units:
    """Decide the unit of a column, whole; `scale` is what a person says, one of `NAMES`.

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
    whole = _seen(source, column, ())[()]
    if scale is not None:
        return _named(source, column, scale, whole)
    everywhere = settled(whole, column)
    clean = isinstance(everywhere, Unit) and not whole.counts["above"] and not whole.counts["below"]
    if not by or clean or not whole.numbers:
        if isinstance(everywhere, _Doubt):
            raise _refused(source, column, everywhere, whole, by)
        strays = everywhere.whole and whole.counts["inside"] > 0
        return Units(default=everywhere, notes=_notes(column, everywhere, whole), strays=strays)
    return _by_group(source, column, tuple(by), everywhere, whole)


def check_units(source: Source, column: str, by: Sequence[str], unit: Callable[[Key], Unit]) -> None:
    """Raise `UnusableInput` where many numbers of a column cannot be in the unit that their group is to be in."""
    found: dict[Unit, tuple[_Seen, int]] = {}
    for block in source.blocks(list(dict.fromkeys([column, *by]))):
        values = numbers(block[column]).values
        keys, group = group_codes([block[name] for name in by], len(values))
        units = [unit(key) for key in keys]
        for one in dict.fromkeys(units):
            part = values[np.array([other == one for other in units], bool)[group] & np.isfinite(values)]
            seen, outside = found.setdefault(one, (_Seen(), 0))
            seen.add(part)
            found[one] = seen, outside + int((one.of.outside(part) | one.strays(part)).sum())
    for one, (seen, outside) in found.items():
        marks = seen.counts["below"] if _marked(seen) and one.of.low >= 0 else 0
        small = one.of.low >= 0 and one.of.high > 1 and seen.most <= 1 and seen.counts["inside"] > SHOWN
        if small or not seen.stray(outside - marks):
            of = f"{outside:,} of {seen.numbers:,} are not" if outside else "none exceeds 1"
            raise UnusableInput(
                f"The maps were fitted on {one.of.told}, and the numbers in {column!r} of {source.name} are something "
                f"else: {of}. {seen.told} Where they are in another unit, name it: --scale "
                f"{' or '.join(_others(seen, one))}. A map of a version that kept no unit is taken to be on fractions; "
                "fit it again with `calibrant fit`."
            )


def _others(seen: _Seen, unit: Unit) -> list[str]:
    """The scales, but this one, that hold all of the numbers."""
    others = [(name, SCALES[name]) for name in NAMES if name != unit.scale]
    return [name for name, scale in others if scale.low <= seen.least and seen.most <= scale.high]


def settled(seen: _Seen, column: str) -> Unit | _Doubt:
    """The unit of numbers that are like this, or why it cannot be told."""
    name = column.lower()
    signal = column.partition(":")[0] in names("signals")  # whose scores are higher where surer
    if _UNSURE.search(name) and not signal:
        return _Doubt("its name says that a higher number is less sure", ("uncertainty", "fraction"))
    if not seen.numbers:
        return Unit(column=column)
    if seen.counts["below"]:
        found = _with_negatives(seen, column, name)
    elif seen.most <= ROUNDING and _LOGPROB.search(name):
        found = Unit(scale="logprob", column=column)
    elif _PERCENT.search(name) and seen.most <= 1 and not seen.silent:
        found = _Doubt("its name says percent, and no number exceeds 1", ("fraction", "percent"))
    elif _PERCENT.search(name) and seen.stray(seen.counts["beyond"]):
        found = Unit(scale="percent", column=column)
    elif not seen.counts["above"]:
        found = Unit(column=column)
    else:
        found = _with_more_than_one(seen, column)
    return found


def _with_negatives(seen: _Seen, column: str, name: str) -> Unit | _Doubt:
    if seen.most <= ROUNDING:
        if _LOGPROB.search(name):
            return Unit(scale="logprob", column=column)
        return _Doubt("no number is above 0, as of log-probabilities", ("logprob", "logit", "uncertainty"))
    below = seen.counts["below"]
    if seen.stray(below) or _marked(seen):
        rest = _Seen(seen.numbers - below, 0.0, seen.most, seen.counts - Counter(below=below))
        return settled(rest, column)
    return _Doubt(f"{below:,} of its numbers are below 0 and others above", ("logit", "uncertainty"))


def _marked(seen: _Seen) -> bool:
    """Whether all negative numbers are one, which then stands for none, such as -1."""
    negative = {value for value in seen.common if value < 0}
    return len(negative) == 1 and negative == {seen.least} and seen.least == int(seen.least)


def _with_more_than_one(seen: _Seen, column: str) -> Unit | _Doubt:
    """Of numbers from 0 on, of which some exceed 1."""
    if (rest := _without_mark(seen)) is not None:
        return settled(rest, column)
    inside, above, beyond = (seen.counts[name] for name in ("inside", "above", "beyond"))
    if inside and seen.stray(above):
        return Unit(column=column)
    if not seen.stray(beyond) and beyond * 5 > seen.numbers:
        return _Doubt(f"{beyond:,} of its numbers exceed 100", ("uncertainty", "logit"))
    if beyond and not seen.stray(beyond):
        return _Doubt(f"{beyond:,} of its numbers exceed 100, the others do not", ("percent", "uncertainty"))
    whole = seen.counts["whole"] >= (1 - MANY) * above
    if seen.most <= 10:
        return _Doubt("none exceeds 10", _small(seen))
    if inside and seen.stray(inside) and whole and seen.most > 20:
        return Unit(scale="percent", column=column, whole=True)
    if inside and (whole or inside > 2 * seen.counts["few"] + 2):
        why = f"{inside:,} of its numbers lie between 0 and 1, and {above:,} above 1: fractions and percent, it seems"
        return _Doubt(why, ("percent", "fraction"))
    if not whole and seen.most <= 50:
        return _Doubt("its numbers are not whole, and none exceeds 50", ("percent", "uncertainty"))
    if seen.most <= 20:
        return _Doubt("none exceeds 20", ("percent",))
    return Unit(scale="percent", column=column, whole=not inside)


def _without_mark(seen: _Seen) -> _Seen | None:
    """What is left where all numbers beyond 100 are one, which then stands for none, such as 999; None where not."""
    beyond, rest = seen.counts["beyond"], [value for value in seen.common if value <= 100]
    marks = {value for value in seen.common if value > 100}
    if (
        not beyond
        or not rest
        or marks != {seen.most}
        or set(str(seen.most)) - set("9.0")
        or 2 * beyond > seen.numbers
    ):
        return None
    counts = seen.counts - Counter(above=beyond, whole=beyond, beyond=beyond)
    common = Counter({value: seen.common[value] for value in rest})
    return _Seen(seen.numbers - beyond, seen.least, max(rest), counts, common)


def _small(seen: _Seen) -> tuple[str, ...]:
    """What numbers up to 10 may be."""
    found = ["1-5"] if seen.least >= 1 and seen.most <= 5 else []
    found += ["1-10"] if seen.least >= 1 else []
    found += ["0-10", "percent"]
    whole = seen.counts["whole"] == seen.counts["above"] and not seen.counts["inside"]
    return (*found, *(() if whole else ("uncertainty", "logit")))


def _known(source: Source, column: str) -> str | None:
    """The scale that the format knows; records of calibrant's own hold fractions."""
    own = {"record_id", "signal", "score"} <= set(source.columns) and column in ("score", "p")
    return "fraction" if own else source.scales.get(column)


def _seen(source: Source, column: str, by: Sequence[str]) -> dict[Key, _Seen]:
    found: dict[Key, _Seen] = {} if by else {(): _Seen()}
    for block in source.blocks(list(dict.fromkeys([column, *by]))):
        values = numbers(block[column]).values
        keys, group = group_codes([block[name] for name in by], len(values))
        order = np.argsort(group, kind="stable") if by else np.arange(len(values))
        ends = np.searchsorted(group[order], np.arange(len(keys) + 1))
        for key, start, end in zip(keys, ends[:-1], ends[1:], strict=True):
            found.setdefault(key, _Seen()).add(values[order[start:end]])
    return found


def _named(source: Source, column: str, scale: str, seen: _Seen) -> Units:
    """As a person says; refused where many of the numbers are none of that scale."""
    if scale == "uncertainty" and (seen.least < 0 or seen.most > 1):
        scale = "unbounded"
    unit = Unit(scale=scale, column=column, whole=scale == "percent" and not seen.counts["inside"])
    outside = _outside(source, column, unit)
    marks = outside if outside and _marked(seen) and unit.of.low >= 0 else 0
    if not seen.stray(outside) and (marks != seen.counts["below"] or 2 * marks > seen.numbers):
        of = f"{unit.of.low:g} to {unit.of.high:g}" if np.isfinite(unit.of.low) else "above 0"
        beyond = f"lie outside of {of}" if np.isfinite(unit.of.low) else "are above 0"
        raise UnusableInput(
            f"--scale {scale} is not the unit of {column!r} in {source.name}: {outside:,} of its {seen.numbers:,} "
            f"numbers {beyond}. {seen.told} Name another of: {', '.join(NAMES)}; or leave --scale out."
        )
    notes = [] if scale == "fraction" else [_read_as(column, unit)]
    if scale == "percent" and seen.counts["above"] and not seen.stray(seen.counts["inside"]):
        notes.append(
            f"{seen.counts['inside']:,} numbers in {column!r} lie between 0 and 1 and count as less than 1 percent: "
            "where they are fractions, write all in one unit."
        )
    if unit.of.low >= 0 and unit.of.high > 1 and seen.numbers and seen.most <= 1:
        notes.append(
            f"No number in {column!r} exceeds 1, so {seen.most:g} became {unit.scores(np.array([seen.most]))[0]:.4g}: "
            "leave --scale out if they are fractions."
        )
    return Units(default=unit, notes=tuple(notes))


def _outside(source: Source, column: str, unit: Unit) -> int:
    if not (np.isfinite(unit.of.low) or np.isfinite(unit.of.high)):
        return 0
    found = 0
    for block in source.blocks([column]):
        values = numbers(block[column]).values
        found += int(unit.of.outside(values[np.isfinite(values)]).sum())
    return found


def _by_group(
    source: Source, column: str, by: tuple[str, ...], everywhere: Unit | _Doubt, whole: _Seen
) -> Units:
    seen = {key: one for key, one in _seen(source, column, by).items() if one.numbers}
    each = {key: settled(one, column) for key, one in seen.items()}
    sure = {key: one for key, one in each.items() if isinstance(one, Unit) and not seen[key].silent}
    if len({unit.scale for unit in sure.values()}) < 2 and isinstance(everywhere, Unit):
        silent = [key for key, one in seen.items() if one.silent and one.counts["ones"] >= SHOWN]
        notes = _notes(column, everywhere, whole)
        if silent and everywhere.scale != "fraction":
            named = "; ".join(_group(by, key) for key in silent[:SHOWN])
            why = f"most of it is in {everywhere.scale}, and where {named} it holds nothing but 0 and 1"
            raise _refused(source, column, _Doubt(why, (everywhere.scale, "fraction")), whole, by)
        strays = everywhere.whole and whole.counts["inside"] > 0
        return Units(default=everywhere, notes=notes, strays=strays)
    for key, one in each.items():
        if key not in sure:
            why = one.why if isinstance(one, _Doubt) else "it holds nothing but 0 and 1 there"
            options = one.options if isinstance(one, _Doubt) else ("percent", "fraction")
            raise _refused(source, column, _Doubt(f"where {_group(by, key)}, {why}", options), seen[key], by)
    notes = tuple(
        f"Where {_group(by, key)}: {_read_as(column, unit)}" for key, unit in list(sure.items())[:20]
    )
    return Units(groups=sure, notes=(f"The column {column!r} holds several units.", *notes))


def _group(by: Sequence[str], key: Key) -> str:
    return " and ".join(f"{name} is {value!r}" for name, value in zip(by, key, strict=True))


def _read_as(column: str, unit: Unit) -> str:
    return f"The column {column!r} was read as {unit.of.told}."


def _notes(column: str, unit: Unit, seen: _Seen) -> tuple[str, ...]:
    if unit.scale != "fraction":
        return (_read_as(column, unit),)
    if seen.silent and seen.counts["ones"]:
        return (
            f"The column {column!r} holds nothing but 0 and 1, read as fractions, 1 as certain; if 1 is 1 percent, "
            "add --scale percent.",
        )
    return ()


def _refused(source: Source, column: str, doubt: _Doubt, seen: _Seen, by: Sequence[str]) -> UnusableInput:
    parted = _parting(source, column, by)
    options = [f"--scale {name} ({SCALES[name].told})" for name in doubt.options]
    if parted:
        options.insert(0, f"--by {','.join([*by, parted])} (each {parted} keeps to one unit)")
    return UnusableInput(
        f"The unit of {column!r} in {source.name} cannot be told: {doubt.why}. {seen.told} "
        f"Say what is meant: {'; '.join(options)}. In Python: scale={doubt.options[0]!r}."
    )


def _parting(source: Source, column: str, by: Sequence[str]) -> str | None:
    """A column each of whose values has a unit of its own, where not all have the same."""
    for name in PARTING:
        if name in source.columns and name not in by:
            seen = _seen(source, column, (*by, name)).values()
            each = [settled(one, column) for one in seen if one.numbers]
            scales = {one.scale for one in each if isinstance(one, Unit)}
            if len(scales) > 1 and all(isinstance(one, Unit) for one in each):
                return name
    return None
