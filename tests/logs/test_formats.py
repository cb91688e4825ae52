"""What a log is, is told by what is in it; a format of another package is one file."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import calibrant
from calibrant import plugins
from calibrant.errors import UnusableInput
from calibrant.logs.sources import open_source
from calibrant.logs.tallies import read_log
from calibrant.plugins import find

ROWS = [{"confidence": 0.9, "correct": True}, {"confidence": 0.4, "correct": False}]


def whole(path: Path) -> list[float]:
    return read_log(path).groups[()].score.tolist()


@pytest.mark.parametrize("name", ["log", "log.csv", "log.jsonl", "log.parquet"])
def test_a_file_is_what_it_begins_as_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    assert whole(path) == [0.4, 0.9]
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert whole(path) == [0.4, 0.9]
    path.write_text(json.dumps(ROWS, indent=1))
    assert whole(path) == [0.4, 0.9]


def test_one_object_over_several_lines_is_json_and_no_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("\n".join(json.dumps(row, indent=1) for row in ROWS))
    assert whole(path) == [0.4, 0.9]
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert whole(path) == [0.4, 0.9]


def test_a_store_is_known_by_its_mark(tmp_path: Path) -> None:
    store = find("stores", "sql")(str(tmp_path / "records.db"))
    store.close()
    shutil.move(tmp_path / "records.db", tmp_path / "records.csv")
    with pytest.raises(UnusableInput, match="has no records yet"):
        open_source(tmp_path / "records.csv")


def test_what_no_format_knows_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "log.xyz"
    path.write_text("Sure of it, and right.\nSo it was.\n")
    with pytest.raises(
        UnusableInput, match=r"neither from how it begins nor from its ending '.xyz'.*delimited"
    ):
        open_source(path)
    with pytest.raises(UnusableInput, match="Expected a data frame, a path or a store URL, got int"):
        open_source(5)
    with pytest.raises(UnusableInput, match="There is no file"):
        open_source(tmp_path / "none.xyz")


def test_several_files_are_one_log_by_a_pattern(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"part{i}").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert read_log(tmp_path / "part*").rows == 6


FOREIGN = '''
import json
from pathlib import Path

from calibrant.logs.sources import Claim, rows_source

class Nested:
    """Records of an evaluation, nested."""

    def claim(self, log):
        return Claim.CONTENT if log.record is not None and "eval" in log.record else Claim.NONE

    def open(self, log):
        def rows():
            for line in Path(log.text).read_text().splitlines():
                record = json.loads(line)
                yield {"confidence": record["eval"]["sure"], "correct": record["eval"]["ok"], "id": record["id"]}

        return rows_source(log.text, ["id", "confidence", "correct"], rows)
'''


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another package, installed, that reads logs of its own."""
    site = tmp_path / "site"
    (site / "nested_logs-1.dist-info").mkdir(parents=True)
    (site / "nested_logs-1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nested-logs\nVersion: 1\n"
    )
    (site / "nested_logs-1.dist-info" / "entry_points.txt").write_text(
        "[calibrant.log_formats]\nnested = nested_logs:Nested\n"
    )
    (site / "nested_logs.py").write_text(FOREIGN)
    monkeypatch.syspath_prepend(str(site))
    for kept in (plugins.declared, plugins.names, plugins.find):
        kept.cache_clear()
    yield site
    monkeypatch.undo()
    for kept in (plugins.declared, plugins.names, plugins.find):
        kept.cache_clear()


def test_a_format_of_another_package_wins_where_it_claims_a_log(foreign: Path, tmp_path: Path) -> None:
    path = tmp_path / "evaluated.jsonl"
    path.write_text(
        "".join(json.dumps({"id": i, "eval": {"sure": 0.5, "ok": i % 2 == 0}}) + "\n" for i in range(40))
    )
    assert open_source(path).columns == ["id", "confidence", "correct"]
    assert calibrant.audit(path).groups[0].measures["ece"]["value"] == 0
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))  # not such a log
    assert whole(path) == [0.4, 0.9]
