"""What postures do: posture."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from calibrant.assembly.named import signals_named
from calibrant.cli.terminal import out, print_cut, print_json, print_spending, spending_fields
from calibrant.dialogue.asks import ANSWER_TOKENS
from calibrant.dialogue.posture import POSTURES
from calibrant.plugins import find
from calibrant.posturing import postures
from calibrant.protocols import Signal

from .session import Session, with_session
from .shared import AnswerTokens, AsJson, Questions, app, questions_of


@app.command("posture")
@with_session
def posture_command(
    questions: Questions,
    session: Session,
    signal: Annotated[str, typer.Option(help="A signal that takes a posture.")] = "verbalized",
    limit: Annotated[int | None, typer.Option(min=2, help="Ask only the first so many questions.")] = None,
    answer_tokens: AnswerTokens = ANSWER_TOKENS,
    calls: Annotated[
        str | None, typer.Option(help="File that keeps answered calls, so that a second run pays for none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how far each posture, from very cautious to very bold, moves a stated confidence."""
    asked = questions_of(questions, limit, answer_tokens)
    levels: dict[str, Signal] = {}
    for level in POSTURES:
        (levels[level],) = signals_named(signal, level).values()
    session.begin(asked, levels, as_json=as_json)
    found, spent = session.run(
        lambda asker, advance: postures(
            asked, asker=asker, name=signal, levels=levels, grader=find("graders", "by_kind")(),
            workers=session.workers, progress=advance,
        ),
        total=len(asked), calls=calls, keep="--calls FILE", as_json=as_json,
    )  # fmt: skip
    if as_json:
        print_json(found.to_dict() | spending_fields(spent) | {"stopped": None})
        return
    out.print(found.sentence, soft_wrap=True)
    print_cut(found.cut)
    table = Table(box=None, pad_edge=False)
    table.add_column("posture")
    for head in ("scores", "mean", "shift (95 %)", "raised", "lowered", "gap", "ECE", "AUROC"):
        table.add_column(head, justify="right")
    for one in found.levels:
        shift = "-"
        if one.shift is not None and one.shift_low is not None and one.shift_high is not None:
            shift = f"{one.shift:+.3f} ({one.shift_low:+.3f} to {one.shift_high:+.3f})"
        numbers = (one.raised, one.lowered, one.gap, one.ece, one.auroc)
        table.add_row(
            one.level, f"{one.n}", "-" if one.mean is None else f"{one.mean:.3f}", shift,
            *("-" if number is None else f"{number:.3f}" for number in numbers),
        )  # fmt: skip
    out.print(table)
    print_spending(spent)
    for why, n in list(found.reasons.items())[:8]:
        out.print(f"  {n:,} x {why}", soft_wrap=True)
