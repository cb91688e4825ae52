"""Refine a prompt by the confidence under it: choose on some questions, report on others."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from typing import Any

import numpy as np

from ..asking.asker import Asker
from ..asking.whole import replies
from ..errors import UnusableInput
from ..phrasing.numbers import fixed, interval
from ..plugins import find
from ..protocols import Grader, Signal
from ..types import Question, Sampling
from .prompts import LONGEST_PROMPT, SEED, TEMPLATES, Prompt, mutations, rewrite_ask, rewrites
from .selection import Claim, Confirmation, Indexes, Sheet, Standing, claim, confirm, standings
from .trials import Trials

__all__ = ["LEAST", "Candidate", "Refinement", "at_most", "refine"]

LEAST = 60
"""Labelled questions, by id, below which nothing is chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A prompt and what was seen under it on the `n` questions of the choice that it was asked.

    `quantiles` are the least score, the quartiles and the largest; `missing` is the share without a score.
    `calls` and `tokens` are what the answers and the signal on them took, whether or not a call was needed:
    one that was made earlier or for another counts as well.
    """

    prompt: Prompt
    n: int
    accuracy: float
    auroc: float | None
    quantiles: tuple[float, ...]
    distinct: int
    missing: float
    calls: int
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Refinement:
    """How the choice went.

    `leader` is the best candidate on the questions of the choice, the seed only where no other is left.
    `separated`: the bound of its gain there is above zero, for all the prompts that were compared at once.
    `winner` is the leader where it was separated and the untouched questions confirm it, else the seed.
    `confirmation` and `claims` (Brier score, ECE) are about the leader, on the untouched questions. The answers
    of `cut` end at their limit of tokens: they count, and are graded, as they stand.
    """

    model: str
    signal: str
    winner: Prompt
    leader: Prompt
    separated: bool
    selected_on: int
    confirmation: Confirmation
    claims: tuple[Claim, Claim]
    rounds: tuple[tuple[Standing, ...], ...]
    candidates: tuple[Candidate, ...]
    unusable_rewrites: int
    cut: int
    reasons: Mapping[str, int]
    calls: int
    tokens: int

    @property
    def confirmed(self) -> bool:
        """Whether the interval of the leader's gain lies above zero on the untouched questions."""
        return self.confirmation.brier_gain.low > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        told = asdict(self)
        confirmation = told.pop("confirmation")
        return told | {
            "confirmed": self.confirmed, "confirm": confirmation, "sentences": self.sentences(),
            "temperature": {"leader": confirmation["after"].get("temperature"),
                            "seed": confirmation["seed_after"].get("temperature")},
            "claimed": {one["measure"]: one for one in told.pop("claims")},
            "candidates": [asdict(one) | {"digest": one.prompt.digest} for one in self.candidates],
        }  # fmt: skip

    def sentences(self) -> list[str]:
        """What was found, for people."""
        c, claimed = self.confirmation, self.claims[0]
        first = self._decision()
        gains = [
            f"{name} {interval(gain, signed=True)}"
            for name, gain in (("Brier", c.brier_gain), ("accuracy", c.accuracy_gain), ("ECE", c.ece_gain))
        ]
        told = [
            first,
            f"On {c.n} questions that had no part in it, gain of {self.leader.name} over the seed: "
            f"{', '.join(gains)}; above zero is better.",
            f"Choosing among the {claimed.candidates} finalists on these questions would have claimed a Brier "
            f"gain of {fixed(claimed.claimed, signed=True)} for {claimed.picked}; among candidates that are alike "
            f"such claims are about {fixed(claimed.optimism)} too high on average.",
        ]
        auroc = {one.prompt.name: one.auroc for one in self.candidates}
        picked = self.claims[1].picked
        if (auroc[picked] or 0.5) <= 0.55:
            told.append(
                f"ECE alone would have chosen {picked}, whose confidence ranks no better than chance."
            )
        return told

    def _alone(self) -> str:
        """Why no other prompt leads: what the last round in which there were others says of them."""
        others = [[row for row in rows if row.name != SEED.name] for rows in self.rounds]
        last = next(rows for rows in reversed(others) if rows)
        asked = f"{last[0].n}" + (f" of {self.selected_on}" if last[0].n < self.selected_on else "")
        if all(row.out for row in last):
            return f"No other prompt that was asked {asked} questions kept the seed's accuracy"
        return f"No other prompt that was asked {asked} questions had a lower Brier score than the seed"

    def _decision(self) -> str:
        if self.leader.digest == SEED.digest:
            return f"{self._alone()}: the seed is kept."
        if not self.separated:
            return (
                f"No prompt was separated from the seed on {self.selected_on} questions: the seed is kept. "
                f"The best of the others was {self.leader.name}."
            )
        if not self.confirmed:
            return (
                f"{self.leader.name} was better on {self.selected_on} questions, which the {self.confirmation.n} "
                "untouched ones did not confirm: the seed is kept."
            )
        return f"Chosen: {self.winner.name}, on {self.selected_on} questions, and confirmed on others."


