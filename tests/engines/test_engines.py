"""The same log, wherever it lies and whoever counts it: the numbers and the counted rows are those of the file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from calibrant import checks
from calibrant.auditing import audit
from calibrant.engines._relation import PROGRESS
from calibrant.engines.duckdb import readable
from calibrant.errors import UnusableInput
from calibrant.fitting import fit
from calibrant.logs import queries
from calibrant.logs.gauged import beyond, gauged
from calibrant.logs.scales import _beyond, _seen
from calibrant.logs.sources import open_source
from calibrant.logs.tallies import Log, read_log
from calibrant.planning.thresholds import plan_thresholds
from calibrant.plugins import find

pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
"""Ibis asks DuckDB by a name that is to go."""

N = 4_000
ODD = [np.nan, -1.0, 1.5, 0.0, 1.0, np.inf, -0.0, 1e-300, 0.1 + 0.2, 0.29, 0.57, 0.3, 0.7]


def columns(seed: int = 0) -> dict[str, Any]:
    """Every kind of confidence, verdict, weight and group that a table may hold."""
    rng = np.random.default_rng(seed)
    score = np.where(rng.random(N) < 0.3, rng.integers(0, 25_201, N) / 25_200, rng.random(N))
    score[:130] = ODD * 10
    some: list[float | None] = score.tolist()
    some[200:220] = [None] * 20
    texts = [f"{v:.4f}" if i % 7 else " 85 % " for i, v in enumerate(rng.random(N))]
    texts[:8] = ["likely", "", "about 80%", "1e400", "nan", "0.5f", "8/10", "true"]
    right = rng.random(N) < np.clip(np.nan_to_num(score), 0, 1)
    weight = rng.random(N) + 0.5
    weight[60:70] = 0
    return {
        "double": pa.array(some, pa.float64()),
        "single": pa.array(rng.random(N).astype(np.float32)),
        "decimal": pa.array([Decimal(int(v)) / 1000 for v in rng.integers(0, 1001, N)], pa.decimal128(5, 3)),
        "texts": pa.array(texts),
        "percents": pa.array(rng.integers(0, 101, N).astype(np.int64)),
        "marks": pa.array(rng.integers(1, 6, N).astype(np.int32)),
        "lp": pa.array(-rng.exponential(1, N)),
        "odd": pa.array(
            [-1.0, 1e12, 1e12 + 1, -1e300, 1e300, 100.5, 101.0, None, np.nan, np.inf] * (N // 10)
        ),
        "flag": pa.array(right),
        "holes": pa.array([None if i % 40 == 0 else bool(v) for i, v in enumerate(right)]),
        "words": pa.array(["yes" if v else "no" if i % 37 else "maybe" for i, v in enumerate(right)]),
        "ints": pa.array(right.astype(np.int32)),
        "grades": pa.array(np.where(right, rng.integers(5, 11, N), rng.integers(0, 5, N)) / 10),
        "many": pa.array(rng.random(N)),
        "task": pa.array([[None, "b", "a c", 'd"e'][i] for i in rng.integers(0, 4, N)]),
        "shard": pa.array(rng.integers(0, 3, N).astype(np.int64)),
        "heft": pa.array(weight),
        "asked": pa.array([["", None, f"q{i}"][min(i % 40, 2)] for i in rng.integers(0, 900, N)]),
    }


ASKED: list[dict[str, Any]] = [
    {"confidence": "double", "correct": "flag", "by": ["task"]},
    {"confidence": "double", "correct": "holes", "by": ["shard", "task"], "weight": "heft"},
    {"confidence": "single", "correct": "grades"},
    {"confidence": "decimal", "correct": "ints", "by": "shard"},
    {"confidence": "texts", "correct": "words", "by": ["task"], "weight": "heft"},
    {"confidence": "texts", "correct": "words", "wrong": "no,maybe", "right": "yes"},
    {"confidence": "percents", "correct": "words"},
    {"confidence": "percents", "correct": "words", "by": ["task"], "scale": "percent"},
    {"confidence": "marks", "correct": "many", "scale": "1-5"},
    {"confidence": "lp", "correct": "flag", "scale": "logprob"},
]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return pa.table(columns())


@pytest.fixture(scope="module")
def file(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engines") / "log.parquet"
    pq.write_table(table, path)
    return path


@pytest.fixture(scope="module")
def of_file(file: Path) -> list[Log]:
    """What reading the file row by row makes of it."""
    return [read_log(file, **asked, cluster="none") for asked in ASKED]


def same(ours: Log, theirs: Log) -> None:
    assert (ours.rows, ours.used, ours.unusable, ours.scale) == (
        theirs.rows, theirs.used, theirs.unusable, theirs.scale,
    )  # fmt: skip
    assert set(ours.groups) == set(theirs.groups)
    assert {k: v for k, v in ours.lost.items() if v} == {k: v for k, v in theirs.lost.items() if v}
    for key, mine in ours.groups.items():
        other = theirs.groups[key]
        assert mine.rows == other.rows
        np.testing.assert_allclose(mine.total, other.total, rtol=1e-12)
        np.testing.assert_allclose(
            [mine.hits.sum(), mine.hits2.sum(), mine.weight2.sum(), mine.score @ mine.weight],
            [other.hits.sum(), other.hits2.sum(), other.weight2.sum(), other.score @ other.weight],
            rtol=1e-8,
        )
        assert mine.mean_confidence == pytest.approx(other.mean_confidence, abs=1e-8)
        assert mine.n_eff == pytest.approx(other.n_eff, rel=0.01)  # a cell holds several scores


def gauged_alike(log: Any, file: Path) -> None:
    """What tells the unit of a column is what reading its rows tells."""
    opened, read = open_source(log), open_source(file)
    for column in ("double", "single", "decimal", "texts", "percents", "marks", "lp", "odd", "ints"):
        for by in ((), ("task",)) if column == "double" else ((),):
            ours, theirs = gauged(opened, column, by), _seen(read, column, by)
            assert set(ours) == set(theirs)
            for key, mine in ours.items():
                other = theirs[key]
                assert (mine.numbers, +mine.counts) == (other.numbers, +other.counts), (column, key)
                assert (mine.least, mine.most, mine.finest) == (other.least, other.most, other.finest), (
                    column,
                    key,
                )
        assert beyond(opened, column, 0.25, 0.5) == _beyond(read, column, 0.25, 0.5)


def measures(log: Any) -> list[Any]:
    """Every number of an audit, to ten digits: engines add in orders of their own."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: rounded(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [rounded(one) for one in value]
        return float(f"{value:.10g}") if isinstance(value, float) else value

    found = audit(log, by="task", confidence="double", correct="holes", weight="heft").to_dict()
    return [found["rows"], found["used"], found["unusable"], rounded(found["groups"])]


