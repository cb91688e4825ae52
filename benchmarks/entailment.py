"""How well a model tells whether two answers say the same, on pairs of real replies that people judged.

    CALIBRANT_DATA=... python benchmarks/entailment.py --gguf FILE.gguf|embedded [--limit 60] [--calls FILE]
    CALIBRANT_DATA=... python benchmarks/entailment.py --model NAME --url URL [--limit 60] [--calls FILE]
    python benchmarks/entailment.py --quick

The pairs are those of `tests/answers/recorded` (its README says by which rule they were judged); as many that say the
same as that do not, and none on which people could not agree with themselves. A pair is asked
about in both orders, as `--same` does where the rules cannot tell; long answers too are compared whole here. Prints a
line of a Markdown table: how many pairs both orders agree on, how many of these verdicts are right, how often different
answers are called the same and the other way round, and the AUROC of the mean probability with a 95 % interval.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from calibrant.answers.same import sameness
from calibrant.asking.asker import Asker
from calibrant.asking.steps import ended
from calibrant.dialogue.entailment import Belief, believed
from calibrant.models.embedded import Embedded
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.types import Question
from made import made_model
from replies import MIX, question_of, recorded

RECORDED = Path(__file__).parents[1] / "tests" / "answers" / "recorded"
HEAD = (
    "| model | pairs | rules tell | both orders agree | right of these | different called the same | same called "
    "different | AUROC (95 %) | tokens a pair |\n|---|---|---|---|---|---|---|---|---|"
)
Pair = tuple[Question, str, str, bool]


def pairs(limit: int, datasets: Iterable[str] = tuple(MIX)) -> list[Pair]:
    """Pairs of replies with a verdict, half of them the same, always the same ones."""
    told: dict[bool, list[Pair]] = {True: [], False: []}
    for _, row in recorded(RECORDED, "pairs", datasets):
        same = row["verdict"] == 1
        told[same].append((question_of(row), row["first"], row["second"], same))
    rng = random.Random(7)
    least = min(limit // 2, *map(len, told.values()))
    return [pair for some in told.values() for pair in rng.sample(some, least)]


def auroc(scores: np.ndarray, same: np.ndarray) -> float:
    """The share of pairs of pairs that are in order."""
    above = scores[same][:, None] - scores[~same][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def interval(scores: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """Percentiles of 2,000 resamples of the pairs, those that say the same and the others apart."""
    rng, found = np.random.default_rng(0), []
    for _ in range(2000):
        some = [rng.choice(np.flatnonzero(kind), kind.sum()) for kind in (same, ~same)]
        at = np.concatenate(some)
        found.append(auroc(scores[at], same[at]))
    return float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))


def row(name: str, asked_about: list[Pair], beliefs: list[Belief | None], tokens: int) -> str:
    """A line of the table."""
    same = np.array([pair[3] for pair in asked_about])
    ruled = [sameness(question)(a, b) for question, a, b, _ in asked_about]
    verdicts = [None if belief is None else belief.verdict for belief in beliefs]
    told = [
        (verdict, bool(true)) for verdict, true in zip(verdicts, same, strict=True) if verdict is not None
    ]
    right = sum(verdict == true for verdict, true in told)
    wrong = [sum(v == kind and t != kind for v, t in told) for kind in (True, False)]
    scores = np.array([0.5 if belief is None else belief.mean for belief in beliefs])
    low, high = interval(scores, same)
    chance = ", at chance" if low <= 0.5 else ""
    return (
        f"| {name} | {len(same)} | {sum(one is not None for one in ruled)} | {len(told)} | {right} | {wrong[0]} of "
        f"{(~same).sum()} | {wrong[1]} of {same.sum()} | {auroc(scores, same):.2f} ({low:.2f} to {high:.2f}{chance}) | "
        f"{tokens / max(1, len(same)):.0f} |"
    )


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="the name to ask the server for")
    parser.add_argument("--url", help="an OpenAI-compatible server")
    parser.add_argument("--gguf", default="embedded", help="a GGUF file, or embedded")
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--calls", type=Path, help="file that keeps answered calls")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="a made-up model, on replies to world_facts")
    return parser


async def main() -> None:
    """Ask one model about all pairs."""
    given = options().parse_args()
    if given.quick:
        model: Any = made_model()
    elif given.url:
        model = OpenAICompatible(given.url, given.model, timeout=3600)
    else:
        model = Embedded(None if given.gguf == "embedded" else given.gguf)
    asker = Asker(model, concurrency=given.concurrency, call_log=given.calls)
    chosen = pairs(given.limit, ("world_facts",) if given.quick else MIX)
    found = await asyncio.gather(
        *(ended(believed(question, [(a, b)], "model"), asker) for question, a, b, _ in chosen)
    )
    print(HEAD)
    print(row(given.model or model.name, chosen, [belief for (belief,) in found], asker.spending.tokens))
    await asker.close()
    await model.close()


if __name__ == "__main__":
    asyncio.run(main())
