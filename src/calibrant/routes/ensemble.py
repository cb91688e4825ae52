"""Several models answer, or one several times; their votes are pooled."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from calibrant.asking.asker import Asker, Budget
from calibrant.asking.assessing import Assessor
from calibrant.asking.meter import Meter, total
from calibrant.asking.steps import ended
from calibrant.dialogue.agreement import Grouped, grouped
from calibrant.dialogue.asks import carrying
from calibrant.dialogue.entailment import Same
from calibrant.errors import ModelError, UnusableInput
from calibrant.http.loop import gathered
from calibrant.plans.ballots import Ballots, levels_of
from calibrant.plans.votes import VotePool
from calibrant.protocols import Model, Parts, Route
from calibrant.types import Answered, Ask, Completion, Confidence, Question, Reading, Step

__all__ = ["Ensemble"]

NO_POOL = (
    "no pool of votes was fitted, so that the majority answers without a probability; fit one with "
    "`calibrant plan ensemble LOG --models ... --out POOL`"
)
UNNAMED = "confidence"
"""The signal of a log that does not name its signals: live it is the calibrated probability of each answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ensemble(Route):
    """Several models answer at once, or one model several times, and a fitted pool weighs their votes.

    Answers that say the same are one candidate: by the rules of the question's kind (`calibrant.answers.same`), and
    where these cannot tell, by the model that `same` names; what nobody can tell is counted in the steps. With a `pool`
    the likeliest candidate is answered, in the words of its surest voter, with the pool's probability; without one
    the majority is (ties go to the higher mean confidence, then to the order of the models), and there is no
    probability. A model that fails, or says nothing, has no vote; where all fail `ModelError` is raised. A stream
    gives the answer in one piece, for nothing can be said before the votes are counted.

    Parameters
    ----------
    models : distinct names; their order breaks ties
    pool : made by `calibrant plan ensemble`; it must know the models
    assessors : by the model's name; how sure each is of its own answer. A model without one votes by its accuracy.
    samples : with one model, how many answers are drawn, at `temperature`; the pool is then one of `--shared`
    at_once : calls under way at one time
    same : who is asked whether two answers say the same where the rules cannot tell: "model" is the first of them,
        "peer" and "judge" are among `others`, by these names
    seconds : what that may take for one question

    Examples
    --------
    >>> from calibrant.models.scripted import Scripted
    >>> from calibrant.types import Message
    >>> asked = (Message("user", "The capital of Australia?"),)
    >>> said = {"a": "Canberra", "b": "Sydney", "c": "It is Canberra."}
    >>> route = Ensemble(models=[Scripted({asked[0].content: text}, name=name) for name, text in said.items()])
    >>> got = asyncio.run(route.answer(Question(id="q", messages=asked), Ask(messages=asked), frozenset()))
    >>> got.completion.text, got.confidence.p, got.steps[-1].outcome
    ('Canberra', None, '2 of 3 votes for the answer')
    """

    files: ClassVar = {"pool": VotePool}
    models: Sequence[Model]
    pool: VotePool | None = None
    assessors: Mapping[str, Assessor] = field(default_factory=dict)
    samples: int = 1
    temperature: float = 1.0
    at_once: int = 8
    same: Same = None
    seconds: float = 30.0
    others: Mapping[str, Model] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [model.name for model in self.models]
        if not names or len(set(names)) != len(names):
            raise UnusableInput(
                f"An ensemble needs models of distinct names; got {', '.join(names) or 'none'}."
            )
        if self.samples < 1 or self.at_once < 1 or (self.samples > 1 and len(names) > 1):
            raise UnusableInput(
                "Several samples are drawn of one model; for several models leave `samples` at 1. `at_once` is at "
                f"least 1. Got {len(names)} models, samples = {self.samples}, at_once = {self.at_once}."
            )
        if self.same in ("peer", "judge") and self.same not in self.others:
            raise UnusableInput(
                f"same = {self.same!r} asks a model of that name: add a section [{self.same}]."
            )
        if self.pool is not None and self.pool.shared != (self.samples > 1):
            raise UnusableInput(
                "A pool of samples (`calibrant plan ensemble --shared`) goes with samples of one model, and another "
                f"pool with several models; got a {'shared' if self.pool.shared else 'plain'} pool and samples = "
                f"{self.samples}."
            )
        if self.pool is not None:
            self.pool.known(tuple(names))

    @classmethod
    def roles(cls, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Two models or more, but one where it is asked for several samples."""
        return None if settings.get("samples", 1) != 1 else ()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], parts: Parts) -> Self:
        """Of all the way's models; they vote by their accuracy where no signal is read."""
        models = list(parts.models.values())
        assessors = {one.name: parts.assessor(one) for one in models} if parts.signals else {}
        others = parts.assessor(models[0]).others
        return cls(models=models, assessors=assessors, others=others, **settings)

    async def answer(self, question: Question, ask: Ask, needs: frozenset[str]) -> Answered:
        """The pooled answer; `steps` tell what each voter said, at what cost."""
        votes, failed = await self._votes(question, ask, needs)
        if not votes:
            told = "; ".join(step.outcome for step in failed)
            raise ModelError(f"No model of the ensemble gave an answer: {told}")
        found, compared = await self._grouped(question, [vote.completion.text for vote in votes])
        labels = found.labels
        confidence, chosen = self._pooled(question, votes, labels)
        winner = max(
            (vote for vote, label in zip(votes, labels, strict=True) if label == chosen), key=_surety
        )
        told = f"{labels.count(chosen)} of {len(votes)} votes for the answer"
        said = [vote.step(label == chosen) for vote, label in zip(votes, labels, strict=True)]
        by = f"pool {self.pool.pool_id}" if self.pool else "majority"
        if found.undecided:
            told += f"; {found.undecided} pairs of answers cannot be told the same or different, and count as different"
        last = Step(name="pool", model=by, outcome=told, p=confidence.p)
        return Answered(
            completion=winner.completion, readings=winner.readings, confidence=confidence,
            steps=(*said, *failed, *compared, last),
        )  # fmt: skip

    async def _grouped(self, question: Question, texts: Sequence[str]) -> tuple[Grouped, list[Step]]:
        """The answers in groups of one meaning, and a step where a model was asked for that."""
        asker = Asker(self.models[0], budget=Budget(seconds=self.seconds), retries=1, others=self.others)
        meter = Meter(asker)
        found = await ended(grouped(question, texts, self.same), asker)
        cost, seconds = meter.read()
        calls = sum(spent.calls for spent in asker.spendings.values())
        if not calls:
            return found, []
        model = self.models[0] if self.same == "model" else self.others[str(self.same)]
        told = f"asked in {calls} calls which answers say the same: {len(set(found.labels))} different ones"
        return found, [Step(name="compare", model=model.name, outcome=told, cost=cost, latency=seconds)]

    async def _votes(
        self, question: Question, ask: Ask, needs: frozenset[str]
    ) -> tuple[list[_Vote], list[Step]]:
        """The votes in the order of the models, and a step for each that there is not."""
        places = asyncio.Semaphore(self.at_once)
        came = await gathered(self._asked(model, question, ask, needs, places) for model in self.models)
        each = [one for some in came for one in some]
        votes = [one for one in each if isinstance(one, _Vote)]
        return votes, [one for one in each if isinstance(one, Step)]

    async def _asked(
        self, model: Model, question: Question, ask: Ask, needs: frozenset[str], places: asyncio.Semaphore
    ) -> list[_Vote | Step]:
        assessor = self.assessors.get(model.name)
        wanted = carrying(ask, needs | assessor.needs if assessor else needs)
        if self.samples > 1:
            wanted = replace(wanted, samples=self.samples, temperature=self.temperature)
        async with places:
            try:
                completions = await model.complete(wanted)
            except ModelError as error:
                return [Step(name="vote", model=model.name, outcome=f"failed, no vote: {error}")]
            asker = assessor.asker() if assessor else None
            votes: list[_Vote | Step] = []
            for i, completion in enumerate(completions):
                name = f"{model.name}#{i + 1}" if self.samples > 1 else model.name
                votes.append(await _assessed(name, question, completion, assessor, asker))
        return votes

    def _pooled(
        self, question: Question, votes: Sequence[_Vote], labels: Sequence[int]
    ) -> tuple[Confidence, int]:
        ballots = _ballots(question, votes, labels, self.pool)
        if self.pool is None:
            heads = ballots.votes.sum(axis=0)
            sure = [math.nan if vote.confidence.p is None else float(vote.confidence.p) for vote in votes]
            means = [
                np.nanmean(part) if np.isfinite(part).any() else 0.0
                for part in (np.array(sure)[np.array(labels) == k] for k in range(len(heads)))
            ]
            return Confidence(p=None, reason=NO_POOL), int(ballots.best(heads, np.array(means))[0])
        chosen = int(self.pool(ballots).best[0])
        return self.pool.confidence(ballots, question.task, question.domain), chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class _Vote:
    """What one voter said and how sure it is; `spent` are US dollars for its signals, None where not known."""

    name: str
    completion: Completion
    readings: tuple[Reading, ...]
    confidence: Confidence
    spent: float | None

    def step(self, won: bool) -> Step:
        said = " ".join(self.completion.text.split())
        return Step(
            name="vote", model=self.name,
            outcome=f"{'for' if won else 'against'} the answer: {said if len(said) <= 80 else said[:79] + '…'}",
            p=self.confidence.p, cost=total(self.completion.cost, self.spent),
            latency=self.completion.latency,
        )  # fmt: skip


def _surety(vote: _Vote) -> float:
    return -1.0 if vote.confidence.p is None else float(vote.confidence.p)


async def _assessed(
    name: str, question: Question, completion: Completion, assessor: Assessor | None, asker: Asker | None
) -> _Vote | Step:
    if not completion.text.strip():
        return Step(name="vote", model=name, outcome="said nothing, no vote", cost=completion.cost,
                    latency=completion.latency)  # fmt: skip
    readings: tuple[Reading, ...] = ()
    confidence = Confidence(p=None, reason=f"no assessor for {name}")
    spent: float | None = 0.0
    if assessor is not None and asker is not None:
        meter = Meter(asker)
        readings, confidence = await assessor.assess(question, completion, asker)
        spent, _ = meter.read()
    return _Vote(name=name, completion=completion, readings=readings, confidence=confidence, spent=spent)


def _ballots(
    question: Question, votes: Sequence[_Vote], labels: Sequence[int], pool: VotePool | None
) -> Ballots:
    """One item's ballots, with the scores of the signals that the pool reads."""
    scores = {}
    for signal in pool.signals if pool else ():
        found = [_score(vote, signal) for vote in votes]
        scores[signal] = np.array(found, dtype=np.float64)[:, None]
    known = {"task": question.task, "domain": question.domain}
    levels = levels_of(*([known[name]] for name in pool.by)) if pool else ()
    return Ballots(
        voters=tuple(vote.name for vote in votes), choice=np.array(labels, dtype=np.intp)[:, None],
        scores=scores, levels=levels,
    )  # fmt: skip


def _score(vote: _Vote, signal: str) -> float:
    read = next((r.score for r in vote.readings if r.signal == signal and r.score is not None), None)
    if read is None and signal == UNNAMED and vote.confidence.p is not None:
        return float(vote.confidence.p)
    return math.nan if read is None else float(read)
