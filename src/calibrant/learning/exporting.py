"""Reviewed answers as data to tune a model on, or as a table: with where each comes from, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from ..errors import Misuse, UnusableInput
from ..past.answers import counting, item_of
from ..protocols import Store
from ..records.plain import question_to_dict
from ..types import Assignment, Event, Json, Record, Verdict, digest
from .labels import MODEL
from .likeness import families, side_of

__all__ = ["COLUMNS", "Exported", "Target", "export"]

Target = Literal["sft", "dpo", "kto", "conftuner", "table"]

COLUMNS = (
    "record_id", "verdict_id", "item", "task", "domain", "model", "question", "answer", "correct", "correction",
    "score", "p", "judge", "source", "propensity", "weight", "reason", "release", "time", "judged_at", "hash", "split",
)  # fmt: skip
"""Those of a table."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The rows of each side of a split ("train" and "test", or "all"), and what was left out, by the reason."""

    rows: Mapping[str, list[dict[str, Any]]]
    left: Mapping[str, int]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows each side has."""
        return {side: len(rows) for side, rows in self.rows.items()}


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """An answer that a person judged; `reason` is why it was."""

    record: Record
    verdict: Verdict
    item: str
    reason: str | None

    @property
    def answer(self) -> str:
        return self.record.completion.text if self.record.completion else ""

    @property
    def correction(self) -> str | None:
        told = self.verdict.correction
        return told if told and told.strip() and told != self.answer else None

    @property
    def right(self) -> bool:
        return self.verdict.grade == 1.0

    @property
    def wrong(self) -> bool:
        return self.verdict.grade == 0.0

    @property
    def prompt(self) -> list[Json]:
        messages: list[Json] = question_to_dict(self.record.question)["messages"]
        return messages

    @property
    def provenance(self) -> Json:
        record, verdict = self.record, self.verdict
        return {
            "record_id": record.id, "verdict_id": verdict.id, "judge": verdict.judge, "propensity": verdict.propensity,
            "reason": self.reason, "release": record.release, "item": self.item, "task": record.question.task,
            "domain": record.question.domain, "model": record.completion and record.completion.model,
            "time": record.time, "judged_at": verdict.time, "hash": digest([self.prompt, self.answer]),
        }  # fmt: skip


def export(
    store: Store, to: Target, *, task: str | None = None, split: float | None = None, seed: int = 0
) -> Exported:
    """The answers that people judged, as rows for tuning or for a table; of several alike the one judged last.

    - "sft": conversations that end with the correction, or with an answer that was right; one for each item
    - "dpo": a correction preferred to the wrong answer, or a right answer to a wrong one of the same item
    - "kto": an answer and whether it was right, each answer to an item once
    - "conftuner": question, answer and whether it was right, one for each item, of the newest answer
    - "table": one row for each answer, with the columns `COLUMNS`

    With a `split` the items are parted, that share of them to "train": by the question and the `seed` alone, and never
    so that the same question, or one nearly the same, is on both sides. What was never sent, whose content was erased
    or not kept, what only a user or a model judged, and grades between right and wrong where there is no place for
    them, are left out and counted. Raises `Misuse` for an unknown target, `UnusableInput` where nothing is left.
    """
    if to not in get_args(Target):
        raise Misuse(f"Expected --to among {', '.join(get_args(Target))}; got {to!r}.")
    if split is not None and not 0.0 < split < 1.0:
        raise Misuse(f"Expected --split between 0 and 1, such as 0.9; got {split!r}.")
    reviewed, left = _reviewed(store, task)
    made = list(_MAKERS[to](reviewed, left))
    if not made:
        if task is not None and not (reviewed or left):
            raise UnusableInput(_nobody_judged(store, task))
        told = "; ".join(f"{n:,} x {why}" for why, n in left.items()) or "nobody has judged an answer"
        raise UnusableInput(
            f"There is nothing to export to {to}: {told}. Judge answers: calibrant learn queue STORE."
        )
    if split is None:
        return Exported(rows={"all": [dict(row) for _, row in made]}, left=dict(left))
    first: dict[str, str] = {}
    tied = [(one.item, first.setdefault(one.record.question.id, one.item)) for one in reviewed]
    family = families({one.item: _asked(one.record) for one in reviewed}, tied)
    sides: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for item, row in made:
        side = "train" if side_of(family[item], split, seed) else "test"
        sides[side].append({**row, "split": side} if to == "table" else dict(row))
    return Exported(rows=sides, left=dict(left))


def _nobody_judged(store: Store, task: str) -> str:
    others = sorted({repr(one.question.task) for one in _Read.of(store).records.values()})
    return f"Nobody has judged an answer of the task {task!r}. Judged are answers of: {', '.join(others) or 'none'}."


@dataclass
class _Read:
    """What the past holds of answers that were judged."""

    records: dict[str, Record] = field(default_factory=dict)
    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, store: Store) -> _Read:
        read = cls()
        for entry in store.since():
            fact = entry.fact
            if isinstance(fact, Assignment):
                read.reasons[fact.id] = fact.reason
            elif isinstance(fact, Verdict):
                read.verdicts.setdefault(fact.record_id, []).append(fact)
            elif isinstance(fact, Event) and fact.kind == "reviewed" and fact.about is not None:
                read.decided.add(fact.about)
        for record_id in read.verdicts:  # what was erased since is read as it is now
            record = store.record(record_id)
            if record is not None:
                read.records[record_id] = record
        return read


def _reviewed(store: Store, task: str | None) -> tuple[list[_Reviewed], Counter[str]]:
    """Judged answers in the order of their verdicts, and why others are left out."""
    read, left, found = _Read.of(store), Counter[str](), list[_Reviewed]()
    for record_id, record in read.records.items():
        if task is not None and record.question.task != task:
            continue
        told = read.verdicts[record_id]
        asked = [v for v in told if v.source != MODEL and read.reasons.get(v.assignment or "") != MODEL]
        verdict = counting([v for v in asked if v.source != "user"])
        if (why := _unfit(record, record_id in read.decided, asked, verdict)) is not None or verdict is None:
            left[why or ""] += 1
            continue
        reason = None if verdict.assignment is None else read.reasons.get(verdict.assignment)
        found.append(_Reviewed(record, verdict, item_of(record), reason))
    return sorted(found, key=lambda one: (one.verdict.time, one.verdict.id)), left


def _unfit(record: Record, decided: bool, asked: list[Verdict], verdict: Verdict | None) -> str | None:
    if not asked:
        return "only a model judged it"
    if verdict is None:
        return "only a user judged it"
    if record.held and not decided:
        return "held: it was never sent"
    if record.content != "stored":
        return f"its content is {'erased' if record.content == 'erased' else 'not kept'}"
    if record.error is not None or record.completion is None:
        return "the answer failed"
    if record.completion.tool_calls or not record.completion.text.strip():
        return "the answer has no text"
    return None


def _asked(record: Record) -> str:
    """What was asked, without the system's prompt."""
    said = [one.content for one in record.question.messages if one.role not in ("system", "developer")]
    return "\n".join(said)


