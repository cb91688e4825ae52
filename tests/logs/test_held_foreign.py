"""What the formats of other tools share: cells with JSON in them, grades and labels, sources, and rows written."""

from __future__ import annotations

import codecs
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibrant.errors import Misuse
from calibrant.logs import annotated, foreign, given, written
from calibrant.logs.sources import rows_source

from ..holding import hold, said
from .test_held_logs import opened

HELD = Path(__file__).parent / "expected" / "foreign.json"


def test_files_of_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        "a.json": b'[{"a": 1}, 5]',
        "b.json": b'{"a": 1}',
        "c.json": b'{"a": ',
        "d.jsonl": b'{"a": 1}\n\n5\n{bad\n',
        "e.json": codecs.BOM_UTF8 + b"{}",
        "f.json": b"\xff",
    }
    for name, held in files.items():
        Path(name).write_bytes(held)
    found: dict[str, Any] = {
        name: [said(lambda n=name: foreign.json_in(Path(n))), said(lambda n=name: foreign.records_in(Path(n),
        on_lines=False)), said(lambda n=name: foreign.records_in(Path(n), on_lines=True))]
        for name in [*files, "none.json"]
    }  # fmt: skip
    found["paths"] = [
        [str(p) for p in foreign.paths_of(given.Given("", text))] for text in ("*.json", "a.json", "x*")
    ]
    found["text"] = foreign.json_in(Path("none"), '{"b": 2}')
    hold(HELD, "files", found)


CELLS: list[Any] = ['{"a": 1}', "{'a': None}", "[1, 2]", "{not so", " [1] ", "", "x", 5, None, np.array([1, 2]),
"(1,)", "[" * 300, '{"a": NaN}', "{1, 2}", True]  # fmt: skip
SAYING = [["score", "metadata.confidence", "Stated confidence"], ["score", "confidence_reason"], ["conf", "p_true",
"x/Confidence"], ["a.confidence", "b.confidence"], ["my certainty rating", "confidence_interval"],
          ["judge_confidence", "the confidences"], ["confidence", "confidence"], ["Uncertainty", "Confidence (%)"],
          ["confidence.value"], []]  # fmt: skip
GRADES: list[list[Any]] = [[True, None, "no"], [0.3, 1], [3.5], [None], ["", math.nan], ["Yes ", "FAIL"], ["0.5",
"1.0"], ["maybe"], [-0.1], [1.0001], [math.inf], [[1]], ["passed", "incorrect", "correct", "false"], []]  # fmt: skip
LABELS: list[tuple[Any, Any]] = [("0.0", "pass"), (None, "correct"), (4, "incorrect"), (True, "x"), ("pass", "x"),
(math.nan, "fail"), (4, None), (4, ""), (None, None), (0.5, "x"), (4, True), (False, None), ("good",
"bad")]  # fmt: skip


def test_cells_of_tools() -> None:
    nested: list[Any] = [
        {"a": {"b": [1, {"c": 2}], "d": None}, "e": True},
        5,
        [1],
        {},
        {"": 1},
        {"a": {}},
        {"x": (1,)},
    ]
    hold(HELD, "cells", {
        "cell": [str(foreign.cell(one))[:20] for one in CELLS], "flattened": [[foreign.flattened(one,
        name) for name in ("",
        "m")] for one in nested], "saying": [foreign.saying(one) for one in SAYING],
        "graded": [foreign.graded(one) for one in GRADES], "label": [foreign.label_of(*one) for one in LABELS],
        "judged": [annotated.judged(one) for one in GRADES],
        "parts": foreign.parts(correct=("acc", "f1"), confidence=("conf",), item="id", model=()),
        "one": [annotated.one_of(one) for one in (["a"], {"choices": ["b", "a"]}, {"rating": 4}, [], {}, {"a": 1,
        "b": 2}, [["x"]], [2, 1], "t", None, [None, "a"], {"a": {"b": 1}})],
    })  # fmt: skip


