"""What commands write: never over what they read, never half, and the status that says how it went."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import typer.main

from calibrant import cli
from calibrant.cli.options import WRITES
from calibrant.errors import Misuse, StoreError
from calibrant.files.jsonlines import JsonLines
from calibrant.files.writing import check_apart
from calibrant.logs.sources import open_source

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log in the working folder, with other names for it."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "answers.csv"
    rows = [{"id": i, "confidence": (i % 9 + 1) / 10, "correct": int(i * 7 % 10 < i % 9)} for i in range(150)]
    pd.DataFrame(rows).to_csv(file, index=False)
    (tmp_path / "link.csv").symlink_to(file)
    os.link(file, tmp_path / "hard.csv")
    (tmp_path / "sub").mkdir()
    return file


NAMES = ("answers.csv", "./answers.csv", "sub/../answers.csv", "link.csv", "hard.csv")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "command",
    [
        ["fit", "READ", "-o", "WRITTEN"],
        ["audit", "READ", "--report", "WRITTEN"],
        ["audit", "READ", "--markdown", "WRITTEN"],
        ["apply", "maps.json", "READ", "-o", "WRITTEN"],
        ["plan", "thresholds", "READ", "--max-error", "0.2", "-o", "WRITTEN"],
        ["plan", "costs", "READ", "--wrong", "10", "--review", "1", "--chart", "WRITTEN"],
        ["elicit", "READ", "-o", "WRITTEN"],
        ["posture", "READ", "--calls", "WRITTEN"],
        ["ask", "2 + 2?", "--maps", "READ", "--store", "WRITTEN"],
    ],
    ids=" ".join,
)
def test_nothing_is_written_over_what_is_read(run: Run, log: Path, name: str, command: list[str]) -> None:
    before = log.read_bytes()
    if "--chart" in command:  # whose endings are looked at first
        for old in ("answers", "link", "hard"):
            Path(f"{old}.csv").rename(f"{old}.svg")
        log, name = log.with_suffix(".svg"), name.replace(".csv", ".svg")
        Path("link.svg").unlink()
        Path("link.svg").symlink_to(log)
    read = [log.name if word == "READ" else name if word == "WRITTEN" else word for word in command]
    status, said = run(*read)
    assert status == 2 and "is a file that is read here" in said and Path(name).name in said, said
    assert log.read_bytes() == before
    assert not [one for one in os.listdir() if one.startswith(".")]


def test_nothing_is_written_over_a_file_of_a_pattern(run: Run, log: Path) -> None:
    status, said = run("audit", "*.csv", "--report", "hard.csv")
    assert status == 2 and "--report hard.csv is a file that is read here by the name *.csv" in said


def test_two_outputs_are_two_files(run: Run, log: Path) -> None:
    status, said = run("audit", log, "--report", "x.html", "--markdown", "sub/../x.html")
    assert (status, Path("x.html").exists()) == (2, False)
    assert "--report and --markdown are one file" in said
    assert run("audit", log, "--report", "/dev/null", "--markdown", "/dev/null")[0] == 0


def test_a_folder_of_results_does_not_take_the_prompt_that_is_read(run: Run, log: Path) -> None:
    (folder := Path("refined")).mkdir()
    (folder / "prompt.json").write_text("{}")
    Path("seed.json").symlink_to(folder / "prompt.json")
    status, said = run("refine", "seed.json", "-o", folder)
    assert status == 2 and "prompt.json, refined/prompt.json is a file that is read here" in said


def test_a_store_is_no_place_for_a_report_on_it(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.touch()
    with pytest.raises(Misuse, match=r"by the name sqlite:///"):
        check_apart({"--report": file}, [f"sqlite:///{file}?mode=ro"])
    check_apart({"--store": "postgresql://db/a.db"}, [file])
    check_apart({"--report": tmp_path / "b.html"}, [file, "*.db", "a question with * and [", ""])


def test_every_option_that_writes_is_known(run: Run) -> None:
    """An option that says that it writes stands among those whose files are looked at first."""
    pages, said = [typer.main.get_command(cli.app)], {}
    for page in pages:
        pages += getattr(page, "commands", {}).values()
        said |= {(page.name, one.opts[0]): getattr(one, "help", "") or "" for one in page.params}
    says = {
        (n, flag)
        for (n, flag), text in said.items()
        if re.match(r"Write|Where (to|the record|records)|Draw|Keep|File (for|that keeps)|Folder for", text)
        and flag != "--seed"
    }
    assert {flag for _, flag in says} >= {"--out", "--report", "--chart", "--store", "--calls"}
    assert not {one for one in says if one[1] not in WRITES}
    assert not {flag for _, flag in said if flag in WRITES} ^ set(WRITES)


@pytest.mark.parametrize(
    ("path", "says"), [("absent/x.csv", "there is no folder absent"), ("sub", "it is a folder")]
)
def test_what_cannot_be_written_is_said_before_the_work(run: Run, log: Path, path: str, says: str) -> None:
    for command in (["fit", log, "-o"], ["audit", log, "--report"], ["audit", "nowhere.csv", "--markdown"]):
        status, said = run(*command, path)
        assert status == 1 and says in said and path in said


@pytest.fixture
def full(small_disk: Callable[[str], Path]) -> Path:
    """A disk of 16 KiB, of which nothing is left but what a small map takes."""
    return small_disk("16k")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["fit", "LOG", "--by", "group"], "maps.json"),
        (["audit", "LOG"], "report.html"),
        (["apply", "maps.json", "LOG"], "out.csv"),
        (["apply", "maps.json", "LOG"], "out.jsonl"),
        (["apply", "maps.json", "LOG"], "out.parquet"),
        (["plan", "thresholds", "LOG", "--max-error", "0.5", "--by", "group"], "certs.json"),
        (["plan", "thresholds", "LOG", "--max-error", "0.5"], "chart.svg"),
    ],
    ids=lambda one: one if isinstance(one, str) else one[0],
)
def test_a_full_disk_leaves_what_was_there(
    run: Run, log: Path, full: Path, command: list[str], name: str
) -> None:
    frame = pd.concat([pd.read_csv(log)] * 12, ignore_index=True)
    frame.assign(group=frame.index % 12, text=[f"{i * 7919 % 100_003:x}" * 5 for i in frame.index]).to_csv(
        "long.csv"
    )
    assert run("fit", log, "-o", "maps.json")[0] == 0
    target = full / name
    target.write_text("before" * 1300)  # two of the four pages
    option = {"report.html": "--report", "chart.svg": "--chart"}.get(name, "-o")
    status, said = run(*("long.csv" if word == "LOG" else word for word in command), option, target)
    assert status == 1 and f"Cannot write {target}: No space left on device" in said, said
    assert target.read_text() == "before" * 1300
    assert os.listdir(full) == [name]


def test_somebody_elses_sqlite_file_is_left_as_it_is(run: Run, tmp_path: Path) -> None:
    made = {
        "tables.db": ["CREATE TABLE meta (id INTEGER)", "CREATE TABLE records (id TEXT)"],
        "alike.db": [
            "CREATE TABLE meta (name TEXT, value TEXT)",
            "CREATE TABLE records (id TEXT, time REAL, schema_version INTEGER, body TEXT)",
        ],
        "view.db": ["CREATE VIEW one AS SELECT 1"],
        "marked.db": ["PRAGMA application_id = 7"],
    }
    for name, statements in made.items():
        with sqlite3.connect(tmp_path / name) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
    (tmp_path / "text.db").write_text("not a database at all, " * 40)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    for name in before:
        for to in (tmp_path / name, f"sqlite:///{tmp_path / name}"):
            status, said = run(
                "ask", "2 + 2?", "--model", "m", "--url", "http://127.0.0.1:9/v1", "--store", to
            )
            assert status == 1 and ("no store of calibrant" in said or "not a database" in said), said
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "text",
    [
        '[{"question": "a"}]',
        '{"question": "a"}',
        '{"question": "a"}\n',
        "notes, without an end",
        '{\n "a": 1\n}\n',
    ],
)
def test_somebody_elses_lines_are_left_as_they_are(run: Run, tmp_path: Path, text: str) -> None:
    (questions := tmp_path / "q.jsonl").write_text('{"question": "2 + 2?", "gold": "4"}\n')
    other = tmp_path / "notes.jsonl"
    other.write_text(text)
    at = ["--model", "m", "--url", "http://127.0.0.1:9/v1"]
    for command in (["elicit", questions, "-o", other, *at], ["posture", questions, "--calls", other, *at]):
        status, said = run(*command)
        assert status == 1 and "notes.jsonl, line 1: expected a JSON object" in said, said
        assert other.read_text() == text


def test_a_line_that_only_lacks_its_end_is_somebody_elses_or_ours(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    for torn in ('{"id": 1}', '{"id": 1, "te', "{"):
        file.write_text('{"id": 0}\n' + torn)
        lines = JsonLines(file, has=("id",))
        assert [line["id"] for line in lines] == [0]
        lines.append([{"id": 2}])
        lines.close()
        assert file.read_text() == '{"id": 0}\n{"id":2}\n'
    file.write_text('{"name": 1}')
    with pytest.raises(StoreError, match="somebody else's"):
        JsonLines(file, has=("id",)).append([{"id": 2}])


def test_a_revoked_certificate_is_a_finding(run: Run, log: Path) -> None:
    frame = pd.DataFrame({"confidence": [0.9] * 400, "correct": [1] * 390 + [0] * 10})
    frame.to_csv("early.csv", index=False)
    assert run("plan", "thresholds", "early.csv", "--max-error", "0.1", "-o", "certs.json")[0] == 0
    assert run("plan", "check", "certs.json", "early.csv")[0] == 0
    frame.assign(correct=[0, 1] * 200).to_csv("late.csv", index=False)
    status, said = run("plan", "check", "certs.json", "late.csv", "-o", "now.json")
    assert status == 3 and "revoked" in said.lower()
    assert json.loads(Path("now.json").read_text())
    assert open_source("late.csv").columns
