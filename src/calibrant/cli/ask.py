"""Asking models: elicit, ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from calibrant.dialogue.asks import ANSWER_TOKENS, limited
from calibrant.dialogue.forms import BY_KIND, FREE
from calibrant.dialogue.prompts import SEED
from calibrant.errors import Misuse

from .options import (
    AnswerTokens,
    AsJson,
    Documents,
    GraderName,
    ManyCalls,
    OneModel,
    PolicyName,
    Posture,
    PromptFile,
    Questions,
    SignalNames,
    command,
    put_to,
)
from .terminal import out, print_json, print_next, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from calibrant.dialogue.prompts import Prompt
    from calibrant.phrasing.phrases import Phrase, Phrasebook
    from calibrant.releases.release import Way
    from calibrant.types import Record


@command("elicit")
def elicit_command(
    questions: Questions,
    log: Annotated[str, typer.Option("--out", "-o", help="Where records go: .jsonl, .db or a store URL.")],
    given: ManyCalls,
    signals: SignalNames = "mean_logprob,verbalized",
    posture: Posture = None,
    grader: GraderName = "by_kind",
    prompt: PromptFile = None,
    documents: Documents = None,
    answer_tokens: AnswerTokens = ANSWER_TOKENS,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first so many questions.")] = None,
    ray: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Spread batches over Ray, so many at once: here, or on the cluster that RAY_ADDRESS names.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a model every question, read how sure it is, grade, and keep a record of each. Resumes."""
    from calibrant.asking.elicit import elicit
    from calibrant.asking.prompts import put_by, read_prompt
    from calibrant.releases.parts import grader_named, signals_named

    from .session import Session, calls_beside, questions_of, sink_of
    from .tables.asked import print_summary

    around, chosen = read_prompt(prompt) if prompt else SEED, signals_named(signals, posture, given.same)
    questioned = questions_of(questions, limit, answer_tokens, documents, free_form=given.free_form)
    asked = put_by(around, questioned)
    grades, sink = grader_named(grader, given.same), sink_of(log)
    session = Session(given, as_json=as_json)
    if ray:
        session.check_spread()
    session.begin(asked, chosen, grades)
    if documents and not as_json and (note := _unread(around, chosen)):
        say(note)
    if ray:
        summary = session.spread(
            asked, at_once=ray, sink=sink, calls=f"{calls_beside(log)}-ray",
            signals=chosen, grader=grades, judge=grader, prompt=around,
        )  # fmt: skip
    else:
        summary, _ = session.run(
            lambda asker, advance: elicit(
                asked, asker=asker, signals=chosen, sink=sink, grader=grades, judge=grader, prompt=around,
                workers=session.workers,
                progress=lambda s: advance(s.recorded + s.skipped + s.unfinished),
            ),
            total=len(asked), calls=calls_beside(log), keep="--out",
        )  # fmt: skip
    left = len(asked) - summary.recorded - summary.skipped
    closed = [name for name in ("calls", "tokens", "dollars") if getattr(given, f"max_{name}") == 0]
    print_summary(
        summary, left, log, as_json, closed=[f"--max-{name}" for name in closed], signals=len(chosen)
    )
    if left:
        raise typer.Exit(1)


