"""Review by plain forms: what a browser without JavaScript shows and sends."""

from __future__ import annotations

import json
import re
import time

import pytest

from calibrant.assembly.keys import Key, hash_of
from calibrant.errors import StoreError
from calibrant.types import Assignment, Event, ToolCall, Verdict

from .conftest import KEYS, Desk, Maker, Person, put

LAWYER = Key(name="lawyer", hash=hash_of("lawyer-key"), roles=("reviewer",), tasks=("law",))


def reading(at: Desk, key: str = "ana") -> Person:
    """A reviewer who has an item."""
    person = at.person(key)
    assert person.get("/review") == 200, person.page
    return person


def judged(at: Desk, record: str) -> list[tuple[str, float, str | None]]:
    return [(one.judge, one.grade, one.correction) for one in at.store.verdicts(record)]


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"grade": "1", "correction": "left over"}, "released", "It is 4."),
        ({"grade": "0", "correction": "5"}, "corrected", "5"),
        ({"grade": "0.5"}, "refused", None),
    ],
)
def test_a_held_answer_goes_to_its_client_as_it_was_judged(
    desk: Maker, fields: dict[str, str], status: str, text: str | None
) -> None:
    at = desk(review={"undo_seconds": 0.0})
    put(at, "r1", "It is 4.", reason="held")
    ana = reading(at)
    assert "sender waits" in ana.page
    assert (ana.post("/review", do="submit", item="a-r1", **fields), ana.to) == (303, "/review")
    ana.get(ana.to)
    assert "calibrant had said: somewhat likely right (about 65 %)" in ana.page
    assert ana.get("/v1/answers/r1", authorization="Bearer ana-key") == 200
    told = json.loads(ana.page)
    assert (told["status"], (told["message"] or {}).get("content")) == (status, text)


def test_what_was_done_is_told_once(desk: Maker) -> None:
    at = desk()
    put(at, "r1")
    ana = reading(at)
    ana.post("/review", do="submit", item="a-r1", grade="1")
    told = ana.cookies["calibrant_told"]
    ana.get("/review")
    assert "Saved: right." in ana.page
    assert 'name="do" value="undo"' in ana.page
    ana.get("/review")
    assert "Saved" not in ana.page
    ana.get("/review", cookie=f"{ana.cookie}; calibrant_told={told[:-3]}abc")
    assert "Saved" not in ana.page


@pytest.mark.parametrize("grade", ["", "2", "nan", "right", "0.7"])
def test_nothing_is_stored_without_a_verdict(desk: Maker, grade: str) -> None:
    at = desk(review={"undo_seconds": 0.0})
    put(at, "r1")
    ana = reading(at)
    assert ana.post("/review", do="submit", item="a-r1", grade=grade) == 400
    assert "Nothing stored" in ana.page
    assert not judged(at, "r1")


def test_the_confidence_is_nowhere_before_the_verdict(desk: Maker) -> None:
    at = desk()
    put(at, "r1", p=0.6789)
    ana = reading(at)
    assert not re.search(
        r"0\.6|67|68 ?%|likely|It is unsure", re.sub(r"\d{9,}\.\d+", "", ana.page.partition("<main")[2])
    )


def test_an_audit_item_is_judged_blind(desk: Maker) -> None:
    at = desk(review={"undo_seconds": 0.0})
    put(at, "r1", "A hidden answer", reason="audit")
    ana = reading(at)
    assert "A hidden answer" not in ana.page
    assert ana.post("/review", do="submit", item="a-r1", grade="1") == 409
    assert not judged(at, "r1")
    ana.get("/review")
    assert ana.post("/review", do="show", item="a-r1", own="  ") == 400
    assert "A hidden answer" not in ana.page
    assert ana.post("/review", do="show", item="a-r1", own="Mine.") == 303
    ana.get(ana.to)
    assert "A hidden answer" in ana.page
    ana.post("/review", do="submit", item="a-r1", grade="0")
    assert at.store.verdicts("r1")[0].comment == "Own answer: Mine."


def test_two_reviewers_never_have_the_same_and_may_sit_at_several_browsers(desk: Maker) -> None:
    at = desk()
    for n in range(4):
        put(at, f"r{n}")
    people = [at.person(key) for key in ("ana", "ana", "bob", "bob")]
    seen = []
    for person in people:
        person.get("/review")
        found = re.search(r'data-id="(a-r\d)"', person.page)
        assert found
        seen.append(found[1])
        person.get("/review")
        assert f'data-id="{found[1]}"' in person.page  # to load the page again takes no other
    assert len(set(seen)) == 4


def test_who_comes_late_is_kept_beside_and_told_so(desk: Maker) -> None:
    at = desk(review={"undo_seconds": 0.0, "lease_minutes": 0.001})
    put(at, "r1")
    ana, bob = reading(at), at.person("bob")
    time.sleep(0.1)
    bob.get("/review")
    assert bob.post("/review", do="submit", item="a-r1", grade="1") == 303
    assert ana.post("/review", do="submit", item="a-r1", grade="0") == 200
    assert "bob judged this before your verdict came." in ana.page
    assert {one[:2] for one in judged(at, "r1")} == {("bob", 1.0), ("ana", 0.0)}
    assert ana.post("/review", do="take", item="a-r1") == 409
    assert "Take the next" in ana.page
    assert "Take it again" not in ana.page


