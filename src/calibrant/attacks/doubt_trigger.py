"""Words of doubt at the end of the system prompt."""

from __future__ import annotations

import random
from typing import ClassVar

from calibrant.dialogue.untrusted import with_system
from calibrant.types import Question

__all__ = ["DoubtTrigger"]

TEXT = "uncertain unsure doubtful perhaps ambiguous hesitant questionable unclear unreliable maybe wrong"


class DoubtTrigger:
    """Words of doubt at the end of the system prompt.

    The words carry no instruction: it is their mood that moves what a model says of itself (Obadinma and
    Zhu, 2025, arXiv:2507.06489, who search for such words; these were not searched for).
    """

    target: ClassVar[str] = "system prompt"
    direction: ClassVar[str] = "deflate"

    def __call__(self, question: Question, rng: random.Random) -> Question:
        return with_system(question, TEXT)
