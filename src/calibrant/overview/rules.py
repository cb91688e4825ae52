"""What decides about a task's answers now, and what it saves: from what its latest records say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..protocols import Store
from ..types import Record
from .standing import Standing

__all__ = ["MONTH", "Money", "Rule", "money", "rule_of"]

MONTH = 30
"""Days over which money is added up."""

_PRICES = re.compile(r"^ExpectedCost\(wrong=([\d.e+-]+), review=([\d.e+-]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """The policy that decided last.

    `threshold` is the probability from which answers go without a person, perhaps with a disclaimer, as the last ones
    that did were held against it, None where none did; `certified` says that it stands on a certificate. `wrong` and
    `review` are what a wrong answer and a look cost, where the policy knows. `latest` is the id of the newest record,
    `release` and `verdicts` are as of it: what answered, and how many labels its map stands on.
    """

    policy: str | None = None
    threshold: float | None = None
    certified: bool = False
    wrong: float | None = None
    review: float | None = None
    latest: str | None = None
    release: str | None = None
    verdicts: int = 0


def rule_of(store: Store, one: Standing) -> Rule:
    """That of a task; with nothing in it where it has no answer yet."""
    found: Mapping[str, Record | None] = {
        action: store.record(id) for action, (_, id) in one.past.latest.items()
    }
    there = [record for record in found.values() if record is not None]
    if not there:
        return Rule()
    last = max(there, key=lambda record: (record.time, record.id))
    sent = [found.get(action) for action in ("answer", "disclaim")]
    floors = [one.decision.threshold for one in sent if one and one.decision and one.policy == last.policy]
    prices = _PRICES.match(last.policy or "")
    return Rule(
        policy=last.policy, threshold=min((one for one in floors if one is not None), default=None),
        certified=(last.policy or "").startswith("RiskControl"),
        wrong=float(prices[1]) if prices else None, review=float(prices[2]) if prices else None,
        latest=last.id, release=last.release, verdicts=last.confidence.verdicts if last.confidence else 0,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """What answers without a look saved over the last `MONTH` days, against a look at each, in the policy's currency.

    `sent` answers went alone, of which `wrong` (from `low` to `high`) in 100 were wrong: as labels say. The sum is
    `sent` x `review` - `sent` x wrong share x `price`, and lies between `least` and `most`.
    """

    sent: int
    answers: int
    review: float
    price: float
    wrong: float
    low: float
    high: float

    @property
    def saved(self) -> float:
        """The sum."""
        return self.sent * (self.review - self.wrong * self.price)

    @property
    def least(self) -> float:
        """The sum where the most were wrong."""
        return self.sent * (self.review - self.high * self.price)

    @property
    def most(self) -> float:
        """The sum where the fewest were wrong."""
        return self.sent * (self.review - self.low * self.price)


def money(one: Standing, rule: Rule) -> Money | None:
    """That of a task; None where prices or labels of answers sent are not known."""
    right = one.sent_right
    if rule.wrong is None or rule.review is None or right is None:
        return None
    counts = one.counted(MONTH)
    return Money(
        sent=counts.automatic, answers=counts.answers, review=rule.review, price=rule.wrong,
        wrong=1 - right.value, low=1 - right.high, high=1 - right.low,
    )  # fmt: skip
