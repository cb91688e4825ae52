"""Is it the documents or the model? What answers per document, jointly and without documents say about an answer.

A low confidence in an answer from retrieved documents has two causes with two cures: the documents do not hold the
answer (fetch others), or the model did not make of them what they say (use another model, or a person). Numbers in
[0, 1], each higher when all is well, tell them apart (`FEATURES`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from ..files.sealed import Kind, Sealed
from ..metrics.intervals import Z95
from ..tally import Floats
from ..types import Confidence, Fingerprint, Probability

__all__ = [
    "FEATURES",
    "Addend",
    "Attribution",
    "Blame",
    "DocumentMap",
    "Findings",
    "attribute",
    "column",
    "design",
]

FEATURES = {
    "answering": "share of the documents that hold an answer, by what the model says of each alone; of those it read",
    "agreement": "share of the answering documents that are in their largest group",
    "follows": "1 if the joint answer is that of the largest group, else 0",
    "same": "1 if the joint answer is the one given without documents, else 0",
    "sure": "how sure the model is of the joint answer: a score of its tokens, or a probability",
    "read": "share of the documents that the model gave a reply about, each alone",
    "steady": "1 if the joint answer stood as it was first given, 0 if some documents had silenced or turned it",
}
"""What each feature means; all lie in [0, 1], and None is where there is nothing to tell it from."""

OF_RETRIEVAL = ("answering", "agreement", "same", "read", "steady")


class Blame(StrEnum):
    """What a low confidence is put down to."""

    RETRIEVAL = "retrieval"
    GENERATION = "generation"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a low confidence is put down to, and why, in a sentence."""

    blame: Blame
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """Which answers were given, as labels: equal labels, same answer; None where there is no answer.

    `alone` holds one label for each document that a reply came for, None where the answer is not in it; `unread`
    counts the others, of which nothing is known. `joint` is from all documents, `without` from none.
    `asked_without` tells whether that was asked, `steady` whether the joint answer stood without leaving any out.

    >>> found = Findings(alone=(0, 0, None, 1), joint=0, without=2, asked_without=True, sure=0.9)
    >>> {name: round(value, 2) for name, value in found.features().items()}
    {'answering': 0.75, 'agreement': 0.67, 'follows': 1.0, 'same': 0.0, 'sure': 0.9, 'read': 1.0, 'steady': 1.0}
    """

    alone: tuple[int | None, ...]
    joint: int | None
    without: int | None = None
    asked_without: bool = False
    sure: float | None = None
    unread: int = 0
    steady: bool = True

    def features(self) -> dict[str, float | None]:
        """`FEATURES`, each in [0, 1] or None."""
        heads = self.heads
        most, said, shown = max(heads.values(), default=0), sum(heads.values()), len(self.alone) + self.unread
        return {
            "answering": said / len(self.alone) if self.alone else None,
            "agreement": most / said if said else None,
            "follows": float(heads[self.joint] == most) if said and self.joint is not None else None,
            "same": float(self.joint is not None and self.joint == self.without) if self.asked_without else None,
            "sure": self.sure,
            "read": len(self.alone) / shown if shown else None,
            "steady": float(self.steady) if shown else None,
        }  # fmt: skip

    @property
    def heads(self) -> Counter[int]:
        """How many documents give each answer alone."""
        return Counter(label for label in self.alone if label is not None)

    @property
    def leading(self) -> int | None:
        """The answer that more documents give than any other; None where two lead, or none."""
        first, second = (*self.heads.most_common(2), (None, 0), (None, 0))[:2]
        return first[0] if first[1] > second[1] else None

    @property
    def disturbing(self) -> tuple[int, ...]:
        """Places in `alone` of the documents to leave out, since they may have silenced the others or turned them.

        Where there is no joint answer though some documents give one alone: those that give none. Where the joint
        answer is that of one document and two or more agree on another: that one.

        >>> Findings(alone=(0, None, 0), joint=None).disturbing, Findings(alone=(0, 1, 0), joint=1).disturbing
        ((1,), (1,))
        >>> Findings(alone=(0, None, 0), joint=0).disturbing
        ()
        """
        heads = self.heads
        if not heads:
            return ()
        if self.joint is None:
            return tuple(i for i, label in enumerate(self.alone) if label is None)
        overruled = self.leading not in (None, self.joint) and max(heads.values()) > 1
        if overruled and heads[self.joint] == 1:
            return tuple(i for i, label in enumerate(self.alone) if label == self.joint)
        return ()


