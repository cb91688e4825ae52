"""The model's belief in its answer, set against its belief in other answers to the same question."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from calibrant.answers.kinds import options_of
from calibrant.answers.options import chosen
from calibrant.answers.same import sameness
from calibrant.dialogue.agreement import entailment, open_pairs, pairs_at_most
from calibrant.dialogue.answered import words_in
from calibrant.dialogue.asks import JUDGE, TOP, judge_ask, together, tokens_in
from calibrant.dialogue.samples import Pool, Sampled
from calibrant.dialogue.tokens import weighed
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, scored

__all__ = ["Dinco", "candidates", "nvc", "weights_of"]

INSTRUCTION = "Is the answer correct? Reply with Yes or No alone."
WORDS = {"yes": True, "no": False}
OTHERS = "Name {count} other answers that someone might give to the question. One to a line, nothing else."
MARK = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)]|[A-Z]\))\s+")
LONGEST = 200
"""Characters of a candidate that are judged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dinco(Sampled):
    """DiNCo (Wang and Stengel-Eskin 2026) for servers without beam search: (NVC + SC) / 2.

    A model that says Yes to everything says Yes to the wrong answers too. Each candidate's P(Yes) is asked
    for in a conversation of its own, never jointly, and the answer's is divided by the sum of all where that
    is above 1: NVC = p_0 / max(1, beta). Distractors are the other options of `metadata["options"]` where there are
    some, first those that the samples chose; else what the samples say, and where that is too little further ones are
    asked for. An option is judged by its text, also where the answer names its letter.

    beta is the sum over the answer and its distractors, each weighed by how far it contradicts the answer and how
    little the others say it again: beta = p_0 + sum of p_i C_0i / (deg_i - E_0i), deg_i = 1 + sum of E_ji. The paper
    takes E and C from a model of entailment. With `same`, E_ij = E_ji is the probability that both say the same (1 or 0
    where the rules can tell) and C_ij = 1 - E_ij; without, what the rules cannot tell is different, and as one of each
    meaning is asked about all weights are 1. SC is the share that agrees with the answer of the samples and the
    answer itself, so it is never 0. `detail` has both parts, and each candidate's P(Yes) and weight.

    References
    ----------
    V. Wang and E. Stengel-Eskin, "Calibrating Verbalized Confidence with Self-Generated Distractors",
    ICLR 2026, arXiv:2509.25532.
    """

    samples: int = 5
    distractors: int = 4

    needs = frozenset({"reply_logprobs"})
    prompts = (JUDGE, INSTRUCTION, OTHERS, LONGEST)

    def __post_init__(self) -> None:
        Sampled.__post_init__(self)
        if self.distractors < 1:
            raise ValueError(f"Expected at least one distractor; got {self.distractors}.")

    @property
    def pairs(self) -> int:
        """The answer and the samples, in groups; then the candidates, each with each."""
        return pairs_at_most(1 + self.samples) + self.distractors * (self.distractors + 1) // 2

    @property
    def cost(self) -> Cost:
        tags = "<question></question>\n<answer></answer>\n"
        judged = self.distractors + 1
        asked = Cost(
            calls=judged + 1,
            samples=self.samples,
            read=judged * tokens_in(JUDGE, INSTRUCTION, tags) + tokens_in(JUDGE, OTHERS, tags),
            written=2 * judged + self._room,
        )
        return asked + self.comparing

    @property
    def _room(self) -> int:
        return 32 * self.distractors

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        """The samples, then other answers where these and the options are too few, then all candidates at once."""
        answer = words_in(completion)
        done, made = yield from self.drawn(question, completion)
        options = options_of(question)
        rivals = yield from self._rivals(question, answer, made)
        named = [_spelled(one, options) for one in (answer, *rivals)]
        judged = yield from together(
            judge_ask(question, one, INSTRUCTION, max_tokens=2, logprobs=True, top_logprobs=TOP)
            for one in named
        )
        beliefs = [weighed(replies.first, WORDS) for replies in judged]
        found = yield from entailment(question, named, self.same)
        weights = weights_of(found.alike)
        normalised, consistency = nvc(beliefs, weights), (made.agreeing + 1) / (len(done) + 1)
        told = [
            {"answer": answer, "yes": belief, "weight": weight}
            for answer, belief, weight in zip(named, beliefs, weights, strict=True)
        ]
        parts = {"nvc": normalised, "consistency": consistency, "beliefs": told}
        return scored((normalised + consistency) / 2, **parts, **open_pairs(made.undecided + found.undecided))

    def _rivals(self, question: Question, answer: str, made: Pool) -> Generator[Ask, Replies, list[str]]:
        """Other answers, one of each meaning: options, or those of the samples, the commonest first, or asked for."""
        shares = {group: part for group, part in made.shares().items() if group != made.own}
        sampled = [row["answer"][:LONGEST] for row in made.listed(shares)]
        alike = sameness(question)
        if options := options_of(question):
            said = [options[place] for one in sampled if (place := chosen(one, options)) is not None]
            return candidates(answer, [*said, *options, *sampled], alike)[: self.distractors]
        if len(sampled) >= self.distractors:
            return sampled[: self.distractors]
        instruction = OTHERS.format(count=self.distractors)
        replies = yield judge_ask(question, answer, instruction, max_tokens=self._room)
        more = [MARK.sub("", line).strip() for line in replies.first.text.splitlines()]
        return candidates(answer, [*sampled, *more], alike)[: self.distractors]


def _spelled(text: str, options: Sequence[str]) -> str:
    """The option that the text chooses, as the question spells it; else the text."""
    place = chosen(text, options)
    return text if place is None else options[place][:LONGEST]


def candidates(answer: str, others: Sequence[str], alike: Callable[[str, str], bool | None]) -> list[str]:
    """The other answers that differ from the answer and from those before them, as far as can be told.

    >>> candidates("Paris", ["Rome", "paris", "", "rome", "Oslo"], lambda a, b: a.lower() == b.lower())
    ['Rome', 'Oslo']
    """
    found: list[str] = []
    for text in others:
        if text.strip() and not any(alike(text, known) for known in (answer, *found)):
            found.append(text[:LONGEST])
    return found


def weights_of(alike: Sequence[Sequence[float]]) -> list[float]:
    """What each candidate weighs in beta, by how likely each two say the same; 1 for the first, the answer.

    >>> weights_of([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), weights_of([[1, 0, 0.5], [0, 1, 1], [0.5, 1, 1]])
    ([1.0, 1.0, 1.0], [1.0, 0.5, 0.25])
    """
    weights = [1.0]
    for i in range(1, len(alike)):
        others = math.fsum(alike[j][i] for j in range(1, len(alike)) if j != i)
        weights.append((1.0 - alike[0][i]) / (1.0 + others))
    return weights


def nvc(beliefs: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """The belief in the first answer, divided by the weighed sum of beliefs in all where that is above 1.

    >>> nvc([0.9, 0.9]), nvc([0.5, 0.25]), nvc([0.9, 0.9], [1.0, 0.0])
    (0.5, 0.5, 0.9)
    """
    each = [1.0] * len(beliefs) if weights is None else weights
    return beliefs[0] / max(1.0, math.fsum(map(operator.mul, beliefs, each)))
