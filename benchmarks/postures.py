"""Whether postures steer what a model states of itself: in free form and of choices, with the values that it states.

    python benchmarks/postures.py --folder FOLDER [--model FILE.gguf] [--tasks world_facts,arc_easy]
        [--questions 60] [--signals verbalized]
    python benchmarks/postures.py --quick

Questions are spread over the task, of which world_facts goes from easy to hard; others are read from the folder `qa` of
recorded data that CALIBRANT_DATA names, and asked for a letter. Runs resume. A measurement goes to
FOLDER/<model>-<task>-<signal>.json, as from `calibrant posture --out`; verdicts, as Markdown, to the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from calibrant.asking.asker import Asker
from calibrant.dialogue.posture import POSTURES
from calibrant.models.embedded import Embedded
from calibrant.phrasing.numbers import fixed, interval
from calibrant.plugins import find
from calibrant.posturing import Postures, postures
from calibrant.protocols import Signal
from calibrant.releases.parts import signals_named
from calibrant.types import Completion, Question, Reading
from made import made_model
from signals import questions

LONGEST = 400
"""Characters of a question at the most: long ones cost more and tell no more."""


class Heard:
    """A signal whose scores are counted on the way."""

    def __init__(self, signal: Signal) -> None:
        self.signal, self.scores = signal, Counter[float]()
        self.needs, self.cost, self.fingerprint = signal.needs, signal.cost, signal.fingerprint

    def read(self, question: Question, completion: Completion) -> Any:
        """As the signal reads."""
        return self._counted(self.signal.read(question, completion))

    def _counted(self, steps: Any) -> Any:
        reading: Reading = yield from steps
        if reading.score is not None:
            self.scores[round(float(reading.score), 2)] += 1
        return reading


def spread(task: str, count: int, quick: bool) -> list[Question]:
    """So many questions, evenly spaced over the first 300 short ones."""
    short = [one for one in questions(task, 2000, quick=quick) if len(one.text) <= LONGEST][:300]
    return [short[i * len(short) // count] for i in range(min(count, len(short)))]


async def measured(
    task: str, signal: str, model: Any, given: argparse.Namespace
) -> tuple[Postures, dict[str, Heard]]:
    """The postures of one signal on one task, and what was stated at each level."""
    levels = {level: Heard(signals_named(signal, level)[signal]) for level in POSTURES}
    began = time.time()

    def show(done: int) -> None:
        print(
            f"{task} {signal}: {done} of {given.questions}, {time.time() - began:.0f} s",
            file=sys.stderr,
            flush=True,
        )

    asker = Asker(model, concurrency=given.concurrency, call_log=given.folder / f"{model.name}.calls")
    found = await postures(
        spread(task, given.questions, given.quick), asker=asker, name=signal, levels=levels,
        grader=find("graders", "by_kind")(), workers=given.concurrency, progress=show,
    )  # fmt: skip
    await asker.close()
    return found, levels


def markdown(task: str, found: Postures, heard: dict[str, Heard]) -> str:
    """The verdict in words, and a line for each level."""
    lines = [
        f"{task}: {found.sentence}",
        "",
        "| posture | read | mean | shift from neutral (95 %) | verdict | AUROC | stated most |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found.levels:
        most = ", ".join(f"{value:g} ({count})" for value, count in heard[one.level].scores.most_common(4))
        shift = "-" if one.level == "neutral" else interval(one.shift, signed=True)
        lines.append(
            f"| {one.level} | {one.n} of {one.n + one.missing} | {fixed(one.mean)} | {shift} | {one.verdict or '-'} "
            f"| {fixed(one.auroc)} | {most} |"
        )
    return "\n".join(lines)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--tasks", default="world_facts,arc_easy")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--signals", default="verbalized")
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument(
        "--quick", action="store_true", help="twelve questions of each task to a made-up model"
    )
    return parser


async def main() -> None:
    """All tasks and signals, one after the other."""
    parser = options()
    given = parser.parse_args()
    if given.folder is None and not given.quick:
        parser.error("name a --folder for what is asked")
    with tempfile.TemporaryDirectory() as kept:
        if given.quick:
            given.folder, given.questions = Path(kept), 12
        given.folder.mkdir(parents=True, exist_ok=True)
        await measure(given)


async def measure(given: argparse.Namespace) -> None:
    if given.quick:
        asked = [one for task in given.tasks.split(",") for one in spread(task, given.questions, quick=True)]
        model: Any = made_model(asked)
    else:
        model = Embedded(given.model) if given.model else Embedded()
    for task in given.tasks.split(","):
        for signal in given.signals.split(","):
            found, heard = await measured(task, signal, model, given)
            found.measured.save(given.folder / f"{model.name}-{task}-{signal}.json")
            print(markdown(task, found, heard), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
