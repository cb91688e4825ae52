"""From labelled answers to independent right or wrong ones, drawn as answers come: what a test can rest on."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UnusableInput
from ..plans.certificates import Over
from ..tally import Floats

__all__ = ["Sample", "counted", "drawn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Rows in an order that their content alone fixes, and how many answers of each were drawn for the test.

    `tested` are those, `wrong` how many of them are wrong, `rows` how many answers there are in all; each row is one
    answer, unless equal ones were counted.
    """

    scores: Floats
    weight: Floats
    mass: Floats
    top: float
    tested: NDArray[np.int64]
    wrong: NDArray[np.int64]
    tie: Floats
    code: NDArray[np.intp]
    rows: int
    graded: bool
    weighted: bool
    clustered: bool

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Rows of which some are tested."""
        found: NDArray[np.bool_] = self.tested > 0
        return found


def counted(scores: ArrayLike, correct: ArrayLike, count: ArrayLike, seed: int) -> Sample:
    """Of answers without clusters and weights, `count` equal ones in each row; a grade between is as many coins."""
    s, grade, n = (np.asarray(one) for one in (scores, correct, count))
    order = np.lexsort((n, grade, s))
    s, grade, n = s[order].astype(np.float64), grade[order].astype(np.float64), n[order].astype(np.int64)
    content = int.from_bytes(blake2b(np.r_[s, grade, n].tobytes(), digest_size=16).digest())
    wrong = np.random.default_rng([seed, content]).binomial(n, 1 - grade)
    weight = n.astype(np.float64)
    return Sample(
        scores=s, weight=weight, mass=np.ones(len(s)), top=1.0, tested=n, wrong=wrong, tie=np.zeros(len(s)),
        code=np.arange(len(s)), rows=int(n.sum()), graded=bool(((grade > 0) & (grade < 1)).any()), weighted=False,
        clustered=False,
    )  # fmt: skip


def drawn(
    scores: ArrayLike,
    correct: ArrayLike,
    weight: ArrayLike | None,
    cluster: ArrayLike | None,
    over: Over,
    seed: int,
    largest: float,
) -> Sample:
    """One row per cluster, thinned by weight, each grade a coin: independent right or wrong answers."""
    s, grade = _decimals(scores), np.asarray(correct, dtype=float)
    w = np.ones(len(s)) if weight is None else np.asarray(weight, dtype=float)
    code = np.zeros(len(s), np.intp) if cluster is None else _codes(np.asarray(cluster), len(s))
    order = np.lexsort((w, grade, s, code))  # rows of equal content are exchangeable
    s, grade, w, code = s[order], grade[order], w[order], code[order]
    alone = np.ones(len(s), bool) if cluster is None else code == -1
    code[alone] = code.max(initial=0) + 1 + np.arange(int(alone.sum()))
    # content decides the draws too: rows are sorted by verdict where they tie, and under draws that are fixed
    # beforehand the same verdicts would be favoured in every sample
    content = int.from_bytes(blake2b(np.r_[code, s, grade, w].tobytes(), digest_size=16).digest())
    pick, thin, coin, tie = np.random.default_rng([seed, content]).random((4, len(s)))
    weighted = bool(len(w) and w.min() < max(w.max(), largest))
    if weighted and cluster is not None and over == "clusters":
        raise UnusableInput(
            "Weights that differ tell how often answers come, and nothing of how many a cluster has, so that one "
            "answer of each cannot be drawn. Leave over='clusters' (--over clusters) out."
        )
    kept, mass = np.ones(len(s), bool), w
    if cluster is not None and len(s):
        # the first of a cluster, each row as often as its weight says
        at = np.lexsort((np.log1p(-pick) / -w, code))
        kept = np.zeros(len(s), bool)
        kept[at[np.r_[True, np.diff(code[at]) > 0]]] = True
        mass = np.bincount(code, w)[code] if over == "answers" else w
    kept &= thin < mass / (top := float(mass.max(initial=largest)) if len(s) else 1.0)
    between = (grade > 0) & (grade < 1)
    return Sample(
        scores=s, weight=w, mass=mass, top=top, tested=kept.astype(np.int64),
        wrong=(kept & (coin >= grade)).astype(np.int64), tie=tie, code=code, rows=len(s), graded=bool(between.any()),
        weighted=weighted, clustered=cluster is not None,
    )  # fmt: skip


def _decimals(scores: ArrayLike) -> Floats:
    """float64, with float32 read as the decimals it was written as."""
    values = np.asarray(scores)
    if values.dtype != np.float32:
        return values.astype(np.float64)
    distinct, where = np.unique(values, return_inverse=True)
    decimals: Floats = distinct.astype(str).astype(np.float64)[where]
    return decimals


def _codes(cluster: NDArray[Any], rows: int) -> NDArray[np.intp]:
    """Numbers of clusters in the order of their text; -1 where it is missing."""
    if cluster.shape != (rows,):
        raise UnusableInput(f"cluster must have {rows} values, one a score; got shape {cluster.shape}.")
    missing = np.array([v is None or v != v for v in cluster.tolist()], dtype=bool)
    code = np.full(rows, -1)
    code[~missing] = np.unique(cluster[~missing].astype(str), return_inverse=True)[1].ravel()
    return code
