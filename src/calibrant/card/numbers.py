"""All numbers of a card as plain data, its twin: a pure function of a store up to an entry, a task and a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .. import __version__
from ..errors import UnusableInput
from ..metrics.intervals import Estimate
from ..monitors.calibration import ALPHA, TOLERANCE
from ..overview.evidence import ebh, evidence, slope_of
from ..overview.promises import promises, released
from ..overview.rules import Rule, money, rule_of
from ..overview.standing import Standing, standing
from ..overview.tallying import DAY, Counts, Overview
from ..past.folding import Folding
from ..protocols import Store
from ..report.charts import thinned
from ..report.standings import reliability_values
from ..reviewing.readers import Agreement, Readers
from ..types import Entry, Head, Record

__all__ = ["FORMAT", "VERSION", "ChainBroken", "Source", "concluded", "numbers", "read_store"]

FORMAT = "calibrant/card"
"""What a card says that it is."""
VERSION = 1
"""Of the format."""


class ChainBroken(UnusableInput):
    """A store does not hold what it held, or does not lead to a head that was kept."""


@dataclass(frozen=True, slots=True)
class Source:
    """A store's past up to an entry: the folds over it, the chain's head there, and the store for single records."""

    store: Store
    overview: Overview
    readers: Readers
    head: Head


class _Until:
    """A store whose past ends with an entry."""

    def __init__(self, store: Store, position: int) -> None:
        self._store, self._position = store, position

    def since(self, cursor: int = 0) -> Iterator[Entry]:
        for entry in self._store.since(cursor):
            if entry.position > self._position:
                return
            yield entry

    def record(self, record_id: str) -> Record | None:
        return self._store.record(record_id)


def read_store(store: Store, head: Head | None = None) -> Source:
    """Follow the chain of a store, and fold its past up to the `head`, or to its end.

    Raises `ChainBroken` where the chain does not hold, or does not lead to the head, and `UnusableInput` for a store
    with nothing in it.
    """
    verified = store.verify(head)
    if (broken := verified.broken) is not None:
        raise ChainBroken(f"BROKEN at entry {broken.position}. {broken.why} See calibrant verify STORE.")
    if verified.head is None:
        raise UnusableInput(
            "There is nothing in this store yet, so there is no card of it: calibrant serve fills one."
        )
    until = head or verified.head
    overview, readers = Overview(), Readers()
    Folding(_Until(store, until.position), [overview, readers], kept=None).go_on()  # type: ignore[arg-type]
    return Source(store, overview, readers, until)


def numbers(source: Source, task: str, now: float) -> dict[str, Any]:
    """The twin of a task's card, without what people declare; raises `UnusableInput` for a task without answers."""
    if task not in source.overview.tasks:
        known = ", ".join(repr(name) for name in sorted(source.overview.tasks)) or "none"
        raise UnusableInput(f"There are no answers of the task {task!r} in this store, which knows {known}.")
    one = standing(source.overview, task, now)
    rule = rule_of(source.store, one)
    promised = [mine.to_dict() for mine in promises(released(source.store, source.head.position), task)]
    told = concluded(one, rule)
    if promised:
        told["risk"]["certificates"] = promised
    made: dict[str, Any] = _rounded(told | {
        "format": FORMAT, "version": VERSION, "calibrant": __version__, "delay": one.delay,
        "identity": _identity(one, rule),
        "results": _results(one),
        "agreement": _agreement(source.readers.agreement(one.task)),
        "oversight": _oversight(one) | {"known": _known(source.readers)},
        "monitoring": _monitoring(one, source.overview),
        "changes": _changes(source.overview, one),
        "logging": _logging(source, one),
    })  # fmt: skip
    return made


