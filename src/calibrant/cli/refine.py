"""Choosing a prompt by the confidence under it: refine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from calibrant.assembly.named import signals_named
from calibrant.cli.terminal import out, print_cut, print_json, print_spending, spending_fields
from calibrant.dialogue.asks import ANSWER_TOKENS
from calibrant.errors import UnusableInput
from calibrant.files.writing import write
from calibrant.refining.search import Refinement, at_most
from calibrant.refining.search import refine as refine_prompts

from .session import Session, with_session
from .shared import AnswerTokens, AsJson, Questions, app, questions_of


@app.command("refine")
@with_session
def refine_command(
    questions: Questions,
    session: Session,
    signal: Annotated[
        str, typer.Option(help="The signal to read; see `calibrant signals`.")
    ] = "mean_logprob",
    candidates: Annotated[int, typer.Option(min=2, help="Prompts at the most, the seed among them.")] = 12,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of successive halving.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first so many questions.")] = None,
    share: Annotated[
        float, typer.Option("--confirm", min=0.1, max=0.9, help="Share of the questions to report on.")
    ] = 0.4,
    max_accuracy_loss: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="A prompt that loses more, with evidence, is out.")
    ] = 0.02,
    seed: Annotated[int, typer.Option(help="Parts the questions and draws the mutations.")] = 0,
    answer_tokens: AnswerTokens = ANSWER_TOKENS,
    folder: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the calls, to resume from, and refine.json."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search for a prompt whose confidence is worth more; choose on some questions, report on others."""
    asked, signals = questions_of(questions, limit, answer_tokens), signals_named(signal)
    if len(signals) != 1:
        raise UnusableInput(f"Expected one signal to choose by; got {', '.join(signals)}.")
    name, chosen = next(iter(signals.items()))
    most = at_most(asked, chosen, candidates=candidates, rounds=rounds, share=share, seed=seed)
    session.begin(most, signals, as_json=as_json)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    found, spent = session.run(
        lambda asker, advance: refine_prompts(
            asked, asker=asker, signal=chosen, name=name, candidates=candidates, rounds=rounds, share=share,
            max_accuracy_loss=max_accuracy_loss, seed=seed, workers=session.workers, progress=advance,
        ),
        total=len(most), calls=folder / "calls.jsonl" if folder else None, keep="-o FOLDER", as_json=as_json,
    )  # fmt: skip
    body = found.to_dict() | spending_fields(spent) | {"stopped": None}
    if folder:
        write(folder / "refine.json", json.dumps(body, indent=1, ensure_ascii=False) + "\n")
    if as_json:
        print_json(body)
        return
    for sentence in found.sentences():
        out.print(sentence, soft_wrap=True)
    out.print(_table(found))
    print_spending(spent)
    print_cut(found.cut)
    for why, n in list(found.reasons.items())[:8]:
        out.print(f"  {n:,} x {why}", soft_wrap=True)


def _table(found: Refinement) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("prompt")
    for head in ("n", "right", "Brier", "gain (95 %)", "AUROC", "missing", "tokens"):
        table.add_column(head, justify="right")
    last = {row.name: row for rows in found.rounds for row in rows}
    for one in sorted(found.candidates, key=lambda c: (-c.n, last[c.prompt.name].brier)):
        row = last[one.prompt.name]
        table.add_row(
            one.prompt.name, f"{one.n}", f"{one.accuracy:.3f}", f"{row.brier:.3f}",
            f"{row.gain.value:+.3f} ({row.gain.low:+.3f} to {row.gain.high:+.3f})",
            "-" if one.auroc is None else f"{one.auroc:.3f}", f"{one.missing:.2f}", f"{one.tokens:,}",
        )  # fmt: skip
    return table
