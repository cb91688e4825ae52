"""What every store promises. Each promise gets an empty one of its own: `checks.store(lambda: MyStore(new_file()))`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from ..errors import StoreError
from ..types import (
    Assignment,
    Completion,
    Event,
    Fact,
    Head,
    Message,
    Question,
    Reading,
    Record,
    Verdict,
    Which,
    score,
)  # fmt: skip
from .promises import Make

FIRST = Record(
    id="r1", time=1.0,
    question=Question(id="q", messages=(Message("user", "Capital of France?"),), task="geography"),
    completion=Completion(text="Paris", model="m"),
    readings=(Reading(signal="first", score=score(0.75)), Reading(signal="second", reason="The answer is empty.")),
)  # fmt: skip
SECOND = replace(FIRST, id="r2", time=2.0)
DRAWN = Assignment(id="a1", record_id="r1", propensity=0.25, reason="sample", time=3.0)
JUDGED = Verdict(id="v1", record_id="r1", grade=1.0, judge="ann", time=4.0, assignment="a1", propensity=0.25)
TOLD = Verdict(id="v2", record_id="r1", grade=0.0, judge="bob", time=5.0)
HAPPENED = Event(id="e1", kind="alarm", time=6.0, about="r1", data={"why": "drift"})
FACTS: tuple[Fact, ...] = (FIRST, SECOND, DRAWN, JUDGED, TOLD, HAPPENED)


def keeps_what_it_is_given(make: Make) -> Iterator[str]:
    """Records, assignments, verdicts and events come back as they were, once however often they are added."""
    with closing(make()) as store:
        for facts in (FACTS, FACTS, FACTS[:1]):
            store.add(facts)
        found = (store.record("r1"), store.record("nothing"), store.verdicts("r1"), store.verdicts("r2"))
        for what, wanted in zip(found, (FIRST, None, (JUDGED, TOLD), ()), strict=True):
            if what != wanted:
                yield f"expected {wanted!r}, it gave {what!r}"
        if sorted(map(repr, _past(store))) != sorted(map(repr, FACTS)):
            yield f"its past is not what was added, each fact once, but {_past(store)!r}"


def keeps_all_of_what_is_added_or_nothing(make: Make) -> Iterator[str]:
    """Where one fact is refused, those beside it are not kept either."""
    with closing(make()) as store:
        _refused(store, FIRST, replace(TOLD, record_id="nothing"))
        if _past(store):
            yield f"of an addition that was refused it kept {_past(store)!r}"


def refuses_what_cannot_be_true(make: Make) -> Iterator[str]:
    """`StoreError` for a verdict on no record or by no assignment, and for an id that says something else."""
    with closing(make()) as store:
        store.add(FACTS)
        for what, fact in (
            ("a verdict on a record that is not there", replace(TOLD, id="v3", record_id="nothing")),
            ("a verdict by an assignment that is not there", replace(JUDGED, id="v3", assignment="nothing")),
            ("a verdict of another propensity than its assignment", replace(JUDGED, id="v3", propensity=0.5)),
            ("a record of an id that says something else", replace(FIRST, time=9.0, completion=None)),
        ):
            if not _refused(store, fact):
                yield f"it took {what}"


def issues_propensities_by_assignment(make: Make) -> Iterator[str]:
    """A verdict that cites an assignment gets its propensity, one that cites none keeps what it states."""
    with closing(make()) as store:
        store.add((FIRST, DRAWN, replace(JUDGED, propensity=None), replace(TOLD, propensity=0.5)))
        if (found := [one.propensity for one in store.verdicts("r1")]) != [0.25, 0.5]:
            yield f"propensities of 0.25, as assigned, and 0.5, as stated, came back as {found}"


def has_one_order_that_can_be_followed(make: Make) -> Iterator[str]:
    """`since` gives the facts in the order of their adding, and from any position on what came after."""
    with closing(make()) as store:
        for fact in FACTS:
            store.add((fact,))
        places = [0, *(entry.position for entry in store.since())]
        if places != sorted(set(places)):
            yield f"the positions of its past are {places[1:]}; expected each above the last, from 1"
        for i, place in enumerate(places):
            if _past(store, place) != list(FACTS[i:]):
                yield f"after position {place} it does not give just what was added after"


def gives_events_by_their_kind(make: Make) -> Iterator[str]:
    """`events` gives those of some kinds alone, by what they are about, and those which another kind lacks."""
    with closing(make()) as store:
        asked = [Event(id=f"h{n}", kind="held", time=float(n), about=f"r{n}") for n in range(3)]
        done = Event(id="d1", kind="reviewed", time=9.0, about="r1")
        store.add((*FACTS, *asked, done))
        found = {
            "of a kind": [entry.fact for entry in store.events("held")] == asked,
            "of two kinds": [entry.fact for entry in store.events("held", "reviewed")] == [*asked, done],
            "about one thing": [entry.fact.id for entry in store.events("held", about="r2")] == ["h2"],
            "that lack another": [entry.fact.id for entry in store.events("held", lacking="reviewed")]
            == ["h0", "h2"],
            "the newest first": [entry.fact.id for entry in store.events("held", newest=True)]
            == ["h2", "h1", "h0"],
        }
        (_, second, _), (last,) = store.events("held"), store.events("reviewed")
        found["after a position"] = [one.fact for one in store.events("held", "reviewed", after=second.position)] == [
            asked[2], done,
        ]  # fmt: skip
        found["after the last"] = not list(store.events("held", "reviewed", after=last.position))
        for what, right in found.items():
            if not right:
                yield f"events {what} are not those that were added"


def sets_a_state_only_where_nobody_else_did(make: Make) -> Iterator[str]:
    """Compare-and-set: of two who read the same version, the first gets ahead."""
    with closing(make()) as store:
        steps = (
            store.state("s") == (0, None), store.set_state("s", {"n": 1}, 0), not store.set_state("s", {"n": 2}, 0),
            store.state("s") == (1, {"n": 1}), store.set_state("s", {"n": 2}, 1), store.state("s") == (2, {"n": 2}),
            not store.set_state("s", {"n": 3}, 1), store.state("t") == (0, None),
        )  # fmt: skip
        if not all(steps):
            yield f"step {steps.index(False) + 1} of setting and reading a state came out wrong"


def gives_the_rows_of_a_log(make: Make) -> Iterator[str]:
    """One row per record and signal, with its score and the weight of the verdict that was drawn."""
    with closing(make()) as store:
        store.add(FACTS)
        rows = [(r.get("signal"), r.get("score"), r.get("weight")) for r in store.rows()]
        if rows != [
            ("first", 0.75, 4.0),
            ("second", None, 4.0),
            ("first", 0.75, None),
            ("second", None, None),
        ]:
            yield f"two records with two readings, one judged with propensity 1/4, are the rows {rows}"


def proves_that_nothing_was_changed(make: Make) -> Iterator[str]:
    """`verify` counts what was added and gives a head; a later one still leads to it, and to no other."""
    with closing(make()) as store:
        store.add(FACTS[:2])
        first = store.verify()
        store.add(FACTS[2:])
        later = store.verify(first.head)
        if (first.entries, later.entries, first.broken, later.broken) != (2, len(FACTS), None, None):
            yield f"of {len(FACTS)} facts, two of them first, it verified {first!r}, then {later!r}"
        other = Head(2, "0" * 64)
        if store.verify(other).broken is None or store.verify(replace(other, position=99)).broken is None:
            yield "it took a head that is none of its own"


def erases_content_and_nothing_else(make: Make) -> Iterator[str]:
    """After `erase` question, answer and verdicts' words are gone, what was measured is there, and an event says so."""
    with closing(make()) as store:
        store.add((*FACTS, replace(TOLD, id="v3", comment="Paris it is.", correction="Paris, Texas")))
        done = store.erase(Which(records=("r1",)), time=7.0, new_id=lambda: "e2", why="asked for")
        gone, other = store.record("r1"), store.record("r2")
        if (done.records, done.verdicts) != (1, 1) or other != SECOND:
            yield f"of two records and one comment it erased {done!r}, and the other record is {other!r}"
        told = [
            one
            for one in (gone, *store.verdicts("r1"), *_past(store))
            if "Paris" in repr(one) and one != SECOND
        ]
        if told:
            yield f"the answer is still told: {told!r}"
        if gone.readings != FIRST.readings or gone.content != "erased" or gone.question.messages:
            yield f"the record that was erased is {gone!r}"
        store.add((FIRST,))
        if store.record("r1") != gone:
            yield "a record that is delivered again after its erasure came back"
        if not any(isinstance(one, Event) and one.kind == "erasure" for one in _past(store)):
            yield "no event of kind erasure says so"
        if (found := store.verify()).broken is not None:
            yield f"after an erasure it verified {found!r}"


def says_whether_it_can_be_written(make: Make) -> Iterator[str]:
    """`ready` returns where all is well, however often, and adds nothing to the past."""
    with closing(make()) as store:
        store.ready()
        store.ready()
        if _past(store):
            yield f"asked whether it is ready it added {_past(store)!r}"


def _past(store: Any, cursor: int = 0) -> list[Fact]:
    return [entry.fact for entry in store.since(cursor)]


def _refused(store: Any, *facts: Fact) -> bool:
    try:
        store.add(facts)
    except StoreError:
        return True
    return False
