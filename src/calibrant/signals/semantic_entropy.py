"""How many different things the model says when asked again."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from calibrant.answers.same import sameness
from calibrant.dialogue.asks import sample_ask
from calibrant.dialogue.samples import entropy, pool
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, Score, digest, score

__all__ = ["SemanticEntropy", "certainty"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SemanticEntropy:
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

    samples: int = 10
    temperature: float = 1.0

    needs: ClassVar[frozenset[str]] = frozenset()

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
        """The samples in one Ask."""
        if not completion.text.strip():
            return self._none("The answer is empty, so nothing can agree with it.")
        drawn = yield sample_ask(question, self.samples, temperature=self.temperature)
        texts = [sample.text for sample in drawn.completions[: self.samples]]
        made = pool(completion.text, texts, sameness(question))
        if len(made.texts) < 2:
            return self._none(drawn.reason or "Fewer than two samples say anything, which has no entropy.")
        shares = made.shares()
        sure = certainty(list(shares.values()), len(made.texts))
        own, largest = shares.get(made.own, 0.0), max(shares.values())
        return Reading(
            signal="semantic_entropy",
            score=sure if own == largest else score(min(sure, own)),
            detail={
                "samples": len(made.texts),
                "certainty": sure,
                "share": own,
                "clusters": made.listed(shares),
            },
        )

    def _none(self, reason: str) -> Reading:
        return Reading(signal="semantic_entropy", score=None, reason=reason)


def certainty(shares: Sequence[float], samples: int) -> Score:
    """1 - SE / log(samples): 1 where all say the same, 0 where no two do.

    >>> certainty([0.5, 0.5], 4), certainty([0.25] * 4, 4), certainty([1.0], 4)
    (0.5, 0.0, 1.0)
    """
    return score(min(1.0, max(0.0, 1.0 - entropy(shares) / math.log(samples))))
