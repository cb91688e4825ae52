"""What the doctor found, as a table."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from calibrant.doctor.checks import Diagnosis

from ..terminal import say, table

__all__ = ["print_diagnosis"]


def print_diagnosis(found: Diagnosis, config: Path) -> None:
    """Every check, what an answer of each way takes, and what comes next."""
    table(
        ("", "about", "is"),
        ((one.level, one.about, f"{one.says} {one.do}".rstrip()) for one in found.checks),
    )
    say("")
    table(
        ("task", "model", "route", "signals", "gate", ">further calls", ">samples", ">tokens in", ">out", ">dollars"),
        (
            (
                one.task or "(all others)", one.model, one.route, ", ".join(one.signals) or "none", one.gate,
                str(one.calls), str(one.samples), f"{one.prompt_tokens:,}", f"{one.completion_tokens:,}",
                "unknown" if one.dollars is None else f"{one.dollars:.6f}",
            )
            for one in found.ways
        ),
        title="What an answer takes at the most: a question of 100 tokens, an answer of 256",
    )  # fmt: skip
    say("")
    say("Next:")
    if found.worst == "fail":
        say(f"  calibrant doctor {quote(str(config))}")
        say("      Once what says fail is mended.")
    else:
        say(f"  calibrant serve {quote(str(config))}")