def counted(monkeypatch: pytest.MonkeyPatch, log: Any, of_file: list[Log]) -> None:
    """The engine's counts of all that is asked are those of the file."""
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    for asked, theirs in zip(ASKED, of_file, strict=True):
        same(read_log(log, **asked, cluster=None), theirs)
    file = Path(of_file[0].source)
    gauged_alike(log, file)
    ours, theirs = (measures(one) for one in (log, f"duckdb:{file}"))
    assert ours == theirs
    certified(monkeypatch, log, file)
    drawn(monkeypatch, log, file)
    tied(monkeypatch, log, file)


CLUSTERED: list[dict[str, Any]] = [
    {"confidence": "percents", "correct": "flag", "cluster": "asked", "scale": "percent"},
    {"confidence": "double", "correct": "holes", "cluster": "asked", "by": ["task", "shard"]},
    {"confidence": "marks", "correct": "grades", "cluster": "asked,shard", "weight": "heft", "scale": "1-5"},
    {"confidence": "marks", "correct": "flag", "cluster": "task", "by": "shard", "scale": "1-5"},
]


def tied(monkeypatch: pytest.MonkeyPatch, log: Any, file: Path) -> None:
    """Clusters widen what is known as they do where rows are at hand."""
    for asked in CLUSTERED:
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10**9)
        theirs = read_log(file, **asked)
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
        with monkeypatch.context() as patched:
            patched.setattr("calibrant.logs.tallies.Reader", None)  # no row is read
            ours = read_log(log, **asked, folds=3)
        same(ours, theirs)
        for key, mine in ours.groups.items():
            other, parts = theirs.groups[key], list(ours.folds[key].values())
            assert mine.clusters == other.clusters
            for name in ("rows", "clusters", "total"):
                assert sum(getattr(one, name) for one in parts) == pytest.approx(
                    getattr(mine, name), abs=2
                ), name
            assert sum(one.hits.sum() for one in parts) == pytest.approx(mine.hits.sum())
            assert mine.design_effect == pytest.approx(other.design_effect, rel=1e-6)
            assert mine.local_effect == pytest.approx(other.local_effect, rel=1e-6)


