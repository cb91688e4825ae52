"""The log of `llm` as its releases have written it: two kinds of tables, and what it prints."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.formats.llm import BEHIND
from calibrant.logs.rows import read_rows
from calibrant.logs.sources import open_source

FILE = Path(__file__).parent / "files" / "tools" / "llm_logs.json"
EARLIER = "id, model, prompt, system, response, response_json, conversation_id, duration_ms, datetime_utc"
TURNS = "id, thread_id, model, options_json, datetime_utc, response_json"


def database(path: Path, earlier: list[dict[str, Any]], turns: list[dict[str, Any]] | None = None) -> Path:
    with closing(sqlite3.connect(path)) as made, made:
        made.execute("CREATE TABLE _llm_migrations (name TEXT)")
        made.execute(f"CREATE TABLE responses ({EARLIER})")
        made.execute("CREATE TABLE conversations (id, name, model)")
        made.execute("INSERT INTO conversations VALUES (1, 'a', 'm')")
        _fill(made, "responses", earlier)
        if turns is not None:
            made.execute(f"CREATE TABLE turns ({TURNS})")
            made.execute("CREATE TABLE turn_search (turn_id, prompt, response)")
            _fill(made, "turns", [{**one, "thread_id": "t"} for one in turns])
            _fill(made, "turn_search", [{**one, "turn_id": one["id"]} for one in turns])
    return path


def _fill(made: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    columns = [str(one[1]) for one in made.execute(f"PRAGMA table_info({table})")]
    marks = ", ".join("?" * len(columns))
    made.executemany(
        f"INSERT INTO {table} VALUES ({marks})", [[row.get(name) for name in columns] for row in rows]
    )


def answer(id: str, response: str, **reply: Any) -> dict[str, Any]:
    told = {
        "id": id,
        "model": "m",
        "prompt": "2 + 2?",
        "response": response,
        "datetime_utc": f"2026-01-0{id}",
    }
    return told | {"response_json": json.dumps(reply)}


def labels(folder: Path, **right: int) -> Path:
    path = folder / "labels.csv"
    path.write_text("id,correct\n" + "".join(f"{id},{one}\n" for id, one in right.items()))
    return path


def test_what_it_prints_and_its_database_are_one_log(tmp_path: Path) -> None:
    printed = json.loads(FILE.read_text())
    rows = [
        {**one, "options_json": "{}", "response_json": json.dumps(one["response_json"])} for one in printed
    ]
    graded = labels(tmp_path, **{one["id"]: i % 2 for i, one in enumerate(printed)})
    for log in (FILE, database(tmp_path / "old.db", rows), database(tmp_path / "new.db", rows[:1], rows[1:])):
        read = read_rows(log, labels=str(graded), on="id")
        [group] = read.groups.values()
        assert group.scores.tolist() == [0.93, 0.48, 0.81] and group.grades.tolist() == [0, 1, 0], log
        assert "The confidence is the one that the gateway told." in read.notes
        source = open_source(log)
        (block,) = source.blocks(["answer", "action"])
        assert block["answer"].tolist() == ["Lima.", "Valparaíso.", "1821."]
        assert block["action"].tolist() == ["answer", "review", "answer"]


def test_an_answer_that_was_moved_counts_once(tmp_path: Path) -> None:
    one, two = (answer(id, "4", confidence={"p": 0.9}) for id in "12")
    assert open_source(database(tmp_path / "a.db", [one, two], [two])).rows == 2


def test_a_log_without_a_gateway_has_what_answers_state(tmp_path: Path) -> None:
    rows = [answer("1", "4. Confidence: 90%"), answer("2", "5. Confidence: 40%"), answer("3", "No idea.")]
    [group] = read_rows(
        database(tmp_path / "a.db", rows), labels=str(labels(tmp_path, **{"1": 1, "2": 0, "3": 0})), on="id"
    ).groups.values()
    assert group.scores.tolist() == [0.9, 0.4]


def test_what_states_none_is_refused_with_what_to_do(tmp_path: Path) -> None:
    log = database(tmp_path / "a.db", [answer("1", "4"), answer("2", "5", choices=[{"message": None}])])
    with pytest.raises(UnusableInput, match=r"no column for confidence.*llm calibrant add URL"):
        read_rows(log, labels=str(labels(tmp_path, **{"1": 1, "2": 0})), on="id")


def test_replies_of_any_kind_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    log = database(
        tmp_path / "a.db", [{"id": str(i), "response_json": reply} for i, reply in enumerate(
            [None, "", "null", "[1]", "{broken", '{"confidence": 0.9}', '{"confidence": {"p": null}}', '{"choices": 1}',
             '{"confidence": {"p": 0.7}}'])],
    )  # fmt: skip
    (block,) = open_source(log).blocks(["confidence"])
    assert np.isnan(block["confidence"][:8].astype(float)).all() and block["confidence"][8] == 0.7


def test_a_table_of_it_can_be_named_and_other_databases_are_none_of_its(tmp_path: Path) -> None:
    log = database(tmp_path / "a.db", [answer("1", "4")])
    assert open_source(f"{log}#responses").columns == open_source(log).columns
    assert open_source(f"{log}#conversations").kind != "a log of llm"
    with closing(sqlite3.connect(tmp_path / "b.db")) as made, made:
        made.execute("CREATE TABLE responses (confidence, correct)")
        made.execute("INSERT INTO responses VALUES (0.9, 1)")
    assert open_source(tmp_path / "b.db").kind != "a log of llm"


def test_the_line_behind_an_answer_is_the_plug_in_s() -> None:
    pytest.importorskip("pluggy")
    from calibrant.integrations import llm

    assert llm.BEHIND == BEHIND
