"""The distribution over possible answers that the model states, averaged over samples."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from calibrant.answers.same import cluster, options_of, sameness
from calibrant.dialogue.asks import again_ask, tokens_in
from calibrant.dialogue.posture import postured
from calibrant.dialogue.stated import is_none_of_above, parse_distribution
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, digest, score

__all__ = ["Vpd"]

OPEN = (
    "{how} fewer than five possible answers, each with the probability that it is correct; the probabilities "
    'sum to 100%. Add the answer "None of the above". Write one line for each{only}: the answer, a colon, and '
    "the probability in percent."
)
CHOICE = (
    "{how} the options, each with the probability that it is correct; the probabilities sum to 100%. Write one "
    "line for each{only}: the option, a colon, and the probability in percent."
)
PLAIN = {"how": "List", "only": " and nothing else"}
REASONED = {"how": "Reason step by step first, then list", "only": " at the end"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Vpd:
    """The verbalised probability distribution: the mean share of the answer over several samples.

    Each sample states candidates with probabilities, put to the question afresh: its options where
    `metadata["options"]` has them, else fewer than five answers and "None of the above". Candidates that say the
    same are one. Shares that sum to more than 1 are scaled down; to less, they are left, so that a single
    candidate stated with 0.6 stays at 0.6. More than half of the samples must be readable. An answer that
    no sample names scores 0. `reasoning` lets the model think first. `detail` has the candidate stated with
    the largest share as `best` with `best_score`; "None of the above" is no answer, so it is the runner-up
    where that leads, and absent where nothing else is named. Raises `ValueError` for an unknown posture.

    Tian et al. ask for several guesses with a probability each, once; Xiong et al. draw such lists several
    times and combine them. Asking for a whole distribution with a place for what it leaves out, and taking
    the mean share, is this project's reading of the form that open benchmarks describe.

    References
    ----------
    K. Tian et al., "Just Ask for Calibration", 2023, arXiv:2305.14975.
    M. Xiong et al., "Can LLMs Express Their Uncertainty?", 2024, arXiv:2306.13063.
    """

    samples: int = 5
    temperature: float = 1.0
    reasoning: bool = False
    max_tokens: int = 120
    posture: str = "neutral"

    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"Expected at least one sample; got {self.samples}.")
        postured(OPEN, self.posture)

    def _instruction(self, among: str) -> str:
        return postured(among.format(**(REASONED if self.reasoning else PLAIN)), self.posture)

    @property
    def _most(self) -> int:
        return self.max_tokens + 700 * self.reasoning

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        read = self.samples * tokens_in(self._instruction(OPEN))
        return Cost(calls=self.samples, read=read, written=self.samples * self._most)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt and of the parameters."""
        return digest([self._instruction(OPEN), self._instruction(CHOICE)]), digest(asdict(self))

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """One Ask for all samples."""
        replies = yield again_ask(
            question,
            self._instruction(CHOICE if options_of(question) else OPEN),
            samples=self.samples,
            temperature=self.temperature,
            max_tokens=self._most,
        )
        if not replies.completions:
            return Reading(signal="vpd", score=None, reason=replies.reason or "The model gave no reply.")
        texts = [one.text for one in replies.completions]
        valid = [stated for text in texts if (stated := parse_distribution(text)) is not None]
        if 2 * len(valid) <= self.samples:
            bad = next((text for text in texts if parse_distribution(text) is None), "")
            reason = (
                f"Expected more than half of {self.samples} samples as lines of an answer and a percentage, "
                f"the model said {bad[:80]!r}."
            )
            return Reading(signal="vpd", score=None, reason=reason, detail={"valid": len(valid)})
        named = [pair for stated in valid for pair in stated]
        labels = cluster([completion.text, *(name for name, _ in named)], sameness(question))
        shares: dict[int, list[float]] = {}
        names: dict[int, str] = {}
        for label, (name, share) in zip(labels[1:], named, strict=True):
            shares.setdefault(label, []).append(share)
            names.setdefault(label, name)
        mean = {label: min(1.0, math.fsum(some) / len(valid)) for label, some in shares.items()}
        distribution = {names[label]: share for label, share in mean.items()}
        detail = {"distribution": distribution, "valid": len(valid), **_best(distribution)}
        return Reading(signal="vpd", score=score(mean.get(labels[0], 0.0)), detail=detail)


def _best(distribution: Mapping[str, float]) -> dict[str, Any]:
    """The answer with the largest share; nothing where "None of the above" is all there is."""
    answers = {name: share for name, share in distribution.items() if not is_none_of_above(name)}
    if not answers:
        return {}
    best = max(answers, key=answers.__getitem__)
    return {"best": best, "best_score": answers[best]}
