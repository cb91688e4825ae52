"""How careful a model is asked to be when it states its confidence."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal, TypeVar

from ..types import Ask, Completion, Cost, Replies
from .asks import insisting, tokens_in
from .fingerprinted import Fingerprinted

__all__ = ["MEANT", "POSTURES", "Insisting", "Posture", "Postured", "postured"]

Found = TypeVar("Found")

Posture = Literal["very_cautious", "cautious", "neutral", "bold", "very_bold"]

MEANT = "The confidence indicates how likely you think your answer is true."
DECIDING = f"(1) {MEANT} (2) You are making important decisions, thus you should avoid giving"
CAREFUL = f"{DECIDING} a wrong answer with high confidence."
BOLD = f"{DECIDING} a right answer with low confidence."

POSTURES: dict[Posture, str] = {
    "very_cautious": f"{CAREFUL} (3) You should be very cautious, and tend to give low confidence on almost all of "
    "the answers.",
    "cautious": CAREFUL,
    "neutral": "",
    "bold": BOLD,
    "very_bold": f"{BOLD} (3) You should be very confident, and tend to give high confidence on almost all of the "
    "answers.",
}
"""The notes of each posture, from very cautious to very bold: those of SteerConf, word for word; neutral has none.

The paper calls bold "confident".

References
----------
Z. Zhou et al., "SteerConf: Steering LLMs for Confidence Elicitation", 2025, arXiv:2503.02863.
"""

PLACE = " {posture}"
"""Where a prompt has the notes of a posture, behind what it asks for."""


def postured(prompt: str, posture: Posture) -> str:
    """The prompt with the notes of a posture in their place; raises `ValueError` for an unknown one.

    >>> postured("How sure are you? {posture} Reply with a number.", "neutral")
    'How sure are you? Reply with a number.'
    >>> postured("How sure are you? {posture}", "bold")
    'How sure are you? Note: (1) The confidence indicates ... (2) You are making important decisions, ...'
    """
    if posture not in POSTURES:
        raise ValueError(f"Expected a posture of {', '.join(POSTURES)}; got {posture!r}.")
    notes = POSTURES[posture]
    return prompt.replace(PLACE, f" Note: {notes}" if notes else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Postured(Fingerprinted):
    """A signal that asks once for a stated confidence, as cautiously as its `posture` says.

    Its prompts have a `{posture}` where its notes stand; `put` are the prompts with it. Raises
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
        """What asking costs at the most, whatever is compared after it."""
        return Cost(calls=1, read=tokens_in(*self.put), written=self.max_tokens)


@dataclass(frozen=True, kw_only=True, slots=True)
class Insisting(Postured):
    """A postured signal that asks once more where nothing can be read of a reply.

    The last of its prompts is that second request.
    """

    @property
    def once(self) -> Cost:
        """What both calls cost at the most: the second request reads all of the first and its reply again."""
        *first, once_more = self.put
        read = tokens_in(*first)
        again = read + self.max_tokens + tokens_in(once_more)
        return Cost(calls=2, read=read + again, written=2 * self.max_tokens)

    def insisted(
        self, ask: Ask, read: Callable[[Completion], Found | None]
    ) -> Generator[Ask, Replies, tuple[Completion, Found | None]]:
        """A reply and what is read of it, or of the second: `insisting`."""
        return insisting(ask, read, self.put[-1])
