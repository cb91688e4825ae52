"""One pass over Parquet: calibrant's counting against a bare NumPy bincount over the same file.

    python benchmarks/one_pass.py [ROWS] [--quick]        # 1e8 rows by default, in a temporary folder

Prints CPU seconds of both in the same run, their ratio (target: at most 1.5), the peak memory of calibrant's pass
(target: under 600 MB), and the time of every metric and fit on the tally (target: under 50 ms).
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
import sys, time, resource
import numpy as np, pyarrow.parquet as pq
cells = 25200
count, right = np.zeros(cells), np.zeros(cells)
for b in pq.ParquetFile(sys.argv[1]).iter_batches(131072, columns=["confidence", "correct"], use_threads=False):
    score, hit = b.column(0).to_numpy(), b.column(1).to_numpy(zero_copy_only=False)
    cell = np.minimum((score * cells).astype(np.int64), cells - 1)
    count += np.bincount(cell, minlength=cells)
    right += np.bincount(cell, weights=hit, minlength=cells)
print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
"""

OURS = """
import sys, time, resource
from calibrant.logs.tallies import read_log
tally = read_log(sys.argv[1]).groups[()]
print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
from calibrant import metrics
from calibrant.plugins import find, names
for name in ("gap", "ece", "ece_equal_mass", "noise_floor", "l2", "smooth_ece", "brier", "corp", "log_loss", "auroc",
             "aurc", "spiegelhalter", "kuiper"):
    best = []
    for _ in range(4):
        start = time.perf_counter(); getattr(metrics, name)(tally); best.append(time.perf_counter() - start)
    print(f"metric {name}", 1e3 * min(best))
for name in names("calibrators"):
    best = []
    for _ in range(4):
        start = time.perf_counter(); find("calibrators", name)().fit(tally); best.append(time.perf_counter() - start)
    print(f"fit {name}", 1e3 * min(best))
start = time.perf_counter(); metrics.bootstrap(tally, metrics.ece); took = time.perf_counter() - start
print("bootstrap ece x 1000", 1e3 * took)
"""


def make(path: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, 1_000_000):
        n = min(1_000_000, rows - start)
        score = rng.beta(5, 1.3, n)
        right = rng.random(n) < score**1.3
        table = pa.table({"confidence": pa.array(score.astype(np.float32)), "correct": pa.array(right)})
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()


def run(code: str, path: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows", nargs="?", type=float, default=1e8)
    parser.add_argument("--quick", action="store_true", help="one pair of passes over 300,000 rows")
    return parser


def main() -> None:
    given = options().parse_args()
    rows = 300_000 if given.quick else int(given.rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        start = time.perf_counter()
        make(path, rows)
        print(
            f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB, made in {time.perf_counter() - start:.0f} s"
        )
        ratios = []
        for _ in range(1 if given.quick else 3):
            bare, ours = run(BARE, path)[0].split(), run(OURS, path)
            mine = ours[0].split()
            ratios.append(float(mine[0]) / float(bare[0]))
            print(
                f"bare NumPy {float(bare[0]):.2f} CPU s, {float(bare[1]):.0f} MB; "
                f"calibrant {float(mine[0]):.2f} CPU s, {float(mine[1]):.0f} MB; ratio {ratios[-1]:.2f}"
            )
    print(f"median ratio {np.median(ratios):.2f} (target 1.5)")
    for line in ours[1:]:
        name, _, ms = line.rpartition(" ")
        print(f"  {name:<24} {float(ms):8.2f} ms")


if __name__ == "__main__":
    main()
