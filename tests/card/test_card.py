"""A card says what the records say: made, read back, made again, and what was changed in it is named."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from calibrant.card.conclusions import conclusion, headline
from calibrant.card.numbers import numbers, read_store
from calibrant.card.rendering import html, is_card, json_text, markdown, twin_in
from calibrant.card.sections import sections
from calibrant.card.verifying import check, count
from calibrant.cli import app
from calibrant.errors import UnusableInput
from calibrant.stores.sql import SqlStore
from calibrant.types import Assignment, Verdict

from ..four_tasks import DAY, START, desk
from ..judged_store import certified

AT = "2026-11-23T00:00"
END = START + 70 * DAY


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("card") / "desk.db"
    store = SqlStore(str(path))
    store.add(desk(220, audit=0.9))
    store.close()
    return path


@pytest.fixture
def store_path(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path / "desk.db"))


@pytest.fixture(scope="module")
def twin(filled: Path) -> dict[str, object]:
    store = SqlStore(str(filled), readonly=True)
    made = numbers(read_store(store), "support-eu", END) | {
        "declared": {"purpose": "first <answers>"},
        "store": None,
    }
    store.close()
    return made


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    return done.exit_code, done.output


def test_it_has_twelve_sections_and_claims_apart_from_limits(twin: dict[str, object]) -> None:
    assert [one.number for one in sections(twin)] == list(range(1, 13))
    claims, limits = conclusion(twin)
    assert any("is right" in line for line in claims)
    assert any("no certificate" in line for line in limits)
    assert "monitor has raised an alarm" in headline(twin)
    page = html(twin)
    assert "Not a conformity assessment" in page and "first &lt;answers&gt;" in page
    assert (
        "<svg" in page
        and "@page { size: A4" in page
        and "http://" not in page.replace("http://www.w3.org", "")
    )


def test_each_way_of_writing_it_is_read_back(twin: dict[str, object], tmp_path: Path) -> None:
    plain = json.loads(json.dumps(twin))
    for name, render in (("a.html", html), ("a.md", markdown), ("a.json", json_text)):
        path = tmp_path / name
        path.write_text(render(twin), encoding="utf-8")
        assert is_card(str(path)) and twin_in(path) == plain
    assert not is_card(str(tmp_path)) and not is_card("postgresql://db/log")


@pytest.mark.parametrize("ending", ["md", "json"])
def test_a_card_holds_until_something_in_it_is_changed(store_path: Path, tmp_path: Path, ending: str) -> None:
    card = tmp_path / f"card.{ending}"
    assert run("card", store_path, "--task", "support-eu", "--at", AT, "-o", card)[0] == 0
    status, told = run("verify", card)
    assert status == 0 and "The card holds" in told
    value = str(twin_in(card)["performance"]["right"]["value"])
    card.write_text(card.read_text(encoding="utf-8").replace(value, "0.91"), encoding="utf-8")
    status, told = run("verify", card, store_path, "--json")
    assert status == 3
    assert json.loads(told)["differ"][0] == {
        "number": "performance.right.value", "says": 0.91, "found": pytest.approx(float(value)),
    }  # fmt: skip


def test_words_that_say_something_else_than_the_numbers_are_found(store_path: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.html"
    run("card", store_path, "--task", "support-eu", "--at", AT, "-o", card)
    text = card.read_text(encoding="utf-8")
    card.write_text(
        text.replace("do not hold", "hold", 1).replace("do not hold", "hold", 1), encoding="utf-8"
    )
    status, told = run("verify", card)
    assert status == 3 and "do not hold" in told


def test_what_comes_later_changes_no_card(store_path: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    run("card", store_path, "--task", "support-eu", "--at", AT, "-o", card)
    store = SqlStore(str(store_path))
    store.add([
        Assignment(id="late", record_id="support-eu-1", propensity=0.5, reason="audit", time=END),
        Verdict(id="late", record_id="support-eu-1", grade=0.0, judge="x", time=END, assignment="late"),
    ])  # fmt: skip
    assert check(card, store).holds
    store.close()


def test_a_record_that_was_changed_breaks_the_card(store_path: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    run("card", store_path, "--task", "support-eu", "--at", AT, "-o", card)
    with sqlite3.connect(store_path) as database:
        database.execute("DROP TRIGGER verdicts_refuse_update")
        database.execute("UPDATE verdicts SET grade = 1 - grade WHERE rowid = 3")
    status, told = run("verify", card)
    assert status == 3 and "BROKEN" in told and "changed" in told
    assert json.loads(run("verify", card, "--json")[1])["holds"] is False


def test_a_task_without_labels_has_a_card_without_numbers(filled: Path) -> None:
    store = SqlStore(str(filled), readonly=True)
    source = read_store(store)
    for task in ("contracts", "triage"):
        one = numbers(source, task, END) | {"declared": {}}
        assert one["results"] is None and one["performance"]["gap"] is None
        assert "too few" in markdown(one).lower() or "no probability" in markdown(one)
        assert html(one)
    with pytest.raises(UnusableInput, match="which knows"):
        numbers(source, "law", END)
    store.close()


def test_cards_of_all_tasks_and_what_people_declare(store_path: Path, tmp_path: Path) -> None:
    about = tmp_path / "about.toml"
    about.write_text(
        'purpose = "first answers"\nnot_for = ["legal claims"]\ncontact = "desk"\n', encoding="utf-8"
    )
    status, told = run("card", store_path, "--at", AT, "--about", about, "--json")
    cards = json.loads(told)["cards"]
    assert status == 0 and len(cards) == 4 and cards[0]["declared"]["contact"] == "desk"
    assert all(count(one) > 20 for one in cards)
    run("card", store_path, "--at", AT, "-o", tmp_path / "all.md")
    assert len(list(tmp_path.glob("all-*.md"))) == 4
    about.write_text("owner = 3\n", encoding="utf-8")
    assert run("card", store_path, "--about", about)[0] != 0
    assert run("card", store_path, "-o", "card.pdf")[0] != 0


def test_a_card_has_the_certificates_that_held_at_its_head(store_path: Path, tmp_path: Path) -> None:
    store = SqlStore(str(store_path))
    certified(store)
    store.close()
    out = tmp_path / "card.json"
    assert run("card", store_path, "--task", "support-eu", "--at", AT, "-o", out)[0] == 0
    (told,) = json.loads(out.read_text())["risk"]["certificates"]
    assert (told["state"], told["issue"], told["name"]) == ("in force", 2, "all answers")
    text = markdown(json.loads(out.read_text()))
    assert "all answers: at most 10 in 100 of those sent wrong, from 0." in text
    with closing(SqlStore(str(store_path))) as store:
        certified(store, labels=20)
    assert run("verify", out, store_path)[0] == 0  # what came later is not in it
