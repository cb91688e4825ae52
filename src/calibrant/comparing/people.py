"""Two sides by people's verdicts on some rows, with a judge's on all: the differences that these correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..judges.contrasting import Contrasted, contrasted
from ..judges.correcting import LEAST
from ..judges.telling import beside
from ..logs.people import Seen, unlike
from ..metrics.differences import Difference
from ..phrasing.numbers import percent, points
from .pairs import Rows

__all__ = ["CORRECTED", "Lacking", "corrected", "doubts", "lacking", "measures", "told"]

CORRECTED = ("accuracy", "gap")
"""The measures whose differences people's verdicts correct."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """Of how many items people saw too few on either side; 0 where they saw enough."""

    missing: tuple[int, int]

    def reason(self, names: Sequence[str]) -> str:
        """Why there is no difference, and how many verdicts would do."""
        more = " and ".join(f"{n:,} more of {name}" for n, name in zip(self.missing, names, strict=True) if n)
        return (
            f"too few of people's verdicts: {LEAST} items of each side are needed, so {more}, drawn at random"
        )


def lacking(sides: Sequence[Rows], units: Sequence[NDArray[np.intp]]) -> Lacking | None:
    """What is missing to 20 items seen on each side; None where nothing is."""
    seen = [len(np.unique(unit[_seen(side)])) for side, unit in zip(sides, units, strict=True)]
    missing = max(LEAST - seen[0], 0), max(LEAST - seen[1], 0)
    return Lacking(missing) if any(missing) else None


def corrected(sides: Sequence[Rows], units: Sequence[NDArray[np.intp]], *, paired: bool) -> Contrasted:
    """Side b against side a, by `contrasted`, with the covariates that both have."""
    a, b = (_people(side) for side in sides)
    scored = all(np.isfinite(side.score).all() for side in sides)
    drawn = None if a.propensity is None or b.propensity is None else _both(a.propensity, b.propensity)
    return contrasted(
        _both(sides[0].score, sides[1].score) if scored else None,
        _both(sides[0].grade, sides[1].grade), _both(a.human, b.human),
        np.repeat([False, True], [len(one) for one in sides]), paired=paired,
        covariates={n: _both(values, b.columns[n]) for n, values in a.columns.items() if n in b.columns},
        propensity=drawn, cluster=_both(units[0], units[1]), weight=_both(sides[0].weight, sides[1].weight),
    )  # fmt: skip


def told(found: Contrasted) -> tuple[str, str]:
    """What the numbers rest on, and what the judge says and is worth."""
    rows = (
        f"{found.seen[0]:,}" if found.seen[0] == found.seen[1] else f"{found.seen[0]:,} and {found.seen[1]:,}"
    )
    known = f" (it knows {', '.join(found.covariates)})" if found.covariates else ""
    narrower = found.narrower_than_people
    worth = f", {percent(narrower)} narrower than by people alone" if narrower >= 0.005 else ""
    word = points(found.naive_accuracy, 1, signed=True)
    return (
        f"by people's verdicts on {rows} rows of each and {beside(found.estimator)}{known}, ",
        f"{worth}; the judge says {word}",
    )


def measures(found: Contrasted) -> dict[str, Difference]:
    """The corrected differences by their names."""
    return {"accuracy": found.accuracy} | ({} if found.gap is None else {"gap": found.gap})


def doubts(name: str, side: Rows, human: str) -> list[str]:
    """Whether the rows of a side that people saw look drawn at random."""
    if _people(side).propensity is not None:
        return []
    doubt = unlike(side.grade, _people(side).human, human)
    return [f"{name}: {doubt}"] if doubt else []


def _people(side: Rows) -> Seen:
    assert side.people is not None
    return side.people


def _seen(side: Rows) -> NDArray[np.bool_]:
    return np.isfinite(_people(side).human)


def _both(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([a, b])
