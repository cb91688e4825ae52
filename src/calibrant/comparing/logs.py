"""Two models, prompts or releases side by side: how far the second differs from the first, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import Misuse, UnusableInput
from ..guarantees.certifying import certify
from ..judges.contrasting import Contrasted
from ..logs.keys import Key, group_name
from ..metrics.conditions import Judgement, conditions, judged
from ..metrics.differences import DIFFERENCES, Difference, Sample, differences, effective_units
from ..metrics.findings import FEW
from ..metrics.intervals import Estimate
from ..phrasing.numbers import agreeing, fixed, of_100, points, span
from ..shown import Shown
from .asked import by_what_was_asked
from .pairs import Human, Pair, Rows, Side, matched, read_side, sides_between
from .people import CORRECTED, corrected, doubts, lacking, measures
from .people import told as told_by
from .verdicts import LEVEL, holm

__all__ = ["Change", "Comparison", "Contrast", "compare"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One measure of both sides in a group; `shown` says that they differ beyond chance among all that was compared."""

    measure: str
    difference: Difference
    shown: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values: of each side, and the difference b - a with its 95 % interval."""
        e = self.difference.interval()
        return {
            "a": self.difference.a, "b": self.difference.b, "difference": e.value, "low": e.low, "high": e.high,
            "p": self.difference.p, "shown": self.shown,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Side `b` against side `a` in one group of answers, all where `by` is empty.

    `items` are the independent units behind the differences, of both sides together; `reason` says why there are none.
    `people` says what the differences rest on where people's verdicts correct a judge's. `coverage` is the share of
    either side's answers above the threshold certified on them, 0 where none is: their difference is not judged.
    """

    a: Side
    b: Side
    by: dict[str, str | None]
    paired: bool
    items: int
    rows: tuple[int, int]
    changes: tuple[Change, ...]
    reason: str | None = None
    people: Contrasted | None = None
    coverage: tuple[float, float] | None = None

    @property
    def group(self) -> str:
        """The sides and the group in words."""
        where = f", {group_name(self.by)}" if self.by else ""
        return f"{self.b.name} against {self.a.name}{where}"

    @property
    def sentence(self) -> str:
        """What the comparison shows, in one sentence."""
        if self.reason:
            return f"{self.group}: {self.reason}."
        how = (
            f"{self.items:,} shared items"
            if self.paired
            else f"{self.rows[0]:,} and {self.rows[1]:,} unpaired answers"
        )
        first = self.changes[0].difference
        digits = agreeing(first.b, first.a, digits=1)
        by, word = told_by(self.people) if self.people else ("", "")
        told = (
            f"{self.group}: {by}right {of_100(first.b, digits)} of 100 against {of_100(first.a, digits)}, on {how} "
            f"(difference {_points(first, digits)}{word})"
        )
        shown = [f"{_WORDS[c.measure]} {_side(c)}" for c in self.changes if c.shown]
        left = [_WORDS[c.measure] for c in self.changes if not c.shown]
        told += f"; shown: {', '.join(shown)}" if shown else "; no difference is shown"
        told += f"; not shown: {', '.join(left)}" if shown and left else ""
        return f"{told}.{self._sent}"

    @property
    def _sent(self) -> str:
        if self.coverage is None or self.by or not any(self.coverage):
            return ""
        a, b = (fixed(share) for share in self.coverage)
        return f" Certified coverage {b} against {a}: chosen on each log, so their difference is not judged."

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {
            "a": self.a.name, "b": self.b.name, "by": self.by, "paired": self.paired, "items": self.items,
            "rows": list(self.rows), "reason": self.reason, "sentence": self.sentence,
            "people": self.people and self.people.to_dict(),
            "coverage": self.coverage and dict(zip("ab", self.coverage, strict=True)),
            "measures": {one.measure: one.to_dict() for one in self.changes},
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, repr=False)
class Comparison(Shown):
    """The sides, the first of which the others are held against, and their contrasts: of all answers, then by group.

    `human` is the column of people's verdicts, where these correct a judge's.

    >>> import calibrant
    >>> found = calibrant.compare("sample", between="domain")
    >>> len(found.sides), found.sides[0].name, found.contrasts[0].changes[0].measure
    (5, 'internet', 'accuracy')
    """

    sides: tuple[Side, ...]
    contrasts: tuple[Contrast, ...]
    max_error: float
    delta: float
    notes: tuple[str, ...]
    human: str | None = None

    def _told(self) -> list[str]:
        return [*(f"Note: {note}" for note in self.notes), *(one.sentence for one in self.contrasts)]

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for one in self.contrasts:
            sides = {"a": one.a.name, "b": one.b.name, **one.by, "paired": one.paired, "items": one.items}
            for change in one.changes:
                told = {{"a": "value_a", "b": "value_b"}.get(n, n): v for n, v in change.to_dict().items()}
                rows.append({**sides, "measure": change.measure, **told})
            if one.coverage:
                a, b = one.coverage
                rows.append({**sides, "measure": "coverage", "value_a": a, "value_b": b})
        return rows

    def judged(self, texts: Sequence[str]) -> list[Judgement]:
        """What the contrasts say of conditions such as "accuracy<-0.02", on differences b - a.

        Raises `Misuse` for what is no condition; with people's verdicts only accuracy and gap are compared.
        """
        asked = conditions(texts, CORRECTED if self.human else DIFFERENCES)
        return judged(
            asked,
            [one.group for one in self.contrasts],
            self._estimate,
            lambda _: "people" if self.human else None,
        )

    def _estimate(self, at: int, measure: str, level: float) -> Estimate | None:
        found = {one.measure: one.difference for one in self.contrasts[at].changes}
        return found[measure].interval(level) if measure in found else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dumps`."""
        return {
            "sides": [side.to_dict() for side in self.sides], "max_error": self.max_error, "delta": self.delta,
            "human": self.human, "notes": list(self.notes), "contrasts": [one.to_dict() for one in self.contrasts],
        }  # fmt: skip


def compare(
    a: Any,
    b: Any = None,
    *,
    between: str | None = None,
    by: str | Sequence[str] = (),
    item: str | None = None,
    max_error: float = 0.1,
    delta: float = 0.1,
    human: str | None = None,
    human_propensity: str | None = None,
    covariates: Sequence[str] | None = None,
    **named: Any,
) -> Comparison:
    """Compare two logs, or the parts of one, on what they got right and what their confidence is worth.

    Where both answered at least 30 of the same items, they are compared on those, pair by pair, each item counting
    the same; the rows of other items are left aside and counted. Else they are two samples. Rows of one item, or of one
    cluster, are not taken for independent.

    Parameters
    ----------
    a, b : data frame, path or store URL, as for `calibrant.audit`
        The second is held against the first.
    between : column name
        In place of `b`: each further value of this column in `a` is held against the one that comes first.
    by : column names
        Also in each group of their values. What is called shown has one error rate of 5 % for each measure over all
        groups (Holm), and one over all whole logs.
    item : column name, or several with commas
        What was asked. Guessed from common conventions where None; ids that stand for other texts in the two logs, as
        row numbers of shuffled files do, then give way to the texts, or are refused.
    max_error, delta : float, between 0 and 1
        Coverage is the share of answers that a threshold certified at these would send: see `calibrant.certify`. It is
        told of both sides. Their difference is not judged: each threshold is chosen on its own log, and that choice
        differs more between two logs of one model than what two models would differ by.
    human, human_propensity, covariates : column names
        With `human`, the verdicts of `correct` are a judge's and that column holds people's, where there are any, as
        for `calibrant.audit`: only accuracy and gap are compared, as people's verdicts correct them
        (`calibrant.judges.contrasting`). A confidence is not needed then.
    named : confidence, correct, weight, cluster, right, partly, wrong, labels, on, as for `calibrant.audit`
        A column that the two logs name differently is `first=second`, as `correct="ok=passed"`; `item` too.

    Raises
    ------
    Misuse, ColumnNotFound, UnusableInput
        Both or neither of `b` and `between`; a column that is not there; a log that cannot be read; people's verdicts
        on fewer than 20 items of a side.

    Examples
    --------
    >>> import pandas
    >>> old = pandas.DataFrame({"id": range(200), "confidence": [0.8] * 200, "correct": [1, 0] * 100})
    >>> new = old.assign(correct=[1, 1, 1, 0] * 50)
    >>> found = compare(old, new)
    >>> found.contrasts[0].changes[0].difference.value, found.contrasts[0].changes[0].shown
    (0.25, True)
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    if (b is None) == (between is None):
        raise Misuse(
            "Expected a second log, or --between COLUMN (between in Python) in one log: one of the two."
        )
    if human is None and (human_propensity or covariates):
        raise Misuse(
            "human_propensity and covariates are about people's verdicts; name their column as human too."
        )
    people = (
        None
        if human is None
        else Human(human, human_propensity, None if covariates is None else tuple(covariates))
    )
    if between is not None:
        read, notes = sides_between(a, between, by, item, named, people)
    else:
        first = read_side(a, by, item, named, people)
        made = [first, read_side(b, by, item, named, people, after=first[0].columns)]
        notes = tuple(dict.fromkeys(note for *_, told in made for note in told))
        read = [(side, rows) for side, rows, _ in made]
        if read[0][0].name == read[1][0].name:
            read = [(replace(side, name=name), rows) for name, (side, rows) in zip("ab", read, strict=True)]
    contrasts, said = [], [*notes, *_doubts(read, human)]
    sides = [read[0][0]]
    for one in read[1:]:
        (reference, base), (side, rows), agreed = by_what_was_asked(read[0], one)
        pair = matched(base, rows)
        said += [f"{side.name} against {reference.name}: {note}" for note in (*agreed, *pair.notes)]
        contrasts += _contrasts(reference, side, pair, by, max_error, delta)
        sides = [reference if len(read) == 2 else sides[0], *sides[1:], side]
    if human is not None and not any(one.changes for one in contrasts):
        raise UnusableInput(" ".join(one.sentence for one in contrasts if not one.by))
    if any(one.coverage and min(one.coverage) == 0.0 for one in contrasts):
        said.append(
            f"Where no threshold can be certified at {max_error:g} wrong, nothing is sent: coverage 0. More labels may "
            "certify one."
        )
    return Comparison(
        sides=tuple(sides), contrasts=_shown(contrasts), max_error=max_error, delta=delta,
        notes=tuple(dict.fromkeys(said)), human=human,
    )  # fmt: skip


def _doubts(read: Sequence[tuple[Side, Rows]], human: str | None) -> list[str]:
    """What is to be said of people's verdicts before any number."""
    if human is None:
        return []
    first = read[0][0].columns
    also = "and gap are" if "confidence" in first else "is"
    note = (
        f"Accuracy {also} corrected by people's verdicts in {human!r}, those in {first['correct']!r} are a judge's. "
        "Brier score, AUROC and coverage would believe the judge, so they are not compared."
    )
    return [note, *(line for side, rows in read for line in doubts(side.name, rows, human))]


def _contrasts(
    a: Side, b: Side, pair: Pair, by: Sequence[str], max_error: float, delta: float
) -> list[Contrast]:
    """All answers, then each group that either side has."""
    groups: list[Key | None] = [None, *sorted({*pair.a.group, *pair.b.group}, key=str)] if by else [None]
    made = []
    for key in groups:
        at = [np.array([key is None or g == key for g in rows.group], bool) for rows in (pair.a, pair.b)]
        kept = pair.a.at(at[0]), pair.b.at(at[1])
        units = pair.units[0][at[0]], pair.units[1][at[1]]
        where = {} if key is None else dict(zip(by, key, strict=True))
        units_of = [set(one.tolist()) for one in units]
        items = len(units_of[0] & units_of[1]) if pair.paired else min(map(len, units_of))
        base = Contrast(
            a=a, b=b, by=where, paired=pair.paired, items=items, rows=(len(kept[0]), len(kept[1])), changes=()
        )
        samples = [
            Sample(rows.score, rows.grade, rows.weight, own) for rows, own in zip(kept, units, strict=True)
        ]
        worth = effective_units(samples, paired=pair.paired) if items else 0.0
        if min(items, worth + 1e-9) < FEW:
            uneven = f", worth {worth:,.0f} of even size" if items >= FEW else ""
            what = "shared items" if pair.paired else "items on the smaller side"
            made.append(replace(base, reason=f"too few: {items:,} {what}{uneven}; {FEW:.0f} are needed"))
            continue
        if kept[0].people is not None:
            made.append(_by_people(base, kept, units))
            continue
        found = differences(*samples, paired=pair.paired)
        coverage = (
            _coverage(kept[0], units[0], max_error, delta),
            _coverage(kept[1], units[1], max_error, delta),
        )
        changes = tuple(Change(measure=name, difference=one) for name, one in found.items())
        made.append(replace(base, changes=changes, coverage=coverage))
    return made


def _by_people(base: Contrast, sides: tuple[Rows, Rows], units: tuple[Any, Any]) -> Contrast:
    """The contrast with the differences that people's verdicts correct, or with why there are none."""
    if (missing := lacking(sides, units)) is not None:
        return replace(base, reason=missing.reason((base.a.name, base.b.name)))
    found = corrected(sides, units, paired=base.paired)
    changes = tuple(Change(measure=name, difference=one) for name, one in measures(found).items())
    return replace(base, changes=changes, people=found)


def _coverage(rows: Rows, units: Any, max_error: float, delta: float) -> float:
    """The share of answers above the threshold that is certified on them; 0 where none is."""
    repeated = units if len(np.unique(units)) < len(units) else None
    even = bool((rows.weight == rows.weight[0]).all())
    sent = certify(
        rows.score, rows.grade, max_error=max_error, delta=delta, cluster=repeated,
        weight=None if even or repeated is not None else rows.weight,
    ).threshold  # fmt: skip
    return 0.0 if sent is None else float(rows.weight @ (rows.score >= sent) / rows.weight.sum())


def _shown(contrasts: Sequence[Contrast]) -> tuple[Contrast, ...]:
    """Which differences are beyond chance: of each measure 5 % for all whole logs, and 5 % for all groups."""
    p: dict[tuple[str, bool], list[tuple[int, float]]] = {}
    for i, one in enumerate(contrasts):
        for change in one.changes:
            p.setdefault((change.measure, bool(one.by)), []).append((i, change.difference.p))
    shown = set()
    for (measure, _), cells in p.items():
        rejected = holm([value for _, value in cells], [1 / len(cells)] * len(cells), LEVEL)
        shown |= {(i, measure) for (i, _), yes in zip(cells, rejected, strict=True) if yes}
    return tuple(
        replace(one, changes=tuple(replace(c, shown=(i, c.measure) in shown) for c in one.changes))
        for i, one in enumerate(contrasts)
    )


_WORDS = {
    "accuracy": "accuracy",
    "gap": "gap",
    "brier": "Brier score",
    "auroc": "AUROC",
}


def _side(change: Change) -> str:
    value = change.difference.value
    digits = 4 if change.measure == "brier" else 3
    return f"{'higher' if value > 0 else 'lower'} by {fixed(abs(value), digits)}"


def _points(one: Difference, digits: int) -> str:
    e = one.interval()
    return f"{points(e.value, digits, signed=True)}, {span(e, digits, scale=100, signed=True)}"
