"""A judge's word against people's: how much is right, whom the judge favours, has it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ColumnNotFound, NoSuchColumn, UnusableInput
from .judges.drifting import Drift, drifted
from .judges.telling import drift_told, judged_told, leanings_told, needed_told
from .logs.joined import joined
from .logs.judged import JudgedGroup, JudgedLog, judged_log
from .logs.keys import Key, group_name, listed
from .logs.opening import open_log
from .logs.reader import Parsed, Reader, every
from .logs.roles import Roles
from .logs.sources import Source
from .logs.times import seconds_of
from .shown import Shown, flat
from .tally import Floats

__all__ = ["Judging", "judge"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Judging(Shown):
    """What was found of a judge in each group of a log, and whether it has changed since earlier."""

    source: str
    columns: Mapping[str, str]
    log: JudgedLog
    by: tuple[str, ...]
    drift: Drift | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "source": self.source, "columns": dict(self.columns), "rows": self.log.rows, "used": self.log.used,
            "unusable": dict(self.log.unusable), "covariates": list(self.log.covariates), "notes": list(self.log.notes),
            "groups": [
                {"by": dict(zip(self.by, key, strict=True)), "judge": None if isinstance(one, str) else one.to_dict(),
                 "why": one if isinstance(one, str) else None}
                for key, one in self.log.groups.items()
            ],
            "drift": self.drift and self.drift.to_dict(),
        }  # fmt: skip

    def _told(self) -> list[str]:
        return [*(f"Note: {note}" for note in self.log.notes), *self.sentences()]

    def _rows(self) -> list[dict[str, Any]]:
        return [
            flat({"by": g["by"], "why": g["why"], **(g["judge"] or {})}) for g in self.to_dict()["groups"]
        ]

    def sentences(self) -> list[str]:
        """What was found, in words."""
        told = [line for key, one in self.log.groups.items() for line in self._group(key, one)]
        return told + ([drift_told(self.drift)] if self.drift else [])

    def _group(self, key: Key, one: JudgedGroup | str) -> list[str]:
        name = group_name(dict(zip(self.by, key, strict=True)))
        if isinstance(one, str):
            return [f"{name}: {one}"]
        lines = [judged_told(one.found), *leanings_told(one.leanings)]
        lines += [needed_told(one.needed, one.found.seen)] if one.needed else []
        alone = len(self.log.groups) == 1  # of several, each line says which group it is about
        return [line if alone and at else f"{name}: {line}" for at, line in enumerate(lines)]


def judge(
    log: Any,
    human: str,
    *,
    by: str | Sequence[str] = (),
    human_propensity: str | None = None,
    covariates: str | Sequence[str] | None = None,
    width: float | None = None,
    earlier: Any = None,
    time: str | None = None,
    **named: Any,
) -> Judging:
    """Set a judge's verdicts against those of people; the log needs no confidence.

    Parameters
    ----------
    log : data frame, path or store URL
        Rows with a verdict of the judge.
    human : column name
        Of people's verdicts, where there are any; the rows must have been drawn at random.
    by : column names
        One group for each combination of their values.
    human_propensity : column name
        Of the probability with which a person was shown the row.
    covariates : column names
        What else is known of each row and may tell how the judge errs; the usual ones where None, none where empty.
    width : float
        Says how many of people's verdicts an interval of the accuracy takes that is so wide from end to end.
    earlier : column name, data frame, path or store URL
        What the judge said of the same rows before: a column of this log, or another log with the same column of
        verdicts, joined by the columns `on`.
    time : column name
        In whose order the rows are compared with `earlier`, so that one may look again as the log grows; shuffled where
        None.
    named : columns by role, and words
        As in `audit`: correct, the judge's verdict; confidence, that in the answers, which is not guessed; cluster;
        the words of verdicts, right, partly and wrong; labels, a second log that has people's verdicts, and on.

    Examples
    --------
    >>> import pandas
    >>> rng = np.random.default_rng(0)
    >>> right = rng.random(1000) < 0.6
    >>> said = right | (rng.random(1000) < 0.3)
    >>> frame = pandas.DataFrame({"verdict": said, "person": np.where(np.arange(1000) < 200, right, np.nan)})
    >>> print(judge(frame, "person").sentences()[0])
    All rows: The judge says 72 of 100 are right; by people's verdicts on 200 rows of 1,000 and the judge's verdict it
    is 57 (95 % interval 51.5 to 62.0), 25 % narrower than by people's verdicts alone. It sees over 99 of 100 right
    answers and 68 of 100 wrong answers as people do.
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    told = (
        named if earlier is None or named.get("labels") else {**named, "on": None}
    )  # that joins the earlier run
    source, roles, notes = open_log(log, by, told, apart=human_propensity, needed=("correct",))
    if human == roles.correct:
        raise UnusableInput(f"{human!r} was read as the judge's verdict; name that column with --correct.")
    if not named.get("confidence"):  # a number beside a verdict may as well be the judge's
        roles = replace(roles, confidence="")
    read = judged_log(
        source,
        roles,
        human,
        human_propensity,
        covariates=None if covariates is None else listed(covariates),
        width=width,
    )
    columns = {"correct": roles.correct, "human": human}
    columns |= {n: c for n, c in (("confidence", roles.confidence), ("cluster", roles.cluster)) if c}
    read = replace(read, notes=(*notes, *read.notes))
    drift = None if earlier is None else _drift(source, roles, human, earlier, named.get("on"), time)
    return Judging(source=source.name, columns=columns, log=read, by=by, drift=drift)


def _drift(source: Source, roles: Roles, human: str, earlier: Any, on: str | None, time: str | None) -> Drift:
    """Of the rows that both runs hold, in the order of a column of times, else in one of their own."""
    people, later = (_rows(source, replace(roles, correct=name)).grade for name in (human, roles.correct))
    if isinstance(earlier, str) and earlier in source.columns:
        before = _rows(source, replace(roles, correct=earlier)).grade
    elif on is None:
        said = f"a column of {source.name} or " if isinstance(earlier, str | Path) else ""
        raise UnusableInput(
            f"Expected as earlier {said}a log, and with a log the column that both have and by which rows are joined: "
            f"--on COLUMN. The columns of {source.name} are {', '.join(source.columns)}."
        )
    else:
        before = _rows(joined(source, earlier, on), roles).grade
    tied = _rows(source, roles).cluster if roles.tied else None
    return drifted(before, later, people, cluster=tied, time=None if time is None else _times(source, time))


def _rows(source: Source, roles: Roles) -> Parsed:
    if roles.correct not in source.columns:
        raise ColumnNotFound("correct", [roles.correct], source.columns)
    asked = Roles(correct=roles.correct, words=roles.words, cluster=roles.cluster, tied=roles.tied)
    return Reader(source, asked).whole(every)


def _times(source: Source, time: str) -> Floats:
    if time not in source.columns:
        raise NoSuchColumn("time", [time], source.columns)
    found = seconds_of(np.concatenate([np.asarray(block[time], object) for block in source.blocks([time])]))
    if isinstance(found, str):
        raise UnusableInput(
            f"The column {time!r} of {source.name} gives no order: {found}. Leave out --time."
        )
    return found
