"""Whether another model gives the same answer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import ClassVar

from calibrant.answers.same import sameness
from calibrant.dialogue.asks import ANSWER_TOKENS, sample_ask
from calibrant.dialogue.samples import pool
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, Score, digest, score

__all__ = ["PeerAgreement", "agreement"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerAgreement:
    """The share of another model's answers to the question that say the same as the answer.

    One answer at temperature 0 unless more `samples` are wanted, which are drawn at temperature 1. A peer
    of another family errs elsewhere, and a model that is surely wrong rarely finds a second that is wrong in
    the same way. With one answer the score is 0 or 1 and no more than that: give it to a calibration map,
    or blend it. An answer of the peer that says nothing counts against.
    """

    samples: int = 1

    needs: ClassVar[frozenset[str]] = frozenset({"peer"})

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"Expected at least one sample; got {self.samples}.")

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most, all of it at the peer's price."""
        return Cost(calls=self.samples, written=self.samples * ANSWER_TOKENS)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt, which is the question's own, and of the parameters."""
        return digest([]), digest(asdict(self))

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """The peer's answers in one Ask."""
        if not completion.text.strip():
            return self._none("The answer is empty, so nothing can agree with it.")
        temperature = 0.0 if self.samples == 1 else 1.0
        wanted = sample_ask(question, self.samples, temperature=temperature)
        replies = yield replace(wanted, model="peer")
        texts = [one.text for one in replies.completions[: self.samples]]
        made = pool(completion.text, texts, sameness(question))
        if not made.texts:
            return self._none(replies.reason or "The peer's answer is empty.")
        answers = made.listed(made.shares())
        return Reading(
            signal="peer_agreement",
            score=agreement(completion.text, texts, sameness(question)),
            detail={"answers": len(texts), "best": answers[0]["answer"], "best_score": answers[0]["share"]},
        )

    def _none(self, reason: str) -> Reading:
        return Reading(signal="peer_agreement", score=None, reason=reason)


def agreement(answer: str, others: Sequence[str], alike: Callable[[str, str], bool]) -> Score:
    """The share of the other answers that say the same as the answer.

    >>> agreement("4", ["4", "5"], lambda a, b: a == b)
    0.5
    """
    return score(sum(bool(other.strip()) and alike(answer, other) for other in others) / len(others))
