"""A small deployment: a gateway, two leaders, reviewers and users on one store, whose every step a seed draws."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from calibrant.errors import BadRequest, DifferentContent, Misuse, StoreError
from calibrant.learning import refitting
from calibrant.learning.deployed import deployed, roll_back
from calibrant.protocols import Store
from calibrant.releases.promoting import promote
from calibrant.releases.release import Release
from calibrant.reviewing import leases
from calibrant.reviewing.desk import SKIPS, Desk
from calibrant.reviewing.settings import Reviewing
from calibrant.stores.sql import SqlStore
from calibrant.types import (
    Action,
    Completion,
    Confidence,
    Decision,
    Event,
    Fact,
    Fingerprint,
    Message,
    Probability,
    Question,
    Reading,
    Record,
    Score,
    Verdict,
    Which,
)

from .deployed import releases
from .faults import Faulty
from .leading import Leader
from .memory import MemoryStore
from .scheduler import Crash, Scheduler

__all__ = ["World"]

START = 1_780_000_000.0
ROUNDS = 4
HOURS = 8.0
RATE = 0.02
"""Of calls of the store that fail in one of the four ways."""
BY_HAND = 3
"""Of so many worlds one leaves it to people what is promoted."""
TRIES = 6
REVIEWERS = ("ann", "bob", "cyd")
ON_DISK = 8
"""Of so many worlds one has its store in a file, the others have it in memory."""
RULES = Reviewing(per_day=20, undo_seconds=10, lease_minutes=10, second_readers=0.3)


@dataclass
class Ledger:
    """What processes were told, from outside: what must hold whatever happened to them."""

    kept: set[str] = field(default_factory=set)
    """Ids of facts of which somebody was told that they are kept."""
    submitted: dict[tuple[str, str], float] = field(default_factory=dict)
    """Grades by item and reviewer of which the reviewer was told that they are kept, and did not take back."""
    unsure: set[tuple[str, str]] = field(default_factory=set)
    """Items and reviewers of whose submission or taking back nobody was told what became."""
    holders: dict[str, tuple[str, float]] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)
    """Items that two reviewers had at once."""


class World:
    """All processes of a seed. `run` lives through the rounds; `heal` lets all come to rest without faults."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.rng = seed, random.Random(seed)
        self.now = START
        self.store: SqlStore | MemoryStore = (
            MemoryStore() if seed % ON_DISK else SqlStore(str(folder / f"world-{seed}.db"))
        )
        self.scheduler = Scheduler(random.Random(seed + 1))
        self.ledger = Ledger()
        self.crashes = self.faults = 0
        self.truth: dict[str, float] = {}
        self.rate = self.rng.choice([0.0, RATE, RATE, 3 * RATE])
        self.drift_at = self.rng.randrange(1, ROUNDS)
        self._numbers, self._late = 0, list[Verdict]()
        self._stores: list[Faulty] = []
        self._release = releases()[0]
        self._leaders = {name: self._leader() for name in ("leader-1", "leader-2")}
        self._desks = {name: self._desk() for name in REVIEWERS[: self.rng.choice([2, 2, 3])]}

    def clock(self) -> float:
        """Seconds, a few of which pass with every look."""
        self.now += self.rng.expovariate(1.0)
        return self.now

    def run(self) -> None:
        """All rounds, each of some hours."""
        for round in range(ROUNDS):
            bodies: dict[str, Callable[[], None]] = {
                "gateway": lambda round=round: self._serve(round),
                "census": lambda round=round: self._census(round),
                "user": self._complain,
                **{name: leader.lead for name, leader in self._leaders.items()},
                **{name: lambda name=name: self._review(name) for name in self._desks},
            }
            if self.rng.random() < 0.15:
                bodies["eraser"] = self._erase
            if self.rng.random() < 0.3:
                release = self.rng.choice(releases())
                bodies |= {f"promoter-{n}": lambda release=release: self._promote(release) for n in (1, 2)}
            if self.rng.random() < 0.15:
                bodies |= {f"who goes back {n}": self._roll_back for n in (1, 2)}
            with _quickly():
                self._lived(self.scheduler.run(bodies))
            self.now += self.rng.uniform(0.2, 1.0) * HOURS * 3600
        self.faults = sum(store.faults for store in self._stores)

    def heal(self) -> None:
        """Without faults, one process after the other until nothing is left to do."""
        self.rate = 0.0
        self._stores.clear()
        self.now += 7 * 86400
        leader, desk = self._leader(), self._desk()
        with _quickly():
            for _ in range(20):
                before = self.store.verify().entries
                if not (leader.lead() + desk.settle()) and self.store.verify().entries == before:
                    return
        raise AssertionError(f"seed {self.seed}: it never comes to rest")

    # ------------------------------------------------------------------ processes

    def _faulty(self) -> Faulty:
        made = Faulty(self.store, self.rng, self.scheduler, self.rate)
        self._stores.append(made)
        return made

    def _leader(self) -> Leader:
        return Leader(self._faulty(), self.clock, RULES, "by_test" if self.seed % BY_HAND else "by_hand")

    def _desk(self) -> Desk:
        return Desk(self._faulty(), RULES, self.clock)

    def _lived(self, failed: dict[str, BaseException]) -> None:
        """Start anew what was killed; what failed otherwise than by a fault is a fault of ours."""
        for name, error in failed.items():
            if isinstance(error, Crash):
                self.crashes += 1
                if name in self._leaders:
                    self._leaders[name] = self._leader()
                if name in self._desks:
                    self._desks[name] = self._desk()
            elif not isinstance(error, StoreError) or isinstance(error, DifferentContent):
                raise error

    def _id(self, kind: str) -> str:
        self._numbers += 1
        return f"{kind}-{self._numbers}"

    def _tell(self, store: Faulty, facts: list[Fact]) -> None:
        """Again until somebody says that it is kept; more than once also where it was."""
        for _ in range(TRIES):
            try:
                store.add(facts)
            except StoreError:
                continue
            self.ledger.kept |= {fact.id for fact in facts}
            if self.rng.random() < 0.2:
                with suppress(StoreError):
                    store.add(facts)
            return

    # ------------------------------------------------------------------ what they do

    def _serve(self, round: int) -> None:
        """Answers, of which some are held; from some day on the claims are too high."""
        store = self._faulty()
        self._follow(store)
        for _ in range(self.rng.randrange(3, 9)):
            record = self._answer(
                self.rng.choice(["law", "shop"]), self.rng.choice([0.3, 0.55, 0.8, 0.97]), round
            )
            facts: list[Fact] = [record]
            if record.held:
                facts.append(Event(id=f"held-{record.id}", kind="held", time=record.time, about=record.id))
            self._tell(store, facts)

    def _census(self, round: int) -> None:
        """A task all of whose answers are judged elsewhere, some of them long after the others."""
        store = self._faulty()
        records = [self._answer("desk", self.rng.choice([0.7, 0.8, 0.9]), round) for _ in range(30)]
        self._tell(store, list(records))
        self._late += [
            Verdict(id=f"v-{one.id}", record_id=one.id, grade=self.truth[one.id], judge="desk", time=self.clock(),
                    propensity=1.0, source="desk")
            for one in records
        ]  # fmt: skip
        self.rng.shuffle(self._late)
        due, self._late = self._late[5:], self._late[:5]
        there = [one for one in due if one.record_id in self.ledger.kept]
        self._tell(store, list(there))

    def _answer(self, task: str, p: float, round: int) -> Record:
        """One answer; those of law and the desk are right less often from some round on than they claim."""
        name = self._id("r")
        drifted = task != "shop" and round >= self.drift_at
        self.truth[name] = float(self.rng.random() < (p - 0.45 if drifted else p))
        text = f"question {self.rng.randrange(400)} of {task}"
        way = self._release.way(task)
        made = dict(way.maps.groups)[task,]
        told = float(made([p])[0])
        held = told < 0.5
        return Record(
            id=name, time=self.clock(),
            question=Question(id=f"q-{name}", messages=(Message("user", text),), task=task),
            completion=Completion(text="an answer", model="m"),
            readings=(Reading(signal="s", score=Score(p)),),
            confidence=Confidence(p=Probability(told), low=max(0.0, told - 0.05), high=min(1.0, told + 0.03),
                                  map_id=made.map_id, fingerprint=Fingerprint(signal="s"), verdicts=200),
            decision=Decision(action=Action.REVIEW if held else Action.ANSWER, threshold=0.5, why="so"),
            held=held, release=self._release.release_id,
        )  # fmt: skip

    def _complain(self) -> None:
        """Thumbs of users, whom nobody asked, some of them delivered late and twice."""
        store = self._faulty()
        for name in self.rng.sample(sorted(self.ledger.kept), min(4, len(self.ledger.kept))):
            if name in self.truth and not self.truth[name]:
                thumb = Verdict(
                    id=f"thumb-{name}", record_id=name, grade=0.0, judge="user", time=START, source="user"
                )
                self._tell(store, [thumb])

    def _promote(self, release: Release) -> None:
        promote(self._faulty(), release, note="better", time=self.clock())

    def _roll_back(self) -> None:
        with suppress(Misuse):  # nothing was promoted yet
            roll_back(self._faulty(), None, why="it was better before", time=self.clock())

    def _follow(self, store: Store) -> None:
        """Answer by the release that the store hands on; by the last that was seen where it is away."""
        with suppress(StoreError):
            self._release = deployed(store) or self._release

    def _erase(self) -> None:
        store = self._faulty()
        kept = sorted(name for name in self.ledger.kept if name in self.truth)
        if kept:
            which = Which(records=(self.rng.choice(kept),))
            store.erase(
                which, time=self.clock(), new_id=lambda: self._id("erasure"), why="asked for", wipe=False
            )

    def _review(self, name: str) -> None:
        for _ in range(self.rng.randrange(1, 5)):
            with suppress(StoreError):
                self._judge(name)

    def _judge(self, name: str) -> None:
        """Take an item and judge it, or skip it, take it back, come late or say it twice."""
        desk, ledger, rng = self._desks[name], self.ledger, self.rng
        item = desk.next(name)
        if item is None:
            return
        holder = ledger.holders.get(item.id)
        if holder is not None and holder[0] != name and holder[1] > self.now + 60.0:
            ledger.shared.append(item.id)
        ledger.holders[item.id] = (name, item.until)
        try:
            if rng.random() < 0.1:
                ledger.holders.pop(item.id, None)  # from when it is given back, not from when that is said
                desk.skip(name, item.id, rng.choice(sorted(SKIPS)))
                return
            if rng.random() < 0.1:
                self.now += 900.0  # the lease runs out meanwhile
            if item.answer is None:
                item = desk.show(name, item.id, rng.choice(["an answer", None]))
            self._submit(desk, name, item)
        except BadRequest:
            ledger.holders.pop(item.id, None)
        except BaseException:  # nobody knows whether it is still theirs
            ledger.holders.pop(item.id, None)
            raise

    def _submit(self, desk: Desk, name: str, item: Any) -> None:
        ledger, key = self.ledger, (item.id, name)
        grade = self.truth.get(item.record_id, 1.0)
        if self.rng.random() < 0.1:
            grade = 1.0 - grade
        ledger.unsure.add(key)
        ledger.holders.pop(item.id, None)
        desk.submit(name, item.id, grade)
        ledger.unsure.discard(key)
        ledger.submitted[key] = grade
        if self.rng.random() < 0.15:
            desk.submit(name, item.id, grade)  # the page was sent twice
        if self.rng.random() < 0.15:
            ledger.unsure.add(key)
            del ledger.submitted[key]
            with suppress(BadRequest):
                desk.undo(name, item.id)
                ledger.unsure.discard(key)
                return
            ledger.submitted[key] = grade  # it was too late to take it back
            ledger.unsure.discard(key)


@contextmanager
def _quickly() -> Iterator[None]:
    """While it lasts whoever tries again at the desk does so at once, since time here is the world's, and maps are
    fitted without the figures about them that nothing here is decided by."""
    with patch.object(leases, "sleep", lambda _: None), patch.object(refitting, "scores_of", lambda _: {}):
        yield
