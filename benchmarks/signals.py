"""Every signal on one model: accuracy, calibration before and after, ranking, and what an answer costs.

python benchmarks/signals.py --folder FOLDER [--model FILE.gguf] [--tasks arc_easy,boolq_valid] [--signals a,b]

Without `--model` the embedded model answers its own questions (world_facts); with it, tasks are read from
the folder `qa` of recorded data that CALIBRANT_DATA names. Runs resume: calls that are in the folder are not made
again, so signals can be added later. `--concurrency 1` keeps probabilities the same to the last digit; more is faster.
The table goes to FOLDER/<model>-<task>.json and, as Markdown, to the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

from calibrant import Tally, metrics
from calibrant.asking.asker import Asker
from calibrant.asking.elicit import elicit
from calibrant.asking.sinks import JsonlLog
from calibrant.fitting import fit_log
from calibrant.models.embedded import Embedded
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.plugins import find
from calibrant.releases.parts import signals_named
from calibrant.types import Ask, Completion, Message, Question, Sampling

TASKS = ("arc_easy", "boolq_valid", "commonsenseqa_dev", "strategyqa")
LETTER = Message("system", "Answer the question. Reply with the letter of the right option alone.")
WORD = Message("system", "Answer the question. Reply with one word: the right option.")


def questions(task: str, limit: int) -> list[Question]:
    """The first questions of a task, asked for a letter or a word alone."""
    if task == "world_facts":
        return list(find("datasets", "world_facts")().questions())[:limit]
    path = Path(os.environ["CALIBRANT_DATA"]) / "qa" / f"{task}.parquet"
    return [_lettered(task, row) for row in parquet.read_table(path).slice(0, limit).to_pylist()]


def _lettered(task: str, row: dict[str, Any]) -> Question:
    options = [str(one) for one in json.loads(row["options"])]
    if len(options) == 2:
        lead, shown = WORD, f"{row['question']} {' or '.join(options)}?"
    else:
        letters = "\n".join(f"{chr(65 + i)}) {option}" for i, option in enumerate(options))
        lead, shown = LETTER, f"{row['question']}\n{letters}"
    return Question(
        id=str(row["item_id"]),
        messages=(lead, Message("user", shown)),
        task=task,
        references=(str(row["gold"]),),
        metadata={"options": options},
        settings=Sampling(max_tokens=6, stop=("\n",)),
    )


class Counted(OpenAICompatible):
    """llama.cpp's server states what the first sample wrote, so the samples are asked for as they can be counted."""

    async def once(self, ask: Ask) -> tuple[Completion, ...]:
        counted = ask.samples == 1 or ask.logprobs
        made = await super().once(ask if counted else replace(ask, logprobs=True))
        return made if counted else tuple([replace(one, tokens=None) for one in made])


async def run(asked: list[Question], model: Any, log: Path, given: argparse.Namespace, peer: Any) -> None:
    """Elicit into a log, with a line of progress now and then."""
    asker = Asker(
        model, concurrency=given.concurrency, call_log=f"{log}.calls", others={"peer": peer} if peer else {}
    )
    began = time.time()

    def show(summary: Any) -> None:
        done = summary.recorded + summary.skipped
        if done % 20 == 0:
            left = (time.time() - began) / max(done, 1) * (len(asked) - done) / 60
            print(
                f"{log.stem}: {done} of {len(asked)}, about {left:.0f} min left", file=sys.stderr, flush=True
            )

    await elicit(
        asked,
        asker=asker,
        signals=signals_named(given.signals),
        sink=JsonlLog(log),
        grader=find("graders", "by_kind")(),
        judge="by_kind",
        workers=given.concurrency,
        progress=show,
    )
    await asker.close()


def table(log: Path) -> list[dict[str, Any]]:
    """A row for each signal that the log holds."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    calibrated = {group.by["signal"]: group.to_dict() for group in fit_log(str(log), ["signal"]).groups}
    found = []
    for signal in sorted({row["signal"] for row in rows}):
        own = [row for row in rows if row["signal"] == signal and row["correct"] is not None]
        used = [row for row in own if row["score"] is not None]
        line: dict[str, Any] = {"signal": signal, "n": len(own), "read": len(used)}
        line |= {
            name: float(np.mean([row.get(name) or 0 for row in own]))
            for name in ("calls", "tokens", "correct")
        }
        if signal in calibrated:
            tally = Tally.of([row["score"] for row in used], [row["correct"] for row in used])
            enough = len(used) >= 30 and 0 < tally.accuracy < 1
            auroc = metrics.intervals.bootstrap(tally, _auroc) if enough else None
            line |= {"auroc": auroc and [auroc.value, auroc.low, auroc.high]}
            fit = calibrated[signal]
            line |= {"before": fit["before"], "after": fit["after"]}
        found.append(line)
    return found


def _auroc(tally: Tally) -> float:
    """A resample of one class alone ranks nothing, so it counts as a coin."""
    found = metrics.auroc(tally)
    return 0.5 if found is None else found


def markdown(task: str, found: list[dict[str, Any]]) -> str:
    """The rows as a table, best ranking first."""
    lines = [
        f"### {task}", "",
        "| signal | read | right | ECE raw | calibrated | Brier raw | calibrated | AUROC (95 %) | calls | tokens |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in sorted(found, key=lambda row: -((row.get("auroc") or [0])[0] or 0)):
        auroc = row.get("auroc")
        shown = "-" if not auroc else f"{auroc[0]:.3f} ({auroc[1]:.2f} to {auroc[2]:.2f})"
        before, after = row.get("before") or {}, row.get("after") or {}
        cells = [before.get("ece"), after.get("ece"), before.get("brier"), after.get("brier")]
        numbers = " | ".join("-" if cell is None else f"{cell:.3f}" for cell in cells)
        lines.append(
            f"| `{row['signal']}` | {row['read']} of {row['n']} | {row['correct']:.2f} | {numbers} | {shown} "
            f"| {row['calls']:.1f} | {row['tokens']:.0f} |"
        )
    return "\n".join(lines)


async def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--model", help="a GGUF file; the embedded model where not given")
    parser.add_argument("--url", help="an OpenAI-compatible server that has the model of this file loaded")
    parser.add_argument("--tasks", default=None)
    parser.add_argument(
        "--signals", default="mean_logprob,p_true,self_evaluation,verbalized,self_consistency"
    )
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--peer", help="a GGUF file, or embedded, for peer_agreement")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=1)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    model: Any = Embedded(given.model, threads=given.threads)
    if given.url:
        model = Counted(given.url, model.name, timeout=3600)  # a local server makes calls wait for each other
    peer = None
    if given.peer:
        peer = Embedded(None if given.peer == "embedded" else given.peer, threads=given.threads)
    for task in (given.tasks or ("world_facts" if given.model is None else ",".join(TASKS))).split(","):
        log = given.folder / f"{model.name}-{task}.jsonl"
        await run(questions(task, given.limit), model, log, given, peer)
        found = table(log)
        log.with_suffix(".json").write_text(
            json.dumps({"model": model.name, "task": task, "rows": found}, indent=1)
        )
        print(markdown(f"{model.name}, {task}", found), flush=True)
    await model.close()


if __name__ == "__main__":
    asyncio.run(main())
