"""What commands that ask say of their costs and their runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from calibrant.asking.asker import Spending
from calibrant.asking.elicit import ElicitSummary
from calibrant.asking.estimates import CostEstimate
from calibrant.looking.following import after_elicit
from calibrant.phrasing.numbers import dollars, share, tokens

from ..terminal import print_cut, print_json, print_next, print_reasons, say

__all__ = [
    "estimate_sentence", "print_estimate", "print_spending", "print_stopped", "print_summary",
    "spending_fields",
]  # fmt: skip


PRICE = "--price states it"


def estimate_sentence(expected: CostEstimate) -> str:
    """What a run would cost at the most, in words."""
    cost = "" if expected.dollars is None else f", {dollars(expected.dollars)} US dollars"
    fewer = f" ({expected.together:,} where the server gives several samples in one call)"
    calls = f"{expected.calls:,} calls{fewer if expected.together < expected.calls else ''}"
    return (
        f"At the most: {calls}, {tokens(expected.prompt_tokens)} read and {tokens(expected.completion_tokens)} "
        f"written{cost}. Calls that were answered before are not made again."
    )


def print_estimate(expected: CostEstimate, as_json: bool) -> None:
    """What a run would cost at the most."""
    if as_json:
        print_json(asdict(expected))
    else:
        say(estimate_sentence(expected))


def print_spending(spent: Spending) -> None:
    """What a run used."""
    used = f"{spent.calls:,} calls, {spent.tokens:,} tokens"
    if spent.cost is not None:
        say(f"{used}, {dollars(spent.cost)} US dollars.")
    elif spent.dollars:
        unknown = f"what {spent.unpriced:,} calls of an unknown price cost"
        say(f"{used}, {dollars(spent.dollars)} US dollars and {unknown}: {PRICE}.")
    else:
        say(f"{used}; what they cost is not known: {PRICE}.")


def spending_fields(spent: Spending) -> dict[str, Any]:
    """What a run used, for JSON: dollars are null where a price is not known."""
    return {"calls": spent.calls, "tokens": spent.tokens, "dollars": spent.cost}


def print_stopped(
    why: str, done: int, total: int, spent: Spending, calls: object, *, keep: str, as_json: bool
) -> None:
    """That a run which has to have all ended before it had, and where what it has is kept."""
    kept = None if calls is None else str(calls)
    if as_json:
        print_json({"stopped": why, "done": done, "of": total, **spending_fields(spent), "kept": kept})
        return
    say(f"Stopped: {why}")
    say(f"{done:,} of at most {total:,} answers were looked at; from a part of them nothing is concluded.")
    print_spending(spent)
    where = (
        f"Answered calls are in {kept}." if kept else f"Nothing was kept: {keep} keeps the answered calls."
    )
    say(where)


def print_summary(
    s: ElicitSummary, left: int, log: str, as_json: bool, *, closed: Sequence[str] = (), signals: int = 1
) -> None:
    """How a run of elicit went; `closed` are the options that allowed nothing to be asked at all."""
    spent = s.spending
    body = {
        "log": log, "recorded": s.recorded, "skipped": s.skipped, "unfinished": left, "failed": s.failed,
        "cut": s.cut, "regraded": s.regraded, "graded": s.graded, "ungraded": s.ungraded, "accuracy": s.accuracy,
        "reasons": dict(s.reasons), "stopped": s.stopped,
        **spending_fields(spent),
    }  # fmt: skip
    steps = after_elicit(log, signals) if s.graded else ()
    if as_json:
        print_json({**body, "next": [step.to_dict() for step in steps]})
        return
    right = "" if s.accuracy is None else f", {share(s.accuracy, s.graded)} right"
    if s.accuracy is not None and s.ungraded:
        graded = share(s.accuracy, s.graded, f"the {s.graded:,} graded")
        right = f", {graded} right, {s.ungraded:,} without a grade"
    first, late = (right, "") if s.recorded else ("", right)
    say(f"{s.recorded} recorded{first}; {s.skipped} were there already; {left} left for another run.")
    print_spending(spent)
    if s.regraded:
        say(f"{s.regraded} of those that were there had no grade and have one now{late}.")
    print_cut(s.cut)
    print_reasons(s.reasons)
    if s.stopped:
        change = f" with a higher {' and '.join(closed)}" if closed else ""
        say(f"Stopped: {s.stopped} Run the same command again{change} to go on.")
    say(f"Log: {log}")
    print_next(steps)
