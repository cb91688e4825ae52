"""`calibrant learn queue`: draws once, lists in turn, and writes what is judged elsewhere."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from calibrant.stores.sql import SqlStore
from calibrant.types import Action, Completion, Confidence, Decision, Message, Probability, Question, Record

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def url(tmp_path: Path) -> str:
    store = SqlStore(str(tmp_path / "log.db"))
    store.add(
        [
            Record(
                id=f"r{n}", time=n * 3600.0,
                question=Question(id=f"q{n}", messages=(Message("user", f"{n}, or not?"),), task=["law", "tax"][n % 2]),
                completion=Completion(text="yes,\nit is", model="m"), held=n == 7,
                confidence=Confidence(p=Probability(0.8137)),
                decision=Decision(action=Action.REVIEW if n == 7 else Action.ANSWER, threshold=None, why=""),
            )
            for n in range(60)
        ]
    )  # fmt: skip
    store.close()
    return str(tmp_path / "log.db")


def test_it_draws_once_and_lists_in_turn(run: Run, url: str) -> None:
    status, first = run("learn", "queue", url, "--per-day", 10, "--json")
    told = json.loads(first)
    assert status == 0 and told["drawn"] == told["open"] == len(told["items"]) > 10
    assert told["items"][0]["record_id"] == "r7" and told["items"][0]["propensity"] == 1.0
    assert "0.8137" not in first and all(0 < one["propensity"] <= 1 for one in told["items"])
    again = json.loads(run("learn", "queue", url, "--json")[1])
    assert again["drawn"] == 0 and again["items"] == told["items"]
    law = json.loads(run("learn", "queue", url, "--task", "law", "--json")[1])["items"]
    assert {one["task"] for one in law} == {"law"} and len(law) < len(told["items"])
    assert "r7" in run("learn", "queue", url)[1]


def test_it_draws_on_as_it_was_told_before(run: Run, url: str) -> None:
    run("learn", "queue", url, "--per-day", 10)
    run("learn", "queue", url)
    store = SqlStore(url)
    asked = Question(id="q", messages=(Message("user", "?"),), task="law")
    store.add(
        [
            Record(id=f"s{n}", time=3e5, question=asked, completion=Completion(text="4", model="m"))
            for n in range(90)
        ]
    )
    run("learn", "queue", url)
    assert len(list(store.events("drawing"))) == 1
    store.close()


@pytest.mark.parametrize("name", ["queue.csv", "queue.jsonl"])
def test_a_queue_to_judge_elsewhere(run: Run, url: str, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    status, told = run("learn", "queue", url, "-o", file)
    assert status == 0 and "Written to" in told
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened)) if name.endswith("csv") else [json.loads(line) for line in opened]
    assert {row["answer"] for row in rows} == {"yes,\nit is"} and rows[0]["question"] == "7, or not?"
    store = SqlStore(url)
    assert store.record(rows[0]["record_id"]) is not None
    store.close()


def test_what_cannot_be_meant_is_said(run: Run, url: str, tmp_path: Path) -> None:
    assert run("learn", "queue", url, "-o", tmp_path / "queue.xlsx")[0] == 2
    status, told = run("learn", "queue", tmp_path / "none.db")
    assert status == 1 and "no file" in told and not (tmp_path / "none.db").exists()
