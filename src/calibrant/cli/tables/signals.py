"""The signals there are, and which of them works where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from calibrant.comparing.budgets import Choice
from calibrant.comparing.signals import Compared, SignalTable
from calibrant.logs.keys import group_name
from calibrant.phrasing.numbers import UNKNOWN, fixed, interval, percent, several

from ..terminal import print_aside, say, table

__all__ = ["print_compared", "print_signals"]

_COUNTED = (">helps", ">no better", ">useless", ">reversed", ">too few")
_COVERED: Mapping[float | None, str] = {0.0: "none", 1.0: "all"}
_MOST_LINES = 40
"""So many lines a table may have before each group gets one line instead of one for each of its signals."""


def print_signals(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line for each signal: what it needs and what it costs an answer, at the most."""
    costs = [
        [f"{row[n]:,}" if row[n] else "-" for n in ("calls", "samples", "read", "written")] for row in rows
    ]
    shown = [
        (row["name"], ", ".join(row["needs"]) or "-", *cost, row["about"])
        for row, cost in zip(rows, costs, strict=True)
    ]
    table(("signal", "needs", ">calls", ">samples", ">reads", ">writes", "is"), shown)
    say(
        "\nFor one answer, at the most. Calls are further calls, each of which also reads the question and the "
        "answer;\nsamples are further answers to the question, shared by all signals that want them; reads and "
        "writes are tokens."
    )


def print_compared(found: SignalTable) -> None:
    """What is to be concluded, then the table, what to take for which budget, and what could not be used."""
    for sentence in found.sentences:
        say(sentence)
    say("")
    groups = list(found.groups())
    whole = len(found.signals) <= _MOST_LINES
    tops = [one for one in groups if one[0] in found.tops]
    for by, signals in groups if whole else tops:
        _print_group(by, signals, parted=len(groups) > 1)
    if not whole:
        heads = (
            "group",
            ">answers",
            ">right",
            "best",
            ">AUROC",
            ">helps",
            ">no better",
            ">useless",
            ">reversed",
            ">too few",
        )
        table(heads, [_line(by, signals) for by, signals in groups if by not in found.tops])
        say("A line for each group; each of its signals: --json, or --chart.")
    _print_budgets(found)
    say("")
    if len(found.signals) > 1:
        say(
            f"Verdicts hold for all {len(found.signals):,} lines at once, so an interval that leaves out 0 may not be "
            "enough for one."
        )
    have = "has" if found.judged == 1 else "have"
    told = f"{found.judged:,} of {several(found.answers, 'answer')} {have} a verdict"
    say(f"{told}; {several(found.rows, 'row')} read.")
    print_aside(found.unusable, found.notes)


def _print_group(by: Mapping[str, str | None], signals: Sequence[Compared], *, parted: bool) -> None:
    heads = (
        "signal", ">n", ">coverage", ">AUROC (95 %)", ">Brier", ">better by (95 %)", "than", ">calls", ">tokens",
        "verdict",
    )  # fmt: skip
    paid = any(one.free and one.calls != 0 for one in signals)  # named by the reader, and not free
    table(heads, [_compared(one, paid=paid) for one in signals], group_name(by) if parted else None)
    say("")


def _compared(one: Compared, *, paid: bool) -> tuple[str, ...]:
    spent = [UNKNOWN if v is None else fixed(v, d) for v, d in ((one.calls, 1), (one.tokens, 0))]
    return (
        f"{one.signal} ({'named' if paid else 'free'})" if one.free else one.signal, f"{one.n:,}",
        _COVERED.get(one.coverage) or percent(one.coverage), interval(one.shown), fixed(one.brier, 4),
        interval(one.gain, 4, signed=True), one.against if one.gain else UNKNOWN,
        *spent, _told(one).replace("the free one", one.against) if paid else _told(one),
    )  # fmt: skip


def _told(one: Compared) -> str:
    """The verdict, and why where the numbers beside it do not say it."""
    told = one.verdict == "too few" or one.gain is None
    return f"{one.verdict}: {one.reason.rstrip('.')}" if told else one.verdict


def _line(by: Mapping[str, str | None], signals: Sequence[Compared]) -> tuple[str, ...]:
    told = [one for one in signals if one.shown and one.verdict != "too few"]
    best, most = next(iter(told), None), max(signals, key=lambda one: one.n)
    counts = [sum(one.verdict.startswith(head.lstrip(">")) for one in signals) for head in _COUNTED]
    return (
        group_name(by), f"{most.answers:,}", percent(most.accuracy), best.signal if best else UNKNOWN,
        interval(best.shown if best else None),
        *(f"{n:,}" if n else UNKNOWN for n in counts),
    )  # fmt: skip


def _print_budgets(found: SignalTable) -> None:
    parted = len(found.tops) > 1
    heads = (*(["of"] if parted else []), "budget, calls", "take", ">Brier", "why")
    rows = [
        (*([group_name(by)] if parted else []), names, c.signal or "none", fixed(c.brier, 4), c.reason)
        for by, names, c in _alike(found.budgets)
    ]
    table(heads, rows, "What to take for which budget, on this log")


def _alike(
    budgets: Sequence[tuple[Mapping[str, str | None], Choice]],
) -> Iterator[tuple[Mapping[str, str | None], str, Choice]]:
    """The choices, budgets in a row that come to the same in one line."""
    for _, same in groupby(budgets, key=lambda one: (str(one[0]), one[1].signal, one[1].reason)):
        held = list(same)
        yield held[0][0], ", ".join(choice.budget for _, choice in held), held[0][1]
