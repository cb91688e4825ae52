"""What the command line shows: sentences first, tables after, JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..asking.elicit import ElicitSummary, Spending
from ..asking.estimates import CostEstimate
from ..auditing import Audit
from ..fitting import FittedLog
from ..phrasing.findings import cells
from ..phrasing.numbers import fixed

__all__ = [
    "err",
    "estimate_sentence",
    "out",
    "print_aside",
    "print_audit",
    "print_cut",
    "print_estimate",
    "print_fitted",
    "print_json",
    "print_read",
    "print_signals",
    "print_spending",
    "print_stopped",
    "print_summary",
    "progress",
    "say",
    "spending_fields",
]

_UNBROKEN = 10_000
"""Columns of what is no terminal: a line in a pipe or a file is one line, for grep and for people who paste it."""

out = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _UNBROKEN)
err = Console(stderr=True, highlight=False, markup=False, width=None if sys.stderr.isatty() else _UNBROKEN)


def progress(quiet: bool) -> Progress:
    """A bar with the time left, on standard error."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err,
        disable=quiet, transient=False,
    )  # fmt: skip


def print_json(value: Mapping[str, Any]) -> None:
    """Strict JSON and nothing else."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))


def say(text: str) -> None:
    """A sentence in one line, however long."""
    out.print(text, soft_wrap=True)


def print_read(rows: int, used: int, unusable: Mapping[str, int], notes: Sequence[str]) -> None:
    """How much of a log was used, and why the rest was not."""
    say(f"{used:,} of {rows:,} rows used.")
    print_aside(unusable, notes)


def print_aside(unusable: Mapping[str, int], notes: Sequence[str]) -> None:
    """What could not be used, with counts, and what else is to be said."""
    for why, n in unusable.items():
        say(f"  {n:,} not usable: {why}")
    for note in notes:
        say(f"  {note}")


def print_audit(found: Audit) -> None:
    """One sentence a group, what could not be used, and a table."""
    for group in found.groups:
        out.print(group.sentence, soft_wrap=True)
    out.print()
    print_read(found.rows, found.used, found.unusable, found.notes)
    table = Table(box=None, pad_edge=False)
    table.add_column("group", overflow="fold")
    for head in ("n", "right", "claimed", "ECE (floor)", "smooth ECE", "Brier", "AUROC"):
        table.add_column(head, justify="right", no_wrap=True)
    for group in found.groups:
        f, said = group.finding, cells(group.finding)
        if f is None or not said:
            table.add_row(_of(group.by), f"{group.tally.rows:,}", group.verdict, *["-"] * 6)
            continue
        table.add_row(
            _of(group.by), f"{f.n:,}", fixed(f.accuracy), fixed(f.mean_confidence), f"{said['ece']} ({said['floor']})",
            said["smooth"], said["brier"], said["auroc"],
        )  # fmt: skip
    out.print(table)


def _of(by: Mapping[str, str | None]) -> str:
    return ", ".join(map(str, by.values())) or "all"


def print_fitted(fitted: FittedLog) -> None:
    """What could not be used, and a line for each map."""
    print_read(fitted.log.rows, fitted.log.used, fitted.log.unusable, fitted.log.notes)
    table = Table(box=None, pad_edge=False)
    for head in ("group", "calibrator", "n", "ECE before", "after", "Brier before", "after", "map"):
        table.add_column(head, justify="right" if head not in ("group", "calibrator", "map") else "left")
    for group in fitted.groups:
        g = group.to_dict()
        before, after = g["before"], g["after"]
        table.add_row(
            _of(group.by), g["calibrator"] or "-", f"{g['n']:,}", _number(before, "ece"), _number(after, "ece"),
            _number(before, "brier"), _number(after, "brier"), g["map_id"] or "none",
        )  # fmt: skip
    total = fitted.total()
    if total is not None and len(fitted.groups) > 1:
        before, after = total["before"], total["after"]
        table.add_row(
            "together", "", f"{total['n']:,}", _number(before, "ece"), _number(after, "ece"),
            _number(before, "brier"), _number(after, "brier"), "",
        )  # fmt: skip
    out.print(table)
    for group in fitted.groups:
        if group.map is None:
            out.print(f"{_of(group.by)} has no map: {group.why}.", markup=False)
    _print_worst(fitted.worst_segment())
    if fitted.fallbacks:
        named = [", ".join(f"{n}={v}" for n, v in where) or "anything" for where, _ in fitted.fallbacks]
        listed = ", ".join(named[:8]) + (f" and {len(named) - 8:,} more" if len(named) > 8 else "")
        out.print(f"Maps for groups not seen here: {listed}.", markup=False)
    for group in fitted.groups:
        g = group.to_dict()
        if "blend" in g:
            _print_blend(_of(group.by), g["blend"])


def _number(scores: Mapping[str, float] | None, name: str) -> str:
    return "-" if scores is None else f"{scores[name]:.3f}"


def _print_worst(worst: Mapping[str, Any] | None) -> None:
    """The segment that is worst calibrated after the fit, on rows that its map had not seen."""
    after = worst and worst["after"]
    if after:
        name = ", ".join(f"{n} {v}" for n, v in after["segment"].items())
        gap = after["gap"]
        out.print(
            f"Of {after['segments']:,} segments {after['shown']:,} still show a gap; the worst, {name}: "
            f"{100 * gap['value']:+.1f} points, {100 * gap['low']:+.1f} to {100 * gap['high']:+.1f} (95 % for all of "
            "them at once).",
            markup=False, soft_wrap=True,
        )  # fmt: skip


def _print_blend(name: str, blend: Mapping[str, Any]) -> None:
    """What each signal is worth to a blend, so that a dear one can be left out."""
    table = Table(title=f"Blend of {name}", title_justify="left", box=None, pad_edge=False)
    for head in ("signal", "weight", "missing", "Brier alone", "saved by it"):
        table.add_column(head, justify="left" if head == "signal" else "right")
    for signal, worth in blend["signals"].items():
        alone, saves = worth["alone"], worth["saves"]
        table.add_row(
            signal, f"{worth['weight']:.2f}", f"{100 * worth['missing']:.0f} %",
            "-" if alone is None else f"{alone:.4f}", "-" if saves is None else f"{saves:+.4f}",
        )  # fmt: skip
    out.print(table)
    for signal, why in blend["dropped"].items():
        out.print(f"  {signal} was left out: {why}")


def print_signals(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line for each signal: what it needs and what it costs an answer, at the most."""
    table = Table(box=None, pad_edge=False)
    for head in ("signal", "needs", "calls", "samples", "reads", "writes", "is"):
        table.add_column(head, justify="right" if head in ("calls", "samples", "reads", "writes") else "left")
    for row in rows:
        table.add_row(
            row["name"], ", ".join(row["needs"]) or "-", *(str(row[n] or "-") for n in ("calls", "samples")),
            *(f"{row[n]:,}" if row[n] else "-" for n in ("read", "written")), row["about"],
        )  # fmt: skip
    out.print(table)
    out.print(
        "\nFor one answer, at the most. Calls are further calls, each of which also reads the question and the "
        "answer;\nsamples are further answers to the question, shared by all signals that want them; reads and "
        "writes are tokens.",
        soft_wrap=True,
    )


