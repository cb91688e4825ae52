"""What people said of some rows of a log, and what else is known of all of them that may tell how a judge errs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..errors import NoSuchColumn, UnusableInput
from ..judges.calibrating import is_text
from ..phrasing.numbers import of_100
from ..tally import Floats
from .keys import absent
from .reader import Parsed, Reader
from .roles import Roles
from .sources import Source
from .values import NO_VERDICT, Kind, as_is, numbers, propensities, texts
from .verdicts import verdicts

__all__ = ["COVARIATES", "People", "Seen", "unlike"]

COVARIATES: tuple[str, ...] = (
    "length", "answer_length", "response_length", "output_length", "answer_tokens", "response_tokens", "output_tokens",
    "completion_tokens", "tokens", "difficulty", "model", "judge_model", "task", "category", "subject", "language",
    "judge_confidence", "judge_score", "judge_probability", "order", "position", "judge_order", "swapped",
)  # fmt: skip
"""Columns taken for covariates where none is named, by their usual names, whatever their case."""
ANSWERS = ("answer", "response", "output", "prediction", "completion")
"""Texts of which the length is taken where the log has no column of lengths."""
LENGTH, OWN = "length of the answer", "judged by its own model"
_LENGTHS = 9
_UNLIKE = 1e-4


@dataclass(frozen=True, slots=True)
class Seen:
    """Arrays of shape (rows,): people's grades, NaN where none looked, with what probability, and the covariates."""

    human: Floats
    propensity: Floats | None
    columns: Mapping[str, NDArray[Any]]

    def at(self, where: NDArray[Any]) -> Seen:
        """The rows at these indices, or where true."""
        drawn = None if self.propensity is None else self.propensity[where]
        return Seen(self.human[where], drawn, {name: values[where] for name, values in self.columns.items()})


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """The columns of people's verdicts, of the probability with which they saw a row, and of what else is known.

    `answer` is a column of texts whose length is taken; `named` says that the covariates were named.
    """

    human: str
    propensity: str | None
    covariates: tuple[str, ...]
    answer: str | None
    named: bool

    @classmethod
    def of(
        cls,
        source: Source,
        roles: Roles,
        human: str,
        propensity: str | None = None,
        covariates: Sequence[str] | None = None,
        apart: Collection[str] = (),
    ) -> People:
        """With the covariates of usual names (`COVARIATES`) where none are named, but none of those `apart`.

        Raises `ColumnNotFound`, and `UnusableInput` where the rows are weighted.
        """
        if roles.weight is not None:
            raise UnusableInput(
                f"Rows are weighted by the column {roles.weight!r}, and a judge can be corrected on unweighted rows "
                "only. Leave that column out; where it is the probability with which a person was shown a row, name "
                f"it: --human-propensity {roles.weight} (human_propensity in Python)."
            )
        wanted = [("human", human), ("human-propensity", propensity)]
        for role, name in [*wanted, *(("covariates", name) for name in covariates or ())]:
            if name is not None and name not in source.columns:
                raise NoSuchColumn(role, [name], source.columns)
        if covariates is not None:
            return cls(
                human=human, propensity=propensity, covariates=tuple(covariates), answer=None, named=True
            )
        known = _usual(source, {*roles.names, human, propensity, *apart})
        return cls(
            human=human, propensity=propensity, covariates=tuple(known), answer=_answer(source, known),
            named=False,
        )  # fmt: skip

    @property
    def also(self) -> dict[str, Kind]:
        """The columns that are to be read, and of what kind each is."""
        known: dict[str, Kind] = dict.fromkeys((*self.covariates, *filter(None, [self.answer])), as_is)
        known[self.human] = verdicts
        return known | ({self.propensity: propensities} if self.propensity else {})

    def seen(self, reader: Reader, rows: Parsed) -> tuple[Seen, tuple[str, ...]]:
        """What was read, and what is to be said of it.

        Raises `UnusableInput` for a named covariate that is known only where people looked.
        """
        human = rows.also[self.human]
        columns = {name: _column(rows.also[name]) for name in self.covariates}
        if self.answer:
            columns[LENGTH] = _lengths(rows.also[self.answer])
        if not self.named:
            columns |= _own(columns)
        columns, notes = _known_of_all(columns, np.isfinite(human), self.named)
        bad = reader.unreadable[self.human]
        if lost := bad.total() - bad[NO_VERDICT]:
            notes.append(
                f"{lost:,} verdicts in {self.human!r} are neither right nor wrong nor in [0, 1]; they count as none."
            )
        drawn = None if self.propensity is None else 1 / rows.also[self.propensity]
        return Seen(human, drawn, columns), tuple(notes)


