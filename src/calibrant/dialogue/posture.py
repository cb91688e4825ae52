"""How careful a model is asked to be when it states its confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..types import Cost
from .asks import tokens_in
from .fingerprinted import Fingerprinted

__all__ = ["POSTURES", "Posture", "Postured", "postured"]

Posture = Literal["very_cautious", "cautious", "neutral", "bold", "very_bold"]

POSTURES: dict[Posture, str] = {
    "very_cautious": "Be very cautious: state low confidence unless you are certain beyond doubt.",
    "cautious": "Be cautious: much depends on not being confident in a wrong answer.",
    "neutral": "",
    "bold": "Be bold: much depends on not doubting a right answer.",
    "very_bold": "Be very bold: state high confidence unless there is a clear reason for doubt.",
}
"""From the most cautious to the boldest (after Zhou et al., 2025, arXiv:2503.02863). Neutral adds nothing."""

PLACE = "{posture}"
"""Where a prompt has the sentence of a posture."""


def postured(prompt: str, posture: Posture) -> str:
    """The prompt with the sentence of a posture in its place; raises `ValueError` for an unknown one.

    >>> postured("{posture}How sure are you?", "neutral")
    'How sure are you?'
    """
    if posture not in POSTURES:
        raise ValueError(f"Expected a posture of {', '.join(POSTURES)}; got {posture!r}.")
    return prompt.replace(PLACE, f"{POSTURES[posture]} ".lstrip())


@dataclass(frozen=True, kw_only=True, slots=True)
class Postured(Fingerprinted):
    """A signal that asks once for a stated confidence, as cautiously as its `posture` says.

    Its prompts have a `{posture}` where that sentence stands; `put` are the prompts with it. Raises
    `ValueError` for an unknown posture.
    """

    max_tokens: int = 10
    posture: Posture = "neutral"

    def __post_init__(self) -> None:
        postured("", self.posture)

    @property
    def put(self) -> tuple[str, ...]:
        """The prompts, in this posture."""
        return tuple([postured(prompt, self.posture) for prompt in self.prompts])

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        return self.once

    @property
    def once(self) -> Cost:
        """What the one call costs."""
        return Cost(calls=1, read=tokens_in(*self.put), written=self.max_tokens)
