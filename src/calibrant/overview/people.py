"""What is told of those who judge: how far they agree, and what they catch of items whose answer is known."""

from __future__ import annotations

from ..phrasing.numbers import interval, several
from ..reviewing.readers import Agreement, Caught
from .telling import shares

__all__ = ["FEWEST", "agreement_said", "caught_said"]

FEWEST = 10
"""Known items of a kind, of which fewer give no share that is told."""


def agreement_said(one: Agreement) -> str:
    """How far two readers agree, in a sentence.

    >>> agreement_said(Agreement(task="law", pairs=3, agree=3, nominal=None, ordinal=None, why_none="Too few."))
    'Two people read 3 answers and judged 3 alike: too few for agreement beyond chance, which takes 10.'
    """
    lead = f"Two people read {several(one.pairs, 'answer')}"
    if not one.pairs:
        return "No answer was drawn for a second reader and read by both, so nothing is known of agreement."
    lead += f" and judged {one.agree:,} alike"
    if one.nominal is not None and one.ordinal is not None:
        return (
            f"{lead}: Krippendorff's α {interval(one.nominal, 2)} nominal, {interval(one.ordinal, 2)} ordinal; 1 is "
            "always, 0 as by chance."
        )
    if one.pairs < FEWEST:
        return f"{lead}: too few for agreement beyond chance, which takes {FEWEST}."
    return f"{lead}, all with the same verdict: agreement beyond chance cannot be seen."


def caught_said(one: Caught) -> str:
    """What reviewers make of known items that they are given unawares, in a sentence.

    >>> from calibrant.metrics.intervals import Estimate
    >>> caught_said(Caught(reviewer=None, wrong=2, caught=Estimate(1.0, 0.16, 1.0), right=0, false_alarms=None))
    'Of 2 known wrong answers, given unawares, too few were judged to say what share is caught.'
    """
    if not one.wrong + one.right:
        return "No known item was judged, so nothing is known of what reviewers catch."
    wrong = several(one.wrong, "known wrong answer")
    said = f"Of {wrong}, given unawares, too few were judged to say what share is caught."
    if one.caught is not None and one.wrong >= FEWEST:
        said = f"Of {wrong}, given unawares, reviewers caught {shares(one.caught)} of 100."
    if one.false_alarms is not None and one.right >= FEWEST:
        right = several(one.right, "known right answer")
        said += f" Of {right} they called {shares(one.false_alarms)} of 100 wrong."
    return said
