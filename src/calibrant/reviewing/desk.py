"""The desk at which people judge: one item is one reviewer's at a time, and no verdict is lost or counts twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..errors import BadRequest
from ..past.folding import Folding
from ..past.reading import Past
from ..protocols import Store
from ..types import Assignment, Event, digest
from .drawing import Drawing, draw
from .items import Item, shown
from .known import Known, KnownItems
from .leases import Leases, State
from .overview import Overview, overview_of
from .queue import Open, Queue
from .refusals import already_judged, gone, lease_lost, not_shown, too_late, unknown_item, unknown_reason
from .settings import PerTask
from .submitting import Submission, Submitted, checked_grade, checked_text, pending_on, settle

__all__ = ["SKIPS", "Desk"]

SKIPS = {
    "subject": "I cannot judge this subject",
    "context": "Context is missing",
    "nonsense": "The question makes no sense",
    "acquainted": "I know the person or the case",
}
"""Why an item may be skipped. For the first and the last, and if it is held, it goes to another reviewer."""


class Desk:
    """Gives items to reviewers and takes their verdicts, in any number of processes on one store.

    Who has what is a state of the store that is replaced only by who saw the last one, and the queue is read after
    that: so no two reviewers can have one item, and none that is judged is given out again. What is submitted is in the
    store when `submit` returns. It becomes a verdict once it can no longer be taken back, by whoever comes first: any
    later call, or `settle` of whoever leads.

    Parameters
    ----------
    store : has the answers, of which is drawn who is asked about (`calibrant.reviewing.drawing`)
    settings : of each task; a `Reviewing` where all are alike
    clock : gives seconds since the epoch
    known : answers of which is known whether they are right
    past : of the store, where others of this process follow it as well

    Raises `StoreError`, and `BadRequest`, with a `code` and a status, for what cannot be meant or comes too late.

    >>> import tempfile
    >>> from calibrant.reviewing.settings import Reviewing
    >>> from calibrant.stores.sql import SqlStore
    >>> from calibrant.types import Completion, Message, Question, Record
    >>> question = Question(id="q", messages=(Message("user", "2 + 2?"),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SqlStore(f"{folder}/log.db")
    ...     store.add([Record(id="r", time=0.0, question=question, completion=Completion(text="4", model="m"))])
    ...     desk = Desk(store, Reviewing(undo_seconds=0, blind=False))
    ...     item = desk.next("ann")
    ...     print(item.answer.text, desk.next("bob"))
    ...     done = desk.submit("ann", item.id, 1.0)
    ...     print(store.verdicts("r")[0].judge, store.verdicts("r")[0].propensity)
    ...     store.close()
    4 None
    ann 0.744
    """

    def __init__(
        self,
        store: Store,
        settings: PerTask,
        clock: Callable[[], float] = time.time,
        *,
        known: Sequence[Known] = (),
        past: Past | None = None,
    ) -> None:
        self._store, self._clock = store, clock
        self._known = KnownItems(known, settings.of(None).seed)
        self._queue, self._drawing = Queue(), Drawing(settings)
        self._folding = Folding(past or store, [self._queue, self._drawing], kept="folds/reviewing")
        self._leases = Leases(store, self._folding.go_on, clock)

    @property
    def settings(self) -> PerTask:
        """Of each task; others may take their place at any time, for what comes from then on."""
        return self._drawing.settings

    @settings.setter
    def settings(self, settings: PerTask) -> None:
        self._drawing.settings = settings

    def draw(self) -> list[Assignment]:
        """Assign what of the answers that came since is drawn, and give it; twice is once."""
        with self._leases.lock:
            return draw(self._drawing, self._folding, self._store, self._clock())

    def waiting(self, tasks: Collection[str] = ()) -> list[Open]:
        """All open items, the first in turn first."""
        with self._leases.lock:
            self._folding.go_on()
            found = self._queue.in_turn(self._clock(), self.settings)
            return [one for one in found if not tasks or one.task in tasks]

    def tasks(self) -> list[str]:
        """The tasks of all answers that could be shown, in their order by name."""
        with self._leases.lock:
            self._folding.go_on()
            return sorted(self._drawing.tasks)

    def next(self, reviewer: str, tasks: Collection[str] = (), *, at: str = "") -> Item | None:
        """The item that this reviewer has, else the next in turn, which is theirs from now on; None where none waits.

        Whoever sits `at` several browsers has an item at each.

        Held answers come first, by how long somebody waits for them. Of the others those that chance alone chose keep
        their share and their order, and the rest come by what they are worth. With `tasks` only items of these.
        """
        self.settle()
        self.draw()

        def take(desk: State) -> tuple[Item | None, bool]:
            now = self._clock()
            for id, lease in desk["leases"].items():
                if (
                    lease["who"] == reviewer
                    and lease.get("at", "") == at
                    and lease["until"] > now
                    and (item := self._item(id, reviewer, desk))
                ):
                    return item, False
            for one in self._in_turn(reviewer, tasks, desk, now):
                desk["leases"][one.id] = self._lease(one, reviewer, now) | ({"at": at} if at else {})
                if (item := self._item(one.id, reviewer, desk)) is not None:
                    return item, True
                del desk["leases"][one.id]
            return None, False

        return self._leases.change(take)

    def task(self, reviewer: str, item_id: str) -> str | None:
        """The task of an item that waits or waited, so that who judges some tasks only is kept from others."""
        return self._leases.change(lambda _: (self._any(item_id, reviewer).task, False))

    def item(self, reviewer: str, item_id: str) -> Item:
        """An item that this reviewer has, to be shown once more."""

        def look(desk: State) -> tuple[Item, bool]:
            return self._mine(reviewer, item_id, desk), False

        return self._leases.change(look)

    def show(self, reviewer: str, item_id: str, own_answer: str | None) -> Item:
        """The item with its answer, after the reviewer has said their own, or None for "I could not say"."""
        own = checked_text(own_answer, "own_answer")

        def reveal(desk: State) -> tuple[Item, bool]:
            self._mine(reviewer, item_id, desk)
            desk["leases"][item_id]["own"] = own or ""
            return self._mine(reviewer, item_id, desk), True

        return self._leases.change(reveal)

    def renew(self, reviewer: str, item_id: str) -> Item:
        """Keep an item for as long again; one whose lease ran out is taken again where nobody else has it."""

        def renewed(desk: State) -> tuple[Item, bool]:
            now, lease = self._clock(), desk["leases"].get(item_id)
            if lease is not None and lease["who"] != reviewer and lease["until"] > now:
                raise lease_lost(lease["who"])
            one = self._open(item_id, reviewer)
            if one is None or item_id in desk["pending"]:
                raise gone()
            before = lease if lease is not None and lease["who"] == reviewer else {}
            kept = {name: before[name] for name in ("own", "at") if name in before}
            desk["leases"][item_id] = self._lease(one, reviewer, now) | kept
            return self._mine(reviewer, item_id, desk), True

        return self._leases.change(renewed)

    def submit(
        self,
        reviewer: str,
        item_id: str,
        grade: float,
        correction: str | None = None,
        note: str | None = None,
        own_answer: str | None = None,
    ) -> Submitted:
        """Keep a verdict, from 0 (wrong) to 1 (right); the same again changes nothing.

        It can be taken back for `undo_seconds`. Of a held answer a grade of 1 then lets it go, and a correction goes in
        its place. A verdict on what another judged meanwhile, or is judging, is kept as a second reading.
        """
        value, wanted = checked_grade(grade), checked_text(correction, "correction")
        said, own = checked_text(note, "note"), checked_text(own_answer, "own_answer")
        if value == 1.0 and wanted is not None:
            raise BadRequest(
                "What is right has no correction: leave it out, or take another verdict.", "correction"
            )

        def keep(desk: State) -> tuple[Submission, bool]:
            now, lease = self._clock(), desk["leases"].get(item_id)
            one = self._any(item_id, reviewer)
            own_lease = lease if lease is not None and lease["who"] == reviewer else {}
            rules = self.settings.of(one.task)
            made = Submission(
                item=item_id, record_id=one.record_id, reason=one.reason, judge=reviewer, grade=value,
                at=now, until=now + rules.undo_seconds, correction=wanted, note=said,
                own=own or own_lease.get("own") or None,
                held=one.held, late=self._comes_late(one, reviewer, desk), truth=self._known.truth(one, reviewer),
                settling=rules.undo_seconds == 0,
            )  # fmt: skip
            if (before := self._before(made, desk)) is not None:
                return before, False
            unseen = own is None and "own" not in own_lease
            if rules.blind and one.blind and unseen and not made.late:
                raise not_shown()
            desk["pending"][made.key] = dict(made.to_dict())
            if own_lease:
                del desk["leases"][item_id]
            return made, True

        kept = self._leases.change(keep)
        self.settle()
        return self._told(kept)

    def undo(self, reviewer: str, item_id: str) -> Item | None:
        """Take a verdict back, while it can be; the item is this reviewer's again, if it was before."""

        def back(desk: State) -> tuple[Item | None, bool]:
            now = self._clock()
            mine = next((each for each in pending_on(item_id, desk) if each.judge == reviewer), None)
            if mine is None or mine.settling or mine.until <= now:
                raise too_late()
            del desk["pending"][mine.key]
            if mine.late:
                return None, True
            lease = self._lease(self._any(item_id, reviewer), reviewer, now)
            desk["leases"][item_id] = lease | {"own": mine.own or ""}
            return self._item(item_id, reviewer, desk), True

        return self._leases.change(back)

    def skip(self, reviewer: str, item_id: str, reason: str) -> None:
        """Give an item back, for one of the reasons in `SKIPS`."""
        if reason not in SKIPS:
            raise unknown_reason(reason, SKIPS)

        def give_back(desk: State) -> tuple[Open, bool]:
            self._mine(reviewer, item_id, desk)
            del desk["leases"][item_id]
            return self._any(item_id, reviewer), True

        one = self._leases.change(give_back)
        told = {"item": item_id, "judge": reviewer, "reason": reason, "task": one.task}
        known = self._known.truth(one, reviewer) is not None
        event = Event(
            id=f"skipped-{item_id}-{digest(reviewer)}", kind="skipped", time=self._clock(),
            about=None if known else one.record_id, data=told,
        )  # fmt: skip
        self._store.add([event])

    def settle(self) -> int:
        """Make verdicts of what can no longer be taken back; gives how many. Several may do so at once."""
        now = self._clock()
        if not self._leases.due(now):
            return 0

        def mark(desk: State) -> tuple[list[Submission], bool]:
            due = [each for each in desk["pending"].values() if each["settling"] or each["until"] <= now]
            marked = not all(each["settling"] for each in due)
            for each in due:
                each["settling"] = True
            return [Submission(**each) for each in due], marked

        def clear(desk: State) -> tuple[None, bool]:
            for one in due:
                desk["pending"].pop(one.key, None)
            return None, True

        due = self._leases.change(mark)
        for one in due:
            settle(self._store, one)
        self._leases.change(clear)
        return len(due)

    def overview(self) -> Overview:
        """What waits, for how long, and what was done today."""

        def look(desk: State) -> tuple[Overview, bool]:
            return overview_of(self._queue, desk, self.settings, self._clock()), False

        return self._leases.change(look)

    def _in_turn(self, reviewer: str, tasks: Collection[str], desk: State, now: float) -> Iterator[Open]:
        """The items that this reviewer may have, the first in turn first."""
        own = [each for each in desk["pending"].values() if each["judge"] == reviewer]
        judged = self._queue.judged_by(reviewer) + len(own)
        seen = self._queue.known.get(reviewer, ())
        if (known := self._known.due(reviewer, judged, seen, desk["pending"])) is not None:
            yield known

        def free(one: Open) -> bool:
            lease = desk["leases"].get(one.id)
            return (
                (not tasks or one.task in tasks)
                and reviewer not in one.passed
                and one.id not in desk["pending"]
                and (lease is None or lease["until"] <= now)
            )

        for one in self._queue.in_turn(now, self.settings):
            if free(one) and not self._read_by(reviewer, one, desk):
                yield one

    def _read_by(self, reviewer: str, one: Open, desk: State) -> bool:
        """Whether this reviewer judged the record before; then a second reading is another's."""
        waiting = desk["pending"].values()
        if any(each["record_id"] == one.record_id and each["judge"] == reviewer for each in waiting):
            return True
        return any(verdict.judge == reviewer for verdict in self._store.verdicts(one.record_id))

    def _lease(self, one: Open, reviewer: str, now: float) -> dict[str, Any]:
        return {"who": reviewer, "until": now + 60.0 * self.settings.of(one.task).lease_minutes}

    def _open(self, item_id: str, reviewer: str) -> Open | None:
        """An item that waits, or a known one of this reviewer's."""
        return self._known.open(item_id, reviewer) or self._queue.open.get(item_id)

    def _any(self, item_id: str, reviewer: str) -> Open:
        """An item that waits or waited."""
        one = self._open(item_id, reviewer) or self._queue.closed.get(item_id)
        if one is None:
            raise unknown_item()
        return one

    def _mine(self, reviewer: str, item_id: str, desk: State) -> Item:
        """An item that this reviewer has now."""
        lease = desk["leases"].get(item_id)
        if lease is None or lease["who"] != reviewer or lease["until"] <= self._clock():
            raise lease_lost()
        item = self._item(item_id, reviewer, desk)
        if item is None:
            raise gone()
        return item

    def _item(self, item_id: str, reviewer: str, desk: State) -> Item | None:
        """As it is shown; None where there is nothing left to show."""
        one = self._open(item_id, reviewer)
        if one is None or item_id in desk["pending"]:
            return None
        record = self._known.record(one, reviewer) or self._store.record(one.record_id)
        if record is None or record.content != "stored" or record.completion is None:
            return None
        lease, rules = desk["leases"][item_id], self.settings.of(one.task)
        blind = rules.blind and one.blind
        labels = self._queue.labels.get((one.task, one.domain), 0)
        hidden = blind and "own" not in lease
        return shown(record, one, labels=labels, blind=blind, hidden=hidden, until=lease["until"])

    def _comes_late(self, one: Open, reviewer: str, desk: State) -> bool:
        """Whether another judged the item, or is judging it."""
        if self._known.truth(one, reviewer) is not None:
            return False
        lease = desk["leases"].get(one.id)
        others = any(not each.late and each.judge != reviewer for each in pending_on(one.id, desk))
        leased = lease is not None and lease["who"] != reviewer and lease["until"] > self._clock()
        return others or leased or one.id not in self._queue.open

    def _before(self, made: Submission, desk: State) -> Submission | None:
        """What this reviewer submitted on the item before; raises `BadRequest` where that was something else."""
        found = next((each for each in pending_on(made.item, desk) if each.judge == made.judge), None)
        if found is None and made.truth is not None:
            return made if made.record_id in self._queue.known.get(made.judge, ()) else None
        if found is None:
            verdicts = self._store.verdicts(made.record_id)
            kept = next((one for one in verdicts if one.judge == made.judge and one.id in made.ids), None)
            if kept is None:
                return None
            late = kept.id == made.ids[2]
            found = replace(made, grade=kept.grade, correction=kept.correction, until=kept.time, late=late)
        if (found.grade, found.correction) != (made.grade, made.correction):
            raise already_judged()
        return found

    def _told(self, kept: Submission) -> Submitted:
        known = kept.truth is not None
        record = None if known else self._store.record(kept.record_id)
        others = () if known else self._store.verdicts(kept.record_id)
        return Submitted(
            item_id=kept.item, record_id=kept.record_id, grade=kept.grade, until=kept.until, late=kept.late,
            confidence=None if record is None else record.confidence,
            earlier=tuple(one for one in others if one.judge != kept.judge),
        )  # fmt: skip
