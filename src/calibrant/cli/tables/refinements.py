"""How the choice of a prompt went: the prompts, what their confidence is like, and the candidates."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import ndiff

from calibrant.asking.asker import Spending
from calibrant.dialogue.prompts import SEED
from calibrant.phrasing.numbers import UNKNOWN, fixed, interval, percent
from calibrant.refining.findings import ABOUT, Refinement
from calibrant.refining.measured import Measured, Part, Temperature

from ..terminal import print_cut, print_reasons, say, table
from .asked import print_spending

__all__ = ["print_refinement"]

BLOCKS = " ▏▎▍▌▋▊▉█"
WIDE = 16
"""Characters of the longest bar."""


def print_refinement(found: Refinement, spent: Spending) -> None:
    """What was found: in sentences, the prompts, the confidence before and after, and a line for each candidate."""
    say(ABOUT)
    say("")
    for sentence in found.sentences():
        say(sentence)
    _print_prompts(found)
    _print_confidence(found)
    say("\nCandidates, as they were in their last round:")
    gain = f">{found.by} gain (95 %)"
    heads = (">n", ">right", ">ungraded", ">Brier", gain, ">AUROC", ">missing", ">tokens")
    table(("prompt", *heads), _rows(found))
    print_spending(spent)
    print_cut(found.cut)
    print_reasons(found.reasons)


def _print_prompts(found: Refinement) -> None:
    """The seed, and what the best of the others has that it does not; "+" is added, "-" taken away."""
    seed, best = SEED.shown, found.leader.shown
    say("\nThe seed, the question as it is:")
    _print_indented(seed.splitlines(), "    ")
    if found.leader.digest == SEED.digest:
        return
    role = (
        "The winner" if found.winner.digest == found.leader.digest else "The best of the others, not chosen"
    )
    say(f"\n{role}, {found.leader.name} (+ is new to the seed):")
    lines = [line for line in ndiff(seed.splitlines(), best.splitlines()) if not line.startswith("?")]
    _print_indented(lines, "  ")
    if found.leader.reasoning:
        say('The answer is what stands behind "Answer:" in the last such line.')


def _print_indented(lines: list[str], indent: str) -> None:
    for line in lines:
        say(f"{indent}{line}".rstrip())


def _print_confidence(found: Refinement) -> None:
    """Both distributions side by side, and what they are worth, on the untouched questions."""
    shown = [(SEED.name, found.before)]
    if found.leader.digest != SEED.digest:
        shown.append((found.leader.name, found.after))
    say(
        f"\nConfidence ({found.signal}) on the {found.before.n} untouched questions, and how often it was right:"
    )
    heads = [head for name, _ in shown for head in (name, ">n", ">right")]
    most = max((part.n for _, one in shown for part in one.parts), default=0)
    places = max(len(one.parts) for _, one in shown)
    lines = [
        (label, *(cell for _, one in shown for cell in _cells(one.parts, at, most)))
        for at, label in enumerate(_labels(places))
    ]
    table(("score", *heads), lines)
    say("")
    told = [_told(one) for _, one in shown]
    table(("", *(f">{name}" for name, _ in shown)), zip(MEASURES, *told, strict=True))


def _labels(places: int) -> list[str]:
    return [f"{at / places:.1f}-{(at + 1) / places:.1f}" for at in range(places)]


def _cells(parts: tuple[Part, ...], at: int, most: int) -> tuple[str, str, str]:
    if not parts:
        return "", "0", UNKNOWN
    part = parts[at]
    return _bar(part.n, most), f"{part.n:,}", percent(part.right)


def _bar(n: int, most: int) -> str:
    """A bar of eighths of a character; what is there at all has one."""
    eighths = max(round(8 * WIDE * n / most), int(n > 0)) if most else 0
    return BLOCKS[-1] * (eighths // 8) + BLOCKS[eighths % 8].strip()


MEASURES = (
    "right", "answers with a score", "AUROC", "Brier as stated", "ECE as stated", "  by chance alone",
    "temperature (95 %)", "calls an answer", "tokens an answer",
)  # fmt: skip


def _told(one: Measured) -> tuple[str, ...]:
    return (
        percent(one.accuracy), f"{one.scored:,} of {one.n:,}", fixed(one.auroc), fixed(one.brier), fixed(one.ece),
        fixed(one.floor), _temperature(one.temperature), fixed(one.calls, 1), fixed(one.tokens, 0),
    )  # fmt: skip


def _temperature(one: Temperature | None) -> str:
    """The temperature; without an end where higher scores are hardly more often right."""
    if one is None:
        return UNKNOWN
    value, high = ("no end" if end is None else fixed(end, 2) for end in (one.value, one.high))
    return f"{value} ({fixed(one.low, 2)} to {high})"


def _rows(found: Refinement) -> Iterator[tuple[str, ...]]:
    last = {row.name: row for rows in found.rounds for row in rows}
    for one in sorted(found.candidates, key=lambda c: (-c.n, -last[c.prompt.name].reward)):
        row = last[one.prompt.name]
        yield (
            one.prompt.name, f"{one.n:,}", fixed(one.accuracy), f"{one.ungraded:,}", fixed(row.brier),
            interval(row.reward_gain, signed=True), fixed(one.auroc), fixed(one.missing, 2), f"{one.tokens:,}",
        )  # fmt: skip
