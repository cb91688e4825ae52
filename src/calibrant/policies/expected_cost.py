"""The action that is expected to cost least."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from ..types import Action, Confidence, Decision

__all__ = ["ExpectedCost"]

DOMINATES = 20.0
"""A wrong answer that costs so many times a review is worth guarding against the probability's own error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedCost:
    """Of answering, a disclaimer, a review and handing off, take what costs least at the probability p.

    All costs are in one currency, for one answer:

        answer     (1 - p) wrong
        disclaim   disclaim + (1 - p) (1 - disclaim_saves) wrong
        review     review + (1 - p) reviewer_error wrong
        hand off   hand_off

    `wrong` is what a wrong answer costs that reaches its reader. `review` is what it costs that a person looks at
    an answer, of whom the share `reviewer_error` of wrong answers slips past. `hand_off` is a person's own
    answer, its mistakes included; without it nothing is handed off but what has no probability. A disclaimer
    keeps the share `disclaim_saves` of an error's cost and costs `disclaim` itself, because right answers are
    then trusted less; without `disclaim_saves` there is none. So an answer is sent iff

        p >= 1 - review / ((1 - reviewer_error) wrong)

    where review is what comes next. Of equal costs the freer action is taken.

    `larger` is what an answer of a larger model costs, right in the share `larger_right` of such questions. A
    policy cannot call it, but says where it would be cheaper, and `costs` tells a route.

    `use` says what is read: "p", or "low" for the low end of its interval, or "auto" for the low end where a
    wrong answer costs 20 times a review or more, so that few labels do not let dear mistakes through.

    Examples
    --------
    >>> from calibrant.types import Probability
    >>> policy = ExpectedCost(wrong=10.0, review=1.0, reviewer_error=0.05)
    >>> round(policy.edges[0], 4)
    0.8947
    >>> print(policy.decide(Confidence(p=Probability(0.8))).why)
    At a calibrated probability of 0.80 of being right, a review should cost 1.10 (1.00, and 10.00 x 0.05
    for each wrong answer that slips past); sent as it is, the answer would cost 2.00: a person reviews it first.
    """

    wrong: float
    review: float
    hand_off: float | None = None
    reviewer_error: float = 0.0
    disclaim_saves: float | None = None
    disclaim: float = 0.0
    larger: float | None = None
    larger_right: float | None = None
    use: Literal["p", "low", "auto"] = "p"
    _floors: tuple[tuple[float, Action], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)
        object.__setattr__(self, "_floors", self._cheapest())

    @property
    def edges(self) -> tuple[float, ...]:
        """The probabilities at which the action changes, ascending."""
        return tuple(sorted(floor for floor, _ in self._floors if 0.0 < floor <= 1.0))

    @property
    def thresholds(self) -> dict[str, float | None]:
        """Of each action the least probability for which it is taken; None for one that never is."""
        floors: dict[str, float | None] = dict.fromkeys(map(str, Action))
        floors.update({str(action): min(max(floor, 0.0), 1.0) for floor, action in self._floors})
        return floors

    @property
    def reads_low(self) -> bool:
        """Whether the low end of the interval is read."""
        return self.use == "low" or (self.use == "auto" and self.wrong >= DOMINATES * self.review)

    def costs(self, p: float) -> dict[str, float]:
        """What each way is expected to cost at p, by name; "larger" where that model's price and skill are known."""
        found = {str(action): base + (1 - p) * share * self.wrong for action, base, share in self._ways()}
        if self.larger is not None and self.larger_right is not None:
            found["larger"] = self.larger + (1 - self.larger_right) * self.wrong
        return found

    def action_at(self, p: float) -> Action:
        """The cheapest action at p; of equal ones the freest."""
        return next(action for floor, action in self._floors if p >= floor)

    def decide(self, confidence: Confidence) -> Decision:
        """The cheapest action and what it is expected to cost; no probability means hand off."""
        value = confidence.low if self.reads_low else confidence.p
        if confidence.p is None or value is None or math.isnan(value):
            lacks = confidence.reason or "its interval is not known, and the low end of it is what counts"
            why = f"No calibrated probability ({lacks}): handed to a person."
            return Decision(action=Action.HAND_OFF, threshold=None, why=why)
        action = self.action_at(value)
        floor = next(floor for floor, one in self._floors if one is action)
        threshold = floor if math.isfinite(floor) else None
        if action not in (Action.ANSWER, Action.DISCLAIM) and threshold is None:
            threshold = self.edges[0]  # it is taken below all of them
        return Decision(action=action, threshold=threshold, why=self._why(value, action))

    def _ways(self) -> list[tuple[Action, float, float]]:
        """Of each action its cost whatever the answer, and the share of an error's cost that stays."""
        ways = [(Action.ANSWER, 0.0, 1.0)]
        if self.disclaim_saves is not None:
            ways.append((Action.DISCLAIM, self.disclaim, 1 - self.disclaim_saves))
        ways.append((Action.REVIEW, self.review, self.reviewer_error))
        if self.hand_off is not None:
            ways.append((Action.HAND_OFF, self.hand_off, 0.0))
        return ways

    def _cheapest(self) -> tuple[tuple[float, Action], ...]:
        """The lower envelope of the costs, which are straight lines in p: (least p, action), the freest first.

        The slopes fall from action to action, so that a more careful one takes over at a lower p, and never a
        freer one again.
        """
        ways, here, start = self._ways(), 0, 1.0
        found: list[tuple[float, Action]] = []
        while True:
            action, base, share = ways[here]
            crossings = [
                (self._crossing(base, share, *ways[later][1:]), later) for later in range(here + 1, len(ways))
            ]
            at, following = max(
                crossings, default=(-math.inf, here), key=lambda pair: (pair[0], -ways[pair[1]][2])
            )
            floor = min(at, start)
            if (
                at < math.inf
            ):  # else one that spares as much is cheaper, by less than what it costs here tells
                found.append((floor, action))
            if floor <= 0.0:
                break
            here, start = following, floor
        return (*found[:-1], (-math.inf, found[-1][1]))

    def _crossing(self, base: float, share: float, later_base: float, later_share: float) -> float:
        """The p below which the later way costs less; -inf where it never does, inf where it always does."""
        if share == later_share:
            return -math.inf if later_base >= base else math.inf
        return 1 - (later_base - base) / ((share - later_share) * self.wrong)

    def _why(self, p: float, action: Action) -> str:
        costs = self.costs(p)
        lead = f"At a calibrated probability of {p:.2f} of being right, "
        if self.reads_low:
            lead = f"The probability of being right may be as low as {p:.2f}; there "
        mine, others = (
            costs[str(action)],
            {n: c for n, c in costs.items() if n not in (str(action), "larger")},
        )
        nearest = min(others, key=lambda name: others[name])
        told = {
            Action.ANSWER: f"an answer sent as it is should cost {mine:.2f} ({self.wrong:.2f} if wrong, with "
            f"probability {1 - p:.2f})",
            Action.DISCLAIM: f"a disclaimer should cost {mine:.2f} ({self.disclaim:.2f}, and {self.wrong:.2f} "
            f"less {100 * (self.disclaim_saves or 0):.0f} % for each wrong answer)",
            Action.REVIEW: f"a review should cost {mine:.2f} ({self.review:.2f}, and {self.wrong:.2f} x "
            f"{self.reviewer_error:.2f} for each wrong answer that slips past)",
            Action.HAND_OFF: f"a person's own answer costs {mine:.2f}",
        }[action]
        why = f"{lead}{told}; {_AGAINST[Action(nearest)]} would cost {others[nearest]:.2f}: {_THEN[action]}."
        if "larger" in costs and costs["larger"] < mine:
            why += f" A larger model would be expected to cost {costs['larger']:.2f}: ask it first."
        return why


