"""A judge's word against people's, in the words and tables of a report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..judges.telling import judged_told
from ..logs.judged import JudgedGroup
from ..logs.keys import group_name
from ..phrasing.numbers import percent_interval, points, span
from .sheet import Sheet, Tabled

if TYPE_CHECKING:
    from ..auditing import Audit
    from ..judging import Judging

__all__ = ["judge_lines", "judge_tables", "judging_sheet", "people_asked"]

Named = Iterable[tuple[str, JudgedGroup | str]]
READING = (
    ("Right, corrected", "The share right as people see it: the judge's word on all rows, set right by people's "
                         "verdicts on some. It holds where those were drawn at random."),
    ("By people alone", "The same from people's verdicts without the judge."),
    ("Sees", "The share of the answers that are right (wrong) for people, of which the judge says so too."),
    ("Leaning", "How much kinder than people the judge is to a part of the rows than to the others, in points; the "
                "intervals hold for all of a group together."),
)  # fmt: skip


def people_asked(found: Audit) -> list[tuple[str, JudgedGroup | str]]:
    """The groups of an audit of whose judge people's verdicts were asked."""
    return [(group_name(g.by), g.judge) for g in found.groups if g.judge is not None]


def judge_lines(groups: Named) -> list[str]:
    """Of each group what the judge's word is worth beside people's."""
    return [f"{name}: {judged_told(one.found)}" for name, one in groups if isinstance(one, JudgedGroup)]


def judge_tables(groups: Named) -> list[Tabled]:
    """The estimates of each group, and what the judge leans to."""
    held = [(name, one) for name, one in groups if isinstance(one, JudgedGroup)]
    estimates = [
        (
            name, f"{one.found.seen:,} of {one.found.rows:,}", percent_interval(one.found.naive_accuracy, 1),
            percent_interval(one.found.accuracy, 1), percent_interval(one.found.by_people, 1),
            percent_interval(one.found.sensitivity), percent_interval(one.found.specificity),
            percent_interval(one.found.agreement),
        )
        for name, one in held
    ]  # fmt: skip
    leaning = [
        (
            name, f"{each.column}: {each.part}", points(each.difference.value, 1, signed=True),
            span(each.difference, 1, scale=100, signed=True), f"{each.seen:,}, {each.others:,}",
            "yes" if each.shown else "no",
        )
        for name, one in held
        for each in one.leanings
    ]  # fmt: skip
    heads = ("group", ">seen by people", ">right, says the judge", ">right, corrected", ">by people alone",
             ">sees right ones", ">sees wrong ones", ">agrees")  # fmt: skip
    tables = [Tabled(title="The judge against people", heads=heads, rows=estimates)] if estimates else []
    if leaning:
        columns = ("group", "where", ">kinder by", ">95 % for all", ">seen there, elsewhere", "shown")
        tables.append(Tabled(title="Whom the judge favours", heads=columns, rows=leaning))
    return tables


def judging_sheet(found: Judging) -> Sheet:
    """What the report of a judge says."""
    log = found.log
    groups = [(group_name(dict(zip(found.by, key, strict=True))), one) for key, one in log.groups.items()]
    read = {"file": found.source} | {part: f"column {name!r}" for part, name in found.columns.items()}
    read |= {"rows read": f"{log.rows:,}", "rows used": f"{log.used:,}"}
    read |= {f"unusable: {why}": f"{n:,}" for why, n in log.unusable.items()}
    read |= {"covariates": ", ".join(log.covariates) or "none"}
    return Sheet(
        title="A judge's word against people's", notes=log.notes, read=read, heading="What the judge is worth",
        lines=found.sentences(), tables=judge_tables(groups), reading=READING,
    )  # fmt: skip
