"""Several models asked at once, their votes pooled."""

from __future__ import annotations

import asyncio
import math
import os
import re
from pathlib import Path

import numpy as np
import pytest

from calibrant.asking.assessing import Assessor
from calibrant.dialogue import agreement
from calibrant.errors import ModelError, ModelUnavailable, UnusableInput
from calibrant.maps.calibration import MapSet
from calibrant.models.scripted import Scripted
from calibrant.planning.ensembles import plan_ensemble
from calibrant.plans.ballots import Ballots, levels_of
from calibrant.plans.votes import VotePool
from calibrant.routes.ensemble import NO_POOL, Ensemble
from calibrant.routing.votes import fit_votes
from calibrant.signals.mean_logprob import MeanLogprob
from calibrant.types import Answered, Ask, Completion, Message, Question, Token

from ..worlds import voting

ASKED = (Message("user", "What is the capital of Australia?"),)


QUESTION = Question(id="q", messages=ASKED, task="facts")


ASK = Ask(messages=ASKED)


def saying(name: str, text: str | ModelError, p: float = 0.8) -> Scripted:
    if isinstance(text, ModelError):
        return Scripted(lambda _: text, name=name)
    tokens = (Token(text, math.log(p)),)
    return Scripted(
        lambda _: Completion(text=text, model=name, tokens=tokens, cost=0.01), name=name, gives_logprobs=True
    )


def reading(model: Scripted) -> Assessor:
    return Assessor(model=model, signals={"mean_logprob": MeanLogprob()}, maps=MapSet(by=(), groups=()))


def answered(route: Ensemble) -> Answered:
    return asyncio.run(route.answer(QUESTION, ASK, frozenset()))


def facts_pool() -> VotePool:
    """a is nearly always right and knows when; b and c are often wrong."""
    rng = np.random.default_rng(14)
    ballots, grade = voting([0.9, 0.4, 0.4], 600, rng)
    scores = np.where(grade == 1, rng.beta(6, 2, grade.shape), rng.beta(2, 6, grade.shape))
    named = Ballots(voters=("a", "b", "c"), choice=ballots.choice, scores={"mean_logprob": scores},
                    levels=levels_of(["facts"] * 600))  # fmt: skip
    return fit_votes(named, grade, by=("task",))


def test_the_pool_overrules_a_majority() -> None:
    models = [
        saying("a", "Canberra", 0.9),
        saying("b", "The capital of Australia is Sydney.", 0.2),
        saying("c", "sydney", 0.2),
    ]
    plain = answered(Ensemble(models=models))
    assert plain.completion.model == "b" and plain.confidence is not None
    assert (plain.confidence.p, plain.confidence.reason) == (None, NO_POOL)
    pool = facts_pool()
    got = answered(Ensemble(models=models, pool=pool, assessors={m.name: reading(m) for m in models}))
    assert got.completion.text == "Canberra" and got.confidence is not None and got.confidence.p is not None
    assert got.confidence.p > 0.8 and got.confidence.low < got.confidence.p < got.confidence.high  # type: ignore[operator]
    assert (got.confidence.verdicts, got.confidence.map_id) == (600, pool.pool_id)
    assert [s.outcome.split(":")[0] for s in got.steps[:-1]] == [
        "for the answer",
        *["against the answer"] * 2,
    ]
    assert sum(s.cost or 0 for s in got.steps) == pytest.approx(0.03)
    assert [r.signal for r in got.readings] == ["mean_logprob"]
    doubted = [saying("a", "Canberra", 0.1), saying("b", "Sydney", 0.9), saying("c", "Sydney", 0.9)]
    other = answered(Ensemble(models=doubted, pool=pool, assessors={m.name: reading(m) for m in doubted}))
    assert other.completion.text == "Sydney"


def test_failed_and_silent_voters_are_dropped_and_named() -> None:
    down = ModelUnavailable("The server is down.")
    got = answered(
        Ensemble(models=[saying("a", down), saying("b", "Canberra"), saying("c", " ")], pool=facts_pool())
    )
    assert got.completion.text == "Canberra" and got.confidence is not None and got.confidence.p is not None
    assert [(s.model, s.outcome) for s in got.steps[1:3]] == [
        ("a", "failed, no vote: The server is down."), ("c", "said nothing, no vote"),
    ]  # fmt: skip
    with pytest.raises(
        ModelError, match="No model of the ensemble gave an answer: failed, no vote: The server"
    ):
        answered(Ensemble(models=[saying("a", down), saying("b", "")]))


