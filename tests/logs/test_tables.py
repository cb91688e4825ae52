"""The same rows are the same log, whatever holds them; and what lies in columns of tables."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.applying import apply
from calibrant.errors import UnusableInput
from calibrant.fitting import fit_log
from calibrant.logs.rows import Rows, read_rows
from calibrant.logs.sources import open_source
from calibrant.logs.tables import column_of
from calibrant.logs.tallies import read_log
from calibrant.plugins import find

from ..workbooks import xlsx

FILES = Path(__file__).parent / "files"
NESTED = [
    {"id": i, "answer": {"text": "a", "confidence": (5 + i % 4) / 10}, "judge": {"verdict": ["wrong", "right"][i % 2]}}
    for i in range(40)
]  # fmt: skip


def levels(rows: Rows) -> tuple[float, float]:
    [group] = rows.groups.values()
    return round(float(np.mean(group.scores)), 3), round(float(np.mean(group.grades)), 3)


def stream(table: Any, path: Path) -> Path:
    with ipc.new_stream(path, table.schema) as out:
        out.write_table(table)
    return path


def held(path: Path, write: Callable[[Path], Any]) -> Path:
    write(path)
    return path


def excel(rows: list[dict[str, Any]], at: Path) -> Path:
    """As it writes text in much of Europe."""
    pd.DataFrame(rows).to_csv(at, sep=";", decimal=",", encoding="utf-16")
    return at


HOLDERS: dict[str, Callable[[list[dict[str, Any]], Path], Any]] = {
    "csv": lambda rows, at: held(at, lambda p: pd.DataFrame(rows).to_csv(p, index=False)),
    "tsv": lambda rows, at: held(at, lambda p: pd.DataFrame(rows).to_csv(p, index=False, sep="\t")),
    "csv of Excel": excel,
    "csv.gz": lambda rows, at: held(at, lambda p: pd.DataFrame(rows).to_csv(p, index=False, compression="gzip")),
    "jsonl": lambda rows, at: held(at, lambda p: p.write_text("".join(json.dumps(row) + "\n" for row in rows))),
    "json": lambda rows, at: held(at, lambda p: p.write_text(json.dumps(rows, indent=1))),
    "wrapped json": lambda rows, at: held(at, lambda p: p.write_text(json.dumps({"results": rows}))),
    "parquet": lambda rows, at: held(at, lambda p: pq.write_table(pa.Table.from_pylist(rows), p)),
    "arrow": lambda rows, at: held(at, lambda p: feather.write_feather(pa.Table.from_pylist(rows), str(p))),
    "arrow stream": lambda rows, at: stream(pa.Table.from_pylist(rows), at),
    "pandas": lambda rows, at: pd.DataFrame(rows),
    "polars": lambda rows, at: pl.DataFrame(rows),
    "pyarrow": lambda rows, at: pa.Table.from_pylist(rows),
    "list": lambda rows, at: rows,
}  # fmt: skip


@settings(max_examples=5, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1000), st.booleans() | st.none(), st.sampled_from(["a", "b, c", 'd "e"', "f\ng"])),
        min_size=2, max_size=30,
    ).filter(lambda rows: {0, 1} == {int(right) for _, right, _ in rows if right is not None})
)  # fmt: skip
def test_the_same_rows_are_the_same_log_whatever_holds_them(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[int, bool | None, str]]
) -> None:
    rows = [
        {"id": i, "answer": text, "confidence": p / 1000, "correct": right}
        for i, (p, right, text) in enumerate(drawn)
    ]
    folder, found = tmp_path_factory.mktemp("held"), {}
    for i, (name, holder) in enumerate(HOLDERS.items()):
        log = read_log(holder(rows, folder / f"log{i}"))
        tally = log.groups[()]
        sums = [part.tolist() for part in (tally.score, tally.weight, tally.hits)]
        found[name] = (log.rows, log.used, dict(log.unusable), sums)
    assert all(one == found["list"] for one in found.values()), found


def test_what_lies_in_tables_and_frames_is_found(tmp_path: Path) -> None:
    rows = read_rows(FILES / "nested.parquet")
    assert (rows.rows, levels(rows)) == (120, (0.786, 0.608))
    assert (rows.roles.confidence, rows.roles.correct) == ("answer.confidence", "judge.verdict")
    table = pa.Table.from_pylist(NESTED)
    feather.write_feather(table, str(tmp_path / "a.bin"))
    stream(table, tmp_path / "b.bin")
    for log in (
        tmp_path / "a.bin",
        tmp_path / "b.bin",
        table,
        pl.DataFrame(NESTED),
        pd.DataFrame(NESTED),
        NESTED,
    ):
        assert levels(read_rows(log)) == (0.65, 0.5)


def test_the_engine_counts_what_lies_in_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10)
    pq.write_table(pa.Table.from_pylist(NESTED), tmp_path / "a")
    stream(pa.Table.from_pylist(NESTED), tmp_path / "b")
    for name in "ab":
        tally = read_log(tmp_path / name).groups[()]
        assert tally.score @ tally.weight / 40 == pytest.approx(0.65)


def test_rows_are_written_again_as_they_are(tmp_path: Path) -> None:
    log, out = tmp_path / "log.parquet", tmp_path / "out.jsonl"
    pq.write_table(pa.Table.from_pylist(NESTED * 10), log)
    apply(fit_log(log).maps, log, out, find("policies", "bands")())
    first = json.loads(out.read_text().partition("\n")[0])
    assert first["answer"] == NESTED[0]["answer"] and "answer.confidence" not in first
    assert 0 < first["p"] < 1


def test_classes_are_read_by_their_names(tmp_path: Path) -> None:
    features = {
        "correct": {"names": ["wrong", "right"], "_type": "ClassLabel"},
        "p": {"dtype": "float64", "_type": "Value"},
    }
    table = pa.table({"p": [0.9, 0.8, 0.7, 0.6], "correct": [1, 0, 1, -1]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "a")
    stream(table, tmp_path / "b")
    for name in "ab":
        rows = read_rows(tmp_path / name)
        assert (rows.used, rows.unusable, levels(rows)) == (3, {"verdict missing": 1}, (0.8, 0.667))
        assert "'correct' was read by the names of its classes, wrong, right." in rows.notes


def test_frames_with_names_that_are_no_texts_or_come_twice() -> None:
    assert read_rows(pd.DataFrame([[0.8, 1, 2]] * 4, columns=["confidence", "correct", 3])).used == 4
    with pytest.raises(UnusableInput, match="several columns called correct"):
        read_rows(pd.DataFrame([[0.8, 1, 0]] * 4, columns=["confidence", "correct", "correct"]))


def database(kind: str, path: Path, tables: dict[str, pd.DataFrame]) -> Path:
    """A database with these tables, written by SQLite or by DuckDB."""
    if kind == "sqlite":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for name, frame in tables.items():
                frame.to_sql(name, connection, index=False)
    else:
        with duckdb.connect(path) as connection:
            for name, frame in tables.items():
                connection.register("frame", frame)
                connection.execute(f'CREATE TABLE "{name}" AS FROM frame')
    return path


ANSWERS = pd.DataFrame({"id": range(20), "confidence": [0.9, 0.6] * 10, "correct": [1, 1, 0, 1] * 5})


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
class TestDatabases:
    def test_its_one_table_of_answers_is_read_whatever_else_it_holds(self, kind: str, tmp_path: Path) -> None:
        path = database(kind, tmp_path / "app", {"a log": ANSWERS})
        rows = read_rows(path)
        assert (rows.used, levels(rows), rows.notes) == (20, (0.75, 0.75), ())
        users = pd.DataFrame({"id": [1], "name": ["x"]})
        path = database(kind, tmp_path / "more", {"users": users, "answers": ANSWERS})
        rows = read_rows(path)
        assert (rows.used, rows.notes[0]) == (20, "Of the tables answers, users, 'answers' was read.")

    def test_of_several_one_is_named_behind_its_path(self, kind: str, tmp_path: Path) -> None:
        path = database(
            kind, tmp_path / "app", {"may": ANSWERS, "june": ANSWERS[:8], "notes": ANSWERS[["id"]]}
        )
        with pytest.raises(UnusableInput, match=r"several tables: june, may.*app#june"):
            open_source(path)
        assert read_rows(f"{path}#june").used == 8
        with pytest.raises(UnusableInput, match=r"no table .july..*It has: june, may"):
            open_source(f"{path}#july")

    def test_it_is_not_changed_and_others_may_have_it_open(self, kind: str, tmp_path: Path) -> None:
        path = database(kind, tmp_path / "app.db", {"answers": ANSWERS})
        before = path.read_bytes()
        assert read_rows(path).used == 20
        assert path.read_bytes() == before
        assert [one.name for one in tmp_path.iterdir()] == ["app.db"]

    def test_without_rows_or_tables_it_says_so(self, kind: str, tmp_path: Path) -> None:
        path = database(kind, tmp_path / "app", {"answers": ANSWERS[:0]})
        with pytest.raises(UnusableInput, match="no rows"):
            read_rows(path)


def test_a_sqlite_database_that_is_being_written_is_read(tmp_path: Path) -> None:
    path = database("sqlite", tmp_path / "app", {"answers": ANSWERS})
    with contextlib.closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO answers VALUES (20, 1.0, 1)")
        writer.commit()
        assert read_rows(path).used == 21
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UnusableInput, match="cut off"):
        read_rows(path)


HEADER = ["id", "confidence", "correct"]
SHEET = [HEADER, *([f"q{i}", (5 + i % 4) / 10, i % 2 == 1] for i in range(20))]


class TestWorkbooks:
    @pytest.fixture(autouse=True)
    def reader(self) -> None:
        pytest.importorskip("python_calamine")

    def test_the_same_two_hundred_answers(self) -> None:
        rows = read_rows(FILES / "answers.xlsx")
        assert (rows.rows, rows.used, levels(rows)) == (200, 200, (0.778, 0.605))

    def test_of_several_sheets_the_one_with_the_columns(self, tmp_path: Path) -> None:
        path = xlsx(tmp_path / "log", {"About": [["Made by hand"]], "Answers": SHEET, "Empty": []})
        rows = read_rows(path)
        assert (rows.rows, levels(rows)) == (20, (0.65, 0.5))
        assert "Of the sheets About, Answers, 'Answers' was read." in rows.notes
        path = xlsx(tmp_path / "log.xlsx", {"May": SHEET, "June": SHEET[:9]})
        with pytest.raises(UnusableInput, match=r"several sheets: May, June.*log\.xlsx#May'"):
            read_rows(path)
        assert read_rows(f"{path}#June").rows == 8
        with pytest.raises(UnusableInput, match="no sheet 'July'"):
            read_rows(f"{path}#July")

    def test_titles_totals_blank_and_hidden_rows(self, tmp_path: Path) -> None:
        sheet = [["A study"], [], *SHEET, [], ["TOTAL", 0.65, 0.5], [None, None, None]]
        rows = read_rows(xlsx(tmp_path / "log.xlsx", {"Sheet1": sheet}, hidden=5))
        assert (rows.rows, levels(rows)) == (20, (0.65, 0.5))
        told = " ".join(rows.notes)
        assert (
            "2 lines above the header" in told
            and "5 rows of the sheet are hidden" in told
            and "sums up" in told
        )

    def test_merged_cells_hold_in_each_row(self, tmp_path: Path) -> None:
        sheet = [HEADER, ["q0", 0.8, True], [None, 0.6, False], ["q1", 0.7, True]]
        path = xlsx(tmp_path / "log.xlsx", {"Sheet1": sheet}, merged="A2:A3")
        rows = read_rows(path)
        assert next(open_source(path).blocks(["id"]))["id"].tolist() == ["q0", "q0", "q1"]
        assert any("1 merged cells" in note for note in rows.notes)

    def test_what_is_no_workbook_after_all(self, tmp_path: Path) -> None:
        path = tmp_path / "log.xlsx"
        path.write_bytes((FILES / "answers.xlsx").read_bytes()[:4000])
        with pytest.raises(UnusableInput, match=r"log\.xlsx cannot be"):
            read_rows(path)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.5, None, 2.0, None]), pa.array([1.5, None, 2.0, None]).slice(1), pa.array([1.5, 2.0], pa.float32()),
        pa.array([None, None], pa.float64()), pa.array([], pa.float64()), pa.array([], pa.string()),
        pa.array([1, 2, 3], pa.uint16()).slice(1), pa.array([True, False, True]).slice(1), pa.array([], pa.bool_()),
        pa.array(["a", None, "b"] * 2000).slice(1), pa.array([f"x{i}" for i in range(3000)]), pa.array(["a", None]),
    ],
)  # fmt: skip
def test_a_column_is_what_arrow_makes_of_it_without_pandas(column: pa.Array) -> None:
    made, wanted = column_of(column), column.to_numpy(zero_copy_only=False)
    assert made.dtype == wanted.dtype
    np.testing.assert_array_equal(made, wanted)


def test_reading_a_log_loads_neither_pandas_nor_distributions(tmp_path: Path) -> None:
    rows = "".join(f"{i % 10 / 10},{i % 2},{'ab'[i % 2]}\n" for i in range(3000))
    (tmp_path / "log.csv").write_text(f"confidence,correct,task\n{rows}")
    code = "import sys, calibrant; calibrant.audit('log.csv', 'task'); calibrant.look('log.csv')\n"
    code += "assert not {'pandas', 'scipy.stats'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_bytes_are_texts(kind: Any) -> None:
    assert column_of(pa.array([b"yes", None, "é".encode(), b"\xff"], kind)).tolist() == [
        "yes",
        None,
        "é",
        "�",
    ]


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.uint16(), pa.bool_()])
def test_whole_numbers_stay_whole_beside_gaps(kind: Any) -> None:
    held = [True, None, False] if kind == pa.bool_() else [1, None, 0]
    found = column_of(pa.array(held, kind))
    assert (found.dtype, list(map(repr, found))) == (object, list(map(repr, held)))
