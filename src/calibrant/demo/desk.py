"""The year of a made-up support desk, run through calibrant itself: drawn, judged, watched, learnt from, promoted."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..calibrators.platt import Platt
from ..learning.contests import Contests
from ..learning.promoting import best, put_in_force, to_be_careful_about
from ..learning.refitting import refit
from ..maps.calibration import CalibrationMap, MapSet
from ..past.folding import Folding
from ..plugins import find
from ..protocols import Policy, Store
from ..releases.promoting import promote
from ..releases.release import Part, Release, Way
from ..reviewing.drawing import Drawing, draw
from ..reviewing.settings import Reviewing
from ..tally import Tally
from ..types import (
    SECOND,
    Action,
    Assignment,
    Completion,
    Fact,
    Fingerprint,
    Message,
    Question,
    Reading,
    Record,
    Score,
    Verdict,
)
from ..watching.over_time import Watching
from ..watching.stored import tell_due
from .texts import exchange
from .world import DAY, DOMAINS, HAPPENINGS, START, Desk

__all__ = ["BANDS", "MODEL", "TASK", "DeskYear", "desk_year", "first_release"]

TASK, MODEL, SIGNAL = "support", "desk-model", "verbalized"
BANDS = {"answer": 0.8, "disclaim": 0.8, "review": 0.5, "use": "p"}
"""What is sent, what a person sees first, and what is handed off."""

REFIT, STALE = 100, 500
"""Labels after which maps are fitted anew, where no challenger is open and where one is; an alarm asks at once."""

DISAGREE = 0.06
"""How often a second reader says otherwise."""

Progress = Callable[[int, str], None]


@dataclass
class DeskYear:
    """What came of a year. `p` is the probability that was told for each answer of the desk's `world`, NaN where there
    was none; `happened` are days and what happened on them, in words.
    """

    world: Desk
    p: np.ndarray[tuple[int], np.dtype[np.float64]]
    labels: int = 0
    happened: list[tuple[int, str]] = field(default_factory=list)


def first_release(world: Desk) -> Release:
    """A map for each domain that was asked about before the year, and one for any other."""
    first = slice(0, world.learnt)

    def fitted(domain: str | None) -> CalibrationMap:
        here = np.ones(world.learnt, bool) if domain is None else world.domain[first] == DOMAINS.index(domain)
        made = Platt().fit(Tally.of(world.score[first][here], world.right[first][here]))
        return made.with_fingerprint(Fingerprint(model=MODEL, signal=SIGNAL, task=TASK, domain=domain))

    maps = MapSet(
        by=("domain",), groups=tuple(((domain,), fitted(domain)) for domain in DOMAINS[:2]),
        fallbacks=(((("task", TASK),), fitted(None)),), asked_with="any",
    )  # fmt: skip
    way = Way(signals=(Part(kind=SIGNAL),), maps=maps, policy=Part(kind="bands", settings=BANDS))
    return Release(default=way, note="fitted on what was judged before the year")


def desk_year(
    store: Store,
    *,
    seed: int = 0,
    days: int = 365,
    per_day: int = 40,
    reviewing: Reviewing | None = None,
    hold: bool = True,
    start: float = START,
    progress: Progress | None = None,
) -> DeskYear:
    """Run a year into an empty store.

    Every day answers come and are drawn for review by `reviewing` (12 a day where nothing is said), and verdicts on
    earlier ones come in, late. Alarms and changes are told as they are found; at an alarm, and after 100 labels without
    an open challenger, maps are fitted anew; what later verdicts prefer is promoted, and while an alarm is open the
    lower of both maps is in force. With `hold` what is handed off waits for a person. The year begins at `start`, in
    seconds since the epoch. All is drawn by the seed.
    """
    run = _Run(
        store,
        Desk.of(seed, days=days, per_day=per_day, start=start),
        seed,
        reviewing or Reviewing(per_day=12),
        hold,
        start,
    )
    for day in range(days):
        run.day(day)
        if progress is not None and (told := [what for when, what in run.year.happened if when == day]):
            progress(day, "; ".join(told))
    return run.year


class _Run:
    """A store and all that folds it, day by day."""

    def __init__(
        self, store: Store, world: Desk, seed: int, reviewing: Reviewing, hold: bool, start: float
    ) -> None:
        self.store, self.world, self.hold, self.start = store, world, hold, start
        self.year = DeskYear(world, np.full(len(world.score), np.nan))
        self.chance = random.Random(seed)
        self.watching, self.drawing, self.contests = Watching(), Drawing(reviewing), Contests()
        self.folding = Folding(store, [self.watching, self.contests, self.drawing], kept=None)
        self.release = first_release(world)
        promote(store, self.release, note=self.release.note, time=start)
        self.policy: Policy = find("policies", "bands")(**BANDS)
        self.waiting: list[Verdict] = []
        self.tried = (0, 0)
        self.places = {f"r{at:06d}": at for at in range(len(world.score))}

    def day(self, day: int) -> None:
        """What happens on a day, up to its end."""
        end = self.start + (day + 1) * DAY
        if day in HAPPENINGS:
            self._say(day, HAPPENINGS[day])
        came = [verdict for verdict in self.waiting if verdict.time < end]
        self.waiting = [verdict for verdict in self.waiting if verdict.time >= end]
        self.year.labels += sum(verdict.source != SECOND for verdict in came)
        facts: list[Fact] = [*map(self._record, np.flatnonzero(self.world.day == day).tolist()), *came]
        self.store.add(sorted(facts, key=lambda fact: (fact.time, fact.id)))
        self.waiting += [self._verdict(one, end) for one in draw(self.drawing, self.folding, self.store, end)]
        self.folding.go_on()
        for event in tell_due(self.store, self.watching):
            if event.kind == "alarm":
                self._say(day, f"alarm in {event.data['domain']} ({event.data['kind']})")
        self.folding.go_on()
        self._learn(day, end)

    def _due(self) -> bool:
        fold = self.contests
        if fold.labels < self.tried[0] or fold.alarms < self.tried[1]:
            self.tried = (0, 0)  # something was proposed since
        labels, alarms = fold.labels - self.tried[0], fold.alarms - self.tried[1]
        undecided = any(not contest.lost for contest in fold.open.values())
        return labels >= (STALE if undecided else REFIT) or (alarms > 0 and fold.labels > 0)

    def _learn(self, day: int, now: float) -> None:
        if self._due():
            self.tried = (self.contests.labels, self.contests.alarms)
            found = refit(self.store, self.release)
            self.store.add([one.event(now) for one in found.proposals])
            self.folding.go_on()
        ready = best(self.contests)
        careful = [] if ready else to_be_careful_about(self.contests, self.release)
        if chosen := ready or careful:
            note = "found better on later labels" if ready else "the lower of both while an alarm is open"
            step = put_in_force(self.store, self.release, chosen, note=note, time=now, careful=not ready)
            self.release = step.release
            where = ", ".join(str(one.place) for one in step.proposals)
            self._say(day, f"promoted for {where}: {note}")
            self.folding.go_on()

    def _record(self, at: int) -> Record:
        world = self.world
        domain, score = DOMAINS[world.domain[at]], float(world.score[at])
        asked, answered = exchange(domain, bool(world.right[at]), at)
        reading = Reading(
            signal=SIGNAL,
            score=Score(score),
            detail={"asked_with": f"{world.prompt(at)}; turns none; form none"},
        )
        fingerprint = Fingerprint(model=MODEL, signal=SIGNAL, task=TASK, domain=domain)
        confidence = self.release.default.maps.confidence(reading, fingerprint)
        decision = self.policy.decide(confidence)
        self.year.p[at] = np.nan if confidence.p is None else confidence.p
        return Record(
            id=f"r{at:06d}", time=float(world.time[at]),
            question=Question(id=f"q{at:06d}", messages=(Message("user", asked),), task=TASK, domain=domain),
            completion=Completion(
                text=answered, model=MODEL, system_fingerprint=world.served(at), latency=1.0, cost=0.002
            ),
            readings=(reading,), confidence=confidence, decision=decision, policy="bands",
            release=self.release.release_id, held=self.hold and decision.action is Action.HAND_OFF,
        )  # fmt: skip

    def _verdict(self, drawn: Assignment, now: float) -> Verdict:
        at, second = self.places[drawn.record_id], drawn.reason == SECOND
        grade = float(self.world.right[at])
        if second and self.chance.random() < DISAGREE:
            grade = 1.0 - grade
        return Verdict(
            id=f"v-{drawn.id}", record_id=drawn.record_id, grade=grade, judge="ben" if second or at % 3 else "ana",
            time=now + float(self.world.delay[at]), assignment=drawn.id, source=SECOND if second else "reviewer",
        )  # fmt: skip

    def _say(self, day: int, what: str) -> None:
        self.year.happened.append((day, what))
