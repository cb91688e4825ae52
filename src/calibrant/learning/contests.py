"""Every challenger that was proposed held against its champion, verdict by verdict: a fold over a store's past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import UnusableInput
from ..maps.calibration import CalibrationMap
from ..metrics.intervals import Estimate
from ..past.answers import Answer
from ..past.folding import Folding
from ..protocols import Store
from ..releases.promoting import PROMOTION
from ..types import Assignment, Event, Json, Verdict
from .labels import MODEL, teaches
from .places import Place, stated_of
from .proposals import LEAST_OF, PROPOSAL, Proposal, proposal_in
from .testing import PromotionTest, mark_of

__all__ = ["ENOUGH", "STATE", "Contest", "Contests", "contests"]

ENOUGH = 50
"""Independent labels that the first map of a place needs: it has nobody to be held against."""

ALARM = "alarm"
STATE = "folds/learning"

Outcome = Literal["promoted", "superseded", "replaced"]


@dataclass(slots=True)
class Contest:
    """A proposal and what the verdicts since say of it; `test` is None where there is no map to be held against.

    `since` and `until` are the times of the first and the last of these verdicts.
    """

    proposal: Proposal
    test: PromotionTest | None
    since: float | None = None
    until: float | None = None

    @property
    def ready(self) -> bool:
        """Whether it may take the champion's place by what is known."""
        if self.test is None:
            return self.proposal.n_eff >= ENOUGH
        return self.test.better and not self.test.worse

    @property
    def lost(self) -> bool:
        """Whether it was found worse."""
        return self.test is not None and self.test.worse

    @property
    def difference(self) -> Estimate | None:
        """By how much its Brier score is lower, with the ends of the test; None without a champion."""
        return None if self.test is None else self.test.interval()

    @property
    def more(self) -> int | None:
        """About how many more labels make it ready at the present rate; None where none would."""
        if self.test is None:
            return max(0, round(ENOUGH - self.proposal.n_eff))
        return None if self.lost else self.test.more()

    @property
    def days(self) -> float | None:
        """In how many days these come at the rate of those so far; None where that cannot be told."""
        if not self.more or self.test is None or self.since is None or self.until is None:
            return None
        gone = self.until - self.since
        return self.more * gone / self.test.labels / 86400.0 if gone > 0 else None

    @property
    def sentence(self) -> str:
        """What is said of it."""
        one, test = self.proposal, self.test
        lead = f"{one.id} ({one.way.replace('_', ' ')}) for {one.place}"
        if test is None:
            if self.ready:
                return f"{lead}: a first map, on {one.labels:,} labels; it can be promoted."
            return f"{lead}: a first map, which takes about {self.more:,} more independent labels."
        found = test.interval()
        held = (
            f"{test.labels:,} labels since; Brier score lower by {found.value:.4f} ({found.low:.4f} to "
            f"{found.high:.4f}), evidence 1e{test.log10_evidence:.1f} of 1e{test.log10_enough:.1f}"
        )
        if self.lost:
            return f"{lead}: found worse than the map in force. {held}."
        if self.ready:
            return f"{lead}: found better at label {test.better_at:,}. {held}."
        more, days = self.more, self.days
        lacks = (
            "at the present rate no number of labels would do"
            if more is None
            else f"about {more:,} labels more"
        )
        when = "" if days is None else f", {days:.0f} days at the present pace"
        return f"{lead}: not yet found better; {lacks}{when}. {held}."

    def to_dict(self) -> Json:
        """What is to be known of it."""
        test, found = self.test, self.difference
        return {
            **self.proposal.told(), "ready": self.ready, "lost": self.lost,
            "tested": 0 if test is None else test.labels, "left_out": 0 if test is None else test.left_out,
            "log10_evidence": None if test is None else test.log10_evidence,
            "difference": found and {"value": found.value, "low": found.low, "high": found.high},
            "labels_more": self.more, "days_more": self.days, "sentence": self.sentence,
        }  # fmt: skip


