"""A gated function: what leaves it, what is held back, and that nothing leaves by mistake."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import calibrant
from calibrant.gating import Gate, Gated, gated
from calibrant.maps.calibration import MapSet
from calibrant.policies.bands import Bands
from calibrant.types import Action, Fingerprint

SCORES = [0.95, 0.7, 0.5, 0.2] * 200
RIGHT = ([1, 1, 0, 0] * 3 + [1, 0, 1, 0] * 2) * 40
"""Of the answers at .95 all are right, at .7 three of five, at .5 two of five, at .2 none."""


@pytest.fixture(scope="module")
def fitted() -> calibrant.Fitted:
    return calibrant.fit(SCORES, RIGHT, "isotonic")


def answering(score: Any) -> Callable[[], tuple[str, Any]]:
    return lambda: ("Lima", score)


def test_it_does_what_apply_does(fitted: calibrant.Fitted, tmp_path: Path) -> None:
    """Two ways to the same number, interval, action, reason and words."""
    frame = pd.DataFrame(
        {"confidence": [0.95, 0.81, "70%", "0.5", 0.2, None, 1.2, "who knows"]}, dtype=object
    )
    applied = calibrant.apply(fitted, frame.to_dict("records"))
    gate = Gate(fitted)
    for row, given in zip(applied, frame["confidence"], strict=True):
        one = gate("Lima", given)
        assert (one.p, one.confidence.low, one.confidence.high) == (row["p"], row["p_low"], row["p_high"])
        assert (one.action, one.decision.why, one.phrase.text) == (row["action"], row["why"], row["phrase"])
        assert one.confidence.reason == row["uncalibrated"]
    fitted.save(tmp_path / "maps.json")
    assert Gate(tmp_path / "maps.json")("Lima", 0.7) == gate("Lima", 0.7)


def test_an_answer_leaves_with_its_confidence_and_a_doubtful_one_is_held(fitted: calibrant.Fitted) -> None:
    sure = gated(fitted)(answering(0.95))()
    assert sure.answer == "Lima" and sure.action is Action.ANSWER and sure.p is not None and sure.p > 0.95
    with pytest.raises(calibrant.NeedsPerson) as held:
        gated(fitted)(answering(0.2))()
    assert held.value.gated.answer == "Lima" and held.value.gated.action is Action.HAND_OFF
    assert "Lima" not in str(held.value) and "handed to a person" in str(held.value)
    lenient = gated(fitted, Bands(answer=0.0, disclaim=0.0, review=0.0, use="p"))
    assert lenient(answering(0.7))().answer == "Lima"


@pytest.mark.parametrize(
    "score", [None, float("nan"), "", "soon", True, np.True_, 1.2, -0.1, float("inf"), [0.9], (0.9, 0.9), 10**30, {}]
)  # fmt: skip
def test_what_is_no_score_never_lets_an_answer_go(fitted: calibrant.Fitted, score: Any) -> None:
    with pytest.raises(calibrant.NeedsPerson, match="No calibrated probability"):
        gated(fitted)(answering(score))()


@pytest.mark.parametrize("score", [0.95, np.float32(0.95), np.float64(0.95), "95%", "0.95", np.array(0.95)])
def test_a_score_is_read_as_in_a_log(fitted: calibrant.Fitted, score: Any) -> None:
    assert gated(fitted)(answering(score))().p == Gate(fitted)("", 0.95).p


def test_the_unit_is_that_of_the_map() -> None:
    frame = pd.DataFrame({"confidence": [95, 70, 50, 20] * 200, "correct": RIGHT})
    percent = Gate(calibrant.fit(frame, calibrator="isotonic"))
    assert percent("", 95).p == percent("", "95%").p and percent("", 120).p is None
    assert percent("", 0.95).confidence.reason == "confidence between 0 and 1 in a column of whole percents"


def test_a_map_of_something_else_is_not_used() -> None:
    made = calibrant.fit(SCORES, RIGHT, "isotonic").map
    maps = MapSet(
        by=("task",),
        groups=tuple(((task,), made.with_fingerprint(Fingerprint(task=task))) for task in ("law", "art")),
    )

    @gated(maps, known=lambda question, task: {"task": task})
    def answer(question: str, task: str) -> tuple[str, float]:
        return f"{question}!", 0.95

    assert answer("Why", task="law").answer == "Why!"
    with pytest.raises(calibrant.NeedsPerson, match="no map"):
        answer("Why", task="cooking")
    with pytest.raises(calibrant.NeedsPerson):
        gated(maps)(answering(0.95))()
    assert gated(maps, known={"task": "art"})(answering(0.95))().action is Action.ANSWER


def test_a_blend_takes_the_scores_of_several_signals() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.random(600), rng.random(600)
    right = rng.random(600) < 1 / (1 + np.exp(-6 * (first + second - 1)))
    rows = [
        {"record_id": str(i), "signal": name, "score": score, "correct": bool(good)}
        for i, (a, b, good) in enumerate(zip(first, second, right, strict=True))
        for name, score in (("one", a), ("two", b))
    ]
    fitted = calibrant.fit(pd.DataFrame(rows), calibrator="blend")
    gate = Gate(fitted)
    both, one = gate("", {"one": 0.9, "two": 0.95}), gate("", {"one": 0.9, "two": None})
    assert both.p is not None and one.p is not None and both.p > one.p
    told = calibrant.apply(
        fitted, [{"record_id": "n", "signal": n, "score": s} for n, s in (("one", 0.9), ("two", 0.95))]
    )
    assert told[0]["p"] == pytest.approx(both.p)
    assert gate("", {"one": "x"}).confidence.reason == "one: confidence is not a number"
    assert gate("", {"three": 0.5}).p is None and gate("", {}).p is None


def test_async_functions_methods_and_whatever_returns_an_awaitable(fitted: calibrant.Fitted) -> None:
    async def ask(question: str, score: float) -> tuple[str, float]:
        await asyncio.sleep(0)
        return question, score

    class Bot:
        @gated(fitted)
        async def ask(self, score: float) -> tuple[Bot, float]:
            return self, score

    assert asyncio.run(gated(fitted)(ask)("Why", 0.95)).answer == "Why"
    assert asyncio.iscoroutinefunction(gated(fitted)(ask)) and gated(fitted)(ask).__name__ == "ask"
    bot = Bot()
    assert asyncio.run(bot.ask(0.95)).answer is bot
    later: Any = gated(fitted)(partial(ask, score=0.95))
    assert asyncio.run(_awaited(later("Why"))).answer == "Why"
    with pytest.raises(calibrant.NeedsPerson):
        asyncio.run(gated(fitted)(ask)("Why", 0.2))


async def _awaited(one: Any) -> Any:
    return await one


def test_who_takes_over_is_given_the_answer_and_why(fitted: calibrant.Fitted) -> None:
    queue: list[Gated[str]] = []

    def take(found: Gated[str]) -> str:
        queue.append(found)
        return "A person will answer."

    async def later(found: Gated[str]) -> str:
        return take(found)

    async def ask() -> tuple[str, float]:
        return "Lima", 0.2

    assert gated(fitted, hand_off=take)(answering(0.2))() == "A person will answer."
    assert asyncio.run(gated(fitted, hand_off=later)(ask)()) == "A person will answer."
    assert asyncio.run(gated(fitted, hand_off=take)(ask)()) == "A person will answer."
    assert [one.answer for one in queue] == ["Lima"] * 3
    assert gated(fitted, hand_off=take)(answering(0.95))().answer == "Lima" and len(queue) == 3


@pytest.mark.parametrize(
    "returned", ["ab", ["Lima", 0.9], ("Lima",), ("Lima", 0.9, 1), None, {"a": 1, "b": 2}]
)
def test_what_is_no_answer_with_a_score_is_refused(fitted: calibrant.Fitted, returned: Any) -> None:
    with pytest.raises(calibrant.errors.Misuse, match="`return answer, score`"):
        gated(fitted)(lambda: returned)()


def test_errors_of_the_function_pass_and_streams_are_refused(fitted: calibrant.Fitted) -> None:
    def fails() -> tuple[str, float]:
        raise KeyError("x")

    def stream() -> Any:
        yield "Lima"

    async def later() -> Any:
        yield "Lima"

    with pytest.raises(KeyError):
        gated(fitted)(fails)()
    for one in (stream, later):
        with pytest.raises(calibrant.errors.Misuse, match="cannot be held back"):
            gated(fitted)(one)
