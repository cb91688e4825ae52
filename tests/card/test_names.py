"""Cards of several tasks: each has a file of its own, however its task is called."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from calibrant.cli import app

from ..judged_store import desk, identity, judged


def test_each_task_has_a_file_of_its_own(tmp_path: Path) -> None:
    tasks = ["Law 1", "law-1", "x" * 3000, "x" * 3001, "漢" * 300, "no task", None]
    made = desk(tmp_path / "log.db", [])
    for at, task in enumerate(tasks):
        made.add(judged(5, first=5 * at, made=identity(), task=task))
    made.close()
    done = CliRunner().invoke(app, ["card", str(tmp_path / "log.db"), "-o", str(tmp_path / "card.json")])
    assert done.exit_code == 0, done.output
    found = [json.loads(path.read_text(encoding="utf-8"))["task"] for path in tmp_path.glob("card-*.json")]
    assert sorted(found) == sorted(one or "" for one in tasks) and (tmp_path / "card-law-1.json").exists()