def _sft(reviewed: list[_Reviewed], left: Counter[str]) -> Iterator[tuple[str, Json]]:
    best: dict[str, tuple[bool, _Reviewed]] = {}
    for one in reviewed:
        if one.correction is None and not one.right:
            left["wrong, and nobody said what would be right" if one.wrong else "graded between"] += 1
            continue
        had = best.get(one.item)
        rank = one.correction is not None
        if had is not None:
            left["another answer to the item is there"] += 1
        if had is None or rank >= had[0]:
            best[one.item] = (rank, one)
    for item, (_, one) in best.items():
        said = one.correction or one.answer
        yield item, {"messages": [*one.prompt, _said(said)], "provenance": one.provenance}


def _dpo(reviewed: list[_Reviewed], left: Counter[str]) -> Iterator[tuple[str, Json]]:
    right: dict[str, _Reviewed] = {one.item: one for one in reviewed if one.right}
    wrong, pairs = {one.item for one in reviewed if one.wrong}, set[tuple[str, str, str]]()
    for one in reviewed:
        better = right.get(one.item)
        if not one.wrong and one.correction is None:
            if not one.right:
                left["graded between"] += 1
            elif one.item not in wrong:
                left["right, and nothing wrong to be preferred to"] += 1
            continue
        if one.correction is not None:
            chosen, by = one.correction, one
        elif better is not None and better.answer != one.answer:
            chosen, by = better.answer, better
        else:
            left["wrong, and nothing right to be preferred"] += 1
            continue
        pair = (one.item, chosen, one.answer)
        if pair in pairs:
            left["the same pair is there"] += 1
            continue
        pairs.add(pair)
        yield one.item, {
            "prompt": one.prompt, "chosen": [_said(chosen)], "rejected": [_said(one.answer)],
            "provenance": {"chosen": by.provenance, "rejected": one.provenance},
        }  # fmt: skip


def _kto(reviewed: list[_Reviewed], left: Counter[str]) -> Iterator[tuple[str, Json]]:
    for one in _newest(reviewed, left, lambda one: (one.item, one.answer)):
        if not (one.right or one.wrong):
            left["graded between"] += 1
            continue
        yield one.item, {
            "prompt": one.prompt, "completion": [_said(one.answer)], "label": one.right, "provenance": one.provenance,
        }  # fmt: skip


def _conftuner(reviewed: list[_Reviewed], left: Counter[str]) -> Iterator[tuple[str, Json]]:
    for one in _newest(reviewed, left, lambda one: one.item):
        yield one.item, {
            "question": _asked(one.record), "answer": one.answer, "correct": one.verdict.grade,
            "messages": one.prompt, "provenance": one.provenance,
        }  # fmt: skip


def _table(reviewed: list[_Reviewed], left: Counter[str]) -> Iterator[tuple[str, Json]]:
    for one in _newest(reviewed, left, lambda one: (one.item, one.answer)):
        record, verdict = one.record, one.verdict
        scores = [reading.score for reading in record.readings if reading.score is not None]
        propensity = verdict.propensity
        yield one.item, {
            **one.provenance, "question": _asked(record), "answer": one.answer, "correct": verdict.grade,
            "correction": one.correction, "score": None if not scores else float(scores[0]),
            "p": record.confidence and record.confidence.p, "source": verdict.source,
            "weight": None if propensity is None else 1 / propensity, "split": None,
        }  # fmt: skip


def _newest(reviewed: list[_Reviewed], left: Counter[str], of: Callable[[_Reviewed], Any]) -> list[_Reviewed]:
    """Of those that are the same the newest."""
    kept = {of(one): one for one in reviewed}
    if len(kept) < len(reviewed):
        left["another answer to the item is there"] += len(reviewed) - len(kept)
    return list(kept.values())


def _said(text: str) -> Json:
    return {"role": "assistant", "content": text}


_MAKERS: Mapping[str, Callable[[list[_Reviewed], Counter[str]], Iterator[tuple[str, Json]]]] = {
    "sft": _sft, "dpo": _dpo, "kto": _kto, "conftuner": _conftuner, "table": _table,
}  # fmt: skip
