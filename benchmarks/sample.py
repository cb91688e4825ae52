"""Make the log that comes with the package, `calibrant audit sample`, of the log of a demonstration, and its picture.

    calibrant demo --limit 300 --out demo; python benchmarks/sample.py demo/answers.jsonl
    python benchmarks/sample.py [--quick]    # the picture alone, docs/pictures/sample.svg

One row for each of the 300 questions of `world_facts`, answered by SmolLM2-135M-Instruct (Apache-2.0); the facts are of
GeoNames (CC BY 4.0). `confidence` is the demonstration's own gate, the mean log-probability of the answer's tokens.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

from calibrant import audit
from calibrant.asking.sinks import JsonlLog
from calibrant.demo.facts import GATE, asked
from calibrant.logs.given import BUNDLED
from calibrant.report.charts import reliability
from calibrant.report.drawing import save

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "sample.svg"
SIGNALS = {GATE: "confidence", "min_logprob": "min_logprob", "self_consistency": "self_consistency"}
"""The column of each signal."""


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("log", nargs="?", metavar="ANSWERS.jsonl")
    parser.add_argument(
        "--quick", action="store_true", help="the picture alone, into a folder that is deleted again"
    )
    return parser


def main() -> None:
    given = options().parse_args()
    if given.log:
        rows_of(given.log)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / PICTURE.name if given.quick else PICTURE
        save(reliability(audit(BUNDLED).groups[0].tally, bins=10), picture, title="The sample, as it is")
        print(f"{PICTURE.name}: {picture.stat().st_size:,} bytes")


def rows_of(log: str) -> None:
    """Write the rows in the order in which the questions are asked."""
    rows: dict[str, dict[str, object]] = {}
    for row in JsonlLog(log).rows():
        of = rows.setdefault(row["item_id"], {name: row[name] for name in ("item_id", "domain", "question")})
        of |= {"answer": row["answer"].strip(), "gold": row["gold"], "correct": _plain(row["correct"])}
        score = row["score"]
        of[SIGNALS[row["signal"]]] = "" if score is None else round(score, 4)
    with Path(BUNDLED).open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(
            file,
            ["item_id", "domain", "question", "answer", "gold", *SIGNALS.values(), "correct"],
            lineterminator="\n",
        )
        out.writeheader()
        out.writerows(rows[question.id] for question in asked())
    print(f"{BUNDLED}: {len(rows):,} rows")


def _plain(grade: float | None) -> str:
    """1 or 0, or nothing where nobody can tell."""
    return "" if grade is None else f"{grade:g}"


if __name__ == "__main__":
    main()