def concluded(one: Standing, rule: Rule) -> dict[str, Any]:
    """Those numbers of a twin from which is concluded what can be claimed."""
    parts = [{"domain": segment.domain, "gap": _estimate(segment.gap)} for segment in one.segments]
    return {
        "task": one.task, "at": one.now, "state": one.state, "since": one.since, "matured": one.matured,
        "performance": _performance(one), "labels": _labels(one), "risk": _risk(one, rule),
        "results": {"segments": parts}, "logging": {"head": None}, "enough": dict(one.enough.to_dict()),
    }  # fmt: skip


def _identity(one: Standing, rule: Rule) -> dict[str, Any]:
    groups = sorted(one.current.values(), key=lambda group: (-group.answers, group.first))
    return {
        "answers": sum(one.past.domains.values()),
        "domains": {
            domain or "": n for domain, n in sorted(Counter(_domains(one)).items(), key=lambda p: (-p[1], p[0] or ""))
        },
        "models": [
            {"domain": g.domain, "model": g.model, "served": g.served, "map": g.map_id, "answers": g.answers,
             "first": g.first, "last": g.last}
            for g in groups[:40]
        ],
        "release": rule.release, "policy": rule.policy, "map_labels": rule.verdicts,
    }  # fmt: skip


def _domains(one: Standing) -> dict[str | None, int]:
    found = Counter[str | None]()
    for group in one.past.groups.values():
        found[group.domain] += group.answers
    return dict(found)


def _performance(one: Standing) -> dict[str, Any]:
    right = one.sent_right
    wrong = None if right is None else Estimate(1 - right.value, 1 - right.high, 1 - right.low)
    enough = one.gap is not None
    return {
        "claimed": one.tally.mean_confidence if enough else None,
        "right": _estimate(one.right), "gap": _estimate(one.gap), "n": one.tally.rows, "n_eff": one.tally.n_eff,
        "sent_wrong": _estimate(wrong), "sent_n": one.sent.rows, "sent_n_eff": one.sent.n_eff,
        "automatic": one.automatic, "recent_answers": one.recent.answers,
    }  # fmt: skip


def _labels(one: Standing) -> dict[str, Any]:
    rows = list(one.past.labels.values())
    judges = Counter(row.judge for row in rows)
    reasons = Counter(row.reason or "stated" for row in rows)
    chances = [row.propensity for row in rows]
    return {
        "all": len(rows), "counted": one.tally.rows, "young": one.young, "volunteers": one.past.volunteers,
        "older": one.past.dropped, "reasons": dict(sorted(reasons.items())), "reviewers": len(judges),
        "most_by_one": max(judges.values(), default=0), "least_chance": min(chances, default=None),
        "most_chance": max(chances, default=None), "questions": len({row.item for row in rows}),
        "without_probability": sum(row.p is None for row in rows),
        "sent_share": sum(row.action in ("answer", "disclaim") for row in rows) / len(rows) if rows else None,
    }  # fmt: skip


def _results(one: Standing) -> dict[str, Any] | None:
    found = one.finding
    if found is None or found.too_few:
        return None
    line = slope_of(one.tally)
    return {
        "reliability": reliability_values(one.tally, one.cells),
        "verdict": found.verdict, "l2": _estimate(found.l2), "smooth_ece": _estimate(found.smooth_ece),
        "ece": found.ece.value, "ece_floor": found.ece.noise_floor, "brier": found.brier, "mcb": found.mcb,
        "dsc": found.dsc, "unc": found.unc, "log_loss": found.log_loss, "auroc": found.auroc,
        "auroc_interval": _estimate(found.auroc_interval),
        "intercept": _estimate(line and line[0]), "slope": _estimate(line and line[1]),
        "risk_coverage": [{"coverage": c, "risk": r} for c, r in thinned(one.tally, 20)],
        "segments": _segments(one),
    }  # fmt: skip


def _segments(one: Standing) -> list[dict[str, Any]]:
    logs = [_evidence_of(one, segment.domain) for segment in one.segments]
    marks = ebh(logs)
    return [
        {"domain": segment.domain, "answers": segment.answers, "n": segment.tally.rows, "n_eff": segment.tally.n_eff,
         "gap": _estimate(segment.gap), "right": _estimate(segment.right), "log10_evidence": log, "marked": mark}
        for segment, log, mark in zip(one.segments, logs, marks, strict=True)
    ]  # fmt: skip


