"""How many different things the model says when asked again, each weighed by how likely it was."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import ClassVar

from calibrant.answers.same import sameness
from calibrant.dialogue.asks import sample_ask
from calibrant.dialogue.samples import entropy, pool
from calibrant.dialogue.tokens import likelihood, spoken
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest, score

__all__ = ["LikelihoodSemanticEntropy"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LikelihoodSemanticEntropy:
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

    samples: int = 10
    temperature: float = 1.0

    needs: ClassVar[frozenset[str]] = frozenset({"reply_logprobs"})

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ValueError(f"Expected at least two samples, since one has no entropy; got {self.samples}.")

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        return Cost(samples=self.samples)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt, which is the question's own, and of the parameters."""
        return digest([]), digest(asdict(self))

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """The samples in one Ask, with log-probabilities."""
        if not completion.text.strip():
            return self._none("The answer is empty, so nothing can agree with it.")
        drawn = yield sample_ask(question, self.samples, temperature=self.temperature, logprobs=True)
        done = drawn.completions[: self.samples]
        made = pool(completion.text, [sample.text for sample in done], sameness(question))
        if len(made.texts) < 2:
            return self._none(drawn.reason or "Fewer than two samples say anything, which has no entropy.")
        weights = []
        for i in made.kept:
            tokens = spoken(done[i])
            if isinstance(tokens, str):
                return self._none(f"A sample cannot be weighed: {tokens}")
            weights.append(likelihood(tokens))
        if not math.fsum(weights) > 0:
            return self._none("No sample has a probability above 0.")
        shares = made.shares(weights)
        sure = min(1.0, max(0.0, 1.0 - entropy(list(shares.values())) / math.log(len(weights))))
        own, largest = shares.get(made.own, 0.0), max(shares.values())
        return Reading(
            signal="likelihood_semantic_entropy",
            score=score(sure if math.isclose(own, largest) else min(sure, own)),
            detail={
                "samples": len(weights),
                "certainty": sure,
                "share": own,
                "clusters": made.listed(shares),
            },
        )

    def _none(self, reason: str) -> Reading:
        return Reading(signal="likelihood_semantic_entropy", score=None, reason=reason)
