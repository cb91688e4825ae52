"""How often answers are right, and how far they claim otherwise, from verdicts that were drawn with known chances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ..errors import NotEnoughLabels
from ..judges.correcting import judged
from ..metrics.intervals import Estimate
from ..past.folding import Folding
from ..protocols import Store
from ..tally import Floats
from ..types import Json
from .enough import Enough, enough
from .labels import GRID, Label, LabelGroup, Labels

__all__ = ["Standing", "labels_of", "standing", "standings"]

MOST = 100_000
"""Answers without a verdict that an estimate goes through; of more, as many alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A task, or a domain of it: what its answers claim, and how often they are right.

    Attributes
    ----------
    task, domain : of which; `domain` is None for all of a task
    answers : answers that could be judged, `unsure` of them without a probability
    open : how many were drawn and wait to be judged
    enough : whether the labels can carry a claim
    claimed : mean probability of the answers that have one
    accuracy : share of these that is right, with its 95 % interval
    gap : claimed less accuracy; above 0 is over-confident
    naive : mean grade of what was judged, which is lower than the truth where the doubtful ones were
    judge_agrees : how often the model judge says what people say, where one answered first
    """

    task: str | None
    domain: str | None
    answers: int
    unsure: int
    open: int
    enough: Enough
    claimed: float | None
    accuracy: Estimate | None
    gap: Estimate | None
    naive: float | None
    judge_agrees: float | None

    @property
    def verdict(self) -> str:
        """ "over-confident", "under-confident", "holds so far", or "too few labels" where nothing is called either."""
        if not self.enough.enough or self.gap is None:
            return "too few labels"
        if self.gap.low > 0:
            return "over-confident"
        return "under-confident" if self.gap.high < 0 else "holds so far"

    def to_dict(self) -> Json:
        """Plain values; numbers stand for themselves, so where labels are too few there is no verdict on them."""
        return {**asdict(self), "enough": self.enough.to_dict(), "verdict": self.verdict}


def labels_of(store: Store, *, keep: bool = True) -> Labels:
    """The labels of a store up to now; where they may be kept, from where the last one ended."""
    labels = Labels()
    folding = Folding(store, [labels], kept="folds/labels" if keep else None)
    while folding.go_on():
        pass
    return labels


def standings(labels: Labels) -> list[Standing]:
    """Of every task, and below it of its domains where it has several."""
    found = []
    for task in dict.fromkeys(group.task for group in labels.groups.values()):
        groups = list(labels.of(task))
        found.append(standing(groups, task))
        if len(groups) > 1:
            found += [standing([group], task, group.domain) for group in groups]
    return found


def standing(groups: Sequence[LabelGroup], task: str | None, domain: str | None = None) -> Standing:
    """That of some groups together.

    A verdict counts 1 / propensity, and the probability of all answers, judged or not, is the control variate, raw or
    fitted across folds (`calibrant.judges.correcting.judged`): so the estimate is unbiased whatever was drawn, and not
    as uncertain as by inverse propensities alone. Where items that were drawn still wait, a verdict stands for those
    of its reason that wait as well. Grades of a model judge enter as a covariate of that fit, and never as verdicts.
    """
    labels = [label for group in groups for label in group.labels.values()]
    answers = sum(group.answers for group in groups)
    told = enough(groups, task, domain)
    found = None if len(labels) == 0 else _corrected(groups)
    both = [(label.model, label.grade) for label in labels if label.model is not None]
    claimed = [(key / GRID, n) for group in groups for key, n in group.sure.items() if key is not None]
    total = sum(n for _, n in claimed)
    return Standing(
        task=task, domain=domain, answers=answers, unsure=answers - total,
        open=sum(group.open for group in groups), enough=told,
        claimed=sum(p * n for p, n in claimed) / total if total else None,
        accuracy=found and found[0], gap=found and found[1],
        naive=sum(label.grade for label in labels) / len(labels) if labels else None,
        judge_agrees=sum((a >= 0.5) == (b >= 0.5) for a, b in both) / len(both) if both else None,
    )  # fmt: skip


def _corrected(groups: Sequence[LabelGroup]) -> tuple[Estimate, Estimate] | None:
    """Accuracy and gap of the answers with a probability; None where too few were judged to say."""
    labels = [label for group in groups for label in group.labels.values() if label.p is not None]
    models = [(p, grade) for group in groups for p, grade in group.models.values() if p is not None]
    rest: Counter[int] = Counter()
    for group in groups:
        rest.update({key: n for key, n in group.sure.items() if key is not None})
    rest.subtract(round((p or 0.0) * GRID) for p in [*(label.p for label in labels), *(p for p, _ in models)])
    unseen = np.r_[[p for p, _ in models], _spread(rest)]
    if not labels:
        return None
    p = np.r_[[label.p for label in labels], unseen].astype(np.float64)
    grade = np.r_[[label.grade for label in labels], np.full(len(unseen), np.nan)]
    propensity = np.r_[_answered(labels, groups), np.ones(len(unseen))]
    codes = np.unique([label.item for label in labels], return_inverse=True)[1]
    said = np.full(len(p), np.nan)
    said[: len(labels)] = [np.nan if label.model is None else label.model for label in labels]
    said[len(labels) : len(labels) + len(models)] = [grade for _, grade in models]
    try:
        found = judged(
            p, p, grade, propensity=propensity, cluster=np.r_[codes, len(labels) + np.arange(len(unseen))],
            covariates={"model judge": said} if np.isfinite(said).any() else None,
        )  # fmt: skip
    except NotEnoughLabels:
        return None
    assert found.gap is not None  # as there are confidences
    return found.accuracy, found.gap


def _answered(labels: Iterable[Label], groups: Iterable[LabelGroup]) -> list[float]:
    """Propensities, times the share of what was drawn for the same reason that is judged by now."""
    drawn: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for group in groups:
        drawn.update(group.drawn)
        done.update(group.judged)
    share = {reason: min(1.0, done[reason] / n) for reason, n in drawn.items() if n and done[reason]}
    return [max(1e-9, label.propensity * share.get(label.reason or "", 1.0)) for label in labels]


def _spread(counts: Counter[int]) -> Floats:
    """Probabilities of answers that nobody judged, one each, or as many alike as there may be."""
    keys = np.array(sorted(key for key, n in counts.items() if n > 0), np.float64)
    many = np.array([counts[int(key)] for key in keys], np.float64)
    if many.sum() > MOST:
        many = np.maximum(1, np.rint(many * MOST / many.sum()))
    return np.repeat(keys / GRID, many.astype(np.intp))
