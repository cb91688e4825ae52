"""A model's verdict on the answer."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.answers.same import inert
from calibrant.dialogue.asks import JUDGE, TOP, judge_ask, together, tokens_in
from calibrant.dialogue.tokens import weighable, weighed, worded
from calibrant.types import Ask, Completion, Cost, Question, Replies

__all__ = ["Judge"]

ALONE = "Is the answer correct, as far as you know?"
AGAINST = "Does the answer say the same as {reference}, so that it is correct?"
INSTRUCTION = "{references}{ask}\nA) {a}\nB) {b}\nReply with the letter alone."
TAGS = "<question></question>\n<answer></answer>\n<reference></reference>\n"
ROOM = 2
ORDERS = (("Correct", "Wrong"), ("Wrong", "Correct"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """A model's probability that the answer is right, the mean over both orders of the options, in [0, 1].

    Question, references where there are any, and answer stand between tags that they cannot close. The
    options are shown in both orders, since judges lean towards a place (Zheng et al. 2023, section 3.3).
    Where the replies list the alternatives to their tokens (`top_logprobs`), the grade is the mean of
    P(correct) over both orders: keeping the answers on which the judge wavers, near a half, since leaving
    them out would leave out the hard ones. Where they do not, the letters count: both right 1, both wrong
    0, and None where they contradict each other, which makes no half of two certainties. None also when a
    reply is missing or is neither letter.

    A judge errs, and more often than it seems: `calibrant.logs.judging` estimates by how much.

    Parameters
    ----------
    model : the role of the model that judges; None is the model that answered, which is lenient with itself

    References
    ----------
    L. Zheng et al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", 2023, arXiv:2306.05685.
    """

    model: str | None = "judge"

    @property
    def cost(self) -> Cost:
        """What a grade costs at the most, beyond reading question, answer and references in each call."""
        texts = (JUDGE, INSTRUCTION, AGAINST, "a reference Correct Wrong", TAGS)
        return Cost(calls=len(ORDERS), read=len(ORDERS) * tokens_in(*texts), written=len(ORDERS) * ROOM)

    def grade(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, float | None]:
        """One call for each order, both at the same time; both must be readable."""
        if not completion.text.strip():
            return 0.0
        shares: list[float] = []
        spoken = []
        both = yield from together(self._ask(question, completion, a, b) for a, b in ORDERS)
        for (a, b), replies in zip(ORDERS, both, strict=True):
            share = _correct(replies, a, b)
            if share is None:
                return None
            shares.append(share)
            spoken.append(not weighable(replies.completions[0]))
        if any(spoken) and len({share > 0.5 for share in shares}) > 1:
            return None
        return min(1.0, math.fsum(shares) / len(shares))

    def _ask(self, question: Question, completion: Completion, a: str, b: str) -> Ask:
        known = [one for one in question.references if one.strip()]
        shown = "".join(f"<reference>{inert(one)}</reference>\n" for one in known)
        ask = (
            AGAINST.format(reference="the reference" if len(known) == 1 else "a reference")
            if known
            else ALONE
        )
        text = INSTRUCTION.format(references=shown, ask=ask, a=a, b=b)
        return judge_ask(
            question,
            completion.text,
            text,
            max_tokens=ROOM,
            logprobs=True,
            top_logprobs=TOP,
            model=self.model,
        )


def _correct(replies: Replies, a: str, b: str) -> float | None:
    """P(correct) among both options; 1 or 0 by the letter where no alternatives are listed."""
    if not replies.completions:
        return None
    said = replies.completions[0]
    words = {"a": a == "Correct", "b": b == "Correct", "correct": True, "wrong": False}
    share = weighed(said, words) if weighable(said) else worded(said, words)
    return None if isinstance(share, str) else share
