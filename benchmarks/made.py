"""Logs, questions and a model that are made up, for runs with `--quick`: the same columns as recorded ones, few rows.

What such a run prints says that the command works, and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from calibrant.models.scripted import Scripted
from calibrant.types import Ask, Completion, Question, Token, Usage

__all__ = ["made_model", "recorded", "recorded_or_none"]

LETTERS = "ABCD"


@dataclass(frozen=True)
class Made:
    """A log: its models, tasks, domains and signals, and how many items each task has."""

    models: Sequence[str]
    tasks: Sequence[str]
    domains: Sequence[str]
    signals: Sequence[str] = ("none",)
    items: int = 120


GPT, CHEAP = "gpt-4-32k-0613", "gpt-3.5-turbo-16k-0613"
LIFE = (
    "o3-2025-04-16", "gemini-2.5-flash", "gpt-4o", "claude-sonnet-4-20250514", "deepseek-r1", "gemini-2.5-pro",
    "claude-3-7-sonnet-20250219", "Meta-Llama-3.1-70B-Instruct", "deepseek-v3", "claude-3-haiku-20240307",
    "Meta-Llama-3.1-8B-Instruct",
)  # fmt: skip
MMLU_PRO = (
    "gpt-4.1-mini", "gemini-1.5-pro", "gpt-4o-2024-08-06", "Meta-Llama-3.1-405B-Instruct-Turbo", "Qwen2.5-32B-Instruct",
    "gpt-4.1-nano", "Meta-Llama-3.1-70B-Instruct-Turbo", "claude-3-5-haiku-20241022", "gpt-4o-mini-2024-07-18",
    "Mistral-Small-24B-Instruct-2501", "gemini-1.5-flash-8b", "gemma-2-9b-it", "Meta-Llama-3.1-8B-Instruct-Turbo",
    "claude-3-haiku-20240307",
)  # fmt: skip
LOGS: dict[str, Made] = {
    "lifeeval": Made(
        LIFE, ("boolq_valid", "halu_eval_qa", "sciq_test"), ("reading", "science"), ("verbalized", "p_true", "logprob")
    ),
    "linwei_mmlu_pro": Made(
        MMLU_PRO, ("mmlu_pro",), ("physics", "law"), ("verbalized", "logprob", "linguistic"), 600
    ),
    "bplaut_mcq": Made(
        ("Llama-7b", "Llama-70b", "gpt-4-turbo", "Mixtral"), ("arc", "mmlu", "winogrande"), ("knowledge", "science"),
        ("logprob",), 400,
    ),
    "frugalml_api2020": Made(
        ("GitHub(DeepSpeech)", "GitHub(Bixin)", "Google", "IBM", "Microsoft", "Baidu", "Amazon"),
        ("digit", "rafdb", "yelp", "waimai"), ("speech", "sentiment"), ("api_score",),
    ),
    "llmbar_judges": Made(
        ("GPT-4", "PaLM2", "ChatGPT"), ("adv_neighbor", "natural"), ("llm-judge",), ("consistency",), 70
    ),
    "mirage_medqa": Made(
        [f"{model}+{way}" for model in (GPT, CHEAP) for way in ("cot", "rag")], ("medqa", "mmlu"), ("medicine",),
        items=300,
    ),
    "llmdrift_2023": Made(
        [f"{model}-{day}" for model in ("gpt-4", "gpt-3.5-turbo") for day in ("0314", "0301", "0613")], ("prime",),
        ("math",), items=700,
    ),
    "routellm": Made(
        ("Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"), ("mmlu",), ("astronomy", "econometrics"), items=400
    ),
    "taubench_airline": Made(("gpt-4o",), ("airline_agent",), ("agent",), items=30),
}  # fmt: skip
"""Those that are read by name, with the models that are named."""

QUESTIONS = {
    "arc_easy": 4, "boolq_valid": 2, "commonsenseqa_dev": 5, "mmlu_validation": 4, "strategyqa": 2,
    "pubmedqa_labelled": 3, "gsm8k_test": 0, "truthfulqa": 0,
}  # fmt: skip
"""How many options each set of questions has."""


def recorded_or_none(quick: bool) -> Path | None:
    """The folder of recorded data that CALIBRANT_DATA names, None without; where it is to be quick, a made-up one."""
    if quick:
        return _folder()
    named = os.environ.get("CALIBRANT_DATA")
    return Path(named) if named else None


def recorded(quick: bool) -> Path:
    """The same for a run that measures nothing without."""
    found = recorded_or_none(quick)
    if found is None:
        sys.exit(
            "Expected CALIBRANT_DATA to name the folder of the recorded data; it is not set, and without there is "
            "nothing to measure. With --quick the run takes made-up data."
        )
    return found


@cache
def _folder() -> Path:
    """Filled once, and gone when the process ends."""
    _folder.kept = tempfile.TemporaryDirectory(prefix="calibrant-made-")  # type: ignore[attr-defined]
    folder = Path(_folder.kept.name)  # type: ignore[attr-defined]
    for part, tables in (
        ("logs", {name: _log(name, made) for name, made in LOGS.items()}),
        ("qa", _questions()),
    ):
        (folder / part).mkdir()
        for name, columns in tables.items():
            _write(columns, folder / part / f"{name}.parquet")
    return folder


def _write(columns: Mapping[str, Any], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(columns)), path)


def _log(name: str, made: Made) -> dict[str, Any]:
    """Items of which some are harder, models of which some know more, confidences that tell a part of it, boldly."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    shape = (len(made.tasks), len(made.models), made.items)
    hard = rng.normal(0.0, 1.2, (shape[0], 1, shape[2]))
    skill = np.linspace(1.6, 0.2, shape[1])[:, None]
    odds = skill - hard + rng.normal(0.0, 0.5, shape)
    right = rng.random(shape) < 1 / (1 + np.exp(-odds))
    gold = np.broadcast_to(rng.integers(0, 4, (shape[0], 1, shape[2])), shape)
    said = np.where(right, gold, (gold + rng.integers(1, 4, shape)) % 4)
    task, model, item = (place.ravel() for place in np.indices(shape))
    each = [_of_signal(name, signal, rng, odds.ravel(), said.ravel()) for signal in made.signals]
    domain = np.array(made.domains)[item % len(made.domains)]
    common = {
        "source": np.full(task.size, name), "task": np.array(made.tasks)[task], "domain": domain,
        "model": np.array(made.models)[model], "item_id": item.astype(str),
        "answer": np.array(list(LETTERS))[said.ravel()], "gold": np.array(list(LETTERS))[gold.ravel()],
        "correct": right.ravel().astype(np.int8), "cost": np.round(0.1 * (1 + model), 2),
    }  # fmt: skip
    rows = {column: np.tile(values, len(each)).tolist() for column, values in common.items()}
    for column in each[0]:
        rows[column] = [value for one in each for value in one[column]]
    rows["log_id"] = [
        "/".join(parts)
        for parts in zip(*(rows[one] for one in ("source", "task", "model", "signal")), strict=True)
    ]
    rows["weight"] = [1.0] * len(rows["task"])
    if name in ("mirage_medqa", "llmdrift_2023", "routellm", "taubench_airline"):
        rows["confidence"] = [None] * len(rows["task"])
    return _again(rows) if name == "taubench_airline" else rows


