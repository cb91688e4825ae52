"""Reading logs: every rule for values, every format, and nothing lost."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import calibrant
from calibrant.applying import ADDED, apply
from calibrant.errors import ColumnNotFound, StoreError, UnusableInput
from calibrant.fitting import fit_log
from calibrant.logs.tallies import read_log
from calibrant.logs.values import PHRASES
from calibrant.plugins import find

MESSY = """item,confidence,correct
1,0.9,true
2,85%,yes
3,1.2,1
4,,1
5,about 80%,0
6,likely,no
7,-0.1,1
8,nan,1
9,0.5,maybe
10,0.5,
11,true,1
12,0.3,0
13,85,1
14,150%,1
"""


def test_every_rule_on_one_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(MESSY)
    log = read_log(path)
    assert log.rows == 14
    assert log.used == 4
    assert log.rows == log.used + sum(log.unusable.values())
    assert log.unusable == {
        "confidence missing or NaN": 2,
        "confidence is not a number": 1,
        "confidence is a boolean": 1,
        "confidence above 100 percent": 1,
        "confidence below 0": 1,
        "confidence above 1": 2,
        "verdict is neither right nor wrong nor in [0, 1]": 1,
        "verdict missing": 1,
    }
    assert log.groups[()].score.tolist() == [0.3, PHRASES["likely"], 0.85, 0.9]


ROWS = [
    {"confidence": 0.9, "correct": True, "task": "a"},
    {"confidence": 0.9, "correct": False, "task": "a"},
    {"confidence": 0.6, "correct": True, "task": "b"},
    {"confidence": None, "correct": True, "task": "b"},
]


def written(tmp_path: Path, kind: str) -> object:
    path = tmp_path / f"log.{kind}"
    frame = pd.DataFrame(ROWS)
    match kind:
        case "csv":
            frame.to_csv(path, index=False)
        case "tsv":
            frame.to_csv(path, index=False, sep="\t")
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        case "json":
            path.write_text(json.dumps(ROWS))
        case "parquet":
            pq.write_table(pa.Table.from_pylist(ROWS), path)
        case "pandas":
            return frame
        case "polars":
            return pl.DataFrame(ROWS)
        case "lazy":
            return pl.DataFrame(ROWS).lazy()
        case "arrow":
            return pa.Table.from_pylist(ROWS)
    return path


@pytest.mark.parametrize(
    "kind", ["csv", "tsv", "jsonl", "json", "parquet", "pandas", "polars", "lazy", "arrow"]
)
def test_the_same_log_in_every_form(tmp_path: Path, kind: str) -> None:
    log = read_log(written(tmp_path, kind), by=["task"])
    assert log.rows == 4
    assert log.unusable == {"confidence missing or NaN": 1}
    assert {key: tally.rows for key, tally in log.groups.items()} == {("a",): 2, ("b",): 1}
    assert log.groups[("a",)].accuracy == 0.5


def test_counting_in_the_engine_equals_counting_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    c = np.where(rng.random(n) < 0.3, np.round(rng.random(n), 1), rng.random(n))
    c[:50] = [np.nan, -1, 1.5, 0.0, 1.0] * 10
    task = rng.choice(["x", "y", None], n)
    verdict = rng.choice(["yes", "no", "", "maybe", "0.5"], n)
    weight = rng.random(n) + 0.5
    weight[60:70] = 0
    columns = {"confidence": c, "correct": verdict, "task": task, "weight": weight}
    as_text = {**columns, "confidence": [f"{v:.4f}" if i % 7 else "likely" for i, v in enumerate(c)]}
    booleans = {"confidence": c.astype(np.float32), "correct": rng.random(n) < 0.5, "task": task}
    for i, table in enumerate((columns, as_text, booleans)):
        path = tmp_path / f"log{i}.parquet"
        pq.write_table(pa.table(table), path)
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 10**9)
        by_rows = read_log(path, by=["task"])
        monkeypatch.setattr("calibrant.logs.sources.COUNT_IN_ENGINE", 0)
        by_engine = read_log(path, by=["task"])
        assert (by_engine.rows, by_engine.used) == (by_rows.rows, by_rows.used)
        assert by_engine.unusable == by_rows.unusable
        assert set(by_engine.groups) == set(by_rows.groups)
        for key, ours in by_engine.groups.items():
            theirs = by_rows.groups[key]
            assert ours.rows == theirs.rows
            assert ours.total == pytest.approx(theirs.total)
            for bins in (10, 15, 20):
                assert calibrant.metrics.ece(ours, bins) == pytest.approx(
                    calibrant.metrics.ece(theirs, bins), abs=1e-8
                )
            assert calibrant.metrics.auroc(ours) == pytest.approx(calibrant.metrics.auroc(theirs), abs=1e-4)


def test_percent_is_a_property_of_the_column() -> None:
    in_percent = pd.DataFrame({"confidence": [90, 80, 1, 100, 120], "correct": [1, 0, 1, 1, 0]})
    log = read_log(in_percent)
    assert log.groups[()].score.tolist() == [0.01, 0.8, 0.9, 1.0]
    assert log.unusable == {"confidence above 1": 1} or log.unusable == {"confidence above 100 percent": 1}
    assert any("percent" in note for note in log.notes)
    one_stray = pd.DataFrame({"confidence": [0.9, 0.8, 0.7, 85], "correct": [1, 0, 1, 1]})
    assert read_log(one_stray).unusable == {"confidence above 1": 1}


def test_propensity_is_an_inverse_weight() -> None:
    frame = pd.DataFrame({"conf": [0.9, 0.5], "is_correct": [1, 0], "propensity": [0.5, 0.1]})
    log = read_log(frame)
    assert log.groups[()].weight.tolist() == [10, 2]
    assert "propensity" in log.notes[0]


def test_an_empty_weight_column_is_no_weight() -> None:
    frame = pd.DataFrame({"confidence": [0.9, 0.5], "correct": [1, 0], "weight": [None, None]})
    assert read_log(frame).groups[()].weight.tolist() == [1, 1]


def test_mixed_signals_are_pointed_out() -> None:
    frame = pd.DataFrame({"confidence": [0.9, 0.5], "correct": [1, 0], "signal": ["a", "b"]})
    assert "--by signal" in read_log(frame).notes[0]


def test_clusters_reach_the_tally(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"confidence": [0.9] * 40, "correct": [1, 1, 0, 0] * 10, "item": np.repeat(range(20), 2)}
    )
    assert read_log(frame, cluster="item").groups[()].clusters == 20


@pytest.mark.parametrize(
    ("text", "ending", "says"),
    [
        ("", "csv", "is empty"),
        ("confidence,correct\n", "csv", "no rows"),
        ("a,b\n1,2\n", "csv", "--confidence COLUMN"),
        ("confidence,correct\nx,1\n", "csv", "None of the 1 rows"),
        ("sure and right\n", "xyz", "its ending '.xyz'"),
        ('{"confidence": 0.5\n', "jsonl", "cannot be read"),
        ("not parquet", "parquet", "cannot be read"),
    ],
)
def test_bad_files_say_what_to_do(tmp_path: Path, text: str, ending: str, says: str) -> None:
    path = tmp_path / f"log.{ending}"
    path.write_text(text)
    with pytest.raises(UnusableInput, match=says):
        read_log(path)


def test_missing_columns_and_files() -> None:
    frame = pd.DataFrame({"confidence": [0.5], "correct": [1]})
    with pytest.raises(ColumnNotFound, match="domain"):
        read_log(frame, by=["domain"])
    with pytest.raises(ColumnNotFound, match="sure"):
        read_log(frame, confidence="sure")
    with pytest.raises(UnusableInput, match="no file"):
        read_log("nowhere.csv")
    with pytest.raises(UnusableInput, match="data frame"):
        read_log(42)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_apply_loses_no_row(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(1)
    task = rng.choice(["a", "b"], 400)
    frame = pd.DataFrame({"id": range(400), "task": task, "confidence": rng.random(400)})
    frame["correct"] = rng.random(400) < frame["confidence"] ** 2
    maps = fit_log(frame, ["task"]).maps
    extra = pd.DataFrame(
        {"id": [400, 401], "task": ["c", "a"], "confidence": [0.5, None], "correct": [True, True]}
    )
    whole = pd.concat([frame, extra], ignore_index=True)
    source = tmp_path / f"log.{ending}"
    {"csv": lambda: whole.to_csv(source, index=False),
     "jsonl": lambda: whole.to_json(source, orient="records", lines=True),
     "parquet": lambda: pq.write_table(pa.Table.from_pandas(whole), source)}[ending]()  # fmt: skip
    out = tmp_path / f"out.{ending}"
    done = apply(maps, source, out, find("policies", "bands")())
    assert done.rows == 402
    assert done.calibrated == 400
    lack = "no map for task c (of the nearest, task is 'c', not 'a'); fit one with `calibrant fit`"
    assert done.uncalibrated == {lack: 1, "confidence missing or NaN": 1}
    read = {"csv": pd.read_csv, "jsonl": lambda p: pd.read_json(p, lines=True), "parquet": pd.read_parquet}[
        ending
    ](out)
    assert len(read) == 402
    assert set(ADDED) < set(read.columns)
    a = read[read["task"] == "a"].iloc[:20]
    expected = maps.find(["a"])(a["confidence"].to_numpy(float))
    np.testing.assert_allclose(a["p"].to_numpy(float), expected, atol=1e-9)
    held = read[read["task"] == "c"].iloc[0]
    assert held["action"] == "hand_off"
    assert "no map" in held["uncalibrated"]
    again = calibrant.audit(out, ["task"], confidence="p")
    assert {g.measures["verdict"] for g in again.groups if g.by["task"] != "c"} <= {"no miscalibration shown"}


def test_a_score_is_a_score_and_p_a_probability(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"score": rng.random(300).round(3), "p": None})
    frame["correct"] = rng.random(300) < frame["score"] ** 2
    frame.loc[:9, "p"] = 0.5  # what was told of some answers at the time
    log, out, again = (tmp_path / name for name in ("log.csv", "out.csv", "again.csv"))
    frame.to_csv(log, index=False)
    assert read_log(log).roles.confidence == "score"
    assert read_log(log, confidence="p").used == 10
    maps = fit_log(log).maps
    done = apply(maps, log, out, find("policies", "bands")())
    assert done.replaced == {"p": 10}
    assert done.to_dict()["replaced"] == {"p": 10}
    written = pd.read_csv(out)
    np.testing.assert_allclose(written["p"], maps.find([])(frame["score"].to_numpy(float)))
    assert written["score"].tolist() == frame["score"].tolist()
    assert read_log(out).roles.confidence == "score"
    assert set(apply(maps, out, again, find("policies", "bands")()).replaced.values()) == {300}


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_score_called_p_is_kept(tmp_path: Path, ending: str) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"p": rng.random(200).round(3)})
    frame["correct"] = rng.random(200) < frame["p"] ** 2
    log, out = tmp_path / f"log.{ending}", tmp_path / f"out.{ending}"
    {"csv": lambda: frame.to_csv(log, index=False), "parquet": lambda: frame.to_parquet(log),
     "jsonl": lambda: frame.to_json(log, orient="records", lines=True)}[ending]()  # fmt: skip
    maps = fit_log(log).maps
    done = apply(maps, log, out, find("policies", "bands")())
    assert (done.calibrated, done.replaced) == (200, {})
    raw, calibrated = (read_log(out, confidence=name).groups[()] for name in ("score", "p"))
    assert raw == read_log(log).groups[()]
    assert calibrant.metrics.ece(calibrated) < calibrant.metrics.ece(raw)
    assert read_log(out).groups[()] == raw


def test_apply_writes_whole_files_or_none(tmp_path: Path) -> None:
    frame = pd.DataFrame({"confidence": [0.5, 0.9] * 20, "correct": [0, 1] * 20})
    maps = fit_log(frame).maps
    source, out = tmp_path / "log.csv", tmp_path / "out.jsonl"
    source.write_text('id,confidence\nq1,0.5\n"q2,0.9\n')
    with pytest.raises(UnusableInput):
        apply(maps, source, out, find("policies", "bands")())
    assert not out.exists()
    (tmp_path / "log.jsonl").write_text('{"confidence": 0.5}\n{broken\n')
    done = apply(maps, tmp_path / "log.jsonl", out, find("policies", "bands")())
    assert (done.rows, done.calibrated, len(out.read_text().splitlines())) == (2, 1, 2)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bom", "\ufefftask,confidence,correct\n" + "a,0.9,1\nb,0.5,0\n" * 60),
        ("semicolon", "task;confidence;correct\n" + "a;0.9;1\nb;0.5;0\n" * 60),
        ("bar", "task|confidence|correct\n" + "a|0.9|1\nb|0.5|0\n" * 60),
        ("quoted", "task,confidence,correct\n" + '"x, ""y"" \u6f22",0.9,1\nb,0.5,0\n' * 60),
        ("blank group", "task,confidence,correct\n" + ",0.9,1\nb,0.5,0\n" * 60),
        ("ragged", "task,confidence,correct\n" + "a,0.9,1\nb,0.5,0\n" * 60 + "b,0.5\n"),
    ],
)
def test_apply_reads_a_file_as_fit_did(tmp_path: Path, name: str, text: str) -> None:
    source, out = tmp_path / "log.csv", tmp_path / "out.csv"
    source.write_text(text)
    fitted = fit_log(source, ["task"])
    assert sum(g.tally.rows for g in fitted.groups) == 120
    done = apply(fitted.maps, source, out, find("policies", "bands")())
    assert done.calibrated >= 120
    assert done.rows - done.calibrated <= 1


def test_apply_reads_parquet_and_jsonl_as_fit_did(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    c = rng.choice([0.5, 0.7, 0.8, 0.9, 0.95, 1.0], 600).astype(np.float32)
    columns = {"confidence": c, "correct": rng.random(600) < c, "flag": rng.random(600) < 0.5}
    numbers = pa.array([None, *rng.integers(0, 2, 599).tolist()], pa.int64())
    pq.write_table(pa.table({**columns, "group": numbers}), tmp_path / "log.parquet")
    fitted = fit_log(tmp_path / "log.parquet", ["group"])
    out = tmp_path / "out.parquet"
    assert apply(fitted.maps, tmp_path / "log.parquet", out, find("policies", "bands")()).calibrated == 600
    read = pd.read_parquet(out)
    rows = read[read["group"] == 1]
    expected = fitted.maps.find([1])(np.round(rows["confidence"].to_numpy(float), 6))
    np.testing.assert_allclose(rows["p"].to_numpy(float), expected, atol=1e-9)
    frame = pd.DataFrame({**columns, "confidence": c.astype(float)})
    frame.to_json(tmp_path / "log.jsonl", orient="records", lines=True)
    by_flag = fit_log(tmp_path / "log.jsonl", ["flag"])
    done = apply(by_flag.maps, tmp_path / "log.jsonl", tmp_path / "out.jsonl", find("policies", "bands")())
    assert done.calibrated == 600
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["flag"] in (True, False)


def test_nan_becomes_null_in_json(tmp_path: Path) -> None:
    maps = fit_log(pd.DataFrame({"confidence": [0.5, 0.9] * 20, "correct": [0, 1] * 20})).maps
    pq.write_table(pa.table({"confidence": [0.5, float("nan")]}), tmp_path / "log.parquet")
    done = apply(maps, tmp_path / "log.parquet", tmp_path / "out.jsonl", find("policies", "bands")())
    assert done.uncalibrated == {"confidence missing or NaN": 1}
    assert "NaN" not in (tmp_path / "out.jsonl").read_text().replace("missing or NaN", "")


def test_group_keys_do_not_change_between_blocks(tmp_path: Path) -> None:
    n = 140_000
    keys = pa.array([*(np.arange(n - 1) % 2).tolist(), None], pa.int64())
    pq.write_table(
        pa.table({"confidence": np.full(n, 0.5), "correct": [True] * n, "d": keys}), tmp_path / "l.parquet"
    )
    assert set(read_log(tmp_path / "l.parquet", by=["d"]).groups) == {("0",), ("1",), (None,)}


def test_rows_without_a_cluster_stand_alone() -> None:
    ids = [None] * 20 + ["a"] * 10 + ["b"] * 10
    frame = pd.DataFrame({"confidence": [0.9] * 40, "correct": [1, 0] * 20, "item": ids})
    assert read_log(frame, cluster="item").groups[()].clusters == 22


def test_maps_are_bound_to_what_is_constant_in_their_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({
        "confidence": [0.5, 0.9] * 40, "correct": [0, 1] * 40, "model": ["m"] * 80, "domain": ["a", "b"] * 40,
    })  # fmt: skip
    maps = fit_log(frame).maps
    assert maps.groups[0][1].fingerprint.model == "m"
    assert maps.groups[0][1].fingerprint.domain is None
    other = pd.DataFrame({"confidence": [0.5, 0.5], "model": ["m", "other"]})
    other.to_csv(tmp_path / "new.csv", index=False)
    done = apply(maps, tmp_path / "new.csv", tmp_path / "out.csv", find("policies", "bands")())
    assert done.calibrated == 1
    assert "model is 'other', not 'm'" in next(iter(done.uncalibrated))


def test_signals_of_records_are_never_pooled() -> None:
    frame = pd.DataFrame({
        "record_id": ["r1", "r1", "r2", "r2"], "signal": ["a", "b"] * 2, "confidence": [0.9, 0.1] * 2,
        "correct": [1, 1, 0, 0],
    })  # fmt: skip
    log = read_log(frame)
    assert set(log.groups) == {("a",), ("b",)}


def test_weights_beyond_reason_are_counted() -> None:
    frame = pd.DataFrame(
        {"confidence": [0.9, 0.8, 0.7], "correct": [1, 0, 1], "weight": [1.0, 1e200, 1e-200]}
    )
    log = read_log(frame)
    assert log.used == 1


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2@nowhere.invalid/n", "postgresql://u@nowhere.invalid/n?password=hunter2",
            "postgresql://u:hunter2@h:pa/n"],
)  # fmt: skip
def test_no_password_is_shown(url: str) -> None:
    with pytest.raises((UnusableInput, StoreError)) as caught:
        read_log(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_columns_that_differ_in_capitals_alone_are_one(tmp_path: Path, ending: str) -> None:
    """Readers of tables look names up whatever their case, so a `P` beside a `p` would be read in its place."""
    pd.DataFrame({"P": [0.5, 0.9] * 50, "Action": "old", "correct": [0, 1] * 50}).to_csv(tmp_path / "log.csv")
    fitted = fit_log(tmp_path / "log.csv")
    out = tmp_path / f"out.{ending}"
    done = apply(fitted.maps, tmp_path / "log.csv", out, find("policies", "bands")())
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}.get(
        ending, lambda f: pd.read_json(f, lines=True)
    )(out)
    assert len({name.lower() for name in read.columns}) == len(read.columns)
    np.testing.assert_allclose(read["p"], fitted.maps.find([])(read["score"].astype(float)), atol=1e-9)
    assert done.replaced == {"action": 100}


def test_a_column_that_the_first_row_lacks_is_kept(tmp_path: Path) -> None:
    rows = [{"confidence": 0.9, "correct": 1}, {"confidence": 0.4, "correct": 0, "cost": 3.5}] * 20
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    maps, bands = fit_log(tmp_path / "log.jsonl").maps, find("policies", "bands")()
    for ending, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        apply(maps, tmp_path / "log.jsonl", tmp_path / f"out.{ending}", bands)
        assert read(tmp_path / f"out.{ending}")["cost"].tolist()[1] == 3.5


def test_records_of_two_versions_are_read_by_both_names_of_a_score(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {
            "record_id": str(i),
            "signal": "s",
            "confidence" if i < 40 else "score": float(c),
            "correct": int(c > 0.5),
        }
        for i, c in enumerate(rng.uniform(0.1, 0.9, 100))
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    log = read_log(tmp_path / "log.jsonl")
    assert (log.rows, log.used, log.roles.confidence) == (100, 100, "score")
    both = [{**row, "confidence": 0.7, "score": 0.2} for row in rows]
    (tmp_path / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in both))
    assert read_log(tmp_path / "two.jsonl").roles.confidence == "confidence"
