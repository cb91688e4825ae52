"""A small model answers, and larger ones again, one after the other, where that promises to gain enough."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self, cast

import numpy as np

from calibrant.arguments import check_names
from calibrant.asking.assessing import Assessor
from calibrant.asking.meter import Meter, total
from calibrant.dialogue.asks import carrying
from calibrant.errors import ModelError, ModelUnavailable, UnusableInput
from calibrant.plans.cascades import CascadePlan
from calibrant.plans.first_answers import FirstAnswers, peer_agreement
from calibrant.plans.gains import GainModel, Gains
from calibrant.protocols import Model, Parts
from calibrant.types import (
    Answered,
    Ask,
    Completion,
    Confidence,
    Delta,
    Fingerprint,
    Probability,
    Question,
    Reading,
    Step,
)

__all__ = ["Cascade"]

NOTHING = "The answer is empty."


@dataclass(frozen=True, kw_only=True, slots=True)
class Cascade:
    """Follows a `CascadePlan`: asks its first model, reads its signals, and the next one where the gain is enough.

    The next are the plan's stages, each with a threshold of its own, and then the large model. A specialist answers
    first in its domains. Peers are asked at the same time, and whether they agree counts. A model that fails, or says
    nothing, is passed over and its step says why; when all do, `ModelError` is raised.

    The confidence is that of the answer which is given: by its `Assessor` where that has a map, else the plan's
    P(it is right) with its interval; that of the large model is told by the answer right before it in the plan. The
    plan speaks of the models it was measured on: of another it gives None with the reason, unless `anyway`.

    A stream settles on a model before its first piece: an answer that is kept comes in one piece, the large model's as
    it is written.

    Parameters
    ----------
    plan : what `calibrant plan cascade --out` wrote
    models : every model of `plan.models`, by its name there
    assessors : by the same names; without one, no signals are read
    clock : seconds, for the latency of a step
    """

    files: ClassVar = {"plan": CascadePlan}
    plan: CascadePlan
    models: Mapping[str, Model]
    assessors: Mapping[str, Assessor] = field(default_factory=dict)
    anyway: bool = False
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        lacking = [name for name in self.plan.models if name not in self.models]
        if lacking:
            raise UnusableInput(
                f"The plan asks {', '.join(self.plan.models)}; no model was given for {', '.join(lacking)}."
            )

    @classmethod
    def roles(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG003
        """Small and large; peers and specialists go by the names that the plan has for them."""
        return "small", "large"

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], parts: Parts) -> Self:
        """Of the plan's models; their signals are read where the plan, or a map, makes something of them."""
        plan: CascadePlan = settings["plan"]
        roles = {plan.small: "small", plan.large: "large"}
        sections = {name: roles.get(name, name) for name in plan.models}
        lacking = [section for section in sections.values() if section not in parts.models]
        if lacking:
            raise UnusableInput(f'The plan asks {lacking[0]} too: add a section [models."{lacking[0]}"].')
        check_names("[models]", parts.models, list(sections.values()), "model")
        models = {name: parts.models[section] for name, section in sections.items()}
        found = {name: parts.assessor(one) for name, one in models.items() if parts.signals}
        asked = {*plan.gains, *(one.model for one in plan.stages)}
        used = {n: a for n, a in found.items() if n in asked or (n == plan.large and a.has_own_map)}
        return cls(models=models, assessors=used, **settings)

    async def answer(self, question: Question, ask: Ask, needs: frozenset[str]) -> Answered:
        """The whole answer, its confidence and the steps to it."""
        way = _Way(question=question, ask=ask, needs=needs)
        kept = await self._settled(way)
        if kept is not None:
            return kept
        for name in self._rest(way):
            spoken = await self._spoken(way, name)
            if isinstance(spoken.completion, Completion):
                return await self._by_large(way, name, spoken)
            self._failed(way, name, spoken)
        return self._last_resort(way)

    async def stream(
        self, question: Question, ask: Ask, needs: frozenset[str]
    ) -> AsyncGenerator[Delta | Answered, None]:
        """Nothing until it has settled on a model; closing this stops whichever model is asked."""
        way = _Way(question=question, ask=ask, needs=needs)
        kept = await self._settled(way)
        for name in self._rest(way) if kept is None else ():
            began, start, told = False, self.clock(), None
            deltas = cast(AsyncGenerator[Delta, Any], self.models[name].stream(self._ask(way, name)))
            try:
                async with aclosing(deltas):
                    async for delta in deltas:
                        told = delta.completion or told
                        if not delta.empty or (told is not None and not _empty(told)):
                            began = True
                            yield delta
            except ModelError as error:
                if began:  # what was sent cannot be taken back
                    raise
                self._failed(way, name, _Spoken(error, self.clock() - start))
                continue
            if told is None or _empty(told):
                self._failed(way, name, _Spoken(ModelError(NOTHING), self.clock() - start, told))
                continue
            yield await self._by_large(way, name, _Spoken(told, self.clock() - start, told))
            return
        for piece in (kept or self._last_resort(way)).pieces():
            yield piece

    async def _settled(self, way: _Way) -> Answered | None:
        """The answer that is kept, or None where the large model is to answer; peers are asked at the same time."""
        first = self.plan.first(way.question.task, way.question.domain)
        spoken, *peers = await asyncio.gather(
            self._spoken(way, first), *(self._spoken(way, name) for name in self.plan.peers)
        )
        way.said = {name: _text(one) for name, one in zip(self.plan.peers, peers, strict=True)}
        if not isinstance(spoken.completion, Completion) and first != self.plan.small:
            self._failed(way, first, spoken)
            first, spoken = self.plan.small, await self._spoken(way, self.plan.small)
        answers, up = await self._told(way, first, spoken)
        self._peers_told(way, answers, peers)
        way.said[self.plan.small] = _text(spoken)  # whoever answered first is known by the small model's name
        for name in (one.model for one in self.plan.stages) if up else ():
            spoken = await self._spoken(way, name)
            _, up = await self._told(way, name, spoken)
            if not up:
                break
            way.said[name] = _text(spoken)
        return None if up else way.answered()

    async def _told(self, way: _Way, name: str, spoken: _Spoken) -> tuple[FirstAnswers | None, bool]:
        """What is known of an answer before the next model is asked, and whether it is; one that failed is passed."""
        completion = spoken.completion
        if not isinstance(completion, Completion):
            self._failed(way, name, spoken)
            way.told = way.by = None
            return None, True
        readings, assessed, (cost, seconds) = await self._assessed(way, name, completion)
        answers = self._answers(way, completion, readings)
        decided = self.plan.decide(name, answers)
        told, up = decided.told, bool(decided.escalate[0])
        way.told, way.by = told, self.plan.gain_over(name)
        least = self.plan.threshold_of(name)
        gain = f"a gain of {told.gain[0]:.3f} is {'at least' if up else 'below'} {least:.3f}"
        confidence = self._confidence(way, name, completion, assessed, "small")
        way.steps.append(Step(
            name=self._role(name), model=completion.model, outcome=f"{'asked again' if up else 'kept'}: {gain}",
            p=confidence.p, cost=total(completion.cost, cost), latency=spoken.latency + seconds,
        ))  # fmt: skip
        way.kept = Answered(completion=completion, readings=readings, confidence=confidence)
        return answers, up

    def _rest(self, way: _Way) -> list[str]:
        """Who is asked next, one after the other until one answers."""
        others = (
            [self.plan.large]
            if way.kept
            else [name for name in self.plan.models if name not in self.plan.peers]
        )
        return sorted(
            (name for name in others if name not in way.tried), key=lambda name: name != self.plan.large
        )

    def _last_resort(self, way: _Way) -> Answered:
        if way.kept is not None:
            return way.answered()
        told = "; ".join(f"{step.model}: {step.outcome}" for step in way.steps)
        passing = any(isinstance(error, ModelUnavailable) for error in way.errors)
        raise (ModelUnavailable if passing else ModelError)(f"No model of the cascade answered. {told}")

    async def _spoken(self, way: _Way, name: str) -> _Spoken:
        """A model's answer, or why there is none, and how long it took."""
        start = self.clock()
        way.tried.add(name)
        try:
            completion = (await self.models[name].complete(self._ask(way, name)))[0]
        except ModelError as error:
            return _Spoken(error, self.clock() - start)
        if _empty(completion):
            return _Spoken(ModelError(NOTHING), self.clock() - start, completion)
        return _Spoken(completion, self.clock() - start, completion)

    def _ask(self, way: _Way, name: str) -> Ask:
        own = self.assessors[name].needs if name in self.assessors else frozenset[str]()
        return carrying(way.ask, own if name in self.plan.peers else own | way.needs)

    def _failed(self, way: _Way, name: str, spoken: _Spoken) -> None:
        error = spoken.completion
        assert isinstance(error, ModelError)  # what a caller has seen to
        way.tried.add(name)
        way.errors.append(error)
        paid = spoken.paid.cost if spoken.paid else None
        way.steps.append(
            Step(
                name=self._role(name),
                model=name,
                outcome=f"failed: {error}",
                cost=paid,
                latency=spoken.latency,
            )
        )

    def _role(self, name: str) -> str:
        roles = {self.plan.small: "small", self.plan.large: "large"}
        roles |= dict.fromkeys(self.plan.peers, "peer") | {one.model: "stage" for one in self.plan.stages}
        return roles.get(name, "specialist")

    async def _by_large(self, way: _Way, name: str, spoken: _Spoken) -> Answered:
        """The answer of a model that was asked after the first, with its own confidence."""
        completion = cast(Completion, spoken.completion)
        readings, assessed, (cost, seconds) = await self._assessed(way, name, completion)
        confidence = self._confidence(way, name, completion, assessed, "large")
        way.steps.append(Step(
            name=self._role(name), model=completion.model, outcome="answered", p=confidence.p,
            cost=total(completion.cost, cost), latency=spoken.latency + seconds,
        ))  # fmt: skip
        return Answered(
            completion=completion, readings=readings, confidence=confidence, steps=tuple(way.steps)
        )

    async def _assessed(
        self, way: _Way, name: str, completion: Completion
    ) -> tuple[tuple[Reading, ...], Confidence | None, tuple[float | None, float]]:
        """Readings and calibrated confidence, and what reading them took: dollars and seconds."""
        assessor = self.assessors.get(name)
        if assessor is None:
            return (), None, (0.0, 0.0)
        asker = assessor.asker()
        meter = Meter(asker, self.clock)
        readings, confidence = await assessor.assess(way.question, completion, asker)
        return readings, confidence, meter.read()

    def _answers(self, way: _Way, completion: Completion, readings: tuple[Reading, ...]) -> FirstAnswers:
        texts = {name: _one(text) for name, text in way.said.items()}
        agreed, against = peer_agreement(_one(completion.text), texts)
        scores = {r.signal: [np.nan if r.score is None else float(r.score)] for r in readings}
        return FirstAnswers.of(
            1, task=[way.question.task], domain=[way.question.domain], answer=[completion.text], scores=scores,
            agreement=agreed, against=against,
            lengths={"question": [float(len(way.question.text))], "answer": [float(len(completion.text))]},
        )  # fmt: skip

    def _peers_told(self, way: _Way, answers: FirstAnswers | None, peers: list[_Spoken]) -> None:
        for name, one in zip(self.plan.peers, peers, strict=True):
            if isinstance(one.completion, ModelError):
                self._failed(way, name, one)
                continue
            agrees = answers is not None and answers.agreement[name][0] == 1
            outcome = (
                "not compared" if answers is None else "says the same" if agrees else "says something else"
            )
            way.steps.append(Step(
                name="peer", model=one.completion.model, outcome=outcome, cost=one.completion.cost, latency=one.latency
            ))  # fmt: skip

    def _confidence(
        self, way: _Way, name: str, completion: Completion, assessed: Confidence | None, of: str
    ) -> Confidence:
        """By the assessor's maps, else by the plan."""
        if assessed is not None and assessed.p is not None:
            return assessed
        reason = self._not_told(way, name, completion)
        if reason is not None or way.told is None or way.by is None:
            told = [assessed.reason if assessed is not None else None, reason]
            return Confidence(p=None, reason="; ".join(why for why in told if why))
        low, high = way.told.interval(of)
        edge = 0.5 / (way.by.rows + 1)  # no number of labels shows certainty
        p = float(np.clip(getattr(way.told, of)[0], edge, 1 - edge))
        mark = Fingerprint(model=completion.model, task=way.question.task, domain=way.question.domain)
        return Confidence(
            p=Probability(p), low=min(float(low[0]), p), high=max(float(high[0]), p), map_id=way.by.model_id,
            fingerprint=mark, verdicts=way.by.rows,
        )  # fmt: skip

    def _not_told(self, way: _Way, name: str, completion: Completion) -> str | None:
        """Why the plan has nothing to say of this answer."""
        if way.told is None or way.by is None:
            return (
                "no model answered before it as the plan has it, and the plan tells its probability only together with "
                "such an answer"
            )
        if name not in (self.plan.large, *self.plan.gains, *(one.model for one in self.plan.stages)):
            return f"the plan was not measured on answers of {name} after others"
        if not self.anyway and name not in (completion.model, self.models[name].name):
            return f"the plan was measured on {name!r}, not on {completion.model!r}; plan again, or set anyway = true"
        return None


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What came of a call: the answer or an error, and how long it took; `paid` is an answer that is of no use too."""

    completion: Completion | ModelError
    latency: float
    paid: Completion | None = None


@dataclass(kw_only=True, slots=True)
class _Way:
    """The state of one question on its way."""

    question: Question
    ask: Ask
    needs: frozenset[str]
    steps: list[Step] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    errors: list[ModelError] = field(default_factory=list)
    said: dict[str, str | None] = field(default_factory=dict)
    told: Gains | None = None
    by: GainModel | None = None
    kept: Answered | None = None

    def answered(self) -> Answered:
        """The last answer that stood, with all steps up to now."""
        assert self.kept is not None  # what a caller has seen to
        return replace(self.kept, steps=tuple(self.steps))


def _text(spoken: _Spoken) -> str | None:
    return spoken.completion.text if isinstance(spoken.completion, Completion) else None


def _one(text: str | None) -> Any:
    return np.array([text], dtype=object)


def _empty(completion: Completion) -> bool:
    return not completion.text.strip() and not completion.tool_calls
