"""All that plain texts, databases, workbooks and archives are read to, each of a few lines.

What is expected lies in `expected/`, a name for each.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from calibrant.logs.formats import delimited, inspect_log, sqlite, workbook
from calibrant.logs.formats.delimited import Delimited
from calibrant.logs.formats.json_lines import JsonLines
from calibrant.logs.formats.json_objects import JsonObjects
from calibrant.logs.headings import Heading, heading_of
from calibrant.logs.sources import Claim, Given, Source
from calibrant.plugins import find

from ..holding import hold, plain, said
from ..workbooks import xlsx
from .test_held_claims import given
from .test_held_logs import HELD, lines, opened

EXPECTED = HELD / "formats.json"

WAYS: dict[str, str] = {
    "commas": "a,b,c\n1,2,3\n4,5,6\n", "semicolons": "a;b;c\n1,5;2;3\n4,5;5;6\n", "tabs": "a\tb\n1\t2\n",
    "bars": "a|b\n1|2\n", "one column": "a\n1\n2\n", "one line": "a,b\n", "blank lines": "\n\na,b\n\n1,2\n",
    "spaces alone": " \n \n", "sep": "sep=;\na;b\n1;2\n", "quoted sep": '"SEP=|"\r\na|b\r\n1|2\r\n',
    "sep and another": "sep=;\na,b\n1,2\n", "quotes": 'a,b\n"1, 2",3\n"4 ""5""",6\n',
    "spaces before quotes": 'a, b\n1, "2, 3"\n4, "5"\n', "escaped": 'a,b\n"x \\"y\\", z",1\n"u",2\n',
    "backslash in no quotes": 'a,b\nx\\"y,1\nz,2\n', "half broken": "a,b\n1,2\n3\n4\n5\n",
    "most alike": "a,b\n1,2\n3,4\n5,6\n7\n", "less alike": "a,b\n1,2\n3,4\n5\n",
    "titled": "My study\n\na,b\n1,2\n3,4\n",
    "both": "a;b,c\n1;2,3\n4;5,6\n", "more in the header": "a,b,c;d\n1;2\n3;4\n", "long header": "a,b,c,d\n1,2\n3,4\n",
    "open quote": 'a,b\n"1,2\n3,4\n', "tie": "a;b|c\n1;2|3\n", "unlike": "a,b\nc\nd\ne\n",
}  # fmt: skip


def test_ways_of_writing() -> None:
    found = {name: said(lambda t=text: delimited._Way.of(given("a", t))) for name, text in WAYS.items()}
    hold(EXPECTED, "ways", found)
    long = given("a", "a,b\n" + "1,2\n" * 300_000 + "3,4")
    way = delimited._Way.of(Given("a", "a", long.head[: 1 << 20]))
    assert way is not None
    assert (way.mark, len(way.rows), way.alike) == (",", delimited.SAMPLE, True)


def text_of(cells: list[str], n: int = 6, header: str = "id,confidence,correct") -> str:
    return "\n".join([header, *(f"q{i},0.{5 + i % 4},{i % 2}" for i in range(n)), *cells]) + "\n"


TEXTS: dict[str, tuple[str, str]] = {
    "plain": ("a.csv", text_of([])), "short rows": ("a.csv", text_of(["q6,0.5", "q7"])),
    "long rows": ("a.csv", text_of(["q6,0.5,1,2", "q7,0.5,1,x,y"])),
    "empty cells at the end": ("a.csv", text_of(["q6,0.5,1,,"])),
    "a total": ("a.csv", text_of(["Total,0.6,0.5"])), "a total of two": ("a.csv", text_of(["Total,0.6,0.5"], 1)),
    "nothing but a total": ("a.csv", text_of(["Total,0.6,0.5"], 0)),
    "a total without a name": ("a.csv", text_of([",Total,0.5"])),
    "row names": ("a.csv", "confidence,correct\n" + "".join(f"{i},0.{5 + i},1\n" for i in range(4))),
    "row names that repeat": ("a.csv", "confidence,correct\n" + "".join(f"x,0.{5 + i},1\n" for i in range(4))),
    "a row beside row names": ("a.csv", "row,correct\n" + "".join(f"n{i},0.{5 + i},1\n" for i in range(4))),
    "decimal commas": ("a.csv", "id,confidence,correct\n" + "".join(f"q{i},0,{5 + i},1\n" for i in range(4))),
    "decimal commas in some": ("a.csv", "id,confidence,correct\nq0,0,5,1\nq1,1,1\nq2,0,7,0\n"),
    "commas that may be either": ("a.csv", "id,confidence,correct\n1,0,5,1\n2,0,6,1\n3,0,7,0\n"),
    "semicolons and commas": ("a.csv", "id;confidence;correct\n" + "".join(f"q{i};0,{5 + i};1\n" for i in range(4))),
    "thousands": ("a.csv", 'id,confidence,n\n' + "".join(f'q{i},0.{5 + i},"1,{200 + i}"\n' for i in range(4))),
    "a broken quote": ("a.csv", 'id,confidence\nq0,0.5\n"q1"x,0.6\n'), "a broken quote later": ("a.csv",
        "sep=,\nid,confidence\nq0,0.5\n" + '"q1"x,0.6\n'),
        "a cell over lines": ("a.csv", 'id,confidence\n"q\n0",0.5\nq1,0.6\n'),
    "above it": ("a.csv", "A study\n\n" + text_of([])), "sep": ("a.csv", "sep=;\nid;confidence\nq0;0.5\nq1;0.6\n"),
    "spaces": ("a.csv", 'id, confidence, why\nq0, 0.5, "a, b"\nq1, 0.6, "c"\n'),
    "escaped quotes": ("a.csv", 'id,why\nq0,"say \\"a\\", b"\nq1,"c"\n'), "a page": ("a.csv", "<html>\n"),
    "spaces alone": ("a.csv", " \n"), "no header": ("a.csv", "q0,0.5,1\nq1,0.6,0\n"),
    "a byte order mark": ("a.csv", "\ufeff" + text_of([])),
    "blank rows": ("a.csv", text_of(["", ",,", "q6,0.5,1"])),
    "header twice": ("a.csv", text_of([], header="id,id,id")),
}  # fmt: skip


