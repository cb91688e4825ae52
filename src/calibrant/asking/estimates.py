"""What a run will cost at the most, told before anything is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..answers.kinds import kind_of
from ..dialogue.asks import ANSWER, OPEN_TOKENS, answer_ask, tokens_in
from ..dialogue.claims import MOST_CLAIMS
from ..protocols import Grader, Signal
from ..types import Ask, Cost, Price, Question, Usage
from .meter import total

__all__ = ["CostEstimate", "estimate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CostEstimate:
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
    *,
    gives_several: bool | None = None,
    grader: Grader | None = None,
    others: Mapping[str, Price | None] | None = None,
) -> CostEstimate:
    """The cost of answering the questions, reading the signals and grading, when every answer is as long as allowed.

    Samples that several signals share are counted once, and calls that compare answers for each signal. Each sample is
    taken to be a call of its own, unless the model `gives_several` in one (None where only asking shows), and to read
    the question anew in any case. A token is taken to be four characters. `others` are the prices of further models by
    their role, such as "peer" or "judge"; one that is not there costs the same. The dollars are None where a model that
    is asked has no price. What a call log already holds is not taken off, and a call that is tried again comes on top.

    >>> from calibrant.types import Message
    >>> question = Question(id="q", messages=(Message("user", "The capital of France?"),))
    >>> estimate([question] * 1000, [], price=Price(prompt=1.0, completion=4.0))
    CostEstimate(calls=1000, together=1000, samples=0, prompt_tokens=6000, completion_tokens=64000, dollars=0.262)
    """
    signals = tuple(signals)
    cost = sum((_apart(signal) for signal in signals if "peer" not in signal.needs), Cost())
    peer = sum((_apart(signal) for signal in signals if "peer" in signal.needs), Cost())
    judge, judged_by = getattr(grader, "cost", Cost()), getattr(grader, "model", None)
    compared = _Compared(signals)
    count = asked = longest = shown = 0
    for question in questions:
        count += 1
        ask = answer_ask(question, signals, settings)
        asks, most = tokens_in(*(message.content for message in ask.messages)), ask.max_tokens or OPEN_TOKENS
        asked, longest, shown = asked + asks, longest + most, shown + tokens_in(*question.references)
        compared.add(question, asks + 2 * most)
    answers, both = 1 + cost.samples, asked + longest
    own = Usage(
        asked * answers + both * cost.calls + count * cost.read, longest * answers + count * cost.written
    )
    # A peer answers the question itself, at the length that its answer may have.
    peers = Usage(both * peer.calls + count * peer.read, max(longest * peer.calls, count * peer.written))
    grading = Usage((both + shown) * judge.calls + count * judge.read, count * judge.written)
    prices, dollars = others or {}, [None if price is None else price.of(own)]
    for role, used in (("peer", peers), (judged_by, grading), *compared.used.items()):
        if used != Usage():
            its = price if role in (None, "model") else prices.get(role, price)
            dollars.append(None if its is None else its.of(used))
    every = (own, peers, grading, *compared.used.values())
    each, together = cost.samples, int(cost.samples > 0)
    if gives_several is not None:
        each = together = together if gives_several else each
    others_asked = 1 + cost.calls + peer.calls + judge.calls
    return CostEstimate(
        calls=count * (others_asked + each) + compared.calls,
        together=count * (others_asked + together) + compared.calls,
        samples=count * cost.samples,
        prompt_tokens=sum(used.prompt_tokens for used in every),
        completion_tokens=sum(used.completion_tokens for used in every),
        dollars=total(*dollars),
    )


def _apart(signal: Signal) -> Cost:
    """What a signal costs beside comparing answers."""
    cost, comparing = signal.cost, getattr(signal, "comparing", Cost())
    return replace(
        cost, calls=cost.calls - comparing.calls, read=cost.read - comparing.read,
        written=cost.written - comparing.written,
    )  # fmt: skip


class _Compared:
    """What comparing answers takes, by the role that is asked."""

    def __init__(self, signals: Iterable[Signal]) -> None:
        each = [(getattr(signal, "same", None), getattr(signal, "comparing", Cost())) for signal in signals]
        self._costs = {
            role: sum((cost for who, cost in each if who == role), Cost()) for role, _ in each if role
        }
        self.used = dict.fromkeys(self._costs, Usage())
        self.calls = 0

    def add(self, question: Question, shown: int) -> None:
        """Count a question, of which each call shows so many tokens; long answers are compared claim by claim."""
        times = MOST_CLAIMS if self._costs and kind_of(question) == "long" else 1
        for role, cost in self._costs.items():
            used, calls = self.used[role], times * cost.calls
            self.calls += calls
            self.used[role] = Usage(
                used.prompt_tokens + calls * shown + times * cost.read,
                used.completion_tokens + times * cost.written,
            )
