"""Was it the documents or the model? What the features of answers from documents tell, on a log where both are known.

A wrong answer from a passage that lacks the right one is bad retrieval, one from a passage that holds it is bad
generation: the cures differ, so what tells wrong from right is asked whether it tells the two apart as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ColumnNotFound, NotEnoughLabels
from ..logs.roles import CONVENTIONS
from ..logs.values import scores, texts
from ..logs.verdicts import verdicts
from ..logs.wide import Known, Wide, read_wide
from ..maps.curves import rate_interval
from ..metrics import Estimate
from ..phrasing.numbers import interval, percent, percent_interval
from ..plans.documents import FEATURES, Blame, DocumentMap, attribute
from ..routing.documents import LEAST, fit_documents
from ..shown import Shown, flat
from ..tally import Floats
from .ranking import auroc_by_cluster

__all__ = ["DOCUMENT_COLUMNS", "Below", "DocumentPlan", "Feature", "Telling", "plan_documents"]

DOCUMENT_COLUMNS: Known = {
    "correct": (CONVENTIONS["correct"], verdicts),
    "held": (("held", "context_has_answer", "answer_in_context", "good_retrieval", "relevant"), verdicts),
    **{name: ((name,), scores) for name in FEATURES},
    "confidence": (CONVENTIONS["confidence"], scores),
    "cluster": (CONVENTIONS["cluster"], texts),
    "item": (("item_id", "question_id", "item"), texts),
}
"""What each column may be called, the first that is there counts, and what it holds."""

FOLDS = 5
EDGES = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
WIDE = 0.3
"""An interval of an AUROC that is wider says neither that something tells nor that it does not."""

Telling = Literal["tells", "reversed", "does not tell", "too few"]
FEW = 10
"""Wrong answers of either cause below which nothing is said of what tells them apart."""

SAID: Mapping[Telling, str] = {
    "tells": "tells bad retrieval from bad generation",
    "reversed": "tells them apart the other way: it is lower where the passage holds the answer",
    "does not tell": "does not tell bad retrieval from bad generation",
    "too few": "cannot be said to tell bad retrieval from bad generation: too few",
}
MORE, OTHER, PERSON = "retrieve more", "another generator", "a person"


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """One number of an answer from documents, in [0, 1], and what it tells, as AUROCs with 95 % intervals.

    `right` is the probability that it is higher of a right answer than of a wrong one; `cause`, among wrong answers,
    higher where the passage holds the answer (bad generation) than where it does not (bad retrieval); `held` the
    same among all answers. None where there is nothing to rank. `verdict` is that on `cause`.
    """

    name: str
    meaning: str
    n: int
    right: Estimate | None
    cause: Estimate | None
    held: Estimate | None
    verdict: Telling


@dataclass(frozen=True, kw_only=True, slots=True)
class Below:
    """The answers with a synthesis confidence below an edge, and not below the one before.

    `retrieval` is the share of the wrong ones, of which the passage is known, that a bad passage explains; `advice`
    what to do: "retrieve more" where it is more than half for sure, "another generator" where it is less, else
    "a person", since the causes are not told apart.
    """

    low: float
    high: float
    n: int
    wrong: int
    known: int
    retrieval: Estimate | None
    advice: str | None


@dataclass(frozen=True, kw_only=True, repr=False)
class DocumentPlan(Shown):
    """What the features of a log tell, the rule of the route measured on it, and the map for the route.

    `combined` is the AUROC of all features together at telling the causes apart, on answers that they were not fitted
    on; `rule` the share of wrong answers that the route's own rule puts down to the right side, of those it puts
    down to one, `majority` that of naming the commoner side always. `fitted` gives the probability of being right;
    None below 20 rows.
    """

    log: Wide
    confidence: str
    right: int
    bad_retrieval: int
    bad_generation: int
    unknown: int
    features: tuple[Feature, ...]
    combined: Estimate | None
    below: tuple[Below, ...]
    rule: Estimate | None
    undecided: int
    majority: float | None
    fitted: DocumentMap | None
    notes: tuple[str, ...]

    def _told(self) -> list[str]:
        return self.sentences()

    def _rows(self) -> list[dict[str, Any]]:
        return [flat(asdict(one)) for one in self.features]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        log = self.log
        return {
            "source": log.source, "rows": log.rows, "used": len(log), "columns": dict(log.columns),
            "unusable": dict(log.unusable), "unreadable": dict(log.unreadable), "confidence": self.confidence,
            "right": self.right, "bad_retrieval": self.bad_retrieval, "bad_generation": self.bad_generation,
            "cause_unknown": self.unknown, "features": [asdict(one) for one in self.features],
            "combined": self.combined and asdict(self.combined), "below": [asdict(one) for one in self.below],
            "rule": self.rule and asdict(self.rule), "undecided": self.undecided, "majority": self.majority,
            "map_id": self.fitted and self.fitted.map_id, "notes": list(self.notes),
        }  # fmt: skip

    def sentences(self) -> list[str]:
        """What was found, in words."""
        wrong = self.bad_retrieval + self.bad_generation + self.unknown
        told = [
            f"{len(self.log):,} answers, {self.right:,} right. Of {wrong:,} wrong ones the passage lacked the answer "
            f"in {self.bad_retrieval:,} (bad retrieval) and held it in {self.bad_generation:,} (bad generation)"
            + (f"; of {self.unknown:,} that is not known." if self.unknown else ".")
        ]
        main = next((one for one in self.features if one.name == self.confidence), None)
        if main is not None:
            told.append(
                f"A low {self.confidence} {SAID[main.verdict]} (AUROC {interval(main.cause)}); right from wrong: "
                f"{interval(main.right)}."
            )
        if self.combined is not None:
            told.append(
                f"All features together tell them apart with AUROC {interval(self.combined)}, cross-fitted."
            )
        if self.rule is not None:
            told.append(
                f"The route's own rule names the right side for {percent_interval(self.rule)} of the wrong answers "
                f"that it puts down to one ({self.undecided:,} it does not); naming the commoner side always: "
                f"{percent(self.majority)}."
            )
        return [*told, *self.notes]


def plan_documents(source: Any, *, seed: int = 0, **named: str | None) -> DocumentPlan:
    """How well do the features of answers from documents tell wrong from right, and bad retrieval from bad generation?

    Parameters
    ----------
    source : a log with a verdict on each answer, the features of the route `retrieval` (`FEATURES`; any of them, or a
        confidence), and `held`, whether the passages hold the right answer
    named : columns by role (`DOCUMENT_COLUMNS`, and weight); by confidence goes `sure`, where the log has none a stated
        confidence, else its first feature

    Raises `ColumnNotFound` for a log without verdicts or without any feature, `NotEnoughLabels` without judged rows.

    >>> rows = [{"sure": 0.2 + 0.6 * (i % 2), "correct": 0, "held": i % 2, "item_id": i} for i in range(60)]
    >>> plan_documents(rows).features[0].verdict
    'tells'
    """
    read = read_wide(source, DOCUMENT_COLUMNS, **named)
    if "correct" not in read.values:
        raise ColumnNotFound("correct", CONVENTIONS["correct"], list(read.columns.values()))
    read = read.without(np.isnan(read.numbers("correct")), "no verdict")
    if not len(read):
        raise NotEnoughLabels("What documents are worth", 1, 0, read.unusable)
    names = [name for name in FEATURES if name in read.values]
    stated = "confidence" in read.values and (named.get("confidence") is not None or "sure" not in names)
    main = "confidence" if stated else next(iter(sorted(names, key=lambda name: name != "sure")), None)
    if main is None:
        raise ColumnNotFound("confidence", ["sure", *CONVENTIONS["confidence"]], list(read.columns.values()))
    sheet = _Sheet.of(read)
    wrong = sheet.right < 0.5
    known = wrong & ~np.isnan(sheet.held)
    rule, undecided = _ruled(read, names, sheet, known)
    right = sheet.right if names else sheet.right[:0]
    return DocumentPlan(
        log=read, confidence=main, right=int((~wrong).sum()), unknown=int((wrong & ~known).sum()),
        bad_retrieval=int((sheet.held[known] < 0.5).sum()), bad_generation=int((sheet.held[known] >= 0.5).sum()),
        features=tuple(_feature(name, read.numbers(name), sheet, seed) for name in dict.fromkeys([main, *names])),
        combined=_combined(read, names, sheet, known, seed), below=tuple(_below(read.numbers(main), sheet)),
        rule=rule, undecided=undecided, majority=_majority(sheet.held[known]),
        fitted=fit_documents(_columns(read, names), right, sheet.weight) if len(right) >= LEAST else None,
        notes=tuple(_notes(read, names)),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sheet:
    right: Floats
    held: Floats
    weight: Floats
    code: NDArray[np.intp]

    @classmethod
    def of(cls, read: Wide) -> _Sheet:
        ties = zip(read.texts("cluster"), read.texts("item"), range(len(read)), strict=True)
        names = [cluster or item or f"\x00{i}" for cluster, item, i in ties]
        return cls(
            right=read.numbers("correct"), held=read.numbers("held"), weight=read.weight,
            code=np.unique(names, return_inverse=True)[1].ravel(),
        )  # fmt: skip

    def auroc(self, score: Floats, better: Floats, where: NDArray[np.bool_], seed: int) -> Estimate | None:
        """Of the rows where both are known."""
        at = where & ~np.isnan(score) & ~np.isnan(better)
        if not at.any():
            return None
        code = np.unique(self.code[at], return_inverse=True)[1].ravel()
        return auroc_by_cluster(score[at], better[at], self.weight[at], code, seed)


def _feature(name: str, score: Floats, sheet: _Sheet, seed: int) -> Feature:
    every, wrong = np.ones(len(score), bool), sheet.right < 0.5
    cause, there = sheet.auroc(score, sheet.held, wrong, seed), wrong & ~np.isnan(score)
    of_either = [int((there & side).sum()) for side in (sheet.held < 0.5, sheet.held >= 0.5)]
    return Feature(
        name=name, meaning=FEATURES.get(name, "the stated or calibrated confidence in the answer"),
        n=int((~np.isnan(score)).sum()), right=sheet.auroc(score, sheet.right, every, seed), cause=cause,
        held=sheet.auroc(score, sheet.held, every, seed), verdict=_telling(cause, min(of_either)),
    )  # fmt: skip


def _telling(cause: Estimate | None, least: int) -> Telling:
    if cause is None or least < FEW:
        return "too few"
    if cause.low <= 0.5 <= cause.high:
        return "too few" if cause.high - cause.low > WIDE else "does not tell"
    return "tells" if cause.low > 0.5 else "reversed"


def _columns(read: Wide, names: Sequence[str]) -> dict[str, Floats]:
    return {name: read.numbers(name) for name in names}


def _combined(
    read: Wide, names: Sequence[str], sheet: _Sheet, known: NDArray[np.bool_], seed: int
) -> Estimate | None:
    """All features as one map of whether the passage holds the answer, on rows that it was not fitted on."""
    at = np.flatnonzero(known)
    if len(names) < 2 or len(at) < 2 * LEAST:
        return None
    fold = (np.random.default_rng(seed).permutation(sheet.code.max() + 1) % FOLDS)[sheet.code[at]]
    columns, held = _columns(read.at(at), names), sheet.held[at]
    score = np.full(len(read), np.nan)
    for f in range(FOLDS):
        rest, part = fold != f, fold == f
        if rest.sum() < LEAST or not part.any():
            return None
        made = fit_documents({n: v[rest] for n, v in columns.items()}, held[rest], sheet.weight[at][rest])
        score[at[part]] = made({n: v[part] for n, v in columns.items()})
    return sheet.auroc(score, sheet.held, known, seed)


def _below(score: Floats, sheet: _Sheet) -> list[Below]:
    found, before = list[Below](), 0.0
    for edge in EDGES:
        at = (score >= before) & ((score < edge) | (edge == 1.0))
        wrong = at & (sheet.right < 0.5)
        known = wrong & ~np.isnan(sheet.held)
        retrieval = _share(int((sheet.held[known] < 0.5).sum()), int(known.sum()))
        if at.any():
            found.append(Below(
                low=before, high=edge, n=int(at.sum()), wrong=int(wrong.sum()), known=int(known.sum()),
                retrieval=retrieval, advice=_advice(retrieval),
            ))  # fmt: skip
        before = edge
    return found


def _advice(retrieval: Estimate | None) -> str | None:
    if retrieval is None:
        return None
    return MORE if retrieval.low > 0.5 else OTHER if retrieval.high < 0.5 else PERSON


def _ruled(
    read: Wide, names: Sequence[str], sheet: _Sheet, known: NDArray[np.bool_]
) -> tuple[Estimate | None, int]:
    """How often the rule of the route names the right side of a wrong answer, and how often it names none."""
    columns, named, good = _columns(read, names), 0, 0
    for i in np.flatnonzero(known) if "answering" in names else ():
        features: Mapping[str, float | None] = {
            name: None if np.isnan(v[i]) else float(v[i]) for name, v in columns.items()
        }
        blame = attribute(features).blame
        named += blame is not Blame.NEITHER
        good += blame is (Blame.GENERATION if sheet.held[i] >= 0.5 else Blame.RETRIEVAL)
    undecided = int(known.sum()) - named if "answering" in names else 0
    return _share(good, named), undecided


def _majority(held: Floats) -> float | None:
    return None if not len(held) else float(max((held >= 0.5).mean(), (held < 0.5).mean()))


def _share(part: int, whole: int) -> Estimate | None:
    if not whole:
        return None
    low, high = rate_interval(np.array([float(part)]), np.array([float(whole)]))
    return Estimate(part / whole, float(low[0]), float(high[0]))


def _notes(read: Wide, names: Sequence[str]) -> list[str]:
    notes = []
    if "held" not in read.values:
        notes.append(
            "No column says whether the passages hold the answer, so causes are not told apart: name one with --held."
        )
    if lacking := [name for name in FEATURES if name not in names]:
        notes.append(f"Not in the log: {', '.join(lacking)}.")
    return notes