def whole(read: Any) -> Any:
    found = said(read)
    if isinstance(found, Source):
        return plain(opened(found)) if found.columns else "no columns"
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_texts_in_columns(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the engine where it will, and row by row."""
    monkeypatch.chdir(tmp_path)
    file, text = TEXTS[name]
    Path(file).write_text(text, encoding="utf-8")
    log = given(file, text)
    found = {"claim": Delimited().claim(log).name, "opened": whole(lambda: Delimited().open(log))}
    way = delimited._Way.of(log)
    heading = said(lambda: heading_of("a", way.rows)) if way else None
    if way and isinstance(heading, Heading):
        rows = whole(lambda: delimited._row_by_row(log, way, heading))
        found["row by row"] = rows if rows != found["opened"] else "the same"
        found["parts"] = [
            delimited._total_at_the_end(log, way), delimited._lines(way, log, heading), delimited._has_quotes(file)
        ]  # fmt: skip
    hold(EXPECTED, f"text, {name}", found)


def test_quotes_far_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 300_000 + b'"3",4\n')
    assert delimited._has_quotes(str(path))
    assert (
        delimited._total_at_the_end(
            given(str(path), "a,b\n1,2\n"), delimited._Way.of(given("a", "a,b\n1,2\n"))
        )
        is False
    )  # type: ignore[arg-type]


JSON: dict[str, tuple[str, str]] = {
    "a list": ("a.json", '[{"a": 1}, {"a": 2, "b": {"c": 3}}]'), "an open list": ("a.json", '[{"a": 1},\n{"a": 2},'),
    "a list and NULs": ("a.json", '[{"a": 1}]\n\0\0'), "one after the other": ("a.json", '{"a": 1} {"a": 2}'),
    "one broken among": ("a.json", '[{"a": 1},\n{"a": },\n{"a": 3}]'),
    "broken at the end": ("a.json", '[{"a": 1},\n{"a": '),
    "one alone": ("a.json", '{"a": 1}'), "a document": ("a.json", '{"rows": [{"a": 1}], "n": 2}'),
    "a part": ("a.json#rows", '{"rows": [{"a": 1}], "other": [{"b": 1}]}'),
    "no part": ("a.json#more", '{"rows": [{"a": 1}]}'),
    "a part of a list": ("a.json#rows", '[{"a": 1}]'), "several": ("a.json", '{"x": [{"a": 1}], "y": [{"b": 1}]}'),
    "no object": ("a.json", "[1, 2]"), "a text": ("a.json", '"a"'), "a comma too much": ("a.json", '[{"a": 1,}]'),
    "cut": ("a.json", '{"a": 1, "b'), "quotes of Python": ("a.json", "{'a': 1}"),
}  # fmt: skip
LINES: dict[str, str] = {
    "lines": lines({"a": 1}, {"a": 2, "b": {"c": 3}}), "a broken line": '{"a": 1}\n\n{"a": \n{"a": 3}\n',
    "two broken lines": 'x\n{"a": 1}\n7\n{"a": 3}\n', "none": "x\ny\n", "a list on each": "[1]\n[2]\n",
    "cut": '{"a": 1}\n{"a"',
    "deep": lines({"a": 1, "b": {"c": {"d": [1]}}}, {"a": None}), "almost": '\n{"a": 1,}\n',
}  # fmt: skip


@pytest.mark.parametrize("name", JSON)
def test_json(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file, text = JSON[name]
    path, _, part = file.partition("#")
    Path(path).write_text(text, encoding="utf-8")
    log = Given(file, path, text.encode(), file, part)
    found = {"claim": JsonObjects().claim(log).name, "opened": whole(lambda: JsonObjects().open(log))}
    hold(EXPECTED, f"json, {name}", found)


@pytest.mark.parametrize("name", LINES)
def test_json_lines(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text(LINES[name], encoding="utf-8")
    log = given("a.jsonl", LINES[name])
    found: dict[str, Any] = {
        "claim": JsonLines().claim(log).name,
        "opened": whole(lambda: JsonLines().open(log)),
    }
    read = said(lambda: JsonLines().open(log))
    if isinstance(read, Source) and read.objects:
        found["objects"] = list(read.objects())
    hold(EXPECTED, f"lines, {name}", found)


TABLES = {
    "one": ["CREATE TABLE answers (id, confidence, correct)",
    "INSERT INTO answers VALUES ('q', 0.5, 1), (X'C3A9', NULL, 0)"],
    "two": ["CREATE TABLE b (confidence, correct)", "INSERT INTO b VALUES (0.5, 1)", "CREATE TABLE a (x, y)",
    "INSERT INTO a VALUES (1, 2)"],
    "an empty one": ["CREATE TABLE b (x, y)", "INSERT INTO b VALUES (0.5, 1)", "CREATE TABLE a (confidence, correct)"],
    "none filled": ["CREATE TABLE b (x, y)", "CREATE TABLE a (confidence, correct)"],
    "one column": ["CREATE TABLE b (x)", "INSERT INTO b VALUES (1)"],
    "one column beside": ["CREATE TABLE b (x)", "INSERT INTO b VALUES (1)", "CREATE TABLE a (y, z)",
    "INSERT INTO a VALUES (1, 2)"],
    "a view": ["CREATE TABLE sqlitx (x, y)", "INSERT INTO sqlitx VALUES (1, 2)",
    'CREATE VIEW "the ""best""" AS SELECT * FROM sqlitx'],
    "a store": ["CREATE TABLE meta (x)", "CREATE TABLE records (x)", "CREATE TABLE more (x)"],
    "half a store": ["CREATE TABLE meta (x, y)", "INSERT INTO meta VALUES (1, 2)"],
    "counted": ["CREATE TABLE a (x INTEGER PRIMARY KEY AUTOINCREMENT, y)", "INSERT INTO a (y) VALUES (2)"],
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_sqlite(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("a")) as database:
        database.execute("PRAGMA synchronous = OFF")
        for command in TABLES[name]:
            database.execute(command)
        database.commit()
    head = Path("a").read_bytes()
    log, cut = Given("a", "a", head, "a"), Given("a", "a", head, "b.db")
    found = {"claim": sqlite.Sqlite().claim(log).name, "opened": whole(lambda: sqlite.Sqlite().open(log))}
    found["as b"] = whole(lambda: sqlite.Sqlite().open(Given("a", "a", head, "a#b", "b")))
    Path("a").write_bytes(head[:-100])
    found["cut"] = whole(lambda: sqlite.Sqlite().open(cut))
    Path("a").write_bytes(head[:100] + b"\0" * (len(head) - 100))
    found["broken"] = [sqlite.Sqlite().claim(log).name, whole(lambda: sqlite.Sqlite().open(cut))]
    hold(EXPECTED, f"sqlite, {name}", found)


def test_pages_of_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 200)

    def head(size: int, pages: int, changed: int = 1, known: int = 1) -> bytes:
        told = bytearray(100)
        told[16:18], told[24:28] = size.to_bytes(2, "big"), changed.to_bytes(4, "big")
        told[28:32], told[92:96] = pages.to_bytes(4, "big"), known.to_bytes(4, "big")
        return bytes(told)

    tried = [
        (100, 2),
        (100, 3),
        (67, 3),
        (66, 3),
        (1, 1),
        (2, 100),
        (2, 101),
        (512, 1, 1, 2),
        (256, 1),
        (200, 1),
        (201, 1),
    ]
    cut = [sqlite._cut(Given("a", str(path), head(*one))) for one in tried]  # type: ignore[arg-type]
    assert cut == [False, True, True, False, True, False, True, False, True, False, True]


