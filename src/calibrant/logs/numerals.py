"""What the bare numbers of a column are like, and the unit that they and its name leave, or why none is left."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from ..maps.units import ROUNDING, Unit
from ..plugins import names
from ..tally import Floats
from .spellings import says_wrong, spelling

__all__ = ["LOOKED_AT", "SHOWN", "Doubt", "Seen", "marked", "settled"]

MANY = 0.05
"""A share of numbers that no stray values make."""
SHOWN = 5
LOOKED_AT = 2_000
"""Numbers of a block that are looked at for the commonest values."""

_LOGPROB = re.compile(r"log_?p(?:rob|robs|robability|robabilities)?(?:$|[^a-z])|log_?lik")
_PERCENT = re.compile(r"percent(?!ile)|(?:^|[^a-z])pct(?:$|[^a-z])|[%％]")
_PERMILLE = re.compile(r"per_?mill?e|promille|‰")
_UNSURE: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(rf"(?:^|_)(?:{words})(?:$|_)"), options)
    for words, options in (
        (
            "nll|neg(?:ative)?_log\\w*|loss|losses|cross_entropy|xent|surprisals?",
            ("nll", "uncertainty", "logprob", "fraction"),
        ),
        ("perplexity|perplexities|ppl", ("perplexity", "uncertainty", "fraction")),
        (
            r"uncertain|uncertainty|uncertainties|unsure|unsureness|entropy|variance|var|std|stdev|stddev|risk|doubt|"
            r"doubts|disagreement|inconsistency|nonconformity|anomaly|ood|p_false|p_no|unsicherheit|incertitude|"
            r"incertidumbre|incerteza|incertezza|onzekerheid|niepewność|неопределенность|неопределённость|belirsizlik|"
            r"osäkerhet|usikkerhed|usikkerhet|epävarmuus|不確実性|不确定性|不確定性|불확실성",
            ("uncertainty", "fraction", "percent"),
        ),
    )
)
"""Names of numbers that are higher where an answer is less sure, and the scales that they may be on."""


@dataclass
class Seen:
    """What the bare numbers of a group are like.

    Of those `above` 1, `few` are at most 3, `small` below 10, `low` at most 20, `whole` are whole and `beyond` exceed
    100; `finest` is the largest that is not whole.
    """

    numbers: int = 0
    least: float = np.inf
    most: float = -np.inf
    counts: Counter[str] = field(default_factory=Counter)
    common: Counter[float] = field(default_factory=Counter)
    finest: float = -np.inf

    def add(self, values: Floats) -> None:
        """Take further numbers; what is not finite is none."""
        values = values[np.isfinite(values)]
        if not len(values):
            return
        self.numbers += len(values)
        self.least, self.most = min(self.least, float(values.min())), max(self.most, float(values.max()))
        above = values > 1
        broken = values[values != np.floor(values)]
        self.finest = max(self.finest, float(broken.max(initial=-np.inf)))
        self.counts.update(
            below=int((values < -ROUNDING).sum()), inside=int(((values > 0) & (values < 1)).sum()),
            ones=int((values == 1).sum()), above=int(above.sum()), few=int((above & (values <= 3)).sum()),
            small=int((above & (values < 10)).sum()), low=int((above & (values <= 20)).sum()),
            whole=int((values[above] == np.floor(values[above])).sum()), beyond=int((values > 100).sum()),
        )  # fmt: skip
        found, counts = np.unique(values[:LOOKED_AT], return_counts=True)
        for i in np.argsort(-counts, kind="stable")[:50].tolist():
            self.common[float(found[i])] += int(counts[i])

    def __add__(self, other: Seen) -> Seen:
        return Seen(
            numbers=self.numbers + other.numbers, least=min(self.least, other.least), most=max(self.most, other.most),
            counts=self.counts + other.counts, common=self.common + other.common,
            finest=max(self.finest, other.finest),
        )  # fmt: skip

    @property
    def silent(self) -> bool:
        """Whether nothing but 0 and 1 is there, which any unit may hold."""
        return not any(self.counts[name] for name in ("below", "inside", "above"))

    def stray(self, count: int) -> bool:
        """Whether so many are so few that they may be slips."""
        return count <= MANY * self.numbers or (count <= 2 and count <= 0.4 * self.numbers)

    @property
    def whole(self) -> bool:
        """Whether those above 1 are whole, but for a few."""
        return self.counts["whole"] >= (1 - MANY) * self.counts["above"]

    @property
    def lone_ones(self) -> int:
        """How many are exactly 1, where none lies between 1 and 10 as those of a column of percents would."""
        return 0 if self.counts["small"] else self.counts["ones"]

    @property
    def told(self) -> str:
        """The range, and the commonest."""
        common = ", ".join(f"{value:g} ({n:,} times)" for value, n in self.common.most_common(SHOWN))
        often = f"; the commonest are {common}" if common else ""
        return f"Its {self.numbers:,} numbers run from {self.least:g} to {self.most:g}{often}."


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a unit cannot be told, and which might be meant."""

    why: str
    options: tuple[str, ...]


