"""What models really say when nobody asks for a letter: replies in free form, kept to be judged by hand.

    CALIBRANT_DATA=... python benchmarks/replies.py FILE.jsonl --model NAME --url URL [--limit 260] [--again 100]
    CALIBRANT_DATA=... python benchmarks/replies.py FILE.jsonl --gguf FILE.gguf

Questions of the recorded data (the folder `qa` that CALIBRANT_DATA names) and of world_facts are asked as people
would ask, without a line on how to answer: with lettered options, with options in a plain list, or openly, while
whoever grades knows the options. Each reply is a line of FILE.jsonl: dataset, item, form, manner, model, sample,
reply. Sample 0 is greedy; the first `--again` questions get three more at temperature 1. What is in the file is not
asked again.

    [CALIBRANT_DATA=...] python benchmarks/replies.py tests/answers/recorded --verdicts
    python benchmarks/replies.py --quick

Compares `calibrant.grade` and `calibrant.same` with the verdicts given by hand on such replies (the folder says by
which rule) and prints, as Markdown, how often they are wrong and how often they cannot tell. With `--url` or `--gguf`
that model is asked what the texts do not tell, as `--same` asks it; `--calls FILE` keeps what it said.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

import calibrant
from calibrant.asking.asker import Asker
from calibrant.asking.steps import ended
from calibrant.dialogue.entailment import says_reference, told
from calibrant.errors import NoScore
from calibrant.maps.curves import rate_interval
from calibrant.models.embedded import Embedded
from calibrant.models.openai_compatible import OpenAICompatible
from calibrant.plugins import find
from calibrant.types import Ask, Message, Question
from made import made_model
from made import recorded as recorded_data

SEED = 20240601
MIX = {
    "arc_easy": (36, ("lettered", "listed", "open", "open")),
    "commonsenseqa_dev": (36, ("lettered", "listed", "open")),
    "mmlu_validation": (44, ("lettered", "listed", "open", "open")),
    "boolq_valid": (24, ("free", "free", "truth")),
    "strategyqa": (24, ("free",)),
    "gsm8k_test": (28, ("free",)),
    "truthfulqa": (20, ("free",)),
    "pubmedqa_labelled": (14, ("free",)),
    "world_facts": (36, ("free",)),
}
"""How many questions of a data set, and the forms that they are asked in by turns."""

MANNERS = ("", "Answer in one sentence.", "Be brief.")
"""What stands before a question, by turns: how to talk, never what to reply with."""

NEEDS_OPTIONS = re.compile(
    r"\b(following|these|statements?|which one|which of|best describes?)\b|_{2,}", re.I
)
LONGEST = 420
"""Characters of a question; longer ones cost more than they tell."""
CONTEXT = 70
"""Words of an abstract that are shown."""

HALVES = ("development", "held")
"""Of the verdicts, the half that rules may be made on and the half that only measures them."""


def drawn(limit: int | None = None, quick: bool = False) -> list[Question]:
    """The questions, always the same and in the same order; the data sets mixed, so that a part holds them all."""
    rng = random.Random(SEED)
    found = []
    for dataset, (count, forms) in MIX.items():
        items = _items(dataset, quick)
        for n, item in enumerate(rng.sample(sorted(items), len(items))):
            if len(found_here := [one for one in found if one.task == dataset]) == count:
                break
            form = forms[len(found_here) % len(forms)]
            manner = MANNERS[n % len(MANNERS)]
            if _fits(items[item], form):
                found.append(asked(dataset, item, items[item], form, manner))
    rng.shuffle(found)
    return found[:limit]


@cache
def _items(dataset: str, quick: bool = False) -> dict[str, dict[str, Any]]:
    """The rows of a data set by their ids."""
    if dataset == "world_facts":
        known = find("datasets", "world_facts")().questions()
        return {
            one.id: {"question": one.text, "gold": one.references[0], "names": one.references[1:]}
            for one in known
        }
    path = recorded_data(quick) / "qa" / f"{dataset}.parquet"
    return {str(row["item_id"]): row for row in parquet.read_table(path).to_pylist()}


def _fits(row: dict[str, Any], form: str) -> bool:
    long = len(row["question"]) > LONGEST or len(row.get("options") or "") > LONGEST
    return not long and not (form == "open" and NEEDS_OPTIONS.search(row["question"]))


def asked(dataset: str, item: str, row: dict[str, Any], form: str, manner: str = "") -> Question:
    """A row as a question in one of the forms, with all that a grader may know."""
    text, gold = str(row["question"]).strip(), str(row["gold"])
    options = [str(one) for one in json.loads(row.get("options") or "[]")]
    aliases = [
        str(one) for one in row.get("names") or json.loads(row.get("aliases") or "{}").get("correct", [])
    ]
    kind = {"gsm8k_test": "number", "truthfulqa": "long"}.get(dataset, "choice" if options else "text")
    if dataset in ("boolq_valid", "strategyqa"):
        text = text[0].upper() + text[1:].rstrip("?") + "?"
        if form == "truth":
            text += " True or false?"
        elif dataset == "boolq_valid":
            options, gold = ["Yes", "No"], {"True": "Yes", "False": "No"}[gold]
    if dataset == "pubmedqa_labelled":
        text = f"{' '.join(row['context'].split()[-CONTEXT:])}\n\n{text}"
    if form == "lettered":
        text += "\n" + "\n".join(f"{chr(65 + i)}) {option}" for i, option in enumerate(options))
    elif len(options) > 3:
        gold = options[ord(gold) - 65]
        if form == "listed":
            text += " Choose from: " + ", ".join(one.strip().rstrip(".") for one in options) + "."
    shown = f"{text} {manner}".strip() if form != "lettered" else f"{manner} {text}".strip()
    return Question(
        id=item,
        messages=(Message("user", shown),),
        task=dataset,
        references=(gold, *aliases),
        metadata={"kind": kind, "form": form, "manner": manner} | ({"options": options} if options else {}),
    )


async def ask_all(
    questions: list[Question], model: Any, name: str, file: Path, given: argparse.Namespace
) -> None:
    """Ask what the file does not hold yet, and add the replies to it."""
    kept = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    held = {(one["dataset"], one["item"], one["model"], one["sample"]) for one in kept}
    asker = Asker(model, concurrency=given.concurrency)
    done = 0

    async def one(question: Question, first: int, count: int) -> None:
        nonlocal done
        if (question.task, question.id, name, first) in held:
            return
        long = question.task == "gsm8k_test"
        ask = Ask(
            messages=question.messages, samples=count, temperature=float(first > 0), seed=first or None,
            max_tokens=200 if long else 80,
        )  # fmt: skip
        replies = await asker.ask(ask)
        with file.open("a") as out:
            for n, completion in enumerate(replies.completions):
                line = {
                    "dataset": question.task, "item": question.id, "form": question.metadata["form"],
                    "manner": question.metadata["manner"], "model": name, "sample": first + n, "reply": completion.text,
                }  # fmt: skip
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
        done += 1
        if not replies.completions or done % 20 == 0:
            print(f"{done} asked; {replies.reason or 'fine'}", file=sys.stderr, flush=True)

    await asyncio.gather(*(one(question, 0, 1) for question in questions))
    await asyncio.gather(*(one(question, 1, 3) for question in questions[: given.again]))
    await asker.close()


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict by hand and by the engine on one reply, or on two replies to one question; None cannot be told."""

    dataset: str
    kind: str
    form: str
    model: str
    half: str
    text: str
    verdict: bool
    said: bool | None