def attribute(
    features: Mapping[str, float | None],
    p: float | None = None,
    *,
    low: float = 0.7,
    few: float = 0.5,
    unsure: float = 0.5,
) -> Attribution:
    """Put a low confidence down to retrieval or to generation: the first of these that holds.

    0. `p`, where it is known, is at least `low`: neither.
    1. No documents, or less than `few` of them hold an answer: retrieval. Where the model gave no reply about any
       of them: neither, for nothing is known.
    2. No more than half of those that do agree: retrieval.
    3. They agree, and the joint answer is another, or none: generation.
    4. The joint answer is the one given without documents, and no more than half of all documents bear it out:
       retrieval.
    5. The model is less sure of the joint answer than `unsure`: generation.
    6. Neither.

    >>> attribute({"answering": 0.25, "agreement": 1.0, "follows": 1.0, "same": 0.0, "sure": 0.9}).blame.value
    'retrieval'
    >>> attribute({"answering": 1.0, "agreement": 1.0, "follows": 0.0, "same": 0.0, "sure": 0.9}).why
    'the documents agree with each other, and the joint answer is another'
    """
    answering, agreement, follows = (features.get(name) for name in ("answering", "agreement", "follows"))
    same, sure = features.get("same"), features.get("sure")
    if p is not None and p >= low:
        return Attribution(Blame.NEITHER, f"the answer is right with probability {p:.2f}")
    if answering is None and features.get("read") == 0:
        return Attribution(Blame.NEITHER, "no reply came about any document, so nothing tells what is amiss")
    if answering is None:
        return Attribution(Blame.RETRIEVAL, "there are no documents")
    if answering < few or agreement is None:
        return Attribution(
            Blame.RETRIEVAL,
            f"the answer is not in {1 - answering:.0%} of the documents, says the model of each alone",
        )
    if agreement <= 0.5:
        return Attribution(
            Blame.RETRIEVAL,
            f"the documents disagree: no more than {agreement:.0%} of those with an answer say the same",
        )
    return _of_agreeing(answering * agreement, follows, same, sure, unsure)


def _of_agreeing(
    borne_out: float, follows: float | None, same: float | None, sure: float | None, unsure: float
) -> Attribution:
    if follows is None:
        return Attribution(
            Blame.GENERATION, "the documents agree with each other, and there is no joint answer"
        )
    if follows < 0.5:
        return Attribution(
            Blame.GENERATION, "the documents agree with each other, and the joint answer is another"
        )
    if same is not None and same >= 0.5 and borne_out <= 0.5:
        return Attribution(
            Blame.RETRIEVAL,
            "the answer is the one given without documents, and few documents bear it out",
        )
    if sure is not None and sure < unsure:
        return Attribution(
            Blame.GENERATION,
            f"the documents agree with the joint answer, and the model is not sure of it ({sure:.2f})",
        )
    return Attribution(Blame.NEITHER, "the documents agree with each other and with the answer")


