"""Small tables counted by the engine and read row by row: the same numbers, and all that the engine says is held.

What is expected lies in `expected/counted.json`, a name for each.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import calibrant.logs
from calibrant.columns import GRID, cell_of
from calibrant.engines._relation import PROGRESS
from calibrant.logs.tallies import Log, read_log
from calibrant.tally import Tally

from ..holding import hold, plain, said

HELD = Path(__file__).parent / "expected/counted.json"
ROOM = [import_module(f"calibrant.logs.{one.name}") for one in iter_modules(calibrant.logs.__path__)]
CELL = 1 / GRID
NAN, INF = math.nan, math.inf


def put(patch: pytest.MonkeyPatch, **constants: int) -> None:
    """Constants of the room, wherever they were imported."""
    for name, value in constants.items():
        for module in ROOM:
            if hasattr(module, name):
                patch.setattr(module, name, value)


def both(path: Any, patch: pytest.MonkeyPatch, **options: Any) -> tuple[Any, Any]:
    """The log as the engine counts it, and as it is read row by row; or their refusals."""
    found = []
    for rows in (0, 10**9):
        put(patch, COUNT_IN_ENGINE=rows)
        found.append(said(lambda: read_log(path, **options)))
    return found[0], found[1]


def sums(tally: Tally) -> dict[str, Any]:
    return {
        "score": tally.score, "weight": tally.weight, "hits": tally.hits, "hits2": tally.hits2,
        "weight2": tally.weight2, "rows": tally.rows, "n_eff": tally.n_eff, "local": tally.local_effect,
        "weight4": tally.weight4, "gridded": tally.gridded,
    }  # fmt: skip


def told(log: Log) -> dict[str, Any]:
    return {
        "rows": log.rows, "used": log.used, "unusable": dict(sorted(log.unusable.items())),
        "read as": dict(sorted(log.read_as.items())), "notes": log.notes,
        "empty": ordered(log.empty), "lost": ordered(log.lost),
        "units": ordered({key: one.to_dict() for key, one in log.units.items()}),
        "groups": ordered({key: list(sums(one).values()) for key, one in log.groups.items()}),
    }  # fmt: skip


def ordered(groups: Mapping[Any, Any]) -> dict[str, Any]:
    """An engine gives groups, and reasons within them, in any order."""
    return {str(key): groups[key] if not isinstance(groups[key], dict) else dict(sorted(groups[key].items()))
            for key in sorted(groups, key=str)}  # fmt: skip


def same(engine: Log, rows: Log) -> None:
    """What both say alike: all but folds and constants, which the engine leaves out, and what asks for every row."""
    assert not engine.constants and rows.constants, "the engine was to count"
    for name in ("source", "rows", "used", "unusable", "roles", "units", "scale"):
        assert getattr(engine, name) == getattr(rows, name), name
    assert (engine.empty, engine.lost) == (rows.empty, rows.lost)
    assert set(engine.notes) <= set(rows.notes)
    assert set(engine.groups) == set(rows.groups)
    for key, ours in engine.groups.items():
        assert celled(ours) == pytest.approx(celled(rows.groups[key]), rel=1e-6, abs=1e-7), key


def celled(tally: Tally) -> dict[str, float]:
    """A tally on the grid, as numbers by name."""
    cell = cell_of(np.array(tally.score), GRID)
    of = {"weight": tally.weight, "hits": tally.hits, "hits2": tally.hits2, "weight2": tally.weight2}
    of |= {"score": tally.score * tally.weight}
    found = {f"{name} {i}": float(v[cell == i].sum()) for name, v in of.items() for i in set(cell.tolist())}
    return found | {
        "rows": tally.rows,
        "n_eff": tally.n_eff,
        "local": tally.local_effect,
        "weight4": tally.weight4,
    }


def compared(name: str, engine: Log | str, rows: Log | str) -> None:
    if isinstance(engine, str) or isinstance(rows, str):
        assert engine == rows
        hold(HELD, name, engine)
    else:
        same(engine, rows)
        hold(HELD, name, told(engine))


def parquet(folder: Path, columns: Mapping[str, Any]) -> Path:
    pq.write_table(pa.table(dict(columns)), folder / "log.parquet")
    return folder / "log.parquet"


def cycled(values: Sequence[Any], n: int) -> list[Any]:
    return [values[i % len(values)] for i in range(n)]


STATED: dict[str, list[float]] = {
    "fraction": [0, 1, 0.5, 0.3, 0.29, 0.57, 0.1 + 0.2, 0.25, 1e-300, 0.999999, 0.7, -0.0, 7 * CELL, -0.01, 1.2],
    "percent": [0, 100, 50, 30, 29, 57, 85.5, 99.9, 12.5, 7, 1, 0.5, 3, 77, -1, 101],
    "1-5": [1, 5, 2, 3, 4, 2.5, 4.75, 1.5, 0.5, 5.5],
    "1-10": [1, 10, 2, 3, 9, 5.5, 7.25, 4, 0.5, 10.5],
    "0-10": [0, 10, 2, 3, 9, 5.5, 7.25, 0.5, -1, 11],
    "permille": [0, 1000, 500, 850, 1, 999, 20.5, 640, -1, 1001],
    "logprob": [0, -0.0, -0.1, -0.5, -1, -2, 1e-7, -733, -800, -3, 0.5, 2],
    "logit": [0, -800, 800, 2, -2, 0.1, -0.1, 5, 37, -37],
    "odds": [0, 1, 3, 1e6, 0.25, 9, 99, 0.01, 2, -1],
    "nll": [0, 0.1, 2, 800, -1e-7, 1, 0.5, 3, -1, -0.5],
    "perplexity": [1, 2, 10, 1e6, 0.9999999, 1.25, 4, 1.5, 0.5, 0.2],
    "uncertainty": [0, 1, 0.2, 0.35, 0.9, 0.5, 0.01, 0.99],
}  # fmt: skip
"""Numbers of each scale, and at most two that are none of it."""
KINDS: dict[str, Any] = {
    "double": lambda held: pa.array(held, pa.float64()),
    "single": lambda held: pa.array(np.array([NAN if v is None else v for v in held], np.float32)),
    "whole": lambda held: pa.array([None if v is None or v != v // 1 else int(v) for v in held], pa.int32()),
    "decimal": lambda held: pa.array(
        [None if v is None or not math.isfinite(v) else Decimal(f"{v:.4f}") for v in held], pa.decimal128(14, 4)
    ),
    "text": lambda held: pa.array([None if v is None else repr(v) for v in held]),
}  # fmt: skip
VERDICTS: dict[str, Any] = {
    "flags": pa.array(cycled([True, False, True, True, None], 60)),
    "words": pa.array(cycled(["yes", "no", "Correct ", "maybe", "", "wrong", None, "0.5"], 60)),
    "marks": pa.array(cycled(["1", "0", "1.0", "0.25", "2", "-1", "nan", "1e0"], 60)),
    "wholes": pa.array(cycled([1, 0, 1, None, 1], 60), pa.int64()),
    "grades": pa.array(cycled([1, 0, 0.5, 0.25, 0.125, NAN, None], 60)),
    "odd grades": pa.array([*cycled([1, 0, 0.5, 0.25, 0.125, NAN, None, INF], 57), 1.5, -0.5, -0.5]),
    "singles": pa.array(np.array(cycled([1, 0, 0.1, 0.7, NAN], 60), np.float32)),
    "decimals": pa.array(cycled([Decimal("1.0"), Decimal("0.0"), Decimal("0.3"), None], 60), pa.decimal128(3, 1)),
}  # fmt: skip


def stated(scale: str, n: int = 40) -> list[float | None]:
    """`n` numbers of a scale, those that are none of it once, and such as are not there."""
    good = STATED[scale][:-2]
    return [*STATED[scale], *cycled(good, n - len(STATED[scale]) - 4), None, NAN, INF, -INF]


def cases() -> Iterator[tuple[str, str]]:
    yield from ((scale, "double") for scale in STATED)
    yield from (("fraction", kind) for kind in ("single", "decimal", "text"))
    yield from (("percent", kind) for kind in ("whole", "text"))
    yield from (("logprob", kind) for kind in ("single", "text"))


@pytest.mark.parametrize(("scale", "kind"), list(cases()))
def test_each_scale_in_each_kind_of_column(
    scale: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [v if (v not in (INF, -INF)) or kind != "text" else None for v in stated(scale)]
    columns = {"confidence": KINDS[kind](numbers), "correct": pa.array([i % 3 > 0 for i in range(40)])}
    engine, rows = both(parquet(tmp_path, columns), monkeypatch, scale=scale)
    same(engine, rows)
    hold(HELD, f"{scale} as {kind}", told(engine))


@pytest.mark.parametrize(
    ("kind", "weighted"),
    [*((kind, False) for kind in VERDICTS), *((kind, True) for kind in list(VERDICTS)[:4])],
)
def test_each_kind_of_verdict(
    kind: str, weighted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {
        "confidence": cycled([0.5, 0.7, 0.9, 0.3, None, 0.7, 0.2], 60), "correct": VERDICTS[kind],
        "task": cycled(["a", "b", None], 60),
    }  # fmt: skip
    if weighted:
        columns["weight"] = cycled([1.0, 2.5, 0.5, 0.0, None, 1e-6, 1e6, 1.1e6, 3.0, NAN, -1.0], 60)
    monkeypatch.chdir(tmp_path)
    parquet(Path(), columns)
    compared(f"verdicts, {kind}{', weighted' * weighted}", *both("log.parquet", monkeypatch, by="task"))


TEXTS = [
    "85%", "likely", "8/10", "about 80%", "true", "", "  0.5 ", "0.5f", "1e400", "150%", "nan", "0.5",
    ".25", "5e-1", "+0.75", "1", "0", "85 percent", "Almost Certain", "x" * 70, "None", "0.1 ",
]  # fmt: skip
WORDS = ["high", "low", "Medium", None, "very high", "", "no idea", "level: low", "N/A"]
EDGES = [k * CELL for k in (0, 1, 2, 7, 8_399, 12_600, 25_199, 25_200)]
EDGES += [8_400 * CELL * (1 + e) for e in (0, 1e-13, -1e-13, 1e-11, -1e-11, 1e-6, -1e-6)]
TASKS = cycled(["a", "b", None, "c d"], 60)
SURE = cycled([0.5, 0.7, 0.9, 0.3, 0.7, 0.2, 0.95], 60)
RIGHT = [i % 3 > 0 for i in range(60)]
PERCENT = cycled([95.0, 70.0, 60.0, 80.0, 100.0, 12.0, 0.0], 60)
SPREAD = [round(0.005 + i / 61, 6) for i in range(60)]
BY = {"by": "task"}


def logged(confidence: Any = SURE, correct: Any = RIGHT, **others: Any) -> dict[str, Any]:
    return {"confidence": confidence, "correct": correct, **others}


TABLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "texts": (logged(cycled(TEXTS, 60), cycled([1, 0], 60)), {}),
    "texts, percent": (logged(cycled([*["70", "55"] * 11, "85%", "likely", "0.5"], 60)), {"scale": "percent"}),
    "texts, percent, told": (logged(cycled([*["70", "55", "1"] * 8, "85%", "101", "x"], 60)), {}),
    "texts by task": (logged(cycled(TEXTS, 60), task=TASKS, weight=cycled([1.0, 2.0, 0.5], 60)), BY),
    "texts, logprob": (logged([*cycled(["-0.1", "-2", "0", "likely"], 59), "0.5"]), {"scale": "logprob"}),
    "words": (logged(cycled(WORDS, 60)), {}),
    "words, named": (logged(cycled([*WORDS, "x", "1"], 60)), {"scale": "levels"}),
    "numbers as levels": (logged(), {"scale": "levels"}),
    "booleans": (logged(RIGHT, SURE), {}),
    "booleans by task": (logged(RIGHT, task=TASKS), BY),
    "edges": (logged(cycled(EDGES, 60)), {}),
    "edges, single": (logged(pa.array(np.array(cycled(EDGES, 60), np.float32))), {}),
    "edges, percent": (logged([100 * v for v in cycled(EDGES, 60)]), {"scale": "percent"}),
    "one cell": (logged(cycled([0.3000001, 0.3000002, 0.3000004], 60)), {}),
    "one cell, weighted": (logged(cycled([0.3000001, 0.3000004], 60), weight=cycled([1.0, 3.0, 2.0], 60)), {}),
    "a slip above": (logged([*SURE[:59], 7.0]), {}),
    "a slip below": (logged([*SURE[:59], -0.5]), {}),
    "slips in the middle": (logged([*SURE[:30], 1.2, *SURE[31:59], -0.5]), {}),
    "percent": (logged(PERCENT), {}),
    "percent, whole numbers": (logged([int(v) for v in PERCENT]), {}),
    "percent, single": (logged(np.array(PERCENT, np.float32)), {}),
    "percent and a fraction": (logged([*PERCENT[:58], 0.7, 0.005]), {}),
    "percent and a hundredth": (logged([*PERCENT[:58], 0.01, 0.99]), {"scale": "percent"}),
    "percent and beyond": (logged([*PERCENT[:58], 101.0, -1.0]), {}),
    "percent as fractions": (logged(PERCENT), {"scale": "fraction"}),
    "a percent each": (logged([*SURE[:30], *PERCENT[:30]], model=["a"] * 30 + ["b"] * 30), {"by": "model"}),
    "mixed": (logged([*SURE[:30], *PERCENT[:30]], model=["a"] * 30 + ["b"] * 30), {}),
    "nothing like a number": (logged(cycled([0.5, 0.7, NAN, 0.9], 60), cycled([1.0, 0.0, 1.0, NAN, 0.5], 60)), {}),
    "weights like no number": (logged(weight=cycled([1.0, 2.0, NAN], 60)), {}),
    "ones": (logged(cycled([0, 1, 1], 60)), {}),
    "ones, double": (logged(cycled([0.0, 1.0, 1.0], 60)), {}),
    "ones and gaps": (logged(cycled([0.0, 1.0, None], 60)), {}),
    "unbounded": (logged(cycled([-800.0, -2.0, 0.0, 0.1, 3.0, 800.0, NAN], 60)), {"scale": "uncertainty"}),
    "named so": (
        {"uncertainty": SURE, "correct": RIGHT}, {"confidence": "uncertainty", "scale": "uncertainty"},
    ),
    "named log": ({"logprob": [-v for v in SURE], "correct": RIGHT}, {}),
    "in doubt": (logged(cycled([1, 2, 3, 4, 5], 60)), {}),
    "nothing": (logged(pa.array([None] * 60, pa.float64())), {}),
    "nothing, text": (logged(pa.array([None] * 60, pa.string())), {}),
    "by two": (logged(task=TASKS, shard=cycled([1, 2, None], 60)), {"by": ["task", "shard"]}),
    "by a flag": (logged(flag=cycled([True, False, None], 60)), {"by": "flag"}),
    "by a number": (logged(n=cycled([1.0, 2.5, NAN, None], 60)), {"by": "n"}),
    "a group of nothing": (
        logged([None if t == "b" else v for v, t in zip(SURE, TASKS, strict=True)], task=TASKS), BY,
    ),
    "propensities": (logged(propensity=cycled([0.5, 1.0, 0.1, 1.5, 0.0, None, 1e-6, 1e-7], 60)), {}),
    "weights of texts": (logged(weight=cycled(["1", "2.5", "x", "", None, "1e7"], 60), task=TASKS), BY),
    "whole weights": (logged(weight=cycled([1, 2, 3, 0, 2_000_000], 60)), {}),
    "one weight": (logged(weight=[3.0] * 60), {}),
    "right words": (logged(correct=cycled(["a", "b", "c", None], 60)), {"right": "a,c", "wrong": "b"}),
    "right numbers": (logged(correct=cycled([1, 2, 3], 60)), {"right": "2", "wrong": "1", "partly": "3"}),
    "right flags": (logged(), {"right": "false", "wrong": "true"}),
    "right decimals": (
        logged(correct=pa.array(cycled([Decimal("1.0"), Decimal("2.5")], 60), pa.decimal128(3, 1))),
        {"right": "2.5", "wrong": "1"},
    ),
    "spelt verdicts": (
        logged(correct=cycled(["+1", "1e0", ".5", "1/2", "0.3333333", "5e-1", "0", "00", " 1"], 60)), {},
    ),
    "bytes": (logged(correct=pa.array(cycled([b"yes", b"no", None], 60))), {}),
    "dates": (logged(correct=pa.array(cycled([1, 2], 60), pa.date32())), {}),
    "no verdict": (logged(correct=pa.array([None] * 60, pa.bool_())), {}),
    "no verdict in words": (logged(correct=pa.array([None] * 60, pa.string())), {}),
    "other words": (logged(correct=["Paris"] * 30 + ["Rome"] * 20 + ["Bern"] * 10), {}),
    "verdicts of two kinds": (logged(correct=cycled(["yes", "no", "1", "0.5", "tbd"], 60)), {}),
    "grades beyond": (logged(correct=[4.0] * 20 + [5.0] * 15 + [3.0] * 12 + [2.0] * 8 + [1.0] * 5), {}),
    "items": (logged(item_id=[i % 40 for i in range(60)]), {}),
    "items, just enough": (logged(item_id=[i % 50 for i in range(60)]), {}),
    "items, too few": (logged(item_id=[i % 51 for i in range(60)]), {}),
    "items of tasks": (logged(task=["a", "b"] * 30, id=[i // 2 % 20 for i in range(60)]), {}),
    "items by task": (logged(task=["a", "b"] * 30, id=[i // 2 % 20 for i in range(60)]), BY),
    "questions": (logged(question=[f"What is {i % 30}?" for i in range(60)]), {}),
    "grader": (logged(cycled([0.0, 1.0], 60), cycled([False, True], 60)), {}),
    "signals": (logged(signal=["s", "t"] * 30), {}),
    "percents of events": (logged(PERCENT), {"scale": "event"}),
    "clusters": (logged(cluster=[i // 3 for i in range(60)]), {}),
    "no clusters": (logged(cluster=[i // 3 for i in range(60)]), {"cluster": "none"}),
    "answers": (logged(answer=cycled(["x", "", "y"], 60)), {}),
    "empty is wrong": (logged(correct=cycled(["yes", None], 60)), {"right": "yes", "wrong": "EMPTY"}),
    "unknown scale": (logged(), {"scale": "miles"}),
    "wrong scale": (logged(), {"scale": "1-5"}),
}  # fmt: skip
BY_ROWS = (
    "a percent each", "percents of events", "answers", "empty is wrong",
)  # fmt: skip
"""Tables that the engine leaves to be read row by row."""
OTHERWISE = (
    "items", "items, just enough", "items, too few", "items of tasks", "items by task", "questions", "edges, single",
    "clusters",
)  # fmt: skip
"""Rows that are tied together where they are at hand, and decimals of 32 bits just below a cell; rows of clusters say
more of their weights where they are at hand."""


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parquet(Path(), TABLES[name][0])
    engine, rows = both("log.parquet", monkeypatch, **TABLES[name][1])
    if name in BY_ROWS:
        assert engine.constants and (engine.used, engine.lost) == (rows.used, rows.lost)
    elif name in OTHERWISE:
        hold(HELD, name, told(engine))
    else:
        compared(name, engine, rows)


MANY: dict[str, Any] = {
    "numbers": cycled([0.0, 1.0, 0.25, 0.5, 0.75, 0.125, 0.875], 60),
    "some beyond": cycled([0.0, 1.0, 0.25, 0.5, 0.75, -1.0, 2.0, 3.0, None, NAN], 60),
    "all beyond": cycled([2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 60),
    "texts of numbers": cycled(["0", "1", "0.25", "0.5", "0.75", "x", None, "2"], 60),
    "texts": cycled([f"town {i}" for i in range(9)], 60),
    "wholes": cycled([0, 1, 2, 3, 4, 5, 6], 60),
    "0 to 1": cycled([0, 1], 60),
}


@pytest.mark.parametrize("name", MANY)
def test_more_verdicts_than_are_counted_as_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parquet(Path(), logged(correct=MANY[name]))
    put(monkeypatch, MOST_WORDS=5, COUNT_IN_ENGINE=0)
    found = said(lambda: read_log("log.parquet"))
    hold(HELD, f"many, {name}", found if isinstance(found, str) else told(found))


GRIDS = [(10**9, 10**9), (180, 900), (179, 900), (120 * 3, 900), (37_800, 10**9), (37_799, 10**9), (50, 300), (70, 10),
         (50, 10), (50, 40), (50, 179), (50, 180), (50, 181)]  # fmt: skip


@pytest.mark.parametrize(("most", "too_many"), GRIDS)
def test_grids_for_many_groups(
    most: int, too_many: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parquet(Path(), logged(SPREAD, task=["a", "b", None] * 20))
    put(monkeypatch, COUNT_IN_ENGINE=0, MOST_SUMS=most, TOO_MANY=too_many)
    found = said(lambda: read_log("log.parquet", by="task"))
    if isinstance(found, str):
        found = re.sub(r"\d+ sums", "so many sums", found)  # an engine's estimate
    else:
        found = [found.notes, ordered({key: [one.score, one.weight] for key, one in found.groups.items()})]
    hold(HELD, f"{most} sums, {too_many} too many", found)


def test_a_database_is_counted_as_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = pa.table(logged(cycled(TEXTS, 60), task=TASKS, weight=cycled([1.0, 2.0, 0.5, None], 60)))
    pq.write_table(held, tmp_path / "log.parquet")
    with duckdb.connect(tmp_path / "log.db") as connection:
        connection.register("held", held)
        connection.execute("CREATE TABLE log AS FROM held")
    put(monkeypatch, COUNT_IN_ENGINE=0)
    one, other = (read_log(tmp_path / f"log.{kind}", by="task") for kind in ("parquet", "db"))
    assert plain(told(one)) == plain(told(other))


def test_how_far_it_is_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parquet(Path(), logged())
    put(monkeypatch, COUNT_IN_ENGINE=59)
    lines: list[tuple[str, float | None, int | None]] = []
    token = PROGRESS.set(lambda what, share, rows: lines.append((what, share, rows)))
    try:
        assert not read_log("log.parquet").constants
        assert lines[0] == ("log.parquet", 0.0, 60)
        assert {line for line in lines if line[1] == 1.0} == {("DuckDB counts log.parquet", 1.0, None)}
        lines.clear()
        put(monkeypatch, COUNT_IN_ENGINE=60)
        assert read_log("log.parquet").constants == {(): {}}
        assert not lines
    finally:
        PROGRESS.reset(token)
