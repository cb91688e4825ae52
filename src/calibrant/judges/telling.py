"""How what was found of a judge is said."""

from __future__ import annotations

from collections.abc import Sequence

from ..phrasing.numbers import of_100, percent, points, several, span
from .correcting import Estimator, Judged
from .drifting import Drift
from .labels import Needed
from .leaning import Leaning

__all__ = ["beside", "drift_told", "judged_told", "leanings_told", "needed_told"]

_BESIDE: dict[Estimator, str] = {
    "people": "nothing else",
    "verdict": "the judge's verdict",
    "stated": "the number that the judge states",
    "calibrated": "the judge's word calibrated on them",
}


def beside(estimator: Estimator) -> str:
    """What stands beside people's verdicts, in words."""
    return _BESIDE[estimator]


def judged_told(found: Judged) -> str:
    """How much is right by people's verdicts and the judge's word, and what the latter is worth."""
    known = f" (it knows {', '.join(found.covariates)})" if found.covariates else ""
    narrower = found.narrower_than_people
    worth = (
        f"{percent(narrower)} narrower than by people's verdicts alone" if narrower >= 0.005
        else "no narrower than by people's verdicts alone"
    )  # fmt: skip
    over = found.narrower_than_verdict
    more = f" and {percent(over)} narrower than by the judge's bare verdict" if over >= 0.005 else ""
    kinds = [
        f"{of_100(rate.value)} of 100 {which} answers"
        for rate, which in ((found.sensitivity, "right"), (found.specificity, "wrong"))
        if rate is not None
    ]
    return (
        f"The judge says {of_100(found.naive_accuracy.value)} of 100 are right; by people's verdicts on "
        f"{several(found.seen, 'row')} of {found.rows:,} and {beside(found.estimator)}{known} it is "
        f"{of_100(found.accuracy.value)} (95 % interval {span(found.accuracy, 1, scale=100)}), {worth}{more}. "
        f"It sees {' and '.join(kinds)} as people do."
    )


def leanings_told(found: Sequence[Leaning]) -> list[str]:
    """Whom a judge favours, a sentence for each that is shown; that none is, else."""
    told = [_leaning(one, len(found)) for one in found if one.shown]
    if found and not told:
        columns = list(dict.fromkeys(one.column for one in found))
        told = [f"No leaning is shown by {', '.join(columns)} ({several(len(found), 'comparison')})."]
    return told


def _leaning(one: Leaning, of: int) -> str:
    how = "kinder" if one.difference.value > 0 else "stricter"
    sure = f"95 % for {'it' if of == 1 else f'all {of}'}, {span(one.difference, 0, scale=100, signed=True)}"
    head = (
        f"The judge is {how} where {one.column} is {one.part}: {points(abs(one.difference.value))} ({sure})"
    )
    if one.paired:
        return f"{head} on the same {one.seen:,} items the other way round."
    return f"{head} against people's verdicts, on {one.seen:,} rows beside {one.others:,}."


def needed_told(found: Needed, seen: int) -> str:
    """How many of people's verdicts an interval of a wanted width takes, and how to choose them."""
    wide = f"An interval {percent(found.width, 1)} wide from end to end"
    if found.labels is None:
        return (
            f"{wide} is out of reach: people's verdicts on all of these rows would leave "
            f"{percent(found.least_width, 1)}. More rows are needed."
        )
    if found.labels <= seen:
        return f"{wide} is there already."
    most = f" to {found.high:,}" if found.high else " or more"
    ends = "" if found.low is None else f" (90 %: {found.low:,}{most}, as far as {seen:,} rows tell)"
    alone = "more rows than there are" if found.by_people is None else f"{found.by_people:,}"
    return (
        f"{wide} takes people's verdicts on about {found.labels:,} rows in all{ends}; by people alone {alone}. "
        "About half of all draws of so many reach that width. "
        f"Draw {found.labels - seen:,} more at random from the rows without one."
    )


def drift_told(found: Drift) -> str:
    """Whether a judge has changed, in words."""
    often = "95 % after every row" if found.ordered == "time" else "95 %"
    kinder = f"kinder by {points(found.kinder.value, 1, signed=True)} ({span(found.kinder, 1, scale=100, signed=True)}"
    people = (
        "" if found.better is None
        else f"; agrees with people {points(found.better.value, 1, signed=True)} more often "
             f"({span(found.better, 1, scale=100, signed=True)}, {found.seen:,} rows)"
    )  # fmt: skip
    head = (
        f"The judge has CHANGED, as seen after {found.since:,} rows" if found.changed
        else "The judge is not shown to have changed"
    )  # fmt: skip
    flipped = f"{percent(found.flipped)} of its verdicts are others"
    within = "" if found.clusters == found.rows else f" of {found.clusters:,} clusters"
    taken = (
        "in the order of time" if found.ordered == "time"
        else "shuffled, as their order in the log may follow the verdicts"
    )  # fmt: skip
    return (
        f"{head}: on the same {found.rows:,} rows{within} {kinder}, {often}){people}; {flipped}. "
        f"Rows were taken {taken}."
    )
