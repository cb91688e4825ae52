"""Stores and logs that nobody expects: too young, spliced long ago, of odd names, or no store at all."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from calibrant.cli import app
from calibrant.cli.terminal import visible
from calibrant.errors import CalibrantError, Misuse, StoreError
from calibrant.stores.sql import SqlStore
from calibrant.watching.log import watch

from ..judged_store import desk, identity, judged


def run(*words: str) -> Any:
    done = CliRunner().invoke(app, list(words))
    if isinstance(done.exception, CalibrantError):
        raise done.exception
    return json.loads(done.stdout) if "--json" in words else done.stdout


def test_a_group_of_which_no_verdict_counts_yet_has_no_numbers(tmp_path: Path) -> None:
    store = str(tmp_path / "log.db")
    desk(tmp_path / "log.db", judged(1, made=identity())).close()
    (group,) = run("watch", store, "--json")["groups"]
    assert (group["n"], group["gap"]["value"], group["claimed"], group["right"]) == (0, None, None, None)
    said = run("watch", store)
    assert "no verdict counts yet, 1 wait" in said and "nan" not in said


def test_a_change_long_ago_keeps_its_kind(tmp_path: Path) -> None:
    desk(tmp_path / "log.db", judged(2400, shift=lambda i: 2.0 * (i >= 600), made=identity())).close()
    (group,) = watch(str(tmp_path / "log.db")).groups
    assert group.alarm and group.change_point is not None and abs(group.change_point - 600) < 60
    assert group.kind == "concept"


def test_parted_by_any_column_the_claims_of_a_store_are_what_was_told(tmp_path: Path) -> None:
    desk(tmp_path / "log.db", judged(60, made=identity())).close()
    found = watch(str(tmp_path / "log.db"), "judge")
    assert found.columns["confidence"] == "p" and [one.by for one in found.groups] == [{"judge": "ann"}]


@pytest.mark.parametrize(
    "wrong", [{"alpha": 0.0}, {"alpha": float("nan")}, {"tolerance": 0.5}, {"tolerance": -1.0}]
)
def test_what_cannot_be_meant_is_misuse(wrong: dict[str, float]) -> None:
    with pytest.raises(Misuse, match="such as"):
        watch(pd.DataFrame({"confidence": [0.5], "correct": [1]}), **wrong)  # type: ignore[arg-type]


def test_an_alarm_is_ended_in_a_store_that_is_there_only(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no file"):
        run("watch", str(tmp_path / "slip.db"), "--resolve", "x", "--why", "y")
    assert not (tmp_path / "slip.db").exists()
    log = tmp_path / "log.csv"
    log.write_text("confidence,correct\n" + "0.5,1\n" * 99)
    with pytest.raises(StoreError, match=r"calibrant import LOG"):
        run("watch", str(log), "--resolve", "x", "--why", "y")
    desk(tmp_path / "log.db", judged(5)).close()
    with pytest.raises(CalibrantError, match="No alarm of this store"):
        run("watch", str(tmp_path / "log.db"), "--resolve", "x", "--why", "y")


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    desk(tmp_path / "log.db", judged(60, made=identity(), task="\x1b[2Jlaw\u202e")).close()
    said = run("watch", str(tmp_path / "log.db"))
    assert "\x1b" not in said and "\\x1b[2Jlaw\\u202e" in said
    assert visible("Ünï 漢字 🎉\n\tnext") == "Ünï 漢字 🎉\n\tnext"


def test_an_import_without_times_keeps_the_order_of_its_rows(tmp_path: Path) -> None:
    rows = [
        {"question": f"q{i}", "answer": "a", "confidence": 0.8, "correct": i % 5 > 0 and i < 500}
        for i in range(700)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "log.csv", index=False)
    run("import", str(tmp_path / "log.csv"), "--store", str(tmp_path / "log.db"), "--judged", "all")
    (group,) = watch(str(tmp_path / "log.db")).groups
    assert group.change_point is not None and abs(group.change_point - 500) < 30
    with closing(SqlStore(str(tmp_path / "log.db"))) as store:
        assert [row["question"] for row in store.rows()] == [one["question"] for one in rows]