@dataclass(frozen=True, kw_only=True, slots=True)
class Addend:
    """What one feature adds to the log-odds: weight x (value - centre), or `missing`."""

    feature: str
    weight: float
    centre: float
    missing: float


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class DocumentMap(Sealed):
    """From features to the probability that the joint answer is right; weights >= 0.

    Made by `calibrant.routing.documents.fit_documents`.

    `covariance` is that of (intercept, weights, missings); `rows` labelled answers stand behind it.

    >>> from calibrant.routing.documents import fit_documents
    >>> rng = np.random.default_rng(0)
    >>> agreement, sure = rng.random(400), rng.random(400)
    >>> right = rng.random(400) < expit(4 * agreement - 1)
    >>> fitted = fit_documents({"agreement": agreement, "sure": sure}, right)
    >>> fitted({"agreement": [0.1, 0.9], "sure": [0.5, 0.5]}).round(1)
    array([0.3, 0.9])
    >>> fitted.attribute({"agreement": 0.1, "sure": 0.9}).blame.value
    'retrieval'
    """

    intercept: float
    parts: tuple[Addend, ...]
    covariance: tuple[tuple[float, ...], ...]
    rows: int
    fingerprint: Fingerprint = field(default_factory=Fingerprint)

    kind = Kind(
        noun="a map of document features", format="calibrant/documents", mark="map_id",
        made_by="Fit one with `calibrant.routing.documents.fit_documents`.",
    )  # fmt: skip

    def _columns(self, features: Mapping[str, ArrayLike]) -> Floats:
        sizes = [
            np.size(np.atleast_1d(column(features[p.feature]))) for p in self.parts if p.feature in features
        ]
        return design(features, self.parts, max(sizes, default=1))

    def __call__(self, features: Mapping[str, ArrayLike]) -> Floats:
        """Probabilities, shape (n,); NaN is a feature that is missing. Others than the map's are not looked at."""
        return np.asarray(expit(self._theta @ self._columns(features)))

    def interval(self, features: Mapping[str, ArrayLike]) -> tuple[Floats, Floats]:
        """Ends of the 95 % intervals, by the delta method on the log-odds."""
        x = self._columns(features)
        eta = self._theta @ x
        half = Z95 * np.sqrt(np.maximum(np.einsum("in,ij,jn->n", x, np.array(self.covariance), x), 0.0))
        return np.asarray(expit(eta - half)), np.asarray(expit(eta + half))

    @cached_property
    def _theta(self) -> Floats:
        return np.array([self.intercept, *(p.weight for p in self.parts), *(p.missing for p in self.parts)])

    def attribute(self, features: Mapping[str, float | None], *, low: float = 0.7) -> Attribution:
        """The side on which the log-odds lose more against the best value, 1, of each feature.

        Retrieval is answering, agreement and same; generation follows and sure. A missing feature loses nothing.
        """
        p = float(self({name: [np.nan if v is None else v] for name, v in features.items()})[0])
        if p >= low:
            return Attribution(Blame.NEITHER, f"the answer is right with probability {p:.2f}")
        lost = {
            part.feature: part.weight * (1 - float(value))
            for part in self.parts
            if (value := features.get(part.feature)) is not None
        }
        sides = {True: 0.0, False: 0.0}
        for name, value in lost.items():
            sides[name in OF_RETRIEVAL] += value
        if max(sides.values()) <= 0:
            return Attribution(Blame.NEITHER, "no feature says what is amiss")
        blame = Blame.RETRIEVAL if sides[True] >= sides[False] else Blame.GENERATION
        worst = max(lost, key=lambda name: (lost[name], name))
        return Attribution(
            blame,
            f"probability {p:.2f}; {sides[True]:.2f} of the log-odds are lost by the documents and "
            f"{sides[False]:.2f} by the answer made of them, most by {worst}",
        )

    def confidence(self, features: Mapping[str, float | None]) -> Confidence:
        """The probability of one answer with its interval and evidence."""
        one = {name: [np.nan if value is None else value] for name, value in features.items()}
        low, high = self.interval(one)
        return Confidence(
            p=Probability(float(self(one)[0])), low=float(low[0]), high=float(high[0]), map_id=self.map_id,
            fingerprint=self.fingerprint, verdicts=self.rows,
        )  # fmt: skip

    @property
    def map_id(self) -> str:
        """16 hex digits that stand for everything in the map."""
        return self.content_id

    @classmethod
    def _made(cls, data: Mapping[str, Any]) -> DocumentMap:
        return cls(
            intercept=data["intercept"], parts=tuple(Addend(**part) for part in data["parts"]), rows=data["rows"],
            covariance=tuple(tuple(row) for row in data["covariance"]), fingerprint=Fingerprint(**data["fingerprint"]),
        )  # fmt: skip


def column(values: Any) -> Floats:
    """Values as numbers, NaN for None."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return np.array([np.nan if v is None else float(v) for v in listed], dtype=np.float64)


def design(features: Mapping[str, ArrayLike], parts: Sequence[Addend], rows: int) -> Floats:
    """1, each feature less its centre (0 where missing), and whether each is missing; shape (1 + 2k, n)."""
    values = np.full((len(parts), rows), np.nan)
    for row, part in zip(values, parts, strict=True):
        if part.feature in features:
            row[:] = column(features[part.feature])
    missing = np.isnan(values)
    centres = np.array([part.centre for part in parts])[:, None]
    return np.vstack([np.ones(rows), np.where(missing, 0.0, values - centres), missing])
