"""Asking models: elicit, ask."""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path
from typing import Annotated

import typer

from calibrant.config import model_from
from calibrant.elicit import Asker, Budget, ElicitSummary, elicit
from calibrant.errors import UnusableInput
from calibrant.maps import MapSet
from calibrant.pipeline import Pipeline
from calibrant.plugins import find
from calibrant.protocols import Model
from calibrant.records import to_json
from calibrant.terminal import out, print_json, print_summary, progress
from calibrant.types import Ask, Message, Question, Record, digest

from .shared import ApiKey, AsJson, ModelName, Url, app, columns, questions_of, sink_of


@app.command("elicit")
def elicit_command(
    questions: Annotated[
        str, typer.Argument(metavar="QUESTIONS", help="JSONL, CSV, Parquet, or a data set's name.")
    ],
    log: Annotated[str, typer.Option("--out", "-o", help="Where records go: .jsonl, .db or a store URL.")],
    model: ModelName = "embedded",
    url: Url = None,
    api_key: ApiKey = None,
    signals: Annotated[str, typer.Option(help="Signals to read, with commas.")] = "mean_logprob,verbalized",
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first so many questions.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls under way at once.")] = 8,
    max_calls: Annotated[int | None, typer.Option(help="Stop after so many calls.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Stop after so many tokens.")] = None,
    max_dollars: Annotated[float | None, typer.Option(help="Stop after spending so much.")] = None,
    price: Annotated[
        str | None, typer.Option(help="PROMPT,COMPLETION: US dollars per million tokens, with --url.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a model every question, read how sure it is, grade, and keep a record of each. Resumes."""
    if url and max_dollars is not None and price is None:
        raise UnusableInput("--max-dollars cannot be kept without a price: add --price PROMPT,COMPLETION.")
    asked = questions_of(questions, limit)
    chosen = {name: find("signals", name)() for name in columns(signals)}
    sink = sink_of(log)
    keep = "://" not in log  # answered calls are kept beside the log, so that none is paid for twice
    budget = Budget(calls=max_calls, tokens=max_tokens, dollars=max_dollars)

    async def work() -> ElicitSummary:
        llm = model_from(model, url=url, api_key=api_key, price=price)
        asker = Asker(llm, concurrency=concurrency, budget=budget, call_log=f"{log}.calls" if keep else None)
        try:
            with progress(as_json) as bar:
                task = bar.add_task("asking", total=len(asked))
                return await elicit(
                    asked, asker=asker, signals=chosen, sink=sink, grader=find("graders", "exact")(),
                    workers=max(16, concurrency),
                    progress=lambda s: bar.update(task, completed=s.recorded + s.skipped + s.unfinished),
                )  # fmt: skip
        finally:
            await asker.close()
            await llm.close()

    summary = asyncio.run(work())
    left = len(asked) - summary.recorded - summary.skipped
    print_summary(summary, left, log, as_json)
    if left:
        raise typer.Exit(1)


@app.command("ask")
def ask_command(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    model: ModelName = "embedded",
    url: Url = None,
    api_key: ApiKey = None,
    maps: Annotated[Path | None, typer.Option(help="File written by `calibrant fit`.")] = None,
    signals: Annotated[
        str, typer.Option(help="Signals to read; the first with a map decides.")
    ] = "mean_logprob",
    task: Annotated[str | None, typer.Option(help="Task, chooses the map.")] = None,
    domain: Annotated[str | None, typer.Option(help="Domain, chooses the map.")] = None,
    store: Annotated[str, typer.Option(help="Where the record goes.")] = "calibrant.db",
    as_json: AsJson = False,
) -> None:
    """Ask one question: the answer, the probability that it is right, and what to do with it."""

    async def work() -> Record:
        llm = model_from(model, url=url, api_key=api_key)
        try:
            return await _pipeline(llm, columns(signals), maps, store).answer(
                Question(
                    id=digest(question), messages=(Message("user", question),), task=task, domain=domain
                ),
                Ask(messages=(Message("user", question),)),
            )
        finally:
            await llm.close()

    record = asyncio.run(work())
    if as_json:
        print_json(to_json(record))
        return
    out.print(
        record.completion.text.strip() if record.completion else f"No answer: {record.error}", markup=False
    )
    if record.decision:
        out.print(record.decision.why, style="bold", markup=False)
    out.print(f"Record {record.id} in {store}.")


def _pipeline(llm: Model, signals: list[str], maps: Path | None, store: str) -> Pipeline:
    return Pipeline(
        route=find("routes", "single")(model=llm), model=llm,
        signals={name: find("signals", name)() for name in signals},
        maps=MapSet.load(maps) if maps else MapSet(by=(), groups=()), policy=find("policies", "bands")(),
        store=find("stores", "sql")(store), clock=time.time, new_id=lambda: uuid.uuid4().hex,
    )  # fmt: skip