def settled(seen: Seen, column: str) -> Unit | Doubt:
    """The unit of numbers that are like this, or why it cannot be told."""
    name = column.lower()
    if options := _inverted(column):
        options = tuple(one for one in options if one != "percent" or seen.most > 1)
        return Doubt("its name says that a higher number is less sure", options)
    if not seen.numbers:
        return Unit(column=column)
    if re.search(r"(?:^|_)odds(?:$|_)", spelling(column)) and not _LOGPROB.search(name) and "log" not in name:
        return Doubt("its name says odds", ("odds", "fraction", "percent"))
    if seen.counts["below"]:
        found = _with_negatives(seen, column, name)
    elif seen.most <= ROUNDING and _LOGPROB.search(name):
        found = Unit(scale="logprob", column=column)
    elif _PERCENT.search(name) and seen.most <= 1 and not seen.silent:
        found = Doubt("its name says percent, and no number exceeds 1", ("fraction", "percent"))
    elif _PERCENT.search(name) and seen.stray(seen.counts["beyond"]):
        found = Unit(scale="percent", column=column)
    elif not seen.counts["above"]:
        found = Unit(column=column)
    elif _PERMILLE.search(name) and seen.most <= 1000:
        found = Unit(scale="permille", column=column)
    else:
        found = _with_more_than_one(seen, column)
    return found


def _inverted(column: str) -> tuple[str, ...]:
    """The scales that a column may be on whose name says that a higher number is less sure; none for other names."""
    if column.partition(":")[0] in names("signals"):  # whose scores are higher where surer
        return ()
    bare = spelling(column)
    for words, options in _UNSURE:
        if words.search(bare):
            return options
    return ("uncertainty", "fraction", "percent") if says_wrong(column) else ()


def _with_negatives(seen: Seen, column: str, name: str) -> Unit | Doubt:
    if seen.most <= ROUNDING:
        if _LOGPROB.search(name):
            return Unit(scale="logprob", column=column)
        return Doubt("no number is above 0, as of log-probabilities", ("logprob", "logit", "uncertainty"))
    below = seen.counts["below"]
    if seen.stray(below) or marked(seen):
        rest = replace(
            seen, numbers=seen.numbers - below, least=0.0, counts=seen.counts - Counter(below=below)
        )
        return settled(rest, column)
    return Doubt(f"{below:,} of its numbers are below 0 and others above", ("logit", "uncertainty"))


def marked(seen: Seen) -> bool:
    """Whether all negative numbers are one, which then stands for none, such as -1."""
    negative = {value for value in seen.common if value < 0}
    return len(negative) == 1 and negative == {seen.least} and seen.least == int(seen.least)


def _with_more_than_one(seen: Seen, column: str) -> Unit | Doubt:
    """Of numbers from 0 on, of which some exceed 1."""
    if (rest := _without_mark(seen)) is not None:
        return settled(rest, column)
    inside = seen.counts["inside"]
    if inside and seen.stray(seen.counts["above"]):
        return Unit(column=column)
    if not seen.stray(seen.counts["beyond"]):
        others = "" if seen.counts["beyond"] * 5 > seen.numbers else ", the others do not"
        options = ("permille", "odds", "uncertainty", "logit", "percent")
        return Doubt(f"{seen.counts['beyond']:,} of its numbers exceed 100{others}", options)
    if seen.most <= 10:
        return Doubt("none exceeds 10", _small(seen))
    return (_whole_percent if seen.whole else _broken_percent)(seen, column)


def _whole_percent(seen: Seen, column: str) -> Unit | Doubt:
    """Of whole numbers, or nearly so, that exceed 10."""
    inside = seen.counts["inside"]
    if inside and not (seen.stray(inside) and seen.most > 20):
        return _mixed(seen, ("percent", "fraction"))
    if seen.most <= 20:
        return Doubt("none exceeds 20", ("percent",))
    if not seen.stray(seen.lone_ones):
        why = (
            f"{seen.lone_ones:,} of its numbers are exactly 1 and none lies between 1 and 10, so such a 1 may stand "
            "for all of it: then write 100 in its place"
        )
        return Doubt(why, ("percent",))
    return Unit(scale="percent", column=column, whole=True)


def _broken_percent(seen: Seen, column: str) -> Unit | Doubt:
    """Of numbers that are not whole, of which some exceed 10."""
    inside = seen.counts["inside"]
    if inside > 2 * seen.counts["few"] + 2:
        return _mixed(seen, ("percent", "fraction", "odds"))
    if seen.most <= 50:
        return Doubt("its numbers are not whole, and none exceeds 50", ("percent", "odds", "uncertainty"))
    if 2 * (seen.counts["low"] + inside) > seen.numbers or seen.finest <= 20:
        return Doubt("its numbers are not whole, and most that are not lie below 20", ("percent", "odds"))
    return Unit(scale="percent", column=column, whole=not inside)


def _mixed(seen: Seen, options: tuple[str, ...]) -> Doubt:
    counts = (
        f"{seen.counts['inside']:,} of its numbers lie between 0 and 1, and {seen.counts['above']:,} above 1"
    )
    return Doubt(f"{counts}: fractions and percent, it seems", options)


def _without_mark(seen: Seen) -> Seen | None:
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
    return replace(seen, numbers=seen.numbers - beyond, most=max(rest), counts=counts, common=common)


def _small(seen: Seen) -> tuple[str, ...]:
    """What numbers up to 10 may be."""
    found = ["1-5"] if seen.least >= 1 and seen.most <= 5 else []
    found += ["1-10"] if seen.least >= 1 else []
    found += ["0-10", "percent"]
    whole = seen.counts["whole"] == seen.counts["above"] and not seen.counts["inside"]
    return (*found, *(() if whole else ("odds", "uncertainty", "logit")))