def estimate_sentence(expected: CostEstimate) -> str:
    """What a run would cost at the most, in words."""
    read, written = expected.prompt_tokens / 1e6, expected.completion_tokens / 1e6
    dollars = "" if expected.dollars is None else f", {expected.dollars:,.2f} US dollars"
    fewer = f" ({expected.together:,} where the server gives several samples in one call)"
    calls = f"{expected.calls:,} calls{fewer if expected.together < expected.calls else ''}"
    return (
        f"At the most: {calls}, {read:,.2f} million tokens read and {written:,.2f} million "
        f"written{dollars}. Calls that were answered before are not made again."
    )


def print_estimate(expected: CostEstimate, as_json: bool) -> None:
    """What a run would cost at the most."""
    if as_json:
        print_json(asdict(expected))
    else:
        out.print(estimate_sentence(expected), soft_wrap=True)


def print_cut(cut: int) -> None:
    """How many answers are not whole, and what to do; nothing where all are."""
    if cut:
        say(
            f"Answers cut off at their limit of tokens, and graded as they stand: {cut:,}. Allow more: "
            "--answer-tokens."
        )


def print_spending(spent: Spending) -> None:
    """What a run used."""
    say(f"{spent.calls:,} calls, {spent.tokens:,} tokens, {spent.dollars:.4f} US dollars.")


def spending_fields(spent: Spending) -> dict[str, Any]:
    """What a run used, for JSON."""
    return {"calls": spent.calls, "tokens": spent.tokens, "dollars": spent.dollars}


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


def print_summary(s: ElicitSummary, left: int, log: str, as_json: bool) -> None:
    """How a run of elicit went."""
    spent = s.spending
    body = {
        "log": log, "recorded": s.recorded, "skipped": s.skipped, "unfinished": left, "failed": s.failed,
        "cut": s.cut, "regraded": s.regraded, "graded": s.graded, "accuracy": s.accuracy,
        "reasons": dict(s.reasons), "stopped": s.stopped,
        **spending_fields(spent),
    }  # fmt: skip
    if as_json:
        print_json(body)
        return
    right = "" if s.accuracy is None else f", {100 * s.accuracy:.0f} % right"
    first, late = (right, "") if s.recorded else ("", right)
    out.print(f"{s.recorded} recorded{first}; {s.skipped} were there already; {left} left for another run.")
    print_spending(spent)
    if s.regraded:
        out.print(f"{s.regraded} of those that were there had no grade and have one now{late}.")
    print_cut(s.cut)
    for why, n in s.reasons.most_common(8):
        out.print(f"  {n} x {why}")
    if s.stopped:
        out.print(f"Stopped: {s.stopped} Run the same command again to go on.")
    out.print(f"Log: {log}")
