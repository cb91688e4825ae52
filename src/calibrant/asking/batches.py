"""A batch of questions as a unit of work that an engine of many machines can run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..dialogue.asks import ANSWER
from ..dialogue.prompts import SEED, Prompt
from ..errors import ModelUnavailable
from ..protocols import Grader, Model, Signal
from ..records.plain import question_from_dict, rows_of
from ..types import Ask, Question, Record, Verdict, digest
from .asker import Asker
from .elicit import ElicitSummary, elicit

__all__ = ["Attempt", "Elicitor"]

Attempt = tuple[list[tuple[Record, Verdict | None]], ElicitSummary]
"""What came of a batch: its records with their verdicts, and how it went."""


@dataclass(frozen=True, kw_only=True)
class Elicitor:
    """Answers a batch of questions: call it with them, get the rows of a log in the order of the questions.

    A batch needs nothing but itself, so batches may run anywhere, in any order, more than once: a row
    depends on its question, the model and these settings, and carries the same id whichever batch it is
    in. What can differ are `time`, `latency`, and what the model itself draws anew. It holds no connection,
    so it can be pickled whenever its parts can. Ray Data calls it as
    ``map_batches(lambda t: pa.Table.from_pylist(elicitor(t.to_pylist())), batch_format="pyarrow")``, Spark as
    ``rdd.mapPartitions(elicitor)``. Make batches large: the model is made and closed for each.

    Parameters
    ----------
    model : makes the model, such as ``functools.partial(OpenAICompatible, url=..., model=...)``
    signals : by the name that their rows carry
    grader, judge, prompt, settings, clock : as for `elicit`
    others : makes the model of each role, as for `Asker`
    concurrency : calls of one batch under way at once
    calls : a folder for call logs, one file for each batch: a batch that is run again there pays nothing twice

    Raises `ModelUnavailable` when a question could not be finished: the engine is to run the batch again.
    """

    model: Callable[[], Model]
    signals: Mapping[str, Signal]
    grader: Grader | None = None
    judge: str = "exact"
    prompt: Prompt = SEED
    settings: Ask = ANSWER
    others: Mapping[str, Callable[[], Model]] = field(default_factory=dict)
    concurrency: int = 8
    calls: str | Path | None = None
    clock: Callable[[], float] = time.time

    def __call__(self, questions: Iterable[Question | Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rows, one for each question and signal; questions as such or as `question_to_dict` writes them."""
        asked = [q if isinstance(q, Question) else question_from_dict(q) for q in questions]
        done, summary = self.attempt(asked)
        if summary.unfinished:
            raise ModelUnavailable(
                f"{summary.unfinished} of {len(asked)} questions were not finished: "
                f"{'; '.join(filter(None, (*summary.reasons, summary.stopped)))}. Run the batch again."
            )
        return [row for record, verdict in done for row in rows_of(record, verdict)]

    def attempt(self, questions: Sequence[Question], left: Container[str] | None = None) -> Attempt:
        """The records of a batch, in the order of the questions, and how it went: unfinished ones are counted there.

        Of a batch that was attempted before only the questions whose ids are `left` are asked.
        """
        return asyncio.run(self._attempt(questions, left))

    async def _attempt(self, questions: Sequence[Question], left: Container[str] | None) -> Attempt:
        model, others = self.model(), {role: make() for role, make in self.others.items()}
        name = digest([model.name, sorted(question.id for question in questions)])
        asker = Asker(
            model,
            others=others,
            concurrency=self.concurrency,
            call_log=None if self.calls is None else Path(self.calls) / f"{name}.calls",
        )
        kept = _Left()
        try:
            summary = await elicit(
                [one for one in questions if left is None or one.id in left],
                asker=asker,
                signals=self.signals,
                sink=kept,
                grader=self.grader,
                judge=self.judge,
                prompt=self.prompt,
                settings=self.settings,
                workers=2 * self.concurrency,
                clock=self.clock,
            )
        finally:
            await asker.close()
            await asyncio.gather(*(made.close() for made in (model, *others.values())))
        order = {question.id: place for place, question in enumerate(questions)}
        return sorted(kept.records.values(), key=lambda one: order[one[0].question.id]), summary


class _Left:
    """A sink in memory."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[Record, Verdict | None]] = {}

    def there(self, record_id: str) -> frozenset[str] | None:
        found = self.records.get(record_id)
        return found and frozenset(reading.signal for reading in found[0].readings)

    async def add(self, record: Record, verdict: Verdict | None) -> None:
        self.records[record.id] = record, verdict

    async def settled(self) -> None:
        pass