@command("ask")
def ask_command(
    question: Annotated[str, typer.Argument(help="What to ask.")],
    given: OneModel,
    maps: Annotated[Path | None, typer.Option(help="File written by `calibrant fit`.")] = None,
    signals: SignalNames = "mean_logprob",
    posture: Posture = None,
    policy: PolicyName = "bands",
    route: Annotated[
        str,
        typer.Option(
            help="How the answer is come by, of one model, as in self_correction:threshold=0.6 or chain:plan=[...]. "
            "The route retrieval reads --documents one by one, and answers from memory without them."
        ),
    ] = "single",
    task: Annotated[str | None, typer.Option(help="Task, chooses the map.")] = None,
    domain: Annotated[str | None, typer.Option(help="Domain, chooses the map.")] = None,
    prompt: PromptFile = None,
    documents: Annotated[
        Path | None,
        typer.Option(
            help="Folder or file of documents (.txt, .md, .jsonl), which the route retrieval, a prompt with evidence "
            "and the signal claim_support read; the model is shown none otherwise."
        ),
    ] = None,
    kind: Annotated[
        Literal["text", "number", "date", "long"] | None,
        typer.Option(help="What the answer is: its form is asked for, and by it answers are compared."),
    ] = None,
    answer_tokens: Annotated[int, typer.Option(min=1, help="Tokens the answer may have.")] = 256,
    store: Annotated[str, typer.Option(help="Where the record goes.")] = "calibrant.db",
    as_json: AsJson = False,
) -> None:
    """Ask one question: the answer, the probability that it is right, and what to do with it."""
    import asyncio

    from calibrant.asking.documents import read_documents, with_documents, with_passages
    from calibrant.asking.prompts import check_evidence
    from calibrant.assembly.building import one_way
    from calibrant.looking.following import after_ask
    from calibrant.pipeline import Pipeline
    from calibrant.records.opening import open_store, without_password
    from calibrant.records.plain import record_to_dict
    from calibrant.releases.live import Live
    from calibrant.types import Ask, Message, Question, digest

    from .session import model_of

    if not question.strip():
        raise Misuse("The question is blank. Expected something to ask.")
    form = FREE if given.free_form else BY_KIND
    release = one_way(
        signals=signals, posture=posture, maps=maps, policy=policy, route=route, same=given.same, format=form,
        prompt=prompt,
    )  # fmt: skip
    asked = Question(
        id=digest(question), messages=(Message("user", question),), task=task, domain=domain,
        metadata={} if kind is None else {"kind": kind},
    )  # fmt: skip
    if documents:
        wanted = with_documents if route.partition(":")[0].strip() == "retrieval" else with_passages
        (asked,) = wanted([asked], read_documents(documents))
    way = release.default
    if way.prompt is not None:
        check_evidence(way.prompt, [asked])
    if not as_json and (note := _noted(way, given=documents is not None)):
        say(note)

    async def work() -> tuple[Record, Phrasebook]:
        llm = model_of(given)
        live = Live.of(release, {"model": llm}, where="the {}")
        pipeline = Pipeline(live, open_store(store), {"model": llm})
        try:
            ask = Ask(messages=asked.messages, max_tokens=answer_tokens)
            return await pipeline.answer(limited(asked, answer_tokens), ask), live.default.book
        finally:
            await pipeline.close()

    record, book = asyncio.run(work())
    words = None if record.confidence is None else book.phrase(record.confidence, record.decision)
    steps = after_ask(put_to("", given), signals, str(maps) if maps else None)
    if as_json:
        told = {} if words is None else _told(words)
        print_json({**record_to_dict(record), **told, "next": [step.to_dict() for step in steps]})
        return
    _print_answer(record, words, answer_tokens)
    say(f"Record {record.id} in {without_password(store)}.")
    print_next(steps)


def _print_answer(record: Record, words: Phrase | None, answer_tokens: int) -> None:
    """The answer, how sure it is and what to do with it."""
    say(record.completion.text.strip() if record.completion else f"No answer: {record.error}")
    if record.completion and record.completion.finish_reason == "length":
        say(f"It was cut off at {answer_tokens} tokens. Allow more: --answer-tokens.")
    if words is not None:
        out.print(words.chat, style="bold", soft_wrap=True)
        for sentence in filter(None, (words.frequency, words.record)):
            say(sentence)
    if record.decision:
        say(record.decision.why)


def _noted(way: Way, *, given: bool) -> str | None:
    """What is to be said of documents that are given and not read, or would be read and are not given."""
    if way.route.kind == "retrieval":
        return None if given else "There are no --documents to read: the model answers from memory."
    names = [one.kind for one in way.signals]
    return _unread(way.prompt or SEED, names, "--route retrieval, or ") if given else None


def _unread(prompt: Prompt, signals: Iterable[str], other: str = "") -> str | None:
    """That the model is shown no documents, where that is so, and `other` than a prompt that would show them."""
    if prompt.with_evidence:
        return None
    reads = "only claim_support reads them" if "claim_support" in signals else "nothing reads them"
    return (
        f"The model is shown none of the documents, and {reads}: add {other}a --prompt that shows evidence."
    )


def _told(words: Phrase) -> dict[str, Any]:
    """The words beside a record: the fields of the gateway's confidence object."""
    record = None if words.band is None else words.band.to_dict() | {"text": words.record}
    return {"phrase": words.text, "said": words.chat, "frequency": words.frequency, "track_record": record}
