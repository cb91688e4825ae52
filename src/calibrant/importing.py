"""Import: answers that another tool kept become records of a store, with what the log claims and who judged them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ColumnNotFound, Misuse, UnusableInput
from .logs.compared import ANSWERS
from .logs.foreign import cell
from .logs.keys import absent, key_text
from .logs.opening import labelled, open_log
from .logs.reader import Parsed, Reader
from .logs.repeats import TEXTS
from .logs.roles import NEEDED, Roles
from .logs.rows import JUDGED, TIMES
from .logs.sources import Source
from .logs.times import seconds_of
from .logs.values import REASONS, as_is
from .protocols import Store
from .types import (
    Completion,
    Fact,
    Message,
    Question,
    Reading,
    Record,
    Verdict,
    digest,
    score,
)

__all__ = ["Imported", "import_log"]

IDS = (
    "record_id", "trace_id", "traceId", "span_id", "spanId", "observation_id", "observationId", "session_id",
    "sessionId", "response_id", "run_id", "request_id", "custom_id", "id", "sample_id", "uid", "item_id", "doc_id",
)  # fmt: skip
"""Columns that name a row in the tool that wrote it; its record keeps them, so that scores find their way back."""
NAMED: Mapping[str, tuple[str, ...]] = {
    "question": (*TEXTS, "inputs", "request", "messages"),
    "answer": (*ANSWERS, "outputs", "text", "prediction"),
    "model": ("model", "model_name", "provided_model_name", "gen_ai.response.model", "gen_ai.request.model"),
    "task": ("task", "task_name"), "domain": ("domain",),
    "time": (*TIMES, "start_time", "startTime", "request_time", "start"), "judged": JUDGED,
    "judge": ("judge", "annotator", "reviewer", "author_user_id", "annotator_kind", "judged_by"),
    "cost": ("cost", "total_cost", "totalCost"), "latency": ("latency",),
}  # fmt: skip
WITHIN = ("choices", "message", "output", "response", "answer")
"""Where an answer stands in a reply, from the outside in."""
BATCH = 500
NOTHING = "no question, no answer and no id"
BAD_VERDICT = "a verdict that cannot be read"


@dataclass(kw_only=True)
class Imported:
    """What became of a log's rows.

    Of `rows` each is one of `records` that were added, was `already` there, or is in `left_out` by reason; `verdicts`
    were added, of which `counting` have a known chance of having been asked for. `columns` says what was read as what.
    """

    source: str
    rows: int = 0
    records: int = 0
    already: int = 0
    verdicts: int = 0
    counting: int = 0
    without_confidence: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    columns: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "source": self.source, "rows": self.rows, "records": self.records, "already": self.already,
            "verdicts": self.verdicts, "counting": self.counting, "without_confidence": self.without_confidence,
            "left_out": dict(self.left_out), "columns": self.columns, "notes": self.notes,
        }  # fmt: skip


def import_log(
    log: Any,
    store: Store,
    *,
    now: float,
    task: str | None = None,
    domain: str | None = None,
    model: str | None = None,
    judged: float | None = None,
    scale: str | None = None,
    **named: Any,
) -> Imported:
    """Add the answers of a log to a store. What was imported before is left as it is, so it may be done again.

    Parameters
    ----------
    log : data frame, path or list of rows, of any format that `calibrant.audit` reads
    store : that the records are added to
    now : the time of rows that have none, in seconds since the epoch; in their order, a microsecond apart
    task, domain, model : of rows that have none
    judged : the probability with which an answer of the log came to be judged: 1 where all were that could be, 0.1
        where a tenth was drawn. None where nobody knows: the verdicts are kept, and do not count for a calibration. A
        column of weights or propensities in the log says it for each row.
    named : as `calibrant.audit` takes them: confidence, correct, right, labels, on ...; also question and answer

    Raises `UnusableInput` where the log cannot be read or has no answers, `StoreError` as the store does.

    >>> import tempfile
    >>> from calibrant.stores.sql import SqlStore
    >>> row = {"input": "2 + 2?", "output": "4", "confidence": 0.9, "correct": 1}
    >>> rows = [{"trace_id": f"t{n}", **row} for n in range(2)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqlStore(f"{folder}/log.db")
    ...     done = [import_log(rows, store, now=0.0, judged=1.0) for _ in range(2)]
    ...     print([(one.records, one.already, one.counting) for one in done])
    ...     store.close()
    [(2, 0, 2), (0, 2, 0)]
    """
    if judged is not None and not 1e-6 <= judged <= 1.0:
        raise Misuse(f"--judged is a probability from 0.000001 to 1, such as 0.1, or all; got {judged!r}.")
    asked = {part: named.pop(part, None) for part in ("question", "answer")}
    source, roles, notes = _opened(log, named)
    parts = _parts(source, roles, asked)
    item = [name for name in (source.roles.get("item"),) if name not in (None, *parts.values())]
    ids = [name for name in dict.fromkeys((*item, *IDS)) if name in source.columns]
    if not (ids or {"question", "answer"} & set(parts)):
        raise UnusableInput(
            f"{source.name} has no column of questions, answers or ids. Expected one called "
            f"{', '.join(NAMED['question'][:4])} or {', '.join(NAMED['answer'][:4])}; there are "
            f"{', '.join(map(str, source.columns))}. Name them with --question and --answer."
        )
    also = dict.fromkeys([*parts.values(), *ids], as_is)
    reader = Reader(source, roles, also=also, scale=scale)
    usual = {"task": task, "domain": domain, "model": model}
    made = Imported(source=source.name, columns={**roles.told, **parts}, notes=notes)
    rows = _Rows(source, roles, parts, ids, usual, judged, now)
    for block in reader:
        for facts in rows.of(block, made):
            _added(store, facts, made)
    made.rows = reader.rows
    made.notes += [note for note in (*reader.notes, *_notes(made, roles)) if note not in made.notes]
    if not made.rows:
        raise UnusableInput(f"{source.name} has no rows. Expected one row per answer.")
    return made


def _opened(log: Any, named: Mapping[str, Any]) -> tuple[Source, Roles, list[str]]:
    """The log with what it has of a confidence and a verdict, read as an audit reads them; neither must be there."""
    source = labelled(log, named)
    there = [part for part in NEEDED if part not in source.lacking or named.get(part)]
    for needed in (there, there[:1], there[1:]):
        try:
            return open_log(source, (), named, needed=needed)
        except ColumnNotFound as error:
            if named.get(error.role) is not None:
                raise
    return open_log(source, (), named, needed=())


def _parts(source: Source, roles: Roles, asked: Mapping[str, str | None]) -> dict[str, str]:
    """The column of each part: the named one, else the format's own, else the first of a usual name."""
    lower = {name.lower(): name for name in reversed(source.columns)}
    taken = {roles.confidence, roles.correct, roles.weight}
    found = {}
    for part, usual in NAMED.items():
        told = asked.get(part)
        if told is not None and told not in source.columns:
            raise Misuse(
                f"{source.name} has no column {told!r} (--{part}). There are {', '.join(source.columns)}."
            )
        own = source.roles.get(part)
        fitting = (lower[n.lower()] for n in usual if n.lower() in lower and lower[n.lower()] not in taken)
        within = (
            name for n in usual for name in source.columns if name.endswith(f".{n}") and name not in taken
        )
        name = told or (own if own in source.columns else None) or next(fitting, None)
        if name is None and part in ("question", "answer"):
            name = next(within, None)
        if name is not None and not (part == "judge" and roles.correct.startswith(f"{name}.")):
            found[part] = name
    return found


@dataclass
class _Rows:
    """Makes facts of rows."""

    source: Source
    roles: Roles
    parts: Mapping[str, str]
    ids: Sequence[str]
    usual: Mapping[str, str | None]
    judged: float | None
    now: float
    repeated: Counter[str] = field(default_factory=Counter)
    undated: int = 0

    def of(self, block: Parsed, made: Imported) -> Iterator[list[tuple[Record, Verdict | None]]]:
        """Records, each with its verdict, a batch at a time."""
        times = self._times("time", block, made)
        late = self._times("judged", block, made)
        batch: list[tuple[Record, Verdict | None]] = []
        for at in range(len(block)):
            record = self._record(block, at, float(times[at]))
            if record is None:
                made.left_out[NOTHING] += 1
                continue
            made.without_confidence += not record.readings
            batch.append((record, self._verdict(block, at, record, float(late[at]), made)))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _times(self, part: str, block: Parsed, made: Imported) -> NDArray[Any]:
        name = self.parts.get(part)
        found = np.full(len(block), np.nan) if name is None else seconds_of(block.also[name])
        if isinstance(found, str):
            note = f"The times in {name!r} were not read, so the rows have the time of now: {found}."
            made.notes += [] if note in made.notes else [note]
            found = np.full(len(block), np.nan)
        known = np.where(np.isfinite(found), found, np.nan)
        if part == "time":  # what has none keeps its place: a microsecond from row to row
            lacking = np.flatnonzero(np.isnan(known))
            known[lacking] = self.now + 1e-6 * (self.undated + np.arange(len(lacking)))
            self.undated += len(lacking)
        return known

    def _text(self, part: str, block: Parsed, at: int) -> str | None:
        name = self.parts.get(part)
        value = None if name is None else block.also[name][at]
        return self.usual.get(part) if absent(value) else key_text(value)

    def _value(self, part: str, block: Parsed, at: int) -> Any:
        name = self.parts.get(part)
        value = None if name is None else block.also[name][at]
        return None if absent(value) else value

    def _record(self, block: Parsed, at: int, time: float) -> Record | None:
        asked, said = (self._value(part, block, at) for part in ("question", "answer"))
        messages, answer = _messages(asked), _answer(said)
        ids = {name: key_text(value) for name in self.ids if not absent(value := block.also[name][at])}
        if not messages and answer is None and not ids:
            return None
        model, task, domain = (self._text(part, block, at) for part in ("model", "task", "domain"))
        what = [self.source.kind, sorted(ids.items()), task, model, [m.content for m in messages], answer]
        self.repeated[digest(what)] += 1
        name = digest([*what, self.repeated[digest(what)]])  # the same answer once more is another
        question = Question(
            id=f"imported-{digest([self.source.kind, ids.get(self.ids[0])]) if ids else name}",
            messages=tuple(messages), task=task, domain=domain,
            metadata={"imported": {"from": self.source.kind or self.source.name, **ids}},
        )  # fmt: skip
        wordless = not {"question", "answer"} & set(self.parts)
        cost, latency = (_amount(self._value(part, block, at)) for part in ("cost", "latency"))
        completion = None
        if answer is not None or wordless:
            completion = Completion(
                text=answer or "", model=model or "unknown", cost=cost, latency=latency or 0.0
            )
        return Record(
            id=f"imported-{name}", time=time, question=question,
            completion=completion, readings=self._readings(block, at),
            error=None if completion else "the log has no answer",
            content="left_out" if wordless else "stored",
        )  # fmt: skip

    def _readings(self, block: Parsed, at: int) -> tuple[Reading, ...]:
        if not self.roles.confidence:
            return ()
        value, why = float(block.score[at]), REASONS[block.score_why[at]]
        if np.isnan(value):
            return (Reading(signal=self.roles.confidence, reason=why or "the log has no confidence"),)
        return (Reading(signal=self.roles.confidence, score=score(value)),)

    def _verdict(self, block: Parsed, at: int, record: Record, late: float, made: Imported) -> Verdict | None:
        grade = float(block.grade[at])
        if not self.roles.correct or np.isnan(grade):
            told = self.roles.correct and REASONS[block.grade_why[at]]
            if told and "missing" not in told:
                made.left_out[BAD_VERDICT] += 1
            return None
        drawn = self.judged
        if self.roles.weight and not block.weight_why[at]:
            drawn = min(1.0, 1.0 / float(block.weight[at]))
        judge = self._text("judge", block, at) or self.roles.correct
        return Verdict(
            id=f"{record.id}-{digest([judge, grade])}", record_id=record.id, grade=grade, judge=judge,
            time=record.time if np.isnan(late) else late, propensity=drawn, source="import",
        )  # fmt: skip


def _added(store: Store, batch: Sequence[tuple[Record, Verdict | None]], made: Imported) -> None:
    """Add what is not there; a record that is keeps its content, and gets a verdict that it has not yet."""
    facts: list[Fact] = []
    for record, verdict in batch:
        if store.record(record.id) is None:
            facts.append(record)
            made.records += 1
        else:
            made.already += 1
            if verdict is not None and verdict.id in {one.id for one in store.verdicts(record.id)}:
                continue
        if verdict is not None:
            facts.append(verdict)
            made.verdicts += 1
            made.counting += verdict.propensity is not None
    store.add(facts)


def _notes(made: Imported, roles: Roles) -> Iterator[str]:
    if not {"question", "answer"} & set(made.columns):
        yield "The log has no questions and no answers, so the records hold none, and nobody can review them here."
    if not roles.confidence:
        yield "No column of a confidence was found, so no signal was read: name one with --confidence."
    if made.verdicts > made.counting:
        yield (
            f"{made.verdicts - made.counting:,} verdicts do not count: nobody said how likely an answer was to be "
            "judged. Where all were, or a share was drawn by chance: --judged all, or --judged 0.1."
        )


ROLES = {"user", "assistant", "system", "developer", "tool", "human", "ai"}
AS = {"human": "user", "ai": "assistant"}


def _messages(value: Any) -> list[Message]:
    """A conversation as chat messages; anything else is one turn of a user.

    >>> [m.role for m in _messages('[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]')]
    ['system', 'user']
    >>> _messages({"question": "Hi"})[0].content
    'Hi'
    """
    value = cell(value)
    if isinstance(value, Mapping):
        inner = next((value[name] for name in ("messages", *TEXTS, "inputs") if name in value), None)
        if inner is not None and inner is not value:
            return _messages(inner)
    turns = value if isinstance(value, list) else [value]
    if turns and all(
        isinstance(one, Mapping) and (one.get("role") or one.get("type")) in ROLES for one in turns
    ):
        said = [(str(one.get("role") or one.get("type")), _words(one)) for one in turns]
        return [Message(AS.get(role, role), text) for role, text in said]
    text = _words(value)
    return [Message("user", text)] if text else []


def _answer(value: Any) -> str | None:
    """The text of an answer, whatever it is wrapped in; None for none.

    >>> _answer({"choices": [{"message": {"role": "assistant", "content": "4"}}]}), _answer(" "), _answer(7)
    ('4', None, '7')
    """
    value = cell(value)
    if isinstance(value, Mapping):
        named = [value[name] for name in WITHIN if value.get(name) is not None]
        if named:
            return _answer(named[0])
    if isinstance(value, list) and value and isinstance(value[-1], Mapping):
        return _answer(value[-1])
    return _words(value) or None


def _words(value: Any) -> str:
    """The text of a turn: its content, or its text parts."""
    if absent(value):
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Mapping):
        inner = next((value[n] for n in ("content", "parts", "text") if value.get(n) is not None), None)
        if inner is not None:
            return _words(inner)
    if isinstance(value, list) and all(isinstance(one, str | Mapping) for one in value):
        return "\n".join(filter(None, map(_words, value)))
    return (
        json.dumps(value, ensure_ascii=False, default=str)
        if isinstance(value, list | Mapping)
        else str(value)
    )


def _amount(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if 0 <= found < float("inf") else None
