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
    """The most that a run asks for: calls, further samples, tokens, and US dollars where there is a price.

    `together` is how many calls it is where one call gives all samples of a question; the same as `calls`
    where the model is known to do so, or not to.
    """

    calls: int
    together: int
    samples: int
    prompt_tokens: int
    completion_tokens: int
    dollars: float | None


def estimate(
    questions: Iterable[Question],
    signals: Iterable[Signal],
    settings: Ask = ANSWER,
    price: Price | None = None,
    gives_several: bool | None = None,
) -> Estimate:
    """The cost of answering the questions and reading the signals, when every answer is as long as allowed.

    Samples that several signals share are counted once. Each is taken to be a call of its own, unless the
    model `gives_several` in one (None where only asking shows), and to read the question anew in any case. A
    token is taken to be four characters. Calls to other models are counted at the same price. Graders are not
    counted, nor is what a call log already holds, nor a call that is tried again.

    >>> from calibrant.types import Message
    >>> question = Question(id="q", messages=(Message("user", "The capital of France?"),))
    >>> estimate([question] * 1000, [], price=Price(prompt=1.0, completion=4.0))
    Estimate(calls=1000, together=1000, samples=0, prompt_tokens=6000, completion_tokens=64000, dollars=0.262)
    """
    signals = tuple(signals)
    cost = sum((signal.cost for signal in signals), Cost())
    each, together = cost.samples, int(cost.samples > 0)
    if gives_several is not None:
        each = together = together if gives_several else each
    asks = samples = read = written = 0
    for question in questions:
        longest = answer_ask(question, signals, settings).max_tokens
        asked = tokens_in(*(message.content for message in question.messages))
        asks += 1
        samples += cost.samples
        read += asked * (1 + cost.samples) + (asked + longest) * cost.calls + cost.read
        written += longest * (1 + cost.samples) + cost.written
    dollars = None if price is None else price.of(Usage(read, written))
    return Estimate(
        calls=asks * (1 + cost.calls + each), together=asks * (1 + cost.calls + together), samples=samples,
        prompt_tokens=read, completion_tokens=written, dollars=dollars,
    )  # fmt: skip
