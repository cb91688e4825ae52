"""The ordinary loss of a language model on some tokens of a text."""

from __future__ import annotations

from typing import Any

__all__ = ["language"]

Tensor = Any


def language(logits: Tensor, tokens: Tensor, counted: Tensor) -> Tensor:
    """Mean cross-entropy of the next token over the tokens that count, for each text, in nats; 0 where none counts.

    Counting the tokens of the right answer alone is calibrated fine-tuning's loss (CFT: L_SFT1 of Xiao et al. 2025),
    counting the question as well the one that it has where it is regularised (RCFT: L_SFT2).

    Parameters
    ----------
    logits : float, shape (n, length, vocabulary)
    tokens : int, shape (n, length)
    counted : bool, shape (n, length)
        Of the tokens themselves, not of the positions that predict them; the first never counts.

    Returns
    -------
    float, shape (n,)

    References
    ----------
    J. Xiao et al., "Restoring Calibration for Aligned Large Language Models", ICML 2025, arXiv:2505.01997.
    """
    scores = logits[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:].unsqueeze(-1)).squeeze(-1)
    weight = counted[:, 1:].to(scores.dtype)
    return -(scores * weight).sum(-1) / weight.sum(-1).clamp(min=1)
