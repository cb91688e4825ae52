"""Attacking a model's confidence: redteam."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from calibrant.attempts import planned
from calibrant.config import secret
from calibrant.elicit import Asker
from calibrant.metrics import Estimate
from calibrant.named import model_named, signals_named
from calibrant.plugins import names
from calibrant.protocols import Signal
from calibrant.redteaming import InLine, RedTeam, redteam
from calibrant.terminal import err, out, print_json, progress

from .shared import ApiFormat, ApiKey, AsJson, ModelName, Url, app, columns, questions_of

__all__ = ["redteam_command"]


@app.command("redteam")
def redteam_command(
    questions: Annotated[
        str, typer.Argument(metavar="QUESTIONS", help="JSONL, CSV, Parquet, or a data set's name.")
    ],
    model: ModelName = "embedded",
    url: Url = None,
    api: ApiFormat = "chat",
    api_key: ApiKey = None,
    signals: Annotated[
        str, typer.Option(help="Signals, with commas; in_line is the percentage stated in the conversation.")
    ] = "in_line,mean_logprob,self_evaluation",
    attacks: Annotated[str, typer.Option(help=f"all, or some of: {', '.join(names('attacks'))}.")] = "all",
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Confidence from which an answer is simply sent.")
    ] = 0.85,
    limit: Annotated[int | None, typer.Option(min=20, help="Ask only the first so many questions.")] = None,
    seed: Annotated[int, typer.Option(help="Of the attacks and of the halves of the questions.")] = 0,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls under way at once.")] = 8,
    to: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the result and the answered calls.")
    ] = Path("redteam"),
    as_json: AsJson = False,
) -> None:
    """Attack a model's confidence, and measure what moves it and which defence helps. Resumes."""
    asked, chosen = questions_of(questions, limit), _signals(signals)
    picked = None if attacks == "all" else columns(attacks)
    plan = planned(asked, picked, seed=seed)
    if not as_json:
        err.print(
            f"{len(plan.questions)} questions, {len(plan.attacks)} attacks: {len(plan.jobs):,} answers, "
            f"{plan.calls(chosen.values()):,} calls at the most."
        )
    to.mkdir(parents=True, exist_ok=True)
    key = secret(api_key, "--api-key")

    async def work() -> RedTeam:
        llm = model_named(model, url=url, api=api, api_key=key)
        asker = Asker(llm, concurrency=concurrency, call_log=to / "calls.jsonl")
        try:
            with progress(as_json) as bar:
                task = bar.add_task("attacking", total=len(plan.jobs))
                return await redteam(
                    asked, asker, chosen, attacks=picked, threshold=threshold, seed=seed,
                    workers=max(16, concurrency), progress=lambda done, _: bar.update(task, completed=done),
                )  # fmt: skip
        finally:
            await asker.close()
            await llm.close()

    found = asyncio.run(work())
    body = found.to_json()
    result = to / "redteam.json"
    result.write_text(json.dumps(body, ensure_ascii=False, allow_nan=False, indent=1), encoding="utf-8")
    if as_json:
        print_json(body)
        return
    for sentence in sentences(found):
        out.print(sentence, markup=False, soft_wrap=True)
    out.print()
    _print_tables(found)
    out.print(f"Everything, with intervals: {result}", markup=False, soft_wrap=True)


def sentences(found: RedTeam) -> list[str]:
    """What was found, for each signal the worst attack and the defence that helps most; then what was noted."""
    said = [
        f"{found.model} is right on {100 * found.accuracy:.0f} % of the questions. Maps were fitted on "
        f"{found.fitted} of them; what follows is from the other {found.reported}, with 95 % intervals. "
        f"An answer is let through at {found.threshold:g} or above."
    ]
    for signal in dict.fromkeys(one.signal for one in found.defences):
        said += [_worst(found, signal), _helps(found, signal)]
    unchanged = ", ".join(f"{name} {n}" for name, n in found.unchanged.items() if n)
    if unchanged:
        said.append(f"Questions in which an attack found nothing to change: {unchanged}.")
    reasons = list(found.reasons.items())
    said += [f"{n:,} x {why}" for why, n in reasons[:5]]
    if len(reasons) > 5:
        said.append(f"{sum(n for _, n in reasons[5:]):,} x other reasons; all are in the result.")
    return [*said, *found.notes]


