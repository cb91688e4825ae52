"""A vote among samples in which the surer ones weigh more."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from calibrant.dialogue.asks import JUDGE, TOP, judge_ask, together, tokens_in
from calibrant.dialogue.samples import Pool, Sampled
from calibrant.dialogue.tokens import likelihoods, weighed
from calibrant.types import Ask, Completion, Cost, Question, Reading, scored

__all__ = ["Cisc", "softmax", "weighted_shares"]

INSTRUCTION = "Is the answer correct? Reply with Yes or No alone."
WORDS = {"yes": True, "no": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cisc(Sampled):
    """Confidence-informed self-consistency (Taubenfeld et al. 2025): the answer's share of the weighted vote.

    Sample i weighs softmax(c_i / softness) over all samples that say something (equation 1 there; not c_i
    over their sum). What helps is a confidence that tells right from wrong among the samples of one
    question, whatever its calibration. `weight` chooses it:

    - "logprob", the default: the length-normalised probability of the sample. No further call, so the vote
      costs what `self_consistency` costs, and shares its samples.
    - "judge": P(Yes) when asked whether it is correct. The better weight in the paper; asked here once for
      each distinct answer, so up to `samples` calls more, of two tokens each.

    The default softness 0.1 is the paper's median for the former, and about that for the latter (8 on a
    scale to 100). `detail` has the winner of the vote as `best` with `best_score`.

    References
    ----------
    A. Taubenfeld et al., "Confidence Improves Self-Consistency in LLMs", Findings of ACL 2025,
    arXiv:2502.06233.
    """

    weight: Literal["logprob", "judge"] = "logprob"
    softness: float = 0.1

    needs = frozenset({"reply_logprobs"})
    prompts = (JUDGE, INSTRUCTION)

    def __post_init__(self) -> None:
        if self.weight not in ("logprob", "judge") or not self.softness > 0:
            raise ValueError(
                "cisc takes a weight of 'logprob' or 'judge' and a softness above 0; "
                f"got {self.weight!r} and {self.softness!r}."
            )
        Sampled.__post_init__(self)

    @property
    def cost(self) -> Cost:
        if self.weight == "logprob":
            return Cost(samples=self.samples) + self.comparing
        once = tokens_in(*self.prompts, "<question></question>\n<answer></answer>\n")
        judged = Cost(
            calls=self.samples, samples=self.samples, read=self.samples * once, written=2 * self.samples
        )
        return judged + self.comparing

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        """The samples in one Ask, then a call for each distinct answer where a judge weighs them."""
        by_likelihood = self.weight == "logprob"
        done, made = yield from self.drawn(question, completion, logprobs=by_likelihood)
        if by_likelihood:
            sure = likelihoods(done[i] for i in made.kept)
        else:
            sure = yield from _judged(question, made)
        shares = weighted_shares(made.groups, sure, self.softness)
        own = min(1.0, shares.get(made.own, 0.0))
        return scored(own, samples=len(done), **made.elected(shares))


def _judged(question: Question, made: Pool) -> Generator[tuple[Ask, ...], Any, list[float]]:
    """P(Yes) of each text, asked once for each group in the group's commonest words, all at once."""
    groups = tuple(dict.fromkeys(made.groups))
    judged = yield from together(
        judge_ask(question, made.speaker(group), INSTRUCTION, max_tokens=2, logprobs=True, top_logprobs=TOP)
        for group in groups
    )
    sure = {group: weighed(replies.first, WORDS) for group, replies in zip(groups, judged, strict=True)}
    return [sure[group] for group in made.groups]


def softmax(values: Sequence[float], softness: float) -> list[float]:
    """Weights proportional to exp(value / softness), summing to 1.

    >>> [round(weight, 3) for weight in softmax([0.9, 0.8], 0.1)]
    [0.731, 0.269]
    """
    most = max(values)
    raised = [math.exp((value - most) / softness) for value in values]
    total = math.fsum(raised)
    return [one / total for one in raised]


def weighted_shares(groups: Sequence[int], sure: Sequence[float], softness: float) -> dict[int, float]:
    """Each group's share of the votes, of which the i-th weighs softmax(sure / softness)[i].

    >>> {group: round(part, 3) for group, part in weighted_shares((0, 1, 1), (0.9, 0.7, 0.7), 0.1).items()}
    {0: 0.787, 1: 0.213}
    """
    shares: dict[int, float] = {}
    for group, weight in zip(groups, softmax(sure, softness), strict=True):
        shares[group] = shares.get(group, 0.0) + weight
    return shares
