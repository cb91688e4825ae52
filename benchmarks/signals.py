"""Every signal on one model: accuracy, calibration before and after, ranking, and what an answer costs.

    python benchmarks/signals.py --folder FOLDER [--model FILE.gguf] [--tasks arc_easy,boolq_valid] [--signals a,b]
    python benchmarks/signals.py --quick

Without `--model` the embedded model answers its own questions (world_facts); with it, tasks are read from the folder
`qa` of recorded data that CALIBRANT_DATA names. `--form` says how is asked: with a line by kind as `calibrant elicit`
does it (`by_kind`), with none (`free`), or as the question stands (world_facts shows worked examples, options are asked
for by letter). Besides each signal's AUROC stands by how much it ranks above `mean_logprob` on the same answers, with
an interval from resampled questions. Runs resume: calls that are in the folder are not made again, so signals can be
added later. `--concurrency 1` keeps probabilities the same to the last digit; more is faster. The table goes to
FOLDER/<model>-<task>.json and, as Markdown, to the screen.

    python benchmarks/signals.py --summary FILE.json FILE.json ...

sets the AUROCs of several such tables side by side.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
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
from calibrant.dialogue.forms import BY_KIND, FREE
from calibrant.fitting import fit_log
from calibrant.models.embedded import Embedded
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.plugins import find
from calibrant.releases.parts import signals_named
from calibrant.types import Ask, Completion, Message, Question, Sampling
from made import made_model, recorded

TASKS = ("arc_easy", "boolq_valid", "commonsenseqa_dev", "strategyqa")
FREE_SIGNAL = "mean_logprob"
"""What costs nothing, and what all others are compared with."""
LETTER = Message("system", "Answer the question. Reply with the letter of the right option alone.")
WORD = Message("system", "Answer the question. Reply with one word: the right option.")


def questions(
    task: str, limit: int, hardest: bool = False, form: str | None = None, quick: bool = False
) -> list[Question]:
    """The first questions of a task, of `world_facts` the last ones first if `hardest`, put in a form."""
    if task == "world_facts":
        known = list(find("datasets", "world_facts")().questions())
        known = (known[::-1] if hardest else known)[:limit]
        return [_put(one, form) for one in known] if form else known
    path = recorded(quick) / "qa" / f"{task}.parquet"
    rows = parquet.read_table(path).slice(0, limit).to_pylist()
    return [_put(_lettered(task, row), form) if form else _lettered(task, row) for row in rows]


def _put(question: Question, form: str) -> Question:
    """The last user turn alone, in a form; room for a sentence or two."""
    room = Sampling(max_tokens=16 if form == BY_KIND else 60)
    return replace(question, messages=question.messages[-1:], format=form, settings=room)


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
    free = {row["item_id"]: row["score"] for row in rows if row["signal"] == FREE_SIGNAL}
    found = []
    for signal in sorted({row["signal"] for row in rows}):
        own = [row for row in rows if row["signal"] == signal]
        graded = [row for row in own if row["correct"] is not None]
        used = [row for row in graded if row["score"] is not None]
        line: dict[str, Any] = {
            "signal": signal, "n": len(own), "graded": len(graded), "read": sum(row["score"] is not None for row in own)
        }  # fmt: skip
        line |= {name: float(np.mean([row.get(name) or 0 for row in own])) for name in ("calls", "tokens")}
        line["correct"] = float(np.mean([row["correct"] for row in graded])) if graded else None
        if signal in calibrated:
            tally = Tally.of([row["score"] for row in used], [row["correct"] for row in used])
            enough = len(used) >= 30 and 0 < tally.accuracy < 1
            auroc = metrics.intervals.bootstrap(tally, _auroc) if enough else None
            line |= {"auroc": auroc and [auroc.value, auroc.low, auroc.high]}
            fit = calibrated[signal]
            line |= {"before": fit["before"], "after": fit["after"]}
            both = [row for row in used if free.get(row["item_id"]) is not None]
            line["above"] = _above(both, free) if enough and signal != FREE_SIGNAL else None
        found.append(line)
    return found


def _above(rows: list[dict[str, Any]], free: dict[str, float]) -> list[float] | None:
    """By how much a signal's AUROC is above the free one's on the same answers, with a 95 % interval.

    The interval is from 2,000 draws of as many questions, with replacement; both signals see the same draw.
    """
    own, other, right = (
        np.array([float(value) for value in column])
        for column in zip(
            *((row["score"], free[row["item_id"]], row["correct"]) for row in rows), strict=True
        )
    )
    rng = np.random.default_rng(20240601)
    draws = [rng.integers(len(right), size=len(right)) for _ in range(2000)]
    gains = [_auroc(Tally.of(own[at], right[at])) - _auroc(Tally.of(other[at], right[at])) for at in draws]
    value = _auroc(Tally.of(own, right)) - _auroc(Tally.of(other, right))
    return [value, *np.quantile(gains, [0.025, 0.975]).tolist()]


def _auroc(tally: Tally) -> float:
    """A resample of one class alone ranks nothing, so it counts as a coin."""
    found = metrics.auroc(tally)
    return 0.5 if found is None else found


def markdown(title: str, found: list[dict[str, Any]]) -> str:
    """The rows as a table, best ranking first."""
    graded = max((row["graded"] for row in found), default=0)
    right = max((row["correct"] or 0 for row in found), default=0)
    lines = [
        f"### {title}: {graded} of {max(row['n'] for row in found)} graded, {right:.2f} right", "",
        "| signal | no reading | AUROC (95 %) | above `mean_logprob` (95 %) | ECE raw | calibrated | Brier raw | "
        "calibrated | calls | tokens |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in sorted(found, key=lambda row: -((row.get("auroc") or [0])[0] or 0)):
        before, after = row.get("before") or {}, row.get("after") or {}
        cells = [before.get("ece"), after.get("ece"), before.get("brier"), after.get("brier")]
        numbers = " | ".join("-" if cell is None else f"{cell:.3f}" for cell in cells)
        lines.append(
            f"| `{row['signal']}` | {row['n'] - row['read']} | {_interval(row.get('auroc'))} "
            f"| {_interval(row.get('above'), '+')} | {numbers} | {row['calls']:.1f} | {row['tokens']:.0f} |"
        )
    return "\n".join(lines)


def summary(files: list[Path]) -> str:
    """The AUROC of each signal in several tables, one column a table, the best mean first."""
    tables = [json.loads(file.read_text()) for file in files]
    heads = [", ".join(filter(None, [one["task"], one.get("form")])) for one in tables]
    found: dict[str, list[Any]] = {}
    for at, one in enumerate(tables):
        for row in one["rows"]:
            found.setdefault(row["signal"], [None] * len(tables))[at] = row.get("auroc")
    lines = [f"| signal | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    known = {signal: [one[0] for one in cells if one] for signal, cells in found.items()}
    for signal in sorted(found, key=lambda name: -float(np.mean(known[name] or [0.0]))):
        lines.append(f"| `{signal}` | {' | '.join(map(_interval, found[signal]))} |")
    return "\n".join(lines)


def _interval(estimate: list[float] | None, sign: str = "") -> str:
    if not estimate:
        return "-"
    value, low, high = estimate
    return f"{value:{sign}.3f} ({low:{sign}.2f} to {high:{sign}.2f})"


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument(
        "--summary", type=Path, nargs="+", help="tables that are there, to be set side by side"
    )
    parser.add_argument("--model", help="a GGUF file; the embedded model where not given")
    parser.add_argument("--url", help="an OpenAI-compatible server that has the model of this file loaded")
    parser.add_argument("--tasks", default=None)
    parser.add_argument(
        "--signals", default="mean_logprob,p_true,self_evaluation,verbalized,self_consistency"
    )
    parser.add_argument(
        "--form", choices=[BY_KIND, FREE], help="of asking; as the question stands where not given"
    )
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument(
        "--hardest", action="store_true", help="begin at the end of world_facts, which goes from easy to hard"
    )
    parser.add_argument("--peer", help="a GGUF file, or embedded, for peer_agreement")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument(
        "--quick", action="store_true", help="forty questions of two tasks to a made-up model"
    )
    return parser


async def quickly(given: argparse.Namespace) -> None:
    """Two tasks in a folder that is deleted again, then both tables side by side."""
    with tempfile.TemporaryDirectory() as folder:
        given.folder, given.limit, tasks = Path(folder), 40, ("world_facts", "arc_easy")
        asked = {task: questions(task, given.limit, form=given.form, quick=True) for task in tasks}
        model = made_model([one for some in asked.values() for one in some])
        for task, some in asked.items():
            await one_task(task, some, model, given, None)
        print(summary(sorted(given.folder.glob("*.json"))))


async def main() -> None:
    """Run what is missing, then print the tables."""
    parser = options()
    given = parser.parse_args()
    if given.summary:
        print(summary(given.summary))
        return
    if given.quick:
        await quickly(given)
        return
    if given.folder is None:
        parser.error("name a --folder for what is asked")
    given.folder.mkdir(parents=True, exist_ok=True)
    model: Any = Embedded(given.model, threads=given.threads)
    if given.url:
        model = Counted(given.url, model.name, timeout=3600)  # a local server makes calls wait for each other
    peer = None
    if given.peer:
        peer = Embedded(None if given.peer == "embedded" else given.peer, threads=given.threads)
    for task in (given.tasks or ("world_facts" if given.model is None else ",".join(TASKS))).split(","):
        await one_task(task, questions(task, given.limit, given.hardest, given.form), model, given, peer)
    await model.close()


async def one_task(
    task: str, asked: list[Question], model: Any, given: argparse.Namespace, peer: Any
) -> None:
    log = given.folder / ("-".join(filter(None, [model.name, task, given.form])) + ".jsonl")
    await run(asked, model, log, given, peer)
    found = table(log)
    log.with_suffix(".json").write_text(
        json.dumps({"model": model.name, "task": task, "form": given.form, "rows": found}, indent=1)
    )
    print(markdown(", ".join(filter(None, [model.name, task, given.form])), found), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