def question_of(line: dict[str, Any]) -> Question:
    """The question that a recorded line answers; its text is read from the data, never from the line."""
    return asked(
        line["dataset"], line["item"], _items(line["dataset"])[line["item"]], line["form"], line["manner"]
    )


def recorded(
    folder: Path, name: str, datasets: Iterable[str] = tuple(MIX)
) -> list[tuple[str, dict[str, Any]]]:
    """The lines of both halves, `replies` or `pairs`, that have a verdict, each with the name of its half."""
    files = [(half, folder / f"{name}-{half}.jsonl") for half in HALVES]
    lines = [
        (half, json.loads(text))
        for half, file in files
        if file.exists()
        for text in file.read_text().splitlines()
    ]
    return [
        (half, line) for half, line in lines if line["verdict"] is not None and line["dataset"] in datasets
    ]


def graded(half: str, line: dict[str, Any]) -> Judged:
    """A reply, graded by the engine."""
    question = question_of(line)
    said = calibrant.grade(
        question.text, line["reply"], question.references[0], kind=question.metadata["kind"],
        options=question.metadata.get("options"), aliases=question.references[1:] or None,
    )  # fmt: skip
    return _judged(half, line, question, line["reply"], None if said is None else said >= 0.5)


def compared_pair(half: str, line: dict[str, Any]) -> Judged:
    """Two replies, compared by the engine."""
    question = question_of(line)
    said = calibrant.same(
        line["first"], line["second"], question=question.text, kind=question.metadata["kind"],
        options=question.metadata.get("options"),
    )  # fmt: skip
    return _judged(half, line, question, f"{line['first']} <> {line['second']}", said)


def _judged(half: str, line: dict[str, Any], question: Question, text: str, said: bool | None) -> Judged:
    options = {one.lower() for one in question.metadata.get("options", ())}
    kind = "yes or no" if options & {"yes", "true"} else question.metadata["kind"]
    return Judged(line["dataset"], kind, line["form"], line["model"], half, text, bool(line["verdict"]), said)


def compared(folder: Path) -> str:
    """Both tables, as Markdown."""
    replies = [graded(*one) for one in recorded(folder, "replies")]
    pairs = [compared_pair(*one) for one in recorded(folder, "pairs")]
    return f"{_table('replies', replies)}\n\n{_table('pairs', pairs)}"


