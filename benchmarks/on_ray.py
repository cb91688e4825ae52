"""What it takes to ask by Ray Data: the same batches of questions, of the same model, here and on a node of Ray.

    python benchmarks/on_ray.py [QUESTIONS] [--delay SECONDS] [--workers N] [--quick]

Both ask batches of 200, here one after the other and on Ray `workers` at once, each batch 8 calls at a time. Prints
wall seconds of both, of Ray with the start of its workers and without, what a call takes more there, and whether rows
are the same. Without Ray it says so and measures what is asked here alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import tempfile
import time
from functools import partial
from importlib.util import find_spec
from typing import Any

from calibrant.asking.batches import Elicitor
from calibrant.graders.exact import Exact
from calibrant.models.scripted import Scripted
from calibrant.plugins import find

BATCH = 200
QUIETLY = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def asked(count: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """So many questions, and an answer to each, of which a fifth is wrong."""
    texts = [f"{i} + {i}?" for i in range(count)]
    questions = [
        {"id": f"q{i}", "messages": [{"role": "user", "content": text}], "references": [str(2 * i)]}
        for i, text in enumerate(texts)
    ]
    return questions, {text: str(2 * i + (i % 5 == 0)) for i, text in enumerate(texts)}


def on_ray(
    elicitor: Elicitor, questions: list[dict[str, Any]], workers: int
) -> tuple[list[float], list[Any]]:
    """Wall seconds of two runs, the first with the start of the workers, and the rows."""
    import ray

    folder, took = tempfile.mkdtemp(prefix="ray"), []
    ray.init(
        num_cpus=2 + workers, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False,
        _node_ip_address="127.0.0.1", logging_level=logging.ERROR, _temp_dir=folder,
    )  # fmt: skip
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    for _ in range(2):
        start = time.perf_counter()
        rows = ray.data.from_items(questions, override_num_blocks=len(questions) // BATCH).map_batches(
            lambda table: {"row": [json.dumps(row) for row in elicitor(table.to_pylist())]},
            batch_format="pyarrow", batch_size=BATCH, compute=ray.data.TaskPoolStrategy(size=workers),
        )  # fmt: skip
        found = [json.loads(one["row"]) for one in rows.take_all()]
        took.append(time.perf_counter() - start)
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
    return took, found


def plain(rows: list[Any]) -> list[str]:
    return sorted(json.dumps(row | {"latency": None}, sort_keys=True) for row in rows)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("questions", nargs="?", type=int, default=2_000)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that each call takes")
    parser.add_argument("--workers", type=int, default=2, help="batches at once on Ray")
    parser.add_argument("--quick", action="store_true", help="400 questions here, and none on Ray")
    return parser


def main() -> None:
    given = options().parse_args()
    questions, answers = asked(400 if given.quick else given.questions)
    elicitor = Elicitor(
        model=partial(Scripted, answers, delay=given.delay),
        signals={"mean_logprob": find("signals", "mean_logprob")()}, grader=Exact(), clock=float,
    )  # fmt: skip
    start = time.perf_counter()
    here = [row for at in range(0, len(questions), BATCH) for row in elicitor(questions[at : at + BATCH])]
    took = time.perf_counter() - start
    print(f"{len(questions):,} questions, {given.delay:g} s a call. Here: {took:.1f} s")
    if given.quick or not find_spec("ray"):
        print(
            "Nothing was asked by Ray"
            + ("." if given.quick else ", which is absent: pip install 'calibrant[ray]'")
        )
        return
    os.environ.update(QUIETLY)
    (first, second), there = on_ray(elicitor, questions, given.workers)
    print(
        f"On Ray: {first:.1f} s with the start of {given.workers} workers, {second:.1f} s once they are there"
    )
    print(f"A call takes {1e3 * (second - took) / len(questions):+.1f} ms there")
    print(f"Rows: {'the same' if plain(here) == plain(there) else 'OTHERS'}")


if __name__ == "__main__":
    main()
