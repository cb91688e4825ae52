"""JSON, however it is laid out: the rows in it are found, and what is broken is counted."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.rows import Rows, read_rows
from calibrant.logs.sources import open_source

FILES = Path(__file__).parent / "files"
ROWS: list[dict[str, Any]] = [
    {"id": f"q{i}", "confidence": (5 + i % 4) / 10, "correct": i % 2 == 1} for i in range(20)
]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}


def levels(rows: Rows) -> tuple[float, float]:
    [group] = rows.groups.values()
    return round(float(np.mean(group.scores)), 3), round(float(np.mean(group.grades)), 3)


def read(path: Path, text: str) -> Rows:
    path.write_text(text)
    return read_rows(path)


@pytest.mark.parametrize("name", ["answers_split.json", "answers_wrapped.json"])
def test_the_same_two_hundred_answers(name: str) -> None:
    rows = read_rows(FILES / name)
    assert (rows.rows, rows.used, levels(rows)) == (200, 200, (0.778, 0.605))


ORIENTS = ("records", "columns", "index", "split", "table")
FRAME = pd.DataFrame(ROWS)
LAYOUTS: dict[str, Callable[[], Any]] = {
    **{orient: lambda orient=orient: json.loads(FRAME.to_json(orient=orient)) for orient in ORIENTS},
    "columns by id": lambda: json.loads(FRAME.set_index("id").to_json()),
    "rows by id": lambda: {row["id"]: {k: row[k] for k in ("confidence", "correct")} for row in ROWS},
    "lists": lambda: COLUMNS,
    "lists with what holds for all": lambda: {"model": "m", **COLUMNS},
    "data of lists": lambda: {"data": COLUMNS, "metadata": {"tool": "t", "version": 2}},
    "wrapped": lambda: {"model": "m", "results": ROWS},
    "wrapped by another name": lambda: {"summary": {"n": 20}, "judged": ROWS},
    "wrapped twice": lambda: {"version": 3, "results": {"stats": {"a": 1}, "results": ROWS}},
    "beside other lists": lambda: {"errors": [{"at": 1}], "results": ROWS},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("indent", "name"), [(None, "log.jsonl"), (None, "log"), (2, "log.json"), (2, "log.txt")]
)
def test_rows_are_found_in_any_layout(layout: str, indent: int | None, name: str, tmp_path: Path) -> None:
    rows = read(tmp_path / name, json.dumps(LAYOUTS[layout](), indent=indent))
    assert (rows.rows, rows.used, levels(rows)) == (20, 20, (0.65, 0.5))
    assert (
        layout.startswith("wrapped") == any("The rows are" in n for n in rows.notes) or "'" in rows.notes[0]
    )


def test_a_document_longer_than_what_formats_look_at(tmp_path: Path) -> None:
    text = json.dumps({"results": [{**row, "answer": "a" * 100_000} for row in ROWS]})
    for name in ("log.json", "log", "log.jsonl"):
        assert levels(read(tmp_path / name, text)) == (0.65, 0.5)
    lines = "".join(json.dumps({**row, "answer": "a" * 1_200_000}) + "\n" for row in ROWS[:4])
    assert levels(read(tmp_path / "lines", lines)) == (0.65, 0.5)


def test_of_several_lists_a_person_chooses(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    with pytest.raises(
        UnusableInput, match=r"several lists of objects: train \(20\), test \(4\).*log\.json#train'"
    ):
        read(path, json.dumps({"train": ROWS, "test": ROWS[:4]}))
    assert read_rows(f"{path}#test").rows == 4
    with pytest.raises(UnusableInput, match=r"no list of objects 'dev'. It has: train, test"):
        read_rows(f"{path}#dev")
    (tmp_path / "log.csv").write_text("confidence,correct\n0.8,1\n")
    with pytest.raises(UnusableInput, match="has no parts"):
        read_rows(f"{tmp_path / 'log.csv'}#a")


LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def test_what_is_broken_in_lines_is_counted(tmp_path: Path) -> None:
    whole = read(tmp_path / "log.jsonl", LINES.replace("\n", "\n\n"))
    assert (whole.rows, open_source(tmp_path / "log.jsonl").notes) == (20, ())
    for broken, n, first in (('{"id": "q20", "conf', 1, 21), ("{oops}\n[1]\n3\n", 3, 21)):
        rows = read(tmp_path / "log.jsonl", LINES + broken)
        assert (rows.rows, rows.used, levels(rows)) == (20 + n, 20, (0.65, 0.5))
        assert open_source(tmp_path / "log.jsonl").notes == (
            f"{n} rows are no JSON objects, so nothing in them can be read. The first is line {first}.",
        )
    rows = read(tmp_path / "log", '{"id": \n' + LINES)
    assert (rows.rows, rows.used) == (21, 20)


def test_a_list_that_is_cut_off_keeps_what_is_whole(tmp_path: Path) -> None:
    for text in (json.dumps(ROWS)[:-30], json.dumps(ROWS, indent=1)[:-30]):
        rows = read(tmp_path / "log.json", text)
        assert (rows.rows, rows.used) == (20, 19)
        assert any("1 rows are no JSON objects" in note for note in rows.notes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    for text in (LINES, json.dumps(ROWS), json.dumps({"results": ROWS}), json.dumps(ROWS, indent=1)):
        path = tmp_path / "log.json"
        path.write_bytes(text.encode(encoding))
        assert levels(read_rows(path)) == (0.65, 0.5)


def test_numbers_as_texts_and_what_json_does_not_allow(tmp_path: Path) -> None:
    rows = [*ROWS, {"confidence": math.nan, "correct": True}, {"confidence": math.inf, "correct": None}]
    rows = [{**row, "confidence": str(row["confidence"])} if i % 2 else row for i, row in enumerate(rows)]
    for text in (
        json.dumps(rows),
        "".join(json.dumps(row) + "\n" for row in rows),
        json.dumps({"rows": rows}),
    ):
        found = read(tmp_path / "log", text)
        assert (found.rows, found.used, levels(found)) == (22, 20, (0.65, 0.5))
        assert sum(found.unusable.values()) == 2


@pytest.mark.parametrize("wrap", [lambda rows: "".join(json.dumps(row) + "\n" for row in rows), json.dumps])
def test_keys_that_come_late_are_columns(wrap: Callable[[Any], str], tmp_path: Path) -> None:
    early, late = (
        {"id": 1, "answer": {"text": "a"}},
        {"id": 1, "answer": {"text": "a", "sure": 0.5}, "correct": 1},
    )
    path = tmp_path / "log"
    path.write_text(wrap([early] * 12_000 + [late] * 3 + [{"new": {"deep": 1}}]))
    source = open_source(path)
    assert {"correct", "answer.sure", "new.deep"} <= set(source.columns)
    assert source.inside == {"answer.text", "answer.sure", "new.deep"}
    rows = read_rows(path, confidence="answer.sure")
    assert (rows.rows, rows.used, levels(rows)) == (12_004, 3, (0.5, 1.0))


def test_what_lies_within_is_found_by_its_name_where_it_is_the_only_one(tmp_path: Path) -> None:
    row = {
        "answer": {"confidence": 0.8, "score": 3},
        "judge": {"verdict": "right", "score": 0.1},
        "odd.key": {"a.b": 1},
    }
    path = tmp_path / "log.jsonl"
    rows = read(path, (json.dumps(row) + "\n") * 4)
    assert (levels(rows), rows.roles.confidence, rows.roles.correct) == (
        (0.8, 1.0),
        "answer.confidence",
        "judge.verdict",
    )
    assert "'answer.confidence', within another column, was read as confidence." in rows.notes
    assert "odd.key.a.b" in open_source(path).columns
    two = {**row, "again": {"confidence": 0.2}}
    with pytest.raises(
        UnusableInput, match=r"several columns for confidence: answer\.confidence, again\.confidence"
    ):
        read(path, (json.dumps(two) + "\n") * 4)
    own = {**row, "conf": 0.3}
    assert read(path, (json.dumps(own) + "\n") * 4).roles.confidence == "conf"


def test_an_object_of_many_keys_is_no_row_of_columns(tmp_path: Path) -> None:
    row = {"confidence": 0.8, "correct": 1, "tokens": {f"t{i}": -1.0 for i in range(500)}}
    path = tmp_path / "log.jsonl"
    path.write_text((json.dumps(row) + "\n") * 4)
    assert open_source(path).columns == ["confidence", "correct", "tokens"]


def test_a_list_that_the_file_does_not_close_is_told(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.json", tmp_path / "cut.json"
    text = json.dumps(ROWS, indent=1)
    whole.write_text(text + "\n")
    cut.write_text(text[: text.index("},", len(text) // 2) + 2])
    assert open_source(whole).notes == ()
    told = open_source(cut).notes
    assert told and told[0].startswith("The file ends within its list")