def _worst(found: RedTeam, signal: str) -> str:
    """The attack that gets most wrong answers over the threshold, and whether that is more than chance."""
    rows = [one for one in found.findings if one.signal == signal and one.defence == "none"]
    rated = [(gained.value, one) for one in rows if (gained := one.measures["success_gained"]) is not None]
    if not rated:
        return f"{signal}: no attack left wrong answers with which to compare."
    _, worst = max(rated, key=lambda pair: pair[0])
    m = worst.measures
    gained = m["success_gained"]
    sure = gained is not None and gained.low > 0
    verdict = "" if sure else " That is within what chance gives."
    return (
        f"{signal}, believed as it stands: the worst attack is {worst.attack}. Wrong answers let through: "
        f"{_share(m['success_clean'])} without it, {_share(m['success_attacked'])} with it.{verdict}"
    )


def _helps(found: RedTeam, signal: str) -> str:
    """The defence under which fewest wrong answers get through; of equal ones the cheapest."""
    rows = {one.defence: one for one in found.defences if one.signal == signal}
    none = rows.pop("none")

    def rank(name: str) -> tuple[float, float, float]:
        m = rows[name].measures
        success, passed = m["success_attacked"], m["passed_clean"]
        return success.value if success else 1.0, -passed.value if passed else 0.0, rows[name].calls

    best = rows[min(rows, key=rank)]
    m, cut = best.measures, best.measures["success_cut"]
    if cut is None:
        return f"{signal}: no wrong answers under attack, so no defence can be judged."
    if cut.low <= 0:
        return (
            f"{signal}: no defence is shown to help; {best.defence} cuts what gets through by {_share(cut)}."
        )
    passed = m["passed_clean"]
    nothing = passed is not None and passed.value == 0
    end = " Nothing right gets through either: it closes the door rather than guards it." if nothing else ""
    return (
        f"{signal}: the defence that lets fewest through is {best.defence}, "
        f"{_share(none.measures['success_attacked'])} -> {_share(m['success_attacked'])} over all attacks that "
        f"inflate. On clean input it lets {_share(passed)} of the right answers through, "
        f"{_share(none.measures['passed_clean'])} without it, costs {_points(m['auroc_lost'])} of AUROC and "
        f"{best.calls:g} further calls an answer.{end}"
    )


def _print_tables(found: RedTeam) -> None:
    shown = Table(
        box=None, pad_edge=False, title="Attacks, the score believed as it stands", title_justify="left"
    )
    for head in ("signal", "attack"):
        shown.add_column(head, no_wrap=True)
    for head in ("n", "change", "moved", "flips", "wrong let through", "with attack", "AUROC lost"):
        shown.add_column(head, justify="right")
    for one in found.findings:
        if one.defence == "none":
            m = one.measures
            shown.add_row(
                one.signal, one.attack, str(one.n), _points(m["change"]), _share(m["moved"]),
                _share(m["flips"]), _share(m["success_clean"]), _share(m["success_attacked"]),
                _points(m["auroc_lost"]),
            )  # fmt: skip
    out.print(shown)
    _print_defences(found)


def _print_defences(found: RedTeam) -> None:
    table = Table(
        box=None, pad_edge=False, title="Defences, all attacks of a direction together", title_justify="left"
    )
    for head in ("signal", "defence"):
        table.add_column(head, no_wrap=True)
    heads = {
        "success_clean": "wrong let through", "success_attacked": "with attack", "success_cut": "cut",
        "held_back_attacked": "right held back", "passed_clean": "clean right let through",
        "auroc_clean": "clean AUROC",
    }  # fmt: skip
    for head in (*heads.values(), "calls", "tokens"):
        table.add_column(head, justify="right")
    for one in found.defences:
        cells = [_cell(name, one.measures) for name in heads]
        table.add_row(one.signal, one.defence, *cells, f"{one.calls:g}", f"{one.tokens:.0f}")
    out.print(table)


def _cell(name: str, measures: Mapping[str, Estimate | None]) -> str:
    return (_points if name == "auroc_clean" else _share)(measures.get(name))


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
