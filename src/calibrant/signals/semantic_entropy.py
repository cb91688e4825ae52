"""How many different things the model says when asked again."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.dialogue.samples import Sampled
from calibrant.types import Ask, Completion, Question, Reading

__all__ = ["SemanticEntropy"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SemanticEntropy(Sampled):
    """Discrete semantic entropy (Farquhar et al. 2024) as a score: 1 - SE / log n.

    SE is the entropy of the shares of n samples over groups of one meaning. It is a measure of the
    question, not of an answer: all samples may agree on something other than what was answered. So the
    score is the literature's number where the answer is in the largest group, and elsewhere at most the
    answer's own share; `detail` always has the former as `certainty` and the latter as `share`.
    Samples that say nothing are left out; two must be left.

    References
    ----------
    S. Farquhar et al., "Detecting hallucinations in large language models using semantic entropy",
    Nature 630, 2024. L. Kuhn et al., "Semantic Uncertainty", ICLR 2023, arXiv:2302.09664.
    """

    least = 2

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        _, made = yield from self.drawn(question, completion)
        return made.by_entropy(made.shares())
