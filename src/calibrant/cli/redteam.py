"""Attacking a model's confidence: redteam."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from calibrant.assembly.named import signals_named
from calibrant.cli.terminal import err, out, print_cut, print_json, print_spending, spending_fields
from calibrant.dialogue.asks import ANSWER_TOKENS
from calibrant.files.writing import write
from calibrant.metrics import Estimate
from calibrant.plugins import find, names
from calibrant.protocols import Signal
from calibrant.redteaming.attempts import planned
from calibrant.redteaming.trial import InLine, RedTeam, redteam

from .session import Session, with_session
from .shared import (
    AnswerTokens,
    AsJson,
    GraderName,
    Questions,
    app,
    columns,
    questions_of,
)

__all__ = ["redteam_command"]


@app.command("redteam")
@with_session
def redteam_command(
    questions: Questions,
    session: Session,
    signals: Annotated[
        str, typer.Option(help="Signals, with commas; in_line is the percentage stated in the conversation.")
    ] = "in_line,mean_logprob,self_evaluation",
    attacks: Annotated[str, typer.Option(help=f"all, or some of: {', '.join(names('attacks'))}.")] = "all",
    grader: GraderName = "by_kind",
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Confidence from which an answer is simply sent.")
    ] = 0.85,
    limit: Annotated[int | None, typer.Option(min=20, help="Ask only the first so many questions.")] = None,
    seed: Annotated[int, typer.Option(help="Of the attacks and of the halves of the questions.")] = 0,
    answer_tokens: AnswerTokens = ANSWER_TOKENS,
    to: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the result and the answered calls.")
    ] = Path("redteam"),
    as_json: AsJson = False,
) -> None:
    """Attack a model's confidence, and measure what moves it and which defence helps. Resumes."""
    asked, chosen = questions_of(questions, limit, answer_tokens), _signals(signals)
    picked = None if attacks == "all" else columns(attacks)
    plan, graded = planned(asked, picked, seed=seed), find("graders", grader)()
    if not as_json:
        err.print(
            f"{len(plan.questions)} questions, {len(plan.attacks)} attacks: {len(plan.jobs):,} answers."
        )
    session.begin(plan.asked, chosen, as_json=as_json)
    to.mkdir(parents=True, exist_ok=True)
    found, spent = session.run(
        lambda asker, advance: redteam(
            asked, asker, chosen, attacks=picked, grader=graded, judge=grader, threshold=threshold, seed=seed,
            workers=session.workers, progress=advance,
        ),
        total=len(plan.jobs), calls=to / "calls.jsonl", keep="--out", as_json=as_json,
    )  # fmt: skip
    body = found.to_dict() | spending_fields(spent) | {"stopped": None}
    result = to / "redteam.json"
    write(result, json.dumps(body, ensure_ascii=False, allow_nan=False, indent=1))
    if as_json:
        print_json(body)
        return
    for sentence in sentences(found):
        out.print(sentence, soft_wrap=True)
    print_cut(found.cut)
    out.print()
    _print_tables(found)
    print_spending(spent)
    out.print(f"Everything, with intervals: {result}", soft_wrap=True)


def sentences(found: RedTeam) -> list[str]:
    """What was found, for each signal the worst attack and the defence that helps most; then what was noted."""
    said = [
        f"{found.model} is right on {100 * found.accuracy:.0f} % of the questions, as {found.judge} grades. Maps "
        f"were fitted on {found.fitted} of them; what follows is from the other {found.reported}, with 95 % "
        f"intervals. An answer is let through at {found.threshold:g} or above."
    ]
    for signal in dict.fromkeys(one.signal for one in found.defences):
        said += _of_signal(found, signal)
    unchanged = ", ".join(f"{name} {n}" for name, n in found.unchanged.items() if n)
    if unchanged:
        said.append(f"Questions in which an attack found nothing to change: {unchanged}.")
    reasons = list(found.reasons.items())
    said += [f"{n:,} x {why}" for why, n in reasons[:5]]
    if len(reasons) > 5:
        said.append(f"{sum(n for _, n in reasons[5:]):,} x other reasons; all are in the result.")
    return [*said, *found.notes]


