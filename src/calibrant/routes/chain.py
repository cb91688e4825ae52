"""Several steps to an answer, and one calibrated probability for the whole of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import ClassVar

from calibrant.asking.asker import Asker, Budget
from calibrant.asking.assessing import Assessor
from calibrant.asking.meter import Meter, total
from calibrant.dialogue.asks import carrying
from calibrant.dialogue.tokens import likelihood_of, spoken
from calibrant.errors import ModelError, ModelUnavailable, NoScore, UnusableInput
from calibrant.plans.steps import StepSeen, Trajectory
from calibrant.plans.trajectories import TrajectoryMap
from calibrant.protocols import Model, Route
from calibrant.types import (
    Answered,
    Ask,
    Completion,
    Confidence,
    Fingerprint,
    Message,
    Question,
    Reading,
    Step,
)

__all__ = ["Chain", "Move", "Plan", "Taken", "ToolResult", "prompts"]

SHOWN = 160
TOKENS = "token_likelihood"
"""What step confidences are called in a fingerprint where they come from the step's own tokens."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back for a step: text that nobody vouches for, and whether it failed."""

    text: str
    error: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """A step to take: what to ask, the tool to run on what comes back, and whether it repeats an earlier step."""

    ask: Ask
    name: str = "step"
    tool: Callable[[Completion], ToolResult] | None = None
    retry: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A step that was taken, as the plan is told of it, to decide what comes next."""

    completion: Completion
    seen: StepSeen
    tool: ToolResult | None = None


Plan = Callable[[Question, Ask], Generator[Move, Taken, Completion | None]]
"""From a question to its steps: yields each Move and is sent what came of it; the last completion is the answer,
unless the plan returns another."""


def prompts(*texts: str) -> Plan:
    """A plan of fixed instructions, one after the other in one conversation, after the question itself.

    >>> plan = prompts("Name what is known.", "Now answer.")
    >>> asked = (Message("user", "Is 91 prime?"),)
    >>> next(plan(Question(id="q", messages=asked), Ask(messages=asked))).ask.messages[-1].content
    'Is 91 prime?\\n\\nName what is known.'
    """
    if not texts:
        raise UnusableInput("Expected at least one prompt, such as 'Answer step by step.'")

    def plan(question: Question, ask: Ask) -> Generator[Move, Taken, Completion | None]:  # noqa: ARG001
        turns = list(ask.messages)
        for i, text in enumerate(texts):
            if i == 0 and turns and turns[-1].role == "user":
                turns[-1] = turns[-1].saying(f"{turns[-1].content}\n\n{text}")
            else:
                turns.append(Message("user", text))
            taken = yield Move(ask=replace(ask, messages=tuple(turns)), name=f"step {i + 1}")
            turns.append(Message("assistant", taken.completion.text))
        return None

    return plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain(Route):
    """A plan's steps one after the other; their confidences and errors become one probability for the answer.

    A step's confidence is what `assessor` makes of it: the calibrated probability, without a map the first signal's
    score; without an assessor it is the geometric mean of the step's token probabilities. `map` turns the steps
    into the probability that the answer is right (see `calibrant plan chain`); without one, or where it was fitted
    on another model or another kind of confidence, there is None with the reason.

    A failed call is tried `retries` times more, which counts as retries of that step; then `ModelError` is
    raised, for there is no answer. At most `most` steps are taken.

    Parameters
    ----------
    plan : instructions, or what yields the steps (see `Plan`)
    seconds : what the signals of one answer may take together

    >>> import asyncio
    >>> from calibrant.models.scripted import Scripted
    >>> model = Scripted(lambda ask: "13 x 7 = 91" if len(ask.messages) == 1 else "no")
    >>> asked = (Message("user", "Is 91 prime?"),)
    >>> route = Chain(model=model, plan=["Find a factor.", "Answer yes or no."])
    >>> got = asyncio.run(route.answer(Question(id="q", messages=asked), Ask(messages=asked), frozenset()))
    >>> got.completion.text, [step.outcome for step in got.steps], got.confidence.reason
    ('no', ['13 x 7 = 91', 'no'], 'no map of trajectories is given; fit one with `calibrant plan chain`')
    """

    files: ClassVar = {"map": TrajectoryMap}
    asks_otherwise: ClassVar = True
    """No form is asked for with the question, since the last step has the answer and says what it is to be like."""
    model: Model
    plan: Plan | list[str] | tuple[str, ...]
    assessor: Assessor | None = None
    map: TrajectoryMap | None = None
    retries: int = 1
    most: int = 50
    seconds: float = 60.0

    async def answer(self, question: Question, ask: Ask, needs: frozenset[str]) -> Answered:
        """The last step's answer with the confidence of the whole; raises `ModelError` where a step fails."""
        answered, _ = await self.followed(question, ask, needs)
        return answered

    async def followed(
        self, question: Question, ask: Ask, needs: frozenset[str], correct: float | None = None
    ) -> tuple[Answered, Trajectory]:
        """The answer and the steps as a trajectory, to be recorded and fitted on once `correct` is known."""
        run = _Run(chain=self, question=question, needs=needs)
        moves = (self.plan if callable(self.plan) else prompts(*self.plan))(question, ask)
        last: Completion | None = None
        try:
            move = next(moves)
            while True:
                if len(run.steps) >= self.most:
                    raise ModelError(
                        f"The plan took {self.most} steps without an end. Raise `most`, or mend the plan."
                    )
                taken = await run.take(move)
                last = taken.completion
                move = moves.send(taken)
        except StopIteration as done:
            last = done.value or last
        finally:
            moves.close()
        if last is None:
            raise UnusableInput("The plan has no steps. Expected it to yield at least one Move.")
        confidence = self._confidence(question, last, run)
        answered = Answered(
            completion=last, readings=run.readings, confidence=confidence, steps=tuple(run.steps)
        )
        return answered, Trajectory(id=question.id, steps=tuple(run.seen), correct=correct)

    def _confidence(self, question: Question, last: Completion, run: _Run) -> Confidence:
        if self.map is None:
            return Confidence(
                p=None, reason="no map of trajectories is given; fit one with `calibrant plan chain`"
            )
        signal = " + ".join(sorted(run.kinds)) or None
        mark = Fingerprint(model=last.model, signal=signal, task=question.task, domain=question.domain)
        return self.map.confidence(run.seen, mark)


