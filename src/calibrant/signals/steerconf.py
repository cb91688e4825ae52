"""Confidence under five postures, from very cautious to very confident, put together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from calibrant.dialogue.agreement import Comparing, grouped, open_pairs, pairs_at_most
from calibrant.dialogue.answered import words_in
from calibrant.dialogue.asks import again_ask, together, tokens_in
from calibrant.dialogue.entailment import Same
from calibrant.dialogue.posture import MEANT, POSTURES
from calibrant.dialogue.stated import parse_claim
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Question, Reading, scored

__all__ = ["SteerConf", "elected", "steered"]

INSTRUCTION = (
    "Provide your answer and your confidence in this answer. Note: {notes}\nUse the following format:\n"
    "Answer: <ONLY the answer, not a sentence>\nConfidence: <0.0 to 1.0>\n"
    "Only the answer and the confidence, don't give me the explanation."
)

LEAST = 3
"""So many of the five levels must be readable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SteerConf(Comparing):
    """Steered confidence: five prompts from very cautious to very confident, one sample each.

    With answers a_k and confidences c_k in [0, 1], the paper's confidence is mu * kappa_ans * kappa_conf: the
    mean, the share of levels that gave the most frequent answer, and 1 / (1 + sigma / mu). It is that of an answer
    which the paper elects from the five; here an answer was given before. `score` says what is wanted of it:

    - "given", the default: the same product with the share of levels that gave this very answer, the paper's
      number wherever the given answer is the most frequent one, and 0 where no level gave it.
    - "election": the paper's number, whether or not the levels gave this answer.

    `detail` has both (`given`, `election`) and the elected answer as `best`: the higher the confidence, the
    further from the cautious end. A level that failed keeps its place in that order, and at least three must be
    readable. The method only ever lowers confidence, so put a calibrator behind it; five equal numbers mean that
    the model ignored the steering (`detail["steering"]`). Raises `ValueError` for another `score`.

    References
    ----------
    Z. Zhou et al., "SteerConf: Steering LLMs for Confidence Elicitation", 2025, arXiv:2503.02863.
    """

    temperature: float = 0.7
    max_tokens: int = 80
    score: Literal["given", "election"] = "given"
    same: Same = None

    prompts = tuple([INSTRUCTION.replace("{notes}", notes or MEANT) for notes in POSTURES.values()])

    def __post_init__(self) -> None:
        if self.score not in ("given", "election"):
            raise ValueError(f"steerconf takes a score of 'given' or 'election'; got {self.score!r}.")

    @property
    def pairs(self) -> int:
        """The answer and that of each level, in groups."""
        return pairs_at_most(1 + len(self.prompts))

    @property
    def cost(self) -> Cost:
        read = sum(map(tokens_in, self.prompts))
        return (
            Cost(calls=len(self.prompts), read=read, written=len(self.prompts) * self.max_tokens)
            + self.comparing
        )

    def read(self, question: Question, completion: Completion) -> Generator[tuple[Ask, ...], Any, Reading]:
        """One call for each level, all at the same time."""
        answer = words_in(completion)
        levels = yield from together(
            again_ask(question, prompt, temperature=self.temperature, max_tokens=self.max_tokens)
            for prompt in self.prompts
        )
        said = [replies.completions[0].text if replies.completions else None for replies in levels]
        claims = [parse_claim(text) if text is not None else None for text in said]
        read = [claim for claim in claims if claim is not None]
        if len(read) < LEAST:
            unread = max(i for i, claim in enumerate(claims) if claim is None)
            raise NoScore(
                levels[unread].reason
                or f"Expected an answer and a confidence, the model said {said[unread]!r:.80}."
            )
        found = yield from grouped(question, [answer, *(other for other, _ in read)], self.same)
        groups = found.labels
        stated = [confidence for _, confidence in read]
        best, election = elected(claims, groups[1:])
        given = steered(stated, groups[1:].count(groups[0]) / len(read))
        return scored(
            given if self.score == "given" else election,
            given=given,
            election=election,
            levels=[list(claim) if claim else None for claim in claims],
            steering="none" if len(set(stated)) == 1 else "seen",
            best=best,
            best_score=election,
            **open_pairs(found.undecided),
        )


def steered(stated: Sequence[float], share: float) -> float:
    """The paper's product: the mean of the stated confidences, times a share of levels, times 1 / (1 + sigma / mu).

    `stated` in [0, 1], one for each readable level; sigma is their standard deviation as of a whole population.
    `share` is that of the levels which gave an answer. Confidences of nothing but 0 give 0.

    >>> round(steered([0.4, 0.6, 0.8], 1.0), 4), round(steered([0.4, 0.6, 0.8], 2 / 3), 4), steered([0.0] * 3, 1.0)
    (0.4716, 0.3144, 0.0)
    """
    mu = math.fsum(stated) / len(stated)
    if mu == 0.0:
        return 0.0
    sigma = math.sqrt(math.fsum((c - mu) ** 2 for c in stated) / len(stated))
    return min(1.0, mu * share / (1.0 + sigma / mu))


def elected(claims: Sequence[tuple[str, float] | None], groups: Sequence[int]) -> tuple[str, float]:
    """The answer that the paper elects and the paper's confidence mu * kappa_ans * kappa_conf.

    The confidence is placed between the least and the greatest stated one, both in [0, 1], and that place
    among the levels in their order; where that level could not be read, the nearest below it, else above.
    `groups` holds the group of meaning of each readable claim. Where all levels state the same, the middle
    one is taken.

    >>> elected([("a", 0.1), ("a", 0.2), ("b", 0.3), ("b", 0.8), ("b", 0.9)], [0, 0, 1, 1, 1])[0]
    'a'
    """
    stated = [claim[1] for claim in claims if claim is not None]
    modal = max(Counter(groups).values()) / len(groups)
    paper = steered(stated, modal)
    least, most = min(stated), max(stated)
    place = len(claims) // 2
    if most > least:
        place = min(len(claims) - 1, max(0, int((paper - least) / (most - least) * len(claims))))
    order = [*range(place, -1, -1), *range(place + 1, len(claims))]
    answer = next(claim[0] for i in order if (claim := claims[i]) is not None)
    return answer, paper
