"""Refine a prompt by the confidence under it: choose on some questions, report on others."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any

import numpy as np

from .asker import Asker, Interrupted
from .asks import answer_ask
from .elicit import read
from .errors import BudgetSpent, ModelUnavailable, NotEnoughLabels, UnusableInput
from .plugins import find
from .prompts import SEED, TEMPLATES, Prompt, final_answer, mutations, rewrite_ask, rewrites
from .protocols import Grader, Signal
from .selection import Claim, Confirmation, Indexes, Sheet, Standing, claim, confirm, standings
from .types import Ask, Question, Replies

__all__ = ["LEAST", "Candidate", "Refinement", "calls_at_most", "refine"]

LEAST = 60
"""Labelled questions, by id, below which nothing is chosen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A prompt and what was seen under it on the `n` questions of the choice that it was asked.

    `quantiles` are the least score, the quartiles and the largest; `missing` is the share without a score.
    `calls` are answers asked for and `tokens` those they took, without the signal's own.
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

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"digest": self.prompt.digest}


@dataclass(frozen=True, kw_only=True, slots=True)
class Refinement:
    """How the choice went.

    `leader` is the best candidate on the questions of the choice, the seed only where no other is left.
    `winner` is the leader where the interval of its gain there excludes zero, else the seed. `confirmation`
    and `claims` (Brier score, ECE) are about the leader, on the untouched questions.
    """

    model: str
    signal: str
    winner: Prompt
    leader: Prompt
    selected_on: int
    confirmation: Confirmation
    claims: tuple[Claim, Claim]
    rounds: tuple[tuple[Standing, ...], ...]
    candidates: tuple[Candidate, ...]
    unusable_rewrites: int
    reasons: Mapping[str, int]
    calls: int
    tokens: int

    @property
    def separated(self) -> bool:
        """Whether the leader was told from the seed where it was chosen."""
        return self.winner.digest != SEED.digest

    @property
    def confirmed(self) -> bool:
        """Whether the interval of the leader's gain excludes zero on the untouched questions too."""
        return self.confirmation.brier_gain.low > 0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "model": self.model, "signal": self.signal, "winner": asdict(self.winner),
            "leader": asdict(self.leader), "separated": self.separated, "confirmed": self.confirmed,
            "selected_on": self.selected_on, "confirmation": self.confirmation.to_json(),
            "claims": [one.to_json() for one in self.claims],
            "rounds": [[row.to_json() for row in rows] for rows in self.rounds],
            "candidates": [one.to_json() for one in self.candidates],
            "unusable_rewrites": self.unusable_rewrites, "reasons": dict(self.reasons),
            "calls": self.calls, "tokens": self.tokens, "sentences": self.sentences(),
        }  # fmt: skip

    def sentences(self) -> list[str]:
        """What was found, for people."""
        c, claimed = self.confirmation, self.claims[0]
        if self.separated:
            first = f"Chosen: {self.winner.name}, on {self.selected_on} questions."
        else:
            first = (
                f"No prompt was separated from the seed on {self.selected_on} questions: the seed is kept. "
                f"The best of the others was {self.leader.name}."
            )
        gains = [
            f"{name} {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
            for name, gain in (("Brier", c.brier_gain), ("accuracy", c.accuracy_gain), ("ECE", c.ece_gain))
        ]
        told = [
            first,
            f"On {c.n} questions that had no part in it, gain of {self.leader.name} over the seed: "
            f"{', '.join(gains)}; above zero is better.",
            f"Choosing among the {claimed.candidates} finalists on these questions would have claimed a Brier "
            f"gain of {claimed.claimed:+.3f} for {claimed.picked}; such claims are {claimed.optimism:.3f} too "
            "high on average.",
        ]
        if self.separated and not self.confirmed:
            told.append(
                "The gain was not confirmed on them: keep the seed unless more questions say otherwise."
            )
        auroc = {one.prompt.name: one.auroc for one in self.candidates}
        picked = self.claims[1].picked
        if (auroc[picked] or 0.5) <= 0.55:
            told.append(
                f"ECE alone would have chosen {picked}, whose confidence ranks no better than chance."
            )
        return told