@dataclass(kw_only=True, slots=True)
class _Run:
    """One answer under way."""

    chain: Chain
    question: Question
    needs: frozenset[str]
    seen: list[StepSeen] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    readings: tuple[Reading, ...] = ()
    kinds: set[str] = field(default_factory=set)
    _asker: Asker | None = None

    async def take(self, move: Move) -> Taken:
        """Ask, run the tool, see how sure the step is; a failed call is tried again."""
        began, retry = perf_counter(), move.retry
        for attempt in range(self.chain.retries + 1):
            try:
                completion = (await self.chain.model.complete(self._asked(move)))[0]
                break
            except ModelUnavailable:
                if attempt == self.chain.retries:
                    raise
                retry = True
        tool = None if move.tool is None else move.tool(completion)
        sure, p, extra = await self._sure(move, completion)
        seen = StepSeen(
            confidence=sure, logprobs=_logprobs(completion),
            tokens=completion.usage.completion_tokens or None, retry=retry,
            tool_error=None if tool is None else tool.error,
        )  # fmt: skip
        cost = total(completion.cost, extra)
        self.seen.append(seen)
        self.steps.append(
            Step(
                name=move.name, model=completion.model, outcome=_told(completion, tool), p=p, cost=cost,
                latency=perf_counter() - began,
            )
        )  # fmt: skip
        return Taken(completion=completion, seen=seen, tool=tool)

    def _asked(self, move: Move) -> Ask:
        assessor = self.chain.assessor
        own = assessor.needs if assessor else frozenset({"logprobs"})
        return carrying(move.ask, self.needs | own)

    async def _sure(
        self, move: Move, completion: Completion
    ) -> tuple[float | None, float | None, float | None]:
        """The step's confidence, the calibrated probability in it, and what the signals cost."""
        assessor = self.chain.assessor
        if assessor is None:
            self.kinds.add(TOKENS)
            return likelihood_of(completion), None, 0.0
        if self._asker is None:
            self._asker = assessor.asker(Budget(seconds=self.chain.seconds))
        meter = Meter(self._asker)
        # A step is judged as an answer to what this step asked, not to the question that began it all.
        question = replace(self.question, messages=move.ask.messages, references=())
        self.readings, confidence = await assessor.assess(question, completion, self._asker)
        extra, _ = meter.read()
        if confidence.p is not None:
            self.kinds.add("calibrated")
            return float(confidence.p), float(confidence.p), extra
        scored = next((r for r in self.readings if r.score is not None), None)
        self.kinds |= {scored.signal} if scored else set()
        return (float(scored.score) if scored and scored.score is not None else None), None, extra


def _logprobs(completion: Completion) -> tuple[float, ...] | None:
    """Of the tokens that spell what the step says; None where they are not known."""
    try:
        return tuple([min(token.logprob, 0.0) for token in spoken(completion)])
    except NoScore:
        return None


def _told(completion: Completion, tool: ToolResult | None) -> str:
    said = " ".join(completion.text.split())[:SHOWN] or "said nothing"
    if tool is None:
        return said
    return f"{said} | tool {'failed' if tool.error else 'gave'}: {' '.join(tool.text.split())[:SHOWN]}"
