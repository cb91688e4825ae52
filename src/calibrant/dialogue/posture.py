"""How careful a model is asked to be when it states its confidence."""

from __future__ import annotations

__all__ = ["POSTURES", "postured"]

POSTURES = {
    "very_cautious": "Be very cautious: state low confidence unless you are certain beyond doubt.",
    "cautious": "Be cautious: much depends on not being confident in a wrong answer.",
    "neutral": "",
    "bold": "Be bold: much depends on not doubting a right answer.",
    "very_bold": "Be very bold: state high confidence unless there is a clear reason for doubt.",
}
"""From the most cautious to the boldest (after Zhou et al., 2025, arXiv:2503.02863). Neutral adds nothing."""


def postured(instruction: str, posture: str) -> str:
    """The instruction with the sentence of a posture in front; raises `ValueError` for an unknown one.

    >>> postured("How sure are you?", "neutral")
    'How sure are you?'
    """
    if posture not in POSTURES:
        raise ValueError(f"Expected a posture of {', '.join(POSTURES)}; got {posture!r}.")
    return f"{POSTURES[posture]} {instruction}".strip()
