"""The command line. Prints sentences for people, or JSON with --json; the work is done elsewhere."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from . import __version__
from .applying import apply as apply_maps
from .auditing import audit
from .config import load, model_from
from .demo import demo as run_demo
from .elicit import Asker, Budget, ElicitSummary, JsonlLog, StoreSink, elicit
from .errors import CalibrantError, UnusableInput
from .fitting import fit_log
from .maps import MapSet
from .pipeline import Pipeline
from .plugins import find, names
from .protocols import Model
from .questions import read_questions
from .terminal import err, out, print_audit, print_fitted, print_json, print_summary, progress
from .types import Ask, Message, Question, Record, digest

app = typer.Typer(
    help="Gives every answer of a language model an honest probability of being right, and acts on it.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
By = Annotated[str, typer.Option(help="Columns to part the log by, with commas: task,domain,model.")]
Confidence = Annotated[str | None, typer.Option(help="Column of the stated confidence.")]
Correct = Annotated[str | None, typer.Option(help="Column of the verdict: right or wrong, or a grade.")]
Weight = Annotated[str | None, typer.Option(help="Column of 1 / the probability of having been labelled.")]
Cluster = Annotated[str | None, typer.Option(help="Column that ties rows together, such as item_id.")]
LogPath = Annotated[str, typer.Argument(metavar="LOG", help="Parquet, CSV, JSONL, .db, or a store URL.")]
ModelName = Annotated[
    str, typer.Option("--model", help="embedded, a .gguf file, or a model name with --url.")
]
Url = Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible server.")]
ApiKey = Annotated[str | None, typer.Option(help="env:NAME: where the key of that server is.")]


@app.command("audit")
def audit_command(
    log: LogPath,
    by: By = "",
    bins: Annotated[int, typer.Option(min=1, help="Equal-width bins of the ECE.")] = 15,
    confidence: Confidence = None,
    correct: Correct = None,
    weight: Weight = None,
    cluster: Cluster = None,
    report: Annotated[Path | None, typer.Option(help="Write a self-contained HTML report.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the report as Markdown.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how far the confidence in a log can be trusted."""
    found = audit(
        log, _columns(by), bins=bins, confidence=confidence, correct=correct, weight=weight, cluster=cluster
    )
    if report:
        from .report import html

        report.write_text(html(found), encoding="utf-8")
    if markdown:
        from .report import markdown as to_markdown

        markdown.write_text(to_markdown(found), encoding="utf-8")
    if as_json:
        print_json(found.to_json())
    else:
        print_audit(found)
        for path in filter(None, (report, markdown)):
            out.print(f"Report: {path}")


@app.command("fit")
def fit_command(
    log: LogPath,
    maps: Annotated[Path | None, typer.Option("--out", "-o", help="Write the maps to this file.")] = None,
    by: By = "",
    calibrator: Annotated[str, typer.Option(help=f"One of: {', '.join(names('calibrators'))}.")] = "auto",
    confidence: Confidence = None,
    correct: Correct = None,
    weight: Weight = None,
    cluster: Cluster = None,
    as_json: AsJson = False,
) -> None:
    """Fit maps from confidence to probability, one per group, measured on rows they had not seen."""
    fitted = fit_log(
        log, _columns(by), calibrator=calibrator, confidence=confidence, correct=correct, weight=weight,
        cluster=cluster,
    )  # fmt: skip
    if maps:
        maps.write_text(fitted.maps.to_json(), encoding="utf-8")
    if as_json:
        print_json({**fitted.to_json(), "maps": str(maps) if maps else None})
        return
    print_fitted(fitted)
    out.print(f"Maps: {maps}" if maps else "Nothing was written; add -o MAPS to keep the maps.")


