"""From labelled answers to independent right or wrong ones, drawn as answers come: what a test can rest on."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..clusters import Picked
from ..errors import UnusableInput
from ..plans.certificates import Over
from ..tally import Floats

__all__ = ["Sample", "counted", "drawn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Rows in an order that their content alone fixes, and how many answers of each were drawn for the test.

    `tested` are those, `wrong` how many of them are wrong, `rows` how many answers there are in all; each row is one
    answer, unless equal ones were counted. `squares` is the sum over clusters of their squared weights, `top` the
    largest weight of one, and where they are `uneven` others have a smaller one.
    """

    scores: Floats
    weight: Floats
    squares: float
    top: float
    tested: NDArray[np.int64]
    wrong: NDArray[np.int64]
    tie: Floats
    rows: int
    graded: bool
    weighted: bool
    clustered: bool
    uneven: bool = False

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Rows of which some are tested."""
        found: NDArray[np.bool_] = self.tested > 0
        return found


def counted(
    scores: ArrayLike,
    correct: ArrayLike,
    count: ArrayLike,
    seed: int,
    *,
    weight: ArrayLike | None = None,
    picked: Picked | None = None,
    over: Over = "answers",
    largest: float = 0.0,
) -> Sample:
    """Of `count` equal answers in each row, of equal weight; a grade between is as many coins.

    Those of a row are kept as `drawn` keeps each: their number is binomial. Of clusters those are thinned that were
    `picked`.
    """
    w = np.ones(len(np.asarray(scores))) if weight is None else np.asarray(weight, dtype=float)
    s, grade, n, w = _by_content(scores, correct, count, w)
    weighted = bool(len(w) and w.min() < max(w.max(), largest))
    if picked is None:
        at, among, k, mass = s, grade, n, w
    else:
        _require_even(over, weighted=weighted)
        masses = np.full(len(picked.mass), w.max(initial=0.0)) if over == "clusters" else picked.mass
        at, among, k, mass = _by_content(picked.score, picked.grade, picked.count, masses)
    top = float(mass.max(initial=largest)) if len(mass) else 1.0
    thinned = bool(len(mass)) and bool((mass < top).any())
    held = (at, among, k, mass) if thinned else (at, among, k)
    content = int.from_bytes(blake2b(np.concatenate(held).tobytes(), digest_size=16).digest())
    rng = np.random.default_rng([seed, content])
    tested = rng.binomial(k, mass / top) if thinned else k
    wrong = rng.binomial(tested, 1 - among)
    squares = float((n * w**2).sum() if picked is None else (picked.count * picked.mass**2).sum())
    weight_of, graded = n * w, bool(((grade > 0) & (grade < 1)).any())
    if picked is not None:  # all answers tell of coverage, the picked ones of errors
        s, weight_of = np.r_[s, at], np.r_[weight_of, np.zeros(len(at))]
        tested, wrong = (np.r_[np.zeros(len(s) - len(at), np.int64), one] for one in (tested, wrong))
    return Sample(
        scores=s, weight=weight_of, squares=squares, top=top, tested=tested, wrong=wrong, tie=np.zeros(len(s)),
        rows=int(n.sum()), graded=graded, weighted=weighted, clustered=picked is not None,
        uneven=bool((mass < mass.max(initial=0.0)).any()),
    )  # fmt: skip


def _by_content(
    scores: ArrayLike, grades: ArrayLike, count: ArrayLike, weight: Floats
) -> tuple[Floats, Floats, NDArray[np.int64], Floats]:
    """In an order that hangs on what they are alone."""
    s, grade, n = (np.asarray(one) for one in (scores, grades, count))
    order = np.lexsort((weight, n, grade, s))
    return (
        s[order].astype(np.float64),
        grade[order].astype(np.float64),
        n[order].astype(np.int64),
        weight[order],
    )


def _require_even(over: Over, *, weighted: bool) -> None:
    if weighted and over == "clusters":
        raise UnusableInput(
            "Weights that differ tell how often answers come, and nothing of how many a cluster has, so that one "
            "answer of each cannot be drawn. Leave over='clusters' (--over clusters) out."
        )


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
    if cluster is not None:
        _require_even(over, weighted=weighted)
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
        scores=s, weight=w, squares=float((np.bincount(code, w) ** 2).sum()), top=top, tested=kept.astype(np.int64),
        wrong=(kept & (coin >= grade)).astype(np.int64), tie=tie, rows=len(s), graded=bool(between.any()),
        weighted=weighted, clustered=cluster is not None, uneven=bool((mass < mass.max(initial=0.0)).any()),
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
