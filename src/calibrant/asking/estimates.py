"""What a run will cost at the most, told before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..dialogue.asks import ANSWER, answer_ask, tokens_in
from ..protocols import Signal
from ..types import Ask, Cost, Question, Usage
from ..wire.chat import Price

__all__ = ["Estimate", "estimate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """The most that a run asks for: calls, further samples, tokens, and US dollars where there is a price."""

    calls: int
    samples: int
    prompt_tokens: int
    completion_tokens: int
    dollars: float | None


def estimate(
    questions: Iterable[Question],
    signals: Iterable[Signal],
    settings: Ask = ANSWER,
    price: Price | None = None,
) -> Estimate:
    """The cost of answering the questions and reading the signals, when every answer is as long as allowed.

    Samples that several signals share are counted once, in one call for each question; each is taken to read
    the question anew, as with a server that gives one answer a call. A token is taken to be four characters.
    Calls to other models are counted at the same price. Graders are not counted, nor is what a call log
    already holds.

    >>> from calibrant.types import Message
    >>> question = Question(id="q", messages=(Message("user", "The capital of France?"),))
    >>> estimate([question] * 1000, [], price=Price(prompt=1.0, completion=4.0))
    Estimate(calls=1000, samples=0, prompt_tokens=6000, completion_tokens=64000, dollars=0.262)
    """
    signals = tuple(signals)
    cost = sum((signal.cost for signal in signals), Cost())
    calls = samples = read = written = 0
    for question in questions:
        longest = answer_ask(question, signals, settings).max_tokens
        asked = tokens_in(*(message.content for message in question.messages))
        calls += 1 + cost.calls + bool(cost.samples)
        samples += cost.samples
        read += asked * (1 + cost.samples) + (asked + longest) * cost.calls + cost.read
        written += longest * (1 + cost.samples) + cost.written
    dollars = None if price is None else price.of(Usage(read, written))
    return Estimate(
        calls=calls, samples=samples, prompt_tokens=read, completion_tokens=written, dollars=dollars
    )