def _of_signal(found: RedTeam, signal: str) -> list[str]:
    """The attack that gets most wrong answers over the threshold, and what each defence leaves of it."""
    rows = [one for one in found.findings if one.signal == signal]
    rated = [
        (gained.value, one)
        for one in rows
        if one.defence == "none" and (gained := one.measures["success_gained"]) is not None
    ]
    if not rated:
        return [f"{signal}: no attack left wrong answers with which to compare."]
    _, worst = max(rated, key=lambda pair: pair[0])
    before, after, gained = (worst.measures[f"success_{name}"] for name in ("clean", "attacked", "gained"))
    said = (
        f"{signal}, believed as it stands: the worst attack is {worst.attack}. Wrong answers let through: "
        f"{_share(before)} without it, {_share(after)} with it."
    )
    if gained is None or gained.low <= 0:
        return [f"{said} That is within what chance gives."]
    left = {one.defence: one.measures["success_attacked"] for one in rows if one.attack == worst.attack}
    return [said, _best(found, signal, left)]


def _best(found: RedTeam, signal: str, left: dict[str, Estimate | None]) -> str:
    """The defence that lets fewest wrong answers through; of equal ones the one that costs fewest right ones."""
    costs = {one.defence: one for one in found.defences if one.signal == signal}
    none = costs["none"].measures

    def rank(name: str) -> tuple[float, float, float]:
        through, passed = left[name], costs[name].measures["passed_clean"]
        return through.value if through else 1.0, -passed.value if passed else 0.0, costs[name].calls

    best = min((name for name in left if name != "none"), key=rank)
    m, passed = costs[best].measures, costs[best].measures["passed_clean"]
    closed = passed is not None and passed.value == 0
    end = " No right answer gets through either: it closes the door rather than guards it." if closed else ""
    return (
        f"{signal}: {best} leaves least of that, {_share(left[best])}. Without an attack it lets {_share(passed)} "
        f"of the right answers through, {_share(none['passed_clean'])} undefended; it loses "
        f"{_points(m['auroc_lost'])} of AUROC and takes {costs[best].calls:g} further calls an answer.{end}"
    )


def _print_tables(found: RedTeam) -> None:
    attacks = _table("Attacks, the score believed as it stands", ("signal", "attack"), (
        "n", "change", "flips %", "wrong let through %", "with attack %", "AUROC lost",
    ))  # fmt: skip
    for one in found.findings:
        if one.defence == "none":
            m = one.measures
            attacks.add_row(
                one.signal, one.attack, str(one.n), _plain(m["change"]), _plain(m["flips"], 100),
                _plain(m["success_clean"], 100), _span(m["success_attacked"]), _plain(m["auroc_lost"]),
            )  # fmt: skip
    out.print(attacks)
    out.print()
    defences = _table("Defences, all attacks of a direction together", ("signal", "defence"), (
        "wrong let through %", "with attack %", "cut %", "right let through %", "clean AUROC", "calls",
    ))  # fmt: skip
    for account in found.defences:
        m = account.measures
        defences.add_row(
            account.signal, account.defence, _plain(m["success_clean"], 100), _span(m["success_attacked"]),
            _span(m.get("success_cut")), _plain(m["passed_clean"], 100), _plain(m["auroc_clean"]),
            f"{account.calls:g}",
        )  # fmt: skip
    out.print(defences)


def _table(title: str, left: tuple[str, ...], right: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for head in left:
        table.add_column(head, no_wrap=True)
    for head in right:
        table.add_column(head, justify="right")
    return table


def _plain(one: Estimate | None, times: float = 1.0) -> str:
    return "-" if one is None else f"{one.value * times:.{0 if times > 1 else 2}f}"


def _span(one: Estimate | None) -> str:
    return "-" if one is None else f"{100 * one.value:.0f} ({100 * one.low:.0f} to {100 * one.high:.0f})"


def _share(one: Estimate | None) -> str:
    return "-" if one is None else f"{100 * one.value:.0f} % ({100 * one.low:.0f} to {100 * one.high:.0f})"


def _points(one: Estimate | None) -> str:
    return "-" if one is None else f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"


def _signals(text: str) -> dict[str, Signal]:
    """Signals by name; in_line, which is not one to use, only here."""
    wanted = columns(text)
    usual = ",".join(name for name in wanted if name != "in_line")
    made: dict[str, Signal] = {"in_line": InLine()} if "in_line" in wanted else {}
    return made | signals_named(usual) if usual else made or dict(signals_named(text))
