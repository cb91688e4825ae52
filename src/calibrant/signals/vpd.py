"""The distribution over possible answers that the model states, averaged over samples."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from calibrant.answers.kinds import options_of
from calibrant.dialogue.agreement import Comparing, compared, grouped, open_pairs
from calibrant.dialogue.answered import words_in
from calibrant.dialogue.asks import again_ask, tokens_in
from calibrant.dialogue.entailment import Same
from calibrant.dialogue.posture import Postured, postured
from calibrant.dialogue.stated import is_none_of_above, parse_distribution
from calibrant.errors import NoScore
from calibrant.types import Ask, Completion, Cost, Question, Reading, Replies, scored

__all__ = ["Vpd"]

OPEN = (
    "{how} fewer than five possible answers, each with the probability that it is correct; the probabilities "
    'sum to 100%. Unless options are given, add the answer "None of the above". {posture} Write one line for '
    "each{only}: the answer, a colon, and the probability in percent."
)
CHOICE = (
    "{how} {which} options, each with the probability that it is correct; the probabilities sum to 100%. {posture} "
    "Write one line for each{only}: the option, a colon, and the probability in percent."
)
LISTED = 5
"""Options are all listed where there are so many, else the likeliest of them."""
NONE = -1
"""The group of "None of the above", which is no answer and the same as none."""
PLAIN = {"how": "List", "only": " and nothing else"}
REASONED = {"how": "Reason step by step first, then list", "only": " at the end"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Vpd(Comparing, Postured):
    """The verbalised probability distribution: the mean share of the answer over several samples.

    Each sample states candidates with probabilities, put to the question afresh: the options of
    `metadata["options"]`, of more than five the likeliest; else fewer than five answers and "None of the above".
    Candidates that say the same are one, in the words stated with the largest share. Shares that sum to more
    than 1 are scaled down; to less, they are left, so that a single candidate stated with 0.6 stays at 0.6. More
    than half of the samples must be readable. An answer that no sample names scores 0, but a sample that was cut
    off before it named the answer is not readable. `reasoning` lets the model think first. `detail` has the
    candidate stated with the largest share as
    `best` with `best_score`; "None of the above" is no answer, so it is the runner-up where that leads, and
    absent where nothing else is named. Raises `ValueError` for an unknown posture.

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
    same: Same = None

    def __post_init__(self) -> None:
        Postured.__post_init__(self)
        if self.samples < 1:
            raise ValueError(f"Expected samples of at least 1; got {self.samples}.")

    @property
    def put(self) -> tuple[str, ...]:
        """For a question without options, with few, and with many."""
        return tuple([self._instruction(options) for options in (0, LISTED, LISTED + 1)])

    def _instruction(self, options: int) -> str:
        """What is asked of a question with so many options; of one with none, about any answer."""
        which = "the" if options <= LISTED else f"the {LISTED} likeliest of the"
        words = REASONED if self.reasoning else PLAIN
        text = CHOICE if options else OPEN
        return postured(text, self.posture).format(which=which, **words)

    @property
    def _room(self) -> int:
        return self.max_tokens + 700 * self.reasoning

    @property
    def pairs(self) -> int:
        """The answer and each candidate."""
        return LISTED * self.samples

    @property
    def cost(self) -> Cost:
        read = self.samples * tokens_in(self._instruction(0))
        return Cost(calls=self.samples, read=read, written=self.samples * self._room) + self.comparing

    def read(
        self, question: Question, completion: Completion
    ) -> Generator[Ask | tuple[Ask, ...], Any, Reading]:
        """One Ask for all samples."""
        answer = words_in(completion)
        replies: Replies = yield again_ask(
            question,
            self._instruction(len(options_of(question))),
            samples=self.samples,
            temperature=self.temperature,
            max_tokens=self._room,
        )
        _ = replies.first  # or there is none, and why
        valid, bad = [], ""
        for one in replies.completions:
            stated = parse_distribution(one.text) or ()
            cut = one.finish_reason == "length"
            its = (yield from compared(question, answer, [name for name, _ in stated])) if cut else None
            if stated and (its is None or any(its.same)):
                valid.append(stated)
            else:
                bad = bad or one.text
        if 2 * len(valid) <= self.samples:
            raise NoScore(
                f"Expected more than half of {self.samples} samples as whole lines of an answer and a percentage, "
                f"the model said {bad[:80]!r}.",
                valid=len(valid),
            )
        named = [pair for stated in valid for pair in stated]
        found = yield from grouped(
            question, [answer, *("" if is_none_of_above(name) else name for name, _ in named)],
            self.same, self.pairs,
        )  # fmt: skip
        shares: dict[int, list[float]] = {}
        names: dict[int, tuple[float, str]] = {}
        for label, (name, share) in zip(found.labels[1:], named, strict=True):
            label = NONE if is_none_of_above(name) else label
            shares.setdefault(label, []).append(share)
            names[label] = max(names.get(label, (share, name)), (share, name), key=lambda pair: pair[0])
        mean = {label: min(1.0, math.fsum(some) / len(valid)) for label, some in shares.items()}
        distribution = {names[label][1]: share for label, share in mean.items()}
        told = {**_best(distribution), **open_pairs(found.undecided)}
        return scored(mean.get(found.labels[0], 0.0), distribution=distribution, valid=len(valid), **told)


def _best(distribution: Mapping[str, float]) -> dict[str, Any]:
    """The answer with the largest share; nothing where "None of the above" is all there is."""
    answers = {name: share for name, share in distribution.items() if not is_none_of_above(name)}
    if not answers:
        return {}
    best = max(answers, key=answers.__getitem__)
    return {"best": best, "best_score": answers[best]}
