"""Text in columns, however it was written: the number that was meant, or a refusal, or a note that names the doubt."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from calibrant.errors import UnusableInput
from calibrant.logs.rows import GroupRows, Rows, read_rows
from calibrant.logs.sources import open_source

FILES = Path(__file__).parent / "files"
PLAIN = "id,confidence,correct\n" + "".join(f"q{i},0.{i % 4 + 5},{i % 2}\n" for i in range(20))


def only(rows: Rows) -> GroupRows:
    [group] = rows.groups.values()
    return group


def levels(rows: Rows) -> tuple[float, float]:
    """What was claimed, and what was right."""
    return round(float(np.mean(only(rows).scores)), 3), round(float(np.mean(only(rows).grades)), 3)


def read(path: Path, text: str | bytes) -> Rows:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_rows(path)


@pytest.mark.parametrize(
    "name",
    ["utf16.csv", "latin1.csv", "semicolon.csv", "sep.csv", "csv.gz", "csv.zst"],
)
def test_the_same_two_hundred_answers_in_any_writing(name: str) -> None:
    [path] = FILES.glob(f"answers?{name}")
    rows = read_rows(path)
    assert (rows.rows, rows.used, levels(rows)) == (200, 200, (0.778, 0.605))
    assert rows.source == str(path)


def test_a_line_break_in_an_answer_ends_no_row() -> None:
    rows = read_rows(FILES / "multiline.csv")
    assert (rows.rows, rows.used, levels(rows)) == (60, 60, (0.9, 0.667))


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda b: pa.Codec("zstd").compress(b, asbytes=True),
    "several.gz": lambda b: gzip.compress(b[:99]) + gzip.compress(b[99:]),
}


@pytest.mark.parametrize("packing", PACKED)
def test_a_packed_file_is_known_by_what_it_holds(packing: str, tmp_path: Path) -> None:
    path = tmp_path / "log.bin"
    assert levels(read(path, PACKED[packing](PLAIN.encode("utf-16")))) == (0.65, 0.5)
    path.unlink()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("log.csv", PLAIN)
    assert levels(read_rows(path)) == (0.65, 0.5)


def test_a_packed_file_that_is_cut_off_is_refused_under_its_own_name(tmp_path: Path) -> None:
    for packing in ("gz", "bz2", "xz"):
        path = tmp_path / f"log.csv.{packing}"
        path.write_bytes(PACKED[packing](PLAIN.encode() * 50)[:-30])
        with pytest.raises(UnusableInput, match=rf"log\.csv\.{packing} cannot be unpacked.*cut off"):
            read_rows(path)
    path = tmp_path / "other.csv.gz"
    path.write_bytes(gzip.compress(b"confidence,correct\nx,y\n"))
    with pytest.raises(UnusableInput, match=r"of .*other\.csv\.gz can be used"):
        read_rows(path)


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "utf-8"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding: str, end: str, tmp_path: Path) -> None:
    text = PLAIN.replace("id,", "idée,").replace("\n", end)
    rows = read(tmp_path / "log.csv", text.encode(encoding))
    assert (rows.rows, levels(rows)) == (20, (0.65, 0.5))
    assert "idée" in open_source(tmp_path / "log.csv").columns
    assert any("Windows-1252" in note for note in rows.notes) == (encoding == "cp1252")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["log", "log.jsonl", "log.txt", "log.csv", "log.parquet"])
def test_marks_are_told_by_content_whatever_the_name(mark: str, name: str, tmp_path: Path) -> None:
    assert levels(read(tmp_path / name, PLAIN.replace(",", mark))) == (0.65, 0.5)


def test_a_decimal_comma_where_columns_are_parted_otherwise(tmp_path: Path) -> None:
    for mark in ";\t|":
        rows = read(tmp_path / "log.csv", PLAIN.replace(",", mark).replace("0.", "0,"))
        assert levels(rows) == (0.65, 0.5)
        assert any("'confidence' were read as decimal points" in note for note in rows.notes)
    quoted = "id,confidence,correct\n" + "".join(f'q{i},"0,8",1\n' for i in range(20))
    assert levels(read(tmp_path / "log.csv", quoted)) == (0.8, 1.0)
    late = "id;confidence;correct\n" + "q;1;1\n" * 600 + "q;0,5;1\n" * 600
    rows = read(tmp_path / "log.csv", late)
    assert (rows.used, levels(rows)) == (1200, (0.75, 1.0))


def test_thousands_are_no_decimals(tmp_path: Path) -> None:
    text = "weight;confidence;correct\n" + "1,200;0.5;1\n3,000;0.7;0\n" * 20
    rows = read(tmp_path / "log.csv", text)
    weights = only(rows).weights
    assert weights is not None and sorted(set(weights)) == [1200, 3000]
    assert any("thousands" in note for note in rows.notes)


def test_decimal_commas_between_commas_are_read_where_only_one_column_can_hold_them(tmp_path: Path) -> None:
    rows = read(tmp_path / "log.csv", "id,confidence,correct\n" + "q1,0,8,True\nq2,1,False\n" * 20)
    assert levels(rows) == (0.9, 0.5)
    assert any("20 rows have one field more" in note and "'confidence'" in note for note in rows.notes)
    with pytest.raises(
        UnusableInput, match=r"more fields in its rows than the header's 3, first in line 2.*decimal"
    ):
        read_rows(FILES / "decimal_comma_last.csv")


def test_rows_of_another_length_are_counted_and_said(tmp_path: Path) -> None:
    text = (
        "answer,confidence,correct\n"
        + "Rome,0.8,1\n" * 20
        + "Rome,0.8,0\n" * 10
        + "Bern, I think,0.4,0\n"
        + "Oslo,0.9\n\n"
        + "Lima,0.8,1,\n"
    )
    rows = read(tmp_path / "log.csv", text)
    assert (rows.rows, rows.used, levels(rows)) == (33, 31, (0.8, 0.677))
    assert rows.unusable == {"confidence missing or NaN": 1, "verdict missing": 1}
    assert any("1 rows have more fields than the header, the first in line 32" in note for note in rows.notes)
    assert any("1 rows have fewer fields" in note for note in rows.notes)
    short = read(tmp_path / "log.csv", "answer,confidence,correct\n" + "Rome,0.8,1\n" * 3 + "Oslo,0.9\n")
    assert any("1 rows have fewer fields" in note for note in short.notes)


def test_row_names_without_a_column_name(tmp_path: Path) -> None:
    in_r = '"confidence","correct"\n' + "".join(f'"{i}",0.{i % 4 + 5},{i % 2}\n' for i in range(20))
    assert levels(read(tmp_path / "log.csv", in_r)) == (0.65, 0.5)
    in_pandas = (
        ","
        + PLAIN.partition("\n")[0]
        + "\n"
        + "".join(f"{i},{line}\n" for i, line in enumerate(PLAIN.splitlines()[1:]))
    )
    assert levels(read(tmp_path / "log.csv", in_pandas)) == (0.65, 0.5)
    assert open_source(tmp_path / "log.csv").columns[0] == "column 1"


@pytest.mark.parametrize(
    "first", ["q0,0.8,True\n", "Rome,80,1\n", "q0,80%,yes\n", "Which city?,Rome,.9\n", "0.9,1\n"]
)
def test_a_file_without_a_header_is_refused(first: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match=r"has no header: its first line, .*looks like data"):
        read(tmp_path / "log.csv", first * 20)


def test_columns_named_by_class_are_a_header(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("0,1,y\n" + "0.2,0.8,1\n0.6,0.4,0\n" * 5)
    assert open_source(tmp_path / "log.csv").columns == ["0", "1", "y"]


def test_columns_of_one_name_are_told_apart_and_said(tmp_path: Path) -> None:
    rows = read(tmp_path / "log.csv", "confidence,correct,confidence\n" + "0.8,1,0.2\n" * 5)
    assert levels(rows) == (0.8, 1.0)
    assert any("Several columns are called 'confidence'; number 3" in note for note in rows.notes)
    assert np.mean(only(read_rows(tmp_path / "log.csv", confidence="confidence_2")).scores) == pytest.approx(
        0.2
    )


@pytest.mark.parametrize(
    ("above", "note"),
    [
        ("# made by a tool\n# version 2\n", "2 lines above"),
        ("My study\n\n", "2 lines above"),
        ("\n\n", ""),
        ("sep=,\n", ""),
    ],
)
def test_what_stands_above_the_header(above: str, note: str, tmp_path: Path) -> None:
    rows = read(tmp_path / "log.csv", above + PLAIN)
    assert (rows.rows, levels(rows)) == (20, (0.65, 0.5))
    assert not note or any(note in said for said in rows.notes)
    assert levels(read(tmp_path / "log.csv", "#" + PLAIN)) == (0.65, 0.5)


def test_a_line_of_totals_is_no_answer(tmp_path: Path) -> None:
    for total in ("TOTAL,0.65,0.5\n", "Mean:,0.65,0.5", ",average,0.6\n"):
        rows = read(tmp_path / "log.csv", PLAIN + total)
        assert (rows.rows, levels(rows)) == (20, (0.65, 0.5))
        assert any("sums up the others" in note for note in rows.notes)


def test_quotes_and_spaces(tmp_path: Path) -> None:
    spaced = PLAIN.replace(",", " , ")
    assert levels(read(tmp_path / "log.csv", spaced)) == (0.65, 0.5)
    quoted = "answer, confidence, correct\n" + 'Rome, "0.8", "yes"\n"Paris, ""City of Light""", 0.6, no\n' * 5
    assert levels(read(tmp_path / "log.csv", quoted)) == (0.7, 0.5)
    backslashes = "answer,confidence,correct\n" + '"He said \\"Rome, I think\\"",0.8,1\n' * 5
    assert levels(read(tmp_path / "log.csv", backslashes)) == (0.8, 1.0)
    inches = "answer,confidence,correct\n" + 'a 5" pipe,0.8,1\n' * 5
    assert levels(read(tmp_path / "log.csv", inches)) == (0.8, 1.0)


