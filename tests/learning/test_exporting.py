"""Reviewed answers as data to tune on: what is in it, what is not, and that no question is on both sides."""

from __future__ import annotations

import json
import random
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from calibrant.cli import app
from calibrant.errors import Misuse, UnusableInput
from calibrant.learning.exporting import COLUMNS, export
from calibrant.learning.likeness import families
from calibrant.stores.sql import SqlStore
from calibrant.types import Assignment, Completion, Event, Fact, Message, Question, Record, Verdict, Which


def answered(id: str, asked: str, said: str, **more: Any) -> Record:
    question = Question(
        id=f"q-{id}",
        messages=(Message("system", "Be brief."), Message("user", asked)),
        task=more.pop("task", "support"),
    )
    return Record(
        id=id, time=1.0, question=question, completion=Completion(text=said, model="m"), release="rel", **more
    )


def judged(id: str, grade: float, **more: Any) -> Verdict:
    more = {"judge": "ann", "time": 10.0, "propensity": 0.5, **more}
    return Verdict(id=f"v-{more.pop('name', id)}", record_id=id, grade=grade, **more)


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    made = SqlStore(str(tmp_path / "log.db"))
    facts: list[Fact] = [
        answered("right", "Where is my parcel?", "In Oslo."), judged("right", 1.0),
        answered("wrong", "where is  MY parcel?", "In Rome."), judged("wrong", 0.0, time=11.0),
        answered("mended", "How do I pay?", "By cheque."), judged("mended", 0.0, correction="By card."),
        answered("alone", "Are you open?", "No."), judged("alone", 0.0),
        answered("between", "Why so late?", "Snow."), judged("between", 0.5),
        answered("held", "My password?", "hunter2", held=True), judged("held", 1.0),
        answered("released", "May I return it?", "Yes.", held=True), judged("released", 1.0),
        Event(id="e", kind="reviewed", time=12.0, about="released"),
        answered("erased", "I am Ann, of Elm Street 4", "Hello Ann."), judged("erased", 1.0),
        answered("user", "Thanks?", "Sure."), judged("user", 1.0, source="user", propensity=None),
        answered("model", "Hm?", "Hm."), ASSIGNED,
        Verdict(id="v-model", record_id="model", grade=1.0, judge="m", time=1.0, assignment="a"),
        answered("other", "What is the law?", "Long.", task="law"), judged("other", 1.0),
        answered("failed", "Anybody?", "Ye", error="cut"), judged("failed", 0.0),
    ]  # fmt: skip
    made.add(facts)
    made.erase(Which(records=("erased",)), time=20.0, new_id=lambda: "x", why="asked")
    return made


ASSIGNED = Assignment(id="a", record_id="model", propensity=1.0, reason="judge", time=1.0)


def said(rows: list[dict[str, Any]], key: str) -> list[str]:
    return [row[key][-1]["content"] for row in rows]


def test_supervised(store: SqlStore) -> None:
    found = export(store, "sft", task="support")
    rows = found.rows["all"]
    assert said(rows, "messages") == ["By card.", "Yes.", "In Oslo."]
    assert [one["role"] for one in rows[0]["messages"]] == ["system", "user", "assistant"]
    assert rows[2]["provenance"] | {"hash": "", "item": ""} == {
        "record_id": "right", "verdict_id": "v-right", "judge": "ann", "propensity": 0.5, "reason": None,
        "release": "rel", "item": "", "task": "support", "domain": None, "model": "m", "time": 1.0, "judged_at": 10.0,
        "hash": "",
    }  # fmt: skip
    assert found.left == {
        "held: it was never sent": 1, "its content is erased": 1, "only a user judged it": 1,
        "only a model judged it": 1,
        "the answer failed": 1, "wrong, and nobody said what would be right": 2, "graded between": 1,
    }  # fmt: skip


def test_pairs(store: SqlStore) -> None:
    found = export(store, "dpo", task="support")
    rows = found.rows["all"]
    pairs = list(zip(said(rows, "chosen"), said(rows, "rejected"), strict=True))
    assert pairs == [("By card.", "By cheque."), ("In Oslo.", "In Rome.")]
    assert [one["role"] for one in rows[0]["prompt"]] == ["system", "user"]
    assert rows[1]["provenance"]["chosen"]["record_id"] == "right"
    assert rows[1]["provenance"]["rejected"]["record_id"] == "wrong"
    assert found.left["wrong, and nothing right to be preferred"] == 1


