"""Texts that look like JSON and are none: what they are is said, and the command that is offered makes JSON of them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.tallies import read_log

ROWS = [
    {"id": f"q{i}", "confidence": 0.5 + i % 5 / 10, "correct": i % 3 > 0, "note": None} for i in range(30)
]
BROKEN = {
    "lines.jsonl": "\n".join(map(repr, ROWS)),
    "list.json": repr(ROWS),
    "-dash.jsonl": "\n".join(map(repr, ROWS)),
    "slashes.json": f"// export\n{json.dumps(ROWS, indent=1)}",
    "lines_below.jsonl": "# export\n" + "\n".join(map(json.dumps, ROWS)),
    "hash.json": f"# export\n  # of today\n{json.dumps(ROWS)}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_offered_makes_json_of_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(BROKEN[name])
    with pytest.raises(UnusableInput, match=r"as Python prints them|begins with a comment") as refused:
        read_log(f"./{name}" if name.startswith("-") else name)
    command = re.search(r"((?:python3|sed) .*)$", str(refused.value))
    assert command
    subprocess.run(command[1], shell=True, check=True, timeout=30)
    made = next(one for one in tmp_path.iterdir() if "_plain" in one.name)
    assert read_log(made).groups[()].rows == 30


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.yaml", "- id: q1\n  confidence: 0.9\n  correct: true\n" * 20, "is YAML"),
        ("a.yml", "results:\n  - id: q1\n    confidence: 0.9\n" * 5, "is YAML"),
        ("a.json", "[{confidence: 0.9, correct: true}]", "names that stand in no quotes"),
        ("a.json", '{"confidence": 0.9, "correct": tr', "cut off"),
        ("a.json", '[{"confidence": 0.9, "corr', "cut off"),
        ("a.json", '[{"confidence": 0.9 "correct": 1}]', r"line 1, column \d+: expecting ',' delimiter"),
        ("a.json", '[{"confidence": 0.9, // sure\n"correct": 1}]', "a comment, which JSON has not"),
        ("a.jsonl", '{"confidence": 0.9 "correct": 1}\n{"confidence" 1}\n', "no line of it is a JSON object"),
    ],
)
def test_it_is_said_what_it_is_and_where_it_breaks(name: str, text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UnusableInput, match=told):
        read_log(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    [
        "[\n" + ",\n".join(map(json.dumps, ROWS)) + ",\n]",
        "[" + json.dumps(ROWS)[1:-1].replace("}", ",}") + "]",
        json.dumps([{**row, "answer": "It says {'a': True}, # so // to speak"} for row in ROWS]),
        json.dumps(ROWS, indent=2),
    ],
    ids=["comma behind the last", "comma in each", "texts that hold code", "indented"],
)
def test_what_can_be_read_is_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    assert read_log(tmp_path / "a.json").groups[()].rows == 30
