"""What the demonstration found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from calibrant.auditing import Audit
from calibrant.demo import GATE, DemoResult
from calibrant.demo.year import Year
from calibrant.metrics.ece import bins
from calibrant.phrasing.numbers import fixed, of_100, percent
from calibrant.records.plain import GOLD_SEPARATOR
from calibrant.report import group_key
from calibrant.tally import Tally

from ..terminal import out, say, table

__all__ = ["print_demo", "print_first", "print_year"]


WIDE = 40
"""Letters of a bar."""


def print_demo(found: DemoResult) -> None:
    """The story: what each signal claims, where it is wrong, and what calibration changes."""
    say("How sure the model says it is, by signal, on all questions:")
    for group in found.signals.groups:
        if group.finding:
            say(f"  {group.sentence}{_ranks(group.finding.auroc)}")
    if found.caught:
        say("\nSure of itself, wrong, and caught:")
    for row in found.caught:
        say(
            f"  {row['question']} {row['answer'].strip()!r} (it is {row['gold'].split(GOLD_SEPARATOR)[0]}): "
            f"claimed {fixed(row['score'], 2)}, sent; now {row['phrase']}: {row['action']}"
        )
    sent = found.sent
    say(
        f"\nOf {found.before.rows:,} answers the raw confidence sends {sent.was:,}, of which {sent.was_wrong:,} are "
        f"wrong; the calibrated one sends {sent.now:,}, of which {sent.now_wrong:,} are wrong."
    )
    say(f"\nFitted on half of the questions; on the other half, from {GATE}:")
    table(("domain", ">n", ">right", ">claimed", ">now", ">ECE", ">now", ">Brier", ">now"), _rows(found))
    say("\nWhat the bands do now (share of the answers; right among them), and would have done:")
    for group in found.before.groups:
        bands = found.actions[group_key(group.by)]
        say(f"  {_name(group.by)}: {_bands(bands, 'n', 'accuracy')}")
        say(f"    with the raw confidence: {_bands(bands, 'was', 'was_accuracy')}")
    out.print(f"\nReport: {found.report.resolve()}", style="bold")


def print_year(found: Year) -> None:
    """What happened at the desk, and where its pages are."""
    say(
        f"\nA made-up support desk, {found.answers:,} answers in a year, of which {found.verdicts:,} were judged:"
    )
    for day, what in found.happened:
        say(f"  day {day:>3}: {what}")
    say("\nIts pages, to click through at http://127.0.0.1:8080/ (stop with Ctrl-C):")
    out.print(f"  calibrant serve {found.config}", style="bold")


def print_first(found: Audit) -> None:
    """What the first answers show, while the others are asked for."""
    group = found.groups[0]
    say(f"A first result, of {found.used:,} answers: {group.sentence}")
    print_picture(group.tally)


def print_picture(tally: Tally) -> None:
    """For each tenth of the claims how many answers are right, as a bar, and what was claimed, as a mark in it."""
    b = bins(tally, 10)
    for share, claimed, right in zip(b.weight, b.confidence, b.accuracy, strict=True):
        bar = ["█" if at < round(right * WIDE) else "·" for at in range(WIDE)]
        bar[min(WIDE - 1, int(claimed * WIDE))] = "|"
        n = round(share * tally.rows)
        say(f"  claims {percent(claimed):>6}  {''.join(bar)}  right {percent(right):>6}  ({n:,})")


def _rows(found: DemoResult) -> Iterator[tuple[str, ...]]:
    after = {group_key(group.by): group.finding for group in found.after.groups}
    for group in found.before.groups:
        b, a = group.finding, after[group_key(group.by)]
        if b is None or a is None:
            continue
        yield (
            _name(group.by), f"{b.n:,}", fixed(b.accuracy, 2), fixed(b.mean_confidence, 2),
            fixed(a.mean_confidence, 2), fixed(b.ece.value), fixed(a.ece.value), fixed(b.brier), fixed(a.brier),
        )  # fmt: skip


def _ranks(auroc: float | None) -> str:
    return "" if auroc is None else f" It ranks right above wrong {of_100(auroc)} times in 100."


def _bands(bands: list[dict[str, Any]], count: str, accuracy: str) -> str:
    total = sum(band[count] for band in bands)
    return ", ".join(
        f"{band['action']} {percent(band[count] / total)} ({fixed(band[accuracy], 2)})"
        for band in bands
        if band[count]
    )


def _name(by: Mapping[str, str | None]) -> str:
    return ", ".join(str(v) for v in by.values()) or "all domains"
