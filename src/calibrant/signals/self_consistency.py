"""How often the model gives the same answer again."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.dialogue.samples import Sampled
from calibrant.types import Ask, Completion, Question, Reading, scored

__all__ = ["SelfConsistency"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfConsistency(Sampled):
    """The share of further samples that say the same as the answer (Wang et al. 2023; Xiong et al. 2024).

    A sample that says nothing counts against. The share is k / n as it is: with n samples it takes n + 1
    values, 1 among them, which means "more than about 1 - 1/n" and not certainty; a calibration map puts
    that right, and a correction here, such as (k + 1) / (n + 2), would change no map that follows. `detail`
    has all answers with their shares, and the one most often said as `best` with `best_score`.

    References
    ----------
    X. Wang et al., "Self-Consistency Improves Chain of Thought Reasoning in Language Models", ICLR 2023,
    arXiv:2203.11171.
    M. Xiong et al., "Can LLMs Express Their Uncertainty?", ICLR 2024, arXiv:2306.13063.
    """

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        done, made = yield from self.drawn(question, completion)
        said = len(made.texts) / len(done)
        shares = {group: part * said for group, part in made.shares().items()}
        return scored(made.agreeing / len(done), samples=len(done), **made.elected(shares))
