"""What a search for a prompt finds on a real model, and what passages beside a question say of its answer.

    CALIBRANT_DATA=... python benchmarks/refine_live.py evidence|search --folder FOLDER [--url URL --model NAME]
    python benchmarks/refine_live.py --quick

`evidence`: questions of PubMedQA are answered without their abstract, in one word, and the answer is set against the
abstract (`claim_support`). AUROC with intervals, and the Brier score after a Platt map fitted on other folds, paired
with that of the answer's own token (`mean_logprob`). `search`: `calibrant refine` on GSM8K with five prompts, one of
which thinks first; told on questions that had no part in the choice. Both ask 60 questions, or `--limit`. Calls are
kept in the folder, so that a run goes on. Without `--url` the embedded model is asked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

from calibrant.asking.asker import Asker
from calibrant.asking.elicit import elicit
from calibrant.asking.sinks import JsonlLog
from calibrant.cli.tables.refinements import print_refinement
from calibrant.metrics import Estimate, auroc
from calibrant.models.embedded import Embedded
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.phrasing.numbers import interval
from calibrant.plugins import find
from calibrant.refining.search import refine
from calibrant.refining.selection import Resamples, Sheet, mapped
from calibrant.releases.parts import signals_named
from calibrant.report.drawing import save
from calibrant.report.refinements import before_and_after
from calibrant.tally import Floats, Tally
from calibrant.types import Message, Question, Sampling
from made import made_model, recorded

SIGNALS = ("mean_logprob", "claim_support")
FOLDS = 5


def questions(
    name: str, line: str, tokens: int, limit: int, quick: bool = False, **metadata: Any
) -> list[Question]:
    """The first questions of a recorded set, with a line that says how to answer."""
    path = recorded(quick) / "qa" / f"{name}.parquet"
    made = []
    for row in parquet.read_table(path).slice(0, limit).to_pylist():
        own = {"options": json.loads(row["options"])} if row["options"] else {}
        own |= {"context": row["context"]} if row["context"] else {}
        made.append(
            Question(
                id=str(row["item_id"]), messages=(Message("user", f"{row['question']}\n{line}"),), task=name,
                references=(str(row["gold"]),), metadata=metadata | own, settings=Sampling(max_tokens=tokens),
            )
        )  # fmt: skip
    return made


def of_part(part: str, limit: int, quick: bool) -> list[Question]:
    """What a part asks."""
    if part == "evidence":
        line = "Answer with one word: yes, no or maybe."
        return questions("pubmedqa_labelled", line, 4, limit, quick, kind="choice")
    return questions("gsm8k_test", "Answer with the number alone.", 16, limit, quick, kind="number")


async def evidence(asker: Asker, folder: Path, asked: list[Question]) -> None:
    log = folder / "evidence.jsonl"
    summary = await elicit(
        asked, asker=asker, signals=signals_named(",".join(SIGNALS)), sink=JsonlLog(log),
        grader=find("graders", "by_kind")(), judge="by_kind", workers=4,
    )  # fmt: skip
    print(f"{summary.recorded} recorded, {summary.skipped} were there; {dict(summary.reasons)}")
    sheets = read(log)
    n = len(sheets[SIGNALS[0]].right)
    print(f"{n} answers, {sheets[SIGNALS[0]].right.mean():.2f} right")
    draws, fold = Resamples(np.arange(n)), np.arange(n) % FOLDS
    loss = {name: (crossed(sheet, fold) - sheet.right) ** 2 for name, sheet in sheets.items()}
    print(
        "| signal | read | AUROC (95 %) | Brier, calibrated | less than mean_logprob (95 %) |\n|---|---|---|---|---|"
    )
    for name, sheet in sheets.items():
        gain = draws.difference(loss[SIGNALS[0]] - loss[name])
        print(
            f"| `{name}` | {int(sheet.seen.sum())} | {interval(ranking(sheet, draws), 2)} | {loss[name].mean():.3f} | "
            f"{interval(gain, 3, signed=True)} |"
        )


def read(log: Path) -> dict[str, Sheet]:
    """Scores and grades of each signal, on the answers that have a grade."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    graded = [row for row in rows if row["correct"] is not None]
    return {
        name: Sheet(
            np.array([float(row["correct"]) for row in graded if row["signal"] == name]),
            np.array(
                [np.nan if row["score"] is None else row["score"] for row in graded if row["signal"] == name]
            ),
        )
        for name in SIGNALS
    }


def crossed(sheet: Sheet, fold: np.ndarray) -> Floats:
    """Probabilities, each by the map of the other folds."""
    p = np.empty(len(sheet.right))
    for one in range(FOLDS):
        here, there = np.flatnonzero(fold == one), np.flatnonzero(fold != one)
        p[here] = mapped(sheet.at(there), sheet.score[here])
    return p


def ranking(sheet: Sheet, draws: Resamples) -> Estimate | None:
    """AUROC with the percentile interval of the resamples."""
    if sheet.auroc is None:
        return None
    seen, drawn = sheet.seen, []
    for weight in draws.weight[:, seen]:
        keep = weight > 0
        value = auroc(Tally.of(sheet.score[seen][keep], sheet.right[seen][keep], weight[keep]))
        drawn += [] if value is None else [value]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(sheet.auroc, float(low), float(high))


async def search(asker: Asker, folder: Path, asked: list[Question]) -> None:
    signal = find("signals", "mean_logprob")()
    found = await refine(
        asked, asker=asker, signal=signal, name="mean_logprob", candidates=5, rounds=1, workers=4
    )
    print_refinement(found, asker.spending)
    save(before_and_after(found.to_dict()), folder / "search.svg", title="Confidence before and after")
    (folder / "search.json").write_text(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("evidence", "search"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--model", default="")
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument(
        "--quick", action="store_true", help="both parts, sixty made-up questions to a made-up model"
    )
    return parser


async def main() -> None:
    parser = options()
    given = parser.parse_args()
    if given.quick:
        with tempfile.TemporaryDirectory() as folder:
            for part in ("evidence", "search"):
                asked = of_part(part, given.limit, quick=True)
                await measured(part, asked, made_model(asked), Path(folder))
        return
    if given.part is None or given.folder is None:
        parser.error("expected evidence or search, and a --folder for the calls")
    given.folder.mkdir(parents=True, exist_ok=True)
    model: Any = Embedded()
    if given.url:
        model = OpenAICompatible(url=given.url, model=given.model, timeout=900)
    await measured(given.part, of_part(given.part, given.limit, quick=False), model, given.folder)


async def measured(part: str, asked: list[Question], model: Any, folder: Path) -> None:
    asker = Asker(model, concurrency=2, call_log=folder / f"{part}.calls")
    try:
        await (evidence if part == "evidence" else search)(asker, folder, asked)
    finally:
        await asker.close()
        await model.close()


if __name__ == "__main__":
    asyncio.run(main())