def _schedule(selected: int, candidates: int, rounds: int) -> list[tuple[int, int]]:
    """Of each round how many questions, and how many candidates join before it."""
    first = candidates if rounds == 1 else max(2, ceil(candidates * 2 / 3))
    joining = [first] + [
        (candidates - first) * (r + 1) // (rounds - 1) - (candidates - first) * r // (rounds - 1)
        for r in range(rounds - 1)
    ]
    return [(max(1, selected >> (rounds - 1 - r)), joining[r]) for r in range(rounds)]


def at_most(
    questions: Iterable[Question],
    signal: Signal,
    *,
    candidates: int = 12,
    rounds: int = 3,
    share: float = 0.4,
    seed: int = 0,
) -> list[Question]:
    """What a run asks at the most, each question as the longest prompt would put it, and the rewrites last.

    Of questions with references, as the others are not asked; settings and errors as those of `refine`.

    >>> from calibrant.types import Message
    >>> asked = [Question(id=f"{i}", messages=(Message("user", f"{i}?"),), references=("4",)) for i in range(300)]
    >>> len(at_most(asked, find("signals", "mean_logprob")()))
    2417
    """
    _check(candidates, rounds, share)
    longest = LONGEST_PROMPT if not signal.cost.samples else replace(LONGEST_PROMPT, reasoning=0)
    chosen, held = ([longest.around(one) for one in part] for part in _parted(questions, share, seed))
    asked, pool, before = [], 0, 0
    for at, (size, joining) in enumerate(_schedule(len(chosen), candidates, rounds)):
        pool = _survivors(pool) if at else 0
        asked += chosen[before:size] * pool + chosen[:size] * joining
        pool, before = pool + joining, size
    rewriting = rewrite_ask(longest, candidates)
    settings = Sampling(max_tokens=rewriting.max_tokens)
    rewritten = Question(id="rewrite", messages=rewriting.messages, settings=settings)
    return asked + held * pool + [rewritten] * (rounds - 1)


def _check(candidates: int, rounds: int, share: float) -> None:
    if candidates < 2 or rounds < 1 or not 0.1 <= share <= 0.9:
        raise UnusableInput(
            "Expected at least 2 candidates, at least 1 round and a share from 0.1 to 0.9 to confirm on; "
            f"got {candidates}, {rounds} and {share}."
        )


def _survivors(pool: int) -> int:
    """The upper half, and the seed."""
    return min(pool, ceil(pool / 2) + 1)


async def refine(
    questions: Iterable[Question],
    *,
    asker: Asker,
    signal: Signal,
    grader: Grader | None = None,
    name: str = "signal",
    candidates: int = 12,
    rounds: int = 3,
    share: float = 0.4,
    max_accuracy_loss: float = 0.02,
    seed: int = 0,
    workers: int = 16,
    progress: Callable[[int], None] | None = None,
) -> Refinement:
    """Search for a prompt under which confidence is worth more, and report on questions not used for it.

    Questions are parted once, those of one id together. Rounds of successive halving on growing numbers of
    them keep the upper half by Brier score after a map fitted on the other fold (Platt); before each further
    round prompts made of the best ones, and the model's own rewrites, join. Everything is asked through
    `asker`: a run with a call log that was stopped goes on where it was.

    Parameters
    ----------
    grader : judges answers, `by_kind` where not given; it must not ask a model
    candidates : prompts at the most, the seed among them
    share : of the questions, kept untouched to report on
    max_accuracy_loss : a prompt that loses more than this, with evidence, is out
    progress : called with the number of answers read so far

    Raises `UnusableInput` below 60 questions with references, for settings out of range and where the first
    questions give no score at all, and `BudgetSpent` or `ModelUnavailable` where calls are missing that may
    succeed another time.
    """
    _check(candidates, rounds, share)
    chosen, held = _parted(questions, share, seed)
    run = Trials(asker, name, signal, grader or find("graders", "by_kind")(), workers, progress)
    search = _Search(run, chosen, max_accuracy_loss, random.Random(seed))
    final = await search.run(candidates, rounds)
    leader = next((row.name for row in final if row.name != SEED.name and not row.out), SEED.name)
    standing = next(row for row in final if row.name == leader)
    separated = leader != SEED.name and standing.least_gain > 0
    pool = {row.name: search.pool[row.name] for row in final}
    pairs = {n: (await run.sheet(p, chosen), await run.sheet(p, held)) for n, p in pool.items()}
    cluster = _clusters(held)
    confirmation = confirm(pairs[leader], pairs[SEED.name], cluster)
    kept = leader if separated and confirmation.brier_gain.low > 0 else SEED.name
    return Refinement(
        model=asker.model.name, signal=name, winner=pool[kept], leader=pool[leader], separated=separated,
        selected_on=len(chosen), confirmation=confirmation,
        claims=claim(pairs, SEED.name, leader, cluster), rounds=tuple(search.rounds),
        candidates=tuple(map(search.described, search.pool.values())), unusable_rewrites=search.unusable,
        cut=sum(seen.cut for under in run.seen.values() for seen in under.values()),
        reasons=dict(run.reasons.most_common()), calls=asker.spending.calls, tokens=asker.spending.tokens,
    )  # fmt: skip


