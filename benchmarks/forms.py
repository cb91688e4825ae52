"""What the line that asks for a form does: answers that can be graded, and right ones, without it and with it.

    CALIBRANT_DATA=... python benchmarks/forms.py tests/answers/recorded --model SmolLM2-135M-Instruct-Q8_0 \\
        [--url URL | --gguf FILE.gguf] --calls FILE [--limit 40]
    python benchmarks/forms.py --quick

The recorded greedy replies of that model are what it says without a line (benchmarks/replies.py asked for them); the
same questions are asked again with it, those with lettered options and those without any shown. Both are graded by
`by_kind`. Answered calls are kept in FILE. Prints the table as Markdown, and each pair of replies on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibrant.asking.asker import Asker
from calibrant.dialogue.asks import ANSWER, put
from calibrant.dialogue.forms import BY_KIND, form_of, formed
from calibrant.models.embedded import Embedded
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.plugins import find
from calibrant.types import Completion, Question
from made import made_model
from replies import MIX, question_of, recorded

RECORDED = Path(__file__).parents[1] / "tests" / "answers" / "recorded"
REASONING = 200
"""Tokens that an answer may have for which one has to calculate."""


def pairs(folder: Path, model: str, limit: int, datasets: Iterable[str]) -> list[tuple[Question, str]]:
    """Questions to be asked with a line, and what the model said to them without one."""
    greedy = [
        line
        for _, line in recorded(folder, "replies", datasets)
        if line["sample"] == 0 and line["model"] == model
    ]
    found = []
    for line in sorted(greedy, key=lambda one: (one["item"], one["dataset"])):
        if line["form"] in ("lettered", "free"):
            question = formed(replace(question_of(line | {"manner": ""}), format=None), BY_KIND)
            if form_of(question):
                found.append((question, line["reply"]))
    return found[:limit]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=RECORDED)
    parser.add_argument(
        "--model", default="SmolLM2-135M-Instruct-Q8_0", help="the name of its recorded replies"
    )
    parser.add_argument("--url")
    parser.add_argument("--gguf")
    parser.add_argument("--calls")
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="a made-up model, on questions of world_facts")
    return parser


async def main() -> None:
    """Ask, grade and print."""
    given = options().parse_args()
    asked = pairs(given.folder, given.model, given.limit, ("world_facts",) if given.quick else MIX)
    if given.quick:
        model: Any = made_model([question for question, _ in asked])
    else:
        model = OpenAICompatible(given.url, given.model, timeout=3600) if given.url else Embedded(given.gguf)
    asker, grade = Asker(model, concurrency=1, call_log=given.calls), find("graders", "by_kind")().grade
    rows: dict[str, list[tuple[float | None, float | None]]] = defaultdict(list)
    for question, free in asked:
        form = str(form_of(question))
        room = replace(ANSWER, max_tokens=REASONING if form == "number" else ANSWER.max_tokens)
        reply = (await asker.ask(put(question, room))).completions[0].text
        grades = [grade(question, Completion(text=text, model="m")) for text in (free, reply)]
        rows[form].append((grades[0], grades[1]))
        shown = [" ".join(text.split())[:70] for text in (free, reply)]
        print(form, question.references[0][:30], *zip(shown, grades, strict=True), sep=" | ", file=sys.stderr)
    await asker.close()
    await model.close()
    print(f"| {given.model} | questions | graded without, with | right without, with |\n|---|---|---|---|")
    for form, both in [*sorted(rows.items()), ("all", [pair for some in rows.values() for pair in some])]:
        graded = [sum(pair[side] is not None for pair in both) for side in (0, 1)]
        right = [sum(pair[side] or 0.0 for pair in both) for side in (0, 1)]
        print(f"| `{form}` | {len(both)} | {graded[0]}, {graded[1]} | {right[0]:.0f}, {right[1]:.0f} |")


if __name__ == "__main__":
    asyncio.run(main())
