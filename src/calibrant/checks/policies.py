"""What every policy promises."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ..types import Action, Confidence, Decision, Probability
from .promises import Make

FREEST_FIRST = list(Action)
GRID = [n / 2000 for n in range(2001)]


def decides_at_every_probability_and_says_why(make: Make) -> Iterator[str]:
    """A `Decision` with an action and a sentence, the same for the same confidence."""
    for p in GRID:
        decision = make().decide(_confidence(p))
        if not isinstance(decision, Decision) or decision.action not in FREEST_FIRST:
            yield f"at {p} it decides {decision!r}; expected a Decision with one of {', '.join(Action)}"
        elif not decision.why.strip().endswith("."):
            yield f"at {p} it says no sentence why, but {decision.why!r}"
        elif decision != make().decide(_confidence(p)):
            yield f"at {p} it decides now this, now that"


def is_no_more_careful_of_a_surer_answer(make: Make) -> Iterator[str]:
    """From 0 to 1 its action is ever freer, in the order of `Action`."""
    for (p, before), (q, after) in pairwise(zip(GRID, _levels(make), strict=True)):
        if after > before:
            yield f"at {p} it takes {FREEST_FIRST[before]}, and at {q} {FREEST_FIRST[after]}"


def is_most_careful_where_nothing_is_known(make: Make) -> Iterator[str]:
    """Without a probability: no freer action than at any, no threshold, and the reason."""
    decision, careful = make().decide(Confidence(p=None, reason="there is no map")), max(_levels(make))
    if FREEST_FIRST.index(decision.action) < careful or decision.action is Action.ANSWER:
        yield f"without a probability it takes {decision.action}, and {FREEST_FIRST[careful]} at some"
    if decision.threshold is not None or "there is no map" not in decision.why:
        yield f"without a probability, since there is no map, it says {decision.why!r} at {decision.threshold!r}"


def tells_the_edges_at_which_its_action_changes(make: Make) -> Iterator[str]:
    """Where it has `edges`, its action changes within 0.001 of each of them, and nowhere else."""
    if (edges := getattr(make(), "edges", None)) is None:
        return
    steps = zip(pairwise(GRID), pairwise(_levels(make)), strict=True)
    changed = [(p + q) / 2 for (p, q), (before, after) in steps if before != after]
    for told, known, others in (("are no edges", changed, edges), ("change nothing", edges, changed)):
        lost = [one for one in known if 0.0 < one < 1.0 and all(abs(one - other) > 0.001 for other in others)]
        if lost:
            yield f"{', '.join(f'{one:.3f}' for one in lost)} {told}; its edges are {edges!r}"


def _levels(make: Make) -> list[int]:
    """How careful it is at each probability of the grid."""
    return [FREEST_FIRST.index(make().decide(_confidence(p)).action) for p in GRID]


def _confidence(p: float) -> Confidence:
    return Confidence(p=Probability(p), low=p, high=p, verdicts=1000, map_id="m")
