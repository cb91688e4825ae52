"""The demonstration: ask, measure, calibrate on one half, show on the other half what changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .asking.asker import Asker
from .asking.elicit import ElicitSummary, elicit
from .asking.sinks import JsonlLog
from .auditing import Audit, audit
from .files.writing import write
from .fitting import fit_log
from .maps.calibration import MapSet
from .phrasing.phrases import Phrasebook
from .plugins import find
from .policies.bands import Bands
from .report import group_key, html
from .types import Action, Confidence, Fingerprint, Probability, Question, Reading, Score, digest

__all__ = ["GATE", "DemoResult", "demo"]

SIGNALS = ("mean_logprob", "min_logprob", "self_evaluation")
GATE = "mean_logprob"
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demonstration found, all of it on the half that nothing was fitted on, but `signals`."""

    summary: ElicitSummary
    signals: Audit
    before: Audit
    after: Audit
    actions: dict[str, list[dict[str, Any]]]
    surprises: list[Row]
    log: Path
    maps: Path
    report: Path

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "signals": self.signals.to_dict(), "before": self.before.to_dict(), "after": self.after.to_dict(),
            "actions": self.actions, "log": str(self.log), "maps": str(self.maps), "report": str(self.report),
        }  # fmt: skip


def demo(folder: Path, *, limit: int | None, progress: Callable[[int, int], None]) -> DemoResult:
    """Run the demonstration in `folder`; a run that was stopped goes on where it was.

    `progress` is called with how many questions were asked, and of how many.
    """
    folder.mkdir(parents=True, exist_ok=True)
    questions = list(find("datasets", "world_facts")().questions())[:limit]
    log, maps_file, report = (folder / name for name in ("answers.jsonl", "maps.json", "report.html"))
    sink = JsonlLog(log)
    summary = asyncio.run(_ask(questions, sink, progress))
    rows = [row for row in sink.rows() if row["correct"] is not None]
    wanted = {q.id for q in questions}
    rows = [row for row in rows if row["item_id"] in wanted]
    gate = [row for row in rows if row["signal"] == GATE and row["score"] is not None]
    fit_half, shown_half = _halves(gate)
    maps = fit_log(fit_half, ["domain"]).maps
    maps.save(maps_file)
    calibrated = _calibrated(shown_half, maps)
    before, after = _audited(shown_half, "score"), _audited(calibrated, "p")
    actions = _actions(calibrated)
    title = "What calibration changed, on questions it had not seen"
    write(report, html(before, after=after, actions=actions, title=title))
    wrong = sorted((r for r in calibrated if not r["correct"]), key=lambda r: -r["score"])
    return DemoResult(
        summary=summary, signals=audit(rows, ["signal"]), before=before, after=after, actions=actions,
        surprises=wrong[:5], log=log, maps=maps_file, report=report,
    )  # fmt: skip


async def _ask(
    questions: list[Question], sink: JsonlLog, progress: Callable[[int, int], None]
) -> ElicitSummary:
    model = find("models", "embedded")()
    try:
        return await elicit(
            questions, asker=Asker(model), sink=sink, grader=find("graders", "by_kind")(), judge="by_kind",
            signals={name: find("signals", name)() for name in SIGNALS},
            progress=lambda s: progress(s.recorded + s.skipped + s.unfinished, len(questions)),
        )  # fmt: skip
    finally:
        await model.close()


def _halves(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Two halves of every domain, by a digest of the item: the same on every machine."""
    halves: tuple[list[Row], list[Row]] = ([], [])
    seen: Counter[str] = Counter()
    for row in sorted(rows, key=lambda r: digest(r["item_id"])):
        halves[seen[row["domain"]] % 2].append(row)
        seen[row["domain"]] += 1
    return halves


def _audited(rows: list[Row], column: str) -> Audit:
    """The whole half first, then its domains."""
    whole, parts = audit(rows, confidence=column), audit(rows, ["domain"], confidence=column)
    return replace(parts, groups=whole.groups + parts.groups, source="the half that nothing was fitted on")


def _calibrated(rows: list[Row], maps: MapSet) -> list[Row]:
    done, book = [], Phrasebook.of(maps, Bands())
    for row in rows:
        reading = Reading(signal=row["signal"], score=Score(row["score"]))
        surely = maps.confidence(reading, Fingerprint.of(row))
        if surely.p is None:
            continue
        action, was = _action(surely.p), _action(row["score"])
        phrase = book.phrase(surely).text
        done.append({**row, "p": float(surely.p), "phrase": phrase, "action": action, "was": was})
    return done


def _action(p: float) -> str:
    return str(Bands().decide(Confidence(p=Probability(p))).action)


def _actions(rows: list[Row]) -> dict[str, list[dict[str, Any]]]:
    by_domain: dict[str, list[Row]] = {group_key({}): rows}
    for row in rows:
        by_domain.setdefault(group_key({"domain": row["domain"]}), []).append(row)
    return {key: [_band(action, part) for action in Action] for key, part in by_domain.items()}


def _band(action: Action, rows: list[Row]) -> dict[str, Any]:
    held = [row for row in rows if row["action"] == action]
    accuracy = sum(row["correct"] for row in held) / len(held) if held else None
    was = [row for row in rows if row["was"] == action]
    return {
        "action": str(action), "n": len(held), "accuracy": accuracy, "was": len(was),
        "was_accuracy": sum(row["correct"] for row in was) / len(was) if was else None,
    }  # fmt: skip
