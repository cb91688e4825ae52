"""Stores and logs that nobody expects: too young, spliced long ago, of odd names, or no store at all."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
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


def shuffled(column: str, times: list[Any]) -> pd.DataFrame:
    """Right nine times in ten, and from the middle on six times, in an order that only the column tells."""
    rng = np.random.default_rng(3)
    right = rng.random(len(times)) < np.where(np.arange(len(times)) < len(times) // 2, 0.9, 0.6)
    frame = pd.DataFrame({"confidence": 0.9, "correct": right, column: times})
    return frame.sample(frac=1.0, random_state=4)


DAYS = [f"2026-{1 + n // 200:02}-{1 + n // 8 % 25:02}T{n % 8:02}:00:00Z" for n in range(2000)]


@pytest.mark.parametrize(
    "column", ["Created At", "createdAt", "Timestamp", "date", "WHEN", "Event-Time", "judged_at"]
)
def test_rows_go_by_a_column_of_times_whatever_its_name(column: str) -> None:
    found = watch(shuffled(column, DAYS))
    (group,) = found.groups
    assert found.ordered == "time" and group.change_point is not None and abs(group.change_point - 1000) < 60


def test_any_column_of_times_can_be_named_and_none(tmp_path: Path) -> None:
    frame = shuffled("wann", DAYS)
    named, as_they_stand = watch(frame, time="wann"), watch(frame)
    assert named.ordered == "time" and as_they_stand.ordered == "rows"
    assert any("--time COLUMN" in note for note in as_they_stand.notes)
    frame.rename(columns={"wann": "time"}).to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(Misuse, match="when"):
        watch(frame, time="when")
    assert watch(str(tmp_path / "log.csv"), time="none").ordered == "rows"
    with_option = json.loads(
        CliRunner().invoke(app, ["watch", str(tmp_path / "log.csv"), "--time", "time", "--json"]).stdout
    )
    assert with_option["ordered"] == "time" and with_option["groups"][0]["alarm"]


def test_when_an_answer_came_goes_before_when_it_was_judged() -> None:
    frame = shuffled("created_at", DAYS).assign(judged_at=DAYS[::-1])
    assert watch(frame).groups[0].change_point == watch(frame, time="created_at").groups[0].change_point


def test_rows_without_a_time_are_left_out_and_counted() -> None:
    found = watch(shuffled("time", [None if n % 100 == 7 else time for n, time in enumerate(DAYS)]))
    assert found.ordered == "time" and found.groups[0].n == 1980
    assert any(note.startswith("20 rows have no time") for note in found.notes)
    few = watch(shuffled("time", [time if n % 100 == 7 else None for n, time in enumerate(DAYS)]))
    assert few.ordered == "rows" and few.groups[0].n == 2000
