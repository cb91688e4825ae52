"""Whether retrieved passages support the answer, claim by claim."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from calibrant.answers.kinds import inert, options_of
from calibrant.answers.options import chosen
from calibrant.dialogue.answered import words_in
from calibrant.dialogue.asks import JUDGE, TOP, together, tokens_in
from calibrant.dialogue.claims import claims_in
from calibrant.dialogue.fingerprinted import Fingerprinted
from calibrant.dialogue.passages import LONGEST, passages_of, ranked
from calibrant.dialogue.tokens import weighed
from calibrant.dialogue.untrusted import without_context
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Message, Question, Reading, Replies, scored

__all__ = ["ClaimSupport"]

INSTRUCTION = "Do the passages support the answer? Reply with Yes or No alone."
TAGS = "<question></question>\n<answer></answer>\n"
PASSAGE = "<passage></passage>\n"
WORDS = {"yes": True, "no": False}
ROOM = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimSupport(Fingerprinted):
    """The probability that passages beside the question support the answer, the mean over its claims.

    Confidence from external knowledge, as the abstract of CAPR (Chien and Huang 2025) has it, here without training.
    The answer is parted into sentences, at most `claims` of them; for each the `passages` that share most words with
    it and with the question (BM25) are shown with it, and its support is P(Yes) / (P(Yes) + P(No)) of whether they
    support it, from the probabilities of these words. `how` says whether the mean or the least of the claims counts.
    The passages are `metadata["context"]` and `metadata["documents"]` of the question, put between tags that they
    cannot close, as text to judge and not to follow. `by` says who is asked: the model itself or its peer.

    An option is judged by its words, also where the answer is its letter. A claim that shares no word with any passage
    has no support: it counts 0, and `detail` counts it among those `without_evidence`. Where that is so of all claims,
    or there are no passages, there is no score. What is scored is support and not truth: wrong or missing passages
    lower the score of right answers. Calibrate.

    References
    ----------
    Chien and Huang, CAPR, INTERSPEECH 2025 (the abstract; the prompt and the mean are ours).
    S. Min et al., "FActScore", EMNLP 2023, arXiv:2305.14251 (an answer by its claims).
    """

    claims: int = 4
    passages: int = 4
    how: Literal["mean", "min"] = "mean"
    by: Literal["model", "peer"] = "model"

    prompts = (JUDGE, INSTRUCTION, LONGEST)

    def __post_init__(self) -> None:
        if min(self.claims, self.passages) < 1:
            raise ValueError(
                f"Expected at least one claim and one passage; got {self.claims} and {self.passages}."
            )

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]  # it follows from a setting
        """The probabilities of the replies, and the peer where it is asked."""
        return frozenset({"reply_logprobs"} | ({"peer"} if self.by == "peer" else set()))

    @property
    def cost(self) -> Cost:
        """A call for each claim, which reads the passages."""
        once = tokens_in(JUDGE, INSTRUCTION, TAGS) + self.passages * tokens_in(PASSAGE, LONGEST * "x")
        return Cost(calls=self.claims, read=self.claims * once, written=self.claims * ROOM)

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[tuple[Ask, ...], tuple[Replies, ...], Reading]:
        """The claims that have evidence, all at once; all of them must be readable."""
        passages, claims = (
            passages_of(question),
            claims_in(_spelled(question, words_in(completion)), self.claims),
        )
        if not passages:
            raise NoScore(
                "The question has no passages to set the answer against: metadata.context or metadata.documents."
            )
        if not claims:
            raise NoScore("The answer is empty, so there is nothing to support.")
        asked = without_context(question).text
        shown = [sorted(ranked(f"{asked}\n{claim}", passages)[: self.passages]) for claim in claims]
        asks = [
            self._ask(asked, claim, [passages[i] for i in some])
            for claim, some in zip(claims, shown, strict=True)
            if some
        ]
        if not asks:
            raise NoScore(f"None of the {len(passages)} passages shares a word with question or answer.")
        replies = iter((yield from together(asks)))
        support = [weighed(next(replies).first, WORDS) if some else 0.0 for some in shown]
        told = [
            {"claim": claim, "supported": p, "passages": some}
            for claim, p, some in zip(claims, support, shown, strict=True)
        ]
        score = min(support) if self.how == "min" else min(1.0, math.fsum(support) / len(support))
        return scored(score, claims=told, without_evidence=shown.count([]))

    def _ask(self, question: str, claim: str, passages: Sequence[str]) -> Ask:
        """The passages stand first: claims that are set against the same ones share their longest part."""
        shown = "".join(f"<passage>{inert(one)}</passage>\n" for one in passages)
        text = (
            f"{shown}<question>{inert(question)}</question>\n<answer>{inert(claim)}</answer>\n{INSTRUCTION}"
        )
        return Ask(
            messages=(Message("system", JUDGE), Message("user", text)), max_tokens=ROOM, logprobs=True,
            top_logprobs=TOP, model="peer" if self.by == "peer" else None,
        )  # fmt: skip


def _spelled(question: Question, text: str) -> str:
    """The option that the answer chooses where the answer has none of its words; else the answer as it is."""
    options = options_of(question)
    place = chosen(text, options) if options else None
    if place is None or options[place].casefold() in text.casefold():
        return text
    return options[place]
