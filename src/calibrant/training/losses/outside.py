"""What a model loses by saying something else than it was asked for."""

from __future__ import annotations

from typing import Any

__all__ = ["outside"]

Tensor = Any


def outside(logits: Tensor, ids: Tensor) -> Tensor:
    """Minus the log of the probability, in the whole vocabulary, of the set of tokens; shape (n,), in nats.

    The losses on a set see only the shares within it, so a model may be honest within and never say a token of it. The
    log-probability of a token is that of the set and that of its share, which can be moved apart: adding this moves no
    minimum of such a loss.

    Parameters
    ----------
    logits : float, shape (n, vocabulary)
    ids : int, shape (k,)
    """
    return logits.logsumexp(-1) - logits.index_select(-1, ids).logsumexp(-1)
