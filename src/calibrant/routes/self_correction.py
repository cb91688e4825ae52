"""A doubtful answer is looked at again, and replaced only where another one is likelier by a margin."""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from calibrant.answers.kinds import inert
from calibrant.asking.asker import Asker, Budget, Interrupted
from calibrant.asking.assessing import Assessor
from calibrant.asking.exchanged import Exchanged
from calibrant.asking.meter import StepMeter, total
from calibrant.asking.steps import ended
from calibrant.dialogue.agreement import compared, grouped
from calibrant.dialogue.asks import carrying, judge_ask, sample_ask
from calibrant.dialogue.doubts import DOUBT, anew_ask
from calibrant.dialogue.entailment import Same
from calibrant.dialogue.forms import lined
from calibrant.dialogue.samples import Sampled
from calibrant.dialogue.untrusted import context_of, with_context
from calibrant.errors import ModelError, ModelUnavailable, UnusableInput
from calibrant.maps.calibration import CalibrationMap
from calibrant.plans.corrections import Correction, accepted, believed, by_chance, least_votes
from calibrant.protocols import Model, Policy, Route
from calibrant.types import (
    Action,
    Answered,
    Ask,
    Completion,
    Confidence,
    Json,
    Probability,
    Question,
    Reading,
    Step,
)  # fmt: skip

__all__ = ["SelfCorrection"]

SHOWN = 160

