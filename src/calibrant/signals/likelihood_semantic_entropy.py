"""How many different things the model says when asked again, each weighed by how likely it was."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.dialogue.samples import Sampled
from calibrant.dialogue.tokens import likelihoods
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Question, Reading

__all__ = ["LikelihoodSemanticEntropy"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LikelihoodSemanticEntropy(Sampled):
    """Semantic entropy with the mass of a meaning from likelihoods (Kuhn et al. 2023): 1 - SE / log n.

    A sample weighs its length-normalised likelihood, divided by that of all n samples; a meaning weighs what its
    samples weigh, and SE is the entropy of that. With few samples it is steadier than counting them
    (`semantic_entropy`). As there, the score is the literature's number where the answer is in the heaviest
    group, and elsewhere at most the answer's own share; both are in `detail`, as `certainty` and `share`.

    References
    ----------
    L. Kuhn et al., "Semantic Uncertainty: Linguistic Invariances for Uncertainty Estimation in Natural
    Language Generation", ICLR 2023, arXiv:2302.09664.
    """

    needs = frozenset({"reply_logprobs"})
    least = 2

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        done, made = yield from self.drawn(question, completion, logprobs=True)
        weights = likelihoods(done[i] for i in made.kept)
        if not math.fsum(weights) > 0:
            raise NoScore("No sample has a probability above 0.")
        return made.by_entropy(made.shares(weights))
