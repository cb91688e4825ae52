"""How many of its confidence tokens a model still weighs."""

from __future__ import annotations

from typing import Any

__all__ = ["spread"]

Tensor = Any


def spread(logits: Tensor, ids: Tensor) -> Tensor:
    """The entropy of the shares q of a set of tokens, shape (n,), in nats: from 0, one token alone, to ln k.

    A loss linear in q narrows it to one token, and what has next to no probability gets next to no gradient: a model
    that says the same of all answers is stuck there. With `weight` times the entropy taken off, the tokenized Brier
    score is least at q_i proportional to exp(-(v_i - eta)^2 / weight): a bump about the rate of being right, of a
    standard deviation of sqrt(weight / 2), whose mean is that rate but for the ends of the scale.

    Parameters
    ----------
    logits : float, shape (n, vocabulary)
    ids : int, shape (k,)
    """
    q = logits.index_select(-1, ids).log_softmax(-1)
    return -(q.exp() * q).sum(-1)
