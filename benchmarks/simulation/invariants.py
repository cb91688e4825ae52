"""What must hold in each world, whatever happened in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from calibrant.learning.contests import Contests
from calibrant.past.folding import Folding
from calibrant.types import SECOND, Assignment, Event, Verdict, canonical
from calibrant.watching.over_time import Watching

from .leading import STATES
from .witness import Witness
from .world import REVIEWERS, RULES, World

__all__ = ["broken"]

BY_QUESTION = (Watching().name, Contests.name)
"""Folds that know which answers were to one question."""


def broken(world: World) -> list[str]:
    """Sentences that say what does not hold; none where all does."""
    facts = [entry.fact for entry in world.store.since()]
    verdicts = [one for one in facts if isinstance(one, Verdict)]
    assignments = {one.id: one for one in facts if isinstance(one, Assignment)}
    events = [one for one in facts if isinstance(one, Event)]
    return [
        *_kept(world, {one.id for one in facts}, len(facts)),
        *_judged(world, verdicts, events, assignments),
        *_propensities(verdicts, assignments),
        *_champions(events),
        *_replayed(world),
        *(f"two had {one} at once" for one in world.ledger.shared),
        *_chain(world),
    ]


def _kept(world: World, there: set[str], facts: int) -> Iterator[str]:
    if len(there) < facts:
        yield f"{facts - len(there)} facts are there twice"
    for id in sorted(world.ledger.kept - there):
        yield f"{id} was said to be kept and is not there"


def _judged(
    world: World, verdicts: list[Verdict], events: list[Event], assignments: dict[str, Assignment]
) -> Iterator[str]:
    """Each submission that was not taken back is one verdict of its reviewer; none is anybody else's."""
    ledger = world.ledger
    ours = [one for one in verdicts if one.judge in REVIEWERS]
    by = Counter((one.assignment or _of_late(one), one.judge) for one in ours)
    yield from (f"the verdict of {who} on {item} counts {n} times" for (item, who), n in by.items() if n > 1)
    there = {(one.record_id, one.judge, one.grade) for one in ours}
    for (item, judge), grade in ledger.submitted.items():
        if (assignments[item].record_id, judge, grade) not in there:
            yield f"the verdict {grade} of {judge} on {item} is lost"
    meant = {(assignments[item].record_id, judge) for item, judge in (*ledger.submitted, *ledger.unsure)}
    for one in ours:
        if (one.record_id, one.judge) not in meant:
            yield f"{one.judge} never judged {one.record_id}, and there is a verdict"
    first = Counter(one.assignment for one in verdicts if one.assignment and one.source != SECOND)
    yield from (f"{item} has {n} verdicts that count" for item, n in first.items() if n > 1)
    decided = Counter(one.about for one in events if one.kind == "reviewed")
    yield from (f"{about} was decided {n} times" for about, n in decided.items() if n > 1)


def _of_late(verdict: Verdict) -> str:
    return verdict.id.removeprefix("late-").rpartition("-")[0]


def _propensities(verdicts: list[Verdict], assignments: dict[str, Assignment]) -> Iterator[str]:
    for one in verdicts:
        if one.assignment is None:
            if one.propensity is not None and one.source != "desk":
                yield f"{one.id} was not asked for and claims the propensity {one.propensity}"
        elif one.propensity != assignments[one.assignment].propensity:
            yield f"{one.id} has another propensity than {one.assignment}"


def _champions(events: list[Event]) -> Iterator[str]:
    """Each promotion follows the one before it, and two that promote the same thing at once promote it once."""
    before = None
    for one in (event for event in events if event.kind == "promotion"):
        if one.data["before"] != before:
            yield f"the promotion of {one.about} follows {one.data['before']}, and {before} was in force"
        if one.about == before:
            yield f"{one.about} was promoted twice in a row"
        before = one.about


def _replayed(world: World) -> Iterator[str]:
    """What is kept of every fold is what a replay of the whole past gives, to the byte, and each fact follows from it.

    But for monitors and contests where content was erased: nobody can say any more which of those answers were to one
    question.
    """
    erased = any(True for _ in world.store.events("erasure"))
    witness = Witness(RULES)
    Folding(world.store, witness.folds, kept=None).go_on()
    again = {fold.name: canonical(fold.to_dict()) for fold in witness.folds}
    for name in STATES:
        kept = world.store.state(name)[1]
        for fold, state in (kept or {"states": {"all": None}})["states"].items():
            if not (erased and fold in BY_QUESTION) and canonical(state) != again.get(fold):
                yield f"a replay gives another state of {name}: {fold}"
    yield from witness.at_rest(erased=erased)


def _chain(world: World) -> Iterator[str]:
    found = world.store.verify()
    if found.broken is not None:
        yield f"the chain does not hold: {found.broken}"