SHEET = [["id", "confidence", "correct"], ["q0", 0.5, 1], ["q1", 0.75, 0], ["q2", "90%", 1]]
SHEETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one": ({"A": SHEET}, {}), "hidden rows": ({"A": SHEET}, {"hidden": 2}),
    "merged": ({"A": SHEET}, {"merged": "A2:A3"}),
    "merged over columns": ({"A": SHEET}, {"merged": "A2:B2"}), "a total": ({"A": [*SHEET, ["Total", 0.6, 0.5]]}, {}),
    "a total alone": ({"A": [SHEET[0], ["Total", 0.6, 0.5]]}, {}), "empty": ({"A": []}, {}), "several": ({"A": SHEET,
    "B": SHEET}, {}),
    "one of several": ({"About": [["Made by hand"]], "B": SHEET}, {"hidden": 1}),
    "a title": ({"A": [["A study"], [], *SHEET]}, {}),
    "empty columns": ({"A": [["", *row, ""] for row in SHEET]}, {}),
    "empty rows": ({"A": [SHEET[0], [], *SHEET[1:], []]}, {}),
    "no header": ({"A": SHEET[1:]}, {}), "one row": ({"A": SHEET[:2]}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", SHEETS)
def test_workbooks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("python_calamine")
    monkeypatch.chdir(tmp_path)
    sheets, more = SHEETS[name]
    head = xlsx(Path("a.xlsx"), sheets, **more).read_bytes()
    one = workbook.Workbook()
    found = {
        "claim": one.claim(Given("a", "a", head)).name,
        "opened": whole(lambda: one.open(Given("a.xlsx", "a.xlsx", head))),
        "B": whole(lambda: one.open(Given("a.xlsx#B", "a.xlsx", head, "a.xlsx#B", "B"))),
        "hidden": [
            workbook._hidden("a.xlsx", "A"),
            workbook._hidden("a.xlsx", "B"),
            workbook._hidden("a.xlsx", "C"),
        ],
    }
    hold(EXPECTED, f"workbook, {name}", found)


def test_what_is_no_workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("python_calamine")
    monkeypatch.chdir(tmp_path)
    Path("a.xlsx").write_bytes(b"PK\3\4 xl/ cut off")
    found = whole(lambda: workbook.Workbook().open(Given("a.xlsx", "a.xlsx", b"", "b.xlsx")))
    kept, _, rest = found.partition(": ")
    assert kept == "UnusableInput"
    assert rest.startswith("b.xlsx cannot be read as a workbook: ")
    assert rest.endswith(". Is it locked by a password? Save it without one, or as CSV.")
    assert workbook._hidden("a.xlsx", "A") == []


def test_archives_of_inspect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = {"version": 2, "eval": {"task": "t", "model": "m"}}
    sample = {"id": 1, "epoch": 1, "scores": {"s": {"value": "C", "metadata": {"confidence": 0.5}}}}
    archives: dict[str, dict[str, Any]] = {
        "whole": {"header.json": {**told, "status": "success"}, "samples/1.json": sample, "samples/1.txt": 3,
        "other/2.json": 4},
        "both": {"_journal/start.json": {}, "header.json": {**told, "status": "cancelled"}, "samples/1.json": sample},
        "died": {"_journal/start.json": told, "samples/1.json": sample, "samples/2.json": [1]},
        "no samples": {"header.json": told}, "another": {"head.json": told}, "an odd header": {"header.json": [],
        "samples/1.json": sample},
        "all failed": {"header.json": told, "samples/1.json": {**sample, "error": {"message": "boom"}}},
        "failed in a word": {"header.json": told, "samples/1.json": {**sample, "error": "boom"},
        "samples/2.json": sample},
    }  # fmt: skip
    one, found = inspect_log.InspectLog(), {}
    for name, members in archives.items():
        with zipfile.ZipFile("a.eval", "w") as archive:
            for member, held in members.items():
                archive.writestr(member, json.dumps(held))
        log = Given("a.eval", "a.eval", Path("a.eval").read_bytes())
        found[name] = [one.claim(log).name, whole(lambda log=log: one.open(log))]
    hold(EXPECTED, "archives of inspect", found)


STORED = [
    "log.csv", "postgresql://u:secret@h/db", "postgresql://h/db?password=secret&x=1", "postgresql://h/db?PassFile=a",
    "redis://:p@[/1", "mysql+x://u@h/db",
]  # fmt: skip


def test_addresses_of_stores() -> None:
    pytest.importorskip("sqlalchemy")
    shown = sys.modules[find("log_formats", "store").__module__]._shown
    hold(EXPECTED, "addresses of stores", {one: said(lambda one=one: shown(one)) for one in STORED})
    assert find("log_formats", "store")().claim(Given("a", "a", b"SQLite format 3\0")) == Claim.SYNTAX