async def compared_by(model: Any, given: argparse.Namespace, datasets: Iterable[str] = tuple(MIX)) -> str:
    """Both tables, with a model that is asked what the texts do not tell; and what it read and wrote for that."""
    asker = Asker(model, concurrency=given.concurrency, call_log=given.calls)

    async def reply(half: str, line: dict[str, Any]) -> Judged:
        judged = graded(half, line)
        if judged.said is not None:
            return judged
        grade = await _asked_for(says_reference(question_of(line), line["reply"], "model"), asker)
        return replace(judged, said=None if grade is None else grade >= 0.5)

    async def pair(half: str, line: dict[str, Any]) -> Judged:
        judged = compared_pair(half, line)
        if judged.said is not None:
            return judged
        said = await _asked_for(told(question_of(line), [(line["first"], line["second"])], "model"), asker)
        return replace(judged, said=said and said[0])

    replies = await asyncio.gather(*(reply(*one) for one in recorded(given.file, "replies", datasets)))
    pairs = await asyncio.gather(*(pair(*one) for one in recorded(given.file, "pairs", datasets)))
    tokens = asker.spending.tokens
    await asker.close()
    return f"{_table('replies', replies)}\n\n{_table('pairs', pairs)}\n\n{tokens:,} tokens read and written"


async def _asked_for(steps: Any, asker: Asker) -> Any:
    """What a model is asked for; None where it cannot say."""
    try:
        return await ended(steps, asker)
    except NoScore:
        return None


def _table(name: str, judged: list[Judged]) -> str:
    lines = [f"| {name} | " + " | ".join(f"{half} | wrong | cannot tell" for half in HALVES) + " |"]
    lines.append("|---" * 7 + "|")
    lines.append(_line("all", judged))
    lines.append(_line("all but long answers", [one for one in judged if one.kind != "long"]))
    for part in (lambda one: one.kind, lambda one: one.form, lambda one: one.model, lambda one: one.dataset):
        for value in dict.fromkeys(sorted(part(one) for one in judged)):
            lines.append(_line(value, [one for one in judged if part(one) == value]))
    return "\n".join([*lines, "", *(_sentence(half, judged) for half in HALVES)])


def _sentence(half: str, judged: list[Judged]) -> str:
    """How many of a half are told wrongly, with a 95 % interval as if all were independent."""
    own = [one for one in judged if one.half == half]
    wrong, untold = faults(own)
    told = len(own) - untold
    low, high = (float(end[0]) for end in rate_interval(np.array([wrong]), np.array([float(told)])))
    return f"{half}: of {told} told {wrong} are wrong ({low:.1%} to {high:.1%}); {untold} of {len(own)} are not told."


def _line(name: str, judged: list[Judged]) -> str:
    cells = []
    for half in HALVES:
        own = [one for one in judged if one.half == half]
        wrong, open_ones = faults(own)
        told = len(own) - open_ones
        cells.append(f"{len(own)} | {_share(wrong, told)} | {_share(open_ones, len(own))}")
    return f"| {name} | " + " | ".join(cells) + " |"


def faults(judged: list[Judged]) -> tuple[int, int]:
    """How many are told wrongly, and how many not at all."""
    return (
        sum(one.said is not None and one.said != one.verdict for one in judged),
        sum(one.said is None for one in judged),
    )


def _share(count: int, of: int) -> str:
    return f"{count} ({count / of:.1%})" if of else "-"


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument(
        "--verdicts", action="store_true", help="compare with the verdicts in the folder FILE"
    )
    parser.add_argument("--model", help="the name to keep the replies under, and to ask the server for")
    parser.add_argument("--url", help="an OpenAI-compatible server")
    parser.add_argument("--gguf", help="a GGUF file, or embedded")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--again", type=int, default=100, help="questions that get three samples more")
    parser.add_argument("--calls", type=Path, help="file that keeps what the model is asked with --verdicts")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="all made up, then the verdicts on world_facts",
    )
    return parser


async def quickly(given: argparse.Namespace) -> None:
    """Ask a made-up model, and compare what can be compared without recorded data."""
    questions, folder = drawn(40, quick=True), Path(__file__).parents[1] / "tests" / "answers" / "recorded"
    model, given.again, given.file = made_model(questions), 5, folder
    with tempfile.TemporaryDirectory() as out:
        await ask_all(questions, model, model.name, Path(out) / "replies.jsonl", given)
        print(len((Path(out) / "replies.jsonl").read_text().splitlines()), "replies")
    print(await compared_by(model, given, ("world_facts",)))


async def main() -> None:
    """Ask, or print how grades compare with verdicts."""
    parser = options()
    given = parser.parse_args()
    if given.quick:
        await quickly(given)
        return
    if given.file is None:
        parser.error("name a file for the replies, or the folder of the verdicts")
    if given.verdicts and not (given.url or given.gguf):
        print(compared(given.file))
        return
    if given.url:
        model: Any = OpenAICompatible(given.url, given.model, timeout=3600)
    else:
        model = Embedded(None if given.gguf == "embedded" else given.gguf)
    if given.verdicts:
        print(await compared_by(model, given))
    else:
        await ask_all(drawn(given.limit), model, given.model or model.name, given.file, given)
    await model.close()


if __name__ == "__main__":
    asyncio.run(main())
