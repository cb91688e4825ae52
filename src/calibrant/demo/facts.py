"""The demonstration: ask, measure, calibrate on one half, show on the other half what changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..asking.asker import Asker
from ..asking.elicit import ElicitSummary, elicit
from ..asking.sinks import JsonlLog
from ..auditing import Audit, audit
from ..files.writing import write
from ..fitting import fit_log
from ..maps.calibration import MapSet
from ..phrasing.phrases import Phrasebook
from ..plugins import find
from ..policies.bands import Bands
from ..report import group_key, html
from ..types import Action, Confidence, Fingerprint, Probability, Question, Reading, Score, digest

__all__ = ["GATE", "DemoResult", "demo"]

GATE = "mean_logprob"
SAMPLES = 3
"""Of self-consistency: further answers to each question, computed together."""
EARLY = 40
"""Answers after which a first result is told."""
SHOWN = 5
"""Wrong answers that are shown."""
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """How many answers go out without a disclaimer, and how many of them are wrong, before and after."""

    was: int
    was_wrong: int
    now: int
    now_wrong: int


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demonstration found, all of it on the half that nothing was fitted on, but `signals`."""

    summary: ElicitSummary
    signals: Audit
    before: Audit
    after: Audit
    actions: dict[str, list[dict[str, Any]]]
    caught: list[Row]
    """Wrong answers that the raw confidence would have sent and the calibrated one does not, most changed first."""
    sent: Sent
    log: Path
    maps: Path
    report: Path

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "signals": self.signals.to_dict(), "before": self.before.to_dict(), "after": self.after.to_dict(),
            "actions": self.actions, "sent": asdict(self.sent),
            "log": str(self.log), "maps": str(self.maps), "report": str(self.report),
        }  # fmt: skip


def asked() -> list[Question]:
    """The questions in an order of their own, so that the first of them are like all."""
    return sorted(find("datasets", "world_facts")().questions(), key=lambda one: digest(one.id))


def demo(
    folder: Path,
    *,
    limit: int | None,
    progress: Callable[[int, int], None],
    first: Callable[[Audit], None] = lambda _: None,
) -> DemoResult:
    """Run the demonstration in `folder`; a run that was stopped goes on where it was.

    `progress` is called with how many questions were asked, and of how many; `first` once, with the audit of the
    first `EARLY` answers, where there are more to come.

    Questions are asked one after the other, and the samples of each at once: the few words in which questions differ
    are soon read, and more of them at a time would crowd out the beginnings that are kept. A run that was stopped reads
    those beginnings anew, which changes how they are rounded: probabilities of a token move by up to 0.06, and now and
    then an answer with them. All that follows from the log is the same every time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    questions = asked()[:limit]
    log, maps_file, report = (folder / name for name in ("answers.jsonl", "maps.json", "report.html"))
    sink = JsonlLog(log)
    wanted = {q.id for q in questions}

    def done(count: int) -> None:
        progress(count, len(questions))
        if count == EARLY < len(questions):
            first(audit(_graded(sink, wanted, GATE)))

    summary = asyncio.run(_ask(questions, sink, done))
    gate = _graded(sink, wanted, GATE)
    fit_half, shown_half = _halves(gate)
    maps = fit_log(fit_half, ["domain"]).maps
    maps.save(maps_file)
    calibrated = _calibrated(shown_half, maps)
    before, after = _audited(shown_half, "score"), _audited(calibrated, "p")
    actions = _actions(calibrated)
    title = "What calibration changed, on questions it had not seen"
    write(report, html(before, after=after, actions=actions, title=title))
    return DemoResult(
        summary=summary, signals=audit(_graded(sink, wanted), ["signal"]), before=before, after=after,
        actions=actions, caught=_caught(calibrated), sent=_sent(calibrated), log=log, maps=maps_file, report=report,
    )  # fmt: skip


async def _ask(questions: list[Question], sink: JsonlLog, done: Callable[[int], None]) -> ElicitSummary:
    model = find("models", "embedded")()
    signals = {
        "mean_logprob": find("signals", "mean_logprob")(), "min_logprob": find("signals", "min_logprob")(),
        "self_consistency": find("signals", "self_consistency")(samples=SAMPLES),
    }  # fmt: skip
    try:
        return await elicit(
            questions, asker=Asker(model, concurrency=1), workers=1, sink=sink, signals=signals,
            grader=find("graders", "by_kind")(), judge="by_kind",
            progress=lambda s: done(s.recorded + s.skipped + s.unfinished),
        )  # fmt: skip
    finally:
        await model.close()


def _graded(sink: JsonlLog, wanted: Collection[str], signal: str | None = None) -> list[Row]:
    """The rows with a grade; of one signal, those that it gave a score."""
    return [
        row
        for row in sink.rows()
        if row["correct"] is not None and row["item_id"] in wanted
        if signal is None or (row["signal"] == signal and row["score"] is not None)
    ]


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


def _caught(rows: list[Row]) -> list[Row]:
    """Wrong answers that would have been sent as they are, and now are not: of each domain the most changed first."""
    found = [row for row in rows if not row["correct"] and row["was"] == Action.ANSWER != row["action"]]
    place, seen = {}, Counter[str]()
    for row in sorted(found, key=lambda r: r["p"] - r["score"]):
        place[row["item_id"]] = seen[row["domain"]]
        seen[row["domain"]] += 1
    return sorted(found, key=lambda r: (place[r["item_id"]], r["p"] - r["score"]))[:SHOWN]


def _sent(rows: list[Row]) -> Sent:
    was, now = ([r for r in rows if r[when] == Action.ANSWER] for when in ("was", "action"))
    was_wrong, now_wrong = (sum(not r["correct"] for r in some) for some in (was, now))
    return Sent(was=len(was), was_wrong=was_wrong, now=len(now), now_wrong=now_wrong)


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