def _of_signal(
    name: str, signal: str, rng: np.random.Generator, odds: np.ndarray, said: np.ndarray
) -> dict[str, list[Any]]:
    """What is not the same for all signals of an answer."""
    told = 1 / (1 + np.exp(-(0.7 * odds + 0.8 + rng.normal(0.0, 0.8, odds.size))))
    if signal in ("verbalized", "linguistic"):
        told = np.round(told * 20) / 20
    samples: list[Any] = [None] * odds.size
    meta: list[Any] = [None] * odds.size
    if name == "llmbar_judges":
        agree = rng.random((odds.size, 16)) < told[:, None]
        votes = np.where(agree, said[:, None] % 2, 1 - said[:, None] % 2) + 1
        samples, told = votes.astype(str).tolist(), agree.mean(axis=1)
    if name == "lifeeval":  # a distribution over the options
        meta = [
            json.dumps({letter: float(p if i == at else (1 - p) / 3) for i, letter in enumerate(LETTERS)})
            for p, at in zip(told.round(4), said, strict=True)
        ]
    return {"signal": [signal] * odds.size, "confidence": told.tolist(), "samples": samples, "meta": meta}


def _again(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Four trials of each task of an agent, with the turns that they took."""
    rng, trials = np.random.default_rng(4), 4
    more = {name: [value for value in values for _ in range(trials)] for name, values in rows.items()}
    count = len(more["task"])
    chance = np.where(np.array(more["correct"]) == 1, 0.8, 0.2)
    more["correct"] = (rng.random(count) < chance).astype(int).tolist()
    turns = rng.integers(6, 40, count)
    more["meta"] = [json.dumps({"trial": i % trials, "turns": int(turn)}) for i, turn in enumerate(turns)]
    return more


def _questions() -> dict[str, dict[str, list[Any]]]:
    """Sums, asked in as many ways as there are sets of questions."""
    return {name: _asked(name, options) for name, options in QUESTIONS.items()}


def _asked(name: str, count: int, rows: int = 90) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {
        "dataset": [name] * rows, "item_id": [str(n) for n in range(rows)], "domain": ["sums"] * rows,
        "split": ["test"] * rows, "question": [], "context": [], "options": [], "gold": [], "aliases": [],
    }  # fmt: skip
    words = {
        "boolq_valid": ("True", "False"),
        "strategyqa": ("Yes", "No"),
        "pubmedqa_labelled": ("yes", "no", "maybe"),
    }
    for n in range(rows):
        total, off = 2 * n + 3, n % (count or 1)
        question = f"How much is {n} plus {n + 3}?"
        if named := words.get(name):
            question = f"Is {n} plus {n + 3} equal to {total if off == 0 else total + off}?"
        options = named or [str(total + place - off) for place in range(count)]
        found["question"].append(question)
        found["context"].append(f"Whoever adds {n} and {n + 3} comes to {total}. " * 8)
        found["options"].append(json.dumps(options) if options else None)
        found["gold"].append(named[off] if named else LETTERS[off : off + 1] or "E" if count else str(total))
        right = [f"The sum is {total}", f"{n} and {n + 3} make {total}", f"It comes to {total}"]
        wrong = [f"The sum is {total + 1}", f"Nobody can add {n} and {n + 3}"]
        found["aliases"].append(json.dumps({"correct": right, "incorrect": wrong}))
    return found


def made_model(questions: Sequence[Question] = (), name: str = "made up") -> Scripted:
    """A model that knows a part of these questions, and whose log-probabilities tell which.

    Asked how sure it is, whether something is true or whether two answers say the same, it says something that can be
    read. The same call gives the same answer.
    """
    return Scripted(_Speaker(questions), name=name, gives_logprobs=True)


class _Speaker:
    def __init__(self, questions: Sequence[Question] = ()) -> None:
        self.known = {one.messages[-1].content: one.references[0] for one in questions if one.references}
        self.others = sorted(set(self.known.values())) or ["42"]

    def __call__(self, ask: Ask) -> list[Completion]:
        asked = "\n".join(message.content for message in ask.messages)
        own = zlib.crc32(f"{asked}/{ask.seed}/{ask.temperature}".encode())
        draws = np.random.default_rng(own).random((ask.samples, 3))
        return [self._said(asked, ask, *one) for one in draws.tolist()]

    def _said(self, asked: str, ask: Ask, knows: float, sure: float, which: float) -> Completion:
        answer = self.known.get(ask.messages[-1].content) or next(
            (gold for text, gold in self.known.items() if text in asked), None
        )
        at_all = zlib.crc32((answer or asked).encode()) % 100 / 100
        right = knows < 0.25 + 0.6 * at_all
        said = _form(asked, sure) or (
            answer if right and answer else self.others[int(which * len(self.others))]
        )
        p = 0.35 + 0.6 * (0.7 * right + 0.3 * sure) if answer else 0.3 + 0.65 * sure
        tokens = tuple(
            Token(part, float(np.log(p)), ((part, float(np.log(p))), (_other(part), float(np.log(1 - p)))))
            for part in said.split(" ")
        )
        usage = Usage(len(asked) // 4, len(tokens))
        return Completion(text=said, model="made up", tokens=tokens, usage=usage)


def _form(asked: str, sure: float) -> str | None:
    """What fits a question about an answer; None where it is the question itself that is asked."""
    low = asked.rpartition("\n")[2].lower() + asked[-400:].lower()
    for words, said in FORMS:
        if any(word in low for word in words):
            return said(sure)
    return None


FORMS: tuple[tuple[tuple[str, ...], Callable[[float], str]], ...] = (
    (
        ("percent", "probability", "how sure", "how confident", "confidence"),
        lambda sure: f"{round(100 * sure)} %",
    ),
    (("true or false", "(a) true", "is the possible answer"), lambda sure: "True" if sure > 0.4 else "False"),
    (("same thing", "say the same", "same answer", "yes or no"), lambda sure: "Yes" if sure > 0.5 else "No"),
)


def _other(said: str) -> str:
    return {"True": "False", "False": "True", "Yes": "No", "No": "Yes", "A": "B", "B": "A"}.get(said, "else")
