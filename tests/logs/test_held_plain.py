"""Files before their rows are known: how they are packed and begin, where a table starts, and what lies within JSON."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest

from calibrant.logs import (
    broken,
    documents,
    foreign,
    given,
    headings,
    nesting,
    parts,
    unpacking,
    zipped,
)

from ..holding import hold, said

HELD = Path(__file__).parent / "expected" / "plain.json"

TABLES: dict[str, list[list[Any]]] = {
    "none": [], "blank": [["", None], []], "plain": [["id", "p"], ["q", "0.5"]], "title": [["A study", ""], ["id",
    "p"], ["q", "0.5"]],
    "two above": [["A study", ""], ["", ""], ["id", "p"], ["q", 0.5]], "one column": [["p"], ["0.5"]],
    "header alone": [["id", "p"]],
    "comment": [["# made", ""], ["#id", "p"], ["q", 1]], "one comment": [["# made by hand"], ["id", "p"], ["q", 1]],
    "a header with #": [["#id", "p"], ["q", 1]], "# alone": [["#id", "p"]], "# and less": [["#id", "p", "y"], ["q",
    1]], "# and blank": [["#id", "p"], [], ["q", 1]],
    "same": [["a", "a", "a_2", ""], ["1", "x", "y", "z"]], "thrice": [["a", "a", "a"], ["x", "y", "z"]],
    "unnamed": [["", "p", ""], ["q", "x", "y"]],
    "capitals": [["P", "p", "q"], ["x", "y", "z"]], "spaces": [[" id ", "p\t"], ["q", 1]], "fractions": [["0.5",
    "q"], ["0.7", "r"]],
    "a fraction over a whole": [["0.5", "q"], ["1", "r"]], "a fraction over a word": [["0.5", "q"], ["x", "r"]],
    "percents": [["50%", "a"], ["60 %", "b"]],
    "commas": [["0,5", "a"], ["-,7e-3", "b"]], "one whole": [["q", "3"], ["r", "4"]], "two wholes": [["5", "3"],
    ["6", "4"]], "classes": [["0", "1", "2"], ["5", "3", "4"]],
    "classes from 3": [["3", "4"], ["5", "3"]], "truths": [["True", "false"], ["true", "FALSE"]],
    "one truth": [["True", "x"], ["true", "y"]], "truth and whole": [["true", "7"], ["false", "8"]],
    "data alone": [["q1", "0.5", "7", "9"]], "seven": [["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"],
    ["0.1"] * 7], "short second": [["0.5", "7"], ["0.6"]],
    "wide and narrow": [["a", "b", "c"], ["x", ""], ["y", ""]], "ties": [["t", ""], ["a", "b"], ["c", ""], ["d",
    "e"]],
}  # fmt: skip


def test_headings() -> None:
    hold(
        HELD,
        "headings",
        {name: said(lambda r=rows: headings.heading_of("a.csv", r)) for name, rows in TABLES.items()},
    )


SUMS = ["TOTAL", "Total:", "S0 subtotal", "Mean of S1:", "Average (n=50)", "Summer", "What is a sum?", "sum",
"sums", "x" * 40 + " total", "x" * 41 + " total",
        "total " + "x" * 39, "total " + "x" * 41, "a total of it all", "zwischensumme", "3月小計",
        "小計" + "x" * 21, "  Overall  ", "grand  total", "q9", "", "n = 50"]  # fmt: skip
LASTS: list[list[Any]] = [["TOTAL", "0.78"], ["", "Mean:", 0.5], ["q9", "0.8"], ["total"], ["n=50", 1],
["n = 5x", 1], ["N =5", "x"], [None, ""], [], ["sum of", 3], ["Итого:", 5]]  # fmt: skip


def test_rows_that_sum_up() -> None:
    hold(HELD, "sums", [[headings.sums_up(one) for one in SUMS], [headings.is_total(row) for row in LASTS]])


NUMBERS = ["0,8", "1,200", "1,2", "12,345,678", "0,500", "1,2345", "-3,5 %", "5", "+5", "0.5", ".5", "5%", "5e-3",
"x", "1,200.5", "", " 1,5 ", "1234,567", ",5", "1,23,456"]  # fmt: skip


def test_commas_in_numbers() -> None:
    found: dict[str, Any] = {
        one: [headings._look(one.strip()), headings.pointed(one, True), headings.pointed(one, False)]
        for one in NUMBERS
    }
    columns = {
        "decimal": ["0,8", "1", ""], "grouped": ["1,200", "3"], "both": ["1,200", "0,5"], "half": ["0,8", "x"],
        "less than half": ["0,8", "x", "y"],
        "points": ["0.5", "1"], "words": ["x"], "none": [""], "with points": ["0,5", "0.5", "x", "y"],
        "grouped and words": ["1,200", "x", "y"],
    }  # fmt: skip
    seen = headings.Decimals(list(columns))
    height = max(map(len, columns.values()))
    seen.look([[held[i] if i < len(held) else "" for held in columns.values()] for i in range(height)])
    seen.look([["0,7"]])
    plain = headings.Decimals(["a"])
    found["columns"] = [sorted(seen.decimal), sorted(seen.grouped), seen.notes, plain.notes]
    hold(HELD, "commas", found)


def packed(held: bytes) -> bytes:
    return gzip.compress(held, mtime=0)


TEXT = "id,p\nq,0.5\n"
ODD = "id,p\né,0.5\n"
FILES: dict[str, bytes] = {
    "a.csv": TEXT.encode(), "gzip.csv.gz": packed(TEXT.encode()), "bz2.csv.bz2": bz2.compress(TEXT.encode()),
    "xz.csv.xz": lzma.compress(TEXT.encode()),
    "twice.csv.gz.xz": lzma.compress(packed(ODD.encode("utf-16"))),
    "cut.csv.gz": packed(TEXT.encode() * 99)[:-20], "bom.csv": codecs.BOM_UTF8 + ODD.encode(),
    "utf16.csv": ODD.encode("utf-16"), "utf16be.csv": codecs.BOM_UTF16_BE + ODD.encode("utf-16-be"),
    "bare16le.csv": ODD.encode("utf-16-le"), "bare16be.csv": ODD.encode("utf-16-be"),
    "utf32.csv": ODD.encode("utf-32"), "utf32be.csv": codecs.BOM_UTF32_BE + ODD.encode("utf-32-be"),
    "latin.csv": ODD.encode("cp1252"), "broken.csv": (ODD * 9).encode() + b"\xff\n",
    "half.csv": "é".encode() + b"\xe9", "returns.csv": ODD.replace("\n", "\r").encode(),
    "mixed.csv": ODD.replace("\n", "\r\n").encode(), "cut8.csv": ODD.encode()[:6],
    "zeros.bin": b"a\0b\0\0\0\0c" * 9, "one zero.csv": b"id,p\nq\0x,0.5,abcdefgh\n",
    "duck.db": b"abcdefghDUCK\xff\r", "parquet.x": b"PAR1\xff\r", "tar.x": b"log" + b"\0" * 254 + b"ustar\x0000",
    "deep.gz": packed(packed(packed(packed(TEXT.encode())))), "empty.csv": b" \n",
    "bad.xz": b"\xfd7zXZ\0junk", "zip.zip": b"PK\x03\x04junk",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, held in FILES.items():
        Path(name).write_bytes(held)
    for name, members in {
        "one.zip": ["log.CSV"],
        "two.zip": ["a.csv", "b.csv"],
        "mac.zip": ["in/", "__MACOSX/x.csv", "in/log.jsonl"],
        "other.zip": ["log.png"],
    }.items():
        with zipfile.ZipFile(name, "w") as archive:
            for member in members:
                archive.writestr(member, "" if member.endswith("/") else TEXT)
    Path("folder/x").mkdir(parents=True)
    for name in ("b.csv", "a.csv", "c.json", "none"):
        Path("folder", name).write_text(TEXT)
    Path("bare").mkdir()
    return tmp_path


def test_packed_files(folder: Path) -> None:
    def plain(name: str) -> Any:
        one = unpacking.unpacked(Path(name))
        return [
            one.path.name,
            one.path == Path(name),
            repr(one.head[:4] if one.head.startswith(b"PK") else one.head)[:60],
            one.notes,
            one.kept is None,
        ]

    names = [*FILES, "one.zip", "two.zip", "mac.zip", "other.zip", "bare", "none.csv"]
    hold(HELD, "packed", {name: said(lambda n=name: plain(n)) for name in names})


def test_what_is_given(folder: Path) -> None:
    def known(value: Any) -> Any:
        one = given.Given.of(value)
        text = Path(one.text).name if Path(one.text).is_absolute() else one.text
        return [text, one.name, one.part, one.notes, one.ending, len(one.head) > 12, one.kept is None]

    asked: list[Any] = ["a.csv", Path("a.csv"), "twice.csv.gz.xz", "latin.csv", "*.csv", "none.csv", "a.csv#x",
    "none.csv#x", "#x", "a.csv#", "folder", "bare", "folder/*.csv",
                        "s3://bucket/log.csv", "duckdb:a.db#t", "sample", "empty.csv", "no/such*.csv", 5,
                        [1]]  # fmt: skip
    hold(HELD, "given", [said(lambda v=value: known(v)) for value in asked])
    Path("sample").write_text(TEXT)
    assert known("sample")[0] == "sample"


BEGINS: dict[str, bytes] = {
    "lines": b'{"id": 1}\n{"id": 2}\n', "alone": b'{"id": 1}\n \n', "list": b' [ {"id": 1}, {"id": 2}]',
    "over lines": b'{"id":\n 1}', "followed": b'{"id": 1} {"id": 2}\n', "none": b"id,p\n",
    "cut": b'{"id": 1', "numbers": b"[1, 2]", "bom": codecs.BOM_UTF8 + b'{"id": 1}', "empty": b"",
    "line after": b'{"id": 1}  \nx', "nested": b'{"a": {"b": 1}, "c": [1]}',
}  # fmt: skip


def test_how_json_begins(folder: Path) -> None:
    logs = {name: given.Given(None, "x", head) for name, head in BEGINS.items()}
    found: dict[str, Any] = {
        name: [one.record, one.on_a_line, one.alone, sorted(foreign.beginning_keys(one))]
        for name, one in logs.items()
    }
    long = json.dumps({"id": 1, "text": "x" * (1 << 20)}) + "\n"
    Path("long.json").write_text(long)
    for name in ("long.json", "none.json", "folder"):
        one = given.Given(None, name, long.encode()[: 1 << 20])
        found[name] = [one.record and list(one.record), one.on_a_line, one.alone]
    texts = [
        '{"eval": {"id": 1}, "samples": [{"x": "cut off',
        '{"a": "b", "c": "d: e", "f\\"g": 1}',
        '[{"a": 1}',
        ' {"a"',
        '{"a": {"b": 2, "c',
        "x",
    ]
    found["keys"] = [sorted(foreign.beginning_keys(given.Given("a", "a", text.encode()))) for text in texts]
    hold(HELD, "begins", found)


def test_members_of_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("stored", "one " * 9)
        archive.writestr(zipfile.ZipInfo("x/deflated"), "two " * 99, zipfile.ZIP_DEFLATED)
        archive.writestr("bz2", "three", zipfile.ZIP_BZIP2)
    held = Path("a.zip").read_bytes()
    Path("spoilt.zip").write_bytes(held.replace(b"one one", b"one two", 1))
    Path("cut.zip").write_bytes(held[:-30])
    Path("text.zip").write_text("x")
    names = ("a.zip", "spoilt.zip", "cut.zip", "text.zip", "none.zip")
    hold(HELD, "members", {
        name: [zipped.member_names(Path(name)), *(said(lambda n=name, m=m: zipped.member(Path(n),
        m)[:9]) for m in ("stored", "x/deflated", "bz2", "no"))]
        for name in names
    })  # fmt: skip


WITHIN: dict[str, tuple[Any, str]] = {
    "results": ({"model": "m", "results": [{"p": 0.9}]}, ""), "two lists": ({"results": [{"p": 1}],
    "metrics": [{"a": 1}, {"a": 2}]}, ""), "two unusual": ({"x": [{"p": 1}], "y": [{"p": 2}]}, ""),
    "two usual": ({"data": [{"p": 1}], "rows": [{"p": 2}]}, ""), "deeper": ({"a": {"results": [{"p": 1}]},
    "x": [{"q": 1}]}, ""), "deep alone": ({"a": {"b": {"c": [{"p": 1}]}}}, ""),
    "too deep": ({"a": {"b": {"c": {"d": [{"p": 1}]}}}}, ""),
    "named": ({"x": [{"p": 1}], "y": [{"p": 2}]}, "y"), "named deep": ({"a": {"y": [{"p": 2}]}}, "a.y"),
    "not there": ({"x": [{"p": 1}]}, "z"), "none there": ({"x": 1}, "z"), "Data": ({"Data": [{"p": 1}],
    "x": [{"p": 2}]}, ""),
    "split": ({"columns": ["p", 5], "index": [0], "data": [[0.9, 1]]}, ""), "split rows": ({"columns": ["p"],
    "rows": [[0.9], [1]]}, ""), "uneven split": ({"columns": ["p", "y"], "data": [[0.9]]}, ""),
    "split of objects": ({"columns": ["p"], "data": [{"p": 1}]}, ""),
    "columns": ({"p": [0.9, 0.8], "y": [1, 0]}, ""), "columns beside": ({"p": [0.9, 0.8], "y": [1, 0],
    "model": "m"}, ""), "uneven columns": ({"p": [0.9, 0.8], "y": [1]}, ""), "columns and an object": ({"p": [0.9],
    "y": [1], "about": {"a": 1}}, ""),
    "one column": ({"p": [0.9, 0.8], "s": [["a"], ["b"]]}, ""), "two and lists": ({"p": [0.9], "y": [1],
    "s": [["a"]]}, ""), "empty columns": ({"p": [], "y": []}, ""), "columns within": ({"about": {"a": 1},
    "data": {"p": [0.9, 0.8], "y": [1, 0]}}, ""),
    "by label": ({"p": {"0": 0.9, "1": 0.8}, "y": {"0": 1, "1": 0}}, ""), "by id": ({"q7": {"p": 0.9, "y": True},
    "q8": {"p": 0.8, "y": False}}, ""), "ids of digits": ({"7": {"p": 0.9, "y": 1}, "8": {"p": 0.8, "y": 0}}, ""),
    "one id": ({"q7": {"p": 0.9}}, ""),
    "some shared": ({"q7": {"p": 0.9, "y": 1}, "q8": {"p": 0.8}}, ""), "none shared": ({"q7": {"p": 0.9},
    "q8": {"y": 0.8}}, ""), "labels": ({"p": {"a": 0.9, "b": 0.8, "c": 1}, "y": {"a": 1, "b": None, "c": 0}}, ""),
    "labels of kinds": ({"x": {"a": 0.9, "b": "t"}, "z": {"a": 1, "b": "u"}}, ""),
    "labels, few": ({"x": {"a": 1}, "y": {"a": 2}, "z": {"a": 3}}, ""), "truths": ({"x": {"a": True, "b": 1},
    "y": {"a": 1, "b": 2}}, ""), "empty": ({}, ""), "a row": ({"p": 0.9, "y": 1}, ""), "an empty id": ({"q7": {},
    "q8": {}}, ""), "lists of lists": ({"x": [[1]], "results": [{"p": 1}]}, ""), "empty list": ({"results": []}, ""),
    "usual within": ({"a": {"results": [{"p": 1}], "x": [{"q": 1}]}}, ""), "long columns": ({"p": [0] * 100 + [[1]],
    "y": [0] * 101}, ""), "deep columns": ({"p": [0] * 99 + [[1]], "y": [0] * 100}, ""),
}  # fmt: skip


def test_documents() -> None:
    def rows(document: Any, part: str) -> Any:
        held, notes = documents.rows_within("a.json", document, part)
        return [str(held[:3])[:150], len(held), notes]

    hold(HELD, "documents", {name: said(lambda o=one: rows(*o)) for name, one in WITHIN.items()})


def test_objects_within_rows() -> None:
    many = {f"k{i}": i for i in range(201)}
    rows: dict[str, list[dict[str, Any]]] = {
        "plain": [{"a": 1}, {"b": 2}], "nested": [{"a": {"b": {"c": {"d": {"e": 1}}}}}], "spelt": [{"a": {"b": 1},
        "a.b": 2}], "many": [{"a": many}], "most": [{"a": dict(list(many.items())[:200])}],
        "many together": [{"a": dict(list(many.items())[:150])}, {"a": {f"z{i}": 1 for i in range(60)}}],
        "numbers": [{"a": {1: 2}}], "none": [], "both": [{"a": {"b.c": 1}}, {"a": {"b": {"c": 2}}}],
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, held in rows.items():
        columns, inside = nesting.fields_of(held)
        found[name] = [columns[:6], len(columns), dict(list(inside.items())[:5])]
    row = {"a": {"b.c": 1, "d": None, "e": 0}, "x.y": {"z": 2}, "f": {"g": {"h": 3}}, "f.g": {"i": 4}}
    found["values"] = [
        nesting.value_at(row, name)
        for name in ("a.b.c", "a.d", "a.e", "x.y.z", "f.g.h", "f.g.i", "f.g", "a", "q", ".a", "a.", "f.g.h.k")
    ]
    hold(HELD, "nesting", found)


def test_parts_of_files() -> None:
    good = ["Conf", "correct"]
    held: dict[str, Any] = {
        "one": {"a": ["x"]}, "fits": {"a": ["x"], "b": good}, "two": {"a": good, "b c": good},
        "none": {"a": ["conf"], "b": ["correct"]}, "empty": {}, "seven": {f"t{i}": ["x"] for i in range(7)},
        "six": {f"t{i}": ["x"] for i in range(6)},
    }  # fmt: skip
    hold(HELD, "parts", {
        name: [said(lambda o=one, p=part, w=what: parts.part_of("a.db", p, o, *w)) for part, what in (("", ()),
        ("a", ()), ("z", ("sheet",)), ("", ("sheet",)))]
        for name, one in held.items()
    })  # fmt: skip


TEXTS = {
    "python": "{'p': 0.9, 'ok': True}\n{'p': 0.8, 'ok': None}\n", "python list": "[{'p': 0.9}]",
    "python whole": "{'p': 0.9,\n 'ok': True}", "true": '{"p": 0.9, "ok": True}', "quoted": "{\"p\": 'x'}",
    "false first": '{"ok": False}', "json": '{"ok": false}', "names": '{"Trueish": Truely}',
    "comment": "// by hand\n{\"p\": 1}", "hash": "# by hand\n# more\n[1]", "block": "/* a\n b */ {",
    "comment alone": "# by hand\nid,p\n", "bare": "{p: 0.9}", "bare list": "[ {p_1 : 0.9}]",
    "yaml": "- p: 0.9\n  ok: true\n", "yaml under": "---\n# made\nrows:\n  - p: 0.9\n    ok: yes\n",
    "yaml of one": "- p: 0.9\n",
    "csv": "id,p\nq,1\n", "empty": "", "dash": "- a\n- b\n", "late": " " * 4096 + "{p: 1}",
    "json in python": '{"a": "b"}\n', "digits": "{1: 2}",
}  # fmt: skip
JSONS = {
    "trailing": '[{"p": 0.9,}]', "trailing list": '{"p": [1,]}', "comment": '{"p": 1, // x\n"q": 2}',
    "hash": '{"p": 1,\n# x\n"q": 2}', "block": '{"p": /* x */ 1}', "cut": '{"p": 1', "cut list": '[{"p": 1}, {"p"',
    "word": '{"p": oops, "q": "a long text that goes on"}', "no objects": "[1, 2]", "whole": '{"p": 1}',
    "last": '{"p": 1, ', "two": '{"p": 1} {"q": 2}', "bom": "\ufeff {bad}", "deep": "[" * 100000,
    "quotes": "{'p': 1}",
}  # fmt: skip


def test_what_looks_like_json() -> None:
    paths = ("a.jsonl", "my log.json", "-a.txt", "b", "c.d.ndjson")
    found: dict[str, Any] = {name: broken.fault_in(text, "a.jsonl") for name, text in TEXTS.items()}
    found["paths"] = [
        [broken.fault_in(TEXTS[name], path) for path in paths] for name in ("comment", "python", "bare")
    ]
    found["json"] = {
        name: [broken.no_json(text, "a.json", whole=whole) for whole in (True, False)]
        for name, text in JSONS.items()
    }
    hold(HELD, "broken", found)
