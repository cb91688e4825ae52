"""Choosing a prompt by the confidence under it: refine."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from calibrant.dialogue.asks import ANSWER_TOKENS
from calibrant.errors import Misuse
from calibrant.files.writing import write

from .options import (
    AnswerTokens,
    AsJson,
    Documents,
    GraderName,
    ManyCalls,
    Questions,
    command,
    finite,
    put_to,
)
from .plan.shared import chart_of
from .terminal import print_json, print_next, say


@command("refine", makes=("refine.json", "prompt.json", "calls.jsonl"))
def refine_command(
    questions: Questions,
    given: ManyCalls,
    signal: Annotated[
        str, typer.Option(help="The signal to read; see `calibrant signals`.")
    ] = "mean_logprob",
    candidates: Annotated[int, typer.Option(min=2, help="Prompts at the most, the seed among them.")] = 12,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of successive halving.")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="Ask only the first so many questions.")] = None,
    share: Annotated[
        float, typer.Option("--confirm", min=0.1, max=0.9, help="Share of the questions to report on.")
    ] = 0.4,
    by: Annotated[
        Literal["reward", "brier"],
        typer.Option(help="Choose by right answers and their confidence, or by the confidence alone."),
    ] = "reward",
    penalty: Annotated[
        float,
        typer.Option(
            min=0.01, help="With --by reward: what a squared error of the confidence costs.", callback=finite
        ),
    ] = 1.0,
    max_accuracy_loss: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="A prompt that loses more, with evidence, is out.")
    ] = 0.02,
    seed: Annotated[int, typer.Option(help="Parts the questions and draws the mutations.")] = 0,
    grader: GraderName = "by_kind",
    documents: Documents = None,
    answer_tokens: AnswerTokens = ANSWER_TOKENS,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder for the calls, to resume from, refine.json and prompt.json."
        ),
    ] = None,
    chart: Annotated[Path | None, chart_of("the confidence before and after")] = None,
    as_json: AsJson = False,
) -> None:
    """Search for a prompt whose confidence is worth more; choose on some questions, report on others."""
    from calibrant.looking.following import after_refine
    from calibrant.refining.search import at_most, refine
    from calibrant.refining.selection import BRIER, Objective
    from calibrant.releases.parts import grader_named, signals_named

    from .session import Session, questions_of
    from .tables.asked import spending_fields
    from .tables.refinements import print_refinement

    signals = signals_named(signal, same=given.same)
    if len(signals) != 1:
        raise Misuse(f"Expected one signal to choose by; got {', '.join(signals)}.")
    asked = questions_of(questions, limit, answer_tokens, documents, free_form=given.free_form)
    grades = grader_named(grader, given.same)
    name, chosen = next(iter(signals.items()))
    objective = BRIER if by == "brier" else Objective(penalty=penalty)
    most = at_most(asked, chosen, candidates=candidates, rounds=rounds, share=share, seed=seed)
    session = Session(given, as_json=as_json)
    kept = [folder / name for name in ("refine.json", "prompt.json")] if folder else []
    session.begin(most, signals, grades, folder=folder, files=[*kept, chart])
    found, spent = session.run(
        lambda asker, advance: refine(
            asked, asker=asker, signal=chosen, name=name, grader=grades, candidates=candidates, rounds=rounds,
            share=share, objective=objective, max_accuracy_loss=max_accuracy_loss, seed=seed,
            workers=session.workers, progress=advance,
        ),
        total=len(most), calls=folder / "calls.jsonl" if folder else None, keep="-o FOLDER",
    )  # fmt: skip
    body = found.to_dict() | spending_fields(spent) | {"stopped": None}
    if folder:
        write(folder / "refine.json", json.dumps(body, indent=1, ensure_ascii=False) + "\n")
        write(folder / "prompt.json", json.dumps(asdict(found.winner), indent=1, ensure_ascii=False) + "\n")
    if chart:
        from calibrant.report.drawing import save
        from calibrant.report.refinements import before_and_after

        save(before_and_after(body), chart, title="Confidence before and after")
    steps = after_refine(
        put_to(questions, given), signal, *(str(one) if one else None for one in (folder, documents))
    )
    if as_json:
        print_json({**body, "next": [step.to_dict() for step in steps]})
        return
    print_refinement(found, spent)
    if folder:
        say(f"The winner is in {folder / 'prompt.json'}: use it with elicit or ask --prompt FILE.")
    if chart:
        say(f"Chart: {chart}")
    print_next(steps)
