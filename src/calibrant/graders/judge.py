"""A model's verdict on the answer."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.answers.kinds import inert
from calibrant.dialogue.asks import JUDGE, TOP, tokens_in
from calibrant.dialogue.orders import in_both_orders
from calibrant.dialogue.tokens import judged, weighable
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Question

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

    A judge errs, and more often than it seems: `calibrant.judges.correcting` estimates by how much.

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
        known = [one for one in question.references if one.strip()]
        told = "the reference" if len(known) == 1 else "a reference"
        places = {
            "references": "".join(f"<reference>{inert(one)}</reference>\n" for one in known),
            "ask": AGAINST.format(reference=told) if known else ALONE,
        }
        try:
            both = yield from in_both_orders(
                question, completion.text, INSTRUCTION, ORDERS, places,
                max_tokens=ROOM, logprobs=True, top_logprobs=TOP, model=self.model,
            )  # fmt: skip
            shares = [judged(said, words) for said, words in both]
        except NoScore:
            return None
        if not all(weighable(said) for said, _ in both) and len({share > 0.5 for share in shares}) > 1:
            return None
        return min(1.0, math.fsum(shares) / len(shares))
