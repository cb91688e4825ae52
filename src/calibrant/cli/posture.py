"""What postures do: posture."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from calibrant.asking.elicit import Asker
from calibrant.assembly.config import secret
from calibrant.assembly.named import model_named
from calibrant.cli.terminal import out, print_cut, print_json, progress
from calibrant.dialogue.asks import ANSWER_TOKENS
from calibrant.plugins import find
from calibrant.posturing import Postures, postures

from .shared import AnswerTokens, ApiFormat, ApiKey, AsJson, ModelName, Url, app, questions_of


@app.command("posture")
def posture_command(
    questions: Annotated[
        str, typer.Argument(metavar="QUESTIONS", help="JSONL, CSV, Parquet, or a data set's name.")
    ],
    model: ModelName = "embedded",
    url: Url = None,
    api: ApiFormat = "chat",
    api_key: ApiKey = None,
    signal: Annotated[str, typer.Option(help="A signal that takes a posture.")] = "verbalized",
    limit: Annotated[int | None, typer.Option(min=2, help="Ask only the first so many questions.")] = None,
    answer_tokens: AnswerTokens = ANSWER_TOKENS,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls under way at once.")] = 8,
    calls: Annotated[
        str | None, typer.Option(help="File that keeps answered calls, so that a second run pays for none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how far each posture, from very cautious to very bold, moves a stated confidence."""
    asked = questions_of(questions, limit, answer_tokens)

    async def work() -> Postures:
        llm = model_named(model, url=url, api=api, api_key=secret(api_key, "--api-key"))
        asker = Asker(llm, concurrency=concurrency, call_log=calls)
        try:
            with progress(as_json) as bar:
                task = bar.add_task("asking", total=len(asked))
                return await postures(
                    asked, asker=asker, signal=signal, grader=find("graders", "by_kind")(),
                    progress=lambda done: bar.update(task, completed=done),
                )  # fmt: skip
        finally:
            await asker.close()
            await llm.close()

    found = asyncio.run(work())
    if as_json:
        print_json(found.to_dict())
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
    for why, n in list(found.reasons.items())[:8]:
        out.print(f"  {n:,} x {why}", soft_wrap=True)
