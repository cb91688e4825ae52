"""A long log that is read row by row tells how far it is, and that it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from calibrant.engines._relation import PROGRESS
from calibrant.logs.opening import open_log
from calibrant.logs.slowly import one_by_one, slowly
from calibrant.logs.sources import Source
from calibrant.logs.tallies import read_log

from .test_counted import cycled, logged, parquet, put

Lines = list[tuple[str, float | None, int | None]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    told: Lines = []
    token = PROGRESS.set(lambda what, share, rows: told.append((what, share, rows)))
    yield told
    PROGRESS.reset(token)


def source(folder: Path) -> Source:
    return open_log(parquet(folder, logged(answer=cycled(["x", "", "y"], 60))), (), {})[0]


def test_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Lines) -> None:
    put(monkeypatch, COUNT_IN_ENGINE=59)
    log = source(tmp_path)
    what = f"{log.name} is read row by row"
    assert sum(len(block["confidence"]) for block in one_by_one(log, ["confidence"])) == 60
    assert lines == [(log.name, 0.0, 60), (what, None, None), (what, 0.999, None), (what, 1.0, None)]
    lines.clear()
    assert read_log(log.name).constants, "empty answers are set apart row by row"
    assert lines.count((what, 1.0, None)) >= 1
    note = "60 rows were read one by one, through this process."
    assert slowly(log, tied=False)[0].startswith(note)
    assert " one by one to tie those of a cluster together, " in slowly(log, tied=True)[0]


def test_of_a_short_one_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    put(monkeypatch, COUNT_IN_ENGINE=60)
    log = source(tmp_path)
    assert len(list(one_by_one(log, ["correct"]))) == 1
    assert (lines, slowly(log, tied=False)) == ([], [])
