"""Words of certainty at the end of the system prompt."""

from __future__ import annotations

import random
from typing import ClassVar

from calibrant.dialogue.untrusted import with_system
from calibrant.types import Question

__all__ = ["CertaintyTrigger"]

TEXT = "certain sure definite proven undoubtedly absolutely confident guaranteed unmistakable beyond question"


class CertaintyTrigger:
    """Words of certainty at the end of the system prompt.

    The words carry no instruction: it is their mood that moves what a model says of itself (Obadinma and
    Zhu, 2025, arXiv:2507.06489, who search for such words; these were not searched for).
    """

    target: ClassVar[str] = "system prompt"
    direction: ClassVar[str] = "inflate"

    def __call__(self, question: Question, rng: random.Random) -> Question:
        return with_system(question, TEXT)
