"""P(True): the model's own judgement of its answer, from the probabilities of the letters."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from calibrant.answers.kinds import inert
from calibrant.dialogue.answered import answer_in
from calibrant.dialogue.asks import JUDGE, TOP, sample_ask, tokens_in
from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.orders import in_both_orders
from calibrant.dialogue.tokens import weighed
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Question, Reading, scored

__all__ = ["PTrue"]

IDEAS = "Other answers that came to mind:\n{ideas}\n"
INSTRUCTION = "{ideas}Is the answer correct?\nA) {a}\nB) {b}\nReply with the letter alone."
ORDERS = (("True", "False"), ("False", "True"))
LONGEST = 200
"""Characters of another answer that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PTrue(Fingerprinted):
    """P(True) after Kadavath et al. (2022), averaged over both orders of the options.

    In a conversation of its own the model is shown the question and the answer, and chooses between True
    and False; the score is P(True) / (P(True) + P(False)) at the letter. Averaging over both orders takes
    away a leaning towards the first letter. The log-probabilities of the replies and of the alternatives to
    their tokens (`top_logprobs`) are required, unlike for `self_evaluation`, so the score is never the
    coarse 0, 0.5 or 1.

    With `shown` samples of its own before it the model judges better (section 3 there): it sees
    whether the answer is one of many. Chat models are driven to the ends of the scale; calibrate.

    References
    ----------
    S. Kadavath et al., "Language Models (Mostly) Know What They Know", 2022, arXiv:2207.05221.
    """

    shown: int = 0

    needs = frozenset({"reply_logprobs"})
    prompts = (JUDGE, IDEAS, INSTRUCTION, ORDERS, LONGEST)

    def __post_init__(self) -> None:
        if self.shown < 0:
            raise ValueError(f"Expected how many samples to show, 0 for none; got {self.shown}.")

    @property
    def cost(self) -> Cost:
        ideas = self.shown * (LONGEST + len("<idea></idea>\n")) + len(IDEAS)
        once = tokens_in(JUDGE, INSTRUCTION, "True False <question></question>\n<answer></answer>\n")
        return Cost(calls=2, samples=self.shown, read=2 * (once + ideas // 4 * (self.shown > 0)), written=4)

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        """The samples where they are shown, then one call for each order at the same time; both must be readable."""
        answer, ideas = answer_in(completion), ""
        if self.shown:
            drawn = yield sample_ask(question, self.shown)
            if not drawn.completions:
                raise NoScore(drawn.reason or "The model gave no samples.")
            ideas = shown_ideas([sample.text for sample in drawn.completions[: self.shown]])
        both = yield from in_both_orders(
            question, answer, INSTRUCTION, ORDERS, {"ideas": ideas},
            max_tokens=2, logprobs=True, top_logprobs=TOP,
        )  # fmt: skip
        first, second = [weighed(said, words) for said, words in both]
        mean = min(1.0, math.fsum((first, second)) / 2)
        return scored(mean, true_first=first, false_first=second)


def shown_ideas(texts: list[str]) -> str:
    """Other answers as text to judge, in an order that no sample's place decides; "" for none.

    >>> shown_ideas(["Rome", "", "Paris"])
    'Other answers that came to mind:\\n<idea>Paris</idea>\\n<idea>Rome</idea>\\n'
    """
    said = sorted(" ".join(text.split()) for text in texts if text.strip())
    lines = [f"<idea>{inert(text[:LONGEST])}</idea>" for text in said]
    return IDEAS.format(ideas="\n".join(lines)) if lines else ""
