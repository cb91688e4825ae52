"""Whether there are verdicts that could contradict a claim; without them nothing is called calibrated."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from ..types import FEW, Json
from .labels import Label, LabelGroup

__all__ = ["SENT", "Enough", "effective", "enough"]

SENT = 20
"""Verdicts on answers that were sent by themselves: with none of so many wrong, one in seven may still be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Enough:
    """What a task, or a domain of it, has of verdicts that could contradict its probabilities, and what it lacks.

    Attributes
    ----------
    task, domain : of which; `domain` is None for all of a task
    labels : verdicts that count, since it is known with which chance their answers were drawn
    effective : so many equally drawn ones they are worth (Kish)
    among_sent : of the labels those on answers that were sent by themselves, which nobody would see otherwise
    missing : labels that are needed yet, 0 where there are enough
    """

    task: str | None
    domain: str | None
    labels: int
    effective: float
    among_sent: int
    missing: int

    @property
    def enough(self) -> bool:
        """Whether something may be called calibrated, or not calibrated."""
        return self.missing == 0

    @property
    def why(self) -> str:
        """What there is, and what is missing, for a reader.

        >>> Enough(task="law", domain=None, labels=13, effective=13.0, among_sent=9, missing=37).why
        '37 more labels in law: it has 13 that count, 9 of them on answers that were sent.'
        """
        place = " · ".join(part for part in (self.task, self.domain) if part) or "all answers"
        has = f"{self.labels:,} that count, {self.among_sent:,} of them on answers that were sent"
        if self.enough:
            return f"Enough labels in {place}: {has}."
        worth = f" (worth {self.effective:,.0f} drawn alike)" if self.effective < self.labels - 0.5 else ""
        return f"{self.missing:,} more label{'s' * (self.missing > 1)} in {place}: it has {has}{worth}."

    def to_dict(self) -> Json:
        """Plain values."""
        return {**asdict(self), "enough": self.enough, "why": self.why}


def effective(labels: Iterable[Label]) -> float:
    """The number of equally drawn labels that these are worth: (sum w)^2 / sum w^2 with w = 1 / propensity, by item.

    >>> effective(Label(0.9, 1.0, pi, str(n), True, None) for n, pi in enumerate((0.5, 0.5, 0.05)))
    1.411...
    """
    weights: dict[str, float] = {}
    for one in labels:
        weights[one.item] = weights.get(one.item, 0.0) + 1.0 / one.propensity
    total = sum(weights.values())
    return total**2 / sum(weight**2 for weight in weights.values()) if weights else 0.0


def enough(groups: Iterable[LabelGroup], task: str | None, domain: str | None = None) -> Enough:
    """What some groups have together: 50 effective labels are needed, and 20 among the answers that were sent.

    Below 50 an interval of a rate is wider than the bands of confidence lie apart. The second is asked for since
    labels on doubtful answers alone contradict nothing that is claimed of the sure ones; it is as many as were sent
    where fewer were. A label whose chance is not known counts for nothing.

    >>> enough([], "law").missing
    50
    """
    groups = list(groups)
    labels = [label for group in groups for label in group.labels.values()]
    worth, among_sent = effective(labels), sum(label.sent for label in labels)
    sent = min(SENT, sum(group.sent for group in groups))
    missing = max(0, math.ceil(FEW - worth - 1e-9), sent - among_sent)
    return Enough(
        task=task, domain=domain, labels=len(labels), effective=worth, among_sent=among_sent, missing=missing
    )  # fmt: skip
