"""What a card tells of those who judge, made again from the records."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from calibrant.card.numbers import numbers, read_store
from calibrant.card.rendering import markdown, twin_in
from calibrant.card.sections import sections
from calibrant.cli import app
from calibrant.reviewing.readers import readers_of
from calibrant.stores.sql import SqlStore
from calibrant.types import SECOND, Assignment, Event, Fact, Verdict

from ..four_tasks import DAY, START, desk

AT = "2026-11-23T00:00"
END = START + 70 * DAY
TASK = "support-eu"


def second(firsts: list[Verdict]) -> list[Fact]:
    """Second readings that were drawn, of which each fifth says otherwise."""
    facts: list[Fact] = []
    for i, one in enumerate(firsts):
        id = f"second-{i}"
        grade = 1.0 - one.grade if i % 5 == 0 else one.grade
        facts += [
            Assignment(id=id, record_id=one.record_id, propensity=0.1, reason=SECOND, time=END - 60),
            Verdict(id=id, record_id=one.record_id, grade=grade, judge="s", time=END - 30, source=SECOND,
                    assignment=id),
        ]  # fmt: skip
    return facts


def known(judge: str, wrong: int, caught: int, right: int) -> list[Fact]:
    """Known items that somebody judged: of the wrong ones so many were caught, all right ones called right."""
    graded = [(0.0, float(i >= caught)) for i in range(wrong)] + [(1.0, 1.0)] * right
    return [
        Event(id=f"known-{judge}-{i}", kind="known", time=END - 20, about=None,
              data={"item": f"k{i}", "judge": judge, "grade": grade, "truth": truth})
        for i, (truth, grade) in enumerate(graded)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "desk.db"
    facts = desk(200, audit=0.9)
    store = SqlStore(str(path))
    store.add(facts)
    judged = [one for one in facts if isinstance(one, Verdict)]
    store.add(second([one for one in judged if one.record_id.startswith(TASK)][:60]))
    store.add([*known("r0", 8, 7, 5), *known("r1", 4, 2, 6)])
    store.close()
    return path


def test_agreement_and_catch_rate_stand_in_their_sections(filled: Path) -> None:
    store = SqlStore(str(filled), readonly=True)
    source = read_store(store)
    twin = numbers(source, TASK, END) | {"declared": {}}
    pairs = [(one[2], one[4]) for one in readers_of(store, keep=False).pairs]
    store.close()
    values = [value for pair in pairs for value in pair]
    ones, differ = sum(values), sum(a != b for a, b in pairs)
    by_hand = 1 - (len(values) - 1) * differ / (
        ones * (len(values) - ones)
    )  # alpha of two readers and two values
    told = twin["agreement"]
    assert (told["pairs"], told["agree"]) == (60, 48)
    assert told["nominal"]["value"] == pytest.approx(by_hand)
    assert told["nominal"]["low"] < by_hand < told["nominal"]["high"] < 1
    caught = twin["oversight"]["known"]
    # 9 of 12: Clopper and Pearson, 0.4281 to 0.9451
    assert [caught["caught"][end] for end in ("value", "low", "high")] == pytest.approx(
        [0.75, 0.4281, 0.9451], abs=1e-4
    )
    third, seventh = sections(twin)[2].lines, sections(twin)[6].lines
    assert any("read 60 answers and judged 48 alike: Krippendorff's α" in line for line in third)
    assert any(
        "reviewers caught 75 (43 to 95) of 100" in line and "11 known right" in line for line in seventh
    )


def test_where_few_were_read_twice_it_says_so(filled: Path) -> None:
    store = SqlStore(str(filled), readonly=True)
    source = read_store(store)
    twin = numbers(source, "invoice fields", END) | {"declared": {}}
    assert twin["agreement"]["pairs"] == 0 and twin["agreement"]["nominal"] is None
    assert "nothing is known of agreement" in markdown(twin)
    source.readers.known = {"r0": [3, 3, 0, 0]}
    twin = numbers(source, TASK, END) | {"declared": {}}
    store.close()
    assert "Of 3 known wrong answers, given unawares, too few" in markdown(twin)


@pytest.mark.parametrize("place", ["agreement.ordinal.low", "oversight.known.caught.value", "enough.labels"])
def test_such_numbers_are_made_again_by_verify(filled: Path, tmp_path: Path, place: str) -> None:
    path, card = Path(shutil.copy(filled, tmp_path / "desk.db")), tmp_path / "card.json"
    done = CliRunner().invoke(app, ["card", str(path), "--task", TASK, "--at", AT, "-o", str(card)])
    assert done.exit_code == 0, done.output
    twin = twin_in(card)
    *parts, last = place.split(".")
    inner = twin
    for part in parts:
        inner = inner[part]
    inner[last] += 0.01
    card.write_text(json.dumps(twin), encoding="utf-8")
    done = CliRunner().invoke(app, ["verify", str(card), str(path), "--json"])
    assert done.exit_code == 3
    assert [one["number"] for one in json.loads(done.output)["differ"]] == [place]
