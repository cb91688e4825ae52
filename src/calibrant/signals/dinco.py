"""The model's belief in its answer, set against its belief in other answers to the same question."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from calibrant.answers.same import chosen, kind_of, options_of, sameness
from calibrant.dialogue.asks import JUDGE, TOP, judge_ask, together, tokens_in
from calibrant.dialogue.samples import Pool, Sampled
from calibrant.dialogue.tokens import weighed
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, scored

__all__ = ["Dinco", "candidates", "nvc"]

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
    is above 1: NVC = p_0 / max(1, beta), beta the sum over the answer and its distractors. The paper weighs
    distractors with a model of entailment; here candidates contradict each other exactly when they do not
    say the same, and one of each meaning is asked about, so all of its weights are 1. Distractors
    come from the samples first; then they are the other options of `metadata["options"]`, or are asked for
    where there are none. An option is judged by its text, also where the answer names its letter. SC is the
    share that agrees with the answer of the samples and the answer itself, so it is never 0. `detail` has
    both parts and each candidate's P(Yes).

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
    def cost(self) -> Cost:
        tags = "<question></question>\n<answer></answer>\n"
        judged = self.distractors + 1
        return Cost(
            calls=judged + 1,
            samples=self.samples,
            read=judged * tokens_in(JUDGE, INSTRUCTION, tags) + tokens_in(JUDGE, OTHERS, tags),
            written=2 * judged + self._room,
        )

    @property
    def _room(self) -> int:
        return 32 * self.distractors

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        """The samples, then other answers where these and the options are too few, then all candidates at once."""
        done, made = yield from self.drawn(question, completion)
        rivals = yield from self._rivals(question, completion.text, made)
        options = options_of(question) if kind_of(question) == "choice" else ()
        named = [_spelled(one, options) for one in (completion.text, *rivals)]
        judged = yield from together(
            judge_ask(question, one, INSTRUCTION, max_tokens=2, logprobs=True, top_logprobs=TOP)
            for one in named
        )
        beliefs = [weighed(replies.first, WORDS) for replies in judged]
        normalised, consistency = nvc(beliefs), (made.agreeing + 1) / (len(done) + 1)
        told = [{"answer": answer, "yes": belief} for answer, belief in zip(named, beliefs, strict=True)]
        return scored((normalised + consistency) / 2, nvc=normalised, consistency=consistency, beliefs=told)

    def _rivals(self, question: Question, answer: str, made: Pool) -> Generator[Ask, Replies, list[str]]:
        """Other answers, one of each meaning: the samples', the commonest first, then options or those asked for."""
        shares = {group: part for group, part in made.shares().items() if group != made.own}
        sampled = [row["answer"][:LONGEST] for row in made.listed(shares)]
        if len(sampled) >= self.distractors:
            return sampled[: self.distractors]
        if kind_of(question) == "choice":
            more: Sequence[str] = options_of(question)
        else:
            instruction = OTHERS.format(count=self.distractors)
            replies = yield judge_ask(question, answer, instruction, max_tokens=self._room)
            more = [MARK.sub("", line).strip() for line in replies.first.text.splitlines()]
        return candidates(answer, [*sampled, *more], sameness(question))[: self.distractors]


def _spelled(text: str, options: Sequence[str]) -> str:
    """The option that the text chooses, as the question spells it; else the text."""
    place = chosen(text, options)
    return text if place is None else options[place][:LONGEST]


def candidates(answer: str, others: Sequence[str], alike: Callable[[str, str], bool]) -> list[str]:
    """The other answers that differ from the answer and from those before them.

    >>> candidates("Paris", ["Rome", "paris", "", "rome", "Oslo"], lambda a, b: a.lower() == b.lower())
    ['Rome', 'Oslo']
    """
    found: list[str] = []
    for text in others:
        if text.strip() and not any(alike(text, known) for known in (answer, *found)):
            found.append(text[:LONGEST])
    return found


def nvc(beliefs: Sequence[float]) -> float:
    """The belief in the first answer, divided by the sum of beliefs in all where that is above 1.

    >>> nvc([0.9, 0.9]), nvc([0.5, 0.25])
    (0.5, 0.5)
    """
    return beliefs[0] / max(1.0, math.fsum(beliefs))
