"""Attacking a model's confidence: redteam."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from calibrant.dialogue.asks import ANSWER_TOKENS
from calibrant.files.writing import write
from calibrant.plugins import find, names
from calibrant.protocols import Signal

from .options import AnswerTokens, AsJson, GraderName, ManyCalls, Questions, columns, command, put_to
from .plan.shared import chart_of
from .terminal import err, print_json, print_next, say


@command("redteam", makes=("redteam.json", "calls.jsonl"))
def redteam_command(
    questions: Questions,
    given: ManyCalls,
    signals: Annotated[
        str, typer.Option(help="Signals, with commas; in_line is the percentage stated in the conversation.")
    ] = "in_line,mean_logprob,self_evaluation",
    attacks: Annotated[str, typer.Option(help=f"all, or some of: {', '.join(names('attacks'))}.")] = "all",
    grader: GraderName = "by_kind",
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Confidence from which an answer is simply sent.")
    ] = 0.85,
    defences: Annotated[
        str,
        typer.Option(
            help="Some of: map, apart, agreement, all (the three); the last two ask a second answer."
        ),
    ] = "map,apart,agreement,all",
    budget: Annotated[
        int,
        typer.Option(
            min=0, help="Answers that an attack which searches may look at, for each question; 0: no search."
        ),
    ] = 20,
    searched: Annotated[int, typer.Option(min=1, help="Questions that a search looks at, at the most.")] = 20,
    against: Annotated[
        str | None, typer.Option(help="The signal that searches try to move; the first where not given.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=20, help="Ask only the first so many questions.")] = None,
    seed: Annotated[int, typer.Option(help="Of the attacks and of the halves of the questions.")] = 0,
    answer_tokens: AnswerTokens = ANSWER_TOKENS,
    to: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the result and the answered calls.")
    ] = Path("redteam"),
    chart: Annotated[
        Path | None, chart_of("what each attack gets past the threshold, or keeps from it")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Attack a model's confidence, and measure what moves it and which defence helps. Resumes."""
    from calibrant.looking.following import after_redteam
    from calibrant.redteaming.attempts import planned
    from calibrant.redteaming.trial import redteam

    from .session import Session, questions_of
    from .tables.asked import print_spending, spending_fields
    from .tables.redteams import asked_sentence, print_redteam

    asked = questions_of(questions, limit, answer_tokens, free_form=given.free_form)
    chosen = _signals(signals, given.same)
    picked = None if attacks == "all" else columns(attacks)
    plan = planned(asked, picked, seed=seed, budget=budget, searched=searched)
    graded = find("graders", grader)()
    if not as_json:
        err.print(asked_sentence(plan))
    session = Session(given, as_json=as_json)
    session.begin(plan.asked, chosen, folder=to, files=[to / "redteam.json", chart])
    found, spent = session.run(
        lambda asker, advance: redteam(
            asked, asker, chosen, attacks=picked, grader=graded, judge=grader, threshold=threshold,
            defences=columns(defences), budget=budget, searched=searched, against=against, seed=seed,
            workers=session.workers, progress=advance,
        ),
        total=plan.steps, calls=to / "calls.jsonl", keep="--out",
    )  # fmt: skip
    body = found.to_dict() | spending_fields(spent) | {"stopped": None}
    result = to / "redteam.json"
    write(result, json.dumps(body, ensure_ascii=False, allow_nan=False, indent=1))
    usual = [name for name in columns(signals) if name != "in_line"]
    steps = after_redteam(put_to(questions, given), usual, str(to))
    if as_json:
        print_json({**body, "next": [step.to_dict() for step in steps]})
    else:
        print_redteam(found)
        print_spending(spent)
        say(f"Everything, with intervals: {result}")
    if chart:
        from calibrant.report.drawing import save
        from calibrant.report.redteams import attack_chart

        save(attack_chart(body), chart, title="What attacks do to the confidence")
        if not as_json:
            say(f"Chart: {chart}")
    if not as_json:
        print_next(steps)


def _signals(text: str, same: str | None) -> dict[str, Signal]:
    """Signals by name; in_line, which is not one to use, only here."""
    from calibrant.redteaming.trial import InLine
    from calibrant.releases.parts import signals_named

    wanted = columns(text)
    usual = ",".join(name for name in wanted if name != "in_line")
    made: dict[str, Signal] = {"in_line": InLine()} if "in_line" in wanted else {}
    return made | signals_named(usual, same=same) if usual else made or dict(signals_named(text))
