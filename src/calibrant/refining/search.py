"""Refine a prompt by the confidence under it: choose on some questions, report on others."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from ..asking.asker import Asker
from ..asking.whole import replies
from ..dialogue.prompts import SEED, Prompt
from ..dialogue.untrusted import context_of
from ..errors import Misuse, UnusableInput
from ..plugins import find
from ..protocols import Grader, Signal
from ..types import Question, Sampling
from .findings import Candidate, Refinement
from .measured import measured
from .prompts import LONGEST_PROMPT, TEMPLATES, mutations, rewrite_ask, rewrites
from .selection import REWARD, Indexes, Objective, Sheet, Standing, claim, confirm, standings
from .trials import Trials

__all__ = ["LEAST", "at_most", "refine"]

LEAST = 60
"""Labelled questions, by id, below which nothing is chosen."""


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
        raise Misuse(
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
    objective: Objective = REWARD,
    max_accuracy_loss: float = 0.02,
    seed: int = 0,
    workers: int = 16,
    progress: Callable[[int], None] | None = None,
) -> Refinement:
    """Search for a prompt under which confidence is worth more, and report on questions not used for it.

    Questions are parted once, those of one id together. Rounds of successive halving on growing numbers of
    them keep the upper half by the objective, of probabilities from a map fitted on the other fold (Platt); before each
    further round prompts made of the best ones, and the model's own rewrites, join. Everything is asked through
    `asker`: a run with a call log that was stopped goes on where it was.

    Parameters
    ----------
    grader : judges answers, `by_kind` where not given; what a grader asks goes through the asker too
    candidates : prompts at the most, the seed among them
    share : of the questions, kept untouched to report on
    objective : what an answer and its confidence are worth
    max_accuracy_loss : a prompt that loses more than this, with evidence, is out
    progress : called with the number of answers read so far

    Raises `UnusableInput` below 60 questions with references, for settings out of range and where the first
    questions give no score at all, and `BudgetSpent` or `ModelUnavailable` where calls are missing that may
    succeed another time.
    """
    _check(candidates, rounds, share)
    chosen, held = _parted(questions, share, seed)
    run = Trials(asker, name, signal, grader or find("graders", "by_kind")(), workers, progress)
    search = _Search(run, chosen, objective, max_accuracy_loss, random.Random(seed))
    final = await search.run(candidates, rounds)
    leader = next((row.name for row in final if row.name != SEED.name and not row.out), SEED.name)
    standing = next(row for row in final if row.name == leader)
    separated = leader != SEED.name and standing.least_gain > 0
    pool = {row.name: search.pool[row.name] for row in final}
    pairs = {n: (await run.sheet(p, chosen), await run.sheet(p, held)) for n, p in pool.items()}
    cluster = _clusters(held)
    confirmation = confirm(pairs[leader], pairs[SEED.name], cluster, objective)
    kept = leader if separated and confirmation.reward_gain.low > 0 else SEED.name
    before, after = (measured(*pairs[one], *run.cost(pool[one], held)) for one in (SEED.name, leader))
    return Refinement(
        model=asker.model.name, signal=name, winner=pool[kept], leader=pool[leader], separated=separated,
        selected_on=len(chosen), confirmation=confirmation,
        objective=objective, before=before, after=after,
        claims=claim(pairs, SEED.name, leader, cluster, objective), rounds=tuple(search.rounds),
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
    objective: Objective
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
                objective=self.objective,
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
        context = any(context_of(question).strip() for question in self.questions)
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
            prompt=prompt, n=len(rows), accuracy=float(sheet.right.mean()),
            ungraded=sum(row.ungraded for row in rows), auroc=sheet.auroc, quantiles=tuple(quantiles),
            distinct=len(set(scores.tolist())),
            missing=1 - len(scores) / len(rows),
            calls=sum(row.calls for row in rows), tokens=sum(row.tokens for row in rows),
        )  # fmt: skip
