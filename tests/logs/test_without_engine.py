"""Text and JSON are read without DuckDB and Arrow, which are large, to the same numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from calibrant.errors import CalibrantError, MissingExtra
from calibrant.logs.tables import has_engine
from calibrant.logs.tallies import Log, read_log

FILES = Path(__file__).parent / "files"
READ = sorted(one for one in FILES.rglob("*") if one.suffix in {".csv", ".tsv", ".txt", ".jsonl", ".json"})


def outcome(path: Path | str) -> list[object]:
    try:
        log: Log = read_log(path)
    except MissingExtra:
        raise
    except CalibrantError as error:
        return [type(error).__name__]
    return [log.rows, log.used, log.unusable, log.notes, *(tally.digest for tally in log.groups.values())]


def without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("duckdb", "pyarrow"):
        monkeypatch.setitem(sys.modules, package, None)
    assert not has_engine()


def test_numbers_are_those_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    with_engine = {path: outcome(path) for path in READ}
    without_engine(monkeypatch)
    without = {path: outcome(path) for path in READ}
    assert len(READ) > 50
    assert {path.name: found for path, found in without.items() if found != with_engine[path]} == {}


def test_several_files_are_one_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        (tmp_path / f"{day}.jsonl").write_text('{"confidence": 0.9, "correct": true}\n' * 20 + "{broken\n")
    with_engine = outcome(f"{tmp_path}/*.jsonl")
    without_engine(monkeypatch)
    found = outcome(f"{tmp_path}/*.jsonl")
    assert found[:2] == with_engine[:2] == [42, 40]
    assert found[-1] == with_engine[-1]


def test_what_needs_the_engine_says_which_extra_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"confidence": [0.9], "correct": [True]}), tmp_path / "log.parquet")
    without_engine(monkeypatch)
    with pytest.raises(MissingExtra, match=r"pip install 'calibrant\[files\]'"):
        read_log(tmp_path / "log.parquet")
