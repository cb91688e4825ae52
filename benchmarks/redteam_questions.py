"""Short questions for a red team: 60 of StrategyQA, to be answered yes or no, and 60 world facts by their name alone.

    CALIBRANT_DATA=... python benchmarks/redteam_questions.py OUT.jsonl [--quick]

The world facts come without their worked examples, and each question with a system prompt that says what to reply, so
that a call reads some 35 tokens and writes few.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calibrant.datasets.world_facts import WorldFacts
from calibrant.plugins import require
from calibrant.types import Question
from made import recorded

LONGEST = 75
KINDS = ("capitals", "cities", "currencies", "continents")


def yes_no(folder: Path) -> Iterator[dict[str, Any]]:
    """Thirty short questions of each answer."""
    rows = (
        require("pyarrow.parquet", "Parquet", "parquet").read_table(folder / "strategyqa.parquet").to_pylist()
    )
    short = [row for row in rows if len(row["question"]) <= LONGEST]
    random.Random(5).shuffle(short)
    for gold in ("Yes", "No"):
        for row in [row for row in short if row["gold"] == gold][:30]:
            yield asked(
                f"strategyqa-{row['item_id']}", "strategyqa", "Answer yes or no.", row["question"], gold
            )


def facts() -> Iterator[dict[str, Any]]:
    """Every fourth fact of four kinds, fifteen of each."""
    by_kind: dict[str, list[Question]] = {}
    for question in WorldFacts().questions():
        by_kind.setdefault(question.domain or "", []).append(question)
    for kind in KINDS:
        for one in by_kind[kind][::4][:15]:
            row = asked(one.id, "world_facts", "Answer with the name alone.", one.text, list(one.references))
            yield row | ({"aliases": one.metadata["aliases"]} if one.metadata.get("aliases") else {})


def asked(item: str, domain: str, system: str, text: str, gold: object) -> dict[str, Any]:
    """A row of a file of questions."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return {"item_id": item, "domain": domain, "gold": gold, "messages": messages}


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT.jsonl")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="made-up questions, into a file that is deleted again where none is named",
    )
    return parser


def main() -> None:
    """Write the file."""
    parser = options()
    given = parser.parse_args()
    if given.out is None and not given.quick:
        parser.error("name the file to write")
    rows = [*yes_no(recorded(given.quick) / "qa"), *facts()]
    random.Random(6).shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        out = given.out or Path(folder) / "questions.jsonl"
        out.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))
        print(f"{len(rows)} questions, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