def _evidence_of(one: Standing, domain: str | None) -> float:
    keys = {key for key, group in one.current.items() if group.domain == domain}
    found = evidence(row for row in one.labels.values() if row.group in keys)
    return found.points[-1].log10 if found.points else 0.0


def _risk(one: Standing, rule: Rule) -> dict[str, Any]:
    saved = money(one, rule)
    return {
        "threshold": rule.threshold, "certified": rule.certified, "policy": rule.policy, "review": rule.review,
        "wrong": rule.wrong,
        "money": saved and {
            "sent": saved.sent, "answers": saved.answers, "saved": saved.saved, "least": saved.least, "most": saved.most
        },
    }  # fmt: skip


def _oversight(one: Standing) -> dict[str, Any]:
    waiting = list(one.past.waiting.values())
    held = [w for w in waiting if w.held]
    done = sum(one.past.days.values(), Counts())
    return {
        "waiting": len(waiting), "held": len(held),
        "oldest_held": max((one.now - w.time for w in held), default=None),
        "outcomes": dict(sorted(one.past.reviews.items())), "decided": done.waits,
        "mean_wait": done.waited / done.waits if done.waits else None,
    }  # fmt: skip


def _agreement(one: Agreement) -> dict[str, Any]:
    return {**one.to_dict(), "nominal": _estimate(one.nominal), "ordinal": _estimate(one.ordinal)}


def _known(readers: Readers) -> dict[str, Any]:
    """What all reviewers caught together; known items are of all tasks."""
    one = readers.caught_together()
    return {
        "reviewers": len(readers.known), "wrong": one.wrong, "caught": _estimate(one.caught), "right": one.right,
        "false_alarms": _estimate(one.false_alarms),
    }  # fmt: skip


def _monitoring(one: Standing, overview: Overview) -> dict[str, Any]:
    all_labels = [row for row in one.past.labels.values() if row.time <= one.matured]
    found = evidence(all_labels, changes=[time for time, _ in one.changes])
    early, late = one.counted(56), one.counted(28)
    before = early.told - late.told
    return {
        "alpha": ALPHA, "tolerance": TOLERANCE, "labels": len(all_labels), "highest": found.highest,
        "now": found.points[-1].log10 if found.points else None, "crossed": found.crossed,
        "alarms": [
            {"time": e.time, "about": e.about, "kind": e.data.get("kind")} for e in overview.events if e.kind == "alarm"
        ],
        "claimed_28_days": late.claimed / late.told if late.told else None,
        "claimed_28_days_before": (early.claimed - late.claimed) / before if before else None,
        "served": [{"time": time, "what": what} for time, what in one.changes],
    }  # fmt: skip


def _changes(overview: Overview, one: Standing) -> list[dict[str, Any]]:
    return [
        {"time": e.time, "kind": e.kind, "about": e.about, "note": e.data.get("note") or e.data.get("why") or "",
         "before": e.data.get("before"), "by": e.data.get("by") if isinstance(e.data.get("by"), str) else None}
        for e in overview.events
        if e.kind in ("promotion", "proposal", "certificate") and e.time <= one.now
    ]  # fmt: skip


def _logging(source: Source, one: Standing) -> dict[str, Any]:
    days = [float(day) * DAY for day in one.past.days]
    return {
        "head": str(source.head), "entries": source.head.position,
        "first_day": min(days, default=None), "last_day": max(days, default=None),
    }  # fmt: skip


def _estimate(one: Estimate | None) -> dict[str, float] | None:
    return None if one is None else {"value": one.value, "low": one.low, "high": one.high}


def _rounded(value: Any) -> Any:
    """Twelve digits: what another machine's arithmetic makes of the same numbers."""
    if isinstance(value, bool) or not isinstance(value, float | dict | list):
        return value
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value]