def test_a_quote_that_is_never_closed_loses_no_rows_in_silence(tmp_path: Path) -> None:
    for end in ('"q20,0.9,1\n' + "q21,0.9,1\n" * 3, '"q20,0.9,1', '"q20,0.9,1\n'):
        with pytest.raises(UnusableInput, match=r"line \d+.*quote"):
            read(tmp_path / "log.csv", PLAIN + end)


def test_a_longer_first_column_than_most_programs_allow(tmp_path: Path) -> None:
    long = "a " * 2_000_000
    rows = read(tmp_path / "log.csv", "answer,confidence,correct\n" + f'"{long}",0.8,1\nx,0.6,0\n')
    assert (rows.rows, levels(rows)) == (2, (0.7, 0.5))


def test_several_files_are_one_log_of_the_columns_of_all(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,confidence,correct\na1,0.8,1\n")
    (tmp_path / "b.txt").write_text("correct;confidence\n0;0,6\n")
    (tmp_path / "c.csv").write_bytes(gzip.compress(b"confidence,correct,lang\n0.7,1,de\n"))
    rows = read_rows(tmp_path / "*")
    assert (rows.rows, levels(rows)) == (3, (0.7, 0.667))
    assert any("'id' in 1, 'lang' in 1" in note for note in rows.notes)
    (tmp_path / "d.csv").write_text("x,z\n1,2\n3,4\n")
    with pytest.raises(UnusableInput, match=r"files of different kinds.*Narrow the pattern"):
        read_rows(tmp_path / "*")
    with pytest.raises(UnusableInput, match=r"is a folder.*/\*\.csv'"):
        read_rows(tmp_path)
