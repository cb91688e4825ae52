"""What must be true at the time of each fact, seen while the whole past is told again."""

from __future__ import annotations

from calibrant.guarantees.walking import fewest
from calibrant.learning.contests import Contest, Contests
from calibrant.learning.deployed import certificates_of
from calibrant.learning.promoting import lowest, to_be_careful_about
from calibrant.learning.proposals import LEAST_OF
from calibrant.maps.calibration import CalibrationMap
from calibrant.past.answers import Answer
from calibrant.past.folding import Fold
from calibrant.releases.promoting import PROMOTION, release_in
from calibrant.releases.release import Release, Way
from calibrant.reviewing.drawing import Drawing
from calibrant.reviewing.queue import Queue
from calibrant.reviewing.settings import Reviewing
from calibrant.types import SECOND, Assignment, Event, Json, Verdict
from calibrant.watching.over_time import ALARM, CHANGE, Watching

from .deployed import releases

__all__ = ["Witness"]

BETTER, CAREFUL, FIRST, CERTIFICATES = "found better", "the lower of both", "the first map", "certificates"
"""How notes begin of what the test puts in force, and not a person."""


class Witness:
    """A fold that is told after the queue, the drawing and the monitors, and before the contests.

    `said` are sentences of what does not hold. What hangs on which answers were to one question counts where no content
    was erased.
    """

    name = "witness"

    def __init__(self, rules: Reviewing) -> None:
        self.drawing, self.watching, self.contests = Drawing(rules), Watching(), Contests()
        self.folds: list[Fold] = [Queue(), self.drawing, self.watching, self, self.contests]
        self.said: list[str] = []
        self._by_question: list[str] = []
        self._drawn: dict[str, tuple[str, float, str]] = {}
        self._asked: set[str] = set()
        self._due: dict[str, Event] = {}
        self._told: set[str] = set()
        self._release: Release = releases()[0]
        self._answering = {one.release_id for one in releases()}
        self._alarmed: set[str] = set()
        self._issues: dict[int, str] = {}

    def at_rest(self, *, erased: bool) -> list[str]:
        """All that does not hold, once nothing is left to do."""
        said = [*self.said]
        for _, one in certificates_of(self._release):
            if one.valid and one.map_id in self._alarmed:
                said.append(f"{one.certificate_id} is in force, and an alarm of {one.map_id} is open")
        waiting = {id: one for id, one in self._drawn.items() if id not in self._asked}
        if not erased:
            said += self._by_question
            said += [
                f"{record} was drawn ({id}), and nobody was asked" for id, (record, *_) in waiting.items()
            ]
            said += [f"{id} is due, and was never told" for id in sorted(set(self._due) - self._told)]
        return said

    def answered(self, answer: Answer) -> None:
        """It was drawn or not, and a release answered that had been promoted."""
        self._draws(f"draw-{answer.record_id}")
        self._collect()
        if answer.release not in self._answering:
            self.said.append(f"{answer.record_id} was answered by {answer.release}, which was never in force")

    def assigned(self, answer: Answer, assignment: Assignment) -> None:  # noqa: ARG002
        """What is assigned was drawn just so, by what was known before its answer."""
        self._collect()
        self._asked.add(assignment.id)
        drawn = self._drawn.get(assignment.id)
        if drawn != (assignment.record_id, assignment.propensity, assignment.reason):
            self.said.append(f"{assignment} was not drawn so, but {drawn}")

    def judged(self, answer: Answer, verdict: Verdict) -> None:  # noqa: ARG002
        """Another may be asked to read it too."""
        self._draws(f"{SECOND}-{answer.record_id}")
        self._collect()

    def happened(self, event: Event, answer: Answer | None) -> None:  # noqa: ARG002
        """Alarms follow from what was before them, and so does what the test puts in force."""
        self._collect()
        if event.kind in (ALARM, CHANGE):
            self._told.add(event.id)
            due = self._due.get(event.id)
            if due is None or (due.data, due.about) != (event.data, event.about):
                said = self._by_question if event.kind == ALARM else self.said
                said.append(f"the {event.kind} {event.id} does not follow from what was before it")
            if event.kind == ALARM:
                self._alarmed.add(str(event.about))
        elif event.kind == PROMOTION:
            self._promoted(event)

    def _promoted(self, event: Event) -> None:
        release, note = release_in(event), str(event.data["note"])
        before, self._release = self._release, release
        self._answering.add(release.release_id)
        if note.startswith((BETTER, CAREFUL, FIRST)):
            fresh = _maps(release).items() - _maps(before).items()
            allowed = self._allowed(note, before)
            for key, map_id in sorted(fresh, key=str):
                if map_id not in allowed:
                    self._by_question.append(
                        f"{map_id} was put in force for {key} ({note}): no contest said so"
                    )
            if not fresh:
                self.said.append(f"{release.release_id} was promoted ({note}) and changes no map")
        if note.startswith((BETTER, CAREFUL, FIRST, CERTIFICATES)) and release.parents != (
            before.release_id,
        ):
            self.said.append(
                f"{release.release_id} says that it follows {release.parents}: {before.release_id}"
            )
        if note.startswith(CERTIFICATES) and _maps(release) != _maps(before):
            self.said.append(f"{release.release_id} was promoted ({note}) and changes maps")
        self._certified(release)

    def _certified(self, release: Release) -> None:
        """Each look at labels has a number of its own, and spends by it."""
        for _, one in certificates_of(release):
            live = one.tested >= fewest(one.max_error, one.level)
            if live and self._issues.setdefault(one.issue or 0, one.evidence) != one.evidence:
                self.said.append(f"issue {one.issue} of certificates was spent on two sets of labels")

    def _allowed(self, note: str, before: Release) -> set[str]:
        """The maps that the contests as they stand let take a place in the release before."""
        in_force = set(_maps(before).values())
        if note.startswith(CAREFUL):
            careful = to_be_careful_about(self.contests, before)
            return {lower.map_id for one in careful if (lower := _lower(one)) is not None}
        return {
            one.proposal.challenger.map_id
            for one in self.contests.open.values()
            if one.ready and _against(one) & (in_force | _parts(before))
        }

    def _draws(self, id: str) -> None:
        if (drawn := self.drawing.due.get(id)) is not None:
            self._drawn.setdefault(id, drawn)

    def _collect(self) -> None:
        for event in self.watching.due:
            self._due.setdefault(event.id, event)

    def to_dict(self) -> Json:
        """It is kept nowhere."""
        return {}

    def load(self, state: Json) -> None:
        """It is kept nowhere."""


def _maps(release: Release) -> dict[object, str]:
    return {(name, key): made.map_id for name, way in _ways(release) for key, made in way.maps.groups}


def _parts(release: Release) -> set[str]:
    return {
        id
        for _, way in _ways(release)
        for _, made in way.maps.groups
        for id in made.statistics.get(LEAST_OF, ())
    }


def _ways(release: Release) -> list[tuple[str | None, Way]]:
    return [(name, release.way(name)) for name in (None, *release.tasks)]


def _against(contest: Contest) -> set[str]:
    return set() if contest.proposal.champion is None else {contest.proposal.champion.map_id}


def _lower(contest: Contest) -> CalibrationMap | None:
    one = contest.proposal
    return None if one.champion is None else lowest(one.champion, one.challenger)
