"""What a search for a prompt finds on a real model, and what passages beside a question say of its answer.

    CALIBRANT_DATA=... python benchmarks/refine_live.py evidence|search --folder FOLDER [--url URL --model NAME]

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
import os
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

SIGNALS = ("mean_logprob", "claim_support")
FOLDS = 5


def questions(name: str, line: str, tokens: int, limit: int, **metadata: Any) -> list[Question]:
    """The first questions of a recorded set, with a line that says how to answer."""
    path = Path(os.environ["CALIBRANT_DATA"]) / "qa" / f"{name}.parquet"
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


async def evidence(asker: Asker, folder: Path, limit: int) -> None:
    asked = questions("pubmedqa_labelled", "Answer with one word: yes, no or maybe.", 4, limit, kind="choice")
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


async def search(asker: Asker, folder: Path, limit: int) -> None:
    asked = questions("gsm8k_test", "Answer with the number alone.", 16, limit, kind="number")
    signal = find("signals", "mean_logprob")()
    found = await refine(
        asked, asker=asker, signal=signal, name="mean_logprob", candidates=5, rounds=1, workers=4
    )
    print_refinement(found, asker.spending)
    save(before_and_after(found.to_dict()), folder / "search.svg", title="Confidence before and after")
    (folder / "search.json").write_text(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))


async def main() -> None:
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    given.add_argument("part", choices=("evidence", "search"))
    given.add_argument("--folder", type=Path, required=True)
    given.add_argument("--url")
    given.add_argument("--model", default="")
    given.add_argument("--limit", type=int, default=60)
    chosen = given.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    model: Any = Embedded()
    if chosen.url:
        model = OpenAICompatible(url=chosen.url, model=chosen.model, timeout=900)
    asker = Asker(model, concurrency=2, call_log=chosen.folder / f"{chosen.part}.calls")
    try:
        await (evidence if chosen.part == "evidence" else search)(asker, chosen.folder, chosen.limit)
    finally:
        await asker.close()
        await model.close()


if __name__ == "__main__":
    asyncio.run(main())
