"""How far a model has moved from what it said before it was tuned."""

from __future__ import annotations

from typing import Any

__all__ = ["kept"]

Tensor = Any


def kept(logits: Tensor, before: Tensor, counted: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of the next token from what it was, KL(before || now), in nats; shape (n,).

    It is 0 where nothing has changed, and holds everything that the model could have said, not the one answer that it
    gave: a model that learns to say how sure it is need not forget how to answer.

    Parameters
    ----------
    logits, before : float, shape (n, length, vocabulary)
    counted : bool, shape (n, length)
        The positions that predict a token that counts; 0 of a row where none does.
    """
    was, now = before.log_softmax(-1), logits.log_softmax(-1)
    weight = counted.to(now.dtype)
    apart = (was.exp() * (was - now)).sum(-1)
    return (apart * weight).sum(-1) / weight.sum(-1).clamp(min=1)