def test_an_item_that_went_back_can_be_taken_again(desk: Maker) -> None:
    at = desk(review={"lease_minutes": 0.002})
    put(at, "r1", "A hidden answer", reason="audit")
    ana = reading(at)
    time.sleep(0.2)
    assert ana.post("/review", do="show", item="a-r1", own="Mine.") == 409
    assert "Take it again" in ana.page
    assert ana.post("/review", do="take", item="a-r1") == 303
    assert ana.to == "/review?item=a-r1"


def test_undo_and_skip(desk: Maker) -> None:
    at = desk()
    put(at, "r1")
    ana = reading(at)
    ana.post("/review", do="submit", item="a-r1", grade="1")
    ana.get("/review")
    assert "Nothing" in ana.page
    assert (ana.post("/review", do="undo", item="a-r1"), ana.to) == (303, "/review?item=a-r1")
    assert ana.get(ana.to) == 200
    assert ana.get("/review/skip?item=a-r1") == 200
    assert ana.post("/review", do="skip", item="a-r1", reason="because") == 400
    assert ana.post("/review", do="skip", item="a-r1", reason="subject") == 303
    ana.get("/review")
    assert "Nothing to judge" in ana.page
    bob = at.person("bob")
    bob.get("/review")
    assert "Question r1?" in bob.page
    assert not judged(at, "r1")


def test_a_reviewer_of_some_tasks_sees_and_judges_no_other(desk: Maker) -> None:
    at = desk(keys=(*KEYS, LAWYER))
    put(at, "r1", task="shop")
    put(at, "r2", task="law")
    lawyer = at.person("lawyer")
    lawyer.get("/review")
    assert "Question r2?" in lawyer.page
    for do in ("submit", "take", "show", "skip", "renew", "undo"):
        assert lawyer.post("/review", do=do, item="a-r1", grade="1", reason="subject", own="x") == 403, do
    assert not judged(at, "r1")
    boss = at.person("boss")
    assert boss.get("/review") == 403
    assert "role reviewer" in boss.page


def test_whatever_is_in_an_answer_is_text(desk: Maker) -> None:
    at = desk()
    evil = "<script>alert(1)</script> \" onload='x' {{ 7*7 }} \u202egnirts \x00 <img src=x onerror=alert(1)>"
    call = ToolCall("c", "<b>tool</b>", '{"<i>": "</script><script>x"}')
    put(at, "r1", evil, question=evil, task="<u>", calls=(call, ToolCall("d", "odd", "not JSON <s>")))
    ana = reading(at)
    body = ana.page.partition("<main")[2].partition("<dialog")[0]
    assert "&lt;script&gt;alert(1)" in body
    assert "{{ 7*7 }}" in body
    assert not re.search(r"<(script|img|b|i|u|s)[ >]", body)


def test_while_the_store_is_away_nothing_is_lost(desk: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    at = desk(review={"undo_seconds": 0.0})
    put(at, "r1")
    ana = reading(at)
    with monkeypatch.context() as away:

        def fail(*_: object, **__: object) -> None:
            raise StoreError("The store is away.")

        away.setattr(at.store, "set_state", fail)
        assert ana.post("/review", do="submit", item="a-r1", grade="1") == 503
        assert "No verdict is lost" in ana.page
    assert ana.post("/review", do="submit", item="a-r1", grade="1") == 303
    assert judged(at, "r1") == [("ana", 1.0, None)]


def test_at_the_end_of_the_day_readers_are_told_how_far_they_agree_and_what_they_caught(desk: Maker) -> None:
    at = desk(review={"undo_seconds": 0.0, "second_readers": 1.0})
    now = time.time()
    for n in range(12):
        put(at, f"r{n}")
        grade = float(n % 2)
        first = Verdict(
            id=f"v{n}", record_id=f"r{n}", grade=grade, judge="bob", time=now, assignment=f"a-r{n}"
        )
        second = Assignment(id=f"second-r{n}", record_id=f"r{n}", propensity=0.1, reason="second", time=now)
        other = Verdict(
            id=f"w{n}", record_id=f"r{n}", grade=grade if n else 1.0, judge="ana", time=now, source="second",
            assignment=second.id,
        )  # fmt: skip
        for fact in (first, second, other):
            at.store.add([fact])
    for n in range(4):
        told = {"judge": "ana", "item": f"k{n}", "truth": 0.0, "grade": float(n == 0)}
        at.store.add([Event(id=f"known-{n}", kind="known", time=time.time(), data=told)])
    ana = at.person("ana")
    ana.get("/review")
    assert "11 of 12 read twice" in ana.page
    assert "you caught 3 of the 4 that were mixed in" in ana.page
    bob = at.person("bob")
    bob.get("/review")
    assert "mixed in" not in bob.page
