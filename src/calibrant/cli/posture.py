"""What postures do: posture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrant.dialogue.asks import ANSWER_TOKENS
from calibrant.dialogue.posture import POSTURES
from calibrant.plugins import find
from calibrant.protocols import Signal

from .options import AnswerTokens, AsJson, ManyCalls, Questions, command, put_to
from .terminal import print_json, print_next, say


@command("posture")
def posture_command(
    questions: Questions,
    given: ManyCalls,
    signal: Annotated[str, typer.Option(help="A signal that takes a posture.")] = "verbalized",
    limit: Annotated[int | None, typer.Option(min=2, help="Ask only the first so many questions.")] = None,
    answer_tokens: AnswerTokens = ANSWER_TOKENS,
    calls: Annotated[
        str | None, typer.Option(help="File that keeps answered calls, so that a second run pays for none.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File for the verdict, which a gateway's configuration refers to."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure whether postures, from very cautious to very bold, steer a stated confidence, and how far."""
    from calibrant.looking.following import after_posture
    from calibrant.posturing import postures
    from calibrant.releases.parts import signals_named

    from .session import Session, questions_of
    from .tables.asked import spending_fields
    from .tables.postures import print_postures

    asked = questions_of(questions, limit, answer_tokens, free_form=given.free_form)
    levels: dict[str, Signal] = {}
    name = signal
    for level in POSTURES:
        ((name, levels[level]),) = signals_named(
            signal, level, given.same
        ).items()  # the name without settings
    session = Session(given, as_json=as_json)
    session.begin(asked, levels, files=[out])
    found, spent = session.run(
        lambda asker, advance: postures(
            asked, asker=asker, name=name, levels=levels, grader=find("graders", "by_kind")(),
            workers=session.workers, progress=advance,
        ),
        total=len(asked), calls=calls, keep="--calls FILE",
    )  # fmt: skip
    if out:
        found.measured.save(out)
    steers = [one.level for one in found.levels if one.verdict == "steers"]
    steps = after_posture(put_to(questions, given), signal, steers, str(out) if out else None)
    if as_json:
        told = {"stopped": None, "next": [step.to_dict() for step in steps]}
        print_json(found.to_dict() | spending_fields(spent) | told)
        return
    print_postures(found, spent)
    if out:
        say(f"Written: {out}")
    print_next(steps)
