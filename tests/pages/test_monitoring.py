"""The pages of monitoring: the first one, a task, its charts, records, releases, cards; each over a made-up desk."""

import os
import re
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from calibrant.metrics.intervals import Estimate
from calibrant.pages import charts
from calibrant.pages.known import Known
from calibrant.pages.lines import AXIS, strip
from calibrant.stores.sql import SqlStore
from calibrant.types import Event, Record, Which

from .. import four_tasks as made_up
from ..judged_store import judged
from .conftest import Maker, Person

END = made_up.START + 70 * made_up.DAY


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("desk") / "calibrant.db"
    store = SqlStore(str(path))
    store.add(made_up.desk(260, audit=0.8))
    store.close()
    return path


@pytest.fixture
def path(filled: Path, tmp_path: Path) -> str:
    return str(shutil.copy(filled, tmp_path / "calibrant.db"))


@pytest.fixture
def boss(desk: Maker, path: str) -> Person:
    person = desk(path=path, clock=lambda: END).person("boss")
    until(person, "/", "trusted today")
    return person


def until(person: Person, path: str, told: str) -> None:
    """Ask until what came is read."""
    for _ in range(100):
        assert person.get(path) == 200, person.page
        if told in person.page:
            return
        time.sleep(0.1)
    raise AssertionError(person.page)


def words(page: str) -> str:
    return " ".join(re.sub(r"<(style|script)[^>]*>.*?</\1>|<[^>]+>", " ", page, flags=re.S).split())


def test_the_first_page_says_which_tasks_can_be_trusted_and_what_to_do(boss: Person) -> None:
    page = words(boss.page)
    assert "One of four tasks can be trusted today. Three things need you." in page
    assert page.index("support-eu") < page.index("contracts") < page.index("invoice fields")
    assert "Over-confident, alarm since 18 Nov" in page and "Holds so far" in page
    assert re.search(r"Claims \d\d of 100, is right \d\d of 100 \(\d\d to \d\d; \d+ labels", page)
    lacking = (
        r"\d+ more labels in contracts · law: it has \d+ that count, 0 of them on answers that were sent"
    )
    assert re.search(lacking, page) and "No prices are known" in page
    rows = boss.page.split('<ul class="plain lines"')[1].split("</ul>")[0].split("<li>")[1:]
    assert all(row.count('class="btn go"') <= 1 for row in rows)
    assert not re.findall(r"(?<![\d.])(?:0|100) %", page)


def test_a_task_has_a_page_with_numbers_behind_each_chart(boss: Person) -> None:
    assert boss.get("/tasks/support-eu") == 200
    page = words(boss.page)
    assert "Do not rely on its probabilities" in page and "served as m-2026-10" in page
    assert re.search(r"When it claims \d\d, it is right \d\d times in 100", page)
    assert boss.page.count("<picture>") == 3 and boss.page.count("The numbers behind this chart") == 2
    assert "e-BH" in page and "n eff" in page and "somebody set it" in page
    assert boss.get("/tasks/contracts") == 200 and "Too few labels for a reliability chart" in boss.page
    assert boss.get("/tasks/no%20such") == 404 and "no answers of the task" in boss.page
    assert boss.get("/tasks") == 200 and "4 tasks" in boss.page


def test_who_judges_is_told_of_and_by_name_to_an_admin_alone(desk: Maker, path: str) -> None:
    store = SqlStore(path)
    told = {"item": "k", "judge": "rita", "grade": 0.0, "truth": 0.0}
    store.add(Event(id=f"known-{i}", kind="known", time=END - 60, data=told) for i in range(12))
    store.close()
    place = desk(path=path, clock=lambda: END)
    boss, ana = place.person("boss"), place.person("ana")
    until(boss, "/", "trusted today")
    until(boss, "/tasks/support-eu", "reviewers caught over 99 (74 to over 99) of 100")
    assert "nothing is known of agreement" in boss.page and "rita" in boss.page
    until(ana, "/tasks/support-eu", "reviewers caught over 99")
    assert "rita" not in ana.page


def test_an_alarm_is_ended_for_a_reason(boss: Person) -> None:
    assert boss.get("/tasks/support-eu") == 200 and "End the alarm" in boss.page
    assert boss.post("/tasks/support-eu", alarm="alarm-1", why=" ") == 400
    boss.get("/tasks/support-eu")
    assert boss.post("/tasks/support-eu", alarm="alarm-1", why="the old model is served again") == 303
    until(boss, "/", "An alarm was ended: the old model is served again (boss)")
    assert "alarm since" not in boss.page


