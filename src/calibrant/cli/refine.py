"""Choosing a prompt by the confidence under it: refine."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from calibrant.asking.elicit import Asker
from calibrant.assembly.config import secret
from calibrant.assembly.named import model_named, signals_named
from calibrant.cli.terminal import err, out, print_cut, print_json, progress
from calibrant.dialogue.asks import ANSWER_TOKENS
from calibrant.errors import UnusableInput
from calibrant.files.writing import write
from calibrant.refining.search import Refinement, at_most
from calibrant.refining.search import refine as refine_prompts

from .shared import AnswerTokens, ApiFormat, ApiKey, AsJson, ModelName, Url, app, questions_of


@app.command("refine")
def refine_command(
    questions: Annotated[
        str, typer.Argument(metavar="QUESTIONS", help="JSONL, CSV, Parquet, or a data set's name.")
    ],
    model: ModelName = "embedded",
    url: Url = None,
    api: ApiFormat = "chat",
    api_key: ApiKey = None,
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
    concurrency: Annotated[int, typer.Option(min=1, help="Calls under way at once.")] = 8,
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
    most = at_most(asked, chosen, candidates=candidates, rounds=rounds, share=share)
    if not as_json:
        err.print(f"At most {most.answers:,} answers, {most.calls:,} calls.")
    if folder:
        folder.mkdir(parents=True, exist_ok=True)

    async def work() -> Refinement:
        llm = model_named(model, url=url, api=api, api_key=secret(api_key, "--api-key"))
        asker = Asker(llm, concurrency=concurrency, call_log=folder / "calls.jsonl" if folder else None)
        try:
            with progress(as_json) as bar:
                task = bar.add_task("asking", total=most.answers)
                return await refine_prompts(
                    asked, asker=asker, signal=chosen, name=name, candidates=candidates, rounds=rounds,
                    share=share, max_accuracy_loss=max_accuracy_loss, seed=seed, workers=max(16, concurrency),
                    progress=lambda done: bar.update(task, completed=done),
                )  # fmt: skip
        finally:
            await asker.close()
            await llm.close()

    found = asyncio.run(work())
    if folder:
        text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False)
        write(folder / "refine.json", text + "\n")
    if as_json:
        print_json(found.to_dict())
        return
    for sentence in found.sentences():
        out.print(sentence, soft_wrap=True)
    out.print(_table(found))
    out.print(f"{found.calls:,} calls, {found.tokens:,} tokens.")
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
