"""Asking models: signals, elicit, ask."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from calibrant.asking.elicit import Asker, Budget, ElicitSummary, elicit
from calibrant.asking.estimates import estimate
from calibrant.assembly.config import secret
from calibrant.assembly.named import Api, gives_several_named, model_named, price_named, served, signals_named
from calibrant.cli.terminal import (
    err,
    estimate_sentence,
    out,
    print_estimate,
    print_json,
    print_signals,
    print_summary,
    progress,
)
from calibrant.dialogue.asks import ANSWER_TOKENS, limited
from calibrant.errors import UnusableInput
from calibrant.http.throttle import Throttle
from calibrant.maps.calibration import MapSet
from calibrant.phrasing.phrases import Phrase, Phrasebook
from calibrant.pipeline import Pipeline
from calibrant.plugins import find, names
from calibrant.protocols import Grader, Model, Policy, Signal
from calibrant.records.plain import record_to_dict
from calibrant.types import Ask, Message, Price, Question, Record, digest

from .shared import (
    AnswerTokens,
    ApiFormat,
    ApiKey,
    AsJson,
    GraderName,
    ModelName,
    Posture,
    SignalNames,
    Url,
    app,
    calls_beside,
    finite,
    questions_of,
    signal_row,
    sink_of,
)


@app.command("signals")
def signals_command(as_json: AsJson = False) -> None:
    """List the ways of telling how sure a model is: what each needs and what it costs an answer."""
    rows = [signal_row(name) for name in names("signals")]
    if as_json:
        print_json({"signals": rows})
    else:
        print_signals(rows)


@app.command("elicit")
def elicit_command(
    questions: Annotated[
        str, typer.Argument(metavar="QUESTIONS", help="JSONL, CSV, Parquet, or a data set's name.")
    ],
    log: Annotated[str, typer.Option("--out", "-o", help="Where records go: .jsonl, .db or a store URL.")],
    model: ModelName = "embedded",
    url: Url = None,
    api: ApiFormat = "chat",
    api_key: ApiKey = None,
    signals: SignalNames = "mean_logprob,verbalized",
    posture: Posture = None,
    peer: Annotated[
        str | None, typer.Option(help="A second model, for peer_agreement: like --model, or NAME@URL.")
    ] = None,
    peer_api: Annotated[Api, typer.Option(help="What the server of --peer speaks.")] = "chat",
    peer_api_key: Annotated[
        str | None, typer.Option(help="env:NAME: where the key of that server is.")
    ] = None,
    peer_price: Annotated[str | None, typer.Option(help="As --price, of --peer.")] = None,
    judge: Annotated[
        str | None, typer.Option(help="The model that grades with --grader judge: like --model, or NAME@URL.")
    ] = None,
    judge_api: Annotated[Api, typer.Option(help="What the server of --judge speaks.")] = "chat",
    judge_api_key: Annotated[
        str | None, typer.Option(help="env:NAME: where the key of that server is.")
    ] = None,
    judge_price: Annotated[str | None, typer.Option(help="As --price, of --judge.")] = None,
    grader: GraderName = "by_kind",
    answer_tokens: AnswerTokens = ANSWER_TOKENS,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first so many questions.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls under way at once.")] = 8,
    timeout: Annotated[
        float, typer.Option(min=0.1, callback=finite, help="Seconds to wait for an answer.")
    ] = 60.0,
    requests_per_minute: Annotated[
        float | None, typer.Option(min=0.01, callback=finite, help="No more calls than this.")
    ] = None,
    tokens_per_minute: Annotated[
        float | None, typer.Option(min=1, callback=finite, help="No more tokens than this.")
    ] = None,
    max_calls: Annotated[int | None, typer.Option(min=0, help="Stop after so many calls.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=0, help="Stop after so many tokens, read and written, of all calls.")
    ] = None,
    max_dollars: Annotated[
        float | None, typer.Option(min=0, callback=finite, help="Stop after spending so much.")
    ] = None,
    price: Annotated[
        str | None, typer.Option(help="PROMPT,COMPLETION: US dollars per million tokens, with --url.")
    ] = None,
    estimate_only: Annotated[
        bool, typer.Option("--estimate", help="Say what it would cost at the most, and ask nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a model every question, read how sure it is, grade, and keep a record of each. Resumes."""
    asked, chosen = questions_of(questions, limit, answer_tokens), signals_named(signals, posture)
    grades = find("graders", grader)()
    named = (
        _Further.of("peer", peer, peer_api, peer_api_key, peer_price),
        _Further.of("judge", judge, judge_api, judge_api_key, judge_price),
    )
    further = {one.role: one for one in named if one is not None}
    _check_roles(chosen, grades, further)
    if max_dollars is not None:
        lacking = ["--price"] if price is None and (url or served(model)) else []
        lacking += [f"--{role}-price" for role, one in further.items() if one.price is None]
        if lacking:
            raise UnusableInput(
                f"--max-dollars cannot be kept without a price: add {lacking[0]} PROMPT,COMPLETION."
            )
    expected = estimate(
        asked, chosen.values(), price=price_named(price), grader=grades,
        gives_several=gives_several_named(model, url=url, api=api),
        others={role: one.price for role, one in further.items()},
    )  # fmt: skip
    if estimate_only:
        print_estimate(expected, as_json)
        return
    if not as_json:
        err.print(estimate_sentence(expected))
    budget = Budget(calls=max_calls, tokens=max_tokens, dollars=max_dollars)
    sink, key = sink_of(log), secret(api_key, "--api-key")

    async def work() -> ElicitSummary:
        llm = model_named(model, url=url, api=api, api_key=key, price=price_named(price), timeout=timeout)
        others = {role: one.made(timeout) for role, one in further.items()}
        throttle = Throttle(
            concurrency, requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute
        )
        asker = Asker(llm, concurrency=throttle, budget=budget, others=others, call_log=calls_beside(log))
        try:
            with progress(as_json) as bar:
                task = bar.add_task("asking", total=len(asked))
                return await elicit(
                    asked, asker=asker, signals=chosen, sink=sink, grader=grades,
                    judge=grader, workers=max(16, concurrency),
                    progress=lambda s: bar.update(task, completed=s.recorded + s.skipped + s.unfinished),
                )  # fmt: skip
        finally:
            await asker.close()
            for one in (llm, *others.values()):
                await one.close()

    summary = asyncio.run(work())
    left = len(asked) - summary.recorded - summary.skipped
    print_summary(summary, left, log, as_json)
    if left:
        raise typer.Exit(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Further:
    """A further model of a run, as its options say; what runs here is free, else the price may be unknown."""

    role: str
    name: str
    api: Api
    key: str | None
    price: Price | None

    @classmethod
    def of(cls, role: str, name: str | None, api: Api, key: str | None, price: str | None) -> _Further | None:
        """None where none is named; options without a model to belong to are refused."""
        if name is None:
            if key is not None or price is not None:
                raise UnusableInput(
                    f"--{role}-api-key and --{role}-price belong to --{role}: add it, or leave them out."
                )
            return None
        its = price_named(price, f"--{role}-price") if served(name) else Price(prompt=0.0, completion=0.0)
        return cls(role=role, name=name, api=api, key=secret(key, f"--{role}-api-key"), price=its)

    def made(self, timeout: float) -> Model:
        """The model itself."""
        return model_named(
            self.name, api=self.api, api_key=self.key, price=self.price, timeout=timeout, option=f"--{self.role}"
        )  # fmt: skip


def _check_roles(signals: Mapping[str, Signal], grader: Grader, further: Mapping[str, _Further]) -> None:
    """Refuse a run that would leave readings or grades out for want of a model, before anything is asked."""
    lone = [name for name, signal in signals.items() if "peer" in signal.needs]
    if lone and "peer" not in further:
        raise UnusableInput(f"{lone[0]} asks a second model: add --peer NAME@URL, or --peer embedded.")
    asks = getattr(grader, "model", None) == "judge"
    if asks and "judge" not in further:
        raise UnusableInput(
            "--grader judge asks a model whether each answer is right: add --judge NAME@URL, or --judge embedded."
        )
    if "judge" in further and not asks:
        raise UnusableInput("--judge is asked with --grader judge only: add that, or leave --judge out.")


@app.command("ask")
def ask_command(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    model: ModelName = "embedded",
    url: Url = None,
    api: ApiFormat = "chat",
    api_key: ApiKey = None,
    maps: Annotated[Path | None, typer.Option(help="File written by `calibrant fit`.")] = None,
    signals: SignalNames = "mean_logprob",
    posture: Posture = None,
    task: Annotated[str | None, typer.Option(help="Task, chooses the map.")] = None,
    domain: Annotated[str | None, typer.Option(help="Domain, chooses the map.")] = None,
    answer_tokens: Annotated[int, typer.Option(min=1, help="Tokens the answer may have.")] = 256,
    store: Annotated[str, typer.Option(help="Where the record goes.")] = "calibrant.db",
    as_json: AsJson = False,
) -> None:
    """Ask one question: the answer, the probability that it is right, and what to do with it."""

    found = MapSet.load(maps) if maps else MapSet(by=(), groups=())
    policy: Policy = find("policies", "bands")()
    book, messages = Phrasebook.of(found, policy), (Message("user", question),)

    async def work() -> Record:
        llm = model_named(model, url=url, api=api, api_key=secret(api_key, "--api-key"))
        try:
            asked = Question(id=digest(question), messages=messages, task=task, domain=domain)
            return await _pipeline(llm, signals_named(signals, posture), found, policy, store).answer(
                limited(asked, answer_tokens), Ask(messages=messages, max_tokens=answer_tokens)
            )
        finally:
            await llm.close()

    record = asyncio.run(work())
    words = None if record.confidence is None else book.phrase(record.confidence, record.decision)
    if as_json:
        print_json({**record_to_dict(record), **({} if words is None else _told(words))})
        return
    out.print(record.completion.text.strip() if record.completion else f"No answer: {record.error}")
    if record.completion and record.completion.finish_reason == "length":
        out.print(f"It was cut off at {answer_tokens} tokens. Allow more: --answer-tokens.")
    if words is not None:
        out.print(words.chat, style="bold", soft_wrap=True)
        for sentence in filter(None, (words.frequency, words.record)):
            out.print(sentence, soft_wrap=True)
    if record.decision:
        out.print(record.decision.why, soft_wrap=True)
    out.print(f"Record {record.id} in {store}.")


def _told(words: Phrase) -> dict[str, Any]:
    """The words beside a record: the fields of the gateway's confidence object."""
    record = None if words.band is None else words.band.to_dict() | {"text": words.record}
    return {"phrase": words.text, "said": words.chat, "frequency": words.frequency, "track_record": record}


def _pipeline(llm: Model, signals: dict[str, Signal], maps: MapSet, policy: Policy, store: str) -> Pipeline:
    return Pipeline(
        route=find("routes", "single")(model=llm), model=llm, signals=signals, maps=maps, policy=policy,
        store=find("stores", "sql")(store), clock=time.time, new_id=lambda: uuid.uuid4().hex,
    )  # fmt: skip
