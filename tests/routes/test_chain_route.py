"""A chain of steps, its confidence at the end."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from calibrant.asking.assessing import Assessor
from calibrant.errors import ModelError, ModelUnavailable, UnusableInput
from calibrant.maps.calibration import MapSet
from calibrant.models.scripted import Scripted
from calibrant.plans.steps import StepSeen
from calibrant.plugins import find
from calibrant.routes.chain import Chain, Move, Taken, ToolResult
from calibrant.routing.trajectories import fit_trajectories
from calibrant.types import Ask, Completion, Fingerprint, Message, Question, Token

from ..worlds import trajectories

NONE: frozenset[str] = frozenset()


MADE = fit_trajectories(trajectories(300, 11)[0])


# The route


def asked(text: str = "Is 91 prime?") -> tuple[Question, Ask]:
    messages = (Message("user", text),)
    return Question(id="q", messages=messages), Ask(messages=messages)


def sure_of(p: float, text: str = "so") -> Completion:
    return Completion(text=text, model="scripted", tokens=(Token(text, math.log(p)),))


def test_fixed_prompts_make_one_conversation_and_one_probability() -> None:
    said = iter([sure_of(0.9, "13 x 7"), sure_of(0.5, "no")])
    heard: list[Ask] = []

    def script(ask: Ask) -> Completion:
        heard.append(ask)
        return next(said)

    seen = [
        replace(t, steps=tuple(replace(s, tool_error=None, tokens=None) for s in t.steps))
        for t in trajectories(200, 19)[0]
    ]
    made = fit_trajectories(seen)
    question, ask = asked()
    route = Chain(model=Scripted(script), plan=["Find a factor.", "Answer yes or no."], map=made)
    got = asyncio.run(route.answer(question, ask, NONE))
    assert got.completion.text == "no" and [s.outcome for s in got.steps] == ["13 x 7", "no"]
    assert [m.role for m in heard[1].messages] == ["user", "assistant", "user"] and heard[1].logprobs
    expected = made([[StepSeen(confidence=c, logprobs=(math.log(c),), retry=False) for c in (0.9, 0.5)]])[0]
    assert got.confidence is not None and got.confidence.p == pytest.approx(expected)


def test_a_plan_runs_tools_sees_errors_and_tries_again() -> None:
    def plan(question: Question, ask: Ask):  # type: ignore[no-untyped-def]
        taken: Taken = yield Move(
            ask=ask, name="look up", tool=lambda c: ToolResult("Error: none", error=True)
        )
        assert taken.tool is not None and taken.tool.error and taken.seen.tool_error
        turns = (*ask.messages, Message("assistant", taken.completion.text), Message("user", taken.tool.text))
        taken = yield Move(
            ask=replace(ask, messages=turns), name="look up", retry=True, tool=lambda c: ToolResult("7")
        )
        return replace(taken.completion, text="seven")

    question, ask = asked()
    route = Chain(model=Scripted(lambda ask: sure_of(0.8)), plan=plan)
    got, trajectory = asyncio.run(route.followed(question, ask, NONE, correct=1.0))
    assert got.completion.text == "seven" and "tool failed: Error: none" in got.steps[0].outcome
    assert [(s.tool_error, s.retry) for s in trajectory.steps] == [(True, False), (False, True)]
    assert trajectory.correct == 1.0 and got.confidence is not None and "no map" in str(got.confidence.reason)


def test_a_failed_call_is_tried_again_and_counts_as_a_retry() -> None:
    question, ask = asked()
    down = ModelUnavailable("away")
    route = Chain(model=Scripted(lambda ask: sure_of(0.8), failures=(down,)), plan=["Answer."])
    _, trajectory = asyncio.run(route.followed(question, ask, NONE))
    assert trajectory.steps[0].retry is True
    with pytest.raises(ModelUnavailable):
        asyncio.run(replace(route, model=Scripted({}, failures=(down, down))).answer(question, ask, NONE))


def test_an_assessor_gives_the_steps_their_confidence() -> None:
    model = Scripted(lambda ask: sure_of(0.7))
    signal = find("signals", "mean_logprob")()
    route = Chain(
        model=model, plan=["One.", "Two."],
        assessor=Assessor(model=model, signals={"mean_logprob": signal}, maps=MapSet(by=(), groups=())),
        map=MADE.bound_to(Fingerprint(signal="calibrated")),
    )  # fmt: skip
    question, ask = asked()
    got, trajectory = asyncio.run(route.followed(question, ask, NONE))
    assert [s.confidence for s in trajectory.steps] == [pytest.approx(0.7)] * 2
    assert got.confidence is not None and "signal is 'mean_logprob', not 'calibrated'" in str(
        got.confidence.reason
    )


@pytest.mark.parametrize(
    ("plan", "error"),
    [(lambda q, a: (move for move in ()), UnusableInput), ([], UnusableInput), (None, ModelError)],
)
def test_a_plan_without_steps_or_without_an_end_is_an_error(
    plan: Callable[..., object] | None, error: type
) -> None:
    def endless(question: Question, ask: Ask):  # type: ignore[no-untyped-def]
        while True:
            yield Move(ask=ask)

    question, ask = asked()
    with pytest.raises(error):
        route = Chain(model=Scripted(lambda ask: "x"), plan=plan if plan is not None else endless, most=3)  # type: ignore[arg-type]
        asyncio.run(route.answer(question, ask, NONE))


def test_the_stream_ends_with_what_it_came_to() -> None:
    async def parts() -> list[object]:
        question, ask = asked()
        return [
            p
            async for p in Chain(model=Scripted(lambda a: "no"), plan=["Answer."]).stream(question, ask, NONE)
        ]

    text, last, answered = asyncio.run(parts())
    assert (text.text, last.completion.text, answered.completion.text) == ("no", "no", "no")  # type: ignore[attr-defined]