PLANNED: list[dict[str, Any]] = [
    {"confidence": "double", "correct": "flag", "by": "task", "max_error": 0.3},
    {"confidence": "single", "correct": "words", "wrong": "no,maybe", "right": "yes", "max_error": 0.6},
    {"confidence": "texts", "correct": "words", "by": "shard", "max_error": 0.6},
    {"confidence": "percents", "correct": "ints", "scale": "percent", "max_error": 0.01},
    {"confidence": "lp", "correct": "holes", "scale": "logprob", "max_error": 0.45},
]


def certified(monkeypatch: pytest.MonkeyPatch, log: Any, file: Path) -> None:
    """Thresholds on rows that are alike, counted in the engine, are those on the rows of the file."""
    with monkeypatch.context() as patched:
        patched.setattr("calibrant.logs.rows.Reader", None)  # no row is read
        ours = [plan_thresholds(log, delta=0.2, **asked).to_dict() for asked in PLANNED]
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10**9)
    theirs = [plan_thresholds(file, delta=0.2, cluster="none", **asked).to_dict() for asked in PLANNED]
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    assert any(group["certified"] for plan in theirs for group in plan["groups"])
    for mine, other in zip(ours, theirs, strict=True):
        assert mine["groups"] == other["groups"]
        assert [mine[n] for n in ("rows", "used", "unusable")] == [
            other[n] for n in ("rows", "used", "unusable")
        ]


DRAWN: list[dict[str, Any]] = [
    {"confidence": "double", "correct": "holes", "weight": "heft", "by": "task"},
    {"confidence": "percents", "correct": "grades", "cluster": "asked", "scale": "percent", "by": "task"},
    {
        "confidence": "decimal",
        "correct": "flag",
        "cluster": "asked,shard",
        "weight": "heft",
        "over": "answers",
    },
    {"confidence": "single", "correct": "flag", "cluster": "asked", "over": "clusters"},
]


def drawn(monkeypatch: pytest.MonkeyPatch, log: Any, file: Path) -> None:
    """Where answers are drawn for a test, what they are drawn from, and how many, is what it is of rows."""
    same = ("evidence", "labels_used", "by", "over")
    for asked in DRAWN:
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10**9)
        theirs = plan_thresholds(file, max_error=0.6, delta=0.2, **asked)
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
        with monkeypatch.context() as patched:
            patched.setattr("calibrant.logs.rows.Reader", None)  # no row is read
            ours = plan_thresholds(log, max_error=0.6, delta=0.2, **asked)
        assert (ours.rows.rows, ours.rows.used, ours.rows.unusable) == (
            theirs.rows.rows, theirs.rows.used, theirs.rows.unusable,
        )  # fmt: skip
        for mine, other in zip(ours.certificates.certificates, theirs.certificates.certificates, strict=True):
            assert [getattr(mine, name) for name in same] == [getattr(other, name) for name in same]
            assert mine.max_weight == pytest.approx(other.max_weight)
            assert mine.method.partition(", from")[0] == other.method.partition(", from")[0]
            assert abs(mine.tested - other.tested) <= 5 * np.sqrt(other.tested + 1)
        for key, rows in theirs.rows.groups.items():
            if rows.clusters is not None:
                picked = ours.rows.groups[key].picked
                sizes = np.unique(rows.clusters, return_counts=True)[1]
                assert picked is not None
                assert (picked.clusters, picked.largest) == (len(sizes), sizes.max())
                total = len(rows.clusters) if rows.weights is None else rows.weights.sum()
                assert (picked.mass * picked.count).sum() == pytest.approx(total)