@app.command("apply")
def apply_command(
    maps: Annotated[Path, typer.Argument(metavar="MAPS", help="File written by `calibrant fit`.")],
    log: LogPath,
    to: Annotated[Path, typer.Option("--out", "-o", help="Where to write: .parquet, .csv or .jsonl.")],
    use: Annotated[
        Literal["p", "low"], typer.Option(help="What the bands read: p, or low for the careful end.")
    ] = "p",
    confidence: Confidence = None,
    as_json: AsJson = False,
) -> None:
    """Add the calibrated probability, its interval and the action to every row of a log."""
    policy = find("policies", "bands")(use=use)
    done = apply_maps(MapSet.load(maps), log, to, policy, confidence=confidence)
    if as_json:
        print_json({**done.to_json(), "out": str(to)})
        return
    out.print(f"{done.calibrated:,} of {done.rows:,} rows got a calibrated probability.")
    for why, n in done.uncalibrated.most_common():
        out.print(f"  {n:,} did not: {why}")
    out.print("Actions: " + ", ".join(f"{name} {n:,}" for name, n in done.actions.most_common()))
    out.print(f"Written: {to}")


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
    asked = _questions(questions, limit)
    chosen = {name: find("signals", name)() for name in _columns(signals)}
    sink = _sink(log)
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
            return await _pipeline(llm, _columns(signals), maps, store).answer(
                Question(
                    id=digest(question), messages=(Message("user", question),), task=task, domain=domain
                ),
                Ask(messages=(Message("user", question),)),
            )
        finally:
            await llm.close()

    record = asyncio.run(work())
    if as_json:
        from .records import to_json

        print_json(to_json(record))
        return
    out.print(
        record.completion.text.strip() if record.completion else f"No answer: {record.error}", markup=False
    )
    if record.decision:
        out.print(record.decision.why, style="bold", markup=False)
    out.print(f"Record {record.id} in {store}.")


def _pipeline(llm: Model, signals: list[str], maps: Path | None, store: str) -> Pipeline:
    import time
    import uuid

    return Pipeline(
        route=find("routes", "single")(model=llm), model=llm,
        signals={name: find("signals", name)() for name in signals},
        maps=MapSet.load(maps) if maps else MapSet(by=(), groups=()), policy=find("policies", "bands")(),
        store=find("stores", "sql")(store), clock=time.time, new_id=lambda: uuid.uuid4().hex,
    )  # fmt: skip


@app.command("serve")
def serve_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file; see the documentation.")],
) -> None:
    """Serve an OpenAI-compatible endpoint whose answers carry their calibrated confidence."""
    from .gateway.server import serve

    serve(load(config))


@app.command("demo")
def demo_command(
    folder: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the log, the maps and the report.")
    ] = Path("demo"),
    limit: Annotated[int | None, typer.Option(min=40, help="Ask only the first so many questions.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the embedded model a few hundred facts; measure, calibrate on half, show the other half."""
    with progress(as_json) as bar:
        result = run_demo(folder, limit=limit, bar=bar)
    if as_json:
        print_json(result.to_json())
        return
    for line in result.lines():
        out.print(line, markup=False, soft_wrap=True)
    out.print(result.table())
    for line in result.bands():
        out.print(line, markup=False, soft_wrap=True)
    out.print(f"\nReport: {result.report.resolve()}", style="bold")


def run() -> None:
    """Entrance: an error of ours is its sentence and exit status 2; Ctrl-C is 130."""
    try:
        app()
    except CalibrantError as error:
        err.print(f"calibrant: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        err.print(
            f"calibrant: {error.filename or ''} {error.strerror or error}".strip(), style="red", markup=False
        )
        sys.exit(2)
    except KeyboardInterrupt:
        err.print("Stopped. Run the same command again to go on where it stopped.")
        sys.exit(130)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Options before the command."""
    if show:
        out.print(__version__)
        raise typer.Exit


def _columns(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _sink(log: str) -> JsonlLog | StoreSink:
    if log.endswith(".jsonl"):
        return JsonlLog(log)
    if "://" in log or Path(log).suffix in (".db", ".sqlite", ".sqlite3"):
        return StoreSink(find("stores", "sql")(log))
    raise UnusableInput(f"Records cannot go to {log}: expected an ending .jsonl or .db, or a store URL.")


def _questions(source: str, limit: int | None) -> list[Question]:
    found = find("datasets", source)().questions() if source in names("datasets") else read_questions(source)
    asked = list(found)
    if not asked:
        raise UnusableInput(
            f"{source} holds no questions. Expected a column question and one row a question."
        )
    return asked[:limit] if limit else asked
