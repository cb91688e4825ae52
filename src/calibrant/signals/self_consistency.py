"""How often the model gives the same answer again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from calibrant.answers.same import sameness
from calibrant.dialogue.asks import sample_ask
from calibrant.dialogue.samples import pool
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, Score, digest, score

__all__ = ["SelfConsistency", "share"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfConsistency:
    """The share of further samples that say the same as the answer (Wang et al. 2023; Xiong et al. 2024).

    A sample that says nothing counts against. The share is k / n as it is: with n samples it takes n + 1
    values, 1 among them, which means "more than about 1 - 1/n" and not certainty; a calibration map puts
    that right, and a correction here, such as (k + 1) / (n + 2), would change no map that follows. `detail`
    has all answers with their shares, and the one most often said as `best` with `best_score`.

    References
    ----------
    X. Wang et al., "Self-Consistency Improves Chain of Thought Reasoning in Language Models", ICLR 2023,
    arXiv:2203.11171.
    M. Xiong et al., "Can LLMs Express Their Uncertainty?", ICLR 2024, arXiv:2306.13063.
    """

    samples: int = 10
    temperature: float = 1.0

    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"Expected at least one sample; got {self.samples}.")

    @property
    def cost(self) -> Cost:
        """What a reading costs at the most."""
        return Cost(samples=self.samples)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Digests of the prompt, which is the question's own, and of the parameters."""
        return digest([]), digest(asdict(self))

    def read(self, question: Question, completion: Completion) -> Generator[Ask, Replies, Reading]:
        """The samples in one Ask."""
        if not completion.text.strip():
            return self._none("The answer is empty, so nothing can agree with it.")
        drawn = yield sample_ask(question, self.samples, temperature=self.temperature)
        texts = [sample.text for sample in drawn.completions[: self.samples]]
        made = pool(completion.text, texts, sameness(question))
        if not made.texts:
            return self._none(drawn.reason or "No sample says anything.")
        said = len(made.texts) / len(texts)
        answers = made.listed({group: part * said for group, part in made.shares().items()})
        return Reading(
            signal="self_consistency",
            score=share(completion.text, texts, sameness(question)),
            detail={
                "samples": len(texts),
                "clusters": answers,
                "best": answers[0]["answer"],
                "best_score": answers[0]["share"],
            },
        )

    def _none(self, reason: str) -> Reading:
        return Reading(signal="self_consistency", score=None, reason=reason)


def share(answer: str, samples: Sequence[str], alike: Callable[[str, str], bool]) -> Score:
    """The share of all samples that say the same as the answer; those that say nothing count against.

    >>> share("4", ["4", "four", "", "4"], lambda a, b: a == b)
    0.5
    """
    made = pool(answer, samples, alike)
    return score(sum(group == made.own for group in made.groups) / len(samples))