def test_a_model_says_which_answers_are_one_where_the_rules_cannot_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agreement, "sameness", lambda question: lambda a, b: True if a == b else None)
    said = ["buck or ram antelope", "an antelope", "It is an antelope.", "A kind of antelope", "antelopes"]

    def knows(ask: Ask) -> str:
        one, other = re.findall(r"<answer>(.*?)</answer>", ask.messages[-1].content)
        alike = ("buck" in one) == ("buck" in other)
        return "Yes" if alike else "No"

    judge = Scripted(lambda ask: Completion(text=knows(ask), model="judge", cost=0.001), name="judge")
    models = [saying(name, text) for name, text in zip("abcde", said, strict=True)]
    alone = answered(Ensemble(models=models))
    assert alone.completion.text == said[0]  # five answers, five groups: the first of them
    assert (
        alone.steps[-1].outcome.startswith("1 of 5 votes")
        and "10 pairs of answers cannot" in alone.steps[-1].outcome
    )
    got = answered(Ensemble(models=models, same="judge", others={"judge": judge}))
    assert "antelope" in got.completion.text and got.completion.text != said[0]
    assert got.steps[-1].outcome == "4 of 5 votes for the answer"
    (compared,) = [step for step in got.steps if step.name == "compare"]
    assert compared.model == "judge" and judge.calls == 2 * (4 + 3) and compared.cost == pytest.approx(0.014)
    with pytest.raises(UnusableInput, match=r"add a section \[peer\]"):
        Ensemble(models=models, same="peer")


def test_samples_of_one_model_vote() -> None:
    said = ["Canberra", "Sydney", "Canberra.", "Perth", "canberra"]
    model = Scripted(lambda ask: [Completion(text=t, model="m") for t in said[: ask.samples]], name="m")
    got = answered(Ensemble(models=[model], samples=5))
    assert got.completion.text == "Canberra" and got.steps[-1].outcome == "3 of 5 votes for the answer"
    ballots, grade = voting([0.6] * 5, 200, np.random.default_rng(15))
    pool = fit_votes(ballots, grade, shared=True)
    pooled = answered(Ensemble(models=[model], samples=5, pool=pool))
    assert pooled.confidence is not None and pooled.confidence.p is not None and pooled.confidence.p > 0.5


def test_calls_are_bounded_and_a_stream_is_held_until_settled() -> None:
    running = most = 0

    class Slow(Scripted):
        async def complete(self, ask: Ask) -> tuple[Completion, ...]:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            return await super().complete(ask)

    models = [Slow(lambda _: "Canberra", name=f"m{i}") for i in range(6)]
    route = Ensemble(models=models, at_once=2)

    async def run() -> list[object]:
        return [part async for part in route.stream(QUESTION, ASK, frozenset())]

    parts = asyncio.run(run())
    assert most == 2
    assert isinstance(parts[-1], Answered) and len(parts) == 3
    assert parts[-1].steps[-1].outcome == "6 of 6 votes for the answer"


def test_an_ensemble_that_makes_no_sense_is_refused() -> None:
    a, b = saying("a", "x"), saying("b", "x")
    for wrong in (
        {"models": []},
        {"models": [a, a]},
        {"models": [a, b], "samples": 3},
        {"models": [a], "at_once": 0},
    ):
        with pytest.raises(UnusableInput):
            Ensemble(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UnusableInput, match="not fitted on d"):
        Ensemble(models=[a, saying("d", "x")], pool=facts_pool())
    with pytest.raises(UnusableInput, match="plain pool and samples = 2"):
        Ensemble(models=[a], samples=2, pool=facts_pool())


@pytest.mark.skipif(
    "CALIBRANT_DATA" not in os.environ, reason="set CALIBRANT_DATA to the folder of recorded logs"
)
def test_four_recorded_medical_voters() -> None:
    """GPT-4 from memory is right in .759 of all 6,545 items: the table that MIRAGE publishes, weighted by its tasks."""
    log = Path(os.environ["CALIBRANT_DATA"]) / "logs" / "mirage_medqa.parquet"
    models = [f"{m}+{way}" for m in ("gpt-4-32k-0613", "gpt-3.5-turbo-16k-0613") for way in ("cot", "rag")]
    found = plan_ensemble(str(log), models, fit_rows=2000, resamples=200)
    told = found.to_dict()
    assert told["accuracies"][models[0]]["value"] == pytest.approx(0.759, abs=0.02)
    assert found.best_single == models[0]
    assert told["pooled"] > told["majority"] and told["pooled"] > told["best_single"] - 0.005
    assert told["ece"] < 0.035
