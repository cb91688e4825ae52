"""How wrong are the answers that remain when only the surest are sent?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma

from ..tally import Floats, Tally
from .intervals import needs_rows

__all__ = ["RiskCoverage", "aurc", "risk_coverage"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskCoverage:
    """Answering at `threshold` and above sends the share `coverage`, of which `risk` is wrong; shape (m,)."""

    threshold: Floats
    coverage: Floats
    risk: Floats


def risk_coverage(tally: Tally) -> RiskCoverage:
    """The risk-coverage curve, one point per distinct score, from the surest down.

    >>> r = risk_coverage(Tally.of([0.9, 0.5], [True, False]))
    >>> r.threshold, r.coverage, r.risk
    (array([0.9, 0.5]), array([0.5, 1. ]), array([0. , 0.5]))
    """
    needs_rows("The risk-coverage curve", tally)
    sent = np.cumsum(tally.weight[::-1])
    wrong = np.cumsum((tally.weight - tally.hits)[::-1])
    return RiskCoverage(threshold=tally.score[::-1], coverage=sent / tally.total, risk=wrong / sent)


def aurc(tally: Tally) -> float:
    """Area under the risk-coverage curve: the mean over k of the risk among the k surest answers.

    Rows of equal score stand in no order, so each tie contributes its expectation over all orders; that
    is a difference of harmonic numbers, here by the digamma function. Weights are scaled to mean one.

    >>> round(aurc(Tally.of([0.9, 0.8, 0.7], [True, False, True])), 4)
    0.2778
    """
    needs_rows("AURC", tally)
    scale = tally.rows / tally.total
    size = tally.weight[::-1] * scale
    wrong = (tally.weight - tally.hits)[::-1] * scale
    end, wrong_end = np.cumsum(size), np.cumsum(wrong)
    start, wrong_start = end - size, wrong_end - wrong
    rate = wrong / size
    harmonic = digamma(end + 1) - digamma(np.maximum(start, 0.0) + 1)
    return float((rate * size + (wrong_start - start * rate) * harmonic).sum() / tally.rows)
