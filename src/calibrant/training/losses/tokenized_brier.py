"""The Brier score of a confidence that a model gives as one token."""

from __future__ import annotations

from typing import Any

__all__ = ["brier_target", "soft_targets", "tokenized_brier"]

Tensor = Any


def tokenized_brier(logits: Tensor, right: Tensor, ids: Tensor, values: Tensor) -> Tensor:
    """The expected squared distance between the confidence that is said and the verdict, for each answer.

    With q the softmax over the confidence tokens alone, it is sum_i q_i (y - v_i)^2. Its expectation is
    sum_i q_i (v_i - eta)^2 and a constant, where eta is the rate of being right: it is least with all of q on the value
    nearest to eta, so the model is paid for honesty. It is linear in q, so q narrows to one token however few answers
    there are: the spread of q is watched, and training stops by answers held out.

    Parameters
    ----------
    logits : float, shape (n, vocabulary)
        At the position that predicts the confidence token.
    right : float, shape (n,)
        Verdicts on these very answers; a grade in [0, 1] counts as that share of right ones.
    ids : int, shape (k,)
        The confidence tokens.
    values : float, shape (k,)
        What each is worth, in [0, 1].

    Returns
    -------
    float, shape (n,)
        Each in [0, 1].

    References
    ----------
    Y. Li, M. Xiong, J. Wu, B. Hooi, "ConfTuner", NeurIPS 2025, arXiv:2508.18847.
    """
    q = logits.index_select(-1, ids).softmax(-1)
    return (q * brier_target(right, values)).sum(-1)


def brier_target(right: Tensor, values: Tensor) -> Tensor:
    """What each value costs each answer, shape (n, k): (y - v)^2 of right and wrong, of a grade the mean of both."""
    y = right.unsqueeze(-1)
    return y * (1 - values) ** 2 + (1 - y) * values**2


def soft_targets(logits: Tensor, right: Tensor, ids: Tensor, values: Tensor) -> Tensor:
    """Cross-entropy, over the whole vocabulary, to a spread target: 1 less what each value costs, of sum 1.

    That is v (2 - v) of a right answer and (1 - v)(1 + v) of a wrong one, each divided by its sum over the set. Least
    where q is the mixture of both by the rate of being right: it does not narrow, and ranks by the expected value,
    which is drawn towards the middle; calibrate it. For a surrogate of a model that is not at hand. Parameters as of
    `tokenized_brier`; the result is not negative.
    """
    y = right.unsqueeze(-1)
    of_right, of_wrong = 1 - (1 - values) ** 2, 1 - values**2
    target = y * of_right / of_right.sum() + (1 - y) * of_wrong / of_wrong.sum()
    return -(target * logits.log_softmax(-1).index_select(-1, ids)).sum(-1)
