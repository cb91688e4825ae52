"""What second attempts are worth, and what retrieved documents are."""

from __future__ import annotations

from calibrant.phrasing.numbers import UNKNOWN, dollars, fixed, interval, percent_interval, span
from calibrant.planning.corrections import LoggedCorrection
from calibrant.planning.documents import DocumentPlan

from ..terminal import print_aside, say, table

__all__ = ["print_correction", "print_documents"]


def print_correction(found: LoggedCorrection) -> None:
    """The verdict, and a line for each threshold."""
    for sentence in found.sentences():
        say(sentence)
    heads = (">try again below", ">margin", ">tried", ">taken", ">mended", ">spoiled", ">net (95 %)", ">calls",
             ">tokens", ">dollars")  # fmt: skip
    guarded = found.rule == "guard"
    rows = [
        (
            f"{t:.2f}", f"{m:.2f}" if guarded else UNKNOWN, f"{o.doubted:,}", f"{o.taken:,}", f"{o.mended:,}",
            f"{o.spoiled:,}", f"{fixed(o.gain.value, signed=True)} ({span(o.gain, signed=True)})", fixed(o.calls, 2),
            fixed(o.tokens, 0), UNKNOWN if o.cost is None else dollars(o.cost),
        )
        for t, m, o in found.curve
    ]  # fmt: skip
    table(heads, rows)
    say("Each line is chosen and measured on the same questions: the best of them looks better than it is.")
    read = found.log
    say(f"{len(read.attempts):,} questions used, of {read.rows:,} rows.")
    print_aside(read.unusable, [f"{n:,} values left out: {why}" for why, n in read.unreadable.items()])


def print_documents(found: DocumentPlan) -> None:
    """What tells the causes apart, and what to do at which confidence."""
    for sentence in found.sentences():
        say(sentence)
    heads = (
        "feature",
        ">n",
        ">right from wrong",
        ">bad retrieval from bad generation",
        ">passage holds it",
        "verdict",
    )
    table(heads, [
        (one.name, f"{one.n:,}", interval(one.right), interval(one.cause), interval(one.held), one.verdict)
        for one in found.features
    ], title="AUROC (95 %)")  # fmt: skip
    table((found.confidence, ">answers", ">wrong", ">of these bad retrieval (95 %)", "what to do"), [
        (
            f"{one.low:.1f} to {one.high:.1f}", f"{one.n:,}", f"{one.wrong:,}",
            UNKNOWN if one.retrieval is None else f"{percent_interval(one.retrieval)} of {one.known:,}",
            one.advice or UNKNOWN,
        )
        for one in found.below
    ])  # fmt: skip
    read = found.log
    say(f"{len(read):,} of {read.rows:,} rows used.")
    print_aside(read.unusable, [f"{n:,} values left out: {why}" for why, n in read.unreadable.items()])
