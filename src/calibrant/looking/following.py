"""What comes after a command: from what it found to one or two commands that fit, with the options used before.

The one place that decides it; nothing here reads a file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from ..metrics.findings import FEW, Finding
from .asked import Asked, Step

__all__ = [
    "after_apply", "after_ask", "after_audit", "after_check", "after_compare", "after_costs", "after_demo",
    "after_elicit", "after_fit", "after_judge", "after_pareto", "after_plan", "after_posture", "after_redteam",
    "after_refine", "after_signals", "after_thresholds", "beside",
]  # fmt: skip

WRONG = 0.1
"""The share of wrong answers that a threshold promises where nobody named one."""
MISCALIBRATED = ("over-confident", "under-confident", "miscalibrated")


def beside(log: str, what: str) -> str:
    """The name of a file that is made of a log, where the command runs.

    >>> beside("logs/my answers.csv.gz", "maps.json"), beside("logs/*.csv", "maps.json"), beside("-x.csv", "maps.json")
    ('my answers_maps.json', 'maps.json', 'x_maps.json')
    """
    name = Path(log.rpartition("://")[2].partition("#")[0]).name.partition(".")[0].lstrip("-")
    return what if not name or set(name) & set("*?[]") else f"{name}_{what}"


def after_audit(found: Sequence[Finding | None], asked: Asked, *, reported: bool = False) -> tuple[Step, ...]:
    """After an audit: a map where the confidence is off, a threshold where it is not, labels where they are too few.

    >>> from calibrant.tally import Tally
    >>> one = Finding.of(Tally.of([0.9] * 60, [1] * 36 + [0] * 24))
    >>> after_audit([one], Asked(log="a.csv"), reported=True)[0].command
    'calibrant fit a.csv -o a_maps.json'
    """
    told = [one for one in found if one is not None and not one.too_few]
    few = [one for one in found if one is not None and one.too_few]
    steps = []
    if any(one.verdict in MISCALIBRATED and not one.reversed for one in told):
        steps.append(_fit(asked))
    elif told and not any(one.reversed for one in told):
        steps.append(_thresholds(asked))
    if few or any(one.reversed for one in told):
        lacks = sum(max(FEW - one.n_eff, 0) for one in few)
        why = (
            f"what it supports: {lacks:.0f} more labels give every group a verdict"
            if few
            else "what else may be meant"
        )
        steps.append(Step(asked.line("look"), why))
    if not reported and told:
        page = beside(asked.log, "audit.html")
        steps.append(Step(asked.line("audit", "--report", page), "the same with pictures, as a page"))
    return tuple(steps[:2])


def _fit(asked: Asked) -> Step:
    maps = beside(asked.log, "maps.json")
    return Step(asked.line("fit", "-o", maps), "turn this confidence into honest probabilities")


def _thresholds(asked: Asked, max_error: float = WRONG) -> Step:
    to = beside(asked.log, "thresholds.json")
    line = asked.line("plan thresholds", "--max-error", f"{max_error:g}", "-o", to)
    return Step(line, f"which answers can be sent with at most {max_error:.0%} of them wrong")


def after_fit(asked: Asked, maps: str | None, labels: float, calibrator: str = "auto") -> tuple[Step, ...]:
    """After a fit on so many effective labels: keep the maps, then use them."""
    named = [] if calibrator == "auto" else ["--calibrator", calibrator]
    if maps is None:
        line = asked.line("fit", *named, "-o", beside(asked.log, "maps.json"))
        return (Step(line, "keep the maps"),)
    to = beside(asked.log, "calibrated.csv")
    steps = [
        Step(
            asked.line("apply", "-o", to, before=[maps]),
            "give every row its probability and what to do with it",
        )
    ]
    if labels < FEW:
        steps.insert(0, Step(asked.line("look"), f"how many labels it takes: {labels:.0f} promise nothing"))
    else:
        steps.append(_thresholds(asked))
    return tuple(steps)


def after_apply(to: str) -> tuple[Step, ...]:
    """After maps were applied: what the calibrated rows support."""
    line = Asked(log=to, named={"confidence": "p"}).line("look")
    return (Step(line, "what the calibrated rows support; judge them on other labels than the maps' own"),)


def after_thresholds(
    asked: Asked, certified: Collection[bool], max_error: float, to: str | None
) -> tuple[Step, ...]:
    """After thresholds: keep and watch them, or what it takes for one to be certified."""
    steps = []
    if any(certified) and to is None:
        steps.append(_thresholds(asked, max_error))
    elif to is not None and any(certified):
        watched = asked.of("LATER.csv").line("plan check", before=[to])
        steps.append(Step(watched, "once later answers are judged: does the promise hold?", later=True))
    if not all(certified):
        line = asked.line("look", "--max-error", f"{max_error:g}")
        steps.append(Step(line, "how many labels would do"))
    return tuple(steps)


def after_costs(asked: Asked) -> tuple[Step, ...]:
    """After prices were weighed: a promise on top of them."""
    return (_thresholds(asked),)


def after_plan(command: str, asked: Asked, to: str | None, *further: str) -> tuple[Step, ...]:
    """After a plan that a route follows: keep it, then serve it."""
    if to is None:
        kept = beside(asked.log, f"{command.rpartition(' ')[2]}.json")
        return (
            Step(asked.line(command, *further, "-o", kept, by=False), "keep the plan, for a route to follow"),
        )
    why = f"once a configuration names {to} as what its route follows"
    return (Step("calibrant serve CONFIG.toml --check", why, later=True),)


def after_compare(
    asked: Asked, between: str | None, other: str | None, human: str | None = None
) -> tuple[Step, ...]:
    """After a comparison: each side by itself."""
    side = asked.also([between]) if between else asked.of(other or asked.log)
    people = ("--human", human) if human else ()
    return (Step(side.line("audit", *people), "each side by itself" if between else "the second by itself"),)


def after_signals(asked: Asked) -> tuple[Step, ...]:
    """After signals were compared: all of them as one."""
    line = asked.line("fit", "--calibrator", "blend", "-o", beside(asked.log, "maps.json"))
    return (Step(line, "take the signals of each answer together"),)


def after_watch(asked: Asked, alarms: int) -> tuple[Step, ...]:
    """After a log was watched: new maps where there is an alarm, else the promises that stand on the old ones."""
    if alarms:
        to = beside(asked.log, "maps.json")
        return (
            Step(
                asked.line("fit", "-o", to),
                "new maps; leave out the rows before the change where it is sudden",
            ),
        )
    return (Step(asked.line("audit"), "how far the confidence can be trusted, all rows together"),)


def after_judge(asked: Asked, human: str) -> tuple[Step, ...]:
    """After a judge was held against people: the audit that its correction is for."""
    return (
        Step(asked.line("audit", "--human", human), "the confidence, with the judge corrected by people"),
    )


def after_pareto(asked: Asked, of: Sequence[str]) -> tuple[Step, ...]:
    """After candidates were weighed: each by itself."""
    return (Step(asked.also(of).line("audit"), "each candidate's confidence by itself"),)


def after_check(asked: Asked, revoked: Collection[float], certificates: str) -> tuple[Step, ...]:
    """After promises were watched: for those refuted, by their share of wrong answers, new ones on what came since."""
    to = beside(certificates, "renewed.json")
    return tuple(
        Step(
            asked.line("plan thresholds", "--max-error", f"{one:g}", "-o", to),
            "a new promise on what came since",
        )
        for one in sorted(set(revoked))[:1]
    )


def after_elicit(log: str, signals: int) -> tuple[Step, ...]:
    """After answers were asked for: how far their confidence can be trusted, and which signal works."""
    asked = Asked(log=log)
    steps = [Step(asked.line("audit"), "how far the confidence can be trusted")]
    return (*steps, *([Step(asked.line("signals"), "which signal works where")] if signals > 1 else []))


def after_demo(log: str) -> tuple[Step, ...]:
    """After the demonstration: its log by hand."""
    asked = Asked(log=log)
    return (
        Step(asked.also(["signal", "domain"]).line("audit"), "the same log, measured by hand"),
        Step(asked.line("signals"), "which of its signals works where"),
    )


def after_ask(asked: Asked, signals: str, maps: str | None) -> tuple[Step, ...]:
    """After one question without maps: what they are fitted on; nothing where there are some."""
    if maps is not None:
        return ()
    line = asked.of("QUESTIONS.jsonl").line("elicit", "-o", "records.jsonl", "--signals", signals)
    why = "once there are questions with known answers: the log to fit maps on, for ask --maps"
    return (Step(line, why, later=True),)


def after_posture(asked: Asked, signal: str, steers: Collection[str], to: str | None) -> tuple[Step, ...]:
    """After postures were measured: the first level that does as it is told, on the same questions; else none."""
    level = next(iter(sorted(steers)), "neutral")
    line = asked.line("elicit", "-o", f"{level}.jsonl", "--signals", signal, "--posture", level)
    why = (
        "a log under a posture that works, to measure it" if steers else "a log without a posture: none works"
    )
    steps = [Step(line, why)]
    if to is not None:
        why = f"once a configuration names {to} as what was measured of its postures"
        steps.append(Step("calibrant serve CONFIG.toml --check", why, later=True))
    return tuple(steps)


def after_redteam(asked: Asked, signals: Sequence[str], folder: str) -> tuple[Step, ...]:
    """After attacks: the same questions as a log, on which a map or a threshold can be fitted."""
    if not signals:
        return ()
    to = str(Path(folder) / "records.jsonl")
    line = asked.line("elicit", "-o", to, "--signals", ",".join(signals))
    return (Step(line, "the same questions as a log: which signal is worth defending, and its map"),)


def after_refine(
    asked: Asked, signal: str, folder: str | None, documents: str | None = None
) -> tuple[Step, ...]:
    """After a prompt was chosen and kept: the questions under it."""
    if folder is None:
        return ()
    prompt, to = (str(Path(folder) / name) for name in ("prompt.json", "records.jsonl"))
    read = ("--documents", documents) if documents else ()
    line = asked.line("elicit", "-o", to, "--signals", signal, "--prompt", prompt, *read)
    return (Step(line, "a log under the winner, to fit maps on"),)