def _usual(source: Source, taken: Collection[str | None]) -> list[str]:
    lower = {name.lower(): name for name in reversed(source.columns)}
    return [lower[name] for name in COVARIATES if name in lower and lower[name] not in taken]


def _answer(source: Source, known: Sequence[str]) -> str | None:
    if {name.lower() for name in known} & set(COVARIATES[:_LENGTHS]):
        return None
    lower = {name.lower(): name for name in reversed(source.columns)}
    return next((lower[name] for name in ANSWERS if name in lower), None)


def _column(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers where nearly all of a column's values are numbers, else texts."""
    read, named = numbers(values).values, texts(values).values
    there = np.array([one is not None for one in named.tolist()], bool)
    return read if there.any() and np.isfinite(read[there]).mean() >= 0.95 else named


def _lengths(values: NDArray[Any]) -> NDArray[Any]:
    return np.array([np.nan if absent(one) else len(str(one)) for one in values.tolist()], np.float64)


def _own(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Whether judge and model are the same, where both are known and it is not always so or never."""
    lower = {name.lower(): values for name, values in columns.items()}
    if not {"model", "judge_model"} <= set(lower):
        return {}
    same = [
        None if a is None or b is None else "yes" if a == b else "no"
        for a, b in zip(lower["model"].tolist(), lower["judge_model"].tolist(), strict=True)
    ]
    return {OWN: np.array(same, object)} if {"yes", "no"} <= set(same) else {}


def _known_of_all(
    columns: Mapping[str, NDArray[Any]], seen: NDArray[np.bool_], named: bool
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Covariates that are there whether a person saw the row or not; what comes with their verdicts tells nothing."""
    kept, notes = dict[str, NDArray[Any]](), list[str]()
    for name, values in columns.items():
        there = (
            np.array([one is not None for one in values.tolist()], bool)
            if is_text(values)
            else np.isfinite(values)
        )
        apart = seen.any() and not seen.all() and there[seen].mean() - there[~seen].mean() > 0.5
        why = f"{name!r} is known mostly where people looked, so it says nothing of the other rows"
        if apart and named:
            raise UnusableInput(f"{why}. Name columns that all rows have, with --covariates.")
        if apart:
            notes.append(f"{why}; it was left out.")
        elif len(set(values[there].tolist())) > 1:
            kept[name] = values
    return kept, notes


def unlike(judge: NDArray[Any], human: NDArray[Any], name: str) -> str:
    """A doubt, where the judge's verdicts on the rows that people saw are not like those on the others; else empty."""
    seen = np.isfinite(human)
    there, elsewhere = judge[seen], judge[~seen]
    if min(len(there), len(elsewhere)) < 20:
        return ""
    spread = np.sqrt(there.var() / len(there) + elsewhere.var() / len(elsewhere) + 1 / len(there) ** 2)
    if 2 * ndtr(-abs(there.mean() - elsewhere.mean()) / spread) > _UNLIKE:
        return ""
    return (
        f"The judge calls {of_100(float(there.mean()))} of 100 right on the rows with a verdict in {name!r}, and "
        f"{of_100(float(elsewhere.mean()))} of 100 on the others: those rows do not look drawn at random, and where "
        "they were not, nothing here holds. Where some were drawn more often, give the probability: --human-propensity "
        "COLUMN."
    )