def test_duckdb_counts_as_the_file_is_read(
    file: Path, of_file: list[Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(monkeypatch, f"duckdb:{file}", of_file)


def test_clusters_are_kept_whole_and_the_folds_say_what_those_of_rows_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    items = rng.integers(0, 2_000, 20_000)
    claimed = (items + 1) / 2_001  # tells the item
    right = rng.random(20_000) < claimed**2
    ids = pa.array([f" {i}" if i else None for i in items.tolist()])
    pq.write_table(pa.table({"confidence": claimed, "correct": right, "id": ids}), tmp_path / "log.parquet")
    told = []
    for rows in (0, 10**9):
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", rows)
        log = read_log(tmp_path / "log.parquet", cluster="id", folds=5)
        scores = np.concatenate([part.score[part.score > 0.001] for part in log.folds[()].values()])
        assert len(np.unique(np.round(scores * 2_001))) == len(scores)
        assert min(part.rows for part in log.folds[()].values()) > 3_000
        (group,) = fit(tmp_path / "log.parquet", calibrator="platt", cluster="id").to_dict()["groups"]
        told.append([group["after"][name] for name in ("brier", "log_loss", "ece")])
    np.testing.assert_allclose(told[0], told[1], atol=0.005)


def test_so_many_groups_are_counted_coarsely_or_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    monkeypatch.setattr(queries, "MOST_SUMS", 500)
    asked: dict[str, Any] = {"confidence": "double", "correct": "flag"}
    notes = read_log(f"duckdb:{file}", **asked, by="task").notes
    assert any(note.startswith("So many groups are counted on a grid of 120 cells each") for note in notes)
    monkeypatch.setattr(queries, "TOO_MANY", 2_500)
    with pytest.raises(
        UnusableInput, match=r"--by many parts .*log.parquet into about [34],\d{3} groups, whose"
    ):
        read_log(f"duckdb:{file}", **asked, by="many")


def test_of_too_many_confidences_thresholds_are_steps_of_the_grid(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    asked: dict[str, Any] = {"confidence": "double", "correct": "flag", "max_error": 0.3, "delta": 0.2}
    exact = plan_thresholds(f"duckdb:{file}", **asked)
    many = iter([[3_000_000], [4_000]])  # different ones, and then cells
    monkeypatch.setattr("calibrant.engines.duckdb.Table.about", lambda *_: next(many))
    coarse = plan_thresholds(f"duckdb:{file}", **asked)
    assert [n for n in coarse.notes if "read down to one of 25,200 steps" in n]
    (one,), (other,) = coarse.certificates.certificates, exact.certificates.certificates
    assert one.threshold is not None and other.threshold is not None
    assert one.threshold * 25_200 == pytest.approx(round(one.threshold * 25_200))
    assert one.threshold <= other.threshold < one.threshold + 1e-3
    scores = np.concatenate([b["double"] for b in open_source(file).blocks(["double"])])
    scores = scores[(scores >= 0) & (scores <= 1)]
    assert one.coverage.value == pytest.approx(np.mean(scores >= one.threshold))


def test_while_it_counts_it_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
    told: list[tuple[str, float | None, int | None]] = []
    token = PROGRESS.set(lambda *given: told.append(given))
    read_log(f"duckdb:{file}", confidence="double", correct="flag")
    PROGRESS.reset(token)
    assert told[0] == (str(file), 0.0, N)
    assert told[-1] == (f"DuckDB counts {file}", 1.0, None)


def in_a_file(folder: Path) -> Any:
    """Puts a table where DuckDB finds it."""

    def put(table: pa.Table) -> tuple[str, str]:
        path = folder / f"{len(list(folder.iterdir()))}.duckdb"  # nobody else has it open
        with duckdb.connect(str(path)) as made:
            made.register("given", table)
            made.execute("CREATE OR REPLACE TABLE answers AS SELECT * FROM given")
        return str(path), "answers"

    return put


def test_ibis_keeps_what_engines_promise(tmp_path: Path) -> None:
    pytest.importorskip("ibis", reason="Ibis is absent: pip install 'calibrant[ibis]'")
    put = in_a_file(tmp_path)

    def holds(table: pa.Table) -> tuple[str, str]:
        path, name = put(table)
        return f"duckdb://{path}?read_only=True", name

    checks.engine(find("engines", "ibis"), holds=holds)


def test_an_extension_that_cannot_be_fetched_is_named_with_what_to_do() -> None:
    with pytest.raises(UnusableInput) as caught, readable("s3://logs/a.parquet?s3_secret_access_key=hidden"):
        raise duckdb.IOException(
            'Failed to download extension "httpfs" at URL "http://extensions.duckdb.org/x"'
        )
    assert f"pip install duckdb-extension-httpfs=={duckdb.__version__}" in str(caught.value)
    assert "copy the files here" in str(caught.value) and "hidden" not in str(caught.value)
    with pytest.raises(UnusableInput, match=r"ibis-framework\[postgres\]"), readable("postgresql://h/db"):
        raise duckdb.IOException('Failed to download extension "postgres_scanner" at URL "http://x"')


def test_duckdb_counts_in_a_postgres_that_it_attaches(
    postgres: str, table: pa.Table, of_file: list[Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(
        "duckdb_extension_postgres_scanner", reason="make engines-test has DuckDB's extensions"
    )
    import ibis

    con = ibis.connect(postgres)
    con.create_table("attached", table, overwrite=True)
    con.disconnect()
    counted(monkeypatch, f"duckdb:{postgres}#attached", of_file)
    with pytest.raises(UnusableInput, match="not_there"):
        audit(f"duckdb:{postgres}#not_there")


def test_duckdb_counts_in_an_object_store(
    file: Path, of_file: list[Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("duckdb_extension_httpfs", reason="make engines-test has DuckDB's extensions")
    from moto.server import ThreadedMotoServer

    for name, value in (("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "hidden"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for path, body in (("logs", b""), ("logs/2026/a.parquet", file.read_bytes())):
        held = {"Content-Type": "application/octet-stream"}  # of a form the server waits for more
        asked = Request(f"http://{host}:{port}/{path}", data=body, method="PUT", headers=held)
        with urlopen(asked, timeout=60) as answer:
            assert answer.status == 200
    where = f"s3_endpoint={host}:{port}&s3_url_style=path&s3_use_ssl=false"
    counted(monkeypatch, f"duckdb:s3://logs/2026/*.parquet?{where}", of_file)
    with pytest.raises(UnusableInput, match="404") as caught:
        audit(f"duckdb:s3://logs/none.parquet?{where}&s3_secret_access_key=hidden")
    assert "hidden" not in str(caught.value)
    server.stop()


def test_what_is_read_row_by_row_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 100)
    told: list[tuple[str, float | None, int | None]] = []
    token = PROGRESS.set(lambda *given: told.append(given))
    asked: dict[str, Any] = {"confidence": "double", "correct": "flag"}
    read = read_log(f"duckdb:{file}", confidence="texts", correct="flag", cluster="shard")
    PROGRESS.reset(token)
    assert any(n.startswith("4,000 rows were read one by one to tie those of a cluster") for n in read.notes)
    assert told[0] == (str(file), 0.0, N) and told[-1] == (f"{file} is read row by row", 1.0, None)
    assert not any("one by one" in n for n in read_log(f"duckdb:{file}", **asked).notes)


class TestIbis:
    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("ibis", reason="Ibis is absent: pip install 'calibrant[ibis]'")

    @pytest.mark.parametrize("backend", ["duckdb", "polars"])
    def test_counts_as_the_file_is_read(
        self, backend: str, table: pa.Table, of_file: list[Log], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import ibis

        con = getattr(ibis, backend).connect()
        counted(monkeypatch, con.create_table("log", table), of_file)

    def test_row_by_row_it_is_the_same(self, file: Path, table: pa.Table, of_file: list[Log]) -> None:
        import ibis

        frame = ibis.duckdb.connect().read_parquet(file)
        for log in (frame, frame.mutate(double=frame.double), ibis.memtable(table)):
            same(read_log(log, **ASKED[0], cluster="none"), of_file[0])

    def test_postgres_counts_as_the_file_is_read(
        self, postgres: str, table: pa.Table, of_file: list[Log], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import ibis

        con = ibis.connect(postgres)
        made = con.create_table("log", table, overwrite=True)
        counted(monkeypatch, made, of_file)
        counted(monkeypatch, f"ibis:{postgres}#log", of_file)
        con.disconnect()


def test_spark_keeps_what_engines_promise(spark: Any, tmp_path: Path) -> None:
    def holds(table: pa.Table) -> tuple[str, str]:
        pq.write_table(table, tmp_path / "log.parquet")
        return "local[2]", str(tmp_path / "log.parquet")

    checks.engine(find("engines", "spark"), holds=holds)


def test_spark_counts_as_the_file_is_read(
    spark: Any, file: Path, of_file: list[Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted(monkeypatch, spark.read.parquet(str(file)), of_file)
    same(read_log(f"spark:local[2]#{file}", **ASKED[0], cluster=None), of_file[0])


def test_the_block_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ibis", reason="Ibis is absent: pip install 'calibrant[ibis]'")
    monkeypatch.chdir(tmp_path)
    with duckdb.connect("warehouse.duckdb") as made:
        made.execute(
            "CREATE TABLE answers AS SELECT i AS id, 'law' AS task, DATE '2026-11-20' AS day, 0.9 AS confidence "
            "FROM range(400) t(i); CREATE TABLE reviews AS SELECT i AS id, i % 3 > 0 AS correct FROM range(300) t(i)"
        )
    block = (Path(__file__).parents[2] / "docs" / "engines.md").read_text().partition("```py\n")[2]
    exec(block.partition("```")[0], {})
    assert "claims 90 of 100, is right 67 of 100" in capsys.readouterr().out


def compiled(dialect: str) -> str:
    """What is asked of a table with a group and a weight, as a warehouse is told it."""
    ibis = pytest.importorskip("ibis", reason="Ibis is absent: pip install 'calibrant[ibis]'")
    from calibrant.engines.ibis import IbisTable
    from calibrant.logs.queries import Asked
    from calibrant.logs.roles import Roles
    from calibrant.maps.units import Unit

    kinds = {"score": "float64", "right": "boolean", "grp": "string", "w": "float64"}
    table = IbisTable(ibis.table(kinds, name="log"), "log")
    roles = Roles(confidence="score", correct="right", weight="w", by=("grp",))
    graded = table.number(table.column("right"), "boolean"), True
    asked = Asked(table, roles, Unit(), "number", graded)
    return str(ibis.to_sql(_query(asked), dialect=dialect)) + "\n"


def _query(asked: Any) -> Any:
    found = []

    class Asking(type(asked.table)):  # type: ignore[misc]
        def grouped(self, keys: Any, sums: Any, most: int | None = None) -> Any:
            found.append(self.query(keys, sums))

    asked.table = Asking(asked.table.table, "log")
    asked.sums(25_200)
    return found[0]


@pytest.mark.parametrize("dialect", ["bigquery", "snowflake", "clickhouse"])
def test_what_a_warehouse_is_told(dialect: str) -> None:
    kept = Path(__file__).parent / "compiled" / f"{dialect}.sql"
    assert compiled(dialect) == kept.read_text()