def _parted(questions: Iterable[Question], share: float, seed: int) -> tuple[list[Question], list[Question]]:
    """The questions to choose on, in random order, and the untouched ones; those of one id stay together."""
    labelled = [question for question in questions if question.references]
    ids = sorted({question.id for question in labelled})
    if len(ids) < LEAST:
        raise UnusableInput(
            f"Refining a prompt needs at least {LEAST} questions that have references, each with an id of its "
            f"own; got {len(ids)}. Add questions with their right answers in a column gold."
        )
    random.Random(seed).shuffle(ids)
    place = {one: at for at, one in enumerate(ids)}
    ordered = sorted(labelled, key=lambda question: place[question.id])
    first = len(ids) - round(len(ids) * share)
    return [q for q in ordered if place[q.id] < first], [q for q in ordered if place[q.id] >= first]


def _clusters(questions: list[Question]) -> Indexes:
    number: dict[str, int] = {}
    return np.array([number.setdefault(question.id, len(number)) for question in questions], dtype=np.intp)


@dataclass(slots=True)
class _Search:
    """The rounds of successive halving."""

    by: Trials
    questions: list[Question]
    max_accuracy_loss: float
    rng: random.Random
    pool: dict[str, Prompt] = field(default_factory=dict)
    rounds: list[tuple[Standing, ...]] = field(default_factory=list)
    unusable: int = 0

    async def run(self, candidates: int, rounds: int) -> list[Standing]:
        """The standings of the last round."""
        cluster = _clusters(self.questions)
        alive, rows = [SEED.name], list[Standing]()
        self.pool[SEED.name] = SEED
        for at, (size, joining) in enumerate(_schedule(len(self.questions), candidates, rounds)):
            alive = alive if at == 0 else self._upper(rows)
            new = self._templates(joining - 1) if at == 0 else await self._joining(alive, joining)
            for prompt in new:
                self.pool[prompt.name] = prompt
                alive.append(prompt.name)
            some = self.questions[:size]
            sheets = {name: await self.by.sheet(self.pool[name], some) for name in alive}
            if not any(sheet.seen.any() for sheet in sheets.values()):
                raise self._unread(size)
            rows = standings(
                sheets,
                SEED.name,
                cluster[:size] % 2,
                cluster[:size],
                max_accuracy_loss=self.max_accuracy_loss,
                compared=len(self.pool) - 1,
            )
            self.rounds.append(tuple(rows))
        return rows

    def _unread(self, questions: int) -> UnusableInput:
        (reason, _), *_ = self.by.reasons.most_common(1)
        return UnusableInput(
            f"Expected scores to choose by, but {self.by.name} gave none on {questions} questions under "
            f"{len(self.pool)} prompts. Mostly: {reason} Choose a signal that can be read of this model; "
            "`calibrant signals` tells what each needs."
        )

    def _templates(self, count: int) -> list[Prompt]:
        context = any(question.metadata.get("context") for question in self.questions)
        drawn = bool(self.by.signal.cost.samples)  # samples would be compared with their reasoning
        fit = [p for p in TEMPLATES if (context or not p.with_evidence) and not (drawn and p.reasoning)]
        # Evidence changes most, so it comes first where there is some.
        return sorted(fit, key=lambda prompt: not prompt.with_evidence)[:count]

    def _upper(self, rows: list[Standing]) -> list[str]:
        kept = [row.name for row in rows if not row.out][: ceil(len(rows) / 2)]
        return kept if SEED.name in kept else [*kept, SEED.name]

    async def _joining(self, alive: list[str], count: int) -> list[Prompt]:
        """The model's rewrites of the best prompt, at most half, and mutations of the best three."""
        best = [self.pool[name] for name in alive if name != SEED.name] or [SEED]
        source = next((prompt for prompt in best if not prompt.reasoning), SEED)
        wanted, made = count // 2, list[Prompt]()
        if wanted:
            answered = await replies(self.by.asker, rewrite_ask(source, wanted))
            text = answered.completions[0].text if answered.completions else ""
            made, unusable = rewrites(source, text, wanted)
            self.unusable += unusable
        made += mutations(best[:3], count - len(made), self.rng)
        known = {prompt.digest for prompt in self.pool.values()}
        return list({p.digest: p for p in made if p.digest not in known}.values())

    def described(self, prompt: Prompt) -> Candidate:
        """A candidate as it was on the questions of the choice."""
        seen = self.by.seen[prompt.digest]
        rows = [seen[id(question)] for question in self.questions if id(question) in seen]
        sheet = Sheet(np.array([row.right for row in rows]), np.array([row.score for row in rows]))
        scores = sheet.score[sheet.seen]
        quantiles = np.quantile(scores, [0, 0.25, 0.5, 0.75, 1]).tolist() if len(scores) else []
        return Candidate(
            prompt=prompt, n=len(rows), accuracy=float(sheet.right.mean()), auroc=sheet.auroc,
            quantiles=tuple(quantiles), distinct=len(set(scores.tolist())),
            missing=1 - len(scores) / len(rows),
            calls=sum(row.calls for row in rows), tokens=sum(row.tokens for row in rows),
        )  # fmt: skip