def test_what_else_changed_is_told_once(boss: Person, path: str) -> None:
    store = SqlStore(path)
    told = {"task": "triage", "domain": "notes", "what": "prompt", "before": "a", "after": "b"}
    place = {"place": {"way": "triage", "by": [], "key": []}}
    store.add(Event(id=id, kind="change", time=END - 60, data=told) for id in ("c1", "c2"))
    store.add([Event(id="p2", kind="proposal", time=END - 30, about="x", data=place)])
    store.close()
    until(boss, "/", "triage in notes: prompt changed from a to b.")
    assert boss.page.count("prompt changed") == 1 and "Another map is proposed for triage." in boss.page
    assert boss.get("/tasks/triage") == 200 and "prompt changed" in words(boss.page)
    assert boss.get("/tasks/contracts") == 200 and "prompt changed" not in words(boss.page)


def test_charts_are_pictures_with_words_for_those_who_do_not_see_them(
    boss: Person, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss.get("/tasks/invoice%20fields")
    found = re.findall(r'(?:src|srcset)="(/charts/[^"]+)"', boss.page)
    assert len(found) == 6 and "of 100 are right" in boss.page
    wide = next(url for url in found if "reliability" in url and "wide" in url).replace("&amp;", "&")
    store = SqlStore(path)
    known = Known(store, lambda: END)
    while known.look():
        pass
    one = known.seen.task("invoice fields")
    assert one is not None
    drawn = charts.draw(
        "reliability", dict(charts.charted("reliability", one, known.seen).values), 300, "Chart"
    )
    store.close()
    monkeypatch.setattr(charts, "draw", lambda *_: drawn)
    monkeypatch.setattr(charts, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    assert boss.get(wide) == 200
    assert boss.headers["content-type"] == "image/svg+xml"
    assert (
        boss.page.startswith("<svg")
        and "prefers-color-scheme:dark" in boss.page
        and "<script" not in boss.page
    )
    assert boss.get("/charts/nothing.svg?task=support-eu") == 404
    assert boss.get("/charts/risk.svg?task=none") == 404


def test_records_are_listed_by_what_is_asked_for(boss: Person) -> None:
    assert boss.get("/records?task=support-eu&action=review") == 200
    rows = re.findall(r'<a href="/records/([^"]+)">', boss.page)
    assert rows and all(row.startswith("support-eu-") for row in rows)
    assert boss.get("/records?task=support-eu&verdict=wrong") == 200
    ids = re.findall(r'<a href="/records/([^"]+)">', boss.page)
    assert ids
    assert boss.get(f"/records/{ids[0]}") == 200 and "Judged: wrong" in words(boss.page)
    assert boss.get("/records?day=2026-10-01") == 200
    assert set(re.findall(r"(\d+ \w{3}) 2026", words(boss.page))) == {"1 Oct"}
    assert boss.get("/records?day=yesterday") == 400 and boss.get("/records?before=x") == 400
    assert boss.get("/records?task=nothing") == 200 and "No record is as asked for" in boss.page


def test_pages_of_the_list_hold_each_record_once(boss: Person) -> None:
    seen: list[str] = []
    address = "/records?task=invoice+fields"
    while address:
        assert boss.get(address) == 200
        seen += re.findall(r'<a href="/records/([^"]+)">', boss.page)
        further = re.search(r'<a class="btn" href="([^"]+)">Older', boss.page)
        address = further[1].replace("&amp;", "&") if further else ""
    assert len(seen) == len(set(seen)) == 130


def test_a_record_tells_its_way_and_its_place_in_the_chain(boss: Person, path: str) -> None:
    assert boss.get("/records/support-eu-3") == 200
    page = words(boss.page)
    for step in ("Asked", "Answered", "Signals", "Calibrated", "Decided", "Judged"):
        assert step in page
    assert "Recomputed now, and equal" in page and "answers like this were right" in page
    assert "Question 3 about" in page
    store = SqlStore(path)
    store.erase(
        Which(records=("support-eu-3",)), time=END, new_id=lambda: "erased-1", why="asked for", wipe=False
    )
    store.close()
    assert boss.get("/records/support-eu-3") == 200
    page = words(boss.page)
    assert "Question 3 about" not in page and "The words were erased" in page and "Recomputed now" in page
    assert boss.get("/records/nobody") == 404


def test_a_changed_record_is_seen_to_be_changed(desk: Maker, path: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER records_refuse_update")
        database.execute("UPDATE records SET domain = 'law' WHERE id = 'support-eu-3'")
    person = desk(path=path, clock=lambda: END).person("boss")
    assert person.get("/records/support-eu-3") == 200
    assert "It was changed after it had been written" in person.page


def test_who_may_judge_an_answer_is_not_told_its_confidence_before(desk: Maker, path: str) -> None:
    place = desk(path=path, clock=lambda: END)
    boss, ana = place.person("boss"), place.person("ana")
    until(boss, "/", "trusted today")
    store = SqlStore(path, readonly=True)
    held = next(
        e.fact.id for e in store.since() if getattr(e.fact, "held", False) and not store.verdicts(e.fact.id)
    )
    store.close()
    assert boss.get(f"/records/{held}") == 200
    assert ana.get(f"/records/{held}") == 403 and "Judge it first" in ana.page
    assert ana.get("/records?task=support-eu&action=review") == 200 and "until judged" in ana.page


def test_releases_and_cards(boss: Person) -> None:
    assert boss.get("/releases") == 200
    assert "maps of September" in boss.page and "9f2d41c07be35a18" in boss.page
    assert boss.get("/cards") == 200
    page = words(boss.page)
    assert "not a conformity assessment" in page
    assert page.count("Limits") == 4 and "calibrant verify card.html" in page


def test_a_store_without_answers_shows_the_steps(desk: Maker) -> None:
    person = desk(clock=lambda: END).person("boss")
    until(person, "/", "Five steps")
    assert "Nothing has been answered yet" in person.page
    for path in ("/tasks", "/records", "/releases", "/cards"):
        assert person.get(path) == 200, person.page


def test_names_that_somebody_made_up_are_shown_as_they_are(desk: Maker, tmp_path: Path) -> None:
    path = str(tmp_path / "odd.db")
    store = SqlStore(path)
    name = "<script>alert(1)</script>/ä?&"
    store.add([*made_up.answers(name, np.random.default_rng(1), n=40, audit=0.9, domains=("<b>x</b>",))])
    store.add([*made_up.answers(None, np.random.default_rng(1), n=5, domains=())])
    store.close()
    person = desk(path=path, clock=lambda: END).person("boss")
    until(person, "/", "trusted today")
    assert "<script>alert" not in person.page and "(no task)" in person.page
    links = re.findall(r'href="(/tasks/[^"#]*)"', person.page)
    assert len(set(links)) == 2
    for link in set(links):
        assert person.get(link) == 200 and "<b>x" not in person.page


def test_while_much_is_still_to_be_read_pages_say_so(path: str) -> None:
    store = SqlStore(path)
    known = Known(store, lambda: END, step=300)
    assert known.look() and known.seen.behind and known.seen.position >= 300
    assert known.seen.at < END
    while known.look():
        pass
    assert not known.seen.behind and known.seen.at == END
    store.close()


def test_two_who_fold_at_once_know_the_same(path: str) -> None:
    store = SqlStore(path)
    one, other = Known(store, lambda: END), Known(store, lambda: END)
    while one.look() | other.look():
        pass
    assert one.seen.overview.to_dict() == other.seen.overview.to_dict()
    store.close()


def test_charts_are_drawn_in_another_process() -> None:
    drawing = charts.Drawing()
    pool = drawing.pool()
    try:
        assert pool.submit(os.getpid).result(60) != os.getpid()
        assert drawing.pool() is pool
    finally:
        pool.shutdown()


def test_gaps_beyond_the_axis_have_an_arrow() -> None:
    found = strip(Estimate(0.3, 0.15, 0.4))
    assert found is not None and found.beyond == "right" and found.at == found.high == 144.0
    assert strip(None) is None and AXIS == (-10.0, 20.0)


def test_a_task_has_its_page_whatever_it_is_called(desk: Maker, tmp_path: Path) -> None:
    store = SqlStore(str(tmp_path / "odd.db"))
    odd = ["a/b?c#d", "line\nbreak", "\x1b[31m", "<b>&amp;", "漢字 🎉", "..", "x" * 3000]
    for at, task in enumerate(odd):
        store.add([replace(one, id=f"{task}{at}") for one in judged(1, task=task) if isinstance(one, Record)])
    store.close()
    person = desk(path=str(tmp_path / "odd.db")).person("boss")
    until(person, "/tasks", "break")
    for at, task in enumerate(odd):
        assert person.get(f"/tasks/{quote(task, safe='')}") == 200, task
        assert person.get(f"/records/{quote(f'{task}{at}', safe='')}") == 200, task