def test_desirable_confidence_and_table(store: SqlStore) -> None:
    rows = export(store, "kto", task="support").rows["all"]
    assert {(row["completion"][0]["content"], row["label"]) for row in rows} == {
        ("In Oslo.", True), ("In Rome.", False), ("By cheque.", False), ("No.", False), ("Yes.", True),
    }  # fmt: skip
    told = export(store, "conftuner", task="support").rows["all"]
    assert {(row["question"], row["answer"], row["correct"]) for row in told} == {
        ("where is  MY parcel?", "In Rome.", 0.0), ("How do I pay?", "By cheque.", 0.0), ("Are you open?", "No.", 0.0),
        ("Why so late?", "Snow.", 0.5), ("May I return it?", "Yes.", 1.0),
    }  # fmt: skip
    table = export(store, "table").rows["all"]
    assert len(table) == 7 and set(table[0]) <= set(COLUMNS)
    assert {row["weight"] for row in table} == {2.0} and "law" in {row["task"] for row in table}


def test_nothing_that_was_held_or_erased_is_in_any_export(store: SqlStore) -> None:
    for to in ("sft", "dpo", "kto", "conftuner", "table"):
        text = json.dumps(export(store, to).rows)  # type: ignore[arg-type]
        assert "hunter2" not in text and "Elm" not in text and "Ann" not in text


def test_no_question_or_one_like_it_is_on_both_sides(tmp_path: Path) -> None:
    rng = random.Random(0)
    words = [f"word{n}" for n in range(400)]
    store, facts = SqlStore(str(tmp_path / "log.db")), list[Fact]()
    for n in range(150):
        text = rng.sample(words, 12)
        for k in range(rng.randint(1, 3)):
            again = [w.upper() if k == 1 else w for w in text]
            again = [*again[:-1], "other"] if k == 2 else again
            facts += [
                answered(f"r{n}-{k}", " ".join(again) + "?" * k, f"answer {n} {k}"),
                judged(f"r{n}-{k}", 1.0),
            ]
    store.add(facts)
    sides = {}
    for seed in (0, 1):
        rows = export(store, "table", split=0.8, seed=seed).rows
        sides[seed] = [{row["record_id"] for row in rows[side]} for side in ("train", "test")]
        train, test = ({id.partition("-")[0] for id in side} for side in sides[seed])
        assert not train & test and 0.65 < len(train) / 150 < 0.92
    assert sides[0] != sides[1]
    again = export(store, "table", split=0.8).rows
    assert {row["record_id"] for row in again["train"]} == sides[0][0], "by the questions alone"
    store.close()


def test_families_are_those_of_every_pair_looked_at() -> None:
    rng = random.Random(1)
    texts = {f"t{n}": " ".join(rng.choices("abcdefghijkl", k=rng.randint(1, 9))) for n in range(120)}

    def words(text: str) -> set[tuple[str, int]]:
        told = text.split()
        return {(word, told[:at].count(word)) for at, word in enumerate(told)}

    family = {id: id for id in texts}
    for one, other in combinations(texts, 2):
        a, b = words(texts[one]), words(texts[other])
        if len(a & b) >= 0.8 * len(a | b):
            old, new = sorted((family[one], family[other]))[::-1]
            family = {id: new if of == old else of for id, of in family.items()}
    assert families(texts) == family
    assert len(set(families({"a": "Où est-ce ?", "b": "ou est ce", "c": "他"}).values())) == 2
    assert families({"b": "x", "a": "y"}, [("a", "b")]) == {"a": "a", "b": "a"}


def test_the_command_writes_its_files_and_says_what_is_left_out(store: SqlStore, tmp_path: Path) -> None:
    store.close()

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["learn", "export", str(tmp_path / "log.db"), *words])

    done = run("--to", "kto", "-o", str(tmp_path / "k.jsonl"), "--json")
    assert done.exit_code == 0 and json.loads(done.output)["files"]["all"]["rows"] == 6
    assert len((tmp_path / "k.jsonl").read_text().splitlines()) == 6
    for kind in ("csv", "parquet", "jsonl"):
        done = run("--to", "table", "--split", "0.5", "-o", str(tmp_path / f"t.{kind}"))
        assert "left out: held: it was never sent." in done.output
        read: Any = {
            "csv": pd.read_csv,
            "parquet": pd.read_parquet,
            "jsonl": lambda p: pd.read_json(p, lines=True),
        }[kind]
        both = [
            read(path)
            for side in ("train", "test")
            if (path := tmp_path / f"t.{side}.{kind}").stat().st_size > 0
        ]
        assert sum(map(len, both)) == 7
    assert isinstance(run("--to", "sft", "-o", "x.csv").exception, Misuse)
    assert isinstance(run("--to", "sft", "-o", "x.jsonl", "--split", "2").exception, Misuse)
    assert isinstance(run("--to", "sft", "--task", "none", "-o", "x.jsonl").exception, UnusableInput)