Clarify = Callable[[Question, str], str | Awaitable[str | None] | None]
"""What is known beyond the question, given the doubt: a text, or None where nothing is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An answer and how sure one may be of it, read in a conversation that knows nothing of other answers."""

    completion: Completion
    readings: tuple[Reading, ...]
    confidence: Confidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A second look: other answers than the one looked at, the likeliest first; empty where there is none.

    `now` is the answer looked at, read anew where the question became clearer. `again` is the plain second answer,
    None where a call failed, then with the `failure`. `refused` is why fresh samples do not bear the likeliest out.
    """

    now: Candidate
    candidates: tuple[Candidate, ...] = ()
    again: Completion | None = None
    question: Question
    steps: tuple[Step, ...]
    failure: str | None = None
    refused: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SelfCorrection(Route):
    """One model answers, doubts, and answers anew; the revision counts only where it is likelier to be right.

    An answer whose calibrated probability is below `threshold` (or for which `policy` would do anything but
    answer) is looked at again, at most `rounds` times: what is doubtful is named; `clarify`, else
    `metadata["clarification"]`, supplies what is missing; further samples of the question give alternatives; the
    question is answered anew with all that in view. The new answer and the alternatives are assessed by the same
    `assessor` without what led to them: token log-probabilities come from a sample of the question itself that
    says the same, and are not read where there is none. The likeliest replaces the answer where its probability
    is higher by `margin`; a tie, a probability that is not known or a failed call keeps the answer.

    No sample votes for itself: where an alternative is read by signals that draw samples, the answer looked at takes
    the place of the alternative's own sample, so that both are read among equally many others. The likeliest of
    several has been picked for the samples that say it, so samples count once more: as many fresh ones must say it
    rather than the answer looked at, by more than chance (a sign test at `chance`). An answer that the model
    says no more often than the one it would replace is then accepted in at most `chance` of such looks.

    What was picked for looking likely, on a question that proved hard, is not as likely. The probability of an
    accepted revision is that of the map `revised` (see `calibrant.routing.corrections.fit_revised`), without one the
    old probability plus `trust` times the rise; its interval then reaches from the lower to the higher interval's end.
    A stream gives the answer in one piece, since it may be replaced until then.

    Parameters
    ----------
    plan : what `calibrant plan correction --out` wrote; its threshold, margin and map of revisions stand for those here
    alternatives : further samples, drawn at `temperature`; 0 for none
    chance : see above; only where a signal draws samples. 1 asks for no fresh ones
    same : who is asked whether answers say the same where rules cannot tell: "model", the assessor's "peer" or "judge"
    seconds : what all further calls for one answer may take
    asker : shared by all answers, with limits of its own; one for each answer where not given

    >>> import asyncio
    >>> from calibrant.maps.calibration import MapSet
    >>> from calibrant.models.scripted import Scripted
    >>> from calibrant.types import Message
    >>> model, asked = Scripted({"2 + 2?": "5"}), (Message("user", "2 + 2?"),)
    >>> unmapped = Assessor(model=model, signals={}, maps=MapSet(by=(), groups=()))
    >>> route = SelfCorrection(model=model, assessor=unmapped)
    >>> got = asyncio.run(route.answer(Question(id="q", messages=asked), Ask(messages=asked), frozenset()))
    >>> got.completion.text, got.steps[-1].outcome
    ('5', 'kept: No signal is configured.')
    """

    files: ClassVar = {"plan": Correction, "revised": CalibrationMap}
    model: Model
    assessor: Assessor
    threshold: float = 0.5
    margin: float = 0.1
    rounds: int = 1
    clarify: Clarify | None = None
    policy: Policy | None = None
    revised: CalibrationMap | None = None
    plan: Correction | None = None
    trust: float = 0.5
    alternatives: int = 4
    temperature: float = 1.0
    chance: float = 0.1
    same: Same = None
    seconds: float = 60.0
    asker: Asker | None = None

    def __post_init__(self) -> None:
        if self.plan is not None:
            for name in ("threshold", "margin", "revised"):
                object.__setattr__(self, name, getattr(self.plan, name))
        for name, low, high in (("threshold", 0, 1), ("margin", 0, 1), ("trust", 0, 1), ("rounds", 0, 100)):
            value = getattr(self, name)
            if not low <= value <= high:  # also for NaN
                raise UnusableInput(f"Expected {name} from {low} to {high}; got {value!r}.")
        if not 0 < self.chance <= 1:
            raise UnusableInput(f"Expected chance above 0, and 1 at the most; got {self.chance!r}.")
        if self.alternatives < 0:
            raise UnusableInput(f"Expected alternatives of 0 or more; got {self.alternatives!r}.")

    async def answer(self, question: Question, ask: Ask, needs: frozenset[str]) -> Answered:
        """The answer, revised where that is likelier to be right; raises `ModelError` where there is none."""
        asker = self.asker or self._own_asker()
        ask = carrying(ask, needs | self.assessor.needs)
        first, step = await self.first(question, ask, asker)
        steps, now, done = [step], first, 0
        while (kept := self._kept(now.confidence, done)) is None:
            tried = await self.look_again(question, ask, now, asker, done)
            question, done = tried.question, done + 1
            chosen, verdict = self._compared(tried)
            steps += [*tried.steps, verdict]
            if chosen is None:
                break
            now = chosen
        else:
            if kept:
                steps.append(Step(name="keep", model=self.model.name, outcome=kept, p=now.confidence.p))
        return Answered(
            completion=now.completion, readings=now.readings, confidence=now.confidence, steps=tuple(steps)
        )

    async def first(self, question: Question, ask: Ask, asker: Asker) -> tuple[Candidate, Step]:
        """The first answer and its confidence."""
        meter = StepMeter(asker)
        if ask.logprobs and (shared := self._shared()):  # else they would be drawn twice, once without
            drawn = sample_ask(question, shared, temperature=self.temperature, logprobs=True)
            await asker.ask(carrying(drawn, self.assessor.needs))
        if self.asker is None:
            completion = (await self.model.complete(ask))[0]
        else:
            replies = await asker.ask(ask)
            if not replies.completions:
                kind = ModelUnavailable if isinstance(replies, Interrupted) else ModelError
                raise kind(replies.reason or "The model gave no reply.")
            completion = replies.completions[0]
        made = await self._assessed(question, completion, asker)
        own = completion.cost if self.asker is None else 0.0
        told = {"first_p": made.confidence.p, "first_answer": completion.text}
        return made, meter.step("answer", completion, "answered", made.confidence.p, own, told)

    async def look_again(
        self, question: Question, ask: Ask, now: Candidate, asker: Asker, done: int = 0
    ) -> Tried:
        """What else might be the answer, each assessed by itself, after `done` such looks; accepts nothing."""
        meter, steps = StepMeter(asker), []
        said = await asker.ask(judge_ask(question, now.completion.text, DOUBT, max_tokens=64))
        if not said.completions:
            return self._failed(question, now, meter, "doubt", said.reason)
        doubt = " ".join(said.completions[0].text.split())
        steps.append(meter.step("doubt", said.completions[0], doubt[:SHOWN] or "nothing named"))
        more = await self._clarified(question, doubt)
        if more:
            question = with_context(question, "\n\n".join(filter(None, (context_of(question), inert(more)))))
            ask = replace(ask, messages=lined(question, question.messages))
            steps.append(Step(name="clarify", model="clarify", outcome=more[:SHOWN]))
            # What the others are read with, it is read with too; its tokens were written without.
            now = await self._assessed(question, replace(now.completion, tokens=None), asker)
        drawn: tuple[Completion, ...] = ()
        if self.alternatives:
            wish = sample_ask(
                question, self.alternatives, temperature=self.temperature, logprobs=ask.logprobs
            )
            got = await asker.ask(carrying(wish, self.assessor.needs))
            drawn = got.completions
            steps.append(
                meter.step("alternatives", None, _named(drawn) if drawn else f"failed: {got.reason}")
            )
        others = await self._distinct(question, now.completion, drawn, asker)
        replies = await asker.ask(anew_ask(ask, now.completion.text, doubt, [one.text for one in others]))
        if not replies.completions:
            return self._failed(question, now, meter, "revise", replies.reason, steps)
        again = replies.completions[0]
        steps.append(meter.step("revise", again, again.text.strip()[:SHOWN] or "said nothing"))
        fresh = replace(again, tokens=None)  # its tokens were written with the doubt in view
        candidates = []
        for one in await self._distinct(question, now.completion, (*drawn, fresh), asker):
            own = next((i for i, sample in enumerate(drawn) if sample is one), None)
            others_than_it = asker if own is None else Exchanged(asker, wish.address, own, now.completion)
            candidates.append(await self._assessed(question, one, others_than_it))
        candidates.sort(
            key=lambda one: (one.confidence.p is None, -(one.confidence.p or 0.0), one.completion.text)
        )
        if candidates:
            steps.append(
                meter.step("assess", None, f"{len(candidates)} other answers", candidates[0].confidence.p)
            )
        refused = None
        if candidates and accepted(now.confidence.p, candidates[0].confidence.p, self.margin):
            refused = await self._refused(question, now, candidates[0], asker, done)
            if refused is not None:
                steps.append(meter.step("confirm", None, refused))
        return Tried(
            candidates=tuple(candidates), now=now, again=again, question=question, steps=tuple(steps),
            refused=refused,
        )  # fmt: skip

    async def _refused(
        self, question: Question, now: Candidate, best: Candidate, asker: Asker, done: int
    ) -> str | None:
        """Why samples that picked nobody do not speak for the likeliest; None where they do, or none are needed."""
        sampled = [s for s in self.assessor.signals.values() if isinstance(s, Sampled)]
        few = least_votes(self.chance)
        if not sampled or not few:
            return None
        seen, fresh = max(self.alternatives, self._counted()), max(self.alternatives, 2 * few)
        until = seen + (done + 1) * fresh
        got = await asker.ask(sample_ask(question, until, temperature=self.temperature))
        drawn = got.completions[until - fresh :]
        said = [one.text for one in drawn]
        pair = [compared(question, one.completion.text, said, self.same) for one in (best, now)]
        for_it, for_the_first = [(await ended(steps, asker)).same for steps in pair]
        votes = Counter(zip(for_it, for_the_first, strict=True))
        other, first = votes[True, False], votes[False, True]
        if by_chance(other, first) <= self.chance:
            return None
        if not drawn:
            return f"fresh samples to bear it out were not had ({got.reason or 'no reply'})"
        return f"of {len(drawn)} fresh samples {other} say it and {first} what it would replace"

    async def _distinct(
        self, question: Question, known: Completion, drawn: Sequence[Completion], asker: Asker
    ) -> list[Completion]:
        """The first of each answer that says something other than the known one and those before it."""
        found = await ended(grouped(question, [one.text for one in (known, *drawn)], self.same), asker)
        own, *labels = found.labels
        firsts: dict[int, Completion] = {}
        for label, one in zip(labels, drawn, strict=True):
            if label != own and one.text.strip():
                firsts.setdefault(label, one)
        return list(firsts.values())

    def _kept(self, confidence: Confidence, done: int) -> str | None:
        """Why the answer is not looked at again; empty where that needs no saying, None where it is."""
        if confidence.p is None:
            return f"kept: {confidence.reason}"
        if self.policy is not None:
            sure = self.policy.decide(confidence).action is Action.ANSWER
        else:
            sure = confidence.p >= self.threshold
        if sure:
            return "" if done else "kept: sure enough"
        return None if done < self.rounds else ""

    def _compared(self, tried: Tried) -> tuple[Candidate | None, Step]:
        now, best = tried.now, tried.candidates[0] if tried.candidates else None
        before, after = now.confidence.p, best.confidence.p if best else None
        if best is None or tried.refused or not accepted(before, after, self.margin):
            why = tried.failure or tried.refused or _why_not(best, before, after, self.margin)
            told = {"accepted": 0, **_second(best, tried)}
            return None, Step(
                name="keep", model=self.model.name, outcome=f"kept: {why}", p=before, detail=told
            )
        confidence = self._calibrated(now.confidence, best.confidence)
        outcome = f"accepted: {before:.2f} rose to {after:.2f}, of which {confidence.p:.2f} is believed"
        told = {"accepted": 1, **_second(best, tried)}
        return replace(best, confidence=confidence), Step(
            name="accept", model=self.model.name, outcome=outcome, p=confidence.p, detail=told
        )

    def _calibrated(self, old: Confidence, new: Confidence) -> Confidence:
        """That of an accepted revision, which was picked for looking likely."""
        assert old.p is not None and new.p is not None  # else it was not accepted
        if self.revised is None:
            p = believed(old.p, new.p, self.trust)
            ends = [end for end in (old.low, old.high, new.low, new.high, p) if end is not None]
            return replace(new, p=Probability(p), low=min(ends), high=max(ends))
        at = np.array([new.p])
        low, high = self.revised.interval(at)
        return replace(
            new, p=Probability(float(self.revised(at)[0])), low=float(low[0]), high=float(high[0]),
            map_id=self.revised.map_id, verdicts=self.revised.evidence.rows,
        )  # fmt: skip

    async def _assessed(self, question: Question, completion: Completion, asker: Asker) -> Candidate:
        own = asker if self.assessor.model is self.model or self.asker is not None else None
        readings, confidence = await self.assessor.assess(question, completion, own)
        return Candidate(completion=completion, readings=readings, confidence=confidence)

    def _shared(self) -> int:
        """How many of the samples that signals draw serve as alternatives too."""
        return self._counted() if self.alternatives else 0

    def _counted(self) -> int:
        """How many samples at the temperature of the alternatives signals count."""
        alike = [
            signal.cost.samples
            for signal in self.assessor.signals.values()
            if getattr(signal, "temperature", None) == self.temperature
        ]
        return max(alike, default=0)

    async def _clarified(self, question: Question, doubt: str) -> str | None:
        if self.clarify is None:
            stated = question.metadata.get("clarification")
            return stated if isinstance(stated, str) and stated not in context_of(question) else None
        found = self.clarify(question, doubt)
        return await found if inspect.isawaitable(found) else found

    def _failed(
        self,
        question: Question,
        now: Candidate,
        meter: StepMeter,
        name: str,
        reason: str | None,
        steps: Sequence[Step] = (),
    ) -> Tried:
        why = f"the call failed ({reason or 'no reply'})"
        last = meter.step(name, None, f"failed: {reason or 'no reply'}")
        return Tried(now=now, question=question, steps=(*steps, last), failure=why)

    def _own_asker(self) -> Asker:
        budget = Budget(seconds=self.seconds)
        return Asker(self.model, budget=budget, retries=1, others=self.assessor.others)


def _named(drawn: Sequence[Completion]) -> str:
    return "; ".join(dict.fromkeys(one.text.strip() for one in drawn))[:SHOWN] or "said nothing"


def _second(best: Candidate | None, tried: Tried) -> Json:
    """What a look again came to, as data: the likeliest other answer, what it claims, and what the look took."""
    return {
        "second_p": best.confidence.p if best else None,
        "second_answer": best.completion.text if best else None,
        "refused": int(tried.refused is not None),
        "second_cost": total(*(step.cost for step in tried.steps)),
        "second_seconds": math.fsum(step.latency for step in tried.steps),
    }


def _why_not(best: Candidate | None, before: float | None, after: float | None, margin: float) -> str:
    if best is None:
        return "no other answer was found"
    if before is None or after is None:
        return f"how likely the other answer is, is not known ({best.confidence.reason})"
    return f"the likeliest other answer has {after:.2f}, not {margin:.2f} more than {before:.2f}"