def test_sources_of_tools() -> None:
    rows: list[dict[str, Any]] = [
        {
            "id": i % 3,
            "ok": i % 2,
            "calibrant": 0.5,
            "calibrant/x": 0.4,
            "calibrants": 1,
            "p": i / 10,
            "q": None,
        }
        for i in range(5)
    ]
    tables: dict[str, tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]] = {
        "whole": (rows, {"correct": ("ok", "calibrant", "calibrant/x", "calibrants"), "confidence": "p",
        "item": "id", "model": "m"}, {"lacking": {"confidence": "c", "model": "n"}, "notes": ["It is."],
        "apart": ["id"], "scales": {"p": "percent"}, "beside": {"ok": "p"}}),
        "own alone": (rows, {"correct": "calibrant", "confidence": ()}, {"lacking": {"correct": "say",
        "confidence": "too"}}), "once each": (rows[:3], {"item": "id", "confidence": ("p", "q")}, {}),
        "unnamed": ([{"id": None}, {"id": None}, {"id": 1}], {"item": "id"}, {}), "none": ([], {"item": "id"}, {}),
    }  # fmt: skip
    found: dict[str, Any] = {
        name: opened(foreign.tool_source("a", "a tool's", held, parts_, **more))
        for name, (held, parts_, more) in tables.items()
    }
    source = rows_source("log", ["a", "b"], lambda: [{"a": "[1]", "b": "x"}])
    found["rows"] = [
        foreign.whole_rows(source),
        foreign.nested_rows(source),
        foreign.hidden(source, ["b"]).columns,
    ]
    hold(HELD, "sources", found)


A, B = annotated.Asked("said", "sug", "score"), annotated.Asked("said2", "sug2", "score2")
PEOPLE: dict[str, tuple[list[dict[str, Any]], list[annotated.Asked]]] = {
    "suggested": ([{"said": "x", "sug": "x", "score": 0.9}, {"said": "y", "sug": "x", "score": 0.8}, {"said": None,
    "sug": "x", "score": 1}], [A]), "judged": ([{"said": "yes", "confidence": 0.9}, {"said": "no",
    "confidence": 0.5}], [A]),
    "judged and not": ([{"said": "yes", "said2": "Rome", "confidence": 0.9}], [A, B]),
    "neither judged": ([{"said": "Oslo", "said2": "Rome", "confidence": 0.9}], [A, B]),
    "scored, unsuggested": ([{"said": "yes", "score": 0.9}], [A]),
    "two": ([{"said": "x", "sug": "x", "score": 0.9, "said2": "a", "sug2": "b", "score2": 0.4}], [A, B]),
    "one scored": ([{"said": "x", "sug": "x", "score": None, "said2": "a", "sug2": "b", "score2": 0.4}], [A, B]),
    "nothing said": ([{"sug": "x", "score": 0.9, "id": 1}], [A]), "no rows": ([], [A]),
    "score is confidence": ([{"said": "yes", "sug": "yes", "confidence": 0.7}], [annotated.Asked("said", "sug",
    "confidence")]),
}  # fmt: skip


def test_sources_of_people() -> None:
    hold(HELD, "people", {
        name: opened(annotated.annotated_source("a", "labels", rows, asked, {"item": "id"},
        notes=["Of one."])) for name, (rows, asked) in PEOPLE.items()
    })  # fmt: skip


def test_rows_are_written(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"a": 1, "b": math.nan, "c": "é"},
        {"a": math.inf, "z": Path("x"), "b": None},
    ]
    for ending in (".csv", ".JSONL", ".parquet"):
        path = tmp_path / f"out{ending}"
        written.check_ending(path)
        file = written.RowsFile(path, ["a", "b", "c"], numbers=["a", "b"], texts=["c"])
        file.write(rows[:1])
        file.write(rows[1:])
        file.close()
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "a,b,c\n1,nan,é\ninf,,\n"
    assert (tmp_path / "out.JSONL").read_text(encoding="utf-8") == (
        '{"a": 1, "b": null, "c": "é"}\n{"a": null, "z": "x", "b": null}\n'
    )
    parquet = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / "out.parquet")
    assert parquet.column_names == ["a", "b", "c"] and [str(kind) for kind in parquet.schema.types] == [
        "double",
        "double",
        "string",
    ]
    assert parquet.column("c").to_pylist() == ["é", None] and parquet.column("a").to_pylist() == [
        1.0,
        math.inf,
    ]
    with pytest.raises(
        Misuse, match=r"^Cannot write out\.txt: expected an ending \.parquet, \.csv or \.jsonl\.$"
    ):
        written.check_ending(Path("out.txt"))
