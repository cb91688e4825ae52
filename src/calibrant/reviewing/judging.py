"""A model judges what waits before people do; its word counts through theirs alone, and its own drift is watched."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress

from ..asking.asker import Asker
from ..asking.whole import graded
from ..errors import DifferentContent, ModelUnavailable
from ..graders.judge import Judge
from ..protocols import Model, Store
from ..types import Event, Record, Verdict, digest
from .known import Known
from .labels import MODEL
from .queue import DAY, Open

__all__ = ["JudgesFirst"]

AT_ONCE = 20
"""Items that are judged in one round."""

ANCHORS_EVERY = DAY
"""Seconds between two rounds over the anchors."""


class JudgesFirst:
    """Has a model judge open items, and once a day the known items, its anchors, to see whether it changed.

    Its verdicts cite no assignment and have no propensity, so nothing counts them; estimates use them as a covariate
    of people's (`calibrant.reviewing.estimates`). On anchors it leaves events of the kind "anchor".

    Parameters
    ----------
    store : takes verdicts and events
    model : that judges; for `graders.judge` it should give log-probabilities
    clock : gives seconds since the epoch
    known : the anchors
    """

    def __init__(
        self, store: Store, model: Model, clock: Callable[[], float], known: Iterable[Known] = ()
    ) -> None:
        self._store, self._clock, self._known = store, clock, tuple(known)
        self._asker, self._grader = Asker(model), Judge(model=None)
        self.name = f"{MODEL}{model.name}"
        self.reasons: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._anchored = -1

    async def go_on(self, items: Iterable[Open]) -> int:
        """Judge some of these items that it has not judged yet, and the anchors where their day has come; how many.

        Ends early, without an error, where the model cannot be asked now.
        """
        done = 0
        try:
            day = int(self._clock() // ANCHORS_EVERY)
            if self._known and day != self._anchored:
                await self._anchor(day)
                self._anchored = day
            for item in items:
                if done == AT_ONCE:
                    break
                done += await self._judge(item)
        except ModelUnavailable as error:
            self.reasons[str(error)[:120]] += 1
        return done

    async def _judge(self, item: Open) -> int:
        if item.record_id in self._seen:
            return 0
        record = await asyncio.to_thread(self._unjudged, item.record_id)
        if record is not None and record.completion is not None:
            grade = await graded(self._grader, record.question, record.completion, self._asker, self.reasons)
            if grade is not None:
                verdict = Verdict(
                    id=f"model-{record.id}-{digest(self.name)}", record_id=record.id, grade=grade, judge=self.name,
                    time=self._clock(), source="judge",
                )  # fmt: skip
                await asyncio.to_thread(self._add, verdict)
        self._seen.add(item.record_id)
        return int(record is not None)

    def _unjudged(self, record_id: str) -> Record | None:
        record = self._store.record(record_id)
        before = any(one.judge == self.name for one in self._store.verdicts(record_id))
        return None if before or record is None or record.content != "stored" else record

    def _add(self, fact: Verdict | Event) -> None:
        with suppress(DifferentContent):  # another process was first
            self._store.add([fact])

    async def _anchor(self, day: int) -> None:
        """Where another process, or this one before a restart, judged them on this day, theirs stand."""
        ids = {one.id: f"anchor-{digest([self.name, one.id])}-{day}" for one in self._known}
        there = await asyncio.to_thread(lambda: {entry.fact.id for entry in self._store.events("anchor")})
        for one in self._known:
            if ids[one.id] in there:
                continue
            grade = await graded(self._grader, one.question, one.answer, self._asker, self.reasons)
            if grade is not None:
                told = {"judge": self.name, "item": one.id, "grade": round(grade, 6), "truth": one.grade}
                event = Event(id=ids[one.id], kind="anchor", time=self._clock(), data=told)
                await asyncio.to_thread(self._add, event)
