"""How far reviewers agree, and what each of them catches, as a fold over the past."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from scipy.special import betaincinv

from ..errors import UnusableInput
from ..judges.drifting import Drift, drifted
from ..metrics.intervals import Estimate
from ..past.answers import Answer
from ..past.folding import Folding
from ..protocols import Store
from ..types import SECOND, Assignment, Event, Json, Verdict
from .agreement import alpha

__all__ = ["Agreement", "Caught", "Readers", "readers_of"]

ANCHORS = 20
"""Known items that a model judge must have judged twice before it is said whether it changed."""

WAITING = 5_000
"""First readings that are remembered for a second one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How far two readers agree on the answers of a task (None: of all; "": of those without one), beyond chance, with
    95 % intervals.

    `ordinal` counts "partly" as nearer to either side than these are to each other, `nominal` does not. Both are None,
    with the reason, where too few were read twice, or all verdicts were the same.
    """

    task: str | None
    pairs: int
    agree: int
    nominal: Estimate | None
    ordinal: Estimate | None
    why_none: str | None

    def to_dict(self) -> Json:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caught:
    """What a reviewer made of known items: of the `wrong` ones the share that was called wrong, of `right` ones so too.

    With exact 95 % intervals; None where there was none of the kind. `reviewer` is None for all of them together.
    """

    reviewer: str | None
    wrong: int
    caught: Estimate | None
    right: int
    false_alarms: Estimate | None

    def to_dict(self) -> Json:
        """Plain values."""
        return asdict(self)


class Readers:
    """Pairs of verdicts by two readers, and verdicts on known items by reviewers and by model judges."""

    name = "readers"

    def __init__(self) -> None:
        self.pairs: list[tuple[str | None, str, float, str, float]] = []
        self.known: dict[str, list[int]] = {}
        self.anchors: dict[str, dict[str, list[float]]] = {}
        self._firsts: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def answered(self, answer: Answer) -> None:
        """Nobody has read it."""

    def assigned(self, answer: Answer, assignment: Assignment) -> None:
        """Nobody has read it yet."""

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        """A first reading, or a second one that was drawn: late ones were not, so they say nothing of agreement."""
        if verdict.assignment is None:
            return
        if verdict.source != SECOND:
            self._firsts[answer.record_id] = (verdict.judge, verdict.grade)
            if len(self._firsts) > WAITING:
                self._firsts.popitem(last=False)
        elif (first := self._firsts.pop(answer.record_id, None)) is not None:
            self.pairs.append((answer.task, *first, verdict.judge, verdict.grade))

    def happened(self, event: Event, answer: Answer | None) -> None:
        """A known item was judged, by a reviewer or as an anchor by a model."""
        del answer
        if event.kind == "anchor":
            grade, truth = float(event.data["grade"]), float(event.data["truth"])
            of_judge = self.anchors.setdefault(str(event.data["judge"]), {})
            of_judge.setdefault(str(event.data["item"]), [grade, grade, truth])[1:] = [grade, truth]
        if event.kind == "known":
            counts = self.known.setdefault(str(event.data["judge"]), [0, 0, 0, 0])
            right, called_right = event.data["truth"] >= 0.5, event.data["grade"] >= 0.5
            counts[2 if right else 0] += 1
            counts[3 if right else 1] += not called_right

    def agreement(self, task: str | None = None) -> Agreement:
        """That of the readers of a task, of answers without one (""), or of all (None)."""
        units = [(one[2], one[4]) for one in self.pairs if task is None or (one[0] or "") == task]
        nominal = ordinal = why = None
        try:
            nominal, ordinal = alpha(units, "nominal"), alpha(units, "ordinal")
        except UnusableInput as error:
            why = str(error)
        return Agreement(
            task=task, pairs=len(units), agree=sum(a == b for a, b in units), nominal=nominal, ordinal=ordinal,
            why_none=why,
        )  # fmt: skip

    def caught(self) -> tuple[Caught, ...]:
        """What each reviewer caught, by name."""
        return tuple(_caught(name, counts) for name, counts in sorted(self.known.items()))

    def caught_together(self) -> Caught:
        """What all reviewers caught of the known items that they were given, an item once for each who judged it."""
        return _caught(None, [sum(column) for column in zip([0, 0, 0, 0], *self.known.values(), strict=True)])

    def drifts(self) -> Mapping[str, Drift | None]:
        """Whether each model judge changed on its anchors, first and last time; None with fewer than 20 of them."""
        found: dict[str, Drift | None] = {}
        for judge, anchors in sorted(self.anchors.items()):
            first, last, truth = (list(column) for column in zip(*anchors.values(), strict=True))
            found[judge] = drifted(first, last, truth) if len(first) >= ANCHORS else None
        return found

    def to_dict(self) -> Json:
        """Plain values."""
        return {
            "anchors": self.anchors,
            "pairs": [list(one) for one in self.pairs],
            "known": self.known,
            "firsts": [[id, *one] for id, one in self._firsts.items()],
        }

    def load(self, state: Json) -> None:
        """Take a state in place of its own."""
        self.pairs = [_pair(one) for one in state["pairs"]]
        self.anchors = {
            judge: {item: list(row) for item, row in anchors.items()}
            for judge, anchors in state["anchors"].items()
        }
        self.known = {name: list(counts) for name, counts in state["known"].items()}
        self._firsts = OrderedDict((id, (judge, grade)) for id, judge, grade in state["firsts"])


def readers_of(store: Store, *, keep: bool = True) -> Readers:
    """What the readings of a store say up to now; where it may be kept, from where the last one ended."""
    readers = Readers()
    folding = Folding(store, [readers], kept="folds/readers" if keep else None)
    while folding.go_on():
        pass
    return readers


def _pair(row: Sequence[object]) -> tuple[str | None, str, float, str, float]:
    task, first, one, second, other = row
    return None if task is None else str(task), str(first), float(str(one)), str(second), float(str(other))


def _caught(reviewer: str | None, counts: Sequence[int]) -> Caught:
    wrong, caught, right, false = counts
    return Caught(
        reviewer=reviewer, wrong=wrong, caught=_share(caught, wrong), right=right, false_alarms=_share(false, right)
    )  # fmt: skip


def _share(k: int, n: int) -> Estimate | None:
    """k of n with the interval of Clopper and Pearson."""
    if n == 0:
        return None
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, 0.025))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 0.975))
    return Estimate(k / n, low, high)