def _schedule(selected: int, candidates: int, rounds: int) -> list[tuple[int, int]]:
    """Of each round how many questions, and how many candidates join before it."""
    first = candidates if rounds == 1 else max(2, ceil(candidates * 2 / 3))
    joining = [first] + [
        (candidates - first) * (r + 1) // (rounds - 1) - (candidates - first) * r // (rounds - 1)
        for r in range(rounds - 1)
    ]
    return [(max(1, selected >> (rounds - 1 - r)), joining[r]) for r in range(rounds)]


def calls_at_most(questions: int, signal: Signal, *, candidates: int, rounds: int, share: float) -> int:
    """How many calls a run takes at the most.

    >>> calls_at_most(300, find("signals", "mean_logprob")(), candidates=12, rounds=3, share=0.4)
    2417
    """
    held = round(questions * share)
    answers = pool = before = 0
    for at, (size, joining) in enumerate(_schedule(questions - held, candidates, rounds)):
        pool = _survivors(pool) if at else 0
        answers += pool * (size - before) + joining * size
        pool, before = pool + joining, size
    cost = signal.cost
    return (answers + pool * held) * (1 + cost.calls + bool(cost.samples)) + rounds - 1


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

    Raises `NotEnoughLabels` below 60 questions with references, `UnusableInput` for settings out of range,
    and `BudgetSpent` or `ModelUnavailable` where calls are missing that may succeed another time.
    """
    if candidates < 2 or rounds < 1 or not 0.1 <= share <= 0.9:
        raise UnusableInput(
            "Expected at least 2 candidates, at least 1 round and a share from 0.1 to 0.9 to confirm on; "
            f"got {candidates}, {rounds} and {share}."
        )
    labelled = [question for question in questions if question.references]
    chosen, held = _parted(labelled, share, seed)
    run = _Run(asker, name, signal, grader or find("graders", "by_kind")(), workers, progress)
    search = _Search(run, chosen, max_accuracy_loss, random.Random(seed))
    final = await search.run(candidates, rounds)
    leader = next((row.name for row in final if row.name != SEED.name and not row.out), SEED.name)
    standing = next(row for row in final if row.name == leader)
    winner = leader if leader != SEED.name and standing.gain.low > 0 else SEED.name
    pool = {row.name: search.pool[row.name] for row in final}
    pairs = {n: (await run.sheet(p, chosen), await run.sheet(p, held)) for n, p in pool.items()}
    cluster = _clusters(held)
    return Refinement(
        model=asker.model.name, signal=name, winner=pool[winner], leader=pool[leader], selected_on=len(chosen),
        confirmation=confirm(pairs[leader], pairs[SEED.name], cluster),
        claims=claim(pairs, SEED.name, leader, cluster), rounds=tuple(search.rounds),
        candidates=tuple(search.described()), unusable_rewrites=search.unusable,
        reasons=dict(run.reasons.most_common()), calls=asker.spending.calls, tokens=asker.spending.tokens,
    )  # fmt: skip


def _parted(questions: list[Question], share: float, seed: int) -> tuple[list[Question], list[Question]]:
    """The questions to choose on, in random order, and the untouched ones; those of one id stay together."""
    ids = sorted({question.id for question in questions})
    if len(ids) < LEAST:
        raise NotEnoughLabels("Refining a prompt", LEAST, len(ids))
    random.Random(seed).shuffle(ids)
    place = {one: at for at, one in enumerate(ids)}
    ordered = sorted(questions, key=lambda question: place[question.id])
    first = len(ids) - round(len(ids) * share)
    return [q for q in ordered if place[q.id] < first], [q for q in ordered if place[q.id] >= first]


def _clusters(questions: list[Question]) -> Indexes:
    number: dict[str, int] = {}
    return np.array([number.setdefault(question.id, len(number)) for question in questions], dtype=np.intp)


@dataclass(frozen=True, slots=True)
class _Seen:
    right: float
    score: float
    tokens: int


@dataclass(slots=True)
class _Run:
    """Asks, reads and grades; keeps what it saw by prompt and question."""

    asker: Asker
    name: str
    signal: Signal
    grader: Grader
    workers: int
    progress: Callable[[int], None] | None
    seen: dict[str, dict[int, _Seen]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    done: int = 0

    async def sheet(self, prompt: Prompt, questions: list[Question]) -> Sheet:
        """The candidate on these questions; the first error ends all."""
        seen = self.seen.setdefault(prompt.digest, {})
        source = iter([question for question in questions if id(question) not in seen])

        async def work() -> None:
            for question in source:  # shared: each worker takes the next one
                seen[id(question)] = await self._one(prompt, question)
                self.done += 1
                if self.progress:
                    self.progress(self.done)

        tasks = [asyncio.create_task(work()) for _ in range(self.workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        rows = [seen[id(question)] for question in questions]
        return Sheet(np.array([row.right for row in rows]), np.array([row.score for row in rows]))

    async def replies(self, ask: Ask) -> Replies:
        """The replies; raises where another try may bring them."""
        replies = await self.asker.ask(ask)
        if isinstance(replies, Interrupted):
            self._stop(replies.reason)
        return replies

    async def _one(self, prompt: Prompt, question: Question) -> _Seen:
        put = prompt.around(question)
        ask = answer_ask(put, (self.signal,))
        if prompt.reasoning:
            ask = answer_ask(put, (self.signal,), Ask(messages=(), max_tokens=prompt.reasoning + 64))
        replies = await self.replies(ask)
        if not replies.completions:
            return self._nothing(f"answer: {replies.reason}", 0)
        whole = replies.completions[0]
        tokens = whole.usage.prompt_tokens + whole.usage.completion_tokens
        completion = final_answer(prompt, whole)
        if completion is None:
            return self._nothing("answer: the reply has no line that begins with 'Answer:'", tokens)
        (reading,) = await read({self.name: self.signal}, put, completion, self.asker)
        if reading.detail.get("interrupted"):
            self._stop(reading.reason)
        if reading.reason:
            self.reasons[f"{self.name}: {reading.reason}"[:120]] += 1
        grade = self.grader.grade(question, completion)
        if isinstance(grade, Generator):
            raise UnusableInput("Refining needs a grader that asks no model, such as by_kind or exact.")
        score = float("nan") if reading.score is None else reading.score
        return _Seen(grade or 0.0, score, tokens)

    def _nothing(self, reason: str, tokens: int) -> _Seen:
        self.reasons[reason[:120]] += 1
        return _Seen(0.0, float("nan"), tokens)

    def _stop(self, reason: str | None) -> None:
        kind = BudgetSpent if self.asker.spent else ModelUnavailable
        raise kind(f"{reason} Run the same again to go on where it stopped.")


@dataclass(slots=True)
class _Search:
    """The rounds of successive halving."""

    by: _Run
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
            rows = standings(
                sheets,
                SEED.name,
                cluster[:size] % 2,
                cluster[:size],
                max_accuracy_loss=self.max_accuracy_loss,
            )
            self.rounds.append(tuple(rows))
        return rows

    def _templates(self, count: int) -> list[Prompt]:
        context = any(question.metadata.get("context") for question in self.questions)
        limited = any(question.metadata.get("ask") for question in self.questions)
        fit = [p for p in TEMPLATES if (context or not p.with_evidence) and not (limited and p.reasoning)]
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
            replies = await self.by.replies(rewrite_ask(source, wanted))
            text = replies.completions[0].text if replies.completions else ""
            made, unusable = rewrites(source, text, wanted)
            self.unusable += unusable
        made += mutations(best[:3], count - len(made), self.rng)
        known = {prompt.digest for prompt in self.pool.values()}
        return list({p.digest: p for p in made if p.digest not in known}.values())

    def described(self) -> list[Candidate]:
        """Every candidate, as it was on the questions of the choice."""
        return [self._candidate(prompt) for prompt in self.pool.values()]

    def _candidate(self, prompt: Prompt) -> Candidate:
        seen = self.by.seen[prompt.digest]
        rows = [seen[id(question)] for question in self.questions if id(question) in seen]
        sheet = Sheet(np.array([row.right for row in rows]), np.array([row.score for row in rows]))
        scores = sheet.score[sheet.seen]
        quantiles = np.quantile(scores, [0, 0.25, 0.5, 0.75, 1]).tolist() if len(scores) else []
        return Candidate(
            prompt=prompt, n=len(rows), accuracy=float(sheet.right.mean()), auroc=sheet.auroc,
            quantiles=tuple(quantiles), distinct=len(set(scores.tolist())),
            missing=1 - len(scores) / len(rows), calls=len(rows), tokens=sum(row.tokens for row in rows),
        )  # fmt: skip
