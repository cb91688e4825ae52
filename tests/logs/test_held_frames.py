"""Frames, rows in memory and columnar files, each of a few rows: their columns, what lies in these, and each value.

What is expected lies in `expected/`, a name for each.
"""

from __future__ import annotations

import datetime
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from calibrant.logs.formats import frame
from calibrant.logs.sources import Claim, Given, Source
from calibrant.plugins import find

from ..holding import hold, plain, said
from .test_held_logs import HELD

EXPECTED = HELD / "frames.json"
DAY = datetime.datetime(2026, 1, 1)
ROWS: list[dict[str, Any]] = [
    {
        "id": "a",
        "p": 0.5,
        "ok": True,
        "n": 1,
        "said": {"confidence": 0.7, "by": {"m": "x"}},
        "kept": [1, 2],
        "parts": [{"a": 1}],
        "when": DAY,
    },
    {"id": None, "p": None, "ok": None, "n": 2, "said": None, "kept": None, "parts": None, "when": None},
    {
        "id": "c",
        "p": 1.0,
        "ok": False,
        "n": 3,
        "said": {"confidence": 0.9, "by": None},
        "kept": [],
        "parts": [],
        "when": DAY,
    },
]
FRAMES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(ROWS),
    "polars": lambda: pl.DataFrame(ROWS),
    "lazy": lambda: pl.LazyFrame(ROWS),
    "arrow": lambda: pa.Table.from_pylist(ROWS),
    "classes": lambda: pd.DataFrame({"sure": pd.Categorical(["low", None, "high"]), "n": pd.Categorical([1, 0, 1])}),
    "classes of polars": lambda: pl.DataFrame(
        {"sure": ["low", None, "high"], "n": ["a", "b", "a"]},
        schema={"sure": pl.Categorical, "n": pl.Enum(["a", "b"])},
    ),
    "kinds": lambda: pd.DataFrame({
        "u": np.array([1, 2], np.uint8), "f": np.array([0.5, 1], np.float32), "i": pd.array([1, None], "Int64"),
        "b": [True, False], "t": pd.to_datetime(["2026-01-01", None]), "d": [datetime.timedelta(1)] * 2,
        "s": ["a", "b"],
    }),
    "numbered": lambda: pd.DataFrame([[0.5, 1], [0.7, 0]]),
    "numbered in part": lambda: pd.DataFrame([[0.5, 1]], columns=["p", 1]),
    "twice": lambda: pd.DataFrame([[0.5, 1]], columns=["p", "p"]),
    "twice as texts": lambda: pd.DataFrame([[0.5, 1, 2]], columns=["1", 1, "x"]),
    "several twice": lambda: pd.DataFrame([[1, 2, 3, 4, 5]], columns=["q", "p", "q", "p", "r"]),
    "empty": lambda: pd.DataFrame(), "no rows": lambda: pd.DataFrame({"p": [], "ok": []}),
    "no rows of objects": lambda: pl.DataFrame({"said": []}, schema={"said": pl.Struct({"a": pl.Float64})}),
    "objects and others": lambda: pd.DataFrame({"said": [{"a": 1}, "text", 3, None]}),
}  # fmt: skip


def values(source: Source) -> dict[str, Any]:
    """Every column of a source by itself, as Python and NumPy have it."""
    told: dict[str, Any] = {}
    for name in source.columns:
        held = [block[name] for block in source.blocks([name])]
        told[name] = [held[0].dtype.kind if held else "", [one for part in held for one in part.tolist()]]
    return {
        "name": source.name, "columns": source.columns, "inside": sorted(source.inside), "rows": source.rows,
        "notes": source.notes, "values": told,
    }  # fmt: skip


def read(kind: str, given: Given) -> Any:
    one = find("log_formats", kind)()
    found = said(lambda: one.open(given))
    return {
        "claim": one.claim(given).name,
        "opened": plain(values(found)) if isinstance(found, Source) else found,
    }