_AGAINST = {
    Action.ANSWER: "sent as it is, the answer", Action.DISCLAIM: "with a disclaimer it",
    Action.REVIEW: "a review", Action.HAND_OFF: "handing off",
}  # fmt: skip
_THEN = {
    Action.ANSWER: "answer", Action.DISCLAIM: "answer with a disclaimer",
    Action.REVIEW: "a person reviews it first", Action.HAND_OFF: "handed to a person",
}  # fmt: skip


def _check(policy: ExpectedCost) -> None:
    """Raise `ValueError` for costs that cannot be, or that would let a surer answer be treated with more care."""
    for name in ("wrong", "review", "hand_off", "disclaim", "larger"):
        value = getattr(policy, name)
        if value is not None and not (0.0 <= value < math.inf):
            raise ValueError(f"{name} is a cost, so a number from 0 on; got {value!r}.")
    for name in ("reviewer_error", "disclaim_saves", "larger_right"):
        value = getattr(policy, name)
        if value is not None and not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} is a share in [0, 1]; got {value!r}.")
    if policy.wrong == 0:
        raise ValueError("wrong is 0: if a wrong answer costs nothing, there is nothing to decide.")
    if policy.reviewer_error == 1:
        raise ValueError("reviewer_error is 1: reviewers who see no error at all are no use.")
    if policy.larger_right is not None and policy.larger is None:
        raise ValueError("larger_right is about a larger model; say with larger what its answer costs.")
    if policy.use not in ("p", "low", "auto"):
        raise ValueError(f"use is 'p', 'low' or 'auto', not {policy.use!r}.")
    _check_disclaimer(policy)


def _check_disclaimer(policy: ExpectedCost) -> None:
    if policy.disclaim_saves is None:
        if policy.disclaim:
            raise ValueError("disclaim is the cost of a disclaimer; say with disclaim_saves what it saves.")
        return
    if policy.disclaim_saves > 0 and policy.disclaim == 0:
        raise ValueError(
            "disclaim is 0: a disclaimer that costs nothing would stand on every answer. Say what it costs "
            "that a right answer is trusted less, such as 0.05."
        )
    if policy.disclaim_saves > 1 - policy.reviewer_error:
        raise ValueError(
            f"A disclaimer that saves {policy.disclaim_saves} of an error's cost does more than reviewers who "
            f"miss {policy.reviewer_error} of the errors; then review would be the freer action."
        )
