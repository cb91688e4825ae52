"""The model's own judgement of its answer, read from the probabilities of True and False."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from calibrant.dialogue.asks import JUDGE, judge_ask, together, tokens_in
from calibrant.dialogue.tokens import weighable, weighed, worded
from calibrant.types import Ask, Completion, Cost, Question, Reading, digest, score

__all__ = ["SelfEvaluation"]

INSTRUCTION = (
    "Think of all questions as hard for you as this one: how often would you be right? "
    "Is the answer correct?\nA) {a}\nB) {b}\nReply with the letter alone."
)
ORDERS = (("True", "False"), ("False", "True"))


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfEvaluation:
    """P(True) after Kadavath et al. (2022), asked in a second step, averaged over both orders of the options.

    The answer comes first; then, in a conversation of its own, the model is asked how it does at this
    level and whether the answer is right. The score is the probability of True among True and False.
    Averaging takes away a leaning towards the first letter. Where the server lists no alternatives to a
    token (`top_logprobs`) the word alone counts, 1 or 0 for each order, which is coarse: the score is then
    0, 0.5 or 1.

    References
    ----------
    S. Kadavath et al., "Language Models (Mostly) Know What They Know", 2022, arXiv:2207.05221.
    """

    top_logprobs: int = 20

    needs: ClassVar[frozenset[str]] = frozenset()

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        return Cost(calls=2, read=2 * tokens_in(JUDGE, INSTRUCTION), written=2)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt and of the parameters."""
        return digest([JUDGE, INSTRUCTION, ORDERS]), digest(asdict(self))

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        """One call for each order, both at the same time; both must be readable."""
        both = yield from together(self._ask(question, completion, a, b) for a, b in ORDERS)
        shares = []
        for (a, _), replies in zip(ORDERS, both, strict=True):
            if not replies.completions:
                return self._none(replies.reason or "The model gave no reply.")
            said, true_first = replies.completions[0], a == "True"
            words = {"a": true_first, "b": not true_first, "true": True, "false": False}
            share = weighed(said, words) if weighable(said) else worded(said, words)
            if share is None:
                share = f"Expected the letter A or B, the model said {said.text[:80]!r}."
            if isinstance(share, str):
                return self._none(share)
            shares.append(share)
        mean = score(min(1.0, math.fsum(shares) / len(shares)))
        return Reading(
            signal="self_evaluation", score=mean, detail={"true_first": shares[0], "false_first": shares[1]}
        )

    def _ask(self, question: Question, completion: Completion, a: str, b: str) -> Ask:
        return judge_ask(
            question,
            completion.text,
            INSTRUCTION.format(a=a, b=b),
            max_tokens=1,
            logprobs=True,
            top_logprobs=self.top_logprobs,
        )

    def _none(self, reason: str) -> Reading:
        return Reading(signal="self_evaluation", score=None, reason=reason)