@pytest.mark.parametrize("name", FRAMES)
def test_frames(name: str) -> None:
    hold(EXPECTED, name, read("frame", Given(FRAMES[name]())))


def test_large_frames_come_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "ROWS", 2)
    source = frame.Frame().open(Given(pd.DataFrame({"p": range(5), "q": list("abcde")})))
    blocks = [{name: held.tolist() for name, held in block.items()} for block in source.blocks(["q", "p"])]
    assert blocks == [{"q": ["a", "b"], "p": [0, 1]}, {"q": ["c", "d"], "p": [2, 3]}, {"q": ["e"], "p": [4]}]


def test_what_is_no_frame() -> None:
    for value in ("a.csv", [{"a": 1}], {"a": [1]}, 3, None, pd.DataFrame):
        assert frame.Frame().claim(Given(value)) == Claim.NONE


class Noted(OrderedDict[str, Any]):
    """A mapping that is no dict of its own."""


MEMORY: dict[str, Any] = {
    "mappings": ROWS, "a tuple": tuple(ROWS), "others among": [{"a": 1}, None, [2], "x", Noted(a=2, b={"c": 3})],
    "none": [], "no mapping": [1, 2],
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_rows_in_memory(name: str) -> None:
    hold(EXPECTED, f"rows, {name}", read("rows", Given(MEMORY[name])))
    assert find("log_formats", "rows")().open(Given(iter(MEMORY[name]))).rows == len(MEMORY[name])


def columnar(path: str, table: pa.Table) -> None:
    if path.endswith((".arrow", ".arrows")):
        make = pa.ipc.new_file if path.endswith(".arrow") else pa.ipc.new_stream
        with make(path, table.schema) as sink:
            sink.write_table(table)
    elif path.endswith(".feather"):
        feather.write_feather(table, path)
    else:
        pq.write_table(table, path)


@pytest.mark.parametrize("file", ["a.parquet", "a.arrow", "a.arrows", "a.feather"])
def test_columnar_files(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kind = "parquet" if file == "a.parquet" else "arrow"
    columnar(file, pa.Table.from_pylist(ROWS))
    whole = Path(file).read_bytes()
    found = {"whole": read(kind, Given(file, file, whole[:64]))}
    Path(file).write_bytes(whole[: len(whole) // 2])
    cut = read(kind, Given(file, file, whole[:64]))
    found["cut"] = str(cut["opened"]).partition(": ")[0]
    if kind == "parquet":
        columnar("b.parquet", pa.Table.from_pylist(ROWS[:1]))
        Path(file).write_bytes(whole)
        found["several"] = read(kind, Given("*.parquet", "*.parquet", whole[:64]))
        found["none"] = str(read(kind, Given("x*.parquet", "x*.parquet", b""))["opened"]).partition("\n")[0]
    hold(EXPECTED, file, found)


def test_feather_of_the_first_version() -> None:
    hold(EXPECTED, "feather 1", read("arrow", Given("a.feather", "a.feather", b"FEA1")))


def test_databases_of_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    found = {}
    with duckdb.connect("a.duckdb"):
        pass
    found["empty"] = read("duckdb", Given("a.duckdb", "a.duckdb", Path("a.duckdb").read_bytes()[:64]))
    with duckdb.connect("a.duckdb") as database:
        database.execute(
            "CREATE TABLE answers AS SELECT 0.5::DOUBLE AS confidence, {'a': 1} AS said, true AS correct"
        )
        database.execute("CREATE VIEW b AS SELECT confidence AS x FROM answers")
    head = Path("a.duckdb").read_bytes()[:64]
    for part in ("", "b", "c"):
        found[f"part {part!r}"] = read("duckdb", Given("a.duckdb", "a.duckdb", head, "a.duckdb", part))
    for address in ("duckdb:a.duckdb?answers", "duckdb:a.duckdb", "duckdb:a.duckdb?c", "duckdb:a.duckdb#b"):
        found[address] = read("engine", Given(address, address))
    hold(EXPECTED, "duckdb", found)
