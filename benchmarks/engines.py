"""Counting where the rows lie: `read_log` by DuckDB against its bare GROUP BY over the same file, in the same run.

    python benchmarks/engines.py [ROWS] [--times N] [--groups N] [--file FILE] [--quick]     # 1e8 rows by default

The bare query asks for as many cells and as many sums and checks nothing: no missing or odd value, no unit, no verdict
that is none. Prints wall and CPU seconds and the peak memory of both, and the ratio of CPU seconds (target: at most
1.2). With --groups a text column parts the log, and both are asked for a tally of each. With --times the file is read
so many times over, as so many files of one log: 1e8 rows 10 times are 1e9.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BARE = """
import resource, sys, time
import duckdb
start = time.perf_counter()
engine = duckdb.connect()
engine.execute("SET memory_limit = '400MB'; SET preserve_insertion_order = false; SET enable_progress_bar = false")
by = sys.argv[2] + (", " if sys.argv[2] else "")
found = engine.execute(
    f"SELECT {by} CAST(floor(CAST(confidence AS DOUBLE) * 25200) AS INTEGER) AS cell, count(*), "
    f"sum(CAST(confidence AS DOUBLE)), sum(CAST(correct AS DOUBLE)) FROM '{sys.argv[1]}' GROUP BY {by} cell"
).fetchnumpy()
"""

OURS = """
import resource, sys, time
from calibrant.logs.tallies import read_log
start = time.perf_counter()
found = read_log(f"duckdb:{sys.argv[1]}", by=[sys.argv[2]] if sys.argv[2] else [])
"""

TOLD = """
print(time.perf_counter() - start, time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
"""


def make(path: Path, rows: int, groups: int) -> None:
    """A log of float64 confidences and boolean verdicts, and a text column of so many groups."""
    rng, writer = np.random.default_rng(0), None
    names = pa.array([f"segment {i}" for i in range(groups)])
    for start in range(0, rows, 1_000_000):
        n = min(1_000_000, rows - start)
        score = rng.beta(5, 1.3, n)
        columns = {"confidence": pa.array(score), "correct": pa.array(rng.random(n) < score**1.3)}
        if groups:
            columns["segment"] = names.take(pa.array(rng.integers(0, groups, n)))
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()


def run(code: str, path: Path, by: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and megabytes of a process of its own."""
    command = [sys.executable, "-c", code + TOLD, str(path), by]
    wall, cpu, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(wall), float(cpu), float(peak)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows", nargs="?", type=float, default=1e8)
    parser.add_argument("--file", type=Path, help="where the log is, or is to be made and kept")
    parser.add_argument("--times", type=int, default=1, help="how often the file is there, by links")
    parser.add_argument("--groups", type=int, default=0, help="groups to part it by")
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs")
    parser.add_argument("--quick", action="store_true", help="one pair of runs over 1,200,000 rows")
    return parser


def main() -> None:
    given = options().parse_args()
    rows, runs = (1_200_000, 1) if given.quick else (int(given.rows), given.runs)
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "log.parquet"
        if not path.exists():
            start = time.perf_counter()
            make(path, rows, given.groups)
            print(f"{rows:,} rows made in {time.perf_counter() - start:.0f} s")
        held = given.times * pq.ParquetFile(path).metadata.num_rows
        print(f"{held:,} rows, {given.times * path.stat().st_size / 1e6:,.0f} MB")
        for i in range(given.times):
            Path(folder, f"part-{i}.parquet").symlink_to(path.absolute())
        ratios, parts = [], Path(folder, "part-*.parquet")
        for _ in range(runs):
            bare, ours = (run(code, parts, "segment" if given.groups else "") for code in (BARE, OURS))
            ratios.append(ours[1] / bare[1])
            for name, (wall, cpu, peak) in (("bare GROUP BY", bare), ("read_log", ours)):
                print(f"{name:<14} {wall:7.1f} s, {cpu:7.1f} CPU s, {peak:5.0f} MB")
            print(f"ratio of CPU {ratios[-1]:.2f}", flush=True)
    print(f"median ratio {np.median(ratios):.2f} (target 1.2)")


if __name__ == "__main__":
    main()