class Contests:
    """Folds proposals, promotions and verdicts into the contests that are open.

    A verdict counts for each open proposal of its place if it came after it, is the first on its answer that was drawn
    with a known probability, and on no question of which another was known before. A proposal ends when its map is
    promoted, when the map that it is held against answers no more, or when another of its kind is proposed for its
    place. The lowest of both maps in force, it stays.

    `labels` and `alarms` count those since the last proposal or promotion of other maps.
    """

    name = "contests"

    def __init__(self) -> None:
        self.open: dict[str, Contest] = {}
        self.closed: dict[str, Outcome] = {}
        self.labels = self.alarms = 0
        self._known: set[int] = set()
        self._last: int | None = None
        self._of_models: set[str] = set()
        self._in_force: list[str] | None = None

    def answered(self, answer: Answer) -> None:
        """Answers count once they are judged."""

    def assigned(self, answer: Answer, assignment: Assignment) -> None:  # noqa: ARG002
        """Those of models that judge are no labels."""
        if assignment.reason == MODEL:
            self._of_models.add(assignment.id)

    def judged(self, answer: Answer, verdict: Verdict) -> None:
        """A verdict: a label for the contests of its place, where it is one."""
        if verdict.assignment in self._of_models:
            self._of_models.discard(verdict.assignment)
            return
        if not teaches(verdict) or answer.score is None or answer.error is not None:
            return
        mark = mark_of((answer.task, answer.domain, answer.model, answer.signal, answer.item))
        fresh = mark not in self._known
        if fresh:
            self._known.add(mark)
            self._last = mark
            self.labels += 1
        if fresh or mark == self._last:
            self._held(answer, verdict, mark)

    def _held(self, answer: Answer, verdict: Verdict, mark: int) -> None:
        stated, score = stated_of(answer), float(answer.score or 0.0)
        for contest in self.open.values():
            one, test = contest.proposal, contest.test
            if test is None or one.champion is None or not one.place.holds(stated, one.others):
                continue
            if one.challenger.fingerprint.differences(stated):
                continue
            champion, challenger = (float(each([score])[0]) for each in (one.champion, one.challenger))
            test.update(champion, challenger, verdict.grade, verdict.propensity or 1.0, mark)
            contest.since = verdict.time if contest.since is None else contest.since
            contest.until = verdict.time

    def happened(self, event: Event, answer: Answer | None) -> None:  # noqa: ARG002
        """A proposal opens a contest, a promotion ends those that it decides."""
        if event.kind == PROPOSAL:
            self._propose(event)
        elif event.kind == PROMOTION:
            self._promoted(event.data)
        elif event.kind == ALARM:
            self.alarms += 1

    @property
    def seen(self) -> int:
        """Questions with a label, of all time."""
        return len(self._known)

    def _propose(self, event: Event) -> None:
        try:
            one = proposal_in(event.data)
        except UnusableInput:
            return  # of a later version, which knows it: nobody here could promote it
        if one.id in self.open or one.id in self.closed:
            return
        self.labels = self.alarms = 0
        for id, other in list(self.open.items()):
            if (other.proposal.place, other.proposal.way) == (one.place, one.way):
                self._close(id, "replaced")
        test = None if one.champion is None else PromotionTest(loss=one.loss, gain=one.gain, alpha=one.alpha)
        self.open[one.id] = Contest(one, test)

    def _promoted(self, data: Mapping[str, Any]) -> None:
        maps = dict(_maps_in(data.get("release", {})))
        if sorted(maps) != self._in_force:  # else its certificates alone are others
            self.labels = 0
        self._in_force = sorted(maps)
        every = {*maps, *(id for parts in maps.values() for id in parts)}
        for id, contest in list(self.open.items()):
            one = contest.proposal
            champion = one.champion and one.champion.map_id
            own = _at(one.place, data.get("release", {}))
            if one.challenger.map_id in maps:
                self._close(id, "promoted")
            elif champion not in (every if own is None else own) and not (own is None and champion is None):
                self._close(id, "superseded")

    def _close(self, id: str, outcome: Outcome) -> None:
        del self.open[id]
        self.closed[id] = outcome

    def to_dict(self) -> Json:
        """The whole state."""
        return {
            "open": {
                id: {
                    "proposal": contest.proposal.event(0.0).data, "test": contest.test and contest.test.to_dict(),
                    "since": contest.since, "until": contest.until,
                }
                for id, contest in self.open.items()
            },
            "closed": self.closed, "labels": self.labels, "alarms": self.alarms, "known": sorted(self._known),
            "last": self._last, "of_models": sorted(self._of_models), "in_force": self._in_force,
        }  # fmt: skip

    def load(self, state: Json) -> None:
        """Take a state that `to_dict` gave."""
        self.open = {
            id: Contest(
                proposal_in(told["proposal"]), told["test"] and PromotionTest.from_dict(told["test"]), told["since"],
                told["until"],
            )
            for id, told in state["open"].items()
        }  # fmt: skip
        self.closed, self.labels, self.alarms = dict(state["closed"]), state["labels"], state["alarms"]
        self._known, self._last = set(state["known"]), state["last"]
        self._of_models, self._in_force = set(state["of_models"]), state.get("in_force")


def contests(store: Store, *, kept: bool = False) -> Contests:
    """The contests of a store as they stand now; with `kept` the fold goes on from where it was, and is kept."""
    fold = Contests()
    Folding(store, [fold], kept=STATE if kept else None).go_on()
    return fold


def _at(place: Place, release: Mapping[str, Any]) -> set[str] | None:
    """The map that answers at a place of a release as plain values, and those of which it is the lowest.

    None where the place has no map of its own: another may stand in there.
    """
    ways = release.get("tasks", {})
    maps = (ways.get(place.way, {}) if place.way is not None else release.get("default", {})).get("maps", {})
    if maps.get("maps") and maps.get("by") != list(place.by):
        return set()
    for one in maps.get("maps", ()):
        if one["group"] == list(place.key):
            return {id for map_id, parts in _maps_in(one["map"]) for id in (map_id, *parts)}
    return None


def _maps_in(value: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The ids of all maps in a release as plain values, each with those of which it is the lowest."""
    if isinstance(value, dict):
        if value.get("format") == CalibrationMap.kind.format:
            yield value["map_id"], tuple(value.get("statistics", {}).get(LEAST_OF, ()))
        else:
            for inner in value.values():
                yield from _maps_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _maps_in(inner)
